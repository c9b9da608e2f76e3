//! What was granted is made what the rules give now.

use crate::house::{Agree, CARE, House};

#[tokio::test]
async fn zzp_5_to_8_in_mid_month_is_corrected_with_a_reference_to_the_grant() {
    let house = House::new().await;
    let client = house.client(1).await;
    house.open("2026-04").await;
    house.run("UPDATE indication SET to_date = '2026-04-15'").await;
    house.indicate(client, "8VV", "2026-04-16", None).await;
    assert_eq!(house.correct("2026-04").await.get("corrections"), 1);
    // 15 days of 100 more: 93 percent of 1500 euro to the budget, 5 to the reserve, 2 to the buffer
    assert_eq!(house.purses(client).await, [249_000 + 139_500, 0, 15_000 + 7500, 0, 0]);
    assert_eq!(house.number("SELECT balance FROM shared_buffer").await, 9000);
    let reference = "SELECT (c.reference = g.id)::text FROM ledger.operation AS c, ledger.operation AS g WHERE c.kind = 21 AND g.kind = 12";
    assert_eq!(house.text(reference).await, "true");
    let before = house.everything().await;
    assert_eq!(house.correct("2026-04").await.get("corrections"), 0, "corrected once");
    assert_eq!(house.everything().await, before);
    house.verify().await;
}

#[tokio::test]
async fn a_downward_correction_never_touches_holds_savings_or_own_money() {
    let house = House::new().await;
    let client = house.client(1).await;
    house.agree(client, Agree::daily(CARE, 8000, "2026-01-01")).await;
    house.open("2026-04").await;
    house.run("UPDATE wallet SET credit_cents = 0").await;
    // nothing was ever right: the indication ended before April
    house.run("UPDATE indication SET to_date = '2026-03-31'").await;
    house.correct("2026-04").await;
    // 90 euro were free and 150 in the reserve; 2400 are held
    assert_eq!(house.purses(client).await, [240_000, 240_000, 0, 0, 0]);
    assert_eq!(house.number("SELECT balance FROM shared_buffer").await, 0);
    let overrun = "SELECT sum(amount) FROM ledger.transfer WHERE debit & 255 = 48 AND flow = 2";
    assert_eq!(house.number(overrun).await, 240_000);
    house.verify().await;
}

#[tokio::test]
async fn a_tariff_that_arrives_late_ends_the_task_and_books_the_difference() {
    let house = House::new().await;
    let client = house.client(1).await;
    house.run("UPDATE tariff SET to_date = '2026-04-30'").await;
    house.open("2026-04").await;
    house.close("2026-04").await;
    house.open("2026-05").await;
    house.close("2026-05").await;
    house.open("2026-06").await;
    assert_eq!(house.number("SELECT count(*) FROM task WHERE done_at IS NULL").await, 2);
    house.correct("2026-05").await;
    assert_eq!(house.number("SELECT count(*) FROM task WHERE done_at IS NULL").await, 2, "still wrong");
    house
        .run(
            "INSERT INTO tariff (organisation, code, profile, delivery, treatment, day_activities, from_date, day_cents, source) \
             VALUES (1, 'Z053', '5VV', 1, true, true, '2026-05-01', 11000, 'fictief')",
        )
        .await;
    let before = house.purses(client).await;
    assert_eq!(house.correct("2026-05").await.get("corrections"), 1);
    // 31 days of 10 euro more, booked into June, where the wallet is
    assert_eq!(house.purses(client).await[0], before[0] + 31 * 930);
    assert_eq!(house.text("SELECT month FROM ledger.operation WHERE kind = 21").await, "2026-06-01");
    assert_eq!(house.number("SELECT count(*) FROM task WHERE done_at IS NULL").await, 1);
    let row = "SELECT revision || ' ' || coalesce(data_error, 0) FROM month_grant WHERE month = '2026-05-01' ORDER BY revision DESC LIMIT 1";
    assert_eq!(house.text(row).await, "1 0");
    house.verify().await;
}

#[tokio::test]
async fn hospital_beyond_what_is_funded_gives_the_days_back() {
    let house = House::new().await;
    let client = house.client(1).await;
    house.open("2026-04").await;
    house
        .run(&format!(
            "INSERT INTO absence (id, wallet, kind, left_on) VALUES (gen_random_uuid(), {}, 1, '2026-01-10')",
            client.field()
        ))
        .await;
    house.correct("2026-04").await;
    // away from 11 January on: 91 days are over on 11 April, 19 days bring nothing
    let days = "SELECT funded_days FROM month_grant ORDER BY revision DESC LIMIT 1";
    assert_eq!(house.number(days).await, 11);
    house.verify().await;
}
