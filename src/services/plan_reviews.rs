//! Reviews of clients' plans, and meetings of their networks with what was agreed there: recorded, and read.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::absences::OfClient;
use super::plan_books::{PlanBooks, PlanError};
use super::plans::is_text;
use crate::db::connect::Database;
use crate::db::plan_reviews::{self, MeetingRow, ReviewRow};
use crate::db::tasks::{self, TaskKind};
use crate::db::{corrupt, wallets};
use crate::domain::request::is_sensible;

/// Records that a plan was reviewed, and ends the task about it.
///
/// # Errors
/// [`PlanError`].
pub async fn review(
    database: &Database,
    of: OfClient,
    held_on: NaiveDate,
    held_by: Uuid,
    now: DateTime<Utc>,
) -> Result<(), PlanError> {
    let mut connection = database.connection().await?;
    let mut books = PlanBooks::open(&mut connection, of.organisation, of.wallet, now).await?;
    let done = reviewed(&mut books, held_on, held_by).await;
    books.end(done).await
}

async fn reviewed(books: &mut PlanBooks<'_>, held_on: NaiveDate, held_by: Uuid) -> Result<(), PlanError> {
    if held_on > books.today || !is_sensible(held_on) {
        return Err(PlanError::Malformed("a review was held today or earlier"));
    }
    let wallet = books.wallet.id;
    plan_reviews::insert_review(books.conn, wallet, held_on, held_by).await?;
    Ok(tasks::finish_kind(books.conn, wallet, TaskKind::ReviewDue, "pasje", "besproken / reviewed").await?)
}

/// Reviews of a client's plan, and when the next one is due.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Reviews {
    pub held: Vec<ReviewRow>,
    /// The day to go on from if there are more.
    pub next: Option<NaiveDate>,
    /// None for a client who left, or of whom no arrival is known.
    pub due_on: Option<NaiveDate>,
    pub is_due: bool,
}

/// Reviews by day, those after a day.
///
/// # Errors
/// [`PlanError`].
pub async fn reviews(
    database: &Database,
    of: OfClient,
    after: Option<NaiveDate>,
    limit: u16,
    now: DateTime<Utc>,
) -> Result<Reviews, PlanError> {
    of.check()?;
    let conn = database.connection().await?;
    let today = wallets::book_dates(&conn, &[of.organisation], now).await?.remove(&of.organisation);
    let today = today.ok_or_else(|| corrupt("organisation"))?;
    let mut held = plan_reviews::reviews(&conn, of.wallet, after, i64::from(limit) + 1).await?;
    let more = held.len() > usize::from(limit);
    held.truncate(limit.into());
    let next = held.last().filter(|_| more).map(|row| row.held_on);
    let due_on = plan_reviews::due(&conn, of.wallet).await?;
    Ok(Reviews { held, next, due_on, is_due: due_on.is_some_and(|due| due <= today) })
}

/// Records a meeting of the client's network and what was agreed there.
///
/// # Errors
/// [`PlanError`].
pub async fn meet(
    database: &Database,
    of: OfClient,
    meeting: &MeetingRow,
    now: DateTime<Utc>,
) -> Result<(), PlanError> {
    if !is_text(&meeting.present, 500) || !is_text(&meeting.agreed, 5000) || !is_sensible(meeting.held_on) {
        return Err(PlanError::Malformed("who was there has 1 to 500 characters, what was agreed 1 to 5000"));
    }
    let mut connection = database.connection().await?;
    let mut books = PlanBooks::open(&mut connection, of.organisation, of.wallet, now).await?;
    let done = met(&mut books, meeting).await;
    books.end(done).await
}

async fn met(books: &mut PlanBooks<'_>, meeting: &MeetingRow) -> Result<(), PlanError> {
    let wallet = books.wallet.id;
    if meeting.held_on > books.today {
        return Err(PlanError::Malformed("a meeting was held today or earlier"));
    }
    if !plan_reviews::insert_meeting(books.conn, wallet, meeting).await? {
        let is_same = plan_reviews::meeting_on(books.conn, wallet, meeting.held_on).await?.as_ref() == Some(meeting);
        let taken = PlanError::Conflict("another meeting has this id or this day");
        return if is_same { Ok(()) } else { Err(taken) };
    }
    Ok(())
}

/// Meetings of a client's network by day, those after a day, and the day to go on from if there are more.
///
/// # Errors
/// [`PlanError`].
pub async fn meetings(
    database: &Database,
    of: OfClient,
    after: Option<NaiveDate>,
    limit: u16,
) -> Result<(Vec<MeetingRow>, Option<NaiveDate>), PlanError> {
    of.check()?;
    let conn = database.connection().await?;
    let mut rows = plan_reviews::meetings(&conn, of.wallet, after, i64::from(limit) + 1).await?;
    let more = rows.len() > usize::from(limit);
    rows.truncate(limit.into());
    let next = rows.last().filter(|_| more).map(|row| row.held_on);
    Ok((rows, next))
}
