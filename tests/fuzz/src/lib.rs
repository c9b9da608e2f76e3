//! What must hold of any bytes: each module has a `run` that is given some, and panics where a promise is broken.
//!
//! Run by libFuzzer (`./dev fuzz`), which looks for bytes that break one, and by the test `fuzz` over the bytes that are
//! kept in `corpus/`: what fuzzing found interesting, and what broke something once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

pub mod bodies;
pub mod card;
pub mod digest;
pub mod frames;
pub mod hex;
pub mod signature;
pub mod terminal_json;

/// A target's name, which is that of its corpus, and what it runs.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("bodies", bodies::run),
    ("card", card::run),
    ("digest", digest::run),
    ("frames", frames::run),
    ("hex", hex::run),
    ("signature", signature::run),
    ("terminal_json", terminal_json::run),
];
