//! A server named in the environment: each thing that can be wrong with it is said, with what to do.

use std::process::Command;

use diesel_async::SimpleAsyncConnection;
use pasje::db::connect::{ConnectError, Database};
use pasje::db::url::DatabaseUrl;

use crate::program::{Scratch, Service, pasje, stderr, stdout};
use crate::support::TestDatabase;

async fn refusal(url: &DatabaseUrl) -> ConnectError {
    Database::connect(url, 1).await.unwrap_err()
}

fn tcp(database: &TestDatabase, login: &str) -> String {
    let environment: std::collections::HashMap<_, _> = database.service_url.libpq_environment().into_iter().collect();
    format!("postgresql://{login}@127.0.0.1:{}/{}", environment["PGPORT"], environment["PGDATABASE"])
}

/// What `pasje serve` says on standard error when it cannot.
fn serve(url: &str) -> String {
    let scratch = Scratch::new();
    let output = pasje(&scratch.data()).arg("serve").env("DATABASE_URL", url).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!scratch.data().exists(), "no cluster is made beside the server that was named");
    let said = stderr(&output);
    assert!(said.starts_with("pasje: "), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    said
}

#[test]
fn an_unreachable_server_is_said() {
    let said = serve("postgresql://pasje_service:hunter2@127.0.0.1:1/pasje");
    assert!(said.contains("no PostgreSQL answers for database pasje on 127.0.0.1 port 1"), "{said}");
    assert!(said.contains("Connection refused"), "{said}");
    let said = serve("postgresql://pasje_service:hunter2@no-such-host.invalid/pasje");
    assert!(said.contains("no PostgreSQL answers"), "{said}");
}

#[test]
fn an_address_that_cannot_be_used_is_said() {
    for (url, expected) in [
        ("postgresql://ann:hunter2@127.0.0.1/pasje?sslmode=require", "asks for TLS"),
        ("postgresql://ann:hunter2@127.0.0.1:many/pasje", "not valid"),
        ("hunter2", "not valid"),
    ] {
        let said = serve(url);
        assert!(said.contains("DATABASE_URL") && said.contains(expected), "{said}");
    }
}

#[tokio::test]
async fn a_wrong_password_or_database_is_refused_without_showing_the_password() {
    let database = TestDatabase::new().await;
    let said = serve(&tcp(&database, "pasje_service:hunter2"));
    assert!(said.contains("PostgreSQL refuses") && said.contains("password authentication failed"), "{said}");
    let elsewhere = database.service_url.secret().replace(&database.name, "no_such_database");
    let said = serve(&elsewhere);
    assert!(said.contains("PostgreSQL refuses") && said.contains("does not exist"), "{said}");
}

#[tokio::test]
async fn pending_migrations_are_said_with_the_command_that_runs_them() {
    let database = TestDatabase::empty().await;
    let said = serve(database.service_url.secret());
    assert!(said.contains("migrations are pending") && said.contains("pasje migrate"), "{said}");

    // a database of an older program: the last migration is missing
    let database = TestDatabase::new().await;
    let last = pasje::db::migrate::versions().unwrap().pop().unwrap();
    let forget = format!("DELETE FROM __diesel_schema_migrations WHERE version = '{last}'");
    database.owner().await.batch_execute(&forget).await.unwrap();
    match refusal(&database.service_url).await {
        ConnectError::MigrationsPending { versions } => assert_eq!(versions, [last]),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_login_that_could_change_the_ledger_is_refused() {
    let database = TestDatabase::new().await;
    let error = refusal(&database.owner_url).await;
    assert!(matches!(error, ConnectError::Owner { .. }), "{error}");
    assert!(error.to_string().contains("DATABASE_OWNER_URL"));
    let error = refusal(&database.superuser_url).await;
    assert!(matches!(error, ConnectError::Superuser { .. }), "{error}");
    database.owner().await.batch_execute("GRANT DELETE ON ledger.operation TO pasje_service").await.unwrap();
    let error = refusal(&database.service_url).await;
    assert!(error.to_string().contains("DELETE on ledger.operation"), "{error}");
}

#[tokio::test]
async fn missing_rights_are_each_named() {
    for (revoke, expected) in [
        ("REVOKE USAGE ON SCHEMA ledger FROM pasje_service", "USAGE on schema ledger"),
        ("REVOKE INSERT ON ledger.transfer FROM pasje_service", "INSERT on ledger.transfer"),
        ("REVOKE UPDATE (buyer) ON wallet FROM pasje_service", "UPDATE (buyer) on public.wallet"),
        (
            "REVOKE UPDATE (superseded_at) ON price_list FROM pasje_service",
            "UPDATE (superseded_at) on public.price_list",
        ),
        ("REVOKE ALL ON SEQUENCE wallet_number FROM pasje_service", "USAGE on public.wallet_number"),
        ("REVOKE ALL ON FUNCTION ledger.make_partitions FROM pasje_service", "EXECUTE on ledger.make_partitions"),
        ("REVOKE ALL ON __diesel_schema_migrations FROM pasje_service", "SELECT on public.__diesel_schema_migrations"),
    ] {
        let database = TestDatabase::new().await;
        database.owner().await.batch_execute(revoke).await.unwrap();
        let error = refusal(&database.service_url).await;
        assert!(matches!(error, ConnectError::MissingRights { .. }), "{revoke}: {error}");
        let said = error.to_string();
        assert!(said.contains(&format!("({expected})")) && said.contains("pasje migrate"), "{revoke}: {said}");
    }
}

#[tokio::test]
async fn a_server_is_migrated_and_served_with_two_logins() {
    let database = TestDatabase::empty().await;
    let scratch = Scratch::new();
    let with = |mut command: Command, owner: bool| {
        command.env("DATABASE_URL", database.service_url.secret());
        if owner {
            command.env("DATABASE_OWNER_URL", database.owner_url.secret());
        }
        command
    };
    let half = with(pasje(&scratch.data()), false).arg("migrate").output().unwrap();
    assert_eq!(half.status.code(), Some(1));
    assert!(stderr(&half).contains("DATABASE_OWNER_URL is not"), "{}", stderr(&half));

    let first = with(pasje(&scratch.data()), true).arg("migrate").output().unwrap();
    assert!(first.status.success() && stdout(&first).contains("ran "), "{}", stderr(&first));
    let again = with(pasje(&scratch.data()), true).arg("migrate").output().unwrap();
    assert!(again.status.success() && stdout(&again).contains("up to date"), "{}", stderr(&again));

    let service = Service::start_as(with(pasje(&scratch.data()), false), &scratch.data());
    assert!(service.ready.contains(&database.name), "{}", service.ready);
    assert_eq!(service.terminate(), "pasje stopped\n");
    // its keys alone: no cluster of its own
    let made: Vec<_> = std::fs::read_dir(scratch.data()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(made.iter().all(|name| name.to_str().unwrap().starts_with("keys.")), "{made:?}");
}

#[test]
fn the_owner_alone_is_not_enough() {
    let scratch = Scratch::new();
    let url = "postgresql://pasje_owner:hunter2@127.0.0.1/pasje";
    let output = pasje(&scratch.data()).arg("migrate").env("DATABASE_OWNER_URL", url).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("set both") && !stderr(&output).contains("hunter2"), "{}", stderr(&output));
}
