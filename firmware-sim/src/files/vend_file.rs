//! What an unattended machine must not forget when its power fails: what it set aside, and what came out of it.
//!
//! Written before the hold is sent, and before and after each piece comes out; gone once all of it is known and paid or
//! given back. A machine that starts and finds one finishes it first.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Document, FILE_VERSION, FileError, folder_of, parse, read_text, replace, to_text};

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The hold is sent; whether it was set aside is not known.
    Asked,
    /// It was set aside, and nothing is coming out just now.
    Held,
    /// A piece is coming out: whether it did is not known.
    Delivering,
}

/// One vend. The ids of what may follow are made beforehand, so that a machine that dies twice still asks for the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Vend {
    /// 1.
    pub version: u32,
    pub stage: Stage,
    pub hold: Uuid,
    pub capture: Uuid,
    pub release: Uuid,
    /// The hold as it was sent.
    pub request: String,
    /// What the card signed for.
    pub card_cents: u64,
    pub quantity: u32,
    /// How many came out.
    pub delivered: u32,
}

impl Document for Vend {
    fn fault(&self) -> Option<String> {
        if self.version != FILE_VERSION {
            return Some(format!("`version` is {}, and this program reads version {FILE_VERSION}", self.version));
        }
        let is_sensible = self.delivered <= self.quantity && self.quantity > 0;
        (!is_sensible).then(|| format!("{} of {} came out", self.delivered, self.quantity))
    }
}

/// Where a machine keeps its vend. The terminal's file is locked meanwhile, so nobody else writes here.
#[derive(Clone, Debug)]
pub struct VendFile(PathBuf);

impl VendFile {
    /// At this place.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The vend that was not finished, if there is one.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn read(&self) -> Result<Option<Vend>, FileError> {
        match File::open(&self.0) {
            Ok(file) => parse(&self.0, &read_text(&self.0, &file)?).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileError::io(&self.0)(error)),
        }
    }

    /// Keeps it, on the disk.
    ///
    /// # Errors
    /// [`FileError`]; what was kept before is still there.
    pub fn write(&self, vend: &Vend) -> Result<(), FileError> {
        let text = to_text(vend).map_err(FileError::io(&self.0))?;
        replace(&self.0, &text, false).map(drop).map_err(FileError::io(&self.0))
    }

    /// Keeps a line for the office, on the disk, in the file beside it with `.office` behind its name.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn tell_office(&self, line: &str) -> Result<(), FileError> {
        let mut name = self.0.as_os_str().to_owned();
        name.push(".office");
        let path = PathBuf::from(name);
        let append = || {
            let mut file = File::options().create(true).append(true).open(&path)?;
            file.write_all(format!("{line}\n").as_bytes())?;
            file.sync_all()?;
            File::open(folder_of(&path))?.sync_all()
        };
        append().map_err(FileError::io(&path))
    }

    /// It is finished.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn remove(&self) -> Result<(), FileError> {
        let remove = || {
            fs::remove_file(&self.0)?;
            File::open(folder_of(&self.0))?.sync_all()
        };
        remove().map_err(FileError::io(&self.0))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;
    use crate::files::tests::Folder;

    pub(crate) fn vend(stage: Stage, delivered: u32, quantity: u32) -> Vend {
        let [hold, capture, release] = [1, 2, 3].map(Uuid::from_u128);
        let request = "{}".to_owned();
        Vend { version: 1, stage, hold, capture, release, request, card_cents: 300, quantity, delivered }
    }

    #[test]
    fn a_vend_is_kept_until_it_is_finished() {
        let folder = Folder::new("vend");
        let file = VendFile::at(&folder.0.join("machine.vend.json"));
        assert_eq!(file.read().unwrap(), None);
        for kept in [vend(Stage::Asked, 0, 2), vend(Stage::Delivering, 1, 2)] {
            file.write(&kept).unwrap();
            assert_eq!(file.read().unwrap(), Some(kept));
        }
        file.remove().unwrap();
        assert_eq!(file.read().unwrap(), None);
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
    }

    #[test]
    fn a_vend_that_cannot_be_is_refused_with_its_file() {
        let folder = Folder::new("vend-wrong");
        for wrong in [vend(Stage::Held, 2, 1), vend(Stage::Held, 0, 0), Vend { version: 2, ..vend(Stage::Held, 0, 1) }]
        {
            let path = folder.file("machine.vend.json", &serde_json::to_string(&wrong).unwrap());
            assert!(VendFile::at(&path).read().unwrap_err().to_string().contains("machine.vend.json"));
        }
    }
}
