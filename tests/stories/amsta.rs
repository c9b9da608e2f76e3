//! Amsta: minutes a week, colours, and no euro for client and family.
//!
//! The month is that of today, as a line is dropped from today on. 5VV has 1080 minutes a week by `schemes/amsta.toml` (fictitious):
//! gross is days x 1080 / 7, rounded down; 12.5 % goes off, 10 % is the reserve, both half up.

use chrono::{Datelike, Days, NaiveDate};
use serde_json::{Value, json};

use crate::stage::{CLIENT, STAFF, Setting, Stage, legs};

/// By days of the month: gross, deduction, reserve, budget.
const MONTHS: [(u32, [i64; 4]); 4] = [
    (28, [4320, 540, 432, 3348]), // 4320; 540.0; 432.0
    (29, [4474, 559, 447, 3468]), // 4474.29; 559.25; 447.4
    (30, [4628, 579, 463, 3586]), // 4628.57; 578.5; 462.8
    (31, [4782, 598, 478, 3706]), // 4782.86; 597.75; 478.2
];

/// Where a body tells of euros of the budget: fields in cents, amounts in euros, and the prices of this story. Own money is the
/// client's own, and shown.
fn euros_in(body: &Value, at: &str, found: &mut Vec<String>) {
    match body {
        Value::Object(fields) if fields.get("purse") == Some(&json!("credit_cents")) => {}
        Value::Object(fields) => {
            for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                if name.contains("cents") || name.contains("euro") {
                    found.push(format!("{at}/{name}"));
                }
                euros_in(value, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| euros_in(value, at, found)),
        Value::String(text) if text == "EUR" || text.contains('€') => found.push(format!("{at}: {text}")),
        Value::Number(number) if [2475, 5731].contains(&number.as_i64().unwrap_or(0)) => found.push(at.to_owned()),
        _ => {}
    }
}

fn has_no_euro(body: &Value) {
    let mut found = Vec::new();
    euros_in(body, "", &mut found);
    assert!(found.is_empty(), "{found:?} in {body}");
}

#[tokio::test]
async fn a_shower_every_other_day_is_traded_for_going_out_every_three_weeks_and_no_euro_is_seen() {
    let stage = Stage::open(Setting::of("amsta", "100,00")).await;
    let today = "SELECT (clock_timestamp() AT TIME ZONE 'Europe/Amsterdam')::date::text";
    let today: NaiveDate = stage.house.text(today).await.parse().unwrap();
    let (month, day) = (today.format("%Y-%m").to_string(), today.day());
    let first = today.with_day(1).unwrap();
    let length = first.iter_days().take_while(|day| day.month() == today.month()).count();
    let (_, [gross, deduction, reserve, budget]) = *MONTHS.iter().find(|(days, _)| *days as usize == length).unwrap();

    let shower = stage.plan("douchen", "FREQ=DAILY;INTERVAL=2", &first.to_string());
    assert_eq!((&shower["units"], &shower["price_cents"]), (&json!(30), &json!(2475)));
    stage.month("open", &month);
    // every odd day: 14 showers x 30 minutes in 28 days, 15 in 29 or 30, 16 in 31
    let showers = i64::try_from(length.div_ceil(2)).unwrap();
    assert_eq!(stage.purses(), json!({"budget": [budget, 30 * showers], "reserve": [reserve, 0]}));
    let wanted = json!({"unit": "MIN", "gross": gross, "deductions": [{"name": "handover and notes", "amount": deduction}], "collective": 0,
        "reserve_part": reserve, "buffer_part": 0, "budget_part": budget, "rounding": 0});
    assert_eq!(stage.shown(&month)["grants"][0]["computation"], wanted);

    // dropped from today on, once somebody has explained what follows from it
    let line = shower["id"].as_str().unwrap();
    let target = Stage::at(CLIENT, &format!("/plan-lines/{line}/drop"));
    let reason = "Mevrouw gaat liever naar buiten.";
    let unexplained = json!({"from": today, "reason": reason});
    stage.serving.send_by(&stage.key, "POST", &target, &unexplained).is_problem(422, "request-malformed");
    let explained = json!({"from": today, "reason": reason, "consequences_explained_by": STAFF, "consequences_explained_on": today});
    let dropped = stage.send("POST", &target, &explained);
    // of the odd days, day / 2 lie before today
    let before = i64::from(day / 2);
    assert_eq!(dropped, json!({"released": showers - before, "done": 0, "planned_again": 0}));
    assert_eq!(stage.purses(), json!({"budget": [budget, 30 * before], "reserve": [reserve, 0]}));

    // going out every three weeks from today, 120 minutes: planned once it is consented to
    let outing = stage.agree("uitje", "staff", "FREQ=WEEKLY;INTERVAL=3", &today.to_string());
    assert_eq!((&outing["kind"], &outing["units"]), (&json!("activity"), &json!(120)));
    let planned = |service: &str| {
        let lines = stage.shown(&month)["planned"].as_array().unwrap().clone();
        lines.into_iter().find(|line| line["service"] == service).map(|line| line["planned"].clone())
    };
    assert_eq!(planned("uitje"), None);
    // the family's key sees no euro, so it consents to what it sees
    let family = stage.key_without_euros();
    let shown = json!({"units_shown": 120, "alternatives_asked": true, "signed_on": today, "recorded_by": STAFF});
    let target = Stage::at(CLIENT, &format!("/plan-lines/{}/consent", outing["id"].as_str().unwrap()));
    assert_eq!(stage.serving.send_by(&family, "POST", &target, &shown).status, 204);
    let again = today + Days::new(21);
    let outings: Vec<u32> =
        [today, again].iter().filter(|day| day.month() == today.month()).map(Datelike::day).collect();
    assert_eq!(planned("uitje"), Some(json!(outings)));

    // today is delivered: the outing, and no shower
    let delivered = stage.month("deliver", &today.to_string());
    assert_eq!(delivered["delivered"], "1");
    assert_eq!(stage.purses(), json!({"budget": [budget - 120, 30 * before], "reserve": [reserve, 0]}));
    let delivery = &stage.operations(&month, "delivery")[0];
    assert_eq!(legs(delivery), [("budget", "activity_sales", 120, "activity")]);
    let to_come = 120 * (i64::try_from(outings.len()).unwrap() - 1) + 30 * before;
    let standing = stage.read(&Stage::at(CLIENT, &format!("/months/{month}/standing")));
    assert_eq!((&standing["colour"], &standing["word"]), (&json!("green"), &json!("groen")));
    assert_eq!(standing["committed"], json!({"open": to_come, "done": 120, "unplanned_care": 0}));

    // client and family see minutes and a colour
    let seen = |rest: &str| stage.serving.read_by(&family, &Stage::at(CLIENT, rest)).decided();
    for rest in ["", "/plan-lines", "/months", "/buffer-draws"] {
        has_no_euro(&seen(rest));
    }
    for of_month in ["", "/operations", "/standing"] {
        has_no_euro(&seen(&format!("/months/{month}{of_month}")));
    }
    let sheet = stage.serving.read_by(&family, &Stage::at(CLIENT, &format!("/months/{month}/evidence"))).text();
    assert!(!["EUR", "€", "euro", "24,75", "24.75", "57,31"].iter().any(|euro| sheet.contains(euro)), "{sheet}");
    has_no_euro(&stage.serving.read_by(&family, "/api/v1/tasks").decided());
    let lines = seen("/plan-lines");
    assert_eq!((lines["lines"].as_array().unwrap().len(), &lines["lines"][0]["units"]), (1, &json!(120)));
    // what is done over their key tells no euro either
    let care = json!({"staff": STAFF, "lines": [{"service": stage.service("douchen"), "quantity": 1}]});
    let noted = stage.serving.send_by(&family, "POST", &Stage::at(CLIENT, "/unplanned-care"), &care).decided();
    assert_eq!(legs(&noted), [("reserve", "care_delivered", 30, "unplanned")]);
    has_no_euro(&noted);
    // while who may see euros does
    let mut euros = Vec::new();
    euros_in(&stage.read(&Stage::at(CLIENT, "/plan-lines")), "", &mut euros);
    assert!(!euros.is_empty());
    stage.end();
}
