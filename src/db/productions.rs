//! What the production report is computed from: contracts with their product codes, and what months were granted.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable, SmallInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::indication::{Delivery, Package, Period};
use crate::domain::production::Product;

fn product(code: String, from: NaiveDate, to: Option<NaiveDate>, day_cents: i64) -> Result<Product, DbError> {
    let period = Period::new(from, to).ok_or_else(|| corrupt("a period"))?;
    Ok(Product { code, period, day_cents })
}

/// An organisation's tariffs that have days in a month, with their product codes, by package.
///
/// # Errors
/// [`DbError`].
pub async fn tariffs(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    month: NaiveDate,
) -> Result<HashMap<Package, Vec<Product>>, DbError> {
    type Row = (String, String, i16, bool, bool, NaiveDate, Option<NaiveDate>, i64);
    type Sql = (Text, Text, SmallInt, Bool, Bool, Date, Nullable<Date>, BigInt);
    let query: Statement<Sql> = statement(
        "SELECT code, profile, delivery, treatment, day_activities, from_date, to_date, day_cents FROM tariff \
         WHERE organisation = ? AND from_date < ?::date + interval '1 month' AND (to_date IS NULL OR to_date >= ?)",
    )
    .bind(i32::from(organisation.number()))
    .bind(month)
    .bind(month);
    let mut by_package: HashMap<Package, Vec<Product>> = HashMap::new();
    for (code, profile, delivery, treatment, day_activities, from, to, cents) in query.load::<Row>(&mut conn).await? {
        let delivery = Delivery::from_code(delivery.into()).ok_or_else(|| corrupt("tariff.delivery"))?;
        let package = Package { profile, delivery, treatment, day_activities };
        by_package.entry(package).or_default().push(product(code, from, to, cents)?);
    }
    Ok(by_package)
}

/// Clients' additions that have days in a month, with their codes.
///
/// # Errors
/// [`DbError`].
pub async fn additions(
    mut conn: &AsyncPgConnection,
    wallets: &[WalletId],
    month: NaiveDate,
) -> Result<HashMap<WalletId, Vec<Product>>, DbError> {
    type Row = (i64, String, NaiveDate, Option<NaiveDate>, i64);
    let query: Statement<(BigInt, Text, Date, Nullable<Date>, BigInt)> = statement(
        "SELECT wallet, code, from_date, to_date, day_cents FROM addition WHERE wallet = ANY(?) \
         AND from_date < ?::date + interval '1 month' AND (to_date IS NULL OR to_date >= ?)",
    )
    .bind(wallets.iter().map(|wallet| wallet.field()).collect::<Vec<_>>())
    .bind(month)
    .bind(month);
    let mut by_wallet: HashMap<WalletId, Vec<Product>> = HashMap::new();
    for (wallet, code, from, to, cents) in query.load::<Row>(&mut conn).await? {
        let wallet = WalletId::from_field(wallet).ok_or_else(|| corrupt("addition.wallet"))?;
        by_wallet.entry(wallet).or_default().push(product(code, from, to, cents)?);
    }
    Ok(by_wallet)
}

/// What a client's month was granted by its last revision: days, and cents where the scheme computes in cents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct GrantedRow {
    pub days: i64,
    pub cents: Option<i64>,
}

/// A client who has an indication or a grant in a month.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct EntitledRow {
    pub wallet: WalletId,
    pub number: i32,
    pub arrived_on: Option<NaiveDate>,
    pub granted: Option<GrantedRow>,
}

/// Clients with an indication or a grant in a month, by wallet, those after `after`, at most `limit`.
///
/// # Errors
/// [`DbError`].
pub async fn entitled(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    month: NaiveDate,
    after: i64,
    limit: i64,
) -> Result<Vec<EntitledRow>, DbError> {
    type Row = (i64, i32, Option<NaiveDate>, Option<i16>, Option<i64>, bool);
    type Sql = (BigInt, Integer, Nullable<Date>, Nullable<SmallInt>, Nullable<BigInt>, Bool);
    let query: Statement<Sql> = statement(
        "SELECT c.wallet, c.number, c.arrived_on, g.funded_days, g.gross, w.unit = 1 OR EXISTS (SELECT FROM ledger.operation AS o \
           WHERE o.id = g.operation AND o.unit_value_cents IS NOT NULL) \
         FROM client AS c JOIN wallet AS w ON w.id = c.wallet \
           LEFT JOIN LATERAL (SELECT funded_days, gross, operation FROM month_grant WHERE wallet = c.wallet AND month = ? \
             ORDER BY revision DESC LIMIT 1) AS g ON true \
         WHERE c.wallet > ? AND c.wallet > ?::bigint << 32 AND c.wallet < (?::bigint + 1) << 32 \
           AND (g.funded_days IS NOT NULL OR EXISTS (SELECT FROM indication AS i WHERE i.wallet = c.wallet \
             AND i.from_date < ?::date + interval '1 month' AND (i.to_date IS NULL OR i.to_date >= ?))) \
         ORDER BY c.wallet LIMIT ?",
    )
    .bind(month)
    .bind(after)
    .bind(i64::from(organisation.number()))
    .bind(i64::from(organisation.number()))
    .bind(month)
    .bind(month)
    .bind(limit);
    let rows = query.load::<Row>(&mut conn).await?;
    rows.into_iter()
        .map(|(wallet, number, arrived_on, days, gross, in_cents)| {
            let wallet = WalletId::from_field(wallet).ok_or_else(|| corrupt("client.wallet"))?;
            let granted = days.map(|days| GrantedRow { days: days.into(), cents: gross.filter(|_| in_cents) });
            Ok(EntitledRow { wallet, number, arrived_on, granted })
        })
        .collect()
}
