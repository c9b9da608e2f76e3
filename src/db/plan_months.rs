//! Plan lines in a month: what of their days is planned, held, done and released. Changed under the wallet's lock alone.

use std::collections::{BTreeSet, HashMap};

use chrono::{Datelike, NaiveDate};
use diesel::OptionalExtension;
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, SmallInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::{Account, Kind, WalletId};
use crate::domain::delivery::{Due, MonthLine};
use crate::domain::funding::LineKind;
use crate::domain::money::{Amount, Unit};
use crate::domain::occurrence::{LineId, OccurrenceId};
use crate::domain::operation::{HoldEntry, OperationId};

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
    for (head, bits) in query.load::<MonthRow>(&mut conn).await? {
        let (wallet, line) = read_line(head)?;
        by_wallet.entry(wallet).or_default().push(with_days(line, bits));
    }
    Ok(by_wallet)
}

fn with_days(line: MonthLine, (planned, held, done, released): (i32, i32, i32, i32)) -> MonthLine {
    MonthLine {
        planned: planned.cast_unsigned(),
        held: held.cast_unsigned(),
        done: done.cast_unsigned(),
        released: released.cast_unsigned(),
        ..line
    }
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
        "SELECT m.line, array_agg(extract(day FROM m.day)::smallint) FROM plan_line AS l \
         JOIN occurrence_mark AS m ON m.line = l.id WHERE l.wallet = ANY(?) AND m.mark < 4 \
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

/// What these ids name, as far as they are planned days of these wallets.
///
/// # Errors
/// [`DbError`].
pub async fn due(
    mut conn: &AsyncPgConnection,
    wallets: &[WalletId],
    ids: &[OperationId],
) -> Result<HashMap<OperationId, Due>, DbError> {
    let named = named(ids.iter().copied());
    if named.is_empty() {
        return Ok(HashMap::new());
    }
    let query: Statement<(Date, Nullable<SqlUuid>, MonthSql)> = statement(
        "SELECT p.month, h.operation, l.id, l.wallet, w.unit, l.service, l.kind, l.price_cents, l.units, l.vat_basis_points, \
         l.from_savings, p.planned, p.held, p.done, p.released \
         FROM plan_month AS p JOIN plan_line AS l ON l.id = p.line JOIN wallet AS w ON w.id = p.wallet \
         LEFT JOIN month_phase AS h ON h.wallet = p.wallet AND h.month = p.month AND h.phase = 2 \
         WHERE p.wallet = ANY(?) AND p.month = ANY(?) AND p.line = ANY(?)",
    )
    .bind(wallets.iter().map(|wallet| wallet.field()).collect::<Vec<_>>())
    .bind(named.iter().map(|(_, month, ..)| *month).collect::<Vec<_>>())
    .bind(named.iter().map(|(.., line, _)| line.uuid()).collect::<Vec<_>>());
    let mut due = HashMap::new();
    for (month, hold, (head, bits)) in query.load::<(NaiveDate, Option<Uuid>, MonthRow)>(&mut conn).await? {
        let unit = Unit::from_code(head.2.into()).ok_or_else(|| corrupt("wallet.unit"))?;
        let (wallet, line) = read_line(head)?;
        let line = with_days(line, bits);
        let of_row = named.iter().filter(|(_, of_month, of_line, _)| (*of_month, *of_line) == (month, line.line));
        for (id, _, _, place) in of_row {
            let bit = 1_u32 << place;
            let units = line.units.filter(|units| line.open() & line.held & bit != 0 && !units.is_zero());
            let held = match (units, hold) {
                (Some(units), Some(hold)) => {
                    let account = Account::purse(wallet, unit, Kind::Budget).ok_or_else(|| corrupt("wallet.unit"))?;
                    let hold = OperationId::new(hold).map_err(|_| corrupt("month_phase.operation"))?;
                    Some(HoldEntry { hold, account, change: -units.minor() })
                }
                _ => None,
            };
            let (is_open, is_done) = (line.open() & bit != 0, line.done & bit != 0);
            due.insert(*id, Due { wallet, service: line.service, held, is_open, is_done });
        }
    }
    Ok(due)
}

/// The ids that name occurrences, each with its month, its line and the place of its bit.
fn named(ids: impl Iterator<Item = OperationId>) -> Vec<(OperationId, NaiveDate, LineId, u32)> {
    let of = |id: OperationId| {
        let occurrence = OccurrenceId::from_hold(id)?;
        let day = occurrence.day();
        Some((id, day.with_day(1)?, occurrence.line(), day.day0()))
    };
    ids.filter_map(of).collect()
}

/// Writes that planned days were delivered by sales.
///
/// # Errors
/// [`DbError`]; a check violation for a day that was given up.
pub async fn deliver(conn: &AsyncPgConnection, days: &[(WalletId, OperationId)]) -> Result<(), DbError> {
    let updated = set_days(
        conn,
        "UPDATE plan_month AS p SET done = p.done | u.days FROM (SELECT wallet, month, line, bit_or(days) AS days \
         FROM unnest(?, ?, ?, ?) AS t (wallet, month, line, days) GROUP BY 1, 2, 3) AS u \
         WHERE p.wallet = u.wallet AND p.month = u.month AND p.line = u.line AND p.done & u.days = 0",
        days,
    )
    .await?;
    let lines: BTreeSet<_> =
        named(days.iter().map(|(_, id)| *id)).into_iter().map(|(_, month, line, _)| (month, line)).collect();
    if updated == lines.len() { Ok(()) } else { Err(corrupt("plan_month: a planned day was delivered twice")) }
}

/// Opens planned days again whose sale was voided, in months that are not closed. What was held for them is free.
///
/// # Errors
/// [`DbError`].
pub async fn reopen(conn: &AsyncPgConnection, days: &[(WalletId, OperationId)]) -> Result<(), DbError> {
    set_days(
        conn,
        "UPDATE plan_month AS p SET done = p.done & ~u.days, held = p.held & ~u.days FROM (SELECT wallet, month, line, \
         bit_or(days) AS days FROM unnest(?, ?, ?, ?) AS t (wallet, month, line, days) GROUP BY 1, 2, 3) AS u \
         JOIN wallet AS w ON w.id = u.wallet \
         WHERE p.wallet = u.wallet AND p.month = u.month AND p.line = u.line AND w.month = u.month",
        days,
    )
    .await?;
    Ok(())
}

async fn set_days(
    mut conn: &AsyncPgConnection,
    sql: &'static str,
    days: &[(WalletId, OperationId)],
) -> Result<usize, DbError> {
    let of = |(wallet, id): &(WalletId, OperationId)| {
        named(std::iter::once(*id)).pop().map(|(_, month, line, place)| (*wallet, month, line, 1_u32 << place))
    };
    let rows: Vec<_> = days.iter().filter_map(of).collect();
    if rows.is_empty() {
        return Ok(0);
    }
    let query: Statement = statement(sql)
        .bind(rows.iter().map(|(wallet, ..)| wallet.field()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, month, ..)| *month).collect::<Vec<_>>())
        .bind(rows.iter().map(|(.., line, _)| line.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(.., bit)| bit.cast_signed()).collect::<Vec<_>>());
    Ok(query.execute(&mut conn).await?)
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
