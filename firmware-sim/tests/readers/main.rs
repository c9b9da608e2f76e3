//! A till with a real pcscd: what staff read when something is wrong with a card or a reader, and that no money is lost.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use firmware_sim::hex;

#[path = "../../src/fake_service.rs"]
#[allow(dead_code)]
mod fake_service;
mod namespace;
mod till;

use std::time::Duration;

use card_protocol::frame::TapState;
use firmware_sim::card::{Card, Fleeting};
use firmware_sim::vpcd::Misbehaviour;
use namespace::{FIRST, Pcscd, SECOND, enters};
use till::{Till, card, show};

const GOOD: Misbehaviour =
    Misbehaviour { tear_after: None, slow: Duration::ZERO, is_foreign: false, is_empty: false, has_no_keys: false };
const HOLD_IT: &str = "Houd het pasje tegen de lezer.";
const AGAIN: &str = "Het pasje was te vroeg weg. Houd het nog eens tegen de lezer";
const NOTHING_SOLD: &str = "Er is niets verkocht en niets afgeschreven.";

#[test]
fn a_card_that_is_shown_pays_and_hears_how_it_ended() {
    if !enters("a_card_that_is_shown_pays_and_hears_how_it_ended") {
        return;
    }
    let _pcscd = Pcscd::start();
    let till = Till::new();
    let mut tap = till.tap(&["--reader"]);
    tap.says(HOLD_IT);
    let shown = show(card(5), FIRST, GOOD);
    tap.ends(0, "BETAALD");
    let card = shown.take();
    let journal = card.state().journal.unwrap();
    assert_eq!((card.state().counter, journal.state, till.sales()), (1, TapState::Completed, 1));
}
