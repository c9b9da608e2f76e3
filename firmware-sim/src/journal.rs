//! What was sold without a connection, in order, on a disk: each record chained to the one before it.
//!
//! - A record is durable (fsync) when [`Journal::append`] returns, and is never edited afterwards.
//! - The chain is verified when the journal is opened; a journal that is damaged takes no record more and says why.
//! - Only what was delivered is pruned; the hash of the last pruned record stays, so that the chain goes on.
//! - Terminal sequences are reserved here before they are used, in blocks: after a crash some are lost, and none comes twice.
//! - Beside the records stand the notes: attempts whose end is not known yet, which a restart must not forget.
//!
//! After an error of the disk the journal answers nothing but errors: it is opened anew from its disk.

use redb::{Database, Durability, ReadableDatabase as _, ReadableTable as _, StorageBackend, TableDefinition};
use redb::{ReadTransaction, WriteTransaction};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

mod disk;

pub use disk::{Broken, MemoryDisk, file_disk};

const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");
const NOTES: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("notes");
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
const TEXTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("texts");

/// The only version of a journal's tables.
const VERSION: u64 = 1;
/// How many terminal sequences are reserved at once.
const SEQUENCES: u64 = 200;
/// A new block is reserved while so many are left: a disk that is full stops no online sale at once.
const SEQUENCES_LEFT: u64 = 100;

/// A hash of the chain.
pub type Hash = [u8; 32];

/// What the first record has for the hash before it.
pub const NO_HASH: Hash = [0; 32];

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum JournalError {
    #[error("the journal's disk fails: {0}")]
    Disk(String),
    #[error("the journal is of terminal {found}, not of {expected}")]
    OtherTerminal { found: Uuid, expected: Uuid },
    #[error("the journal has version {0}, and this program reads version {VERSION}")]
    Version(u64),
    #[error("the journal is damaged: {0}")]
    Damaged(String),
    #[error("the journal is not empty up to record {0}: what was not delivered is never pruned")]
    NotDelivered(u64),
}

impl JournalError {
    fn disk(error: &dyn std::error::Error) -> Self {
        Self::Disk(error.to_string())
    }
}

macro_rules! disk_errors {
    ($($error:ty),+) => {$(
        impl From<$error> for JournalError {
            fn from(error: $error) -> Self {
                Self::disk(&error)
            }
        }
    )+};
}
disk_errors!(
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError,
    redb::DatabaseError,
    redb::SetDurabilityError
);

/// One sale that was made without a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Record {
    /// From 1, without gaps.
    pub sequence: u64,
    pub previous: Hash,
    pub hash: Hash,
    /// The exact bytes of the sale's JSON.
    pub sale: String,
}

/// SHA-256 of the hash before, the sequence (8, big-endian) and the sale's bytes.
pub fn hash_of(previous: &Hash, sequence: u64, sale: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(sequence.to_be_bytes());
    hash.update(sale);
    hash.finalize().into()
}

/// How far the journal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Extent {
    /// The last record that was pruned; 0: none.
    pub pruned_to: u64,
    /// The last that the service has stored; 0: none.
    pub delivered_to: u64,
    /// The last record; 0: none.
    pub last: u64,
    pub last_hash: Hash,
}

impl Extent {
    /// Records that wait to be delivered.
    pub const fn waiting(&self) -> u64 {
        self.last.saturating_sub(self.delivered_to)
    }
}

/// The journal of one terminal.
#[derive(Debug)]
pub struct Journal {
    /// None once it was let go.
    database: Option<Database>,
    extent: Extent,
    /// The last terminal sequence that was given, and the last that is reserved.
    given: u64,
    reserved: u64,
    damage: Option<String>,
    is_volatile: bool,
}

impl Journal {
    /// Opens the journal of this terminal, new if the disk is empty, and verifies its chain. A damaged one opens too: its
    /// [`damage`](Self::damage) says what is wrong, and it takes no record more.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open(backend: impl StorageBackend, terminal: Uuid) -> Result<Self, JournalError> {
        let database = Database::builder().set_cache_size(4 << 20).create_with_backend(backend)?;
        let write = database.begin_write()?;
        {
            let mut numbers = write.open_table(NUMBERS)?;
            let version = numbers.get("version")?.map(|version| version.value());
            match version {
                None => drop(numbers.insert("version", VERSION)?),
                Some(VERSION) => {}
                Some(other) => return Err(JournalError::Version(other)),
            }
            let mut texts = write.open_table(TEXTS)?;
            let found = texts.get("terminal")?.map(|found| Uuid::from_slice(found.value()).unwrap_or_default());
            match found {
                None => drop(texts.insert("terminal", terminal.as_bytes().as_slice())?),
                Some(found) if found != terminal => {
                    return Err(JournalError::OtherTerminal { found, expected: terminal });
                }
                Some(_) => {}
            }
            // the first block at once: a disk that is full later stops no online sale
            let given = numbers.get("sequence")?.map_or(0, |sequence| sequence.value());
            numbers.insert("sequence", given.saturating_add(SEQUENCES))?;
            write.open_table(RECORDS)?;
            write.open_table(NOTES)?;
        }
        write.commit()?;
        let read = database.begin_read()?;
        let number = |name| number(&read, name);
        let (reserved, last) = (number("sequence")?, number("last")?);
        let mut extent =
            Extent { pruned_to: number("pruned_to")?, delivered_to: number("delivered_to")?, last, last_hash: NO_HASH };
        extent.last_hash = hash(&read, "pruned_hash")?;
        let damage = verify(&read, &mut extent)?;
        drop(read);
        let given = reserved.saturating_sub(SEQUENCES);
        Ok(Self { database: Some(database), extent, given, reserved, damage, is_volatile: false })
    }

    /// In the place of a journal that cannot be opened: it gives sequences, and takes no record.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn stand_in(terminal: Uuid, why: &JournalError) -> Result<Self, JournalError> {
        let journal = Self::open(MemoryDisk::default().backend(), terminal)?;
        Ok(Self { damage: Some(why.to_string()), ..journal })
    }

    /// What is wrong with the chain, if anything.
    pub fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// How far it is.
    pub const fn extent(&self) -> Extent {
        self.extent
    }

    /// A planted fault: records are not synced.
    pub(crate) const fn forget_to_sync(&mut self) {
        self.is_volatile = true;
    }

    /// For tests: changes a byte of a record.
    #[cfg(test)]
    #[allow(clippy::unwrap_used)]
    pub(crate) fn break_record(&self, sequence: u64) {
        let write = self.begin().unwrap();
        {
            let mut records = write.open_table(RECORDS).unwrap();
            let mut value = records.get(sequence).unwrap().unwrap().value().to_vec();
            *value.last_mut().unwrap() = b' ';
            records.insert(sequence, value.as_slice()).unwrap();
        }
        write.commit().unwrap();
    }

    fn database(&self) -> Result<&Database, JournalError> {
        self.database.as_ref().ok_or_else(|| JournalError::Disk("it was let go".to_owned()))
    }

    /// Lets its disk go, so that it can be opened anew; from then on this one answers nothing but errors.
    pub fn let_go(&mut self) {
        self.database = None;
    }

    fn begin(&self) -> Result<WriteTransaction, JournalError> {
        Ok(self.database()?.begin_write()?)
    }

    /// Appends a sale. It is on the disk when this returns, whatever happens afterwards.
    ///
    /// # Errors
    /// [`JournalError`]: the sale must not be called approved. It may stand in the journal all the same, which shows when
    /// it is opened anew.
    pub fn append(&mut self, sale: &str) -> Result<Record, JournalError> {
        if let Some(damage) = &self.damage {
            return Err(JournalError::Damaged(damage.clone()));
        }
        let (sequence, previous) = (self.extent.last + 1, self.extent.last_hash);
        let hash = hash_of(&previous, sequence, sale.as_bytes());
        let mut write = self.begin()?;
        if self.is_volatile {
            write.set_durability(Durability::None)?;
        }
        {
            let value = [&previous[..], &hash[..], sale.as_bytes()].concat();
            write.open_table(RECORDS)?.insert(sequence, value.as_slice())?;
            write.open_table(NUMBERS)?.insert("last", sequence)?;
        }
        write.commit()?;
        self.extent.last = sequence;
        self.extent.last_hash = hash;
        Ok(Record { sequence, previous, hash, sale: sale.to_owned() })
    }

    /// At most `count` records after this one.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn after(&self, sequence: u64, count: usize) -> Result<Vec<Record>, JournalError> {
        let read = self.database()?.begin_read()?;
        let records = read.open_table(RECORDS)?;
        let mut found = Vec::new();
        for entry in records.range(sequence.saturating_add(1)..)?.take(count) {
            let (key, value) = entry?;
            found.push(decode(key.value(), value.value()).ok_or_else(|| unreadable(key.value()))?);
        }
        Ok(found)
    }

    /// The service has stored the records up to this one.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn delivered(&mut self, to: u64) -> Result<(), JournalError> {
        let to = to.min(self.extent.last);
        let write = self.begin()?;
        write.open_table(NUMBERS)?.insert("delivered_to", to)?;
        write.commit()?;
        self.extent.delivered_to = to;
        Ok(())
    }

    /// Forgets the records up to this one, all of which were delivered.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn prune(&mut self, to: u64) -> Result<(), JournalError> {
        if to > self.extent.delivered_to {
            return Err(JournalError::NotDelivered(to));
        }
        if to <= self.extent.pruned_to {
            return Ok(());
        }
        let write = self.begin()?;
        {
            let mut records = write.open_table(RECORDS)?;
            let last = records.get(to)?.and_then(|value| decode(to, value.value())).ok_or_else(|| unreadable(to))?;
            for sequence in self.extent.pruned_to + 1..=to {
                records.remove(sequence)?;
            }
            write.open_table(TEXTS)?.insert("pruned_hash", last.hash.as_slice())?;
            write.open_table(NUMBERS)?.insert("pruned_to", to)?;
        }
        write.commit()?;
        self.extent.pruned_to = to;
        Ok(())
    }

    /// The next terminal sequence: never given before, also not before a crash.
    ///
    /// # Errors
    /// [`JournalError`]: none is left and none can be reserved.
    pub fn next_sequence(&mut self) -> Result<u64, JournalError> {
        if self.reserved - self.given <= SEQUENCES_LEFT {
            let reserved = self.reserve(self.reserved.saturating_add(SEQUENCES));
            if self.given == self.reserved {
                reserved?;
            }
        }
        self.given += 1;
        Ok(self.given)
    }

    /// Sequences up to this one were given elsewhere.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn skip_sequences(&mut self, to: u64) -> Result<(), JournalError> {
        if to > self.reserved {
            self.reserve(to)?;
        }
        self.given = self.given.max(to);
        Ok(())
    }

    fn reserve(&mut self, to: u64) -> Result<(), JournalError> {
        let write = self.begin()?;
        write.open_table(NUMBERS)?.insert("sequence", to)?;
        write.commit()?;
        self.reserved = to;
        Ok(())
    }

    /// The last terminal sequence that may have been given.
    pub const fn reserved_sequence(&self) -> u64 {
        self.reserved
    }

    /// Keeps a note under this id, instead of an earlier one.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn note(&mut self, id: Uuid, text: &[u8]) -> Result<(), JournalError> {
        let write = self.begin()?;
        write.open_table(NOTES)?.insert(id.as_u128(), text)?;
        write.commit()?;
        Ok(())
    }

    /// Forgets a note. Not synced at once: a note that comes back after a crash is dealt with again.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn forget(&mut self, id: Uuid) -> Result<(), JournalError> {
        let mut write = self.begin()?;
        write.set_durability(Durability::None)?;
        write.open_table(NOTES)?.remove(id.as_u128())?;
        write.commit()?;
        Ok(())
    }

    /// The notes, oldest id first.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn notes(&self) -> Result<Vec<(Uuid, Vec<u8>)>, JournalError> {
        let read = self.database()?.begin_read()?;
        let notes = read.open_table(NOTES)?;
        let mut found = Vec::new();
        for entry in notes.iter()? {
            let (key, value) = entry?;
            found.push((Uuid::from_u128(key.value()), value.value().to_vec()));
        }
        Ok(found)
    }
}

fn number(read: &ReadTransaction, name: &str) -> Result<u64, JournalError> {
    Ok(read.open_table(NUMBERS)?.get(name)?.map_or(0, |number| number.value()))
}

fn hash(read: &ReadTransaction, name: &str) -> Result<Hash, JournalError> {
    let texts = read.open_table(TEXTS)?;
    let found = texts.get(name)?;
    Ok(found.and_then(|hash| Hash::try_from(hash.value()).ok()).unwrap_or(NO_HASH))
}

fn unreadable(sequence: u64) -> JournalError {
    JournalError::Damaged(format!("record {sequence} cannot be read"))
}

fn decode(sequence: u64, value: &[u8]) -> Option<Record> {
    let (previous, rest) = value.split_first_chunk::<32>()?;
    let (hash, sale) = rest.split_first_chunk::<32>()?;
    let sale = std::str::from_utf8(sale).ok()?.to_owned();
    Some(Record { sequence, previous: *previous, hash: *hash, sale })
}

/// Walks the chain; answers what is wrong with it. The extent then ends before what is wrong.
fn verify(read: &ReadTransaction, extent: &mut Extent) -> Result<Option<String>, JournalError> {
    let (said_last, mut at) = (extent.last, extent.pruned_to);
    let mut damage = None;
    for entry in read.open_table(RECORDS)?.iter()? {
        let (key, value) = entry?;
        let (sequence, record) = (key.value(), decode(key.value(), value.value()));
        damage = match record {
            _ if sequence != at + 1 => Some(format!("after record {at} comes {sequence}")),
            None => Some(format!("record {sequence} cannot be read")),
            Some(record) if record.previous != extent.last_hash => {
                Some(format!("record {sequence} does not follow record {at}"))
            }
            Some(record) if record.hash != hash_of(&record.previous, sequence, record.sale.as_bytes()) => {
                Some(format!("record {sequence} was changed"))
            }
            Some(record) => {
                at = sequence;
                extent.last_hash = record.hash;
                None
            }
        };
        if damage.is_some() {
            break;
        }
    }
    if damage.is_none() && at != said_last {
        damage = Some(format!("it ends at record {at}, and {said_last} were made"));
    }
    if damage.is_none() && !(extent.pruned_to..=at).contains(&extent.delivered_to) {
        damage = Some(format!("record {} was delivered, and there are {at}", extent.delivered_to));
    }
    extent.last = at;
    extent.delivered_to = extent.delivered_to.min(at);
    Ok(damage)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
