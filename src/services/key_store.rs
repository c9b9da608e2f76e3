//! Where the master keys are: a sealed file today, a hardware module later, behind one trait.
//!
//! The file holds the master key of each generation of cards, those of the next two generations made beforehand, and the
//! secret that terminals' keys are derived from. Which generation is active stands in the database, so that all services
//! change at once; a running service looks each second and then reads the file again. No key is ever printed: not in
//! errors, logs or `Debug`.

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use card_protocol::{MasterKey, ResponseKey, Secret, TransactionKey, keys::ScriptKey};
use chrono::NaiveDate;
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use super::book::{begin, commit, rollback};
use super::key_file::{self, KeySet};
pub use super::key_file::{KeyPlaces, SealPlace, hex};
use crate::db::DbError;
use crate::db::connect::{ConnectError, Database};
use crate::db::key_generations::KeyGeneration;
use crate::db::{key_checks, key_generations};

/// What the service asks of its keys.
pub trait KeyStore: Send + Sync + 'static {
    /// The active generation: new cards sign with it.
    fn generation(&self) -> u8;
    /// Every generation that there is a master key of, those made beforehand too.
    fn generations(&self) -> Vec<u8>;
    /// The book date from which what a generation signs is refused; none: it is not.
    fn refused_from(&self, generation: u8) -> Option<NaiveDate>;
    /// The master key of a generation; none if there is no such generation.
    fn master(&self, generation: u8) -> Option<MasterKey>;
    /// A terminal's key: what it signs its requests with.
    fn terminal_key(&self, terminal: Uuid, salt: &[u8; 16]) -> Secret;
    /// The key of another system: what it signs its requests with.
    fn integration_key(&self, id: Uuid, salt: &[u8; 16]) -> Secret;
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

    /// What a card of this generation is told to change with.
    fn script_key(&self, card: &[u8; 16], generation: u8) -> Option<ScriptKey> {
        self.master(generation).map(|master| master.script_key(card, generation))
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
    /// It could be guessed.
    #[error("{name} must hold a passphrase of at least {least} characters")]
    #[allow(missing_docs)]
    ShortPassphrase { name: String, least: usize },
    /// It does not open.
    #[error(
        "{} does not open with the key in {seal}: it was sealed with another one, or was damaged. Give the key it was \
         sealed with, or restore both from the same backup",
        path.display()
    )]
    #[allow(missing_docs)]
    Sealed { path: PathBuf, seal: String },
    /// It does not open with a passphrase.
    #[error(
        "{} does not open with the passphrase in {name}: it was sealed with another one, or was damaged. Give the \
         passphrase it was sealed with",
        path.display()
    )]
    #[allow(missing_docs)]
    Passphrase { path: PathBuf, name: String },
    /// A passphrase was given for what a key sealed.
    #[error(
        "{} was sealed with a key and not with a passphrase: set PASJE_KEYS_SEAL (or leave the key's file where it is) in \
         the place of {name}",
        path.display()
    )]
    #[allow(missing_docs)]
    SealedWithKey { path: PathBuf, name: String },
    /// A key was given for what a passphrase sealed.
    #[error(
        "{} was sealed with a passphrase and not with a key: set PASJE_KEYS_PASSPHRASE in the place of {seal}",
        path.display()
    )]
    #[allow(missing_docs)]
    SealedWithPassphrase { path: PathBuf, seal: String },
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
    /// A copy from before a rotation.
    #[error(
        "{} has no key of generation {generation}, which cards sign with: it is a copy from before `pasje keys rotate`. \
         Copy the file from where that was run", path.display()
    )]
    #[allow(missing_docs)]
    Behind { path: PathBuf, generation: u8 },
    /// All 255 were used.
    #[error("there is no generation after {0}")]
    Spent(u8),
    /// Cards would be refused that nothing is wrong with.
    #[error("generation {0} is the active one and cannot be refused: `pasje keys rotate` makes another the active one")]
    Active(u8),
    /// Nothing signs with it.
    #[error("generation {0} was never active: `pasje keys show` lists those that were")]
    NeverActive(u8),
    /// The database could not be asked.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The way to it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// No randomness.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

/// Master keys in memory.
pub struct Keys {
    held: RwLock<Held>,
    /// None: made for this process alone.
    places: Option<KeyPlaces>,
}

struct Held {
    set: KeySet,
    generations: Vec<KeyGeneration>,
}

impl Held {
    fn active(&self) -> u8 {
        self.generations.last().map_or(self.set.active, |generation| generation.generation)
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("generation", &self.generation()).finish_non_exhaustive()
    }
}

impl KeyStore for Keys {
    fn generation(&self) -> u8 {
        self.held(Held::active)
    }

    fn generations(&self) -> Vec<u8> {
        self.held(|held| held.set.masters.keys().copied().collect())
    }

    fn refused_from(&self, generation: u8) -> Option<NaiveDate> {
        let known = |held: &Held| held.generations.iter().find(|known| known.generation == generation)?.refused_from;
        self.held(known)
    }

    fn master(&self, generation: u8) -> Option<MasterKey> {
        self.held(|held| held.set.masters.get(&generation).cloned())
    }

    fn terminal_key(&self, terminal: Uuid, salt: &[u8; 16]) -> Secret {
        self.held(|held| held.set.terminals.derive(b"PASJE terminal http", &[terminal.as_bytes(), salt]))
    }

    fn integration_key(&self, id: Uuid, salt: &[u8; 16]) -> Secret {
        self.held(|held| held.set.terminals.derive(b"PASJE integration http", &[id.as_bytes(), salt]))
    }

    fn check_values(&self) -> Vec<(u8, [u8; 32])> {
        self.held(|held| held.set.check_values())
    }
}

impl Keys {
    /// New keys, generation 1 active, for this process alone.
    ///
    /// # Errors
    /// [`KeyStoreError::Random`].
    pub fn generate() -> Result<Self, KeyStoreError> {
        Ok(Self::of(KeySet::generate()?, Vec::new(), None))
    }

    fn of(set: KeySet, generations: Vec<KeyGeneration>, places: Option<KeyPlaces>) -> Self {
        Self { held: RwLock::new(Held { set, generations }), places }
    }

    fn held<T>(&self, read: impl FnOnce(&Held) -> T) -> T {
        read(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens the key store of a database, or makes it where the database has none yet. Makes the next generations that are
    /// missing, as of a file from before there were any.
    ///
    /// # Errors
    /// [`KeyStoreError`]; each says what to do.
    pub async fn open(places: &KeyPlaces, database: &Database) -> Result<Self, KeyStoreError> {
        let mut conn = database.connection().await?;
        let known = key_checks::load(&conn).await?;
        let found = off_thread(places, key_file::read).await?;
        let mut set = match found {
            Some(set) => set,
            None if !known.is_empty() => return Err(KeyStoreError::Missing(places.file.clone())),
            None => off_thread(places, key_file::make).await?,
        };
        let mut generations = key_generations::load(&conn).await?;
        let active = generations.last().map_or(set.active, |generation| generation.generation);
        check(places, &set, &known, active)?;
        remember(places, &set, &known, &mut conn).await?;
        if generations.is_empty() {
            key_generations::activate(&mut conn, active).await?;
            generations = key_generations::load(&conn).await?;
        }
        let known = key_checks::load(&conn).await?;
        let is_made = |generation: u8| known.iter().any(|(number, _)| *number == generation);
        let ahead = active..=active.saturating_add(key_file::AHEAD);
        let lacking = |generation: &u8| !set.masters.contains_key(generation);
        if ahead.clone().any(|generation| lacking(&generation) && !is_made(generation)) {
            match in_transaction(&mut conn, async |conn| make_ahead(places, conn, active).await).await {
                Ok(more) => set = more,
                // Not by who may only read the file: keys are made at the next rotation then.
                Err(error @ KeyStoreError::File { .. }) => {
                    tracing::warn!(%error, "no keys could be made beforehand: new cards get those there are");
                }
                Err(error) => return Err(error),
            }
        } else if let Some(generation) = ahead.into_iter().find(lacking) {
            tracing::warn!(
                generation, file = %places.file.display(),
                "the key file is a copy from before the last rotation: copy the newer one from where that was run"
            );
        }
        Ok(Self::of(set, generations, Some(places.clone())))
    }

    /// Looks whether another generation was activated or refused, and reads the file again where one was. Answers whether
    /// anything changed.
    ///
    /// # Errors
    /// [`KeyStoreError`]; what was held stays.
    pub async fn refresh(&self, database: &Database) -> Result<bool, KeyStoreError> {
        let conn = database.connection().await?;
        let generations = key_generations::load(&conn).await?;
        if self.held(|held| held.generations == generations) {
            return Ok(false);
        }
        let active = generations.last().map_or(0, |generation| generation.generation);
        let set = match &self.places {
            Some(places) if active != self.generation() => {
                let known = key_checks::load(&conn).await?;
                let set = off_thread(places, key_file::read).await?;
                let set = set.ok_or_else(|| KeyStoreError::Missing(places.file.clone()))?;
                check(places, &set, &known, active)?;
                Some(set)
            }
            _ => None,
        };
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.generations = generations;
        if let Some(set) = set {
            held.set = set;
        }
        Ok(true)
    }
}

/// Opening with a passphrase takes a thread for a while.
pub(super) async fn off_thread<T: Send + 'static>(
    places: &KeyPlaces,
    work: impl FnOnce(&KeyPlaces) -> Result<T, KeyStoreError> + Send + 'static,
) -> Result<T, KeyStoreError> {
    let places = places.clone();
    let file = places.file.clone();
    let done = tokio::task::spawn_blocking(move || work(&places)).await;
    done.unwrap_or_else(|error| Err(KeyStoreError::File { path: file, source: std::io::Error::other(error) }))
}

/// One transaction, the only one that makes or activates keys.
pub(super) async fn in_transaction<T>(
    conn: &mut AsyncPgConnection,
    work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, KeyStoreError>,
) -> Result<T, KeyStoreError> {
    begin(conn).await?;
    let worked = async {
        key_generations::lock(conn).await?;
        work(conn).await
    };
    match worked.await {
        Ok(done) => {
            commit(conn).await?;
            Ok(done)
        }
        Err(error) => {
            // The connection may be gone with its transaction; the pool checks before it hands it out again.
            let _ = rollback(conn).await;
            Err(error)
        }
    }
}

/// Reads the file under the lock, makes what is missing from `active` on, and seals it anew. What the database knows of and
/// the file has not is never made again: it stands in a newer copy.
pub(super) async fn make_ahead(
    places: &KeyPlaces,
    conn: &mut AsyncPgConnection,
    active: u8,
) -> Result<KeySet, KeyStoreError> {
    let known = key_checks::load(conn).await?;
    let made: Vec<u8> = known.iter().map(|(generation, _)| *generation).collect();
    let checked = known.clone();
    let set = off_thread(places, move |places| {
        let set = key_file::read(places)?;
        let mut set = set.ok_or_else(|| KeyStoreError::Missing(places.file.clone()))?;
        check(places, &set, &checked, active)?;
        if set.make_ahead(active, |generation| !made.contains(&generation))? || set.active != active {
            set.active = active;
            key_file::replace(places, &set)?;
        }
        Ok(set)
    })
    .await?;
    remember(places, &set, &known, conn).await?;
    Ok(set)
}

/// Whether these are the keys that the database knows, as far as any are needed.
fn check(places: &KeyPlaces, set: &KeySet, known: &[(u8, [u8; 32])], active: u8) -> Result<(), KeyStoreError> {
    let values = set.check_values();
    let of = |generation: u8| values.iter().find(|(number, _)| *number == generation).map(|(_, value)| value);
    if known.iter().any(|(generation, value)| of(*generation).is_some_and(|other| other != value)) {
        return Err(KeyStoreError::Other(places.file.clone()));
    }
    let mut needed = known.iter().map(|(generation, _)| *generation).filter(|generation| *generation <= active);
    match needed.find(|generation| of(*generation).is_none()) {
        Some(generation) => Err(KeyStoreError::Behind { path: places.file.clone(), generation }),
        None => Ok(()),
    }
}

/// Tells the database of keys that it does not know.
async fn remember(
    places: &KeyPlaces,
    set: &KeySet,
    known: &[(u8, [u8; 32])],
    conn: &mut AsyncPgConnection,
) -> Result<(), KeyStoreError> {
    let new: Vec<_> = set.check_values().into_iter().filter(|value| !known.contains(value)).collect();
    if new.is_empty() {
        return Ok(());
    }
    key_checks::insert(conn, &new).await?;
    // Another service may have come first, with other keys.
    let known = key_checks::load(conn).await?;
    let is_known = new.iter().all(|value| known.contains(value));
    if is_known { Ok(()) } else { Err(KeyStoreError::Other(places.file.clone())) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn keys_are_never_printed() {
        let keys = Keys::generate().unwrap();
        let secret = keys.held(|held| hex(&held.set.terminals));
        let places = [
            SealPlace::Given("PASJE_KEYS_SEAL".to_owned(), secret.clone()),
            SealPlace::Passphrase("PASJE_KEYS_PASSPHRASE".to_owned(), Zeroizing::new(secret.to_string())),
        ];
        let printed = format!("{keys:?} {:?} {places:?}", keys.master(1));
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
        assert_ne!(keys.terminal_key(one, &[1; 16]), keys.integration_key(one, &[1; 16]));
    }
}
