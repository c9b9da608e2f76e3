//! A till of the firmware and the real service, with the connection between them lost in every way: each sale is booked
//! once, and every purse is right to the cent.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../api/card.rs"]
#[allow(dead_code)]
mod card;
mod cards;
mod counter;
mod enrolled;
mod lost;
mod page;
mod program;
#[path = "../api/service.rs"]
#[allow(dead_code)]
mod service;
#[path = "../support/mod.rs"]
mod support;
mod terminals;
mod till_page;
