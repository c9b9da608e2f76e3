//! Data that come late, change, or end: a missing tariff, a new indication, a death. Figures of 5VV as in `archipel.rs`.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{CLIENT, RESIDENT, Setting, Stage, Tariff, days, january, legs, tariff, tariffs_file};

#[tokio::test]
async fn zzp_4_to_8_in_mid_month_brings_the_difference_to_the_cent() {
    let residents = vec![(CLIENT, "4VV", "verblijf")];
    let tariffs = vec![tariff("4VV", "172,40"), tariff("8VV", "318,05")];
    let stage = Stage::open(Setting { residents, tariffs, ..Setting::of("archipel", "100,00") }).await;
    let month = january();
    stage.month("open", &month);
    // gross 31 x 172.40 = 5344.40; overhead 24.5 % = 1309.38 (1309.378); housing 912.50; reception 96.10; night care 581.25;
    // collective 4 % = 213.78 (213.776); budget 5344.40 - 1309.38 - 912.50 - 96.10 - 581.25 - 213.78 = 2231.39
    assert_eq!(stage.purses(), json!({"budget": [223_139, 0]}));

    // the record system puts the indications: 4VV to the 15th, 8VV from the 16th
    let row = |profile: &str, from: String, to: Value| json!({"client": CLIENT, "profile": profile, "delivery": "verblijf", "treatment": false, "day_activities": true, "from": from, "to": to});
    let rows = [
        row("4VV", "2020-03-01".to_owned(), json!(format!("{month}-15"))),
        row("8VV", format!("{month}-16"), Value::Null),
    ];
    let put = stage.send("PUT", "/api/v1/indications", &json!({"rows": rows}));
    assert_eq!((&put["added"], &put["changed"]), (&json!(1), &json!(1)));
    let differs = stage.read(&format!("/api/v1/reports/production-differences?from={month}&to={month}"));
    assert_eq!(differs["rows"].as_array().unwrap().len(), 1, "{differs}");
    assert_eq!(stage.month("correct", &month)["corrections"], "1");

    // gross 15 x 172.40 + 16 x 318.05 = 2586.00 + 5088.80 = 7674.80; overhead 1880.33 (1880.326); collective 306.99 (306.992);
    // budget 7674.80 - 1880.33 - 912.50 - 96.10 - 581.25 - 306.99 = 3897.63
    let grant = &stage.shown(&month)["grants"][1];
    let deduction = |name: &str, amount: i64| json!({"name": name, "amount": amount});
    let deductions = json!([
        deduction("overhead", 188_033),
        deduction("housing", 91_250),
        deduction("reception", 9_610),
        deduction("night care", 58_125)
    ]);
    assert_eq!(
        grant["computation"],
        json!({"unit": "EUR", "gross": 767_480, "deductions": deductions, "collective": 30_699, "reserve_part": 0, "buffer_part": 0,
            "budget_part": 389_763, "rounding": 0})
    );
    assert_eq!((&grant["funded_days"], &grant["budget"]), (&json!(31), &json!(389_763)));
    // the difference: overhead 570.95, collective 93.21, budget 1666.24; together 2330.40 = 7674.80 - 5344.40
    let corrections = stage.operations(&month, "correction");
    let booked = [
        ("wlz_funding", "overhead", 57_095, "corrected"),
        ("wlz_funding", "collective", 9_321, "corrected"),
        ("wlz_funding", "budget", 166_624, "corrected"),
    ];
    assert_eq!((corrections.len(), legs(&corrections[0])), (1, booked.to_vec()));
    assert_eq!(stage.purses(), json!({"budget": [389_763, 0]}));
    let production = stage.read(&format!("/api/v1/reports/production?from={month}&to={month}"));
    let of = |code: &str, days: i64, day: i64| json!({"month": month, "code": code, "days": days, "day_cents": day, "amount_cents": days * day});
    assert_eq!(production["rows"], json!([of("F-4VV", 15, 17_240), of("F-8VV", 16, 31_805)]));
    let differs = stage.read(&format!("/api/v1/reports/production-differences?from={month}&to={month}"));
    assert_eq!(differs["rows"], json!([]));
    // again: nothing more
    assert_eq!(stage.month("correct", &month).get("corrections"), None);
    assert_eq!(stage.purses(), json!({"budget": [389_763, 0]}));
    stage.end();
}

#[tokio::test]
async fn a_missing_tariff_on_1_january_leaves_every_card_working() {
    let month = january();
    let year: i32 = month[..4].parse().unwrap();
    let (last_year, other) = (year - 1, CLIENT + 1);
    let until = |profile, day| Tariff { to: format!("{last_year}-12-31"), ..tariff(profile, day) };
    let residents = vec![RESIDENT, (other, "8VV", "verblijf")];
    let tariffs = vec![until("5VV", "241,15"), until("8VV", "318,05")];
    let stage = Stage::open(Setting { residents, tariffs, ..Setting::of("archipel", "100,00") }).await;
    let december = format!("{last_year}-12");
    for (verb, month) in [("open", &december), ("close", &december), ("open", &month)] {
        stage.month(verb, month);
    }
    // As December, which had as many days. 8VV: gross 31 x 318.05 = 9859.55; overhead 2415.59 (2415.58975); housing 912.50;
    // reception 96.10; night care 581.25; collective 394.38 (394.382); budget 5459.73
    assert_eq!(stage.purses(), json!({"budget": [375_524, 0]}));
    assert_eq!(stage.purses_of(other), json!({"budget": [545_973, 0]}));
    let provisional = &stage.shown(&month)["grants"][0];
    let first = format!("{month}-01");
    assert_eq!((&provisional["data_error"], &provisional["error_day"]), (&json!("no_tariff"), &json!(first)));
    let error = |number: u32| (u64::from(number), "data_error".to_owned(), None);
    assert_eq!(stage.tasks(&month), [error(CLIENT), error(other)]);
    // every card works
    for number in [CLIENT, other] {
        let answer = stage.tap(&stage.card(number), &[("koffie", 1)]);
        assert_eq!(legs(&answer), [("budget", "extra_sales", 250, "scheme_allows")]);
    }
    assert_eq!(stage.purses(), json!({"budget": [375_274, 0]}));

    // the new tariffs: 250.00 and 330.00 a day
    let from = |profile, day| Tariff { from: first.clone(), ..tariff(profile, day) };
    stage.import("tariffs", &tariffs_file(&[from("5VV", "250,00"), from("8VV", "330,00")]));
    assert_eq!(stage.month("correct", &month)["corrections"], "2");
    assert_eq!(stage.tasks(&month), []);
    // 5VV: gross 7750.00; overhead 1898.75; collective 310.00; budget 7750.00 - 1898.75 - 912.50 - 96.10 - 581.25 - 310.00 = 3951.40
    // 8VV: gross 10230.00; overhead 2506.35; collective 409.20; budget 10230.00 - 2506.35 - 912.50 - 96.10 - 581.25 - 409.20 = 5724.60
    let corrected = &stage.shown(&month)["grants"][1];
    assert_eq!((&corrected["data_error"], &corrected["computation"]["gross"]), (&Value::Null, &json!(775_000)));
    assert_eq!(stage.purses(), json!({"budget": [395_140 - 250, 0]}));
    assert_eq!(stage.purses_of(other), json!({"budget": [572_460 - 250, 0]}));
    // overhead 1898.75 - 1831.53 = 67.22; collective 310.00 - 299.03 = 10.97; budget 3951.40 - 3755.24 = 196.16
    let booked = [
        ("wlz_funding", "overhead", 6_722, "corrected"),
        ("wlz_funding", "collective", 1_097, "corrected"),
        ("wlz_funding", "budget", 19_616, "corrected"),
    ];
    assert_eq!(legs(&stage.operations(&month, "correction")[0]), booked);
    stage.month("close", &month);
    let budget =
        json!({"opening": 0, "closing": 0, "grant": 375_524, "correction": 19_616, "sale": -250, "lapse": -394_890});
    assert_eq!(stage.statement(&month), json!({"budget": budget}));
    stage.end();
}

#[tokio::test]
async fn after_a_death_on_day_3_the_rest_lapses_and_own_money_goes_to_the_estate_once_two_people_approve() {
    let stage = Stage::open(Setting::of("archipel", "100,00")).await;
    let month = january();
    stage.plan("douchen", "FREQ=DAILY", &format!("{month}-01"));
    stage.month("open", &month);
    stage.top_up(5000);
    let card = stage.card(CLIENT);
    assert_eq!(legs(&stage.tap(&card, &[("koffie", 1)])), [("budget", "extra_sales", 250, "scheme_allows")]);

    let left = stage.send("POST", &Stage::at(CLIENT, "/leaving"), &json!({"last_day": format!("{month}-03")}));
    assert_eq!((&left["is_closed"], &left["left_on"]), (&json!(true), &json!(format!("{month}-03"))));
    // three funded days: gross 3 x 241.15 = 723.45; overhead 24.5 % = 177.25 (177.24525); housing 912.50 x 3 / 31 = 88.31 (88.3065);
    // reception 9.30; night care 56.25; collective 4 % = 28.94 (28.938); budget 723.45 - 177.25 - 88.31 - 9.30 - 56.25 - 28.94 = 363.40
    let grant = &stage.shown(&month)["grants"][1];
    let deduction = |name: &str, amount: i64| json!({"name": name, "amount": amount});
    let deductions = json!([
        deduction("overhead", 17_725),
        deduction("housing", 8_831),
        deduction("reception", 930),
        deduction("night care", 5_625)
    ]);
    assert_eq!(
        grant["computation"],
        json!({"unit": "EUR", "gross": 72_345, "deductions": deductions, "collective": 2_894, "reserve_part": 0, "buffer_part": 0,
            "budget_part": 36_340, "rounding": 0})
    );
    assert_eq!(grant["funded_days"], 3);
    let showers = &stage.shown(&month)["planned"][0];
    assert_eq!((&showers["done"], &showers["released"]), (&days(1, 3), &days(4, 31)));
    // granted 3755.24, corrected by 3755.24 - 363.40 = 3391.84; sold 3 x 24.75 + 2.50 = 76.75; the rest lapses: 286.65
    let budget =
        json!({"opening": 0, "closing": 0, "grant": 375_524, "correction": -339_184, "sale": -7_675, "lapse": -28_665});
    let own = json!({"opening": 0, "closing": 5_000, "top_up": 5_000});
    assert_eq!(stage.statement(&month), json!({"budget": budget, "credit_cents": own}));
    assert_eq!(stage.purses(), json!({"credit_cents": [5000, 0]}));

    // the card pays nothing any more, and own money buys nothing
    let declined = stage.tap(&card, &[("bier", 1)]);
    assert_eq!((&declined["outcome"], &declined["reason"]), (&json!("declined"), &json!("card_blocked")));
    let production = stage.read(&format!("/api/v1/reports/production?from={month}&to={month}"));
    let declared = json!([{"month": month, "code": "F-5VV", "days": 3, "day_cents": 24_115, "amount_cents": 72_345}]);
    assert_eq!(production["rows"], declared);

    // own money: one asks, two others approve, then it is paid to the estate
    let asked = json!({"amount_cents": 5000, "staff": Uuid::now_v7()});
    let asked = stage.send("POST", &Stage::at(CLIENT, "/payouts"), &asked);
    assert_eq!(asked["outcome"], "booked");
    assert_eq!(stage.purses(), json!({"credit_cents": [5000, 5000]}));
    let payout = format!("/api/v1/payouts/{}", asked["id"].as_str().unwrap());
    let approve = || stage.send("POST", &format!("{payout}/approvals"), &json!({"staff": Uuid::now_v7()}));
    assert_eq!(
        (&approve()["outcome"], legs(&approve())),
        (&json!("booked"), vec![("credit", "payable", 5000, "payout_approved")])
    );
    let paid = stage.send("POST", &format!("{payout}/payments"), &json!({"from": "bank"}));
    assert_eq!(legs(&paid), [("payable", "bank", 5000, "payout_paid")]);
    assert_eq!(stage.purses(), json!({}));
    stage.end();
}
