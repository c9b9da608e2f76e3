//! What reaches a card through a till: that it is blocked, that it is not any more, new keys.

use std::time::Duration;

use firmware_sim::files::CardOnFile;
use firmware_sim::till::{CardTold, Ended, Refusal};

use crate::counter::{Counter, Network, decided, stored};
use crate::service::{COFFEE, House, WINE};

/// Sells until the card was told a script: the running service reads within seconds what was queued beside it.
async fn sell_until_told(counter: &mut Counter, card: &mut CardOnFile) -> Ended {
    for _ in 0..200 {
        let ended = counter.sell_by_card(card, &[(COFFEE, 1)]).await;
        if let Ended::Answered { card: CardTold::ToldWithScript(_), .. }
        | Ended::Refused { card: CardTold::ToldWithScript(_), .. } = &ended
        {
            return ended;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the card was told nothing");
}

#[tokio::test]
async fn a_blocked_card_is_stopped_by_the_till_then_by_itself_and_healed_again() {
    let house = House::open().await;
    let client = house.client(10_000, 0).await;
    let mut card = house.held_card(&client, &[]);
    let id = card.id.to_string();
    let serving = house.serve();
    let mut counter = house.counter(&serving);
    counter.catch_up().await;
    house.run(&["card", "block", &id]);
    for _ in 0..200 {
        counter.wait(61_000);
        counter.till.try_now();
        counter.catch_up().await;
        if counter.till.cache().is_blocked(card.id) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // the list stops it
    counter.network = Network::Refused;
    counter.catch_up().await;
    let ended = counter.sell_by_card(&mut card, &[(COFFEE, 1)]).await;
    assert!(matches!(ended, Ended::Refused { refusal: Refusal::CardBlocked, .. }), "{ended:?}");
    assert_eq!(counter.till.state().waiting, 0);
    // the script stops it, also at a till that has heard of nothing
    counter.connect(&serving);
    counter.catch_up().await;
    assert_eq!(decided(&sell_until_told(&mut counter, &mut card).await), "card_blocked");
    assert!(card.card.state().is_blocked);
    house.run(&["card", "unblock", &id]);
    // it heals with the next tap, and pays with the one after it
    let ended = sell_until_told(&mut counter, &mut card).await;
    assert!(matches!(ended, Ended::Refused { refusal: Refusal::CardBlocked, .. }), "{ended:?}");
    assert!(!card.card.state().is_blocked);
    assert_eq!(decided(&counter.sell_by_card(&mut card, &[(COFFEE, 1)]).await), "approved");
    assert_eq!(house.purses(&client).await, [10_000 - 250, 0]);
    house.verify().await;
}

#[tokio::test]
async fn new_keys_reach_a_card_through_the_till_and_count_without_the_service() {
    let house = House::open().await;
    let client = house.client(100_000, 0).await;
    let mut card = house.held_card(&client, &[]);
    let serving = house.serve();
    let mut counter = house.counter(&serving);
    counter.catch_up().await;
    house.run(&["keys", "rotate"]);
    sell_until_told(&mut counter, &mut card).await;
    assert_eq!(card.card.state().generation, 2);
    // the till has keys of it as soon as it reads the list of cards again
    for _ in 0..200 {
        counter.wait(301_000);
        counter.catch_up().await;
        if counter.till.cache().card(card.id).is_some_and(|entry| entry.keys.iter().any(|key| key.generation == 2)) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    counter.network = Network::Refused;
    counter.catch_up().await;
    let sold = stored(&counter.sell_by_card(&mut card, &[(COFFEE, 1)]).await);
    let before = house.purses(&client).await;
    counter.connect(&serving);
    counter.deliver().await;
    house.all_judged().await;
    assert_eq!(house.purses(&client).await, [before[0] - 250, 0], "{sold}");
    assert_eq!(house.text("SELECT count(*)::text FROM review").await, "0");
    house.verify().await;
}

#[tokio::test]
async fn a_pin_that_was_wrong_three_times_stops_nobodys_coffee() {
    let house = House::open().await;
    let client = house.client(10_000, 5_000).await;
    let pin = house.path("pin");
    std::fs::write(&pin, "1234").unwrap();
    let mut card = house.held_card(&client, &["--pin-file", pin.to_str().unwrap(), "--pin-free", "300"]);
    let serving = house.serve();
    let mut counter = house.counter(&serving);
    counter.catch_up().await;
    let wrong = card_protocol::pin::PinBlock::of_digits(b"4321").unwrap();
    for (service, outcome) in [(COFFEE, "approved"), (WINE, "pin_needed"), (COFFEE, "approved")] {
        assert_eq!(counter.sell_with_pin(&mut card, &[(service, 1)], &wrong).await, outcome);
    }
    assert_eq!(house.purses(&client).await, [10_000 - 500, 5_000]);
    // without the service nobody but the card decides, and it wants its PIN
    counter.network = Network::Refused;
    let refused = counter.sell_with_pin(&mut card, &[(COFFEE, 1)], &wrong).await;
    assert_eq!(refused, "PinBlocked");
    house.verify().await;
}

impl Counter {
    /// Whatever is asked for, this PIN is typed.
    async fn sell_with_pin(
        &mut self,
        card: &mut CardOnFile,
        of: &[(uuid::Uuid, u32)],
        pin: &card_protocol::pin::PinBlock,
    ) -> String {
        use firmware_sim::request::Mode;
        use firmware_sim::till::{Buyer, Wanted};
        let wanted = Wanted { buyer: Buyer::Card, mode: Mode::Online, staff: None, lines: crate::counter::lines(of) };
        self.till.sell(wanted, self.now_ms()).unwrap();
        let ended = self.go_on_with_pin(&mut card.card, Some(pin)).await;
        match ended {
            Ended::Refused { refusal, .. } => format!("{refusal:?}"),
            ended => decided(&ended),
        }
    }
}
