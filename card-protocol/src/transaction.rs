//! What a card signs: one tap, whole, in 124 bytes.

use crate::bytes::{Writer, byte_codes};
use crate::keys::{Key, TerminalVerifyKey, TransactionKey};
use crate::{Mac, VERSION};

byte_codes! {
    /// What the tap is for.
    TransactionKind {
        /// Something is sold.
        Sale = 1,
        /// An amount is set aside, to be captured or released (laundry, vending).
        Hold = 2,
    }
}

byte_codes! {
    /// What the card decided.
    Decision {
        /// The card refuses: blocked, or over its own limits.
        Declined = 0,
        /// Within its offline limits, and the terminal has no connection.
        ApprovedOffline = 1,
        /// The service decides.
        Online = 2,
    }
}

byte_codes! {
    /// How the holder was verified.
    HolderVerification {
        /// Not at all: the card was tapped.
        None = 0,
        /// By PIN, checked by the card.
        Pin = 1,
    }
}

/// Euro, as ISO 4217 numbers it.
pub const EURO: u16 = 978;

/// A tap. Amounts are euro cents, whatever the client's wallet is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Transaction {
    pub card: [u8; 16],
    /// Of the card's keys.
    pub generation: u8,
    /// Of this card; used once, never restarts.
    pub counter: u32,
    pub terminal: [u8; 16],
    pub location: [u8; 16],
    /// Of this terminal's taps; never restarts.
    pub terminal_sequence: u64,
    /// Random, new for each tap.
    pub terminal_nonce: [u8; 8],
    pub kind: TransactionKind,
    pub decision: Decision,
    pub holder_verification: HolderVerification,
    /// ISO 4217.
    pub currency: u16,
    /// The greatest that the tap may cost, in cents: each line at its dearest price for any buyer.
    pub amount_cents: u64,
    /// Milliseconds since 1970 by the terminal's clock.
    pub time_ms: u64,
    pub basket_digest: [u8; 16],
    /// Approved offline since the last reset, this tap included, in cents.
    pub offline_total_cents: u32,
    /// Taps approved offline since the last reset, this one included.
    pub offline_count: u8,
    /// Of the last script that the card applied: how the service hears that one has come.
    pub script_number: u32,
}

/// What the record for the service begins with.
pub const TRANSACTION_TAG: &[u8; 8] = b"PASJETXN";
/// What the record for the terminal begins with.
pub const VERIFY_TAG: &[u8; 8] = b"PASJEVFY";

impl Transaction {
    /// Bytes of the record.
    pub const LENGTH: usize = 124;

    /// The record: tag 8, version 1, card 16, generation 1, counter 4, terminal 16, location 16, terminal sequence 8,
    /// terminal nonce 8, kind 1, decision 1, holder verification 1, currency 2, amount 8, time 8, basket digest 16,
    /// offline total 4, offline count 1, script number 4.
    pub fn encode(&self, tag: &[u8; 8]) -> [u8; Self::LENGTH] {
        Writer::new()
            .put(tag)
            .put(&[VERSION])
            .put(&self.card)
            .put(&[self.generation])
            .put(&self.counter.to_be_bytes())
            .put(&self.terminal)
            .put(&self.location)
            .put(&self.terminal_sequence.to_be_bytes())
            .put(&self.terminal_nonce)
            .put(&[self.kind.code(), self.decision.code(), self.holder_verification.code()])
            .put(&self.currency.to_be_bytes())
            .put(&self.amount_cents.to_be_bytes())
            .put(&self.time_ms.to_be_bytes())
            .put(&self.basket_digest)
            .put(&self.offline_total_cents.to_be_bytes())
            .put(&[self.offline_count])
            .put(&self.script_number.to_be_bytes())
            .done()
    }

    /// The card's MAC for the service.
    pub fn sign(&self, key: &TransactionKey) -> Mac {
        key.sign(&self.encode(TRANSACTION_TAG))
    }

    /// Whether the card made this MAC; in constant time.
    pub fn is_signed(&self, key: &TransactionKey, mac: &Mac) -> bool {
        key.is_right(&self.encode(TRANSACTION_TAG), mac)
    }

    /// The card's MAC for the terminal, of what it approved offline.
    pub fn sign_for_terminal(&self, key: &TerminalVerifyKey) -> Mac {
        key.sign(&self.encode(VERIFY_TAG))
    }

    /// Whether the card approved this offline, to this terminal; in constant time.
    pub fn is_signed_for_terminal(&self, key: &TerminalVerifyKey, mac: &Mac) -> bool {
        self.decision == Decision::ApprovedOffline && key.is_right(&self.encode(VERIFY_TAG), mac)
    }
}
