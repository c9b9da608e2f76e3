//! Plans over the API: agreed, consented to, marked, dropped; clients who are away.

use chrono::{Days, NaiveDate, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::integration::{Key, address};
use crate::service::{COFFEE, Client, House, SHOWER, Serving};

const STAFF: &str = "01900000-0000-7000-8000-0000000000aa";

struct Scene {
    house: House,
    client: Client,
    serving: Serving,
    key: Key,
}

impl Scene {
    async fn open() -> Scene {
        let house = House::open().await;
        let client = house.client(5000, 0).await;
        house
            .sql(&format!(
                "UPDATE service SET function = 'verzorgende' WHERE id = '{SHOWER}';
                 INSERT INTO service_kind VALUES ('{SHOWER}', 1, 1), ('{COFFEE}', 1, 4);
                 INSERT INTO service_price VALUES ('{SHOWER}', 'verzorgende', '2024-01-01', 1800, 30, NULL, NULL), ('{COFFEE}', '', '2024-01-01', 250, NULL, NULL, NULL)"
            ))
            .await;
        let key = house.key(1, &["plans:read", "plans:write"]);
        Scene { serving: house.serve(), house, client, key }
    }

    fn at(&self, rest: &str) -> String {
        format!("{}/{rest}", address(&self.client))
    }

    fn line(&self, performer: &str) -> Value {
        json!({"service": SHOWER, "performer": performer, "recurrence": "FREQ=DAILY", "starts_at": format!("{}T09:00:00", today()), "duration_minutes": 30})
    }

    fn agree(&self, body: &Value) -> Value {
        self.serving.send_by(&self.key, "POST", &self.at("plan-lines"), body).decided()
    }

    fn lines(&self) -> Vec<Value> {
        self.serving.read_by(&self.key, &self.at("plan-lines")).decided()["lines"].as_array().unwrap().clone()
    }

    fn refuses(&self, rest: &str, body: &Value, status: u16, slug: &str) {
        let reply = self.serving.send_by(&self.key, "POST", &self.at(rest), body);
        assert!(reply.text().contains(slug), "{rest} {body}: {} {}", reply.status, reply.text());
        reply.is_problem(status, slug);
    }
}

fn today() -> NaiveDate {
    Utc::now().date_naive()
}

#[tokio::test]
async fn a_line_is_agreed_at_the_catalogues_price_and_planned_once_consent_is_signed() {
    let scene = Scene::open().await;
    let id = Uuid::now_v7();
    let body = scene.line("staff");
    let target = scene.at("plan-lines");
    let agreed = scene.serving.send_as(&scene.key, "POST", &target, &body, id).decided();
    assert_eq!(crate::card::uuid(&agreed["id"]).as_u128(), id.as_u128() & !0xffff);
    assert_eq!(
        (&agreed["price_cents"], &agreed["kind"], &agreed["function"], &agreed["consented_on"]),
        (&json!(1800), &json!("care"), &json!("verzorgende"), &Value::Null)
    );
    // sent again it is the same line; another one under its id is a mistake
    assert_eq!(scene.serving.send_as(&scene.key, "POST", &target, &body, id).decided(), agreed);
    let mut other = body.clone();
    other["duration_minutes"] = json!(45);
    scene.serving.send_as(&scene.key, "POST", &target, &other, id).is_problem(409, "plan-conflict");
    assert_eq!(scene.lines(), std::slice::from_ref(&agreed));

    let line = format!("plan-lines/{}", agreed["id"].as_str().unwrap());
    let consent = json!({"price_shown_cents": 1800, "units_shown": 1800, "alternatives_asked": true, "signed_on": today(), "recorded_by": STAFF});
    let with = |name: &str, value: Value| {
        let mut body = consent.clone();
        body[name] = value;
        body
    };
    for (name, value, status, slug) in [
        ("price_shown_cents", json!(1700), 422, "plan-refused"),
        ("units_shown", json!(1), 422, "plan-refused"),
        ("alternatives_asked", json!(false), 422, "plan-refused"),
        ("representative", json!(Uuid::now_v7()), 422, "plan-refused"),
        ("signed_on", json!(today() + Days::new(2)), 422, "request-malformed"),
    ] {
        scene.refuses(&format!("{line}/consent"), &with(name, value), status, slug);
    }
    assert_eq!(scene.lines()[0]["consented_on"], Value::Null);
    for _ in 0..2 {
        let reply = scene.serving.send_by(&scene.key, "POST", &scene.at(&format!("{line}/consent")), &consent);
        assert_eq!((reply.status, reply.body.len()), (204, 0), "{}", reply.text());
    }
    assert_eq!(scene.lines()[0]["consented_on"], json!(today()));
    scene.refuses(&format!("{line}/consent"), &with("recorded_by", json!(Uuid::now_v7())), 409, "plan-conflict");
    for unknown in [Uuid::now_v7().to_string(), "01900000-0000-7000-8000-000000990000".to_owned()] {
        scene.refuses(&format!("plan-lines/{unknown}/consent"), &consent, 404, "plan-line-unknown");
    }
    scene.refuses("plan-lines/x/consent", &consent, 400, "path-malformed");
}

#[tokio::test]
async fn what_a_rule_of_plans_forbids_is_refused_and_told_apart_from_what_cannot_be_understood() {
    let scene = Scene::open().await;
    let with = |name: &str, value: Value| {
        let mut body = scene.line("staff");
        body[name] = value;
        body
    };
    for (name, value, status, slug) in [
        ("recurrence", json!("FREQ=SECONDLY"), 422, "request-malformed"),
        ("recurrence", json!("FREQ=DAILY\nRDATE:20260101"), 422, "request-malformed"),
        ("recurrence", json!(""), 422, "request-malformed"),
        ("duration_minutes", json!(0), 422, "request-malformed"),
        ("duration_minutes", json!(1441), 422, "request-malformed"),
        ("staff_count", json!(21), 422, "request-malformed"),
        ("group_size", json!(0), 422, "request-malformed"),
        ("starts_at", json!("2026-02-30T09:00:00"), 422, "request-malformed"),
        ("starts_at", json!("2026-03-01T09:00:00Z"), 422, "request-malformed"),
        ("performer", json!("robot"), 422, "request-malformed"),
        ("waiver_reason", json!("\u{7}"), 422, "request-malformed"),
        ("service", json!(Uuid::now_v7()), 404, "reference-unknown"),
        ("function", json!("directeur"), 422, "plan-refused"),
        // an extra that was not published
        ("service", json!(COFFEE), 422, "plan-refused"),
    ] {
        scene.refuses("plan-lines", &with(name, value), status, slug);
    }
    assert_eq!(scene.lines(), Vec::<Value>::new());
    // what family does costs nothing; a waiver is listed with its price
    assert_eq!(scene.agree(&scene.line("family"))["price_cents"], 0);
    let waived = scene.agree(&with("waiver_reason", json!("Geen geld deze maand.")));
    assert_eq!((&waived["price_cents"], &waived["waived_cents"]), (&json!(0), &json!(1800)));
}

#[tokio::test]
async fn days_are_marked_and_a_line_is_dropped_once_the_consequences_were_explained() {
    let scene = Scene::open().await;
    let agreed = scene.agree(&scene.line("family"));
    let line = format!("plan-lines/{}", agreed["id"].as_str().unwrap());
    let tomorrow = today() + Days::new(1);
    let mark = |mark: &str, reason: Value| json!({"day": tomorrow, "mark": mark, "reason": reason, "by": STAFF});
    let marks = format!("{line}/marks");
    scene.refuses(&marks, &mark("not_delivered", Value::Null), 422, "request-malformed");
    scene.refuses(&marks, &mark("corrected", Value::Null), 422, "request-malformed");
    let mut never = mark("refused", Value::Null);
    never["day"] = json!(today() - Days::new(3));
    scene.refuses(&marks, &never, 404, "reference-unknown");
    for _ in 0..2 {
        let reply = scene.serving.send_by(&scene.key, "POST", &scene.at(&marks), &mark("refused", Value::Null));
        assert_eq!(reply.decided(), json!({"released": 0, "done": 0, "planned_again": 0}));
    }
    scene.refuses(&marks, &mark("absent", Value::Null), 409, "plan-conflict");

    let dropped = json!({"from": tomorrow, "reason": "Dochter doet het niet meer.", "consequences_explained_by": STAFF, "consequences_explained_on": today()});
    let mut early = dropped.clone();
    early["from"] = json!(today() - Days::new(1));
    scene.refuses(&format!("{line}/drop"), &early, 422, "plan-refused");
    for _ in 0..2 {
        assert_eq!(scene.serving.send_by(&scene.key, "POST", &scene.at(&format!("{line}/drop")), &dropped).status, 200);
    }
    let mut other = dropped.clone();
    other["reason"] = json!("Anders.");
    scene.refuses(&format!("{line}/drop"), &other, 409, "plan-conflict");
    assert_eq!(
        (&scene.lines()[0]["dropped_from"], &scene.lines()[0]["drop_reason"]),
        (&json!(tomorrow), &dropped["reason"])
    );
    let later = scene.serving.read_by(&scene.key, &scene.at(&format!("plan-lines?day={tomorrow}"))).decided();
    assert_eq!(later["lines"], json!([]));
}

#[tokio::test]
async fn a_client_who_leaves_and_returns_is_away_in_between() {
    let scene = Scene::open().await;
    let target = scene.at("absences");
    let id = Uuid::now_v7();
    let leave = json!({"kind": "medical", "left_on": today() - Days::new(5)});
    let left = scene.serving.send_as(&scene.key, "POST", &target, &leave, id);
    assert_eq!(left.decided(), json!({"released": 0, "done": 0, "planned_again": 0}));
    assert_eq!(scene.serving.send_as(&scene.key, "POST", &target, &leave, id).text(), left.text());
    scene.refuses("absences", &leave, 422, "plan-refused");
    let change = |body: Value| scene.serving.send_by(&scene.key, "POST", &format!("{target}/{id}"), &body);
    assert_eq!(change(json!({"permitted_until": today() + Days::new(90)})).status, 200);
    assert_eq!(change(json!({"returned_on": today()})).status, 200);
    change(json!({"returned_on": today() - Days::new(1)})).is_problem(409, "plan-conflict");
    for body in [
        json!({}),
        json!({"returned_on": today(), "withdrawn": true}),
        json!({"withdrawn": false}),
        json!({"withdrawn": null}),
        json!({"returned_on": today() - Days::new(9)}),
        json!({"returned_on": "x"}),
        json!("withdrawn"),
    ] {
        change(body).is_problem(422, "request-malformed");
    }
    let stored = scene
        .house
        .text("SELECT format('%s %s %s %s', kind, left_on, returned_on, permitted_until) FROM absence")
        .await;
    assert_eq!(stored, format!("1 {} {} {}", today() - Days::new(5), today(), today() + Days::new(90)));
    assert_eq!(change(json!({"withdrawn": true})).status, 200);
    change(json!({"returned_on": today()})).is_problem(409, "plan-conflict");
    scene.refuses(&format!("absences/{}", Uuid::now_v7()), &json!({"withdrawn": true}), 404, "reference-unknown");
    scene.refuses(
        "absences",
        &json!({"kind": "medical", "left_on": today(), "returned_on": today() - Days::new(1)}),
        422,
        "request-malformed",
    );
}

#[tokio::test]
async fn reviews_and_meetings_are_recorded_once_and_a_review_ends_its_task() {
    let scene = Scene::open().await;
    let wallet = scene.client.wallet.field();
    scene
        .house
        .sql(&format!("INSERT INTO task (organisation, wallet, month, kind) VALUES (1, {wallet}, '2026-04-01', 6)"))
        .await;
    let review = json!({"held_on": today(), "held_by": STAFF});
    assert_eq!(scene.serving.send_by(&scene.key, "POST", &scene.at("plan-reviews"), &review).status, 204);
    assert_eq!(scene.house.text("SELECT count(*)::text FROM task WHERE done_at IS NULL").await, "0");
    scene.refuses(
        "plan-reviews",
        &json!({"held_on": today() + Days::new(2), "held_by": STAFF}),
        422,
        "request-malformed",
    );
    let meeting = json!({"held_on": today(), "present": "dochter, begeleider", "agreed": "Dochter wandelt op zondag."});
    let id = Uuid::now_v7();
    let target = scene.at("network-meetings");
    for _ in 0..2 {
        assert_eq!(scene.serving.send_as(&scene.key, "POST", &target, &meeting, id).status, 204);
    }
    scene.refuses("network-meetings", &meeting, 409, "plan-conflict");
    // a line names the meeting that it was agreed in
    let mut line = scene.line("family");
    line["meeting"] = json!(id);
    assert_eq!(scene.agree(&line)["meeting"], json!(id));
}

#[tokio::test]
async fn where_a_scheme_shows_no_euro_consent_needs_none() {
    let scene = Scene::open().await;
    let wallet = scene.client.wallet.field();
    let agree = || {
        let agreed = scene.agree(&scene.line("staff"));
        (format!("plan-lines/{}/consent", agreed["id"].as_str().unwrap()), agreed)
    };
    let consent = |cents: Value, units: i64| json!({"price_shown_cents": cents, "units_shown": units, "alternatives_asked": true, "signed_on": today(), "recorded_by": STAFF});
    let (in_euros, _) = agree();
    scene.refuses(&in_euros, &consent(Value::Null, 1800), 422, "plan-refused");
    scene
        .house
        .sql(&format!(
            "INSERT INTO scheme (organisation, name, version, unit, unplanned, extras_from_budget, extras_from_savings, care_from_savings)
                 VALUES (1, 'minuten', 1, 2, 1, false, false, 0);
             UPDATE wallet SET unit = 2, budget = 0, scheme = (SELECT id FROM scheme WHERE name = 'minuten') WHERE id = {wallet}"
        ))
        .await;
    let (in_minutes, agreed) = agree();
    assert_eq!((agreed.get("price_cents"), &agreed["units"]), (None, &json!(30)), "this key sees no euro");
    scene.refuses(&in_minutes, &consent(Value::Null, 1800), 422, "plan-refused");
    scene.refuses(&in_minutes, &consent(json!(30), 30), 422, "plan-refused");
    let mut shown = consent(Value::Null, 30);
    shown.as_object_mut().unwrap().remove("price_shown_cents");
    for body in [&shown, &consent(Value::Null, 30)] {
        let reply = scene.serving.send_by(&scene.key, "POST", &scene.at(&in_minutes), body);
        assert_eq!(reply.status, 204, "{}", reply.text());
    }
    scene.refuses(&in_minutes, &consent(json!(1800), 30), 409, "plan-conflict");
    let stored = "SELECT format('%s %s', coalesce(price_shown_cents::text, 'none'), units_shown) FROM plan_consent";
    assert_eq!(scene.house.text(stored).await, "none 30");
    // what has no price in minutes is paid from own money, and that is shown in any scheme
    scene.house.sql("UPDATE service SET council_agreed_on = '2024-01-01', published_on = '2024-01-01'").await;
    let mut coffee = scene.line("staff");
    coffee["service"] = json!(COFFEE);
    let agreed = scene.agree(&coffee);
    assert_eq!((&agreed["price_cents"], &agreed["units"]), (&json!(250), &Value::Null));
    let target = format!("plan-lines/{}/consent", agreed["id"].as_str().unwrap());
    let mut shown = consent(json!(250), 0);
    shown["units_shown"] = Value::Null;
    let unseen = json!({"alternatives_asked": true, "signed_on": today(), "recorded_by": STAFF});
    scene.refuses(&target, &unseen, 422, "plan-refused");
    assert_eq!(scene.serving.send_by(&scene.key, "POST", &scene.at(&target), &shown).status, 204);
}

impl Scene {
    fn list(&self, rest: &str) -> Value {
        let reader = self.house.key(1, &["plans:read"]);
        self.serving.read_by(&reader, &self.at(rest)).decided()
    }

    fn list_refused(&self, rest: &str) {
        self.serving.read_by(&self.key, &self.at(rest)).is_problem(400, "path-malformed");
    }
}

#[tokio::test]
async fn absences_are_listed_with_what_became_of_them() {
    let scene = Scene::open().await;
    let (target, ids) = (scene.at("absences"), [(); 3].map(|()| Uuid::now_v7()));
    assert_eq!(scene.list("absences"), json!({"absences": [], "next": null}));
    let ago = |days: u64| today() - Days::new(days);
    for (id, body) in ids.iter().zip([
        json!({"kind": "medical", "left_on": ago(90), "returned_on": ago(80)}),
        json!({"kind": "holiday", "left_on": ago(40), "returned_on": ago(30)}),
        json!({"kind": "medical", "left_on": ago(3)}),
    ]) {
        assert_eq!(scene.serving.send_as(&scene.key, "POST", &target, &body, *id).status, 200);
    }
    let change = |place: usize, body: Value| {
        let reply = scene.serving.send_by(&scene.key, "POST", &format!("{target}/{}", ids[place]), &body);
        assert_eq!(reply.status, 200, "{}", reply.text());
    };
    change(1, json!({"withdrawn": true}));
    change(2, json!({"permitted_until": today()}));
    let absence = |place: usize, kind: &str, left: u64, returned: Option<u64>, permitted: Option<NaiveDate>| {
        json!({"id": ids[place], "kind": kind, "left_on": ago(left), "returned_on": returned.map(ago), "permitted_until": permitted,
            "told_on": today(), "is_withdrawn": place == 1})
    };
    let all = [
        absence(0, "medical", 90, Some(80), None),
        absence(1, "holiday", 40, Some(30), None),
        absence(2, "medical", 3, None, Some(today())),
    ];
    assert_eq!(scene.list("absences"), json!({"absences": all, "next": null}));
    assert_eq!(scene.list("absences?limit=2"), json!({"absences": all[..2], "next": ids[1]}));
    let rest = format!("absences?limit=2&after={}", ids[1]);
    assert_eq!(scene.list(&rest), json!({"absences": all[2..], "next": null}));
    for wrong in ["absences?limit=0", "absences?limit=501", "absences?after=x", "absences?day=2026-01-01"] {
        scene.list_refused(wrong);
    }
}

#[tokio::test]
async fn reviews_are_listed_with_the_day_on_which_the_next_is_due() {
    let scene = Scene::open().await;
    let due = || {
        let listed = scene.list("plan-reviews");
        (listed["due_on"].clone(), listed["is_due"].clone())
    };
    let ago = |days: u64| today() - Days::new(days);
    let arrive = async |day: NaiveDate| scene.house.sql(&format!("UPDATE client SET arrived_on = '{day}'")).await;
    assert_eq!(scene.list("plan-reviews"), json!({"reviews": [], "next": null, "due_on": null, "is_due": false}));
    arrive(ago(41)).await;
    assert_eq!(due(), (json!(today() + Days::new(1)), json!(false)));
    arrive(ago(42)).await;
    assert_eq!(due(), (json!(today()), json!(true)));
    for days in [43, 1, 20] {
        let review = json!({"held_on": ago(days), "held_by": STAFF});
        assert_eq!(scene.serving.send_by(&scene.key, "POST", &scene.at("plan-reviews"), &review).status, 204);
    }
    // half a year after the last; one of before the client came does not count
    let half_a_year = chrono::Months::new(6);
    assert_eq!(due(), (json!(ago(1).checked_add_months(half_a_year).unwrap()), json!(false)));
    let review = |days: u64| json!({"held_on": ago(days), "held_by": STAFF});
    let all = [review(43), review(20), review(1)];
    assert_eq!(scene.list("plan-reviews")["reviews"], json!(all));
    let page = scene.list("plan-reviews?limit=2");
    assert_eq!((&page["reviews"], &page["next"]), (&json!(all[..2]), &json!(ago(20))));
    let page = scene.list(&format!("plan-reviews?limit=2&after={}", ago(20)));
    assert_eq!((&page["reviews"], &page["next"]), (&json!(all[2..]), &Value::Null));
    arrive(today()).await;
    assert_eq!(due(), (json!(today() + Days::new(42)), json!(false)));
    scene.house.sql("UPDATE client SET left_on = arrived_on").await;
    assert_eq!(due(), (Value::Null, json!(false)));
    for wrong in
        ["plan-reviews?after=x", "plan-reviews?after=-9999-01-01", "plan-reviews?limit=0", "plan-lines?day=-9999-01-01"]
    {
        scene.list_refused(wrong);
    }
}

#[tokio::test]
async fn meetings_are_listed_with_what_was_agreed_in_them() {
    let scene = Scene::open().await;
    assert_eq!(scene.list("network-meetings"), json!({"meetings": [], "next": null}));
    let mut all = Vec::new();
    for days in [3, 2, 1] {
        let id = Uuid::now_v7();
        let mut meeting = json!({"held_on": today() - Days::new(days), "present": "dochter, begeleider", "agreed": format!("Punt {days}.")});
        assert_eq!(scene.serving.send_as(&scene.key, "POST", &scene.at("network-meetings"), &meeting, id).status, 204);
        meeting["id"] = json!(id);
        all.push(meeting);
    }
    assert_eq!(scene.list("network-meetings"), json!({"meetings": all, "next": null}));
    let middle = today() - Days::new(2);
    assert_eq!(scene.list("network-meetings?limit=2"), json!({"meetings": all[..2], "next": middle}));
    assert_eq!(scene.list(&format!("network-meetings?after={middle}")), json!({"meetings": all[2..], "next": null}));
    scene.list_refused("network-meetings?after=2201-01-01");
}
