//! Rows that other systems keep, taken by the rules of the imports.

use serde_json::{Value, json};

use crate::integration::Key;
use crate::service::{Client, House, Serving};

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

/// Rows that are refused, and why: number and field of each.
fn refused(serving: &Serving, key: &Key, list: &str, rows: &[Value]) -> Vec<(u64, String)> {
    let reply = serving.send_by(key, "PUT", list, &json!({"rows": rows}));
    reply.is_problem(422, "rows-refused");
    let told = reply.json()["rows"].as_array().unwrap().clone();
    told.iter().map(|row| (row["row"].as_u64().unwrap(), row["field"].as_str().unwrap().to_owned())).collect()
}

fn with(row: &Value, name: &str, value: Value) -> Value {
    let mut row = row.clone();
    row[name] = value;
    row
}

#[tokio::test]
async fn clients_are_taken_with_wallets_in_their_scheme() {
    let house = House::open().await;
    // used from a month that no job opens
    let file = format!("{}/schemes/zzg.toml", env!("CARGO_MANIFEST_DIR"));
    house.run(&["scheme", "adopt", &file, "--organisation", "1", "--from", "2099-01"]);
    let (serving, key) = (house.serve(), house.key(1, &["clients:read", "clients:write"]));
    let client = json!({"number": 4711, "name": "mw. A. \"Jo\"; de Vries (fictief)", "scheme": "zzg", "location": "Kantine",
        "arrived_on": "2026-04-01", "supporter": "01900000-0000-7000-8000-0000000000aa"});
    let other = json!({"number": 4712, "name": "dhr. B. Bakker (fictief)", "scheme": "zzg"});
    let put = |rows: Value| counts(&serving.send_by(&key, "PUT", "/api/v1/clients", &rows).decided());
    assert_eq!(put(json!({"rows": [client, other], "dry_run": true})), [2, 0, 0]);
    assert_eq!(serving.read_by(&key, "/api/v1/clients").decided()["clients"], json!([]));
    for (name, value, field) in [
        ("number", json!(111_222_333), "number"), // passes the check of a BSN
        ("number", json!(0), "number"),
        ("name", json!(""), "name"),
        ("name", json!("mw. 111222333"), "name"),
        ("scheme", json!("pgb"), "scheme"),
        ("location", json!("Elders"), "location"), // of another organisation
        ("arrived_on", json!("1899-01-01"), "arrived_on"),
    ] {
        let told = refused(&serving, &key, "/api/v1/clients", &[client.clone(), with(&other, name, value.clone())]);
        assert_eq!(told, [(2, field.to_owned())], "{name} {value}");
    }
    assert_eq!(refused(&serving, &key, "/api/v1/clients", &[client.clone(), client.clone()]), [(2, String::new())]);
    assert_eq!(house.text("SELECT count(*)::text FROM client").await, "0");
    assert_eq!(put(json!({"rows": [client, other]})), [2, 0, 0]);
    assert_eq!(put(json!({"rows": [client, other]})), [0, 0, 2]);
    let shown = serving.read_by(&key, "/api/v1/clients/4711").decided();
    assert_eq!(
        (&shown["display_name"], &shown["scheme"], &shown["unit"], &shown["buyer"]),
        (&client["name"], &json!("zzg"), &json!("PNT"), &json!("no_wlz"))
    );
    assert_eq!((&shown["arrived_on"], &shown["supporter"]), (&client["arrived_on"], &client["supporter"]));
    assert_eq!(put(json!({"rows": [with(&other, "arrived_on", json!("2026-05-01"))]})), [0, 1, 0]);
    // a client of another organisation may have the same number
    let theirs = house.key(2, &["clients:read"]);
    assert_eq!(serving.read_by(&theirs, "/api/v1/clients").decided()["clients"], json!([]));
    // an organisation without schemes has no clients to add
    let there = house.key(2, &["clients:write"]);
    assert_eq!(refused(&serving, &there, "/api/v1/clients", &[other]), [(1, "scheme".to_owned())]);
}

/// Of each location, its versions; the newest is not superseded.
const LISTS: &str = "SELECT string_agg(format('%s %s%s', l.name, p.version, CASE WHEN p.superseded_at IS NULL THEN ' now' END), ', ' \
    ORDER BY l.name, p.version) FROM price_list AS p JOIN location AS l ON l.id = p.location WHERE p.version >= 3";

#[tokio::test]
async fn services_and_prices_become_price_lists_as_those_of_files_do() {
    let house = House::open().await;
    let (serving, key) = (house.serve(), house.key(1, &["catalogue:write"]));
    let service = json!({"code": "thee", "name": "Thee (fictief)", "name_en": "Tea (fictitious)", "category": "dranken",
        "vat_basis_points": 900, "included_per_day": 2, "council_agreed_on": "2025-11-12", "published_on": "2025-12-01",
        "verblijf": "included", "vpt": "included", "mpt": "extra", "no_wlz": "extra", "guest": "own"});
    let price = json!({"service": "thee", "from": "2026-01-01", "price_cents": 225, "minutes": 15, "points": 412, "points_reason": "fictief"});
    let put = |list: &str, rows: Value| serving.send_by(&key, "PUT", &format!("/api/v1/{list}"), &rows).decided();
    let before = "Elders 3 now, Kantine 3 now, Restaurant 3 now";
    assert_eq!(refused(&serving, &key, "/api/v1/prices", std::slice::from_ref(&price)), [(1, "service".to_owned())]);
    let taken = put("services", json!({"rows": [service]}));
    assert_eq!((counts(&taken), &taken["published"]), ([1, 0, 0], &json!([])));
    assert_eq!(taken["notes"], json!(["service thee has no price today: it is not sold"]));
    let told = put("prices", json!({"rows": [price], "dry_run": true}));
    assert_eq!(told["published"].as_array().unwrap().len(), 2);
    assert_eq!(house.text(LISTS).await, before, "a dry run publishes nothing");
    // what was there by another way stays on the list: three services, and tea for five buyers
    let published = json!([{"location": "Kantine", "version": 4, "prices": 8}, {"location": "Restaurant", "version": 4, "prices": 8}]);
    assert_eq!(put("prices", json!({"rows": [price]}))["published"], published);
    assert_eq!(house.text(LISTS).await, "Elders 3 now, Kantine 3, Kantine 4 now, Restaurant 3, Restaurant 4 now");
    let on_list = "SELECT string_agg(format('%s %s %s %s %s', p.buyer, p.kind, p.price_cents, p.points, p.minutes), ', ' ORDER BY p.buyer) \
        FROM price AS p JOIN price_list AS l ON l.id = p.price_list JOIN location AS o ON o.id = l.location JOIN service AS s ON s.id = p.service \
        WHERE l.superseded_at IS NULL AND o.name = 'Kantine' AND s.code = 'thee'";
    assert_eq!(
        house.text(on_list).await,
        "1 2 225 412 15, 2 2 225 412 15, 3 4 225 412 15, 4 4 225 412 15, 5 5 225 412 15"
    );
    let stored = house.text("SELECT format('%s %s %s', vat_basis_points, included_per_day, published_on) FROM service WHERE code = 'thee'").await;
    assert_eq!(stored, "900 2 2025-12-01");
    // again: nothing new, and no new list
    for (list, row) in [("services", &service), ("prices", &price)] {
        let again = put(list, json!({"rows": [row]}));
        assert_eq!((counts(&again), &again["published"]), ([0, 0, 1], &json!([])), "{list}");
    }
    // a price of a later day is on no list yet
    let later = with(&price, "from", json!("2199-12-31"));
    assert_eq!(put("prices", json!({"rows": [later]}))["published"], json!([]));
    assert_eq!(put("prices", json!({"rows": [with(&price, "price_cents", json!(230))]}))["published"][1]["version"], 5);
}

#[tokio::test]
async fn services_and_prices_with_one_wrong_row_are_not_taken() {
    let house = House::open().await;
    let (serving, key) = (house.serve(), house.key(1, &["catalogue:write"]));
    let service = json!({"code": "thee", "name": "Thee (fictief)", "name_en": "Tea", "category": "dranken", "vat_basis_points": 900, "verblijf": "own"});
    let other = with(&service, "code", json!("soep"));
    for (name, value) in [
        ("code", json!("te veel")),
        ("name", json!("")),
        ("name_en", json!("x".repeat(101))),
        ("category", json!("=1+1")),
        ("vat_basis_points", json!(10_001)),
        ("included_per_day", json!(2)),
        ("from_savings", json!(true)),
        ("published_on", json!("2200-01-01")),
        ("verblijf", json!("gratis")),
        ("no_wlz", json!("care")),
        ("guest", json!("extra")),
    ] {
        let told = refused(&serving, &key, "/api/v1/services", &[service.clone(), with(&other, name, value.clone())]);
        assert_eq!(told, [(2, name.to_owned())], "{name} {value}");
    }
    serving.send_by(&key, "PUT", "/api/v1/services", &json!({"rows": [service]})).decided();
    let price = json!({"service": "thee", "from": "2026-01-01", "price_cents": 225});
    let other = with(&price, "from", json!("2026-02-01"));
    for (name, value, field) in [
        ("service", json!("soep"), "service"),
        ("from", json!("1899-12-31"), "from"),
        ("price_cents", json!(100_000_001), "price_cents"),
        ("minutes", json!(0), "minutes"),
        ("points", json!(400), "points_reason"),
        ("points_reason", json!("fictief"), "points"),
        ("function", json!("x".repeat(51)), "function"),
    ] {
        let told = refused(&serving, &key, "/api/v1/prices", &[price.clone(), with(&other, name, value.clone())]);
        assert_eq!(told, [(2, field.to_owned())], "{name} {value}");
    }
    let stored = house
        .text("SELECT format('%s %s', (SELECT count(code) FROM service), (SELECT count(*) FROM service_price))")
        .await;
    assert_eq!(stored, "1 0");
    assert_eq!(house.text(LISTS).await, "Elders 3 now, Kantine 3 now, Restaurant 3 now");
}

#[tokio::test]
async fn settings_of_absence_are_taken_as_those_of_files_are() {
    let house = House::open().await;
    let (serving, key) = (house.serve(), house.key(1, &["tariffs:write"]));
    let list = "/api/v1/absence-settings";
    let setting = json!({"delivery": "verblijf", "from": "2026-01-01", "medical_days": 91, "holiday_days_each": 21, "holiday_days_year": 42,
        "holiday_after_days": 14, "source": "fictief"});
    let put = |row: &Value| counts(&serving.send_by(&key, "PUT", list, &json!({"rows": [row]})).decided());
    assert_eq!(refused(&serving, &key, list, &[setting.clone(), setting.clone()]), [(2, String::new())]);
    for (name, value) in [
        ("delivery", json!("thuis")),
        ("medical_days", json!(10_000)),
        ("holiday_days_each", json!(43)),
        ("holiday_days_year", json!(4_294_967_295_u64)),
        ("source", json!("")),
    ] {
        let row = with(&with(&setting, "from", json!("2027-01-01")), name, value.clone());
        assert_eq!(refused(&serving, &key, list, &[setting.clone(), row]), [(2, name.to_owned())], "{name} {value}");
    }
    assert_eq!(put(&setting), [1, 0, 0]);
    assert_eq!(put(&setting), [0, 0, 1]);
    assert_eq!(put(&with(&setting, "holiday_days_each", json!(20))), [0, 1, 0]);
    let stored = house.text("SELECT string_agg(format('%s %s %s %s %s %s %s', organisation, delivery, from_date, medical_days, holiday_days_each, holiday_days_year, holiday_after_days), ', ') FROM absence_setting").await;
    assert_eq!(stored, "1 1 2026-01-01 91 20 42 14");
}
