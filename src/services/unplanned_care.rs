//! Incidental care, noted by name in another system of the organisation: a sale, with that system's key in the place of a terminal.
//!
//! The caller names no price list: the service takes the location's of now. So a request that is sent again must find the list
//! and the place that it was booked with, or another list in between would make it another request.

use uuid::Uuid;

use super::authorise::{AuthoriseError, Authoriser};
use super::book::BookError;
use crate::db::connect::{ConnectError, Database};
use crate::db::{DbError, client_records, ledger};
use crate::domain::account::WalletId;
use crate::domain::basket::Basket;
use crate::domain::operation::{Booked, OperationId, OperationKind};
use crate::domain::sale::{Payer, SaleMode, SaleRequest, Terminal};

/// Care to note.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct CareRequest {
    pub id: OperationId,
    pub wallet: WalletId,
    /// The key that asks.
    pub key: Uuid,
    /// Who did it.
    pub staff: Uuid,
    /// Whose prices hold, as it was asked; and where the client lives, where nothing was.
    pub location: Option<Uuid>,
    pub home: Option<Uuid>,
    pub basket: Basket,
}

/// Why nothing was noted.
#[derive(Debug, thiserror::Error)]
pub enum CareError {
    /// No location of the organisation's with prices.
    #[error("no location with prices")]
    LocationUnknown,
    /// It could not be looked up.
    #[error(transparent)]
    Book(#[from] BookError),
    /// It could not be sold.
    #[error(transparent)]
    Sale(#[from] AuthoriseError),
}

impl From<DbError> for CareError {
    fn from(error: DbError) -> CareError {
        CareError::Book(error.into())
    }
}

impl From<ConnectError> for CareError {
    fn from(error: ConnectError) -> CareError {
        CareError::Book(error.into())
    }
}

/// Notes care, or answers what it was answered before.
///
/// # Errors
/// [`CareError`].
pub async fn note(database: &Database, authoriser: &Authoriser, request: CareRequest) -> Result<Booked, CareError> {
    let CareRequest { id, wallet, key, staff, location, home, basket } = request;
    let organisation = wallet.organisation();
    let conn = database.connection().await?;
    let earlier = ledger::load(&conn, &[id]).await?.remove(&id).map(|booked| booked.operation);
    let earlier = earlier.filter(|it| it.kind == OperationKind::Sale && it.terminal == Some(key));
    let place = location.or(earlier.as_ref().and_then(|it| it.location)).or(home).ok_or(CareError::LocationUnknown)?;
    let price_list = match earlier.and_then(|it| it.price_list) {
        Some(version) => version,
        None => client_records::price_list(&conn, organisation, place).await?.ok_or(CareError::LocationUnknown)?,
    };
    drop(conn);
    let request = SaleRequest {
        id,
        terminal: Terminal { id: key, organisation, location: place },
        payer: Payer::ByName { wallet },
        mode: SaleMode::Online,
        staff: Some(staff),
        price_list,
        basket,
    };
    Ok(authoriser.sell(request).await?)
}
