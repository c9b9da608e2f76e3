//! Whether a card really said what a sale says it said, and what it is answered.

use std::sync::Arc;

use card_protocol::{Mac, Transaction};
use chrono::NaiveDate;

use super::key_store::KeyStore;
use crate::domain::hex::to_hex;
use crate::domain::operation::Booked;
use crate::domain::sale::SaleRequest;

/// Checks a card's MAC over a sale.
pub trait CardProof: Send + Sync + 'static {
    /// Whether the MAC is the card's.
    fn is_right(&self, request: &SaleRequest) -> bool;

    /// The book date from which what a generation of keys signs is refused; none: it is not.
    fn refused_from(&self, _generation: u8) -> Option<NaiveDate> {
        None
    }
}

/// The card protocol's MAC, with keys derived from the key store's.
pub struct CardMac(pub Arc<dyn KeyStore>);

impl CardProof for CardMac {
    fn is_right(&self, request: &SaleRequest) -> bool {
        let Some((transaction, mac)) = request.transaction() else { return false };
        is_signed(self.0.as_ref(), &transaction, &mac)
    }

    fn refused_from(&self, generation: u8) -> Option<NaiveDate> {
        self.0.refused_from(generation)
    }
}

/// Whether the card made this MAC over this.
pub fn is_signed(keys: &dyn KeyStore, transaction: &Transaction, mac: &Mac) -> bool {
    let key = keys.transaction_key(&transaction.card, transaction.generation);
    key.is_some_and(|key| transaction.is_signed(&key, mac))
}

/// The answer to a request as it is sent: what the stored rows say, and what the card is told. The same bytes whenever it
/// is asked for.
pub fn answer_bytes(keys: &dyn KeyStore, booked: &Booked) -> Vec<u8> {
    let mut answer = booked.answer();
    let told = booked.card_answer(|card, generation| keys.response_key(card, generation));
    answer.card_answer = told.map(|told| to_hex(&told.encode()));
    answer.to_bytes()
}
