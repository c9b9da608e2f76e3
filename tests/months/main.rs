//! A month's life against a real database: opened, delivered, closed and corrected. Each rule is a test whose name is the rule.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod closing;
mod correcting;
mod delivering;
mod house;
mod keeping;
mod killed;
mod leaving;
mod opening;
mod selling;
#[path = "../support/mod.rs"]
mod support;
mod undelivered;
