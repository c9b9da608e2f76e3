//! The terminal's key at rest: sealed (XChaCha20-Poly1305) with a key that stands elsewhere.
//!
//! The sealing key comes from `FIRMWARE_SIM_SEAL`, from the systemd credential `firmware-sim-seal`, or from the file `seal`
//! in the terminal's folder, made with it. In the folder it protects a copy of `terminal.json` alone; on a real till it
//! belongs into a secure element.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use card_protocol::Secret;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::hex;

/// The file in the terminal's folder.
pub const SEAL_FILE: &str = "seal";
const VARIABLE: &str = "FIRMWARE_SIM_SEAL";
const CREDENTIAL: &str = "firmware-sim-seal";

const NONCE_LENGTH: usize = 24;
const SEALED_LENGTH: usize = NONCE_LENGTH + 32 + 16;
const DOMAIN: &[u8] = b"PASJE terminal key 1";

/// Why a key cannot be sealed or opened, and what to do.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum SealError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{0} must hold a key: 64 hexadecimal digits in small letters")]
    NoKey(String),
    #[error(
        "the terminal's key is sealed, and the key that opens it is missing: set {VARIABLE}, give the systemd credential \
         {CREDENTIAL}, or put the file {} back",
        .0.display()
    )]
    Missing(PathBuf),
    #[error("the terminal's key does not open with the seal in {0}: give the right one, or enrol the terminal again")]
    Wrong(String),
    #[error("the operating system gives no random bytes: {0}")]
    Random(getrandom::Error),
}

/// A sealing key, and where it came from.
#[derive(Debug)]
pub struct Seal {
    key: Secret,
    place: String,
}

/// A sealed key: nonce and ciphertext, as hexadecimal digits in the file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct SealedKey(hex::Hex<SEALED_LENGTH>);

impl Seal {
    /// The sealing key of a folder.
    ///
    /// # Errors
    /// [`SealError`]; [`SealError::Missing`] if there is none.
    pub fn find(folder: &Path) -> Result<Self, SealError> {
        if let Some(text) = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty()) {
            return Self::parse(&Zeroizing::new(text), VARIABLE.to_owned());
        }
        let credential = std::env::var_os("CREDENTIALS_DIRECTORY").map(|folder| Path::new(&folder).join(CREDENTIAL));
        let path = credential.filter(|path| path.exists()).unwrap_or_else(|| folder.join(SEAL_FILE));
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&Zeroizing::new(text), path.display().to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(SealError::Missing(path)),
            Err(source) => Err(SealError::Io { path, source }),
        }
    }

    /// The sealing key of a folder; made in it, for its owner alone, where there is none.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn find_or_make(folder: &Path) -> Result<Self, SealError> {
        match Self::find(folder) {
            Err(SealError::Missing(_)) => {}
            found => return found,
        }
        let path = folder.join(SEAL_FILE);
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key).map_err(SealError::Random)?;
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(Zeroizing::new(hex::encode(&*key)).as_bytes())?;
            file.sync_all()
        };
        write().map_err(|source| SealError::Io { path: path.clone(), source })?;
        Self::find(folder)
    }

    fn parse(text: &str, place: String) -> Result<Self, SealError> {
        match hex::decode::<32>(text.trim()).map(Zeroizing::new) {
            Some(key) => Ok(Self { key: Secret::new(*key), place }),
            None => Err(SealError::NoKey(place)),
        }
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(*self.key.expose()))
    }

    /// Seals a terminal's key, with whose it is and which CA its service has: neither can be exchanged in the file.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(&self, key: &Secret, terminal: Uuid, ca: Option<&str>) -> Result<SealedKey, SealError> {
        let mut nonce = [0; NONCE_LENGTH];
        getrandom::fill(&mut nonce).map_err(SealError::Random)?;
        let aad = aad(terminal, ca);
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), Payload { msg: key.expose(), aad: &aad });
        let sealed = sealed.map_err(|_| SealError::Wrong(self.place.clone()))?;
        let bytes = [&nonce[..], &sealed].concat().try_into().map_err(|_| SealError::Wrong(self.place.clone()))?;
        Ok(SealedKey(hex::Hex(bytes)))
    }

    /// Opens a terminal's key.
    ///
    /// # Errors
    /// [`SealError::Wrong`].
    pub fn open(&self, sealed: &SealedKey, terminal: Uuid, ca: Option<&str>) -> Result<Secret, SealError> {
        let wrong = || SealError::Wrong(self.place.clone());
        let (nonce, message) = sealed.0.0.split_first_chunk::<NONCE_LENGTH>().ok_or_else(wrong)?;
        let aad = aad(terminal, ca);
        let plain = self.cipher().decrypt(&XNonce::from(*nonce), Payload { msg: message, aad: &aad });
        let plain = Zeroizing::new(plain.map_err(|_| wrong())?);
        let key: &[u8; 32] = plain.as_slice().try_into().map_err(|_| wrong())?;
        Ok(Secret::new(*key))
    }
}

fn aad(terminal: Uuid, ca: Option<&str>) -> Vec<u8> {
    [DOMAIN, terminal.as_bytes(), ca.unwrap_or_default().as_bytes()].concat()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::files::tests::Folder;

    #[test]
    fn a_sealed_key_opens_with_its_seal_terminal_and_ca_and_with_nothing_else() {
        let (folder, other) = (Folder::new("seal"), Folder::new("seal-other"));
        let seal = Seal::find_or_make(&folder.0).unwrap();
        let key = Secret::new([7; 32]);
        let (id, ca) = (Uuid::from_bytes([1; 16]), Some("-----BEGIN CERTIFICATE-----"));
        let sealed = seal.seal(&key, id, ca).unwrap();
        assert_eq!(seal.open(&sealed, id, ca).unwrap(), key);
        assert_eq!(Seal::find(&folder.0).unwrap().open(&sealed, id, ca).unwrap(), key);
        assert!(seal.open(&sealed, Uuid::from_bytes([2; 16]), ca).is_err());
        assert!(seal.open(&sealed, id, None).is_err());
        assert!(Seal::find_or_make(&other.0).unwrap().open(&sealed, id, ca).is_err());
        for place in 0..SEALED_LENGTH {
            let mut damaged = sealed.clone();
            damaged.0.0[place] ^= 1;
            assert!(seal.open(&damaged, id, ca).is_err(), "byte {place}");
        }
    }

    #[test]
    fn a_seal_is_its_owners_alone_and_its_absence_is_said() {
        let folder = Folder::new("seal-mode");
        let error = Seal::find(&folder.0).unwrap_err().to_string();
        assert!(error.contains("FIRMWARE_SIM_SEAL"), "{error}");
        Seal::find_or_make(&folder.0).unwrap();
        assert_eq!(fs::metadata(folder.0.join(SEAL_FILE)).unwrap().mode() & 0o777, 0o600);
        fs::write(folder.0.join(SEAL_FILE), "short").unwrap();
        assert!(matches!(Seal::find_or_make(&folder.0), Err(SealError::NoKey(_))));
    }

    #[test]
    fn neither_seal_nor_sealed_key_prints_a_key() {
        let folder = Folder::new("seal-print");
        let seal = Seal::find_or_make(&folder.0).unwrap();
        let text = fs::read_to_string(folder.0.join(SEAL_FILE)).unwrap();
        assert!(!format!("{seal:?}").contains(&text[..8]));
        let sealed = seal.seal(&Secret::new([0xab; 32]), Uuid::nil(), None).unwrap();
        assert!(!format!("{sealed:?} {}", serde_json::to_string(&sealed).unwrap()).contains("abababab"));
    }
}
