//! How much of forwarding there is room for: of journals that do not fit, of terminals that were revoked, and of many
//! terminals that come back at once.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::card::Terminal;
use crate::forwards_killed::wait_for;
use crate::journal::{Journal, offline};
use crate::service::{COFFEE, House, RESTAURANT};
use crate::wire::Connection;

/// Records that a terminal with a known sequence 1 has never sent, from the first sequence on.
fn other_journal(words: &str, sequences: std::ops::RangeInclusive<usize>) -> Vec<Value> {
    let mut journal = Journal::default();
    for sequence in 1..=*sequences.end() {
        journal.write(&format!("{words} {sequence}"));
    }
    journal.records.drain(sequences.start() - 1..).collect()
}

#[tokio::test]
async fn of_a_journal_that_does_not_fit_all_that_comes_is_kept_for_a_human_up_to_a_bound() {
    let house = House::open().await;
    let (terminal, beside) = (house.terminal(RESTAURANT), house.terminal(RESTAURANT));
    let serving = house.serve();
    let mut journal = Journal::default();
    journal.write("no sale");
    for at in [&terminal, &beside] {
        journal.deliver(&serving, at, 1..=1);
    }
    let kept = || async {
        let sql = "SELECT coalesce(string_agg(n::text, ' ' ORDER BY n), '') \
                   FROM (SELECT count(*) AS n FROM review WHERE why = 10 GROUP BY terminal) AS c";
        house.text(sql).await
    };
    let first = other_journal("another", 1..=1).remove(0);
    let conflict = |at: &Terminal, records: &[Value]| {
        let records = [std::slice::from_ref(&first), records].concat();
        let body = json!({"id": Uuid::now_v7(), "records": records});
        serving.forward(at, &body).is_problem(409, "journal-conflict");
    };
    // what does not fit is handed over in as many requests as it takes, again and again
    let mut sent = 1;
    for from in (2..=492).step_by(49) {
        let records = other_journal("another", from..=from + 48);
        (0..2).for_each(|_| conflict(&terminal, &records));
        sent += records.len();
        assert_eq!(kept().await, sent.to_string());
    }
    assert!(sent >= 500, "{sent}");
    let bytes = "SELECT string_agg(convert_from(record, 'UTF8'), '|' ORDER BY sequence) FROM review WHERE why = 10";
    let wanted: Vec<String> = (1..=sent).map(|sequence| format!("another {sequence}")).collect();
    assert_eq!(house.text(bytes).await, wanted.join("|"));
    // one that makes them without end is heard no more; others are
    conflict(&terminal, &other_journal("another", sent + 1..=sent + 49));
    assert_eq!(kept().await, sent.to_string());
    conflict(&beside, &other_journal("another", 2..=3));
    assert_eq!(kept().await, format!("3 {sent}"));
    house.verify().await;
}

#[tokio::test]
async fn a_terminal_that_was_revoked_delivers_what_it_may_have_made_offline_since_and_no_more() {
    let house = House::open().await;
    let (terminal, other) = (house.terminal(RESTAURANT), house.terminal(RESTAURANT));
    let serving = house.serve();
    house.sql("UPDATE location SET offline_terminal_records = 3").await;
    let mut journal = Journal::default();
    for number in 0..9 {
        journal.write(&format!("no sale {number}"));
    }
    let stored = |at: &Terminal, sequences: std::ops::RangeInclusive<i64>| {
        serving.forward(at, &journal.body(sequences)).decided()["stored_to"].clone()
    };
    let refused = |sequences: std::ops::RangeInclusive<i64>| {
        serving.forward(&terminal, &journal.body(sequences)).is_problem(401, "terminal-revoked");
    };
    // one that was not has no bound
    assert_eq!(stored(&other, 1..=9), 9);
    assert_eq!(stored(&terminal, 1..=4), 4);
    house.run(&["terminal", "revoke", &terminal.id.to_string()]);
    // 4 that were there, and 3 more: all of a request or nothing
    refused(5..=8);
    assert_eq!(stored(&terminal, 5..=6), 6);
    refused(7..=8);
    assert_eq!(stored(&terminal, 7..=7), 7);
    refused(8..=8);
    // revoked again, it may not begin again; what is stored is answered all the same
    house.run(&["terminal", "revoke", &terminal.id.to_string()]);
    refused(8..=8);
    assert_eq!(stored(&terminal, 1..=7), 7);
    house.verify().await;
}

/// More than the service has connections.
const CROWD: usize = 24;

#[tokio::test]
async fn many_terminals_that_come_back_at_once_are_stored_and_a_sale_meanwhile_has_its_answer() {
    let house = House::open().await;
    let client = house.client(0, 100_000).await;
    let (till, card) = (house.terminal(RESTAURANT), house.card(&client));
    let crowd: Vec<Terminal> = (0..CROWD).map(|_| house.terminal(RESTAURANT)).collect();
    let serving = house.serve();
    let lines = [(COFFEE, 1)];
    // nobody's records can be stored for now
    let mut holder = house.test.owner().await;
    holder.batch_execute("BEGIN; SELECT FROM terminal FOR UPDATE").await.unwrap();
    let deliveries: Vec<_> = crowd
        .iter()
        .map(|terminal| {
            let mut journal = Journal::default();
            journal.sell(&offline(&card, terminal, &lines));
            let bytes = serving.posting(terminal, "/api/v1/forwards", &journal.body(1..=1));
            let address = serving.address;
            std::thread::spawn(move || Connection::open(address).ask(&bytes).decided())
        })
        .collect();
    let waiting = "SELECT (count(*) > 0)::text FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database \
                   WHERE l.locktype = 'tuple' AND d.datname = current_database()";
    wait_for(&house, waiting, "true").await;
    // the others come too; if they do not yet, the sale has it easier
    tokio::time::sleep(Duration::from_millis(700)).await;
    let sold = serving.sell(&till, &card.tap(&till, &lines).sale());
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(sold.decided()["outcome"], "approved");
    for delivery in deliveries {
        assert_eq!(delivery.join().unwrap()["stored_to"], 1);
    }
    wait_for(&house, "SELECT count(judged_at)::text FROM forward", &CROWD.to_string()).await;
    let sold = i64::try_from(CROWD).unwrap() + 1;
    assert_eq!(house.purses(&client).await, [0, 100_000 - sold * 250]);
    assert_eq!(house.text("SELECT count(*)::text FROM review").await, "0");
    house.verify().await;
}
