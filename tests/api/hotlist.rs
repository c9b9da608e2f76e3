//! Cards that no longer pay, as terminals hear of them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::card::{Card, Terminal, uuid};
use crate::service::{ELSEWHERE, House, RESTAURANT, Serving};

/// The version, who is blocked, and who is not any more.
fn changes(serving: &Serving, terminal: &Terminal, since: i64) -> (i64, BTreeSet<uuid::Uuid>, BTreeSet<uuid::Uuid>) {
    let answer = serving.get(terminal, &format!("/api/v1/hotlist?since={since}")).decided();
    let cards = |list: &Value| list.as_array().unwrap().iter().map(uuid).collect();
    (answer["version"].as_i64().unwrap(), cards(&answer["blocked"]), cards(&answer["unblocked"]))
}

fn ids<const N: usize>(cards: [&Card; N]) -> BTreeSet<uuid::Uuid> {
    cards.iter().map(|card| card.id).collect()
}

#[tokio::test]
async fn a_terminal_hears_of_each_change_since_its_last_version_and_of_its_own_organisation_only() {
    let house = House::open().await;
    let (client, stranger) = (house.client(0, 0).await, house.client_of(2, 0, 0).await);
    let (terminal, elsewhere) = (house.terminal(RESTAURANT), house.terminal(ELSEWHERE));
    let (one, two, strange) = (house.card(&client), house.card(&client), house.card(&stranger));
    let serving = house.serve();
    let (start, none, _) = changes(&serving, &terminal, 0);
    assert_eq!((none, changes(&serving, &terminal, start)), (ids([]), (start, ids([]), ids([]))));

    house.run(&["card", "block", &one.id.to_string()]);
    house.run(&["card", "block", &strange.id.to_string()]);
    let (blocked, list, _) = changes(&serving, &terminal, start);
    assert!(blocked > start);
    assert_eq!((list, changes(&serving, &terminal, 0).1), (ids([&one]), ids([&one])));
    assert_eq!(changes(&serving, &elsewhere, 0).1, ids([&strange]));
    assert_eq!(changes(&serving, &terminal, blocked), (blocked, ids([]), ids([])));

    // blocked twice is one change
    house.run(&["card", "block", &one.id.to_string()]);
    assert_eq!(changes(&serving, &terminal, blocked), (blocked, ids([]), ids([])));

    house.run(&["card", "unblock", &one.id.to_string()]);
    let (unblocked, gone, back) = changes(&serving, &terminal, blocked);
    assert_eq!((unblocked > blocked, gone, back), (true, ids([]), ids([&one])));
    // who asks for all hears of those that do not pay alone
    assert_eq!(changes(&serving, &terminal, 0), (unblocked, ids([]), ids([])));

    let file = house.path("new.json");
    house.run(&["card", "replace", &two.id.to_string(), "--out", file.to_str().unwrap()]);
    let (replaced, gone, back) = changes(&serving, &terminal, unblocked);
    assert_eq!((replaced > unblocked, gone, back), (true, ids([&two]), ids([])));
    // a terminal that was away for long hears of where each card is now
    assert_eq!(changes(&serving, &terminal, start), (replaced, ids([&two]), ids([&one])));
    assert_eq!(
        serving.get(&terminal, "/api/v1/hotlist").decided(),
        json!({"version": replaced, "blocked": [two.id], "unblocked": []})
    );
}

#[tokio::test]
async fn a_version_that_is_none_is_refused() {
    let house = House::open().await;
    let terminal = house.terminal(RESTAURANT);
    let serving = house.serve();
    for query in [
        "since=",
        "since=x",
        "since=-1",
        "since=1.5",
        "since=9223372036854775808",
        "since=1&since=2",
        "Since=1",
        "x=1",
        "since",
        "since=%31",
        "since=1;--",
    ] {
        serving.get(&terminal, &format!("/api/v1/hotlist?{query}")).is_problem(400, "path-malformed");
    }
}
