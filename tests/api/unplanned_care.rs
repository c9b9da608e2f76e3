//! Incidental care, noted by staff in another system.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::integration::address;
use crate::service::{COFFEE, ELSEWHERE, House, RESTAURANT, SHOWER};

#[tokio::test]
async fn care_that_staff_note_is_never_refused_and_what_needs_the_card_is_left_out() {
    let house = House::open().await;
    let client = house.client(2000, 5000).await;
    let (serving, key) = (house.serve(), house.key(1, &["plans:write"]));
    let target = format!("{}/unplanned-care", address(&client));
    let staff = Uuid::new_v4();
    let care = |location: Value, lines: Value| json!({"location": location, "staff": staff, "lines": lines});
    let shower = json!([{"service": SHOWER, "quantity": 2}, {"service": COFFEE, "quantity": 1}]);
    // nobody knows yet where the client lives
    serving.send_by(&key, "POST", &target, &care(Value::Null, shower.clone())).is_problem(404, "location-unknown");
    let id = Uuid::now_v7();
    let booked = serving.send_as(&key, "POST", &target, &care(json!(RESTAURANT), shower.clone()), id);
    let answer = booked.decided();
    assert_eq!((&answer["outcome"], &answer["approved_cents"]), (&json!("approved_in_part"), &json!(3600)), "{answer}");
    assert_eq!(answer["left_out"], json!([{"line": 1, "reason": "card_needed"}]));
    assert_eq!(house.purses(&client).await, [0, 5000]);
    assert_eq!(
        serving.send_as(&key, "POST", &target, &care(json!(RESTAURANT), shower.clone()), id).text(),
        booked.text()
    );
    // told again when other prices hold by now, it is the same request
    house
        .sql(&format!(
            "UPDATE price_list SET superseded_at = now() WHERE location = '{RESTAURANT}' AND superseded_at IS NULL;
             INSERT INTO price_list (location, version, valid_from) VALUES ('{RESTAURANT}', 4, now());
             INSERT INTO price SELECT (SELECT max(id) FROM price_list), service, buyer, kind, price_cents * 2, minutes, points,
                 vat_basis_points FROM price WHERE price_list = (SELECT id FROM price_list WHERE location = '{RESTAURANT}' AND version = 3)"
        ))
        .await;
    let again = serving.send_as(&key, "POST", &target, &care(json!(RESTAURANT), shower.clone()), id);
    assert_eq!(again.text(), booked.text());
    // on whose word it was booked stands in the ledger
    let told =
        house.text("SELECT format('%s %s %s', authority, terminal, staff) FROM ledger.operation WHERE kind = 1").await;
    assert_eq!(told, format!("3 {} {staff}", key.id));
    house.sql(&format!("UPDATE client SET location = '{RESTAURANT}'")).await;
    assert_eq!(
        serving.send_by(&key, "POST", &target, &care(Value::Null, shower.clone())).decided()["outcome"],
        "approved_in_part"
    );
    // another organisation's location is none
    serving.send_by(&key, "POST", &target, &care(json!(ELSEWHERE), shower.clone())).is_problem(404, "location-unknown");
    for lines in [
        json!([]),
        json!([{"service": SHOWER, "quantity": 0}]),
        json!([{"service": SHOWER}]),
        json!([[SHOWER, 1]]),
        json!({}),
    ] {
        serving.send_by(&key, "POST", &target, &care(json!(RESTAURANT), lines)).is_problem(422, "request-malformed");
    }
    let unknown = serving.send_by(
        &key,
        "POST",
        &target,
        &care(json!(RESTAURANT), json!([{"service": Uuid::now_v7(), "quantity": 1}])),
    );
    assert_eq!(
        (&unknown.decided()["outcome"], &unknown.decided()["reason"]),
        (&json!("declined"), &json!("service_unknown"))
    );
    house.verify().await;
}
