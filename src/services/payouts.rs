//! Payouts: listed for who approves and pays, and carried on step by step. One of another organisation does not exist here.

use uuid::Uuid;

use super::book::{BookError, book, owner_of};
use crate::db::connect::Database;
use crate::db::payouts::{self, PayoutRow};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::operation::{Booked, OperationKind};
use crate::domain::payout::PayoutStepRequest;
use crate::domain::request::Problem;

/// Approves, pays or withdraws a payout of this organisation.
///
/// # Errors
/// [`BookError`]; [`Problem::Unknown`] for a payout that is none of this organisation's.
pub async fn step(
    database: &Database,
    organisation: OrganisationId,
    request: &PayoutStepRequest,
) -> Result<Booked, BookError> {
    // whose it is never changes, so it is looked up before anything is locked
    let kinds = &[OperationKind::PayoutRequest];
    let owner = owner_of(&mut *database.connection().await?, request.payout, kinds, "payout").await?;
    if owner.organisation() != organisation {
        return Err(Problem::Unknown("payout").into());
    }
    book(database, request).await
}

/// Payouts of an organisation by id, and the id to go on from if there are more; only those that are neither paid nor
/// withdrawn, or all.
///
/// # Errors
/// [`BookError::Unavailable`].
pub async fn page(
    database: &Database,
    organisation: OrganisationId,
    only_open: bool,
    after: Uuid,
    limit: u16,
) -> Result<(Vec<PayoutRow>, Option<Uuid>), BookError> {
    let conn = database.connection().await?;
    let mut rows = payouts::page(&conn, organisation, only_open, after, i64::from(limit) + 1).await?;
    let more = rows.len() > usize::from(limit);
    rows.truncate(limit.into());
    let next = rows.last().filter(|_| more).map(|row| row.id);
    Ok((rows, next))
}

/// All payouts of a client, the newest first.
///
/// # Errors
/// [`BookError::Unavailable`].
pub async fn of_wallet(database: &Database, wallet: WalletId) -> Result<Vec<PayoutRow>, BookError> {
    Ok(payouts::of_wallet(&*database.connection().await?, wallet).await?)
}
