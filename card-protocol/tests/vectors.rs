//! The vectors are what the crate makes, what a program written from the document makes, and sharp: each digit counts.

#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Output};

use card_protocol::frame::{
    Authorise, Authorised, Command, Complete, Instruction, Last, Selected, Status, TapState, answer, decode_answer,
    get_last, select,
};
use card_protocol::keys::{
    Key, OFFLINE_VERIFY_LABEL, OfflineVerifyKey, RESPONSE_LABEL, ResponseKey, SCRIPT_LABEL, ScriptKey,
    TERMINAL_VERIFY_LABEL, TRANSACTION_LABEL, TerminalVerifyKey, TransactionKey,
};
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
type Checked = Result<(), String>;

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

fn transactions(vector: &mut Vector) -> Checked {
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
    answered(vector, &authorised.encode(), authorised, Authorised::decode)
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

const STATUSES: [(&str, Status); 10] = [
    ("done", Status::OK),
    ("wrong_length", Status::WRONG_LENGTH),
    ("mac_wrong", Status::MAC_WRONG),
    ("not_now", Status::NOT_NOW),
    ("wrong_data", Status::WRONG_DATA),
    ("not_found", Status::NOT_FOUND),
    ("wrong_parameters", Status::WRONG_PARAMETERS),
    ("no_instruction", Status::NO_INSTRUCTION),
    ("no_class", Status::NO_CLASS),
    ("dead", Status::DEAD),
];

fn check(section: &str, vector: &Value) -> Checked {
    let mut vector = Vector(vector.as_object().cloned().ok_or("a vector is no object")?);
    let name = vector.value("name")?;
    match section {
        "keys" => keys(&mut vector)?,
        "baskets" => baskets(&mut vector)?,
        "transactions" => transactions(&mut vector)?,
        "responses" => responses(&mut vector)?,
        "scripts" => scripts(&mut vector)?,
        "selects" => selects(&mut vector)?,
        "lasts" => lasts(&mut vector)?,
        "statuses" => {
            let (_, status) = STATUSES.iter().find(|(known, _)| name == *known).ok_or("there is no such status")?;
            vector.output("answer", answer(&[], *status).as_bytes())?;
        }
        _ => return Err(format!("there is no section {section}")),
    }
    vector.end()
}

const SECTIONS: [&str; 8] = ["keys", "baskets", "transactions", "responses", "scripts", "selects", "lasts", "statuses"];

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/v1.json")
}

fn vectors() -> Value {
    let text = fs::read_to_string(file()).expect("the vectors can be read");
    serde_json::from_str(&text).expect("the vectors are JSON")
}

/// Every vector with its section and its place as a JSON pointer.
fn all(vectors: &Value) -> impl Iterator<Item = (&'static str, String, &Value)> {
    SECTIONS.into_iter().flat_map(|section| {
        let vectors = vectors.get(section).and_then(Value::as_array).expect("each section is an array");
        vectors.iter().enumerate().map(move |(at, vector)| (section, format!("/{section}/{at}"), vector))
    })
}

/// The places of all values of a vector that are hexadecimal, which are all but its name.
fn leaves(place: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter().filter(|(name, _)| *name != "name") {
                leaves(&format!("{place}/{name}"), field, found);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                leaves(&format!("{place}/{at}"), item, found);
            }
        }
        _ => found.push(place.to_owned()),
    }
}

/// The text with one digit changed.
fn with_digit_changed(text: &str, at: usize) -> String {
    let change = |digit: char| if digit == '0' { '1' } else { '0' };
    text.chars().enumerate().map(|(place, digit)| if place == at { change(digit) } else { digit }).collect()
}

#[test]
fn every_output_follows_from_its_inputs() {
    let vectors = vectors();
    for (section, place, vector) in all(&vectors) {
        assert_eq!(check(section, vector), Ok(()), "{place}, {}", vector.get("name").unwrap_or(&Value::Null));
    }
}

#[test]
fn nothing_stands_in_the_vectors_unchecked() {
    let vectors = vectors();
    let names = vectors.as_object().expect("the vectors are an object").keys();
    let others: Vec<&String> = names.filter(|name| !SECTIONS.contains(&name.as_str())).collect();
    assert_eq!(others, ["note", "status", "version"]);
    assert_eq!(vectors.get("version"), Some(&Value::from(VERSION)));
    assert_eq!(vectors.get("status"), Some(&Value::from("draft")));
    for section in SECTIONS {
        assert!(all(&vectors).any(|(of, _, _)| of == section), "{section} is empty");
    }
    for (name, _) in STATUSES {
        let is_there = all(&vectors).any(|(_, _, vector)| vector.get("name") == Some(&Value::from(name)));
        assert!(is_there, "the status {name} has no vector");
    }
}

#[test]
fn every_digit_counts() {
    let vectors = vectors();
    let mut tried = 0;
    for (section, place, vector) in all(&vectors) {
        let mut found = Vec::new();
        leaves("", vector, &mut found);
        for leaf in found {
            let text = vector.pointer(&leaf).and_then(Value::as_str).expect("every leaf is text").to_owned();
            for at in 0..text.len() {
                let mut other = vector.clone();
                *other.pointer_mut(&leaf).expect("the leaf is there") = Value::from(with_digit_changed(&text, at));
                assert!(check(section, &other).is_err(), "{place}{leaf}: digit {at} can be changed");
                tried += 1;
            }
        }
    }
    assert!(tried > 10_000, "only {tried} digits were tried");
}

/// Runs the program that was written from the document.
fn python(vectors: &Path) -> Output {
    let python = std::env::var_os("PASJE_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("check_vectors.py");
    let ran = Process::new(&python).arg(program).arg(vectors).output();
    ran.unwrap_or_else(|error| {
        panic!("{} did not start ({error}): install python3, or name one in PASJE_TEST_PYTHON", python.display())
    })
}

#[test]
fn a_program_written_from_the_document_agrees_on_every_vector() {
    let output = python(&file());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let said = String::from_utf8_lossy(&output.stdout);
    let count = all(&vectors()).count();
    assert_eq!(said.lines().last(), Some(format!("checked {count} vectors").as_str()));
}

#[test]
fn the_program_written_from_the_document_refuses_a_changed_digit() {
    let vectors = vectors();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for section in SECTIONS {
        let (_, place, vector) = all(&vectors).filter(|(of, _, _)| *of == section).last().expect("no section is empty");
        let mut found = Vec::new();
        leaves(&place, vector, &mut found);
        let ends = [found.first(), found.last()].into_iter().flatten();
        for leaf in ends {
            let mut other = vectors.clone();
            let changed = other.pointer_mut(leaf).expect("the leaf is there");
            *changed = Value::from(with_digit_changed(changed.as_str().expect("every leaf is text"), 0));
            let path = folder.join(format!("changed-{section}.json"));
            fs::write(&path, other.to_string()).expect("the folder for tests can be written");
            let output = python(&path);
            assert_eq!(output.status.code(), Some(1), "{leaf}");
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(errors.starts_with(section), "{leaf}: {errors}");
        }
    }
}

#[test]
fn keys_of_one_purpose_are_not_taken_for_another() {
    // the same bytes as two keys: the tag keeps the records apart even then
    let secret = || Secret::new([3; 32]);
    let terminal = OfflineVerifyKey::new(secret()).terminal_key(&[1; 16], &[2; 16]);
    let tap = Transaction {
        card: [1; 16],
        generation: 1,
        counter: 1,
        terminal: [2; 16],
        location: [3; 16],
        terminal_sequence: 1,
        terminal_nonce: [4; 8],
        kind: TransactionKind::Sale,
        decision: Decision::ApprovedOffline,
        holder_verification: HolderVerification::None,
        currency: 978,
        amount_cents: 1,
        time_ms: 1,
        basket_digest: [5; 16],
        offline_total_cents: 1,
        offline_count: 1,
        script_number: 2,
    };
    let as_transaction_key = TransactionKey::new(terminal.secret().clone());
    let mac = tap.sign_for_terminal(&terminal);
    assert!(tap.is_signed_for_terminal(&terminal, &mac));
    assert!(!tap.is_signed(&as_transaction_key, &mac), "a terminal can make what the service books");
}
