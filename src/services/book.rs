//! Books one operation of one wallet: the shape that every money-moving service but the hot path shares.
//!
//! begin -> lock the wallet -> look the id up -> decide in domain -> write -> commit -> answer. The id is looked up after
//! the lock, so that of two copies of a request the second sees what the first wrote. Nothing is written that the
//! domain did not decide, and nothing the domain decided is written in part: it is one transaction.

use std::future::Future;

use chrono::{DateTime, NaiveDate, Utc};
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, TransactionManager};

use crate::db::connect::{ConnectError, Connection, Database};
use crate::db::holds::Purpose;
use crate::db::ledger::{self, Batch};
use crate::db::{DbError, buffers, holds, wallets};
use crate::domain::account::{Kind, WalletId};
use crate::domain::operation::{
    Authority, Booked, HoldEntry, Operation, OperationId, OperationKind, Outcome, Owner, Transfer,
};
use crate::domain::request::{Malformed, Problem};
use crate::domain::sale::Known;
use crate::domain::wallet::Wallet;

/// Why a request got no outcome.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The request is at fault; nothing was booked.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The database could not do it; nothing was booked. Try again.
    #[error("the database is not available; nothing was booked")]
    Unavailable(#[source] DbError),
    /// The connection was lost while it was booked: ask again with the same id.
    #[error("it is unknown whether this was booked: ask again with the same id")]
    OutcomeUnknown,
}

impl From<DbError> for BookError {
    fn from(error: DbError) -> BookError {
        BookError::Unavailable(error)
    }
}

impl From<Malformed> for BookError {
    fn from(error: Malformed) -> BookError {
        BookError::Problem(error.into())
    }
}

impl From<ConnectError> for BookError {
    fn from(error: ConnectError) -> BookError {
        BookError::Unavailable(DbError::Unreachable(error.to_string()))
    }
}

/// A request that books one operation on one wallet.
pub trait Booking: Clone + Send + Sync + 'static {
    /// The id that the caller gave it.
    fn id(&self) -> OperationId;
    /// What it is.
    fn kind(&self) -> OperationKind;
    /// On whose word.
    fn authority(&self) -> Authority {
        Authority::Office
    }
    /// SHA-256 over its encoding.
    fn hash(&self) -> [u8; 32];
    /// What can be seen to be wrong without the database.
    ///
    /// # Errors
    /// [`Malformed`].
    fn check(&self) -> Result<(), Malformed> {
        Ok(())
    }
    /// Whose wallet to lock; read before the lock from rows that never change.
    fn owner(&self, conn: &mut AsyncPgConnection) -> impl Future<Output = Result<Owner, BookError>> + Send;
    /// Loads what else is needed and decides. What it wrote into `books.operation` is booked only if the outcome is done.
    fn decide(&self, books: &mut Books<'_>) -> impl Future<Output = Result<Outcome, BookError>> + Send;
}

/// The open transaction of one booking.
pub struct Books<'c> {
    /// For what else must be read or written.
    pub conn: &'c mut AsyncPgConnection,
    /// The wallet under its lock; none for what belongs to the organisation.
    pub wallet: Option<Wallet>,
    /// The organisation's day.
    pub book_date: NaiveDate,
    /// The server's clock.
    pub now: DateTime<Utc>,
    /// What will be booked.
    pub operation: Operation,
    /// What is booked with it: a tombstone, or the void of a forward's attempt.
    pub beside: Option<Operation>,
    /// When a hold that this operation makes expires.
    pub hold_expires_at: Option<DateTime<Utc>>,
}

impl Books<'_> {
    /// The wallet, where the operation has one.
    ///
    /// # Errors
    /// [`Problem::Unknown`].
    pub fn wallet(&self) -> Result<&Wallet, BookError> {
        self.wallet.as_ref().ok_or(BookError::Problem(Problem::Unknown("wallet")))
    }
}

/// Attempts at one booking: the first, and two more after a deadlock, a lock time-out or a race for an id.
const ATTEMPTS: u32 = 3;

/// Books a request, or answers what it was answered before. In a task of its own: a caller that hangs up cancels nothing.
///
/// # Errors
/// [`BookError`].
pub async fn book<B: Booking>(database: &Database, request: &B) -> Result<Booked, BookError> {
    request.check()?;
    let (database, request) = (database.clone(), request.clone());
    let booking = database.runtime().clone().spawn(async move { book_with_retries(&database, &request).await });
    booking.await.unwrap_or(Err(BookError::OutcomeUnknown))
}

async fn book_with_retries<B: Booking>(database: &Database, request: &B) -> Result<Booked, BookError> {
    let mut attempt = 1;
    loop {
        match book_once(database, request).await {
            Err(BookError::Unavailable(error)) if attempt < ATTEMPTS && !error.is_connection_lost() => {
                tracing::debug!(attempt, %error, kind = request.kind().name(), "a booking is tried again");
                attempt += 1;
            }
            answer => return answer,
        }
    }
}

async fn book_once<B: Booking>(database: &Database, request: &B) -> Result<Booked, BookError> {
    let mut connection: Connection = database.connection().await?;
    let conn: &mut AsyncPgConnection = &mut connection;
    begin(conn).await?;
    match book_in_transaction(conn, request).await {
        Ok(booked) => match commit(conn).await {
            Ok(()) => Ok(booked),
            Err(_) => Err(BookError::OutcomeUnknown),
        },
        Err(error) => {
            // The connection may be gone with its transaction; the pool checks before it hands it out again.
            let _ = rollback(conn).await;
            Err(error)
        }
    }
}

/// BEGIN.
///
/// # Errors
/// [`DbError`].
pub(super) async fn begin(conn: &mut AsyncPgConnection) -> Result<(), DbError> {
    Ok(AnsiTransactionManager::begin_transaction(conn).await?)
}

/// COMMIT. After an error nobody knows whether it happened.
///
/// # Errors
/// [`DbError`].
pub(super) async fn commit(conn: &mut AsyncPgConnection) -> Result<(), DbError> {
    Ok(AnsiTransactionManager::commit_transaction(conn).await?)
}

/// ROLLBACK.
///
/// # Errors
/// [`DbError`].
pub(super) async fn rollback(conn: &mut AsyncPgConnection) -> Result<(), DbError> {
    Ok(AnsiTransactionManager::rollback_transaction(conn).await?)
}

async fn book_in_transaction<B: Booking>(conn: &mut AsyncPgConnection, request: &B) -> Result<Booked, BookError> {
    let batch = ledger::begin_batch(conn).await?;
    let hash = request.hash();
    let owner = match request.owner(conn).await {
        Ok(owner) => owner,
        // What it refers to is unknown, but its own id may be taken: that is the better answer.
        Err(error) => return first_answer(conn, request, &hash).await?.ok_or(error),
    };
    let (wallet, book_date) = lock_owner(conn, owner, batch.booked_at).await?;
    if let Some(booked) = first_answer(conn, request, &hash).await? {
        return Ok(booked);
    }
    request.id().check_window(batch.booked_at).map_err(Problem::from)?;
    let mut operation = Operation::new(request.id(), owner, request.kind(), Outcome::Booked, request.authority());
    operation.request_hash = Some(hash);
    operation.month = wallet.as_ref().and_then(|wallet| wallet.month);
    let mut books =
        Books { conn, wallet, book_date, now: batch.booked_at, operation, beside: None, hold_expires_at: None };
    let outcome = request.decide(&mut books).await?;
    books.operation.outcome = outcome;
    if !outcome.is_done() {
        books.operation.transfers.clear();
        books.operation.hold_entries.clear();
        books.operation.lines.clear();
    }
    write(books, batch).await
}

/// The answer that this id got before.
async fn first_answer<B: Booking>(
    conn: &mut AsyncPgConnection,
    request: &B,
    hash: &[u8; 32],
) -> Result<Option<Booked>, BookError> {
    let id = request.id();
    let Some(known) = ledger::known(conn, &[id]).await?.remove(&id) else { return Ok(None) };
    if known.kind != request.kind() || !known.answers(hash) {
        return Err(Problem::IdReused.into());
    }
    Ok(ledger::load(conn, &[id]).await?.remove(&id))
}

async fn lock_owner(
    conn: &mut AsyncPgConnection,
    owner: Owner,
    now: DateTime<Utc>,
) -> Result<(Option<Wallet>, NaiveDate), BookError> {
    let (organisation, wallet) = match owner {
        Owner::Wallet(id) => {
            let locked = wallets::lock(conn, &[id]).await?;
            let wallet = wallets::read(conn, locked).await?.into_iter().next();
            (id.organisation(), Some(wallet.ok_or(Problem::Unknown("wallet"))?))
        }
        Owner::Organisation(id) => (id, None),
    };
    let date = wallets::book_dates(conn, &[organisation], now).await?.remove(&organisation);
    Ok((wallet, date.ok_or(Problem::Unknown("organisation"))?))
}

async fn write(books: Books<'_>, batch: Batch) -> Result<Booked, BookError> {
    let Books { conn, wallet, book_date, operation, beside, hold_expires_at, .. } = books;
    if let Some(mut wallet) = wallet {
        let before = wallet.clone();
        // Holds first: what they give back is what the transfers spend.
        for entry in &operation.hold_entries {
            wallet.hold(entry.account, entry.change).map_err(Problem::from)?;
        }
        for transfer in operation.transfers.iter().chain(beside.iter().flat_map(|beside| &beside.transfers)) {
            wallet.apply(transfer).map_err(Problem::from)?;
        }
        if wallet != before {
            wallets::update(conn, &[&wallet]).await?;
        }
    }
    let (made, changed): (Vec<HoldEntry>, Vec<HoldEntry>) =
        operation.hold_entries.iter().cloned().partition(|entry| entry.hold == operation.id);
    if !made.is_empty() {
        holds::insert(conn, operation.id, &made, Purpose::of(&operation), hold_expires_at).await?;
    }
    holds::change(conn, &changed).await?;
    let operations: Vec<Operation> = std::iter::once(operation).chain(beside).collect();
    change_buffers(conn, &operations).await?;
    let mut rows: Vec<Booked> = operations.into_iter().map(|operation| Booked { operation, book_date }).collect();
    ledger::insert(conn, batch, &rows).await?;
    Ok(rows.swap_remove(0))
}

/// Moves the shared buffers by what operations paid into and out of them. Taken after all other locks.
pub(super) async fn change_buffers(conn: &mut AsyncPgConnection, operations: &[Operation]) -> Result<(), DbError> {
    change_buffers_by(conn, operations.iter().flat_map(|operation| &operation.transfers)).await
}

/// As [`change_buffers`], by transfers.
pub(super) async fn change_buffers_by(
    conn: &AsyncPgConnection,
    transfers: impl Iterator<Item = &Transfer>,
) -> Result<(), DbError> {
    use std::collections::BTreeMap;
    let mut changes = BTreeMap::new();
    for transfer in transfers {
        for (account, sign) in [(transfer.debit, -1), (transfer.credit, 1)] {
            if account.kind() == Kind::Buffer {
                *changes.entry(account).or_insert(0) += sign * transfer.amount.minor();
            }
        }
    }
    for (account, change) in changes {
        if let Some(Owner::Organisation(organisation)) = Owner::from_field(account.number() >> 16) {
            buffers::change(conn, organisation, account.unit(), change).await?;
        }
    }
    Ok(())
}

/// The operation that a request refers to, as it stands in the ledger, if it is of this kind.
///
/// # Errors
/// [`Problem::Unknown`].
pub(super) async fn referred_to(
    conn: &mut AsyncPgConnection,
    id: OperationId,
    kinds: &[OperationKind],
    what: &'static str,
) -> Result<Booked, BookError> {
    let booked = ledger::load(conn, &[id]).await?.remove(&id);
    booked.filter(|booked| kinds.contains(&booked.operation.kind)).ok_or(BookError::Problem(Problem::Unknown(what)))
}

/// The owner of the operation that a request refers to.
///
/// # Errors
/// [`Problem::Unknown`].
pub(super) async fn owner_of(
    conn: &mut AsyncPgConnection,
    id: OperationId,
    kinds: &[OperationKind],
    what: &'static str,
) -> Result<Owner, BookError> {
    let known: Option<Known> = ledger::known(conn, &[id]).await?.remove(&id);
    let known = known.filter(|known| kinds.contains(&known.kind));
    known.map(|known| known.owner).ok_or(BookError::Problem(Problem::Unknown(what)))
}

/// A wallet as the owner of a request that names it.
pub(super) const fn wallet_owner(wallet: WalletId) -> Owner {
    Owner::Wallet(wallet)
}

/// An id of the service's making, with the server's time.
///
/// # Errors
/// [`BookError::Unavailable`] without randomness.
pub(super) fn id_of_ours(now: DateTime<Utc>) -> Result<OperationId, BookError> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|error| DbError::Unreachable(format!("no randomness: {error}")))?;
    let id = uuid::Builder::from_unix_timestamp_millis(now.timestamp_millis().unsigned_abs(), &random).into_uuid();
    Ok(OperationId::new(id).map_err(Problem::from)?)
}
