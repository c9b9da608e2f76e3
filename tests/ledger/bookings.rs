//! What each service books, on a real database: amounts, holds and who is asked twice.

use chrono::{Duration, Utc};
use pasje::domain::basket::BasketLine;
use pasje::domain::funding::{LineKind, PurseName};
use pasje::domain::grant::{Grant, GrantRequest};
use pasje::domain::hold::{CaptureRequest, HoldRequest, ReleaseRequest};
use pasje::domain::money::{Amount, Unit};
use pasje::domain::operation::{OperationId, Outcome};
use pasje::domain::payout::{PayoutRequest, PayoutStep, PayoutStepRequest};
use pasje::domain::refund::{Client as Payer, RefundRequest, VoidRequest};
use pasje::domain::sale::SaleMode;
use pasje::domain::top_up::{Till, TopUpReversalRequest};
use pasje::domain::{draw::DrawRequest, exchange::ExchangeBackRequest, exchange::ExchangeRequest};
use pasje::services::book::{Booking, book};
use uuid::Uuid;

use crate::fixture::{
    COFFEE, Client, MEAL, PNT_SCHEME, Restaurant, SHOWER, WINE, assert_booked, cents, id, terminal, this_month,
};

async fn outcome<B: Booking>(restaurant: &Restaurant, request: &B) -> Outcome {
    let first = book(&restaurant.database, request).await.unwrap();
    // Every service answers a repeated request with the same bytes and books nothing more.
    let rows = restaurant.rows().await;
    let again = book(&restaurant.database, request).await.unwrap();
    assert_eq!(first.answer().to_bytes(), again.answer().to_bytes());
    assert_eq!(restaurant.rows().await, rows);
    first.operation.outcome
}

fn refund(sale: OperationId, lines: &[(u16, u32)]) -> RefundRequest {
    RefundRequest { id: id(), sale, terminal: terminal(), staff: None, lines: lines.to_vec() }
}

fn void(sale: OperationId, client: Client) -> VoidRequest {
    VoidRequest { id: id(), sale, terminal: terminal(), staff: None, client: Payer::Card(client.card) }
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_in_parts_add_up_to_the_legs_and_never_to_more() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(100, 1000).await;
    // Three coffees: 1.00 from the budget, 6.50 of own money.
    let sale = restaurant.sell(&client.tap(&[(COFFEE, 3)])).await.operation.id;
    assert_eq!(restaurant.purses(client).await, [0, 0, 350, 0]);
    assert_eq!(outcome(&restaurant, &refund(sale, &[(0, 1)])).await, Outcome::Booked);
    assert_eq!(restaurant.purses(client).await, [33, 0, 566, 0]);
    assert_eq!(outcome(&restaurant, &refund(sale, &[(0, 3)])).await, Outcome::MoreThanSold);
    assert_eq!(outcome(&restaurant, &refund(sale, &[(1, 1)])).await, Outcome::MoreThanSold);
    assert_eq!(outcome(&restaurant, &refund(sale, &[(0, 2)])).await, Outcome::Booked);
    assert_eq!(restaurant.purses(client).await, [100, 0, 1000, 0]);
    assert_eq!(outcome(&restaurant, &void(sale, client)).await, Outcome::NothingLeft);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_of_another_location_is_given_back_and_voided_by_nobody_there() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(1000, 0).await;
    let sale = restaurant.sell(&client.tap(&[(COFFEE, 1)])).await.operation.id;
    let rows = restaurant.rows().await;
    let mut elsewhere = refund(sale, &[(0, 1)]);
    elsewhere.terminal.location = Uuid::now_v7();
    let voided = VoidRequest { terminal: elsewhere.terminal, ..void(sale, client) };
    for refused in [book(&restaurant.database, &elsewhere).await, book(&restaurant.database, &voided).await] {
        assert!(
            matches!(
                refused,
                Err(pasje::services::book::BookError::Problem(pasje::domain::request::Problem::Unknown("sale")))
            ),
            "{refused:?}"
        );
    }
    assert_eq!(restaurant.rows().await, rows, "nothing is stored");
    assert_booked(&book(&restaurant.database, &refund(sale, &[(0, 1)])).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_to_a_closed_wallet_lapses_or_is_owed() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(100, 1000).await;
    let sale = restaurant.sell(&client.tap(&[(COFFEE, 2)])).await.operation.id;
    restaurant.run("UPDATE wallet SET status = 2").await;
    assert_eq!(outcome(&restaurant, &refund(sale, &[(0, 2)])).await, Outcome::Booked);
    assert_eq!(restaurant.purses(client).await, [0, 0, 600, 0]);
    let sum = |kind: &'static str| restaurant.number(kind);
    assert_eq!(sum("SELECT sum(amount)::bigint FROM ledger.transfer WHERE credit & 255 = 51").await, 100);
    assert_eq!(sum("SELECT sum(amount)::bigint FROM ledger.transfer WHERE credit & 255 = 66").await, 400);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_void_undoes_the_whole_sale_at_the_same_terminal_on_the_same_day() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(1000, 1000).await;
    let sale = restaurant.sell(&client.tap(&[(COFFEE, 1), (WINE, 1), (MEAL, 1)])).await.operation.id;
    let mut elsewhere = void(sale, client);
    elsewhere.terminal.id = Uuid::now_v7();
    assert_eq!(outcome(&restaurant, &elsewhere).await, Outcome::OtherTerminal);
    assert_eq!(outcome(&restaurant, &void(sale, client)).await, Outcome::Booked);
    assert_eq!(restaurant.purses(client).await, [1000, 0, 1000, 0]);
    let declined = restaurant.sell(&client.tap(&[(WINE, 9)])).await;
    assert_eq!(declined.operation.outcome, Outcome::InsufficientFunds);
    assert_eq!(outcome(&restaurant, &void(declined.operation.id, client)).await, Outcome::NotApproved);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_was_voided_before_it_came_is_never_booked() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(1000, 0).await;
    let sale = client.tap(&[(COFFEE, 1)]);
    assert_eq!(outcome(&restaurant, &void(sale.id, client)).await, Outcome::CancelledBeforehand);
    let late = restaurant.sell(&sale).await;
    assert_eq!(late.operation.outcome, Outcome::Cancelled);
    assert_eq!(late.answer().to_bytes(), restaurant.sell(&sale).await.answer().to_bytes());
    assert_eq!(outcome(&restaurant, &void(sale.id, client)).await, Outcome::CancelledBeforehand);
    assert_eq!(restaurant.purses(client).await, [1000, 0, 0, 0]);
    // Also for a card that nobody knows.
    let mut unknown = void(id(), client);
    unknown.client = Payer::Card(Uuid::now_v7());
    assert_eq!(outcome(&restaurant, &unknown).await, Outcome::CancelledBeforehand);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_comes_after_its_forward_books_nothing() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(1000, 0).await;
    let attempt = client.tap(&[(COFFEE, 1)]);
    let mut forward = client.tap(&[(COFFEE, 1)]);
    forward.mode = SaleMode::Forward { instead_of: Some(attempt.id) };
    assert_eq!(restaurant.sell(&forward).await.operation.outcome, Outcome::Approved);
    assert_eq!(restaurant.sell(&attempt).await.operation.outcome, Outcome::Superseded);
    assert_eq!(restaurant.purses(client).await[0], 750);

    // The attempt had been approved after all: the forward books nothing, but its counter is used up.
    let attempt = client.tap(&[(COFFEE, 1)]);
    let mut forward = client.tap(&[(COFFEE, 1)]);
    forward.mode = SaleMode::Forward { instead_of: Some(attempt.id) };
    assert_eq!(restaurant.sell(&attempt).await.operation.outcome, Outcome::Approved);
    let answer = restaurant.sell(&forward).await;
    assert_eq!(answer.operation.outcome, Outcome::AlreadyBooked);
    assert!(answer.operation.counter.is_some());
    assert_eq!(restaurant.purses(client).await[0], 500);

    // The attempt had been declined: the forward is booked, and what it cannot pay is the organisation's loss.
    let attempt = client.tap(&[(WINE, 1)]);
    assert_eq!(restaurant.sell(&attempt).await.operation.outcome, Outcome::InsufficientFunds);
    let mut forward = client.tap(&[(WINE, 1)]);
    forward.mode = SaleMode::Forward { instead_of: Some(attempt.id) };
    let answer = restaurant.sell(&forward).await.answer();
    assert_eq!((answer.outcome, answer.legs[0].from, answer.legs[0].amount), ("approved", "offline_loss", 310));
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reversed_top_up_takes_what_is_there_and_the_rest_is_owed() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(0, 0).await;
    let top_up = client.top_up(1000);
    assert_eq!(outcome(&restaurant, &top_up).await, Outcome::Booked);
    restaurant.sell(&client.tap(&[(WINE, 2)])).await;
    let reversal = |cents| TopUpReversalRequest { id: id(), top_up: top_up.id, cents };
    assert_eq!(outcome(&restaurant, &reversal(1001)).await, Outcome::MoreThanToppedUp);
    assert_eq!(outcome(&restaurant, &reversal(600)).await, Outcome::Booked);
    assert_eq!(restaurant.purses(client).await[2], 0);
    let owed = "SELECT sum(amount)::bigint FROM ledger.transfer WHERE debit & 255 = 67";
    assert_eq!(restaurant.number(owed).await, 600 - 380);
    assert_eq!(outcome(&restaurant, &reversal(401)).await, Outcome::MoreThanToppedUp);
    assert_eq!(outcome(&restaurant, &reversal(400)).await, Outcome::Booked);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bought_points_are_paid_back_at_the_price_paid() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client(PNT_SCHEME).await;
    assert_booked(&book(&restaurant.database, &client.top_up(1000)).await.unwrap());
    // 1.50 points at 3.33 euro: 4.995, rounded up to 5.00.
    let buy = ExchangeRequest { id: id(), wallet: client.wallet, points: 150, value_cents: 333 };
    assert_eq!(outcome(&restaurant, &buy).await, Outcome::Booked);
    assert_eq!(restaurant.purses(client).await[2], 500);
    let much = ExchangeRequest { id: id(), points: 100_000, ..buy };
    assert_eq!(outcome(&restaurant, &much).await, Outcome::InsufficientFunds);
    let back = |points| ExchangeBackRequest { id: id(), exchange: buy.id, points };
    assert_eq!(outcome(&restaurant, &back(151)).await, Outcome::MoreThanBought);
    assert_eq!(outcome(&restaurant, &back(50)).await, Outcome::Booked);
    assert_eq!(restaurant.purses(client).await[2], 666);
    assert_eq!(outcome(&restaurant, &back(100)).await, Outcome::Booked);
    assert_eq!(restaurant.purses(client).await[2], 1000);
    assert_eq!(outcome(&restaurant, &back(1)).await, Outcome::MoreThanBought);
    assert_eq!(restaurant.number("SELECT credit FROM wallet").await, 0);
    restaurant.verify().await;
}

fn hold(client: Client, cents: i64) -> HoldRequest {
    HoldRequest { id: id(), wallet: client.wallet, amounts: vec![(PurseName::Budget, cents)], expires_at: None }
}

fn capture(hold: OperationId, cents: i64, is_last: bool) -> CaptureRequest {
    CaptureRequest {
        id: id(),
        hold,
        service: SHOWER,
        quantity: 1,
        kind: LineKind::Care,
        price_cents: cents,
        units: Some(cents),
        vat_basis_points: 0,
        from_savings: false,
        is_last,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_captured_in_parts_released_or_expires() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(1000, 0).await;
    let held = hold(client, 900);
    assert_eq!(outcome(&restaurant, &held).await, Outcome::Booked);
    assert_eq!(outcome(&restaurant, &hold(client, 101)).await, Outcome::InsufficientFunds);
    // What is held is not free for a coffee.
    assert_eq!(restaurant.sell(&client.tap(&[(COFFEE, 1)])).await.operation.outcome, Outcome::InsufficientFunds);
    assert_eq!(outcome(&restaurant, &capture(held.id, 300, false)).await, Outcome::Approved);
    assert_eq!(restaurant.purses(client).await, [700, 600, 0, 0]);
    assert_eq!(outcome(&restaurant, &capture(held.id, 100, true)).await, Outcome::Approved);
    assert_eq!(restaurant.purses(client).await, [600, 0, 0, 0]);
    assert_eq!(outcome(&restaurant, &capture(held.id, 100, true)).await, Outcome::HoldNotOpen);

    let mut short = hold(client, 200);
    short.expires_at = Some(Utc::now() + Duration::milliseconds(300));
    assert_eq!(outcome(&restaurant, &short).await, Outcome::Booked);
    let expire = |hold| ReleaseRequest { id: id(), hold, expired: true };
    assert_eq!(outcome(&restaurant, &expire(short.id)).await, Outcome::HoldNotExpired);
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    assert_eq!(outcome(&restaurant, &capture(short.id, 100, true)).await, Outcome::HoldExpired);
    assert_eq!(outcome(&restaurant, &expire(short.id)).await, Outcome::Booked);
    assert_eq!(restaurant.purses(client).await, [600, 0, 0, 0]);

    let released = hold(client, 200);
    assert_eq!(outcome(&restaurant, &released).await, Outcome::Booked);
    let release = |hold| ReleaseRequest { id: id(), hold, expired: false };
    assert_eq!(outcome(&restaurant, &release(released.id)).await, Outcome::Booked);
    assert_eq!(outcome(&restaurant, &release(released.id)).await, Outcome::HoldNotOpen);
    assert_eq!(restaurant.purses(client).await, [600, 0, 0, 0]);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tap_that_delivers_an_occurrence_uses_its_hold_and_is_not_paid_twice() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(2000, 0).await;
    let held = hold(client, 1900);
    assert_eq!(outcome(&restaurant, &held).await, Outcome::Booked);
    let mut tap = client.tap(&[(SHOWER, 1)]);
    let line = BasketLine { service: SHOWER, quantity: 1, hold: Some(held.id) };
    tap.basket = pasje::domain::basket::Basket::new(vec![line]).unwrap();
    let answer = restaurant.sell(&tap).await.answer();
    assert_eq!((answer.legs[0].from, answer.legs[0].why, answer.legs[0].amount), ("budget", "planned", 1800));
    // What it did not use stays free.
    assert_eq!(restaurant.purses(client).await, [200, 0, 0, 0]);
    assert_eq!(outcome(&restaurant, &capture(held.id, 1800, true)).await, Outcome::HoldNotOpen);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_granted_once_and_points_balance_in_both_units() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client(PNT_SCHEME).await;
    let grant = Grant {
        unit: Unit::Pnt,
        unit_value_cents: Some(731),
        overhead: cents(40_000),
        collective: Amount::zero(Unit::Eur),
        reserve: cents(5_000),
        buffer: cents(1_001),
        budget: cents(123_456),
    };
    let request = || GrantRequest { id: id(), wallet: client.wallet, month: this_month(), grant };
    assert_eq!(outcome(&restaurant, &request()).await, Outcome::Booked);
    assert_eq!(outcome(&restaurant, &request()).await, Outcome::AlreadyGranted);
    let gross = "SELECT sum(amount)::bigint FROM ledger.transfer WHERE (debit >> 8) & 255 = 1";
    assert_eq!(restaurant.number(gross).await, 40_000 + 5_000 + 1_001 + 123_456);
    assert_eq!(restaurant.number("SELECT reserve FROM wallet").await, 683);
    assert_eq!(restaurant.number("SELECT balance FROM shared_buffer").await, 137);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unplanned_care_draws_on_the_shared_buffer_as_far_as_approved() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client(PNT_SCHEME).await;
    let zero = Amount::zero(Unit::Eur);
    let grant = Grant {
        unit: Unit::Pnt,
        unit_value_cents: Some(100),
        overhead: zero,
        collective: zero,
        reserve: cents(3),
        buffer: cents(900),
        budget: cents(2000),
    };
    let request = GrantRequest { id: id(), wallet: client.wallet, month: this_month(), grant };
    assert_booked(&book(&restaurant.database, &request).await.unwrap());
    let today = Utc::now().date_naive();
    let draw = DrawRequest {
        id: id(),
        wallet: client.wallet,
        amount: 600,
        from: today - Duration::days(1),
        until: today + Duration::days(14),
    };
    assert_eq!(outcome(&restaurant, &draw).await, Outcome::Booked);
    // A shower costs 10.00 points: 0.03 reserve, 6.00 buffer, the rest budget. Two at once, in one batch.
    let taps = [client.tap(&[(SHOWER, 1)]), client.tap(&[(SHOWER, 1)])];
    let (first, second) = tokio::join!(restaurant.sell(&taps[0]), restaurant.sell(&taps[1]));
    let legs = |booked: &pasje::domain::operation::Booked| {
        booked.answer().legs.iter().map(|leg| (leg.from, leg.amount)).collect::<Vec<_>>()
    };
    assert_eq!(legs(&first), [("reserve", 3), ("buffer", 600), ("budget", 397)]);
    assert_eq!(legs(&second), [("budget", 1000)]);
    assert_eq!(restaurant.number("SELECT balance FROM shared_buffer").await, 300);
    assert_eq!(restaurant.number("SELECT used FROM buffer_draw").await, 600);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn own_money_goes_out_only_after_two_other_people_approve() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(0, 1000).await;
    let [asks, first, second] = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
    let payout = PayoutRequest { id: id(), wallet: client.wallet, cents: 800, staff: asks };
    let step = |step| PayoutStepRequest { id: id(), payout: payout.id, step };
    let approve = |staff| step(PayoutStep::Approve { staff });
    let paid = || step(PayoutStep::Paid { from: Till::Bank });
    assert_eq!(outcome(&restaurant, &payout).await, Outcome::Booked);
    // Held until then: it cannot be spent meanwhile.
    assert_eq!(restaurant.sell(&client.tap(&[(WINE, 1)])).await.operation.outcome, Outcome::InsufficientFunds);
    assert_eq!(outcome(&restaurant, &approve(asks)).await, Outcome::SamePerson);
    assert_eq!(outcome(&restaurant, &approve(first)).await, Outcome::Booked);
    assert_eq!(outcome(&restaurant, &approve(first)).await, Outcome::SamePerson);
    assert_eq!(outcome(&restaurant, &paid()).await, Outcome::PayoutNotApproved);
    assert_eq!(restaurant.purses(client).await, [0, 0, 1000, 800]);
    assert_eq!(outcome(&restaurant, &approve(second)).await, Outcome::Booked);
    assert_eq!(restaurant.purses(client).await, [0, 0, 200, 0]);
    assert_eq!(outcome(&restaurant, &approve(Uuid::now_v7())).await, Outcome::PayoutNotOpen);
    assert_eq!(outcome(&restaurant, &paid()).await, Outcome::Booked);
    assert_eq!(outcome(&restaurant, &paid()).await, Outcome::PayoutNotApproved);
    let withdrawn = PayoutRequest { id: id(), cents: 200, ..payout };
    assert_eq!(outcome(&restaurant, &withdrawn).await, Outcome::Booked);
    let withdraw = PayoutStepRequest { id: id(), payout: withdrawn.id, step: PayoutStep::Withdraw { staff: asks } };
    assert_eq!(outcome(&restaurant, &withdraw).await, Outcome::Booked);
    assert_eq!(restaurant.purses(client).await, [0, 0, 200, 0]);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_count_extras_and_own_lines_and_come_back_with_a_refund() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(10_000, 10_000).await;
    restaurant.run("UPDATE card SET day_limit_cents = 600, tap_limit_cents = 500").await;
    let sale = restaurant.sell(&client.tap(&[(MEAL, 1), (COFFEE, 1), (WINE, 1)])).await;
    // The meal does not count; coffee does; wine would be 5.60 in one tap.
    assert_eq!(sale.operation.outcome, Outcome::ApprovedInPart);
    assert_eq!(sale.answer().left_out[0].reason, "over_limit");
    assert_eq!(restaurant.sell(&client.tap(&[(WINE, 1)])).await.operation.outcome, Outcome::Approved);
    assert_eq!(restaurant.sell(&client.tap(&[(COFFEE, 1)])).await.operation.outcome, Outcome::OverLimit);
    assert_eq!(outcome(&restaurant, &refund(sale.operation.id, &[(1, 1), (0, 1)])).await, Outcome::Booked);
    assert_eq!(restaurant.sell(&client.tap(&[(COFFEE, 1)])).await.operation.outcome, Outcome::Approved);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_cannot_spend_what_a_payout_holds() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(0, 628).await;
    let payout = PayoutRequest { id: id(), wallet: client.wallet, cents: 628, staff: Uuid::now_v7() };
    assert_eq!(outcome(&restaurant, &payout).await, Outcome::Booked);
    let mut tap = client.tap(&[(WINE, 1)]);
    let line = BasketLine { service: WINE, quantity: 1, hold: Some(payout.id) };
    tap.basket = pasje::domain::basket::Basket::new(vec![line]).unwrap();
    assert_eq!(restaurant.sell(&tap).await.operation.outcome, Outcome::InsufficientFunds);
    assert_eq!(restaurant.purses(client).await, [0, 0, 628, 628]);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_by_name_of_a_sale_that_was_approved_is_not_booked_again() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(5000, 0).await;
    let sale = |mode| {
        let mut sale = client.tap(&[(SHOWER, 1)]);
        (sale.mode, sale.payer) = (mode, pasje::domain::sale::Payer::ByName { wallet: client.wallet });
        sale.staff = Some(Uuid::now_v7());
        sale
    };
    let attempt = sale(SaleMode::Online);
    assert_eq!(restaurant.sell(&attempt).await.operation.outcome, Outcome::Approved);
    let forward = sale(SaleMode::Forward { instead_of: Some(attempt.id) });
    assert_eq!(restaurant.sell(&forward).await.operation.outcome, Outcome::AlreadyBooked);
    assert_eq!(restaurant.purses(client).await[0], 5000 - 1800);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_job_gives_back_every_hold_whose_time_is_over_and_no_other() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(1000, 0).await;
    let expiring = |at| HoldRequest { expires_at: at, ..hold(client, 100) };
    let now = Utc::now();
    for at in [
        Some(now + Duration::milliseconds(100)),
        Some(now + Duration::milliseconds(200)),
        Some(now + Duration::hours(1)),
        None,
    ] {
        assert_eq!(outcome(&restaurant, &expiring(at)).await, Outcome::Booked);
    }
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    let expire = || pasje::services::expire_holds::expire_holds(&restaurant.database);
    let (one, two) = tokio::join!(expire(), expire());
    assert_eq!(one.unwrap() + two.unwrap(), 2);
    assert_eq!(expire().await.unwrap(), 0);
    assert_eq!(restaurant.purses(client).await, [1000, 200, 0, 0]);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_sells_what_its_attempt_did_not_and_nothing_twice() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(2000, 0).await;
    let forward = |attempt, lines: &[(Uuid, u32)]| {
        let mut forward = client.tap(lines);
        forward.mode = SaleMode::Forward { instead_of: Some(attempt) };
        forward
    };
    // The attempt sold the coffee and left the wine out; both were handed over offline.
    let attempt = client.tap(&[(COFFEE, 1), (WINE, 1)]);
    assert_eq!(restaurant.sell(&attempt).await.operation.outcome, Outcome::ApprovedInPart);
    let answer = restaurant.sell(&forward(attempt.id, &[(COFFEE, 1), (WINE, 1)])).await.answer();
    assert_eq!((answer.outcome, answer.left_out[0].reason), ("approved_in_part", "already_booked"));
    assert_eq!((answer.legs.len(), answer.legs[0].from, answer.legs[0].amount), (1, "offline_loss", 310));
    assert_eq!(restaurant.purses(client).await[0], 1750);

    // The attempt was voided: its forward is a sale of its own.
    let attempt = client.tap(&[(COFFEE, 1)]);
    assert_eq!(restaurant.sell(&attempt).await.operation.outcome, Outcome::Approved);
    assert_eq!(outcome(&restaurant, &void(attempt.id, client)).await, Outcome::Booked);
    assert_eq!(restaurant.sell(&forward(attempt.id, &[(COFFEE, 1)])).await.operation.outcome, Outcome::Approved);
    assert_eq!(restaurant.purses(client).await[0], 1500);

    // Three coffees were handed over, the attempt had sold two; in one batch as well.
    let attempt = client.tap(&[(COFFEE, 2)]);
    let forward = forward(attempt.id, &[(COFFEE, 3)]);
    let (first, second) = tokio::join!(restaurant.sell(&attempt), restaurant.sell(&forward));
    assert_eq!(first.operation.outcome, Outcome::Approved);
    assert_eq!((second.operation.outcome, second.operation.lines[0].quantity), (Outcome::Approved, 1));
    assert_eq!(restaurant.purses(client).await[0], 750);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_forward_names_is_not_taken_for_a_reversal() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(0, 0).await;
    let top_up = client.top_up(1000);
    assert_eq!(outcome(&restaurant, &top_up).await, Outcome::Booked);
    let mut forward = client.tap(&[(WINE, 1)]);
    forward.mode = SaleMode::Forward { instead_of: Some(top_up.id) };
    assert_eq!(restaurant.sell(&forward).await.operation.outcome, Outcome::Approved);
    let reversal = TopUpReversalRequest { id: id(), top_up: top_up.id, cents: 1000 };
    assert_eq!(outcome(&restaurant, &reversal).await, Outcome::Booked);
    restaurant.verify().await;
}
