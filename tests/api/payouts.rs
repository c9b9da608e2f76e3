//! Own money on its way out over the API: asked, approved by two others, paid.

use chrono::{Days, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::integration::{Key, address};
use crate::own_money::{legs, outcome};
use crate::service::{Client, House, Serving};
use crate::wire::Reply;

struct Scene {
    house: House,
    client: Client,
    serving: Serving,
    /// For money, and nothing else.
    key: Key,
    reader: Key,
    /// Who works in the office.
    staff: [Uuid; 4],
}

impl Scene {
    async fn open(own_cents: i64) -> Scene {
        let house = House::open().await;
        house.sql("UPDATE organisation SET time_zone = 'UTC'").await;
        let client = house.client(3000, own_cents).await;
        let (key, reader) = (house.key(1, &["money:write"]), house.key(1, &["clients:read"]));
        Scene { serving: house.serve(), house, client, key, reader, staff: [(); 4].map(|()| Uuid::new_v4()) }
    }

    fn ask_as(&self, amount_cents: i64, staff: Uuid, id: Uuid) -> Reply {
        let body = json!({"amount_cents": amount_cents, "staff": staff});
        self.serving.send_as(&self.key, "POST", &format!("{}/payouts", address(&self.client)), &body, id)
    }

    /// Asked for by the first of the staff; its id.
    fn ask(&self, amount_cents: i64) -> Uuid {
        let id = Uuid::now_v7();
        let asked = self.ask_as(amount_cents, self.staff[0], id).decided();
        let held = json!([{"hold": id, "purse": "credit", "unit": "EUR", "amount": amount_cents}]);
        assert_eq!((outcome(&asked), &asked["id"], &asked["holds"]), ("booked", &json!(id), &held));
        id
    }

    fn step_as(&self, payout: Uuid, step: &str, body: &Value, id: Uuid) -> Reply {
        self.serving.send_as(&self.key, "POST", &format!("/api/v1/payouts/{payout}/{step}"), body, id)
    }

    fn approve(&self, payout: Uuid, staff: usize) -> Value {
        self.step_as(payout, "approvals", &json!({"staff": self.staff[staff]}), Uuid::now_v7()).decided()
    }

    fn pay(&self, payout: Uuid) -> Value {
        self.step_as(payout, "payments", &json!({"from": "bank"}), Uuid::now_v7()).decided()
    }

    fn withdraw(&self, payout: Uuid, staff: usize) -> Value {
        self.step_as(payout, "withdrawals", &json!({"staff": self.staff[staff]}), Uuid::now_v7()).decided()
    }

    fn list(&self, query: &str) -> Value {
        self.serving.read_by(&self.reader, &format!("/api/v1/payouts{query}")).decided()
    }

    fn shown(&self, payout: Uuid, cents: i64, status: &str, approved_by: &[usize]) -> Value {
        let approved_by: Vec<_> = approved_by.iter().map(|who| self.staff[*who]).collect();
        json!({"id": payout, "client": self.client.number, "amount_cents": cents, "status": status, "asked_by": self.staff[0],
            "asked_on": Utc::now().date_naive(), "approved_by": approved_by})
    }

    /// Balance, held and free of own euros.
    fn own(&self) -> [i64; 3] {
        let client = self.serving.read_by(&self.reader, &address(&self.client)).decided();
        let purse = client["purses"].as_array().unwrap().iter().find(|purse| purse["purse"] == "credit_cents").unwrap();
        ["balance", "held", "free"].map(|name| purse[name].as_i64().unwrap())
    }
}

#[tokio::test]
async fn own_money_of_who_left_is_paid_out_once_two_others_approved() {
    let scene = Scene::open(5000).await;
    scene.house.sql("UPDATE client SET arrived_on = current_date - 30").await;
    let leaving = json!({"last_day": Utc::now().date_naive() - Days::new(1)});
    let left = scene.serving.send_by(&scene.key, "POST", &format!("{}/leaving", address(&scene.client)), &leaving);
    assert_eq!(left.decided()["is_closed"], true);
    // own money is still there, and nothing goes in any more
    let top_up = json!({"amount_cents": 100, "from": "cash"});
    let late = scene.serving.send_by(&scene.key, "POST", &format!("{}/top-ups", address(&scene.client)), &top_up);
    assert_eq!((outcome(&late.decided()), scene.own()), ("wallet_closed", [5000, 0, 5000]));

    let much = scene.ask_as(5001, scene.staff[0], Uuid::now_v7()).decided();
    assert_eq!((outcome(&much), legs(&much)), ("insufficient_funds", vec![]));
    let payout = scene.ask(5000);
    assert_eq!(scene.own(), [5000, 5000, 0]);
    let page = |row: Value| json!({"payouts": [row], "next": null});
    assert_eq!(scene.list(""), page(scene.shown(payout, 5000, "asked", &[])));
    // not before two approved; not by who asked; nobody twice
    assert_eq!(outcome(&scene.pay(payout)), "payout_not_approved");
    assert_eq!(outcome(&scene.approve(payout, 0)), "same_person");
    let first = scene.approve(payout, 1);
    assert_eq!((outcome(&first), legs(&first), &first["reference"]), ("booked", vec![], &json!(payout)));
    assert_eq!(outcome(&scene.pay(payout)), "payout_not_approved");
    assert_eq!(outcome(&scene.approve(payout, 1)), "same_person");
    assert_eq!(outcome(&scene.approve(payout, 0)), "same_person");
    assert_eq!(scene.list(""), page(scene.shown(payout, 5000, "asked", &[1])));
    assert_eq!(scene.own(), [5000, 5000, 0]);
    let second = scene.approve(payout, 2);
    assert_eq!(legs(&second), [("credit", "payable", "EUR", 5000, "payout_approved")]);
    assert_eq!(second["holds"], json!([{"hold": payout, "purse": "credit", "unit": "EUR", "amount": -5000}]));
    assert_eq!(scene.own(), [0, 0, 0]);
    assert_eq!(scene.list(""), page(scene.shown(payout, 5000, "approved", &[1, 2])));
    assert_eq!(outcome(&scene.approve(payout, 3)), "payout_not_open");
    assert_eq!(outcome(&scene.withdraw(payout, 0)), "payout_not_open");

    let (id, from) = (Uuid::now_v7(), json!({"from": "bank"}));
    let paid = scene.step_as(payout, "payments", &from, id);
    assert_eq!(legs(&paid.decided()), [("payable", "bank", "EUR", 5000, "payout_paid")]);
    assert_eq!(scene.step_as(payout, "payments", &from, id).text(), paid.text());
    scene.step_as(payout, "payments", &json!({"from": "cash"}), id).is_problem(409, "id-reused");
    assert_eq!(outcome(&scene.pay(payout)), "payout_not_approved");
    assert_eq!(scene.list(""), json!({"payouts": [], "next": null}));
    let all = page(scene.shown(payout, 5000, "paid", &[1, 2]));
    assert_eq!(scene.list("?state=all"), all);
    let of_client = format!("{}/payouts", address(&scene.client));
    assert_eq!(scene.serving.read_by(&scene.reader, &of_client).decided(), all);
    let told = scene.house.run(&["verify"]);
    assert!(told.contains("everything fits"), "{told}");
    scene.house.verify().await;
}

#[tokio::test]
async fn a_payout_is_withdrawn_as_long_as_two_have_not_approved_it() {
    let scene = Scene::open(5000).await;
    let payout = scene.ask(4000);
    assert_eq!(scene.own(), [5000, 4000, 1000]);
    // what is set aside is not there for another
    let more = scene.ask_as(1001, scene.staff[1], Uuid::now_v7());
    assert_eq!(outcome(&more.decided()), "insufficient_funds");
    let declined: Uuid = more.decided()["id"].as_str().unwrap().parse().unwrap();
    for answer in [scene.approve(declined, 2), scene.withdraw(declined, 2), scene.pay(declined)] {
        assert_eq!(outcome(&answer), "payout_not_open");
    }
    assert_eq!(outcome(&scene.approve(payout, 1)), "booked");
    let withdrawn = scene.withdraw(payout, 0);
    let given_back = json!([{"hold": payout, "purse": "credit", "unit": "EUR", "amount": -4000}]);
    assert_eq!((outcome(&withdrawn), &withdrawn["holds"]), ("booked", &given_back));
    assert_eq!(scene.own(), [5000, 0, 5000]);
    for (answer, why) in [
        (scene.withdraw(payout, 0), "payout_not_open"),
        (scene.approve(payout, 2), "payout_not_open"),
        (scene.pay(payout), "payout_not_approved"),
    ] {
        assert_eq!(outcome(&answer), why);
    }
    let all = scene.list("?state=all");
    assert_eq!(all, json!({"payouts": [scene.shown(payout, 4000, "withdrawn", &[1])], "next": null}));
    scene.house.verify().await;
}

#[tokio::test]
async fn each_step_sent_again_is_answered_as_the_first_time_and_another_under_its_id_is_a_mistake() {
    let scene = Scene::open(5000).await;
    let [asker, one, two, _] = scene.staff;
    let payout = Uuid::now_v7();
    let asked = scene.ask_as(5000, asker, payout);
    assert_eq!(scene.ask_as(5000, asker, payout).text(), asked.text());
    scene.ask_as(4999, asker, payout).is_problem(409, "id-reused");
    scene.ask_as(5000, one, payout).is_problem(409, "id-reused");
    let (approval, by) = (Uuid::now_v7(), json!({"staff": one}));
    let approved = scene.step_as(payout, "approvals", &by, approval);
    assert_eq!(scene.step_as(payout, "approvals", &by, approval).text(), approved.text());
    // one person is one approval, whatever comes under its id
    for (step, body, id) in [
        ("approvals", json!({"staff": two}), approval),
        ("withdrawals", json!({"staff": one}), approval),
        ("payments", json!({"from": "bank"}), approval),
        ("approvals", json!({"staff": two}), payout),
    ] {
        scene.step_as(payout, step, &body, id).is_problem(409, "id-reused");
    }
    assert_eq!(scene.list("")["payouts"], json!([scene.shown(payout, 5000, "asked", &[1])]));
    // a decline too is answered the same, also when it would be none any more
    let early = Uuid::now_v7();
    let declined = scene.step_as(payout, "payments", &json!({"from": "cash"}), early);
    assert_eq!(outcome(&declined.decided()), "payout_not_approved");
    assert_eq!(outcome(&scene.approve(payout, 2)), "booked");
    assert_eq!(scene.step_as(payout, "payments", &json!({"from": "cash"}), early).text(), declined.text());
    assert_eq!(scene.own(), [0, 0, 0]);
    for (step, body) in [
        ("approvals", json!({})),
        ("approvals", json!({"staff": "x"})),
        ("approvals", json!({"staff": one, "from": "bank"})),
        ("payments", json!({"from": "card"})),
        ("payments", json!({"from": "bank", "staff": one})),
        ("withdrawals", json!([one])),
    ] {
        scene.step_as(payout, step, &body, Uuid::now_v7()).is_problem(422, "request-malformed");
    }
    scene.step_as(payout, "payments", &json!({"from": "cash"}), Uuid::new_v4()).is_problem(422, "request-malformed");
    for id in ["x", "0", &Uuid::new_v4().to_string()] {
        let target = format!("/api/v1/payouts/{id}/approvals");
        scene.serving.send_by(&scene.key, "POST", &target, &by).is_problem(400, "path-malformed");
    }
    let unknown = scene.step_as(Uuid::now_v7(), "approvals", &by, Uuid::now_v7());
    unknown.is_problem(404, "payout-unknown");
    // an approval is no payout
    scene.step_as(approval, "approvals", &by, Uuid::now_v7()).is_problem(404, "payout-unknown");
    scene.house.verify().await;
}

/// Sends requests at the same moment; how each ended, sorted.
fn at_once(scene: &Scene, payout: Uuid, step: &str, all: &[(Value, Uuid)]) -> Vec<String> {
    let start = &std::sync::Barrier::new(all.len());
    let mut ended: Vec<String> = std::thread::scope(|scope| {
        let asking: Vec<_> = all
            .iter()
            .map(|(body, id)| {
                scope.spawn(move || {
                    start.wait();
                    outcome(&scene.step_as(payout, step, body, *id).decided()).to_owned()
                })
            })
            .collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    ended.sort();
    ended
}

#[tokio::test]
async fn of_approvals_and_payments_at_the_same_moment_two_and_one_count() {
    let scene = Scene::open(5000).await;
    let each =
        |number: usize, body: &dyn Fn() -> Value| -> Vec<_> { (0..number).map(|_| (body(), Uuid::now_v7())).collect() };
    let payout = scene.ask(5000);
    // one person in six windows, and one request that is sent six times
    let by = scene.staff[1];
    let ended = at_once(&scene, payout, "approvals", &each(6, &|| json!({"staff": by})));
    assert_eq!(ended, [&["booked"][..], &["same_person"; 5]].concat());
    let same = vec![(json!({"staff": by}), Uuid::now_v7()); 6];
    assert_eq!(at_once(&scene, payout, "approvals", &same), ["same_person"; 6]);
    assert_eq!(scene.list("")["payouts"], json!([scene.shown(payout, 5000, "asked", &[1])]));
    // six others: one is enough
    let ended = at_once(&scene, payout, "approvals", &each(6, &|| json!({"staff": Uuid::new_v4()})));
    assert_eq!(ended, [&["booked"][..], &["payout_not_open"; 5]].concat());
    let ended = at_once(&scene, payout, "payments", &each(6, &|| json!({"from": "bank"})));
    assert_eq!(ended, [&["booked"][..], &["payout_not_approved"; 5]].concat());
    assert_eq!(scene.own(), [0, 0, 0]);
    // two of many, from the start
    scene.house.top_up(&scene.client, 700).await;
    let payout = scene.ask(700);
    let ended = at_once(&scene, payout, "approvals", &each(8, &|| json!({"staff": Uuid::new_v4()})));
    assert_eq!(ended, [&["booked"; 2][..], &["payout_not_open"; 6]].concat());
    let out = "SELECT string_agg(amount::text, ' ' ORDER BY batch) FROM ledger.transfer WHERE flow = 10";
    // 50.00 is owed, 50.00 is paid, 7.00 is owed
    assert_eq!(scene.house.text(out).await, "5000 5000 700");
    scene.house.verify().await;
}

#[tokio::test]
async fn payouts_are_listed_in_pages_and_of_the_own_organisation() {
    let scene = Scene::open(5000).await;
    let ids = [1000, 900, 800].map(|cents| scene.ask(cents));
    let rows: Vec<Value> =
        ids.iter().zip([1000, 900, 800]).map(|(id, cents)| scene.shown(*id, cents, "asked", &[])).collect();
    assert_eq!(scene.list("?limit=2"), json!({"payouts": rows[..2], "next": ids[1]}));
    assert_eq!(scene.list(&format!("?limit=2&after={}", ids[1])), json!({"payouts": rows[2..], "next": null}));
    assert_eq!(scene.list("?limit=3"), json!({"payouts": rows, "next": null}));
    assert_eq!(outcome(&scene.withdraw(ids[0], 0)), "booked");
    assert_eq!(scene.list("?limit=1"), json!({"payouts": rows[1..2], "next": ids[1]}));
    // the newest first, and those that are over too
    let of_client = scene.serving.read_by(&scene.reader, &format!("{}/payouts", address(&scene.client))).decided();
    let listed: Vec<_> =
        of_client["payouts"].as_array().unwrap().iter().map(|row| (&row["id"], &row["status"])).collect();
    let status = ["asked", "asked", "withdrawn"].map(Value::from);
    let wanted = [json!(ids[2]), json!(ids[1]), json!(ids[0])];
    assert_eq!(listed, wanted.iter().zip(&status).collect::<Vec<_>>());
    for query in ["?limit=0", "?limit=501", "?limit=x", "?state=paid", "?after=x", "?page=2", "?limit=1&limit=2"] {
        scene.serving.read_by(&scene.reader, &format!("/api/v1/payouts{query}")).is_problem(400, "path-malformed");
    }
    let stranger = scene.house.key(2, &["clients:read"]);
    let none = json!({"payouts": [], "next": null});
    assert_eq!(scene.serving.read_by(&stranger, "/api/v1/payouts?state=all").decided(), none);
    let of_client = format!("{}/payouts", address(&scene.client));
    scene.serving.read_by(&stranger, &of_client).is_problem(404, "client-unknown");
    // a client who was forgotten is none any more; what is owed stays
    scene.house.sql(&format!("DELETE FROM client WHERE wallet = {}", scene.client.wallet.field())).await;
    let first = &scene.list("?limit=1")["payouts"][0];
    assert_eq!((&first["id"], &first["client"]), (&json!(ids[1]), &Value::Null));
}

#[tokio::test]
async fn a_payout_of_another_organisation_does_not_exist_and_each_key_is_for_what_it_is_for() {
    let scene = Scene::open(5000).await;
    let other = scene.house.key(2, &["money:write"]);
    let payout = scene.ask(5000);
    let (approval, by) = (Uuid::now_v7(), json!({"staff": scene.staff[1]}));
    assert_eq!(outcome(&scene.step_as(payout, "approvals", &by, approval).decided()), "booked");
    let before = scene.house.books().await;
    for (step, body) in [("approvals", &by), ("withdrawals", &by), ("payments", &json!({"from": "bank"}))] {
        let target = format!("/api/v1/payouts/{payout}/{step}");
        // also under the id that it was booked with: the answer is nobody else's to read
        for id in [approval, Uuid::now_v7()] {
            let reply = scene.serving.send_as(&other, "POST", &target, body, id);
            reply.is_problem(404, "payout-unknown");
            assert!(!reply.text().contains("5000"), "{}", reply.text());
        }
        scene.serving.send_by(&scene.reader, "POST", &target, body).is_problem(403, "scope-missing");
    }
    let ask = json!({"amount_cents": 1, "staff": scene.staff[1]});
    let target = format!("{}/payouts", address(&scene.client));
    scene.serving.send_by(&other, "POST", &target, &ask).is_problem(404, "client-unknown");
    scene.serving.send_by(&scene.reader, "POST", &target, &ask).is_problem(403, "scope-missing");
    scene.serving.read_by(&scene.key, "/api/v1/payouts").is_problem(403, "scope-missing");
    scene.serving.read_by(&scene.key, &target).is_problem(403, "scope-missing");
    assert_eq!(scene.house.books().await, before);
    assert_eq!(scene.list("")["payouts"], json!([scene.shown(payout, 5000, "asked", &[1])]));
}
