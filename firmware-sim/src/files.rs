//! Files that hold keys, counters and sequences: read strictly, written whole, used by one program at a time.
//!
//! A file is replaced by writing beside it, syncing and renaming, so that a program killed at any moment leaves the old or
//! the new one. The lock is on the file itself; who waits for it looks afterwards whether the file was replaced meanwhile.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::seal::SealError;

mod card_file;
mod fleet_folder;
mod terminal_file;
mod vend_file;

pub use card_file::{BlankMemory, CardFile, CardOnFile, FileMemory, KeySet, PinDigits};
pub use fleet_folder::{FleetFolder, RESERVE};
pub use terminal_file::{TERMINAL_FILE, TerminalFile, TerminalOnFile};
#[cfg(test)]
pub(crate) use vend_file::tests as vend_tests;
pub use vend_file::{Stage, Vend, VendFile};

/// The only version of these files.
pub const FILE_VERSION: u32 = 1;

/// How long a lock is waited for: a tap by another program is over sooner.
const LOCK_WAIT: Duration = if cfg!(test) { Duration::from_millis(100) } else { Duration::from_secs(3) };

/// Why a file cannot be used. Each names the file.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum FileError {
    #[error("{}: {}", path.display(), said(source))]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: {what}", path.display())]
    Content { path: PathBuf, what: String },
    #[error("{} is in use by another program; a counter is used once, so wait until that one ends", path.display())]
    InUse { path: PathBuf },
    #[error(transparent)]
    Seal(#[from] SealError),
}

fn said(source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "this account may not use it".to_owned(),
        _ => source.to_string(),
    }
}

impl FileError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    fn content(path: &Path, what: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), what: what.into() }
    }
}

/// What such a file holds.
pub trait Document: Serialize + DeserializeOwned {
    /// What is wrong with the values, if anything, naming the field.
    fn fault(&self) -> Option<String>;
}

/// A file that is this program's alone until it is dropped.
#[derive(Debug)]
pub struct LockedFile {
    path: PathBuf,
    file: File,
    /// The folder's lock, shared: a fleet takes it for itself.
    _folder: File,
}

impl LockedFile {
    /// Locks an existing file.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let in_use = || FileError::InUse { path: path.to_owned() };
        let folder = File::open(folder_of(path)).map_err(FileError::io(path))?;
        let until = Instant::now() + LOCK_WAIT;
        lock(until, || folder.try_lock_shared()).map_err(FileError::io(path))?.then_some(()).ok_or_else(in_use)?;
        loop {
            let file = File::open(path).map_err(FileError::io(path))?;
            lock(until, || file.try_lock()).map_err(FileError::io(path))?.then_some(()).ok_or_else(in_use)?;
            let (locked, named) = (file.metadata(), fs::metadata(path));
            let (locked, named) = (locked.map_err(FileError::io(path))?, named.map_err(FileError::io(path))?);
            if (locked.dev(), locked.ino()) == (named.dev(), named.ino()) {
                return Ok(Self { path: path.to_owned(), file, _folder: folder });
            }
        }
    }

    /// Writes a file that is not there yet, and locks it.
    ///
    /// # Errors
    /// [`FileError`]; it may be there already.
    pub fn create<D: Document>(path: &Path, document: &D) -> Result<Self, FileError> {
        if path.exists() {
            return Err(FileError::io(path)(io::ErrorKind::AlreadyExists.into()));
        }
        let in_use = || FileError::InUse { path: path.to_owned() };
        let folder = File::open(folder_of(path)).map_err(FileError::io(path))?;
        let until = Instant::now() + LOCK_WAIT;
        lock(until, || folder.try_lock_shared()).map_err(FileError::io(path))?.then_some(()).ok_or_else(in_use)?;
        let text = to_text(document).map_err(FileError::io(path))?;
        let file = replace(path, &text, true).map_err(FileError::io(path))?;
        Ok(Self { path: path.to_owned(), file, _folder: folder })
    }

    /// Reads the document.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn read<D: Document>(&self) -> Result<D, FileError> {
        parse(&self.path, &read_text(&self.path, &self.file)?)
    }

    /// Replaces the document.
    ///
    /// # Errors
    /// The old document is still there.
    pub fn write<D: Document>(&mut self, document: &D) -> io::Result<()> {
        let text = to_text(document)?;
        self.file = replace(&self.path, &text, true)?;
        Ok(())
    }
}

/// Tries until then; false if the lock is another's.
fn lock(until: Instant, mut attempt: impl FnMut() -> Result<(), TryLockError>) -> io::Result<bool> {
    loop {
        match attempt() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() >= until => return Ok(false),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

fn read_text(path: &Path, mut file: &File) -> Result<Zeroizing<String>, FileError> {
    let mut text = Zeroizing::new(String::new());
    // room for all at once: a text that grows leaves copies of keys behind
    let length = file.metadata().map_err(FileError::io(path))?.len();
    text.reserve(usize::try_from(length).unwrap_or(0) + 1);
    file.read_to_string(&mut text).map_err(FileError::io(path))?;
    Ok(text)
}

fn parse<D: Document>(path: &Path, text: &str) -> Result<D, FileError> {
    let document: D = serde_json::from_str(text).map_err(|error| FileError::content(path, error.to_string()))?;
    match document.fault() {
        None => Ok(document),
        Some(fault) => Err(FileError::content(path, fault)),
    }
}

fn to_text<T: Serialize>(value: &T) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::with_capacity(8192));
    serde_json::to_writer(&mut *text, value)?;
    text.push(b'\n');
    Ok(text)
}

/// Replaces a file that nobody locks: the old or the new one, whole, its owner's alone.
pub(crate) fn replace_whole(path: &Path, text: &[u8]) -> io::Result<()> {
    replace(path, text, false).map(drop)
}

/// Writes beside, syncs and renames. With `keep_lock` the new file is locked before it can be found.
fn replace(path: &Path, text: &[u8], keep_lock: bool) -> io::Result<File> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder_of(path).join(format!(".{name}.{}.new", std::process::id()));
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        if keep_lock {
            file.try_lock()?;
        }
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        File::open(folder_of(path))?.sync_all()?;
        Ok(file)
    };
    let written: io::Result<File> = write();
    if written.is_err() {
        // the error that counts is the first one
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;

    /// A folder that goes away with the test.
    pub(crate) struct Folder(pub(crate) PathBuf);

    impl Folder {
        pub(crate) fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("firmware-sim-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    pub(crate) fn card_json(tag: u8) -> String {
        let (id, key) = (format!("{tag:02x}").repeat(16), "0b".repeat(32));
        format!(
            r#"{{"version":1,"card":"{}","label":"mw. A. Voorbeeld","expires_on":"2031-01-01","generation":1,"keys":[{{"generation":1,"transaction":"{key}","response":"{key}","script":"{key}","offline_verify":"{key}"}}],"state":null}}"#,
            uuid::Uuid::parse_str(&id).unwrap()
        )
    }

    pub(crate) fn terminal_json(tag: u8) -> String {
        let (id, key) = (format!("{tag:02x}").repeat(16), "0c".repeat(32));
        let id = uuid::Uuid::parse_str(&id).unwrap();
        format!(
            r#"{{"version":1,"terminal":"{id}","location":"{id}","name":"Restaurant De Linde","service":"http://127.0.0.1:8080","key":"{key}"}}"#
        )
    }

    #[test]
    fn a_file_is_used_by_one_program_at_a_time_even_after_it_was_replaced() {
        let folder = Folder::new("lock");
        let path = folder.file("card.json", &card_json(1));
        let mut first = LockedFile::open(&path).unwrap();
        let card: CardFile = first.read().unwrap();
        first.write(&card).unwrap();
        assert!(matches!(LockedFile::open(&path), Err(FileError::InUse { .. })));
        drop(first);
        assert!(LockedFile::open(&path).is_ok());
    }

    #[test]
    fn a_written_file_is_its_owners_alone_and_leaves_nothing_beside() {
        let folder = Folder::new("mode");
        let path = folder.file("card.json", &card_json(1));
        let mut file = LockedFile::open(&path).unwrap();
        let card: CardFile = file.read().unwrap();
        file.write(&card).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
    }

    #[test]
    fn an_unknown_or_missing_field_is_refused_by_name_with_the_file() {
        let folder = Folder::new("fields");
        for (text, part) in [
            (card_json(1).replace("\"label\"", "\"lable\""), "lable"),
            (card_json(1).replace("\"label\":\"mw. A. Voorbeeld\",", ""), "label"),
            (card_json(1).replace("\"version\":1", "\"version\":2"), "version"),
            (card_json(1).replace("2031-01-01", "2031-13-01"), "expires_on"),
            (card_json(1).replace("\"generation\":1,\"keys\"", "\"generation\":2,\"keys\""), "generation"),
        ] {
            let path = folder.file("card.json", &text);
            let error = LockedFile::open(&path).unwrap().read::<CardFile>().unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("card.json"), "{error}");
        }
    }

    #[test]
    fn neither_file_prints_its_keys() {
        let card: CardFile = serde_json::from_str(&card_json(1)).unwrap();
        let terminal: TerminalFile = serde_json::from_str(&terminal_json(1)).unwrap();
        let text = format!("{card:?} {terminal:?}");
        assert!(!text.contains("0b0b") && !text.contains("0c0c") && !text.contains("11, 11"), "{text}");
    }
}
