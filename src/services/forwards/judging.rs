//! Judging what is stored: in the order of each journal, in small groups, a few groups at a time, through the authoriser
//! as any sale.
//!
//! A group is judged under an advisory lock of its terminal, so that several services do not do the same work; nothing
//! hangs on it. What a record was judged to is written after it was booked, together with the reviews that it opens:
//! broken off in between, the record is judged again, its id finds what was booked, and the reviews are opened then. A
//! record that could not be judged waits for the next round and keeps nothing that follows from being judged.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use super::Forwards;
use crate::db::forwards::{self, Pending};
use crate::db::reviews::{self, NewReview};
use crate::db::{ledger, terminals};
use crate::domain::operation::{Booked, IdError, OperationId, OperationKind, Outcome};
use crate::domain::refund::{Client, VoidRequest};
use crate::domain::request::Problem;
use crate::domain::review::{ReviewWhy, of_judged};
use crate::domain::sale::{Payer, SaleRequest, Terminal};
use crate::services::authorise::AuthoriseError;
use crate::services::book::{BookError, begin, book, commit, id_of_ours, rollback};

/// When somebody else judges the terminal's records: a little later they are judged, or it is our turn.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Groups that a terminal gets in one round: one with a long journal, or one that makes records faster than they are judged,
/// must not keep the others waiting.
const GROUPS_A_ROUND: usize = 8;

/// How a group went.
enum Group {
    /// Judged up to here; more may follow.
    UpTo(i64),
    /// Nothing waits.
    Empty,
    /// Another judges this terminal's records.
    Elsewhere,
}

/// What a record is judged to.
struct Judged {
    sequence: i64,
    outcome: Option<Outcome>,
    reviews: Vec<NewReview>,
}

impl Forwards {
    /// Judges what waits of a terminal, for as long as a terminal waits for its answer; what is left is judged in the
    /// background. In a task of its own: a terminal that hangs up cancels nothing.
    pub async fn judge_soon(self: &Arc<Self>, terminal: Uuid) {
        let forwards = self.clone();
        let deadline = tokio::time::Instant::now() + self.settings.wait;
        let judging = self.database.runtime().clone().spawn(async move {
            while tokio::time::Instant::now() < deadline {
                match forwards.judge(terminal, Some(deadline)).await {
                    Ok(true) => return,
                    Ok(false) => tokio::time::sleep(AGAIN_AFTER).await,
                    Err(error) => return tracing::warn!(%error, "forwarded sales wait to be judged"),
                }
            }
        });
        let _ = tokio::time::timeout_at(deadline, judging).await;
    }

    /// Judges what has waited for a while, of all terminals. May run in several services at once, and be cut off anywhere.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn judge_waiting(&self) -> Result<(), BookError> {
        let conn = self.database.connection().await?;
        let waiting = forwards::waiting_terminals(&conn).await?;
        drop(conn);
        for terminal in waiting {
            // One that cannot be judged now must not keep the others waiting.
            if let Err(error) = self.judge(terminal, None).await {
                tracing::error!(%error, %terminal, "forwarded sales could not be judged; trying again soon");
            }
        }
        Ok(())
    }

    /// Records that wait to be judged, and reviews that are open.
    ///
    /// # Errors
    /// [`BookError::Unavailable`].
    pub async fn counts(&self) -> Result<(i64, i64), BookError> {
        let conn = self.database.connection().await?;
        Ok((forwards::count_pending(&conn).await?, reviews::count_open(&conn).await?))
    }

    /// Answers whether it came to the end of what waits, to the deadline, or without one to what a round judges.
    async fn judge(&self, terminal: Uuid, deadline: Option<tokio::time::Instant>) -> Result<bool, BookError> {
        let mut after = 0;
        for _ in 0..deadline.map_or(GROUPS_A_ROUND, |_| usize::MAX) {
            if deadline.is_some_and(|deadline| tokio::time::Instant::now() >= deadline) {
                break;
            }
            let turn = self.groups.acquire();
            let turn = match deadline {
                Some(deadline) => tokio::time::timeout_at(deadline, turn).await.ok(),
                None => Some(turn.await),
            };
            let Some(Ok(_turn)) = turn else { return Ok(true) };
            let began = tokio::time::Instant::now();
            match self.judge_group(terminal, after).await? {
                Group::UpTo(sequence) => {
                    after = sequence;
                    // As long again is left to whose clients wait: the scarcer the machine, the longer.
                    tokio::time::sleep(began.elapsed()).await;
                }
                Group::Empty => return Ok(true),
                Group::Elsewhere => return Ok(false),
            }
        }
        Ok(true)
    }

    async fn judge_group(&self, terminal: Uuid, after: i64) -> Result<Group, BookError> {
        let mut connection = self.database.connection().await?;
        let conn: &mut AsyncPgConnection = &mut connection;
        begin(conn).await?;
        let group = self.judge_in_transaction(conn, terminal, after).await;
        match group {
            // Whether or not this COMMIT happens, judging again finds the same.
            Ok(Group::UpTo(_)) => commit(conn).await?,
            _ => drop(rollback(conn).await),
        }
        group
    }

    async fn judge_in_transaction(
        &self,
        conn: &mut AsyncPgConnection,
        terminal: Uuid,
        after: i64,
    ) -> Result<Group, BookError> {
        if !forwards::begin_judging(conn, terminal).await? {
            return Ok(Group::Elsewhere);
        }
        let pending = forwards::pending(conn, terminal, after, self.settings.group_max).await?;
        let Some(last) = pending.last().map(|last| last.sequence) else { return Ok(Group::Empty) };
        let row = terminals::load(conn, terminal).await?.ok_or(Problem::Unknown("terminal"))?;
        let locations = forwards::locations(conn, row.terminal.organisation).await?;
        let mut judged = Vec::with_capacity(pending.len());
        let (mut selling, mut requests) = (Vec::new(), Vec::new());
        for record in pending {
            match self.to_sell(&record, &row.terminal, row.is_revoked, &locations) {
                Ok(request) => {
                    selling.push(record);
                    requests.push(request);
                }
                Err(why) => judged.push(unbooked(&record, why)),
            }
        }
        let answers = self.authoriser.sell_in_order(requests.clone()).await;
        for ((record, request), answer) in selling.iter().zip(&requests).zip(answers) {
            if let Some(mut fate) = self.fate(terminal, record, answer).await? {
                if let Some(why) = self.of_attempt(conn, request, fate.outcome, row.is_revoked).await? {
                    let (sequence, operation) = (record.sequence, Some(request.id));
                    fate.reviews.push(NewReview { sequence, why, operation, loss: None, record: None });
                }
                judged.push(fate);
            }
        }
        judged.sort_by_key(|judged| judged.sequence);
        let outcomes: Vec<_> = judged.iter().map(|judged| (judged.sequence, judged.outcome)).collect();
        forwards::set_judged(conn, terminal, &outcomes).await?;
        let opened: Vec<NewReview> = judged.into_iter().flat_map(|judged| judged.reviews).collect();
        reviews::open(conn, row.terminal.organisation, terminal, &opened).await?;
        for (_, outcome) in outcomes {
            let outcome = outcome.map_or("not_booked", Outcome::name);
            metrics::counter!("pasje_forwards_total", "outcome" => outcome).increment(1);
        }
        Ok(Group::UpTo(last))
    }

    /// The sale that a record asks to book, under the id that was chosen for it; or why nobody books it.
    fn to_sell(
        &self,
        record: &Pending,
        terminal: &Terminal,
        is_revoked: bool,
        locations: &[Uuid],
    ) -> Result<SaleRequest, ReviewWhy> {
        let read = (self.read)(&record.sale, terminal);
        let (Ok(sale), Some(id)) = (read, record.operation) else { return Err(ReviewWhy::Malformed) };
        if !locations.contains(&sale.terminal.location) {
            return Err(ReviewWhy::LocationUnknown);
        }
        if is_revoked && matches!(sale.payer, Payer::ByName { .. }) {
            return Err(ReviewWhy::TerminalRevoked);
        }
        Ok(SaleRequest { id, ..sale })
    }

    /// None: it cannot be judged now.
    async fn fate(
        &self,
        terminal: Uuid,
        record: &Pending,
        answer: Result<Booked, AuthoriseError>,
    ) -> Result<Option<Judged>, BookError> {
        let why = match answer {
            Ok(booked) => return Ok(Some(judged(record, &booked))),
            Err(AuthoriseError::Busy | AuthoriseError::Unavailable | AuthoriseError::OutcomeUnknown) => {
                return Ok(None);
            }
            // It was never booked under this id, and as time does not go back never will be.
            Err(AuthoriseError::Problem(Problem::Id(IdError::TooOld))) => {
                self.rename(terminal, record).await?;
                return Ok(None);
            }
            // The record's own id was in the window when it was stored: then the server's clock was set back.
            Err(AuthoriseError::Problem(Problem::Id(IdError::TooNew))) if is_ahead(record) => return Ok(None),
            Err(AuthoriseError::Problem(Problem::Id(IdError::TooNew))) => ReviewWhy::AttemptAhead,
            Err(AuthoriseError::Problem(Problem::IdReused)) => ReviewWhy::IdReused,
            Err(AuthoriseError::Problem(Problem::Malformed(_) | Problem::Id(IdError::NotVersion7))) => {
                ReviewWhy::Malformed
            }
            Err(AuthoriseError::Problem(Problem::Unknown(_) | Problem::Broken(_))) => ReviewWhy::Refused,
        };
        Ok(Some(unbooked(record, why)))
    }

    /// What is still to do about the online attempt that a judged forward replaces, or for a human to look at. A forward that
    /// was voided before it was judged takes its attempt with it, whether that was sold or may still come: the attempt is
    /// voided as well, by the word of the same terminal. Done again it finds nothing left.
    async fn of_attempt(
        &self,
        conn: &AsyncPgConnection,
        forward: &SaleRequest,
        outcome: Option<Outcome>,
        is_revoked: bool,
    ) -> Result<Option<ReviewWhy>, BookError> {
        let Some(attempt) = forward.instead_of() else { return Ok(None) };
        let is_voided = outcome == Some(Outcome::Cancelled);
        if !is_voided && !outcome.is_some_and(Outcome::is_sold) {
            return Ok(None);
        }
        let known = ledger::known(conn, &[attempt, forward.id]).await?;
        let tried = known.get(&attempt);
        let is_sold = tried.is_some_and(|tried| tried.kind == OperationKind::Sale && tried.outcome.is_sold());
        let owner = known.get(&forward.id).map(|known| known.owner);
        let is_same_tap =
            tried.is_none_or(|tried| tried.terminal == Some(forward.terminal.id) && Some(tried.owner) == owner);
        if !is_voided || !is_same_tap {
            return Ok((is_sold && !is_same_tap).then_some(ReviewWhy::AttemptElsewhere));
        }
        if tried.is_some() && !is_sold {
            return Ok(None);
        }
        if is_revoked {
            return Ok(is_sold.then_some(ReviewWhy::AttemptNotUndone));
        }
        let undone = self.void_attempt(forward, attempt).await?;
        let is_ahead = attempt.check_window(Utc::now()) == Err(IdError::TooNew);
        Ok(match is_sold {
            _ if undone => None,
            true => Some(ReviewWhy::AttemptNotUndone),
            // Nothing stands in its way when its time has come.
            false => is_ahead.then_some(ReviewWhy::AttemptAhead),
        })
    }

    /// Answers whether nothing of the attempt is charged any more.
    async fn void_attempt(&self, forward: &SaleRequest, attempt: OperationId) -> Result<bool, BookError> {
        let client = match forward.payer {
            Payer::Card(tap) => Client::Card(tap.card),
            Payer::ByName { wallet } => Client::Wallet(wallet),
        };
        let (id, terminal, staff) = (id_of_ours(Utc::now())?, forward.terminal, forward.staff);
        let request = VoidRequest { id, sale: attempt, terminal, staff, client };
        match book(&self.database, &request).await {
            Ok(void) => Ok(void.operation.outcome.is_done() || void.operation.outcome == Outcome::NothingLeft),
            // of another location, or outside the window: then it can never be booked
            Err(BookError::Problem(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// On a connection of its own: committed before anything is booked under the new id.
    async fn rename(&self, terminal: Uuid, record: &Pending) -> Result<(), BookError> {
        let Some(old) = record.operation else { return Ok(()) };
        let conn = self.database.connection().await?;
        forwards::rename(&conn, terminal, record.sequence, old, id_of_ours(Utc::now())?).await?;
        Ok(())
    }
}

fn unbooked(record: &Pending, why: ReviewWhy) -> Judged {
    let review = NewReview { sequence: record.sequence, why, operation: None, loss: None, record: None };
    Judged { sequence: record.sequence, outcome: None, reviews: vec![review] }
}

fn judged(record: &Pending, booked: &Booked) -> Judged {
    let sale = &booked.operation;
    let reviews = of_judged(sale).unwrap_or_else(|_| vec![(ReviewWhy::Refused, None)]);
    let open = |(why, loss)| NewReview { sequence: record.sequence, why, operation: Some(sale.id), loss, record: None };
    Judged { sequence: record.sequence, outcome: Some(sale.outcome), reviews: reviews.into_iter().map(open).collect() }
}

fn is_ahead(record: &Pending) -> bool {
    record.operation.is_some_and(|id| id.check_window(Utc::now()) == Err(IdError::TooNew))
}
