//! Plans, absences, agendas and what is reckoned from them, with a real database.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod agreeing;
mod house;
mod marking;
mod recurrence;
#[path = "../support/mod.rs"]
mod support;
