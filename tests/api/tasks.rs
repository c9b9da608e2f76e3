//! Tasks: listed, and done once.

use serde_json::{Value, json};

use crate::service::House;

#[tokio::test]
async fn a_task_is_listed_until_it_is_done_and_is_done_once() {
    let house = House::open().await;
    let client = house.client(0, 0).await;
    let other = house.client_of(2, 0, 0).await;
    let wallet = client.wallet.field();
    house
        .sql(&format!(
            "INSERT INTO task (organisation, wallet, month, kind, amount) VALUES (1, {wallet}, '2026-04-01', 1, NULL),
                (1, {wallet}, '2026-04-01', 3, 1800), (2, {}, '2026-04-01', 2, NULL)",
            other.wallet.field()
        ))
        .await;
    let (serving, key) = (house.serve(), house.key(1, &["tasks:read", "tasks:write"]));
    let list = |target: &str| serving.read_by(&key, target).decided()["tasks"].as_array().unwrap().clone();
    let open = list("/api/v1/tasks");
    let told: Vec<_> = open
        .iter()
        .map(|task| (&task["client"], &task["kind"], &task["amount"], &task["month"], &task["unit"]))
        .collect();
    let (number, month, unit) = (json!(client.number), json!("2026-04"), json!("EUR"));
    assert_eq!(
        told,
        [
            (&number, &json!("data_error"), &Value::Null, &month, &unit),
            (&number, &json!("expected_overrun"), &json!(1800), &month, &unit)
        ]
    );
    assert_eq!(list("/api/v1/tasks?limit=1"), open[..1]);
    let target = format!("/api/v1/tasks/{}/done", open[0]["id"]);
    let how = json!({"by": "zorgadministratie", "how": "Tarief ingelezen."});
    let done = serving.send_by(&key, "POST", &target, &how).decided();
    assert_eq!((&done["done"]["by"], &done["done"]["how"]), (&how["by"], &how["how"]));
    // again in the same words: the same answer; in others: it stays as it was
    assert_eq!(serving.send_by(&key, "POST", &target, &how).decided(), done);
    let otherwise = serving.send_by(&key, "POST", &target, &json!({"by": "iemand", "how": "Anders."}));
    otherwise.is_problem(409, "task-done");
    assert_eq!(list("/api/v1/tasks"), open[1..]);
    assert_eq!(list("/api/v1/tasks?state=all")[0], done);
    for (target, status, slug) in [
        ("/api/v1/tasks/3/done", 404, "task-unknown"),
        ("/api/v1/tasks/99/done", 404, "task-unknown"),
        ("/api/v1/tasks/x/done", 400, "path-malformed"),
    ] {
        serving.send_by(&key, "POST", target, &how).is_problem(status, slug);
    }
    let target = format!("/api/v1/tasks/{}/done", open[1]["id"]);
    for body in [
        json!({"by": "", "how": "x"}),
        json!({"by": "x", "how": "   "}),
        json!({"by": "x", "how": "a\u{0}b"}),
        json!({"by": "x".repeat(201), "how": "x"}),
        json!({"by": "x", "how": "x".repeat(2001)}),
        json!({"by": "x"}),
        json!({"by": "x", "how": "x", "at": "2026-01-01"}),
        json!({"by": 1, "how": "x"}),
        json!(["x", "x"]),
    ] {
        serving.send_by(&key, "POST", &target, &body).is_problem(422, "request-malformed");
    }
    assert_eq!(list("/api/v1/tasks").len(), 1);
}
