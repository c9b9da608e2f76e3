//! Services with their kinds and prices, as files gave them. Services without a code came by another way and are left alone.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::sql_types::{BigInt, Bool, Date, Nullable, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::db::statement::{Statement, statement};
use crate::db::{DbError, corrupt};
use crate::domain::account::OrganisationId;
use crate::domain::funding::LineKind;
use crate::domain::import::ServiceRow;
use crate::domain::money::{Amount, Unit};
use crate::domain::offer::ServicePrice;
use crate::domain::wallet::Buyer;

/// What `service_kind` has for a buyer to whom a service is not sold any more.
const NOT_SOLD: i16 = 0;

type ServiceSql = (
    (SqlUuid, Text, Text, Text, Text, Nullable<Text>),
    (Nullable<SmallInt>, Nullable<SmallInt>, Bool, Nullable<Date>, Nullable<Date>),
);
type ServiceNow = (
    (Uuid, String, String, String, String, Option<String>),
    (Option<i16>, Option<i16>, bool, Option<NaiveDate>, Option<NaiveDate>),
);

/// An organisation's services that have a code, with their ids.
///
/// # Errors
/// [`DbError`].
pub async fn services(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
) -> Result<Vec<(Uuid, ServiceRow)>, DbError> {
    let number = i32::from(organisation.number());
    let query: Statement<(SqlUuid, SmallInt, SmallInt)> = statement(
        "SELECT k.service, k.buyer, k.kind FROM service_kind AS k JOIN service AS s ON s.id = k.service \
         WHERE s.organisation = ?",
    )
    .bind(number);
    let mut kinds: HashMap<Uuid, [Option<LineKind>; 6]> = HashMap::new();
    for (service, buyer, kind) in query.load::<(Uuid, i16, i16)>(&mut conn).await? {
        let buyer = Buyer::from_code(buyer.into()).ok_or_else(|| corrupt("service_kind.buyer"))?;
        let place = Buyer::ALL.iter().position(|other| *other == buyer);
        let kind = match kind {
            NOT_SOLD => None,
            kind => Some(LineKind::from_code(kind.into()).ok_or_else(|| corrupt("service_kind.kind"))?),
        };
        if let Some(known) = place.and_then(|place| kinds.entry(service).or_default().get_mut(place)) {
            *known = kind;
        }
    }
    let query: Statement<ServiceSql> = statement(
        "SELECT id, code, name, name_en, category, function, vat_basis_points, included_per_day, from_savings, \
         council_agreed_on, published_on FROM service WHERE organisation = ? AND code IS NOT NULL ORDER BY code",
    )
    .bind(number);
    let rows = query.load::<ServiceNow>(&mut conn).await?;
    Ok(rows
        .into_iter()
        .map(
            |(
                (id, code, name, name_en, category, function),
                (vat, included_per_day, from_savings, agreed, published),
            )| {
                let row = ServiceRow {
                    code,
                    name,
                    name_en,
                    category,
                    function,
                    vat_basis_points: vat.unwrap_or(0),
                    included_per_day,
                    from_savings,
                    council_agreed_on: agreed,
                    published_on: published,
                    kinds: kinds.remove(&id).unwrap_or_default(),
                };
                (id, row)
            },
        )
        .collect())
}

/// Adds services under these ids, or writes what they are now, with their kind for each buyer.
///
/// # Errors
/// [`DbError`].
pub async fn write_services(
    conn: &mut AsyncPgConnection,
    organisation: OrganisationId,
    rows: &[(Uuid, &ServiceRow)],
) -> Result<(), DbError> {
    let query: Statement = statement(
        "INSERT INTO service (organisation, id, code, name, name_en, category, function, vat_basis_points, \
         included_per_day, from_savings, council_agreed_on, published_on) SELECT ?, unnest(?), unnest(?), unnest(?), \
         unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_en = excluded.name_en, category = excluded.category, \
         function = excluded.function, vat_basis_points = excluded.vat_basis_points, \
         included_per_day = excluded.included_per_day, from_savings = excluded.from_savings, \
         council_agreed_on = excluded.council_agreed_on, published_on = excluded.published_on",
    )
    .bind(i32::from(organisation.number()))
    .bind(rows.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.code.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.name.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.name_en.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.category.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.function.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.vat_basis_points).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.included_per_day).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.from_savings).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.council_agreed_on).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.published_on).collect::<Vec<_>>());
    query.execute(conn).await?;
    let kinds = rows.iter().flat_map(|(id, row)| {
        Buyer::ALL
            .into_iter()
            .zip(row.kinds)
            .map(|(buyer, kind)| (*id, i16::from(buyer.code()), kind.map_or(NOT_SOLD, |kind| i16::from(kind.code()))))
    });
    let kinds: Vec<(Uuid, i16, i16)> = kinds.collect();
    // What was never sold to a buyer has no row.
    let query: Statement = statement(
        "INSERT INTO service_kind (service, buyer, kind) SELECT u.* FROM (SELECT unnest(?) AS service, unnest(?) AS buyer, \
         unnest(?) AS kind) AS u WHERE u.kind <> 0 OR EXISTS (SELECT FROM service_kind AS k \
         WHERE k.service = u.service AND k.buyer = u.buyer) \
         ON CONFLICT (service, buyer) DO UPDATE SET kind = excluded.kind",
    )
    .bind(kinds.iter().map(|(service, ..)| *service).collect::<Vec<_>>())
    .bind(kinds.iter().map(|(_, buyer, _)| *buyer).collect::<Vec<_>>())
    .bind(kinds.iter().map(|(.., kind)| *kind).collect::<Vec<_>>());
    query.execute(conn).await?;
    Ok(())
}

type PriceSql = (SqlUuid, Text, Date, BigInt, Nullable<BigInt>, Nullable<BigInt>, Nullable<Text>);
type PriceNow = (Uuid, String, NaiveDate, i64, Option<i64>, Option<i64>, Option<String>);

/// All prices of an organisation's services.
///
/// # Errors
/// [`DbError`].
pub async fn prices(mut conn: &AsyncPgConnection, organisation: OrganisationId) -> Result<Vec<ServicePrice>, DbError> {
    let query: Statement<PriceSql> = statement(
        "SELECT p.service, p.function, p.from_date, p.price_cents, p.minutes, p.points, p.points_reason \
         FROM service_price AS p JOIN service AS s ON s.id = p.service WHERE s.organisation = ?",
    )
    .bind(i32::from(organisation.number()));
    let rows = query.load::<PriceNow>(&mut conn).await?;
    rows.into_iter()
        .map(|(service, function, from, cents, minutes, points, points_reason)| {
            let amount = |minor, unit| Amount::new(minor, unit).map_err(|_| corrupt("service_price"));
            Ok(ServicePrice {
                service,
                function,
                from,
                price: amount(cents, Unit::Eur)?,
                minutes: minutes.map(|minor| amount(minor, Unit::Min)).transpose()?,
                points: points.map(|minor| amount(minor, Unit::Pnt)).transpose()?,
                points_reason,
            })
        })
        .collect()
}

/// Adds prices, or writes what they are now.
///
/// # Errors
/// [`DbError`].
pub async fn write_prices(conn: &mut AsyncPgConnection, rows: &[&ServicePrice]) -> Result<(), DbError> {
    let query: Statement = statement(
        "INSERT INTO service_price (service, function, from_date, price_cents, minutes, points, points_reason) \
         SELECT unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?) \
         ON CONFLICT (service, function, from_date) DO UPDATE SET price_cents = excluded.price_cents, \
         minutes = excluded.minutes, points = excluded.points, points_reason = excluded.points_reason",
    )
    .bind(rows.iter().map(|row| row.service).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.function.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.from).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.price.minor()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.minutes.map(Amount::minor)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.points.map(Amount::minor)).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.points_reason.clone()).collect::<Vec<_>>());
    query.execute(conn).await?;
    Ok(())
}
