//! What a revoked terminal does to itself: nothing that it was trusted with stays.
//!
//! Gone are the key, its seal, and what was cached: catalogue, card list with verify keys, hotlist. The journal goes only
//! when everything in it was delivered, which the caller does first; a revoked terminal may still forward. It holds no
//! key, so where delivering failed it stays, under the terminal's id, and a new enrolment begins a new one.
//!
//! A file is overwritten before it is removed. On flash memory an old copy may survive that: on real hardware the seal
//! belongs into a secure element, and without the seal the key is worthless.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::files::{FileError, TerminalOnFile};
use crate::seal::SEAL_FILE;

/// What a terminal read from the service: catalogue, prices, card list, hotlist.
pub const CACHE_FILE: &str = "cache.json";
/// Sales that were approved offline.
pub const JOURNAL_FILE: &str = "journal.redb";

/// Whether everything in the journal was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Delivered {
    All,
    NotAll,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wiped {
    /// The journal that was kept, for who recovers it.
    pub kept: Option<PathBuf>,
}

/// Wipes a revoked terminal's folder. The journal must be closed.
///
/// # Errors
/// [`FileError`] of what could not be removed. The key is the first to go.
pub fn wipe(file: TerminalOnFile, delivered: Delivered) -> Result<Wiped, FileError> {
    let (folder, path, terminal) = (file.folder().to_owned(), file.path().to_owned(), file.document.terminal);
    // with the lock, until it is gone
    erase(&path)?;
    drop(file);
    erase(&folder.join(SEAL_FILE))?;
    forget_place(&folder)?;
    let journal = folder.join(JOURNAL_FILE);
    match delivered {
        Delivered::All => {
            erase(&journal)?;
            Ok(Wiped { kept: None })
        }
        Delivered::NotAll if !journal.exists() => Ok(Wiped { kept: None }),
        Delivered::NotAll => {
            let kept = folder.join(format!("undelivered-{terminal}.redb"));
            let moved = fs::rename(&journal, &kept).and_then(|()| File::open(&folder)?.sync_all());
            moved.map_err(FileError::io(&journal))?;
            Ok(Wiped { kept: Some(kept) })
        }
    }
}

/// Drops what a terminal knows of its place: of one that was moved, too. Verify keys are of a place.
///
/// # Errors
/// [`FileError`].
pub fn forget_place(folder: &Path) -> Result<(), FileError> {
    erase(&folder.join(CACHE_FILE))
}

/// Overwrites and removes a file; one that is not there is gone already.
fn erase(path: &Path) -> Result<(), FileError> {
    let overwrite = || {
        let mut file = OpenOptions::new().write(true).open(path)?;
        let mut left = file.metadata()?.len();
        let zeros = [0; 4096];
        while left > 0 {
            let piece = usize::try_from(left).map_or(zeros.len(), |left| left.min(zeros.len()));
            file.write_all(&zeros[..piece])?;
            left -= u64::try_from(piece).unwrap_or(left);
        }
        file.sync_all()?;
        fs::remove_file(path)?;
        match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    match overwrite() {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::io(path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::files::tests::{Folder, terminal_json};
    use crate::files::{TERMINAL_FILE, TerminalFile};

    fn enrolled(name: &str) -> (Folder, TerminalOnFile) {
        let folder = Folder::new(name);
        let plain: TerminalFile = serde_json::from_str(&terminal_json(1)).unwrap();
        let key = plain.key.clone().unwrap().0;
        let file = TerminalOnFile::make(&folder.0, plain, &key).unwrap();
        folder.file(CACHE_FILE, r#"{"cards":[{"keys":[{"verify":"0d0d"}]}]}"#);
        folder.file(JOURNAL_FILE, "records");
        (folder, file)
    }

    fn names(folder: &Folder) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&folder.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_wiped_terminal_has_nothing_left() {
        let (folder, file) = enrolled("wipe");
        assert_eq!(names(&folder), [CACHE_FILE, JOURNAL_FILE, SEAL_FILE, TERMINAL_FILE]);
        assert_eq!(wipe(file, Delivered::All).unwrap(), Wiped { kept: None });
        assert!(names(&folder).is_empty());
    }

    #[test]
    fn records_that_were_not_delivered_are_kept_and_nothing_else() {
        let (folder, file) = enrolled("wipe-undelivered");
        let terminal = file.document.terminal;
        let wiped = wipe(file, Delivered::NotAll).unwrap();
        assert_eq!(names(&folder), [format!("undelivered-{terminal}.redb")]);
        assert_eq!(fs::read_to_string(wiped.kept.unwrap()).unwrap(), "records");
        // and a new enrolment finds room
        let plain: TerminalFile = serde_json::from_str(&terminal_json(2)).unwrap();
        let key = plain.key.clone().unwrap().0;
        TerminalOnFile::make(&folder.0, plain, &key).unwrap();
    }

    #[test]
    fn a_file_is_overwritten_before_it_goes() {
        let folder = Folder::new("erase");
        let path = folder.file("secret", &"s".repeat(10_000));
        let still_open = File::open(&path).unwrap();
        erase(&path).unwrap();
        let mut text = String::new();
        io::Read::read_to_string(&mut &still_open, &mut text).unwrap();
        assert_eq!(text, "\0".repeat(10_000));
        assert_eq!(still_open.metadata().unwrap().nlink(), 0);
    }
}
