//! What the HTTP edge promises: the real program, asked over its socket by terminals right and wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod agenda;
mod authentication;
mod buffer_draws;
mod card;
mod cards;
mod catalogue;
mod clients;
mod cost_prices;
mod enrolment;
mod forwards;
mod forwards_bounds;
mod forwards_killed;
mod forwards_review;
mod health;
mod heartbeat;
mod holds;
mod hostile_bodies;
mod hotlist;
mod imports;
mod integration;
mod integration_keys;
mod journal;
mod keys;
mod leaving;
mod malformed;
mod months;
mod openapi;
mod outage;
mod own_money;
mod own_money_command;
mod payouts;
mod pin;
mod plan_lines;
mod problems;
mod rates;
mod refunds;
mod reports;
mod requests;
mod sales;
mod scripts;
mod secrets;
mod service;
mod shutdown;
mod signatures;
mod standings;
#[path = "../support/mod.rs"]
mod support;
mod tasks;
mod terminals;
mod tls;
mod unplanned_care;
mod vending;
mod virtual_card;
mod wire;
