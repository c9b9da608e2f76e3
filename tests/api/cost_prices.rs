//! The calculator for new activities.

use serde_json::{Value, json};

use crate::service::House;

#[tokio::test]
async fn a_new_activity_is_reckoned_and_nothing_is_stored() {
    let house = House::open().await;
    let (serving, key) = (house.serve(), house.key(1, &["plans:read"]));
    let activity = json!({"work": [{"function": "a", "minutes": 90, "hour_cents": 4501}, {"function": "b", "minutes": 20, "hour_cents": 6100}],
        "material_cents": 1250, "participants": 8});
    let cost = serving.send_by(&key, "POST", "/api/v1/cost-prices", &activity).decided();
    assert_eq!(cost, json!({"work_cents": [6752, 2033], "total_cents": 10035, "per_participant_cents": 1254}));
    for (place, value) in [
        ("/participants", json!(0)),
        ("/participants", json!(1001)),
        ("/work/0/minutes", json!(0)),
        ("/work/0/minutes", json!(1441)),
        ("/work/0/hour_cents", json!(-1)),
        ("/work/0", json!(["a", 1, 1])),
        ("/material_cents", Value::Null),
    ] {
        let mut wrong = activity.clone();
        *wrong.pointer_mut(place).unwrap() = value;
        serving.send_by(&key, "POST", "/api/v1/cost-prices", &wrong).is_problem(422, "request-malformed");
    }
}
