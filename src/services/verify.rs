//! `pasje verify`: proves that the ledger holds together, and names the first row that does not fit.
//!
//! One read-only snapshot, as the service's login, while the service runs: it takes no row locks and changes nothing.
//! What each check proves stands in `db/verify/<name>.sql`.

use std::time::{Duration, Instant};

use diesel_async::AsyncPgConnection;

use crate::db::DbError;
use crate::db::verify::{QUESTIONS, counts, first_wrong, prepare};

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its short name.
    pub name: &'static str,
    /// What holds if nothing was found.
    pub promise: &'static str,
    /// The first row that does not fit, and what does not fit.
    pub finding: Option<String>,
    /// How long it took.
    pub elapsed: Duration,
}

/// What was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Report {
    /// In the order in which they were made.
    pub checks: Vec<Check>,
    pub operations: i64,
    pub lines: i64,
    pub transfers: i64,
    pub wallets: i64,
    pub elapsed: Duration,
}

impl Report {
    /// The checks that found something.
    pub fn failed(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.finding.is_some())
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.failed().next().is_none()
    }
}

/// Verifies in a transaction of its own. `done` hears of each check as it ends.
///
/// # Errors
/// [`DbError`]: the database failed, and nothing was found out.
pub async fn verify(conn: &mut AsyncPgConnection, done: impl FnMut(&Check) + Send) -> Result<Report, DbError> {
    conn.build_transaction().repeatable_read().read_only().run(async |conn| verify_in(conn, done).await).await
}

/// Verifies in the transaction that is open, whose snapshot it is up to the caller to choose.
///
/// # Errors
/// [`DbError`].
pub async fn verify_in(conn: &mut AsyncPgConnection, mut done: impl FnMut(&Check) + Send) -> Result<Report, DbError> {
    let start = Instant::now();
    prepare(conn).await?;
    let mut checks = Vec::with_capacity(QUESTIONS.len());
    for question in QUESTIONS {
        let start = Instant::now();
        let finding = first_wrong(conn, question).await?;
        let check = Check { name: question.name, promise: question.promise, finding, elapsed: start.elapsed() };
        done(&check);
        checks.push(check);
    }
    let [operations, lines, transfers, wallets] = counts(conn).await?;
    Ok(Report { checks, operations, lines, transfers, wallets, elapsed: start.elapsed() })
}
