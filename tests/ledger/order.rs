//! The order in which a sale is decided: each case breaks two rules, and the earlier one must be the answer.

use chrono::{Duration, Utc};
use pasje::domain::operation::{IdError, Outcome};
use pasje::domain::request::Problem;
use pasje::domain::sale::{Payer, SaleMode, SaleRequest};
use pasje::services::authorise::AuthoriseError;
use uuid::Uuid;

use crate::fixture::{COFFEE, Client, MEAL, REFUSED_GENERATION, Restaurant, SHOWER, WINE, WRONG_MAC, id_at};
use crate::support::tap;

fn with_card(request: SaleRequest, card: Uuid, counter: u32, mac: [u8; 16]) -> SaleRequest {
    SaleRequest { payer: tap(card, counter, mac), ..request }
}

async fn outcome(restaurant: &Restaurant, request: &SaleRequest) -> Outcome {
    restaurant.sell(request).await.operation.outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_outcome_that_applies_is_the_answer() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(1000, 0).await;
    let unknown = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_dead_beef);
    let tap = |price_list| SaleRequest { price_list, ..client.tap(&[(COFFEE, 1), (Uuid::nil(), 1)]) };

    // An unknown card with a wrong MAC: the card comes first.
    let request = with_card(tap(3), unknown, 1, WRONG_MAC);
    assert_eq!(outcome(&restaurant, &request).await, Outcome::CardUnknown);

    // Blocked and expired; expired and wallet closed; closed and wrong MAC.
    restaurant.run("UPDATE card SET status = 2, expires_on = current_date - 1; UPDATE wallet SET status = 2").await;
    let wrong = |client: Client, counter| with_card(client.tap(&[(COFFEE, 1)]), client.card, counter, WRONG_MAC);
    assert_eq!(outcome(&restaurant, &wrong(client, 90)).await, Outcome::CardBlocked);
    restaurant.run("UPDATE card SET status = 1").await;
    assert_eq!(outcome(&restaurant, &wrong(client, 91)).await, Outcome::CardExpired);
    restaurant.run("UPDATE card SET expires_on = current_date + 9").await;
    assert_eq!(outcome(&restaurant, &wrong(client, 92)).await, Outcome::WalletClosed);
    restaurant.run("UPDATE wallet SET status = 1").await;

    // A wrong MAC with a used counter; a used counter with an unknown service.
    let used = with_card(client.tap(&[(COFFEE, 1)]), client.card, 100, [0; 16]);
    assert_eq!(outcome(&restaurant, &used).await, Outcome::Approved);
    assert_eq!(outcome(&restaurant, &wrong(client, 100)).await, Outcome::CardMacWrong);
    let again = |counter| with_card(tap(3), client.card, counter, [0; 16]);
    assert_eq!(outcome(&restaurant, &again(100)).await, Outcome::CounterUsed);
    assert_eq!(outcome(&restaurant, &again(99)).await, Outcome::CounterTooOld);

    // No line remains: an unknown service, at an old price list, over a limit, without money.
    restaurant.run("UPDATE card SET tap_limit_cents = 100").await;
    let lines = [(Uuid::nil(), 1), (COFFEE, 1), (WINE, 1)];
    let mut old = with_card(client.tap(&lines), client.card, 101, [0; 16]);
    old.price_list = 1;
    assert_eq!(outcome(&restaurant, &old).await, Outcome::ServiceUnknown);
    let mut old = with_card(client.tap(&[(WINE, 1)]), client.card, 102, [0; 16]);
    old.price_list = 1;
    assert_eq!(outcome(&restaurant, &old).await, Outcome::PriceListOutOfDate);
    let limited = with_card(client.tap(&[(WINE, 1)]), client.card, 103, [0; 16]);
    assert_eq!(outcome(&restaurant, &limited).await, Outcome::OverLimit);
    restaurant.run("UPDATE card SET tap_limit_cents = NULL").await;
    let poor = with_card(client.tap(&[(WINE, 1)]), client.card, 104, [0; 16]);
    assert_eq!(outcome(&restaurant, &poor).await, Outcome::InsufficientFunds);
    // A PIN is asked last: not where it would not help.
    restaurant.run("UPDATE card SET pin_free_cents = 249").await;
    let poor = with_card(client.tap(&[(WINE, 1)]), client.card, 110, [0; 16]);
    assert_eq!(outcome(&restaurant, &poor).await, Outcome::InsufficientFunds);
    let unverified = with_card(client.tap(&[(COFFEE, 1)]), client.card, 111, [0; 16]);
    assert_eq!(outcome(&restaurant, &unverified).await, Outcome::PinNeeded);
    restaurant.run("UPDATE card SET pin_free_cents = 250").await;
    let part = with_card(client.tap(&[(WINE, 1), (COFFEE, 1)]), client.card, 115, [0; 16]);
    assert_eq!(outcome(&restaurant, &part).await, Outcome::ApprovedInPart);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_the_same_bytes_for_ever_and_an_id_is_used_once() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(600, 0).await;
    let approved = client.tap(&[(COFFEE, 1), (WINE, 2), (SHOWER, 1)]);
    let declined = client.tap(&[(WINE, 1)]);
    let first: Vec<Vec<u8>> = vec![
        restaurant.sell(&approved).await.answer().to_bytes(),
        restaurant.sell(&declined).await.answer().to_bytes(),
    ];
    // Money comes, the card is blocked, the price list changes: what was answered stays.
    pasje::services::book::book(&restaurant.database, &client.top_up(100_000)).await.unwrap();
    restaurant.run("UPDATE card SET status = 2").await;
    let rows = restaurant.rows().await;
    let fresh_service = crate::fixture::service(&restaurant.database);
    for (request, first) in [&approved, &declined].into_iter().zip(&first) {
        let again = fresh_service.sell(request.clone()).await.unwrap().answer().to_bytes();
        assert_eq!(String::from_utf8(again).unwrap(), String::from_utf8(first.clone()).unwrap());
    }
    let other = SaleRequest { basket: crate::fixture::basket(&[(COFFEE, 2)]), ..approved.clone() };
    let error = restaurant.authoriser.sell(other).await.unwrap_err();
    assert!(matches!(error, AuthoriseError::Problem(Problem::IdReused)), "{error:?}");
    assert_eq!(restaurant.rows().await, rows);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_is_used_up_by_every_outcome_after_the_mac_and_by_none_before() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(100, 0).await;
    let at = |counter, mac| with_card(client.tap(&[(COFFEE, 1)]), client.card, counter, mac);
    assert_eq!(outcome(&restaurant, &at(1, WRONG_MAC)).await, Outcome::CardMacWrong);
    // Declined for money: the counter is gone.
    assert_eq!(outcome(&restaurant, &at(1, [0; 16])).await, Outcome::InsufficientFunds);
    assert_eq!(outcome(&restaurant, &at(1, [0; 16])).await, Outcome::CounterUsed);
    assert_eq!(restaurant.number("SELECT last_counter FROM card").await, 1);
    assert_eq!(restaurant.number("SELECT count(*) FROM ledger.operation WHERE counter IS NOT NULL").await, 1);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_is_asked_after_existence() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(1000, 0).await;
    let at = |offset| SaleRequest { id: id_at(Utc::now() + offset), ..client.tap(&[(COFFEE, 1)]) };
    for (offset, expected) in [
        (-Duration::days(36), IdError::TooOld),
        (-Duration::days(20_000), IdError::TooOld),
        (Duration::minutes(6), IdError::TooNew),
        (Duration::days(400_000), IdError::TooNew),
    ] {
        let error = restaurant.authoriser.sell(at(offset)).await.unwrap_err();
        assert!(matches!(&error, AuthoriseError::Problem(Problem::Id(found)) if *found == expected), "{error:?}");
    }
    for offset in [-Duration::days(34), Duration::minutes(4)] {
        assert_eq!(outcome(&restaurant, &at(offset)).await, Outcome::Approved);
    }
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn care_and_a_meal_are_never_refused() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(0, 0).await;
    restaurant.run("UPDATE card SET tap_limit_cents = 0, day_limit_cents = 0").await;
    // No money, no limit left, an old price list, and things that are refused beside them.
    let mut request = client.tap(&[(WINE, 1), (SHOWER, 1), (MEAL, 1), (COFFEE, 1)]);
    request.price_list = 1;
    let booked = restaurant.sell(&request).await;
    assert_eq!(booked.operation.outcome, Outcome::ApprovedInPart);
    let answer = booked.answer();
    assert_eq!(answer.approved_cents, Some(1800 + 900));
    assert_eq!(answer.left_out.iter().map(|left_out| left_out.line).collect::<Vec<_>>(), [0, 3]);
    // Without a working card, by name: care and the meal only.
    let mut request = client.tap(&[(WINE, 1), (SHOWER, 1), (MEAL, 1)]);
    request.payer = Payer::ByName { wallet: client.wallet };
    request.staff = Some(Uuid::now_v7());
    let booked = restaurant.sell(&request).await;
    assert_eq!(booked.operation.outcome, Outcome::ApprovedInPart);
    assert_eq!(booked.answer().left_out[0].reason, "card_needed");
    // A vending machine asks for all or nothing.
    let mut whole = client.tap(&[(MEAL, 1), (WINE, 1)]);
    whole.mode = SaleMode::Whole;
    assert_eq!(outcome(&restaurant, &whole).await, Outcome::OverLimit);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_an_older_generation_than_the_cards_are_not_believed() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(1000, 0).await;
    restaurant.run("UPDATE card SET generation = 2").await;
    let tap = client.tap(&[(COFFEE, 1)]);
    assert_eq!(outcome(&restaurant, &tap).await, Outcome::CardMacWrong);
    let Payer::Card(signed) = tap.payer else { unreachable!() };
    let newer = SaleRequest {
        id: crate::fixture::id(),
        payer: Payer::Card(pasje::domain::tap::Tap { generation: 2, ..signed }),
        ..tap
    };
    assert_eq!(outcome(&restaurant, &newer).await, Outcome::Approved);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_of_tomorrow_sell_nothing_today() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(1000, 0).await;
    restaurant
        .run(
            "UPDATE price_list SET superseded_at = now() + interval '1 day' WHERE version = 3; \
             INSERT INTO price_list (location, version, valid_from) SELECT location, 4, now() + interval '1 day' \
             FROM price_list WHERE version = 3; \
             INSERT INTO price (price_list, service, buyer, kind, price_cents, vat_basis_points) \
             SELECT (SELECT id FROM price_list WHERE version = 4), service, buyer, kind, 1, 900 FROM price AS p \
             JOIN price_list AS l ON l.id = p.price_list WHERE l.version = 3",
        )
        .await;
    let early = SaleRequest { price_list: 4, ..client.tap(&[(COFFEE, 1)]) };
    assert_eq!(outcome(&restaurant, &early).await, Outcome::PriceListOutOfDate);
    assert_eq!(outcome(&restaurant, &client.tap(&[(COFFEE, 1)])).await, Outcome::Approved);
    let conn = restaurant.database.connection().await.unwrap();
    let now = pasje::db::catalogue::current_version(&conn, crate::fixture::LOCATION).await.unwrap();
    assert_eq!(now.map(|(version, _)| version), Some(3), "tills sell from today's prices");
}

fn signed_with(request: SaleRequest, generation: u8) -> SaleRequest {
    let Payer::Card(tap) = request.payer else { panic!("no card") };
    SaleRequest { payer: Payer::Card(pasje::domain::tap::Tap { generation, ..tap }), ..request }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_generation_is_too_old_before_its_mac_and_forwards_of_it_are_not_booked_either() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(1000, 0).await;
    let coffee = |counter, mac| with_card(client.tap(&[(COFFEE, 1)]), client.card, counter, mac);
    let refused = |counter, mac| signed_with(coffee(counter, mac), REFUSED_GENERATION);
    restaurant.run("UPDATE card SET status = 2; UPDATE wallet SET status = 2").await;
    assert_eq!(outcome(&restaurant, &refused(1, WRONG_MAC)).await, Outcome::CardBlocked);
    restaurant.run("UPDATE card SET status = 1").await;
    assert_eq!(outcome(&restaurant, &refused(1, WRONG_MAC)).await, Outcome::CardExpired);
    restaurant.run("UPDATE wallet SET status = 1").await;
    // A forward was delivered, but anybody may have signed it.
    let mut forward = refused(1, [0; 16]);
    forward.mode = SaleMode::Forward { instead_of: None };
    let booked = restaurant.sell(&forward).await;
    assert_eq!((booked.operation.outcome, booked.operation.counter), (Outcome::CardExpired, None));
    assert_eq!(restaurant.purses(client).await[0], 1000);
    // Its counter was not used up, and its generation is not the card's now.
    assert_eq!(outcome(&restaurant, &coffee(1, [0; 16])).await, Outcome::Approved);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cards_generation_rises_with_the_first_tap_that_is_rightly_signed_with_it() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(300, 0).await;
    let generation = async || restaurant.number("SELECT generation::bigint FROM card").await;
    let tap = |counter, lines: &[(Uuid, u32)], mac| with_card(client.tap(lines), client.card, counter, mac);
    assert_eq!(outcome(&restaurant, &signed_with(tap(1, &[(COFFEE, 1)], WRONG_MAC), 3)).await, Outcome::CardMacWrong);
    assert_eq!(generation().await, 1);
    // A decline after the MAC is as good as any.
    let poor = signed_with(tap(1, &[(WINE, 9)], [0; 16]), 2);
    assert_eq!(outcome(&restaurant, &poor).await, Outcome::InsufficientFunds);
    assert_eq!(generation().await, 2);
    assert_eq!(outcome(&restaurant, &signed_with(tap(2, &[(COFFEE, 1)], [0; 16]), 1)).await, Outcome::CardMacWrong);
    // What was sold before is forwarded after, and the generation never goes back.
    let mut forward = signed_with(tap(3, &[(COFFEE, 1)], [0; 16]), 1);
    forward.mode = SaleMode::Forward { instead_of: None };
    assert_eq!(outcome(&restaurant, &forward).await, Outcome::Approved);
    assert_eq!(generation().await, 2);
    restaurant.verify().await;
}
