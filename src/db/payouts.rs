//! Payouts and who approved them.

use chrono::NaiveDate;
use diesel::OptionalExtension;
use diesel::sql_types::{Array, BigInt, Date, Integer, Nullable, SmallInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::{OrganisationId, WalletId};
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

/// A payout as it is listed.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct PayoutRow {
    pub id: Uuid,
    /// The client's number; none if the client was forgotten.
    pub client: Option<i32>,
    pub amount_cents: i64,
    pub status: PayoutStatus,
    pub requested_by: Uuid,
    /// The organisation's calendar day.
    pub requested_on: NaiveDate,
    /// In the order in which they approved.
    pub approved_by: Vec<Uuid>,
}

type Sql = (SqlUuid, Nullable<Integer>, BigInt, SmallInt, SqlUuid, Date, Array<SqlUuid>);
type Row = (Uuid, Option<i32>, i64, i16, Uuid, NaiveDate, Vec<Uuid>);

fn read(
    (id, client, amount_cents, status, requested_by, requested_on, approved_by): Row,
) -> Result<PayoutRow, DbError> {
    let status = PayoutStatus::from_code(status.into()).ok_or_else(|| corrupt("payout.status"))?;
    Ok(PayoutRow { id, client, amount_cents, status, requested_by, requested_on, approved_by })
}

/// What is listed of the payouts that a condition names.
macro_rules! listed {
    ($condition:literal) => {
        concat!(
            "SELECT p.id, c.number, p.amount_cents, p.status, p.requested_by, \
             (SELECT o.book_date FROM ledger.operation AS o WHERE o.id = p.id), \
             ARRAY(SELECT a.staff FROM payout_approval AS a JOIN ledger.operation AS o ON o.id = a.operation \
             WHERE a.payout = p.id ORDER BY o.batch) \
             FROM payout AS p LEFT JOIN client AS c ON c.wallet = p.wallet WHERE ",
            $condition
        )
    };
}

/// Payouts of an organisation by id, those after `after`, at most `limit`; only those that are neither paid nor withdrawn, or
/// all.
///
/// # Errors
/// [`DbError`].
pub async fn page(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    only_open: bool,
    after: Uuid,
    limit: i64,
) -> Result<Vec<PayoutRow>, DbError> {
    let query: Statement<Sql> = statement(if only_open {
        listed!("p.wallet >> 32 = ? AND p.status <= 2 AND p.id > ? ORDER BY p.id LIMIT ?")
    } else {
        listed!("p.wallet >> 32 = ? AND p.id > ? ORDER BY p.id LIMIT ?")
    })
    .bind(i64::from(organisation.number()))
    .bind(after)
    .bind(limit);
    query.load::<Row>(&mut conn).await?.into_iter().map(read).collect()
}

/// All payouts of a wallet, the newest first.
///
/// # Errors
/// [`DbError`].
pub async fn of_wallet(mut conn: &AsyncPgConnection, wallet: WalletId) -> Result<Vec<PayoutRow>, DbError> {
    let query: Statement<Sql> = statement(listed!("p.wallet = ? ORDER BY p.id DESC")).bind(wallet.field());
    query.load::<Row>(&mut conn).await?.into_iter().map(read).collect()
}
