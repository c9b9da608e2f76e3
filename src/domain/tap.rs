//! What a card says of its own when it is tapped.

use card_protocol::transaction::EURO;
use card_protocol::{Decision, HolderVerification, Mac, Transaction, TransactionKind, basket_digest};
use uuid::Uuid;

use super::basket::Basket;
use super::money::Amount;
use super::sale::Terminal;

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

impl Tap {
    /// What the card signed, if it was asked to sign this; none for a basket that cannot be signed.
    pub fn transaction(
        &self,
        terminal: &Terminal,
        decision: Decision,
        price_list: u32,
        basket: &Basket,
    ) -> Option<Transaction> {
        Some(Transaction {
            card: self.card.into_bytes(),
            generation: self.generation,
            counter: self.counter,
            terminal: terminal.id.into_bytes(),
            location: terminal.location.into_bytes(),
            terminal_sequence: self.terminal_sequence,
            terminal_nonce: self.terminal_nonce,
            kind: TransactionKind::Sale,
            decision,
            holder_verification: self.holder_verification,
            currency: EURO,
            amount_cents: self.amount.minor().unsigned_abs(),
            time_ms: self.time_ms,
            basket_digest: basket_digest(price_list, &basket.records())?,
            offline_total_cents: self.offline_total_cents,
            offline_count: self.offline_count,
            script_number: self.script_number,
        })
    }
}
