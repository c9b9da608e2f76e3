//! The vectors are what the crate makes, what a program written from the document makes, and sharp: each digit counts.

#![allow(clippy::expect_used, clippy::panic, missing_docs)]

mod frozen;
mod sections;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Output};

use card_protocol::keys::{Key, OfflineVerifyKey, TransactionKey};
use card_protocol::{Decision, HolderVerification, Secret, Transaction, TransactionKind, VERSION};
use sections::{SECTIONS, STATUSES, check};
use serde_json::Value;

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
    assert_eq!(vectors.get("status"), Some(&Value::from("frozen")));
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
