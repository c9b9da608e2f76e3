//! The ledger on a real database: what PostgreSQL refuses by itself, and what the services book.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod absurd;
mod append_only;
mod bookings;
mod concurrency;
mod fixture;
mod forwards;
mod included;
mod matrix;
mod order;
mod reviews;
