//! Sales that were made: what became of one, and what is given back of it. A sale of another location does not exist for
//! who asks.

use std::collections::HashMap;

use super::book::{BookError, book};
use crate::db::connect::Database;
use crate::db::{forwards, ledger};
use crate::domain::operation::{Booked, OperationId, OperationKind};
use crate::domain::refund::{RefundRequest, VoidRequest};
use crate::domain::request::Problem;
use crate::domain::sale::Terminal;

/// What a sale of this terminal's location was answered.
///
/// # Errors
/// [`BookError::Unavailable`].
pub async fn find(database: &Database, id: OperationId, terminal: &Terminal) -> Result<Option<Booked>, BookError> {
    let id = booked_as(database, id, terminal).await?;
    Ok(load(database, id).await?.filter(|sale| is_of(sale, terminal)))
}

/// Gives parts of a sale back.
///
/// # Errors
/// [`BookError`]; [`Problem::Unknown`] for a sale of another location.
pub async fn refund(database: &Database, request: &RefundRequest) -> Result<Booked, BookError> {
    let sale = booked_as(database, request.sale, &request.terminal).await?;
    of_location(database, sale, &request.terminal).await?;
    book(database, &RefundRequest { sale, ..request.clone() }).await
}

/// Undoes a sale.
///
/// # Errors
/// [`BookError`]; [`Problem::Unknown`] for a sale of another location.
pub async fn void(database: &Database, request: &VoidRequest) -> Result<Booked, BookError> {
    let sale = booked_as(database, request.sale, &request.terminal).await?;
    of_location(database, sale, &request.terminal).await?;
    book(database, &VoidRequest { sale, ..request.clone() }).await
}

/// The id that a sale is or will be booked under: where the ledger does not have it, and a forward of the terminal itself or
/// of its location was sent with it, the one that the forward got instead. That never changes any more once it is booked.
async fn booked_as(database: &Database, id: OperationId, terminal: &Terminal) -> Result<OperationId, BookError> {
    let conn = database.connection().await?;
    if ledger::known(&conn, &[id]).await?.contains_key(&id) {
        return Ok(id);
    }
    let renamed = forwards::booked_as(&conn, id).await?;
    if let Some((_, own)) = renamed.iter().find(|(other, _)| *other == terminal.id) {
        return Ok(*own);
    }
    let ids: Vec<OperationId> = renamed.into_iter().map(|(_, booked)| booked).collect();
    let sales = if ids.is_empty() { HashMap::new() } else { ledger::load(&conn, &ids).await? };
    let beside = ids.iter().find(|id| sales.get(id).is_some_and(|sale| is_of(sale, terminal)));
    Ok(beside.copied().unwrap_or(id))
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
