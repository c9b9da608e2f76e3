//! Draws on the shared buffer, approved over the API.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::integration::address;
use crate::service::{House, RESTAURANT, SHOWER};

#[tokio::test]
async fn two_weeks_of_flu_are_borne_by_the_buffer_within_what_was_approved() {
    let house = House::open().await;
    let client = house.client(0, 0).await;
    let (serving, key, reader) = (house.serve(), house.key(1, &["money:write"]), house.key(1, &["clients:read"]));
    let staff = house.key(1, &["plans:write"]);
    house
        .sql(&format!("INSERT INTO shared_buffer VALUES (1, 1, 100000); UPDATE client SET location = '{RESTAURANT}'"))
        .await;
    let target = format!("{}/buffer-draws", address(&client));
    let today = chrono::Utc::now().date_naive();
    let until = today + chrono::Duration::days(13);
    let approval = json!({"amount": 3000, "from": today - chrono::Duration::days(1), "until": until});
    let id = Uuid::now_v7();
    let booked = serving.send_as(&key, "POST", &target, &approval, id);
    assert_eq!((&booked.decided()["outcome"], &booked.decided()["id"]), (&json!("booked"), &json!(id)));
    // sent again it is the same, with another amount it is a mistake
    assert_eq!(serving.send_as(&key, "POST", &target, &approval, id).text(), booked.text());
    let mut other = approval.clone();
    other["amount"] = json!(4000);
    serving.send_as(&key, "POST", &target, &other, id).is_problem(409, "id-reused");
    let care = json!({"staff": Uuid::new_v4(), "lines": [{"service": SHOWER, "quantity": 2}]});
    let sale = serving.send_by(&staff, "POST", &format!("{}/unplanned-care", address(&client)), &care).decided();
    let paid: Vec<(&str, i64)> = sale["legs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|leg| (leg["from"].as_str().unwrap(), leg["amount"].as_i64().unwrap()))
        .collect();
    assert_eq!(paid, [("buffer", 3000), ("care_overrun", 600)], "{sale}");
    let draws = serving.read_by(&reader, &target).decided();
    assert_eq!(
        draws,
        json!({"unit": "EUR", "draws": [{"id": id, "amount": 3000, "used": 3000, "from": approval["from"], "until": approval["until"]}]})
    );
    for (place, value) in [
        ("/amount", json!(0)),
        ("/amount", json!(-1)),
        ("/amount", json!(i64::MAX)),
        ("/amount", json!(1.5)),
        ("/from", json!(until + chrono::Duration::days(1))),
        ("/until", json!("9999-12-31")),
        ("/until", json!("2026-02-30")),
        ("/from", json!("0001-01-01")),
        ("/from", Value::Null),
    ] {
        let mut wrong = approval.clone();
        *wrong.pointer_mut(place).unwrap() = value.clone();
        let reply = serving.send_by(&key, "POST", &target, &wrong);
        assert!(reply.text().contains("request-malformed"), "{place} {value}: {} {}", reply.status, reply.text());
        reply.is_problem(422, "request-malformed");
    }
    // an id that is none of version 7 makes nothing
    serving.send_as(&key, "POST", &target, &approval, Uuid::new_v4()).is_problem(422, "request-malformed");
    assert_eq!(serving.read_by(&reader, &target).decided(), draws);
    house.sql("UPDATE shared_buffer SET balance = 97000 WHERE balance = 97000").await;
}
