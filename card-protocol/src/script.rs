//! What the service tells a card to change: signed, numbered, applied once.

use crate::bytes::{Reader, Writer};
use crate::keys::{Key, ScriptKey};
use crate::{MAC_LENGTH, Mac, Malformed, VERSION};

/// A change of the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// 1: what the card may approve offline. Tap limit 4, total limit 4, count limit 1.
    Limits {
        /// One tap, in cents.
        tap_cents: u32,
        /// All taps since the last reset, in cents.
        total_cents: u32,
        /// Taps since the last reset.
        count: u8,
    },
    /// 2: offline total and count are 0 again.
    ResetOffline,
    /// 3: the card declines everything.
    Block,
    /// 4: the card works again; so does its PIN.
    Unblock,
    /// 5: the card signs with the keys of this generation from now on.
    ActivateGeneration(u8),
}

/// A script as it travels in COMPLETE after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Script {
    /// Rises with each script to this card; one that is not above the last is not applied.
    pub number: u32,
    pub change: Change,
    pub mac: Mac,
}

/// What the record begins with.
pub const SCRIPT_TAG: &[u8; 8] = b"PASJESCR";

/// Bytes of the record that the MAC is over.
pub const SCRIPT_RECORD_LENGTH: usize = 47;

/// Bytes of a change's parameters, unused ones 0.
const PARAMETERS_LENGTH: usize = 16;

impl Change {
    /// Bytes: change 1, parameters 16.
    pub const LENGTH: usize = 1 + PARAMETERS_LENGTH;

    /// The bytes.
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        let writer = Writer::new();
        match *self {
            Self::Limits { tap_cents, total_cents, count } => writer
                .put(&[1])
                .put(&tap_cents.to_be_bytes())
                .put(&total_cents.to_be_bytes())
                .put(&[count])
                .put(&[0; 7])
                .done(),
            Self::ResetOffline => writer.put(&[2]).put(&[0; 16]).done(),
            Self::Block => writer.put(&[3]).put(&[0; 16]).done(),
            Self::Unblock => writer.put(&[4]).put(&[0; 16]).done(),
            Self::ActivateGeneration(generation) => writer.put(&[5, generation]).put(&[0; 15]).done(),
        }
    }

    /// From its bytes.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::read(&mut Reader::exactly(bytes, Self::LENGTH)?)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let code = reader.u8()?;
        let parameters: [u8; PARAMETERS_LENGTH] = reader.take()?;
        let mut reader = Reader::new(&parameters);
        let change = match code {
            1 => Self::Limits { tap_cents: reader.u32()?, total_cents: reader.u32()?, count: reader.u8()? },
            2 => Self::ResetOffline,
            3 => Self::Block,
            4 => Self::Unblock,
            5 => Self::ActivateGeneration(reader.u8()?),
            _ => return Err(Malformed::Code),
        };
        if reader.rest().iter().all(|byte| *byte == 0) { Ok(change) } else { Err(Malformed::Code) }
    }
}

/// The record: tag 8, version 1, card 16, generation 1 (of the key), number 4, change 1, parameters 16.
pub fn script_record(card: &[u8; 16], generation: u8, number: u32, change: &Change) -> [u8; SCRIPT_RECORD_LENGTH] {
    Writer::new()
        .put(SCRIPT_TAG)
        .put(&[VERSION])
        .put(card)
        .put(&[generation])
        .put(&number.to_be_bytes())
        .put(&change.encode())
        .done()
}

impl Script {
    /// Bytes in COMPLETE: number 4, change 1, parameters 16, MAC 16.
    pub const LENGTH: usize = 21 + MAC_LENGTH;

    /// Makes and signs a script.
    pub fn sign(key: &ScriptKey, card: &[u8; 16], generation: u8, number: u32, change: Change) -> Self {
        Self { number, change, mac: key.sign(&script_record(card, generation, number, &change)) }
    }

    /// Whether the service made this script for this card; in constant time.
    pub fn is_signed(&self, key: &ScriptKey, card: &[u8; 16], generation: u8) -> bool {
        key.is_right(&script_record(card, generation, self.number, &self.change), &self.mac)
    }

    /// The bytes.
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        Writer::new().put(&self.number.to_be_bytes()).put(&self.change.encode()).put(&self.mac).done()
    }

    /// # Errors
    /// [`Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::exactly(bytes, Self::LENGTH)?;
        Ok(Self { number: reader.u32()?, change: Change::read(&mut reader)?, mac: reader.take()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_with_bytes_that_mean_nothing_is_refused() {
        let used = [(1, 9), (2, 0), (3, 0), (4, 0), (5, 1)];
        for (code, used) in used {
            for at in 0..PARAMETERS_LENGTH {
                let mut bytes = [0; Script::LENGTH];
                bytes[4] = code;
                if let Some(place) = bytes.get_mut(5 + at) {
                    *place = 0xff;
                }
                let script = Script::decode(&bytes);
                assert_eq!(script.is_ok(), at < used, "change {code}, parameter byte {at}");
                if let Ok(script) = script {
                    assert_eq!(script.encode(), bytes);
                }
            }
        }
        for code in [0, 6, 255] {
            let mut bytes = [0; Script::LENGTH];
            bytes[4] = code;
            assert_eq!(Script::decode(&bytes), Err(Malformed::Code), "change {code}");
        }
    }
}
