//! The hot path: authorises sales in batches.
//!
//! A lane takes all that queued while its last commit ran, at most [`Settings::batch_max`], and books it in one
//! transaction: locks the wallets, then reads the cards and which ids exist, decides each sale with the domain's pure
//! function, one after the other, and writes all rows at once. Sales of one wallet share a lane, so one card's requests
//! keep their order and lanes do not wait for each other. Lanes are tasks of their own: a caller that hangs up cancels
//! nothing.
//!
//! When the database refuses a batch: a constraint sends its sales through one by one; anything else is tried once more
//! whole (a deadlock, a lock time-out), then one by one, and after `FAILURES_MAX` failures in a row the rest is
//! answered `unavailable` without a try. PostgreSQL's codes for deadlocks and lock time-outs do not come through the
//! driver, so all but constraints are treated alike. A COMMIT that fails is never tried again: nobody knows whether it
//! happened, and the caller asks again by id.

mod forwarded;
pub(super) mod included;

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::NaiveDate;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::book::{BookError, begin, change_buffers, commit, rollback};
use super::card_proof::CardProof;
use super::price_cache::PriceCache;
use crate::db::connect::Database;
use crate::db::{DbError, buffers, cards, holds, ledger, plan_months, wallets};
use crate::domain::account::WalletId;
use crate::domain::draw::Buffer;
use crate::domain::funding::{LineKind, Unplanned};
use crate::domain::operation::{Booked, HoldEntry, Operation, OperationId};
use crate::domain::request::{Problem, sale_hash};
use crate::domain::sale::{Decided, Payer, SaleItem, SaleRequest, State, decide};
use crate::domain::tap::Tap;

/// How the authoriser is set up.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Settings {
    /// Two keep two cores busy: one books while the other waits for its commit. Measured, see docs/decisions.
    pub lanes: usize,
    /// Sales in one transaction, at most.
    pub batch_max: usize,
    /// Sales that wait for a lane, at most; more are answered `busy` at once.
    pub queue_max: usize,
    /// After this the caller gets `outcome_unknown` and asks again by id.
    pub deadline: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { lanes: 2, batch_max: 128, queue_max: 4096, deadline: Duration::from_secs(10) }
    }
}

/// Why a sale got no outcome.
#[derive(Debug, thiserror::Error)]
pub enum AuthoriseError {
    /// The request is at fault; nothing was booked.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// Too many sales wait; nothing was booked. Try again.
    #[error("too many sales are waiting; nothing was booked")]
    Busy,
    /// The database could not do it; nothing was booked. Try again.
    #[error("the database is not available; nothing was booked")]
    Unavailable,
    /// Ask again with the same id.
    #[error("it is unknown whether this was booked: ask again with the same id")]
    OutcomeUnknown,
}

/// Failures in a row after which a batch that is booked one by one is given up.
const FAILURES_MAX: u32 = 3;

/// After a batch of this many sales as many are expected again at once, and are worth waiting a moment for: a batch has
/// costs of its own, however few sales are in it. A till that is alone never waits. See docs/decisions.
const GATHER_AFTER: usize = 12;

/// The moment.
const GATHER_FOR: Duration = Duration::from_millis(1);

/// Far above what a batch takes, its locks and its tries one by one included.
const BATCH_TIMEOUT: Duration = Duration::from_secs(60);

/// Cards whose wallet is remembered, at most.
const CARDS_MAX: usize = 1_000_000;

/// A batch names its rows by key; a plan that reads a whole table to find them is never the better one, and one plan
/// serves every batch.
const SESSION: &str = "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off; \
                       SET plan_cache_mode = force_generic_plan;";

type Answer = Result<Booked, AuthoriseError>;

struct Job {
    item: SaleItem,
    answer: oneshot::Sender<Answer>,
}

/// Takes sales and books them in batches.
pub struct Authoriser {
    database: Database,
    proof: Arc<dyn CardProof>,
    prices: PriceCache,
    /// A card's wallet never changes; a replacement is a new card.
    wallets: RwLock<HashMap<Uuid, WalletId>>,
    lanes: Vec<mpsc::Sender<Job>>,
    tasks: Vec<JoinHandle<()>>,
    settings: Settings,
}

impl Authoriser {
    /// Starts the lanes. They connect when the first sale comes, and again whenever their connection is lost.
    pub fn start(database: Database, proof: Arc<dyn CardProof>, settings: Settings) -> Authoriser {
        let (lanes, tasks) = (0..settings.lanes.max(1))
            .map(|_| {
                let (sender, receiver) = mpsc::channel(settings.queue_max.max(1));
                let lane = Lane { database: database.clone(), conn: None };
                (sender, tokio::spawn(lane.run(receiver, settings.batch_max.max(1))))
            })
            .unzip();
        Authoriser {
            database,
            proof,
            prices: PriceCache::default(),
            wallets: RwLock::default(),
            lanes,
            tasks,
            settings,
        }
    }

    /// Takes no more sales, books what waits, and ends.
    pub async fn stop(self) {
        drop(self.lanes);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a lane ended badly");
            }
        }
    }

    /// Whether every lane runs: one that ended badly would refuse the clients whose wallets are its own.
    pub fn is_running(&self) -> bool {
        self.tasks.iter().all(|task| !task.is_finished())
    }

    /// Decides and books a sale, or answers what it was answered before.
    ///
    /// # Errors
    /// [`AuthoriseError`].
    pub async fn sell(&self, request: SaleRequest) -> Answer {
        let deadline = tokio::time::Instant::now() + self.settings.deadline;
        wait(self.queue(request, deadline).await?, deadline).await
    }

    /// Sales in the order in which they were made: those of one wallet are decided in this order. Each answer is what
    /// [`Self::sell`] would have answered.
    pub async fn sell_in_order(&self, requests: Vec<SaleRequest>) -> Vec<Answer> {
        let deadline = tokio::time::Instant::now() + self.settings.deadline;
        let mut queued = Vec::with_capacity(requests.len());
        for request in requests {
            queued.push(self.queue(request, deadline).await);
        }
        let mut answers = Vec::with_capacity(queued.len());
        for queued in queued {
            answers.push(match queued {
                Ok(answered) => wait(answered, deadline).await,
                Err(error) => Err(error),
            });
        }
        answers
    }

    async fn queue(
        &self,
        request: SaleRequest,
        deadline: tokio::time::Instant,
    ) -> Result<oneshot::Receiver<Answer>, AuthoriseError> {
        // Nothing is queued yet: a caller that waited in vain may try again.
        let prepared = tokio::time::timeout_at(deadline, self.prepare(request)).await;
        let item = prepared.unwrap_or(Err(AuthoriseError::Unavailable))?;
        let lane = self.lane_of(&item);
        let (answer, answered) = oneshot::channel();
        match lane.try_send(Job { item, answer }) {
            Ok(()) => Ok(answered),
            Err(mpsc::error::TrySendError::Full(_)) => Err(AuthoriseError::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(AuthoriseError::Unavailable),
        }
    }

    /// What can be known before the lock.
    async fn prepare(&self, request: SaleRequest) -> Result<SaleItem, AuthoriseError> {
        let unavailable = |error: BookError| {
            tracing::warn!(%error, "a sale could not be prepared");
            AuthoriseError::Unavailable
        };
        let wallet = match request.payer {
            Payer::ByName { wallet } => Some(wallet),
            Payer::Card(Tap { card, .. }) => self.wallet_of(card).await.map_err(unavailable)?,
        };
        let location = request.terminal.location;
        let price_list = self.prices.get(&self.database, location, request.price_list).await.map_err(unavailable)?;
        let mac_is_right = match request.payer {
            Payer::Card(_) => self.proof.is_right(&request),
            Payer::ByName { .. } => true,
        };
        let refused_from = match request.payer {
            Payer::Card(tap) => self.proof.refused_from(tap.generation),
            Payer::ByName { .. } => None,
        };
        Ok(SaleItem { request_hash: sale_hash(&request), request, wallet, price_list, mac_is_right, refused_from })
    }

    async fn wallet_of(&self, card: Uuid) -> Result<Option<WalletId>, BookError> {
        if let Some(wallet) = self.wallets.read().unwrap_or_else(PoisonError::into_inner).get(&card) {
            return Ok(Some(*wallet));
        }
        // Boxed, as a query's future is large and every sale's would have room for it.
        Box::pin(self.look_up_wallet(card)).await
    }

    async fn look_up_wallet(&self, card: Uuid) -> Result<Option<WalletId>, BookError> {
        let conn = self.database.connection().await?;
        let Some(wallet) = cards::wallets(&conn, &[card]).await?.remove(&card) else { return Ok(None) };
        let mut known = self.wallets.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CARDS_MAX {
            known.clear();
        }
        known.insert(card, wallet);
        Ok(Some(wallet))
    }

    fn lane_of(&self, item: &SaleItem) -> &mpsc::Sender<Job> {
        let mut hasher = DefaultHasher::new();
        match item.wallet {
            Some(wallet) => wallet.hash(&mut hasher),
            None => item.request.id.hash(&mut hasher),
        }
        let lanes = u64::try_from(self.lanes.len()).unwrap_or(1);
        let place = usize::try_from(hasher.finish() % lanes).unwrap_or(0);
        &self.lanes[place]
    }
}

async fn wait(answered: oneshot::Receiver<Answer>, deadline: tokio::time::Instant) -> Answer {
    match tokio::time::timeout_at(deadline, answered).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) | Err(_) => Err(AuthoriseError::OutcomeUnknown),
    }
}

/// Why a batch was not booked.
enum BatchError {
    /// The database refused; the transaction is rolled back.
    Refused(DbError),
    /// One of them may draw on the shared buffer, so they must go one by one.
    Alone,
    /// The COMMIT failed: nobody knows.
    Unknown,
}

impl<E: Into<DbError>> From<E> for BatchError {
    fn from(error: E) -> BatchError {
        BatchError::Refused(error.into())
    }
}

struct Lane {
    database: Database,
    conn: Option<AsyncPgConnection>,
}

impl Lane {
    async fn run(mut self, mut queue: mpsc::Receiver<Job>, batch_max: usize) {
        let mut jobs = Vec::with_capacity(batch_max);
        let mut last = 0;
        while queue.recv_many(&mut jobs, batch_max).await > 0 {
            if last >= GATHER_AFTER && jobs.len() < last {
                tokio::time::sleep(GATHER_FOR).await;
                while jobs.len() < batch_max
                    && let Ok(job) = queue.try_recv()
                {
                    jobs.push(job);
                }
            }
            last = jobs.len();
            let (items, callers): (Vec<SaleItem>, Vec<_>) = jobs.drain(..).map(|job| (job.item, job.answer)).unzip();
            // A connection that neither answers nor breaks (a failover, a firewall) must not hold the lane for ever.
            let answers = match tokio::time::timeout(BATCH_TIMEOUT, self.book(&items)).await {
                Ok(answers) => answers,
                Err(_) => {
                    tracing::error!(sales = items.len(), "a batch took too long; its connection is given up");
                    self.conn = None;
                    items.iter().map(|_| Err(AuthoriseError::OutcomeUnknown)).collect()
                }
            };
            for (caller, answer) in callers.into_iter().zip(answers) {
                // A caller that hung up asks again by id.
                let _ = caller.send(answer);
            }
        }
    }

    async fn book(&mut self, items: &[SaleItem]) -> Vec<Answer> {
        let mut whole_tries = 2;
        loop {
            match self.book_batch(items).await {
                Ok(answers) => return answers.into_iter().map(|answer| answer.map_err(Into::into)).collect(),
                Err(BatchError::Unknown) => return items.iter().map(|_| Err(AuthoriseError::OutcomeUnknown)).collect(),
                Err(BatchError::Alone) => return self.book_one_by_one(items).await,
                Err(BatchError::Refused(error)) => {
                    tracing::warn!(%error, sales = items.len(), "a batch was refused");
                    whole_tries -= 1;
                    if error.is_connection_lost() && whole_tries == 0 {
                        return items.iter().map(|_| Err(AuthoriseError::Unavailable)).collect();
                    }
                    if whole_tries == 0 || (error.is_constraint() && items.len() > 1) {
                        return self.book_one_by_one(items).await;
                    }
                }
            }
        }
    }

    async fn book_one_by_one(&mut self, items: &[SaleItem]) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(items.len());
        let mut failures = 0;
        for item in items {
            if failures >= FAILURES_MAX {
                answers.push(Err(AuthoriseError::Unavailable));
                continue;
            }
            let answer = match self.book_batch(std::slice::from_ref(item)).await {
                Ok(mut answers) => answers.pop().unwrap_or(Err(Problem::Broken("no answer".to_owned()))),
                Err(BatchError::Unknown) => {
                    answers.push(Err(AuthoriseError::OutcomeUnknown));
                    failures = FAILURES_MAX;
                    continue;
                }
                Err(BatchError::Alone) => Err(Problem::Broken("a single sale that is not alone".to_owned())),
                Err(BatchError::Refused(error)) => {
                    tracing::error!(%error, "a sale was refused");
                    failures += 1;
                    answers.push(Err(AuthoriseError::Unavailable));
                    continue;
                }
            };
            failures = 0;
            answers.push(answer.map_err(Into::into));
        }
        answers
    }

    /// One transaction. The connection is kept unless it, or its transaction, is in doubt.
    async fn book_batch(&mut self, items: &[SaleItem]) -> Result<Vec<Result<Booked, Problem>>, BatchError> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.connect().await?,
        };
        begin(&mut conn).await?;
        match decide_and_write(&mut conn, items).await {
            Ok(answers) => {
                commit(&mut conn).await.map_err(|error| {
                    tracing::warn!(%error, "a commit failed");
                    BatchError::Unknown
                })?;
                self.conn = Some(conn);
                Ok(answers)
            }
            Err(error) => {
                if rollback(&mut conn).await.is_ok() {
                    self.conn = Some(conn);
                }
                Err(error)
            }
        }
    }

    async fn connect(&self) -> Result<AsyncPgConnection, DbError> {
        let unreachable = |error: crate::db::connect::ConnectError| DbError::Unreachable(error.to_string());
        let mut conn = self.database.establish().await.map_err(unreachable)?;
        conn.batch_execute(SESSION).await?;
        Ok(conn)
    }
}

async fn decide_and_write(
    conn: &mut AsyncPgConnection,
    items: &[SaleItem],
) -> Result<Vec<Result<Booked, Problem>>, BatchError> {
    let (batch, mut state) = lock(conn, items).await?;
    let draws_before = state.buffer.clone();
    let mut new: Vec<Booked> = Vec::with_capacity(items.len());
    let mut decisions = Vec::with_capacity(items.len());
    for item in items {
        // A decision changes the state at its very end, so one that panics has changed nothing: its sale is refused, and
        // the lane goes on for everybody else.
        let decided = catch_unwind(AssertUnwindSafe(|| decide(&mut state, item, batch.booked_at)));
        let decided = decided.unwrap_or_else(|_| Err(Problem::Broken("a decision panicked".to_owned())));
        decisions.push(match decided {
            Ok(Decided::New(booked)) => {
                new.extend(booked);
                Ok(())
            }
            Ok(Decided::Known) => Ok(()),
            Err(problem) => {
                if let Problem::Broken(what) = &problem {
                    tracing::error!(what, "a rule of ours broke");
                }
                Err(problem)
            }
        });
    }
    write(conn, batch, &state, &new).await?;
    if let (Some(buffer), true) = (&state.buffer, state.buffer != draws_before) {
        buffers::update_draws(conn, &buffer.draws).await?;
    }
    let mut answers: HashMap<OperationId, Booked> =
        new.into_iter().map(|booked| (booked.operation.id, booked)).collect();
    let stored: Vec<OperationId> = items
        .iter()
        .zip(&decisions)
        .filter(|(item, decision)| decision.is_ok() && !answers.contains_key(&item.request.id))
        .map(|(item, _)| item.request.id)
        .collect();
    if !stored.is_empty() {
        answers.extend(ledger::load(conn, &stored).await?);
    }
    Ok(items
        .iter()
        .zip(decisions)
        .map(|(item, decision)| {
            decision?;
            answers.get(&item.request.id).cloned().ok_or_else(|| Problem::Broken("an answer is missing".to_owned()))
        })
        .collect())
}

/// Begins the batch and locks wallets by number. Then, and only then, the rest is read: statements that are sent together
/// are still carried out one after the other, each seeing what was committed before the locks were had.
async fn lock(conn: &mut AsyncPgConnection, items: &[SaleItem]) -> Result<(ledger::Batch, State), BatchError> {
    fn distinct<T: Ord>(all: impl Iterator<Item = T>) -> Vec<T> {
        all.collect::<BTreeSet<T>>().into_iter().collect()
    }
    let wallet_ids = distinct(items.iter().filter_map(|item| item.wallet));
    let card_ids = distinct(items.iter().filter_map(|item| match item.request.payer {
        Payer::Card(Tap { card, .. }) => item.wallet.map(|_| card),
        Payer::ByName { .. } => None,
    }));
    let ids = distinct(items.iter().flat_map(|item| [Some(item.request.id), item.request.instead_of()]).flatten());
    let hold_ids = distinct(items.iter().flat_map(|item| item.request.basket.lines()).filter_map(|line| line.hold));
    let organisations = distinct(items.iter().flat_map(|item| {
        [Some(item.request.terminal.organisation), item.wallet.map(WalletId::organisation)].into_iter().flatten()
    }));
    let shared: &AsyncPgConnection = conn;
    let (batch, locked) = tokio::try_join!(biased; ledger::begin_batch(shared), wallets::lock(shared, &wallet_ids))?;
    let (wallets, book_dates, cards, known, holds) = tokio::try_join!(
        biased;
        wallets::read(shared, locked),
        wallets::book_dates(shared, &organisations, batch.booked_at),
        cards::load(shared, &card_ids),
        ledger::known(shared, &ids),
        holds::load(shared, &hold_ids),
    )?;
    let planned: Vec<OperationId> = hold_ids.into_iter().filter(|id| !holds.contains_key(id)).collect();
    let mut state = State { cards, holds, known, book_dates, ..State::default() };
    state.occurrences = plan_months::due(conn, &wallet_ids, &planned).await?;
    state.attempts = forwarded::attempts(conn, items, &state.known).await?;
    state.old_counters = forwarded::old_counters(conn, items, &state.cards).await?;
    for wallet in wallets {
        let book_date = state.book_dates.get(&wallet.id.organisation()).copied();
        let book_date = book_date.ok_or(DbError::Corrupt("wallet.id"))?;
        state.wallets.insert(wallet.id, (wallet, book_date));
    }
    state.included = included::sold_today(conn, items, &state.wallets, batch.booked_at).await?;
    lock_buffer(conn, items, batch.booked_at.date_naive(), &mut state).await?;
    Ok((batch, state))
}

/// Sales that may draw on the shared buffer run alone: the buffer's row is everybody's, and is locked last.
async fn lock_buffer(
    conn: &mut AsyncPgConnection,
    items: &[SaleItem],
    today: NaiveDate,
    state: &mut State,
) -> Result<(), BatchError> {
    let may_draw =
        |item: &&SaleItem| {
            let Some((wallet, _)) = item.wallet.and_then(|wallet| state.wallets.get(&wallet)) else { return false };
            let Some(list) = &item.price_list else { return false };
            wallet.rules.unplanned == Unplanned::Personal
                && item.request.basket.lines().iter().any(|line| {
                    list.price(line.service, wallet.buyer).is_some_and(|price| price.kind == LineKind::Care)
                })
        };
    let candidates: BTreeSet<WalletId> = items.iter().filter(may_draw).filter_map(|item| item.wallet).collect();
    if candidates.is_empty() {
        return Ok(());
    }
    let candidates: Vec<WalletId> = candidates.into_iter().collect();
    let drawing = buffers::wallets_with_draws(conn, &candidates, today).await?;
    let Some(wallet) = drawing.first().and_then(|wallet| state.wallets.get(wallet)) else { return Ok(()) };
    if items.len() > 1 {
        return Err(BatchError::Alone);
    }
    let (wallet, book_date) = (wallet.0.clone(), wallet.1);
    let draws = buffers::open_draws(conn, wallet.id, wallet.unit, book_date).await?;
    let balance = buffers::lock(conn, wallet.id.organisation(), wallet.unit).await?;
    state.buffer = Some(Buffer { balance, draws });
    Ok(())
}

async fn write(
    conn: &mut AsyncPgConnection,
    batch: ledger::Batch,
    state: &State,
    new: &[Booked],
) -> Result<(), DbError> {
    if new.is_empty() {
        return Ok(());
    }
    let operations = || new.iter().map(|booked| &booked.operation);
    let moved = |operation: &&Operation| !operation.transfers.is_empty() || !operation.hold_entries.is_empty();
    let changed: BTreeSet<WalletId> =
        operations().filter(moved).filter_map(|operation| operation.owner.wallet()).collect();
    let changed: Vec<_> = changed.iter().filter_map(|id| state.wallets.get(id)).map(|(wallet, _)| wallet).collect();
    let used: BTreeSet<Uuid> =
        operations().filter(|operation| operation.counter.is_some()).filter_map(|operation| operation.card).collect();
    let used: Vec<_> = used.iter().filter_map(|id| state.cards.get(id)).collect();
    let entries: Vec<HoldEntry> = operations().flat_map(|operation| operation.hold_entries.iter().cloned()).collect();
    let delivered: Vec<(WalletId, OperationId)> = state.delivered_by(new.iter().map(|booked| &booked.operation));
    let shared: &AsyncPgConnection = conn;
    // Sent together, so that neither side waits for the other to read or write a batch of rows.
    tokio::try_join!(
        biased;
        ledger::insert(shared, batch, new),
        wallets::update(shared, &changed),
        cards::update(shared, &used),
        holds::change(shared, &entries),
        plan_months::deliver(shared, &delivered),
    )?;
    if state.buffer.is_some() {
        let operations: Vec<Operation> = operations().cloned().collect();
        change_buffers(conn, &operations).await?;
    }
    Ok(())
}
