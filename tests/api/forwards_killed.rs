//! `kill -9` at the two places where a forwarded sale is half done: stored and not judged, booked and not written down as
//! judged. Locks hold the service there until it is killed.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use serde_json::json;

use crate::card::Terminal;
use crate::journal::{Journal, judged, offline};
use crate::service::{COFFEE, House, RESTAURANT, Serving, WINE};
use crate::wire::Connection;

/// Delivers without waiting for the answer, which will not come.
fn deliver_in_vain(serving: &Serving, terminal: &Terminal, journal: &Journal) -> std::thread::JoinHandle<()> {
    let last = i64::try_from(journal.records.len()).unwrap();
    let bytes = serving.posting(terminal, "/api/v1/forwards", &journal.body(1..=last));
    let address = serving.address;
    std::thread::spawn(move || {
        let mut connection = Connection::open(address);
        connection.write(&bytes).unwrap();
        assert!(!matches!(connection.reply(), Ok(Some(_))), "an answer of a service that was killed");
    })
}

pub async fn wait_for(house: &House, sql: &'static str, wanted: &str) {
    for _ in 0..400 {
        if house.text(sql).await == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{sql}: {} is never {wanted}", house.text(sql).await);
}

const STORED: &str = "SELECT count(*)::text FROM forward";
const JUDGED: &str = "SELECT count(judged_at)::text FROM forward";
const SALES: &str = "SELECT count(*)::text FROM ledger.operation WHERE kind = 1";
const REVIEWS: &str = "SELECT count(*)::text FROM review";

#[tokio::test]
async fn what_was_stored_and_not_judged_is_judged_when_a_service_comes_back() {
    let house = House::open().await;
    let client = house.client(5000, 0).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let mut journal = Journal::default();
    for _ in 0..10 {
        journal.sell(&offline(&card, &terminal, &[(COFFEE, 1)]));
    }
    let serving = house.serve();
    let mut closing = house.test.owner().await;
    // as who closes a day holds it
    closing.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(7215201)").await.unwrap();
    let posting = deliver_in_vain(&serving, &terminal, &journal);
    wait_for(&house, STORED, "10").await;
    drop(serving);
    posting.join().unwrap();
    closing.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!((house.text(JUDGED).await, house.text(SALES).await), ("0".to_owned(), "0".to_owned()));

    let serving = house.serve();
    wait_for(&house, JUDGED, "10").await;
    let results = journal.deliver(&serving, &terminal, 1..=10);
    assert!(results.iter().all(|result| judged(result) == "approved"), "{results:?}");
    assert_eq!(house.purses(&client).await, [2500, 0]);
    house.verify().await;
}

#[tokio::test]
async fn what_was_booked_and_not_written_down_is_booked_once_and_its_loss_is_put_to_review() {
    let house = House::open().await;
    let client = house.client(0, 100).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let mut journal = Journal::default();
    journal.sell(&offline(&card, &terminal, &[(WINE, 1)]));
    let serving = house.serve();
    let mut looking = house.test.owner().await;
    looking.batch_execute("BEGIN; LOCK TABLE review IN SHARE MODE").await.unwrap();
    let posting = deliver_in_vain(&serving, &terminal, &journal);
    wait_for(&house, SALES, "1").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(serving);
    posting.join().unwrap();
    let half = (house.text(JUDGED).await, house.text(REVIEWS).await);
    looking.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(half, ("0".to_owned(), "0".to_owned()));

    let serving = house.serve();
    wait_for(&house, JUDGED, "1").await;
    let result = journal.deliver(&serving, &terminal, 1..=1).remove(0);
    assert_eq!((judged(&result), &result["answer"]["legs"][1]["amount"]), ("approved".to_owned(), &json!(210)));
    assert_eq!((house.text(SALES).await, house.text(REVIEWS).await), ("1".to_owned(), "1".to_owned()));
    house.verify().await;
}
