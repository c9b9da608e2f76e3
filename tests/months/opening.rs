//! What a month brings, and what is held of it.

use pasje::services::imports::{FileKind, import};
use pasje::services::months::MonthError;

use crate::house::{ACTIVITY, Agree, CARE, House, organisation};

/// 30 days of 100 euro, less 10 a day, 5 and 2 percent of gross: 2490 euro of budget.
const APRIL: [i64; 5] = [249_000, 0, 15_000, 0, 0];

#[tokio::test]
async fn a_month_is_granted_by_the_rules_of_its_scheme() {
    let house = House::new().await;
    let client = house.client(1).await;
    let tally = house.open("2026-04").await;
    // gross 300000, overhead 30000, reserve 15000, buffer 6000
    assert_eq!(house.purses(client).await, APRIL);
    assert_eq!(house.number("SELECT balance FROM shared_buffer").await, 6000);
    assert_eq!((tally.get("grants"), tally.get("budget EUR")), (1, 249_000));
    let row = "SELECT funded_days || ' ' || gross || ' ' || deductions::text || ' ' || budget FROM month_grant";
    assert_eq!(house.text(row).await, "30 300000 {30000} 249000");
    assert_eq!(house.text("SELECT month FROM wallet").await, "2026-04-01");
    assert_eq!(house.number("SELECT count(*) FROM ledger.operation WHERE month = '2026-04-01'").await, 1);
    house.verify().await;
}

#[tokio::test]
async fn opening_twice_changes_nothing() {
    let house = House::new().await;
    for number in 1..=7 {
        let client = house.client(number).await;
        house.agree(client, Agree::weekly(CARE, 5000, "2026-01-05")).await;
    }
    assert_eq!(house.open("2026-04").await.get("wallets"), 7);
    let before = house.everything().await;
    assert_eq!(house.open("2026-04").await.get("wallets"), 0);
    assert_eq!(house.everything().await, before);
    house.verify().await;
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_tells_what_would_be() {
    let house = House::new().await;
    let client = house.client(1).await;
    house.agree(client, Agree::weekly(CARE, 5000, "2026-01-05")).await;
    let before = house.everything().await;
    let told = house.try_open("2026-04", true).await.unwrap();
    assert_eq!(house.everything().await, before);
    assert_eq!(told, house.open("2026-04").await);
    let told = house.try_close("2026-04", true).await.unwrap();
    assert_eq!(told, house.close("2026-04").await);
}

#[tokio::test]
async fn a_month_that_has_not_begun_is_not_opened_and_one_that_is_not_over_is_not_closed() {
    let mut house = House::new().await;
    house.client(1).await;
    house.now = "2026-03-31T21:00:00Z".parse().unwrap();
    assert!(matches!(house.try_open("2026-04", false).await, Err(MonthError::NotBegun(_))));
    // midnight in Amsterdam
    house.now = "2026-03-31T22:00:00Z".parse().unwrap();
    house.open("2026-04").await;
    assert!(matches!(house.try_close("2026-04", false).await, Err(MonthError::NotOver(_))));
    // what it would do is told from the first day on, as if all went as planned
    let before = house.everything().await;
    let told = house.try_close("2026-04", true).await.unwrap();
    assert!(told.get("saved EUR") > 0, "{told:?}");
    assert_eq!(house.everything().await, before);
    assert!(matches!(house.try_close("2026-05", true).await, Err(MonthError::NotOver(_))));
}

#[tokio::test]
async fn a_missing_tariff_leaves_every_card_working() {
    let house = House::new().await;
    let client = house.client(1).await;
    house.run("UPDATE tariff SET to_date = '2026-04-30'").await;
    house.open("2026-04").await;
    house.close("2026-04").await;
    let before = house.purses(client).await;
    let tally = house.open("2026-05").await;
    assert_eq!((tally.get("data errors"), tally.get("provisional grants")), (1, 1));
    // the last grant a funded day: 31 thirtieths of it
    assert_eq!(house.purses(client).await[0], 249_000 * 31 / 30);
    assert_eq!(house.purses(client).await[3], before[3]);
    let flag = "SELECT data_error || ' ' || error_day FROM month_grant WHERE month = '2026-05-01'";
    assert_eq!(house.text(flag).await, "3 2026-05-01");
    assert_eq!(house.number("SELECT count(*) FROM task WHERE kind = 1 AND month = '2026-05-01'").await, 1);
    house.verify().await;
}

#[tokio::test]
async fn without_an_earlier_grant_a_data_error_grants_nothing_and_is_flagged_all_the_same() {
    let house = House::new().await;
    let client = house.client(1).await;
    house.indicate(client, "8VV", "2026-04-10", None).await;
    house.open("2026-04").await;
    assert_eq!(house.purses(client).await, [0; 5]);
    assert_eq!(house.text("SELECT data_error || ' ' || error_day FROM month_grant").await, "1 2026-04-10");
    assert_eq!(house.number("SELECT count(*) FROM task WHERE kind = 1").await, 1);
    assert_eq!(house.text("SELECT month FROM wallet").await, "2026-04-01");
    house.verify().await;
}

#[tokio::test]
async fn a_client_without_indication_gets_no_grant_and_is_in_the_month_all_the_same() {
    let house = House::new().await;
    let tenant = house.stranger(1).await;
    let tally = house.open("2026-04").await;
    assert_eq!((tally.get("wallets"), tally.get("grants"), tally.get("data errors")), (1, 0, 0));
    assert_eq!(house.purses(tenant).await, [0; 5]);
    assert_eq!(house.text("SELECT month || ' ' || buyer FROM wallet").await, "2026-04-01 4");
    house.verify().await;
}

#[tokio::test]
async fn the_buyer_follows_the_indication_of_today_whatever_day_or_month_is_gone_through() {
    let mut house = House::new().await;
    let client = house.stranger(1).await;
    house.indicate(client, "5VV", "2026-04-20", Some("2026-05-02")).await;
    let at = |day: &str| format!("{day}T10:00:00Z").parse().unwrap();
    house.now = at("2026-04-19");
    house.open("2026-04").await;
    assert_eq!(house.number("SELECT buyer FROM wallet").await, 4, "not indicated yet");
    house.now = at("2026-04-20");
    house.deliver("2026-04-19").await;
    assert_eq!(house.number("SELECT buyer FROM wallet").await, 1);
    house.now = at("2026-05-03");
    house.deliver("2026-04-30").await;
    assert_eq!(house.number("SELECT buyer FROM wallet").await, 4, "a day of before is gone through late");
}

#[tokio::test]
async fn a_wallet_moves_to_the_version_that_is_in_force_in_the_month() {
    let house = House::new().await;
    let client = house.client(1).await;
    let second = crate::house::EUROS.replace("version = 1", "version = 2").replace("1_000", "2_000");
    let from = crate::house::month("2026-05");
    pasje::services::schemes::adopt(&house.database, organisation(), &second, from).await.unwrap();
    house.open("2026-04").await;
    assert_eq!(house.purses(client).await, APRIL);
    house.close("2026-04").await;
    house.open("2026-05").await;
    // gross 310000, overhead 62000, reserve 15500, buffer 6200
    assert_eq!(house.purses(client).await[0], 226_300);
    assert_eq!(house.number("SELECT version FROM scheme JOIN wallet ON wallet.scheme = scheme.id").await, 2);
}

#[tokio::test]
async fn what_is_planned_is_held_up_to_the_budget_less_what_is_kept_free() {
    let house = House::new().await;
    let client = house.client(1).await;
    // 30 days of 80 euro are 2400 of 2490, of which 45 stay free: 45 left, and an activity of 50 does not fit
    let care = house.agree(client, Agree::daily(CARE, 8000, "2026-01-01")).await;
    let activity = house.agree(client, Agree::weekly(ACTIVITY, 5000, "2026-04-07")).await;
    let tally = house.open("2026-04").await;
    assert_eq!(house.purses(client).await[..2], [249_000, 240_000]);
    assert_eq!(house.bits(care, "2026-04").await, [0x3fff_ffff, 0x3fff_ffff, 0, 0]);
    let tuesdays = 1 << 6 | 1 << 13 | 1 << 20 | 1 << 27;
    assert_eq!(house.bits(activity, "2026-04").await, [tuesdays, 0, 0, 0]);
    assert_eq!((tally.get("held EUR"), tally.get("expected overruns")), (240_000, 1));
    assert_eq!(house.number("SELECT amount FROM task WHERE kind = 3").await, 20_000);
    house.verify().await;
}

#[tokio::test]
async fn lines_without_consent_absent_days_and_dropped_days_are_not_planned() {
    let house = House::new().await;
    let client = house.client(1).await;
    let unsigned = Agree { consented: false, ..Agree::daily(CARE, 100, "2026-04-01") };
    let provisional = Agree { provisional_until: Some("2026-04-03"), ..unsigned };
    let free = Agree { cents: 0, ..unsigned };
    let unsigned = house.agree(client, unsigned).await;
    let provisional = house.agree(client, provisional).await;
    let free = house.agree(client, free).await;
    let dropped = house.agree(client, Agree::daily(CARE, 100, "2026-04-01")).await;
    house
        .run(&format!(
            "UPDATE plan_line SET dropped_from = '2026-04-05', drop_reason = 'niet meer nodig', consequences_explained_by = id, \
             consequences_explained_on = '2026-04-01' WHERE id = '{}'; \
             INSERT INTO absence (id, wallet, kind, left_on, returned_on) VALUES (gen_random_uuid(), {}, 1, '2026-04-01', '2026-04-04')",
            dropped.uuid(),
            client.field()
        ))
        .await;
    house.open("2026-04").await;
    let rows = format!("SELECT count(*) FROM plan_month WHERE line = '{}'", unsigned.uuid());
    assert_eq!(house.number(&rows).await, 0);
    // away on the second and third
    assert_eq!(house.bits(provisional, "2026-04").await, [0b1, 0b1, 0, 0]);
    assert_eq!(house.bits(dropped, "2026-04").await, [0b1001, 0b1001, 0, 0]);
    assert_eq!(house.bits(free, "2026-04").await, [0x3fff_ffff & !0b110, 0, 0, 0]);
    house.verify().await;
}

/// Source: W. 28 days of holiday, from 2 April to the 29th.
#[tokio::test]
async fn the_days_of_a_holiday_that_are_funded_follow_the_imported_setting() {
    let mut house = House::new().await;
    let client = house.client(1).await;
    house
        .run(&format!(
            "INSERT INTO absence (id, wallet, kind, left_on, returned_on) VALUES (gen_random_uuid(), {}, 2, '2026-04-01', '2026-04-30')",
            client.field()
        ))
        .await;
    let head = "delivery;from;medical_days;holiday_days_each;holiday_days_year;holiday_after_days;source\n";
    let import = async |house: &House, rows: &str| {
        let file = format!("{head}{rows}");
        let imported =
            import(&house.database, organisation(), FileKind::AbsenceSettings, file.as_bytes(), false, house.now);
        imported.await.unwrap().counts()
    };
    let funded = async |house: &House| {
        house.text("SELECT funded_days || ' ' || gross FROM month_grant ORDER BY revision DESC LIMIT 1").await
    };
    let rows = "verblijf;2026-01-01;91;21;42;14;fictief\nverblijf;2026-05-01;91;7;42;14;fictief\nvpt;2026-01-01;91;0;0;14;fictief\n";
    assert_eq!(import(&house, rows).await, (3, 0, 0));
    house.open("2026-04").await;
    assert_eq!(funded(&house).await, "23 230000", "21 of the 28, and the two days at home");
    // the setting turns out to be another one, and the month is corrected
    assert_eq!(import(&house, "verblijf;2026-01-01;91;25;42;14;fictief\n").await, (0, 1, 0));
    house.now = "2026-04-30T12:00:00Z".parse().unwrap();
    house.correct("2026-04").await;
    assert_eq!(funded(&house).await, "27 270000");
    house.verify().await;
}
