//! Price lists by location and version.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::OptionalExtension;
use diesel::sql_types::{BigInt, Bool, Nullable, SmallInt, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::funding::LineKind;
use crate::domain::money::{Amount, Unit};
use crate::domain::price_list::{Price, PriceList};
use crate::domain::wallet::Buyer;

type PriceSql = (SqlUuid, SmallInt, SmallInt, BigInt, Nullable<BigInt>, Nullable<BigInt>, SmallInt, Bool);
type PriceRow = (Uuid, i16, i16, i64, Option<i64>, Option<i64>, i16, bool);

/// A version of a location's prices; none if the location has no such version.
///
/// # Errors
/// [`DbError`].
pub async fn load(mut conn: &AsyncPgConnection, location: Uuid, version: u32) -> Result<Option<PriceList>, DbError> {
    let Ok(number) = i32::try_from(version) else { return Ok(None) };
    let query: Statement<(BigInt, Nullable<Timestamptz>)> =
        statement("SELECT id, superseded_at FROM price_list WHERE location = ? AND version = ?")
            .bind(location)
            .bind(number);
    let Some((id, superseded_at)) = query.get_result::<(i64, Option<DateTime<Utc>>)>(&mut conn).await.optional()?
    else {
        return Ok(None);
    };
    let query: Statement<PriceSql> = statement(
        "SELECT service, buyer, kind, price_cents, minutes, points, vat_basis_points, from_savings \
         FROM price WHERE price_list = ?",
    )
    .bind(id);
    let mut prices = HashMap::new();
    for (service, buyer, kind, cents, minutes, points, vat, from_savings) in query.load::<PriceRow>(&mut conn).await? {
        let buyer = Buyer::from_code(buyer.into()).ok_or_else(|| corrupt("price.buyer"))?;
        let amount = |minor, unit| Amount::new(minor, unit).map_err(|_| corrupt("price"));
        let price = Price {
            kind: LineKind::from_code(kind.into()).ok_or_else(|| corrupt("price.kind"))?,
            cents: amount(cents, Unit::Eur)?,
            minutes: minutes.map(|minor| amount(minor, Unit::Min)).transpose()?,
            points: points.map(|minor| amount(minor, Unit::Pnt)).transpose()?,
            vat_basis_points: vat.cast_unsigned(),
            from_savings,
        };
        prices.insert((service, buyer), price);
    }
    Ok(Some(PriceList { version, superseded_at, prices }))
}
