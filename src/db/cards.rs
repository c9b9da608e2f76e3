//! Card rows: counters and limits. Guarded by the lock of their wallet: what counts taps holds it, and takes no lock of
//! the card's own. Blocking a card writes another column and so loses nothing to a tap at the same time.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::OptionalExtension;
use diesel::sql_types::{BigInt, Binary, Date, Nullable, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::card::{Card, CardStatus, CounterWindow};
use crate::domain::money::Amount;

type TapSql = (
    (SqlUuid, BigInt, SmallInt, Date, SmallInt, BigInt, Binary),
    (Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>, Nullable<Date>, BigInt),
);
type TapRow =
    ((Uuid, i64, i16, NaiveDate, i16, i64, Vec<u8>), (Option<i64>, Option<i64>, Option<i64>, Option<NaiveDate>, i64));

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
    let query: Statement<TapSql> = statement(
        "SELECT id, wallet, status, expires_on, generation, last_counter, counter_window, pin_free_cents, tap_limit_cents, \
         day_limit_cents, day, day_cents FROM card WHERE id = ANY(?)",
    )
    .bind(cards.to_vec());
    query.load::<TapRow>(&mut conn).await?.into_iter().map(|row| read(row).map(|card| (card.id, card))).collect()
}

fn read(row: TapRow) -> Result<Card, DbError> {
    let (
        (id, wallet, status, expires_on, generation, last_counter, window),
        (pin_free, tap, day_limit, day, day_cents),
    ) = row;
    let cents = |minor| Amount::cents(minor).map_err(|_| corrupt("card limits"));
    let window: [u8; 32] = window.try_into().map_err(|_| corrupt("card.counter_window"))?;
    let last = u32::try_from(last_counter).map_err(|_| corrupt("card.last_counter"))?;
    Ok(Card {
        id,
        wallet: WalletId::from_field(wallet).ok_or_else(|| corrupt("card.wallet"))?,
        is_blocked: status != 1,
        expires_on,
        generation: u8::try_from(generation).map_err(|_| corrupt("card.generation"))?,
        counters: CounterWindow::new(last, window),
        pin_free: pin_free.map(cents).transpose()?,
        tap_limit: tap.map(cents).transpose()?,
        day_limit: day_limit.map(cents).transpose()?,
        day,
        day_spent: cents(day_cents)?,
    })
}

/// Writes counters, generations and what counts against limits, of cards whose wallets are locked.
///
/// # Errors
/// [`DbError`].
pub async fn update(mut conn: &AsyncPgConnection, cards: &[&Card]) -> Result<(), DbError> {
    if cards.is_empty() {
        return Ok(());
    }
    let query: Statement = statement(
        "UPDATE card AS c SET last_counter = u.last_counter, counter_window = u.counter_window, day = u.day, \
         day_cents = u.day_cents, generation = u.generation FROM (SELECT unnest(?) AS id, unnest(?) AS last_counter, \
         unnest(?) AS counter_window, unnest(?) AS day, unnest(?) AS day_cents, unnest(?) AS generation) AS u \
         WHERE c.id = u.id",
    )
    .bind(cards.iter().map(|card| card.id).collect::<Vec<_>>())
    .bind(cards.iter().map(|card| i64::from(card.counters.last())).collect::<Vec<_>>())
    .bind(cards.iter().map(|card| card.counters.used().to_vec()).collect::<Vec<_>>())
    .bind(cards.iter().map(|card| card.day).collect::<Vec<_>>())
    .bind(cards.iter().map(|card| card.day_spent.minor()).collect::<Vec<_>>())
    .bind(cards.iter().map(|card| i16::from(card.generation)).collect::<Vec<_>>());
    let updated = query.execute(&mut conn).await?;
    if updated == cards.len() { Ok(()) } else { Err(corrupt("card: a locked row was not there to update")) }
}

/// A card as the office sees one.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct CardRow {
    pub id: Uuid,
    pub wallet: WalletId,
    pub status: CardStatus,
    pub expires_on: NaiveDate,
    /// That it was last rightly seen signing with.
    pub generation: u8,
    /// The newest generation whose keys are on it.
    pub generations_to: u8,
    pub replaces: Option<Uuid>,
    pub tap_limit_cents: Option<i64>,
    pub day_limit_cents: Option<i64>,
    /// What activity, extra and own lines of a tap may come to without PIN; none: no PIN is asked.
    pub pin_free_cents: Option<i64>,
}

type Limits<T> = (T, T, T);
type IssuedSql = (SqlUuid, BigInt, SmallInt, Date, (SmallInt, SmallInt), Nullable<SqlUuid>, Limits<Nullable<BigInt>>);
type IssuedRow = (Uuid, i64, i16, NaiveDate, (i16, i16), Option<Uuid>, Limits<Option<i64>>);

fn read_issued(row: IssuedRow) -> Result<CardRow, DbError> {
    let (id, wallet, status, expires_on, (generation, newest), replaces, limits) = row;
    let (tap_limit_cents, day_limit_cents, pin_free_cents) = limits;
    Ok(CardRow {
        id,
        wallet: WalletId::from_field(wallet).ok_or_else(|| corrupt("card.wallet"))?,
        status: CardStatus::from_code(status.into()).ok_or_else(|| corrupt("card.status"))?,
        expires_on,
        generation: u8::try_from(generation).map_err(|_| corrupt("card.generation"))?,
        generations_to: u8::try_from(newest).map_err(|_| corrupt("card.generations_to"))?,
        replaces,
        tap_limit_cents,
        day_limit_cents,
        pin_free_cents,
    })
}

/// One card; none if there is no such.
///
/// # Errors
/// [`DbError`].
pub async fn find(mut conn: &AsyncPgConnection, card: Uuid) -> Result<Option<CardRow>, DbError> {
    let query: Statement<IssuedSql> = statement(
        "SELECT id, wallet, status, expires_on, generation, generations_to, replaces, tap_limit_cents, day_limit_cents, \
         pin_free_cents FROM card WHERE id = ?",
    )
    .bind(card);
    query.get_result::<IssuedRow>(&mut conn).await.optional()?.map(read_issued).transpose()
}

/// All cards, by wallet, oldest first.
///
/// # Errors
/// [`DbError`].
pub async fn list(mut conn: &AsyncPgConnection) -> Result<Vec<CardRow>, DbError> {
    let query: Statement<IssuedSql> = statement(
        "SELECT id, wallet, status, expires_on, generation, generations_to, replaces, tap_limit_cents, day_limit_cents, \
         pin_free_cents FROM card ORDER BY wallet, issued_at, id",
    );
    query.load::<IssuedRow>(&mut conn).await?.into_iter().map(read_issued).collect()
}

/// The cards of a wallet that pay.
///
/// # Errors
/// [`DbError`].
pub async fn paying_of(mut conn: &AsyncPgConnection, wallet: WalletId) -> Result<Vec<Uuid>, DbError> {
    let query: Statement<SqlUuid> =
        statement("SELECT id FROM card WHERE wallet = ? AND status = 1 ORDER BY id").bind(wallet.field());
    Ok(query.load::<Uuid>(&mut conn).await?)
}

/// Adds a card that was never used.
///
/// # Errors
/// [`DbError`]; a foreign key violation means that there is no such wallet.
pub async fn insert(conn: &mut AsyncPgConnection, card: &CardRow) -> Result<(), DbError> {
    let query: Statement = statement(
        "INSERT INTO card (id, wallet, status, expires_on, generation, generations_to, replaces, tap_limit_cents, \
         day_limit_cents, pin_free_cents) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(card.id)
    .bind(card.wallet.field())
    .bind(i16::from(card.status.code()))
    .bind(card.expires_on)
    .bind(i16::from(card.generation))
    .bind(i16::from(card.generations_to))
    .bind(card.replaces)
    .bind(card.tap_limit_cents)
    .bind(card.day_limit_cents)
    .bind(card.pin_free_cents);
    query.execute(conn).await?;
    Ok(())
}

/// Writes whether a card pays, and nothing that a tap writes.
///
/// # Errors
/// [`DbError`].
pub async fn set_status(conn: &mut AsyncPgConnection, card: Uuid, status: CardStatus) -> Result<(), DbError> {
    let query: Statement =
        statement("UPDATE card SET status = ? WHERE id = ?").bind(i16::from(status.code())).bind(card);
    query.execute(conn).await?;
    Ok(())
}

/// A card that may pay, with what a terminal shows of its client.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct PayingCard {
    pub id: Uuid,
    pub wallet: WalletId,
    pub name: String,
    pub expires_on: NaiveDate,
    pub generation: u8,
    pub generations_to: u8,
}

/// What the list of cards that may pay is known by: the same digest, the same cards, names and keys. Far cheaper than the
/// list itself.
///
/// # Errors
/// [`DbError`].
pub async fn paying_digest(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    today: NaiveDate,
) -> Result<String, DbError> {
    let query: Statement<Text> = statement(
        "SELECT format('%s %s %s', count(*), sum(hashtextextended(row, 1)), sum(hashtextextended(row, 2))) FROM (\
         SELECT format('%s %s %s %s %s %s', c.id, c.wallet, c.expires_on, c.generation, c.generations_to, p.display_name) AS row \
         FROM card AS c JOIN wallet AS w ON w.id = c.wallet LEFT JOIN client AS p ON p.wallet = c.wallet \
         WHERE c.wallet BETWEEN ? AND ? AND c.status = 1 AND c.expires_on >= ? AND w.status = 1) AS rows",
    )
    .bind(organisation.own_wallet())
    .bind(organisation.own_wallet() | i64::from(u32::MAX))
    .bind(today);
    Ok(query.get_result::<String>(&mut conn).await?)
}

/// The cards of an organisation that may pay, by wallet.
///
/// # Errors
/// [`DbError`].
pub async fn paying(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    today: NaiveDate,
) -> Result<Vec<PayingCard>, DbError> {
    let query: Statement<(SqlUuid, BigInt, Text, Date, SmallInt, SmallInt)> = statement(
        "SELECT c.id, c.wallet, coalesce(p.display_name, ''), c.expires_on, c.generation, c.generations_to \
         FROM card AS c JOIN wallet AS w ON w.id = c.wallet LEFT JOIN client AS p ON p.wallet = c.wallet \
         WHERE c.wallet BETWEEN ? AND ? AND c.status = 1 AND c.expires_on >= ? AND w.status = 1 ORDER BY c.wallet, c.id",
    )
    .bind(organisation.own_wallet())
    .bind(organisation.own_wallet() | i64::from(u32::MAX))
    .bind(today);
    let rows = query.load::<(Uuid, i64, String, NaiveDate, i16, i16)>(&mut conn).await?;
    rows.into_iter()
        .map(|(id, wallet, name, expires_on, generation, newest)| {
            Ok(PayingCard {
                id,
                wallet: WalletId::from_field(wallet).ok_or_else(|| corrupt("card.wallet"))?,
                name,
                expires_on,
                generation: u8::try_from(generation).map_err(|_| corrupt("card.generation"))?,
                generations_to: u8::try_from(newest).map_err(|_| corrupt("card.generations_to"))?,
            })
        })
        .collect()
}
