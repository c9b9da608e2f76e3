//! The generations of the cards' keys: which were activated, and from which day on an old one is refused.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{Array, BigInt, Date, Nullable, SmallInt, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::statement::{Statement, statement};
use super::{DbError, corrupt};

/// Taken until COMMIT by who makes or activates keys.
const KEYS_LOCK: i64 = 7_215_205;

/// A generation that is or was the one that new cards sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct KeyGeneration {
    pub generation: u8,
    pub activated_at: DateTime<Utc>,
    /// The book date from which its taps are refused.
    pub refused_from: Option<NaiveDate>,
}

/// Makes this transaction the only one that makes or activates keys.
///
/// # Errors
/// [`DbError`].
pub async fn lock(conn: &mut AsyncPgConnection) -> Result<(), DbError> {
    let query: Statement = statement("SELECT pg_advisory_xact_lock(?)").bind(KEYS_LOCK);
    query.execute(conn).await?;
    Ok(())
}

/// All that were activated; the last is the active one.
///
/// # Errors
/// [`DbError`].
pub async fn load(mut conn: &AsyncPgConnection) -> Result<Vec<KeyGeneration>, DbError> {
    let query: Statement<(SmallInt, Timestamptz, Nullable<Date>)> =
        statement("SELECT generation, activated_at, refused_from FROM key_generation ORDER BY generation");
    let rows = query.load::<(i16, DateTime<Utc>, Option<NaiveDate>)>(&mut conn).await?;
    rows.into_iter()
        .map(|(generation, activated_at, refused_from)| {
            let generation = u8::try_from(generation).map_err(|_| corrupt("key_generation.generation"))?;
            Ok(KeyGeneration { generation, activated_at, refused_from })
        })
        .collect()
}

/// Makes a generation the active one; one that is or was so already stays as it is.
///
/// # Errors
/// [`DbError`].
pub async fn activate(conn: &mut AsyncPgConnection, generation: u8) -> Result<(), DbError> {
    let query: Statement =
        statement("INSERT INTO key_generation (generation) VALUES (?) ON CONFLICT (generation) DO NOTHING")
            .bind(i16::from(generation));
    query.execute(conn).await?;
    Ok(())
}

/// Says from which day on a generation's taps are refused; none: never. False if it was never activated.
///
/// # Errors
/// [`DbError`].
pub async fn refuse(conn: &mut AsyncPgConnection, generation: u8, from: Option<NaiveDate>) -> Result<bool, DbError> {
    let query: Statement = statement("UPDATE key_generation SET refused_from = ? WHERE generation = ?")
        .bind(from)
        .bind(i16::from(generation));
    Ok(query.execute(conn).await? > 0)
}

/// How far cards are with a generation: counts of cards that were not replaced and have not expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Progress {
    /// That the cards were last rightly seen signing with.
    pub generation: u8,
    pub cards: i64,
    /// Are told to sign with the active generation, and have not shown that they heard it.
    pub waiting: i64,
    /// Have no keys of the active generation: they must be replaced.
    pub without_keys: i64,
}

/// By generation.
///
/// # Errors
/// [`DbError`].
pub async fn progress(mut conn: &AsyncPgConnection, today: NaiveDate) -> Result<Vec<Progress>, DbError> {
    let query: Statement<(SmallInt, Array<BigInt>)> = statement(
        "SELECT c.generation, ARRAY[count(*), count(*) FILTER (WHERE EXISTS (SELECT FROM card_script AS s WHERE s.card = c.id \
             AND s.change = 5 AND s.confirmed_at IS NULL AND s.replaced_by IS NULL)), \
           count(*) FILTER (WHERE c.generations_to < (SELECT max(generation) FROM key_generation))] \
         FROM card AS c WHERE c.status <> 3 AND c.expires_on >= ? GROUP BY c.generation ORDER BY c.generation",
    )
    .bind(today);
    let rows = query.load::<(i16, Vec<i64>)>(&mut conn).await?;
    rows.into_iter()
        .map(|(generation, counts)| {
            let generation = u8::try_from(generation).map_err(|_| corrupt("card.generation"))?;
            let [cards, waiting, without_keys] = counts.try_into().map_err(|_| corrupt("card"))?;
            Ok(Progress { generation, cards, waiting, without_keys })
        })
        .collect()
}
