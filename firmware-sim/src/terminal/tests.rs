//! What a terminal promises of its taps.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use card_protocol::frame::{Last, TapState, decode_answer, get_last};

use super::*;
use crate::answer::Outcome;
use crate::card::{Card, Fleeting};
use crate::fake_service::{Book, start};
use crate::files::tests::{card_json, terminal_json};
use crate::files::{CardFile, TerminalFile};
use crate::give_up::give_up;
use crate::settling::{Answered, Ended};

struct Scene {
    book: Arc<Book>,
    terminal: Terminal,
    card: Card<Fleeting>,
    order: Order,
}

async fn scene() -> Scene {
    let book = Arc::new(Book::default());
    book.price_list.store(3, Ordering::Relaxed);
    let url = start(Arc::clone(&book)).await;
    let file: TerminalFile = serde_json::from_str(&terminal_json(1)).unwrap();
    let client =
        Client::new(&url, file.terminal, file.key.as_ref().unwrap().0.expose(), Duration::from_secs(2)).unwrap();
    let mut terminal = Terminal::new(file.terminal, file.location, 0, client);
    let assortment = terminal.refresh().await.unwrap();
    let line = |name: &str, quantity| SaleLine { service: assortment.find(name).unwrap().id, quantity, hold: None };
    let lines = vec![line("Dienst 1", 2), line("Dienst 3", 1)];
    let order = Order { mode: Mode::Online, staff: None, lines, claimed_price_list: None, signs_less: false };
    let card: CardFile = serde_json::from_str(&card_json(5)).unwrap();
    Scene { book, terminal, card: card.fleeting().unwrap(), order }
}

impl Scene {
    fn tap(&mut self) -> CardTap {
        self.terminal.tap(&mut self.card, &self.order).unwrap()
    }

    async fn sell(&mut self, tap: CardTap) -> Answered {
        let attempt = self.terminal.sale(&self.order, &Payer::Card(tap)).unwrap();
        let (_stop, mut give_up) = give_up();
        match self.terminal.settle(&attempt, &mut give_up).await.ended {
            Ended::Answered(answered) => {
                assert_eq!(answered.nonsense, None);
                answered
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_tap_is_sold_and_the_card_is_told() {
    let mut scene = scene().await;
    let tap = scene.tap();
    assert_eq!((tap.amount_cents, tap.counter, tap.terminal_sequence), (500, 1, 1));
    let answered = scene.sell(tap).await;
    assert_eq!(answered.outcome, Outcome::Approved);
    complete(&mut scene.card, answered.for_card.unwrap(), None).unwrap();
    let frame = scene.card.transmit(get_last().as_bytes());
    let last = Last::decode(decode_answer(frame.as_bytes()).unwrap().0).unwrap();
    assert_eq!((last.state, last.approved_cents), (TapState::Completed, 500));
}

#[tokio::test]
async fn what_the_card_did_not_sign_is_seen() {
    let mut scene = scene().await;
    for change in [
        (|tap| tap.mac.0[0] ^= 1) as fn(&mut CardTap),
        |tap| tap.amount_cents += 1,
        |tap| tap.time_ms += 1,
        |tap| tap.terminal_sequence += 1,
        |tap| tap.terminal_nonce.0[7] ^= 1,
    ] {
        let mut tap = scene.tap();
        change(&mut tap);
        assert_eq!(scene.sell(tap).await.reason.as_deref(), Some("card_mac_wrong"));
    }
    let tap = scene.tap();
    scene.order.lines[0].quantity += 1;
    assert_eq!(scene.sell(tap).await.reason.as_deref(), Some("card_mac_wrong"));
}

#[tokio::test]
async fn a_card_can_be_made_to_sign_a_cent_less() {
    let mut scene = scene().await;
    scene.order.signs_less = true;
    assert_eq!(scene.tap().amount_cents, 499);
}

#[tokio::test]
async fn a_tap_under_a_new_id_is_another_sale_and_its_counter_is_used() {
    let mut scene = scene().await;
    let tap = scene.tap();
    scene.sell(tap.clone()).await;
    assert_eq!(scene.sell(tap).await.reason.as_deref(), Some("counter_used"));
}

#[tokio::test]
async fn prices_that_are_out_of_date_are_read_anew_and_the_catalogue_is_not() {
    let mut scene = scene().await;
    scene.book.price_list.store(4, Ordering::Relaxed);
    let tap = scene.tap();
    let answered = scene.sell(tap).await;
    assert!(answered.wants_new_prices);
    assert_eq!(scene.terminal.refresh().await.unwrap().price_list.version, 4);
    assert_eq!(scene.book.catalogues.load(Ordering::Relaxed), 1);
    let tap = scene.tap();
    assert_eq!(scene.sell(tap).await.outcome, Outcome::Approved);
}

#[tokio::test]
async fn an_answer_of_another_sale_is_not_believed_by_the_card() {
    let mut scene = scene().await;
    let tap = scene.tap();
    let earlier = scene.sell(tap).await.for_card.unwrap();
    scene.tap();
    let refused = complete(&mut scene.card, earlier, None);
    assert_eq!(refused, Err(TapError::Refused { command: "COMPLETE", status: Status::MAC_WRONG }));
}

#[tokio::test]
async fn nothing_is_tapped_without_lines_that_have_a_price() {
    let mut scene = scene().await;
    scene.order.lines[0].service = Uuid::max();
    assert!(matches!(scene.terminal.tap(&mut scene.card, &scene.order), Err(TapError::Price(_))));
    assert_eq!(scene.card.state().counter, 0);
}
