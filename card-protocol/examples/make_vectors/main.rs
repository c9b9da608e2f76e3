//! Prints the vectors: `cargo run -p card-protocol --example make_vectors`.
//!
//! They are frozen: a test compares what this prints with the file, so that it shows how each was made. Version 2 begins
//! with a copy of it.

#![allow(missing_docs)]

mod personal;

use card_protocol::frame::{
    Authorise, Authorised, Complete, Last, Selected, Status, TapState, answer, get_last, select,
};
use card_protocol::keys::{
    CardKeys, Key, MasterKey, OFFLINE_VERIFY_LABEL, RESPONSE_LABEL, SCRIPT_LABEL, Secret, TERMINAL_VERIFY_LABEL,
    TRANSACTION_LABEL, TerminalVerifyKey,
};
use card_protocol::response::response_record;
use card_protocol::script::{Change, Script, script_record};
use card_protocol::transaction::{EURO, TRANSACTION_TAG, VERIFY_TAG};
use card_protocol::{
    CardAnswer, CardOutcome, Decision, HolderVerification, LineRecord, Sink, Transaction, TransactionKind, VERSION,
    basket_digest, encode_basket,
};

/// An object of the file: names and values, in this order.
type Fields = Vec<(&'static str, String)>;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(value: &str) -> String {
    format!("\"{value}\"")
}

/// A field of bytes.
fn bytes(name: &'static str, value: impl AsRef<[u8]>) -> (&'static str, String) {
    (name, text(&hex(value.as_ref())))
}

fn name(value: &str) -> (&'static str, String) {
    ("name", text(value))
}

/// 16 bytes that no other field of the vectors has: an id that counts up from its first byte.
fn id(first: u8) -> [u8; 16] {
    core::array::from_fn(|at| first.wrapping_add(u8::try_from(at).unwrap_or_default()))
}

const CARD: u8 = 0x10;
const TERMINAL: u8 = 0x20;
const LOCATION: u8 = 0x30;
const SALE: u8 = 0x40;
const SERVICE: u8 = 0x50;
const HOLD: u8 = 0x60;

fn master(first: u8) -> MasterKey {
    MasterKey::new(Secret::new(core::array::from_fn(|at| first.wrapping_add(u8::try_from(at).unwrap_or_default()))))
}

fn card_keys() -> CardKeys {
    master(0x80).card_keys(&id(CARD), 1)
}

fn terminal_key() -> TerminalVerifyKey {
    card_keys().offline_verify.terminal_key(&id(TERMINAL), &id(LOCATION))
}

struct Buffer(Vec<u8>);

impl Sink for Buffer {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

fn derivation_input(label: &[u8], context: &[&[u8]]) -> Vec<u8> {
    [&[0, 0, 0, 1], label, &[0], &context.concat(), &[0, 0, 1, 0]].concat()
}

fn keys() -> Vec<Fields> {
    let vector =
        |about: &str, master: &MasterKey, card: [u8; 16], generation: u8, terminal: [u8; 16], location: [u8; 16]| {
            let keys = master.card_keys(&card, generation);
            let of_card: [&[u8]; 2] = [&card, &[generation]];
            vec![
                name(about),
                bytes("master", master.secret().expose()),
                bytes("card", card),
                bytes("generation", [generation]),
                bytes("terminal", terminal),
                bytes("location", location),
                bytes("transaction_input", derivation_input(TRANSACTION_LABEL, &of_card)),
                bytes("transaction_key", keys.transaction.secret().expose()),
                bytes("response_input", derivation_input(RESPONSE_LABEL, &of_card)),
                bytes("response_key", keys.response.secret().expose()),
                bytes("script_input", derivation_input(SCRIPT_LABEL, &of_card)),
                bytes("script_key", keys.script.secret().expose()),
                bytes("offline_verify_input", derivation_input(OFFLINE_VERIFY_LABEL, &of_card)),
                bytes("offline_verify_key", keys.offline_verify.secret().expose()),
                bytes("terminal_verify_input", derivation_input(TERMINAL_VERIFY_LABEL, &[&terminal, &location])),
                bytes("terminal_verify_key", keys.offline_verify.terminal_key(&terminal, &location).secret().expose()),
            ]
        };
    vec![
        vector("generation 1", &master(0x80), id(CARD), 1, id(TERMINAL), id(LOCATION)),
        vector("generation 2 of the same card", &master(0xa0), id(CARD), 2, id(TERMINAL), id(LOCATION)),
        vector("all bits set", &MasterKey::new(Secret::new([0xff; 32])), [0xff; 16], 0xff, [0xff; 16], [0xff; 16]),
        vector("no bit set", &MasterKey::new(Secret::new([0; 32])), [0; 16], 0, [0; 16], [0; 16]),
    ]
}

fn basket(count: u8) -> Vec<LineRecord> {
    let lines = [
        LineRecord { service: id(SERVICE), quantity: 2, hold: [0; 16] },
        LineRecord { service: id(SERVICE + 1), quantity: 1, hold: id(HOLD) },
        LineRecord { service: id(SERVICE), quantity: 0x0102_0304, hold: id(HOLD + 1) },
    ];
    lines.into_iter().take(usize::from(count)).collect()
}

fn digest(count: u8) -> [u8; 16] {
    basket_digest(3, &basket(count)).unwrap_or_default()
}

fn baskets() -> Vec<Fields> {
    let vector = |about: &str, price_list: u32, count: u8| {
        let lines = basket(count);
        let mut encoded = Buffer(Vec::new());
        encode_basket(&lines, &mut encoded);
        let input = [&b"PASJEBSK"[..], &[VERSION], &price_list.to_be_bytes(), &encoded.0].concat();
        let objects = lines.iter().map(|line| {
            let quantity = line.quantity.to_be_bytes();
            object(&vec![bytes("service", line.service), bytes("quantity", quantity), bytes("hold", line.hold)])
        });
        vec![
            name(about),
            bytes("price_list", price_list.to_be_bytes()),
            ("lines", format!("[{}]", objects.collect::<Vec<_>>().join(", "))),
            bytes("basket", &encoded.0),
            bytes("digest_input", input),
            bytes("digest", basket_digest(price_list, &lines).unwrap_or_default()),
        ]
    };
    vec![
        vector("no line", 3, 0),
        vector("one line", 3, 1),
        vector("three lines, two with holds", 3, 3),
        vector("three lines of another price list", u32::MAX, 3),
    ]
}

/// A tap whose fields all differ.
fn tap() -> Transaction {
    Transaction {
        card: id(CARD),
        generation: 1,
        counter: 0x0000_0102,
        terminal: id(TERMINAL),
        location: id(LOCATION),
        terminal_sequence: 0x0304,
        terminal_nonce: [0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7],
        kind: TransactionKind::Sale,
        decision: Decision::Online,
        holder_verification: HolderVerification::None,
        currency: EURO,
        amount_cents: 560,
        time_ms: 1_790_000_000_000,
        basket_digest: digest(3),
        offline_total_cents: 0x0506,
        offline_count: 7,
        script_number: 0x0809,
    }
}

fn authorise(tap: &Transaction) -> Authorise {
    Authorise {
        terminal: tap.terminal,
        location: tap.location,
        terminal_sequence: tap.terminal_sequence,
        terminal_nonce: tap.terminal_nonce,
        kind: tap.kind,
        currency: tap.currency,
        amount_cents: tap.amount_cents,
        time_ms: tap.time_ms,
        basket_digest: tap.basket_digest,
        is_online: true,
    }
}

fn authorised(tap: &Transaction) -> Authorised {
    let is_offline = tap.decision == Decision::ApprovedOffline;
    Authorised {
        decision: tap.decision,
        generation: tap.generation,
        counter: tap.counter,
        holder_verification: tap.holder_verification,
        offline_total_cents: tap.offline_total_cents,
        offline_count: tap.offline_count,
        script_number: tap.script_number,
        mac: tap.sign(&card_keys().transaction),
        terminal_mac: if is_offline { tap.sign_for_terminal(&terminal_key()) } else { [0; 16] },
    }
}

fn transaction(about: &str, tap: &Transaction, is_online: bool) -> Fields {
    let authorise = Authorise { is_online, ..authorise(tap) };
    let authorised = authorised(tap);
    let is_offline = tap.decision == Decision::ApprovedOffline;
    let mut fields = vec![name(about), bytes("transaction_key", card_keys().transaction.secret().expose())];
    if is_offline {
        fields.push(bytes("terminal_verify_key", terminal_key().secret().expose()));
    }
    fields.extend([
        bytes("card", tap.card),
        bytes("generation", [tap.generation]),
        bytes("counter", tap.counter.to_be_bytes()),
        bytes("terminal", tap.terminal),
        bytes("location", tap.location),
        bytes("terminal_sequence", tap.terminal_sequence.to_be_bytes()),
        bytes("terminal_nonce", tap.terminal_nonce),
        bytes("kind", [tap.kind.code()]),
        bytes("decision", [tap.decision.code()]),
        bytes("holder_verification", [tap.holder_verification.code()]),
        bytes("currency", tap.currency.to_be_bytes()),
        bytes("amount", tap.amount_cents.to_be_bytes()),
        bytes("time", tap.time_ms.to_be_bytes()),
        bytes("basket_digest", tap.basket_digest),
        bytes("offline_total", tap.offline_total_cents.to_be_bytes()),
        bytes("offline_count", [tap.offline_count]),
        bytes("script_number", tap.script_number.to_be_bytes()),
        bytes("online", [u8::from(authorise.is_online)]),
        bytes("command", authorise.command().as_bytes()),
        bytes("record", tap.encode(TRANSACTION_TAG)),
        bytes("mac", authorised.mac),
    ]);
    if is_offline {
        fields.push(bytes("terminal_record", tap.encode(VERIFY_TAG)));
    }
    fields.push(bytes("terminal_mac", authorised.terminal_mac));
    fields.push(bytes("answer", answer(&authorised.encode(), Status::OK).as_bytes()));
    fields
}

fn offline_tap() -> Transaction {
    Transaction { decision: Decision::ApprovedOffline, counter: 0x0105, terminal_sequence: 0x0307, ..tap() }
}

fn transactions() -> Vec<Fields> {
    let hold = Transaction { kind: TransactionKind::Hold, counter: 0x0103, terminal_sequence: 0x0305, ..tap() };
    let declined = Transaction { decision: Decision::Declined, counter: 0x0104, terminal_sequence: 0x0306, ..tap() };
    let pin = Transaction {
        holder_verification: HolderVerification::Pin,
        counter: 0x0106,
        terminal_sequence: 0x0308,
        ..tap()
    };
    let first = Transaction {
        counter: 1,
        terminal_sequence: 1,
        amount_cents: 0,
        basket_digest: digest(1),
        offline_total_cents: 0,
        offline_count: 0,
        script_number: 0,
        ..tap()
    };
    let greatest = Transaction {
        counter: u32::MAX,
        terminal_sequence: u64::MAX,
        terminal_nonce: [0xff; 8],
        kind: TransactionKind::Hold,
        holder_verification: HolderVerification::Pin,
        amount_cents: u64::MAX,
        time_ms: u64::MAX,
        basket_digest: [0xff; 16],
        offline_total_cents: u32::MAX,
        offline_count: u8::MAX,
        script_number: u32::MAX,
        ..tap()
    };
    vec![
        transaction("sale online", &tap(), true),
        transaction("hold online", &hold, true),
        transaction("declined by the card", &declined, true),
        transaction("approved offline", &offline_tap(), false),
        transaction("with PIN", &pin, true),
        transaction("first tap of a card, of nothing that costs", &first, true),
        transaction("greatest values", &greatest, true),
    ]
}

fn card_answer(outcome: CardOutcome, approved_cents: u64) -> CardAnswer {
    let tap = tap();
    let keys = card_keys();
    CardAnswer::sign(&keys.response, &tap.card, tap.generation, tap.counter, id(SALE), outcome, approved_cents)
}

fn responses() -> Vec<Fields> {
    let vector = |about: &str, outcome: CardOutcome, approved_cents: u64| {
        let tap = tap();
        let signed = card_answer(outcome, approved_cents);
        let record = response_record(&tap.card, tap.generation, tap.counter, &signed.sale, outcome, approved_cents);
        vec![
            name(about),
            bytes("response_key", card_keys().response.secret().expose()),
            bytes("card", tap.card),
            bytes("generation", [tap.generation]),
            bytes("counter", tap.counter.to_be_bytes()),
            bytes("sale", signed.sale),
            bytes("outcome", [outcome.code()]),
            bytes("approved_amount", approved_cents.to_be_bytes()),
            bytes("record", record),
            bytes("mac", signed.mac),
            bytes("answer", signed.encode()),
            bytes("command", Complete { answer: signed, script: None }.command().as_bytes()),
        ]
    };
    vec![
        vector("declined", CardOutcome::Declined, 0),
        vector("approved", CardOutcome::Approved, 560),
        vector("approved in part", CardOutcome::ApprovedInPart, 250),
        vector("greatest amount", CardOutcome::Approved, u64::MAX),
    ]
}

fn scripts() -> Vec<Fields> {
    let vector = |about: &str, number: u32, change: Change, parameters: Fields| {
        let keys = card_keys();
        let script = Script::sign(&keys.script, &id(CARD), 1, number, change);
        let complete = Complete { answer: card_answer(CardOutcome::Approved, 560), script: Some(script) };
        let encoded = script.encode();
        let code = encoded.get(4..5).unwrap_or_default();
        let mut fields = vec![
            name(about),
            bytes("script_key", keys.script.secret().expose()),
            bytes("card", id(CARD)),
            bytes("generation", [1]),
            bytes("number", number.to_be_bytes()),
            bytes("change", code),
        ];
        fields.extend(parameters);
        fields.extend([
            bytes("answer", complete.answer.encode()),
            bytes("record", script_record(&id(CARD), 1, number, &change)),
            bytes("mac", script.mac),
            bytes("script", encoded),
            bytes("command", complete.command().as_bytes()),
        ]);
        fields
    };
    let limits = |tap_cents: u32, total_cents: u32, count: u8| {
        let fields = vec![
            bytes("tap_limit", tap_cents.to_be_bytes()),
            bytes("total_limit", total_cents.to_be_bytes()),
            bytes("count_limit", [count]),
        ];
        (Change::Limits { tap_cents, total_cents, count }, fields)
    };
    let (usual, usual_fields) = limits(2500, 5000, 5);
    let (greatest, greatest_fields) = limits(u32::MAX, u32::MAX, u8::MAX);
    vec![
        vector("limits", 1, usual, usual_fields),
        vector("reset offline", 2, Change::ResetOffline, Vec::new()),
        vector("block", 3, Change::Block, Vec::new()),
        vector("unblock", 4, Change::Unblock, Vec::new()),
        vector("activate generation 2", 0x0506_0708, Change::ActivateGeneration(2), vec![bytes("new_generation", [2])]),
        vector("greatest limits, greatest number", u32::MAX, greatest, greatest_fields),
    ]
}

fn selects() -> Vec<Fields> {
    let vector = |about: &str, is_blocked: bool, has_pin: bool, is_blank: bool| {
        let (card, generation) = if is_blank { ([0; 16], 0) } else { (id(CARD), 1) };
        let selected = Selected { card, generation, is_blocked, has_pin, is_blank };
        vec![
            name(about),
            bytes("card", selected.card),
            bytes("generation", [selected.generation]),
            bytes("blocked", [u8::from(is_blocked)]),
            bytes("pin", [u8::from(has_pin)]),
            bytes("blank", [u8::from(is_blank)]),
            bytes("command", select().as_bytes()),
            bytes("answer", answer(&selected.encode(), Status::OK).as_bytes()),
        ]
    };
    vec![
        vector("a card", false, false, false),
        vector("blocked", true, false, false),
        vector("with a PIN", false, true, false),
        vector("blocked, with a PIN", true, true, false),
        vector("blank", false, false, true),
    ]
}

fn last(about: &str, last: &Last) -> Fields {
    let authorised = &last.authorised;
    vec![
        name(about),
        bytes("state", [last.state.code()]),
        bytes("terminal", last.terminal),
        bytes("terminal_sequence", last.terminal_sequence.to_be_bytes()),
        bytes("decision", [authorised.decision.code()]),
        bytes("generation", [authorised.generation]),
        bytes("counter", authorised.counter.to_be_bytes()),
        bytes("holder_verification", [authorised.holder_verification.code()]),
        bytes("offline_total", authorised.offline_total_cents.to_be_bytes()),
        bytes("offline_count", [authorised.offline_count]),
        bytes("script_number", authorised.script_number.to_be_bytes()),
        bytes("mac", authorised.mac),
        bytes("terminal_mac", authorised.terminal_mac),
        bytes("sale", last.sale),
        bytes("approved_amount", last.approved_cents.to_be_bytes()),
        bytes("command", get_last().as_bytes()),
        bytes("answer", answer(&last.encode(), Status::OK).as_bytes()),
    ]
}

fn lasts() -> Vec<Fields> {
    let journal = |tap: &Transaction| Last {
        state: TapState::Signed,
        terminal: tap.terminal,
        terminal_sequence: tap.terminal_sequence,
        authorised: authorised(tap),
        sale: [0; 16],
        approved_cents: 0,
    };
    let nothing = Authorised {
        decision: Decision::Declined,
        generation: 0,
        counter: 0,
        holder_verification: HolderVerification::None,
        offline_total_cents: 0,
        offline_count: 0,
        script_number: 0,
        mac: [0; 16],
        terminal_mac: [0; 16],
    };
    let never = Last {
        state: TapState::Never,
        terminal: [0; 16],
        terminal_sequence: 0,
        authorised: nothing,
        sale: [0; 16],
        approved_cents: 0,
    };
    let completed = Last { state: TapState::Completed, sale: id(SALE), approved_cents: 560, ..journal(&tap()) };
    vec![
        last("never tapped", &never),
        last("signed", &journal(&tap())),
        last("signed, approved offline", &journal(&offline_tap())),
        last("completed", &completed),
    ]
}

fn statuses() -> Vec<Fields> {
    let all = [
        ("done", Status::OK),
        ("wrong_length", Status::WRONG_LENGTH),
        ("mac_wrong", Status::MAC_WRONG),
        ("not_now", Status::NOT_NOW),
        ("wrong_data", Status::WRONG_DATA),
        ("not_found", Status::NOT_FOUND),
        ("wrong_parameters", Status::WRONG_PARAMETERS),
        ("no_instruction", Status::NO_INSTRUCTION),
        ("no_class", Status::NO_CLASS),
        ("no_pin", Status::NO_PIN),
        ("pin_blocked", Status::PIN_BLOCKED),
        ("pin_wrong_2_left", Status::pin_wrong(2)),
        ("pin_wrong_1_left", Status::pin_wrong(1)),
        ("pin_wrong_0_left", Status::pin_wrong(0)),
        ("dead", Status::DEAD),
    ];
    all.into_iter().map(|(about, status)| vec![name(about), bytes("answer", answer(&[], status).as_bytes())]).collect()
}

fn object(fields: &Fields) -> String {
    let fields = fields.iter().map(|(name, value)| format!("\"{name}\": {value}"));
    format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
}

fn section(name: &str, vectors: &[Fields]) -> String {
    let vectors = vectors.iter().map(|fields| {
        let fields = fields.iter().map(|(name, value)| format!("      \"{name}\": {value}"));
        format!("    {{\n{}\n    }}", fields.collect::<Vec<_>>().join(",\n"))
    });
    format!("  \"{name}\": [\n{}\n  ]", vectors.collect::<Vec<_>>().join(",\n"))
}

/// The file as it is.
pub fn printed() -> String {
    let note = "Frozen: the bytes of a version never change. docs/card-protocol.md describes them.";
    let parts = [
        format!("  \"version\": {VERSION}"),
        "  \"status\": \"frozen\"".to_owned(),
        format!("  \"note\": \"{note}\""),
        section("keys", &keys()),
        section("baskets", &baskets()),
        section("transactions", &transactions()),
        section("offline", &personal::offline()),
        section("responses", &responses()),
        section("scripts", &scripts()),
        section("selects", &selects()),
        section("lasts", &lasts()),
        section("pins", &personal::pins()),
        section("put_keys", &personal::put_keys()),
        section("personalisations", &personal::personalisations()),
        section("statuses", &statuses()),
    ];
    format!("{{\n{}\n}}\n", parts.join(",\n"))
}

#[allow(dead_code)] // a test takes this file in, and calls the function above
fn main() {
    print!("{}", printed());
}
