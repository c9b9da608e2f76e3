//! What a location sells and at which prices, as its terminals ask for it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::book::BookError;
use crate::db::catalogue::{self, ServiceRow};
use crate::db::connect::Database;
use crate::db::price_lists;
use crate::domain::money::Unit;
use crate::domain::price_list::PriceList;

/// A location's tiles.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Catalogue {
    pub organisation: String,
    pub location: String,
    /// What the organisation's budgets are counted in: a page shows prices in these alone.
    pub units: Vec<Unit>,
    pub services: Vec<ServiceRow>,
}

/// The services that a location sells now; none if there is no such location.
///
/// # Errors
/// [`BookError::Unavailable`].
pub async fn catalogue(database: &Database, location: Uuid) -> Result<Option<Catalogue>, BookError> {
    let conn = database.connection().await?;
    let Some((organisation, name)) = catalogue::names(&conn, location).await? else { return Ok(None) };
    let services = catalogue::services(&conn, location).await?;
    let units = catalogue::units(&conn, location).await?;
    Ok(Some(Catalogue { organisation, location: name, units, services }))
}

/// The prices that a location sells at now, and since when; none if it has none yet.
///
/// # Errors
/// [`BookError::Unavailable`].
pub async fn prices(database: &Database, location: Uuid) -> Result<Option<(DateTime<Utc>, PriceList)>, BookError> {
    let conn = database.connection().await?;
    let Some((version, valid_from)) = catalogue::current_version(&conn, location).await? else { return Ok(None) };
    let list = price_lists::load(&conn, location, version).await?;
    Ok(list.map(|list| (valid_from, list)))
}
