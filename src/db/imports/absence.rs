//! How long absence is funded.

use chrono::NaiveDate;
use diesel::sql_types::{Date, SmallInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::db::statement::{Statement, statement};
use crate::db::{DbError, corrupt};
use crate::domain::absence::AbsenceSetting;
use crate::domain::account::OrganisationId;
use crate::domain::import::AbsenceSettingRow;
use crate::domain::indication::Delivery;

type Sql = (SmallInt, Date, SmallInt, SmallInt, SmallInt, SmallInt, Text);
type Row = (i16, NaiveDate, i16, i16, i16, i16, String);

/// All settings of an organisation.
///
/// # Errors
/// [`DbError`].
pub async fn settings(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
) -> Result<Vec<AbsenceSettingRow>, DbError> {
    let query: Statement<Sql> = statement(
        "SELECT delivery, from_date, medical_days, holiday_days_each, holiday_days_year, holiday_after_days, source \
         FROM absence_setting WHERE organisation = ?",
    )
    .bind(i32::from(organisation.number()));
    let rows = query.load::<Row>(&mut conn).await?;
    rows.into_iter()
        .map(|(delivery, from, medical, each, year, after, source)| {
            let days = |days| u32::try_from(days).map_err(|_| corrupt("absence_setting: days"));
            let setting = AbsenceSetting {
                delivery: Delivery::from_code(delivery.into()).ok_or_else(|| corrupt("absence_setting.delivery"))?,
                from,
                medical_days: days(medical)?,
                holiday_days_each: days(each)?,
                holiday_days_year: days(year)?,
                holiday_after_days: days(after)?,
            };
            Ok(AbsenceSettingRow { setting, source })
        })
        .collect()
}

/// Adds settings, or writes what they say now.
///
/// # Errors
/// [`DbError`].
pub async fn write_settings(
    conn: &mut AsyncPgConnection,
    organisation: OrganisationId,
    rows: &[&AbsenceSettingRow],
) -> Result<(), DbError> {
    let days = |of: fn(&AbsenceSetting) -> u32| {
        let days = rows.iter().map(|row| i16::try_from(of(&row.setting)));
        days.collect::<Result<Vec<i16>, _>>().map_err(|_| corrupt("absence_setting: days"))
    };
    let query: Statement = statement(
        "INSERT INTO absence_setting (organisation, delivery, from_date, medical_days, holiday_days_each, \
         holiday_days_year, holiday_after_days, source) SELECT ?, unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), \
         unnest(?), unnest(?) ON CONFLICT (organisation, delivery, from_date) DO UPDATE SET \
         medical_days = excluded.medical_days, holiday_days_each = excluded.holiday_days_each, \
         holiday_days_year = excluded.holiday_days_year, holiday_after_days = excluded.holiday_after_days, \
         source = excluded.source",
    )
    .bind(i32::from(organisation.number()))
    .bind(rows.iter().map(|row| i16::from(row.setting.delivery.code())).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.setting.from).collect::<Vec<_>>())
    .bind(days(|setting| setting.medical_days)?)
    .bind(days(|setting| setting.holiday_days_each)?)
    .bind(days(|setting| setting.holiday_days_year)?)
    .bind(days(|setting| setting.holiday_after_days)?)
    .bind(rows.iter().map(|row| row.source.clone()).collect::<Vec<_>>());
    query.execute(conn).await?;
    Ok(())
}
