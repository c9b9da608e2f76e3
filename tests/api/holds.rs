//! Holds of cards at unattended terminals: set aside, captured in parts, released, expired; and who comes last.

use card_protocol::CardOutcome;
use pasje::services::expire_holds::expire_holds;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::card::{Card, Tap, Terminal};
use crate::service::{CANTEEN, COFFEE, Client, ELSEWHERE, House, RESTAURANT, SHOWER, Serving, WINE};
use crate::wire::Reply;

const HOLDS: &str = "/api/v1/holds";

struct Scene {
    house: House,
    client: Client,
    terminal: Terminal,
    card: Card,
    serving: Serving,
}

impl Scene {
    async fn open(budget_cents: i64, own_cents: i64) -> Scene {
        let house = House::open().await;
        let client = house.client(budget_cents, own_cents).await;
        let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
        let serving = house.serve();
        Scene { house, client, terminal, card, serving }
    }

    /// Sent, sent again, and asked by id: three times the same bytes.
    fn hold(&self, tap: &Tap<'_>, minutes: u32) -> Value {
        let body = tap.hold(minutes);
        let first = self.serving.post(tap.terminal, HOLDS, &body);
        let again = [
            self.serving.post(tap.terminal, HOLDS, &body),
            self.serving.get(tap.terminal, &format!("{HOLDS}/{}", tap.id)),
        ];
        for again in again {
            assert_eq!((again.status, again.text()), (first.status, first.text()));
        }
        first.decided()
    }

    /// Twice the same bytes.
    fn post_twice(&self, hold: Uuid, what: &str, body: &Value) -> Value {
        let first = self.post(hold, what, body);
        assert_eq!(self.post(hold, what, body).text(), first.text());
        first.decided()
    }

    fn post(&self, hold: Uuid, what: &str, body: &Value) -> Reply {
        self.serving.post(&self.terminal, &format!("{HOLDS}/{hold}/{what}"), body)
    }

    fn capture(&self, hold: Uuid, lines: &[(u16, u32)]) -> Value {
        self.post_twice(hold, "capture", &capture(lines))
    }

    fn release(&self, hold: Uuid) -> Value {
        self.post_twice(hold, "release", &json!({"id": Uuid::now_v7()}))
    }

    /// What is set aside on budget and own money.
    async fn held(&self) -> String {
        self.house.text("SELECT format('%s %s', sum(budget_held), sum(credit_cents_held)) FROM wallet").await
    }

    /// The time of every hold is over.
    async fn time_goes_by(&self) {
        self.house.sql("UPDATE hold SET expires_at = now() WHERE remaining > 0 OR purpose = 3").await;
    }

    async fn expire(&self) -> usize {
        expire_holds(&self.house.test.connect().await).await.unwrap()
    }

    async fn day_spent(&self) -> String {
        self.house.text("SELECT day_cents::text FROM card").await
    }
}

fn capture(lines: &[(u16, u32)]) -> Value {
    let line = |(line, quantity): &(u16, u32)| json!({"line": line, "quantity": quantity});
    json!({"id": Uuid::now_v7(), "lines": lines.iter().map(line).collect::<Vec<_>>()})
}

#[track_caller]
fn is_declined(answer: &Value, reason: &str) {
    assert_eq!((&answer["outcome"], &answer["reason"]), (&json!("declined"), &json!(reason)), "{answer}");
    assert!(["legs", "holds", "approved_cents"].iter().all(|name| answer.get(name).is_none()), "{answer}");
}

#[tokio::test]
async fn what_is_delivered_is_sold_in_parts_and_the_rest_stays_set_aside_until_it_is_released() {
    let scene = Scene::open(300, 1000).await;
    let lines = [(COFFEE, 3), (WINE, 1)];
    let tap = scene.card.tap(&scene.terminal, &lines);
    let answer = scene.hold(&tap, 30);
    // the coffees: 3.00 of the budget and 4.50 of own money; the wine: own money
    let wanted = json!({
        "id": tap.id, "operation": "hold", "outcome": "booked", "book_date": answer["book_date"], "approved_cents": 1060,
        "holds": [{"hold": tap.id, "purse": "budget", "unit": "EUR", "amount": 300},
                  {"hold": tap.id, "purse": "credit", "unit": "EUR", "amount": 760}],
        "card_answer": answer["card_answer"],
    });
    assert_eq!(answer, wanted);
    scene.card.was_told(&answer, tap.counter, CardOutcome::Approved, 1060);
    assert_eq!((scene.house.purses(&scene.client).await, scene.held().await), ([300, 1000], "300 760".to_owned()));

    // what is set aside nobody else gets
    let other = scene.card.tap(&scene.terminal, &[(WINE, 1)]);
    is_declined(&scene.serving.sell(&scene.terminal, &other.sale()).decided(), "insufficient_funds");

    // the wine first: the coffees' share of the budget is left alone
    let wine = scene.capture(tap.id, &[(1, 1)]);
    assert_eq!(
        (&wine["outcome"], &wine["reference"], &wine["approved_cents"]),
        (&json!("approved"), &json!(tap.id), &json!(310))
    );
    assert_eq!(wine["legs"][0]["from"], "credit");
    assert_eq!((scene.house.purses(&scene.client).await, scene.held().await), ([300, 690], "300 450".to_owned()));
    let coffees = scene.capture(tap.id, &[(0, 2)]);
    assert_eq!(coffees["approved_cents"], 500);
    assert_eq!((scene.house.purses(&scene.client).await, scene.held().await), ([0, 490], "0 250".to_owned()));
    scene.house.verify().await;

    for more in [&[(0, 2)][..], &[(1, 1)], &[(2, 1)], &[(0, 1), (1, 1)]] {
        is_declined(&scene.capture(tap.id, more), "more_than_held");
    }
    let released = scene.release(tap.id);
    assert_eq!((&released["outcome"], &released["holds"][0]["amount"]), (&json!("booked"), &json!(-250)));
    assert_eq!((scene.house.purses(&scene.client).await, scene.held().await), ([0, 490], "0 0".to_owned()));
    is_declined(&scene.release(tap.id), "hold_not_open");
    is_declined(&scene.capture(tap.id, &[(0, 1)]), "hold_not_open");
    scene.house.verify().await;
}

#[tokio::test]
async fn a_hold_of_which_all_is_delivered_leaves_nothing_set_aside() {
    let scene = Scene::open(0, 1000).await;
    let lines = [(WINE, 1), (COFFEE, 2)];
    let tap = scene.card.tap(&scene.terminal, &lines);
    scene.hold(&tap, 1);
    let all = scene.capture(tap.id, &[(1, 2), (0, 1)]);
    assert_eq!((&all["outcome"], &all["approved_cents"]), (&json!("approved"), &json!(810)));
    assert_eq!((scene.house.purses(&scene.client).await, scene.held().await), ([0, 190], "0 0".to_owned()));
    is_declined(&scene.release(tap.id), "hold_not_open");
    is_declined(&scene.capture(tap.id, &[(0, 1)]), "hold_not_open");
    scene.house.verify().await;
}

#[tokio::test]
async fn a_terminal_that_dies_after_a_hold_charges_nothing_and_a_capture_that_comes_too_late_is_told_so() {
    let scene = Scene::open(0, 1000).await;
    let lines = [(WINE, 2)];
    let tap = scene.card.tap(&scene.terminal, &lines);
    scene.hold(&tap, 1);
    assert_eq!(scene.expire().await, 0, "its time is not over");
    let one = scene.capture(tap.id, &[(0, 1)]);
    assert_eq!(one["outcome"], "approved");
    scene.time_goes_by().await;
    // late, whether or not somebody has given it back yet
    is_declined(&scene.capture(tap.id, &[(0, 1)]), "hold_expired");
    assert_eq!(scene.held().await, "0 310");
    assert_eq!((scene.expire().await, scene.expire().await), (1, 0));
    is_declined(&scene.capture(tap.id, &[(0, 1)]), "hold_expired");
    is_declined(&scene.release(tap.id), "hold_expired");
    assert_eq!((scene.house.purses(&scene.client).await, scene.held().await), ([0, 690], "0 0".to_owned()));
    // a release that comes before the expiry is booked, also late
    let tap = scene.card.tap(&scene.terminal, &lines);
    scene.hold(&tap, 240);
    scene.time_goes_by().await;
    assert_eq!(scene.release(tap.id)["outcome"], "booked");
    assert_eq!(scene.expire().await, 0);
    scene.house.verify().await;
}

#[tokio::test]
async fn what_came_out_of_a_machine_and_nobody_pays_waits_for_a_human_once() {
    let scene = Scene::open(0, 2000).await;
    let reviews = || async {
        let sql = "SELECT coalesce(string_agg(concat_ws(' ', why, operation, convert_from(record, 'UTF8')), ', ' ORDER BY id), '') FROM review";
        scene.house.text(sql).await
    };
    let lines = [(WINE, 2), (COFFEE, 1)];
    let tap = scene.card.tap(&scene.terminal, &lines);
    scene.hold(&tap, 1);
    assert_eq!(scene.capture(tap.id, &[(0, 1)])["outcome"], "approved");
    is_declined(&scene.capture(tap.id, &[(0, 2)]), "more_than_held");
    scene.time_goes_by().await;
    assert_eq!(reviews().await, "", "what the machine counted wrong is its maker's");
    // sent again it is the same capture, before and after the rest was given back
    let late = capture(&[(0, 1), (1, 1)]);
    is_declined(&scene.post_twice(tap.id, "capture", &late), "hold_expired");
    assert_eq!(scene.expire().await, 1);
    is_declined(&scene.post_twice(tap.id, "capture", &late), "hold_expired");
    let id = late["id"].as_str().unwrap();
    assert_eq!(reviews().await, format!("13 {id} [[0,1],[1,1]]"));
    scene.house.verify().await;
    // other captures of it are looked at as well, but no more of them than the hold has pieces
    for _ in 0..4 {
        is_declined(&scene.capture(tap.id, &[(1, 1)]), "hold_expired");
    }
    assert_eq!(reviews().await.split(", ").count(), 3);
    // a machine that was told to give back what is left delivers nothing more
    let released = scene.card.tap(&scene.terminal, &lines);
    scene.hold(&released, 1);
    scene.release(released.id);
    is_declined(&scene.capture(released.id, &[(0, 1)]), "hold_not_open");
    assert_eq!(reviews().await.split(", ").count(), 3);
    // the client left meanwhile; and one whose hold was declined got nothing
    let (open, refused) = (scene.card.tap(&scene.terminal, &lines), [(WINE, 9)]);
    scene.hold(&open, 1);
    let refused = scene.card.tap(&scene.terminal, &refused);
    is_declined(&scene.hold(&refused, 1), "insufficient_funds");
    scene.house.sql("UPDATE wallet SET status = 2").await;
    is_declined(&scene.capture(open.id, &[(0, 2)]), "wallet_closed");
    is_declined(&scene.capture(refused.id, &[(0, 1)]), "wallet_closed");
    assert_eq!(reviews().await.split(", ").count(), 4);
    scene.house.verify().await;
    scene.house.sql("ALTER TABLE review DISABLE TRIGGER USER; DELETE FROM review WHERE id = 4").await;
    let output = scene.house.command(&["verify"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("and has outcome 23 (wallet_closed): nobody was told"));
}

#[tokio::test]
async fn staff_see_what_came_out_and_end_it_as_handled() {
    let scene = Scene::open(0, 2000).await;
    let (house, lines) = (&scene.house, [(WINE, 2), (COFFEE, 3)]);
    let tap = scene.card.tap(&scene.terminal, &lines);
    scene.hold(&tap, 1);
    scene.time_goes_by().await;
    let late = capture(&[(0, 1), (1, 2), (7, 1)]);
    is_declined(&scene.post_twice(tap.id, "capture", &late), "hold_expired");
    let list = house.run(&["review", "list"]);
    assert!(list.contains("capture_declined             Kassa "), "{list}");
    let shown = house.run(&["review", "show", "1"]);
    let (capture, hold) = (late["id"].as_str().unwrap(), tap.id.to_string());
    for part in [
        capture,
        "hold_expired",
        &hold,
        "1 x Wijn, 3.10",
        "2 x Koffie, 5.00",
        "1 x line 7, which the hold does not have",
        "open",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("journal") && !shown.contains(&scene.client.name), "{shown}");
    let refused = |how: &[&str]| {
        let output = house.command(&[&["review", "settle", "1"], how].concat()).output().unwrap();
        assert!(!output.status.success(), "{how:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused(&["--write-off", "x"]).contains("no offline loss"));
    assert!(refused(&["--from-own-money", "--consent", "x"]).contains("no offline loss"));
    house.run(&["review", "settle", "1", "--handled", "the washing machine had no network", "--by", "office"]);
    assert!(refused(&["--handled", "x"]).contains("settled already"));
    assert!(house.run(&["review", "show", "1"]).contains("handled: the washing machine had no network"));
    assert_eq!(house.run(&["review", "list"]).lines().count(), 1);
    assert_eq!(house.purses(&scene.client).await, [0, 2000]);
    house.verify().await;
}

#[tokio::test]
async fn a_decline_has_the_reason_of_the_whole_sale_and_uses_the_counter_up_where_the_mac_was_right() {
    let scene = Scene::open(0, 1000).await;
    let (card, terminal) = (&scene.card, &scene.terminal);
    let (coffee, many, mixed) = ([(COFFEE, 1)], [(COFFEE, 5)], [(COFFEE, 1), (Uuid::from_u128(7), 1)]);
    let first = card.tap(terminal, &coffee);
    assert_eq!(scene.hold(&first, 5)["outcome"], "booked");
    let next = || card.tap(terminal, &coffee);
    let told = [
        ("insufficient_funds", Tap { lines: &many, amount_cents: 1250, ..next() }),
        ("amount_exceeded", Tap { amount_cents: 249, ..next() }),
        ("service_unknown", Tap { lines: &mixed, ..next() }),
        ("price_list_out_of_date", Tap { price_list: 1, ..next() }),
    ];
    let mut counter = first.counter;
    for (reason, tap) in told {
        counter += 1;
        let tap = Tap { counter, ..tap };
        let answer = scene.hold(&tap, 5);
        is_declined(&answer, reason);
        card.was_told(&answer, counter, CardOutcome::Declined, 0);
        is_declined(&scene.hold(&Tap { id: Uuid::now_v7(), ..tap.clone() }, 5), "counter_used");
        is_declined(&scene.capture(tap.id, &[(0, 1)]), "hold_not_open");
        is_declined(&scene.release(tap.id), "hold_not_open");
    }
    let untold = [
        ("counter_used", Tap { id: Uuid::now_v7(), ..first.clone() }),
        ("counter_too_old", Tap { counter: 0, ..next() }),
    ];
    for (reason, tap) in untold {
        let answer = scene.hold(&tap, 5);
        is_declined(&answer, reason);
        assert!(answer.get("card_answer").is_none(), "{answer}");
    }
    assert_eq!(scene.house.text("SELECT last_counter::text FROM card").await, counter.to_string());
    // a tap for a sale is no tap for a hold, nor the other way round
    let sale = Tap { counter: counter + 1, ..next() };
    let mut body = sale.hold(5);
    body["payer"]["card"]["mac"] = sale.sale()["payer"]["card"]["mac"].clone();
    is_declined(&scene.serving.post(terminal, HOLDS, &body).decided(), "card_mac_wrong");
    let mut body = Tap { id: Uuid::now_v7(), ..sale.clone() }.sale();
    body["payer"]["card"]["mac"] = sale.hold(5)["payer"]["card"]["mac"].clone();
    is_declined(&scene.serving.sell(terminal, &body).decided(), "card_mac_wrong");
    // and what was signed by a card for one terminal is nothing at another
    let mut body = sale.hold(5);
    body["id"] = json!(Uuid::now_v7());
    is_declined(&scene.serving.post(&scene.house.terminal(RESTAURANT), HOLDS, &body).decided(), "card_mac_wrong");
    let mut body = sale.hold(5);
    body["id"] = json!(Uuid::now_v7());
    body["payer"]["card"]["id"] = json!(Uuid::now_v7());
    is_declined(&scene.serving.post(terminal, HOLDS, &body).decided(), "card_unknown");
    scene.house.run(&["card", "block", &card.id.to_string()]);
    is_declined(&scene.hold(&Tap { id: Uuid::now_v7(), ..sale.clone() }, 5), "card_blocked");
    scene.house.run(&["card", "unblock", &card.id.to_string()]);
    scene.house.sql("UPDATE card SET expires_on = now()::date - 2").await;
    is_declined(&scene.hold(&Tap { id: Uuid::now_v7(), ..sale.clone() }, 5), "card_expired");
    scene.house.sql("UPDATE card SET expires_on = now()::date + 2; UPDATE wallet SET status = 2").await;
    is_declined(&scene.hold(&Tap { id: Uuid::now_v7(), ..sale.clone() }, 5), "wallet_closed");
    is_declined(&scene.capture(first.id, &[(0, 1)]), "wallet_closed");
    scene.house.verify().await;
}

#[tokio::test]
async fn limits_of_a_tap_and_of_a_day_count_what_is_set_aside_and_get_back_what_was_not_delivered() {
    let scene = Scene::open(0, 5000).await;
    scene.house.sql("UPDATE card SET tap_limit_cents = 700, day_limit_cents = 1300").await;
    let tap = |lines| scene.card.tap(&scene.terminal, lines);
    let (two, three) = ([(WINE, 2)], [(WINE, 3)]);
    is_declined(&scene.hold(&tap(&three), 5), "over_limit");
    let first = tap(&two);
    assert_eq!(scene.hold(&first, 5)["outcome"], "booked");
    assert_eq!(scene.hold(&tap(&two), 5)["outcome"], "booked");
    assert_eq!(scene.day_spent().await, "1240");
    is_declined(&scene.hold(&tap(&two), 5), "over_limit");
    // delivered counts once; what is given back is free again, and once
    assert_eq!(scene.capture(first.id, &[(0, 1)])["outcome"], "approved");
    assert_eq!(scene.day_spent().await, "1240");
    assert_eq!(scene.release(first.id)["outcome"], "booked");
    assert_eq!(scene.day_spent().await, "930");
    scene.time_goes_by().await;
    assert_eq!(scene.expire().await, 1);
    assert_eq!(scene.day_spent().await, "310");
    assert_eq!(scene.hold(&tap(&two), 5)["outcome"], "booked");
    scene.house.verify().await;
}

#[tokio::test]
async fn care_is_never_refused_and_sets_aside_only_what_the_client_has() {
    let scene = Scene::open(500, 0).await;
    scene.house.sql("UPDATE card SET tap_limit_cents = 1, day_limit_cents = 1").await;
    let care = [(SHOWER, 2)];
    let (first, second) = (scene.card.tap(&scene.terminal, &care), scene.card.tap(&scene.terminal, &care));
    let answer = scene.hold(&first, 5);
    assert_eq!((&answer["outcome"], &answer["approved_cents"]), (&json!("booked"), &json!(3600)));
    assert_eq!(scene.held().await, "500 0");
    // nothing is left to set aside: the organisation pays, and it is a hold all the same
    let answer = scene.hold(&second, 5);
    assert_eq!((&answer["outcome"], answer.get("holds")), (&json!("booked"), None));
    let half = scene.capture(second.id, &[(0, 1)]);
    assert_eq!((&half["legs"][0]["from"], &half["legs"][0]["amount"]), (&json!("care_overrun"), &json!(1800)));
    let one = scene.capture(first.id, &[(0, 1)]);
    assert_eq!((&one["legs"][0]["amount"], &one["legs"][1]["amount"]), (&json!(500), &json!(1300)), "{one}");
    assert_eq!(scene.capture(first.id, &[(0, 1)])["legs"][0]["from"], "care_overrun");
    assert_eq!((scene.release(second.id)["outcome"].clone(), scene.expire().await), (json!("booked"), 0));
    is_declined(&scene.capture(second.id, &[(0, 1)]), "hold_not_open");
    // one that sets nothing aside is over too when its time is
    let third = scene.card.tap(&scene.terminal, &care);
    scene.hold(&third, 5);
    scene.time_goes_by().await;
    is_declined(&scene.capture(third.id, &[(0, 1)]), "hold_expired");
    scene.house.verify().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_a_problem_and_changes_nothing() {
    let scene = Scene::open(0, 1000).await;
    let lines = [(WINE, 2)];
    let tap = scene.card.tap(&scene.terminal, &lines);
    scene.hold(&tap, 30);
    let before = scene.house.books().await;
    let wrong = |change: &dyn Fn(&mut Value)| {
        let mut body = Tap { id: Uuid::now_v7(), ..tap.clone() }.hold(30);
        change(&mut body);
        scene.serving.post(&scene.terminal, HOLDS, &body)
    };
    wrong(&|body| body["minutes"] = json!(0)).is_problem(422, "request-malformed");
    wrong(&|body| body["minutes"] = json!(241)).is_problem(422, "request-malformed");
    wrong(&|body| body["mode"] = json!("whole")).is_problem(422, "request-malformed");
    wrong(&|body| body["payer"] = json!({"wallet": 41})).is_problem(422, "request-malformed");
    wrong(&|body| body["lines"] = json!([])).is_problem(422, "request-malformed");
    wrong(&|body| body["lines"][0]["hold"] = json!(Uuid::now_v7())).is_problem(422, "request-malformed");
    wrong(&|body| body["id"] = json!(Uuid::new_v4())).is_problem(422, "request-malformed");
    // the id is the request's for good
    scene.serving.post(&scene.terminal, HOLDS, &tap.hold(31)).is_problem(409, "id-reused");
    scene.serving.sell(&scene.terminal, &tap.sale()).is_problem(409, "id-reused");
    scene.serving.ask_sale(&scene.terminal, tap.id).is_problem(404, "sale-unknown");
    let own = json!({"id": tap.id, "lines": [{"line": 0, "quantity": 1}]});
    scene.post(tap.id, "capture", &own).is_problem(422, "request-malformed");
    scene.post(tap.id, "release", &json!({"id": tap.id})).is_problem(422, "request-malformed");
    for lines in [&[][..], &[(0, 0)], &[(0, 1001)], &[(0, 1), (0, 1)]] {
        scene.post(tap.id, "capture", &capture(lines)).is_problem(422, "request-malformed");
    }
    scene.serving.get(&scene.terminal, "/api/v1/holds/x").is_problem(400, "path-malformed");
    // of another location there is no such hold
    for place in [CANTEEN, ELSEWHERE] {
        let other = scene.house.terminal(place);
        scene.serving.get(&other, &format!("{HOLDS}/{}", tap.id)).is_problem(404, "hold-unknown");
        for (what, body) in [("capture", capture(&[(0, 1)])), ("release", json!({"id": Uuid::now_v7()}))] {
            scene.serving.post(&other, &format!("{HOLDS}/{}/{what}", tap.id), &body).is_problem(404, "hold-unknown");
        }
        scene.serving.post(&other, HOLDS, &tap.hold(30)).is_problem(409, "id-reused");
    }
    scene.post(Uuid::now_v7(), "capture", &capture(&[(0, 1)])).is_problem(404, "hold-unknown");
    assert_eq!(scene.house.books().await, before);
    // a sale at a till cannot use what a card set aside at a machine
    let mut sale = scene.card.tap(&scene.terminal, &lines).sale();
    sale["lines"][0]["hold"] = json!(tap.id);
    scene.serving.sell(&scene.terminal, &sale).decided();
    assert_eq!(scene.held().await, "0 620");
    // a colleague of the same location may capture it
    let colleague = scene.house.terminal(RESTAURANT);
    let reply = scene.serving.post(&colleague, &format!("{HOLDS}/{}/capture", tap.id), &capture(&[(0, 2)]));
    assert_eq!(reply.decided()["outcome"], "approved");
    scene.house.verify().await;
}

#[tokio::test]
async fn a_terminal_that_was_moved_captures_and_releases_what_it_set_aside_before() {
    let mut scene = Scene::open(0, 1000).await;
    let lines = [(WINE, 2)];
    let tap = scene.card.tap(&scene.terminal, &lines);
    scene.hold(&tap, 30);
    scene.house.run(&["terminal", "move", &scene.terminal.id.to_string(), "--location", &CANTEEN.to_string()]);
    // one that has read where it stands now
    scene.serving = scene.house.serve();
    assert_eq!(scene.capture(tap.id, &[(0, 1)])["outcome"], "approved");
    assert_eq!(scene.release(tap.id)["outcome"], "booked");
    assert_eq!(scene.serving.get(&scene.terminal, &format!("{HOLDS}/{}", tap.id)).decided()["outcome"], "booked");
    assert_eq!(scene.held().await, "0 0");
    // nobody else at the new place does
    let other = scene.house.terminal(CANTEEN);
    scene.serving.get(&other, &format!("{HOLDS}/{}", tap.id)).is_problem(404, "hold-unknown");
    scene.house.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_capture_a_release_and_the_expiry_that_come_at_once_one_is_booked() {
    let scene = Scene::open(0, 10_000).await;
    let lines = [(WINE, 1)];
    let database = scene.house.test.connect().await;
    let mut left = 10_000;
    for round in 0..8 {
        let tap = scene.card.tap(&scene.terminal, &lines);
        assert_eq!(scene.hold(&tap, 1)["outcome"], "booked");
        // over in a moment, before or after the capture comes
        let span = ["0", "2 milliseconds", "5 milliseconds", "12 milliseconds"][round % 4];
        scene.house.sql(&format!("UPDATE hold SET expires_at = now() + interval '{span}' WHERE remaining > 0")).await;
        let (address, capture, release) = (scene.serving.address, capture(&[(0, 1)]), json!({"id": Uuid::now_v7()}));
        let send = |what: &str, body: &Value| {
            let bytes = scene.serving.posting(&scene.terminal, &format!("{HOLDS}/{}/{what}", tap.id), body);
            std::thread::spawn(move || crate::wire::Connection::open(address).ask(&bytes).decided())
        };
        let asked = [send("capture", &capture), send("release", &release)];
        let mut expired = 0;
        for _ in 0..10 {
            expired += expire_holds(&database).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        let answers = asked.map(|thread| thread.join().unwrap());
        let captured = answers[0]["outcome"] == "approved";
        let released = answers[1]["outcome"] == "booked";
        let booked = usize::from(captured) + usize::from(released) + expired;
        assert_eq!(booked, 1, "{answers:?}, {expired} expired");
        left -= if captured { 310 } else { 0 };
        assert_eq!((scene.house.purses(&scene.client).await, scene.held().await), ([0, left], "0 0".to_owned()));
    }
    scene.house.verify().await;
}
