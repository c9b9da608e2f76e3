//! A terminal's file: who it is, its key, and how many taps it made.

use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Document, FILE_VERSION, FileError, LockedFile};
use crate::hex::SecretHex;

/// What a terminal's file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerminalFile {
    /// 1.
    pub version: u32,
    /// The terminal.
    pub terminal: Uuid,
    /// Where it stands.
    pub location: Uuid,
    /// What staff call it.
    pub name: String,
    /// The service's address.
    pub service: String,
    /// Signs its requests.
    pub key: SecretHex,
    /// Of its last tap; never restarts.
    #[serde(default)]
    pub sequence: u64,
}

impl Document for TerminalFile {
    fn fault(&self) -> Option<String> {
        if self.version != FILE_VERSION {
            return Some(format!("`version` is {}, and this program reads version {FILE_VERSION}", self.version));
        }
        self.service.is_empty().then(|| "`service` is empty".to_owned())
    }
}

/// A terminal whose file is locked while it is used.
#[derive(Debug)]
pub struct TerminalOnFile {
    file: LockedFile,
    path: std::path::PathBuf,
    /// What it holds.
    pub document: TerminalFile,
}

impl TerminalOnFile {
    /// Opens a terminal's file.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let file = LockedFile::open(path)?;
        let document = file.read()?;
        Ok(Self { file, path: path.to_owned(), document })
    }

    /// Keeps `count` sequence numbers for this program; answers the last one before them.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn take_sequence(&mut self, count: u64) -> Result<u64, FileError> {
        let before = self.document.sequence;
        self.document.sequence = before.saturating_add(count);
        self.file.write(&self.document).map_err(FileError::io(&self.path))?;
        Ok(before)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::files::tests::{Folder, terminal_json};

    #[test]
    fn a_sequence_is_taken_once_and_stands_in_the_file_first() {
        let folder = Folder::new("sequence");
        let path = folder.file("till.json", &terminal_json(1));
        assert_eq!(TerminalOnFile::open(&path).unwrap().take_sequence(2).unwrap(), 0);
        assert_eq!(TerminalOnFile::open(&path).unwrap().take_sequence(1).unwrap(), 2);
    }
}
