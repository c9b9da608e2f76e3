//! Own money over the API: it comes in, is taken back, buys points at the one published value and is paid back at the price paid.

use chrono::Utc;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::integration::{Key, address};
use crate::service::{Client, House, RESTAURANT, Serving, WINE};

const ZZG: &str = include_str!("../../schemes/zzg.toml");

/// Who paid what to whom, and why.
pub fn legs(answer: &Value) -> Vec<(&str, &str, &str, i64, &str)> {
    let legs = answer["legs"].as_array().map(Vec::as_slice).unwrap_or_default().iter();
    legs.map(|leg| {
        let word = |name: &str| leg[name].as_str().unwrap();
        (word("from"), word("to"), word("unit"), leg["amount"].as_i64().unwrap(), word("why"))
    })
    .collect()
}

/// Done, or why not.
pub fn outcome(answer: &Value) -> &str {
    let reason = answer["reason"].as_str();
    assert_eq!(answer["outcome"] == "declined", reason.is_some(), "{answer}");
    reason.unwrap_or_else(|| answer["outcome"].as_str().unwrap())
}

struct Scene {
    house: House,
    client: Client,
    serving: Serving,
    /// For money, and nothing else.
    key: Key,
    reader: Key,
}

impl Scene {
    async fn open(budget_cents: i64, own_cents: i64) -> Scene {
        let house = House::open().await;
        let client = house.client(budget_cents, own_cents).await;
        let (key, reader) = (house.key(1, &["money:write"]), house.key(1, &["clients:read"]));
        Scene { serving: house.serve(), house, client, key, reader }
    }

    fn at(&self, rest: &str) -> String {
        format!("{}/{rest}", address(&self.client))
    }

    fn send(&self, rest: &str, body: &Value) -> Value {
        self.serving.send_by(&self.key, "POST", &self.at(rest), body).decided()
    }

    /// Own money: bought points and euros.
    fn own(&self) -> (i64, i64) {
        let client = self.serving.read_by(&self.reader, &address(&self.client)).decided();
        let purse = |name: &str| {
            let purses = client["purses"].as_array().unwrap().iter();
            purses.filter(|purse| purse["purse"] == name).map(|purse| purse["balance"].as_i64().unwrap()).sum()
        };
        (purse("credit"), purse("credit_cents"))
    }

    /// The client's scheme counts in points of 0.50 euro. What is answered holds back the months' keeper, so that nothing but
    /// what the test asks is booked.
    async fn in_points(&self) -> AsyncPgConnection {
        let mut keeper = self.house.test.owner().await;
        keeper.batch_execute("SELECT pg_advisory_lock(7215211, 1)").await.unwrap();
        self.adopt(ZZG, "2020-01");
        self.house
            .sql("UPDATE wallet SET scheme = (SELECT id FROM scheme WHERE name = 'zzg'), unit = 3 WHERE id >> 32 = 1")
            .await;
        keeper
    }

    fn adopt(&self, scheme: &str, from: &str) {
        let file = self.house.path(&format!("{}.toml", Uuid::new_v4().simple()));
        std::fs::write(&file, scheme).unwrap();
        self.house.run(&["scheme", "adopt", file.to_str().unwrap(), "--organisation", "1", "--from", from]);
    }
}

#[tokio::test]
async fn own_money_comes_in_and_is_taken_back_to_where_it_came_from() {
    let scene = Scene::open(300, 0).await;
    let (serving, key, top_ups) = (&scene.serving, &scene.key, scene.at("top-ups"));
    let (id, came_in) = (Uuid::now_v7(), json!({"amount_cents": 5000, "from": "bank"}));
    let first = serving.send_as(key, "POST", &top_ups, &came_in, id);
    let booked = first.decided();
    assert_eq!((&booked["id"], &booked["operation"], outcome(&booked)), (&json!(id), &json!("top_up"), "booked"));
    assert_eq!(legs(&booked), [("bank", "credit", "EUR", 5000, "topped_up")]);
    // sent again it is the same; with another amount or from elsewhere it is a mistake
    assert_eq!(serving.send_as(key, "POST", &top_ups, &came_in, id).text(), first.text());
    for other in [json!({"amount_cents": 5001, "from": "bank"}), json!({"amount_cents": 5000, "from": "cash"})] {
        serving.send_as(key, "POST", &top_ups, &other, id).is_problem(409, "id-reused");
    }
    let cash = scene.send("top-ups", &json!({"amount_cents": 1250, "from": "cash"}));
    assert_eq!(legs(&cash), [("cash", "credit", "EUR", 1250, "topped_up")]);
    assert_eq!(scene.house.purses(&scene.client).await, [300, 6250]);

    // 15.00 of it is taken back; what is more than is left of it is not
    let reversals = format!("top-ups/{id}/reversals");
    let (reversal, amount) = (Uuid::now_v7(), json!({"amount_cents": 1500}));
    let first = serving.send_as(key, "POST", &scene.at(&reversals), &amount, reversal);
    assert_eq!(first.decided()["reference"], json!(id));
    assert_eq!(legs(&first.decided()), [("credit", "bank", "EUR", 1500, "top_up_reversed")]);
    assert_eq!(serving.send_as(key, "POST", &scene.at(&reversals), &amount, reversal).text(), first.text());
    let other = json!({"amount_cents": 1501});
    serving.send_as(key, "POST", &scene.at(&reversals), &other, reversal).is_problem(409, "id-reused");
    assert_eq!(outcome(&scene.send(&reversals, &json!({"amount_cents": 3501}))), "more_than_topped_up");
    assert_eq!(scene.house.purses(&scene.client).await, [300, 4750]);

    // a glass of wine of 3.10 is drunk: of the cash that is taken back then, as much is owed
    let (card, till) = (scene.house.card(&scene.client), scene.house.terminal(RESTAURANT));
    assert_eq!(serving.sell(&till, &card.tap(&till, &[(WINE, 1)]).sale()).decided()["outcome"], "approved");
    let back = scene.send(&reversals, &json!({"amount_cents": 3500}));
    assert_eq!(legs(&back), [("credit", "bank", "EUR", 3500, "top_up_reversed")]);
    let cash = format!("top-ups/{}/reversals", cash["id"].as_str().unwrap());
    let back = scene.send(&cash, &json!({"amount_cents": 1250}));
    let wanted =
        [("credit", "cash", "EUR", 940, "top_up_reversed"), ("receivable", "cash", "EUR", 310, "spent_already")];
    assert_eq!(legs(&back), wanted);
    assert_eq!(scene.house.purses(&scene.client).await, [300, 0]);
    scene.house.verify().await;
}

#[tokio::test]
async fn what_no_amount_or_id_can_be_is_told_so_and_books_nothing() {
    let scene = Scene::open(300, 5000).await;
    let _keeper = scene.in_points().await;
    let (serving, key) = (&scene.serving, &scene.key);
    let top_up = scene.send("top-ups", &json!({"amount_cents": 100, "from": "bank"}));
    let bought = scene.send("bought-points", &json!({"points": 200}));
    let before = scene.house.books().await;
    let reversals = format!("top-ups/{}/reversals", top_up["id"].as_str().unwrap());
    let returns = format!("bought-points/{}/returns", bought["id"].as_str().unwrap());
    for (rest, field, right) in [
        ("top-ups", "amount_cents", json!({"amount_cents": 1, "from": "bank"})),
        (&*reversals, "amount_cents", json!({"amount_cents": 1})),
        ("bought-points", "points", json!({"points": 1})),
        (&*returns, "points", json!({"points": 1})),
        ("payouts", "amount_cents", json!({"amount_cents": 1, "staff": Uuid::nil()})),
    ] {
        for minor in [json!(0), json!(-1), json!(1_000_000_000_001_i64), json!(i64::MAX), json!(i64::MIN)] {
            let mut wrong = right.clone();
            wrong[field] = minor.clone();
            let reply = serving.send_by(key, "POST", &scene.at(rest), &wrong);
            reply.is_problem(422, "request-malformed");
            let says = format!("{field}: a whole number from 1 to 1000000000000");
            assert!(reply.text().contains(&says), "{rest} {minor}: {}", reply.text());
        }
        for minor in [json!(1.5), json!("1"), json!(1e30), Value::Null, json!(u64::MAX)] {
            let mut wrong = right.clone();
            wrong[field] = minor.clone();
            let reply = serving.send_by(key, "POST", &scene.at(rest), &wrong);
            reply.is_problem(422, "request-malformed");
            assert!(reply.text().contains(field), "{rest} {minor}: {}", reply.text());
        }
        // nothing but what is asked, the published value least of all
        for more in ["value_cents", "point_value_cents", "id", "wallet"] {
            let mut wrong = right.clone();
            wrong[more] = json!(40);
            serving.send_by(key, "POST", &scene.at(rest), &wrong).is_problem(422, "request-malformed");
        }
        let no_version_7 = serving.send_as(key, "POST", &scene.at(rest), &right, Uuid::new_v4());
        no_version_7.is_problem(422, "request-malformed");
    }
    for from in [json!("card"), json!("Bank"), Value::Null, json!(1)] {
        let wrong = json!({"amount_cents": 1, "from": from});
        serving.send_by(key, "POST", &scene.at("top-ups"), &wrong).is_problem(422, "request-malformed");
    }
    // what is taken back must be named, and be what the route takes back
    let (one, point) = (json!({"amount_cents": 1}), json!({"points": 1}));
    let (of, by) = (|answer: &Value| answer["id"].as_str().unwrap().to_owned(), Uuid::now_v7().to_string());
    for (rest, body, status, slug) in [
        (format!("top-ups/{by}/reversals"), &one, 404, "reference-unknown"),
        (format!("top-ups/{}/reversals", of(&bought)), &one, 404, "reference-unknown"),
        (format!("bought-points/{}/returns", of(&top_up)), &point, 404, "reference-unknown"),
        (format!("bought-points/{by}/returns"), &point, 404, "reference-unknown"),
        ("top-ups/x/reversals".to_owned(), &one, 400, "path-malformed"),
        (format!("bought-points/{}/returns", Uuid::new_v4()), &point, 400, "path-malformed"),
    ] {
        serving.send_by(key, "POST", &scene.at(&rest), body).is_problem(status, slug);
    }
    assert_eq!(scene.house.books().await, before);
    // 10 billion euro are as much as a purse holds
    let most = json!({"amount_cents": 1_000_000_000_000_i64, "from": "bank"});
    let reply = serving.send_by(key, "POST", &scene.at("top-ups"), &most);
    reply.is_problem(422, "request-malformed");
    assert!(reply.text().contains("the purse would hold more than 1000000000000"), "{}", reply.text());
    assert_eq!(scene.house.books().await, before);
    assert_eq!(scene.own(), (200, 5000));
}

#[tokio::test]
async fn points_are_bought_at_the_published_value_and_paid_back_at_the_price_paid() {
    let scene = Scene::open(0, 8000).await;
    let _keeper = scene.in_points().await;
    let (serving, key, to_buy) = (&scene.serving, &scene.key, scene.at("bought-points"));
    // 100.01 points of 0.50 euro: 50.005, rounded up to 50.01
    let (id, wanted) = (Uuid::now_v7(), json!({"points": 10_001}));
    let first = serving.send_as(key, "POST", &to_buy, &wanted, id);
    let bought = first.decided();
    assert_eq!((outcome(&bought), &bought["operation"], &bought["id"]), ("booked", &json!("exchange"), &json!(id)));
    let told = |answer: &Value| json!([answer["points"], answer["point_value_cents"], answer["price_cents"]]);
    assert_eq!(told(&bought), json!([10_001, 50, 5001]));
    let both = [
        ("credit", "own_exchange", "EUR", 5001, "points_bought"),
        ("own_exchange", "credit", "PNT", 10_001, "points_bought"),
    ];
    assert_eq!(legs(&bought), both);
    assert_eq!(scene.own(), (10_001, 2999));
    // what cannot be paid tells what it would have cost, and the same again
    let (dear, much) = (Uuid::now_v7(), json!({"points": 100_000}));
    let declined = serving.send_as(key, "POST", &to_buy, &much, dear);
    assert_eq!(outcome(&declined.decided()), "insufficient_funds");
    assert_eq!((told(&declined.decided()), legs(&declined.decided())), (json!([100_000, 50, 50_000]), vec![]));

    // from this month on a point is worth 0.60 euro: so it is sold, although the wallet is still in an earlier month
    scene.adopt(
        &ZZG.replace("version = 1", "version = 2").replace("value_cents = 50", "value_cents = 60"),
        &Utc::now().date_naive().format("%Y-%m").to_string(),
    );
    let again = scene.send("bought-points", &json!({"points": 1000}));
    assert_eq!((outcome(&again), told(&again)), ("booked", json!([1000, 60, 600])));
    assert_eq!(scene.own(), (11_001, 2399));
    // what was asked before is answered as it was, and other points under that id are a mistake
    assert_eq!(serving.send_as(key, "POST", &to_buy, &wanted, id).text(), first.text());
    assert_eq!(serving.send_as(key, "POST", &to_buy, &much, dear).text(), declined.text());
    serving.send_as(key, "POST", &to_buy, &json!({"points": 10_000}), id).is_problem(409, "id-reused");

    // 25.01 of the first 100.01 come back: floor(50.01 x 25.01 / 100.01) = 12.50 (12.506...), whatever a point costs now
    let (returns, part) = (format!("bought-points/{id}/returns"), Uuid::now_v7());
    let first = serving.send_as(key, "POST", &scene.at(&returns), &json!({"points": 2501}), part);
    let both = [
        ("credit", "own_exchange", "PNT", 2501, "points_paid_back"),
        ("own_exchange", "credit", "EUR", 1250, "points_paid_back"),
    ];
    assert_eq!((&first.decided()["reference"], legs(&first.decided())), (&json!(id), both.to_vec()));
    assert_eq!(serving.send_as(key, "POST", &scene.at(&returns), &json!({"points": 2501}), part).text(), first.text());
    serving.send_as(key, "POST", &scene.at(&returns), &json!({"points": 2500}), part).is_problem(409, "id-reused");
    assert_eq!(outcome(&scene.send(&returns, &json!({"points": 7501}))), "more_than_bought");
    // the rest: 50.01 - 12.50 = 37.51
    let rest = scene.send(&returns, &json!({"points": 7500}));
    assert_eq!(legs(&rest)[1], ("own_exchange", "credit", "EUR", 3751, "points_paid_back"));
    // 80.00 - 6.00 for the points that are still there
    assert_eq!(scene.own(), (1000, 7400));
    // of a purchase that was declined nothing comes back
    let never = scene.send(&format!("bought-points/{dear}/returns"), &json!({"points": 1}));
    assert_eq!(outcome(&never), "not_approved");
    scene.house.verify().await;
}

#[tokio::test]
async fn a_client_whose_scheme_has_no_points_is_told_so() {
    let scene = Scene::open(300, 5000).await;
    let (serving, key, to_buy) = (&scene.serving, &scene.key, scene.at("bought-points"));
    let before = scene.house.books().await;
    let reply = serving.send_by(key, "POST", &to_buy, &json!({"points": 100}));
    reply.is_problem(422, "no-points");
    assert!(reply.text().contains("does not count in points") && reply.text().contains("euros"), "{}", reply.text());
    // points of which nobody published the worth, as of before there were files
    let old = "INSERT INTO scheme (organisation, name, version, unit, unplanned, extras_from_budget, extras_from_savings, care_from_savings)
            VALUES (1, 'punten', 1, 3, 1, true, false, 0);
        UPDATE wallet SET unit = 3, scheme = (SELECT id FROM scheme WHERE name = 'punten') WHERE id >> 32 = 1";
    scene.house.sql(old).await;
    let reply = serving.send_by(key, "POST", &to_buy, &json!({"points": 100}));
    reply.is_problem(422, "no-points");
    assert!(reply.text().contains("publishes no value of a point"), "{}", reply.text());
    assert_eq!((scene.house.books().await, scene.own()), (before, (0, 5000)));
}

#[tokio::test]
async fn who_left_gets_no_money_in_and_may_give_points_back() {
    let scene = Scene::open(0, 5000).await;
    let _keeper = scene.in_points().await;
    let bought = scene.send("bought-points", &json!({"points": 1000}));
    let today = Utc::now().date_naive();
    scene.house.sql(&format!("UPDATE client SET arrived_on = '{today}'")).await;
    scene.send("leaving", &json!({"last_day": today}));
    let late = scene.send("top-ups", &json!({"amount_cents": 100, "from": "bank"}));
    assert_eq!((outcome(&late), legs(&late)), ("wallet_closed", vec![]));
    let buy = scene.send("bought-points", &json!({"points": 100}));
    assert_eq!((outcome(&buy), &buy["price_cents"]), ("wallet_closed", &json!(50)));
    // of a top-up that was declined nothing is taken back
    let reversals = format!("top-ups/{}/reversals", late["id"].as_str().unwrap());
    assert_eq!(outcome(&scene.send(&reversals, &json!({"amount_cents": 100}))), "not_approved");
    let back =
        scene.send(&format!("bought-points/{}/returns", bought["id"].as_str().unwrap()), &json!({"points": 1000}));
    assert_eq!(legs(&back)[1], ("own_exchange", "credit", "EUR", 500, "points_paid_back"));
    assert_eq!(scene.own(), (0, 5000));
    scene.house.verify().await;
}

#[tokio::test]
async fn own_money_of_somebody_else_does_not_exist() {
    let scene = Scene::open(0, 5000).await;
    let neighbour = scene.house.client(0, 0).await;
    let _keeper = scene.in_points().await;
    let stranger = scene.house.client_of(2, 0, 5000).await;
    let other = scene.house.key(2, &["money:write"]);
    let top_up = scene.send("top-ups", &json!({"amount_cents": 700, "from": "bank"}));
    let bought = scene.send("bought-points", &json!({"points": 200}));
    let (reversals, returns) = (
        format!("top-ups/{}/reversals", top_up["id"].as_str().unwrap()),
        format!("bought-points/{}/returns", bought["id"].as_str().unwrap()),
    );
    let (one, point) = (json!({"amount_cents": 1}), json!({"points": 1}));
    let (reversal, returned) = (Uuid::now_v7(), Uuid::now_v7());
    let send_as =
        |key: &Key, target: &str, body: &Value, id: Uuid| scene.serving.send_as(key, "POST", target, body, id);
    assert_eq!(outcome(&send_as(&scene.key, &scene.at(&reversals), &one, reversal).decided()), "booked");
    assert_eq!(outcome(&send_as(&scene.key, &scene.at(&returns), &point, returned).decided()), "booked");
    let before = scene.house.books().await;
    for (rest, body, id) in [(&*reversals, &one, reversal), (&*returns, &point, returned)] {
        // also under the id that it was booked with: the answer is nobody else's to read
        for id in [id, Uuid::now_v7()] {
            send_as(&other, &scene.at(rest), body, id).is_problem(404, "client-unknown");
            let through = format!("{}/{rest}", address(&stranger));
            send_as(&other, &through, body, id).is_problem(404, "reference-unknown");
            let through = format!("{}/{rest}", address(&neighbour));
            send_as(&scene.key, &through, body, id).is_problem(404, "reference-unknown");
        }
    }
    for (rest, body) in [("top-ups", json!({"amount_cents": 1, "from": "cash"})), ("bought-points", point.clone())] {
        send_as(&other, &scene.at(rest), &body, Uuid::now_v7()).is_problem(404, "client-unknown");
        let lacks = scene.serving.send_by(&scene.reader, "POST", &scene.at(rest), &body);
        lacks.is_problem(403, "scope-missing");
        assert!(lacks.text().contains("money:write"), "{}", lacks.text());
    }
    assert_eq!(scene.house.books().await, before);
}
