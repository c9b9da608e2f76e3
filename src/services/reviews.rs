//! The review queue: what a human ends, each review once.

use diesel_async::AsyncPgConnection;

use super::book::{BookError, Booking, Books, book, owner_of, referred_to};
use crate::db::connect::{ConnectError, Database};
use crate::db::reviews::Review;
use crate::db::{DbError, ledger, reviews};
use crate::domain::operation::{Booked, OperationId, OperationKind, Outcome, Owner};
use crate::domain::request::Problem;
use crate::domain::review::{ReviewWhy, Settlement};
use crate::domain::settle::SettleRequest;

/// Why a review was not ended.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// No such review.
    #[error("there is no review {0}: `pasje review list` shows those that are open")]
    Unknown(i64),
    /// It was ended before.
    #[error("review {0} is settled already: `pasje review show {0}` says how")]
    Settled(i64),
    /// A loss is written off or taken from own money.
    #[error("review {0} is an offline loss: end it with --write-off REASON or --from-own-money --consent WHO-AND-WHEN")]
    IsLoss(i64),
    /// Nothing was booked as lost that could be written off or taken over.
    #[error("review {0} is no offline loss: end it with --handled TEXT")]
    NoLoss(i64),
    /// Free text that is missing or too long.
    #[error("{0} must be 1 to {1} characters")]
    Text(&'static str, usize),
    /// Own money could not pay it.
    #[error("nothing was taken from own money: {}", .0.name())]
    Declined(Outcome),
    /// It could not be booked.
    #[error(transparent)]
    Book(#[from] BookError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The way to it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// Who ended a review, and why or with whose consent: free text, which stands in the review and nowhere else.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Word {
    pub by: String,
    pub reason: String,
}

impl Word {
    const BY_MAX: usize = 200;
    const REASON_MAX: usize = 2000;

    fn check(&self) -> Result<(), ReviewError> {
        let fits = |text: &str, max: usize| (1..=max).contains(&text.chars().count());
        if !fits(&self.by, Self::BY_MAX) {
            return Err(ReviewError::Text("who settles it", Self::BY_MAX));
        }
        if !fits(&self.reason, Self::REASON_MAX) {
            return Err(ReviewError::Text("the reason or consent", Self::REASON_MAX));
        }
        Ok(())
    }
}

/// The organisation bears a loss; nothing moves.
///
/// # Errors
/// [`ReviewError`].
pub async fn write_off(database: &Database, id: i64, word: &Word) -> Result<(), ReviewError> {
    let review = open(database, id, word).await?;
    if review.why != ReviewWhy::OfflineLoss {
        return Err(ReviewError::NoLoss(id));
    }
    end(database, id, Settlement::WrittenOff, word).await
}

/// What was never booked was dealt with.
///
/// # Errors
/// [`ReviewError`].
pub async fn handle(database: &Database, id: i64, word: &Word) -> Result<(), ReviewError> {
    let review = open(database, id, word).await?;
    if review.why == ReviewWhy::OfflineLoss {
        return Err(ReviewError::IsLoss(id));
    }
    end(database, id, Settlement::Handled, word).await
}

/// Own money takes a loss over, or a part of it, with consent: the rest is then the organisation's.
///
/// # Errors
/// [`ReviewError`]; [`ReviewError::Declined`] leaves the review open.
pub async fn settle_from_own_money(
    database: &Database,
    id: i64,
    cents: Option<i64>,
    word: &Word,
) -> Result<Booked, ReviewError> {
    let review = open(database, id, word).await?;
    let (Some(sale), Some(lost)) = (review.operation, review.loss_cents) else { return Err(ReviewError::NoLoss(id)) };
    let request = OperationId::new(uuid::Uuid::now_v7()).map_err(Problem::from).map_err(BookError::from)?;
    let request = SettleRequest { id: request, sale, cents: cents.unwrap_or(lost) };
    let booked = book(database, &Settling { request, review: id, word: word.clone() }).await?;
    match booked.operation.outcome {
        Outcome::Booked => Ok(booked),
        outcome => Err(ReviewError::Declined(outcome)),
    }
}

async fn open(database: &Database, id: i64, word: &Word) -> Result<Review, ReviewError> {
    word.check()?;
    let review = reviews::find(&*database.connection().await?, id).await?.ok_or(ReviewError::Unknown(id))?;
    if review.settled.is_some() { Err(ReviewError::Settled(id)) } else { Ok(review) }
}

async fn end(database: &Database, id: i64, how: Settlement, word: &Word) -> Result<(), ReviewError> {
    let conn = database.connection().await?;
    if reviews::settle(&conn, id, how, &word.by, &word.reason, None).await? {
        Ok(())
    } else {
        Err(ReviewError::Settled(id))
    }
}

/// The operation and the end of its review: one transaction.
#[derive(Clone)]
struct Settling {
    request: SettleRequest,
    review: i64,
    word: Word,
}

const SALES: &[OperationKind] = &[OperationKind::Sale];

impl Booking for Settling {
    fn id(&self) -> OperationId {
        self.request.id
    }

    fn kind(&self) -> OperationKind {
        OperationKind::Settle
    }

    fn hash(&self) -> [u8; 32] {
        self.request.hash()
    }

    async fn owner(&self, conn: &mut AsyncPgConnection) -> Result<Owner, BookError> {
        owner_of(conn, self.request.sale, SALES, "sale").await
    }

    async fn decide(&self, books: &mut Books<'_>) -> Result<Outcome, BookError> {
        let sale = referred_to(books.conn, self.request.sale, SALES, "sale").await?;
        let wallet = books.wallet()?.clone();
        let earlier = ledger::referring_to(books.conn, wallet.id, self.request.sale).await?;
        books.operation.reference = Some(self.request.sale);
        let outcome = self.request.decide(&mut books.operation, &wallet, &sale.operation, &earlier)?;
        if outcome.is_done() {
            let (how, word) = (Settlement::FromOwnMoney, &self.word);
            let with = Some(self.request.id);
            if !reviews::settle(books.conn, self.review, how, &word.by, &word.reason, with).await? {
                return Ok(Outcome::AlreadySettled);
            }
        }
        Ok(outcome)
    }
}
