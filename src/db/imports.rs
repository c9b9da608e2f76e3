//! What files of rows say, as it stands in the tables: read to compare with, written as a whole. All under the lock of who
//! imports for the organisation (`schemes::lock`).

pub mod absence;
pub mod entitled;
pub mod offer;
pub mod people;

use crate::domain::account::OrganisationId;

/// The first and last number that a wallet of an organisation can have.
fn wallets_of(organisation: OrganisationId) -> (i64, i64) {
    let first = i64::from(organisation.number()) << 32;
    (first, first | i64::from(u32::MAX))
}
