//! A new file for its owner's eyes only. Where it cannot be written whole, it is removed.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The file cannot be made.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub(super) enum CannotMake {
    #[error("{} is there already, and a file with keys is never written over: name a new one", .0.display())]
    Taken(PathBuf),
    #[error("cannot make {}: {source}", path.display())]
    Failed { path: PathBuf, source: std::io::Error },
}

impl CannotMake {
    fn of(path: &Path, source: std::io::Error) -> Self {
        match source.kind() {
            ErrorKind::AlreadyExists => Self::Taken(path.to_owned()),
            _ => Self::Failed { path: path.to_owned(), source },
        }
    }
}

/// A name that was free and is now ours: taken before the key that goes into it is made, so that none is made in vain.
#[derive(Debug)]
pub(super) struct PrivateFile {
    path: PathBuf,
    file: Option<File>,
}

impl PrivateFile {
    pub(super) fn create(path: &Path) -> Result<Self, CannotMake> {
        let failed = |source| CannotMake::of(path, source);
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file: Some(file) })
    }

    pub(super) fn write(mut self, content: &serde_json::Value) -> Result<(), CannotMake> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        let written = writeln!(file, "{content}").and_then(|()| file.sync_all());
        if written.is_err() {
            // A part of a key is worse than none.
            let _ = std::fs::remove_file(&self.path);
        }
        written.map_err(|source| CannotMake::of(&self.path, source))
    }
}

impl Drop for PrivateFile {
    /// Nothing was written: the name is free again.
    fn drop(&mut self) {
        if self.file.is_some() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
