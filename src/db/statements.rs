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
    let query: Statement = statement(
        "WITH closed AS MATERIALIZED (SELECT unnest(?) AS wallet, unnest(?) AS operation), \
         side AS MATERIALIZED ( \
             SELECT o.wallet, t.flow, CASE WHEN v.account & 255 < 4 THEN v.account & 255 \
                                           WHEN (v.account >> 8) & 255 = 1 THEN 5 ELSE 4 END AS purse, \
                    sum(v.came)::bigint AS came, sum(v.went)::bigint AS went \
             FROM closed AS c JOIN ledger.operation AS o ON o.wallet = c.wallet AND o.id >= ? AND o.month = ? \
             JOIN ledger.transfer AS t ON t.id = o.id \
             CROSS JOIN LATERAL (VALUES (t.credit, t.amount, 0), (t.debit, 0, t.amount)) AS v (account, came, went) \
             WHERE v.account >> 16 = c.wallet GROUP BY 1, 2, 3 \
         ), sum AS ( \
             SELECT wallet, string_agg(format('%s,%s,%s,%s', flow, purse, came, went), ',' ORDER BY flow, purse) AS moved, \
                    coalesce(sum(came - went) FILTER (WHERE purse = 1), 0) AS p1, \
                    coalesce(sum(came - went) FILTER (WHERE purse = 2), 0) AS p2, \
                    coalesce(sum(came - went) FILTER (WHERE purse = 3), 0) AS p3, \
                    coalesce(sum(came - went) FILTER (WHERE purse = 4), 0) AS p4, \
                    coalesce(sum(came - went) FILTER (WHERE purse = 5), 0) AS p5 \
             FROM side GROUP BY wallet \
         ) \
         INSERT INTO month_statement (wallet, month, operation, opening, closing, moved) \
         SELECT w.id, ?, c.operation, \
                ARRAY[w.budget - coalesce(s.p1, 0), w.reserve - coalesce(s.p2, 0), w.savings - coalesce(s.p3, 0), \
                      w.credit - coalesce(s.p4, 0), w.credit_cents - coalesce(s.p5, 0)]::bigint[], \
                ARRAY[w.budget, w.reserve, w.savings, w.credit, w.credit_cents], \
                format('{%s}', s.moved)::bigint[] \
         FROM closed AS c JOIN wallet AS w ON w.id = c.wallet LEFT JOIN sum AS s ON s.wallet = c.wallet",
    )
    .bind(rows.iter().map(|(wallet, _)| wallet.field()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, operation)| operation.map(OperationId::uuid)).collect::<Vec<_>>())
    .bind(least)
    .bind(month)
    .bind(month);
    query.execute(&mut conn).await?;
    Ok(())
}
