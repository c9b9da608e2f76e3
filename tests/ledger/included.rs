//! What the package includes so many of a day: served always, and an extra beyond that.

use std::sync::Arc;
use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use pasje::domain::funding::{LeftOut, LineKind};
use pasje::domain::operation::{Booked, OperationId, Outcome};
use pasje::domain::refund::RefundRequest;
use pasje::domain::sale::{Payer, SaleMode, SaleRequest};
use pasje::services::book::book;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::fixture::{Client, MEAL, Restaurant, SHOWER, WINE, assert_booked, id, service, terminal};

/// A restaurant where one meal a day is included; a meal is 9 euro, a wine 3.10.
async fn open() -> Restaurant {
    let restaurant = Restaurant::open().await;
    let bound = "ALTER TABLE price DISABLE TRIGGER price_is_never_edited;
        UPDATE price SET included_per_day = 1 WHERE service = '01900000-0000-7000-8000-00000000000d';
        ALTER TABLE price ENABLE TRIGGER price_is_never_edited;
        UPDATE organisation SET time_zone = 'Etc/GMT+12';";
    restaurant.run(bound).await;
    restaurant
}

fn kinds(booked: &Booked) -> Vec<Option<LineKind>> {
    booked.operation.lines.iter().map(|line| line.kind).collect()
}

async fn sell(restaurant: &Restaurant, client: Client, lines: &[(Uuid, u32)]) -> Booked {
    restaurant.sell(&client.tap(lines)).await
}

fn forward(client: Client, lines: &[(Uuid, u32)]) -> SaleRequest {
    SaleRequest { mode: SaleMode::Forward { instead_of: None }, ..client.tap(lines) }
}

async fn give_back(restaurant: &Restaurant, sale: OperationId, lines: &[(u16, u32)]) {
    let request = RefundRequest { id: id(), sale, terminal: terminal(), staff: None, lines: lines.to_vec() };
    assert_booked(&book(&restaurant.database, &request).await.unwrap());
}

/// Another calendar day, by the organisation's clock: these two zones are never on one date.
async fn tomorrow(restaurant: &Restaurant) {
    restaurant.run("UPDATE organisation SET time_zone = CASE time_zone WHEN 'Etc/GMT-14' THEN 'Etc/GMT+12' ELSE 'Etc/GMT-14' END").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standard_meal_is_included_up_to_its_daily_quantity() {
    let restaurant = open().await;
    let client = restaurant.client_with(1000, 1000).await;
    let first = sell(&restaurant, client, &[(MEAL, 1)]).await;
    assert_eq!((kinds(&first), first.operation.outcome), (vec![Some(LineKind::Included)], Outcome::Approved));
    assert_eq!(restaurant.purses(client).await, [100, 0, 1000, 0]);
    // the second is an extra: what budget is left, then own money
    let second = sell(&restaurant, client, &[(MEAL, 1)]).await;
    assert_eq!((kinds(&second), second.operation.outcome), (vec![Some(LineKind::Extra)], Outcome::Approved));
    assert_eq!(restaurant.purses(client).await, [0, 0, 200, 0]);
    // and may be left out as any extra is
    let third = sell(&restaurant, client, &[(MEAL, 1)]).await;
    assert_eq!(third.operation.outcome, Outcome::InsufficientFunds);
    // tomorrow is another day, whatever was sold today
    tomorrow(&restaurant).await;
    let next = sell(&restaurant, client, &[(MEAL, 1)]).await;
    assert_eq!((kinds(&next), next.operation.outcome), (vec![Some(LineKind::Included)], Outcome::Approved));
    // another client has a meal of their own
    let other = restaurant.client_with(0, 0).await;
    assert_eq!(kinds(&sell(&restaurant, other, &[(MEAL, 1)]).await), [Some(LineKind::Included)]);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meal_is_never_refused() {
    let restaurant = open().await;
    let client = restaurant.client_with(0, 0).await;
    let limits = "UPDATE card SET tap_limit_cents = 0, day_limit_cents = 0, pin_free_cents = 0";
    restaurant.run(limits).await;
    // what was eaten offline, yesterday perhaps, and is booked now takes nobody's meal of today
    restaurant.sell(&forward(client, &[(MEAL, 1)])).await;
    restaurant.sell(&forward(client, &[(MEAL, 3)])).await;
    let beer = sell(&restaurant, client, &[(WINE, 1), (MEAL, 1)]).await;
    assert_eq!(beer.operation.outcome, Outcome::ApprovedInPart);
    assert_eq!(beer.operation.lines[0].left_out, Some(LeftOut::OverLimit));
    assert_eq!(kinds(&beer)[1], Some(LineKind::Included));
    assert_eq!(restaurant.purses(client).await, [0, 0, 0, 0]);
    // one that was given back was not eaten, by whichever way
    give_back(&restaurant, beer.operation.id, &[(1, 1)]).await;
    let again = sell(&restaurant, client, &[(MEAL, 1)]).await;
    assert_eq!((kinds(&again), again.operation.outcome), (vec![Some(LineKind::Included)], Outcome::Approved));
    // from an old list, and by name where the card fails, too
    tomorrow(&restaurant).await;
    let old = SaleRequest { price_list: 1, ..client.tap(&[(MEAL, 1)]) };
    assert_eq!(restaurant.sell(&old).await.operation.outcome, Outcome::Approved);
    tomorrow(&restaurant).await;
    let other = restaurant.client_with(0, 0).await;
    let by_name = SaleRequest {
        payer: Payer::ByName { wallet: other.wallet },
        staff: Some(Uuid::nil()),
        ..other.tap(&[(MEAL, 1)])
    };
    assert_eq!(restaurant.sell(&by_name).await.operation.outcome, Outcome::Approved);
    // the second is an extra, for which staff need the card
    let second = SaleRequest { id: id(), ..by_name };
    assert_eq!(restaurant.sell(&second).await.operation.outcome, Outcome::CardNeeded);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_basket_is_decided_line_by_line() {
    let restaurant = open().await;
    let client = restaurant.client_with(0, 1000).await;
    let booked = sell(&restaurant, client, &[(MEAL, 1), (SHOWER, 1), (MEAL, 1), (MEAL, 1)]).await;
    let expected = [Some(LineKind::Included), Some(LineKind::Care), Some(LineKind::Extra), Some(LineKind::Extra)];
    assert_eq!((kinds(&booked), booked.operation.outcome), (expected.to_vec(), Outcome::ApprovedInPart));
    assert_eq!(booked.operation.lines[3].left_out, Some(LeftOut::InsufficientFunds));
    // a line is never cut in two
    let other = restaurant.client_with(0, 0).await;
    assert_eq!(kinds(&sell(&restaurant, other, &[(MEAL, 3)]).await), [Some(LineKind::Included)]);
    assert_eq!(kinds(&sell(&restaurant, other, &[(MEAL, 1)]).await), [Some(LineKind::Extra)]);
    // what a declined sale would have taken is still there
    let third = restaurant.client_with(0, 0).await;
    let whole = SaleRequest { mode: SaleMode::Whole, ..third.tap(&[(MEAL, 1), (WINE, 1)]) };
    assert_eq!(restaurant.sell(&whole).await.operation.outcome, Outcome::InsufficientFunds);
    assert_eq!(kinds(&sell(&restaurant, third, &[(MEAL, 1)]).await), [Some(LineKind::Included)]);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_comes_back_of_todays_included_ones_may_be_had_again() {
    let restaurant = open().await;
    let client = restaurant.client_with(0, 5000).await;
    let first = sell(&restaurant, client, &[(MEAL, 2)]).await;
    let second = sell(&restaurant, client, &[(MEAL, 1)]).await;
    assert_eq!(kinds(&second), [Some(LineKind::Extra)]);
    // the extra comes back: both included ones were eaten; then one of two
    give_back(&restaurant, second.operation.id, &[(0, 1)]).await;
    assert_eq!(kinds(&sell(&restaurant, client, &[(MEAL, 1)]).await), [Some(LineKind::Extra)]);
    give_back(&restaurant, first.operation.id, &[(0, 1)]).await;
    assert_eq!(kinds(&sell(&restaurant, client, &[(MEAL, 1)]).await), [Some(LineKind::Extra)]);
    give_back(&restaurant, first.operation.id, &[(0, 1)]).await;
    assert_eq!(kinds(&sell(&restaurant, client, &[(MEAL, 1)]).await), [Some(LineKind::Included)]);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_beyond_the_daily_quantity_is_an_extra_too() {
    let restaurant = open().await;
    let client = restaurant.client_with(0, 300).await;
    assert_eq!(kinds(&sell(&restaurant, client, &[(MEAL, 1)]).await), [Some(LineKind::Included)]);
    let booked = restaurant.sell(&forward(client, &[(MEAL, 1)])).await;
    assert_eq!((kinds(&booked), booked.operation.outcome), (vec![Some(LineKind::Extra)], Outcome::Approved));
    // own money pays what it has; the rest is the organisation's
    assert_eq!(restaurant.purses(client).await, [0, 0, 0, 0]);
    let lost = restaurant.number("SELECT sum(amount)::bigint FROM ledger.transfer WHERE why = 14").await;
    assert_eq!(lost, 600);
    // of several forwards the first is the included one
    let other = restaurant.client_with(0, 0).await;
    assert_eq!(kinds(&restaurant.sell(&forward(other, &[(MEAL, 1)])).await), [Some(LineKind::Included)]);
    assert_eq!(kinds(&restaurant.sell(&forward(other, &[(MEAL, 1)])).await), [Some(LineKind::Extra)]);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_as_many_as_the_package_has_are_included() {
    let restaurant = open().await;
    let client = restaurant.client_with(100_000, 0).await;
    let other = service(&restaurant.database);
    let cards = "INSERT INTO card (id, wallet, expires_on) SELECT ('01900000-0000-7000-8001-' || lpad(to_hex(n), 12, '0'))::uuid, \
        (SELECT max(id) FROM wallet), current_date + 9 FROM generate_series(1, 32) AS n";
    restaurant.run(cards).await;
    // The first tap waits for the wallet's lock, and meanwhile the others queue: they are decided in one batch each.
    let mut holder = restaurant.owner().await;
    holder.batch_execute("BEGIN; SELECT FROM wallet FOR UPDATE").await.unwrap();
    let mut taps = JoinSet::new();
    for number in 1..=32_u128 {
        let authoriser = if number % 2 == 0 { restaurant.authoriser.clone() } else { Arc::clone(&other) };
        let mut request = client.tap(&[(if number <= 2 { WINE } else { MEAL }, 1)]);
        let card = Uuid::from_u128(0x0190_0000_0000_7000_8001_0000_0000_0000 | number);
        request.payer = crate::support::tap(card, 1, [0; 16]);
        taps.spawn(async move { kinds(&authoriser.sell(request).await.unwrap()) });
        if number == 2 {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    holder.batch_execute("COMMIT").await.unwrap();
    let kinds = taps.join_all().await.concat();
    assert_eq!(kinds.iter().filter(|kind| **kind == Some(LineKind::Included)).count(), 1);
    assert_eq!(kinds.len(), 32);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_basket_without_a_daily_quantity_asks_nothing_more() {
    let restaurant = open().await;
    let client = restaurant.client_with(0, 1000).await;
    // a new sale reads no line of the ledger, but to count what was included today
    restaurant.run("REVOKE SELECT ON ledger.line FROM pasje_service").await;
    let plain = sell(&restaurant, client, &[(WINE, 1), (SHOWER, 1)]).await;
    assert_eq!(plain.operation.outcome, Outcome::Approved);
    let refused = restaurant.authoriser.sell(client.tap(&[(MEAL, 1)])).await;
    assert!(matches!(refused, Err(pasje::services::authorise::AuthoriseError::Unavailable)), "{refused:?}");
    restaurant.run("GRANT SELECT ON ledger.line TO pasje_service").await;
    assert_eq!(kinds(&sell(&restaurant, client, &[(MEAL, 1)]).await), [Some(LineKind::Included)]);
    restaurant.verify().await;
}
