//! `pasje verify` finds nothing in a history that holds together, and finds and names each sort of wrong row.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod history;
#[path = "../support/mod.rs"]
mod support;

use pasje::services::verify::verify;

use history::History;
use support::TestDatabase;

#[tokio::test]
async fn a_history_that_holds_together_has_no_findings() {
    let database = TestDatabase::new().await;
    History::write(database.service().await).await;
    let report = verify(&mut database.service().await, |_| {}).await.unwrap();
    for check in report.failed() {
        eprintln!("{}: {}", check.name, check.finding.as_deref().unwrap());
    }
    assert!(report.holds());
}
