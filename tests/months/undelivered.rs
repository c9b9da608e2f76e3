//! Days that were paid and not delivered.

use pasje::services::months::undelivered::{GiveBackRequest, GivenBack, give_back};
use uuid::Uuid;

use crate::house::{Agree, CARE, House};

async fn given_back(house: &House, request: &GiveBackRequest, now: &str) -> GivenBack {
    give_back(&house.database, request, now.parse().unwrap()).await.unwrap()
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
    let request = GiveBackRequest { wallet: client, occurrence, reason, by: Uuid::now_v7() };
    let unpaid = GiveBackRequest { occurrence: House::occurrence(care, "2026-04-21"), ..request.clone() };
    assert_eq!(given_back(&house, &unpaid, "2026-04-08T12:00:00Z").await, GivenBack::NotPaid);
    assert_eq!(given_back(&house, &request, "2026-04-22T12:00:00Z").await, GivenBack::TooLate);
    let GivenBack::Done(Some(refund)) = given_back(&house, &request, "2026-04-21T12:00:00Z").await else { panic!() };
    assert_eq!(refund.operation.transfers[0].amount.minor(), 5000);
    assert_eq!(house.purses(client).await[..2], [249_000, 15_000]);
    assert_eq!(house.bits(care, "2026-04").await[2], 1 << 6, "a day that was paid stays done");
    assert_eq!(given_back(&house, &request, "2026-04-21T12:00:00Z").await, GivenBack::Already);
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
    let request = GiveBackRequest { wallet: client, occurrence, reason: None, by: Uuid::now_v7() };
    let GivenBack::Done(Some(refund)) = given_back(&house, &request, "2026-05-02T12:00:00Z").await else { panic!() };
    assert_eq!(refund.operation.month, Some(crate::house::day("2026-05-01")));
    house.verify().await;
}
