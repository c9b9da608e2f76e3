//! What is given back of a sale: in parts, or all of it, or of one that has not come.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::card::Card;
use crate::service::{COFFEE, House, RESTAURANT, Serving, WINE};
use crate::wire::Reply;

fn refund(lines: &Value) -> Value {
    json!({"id": Uuid::now_v7(), "lines": lines})
}

fn void(card: &Card) -> Value {
    json!({"id": Uuid::now_v7(), "client": {"card": card.id}})
}

fn target(sale: Uuid, what: &str) -> String {
    format!("/api/v1/sales/{sale}/{what}")
}

fn outcome(answer: &Value) -> (&str, &str) {
    (answer["outcome"].as_str().unwrap(), answer["reason"].as_str().unwrap_or_default())
}

/// The same request again is answered with the same bytes.
fn post_twice(serving: &Serving, terminal: &crate::card::Terminal, target: &str, body: &Value) -> Reply {
    let first = serving.post(terminal, target, body);
    assert_eq!(serving.post(terminal, target, body).text(), first.text());
    first
}

#[tokio::test]
async fn a_sale_is_given_back_in_parts_to_the_purses_that_paid_and_never_more_than_it_was() {
    let house = House::open().await;
    let client = house.client(250, 1000).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve();
    // 2.50 of the first coffees come from the budget, the rest and the wine from own money
    let lines = [(COFFEE, 3), (WINE, 1)];
    let tap = card.tap(&terminal, &lines);
    assert_eq!(serving.sell(&terminal, &tap.sale()).decided()["outcome"], "approved");
    assert_eq!(house.purses(&client).await, [0, 190]);
    let refunds = target(tap.id, "refunds");

    let part = refund(&json!([{"line": 0, "quantity": 1}]));
    let answer = post_twice(&serving, &terminal, &refunds, &part).decided();
    assert_eq!((outcome(&answer), &answer["reference"]), (("booked", ""), &json!(tap.id)));
    assert_eq!((&answer["operation"], answer.get("card_answer")), (&json!("refund"), None));
    let back: i64 = answer["legs"].as_array().unwrap().iter().map(|leg| leg["amount"].as_i64().unwrap()).sum();
    assert_eq!((back, &answer["legs"][0]["to"]), (249, &json!("budget")), "{answer}");

    let rest = refund(&json!([{"line": 0, "quantity": 2}, {"line": 1, "quantity": 1}]));
    assert_eq!(outcome(&post_twice(&serving, &terminal, &refunds, &rest).decided()), ("booked", ""));
    assert_eq!(house.purses(&client).await, [250, 1000]);

    for more in [
        json!([{"line": 0, "quantity": 1}]),
        json!([{"line": 2, "quantity": 1}]),
        json!([{"line": 65535, "quantity": 1}]),
        json!([{"line": 1, "quantity": 0}]),
    ] {
        let answer = post_twice(&serving, &terminal, &refunds, &refund(&more)).decided();
        assert_eq!(outcome(&answer), ("declined", "more_than_sold"), "{more}");
    }
    let answer = post_twice(&serving, &terminal, &target(tap.id, "void"), &void(&card)).decided();
    assert_eq!(outcome(&answer), ("declined", "nothing_left"));
    assert_eq!(house.purses(&client).await, [250, 1000]);
    house.verify().await;
}

#[tokio::test]
async fn a_void_undoes_a_whole_sale_once_and_only_at_its_terminal() {
    let house = House::open().await;
    let client = house.client(0, 1000).await;
    let (terminal, other, card) = (house.terminal(RESTAURANT), house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve();
    let lines = [(COFFEE, 2)];
    let tap = card.tap(&terminal, &lines);
    let sold = serving.sell(&terminal, &tap.sale());
    let place = target(tap.id, "void");

    let answer = post_twice(&serving, &other, &place, &void(&card)).decided();
    assert_eq!(outcome(&answer), ("declined", "other_terminal"));
    assert_eq!(house.purses(&client).await, [0, 500]);
    let answer = post_twice(&serving, &terminal, &place, &void(&card)).decided();
    assert_eq!((outcome(&answer), &answer["operation"]), (("booked", ""), &json!("void")));
    assert_eq!(house.purses(&client).await, [0, 1000]);
    assert_eq!(outcome(&serving.post(&terminal, &place, &void(&card)).decided()), ("declined", "nothing_left"));
    // what the sale was answered stays what it was
    assert_eq!(serving.ask_sale(&terminal, tap.id).text(), sold.text());

    let declined = crate::card::Tap { amount_cents: 1, ..card.tap(&terminal, &lines) };
    assert_eq!(serving.sell(&terminal, &declined.sale()).decided()["reason"], "amount_exceeded");
    let answer = serving.post(&terminal, &target(declined.id, "void"), &void(&card)).decided();
    assert_eq!(outcome(&answer), ("declined", "not_approved"));
    house.verify().await;
}

#[tokio::test]
async fn a_sale_that_was_voided_before_it_came_is_never_booked() {
    let house = House::open().await;
    let client = house.client(0, 1000).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve();
    let lines = [(COFFEE, 2)];
    let by_wallet = json!({"id": Uuid::now_v7(), "staff": Uuid::new_v4(), "client": {"wallet": client.number}});
    for undo in [void(&card), by_wallet] {
        let late = card.tap(&terminal, &lines);
        let answer = post_twice(&serving, &terminal, &target(late.id, "void"), &undo).decided();
        assert_eq!(outcome(&answer), ("cancelled_beforehand", ""));
        let answer = serving.sell(&terminal, &late.sale());
        assert_eq!(outcome(&answer.decided()), ("declined", "cancelled"));
        assert!(answer.decided().get("card_answer").is_none());
        assert_eq!(serving.sell(&terminal, &late.sale()).text(), answer.text());
        assert_eq!(serving.ask_sale(&terminal, late.id).text(), answer.text());
    }
    assert_eq!(house.purses(&client).await, [0, 1000]);
    house.verify().await;
}

#[tokio::test]
async fn a_refund_or_void_that_cannot_be_understood_books_nothing() {
    let house = House::open().await;
    let client = house.client(0, 1000).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve();
    let lines = [(COFFEE, 2)];
    let tap = card.tap(&terminal, &lines);
    let sold = serving.sell(&terminal, &tap.sale());
    assert_eq!(sold.decided()["outcome"], "approved");
    let before = house.books().await;
    let (refunds, place) = (target(tap.id, "refunds"), target(tap.id, "void"));
    let line = json!({"line": 0, "quantity": 1});
    let many: Vec<Value> = (0..101).map(|number| json!({"line": number, "quantity": 1})).collect();
    for wrong in [
        json!([]),
        json!([line, line]),
        json!(many),
        json!([{"line": -1, "quantity": 1}]),
        json!([{"line": 65536, "quantity": 1}]),
        json!([{"line": 0, "quantity": 1001}]),
        json!([{"line": 0, "quantity": -1}]),
        json!([{"line": 0, "quantity": 4_294_967_296_u64}]),
        json!([{"line": 0, "quantity": 1, "price": 0}]),
        json!([{"quantity": 1}]),
        json!([[0, 1]]),
        json!({"line": 0, "quantity": 1}),
    ] {
        serving.post(&terminal, &refunds, &refund(&wrong)).is_problem(422, "request-malformed");
    }
    for wrong in [
        json!(null),
        json!({}),
        json!({"card": card.id, "wallet": 1}),
        json!({"card": "x"}),
        json!({"wallet": 0}),
        json!({"wallet": -1}),
        json!({"wallet": 4_294_967_296_u64}),
        json!({"client": card.id}),
    ] {
        let undo = json!({"id": Uuid::now_v7(), "client": wrong});
        serving.post(&terminal, &place, &undo).is_problem(422, "request-malformed");
    }
    let undo = json!({"id": Uuid::now_v7(), "client": {"card": card.id}, "reason": "by mistake"});
    serving.post(&terminal, &place, &undo).is_problem(422, "request-malformed");
    // of a sale that never was
    let unknown = target(Uuid::now_v7(), "refunds");
    serving.post(&terminal, &unknown, &refund(&json!([line]))).is_problem(404, "sale-unknown");
    // of itself, and under an id that is taken
    for what in ["refunds", "void"] {
        let body = if what == "void" { void(&card) } else { refund(&json!([line])) };
        let own = target(body["id"].as_str().unwrap().parse().unwrap(), what);
        let reply = serving.post(&terminal, &own, &body);
        reply.is_problem(422, "request-malformed");
        let mut reused = body;
        reused["id"] = json!(tap.id);
        let other = target(tap.id, what);
        assert!(serving.post(&terminal, &other, &reused).status >= 400, "{what}");
    }
    // of a sale whose id cannot be one
    let old = "01900000-0000-7000-8000-000000000001".parse().unwrap();
    serving.post(&terminal, &target(old, "void"), &void(&card)).is_problem(422, "id-too-old");
    assert_eq!(house.books().await, before);
    house.verify().await;
}
