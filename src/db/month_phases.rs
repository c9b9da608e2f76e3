//! Which phase of which month a job has booked for a wallet: what makes jobs idempotent, whose ids are their own.
//! Guarded by the wallet's lock.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::sql_types::{BigInt, Bool, Nullable, SmallInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::WalletId;
use crate::domain::operation::OperationId;

/// A part of a month's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
#[repr(i16)]
pub enum Phase {
    Grant = 1,
    Holds = 2,
    Close = 3,
}

/// A phase that is behind a wallet, and what it booked: nothing where there was nothing to book.
pub type Done = HashMap<(WalletId, i16), Option<OperationId>>;

/// The phases of a month that are behind these wallets.
///
/// # Errors
/// [`DbError`].
pub async fn done(mut conn: &AsyncPgConnection, wallets: &[WalletId], month: NaiveDate) -> Result<Done, DbError> {
    let query: Statement<(BigInt, SmallInt, Nullable<SqlUuid>)> =
        statement("SELECT wallet, phase, operation FROM month_phase WHERE wallet = ANY(?) AND month = ?")
            .bind(wallets.iter().map(|wallet| wallet.field()).collect::<Vec<_>>())
            .bind(month);
    let rows = query.load::<(i64, i16, Option<Uuid>)>(&mut conn).await?;
    rows.into_iter()
        .map(|(wallet, phase, operation)| {
            let wallet = WalletId::from_field(wallet).ok_or_else(|| corrupt("month_phase.wallet"))?;
            let operation =
                operation.map(OperationId::new).transpose().map_err(|_| corrupt("month_phase.operation"))?;
            Ok(((wallet, phase), operation))
        })
        .collect()
}

/// Writes that phases are done.
///
/// # Errors
/// [`DbError`]; a unique violation if one was.
pub async fn insert(
    mut conn: &AsyncPgConnection,
    month: NaiveDate,
    rows: &[(WalletId, Phase, Option<OperationId>)],
) -> Result<(), DbError> {
    let query: Statement = statement(
        "INSERT INTO month_phase (month, wallet, phase, operation) SELECT ?, unnest(?), unnest(?), unnest(?)",
    )
    .bind(month)
    .bind(rows.iter().map(|(wallet, ..)| wallet.field()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, phase, _)| *phase as i16).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, _, operation)| operation.map(OperationId::uuid)).collect::<Vec<_>>());
    query.execute(&mut conn).await?;
    Ok(())
}

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
    conn: &AsyncPgConnection,
    wallet: WalletId,
    month: NaiveDate,
    operation: OperationId,
) -> Result<(), DbError> {
    insert(conn, month, &[(wallet, Phase::Grant, Some(operation))]).await
}
