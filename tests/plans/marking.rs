//! Planned days that are not delivered: marked, or the client is away. What was held of them is free.

use chrono::Utc;
use pasje::db::plan_reviews::MeetingRow;
use pasje::domain::absence::AbsenceKind;
use pasje::domain::account::WalletId;
use pasje::domain::occurrence::LineId;
use pasje::domain::plan_line::Mark;
use pasje::services::absences::{AbsenceChange, LeaveRequest, OfClient, change, leave};
use pasje::services::plan_reviews::{meet, review};
use pasje::services::plans::{AgreeRequest, MarkRequest, mark};
use uuid::Uuid;

use crate::house::*;

#[tokio::test]
async fn a_marked_day_is_given_up_once_and_never_paid() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    let line = house.planned(wallet, SHOWER, "FREQ=WEEKLY", "2026-04-01").await;
    house.open("2026-04").await;
    house.deliver("2026-04-01").await;
    for (on, kind) in [("2026-04-08", Mark::Refused), ("2026-04-15", Mark::NotDelivered), ("2026-04-22", Mark::Absent)]
    {
        let request = marking(wallet, line, on, kind);
        assert_eq!(mark(&house.database, &request, Utc::now()).await.unwrap().released, 1, "{on}");
        assert_eq!(mark(&house.database, &request, Utc::now()).await.unwrap().released, 0, "told again");
    }
    assert_eq!(house.budget(wallet).await, [284_000, 1_000]);
    assert_eq!(house.days(line).await[2..], [vec![1], vec![8, 15, 22]]);
    let refused = async |request: MarkRequest| refusal(mark(&house.database, &request, Utc::now()).await);
    assert!(refused(marking(wallet, line, "2026-04-08", Mark::Absent)).await.contains("otherwise"));
    assert!(refused(marking(wallet, line, "2026-04-01", Mark::Refused)).await.contains("delivered and paid"));
    assert!(refused(marking(wallet, line, "2026-04-02", Mark::Refused)).await.contains("no such planned day"));
    assert!(refused(marking(wallet, line, "2026-04-29", Mark::Corrected)).await.contains("corrected, not marked"));
    let unexplained = MarkRequest { reason: None, ..marking(wallet, line, "2026-04-29", Mark::NotDelivered) };
    assert!(refused(unexplained).await.contains("needs one"));
    assert_eq!(house.number("SELECT count(*) FROM occurrence_mark").await, 3, "what was refused left nothing");
    for on in ["2026-04-08", "2026-04-15", "2026-04-22", "2026-04-29"] {
        house.deliver(on).await;
    }
    assert_eq!(house.budget(wallet).await, [283_000, 0]);
    house.close("2026-04").await;
    house.open("2026-05").await;
    assert!(refused(marking(wallet, line, "2026-04-29", Mark::Refused)).await.contains("closed"));
    house.verify().await;
}

#[tokio::test]
async fn a_day_that_is_marked_before_its_month_is_opened_is_never_held() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    let line = house.planned(wallet, SHOWER, "FREQ=WEEKLY", "2026-04-01").await;
    let request = marking(wallet, line, "2026-04-08", Mark::Refused);
    assert_eq!(mark(&house.database, &request, Utc::now()).await.unwrap().released, 0);
    house.open("2026-04").await;
    house.deliver("2026-04-08").await;
    assert_eq!(house.days(line).await[2], Vec::<u32>::new());
    assert_eq!(house.budget(wallet).await[0], 285_000);
}

fn leaving(wallet: WalletId, left: &str, returned: Option<&str>) -> LeaveRequest {
    let (kind, left_on, returned_on) = (AbsenceKind::Medical, day(left), returned.map(day));
    LeaveRequest { of: of(wallet), id: Uuid::now_v7(), kind, left_on, returned_on }
}

/// Source: E (ZZG).
#[tokio::test]
async fn planned_care_of_absent_days_comes_back() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    let line = house.planned(wallet, SHOWER, "FREQ=DAILY", "2026-04-01").await;
    house.open("2026-04").await;
    assert_eq!(house.budget(wallet).await, [285_000, 30_000]);
    let known = leaving(wallet, "2026-04-10", Some("2026-04-15"));
    let released = leave(&house.database, &known, noon("2026-04-09")).await.unwrap();
    assert_eq!(released.released, 4, "11 to 14 April");
    assert_eq!(leave(&house.database, &known, noon("2026-04-09")).await.unwrap().released, 0, "told again");
    assert_eq!(house.budget(wallet).await, [285_000, 26_000]);
    // nobody knows for how long: days come back as they pass
    let unknown = leaving(wallet, "2026-04-20", None);
    assert_eq!(leave(&house.database, &unknown, noon("2026-04-22")).await.unwrap().released, 2, "21 and 22 April");
    let back = AbsenceChange::Return(day("2026-04-25"));
    let returned = change(&house.database, of(wallet), unknown.id, back, noon("2026-04-25")).await.unwrap();
    assert_eq!(returned.released, 2, "23 and 24 April");
    assert_eq!(change(&house.database, of(wallet), unknown.id, back, noon("2026-04-26")).await.unwrap().released, 0);
    let other = AbsenceChange::Return(day("2026-04-26"));
    assert!(
        refusal(change(&house.database, of(wallet), unknown.id, other, noon("2026-04-26")).await).contains("withdraw")
    );
    assert_eq!(house.days(line).await[3], [11, 12, 13, 14, 21, 22, 23, 24]);
    assert_eq!(house.budget(wallet).await, [285_000, 22_000]);
    house.verify().await;
}

#[tokio::test]
async fn days_that_were_delivered_before_the_absence_was_told_are_told_to_who_tells_it() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    house.planned(wallet, SHOWER, "FREQ=DAILY", "2026-04-01").await;
    house.open("2026-04").await;
    for on in ["2026-04-11", "2026-04-12"] {
        house.deliver(on).await;
    }
    let late = leaving(wallet, "2026-04-10", Some("2026-04-15"));
    let released = leave(&house.database, &late, noon("2026-04-12")).await.unwrap();
    assert_eq!((released.released, released.done), (2, 2));
}

#[tokio::test]
async fn a_withdrawn_absence_plans_the_days_to_come_again_without_a_hold() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    let line = house.planned(wallet, SHOWER, "FREQ=DAILY", "2026-04-01").await;
    house.open("2026-04").await;
    let mistaken = leaving(wallet, "2026-04-10", Some("2026-04-15"));
    leave(&house.database, &mistaken, noon("2026-04-09")).await.unwrap();
    mark(&house.database, &marking(wallet, line, "2026-04-14", Mark::Refused), Utc::now()).await.unwrap();
    let now = noon("2026-04-12");
    change(&house.database, of(wallet), mistaken.id, AbsenceChange::Withdraw, now).await.unwrap();
    change(&house.database, of(wallet), mistaken.id, AbsenceChange::Withdraw, now).await.unwrap();
    assert_eq!(house.days(line).await[3], [14], "it is marked; on the 11th somebody may have been there");
    assert_eq!(house.budget(wallet).await, [285_000, 26_000]);
    house.deliver("2026-04-12").await;
    assert_eq!(house.budget(wallet).await, [284_000, 26_000], "delivered, from what is free");
    let late = AbsenceChange::Return(day("2026-04-16"));
    assert!(refusal(change(&house.database, of(wallet), mistaken.id, late, now).await).contains("was withdrawn"));
    house.verify().await;
}

/// Daily showers in April, and a client who left on the 5th, nobody knows for how long; told on the 6th.
async fn away_since_the_5th(house: &House) -> (WalletId, LineId, Uuid) {
    let wallet = house.client(1).await;
    let line = house.planned(wallet, SHOWER, "FREQ=DAILY", "2026-04-01").await;
    house.open("2026-04").await;
    let away = leaving(wallet, "2026-04-05", None);
    assert_eq!(leave(&house.database, &away, noon("2026-04-06")).await.unwrap().released, 1);
    (wallet, line, away.id)
}

/// How many days are planned again.
async fn returns(house: &House, (wallet, _, away): (WalletId, LineId, Uuid), on: &str, told: &str) -> u32 {
    let back = AbsenceChange::Return(day(on));
    let told = change(&house.database, of(wallet), away, back, noon(told)).await.unwrap();
    assert_eq!((told.released, told.done), (0, 0));
    told.planned_again
}

#[tokio::test]
async fn a_return_that_is_told_late_plans_the_days_of_the_last_fortnight_again() {
    let house = House::new().await;
    let of_client = away_since_the_5th(&house).await;
    let (wallet, line, _) = of_client;
    for on in 1..25 {
        house.deliver(&format!("2026-04-{on:02}")).await;
    }
    assert_eq!(house.days(line).await[3], (6..25).collect::<Vec<_>>());
    mark(&house.database, &marking(wallet, line, "2026-04-20", Mark::Refused), Utc::now()).await.unwrap();
    assert_eq!(house.budget(wallet).await, [280_000, 6_000]);
    assert_eq!(returns(&house, of_client, "2026-04-08", "2026-04-25").await, 13, "11 to 24 April, save the 20th");
    // 25 less 14 is 11; what is planned again is not held
    assert_eq!(house.days(line).await[3], [6, 7, 8, 9, 10, 20]);
    assert_eq!(house.budget(wallet).await, [280_000, 6_000]);
    assert_eq!(returns(&house, of_client, "2026-04-08", "2026-04-26").await, 0, "told again");
    // somebody who was there on the 12th says that it was not delivered
    let absent = marking(wallet, line, "2026-04-12", Mark::NotDelivered);
    assert_eq!(mark(&house.database, &absent, Utc::now()).await.unwrap().released, 1);
    house.deliver("2026-04-25").await;
    assert_eq!(house.budget(wallet).await, [279_000, 5_000]);
    house.close("2026-04").await;
    let done = (1..=30).filter(|day| ![6, 7, 8, 9, 10, 12, 20].contains(day)).collect::<Vec<u32>>();
    assert_eq!(house.days(line).await[2], done);
    house.verify().await;
}

#[tokio::test]
async fn who_returns_on_the_day_on_which_the_absence_was_told_is_there_that_day() {
    let house = House::new().await;
    let of_client = away_since_the_5th(&house).await;
    assert_eq!(returns(&house, of_client, "2026-04-06", "2026-04-06").await, 1);
    assert_eq!(house.days(of_client.1).await[3], Vec::<u32>::new());
    assert_eq!(house.budget(of_client.0).await, [285_000, 29_000], "planned, and not held any more");
}

#[tokio::test]
async fn a_return_that_was_expected_may_come_earlier_or_later() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    let line = house.planned(wallet, SHOWER, "FREQ=DAILY", "2026-04-01").await;
    house.open("2026-04").await;
    let away = leaving(wallet, "2026-04-05", Some("2026-04-20"));
    leave(&house.database, &away, noon("2026-04-04")).await.unwrap();
    leave(&house.database, &leaving(wallet, "2026-04-24", Some("2026-04-26")), noon("2026-04-04")).await.unwrap();
    let told = async |back: &str, on: &str| {
        let back = AbsenceChange::Return(day(back));
        let told = change(&house.database, of(wallet), away.id, back, noon(on)).await;
        told.map(|told| (told.released, told.planned_again))
    };
    assert_eq!(house.days(line).await[3], (6..20).chain([25]).collect::<Vec<_>>());
    assert_eq!(told("2026-04-22", "2026-04-12").await.unwrap(), (2, 0));
    assert!(refusal(told("2026-04-28", "2026-04-12").await).contains("away in these days already"));
    // the day before yesterday: care of then and of the days to come is planned again
    assert_eq!(told("2026-04-10", "2026-04-12").await.unwrap(), (0, 12));
    assert_eq!(house.days(line).await[3], [6, 7, 8, 9, 25]);
    assert!(
        refusal(told("2026-04-11", "2026-04-12").await).contains("withdraw"),
        "it is not what was expected any more"
    );
    // withdrawn and told anew
    let withdrawn = change(&house.database, of(wallet), away.id, AbsenceChange::Withdraw, noon("2026-04-12")).await;
    assert_eq!(withdrawn.unwrap().planned_again, 4);
    let anew = leaving(wallet, "2026-04-05", Some("2026-04-11"));
    assert_eq!(leave(&house.database, &anew, noon("2026-04-12")).await.unwrap().released, 5);
    assert_eq!(house.days(line).await[3], [6, 7, 8, 9, 10, 25]);
    house.verify().await;
}

#[tokio::test]
async fn a_return_to_a_month_that_was_opened_without_the_client_plans_no_more_than_a_fortnight_back() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    let line = house.planned(wallet, SHOWER, "FREQ=DAILY", "2026-04-01").await;
    let away = leaving(wallet, "2026-03-20", None);
    leave(&house.database, &away, noon("2026-03-20")).await.unwrap();
    house.open("2026-04").await;
    assert_eq!(house.days(line).await[0], Vec::<u32>::new());
    assert_eq!(returns(&house, (wallet, line, away.id), "2026-04-05", "2026-04-25").await, 20);
    let [planned, held, done, released] = house.days(line).await;
    assert_eq!((planned, held, done), ((5..=30).collect(), vec![], vec![]));
    assert_eq!(released, (5..=10).collect::<Vec<_>>());
    house.close("2026-04").await;
    assert_eq!(house.days(line).await[2], (11..=30).collect::<Vec<_>>());
    house.verify().await;
}

#[tokio::test]
async fn what_the_daily_job_left_out_for_want_of_money_is_not_planned_again_by_a_mistaken_absence() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    // twenty staff: of 2850 euro two days of painting are held, and 9.98 euro are left
    let care = AgreeRequest { staff_count: 20, ..Agreeing::daily(SHOWER).request(wallet) };
    let care = house.planned_as(care).await;
    let painting = house.planned(wallet, PAINTING, "FREQ=DAILY", "2026-04-01").await;
    house.open("2026-04").await;
    for on in 1..10 {
        house.deliver(&format!("2026-04-{on:02}")).await;
    }
    assert_eq!(house.days(painting).await[2..], [vec![1, 2], (3..10).collect()]);
    let mistaken = leaving(wallet, "2026-04-07", None);
    let told = leave(&house.database, &mistaken, noon("2026-04-10")).await.unwrap();
    assert_eq!((told.released, told.done), (2, 2), "care and painting of the 10th; care of the 8th and 9th was given");
    change(&house.database, of(wallet), mistaken.id, AbsenceChange::Withdraw, noon("2026-04-11")).await.unwrap();
    assert_eq!(house.days(painting).await[3], (3..10).collect::<Vec<_>>());
    assert_eq!(house.days(care).await[3], Vec::<u32>::new());
    house.verify().await;
}

#[tokio::test]
async fn nobody_is_away_twice_at_once() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    let first = leaving(wallet, "2026-04-10", None);
    leave(&house.database, &first, noon("2026-04-10")).await.unwrap();
    let second = leaving(wallet, "2026-04-12", None);
    assert!(refusal(leave(&house.database, &second, noon("2026-04-12")).await).contains("already"));
    let same = LeaveRequest { left_on: day("2026-04-09"), ..first };
    assert!(refusal(leave(&house.database, &same, noon("2026-04-12")).await).contains("under this id"));
    let backwards = leaving(wallet, "2026-04-12", Some("2026-04-11"));
    assert!(refusal(leave(&house.database, &backwards, noon("2026-04-12")).await).contains("or later"));
    let permit = AbsenceChange::Permit(day("2026-09-01"));
    change(&house.database, of(wallet), first.id, permit, noon("2026-04-12")).await.unwrap();
    assert_eq!(house.text("SELECT permitted_until FROM absence").await, "2026-09-01");
    let holiday = LeaveRequest { kind: AbsenceKind::Holiday, ..leaving(wallet, "2026-01-10", Some("2026-01-15")) };
    leave(&house.database, &holiday, noon("2026-04-12")).await.unwrap();
    assert!(
        refusal(change(&house.database, of(wallet), holiday.id, permit, noon("2026-04-12")).await)
            .contains("only medical")
    );
}

#[tokio::test]
async fn another_organisation_finds_no_client_line_or_absence() {
    let house = House::new().await;
    let (wallet, other) = (house.client(1).await, house.client(2).await);
    let line = house.planned(wallet, SHOWER, "FREQ=WEEKLY", "2026-04-01").await;
    let away = leaving(wallet, "2026-04-10", None);
    leave(&house.database, &away, noon("2026-04-10")).await.unwrap();
    let elsewhere = OfClient { organisation: pasje::domain::account::OrganisationId::new(2).unwrap(), wallet };
    let request = MarkRequest { of: elsewhere, ..marking(wallet, line, "2026-04-08", Mark::Refused) };
    assert_eq!(refusal(mark(&house.database, &request, Utc::now()).await), "there is no such client");
    let request = marking(other, line, "2026-04-08", Mark::Refused);
    assert_eq!(refusal(mark(&house.database, &request, Utc::now()).await), "there is no such plan line");
    let back = AbsenceChange::Return(day("2026-04-25"));
    let answer = change(&house.database, of(other), away.id, back, noon("2026-04-25")).await;
    assert_eq!(refusal(answer), "there is no such absence");
}

#[tokio::test]
async fn reviews_and_meetings_are_recorded() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    let now = noon("2026-04-10");
    review(&house.database, of(wallet), day("2026-04-10"), NURSE, now).await.unwrap();
    review(&house.database, of(wallet), day("2026-04-10"), NURSE, now).await.unwrap();
    assert!(refusal(review(&house.database, of(wallet), day("2026-04-11"), NURSE, now).await).contains("or earlier"));
    assert_eq!(house.number("SELECT count(*) FROM plan_review").await, 1);
    let meeting = MeetingRow {
        id: Uuid::now_v7(),
        held_on: day("2026-04-09"),
        present: "dochter, buurvrouw (fictief)".to_owned(),
        agreed: "dochter doet de ramen (fictief)".to_owned(),
    };
    meet(&house.database, of(wallet), &meeting, now).await.unwrap();
    meet(&house.database, of(wallet), &meeting, now).await.unwrap();
    let other = MeetingRow { id: Uuid::now_v7(), ..meeting };
    assert!(refusal(meet(&house.database, of(wallet), &other, now).await).contains("this day"));
}
