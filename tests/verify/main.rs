//! `pasje verify` finds nothing in a history that holds together, and finds and names each sort of wrong row.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod command;
mod history;
#[path = "../months/house.rs"]
mod house;
mod months;
mod planted;
#[allow(dead_code)] // this test program uses a part
#[path = "../access/program.rs"]
mod program;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use pasje::services::verify::{Report, verify, verify_in};

use history::History;
use support::TestDatabase;

#[tokio::test]
async fn a_history_that_holds_together_has_no_findings() {
    let database = TestDatabase::new().await;
    History::write(database.service().await).await;
    let mut heard = Vec::new();
    let report = verify(&mut database.service().await, |check| heard.push(check.name)).await.unwrap();
    assert_eq!(findings(&report), BTreeMap::new());
    assert_eq!(heard, report.checks.iter().map(|check| check.name).collect::<Vec<_>>());
    assert!(report.holds() && report.operations > 50 && report.lines > 30 && report.transfers > 60);
    assert_eq!(report.wallets, 5);
}

#[tokio::test]
async fn verify_waits_for_nobody_and_sees_nothing_half_done() {
    let database = TestDatabase::new().await;
    let names = History::write(database.service().await).await;
    let mut booking = database.service().await;
    let half_done = format!(
        "BEGIN; SELECT ledger.begin_batch(); SELECT id FROM wallet ORDER BY id FOR UPDATE; \
         SELECT id FROM card ORDER BY id FOR UPDATE; UPDATE wallet SET budget = budget + 1 WHERE id = {}",
        names["w1"]
    );
    booking.batch_execute(&half_done).await.unwrap();
    let report = verify(&mut database.service().await, |_| {}).await.unwrap();
    assert_eq!(findings(&report), BTreeMap::new());
    booking.batch_execute("ROLLBACK").await.unwrap();
}

/// What somebody did to the database behind the program's back, and what verify says of it.
pub struct Planted {
    /// SQL as the superuser, with triggers off; `{name}` stands for an id or an account of the history.
    pub sql: &'static str,
    /// Exactly these checks find something.
    pub found_by: &'static [&'static str],
    /// What the first of them names: a `{name}`, or words.
    pub names: &'static str,
}

fn findings(report: &Report) -> BTreeMap<&'static str, String> {
    report.failed().map(|check| (check.name, check.finding.clone().unwrap())).collect()
}

fn filled_in(text: &str, names: &BTreeMap<String, String>) -> String {
    let text = names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value));
    assert!(!text.contains('{'), "a name that the history does not have: {text}");
    text
}

/// In a transaction that is rolled back, and verified as the service's login.
async fn with_planted(conn: &mut AsyncPgConnection, sql: &str) -> Report {
    let plant = format!("BEGIN; SET LOCAL session_replication_role = replica; {sql}");
    conn.batch_execute(&plant).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    conn.batch_execute("SET LOCAL session_replication_role = origin; SET LOCAL ROLE pasje_service").await.unwrap();
    let report = verify_in(conn, |_| {}).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    conn.batch_execute("ROLLBACK").await.unwrap();
    report
}

/// Plants each wrong row by itself and tells of every one that is not found, or not found so.
async fn check(table: &[Planted]) {
    let database = TestDatabase::new().await;
    let names = History::write(database.service().await).await;
    check_in(&database, names, table).await;
}

async fn check_in(database: &TestDatabase, mut names: BTreeMap<String, String>, table: &[Planted]) {
    names.insert("nobody".to_owned(), uuid::Uuid::now_v7().to_string());
    let mut conn = database.superuser().await;
    let mut wrong = Vec::new();
    for planted in table {
        let report = with_planted(&mut conn, &filled_in(planted.sql, &names)).await;
        let found = findings(&report);
        let expected = filled_in(planted.names, &names);
        let mut found_by = planted.found_by.to_vec();
        found_by.sort_unstable();
        let named =
            planted.found_by.first().and_then(|name| found.get(name)).is_some_and(|what| what.contains(&expected));
        if found.keys().copied().ne(found_by) || !named {
            wrong.push(format!(
                "{}\n  expected {:?} naming {expected}\n  found {found:#?}",
                planted.sql, planted.found_by
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n\n"));
}

macro_rules! planted_tests {
    ($($test:ident: $table:path,)+) => {$(
        #[tokio::test]
        async fn $test() {
            check($table).await;
        }
    )+};
}

planted_tests! {
    what_protects_the_tables_is_looked_at: planted::tables::PROTECTION,
    a_wrong_header_or_a_row_without_one_is_named: planted::tables::HEADERS,
    a_wrong_transfer_is_named: planted::money::TRANSFERS,
    a_wrong_purse_hold_or_buffer_is_named: planted::money::STATE,
    a_wrong_line_or_leg_of_a_sale_is_named: planted::sales::SALES,
    a_wrong_refund_or_void_is_named: planted::sales::REFUNDS,
    a_wrong_grant_exchange_or_top_up_is_named: planted::office::FUNDING,
    a_wrong_counter_of_a_card_is_named: planted::cards::CARDS,
    a_wrong_hold_of_a_card_is_named: planted::cards::CARD_HOLDS,
    a_wrong_script_to_a_card_is_named: planted::cards::CARD_SCRIPTS,
    a_wrong_payout_is_named: planted::office::PAYOUTS,
    a_wrong_journal_or_review_is_named: planted::forwards::FORWARDS,
    an_attempt_that_was_not_undone_with_its_forward_is_named: planted::forwards::ATTEMPTS,
    a_wrong_settlement_is_named: planted::forwards::SETTLEMENTS,
}

#[tokio::test]
async fn a_wrong_month_is_named() {
    let (house, names) = months::lived().await;
    house.verify().await;
    check_in(&house.test, names, planted::months::MONTHS).await;
}

/// A check without a planted row is a check that nobody has seen to fail.
#[tokio::test]
async fn each_check_has_been_seen_to_fail() {
    let database = TestDatabase::new().await;
    let report = verify(&mut database.service().await, |_| {}).await.unwrap();
    let seen: std::collections::BTreeSet<_> =
        planted::ALL.iter().flat_map(|table| table.iter()).flat_map(|planted| planted.found_by).collect();
    for check in &report.checks {
        assert!(seen.contains(&check.name), "{} is never seen to fail", check.name);
    }
}
