//! What is left at a month's end.

use chrono::{DateTime, Utc};
use pasje::domain::funding::PurseName;
use pasje::domain::hold::HoldRequest;
use pasje::domain::operation::{OperationId, Outcome};
use pasje::domain::top_up::{Till, TopUpRequest};
use pasje::services::book::book;
use uuid::Uuid;

use crate::house::{Agree, CARE, House};

fn id() -> OperationId {
    OperationId::new(Uuid::now_v7()).unwrap()
}

#[tokio::test]
async fn what_is_left_is_saved_up_to_the_cap_and_the_rest_lapses() {
    let house = House::new().await;
    let client = house.client(1).await;
    house.agree(client, Agree::weekly(CARE, 5000, "2026-04-07")).await;
    house.open("2026-04").await;
    house.deliver("2026-04-07").await;
    let tally = house.close("2026-04").await;
    assert_eq!(tally.get("delivered"), 3, "the close delivers what is left of the month");
    // 2290 euro left: 1000 is the cap
    assert_eq!(house.purses(client).await, [0, 0, 0, 100_000, 0]);
    assert_eq!((tally.get("saved EUR"), tally.get("lapsed EUR")), (100_000, 129_000 + 15_000));
    assert_eq!(house.text("SELECT month FROM wallet").await, "2026-05-01");
    house.verify().await;
}

#[tokio::test]
async fn closing_twice_changes_nothing_and_a_closed_month_never_changes() {
    let house = House::new().await;
    for number in 1..=5 {
        let client = house.client(number).await;
        house.agree(client, Agree::weekly(CARE, 5000, "2026-04-07")).await;
    }
    house.open("2026-04").await;
    house.close("2026-04").await;
    let before = house.everything().await;
    assert_eq!(house.close("2026-04").await.get("wallets"), 0);
    assert_eq!(house.deliver("2026-04-07").await.get("wallets"), 0);
    assert_eq!(house.open("2026-04").await.get("wallets"), 0);
    assert_eq!(house.everything().await, before);
}

#[tokio::test]
async fn the_statement_of_a_month_is_frozen() {
    let house = House::new().await;
    let client = house.client(1).await;
    house.agree(client, Agree::weekly(CARE, 5000, "2026-04-07")).await;
    house.open("2026-04").await;
    let top_up = TopUpRequest { id: id(), wallet: client, cents: 700, from: Till::Bank };
    assert_eq!(book(&house.database, &top_up).await.unwrap().operation.outcome, Outcome::Booked);
    house.close("2026-04").await;
    let frozen = "SELECT opening::text || ' ' || closing::text || ' ' || moved::text FROM month_statement";
    // grant (1), sale (3), top-up (7), save (12), lapse (13)
    let expected = "{0,0,0,0,0} {0,0,100000,0,700} \
         {1,1,249000,0,1,2,15000,0,3,1,0,20000,7,5,700,0,12,1,0,100000,12,3,100000,0,13,1,0,129000,13,2,0,15000}";
    assert_eq!(house.text(frozen).await, expected);
    // what comes later belongs to the next month
    let late = TopUpRequest { id: id(), wallet: client, cents: 300, from: Till::Bank };
    let late = book(&house.database, &late).await.unwrap();
    assert_eq!(late.operation.month, Some(crate::house::day("2026-05-01")));
    assert_eq!(house.text(frozen).await, expected);
    house.open("2026-05").await;
    house.close("2026-05").await;
    let next = "SELECT opening::text FROM month_statement WHERE month = '2026-05-01'";
    assert_eq!(house.text(next).await, "{0,0,100000,0,700}");
    house.verify().await;
}

#[tokio::test]
async fn december_keeps_savings_up_to_what_the_scheme_says() {
    let house = House::new().await;
    let client = house.client(1).await;
    house.open("2025-12").await;
    house.close("2025-12").await;
    assert_eq!(house.purses(client).await[3], 60_000);
    house.verify().await;
}

#[tokio::test]
async fn pending_holds_of_terminals_move_with_the_purse() {
    let house = House::new().await;
    let client = house.client(1).await;
    house.open("2026-04").await;
    let expires_at: Option<DateTime<Utc>> = None;
    let hold = HoldRequest { id: id(), wallet: client, amounts: vec![(PurseName::Budget, 1500)], expires_at };
    assert_eq!(book(&house.database, &hold).await.unwrap().operation.outcome, Outcome::Booked);
    house.close("2026-04").await;
    assert_eq!(house.purses(client).await[..2], [1500, 1500]);
    house.open("2026-05").await;
    assert_eq!(house.purses(client).await[..2], [1500 + 257_300, 1500]);
    house.verify().await;
}

#[tokio::test]
async fn months_follow_each_other_for_a_year() {
    let house = House::new().await;
    for number in 1..=4 {
        let client = house.client(number).await;
        house.agree(client, Agree::daily(CARE, 2500, "2025-06-01")).await;
        house.agree(client, Agree::weekly(3, 4500, "2025-06-03")).await;
    }
    for text in ["2025-11", "2025-12", "2026-01", "2026-02", "2026-03"] {
        assert_eq!(house.open(text).await.get("wallets"), 4, "{text}");
        house.deliver(&format!("{text}-10")).await;
        assert_eq!(house.close(text).await.get("wallets"), 4, "{text}");
    }
    assert_eq!(house.number("SELECT count(*) FROM month_statement").await, 20);
    house.verify().await;
}
