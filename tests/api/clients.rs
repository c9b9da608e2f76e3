//! Clients as other systems read them.

use serde_json::{Value, json};

use crate::integration::address;
use crate::service::{House, RESTAURANT};

#[tokio::test]
async fn a_client_is_shown_with_the_purses_that_it_has() {
    let house = House::open().await;
    let client = house.client(300, 5000).await;
    house
        .sql(&format!(
            "UPDATE client SET location = '{RESTAURANT}', arrived_on = '2026-01-05'; UPDATE wallet SET budget_held = 120, month = '2026-04-01' WHERE id = {}",
            client.wallet.field()
        ))
        .await;
    let (serving, key) = (house.serve(), house.key(1, &["clients:read"]));
    let shown = serving.read_by(&key, &address(&client)).decided();
    assert_eq!(
        shown,
        json!({
            "number": client.number, "display_name": client.name, "location": RESTAURANT, "arrived_on": "2026-01-05",
            "left_on": null, "supporter": null, "scheme": "euro", "scheme_version": 1, "unit": "EUR", "buyer": "verblijf",
            "is_closed": false, "month": "2026-04",
            "purses": [
                {"purse": "budget", "unit": "EUR", "balance": 300, "held": 120, "free": 180},
                {"purse": "reserve", "unit": "EUR", "balance": 0, "held": 0, "free": 0},
                {"purse": "savings", "unit": "EUR", "balance": 0, "held": 0, "free": 0},
                {"purse": "credit_cents", "unit": "EUR", "balance": 5000, "held": 0, "free": 5000},
            ],
        })
    );
    let unknown = serving.read_by(&key, "/api/v1/clients/999999");
    unknown.is_problem(404, "client-unknown");
}

#[tokio::test]
async fn clients_are_paged_by_number_and_each_is_listed_once() {
    let house = House::open().await;
    for _ in 0..7 {
        house.client(0, 0).await;
    }
    house.client_of(2, 0, 0).await;
    let (serving, key) = (house.serve(), house.key(1, &["clients:read"]));
    let mut seen = Vec::new();
    let mut target = "/api/v1/clients?limit=3".to_owned();
    let mut pages = 0;
    loop {
        let page = serving.read_by(&key, &target).decided();
        seen.extend(page["clients"].as_array().unwrap().iter().map(|client| client["number"].as_i64().unwrap()));
        pages += 1;
        match &page["next"] {
            Value::Null => break,
            next => target = format!("/api/v1/clients?limit=3&after={next}"),
        }
    }
    let all =
        house.text("SELECT string_agg(number::text, ',' ORDER BY number) FROM client WHERE wallet >> 32 = 1").await;
    let seen: Vec<String> = seen.iter().map(ToString::to_string).collect();
    assert_eq!((seen.join(","), pages), (all, 3));
    // nobody follows the last number that there can be
    let after = serving.read_by(&key, "/api/v1/clients?after=4294967295").decided();
    assert_eq!(after, json!({"clients": [], "next": null}));
}

#[tokio::test]
async fn an_address_that_cannot_be_understood_is_told_so() {
    let house = House::open().await;
    let (serving, key) = (house.serve(), house.key(1, &["clients:read", "months:read", "tasks:read"]));
    for target in [
        "/api/v1/clients?limit=0",
        "/api/v1/clients?limit=501",
        "/api/v1/clients?limit=-1",
        "/api/v1/clients?limit=1&limit=2",
        "/api/v1/clients?after=x",
        "/api/v1/clients?after=-1",
        "/api/v1/clients?after=1e3",
        "/api/v1/clients?order=name",
        "/api/v1/clients?after=1%00",
        "/api/v1/clients/x",
        "/api/v1/clients/-1",
        "/api/v1/clients/1%00",
        "/api/v1/clients/1%20OR%201=1",
        "/api/v1/clients/1;DROP%20TABLE%20client",
        "/api/v1/clients/111111111111111111111",
        "/api/v1/clients/17/months/2026-13",
        "/api/v1/clients/17/months/2026-4",
        "/api/v1/clients/17/months/9999-01",
        "/api/v1/clients/17/months/1999-12",
        "/api/v1/clients/17/months/2026-04-01",
        "/api/v1/clients/17/months/2026-04/operations?after=17",
        "/api/v1/tasks?state=closed",
        "/api/v1/tasks?after=",
    ] {
        let reply = serving.read_by(&key, target);
        // of a client that is not there the month is not looked at
        if target.contains("/17/") && reply.status == 404 {
            reply.is_problem(404, "client-unknown");
        } else {
            assert!(reply.text().contains("path-malformed"), "{target}: {} {}", reply.status, reply.text());
            reply.is_problem(400, "path-malformed");
        }
    }
    for number in ["0", "2147483648", "99999999999999999999"] {
        serving.read_by(&key, &format!("/api/v1/clients/{number}")).is_problem(404, "client-unknown");
    }
}
