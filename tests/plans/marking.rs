//! Planned days that are not delivered: marked, or the client is away. What was held of them is free.

use chrono::Utc;
use pasje::db::plans::MeetingRow;
use pasje::domain::absence::AbsenceKind;
use pasje::domain::account::WalletId;
use pasje::domain::plan_line::Mark;
use pasje::services::absences::{AbsenceChange, LeaveRequest, OfClient, change, leave};
use pasje::services::plans::{MarkRequest, mark, meet, review};
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
    assert_eq!(house.days(line).await[3], [11, 14], "the 11th is past, the 14th is marked");
    assert_eq!(house.budget(wallet).await, [285_000, 26_000]);
    house.deliver("2026-04-12").await;
    assert_eq!(house.budget(wallet).await, [284_000, 26_000], "delivered, from what is free");
    let late = AbsenceChange::Return(day("2026-04-16"));
    assert!(refusal(change(&house.database, of(wallet), mistaken.id, late, now).await).contains("was withdrawn"));
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
