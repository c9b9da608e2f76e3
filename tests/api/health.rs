//! Whether the service lives and can sell, and what it counts.

use crate::service::{COFFEE, House, RESTAURANT, Serving, wait_until};
use crate::wire::{Connection, Reply};

fn metrics(serving: &Serving, path: &str) -> Reply {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", serving.metrics);
    Connection::open(serving.metrics).ask(request.as_bytes())
}

#[tokio::test]
async fn a_service_without_partitions_for_the_months_ahead_lives_and_is_not_ready() {
    let house = House::open().await;
    let serving = house.serve();
    let (live, ready) = (serving.get_unsigned("/healthz"), serving.get_unsigned("/readyz"));
    assert_eq!(
        (live.status, live.text(), ready.status, ready.text()),
        (200, "ok\n".to_owned(), 200, "ready\n".to_owned())
    );
    // of one table, two months from now
    house
        .sql(
            "DO $$ BEGIN
                 EXECUTE format('DROP TABLE ledger.%I', to_char((now() AT TIME ZONE 'UTC') + interval '2 months', '\"transfer\"_YYYY_MM'));
             END $$",
        )
        .await;
    wait_until("the service says that it is not ready", || serving.get_unsigned("/readyz").status != 200);
    let reply = serving.get_unsigned("/readyz");
    reply.is_problem(503, "unavailable");
    assert!(!reply.text().contains("partition"), "what is wrong stands in the log alone: {}", reply.text());
    let id = reply.json()["request_id"].as_str().unwrap().to_owned();
    let written = serving.written();
    assert!(written.lines().any(|line| line.contains(&id) && line.contains("partitions for 1 months")), "{written}");
    assert_eq!(serving.get_unsigned("/healthz").status, 200);

    house.sql("SELECT ledger.make_partitions((now() + interval '3 months')::date)").await;
    wait_until("the service is ready again", || serving.get_unsigned("/readyz").status == 200);
}

#[tokio::test]
async fn metrics_are_read_at_their_own_address_and_name_nobody() {
    let house = House::open().await;
    let client = house.client(0, 900).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve();
    let lines = [(COFFEE, 1)];
    for _ in 0..5 {
        assert_eq!(serving.sell(&terminal, &card.tap(&terminal, &lines).sale()).status, 200);
    }
    let tap = card.tap(&terminal, &lines);
    serving.ask_sale(&terminal, tap.id).is_problem(404, "sale-unknown");
    for secret in ["/geheim-pad", "/api/v1/sales/geheim-pad", "/api/docs/geheim-pad"] {
        serving.get_unsigned(secret);
    }
    let reply = metrics(&serving, "/metrics");
    assert!(reply.header("content-type").unwrap().starts_with("text/plain"), "{:?}", reply.headers);
    let text = reply.text();
    for wanted in [
        "pasje_sales_total{outcome=\"approved\"} 3",
        "pasje_sales_total{outcome=\"insufficient_funds\"} 2",
        "pasje_http_requests_total{route=\"/api/v1/sales\",status=\"200\"} 5",
        "pasje_http_requests_total{route=\"/api/v1/sales/{id}\",status=\"404\"} 1",
        "pasje_http_request_seconds_bucket{route=\"/api/v1/sales\",le=\"10\"} 5",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let names = [
        card.id.to_string(),
        terminal.id.to_string(),
        tap.id.to_string(),
        client.name.clone(),
        "geheim-pad".to_owned(),
        "127.0.0.1".to_owned(),
    ];
    for name in names {
        assert!(!text.contains(&name) && !text.contains(&name.replace('-', "")), "{name}: {text}");
    }
    serving.get_unsigned("/metrics").is_problem(404, "not-found");
    for path in ["/", "/healthz", "/api/v1/catalogue", "/api/openapi.json"] {
        assert_eq!(metrics(&serving, path).status, 404, "{path}");
    }
}
