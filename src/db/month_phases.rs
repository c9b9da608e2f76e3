//! Which phase of which month a job has booked for a wallet: what makes jobs idempotent, whose ids are their own.
//! Guarded by the wallet's lock.

use chrono::NaiveDate;
use diesel::sql_types::Bool;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::DbError;
use super::statement::{Statement, statement};
use crate::domain::account::WalletId;
use crate::domain::operation::OperationId;

/// Whether a wallet's month has its grant.
///
/// # Errors
/// [`DbError`].
pub async fn is_granted(mut conn: &AsyncPgConnection, wallet: WalletId, month: NaiveDate) -> Result<bool, DbError> {
    let query: Statement<Bool> =
        statement("SELECT EXISTS (SELECT FROM month_phase WHERE wallet = ? AND month = ? AND phase = 1)")
            .bind(wallet.field())
            .bind(month);
    Ok(query.get_result(&mut conn).await?)
}

/// Writes that a wallet's month has its grant.
///
/// # Errors
/// [`DbError`]; a unique violation if it had one.
pub async fn insert_grant(
    mut conn: &AsyncPgConnection,
    wallet: WalletId,
    month: NaiveDate,
    operation: OperationId,
) -> Result<(), DbError> {
    let query: Statement = statement("INSERT INTO month_phase (wallet, month, phase, operation) VALUES (?, ?, 1, ?)")
        .bind(wallet.field())
        .bind(month)
        .bind(operation.uuid());
    query.execute(&mut conn).await?;
    Ok(())
}
