//! Many at once on one purse and on one database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pasje::domain::funding::{LineKind, PurseName};
use pasje::domain::hold::{CaptureRequest, HoldRequest, ReleaseRequest};
use pasje::domain::operation::{Booked, Outcome};
use pasje::domain::refund::{Client as Payer, RefundRequest, VoidRequest};
use pasje::domain::sale::SaleRequest;
use pasje::services::authorise::Authoriser;
use pasje::services::book::{Booking, book};
use tokio::task::JoinSet;

use crate::fixture::{COFFEE, Client, MEAL, Restaurant, SHOWER, WINE, id, service, terminal};

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
        request.payer = crate::support::tap(card, 1, [0; 16]);
        taps.spawn(async move { authoriser.sell(request).await.unwrap().operation.outcome });
    }
    let outcomes = taps.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Approved).count(), 10);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::InsufficientFunds).count(), 54);
    assert_eq!(restaurant.purses(client).await, [0, 0, 0, 0]);
    assert_eq!(restaurant.number("SELECT count(*) FROM ledger.transfer WHERE flow = 3").await, 10);
    restaurant.verify().await;
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
    restaurant.verify().await;
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
    restaurant.verify().await;
}

/// Books; every request must get an outcome.
async fn booked<B: Booking>(database: &pasje::db::connect::Database, request: &B) -> Booked {
    book(database, request).await.unwrap_or_else(|error| panic!("{:?}: {error:?}", request.kind()))
}

/// What one of the two services does with one client, over and over.
async fn live(
    authoriser: Arc<Authoriser>,
    database: pasje::db::connect::Database,
    client: Client,
    first_counter: u32,
    stop: Arc<AtomicBool>,
) -> u32 {
    let mut counter = first_counter;
    while !stop.load(Ordering::Relaxed) {
        counter += 1;
        let mut tap = client.tap(&[(COFFEE, 2), (SHOWER, 1), (MEAL, 1), (WINE, 1)]);
        tap.payer = crate::support::tap(client.card, counter, [0; 16]);
        let sale = authoriser.sell(tap.clone()).await.unwrap().operation;
        let hold = HoldRequest {
            id: id(),
            wallet: client.wallet,
            amounts: vec![(PurseName::Budget, 100), (PurseName::CreditCents, 50)],
            expires_at: None,
        };
        let held = booked(&database, &hold).await.operation.outcome == Outcome::Booked;
        match counter % 3 {
            0 => {
                let refund =
                    RefundRequest { id: id(), sale: sale.id, terminal: terminal(), staff: None, lines: vec![(0, 1)] };
                booked(&database, &refund).await;
            }
            1 => {
                let void = VoidRequest {
                    id: id(),
                    sale: sale.id,
                    terminal: terminal(),
                    staff: None,
                    client: Payer::Card(client.card),
                };
                booked(&database, &void).await;
            }
            _ => {
                let again = SaleRequest { ..tap };
                authoriser.sell(again).await.unwrap();
            }
        }
        if held && counter.is_multiple_of(2) {
            booked(&database, &ReleaseRequest { id: id(), hold: hold.id, expired: false }).await;
        } else if held {
            let capture = CaptureRequest {
                id: id(),
                hold: hold.id,
                service: SHOWER,
                quantity: 1,
                kind: LineKind::Care,
                price_cents: 120,
                units: Some(120),
                vat_basis_points: 0,
                from_savings: false,
                is_last: true,
            };
            booked(&database, &capture).await;
        }
    }
    counter - first_counter
}

#[tokio::test(flavor = "multi_thread")]
async fn two_services_sell_refund_hold_and_grant_at_once_and_the_ledger_proves_itself_meanwhile() {
    let restaurant = Restaurant::open().await;
    let other = service(&restaurant.database);
    let mut clients = Vec::new();
    for _ in 0..12 {
        clients.push(restaurant.client_with(200_000, 200_000).await);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut living = JoinSet::new();
    // Each client is at both services: by card at the one, by a second card at the other.
    for (place, client) in clients.iter().enumerate() {
        let (database, stop) = (restaurant.database.clone(), stop.clone());
        living.spawn(live(restaurant.authoriser.clone(), database.clone(), *client, 10_000_000, stop.clone()));
        let second = uuid::Uuid::from_u128(0x0190_0000_0000_7000_8002_0000_0000_0000 | place as u128);
        let insert = format!(
            "INSERT INTO card (id, wallet, expires_on) VALUES ('{second}', {}, current_date + 9)",
            client.wallet.field()
        );
        restaurant.run(&insert).await;
        living.spawn(live(other.clone(), database, Client { card: second, ..*client }, 1, stop));
    }
    // A bulk grant of last month to all of them, in wallet order, again and again: each month once.
    let (database, granted) = (restaurant.database.clone(), clients.clone());
    let grants = tokio::spawn(async move {
        let mut outcomes = Vec::new();
        for months_back in 1..=4_u32 {
            for client in &granted {
                let mut grant = client.grant(1000);
                grant.month = grant.month.checked_sub_months(chrono::Months::new(months_back % 3 + 1)).unwrap();
                outcomes.push(booked(&database, &grant).await.operation.outcome);
            }
        }
        outcomes
    });
    let until = Instant::now() + Duration::from_secs(6);
    let mut proofs = 0;
    while Instant::now() < until {
        restaurant.verify().await;
        proofs += 1;
    }
    stop.store(true, Ordering::Relaxed);
    let rounds: u32 = living.join_all().await.into_iter().sum();
    let outcomes = grants.await.unwrap();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Booked).count(), 36);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::AlreadyGranted).count(), 12);
    println!("{rounds} rounds of sale, hold and undoing; verified {proofs} times meanwhile");
    assert!(rounds > 50 && proofs >= 2, "{rounds} rounds, {proofs} proofs");
    restaurant.verify().await;
}
