//! What the office sees: reviews that are due, and how many minutes are planned.

use chrono::Utc;
use pasje::domain::plan_line::{Mark, Performer};
use pasje::services::plan_reviews::review;
use pasje::services::plans::{AgreeRequest, agree, consent, mark};
use pasje::services::reviews_due::{Told, tell};
use pasje::services::staffing::{StaffingRequest, planned};

use crate::house::*;

#[tokio::test]
async fn a_review_is_due_six_weeks_after_arrival_and_then_twice_a_year() {
    let house = House::new().await;
    let (wallet, left) = (house.client(1).await, house.client(2).await);
    house.run("UPDATE client SET arrived_on = '2026-03-20'").await;
    house.run(&format!("UPDATE client SET left_on = '2026-04-01' WHERE wallet = {}", left.field())).await;
    let told = async |on: &str| tell(&house.database, organisation(), noon(on)).await.unwrap().reviews;
    assert_eq!(told("2026-04-30").await, 0);
    assert_eq!(told("2026-05-01").await, 1, "42 days after arrival");
    assert_eq!(told("2026-05-01").await, 0, "told once");
    assert_eq!(told("2026-06-01").await, 0, "it is still open");
    assert_eq!(house.tasks(wallet).await, "6 2026-05-01");
    review(&house.database, of(wallet), day("2026-06-10"), NURSE, noon("2026-06-10")).await.unwrap();
    assert_eq!(house.tasks(wallet).await, "");
    assert_eq!(told("2026-12-09").await, 0);
    assert_eq!(told("2026-12-10").await, 1, "half a year after the last");
    assert_eq!(house.tasks(left).await, "");
}

#[tokio::test]
async fn a_provisional_line_is_a_task_when_its_weeks_are_over() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    house.run("UPDATE client SET arrived_on = '2026-03-20'").await;
    let request = AgreeRequest { is_provisional: true, ..Agreeing::weekly(SHOWER).request(wallet) };
    let line = agree(&house.database, &request, noon("2026-04-01")).await.unwrap().line.id;
    let told = async |on: &str| tell(&house.database, organisation(), noon(on)).await.unwrap();
    assert_eq!(told("2026-04-30").await, Told { reviews: 0, consents: 0 });
    assert_eq!(told("2026-05-01").await, Told { reviews: 1, consents: 1 });
    assert_eq!(house.tasks(wallet).await, "6 2026-05-01, 7 2026-05-01");
    let signed = consenting(wallet, line, 1_000, "2026-05-02");
    consent(&house.database, &signed, noon("2026-05-02")).await.unwrap();
    assert_eq!(house.tasks(wallet).await, "6 2026-05-01");
}

#[tokio::test]
async fn staffing_counts_planned_minutes_by_function_part_of_the_day_and_location() {
    let house = House::new().await;
    let (wallet, other) = (house.client(1).await, house.client(2).await);
    let line = house.planned(wallet, SHOWER, "FREQ=DAILY", "2026-04-01").await;
    house.planned(other, SHOWER, "FREQ=WEEKLY", "2026-04-01").await;
    let family = AgreeRequest { performer: Performer::Family, ..Agreeing::weekly(SHOWER).request(wallet) };
    agree(&house.database, &family, Utc::now()).await.unwrap();
    for wallet in [wallet, other] {
        let evening =
            AgreeRequest { group_size: 2, duration_minutes: 45, ..Agreeing::weekly(PAINTING).request(wallet) };
        let evening = AgreeRequest { starts_at: day("2026-04-01").and_hms_opt(19, 0, 0).unwrap(), ..evening };
        let row = agree(&house.database, &evening, Utc::now()).await.unwrap();
        consent(&house.database, &consenting(wallet, row.line.id, 1_001, "2025-01-01"), Utc::now()).await.unwrap();
    }
    mark(&house.database, &marking(wallet, line, "2026-04-02", Mark::Refused), Utc::now()).await.unwrap();
    let ask = async |from: &str, to: &str, location| {
        let request = StaffingRequest { organisation: organisation(), location, from: day(from), to: day(to) };
        let staffing = planned(&house.database, &request).await.unwrap();
        staffing
            .minutes()
            .map(|(function, part, minutes)| format!("{function} {} {minutes}", part.name()))
            .collect::<Vec<_>>()
    };
    // 1 to 7 April: 6 showers of one client, 1 of the other, one evening for both
    let expected = ["activiteitenbegeleider evening 45", "verzorgende morning 210"];
    assert_eq!(ask("2026-04-01", "2026-04-07", None).await, expected);
    assert_eq!(ask("2026-04-01", "2026-04-07", Some(LOCATION)).await, expected);
    assert_eq!(ask("2026-04-01", "2026-04-07", Some(NURSE)).await, Vec::<String>::new());
    assert_eq!(ask("2026-04-30", "2026-05-01", None).await, ["verzorgende morning 60"], "over the end of a month");
    let backwards = StaffingRequest {
        organisation: organisation(),
        location: None,
        from: day("2026-04-02"),
        to: day("2026-04-01"),
    };
    assert!(refusal(planned(&house.database, &backwards).await).contains("within 92 days"));
}
