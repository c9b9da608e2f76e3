//! A connection that is lost for hours, in the middle of forwarding, or after a request was sent.

use std::time::{Duration, Instant};

use firmware_sim::till::{CacheStore as _, Ended};
use serde_json::json;

use crate::counter::{Network, decided, stored};
use crate::service::{COFFEE, House, WINE};

/// What a card and its location must allow, so that nothing else is measured than what is sold.
const CARD: [&str; 6] = ["--offline-tap", "9000", "--offline-total", "900000", "--offline-count", "250"];
const PLACE: [&str; 12] = [
    "--tap",
    "9000",
    "--card-total",
    "900000",
    "--card-taps",
    "250",
    "--terminal-total",
    "90000000",
    "--terminal-records",
    "10000",
    "--hours",
    "24",
];

fn raise(house: &House) {
    let place = crate::service::RESTAURANT.to_string();
    house.run(&[&["location", "limits", &place], &PLACE[..]].concat());
}

const BOOKED: &str = "SELECT count(*)::text FROM ledger.operation WHERE authority = 2";

#[tokio::test]
async fn two_hours_at_twenty_taps_a_minute_are_booked_to_the_cent() {
    const CARDS: usize = 24;
    const TAPS: usize = 2_400;
    const BETWEEN_MS: i64 = 3_000;
    let house = House::open().await;
    raise(&house);
    let mut clients = Vec::new();
    for _ in 0..CARDS {
        let client = house.client(30_000, 40_000).await;
        clients.push((house.held_card(&client, &CARD), client, 0));
    }
    let serving = house.serve();
    let mut counter = house.counter(&serving);
    counter.catch_up().await;
    // as if all that was two hours ago
    let span_ms = BETWEEN_MS * i64::try_from(TAPS).unwrap();
    let kept = counter.store.load().unwrap();
    let mut cache: serde_json::Value = serde_json::from_slice(&kept).unwrap();
    cache["contact_ms"] = json!(cache["contact_ms"].as_i64().unwrap() - span_ms);
    counter.store.save(cache.to_string().as_bytes()).unwrap();
    counter.ahead_ms = -span_ms;
    counter.restart();
    counter.network = Network::Refused;
    counter.catch_up().await;

    let started = Instant::now();
    for tap in 0..TAPS {
        let (card, _, spent_cents) = &mut clients[tap % CARDS];
        let (service, cents) = if tap % 3 == 0 { (WINE, 310) } else { (COFFEE, 250) };
        stored(&counter.sell_by_card(card, &[(service, 1)]).await);
        *spent_cents += cents;
        counter.ahead_ms = -span_ms + BETWEEN_MS * i64::try_from(tap + 1).unwrap();
    }
    let selling = started.elapsed();
    assert_eq!(counter.till.state().waiting, 2_400);
    let opening = Instant::now();
    counter.restart();
    let opening = opening.elapsed();
    let started = Instant::now();
    counter.connect(&serving);
    counter.deliver().await;
    let delivered = started.elapsed();
    house.all_judged().await;
    println!(
        "{TAPS} sales: sold in {selling:?}, journal opened in {opening:?}, delivered in {delivered:?}, judged after {:?}",
        started.elapsed()
    );
    assert_eq!(house.text(BOOKED).await, "2400");
    assert_eq!(house.text("SELECT count(*)::text FROM review").await, "0");
    for (_, client, spent_cents) in &clients {
        let [budget, own] = house.purses(client).await;
        assert_eq!(budget + own, 70_000 - spent_cents, "{}", client.name);
    }
    house.verify().await;
}

#[tokio::test]
async fn a_service_that_is_killed_while_it_takes_a_journal_books_each_sale_once() {
    let house = House::open().await;
    raise(&house);
    let client = house.client(100_000, 0).await;
    let mut card = house.held_card(&client, &CARD);
    let serving = house.serve();
    let mut counter = house.counter(&serving);
    counter.catch_up().await;
    drop(serving);
    counter.network = Network::Refused;
    for _ in 0..240 {
        stored(&counter.sell_by_card(&mut card, &[(COFFEE, 1)]).await);
    }
    // killed 20 ms later each time: before, while and after it stores, judges and answers
    let mut killed_while_it_waits = 0;
    for round in 0..8 {
        let serving = house.serve();
        counter.connect(&serving);
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20 + 25 * round));
            // kill -9
            drop(serving);
        });
        counter.catch_up().await;
        killer.join().unwrap();
        counter.catch_up().await;
        killed_while_it_waits += u32::from(counter.till.state().waiting > 0);
    }
    assert!(killed_while_it_waits >= 2, "killed {killed_while_it_waits} times while something waited");
    let serving = house.serve();
    counter.connect(&serving);
    counter.deliver().await;
    house.all_judged().await;
    println!("killed {killed_while_it_waits} times while something waited");
    assert_eq!(house.text(BOOKED).await, "240");
    assert_eq!(house.purses(&client).await, [100_000 - 240 * 250, 0]);
    house.verify().await;
}

#[tokio::test]
async fn an_attempt_without_an_answer_and_the_sale_after_it_are_one_booking() {
    let house = House::open().await;
    let client = house.client(10_000, 0).await;
    let mut card = house.held_card(&client, &[]);
    let serving = house.serve();
    let mut counter = house.counter(&serving);
    counter.catch_up().await;
    // it came, and its answer did not; it never came
    for (network, outcome) in [(Network::AnswerLost, "already_booked"), (Network::Silent, "approved")] {
        counter.network = network;
        let ended = counter.sell_by_card(&mut card, &[(COFFEE, 1)]).await;
        let Ended::Offline { instead_of: Some(attempt), .. } = ended else { panic!("{ended:?}") };
        counter.connect(&serving);
        counter.deliver().await;
        house.all_judged().await;
        let asked = counter.line.send(firmware_sim::client::Outgoing::get(&format!("/api/v1/sales/{attempt}"))).await;
        let is_booked = asked.unwrap().body.windows(10).any(|text| text == b"\"approved\"");
        assert_eq!(is_booked, network == Network::AnswerLost, "{outcome}");
    }
    assert_eq!(house.purses(&client).await, [10_000 - 2 * 250, 0]);
    // and it sells with the service again
    assert_eq!(decided(&counter.sell_by_card(&mut card, &[(COFFEE, 1)]).await), "approved");
    assert_eq!(house.text("SELECT count(*)::text FROM review").await, "0");
    house.verify().await;
}

#[tokio::test]
async fn a_loss_waits_for_a_human_who_ends_it() {
    let house = House::open().await;
    let client = house.client(0, 300).await;
    let mut card = house.held_card(&client, &[]);
    let serving = house.serve();
    let mut counter = house.counter(&serving);
    counter.catch_up().await;
    counter.network = Network::Refused;
    for _ in 0..2 {
        stored(&counter.sell_by_card(&mut card, &[(COFFEE, 1)]).await);
    }
    counter.connect(&serving);
    counter.deliver().await;
    house.all_judged().await;
    assert_eq!(house.purses(&client).await, [0, 0]);
    let list = house.run(&["review", "list"]);
    let row = list.lines().nth(1).expect("one that waits").trim();
    assert!(row.contains("2.00"), "{list}");
    let id = row.split_whitespace().next().unwrap();
    house.run(&["review", "settle", id, "--write-off", "koffie tijdens de storing", "--by", "beheer"]);
    assert_eq!(house.run(&["review", "list"]).lines().count(), 1);
    assert_eq!(house.purses(&client).await, [0, 0]);
    house.verify().await;
}
