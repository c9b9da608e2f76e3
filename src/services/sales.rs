//! Sales that were made: what became of one, and what is given back of it. A sale of another location does not exist for
//! who asks.

use super::book::{BookError, book};
use crate::db::connect::Database;
use crate::db::ledger;
use crate::domain::operation::{Booked, OperationId, OperationKind};
use crate::domain::refund::{RefundRequest, VoidRequest};
use crate::domain::request::Problem;
use crate::domain::sale::Terminal;

/// What a sale of this terminal's location was answered.
///
/// # Errors
/// [`BookError::Unavailable`].
pub async fn find(database: &Database, id: OperationId, terminal: &Terminal) -> Result<Option<Booked>, BookError> {
    Ok(load(database, id).await?.filter(|sale| is_of(sale, terminal)))
}

/// Gives parts of a sale back.
///
/// # Errors
/// [`BookError`]; [`Problem::Unknown`] for a sale of another location.
pub async fn refund(database: &Database, request: &RefundRequest) -> Result<Booked, BookError> {
    of_location(database, request.sale, &request.terminal).await?;
    book(database, request).await
}

/// Undoes a sale.
///
/// # Errors
/// [`BookError`]; [`Problem::Unknown`] for a sale of another location.
pub async fn void(database: &Database, request: &VoidRequest) -> Result<Booked, BookError> {
    of_location(database, request.sale, &request.terminal).await?;
    book(database, request).await
}

/// One that has not come is nobody's yet: where it comes meanwhile, whoever books looks again under the lock.
async fn of_location(database: &Database, id: OperationId, terminal: &Terminal) -> Result<(), BookError> {
    match load(database, id).await? {
        Some(booked) if !is_of(&booked, terminal) => Err(Problem::Unknown("sale").into()),
        _ => Ok(()),
    }
}

async fn load(database: &Database, id: OperationId) -> Result<Option<Booked>, BookError> {
    let conn = database.connection().await?;
    Ok(ledger::load(&conn, &[id]).await?.remove(&id))
}

fn is_of(booked: &Booked, terminal: &Terminal) -> bool {
    let operation = &booked.operation;
    operation.kind == OperationKind::Sale
        && operation.location == Some(terminal.location)
        && operation.owner.organisation() == terminal.organisation
}
