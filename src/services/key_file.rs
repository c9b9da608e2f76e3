//! The sealed file of keys: what stands in it, and how it is opened, made and replaced.
//!
//! It is sealed with XChaCha20-Poly1305. The key comes from elsewhere: given as it is (version 1 of the file), or made from a
//! passphrase with Argon2id (version 2, whose head says how and is authenticated with the rest). Replacing is one rename: a
//! reader sees the old file or the new one, whole.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use card_protocol::{Key, MasterKey, Secret};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key as SealKey, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::key_store::KeyStoreError;

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
    /// Made from a passphrase: its name for errors, and the passphrase.
    Passphrase(String, Zeroizing<String>),
    /// Made from the passphrase in a file.
    PassphraseFile(PathBuf),
}

impl std::fmt::Debug for SealPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}

impl SealPlace {
    /// What it is called in errors.
    pub fn name(&self) -> String {
        match self {
            Self::Given(name, _) | Self::Passphrase(name, _) => name.clone(),
            Self::File(path) | Self::PassphraseFile(path) => path.display().to_string(),
        }
    }

    /// Whether it is a passphrase.
    pub const fn is_passphrase(&self) -> bool {
        matches!(self, Self::Passphrase(..) | Self::PassphraseFile(_))
    }

    fn load(&self) -> Result<Seal, KeyStoreError> {
        let read = |path: &Path| {
            let text = std::fs::read_to_string(path).map(Zeroizing::new);
            text.map_err(|source| KeyStoreError::File { path: path.to_owned(), source })
        };
        let key = |text: &str| parse_secret(text.trim()).map(Seal::Key).ok_or_else(|| KeyStoreError::Seal(self.name()));
        let passphrase = |text: &str| {
            let text = text.trim_end_matches(['\r', '\n']);
            let is_long = text.chars().count() >= PASSPHRASE_LENGTH_MIN;
            let short = || KeyStoreError::ShortPassphrase { name: self.name(), least: PASSPHRASE_LENGTH_MIN };
            is_long.then(|| Seal::Passphrase(Zeroizing::new(text.to_owned()))).ok_or_else(short)
        };
        match self {
            Self::Given(_, text) => key(text),
            Self::File(path) => key(&read(path)?),
            Self::Passphrase(_, text) => passphrase(text),
            Self::PassphraseFile(path) => passphrase(&read(path)?),
        }
    }
}

/// What a file is sealed with.
enum Seal {
    Key(Secret),
    Passphrase(Zeroizing<String>),
}

/// Characters of a passphrase, at least.
const PASSPHRASE_LENGTH_MIN: usize = 8;

const MAGIC_LENGTH: usize = 16;
const MAGIC_KEY: &[u8; MAGIC_LENGTH] = b"pasje keys    1\n";
const MAGIC_PASSPHRASE: &[u8; MAGIC_LENGTH] = b"pasje keys    2\n";
const NONCE_LENGTH: usize = 24;
const SALT_LENGTH: usize = 16;

/// How a passphrase becomes a key: Argon2id, version 1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; SALT_LENGTH],
}

impl Stretch {
    /// Bytes in the head: memory 4, passes 4, lanes 4, salt 16; big-endian.
    const LENGTH: usize = 12 + SALT_LENGTH;
    /// 64 MiB and three passes, RFC 9106's second choice with one lane: a guess costs memory that few can have many times.
    const MEMORY_KIB: u32 = 64 * 1024;
    const PASSES: u32 = 3;
    /// More than any head of ours asks for: one that was tampered with must not take the machine's memory.
    const MEMORY_KIB_MAX: u32 = 1024 * 1024;
    const PASSES_MAX: u32 = 64;

    fn new() -> Result<Self, KeyStoreError> {
        Ok(Self { memory_kib: Self::MEMORY_KIB, passes: Self::PASSES, lanes: 1, salt: random()? })
    }

    fn encode(&self) -> Vec<u8> {
        let numbers = [self.memory_kib, self.passes, self.lanes].map(u32::to_be_bytes);
        [numbers.as_flattened(), &self.salt].concat()
    }

    fn decode(bytes: &[u8; Self::LENGTH]) -> Option<Self> {
        let (numbers, salt) = bytes.split_first_chunk::<12>()?;
        let mut numbers = numbers.as_chunks::<4>().0.iter().map(|number| u32::from_be_bytes(*number));
        let (memory_kib, passes, lanes) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let is_ours = memory_kib <= Self::MEMORY_KIB_MAX && (1..=Self::PASSES_MAX).contains(&passes) && lanes == 1;
        is_ours.then_some(Self { memory_kib, passes, lanes, salt: salt.try_into().ok()? })
    }

    fn key(&self, passphrase: &str) -> Option<Secret> {
        argon2id([self.memory_kib, self.passes, self.lanes], passphrase.as_bytes(), &self.salt)
    }
}

fn argon2id([memory_kib, passes, lanes]: [u32; 3], passphrase: &[u8], salt: &[u8]) -> Option<Secret> {
    use argon2::{Algorithm, Argon2, Block, Params, Version};
    let parameters = Params::new(memory_kib, passes, lanes, Some(32)).ok()?;
    let mut blocks = Zeroizing::new(vec![Block::new(); parameters.block_count()]);
    let mut key = Zeroizing::new([0; 32]);
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    argon.hash_password_into_with_memory(passphrase, salt, &mut *key, &mut *blocks).ok()?;
    Some(Secret::new(*key))
}

/// The keys of a file.
pub(super) struct KeySet {
    /// That was active when the file was written; the database says which is now.
    pub(super) active: u8,
    pub(super) masters: BTreeMap<u8, MasterKey>,
    pub(super) terminals: Secret,
}

/// The file's content, before it is sealed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    generation: u8,
    masters: BTreeMap<u8, Zeroizing<String>>,
    terminals: Zeroizing<String>,
}

impl KeySet {
    /// New keys: of generation 1, and of those that are made beforehand.
    pub(super) fn generate() -> Result<Self, KeyStoreError> {
        let mut keys = Self { active: 1, masters: BTreeMap::new(), terminals: random_secret()? };
        keys.make_ahead(1, |_| true)?;
        Ok(keys)
    }

    /// Makes the master keys that are missing of `active` and the next [`AHEAD`], as far as they `may_be_made`: cards are
    /// personalised with all of them. Answers whether any was.
    pub(super) fn make_ahead(&mut self, active: u8, may_be_made: impl Fn(u8) -> bool) -> Result<bool, KeyStoreError> {
        let mut any = false;
        for generation in active..=active.saturating_add(AHEAD) {
            if !self.masters.contains_key(&generation) && may_be_made(generation) {
                self.masters.insert(generation, MasterKey::new(random_secret()?));
                any = true;
            }
        }
        Ok(any)
    }

    /// For each key, a value that tells whether it is the right one and nothing about it.
    pub(super) fn check_values(&self) -> Vec<(u8, [u8; 32])> {
        let check = |secret: &Secret, generation: u8| *secret.derive(b"PASJE check", &[&[generation]]).expose();
        let masters = self.masters.iter().map(|(generation, key)| (*generation, check(key.secret(), *generation)));
        std::iter::once((0, check(&self.terminals, 0))).chain(masters).collect()
    }

    fn seal(&self, seal: &Seal) -> Result<Vec<u8>, KeyStoreError> {
        let content = Content {
            generation: self.active,
            masters: self.masters.iter().map(|(number, key)| (*number, hex(key.secret()))).collect(),
            terminals: hex(&self.terminals),
        };
        // Numbers and strings cannot fail to serialise.
        let plain = Zeroizing::new(serde_json::to_vec(&content).unwrap_or_default());
        let failed = || KeyStoreError::Seal("the sealing key".to_owned());
        let (head, key) = match seal {
            Seal::Key(key) => (MAGIC_KEY.to_vec(), key.clone()),
            Seal::Passphrase(passphrase) => {
                let stretch = Stretch::new()?;
                let key = stretch.key(passphrase).ok_or_else(failed)?;
                ([&MAGIC_PASSPHRASE[..], &stretch.encode()].concat(), key)
            }
        };
        let nonce: [u8; NONCE_LENGTH] = random()?;
        let payload = Payload { msg: &plain, aad: &head };
        let sealed = cipher(&key).encrypt(&XNonce::from(nonce), payload).map_err(|_| failed())?;
        Ok([&head[..], &nonce, &sealed].concat())
    }

    fn unseal(bytes: &[u8], seal: &Seal) -> Result<Self, NotOpened> {
        let magic = bytes.first_chunk::<MAGIC_LENGTH>().ok_or(NotOpened::Content)?;
        let (head_length, key) = match (magic, seal) {
            (MAGIC_KEY, Seal::Key(key)) => (MAGIC_LENGTH, key.clone()),
            (MAGIC_PASSPHRASE, Seal::Passphrase(passphrase)) => {
                let stretch = bytes.get(MAGIC_LENGTH..).and_then(<[u8]>::first_chunk);
                let stretch = stretch.and_then(Stretch::decode).ok_or(NotOpened::Content)?;
                (MAGIC_LENGTH + Stretch::LENGTH, stretch.key(passphrase).ok_or(NotOpened::Content)?)
            }
            (MAGIC_KEY, Seal::Passphrase(_)) | (MAGIC_PASSPHRASE, Seal::Key(_)) => return Err(NotOpened::OtherSort),
            _ => return Err(NotOpened::Content),
        };
        let (head, rest) = bytes.split_at_checked(head_length).ok_or(NotOpened::Content)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LENGTH>().ok_or(NotOpened::Content)?;
        let payload = Payload { msg: sealed, aad: head };
        let plain = cipher(&key).decrypt(&XNonce::from(*nonce), payload).map_err(|_| NotOpened::Sealed)?;
        Self::parse(&Zeroizing::new(plain)).ok_or(NotOpened::Content)
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
        Some(Self { active: content.generation, masters, terminals: parse_secret(&content.terminals)? })
    }
}

/// Generations that are made before they are needed.
pub(super) const AHEAD: u8 = 2;

#[derive(Debug, PartialEq, Eq)]
enum NotOpened {
    Sealed,
    OtherSort,
    Content,
}

/// Reads the file; none if there is none.
pub(super) fn read(places: &KeyPlaces) -> Result<Option<KeySet>, KeyStoreError> {
    let bytes = match std::fs::read(&places.file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(KeyStoreError::File { path: places.file.clone(), source }),
    };
    let (path, seal) = (places.file.clone(), places.seal.name());
    KeySet::unseal(&bytes, &places.seal.load()?).map(Some).map_err(|error| match (error, places.seal.is_passphrase()) {
        (NotOpened::Content, _) => KeyStoreError::Content(path),
        (NotOpened::Sealed, false) => KeyStoreError::Sealed { path, seal },
        (NotOpened::Sealed, true) => KeyStoreError::Passphrase { path, name: seal },
        (NotOpened::OtherSort, true) => KeyStoreError::SealedWithKey { path, name: seal },
        (NotOpened::OtherSort, false) => KeyStoreError::SealedWithPassphrase { path, seal },
    })
}

/// Makes keys where there are none. Of two that do so at once, the second uses what the first made.
pub(super) fn make(places: &KeyPlaces) -> Result<KeySet, KeyStoreError> {
    if let SealPlace::File(path) = &places.seal {
        write_new(path, hex(&random_secret()?).as_bytes())?;
    }
    write_new(&places.file, &KeySet::generate()?.seal(&places.seal.load()?)?)?;
    let advice = match places.seal {
        SealPlace::File(_) => {
            "the key that seals them is a file too: for real cards set PASJE_KEYS_SEAL or PASJE_KEYS_PASSPHRASE, or a systemd \
             credential"
        }
        _ => "keep the file and what seals it in a backup, apart",
    };
    tracing::info!(file = %places.file.display(), seal = %places.seal.name(), "made keys for cards and terminals; {advice}");
    read(places)?.ok_or_else(|| KeyStoreError::Missing(places.file.clone()))
}

/// Seals keys anew in the place of those that were there, for the same owner.
pub(super) fn replace(places: &KeyPlaces, keys: &KeySet) -> Result<(), KeyStoreError> {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let path = &places.file;
    let sealed = keys.seal(&places.seal.load()?)?;
    let failed = |source| KeyStoreError::File { path: path.clone(), source };
    let old = std::fs::metadata(path).map_err(failed)?;
    let (folder, beside) = beside(path);
    let written = write_private(&beside, &sealed).and_then(|()| {
        let new = std::fs::metadata(&beside)?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            chown(&beside, Some(old.uid()), Some(old.gid()))?;
        }
        std::fs::rename(&beside, path)?;
        std::fs::File::open(&folder)?.sync_all()
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written.map_err(failed)
}

/// Writes a file that is not there yet, whole and for its owner only; leaves one that is there.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), KeyStoreError> {
    let failed = |source| KeyStoreError::File { path: path.to_owned(), source };
    let (folder, beside) = beside(path);
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let written = write_private(&beside, bytes).and_then(|()| match std::fs::hard_link(&beside, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => std::fs::File::open(&folder)?.sync_all(),
    });
    let removed = std::fs::remove_file(&beside);
    written.and(removed).map_err(failed)
}

/// A file's folder, and a name in it that nobody has.
fn beside(path: &Path) -> (PathBuf, PathBuf) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    (folder.to_owned(), folder.join(format!(".{}.new", Uuid::new_v4())))
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
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
        let keys = KeySet::generate().unwrap();
        let (seal, other) = (Seal::Key(random_secret().unwrap()), Seal::Key(random_secret().unwrap()));
        let sealed = keys.seal(&seal).unwrap();
        assert_eq!(KeySet::unseal(&sealed, &seal).ok().unwrap().check_values(), keys.check_values());
        assert_eq!(KeySet::unseal(&sealed, &other).err(), Some(NotOpened::Sealed));
        for place in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[place] ^= 1;
            assert!(KeySet::unseal(&damaged, &seal).is_err(), "byte {place}");
        }
        let text = String::from_utf8_lossy(&sealed).into_owned();
        assert!(!text.contains(hex(keys.masters[&1].secret()).as_str()));
    }

    #[test]
    fn a_passphrase_opens_what_it_sealed_and_its_head_is_authenticated() {
        let keys = KeySet::generate().unwrap();
        let seal = |text: &str| Seal::Passphrase(Zeroizing::new(text.to_owned()));
        let sealed = keys.seal(&seal("correct horse")).unwrap();
        let opened = KeySet::unseal(&sealed, &seal("correct horse")).ok().unwrap();
        assert_eq!(opened.check_values(), keys.check_values());
        let refused = |bytes: &[u8], passphrase: &str| KeySet::unseal(bytes, &seal(passphrase)).err();
        assert_eq!(refused(&sealed, "correct horsf"), Some(NotOpened::Sealed));
        assert_eq!(KeySet::unseal(&sealed, &Seal::Key(random_secret().unwrap())).err(), Some(NotOpened::OtherSort));
        // passes, salt, nonce, content
        for place in [MAGIC_LENGTH + 7, MAGIC_LENGTH + 12, MAGIC_LENGTH + Stretch::LENGTH, sealed.len() - 1] {
            let mut damaged = sealed.clone();
            damaged[place] ^= 2;
            assert!(refused(&damaged, "correct horse").is_some(), "byte {place}");
        }
        // and one that asks for all memory there is, or for none of ours
        for place in [MAGIC_LENGTH, MAGIC_LENGTH + 4, MAGIC_LENGTH + 11] {
            let mut greedy = sealed.clone();
            greedy[place] ^= 0x7f;
            assert_eq!(refused(&greedy, "correct horse"), Some(NotOpened::Content), "byte {place}");
        }
        let stretch = Stretch::decode(sealed[MAGIC_LENGTH..].first_chunk().unwrap()).unwrap();
        assert!(stretch.memory_kib >= 64 * 1024 && stretch.passes >= 3, "{stretch:?}");
    }

    #[test]
    fn a_passphrase_is_stretched_as_argon2id_says() {
        // from the reference implementation's own tests (phc-winner-argon2, src/test.c)
        let key = argon2id([1 << 8, 2, 1], b"password", b"somesalt").unwrap();
        assert_eq!(hex(&key).as_str(), "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe");
        let stretch = Stretch { memory_kib: 64, passes: 1, lanes: 1, salt: *b"somesalt16bytes!" };
        assert_eq!(Stretch::decode(stretch.encode().first_chunk().unwrap()), Some(stretch));
    }

    #[test]
    fn what_is_missing_is_made_and_what_is_there_stays() {
        let mut keys = KeySet::generate().unwrap();
        assert_eq!(keys.masters.keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
        let before = keys.check_values();
        assert!(!keys.make_ahead(1, |_| true).unwrap());
        assert!(keys.make_ahead(2, |_| true).unwrap());
        assert_eq!(keys.check_values()[..4], before);
        assert!(!keys.make_ahead(3, |generation| generation != 5).unwrap());
        assert!(!keys.masters.contains_key(&5));
        assert!(keys.make_ahead(255, |_| true).unwrap(), "the last generation has none after it");
    }
}
