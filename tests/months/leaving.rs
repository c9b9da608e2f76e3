//! The end of a stay.

use pasje::domain::operation::{OperationId, Outcome};
use pasje::domain::payout::{PayoutRequest, PayoutStep, PayoutStepRequest};
use pasje::domain::top_up::{Till, TopUpRequest};
use pasje::services::book::book;
use pasje::services::months::MonthError;
use pasje::services::months::leaving::leave;
use uuid::Uuid;

use crate::house::{Agree, CARE, House, day};

fn id() -> OperationId {
    OperationId::new(Uuid::now_v7()).unwrap()
}

async fn settled(house: &House) -> pasje::domain::account::WalletId {
    let client = house.client(1).await;
    house
        .run(&format!(
            "INSERT INTO client (wallet, number, display_name) VALUES ({id}, 1, 'Mevrouw Voorbeeld'); \
             INSERT INTO card (id, wallet, expires_on) VALUES (gen_random_uuid(), {id}, '2099-12-31')",
            id = client.field()
        ))
        .await;
    client
}

#[tokio::test]
async fn death_on_day_3_leaves_three_funded_days_and_own_money() {
    let house = House::new().await;
    let client = settled(&house).await;
    let care = house.agree(client, Agree::daily(CARE, 5000, "2026-04-01")).await;
    house.open("2026-04").await;
    let top_up = TopUpRequest { id: id(), wallet: client, cents: 2000, from: Till::Bank };
    book(&house.database, &top_up).await.unwrap();
    house.deliver("2026-04-01").await;
    leave(&house.database, client, day("2026-04-03"), "2026-04-04T12:00:00Z".parse().unwrap()).await.unwrap();
    // three days: gross 300, overhead 30, reserve 15, buffer 6, budget 249 euro, of which 150 were delivered
    let row = "SELECT funded_days || ' ' || gross || ' ' || budget FROM month_grant ORDER BY revision DESC LIMIT 1";
    assert_eq!(house.text(row).await, "3 30000 24900");
    assert_eq!(house.bits(care, "2026-04").await[2..], [0b111, 0x3fff_fff8]);
    assert_eq!(house.purses(client).await, [0, 0, 0, 0, 2000]);
    assert_eq!(house.number("SELECT balance FROM shared_buffer").await, 600);
    let lapsed = "SELECT sum(amount) FROM ledger.transfer WHERE flow = 13";
    assert_eq!(house.number(lapsed).await, 24_900 - 15_000 + 1500);
    assert_eq!(house.text("SELECT status || ' ' || month FROM wallet").await, "2 2026-05-01");
    assert_eq!(house.number("SELECT status FROM card").await, 2);
    let closing = "SELECT closing::text FROM month_statement";
    assert_eq!(house.text(closing).await, "{0,0,0,0,2000}");
    let before = house.everything().await;
    leave(&house.database, client, day("2026-04-03"), "2026-04-04T12:00:00Z".parse().unwrap()).await.unwrap();
    assert_eq!(house.everything().await, before, "once");
    house.verify().await;
}

#[tokio::test]
async fn own_money_is_paid_out_after_two_people_approve() {
    let house = House::new().await;
    let client = settled(&house).await;
    house.open("2026-04").await;
    let top_up = TopUpRequest { id: id(), wallet: client, cents: 2000, from: Till::Bank };
    book(&house.database, &top_up).await.unwrap();
    leave(&house.database, client, day("2026-04-03"), "2026-04-04T12:00:00Z".parse().unwrap()).await.unwrap();
    let [asker, one, other] = [(); 3].map(|()| Uuid::now_v7());
    let asked = PayoutRequest { id: id(), wallet: client, cents: 2000, staff: asker };
    assert_eq!(book(&house.database, &asked).await.unwrap().operation.outcome, Outcome::Booked);
    for step in [
        PayoutStep::Approve { staff: one },
        PayoutStep::Approve { staff: other },
        PayoutStep::Paid { from: Till::Bank },
    ] {
        let step = PayoutStepRequest { id: id(), payout: asked.id, step };
        assert_eq!(book(&house.database, &step).await.unwrap().operation.outcome, Outcome::Booked, "{step:?}");
    }
    assert_eq!(house.purses(client).await, [0; 5]);
    house.verify().await;
}

#[tokio::test]
async fn who_left_in_an_earlier_month_gives_back_the_months_since() {
    let house = House::new().await;
    let client = settled(&house).await;
    house.open("2026-04").await;
    house.close("2026-04").await;
    house.open("2026-05").await;
    leave(&house.database, client, day("2026-04-20"), "2026-05-04T12:00:00Z".parse().unwrap()).await.unwrap();
    let days = "SELECT string_agg(funded_days::text, ' ' ORDER BY month, revision) FROM month_grant";
    assert_eq!(house.text(days).await, "30 20 31 0");
    assert_eq!(house.purses(client).await, [0; 5], "savings lapse too");
    house.verify().await;
}

#[tokio::test]
async fn nobody_leaves_in_the_future_and_nobody_leaves_who_is_no_client() {
    let house = House::new().await;
    let client = settled(&house).await;
    let now = "2026-04-04T12:00:00Z".parse().unwrap();
    let early = leave(&house.database, client, day("2026-04-05"), now).await;
    assert!(matches!(early, Err(MonthError::DayNotCome(_))));
    let tenant = house.stranger(2).await;
    let unknown = leave(&house.database, tenant, day("2026-04-03"), now).await;
    assert!(matches!(unknown, Err(MonthError::ClientUnknown(2))));
}

#[tokio::test]
async fn what_is_corrected_of_who_left_lapses_at_once() {
    let house = House::new().await;
    let client = settled(&house).await;
    house.open("2026-04").await;
    leave(&house.database, client, day("2026-04-10"), "2026-04-12T12:00:00Z".parse().unwrap()).await.unwrap();
    house.run("UPDATE tariff SET day_cents = 12000 WHERE profile = '5VV'").await;
    assert_eq!(house.correct("2026-04").await.get("corrections"), 1);
    assert_eq!(house.purses(client).await, [0; 5]);
    house.verify().await;
}
