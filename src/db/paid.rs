//! Who paid for what in a wallet's month, by service and day: what a colour and its evidence go by.

use std::collections::HashMap;

use chrono::{NaiveDate, NaiveTime};
use diesel::sql_types::{BigInt, Bool, Date, Nullable, SmallInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::{Kind, WalletId};
use crate::domain::colour::Paid;
use crate::domain::funding::LineKind;
use crate::domain::occurrence::OccurrenceId;
use crate::domain::operation::OperationId;

/// What was paid for a line of the ledger, by one payer, less what was given back; in the wallet's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PaidRow {
    pub service: Uuid,
    /// Of the occurrence, or else the day on which it was booked.
    pub day: NaiveDate,
    pub paid: Paid,
}

type Sql = ((BigInt, SqlUuid, Date, Nullable<SqlUuid>), (Bool, SmallInt, BigInt, BigInt));
type Row = ((i64, Uuid, NaiveDate, Option<Uuid>), (bool, i16, i64, i64));

/// Sales of a month and what was given back of them, by wallet. What was borne in another unit (a service without a price in the wallet's)
/// is not among them.
///
/// # Errors
/// [`DbError`].
pub async fn of_month(
    mut conn: &AsyncPgConnection,
    wallets: &[WalletId],
    month: NaiveDate,
) -> Result<HashMap<WalletId, Vec<PaidRow>>, DbError> {
    // Nothing is booked into a month before it begins, and an id is at most 35 days old when it is booked: older partitions are not
    // looked into.
    let begins_ms = month.and_time(NaiveTime::MIN).and_utc().timestamp_millis();
    let oldest = begins_ms - (OperationId::DAYS_BACK_MAX + 2) * 86_400_000;
    let least = Uuid::from_u128(u128::from(oldest.max(0).cast_unsigned()) << 80);
    let query: Statement<Sql> = statement(
        "SELECT o.wallet, l.service, l.book_date, l.hold, l.planned, l.kind, \
         CASE t.flow WHEN 3 THEN t.debit ELSE t.credit END & 255, \
         sum(CASE t.flow WHEN 3 THEN t.amount ELSE -t.amount END)::bigint \
         FROM ledger.operation AS o JOIN wallet AS w ON w.id = o.wallet \
         JOIN ledger.line AS l ON l.id = o.id JOIN ledger.transfer AS t ON t.id = o.id AND t.line = l.line \
         WHERE o.wallet = ANY(?) AND o.month = ? AND o.id > ? AND l.id > ? AND t.id > ? \
         AND t.flow IN (3, 4) AND t.debit >> 8 & 255 = w.unit AND l.kind IS NOT NULL \
         GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 3, 2, 4, 7",
    )
    .bind(wallets.iter().map(|wallet| wallet.field()).collect::<Vec<_>>())
    .bind(month)
    .bind(least)
    .bind(least)
    .bind(least);
    let mut by_wallet: HashMap<WalletId, Vec<PaidRow>> = HashMap::new();
    for ((wallet, service, booked, hold), (is_planned, kind, payer, minor)) in query.load::<Row>(&mut conn).await? {
        let wallet = WalletId::from_field(wallet).ok_or_else(|| corrupt("operation.wallet"))?;
        let kind = LineKind::from_code(kind.into()).ok_or_else(|| corrupt("line.kind"))?;
        let payer = Kind::from_code(payer).ok_or_else(|| corrupt("transfer.debit"))?;
        let occurrence = hold.filter(|_| is_planned).and_then(OccurrenceId::new).map(OccurrenceId::day);
        // a hold of another sort has random days in its id
        let day = occurrence.filter(|day| (*day - month).num_days().unsigned_abs() < 62).unwrap_or(booked);
        let paid = Paid { is_planned, kind, payer, minor };
        by_wallet.entry(wallet).or_default().push(PaidRow { service, day, paid });
    }
    Ok(by_wallet)
}
