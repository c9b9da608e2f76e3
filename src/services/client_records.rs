//! What other systems read of an organisation's clients. Rows of another organisation do not exist here: every question
//! starts from the organisation.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use uuid::Uuid;

use super::book::BookError;
use super::schemes;
use crate::db::client_records::{self, ClientRecord, GrantRecord, MonthRow, PlannedRow, StatementRow};
use crate::db::connect::Database;
use crate::db::ledger;
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::operation::Booked;
use crate::domain::scheme::Scheme;

/// A client by number; none if there is no such in this organisation.
///
/// # Errors
/// [`BookError::Unavailable`].
pub async fn find(
    database: &Database,
    organisation: OrganisationId,
    number: i32,
) -> Result<Option<ClientRecord>, BookError> {
    let conn = database.connection().await?;
    let Some(mut found) = client_records::find(&conn, organisation, number).await? else { return Ok(None) };
    if let Some(scheme) = schemes::load(&conn, &[found.scheme]).await?.get(&found.scheme) {
        found.shows_euros = scheme.shows.euro_to_family;
    }
    Ok(Some(found))
}

/// Clients by number, and the number to go on from if there are more.
///
/// # Errors
/// [`BookError::Unavailable`].
pub async fn page(
    database: &Database,
    organisation: OrganisationId,
    after: i32,
    limit: u16,
) -> Result<(Vec<ClientRecord>, Option<i32>), BookError> {
    let conn = database.connection().await?;
    let mut rows = client_records::page(&conn, organisation, after, i64::from(limit) + 1).await?;
    let more = rows.len() > usize::from(limit);
    rows.truncate(limit.into());
    let next = rows.last().filter(|_| more).map(|row| row.number);
    Ok((rows, next))
}

/// A wallet's months, the newest first.
///
/// # Errors
/// [`BookError::Unavailable`].
pub async fn months(database: &Database, wallet: WalletId) -> Result<Vec<MonthRow>, BookError> {
    Ok(client_records::months(&*database.connection().await?, wallet).await?)
}

/// All that a month was.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct MonthRecord {
    pub grants: Vec<GrantRecord>,
    pub planned: Vec<PlannedRow>,
    pub statement: Option<StatementRow>,
    /// Schemes that the grants were computed by, as far as they have a file.
    pub schemes: HashMap<i32, Arc<Scheme>>,
}

/// What a month brought, what was planned in it and how it ended; none if it was never opened for this wallet.
///
/// # Errors
/// [`BookError::Unavailable`].
pub async fn month(database: &Database, wallet: WalletId, month: NaiveDate) -> Result<Option<MonthRecord>, BookError> {
    let conn = database.connection().await?;
    let grants = client_records::grants(&conn, wallet, month).await?;
    let planned = client_records::planned(&conn, wallet, month).await?;
    let statement = client_records::statement_of(&conn, wallet, month).await?;
    let is_there = !grants.is_empty() || !planned.is_empty() || statement.is_some();
    let ids: Vec<i32> = grants.iter().map(|grant| grant.scheme).collect();
    let schemes = schemes::load(&conn, &ids).await?;
    Ok(is_there.then_some(MonthRecord { grants, planned, statement, schemes }))
}

/// A month's operations with all their rows, and the names of their services; the id to go on from if there are more.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Operations {
    pub booked: Vec<Booked>,
    pub names: HashMap<Uuid, String>,
    pub next: Option<Uuid>,
}

/// What was booked for a wallet in a month, in the order of the ids.
///
/// # Errors
/// [`BookError::Unavailable`].
pub async fn operations(
    database: &Database,
    wallet: WalletId,
    month: NaiveDate,
    after: Option<Uuid>,
    limit: u16,
) -> Result<Operations, BookError> {
    let conn = database.connection().await?;
    let mut ids = client_records::operations(&conn, wallet, month, after, i64::from(limit) + 1).await?;
    let more = ids.len() > usize::from(limit);
    ids.truncate(limit.into());
    let next = ids.last().filter(|_| more).map(|id| id.uuid());
    let mut booked: Vec<Booked> = ledger::load(&conn, &ids).await?.into_values().collect();
    booked.sort_by_key(|booked| booked.operation.id);
    let services = booked.iter().flat_map(|booked| booked.operation.lines.iter().map(|line| line.service)).collect();
    let names = client_records::service_names(&conn, services).await?;
    Ok(Operations { booked, names, next })
}

/// Draws on the shared buffer of a wallet, the newest first: id, amount, used, first and last day.
///
/// # Errors
/// [`BookError::Unavailable`].
pub async fn draws(
    database: &Database,
    wallet: WalletId,
) -> Result<Vec<(Uuid, i64, i64, NaiveDate, NaiveDate)>, BookError> {
    Ok(client_records::draws(&*database.connection().await?, wallet).await?)
}
