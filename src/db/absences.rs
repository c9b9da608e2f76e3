//! When clients are away, and how long an organisation's absences are funded.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::OptionalExtension;
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable, SmallInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::absence::{Absence, AbsenceKind, AbsenceSetting, AbsenceSettings};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::indication::Delivery;

type Sql = (BigInt, SmallInt, Date, Nullable<Date>, Nullable<Date>, Nullable<Date>);
type Row = (i64, i16, NaiveDate, Option<NaiveDate>, Option<NaiveDate>, Option<NaiveDate>);

/// What is known of a client's being away.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct AwayRows {
    pub absences: Vec<Absence>,
    pub arrived_on: Option<NaiveDate>,
}

/// Absences of wallets that were not withdrawn, the first first, and when those clients arrived. A wallet that was never away is
/// missing from the answer.
///
/// # Errors
/// [`DbError`].
pub async fn of_wallets(
    mut conn: &AsyncPgConnection,
    wallets: &[WalletId],
) -> Result<HashMap<WalletId, AwayRows>, DbError> {
    let query: Statement<Sql> = statement(
        "SELECT a.wallet, a.kind, a.left_on, a.returned_on, a.permitted_until, c.arrived_on \
         FROM absence AS a LEFT JOIN client AS c ON c.wallet = a.wallet \
         WHERE a.wallet = ANY(?) AND a.withdrawn_at IS NULL ORDER BY a.wallet, a.left_on, a.id",
    )
    .bind(wallets.iter().map(|wallet| wallet.field()).collect::<Vec<_>>());
    let mut found: HashMap<WalletId, AwayRows> = HashMap::new();
    for (wallet, kind, left_on, returned_on, permitted_until, arrived_on) in query.load::<Row>(&mut conn).await? {
        let wallet = WalletId::from_field(wallet).ok_or_else(|| corrupt("absence.wallet"))?;
        let kind = AbsenceKind::from_code(kind.into()).ok_or_else(|| corrupt("absence.kind"))?;
        let rows = found.entry(wallet).or_default();
        rows.arrived_on = arrived_on;
        rows.absences.push(Absence { kind, left_on, returned_on, permitted_until });
    }
    Ok(found)
}

/// How long absence is funded, by organisation. One that has written nothing is missing: [`AbsenceSettings::default`] is its.
///
/// # Errors
/// [`DbError`].
pub async fn settings(
    mut conn: &AsyncPgConnection,
    organisations: &[OrganisationId],
) -> Result<HashMap<OrganisationId, AbsenceSettings>, DbError> {
    let query: Statement<(Integer, SmallInt, Date, SmallInt, SmallInt, SmallInt, SmallInt)> = statement(
        "SELECT organisation, delivery, from_date, medical_days, holiday_days_each, holiday_days_year, \
         holiday_after_days FROM absence_setting WHERE organisation = ANY(?)",
    )
    .bind(organisations.iter().map(|id| i32::from(id.number())).collect::<Vec<_>>());
    type SettingRow = (i32, i16, NaiveDate, i16, i16, i16, i16);
    let mut found: HashMap<OrganisationId, Vec<AbsenceSetting>> = HashMap::new();
    for (organisation, delivery, from, medical, each, year, after) in query.load::<SettingRow>(&mut conn).await? {
        let organisation = u16::try_from(organisation).ok().and_then(OrganisationId::new);
        let organisation = organisation.ok_or_else(|| corrupt("absence_setting.organisation"))?;
        let delivery = Delivery::from_code(delivery.into()).ok_or_else(|| corrupt("absence_setting.delivery"))?;
        let days = |days| u32::try_from(days).map_err(|_| corrupt("absence_setting: days"));
        found.entry(organisation).or_default().push(AbsenceSetting {
            delivery,
            from,
            medical_days: days(medical)?,
            holiday_days_each: days(each)?,
            holiday_days_year: days(year)?,
            holiday_after_days: days(after)?,
        });
    }
    Ok(found.into_iter().map(|(organisation, settings)| (organisation, AbsenceSettings::new(settings))).collect())
}

/// An absence as it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct AbsenceRow {
    pub id: Uuid,
    pub absence: Absence,
    /// The organisation's day on which it was told.
    pub told_on: NaiveDate,
    pub is_withdrawn: bool,
}

type OneSql = (SqlUuid, SmallInt, Date, Nullable<Date>, Nullable<Date>, Date, Bool);
type OneRow = (Uuid, i16, NaiveDate, Option<NaiveDate>, Option<NaiveDate>, NaiveDate, bool);

fn read(row: OneRow) -> Result<AbsenceRow, DbError> {
    let (id, kind, left_on, returned_on, permitted_until, told_on, is_withdrawn) = row;
    let kind = AbsenceKind::from_code(kind.into()).ok_or_else(|| corrupt("absence.kind"))?;
    Ok(AbsenceRow { id, absence: Absence { kind, left_on, returned_on, permitted_until }, told_on, is_withdrawn })
}

/// One absence, withdrawn or not; none if this wallet has no such.
///
/// # Errors
/// [`DbError`].
pub async fn find(mut conn: &AsyncPgConnection, wallet: WalletId, id: Uuid) -> Result<Option<AbsenceRow>, DbError> {
    let query: Statement<OneSql> = statement(
        "SELECT id, kind, left_on, returned_on, permitted_until, told_on, withdrawn_at IS NOT NULL FROM absence \
         WHERE id = ? AND wallet = ?",
    )
    .bind(id)
    .bind(wallet.field());
    query.get_result::<OneRow>(&mut conn).await.optional()?.map(read).transpose()
}

/// Absences of a wallet by id, withdrawn ones too, those after `after`, at most `limit`.
///
/// # Errors
/// [`DbError`].
pub async fn page(
    mut conn: &AsyncPgConnection,
    wallet: WalletId,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<AbsenceRow>, DbError> {
    let query: Statement<OneSql> = statement(
        "SELECT id, kind, left_on, returned_on, permitted_until, told_on, withdrawn_at IS NOT NULL FROM absence \
         WHERE wallet = ? AND id > ? ORDER BY id LIMIT ?",
    )
    .bind(wallet.field())
    .bind(after.unwrap_or(Uuid::nil()))
    .bind(limit);
    query.load::<OneRow>(&mut conn).await?.into_iter().map(read).collect()
}

/// Writes that a client left; false if the id is taken.
///
/// # Errors
/// [`DbError`].
pub async fn insert(
    mut conn: &AsyncPgConnection,
    wallet: WalletId,
    id: Uuid,
    absence: &Absence,
    told_on: NaiveDate,
) -> Result<bool, DbError> {
    let query: Statement = statement(
        "INSERT INTO absence (id, wallet, kind, left_on, returned_on, permitted_until, told_on) \
         VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
    )
    .bind(id)
    .bind(wallet.field())
    .bind(i16::from(absence.kind.code()))
    .bind(absence.left_on)
    .bind(absence.returned_on)
    .bind(absence.permitted_until)
    .bind(told_on);
    Ok(query.execute(&mut conn).await? == 1)
}

/// Writes when a client returns, and until when medical absence is permitted.
///
/// # Errors
/// [`DbError`].
pub async fn update(mut conn: &AsyncPgConnection, id: Uuid, absence: &Absence) -> Result<(), DbError> {
    let query: Statement = statement("UPDATE absence SET returned_on = ?, permitted_until = ? WHERE id = ?")
        .bind(absence.returned_on)
        .bind(absence.permitted_until)
        .bind(id);
    query.execute(&mut conn).await?;
    Ok(())
}

/// Writes that an absence was entered by mistake.
///
/// # Errors
/// [`DbError`].
pub async fn withdraw(mut conn: &AsyncPgConnection, id: Uuid) -> Result<(), DbError> {
    let query: Statement =
        statement("UPDATE absence SET withdrawn_at = clock_timestamp() WHERE id = ? AND withdrawn_at IS NULL").bind(id);
    query.execute(&mut conn).await?;
    Ok(())
}
