//! Archipel: a month price in euros, fixed costs first, the rest is the client's free choice; unplanned care is paid collectively.
//!
//! January of a client of 5VV who lives in, at 241.15 euro a day, by `schemes/archipel.toml` (all fictitious):
//! gross 31 x 241.15 = 7475.65; overhead 24.5 % = 1831.53 (1831.53425); housing 912.50; reception 31 x 3.10 = 96.10;
//! night care 31 x 18.75 = 581.25; collective 4 % = 299.03 (299.026);
//! budget 7475.65 - 1831.53 - 912.50 - 96.10 - 581.25 - 299.03 = 3755.24.

use serde_json::{Value, json};

use crate::stage::{CLIENT, Setting, Stage, days, january, legs};

const BUDGET: i64 = 375_524;

fn computation() -> Value {
    let deduction = |name: &str, amount: i64| json!({"name": name, "amount": amount});
    json!({"unit": "EUR", "gross": 747_565, "deductions": [deduction("overhead", 183_153), deduction("housing", 91_250),
        deduction("reception", 9_610), deduction("night care", 58_125)], "collective": 29_903, "reserve_part": 0, "buffer_part": 0,
        "budget_part": BUDGET, "rounding": 0})
}

#[tokio::test]
async fn coffee_is_paid_from_the_zzp_by_card_while_family_does_the_windows() {
    let stage = Stage::open(Setting::of("archipel", "100,00")).await;
    let month = january();
    let (on, windows_on) = (format!("{month}-01"), format!("{month}-05"));
    // Staff would cost 30.00 each time; family costs nothing, and nobody has to sign for it.
    assert_eq!(stage.price("ramen")["price_cents"], 3000);
    let windows = stage.agree("ramen", "family", "FREQ=MONTHLY;BYMONTHDAY=5,19", &windows_on);
    assert_eq!((&windows["price_cents"], &windows["units"]), (&json!(0), &json!(0)));
    stage.plan("douchen", "FREQ=DAILY", &on);
    let opened = stage.month("open", &month);
    assert_eq!(["grants", "euro budget", "euro held"].map(|what| &*opened[what]), ["1", "3755.24", "767.25"]);

    // held: 31 showers x 24.75 = 767.25
    assert_eq!(stage.purses(), json!({"budget": [BUDGET, 76_725]}));
    let shown = stage.shown(&month);
    assert_eq!((&shown["grants"][0]["computation"], &shown["grants"][0]["funded_days"]), (&computation(), &json!(31)));
    let planned = |shown: &Value, service: &str| {
        let lines = shown["planned"].as_array().unwrap().clone();
        let line = lines.into_iter().find(|line| line["service"] == service).unwrap();
        ["planned", "held", "done", "released"].map(|name| line[name].clone())
    };
    assert_eq!(planned(&shown, "ramen"), [json!([5, 19]), json!([]), json!([]), json!([])]);

    // two coffees x 2.50
    let answer = stage.tap(&stage.card(CLIENT), &[("koffie", 2)]);
    assert_eq!((&answer["outcome"], &answer["approved_cents"]), (&json!("approved"), &json!(500)));
    assert_eq!(legs(&answer), [("budget", "extra_sales", 500, "scheme_allows")]);
    assert_eq!(stage.purses(), json!({"budget": [BUDGET - 500, 76_725]}));

    let closed = stage.month("close", &month);
    assert_eq!((&*closed["delivered"], &*closed["delivered at no cost"]), ("31", "2"));
    assert_eq!(stage.purses(), json!({}));
    let shown = stage.shown(&month);
    assert_eq!(planned(&shown, "ramen"), [json!([5, 19]), json!([]), json!([5, 19]), json!([])]);
    assert_eq!(planned(&shown, "douchen"), [days(1, 31), days(1, 31), days(1, 31), json!([])]);
    // sold: 5.00 + 767.25 = 772.25; lapsed: 3755.24 - 772.25 = 2982.99
    let budget = json!({"opening": 0, "closing": 0, "grant": BUDGET, "sale": -77_225, "lapse": -298_299});
    assert_eq!(stage.statement(&month), json!({"budget": budget}));
    stage.end();
}

#[tokio::test]
async fn a_night_fall_is_paid_collectively_and_the_coffee_money_stays() {
    let stage = Stage::open(Setting::of("archipel", "119,68")).await;
    let month = january();
    stage.plan("begeleiding", "FREQ=DAILY", &format!("{month}-01"));
    stage.month("open", &month);
    // held: 31 x 119.68 = 3710.08, which leaves 45.16: the scheme keeps 45.00 of coffee money out of plans
    assert_eq!(stage.purses(), json!({"budget": [BUDGET, 371_008]}));
    assert_eq!(stage.tasks(&month), []);
    let granted = &stage.operations(&month, "grant")[0];
    // what all pay together: 4 % of 7475.65
    assert!(legs(granted).contains(&("wlz_funding", "collective", 29_903, "granted")), "{granted}");

    let fall = stage.note_care("valhulp", 1);
    assert_eq!((&fall["outcome"], &fall["approved_cents"]), (&json!("approved"), &json!(5620)));
    assert_eq!(legs(&fall), [("collective", "care_delivered", 5620, "collective")]);
    assert_eq!(stage.purses(), json!({"budget": [BUDGET, 371_008]}));
    let standing = stage.read(&Stage::at(CLIENT, &format!("/months/{month}/standing")));
    assert_eq!((&standing["colour"], &standing["reserve"]), (&json!("green"), &Value::Null));
    assert_eq!(standing["committed"], json!({"open": 371_008, "done": 0, "unplanned_care": 0}));

    // 45.16 buys 18 coffees x 2.50 = 45.00, and not the 19th
    let card = stage.card(CLIENT);
    assert_eq!(legs(&stage.tap(&card, &[("koffie", 18)])), [("budget", "extra_sales", 4500, "scheme_allows")]);
    let declined = stage.tap(&card, &[("koffie", 1)]);
    assert_eq!((&declined["outcome"], &declined["reason"]), (&json!("declined"), &json!("insufficient_funds")));
    assert_eq!(stage.purses(), json!({"budget": [BUDGET - 4500, 371_008]}));

    stage.month("close", &month);
    // sold: 3710.08 + 45.00 = 3755.08; 0.16 lapses
    let budget = json!({"opening": 0, "closing": 0, "grant": BUDGET, "sale": -375_508, "lapse": -16});
    assert_eq!(stage.statement(&month), json!({"budget": budget}));
    stage.end();
}

#[tokio::test]
async fn a_client_in_red_gets_care_all_the_same_and_a_task_appears() {
    let stage = Stage::open(Setting::of("archipel", "130,00")).await;
    let month = january();
    stage.plan("begeleiding", "FREQ=DAILY", &format!("{month}-01"));
    let opened = stage.month("open", &month);
    // of 3755.24 - 45.00 = 3710.24 are held 28 x 130.00 = 3640.00; 3 x 130.00 = 390.00 do not fit
    assert_eq!((&*opened["euro held"], &*opened["expected overruns"]), ("3640.00", "1"));
    assert_eq!(stage.purses(), json!({"budget": [BUDGET, 364_000]}));
    // committed 31 x 130.00 = 4030.00: 4030.00 - 3755.24 = 274.76 beyond the budget
    let standing = stage.read(&Stage::at(CLIENT, &format!("/months/{month}/standing")));
    assert_eq!(
        ["colour", "word", "shape", "budget", "beyond"].map(|name| standing[name].clone()),
        [json!("red"), json!("rood"), json!("■"), json!(BUDGET), json!(27_476)]
    );
    let choices = standing["choices"].as_array().unwrap().iter().map(|choice| choice["choice"].as_str().unwrap());
    let all = ["family_does_more", "drop_a_service", "pay_an_extra_from_own_money", "ask_reindication"];
    assert_eq!(choices.collect::<Vec<_>>(), all);
    let overrun = (u64::from(CLIENT), "expected_overrun".to_owned(), Some(39_000));
    let red = (u64::from(CLIENT), "red".to_owned(), Some(27_476));
    let tasks = stage.tasks(&month);
    assert!(tasks.len() == 2 && tasks.contains(&overrun) && tasks.contains(&red), "{tasks:?}");

    // an extra cannot be added now; care can, and is planned
    let extra = json!({"service": stage.service("kapper"), "performer": "staff", "recurrence": "FREQ=MONTHLY;BYMONTHDAY=8",
        "starts_at": format!("{month}-08T09:00:00"), "duration_minutes": 45});
    let refused = stage.serving.send_by(&stage.key, "POST", &Stage::at(CLIENT, "/plan-lines"), &extra);
    refused.is_problem(422, "plan-refused");
    stage.plan("douchen", "FREQ=MONTHLY;BYMONTHDAY=31", &format!("{month}-31"));

    // 28 days from what is held, day 29 with the free 3755.24 - 3640.00 = 115.24; the organisation bears 14.76 of it, 2 x 130.00, and
    // the shower of 24.75: 299.51
    let closed = stage.month("close", &month);
    assert_eq!((&*closed["delivered"], closed.get("left out")), ("32", None));
    let budget = json!({"opening": 0, "closing": 0, "grant": BUDGET, "sale": -BUDGET});
    assert_eq!(stage.statement(&month), json!({"budget": budget}));
    let deliveries = stage.operations(&month, "delivery");
    let borne = deliveries.iter().flat_map(legs).filter(|(from, ..)| *from == "care_overrun");
    let borne: Vec<_> = borne.map(|(_, to, amount, why)| (to, amount, why)).collect();
    let of = |amount| ("care_delivered", amount, "never_refused");
    assert_eq!(borne.iter().map(|(_, amount, _)| amount).sum::<i64>(), 29_951);
    assert!([1_476, 13_000, 13_000, 2_475].into_iter().all(|amount| borne.contains(&of(amount))), "{borne:?}");
    stage.end();
}

#[tokio::test]
async fn with_an_empty_wallet_the_meal_is_served_and_the_beer_left_out() {
    let stage = Stage::open(Setting::of("archipel", "119,04")).await;
    let month = january();
    stage.plan("begeleiding", "FREQ=DAILY", &format!("{month}-01"));
    stage.month("open", &month);
    // held: 31 x 119.04 = 3690.24; free: 3755.24 - 3690.24 = 65.00, which is 26 coffees x 2.50
    let card = stage.card(CLIENT);
    let is_declined = |answer: &Value| answer["outcome"] == "declined" && answer["reason"] == "insufficient_funds";
    // a beer is never public money, however much of it there is
    assert!(is_declined(&stage.tap(&card, &[("bier", 1)])));
    assert_eq!(stage.tap(&card, &[("koffie", 26)])["outcome"], "approved");
    let empty = json!({"budget": [369_024, 369_024]});
    assert_eq!(stage.purses(), empty);

    // the meal of 9.50 is the organisation's, the beer of 3.10 nobody's, and what is held for care stays held
    let answer = stage.tap(&card, &[("bier", 1), ("maaltijd", 1)]);
    assert_eq!((&answer["outcome"], &answer["approved_cents"]), (&json!("approved_in_part"), &json!(950)));
    assert_eq!(answer["left_out"], json!([{"line": 0, "reason": "insufficient_funds"}]));
    assert_eq!(legs(&answer), [("included_overrun", "included_sales", 950, "never_refused")]);
    // a beer alone is declined
    assert!(is_declined(&stage.tap(&card, &[("bier", 1)])));
    assert_eq!(stage.purses(), empty);
    stage.month("close", &month);
    let budget = json!({"opening": 0, "closing": 0, "grant": BUDGET, "sale": -BUDGET});
    assert_eq!(stage.statement(&month), json!({"budget": budget}));
    stage.end();
}
