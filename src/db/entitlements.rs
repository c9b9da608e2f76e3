//! What a month's grant follows from: clients' indications and additions, and an organisation's contracted tariffs.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::sql_types::{BigInt, Bool, Date, Nullable, SmallInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::indication::{Delivery, Indication, Package, Period};
use crate::domain::money::Amount;
use crate::domain::tariff::{Addition, Tariff};

fn wallet(field: i64) -> Result<WalletId, DbError> {
    WalletId::from_field(field).ok_or_else(|| corrupt("wallet"))
}

fn package(profile: String, delivery: i16, treatment: bool, day_activities: bool) -> Result<Package, DbError> {
    let delivery = Delivery::from_code(delivery.into()).ok_or_else(|| corrupt("delivery"))?;
    Ok(Package { profile, delivery, treatment, day_activities })
}

fn period(from: NaiveDate, to: Option<NaiveDate>) -> Result<Period, DbError> {
    Period::new(from, to).ok_or_else(|| corrupt("a period"))
}

/// All indications of wallets, by first day.
///
/// # Errors
/// [`DbError`].
pub async fn indications(
    mut conn: &AsyncPgConnection,
    wallets: &[WalletId],
) -> Result<HashMap<WalletId, Vec<Indication>>, DbError> {
    type Sql = (BigInt, Date, Nullable<Date>, Text, SmallInt, Bool, Bool);
    type Row = (i64, NaiveDate, Option<NaiveDate>, String, i16, bool, bool);
    let query: Statement<Sql> = statement(
        "SELECT wallet, from_date, to_date, profile, delivery, treatment, day_activities FROM indication \
         WHERE wallet = ANY(?) ORDER BY wallet, from_date",
    )
    .bind(wallets.iter().map(|wallet| wallet.field()).collect::<Vec<_>>());
    let mut by_wallet: HashMap<WalletId, Vec<Indication>> = HashMap::new();
    for (field, from, to, profile, delivery, treatment, activities) in query.load::<Row>(&mut conn).await? {
        let package = package(profile, delivery, treatment, activities)?;
        by_wallet.entry(wallet(field)?).or_default().push(Indication { package, period: period(from, to)? });
    }
    Ok(by_wallet)
}

/// Additions of wallets that have days in a month.
///
/// # Errors
/// [`DbError`].
pub async fn additions(
    mut conn: &AsyncPgConnection,
    wallets: &[WalletId],
    month: NaiveDate,
) -> Result<HashMap<WalletId, Vec<Addition>>, DbError> {
    let query: Statement<(BigInt, Date, Nullable<Date>, BigInt)> = statement(
        "SELECT wallet, from_date, to_date, day_cents FROM addition WHERE wallet = ANY(?) \
         AND from_date < ?::date + interval '1 month' AND (to_date IS NULL OR to_date >= ?)",
    )
    .bind(wallets.iter().map(|wallet| wallet.field()).collect::<Vec<_>>())
    .bind(month)
    .bind(month);
    let mut by_wallet: HashMap<WalletId, Vec<Addition>> = HashMap::new();
    for (field, from, to, cents) in query.load::<(i64, NaiveDate, Option<NaiveDate>, i64)>(&mut conn).await? {
        let day = Amount::cents(cents).map_err(|_| corrupt("addition.day_cents"))?;
        by_wallet.entry(wallet(field)?).or_default().push(Addition { period: period(from, to)?, day });
    }
    Ok(by_wallet)
}

/// An organisation's tariffs that have days in a month, by package.
///
/// # Errors
/// [`DbError`].
pub async fn tariffs(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    month: NaiveDate,
) -> Result<HashMap<Package, Vec<Tariff>>, DbError> {
    type Sql = (Text, SmallInt, Bool, Bool, Date, Nullable<Date>, BigInt);
    type Row = (String, i16, bool, bool, NaiveDate, Option<NaiveDate>, i64);
    let query: Statement<Sql> = statement(
        "SELECT profile, delivery, treatment, day_activities, from_date, to_date, day_cents FROM tariff \
         WHERE organisation = ? AND from_date < ?::date + interval '1 month' AND (to_date IS NULL OR to_date >= ?)",
    )
    .bind(i32::from(organisation.number()))
    .bind(month)
    .bind(month);
    let mut by_package: HashMap<Package, Vec<Tariff>> = HashMap::new();
    for (profile, delivery, treatment, activities, from, to, cents) in query.load::<Row>(&mut conn).await? {
        let package = package(profile, delivery, treatment, activities)?;
        let day = Amount::cents(cents).map_err(|_| corrupt("tariff.day_cents"))?;
        let tariff = Tariff { package: package.clone(), period: period(from, to)?, day };
        by_package.entry(package).or_default().push(tariff);
    }
    Ok(by_package)
}

/// The last day of those of these clients who left.
///
/// # Errors
/// [`DbError`].
pub async fn left(mut conn: &AsyncPgConnection, wallets: &[WalletId]) -> Result<HashMap<WalletId, NaiveDate>, DbError> {
    let query: Statement<(BigInt, Date)> =
        statement("SELECT wallet, left_on FROM client WHERE wallet = ANY(?) AND left_on IS NOT NULL")
            .bind(wallets.iter().map(|wallet| wallet.field()).collect::<Vec<_>>());
    let rows = query.load::<(i64, NaiveDate)>(&mut conn).await?;
    rows.into_iter().map(|(field, day)| Ok((wallet(field)?, day))).collect()
}

/// Writes a client's last day; false where there is no such client.
///
/// # Errors
/// [`DbError`].
pub async fn set_left(mut conn: &AsyncPgConnection, wallet: WalletId, day: NaiveDate) -> Result<bool, DbError> {
    let query: Statement = statement("UPDATE client SET left_on = ? WHERE wallet = ?").bind(day).bind(wallet.field());
    Ok(query.execute(&mut conn).await? == 1)
}
