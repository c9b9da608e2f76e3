//! A month's life for all wallets of an organisation: opened, delivered day by day, closed, corrected.
//!
//! Jobs work in chunks, in wallet order, each a transaction of its own: the wallets' locks, then all rows that decide, then the
//! pure rules, then all rows at once. What makes them idempotent stands in rows that are written with the money (`month_phase`,
//! revisions of `month_grant`, bits of `plan_month`), so they may be killed anywhere and run again. Two workers take chunks in
//! turn, each on a connection of its own. The shared buffer is everybody's: it is changed last, once a chunk.

mod chunk;
mod chunks;
pub mod close;
pub mod correct;
pub mod deliver;
mod entitled;
pub mod keeping;
pub mod leaving;
pub mod open;
mod plan;
pub mod undelivered;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Months, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;

pub use chunks::Settings;

use super::book::BookError;
use super::plan_books::PlanError;
use crate::db::connect::{ConnectError, Database};
use crate::db::{DbError, corrupt, months, wallets};
use crate::domain::account::OrganisationId;
use crate::domain::money::AmountError;
use crate::domain::month_grant::Month;
use crate::domain::request::Problem;

/// Why a month's job did not end.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum MonthError {
    #[error("there is no organisation {0}")]
    OrganisationUnknown(u16),
    #[error("{0} has not begun yet: a month is opened from its first day on")]
    NotBegun(Month),
    #[error("{0} is not over yet: a month is closed from the first day of the next one on")]
    NotOver(Month),
    #[error("{0} lies too far back to be corrected: the last {months} months can be", months = correct::MONTHS_BACK_MAX)]
    TooFarBack(Month),
    #[error("{0} has not come yet")]
    DayNotCome(NaiveDate),
    #[error("no client is recorded for wallet {0}: import the client first")]
    ClientUnknown(u32),
    #[error("the cards could not be blocked; the rest is done, run it again")]
    Cards(#[source] crate::services::cards::CardError),
    /// Told to; what was booked stays, and the rest follows when it is run again.
    #[error("stopped; what was done is done, run it again for the rest")]
    Stopped,
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Database(#[from] DbError),
    /// A rule of ours broke.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// Tasks could not be told; what was booked stays.
    #[error(transparent)]
    Tasks(#[from] PlanError),
}

impl From<BookError> for MonthError {
    fn from(error: BookError) -> MonthError {
        match error {
            BookError::Problem(problem) => MonthError::Problem(problem),
            BookError::Unavailable(error) => MonthError::Database(error),
            BookError::OutcomeUnknown => {
                MonthError::Database(DbError::Unreachable("it is unknown whether this was booked".to_owned()))
            }
        }
    }
}

impl From<AmountError> for MonthError {
    fn from(error: AmountError) -> MonthError {
        MonthError::Problem(error.into())
    }
}

/// What a job did, or would do: counts and sums by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<String, i64>);

impl Tally {
    /// Counts more of something.
    pub fn add(&mut self, what: &str, more: i64) {
        if more != 0 {
            *self.0.entry(what.to_owned()).or_default() += more;
        }
    }

    /// How much of something; 0 where there was none.
    pub fn get(&self, what: &str) -> i64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    /// All of it, by name.
    pub fn all(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.iter().map(|(what, count)| (what.as_str(), *count))
    }

    fn join(&mut self, other: &Tally) {
        for (what, count) in other.all() {
            self.add(what, count);
        }
    }
}

/// Who watches a job, and may end it between two chunks.
#[derive(Default)]
pub struct Watch {
    stop: AtomicBool,
    /// Hears how many wallets a chunk had.
    on_chunk: Option<Box<dyn Fn(usize) + Send + Sync>>,
}

impl Watch {
    /// Hears how many wallets each chunk had.
    pub fn new(on_chunk: impl Fn(usize) + Send + Sync + 'static) -> Watch {
        Watch { stop: AtomicBool::new(false), on_chunk: Some(Box::new(on_chunk)) }
    }

    /// Ends the job after the chunks under way.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether it was told to end.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn hear(&self, wallets: usize) {
        if let Some(on_chunk) = &self.on_chunk {
            on_chunk(wallets);
        }
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Watch {{ stopped: {} }}", self.is_stopped())
    }
}

/// All organisations, for who works for each.
///
/// # Errors
/// [`MonthError`].
pub async fn organisations(database: &Database) -> Result<Vec<OrganisationId>, MonthError> {
    Ok(months::organisations(&*database.connection().await?).await?)
}

/// How many open wallets an organisation has: what progress counts to.
///
/// # Errors
/// [`MonthError`].
pub async fn open_wallets(database: &Database, organisation: OrganisationId) -> Result<u64, MonthError> {
    let wallets = months::open_wallets(&*database.connection().await?, organisation).await?;
    Ok(u64::try_from(wallets).unwrap_or(0))
}

/// The organisation's day at a moment.
async fn today(
    conn: &AsyncPgConnection,
    organisation: OrganisationId,
    now: DateTime<Utc>,
) -> Result<NaiveDate, MonthError> {
    let date = wallets::book_dates(conn, &[organisation], now).await?.remove(&organisation);
    date.ok_or(MonthError::OrganisationUnknown(organisation.number()))
}

/// The month after.
fn next_month(month: Month) -> Result<NaiveDate, DbError> {
    month.first().checked_add_months(Months::new(1)).ok_or_else(|| corrupt("a month"))
}
