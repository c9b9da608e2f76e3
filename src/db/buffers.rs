//! The shared buffer and the approved draws on it. Its row is locked after the wallets.

use chrono::NaiveDate;
use diesel::OptionalExtension;
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::draw::Draw;
use crate::domain::money::{Amount, Unit};
use crate::domain::operation::OperationId;

/// The wallets among these that have a draw open around `today`, in whatever time zone: their unplanned care may come
/// from the shared buffer.
///
/// # Errors
/// [`DbError`].
pub async fn wallets_with_draws(
    mut conn: &AsyncPgConnection,
    wallets: &[WalletId],
    today: NaiveDate,
) -> Result<Vec<WalletId>, DbError> {
    let query: Statement<BigInt> = statement(
        "SELECT DISTINCT wallet FROM buffer_draw WHERE wallet = ANY(?) AND used < amount \
         AND ? BETWEEN from_date - 1 AND until_date + 1",
    )
    .bind(wallets.iter().map(|wallet| wallet.field()).collect::<Vec<_>>())
    .bind(today);
    let fields = query.load::<i64>(&mut conn).await?;
    fields.into_iter().map(|field| WalletId::from_field(field).ok_or_else(|| corrupt("buffer_draw.wallet"))).collect()
}

/// A wallet's draws that are open on `day`, the oldest first.
///
/// # Errors
/// [`DbError`].
pub async fn open_draws(
    mut conn: &AsyncPgConnection,
    wallet: WalletId,
    unit: Unit,
    day: NaiveDate,
) -> Result<Vec<Draw>, DbError> {
    let query: Statement<(SqlUuid, BigInt, BigInt)> = statement(
        "SELECT id, amount, used FROM buffer_draw \
         WHERE wallet = ? AND used < amount AND ? BETWEEN from_date AND until_date ORDER BY from_date, id",
    )
    .bind(wallet.field())
    .bind(day);
    query
        .load::<(Uuid, i64, i64)>(&mut conn)
        .await?
        .into_iter()
        .map(|(id, amount, used)| {
            let minor = |minor| Amount::new(minor, unit).map_err(|_| corrupt("buffer_draw"));
            let id = OperationId::new(id).map_err(|_| corrupt("buffer_draw.id"))?;
            Ok(Draw { id, amount: minor(amount)?, used: minor(used)? })
        })
        .collect()
}

/// Locks an organisation's buffer and answers what is in it; nothing if it has none yet.
///
/// # Errors
/// [`DbError`].
pub async fn lock(mut conn: &AsyncPgConnection, organisation: OrganisationId, unit: Unit) -> Result<Amount, DbError> {
    let query: Statement<BigInt> =
        statement("SELECT balance FROM shared_buffer WHERE organisation = ? AND unit = ? FOR UPDATE")
            .bind(i32::from(organisation.number()))
            .bind(i16::from(unit.code()));
    let balance = query.get_result::<i64>(&mut conn).await.optional()?.unwrap_or(0);
    Amount::new(balance, unit).map_err(|_| corrupt("shared_buffer.balance"))
}

/// What is in an organisation's buffer, without its lock: for who only looks what would be.
///
/// # Errors
/// [`DbError`].
pub async fn look(mut conn: &AsyncPgConnection, organisation: OrganisationId, unit: Unit) -> Result<Amount, DbError> {
    let query: Statement<BigInt> = statement("SELECT balance FROM shared_buffer WHERE organisation = ? AND unit = ?")
        .bind(i32::from(organisation.number()))
        .bind(i16::from(unit.code()));
    let balance = query.get_result::<i64>(&mut conn).await.optional()?.unwrap_or(0);
    Amount::new(balance, unit).map_err(|_| corrupt("shared_buffer.balance"))
}

/// Puts in (above 0) or takes out (below 0).
///
/// # Errors
/// [`DbError`]; a check violation when less than nothing would be left.
pub async fn change(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    unit: Unit,
    change: i64,
) -> Result<(), DbError> {
    // Not an upsert: its INSERT half would carry a negative balance and break the CHECK before the conflict is seen.
    let insert: Statement = statement(
        "INSERT INTO shared_buffer (organisation, unit) VALUES (?, ?) ON CONFLICT (organisation, unit) DO NOTHING",
    )
    .bind(i32::from(organisation.number()))
    .bind(i16::from(unit.code()));
    insert.execute(&mut conn).await?;
    let update: Statement =
        statement("UPDATE shared_buffer SET balance = balance + ? WHERE organisation = ? AND unit = ?")
            .bind(change)
            .bind(i32::from(organisation.number()))
            .bind(i16::from(unit.code()));
    update.execute(&mut conn).await?;
    Ok(())
}

/// Writes how much of draws is used up.
///
/// # Errors
/// [`DbError`].
pub async fn update_draws(mut conn: &AsyncPgConnection, draws: &[Draw]) -> Result<(), DbError> {
    let query: Statement =
        statement("UPDATE buffer_draw AS d SET used = u.used FROM unnest(?, ?) AS u (id, used) WHERE d.id = u.id")
            .bind(draws.iter().map(|draw| draw.id.uuid()).collect::<Vec<_>>())
            .bind(draws.iter().map(|draw| draw.used.minor()).collect::<Vec<_>>());
    let updated = query.execute(&mut conn).await?;
    if updated == draws.len() { Ok(()) } else { Err(corrupt("buffer_draw: a row was not there to update")) }
}

/// Writes a newly approved draw.
///
/// # Errors
/// [`DbError`].
pub async fn insert_draw(
    mut conn: &AsyncPgConnection,
    id: OperationId,
    wallet: WalletId,
    amount: Amount,
    from: NaiveDate,
    until: NaiveDate,
) -> Result<(), DbError> {
    let query: Statement =
        statement("INSERT INTO buffer_draw (id, wallet, amount, from_date, until_date) VALUES (?, ?, ?, ?, ?)")
            .bind(id.uuid())
            .bind(wallet.field())
            .bind(amount.minor())
            .bind(from)
            .bind(until);
    query.execute(&mut conn).await?;
    Ok(())
}
