//! What a card is told to change: sent with the answer to a tap, again until a tap shows that it came.

use card_protocol::Decision;
use card_protocol::frame::Status;
use card_protocol::script::Change;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::card::Terminal;
use crate::service::{COFFEE, ELSEWHERE, House, RESTAURANT, Serving, wait_until};
use crate::virtual_card::{VirtualCard, decoded, script_of};

const LIMITS: [&str; 6] = ["--offline-tap", "1000", "--offline-total", "3000", "--offline-count", "4"];
const AS_LIMITS: Change = Change::Limits { tap_cents: 1000, total_cents: 3000, count: 4 };

impl House {
    fn limit(&self, card: &VirtualCard) {
        self.run(&[&["card", "limits", &card.id()], &LIMITS[..]].concat());
    }

    /// The lines of `pasje card show` that tell of scripts, without their times.
    fn told(&self, card: &VirtualCard) -> Vec<String> {
        let text = self.run(&["card", "show", &card.id()]);
        let scripts = text.lines().filter(|line| line.starts_with("script "));
        scripts
            .map(|line| {
                let (what, rest) = line.split_once(", queued ").unwrap();
                let (_, became) = rest.split_once(": ").unwrap();
                let became = became.split(", seen").next().unwrap();
                let (_, what) = what.split_at("script ".len());
                format!("{} {became}", what.split_whitespace().collect::<Vec<_>>().join(" "))
            })
            .collect()
    }

    /// Waits until it is so: what came is written beside the sales.
    fn is_told(&self, card: &VirtualCard, expected: &[&str]) {
        let mut told = Vec::new();
        wait_until("what came is written", || {
            told = self.told(card);
            told == expected
        });
    }
}

/// Waits until the running service knows what was queued beside it, without a tap that would show it.
fn read_again() {
    std::thread::sleep(std::time::Duration::from_secs(2));
}

fn ask(serving: &Serving, terminal: &Terminal, asking: &Value) -> Value {
    serving.post(terminal, "/api/v1/card-scripts", asking).decided()
}

#[tokio::test]
async fn a_script_goes_out_with_the_next_tap_again_until_a_tap_shows_that_it_came_and_never_after() {
    let house = House::open().await;
    let client = house.client(10_000, 0).await;
    let terminal = house.terminal(RESTAURANT);
    let mut card = house.virtual_card(&client, &[]);
    let serving = house.serve();
    assert_eq!(script_of(&card.sell(&serving, &terminal, &[(COFFEE, 1)])), None);
    house.limit(&card);
    house.is_told(&card, &["1 limits 1000 cents a tap, 3000 cents or 4 taps in all waits"]);
    read_again();

    // the answer is lost on its way to the card: the next one brings the script again
    let lost = serving.sell(&terminal, &card.tap(&terminal, &[(COFFEE, 1)]).sale());
    let first = decoded(script_of(&lost).expect("a script"));
    assert_eq!((first.number, first.change), (1, AS_LIMITS));
    let sale = card.tap(&terminal, &[(COFFEE, 1)]).sale();
    let reply = serving.sell(&terminal, &sale);
    assert_eq!(script_of(&reply), script_of(&lost));
    // who asks for the sale hears of the script too, and the body is the same as ever
    let again = serving.ask_sale(&terminal, crate::card::uuid(&sale["id"]));
    assert_eq!((script_of(&again), &again.body), (script_of(&reply), &reply.body));
    assert_eq!(serving.sell(&terminal, &sale).body, reply.body);
    assert_eq!(card.complete(&reply.json()["card_answer"], script_of(&reply)), Status::OK);
    let limits = card.state().limits;
    assert_eq!((limits.tap_cents, limits.total_cents, limits.count), (1000, 3000, 4));

    // the next tap shows that it came, and none brings it again
    assert_eq!(script_of(&card.sell(&serving, &terminal, &[(COFFEE, 1)])), None);
    house.is_told(&card, &["1 limits 1000 cents a tap, 3000 cents or 4 taps in all came"]);
    assert_eq!(script_of(&serving.ask_sale(&terminal, crate::card::uuid(&sale["id"]))), None);
    let listed = house.run(&["card", "list"]);
    let row = listed.lines().find(|line| line.starts_with(&card.id())).unwrap();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>()[1..6].join(" "), format!("active {} 1 0 1", until(row)));
    // a service that starts anew knows it too
    serving.stop();
    let serving = house.serve();
    assert_eq!(script_of(&card.sell(&serving, &terminal, &[(COFFEE, 1)])), None);
    house.verify().await;
}

fn until(row: &str) -> &str {
    row.split_whitespace().nth(2).unwrap()
}

#[tokio::test]
async fn a_later_script_takes_the_place_of_its_like_and_scripts_of_other_kinds_come_one_by_one() {
    let house = House::open().await;
    let client = house.client(10_000, 0).await;
    let terminal = house.terminal(RESTAURANT);
    let mut card = house.virtual_card(&client, &[]);
    house.run(&["card", "limits", &card.id(), "--offline-tap", "1", "--offline-total", "1", "--offline-count", "1"]);
    house.run(&["card", "reset-offline", &card.id()]);
    house.limit(&card);
    let serving = house.serve();
    let changes: Vec<_> = (0..3)
        .map(|_| script_of(&card.sell(&serving, &terminal, &[(COFFEE, 1)])).map(|script| decoded(script).change))
        .collect();
    assert_eq!(changes, [Some(Change::ResetOffline), Some(AS_LIMITS), None]);
    house.is_told(
        &card,
        &[
            "1 limits 1 cents a tap, 1 cents or 1 taps in all replaced by 3",
            "2 reset offline came",
            "3 limits 1 cents a tap, 1 cents or 1 taps in all replaced by 4",
            "4 limits 1000 cents a tap, 3000 cents or 4 taps in all came",
        ],
    );
}

#[tokio::test]
async fn a_blocked_card_hears_of_its_block_before_all_else_and_after_unblock_works_again() {
    let house = House::open().await;
    let client = house.client(10_000, 0).await;
    let terminal = house.terminal(RESTAURANT);
    let mut card = house.virtual_card(&client, &[]);
    let serving = house.serve();
    house.limit(&card);
    house.run(&["card", "block", &card.id()]);

    // the service declines before it looks at the MAC, and answers the card nothing
    let tap = card.tap(&terminal, &[(COFFEE, 1)]);
    let declined = serving.sell(&terminal, &tap.sale());
    assert_eq!((declined.decided()["reason"].as_str(), script_of(&declined)), (Some("card_blocked"), None));
    let books = house.books().await;
    // asked for a script, it looks
    let told = ask(&serving, &terminal, &tap.asking());
    let script = told["script"].as_str();
    assert_eq!(script.map(|script| decoded(script).change), Some(Change::Block), "{told}");
    assert_eq!(card.complete(&told["card_answer"], script), Status::OK);
    assert!(card.state().is_blocked);

    // from now on the card declines by itself, and each tap of it can bring what waits
    assert_eq!(card.tap(&terminal, &[(COFFEE, 1)]).said.decision, Decision::Declined);
    assert_eq!(card.fetch(&serving, &terminal).map(|script| script.change), Some(AS_LIMITS));
    assert_eq!(card.fetch(&serving, &terminal), None);
    let so_far = [
        "1 limits 1000 cents a tap, 3000 cents or 4 taps in all replaced by 3",
        "2 block came",
        "3 limits 1000 cents a tap, 3000 cents or 4 taps in all came",
    ];
    // what came is known before the next is queued: otherwise it would be queued again behind it
    house.is_told(&card, &so_far);
    // blocked once more, it is told nothing that it has heard
    house.run(&["card", "block", &card.id()]);
    house.is_told(&card, &so_far);
    house.run(&["card", "unblock", &card.id()]);
    assert_eq!(card.fetch(&serving, &terminal).map(|script| script.change), Some(Change::Unblock));
    assert!(!card.state().is_blocked);
    assert_eq!(house.books().await, books, "asking for scripts books nothing and uses up no counter");
    assert_eq!(card.sell(&serving, &terminal, &[(COFFEE, 1)]).decided()["outcome"], "approved");
    house.is_told(&card, &[&so_far[..], &["4 unblock came"]].concat());
    house.verify().await;
}

#[tokio::test]
async fn unblocking_gives_a_pin_its_tries_back_and_replacing_blocks_the_lost_card() {
    let house = House::open().await;
    let client = house.client(10_000, 0).await;
    let terminal = house.terminal(RESTAURANT);
    let mut card = house.card_with_pin(&client, "4711", "100");
    let serving = house.serve();
    card.select();
    while card.verify("0000").tries_left().is_some_and(|left| left > 0) {}
    assert_eq!(card.verify("4711"), Status::PIN_BLOCKED);
    house.run(&["card", "unblock", &card.id()]);
    assert_eq!(card.fetch(&serving, &terminal).map(|script| script.change), Some(Change::Unblock));
    card.select();
    assert_eq!(card.verify("4711"), Status::OK);

    let (new, pin) = (house.path("new.json"), house.path("pin"));
    let output = house.command(&["card", "replace", &card.id(), "--out", new.to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("--pin-file"), "{said}");
    std::fs::write(&pin, "2580").unwrap();
    let replace = ["card", "replace", &card.id(), "--out", new.to_str().unwrap(), "--pin-file", pin.to_str().unwrap()];
    house.run(&replace);
    assert_eq!(card.fetch(&serving, &terminal).map(|script| script.change), Some(Change::Block));
    assert_eq!(card.tap(&terminal, &[(COFFEE, 1)]).said.decision, Decision::Declined);
    // the new card pays from the same wallet, and asks for a PIN as the old one did
    let mut new = VirtualCard::open(new);
    assert_eq!(new.sell(&serving, &terminal, &[(COFFEE, 1)]).decided()["reason"], "pin_needed");
    // nothing of the card's was seen between the two, so the first was replaced by the second
    house.is_told(&card, &["1 unblock replaced by 2", "2 block waits"]);
    assert!(house.command(&["card", "reset-offline", &card.id()]).output().unwrap().status.code() == Some(1));
    house.verify().await;
}

#[tokio::test]
async fn what_a_card_approved_offline_is_reset_with_the_answer_to_its_next_tap_and_once_only() {
    let house = House::open().await;
    let client = house.client(10_000, 0).await;
    let terminal = house.terminal(RESTAURANT);
    let mut card = house.virtual_card(&client, &[]);
    let serving = house.serve();
    let offline = |card: &VirtualCard| (card.state().offline_total_cents, card.state().offline_count);
    for _ in 0..2 {
        assert_eq!(card.tap_offline(&terminal, &[(COFFEE, 1)]).said.decision, Decision::ApprovedOffline);
    }
    assert_eq!(offline(&card), (500, 2));
    let sale = card.tap(&terminal, &[(COFFEE, 1)]).sale();
    let reply = serving.sell(&terminal, &sale);
    assert_eq!(script_of(&reply).map(|script| decoded(script).change), Some(Change::ResetOffline));
    // a copy brings the same script and queues no other
    assert_eq!(script_of(&serving.sell(&terminal, &sale)), script_of(&reply));
    assert_eq!(card.complete(&reply.json()["card_answer"], script_of(&reply)), Status::OK);
    assert_eq!(offline(&card), (0, 0));
    assert_eq!(script_of(&card.sell(&serving, &terminal, &[(COFFEE, 1)])), None);
    house.is_told(&card, &["1 reset offline came"]);
    // a copy of the old tap, after all that: what it says has long been seen to
    assert_eq!(script_of(&serving.sell(&terminal, &sale)), None);
    house.is_told(&card, &["1 reset offline came"]);
    // the next time it is another script, and it does not wait for what waits already
    house.limit(&card);
    read_again();
    card.tap_offline(&terminal, &[(COFFEE, 1)]);
    let reply = card.sell(&serving, &terminal, &[(COFFEE, 1)]);
    let script = decoded(script_of(&reply).unwrap());
    assert_eq!((script.number, script.change), (3, Change::ResetOffline));
    assert_eq!(offline(&card), (0, 0));
    wait_until("the limits come behind it", || {
        card.sell(&serving, &terminal, &[(COFFEE, 1)]);
        card.state().limits.tap_cents == 1000
    });
    house.verify().await;
}

/// One tap says both: that a script came, and that something was approved offline.
#[tokio::test]
async fn what_a_tap_says_that_came_is_not_queued_again_behind_the_reset_that_it_asks_for() {
    let house = House::open().await;
    let client = house.client(10_000, 0).await;
    let terminal = house.terminal(RESTAURANT);
    let mut card = house.virtual_card(&client, &[]);
    house.limit(&card);
    let serving = house.serve();
    read_again();
    let reply = card.sell(&serving, &terminal, &[(COFFEE, 1)]);
    assert_eq!(script_of(&reply).map(|script| decoded(script).change), Some(AS_LIMITS));
    assert_eq!(card.tap_offline(&terminal, &[(COFFEE, 1)]).said.decision, Decision::ApprovedOffline);
    let reply = card.sell(&serving, &terminal, &[(COFFEE, 1)]);
    let script = decoded(script_of(&reply).unwrap());
    assert_eq!((script.number, script.change), (2, Change::ResetOffline));
    assert_eq!(script_of(&card.sell(&serving, &terminal, &[(COFFEE, 1)])), None);
    let limits = "1 limits 1000 cents a tap, 3000 cents or 4 taps in all came";
    house.is_told(&card, &[limits, "2 reset offline came"]);
    // a card that works again hears of its reset with the tap that says so, as any other
    house.run(&["card", "block", &card.id()]);
    house.run(&["card", "unblock", &card.id()]);
    read_again();
    let reply = card.sell(&serving, &terminal, &[(COFFEE, 1)]);
    assert_eq!(script_of(&reply).map(|script| decoded(script).change), Some(Change::Unblock));
    card.tap_offline(&terminal, &[(COFFEE, 1)]);
    let reply = card.sell(&serving, &terminal, &[(COFFEE, 1)]);
    assert_eq!(script_of(&reply).map(|script| decoded(script).change), Some(Change::ResetOffline));
    house.verify().await;
}

#[tokio::test]
async fn nobody_gets_a_script_without_the_cards_own_mac() {
    let house = House::open().await;
    let client = house.client(10_000, 0).await;
    let (terminal, other) = (house.terminal(RESTAURANT), house.terminal(RESTAURANT));
    let elsewhere = house.terminal(ELSEWHERE);
    let mut card = house.virtual_card(&client, &[]);
    house.limit(&card);
    let serving = house.serve();
    let nothing = json!({"card_answer": null, "script": null});
    let tap = card.tap(&terminal, &[(COFFEE, 1)]);
    let changed = |path: &str, value: Value| {
        let mut asking = tap.asking();
        *asking.pointer_mut(path).unwrap() = value;
        asking
    };
    for (path, value) in [
        ("/card/mac", json!("00".repeat(16))),
        ("/card/script_number", json!(1)),
        ("/card/offline_count", json!(9)),
        ("/card/counter", json!(2)),
        ("/card/generation", json!(2)),
        ("/card/generation", json!(200)),
        ("/card/id", json!(Uuid::new_v4())),
        ("/decision", json!("declined")),
        ("/price_list", json!(2)),
        ("/lines/0/quantity", json!(2)),
    ] {
        assert_eq!(ask(&serving, &terminal, &changed(path, value.clone())), nothing, "{path} {value}");
    }
    // a card that was tapped at another terminal, or is another organisation's
    assert_eq!(ask(&serving, &other, &tap.asking()), nothing);
    assert_eq!(ask(&serving, &elsewhere, &tap.asking()), nothing);
    // what was said without a right MAC was not believed: nothing came, nothing was queued
    house.is_told(&card, &["1 limits 1000 cents a tap, 3000 cents or 4 taps in all waits"]);
    // of a sale that is declined for its MAC neither
    let mut wrong = tap.sale();
    *wrong.pointer_mut("/payer/card/script_number").unwrap() = json!(1);
    let declined = serving.sell(&terminal, &wrong);
    assert_eq!((declined.decided()["reason"].as_str(), script_of(&declined)), (Some("card_mac_wrong"), None));
    house.is_told(&card, &["1 limits 1000 cents a tap, 3000 cents or 4 taps in all waits"]);

    let told = ask(&serving, &terminal, &tap.asking());
    assert!(told["script"].is_string() && told["card_answer"].is_string(), "{told}");
    // a tap that was sold has the answer of its sale, and cannot be declined beside it
    let sold = card.tap(&terminal, &[(COFFEE, 1)]);
    assert_eq!(serving.sell(&terminal, &sold.sale()).decided()["outcome"], "approved");
    assert_eq!(ask(&serving, &terminal, &sold.asking()), nothing);
    for (path, value) in [("/decision", json!("approved")), ("/lines", json!([])), ("/card", json!(7))] {
        serving.post(&terminal, "/api/v1/card-scripts", &changed(path, value)).is_problem(422, "request-malformed");
    }
}

#[tokio::test]
async fn two_services_send_the_same_scripts_and_each_hears_from_the_other_what_came() {
    let house = House::open().await;
    let client = house.client(10_000, 0).await;
    let terminal = house.terminal(RESTAURANT);
    let mut card = house.virtual_card(&client, &[]);
    let (one, two) = (house.serve(), house.serve());
    house.limit(&card);
    read_again();
    assert!(script_of(&card.sell(&one, &terminal, &[(COFFEE, 1)])).is_some());
    // the other has not heard that it came: it hears it from the card itself
    assert_eq!(script_of(&card.sell(&two, &terminal, &[(COFFEE, 1)])), None);
    house.is_told(&card, &["1 limits 1000 cents a tap, 3000 cents or 4 taps in all came"]);
    assert_eq!(script_of(&card.sell(&one, &terminal, &[(COFFEE, 1)])), None);
}
