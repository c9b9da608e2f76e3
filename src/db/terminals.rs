//! Terminals: where each stands, whether it may still ask, and the salt of its key.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::OptionalExtension;
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::OrganisationId;
use crate::domain::sale::Terminal;

/// A terminal as it stands.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct TerminalRow {
    pub terminal: Terminal,
    pub name: String,
    pub is_revoked: bool,
    pub key_salt: [u8; 16],
    pub added_at: DateTime<Utc>,
    /// What it said of itself; none if it never did.
    pub last_seen_at: Option<DateTime<Utc>>,
    pub journal: Journal,
    pub software: Option<String>,
}

/// What a terminal says of its journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Journal {
    pub last: i64,
    pub waiting: i64,
}

type Sql = (
    SqlUuid,
    SqlUuid,
    Integer,
    Text,
    SmallInt,
    Binary,
    Timestamptz,
    Nullable<Timestamptz>,
    BigInt,
    BigInt,
    Nullable<Text>,
);
type Row = (Uuid, Uuid, i32, String, i16, Vec<u8>, DateTime<Utc>, Option<DateTime<Utc>>, i64, i64, Option<String>);

fn read(row: Row) -> Result<TerminalRow, DbError> {
    let (id, location, organisation, name, status, salt, added_at, last_seen_at, last, waiting, software) = row;
    let organisation = u16::try_from(organisation).ok().and_then(OrganisationId::new);
    let organisation = organisation.ok_or_else(|| corrupt("location.organisation"))?;
    Ok(TerminalRow {
        terminal: Terminal { id, organisation, location },
        name,
        is_revoked: status != 1,
        key_salt: salt.try_into().map_err(|_| corrupt("terminal.key_salt"))?,
        added_at,
        last_seen_at,
        journal: Journal { last, waiting },
        software,
    })
}

/// One terminal; none if there is no such.
///
/// # Errors
/// [`DbError`].
pub async fn load(mut conn: &AsyncPgConnection, id: Uuid) -> Result<Option<TerminalRow>, DbError> {
    let query: Statement<Sql> = statement(
        "SELECT t.id, t.location, l.organisation, t.name, t.status, t.key_salt, t.added_at, \
         t.last_seen_at, t.journal_last, t.journal_waiting, t.software \
         FROM terminal AS t JOIN location AS l ON l.id = t.location WHERE t.id = ?",
    )
    .bind(id);
    query.get_result::<Row>(&mut conn).await.optional()?.map(read).transpose()
}

/// All of them with the names of their locations, by location and name.
///
/// # Errors
/// [`DbError`].
pub async fn list(mut conn: &AsyncPgConnection) -> Result<Vec<(TerminalRow, String)>, DbError> {
    let query: Statement<Sql> = statement(
        "SELECT t.id, t.location, l.organisation, t.name, t.status, t.key_salt, t.added_at, \
         t.last_seen_at, t.journal_last, t.journal_waiting, t.software \
         FROM terminal AS t JOIN location AS l ON l.id = t.location ORDER BY l.organisation, l.name, t.name, t.id",
    );
    let rows = query.load::<Row>(&mut conn).await?;
    let names: Statement<(SqlUuid, Text)> = statement("SELECT id, name FROM location");
    let names: HashMap<Uuid, String> = names.load::<(Uuid, String)>(&mut conn).await?.into_iter().collect();
    rows.into_iter()
        .map(|row| {
            let row = read(row)?;
            let name = names.get(&row.terminal.location).cloned().unwrap_or_default();
            Ok((row, name))
        })
        .collect()
}

/// Adds a terminal at a location.
///
/// # Errors
/// [`DbError`]; a foreign key violation means that there is no such location.
pub async fn insert(
    mut conn: &AsyncPgConnection,
    id: Uuid,
    location: Uuid,
    name: &str,
    key_salt: &[u8; 16],
) -> Result<(), DbError> {
    let query: Statement = statement("INSERT INTO terminal (id, location, name, key_salt) VALUES (?, ?, ?, ?)")
        .bind(id)
        .bind(location)
        .bind(name.to_owned())
        .bind(key_salt.to_vec());
    query.execute(&mut conn).await?;
    Ok(())
}

/// Takes a terminal's right to ask; answers whether there is such a terminal.
///
/// # Errors
/// [`DbError`].
pub async fn revoke(conn: &mut AsyncPgConnection, id: Uuid) -> Result<bool, DbError> {
    let query: Statement = statement(
        "UPDATE terminal SET status = 2, revoked_at_record = coalesce(revoked_at_record, \
             (SELECT max(sequence) FROM forward WHERE terminal = terminal.id), 0) WHERE id = ?",
    )
    .bind(id);
    Ok(query.execute(conn).await? == 1)
}

/// Calls a terminal otherwise; answers whether there is such a terminal.
///
/// # Errors
/// [`DbError`].
pub async fn rename(conn: &mut AsyncPgConnection, id: Uuid, name: &str) -> Result<bool, DbError> {
    let query: Statement = statement("UPDATE terminal SET name = ? WHERE id = ?").bind(name.to_owned()).bind(id);
    Ok(query.execute(conn).await? == 1)
}

/// Puts a terminal elsewhere, within its organisation; answers whether it could.
///
/// # Errors
/// [`DbError`].
pub async fn move_to(conn: &mut AsyncPgConnection, id: Uuid, location: Uuid) -> Result<bool, DbError> {
    let query: Statement = statement(
        "UPDATE terminal AS t SET location = there.id FROM location AS here, location AS there \
         WHERE t.id = ? AND here.id = t.location AND there.id = ? AND there.organisation = here.organisation",
    )
    .bind(id)
    .bind(location);
    Ok(query.execute(conn).await? == 1)
}

/// Writes down what a terminal says of itself, at most every ten seconds: who says it more often is not written.
///
/// # Errors
/// [`DbError`].
pub async fn seen(mut conn: &AsyncPgConnection, id: Uuid, journal: Journal, software: &str) -> Result<(), DbError> {
    let query: Statement = statement(
        "UPDATE terminal SET last_seen_at = now(), journal_last = ?, journal_waiting = ?, software = ? \
         WHERE id = ? AND (last_seen_at IS NULL OR last_seen_at <= now() - interval '10 seconds')",
    )
    .bind(journal.last)
    .bind(journal.waiting)
    .bind(software.to_owned())
    .bind(id);
    query.execute(&mut conn).await?;
    Ok(())
}

/// A terminal's name, its location and that one's name.
///
/// # Errors
/// [`DbError`].
pub async fn place(mut conn: &AsyncPgConnection, id: Uuid) -> Result<(String, Uuid, String), DbError> {
    let query: Statement<(Text, SqlUuid, Text)> = statement(
        "SELECT t.name, l.id, l.name FROM terminal AS t JOIN location AS l ON l.id = t.location WHERE t.id = ?",
    )
    .bind(id);
    Ok(query.get_result(&mut conn).await?)
}
