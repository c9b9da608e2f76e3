//! Days that were not delivered, before and after they were paid.

use pasje::services::months::marks::{Mark, MarkRequest, Marked, mark};

use crate::house::{Agree, CARE, House};

async fn marked(house: &House, request: &MarkRequest, now: &str) -> Marked {
    mark(&house.database, request, now.parse().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_day_that_is_marked_comes_back_at_once_and_is_never_paid() {
    let house = House::new().await;
    let client = house.client(1).await;
    let care = house.agree(client, Agree::weekly(CARE, 5000, "2026-04-07")).await;
    house.open("2026-04").await;
    let occurrence = House::occurrence(care, "2026-04-14");
    let request = MarkRequest { wallet: client, occurrence, mark: Mark::Refused, reason: None, by: None };
    assert_eq!(marked(&house, &request, "2026-04-10T12:00:00Z").await, Marked::Released);
    assert_eq!(house.purses(client).await[..2], [249_000, 15_000]);
    assert_eq!(marked(&house, &request, "2026-04-10T12:00:00Z").await, Marked::Already);
    let unplanned = MarkRequest { occurrence: House::occurrence(care, "2026-04-15"), ..request.clone() };
    assert_eq!(marked(&house, &unplanned, "2026-04-10T12:00:00Z").await, Marked::NotPlanned);
    let unpaid = MarkRequest { occurrence: House::occurrence(care, "2026-04-21"), mark: Mark::Corrected, ..request };
    assert_eq!(marked(&house, &unpaid, "2026-04-10T12:00:00Z").await, Marked::NotPaid);
    assert_eq!(house.close("2026-04").await.get("delivered"), 3);
    house.verify().await;
}

#[tokio::test]
async fn what_was_paid_and_not_delivered_is_given_back_within_fourteen_days() {
    let house = House::new().await;
    let client = house.client(1).await;
    let care = house.agree(client, Agree::weekly(CARE, 5000, "2026-04-07")).await;
    house.open("2026-04").await;
    house.deliver("2026-04-07").await;
    let occurrence = House::occurrence(care, "2026-04-07");
    let reason = Some("de verzorgende was ziek".to_owned());
    let request = MarkRequest { wallet: client, occurrence, mark: Mark::Corrected, reason, by: None };
    let absent = MarkRequest { mark: Mark::Absent, ..request.clone() };
    assert_eq!(marked(&house, &absent, "2026-04-08T12:00:00Z").await, Marked::Paid);
    assert_eq!(marked(&house, &request, "2026-04-22T12:00:00Z").await, Marked::TooLate);
    let Marked::GivenBack(refund) = marked(&house, &request, "2026-04-21T12:00:00Z").await else { panic!() };
    assert_eq!(refund.operation.transfers[0].amount.minor(), 5000);
    assert_eq!(house.purses(client).await[..2], [249_000, 15_000]);
    assert_eq!(house.bits(care, "2026-04").await[2], 1 << 6, "a day that was paid stays done");
    assert_eq!(marked(&house, &request, "2026-04-21T12:00:00Z").await, Marked::Already);
    house.verify().await;
}

#[tokio::test]
async fn a_correction_of_a_closed_month_is_booked_into_the_open_one() {
    let house = House::new().await;
    let client = house.client(1).await;
    let care = house.agree(client, Agree::weekly(CARE, 5000, "2026-04-07")).await;
    house.open("2026-04").await;
    house.close("2026-04").await;
    let occurrence = House::occurrence(care, "2026-04-28");
    let request = MarkRequest { wallet: client, occurrence, mark: Mark::Corrected, reason: None, by: None };
    let Marked::GivenBack(refund) = marked(&house, &request, "2026-05-02T12:00:00Z").await else { panic!() };
    assert_eq!(refund.operation.month, Some(crate::house::day("2026-05-01")));
    house.verify().await;
}
