//! Scripts to cards: queued under the lock of card events, so that their versions are committed in order.

use std::collections::HashMap;

use card_protocol::script::Change;
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Binary, Nullable, SmallInt, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::card_script::{Plan, Queued};

/// What a card was told, and what of it came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ScriptRow {
    pub script: Queued,
    pub queued_at: DateTime<Utc>,
    pub confirmed_at: Option<DateTime<Utc>>,
    pub replaced_by: Option<u32>,
}

impl ScriptRow {
    /// Whether it still goes out.
    pub const fn is_waiting(&self) -> bool {
        self.confirmed_at.is_none() && self.replaced_by.is_none()
    }
}

fn number(stored: i64) -> Result<u32, DbError> {
    u32::try_from(stored).map_err(|_| corrupt("card_script.number"))
}

fn queued(stored: i64, change: i16, parameters: &[u8]) -> Result<Queued, DbError> {
    let code = u8::try_from(change).map_err(|_| corrupt("card_script.change"))?;
    let change = Change::decode(&[&[code], parameters].concat()).map_err(|_| corrupt("card_script.parameters"))?;
    Ok(Queued { number: number(stored)?, change })
}

/// Code and parameters.
fn stored(change: Change) -> (i16, Vec<u8>) {
    let bytes = change.encode();
    let (code, parameters) = bytes.split_first().map_or((0, &[][..]), |(code, rest)| (*code, rest));
    (i16::from(code), parameters.to_vec())
}

/// All scripts of a card, by number.
///
/// # Errors
/// [`DbError`].
pub async fn of_card(mut conn: &AsyncPgConnection, card: Uuid) -> Result<Vec<ScriptRow>, DbError> {
    type Row = (i64, i16, Vec<u8>, DateTime<Utc>, Option<DateTime<Utc>>, Option<i64>);
    let query: Statement<(BigInt, SmallInt, Binary, Timestamptz, Nullable<Timestamptz>, Nullable<BigInt>)> = statement(
        "SELECT number, change, parameters, queued_at, confirmed_at, replaced_by FROM card_script WHERE card = ? \
         ORDER BY number",
    )
    .bind(card);
    let rows = query.load::<Row>(&mut conn).await?;
    rows.into_iter()
        .map(|(number, change, parameters, queued_at, confirmed_at, replaced_by)| {
            let replaced_by = replaced_by.map(self::number).transpose()?;
            Ok(ScriptRow { script: queued(number, change, &parameters)?, queued_at, confirmed_at, replaced_by })
        })
        .collect()
}

/// Writes what was planned for a card, under the lock of card events.
///
/// # Errors
/// [`DbError`].
pub async fn insert(conn: &mut AsyncPgConnection, card: Uuid, plan: &Plan) -> Result<(), DbError> {
    // A script at a time: their versions must rise with their numbers.
    for script in &plan.new {
        let (change, parameters) = stored(script.change);
        let query: Statement =
            statement("INSERT INTO card_script (card, number, change, parameters) VALUES (?, ?, ?, ?)")
                .bind(card)
                .bind(i64::from(script.number))
                .bind(change)
                .bind(parameters);
        query.execute(conn).await?;
    }
    if plan.replaced.is_empty() {
        return Ok(());
    }
    let query: Statement = statement(
        "UPDATE card_script AS s SET replaced_by = u.by FROM (SELECT unnest(?) AS number, unnest(?) AS by) AS u \
         WHERE s.card = ? AND s.number = u.number",
    )
    .bind(plan.replaced.iter().map(|(number, _)| i64::from(*number)).collect::<Vec<_>>())
    .bind(plan.replaced.iter().map(|(_, by)| i64::from(*by)).collect::<Vec<_>>())
    .bind(card);
    query.execute(conn).await?;
    Ok(())
}

/// Tells every card that has the keys of a generation, and signs with an older one, to sign with it; cards that were
/// replaced need not know. Under the lock of card events. Answers how many cards.
///
/// # Errors
/// [`DbError`].
pub async fn activate_everywhere(conn: &mut AsyncPgConnection, generation: u8) -> Result<usize, DbError> {
    let (change, parameters) = stored(Change::ActivateGeneration(generation));
    let query: Statement = statement(
        "INSERT INTO card_script (card, number, change, parameters) \
         SELECT c.id, coalesce((SELECT max(number) FROM card_script WHERE card = c.id), 0) + 1, ?, ? FROM card AS c \
         WHERE c.status <> 3 AND c.generation < ? AND c.generations_to >= ?",
    )
    .bind(change)
    .bind(parameters)
    .bind(i16::from(generation))
    .bind(i16::from(generation));
    let told = query.execute(conn).await?;
    let query: Statement = statement(
        "UPDATE card_script AS s SET replaced_by = n.number FROM card_script AS n \
         WHERE s.change = ? AND s.confirmed_at IS NULL AND s.replaced_by IS NULL \
           AND n.card = s.card AND n.change = s.change AND n.number > s.number AND n.replaced_by IS NULL",
    )
    .bind(change);
    query.execute(conn).await?;
    Ok(told)
}

/// What waits of what was queued after a version, in the order in which it was queued; and the newest version.
///
/// # Errors
/// [`DbError`].
pub async fn waiting_since(mut conn: &AsyncPgConnection, since: i64) -> Result<(i64, Vec<(Uuid, Queued)>), DbError> {
    let newest: Statement<BigInt> = statement("SELECT coalesce(max(version), 0) FROM card_script");
    let newest: i64 = newest.get_result(&mut conn).await?;
    if newest <= since {
        return Ok((since, Vec::new()));
    }
    // What was committed up to `newest` is all that ever will be.
    let query: Statement<(SqlUuid, BigInt, SmallInt, Binary)> = statement(
        "SELECT card, number, change, parameters FROM card_script \
         WHERE version > ? AND version <= ? AND confirmed_at IS NULL AND replaced_by IS NULL ORDER BY version",
    )
    .bind(since)
    .bind(newest);
    let rows = query.load::<(Uuid, i64, i16, Vec<u8>)>(&mut conn).await?;
    let read = |(card, number, change, parameters): (Uuid, i64, i16, Vec<u8>)| {
        Ok::<_, DbError>((card, queued(number, change, &parameters)?))
    };
    Ok((newest, rows.into_iter().map(read).collect::<Result<_, _>>()?))
}

/// Writes that all scripts of a card came, up to a number.
///
/// # Errors
/// [`DbError`].
pub async fn confirm(conn: &mut AsyncPgConnection, came: &[(Uuid, u32)]) -> Result<(), DbError> {
    let query: Statement = statement(
        "UPDATE card_script AS s SET confirmed_at = clock_timestamp() \
         FROM (SELECT unnest(?) AS card, unnest(?) AS number) AS u \
         WHERE s.card = u.card AND s.number <= u.number AND s.confirmed_at IS NULL AND s.replaced_by IS NULL",
    )
    .bind(came.iter().map(|(card, _)| *card).collect::<Vec<_>>())
    .bind(came.iter().map(|(_, number)| i64::from(*number)).collect::<Vec<_>>());
    query.execute(conn).await?;
    Ok(())
}

/// How many scripts of each card wait, and how many came.
///
/// # Errors
/// [`DbError`].
pub async fn counts(mut conn: &AsyncPgConnection) -> Result<HashMap<Uuid, [i64; 2]>, DbError> {
    let query: Statement<(SqlUuid, Array<BigInt>)> = statement(
        "SELECT card, ARRAY[count(*) FILTER (WHERE confirmed_at IS NULL AND replaced_by IS NULL), count(confirmed_at)] \
         FROM card_script GROUP BY card",
    );
    let rows = query.load::<(Uuid, Vec<i64>)>(&mut conn).await?;
    rows.into_iter().map(|(card, counts)| Ok((card, counts.try_into().map_err(|_| corrupt("card_script"))?))).collect()
}
