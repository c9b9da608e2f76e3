//! Rows that other systems keep, taken by the rules of the imports.

use serde_json::{Value, json};

use crate::service::{Client, House};

fn indication(client: u32, from: &str) -> Value {
    json!({"client": client, "profile": "4VV", "delivery": "vpt", "treatment": false, "day_activities": true, "from": from})
}

fn tariff(from: &str, to: Option<&str>, day_cents: i64) -> Value {
    json!({"code": "V041", "profile": "4VV", "delivery": "vpt", "treatment": false, "day_activities": true, "day_cents": day_cents,
        "from": from, "to": to, "source": "fictief"})
}

fn counts(body: &Value) -> [u64; 3] {
    ["added", "changed", "unchanged"].map(|name| body[name].as_u64().unwrap())
}

async fn two(house: &House) -> (Client, Client) {
    (house.client(0, 0).await, house.client_of(2, 0, 0).await)
}

#[tokio::test]
async fn rows_that_are_put_again_change_nothing_and_a_dry_run_tells_without_changing() {
    let house = House::open().await;
    let (client, _) = two(&house).await;
    let (serving, key) = (house.serve(), house.key(1, &["clients:write"]));
    let put = |rows: Value| serving.send_by(&key, "PUT", "/api/v1/indications", &rows).decided();
    let rows = json!([indication(client.number, "2026-01-01"), indication(client.number, "2026-07-01")]);
    let mut first = rows[0].clone();
    first["to"] = json!("2026-06-30");
    let rows = json!([first, rows[1]]);
    assert_eq!(counts(&put(json!({"rows": rows, "dry_run": true}))), [2, 0, 0]);
    assert_eq!(house.text("SELECT count(*)::text FROM indication").await, "0");
    assert_eq!(counts(&put(json!({"rows": rows}))), [2, 0, 0]);
    assert_eq!(counts(&put(json!({"rows": rows}))), [0, 0, 2]);
    let mut changed = rows[1].clone();
    changed["profile"] = json!("8VV");
    assert_eq!(counts(&put(json!({"rows": [rows[0], changed]}))), [0, 1, 1]);
    let told = house
        .text("SELECT string_agg(format('%s %s %s %s', from_date, to_date, profile, delivery), ', ' ORDER BY from_date) FROM indication")
        .await;
    assert_eq!(told, "2026-01-01 2026-06-30 4VV 2, 2026-07-01  8VV 2");
}

#[tokio::test]
async fn a_list_with_one_wrong_row_is_not_taken_and_row_and_field_are_named() {
    let house = House::open().await;
    let (client, other) = two(&house).await;
    let (serving, key) = (house.serve(), house.key(1, &["clients:write", "tariffs:write"]));
    let right = indication(client.number, "2026-01-01");
    let with = |name: &str, value: Value| {
        let mut row = indication(client.number, "2026-02-01");
        row[name] = value;
        row
    };
    let refused = |list: &str, rows: &[Value]| {
        let reply = serving.send_by(&key, "PUT", list, &json!({"rows": rows}));
        reply.is_problem(422, "rows-refused");
        reply.json()["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (row["row"].as_u64().unwrap(), row["field"].as_str().unwrap().to_owned()))
            .collect::<Vec<_>>()
    };
    let named = |row: u64, field: &str| (row, field.to_owned());
    let list = "/api/v1/indications";
    for (name, value) in [
        ("profile", json!("")),
        ("profile", json!("x".repeat(51))),
        ("profile", json!("=1+1")),
        ("profile", json!("a\u{0}b")),
        ("profile", json!("a\tb")),
        ("delivery", json!("thuis")),
        ("to", json!("2026-01-31")),
        ("from", json!("1899-12-31")),
        ("to", json!("2200-01-01")),
        ("client", json!(other.number)),
        ("client", json!(0)),
        ("client", json!(4_294_967_295_u64)),
    ] {
        let found = refused(list, &[right.clone(), with(name, value.clone())]);
        // of a field that holds NUL the file as a whole is told
        let wanted = if value == json!("a\u{0}b") { named(2, "") } else { named(2, name) };
        assert_eq!(found, [wanted], "{name} {value}");
    }
    // every wrong row is told, and a text of two lines does not shift the rows after it
    let (third, fourth) = (with("delivery", json!("x")), indication(client.number, "2026-03-01"));
    let mut third = third;
    third["from"] = json!("2026-02-02");
    let rows = [right.clone(), with("profile", json!("two\nlines")), third, fourth];
    assert_eq!(refused(list, &rows), [named(2, "profile"), named(3, "delivery")]);
    // one row twice
    assert_eq!(refused(list, &[right.clone(), right.clone()]), [named(2, "")]);
    let representative = json!({"client": client.number, "name": "mw. B. Voorbeeld", "role": "bewindvoerder", "for_money": true, "for_care": true, "from": "2026-01-01"});
    assert_eq!(refused("/api/v1/representatives", &[representative]), [named(1, "for_care")]);
    let addition = json!({"client": client.number, "code": "meerzorg", "day_cents": 100_000_001, "from": "2026-01-01"});
    assert_eq!(refused("/api/v1/additions", &[addition]), [named(1, "day_cents")]);
    let overlap = [tariff("2026-01-01", None, 1), tariff("2026-07-01", None, 2)];
    assert!(!refused("/api/v1/tariffs", &overlap).is_empty());
    for rows in [json!([]), json!([[]]), json!({}), json!([1]), json!(vec![right.clone(); 5001])] {
        serving.send_by(&key, "PUT", list, &json!({"rows": rows})).is_problem(422, "request-malformed");
    }
    let stored = house.text("SELECT format('%s %s %s %s', (SELECT count(*) FROM indication), (SELECT count(*) FROM representative), (SELECT count(*) FROM addition), (SELECT count(*) FROM tariff))").await;
    assert_eq!(stored, "0 0 0 0");
    // and nobody's name or value stands in a log
    assert!(!serving.written().contains("Voorbeeld ") && !serving.written().contains("thuis"), "{}", serving.written());
}

#[tokio::test]
async fn what_was_put_is_what_production_is_computed_from_to_the_cent() {
    let house = House::open().await;
    let (client, _) = two(&house).await;
    let (serving, key) = (house.serve(), house.key(1, &["clients:write", "tariffs:write", "reports:read"]));
    let put = |list: &str, rows: Value| counts(&serving.send_by(&key, "PUT", list, &json!({"rows": rows})).decided());
    assert_eq!(
        put(
            "/api/v1/tariffs",
            json!([tariff("2026-01-01", Some("2026-04-10"), 1), tariff("2026-04-11", None, 21_307)])
        ),
        [2, 0, 0]
    );
    assert_eq!(put("/api/v1/indications", json!([indication(client.number, "2025-01-01")])), [1, 0, 0]);
    let addition = json!({"client": client.number, "code": "meerzorg", "day_cents": 1205, "from": "2026-04-01", "to": "2026-04-30"});
    assert_eq!(put("/api/v1/additions", json!([addition])), [1, 0, 0]);
    let representative = json!({"client": client.number, "name": "mw. \"B\"; Voorbeeld, jr.", "role": "mentor", "for_money": false, "for_care": true,
        "email": "b@example.org", "from": "2026-04-01"});
    assert_eq!(put("/api/v1/representatives", json!([representative])), [1, 0, 0]);
    assert_eq!(house.text("SELECT name FROM representative").await, "mw. \"B\"; Voorbeeld, jr.");
    let report = serving.read_by(&key, "/api/v1/reports/production?from=2026-04").decided();
    let row = |code: &str, days: i64, day: i64| json!({"month": "2026-04", "code": code, "days": days, "day_cents": day, "amount_cents": days * day});
    assert_eq!(report["rows"], json!([row("V041", 10, 1), row("V041", 20, 21_307), row("meerzorg", 30, 1205)]));
}
