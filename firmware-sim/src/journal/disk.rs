//! Where a journal is kept: a file, or a disk in memory that can lose what was not synced.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::JournalError;
use crate::random::Seeded;

/// A file that is this program's owner's alone, new if there is none.
///
/// # Errors
/// [`JournalError::Disk`].
pub fn file_disk(path: &Path) -> Result<FileBackend, JournalError> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = file.map_err(|error| JournalError::Disk(format!("{}: {error}", path.display())))?;
    if let Some(folder) = path.parent() {
        // a file whose name is not on the disk yet is no journal
        let synced = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| JournalError::Disk(format!("{}: {error}", folder.display())))?;
    }
    Ok(FileBackend::new(file)?)
}

/// What goes wrong with a disk in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Writes and syncs fail after this many more of them; nothing is lost.
    FullAfter(u64),
    /// After this many more writes and syncs the machine is dead: nothing answers any more.
    DeadAfter(u64),
    /// Syncs answer that they were done, and are not.
    LiesAboutSync,
}

#[derive(Debug)]
enum Change {
    Length(usize),
    Bytes(usize, Vec<u8>),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(*length, 0),
            Self::Bytes(offset, data) => {
                let end = offset + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(data);
            }
        }
    }
}

#[derive(Debug, Default)]
struct Platter {
    /// What outlives a power loss.
    synced: Vec<u8>,
    /// What the program sees.
    current: Vec<u8>,
    unsynced: Vec<Change>,
    /// How often it was restarted: who opened it before gets nothing more.
    epoch: u64,
    broken: Option<Broken>,
    writes: u64,
}

/// A disk in memory. A clone is the same disk.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Arc<Mutex<Platter>>);

impl MemoryDisk {
    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For [`super::Journal::open`].
    pub fn backend(&self) -> impl StorageBackend + use<> {
        let epoch = self.platter().epoch;
        MemoryBackend { disk: self.clone(), epoch }
    }

    /// The program was killed: what it wrote is there. Whoever still has a backend gets errors from now on.
    pub fn program_killed(&self) {
        let mut platter = self.platter();
        platter.epoch += 1;
        platter.broken = None;
    }

    /// The power failed: of what was not synced each write is there or not, by chance of this seed.
    pub fn power_lost(&self, seed: u64) {
        let mut platter = self.platter();
        let mut chance = Seeded::new(seed);
        let mut bytes = std::mem::take(&mut platter.synced);
        for change in std::mem::take(&mut platter.unsynced) {
            if chance.below(2) == 1 {
                change.apply(&mut bytes);
            }
        }
        platter.synced.clone_from(&bytes);
        platter.current = bytes;
        platter.epoch += 1;
        platter.broken = None;
    }

    /// Breaks it, or mends it.
    pub fn set_broken(&self, broken: Option<Broken>) {
        self.platter().broken = broken;
    }

    /// Writes and syncs so far: where a machine may die.
    pub fn writes(&self) -> u64 {
        self.platter().writes
    }

    /// Changes one byte, as a failing disk does.
    pub fn flip(&self, offset: usize) {
        let mut platter = self.platter();
        for bytes in [offset; 1] {
            if let Some(byte) = platter.current.get_mut(bytes) {
                *byte ^= 1;
            }
            if let Some(byte) = platter.synced.get_mut(bytes) {
                *byte ^= 1;
            }
        }
    }

    /// What stands on it, as the program sees it.
    pub fn bytes(&self) -> Vec<u8> {
        self.platter().current.clone()
    }
}

#[derive(Debug)]
struct MemoryBackend {
    disk: MemoryDisk,
    epoch: u64,
}

impl MemoryBackend {
    fn platter(&self) -> io::Result<MutexGuard<'_, Platter>> {
        let platter = self.disk.platter();
        if platter.epoch != self.epoch || platter.broken == Some(Broken::DeadAfter(0)) {
            return Err(io::Error::other("the machine is dead"));
        }
        Ok(platter)
    }

    fn change(&self, change: Option<Change>) -> io::Result<()> {
        let mut platter = self.platter()?;
        platter.writes += 1;
        let lies = platter.broken == Some(Broken::LiesAboutSync);
        match &mut platter.broken {
            Some(Broken::FullAfter(0)) => return Err(io::Error::from(io::ErrorKind::StorageFull)),
            Some(Broken::FullAfter(left)) => *left -= 1,
            Some(Broken::DeadAfter(left)) => {
                *left -= 1;
                if *left == 0 {
                    return Err(io::Error::other("the machine is dead"));
                }
            }
            Some(Broken::LiesAboutSync) | None => {}
        }
        match change {
            Some(change) => {
                change.apply(&mut platter.current);
                platter.unsynced.push(change);
            }
            None if !lies => {
                let Platter { synced, unsynced, .. } = &mut *platter;
                for change in unsynced.drain(..) {
                    change.apply(synced);
                }
            }
            None => {}
        }
        Ok(())
    }
}

fn at(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}

impl StorageBackend for MemoryBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.platter()?.current.len()).unwrap_or(u64::MAX))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platter = self.platter()?;
        let start = at(offset)?;
        let found = platter.current.get(start..start.saturating_add(out.len()));
        out.copy_from_slice(found.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Some(Change::Length(at(len)?)))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change(None)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Some(Change::Bytes(at(offset)?, data.to_vec())))
    }
}
