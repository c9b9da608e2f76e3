//! What a location sells, by name, and its current prices.

use chrono::{DateTime, Utc};
use diesel::OptionalExtension;
use diesel::sql_types::{Integer, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::money::Unit;

/// A service's name on a tile.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ServiceRow {
    pub id: Uuid,
    pub name: String,
    pub name_en: String,
    pub category: String,
}

/// The names of an organisation and one of its locations.
///
/// # Errors
/// [`DbError`].
pub async fn names(mut conn: &AsyncPgConnection, location: Uuid) -> Result<Option<(String, String)>, DbError> {
    let query: Statement<(Text, Text)> = statement(
        "SELECT o.name, l.name FROM location AS l JOIN organisation AS o ON o.id = l.organisation WHERE l.id = ?",
    )
    .bind(location);
    Ok(query.get_result::<(String, String)>(&mut conn).await.optional()?)
}

/// What the schemes of a location's organisation count in, each once. All versions of a scheme count in one unit.
///
/// # Errors
/// [`DbError`].
pub async fn units(mut conn: &AsyncPgConnection, location: Uuid) -> Result<Vec<Unit>, DbError> {
    let query: Statement<SmallInt> = statement(
        "SELECT DISTINCT s.unit FROM scheme AS s JOIN location AS l ON l.organisation = s.organisation WHERE l.id = ? ORDER BY 1",
    )
    .bind(location);
    let units = query.load::<i16>(&mut conn).await?.into_iter();
    units.map(|unit| Unit::from_code(unit.into()).ok_or_else(|| corrupt("scheme.unit"))).collect()
}

/// The version that a location sells from, and since when; none if it has no prices yet.
///
/// # Errors
/// [`DbError`].
pub async fn current_version(
    mut conn: &AsyncPgConnection,
    location: Uuid,
) -> Result<Option<(u32, DateTime<Utc>)>, DbError> {
    let query: Statement<(Integer, Timestamptz)> = statement(
        "SELECT version, valid_from FROM price_list WHERE location = ? AND valid_from <= now() \
         AND (superseded_at IS NULL OR superseded_at > now()) ORDER BY version DESC LIMIT 1",
    )
    .bind(location);
    let found = query.get_result::<(i32, DateTime<Utc>)>(&mut conn).await.optional()?;
    let read = |(version, from)| Ok((u32::try_from(version).map_err(|_| corrupt("price_list.version"))?, from));
    found.map(read).transpose()
}

/// The services with a price in the location's current version, in the order of a menu.
///
/// # Errors
/// [`DbError`].
pub async fn services(mut conn: &AsyncPgConnection, location: Uuid) -> Result<Vec<ServiceRow>, DbError> {
    let query: Statement<(SqlUuid, Text, Text, Text)> = statement(
        "SELECT s.id, s.name, s.name_en, s.category FROM service AS s WHERE s.id IN (SELECT p.service FROM price AS p \
         JOIN price_list AS l ON l.id = p.price_list WHERE l.location = ? AND l.valid_from <= now() \
         AND (l.superseded_at IS NULL OR l.superseded_at > now())) ORDER BY s.category, s.name, s.id",
    )
    .bind(location);
    let rows = query.load::<(Uuid, String, String, String)>(&mut conn).await?;
    Ok(rows.into_iter().map(|(id, name, name_en, category)| ServiceRow { id, name, name_en, category }).collect())
}

/// A service's name.
///
/// # Errors
/// [`DbError`].
pub async fn service_name(mut conn: &AsyncPgConnection, service: Uuid) -> Result<Option<String>, DbError> {
    let query: Statement<Text> = statement("SELECT name FROM service WHERE id = ?").bind(service);
    Ok(query.get_result::<String>(&mut conn).await.optional()?)
}
