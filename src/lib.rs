//! Pasje: a point of sale and card payment service for spending inside care facilities, on a double-entry ledger.
//!
//! Imports go one way: `http -> services -> db -> domain -> card_protocol`. See `docs/ARCHITECTURE.md`.

pub mod app;
pub mod db;
pub mod domain;
pub mod explain;
pub mod http;
pub mod jobs;
pub mod services;
