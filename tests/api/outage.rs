//! The database goes away, or holds still: what a terminal is told, and that it can simply ask again.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use serde_json::json;
use uuid::Uuid;

use crate::service::{COFFEE, House, RESTAURANT, wait_until};
use crate::wire::Connection;

#[tokio::test]
async fn without_its_database_the_service_says_so_and_sells_again_when_it_is_back() {
    let house = House::open().await;
    let client = house.client(0, 1000).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve();
    let lines = [(COFFEE, 1)];
    let sold = card.tap(&terminal, &lines);
    let first = serving.sell(&terminal, &sold.sale());
    assert_eq!(first.decided()["outcome"], "approved");
    let before = house.books().await;

    let name = house.test.name.clone();
    let elsewhere = house.test.superuser_url.secret().replace(&name, "postgres").parse().unwrap();
    let mut postgres = pasje::db::connect::establish(&elsewhere).await.unwrap();
    let away = format!(
        "ALTER DATABASE {name} ALLOW_CONNECTIONS false;
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    );
    postgres.batch_execute(&away).await.unwrap();
    let tap = card.tap(&terminal, &lines);
    let refund = json!({"id": Uuid::now_v7(), "lines": [{"line": 0, "quantity": 1}]});
    let refunds = format!("/api/v1/sales/{}/refunds", sold.id);
    wait_until("the service says that it is not ready", || serving.get_unsigned("/readyz").status != 200);
    for reply in [
        serving.get_unsigned("/readyz"),
        serving.sell(&terminal, &tap.sale()),
        serving.ask_sale(&terminal, sold.id),
        serving.post(&terminal, &refunds, &refund),
        serving.get(&terminal, "/api/v1/catalogue"),
        serving.get(&terminal, "/api/v1/price-list"),
        serving.get(&terminal, "/api/v1/hotlist"),
    ] {
        reply.is_problem(503, "unavailable");
        assert_eq!(reply.header("retry-after"), Some("1"));
        // what happened stands in the log, under the id that was answered
        for told in ["PostgreSQL", "database", "connection", &name] {
            assert!(!reply.text().contains(told), "{}", reply.text());
        }
        let id = reply.json()["request_id"].as_str().unwrap().to_owned();
        assert!(serving.written().contains(&id), "{id}: {}", serving.written());
    }
    assert_eq!(serving.get_unsigned("/healthz").status, 200);

    postgres.batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).await.unwrap();
    wait_until("the service is ready again", || serving.get_unsigned("/readyz").status == 200);
    assert_eq!(house.books().await, before);
    assert_eq!(serving.ask_sale(&terminal, sold.id).text(), first.text());
    assert_eq!(serving.sell(&terminal, &tap.sale()).decided()["outcome"], "approved");
    assert_eq!(serving.post(&terminal, &refunds, &refund).decided()["outcome"], "booked");
    assert_eq!(house.purses(&client).await, [0, 750]);
    house.verify().await;
}

#[tokio::test]
async fn a_sale_that_waits_too_long_has_an_unknown_outcome_which_can_be_asked_for() {
    let house = House::open().await;
    let client = house.client(0, 1000).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve();
    let tap = card.tap(&terminal, &[(COFFEE, 1)]);
    let mut holder = house.test.owner().await;
    holder.batch_execute("BEGIN; SELECT FROM wallet FOR UPDATE").await.unwrap();
    let mut connection = Connection::open(serving.address);
    connection.ask(&serving.posting(&terminal, "/api/v1/sales", &tap.sale())).is_problem(504, "outcome-unknown");
    holder.batch_execute("ROLLBACK").await.unwrap();
    wait_until("the sale is booked", || {
        std::thread::sleep(Duration::from_millis(50));
        serving.ask_sale(&terminal, tap.id).status == 200
    });
    let answer = serving.ask_sale(&terminal, tap.id);
    assert_eq!(answer.decided()["outcome"], "approved");
    assert_eq!(serving.sell(&terminal, &tap.sale()).text(), answer.text());
    assert_eq!(house.purses(&client).await, [0, 750]);
    house.verify().await;
}
