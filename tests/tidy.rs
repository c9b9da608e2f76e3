//! The layout's rules, as a test: who may import whom, how long a file may be, what may not be left behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

/// Lower layers first: a layer may use itself and the layers before it.
const LAYERS: &[&str] = &["domain", "db", "services"];
/// These use the layers, and nobody uses them.
const EDGES: &[&str] = &["http", "jobs"];
const LINES_MAX: usize = 600;
const FORBIDDEN_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "manager", "common", "misc"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        // a folder that the layout foresees may not be there yet
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn sources() -> Vec<(String, String)> {
    let folders = ["src", "tests", "benches", "card-protocol", "firmware-sim"];
    let files = folders.into_iter().flat_map(rust_files);
    let files = files.map(|path| {
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    });
    files.filter(|(name, _)| !name.contains("/target/")).collect()
}

/// The code of a line: no comment, and nothing of strings that talk about code.
fn code(line: &str) -> &str {
    match line.find("//") {
        Some(start) => &line[..start],
        None => line,
    }
}

/// Whether a word stands in the code by itself, as a name.
fn names(code: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word)
        .any(|(at, _)| !code[..at].ends_with(part_of_name) && !code[at + word.len()..].starts_with(part_of_name))
}

/// Whether the code uses a crate: a text may name the service, as what goes over the wire does.
fn uses_crate(code: &str, word: &str) -> bool {
    code.contains(&format!("{word}::"))
        || names(code, &format!("use {word}"))
        || names(code, &format!("extern crate {word}"))
}

fn layer(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("src/")?;
    let first = rest.split(['/', '.']).next()?;
    LAYERS.iter().chain(EDGES).find(|layer| **layer == first).copied()
}

/// What of the rules this file breaks.
fn broken_rules(name: &str, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let stem = Path::new(name).file_stem().unwrap().to_str().unwrap();
    for part in name.split('/').filter(|part| !part.ends_with(".rs")).chain([stem]) {
        if FORBIDDEN_NAMES.contains(&part) {
            broken.push(format!("{name}: `{part}` says nothing about what is inside"));
        }
    }
    if name.starts_with("src/") && text.lines().count() > LINES_MAX {
        broken.push(format!("{name}: over {LINES_MAX} lines; which second noun has it found?"));
    }
    for (number, line) in text.lines().enumerate() {
        let mut refuse = |what: String| broken.push(format!("{name}:{}: {what}", number + 1));
        for macro_name in ["todo", "unimplemented", "dbg"] {
            if code(line).contains(&format!("{macro_name}!")) {
                refuse(format!("`{macro_name}!` is left"));
            }
        }
        if code(line).trim_start().starts_with("#[ignore") {
            refuse("a test is not ignored: it passes or goes".to_owned());
        }
        for import in forbidden_imports(name, code(line)) {
            refuse(import);
        }
    }
    broken
}

fn forbidden_imports(name: &str, code: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let uses = |module: &str| code.contains(&format!("crate::{module}")) || code.contains(&format!("pasje::{module}"));
    if let Some(own) = layer(name) {
        let height = LAYERS.iter().position(|layer| *layer == own).unwrap_or(LAYERS.len());
        for higher in LAYERS.iter().skip(height + 1).chain(EDGES).filter(|other| **other != own && uses(other)) {
            broken.push(format!("{own} may not use {higher}"));
        }
    }
    let in_any = |places: &[&str]| places.iter().any(|place| name.starts_with(place));
    if (names(code, "diesel") || names(code, "diesel_async") || names(code, "tokio_postgres"))
        && !in_any(&["src/db", "src/services", "tests/", "benches/"])
    {
        broken.push("diesel is named in db and services alone".to_owned());
    }
    if names(code, "actix_web") && !in_any(&["src/http", "src/app", "src/main.rs", "tests/"]) {
        broken.push("actix is named in http, app and main alone".to_owned());
    }
    if name.starts_with("src/domain") {
        for word in ["tokio", "async", "SystemTime", "Instant", "Utc::now", "rand"] {
            if names(code, word) {
                broken.push(format!("domain is pure, without `{word}`"));
            }
        }
    }
    if in_any(&["card-protocol/", "firmware-sim/"]) && uses_crate(code, "pasje") {
        broken.push("cards and terminals speak to the service over the wire alone".to_owned());
    }
    broken
}

#[test]
fn the_tree_is_tidy() {
    let sources = sources();
    assert!(sources.iter().any(|(name, _)| name == "src/lib.rs"), "the tree was not found");
    // this file names what it forbids
    let others = sources.iter().filter(|(name, _)| name != "tests/tidy.rs");
    let broken: Vec<String> = others.flat_map(|(name, text)| broken_rules(name, text)).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn each_rule_is_seen_to_fail() {
    let long = "\n".repeat(LINES_MAX + 1);
    for (name, text, expected) in [
        ("src/domain/sale.rs", "use crate::db::sales;", "domain may not use db"),
        ("src/domain/sale.rs", "use crate::services::authorise;", "domain may not use services"),
        ("src/db/sales.rs", "use crate::services::authorise;", "db may not use services"),
        ("src/services/authorise.rs", "use crate::http::problem;", "services may not use http"),
        ("src/http/api.rs", "use crate::jobs::close;", "http may not use jobs"),
        ("src/domain/sale.rs", "use diesel::prelude::*;", "diesel is named"),
        ("src/http/api.rs", "diesel_async::RunQueryDsl;", "diesel is named"),
        ("src/cli/serve.rs", "tokio_postgres::NoTls", "diesel is named"),
        ("src/db/sales.rs", "use actix_web::web;", "actix is named"),
        ("src/domain/sale.rs", "pub async fn decide() {}", "domain is pure"),
        ("src/domain/sale.rs", "let now = chrono::Utc::now();", "domain is pure"),
        ("card-protocol/src/lib.rs", "use pasje::domain;", "over the wire"),
        ("card-protocol/src/lib.rs", "use pasje as service;", "over the wire"),
        ("firmware-sim/src/till.rs", "extern crate pasje;", "over the wire"),
        ("firmware-sim/src/till.rs", "let amount = pasje::domain::money::Amount::ZERO;", "over the wire"),
        ("src/db/sales.rs", long.as_str(), "over 600 lines"),
        ("src/db/sales.rs", "    todo!()", "`todo!` is left"),
        ("tests/api/sales.rs", "unimplemented!(\"later\")", "`unimplemented!` is left"),
        ("src/db/sales.rs", "dbg!(sale);", "`dbg!` is left"),
        ("tests/api/sales.rs", "    #[ignore = \"slow\"]", "not ignored"),
        ("src/db/utils.rs", "", "`utils` says nothing"),
        ("tests/common/mod.rs", "", "`common` says nothing"),
    ] {
        let broken = broken_rules(name, text);
        assert!(broken.iter().any(|rule| rule.contains(expected)), "{name} {text:?}: {broken:?}");
    }
    for (name, text) in [
        ("src/services/authorise.rs", "use crate::db::sales; use crate::domain::sale; use diesel::prelude::*;"),
        ("src/http/api.rs", "use crate::services::authorise; // as diesel would"),
        ("src/db/sales.rs", "use crate::domain::sale; use card_protocol::basket;"),
        ("src/domain/sale.rs", "let random_order = 1; // not async"),
        ("card-protocol/src/mac.rs", "const TAG: &[u8] = b\"pasje v1\";"),
        ("firmware-sim/src/signature.rs", "pub const TAG: &str = \"pasje-terminal\";"),
    ] {
        assert_eq!(broken_rules(name, text), Vec::<String>::new(), "{name}");
    }
}

/// The tests that a page of threats names: in backticks, in the last column of its tables.
fn named_tests(page: &str) -> Vec<(String, Vec<String>)> {
    let rows = page.lines().filter_map(|line| line.trim().strip_prefix('|')?.strip_suffix('|'));
    let rows = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    rows.filter(|cells| !cells[0].is_empty() && cells[0] != "threat" && !cells[0].starts_with("---"))
        .map(|cells| {
            let names = cells[cells.len() - 1].split('`').skip(1).step_by(2);
            (cells[0].to_owned(), names.map(str::to_owned).collect())
        })
        .collect()
}

/// What of a page of threats nothing shows.
fn threats_without_a_test(page: &str, sources: &[(String, String)]) -> Vec<String> {
    let mut missing = Vec::new();
    for (threat, tests) in named_tests(page) {
        if tests.is_empty() {
            missing.push(format!("{threat}: no test is named"));
        }
        for test in tests {
            let declared = [format!("fn {test}("), format!("{test} {{")];
            let is_there = sources.iter().any(|(_, text)| {
                text.lines().any(|line| declared.iter().any(|start| code(line).contains(start.as_str())))
            });
            if !is_there {
                missing.push(format!("{threat}: there is no test `{test}`"));
            }
        }
    }
    missing
}

#[test]
fn each_threat_is_answered_by_a_test_that_is_there() {
    let page = fs::read_to_string(root().join("docs/threats.md")).unwrap();
    assert!(named_tests(&page).len() >= 12, "the table of threats was not found");
    let missing = threats_without_a_test(&page, &sources());
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

#[test]
fn a_threat_without_a_test_is_seen() {
    let sources = [("tests/api/sales.rs".to_owned(), "async fn a_replay_books_nothing() {".to_owned())];
    let page =
        |test: &str| format!("| threat | answer | shown by |\n| --- | --- | --- |\n| replay | none | {test} |\n");
    assert_eq!(threats_without_a_test(&page("`a_replay_books_nothing`"), &sources), Vec::<String>::new());
    assert_eq!(threats_without_a_test(&page("`a_dream`"), &sources), ["replay: there is no test `a_dream`"]);
    assert_eq!(threats_without_a_test(&page("a promise"), &sources), ["replay: no test is named"]);
}
