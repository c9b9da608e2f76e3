//! Forwarded sales: stored as they came, booked once, answered the same for ever.

use std::time::Duration;

use chrono::Utc;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::card::Tap;
use crate::journal::{Journal, by_name, in_review, judged, offline, sale_of};
use crate::service::{CANTEEN, COFFEE, House, RESTAURANT, SHOWER, WINE, wait_until};

/// An id whose time is elsewhere.
fn id_at(offset: chrono::Duration) -> Uuid {
    let ms = u128::from((Utc::now() + offset).timestamp_millis().cast_unsigned());
    Uuid::from_u128(ms << 80 | Uuid::now_v7().as_u128() & ((1 << 80) - 1))
}

#[tokio::test]
async fn a_journal_is_booked_once_and_answered_the_same_again() {
    let house = House::open().await;
    let client = house.client(300, 1000).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve();
    let lines = [(COFFEE, 1), (WINE, 2)];
    let mut journal = Journal::default();
    let tap = offline(&card, &terminal, &lines);
    journal.sell(&tap);
    let first = serving.forward(&terminal, &journal.body(1..=1)).decided();
    assert_eq!((&first["stored_to"], first["results"].as_array().unwrap().len()), (&json!(1), 1));
    let answer = &first["results"][0]["answer"];
    assert_eq!(
        (&answer["id"], &answer["outcome"], &answer["approved_cents"]),
        (&json!(tap.id), &json!("approved"), &json!(870))
    );
    assert!(answer.get("card_answer").is_none(), "the card is gone: {answer}");
    assert_eq!(house.purses(&client).await, [50, 380]);
    let books = house.books().await;
    // sent again, alone and before what is new; and after a restart
    assert_eq!(serving.forward(&terminal, &journal.body(1..=1)).decided(), first);
    journal.sell(&offline(&card, &terminal, &[(COFFEE, 1)]));
    let both = journal.deliver(&serving, &terminal, 1..=2);
    assert_eq!((&both[0], judged(&both[1])), (&first["results"][0], "approved".to_owned()));
    serving.stop();
    let serving = house.serve();
    assert_eq!(journal.deliver(&serving, &terminal, 1..=2), both);
    assert_ne!(house.books().await, books);
    assert_eq!(house.operations().await, 4, "grant, top-up and two sales");
    // what the ledger has, a colleague may ask for
    assert_eq!(serving.ask_sale(&terminal, tap.id).decided()["approved_cents"], 870);
    house.verify().await;
}

#[tokio::test]
async fn a_journal_that_does_not_fit_stores_nothing() {
    let house = House::open().await;
    let client = house.client(5000, 0).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve();
    let coffee = [(COFFEE, 1)];
    let mut journal = Journal::default();
    for _ in 0..5 {
        journal.sell(&offline(&card, &terminal, &coffee));
    }
    let gap = |body: &Value, stored_to: i64| {
        let reply = serving.forward(&terminal, body);
        reply.is_problem(409, "journal-gap");
        assert_eq!(reply.json()["stored_to"], stored_to, "{}", reply.text());
    };
    gap(&journal.body(2..=3), 0);
    assert_eq!(journal.deliver(&serving, &terminal, 1..=2).len(), 2);
    gap(&journal.body(4..=5), 2);
    gap(&journal.body([3, 5]), 2);
    let books = house.books().await;
    let mut other = journal.clone();
    let mut torn = journal.body(3..=3);
    torn["records"][0]["sale"] = json!("{}");
    serving.forward(&terminal, &torn).is_problem(422, "journal-hash-wrong");
    // another record under a sequence that is stored: twice refused, once put to review, with its bytes
    other.records.truncate(1);
    other.write("another sale");
    for _ in 0..2 {
        let mut body = other.body(2..=2);
        body["records"].as_array_mut().unwrap().push(journal.records[2].clone());
        serving.forward(&terminal, &body).is_problem(409, "journal-conflict");
    }
    assert_eq!(
        house
            .text("SELECT string_agg(why || ' ' || sequence || ' ' || convert_from(record, 'UTF8'), ', ') FROM review")
            .await,
        format!("10 2 another sale, 10 3 {}", journal.records[2]["sale"].as_str().unwrap()),
        "what follows is in no book either"
    );
    // a chain of another journal
    other.write("and one that follows it");
    gap(&other.body(3..=3), 2);
    // what is no journal at all
    let record = || journal.records[2].clone();
    let with = |field: &str, value: Value| {
        let mut record = record();
        record[field] = value;
        json!({"id": Uuid::now_v7(), "records": [record]})
    };
    let none: Vec<Value> = Vec::new();
    for body in [
        json!({"id": Uuid::now_v7(), "records": none}),
        json!({"id": Uuid::now_v7(), "records": vec![record(); 51]}),
        json!({"id": Uuid::now_v7(), "records": [record()], "more": 1}),
        with("sequence", json!(0)),
        with("sequence", json!(-1)),
        with("previous", json!("00")),
        with("hash", json!("x".repeat(64))),
        with("sale", json!({"id": 1})),
        with("more", json!(1)),
    ] {
        serving.forward(&terminal, &body).is_problem(422, "request-malformed");
    }
    let big = with("sale", json!("x".repeat(256 * 1024)));
    serving.forward(&terminal, &big).is_problem(413, "body-too-large");
    let long = with("sale", json!("x".repeat(20_001)));
    serving.forward(&terminal, &long).is_problem(422, "request-malformed");
    let shorter = with("sale", json!("x".repeat(20_000)));
    serving.forward(&terminal, &shorter).is_problem(422, "journal-hash-wrong");
    // the longest sale that there is fits
    let mut longest = sale_of(&offline(&card, &terminal, &[(Uuid::max(), 1000); 100]), Some(Uuid::now_v7()));
    for line in longest["lines"].as_array_mut().unwrap() {
        line["hold"] = json!(Uuid::now_v7());
    }
    assert!(longest.to_string().len() < 20_000, "{}", longest.to_string().len());
    assert_eq!(house.books().await, books);
    assert_eq!(house.text("SELECT count(*)::text FROM forward").await, "2");
    house.verify().await;
}

#[tokio::test]
async fn whatever_the_terminals_clock_said_a_sale_is_booked_once() {
    let house = House::open().await;
    let client = house.client(10_000, 0).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve();
    let coffee = [(COFFEE, 1)];
    let mut journal = Journal::default();
    let offsets = [chrono::Duration::days(-400), chrono::Duration::days(400), chrono::Duration::days(-34)];
    let ids = offsets.map(id_at);
    for id in ids {
        journal.sell(&Tap { id, ..offline(&card, &terminal, &coffee) });
    }
    let results = journal.deliver(&serving, &terminal, 1..=3);
    assert!(results.iter().all(|result| judged(result) == "approved"), "{results:?}");
    assert_eq!(results[2]["answer"]["id"], json!(ids[2]));
    assert_eq!(journal.deliver(&serving, &terminal, 1..=3), results);
    assert_eq!(house.purses(&client).await[0], 10_000 - 3 * 250);
    // it is known under the id that was sent too: asked for, given back and voided, as under the one that was answered
    let void = |id: &Value| {
        let target = format!("/api/v1/sales/{}/void", id.as_str().unwrap());
        serving.post(&terminal, &target, &json!({"id": Uuid::now_v7(), "client": {"card": card.id}}))
    };
    let other = house.terminal(CANTEEN);
    for at in 0..2 {
        assert_ne!(results[at]["answer"]["id"], json!(ids[at]));
        assert_eq!(serving.ask_sale(&terminal, ids[at]).decided()["id"], results[at]["answer"]["id"]);
        serving.ask_sale(&other, ids[at]).is_problem(404, "sale-unknown");
    }
    let back = json!({"id": Uuid::now_v7(), "lines": [{"line": 0, "quantity": 1}]});
    let target = format!("/api/v1/sales/{}/refunds", ids[0]);
    serving.post(&other, &target, &back).is_problem(404, "sale-unknown");
    assert_eq!(serving.post(&terminal, &target, &back).decided()["outcome"], "booked");
    assert_eq!(void(&json!(ids[1])).decided()["reference"], results[1]["answer"]["id"]);
    assert_eq!(void(&results[1]["answer"]["id"]).decided()["reason"], "nothing_left");
    // a void that came while the id could still be voided stands, however late the sale is delivered
    let voided = offline(&card, &terminal, &coffee);
    assert_eq!(void(&json!(voided.id)).decided()["outcome"], "cancelled_beforehand");
    journal.sell(&voided);
    let result = journal.deliver(&serving, &terminal, 4..=4).remove(0);
    assert_eq!((judged(&result), &result["answer"]["reason"]), ("declined".to_owned(), &json!("cancelled")));
    // an attempt of the future
    journal.write(&sale_of(&offline(&card, &terminal, &coffee), Some(id_at(chrono::Duration::days(300)))).to_string());
    assert_eq!(judged(&journal.deliver(&serving, &terminal, 5..=5)[0]), "approved");
    assert_eq!(house.text("SELECT count(*)::text FROM review").await, "0");
    house.verify().await;
}

#[tokio::test]
async fn an_online_attempt_and_its_forward_are_one_sale() {
    let house = House::open().await;
    let client = house.client(10_000, 0).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve();
    let coffee = [(COFFEE, 1)];
    let mut journal = Journal::default();
    // it came, and its answer was lost
    let tried = card.tap(&terminal, &coffee);
    assert_eq!(serving.sell(&terminal, &tried.sale()).decided()["outcome"], "approved");
    let sent = offline(&card, &terminal, &coffee);
    journal.write(&sale_of(&sent, Some(tried.id)).to_string());
    assert_eq!(judged(&journal.deliver(&serving, &terminal, 1..=1)[0]), "already_booked");
    // it comes after its forward
    let tried = card.tap(&terminal, &coffee);
    let sent = offline(&card, &terminal, &coffee);
    journal.write(&sale_of(&sent, Some(tried.id)).to_string());
    assert_eq!(judged(&journal.deliver(&serving, &terminal, 2..=2)[0]), "approved");
    let late = serving.sell(&terminal, &tried.sale()).decided();
    assert_eq!((&late["outcome"], &late["reason"]), (&json!("declined"), &json!("superseded")));
    assert_eq!(house.purses(&client).await[0], 10_000 - 2 * 250);
    assert_eq!(house.text("SELECT count(*)::text FROM review").await, "0");
    house.verify().await;
}

#[tokio::test]
async fn a_void_that_came_before_the_forward_undoes_its_attempt_whichever_comes_first() {
    let house = House::open().await;
    let client = house.client(10_000, 0).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve();
    let coffee = [(COFFEE, 1)];
    let mut journal = Journal::default();
    let void = |sale: Uuid| {
        let target = format!("/api/v1/sales/{sale}/void");
        let body = json!({"id": Uuid::now_v7(), "client": {"card": card.id}});
        serving.post(&terminal, &target, &body).decided()["outcome"].clone()
    };
    let try_online = |tap: &Tap<'_>| serving.sell(&terminal, &tap.sale()).decided();
    let delivered = |result: &Value| {
        assert_eq!((judged(result), &result["answer"]["reason"]), ("declined".to_owned(), &json!("cancelled")));
    };
    // attempt, void, forward
    let (tried, sent) = (card.tap(&terminal, &coffee), offline(&card, &terminal, &coffee));
    assert_eq!(try_online(&tried)["outcome"], "approved");
    assert_eq!(void(sent.id), "cancelled_beforehand");
    journal.write(&sale_of(&sent, Some(tried.id)).to_string());
    delivered(&journal.deliver(&serving, &terminal, 1..=1)[0]);
    assert_eq!(house.purses(&client).await[0], 10_000);
    // void, forward, attempt
    let (tried, sent) = (card.tap(&terminal, &coffee), offline(&card, &terminal, &coffee));
    assert_eq!(void(sent.id), "cancelled_beforehand");
    journal.write(&sale_of(&sent, Some(tried.id)).to_string());
    delivered(&journal.deliver(&serving, &terminal, 2..=2)[0]);
    assert_eq!(try_online(&tried)["reason"], "cancelled");
    // attempt, forward, void
    let (tried, sent) = (card.tap(&terminal, &coffee), offline(&card, &terminal, &coffee));
    assert_eq!(try_online(&tried)["outcome"], "approved");
    journal.write(&sale_of(&sent, Some(tried.id)).to_string());
    assert_eq!(judged(&journal.deliver(&serving, &terminal, 3..=3)[0]), "already_booked");
    assert_eq!(void(sent.id), "booked");
    assert_eq!(house.purses(&client).await[0], 10_000);
    assert_eq!(house.text("SELECT count(*)::text FROM review").await, "0");
    // by a clock that was ahead the attempt's time has not come: it could still be sold then
    let sent = offline(&card, &terminal, &coffee);
    assert_eq!(void(sent.id), "cancelled_beforehand");
    journal.write(&sale_of(&sent, Some(id_at(chrono::Duration::hours(1)))).to_string());
    delivered(&journal.deliver(&serving, &terminal, 4..=4)[0]);
    assert_eq!(house.text("SELECT string_agg(sequence || ' ' || why, ',') FROM review").await, "4 8");
    // the attempt cannot be undone: a human does
    let (tried, sent) = (card.tap(&terminal, &coffee), offline(&card, &terminal, &coffee));
    assert_eq!(try_online(&tried)["outcome"], "approved");
    assert_eq!(void(sent.id), "cancelled_beforehand");
    house.run(&["terminal", "revoke", &terminal.id.to_string()]);
    journal.write(&sale_of(&sent, Some(tried.id)).to_string());
    delivered(&journal.deliver(&serving, &terminal, 5..=5)[0]);
    assert_eq!(house.purses(&client).await[0], 10_000 - 250);
    assert_eq!(house.text("SELECT string_agg(sequence || ' ' || why, ',' ORDER BY id) FROM review").await, "4 8,5 12");
    house.verify().await;
}

#[tokio::test]
async fn an_attempt_of_another_client_or_terminal_that_was_sold_is_looked_at() {
    let house = House::open().await;
    let (client, other) = (house.client(10_000, 0).await, house.client(10_000, 0).await);
    let (terminal, beside) = (house.terminal(RESTAURANT), house.terminal(RESTAURANT));
    let (card, theirs) = (house.card(&client), house.card(&other));
    let serving = house.serve();
    let coffee = [(COFFEE, 1)];
    let mut journal = Journal::default();
    let tries = [theirs.tap(&terminal, &coffee), card.tap(&beside, &coffee)];
    for (tap, at) in tries.iter().zip([&terminal, &beside]) {
        assert_eq!(serving.sell(at, &tap.sale()).decided()["outcome"], "approved");
        let sent = sale_of(&offline(&card, &terminal, &coffee), Some(tap.id));
        journal.write(&sent.to_string());
    }
    let results = journal.deliver(&serving, &terminal, 1..=2);
    assert!(results.iter().all(|result| judged(result) == "approved"), "{results:?}");
    assert_eq!(house.text("SELECT string_agg(sequence || ' ' || why, ',' ORDER BY id) FROM review").await, "1 11,2 11");
    assert!(house.run(&["review", "list"]).contains("attempt_elsewhere"));
    house.verify().await;
    house.sql("ALTER TABLE review DISABLE TRIGGER USER; DELETE FROM review WHERE sequence = 1").await;
    let output = house.command(&["verify"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("record 1 of terminal"), "{output:?}");
}

#[tokio::test]
async fn old_prices_old_places_and_old_counters_are_those_of_the_day() {
    let house = House::open().await;
    let client = house.client(100_000, 0).await;
    let (mut terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve();
    let coffee = [(COFFEE, 1)];
    let mut journal = Journal::default();
    // a version of months ago
    journal.sell(&Tap { price_list: 1, ..offline(&card, &terminal, &coffee) });
    // sold at the canteen, before the terminal was moved
    terminal.location = CANTEEN;
    journal.sell(&offline(&card, &terminal, &coffee));
    terminal.location = RESTAURANT;
    // while the card went on elsewhere
    let old = offline(&card, &terminal, &coffee);
    let new = Tap { counter: old.counter + 1000, ..card.tap(&terminal, &coffee) };
    assert_eq!(serving.sell(&terminal, &new.sale()).decided()["outcome"], "approved");
    journal.sell(&old);
    journal.sell(&Tap { id: Uuid::now_v7(), ..old });
    // blocked meanwhile: it was handed over all the same
    house.run(&["card", "block", &card.id.to_string()]);
    journal.sell(&offline(&card, &terminal, &coffee));
    let results = journal.deliver(&serving, &terminal, 1..=5);
    for at in [0, 1, 2, 4] {
        assert_eq!(judged(&results[at]), "approved", "{results:?}");
    }
    assert_eq!(in_review(&results[3]), "counter_used");
    assert_eq!(
        house.text("SELECT string_agg(location::text, ' ' ORDER BY counter) FROM ledger.operation WHERE authority = 2 AND counter = 2").await,
        CANTEEN.to_string()
    );
    house.verify().await;
}

#[tokio::test]
async fn a_revoked_terminal_delivers_its_journal_and_nothing_else() {
    let house = House::open().await;
    let client = house.client(5000, 0).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve();
    let coffee = [(COFFEE, 1)];
    house.run(&["terminal", "revoke", &terminal.id.to_string()]);
    let mut journal = Journal::default();
    journal.sell(&offline(&card, &terminal, &coffee));
    journal.write(&by_name(&terminal, client.number, SHOWER).to_string());
    journal.sell(&offline(&card, &terminal, &coffee));
    serving.sell(&terminal, &card.tap(&terminal, &coffee).sale()).is_problem(401, "terminal-revoked");
    serving.get(&terminal, "/api/v1/catalogue").is_problem(401, "terminal-revoked");
    let results = journal.deliver(&serving, &terminal, 1..=3);
    assert_eq!([judged(&results[0]), in_review(&results[1]), judged(&results[2])], ["approved", "", "approved"]);
    assert_eq!(house.text("SELECT string_agg(why::text, ' ') FROM review").await, "6");
    assert_eq!(house.purses(&client).await[0], 5000 - 500);
    // what it made before is sold, and no more than it may make without a connection
    house.sql("UPDATE location SET offline_terminal_records = 4").await;
    journal.sell(&offline(&card, &terminal, &coffee));
    journal.write("filling the disk");
    serving.forward(&terminal, &journal.body(1..=5)).is_problem(401, "terminal-revoked");
    assert_eq!(journal.deliver(&serving, &terminal, 1..=4).len(), 4);
    serving.forward(&terminal, &journal.body(5..=5)).is_problem(401, "terminal-revoked");
    house.run(&["terminal", "revoke", &terminal.id.to_string()]);
    serving.forward(&terminal, &journal.body(5..=5)).is_problem(401, "terminal-revoked");
    assert_eq!(house.text("SELECT count(*)::text FROM forward").await, "4");
    // signed with another key it delivers nothing
    let stranger = crate::card::Terminal { key: [1; 32], ..terminal };
    serving.forward(&stranger, &journal.body(1..=3)).is_problem(401, "signature-wrong");
    house.verify().await;
}

#[tokio::test]
async fn what_could_not_be_judged_is_judged_later_and_by_one_of_several_services() {
    let house = House::open().await;
    let client = house.client(0, 100_000).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve();
    let coffee = [(COFFEE, 1)];
    let mut journal = Journal::default();
    for _ in 0..30 {
        journal.sell(&offline(&card, &terminal, &coffee));
    }
    // As a service leaves it that was killed between storing and judging.
    house
        .sql(&format!(
            "INSERT INTO forward (terminal, sequence, previous, hash, sale, operation, received_at) {}",
            values(&journal, &terminal)
        ))
        .await;
    let other = house.serve();
    wait_until("all are judged", || {
        let answers = journal.deliver(&other, &terminal, 1..=30);
        answers.iter().all(|answer| answer["state"] == "judged")
    });
    assert_eq!(house.purses(&client).await[1], 100_000 - 30 * 250);
    let alone = house.text("SELECT count(*)::text FROM ledger.operation WHERE authority = 2").await;
    assert_eq!(alone, "30");
    // in the order of the journal
    let order = "SELECT bool_and(batch >= before)::text FROM (SELECT batch, lag(batch, 1, 0) OVER (ORDER BY counter) AS before \
                 FROM ledger.operation WHERE authority = 2) AS o";
    assert_eq!(house.text(order).await, "true");
    drop(serving);
    house.verify().await;
}

fn values(journal: &Journal, terminal: &crate::card::Terminal) -> String {
    let row = |record: &Value| {
        let text = |name: &str| record[name].as_str().unwrap().to_owned();
        let sale = text("sale");
        let id = serde_json::from_str::<Value>(&sale).unwrap()["id"].as_str().unwrap().to_owned();
        format!(
            "SELECT '{}'::uuid, {}, decode('{}', 'hex'), decode('{}', 'hex'), convert_to('{sale}', 'UTF8'), '{id}'::uuid, \
             now() - interval '1 hour'",
            terminal.id,
            record["sequence"],
            text("previous"),
            text("hash")
        )
    };
    journal.records.iter().map(row).collect::<Vec<_>>().join(" UNION ALL ")
}

#[tokio::test]
async fn a_delivery_is_counted_and_names_nobody() {
    let house = House::open().await;
    let client = house.client(5000, 0).await;
    let (terminal, card) = (house.terminal(RESTAURANT), house.card(&client));
    let serving = house.serve();
    let mut journal = Journal::default();
    journal.sell(&offline(&card, &terminal, &[(COFFEE, 1)]));
    journal.write("not a sale");
    journal.deliver(&serving, &terminal, 1..=2);
    let metrics = || {
        let mut connection = crate::wire::Connection::open(serving.metrics);
        connection.ask(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").text()
    };
    wait_until("the open review is counted", || {
        std::thread::sleep(Duration::from_millis(100));
        metrics().contains("pasje_reviews_open 1")
    });
    let text = metrics();
    for line in [
        "pasje_forwards_total{outcome=\"approved\"} 1",
        "pasje_forwards_total{outcome=\"not_booked\"} 1",
        "pasje_forwards_pending 0",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    for secret in [card.id.to_string(), terminal.id.to_string(), client.name] {
        assert!(!text.contains(&secret), "{secret}");
    }
    house.verify().await;
}
