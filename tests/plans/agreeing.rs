//! Lines are agreed at the price that everybody pays, consented to, and dropped.

use chrono::Utc;
use diesel_async::SimpleAsyncConnection;
use pasje::domain::money::Amount;
use pasje::domain::plan_line::Performer;
use pasje::services::plans::{AgreeRequest, agree, consent, drop_line};
use uuid::Uuid;

use crate::house::*;

/// Cents and units of a line that is agreed.
async fn price(house: &House, request: &AgreeRequest) -> (i64, Option<i64>) {
    let row = agree(&house.database, request, Utc::now()).await.unwrap();
    (row.line.price.minor(), row.line.units.map(Amount::minor))
}

/// Source: E (Archipel, ZZG).
#[tokio::test]
async fn the_price_is_the_catalogues_by_service_and_function_and_the_same_for_everyone() {
    let house = House::new().await;
    let (one, other) = (house.client(1).await, house.client(2).await);
    let shower = Agreeing::weekly(SHOWER);
    for wallet in [one, other] {
        assert_eq!(price(&house, &shower.request(wallet)).await, (1_000, Some(1_000)));
        let nurse = AgreeRequest { function: Some("verpleegkundige".to_owned()), ..shower.request(wallet) };
        assert_eq!(price(&house, &nurse).await, (1_500, Some(1_500)));
        let two = AgreeRequest { staff_count: 2, ..shower.request(wallet) };
        assert_eq!(price(&house, &two).await, (2_000, Some(2_000)));
        let group = AgreeRequest { group_size: 2, ..Agreeing::weekly(PAINTING).request(wallet) };
        assert_eq!(price(&house, &group).await, (1_001, Some(1_001)), "1000.5 goes up");
        let later = Agreeing { from: "2026-07-01", ..shower };
        assert_eq!(price(&house, &later.request(wallet)).await, (1_200, Some(1_200)), "as it costs from its first day");
        let family = AgreeRequest { performer: Performer::Family, ..shower.request(wallet) };
        assert_eq!(price(&house, &family).await, (0, Some(0)));
    }
}

#[tokio::test]
async fn a_line_is_agreed_once_under_its_id() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    let request = Agreeing::weekly(SHOWER).request(wallet);
    let first = agree(&house.database, &request, Utc::now()).await.unwrap();
    assert_eq!(agree(&house.database, &request, Utc::now()).await.unwrap(), first);
    let other = AgreeRequest { duration_minutes: 31, ..request.clone() };
    assert!(refusal(agree(&house.database, &other, Utc::now()).await).contains("under this id"));
    assert_eq!(house.number("SELECT count(*) FROM plan_line").await, 1);
}

#[tokio::test]
async fn what_is_not_sold_so_is_not_agreed() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    let shower = Agreeing::weekly(SHOWER).request(wallet);
    let refused = async |request: AgreeRequest| refusal(agree(&house.database, &request, Utc::now()).await);
    let elsewhere = AgreeRequest { service: service(ELSEWHERE), ..shower.clone() };
    assert_eq!(refused(elsewhere).await, "there is no such service");
    let unpriced = AgreeRequest { function: Some("tandarts".to_owned()), ..shower.clone() };
    assert!(refused(unpriced).await.contains("no price by this function"));
    let kind =
        |kind| format!("UPDATE service_kind SET kind = {kind} WHERE service = '{}' AND buyer = 1", shower.service);
    house.run(&kind(0)).await;
    assert_eq!(refused(shower.clone()).await, "the service is not for this buyer", "not sold to this buyer any more");
    house.run(&kind(1)).await;
    let early = Agreeing { from: "2023-12-31", ..Agreeing::weekly(SHOWER) }.request(wallet);
    assert!(refused(early).await.contains("no price by this function"));
    // W: an extra is sold only when it was published
    let outing = Agreeing::weekly(OUTING).request(wallet);
    assert!(refused(outing).await.contains("published"));
    assert_eq!(price(&house, &Agreeing::weekly(HAIRDRESSER).request(wallet)).await, (2_500, Some(2_500)));
    let hourly = AgreeRequest { recurrence: "FREQ=HOURLY".to_owned(), ..shower.clone() };
    assert!(refused(hourly).await.contains("what is planned is a day"));
    let nobody = AgreeRequest { staff_count: 0, ..shower.clone() };
    assert!(refused(nobody).await.contains("1 to 20 staff"));
    house.run(&format!("UPDATE wallet SET buyer = 3 WHERE id = {}", wallet.field())).await;
    assert!(refused(shower).await.contains("not for this buyer"));
}

/// Source: E (Amsta).
#[tokio::test]
async fn the_supporter_is_not_agreed_for_care() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    let by =
        |staff: Uuid, service| AgreeRequest { performed_by: Some(staff), ..Agreeing::weekly(service).request(wallet) };
    let refused = refusal(agree(&house.database, &by(NURSE, SHOWER), Utc::now()).await);
    assert!(refused.contains("a supporter gives no care"), "{refused}");
    agree(&house.database, &by(OTHER_NURSE, SHOWER), Utc::now()).await.unwrap();
    agree(&house.database, &by(NURSE, PAINTING), Utc::now()).await.unwrap();
}

/// Source: E (Archipel, ZZG).
#[tokio::test]
async fn a_waiver_has_a_reason_and_is_listed() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    let waived =
        AgreeRequest { waiver_reason: Some("proef (fictief)".to_owned()), ..Agreeing::weekly(SHOWER).request(wallet) };
    assert_eq!(price(&house, &waived).await, (0, Some(0)));
    let listed = "SELECT waiver_reason || ' ' || waived_cents FROM plan_line WHERE waiver_reason IS NOT NULL";
    assert_eq!(house.text(listed).await, "proef (fictief) 1000");
    let nothing = AgreeRequest { performer: Performer::Family, id: Agreeing::weekly(1).request(wallet).id, ..waived };
    assert!(refusal(agree(&house.database, &nothing, Utc::now()).await).contains("nothing to waive"));
    let empty = AgreeRequest { waiver_reason: Some(String::new()), ..nothing };
    assert!(refusal(agree(&house.database, &empty, Utc::now()).await).contains("1 to 500"));
}

/// Source: E (ZZG).
#[tokio::test]
async fn what_costs_something_waits_for_consent_and_is_a_task_until_it_is_given() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    let now = noon("2026-04-01");
    let free = AgreeRequest { performer: Performer::Family, ..Agreeing::weekly(SHOWER).request(wallet) };
    agree(&house.database, &free, now).await.unwrap();
    assert_eq!(house.tasks(wallet).await, "");
    let request = Agreeing::weekly(SHOWER).request(wallet);
    let line = agree(&house.database, &request, now).await.unwrap().line.id;
    assert_eq!(house.tasks(wallet).await, "7 2026-04-01");
    house.open("2026-04").await;
    assert_eq!(house.days(line).await[0], Vec::<u32>::new(), "nothing is planned, and nothing held");

    let give = async |change: fn(&mut pasje::services::plans::ConsentRequest)| {
        let mut request = consenting(wallet, line, 1_000, "2026-04-01");
        change(&mut request);
        consent(&house.database, &request, now).await
    };
    assert!(refusal(give(|it| it.alternatives_asked = false).await).contains("what else would do"));
    assert!(refusal(give(|it| it.consent.price_shown_cents = Some(999)).await).contains("not the line's"));
    assert!(refusal(give(|it| it.consent.units_shown = None).await).contains("not the line's"));
    assert!(
        refusal(give(|it| it.consent.price_shown_cents = None).await).contains("cents is missing"),
        "euros are shown"
    );
    assert!(refusal(give(|it| it.consent.signed_on = day("2026-04-02")).await).contains("today or earlier"));
    assert_eq!(house.tasks(wallet).await, "7 2026-04-01");
    give(|_| ()).await.unwrap();
    give(|_| ()).await.unwrap();
    assert!(refusal(give(|it| it.consent.recorded_by = OTHER_NURSE).await).contains("otherwise"));
    assert_eq!(house.tasks(wallet).await, "");
    let second = agree(&house.database, &Agreeing::weekly(SHOWER).request(wallet), now).await.unwrap();
    assert_eq!(house.tasks(wallet).await, "7 2026-04-01", "another line waits: the task is open again");
    drop_line(&house.database, of(wallet), second.line.id, &dropping("2026-04-01"), now).await.unwrap();
    assert_eq!(house.tasks(wallet).await, "");
}

/// Source: E (Amsta).
#[tokio::test]
async fn where_no_euro_is_shown_consent_is_to_the_minutes() {
    let house = House::with(include_str!("../../schemes/amsta.toml")).await;
    let wallet = house.client(1).await;
    let now = noon("2026-04-01");
    let give = async |line, cents, units| {
        let mut request = consenting(wallet, line, 0, "2026-04-01");
        (request.consent.price_shown_cents, request.consent.units_shown) = (cents, units);
        consent(&house.database, &request, now).await
    };
    let agreed = async |service| agree(&house.database, &Agreeing::weekly(service).request(wallet), now).await.unwrap();
    let shower = agreed(SHOWER).await.line.id;
    for (cents, units) in
        [(None, Some(29)), (None, None), (Some(999), Some(30)), (Some(1_000), Some(31)), (Some(1_000), None)]
    {
        let refused = refusal(give(shower, cents, units).await);
        assert!(refused.contains("not the line's"), "{cents:?} {units:?}: {refused}");
    }
    give(shower, None, Some(30)).await.unwrap();
    give(shower, None, Some(30)).await.unwrap();
    assert!(refusal(give(shower, Some(1_000), Some(30)).await).contains("otherwise"));
    let shown = "SELECT coalesce(price_shown_cents::text, 'no cents') || ' ' || units_shown FROM plan_consent";
    assert_eq!(house.text(shown).await, "no cents 30", "what nobody saw is not recorded as seen");
    // who sees euros may have shown them, and then they are the line's
    let painting = agreed(PAINTING).await.line.id;
    give(painting, Some(2_001), Some(60)).await.unwrap();
    // without a price in minutes it is paid from own money, and that is euros in any scheme
    let hairdresser = agreed(HAIRDRESSER).await.line.id;
    assert!(refusal(give(hairdresser, None, None).await).contains("cents is missing"));
    give(hairdresser, Some(2_500), None).await.unwrap();
    let nothing = "UPDATE plan_consent SET price_shown_cents = NULL, units_shown = NULL";
    let refused = house.owner().await.batch_execute(nothing).await.unwrap_err().to_string();
    assert!(refused.contains("plan_consent_shown"), "{refused}");
}

/// Source: E (ZZG); who speaks about what: Wlz.
#[tokio::test]
async fn consent_is_signed_by_the_client_or_who_may_speak_about_it_on_that_day() {
    let house = House::new().await;
    let (wallet, other) = (house.client(1).await, house.client(2).await);
    let (mentor, bewindvoerder, former, strange) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let (id, strangers) = (wallet.field(), other.field());
    house
        .run(&format!(
            "INSERT INTO representative (id, wallet, name, role, for_money, for_care, from_date, to_date) VALUES
             ('{mentor}', {id}, 'Mentor', 3, false, true, '2025-01-01', NULL),
             ('{bewindvoerder}', {id}, 'Bewindvoerder', 2, true, false, '2025-01-01', NULL),
             ('{former}', {id}, 'Vorige', 4, true, true, '2025-01-01', '2026-03-31'),
             ('{strange}', {strangers}, 'Van een ander', 4, true, true, '2025-01-01', NULL)"
        ))
        .await;
    for (service, allowed, cents) in [(SHOWER, mentor, 1_000), (HAIRDRESSER, bewindvoerder, 2_500)] {
        let request = Agreeing::weekly(service).request(wallet);
        let line = agree(&house.database, &request, noon("2026-04-01")).await.unwrap().line.id;
        for signer in [mentor, bewindvoerder, former, strange, Uuid::now_v7()] {
            if signer != allowed {
                let mut request = consenting(wallet, line, cents, "2026-04-01");
                request.consent.representative = Some(signer);
                let refused = refusal(consent(&house.database, &request, noon("2026-04-01")).await);
                assert!(refused.contains("may not speak"), "{refused}");
            }
        }
        let mut request = consenting(wallet, line, cents, "2026-04-01");
        request.consent.representative = Some(allowed);
        consent(&house.database, &request, noon("2026-04-01")).await.unwrap();
    }
}

/// Source: E (ZZG): the first 42 days count as planned.
#[tokio::test]
async fn provisional_lines_are_planned_for_the_first_42_days_after_arrival() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    house.run("UPDATE client SET arrived_on = '2026-03-20'").await;
    let provisional = AgreeRequest { is_provisional: true, ..Agreeing::weekly(SHOWER).request(wallet) };
    // day 1 is 20 March: day 42 is 30 April
    let refused = refusal(agree(&house.database, &provisional, noon("2026-05-01")).await);
    assert!(refused.contains("first weeks after arrival"), "{refused}");
    let row = agree(&house.database, &provisional, noon("2026-04-30")).await.unwrap();
    assert_eq!(row.line.provisional_until, Some(day("2026-04-30")));
    assert_eq!(house.tasks(wallet).await, "", "it is asked about when its weeks are over");
    house.open("2026-04").await;
    assert_eq!(house.days(row.line.id).await[..2], [vec![1, 8, 15, 22, 29], vec![1, 8, 15, 22, 29]]);
}

/// Source: E (Amsta).
#[tokio::test]
async fn dropping_records_that_consequences_were_explained_and_frees_what_was_held() {
    let house = House::new().await;
    let wallet = house.client(1).await;
    let line = house.planned(wallet, SHOWER, "FREQ=WEEKLY", "2026-04-01").await;
    house.open("2026-04").await;
    assert_eq!(house.budget(wallet).await, [285_000, 5_000]);
    house.deliver("2026-04-01").await;
    let dropped = dropping("2026-04-15");
    let released = drop_line(&house.database, of(wallet), line, &dropped, noon("2026-04-02")).await.unwrap();
    assert_eq!((released.released, released.done), (3, 0));
    assert_eq!(house.budget(wallet).await, [284_000, 1_000]);
    assert_eq!(house.days(line).await[3], [15, 22, 29]);
    let again = drop_line(&house.database, of(wallet), line, &dropped, noon("2026-04-02")).await.unwrap();
    assert_eq!(again.released, 0);
    let other = dropping("2026-04-08");
    assert!(refusal(drop_line(&house.database, of(wallet), line, &other, noon("2026-04-02")).await).contains("before"));
    let late = house.planned(wallet, SHOWER, "FREQ=WEEKLY", "2026-04-01").await;
    let past = drop_line(&house.database, of(wallet), late, &dropping("2026-04-15"), noon("2026-04-16")).await;
    assert!(refusal(past).contains("from today on"));
    let explained = "SELECT consequences_explained_by || ' ' || consequences_explained_on FROM plan_line WHERE drop_reason IS NOT NULL";
    assert_eq!(house.text(explained).await, format!("{NURSE} 2026-04-01"));
    house.verify().await;
}
