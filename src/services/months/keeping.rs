//! What of an organisation's months is due: days that are over are delivered, months that are over closed, the month of today
//! opened, and once a day this month and the one before it corrected by the data of today. Under a lock of the organisation's, so that of several services one does it.

use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;

use super::{MonthError, Settings, Watch, close, correct, deliver, open, today};
use crate::db::connect::Database;
use crate::db::{corrupt, months};
use crate::domain::account::OrganisationId;
use crate::domain::month_grant::Month;
use crate::services::{colours, reviews_due, schemes};

/// Days that are caught up, at most: what lies further back is delivered by its month's close.
const DAYS_BACK_MAX: u64 = 31;

/// Does what is due; nothing for an organisation that has no scheme for this month, nor where another service does it.
///
/// # Errors
/// [`MonthError`].
pub async fn keep(
    database: &Database,
    organisation: OrganisationId,
    now: DateTime<Utc>,
    watch: Arc<Watch>,
) -> Result<(), MonthError> {
    // The lock is the session's: it goes with the connection, however this ends.
    let conn = database.establish().await?;
    let day = today(&conn, organisation, now).await?;
    if schemes::in_force(&conn, organisation, month_of(day)?).await?.is_empty() {
        return Ok(());
    }
    if !months::try_lock_jobs(&conn, organisation).await? {
        return Ok(());
    }
    let keeping = Keeping { database, organisation, now, watch };
    let kept = keeping.keep(&conn, day).await;
    // Not needed, as the connection ends here; but a pooler may keep it.
    let _ = months::unlock_jobs(&conn, organisation).await;
    kept
}

/// Opens the tasks that nobody books: who is in red, whose review is due, whose lines wait for consent. Once a day is enough.
///
/// # Errors
/// [`MonthError`].
pub async fn tell(
    database: &Database,
    organisation: OrganisationId,
    month: Month,
    now: DateTime<Utc>,
    watch: &Watch,
) -> Result<(), MonthError> {
    colours::tell_red(database, organisation, month, watch).await?;
    if watch.is_stopped() {
        return Err(MonthError::Stopped);
    }
    reviews_due::tell(database, organisation, now).await?;
    Ok(())
}

fn month_of(day: NaiveDate) -> Result<Month, MonthError> {
    Ok(Month::new(day.year(), day.month()).ok_or_else(|| corrupt("a day"))?)
}

struct Keeping<'a> {
    database: &'a Database,
    organisation: OrganisationId,
    now: DateTime<Utc>,
    watch: Arc<Watch>,
}

impl Keeping<'_> {
    async fn keep(&self, conn: &AsyncPgConnection, today: NaiveDate) -> Result<(), MonthError> {
        let oldest = today - chrono::Days::new(DAYS_BACK_MAX);
        let last = months::last_captured(conn, self.organisation).await?;
        let first = last.and_then(|day| day.succ_opt()).unwrap_or(today).max(oldest);
        for day in first.iter_days().take_while(|day| *day < today) {
            self.enter(conn, month_of(day)?).await?;
            let (database, settings) = (self.database, Settings::default());
            deliver::deliver(database, self.organisation, day, false, self.now, settings, self.watch.clone()).await?;
        }
        self.enter(conn, month_of(today)?).await?;
        let yesterday = today - chrono::Days::new(1);
        if last.is_none() {
            // From tomorrow on, today is a day that is over.
            months::kept(conn, self.organisation, yesterday).await?;
        }
        // Marked apart from the delivery: a stop between the two leaves it to the next start, not to the next day.
        if !months::is_kept(conn, self.organisation, yesterday).await? {
            // Data that came late since yesterday: this month's, and that of before it, which may be closed.
            let this_month = month_of(today)?;
            let before = this_month.first().pred_opt().map(month_of).transpose()?;
            for month in before.into_iter().chain([this_month]) {
                let (database, settings) = (self.database, Settings::default());
                correct::correct(database, self.organisation, month, false, self.now, settings, self.watch.clone())
                    .await?;
            }
            tell(self.database, self.organisation, month_of(today)?, self.now, &self.watch).await?;
            months::kept(conn, self.organisation, yesterday).await?;
        }
        Ok(())
    }

    /// Closes the months before this one, and opens it.
    async fn enter(&self, conn: &AsyncPgConnection, month: Month) -> Result<(), MonthError> {
        loop {
            let (earliest, _) = months::earliest(conn, self.organisation).await?;
            let Some(earliest) = earliest.filter(|first| *first < month.first()) else { break };
            let earlier = month_of(earliest)?;
            let (database, settings) = (self.database, Settings::default());
            // Somebody may have come into it that has no grant yet.
            self.open(earlier).await?;
            close::close(database, self.organisation, earlier, false, self.now, settings, self.watch.clone()).await?;
        }
        self.open(month).await
    }

    async fn open(&self, month: Month) -> Result<(), MonthError> {
        let (database, settings) = (self.database, Settings::default());
        open::open(database, self.organisation, month, false, self.now, settings, self.watch.clone()).await?;
        Ok(())
    }
}
