//! How months ended, frozen: what each purse had at the opening and at the close, and what came and went by flow.

use chrono::{Days, NaiveDate};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::DbError;
use super::statement::{Statement, statement};
use crate::domain::account::WalletId;
use crate::domain::operation::OperationId;

/// Writes the statements of wallets whose purses are as the close leaves them, from what was booked into the month.
///
/// # Errors
/// [`DbError`]; a unique violation for a month that has one.
pub async fn insert(
    mut conn: &AsyncPgConnection,
    month: NaiveDate,
    rows: &[(WalletId, Option<OperationId>)],
) -> Result<(), DbError> {
    // Nothing is booked into a month before it has begun, and no id is older than 35 days when it is booked.
    let oldest = month.checked_sub_days(Days::new(38)).unwrap_or(month);
    let oldest_ms = oldest.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis().max(0).cast_unsigned();
    let least = Uuid::from_u128(u128::from(oldest_ms) << 80);
    // Wallet by wallet, each found by key: whatever the statistics say of tables that have just been filled, a plan that reads
    // all of a month's operations for each wallet is never the better one.
    let query: Statement = statement(
        "INSERT INTO month_statement (wallet, month, operation, opening, closing, moved) \
         SELECT w.id, ?, c.operation, \
                ARRAY[w.budget - s.p1, w.reserve - s.p2, w.savings - s.p3, w.credit - s.p4, w.credit_cents - s.p5]::bigint[], \
                ARRAY[w.budget, w.reserve, w.savings, w.credit, w.credit_cents], \
                format('{%s}', s.moved)::bigint[] \
         FROM (SELECT unnest(?) AS wallet, unnest(?) AS operation) AS c JOIN wallet AS w ON w.id = c.wallet \
         CROSS JOIN LATERAL ( \
             SELECT string_agg(format('%s,%s,%s,%s', flow, purse, came, went), ',' ORDER BY flow, purse) AS moved, \
                    coalesce(sum(came - went) FILTER (WHERE purse = 1), 0) AS p1, \
                    coalesce(sum(came - went) FILTER (WHERE purse = 2), 0) AS p2, \
                    coalesce(sum(came - went) FILTER (WHERE purse = 3), 0) AS p3, \
                    coalesce(sum(came - went) FILTER (WHERE purse = 4), 0) AS p4, \
                    coalesce(sum(came - went) FILTER (WHERE purse = 5), 0) AS p5 \
             FROM (SELECT t.flow, CASE WHEN v.account & 255 < 4 THEN v.account & 255 \
                                       WHEN (v.account >> 8) & 255 = 1 THEN 5 ELSE 4 END AS purse, \
                          sum(v.came)::bigint AS came, sum(v.went)::bigint AS went \
                   FROM (SELECT id FROM ledger.operation WHERE wallet = c.wallet AND id >= ? AND month = ? OFFSET 0) AS o \
                   JOIN ledger.transfer AS t ON t.id = o.id \
                   CROSS JOIN LATERAL (VALUES (t.credit, t.amount, 0), (t.debit, 0, t.amount)) AS v (account, came, went) \
                   WHERE v.account >> 16 = c.wallet GROUP BY 1, 2) AS side \
         ) AS s",
    )
    .bind(month)
    .bind(rows.iter().map(|(wallet, _)| wallet.field()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, operation)| operation.map(OperationId::uuid)).collect::<Vec<_>>())
    .bind(least)
    .bind(month);
    query.execute(&mut conn).await?;
    Ok(())
}
