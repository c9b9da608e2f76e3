//! Cards that are issued into a reader: with a real pcscd and vpcd, in a place of their own.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use card_protocol::pin::PinBlock;
use firmware_sim::card::{Card, Fleeting, OfflineLimits};
use firmware_sim::files::{CardFile, PinDigits};
use firmware_sim::vpcd::{self, Left, Misbehaviour};

use crate::namespace::{FIRST, Pcscd, enters_below};
use crate::program::Scratch;

const WELL: Misbehaviour = Misbehaviour {
    tear_after: None,
    slow: std::time::Duration::ZERO,
    is_foreign: false,
    is_empty: false,
    has_no_keys: false,
};

/// Runs the test below `pasje database`, whose server stands outside: the folder for the rest, inside.
fn enters(test: &str) -> Option<&'static Path> {
    let scratch = Scratch::new();
    let data = scratch.data();
    let data = data.to_str().unwrap();
    // without the database that this test run may have in its environment
    let variables = ["DATABASE_URL", "DATABASE_OWNER_URL", "PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PASJE_DATA"];
    let without = variables.map(|variable| ["-u", variable]);
    let pasje = [env!("CARGO_BIN_EXE_pasje"), "--data", data, "database", "--"];
    let program = [&["env"], without.as_flattened(), &pasje].concat();
    if !enters_below(&format!("personalise::{test}"), &program) {
        return None;
    }
    std::fs::create_dir("/run/pasje").unwrap();
    Some(Path::new("/run/pasje"))
}

fn pasje(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pasje"));
    command.args(["--data", "/run/pasje"]).args(arguments).stdin(Stdio::null());
    command
}

fn says(arguments: &[&str]) -> String {
    let output = pasje(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// `pasje card issue --reader`, which waits for a card.
fn issues() -> Child {
    let mut issue = pasje(&["card", "issue", "--wallet", "1", "--reader"]);
    let mut issue = issue.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(issue.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("lay a blank card on the reader"), "{said}");
    issue
}

/// How it ended: whether well, and what it said of why not.
fn ends(mut issue: Child) -> (bool, String) {
    let mut errors = String::new();
    issue.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    (issue.wait().unwrap().success(), errors)
}

fn lay(mut card: Card<Fleeting>, how: Misbehaviour) -> std::thread::JoinHandle<(Card<Fleeting>, Left)> {
    let stream = vpcd::insert(FIRST).unwrap();
    std::thread::spawn(move || {
        let left = vpcd::serve(stream, &mut card, how).unwrap_or(Left::Gone);
        (card, left)
    })
}

/// Cards of the organisation: all, and those that are blocked.
fn cards() -> (usize, usize) {
    let list = says(&["card", "list"]);
    (list.lines().count() - 1, list.matches(" blocked ").count())
}

fn ready(folder: &Path) -> (Pcscd, usize) {
    let demo = folder.join("demo");
    says(&["migrate"]);
    says(&["demo", "--out", demo.to_str().unwrap()]);
    (Pcscd::start(), cards().0)
}

#[test]
fn the_file_of_an_issued_card_has_its_limits_and_a_pin_that_was_on_no_command_line() {
    let scratch = Scratch::new();
    let data = scratch.data();
    let run = |arguments: &[&str]| {
        let mut child = crate::program::pasje(&data).args(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(b"246800\n");
        assert!(child.wait().unwrap().success(), "{arguments:?}");
    };
    let at = |name: &str| scratch.0.join(name).to_str().unwrap().to_owned();
    let file = |name: &str| -> CardFile { serde_json::from_str(&std::fs::read_to_string(at(name)).unwrap()).unwrap() };
    let usual = OfflineLimits { tap_cents: 2500, total_cents: 5000, count: 5 };
    run(&["demo", "--out", &at("demo")]);
    let made = std::fs::read_dir(at("demo/cards")).unwrap().next().unwrap().unwrap().file_name();
    assert_eq!(file(&format!("demo/cards/{}", made.to_str().unwrap())).limits, usual);

    let issue = ["card", "issue", "--wallet", "1", "--out"];
    run(&[&issue[..], &[&at("usual.json")]].concat());
    assert_eq!((file("usual.json").limits, file("usual.json").pin), (usual, None));
    let options = ["--offline-tap", "1000", "--offline-total", "2000", "--offline-count", "3", "--pin-file", "-"];
    run(&[&issue[..], &[&at("own.json")], &options].concat());
    let own = file("own.json");
    assert_eq!(own.limits, OfflineLimits { tap_cents: 1000, total_cents: 2000, count: 3 });
    assert_eq!(own.pin, PinBlock::of_digits(b"246800").ok().map(PinDigits));
}

#[test]
fn a_blank_card_in_a_reader_is_issued_and_a_card_that_has_keys_is_not() {
    let Some(folder) = enters("a_blank_card_in_a_reader_is_issued_and_a_card_that_has_keys_is_not") else { return };
    let (pcscd, before) = ready(folder);
    let issue = issues();
    let blank = lay(Card::blank(Fleeting), WELL);
    let (is_well, errors) = ends(issue);
    assert!(is_well, "{errors}");
    assert_eq!(cards(), (before + 1, 0));

    let (is_well, errors) = ends(issues());
    assert!(!is_well && errors.contains("the card is not blank: it is card "), "{errors}");
    assert_eq!(cards(), (before + 1, 0), "nothing was issued");
    pcscd.stop();
    let (card, _) = blank.join().unwrap();
    let limits = card.state().limits;
    assert_eq!((card.state().generation, limits.tap_cents, limits.total_cents, limits.count), (1, 2500, 5000, 5));
}

#[test]
fn a_card_that_leaves_after_its_last_record_is_issued_once_it_comes_back() {
    let Some(folder) = enters("a_card_that_leaves_after_its_last_record_is_issued_once_it_comes_back") else { return };
    let (_pcscd, before) = ready(folder);
    // SELECT, keys, and the record that ends it: taken, and its answer lost
    let issue = issues();
    let (card, left) = lay(Card::blank(Fleeting), Misbehaviour { tear_after: Some(3), ..WELL }).join().unwrap();
    assert_eq!(left, Left::Torn);
    let _again = lay(card, WELL);
    let (is_well, errors) = ends(issue);
    assert!(is_well, "{errors}");
    assert_eq!(cards(), (before + 1, 0));
}

#[test]
fn a_card_that_could_not_be_written_is_blocked_and_said_so() {
    let Some(folder) = enters("a_card_that_could_not_be_written_is_blocked_and_said_so") else { return };
    let (_pcscd, before) = ready(folder);
    let issue = issues();
    // its keys are taken, the rest is not, and another card is laid in its place
    lay(Card::blank(Fleeting), Misbehaviour { tear_after: Some(2), ..WELL }).join().unwrap();
    let _foreign = lay(Card::blank(Fleeting), Misbehaviour { is_foreign: true, ..WELL });
    let (is_well, errors) = ends(issue);
    assert!(
        !is_well && errors.contains("could not be written and is blocked: the card is no card of ours"),
        "{errors}"
    );
    assert_eq!(cards(), (before + 1, 1));
}
