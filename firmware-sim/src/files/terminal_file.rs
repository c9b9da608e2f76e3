//! A terminal's file: who it is, its key, the CA of its service, and how many taps it made.

use std::path::{Path, PathBuf};

use card_protocol::Secret;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Document, FILE_VERSION, FileError, LockedFile, folder_of, replace, to_text};
use crate::hex::SecretHex;
use crate::seal::{Seal, SealError, SealedKey};

/// The terminal's file in its folder.
pub const TERMINAL_FILE: &str = "terminal.json";

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
    /// Signs its requests; of a file that the service's command made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretHex>,
    /// The same, sealed; of a terminal that enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_key: Option<SealedKey>,
    /// The only CA that the service's certificate may be of, as PEM; none: plain HTTP on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Of its last tap; never restarts.
    #[serde(default)]
    pub sequence: u64,
    /// When the service last found the clock right, in milliseconds since 1970: the clock is never led far before it.
    #[serde(default)]
    pub clock_confirmed_ms: u64,
}

impl Document for TerminalFile {
    fn fault(&self) -> Option<String> {
        if self.version != FILE_VERSION {
            return Some(format!("`version` is {}, and this program reads version {FILE_VERSION}", self.version));
        }
        if self.key.is_some() == self.sealed_key.is_some() {
            return Some("it must have one of `key` and `sealed_key`".to_owned());
        }
        self.service.is_empty().then(|| "`service` is empty".to_owned())
    }
}

impl TerminalFile {
    /// The key, opened with the seal of this folder where it is sealed.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn open_key(&self, folder: &Path) -> Result<Secret, SealError> {
        match (&self.key, &self.sealed_key) {
            (_, Some(sealed)) => Seal::find(folder)?.open(sealed, self.terminal, self.ca.as_deref()),
            (Some(key), None) => Ok(key.0.clone()),
            // refused when it was read
            (None, None) => Err(SealError::Missing(folder.to_owned())),
        }
    }
}

/// A terminal whose file is locked while it is used.
#[derive(Debug)]
pub struct TerminalOnFile {
    file: LockedFile,
    path: PathBuf,
    key: Secret,
    /// What it holds.
    pub document: TerminalFile,
}

impl TerminalOnFile {
    /// Opens a terminal's file, and its key.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let file = LockedFile::open(path)?;
        let document: TerminalFile = file.read()?;
        let key = document.open_key(folder_of(path))?;
        Ok(Self { file, path: path.to_owned(), key, document })
    }

    /// Writes the file of a terminal that was just enrolled, its key sealed, in a folder that has none yet.
    ///
    /// # Errors
    /// [`FileError`]; [`FileError::Content`] if there is one already.
    pub fn make(folder: &Path, mut document: TerminalFile, key: &Secret) -> Result<Self, FileError> {
        let path = folder.join(TERMINAL_FILE);
        if path.exists() {
            return Err(FileError::content(&path, "this folder has a terminal already"));
        }
        let sealed = Seal::find_or_make(folder)?.seal(key, document.terminal, document.ca.as_deref())?;
        (document.key, document.sealed_key) = (None, Some(sealed));
        let text = to_text(&document).map_err(FileError::io(&path))?;
        replace(&path, &text, false).map_err(FileError::io(&path))?;
        Self::open(&path)
    }

    /// Signs its requests.
    pub const fn key(&self) -> &Secret {
        &self.key
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        folder_of(&self.path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps `count` sequence numbers for this program; answers the last one before them.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn take_sequence(&mut self, count: u64) -> Result<u64, FileError> {
        let before = self.document.sequence;
        self.document.sequence = before.saturating_add(count);
        self.write()?;
        Ok(before)
    }

    /// Writes the document as it is in memory.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn write(&mut self) -> Result<(), FileError> {
        self.file.write(&self.document).map_err(FileError::io(&self.path))
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

    #[test]
    fn an_enrolled_terminals_key_stands_nowhere_in_the_clear_and_opens_with_the_folders_seal() {
        let folder = Folder::new("sealed-key");
        let plain: TerminalFile = serde_json::from_str(&terminal_json(1)).unwrap();
        let key = plain.key.clone().unwrap().0;
        let mut made = TerminalOnFile::make(&folder.0, plain.clone(), &key).unwrap();
        made.take_sequence(3).unwrap();
        drop(made);
        for entry in std::fs::read_dir(&folder.0).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            assert!(!text.contains(&"0c".repeat(32)) && !text.contains("\"key\""), "{text}");
        }
        let opened = TerminalOnFile::open(&folder.0.join(TERMINAL_FILE)).unwrap();
        assert_eq!((opened.key(), opened.document.sequence), (&key, 3));
        drop(opened);
        assert!(TerminalOnFile::make(&folder.0, plain, &key).unwrap_err().to_string().contains("already"));
        std::fs::remove_file(folder.0.join("seal")).unwrap();
        let error = TerminalOnFile::open(&folder.0.join(TERMINAL_FILE)).unwrap_err().to_string();
        assert!(error.contains("FIRMWARE_SIM_SEAL"), "{error}");
    }

    #[test]
    fn a_file_with_both_keys_or_none_is_refused() {
        let folder = Folder::new("both-keys");
        let none = terminal_json(1).replace(&format!(",\"key\":\"{}\"", "0c".repeat(32)), "");
        let both = terminal_json(1).replace("\"key\"", &format!("\"sealed_key\":\"{}\",\"key\"", "00".repeat(72)));
        for text in [none, both] {
            let error = TerminalOnFile::open(&folder.file("till.json", &text)).unwrap_err().to_string();
            assert!(error.contains("one of `key` and `sealed_key`"), "{error}");
        }
    }
}
