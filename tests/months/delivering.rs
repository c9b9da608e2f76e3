//! A day's occurrences are captured once, or come back.

use crate::house::{ACTIVITY, Agree, CARE, EXTRA, House};

#[tokio::test]
async fn the_daily_job_captures_a_days_occurrences_with_what_was_held_for_them() {
    let house = House::new().await;
    let client = house.client(1).await;
    let care = house.agree(client, Agree::weekly(CARE, 5000, "2026-04-07")).await;
    house.open("2026-04").await;
    assert_eq!(house.purses(client).await[..2], [249_000, 20_000]);
    assert_eq!(house.deliver("2026-04-06").await.get("delivered"), 0);
    assert_eq!(house.deliver("2026-04-07").await.get("delivered"), 1);
    assert_eq!(house.purses(client).await[..2], [244_000, 15_000]);
    let tuesdays = 1 << 6 | 1 << 13 | 1 << 20 | 1 << 27;
    assert_eq!(house.bits(care, "2026-04").await, [tuesdays, tuesdays, 1 << 6, 0]);
    let named = format!("SELECT hold = '{}' FROM ledger.line", House::occurrence(care, "2026-04-07").uuid());
    assert_eq!(house.text(&named).await, "true");
    assert_eq!(house.number("SELECT count(*) FROM captured_day").await, 2);
    house.verify().await;
}

#[tokio::test]
async fn an_occurrence_is_captured_once_whoever_comes() {
    let house = House::new().await;
    for number in 1..=5 {
        let client = house.client(number).await;
        house.agree(client, Agree::daily(CARE, 5000, "2026-04-01")).await;
    }
    house.open("2026-04").await;
    let (one, other) = tokio::join!(house.deliver("2026-04-03"), house.deliver("2026-04-03"));
    assert_eq!(one.get("delivered") + other.get("delivered"), 5);
    let before = house.everything().await;
    house.deliver("2026-04-03").await;
    assert_eq!(house.everything().await, before);
    house.close("2026-04").await;
    assert_eq!(house.number("SELECT count(*) FROM ledger.line").await, 5 * 30);
    house.verify().await;
}

#[tokio::test]
async fn planned_care_of_absent_days_comes_back() {
    let house = House::new().await;
    let client = house.client(1).await;
    let care = house.agree(client, Agree::daily(CARE, 5000, "2026-04-01")).await;
    house.open("2026-04").await;
    house
        .run(&format!(
            "INSERT INTO absence (id, wallet, kind, left_on) VALUES (gen_random_uuid(), {}, 1, '2026-04-01')",
            client.field()
        ))
        .await;
    assert_eq!(house.deliver("2026-04-01").await.get("delivered"), 1, "on the day of leaving there was care");
    assert_eq!(house.deliver("2026-04-02").await.get("delivered"), 0);
    assert_eq!(house.purses(client).await[..2], [244_000, 140_000]);
    house.run("UPDATE absence SET returned_on = '2026-04-03'").await;
    assert_eq!(house.deliver("2026-04-03").await.get("delivered"), 1);
    let [_, _, done, released] = house.bits(care, "2026-04").await;
    assert_eq!((done, released), (0b101, 0b10));
    house.verify().await;
}

#[tokio::test]
async fn care_is_never_refused_and_an_activity_that_nothing_pays_is_left_out() {
    let house = House::new().await;
    let client = house.client(1).await;
    // 2490 euro of budget: what does not fit is not held
    let care = house.agree(client, Agree::weekly(CARE, 300_000, "2026-04-07")).await;
    let activity = house.agree(client, Agree::weekly(ACTIVITY, 260_000, "2026-04-07")).await;
    house.open("2026-04").await;
    assert_eq!(house.purses(client).await[1], 0);
    let tally = house.deliver("2026-04-07").await;
    assert_eq!((tally.get("delivered"), tally.get("left out")), (1, 1));
    assert_eq!(house.purses(client).await[0], 0);
    let overrun = "SELECT sum(amount) FROM ledger.transfer WHERE debit & 255 = 48";
    assert_eq!(house.number(overrun).await, 300_000 - 249_000);
    assert_eq!(house.bits(care, "2026-04").await[2], 1 << 6);
    assert_eq!(house.bits(activity, "2026-04").await[3], 1 << 6);
    house.verify().await;
}

#[tokio::test]
async fn a_line_that_is_agreed_in_the_month_is_delivered_from_then_on() {
    let house = House::new().await;
    let client = house.client(1).await;
    house.open("2026-04").await;
    let extra = house.agree(client, Agree::daily(EXTRA, 1000, "2026-04-10")).await;
    assert_eq!(house.deliver("2026-04-10").await.get("delivered"), 1);
    assert_eq!(house.bits(extra, "2026-04").await, [0x3fff_fe00, 0, 1 << 9, 0]);
    house.verify().await;
}

#[tokio::test]
async fn days_of_a_line_that_is_dropped_come_back() {
    let house = House::new().await;
    let client = house.client(1).await;
    let care = house.agree(client, Agree::daily(CARE, 1000, "2026-04-01")).await;
    house.open("2026-04").await;
    house.deliver("2026-04-01").await;
    house
        .run(&format!(
            "UPDATE plan_line SET dropped_from = '2026-04-03', drop_reason = 'niet meer nodig', consequences_explained_by = id, \
             consequences_explained_on = '2026-04-01' WHERE id = '{}'",
            care.uuid()
        ))
        .await;
    house.deliver("2026-04-02").await;
    assert_eq!(house.bits(care, "2026-04").await, [0x3fff_ffff, 0x3fff_ffff, 0b11, 0x3fff_fffc]);
    assert_eq!(house.purses(client).await[..2], [247_000, 0]);
    house.verify().await;
}

#[tokio::test]
async fn what_family_does_costs_nothing_and_is_done() {
    let house = House::new().await;
    let client = house.client(1).await;
    let free = house.agree(client, Agree::daily(CARE, 0, "2026-04-01")).await;
    house.open("2026-04").await;
    assert_eq!(house.deliver("2026-04-01").await.get("delivered at no cost"), 1);
    assert_eq!(house.bits(free, "2026-04").await, [0x3fff_ffff, 0, 1, 0]);
    assert_eq!(house.number("SELECT count(*) FROM ledger.line").await, 0);
    house.verify().await;
}

#[tokio::test]
async fn fourteen_and_three_days_before_a_loss_somebody_hears_of_it() {
    let is_kept = |line: &&str| !line.starts_with("savings_cap") && !line.starts_with("year_end");
    let scheme: Vec<&str> = crate::house::EUROS.lines().filter(is_kept).collect();
    let scheme = scheme.join("\n").replace("budget = \"save\"", "budget = \"lapse\"");
    let house = House::with(&scheme).await;
    let client = house.client(1).await;
    house.agree(client, Agree::daily(CARE, 8000, "2026-01-01")).await;
    house.open("2026-04").await;
    for (day, told) in [("2026-04-15", 0), ("2026-04-16", 1), ("2026-04-17", 0), ("2026-04-27", 1), ("2026-04-28", 0)] {
        assert_eq!(house.deliver(day).await.get("losses told"), told, "{day}");
    }
    // 90 euro of budget and 150 of reserve are not held for anything
    let tasks = "SELECT string_agg(kind || ' ' || amount, ', ' ORDER BY kind) FROM task";
    assert_eq!(house.text(tasks).await, "4 24000, 5 24000");
}
