//! Vectors of what a card is personalised with: keys, PIN, and limits, by which it approves offline.

use card_protocol::frame::{Selected, Status, answer};
use card_protocol::keys::Key;
use card_protocol::personalise::{Personalise, PutKeys};
use card_protocol::pin::PinBlock;
use card_protocol::{Decision, HolderVerification, MasterKey, Transaction, TransactionKind};

use super::{CARD, Fields, bytes, id, master, name, tap, transaction};

const PIN: &[u8] = b"1234";

/// What a card has when it is tapped where no service can be asked.
struct Offline {
    limits: (u32, u32, u8),
    pin: &'static [u8],
    is_blocked: bool,
    total_cents: u32,
    count: u8,
}

const USUAL: Offline = Offline { limits: (2500, 5000, 5), pin: b"", is_blocked: false, total_cents: 3000, count: 2 };

fn personalise(limits: (u32, u32, u8), pin: &[u8]) -> Personalise {
    let (tap_limit_cents, total_limit_cents, count_limit) = limits;
    let pin = PinBlock::of_digits(pin).ok();
    Personalise { card: id(CARD), generation: 1, tap_limit_cents, total_limit_cents, count_limit, pin }
}

fn limit_fields(record: &Personalise, pin: &[u8]) -> Fields {
    vec![
        bytes("tap_limit", record.tap_limit_cents.to_be_bytes()),
        bytes("total_limit", record.total_limit_cents.to_be_bytes()),
        bytes("count_limit", [record.count_limit]),
        bytes("pin", pin),
    ]
}

/// The vector of a tap by a terminal that cannot ask the service, and of the card before it.
fn tapped_offline(about: &str, card: &Offline, asked: &Transaction, is_approved: bool) -> Fields {
    let added = u32::try_from(asked.amount_cents).ok().filter(|_| is_approved);
    let tap = Transaction {
        decision: if is_approved { Decision::ApprovedOffline } else { Decision::Declined },
        offline_total_cents: card.total_cents.wrapping_add(added.unwrap_or_default()),
        offline_count: card.count.wrapping_add(u8::from(is_approved)),
        ..*asked
    };
    let record = personalise(card.limits, card.pin);
    let selected = Selected {
        card: tap.card,
        generation: tap.generation,
        is_blocked: card.is_blocked,
        has_pin: !card.pin.is_empty(),
        is_blank: false,
    };
    let mut fields = transaction(about, &tap, false);
    fields.extend(limit_fields(&record, card.pin));
    fields.extend([
        bytes("blocked", [u8::from(card.is_blocked)]),
        bytes("offline_total_before", card.total_cents.to_be_bytes()),
        bytes("offline_count_before", [card.count]),
        bytes("personalise", record.command().as_bytes()),
        bytes("select_answer", answer(&selected.encode(), Status::OK).as_bytes()),
    ]);
    fields
}

pub fn offline() -> Vec<Fields> {
    let of = |amount_cents: u64| Transaction { amount_cents, counter: 0x0107, terminal_sequence: 0x0309, ..tap() };
    let with_pin = Transaction { holder_verification: HolderVerification::Pin, ..of(2000) };
    let no_limits = Offline { limits: (0, 0, 0), total_cents: 0, count: 0, ..USUAL };
    let greatest = Offline { limits: (u32::MAX, u32::MAX, u8::MAX), total_cents: 0, count: 0, ..USUAL };
    let spent = Offline { total_cents: u32::MAX, ..greatest };
    let often = Offline { count: u8::MAX, ..greatest };
    let tapped = tapped_offline;
    vec![
        tapped("within the limits", &USUAL, &of(560), true),
        tapped("the tap limit", &Offline { total_cents: 0, count: 0, ..USUAL }, &of(2500), true),
        tapped("above the tap limit", &Offline { total_cents: 0, count: 0, ..USUAL }, &of(2501), false),
        tapped("the total limit", &USUAL, &of(2000), true),
        tapped("above the total limit", &USUAL, &of(2001), false),
        tapped("the count limit", &Offline { count: 4, ..USUAL }, &of(560), true),
        tapped("above the count limit", &Offline { count: 5, ..USUAL }, &of(0), false),
        tapped("nothing, the total is spent", &Offline { total_cents: 5000, ..USUAL }, &of(0), true),
        tapped("no limits", &no_limits, &of(0), false),
        tapped("blocked", &Offline { is_blocked: true, ..USUAL }, &of(560), false),
        tapped("hold", &USUAL, &Transaction { kind: TransactionKind::Hold, ..of(560) }, false),
        tapped("a PIN that was right", &Offline { pin: PIN, ..USUAL }, &with_pin, true),
        tapped("a PIN that was not asked", &Offline { pin: PIN, ..USUAL }, &of(560), false),
        tapped("greatest amount within the greatest limits", &greatest, &of(u64::from(u32::MAX)), true),
        tapped("an amount that no limit can say", &greatest, &of(1 << 32), false),
        tapped("a total that no limit can say", &spent, &of(1), false),
        tapped("a count that no limit can say", &often, &of(1), false),
    ]
}

pub fn pins() -> Vec<Fields> {
    let vector = |about: &str, digits: &[u8]| {
        let pin = PinBlock::of_digits(digits).ok()?;
        let command = pin.command();
        Some(vec![
            name(about),
            bytes("digits", digits),
            bytes("block", pin.expose()),
            bytes("command", command.as_bytes()),
        ])
    };
    let all = [("four digits", PIN), ("five digits", b"00000"), ("eight digits", b"98765432")];
    all.into_iter().filter_map(|(about, digits)| vector(about, digits)).collect()
}

pub fn put_keys() -> Vec<Fields> {
    let vector = |about: &str, master: &MasterKey, generation: u8| {
        let record = PutKeys { generation, keys: master.card_keys(&id(CARD), generation) };
        vec![
            name(about),
            bytes("generation", [generation]),
            bytes("transaction_key", record.keys.transaction.secret().expose()),
            bytes("response_key", record.keys.response.secret().expose()),
            bytes("script_key", record.keys.script.secret().expose()),
            bytes("offline_verify_key", record.keys.offline_verify.secret().expose()),
            bytes("command", record.command().as_bytes()),
        ]
    };
    vec![vector("generation 1", &master(0x80), 1), vector("generation 2 of the same card", &master(0xa0), 2)]
}

pub fn personalisations() -> Vec<Fields> {
    let vector = |about: &str, record: Personalise, pin: &[u8]| {
        let mut fields = vec![name(about), bytes("card", record.card), bytes("generation", [record.generation])];
        fields.extend(limit_fields(&record, pin));
        fields.push(bytes("command", record.command().as_bytes()));
        fields
    };
    let differing = (0x0102_0304, 0x0506_0708, 9);
    vec![
        vector("usual limits, no PIN", personalise(USUAL.limits, b""), b""),
        vector("limits of which all bytes differ, PIN", personalise(differing, PIN), PIN),
        vector(
            "generation 2, PIN of eight digits",
            Personalise { generation: 2, ..personalise(differing, b"98765432") },
            b"98765432",
        ),
        vector("nothing offline", personalise((0, 0, 0), b""), b""),
    ]
}
