//! A virtual card's file: its keys, and what it remembers.

use std::io;
use std::path::{Path, PathBuf};

use card_protocol::keys::{OfflineVerifyKey, ResponseKey, ScriptKey, TransactionKey};
use card_protocol::pin::PinBlock;
use card_protocol::{CardKeys, Key as _, Secret};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Document, FILE_VERSION, FileError, LockedFile};
use crate::card::{Card, CardState, Fleeting, Generation, Identity, Memory, OfflineLimits};
use crate::hex::SecretHex;

/// The keys of one generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct KeySet {
    pub generation: u8,
    pub transaction: SecretHex,
    pub response: SecretHex,
    pub script: SecretHex,
    pub offline_verify: SecretHex,
}

impl KeySet {
    fn of(generation: &Generation) -> Self {
        let hex = |secret: &Secret| SecretHex(secret.clone());
        let keys = &generation.keys;
        Self {
            generation: generation.number,
            transaction: hex(keys.transaction.secret()),
            response: hex(keys.response.secret()),
            script: hex(keys.script.secret()),
            offline_verify: hex(keys.offline_verify.secret()),
        }
    }

    fn generation(&self) -> Generation {
        let secret = |hex: &SecretHex| -> Secret { hex.0.clone() };
        Generation {
            number: self.generation,
            keys: CardKeys {
                transaction: TransactionKey::new(secret(&self.transaction)),
                response: ResponseKey::new(secret(&self.response)),
                script: ScriptKey::new(secret(&self.script)),
                offline_verify: OfflineVerifyKey::new(secret(&self.offline_verify)),
            },
        }
    }
}

/// A PIN as it stands in a file: its digits. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PinDigits(pub PinBlock);

impl std::fmt::Debug for PinDigits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for PinDigits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits: String =
            self.0.expose().iter().take_while(|byte| **byte != 0xff).map(|byte| char::from(*byte)).collect();
        Zeroizing::new(digits).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PinDigits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = Zeroizing::new(String::deserialize(deserializer)?);
        let block = PinBlock::of_digits(digits.as_bytes());
        block.map(Self).map_err(|_| D::Error::custom("a PIN is 4 to 8 digits"))
    }
}

/// What a card's file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardFile {
    /// 1.
    pub version: u32,
    /// The card.
    pub card: Uuid,
    /// What stands on the card: the client's display name.
    pub label: String,
    /// Its last day, as year-month-day.
    pub expires_on: String,
    /// Of the keys that it was issued with.
    pub generation: u8,
    /// One set a generation.
    pub keys: Vec<KeySet>,
    /// 4 to 8 digits; none if the card has no PIN.
    #[serde(default)]
    pub pin: Option<PinDigits>,
    /// What it was personalised to approve offline; absent: nothing. A script may have changed it since: see `state`.
    #[serde(default)]
    pub limits: OfflineLimits,
    /// What the card remembers; none if it was never tapped.
    #[serde(default)]
    pub state: Option<CardState>,
}

impl Document for CardFile {
    fn fault(&self) -> Option<String> {
        if self.version != FILE_VERSION {
            return Some(format!("`version` is {}, and this program reads version {FILE_VERSION}", self.version));
        }
        if !is_date(&self.expires_on) {
            return Some(format!("`expires_on` is `{}`, and must be year-month-day", self.expires_on));
        }
        let active = self.current_state().generation;
        for generation in [self.generation, active] {
            if !self.keys.iter().any(|keys| keys.generation == generation) {
                return Some(format!("`keys` has none of `generation` {generation}"));
            }
        }
        None
    }
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let &[year, month, day] = parts.as_slice() else { return false };
    let number = |part: &str, digits: usize| {
        let whole = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        if whole { part.parse::<u32>().ok() } else { None }
    };
    number(year, 4).is_some()
        && number(month, 2).is_some_and(|month| (1..=12).contains(&month))
        && number(day, 2).is_some_and(|day| (1..=31).contains(&day))
}

impl CardFile {
    /// The state, or that of a card that was never tapped.
    pub fn current_state(&self) -> CardState {
        let first = CardState { limits: self.limits, ..CardState::new(self.generation) };
        self.state.unwrap_or(first)
    }

    fn identity(&self) -> Identity {
        Identity {
            card: *self.card.as_bytes(),
            generations: self.keys.iter().map(KeySet::generation).collect(),
            pin: self.pin.as_ref().map(|digits| digits.0.clone()),
        }
    }

    /// The card with this state, in a memory of any sort. None if it has no keys of the generation in use.
    pub(crate) fn card_with<M: Memory>(&self, state: CardState, memory: M) -> Option<Card<M>> {
        Card::new(self.identity(), state, memory)
    }

    /// The card, with a memory that dies with the program.
    pub fn fleeting(&self) -> Option<Card<Fleeting>> {
        Card::new(self.identity(), self.current_state(), Fleeting)
    }
}

/// A memory that is the card's file.
#[derive(Debug)]
pub struct FileMemory {
    file: LockedFile,
    document: CardFile,
}

impl Memory for FileMemory {
    fn commit(&mut self, state: &CardState) -> io::Result<()> {
        self.document.state = Some(*state);
        self.file.write(&self.document)
    }
}

/// A card whose file is locked while it is used.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct CardOnFile {
    pub id: Uuid,
    pub label: String,
    pub card: Card<FileMemory>,
}

impl CardOnFile {
    /// Opens a card's file.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let file = LockedFile::open(path)?;
        let document: CardFile = file.read()?;
        let (identity, state) = (document.identity(), document.current_state());
        let (id, label) = (document.card, document.label.clone());
        let card = Card::new(identity, state, FileMemory { file, document });
        let card = card.ok_or_else(|| FileError::content(path, "`keys` lacks the generation in use"))?;
        Ok(Self { id, label, card })
    }
}

/// The memory of a blank card: a file that is written when the card is personalised, and is the card's from then on.
#[derive(Debug)]
pub struct BlankMemory {
    path: PathBuf,
    kept: Option<FileMemory>,
}

impl BlankMemory {
    /// Of a card whose file is not there yet.
    ///
    /// # Errors
    /// [`FileError`]: there is such a file, which may be another card's.
    pub fn new(path: &Path) -> Result<Self, FileError> {
        if path.exists() {
            return Err(FileError::content(path, "it is there already, so this is no blank card's"));
        }
        Ok(Self { path: path.to_owned(), kept: None })
    }
}

impl Memory for BlankMemory {
    fn commit(&mut self, state: &CardState) -> io::Result<()> {
        self.kept.as_mut().ok_or(io::ErrorKind::NotFound)?.commit(state)
    }

    fn personalise(&mut self, identity: &Identity, state: &CardState) -> io::Result<()> {
        let document = CardFile {
            version: FILE_VERSION,
            card: Uuid::from_bytes(identity.card),
            // what stands on the card and in the service, and not in the chip
            label: "pasje".to_owned(),
            expires_on: "2199-12-31".to_owned(),
            generation: state.generation,
            keys: identity.generations.iter().map(KeySet::of).collect(),
            pin: identity.pin.clone().map(PinDigits),
            limits: state.limits,
            state: Some(*state),
        };
        let file = LockedFile::create(&self.path, &document).map_err(io::Error::other)?;
        self.kept = Some(FileMemory { file, document });
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use card_protocol::frame::{Authorise, select};
    use card_protocol::{TransactionKind, transaction::EURO};

    use super::*;
    use crate::card::CardReader as _;
    use crate::files::tests::{Folder, card_json};

    #[test]
    fn the_counter_stands_in_the_file_when_the_card_has_answered() {
        let folder = Folder::new("counter");
        let path = folder.file("card.json", &card_json(1));
        let asked = Authorise {
            terminal: [2; 16],
            location: [3; 16],
            terminal_sequence: 1,
            terminal_nonce: [4; 8],
            kind: TransactionKind::Sale,
            currency: EURO,
            amount_cents: 5,
            time_ms: 6,
            basket_digest: [7; 16],
            is_online: true,
        };
        for counter in 1..=2 {
            let mut opened = CardOnFile::open(&path).unwrap();
            opened.card.transmit(select().as_bytes());
            opened.card.transmit(asked.command().as_bytes());
            let text = std::fs::read_to_string(&path).unwrap();
            let file: CardFile = serde_json::from_str(&text).unwrap();
            assert_eq!(file.state.unwrap().counter, counter);
        }
    }
}
