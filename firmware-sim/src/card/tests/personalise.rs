//! A blank card, and how it becomes somebody's.

use card_protocol::personalise::{GENERATIONS_MAX, Personalise, PutKeys};
use card_protocol::pin::PinBlock;

use super::*;

fn blank() -> Card<Fleeting> {
    let mut card = Card::blank(Fleeting);
    assert_eq!(status_of(&mut card, select().as_bytes()), Status::OK);
    card
}

fn keys(number: u8) -> PutKeys {
    PutKeys { generation: number, keys: master().card_keys(&ID, number) }
}

fn record(generation: u8) -> Personalise {
    Personalise {
        card: ID,
        generation,
        tap_limit_cents: 2500,
        total_limit_cents: 5000,
        count_limit: 5,
        pin: PinBlock::of_digits(b"1234").ok(),
    }
}

fn put<M: Memory>(card: &mut Card<M>, number: u8) -> Status {
    status_of(card, keys(number).command().as_bytes())
}

fn ends<M: Memory>(card: &mut Card<M>, record: &Personalise) -> Status {
    status_of(card, record.command().as_bytes())
}

fn selected_of<M: Memory>(card: &mut Card<M>) -> Selected {
    let frame = card.transmit(select().as_bytes());
    Selected::decode(decode_answer(frame.as_bytes()).unwrap().0).unwrap()
}

#[test]
fn a_blank_card_says_so_and_takes_nothing_but_its_keys() {
    let mut card = blank();
    let expected = Selected { card: [0; 16], generation: 0, is_blocked: false, has_pin: false, is_blank: true };
    assert_eq!(selected_of(&mut card), expected);
    for header in [AUTHORISE, COMPLETE, GET_LAST, VERIFY] {
        for length in [0, 8, 84] {
            assert_eq!(status_of(&mut card, &command(header, &vec![0xff; length])), Status::NOT_NOW, "{header:?}");
        }
    }
    assert_eq!(status_of(&mut card, asked().command().as_bytes()), Status::NOT_NOW);
}

#[test]
fn a_personalised_card_is_whom_it_was_made_and_takes_no_more_records() {
    let mut card = blank();
    assert_eq!(
        (put(&mut card, 2), put(&mut card, 1), ends(&mut card, &record(1))),
        (Status::OK, Status::OK, Status::OK)
    );
    let expected = Selected { card: ID, generation: 1, is_blocked: false, has_pin: true, is_blank: false };
    assert_eq!(selected_of(&mut card), expected);
    let state = card.state();
    assert_eq!((state.counter, state.limits), (0, OfflineLimits { tap_cents: 2500, total_cents: 5000, count: 5 }));
    for status in [put(&mut card, 3), ends(&mut card, &record(2)), status_of(&mut card, &command(PUT_KEYS, &[1]))] {
        assert_eq!(status, Status::NOT_NOW);
    }
    assert_eq!(selected_of(&mut card), expected);
    authorise(&mut card, &asked());
    let activate = script(1, Change::ActivateGeneration(2));
    assert_eq!(completes(&mut card, answered(1, CardOutcome::Approved, 1), activate), Status::OK, "it has both keys");
}

#[test]
fn records_that_cannot_be_are_refused_and_the_card_stays_blank() {
    let mut card = blank();
    assert_eq!(ends(&mut card, &record(1)), Status::WRONG_DATA, "no keys");
    put(&mut card, 1);
    assert_eq!(ends(&mut card, &record(2)), Status::WRONG_DATA, "keys of another generation");
    assert_eq!(status_of(&mut card, &command(PUT_KEYS, &[1; 127])), Status::WRONG_LENGTH);
    assert_eq!(status_of(&mut card, &command(PERSONALISE, &[1; 33])), Status::WRONG_LENGTH);
    let mut three_digits = Command::decode(record(1).command().as_bytes()).unwrap().data.to_vec();
    three_digits[29] = 0xff;
    assert_eq!(status_of(&mut card, &command(PERSONALISE, &three_digits)), Status::WRONG_DATA);
    assert!(selected_of(&mut card).is_blank);
}

#[test]
fn there_is_room_for_eight_generations_and_the_same_one_again_takes_none() {
    let mut card = blank();
    for number in 1..=u8::try_from(GENERATIONS_MAX).unwrap() {
        assert_eq!(put(&mut card, number), Status::OK);
    }
    assert_eq!(put(&mut card, 1), Status::OK);
    assert_eq!(put(&mut card, 9), Status::WRONG_DATA);
    assert_eq!(ends(&mut card, &record(8)), Status::OK);
}

#[test]
fn keys_of_a_session_that_ended_early_are_forgotten() {
    type Ending = fn(&mut Card<Fleeting>);
    let endings: [(&str, Ending); 2] = [("left", |card| card.leave_field()), ("selected again", |_| ())];
    for (name, ending) in endings {
        let mut card = blank();
        put(&mut card, 1);
        ending(&mut card);
        assert!(selected_of(&mut card).is_blank, "{name}");
        assert_eq!(ends(&mut card, &record(1)), Status::WRONG_DATA, "{name}");
    }
}

#[test]
fn personalisation_is_one_write_and_a_card_that_cannot_keep_it_is_dead() {
    struct Counting(Rc<RefCell<Vec<(bool, CardState)>>>);
    impl Memory for Counting {
        fn commit(&mut self, state: &CardState) -> io::Result<()> {
            self.0.borrow_mut().push((false, *state));
            Ok(())
        }
        fn personalise(&mut self, identity: &Identity, state: &CardState) -> io::Result<()> {
            assert_eq!((identity.card, identity.generations.len()), (ID, 1));
            self.0.borrow_mut().push((true, *state));
            Ok(())
        }
    }
    let kept = Rc::new(RefCell::new(Vec::new()));
    let mut card = Card::blank(Counting(Rc::clone(&kept)));
    status_of(&mut card, select().as_bytes());
    put(&mut card, 1);
    assert!(kept.borrow().is_empty(), "keys alone are nothing to keep");
    ends(&mut card, &record(1));
    assert_eq!(*kept.borrow(), [(true, *card.state())]);

    let mut card = Card::blank(Broken);
    status_of(&mut card, select().as_bytes());
    put(&mut card, 1);
    assert_eq!(ends(&mut card, &record(1)), Status::DEAD);
    assert_eq!(status_of(&mut card, select().as_bytes()), Status::DEAD);
}
