//! Organisations, their locations and the rules of their schemes: entered once, then read.

use diesel::sql_types::{BigInt, Integer, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::OrganisationId;

/// All organisations, by number.
///
/// # Errors
/// [`DbError`].
pub async fn list(mut conn: &AsyncPgConnection) -> Result<Vec<(OrganisationId, String)>, DbError> {
    let query: Statement<(Integer, Text)> = statement("SELECT id, name FROM organisation ORDER BY id");
    let rows = query.load::<(i32, String)>(&mut conn).await?;
    let number = |id: i32| u16::try_from(id).ok().and_then(OrganisationId::new);
    rows.into_iter().map(|(id, name)| Ok((number(id).ok_or_else(|| corrupt("organisation.id"))?, name))).collect()
}

/// Keeps others from adding locations to an organisation until the transaction ends; false if there is none.
///
/// # Errors
/// [`DbError`].
pub async fn lock(mut conn: &AsyncPgConnection, id: OrganisationId) -> Result<bool, DbError> {
    let query: Statement<Integer> =
        statement("SELECT o.id FROM organisation AS o, pg_advisory_xact_lock(7215208, o.id) WHERE o.id = ?")
            .bind(i32::from(id.number()));
    Ok(!query.load::<i32>(&mut conn).await?.is_empty())
}

/// Whether an organisation has a location of this name.
///
/// # Errors
/// [`DbError`].
pub async fn has_location(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    name: &str,
) -> Result<bool, DbError> {
    let query: Statement<BigInt> =
        statement("SELECT count(*) FROM location WHERE organisation = ? AND lower(name) = lower(?)")
            .bind(i32::from(organisation.number()))
            .bind(name.to_owned());
    Ok(query.get_result::<i64>(&mut conn).await? > 0)
}

/// A location with its name, and its organisation's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct LocationRow {
    pub id: Uuid,
    pub name: String,
    pub organisation: String,
}

/// All locations, by organisation and name.
///
/// # Errors
/// [`DbError`].
pub async fn locations(mut conn: &AsyncPgConnection) -> Result<Vec<LocationRow>, DbError> {
    let query: Statement<(SqlUuid, Text, Text)> = statement(
        "SELECT l.id, l.name, o.name FROM location AS l JOIN organisation AS o ON o.id = l.organisation \
         ORDER BY o.id, l.name, l.id",
    );
    let rows = query.load::<(Uuid, String, String)>(&mut conn).await?;
    Ok(rows.into_iter().map(|(id, name, organisation)| LocationRow { id, name, organisation }).collect())
}

/// # Errors
/// [`DbError`].
pub async fn insert(conn: &mut AsyncPgConnection, id: OrganisationId, name: &str) -> Result<(), DbError> {
    let query: Statement = statement("INSERT INTO organisation (id, name) VALUES (?, ?)")
        .bind(i32::from(id.number()))
        .bind(name.to_owned());
    query.execute(conn).await?;
    Ok(())
}

/// # Errors
/// [`DbError`].
pub async fn insert_location(
    conn: &mut AsyncPgConnection,
    organisation: OrganisationId,
    id: Uuid,
    name: &str,
) -> Result<(), DbError> {
    let query: Statement = statement("INSERT INTO location (id, organisation, name) VALUES (?, ?, ?)")
        .bind(id)
        .bind(i32::from(organisation.number()))
        .bind(name.to_owned());
    query.execute(conn).await?;
    Ok(())
}
