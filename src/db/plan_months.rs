//! Plan lines in a month: what of their days is planned, held, done and released. Changed under the wallet's lock alone.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, SmallInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::WalletId;
use crate::domain::delivery::MonthLine;
use crate::domain::funding::LineKind;
use crate::domain::money::{Amount, Unit};
use crate::domain::occurrence::LineId;

type Head = (Uuid, i64, i16, Uuid, i16, i64, Option<i64>, i16, bool);

fn read_line(head: Head) -> Result<(WalletId, MonthLine), DbError> {
    let (id, wallet, unit, service, kind, price, units, vat, from_savings) = head;
    let unit = Unit::from_code(unit.into()).ok_or_else(|| corrupt("wallet.unit"))?;
    let units = units.map(|units| Amount::new(units, unit)).transpose().map_err(|_| corrupt("plan_line.units"))?;
    let price = Amount::cents(price).map_err(|_| corrupt("plan_line.price_cents"))?;
    let line = MonthLine {
        line: LineId::new(id).ok_or_else(|| corrupt("plan_line.id"))?,
        service,
        kind: LineKind::from_code(kind.into()).ok_or_else(|| corrupt("plan_line.kind"))?,
        price,
        // in euros a line's units are its price, however it was written
        units: if unit == Unit::Eur { Some(price) } else { units },
        vat_basis_points: vat.cast_unsigned(),
        from_savings,
        planned: 0,
        held: 0,
        done: 0,
        released: 0,
    };
    Ok((WalletId::from_field(wallet).ok_or_else(|| corrupt("plan_line.wallet"))?, line))
}

type MonthSql = (
    (SqlUuid, BigInt, SmallInt, SqlUuid, SmallInt, BigInt, Nullable<BigInt>, SmallInt, Bool),
    (Integer, Integer, Integer, Integer),
);
type MonthRow = (Head, (i32, i32, i32, i32));

const OF_MONTH: &str = "SELECT l.id, l.wallet, w.unit, l.service, l.kind, l.price_cents, l.units, l.vat_basis_points, \
     l.from_savings, p.planned, p.held, p.done, p.released \
     FROM plan_month AS p JOIN plan_line AS l ON l.id = p.line JOIN wallet AS w ON w.id = p.wallet \
     WHERE p.wallet = ANY(?) AND p.month = ? ORDER BY p.wallet, p.line";

/// Lines as they stand in a month, by wallet and id.
///
/// # Errors
/// [`DbError`].
pub async fn of_month(
    mut conn: &AsyncPgConnection,
    wallets: &[WalletId],
    month: NaiveDate,
) -> Result<HashMap<WalletId, Vec<MonthLine>>, DbError> {
    let query: Statement<MonthSql> =
        statement(OF_MONTH).bind(wallets.iter().map(|wallet| wallet.field()).collect::<Vec<_>>()).bind(month);
    let mut by_wallet: HashMap<WalletId, Vec<MonthLine>> = HashMap::new();
    for (head, (planned, held, done, released)) in query.load::<MonthRow>(&mut conn).await? {
        let (wallet, line) = read_line(head)?;
        let line = MonthLine {
            planned: planned.cast_unsigned(),
            held: held.cast_unsigned(),
            done: done.cast_unsigned(),
            released: released.cast_unsigned(),
            ..line
        };
        by_wallet.entry(wallet).or_default().push(line);
    }
    Ok(by_wallet)
}

/// Writes lines of a month, new ones and those that were there.
///
/// # Errors
/// [`DbError`].
pub async fn insert(
    mut conn: &AsyncPgConnection,
    month: NaiveDate,
    rows: &[(WalletId, MonthLine)],
) -> Result<(), DbError> {
    if rows.is_empty() {
        return Ok(());
    }
    let query: Statement = statement(
        "INSERT INTO plan_month (month, wallet, line, planned, held, done, released) \
         SELECT ?, unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?)",
    )
    .bind(month);
    with_bits(query, rows).execute(&mut conn).await?;
    Ok(())
}

/// Writes what became of lines of a month that are there.
///
/// # Errors
/// [`DbError`]; a check violation for a day that would be done and released.
pub async fn update(
    mut conn: &AsyncPgConnection,
    month: NaiveDate,
    rows: &[(WalletId, MonthLine)],
) -> Result<(), DbError> {
    if rows.is_empty() {
        return Ok(());
    }
    let query: Statement = statement(
        "UPDATE plan_month AS p SET planned = u.planned, held = u.held, done = u.done, released = u.released \
         FROM (SELECT ?::date AS month, unnest(?) AS wallet, unnest(?) AS line, unnest(?) AS planned, unnest(?) AS held, \
         unnest(?) AS done, unnest(?) AS released) AS u \
         WHERE p.wallet = u.wallet AND p.month = u.month AND p.line = u.line",
    )
    .bind(month);
    let updated = with_bits(query, rows).execute(&mut conn).await?;
    if updated == rows.len() { Ok(()) } else { Err(corrupt("plan_month: a row was not there to update")) }
}

fn with_bits(query: Statement, rows: &[(WalletId, MonthLine)]) -> Statement {
    let bits = |of: fn(&MonthLine) -> u32| rows.iter().map(|(_, line)| of(line).cast_signed()).collect::<Vec<_>>();
    query
        .bind(rows.iter().map(|(wallet, _)| wallet.field()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, line)| line.line.uuid()).collect::<Vec<_>>())
        .bind(bits(|line| line.planned))
        .bind(bits(|line| line.held))
        .bind(bits(|line| line.done))
        .bind(bits(|line| line.released))
}

/// Days of these lines that were marked as absent, refused or not delivered: bits by line.
///
/// # Errors
/// [`DbError`].
pub async fn marked(
    mut conn: &AsyncPgConnection,
    wallets: &[WalletId],
    month: NaiveDate,
) -> Result<HashMap<LineId, u32>, DbError> {
    let query: Statement<(SqlUuid, Array<SmallInt>)> = statement(
        "SELECT m.line, array_agg(extract(day FROM m.day)::smallint) FROM occurrence_mark AS m \
         JOIN plan_line AS l ON l.id = m.line WHERE l.wallet = ANY(?) AND m.mark < 4 \
         AND m.day >= ? AND m.day < ?::date + interval '1 month' GROUP BY m.line",
    )
    .bind(wallets.iter().map(|wallet| wallet.field()).collect::<Vec<_>>())
    .bind(month)
    .bind(month);
    let rows = query.load::<(Uuid, Vec<i16>)>(&mut conn).await?;
    rows.into_iter()
        .map(|(line, days)| {
            let line = LineId::new(line).ok_or_else(|| corrupt("occurrence_mark.line"))?;
            Ok((line, days.into_iter().fold(0, |bits, day| bits | 1_u32 << (day - 1).clamp(0, 30))))
        })
        .collect()
}
