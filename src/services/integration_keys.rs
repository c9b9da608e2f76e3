//! Keys of the organisations' other systems: added, revoked, and looked up for each request that one signs.

use std::sync::Arc;

use card_protocol::Secret;
use chrono::{DateTime, Days, Utc};
use uuid::Uuid;

use super::book::BookError;
use super::key_store::{KeyStore, KeyStoreError};
use super::remembered::Remembered;
use crate::db::DbError;
use crate::db::connect::{ConnectError, Database};
use crate::db::integration_keys::{self, IntegrationKeyRow};
use crate::domain::account::OrganisationId;
use crate::domain::integration_key::Scope;

/// Who holds a key makes a new one in time: three years.
pub const DAYS_MAX: u32 = 3 * 366;

/// Why nothing happened to a key.
#[derive(Debug, thiserror::Error)]
pub enum IntegrationKeyError {
    /// No such key.
    #[error("there is no key {0}: `pasje key list` shows the keys there are")]
    Unknown(Uuid),
    /// No such organisation.
    #[error("there is no organisation {0}")]
    NoOrganisation(u16),
    /// What the office calls it.
    #[error("a key's name has 1 to 100 signs")]
    Name,
    /// It allows nothing.
    #[error("a key is for something: give a --scope, or more")]
    NoScope,
    /// It would not end.
    #[error("a key is good for 1 to {DAYS_MAX} days")]
    Days,
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

/// A key that is asked for.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct NewKey<'a> {
    pub organisation: u16,
    pub name: &'a str,
    pub scopes: &'a [Scope],
    /// How long it is good for.
    pub days: u32,
}

/// Makes a key; it is told here and nowhere else.
///
/// # Errors
/// [`IntegrationKeyError`].
pub async fn add(
    database: &Database,
    keys: &dyn KeyStore,
    new: &NewKey<'_>,
    now: DateTime<Utc>,
) -> Result<(IntegrationKeyRow, Secret), IntegrationKeyError> {
    if !(1..=100).contains(&new.name.chars().count()) || new.name.chars().any(char::is_control) {
        return Err(IntegrationKeyError::Name);
    }
    let mut scopes = new.scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(IntegrationKeyError::NoScope);
    }
    let expires_at = now.checked_add_days(Days::new(new.days.into())).filter(|_| (1..=DAYS_MAX).contains(&new.days));
    let expires_at = expires_at.ok_or(IntegrationKeyError::Days)?;
    let organisation = OrganisationId::new(new.organisation);
    let organisation = organisation.ok_or(IntegrationKeyError::NoOrganisation(new.organisation))?;
    let mut key_salt = [0; 16];
    getrandom::fill(&mut key_salt).map_err(KeyStoreError::Random)?;
    let (id, name) = (Uuid::new_v4(), new.name.to_owned());
    let row =
        IntegrationKeyRow { id, organisation, name, scopes, key_salt, added_at: now, expires_at, revoked_at: None };
    let conn = database.connection().await?;
    integration_keys::insert(&conn, &row).await.map_err(|error| match error {
        error if error.is_foreign_key() => IntegrationKeyError::NoOrganisation(new.organisation),
        error => error.into(),
    })?;
    let key = keys.integration_key(id, &row.key_salt);
    Ok((row, key))
}

/// Takes a key's right to ask.
///
/// # Errors
/// [`IntegrationKeyError`].
pub async fn revoke(database: &Database, id: Uuid, now: DateTime<Utc>) -> Result<(), IntegrationKeyError> {
    let mut conn = database.connection().await?;
    if integration_keys::revoke(&mut conn, id, now).await? { Ok(()) } else { Err(IntegrationKeyError::Unknown(id)) }
}

/// All keys, by organisation and name.
///
/// # Errors
/// [`IntegrationKeyError`].
pub async fn list(database: &Database) -> Result<Vec<IntegrationKeyRow>, IntegrationKeyError> {
    Ok(integration_keys::list(&*database.connection().await?).await?)
}

/// A key with what its requests are checked with.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct KnownKey {
    pub row: IntegrationKeyRow,
    pub key: Secret,
}

impl KnownKey {
    /// Whether it may still ask.
    pub fn is_good_at(&self, now: DateTime<Utc>) -> bool {
        self.row.revoked_at.is_none() && now < self.row.expires_at
    }
}

/// Keys by id, remembered for a moment.
pub struct IntegrationKeys {
    database: Database,
    keys: Arc<dyn KeyStore>,
    known: Remembered<KnownKey>,
}

impl IntegrationKeys {
    /// Of a database, derived from these keys.
    pub fn new(database: Database, keys: Arc<dyn KeyStore>) -> Self {
        Self { database, keys, known: Remembered::default() }
    }

    /// A key; none if there is no such.
    ///
    /// # Errors
    /// [`BookError::Unavailable`].
    pub async fn get(&self, id: Uuid) -> Result<Option<Arc<KnownKey>>, BookError> {
        let look_up = async || {
            let conn = self.database.connection().await?;
            let found = integration_keys::load(&conn, id).await?;
            Ok(found.map(|row| KnownKey { key: self.keys.integration_key(id, &row.key_salt), row }))
        };
        self.known.get(id, look_up).await
    }
}
