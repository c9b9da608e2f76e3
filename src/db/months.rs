//! Which wallets a month's jobs have before them, in wallet order; the days that the daily job has been through.

use chrono::NaiveDate;
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::{OrganisationId, WalletId};

fn read(fields: Vec<i64>) -> Result<Vec<WalletId>, DbError> {
    fields.into_iter().map(|field| WalletId::from_field(field).ok_or_else(|| corrupt("wallet.id"))).collect()
}

/// The first number of an organisation's wallets, and that of the next organisation's.
fn bounds(organisation: OrganisationId) -> (i64, i64) {
    (organisation.own_wallet(), organisation.own_wallet() + (1 << 32))
}

/// The next open wallets, after this one, whose month was not opened yet and that are in no other month.
///
/// # Errors
/// [`DbError`].
pub async fn to_open(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    month: NaiveDate,
    after: i64,
    limit: i64,
) -> Result<Vec<WalletId>, DbError> {
    let (first, end) = bounds(organisation);
    let query: Statement<BigInt> = statement(
        "SELECT id FROM wallet AS w WHERE id > ? AND id < ? AND status = 1 AND (month IS NULL OR month = ?) \
         AND NOT EXISTS (SELECT FROM month_phase AS p WHERE p.wallet = w.id AND p.month = ? AND p.phase = 2) \
         ORDER BY id LIMIT ?",
    )
    .bind(after.max(first))
    .bind(end)
    .bind(month)
    .bind(month)
    .bind(limit);
    read(query.load::<i64>(&mut conn).await?)
}

/// The next open wallets, after this one, that are in this month.
///
/// # Errors
/// [`DbError`].
pub async fn in_month(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    month: NaiveDate,
    after: i64,
    limit: i64,
) -> Result<Vec<WalletId>, DbError> {
    let (first, end) = bounds(organisation);
    let query: Statement<BigInt> =
        statement("SELECT id FROM wallet WHERE id > ? AND id < ? AND status = 1 AND month = ? ORDER BY id LIMIT ?")
            .bind(after.max(first))
            .bind(end)
            .bind(month)
            .bind(limit);
    read(query.load::<i64>(&mut conn).await?)
}

/// The next wallets, after this one, that were granted this month, whatever month they are in now.
///
/// # Errors
/// [`DbError`].
pub async fn granted(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    month: NaiveDate,
    after: i64,
    limit: i64,
) -> Result<Vec<WalletId>, DbError> {
    let (first, end) = bounds(organisation);
    let query: Statement<BigInt> = statement(
        "SELECT wallet FROM month_grant WHERE wallet > ? AND wallet < ? AND month = ? AND revision = 0 \
         ORDER BY wallet LIMIT ?",
    )
    .bind(after.max(first))
    .bind(end)
    .bind(month)
    .bind(limit);
    read(query.load::<i64>(&mut conn).await?)
}

/// How many open wallets an organisation has: what a progress bar counts to.
///
/// # Errors
/// [`DbError`].
pub async fn open_wallets(mut conn: &AsyncPgConnection, organisation: OrganisationId) -> Result<i64, DbError> {
    let (first, end) = bounds(organisation);
    let query: Statement<BigInt> =
        statement("SELECT count(*) FROM wallet WHERE id > ? AND id < ? AND status = 1").bind(first).bind(end);
    Ok(query.get_result(&mut conn).await?)
}

/// All organisations.
///
/// # Errors
/// [`DbError`].
pub async fn organisations(mut conn: &AsyncPgConnection) -> Result<Vec<OrganisationId>, DbError> {
    let query: Statement<Integer> = statement("SELECT id FROM organisation ORDER BY id");
    let ids = query.load::<i32>(&mut conn).await?;
    let read = |id| u16::try_from(id).ok().and_then(OrganisationId::new).ok_or_else(|| corrupt("organisation.id"));
    ids.into_iter().map(read).collect()
}

/// Writes that the daily job has been through a day.
///
/// # Errors
/// [`DbError`].
pub async fn captured(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    day: NaiveDate,
) -> Result<(), DbError> {
    let query: Statement =
        statement("INSERT INTO captured_day (organisation, day) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(i32::from(organisation.number()))
            .bind(day);
    query.execute(&mut conn).await?;
    Ok(())
}

/// Writes that what is done once after a day was done after this one.
///
/// # Errors
/// [`DbError`].
pub async fn kept(mut conn: &AsyncPgConnection, organisation: OrganisationId, day: NaiveDate) -> Result<(), DbError> {
    let query: Statement = statement(
        "INSERT INTO captured_day (organisation, day, is_kept) VALUES (?, ?, true) \
         ON CONFLICT (organisation, day) DO UPDATE SET is_kept = true",
    )
    .bind(i32::from(organisation.number()))
    .bind(day);
    query.execute(&mut conn).await?;
    Ok(())
}

/// Whether it was.
///
/// # Errors
/// [`DbError`].
pub async fn is_kept(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    day: NaiveDate,
) -> Result<bool, DbError> {
    let query: Statement<Bool> =
        statement("SELECT EXISTS (SELECT FROM captured_day WHERE organisation = ? AND day = ? AND is_kept)")
            .bind(i32::from(organisation.number()))
            .bind(day);
    Ok(query.get_result(&mut conn).await?)
}

/// The last day that the daily job has been through.
///
/// # Errors
/// [`DbError`].
pub async fn last_captured(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
) -> Result<Option<NaiveDate>, DbError> {
    let query: Statement<Nullable<Date>> =
        statement("SELECT max(day) FROM captured_day WHERE organisation = ?").bind(i32::from(organisation.number()));
    Ok(query.get_result(&mut conn).await?)
}

/// The earliest month that an open wallet of an organisation is in, and whether some are in none.
///
/// # Errors
/// [`DbError`].
pub async fn earliest(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
) -> Result<(Option<NaiveDate>, bool), DbError> {
    let (first, end) = bounds(organisation);
    let query: Statement<(Nullable<Date>, Bool)> = statement(
        "SELECT min(month), coalesce(bool_or(month IS NULL), false) FROM wallet WHERE id > ? AND id < ? AND status = 1",
    )
    .bind(first)
    .bind(end);
    Ok(query.get_result(&mut conn).await?)
}

/// Takes the right to run an organisation's jobs until the session ends; false if another service has it.
///
/// # Errors
/// [`DbError`].
pub async fn try_lock_jobs(mut conn: &AsyncPgConnection, organisation: OrganisationId) -> Result<bool, DbError> {
    let query: Statement<Bool> =
        statement("SELECT pg_try_advisory_lock(7215211, ?)").bind(i32::from(organisation.number()));
    Ok(query.get_result(&mut conn).await?)
}

/// Gives it back.
///
/// # Errors
/// [`DbError`].
pub async fn unlock_jobs(mut conn: &AsyncPgConnection, organisation: OrganisationId) -> Result<(), DbError> {
    let query: Statement<Bool> =
        statement("SELECT pg_advisory_unlock(7215211, ?)").bind(i32::from(organisation.number()));
    query.get_result::<bool>(&mut conn).await?;
    Ok(())
}
