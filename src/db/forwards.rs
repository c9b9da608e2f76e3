//! Forwarded records: stored as they came, and what they were judged to.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::OptionalExtension;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, SmallInt, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::OrganisationId;
use crate::domain::forward::Record;
use crate::domain::operation::{OperationId, Outcome};

/// Keeps other requests of this terminal waiting until COMMIT; answers the server's clock and, of a terminal that was revoked,
/// the last sequence that is taken: as many more than it had delivered then as it may make without a connection.
///
/// # Errors
/// [`DbError`]; not found, for a terminal that is not there.
pub async fn lock_journal(
    mut conn: &AsyncPgConnection,
    terminal: Uuid,
) -> Result<(DateTime<Utc>, Option<i64>), DbError> {
    let query: Statement<(Timestamptz, Nullable<BigInt>)> = statement(
        "SELECT clock_timestamp(), CASE WHEN t.status <> 1 THEN coalesce(t.revoked_at_record, 0) + l.offline_terminal_records END \
         FROM terminal AS t JOIN location AS l ON l.id = t.location WHERE t.id = ? FOR NO KEY UPDATE OF t",
    )
    .bind(terminal);
    Ok(query.get_result(&mut conn).await?)
}

/// The last record that is stored of a terminal, with its hash.
///
/// # Errors
/// [`DbError`].
pub async fn last(mut conn: &AsyncPgConnection, terminal: Uuid) -> Result<Option<(i64, [u8; 32])>, DbError> {
    let query: Statement<(BigInt, Binary)> =
        statement("SELECT sequence, hash FROM forward WHERE terminal = ? ORDER BY sequence DESC LIMIT 1")
            .bind(terminal);
    let found = query.get_result::<(i64, Vec<u8>)>(&mut conn).await.optional()?;
    found.map(|(sequence, hash)| Ok((sequence, hash_of(hash)?))).transpose()
}

fn hash_of(bytes: Vec<u8>) -> Result<[u8; 32], DbError> {
    bytes.try_into().map_err(|_| corrupt("forward.hash"))
}

/// The hashes under these sequences.
///
/// # Errors
/// [`DbError`].
pub async fn hashes(
    mut conn: &AsyncPgConnection,
    terminal: Uuid,
    sequences: Vec<i64>,
) -> Result<HashMap<i64, [u8; 32]>, DbError> {
    let query: Statement<(BigInt, Binary)> =
        statement("SELECT sequence, hash FROM forward WHERE terminal = ? AND sequence = ANY(?)")
            .bind(terminal)
            .bind(sequences);
    let rows = query.load::<(i64, Vec<u8>)>(&mut conn).await?;
    rows.into_iter().map(|(sequence, hash)| Ok((sequence, hash_of(hash)?))).collect()
}

/// A record to store, with the id that its sale will be booked under and, where that is not the record's own, the one it
/// was sent with.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct NewForward<'r> {
    pub record: &'r Record,
    pub operation: Option<OperationId>,
    pub sent_as: Option<OperationId>,
}

/// Stores records of a terminal.
///
/// # Errors
/// [`DbError`].
pub async fn insert(mut conn: &AsyncPgConnection, terminal: Uuid, new: &[NewForward<'_>]) -> Result<(), DbError> {
    let query: Statement = statement(
        "INSERT INTO forward (terminal, sequence, previous, hash, sale, operation, sent_as) \
         SELECT ?, unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?)",
    )
    .bind(terminal)
    .bind(new.iter().map(|new| new.record.sequence).collect::<Vec<_>>())
    .bind(new.iter().map(|new| new.record.previous.to_vec()).collect::<Vec<_>>())
    .bind(new.iter().map(|new| new.record.hash.to_vec()).collect::<Vec<_>>())
    .bind(new.iter().map(|new| new.record.sale.clone()).collect::<Vec<_>>())
    .bind(new.iter().map(|new| new.operation.map(OperationId::uuid)).collect::<Vec<_>>())
    .bind(new.iter().map(|new| new.sent_as.map(OperationId::uuid)).collect::<Vec<_>>());
    query.execute(&mut conn).await?;
    Ok(())
}

/// Whether nobody else judges this terminal's records now; nobody will until the end of this transaction. Its COMMIT need not
/// reach the disk: what it says is found again by judging again, and whose clients wait share the disk.
///
/// # Errors
/// [`DbError`].
pub async fn begin_judging(mut conn: &AsyncPgConnection, terminal: Uuid) -> Result<bool, DbError> {
    let query: Statement<Bool> = statement(
        "SELECT pg_try_advisory_xact_lock(7215206, hashtext(CAST(? AS uuid)::text)) \
                   FROM set_config('synchronous_commit', 'off', true)",
    )
    .bind(terminal);
    Ok(query.get_result::<bool>(&mut conn).await?)
}

/// A record that is not judged yet.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Pending {
    pub sequence: i64,
    pub sale: Vec<u8>,
    pub operation: Option<OperationId>,
}

fn id_of(id: Option<Uuid>) -> Result<Option<OperationId>, DbError> {
    id.map(OperationId::new).transpose().map_err(|_| corrupt("forward.operation"))
}

/// The first records of a terminal after `after` that are not judged yet, in the order of its journal.
///
/// # Errors
/// [`DbError`].
pub async fn pending(
    mut conn: &AsyncPgConnection,
    terminal: Uuid,
    after: i64,
    limit: i64,
) -> Result<Vec<Pending>, DbError> {
    let query: Statement<(BigInt, Binary, Nullable<SqlUuid>)> = statement(
        "SELECT sequence, sale, operation FROM forward WHERE terminal = ? AND sequence > ? AND judged_at IS NULL \
         ORDER BY sequence LIMIT ?",
    )
    .bind(terminal)
    .bind(after)
    .bind(limit);
    let rows = query.load::<(i64, Vec<u8>, Option<Uuid>)>(&mut conn).await?;
    rows.into_iter()
        .map(|(sequence, sale, operation)| Ok(Pending { sequence, sale, operation: id_of(operation)? }))
        .collect()
}

/// Terminals that have records which wait for longer than a moment.
///
/// # Errors
/// [`DbError`].
pub async fn waiting_terminals(mut conn: &AsyncPgConnection) -> Result<Vec<Uuid>, DbError> {
    let query: Statement<SqlUuid> = statement(
        "SELECT terminal FROM forward WHERE judged_at IS NULL GROUP BY terminal \
         HAVING min(received_at) < now() - interval '3 seconds'",
    );
    Ok(query.load::<Uuid>(&mut conn).await?)
}

/// Gives a record another id to be booked under, as its own has become too old before it was booked.
///
/// # Errors
/// [`DbError`].
pub async fn rename(
    mut conn: &AsyncPgConnection,
    terminal: Uuid,
    sequence: i64,
    from: OperationId,
    to: OperationId,
) -> Result<(), DbError> {
    let query: Statement = statement(
        "UPDATE forward SET operation = ?, sent_as = coalesce(sent_as, operation) \
         WHERE terminal = ? AND sequence = ? AND operation = ? AND judged_at IS NULL",
    )
    .bind(to.uuid())
    .bind(terminal)
    .bind(sequence)
    .bind(from.uuid());
    query.execute(&mut conn).await?;
    Ok(())
}

/// Writes what records were judged to: an outcome of the ledger's, or none.
///
/// # Errors
/// [`DbError`].
pub async fn set_judged(
    mut conn: &AsyncPgConnection,
    terminal: Uuid,
    judged: &[(i64, Option<Outcome>)],
) -> Result<(), DbError> {
    let query: Statement = statement(
        "UPDATE forward AS f SET outcome = u.outcome, judged_at = clock_timestamp() \
         FROM (SELECT unnest(?) AS sequence, unnest(?) AS outcome) AS u \
         WHERE f.terminal = ? AND f.sequence = u.sequence AND f.judged_at IS NULL",
    )
    .bind(judged.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>())
    .bind(judged.iter().map(|(_, outcome)| outcome.map(|outcome| i16::from(outcome.code()))).collect::<Vec<_>>())
    .bind(terminal);
    query.execute(&mut conn).await?;
    Ok(())
}

/// How far a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Standing {
    pub operation: Option<OperationId>,
    pub outcome: Option<Outcome>,
    pub is_judged: bool,
}

/// How far these records are.
///
/// # Errors
/// [`DbError`].
pub async fn standings(
    mut conn: &AsyncPgConnection,
    terminal: Uuid,
    sequences: Vec<i64>,
) -> Result<HashMap<i64, Standing>, DbError> {
    let query: Statement<(BigInt, Nullable<SqlUuid>, Nullable<SmallInt>, Bool)> = statement(
        "SELECT sequence, operation, outcome, judged_at IS NOT NULL FROM forward \
         WHERE terminal = ? AND sequence = ANY(?)",
    )
    .bind(terminal)
    .bind(sequences);
    let rows = query.load::<(i64, Option<Uuid>, Option<i16>, bool)>(&mut conn).await?;
    rows.into_iter()
        .map(|(sequence, operation, outcome, is_judged)| {
            let outcome = outcome.map(|code| Outcome::from_code(code.into()).ok_or_else(|| corrupt("forward.outcome")));
            Ok((sequence, Standing { operation: id_of(operation)?, outcome: outcome.transpose()?, is_judged }))
        })
        .collect()
}

/// Whether a record was sent with this id and is booked under another.
///
/// # Errors
/// [`DbError`].
pub async fn is_renamed(mut conn: &AsyncPgConnection, id: OperationId) -> Result<bool, DbError> {
    let query: Statement<Bool> = statement("SELECT EXISTS (SELECT FROM forward WHERE sent_as = ?)").bind(id.uuid());
    Ok(query.get_result::<bool>(&mut conn).await?)
}

/// What records of terminals that were sent with this id are booked under, each with its terminal.
///
/// # Errors
/// [`DbError`].
pub async fn booked_as(mut conn: &AsyncPgConnection, id: OperationId) -> Result<Vec<(Uuid, OperationId)>, DbError> {
    let query: Statement<(SqlUuid, SqlUuid)> = statement(
        "SELECT terminal, operation FROM forward WHERE sent_as = ? AND operation IS NOT NULL \
         ORDER BY terminal, sequence LIMIT 100",
    )
    .bind(id.uuid());
    let rows = query.load::<(Uuid, Uuid)>(&mut conn).await?;
    rows.into_iter()
        .map(|(terminal, id)| Ok((terminal, OperationId::new(id).map_err(|_| corrupt("forward.operation"))?)))
        .collect()
}

/// The bytes of a record.
///
/// # Errors
/// [`DbError`].
pub async fn sale(mut conn: &AsyncPgConnection, terminal: Uuid, sequence: i64) -> Result<Option<Vec<u8>>, DbError> {
    let query: Statement<Binary> =
        statement("SELECT sale FROM forward WHERE terminal = ? AND sequence = ?").bind(terminal).bind(sequence);
    Ok(query.get_result::<Vec<u8>>(&mut conn).await.optional()?)
}

/// Records that are not judged yet.
///
/// # Errors
/// [`DbError`].
pub async fn count_pending(mut conn: &AsyncPgConnection) -> Result<i64, DbError> {
    let query: Statement<BigInt> = statement("SELECT count(*) FROM forward WHERE judged_at IS NULL");
    Ok(query.get_result::<i64>(&mut conn).await?)
}

/// The locations of an organisation.
///
/// # Errors
/// [`DbError`].
pub async fn locations(mut conn: &AsyncPgConnection, organisation: OrganisationId) -> Result<Vec<Uuid>, DbError> {
    let query: Statement<SqlUuid> =
        statement("SELECT id FROM location WHERE organisation = ?").bind(i32::from(organisation.number()));
    Ok(query.load::<Uuid>(&mut conn).await?)
}
