//! The PIN.

use card_protocol::pin::{PIN_TRIES, PinBlock};

use super::*;

fn pin(digits: &[u8]) -> PinBlock {
    PinBlock::of_digits(digits).unwrap()
}

fn with_pin_and(state: CardState) -> Card<Fleeting> {
    let mut card = Card::new(Identity { pin: Some(pin(b"1234")), ..identity() }, state, Fleeting).unwrap();
    assert_eq!(status_of(&mut card, select().as_bytes()), Status::OK);
    card
}

fn with_pin() -> Card<Fleeting> {
    with_pin_and(CardState::new(1))
}

fn verify<M: Memory>(card: &mut Card<M>, digits: &[u8]) -> Status {
    status_of(card, pin(digits).command().as_bytes())
}

fn offline() -> Authorise {
    Authorise { is_online: false, ..asked() }
}

#[test]
fn a_right_pin_counts_for_the_next_tap_alone() {
    let mut card = with_pin();
    assert_eq!(authorise(&mut card, &asked()).holder_verification, HolderVerification::None);
    assert_eq!(verify(&mut card, b"1234"), Status::OK);
    assert_eq!(authorise(&mut card, &asked()).holder_verification, HolderVerification::Pin);
    assert_eq!(authorise(&mut card, &asked()).holder_verification, HolderVerification::None);
}

#[test]
fn a_right_pin_is_forgotten_when_the_card_leaves_is_selected_again_or_hears_a_wrong_one() {
    type Then = fn(&mut Card<Fleeting>);
    let thens: [(&str, Then); 4] = [
        ("left the field", |card| card.leave_field()),
        ("selected again", |_| ()),
        ("another application was selected", |card| {
            assert_eq!(status_of(card, &command(SELECT, b"another")), Status::NOT_FOUND);
        }),
        ("a wrong PIN", |card| assert_eq!(verify(card, b"9999"), Status::pin_wrong(2))),
    ];
    for (name, then) in thens {
        let mut card = with_pin();
        assert_eq!(verify(&mut card, b"1234"), Status::OK);
        then(&mut card);
        if name != "a wrong PIN" {
            status_of(&mut card, select().as_bytes());
        }
        assert_eq!(authorise(&mut card, &asked()).holder_verification, HolderVerification::None, "{name}");
    }
}

#[test]
fn a_tap_that_is_refused_does_not_use_the_pin_up() {
    let mut card = with_pin();
    assert_eq!(verify(&mut card, b"1234"), Status::OK);
    let dollars = Authorise { currency: 840, ..asked() };
    assert_eq!(status_of(&mut card, dollars.command().as_bytes()), Status::WRONG_DATA);
    assert_eq!(authorise(&mut card, &asked()).holder_verification, HolderVerification::Pin);
}

#[test]
fn wrong_tries_are_counted_down_and_a_right_one_makes_them_three_again() {
    let mut card = with_pin();
    assert_eq!(verify(&mut card, b"0000"), Status::pin_wrong(2));
    assert_eq!(verify(&mut card, b"12345"), Status::pin_wrong(1));
    assert_eq!(verify(&mut card, b"1234"), Status::OK);
    assert_eq!(card.state().pin_tries_left, PIN_TRIES);
    for left in [2, 1, 0] {
        assert_eq!(verify(&mut card, b"0000"), Status::pin_wrong(left));
    }
    for digits in [b"0000", b"1234"] {
        assert_eq!(verify(&mut card, digits), Status::PIN_BLOCKED, "the right one too");
    }
    let tap = authorise(&mut card, &asked());
    assert_eq!((tap.decision, tap.holder_verification), (Decision::Online, HolderVerification::None), "it still pays");
}

#[test]
fn a_try_is_counted_before_the_pin_is_compared() {
    struct Kept(Rc<RefCell<Vec<u8>>>);
    impl Memory for Kept {
        fn commit(&mut self, state: &CardState) -> io::Result<()> {
            self.0.borrow_mut().push(state.pin_tries_left);
            Ok(())
        }
    }
    let kept = Rc::new(RefCell::new(Vec::new()));
    let identity = Identity { pin: Some(pin(b"1234")), ..identity() };
    let mut card = Card::new(identity, CardState::new(1), Kept(Rc::clone(&kept))).unwrap();
    status_of(&mut card, select().as_bytes());
    verify(&mut card, b"0000");
    verify(&mut card, b"1234");
    assert_eq!(*kept.borrow(), [2, 1, 3], "the right PIN too is first a try");
}

#[test]
fn a_card_whose_memory_fails_compares_no_pin() {
    let identity = Identity { pin: Some(pin(b"1234")), ..identity() };
    let mut card = Card::new(identity, CardState::new(1), Broken).unwrap();
    status_of(&mut card, select().as_bytes());
    assert_eq!(verify(&mut card, b"1234"), Status::DEAD);
    assert_eq!(verify(&mut card, b"0000"), Status::DEAD);
}

#[test]
fn verify_is_answered_in_the_order_of_the_document() {
    let mut without = selected();
    let mut spent = with_pin_and(CardState { pin_tries_left: 0, ..CardState::new(1) });
    let no_block = *b"12345\xff6\xff";
    for (name, data, of_without, of_spent) in [
        ("no data", &[][..], Status::WRONG_LENGTH, Status::WRONG_LENGTH),
        ("seven", &no_block[..7], Status::WRONG_LENGTH, Status::WRONG_LENGTH),
        ("no PIN block", &no_block, Status::WRONG_DATA, Status::WRONG_DATA),
        ("three digits", b"123\xff\xff\xff\xff\xff", Status::WRONG_DATA, Status::WRONG_DATA),
        ("a PIN", pin(b"1234").expose(), Status::NO_PIN, Status::PIN_BLOCKED),
    ] {
        assert_eq!(status_of(&mut without, &command(VERIFY, data)), of_without, "{name}, a card without PIN");
        assert_eq!(status_of(&mut spent, &command(VERIFY, data)), of_spent, "{name}, no tries left");
        assert_eq!(*without.state(), CardState::new(1), "{name}");
    }
}

#[test]
fn what_is_no_pin_block_is_no_try() {
    let mut card = with_pin();
    status_of(&mut card, &command(VERIFY, &[0x31; 7]));
    status_of(&mut card, &command(VERIFY, &[0xff; 8]));
    assert_eq!(card.state().pin_tries_left, PIN_TRIES);
}

#[test]
fn a_script_that_unblocks_the_card_unblocks_its_pin() {
    let mut card = with_pin_and(CardState { pin_tries_left: 0, is_blocked: true, ..CardState::new(1) });
    authorise(&mut card, &asked());
    assert_eq!(completes(&mut card, answered(1, CardOutcome::Declined, 0), script(1, Change::Unblock)), Status::OK);
    assert_eq!(verify(&mut card, b"1234"), Status::OK);
}

#[test]
fn a_card_with_a_pin_needs_it_offline_and_one_without_does_not() {
    let limits = OfflineLimits { tap_cents: 2500, total_cents: 5000, count: 5 };
    let mut card = with_pin_and(CardState { limits, ..CardState::new(1) });
    assert_eq!(authorise(&mut card, &offline()).decision, Decision::Declined);
    verify(&mut card, b"1234");
    let tap = authorise(&mut card, &offline());
    assert_eq!((tap.decision, tap.holder_verification), (Decision::ApprovedOffline, HolderVerification::Pin));
    assert_eq!(authorise(&mut card, &offline()).decision, Decision::Declined);
    let mut without = card_with(CardState { limits, ..CardState::new(1) });
    status_of(&mut without, select().as_bytes());
    assert_eq!(authorise(&mut without, &offline()).decision, Decision::ApprovedOffline);
}

#[test]
fn select_says_that_there_is_a_pin() {
    let frame = with_pin().transmit(select().as_bytes());
    assert!(Selected::decode(decode_answer(frame.as_bytes()).unwrap().0).unwrap().has_pin);
}
