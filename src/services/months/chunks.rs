//! Work in chunks of wallets, by workers with a connection each.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio::sync::Mutex;

use super::{MonthError, Tally, Watch};
use crate::db::connect::Database;
use crate::db::{DbError, ledger};
use crate::domain::account::WalletId;
use crate::services::book::{begin, commit, rollback};

/// How work is divided.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Settings {
    /// Two keep two cores busy: one computes while the other's rows are written.
    pub workers: usize,
    /// Wallets in one transaction: memory and locks stay bounded however many clients there are.
    pub chunk: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { workers: 2, chunk: 1000 }
    }
}

/// A chunk names its rows by key; a plan that reads a whole table to find them is never the better one, least of all the one
/// that was made while the table was empty. So joins are made in the order in which they are written: from the chunk's wallets to
/// their rows.
const SESSION: &str = "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off; \
                       SET join_collapse_limit = 1; SET plan_cache_mode = force_generic_plan;";

/// Tries of a chunk: a deadlock or a lock time-out is tried again.
const ATTEMPTS: u32 = 5;

/// What is done with wallets.
pub(super) trait Work: Send + Sync + 'static {
    /// The next wallets after this one.
    fn next(
        &self,
        conn: &AsyncPgConnection,
        after: i64,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<WalletId>, DbError>> + Send;

    /// Books them, in the transaction that is open. None as batch: it only looks, and writes nothing.
    fn book(
        &self,
        conn: &mut AsyncPgConnection,
        batch: Option<ledger::Batch>,
        wallets: &[WalletId],
    ) -> impl Future<Output = Result<Tally, MonthError>> + Send;
}

/// Goes through all wallets. In tasks of their own: a caller that goes away leaves no chunk half done.
pub(super) async fn run<W: Work>(
    database: &Database,
    work: Arc<W>,
    settings: Settings,
    dry_run: bool,
    watch: Arc<Watch>,
) -> Result<Tally, MonthError> {
    // The last wallet that somebody took.
    let cursor = Arc::new(Mutex::new(0_i64));
    let is_failing = Arc::new(AtomicBool::new(false));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..settings.workers.max(1) {
        let (work, cursor, is_failing, watch) = (work.clone(), cursor.clone(), is_failing.clone(), watch.clone());
        let worker = Worker { work, cursor, is_failing, watch, chunk: settings.chunk.max(1), dry_run };
        let database = database.clone();
        workers.spawn(async move { worker.run(&database).await });
    }
    let mut total = Tally::default();
    let mut failed = None;
    while let Some(ended) = workers.join_next().await {
        match ended.unwrap_or_else(|error| Err(DbError::Unreachable(error.to_string()).into())) {
            Ok(tally) => total.join(&tally),
            Err(error) => {
                // The others need not go on for nothing.
                is_failing.store(true, Ordering::Relaxed);
                // What went wrong, rather than that the others were stopped for it.
                if failed.as_ref().is_none_or(|first| matches!(first, MonthError::Stopped)) {
                    failed = Some(error);
                }
            }
        }
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(total),
    }
}

struct Worker<W> {
    work: Arc<W>,
    cursor: Arc<Mutex<i64>>,
    is_failing: Arc<AtomicBool>,
    watch: Arc<Watch>,
    chunk: usize,
    dry_run: bool,
}

impl<W: Work> Worker<W> {
    async fn run(self, database: &Database) -> Result<Tally, MonthError> {
        let mut conn = database.establish().await?;
        conn.batch_execute(SESSION).await.map_err(DbError::from)?;
        let mut total = Tally::default();
        loop {
            if self.watch.is_stopped() || self.is_failing.load(Ordering::Relaxed) {
                return Err(MonthError::Stopped);
            }
            let wallets = {
                let mut after = self.cursor.lock().await;
                let limit = i64::try_from(self.chunk).unwrap_or(i64::MAX);
                let wallets = self.work.next(&conn, *after, limit).await?;
                if let Some(last) = wallets.last() {
                    *after = last.field();
                }
                wallets
            };
            if wallets.is_empty() {
                return Ok(total);
            }
            total.join(&self.book(&mut conn, &wallets).await?);
            self.watch.hear(wallets.len());
        }
    }

    async fn book(&self, conn: &mut AsyncPgConnection, wallets: &[WalletId]) -> Result<Tally, MonthError> {
        let mut attempt = 1;
        loop {
            match self.book_once(conn, wallets).await {
                Err(MonthError::Database(error))
                    if attempt < ATTEMPTS && !error.is_connection_lost() && !error.is_constraint() =>
                {
                    // Nobody waits for tries that the next start makes as well.
                    if self.watch.is_stopped() {
                        return Err(MonthError::Stopped);
                    }
                    tracing::debug!(attempt, %error, "a chunk is tried again");
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    async fn book_once(&self, conn: &mut AsyncPgConnection, wallets: &[WalletId]) -> Result<Tally, MonthError> {
        begin(conn).await?;
        let booked = async {
            let batch = if self.dry_run { None } else { Some(ledger::begin_batch(conn).await?) };
            self.work.book(conn, batch, wallets).await
        };
        match booked.await {
            Ok(tally) if self.dry_run => {
                rollback(conn).await?;
                Ok(tally)
            }
            Ok(tally) => {
                commit(conn).await?;
                Ok(tally)
            }
            Err(error) => {
                let _ = rollback(conn).await;
                Err(error)
            }
        }
    }
}
