//! What is in the ledger stays as it is, whoever asks.

use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use pasje::db::statement::{Statement, statement};

use crate::fixture::{COFFEE, Restaurant};

/// The four tables and all their partitions.
async fn tables(conn: &mut AsyncPgConnection) -> Vec<String> {
    let query: Statement<diesel::sql_types::Text> = statement(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE n.nspname = 'ledger' AND c.relkind IN ('r', 'p') ORDER BY 1",
    );
    query.load(conn).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn update_delete_and_truncate_fail_on_parents_and_partitions_for_service_and_owner() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(1000, 1000).await;
    restaurant.sell(&client.tap(&[(COFFEE, 1)])).await;
    let hold = pasje::domain::hold::HoldRequest {
        id: crate::fixture::id(),
        wallet: client.wallet,
        amounts: vec![(pasje::domain::funding::PurseName::Budget, 10)],
        expires_at: None,
    };
    pasje::services::book::book(&restaurant.database, &hold).await.unwrap();
    let before = restaurant.rows().await;
    let mut owner = restaurant.owner().await;
    let tables = tables(&mut owner).await;
    assert!(tables.len() > 4 * 4, "{tables:?}");
    let mut service = restaurant.test.service().await;
    let mut refused_rows = 0;
    for table in &tables {
        let query = format!("SELECT count(*) FROM {table}");
        let rows: i64 = diesel::sql_query(query).get_result::<Count>(&mut owner).await.unwrap().count;
        for command in [
            format!("UPDATE {table} SET batch = batch + 1"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
            format!("TRUNCATE {table} CASCADE"),
        ] {
            let error = service.batch_execute(&command).await.unwrap_err().to_string();
            assert!(error.contains("permission denied"), "service, {command}: {error}");
            // A row trigger has nothing to refuse where there is no row.
            if rows > 0 || command.starts_with("TRUNCATE") {
                let error = owner.batch_execute(&command).await.unwrap_err().to_string();
                assert!(error.contains("never changed or removed"), "owner, {command}: {error}");
                refused_rows += usize::from(rows > 0);
            }
        }
    }
    // Each of the four tables held a row, in the parent's view and in a partition.
    assert!(refused_rows >= 4 * 2 * 4, "{refused_rows}");
    assert_eq!(restaurant.rows().await, before);
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

#[tokio::test(flavor = "multi_thread")]
async fn schemes_and_published_prices_are_never_edited() {
    let restaurant = Restaurant::open().await;
    let mut owner = restaurant.owner().await;
    for command in [
        "UPDATE scheme SET extras_from_budget = false",
        "DELETE FROM scheme WHERE id = 3",
        "UPDATE price SET price_cents = price_cents + 1",
        "DELETE FROM price",
        "UPDATE price_list SET version = version + 10",
        "UPDATE price_list SET superseded_at = now() WHERE superseded_at IS NOT NULL",
        "DELETE FROM price_list",
    ] {
        let error = owner.batch_execute(command).await.unwrap_err().to_string();
        assert!(error.contains("never changed"), "{command}: {error}");
    }
    owner.batch_execute("UPDATE price_list SET superseded_at = now() WHERE superseded_at IS NULL").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_made_by_the_service_but_not_without_bound() {
    let restaurant = Restaurant::open().await;
    let mut service = restaurant.test.service().await;
    service.batch_execute("SELECT ledger.make_partitions((now() + interval '5 months')::date)").await.unwrap();
    let ahead = restaurant
        .number("SELECT (extract(year FROM age(ledger.partitions_until(), date_trunc('month', now()))) * 12 + extract(month FROM age(ledger.partitions_until(), date_trunc('month', now()))))::bigint")
        .await;
    assert_eq!(ahead, 5);
    for until in ["(now() + interval '30 months')::date", "NULL"] {
        let error = service.batch_execute(&format!("SELECT ledger.make_partitions({until})")).await.unwrap_err();
        assert!(error.to_string().contains("at most 24 months"), "{error}");
    }
    let error = service.batch_execute("SELECT ledger.make_month('2030-01-01')").await.unwrap_err();
    assert!(error.to_string().contains("permission denied"), "{error}");
}
