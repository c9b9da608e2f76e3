//! What the HTTP edge promises: the real program, asked over its socket by terminals right and wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod authentication;
mod card;
mod catalogue;
mod enrolment;
mod health;
mod heartbeat;
mod hotlist;
mod malformed;
mod openapi;
mod outage;
mod problems;
mod rates;
mod refunds;
mod requests;
mod sales;
mod secrets;
mod service;
mod shutdown;
mod signatures;
#[path = "../support/mod.rs"]
mod support;
mod terminals;
mod tls;
mod wire;
