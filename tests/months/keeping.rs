//! Months are kept by the clock.

use std::sync::Arc;

use pasje::services::months::keeping::keep;

use crate::house::{Agree, CARE, House, organisation};

async fn at(house: &House, now: &str) {
    keep(&house.database, organisation(), now.parse().unwrap(), Arc::default()).await.unwrap();
}

#[tokio::test]
async fn after_midnight_days_are_delivered_months_closed_and_opened() {
    let house = House::new().await;
    let client = house.client(1).await;
    house.agree(client, Agree::daily(CARE, 100, "2026-01-01")).await;
    at(&house, "2026-04-28T22:00:00Z").await;
    assert_eq!(house.text("SELECT month FROM wallet").await, "2026-04-01");
    assert_eq!(house.number("SELECT count(*) FROM ledger.line").await, 0, "the 29th is not over");
    // half past midnight in Amsterdam: the 29th is
    at(&house, "2026-04-29T22:30:00Z").await;
    assert_eq!(house.number("SELECT count(*) FROM ledger.line").await, 1);
    // nobody came for three days
    at(&house, "2026-05-02T22:30:00Z").await;
    assert_eq!(house.text("SELECT month FROM wallet").await, "2026-05-01");
    // all of April, and two days of May
    assert_eq!(house.number("SELECT count(*) FROM ledger.line").await, 32);
    assert_eq!(house.number("SELECT count(*) FROM captured_day").await, 5);
    let before = house.everything().await;
    at(&house, "2026-05-02T22:31:00Z").await;
    assert_eq!(house.everything().await, before);
    house.verify().await;
}

#[tokio::test]
async fn data_that_came_late_are_booked_the_day_after_and_not_every_minute() {
    let house = House::new().await;
    let client = house.stranger(1).await;
    at(&house, "2026-04-28T22:00:00Z").await;
    house.indicate(client, "5VV", "2026-01-01", None).await;
    at(&house, "2026-04-28T22:01:00Z").await;
    assert_eq!(house.purses(client).await, [0; 5]);
    at(&house, "2026-04-29T22:30:00Z").await;
    assert!(house.purses(client).await[0] > 0, "{:?}", house.purses(client).await);
    assert_eq!(house.number("SELECT count(*) FROM ledger.operation WHERE kind = 21").await, 1);
    house.verify().await;
}

#[tokio::test]
async fn several_services_keep_a_month_once() {
    let house = House::new().await;
    for number in 1..=6 {
        let client = house.client(number).await;
        house.agree(client, Agree::daily(CARE, 100, "2026-01-01")).await;
    }
    at(&house, "2026-04-28T22:00:00Z").await;
    let now = "2026-05-02T22:30:00Z";
    tokio::join!(at(&house, now), at(&house, now), at(&house, now));
    at(&house, now).await;
    assert_eq!(house.number("SELECT count(*) FROM ledger.line").await, 6 * 32);
    house.verify().await;
}

#[tokio::test]
async fn an_organisation_without_a_scheme_for_the_month_is_left_alone() {
    let house = House::new().await;
    house.client(1).await;
    house.run("DELETE FROM scheme_start").await;
    let before = house.everything().await;
    at(&house, "2026-04-28T22:00:00Z").await;
    assert_eq!(house.everything().await, before);
}
