//! Files of rows: read as spreadsheets write them, refused as a whole with line and column, taken over as a whole.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod clients;
mod command;
mod documented;
mod files;
mod house;
mod offer;
mod readme;
#[path = "../support/mod.rs"]
mod support;
mod tables;
