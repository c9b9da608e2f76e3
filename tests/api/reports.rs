//! Reports: each figure asserted, as JSON and as CSV.

use std::io::Write as _;
use std::process::{Command, Stdio};

use pasje::http::api::reports::document;
use serde_json::{Value, json};

use crate::integration::Key;
use crate::service::{COFFEE, Client, House, RESTAURANT, SHOWER, Serving, WINE};

const MONTH: &str = "from=2026-04";

fn rows(serving: &Serving, key: &Key, report: &str) -> Vec<Value> {
    let reply = serving.read_by(key, &format!("/api/v1/reports/{report}?{MONTH}"));
    let body = reply.decided();
    assert_eq!((&body["report"], &body["from"], &body["to"]), (&json!(report), &json!("2026-04"), &json!("2026-04")));
    assert!(body["definition"].as_str().unwrap().len() > 50);
    body["rows"].as_array().unwrap().clone()
}

async fn indicated(house: &House, client: &Client, profile: &str, from: &str, to: Option<&str>) {
    let to = to.map_or("NULL".to_owned(), |to| format!("'{to}'"));
    let wallet = client.wallet.field();
    house.sql(&format!("INSERT INTO indication VALUES ({wallet}, '{from}', {to}, '{profile}', 2, false, true)")).await;
}

async fn granted(house: &House, client: &Client, revision: u8, days: u32, gross: i64) {
    let wallet = client.wallet.field();
    house
        .sql(&format!(
            "INSERT INTO month_grant VALUES ({wallet}, '2026-04-01', {revision}, 1, NULL, NULL, NULL, {days}, {gross}, '{{}}', 0, 0, 0, {gross}, 0, 0, {gross}, 0)"
        ))
        .await;
}

const TARIFFS: &str =
    "INSERT INTO tariff VALUES (1, 'V041', '4VV', 2, false, true, '2026-01-01', NULL, 10000, 'fictitious'),
    (1, 'V081', '8VV', 2, false, true, '2026-01-01', '2026-04-19', 20000, 'fictitious'),
    (1, 'V081', '8VV', 2, false, true, '2026-04-20', NULL, 21000, 'fictitious'),
    (2, 'V041', '4VV', 2, false, true, '2026-01-01', NULL, 99999, 'fictitious');";

#[tokio::test]
async fn production_to_declare_is_funded_days_times_tariff_and_differences_are_named_by_client() {
    let house = House::open().await;
    house.sql(TARIFFS).await;
    // right; ZZP 4 to 8 in mid-month; no tariff; two indications; never granted; nothing indicated
    let mut clients = Vec::new();
    for _ in 0..6 {
        clients.push(house.client(0, 0).await);
    }
    let other = house.client_of(2, 0, 0).await;
    for client in [&clients[0], &clients[4], &other] {
        indicated(&house, client, "4VV", "2025-01-01", None).await;
    }
    indicated(&house, &clients[1], "4VV", "2025-01-01", Some("2026-04-14")).await;
    indicated(&house, &clients[1], "8VV", "2026-04-15", None).await;
    indicated(&house, &clients[2], "9VV", "2026-04-11", None).await;
    indicated(&house, &clients[3], "4VV", "2025-01-01", None).await;
    indicated(&house, &clients[3], "8VV", "2026-04-30", None).await;
    granted(&house, &clients[0], 0, 30, 300_000).await;
    // granted before the new indication was known; corrected to what it is now, which is what counts
    granted(&house, &clients[1], 0, 30, 300_000).await;
    granted(&house, &clients[2], 0, 20, 123).await;
    granted(&house, &clients[3], 0, 29, 290_000).await;
    granted(&house, &clients[5], 0, 1, 500).await;
    let wallet = clients[0].wallet.field();
    // away from the 1st of January for medical care: funded 91 days, and not in April after the 2nd; back on the 7th
    house
        .sql(&format!(
            "INSERT INTO absence (id, wallet, kind, left_on, returned_on) VALUES (gen_random_uuid(), {wallet}, 1, '2026-01-01', '2026-04-07');
             INSERT INTO addition VALUES ({wallet}, 'meerzorg', '2026-04-10', '2026-04-16', 500);"
        ))
        .await;
    let (serving, key) = (house.serve(), house.key(1, &["reports:read"]));
    // January 2 to April 2 are 91 days: funded; April 3 to 6 are not
    let row = |code: &str, days: i64, day: i64| json!({"month": "2026-04", "code": code, "days": days, "day_cents": day, "amount_cents": days * day});
    let wanted = [
        row("V041", 26 + 14 + 29 + 30, 10_000),
        row("V081", 5, 20_000),
        row("V081", 11, 21_000),
        row("meerzorg", 7, 500),
    ];
    assert_eq!(rows(&serving, &key, "production"), wanted);
    let differences = rows(&serving, &key, "production-differences");
    let by_client = |client: &Client| {
        let row = differences.iter().find(|row| row["client"] == client.number);
        row.map(|row| {
            let number = |name: &str| row[name].as_i64();
            (
                number("days"),
                number("granted_days"),
                number("amount_cents"),
                number("difference_cents"),
                row["problem"].as_str(),
                row["problem_day"].as_str(),
            )
        })
    };
    let amount = 14 * 10_000 + 5 * 20_000 + 11 * 21_000;
    assert_eq!(by_client(&clients[0]), Some((Some(26), Some(30), Some(263_500), Some(-36_500), None, None)));
    assert_eq!(by_client(&clients[1]), Some((Some(30), Some(30), Some(amount), Some(amount - 300_000), None, None)));
    assert_eq!(
        by_client(&clients[2]),
        Some((Some(0), Some(20), Some(0), Some(-123), Some("no_tariff"), Some("2026-04-11")))
    );
    assert_eq!(
        by_client(&clients[3]),
        Some((Some(29), Some(29), Some(290_000), Some(0), Some("overlapping_indications"), Some("2026-04-30")))
    );
    assert_eq!(by_client(&clients[4]), Some((Some(30), None, Some(300_000), None, Some("not_granted"), None)));
    assert_eq!(by_client(&clients[5]), Some((Some(0), Some(1), Some(0), Some(-500), None, None)));
    assert_eq!(differences.len(), 6);
    // once corrected, they agree and are in no row
    granted(&house, &clients[0], 1, 26, 263_500).await;
    granted(&house, &clients[1], 1, 30, amount).await;
    assert_eq!(rows(&serving, &key, "production-differences").len(), 4);
    let csv = serving.read_by(&key, &format!("/api/v1/reports/production?{MONTH}&format=csv"));
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(csv.header("content-disposition"), Some("attachment; filename=\"production.csv\""));
    let text = "\u{feff}month;code;days;day_eur;amount_eur\r\n2026-04;V041;99;100,00;9900,00\r\n2026-04;V081;5;200,00;1000,00\r\n\
                2026-04;V081;11;210,00;2310,00\r\n2026-04;meerzorg;7;5,00;35,00\r\n";
    assert_eq!(csv.text(), text);
}

/// Clients who live somewhere and tap in April.
async fn tapped(house: &House, serving: &Serving) -> [Client; 3] {
    let (one, two, three) = (house.client(0, 1000).await, house.client(2000, 0).await, house.client(0, 0).await);
    let (terminal, other) = (house.terminal(RESTAURANT), house.terminal(RESTAURANT));
    for client in [&one, &two, &three] {
        indicated(house, client, "4VV", "2025-01-01", None).await;
        house.sql(&format!("UPDATE wallet SET month = '2026-04-01' WHERE id = {0}; UPDATE client SET location = '{RESTAURANT}' WHERE wallet = {0}", client.wallet.field())).await;
    }
    let (first, second) = (house.card(&one), house.card(&two));
    // 2 coffees from own money, a shower that nothing is there for, a glass of wine; one coffee comes back
    let sale = first.tap(&terminal, &[(COFFEE, 2), (SHOWER, 1), (WINE, 1)]);
    assert_eq!(serving.sell(&terminal, &sale.sale()).decided()["outcome"], "approved");
    let back = json!({"id": uuid::Uuid::now_v7(), "lines": [{"line": 0, "quantity": 1}]});
    assert_eq!(
        serving.post(&terminal, &format!("/api/v1/sales/{}/refunds", sale.id), &back).decided()["outcome"],
        "booked"
    );
    // a shower from the budget, another of which 2 of 18 euros are left
    for _ in 0..2 {
        let sale = second.tap(&other, &[(SHOWER, 1)]);
        assert_eq!(serving.sell(&other, &sale.sale()).decided()["outcome"], "approved");
    }
    [one, two, three]
}

#[tokio::test]
async fn cost_and_use_are_told_per_profile_and_location_and_what_came_back_counts_no_more() {
    let house = House::open().await;
    let serving = house.serve();
    tapped(&house, &serving).await;
    let key = house.key(1, &["reports:read"]);
    let row = |kind: &str, users: i64, quantity: i64, price: i64, each: i64| {
        json!({"month": "2026-04", "location": "Restaurant", "profile": "4VV", "delivery": "vpt", "kind": kind, "residents": 3, "users": users,
            "quantity": quantity, "price_cents": price, "per_resident_cents": each})
    };
    assert_eq!(
        rows(&serving, &key, "use"),
        [row("care", 2, 3, 5400, 1800), row("extra", 1, 1, 250, 83), row("own", 1, 1, 310, 103)]
    );
}

#[tokio::test]
async fn what_the_organisation_bore_is_listed_by_client_with_what_is_expected_on_top() {
    let house = House::open().await;
    let serving = house.serve();
    let [one, two, three] = tapped(&house, &serving).await;
    house
        .sql(&format!(
            "INSERT INTO task (organisation, wallet, month, kind, amount) VALUES (1, {}, '2026-04-01', 3, 4200)",
            three.wallet.field()
        ))
        .await;
    let key = house.key(1, &["reports:read"]);
    let row = |client: &Client, what: &str, flow: Value, amount: i64| json!({"month": "2026-04", "client": client.number, "what": what, "flow": flow, "unit": "EUR", "amount": amount});
    assert_eq!(
        rows(&serving, &key, "overruns"),
        [
            row(&one, "care_overrun", json!("sale"), 1800),
            row(&two, "care_overrun", json!("sale"), 1600),
            row(&three, "expected", Value::Null, 4200)
        ]
    );
    let csv = serving.read_by(&key, &format!("/api/v1/reports/overruns?{MONTH}&format=csv")).text();
    assert!(csv.contains(&format!("2026-04;{};care_overrun;sale;EUR;18,00\r\n", one.number)), "{csv}");
}

#[tokio::test]
async fn virtual_and_real_money_are_told_apart() {
    let house = House::open().await;
    let serving = house.serve();
    tapped(&house, &serving).await;
    let key = house.key(1, &["reports:read"]);
    let april = rows(&serving, &key, "money");
    let find = |rows: &[Value], account: &str| {
        let row = rows.iter().find(|row| row["account"] == account).unwrap_or_else(|| panic!("{account}: {rows:?}"));
        (
            row["part"].as_str().unwrap().to_owned(),
            row["came"].as_i64().unwrap(),
            row["went"].as_i64().unwrap(),
            row["balance_now"].as_i64(),
        )
    };
    let of = |part: &str, came, went, balance| (part.to_owned(), came, went, balance);
    assert_eq!(find(&april, "budget"), of("virtual", 0, 2000, Some(0)));
    assert_eq!(find(&april, "credit"), of("real", 250, 810, Some(440)));
    assert_eq!(find(&april, "care_delivered"), of("virtual", 5400, 0, None));
    assert_eq!(find(&april, "care_overrun"), of("virtual", 0, 3400, None));
    // all that went came somewhere
    let sum = |name: &str| april.iter().map(|row| row[name].as_i64().unwrap()).sum::<i64>();
    assert_eq!(sum("came"), sum("went"));
    let parts: Vec<&str> = april.iter().map(|row| row["part"].as_str().unwrap()).collect();
    assert!(parts.is_sorted_by_key(|part| *part == "real"), "{parts:?}");
    // what was booked before the month was opened is in the month of its day
    let now = chrono::Utc::now().format("%Y-%m");
    let body = serving.read_by(&key, &format!("/api/v1/reports/money?from={now}")).decided();
    let bank = find(body["rows"].as_array().unwrap(), "bank");
    assert_eq!(bank, of("real", 0, 1000, None));
}

/// Transfers of an operation of April, as the ledger would hold them.
async fn booked(house: &House, client: &Client, kind: u8, transfers: &[(u8, u8, u8, i64)]) {
    let wallet = client.wallet.field();
    let id = uuid::Uuid::now_v7();
    let account = |kind: u8| {
        if kind <= 4 {
            format!("{wallet}::bigint << 16 | 256 | {kind}")
        } else {
            format!("1::bigint << 48 | 256 | {kind}")
        }
    };
    let mut sql = format!(
        "INSERT INTO ledger.operation (id, wallet, kind, outcome, authority, request_hash, book_date, batch, booked_at, month)
         VALUES ('{id}', {wallet}, {kind}, 3, 5, sha256('x'), current_date, nextval('ledger.batch'), now(), '2026-04-01');"
    );
    for (leg, (flow, debit, credit, amount)) in transfers.iter().enumerate() {
        sql += &format!(
            "INSERT INTO ledger.transfer (id, leg, flow, why, debit, credit, amount, book_date, batch)
             VALUES ('{id}', {leg}, {flow}, 1, {}, {}, {amount}, current_date, 1);",
            account(*debit),
            account(*credit)
        );
    }
    house.sql(&sql).await;
}

#[tokio::test]
async fn savings_and_buffer_are_told_by_what_came_and_went() {
    let house = House::open().await;
    let (client, idle) = (house.client(0, 0).await, house.client(0, 0).await);
    // 12 save, 3 sale, 4 refund, 13 lapse, 1 grant, 2 correction; purses 1 budget, 3 savings, 5 buffer
    booked(&house, &client, 23, &[(12, 1, 3, 700), (13, 3, 51, 40), (13, 1, 51, 60)]).await;
    booked(&house, &client, 1, &[(3, 3, 32, 300), (3, 5, 32, 250)]).await;
    booked(&house, &client, 2, &[(4, 32, 3, 100), (4, 32, 5, 50)]).await;
    booked(&house, &client, 12, &[(1, 16, 5, 1000)]).await;
    booked(&house, &client, 21, &[(2, 16, 5, 30), (2, 5, 16, 80)]).await;
    house
        .sql(&format!(
            "INSERT INTO shared_buffer VALUES (1, 1, 750);
             INSERT INTO month_statement VALUES ({}, '2026-04-01', NULL, '{{0,0,10,0,0}}', '{{0,0,470,0,0}}', '{{}}', now()),
                ({}, '2026-04-01', NULL, '{{0,0,0,0,0}}', '{{0,0,0,0,0}}', '{{}}', now());",
            client.wallet.field(),
            idle.wallet.field()
        ))
        .await;
    let (serving, key) = (house.serve(), house.key(1, &["reports:read"]));
    assert_eq!(
        rows(&serving, &key, "savings"),
        [
            json!({"month": "2026-04", "client": client.number, "unit": "EUR", "opening": 10, "saved": 700, "spent": 300, "given_back": 100, "lapsed": 40, "closing": 470})
        ]
    );
    assert_eq!(
        rows(&serving, &key, "buffer"),
        [
            json!({"month": "2026-04", "unit": "EUR", "contributed": 1000, "corrected": -50, "drawn": 250, "given_back": 50, "balance_now": 750})
        ]
    );
    let csv = serving.read_by(&key, &format!("/api/v1/reports/buffer?{MONTH}&format=csv")).text();
    assert!(csv.ends_with("\r\n2026-04;EUR;10,00;-0,50;2,50;0,50;7,50\r\n"), "{csv}");
}

/// As a program reads CSV that is not ours.
fn read_csv(text: &str) -> Value {
    let program = "import csv, io, json, sys; text = sys.stdin.buffer.read().decode('utf-8-sig'); \
                   print(json.dumps(list(csv.DictReader(io.StringIO(text, newline=''), delimiter=';', strict=True))))";
    let mut child = Command::new(crate::signatures::interoperate::python())
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn waivers_are_listed_with_their_reason_and_no_cell_of_a_spreadsheet_is_a_formula() {
    let house = House::open().await;
    let client = house.client(0, 0).await;
    let wallet = client.wallet.field();
    let reason = "=HYPERLINK(\"http://x\";\"y\")\nklant kan niet betalen; \"even\"";
    let line = |number: u8, agreed: &str, dropped: &str| {
        format!(
            "INSERT INTO plan_line (id, wallet, service, performer, recurrence, starts_at, duration_minutes, kind, price_cents, units, vat_basis_points,
                agreed_on, waiver_reason, waived_cents, dropped_from, drop_reason, consequences_explained_by, consequences_explained_on)
             VALUES ('01900000-0000-7000-8000-0000000{number}0000', {wallet}, '{SHOWER}', 1, 'FREQ=WEEKLY', '2026-03-06 09:00', 30, 1, 0, 0, 0,
                '{agreed}', '{}', 1800, {dropped});",
            reason.replace('\'', "''")
        )
    };
    let never = "NULL, NULL, NULL, NULL";
    let ended = "'2026-04-01', 'x', gen_random_uuid(), '2026-03-30'";
    house.sql(&(line(7, "2026-03-01", never) + &line(8, "2026-03-01", ended) + &line(9, "2026-05-01", never))).await;
    house.sql(&format!("INSERT INTO plan_month VALUES ({wallet}, '2026-04-01', '01900000-0000-7000-8000-000000070000', 32 | 4096 | 524288, 0, 32 | 524288, 4096)")).await;
    let (serving, key) = (house.serve(), house.key(1, &["reports:read"]));
    let listed = rows(&serving, &key, "waivers");
    assert_eq!(
        listed,
        [
            json!({"month": "2026-04", "client": client.number, "line": "01900000-0000-7000-8000-000000070000", "service": "Douchen",
            "agreed_on": "2026-03-01", "dropped_from": null, "each_cents": 1800, "delivered": 2, "waived_cents": 3600, "reason": reason})
        ]
    );
    let csv = serving.read_by(&key, &format!("/api/v1/reports/waivers?{MONTH}&format=csv")).text();
    let read = read_csv(&csv);
    assert_eq!(read.as_array().unwrap().len(), 1, "{csv}");
    assert_eq!((&read[0]["waived_eur"], &read[0]["delivered"]), (&json!("36,00"), &json!("2")));
    assert_eq!(read[0]["reason"], json!(format!("'{reason}")));
    // over two months: two rows of the one, one of the other
    let body = serving.read_by(&key, "/api/v1/reports/waivers?from=2026-03&to=2026-04").decided();
    assert_eq!(body["rows"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_report_of_many_clients_is_whole() {
    let house = House::open().await;
    house.sql(TARIFFS).await;
    // more than two chunks, each client with another number of days than was granted
    house
        .sql(
            "INSERT INTO wallet (id, scheme, unit, buyer) SELECT 1::bigint << 32 | n, 1, 1, 1 FROM generate_series(1000001, 1002345) AS n;
             INSERT INTO client (wallet, number, display_name) SELECT id, id & 4294967295, 'x' FROM wallet;
             INSERT INTO indication SELECT id, '2025-01-01', NULL, '4VV', 2, false, true FROM wallet;",
        )
        .await;
    let (serving, key) = (house.serve(), house.key(1, &["reports:read"]));
    let differences = rows(&serving, &key, "production-differences");
    let numbers: Vec<i64> = differences.iter().map(|row| row["client"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1_000_001..=1_002_345).collect::<Vec<_>>());
    assert_eq!(rows(&serving, &key, "production")[0]["days"], 30 * 2345);
}

#[tokio::test]
async fn a_report_is_over_a_year_at_most_and_of_its_own_organisation() {
    let house = House::open().await;
    let serving = house.serve();
    tapped(&house, &serving).await;
    house.sql(TARIFFS).await;
    let (key, other) = (house.key(1, &["reports:read"]), house.key(2, &["reports:read"]));
    let list = serving.read_by(&key, "/api/v1/reports").decided();
    let reports = list["reports"].as_array().unwrap();
    assert_eq!(reports.len(), 8);
    for report in reports {
        let name = report["report"].as_str().unwrap();
        let target = format!("/api/v1/reports/{name}");
        for (query, slug) in [
            ("", "path-malformed"),
            ("?from=2026-04&to=2026-03", "path-malformed"),
            ("?from=2025-04&to=2026-04", "path-malformed"),
            ("?from=2026-04-01", "path-malformed"),
            ("?from=2026-04&format=xml", "path-malformed"),
            ("?from=2026-04&from=2026-05", "path-malformed"),
            ("?from=2026-04&x=1", "path-malformed"),
            ("?from=' OR 1=1 --", ""),
        ] {
            let reply = serving.read_by(&key, &format!("{target}{}", query.replace(' ', "%20").replace('\'', "%27")));
            reply.is_problem(400, if slug.is_empty() { "path-malformed" } else { slug });
        }
        let nobodys = serving.read_by(&other, &format!("{target}?from=2025-12&to=2026-11")).decided();
        assert_eq!(nobodys["rows"], json!([]), "{name}");
        let own = serving.read_by(&key, &format!("{target}?from=2025-12&to=2026-11")).decided();
        let names: Vec<&str> =
            report["columns"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        for row in own["rows"].as_array().unwrap() {
            let mut told: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
            let mut wanted = names.clone();
            told.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(told, wanted, "{name}");
        }
    }
    serving.read_by(&key, "/api/v1/reports/clients?from=2026-04").is_problem(404, "report-unknown");
    // a report reads months of all clients: few at once
    let serving = house.serve_with(&["--address-rate", "0", "--key-rate", "1000"], &[]);
    let replies: Vec<_> = (0..14).map(|_| serving.read_by(&key, "/api/v1/reports/buffer?from=2026-04")).collect();
    let taken = replies.iter().filter(|reply| reply.status == 200).count();
    assert!((10..=12).contains(&taken), "{taken}");
    replies.last().unwrap().is_problem(429, "too-many-requests");
    assert_eq!(serving.read_by(&key, "/api/v1/reports").status, 200);
}

#[test]
fn the_page_of_reports_is_made_from_their_definitions() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reports.md");
    if std::env::var_os("PASJE_WRITE_DOCS").is_some() {
        std::fs::write(&page, document()).unwrap();
    }
    let written = std::fs::read_to_string(&page).unwrap_or_default();
    let how = "PASJE_WRITE_DOCS=1 cargo nextest run --test api the_page_of_reports";
    assert!(written == document(), "docs/reports.md is not what src/domain/report.rs says: make it anew with `{how}`");
}
