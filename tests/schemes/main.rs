//! Schemes as files: what the shipped ones say, what is told about wrong ones, and how an organisation comes to use them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod adopt;
mod command;
mod files;
#[path = "../support/mod.rs"]
mod support;
mod wrong;

/// A shipped file.
fn shipped(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemes").join(format!("{name}.toml"));
    std::fs::read_to_string(path).unwrap()
}
