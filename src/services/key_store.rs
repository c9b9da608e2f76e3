//! Where the master keys are: a sealed file today, a hardware module later, behind one trait.
//!
//! The file holds the master key of each generation of cards and the secret that terminals' keys are derived from. It is
//! sealed (XChaCha20-Poly1305) with a key that stands elsewhere: in the environment, in a systemd credential, or in a
//! file of its own beside it. No key is ever printed: not in errors, logs or `Debug`.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use card_protocol::{Key, MasterKey, ResponseKey, Secret, TransactionKey};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key as SealKey, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::db::DbError;
use crate::db::connect::Database;
use crate::db::key_checks;

/// What the service asks of its keys.
pub trait KeyStore: Send + Sync + 'static {
    /// The generation that new cards are issued with.
    fn generation(&self) -> u8;
    /// The master key of a generation; none if there is no such generation.
    fn master(&self, generation: u8) -> Option<&MasterKey>;
    /// A terminal's key: what it signs its requests with.
    fn terminal_key(&self, terminal: Uuid, salt: &[u8; 16]) -> Secret;
    /// For each key, a value that tells whether it is the right one and nothing about it. Generation 0 is the terminals'.
    fn check_values(&self) -> Vec<(u8, [u8; 32])>;

    /// What a card of this generation signs with.
    fn transaction_key(&self, card: &[u8; 16], generation: u8) -> Option<TransactionKey> {
        self.master(generation).map(|master| master.transaction_key(card, generation))
    }

    /// What a card of this generation is answered with.
    fn response_key(&self, card: &[u8; 16], generation: u8) -> Option<ResponseKey> {
        self.master(generation).map(|master| master.response_key(card, generation))
    }
}

/// Why the keys cannot be had, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// The file system.
    #[error("{}: {source}", path.display())]
    #[allow(missing_docs)]
    File { path: PathBuf, source: std::io::Error },
    /// The sealing key is no key.
    #[error("{0} must hold a key: 64 hexadecimal digits")]
    Seal(String),
    /// It does not open.
    #[error(
        "{} does not open with the key in {seal}: it was sealed with another one, or was damaged. Give the key it was \
         sealed with, or restore both from the same backup",
        path.display()
    )]
    #[allow(missing_docs)]
    Sealed { path: PathBuf, seal: String },
    /// It opens and holds nonsense.
    #[error("{} is no key file of this program", .0.display())]
    Content(PathBuf),
    /// There were keys, and they are gone.
    #[error(
        "the keys that this database's cards and terminals were given are not in {}, and without them no card can be \
         checked: restore the file from a backup, or point PASJE_KEYS at it", .0.display()
    )]
    Missing(PathBuf),
    /// Other keys than those of this database.
    #[error(
        "the keys in {} are not those that this database's cards and terminals were given: restore the right file, or \
         point PASJE_KEYS at it", .0.display()
    )]
    Other(PathBuf),
    /// The database could not be asked.
    #[error(transparent)]
    Database(#[from] DbError),
    /// No randomness.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

/// Where the sealed file is, and where its sealing key comes from.
#[derive(Clone, Debug)]
pub struct KeyPlaces {
    /// The sealed file.
    pub file: PathBuf,
    /// Where its key is.
    pub seal: SealPlace,
}

/// Where the sealing key is.
#[derive(Clone)]
pub enum SealPlace {
    /// Given: its name for errors, and 64 hexadecimal digits.
    Given(String, Zeroizing<String>),
    /// In a file.
    File(PathBuf),
}

impl std::fmt::Debug for SealPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}

impl SealPlace {
    fn name(&self) -> String {
        match self {
            Self::Given(name, _) => name.clone(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

const MAGIC: &[u8; 16] = b"pasje keys    1\n";
const NONCE_LENGTH: usize = 24;

/// Master keys in memory.
pub struct Keys {
    generation: u8,
    masters: BTreeMap<u8, MasterKey>,
    terminals: Secret,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// The file's content, before it is sealed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    generation: u8,
    masters: BTreeMap<u8, Zeroizing<String>>,
    terminals: Zeroizing<String>,
}

impl KeyStore for Keys {
    fn generation(&self) -> u8 {
        self.generation
    }

    fn master(&self, generation: u8) -> Option<&MasterKey> {
        self.masters.get(&generation)
    }

    fn terminal_key(&self, terminal: Uuid, salt: &[u8; 16]) -> Secret {
        self.terminals.derive(b"PASJE terminal http", &[terminal.as_bytes(), salt])
    }

    fn check_values(&self) -> Vec<(u8, [u8; 32])> {
        let check = |secret: &Secret, generation: u8| *secret.derive(b"PASJE check", &[&[generation]]).expose();
        let masters = self.masters.iter().map(|(generation, key)| (*generation, check(key.secret(), *generation)));
        std::iter::once((0, check(&self.terminals, 0))).chain(masters).collect()
    }
}

impl Keys {
    /// New keys of generation 1.
    ///
    /// # Errors
    /// [`KeyStoreError::Random`].
    pub fn generate() -> Result<Self, KeyStoreError> {
        let masters = BTreeMap::from([(1, MasterKey::new(random_secret()?))]);
        Ok(Self { generation: 1, masters, terminals: random_secret()? })
    }

    /// Opens the key store of a database, or makes it where the database has none yet.
    ///
    /// # Errors
    /// [`KeyStoreError`]; each says what to do.
    pub async fn open(places: &KeyPlaces, database: &Database) -> Result<Self, KeyStoreError> {
        let mut conn = database.connection().await.map_err(|error| DbError::Unreachable(error.to_string()))?;
        let known = key_checks::load(&conn).await?;
        let keys = match read(places)? {
            Some(keys) => keys,
            None if !known.is_empty() => return Err(KeyStoreError::Missing(places.file.clone())),
            None => make(places)?,
        };
        let values = keys.check_values();
        let is_right = |(generation, value): &(u8, [u8; 32])| values.contains(&(*generation, *value));
        if !known.iter().all(is_right) {
            return Err(KeyStoreError::Other(places.file.clone()));
        }
        let new: Vec<_> = values.into_iter().filter(|value| !known.contains(value)).collect();
        if !new.is_empty() {
            key_checks::insert(&mut conn, &new).await?;
            // Another service may have come first, with other keys.
            let known = key_checks::load(&conn).await?;
            if !new.iter().all(|value| known.contains(value)) {
                return Err(KeyStoreError::Other(places.file.clone()));
            }
        }
        Ok(keys)
    }

    fn seal(&self, seal: &Secret) -> Result<Vec<u8>, KeyStoreError> {
        let content = Content {
            generation: self.generation,
            masters: self.masters.iter().map(|(number, key)| (*number, hex(key.secret()))).collect(),
            terminals: hex(&self.terminals),
        };
        // Numbers and strings cannot fail to serialise.
        let plain = Zeroizing::new(serde_json::to_vec(&content).unwrap_or_default());
        let nonce: [u8; NONCE_LENGTH] = random()?;
        let payload = Payload { msg: &plain, aad: MAGIC };
        let sealed = cipher(seal).encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| KeyStoreError::Seal("the sealing key".to_owned()))?;
        Ok([&MAGIC[..], &nonce, &sealed].concat())
    }

    fn unseal(bytes: &[u8], seal: &Secret) -> Option<Zeroizing<Vec<u8>>> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LENGTH>()?;
        let payload = Payload { msg: sealed, aad: MAGIC };
        cipher(seal).decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
    }

    fn parse(plain: &[u8]) -> Option<Self> {
        let content: Content = serde_json::from_slice(plain).ok()?;
        let masters: BTreeMap<u8, MasterKey> = content
            .masters
            .iter()
            .map(|(number, text)| Some((*number, MasterKey::new(parse_secret(text)?))))
            .collect::<Option<_>>()?;
        masters.contains_key(&content.generation).then_some(())?;
        (!masters.contains_key(&0)).then_some(())?;
        Some(Self { generation: content.generation, masters, terminals: parse_secret(&content.terminals)? })
    }
}

fn read(places: &KeyPlaces) -> Result<Option<Keys>, KeyStoreError> {
    let sealed = match std::fs::read(&places.file) {
        Ok(sealed) => sealed,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(KeyStoreError::File { path: places.file.clone(), source }),
    };
    let seal = match &places.seal {
        SealPlace::Given(name, text) => given_seal(name, text)?,
        SealPlace::File(path) => read_seal(path)?,
    };
    let plain = Keys::unseal(&sealed, &seal)
        .ok_or_else(|| KeyStoreError::Sealed { path: places.file.clone(), seal: places.seal.name() })?;
    Keys::parse(&plain).map(Some).ok_or_else(|| KeyStoreError::Content(places.file.clone()))
}

/// Makes keys where there are none. Of two that do so at once, the second uses what the first made.
fn make(places: &KeyPlaces) -> Result<Keys, KeyStoreError> {
    let seal = match &places.seal {
        SealPlace::Given(name, text) => given_seal(name, text)?,
        SealPlace::File(path) => {
            write_new(path, hex(&random_secret()?).as_bytes())?;
            read_seal(path)?
        }
    };
    write_new(&places.file, &Keys::generate()?.seal(&seal)?)?;
    let advice = match places.seal {
        SealPlace::File(_) => {
            "the key that seals them is a file too: for real cards set PASJE_KEYS_SEAL, or a systemd credential"
        }
        SealPlace::Given(..) => "keep the file and the key that seals it in a backup, apart",
    };
    tracing::info!(file = %places.file.display(), seal = %places.seal.name(), "made keys for cards and terminals; {advice}");
    read(places)?.ok_or_else(|| KeyStoreError::Missing(places.file.clone()))
}

/// Writes a file that is not there yet, whole and for its owner only; leaves one that is there.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), KeyStoreError> {
    let failed = |source| KeyStoreError::File { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let beside = folder.join(format!(".{}.new", Uuid::new_v4()));
    let written = write_private(&beside, bytes).and_then(|()| match std::fs::hard_link(&beside, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => std::fs::File::open(folder)?.sync_all(),
    });
    let removed = std::fs::remove_file(&beside);
    written.and(removed).map_err(failed)
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn read_seal(path: &Path) -> Result<Secret, KeyStoreError> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|source| KeyStoreError::File { path: path.to_owned(), source })?;
    given_seal(&path.display().to_string(), &text)
}

fn given_seal(name: &str, text: &str) -> Result<Secret, KeyStoreError> {
    parse_secret(text.trim()).ok_or_else(|| KeyStoreError::Seal(name.to_owned()))
}

fn cipher(seal: &Secret) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&SealKey::from(*seal.expose()))
}

fn random<const N: usize>() -> Result<[u8; N], KeyStoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(KeyStoreError::Random)?;
    Ok(bytes)
}

fn random_secret() -> Result<Secret, KeyStoreError> {
    Ok(Secret::new(random()?))
}

/// A secret as 64 hexadecimal digits, for files that are made for its owner.
pub fn hex(secret: &Secret) -> Zeroizing<String> {
    Zeroizing::new(crate::domain::hex::to_hex(secret.expose()))
}

fn parse_secret(text: &str) -> Option<Secret> {
    crate::domain::hex::from_hex(text).map(Secret::new)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sealed_keys_open_with_their_key_and_with_no_other() {
        let keys = Keys::generate().unwrap();
        let (seal, other) = (random_secret().unwrap(), random_secret().unwrap());
        let sealed = keys.seal(&seal).unwrap();
        let opened = Keys::parse(&Keys::unseal(&sealed, &seal).unwrap()).unwrap();
        assert_eq!(opened.check_values(), keys.check_values());
        assert!(Keys::unseal(&sealed, &other).is_none());
        for place in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[place] ^= 1;
            assert!(Keys::unseal(&damaged, &seal).is_none(), "byte {place}");
        }
        let text = String::from_utf8_lossy(&sealed).into_owned();
        assert!(!text.contains(hex(keys.masters[&1].secret()).as_str()));
    }

    #[test]
    fn keys_are_never_printed() {
        let keys = Keys::generate().unwrap();
        let secret = hex(&keys.terminals);
        let places = SealPlace::Given("PASJE_KEYS_SEAL".to_owned(), secret.clone());
        let printed = format!("{keys:?} {:?} {:?} {places:?}", keys.terminals, keys.masters);
        assert!(!printed.contains(&secret[..8]), "{printed}");
        assert!(printed.contains("Secret(..)"), "{printed}");
    }

    #[test]
    fn terminals_and_salts_have_keys_of_their_own() {
        let keys = Keys::generate().unwrap();
        let (one, other) = (Uuid::new_v4(), Uuid::new_v4());
        assert_ne!(keys.terminal_key(one, &[1; 16]), keys.terminal_key(other, &[1; 16]));
        assert_ne!(keys.terminal_key(one, &[1; 16]), keys.terminal_key(one, &[2; 16]));
        assert_eq!(keys.terminal_key(one, &[1; 16]), keys.terminal_key(one, &[1; 16]));
    }
}
