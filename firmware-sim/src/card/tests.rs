//! What a card promises.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use card_protocol::frame::{decode_answer, get_last, select};
use card_protocol::{CardAnswer, MasterKey, Secret, TransactionKind};

mod offline;
mod personalise;
mod pin;
mod vectors;

const ID: [u8; 16] = [7; 16];
const SALE: [u8; 16] = [9; 16];

fn master() -> MasterKey {
    MasterKey::new(Secret::new([1; 32]))
}

fn generations() -> Vec<Generation> {
    [1, 2].map(|number| Generation { number, keys: master().card_keys(&ID, number) }).to_vec()
}

fn identity() -> Identity {
    Identity { card: ID, generations: generations(), pin: None }
}

fn card_with(state: CardState) -> Card<Fleeting> {
    Card::new(identity(), state, Fleeting).unwrap()
}

fn selected() -> Card<Fleeting> {
    let mut card = card_with(CardState::new(1));
    assert_eq!(status_of(&mut card, select().as_bytes()), Status::OK);
    card
}

fn asked() -> Authorise {
    Authorise {
        terminal: [2; 16],
        location: [3; 16],
        terminal_sequence: 12,
        terminal_nonce: [4; 8],
        kind: TransactionKind::Sale,
        currency: EURO,
        amount_cents: 560,
        time_ms: 1_790_000_000_000,
        basket_digest: [5; 16],
        is_online: true,
    }
}

/// The bytes of a command; `data` may be of any length that a byte can say.
fn command(header: [u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(data.len()).unwrap();
    if data.is_empty() { [&header[..], &[0]].concat() } else { [&header[..], &[length], data, &[0]].concat() }
}

const AUTHORISE: [u8; 4] = [0x80, 0x10, 0, 0];
const COMPLETE: [u8; 4] = [0x80, 0x12, 0, 0];
const GET_LAST: [u8; 4] = [0x80, 0x14, 0, 0];
const SELECT: [u8; 4] = [0x00, 0xa4, 4, 0];
const VERIFY: [u8; 4] = [0x00, 0x20, 0, 0x80];
const PUT_KEYS: [u8; 4] = [0x00, 0xda, 1, 1];
const PERSONALISE: [u8; 4] = [0x00, 0xda, 2, 0];

/// Memory that keeps nothing.
struct Broken;

impl Memory for Broken {
    fn commit(&mut self, _: &CardState) -> io::Result<()> {
        Err(io::Error::other("full"))
    }
}

/// A card whose memory has failed while it was selected.
fn failed() -> Card<Broken> {
    let mut card = Card::new(identity(), CardState::new(1), Broken).unwrap();
    assert_eq!(status_of(&mut card, select().as_bytes()), Status::OK);
    assert_eq!(status_of(&mut card, asked().command().as_bytes()), Status::DEAD);
    card
}

fn status_of<M: Memory>(card: &mut Card<M>, command: &[u8]) -> Status {
    decode_answer(card.transmit(command).as_bytes()).unwrap().1
}

fn authorise<M: Memory>(card: &mut Card<M>, asked: &Authorise) -> Authorised {
    let frame = card.transmit(asked.command().as_bytes());
    let (data, status) = decode_answer(frame.as_bytes()).unwrap();
    assert_eq!(status, Status::OK);
    Authorised::decode(data).unwrap()
}

fn last<M: Memory>(card: &mut Card<M>) -> Last {
    let frame = card.transmit(get_last().as_bytes());
    Last::decode(decode_answer(frame.as_bytes()).unwrap().0).unwrap()
}

fn answered(counter: u32, outcome: CardOutcome, approved_cents: u64) -> CardAnswer {
    CardAnswer::sign(&master().response_key(&ID, 1), &ID, 1, counter, SALE, outcome, approved_cents)
}

fn completes(card: &mut Card<Fleeting>, answer: CardAnswer, script: Option<Script>) -> Status {
    status_of(card, Complete { answer, script }.command().as_bytes())
}

fn script(number: u32, change: Change) -> Option<Script> {
    Some(Script::sign(&master().card_keys(&ID, 1).script, &ID, 1, number, change))
}

#[test]
fn select_tells_card_and_generation() {
    let mut card = card_with(CardState::new(2));
    let frame = card.transmit(select().as_bytes());
    let (data, status) = decode_answer(frame.as_bytes()).unwrap();
    assert_eq!(status, Status::OK);
    let expected = Selected { card: ID, generation: 2, is_blocked: false, has_pin: false, is_blank: false };
    assert_eq!(Selected::decode(data), Ok(expected));
}

#[test]
fn the_service_can_check_what_the_card_signed() {
    let mut card = selected();
    let asked = asked();
    let tap = authorise(&mut card, &asked);
    let transaction = Transaction {
        card: ID,
        generation: 1,
        counter: 1,
        terminal: asked.terminal,
        location: asked.location,
        terminal_sequence: asked.terminal_sequence,
        terminal_nonce: asked.terminal_nonce,
        kind: asked.kind,
        decision: Decision::Online,
        holder_verification: HolderVerification::None,
        currency: EURO,
        amount_cents: asked.amount_cents,
        time_ms: asked.time_ms,
        basket_digest: asked.basket_digest,
        offline_total_cents: 0,
        offline_count: 0,
        script_number: 0,
    };
    assert_eq!((tap.decision, tap.counter), (Decision::Online, 1));
    assert!(transaction.is_signed(&master().transaction_key(&ID, 1), &tap.mac));
}

#[test]
fn the_counter_rises_with_each_tap_and_never_restarts() {
    let mut card = selected();
    for counter in 1..=3 {
        assert_eq!(authorise(&mut card, &asked()).counter, counter);
    }
    let state = *card.state();
    let mut again = card_with(state);
    status_of(&mut again, select().as_bytes());
    assert_eq!(authorise(&mut again, &asked()).counter, 4);
}

#[test]
fn a_spent_counter_makes_the_card_dead_and_its_last_tap_can_still_be_completed() {
    let mut card = card_with(CardState { counter: u32::MAX - 1, ..CardState::new(1) });
    status_of(&mut card, select().as_bytes());
    assert_eq!(authorise(&mut card, &asked()).counter, u32::MAX);
    assert_eq!(status_of(&mut card, asked().command().as_bytes()), Status::DEAD);
    assert_eq!(completes(&mut card, answered(u32::MAX, CardOutcome::Approved, 1), None), Status::OK);
    assert_eq!(card.state().counter, u32::MAX);
}

#[test]
fn the_state_is_committed_before_the_answer_leaves() {
    struct Shared(Rc<RefCell<Vec<CardState>>>);
    impl Memory for Shared {
        fn commit(&mut self, state: &CardState) -> io::Result<()> {
            self.0.borrow_mut().push(*state);
            Ok(())
        }
    }
    let kept = Rc::new(RefCell::new(Vec::new()));
    let mut card = Card::new(identity(), CardState::new(1), Shared(Rc::clone(&kept))).unwrap();
    status_of(&mut card, select().as_bytes());
    assert!(kept.borrow().is_empty(), "SELECT changes nothing");
    let tap = authorise(&mut card, &asked());
    let state = *kept.borrow().last().unwrap();
    assert_eq!((state.counter, state.journal.unwrap().authorised), (1, tap));
}

#[test]
fn a_card_whose_memory_failed_answers_every_instruction_it_knows_with_dead() {
    let mut card = failed();
    assert!(card.failure().is_some());
    assert_eq!(*card.state(), CardState::new(1), "what was not kept did not happen");
    let complete = Complete { answer: answered(1, CardOutcome::Approved, 1), script: None }.command();
    for _ in 0..2 {
        for asked in [get_last().as_bytes(), asked().command().as_bytes(), complete.as_bytes(), select().as_bytes()] {
            assert_eq!(status_of(&mut card, asked), Status::DEAD, "{asked:?}");
        }
        card.leave_field();
    }
}

#[test]
fn complete_takes_the_right_answer_once() {
    let mut card = selected();
    let tap = authorise(&mut card, &asked());
    let answer = answered(tap.counter, CardOutcome::ApprovedInPart, 250);
    assert_eq!(completes(&mut card, answer, None), Status::OK);
    let last = last(&mut card);
    assert_eq!((last.state, last.sale, last.approved_cents), (TapState::Completed, SALE, 250));
    assert_eq!(completes(&mut card, answer, None), Status::NOT_NOW);
}

#[test]
fn complete_without_a_tap_that_waits_is_not_now_whatever_its_data() {
    let mut completed = selected();
    authorise(&mut completed, &asked());
    assert_eq!(completes(&mut completed, answered(1, CardOutcome::Approved, 1), None), Status::OK);
    for (name, mut card) in [("never tapped", selected()), ("completed", completed)] {
        let before = *card.state();
        assert_eq!(completes(&mut card, answered(1, CardOutcome::Approved, 1), None), Status::NOT_NOW, "{name}");
        for length in [0, 1, 40, 41, 42, 77, 78, 79, 255] {
            let status = status_of(&mut card, &command(COMPLETE, &vec![0xff; length]));
            assert_eq!(status, Status::NOT_NOW, "{name}, {length} bytes");
        }
        assert_eq!(*card.state(), before, "{name}");
    }
}

#[test]
fn a_declined_tap_is_completed_as_any_other() {
    let mut card = selected();
    for (counter, cents, expected) in [(1, 561, Status::WRONG_DATA), (2, 560, Status::OK), (3, 0, Status::OK)] {
        assert_eq!(authorise(&mut card, &Authorise { is_online: false, ..asked() }).decision, Decision::Declined);
        assert_eq!(completes(&mut card, answered(counter, CardOutcome::Approved, cents), None), expected, "{cents}");
    }
}

#[test]
fn complete_is_checked_in_the_order_of_the_document() {
    let right = answered(1, CardOutcome::Approved, 560).encode();
    let too_much = answered(1, CardOutcome::Approved, 561).encode();
    let forged = |bytes: &[u8], at: usize, byte: u8| {
        let mut bytes = bytes.to_vec();
        bytes[at] = byte;
        bytes
    };
    let block = script(1, Change::Block).unwrap().encode();
    let foreign = script(1, Change::ActivateGeneration(3)).unwrap().encode();
    let mac_at = Script::LENGTH - 1;
    let bent = forged(&block, mac_at, !block[mac_at]);
    let bent_foreign = forged(&foreign, mac_at, !foreign[mac_at]);
    let unknown_outcome = forged(&right, 0, 9);
    let mut card = selected();
    authorise(&mut card, &asked());
    let before = *card.state();
    for (name, data, expected) in [
        ("no data", vec![], Status::WRONG_LENGTH),
        ("too short, and a code", unknown_outcome[..40].to_vec(), Status::WRONG_LENGTH),
        ("between the lengths, and a code", [&unknown_outcome, &block[..36]].concat(), Status::WRONG_LENGTH),
        ("too long, and a code", [&unknown_outcome[..], &block, &[0]].concat(), Status::WRONG_LENGTH),
        ("the answer's code, and its MAC", unknown_outcome.clone(), Status::WRONG_DATA),
        (
            "the script's code, and the MACs",
            [&forged(&too_much, 40, 0)[..], &forged(&bent, 4, 9)].concat(),
            Status::WRONG_DATA,
        ),
        (
            "an unused byte, and the MACs",
            [&forged(&too_much, 40, 0)[..], &forged(&bent, 20, 1)].concat(),
            Status::WRONG_DATA,
        ),
        ("the answer's MAC, and the amount", forged(&right, 8, 0xff), Status::MAC_WRONG),
        ("the script's MAC, and the amount", [&too_much[..], &bent].concat(), Status::MAC_WRONG),
        ("the script's MAC, and the generation", [&right[..], &bent_foreign].concat(), Status::MAC_WRONG),
        ("the amount, and the script is right", [&too_much[..], &block].concat(), Status::WRONG_DATA),
        ("a generation that the card does not have", [&right[..], &foreign].concat(), Status::WRONG_DATA),
    ] {
        assert_eq!(status_of(&mut card, &command(COMPLETE, &data)), expected, "{name}");
        assert_eq!(*card.state(), before, "{name}: changed");
    }
    assert_eq!(status_of(&mut card, &command(COMPLETE, &[&right[..], &block].concat())), Status::OK);
}

#[test]
fn a_generation_that_the_card_does_not_have_is_no_fault_of_a_script_that_is_sent_again() {
    let mut card = card_with(CardState { script_number: 1, ..CardState::new(1) });
    status_of(&mut card, select().as_bytes());
    authorise(&mut card, &asked());
    let answer = answered(1, CardOutcome::Approved, 560);
    assert_eq!(completes(&mut card, answer, script(1, Change::ActivateGeneration(3))), Status::OK);
    assert_eq!((card.state().generation, card.state().script_number), (1, 1));
}

#[test]
fn an_answer_to_another_tap_or_with_another_key_is_refused() {
    let mut card = selected();
    authorise(&mut card, &asked());
    authorise(&mut card, &asked());
    assert_eq!(completes(&mut card, answered(1, CardOutcome::Approved, 560), None), Status::MAC_WRONG);
    let mut forged = answered(2, CardOutcome::Approved, 560);
    forged.mac[0] ^= 1;
    assert_eq!(completes(&mut card, forged, None), Status::MAC_WRONG);
    assert_eq!(completes(&mut card, answered(2, CardOutcome::Approved, 560), None), Status::OK);
}

#[test]
fn no_more_can_be_approved_than_was_asked() {
    let mut card = selected();
    authorise(&mut card, &asked());
    assert_eq!(completes(&mut card, answered(1, CardOutcome::Approved, 561), None), Status::WRONG_DATA);
    assert_eq!(completes(&mut card, answered(1, CardOutcome::Declined, 1), None), Status::WRONG_DATA);
    assert_eq!(completes(&mut card, answered(1, CardOutcome::Declined, 0), None), Status::OK);
}

#[test]
fn a_blocked_card_declines_until_a_script_unblocks_it() {
    let mut card = selected();
    authorise(&mut card, &asked());
    assert_eq!(completes(&mut card, answered(1, CardOutcome::Approved, 560), script(1, Change::Block)), Status::OK);
    assert_eq!(authorise(&mut card, &asked()).decision, Decision::Declined);
    assert_eq!(completes(&mut card, answered(2, CardOutcome::Declined, 0), script(2, Change::Unblock)), Status::OK);
    assert_eq!(authorise(&mut card, &asked()).decision, Decision::Online);
}

#[test]
fn a_script_is_applied_once_and_only_with_a_rising_number() {
    let mut card = selected();
    let limits = Change::Limits { tap_cents: 1, total_cents: 2, count: 3 };
    for (counter, sent) in [(1, script(5, limits)), (2, script(5, Change::Block)), (3, script(4, Change::Block))] {
        authorise(&mut card, &asked());
        assert_eq!(completes(&mut card, answered(counter, CardOutcome::Approved, 1), sent), Status::OK);
    }
    assert_eq!(card.state().limits, OfflineLimits { tap_cents: 1, total_cents: 2, count: 3 });
    assert_eq!((card.state().script_number, card.state().is_blocked), (5, false));
}

#[test]
fn a_forged_script_changes_nothing_and_the_tap_still_waits() {
    let mut card = selected();
    authorise(&mut card, &asked());
    let mut forged = script(1, Change::Block);
    forged.as_mut().unwrap().mac[3] ^= 1;
    let answer = answered(1, CardOutcome::Approved, 560);
    assert_eq!(completes(&mut card, answer, forged), Status::MAC_WRONG);
    assert_eq!((card.state().is_blocked, last(&mut card).state), (false, TapState::Signed));
    assert_eq!(completes(&mut card, answer, None), Status::OK);
}

#[test]
fn a_generation_is_activated_only_if_the_card_has_its_keys() {
    let mut card = selected();
    authorise(&mut card, &asked());
    let answer = answered(1, CardOutcome::Approved, 560);
    assert_eq!(completes(&mut card, answer, script(1, Change::ActivateGeneration(3))), Status::WRONG_DATA);
    assert_eq!(completes(&mut card, answer, script(1, Change::ActivateGeneration(2))), Status::OK);
    assert_eq!(authorise(&mut card, &asked()).generation, 2);
}

#[test]
fn reset_offline_empties_total_and_count() {
    let state = CardState { offline_total_cents: 900, offline_count: 2, ..CardState::new(1) };
    let mut card = card_with(state);
    status_of(&mut card, select().as_bytes());
    authorise(&mut card, &asked());
    completes(&mut card, answered(1, CardOutcome::Approved, 1), script(1, Change::ResetOffline));
    assert_eq!((card.state().offline_total_cents, card.state().offline_count), (0, 0));
}

#[test]
fn get_last_tells_a_torn_tap_again() {
    let mut card = selected();
    assert_eq!(last(&mut card).state, TapState::Never);
    let tap = authorise(&mut card, &asked());
    card.leave_field();
    status_of(&mut card, select().as_bytes());
    let last = last(&mut card);
    assert_eq!((last.state, last.authorised, last.terminal_sequence), (TapState::Signed, tap, 12));
}

#[test]
fn what_is_not_understood_has_its_own_status() {
    let authorise = asked().command();
    let authorise = authorise.as_bytes();
    let with = |at: usize, byte: u8| {
        let mut bytes = authorise.to_vec();
        bytes[at] = byte;
        bytes
    };
    let kind_at = 5 + 48;
    let currency_at = kind_at + 1;
    for (name, command, expected) in [
        ("nothing", vec![], Status::WRONG_LENGTH),
        ("half a header", vec![0x80, 0x10, 0x00], Status::WRONG_LENGTH),
        ("class", with(0, 0x90), Status::NO_CLASS),
        ("instruction", with(1, 0x99), Status::NO_INSTRUCTION),
        ("VERIFY of the other class", vec![0x80, 0x20, 0x00, 0x80], Status::NO_INSTRUCTION),
        ("an instruction of another class", with(0, 0x00), Status::NO_INSTRUCTION),
        ("a length beyond the data", with(4, 0xff), Status::WRONG_LENGTH),
        ("data cut short", vec![0x80, 0x10, 0, 0, 2, 1, 1], Status::WRONG_LENGTH),
        ("first parameter", with(2, 1), Status::WRONG_PARAMETERS),
        ("second parameter", with(3, 1), Status::WRONG_PARAMETERS),
        ("kind", with(kind_at, 9), Status::WRONG_DATA),
        ("currency", with(currency_at, 9), Status::WRONG_DATA),
        ("another application", vec![0x00, 0xa4, 4, 0, 2, 1, 2, 0], Status::NOT_FOUND),
    ] {
        assert_eq!(status_of(&mut selected(), &command), expected, "{name}");
    }
    assert_eq!(status_of(&mut selected(), &[0x80, 0x14, 0, 0, 1, 5, 0]), Status::WRONG_LENGTH, "GET LAST has no data");
}

#[test]
fn nothing_works_unless_the_application_is_selected() {
    let mut left = selected();
    left.leave_field();
    let mut another = selected();
    assert_eq!(status_of(&mut another, &command(SELECT, b"another")), Status::NOT_FOUND);
    for (name, mut card) in [("never", card_with(CardState::new(1))), ("left", left), ("another", another)] {
        for length in [0, 1, 41, 84] {
            for header in [AUTHORISE, COMPLETE, GET_LAST, VERIFY, PUT_KEYS, PERSONALISE] {
                let status = status_of(&mut card, &command(header, &vec![0xff; length]));
                assert_eq!(status, Status::NOT_NOW, "{name}: {header:?}, {length} bytes");
            }
        }
        assert_eq!(status_of(&mut card, asked().command().as_bytes()), Status::NOT_NOW, "{name}");
        assert_eq!(*card.state(), CardState::new(1), "{name}");
    }
}

#[test]
fn of_several_faults_the_first_of_the_table_is_answered() {
    // each has the faults of those after it too, as far as a command can
    let before_the_memory = [
        ("no header", vec![0x90, 0x99, 9], Status::WRONG_LENGTH),
        ("a length that does not fit", vec![0x90, 0x99, 9, 9, 5, 0], Status::WRONG_LENGTH),
        ("the same of a class that is known", vec![0x80, 0x99, 9, 9, 5, 0], Status::WRONG_LENGTH),
        ("the same of an instruction that is known", vec![0x80, 0x10, 9, 9, 5, 0], Status::WRONG_LENGTH),
        ("class", command([0x90, 0x99, 9, 9], &[0xff]), Status::NO_CLASS),
        ("class, instruction of another", command([0x01, 0xa4, 4, 0], &[0xff]), Status::NO_CLASS),
        ("instruction", command([0x80, 0x99, 9, 9], &[0xff]), Status::NO_INSTRUCTION),
        ("SELECT of the other class", command([0x80, 0xa4, 4, 0], &[0xff]), Status::NO_INSTRUCTION),
        ("PUT DATA of the other class", command([0x80, 0xda, 9, 9], &[0xff]), Status::NO_INSTRUCTION),
        ("VERIFY's parameters", command([0x00, 0x20, 0, 0x81], &[0xff]), Status::WRONG_PARAMETERS),
        ("PUT DATA's parameters", command([0x00, 0xda, 3, 0], &[0xff]), Status::WRONG_PARAMETERS),
        ("PUT DATA's generation", command([0x00, 0xda, 1, 0], &[0xff]), Status::WRONG_PARAMETERS),
        ("SELECT's parameters", command([0x00, 0xa4, 4, 1], &[0xff]), Status::WRONG_PARAMETERS),
        ("AUTHORISE's parameters", command([0x80, 0x10, 0, 9], &[0xff]), Status::WRONG_PARAMETERS),
        ("COMPLETE's parameters", command([0x80, 0x12, 9, 0], &[0xff]), Status::WRONG_PARAMETERS),
        ("GET LAST's parameters", command([0x80, 0x14, 4, 0], &[0xff]), Status::WRONG_PARAMETERS),
    ];
    for (name, command, expected) in &before_the_memory {
        assert_eq!(status_of(&mut failed(), command), *expected, "{name}, memory failed");
        assert_eq!(status_of(&mut card_with(CardState::new(1)), command), *expected, "{name}, not selected");
        let mut card = selected();
        assert_eq!(status_of(&mut card, command), *expected, "{name}, selected");
        assert_eq!(status_of(&mut card, get_last().as_bytes()), Status::OK, "{name}: still selected");
    }
    let mut failed = failed();
    failed.leave_field();
    for header in [SELECT, AUTHORISE, COMPLETE, GET_LAST, VERIFY, PUT_KEYS, PERSONALISE] {
        assert_eq!(status_of(&mut failed, &command(header, &[0xff])), Status::DEAD, "{header:?}");
    }

    let mut spent = card_with(CardState { counter: u32::MAX, ..CardState::new(1) });
    status_of(&mut spent, select().as_bytes());
    let unknown_kind = {
        let mut data = asked().encode();
        data[48] = 9;
        data
    };
    for (name, command, expected) in [
        ("length", command(AUTHORISE, &unknown_kind[..83]), Status::WRONG_LENGTH),
        ("code", command(AUTHORISE, &unknown_kind), Status::WRONG_DATA),
        ("currency", Authorise { currency: 840, ..asked() }.command().as_bytes().to_vec(), Status::WRONG_DATA),
        ("counter", asked().command().as_bytes().to_vec(), Status::DEAD),
        ("COMPLETE", command(COMPLETE, &[0xff]), Status::NOT_NOW),
        ("GET LAST", command(GET_LAST, &[]), Status::OK),
        ("SELECT", select().as_bytes().to_vec(), Status::OK),
    ] {
        assert_eq!(status_of(&mut spent, &command), expected, "{name}, counter spent");
    }
}

#[test]
fn a_state_survives_its_file_form() {
    let mut card = selected();
    authorise(&mut card, &asked());
    let text = serde_json::to_string(card.state()).unwrap();
    assert_eq!(serde_json::from_str::<CardState>(&text).unwrap(), *card.state());
}
