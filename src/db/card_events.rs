//! What happened to cards, numbered in the order of their commits: the hotlist.

use diesel::sql_types::{BigInt, SmallInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::OrganisationId;
use crate::domain::card::CardEvent;

/// Taken until COMMIT by who writes events, so that their numbers are committed in order.
const EVENT_LOCK: i64 = 7_215_204;

/// Makes this transaction the only one that changes what cards are. Taken before any row of a card is written.
///
/// # Errors
/// [`DbError`].
pub async fn lock(conn: &mut AsyncPgConnection) -> Result<(), DbError> {
    let query: Statement = statement("SELECT pg_advisory_xact_lock(?)").bind(EVENT_LOCK);
    query.execute(conn).await?;
    Ok(())
}

/// Writes an event, under [`lock`].
///
/// # Errors
/// [`DbError`].
pub async fn insert(
    conn: &mut AsyncPgConnection,
    card: Uuid,
    organisation: OrganisationId,
    event: CardEvent,
) -> Result<(), DbError> {
    let query: Statement = statement("INSERT INTO card_event (card, organisation, event) VALUES (?, ?, ?)")
        .bind(card)
        .bind(i32::from(organisation.number()))
        .bind(i16::from(event.code()));
    query.execute(conn).await?;
    Ok(())
}

/// The last event of each of an organisation's cards that something happened to after `since`, and the newest version.
///
/// # Errors
/// [`DbError`].
pub async fn since(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    since: i64,
) -> Result<(i64, Vec<(Uuid, CardEvent)>), DbError> {
    let query: Statement<(SqlUuid, SmallInt, BigInt)> = statement(
        "SELECT DISTINCT ON (card) card, event, version FROM card_event WHERE organisation = ? AND version > ? \
         ORDER BY card, version DESC",
    )
    .bind(i32::from(organisation.number()))
    .bind(since);
    let mut newest = since;
    let mut last = Vec::new();
    for (card, event, version) in query.load::<(Uuid, i16, i64)>(&mut conn).await? {
        newest = newest.max(version);
        last.push((card, CardEvent::from_code(event.into()).ok_or_else(|| corrupt("card_event.event"))?));
    }
    Ok((newest, last))
}

/// The newest version of an organisation's events; 0 if there are none.
///
/// # Errors
/// [`DbError`].
pub async fn newest(mut conn: &AsyncPgConnection, organisation: OrganisationId) -> Result<i64, DbError> {
    let query: Statement<BigInt> = statement("SELECT coalesce(max(version), 0) FROM card_event WHERE organisation = ?")
        .bind(i32::from(organisation.number()));
    Ok(query.get_result::<i64>(&mut conn).await?)
}
