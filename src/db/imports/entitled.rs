//! Tariffs, indications, additions; and who buys as what by them.

use chrono::NaiveDate;
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable, SmallInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::wallets_of;
use crate::db::statement::{Statement, statement};
use crate::db::{DbError, corrupt};
use crate::domain::account::OrganisationId;
use crate::domain::import::{AdditionRow, IndicationRow, TariffRow};
use crate::domain::indication::{Delivery, Package, Period};
use crate::domain::money::Amount;

type PackageSql = (Text, SmallInt, Bool, Bool, Date, Nullable<Date>);
type PackageRow = (String, i16, bool, bool, NaiveDate, Option<NaiveDate>);

fn read_package(row: PackageRow) -> Result<(Package, Period), DbError> {
    let (profile, delivery, treatment, day_activities, from, to) = row;
    let delivery = Delivery::from_code(delivery.into()).ok_or_else(|| corrupt("delivery"))?;
    Ok((Package { profile, delivery, treatment, day_activities }, Period { from, to }))
}

fn cents(minor: i64) -> Result<Amount, DbError> {
    Amount::cents(minor).map_err(|_| corrupt("day_cents"))
}

/// All tariffs of an organisation.
///
/// # Errors
/// [`DbError`].
pub async fn tariffs(mut conn: &AsyncPgConnection, organisation: OrganisationId) -> Result<Vec<TariffRow>, DbError> {
    let query: Statement<(PackageSql, Text, BigInt, Text)> = statement(
        "SELECT profile, delivery, treatment, day_activities, from_date, to_date, code, day_cents, source FROM tariff \
         WHERE organisation = ?",
    )
    .bind(i32::from(organisation.number()));
    let rows = query.load::<(PackageRow, String, i64, String)>(&mut conn).await?;
    rows.into_iter()
        .map(|(package, code, day, source)| {
            let (package, period) = read_package(package)?;
            Ok(TariffRow { code, package, period, day: cents(day)?, source })
        })
        .collect()
}

/// Adds tariffs, or writes what they say now.
///
/// # Errors
/// [`DbError`].
pub async fn write_tariffs(
    conn: &mut AsyncPgConnection,
    organisation: OrganisationId,
    rows: &[&TariffRow],
) -> Result<(), DbError> {
    let packages: Vec<&Package> = rows.iter().map(|row| &row.package).collect();
    let query: Statement = statement(
        "INSERT INTO tariff (organisation, code, profile, delivery, treatment, day_activities, from_date, to_date, \
         day_cents, source) SELECT ?, unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), \
         unnest(?), unnest(?) ON CONFLICT (organisation, profile, delivery, treatment, day_activities, from_date) \
         DO UPDATE SET code = excluded.code, to_date = excluded.to_date, day_cents = excluded.day_cents, \
         source = excluded.source",
    )
    .bind(i32::from(organisation.number()))
    .bind(rows.iter().map(|row| row.code.clone()).collect::<Vec<_>>())
    .bind(packages.iter().map(|package| package.profile.clone()).collect::<Vec<_>>())
    .bind(packages.iter().map(|package| i16::from(package.delivery.code())).collect::<Vec<_>>())
    .bind(packages.iter().map(|package| package.treatment).collect::<Vec<_>>())
    .bind(packages.iter().map(|package| package.day_activities).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.period.from).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.period.to).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.day.minor()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.source.clone()).collect::<Vec<_>>());
    query.execute(conn).await?;
    Ok(())
}

/// All indications of an organisation's clients, by client's number.
///
/// # Errors
/// [`DbError`].
pub async fn indications(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
) -> Result<Vec<IndicationRow>, DbError> {
    let (first, last) = wallets_of(organisation);
    let query: Statement<(Integer, PackageSql)> = statement(
        "SELECT c.number, i.profile, i.delivery, i.treatment, i.day_activities, i.from_date, i.to_date \
         FROM indication AS i JOIN client AS c ON c.wallet = i.wallet WHERE i.wallet BETWEEN ? AND ?",
    )
    .bind(first)
    .bind(last);
    let rows = query.load::<(i32, PackageRow)>(&mut conn).await?;
    rows.into_iter()
        .map(|(client, package)| {
            let (package, period) = read_package(package)?;
            Ok(IndicationRow { client, package, period })
        })
        .collect()
}

/// Adds indications, each with its wallet, or writes what they say now.
///
/// # Errors
/// [`DbError`].
pub async fn write_indications(conn: &mut AsyncPgConnection, rows: &[(i64, &IndicationRow)]) -> Result<(), DbError> {
    let packages: Vec<&Package> = rows.iter().map(|(_, row)| &row.package).collect();
    let query: Statement = statement(
        "INSERT INTO indication (wallet, from_date, to_date, profile, delivery, treatment, day_activities) \
         SELECT unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?) \
         ON CONFLICT (wallet, from_date) DO UPDATE SET to_date = excluded.to_date, profile = excluded.profile, \
         delivery = excluded.delivery, treatment = excluded.treatment, day_activities = excluded.day_activities",
    )
    .bind(rows.iter().map(|(wallet, _)| *wallet).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.period.from).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.period.to).collect::<Vec<_>>())
    .bind(packages.iter().map(|package| package.profile.clone()).collect::<Vec<_>>())
    .bind(packages.iter().map(|package| i16::from(package.delivery.code())).collect::<Vec<_>>())
    .bind(packages.iter().map(|package| package.treatment).collect::<Vec<_>>())
    .bind(packages.iter().map(|package| package.day_activities).collect::<Vec<_>>());
    query.execute(conn).await?;
    Ok(())
}

/// All additions of an organisation's clients, by client's number.
///
/// # Errors
/// [`DbError`].
pub async fn additions(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
) -> Result<Vec<AdditionRow>, DbError> {
    let (first, last) = wallets_of(organisation);
    let query: Statement<(Integer, Text, Date, Nullable<Date>, BigInt)> = statement(
        "SELECT c.number, a.code, a.from_date, a.to_date, a.day_cents FROM addition AS a \
         JOIN client AS c ON c.wallet = a.wallet WHERE a.wallet BETWEEN ? AND ?",
    )
    .bind(first)
    .bind(last);
    let rows = query.load::<(i32, String, NaiveDate, Option<NaiveDate>, i64)>(&mut conn).await?;
    rows.into_iter()
        .map(|(client, code, from, to, day)| {
            Ok(AdditionRow { client, code, period: Period { from, to }, day: cents(day)? })
        })
        .collect()
}

/// Adds additions, each with its wallet, or writes what they say now.
///
/// # Errors
/// [`DbError`].
pub async fn write_additions(conn: &mut AsyncPgConnection, rows: &[(i64, &AdditionRow)]) -> Result<(), DbError> {
    let query: Statement = statement(
        "INSERT INTO addition (wallet, code, from_date, to_date, day_cents) \
         SELECT unnest(?), unnest(?), unnest(?), unnest(?), unnest(?) ON CONFLICT (wallet, code, from_date) \
         DO UPDATE SET to_date = excluded.to_date, day_cents = excluded.day_cents",
    )
    .bind(rows.iter().map(|(wallet, _)| *wallet).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.code.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.period.from).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.period.to).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.day.minor()).collect::<Vec<_>>());
    query.execute(conn).await?;
    Ok(())
}

/// Lets clients buy as what their indication of the day says: its form of delivery, or without Wlz where none covers the
/// day. Of two that cover it the later one counts. Who never had an indication is left alone. Answers how many changed.
///
/// # Errors
/// [`DbError`].
pub async fn follow_indications(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    today: NaiveDate,
) -> Result<usize, DbError> {
    let (first, last) = wallets_of(organisation);
    // Codes 1 to 3 of delivery are those of buyers; 4 is no Wlz. Locked in number order, as everybody locks wallets.
    let query: Statement<(BigInt, SmallInt)> = statement(
        "SELECT w.id, f.buyer FROM wallet AS w JOIN (SELECT wallet, coalesce((array_agg(delivery ORDER BY from_date DESC) \
         FILTER (WHERE from_date <= ? AND (to_date IS NULL OR to_date >= ?)))[1], 4)::smallint AS buyer FROM indication \
         WHERE wallet BETWEEN ? AND ? GROUP BY wallet) AS f ON f.wallet = w.id WHERE w.buyer <> f.buyer \
         ORDER BY w.id FOR UPDATE OF w",
    )
    .bind(today)
    .bind(today)
    .bind(first)
    .bind(last);
    let differing = query.load::<(i64, i16)>(&mut conn).await?;
    if differing.is_empty() {
        return Ok(0);
    }
    let query: Statement = statement(
        "UPDATE wallet AS w SET buyer = u.buyer FROM (SELECT unnest(?) AS id, unnest(?) AS buyer) AS u WHERE w.id = u.id",
    )
    .bind(differing.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(differing.iter().map(|(_, buyer)| *buyer).collect::<Vec<_>>());
    Ok(query.execute(&mut conn).await?)
}
