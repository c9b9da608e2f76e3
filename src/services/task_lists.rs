//! What waits for a human: listed, and done once.

use chrono::{DateTime, Utc};

use super::book::BookError;
use crate::db::connect::Database;
use crate::db::task_lists::{self, TaskDone, TaskRow};
use crate::domain::account::OrganisationId;

/// Tasks by id, and the id to go on from if there are more.
///
/// # Errors
/// [`BookError::Unavailable`].
pub async fn page(
    database: &Database,
    organisation: OrganisationId,
    only_open: bool,
    after: i64,
    limit: u16,
) -> Result<(Vec<TaskRow>, Option<i64>), BookError> {
    let conn = database.connection().await?;
    let mut rows = task_lists::page(&conn, organisation, only_open, after, i64::from(limit) + 1).await?;
    let more = rows.len() > usize::from(limit);
    rows.truncate(limit.into());
    let next = rows.last().filter(|_| more).map(|row| row.id);
    Ok((rows, next))
}

/// Why a task is not done now.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// No such task in this organisation.
    #[error("there is no such task")]
    Unknown,
    /// Somebody did it before, otherwise.
    #[error("the task was done before")]
    Done,
    /// The database.
    #[error(transparent)]
    Book(#[from] BookError),
}

/// Says that a task is done, by whom and how. Said again in the same words, it is answered as the first time.
///
/// # Errors
/// [`TaskError`].
pub async fn finish(
    database: &Database,
    organisation: OrganisationId,
    id: i64,
    by: &str,
    how: &str,
    now: DateTime<Utc>,
) -> Result<TaskRow, TaskError> {
    let mut conn = database.connection().await.map_err(BookError::from)?;
    let done = TaskDone { at: now, by: by.to_owned(), how: how.to_owned() };
    let is_first = task_lists::finish(&mut conn, organisation, id, &done).await.map_err(BookError::from)?;
    let found = task_lists::find(&conn, organisation, id).await.map_err(BookError::from)?;
    let found = found.ok_or(TaskError::Unknown)?;
    let is_same = found.done.as_ref().is_some_and(|was| was.by == by && was.how == how);
    if is_first || is_same { Ok(found) } else { Err(TaskError::Done) }
}
