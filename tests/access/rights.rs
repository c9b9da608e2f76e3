//! What the service's login cannot do, whatever the program has become.

use std::collections::BTreeSet;

use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use pasje::db::migrate::TABLE_RIGHTS;
use pasje::db::partitions::make_partitions;

use crate::support::TestDatabase;

#[derive(diesel::QueryableByName)]
struct Named {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
}

async fn denied(connection: &mut AsyncPgConnection, sql: &str) {
    let error = connection.batch_execute(sql).await.expect_err(sql).to_string();
    assert!(error.contains("permission denied") || error.contains("must be owner"), "{sql}: {error}");
}

#[tokio::test]
async fn the_service_cannot_change_what_is_booked() {
    let database = TestDatabase::new().await;
    let mut service = database.service().await;
    let month = chrono::Utc::now().format("_%Y_%m");
    let tables = TABLE_RIGHTS.iter().map(|(table, _)| *table).filter(|table| table.starts_with("ledger."));
    for table in tables {
        let partition = format!("{table}{month}");
        for table in [table, partition.as_str()] {
            denied(&mut service, &format!("UPDATE {table} SET batch = batch")).await;
            denied(&mut service, &format!("DELETE FROM {table}")).await;
            denied(&mut service, &format!("TRUNCATE {table}")).await;
            denied(&mut service, &format!("ALTER TABLE {table} DISABLE TRIGGER ALL")).await;
            denied(&mut service, &format!("DROP TABLE {table}")).await;
        }
        denied(&mut service, &format!("INSERT INTO {partition} SELECT * FROM {table}")).await;
    }
    denied(&mut service, "CREATE TABLE ledger.mine (id integer)").await;
    denied(&mut service, "CREATE TABLE public.mine (id integer)").await;
    denied(&mut service, "CREATE SCHEMA mine").await;
    denied(&mut service, "SELECT ledger.make_month('2030-01-01')").await;
    denied(&mut service, "SELECT setval('ledger.batch', 1)").await;
    denied(&mut service, "SET session_replication_role = replica").await;
    denied(&mut service, "SET ROLE pasje_owner").await;
}

#[tokio::test]
async fn the_service_deletes_and_empties_nothing() {
    let database = TestDatabase::new().await;
    let mut service = database.service().await;
    for (table, rights) in TABLE_RIGHTS {
        denied(&mut service, &format!("DELETE FROM {table}")).await;
        denied(&mut service, &format!("TRUNCATE {table}")).await;
        // What may be changed is what the list says, column by column, and nothing else.
        let query = format!(
            "SELECT attname::text AS name FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 \
             AND NOT attisdropped AND has_column_privilege(current_user, attrelid, attnum, 'UPDATE')"
        );
        let found: BTreeSet<String> = diesel::sql_query(query)
            .load::<Named>(&mut service)
            .await
            .unwrap()
            .into_iter()
            .map(|row| row.name)
            .collect();
        let listed: BTreeSet<String> = rights
            .split(", ")
            .filter_map(|right| right.strip_prefix("UPDATE (")?.strip_suffix(')').map(str::to_owned))
            .collect();
        assert_eq!(found, listed, "{table}");
    }
    denied(&mut service, "UPDATE price_list SET version = 2").await;
    service.batch_execute("UPDATE price_list SET superseded_at = now()").await.unwrap();
}

#[tokio::test]
async fn the_service_makes_partitions_ahead_but_not_for_ever() {
    let database = TestDatabase::new().await;
    let mut service = database.service().await;
    assert_eq!(make_partitions(&mut service).await.unwrap(), 0, "the migration has made them");
    service.batch_execute("SELECT ledger.make_partitions((now() + interval '5 months')::date)").await.unwrap();
    let far = "SELECT ledger.make_partitions((now() + interval '30 months')::date)";
    assert!(service.batch_execute(far).await.unwrap_err().to_string().contains("24 months"));
}
