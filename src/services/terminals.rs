//! Terminals: added, revoked, and looked up for each request that one signs.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use card_protocol::Secret;
use uuid::Uuid;

use super::book::BookError;
use super::key_store::{KeyStore, KeyStoreError};
use crate::db::connect::{ConnectError, Database};
use crate::db::terminals::TerminalRow;
use crate::db::{DbError, terminals};
use crate::domain::sale::Terminal;

/// How long a terminal is remembered: one that is revoked is refused this much later at the latest.
const FRESH: Duration = Duration::from_secs(2);

/// More than all terminals of a large organisation.
const TERMINALS_MAX: usize = 100_000;

/// Why nothing happened to a terminal.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    /// No such terminal.
    #[error("there is no terminal {0}: `pasje terminal list` shows the terminals there are")]
    Unknown(Uuid),
    /// No such location.
    #[error("there is no location {0}")]
    NoLocation(Uuid),
    /// No randomness.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The way to it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// A terminal that was just added, with its key.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Added {
    pub id: Uuid,
    pub location: Uuid,
    pub key: Secret,
}

/// Adds a terminal at a location and makes its key.
///
/// # Errors
/// [`TerminalError`].
pub async fn add(database: &Database, keys: &dyn KeyStore, location: Uuid, name: &str) -> Result<Added, TerminalError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(KeyStoreError::Random)?;
    let id = Uuid::new_v4();
    let mut conn = database.connection().await?;
    terminals::insert(&mut conn, id, location, name, &salt).await.map_err(|error| match error {
        error if error.is_foreign_key() => TerminalError::NoLocation(location),
        error => error.into(),
    })?;
    Ok(Added { id, location, key: keys.terminal_key(id, &salt) })
}

/// Takes a terminal's right to ask.
///
/// # Errors
/// [`TerminalError`].
pub async fn revoke(database: &Database, id: Uuid) -> Result<(), TerminalError> {
    let mut conn = database.connection().await?;
    if terminals::revoke(&mut conn, id).await? { Ok(()) } else { Err(TerminalError::Unknown(id)) }
}

/// A terminal with the key that its requests are checked with.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct KnownTerminal {
    pub terminal: Terminal,
    pub is_revoked: bool,
    pub key: Secret,
}

/// A terminal, or that there is none, and since when.
type Remembered = (Option<Arc<KnownTerminal>>, Instant);

/// Terminals by id, remembered for a moment.
pub struct Terminals {
    database: Database,
    keys: Arc<dyn KeyStore>,
    known: RwLock<HashMap<Uuid, Remembered>>,
}

impl Terminals {
    /// Of a database, with these keys.
    pub fn new(database: Database, keys: Arc<dyn KeyStore>) -> Self {
        Self { database, keys, known: RwLock::default() }
    }

    /// A terminal; none if there is no such, which is remembered for as long, so that who asks as nobody costs no more.
    ///
    /// # Errors
    /// [`BookError::Unavailable`].
    pub async fn get(&self, id: Uuid) -> Result<Option<Arc<KnownTerminal>>, BookError> {
        if let Some((terminal, read_at)) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&id)
            && read_at.elapsed() < FRESH
        {
            return Ok(terminal.clone());
        }
        // Boxed, as a query's future is large and every request's would have room for it.
        Box::pin(self.look_up(id)).await
    }

    async fn look_up(&self, id: Uuid) -> Result<Option<Arc<KnownTerminal>>, BookError> {
        let conn = self.database.connection().await?;
        let terminal = terminals::load(&conn, id).await?.map(|row| {
            let TerminalRow { terminal, is_revoked, key_salt, .. } = row;
            Arc::new(KnownTerminal { terminal, is_revoked, key: self.keys.terminal_key(id, &key_salt) })
        });
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= TERMINALS_MAX {
            known.clear();
        }
        known.insert(id, (terminal.clone(), Instant::now()));
        Ok(terminal)
    }
}
