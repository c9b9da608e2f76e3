//! What each section of the vectors holds: every output is computed from the inputs.

use card_protocol::frame::{
    Authorise, Authorised, Command, Complete, Instruction, Last, Selected, Status, TapState, answer, decode_answer,
    get_last, select,
};
use card_protocol::keys::{
    CardKeys, Key, OFFLINE_VERIFY_LABEL, OfflineVerifyKey, RESPONSE_LABEL, ResponseKey, SCRIPT_LABEL, ScriptKey,
    TERMINAL_VERIFY_LABEL, TRANSACTION_LABEL, TerminalVerifyKey, TransactionKey,
};
use card_protocol::personalise::{Personalise, PutKeys};
use card_protocol::pin::PinBlock;
use card_protocol::response::response_record;
use card_protocol::script::{Change, Script, script_record};
use card_protocol::transaction::{TRANSACTION_TAG, VERIFY_TAG};
use card_protocol::{
    CardAnswer, CardOutcome, Decision, HolderVerification, LineRecord, Malformed, MasterKey, Secret, Sink, Transaction,
    TransactionKind, VERSION, basket_digest, encode_basket,
};
use hmac::{Hmac, KeyInit, Mac as _};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// What does not fit, or that nothing does not.
pub type Checked = Result<(), String>;

/// One vector, from which every field must be taken: none stands in the file unchecked.
struct Vector(Map<String, Value>);

impl Vector {
    fn value(&mut self, name: &str) -> Result<Value, String> {
        self.0.remove(name).ok_or_else(|| format!("{name} is missing"))
    }

    fn bytes(&mut self, name: &str) -> Result<Vec<u8>, String> {
        let value = self.value(name)?;
        let text = value.as_str().ok_or_else(|| format!("{name} is no text"))?;
        let pair = |at: usize| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(pair).collect();
        bytes.filter(|bytes| hex(bytes) == text).ok_or_else(|| format!("{name} is not in plain lower case hexadecimal"))
    }

    fn input<const N: usize>(&mut self, name: &str) -> Result<[u8; N], String> {
        let bytes = self.bytes(name)?;
        bytes.try_into().map_err(|bytes: Vec<u8>| format!("{name} has {} bytes, not {N}", bytes.len()))
    }

    fn secret(&mut self, name: &str) -> Result<Secret, String> {
        self.input(name).map(Secret::new)
    }

    fn u8(&mut self, name: &str) -> Result<u8, String> {
        self.input(name).map(u8::from_be_bytes)
    }

    fn u32(&mut self, name: &str) -> Result<u32, String> {
        self.input(name).map(u32::from_be_bytes)
    }

    fn u64(&mut self, name: &str) -> Result<u64, String> {
        self.input(name).map(u64::from_be_bytes)
    }

    fn flag(&mut self, name: &str) -> Result<bool, String> {
        match self.u8(name)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(format!("{name} is no flag")),
        }
    }

    fn code<T>(&mut self, name: &str, from_code: impl Fn(u8) -> Result<T, Malformed>) -> Result<T, String> {
        from_code(self.u8(name)?).map_err(|why| format!("{name}: {why:?}"))
    }

    fn output(&mut self, name: &str, computed: &[u8]) -> Checked {
        let stored = self.bytes(name)?;
        same(name, &hex(&stored), &hex(computed))
    }

    fn end(self) -> Checked {
        if self.0.is_empty() { Ok(()) } else { Err(format!("unknown: {:?}", self.0.keys())) }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn same<T: PartialEq + core::fmt::Debug>(what: &str, stored: &T, computed: &T) -> Checked {
    if stored == computed { Ok(()) } else { Err(format!("{what}: the file says {stored:?}, computed {computed:?}")) }
}

fn holds(what: &str, is_so: bool) -> Checked {
    if is_so { Ok(()) } else { Err(format!("it does not hold that {what}")) }
}

/// A key by the derivation's input and nothing of the crate.
fn hmac(key: &Secret, input: &[u8]) -> Secret {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).expect("HMAC takes keys of every length");
    mac.update(input);
    Secret::new(mac.finalize().into_bytes().into())
}

/// The data of a command that the card must take for this instruction.
fn data(command: &[u8], instruction: Instruction) -> Result<&[u8], String> {
    let command = Command::decode(command).map_err(|why| format!("command: {why:?}"))?;
    same("instruction", &Ok(instruction), &command.known())?;
    Ok(command.data)
}

fn keys(vector: &mut Vector) -> Checked {
    let master = vector.secret("master")?;
    let card: [u8; 16] = vector.input("card")?;
    let generation = vector.u8("generation")?;
    let terminal: [u8; 16] = vector.input("terminal")?;
    let location: [u8; 16] = vector.input("location")?;
    let of = MasterKey::new(master.clone()).card_keys(&card, generation);
    let terminal_key = of.offline_verify.terminal_key(&terminal, &location);
    let of_card = [&card[..], &[generation]].concat();
    let of_terminal = [terminal, location].concat();
    let offline_verify = of.offline_verify.secret();
    for (name, parent, label, context, key) in [
        ("transaction", &master, TRANSACTION_LABEL, &of_card, of.transaction.secret()),
        ("response", &master, RESPONSE_LABEL, &of_card, of.response.secret()),
        ("script", &master, SCRIPT_LABEL, &of_card, of.script.secret()),
        ("offline_verify", &master, OFFLINE_VERIFY_LABEL, &of_card, offline_verify),
        ("terminal_verify", offline_verify, TERMINAL_VERIFY_LABEL, &of_terminal, terminal_key.secret()),
    ] {
        let input = [&[0, 0, 0, 1], label, &[0], context, &[0, 0, 1, 0]].concat();
        vector.output(&format!("{name}_input"), &input)?;
        vector.output(&format!("{name}_key"), key.expose())?;
        holds("the key is the HMAC over its input", hmac(parent, &input) == *key)?;
    }
    Ok(())
}

struct Buffer(Vec<u8>);

impl Sink for Buffer {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

fn baskets(vector: &mut Vector) -> Checked {
    let price_list = vector.u32("price_list")?;
    let mut lines = Vec::new();
    for line in vector.value("lines")?.as_array().ok_or("lines are no array")? {
        let mut line = Vector(line.as_object().cloned().ok_or("a line is no object")?);
        let service = line.input("service")?;
        lines.push(LineRecord { service, quantity: line.u32("quantity")?, hold: line.input("hold")? });
        line.end()?;
    }
    let mut basket = Buffer(Vec::new());
    holds("the basket can be encoded", encode_basket(&lines, &mut basket))?;
    let input = [&b"PASJEBSK"[..], &[VERSION], &price_list.to_be_bytes(), &basket.0].concat();
    let digest = basket_digest(price_list, &lines).ok_or("the basket has no digest")?;
    vector.output("basket", &basket.0)?;
    vector.output("digest_input", &input)?;
    vector.output("digest", &digest)?;
    holds("the digest is the left half of SHA-256 over its input", Sha256::digest(&input).starts_with(&digest))
}

fn transactions(vector: &mut Vector) -> Result<(Authorise, Transaction), String> {
    let tap = Transaction {
        card: vector.input("card")?,
        generation: vector.u8("generation")?,
        counter: vector.u32("counter")?,
        terminal: vector.input("terminal")?,
        location: vector.input("location")?,
        terminal_sequence: vector.u64("terminal_sequence")?,
        terminal_nonce: vector.input("terminal_nonce")?,
        kind: vector.code("kind", TransactionKind::from_code)?,
        decision: vector.code("decision", Decision::from_code)?,
        holder_verification: vector.code("holder_verification", HolderVerification::from_code)?,
        currency: vector.input("currency").map(u16::from_be_bytes)?,
        amount_cents: vector.u64("amount")?,
        time_ms: vector.u64("time")?,
        basket_digest: vector.input("basket_digest")?,
        offline_total_cents: vector.u32("offline_total")?,
        offline_count: vector.u8("offline_count")?,
        script_number: vector.u32("script_number")?,
    };
    let authorise = Authorise {
        terminal: tap.terminal,
        location: tap.location,
        terminal_sequence: tap.terminal_sequence,
        terminal_nonce: tap.terminal_nonce,
        kind: tap.kind,
        currency: tap.currency,
        amount_cents: tap.amount_cents,
        time_ms: tap.time_ms,
        basket_digest: tap.basket_digest,
        is_online: vector.flag("online")?,
    };
    let command = authorise.command();
    vector.output("command", command.as_bytes())?;
    let asked = Authorise::decode(data(command.as_bytes(), Instruction::Authorise)?);
    same("AUTHORISE decoded", &Ok(authorise), &asked)?;

    let key = TransactionKey::new(vector.secret("transaction_key")?);
    let mac = tap.sign(&key);
    vector.output("record", &tap.encode(TRANSACTION_TAG))?;
    vector.output("mac", &mac)?;
    holds("the service takes the MAC", tap.is_signed(&key, &mac))?;

    let mut terminal_mac = [0; 16];
    if tap.decision == Decision::ApprovedOffline {
        let key = TerminalVerifyKey::new(vector.secret("terminal_verify_key")?);
        terminal_mac = tap.sign_for_terminal(&key);
        vector.output("terminal_record", &tap.encode(VERIFY_TAG))?;
        holds("the terminal takes the MAC", tap.is_signed_for_terminal(&key, &terminal_mac))?;
        let online = Transaction { decision: Decision::Online, ..tap };
        let other_mac = online.sign_for_terminal(&key);
        holds("a terminal takes no other decision", !online.is_signed_for_terminal(&key, &other_mac))?;
    }
    vector.output("terminal_mac", &terminal_mac)?;

    let authorised = Authorised {
        decision: tap.decision,
        generation: tap.generation,
        counter: tap.counter,
        holder_verification: tap.holder_verification,
        offline_total_cents: tap.offline_total_cents,
        offline_count: tap.offline_count,
        script_number: tap.script_number,
        mac,
        terminal_mac,
    };
    answered(vector, &authorised.encode(), authorised, Authorised::decode)?;
    Ok((authorise, tap))
}

/// A tap that the card decides by itself: its limits, and what the page says of them.
fn offline(vector: &mut Vector) -> Checked {
    let (authorise, tap) = transactions(vector)?;
    let record = Personalise { card: tap.card, generation: tap.generation, ..limits(vector)? };
    vector.output("personalise", record.command().as_bytes())?;
    let (is_blocked, has_pin) = (vector.flag("blocked")?, record.pin.is_some());
    let selected = Selected { card: tap.card, generation: tap.generation, is_blocked, has_pin, is_blank: false };
    vector.output("select_answer", answer(&selected.encode(), Status::OK).as_bytes())?;

    let (total, count) = (vector.u32("offline_total_before")?, vector.u8("offline_count_before")?);
    let total_after = u128::from(total) + u128::from(tap.amount_cents);
    let is_approved = !is_blocked
        && tap.kind == TransactionKind::Sale
        && (!has_pin || tap.holder_verification == HolderVerification::Pin)
        && tap.amount_cents <= u64::from(record.tap_limit_cents)
        && total_after <= u128::from(record.total_limit_cents)
        && count < record.count_limit;
    holds("the terminal cannot ask the service", !authorise.is_online)?;
    let decision = if is_approved { Decision::ApprovedOffline } else { Decision::Declined };
    same("decision", &tap.decision, &decision)?;
    let total_after = if is_approved { total_after } else { u128::from(total) };
    same("offline total", &u128::from(tap.offline_total_cents), &total_after)?;
    same("offline count", &u16::from(tap.offline_count), &(u16::from(count) + u16::from(is_approved)))
}

/// Limits and PIN, of no card yet.
fn limits(vector: &mut Vector) -> Result<Personalise, String> {
    let digits = vector.bytes("pin")?;
    let pin = if digits.is_empty() { None } else { Some(pin(&digits)?) };
    Ok(Personalise {
        card: [0; 16],
        generation: 0,
        tap_limit_cents: vector.u32("tap_limit")?,
        total_limit_cents: vector.u32("total_limit")?,
        count_limit: vector.u8("count_limit")?,
        pin,
    })
}

fn pin(digits: &[u8]) -> Result<PinBlock, String> {
    PinBlock::of_digits(digits).map_err(|why| format!("PIN: {why:?}"))
}

fn pins(vector: &mut Vector) -> Checked {
    let pin = pin(&vector.bytes("digits")?)?;
    vector.output("block", pin.expose())?;
    let command = pin.command();
    vector.output("command", command.as_bytes())?;
    same("VERIFY decoded", &Ok(pin), &PinBlock::decode(data(command.as_bytes(), Instruction::Verify)?))
}

fn put_keys(vector: &mut Vector) -> Checked {
    let keys = CardKeys {
        transaction: TransactionKey::new(vector.secret("transaction_key")?),
        response: ResponseKey::new(vector.secret("response_key")?),
        script: ScriptKey::new(vector.secret("script_key")?),
        offline_verify: OfflineVerifyKey::new(vector.secret("offline_verify_key")?),
    };
    let record = PutKeys { generation: vector.u8("generation")?, keys };
    let command = record.command();
    vector.output("command", command.as_bytes())?;
    let generation = record.generation;
    let decoded = PutKeys::decode(generation, data(command.as_bytes(), Instruction::PutData)?);
    same("PUT DATA decoded", &Ok(record), &decoded)
}

fn personalisations(vector: &mut Vector) -> Checked {
    let (card, generation) = (vector.input("card")?, vector.u8("generation")?);
    let record = Personalise { card, generation, ..limits(vector)? };
    let command = record.command();
    vector.output("command", command.as_bytes())?;
    let decoded = Personalise::decode(data(command.as_bytes(), Instruction::PutData)?);
    same("PUT DATA decoded", &Ok(record), &decoded)
}

/// The answer with 9000, which must be taken apart to what it was made from.
fn answered<T: PartialEq + core::fmt::Debug>(
    vector: &mut Vector,
    encoded: &[u8],
    value: T,
    decode: impl Fn(&[u8]) -> Result<T, Malformed>,
) -> Checked {
    let frame = answer(encoded, Status::OK);
    vector.output("answer", frame.as_bytes())?;
    let decoded = decode_answer(frame.as_bytes()).and_then(|(data, status)| Ok((decode(data)?, status)));
    same("answer decoded", &Ok((value, Status::OK)), &decoded)
}

fn completed(vector: &mut Vector, complete: &Complete) -> Checked {
    let command = complete.command();
    vector.output("command", command.as_bytes())?;
    let decoded = Complete::decode(data(command.as_bytes(), Instruction::Complete)?);
    same("COMPLETE decoded", &Ok(*complete), &decoded)
}

fn responses(vector: &mut Vector) -> Checked {
    let key = ResponseKey::new(vector.secret("response_key")?);
    let card = vector.input("card")?;
    let (generation, counter) = (vector.u8("generation")?, vector.u32("counter")?);
    let sale = vector.input("sale")?;
    let outcome = vector.code("outcome", CardOutcome::from_code)?;
    let approved_cents = vector.u64("approved_amount")?;
    let signed = CardAnswer::sign(&key, &card, generation, counter, sale, outcome, approved_cents);
    vector.output("record", &response_record(&card, generation, counter, &sale, outcome, approved_cents))?;
    vector.output("mac", &signed.mac)?;
    vector.output("answer", &signed.encode())?;
    holds("the card takes the answer", signed.is_signed(&key, &card, generation, counter))?;
    holds("no other tap takes it", !signed.is_signed(&key, &card, generation, counter ^ 1))?;
    completed(vector, &Complete { answer: signed, script: None })
}

fn scripts(vector: &mut Vector) -> Checked {
    let key = ScriptKey::new(vector.secret("script_key")?);
    let card = vector.input("card")?;
    let (generation, number) = (vector.u8("generation")?, vector.u32("number")?);
    let change = match vector.u8("change")? {
        1 => Change::Limits {
            tap_cents: vector.u32("tap_limit")?,
            total_cents: vector.u32("total_limit")?,
            count: vector.u8("count_limit")?,
        },
        2 => Change::ResetOffline,
        3 => Change::Block,
        4 => Change::Unblock,
        5 => Change::ActivateGeneration(vector.u8("new_generation")?),
        code => return Err(format!("there is no change {code}")),
    };
    let answer: [u8; CardAnswer::LENGTH] = vector.input("answer")?;
    let answer = CardAnswer::decode(&answer).map_err(|why| format!("answer: {why:?}"))?;
    let script = Script::sign(&key, &card, generation, number, change);
    vector.output("record", &script_record(&card, generation, number, &change))?;
    vector.output("mac", &script.mac)?;
    vector.output("script", &script.encode())?;
    holds("the card takes the script", script.is_signed(&key, &card, generation))?;
    holds("no other generation takes it", !script.is_signed(&key, &card, generation ^ 1))?;
    completed(vector, &Complete { answer, script: Some(script) })
}

fn selects(vector: &mut Vector) -> Checked {
    let command = select();
    vector.output("command", command.as_bytes())?;
    same("name", &&card_protocol::frame::APPLICATION[..], &data(command.as_bytes(), Instruction::Select)?)?;
    let (card, generation) = (vector.input("card")?, vector.u8("generation")?);
    let (is_blocked, has_pin, is_blank) = (vector.flag("blocked")?, vector.flag("pin")?, vector.flag("blank")?);
    let selected = Selected { card, generation, is_blocked, has_pin, is_blank };
    answered(vector, &selected.encode(), selected, Selected::decode)
}

fn lasts(vector: &mut Vector) -> Checked {
    let command = get_last();
    vector.output("command", command.as_bytes())?;
    same("data", &&[][..], &data(command.as_bytes(), Instruction::GetLast)?)?;
    let last = Last {
        state: vector.code("state", TapState::from_code)?,
        terminal: vector.input("terminal")?,
        terminal_sequence: vector.u64("terminal_sequence")?,
        authorised: Authorised {
            decision: vector.code("decision", Decision::from_code)?,
            generation: vector.u8("generation")?,
            counter: vector.u32("counter")?,
            holder_verification: vector.code("holder_verification", HolderVerification::from_code)?,
            offline_total_cents: vector.u32("offline_total")?,
            offline_count: vector.u8("offline_count")?,
            script_number: vector.u32("script_number")?,
            mac: vector.input("mac")?,
            terminal_mac: vector.input("terminal_mac")?,
        },
        sale: vector.input("sale")?,
        approved_cents: vector.u64("approved_amount")?,
    };
    answered(vector, &last.encode(), last, Last::decode)
}

pub const STATUSES: [(&str, Status); 15] = [
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

pub fn check(section: &str, vector: &Value) -> Checked {
    let mut vector = Vector(vector.as_object().cloned().ok_or("a vector is no object")?);
    let name = vector.value("name")?;
    match section {
        "keys" => keys(&mut vector)?,
        "baskets" => baskets(&mut vector)?,
        "transactions" => transactions(&mut vector).map(drop)?,
        "offline" => offline(&mut vector)?,
        "responses" => responses(&mut vector)?,
        "scripts" => scripts(&mut vector)?,
        "selects" => selects(&mut vector)?,
        "lasts" => lasts(&mut vector)?,
        "pins" => pins(&mut vector)?,
        "put_keys" => put_keys(&mut vector)?,
        "personalisations" => personalisations(&mut vector)?,
        "statuses" => {
            let (_, status) = STATUSES.iter().find(|(known, _)| name == *known).ok_or("there is no such status")?;
            vector.output("answer", answer(&[], *status).as_bytes())?;
        }
        _ => return Err(format!("there is no section {section}")),
    }
    vector.end()
}

pub const SECTIONS: [&str; 12] = [
    "keys",
    "baskets",
    "transactions",
    "offline",
    "responses",
    "scripts",
    "selects",
    "lasts",
    "pins",
    "put_keys",
    "personalisations",
    "statuses",
];
