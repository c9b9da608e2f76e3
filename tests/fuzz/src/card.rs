//! The virtual card over any sequence of commands, some of them signed as the service would: what a card promises.
//!
//! The bytes are steps: a byte that says which, and what it takes. The first byte says what card it is.

use std::collections::BTreeSet;

use card_protocol::frame::{
    Authorise, Authorised, Command, Complete, Instruction, Status, decode_answer, get_last, select,
};
use card_protocol::keys::{OfflineVerifyKey, ResponseKey, ScriptKey, TransactionKey};
use card_protocol::personalise::{Personalise, PutKeys};
use card_protocol::pin::{PIN_TRIES, PinBlock};
use card_protocol::script::{Change, Script};
use card_protocol::transaction::EURO;
use card_protocol::{CardAnswer, CardKeys, CardOutcome, Decision, HolderVerification, Secret, TransactionKind};
use firmware_sim::card::{Card, CardReader, CardState, Fleeting, Generation, Identity, OfflineLimits};

const CARD: [u8; 16] = [7; 16];
const STEPS_MAX: usize = 200;

pub fn run(data: &[u8]) {
    let mut bytes = Bytes(data);
    let kind = bytes.u8();
    let mut scene = Scene::new(kind);
    for _ in 0..STEPS_MAX {
        if bytes.0.is_empty() {
            break;
        }
        let step = bytes.u8();
        scene.step(step, &mut bytes);
    }
}

/// Bytes from the left, zeros after the last.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn u8(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn u32(&mut self) -> u32 {
        let mut four = [0; 4];
        let taken = self.take(4);
        four[..taken.len()].copy_from_slice(taken);
        u32::from_be_bytes(four)
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

fn keys(number: u8) -> CardKeys {
    let secret = |place: u8| Secret::new([number ^ place; 32]);
    CardKeys {
        transaction: TransactionKey::new(secret(0x10)),
        response: ResponseKey::new(secret(0x20)),
        script: ScriptKey::new(secret(0x30)),
        offline_verify: OfflineVerifyKey::new(secret(0x40)),
    }
}

fn pin() -> PinBlock {
    PinBlock::of_digits(b"1234").unwrap()
}

struct Scene {
    card: Card<Fleeting>,
    is_blank: bool,
    has_pin: bool,
    /// Of each tap that was answered.
    counters: BTreeSet<u32>,
    /// What was approved offline since the last reset, by the terminal's count.
    offline: (u64, u32),
    /// A right PIN that no tap has used up, in this session.
    may_claim_pin: bool,
    scripts: u32,
}

impl Scene {
    fn new(kind: u8) -> Self {
        let (is_blank, has_pin) = (kind & 1 != 0, kind & 2 != 0);
        let generations = [1, 2].map(|number| Generation { number, keys: keys(number) }).to_vec();
        let identity = Identity { card: CARD, generations, pin: has_pin.then(pin) };
        let mut state = CardState::new(1);
        state.limits = OfflineLimits { tap_cents: 2500, total_cents: 5000, count: 5 };
        if kind & 4 != 0 {
            state.counter = u32::MAX - 2;
        }
        let card = if is_blank { Card::blank(Fleeting) } else { Card::new(identity, state, Fleeting).unwrap() };
        let counters = BTreeSet::new();
        Self { card, is_blank, has_pin, counters, offline: (0, 0), may_claim_pin: false, scripts: 0 }
    }

    fn step(&mut self, step: u8, bytes: &mut Bytes<'_>) {
        match step % 12 {
            0 => {
                let length = usize::from(bytes.u8());
                let command = bytes.take(length).to_vec();
                self.send(&command);
            }
            1 => {
                self.may_claim_pin = false;
                self.send(select().as_bytes());
            }
            2 | 3 => self.authorise(bytes),
            4 | 5 => self.complete(bytes),
            6 => {
                let right = bytes.u8().is_multiple_of(2);
                let tried = if right { pin() } else { PinBlock::of_digits(b"0000").unwrap() };
                self.send(tried.command().as_bytes());
            }
            7 => {
                self.card.leave_field();
                self.may_claim_pin = false;
            }
            8 => {
                self.send(get_last().as_bytes());
            }
            9 => {
                let number = bytes.u8() % 10;
                self.send(PutKeys { generation: number, keys: keys(number) }.command().as_bytes());
            }
            10 => self.personalise(bytes),
            _ => self.sum(bytes),
        }
    }

    /// A short SELECT, tap and answer: what sequences are made of.
    fn sum(&mut self, bytes: &mut Bytes<'_>) {
        self.may_claim_pin = false;
        self.send(select().as_bytes());
        self.authorise(bytes);
        self.complete(bytes);
    }

    fn authorise(&mut self, bytes: &mut Bytes<'_>) {
        let flags = bytes.u8();
        let asked = Authorise {
            terminal: [1; 16],
            location: [2; 16],
            terminal_sequence: bytes.u32().into(),
            terminal_nonce: [3; 8],
            kind: if flags & 1 == 0 { TransactionKind::Sale } else { TransactionKind::Hold },
            currency: if flags & 2 == 0 { EURO } else { 840 },
            amount_cents: u64::from(bytes.u32()) << (flags >> 6),
            time_ms: 5,
            basket_digest: [4; 16],
            is_online: flags & 4 == 0,
        };
        self.send(asked.command().as_bytes());
    }

    /// As the service answers the tap that waits: rightly signed, unless a bit says otherwise.
    fn complete(&mut self, bytes: &mut Bytes<'_>) {
        let (flags, cents) = (bytes.u8(), bytes.u32());
        let Some(last) = self.card.state().journal else { return };
        let tap = last.authorised;
        let outcome =
            [CardOutcome::Declined, CardOutcome::Approved, CardOutcome::ApprovedInPart][usize::from(flags % 3)];
        let id = self.id();
        let key = keys(tap.generation).response;
        let mut answer = CardAnswer::sign(&key, &id, tap.generation, tap.counter, [9; 16], outcome, cents.into());
        answer.mac[0] ^= u8::from(flags & 0x80 != 0);
        let script = (flags & 4 != 0).then(|| self.script(bytes));
        let before = self.card.state().script_number;
        self.send(Complete { answer, script }.command().as_bytes());
        let is_applied = self.card.state().script_number > before;
        if is_applied && script.is_some_and(|script| script.change == Change::ResetOffline) {
            self.offline = (0, 0);
        }
        self.adds_up();
    }

    fn script(&mut self, bytes: &mut Bytes<'_>) -> Script {
        let change = match bytes.u8() % 5 {
            0 => Change::Limits { tap_cents: bytes.u32(), total_cents: bytes.u32(), count: bytes.u8() },
            1 => Change::ResetOffline,
            2 => Change::Block,
            3 => Change::Unblock,
            _ => Change::ActivateGeneration(bytes.u8() % 4),
        };
        // now and then one that was sent before
        self.scripts += u32::from(!bytes.u8().is_multiple_of(8));
        let generation = self.card.state().generation;
        Script::sign(&keys(generation).script, &self.id(), generation, self.scripts, change)
    }

    fn personalise(&mut self, bytes: &mut Bytes<'_>) {
        let flags = bytes.u8();
        let record = Personalise {
            card: CARD,
            generation: bytes.u8() % 10,
            tap_limit_cents: bytes.u32(),
            total_limit_cents: bytes.u32(),
            count_limit: bytes.u8(),
            pin: (flags & 1 != 0).then(pin),
        };
        let (_, status) = self.send(record.command().as_bytes());
        if status == Some(Status::OK) {
            assert!(self.is_blank, "a card is personalised once");
            self.is_blank = false;
            self.has_pin = record.pin.is_some();
        }
    }

    const fn id(&self) -> [u8; 16] {
        CARD
    }

    /// What the card says that it approved offline since the last reset is what terminals were told.
    fn adds_up(&self) {
        let state = self.card.state();
        assert_eq!((state.offline_total_cents.into(), state.offline_count.into()), self.offline);
    }

    /// Sends a command and holds the card to its promises.
    fn send(&mut self, command: &[u8]) -> (Vec<u8>, Option<Status>) {
        let before = *self.card.state();
        let frame = self.card.transmit(command);
        let (data, status) = decode_answer(frame.as_bytes()).expect("every command is answered");
        let after = *self.card.state();
        assert!(after.counter >= before.counter, "the counter went back");
        assert!(after.script_number >= before.script_number, "an old script was applied");
        assert!(after.pin_tries_left <= PIN_TRIES);
        if status != Status::OK {
            assert!(data.is_empty(), "data beside status {status:?}");
            let tried = CardState { pin_tries_left: after.pin_tries_left, ..before };
            assert_eq!(after, tried, "status {status:?} changed what the card remembers");
            if after.pin_tries_left != before.pin_tries_left {
                assert_eq!(Some(after.pin_tries_left), status.tries_left());
                assert_eq!(after.pin_tries_left + 1, before.pin_tries_left);
            }
        }
        let instruction = Command::decode(command).ok().and_then(|command| command.known().ok());
        match instruction {
            Some(Instruction::Select) => self.may_claim_pin = false,
            Some(Instruction::Verify) if status == Status::OK => self.may_claim_pin = true,
            Some(Instruction::Verify) if status.tries_left().is_some() || status == Status::PIN_BLOCKED => {
                self.may_claim_pin = false;
            }
            _ => {}
        }
        if status == Status::OK {
            let instruction = instruction.expect("only what the protocol knows is done");
            let is_put = matches!(command[2..4], [0x01, _] | [0x02, 0x00]);
            assert!(instruction != Instruction::PutData || (is_put && self.is_blank));
            let for_blank = matches!(instruction, Instruction::Select | Instruction::PutData);
            assert!(!self.is_blank || for_blank, "a blank card takes SELECT and PUT DATA alone");
        }
        if status == Status::OK && instruction == Some(Instruction::Authorise) {
            self.tapped(command, data, &before, &after);
        } else {
            assert_eq!(after.counter, before.counter, "{instruction:?} used a counter up");
        }
        (data.to_vec(), Some(status))
    }

    fn tapped(&mut self, command: &[u8], data: &[u8], before: &CardState, after: &CardState) {
        let tap = Authorised::decode(data).expect("a tap's answer can be read");
        assert_eq!((tap.counter, after.counter), (before.counter + 1, before.counter + 1));
        assert!(self.counters.insert(tap.counter), "two taps have counter {}", tap.counter);
        assert!(!before.is_blocked || tap.decision == Decision::Declined, "a blocked card declines");
        assert_eq!(tap.script_number, before.script_number);
        let asked = Authorise::decode(&command[5..5 + Authorise::LENGTH]).unwrap();
        assert!(asked.is_online || tap.decision != Decision::Online);
        assert_eq!(after.asked_cents, asked.amount_cents);
        let has_verified = tap.holder_verification == HolderVerification::Pin;
        assert!(!has_verified || self.may_claim_pin, "the PIN was right for another tap, or never");
        self.may_claim_pin = false;
        if tap.decision == Decision::ApprovedOffline {
            self.offline = (self.offline.0 + asked.amount_cents, self.offline.1 + 1);
            let limits = before.limits;
            assert!(asked.kind == TransactionKind::Sale && !asked.is_online);
            assert!(!self.has_pin || has_verified, "offline, without the PIN that the card has");
            assert!(asked.amount_cents <= limits.tap_cents.into());
            assert!(self.offline.0 <= limits.total_cents.into() && self.offline.1 <= limits.count.into());
            assert_ne!(tap.terminal_mac, [0; 16]);
            self.adds_up();
        } else {
            assert_eq!(tap.terminal_mac, [0; 16], "a proof for the terminal of what was not approved");
            assert_eq!(
                (after.offline_total_cents, after.offline_count),
                (before.offline_total_cents, before.offline_count)
            );
        }
        assert_eq!((tap.offline_total_cents, tap.offline_count), (after.offline_total_cents, after.offline_count));
    }
}
