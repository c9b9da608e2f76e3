//! Months as other systems read them: controllers must be able to explain every cent.

use serde_json::{Value, json};

use crate::integration::{Key, address};
use crate::service::{COFFEE, Client, House, RESTAURANT, SHOWER, Serving};

const MONTH: &str = "2026-04";

/// A month of a client who taps, as it stands in the tables.
async fn with_a_month(house: &House, client: &Client) {
    let wallet = client.wallet.field();
    house
        .sql(&format!(
            "UPDATE wallet SET month = '2026-04-01' WHERE id = {wallet};
             INSERT INTO month_phase VALUES ({wallet}, '2026-04-01', 1, gen_random_uuid()), ({wallet}, '2026-04-01', 2, gen_random_uuid()),
                ({wallet}, '2026-03-01', 1, gen_random_uuid()), ({wallet}, '2026-03-01', 3, gen_random_uuid());
             INSERT INTO month_grant VALUES ({wallet}, '2026-04-01', 0, 1, NULL, 3, '2026-04-01', 30, 1000, '{{100,50}}', 0, 100, 30, 700, 100, 30, 700, 20),
                ({wallet}, '2026-04-01', 1, 1, NULL, NULL, NULL, 30, 2000, '{{200,50}}', 0, 200, 60, 1480, 200, 60, 1480, 10);
             INSERT INTO plan_line (id, wallet, service, performer, recurrence, starts_at, duration_minutes, kind, price_cents, units, vat_basis_points, agreed_on)
                VALUES ('01900000-0000-7000-8000-000000070000', {wallet}, '{SHOWER}', 1, 'FREQ=WEEKLY', '2026-04-06 09:00', 30, 1, 1800, 1800, 0, '2026-03-01');
             INSERT INTO plan_month VALUES ({wallet}, '2026-04-01', '01900000-0000-7000-8000-000000070000', 32 | 4096 | 524288, 32 | 4096, 32, 4096);
             INSERT INTO month_statement VALUES ({wallet}, '2026-03-01', NULL, '{{0,0,10,0,5000}}', '{{0,0,60,0,4750}}', '{{12,3,50,0,3,5,0,250}}', '2026-04-01T00:05:00Z');"
        ))
        .await;
}

async fn scene() -> (House, Client, Serving, Key) {
    let house = House::open().await;
    let client = house.client(300, 5000).await;
    with_a_month(&house, &client).await;
    let (serving, key) = (house.serve(), house.key(1, &["months:read"]));
    (house, client, serving, key)
}

#[tokio::test]
async fn a_month_is_shown_with_the_whole_computation_of_its_grant_and_its_days() {
    let (_house, client, serving, key) = scene().await;
    let months = serving.read_by(&key, &format!("{}/months", address(&client))).decided();
    let state = |month: &str, held: bool, closed: bool| json!({"month": month, "is_granted": true, "is_held": held, "is_closed": closed, "is_provisional": false});
    let wanted = json!({"current": MONTH, "months": [state(MONTH, true, false), state("2026-03", false, true)]});
    // the month in which this test runs was granted by the house
    let listed: Vec<Value> = months["months"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["month"].as_str() <= Some(MONTH))
        .cloned()
        .collect();
    assert_eq!(json!({"current": months["current"], "months": listed}), wanted);
    let month = serving.read_by(&key, &format!("{}/months/{MONTH}", address(&client))).decided();
    let grants = month["grants"].as_array().unwrap();
    assert_eq!(grants[0]["data_error"], "no_tariff");
    assert_eq!(grants[0]["error_day"], "2026-04-01");
    assert_eq!(
        grants[1],
        json!({
            "revision": 1, "scheme": 1, "operation": null, "data_error": null, "error_day": null, "funded_days": 30,
            "computation": {"unit": "EUR", "gross": 2000, "deductions": [{"name": null, "amount": 200}, {"name": null, "amount": 50}], "collective": 0, "reserve_part": 200, "buffer_part": 60, "budget_part": 1480, "rounding": 10},
            "reserve": 200, "buffer": 60, "budget": 1480,
        })
    );
    for grant in grants {
        let computed = &grant["computation"];
        let sum = |names: &[&str]| names.iter().map(|name| computed[*name].as_i64().unwrap()).sum::<i64>();
        let deductions: i64 =
            computed["deductions"].as_array().unwrap().iter().map(|cut| cut["amount"].as_i64().unwrap()).sum();
        assert_eq!(
            sum(&["gross"]),
            deductions + sum(&["collective", "reserve_part", "buffer_part", "budget_part", "rounding"])
        );
    }
    assert_eq!(
        month["planned"],
        json!([{"line": "01900000-0000-7000-8000-000000070000", "service": "Douchen", "planned": [6, 13, 20], "held": [6, 13], "done": [6], "released": [13]}])
    );
    assert_eq!(month["statement"], Value::Null);
    let closed = serving.read_by(&key, &format!("{}/months/2026-03", address(&client))).decided();
    assert_eq!(
        closed["statement"],
        json!({"closed_at": "2026-04-01T00:05:00Z", "operation": null, "purses": [
            {"purse": "budget", "unit": "EUR", "opening": 0, "closing": 0, "moved": []},
            {"purse": "reserve", "unit": "EUR", "opening": 0, "closing": 0, "moved": []},
            {"purse": "savings", "unit": "EUR", "opening": 10, "closing": 60, "moved": [{"flow": "save", "came": 50, "went": 0}]},
            {"purse": "credit_cents", "unit": "EUR", "opening": 5000, "closing": 4750, "moved": [{"flow": "sale", "came": 0, "went": 250}]},
        ]})
    );
    serving.read_by(&key, &format!("{}/months/2025-01", address(&client))).is_problem(404, "month-unknown");
}

#[tokio::test]
async fn every_operation_of_a_month_is_shown_with_its_legs_and_why() {
    let (house, client, serving, key) = scene().await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let lines = [(COFFEE, 2), (SHOWER, 1)];
    let tap = card.tap(&terminal, &lines);
    assert_eq!(serving.sell(&terminal, &tap.sale()).decided()["outcome"], "approved");
    let target = format!("{}/months/{MONTH}/operations", address(&client));
    let shown = serving.read_by(&key, &target).decided();
    // the grant and the top-up were booked before the month was opened
    let operations = shown["operations"].as_array().unwrap();
    assert_eq!(operations.len(), 1, "{shown}");
    let sale = &operations[0];
    assert_eq!((&sale["id"], &sale["operation"], &sale["authority"]), (&json!(tap.id), &json!("sale"), &json!("card")));
    assert_eq!(
        (&sale["card"], &sale["terminal"], &sale["location"]),
        (&json!(card.id), &json!(terminal.id), &json!(RESTAURANT))
    );
    assert_eq!(
        sale["lines"],
        json!([
            {"line": 0, "service": COFFEE, "name": "Koffie", "quantity": 2, "kind": "extra", "price_cents": 500, "units": 500, "is_planned": false, "left_out": null},
            {"line": 1, "service": SHOWER, "name": "Douchen", "quantity": 1, "kind": "care", "price_cents": 1800, "units": 1800, "is_planned": false, "left_out": null},
        ])
    );
    let legs = sale["legs"].as_array().unwrap();
    let paid: i64 = legs.iter().map(|leg| leg["amount"].as_i64().unwrap()).sum();
    assert_eq!(paid, 2300, "{sale}");
    assert!(legs.iter().all(|leg| leg["why"].as_str().is_some_and(|why| !why.is_empty())), "{sale}");
    assert!(legs.iter().any(|leg| leg["from"] == "care_overrun" && leg["to"] == "care_delivered"), "{sale}");
    assert_eq!(shown["next"], Value::Null);
    // page by page it is the same
    let second = card.tap(&terminal, &lines[..1]);
    assert_eq!(serving.sell(&terminal, &second.sale()).decided()["outcome"], "approved");
    let page = serving.read_by(&key, &format!("{target}?limit=1")).decided();
    assert_eq!((&page["operations"][0]["id"], &page["next"]), (&json!(tap.id), &json!(tap.id)));
    let page = serving.read_by(&key, &format!("{target}?limit=1&after={}", tap.id)).decided();
    assert_eq!((&page["operations"][0]["id"], &page["next"]), (&json!(second.id), &Value::Null));
    // what was booked in no month counts by its day
    let now = chrono::Utc::now().format("%Y-%m");
    let today = serving.read_by(&key, &format!("{}/months/{now}/operations", address(&client))).decided();
    let kinds: Vec<&str> =
        today["operations"].as_array().unwrap().iter().map(|row| row["operation"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["grant", "top_up"]);
}

#[tokio::test]
async fn a_scheme_that_counts_in_minutes_shows_no_euro_but_own_money() {
    let house = House::open().await;
    let client = house.client(0, 5000).await;
    let wallet = client.wallet.field();
    house
        .sql(&format!(
            "INSERT INTO scheme (organisation, name, version, unit, unplanned, extras_from_budget, extras_from_savings, care_from_savings) VALUES (1, 'tijd', 1, 2, 2, false, false, 0);
             UPDATE wallet SET scheme = (SELECT id FROM scheme WHERE name = 'tijd'), unit = 2, budget = 100 WHERE id = {wallet}"
        ))
        .await;
    with_a_month(&house, &client).await;
    let operation = house.text("SELECT max(id::text) FROM ledger.operation").await;
    house.sql(&format!("INSERT INTO month_grant SELECT wallet, month, 2, scheme, '{operation}', NULL, NULL, 30, gross, deductions, collective, reserve_part, buffer_part, budget_part, reserve, buffer, budget, rounding FROM month_grant WHERE revision = 1")).await;
    let (serving, terminal, card) = (house.serve(), house.terminal(RESTAURANT), house.card(&client));
    let tap = card.tap(&terminal, &[(COFFEE, 1), (SHOWER, 4)]);
    assert_eq!(serving.sell(&terminal, &tap.sale()).decided()["outcome"], "approved");
    let (key, controller) = (house.key(1, &["months:read"]), house.key(1, &["months:read", "euros:read"]));
    let target = format!("{}/months/{MONTH}/operations", address(&client));
    let sale = |key: &Key| serving.read_by(key, &target).decided()["operations"][0].clone();
    let (shown, all) = (sale(&key), sale(&controller));
    assert!(shown["lines"].as_array().unwrap().iter().all(|line| line.get("price_cents").is_none()), "{shown}");
    assert_eq!(all["lines"][1]["price_cents"], 7200);
    let euros = |sale: &Value| {
        let legs = sale["legs"].as_array().unwrap().iter().filter(|leg| leg["unit"] == "EUR");
        legs.map(|leg| leg["from"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // an opening that reckons in cents
    let opening = uuid::Uuid::now_v7();
    house
        .sql(&format!(
            "INSERT INTO ledger.operation (id, wallet, kind, outcome, authority, request_hash, book_date, batch, booked_at, month, unit_value_cents)
                VALUES ('{opening}', {wallet}, 12, 3, 5, sha256('x'), current_date, nextval('ledger.batch'), now(), '2026-04-01', 4500);
             INSERT INTO ledger.transfer (id, leg, flow, why, debit, credit, amount, book_date, batch)
                VALUES ('{opening}', 0, 1, 1, 1::bigint << 48 | 256 | 16, 1::bigint << 48 | 256 | 17, 700, current_date, 1);"
        ))
        .await;
    let booked = |key: &Key| {
        let body = serving.read_by(key, &target).decided();
        let operations = body["operations"].as_array().unwrap();
        operations.iter().find(|operation| operation["id"] == json!(opening)).unwrap().clone()
    };
    let (hidden, told) = (booked(&key), booked(&controller));
    assert_eq!((&hidden["legs"], &hidden["unit_value_cents"]), (&json!([]), &Value::Null));
    assert_eq!((&told["legs"][0]["amount"], &told["unit_value_cents"]), (&json!(700), &json!(4500)));
    // the coffee is paid with the client's own euros, and those are the client's to see
    assert_eq!(euros(&shown), ["credit"], "{shown}");
    assert_eq!(shown["lines"][0]["units"], 20);
    let month = serving.read_by(&key, &format!("{}/months/{MONTH}", address(&client))).decided();
    assert_eq!(month["unit"], "MIN");
    assert_eq!(month["grants"][0]["computation"]["unit"], "MIN");
    assert!(all["legs"].as_array().unwrap().len() >= shown["legs"].as_array().unwrap().len());
}

#[tokio::test]
async fn a_scheme_with_a_file_says_itself_whether_euros_are_shown_and_names_its_deductions() {
    let house = House::open().await;
    let client = house.client(0, 0).await;
    let wallet = client.wallet.field();
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemes/ipvb.toml");
    house.run(&["scheme", "adopt", file.to_str().unwrap(), "--organisation", "1", "--from", "2026-01"]);
    house
        .sql(&format!(
            "UPDATE wallet SET scheme = (SELECT id FROM scheme WHERE name = 'ipvb'), unit = 2 WHERE id = {wallet}"
        ))
        .await;
    with_a_month(&house, &client).await;
    house.sql("INSERT INTO month_grant SELECT wallet, month, 2, (SELECT id FROM scheme WHERE name = 'ipvb'), NULL, NULL, NULL, 30, gross, deductions, collective, reserve_part, buffer_part, budget_part, reserve, buffer, budget, rounding FROM month_grant WHERE revision = 1").await;
    let (serving, key) = (house.serve(), house.key(1, &["months:read"]));
    // minutes, with the integral cost price beside them on every line
    let month = serving.read_by(&key, &format!("{}/months/{MONTH}", address(&client))).decided();
    let computation = &month["grants"][2]["computation"];
    assert_eq!((&month["unit"], &computation["unit"]), (&json!("MIN"), &json!("EUR")), "{month}");
    let names: Vec<&str> =
        computation["deductions"].as_array().unwrap().iter().map(|cut| cut["name"].as_str().unwrap()).collect();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(names.len() == 2 && names.iter().all(|name| text.contains(name)), "{names:?}");
}
