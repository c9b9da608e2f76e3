//! What is promised of a card that is pulled away.

use std::collections::VecDeque;

use card_protocol::frame::{self, AnswerFrame};
use card_protocol::transaction::EURO;
use card_protocol::{Decision, TransactionKind};

use super::*;
use crate::card::{Card, CardState, Fleeting, Generation, Identity};
use crate::reader::ReaderFault;

/// What happens to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// It is answered.
    Answered,
    /// The card does what it asks, and leaves before it answers.
    Lost,
    /// The card leaves before it hears of it.
    Unheard,
}
use Event::{Answered, Lost, Unheard};

/// A field into which cards come and from which they go.
struct Field {
    cards: Vec<Card<Fleeting>>,
    /// Which card is shown, each time one is waited for; the last one goes on.
    shown: VecDeque<usize>,
    events: VecDeque<Event>,
    wanted: Vec<Wanted>,
    fault: Option<ReaderFault>,
}

fn card(id: u8) -> Card<Fleeting> {
    let id = [id; 16];
    let master = card_protocol::MasterKey::new(card_protocol::Secret::new([1; 32]));
    let generations = vec![Generation { number: 1, keys: master.card_keys(&id, 1) }];
    Card::new(Identity { card: id, generations, pin: None }, CardState::new(1), Fleeting).unwrap()
}

fn field(events: &[Event], shown: &[usize]) -> Field {
    Field {
        cards: vec![card(7), card(8)],
        shown: shown.iter().copied().collect(),
        events: events.iter().copied().collect(),
        wanted: Vec::new(),
        fault: None,
    }
}

impl CardReader for Field {
    fn transmit(&mut self, command: &[u8]) -> AnswerFrame {
        let at = self.shown.front().copied().unwrap();
        let event = self.events.pop_front().unwrap_or(Answered);
        let card = &mut self.cards[at];
        let answer = if event == Unheard { frame::torn() } else { card.transmit(command) };
        if event == Answered {
            return answer;
        }
        card.leave_field();
        frame::torn()
    }

    fn await_card(&mut self, wanted: Wanted) -> Result<(), ReaderFault> {
        if wanted != Wanted::Card {
            if self.shown.len() > 1 {
                self.shown.pop_front();
            }
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
        }
        self.wanted.push(wanted);
        Ok(())
    }
}

impl Field {
    fn sign(&mut self) -> Result<Signed, TapError> {
        let mut sequence = 40;
        sign(self, || {
            sequence += 1;
            Ok(Authorise {
                terminal: [2; 16],
                location: [3; 16],
                terminal_sequence: sequence,
                terminal_nonce: sequence.to_be_bytes(),
                kind: TransactionKind::Sale,
                currency: EURO,
                amount_cents: 560,
                time_ms: 1,
                basket_digest: [5; 16],
                is_online: true,
            })
        })
    }
}

#[test]
fn a_tap_that_is_not_torn_asks_for_the_card_once() {
    let mut field = field(&[], &[0]);
    let signed = field.sign().unwrap();
    assert_eq!((signed.authorised.counter, signed.authorised.decision), (1, Decision::Online));
    assert_eq!(field.wanted, [Wanted::Card]);
}

#[test]
fn an_answer_that_was_lost_is_taken_from_the_journal_and_no_second_counter_is_used() {
    let mut field = field(&[Answered, Lost], &[0]);
    let signed = field.sign().unwrap();
    assert_eq!((signed.authorised.counter, signed.asked.terminal_sequence), (1, 41));
    assert_eq!(field.wanted, [Wanted::Card, Wanted::Again]);
    assert_eq!(field.cards[0].state().counter, 1);
}

#[test]
fn a_card_that_signed_nothing_signs_with_a_new_sequence_and_nonce() {
    let mut field = field(&[Answered, Unheard], &[0]);
    let signed = field.sign().unwrap();
    assert_eq!((signed.authorised.counter, signed.asked.terminal_sequence), (1, 42));
    assert_eq!(signed.asked.terminal_nonce, 42_u64.to_be_bytes());
}

#[test]
fn another_card_that_is_shown_is_asked_nothing_but_its_name_and_the_first_is_asked_for() {
    let mut field = field(&[Answered, Lost], &[0, 1, 1, 0]);
    let signed = field.sign().unwrap();
    assert_eq!((signed.selected.card, signed.authorised.counter), ([7; 16], 1));
    assert_eq!(field.wanted, [Wanted::Card, Wanted::Again, Wanted::First, Wanted::First]);
    assert_eq!(field.cards[1].state().counter, 0);
}

#[test]
fn wherever_a_tap_is_torn_one_counter_pays_at_most() {
    for select in [&[][..], &[Lost], &[Unheard], &[Lost, Unheard]] {
        for authorise in [Answered, Lost, Unheard] {
            for recovery in [&[][..], &[Lost], &[Answered, Lost], &[Answered, Unheard], &[Unheard, Answered, Lost]] {
                let events = [select, &[Answered, authorise], recovery].concat();
                let mut field = field(&events, &[0]);
                let signed = field.sign().unwrap();
                assert_eq!(signed.authorised.counter, field.cards[0].state().counter, "{events:?}: the last tap pays");
                let journal = field.cards[0].state().journal.unwrap();
                assert_eq!(journal.terminal_sequence, signed.asked.terminal_sequence, "{events:?}");
                assert_eq!(journal.authorised, signed.authorised, "{events:?}");
            }
        }
    }
}

#[test]
fn a_card_that_leaves_again_and_again_is_given_up() {
    assert_eq!(field(&[Lost; 40], &[0]).sign().unwrap_err(), TapError::Torn);
    // each AUTHORISE goes unheard, and SELECT and GET LAST after it say so
    let unheard = [&[Answered][..], &[Unheard, Answered, Answered].repeat(40)].concat();
    let mut field = field(&unheard, &[0]);
    assert_eq!(field.sign().unwrap_err(), TapError::Torn);
    assert_eq!(field.cards[0].state().counter, 0);
}

#[test]
fn a_reader_that_goes_meanwhile_ends_the_tap() {
    for events in [&[Lost][..], &[Answered, Lost]] {
        let mut field = field(events, &[0]);
        field.fault = Some(ReaderFault::Unplugged);
        assert_eq!(field.sign().unwrap_err(), TapError::Reader(ReaderFault::Unplugged));
    }
}

#[test]
fn cards_that_cannot_pay_are_told_apart() {
    let mut blank = field(&[], &[0]);
    blank.cards[0] = Card::blank(Fleeting);
    assert_eq!(blank.sign().unwrap_err(), TapError::Blank);
    struct Foreign(&'static [u8], Status);
    impl CardReader for Foreign {
        fn transmit(&mut self, _: &[u8]) -> AnswerFrame {
            frame::answer(self.0, self.1)
        }
    }
    let sign = |mut reader: Foreign| sign(&mut reader, || Err(TapError::SequenceSpent)).unwrap_err();
    assert_eq!(sign(Foreign(&[], Status::NOT_FOUND)), TapError::Foreign(Status::NOT_FOUND));
    assert_eq!(sign(Foreign(b"something else", Status::OK)), TapError::ForeignNonsense);
    assert_eq!(sign(Foreign(&[], Status::DEAD)), TapError::Dead);
}
