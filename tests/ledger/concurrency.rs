//! Many at once on one purse and on one database.

use std::sync::Arc;

use pasje::domain::operation::Outcome;
use pasje::domain::refund::RefundRequest;
use pasje::services::book::book;
use tokio::task::JoinSet;

use crate::fixture::{COFFEE, Restaurant, id, service, terminal};

#[tokio::test(flavor = "multi_thread")]
async fn money_for_ten_coffees_buys_ten_however_many_ask_at_once() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(2500, 0).await;
    let other = service(&restaurant.database);
    // Sixty-four cards of one client, in two services: the counters do not stand in the way, the purse does.
    restaurant
        .run(
            "INSERT INTO card (id, wallet, expires_on) SELECT ('01900000-0000-7000-8001-' || lpad(to_hex(n), 12, '0'))::uuid, \
             (SELECT max(id) FROM wallet), current_date + 9 FROM generate_series(1, 64) AS n",
        )
        .await;
    let mut taps = JoinSet::new();
    for number in 1..=64_u128 {
        let authoriser = if number % 2 == 0 { restaurant.authoriser.clone() } else { Arc::clone(&other) };
        let mut request = client.tap(&[(COFFEE, 1)]);
        let card = uuid::Uuid::from_u128(0x0190_0000_0000_7000_8001_0000_0000_0000 | number);
        request.payer = pasje::domain::sale::Payer::Card { card, counter: 1, mac: [0; 16] };
        taps.spawn(async move { authoriser.sell(request).await.unwrap().operation.outcome });
    }
    let outcomes = taps.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Approved).count(), 10);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::InsufficientFunds).count(), 54);
    assert_eq!(restaurant.purses(client).await, [0, 0, 0, 0]);
    assert_eq!(restaurant.number("SELECT count(*) FROM ledger.transfer WHERE flow = 3").await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_one_request_in_two_services_are_booked_once() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(10_000, 0).await;
    let other = service(&restaurant.database);
    for _ in 0..20 {
        let request = client.tap(&[(COFFEE, 1)]);
        let (one, two) = tokio::join!(restaurant.authoriser.sell(request.clone()), other.sell(request));
        assert_eq!(one.unwrap().answer().to_bytes(), two.unwrap().answer().to_bytes());
    }
    assert_eq!(restaurant.purses(client).await[0], 10_000 - 20 * 250);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_refunded_in_two_places_at_once_is_given_back_once() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(10_000, 0).await;
    for _ in 0..10 {
        let sale = restaurant.sell(&client.tap(&[(COFFEE, 1)])).await.operation.id;
        let refund = || RefundRequest { id: id(), sale, terminal: terminal(), staff: None, lines: vec![(0, 1)] };
        let (first, second) = (refund(), refund());
        let (one, two) = tokio::join!(book(&restaurant.database, &first), book(&restaurant.database, &second));
        let mut outcomes = [one.unwrap().operation.outcome, two.unwrap().operation.outcome];
        outcomes.sort();
        assert_eq!(outcomes, [Outcome::Booked, Outcome::MoreThanSold]);
    }
    assert_eq!(restaurant.purses(client).await[0], 10_000);
}
