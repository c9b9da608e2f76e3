//! Price lists by location and version.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::OptionalExtension;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, SmallInt, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::funding::LineKind;
use crate::domain::money::{Amount, Unit};
use crate::domain::price_list::{Price, PriceList};
use crate::domain::wallet::Buyer;

type PriceSql =
    (SqlUuid, SmallInt, SmallInt, BigInt, Nullable<BigInt>, Nullable<BigInt>, SmallInt, Bool, Nullable<SmallInt>);
type PriceRow = (Uuid, i16, i16, i64, Option<i64>, Option<i64>, i16, bool, Option<i16>);

/// A version of a location's prices; none if the location has no such version.
///
/// # Errors
/// [`DbError`].
pub async fn load(mut conn: &AsyncPgConnection, location: Uuid, version: u32) -> Result<Option<PriceList>, DbError> {
    let Ok(number) = i32::try_from(version) else { return Ok(None) };
    let query: Statement<(BigInt, Timestamptz, Nullable<Timestamptz>)> =
        statement("SELECT id, valid_from, superseded_at FROM price_list WHERE location = ? AND version = ?")
            .bind(location)
            .bind(number);
    let Some((id, valid_from, superseded_at)) =
        query.get_result::<(i64, DateTime<Utc>, Option<DateTime<Utc>>)>(&mut conn).await.optional()?
    else {
        return Ok(None);
    };
    let query: Statement<PriceSql> = statement(
        "SELECT service, buyer, kind, price_cents, minutes, points, vat_basis_points, from_savings, included_per_day \
         FROM price WHERE price_list = ?",
    )
    .bind(id);
    let mut prices = HashMap::new();
    for (service, buyer, kind, cents, minutes, points, vat, from_savings, included) in
        query.load::<PriceRow>(&mut conn).await?
    {
        let buyer = Buyer::from_code(buyer.into()).ok_or_else(|| corrupt("price.buyer"))?;
        let amount = |minor, unit| Amount::new(minor, unit).map_err(|_| corrupt("price"));
        let price = Price {
            kind: LineKind::from_code(kind.into()).ok_or_else(|| corrupt("price.kind"))?,
            cents: amount(cents, Unit::Eur)?,
            minutes: minutes.map(|minor| amount(minor, Unit::Min)).transpose()?,
            points: points.map(|minor| amount(minor, Unit::Pnt)).transpose()?,
            vat_basis_points: vat.cast_unsigned(),
            from_savings,
            included_per_day: included.map(i16::cast_unsigned),
        };
        prices.insert((service, buyer), price);
    }
    Ok(Some(PriceList { version, valid_from, superseded_at, prices }))
}

/// The version that no other superseded; none if the location has no prices yet.
///
/// # Errors
/// [`DbError`].
pub async fn latest(mut conn: &AsyncPgConnection, location: Uuid) -> Result<Option<u32>, DbError> {
    let query: Statement<Integer> = statement(
        "SELECT version FROM price_list WHERE location = ? AND superseded_at IS NULL ORDER BY version DESC LIMIT 1",
    )
    .bind(location);
    let version = query.get_result::<i32>(&mut conn).await.optional()?;
    version.map(|version| u32::try_from(version).map_err(|_| corrupt("price_list.version"))).transpose()
}

/// Publishes the next version of a location's prices: the one before it is superseded at the same moment. Answers the
/// version.
///
/// # Errors
/// [`DbError`].
pub async fn publish(
    conn: &mut AsyncPgConnection,
    location: Uuid,
    valid_from: DateTime<Utc>,
    prices: &[(Uuid, Buyer, Price)],
) -> Result<u32, DbError> {
    let query: Statement =
        statement("UPDATE price_list SET superseded_at = ? WHERE location = ? AND superseded_at IS NULL")
            .bind(valid_from)
            .bind(location);
    query.execute(conn).await?;
    let query: Statement<(BigInt, Integer)> = statement(
        "INSERT INTO price_list (location, version, valid_from) SELECT ?, coalesce(max(version), 0) + 1, ? \
         FROM price_list WHERE location = ? RETURNING id, version",
    )
    .bind(location)
    .bind(valid_from)
    .bind(location);
    let (id, version) = query.get_result::<(i64, i32)>(conn).await?;
    let query: Statement = statement(
        "INSERT INTO price (price_list, service, buyer, kind, price_cents, minutes, points, vat_basis_points, \
         from_savings, included_per_day) SELECT ?, unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), \
         unnest(?), unnest(?), unnest(?)",
    )
    .bind(id)
    .bind(prices.iter().map(|(service, ..)| *service).collect::<Vec<_>>())
    .bind(prices.iter().map(|(_, buyer, _)| i16::from(buyer.code())).collect::<Vec<_>>())
    .bind(prices.iter().map(|(.., price)| i16::from(price.kind.code())).collect::<Vec<_>>())
    .bind(prices.iter().map(|(.., price)| price.cents.minor()).collect::<Vec<_>>())
    .bind(prices.iter().map(|(.., price)| price.minutes.map(Amount::minor)).collect::<Vec<_>>())
    .bind(prices.iter().map(|(.., price)| price.points.map(Amount::minor)).collect::<Vec<_>>())
    .bind(prices.iter().map(|(.., price)| price.vat_basis_points.cast_signed()).collect::<Vec<_>>())
    .bind(prices.iter().map(|(.., price)| price.from_savings).collect::<Vec<_>>())
    .bind(prices.iter().map(|(.., price)| price.included_per_day.map(u16::cast_signed)).collect::<Vec<_>>());
    query.execute(conn).await?;
    u32::try_from(version).map_err(|_| corrupt("price_list.version"))
}
