//! Keys of the organisations' other systems: whose each is, what it allows, and the salt that it is derived with.

use chrono::{DateTime, Utc};
use diesel::OptionalExtension;
use diesel::sql_types::{Array, Binary, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::OrganisationId;
use crate::domain::integration_key::Scope;

/// A key as it stands.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct IntegrationKeyRow {
    pub id: Uuid,
    pub organisation: OrganisationId,
    /// What the office calls it.
    pub name: String,
    pub scopes: Vec<Scope>,
    pub key_salt: [u8; 16],
    pub added_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
}

type Sql = (SqlUuid, Integer, Text, Array<Text>, Binary, Timestamptz, Timestamptz, Nullable<Timestamptz>);
type Row = (Uuid, i32, String, Vec<String>, Vec<u8>, DateTime<Utc>, DateTime<Utc>, Option<DateTime<Utc>>);

fn read(row: Row) -> Result<IntegrationKeyRow, DbError> {
    let (id, organisation, name, scopes, salt, added_at, expires_at, revoked_at) = row;
    let organisation = u16::try_from(organisation).ok().and_then(OrganisationId::new);
    Ok(IntegrationKeyRow {
        id,
        organisation: organisation.ok_or_else(|| corrupt("integration_key.organisation"))?,
        name,
        // A scope of a newer program allows nothing here.
        scopes: scopes.iter().filter_map(|name| Scope::from_name(name)).collect(),
        key_salt: salt.try_into().map_err(|_| corrupt("integration_key.key_salt"))?,
        added_at,
        expires_at,
        revoked_at,
    })
}

/// One key; none if there is no such.
///
/// # Errors
/// [`DbError`].
pub async fn load(mut conn: &AsyncPgConnection, id: Uuid) -> Result<Option<IntegrationKeyRow>, DbError> {
    let query: Statement<Sql> = statement(
        "SELECT id, organisation, name, scopes, key_salt, added_at, expires_at, revoked_at FROM integration_key \
         WHERE id = ?",
    )
    .bind(id);
    query.get_result::<Row>(&mut conn).await.optional()?.map(read).transpose()
}

/// All keys, by organisation and name.
///
/// # Errors
/// [`DbError`].
pub async fn list(mut conn: &AsyncPgConnection) -> Result<Vec<IntegrationKeyRow>, DbError> {
    let query: Statement<Sql> = statement(
        "SELECT id, organisation, name, scopes, key_salt, added_at, expires_at, revoked_at FROM integration_key \
         ORDER BY organisation, name, id",
    );
    query.load::<Row>(&mut conn).await?.into_iter().map(read).collect()
}

/// Adds a key.
///
/// # Errors
/// [`DbError`]; a foreign key violation means that there is no such organisation.
pub async fn insert(mut conn: &AsyncPgConnection, key: &IntegrationKeyRow) -> Result<(), DbError> {
    let query: Statement = statement(
        "INSERT INTO integration_key (id, organisation, name, scopes, key_salt, added_at, expires_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(key.id)
    .bind(i32::from(key.organisation.number()))
    .bind(key.name.clone())
    .bind(key.scopes.iter().map(|scope| scope.name().to_owned()).collect::<Vec<_>>())
    .bind(key.key_salt.to_vec())
    .bind(key.added_at)
    .bind(key.expires_at);
    query.execute(&mut conn).await?;
    Ok(())
}

/// Takes a key's right to ask; answers whether there is such a key. Of one that was revoked before the time stays.
///
/// # Errors
/// [`DbError`].
pub async fn revoke(conn: &mut AsyncPgConnection, id: Uuid, now: DateTime<Utc>) -> Result<bool, DbError> {
    let query: Statement =
        statement("UPDATE integration_key SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?").bind(now).bind(id);
    Ok(query.execute(conn).await? == 1)
}
