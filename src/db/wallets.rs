//! Wallet rows: the lock of everything that happens to a client's money.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable, SmallInt};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::funding::{CareFromSavings, PurseName, Rules, Unplanned};
use crate::domain::money::{Amount, Unit};
use crate::domain::wallet::{Buyer, Purse, Wallet};

type PurseSql = (BigInt, BigInt);
type WalletSql = (
    (BigInt, Integer, SmallInt, SmallInt, SmallInt, Nullable<Date>),
    (PurseSql, PurseSql, PurseSql, PurseSql, PurseSql),
);
type PurseRow = (i64, i64);
type WalletRow = ((i64, i32, i16, i16, i16, Option<NaiveDate>), (PurseRow, PurseRow, PurseRow, PurseRow, PurseRow));

/// Wallets that are locked, as their rows stand.
pub struct Locked(Vec<WalletRow>);

impl Locked {
    /// The scheme that each follows.
    pub fn schemes(&self) -> HashMap<WalletId, i32> {
        let known = self.0.iter().filter_map(|((id, scheme, ..), _)| Some((WalletId::from_field(*id)?, *scheme)));
        known.collect()
    }
}

/// Locks wallets in number order. Wallets that do not exist are missing from the answer. Whatever else a decision needs
/// is read by later statements, which see what was committed before the lock was had.
///
/// # Errors
/// [`DbError`].
pub async fn lock(mut conn: &AsyncPgConnection, ids: &[WalletId]) -> Result<Locked, DbError> {
    if ids.is_empty() {
        return Ok(Locked(Vec::new()));
    }
    let query: Statement<WalletSql> = statement(
        "SELECT id, scheme, unit, buyer, status, month, budget, budget_held, reserve, reserve_held, savings, savings_held, \
         credit, credit_held, credit_cents, credit_cents_held \
         FROM wallet WHERE id = ANY(?) ORDER BY id FOR UPDATE",
    )
    .bind(ids.iter().map(|id| id.field()).collect::<Vec<_>>());
    Ok(Locked(query.load::<WalletRow>(&mut conn).await?))
}

/// Wallets as they stand, without their locks: for who only looks what would be.
///
/// # Errors
/// [`DbError`].
pub async fn look(mut conn: &AsyncPgConnection, ids: &[WalletId]) -> Result<Locked, DbError> {
    let query: Statement<WalletSql> = statement(
        "SELECT id, scheme, unit, buyer, status, month, budget, budget_held, reserve, reserve_held, savings, savings_held, \
         credit, credit_held, credit_cents, credit_cents_held FROM wallet WHERE id = ANY(?) ORDER BY id",
    )
    .bind(ids.iter().map(|id| id.field()).collect::<Vec<_>>());
    Ok(Locked(query.load::<WalletRow>(&mut conn).await?))
}

/// Locked wallets with the rules of their schemes. Schemes are read by a statement of their own: a join would be made
/// anew for each wallet of a batch.
///
/// # Errors
/// [`DbError`].
pub async fn read(conn: &AsyncPgConnection, locked: Locked) -> Result<Vec<Wallet>, DbError> {
    let schemes: BTreeSet<i32> = locked.0.iter().map(|((_, scheme, ..), _)| *scheme).collect();
    let schemes = rules(conn, &schemes.into_iter().collect::<Vec<_>>()).await?;
    let with_rules = |row: WalletRow| {
        let rules = schemes.get(&row.0.1).ok_or_else(|| corrupt("wallet.scheme"))?;
        read_row(row, *rules)
    };
    locked.0.into_iter().map(with_rules).collect()
}

/// What schemes say about who pays.
async fn rules(mut conn: &AsyncPgConnection, schemes: &[i32]) -> Result<HashMap<i32, Rules>, DbError> {
    let query: Statement<(Integer, SmallInt, Bool, Bool, SmallInt)> = statement(
        "SELECT id, unplanned, extras_from_budget, extras_from_savings, care_from_savings FROM scheme \
         WHERE id = ANY(?)",
    )
    .bind(schemes.to_vec());
    let rows = query.load::<(i32, i16, bool, bool, i16)>(&mut conn).await?;
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

fn read_row(row: WalletRow, rules: Rules) -> Result<Wallet, DbError> {
    let ((id, _, unit, buyer, status, month), purses) = row;
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
        month,
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
pub async fn update(mut conn: &AsyncPgConnection, wallets: &[&Wallet]) -> Result<(), DbError> {
    if wallets.is_empty() {
        return Ok(());
    }
    let query: Statement = statement(
        "UPDATE wallet AS w SET budget = u.budget, budget_held = u.budget_held, reserve = u.reserve, \
         reserve_held = u.reserve_held, savings = u.savings, savings_held = u.savings_held, credit = u.credit, \
         credit_held = u.credit_held, credit_cents = u.credit_cents, credit_cents_held = u.credit_cents_held \
         FROM (SELECT unnest(?) AS id, unnest(?) AS budget, unnest(?) AS budget_held, unnest(?) AS reserve, \
         unnest(?) AS reserve_held, unnest(?) AS savings, unnest(?) AS savings_held, unnest(?) AS credit, \
         unnest(?) AS credit_held, unnest(?) AS credit_cents, unnest(?) AS credit_cents_held) AS u WHERE w.id = u.id",
    );
    updated(bind_purses(query, wallets).execute(&mut conn).await?, wallets.len())
}

/// Writes the month, scheme and buyer of wallets that are locked, and their purses in the same row.
///
/// # Errors
/// [`DbError`].
pub async fn enter_month(mut conn: &AsyncPgConnection, wallets: &[(&Wallet, i32)]) -> Result<(), DbError> {
    if wallets.is_empty() {
        return Ok(());
    }
    let query: Statement = statement(
        "UPDATE wallet AS w SET budget = u.budget, budget_held = u.budget_held, reserve = u.reserve, \
         reserve_held = u.reserve_held, savings = u.savings, savings_held = u.savings_held, credit = u.credit, \
         credit_held = u.credit_held, credit_cents = u.credit_cents, credit_cents_held = u.credit_cents_held, \
         month = u.month, scheme = u.scheme, buyer = u.buyer \
         FROM (SELECT unnest(?) AS id, unnest(?) AS budget, unnest(?) AS budget_held, unnest(?) AS reserve, \
         unnest(?) AS reserve_held, unnest(?) AS savings, unnest(?) AS savings_held, unnest(?) AS credit, \
         unnest(?) AS credit_held, unnest(?) AS credit_cents, unnest(?) AS credit_cents_held, \
         unnest(?) AS month, unnest(?) AS scheme, unnest(?) AS buyer) AS u WHERE w.id = u.id",
    );
    let purses: Vec<&Wallet> = wallets.iter().map(|(wallet, _)| *wallet).collect();
    let query = bind_purses(query, &purses)
        .bind(wallets.iter().map(|(wallet, _)| wallet.month).collect::<Vec<_>>())
        .bind(wallets.iter().map(|(_, scheme)| *scheme).collect::<Vec<_>>())
        .bind(wallets.iter().map(|(wallet, _)| i16::from(wallet.buyer.code())).collect::<Vec<_>>());
    updated(query.execute(&mut conn).await?, wallets.len())
}

fn bind_purses(query: Statement, wallets: &[&Wallet]) -> Statement {
    let mut query = query.bind(wallets.iter().map(|wallet| wallet.id.field()).collect::<Vec<_>>());
    for name in PurseName::ALL {
        query = query
            .bind(wallets.iter().map(|wallet| wallet.purse(name).balance.minor()).collect::<Vec<_>>())
            .bind(wallets.iter().map(|wallet| wallet.purse(name).held.minor()).collect::<Vec<_>>());
    }
    query
}

fn updated(rows: usize, wallets: usize) -> Result<(), DbError> {
    if rows == wallets { Ok(()) } else { Err(corrupt("wallet: a locked row was not there to update")) }
}

/// Organisations' book dates at `now`; those that do not exist are missing from the answer.
///
/// # Errors
/// [`DbError`].
pub async fn book_dates(
    mut conn: &AsyncPgConnection,
    organisations: &[OrganisationId],
    now: DateTime<Utc>,
) -> Result<HashMap<OrganisationId, NaiveDate>, DbError> {
    let query: Statement<(Integer, Date)> =
        statement("SELECT id, (? AT TIME ZONE time_zone)::date FROM organisation WHERE id = ANY(?)")
            .bind(now)
            .bind(organisations.iter().map(|id| i32::from(id.number())).collect::<Vec<_>>());
    query
        .load::<(i32, NaiveDate)>(&mut conn)
        .await?
        .into_iter()
        .map(|(id, date)| {
            let id = u16::try_from(id).ok().and_then(OrganisationId::new);
            Ok((id.ok_or_else(|| corrupt("organisation.id"))?, date))
        })
        .collect()
}

/// Closes a wallet: its client has left. Waits for whoever holds its lock.
///
/// # Errors
/// [`DbError`].
pub async fn close(conn: &mut AsyncPgConnection, id: WalletId) -> Result<(), DbError> {
    shut(conn, id).await
}

/// As [`close`], for who shares the connection.
///
/// # Errors
/// [`DbError`].
pub async fn shut(mut conn: &AsyncPgConnection, id: WalletId) -> Result<(), DbError> {
    let query: Statement = statement("UPDATE wallet SET status = 2 WHERE id = ?").bind(id.field());
    query.execute(&mut conn).await?;
    Ok(())
}
