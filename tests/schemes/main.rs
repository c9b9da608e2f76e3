//! Schemes as files: what the shipped ones say, what is told about wrong ones, and how an organisation comes to use them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod adopt;
#[path = "../support/mod.rs"]
mod support;
