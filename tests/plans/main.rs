//! Plans, absences, agendas and what is reckoned from them, with a real database.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod agendas;
mod agreeing;
mod colours;
mod house;
mod marking;
mod office;
mod recurrence;
#[path = "../support/mod.rs"]
mod support;
