//! Clients with their wallets, and who acts for them.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::wallets_of;
use crate::db::statement::{Statement, statement};
use crate::db::{DbError, corrupt};
use crate::domain::account::OrganisationId;
use crate::domain::import::{ClientRow, RepresentativeRole, RepresentativeRow};
use crate::domain::indication::Period;

/// The wallets of an organisation's clients, by client's number.
///
/// # Errors
/// [`DbError`].
pub async fn wallets_by_number(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
) -> Result<HashMap<i32, i64>, DbError> {
    let (first, last) = wallets_of(organisation);
    let query: Statement<(Integer, BigInt)> =
        statement("SELECT number, wallet FROM client WHERE wallet BETWEEN ? AND ?").bind(first).bind(last);
    Ok(query.load::<(i32, i64)>(&mut conn).await?.into_iter().collect())
}

type ClientSql = (BigInt, Integer, Text, Text, Nullable<Text>, Nullable<Date>, Nullable<SqlUuid>);
type ClientNow = (i64, i32, String, String, Option<String>, Option<NaiveDate>, Option<Uuid>);

/// All clients of an organisation, with their wallets.
///
/// # Errors
/// [`DbError`].
pub async fn clients(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
) -> Result<Vec<(i64, ClientRow)>, DbError> {
    let (first, last) = wallets_of(organisation);
    let query: Statement<ClientSql> = statement(
        "SELECT c.wallet, c.number, c.display_name, s.name, l.name, c.arrived_on, c.supporter FROM client AS c \
         JOIN wallet AS w ON w.id = c.wallet JOIN scheme AS s ON s.id = w.scheme \
         LEFT JOIN location AS l ON l.id = c.location WHERE c.wallet BETWEEN ? AND ?",
    )
    .bind(first)
    .bind(last);
    let rows = query.load::<ClientNow>(&mut conn).await?;
    Ok(rows
        .into_iter()
        .map(|(wallet, number, name, scheme, location, arrived_on, supporter)| {
            (wallet, ClientRow { number, name, scheme, location, arrived_on, supporter })
        })
        .collect())
}

/// Locations of an organisation, by name; a name that several have stands there with each.
///
/// # Errors
/// [`DbError`].
pub async fn locations(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
) -> Result<Vec<(String, Uuid)>, DbError> {
    let query: Statement<(Text, SqlUuid)> =
        statement("SELECT name, id FROM location WHERE organisation = ? ORDER BY name, id")
            .bind(i32::from(organisation.number()));
    Ok(query.load::<(String, Uuid)>(&mut conn).await?)
}

/// A client to add: with a scheme's version and its unit, and a location.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct NewClient<'a> {
    pub row: &'a ClientRow,
    pub scheme: i32,
    pub unit: i16,
    pub location: Option<Uuid>,
}

/// Opens a wallet for each, of a buyer without Wlz until an indication says otherwise, and says who has it.
///
/// # Errors
/// [`DbError`].
pub async fn add_clients(
    conn: &mut AsyncPgConnection,
    organisation: OrganisationId,
    clients: &[NewClient<'_>],
) -> Result<(), DbError> {
    let count = i64::try_from(clients.len()).map_err(|_| corrupt("a number of clients"))?;
    let query: Statement<BigInt> =
        statement("SELECT ?::bigint << 32 | nextval('wallet_number') FROM generate_series(1::bigint, ?::bigint)")
            .bind(i64::from(organisation.number()))
            .bind(count);
    let wallets = query.load::<i64>(conn).await?;
    let query: Statement =
        statement("INSERT INTO wallet (id, scheme, unit, buyer) SELECT unnest(?), unnest(?), unnest(?), 4")
            .bind(wallets.clone())
            .bind(clients.iter().map(|client| client.scheme).collect::<Vec<_>>())
            .bind(clients.iter().map(|client| client.unit).collect::<Vec<_>>());
    query.execute(conn).await?;
    let query: Statement = statement(
        "INSERT INTO client (wallet, number, display_name, location, arrived_on, supporter) \
         SELECT unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?)",
    )
    .bind(wallets)
    .bind(clients.iter().map(|client| client.row.number).collect::<Vec<_>>())
    .bind(clients.iter().map(|client| client.row.name.clone()).collect::<Vec<_>>())
    .bind(clients.iter().map(|client| client.location).collect::<Vec<_>>())
    .bind(clients.iter().map(|client| client.row.arrived_on).collect::<Vec<_>>())
    .bind(clients.iter().map(|client| client.row.supporter).collect::<Vec<_>>());
    query.execute(conn).await?;
    Ok(())
}

/// Writes what clients are called, where they live and who supports them.
///
/// # Errors
/// [`DbError`].
pub async fn change_clients(
    conn: &mut AsyncPgConnection,
    clients: &[(i64, &ClientRow, Option<Uuid>)],
) -> Result<(), DbError> {
    let query: Statement = statement(
        "UPDATE client AS c SET display_name = u.name, location = u.location, arrived_on = u.arrived_on, \
         supporter = u.supporter FROM (SELECT unnest(?) AS wallet, unnest(?) AS name, unnest(?) AS location, \
         unnest(?) AS arrived_on, unnest(?) AS supporter) AS u WHERE c.wallet = u.wallet",
    )
    .bind(clients.iter().map(|(wallet, ..)| *wallet).collect::<Vec<_>>())
    .bind(clients.iter().map(|(_, row, _)| row.name.clone()).collect::<Vec<_>>())
    .bind(clients.iter().map(|(.., location)| *location).collect::<Vec<_>>())
    .bind(clients.iter().map(|(_, row, _)| row.arrived_on).collect::<Vec<_>>())
    .bind(clients.iter().map(|(_, row, _)| row.supporter).collect::<Vec<_>>());
    query.execute(conn).await?;
    Ok(())
}

type RepresentativeSql = (Integer, Text, SmallInt, Bool, Bool, Nullable<Text>, Date, Nullable<Date>);
type RepresentativeNow = (i32, String, i16, bool, bool, Option<String>, NaiveDate, Option<NaiveDate>);

/// All representatives of an organisation's clients, by client's number.
///
/// # Errors
/// [`DbError`].
pub async fn representatives(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
) -> Result<Vec<RepresentativeRow>, DbError> {
    let (first, last) = wallets_of(organisation);
    let query: Statement<RepresentativeSql> = statement(
        "SELECT c.number, r.name, r.role, r.for_money, r.for_care, r.email, r.from_date, r.to_date \
         FROM representative AS r JOIN client AS c ON c.wallet = r.wallet WHERE r.wallet BETWEEN ? AND ?",
    )
    .bind(first)
    .bind(last);
    let rows = query.load::<RepresentativeNow>(&mut conn).await?;
    rows.into_iter()
        .map(|(client, name, role, for_money, for_care, email, from, to)| {
            let role = RepresentativeRole::from_code(role.into()).ok_or_else(|| corrupt("representative.role"))?;
            Ok(RepresentativeRow { client, name, role, for_money, for_care, email, period: Period { from, to } })
        })
        .collect()
}

/// Adds representatives, each with the wallet, or writes what they may do now.
///
/// # Errors
/// [`DbError`].
pub async fn write_representatives(
    conn: &mut AsyncPgConnection,
    rows: &[(i64, &RepresentativeRow)],
) -> Result<(), DbError> {
    let query: Statement = statement(
        "INSERT INTO representative (id, wallet, name, role, for_money, for_care, email, from_date, to_date) \
         SELECT gen_random_uuid(), u.* FROM (SELECT unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), \
         unnest(?), unnest(?)) AS u ON CONFLICT (wallet, name, role, from_date) DO UPDATE SET \
         for_money = excluded.for_money, for_care = excluded.for_care, email = excluded.email, to_date = excluded.to_date",
    )
    .bind(rows.iter().map(|(wallet, _)| *wallet).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.name.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| i16::from(row.role.code())).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.for_money).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.for_care).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.email.clone()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.period.from).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, row)| row.period.to).collect::<Vec<_>>());
    query.execute(conn).await?;
    Ok(())
}
