//! What is left of holds. Rows belong to a wallet and are guarded by its lock.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Bool, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::{Account, WalletId};
use crate::domain::hold::Hold;
use crate::domain::money::Amount;
use crate::domain::operation::{Authority, HoldEntry, Operation, OperationId, OperationKind};

/// What a hold is for. A payout's is no sale's to give back, and neither is a card's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Purpose {
    Sale = 1,
    Payout = 2,
    /// Of a card at an unattended terminal.
    Card = 3,
    /// Of a month's plan.
    Month = 4,
}

impl Purpose {
    /// Of the hold that an operation makes.
    pub fn of(operation: &Operation) -> Purpose {
        match operation.kind {
            OperationKind::PayoutRequest => Purpose::Payout,
            OperationKind::Hold if operation.card.is_some() => Purpose::Card,
            OperationKind::Hold if operation.authority == Authority::Job => Purpose::Month,
            _ => Purpose::Sale,
        }
    }
}

/// Holds that sales and captures may use, by id; others are missing from the answer.
///
/// # Errors
/// [`DbError`].
pub async fn load(conn: &AsyncPgConnection, ids: &[OperationId]) -> Result<HashMap<OperationId, Hold>, DbError> {
    load_for(conn, Purpose::Sale, ids).await
}

/// Holds for this purpose, by id; others are missing from the answer.
///
/// # Errors
/// [`DbError`].
pub async fn load_for(
    mut conn: &AsyncPgConnection,
    purpose: Purpose,
    ids: &[OperationId],
) -> Result<HashMap<OperationId, Hold>, DbError> {
    let mut holds: HashMap<OperationId, Hold> = HashMap::new();
    if ids.is_empty() {
        return Ok(holds);
    }
    let query: Statement<(SqlUuid, BigInt, BigInt, Nullable<Timestamptz>)> = statement(
        "SELECT id, account, remaining, expires_at FROM hold WHERE id = ANY(?) AND purpose = ? ORDER BY id, account",
    )
    .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .bind(purpose as i16);
    for (id, account, remaining, expires_at) in query.load::<(Uuid, i64, i64, Option<DateTime<Utc>>)>(&mut conn).await?
    {
        let id = OperationId::new(id).map_err(|_| corrupt("hold.id"))?;
        let account = Account::from_number(account).ok_or_else(|| corrupt("hold.account"))?;
        let wallet = account.wallet().ok_or_else(|| corrupt("hold.account"))?;
        let remaining = Amount::new(remaining, account.unit()).map_err(|_| corrupt("hold.remaining"))?;
        let hold = holds.entry(id).or_insert(Hold { wallet, remaining: Vec::new(), expires_at });
        hold.remaining.push((account, remaining));
    }
    Ok(holds)
}

/// Changes what is left by entries that are booked with it.
///
/// # Errors
/// [`DbError`]; a check violation when less than nothing would be left.
pub async fn change(mut conn: &AsyncPgConnection, entries: &[HoldEntry]) -> Result<(), DbError> {
    if entries.is_empty() {
        return Ok(());
    }
    let query: Statement = statement(
        "UPDATE hold AS h SET remaining = h.remaining + u.change \
         FROM (SELECT id, account, sum(change)::bigint AS change FROM unnest(?, ?, ?) AS t (id, account, change) \
         GROUP BY id, account) AS u WHERE h.id = u.id AND h.account = u.account",
    )
    .bind(entries.iter().map(|entry| entry.hold.uuid()).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.account.number()).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.change).collect::<Vec<_>>());
    let accounts: BTreeSet<_> = entries.iter().map(|entry| (entry.hold, entry.account)).collect();
    let updated = query.execute(&mut conn).await?;
    if updated == accounts.len() { Ok(()) } else { Err(corrupt("hold: a row was not there to update")) }
}

/// Writes a new hold.
///
/// # Errors
/// [`DbError`].
pub async fn insert(
    mut conn: &AsyncPgConnection,
    id: OperationId,
    entries: &[HoldEntry],
    purpose: Purpose,
    expires_at: Option<DateTime<Utc>>,
) -> Result<(), DbError> {
    let query: Statement = statement(
        "INSERT INTO hold (id, account, remaining, purpose, expires_at) SELECT ?, account, amount, ?, ? \
         FROM unnest(?, ?) AS t (account, amount)",
    )
    .bind(id.uuid())
    .bind(purpose as i16)
    .bind(expires_at)
    .bind(entries.iter().map(|entry| entry.account.number()).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.change).collect::<Vec<_>>());
    query.execute(&mut conn).await?;
    Ok(())
}

/// Writes holds of months: each entry the hold of its own operation.
///
/// # Errors
/// [`DbError`].
pub async fn insert_all(mut conn: &AsyncPgConnection, entries: &[HoldEntry]) -> Result<(), DbError> {
    if entries.is_empty() {
        return Ok(());
    }
    let query: Statement =
        statement("INSERT INTO hold (id, account, remaining, purpose) SELECT unnest(?), unnest(?), unnest(?), ?")
            .bind(entries.iter().map(|entry| entry.hold.uuid()).collect::<Vec<_>>())
            .bind(entries.iter().map(|entry| entry.account.number()).collect::<Vec<_>>())
            .bind(entries.iter().map(|entry| entry.change).collect::<Vec<_>>())
            .bind(Purpose::Month as i16);
    query.execute(&mut conn).await?;
    Ok(())
}

/// Writes a card's hold that sets nothing aside, as the organisation pays for it all: its time must be known.
///
/// # Errors
/// [`DbError`].
pub async fn insert_empty(
    mut conn: &AsyncPgConnection,
    id: OperationId,
    account: Account,
    expires_at: DateTime<Utc>,
) -> Result<(), DbError> {
    let query: Statement =
        statement("INSERT INTO hold (id, account, remaining, purpose, expires_at) VALUES (?, ?, 0, ?, ?)")
            .bind(id.uuid())
            .bind(account.number())
            .bind(Purpose::Card as i16)
            .bind(expires_at);
    query.execute(&mut conn).await?;
    Ok(())
}

/// Holds of a wallet that set something aside for sales and cards, by id: a payout's goes on, and a month's is given back day by day.
///
/// # Errors
/// [`DbError`].
pub async fn open_of(mut conn: &AsyncPgConnection, wallet: WalletId) -> Result<Vec<HoldEntry>, DbError> {
    let query: Statement<(SqlUuid, BigInt, BigInt)> = statement(
        "SELECT id, account, remaining FROM hold WHERE ledger.wallet_of(account) = ? AND remaining > 0 \
         AND purpose IN (1, 3) ORDER BY id, account",
    )
    .bind(wallet.field());
    let rows = query.load::<(Uuid, i64, i64)>(&mut conn).await?;
    let mut entries = Vec::with_capacity(rows.len());
    for (id, account, remaining) in rows {
        let hold = OperationId::new(id).map_err(|_| corrupt("hold.id"))?;
        let account = Account::from_number(account).ok_or_else(|| corrupt("hold.account"))?;
        entries.push(HoldEntry { hold, account, change: -remaining });
    }
    Ok(entries)
}

/// Holds whose time is over and that still set something aside, the oldest first, and whether each is a card's.
///
/// # Errors
/// [`DbError`].
pub async fn expired(
    mut conn: &AsyncPgConnection,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(OperationId, bool)>, DbError> {
    let query: Statement<(SqlUuid, Bool)> = statement(
        "SELECT id, bool_or(purpose = ?) FROM hold WHERE remaining > 0 AND expires_at <= ? \
         GROUP BY id ORDER BY min(expires_at), id LIMIT ?",
    )
    .bind(Purpose::Card as i16)
    .bind(now)
    .bind(limit);
    let ids = query.load::<(Uuid, bool)>(&mut conn).await?;
    ids.into_iter()
        .map(|(id, is_of_card)| Ok((OperationId::new(id).map_err(|_| corrupt("hold.id"))?, is_of_card)))
        .collect()
}
