//! ZZG: points of 0.50 euro, saving, respite from savings, a shared buffer, bought points.
//!
//! A month of 31 days of a client of 5VV who lives in, at 241.15 euro a day, by `schemes/zzg.toml` (all fictitious):
//! gross 31 x 241.15 = 7475.65; overhead 27.25 % = 2037.11 (2037.114625); housing 11.5 % = 859.70 (859.69975);
//! reserve 5 % = 373.78 (373.7825), which is 747.56 points; buffer 2 % = 149.51 (149.513), which is 299.02 points;
//! budget 7475.65 - 2037.11 - 859.70 - 373.78 - 149.51 = 4055.55, which is 8111.10 points.
//! Points are in hundredths.

use chrono::{Datelike, Days, Utc};
use serde_json::{Value, json};

use crate::stage::{CLIENT, RESIDENT, Setting, Stage, days, january, legs};

const BUDGET: i64 = 811_110;
const RESERVE: i64 = 74_756;

fn computation() -> Value {
    json!({"unit": "EUR", "gross": 747_565, "deductions": [{"name": "overhead", "amount": 203_711}, {"name": "housing", "amount": 85_970}],
        "collective": 0, "reserve_part": 37_378, "buffer_part": 14_951, "budget_part": 405_555, "rounding": 0})
}

/// July and August of last year: two months of 31 days, neither of them the end of a year.
fn summer() -> (String, String) {
    let year = Utc::now().year() - 1;
    (format!("{year}-07"), format!("{year}-08"))
}

#[tokio::test]
async fn a_partner_saves_points_by_helping_and_spends_them_on_a_week_of_respite() {
    let stage = Stage::open(Setting::of("zzg", "100,00")).await;
    let (july, august) = summer();
    // 100.00 euro is 200 points a day; staff would ask 24.75 euro, 49.50 points, for each shower that the partner does
    stage.plan("begeleiding", "FREQ=DAILY;COUNT=31", &format!("{july}-01"));
    assert_eq!(stage.price("douchen")["points"], 4950);
    let by_partner = stage.agree("douchen", "family", "FREQ=DAILY;COUNT=31", &format!("{july}-01"));
    assert_eq!((&by_partner["price_cents"], &by_partner["units"]), (&json!(0), &json!(0)));
    stage.month("open", &july);
    assert_eq!(stage.shown(&july)["grants"][0]["computation"], computation());
    // held: 31 x 200.00 = 6200.00
    assert_eq!(stage.purses(), json!({"budget": [BUDGET, 620_000], "reserve": [RESERVE, 0]}));
    let closed = stage.month("close", &july);
    assert_eq!((&*closed["delivered"], &*closed["delivered at no cost"]), ("31", "31"));
    // saved: 8111.10 - 6200.00 = 1911.10; had staff done the showers, 31 x 49.50 = 1534.50 less
    let budget = json!({"opening": 0, "closing": 0, "grant": BUDGET, "sale": -620_000, "save": -191_110});
    let reserve = json!({"opening": 0, "closing": 0, "grant": RESERVE, "lapse": -RESERVE});
    let savings = json!({"opening": 0, "closing": 191_110, "save": 191_110});
    assert_eq!(stage.statement(&july), json!({"budget": budget, "reserve": reserve, "savings": savings}));

    // In August the partner rests in the last week: 7 x 125.00 euro, 250.00 points each, of respite. Before that there is as much other
    // care as the budget pays: 2 x 24 x 100.00 + 16 x 200.00 = 8000.00
    stage.plan("griepzorg", "FREQ=DAILY;COUNT=24", &format!("{august}-01"));
    stage.plan("griepzorg", "FREQ=DAILY;COUNT=24", &format!("{august}-01"));
    stage.plan("begeleiding", "FREQ=DAILY;COUNT=16", &format!("{august}-01"));
    let respite = stage.agree("respijt", "staff", "FREQ=DAILY;COUNT=7", &format!("{august}-25"));
    assert_eq!((&respite["price_cents"], &respite["units"]), (&json!(12_500), &json!(25_000)));
    assert_eq!(respite["consented_on"], Value::Null);
    assert_eq!(stage.consent(&respite, &format!("{august}-01")).status, 204);
    stage.month("open", &august);
    assert_eq!(stage.purses(), json!({"budget": [BUDGET, 800_000], "reserve": [RESERVE, 0], "savings": [191_110, 0]}));
    // as long as savings have not paid it, the respite counts: 7 x 250.00 = 1750.00 does not fit in what the budget may hold, 8111.10 -
    // 60.00; and 8000.00 + 1750.00 is 891.34 beyond budget and reserve, 8111.10 + 747.56
    let task = |kind: &str, amount: i64| (u64::from(CLIENT), kind.to_owned(), Some(amount));
    assert_eq!(stage.tasks(&august), [task("expected_overrun", 175_000), task("red", 89_134)]);
    stage.month("close", &august);
    // the first day of respite takes what the budget has left, 111.10, and 138.90 from savings; six more 250.00: 1638.90;
    // 1911.10 - 1638.90 = 272.20
    let budget = json!({"opening": 0, "closing": 0, "grant": BUDGET, "sale": -BUDGET});
    let savings = json!({"opening": 191_110, "closing": 27_220, "sale": -163_890});
    assert_eq!(stage.statement(&august), json!({"budget": budget, "reserve": reserve, "savings": savings}));
    let deliveries = stage.operations(&august, "delivery");
    let all: Vec<_> = deliveries.iter().flat_map(legs).collect();
    let from_savings: Vec<_> = all.iter().filter(|(from, ..)| *from == "savings").collect();
    let paid = |amount: i64| ("savings", "care_delivered", amount, "savings_consented");
    let [first, others @ ..] = &from_savings[..] else { panic!("nothing from savings: {all:?}") };
    assert_eq!((**first, others), (paid(13_890), &[&paid(25_000); 6][..]));
    assert!(!all.iter().any(|(from, ..)| *from == "care_overrun"));
    stage.end();
}

#[tokio::test]
async fn two_weeks_of_hospital_give_points_back() {
    let stage = Stage::open(Setting::of("zzg", "127,50")).await;
    let month = january();
    stage.plan("begeleiding", "FREQ=DAILY", &format!("{month}-01"));
    stage.month("open", &month);
    // 127.50 euro is 255 points: 31 x 255.00 = 7905.00
    assert_eq!(stage.purses(), json!({"budget": [BUDGET, 790_500], "reserve": [RESERVE, 0]}));
    // away from the 11th to the 24th: the day after leaving to the day before return
    let absence = json!({"kind": "medical", "left_on": format!("{month}-10"), "returned_on": format!("{month}-25")});
    let left = stage.send("POST", &Stage::at(CLIENT, "/absences"), &absence);
    assert_eq!(left, json!({"released": 14, "done": 0, "planned_again": 0}));
    // 14 x 255.00 = 3570.00 come back
    assert_eq!(stage.purses(), json!({"budget": [BUDGET, 790_500 - 357_000], "reserve": [RESERVE, 0]}));
    // and the month is funded as it was: medical absence of less than 91 days
    stage.month("correct", &month);
    let shown = stage.shown(&month);
    assert_eq!(shown["grants"].as_array().unwrap().len(), 1);
    assert_eq!((&shown["grants"][0]["funded_days"], &shown["grants"][0]["budget"]), (&json!(31), &json!(BUDGET)));
    assert_eq!(shown["planned"][0]["released"], days(11, 24));
    let production = stage.read(&format!("/api/v1/reports/production?from={month}&to={month}"));
    let declared = json!([{"month": month, "code": "F-5VV", "days": 31, "day_cents": 24_115, "amount_cents": 747_565}]);
    assert_eq!(production["rows"], declared);

    let closed = stage.month("close", &month);
    assert_eq!(closed["delivered"], "17");
    // left: 8111.10 - 17 x 255.00 = 3776.10, of which the scheme saves 3000.00 at most
    let budget =
        json!({"opening": 0, "closing": 0, "grant": BUDGET, "sale": -433_500, "save": -300_000, "lapse": -77_610});
    let reserve = json!({"opening": 0, "closing": 0, "grant": RESERVE, "lapse": -RESERVE});
    let savings = json!({"opening": 0, "closing": 300_000, "save": 300_000});
    assert_eq!(stage.statement(&month), json!({"budget": budget, "reserve": reserve, "savings": savings}));
    stage.end();
}

#[tokio::test]
async fn two_weeks_of_flu_are_borne_by_the_buffer_and_not_by_savings() {
    let residents = (0..5).map(|more| (CLIENT + more, RESIDENT.1, RESIDENT.2)).collect();
    let stage = Stage::open(Setting { residents, ..Setting::of("zzg", "100,00") }).await;
    let (july, august) = summer();
    for (verb, month) in [("open", &july), ("close", &july), ("open", &august)] {
        stage.month(verb, month);
    }
    // in July nothing was planned: of 8111.10 were saved 3000.00
    let before = json!({"budget": [BUDGET, 0], "reserve": [RESERVE, 0], "savings": [300_000, 0]});
    assert_eq!(stage.purses(), before);
    let today = Utc::now().date_naive();
    let draw = json!({"amount": 70_000, "from": today - Days::new(1), "until": today + Days::new(13)});
    assert_eq!(stage.send("POST", &Stage::at(CLIENT, "/buffer-draws"), &draw)["outcome"], "booked");

    // 14 days of care, each 50.00 euro = 100.00 points. Seven from the reserve, 700.00; of the eighth its last 47.56 and 52.44 from the
    // buffer; six more from the buffer: 652.44
    let from_reserve = |amount: i64| ("reserve", "care_delivered", amount, "unplanned");
    let from_buffer = |amount: i64| ("buffer", "care_delivered", amount, "approved_draw");
    for night in 1..=14 {
        let care = stage.note_care("griepzorg", 1);
        let wanted = match night {
            1..=7 => vec![from_reserve(10_000)],
            8 => vec![from_reserve(4_756), from_buffer(5_244)],
            _ => vec![from_buffer(10_000)],
        };
        assert_eq!(legs(&care), wanted, "night {night}");
    }
    assert_eq!(stage.purses(), json!({"budget": [BUDGET, 0], "savings": [300_000, 0]}));
    let draws = stage.read(&Stage::at(CLIENT, "/buffer-draws"));
    assert_eq!((&draws["draws"][0]["amount"], &draws["draws"][0]["used"]), (&json!(70_000), &json!(65_244)));
    // five clients, two months: 10 x 299.02 = 2990.20; less 652.44 = 2337.76
    let report = stage.read(&format!("/api/v1/reports/buffer?from={july}&to={august}"));
    let row = |month: &str, drawn: i64| json!({"month": month, "unit": "PNT", "contributed": 149_510, "corrected": 0, "drawn": drawn, "given_back": 0, "balance_now": 233_776});
    assert_eq!(report["rows"], json!([row(&july, 0), row(&august, 65_244)]));

    // what is left of the draw is 47.56: the next night takes it, and then the budget; savings are not asked
    let care = stage.note_care("griepzorg", 1);
    assert_eq!(legs(&care), [from_buffer(4_756), ("budget", "care_delivered", 5_244, "unplanned")]);
    assert_eq!(stage.purses(), json!({"budget": [BUDGET - 5_244, 0], "savings": [300_000, 0]}));
    stage.month("close", &august);
    // the savings are full: what is left of the budget lapses
    let savings = json!({"opening": 300_000, "closing": 300_000});
    assert_eq!(stage.statement(&august)["savings"], savings);
    stage.end();
}

#[tokio::test]
async fn bought_points_pay_a_hairdresser_and_are_refused_for_care() {
    let stage = Stage::open(Setting::of("zzg", "129,85")).await;
    let month = january();
    stage.plan("begeleiding", "FREQ=DAILY", &format!("{month}-01"));
    stage.month("open", &month);
    // own money: 80.00 euro came in, of which 50.00 bought 100.00 points
    stage.top_up(8000);
    let bought = stage.send("POST", &Stage::at(CLIENT, "/bought-points"), &json!({"points": 10_000}));
    assert_eq!((&bought["point_value_cents"], &bought["price_cents"]), (&json!(50), &json!(5000)));
    let paid = [("credit", "own_exchange", 5000, "points_bought"), ("own_exchange", "credit", 10_000, "points_bought")];
    assert_eq!((&bought["outcome"], legs(&bought)), (&json!("booked"), paid.to_vec()));
    // held: 129.85 euro is 259.70 points: 31 x 259.70 = 8050.70; free: 60.40
    let own = |points: i64| json!([points, 0]);
    assert_eq!(
        stage.purses(),
        json!({"budget": [BUDGET, 805_070], "reserve": [RESERVE, 0], "credit": own(10_000), "credit_cents": [3000, 0]})
    );

    // nine nights of 100.00 points: reserve 747.56, budget 60.40, and the organisation 92.04. Bought points stay.
    let care = stage.note_care("griepzorg", 9);
    let paid = [
        ("reserve", "care_delivered", RESERVE, "unplanned"),
        ("budget", "care_delivered", 6_040, "unplanned"),
        ("care_overrun", "care_delivered", 9_204, "never_refused"),
    ];
    assert_eq!((&care["outcome"], legs(&care)), (&json!("approved"), paid.to_vec()));
    assert_eq!(stage.purses(), json!({"budget": [805_070, 805_070], "credit": own(10_000), "credit_cents": [3000, 0]}));

    // the hairdresser: 25.00 euro is 50.00 points
    let card = stage.card(CLIENT);
    let answer = stage.tap(&card, &[("kapper", 1)]);
    assert_eq!(answer["outcome"], "approved");
    assert_eq!(legs(&answer), [("credit", "extra_sales", 5000, "own_money")]);
    // two more: 100.00 points, of which 50.00 are bought ones; own euros pay the other half of 50.00 euro
    let answer = stage.tap(&card, &[("kapper", 2)]);
    let paid = [("credit", "extra_sales", 5000, "own_money"), ("credit", "extra_sales", 2500, "own_money_share")];
    assert_eq!((&answer["outcome"], legs(&answer)), (&json!("approved"), paid.to_vec()));
    assert_eq!(stage.purses(), json!({"budget": [805_070, 805_070], "credit_cents": [500, 0]}));
    // care is never refused, and is never paid with own money
    let care = stage.note_care("griepzorg", 1);
    assert_eq!(legs(&care), [("care_overrun", "care_delivered", 10_000, "never_refused")]);
    stage.month("close", &month);
    assert_eq!(stage.purses(), json!({"credit_cents": [500, 0]}));
    stage.end();
}
