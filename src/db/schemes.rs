//! Schemes as files say them, and from which month on each version is used.

use chrono::NaiveDate;
use diesel::OptionalExtension;
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable, SmallInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::funding::{CareFromSavings, Unplanned};
use crate::domain::money::Unit;
use crate::domain::scheme::Scheme;

/// A version of a scheme as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SchemeRow {
    pub id: i32,
    pub organisation: i32,
    pub name: String,
    pub version: i32,
    pub unit: Unit,
    /// The file; none for rows of before there were files.
    pub source: Option<String>,
    /// The first day of the month from which on it is used.
    pub from: Option<NaiveDate>,
    /// Wallets that are in it now.
    pub wallets: i64,
}

type RowSql = (Integer, Integer, Text, Integer, SmallInt, Nullable<Text>, Nullable<Date>, BigInt);
type Row = (i32, i32, String, i32, i16, Option<String>, Option<NaiveDate>, i64);

/// All versions, of one organisation or of all, by organisation, name and version.
///
/// # Errors
/// [`DbError`].
pub async fn list(
    mut conn: &AsyncPgConnection,
    organisation: Option<OrganisationId>,
) -> Result<Vec<SchemeRow>, DbError> {
    let query: Statement<RowSql> = statement(
        "SELECT s.id, s.organisation, s.name, s.version, s.unit, s.source, f.month, \
         (SELECT count(*) FROM wallet AS w WHERE w.scheme = s.id) \
         FROM scheme AS s LEFT JOIN scheme_start AS f ON f.scheme = s.id \
         WHERE s.organisation = coalesce(?, s.organisation) ORDER BY s.organisation, s.name, s.version",
    )
    .bind(organisation.map(|id| i32::from(id.number())));
    let rows = query.load::<Row>(&mut conn).await?;
    rows.into_iter()
        .map(|(id, organisation, name, version, unit, source, from, wallets)| {
            let unit = Unit::from_code(unit.into()).ok_or_else(|| corrupt("scheme.unit"))?;
            Ok(SchemeRow { id, organisation, name, version, unit, source, from, wallets })
        })
        .collect()
}

/// The files of schemes; none for rows of before there were files.
///
/// # Errors
/// [`DbError`].
pub async fn sources(mut conn: &AsyncPgConnection, ids: &[i32]) -> Result<Vec<(i32, Option<String>)>, DbError> {
    let query: Statement<(Integer, Nullable<Text>)> =
        statement("SELECT id, source FROM scheme WHERE id = ANY(?)").bind(ids.to_vec());
    Ok(query.load::<(i32, Option<String>)>(&mut conn).await?)
}

/// For every version of an organisation's schemes: which version of the same name is used in a month. The last that
/// started by then; those of which none has started are missing.
///
/// # Errors
/// [`DbError`].
pub async fn in_force(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    month: NaiveDate,
) -> Result<Vec<(i32, i32)>, DbError> {
    let query: Statement<(Integer, Integer)> = statement(
        "SELECT s.id, used.id FROM scheme AS s, LATERAL (SELECT v.id FROM scheme AS v \
         JOIN scheme_start AS f ON f.scheme = v.id WHERE v.organisation = s.organisation AND v.name = s.name \
         AND f.month <= ? ORDER BY f.month DESC, v.version DESC LIMIT 1) AS used WHERE s.organisation = ?",
    )
    .bind(month)
    .bind(i32::from(organisation.number()));
    Ok(query.load::<(i32, i32)>(&mut conn).await?)
}

/// The version that a wallet is in.
///
/// # Errors
/// [`DbError`].
pub async fn of_wallet(mut conn: &AsyncPgConnection, wallet: WalletId) -> Result<Option<i32>, DbError> {
    let query: Statement<Integer> = statement("SELECT scheme FROM wallet WHERE id = ?").bind(wallet.field());
    Ok(query.get_result::<i32>(&mut conn).await.optional()?)
}

/// Who adopts a scheme or imports a file of an organisation waits for whoever does so too. The triggers that keep tariffs
/// apart take the same lock.
///
/// # Errors
/// [`DbError`].
pub async fn lock(conn: &mut AsyncPgConnection, organisation: OrganisationId) -> Result<(), DbError> {
    let query: Statement = statement("SELECT pg_advisory_xact_lock(7215207, ?)").bind(i32::from(organisation.number()));
    query.execute(conn).await?;
    Ok(())
}

/// Adds a version; answers its number.
///
/// # Errors
/// [`DbError`].
pub async fn insert(
    conn: &mut AsyncPgConnection,
    organisation: OrganisationId,
    scheme: &Scheme,
    source: &str,
) -> Result<i32, DbError> {
    let unplanned: i16 = match scheme.paying.unplanned {
        Unplanned::Personal => 1,
        Unplanned::Collective => 2,
    };
    let care_from_savings: i16 = match scheme.paying.care_from_savings {
        CareFromSavings::Never => 0,
        CareFromSavings::Consented => 1,
        CareFromSavings::Always => 2,
    };
    let query: Statement<Integer> = statement(
        "INSERT INTO scheme (organisation, name, version, unit, unplanned, extras_from_budget, extras_from_savings, \
         care_from_savings, source) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
    )
    .bind(i32::from(organisation.number()))
    .bind(scheme.name.clone())
    .bind(i32::try_from(scheme.version).map_err(|_| corrupt("a scheme's version"))?)
    .bind(i16::from(scheme.unit().code()))
    .bind(unplanned)
    .bind(scheme.paying.extras_from_budget)
    .bind(scheme.paying.extras_from_savings)
    .bind(care_from_savings)
    .bind(source.to_owned());
    Ok(query.get_result::<i32>(conn).await?)
}

/// From which month on a version is used.
///
/// # Errors
/// [`DbError`].
pub async fn set_start(conn: &mut AsyncPgConnection, scheme: i32, month: NaiveDate) -> Result<(), DbError> {
    let query: Statement = statement(
        "INSERT INTO scheme_start (scheme, month) VALUES (?, ?) ON CONFLICT (scheme) DO UPDATE SET month = excluded.month",
    )
    .bind(scheme)
    .bind(month);
    query.execute(conn).await?;
    Ok(())
}

/// The last month that was opened with any of these versions.
///
/// # Errors
/// [`DbError`].
pub async fn last_month_opened(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    name: &str,
) -> Result<Option<NaiveDate>, DbError> {
    let query: Statement<Nullable<Date>> = statement(
        "SELECT max(g.month) FROM month_grant AS g JOIN scheme AS s ON s.id = g.scheme \
         WHERE s.organisation = ? AND s.name = ?",
    )
    .bind(i32::from(organisation.number()))
    .bind(name.to_owned());
    Ok(query.get_result::<Option<NaiveDate>>(&mut conn).await?)
}

/// Whether there is such an organisation.
///
/// # Errors
/// [`DbError`].
pub async fn organisation_exists(mut conn: &AsyncPgConnection, organisation: OrganisationId) -> Result<bool, DbError> {
    let query: Statement<Bool> =
        statement("SELECT true FROM organisation WHERE id = ?").bind(i32::from(organisation.number()));
    Ok(query.get_result::<bool>(&mut conn).await.optional()?.is_some())
}
