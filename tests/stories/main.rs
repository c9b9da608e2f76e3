//! The stories of the evaluation report "persoonsvolgende bekostiging", each lived through the product as its users use it:
//! commands, files of other systems, the API, cards at a till. Every figure is reckoned by hand beside the assertion.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod amsta;
mod archipel;
#[allow(dead_code)]
#[path = "../api/card.rs"]
mod card;
mod data;
#[allow(dead_code)]
#[path = "../api/integration.rs"]
mod integration;
#[allow(dead_code)]
#[path = "../api/service.rs"]
mod service;
mod stage;
#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code)]
#[path = "../api/wire.rs"]
mod wire;
mod zzg;
