//! Wallet rows: the lock of everything that happens to a client's money.

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
type WalletSql = (
    (BigInt, SmallInt, SmallInt, Bool, Bool, SmallInt, SmallInt, SmallInt, Date),
    (PurseSql, PurseSql, PurseSql, PurseSql, PurseSql),
);
type PurseRow = (i64, i64);
type WalletRow =
    ((i64, i16, i16, bool, bool, i16, i16, i16, NaiveDate), (PurseRow, PurseRow, PurseRow, PurseRow, PurseRow));

/// Locks wallets in number order and reads them, each with its organisation's book date at `now`.
/// Wallets that do not exist are missing from the answer.
///
/// # Errors
/// [`DbError`].
pub async fn lock(
    conn: &mut AsyncPgConnection,
    ids: &[WalletId],
    now: DateTime<Utc>,
) -> Result<Vec<(Wallet, NaiveDate)>, DbError> {
    let query: Statement<WalletSql> = statement(
        "SELECT w.id, w.unit, s.unplanned, s.extras_from_budget, s.extras_from_savings, s.care_from_savings, w.buyer, \
         w.status, (? AT TIME ZONE o.time_zone)::date, \
         w.budget, w.budget_held, w.reserve, w.reserve_held, w.savings, w.savings_held, w.credit, w.credit_held, \
         w.credit_cents, w.credit_cents_held \
         FROM wallet AS w JOIN scheme AS s ON s.id = w.scheme JOIN organisation AS o ON o.id = (w.id >> 32)::integer \
         WHERE w.id = ANY(?) ORDER BY w.id FOR UPDATE OF w",
    )
    .bind(now)
    .bind(ids.iter().map(|id| id.field()).collect::<Vec<_>>());
    query.load::<WalletRow>(conn).await?.into_iter().map(read).collect()
}

fn read(row: WalletRow) -> Result<(Wallet, NaiveDate), DbError> {
    let ((id, unit, unplanned, from_budget, from_savings, care, buyer, status, book_date), purses) = row;
    let unit = Unit::from_code(unit.into()).ok_or_else(|| corrupt("wallet.unit"))?;
    let purse = |(balance, held): PurseRow, unit: Unit| {
        let amount = |minor| Amount::new(minor, unit).map_err(|_| corrupt("wallet.purse"));
        Ok::<_, DbError>(Purse { balance: amount(balance)?, held: amount(held)? })
    };
    let wallet = Wallet {
        id: WalletId::from_field(id).ok_or_else(|| corrupt("wallet.id"))?,
        unit,
        rules: Rules {
            unplanned: match unplanned {
                1 => Unplanned::Personal,
                2 => Unplanned::Collective,
                _ => return Err(corrupt("scheme.unplanned")),
            },
            extras_from_budget: from_budget,
            extras_from_savings: from_savings,
            care_from_savings: match care {
                0 => CareFromSavings::Never,
                1 => CareFromSavings::Consented,
                2 => CareFromSavings::Always,
                _ => return Err(corrupt("scheme.care_from_savings")),
            },
        },
        buyer: Buyer::from_code(buyer.into()).ok_or_else(|| corrupt("wallet.buyer"))?,
        is_closed: status != 1,
        purses: [
            purse(purses.0, unit)?,
            purse(purses.1, unit)?,
            purse(purses.2, unit)?,
            purse(purses.3, unit)?,
            purse(purses.4, Unit::Eur)?,
        ],
    };
    Ok((wallet, book_date))
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

/// An organisation's book date at `now`; none if there is no such organisation.
///
/// # Errors
/// [`DbError`].
pub async fn book_dates(
    conn: &mut AsyncPgConnection,
    organisations: &[OrganisationId],
    now: DateTime<Utc>,
) -> Result<Vec<(OrganisationId, NaiveDate)>, DbError> {
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
