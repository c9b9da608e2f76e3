//! Wallet rows: the lock of everything that happens to a client's money.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{BigInt, Bool, Date, Integer, SmallInt};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::funding::{CareFromSavings, PurseName, Rules, Unplanned};
use crate::domain::money::{Amount, Unit};
use crate::domain::wallet::{Buyer, Purse, Wallet};

type PurseSql = (BigInt, BigInt);
type WalletSql = ((BigInt, Integer, SmallInt, SmallInt, SmallInt), (PurseSql, PurseSql, PurseSql, PurseSql, PurseSql));
type PurseRow = (i64, i64);
type WalletRow = ((i64, i32, i16, i16, i16), (PurseRow, PurseRow, PurseRow, PurseRow, PurseRow));

/// Locks wallets in number order and reads them, each with its organisation's book date at `now`.
/// Wallets that do not exist are missing from the answer.
///
/// Schemes and time zones are read by statements of their own: a join would be made anew for each wallet of a batch.
///
/// # Errors
/// [`DbError`].
pub async fn lock(
    conn: &mut AsyncPgConnection,
    ids: &[WalletId],
    now: DateTime<Utc>,
) -> Result<Vec<(Wallet, NaiveDate)>, DbError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let query: Statement<WalletSql> = statement(
        "SELECT id, scheme, unit, buyer, status, budget, budget_held, reserve, reserve_held, savings, savings_held, \
         credit, credit_held, credit_cents, credit_cents_held \
         FROM wallet WHERE id = ANY(?) ORDER BY id FOR UPDATE",
    )
    .bind(ids.iter().map(|id| id.field()).collect::<Vec<_>>());
    let rows = query.load::<WalletRow>(conn).await?;
    let schemes: BTreeSet<i32> = rows.iter().map(|((_, scheme, ..), _)| *scheme).collect();
    let schemes = rules(conn, &schemes.into_iter().collect::<Vec<_>>()).await?;
    let organisations: BTreeSet<OrganisationId> = ids.iter().map(|id| id.organisation()).collect();
    let dates = book_dates(conn, &organisations.into_iter().collect::<Vec<_>>(), now).await?;
    rows.into_iter()
        .map(|row| {
            let rules = schemes.get(&row.0.1).ok_or_else(|| corrupt("wallet.scheme"))?;
            let wallet = read(row, *rules)?;
            let book_date = dates.get(&wallet.id.organisation()).ok_or_else(|| corrupt("wallet.id"))?;
            Ok((wallet, *book_date))
        })
        .collect()
}

/// What schemes say about who pays.
async fn rules(conn: &mut AsyncPgConnection, schemes: &[i32]) -> Result<HashMap<i32, Rules>, DbError> {
    let query: Statement<(Integer, SmallInt, Bool, Bool, SmallInt)> = statement(
        "SELECT id, unplanned, extras_from_budget, extras_from_savings, care_from_savings FROM scheme \
         WHERE id = ANY(?)",
    )
    .bind(schemes.to_vec());
    let rows = query.load::<(i32, i16, bool, bool, i16)>(conn).await?;
    rows.into_iter()
        .map(|(id, unplanned, extras_from_budget, extras_from_savings, care)| {
            let rules = Rules {
                unplanned: match unplanned {
                    1 => Unplanned::Personal,
                    2 => Unplanned::Collective,
                    _ => return Err(corrupt("scheme.unplanned")),
                },
                extras_from_budget,
                extras_from_savings,
                care_from_savings: match care {
                    0 => CareFromSavings::Never,
                    1 => CareFromSavings::Consented,
                    2 => CareFromSavings::Always,
                    _ => return Err(corrupt("scheme.care_from_savings")),
                },
            };
            Ok((id, rules))
        })
        .collect()
}

fn read(row: WalletRow, rules: Rules) -> Result<Wallet, DbError> {
    let ((id, _, unit, buyer, status), purses) = row;
    let unit = Unit::from_code(unit.into()).ok_or_else(|| corrupt("wallet.unit"))?;
    let purse = |(balance, held): PurseRow, unit: Unit| {
        let amount = |minor| Amount::new(minor, unit).map_err(|_| corrupt("wallet.purse"));
        Ok::<_, DbError>(Purse { balance: amount(balance)?, held: amount(held)? })
    };
    Ok(Wallet {
        id: WalletId::from_field(id).ok_or_else(|| corrupt("wallet.id"))?,
        unit,
        rules,
        buyer: Buyer::from_code(buyer.into()).ok_or_else(|| corrupt("wallet.buyer"))?,
        is_closed: status != 1,
        purses: [
            purse(purses.0, unit)?,
            purse(purses.1, unit)?,
            purse(purses.2, unit)?,
            purse(purses.3, unit)?,
            purse(purses.4, Unit::Eur)?,
        ],
    })
}

/// Writes the purses of wallets that are locked.
///
/// # Errors
/// [`DbError`]; a check violation names the purse that would have gone below what is held in it.
pub async fn update(conn: &mut AsyncPgConnection, wallets: &[&Wallet]) -> Result<(), DbError> {
    if wallets.is_empty() {
        return Ok(());
    }
    let mut query: Statement = statement(
        "UPDATE wallet AS w SET budget = u.budget, budget_held = u.budget_held, reserve = u.reserve, \
         reserve_held = u.reserve_held, savings = u.savings, savings_held = u.savings_held, credit = u.credit, \
         credit_held = u.credit_held, credit_cents = u.credit_cents, credit_cents_held = u.credit_cents_held \
         FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS u (id, budget, budget_held, reserve, reserve_held, savings, \
         savings_held, credit, credit_held, credit_cents, credit_cents_held) WHERE w.id = u.id",
    )
    .bind(wallets.iter().map(|wallet| wallet.id.field()).collect::<Vec<_>>());
    for name in PurseName::ALL {
        query = query
            .bind(wallets.iter().map(|wallet| wallet.purse(name).balance.minor()).collect::<Vec<_>>())
            .bind(wallets.iter().map(|wallet| wallet.purse(name).held.minor()).collect::<Vec<_>>());
    }
    let updated = query.execute(conn).await?;
    if updated == wallets.len() { Ok(()) } else { Err(corrupt("wallet: a locked row was not there to update")) }
}

/// Organisations' book dates at `now`; those that do not exist are missing from the answer.
///
/// # Errors
/// [`DbError`].
pub async fn book_dates(
    conn: &mut AsyncPgConnection,
    organisations: &[OrganisationId],
    now: DateTime<Utc>,
) -> Result<HashMap<OrganisationId, NaiveDate>, DbError> {
    let query: Statement<(Integer, Date)> =
        statement("SELECT id, (? AT TIME ZONE time_zone)::date FROM organisation WHERE id = ANY(?)")
            .bind(now)
            .bind(organisations.iter().map(|id| i32::from(id.number())).collect::<Vec<_>>());
    query
        .load::<(i32, NaiveDate)>(conn)
        .await?
        .into_iter()
        .map(|(id, date)| {
            let id = u16::try_from(id).ok().and_then(OrganisationId::new);
            Ok((id.ok_or_else(|| corrupt("organisation.id"))?, date))
        })
        .collect()
}
