//! Secret addresses of agendas, and what an agenda shows.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::OptionalExtension;
use diesel::sql_types::{Array, BigInt, Timestamp, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::{OrganisationId, WalletId};

/// Writes a new address, of which only the hash is known.
///
/// # Errors
/// [`DbError`].
pub async fn insert(mut conn: &AsyncPgConnection, wallet: WalletId, hash: [u8; 32]) -> Result<(), DbError> {
    let query: Statement = statement("INSERT INTO agenda_address (secret_hash, wallet) VALUES (?, ?)")
        .bind(hash.to_vec())
        .bind(wallet.field());
    query.execute(&mut conn).await?;
    Ok(())
}

/// Withdraws all addresses of a wallet's agenda; answers how many.
///
/// # Errors
/// [`DbError`].
pub async fn withdraw(mut conn: &AsyncPgConnection, wallet: WalletId, now: DateTime<Utc>) -> Result<usize, DbError> {
    let query: Statement =
        statement("UPDATE agenda_address SET withdrawn_at = ? WHERE wallet = ? AND withdrawn_at IS NULL")
            .bind(now)
            .bind(wallet.field());
    Ok(query.execute(&mut conn).await?)
}

/// Whose agenda an address shows; none if it is unknown or withdrawn, or the wallet is closed.
///
/// # Errors
/// [`DbError`].
pub async fn find(mut conn: &AsyncPgConnection, hash: [u8; 32]) -> Result<Option<WalletId>, DbError> {
    let query: Statement<BigInt> = statement(
        "SELECT a.wallet FROM agenda_address AS a JOIN wallet AS w ON w.id = a.wallet \
         WHERE a.secret_hash = ? AND a.withdrawn_at IS NULL AND w.status = 1",
    )
    .bind(hash.to_vec());
    let wallet = query.get_result::<i64>(&mut conn).await.optional()?;
    wallet.map(|wallet| WalletId::from_field(wallet).ok_or_else(|| corrupt("agenda_address.wallet"))).transpose()
}

/// Local times of an organisation as moments, in the same order. Its time zone's rules are the database's.
///
/// # Errors
/// [`DbError`].
pub async fn moments(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    local: Vec<NaiveDateTime>,
) -> Result<Vec<DateTime<Utc>>, DbError> {
    let query: Statement<Array<Timestamptz>> = statement(
        "SELECT array(SELECT at AT TIME ZONE o.time_zone FROM unnest(?) WITH ORDINALITY AS t (at, place) ORDER BY place) \
         FROM organisation AS o WHERE o.id = ?",
    )
    .bind(local)
    .bind(i32::from(organisation.number()));
    Ok(query.get_result(&mut conn).await?)
}

/// What time it is in an organisation.
///
/// # Errors
/// [`DbError`].
pub async fn local_time(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    now: DateTime<Utc>,
) -> Result<NaiveDateTime, DbError> {
    let query: Statement<Timestamp> = statement("SELECT ? AT TIME ZONE time_zone FROM organisation WHERE id = ?")
        .bind(now)
        .bind(i32::from(organisation.number()));
    Ok(query.get_result(&mut conn).await?)
}
