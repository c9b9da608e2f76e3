//! Bytes that cards, terminals and the service agree on: no_std, no allocation, no I/O.
//!
//! Card, terminal and service use this crate and nothing else for bytes. `docs/card-protocol.md` describes every byte;
//! `vectors/v1.json` holds examples of each. All numbers are big-endian, all lengths fixed, no MAC is over JSON.
//!
//! - [`basket`]: the lines of a sale, and their digest.
//! - [`keys`]: what a card's keys are derived from.
//! - [`transaction`]: what a card signs.
//! - [`response`]: what the service answers a card.
//! - [`script`]: what the service tells a card to change.
//! - [`frame`]: commands and answers between terminal and card.
//! - [`pin`]: the optional PIN.
//! - [`personalise`]: how a blank card becomes a client's.
#![no_std]

pub mod basket;
mod bytes;
pub mod frame;
pub mod keys;
pub mod personalise;
pub mod pin;
pub mod response;
pub mod script;
pub mod transaction;

pub use basket::{LineRecord, Sink, basket_digest, encode_basket};
pub use keys::{CardKeys, Key, MasterKey, ResponseKey, Secret, TransactionKey};
pub use response::{CardAnswer, CardOutcome};
pub use transaction::{Decision, HolderVerification, Transaction, TransactionKind};

/// The version of this protocol: part of every MAC. A version's bytes never change once its vectors are frozen.
pub const VERSION: u8 = 1;

/// Bytes of every MAC: the leftmost of HMAC-SHA-256 (NIST SP 800-107r1, 5.3.3).
pub const MAC_LENGTH: usize = 16;

/// A truncated HMAC-SHA-256.
pub type Mac = [u8; MAC_LENGTH];

/// Bytes that are not of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Too short or too long.
    Length,
    /// A code that means nothing here.
    Code,
}
