//! Forwarded sales: counters, the attempts that they replace, what they lose and who takes it over.

use chrono::{Duration, Utc};
use pasje::db::reviews::{self, NewReview};
use pasje::domain::money::Amount;
use pasje::domain::operation::{Booked, IdError, OperationId, Outcome};
use pasje::domain::refund::{Client as Paid, RefundRequest, VoidRequest};
use pasje::domain::request::Problem;
use pasje::domain::review::{ReviewWhy, Settlement, of_judged};
use pasje::domain::sale::{Payer, SaleMode, SaleRequest};
use pasje::domain::tap::Tap;
use pasje::services::authorise::AuthoriseError;
use pasje::services::book::book;
use pasje::services::reviews::{ReviewError, Word, handle, settle_from_own_money, write_off};
use uuid::Uuid;

use crate::fixture::{COFFEE, Client, EUR_SCHEME, Restaurant, SHOWER, WINE, WRONG_MAC, id, id_at, terminal};

/// Sold offline with this counter.
fn forward(client: &Client, counter: u32, instead_of: Option<OperationId>, lines: &[(Uuid, u32)]) -> SaleRequest {
    SaleRequest {
        payer: crate::support::tap(client.card, counter, [0; 16]),
        mode: SaleMode::Forward { instead_of },
        ..client.tap(lines)
    }
}

/// Tried online with this counter.
fn attempt(client: &Client, counter: u32, lines: &[(Uuid, u32)]) -> SaleRequest {
    SaleRequest { mode: SaleMode::Online, ..forward(client, counter, None, lines) }
}

async fn outcome(restaurant: &Restaurant, request: &SaleRequest) -> Outcome {
    restaurant.sell(request).await.operation.outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_below_the_window_is_looked_up_and_used_once() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(100_000, 0).await;
    let coffee = [(COFFEE, 1)];
    assert_eq!(outcome(&restaurant, &attempt(&client, 7, &coffee)).await, Outcome::Approved);
    assert_eq!(outcome(&restaurant, &attempt(&client, 2000, &coffee)).await, Outcome::Approved);
    // used before it left the window, and not
    assert_eq!(outcome(&restaurant, &forward(&client, 7, None, &coffee)).await, Outcome::CounterUsed);
    assert_eq!(outcome(&restaurant, &forward(&client, 8, None, &coffee)).await, Outcome::Approved);
    assert_eq!(outcome(&restaurant, &forward(&client, 8, None, &coffee)).await, Outcome::CounterUsed);
    assert_eq!(outcome(&restaurant, &forward(&client, 0, None, &coffee)).await, Outcome::CounterTooOld);
    // online, old is old
    assert_eq!(outcome(&restaurant, &attempt(&client, 9, &coffee)).await, Outcome::CounterTooOld);
    // in one batch: twice the same, one that leaves the window while the batch is decided, and what pushes it out
    let batch = vec![
        forward(&client, 10, None, &coffee),
        forward(&client, 10, None, &coffee),
        forward(&client, 1990, None, &coffee),
        attempt(&client, 3000, &coffee),
        forward(&client, 1990, None, &coffee),
        forward(&client, 1991, None, &coffee),
    ];
    let answers = restaurant.authoriser.sell_in_order(batch).await;
    let outcomes: Vec<Outcome> = answers.into_iter().map(|answer| answer.unwrap().operation.outcome).collect();
    let names: Vec<&str> = outcomes.into_iter().map(Outcome::name).collect();
    let wanted = ["approved", "counter_used", "approved", "approved", "counter_used", "approved"];
    assert_eq!(names, wanted);
    assert_eq!(restaurant.number("SELECT last_counter FROM card").await, 3000);
    // what nobody signed asks the ledger nothing
    let mut forged = forward(&client, 11, None, &coffee);
    let Payer::Card(tap) = forged.payer else { unreachable!() };
    forged.payer = Payer::Card(Tap { mac: WRONG_MAC, ..tap });
    assert_eq!(outcome(&restaurant, &forged).await, Outcome::CardMacWrong);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_and_its_attempt_book_one_sale_whichever_comes_first() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(100_000, 0).await;
    let coffee = [(COFFEE, 1)];
    let sold = || async { (100_000 - restaurant.purses(client).await[0]) / 250 };

    // the attempt first
    let tried = attempt(&client, 1, &coffee);
    assert_eq!(outcome(&restaurant, &tried).await, Outcome::Approved);
    let sent = forward(&client, 2, Some(tried.id), &coffee);
    assert_eq!((outcome(&restaurant, &sent).await, sold().await), (Outcome::AlreadyBooked, 1));

    // the forward first; the copy is late, and comes again
    let tried = attempt(&client, 3, &coffee);
    let sent = forward(&client, 4, Some(tried.id), &coffee);
    assert_eq!(outcome(&restaurant, &sent).await, Outcome::Approved);
    for _ in 0..2 {
        assert_eq!((outcome(&restaurant, &tried).await, sold().await), (Outcome::Superseded, 2));
    }

    // the attempt was declined: the forward is booked
    let tried = attempt(&client, 5, &[(WINE, 1)]);
    assert_eq!(outcome(&restaurant, &tried).await, Outcome::InsufficientFunds);
    let sent = forward(&client, 6, Some(tried.id), &coffee);
    assert_eq!((outcome(&restaurant, &sent).await, sold().await), (Outcome::Approved, 3));

    // the attempt was sold and voided: what was handed over is booked
    let void =
        |sale| VoidRequest { id: id(), sale, terminal: terminal(), staff: None, client: Paid::Card(client.card) };
    let tried = attempt(&client, 7, &coffee);
    assert_eq!(outcome(&restaurant, &tried).await, Outcome::Approved);
    assert_eq!(book(&restaurant.database, &void(tried.id)).await.unwrap().operation.outcome, Outcome::Booked);
    let sent = forward(&client, 8, Some(tried.id), &coffee);
    assert_eq!((outcome(&restaurant, &sent).await, sold().await), (Outcome::Approved, 4));

    // the attempt was voided before it came, and so was a forward of its own id
    let tried = attempt(&client, 9, &coffee);
    assert_eq!(
        book(&restaurant.database, &void(tried.id)).await.unwrap().operation.outcome,
        Outcome::CancelledBeforehand
    );
    let sent = forward(&client, 10, Some(tried.id), &coffee);
    assert_eq!((outcome(&restaurant, &sent).await, sold().await), (Outcome::Approved, 5));
    let sent = forward(&client, 11, None, &coffee);
    book(&restaurant.database, &void(sent.id)).await.unwrap();
    let cancelled = restaurant.sell(&sent).await;
    assert_eq!((cancelled.operation.outcome, sold().await), (Outcome::Cancelled, 5));
    assert_eq!(of_judged(&cancelled.operation).unwrap(), [], "a void is no case for review");
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_void_of_a_forward_undoes_what_its_attempt_sold_too() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(100_000, 0).await;
    let void =
        |sale| VoidRequest { id: id(), sale, terminal: terminal(), staff: None, client: Paid::Card(client.card) };
    let outcome_of = |booked: &Booked| booked.operation.outcome;

    // the attempt sold all: the forward sold nothing, and the void gives the attempt back, once
    let tried = attempt(&client, 1, &[(COFFEE, 1)]);
    assert_eq!(outcome(&restaurant, &tried).await, Outcome::Approved);
    let sent = forward(&client, 2, Some(tried.id), &[(COFFEE, 1)]);
    assert_eq!(outcome(&restaurant, &sent).await, Outcome::AlreadyBooked);
    let request = void(sent.id);
    let undone = book(&restaurant.database, &request).await.unwrap();
    assert_eq!((outcome_of(&undone), undone.operation.reference), (Outcome::Booked, Some(tried.id)));
    assert_eq!(restaurant.purses(client).await[0], 100_000);
    assert_eq!(book(&restaurant.database, &request).await.unwrap(), undone);
    for again in [sent.id, tried.id] {
        assert_eq!(outcome_of(&book(&restaurant.database, &void(again)).await.unwrap()), Outcome::NothingLeft);
    }

    // the attempt sold a part, the forward the rest: both
    let tried = attempt(&client, 3, &[(COFFEE, 1), (SHOWER, 1)]);
    assert_eq!(outcome(&restaurant, &tried).await, Outcome::Approved);
    let sent = forward(&client, 4, Some(tried.id), &[(COFFEE, 3), (SHOWER, 1)]);
    assert_eq!(outcome(&restaurant, &sent).await, Outcome::ApprovedInPart);
    assert_eq!(restaurant.purses(client).await[0], 100_000 - 3 * 250 - 1800);
    let request = void(sent.id);
    let undone = book(&restaurant.database, &request).await.unwrap();
    assert_eq!((outcome_of(&undone), undone.operation.reference), (Outcome::Booked, Some(sent.id)));
    assert_eq!(restaurant.purses(client).await[0], 100_000);
    assert_eq!(book(&restaurant.database, &request).await.unwrap(), undone);
    assert_eq!(outcome_of(&book(&restaurant.database, &void(tried.id)).await.unwrap()), Outcome::NothingLeft);

    // the attempt was declined, and so was its forward: there is nothing to undo
    let tried = attempt(&client, 5, &[(WINE, 1)]);
    assert_eq!(outcome(&restaurant, &tried).await, Outcome::InsufficientFunds);
    let mut sent = forward(&client, 6, Some(tried.id), &[(COFFEE, 1)]);
    let Payer::Card(tap) = sent.payer else { unreachable!() };
    sent.payer = Payer::Card(Tap { mac: WRONG_MAC, ..tap });
    assert_eq!(outcome(&restaurant, &sent).await, Outcome::CardMacWrong);
    assert_eq!(outcome_of(&book(&restaurant.database, &void(sent.id)).await.unwrap()), Outcome::NotApproved);
    // another's attempt stays
    let other = restaurant.client_with(1000, 0).await;
    let theirs = attempt(&other, 1, &[(COFFEE, 1)]);
    assert_eq!(outcome(&restaurant, &theirs).await, Outcome::Approved);
    let sent = forward(&client, 7, Some(theirs.id), &[(COFFEE, 1)]);
    assert_eq!(outcome(&restaurant, &sent).await, Outcome::Approved);
    assert_eq!(outcome_of(&book(&restaurant.database, &void(sent.id)).await.unwrap()), Outcome::Booked);
    assert_eq!((restaurant.purses(client).await[0], restaurant.purses(other).await[0]), (100_000, 750));
    // a void of the attempt that a forward took the place of undoes nothing
    let tried = attempt(&client, 8, &[(COFFEE, 1)]);
    let sent = forward(&client, 9, Some(tried.id), &[(COFFEE, 1)]);
    assert_eq!(outcome(&restaurant, &sent).await, Outcome::Approved);
    assert_eq!(outcome_of(&book(&restaurant.database, &void(tried.id)).await.unwrap()), Outcome::NotApproved);
    assert_eq!(restaurant.purses(client).await[0], 100_000 - 250);
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_and_its_attempt_at_once_in_two_services_book_one_sale() {
    let restaurant = Restaurant::open().await;
    let other = crate::fixture::service(&restaurant.database);
    let client = restaurant.client_with(100_000, 0).await;
    let mut forwards_first = 0;
    for round in 1..=30 {
        let tried = attempt(&client, round * 2, &[(COFFEE, 1)]);
        let sent = forward(&client, round * 2 + 1, Some(tried.id), &[(COFFEE, 1)]);
        let (tried, sent) = tokio::join!(restaurant.authoriser.sell(tried), other.sell(sent));
        let (tried, sent) = (tried.unwrap().operation.outcome, sent.unwrap().operation.outcome);
        match (tried, sent) {
            (Outcome::Approved, Outcome::AlreadyBooked) => {}
            (Outcome::Superseded, Outcome::Approved) => forwards_first += 1,
            other => panic!("{other:?}"),
        }
        assert_eq!(restaurant.purses(client).await[0], 100_000 - i64::from(round) * 250);
    }
    println!("the forward came first {forwards_first} times of 30");
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_of_the_future_is_booked_neither_beside_its_forward_nor_instead() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(100_000, 0).await;
    let coffee = [(COFFEE, 1)];
    // near: its id is taken
    let near = id_at(Utc::now() + Duration::days(10));
    let sent = forward(&client, 2, Some(near), &coffee);
    assert_eq!(outcome(&restaurant, &sent).await, Outcome::Approved);
    let late = SaleRequest { id: near, ..attempt(&client, 1, &coffee) };
    assert_eq!(outcome(&restaurant, &late).await, Outcome::Superseded);
    // far: when its time has come, the card has counted on
    let far = id_at(Utc::now() + Duration::days(60));
    let sent = forward(&client, 4, Some(far), &coffee);
    assert_eq!(outcome(&restaurant, &sent).await, Outcome::Approved);
    let late = SaleRequest { id: far, ..attempt(&client, 3, &coffee) };
    let refused = restaurant.authoriser.sell(late.clone()).await;
    assert!(matches!(refused, Err(AuthoriseError::Problem(Problem::Id(IdError::TooNew)))), "{refused:?}");
    let late = SaleRequest { id: id(), ..late };
    assert_eq!(outcome(&restaurant, &late).await, Outcome::CounterTooOld);
    // by name nothing counts: near it is booked, far it is not
    let by_name = |instead_of| SaleRequest {
        payer: Payer::ByName { wallet: client.wallet },
        staff: Some(Uuid::now_v7()),
        ..forward(&client, 0, Some(instead_of), &[(SHOWER, 1)])
    };
    let near = id_at(Utc::now() + Duration::days(11));
    assert_eq!(outcome(&restaurant, &by_name(near)).await, Outcome::Approved);
    let refused = restaurant.authoriser.sell(by_name(far)).await;
    assert!(matches!(refused, Err(AuthoriseError::Problem(Problem::Id(IdError::TooNew)))), "{refused:?}");
    restaurant.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_that_costs_more_than_the_card_signed_is_booked_to_nobody() {
    let restaurant = Restaurant::open().await;
    let client = restaurant.client_with(100_000, 0).await;
    let mut sent = forward(&client, 1, None, &[(COFFEE, 2)]);
    let Payer::Card(tap) = sent.payer else { unreachable!() };
    sent.payer = Payer::Card(Tap { amount: Amount::cents(499).unwrap(), ..tap });
    let booked = restaurant.sell(&sent).await;
    assert_eq!((booked.operation.outcome, booked.operation.transfers.len()), (Outcome::AmountExceeded, 0));
    assert_eq!(of_judged(&booked.operation).unwrap(), [(ReviewWhy::Declined, None)]);
    let again = SaleRequest { id: id(), payer: Payer::Card(Tap { counter: 2, ..tap }), ..sent };
    assert_eq!(outcome(&restaurant, &again).await, Outcome::Approved);
    restaurant.verify().await;
}

fn word(reason: &str) -> Word {
    Word { by: "office".to_owned(), reason: reason.to_owned() }
}

/// A forward of wine that own money could not pay, and the review of its loss.
async fn lose(restaurant: &Restaurant, client: &Client, counter: u32, bottles: u32) -> (Booked, i64) {
    let booked = restaurant.sell(&forward(client, counter, None, &[(WINE, bottles)])).await;
    let reviews = of_judged(&booked.operation).unwrap();
    let [(ReviewWhy::OfflineLoss, Some(loss))] = reviews[..] else { panic!("{reviews:?}") };
    let conn = restaurant.database.connection().await.unwrap();
    let new = NewReview {
        sequence: counter.into(),
        why: ReviewWhy::OfflineLoss,
        operation: Some(booked.operation.id),
        loss: Some(loss),
        record: None,
    };
    reviews::open(&conn, terminal().organisation, terminal().id, &[new]).await.unwrap();
    let open = reviews::list(&conn, false).await.unwrap();
    (booked, open.last().unwrap().id)
}

fn declined(result: Result<Booked, ReviewError>) -> Outcome {
    match result {
        Err(ReviewError::Declined(outcome)) => outcome,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn own_money_takes_a_loss_over_once_with_consent_and_never_more_than_is_lost_or_free() {
    let restaurant = Restaurant::open().await;
    let database = &restaurant.database;
    let client = restaurant.client_with(0, 100).await;
    let (sale, review) = lose(&restaurant, &client, 1, 1).await;
    assert_eq!(restaurant.purses(client).await, [0, 0, 0, 0], "what there was paid its part");
    // 3.10 less 1.00 was lost
    assert_eq!(declined(settle_from_own_money(database, review, Some(211), &word("x")).await), Outcome::MoreThanLost);
    assert_eq!(declined(settle_from_own_money(database, review, None, &word("x")).await), Outcome::InsufficientFunds);
    book(database, &client.top_up(150)).await.unwrap();
    assert_eq!(declined(settle_from_own_money(database, review, None, &word("x")).await), Outcome::InsufficientFunds);
    for text in [String::new(), "x".repeat(2001)] {
        assert!(matches!(
            settle_from_own_money(database, review, Some(1), &word(&text)).await,
            Err(ReviewError::Text(..))
        ));
    }
    assert!(matches!(handle(database, review, &word("x")).await, Err(ReviewError::IsLoss(_))));
    // two people at once: one of them
    let (consent_one, consent_two) = (word("mw. A., today"), word("mw. A., today"));
    let (one, two) = tokio::join!(
        settle_from_own_money(database, review, Some(120), &consent_one),
        settle_from_own_money(database, review, Some(120), &consent_two),
    );
    let done = [one, two].into_iter().filter_map(Result::ok).collect::<Vec<_>>();
    assert_eq!(done.len(), 1);
    assert_eq!(done[0].answer().legs[0].why, "loss_taken_over");
    assert_eq!(restaurant.purses(client).await[2], 30);
    assert!(matches!(write_off(database, review, &word("x")).await, Err(ReviewError::Settled(_))));
    let conn = database.connection().await.unwrap();
    let settled = reviews::find(&conn, review).await.unwrap().unwrap().settled.unwrap();
    assert_eq!((settled.how, settled.with), (Settlement::FromOwnMoney, Some(done[0].operation.id.uuid())));
    assert_eq!(done[0].operation.reference, Some(sale.operation.id));

    // what came back is nobody's loss any more
    let (sale, review) = lose(&restaurant, &client, 2, 2).await;
    let refund =
        RefundRequest { id: id(), sale: sale.operation.id, terminal: terminal(), staff: None, lines: vec![(0, 1)] };
    book(database, &refund).await.unwrap();
    book(database, &client.top_up(10_000)).await.unwrap();
    // 6.20 less 0.30 was lost, half of it is still
    assert_eq!(declined(settle_from_own_money(database, review, Some(296), &word("x")).await), Outcome::MoreThanLost);
    book(database, &RefundRequest { id: id(), ..refund }).await.unwrap();
    assert_eq!(declined(settle_from_own_money(database, review, Some(1), &word("x")).await), Outcome::NoLoss);
    write_off(database, review, &word("it came back")).await.unwrap();

    // a wallet that is closed gives nothing
    let poor = restaurant.client(EUR_SCHEME).await;
    let (_, review) = lose(&restaurant, &poor, 3, 1).await;
    restaurant.run(&format!("UPDATE wallet SET status = 2 WHERE id = {}", poor.wallet.field())).await;
    assert_eq!(declined(settle_from_own_money(database, review, Some(1), &word("x")).await), Outcome::WalletClosed);
    assert!(matches!(write_off(database, review + 99, &word("x")).await, Err(ReviewError::Unknown(_))));
    restaurant.verify().await;
}
