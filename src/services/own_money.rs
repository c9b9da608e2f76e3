//! Own money in and out of points, as the office and other systems ask for it. What is named must be the client's: an operation
//! of somebody else does not exist for who asks.

use chrono::Datelike;
use diesel_async::AsyncPgConnection;

use super::book::{BookError, Booking, Books, book, owner_of, wallet_owner};
use super::publish;
use crate::db::connect::Database;
use crate::db::corrupt;
use crate::domain::account::WalletId;
use crate::domain::exchange::{BuyPointsRequest, ExchangeBackRequest};
use crate::domain::money::{Amount, Unit};
use crate::domain::month_grant::Month;
use crate::domain::operation::{Booked, OperationId, OperationKind, Outcome, Owner};
use crate::domain::request::{Malformed, Problem};
use crate::domain::top_up::TopUpReversalRequest;

/// Takes a top-up of a client's back, or a part of it.
///
/// # Errors
/// [`BookError`]; [`Problem::Unknown`] for a top-up that is none of this client's.
pub async fn reverse_top_up(
    database: &Database,
    wallet: WalletId,
    request: &TopUpReversalRequest,
) -> Result<Booked, BookError> {
    of_client(database, wallet, request.top_up, OperationKind::TopUp, "top-up").await?;
    book(database, request).await
}

/// Points that were asked for, and at what value and price: of a decline, what they would have cost.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Bought {
    pub booked: Booked,
    /// Cents a whole point.
    pub value_cents: i64,
    pub price: Amount,
}

/// Buys points at the value that the client's scheme publishes on the book date.
///
/// # Errors
/// [`BookError`]; [`Malformed::NoPoints`] and [`Malformed::NoPointValue`] where there are none to buy.
pub async fn buy_points(database: &Database, request: &BuyPointsRequest) -> Result<Bought, BookError> {
    let booked = book(database, request).await?;
    let value_cents = booked.operation.unit_value_cents.ok_or_else(|| corrupt("operation.unit_value_cents"))?;
    Ok(Bought { price: request.at(value_cents).price()?, booked, value_cents })
}

/// Pays bought points of a client's back at the price paid.
///
/// # Errors
/// [`BookError`]; [`Problem::Unknown`] for points that are none of this client's.
pub async fn return_points(
    database: &Database,
    wallet: WalletId,
    request: &ExchangeBackRequest,
) -> Result<Booked, BookError> {
    of_client(database, wallet, request.exchange, OperationKind::Exchange, "purchase of points").await?;
    book(database, request).await
}

/// Whose an operation is never changes, so it is looked up before anything is locked.
async fn of_client(
    database: &Database,
    wallet: WalletId,
    id: OperationId,
    kind: OperationKind,
    what: &'static str,
) -> Result<(), BookError> {
    let owner = owner_of(&mut *database.connection().await?, id, &[kind], what).await?;
    if owner == wallet_owner(wallet) { Ok(()) } else { Err(Problem::Unknown(what).into()) }
}

impl Booking for BuyPointsRequest {
    fn id(&self) -> OperationId {
        self.id
    }

    fn kind(&self) -> OperationKind {
        OperationKind::Exchange
    }

    fn hash(&self) -> [u8; 32] {
        self.hash()
    }

    async fn owner(&self, _: &mut AsyncPgConnection) -> Result<Owner, BookError> {
        Ok(wallet_owner(self.wallet))
    }

    async fn decide(&self, books: &mut Books<'_>) -> Result<Outcome, BookError> {
        let wallet = books.wallet()?.clone();
        if wallet.unit != Unit::Pnt {
            return Err(Malformed::NoPoints.into());
        }
        let today = books.book_date;
        let month = Month::new(today.year(), today.month()).ok_or_else(|| corrupt("a month"))?;
        let value = publish::point_value_of(books.conn, wallet.id, month).await?;
        Ok(self.at(value.ok_or(Malformed::NoPointValue)?).decide(&mut books.operation, &wallet)?)
    }
}
