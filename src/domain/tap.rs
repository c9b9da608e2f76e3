//! What a card says of its own when it is tapped.

use card_protocol::{HolderVerification, Mac};
use uuid::Uuid;

use super::money::Amount;

/// A card's tap: what it signed of its own, and its MAC over that and the sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Tap {
    pub card: Uuid,
    /// Of the keys that signed.
    pub generation: u8,
    pub counter: u32,
    pub terminal_sequence: u64,
    pub terminal_nonce: [u8; 8],
    pub holder_verification: HolderVerification,
    /// The greatest that the sale may cost.
    pub amount: Amount,
    /// By the terminal's clock.
    pub time_ms: u64,
    pub offline_total_cents: u32,
    pub offline_count: u8,
    /// Of the last script that the card applied.
    pub script_number: u32,
    pub mac: Mac,
}
