//! Payouts and who approved them.

use diesel::OptionalExtension;
use diesel::sql_types::{BigInt, SmallInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::WalletId;
use crate::domain::money::Amount;
use crate::domain::operation::OperationId;
use crate::domain::payout::{Payout, PayoutStatus};

/// A payout with its approvals; none if there is no such payout. Guarded by the wallet's lock.
///
/// # Errors
/// [`DbError`].
pub async fn load(mut conn: &AsyncPgConnection, id: OperationId) -> Result<Option<Payout>, DbError> {
    let query: Statement<(BigInt, BigInt, SmallInt, SqlUuid)> =
        statement("SELECT wallet, amount_cents, status, requested_by FROM payout WHERE id = ?").bind(id.uuid());
    let Some((wallet, cents, status, requested_by)) =
        query.get_result::<(i64, i64, i16, Uuid)>(&mut conn).await.optional()?
    else {
        return Ok(None);
    };
    let query: Statement<SqlUuid> =
        statement("SELECT staff FROM payout_approval WHERE payout = ? ORDER BY staff").bind(id.uuid());
    Ok(Some(Payout {
        wallet: WalletId::from_field(wallet).ok_or_else(|| corrupt("payout.wallet"))?,
        amount: Amount::cents(cents).map_err(|_| corrupt("payout.amount_cents"))?,
        status: PayoutStatus::from_code(status.into()).ok_or_else(|| corrupt("payout.status"))?,
        requested_by,
        approved_by: query.load::<Uuid>(&mut conn).await?,
    }))
}

/// Writes a new payout.
///
/// # Errors
/// [`DbError`].
pub async fn insert(
    mut conn: &AsyncPgConnection,
    id: OperationId,
    wallet: WalletId,
    amount: Amount,
    requested_by: Uuid,
) -> Result<(), DbError> {
    let query: Statement = statement("INSERT INTO payout (id, wallet, amount_cents, requested_by) VALUES (?, ?, ?, ?)")
        .bind(id.uuid())
        .bind(wallet.field())
        .bind(amount.minor())
        .bind(requested_by);
    query.execute(&mut conn).await?;
    Ok(())
}

/// Writes an approval.
///
/// # Errors
/// [`DbError`]; a unique violation when this person approved before.
pub async fn approve(
    mut conn: &AsyncPgConnection,
    payout: OperationId,
    staff: Uuid,
    operation: OperationId,
) -> Result<(), DbError> {
    let query: Statement = statement("INSERT INTO payout_approval (payout, staff, operation) VALUES (?, ?, ?)")
        .bind(payout.uuid())
        .bind(staff)
        .bind(operation.uuid());
    query.execute(&mut conn).await?;
    Ok(())
}

/// Writes how far a payout is.
///
/// # Errors
/// [`DbError`].
pub async fn set_status(
    mut conn: &AsyncPgConnection,
    payout: OperationId,
    status: PayoutStatus,
) -> Result<(), DbError> {
    let query: Statement =
        statement("UPDATE payout SET status = ? WHERE id = ?").bind(i16::from(status.code())).bind(payout.uuid());
    query.execute(&mut conn).await?;
    Ok(())
}
