//! Plan lines and what was consented to.

use std::collections::HashMap;

use chrono::{Months, NaiveDate, NaiveDateTime, NaiveTime};
use diesel::OptionalExtension;
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable, SmallInt, Text, Timestamp, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::funding::LineKind;
use crate::domain::money::{Amount, Unit};
use crate::domain::month_grant::Month;
use crate::domain::occurrence::LineId;
use crate::domain::plan_line::{CataloguePrice, Performer, PlannedLine, Subject};
use crate::domain::wallet::Buyer;

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

/// A line with all that was agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PlanLineRow {
    pub line: PlannedLine,
    pub function: Option<String>,
    pub performed_by: Option<Uuid>,
    pub staff_count: u16,
    pub group_size: u16,
    pub duration_minutes: u16,
    /// Why it costs nothing though it has a price, and which.
    pub waiver: Option<(String, Amount)>,
    pub agreed_on: NaiveDate,
    pub meeting: Option<Uuid>,
    pub drop_reason: Option<String>,
}

type DetailSql = (
    (Nullable<Text>, Nullable<SqlUuid>, SmallInt, SmallInt, SmallInt),
    (Nullable<Text>, Nullable<BigInt>, Date, Nullable<SqlUuid>, Nullable<Text>),
);
type DetailRow = (
    (Option<String>, Option<Uuid>, i16, i16, i16),
    (Option<String>, Option<i64>, NaiveDate, Option<Uuid>, Option<String>),
);

fn read_row((planned, detail): (PlannedRow, DetailRow)) -> Result<PlanLineRow, DbError> {
    let (
        (function, performed_by, staff_count, group_size, duration),
        (reason, waived, agreed_on, meeting, drop_reason),
    ) = detail;
    let waived = waived.map(Amount::cents).transpose().map_err(|_| corrupt("plan_line.waived_cents"))?;
    Ok(PlanLineRow {
        line: read_planned(planned)?,
        function,
        performed_by,
        staff_count: staff_count.cast_unsigned(),
        group_size: group_size.cast_unsigned(),
        duration_minutes: duration.cast_unsigned(),
        waiver: reason.zip(waived),
        agreed_on,
        meeting,
        drop_reason,
    })
}

/// One line; none if there is no such.
///
/// # Errors
/// [`DbError`].
pub async fn find(mut conn: &AsyncPgConnection, line: LineId) -> Result<Option<PlanLineRow>, DbError> {
    let query: Statement<(PlannedSql, DetailSql)> = statement(
        "SELECT l.id, l.wallet, l.service, l.performer, l.kind, w.unit, l.price_cents, l.units, l.vat_basis_points, \
         l.from_savings, l.recurrence, l.starts_at, l.provisional_until, l.dropped_from, c.signed_on, \
         l.function, l.performed_by, l.staff_count, l.group_size, l.duration_minutes, \
         l.waiver_reason, l.waived_cents, l.agreed_on, l.meeting, l.drop_reason \
         FROM plan_line AS l JOIN wallet AS w ON w.id = l.wallet LEFT JOIN plan_consent AS c ON c.line = l.id \
         WHERE l.id = ?",
    )
    .bind(line.uuid());
    query.get_result::<(PlannedRow, DetailRow)>(&mut conn).await.optional()?.map(read_row).transpose()
}

/// A wallet's lines that are not dropped by a day, by start.
///
/// # Errors
/// [`DbError`].
pub async fn list(
    mut conn: &AsyncPgConnection,
    wallet: WalletId,
    not_dropped_by: NaiveDate,
) -> Result<Vec<PlanLineRow>, DbError> {
    let query: Statement<(PlannedSql, DetailSql)> = statement(
        "SELECT l.id, l.wallet, l.service, l.performer, l.kind, w.unit, l.price_cents, l.units, l.vat_basis_points, \
         l.from_savings, l.recurrence, l.starts_at, l.provisional_until, l.dropped_from, c.signed_on, \
         l.function, l.performed_by, l.staff_count, l.group_size, l.duration_minutes, \
         l.waiver_reason, l.waived_cents, l.agreed_on, l.meeting, l.drop_reason \
         FROM plan_line AS l JOIN wallet AS w ON w.id = l.wallet LEFT JOIN plan_consent AS c ON c.line = l.id \
         WHERE l.wallet = ? AND (l.dropped_from IS NULL OR l.dropped_from > ?) ORDER BY l.starts_at, l.id",
    )
    .bind(wallet.field())
    .bind(not_dropped_by);
    query.load::<(PlannedRow, DetailRow)>(&mut conn).await?.into_iter().map(read_row).collect()
}

/// Writes a line; false if its id was taken.
///
/// # Errors
/// [`DbError`].
pub async fn insert(mut conn: &AsyncPgConnection, row: &PlanLineRow) -> Result<bool, DbError> {
    let line = &row.line;
    let query: Statement = statement(
        "INSERT INTO plan_line (id, wallet, service, performer, function, performed_by, staff_count, group_size, recurrence, \
         starts_at, duration_minutes, kind, price_cents, units, vat_basis_points, from_savings, waiver_reason, waived_cents, \
         provisional_until, agreed_on, meeting) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(line.id.uuid())
    .bind(line.wallet.field())
    .bind(line.service)
    .bind(i16::from(line.performer.code()))
    .bind(row.function.clone())
    .bind(row.performed_by)
    .bind(row.staff_count.cast_signed())
    .bind(row.group_size.cast_signed())
    .bind(line.recurrence.clone())
    .bind(line.starts_at)
    .bind(row.duration_minutes.cast_signed())
    .bind(i16::from(line.kind.code()))
    .bind(line.price.minor())
    .bind(line.units.map(Amount::minor))
    .bind(line.vat_basis_points.cast_signed())
    .bind(line.from_savings)
    .bind(row.waiver.as_ref().map(|(reason, _)| reason.clone()))
    .bind(row.waiver.as_ref().map(|(_, waived)| waived.minor()))
    .bind(line.provisional_until)
    .bind(row.agreed_on)
    .bind(row.meeting);
    Ok(query.execute(&mut conn).await? == 1)
}

/// That a line is dropped, why, and who explained what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Dropped {
    /// The first day on which it is not planned any more.
    pub from: NaiveDate,
    pub reason: String,
    pub explained_by: Uuid,
    pub explained_on: NaiveDate,
}

/// Drops a line; false if it was dropped before.
///
/// # Errors
/// [`DbError`].
pub async fn drop(mut conn: &AsyncPgConnection, line: LineId, dropped: &Dropped) -> Result<bool, DbError> {
    let query: Statement = statement(
        "UPDATE plan_line SET dropped_from = ?, drop_reason = ?, consequences_explained_by = ?, consequences_explained_on = ? \
         WHERE id = ? AND dropped_from IS NULL",
    )
    .bind(dropped.from)
    .bind(dropped.reason.clone())
    .bind(dropped.explained_by)
    .bind(dropped.explained_on)
    .bind(line.uuid());
    Ok(query.execute(&mut conn).await? == 1)
}

/// Consent to a line's price.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ConsentRow {
    /// None: the client.
    pub representative: Option<Uuid>,
    /// None: the scheme shows no euro, so none was shown.
    pub price_shown_cents: Option<i64>,
    pub units_shown: Option<i64>,
    pub signed_on: NaiveDate,
    /// Of staff.
    pub recorded_by: Uuid,
}

type ConsentSql = (Nullable<SqlUuid>, Nullable<BigInt>, Nullable<BigInt>, Date, SqlUuid);
type ConsentSqlRow = (Option<Uuid>, Option<i64>, Option<i64>, NaiveDate, Uuid);

/// Writes a line's consent; false if it has one.
///
/// # Errors
/// [`DbError`].
pub async fn insert_consent(mut conn: &AsyncPgConnection, line: LineId, row: &ConsentRow) -> Result<bool, DbError> {
    let query: Statement = statement(
        "INSERT INTO plan_consent (line, representative, price_shown_cents, units_shown, alternatives_asked, signed_on, \
         recorded_by) VALUES (?, ?, ?, ?, true, ?, ?) ON CONFLICT (line) DO NOTHING",
    )
    .bind(line.uuid())
    .bind(row.representative)
    .bind(row.price_shown_cents)
    .bind(row.units_shown)
    .bind(row.signed_on)
    .bind(row.recorded_by);
    Ok(query.execute(&mut conn).await? == 1)
}

/// A line's consent; none if it has none.
///
/// # Errors
/// [`DbError`].
pub async fn consent(mut conn: &AsyncPgConnection, line: LineId) -> Result<Option<ConsentRow>, DbError> {
    let query: Statement<ConsentSql> = statement(
        "SELECT representative, price_shown_cents, units_shown, signed_on, recorded_by FROM plan_consent WHERE line = ?",
    )
    .bind(line.uuid());
    let row = query.get_result::<ConsentSqlRow>(&mut conn).await.optional()?;
    Ok(row.map(|(representative, price_shown_cents, units_shown, signed_on, recorded_by)| ConsentRow {
        representative,
        price_shown_cents,
        units_shown,
        signed_on,
        recorded_by,
    }))
}

/// Whether somebody may speak for a client on a subject on a day.
///
/// # Errors
/// [`DbError`].
pub async fn may_speak(
    mut conn: &AsyncPgConnection,
    wallet: WalletId,
    representative: Uuid,
    subject: Subject,
    day: NaiveDate,
) -> Result<bool, DbError> {
    let query: Statement<Bool> = statement(
        "SELECT EXISTS (SELECT FROM representative WHERE id = ? AND wallet = ? AND CASE WHEN ? THEN for_care ELSE for_money END \
         AND from_date <= ? AND (to_date IS NULL OR to_date >= ?))",
    )
    .bind(representative)
    .bind(wallet.field())
    .bind(subject == Subject::Care)
    .bind(day)
    .bind(day);
    Ok(query.get_result(&mut conn).await?)
}

/// A service as it may be agreed: what it is for a buyer, and what it costs on a day when a function performs it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Offered {
    /// The function that performs it where nobody says otherwise.
    pub function: Option<String>,
    /// None: not for this buyer.
    pub kind: Option<LineKind>,
    pub vat_basis_points: u16,
    pub from_savings: bool,
    pub council_agreed_on: Option<NaiveDate>,
    pub published_on: Option<NaiveDate>,
    /// None: no price by this function on this day.
    pub price: Option<CataloguePrice>,
}

type OfferedSql = (
    (Nullable<Text>, Nullable<SmallInt>, Nullable<SmallInt>, Bool),
    (Nullable<Date>, Nullable<Date>),
    (Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>),
);
type OfferedRow = (
    (Option<String>, Option<i16>, Option<i16>, bool),
    (Option<NaiveDate>, Option<NaiveDate>),
    (Option<i64>, Option<i64>, Option<i64>),
);

/// A service of a wallet's organisation; none if there is no such. `function` none: the service's own. (Kind 0: not sold to this
/// buyer any more.)
///
/// # Errors
/// [`DbError`].
pub async fn offered(
    mut conn: &AsyncPgConnection,
    wallet: WalletId,
    service: Uuid,
    buyer: Buyer,
    function: Option<String>,
    day: NaiveDate,
) -> Result<Option<Offered>, DbError> {
    let query: Statement<OfferedSql> = statement(
        "SELECT s.function, k.kind, s.vat_basis_points, s.from_savings, s.council_agreed_on, s.published_on, \
         p.price_cents, p.minutes, p.points \
         FROM service AS s LEFT JOIN service_kind AS k ON k.service = s.id AND k.buyer = ? AND k.kind > 0 \
         LEFT JOIN LATERAL (SELECT * FROM service_price WHERE service = s.id \
             AND function = coalesce(?, s.function, '') AND from_date <= ? ORDER BY from_date DESC LIMIT 1) AS p ON true \
         WHERE s.id = ? AND s.organisation = ?",
    )
    .bind(i16::from(buyer.code()))
    .bind(function)
    .bind(day)
    .bind(service)
    .bind(i32::from(wallet.organisation().number()));
    let row = query.get_result::<OfferedRow>(&mut conn).await.optional()?;
    row.map(|((function, kind, vat, from_savings), (council_agreed_on, published_on), (cents, minutes, points))| {
        let kind = kind.map(|kind| LineKind::from_code(kind.into()).ok_or_else(|| corrupt("service_kind.kind")));
        Ok(Offered {
            function,
            kind: kind.transpose()?,
            vat_basis_points: vat.unwrap_or(0).cast_unsigned(),
            from_savings,
            council_agreed_on,
            published_on,
            price: cents.map(|cents| CataloguePrice { cents, minutes, points }),
        })
    })
    .transpose()
}

/// What an agreement needs to know of a client: scheme, day of arrival, supporter. None: nobody's wallet.
///
/// # Errors
/// [`DbError`].
pub async fn client(
    mut conn: &AsyncPgConnection,
    wallet: WalletId,
) -> Result<Option<(i32, Option<NaiveDate>, Option<Uuid>)>, DbError> {
    let query: Statement<(Integer, Nullable<Date>, Nullable<SqlUuid>)> = statement(
        "SELECT w.scheme, c.arrived_on, c.supporter FROM wallet AS w LEFT JOIN client AS c ON c.wallet = w.id WHERE w.id = ?",
    )
    .bind(wallet.field());
    Ok(query.get_result(&mut conn).await.optional()?)
}

/// Writes what is to be said of a planned day. None if it is said now; otherwise what was said of it before.
///
/// # Errors
/// [`DbError`].
pub async fn insert_mark(
    mut conn: &AsyncPgConnection,
    line: LineId,
    day: NaiveDate,
    mark: i16,
    reason: Option<String>,
    by: Uuid,
) -> Result<Option<(i16, Option<String>)>, DbError> {
    let query: Statement = statement(
        "INSERT INTO occurrence_mark (line, day, mark, reason, marked_by) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(line.uuid())
    .bind(day)
    .bind(mark)
    .bind(reason)
    .bind(by);
    if query.execute(&mut conn).await? == 1 {
        return Ok(None);
    }
    let query: Statement<(SmallInt, Nullable<Text>)> =
        statement("SELECT mark, reason FROM occurrence_mark WHERE line = ? AND day = ?").bind(line.uuid()).bind(day);
    Ok(Some(query.get_result(&mut conn).await?))
}

/// Who performs an occurrence, for how many, and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Detail {
    pub function: Option<String>,
    pub staff_count: u16,
    pub group_size: u16,
    pub duration_minutes: u16,
}

/// Of all lines of wallets.
///
/// # Errors
/// [`DbError`].
pub async fn details(mut conn: &AsyncPgConnection, wallets: &[WalletId]) -> Result<HashMap<LineId, Detail>, DbError> {
    let query: Statement<(SqlUuid, Nullable<Text>, SmallInt, SmallInt, SmallInt)> = statement(
        "SELECT id, function, staff_count, group_size, duration_minutes FROM plan_line WHERE wallet = ANY(?)",
    )
    .bind(wallets.iter().map(|wallet| wallet.field()).collect::<Vec<_>>());
    let rows = query.load::<(Uuid, Option<String>, i16, i16, i16)>(&mut conn).await?;
    rows.into_iter()
        .map(|(id, function, staff_count, group_size, minutes)| {
            let detail = Detail {
                function,
                staff_count: staff_count.cast_unsigned(),
                group_size: group_size.cast_unsigned(),
                duration_minutes: minutes.cast_unsigned(),
            };
            Ok((LineId::new(id).ok_or_else(|| corrupt("plan_line.id"))?, detail))
        })
        .collect()
}

/// The next clients of an organisation after this wallet, at a location or anywhere.
///
/// # Errors
/// [`DbError`].
pub async fn clients_at(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    location: Option<Uuid>,
    after: i64,
    limit: i64,
) -> Result<Vec<WalletId>, DbError> {
    let first = i64::from(organisation.number()) << 32;
    let query: Statement<BigInt> = statement(
        "SELECT c.wallet FROM client AS c JOIN wallet AS w ON w.id = c.wallet \
         WHERE c.wallet > ? AND c.wallet < ? AND w.status = 1 AND (?::uuid IS NULL OR c.location = ?) ORDER BY c.wallet LIMIT ?",
    )
    .bind(after.max(first))
    .bind(first + (1 << 32))
    .bind(location)
    .bind(location)
    .bind(limit);
    let ids = query.load::<i64>(&mut conn).await?;
    ids.into_iter().map(|id| WalletId::from_field(id).ok_or_else(|| corrupt("client.wallet"))).collect()
}
