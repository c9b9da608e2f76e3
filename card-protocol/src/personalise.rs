//! PUT DATA: how a blank card becomes a client's. In this order: the keys of each generation, then [`Personalise`], which
//! ends it: from then on the card takes no PUT DATA any more.
//!
//! The records travel in the clear: a card is personalised in the office, through a reader that nobody else listens to.

use crate::Malformed;
use crate::bytes::{Reader, Writer};
use crate::frame::{CommandFrame, Instruction, command};
use crate::keys::{CardKeys, KEY_LENGTH, Key, OfflineVerifyKey, ResponseKey, ScriptKey, Secret, TransactionKey};
use crate::pin::PinBlock;

/// Generations that a card has room for.
pub const GENERATIONS_MAX: usize = 8;

/// Parameters 01 and a generation: the keys of this generation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PutKeys {
    pub generation: u8,
    pub keys: CardKeys,
}

impl PutKeys {
    /// First parameter byte; the second is the generation.
    pub const TAG: u8 = 0x01;
    /// Bytes: transaction 32, response 32, script 32, offline verify 32.
    pub const LENGTH: usize = 4 * KEY_LENGTH;

    /// The command.
    pub fn command(&self) -> CommandFrame {
        let data: [u8; Self::LENGTH] = Writer::new()
            .put(self.keys.transaction.secret().expose())
            .put(self.keys.response.secret().expose())
            .put(self.keys.script.secret().expose())
            .put(self.keys.offline_verify.secret().expose())
            .done();
        command([0x00, Instruction::PutData.code(), Self::TAG, self.generation], &data)
    }

    /// From the second parameter byte and the data.
    ///
    /// # Errors
    /// [`Malformed`]; `Code` for generation 0.
    pub fn decode(generation: u8, bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::exactly(bytes, Self::LENGTH)?;
        if generation == 0 {
            return Err(Malformed::Code);
        }
        let mut secret = || reader.take().map(Secret::new);
        let keys = CardKeys {
            transaction: TransactionKey::new(secret()?),
            response: ResponseKey::new(secret()?),
            script: ScriptKey::new(secret()?),
            offline_verify: OfflineVerifyKey::new(secret()?),
        };
        Ok(Self { generation, keys })
    }
}

/// Parameters 02 00: who the card is, what it may approve offline, its PIN; ends personalisation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Personalise {
    pub card: [u8; 16],
    /// Active: its keys must have been put.
    pub generation: u8,
    pub tap_limit_cents: u32,
    pub total_limit_cents: u32,
    pub count_limit: u8,
    pub pin: Option<PinBlock>,
}

impl Personalise {
    /// First parameter byte; the second is 00.
    pub const TAG: u8 = 0x02;
    /// Bytes: card 16, generation 1, tap limit 4, total limit 4, count limit 1, PIN 8 (all FF: none).
    pub const LENGTH: usize = 34;

    /// The command.
    pub fn command(&self) -> CommandFrame {
        let none = [0xff; PinBlock::LENGTH];
        let data: [u8; Self::LENGTH] = Writer::new()
            .put(&self.card)
            .put(&[self.generation])
            .put(&self.tap_limit_cents.to_be_bytes())
            .put(&self.total_limit_cents.to_be_bytes())
            .put(&[self.count_limit])
            .put(self.pin.as_ref().map_or(&none[..], |pin| pin.expose()))
            .done();
        command([0x00, Instruction::PutData.code(), Self::TAG, 0x00], &data)
    }

    /// # Errors
    /// [`Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::exactly(bytes, Self::LENGTH)?;
        let (card, generation) = (reader.take()?, reader.u8()?);
        let (tap_limit_cents, total_limit_cents, count_limit) = (reader.u32()?, reader.u32()?, reader.u8()?);
        let pin: [u8; PinBlock::LENGTH] = reader.take()?;
        let pin = if pin == [0xff; PinBlock::LENGTH] { None } else { Some(PinBlock::decode(&pin)?) };
        Ok(Self { card, generation, tap_limit_cents, total_limit_cents, count_limit, pin })
    }
}
