//! Plan lines and what was consented to.

use chrono::{Months, NaiveDate, NaiveDateTime, NaiveTime};
use diesel::sql_types::{BigInt, Bool, Date, Nullable, SmallInt, Text, Timestamp, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::WalletId;
use crate::domain::funding::LineKind;
use crate::domain::money::{Amount, Unit};
use crate::domain::month_grant::Month;
use crate::domain::occurrence::LineId;
use crate::domain::plan_line::{Performer, PlannedLine};

type PlannedSql = (
    (SqlUuid, BigInt, SqlUuid, SmallInt, SmallInt, SmallInt),
    (BigInt, Nullable<BigInt>, SmallInt, Bool),
    (Text, Timestamp, Nullable<Date>, Nullable<Date>, Nullable<Date>),
);
type PlannedRow = (
    (Uuid, i64, Uuid, i16, i16, i16),
    (i64, Option<i64>, i16, bool),
    (String, NaiveDateTime, Option<NaiveDate>, Option<NaiveDate>, Option<NaiveDate>),
);

/// Lines of wallets that may have an occurrence in a month: begun before its end and not dropped before its first day. By wallet,
/// then by line. Which days they are, [`PlannedLine::days_in_month`] says.
///
/// # Errors
/// [`DbError`].
pub async fn of_month(
    mut conn: &AsyncPgConnection,
    wallets: &[WalletId],
    month: Month,
) -> Result<Vec<PlannedLine>, DbError> {
    let next = month.first().checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX);
    let query: Statement<PlannedSql> = statement(
        "SELECT l.id, l.wallet, l.service, l.performer, l.kind, w.unit, l.price_cents, l.units, l.vat_basis_points, \
         l.from_savings, l.recurrence, l.starts_at, l.provisional_until, l.dropped_from, c.signed_on \
         FROM plan_line AS l JOIN wallet AS w ON w.id = l.wallet LEFT JOIN plan_consent AS c ON c.line = l.id \
         WHERE l.wallet = ANY(?) AND l.starts_at < ? AND (l.dropped_from IS NULL OR l.dropped_from > ?) \
         ORDER BY l.wallet, l.id",
    )
    .bind(wallets.iter().map(|wallet| wallet.field()).collect::<Vec<_>>())
    .bind(next.and_time(NaiveTime::MIN))
    .bind(month.first());
    query.load::<PlannedRow>(&mut conn).await?.into_iter().map(read_planned).collect()
}

fn read_planned(row: PlannedRow) -> Result<PlannedLine, DbError> {
    let ((id, wallet, service, performer, kind, unit), (cents, units, vat, from_savings), dates) = row;
    let (recurrence, starts_at, provisional_until, dropped_from, consented_on) = dates;
    let unit = Unit::from_code(unit.into()).ok_or_else(|| corrupt("wallet.unit"))?;
    let amount = |minor, unit| Amount::new(minor, unit).map_err(|_| corrupt("plan_line: its price"));
    Ok(PlannedLine {
        id: LineId::new(id).ok_or_else(|| corrupt("plan_line.id"))?,
        wallet: WalletId::from_field(wallet).ok_or_else(|| corrupt("plan_line.wallet"))?,
        service,
        performer: Performer::from_code(performer.into()).ok_or_else(|| corrupt("plan_line.performer"))?,
        kind: LineKind::from_code(kind.into()).ok_or_else(|| corrupt("plan_line.kind"))?,
        price: amount(cents, Unit::Eur)?,
        units: units.map(|units| amount(units, unit)).transpose()?,
        vat_basis_points: vat.cast_unsigned(),
        from_savings,
        recurrence,
        starts_at,
        provisional_until,
        dropped_from,
        consented_on,
    })
}
