//! Absurd input: a clear outcome or problem, and nothing booked.

use chrono::{Duration, Utc};
use pasje::domain::account::{OrganisationId, WalletId};
use pasje::domain::basket::Basket;
use pasje::domain::funding::{LineKind, PurseName};
use pasje::domain::grant::{Grant, GrantRequest};
use pasje::domain::hold::{CaptureRequest, HoldRequest, ReleaseRequest};
use pasje::domain::money::{Amount, Unit};
use pasje::domain::operation::{IdError, OperationId, Outcome};
use pasje::domain::payout::{PayoutRequest, PayoutStep, PayoutStepRequest};
use pasje::domain::refund::{RefundRequest, VoidRequest};
use pasje::domain::request::{Malformed, Problem};
use pasje::domain::sale::{Payer, SaleMode, SaleRequest};
use pasje::domain::saving::{CloseRequest, Fate};
use pasje::domain::top_up::{TopUpRequest, TopUpReversalRequest};
use pasje::services::authorise::AuthoriseError;
use pasje::services::book::{BookError, Booking, book};
use uuid::Uuid;

use crate::fixture::{COFFEE, Restaurant, id, id_at, line, terminal, this_month};

#[test]
fn baskets_that_cannot_be_are_refused_before_anything_else() {
    assert_eq!(Basket::new(vec![]), Err(Malformed::NoLines));
    assert_eq!(Basket::new(vec![line(COFFEE, 1); 10_000]), Err(Malformed::TooManyLines));
    assert_eq!(Basket::new(vec![line(COFFEE, 1), line(COFFEE, 0)]), Err(Malformed::Quantity { line: 1 }));
    assert_eq!(Basket::new(vec![line(COFFEE, u32::MAX)]), Err(Malformed::Quantity { line: 0 }));
    let hold = Some(id());
    let held = |quantity| pasje::domain::basket::BasketLine { service: COFFEE, quantity, hold };
    assert_eq!(Basket::new(vec![held(1), held(2)]), Err(Malformed::HoldTwice { line: 1 }));
    assert_eq!(OperationId::new(Uuid::new_v4()), Err(IdError::NotVersion7));
    assert_eq!(OperationId::new(Uuid::nil()), Err(IdError::NotVersion7));
}

async fn problem<B: Booking>(restaurant: &Restaurant, request: &B) -> Problem {
    let rows = restaurant.rows().await;
    let problem = match book(&restaurant.database, request).await {
        Err(BookError::Problem(problem)) => problem,
        other => panic!("no problem but {other:?}"),
    };
    assert_eq!(restaurant.rows().await, rows, "{problem:?} booked something");
    problem
}

fn malformed(error: Malformed) -> Problem {
    Problem::Malformed(error)
}

#[tokio::test(flavor = "multi_thread")]
async fn absurd_amounts_are_problems_and_book_nothing() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(1000, 1000).await;
    let wallet = client.wallet;
    for cents in [0, -1, i64::MIN, i64::MAX, Amount::MAX_MINOR + 1] {
        let amount = malformed(Malformed::Amount);
        assert_eq!(problem(&restaurant, &client.top_up(cents)).await, amount);
        let save = CloseRequest { id: id(), wallet, fate: Fate::Save, from: PurseName::Budget, amount: cents };
        assert_eq!(problem(&restaurant, &save).await, amount);
        let hold = HoldRequest { id: id(), wallet, amounts: vec![(PurseName::Budget, cents)], expires_at: None };
        assert_eq!(problem(&restaurant, &hold).await, amount);
        let payout = PayoutRequest { id: id(), wallet, cents, staff: Uuid::now_v7() };
        assert_eq!(problem(&restaurant, &payout).await, amount);
    }
    // Two top-ups that are each in range and together are not.
    let first = book(&restaurant.database, &client.top_up(Amount::MAX_MINOR - 1000)).await.unwrap();
    assert_eq!(first.operation.outcome, Outcome::Booked);
    assert_eq!(problem(&restaurant, &client.top_up(1)).await, malformed(Malformed::PurseFull));
    // Own money never lapses and cannot be saved; a euro wallet has no points.
    for from in [PurseName::Credit, PurseName::CreditCents] {
        for fate in [Fate::Save, Fate::Lapse] {
            let request = CloseRequest { id: id(), wallet, fate, from, amount: 1 };
            assert_eq!(problem(&restaurant, &request).await, malformed(Malformed::Units));
        }
    }
    let hold = HoldRequest { id: id(), wallet, amounts: vec![(PurseName::Credit, 1)], expires_at: None };
    assert_eq!(problem(&restaurant, &hold).await, malformed(Malformed::Units));
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unknown_is_a_problem_and_books_nothing() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(1000, 1000).await;
    let nobody = WalletId::new(OrganisationId::new(1).unwrap(), u32::MAX).unwrap();
    let request = TopUpRequest { wallet: nobody, ..client.top_up(100) };
    assert_eq!(problem(&restaurant, &request).await, Problem::Unknown("wallet"));
    let elsewhere = WalletId::new(OrganisationId::new(32_767).unwrap(), 1).unwrap();
    let request = TopUpRequest { wallet: elsewhere, ..client.top_up(100) };
    assert_eq!(problem(&restaurant, &request).await, Problem::Unknown("wallet"));

    let refund = RefundRequest { id: id(), sale: id(), terminal: terminal(), staff: None, lines: vec![(0, 1)] };
    assert_eq!(problem(&restaurant, &refund).await, Problem::Unknown("sale"));
    let reversal = TopUpReversalRequest { id: id(), top_up: id(), cents: 1 };
    assert_eq!(problem(&restaurant, &reversal).await, Problem::Unknown("top-up"));
    let release = ReleaseRequest { id: id(), hold: id(), expired: false };
    assert_eq!(problem(&restaurant, &release).await, Problem::Unknown("hold"));
    let step = PayoutStepRequest { id: id(), payout: id(), step: PayoutStep::Approve { staff: Uuid::now_v7() } };
    assert_eq!(problem(&restaurant, &step).await, Problem::Unknown("payout"));

    // A top-up is no sale, and a sale is no hold.
    let top_up = client.top_up(100);
    book(&restaurant.database, &top_up).await.unwrap();
    let refund = RefundRequest { id: id(), sale: top_up.id, terminal: terminal(), staff: None, lines: vec![(0, 1)] };
    assert_eq!(problem(&restaurant, &refund).await, Problem::Unknown("sale"));
    let sale = restaurant.sell(&client.tap(&[(COFFEE, 1)])).await.operation.id;
    let release = ReleaseRequest { id: id(), hold: sale, expired: false };
    assert_eq!(problem(&restaurant, &release).await, Problem::Unknown("hold"));
    // A sale of another organisation does not exist for its terminals.
    let mut foreign = terminal();
    foreign.organisation = OrganisationId::new(2).unwrap();
    let refund = RefundRequest { id: id(), sale, terminal: foreign, staff: None, lines: vec![(0, 1)] };
    assert_eq!(problem(&restaurant, &refund).await, Problem::Unknown("sale"));
    let client_ref = pasje::domain::refund::Client::Card(client.card);
    let void = VoidRequest { id: id(), sale, terminal: foreign, staff: None, client: client_ref };
    assert_eq!(problem(&restaurant, &void).await, Problem::Unknown("sale"));
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_from_the_far_past_and_future_and_of_something_else_are_problems() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(1000, 1000).await;
    let at = |offset| TopUpRequest { id: id_at(Utc::now() + offset), ..client.top_up(100) };
    assert_eq!(problem(&restaurant, &at(-Duration::days(36))).await, Problem::Id(IdError::TooOld));
    assert_eq!(problem(&restaurant, &at(Duration::minutes(10))).await, Problem::Id(IdError::TooNew));
    let top_up = client.top_up(100);
    book(&restaurant.database, &top_up).await.unwrap();
    assert_eq!(problem(&restaurant, &TopUpRequest { cents: 101, ..top_up }).await, Problem::IdReused);
    let mut sale = client.tap(&[(COFFEE, 1)]);
    sale.id = top_up.id;
    let error = restaurant.authoriser.sell(sale).await.unwrap_err();
    assert!(matches!(error, AuthoriseError::Problem(Problem::IdReused)), "{error:?}");
    // An operation that refers to itself.
    let own = id();
    let refund = RefundRequest { id: own, sale: own, terminal: terminal(), staff: None, lines: vec![(0, 1)] };
    assert_eq!(problem(&restaurant, &refund).await, malformed(Malformed::SelfReference));
    let mut forward = client.tap(&[(COFFEE, 1)]);
    forward.mode = SaleMode::Forward { instead_of: Some(forward.id) };
    let error = restaurant.authoriser.sell(forward).await.unwrap_err();
    assert!(matches!(error, AuthoriseError::Problem(Problem::Malformed(Malformed::SelfReference))), "{error:?}");
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_and_captures_in_the_wrong_unit_are_problems() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(1000, 1000).await;
    let zero = Amount::zero(Unit::Eur);
    let grant = Grant {
        unit: Unit::Pnt,
        unit_value_cents: Some(500),
        overhead: zero,
        collective: zero,
        reserve: zero,
        buffer: zero,
        budget: crate::fixture::cents(100),
    };
    let request = |grant| GrantRequest { id: id(), wallet: client.wallet, month: this_month(), grant };
    assert_eq!(problem(&restaurant, &request(grant)).await, malformed(Malformed::Units));
    let nothing = Grant { budget: zero, unit: Unit::Eur, unit_value_cents: None, ..grant };
    assert_eq!(problem(&restaurant, &request(nothing)).await, malformed(Malformed::Amount));
    for value in [None, Some(0), Some(-5)] {
        let grant = Grant { unit_value_cents: value, budget: crate::fixture::cents(100), ..grant };
        let found = problem(&restaurant, &request(grant)).await;
        assert!(matches!(found, Problem::Malformed(Malformed::UnitValue | Malformed::Units)), "{found:?}");
    }
    let hold =
        HoldRequest { id: id(), wallet: client.wallet, amounts: vec![(PurseName::Budget, 10)], expires_at: None };
    book(&restaurant.database, &hold).await.unwrap();
    let capture = CaptureRequest {
        id: id(),
        hold: hold.id,
        service: COFFEE,
        quantity: 1,
        kind: LineKind::Extra,
        price_cents: 10,
        units: Some(11),
        vat_basis_points: 900,
        from_savings: false,
        is_last: true,
    };
    assert_eq!(problem(&restaurant, &capture).await, malformed(Malformed::PriceAndUnitsDisagree));
    let capture = CaptureRequest { units: Some(10), quantity: 0, ..capture };
    assert_eq!(problem(&restaurant, &capture).await, malformed(Malformed::Quantity { line: 0 }));
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_wallet_sells_nothing_and_takes_no_money() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(1000, 1000).await;
    restaurant.run("UPDATE wallet SET status = 2").await;
    let before = restaurant.purses(client).await;
    let sale = restaurant.sell(&client.tap(&[(COFFEE, 1)])).await;
    assert_eq!(sale.operation.outcome, Outcome::WalletClosed);
    let mut by_name = client.tap(&[(COFFEE, 1)]);
    by_name.payer = Payer::ByName { wallet: client.wallet };
    let error = restaurant.authoriser.sell(by_name.clone()).await.unwrap_err();
    assert!(matches!(error, AuthoriseError::Problem(Problem::Malformed(Malformed::StaffMissing))), "{error:?}");
    by_name.staff = Some(Uuid::now_v7());
    let by_name: SaleRequest = by_name;
    assert_eq!(restaurant.sell(&by_name).await.operation.outcome, Outcome::WalletClosed);
    let top_up = book(&restaurant.database, &client.top_up(100)).await.unwrap();
    assert_eq!(top_up.operation.outcome, Outcome::WalletClosed);
    assert!(sale.operation.transfers.is_empty() && top_up.operation.transfers.is_empty());
    assert_eq!(restaurant.purses(client).await, before);
    restaurant.verify().await;
}
