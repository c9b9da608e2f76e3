//! What a card remembers, who it is, and where that survives.

use std::io;

use card_protocol::CardKeys;
use card_protocol::frame::Last;
use card_protocol::pin::{PIN_TRIES, PinBlock};
use serde::{Deserialize, Serialize};

use crate::hex::Hex;

/// What a card may approve by itself, without a connection. All zero: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfflineLimits {
    /// One tap.
    pub tap_cents: u32,
    /// All taps since the last reset.
    pub total_cents: u32,
    /// Taps since the last reset.
    pub count: u8,
}

/// What a card remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardState {
    /// Of the last tap; 0 if there was none.
    pub counter: u32,
    /// Of the keys in use; 0 if the card is blank.
    pub generation: u8,
    /// Of the last script that was applied.
    pub script_number: u32,
    /// A script blocked it.
    pub is_blocked: bool,
    /// What it may approve offline.
    pub limits: OfflineLimits,
    /// Approved offline since the last reset.
    pub offline_total_cents: u32,
    /// Taps approved offline since the last reset.
    pub offline_count: u8,
    /// Wrong PINs that it still takes; of no meaning without a PIN.
    #[serde(default = "all_tries")]
    pub pin_tries_left: u8,
    /// The greatest that the last tap may cost.
    pub asked_cents: u64,
    /// The last tap.
    #[serde(with = "journal_hex")]
    pub journal: Option<Last>,
}

const fn all_tries() -> u8 {
    PIN_TRIES
}

impl CardState {
    /// Of a card that was never tapped, and was given no limits: it approves nothing offline.
    pub const fn new(generation: u8) -> Self {
        Self {
            counter: 0,
            generation,
            script_number: 0,
            is_blocked: false,
            limits: OfflineLimits { tap_cents: 0, total_cents: 0, count: 0 },
            offline_total_cents: 0,
            offline_count: 0,
            pin_tries_left: PIN_TRIES,
            asked_cents: 0,
            journal: None,
        }
    }
}

/// The journal as the bytes that GET LAST answers.
mod journal_hex {
    use super::{Hex, Last};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(journal: &Option<Last>, serializer: S) -> Result<S::Ok, S::Error> {
        journal.as_ref().map(|last| Hex(last.encode())).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Last>, D::Error> {
        let bytes = Option::<Hex<{ Last::LENGTH }>>::deserialize(deserializer)?;
        let last = bytes.map(|bytes| Last::decode(&bytes.0));
        last.transpose().map_err(|_| D::Error::custom("the journal is no answer to GET LAST"))
    }
}

/// The keys of one generation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Generation {
    pub number: u8,
    pub keys: CardKeys,
}

/// Who a card is: what it was personalised with, and never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Identity {
    pub card: [u8; 16],
    pub generations: Vec<Generation>,
    pub pin: Option<PinBlock>,
}

impl Identity {
    /// The keys of a generation, if the card has them.
    pub fn keys_of(&self, number: u8) -> Option<&CardKeys> {
        let found = self.generations.iter().find(|generation| generation.number == number);
        found.map(|generation| &generation.keys)
    }
}

/// Where a card's state survives.
pub trait Memory {
    /// Keeps the state, before the card answers.
    ///
    /// # Errors
    /// The state is not kept; the card answers no more.
    fn commit(&mut self, state: &CardState) -> io::Result<()>;

    /// Keeps who a blank card has become, with its first state: whole or not at all.
    ///
    /// # Errors
    /// Nothing is kept; the card answers no more. So it is where no blank card can be.
    fn personalise(&mut self, _: &Identity, _: &CardState) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }
}

/// Memory that dies with the program: for cards whose counters were reserved beforehand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fleeting;

impl Memory for Fleeting {
    fn commit(&mut self, _: &CardState) -> io::Result<()> {
        Ok(())
    }

    fn personalise(&mut self, _: &Identity, _: &CardState) -> io::Result<()> {
        Ok(())
    }
}
