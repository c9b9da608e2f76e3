//! Terminals that are moved or withdrawn while sales wait in them, and clocks that are hours off.

use firmware_sim::till::Buyer;

use crate::counter::{Counter, Network, decided, stored};
use crate::service::{CANTEEN, COFFEE, House, SHOWER};

const HOUR_MS: i64 = 3_600_000;

#[tokio::test]
async fn a_till_that_was_moved_with_a_full_journal_delivers_it_for_the_old_place() {
    let house = House::open().await;
    let client = house.client(10_000, 0).await;
    let mut card = house.held_card(&client, &[]);
    let serving = house.serve();
    let mut counter = house.counter(&serving);
    counter.catch_up().await;
    counter.network = Network::Refused;
    for _ in 0..3 {
        stored(&counter.sell_by_card(&mut card, &[(COFFEE, 1)]).await);
    }
    house.run(&["terminal", "move", &counter.terminal.id.to_string(), "--location", "Kantine"]);
    // a running service remembers a terminal for a moment
    tokio::time::sleep(std::time::Duration::from_millis(2_200)).await;
    counter.connect(&serving);
    counter.deliver().await;
    house.all_judged().await;
    assert_eq!(counter.till.location(), CANTEEN);
    assert_eq!(decided(&counter.sell_by_card(&mut card, &[(COFFEE, 1)]).await), "approved");
    counter.network = Network::Refused;
    stored(&counter.sell_by_card(&mut card, &[(COFFEE, 1)]).await);
    counter.connect(&serving);
    counter.deliver().await;
    house.all_judged().await;
    assert_eq!(
        house
            .text("SELECT string_agg(right(location::text, 2), ' ' ORDER BY counter) FROM ledger.operation WHERE counter IS NOT NULL")
            .await,
        "01 01 01 f2 f2"
    );
    assert_eq!(house.purses(&client).await, [10_000 - 5 * 250, 0]);
    house.verify().await;
}

#[tokio::test]
async fn a_till_that_was_withdrawn_delivers_what_waits_and_is_done() {
    let house = House::open().await;
    let client = house.client(10_000, 0).await;
    let mut card = house.held_card(&client, &[]);
    let serving = house.serve();
    let mut counter = house.counter(&serving);
    counter.catch_up().await;
    counter.network = Network::Refused;
    for _ in 0..4 {
        stored(&counter.sell_by_card(&mut card, &[(COFFEE, 1)]).await);
    }
    house.run(&["terminal", "revoke", &counter.terminal.id.to_string()]);
    tokio::time::sleep(std::time::Duration::from_millis(2_200)).await;
    counter.connect(&serving);
    counter.deliver().await;
    assert!(counter.catch_up().await, "it is to be wiped");
    house.all_judged().await;
    assert_eq!(house.purses(&client).await, [10_000 - 4 * 250, 0]);
    house.verify().await;
}

#[tokio::test]
async fn a_clock_that_is_hours_off_sells_with_and_without_the_service() {
    let house = House::open().await;
    let client = house.client(10_000, 0).await;
    let mut card = house.held_card(&client, &[]);
    let serving = house.serve();
    for hours in [5, -9] {
        let mut counter = Counter::new(&house, &serving, hours * HOUR_MS);
        counter.catch_up().await;
        assert_eq!(decided(&counter.sell_by_card(&mut card, &[(COFFEE, 1)]).await), "approved");
        counter.network = Network::Refused;
        stored(&counter.sell_by_card(&mut card, &[(COFFEE, 1)]).await);
        stored(&counter.sell(Buyer::Wallet(client.number.into()), &[(SHOWER, 1)], None).await);
        counter.connect(&serving);
        counter.deliver().await;
        house.all_judged().await;
    }
    let right = "SELECT bool_and(abs((convert_from(sale, 'UTF8')::json->>'sold_at_ms')::bigint - extract(epoch FROM received_at) * 1000) \
                 < 60000)::text FROM forward";
    assert_eq!(house.text(right).await, "true");
    assert_eq!(house.purses(&client).await, [10_000 - 4 * 250 - 2 * 1_800, 0]);
    assert_eq!(house.text("SELECT count(*)::text FROM review").await, "0");
    house.verify().await;
}

#[tokio::test]
async fn the_service_says_how_far_it_has_a_journal() {
    let house = House::open().await;
    let client = house.client(10_000, 0).await;
    let mut card = house.held_card(&client, &[]);
    let serving = house.serve();
    let mut counter = house.counter(&serving);
    counter.catch_up().await;
    counter.network = Network::Refused;
    for _ in 0..3 {
        stored(&counter.sell_by_card(&mut card, &[(COFFEE, 1)]).await);
    }
    counter.connect(&serving);
    counter.deliver().await;
    // a journal that was lost or put back is seen before anything is sold on it
    counter.till.let_go_of_journal();
    std::fs::remove_file(&counter.journal).unwrap();
    counter.restart();
    counter.till.try_now();
    counter.catch_up().await;
    let stuck = format!("{:?}", counter.till.state().stuck);
    assert!(stuck.contains("has record 3"), "{stuck}");
}
