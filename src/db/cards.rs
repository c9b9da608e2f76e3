//! Card rows: counters and limits. Guarded by the lock of their wallet: what counts taps holds it, and takes no lock of
//! the card's own. Blocking a card writes another column and so loses nothing to a tap at the same time.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::sql_types::{BigInt, Binary, Date, Nullable, SmallInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::WalletId;
use crate::domain::card::{Card, CounterWindow};
use crate::domain::money::Amount;

type CardSql =
    ((SqlUuid, BigInt, SmallInt, Date, BigInt, Binary), (Nullable<BigInt>, Nullable<BigInt>, Nullable<Date>, BigInt));
type CardRow = ((Uuid, i64, i16, NaiveDate, i64, Vec<u8>), (Option<i64>, Option<i64>, Option<NaiveDate>, i64));

/// Whose cards these are. A card's wallet never changes, so this may be read before the lock and remembered.
///
/// # Errors
/// [`DbError`].
pub async fn wallets(mut conn: &AsyncPgConnection, cards: &[Uuid]) -> Result<HashMap<Uuid, WalletId>, DbError> {
    let query: Statement<(SqlUuid, BigInt)> =
        statement("SELECT id, wallet FROM card WHERE id = ANY(?)").bind(cards.to_vec());
    query
        .load::<(Uuid, i64)>(&mut conn)
        .await?
        .into_iter()
        .map(|(card, wallet)| Ok((card, WalletId::from_field(wallet).ok_or_else(|| corrupt("card.wallet"))?)))
        .collect()
}

/// Reads cards whose wallets are locked. Cards that do not exist are missing from the answer.
///
/// # Errors
/// [`DbError`].
pub async fn load(mut conn: &AsyncPgConnection, cards: &[Uuid]) -> Result<HashMap<Uuid, Card>, DbError> {
    if cards.is_empty() {
        return Ok(HashMap::new());
    }
    let query: Statement<CardSql> = statement(
        "SELECT id, wallet, status, expires_on, last_counter, counter_window, tap_limit_cents, day_limit_cents, day, \
         day_cents FROM card WHERE id = ANY(?)",
    )
    .bind(cards.to_vec());
    query.load::<CardRow>(&mut conn).await?.into_iter().map(|row| read(row).map(|card| (card.id, card))).collect()
}

fn read(row: CardRow) -> Result<Card, DbError> {
    let ((id, wallet, status, expires_on, last_counter, window), (tap, day_limit, day, day_cents)) = row;
    let cents = |minor| Amount::cents(minor).map_err(|_| corrupt("card limits"));
    let window: [u8; 32] = window.try_into().map_err(|_| corrupt("card.counter_window"))?;
    let last = u32::try_from(last_counter).map_err(|_| corrupt("card.last_counter"))?;
    Ok(Card {
        id,
        wallet: WalletId::from_field(wallet).ok_or_else(|| corrupt("card.wallet"))?,
        is_blocked: status != 1,
        expires_on,
        counters: CounterWindow::new(last, window),
        tap_limit: tap.map(cents).transpose()?,
        day_limit: day_limit.map(cents).transpose()?,
        day,
        day_spent: cents(day_cents)?,
    })
}

/// Writes counters and what counts against limits, of cards whose wallets are locked.
///
/// # Errors
/// [`DbError`].
pub async fn update(mut conn: &AsyncPgConnection, cards: &[&Card]) -> Result<(), DbError> {
    if cards.is_empty() {
        return Ok(());
    }
    let query: Statement = statement(
        "UPDATE card AS c SET last_counter = u.last_counter, counter_window = u.counter_window, day = u.day, \
         day_cents = u.day_cents FROM (SELECT unnest(?) AS id, unnest(?) AS last_counter, unnest(?) AS counter_window, \
         unnest(?) AS day, unnest(?) AS day_cents) AS u \
         WHERE c.id = u.id",
    )
    .bind(cards.iter().map(|card| card.id).collect::<Vec<_>>())
    .bind(cards.iter().map(|card| i64::from(card.counters.last())).collect::<Vec<_>>())
    .bind(cards.iter().map(|card| card.counters.used().to_vec()).collect::<Vec<_>>())
    .bind(cards.iter().map(|card| card.day).collect::<Vec<_>>())
    .bind(cards.iter().map(|card| card.day_spent.minor()).collect::<Vec<_>>());
    let updated = query.execute(&mut conn).await?;
    if updated == cards.len() { Ok(()) } else { Err(corrupt("card: a locked row was not there to update")) }
}
