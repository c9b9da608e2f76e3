//! Why planned days were not delivered, or are not to be paid. Written under the wallet's lock, one mark a day, once.

use diesel::OptionalExtension;
use diesel::sql_types::Uuid as SqlUuid;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::WalletId;
use crate::domain::occurrence::OccurrenceId;
use crate::domain::operation::OperationId;

/// Writes a mark; false if the day has one.
///
/// # Errors
/// [`DbError`].
pub async fn insert(
    mut conn: &AsyncPgConnection,
    occurrence: OccurrenceId,
    mark: i16,
    reason: Option<String>,
    by: Option<Uuid>,
) -> Result<bool, DbError> {
    let query: Statement = statement(
        "INSERT INTO occurrence_mark (line, day, mark, reason, marked_by) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(occurrence.line().uuid())
    .bind(occurrence.day())
    .bind(mark)
    .bind(reason)
    .bind(by);
    Ok(query.execute(&mut conn).await? == 1)
}

/// The operation that paid an occurrence, and was not voided.
///
/// # Errors
/// [`DbError`].
pub async fn paid_by(
    mut conn: &AsyncPgConnection,
    wallet: WalletId,
    occurrence: OccurrenceId,
) -> Result<Option<OperationId>, DbError> {
    // Nothing pays an occurrence before its month, and no id is older than 35 days when it is booked.
    let oldest = occurrence.day() - chrono::Days::new(31 + 38);
    let ms = oldest.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis().max(0).cast_unsigned();
    let query: Statement<SqlUuid> = statement(
        "SELECT o.id FROM ledger.operation AS o JOIN ledger.line AS l ON l.id = o.id \
         WHERE o.wallet = ? AND o.id >= ? AND o.kind IN (1, 22) AND o.outcome IN (1, 2) AND l.hold = ? AND l.planned \
         AND l.left_out IS NULL AND NOT EXISTS (SELECT FROM ledger.operation AS v WHERE v.wallet = o.wallet \
         AND v.id >= ? AND v.reference = o.id AND v.kind = 3 AND v.outcome = 3) LIMIT 1",
    )
    .bind(wallet.field())
    .bind(Uuid::from_u128(u128::from(ms) << 80))
    .bind(occurrence.uuid())
    .bind(Uuid::from_u128(u128::from(ms) << 80));
    let found = query.get_result::<Uuid>(&mut conn).await.optional()?;
    found.map(OperationId::new).transpose().map_err(|_| corrupt("ledger.operation.id"))
}
