//! Terminals: added, moved, renamed, revoked; what they say of themselves; and looked up for each request that one signs.

use std::sync::Arc;

use card_protocol::Secret;
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use super::book::BookError;
use super::key_store::{KeyStore, KeyStoreError};
use super::remembered::Remembered;
use crate::db::connect::{ConnectError, Database};
use crate::db::organisations::LocationRow;
use crate::db::terminals::{Journal, TerminalRow};
use crate::db::{DbError, forwards, organisations, terminals};
use crate::domain::sale::Terminal;

/// Why nothing happened to a terminal.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    /// No such terminal.
    #[error("there is no terminal {0}: `pasje terminal list` shows the terminals there are")]
    Unknown(Uuid),
    /// No such location.
    #[error("there is no location {0}: give its id or its name")]
    NoLocation(String),
    /// More than one.
    #[error("more than one location is called {name}: give the id of one of {ids:?}")]
    #[allow(missing_docs)]
    SameName { name: String, ids: Vec<Uuid> },
    /// It would be able to tell one organisation's cards from another's.
    #[error("the terminal {0} is of another organisation than that location: enrol it there instead")]
    OtherOrganisation(Uuid),
    /// What staff call it.
    #[error("a terminal's name has 1 to 100 signs")]
    Name,
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
    let conn = database.connection().await?;
    add_on(&conn, keys, location, name).await
}

/// The same in somebody's transaction.
pub(super) async fn add_on(
    conn: &AsyncPgConnection,
    keys: &dyn KeyStore,
    location: Uuid,
    name: &str,
) -> Result<Added, TerminalError> {
    check_name(name)?;
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(KeyStoreError::Random)?;
    let id = Uuid::new_v4();
    terminals::insert(conn, id, location, name, &salt).await.map_err(|error| match error {
        error if error.is_foreign_key() => TerminalError::NoLocation(location.to_string()),
        error => error.into(),
    })?;
    Ok(Added { id, location, key: keys.terminal_key(id, &salt) })
}

fn check_name(name: &str) -> Result<(), TerminalError> {
    if (1..=100).contains(&name.chars().count()) { Ok(()) } else { Err(TerminalError::Name) }
}

/// A location by its id or its name, whatever the name's capitals.
///
/// # Errors
/// [`TerminalError`].
pub async fn find_location(conn: &AsyncPgConnection, said: &str) -> Result<LocationRow, TerminalError> {
    let locations = organisations::locations(conn).await?;
    let id = Uuid::try_parse(said).ok();
    let is_meant = |row: &LocationRow| id == Some(row.id) || row.name.to_lowercase() == said.trim().to_lowercase();
    let mut meant: Vec<LocationRow> = locations.into_iter().filter(is_meant).collect();
    match (meant.pop(), meant.is_empty()) {
        (None, _) => Err(TerminalError::NoLocation(said.to_owned())),
        (Some(found), true) => Ok(found),
        (Some(found), false) => {
            let ids = meant.iter().map(|row| row.id).chain([found.id]).collect();
            Err(TerminalError::SameName { name: said.to_owned(), ids })
        }
    }
}

/// Puts a terminal at another location of its organisation. It hears of it with its next heartbeat.
///
/// # Errors
/// [`TerminalError`].
pub async fn move_to(database: &Database, id: Uuid, location: &str) -> Result<LocationRow, TerminalError> {
    let mut conn = database.connection().await?;
    let location = find_location(&conn, location).await?;
    if terminals::move_to(&mut conn, id, location.id).await? {
        return Ok(location);
    }
    match terminals::load(&conn, id).await? {
        None => Err(TerminalError::Unknown(id)),
        Some(_) => Err(TerminalError::OtherOrganisation(id)),
    }
}

/// Calls a terminal otherwise. It hears of it with its next heartbeat.
///
/// # Errors
/// [`TerminalError`].
pub async fn rename(database: &Database, id: Uuid, name: &str) -> Result<(), TerminalError> {
    check_name(name)?;
    let mut conn = database.connection().await?;
    if terminals::rename(&mut conn, id, name).await? { Ok(()) } else { Err(TerminalError::Unknown(id)) }
}

/// What a terminal hears in answer to its heartbeat.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Heard {
    pub name: String,
    pub location: Uuid,
    pub location_name: String,
    /// Up to which record of its journal the service has them.
    pub stored_to: u64,
}

/// Writes down what a terminal says of itself, and tells it where it stands.
///
/// # Errors
/// [`TerminalError`].
pub async fn hear(database: &Database, id: Uuid, journal: Journal, software: &str) -> Result<Heard, TerminalError> {
    let conn = database.connection().await?;
    terminals::seen(&conn, id, journal, software).await?;
    let (name, location, location_name) = terminals::place(&conn, id).await?;
    let stored_to = forwards::last(&conn, id).await?.map_or(0, |(sequence, _)| sequence.unsigned_abs());
    Ok(Heard { name, location, location_name, stored_to })
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

/// Terminals by id, remembered for a moment.
pub struct Terminals {
    database: Database,
    keys: Arc<dyn KeyStore>,
    known: Remembered<KnownTerminal>,
}

impl Terminals {
    /// Of a database, with these keys.
    pub fn new(database: Database, keys: Arc<dyn KeyStore>) -> Self {
        Self { database, keys, known: Remembered::default() }
    }

    /// A terminal; none if there is no such.
    ///
    /// # Errors
    /// [`BookError::Unavailable`].
    pub async fn get(&self, id: Uuid) -> Result<Option<Arc<KnownTerminal>>, BookError> {
        let look_up = async || {
            let conn = self.database.connection().await?;
            let found = terminals::load(&conn, id).await?;
            Ok(found.map(|TerminalRow { terminal, is_revoked, key_salt, .. }| KnownTerminal {
                terminal,
                is_revoked,
                key: self.keys.terminal_key(id, &key_salt),
            }))
        };
        self.known.get(id, look_up).await
    }
}
