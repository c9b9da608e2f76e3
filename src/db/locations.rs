//! Locations, and what may be sold at each without the service.

use diesel::OptionalExtension;
use diesel::sql_types::{BigInt, Integer, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::OrganisationId;
use crate::domain::card::OfflineLimits;

/// A location as the office sees one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct LocationRow {
    pub id: Uuid,
    pub organisation: OrganisationId,
    pub name: String,
    pub offline: OfflineLimits,
}

type Sql = (SqlUuid, Integer, Text, (BigInt, BigInt, SmallInt, BigInt, Integer, Integer));
type Row = (Uuid, i32, String, (i64, i64, i16, i64, i32, i32));

fn read(row: Row) -> Result<LocationRow, DbError> {
    let (id, organisation, name, (tap, card, taps, terminal, records, hours)) = row;
    let cents = |stored: i64| u32::try_from(stored).map_err(|_| corrupt("location.offline"));
    let count = |stored: i32| u32::try_from(stored).map_err(|_| corrupt("location.offline"));
    Ok(LocationRow {
        id,
        organisation: u16::try_from(organisation)
            .ok()
            .and_then(OrganisationId::new)
            .ok_or_else(|| corrupt("location.organisation"))?,
        name,
        offline: OfflineLimits {
            tap_cents: cents(tap)?,
            card_total_cents: cents(card)?,
            card_taps: u8::try_from(taps).map_err(|_| corrupt("location.offline"))?,
            terminal_total_cents: cents(terminal)?,
            terminal_records: count(records)?,
            hours: count(hours)?,
        },
    })
}

/// All locations, by organisation and name.
///
/// # Errors
/// [`DbError`].
pub async fn list(mut conn: &AsyncPgConnection) -> Result<Vec<LocationRow>, DbError> {
    let query: Statement<Sql> = statement(
        "SELECT id, organisation, name, offline_tap_cents, offline_card_cents, offline_card_taps, offline_terminal_cents, \
         offline_terminal_records, offline_hours FROM location ORDER BY organisation, name, id",
    );
    query.load::<Row>(&mut conn).await?.into_iter().map(read).collect()
}

/// One location; none if there is no such.
///
/// # Errors
/// [`DbError`].
pub async fn find(mut conn: &AsyncPgConnection, id: Uuid) -> Result<Option<LocationRow>, DbError> {
    let query: Statement<Sql> = statement(
        "SELECT id, organisation, name, offline_tap_cents, offline_card_cents, offline_card_taps, offline_terminal_cents, \
         offline_terminal_records, offline_hours FROM location WHERE id = ?",
    )
    .bind(id);
    query.get_result::<Row>(&mut conn).await.optional()?.map(read).transpose()
}

/// Writes what may be sold offline at a location.
///
/// # Errors
/// [`DbError`].
pub async fn set_offline(conn: &mut AsyncPgConnection, id: Uuid, limits: &OfflineLimits) -> Result<(), DbError> {
    let count = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let query: Statement = statement(
        "UPDATE location SET offline_tap_cents = ?, offline_card_cents = ?, offline_card_taps = ?, \
         offline_terminal_cents = ?, offline_terminal_records = ?, offline_hours = ? WHERE id = ?",
    )
    .bind(i64::from(limits.tap_cents))
    .bind(i64::from(limits.card_total_cents))
    .bind(i16::from(limits.card_taps))
    .bind(i64::from(limits.terminal_total_cents))
    .bind(count(limits.terminal_records))
    .bind(count(limits.hours))
    .bind(id);
    query.execute(conn).await?;
    Ok(())
}
