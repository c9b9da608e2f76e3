//! The end of a stay, told over the API.

use chrono::{Days, Utc};
use serde_json::json;

use crate::integration::address;
use crate::service::{COFFEE, House, RESTAURANT};

#[tokio::test]
async fn a_client_who_left_buys_nothing_more_and_keeps_own_money() {
    let house = House::open().await;
    let client = house.client(3000, 5000).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let (serving, key, reader) = (house.serve(), house.key(1, &["money:write"]), house.key(1, &["clients:read"]));
    let target = format!("{}/leaving", address(&client));
    house.sql("UPDATE client SET arrived_on = current_date - 30").await;
    let today = Utc::now().date_naive();
    for (body, slug) in [
        (json!({"last_day": today + Days::new(2)}), "request-malformed"),
        (json!({"last_day": "2026-02-30"}), "request-malformed"),
        (json!({}), "request-malformed"),
        (json!({"last_day": "-9999-01-01"}), "request-malformed"),
        (json!({"last_day": today - Days::new(31)}), "request-malformed"),
    ] {
        serving.send_by(&key, "POST", &target, &body).is_problem(422, slug);
    }
    assert_eq!(serving.read_by(&reader, &address(&client)).decided()["is_closed"], false);
    let leaving = json!({"last_day": today - Days::new(1)});
    let left = serving.send_by(&key, "POST", &target, &leaving).decided();
    assert_eq!((&left["is_closed"], &left["left_on"]), (&json!(true), &leaving["last_day"]));
    assert_eq!(house.purses(&client).await, [0, 5000]);
    // again: nothing else changes
    let before = house.books().await;
    assert_eq!(serving.send_by(&key, "POST", &target, &leaving).decided(), left);
    assert_eq!(house.books().await, before);
    let sale = card.tap(&terminal, &[(COFFEE, 1)]).sale();
    assert_eq!(serving.sell(&terminal, &sale).decided()["outcome"], "declined");
    // what is asked of a closed wallet is told so
    let draw = json!({"amount": 100, "from": today, "until": today});
    let draw = serving.send_by(&key, "POST", &format!("{}/buffer-draws", address(&client)), &draw).decided();
    assert_eq!((&draw["outcome"], &draw["reason"]), (&json!("declined"), &json!("wallet_closed")));
}
