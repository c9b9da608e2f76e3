//! From tariff to colour over the API: what a client may spend, what is agreed, how the month stands, who must be there for it.

use chrono::{Datelike, NaiveDate, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::integration::{Key, address, draft};
use crate::service::{Client, House, RESTAURANT, SHOWER, Serving};

/// 5 percent reserve and nothing else off.
const EUROS: &str = r#"
name = "euros"
version = 1
unit = "EUR"
basis = "tariff"

[grant]
unplanned = "personal"
unplanned_percent = "5"
buffer_percent = "0"

[paying]
extras_from_budget = true
extras_from_savings = false
care_from_savings = "never"

[plan]
kept_free = 0
notice_above = "25.00"
provisional_days = 42
network_meetings = 4

[close]
budget = "lapse"
reserve = "lapse"

[shows]
euro_to_family = true
price_beside_minutes = false
colour = true
"#;

const STAFF: &str = "01900000-0000-7000-8000-0000000000aa";

struct Scene {
    house: House,
    client: Client,
    serving: Serving,
    key: Key,
    first: NaiveDate,
}

impl Scene {
    /// A client whose days bring 100 euro, and a shower every day of the month at this price.
    async fn open(shower_cents: i64) -> Scene {
        let house = House::open().await;
        let client = house.client(0, 0).await;
        house
            .sql(&format!(
                "UPDATE client SET location = '{RESTAURANT}';
                 UPDATE service SET function = 'verzorgende' WHERE id = '{SHOWER}';
                 INSERT INTO service_kind VALUES ('{SHOWER}', 1, 1);
                 INSERT INTO service_price VALUES ('{SHOWER}', 'verzorgende', '2024-01-01', {shower_cents}, 30, NULL, NULL)"
            ))
            .await;
        let key = house
            .key(1, &["clients:read", "clients:write", "tariffs:write", "plans:read", "plans:write", "months:read"]);
        let first = Utc::now().date_naive().with_day(1).unwrap();
        Scene { serving: house.serve(), house, client, key, first }
    }

    fn at(&self, rest: &str) -> String {
        format!("{}/{rest}", address(&self.client))
    }

    fn month(&self) -> String {
        self.first.format("%Y-%m").to_string()
    }

    /// The record system sends what it knows; the line is agreed and consented to; the month is opened.
    async fn begin(&self, shower_cents: i64) {
        let tariff = json!({"code": "Z053", "profile": "5VV", "delivery": "verblijf", "treatment": true, "day_activities": true, "day_cents": 10_000,
            "from": "2024-01-01", "source": "fictief"});
        let indication = json!({"client": self.client.number, "profile": "5VV", "delivery": "verblijf", "treatment": true, "day_activities": true,
            "from": "2024-01-01"});
        for (list, row) in [("/api/v1/tariffs", tariff), ("/api/v1/indications", indication)] {
            assert_eq!(self.serving.send_by(&self.key, "PUT", list, &json!({"rows": [row]})).decided()["added"], 1);
        }
        let line = json!({"service": SHOWER, "performer": "staff", "recurrence": "FREQ=DAILY", "starts_at": format!("{}T09:00:00", self.first), "duration_minutes": 30});
        let agreed = self.serving.send_by(&self.key, "POST", &self.at("plan-lines"), &line).decided();
        let consent = json!({"price_shown_cents": shower_cents, "units_shown": shower_cents, "alternatives_asked": true, "signed_on": self.first, "recorded_by": STAFF});
        let target = self.at(&format!("plan-lines/{}/consent", agreed["id"].as_str().unwrap()));
        let consented = self.serving.send_by(&self.key, "POST", &target, &consent);
        assert_eq!(consented.status, 204, "{}", consented.text());
        // only now, as the service opens months by itself where there is a scheme
        let file = self.house.path("euros.toml");
        std::fs::write(&file, EUROS).unwrap();
        self.house.run(&["scheme", "adopt", file.to_str().unwrap(), "--organisation", "1", "--from", "2026-01"]);
        self.house.sql("UPDATE wallet SET scheme = (SELECT id FROM scheme WHERE name = 'euros')").await;
        self.house.run(&["month", "open", &self.month()]);
    }

    fn standing(&self) -> Value {
        self.serving.read_by(&self.key, &self.at(&format!("months/{}/standing", self.month()))).decided()
    }

    fn days(&self) -> i64 {
        (self.first.checked_add_months(chrono::Months::new(1)).unwrap() - self.first).num_days()
    }
}

#[tokio::test]
async fn a_month_within_its_budget_is_green_and_its_forecast_adds_up() {
    let scene = Scene::open(1000).await;
    scene
        .serving
        .read_by(&scene.key, &scene.at(&format!("months/{}/standing", scene.month())))
        .is_problem(404, "month-unknown");
    scene.begin(1000).await;
    let days = scene.days();
    let budget = days * 10_000 * 95 / 100;
    let stands = scene.standing();
    assert_eq!(stands["colour"], "green", "{stands}");
    assert_eq!(
        (&stands["colour"], &stands["word"], &stands["word_en"], &stands["shape"]),
        (&json!("green"), &json!("groen"), &json!("green"), &json!("●"))
    );
    assert_eq!(
        (&stands["budget"], &stands["reserve"], &stands["beyond"]),
        (&json!(budget), &json!(days * 10_000 - budget), &json!(0))
    );
    assert_eq!(stands["committed"], json!({"open": days * 1000, "done": 0, "unplanned_care": 0}));
    assert_eq!(stands["choices"], json!([]));
    let forecast = &stands["forecast"];
    let planned: i64 = forecast["days"].as_array().unwrap().iter().map(|day| day["amount"].as_i64().unwrap()).sum();
    assert_eq!(
        (planned, &forecast["rest"], &forecast["rest_held"]),
        (days * 1000, &json!(days * 1000), &json!(days * 1000))
    );
    assert_eq!(
        (&forecast["free_today"], &forecast["free_after"], &forecast["overrun"]),
        (&json!(budget - days * 1000), &json!(budget - days * 1000), &json!(0))
    );
    // incidental care counts at once
    let care = json!({"staff": STAFF, "lines": [{"service": SHOWER, "quantity": 1}]});
    assert_eq!(
        scene.serving.send_by(&scene.key, "POST", &scene.at("unplanned-care"), &care).decided()["outcome"],
        "approved"
    );
    assert_eq!(scene.standing()["committed"]["unplanned_care"], 1800);
    let month = scene.serving.read_by(&scene.key, &scene.at(&format!("months/{}", scene.month()))).decided();
    assert_eq!(
        (&month["grants"][0]["computation"]["gross"], &month["planned"][0]["held"].as_array().unwrap().len()),
        (&json!(days * 10_000), &days.try_into().unwrap())
    );
    scene.house.verify().await;
}

#[tokio::test]
async fn a_client_in_red_gets_choices_and_the_sheet_for_re_indication_without_a_name() {
    let scene = Scene::open(10_400).await;
    scene.begin(10_400).await;
    let stands = scene.standing();
    let days = scene.days();
    assert_eq!((&stands["colour"], &stands["word"], &stands["shape"]), (&json!("red"), &json!("rood"), &json!("■")));
    assert_eq!(stands["beyond"], json!(days * 400));
    let choices: Vec<&str> =
        stands["choices"].as_array().unwrap().iter().map(|choice| choice["choice"].as_str().unwrap()).collect();
    assert_eq!(choices, ["family_does_more", "drop_a_service", "pay_an_extra_from_own_money", "ask_reindication"]);
    let sheet = scene.serving.read_by(&scene.key, &scene.at(&format!("months/{}/evidence", scene.month())));
    assert_eq!((sheet.status, sheet.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    let text = sheet.text();
    assert!(text.contains(&format!("cliënt {}", scene.client.number)) && text.contains("Douchen"), "{text}");
    assert!(!text.contains("Zonderling"), "{text}");
    for month in ["2025-01", "2030-01"] {
        for what in ["standing", "evidence"] {
            scene
                .serving
                .read_by(&scene.key, &scene.at(&format!("months/{month}/{what}")))
                .is_problem(404, "month-unknown");
        }
    }
}

#[tokio::test]
async fn an_agenda_is_read_at_its_address_until_that_is_withdrawn() {
    let scene = Scene::open(1000).await;
    scene.begin(1000).await;
    let target = scene.at("agenda-addresses");
    let make = || {
        scene.serving.send_by(&scene.key, "POST", &target, &json!({})).decided()["path"].as_str().unwrap().to_owned()
    };
    let (one, other) = (make(), make());
    assert_ne!(one, other);
    for path in [&one, &other] {
        let feed = scene.serving.get_unsigned(path);
        assert_eq!((feed.status, feed.header("content-type")), (200, Some("text/calendar; charset=utf-8")));
        assert!(feed.text().contains("BEGIN:VEVENT") && feed.text().contains("Douchen"), "{}", feed.text());
        assert!(!feed.text().contains("Zonderling"), "{}", feed.text());
    }
    let withdrawn = scene.serving.ask(&draft(&scene.serving, &scene.key, "DELETE", &target, None).signed());
    assert_eq!(withdrawn.decided(), json!({"withdrawn": 2}));
    for path in [&one, &other] {
        scene.serving.get_unsigned(path).is_problem(404, "not-found");
    }
    // the secret stands in no log, no metric and no table
    let secret = one.trim_start_matches("/agenda/").trim_end_matches(".ics").to_owned();
    let head = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", scene.serving.metrics);
    let metrics = crate::wire::Connection::open(scene.serving.metrics).ask(head.as_bytes()).text();
    let stored = scene.house.text("SELECT string_agg(a::text, ',') FROM agenda_address AS a").await;
    for text in [metrics, stored, scene.serving.written()] {
        assert!(!text.contains(&secret), "{text}");
    }
}

#[tokio::test]
async fn planned_minutes_of_staff_are_told_by_function_and_part_of_the_day() {
    let scene = Scene::open(1000).await;
    scene.begin(1000).await;
    let staffing = |query: &str| scene.serving.read_by(&scene.key, &format!("/api/v1/staffing?{query}"));
    let last = scene.first + chrono::Days::new(6);
    let week = staffing(&format!("from={}&to={last}", scene.first)).decided();
    assert_eq!(
        week,
        json!({"from": scene.first, "to": last, "needed": [{"function": "verzorgende", "part": "morning", "minutes": 210}]})
    );
    let here = staffing(&format!("from={}&location={RESTAURANT}", scene.first)).decided();
    assert_eq!(here["needed"], json!([{"function": "verzorgende", "part": "morning", "minutes": 30}]));
    let elsewhere = staffing(&format!("from={}&location={}", scene.first, Uuid::now_v7())).decided();
    assert_eq!(elsewhere["needed"], json!([]));
    let other = scene.house.key(2, &["plans:read"]);
    let nobodys = scene.serving.read_by(&other, &format!("/api/v1/staffing?from={}", scene.first)).decided();
    assert_eq!(nobodys["needed"], json!([]));
    staffing(&format!("from={last}&to={}", scene.first)).is_problem(422, "request-malformed");
    staffing("from=2026-01-01&to=2026-12-31").is_problem(422, "request-malformed");
    for query in ["", "from=x", "from=2026-02-30", "from=2026-01-01&location=x", "from=2026-01-01&x=1"] {
        staffing(query).is_problem(400, "path-malformed");
    }
}

#[tokio::test]
async fn a_paid_day_that_was_not_delivered_is_given_back_once() {
    let scene = Scene::open(1000).await;
    scene.begin(1000).await;
    let today = Utc::now().date_naive();
    let lines = scene.serving.read_by(&scene.key, &scene.at("plan-lines")).decided();
    let target = scene.at(&format!("plan-lines/{}/corrections", lines["lines"][0]["id"].as_str().unwrap()));
    let correct = |day: NaiveDate| {
        let body = json!({"day": day, "reason": "Medewerker was ziek.", "by": STAFF});
        scene.serving.send_by(&scene.key, "POST", &target, &body)
    };
    // nothing was paid yet
    correct(today).is_problem(422, "plan-refused");
    scene.house.run(&["month", "deliver", &today.to_string()]);
    let budget = || async { scene.house.purses(&scene.client).await[0] };
    let before = budget().await;
    let given = correct(today).decided();
    assert_eq!((&given["is_new"], &given["operation"]["operation"]), (&json!(true), &json!("refund")), "{given}");
    assert_eq!(budget().await, before + 1000);
    assert_eq!(correct(today).decided(), json!({"is_new": false, "operation": null}));
    assert_eq!(budget().await, before + 1000);
    scene.house.verify().await;
}
