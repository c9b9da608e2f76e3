//! Sales that terminals made offline and send later: stored first, all of a request or nothing, and judged afterwards.
//!
//! A record that is stored is delivered: the terminal may forget it. Whatever it says, and whatever its clock said, it is
//! judged ([`judging`](self)): booked, or put to review with its bytes. Its id is chosen when it is stored, before
//! anything is booked under it, so that it is booked once however often judging is broken off.

mod judging;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use tokio::sync::Semaphore;

use super::authorise::Authoriser;
use super::book::{BookError, begin, commit, id_of_ours, rollback};
use crate::db::connect::Database;
use crate::db::forwards::{self, NewForward, Standing};
use crate::db::reviews::{self, NewReview};
use crate::db::{DbError, ledger};
use crate::domain::forward::{Misfit, Record, continuation};
use crate::domain::operation::{Booked, OperationId, Outcome};
use crate::domain::review::ReviewWhy;
use crate::domain::sale::{SaleRequest, Terminal};

/// Reads a record's sale; the terminal comes with where it stands now, the sale with where it stood then. What cannot be
/// read is told in words, for a human.
pub type ReadSale = fn(&[u8], &Terminal) -> Result<SaleRequest, String>;

/// How much of forwarding runs at once: sales whose clients wait go before those that were delivered already.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Settings {
    /// Groups that are judged at once; each is of one terminal.
    pub groups_at_once: usize,
    /// Records of a group.
    pub group_max: i64,
    /// How long a terminal waits for what its records are judged to; then it hears that they are stored.
    pub wait: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { groups_at_once: 1, group_max: 4, wait: Duration::from_secs(5) }
    }
}

/// Records of a terminal that did not fit its journal, at most: some more requests than a till sends at once.
const CONFLICTS_MAX: i64 = 500;

/// Why nothing of a request was stored.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// A hash is not of its record.
    #[error("the hash of record {0} is not of its bytes")]
    HashWrong(i64),
    /// Records are missing before it.
    #[error("record {sequence} does not follow record {stored_to}, the last that is stored")]
    #[allow(missing_docs)]
    Gap { sequence: i64, stored_to: i64 },
    /// Another record is stored there; a human looks at it.
    #[error("another record is stored under sequence {0}")]
    Conflict(i64),
    /// The terminal was revoked, and has delivered as many records since as it may make without a connection.
    #[error("a terminal that was revoked has delivered all that it may")]
    Revoked,
    /// The database could not do it.
    #[error(transparent)]
    Book(#[from] BookError),
}

impl From<DbError> for ForwardError {
    fn from(error: DbError) -> ForwardError {
        ForwardError::Book(error.into())
    }
}

/// How far a record is.
#[derive(Debug)]
pub enum State {
    /// Stored; nobody could judge it yet.
    Pending,
    /// Judged, and for a human to look at as it was not booked; with what the ledger has of it.
    Review(Option<Booked>),
    /// Judged.
    Judged(Booked),
}

/// Takes forwarded records.
pub struct Forwards {
    database: Database,
    authoriser: Arc<Authoriser>,
    read: ReadSale,
    settings: Settings,
    groups: Semaphore,
    /// Of one request at a time: tills that come back together must not have all connections, and sales none.
    storing: Arc<Semaphore>,
}

impl Forwards {
    /// On a database, judging with an authoriser.
    pub fn new(database: Database, authoriser: Arc<Authoriser>, read: ReadSale, settings: Settings) -> Forwards {
        let groups = Semaphore::new(settings.groups_at_once.max(1));
        Forwards { database, authoriser, read, settings, groups, storing: Arc::new(Semaphore::new(1)) }
    }

    /// Stores records of a terminal's journal, all or none; answers the last sequence that is stored then. In a task of its
    /// own: a terminal that hangs up cancels nothing.
    ///
    /// # Errors
    /// [`ForwardError`].
    pub async fn store(&self, terminal: &Terminal, records: Vec<Record>) -> Result<i64, ForwardError> {
        if let Some(torn) = records.iter().find(|record| !record.is_whole()) {
            return Err(ForwardError::HashWrong(torn.sequence));
        }
        let (database, terminal, read, turns) = (self.database.clone(), *terminal, self.read, self.storing.clone());
        let storing = database.runtime().clone().spawn(async move {
            in_turn(&turns, async {
                let mut conn = database.connection().await.map_err(BookError::from)?;
                store_once(&mut conn, &terminal, &records, read).await
            })
            .await
        });
        storing.await.unwrap_or(Err(ForwardError::Book(BookError::OutcomeUnknown)))
    }

    /// How far these records are, by sequence.
    ///
    /// # Errors
    /// [`BookError::Unavailable`].
    pub async fn states(&self, terminal: &Terminal, sequences: &[i64]) -> Result<HashMap<i64, State>, BookError> {
        in_turn(&self.storing, self.look_up(terminal, sequences)).await
    }

    async fn look_up(&self, terminal: &Terminal, sequences: &[i64]) -> Result<HashMap<i64, State>, BookError> {
        let conn = self.database.connection().await?;
        let standings = forwards::standings(&conn, terminal.id, sequences.to_vec()).await?;
        let booked = |standing: &Standing| standing.operation.filter(|_| standing.outcome.is_some());
        let ids: Vec<OperationId> = standings.values().filter_map(booked).collect();
        let sales = ledger::load(&conn, &ids).await?;
        Ok(standings
            .into_iter()
            .map(|(sequence, standing)| {
                let sale = booked(&standing).and_then(|id| sales.get(&id).cloned());
                (sequence, State::of(&standing, sale))
            })
            .collect())
    }
}

/// Does a piece of work when its turn comes. The turn then stays empty for as long as the work took: half of what one
/// connection can do is left to whose clients wait.
async fn in_turn<T>(turns: &Arc<Semaphore>, work: impl Future<Output = T>) -> T {
    let turn = turns.clone().acquire_owned().await;
    let began = tokio::time::Instant::now();
    let done = work.await;
    let pause = began.elapsed();
    tokio::spawn(async move {
        tokio::time::sleep(pause).await;
        drop(turn);
    });
    done
}

impl State {
    fn of(standing: &Standing, sale: Option<Booked>) -> State {
        if !standing.is_judged {
            return State::Pending;
        }
        let is_ended = |sale: &Booked| {
            let outcome = sale.operation.outcome;
            outcome.is_done() || matches!(outcome, Outcome::Cancelled | Outcome::Superseded)
        };
        match sale {
            Some(sale) if is_ended(&sale) => State::Judged(sale),
            sale => State::Review(sale),
        }
    }
}

async fn store_once(
    conn: &mut AsyncPgConnection,
    terminal: &Terminal,
    records: &[Record],
    read: ReadSale,
) -> Result<i64, ForwardError> {
    begin(conn).await?;
    let stored = store_in_transaction(conn, terminal, records, read).await;
    match stored {
        // A conflict is remembered.
        Ok(_) | Err(ForwardError::Conflict(_)) => {
            commit(conn).await.map_err(|_| BookError::OutcomeUnknown)?;
        }
        // The connection may be gone with its transaction; the pool checks before it hands it out again.
        Err(_) => drop(rollback(conn).await),
    }
    stored
}

async fn store_in_transaction(
    conn: &mut AsyncPgConnection,
    terminal: &Terminal,
    records: &[Record],
    read: ReadSale,
) -> Result<i64, ForwardError> {
    let (now, taken_to) = forwards::lock_journal(conn, terminal.id).await?;
    let last = forwards::last(conn, terminal.id).await?;
    let stored_to = last.map_or(0, |(sequence, _)| sequence);
    let sequences = records.iter().map(|record| record.sequence).collect();
    let known = forwards::hashes(conn, terminal.id, sequences).await?;
    match continuation(last, known.clone(), records) {
        Ok(new) if new.is_empty() => Ok(stored_to),
        // What it sold before it was revoked is sold; who found it must not be able to fill the database.
        Ok(new) if new.iter().any(|record| taken_to.is_some_and(|to| record.sequence > to)) => {
            Err(ForwardError::Revoked)
        }
        Ok(new) => {
            let new = with_ids(conn, terminal, &new, read, now).await?;
            forwards::insert(conn, terminal.id, &new).await?;
            Ok(new.last().map_or(stored_to, |new| new.record.sequence))
        }
        Err(Misfit::Gap { sequence }) => Err(ForwardError::Gap { sequence, stored_to }),
        Err(Misfit::Conflict { sequence }) => {
            // Such a journal is stored nowhere from here on, so all that came of it is kept for a human.
            let from = records.iter().rposition(|record| record.sequence == sequence).unwrap_or(0);
            let why = ReviewWhy::JournalConflict;
            let handed_over: Vec<NewReview> = records
                .iter()
                .skip(from)
                .filter(|record| known.get(&record.sequence) != Some(&record.hash))
                .map(|record| {
                    let (sequence, record) = (record.sequence, Some(record.sale.clone()));
                    NewReview { sequence, why, operation: None, loss: None, record }
                })
                .collect();
            // A hostile terminal could make them without end.
            if reviews::count_of(conn, terminal.id, why).await? < CONFLICTS_MAX {
                reviews::open(conn, terminal.organisation, terminal.id, &handed_over).await?;
            }
            Err(ForwardError::Conflict(sequence))
        }
    }
}

/// The ids that records will be booked under: their own, or where the window refuses that (the terminal's clock was wrong,
/// or it was away for too long) one of ours. One that is taken already stays: a void may have come before its sale.
async fn with_ids<'r>(
    conn: &AsyncPgConnection,
    terminal: &Terminal,
    records: &[&'r Record],
    read: ReadSale,
    now: DateTime<Utc>,
) -> Result<Vec<NewForward<'r>>, ForwardError> {
    let sent: Vec<Option<OperationId>> =
        records.iter().map(|record| read(&record.sale, terminal).ok().map(|sale| sale.id)).collect();
    let outside: Vec<OperationId> = sent.iter().flatten().copied().filter(|id| id.check_window(now).is_err()).collect();
    let taken = ledger::known(conn, &outside).await?;
    let mut new = Vec::with_capacity(records.len());
    for (record, sent) in records.iter().zip(sent) {
        let is_usable = |id: &OperationId| id.check_window(now).is_ok() || taken.contains_key(id);
        let (operation, sent_as) = match sent {
            Some(id) if !is_usable(&id) => (Some(id_of_ours(now)?), Some(id)),
            sent => (sent, None),
        };
        new.push(NewForward { record, operation, sent_as });
    }
    Ok(new)
}
