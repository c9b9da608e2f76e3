//! Who asks too often waits, and keeps nobody else waiting.

use std::time::Duration;

use crate::service::{COFFEE, House, RESTAURANT, Serving};
use crate::wire::{Connection, Reply};

const SALES: &str = "/api/v1/sales";

/// On one connection, faster than any rate.
fn all_at_once(serving: &Serving, requests: &[u8], count: usize) -> Vec<Reply> {
    let mut connection = Connection::open(serving.address);
    connection.write(requests).unwrap();
    (0..count).map(|_| connection.reply().unwrap().unwrap()).collect()
}

fn wait_s(reply: &Reply) -> u64 {
    reply.is_problem(429, "too-many-requests");
    reply.header("retry-after").unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_terminal_above_its_rate_waits_and_books_nothing_meanwhile() {
    let house = House::open().await;
    let client = house.client(0, 9000).await;
    let (terminal, other, card) = (house.terminal(RESTAURANT), house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve_with(&["--terminal-rate", "1", "--address-rate", "0"], &[]);
    let lines = [(COFFEE, 1)];
    let taps: Vec<_> = (0..12).map(|_| card.tap(&terminal, &lines)).collect();
    let requests: Vec<u8> = taps.iter().flat_map(|tap| serving.posting(&terminal, SALES, &tap.sale())).collect();
    let replies = all_at_once(&serving, &requests, taps.len());
    let taken = replies.iter().filter(|reply| reply.status == 200).count();
    assert!((2..=4).contains(&taken), "{taken}");
    assert_eq!(house.operations().await, 1 + taken, "the top-up and the sales that were taken");
    let waits: Vec<u64> = replies.iter().filter(|reply| reply.status != 200).map(wait_s).collect();
    assert!(waits.iter().all(|wait| (1..=2).contains(wait)), "{waits:?}");
    // others are served, and a signature that is not the terminal's uses nothing of its share up
    assert_eq!(serving.get(&other, "/api/v1/catalogue").status, 200);
    std::thread::sleep(Duration::from_secs(2));
    let thief = crate::card::Terminal { key: [7; 32], ..terminal.clone() };
    (0..5).for_each(|_| serving.get(&thief, "/api/v1/catalogue").is_problem(401, "signature-wrong"));
    assert_eq!(serving.sell(&terminal, &taps[11].sale()).decided()["outcome"], "approved");
    house.verify().await;
}

#[tokio::test]
async fn an_address_above_its_rate_waits_whether_it_signs_or_not() {
    let house = House::open().await;
    let client = house.client(0, 9000).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve_with(&["--terminal-rate", "0", "--address-rate", "2"], &[]);
    let before = house.books().await;
    let tap = card.tap(&terminal, &[(COFFEE, 1)]);
    let unsigned = format!("GET /api/v1/catalogue HTTP/1.1\r\nHost: {}\r\n\r\n", serving.authority()).repeat(15);
    let signed = serving.posting(&terminal, SALES, &tap.sale());
    let mut replies = all_at_once(&serving, &[unsigned.as_bytes(), &signed].concat(), 16);
    assert_eq!(wait_s(&replies.pop().unwrap()), 1);
    let (looked_at, waits): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 401);
    assert!((4..=8).contains(&looked_at.len()), "{}", looked_at.len());
    waits.into_iter().map(wait_s).for_each(|wait| assert!((1..=2).contains(&wait), "{wait}"));
    assert_eq!(house.books().await, before);
    // whoever watches the service is not kept from it
    assert_eq!(serving.get_unsigned("/healthz").status, 200);
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(serving.sell(&terminal, &tap.sale()).decided()["outcome"], "approved");
    house.verify().await;
}

#[tokio::test]
async fn a_whole_list_of_cards_is_made_a_few_times_only_and_who_has_it_asks_as_often_as_it_likes() {
    let house = House::open().await;
    let (terminal, other) = (house.terminal(RESTAURANT), house.terminal(RESTAURANT));
    let serving = house.serve_with(&["--address-rate", "0"], &[]);
    let list = || serving.get(&terminal, "/api/v1/cards");
    assert!((0..3).all(|_| list().status == 200));
    assert!((1..=10).contains(&wait_s(&list())));
    assert_eq!(serving.get(&other, "/api/v1/cards").status, 200);
    // and what else the terminal asks is answered
    assert_eq!(serving.get(&terminal, "/api/v1/catalogue").status, 200);
}
