//! Whether sales can be booked now and in the months ahead.

use super::authorise::Authoriser;
use crate::db::connect::{ConnectError, Database};
use crate::db::{DbError, partitions};

/// Months ahead for which the ledger must have partitions.
pub const MONTHS_AHEAD_MIN: u32 = 2;

/// Why not.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum NotReady {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Database(#[from] DbError),
    #[error("the ledger has partitions for {0} months ahead, and needs {MONTHS_AHEAD_MIN}")]
    Partitions(i64),
    #[error("a lane of the authoriser has ended: restart the service")]
    Lane,
}

/// Asks the lanes and the database.
///
/// # Errors
/// [`NotReady`].
pub async fn check(database: &Database, authoriser: &Authoriser) -> Result<(), NotReady> {
    if !authoriser.is_running() {
        return Err(NotReady::Lane);
    }
    let conn = database.connection().await?;
    let months = partitions::months_ahead(&conn).await?;
    if months < i64::from(MONTHS_AHEAD_MIN) { Err(NotReady::Partitions(months)) } else { Ok(()) }
}
