//! What the service answers a card: how its tap ended, signed for that card and that counter.

use crate::bytes::{Reader, Writer, byte_codes};
use crate::keys::{Key, ResponseKey};
use crate::{MAC_LENGTH, Mac, Malformed, VERSION};

byte_codes! {
    /// How the service decided.
    CardOutcome {
        /// Nothing was sold.
        Declined = 0,
        /// All of it.
        Approved = 1,
        /// A part: some lines were left out.
        ApprovedInPart = 2,
    }
}

/// The service's answer, as it travels in COMPLETE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CardAnswer {
    pub outcome: CardOutcome,
    /// What was sold, in cents; never more than the card signed.
    pub approved_cents: u64,
    /// The sale's id.
    pub sale: [u8; 16],
    pub mac: Mac,
}

/// What the record begins with.
pub const RESPONSE_TAG: &[u8; 8] = b"PASJERSP";

/// Bytes of the record that the MAC is over.
pub const RESPONSE_RECORD_LENGTH: usize = 55;

/// The record: tag 8, version 1, card 16, generation 1, counter 4, sale 16, outcome 1, approved amount 8.
///
/// All of it stands in the ledger, so that the same answer can be made again at any time.
pub fn response_record(
    card: &[u8; 16],
    generation: u8,
    counter: u32,
    sale: &[u8; 16],
    outcome: CardOutcome,
    approved_cents: u64,
) -> [u8; RESPONSE_RECORD_LENGTH] {
    Writer::new()
        .put(RESPONSE_TAG)
        .put(&[VERSION])
        .put(card)
        .put(&[generation])
        .put(&counter.to_be_bytes())
        .put(sale)
        .put(&[outcome.code()])
        .put(&approved_cents.to_be_bytes())
        .done()
}

impl CardAnswer {
    /// Bytes in COMPLETE: outcome 1, approved amount 8, sale 16, MAC 16.
    pub const LENGTH: usize = 25 + MAC_LENGTH;

    /// Makes and signs the answer to a card's tap.
    pub fn sign(
        key: &ResponseKey,
        card: &[u8; 16],
        generation: u8,
        counter: u32,
        sale: [u8; 16],
        outcome: CardOutcome,
        approved_cents: u64,
    ) -> Self {
        let record = response_record(card, generation, counter, &sale, outcome, approved_cents);
        Self { outcome, approved_cents, sale, mac: key.sign(&record) }
    }

    /// Whether the service gave this answer to this tap; in constant time.
    pub fn is_signed(&self, key: &ResponseKey, card: &[u8; 16], generation: u8, counter: u32) -> bool {
        let record = response_record(card, generation, counter, &self.sale, self.outcome, self.approved_cents);
        key.is_right(&record, &self.mac)
    }

    /// The bytes.
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        Writer::new()
            .put(&[self.outcome.code()])
            .put(&self.approved_cents.to_be_bytes())
            .put(&self.sale)
            .put(&self.mac)
            .done()
    }

    /// # Errors
    /// [`Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::exactly(bytes, Self::LENGTH)?;
        Ok(Self {
            outcome: CardOutcome::from_code(reader.u8()?)?,
            approved_cents: reader.u64()?,
            sale: reader.take()?,
            mac: reader.take()?,
        })
    }
}
