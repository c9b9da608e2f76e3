//! Sales: what is approved and what is declined, and that the answer stays what it was.

use card_protocol::CardOutcome;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::card::Tap;
use crate::service::{CANTEEN, COFFEE, ELSEWHERE, House, RESTAURANT, SHOWER, Serving, WINE};
use crate::wire::Reply;

/// Sold, sold again, and asked by id: three times the same bytes.
fn sell_thrice(serving: &Serving, tap: &Tap<'_>) -> Reply {
    let first = serving.sell(tap.terminal, &tap.sale());
    let again = [serving.sell(tap.terminal, &tap.sale()), serving.ask_sale(tap.terminal, tap.id)];
    for again in again {
        assert_eq!((again.status, again.text()), (first.status, first.text()));
    }
    first
}

#[track_caller]
fn is_declined(answer: &Value, reason: &str) {
    assert_eq!((&answer["outcome"], &answer["reason"]), (&json!("declined"), &json!(reason)), "{answer}");
    assert!(answer.get("legs").is_none() && answer.get("approved_cents").is_none(), "{answer}");
}

#[tokio::test]
async fn a_signed_sale_is_approved_and_its_answer_never_changes_not_by_a_restart_either() {
    let house = House::open().await;
    let client = house.client(300, 1000).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve();
    let lines = [(COFFEE, 1), (WINE, 2)];
    let tap = card.tap(&terminal, &lines);
    let first = sell_thrice(&serving, &tap);

    let answer = first.decided();
    card.was_told(&answer, tap.counter, CardOutcome::Approved, 870);
    let wanted = json!({
        "id": tap.id, "operation": "sale", "outcome": "approved", "book_date": answer["book_date"], "approved_cents": 870,
        "legs": [
            {"line": 0, "from": "budget", "to": "extra_sales", "unit": "EUR", "amount": 250, "why": "scheme_allows"},
            {"line": 1, "from": "credit", "to": "own_sales", "unit": "EUR", "amount": 620, "why": "own_money"},
        ],
        "card_answer": answer["card_answer"],
    });
    assert_eq!(answer, wanted);
    assert_eq!(house.purses(&client).await, [50, 380]);

    serving.stop();
    let serving = house.serve();
    for again in [serving.ask_sale(&terminal, tap.id), serving.sell(&terminal, &tap.sale())] {
        assert_eq!(again.text(), first.text());
    }
    assert_eq!(house.purses(&client).await, [50, 380]);
    house.verify().await;
}

#[tokio::test]
async fn a_line_that_cannot_be_paid_is_left_out_unless_the_sale_must_be_whole() {
    let house = House::open().await;
    let client = house.client(300, 0).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve();
    let lines = [(COFFEE, 1), (WINE, 1)];

    let whole = Tap { mode: "whole", ..card.tap(&terminal, &lines) };
    let answer = sell_thrice(&serving, &whole).decided();
    is_declined(&answer, "insufficient_funds");
    card.was_told(&answer, whole.counter, CardOutcome::Declined, 0);

    let tap = card.tap(&terminal, &lines);
    let answer = sell_thrice(&serving, &tap).decided();
    assert_eq!((&answer["outcome"], &answer["approved_cents"]), (&json!("approved_in_part"), &json!(250)));
    assert_eq!(answer["left_out"], json!([{"line": 1, "reason": "insufficient_funds"}]));
    card.was_told(&answer, tap.counter, CardOutcome::ApprovedInPart, 250);
    house.verify().await;
}

#[tokio::test]
async fn a_decline_says_why_and_is_signed_for_the_card_only_where_its_mac_was_right() {
    let house = House::open().await;
    let client = house.client(0, 1000).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve();
    let coffee = [(COFFEE, 1)];
    let many = [(COFFEE, 5)];
    let unknown = [(Uuid::from_u128(7), 1)];
    let first = card.tap(&terminal, &coffee);
    let second = Tap { counter: first.counter + 9, ..card.tap(&terminal, &coffee) };
    for tap in [&first, &second] {
        assert_eq!(sell_thrice(&serving, tap).decided()["outcome"], "approved");
    }
    let next = || card.tap(&terminal, &coffee);

    // what is decided after the MAC: the counter is used up, and the card is told
    let mut counter = second.counter;
    let told = [
        ("insufficient_funds", Tap { lines: &many, amount_cents: 1250, ..next() }),
        ("amount_exceeded", Tap { amount_cents: 249, ..next() }),
        ("service_unknown", Tap { lines: &unknown, ..next() }),
        ("price_list_out_of_date", Tap { price_list: 1, ..next() }),
        ("price_list_out_of_date", Tap { price_list: u32::MAX, ..next() }),
    ];
    for (reason, tap) in told {
        counter += 1;
        let tap = Tap { counter, ..tap };
        let answer = sell_thrice(&serving, &tap).decided();
        is_declined(&answer, reason);
        card.was_told(&answer, counter, CardOutcome::Declined, 0);
        let again = Tap { id: Uuid::now_v7(), ..tap };
        is_declined(&sell_thrice(&serving, &again).decided(), "counter_used");
    }

    // what is decided before: nobody is told anything, and the counter can still be used
    let untold = [
        ("counter_used", Tap { id: Uuid::now_v7(), ..first.clone() }),
        ("counter_too_old", Tap { counter: first.counter + 1, ..next() }),
        ("counter_too_old", Tap { counter: 0, ..next() }),
    ];
    for (reason, tap) in untold {
        let answer = sell_thrice(&serving, &tap).decided();
        is_declined(&answer, reason);
        assert!(answer.get("card_answer").is_none(), "{answer}");
    }
    assert_eq!(house.text("SELECT last_counter::text FROM card").await, counter.to_string());
    house.verify().await;
}

#[tokio::test]
async fn a_mac_that_is_not_over_this_very_sale_is_wrong_and_uses_nothing_up() {
    let house = House::open().await;
    let client = house.client(0, 5000).await;
    let (terminal, other_terminal) = (house.terminal(RESTAURANT), house.terminal(RESTAURANT));
    let (card, other_card) = (house.card(&client), house.card(&client));
    let serving = house.serve();
    let coffee = [(COFFEE, 1)];
    let tap = card.tap(&terminal, &coffee);
    let changes: [(&str, Value); 13] = [
        ("/payer/card/mac", json!("00112233445566778899aabbccddeeff")),
        ("/payer/card/amount_cents", json!(251)),
        ("/payer/card/counter", json!(tap.counter + 1)),
        ("/payer/card/terminal_sequence", json!(13)),
        ("/payer/card/terminal_nonce", json!("0011223344556677")),
        ("/payer/card/holder_verification", json!("pin")),
        ("/payer/card/time_ms", json!(u64::MAX)),
        ("/payer/card/offline_total_cents", json!(1)),
        ("/payer/card/offline_count", json!(1)),
        ("/payer/card/generation", json!(2)),
        ("/price_list", json!(2)),
        ("/lines/0/quantity", json!(2)),
        ("/lines/0/service", json!(WINE)),
    ];
    for (place, value) in changes {
        let mut sale = Tap { id: Uuid::now_v7(), ..tap.clone() }.sale();
        *sale.pointer_mut(place).unwrap() = value;
        let reply = serving.sell(&terminal, &sale);
        is_declined(&reply.decided(), "card_mac_wrong");
        assert!(reply.decided().get("card_answer").is_none(), "{place}");
        assert_eq!(serving.sell(&terminal, &sale).text(), reply.text(), "{place}");
    }
    // of another terminal, and of another card
    let stolen = Tap { id: Uuid::now_v7(), ..tap.clone() };
    is_declined(&serving.sell(&other_terminal, &stolen.sale()).decided(), "card_mac_wrong");
    let mut sale = Tap { id: Uuid::now_v7(), ..tap.clone() }.sale();
    *sale.pointer_mut("/payer/card/id").unwrap() = json!(other_card.id);
    is_declined(&serving.sell(&terminal, &sale).decided(), "card_mac_wrong");

    assert_eq!(house.text("SELECT sum(last_counter)::text FROM card").await, "0");
    assert_eq!(house.purses(&client).await, [0, 5000]);
    assert_eq!(serving.sell(&terminal, &tap.sale()).decided()["outcome"], "approved");
    house.verify().await;
}

#[tokio::test]
async fn a_card_that_is_blocked_replaced_or_not_known_here_pays_nothing() {
    let house = House::open().await;
    let (client, stranger) = (house.client(0, 1000).await, house.client_of(2, 0, 1000).await);
    let terminal = house.terminal(RESTAURANT);
    let (card, strange) = (house.card(&client), house.card(&stranger));
    let serving = house.serve();
    let coffee = [(COFFEE, 1)];
    assert_eq!(sell_thrice(&serving, &card.tap(&terminal, &coffee)).decided()["outcome"], "approved");

    // of another organisation, and of nobody
    let answer = sell_thrice(&serving, &strange.tap(&terminal, &coffee)).decided();
    is_declined(&answer, "card_unknown");
    assert!(answer.get("card_answer").is_none());
    let mut sale = card.tap(&terminal, &coffee).sale();
    *sale.pointer_mut("/payer/card/id").unwrap() = json!(Uuid::new_v4());
    is_declined(&serving.sell(&terminal, &sale).decided(), "card_unknown");

    house.run(&["card", "block", &card.id.to_string()]);
    let blocked = card.tap(&terminal, &coffee);
    let answer = sell_thrice(&serving, &blocked).decided();
    is_declined(&answer, "card_blocked");
    assert!(answer.get("card_answer").is_none(), "{answer}");
    house.run(&["card", "unblock", &card.id.to_string()]);
    is_declined(&sell_thrice(&serving, &blocked).decided(), "card_blocked");
    assert_eq!(sell_thrice(&serving, &card.tap(&terminal, &coffee)).decided()["outcome"], "approved");

    let file = house.path("new-card.json");
    house.run(&["card", "replace", &card.id.to_string(), "--out", file.to_str().unwrap()]);
    is_declined(&sell_thrice(&serving, &card.tap(&terminal, &coffee)).decided(), "card_blocked");
    let new = crate::card::Card::read(&file);
    assert_eq!(sell_thrice(&serving, &new.tap(&terminal, &coffee)).decided()["outcome"], "approved");
    house.verify().await;
}

#[tokio::test]
async fn staff_register_care_by_name_and_nothing_else() {
    let house = House::open().await;
    let (client, stranger) = (house.client(5000, 1000).await, house.client_of(2, 0, 1000).await);
    let terminal = house.terminal(RESTAURANT);
    let serving = house.serve();
    let staff = Uuid::new_v4();
    let by_name = |wallet: u32, service: Uuid| {
        json!({"id": Uuid::now_v7(), "mode": "online", "price_list": 3, "staff": staff, "payer": {"wallet": wallet},
               "lines": [{"service": service, "quantity": 1}]})
    };
    let answer = serving.sell(&terminal, &by_name(client.number, SHOWER)).decided();
    assert_eq!((&answer["outcome"], answer.get("card_answer")), (&json!("approved"), None));
    is_declined(&serving.sell(&terminal, &by_name(client.number, COFFEE)).decided(), "card_needed");
    is_declined(&serving.sell(&terminal, &by_name(stranger.number, SHOWER)).decided(), "card_unknown");
    let before = house.books().await;
    let mut anonymous = by_name(client.number, SHOWER);
    anonymous.as_object_mut().unwrap().remove("staff");
    serving.sell(&terminal, &anonymous).is_problem(422, "request-malformed");
    serving.sell(&terminal, &by_name(0, SHOWER)).is_problem(422, "request-malformed");
    assert_eq!(house.books().await, before);
    house.verify().await;
}

#[tokio::test]
async fn a_sale_of_another_location_is_not_there_to_be_asked_for_or_given_back() {
    let house = House::open().await;
    let client = house.client(0, 1000).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let colleague = house.terminal(RESTAURANT);
    let serving = house.serve();
    let lines = [(COFFEE, 2)];
    let tap = card.tap(&terminal, &lines);
    let sold = serving.sell(&terminal, &tap.sale());
    assert_eq!(serving.ask_sale(&colleague, tap.id).text(), sold.text());

    let before = house.books().await;
    let (refunds, void) = (format!("/api/v1/sales/{}/refunds", tap.id), format!("/api/v1/sales/{}/void", tap.id));
    for place in [CANTEEN, ELSEWHERE] {
        let other = house.terminal(place);
        serving.ask_sale(&other, tap.id).is_problem(404, "sale-unknown");
        let refund = json!({"id": Uuid::now_v7(), "lines": [{"line": 0, "quantity": 1}]});
        serving.post(&other, &refunds, &refund).is_problem(404, "sale-unknown");
        let undo = json!({"id": Uuid::now_v7(), "client": {"card": card.id}});
        serving.post(&other, &void, &undo).is_problem(404, "sale-unknown");
        // nor is its id free
        serving.sell(&other, &tap.sale()).is_problem(409, "id-reused");
    }
    serving.ask_sale(&terminal, Uuid::now_v7()).is_problem(404, "sale-unknown");
    assert_eq!(house.books().await, before);
    house.verify().await;
}
