//! The PIN online: what a tap may cost without it.

use card_protocol::HolderVerification;
use card_protocol::frame::Status;
use serde_json::{Value, json};

use crate::card::Terminal;
use crate::service::{COFFEE, House, RESTAURANT, SHOWER, Serving, WINE};
use crate::virtual_card::{Signed, VirtualCard};

fn sell(serving: &Serving, terminal: &Terminal, tap: &Signed) -> Value {
    serving.sell(terminal, &tap.sale()).decided()
}

fn verified(card: &mut VirtualCard, pin: &str) {
    card.select();
    assert_eq!(card.verify(pin), Status::OK);
}

#[tokio::test]
async fn above_what_is_free_of_pin_lines_are_left_out_and_care_never_is() {
    let house = House::open().await;
    let client = house.client(5_000, 5_000).await;
    let terminal = house.terminal(RESTAURANT);
    let mut card = house.card_with_pin(&client, "4711", "560");
    let serving = house.serve();
    // 2.50 + 3.10 is just within it
    let both = [(COFFEE, 1), (WINE, 1)];
    assert_eq!(card.sell(&serving, &terminal, &both).decided()["outcome"], "approved");
    // lines are counted in the order in which they are paid
    let part = card.sell(&serving, &terminal, &[(WINE, 1), (COFFEE, 2), (SHOWER, 1)]).decided();
    assert_eq!(part["outcome"], "approved_in_part");
    assert_eq!(part["left_out"], json!([{"line": 0, "reason": "pin_needed"}]));
    assert_eq!(part["approved_cents"], 500 + 1800);
    let declined = card.sell(&serving, &terminal, &[(WINE, 2)]).decided();
    assert_eq!((&declined["outcome"], &declined["reason"]), (&json!("declined"), &json!("pin_needed")));
    // all or none
    let whole = card.tap(&terminal, &[(COFFEE, 1), (WINE, 2)]);
    let whole = serving.sell(&terminal, &whole.sale_in("whole")).decided();
    assert_eq!(whole["reason"], "pin_needed");
    // without money the PIN would be asked in vain
    let poor = card.sell(&serving, &terminal, &[(COFFEE, 40)]).decided();
    assert_eq!(poor["reason"], "insufficient_funds");

    // with the PIN there is nothing to hold it back, once
    verified(&mut card, "4711");
    let tap = card.authorise(&terminal, &[(WINE, 2)], true);
    assert_eq!(tap.said.holder_verification, HolderVerification::Pin);
    assert_eq!(sell(&serving, &terminal, &tap)["outcome"], "approved");
    let tap = card.authorise(&terminal, &[(WINE, 2)], true);
    assert_eq!(sell(&serving, &terminal, &tap)["reason"], "pin_needed");
    // nor can a terminal say that there was one
    let mut lie = tap.sale();
    *lie.pointer_mut("/payer/card/holder_verification").unwrap() = json!("pin");
    assert_eq!(serving.sell(&terminal, &lie).decided()["reason"], "card_mac_wrong");
    house.verify().await;
}

#[tokio::test]
async fn a_card_that_is_free_of_pin_or_asks_for_it_always_does_so() {
    let house = House::open().await;
    let client = house.client(5_000, 0).await;
    let terminal = house.terminal(RESTAURANT);
    let (mut free, mut strict) = (house.virtual_card(&client, &[]), house.card_with_pin(&client, "2580", "0"));
    let serving = house.serve();
    assert_eq!(free.sell(&serving, &terminal, &[(COFFEE, 9)]).decided()["outcome"], "approved");
    assert_eq!(strict.sell(&serving, &terminal, &[(COFFEE, 1)]).decided()["reason"], "pin_needed");
    assert_eq!(strict.sell(&serving, &terminal, &[(SHOWER, 1)]).decided()["outcome"], "approved");
    // a PIN that no card has cannot be asked for
    let out = house.path("no-pin.json");
    let number = client.number.to_string();
    let arguments = ["card", "issue", "--wallet", &number, "--out", out.to_str().unwrap(), "--pin-free", "500"];
    assert_eq!(house.command(&arguments).output().unwrap().status.code(), Some(2));
    assert!(house.run(&["card", "show", &strict.id()]).contains("without PIN     0 cents"));
}
