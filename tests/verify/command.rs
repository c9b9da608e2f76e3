//! `pasje verify` as an operator runs it: with a server named in the environment, on a stopped cluster and a running one.

use std::process::Output;

use diesel_async::SimpleAsyncConnection;

use crate::history::History;
use crate::program::{Scratch, Service, pasje, psql, stderr, stdout};
use crate::support::TestDatabase;

async fn verify_external(database: &TestDatabase) -> Output {
    let url = database.service_url.secret().to_owned();
    let scratch = Scratch::new();
    let run = move || pasje(&scratch.data()).arg("verify").env("DATABASE_URL", url).output().unwrap();
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test]
async fn a_server_named_in_the_environment_is_verified_and_a_wrong_row_ends_with_1() {
    let database = TestDatabase::new().await;
    let names = History::write(database.service().await).await;
    let fits = verify_external(&database).await;
    assert_eq!(fits.status.code(), Some(0), "{}", stderr(&fits));
    let said = stdout(&fits);
    assert!(
        said.contains("ok      purses") && said.contains("5 wallets in") && said.contains("everything fits"),
        "{said}"
    );

    let plant = format!("UPDATE wallet SET budget = budget + 1 WHERE id = {}", names["w1"]);
    database.superuser().await.batch_execute(&plant).await.unwrap();
    let found = verify_external(&database).await;
    assert_eq!(found.status.code(), Some(1));
    let said = stdout(&found);
    assert!(said.contains("FAILED  purses") && said.contains(&names["w1.budget.EUR"]), "{said}");
    assert!(said.contains("1 of ") && !said.contains("everything fits"), "{said}");
}

#[tokio::test]
async fn a_login_with_too_many_rights_is_reported_and_everything_else_verified() {
    let database = TestDatabase::new().await;
    let grant = "GRANT UPDATE ON ledger.transfer TO pasje_service";
    database.superuser().await.batch_execute(grant).await.unwrap();
    let found = verify_external(&database).await;
    assert_eq!(found.status.code(), Some(1));
    let said = stdout(&found);
    assert!(said.contains("FAILED  rights") && said.contains("ok      payouts"), "{said}");
}

#[test]
fn a_stopped_cluster_is_started_verified_and_stopped_and_a_running_one_left_running() {
    let scratch = Scratch::new();
    let data = scratch.data();
    psql(&data, "INSERT INTO organisation (id, name) VALUES (7, 'De Linde')");
    let stopped = pasje(&data).arg("verify").output().unwrap();
    assert_eq!(stopped.status.code(), Some(0), "{}", stderr(&stopped));
    assert!(stdout(&stopped).contains("everything fits"));
    assert!(!data.join("database.env").exists(), "the database that verify started is stopped");

    let service = Service::start(&data);
    let running = pasje(&data).arg("verify").output().unwrap();
    assert_eq!(running.status.code(), Some(0), "{}", stderr(&running));
    assert!(data.join("database.env").exists());
    service.terminate();
}

#[test]
fn a_database_that_is_not_migrated_is_told_so() {
    let scratch = Scratch::new();
    let unmigrated = pasje(&scratch.data()).arg("verify").output().unwrap();
    assert_eq!(unmigrated.status.code(), Some(1));
    assert!(stderr(&unmigrated).contains("pasje migrate"), "{}", stderr(&unmigrated));
}
