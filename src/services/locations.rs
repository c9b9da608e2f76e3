//! What may be sold at a location while its terminals cannot ask.

use uuid::Uuid;

use crate::db::DbError;
use crate::db::connect::{ConnectError, Database};
use crate::db::locations::{self, LocationRow};
use crate::domain::card::OfflineLimits;

/// Why nothing happened to a location.
#[derive(Debug, thiserror::Error)]
pub enum LocationError {
    /// No such location.
    #[error("there is no location {0}: `pasje location list` shows the locations there are")]
    Unknown(Uuid),
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The way to it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// All locations.
///
/// # Errors
/// [`LocationError`].
pub async fn list(database: &Database) -> Result<Vec<LocationRow>, LocationError> {
    Ok(locations::list(&*database.connection().await?).await?)
}

/// Changes what may be sold offline; answers what holds now.
///
/// # Errors
/// [`LocationError`].
pub async fn limit(
    database: &Database,
    id: Uuid,
    change: impl FnOnce(OfflineLimits) -> OfflineLimits,
) -> Result<LocationRow, LocationError> {
    let mut conn = database.connection().await?;
    let location = locations::find(&conn, id).await?.ok_or(LocationError::Unknown(id))?;
    let offline = change(location.offline);
    if offline != location.offline {
        locations::set_offline(&mut conn, id, &offline).await?;
    }
    Ok(LocationRow { offline, ..location })
}
