//! The review queue: opened once for each record or capture and reason, settled once.

use chrono::{DateTime, Utc};
use diesel::OptionalExtension;
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::statement::{Statement, statement};
use super::{DbError, corrupt};
use crate::domain::account::OrganisationId;
use crate::domain::money::Amount;
use crate::domain::operation::OperationId;
use crate::domain::review::{ReviewWhy, Settlement};

/// A review to open.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct NewReview {
    pub sequence: i64,
    pub why: ReviewWhy,
    /// What the ledger has of it.
    pub operation: Option<OperationId>,
    pub loss: Option<Amount>,
    /// What did not fit the journal.
    pub record: Option<Vec<u8>>,
}

/// Opens reviews of a terminal's records; one that was opened before stays as it is.
///
/// # Errors
/// [`DbError`].
pub async fn open(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    terminal: Uuid,
    new: &[NewReview],
) -> Result<(), DbError> {
    if new.is_empty() {
        return Ok(());
    }
    let query: Statement = statement(
        "INSERT INTO review (organisation, terminal, sequence, why, operation, loss_cents, record) \
         SELECT ?, ?, unnest(?), unnest(?), unnest(?), unnest(?), unnest(?) ON CONFLICT DO NOTHING",
    )
    .bind(i32::from(organisation.number()))
    .bind(terminal)
    .bind(new.iter().map(|new| new.sequence).collect::<Vec<_>>())
    .bind(new.iter().map(|new| i16::from(new.why.code())).collect::<Vec<_>>())
    .bind(new.iter().map(|new| new.operation.map(OperationId::uuid)).collect::<Vec<_>>())
    .bind(new.iter().map(|new| new.loss.map(Amount::minor)).collect::<Vec<_>>())
    .bind(new.iter().map(|new| new.record.clone()).collect::<Vec<_>>());
    query.execute(&mut conn).await?;
    Ok(())
}

/// Opens a review of the record that was booked as this sale, if it came from a journal.
///
/// # Errors
/// [`DbError`].
pub async fn open_for(mut conn: &AsyncPgConnection, sale: OperationId, why: ReviewWhy) -> Result<(), DbError> {
    let query: Statement = statement(
        "INSERT INTO review (organisation, terminal, sequence, why, operation) \
         SELECT l.organisation, f.terminal, f.sequence, ?, f.operation \
         FROM ledger.operation AS o JOIN forward AS f ON f.terminal = o.terminal AND f.operation = o.id \
         JOIN terminal AS t ON t.id = f.terminal JOIN location AS l ON l.id = t.location \
         WHERE o.id = ? ON CONFLICT DO NOTHING",
    )
    .bind(i16::from(why.code()))
    .bind(sale.uuid());
    query.execute(&mut conn).await?;
    Ok(())
}

/// Opens the review of a capture that was declined after its goods had come out, with its lines.
///
/// # Errors
/// [`DbError`].
pub async fn open_of_capture(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    terminal: Uuid,
    capture: OperationId,
    lines: Vec<u8>,
) -> Result<(), DbError> {
    let query: Statement = statement(
        "INSERT INTO review (organisation, terminal, why, operation, record) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(i32::from(organisation.number()))
    .bind(terminal)
    .bind(i16::from(ReviewWhy::CaptureDeclined.code()))
    .bind(capture.uuid())
    .bind(lines);
    query.execute(&mut conn).await?;
    Ok(())
}

/// A review as it stands.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Review {
    pub id: i64,
    pub organisation: i32,
    pub terminal: Uuid,
    /// In the terminal's journal; none of a capture.
    pub sequence: Option<i64>,
    pub why: ReviewWhy,
    pub operation: Option<OperationId>,
    pub loss_cents: Option<i64>,
    pub record: Option<Vec<u8>>,
    pub opened_at: DateTime<Utc>,
    pub settled: Option<Settled>,
}

/// How a review ended.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Settled {
    pub at: DateTime<Utc>,
    pub how: Settlement,
    pub by: String,
    /// Or who consented, and when.
    pub reason: String,
    /// What took it from own money.
    pub with: Option<Uuid>,
}

type Sql = (
    (
        BigInt,
        Integer,
        SqlUuid,
        Nullable<BigInt>,
        SmallInt,
        Nullable<SqlUuid>,
        Nullable<BigInt>,
        Nullable<Binary>,
        Timestamptz,
    ),
    (Nullable<Timestamptz>, Nullable<SmallInt>, Nullable<Text>, Nullable<Text>, Nullable<SqlUuid>),
);
type Row = (
    (i64, i32, Uuid, Option<i64>, i16, Option<Uuid>, Option<i64>, Option<Vec<u8>>, DateTime<Utc>),
    (Option<DateTime<Utc>>, Option<i16>, Option<String>, Option<String>, Option<Uuid>),
);

fn read(row: Row) -> Result<Review, DbError> {
    let ((id, organisation, terminal, sequence, why, operation, loss_cents, record, opened_at), settled) = row;
    let (at, how, by, reason, with) = settled;
    let settled = match (at, how, by, reason) {
        (Some(at), Some(how), Some(by), Some(reason)) => {
            let how = Settlement::from_code(how.into()).ok_or_else(|| corrupt("review.settlement"))?;
            Some(Settled { at, how, by, reason, with })
        }
        _ => None,
    };
    Ok(Review {
        id,
        organisation,
        terminal,
        sequence,
        why: ReviewWhy::from_code(why.into()).ok_or_else(|| corrupt("review.why"))?,
        operation: operation.map(OperationId::new).transpose().map_err(|_| corrupt("review.operation"))?,
        loss_cents,
        record,
        opened_at,
        settled,
    })
}

/// One review.
///
/// # Errors
/// [`DbError`].
pub async fn find(mut conn: &AsyncPgConnection, id: i64) -> Result<Option<Review>, DbError> {
    let query: Statement<Sql> = statement(
        "SELECT id, organisation, terminal, sequence, why, operation, loss_cents, record, opened_at, settled_at, \
         settlement, settled_by, reason, settled_with FROM review WHERE id = ?",
    )
    .bind(id);
    query.get_result::<Row>(&mut conn).await.optional()?.map(read).transpose()
}

/// Reviews that are open, or all of them, oldest first.
///
/// # Errors
/// [`DbError`].
pub async fn list(mut conn: &AsyncPgConnection, all: bool) -> Result<Vec<Review>, DbError> {
    let query: Statement<Sql> = statement(
        "SELECT id, organisation, terminal, sequence, why, operation, loss_cents, NULL::bytea, opened_at, settled_at, \
         settlement, settled_by, reason, settled_with FROM review WHERE ? OR settled_at IS NULL ORDER BY id",
    )
    .bind(all);
    query.load::<Row>(&mut conn).await?.into_iter().map(read).collect()
}

/// Ends a review; answers whether it was open.
///
/// # Errors
/// [`DbError`].
pub async fn settle(
    mut conn: &AsyncPgConnection,
    id: i64,
    how: Settlement,
    by: &str,
    reason: &str,
    with: Option<OperationId>,
) -> Result<bool, DbError> {
    let query: Statement = statement(
        "UPDATE review SET settled_at = clock_timestamp(), settlement = ?, settled_by = ?, reason = ?, settled_with = ? \
         WHERE id = ? AND settled_at IS NULL",
    )
    .bind(i16::from(how.code()))
    .bind(by.to_owned())
    .bind(reason.to_owned())
    .bind(with.map(OperationId::uuid))
    .bind(id);
    Ok(query.execute(&mut conn).await? == 1)
}

/// Reviews of a terminal's records for this reason, open or not.
///
/// # Errors
/// [`DbError`].
pub async fn count_of(mut conn: &AsyncPgConnection, terminal: Uuid, why: ReviewWhy) -> Result<i64, DbError> {
    let query: Statement<BigInt> = statement("SELECT count(*) FROM review WHERE terminal = ? AND why = ?")
        .bind(terminal)
        .bind(i16::from(why.code()));
    Ok(query.get_result::<i64>(&mut conn).await?)
}

/// Reviews that are open.
///
/// # Errors
/// [`DbError`].
pub async fn count_open(mut conn: &AsyncPgConnection) -> Result<i64, DbError> {
    let query: Statement<BigInt> = statement("SELECT count(*) FROM review WHERE settled_at IS NULL");
    Ok(query.get_result::<i64>(&mut conn).await?)
}
