//! Lists of what a human has to do, as other systems read them. `tasks` opens them.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::OptionalExtension;
use diesel::sql_types::{BigInt, Date, Integer, Nullable, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::DbError;
use super::statement::{Statement, statement};
use crate::domain::account::OrganisationId;

/// A task with the client it is about.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct TaskRow {
    pub id: i64,
    pub client: i32,
    pub unit: i16,
    pub month: NaiveDate,
    pub kind: i16,
    pub amount: Option<i64>,
    pub opened_at: DateTime<Utc>,
    pub done: Option<TaskDone>,
}

/// How a task was done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct TaskDone {
    pub at: DateTime<Utc>,
    pub by: String,
    pub how: String,
}

type Sql = (
    (BigInt, Integer, SmallInt, Date, SmallInt, Nullable<BigInt>, Timestamptz),
    (Nullable<Timestamptz>, Nullable<Text>, Nullable<Text>),
);
type Row = (
    (i64, i32, i16, NaiveDate, i16, Option<i64>, DateTime<Utc>),
    (Option<DateTime<Utc>>, Option<String>, Option<String>),
);

fn read(row: Row) -> TaskRow {
    let ((id, client, unit, month, kind, amount, opened_at), done) = row;
    let done = match done {
        (Some(at), Some(by), Some(how)) => Some(TaskDone { at, by, how }),
        _ => None,
    };
    TaskRow { id, client, unit, month, kind, amount, opened_at, done }
}

/// Tasks of an organisation by id, those after `after`, at most `limit`; only those that are open, or all.
///
/// # Errors
/// [`DbError`].
pub async fn page(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    only_open: bool,
    after: i64,
    limit: i64,
) -> Result<Vec<TaskRow>, DbError> {
    let query: Statement<Sql> = statement(
        "SELECT t.id, c.number, w.unit, t.month, t.kind, t.amount, t.opened_at, t.done_at, t.done_by, t.how FROM task AS t \
         JOIN client AS c ON c.wallet = t.wallet JOIN wallet AS w ON w.id = t.wallet \
         WHERE t.organisation = ? AND t.id > ? AND (t.done_at IS NULL OR NOT ?) ORDER BY t.id LIMIT ?",
    )
    .bind(i32::from(organisation.number()))
    .bind(after)
    .bind(only_open)
    .bind(limit);
    Ok(query.load::<Row>(&mut conn).await?.into_iter().map(read).collect())
}

/// One task of an organisation.
///
/// # Errors
/// [`DbError`].
pub async fn find(
    mut conn: &AsyncPgConnection,
    organisation: OrganisationId,
    id: i64,
) -> Result<Option<TaskRow>, DbError> {
    let query: Statement<Sql> = statement(
        "SELECT t.id, c.number, w.unit, t.month, t.kind, t.amount, t.opened_at, t.done_at, t.done_by, t.how FROM task AS t \
         JOIN client AS c ON c.wallet = t.wallet JOIN wallet AS w ON w.id = t.wallet \
         WHERE t.organisation = ? AND t.id = ?",
    )
    .bind(i32::from(organisation.number()))
    .bind(id);
    Ok(query.get_result::<Row>(&mut conn).await.optional()?.map(read))
}

/// Says how a task was done, once.
///
/// # Errors
/// [`DbError`].
pub async fn finish(
    conn: &mut AsyncPgConnection,
    organisation: OrganisationId,
    id: i64,
    done: &TaskDone,
) -> Result<bool, DbError> {
    let query: Statement = statement(
        "UPDATE task SET done_at = ?, done_by = ?, how = ? WHERE organisation = ? AND id = ? AND done_at IS NULL",
    )
    .bind(done.at)
    .bind(done.by.clone())
    .bind(done.how.clone())
    .bind(i32::from(organisation.number()))
    .bind(id);
    Ok(query.execute(conn).await? == 1)
}
