//! What a human has to do.

use chrono::NaiveDate;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::DbError;
use super::statement::{Statement, statement};
use crate::domain::account::WalletId;

/// Why there is a task. The number is stored and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
#[repr(i16)]
pub enum TaskKind {
    /// A month could not be granted by its rules.
    DataError = 1,
    Red = 2,
    /// More is planned than the budget pays.
    ExpectedOverrun = 3,
    LossIn14Days = 4,
    LossIn3Days = 5,
    ReviewDue = 6,
    ConsentMissing = 7,
}

/// Opens tasks; one that is there already, open or done, stays as it is.
///
/// # Errors
/// [`DbError`].
pub async fn open(
    mut conn: &AsyncPgConnection,
    month: NaiveDate,
    rows: &[(WalletId, TaskKind, Option<i64>)],
) -> Result<(), DbError> {
    if rows.is_empty() {
        return Ok(());
    }
    let query: Statement = statement(
        "INSERT INTO task (month, organisation, wallet, kind, amount) \
         SELECT ?, unnest(?), unnest(?), unnest(?), unnest(?) ON CONFLICT DO NOTHING",
    )
    .bind(month)
    .bind(rows.iter().map(|(wallet, ..)| i32::from(wallet.organisation().number())).collect::<Vec<_>>())
    .bind(rows.iter().map(|(wallet, ..)| wallet.field()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, kind, _)| *kind as i16).collect::<Vec<_>>())
    .bind(rows.iter().map(|(.., amount)| *amount).collect::<Vec<_>>());
    query.execute(&mut conn).await?;
    Ok(())
}

/// Ends open tasks of a kind and month: what they were about is gone.
///
/// # Errors
/// [`DbError`].
pub async fn finish(
    mut conn: &AsyncPgConnection,
    month: NaiveDate,
    wallets: &[WalletId],
    kind: TaskKind,
    by: &str,
    how: &str,
) -> Result<(), DbError> {
    if wallets.is_empty() {
        return Ok(());
    }
    let query: Statement = statement(
        "UPDATE task SET done_at = clock_timestamp(), done_by = ?, how = ? \
         WHERE wallet = ANY(?) AND month = ? AND kind = ? AND done_at IS NULL",
    )
    .bind(by.to_owned())
    .bind(how.to_owned())
    .bind(wallets.iter().map(|wallet| wallet.field()).collect::<Vec<_>>())
    .bind(month)
    .bind(kind as i16);
    query.execute(&mut conn).await?;
    Ok(())
}

/// Ends open tasks of a kind, whatever month they are of.
///
/// # Errors
/// [`DbError`].
pub async fn finish_kind(
    mut conn: &AsyncPgConnection,
    wallet: WalletId,
    kind: TaskKind,
    by: &str,
    how: &str,
) -> Result<(), DbError> {
    let query: Statement = statement(
        "UPDATE task SET done_at = clock_timestamp(), done_by = ?, how = ? WHERE wallet = ? AND kind = ? AND done_at IS NULL",
    )
    .bind(by.to_owned())
    .bind(how.to_owned())
    .bind(wallet.field())
    .bind(kind as i16);
    query.execute(&mut conn).await?;
    Ok(())
}

/// Opens tasks, also those that were done: there is more to do.
///
/// # Errors
/// [`DbError`].
pub async fn open_again(
    conn: &AsyncPgConnection,
    month: NaiveDate,
    rows: &[(WalletId, TaskKind, Option<i64>)],
) -> Result<(), DbError> {
    open(conn, month, rows).await?;
    let mut conn = conn;
    let query: Statement = statement(
        "UPDATE task AS t SET done_at = NULL, done_by = NULL, how = NULL \
         FROM (SELECT ?::date AS month, unnest(?) AS wallet, unnest(?) AS kind) AS u \
         WHERE t.wallet = u.wallet AND t.month = u.month AND t.kind = u.kind AND t.done_at IS NOT NULL",
    )
    .bind(month)
    .bind(rows.iter().map(|(wallet, ..)| wallet.field()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, kind, _)| *kind as i16).collect::<Vec<_>>());
    query.execute(&mut conn).await?;
    Ok(())
}
