//! The wallets of a chunk under their locks, and what is known of their clients: what every job of a month begins with.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;

use super::entitled::Clients;
use crate::db::ledger::Batch;
use crate::db::{DbError, wallets};
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::month_grant::Month;
use crate::domain::wallet::Wallet;

/// Read once a chunk.
pub(super) struct Chunk {
    pub wallets: Vec<Wallet>,
    schemes: HashMap<WalletId, i32>,
    pub clients: Clients,
    /// The batch's moment, and the organisation's day then.
    pub now: DateTime<Utc>,
    pub book_date: NaiveDate,
}

impl Chunk {
    /// Locks the wallets, then reads; without a batch it only looks.
    pub async fn load(
        conn: &AsyncPgConnection,
        batch: Option<Batch>,
        organisation: OrganisationId,
        ids: &[WalletId],
        month: Month,
    ) -> Result<Chunk, DbError> {
        let locked = match batch {
            Some(_) => wallets::lock(conn, ids).await?,
            None => wallets::look(conn, ids).await?,
        };
        let schemes = locked.schemes();
        let now = batch.map_or_else(Utc::now, |batch| batch.booked_at);
        let organisations = [organisation];
        let (wallets, clients, dates) = tokio::try_join!(
            biased;
            wallets::read(conn, locked),
            Clients::load(conn, ids, month),
            wallets::book_dates(conn, &organisations, now),
        )?;
        let book_date = dates.get(&organisation).copied().ok_or(DbError::Corrupt("organisation.time_zone"))?;
        Ok(Chunk { wallets, schemes, clients, now, book_date })
    }

    /// The scheme that a wallet follows.
    pub fn scheme_of(&self, wallet: WalletId) -> Result<i32, DbError> {
        self.schemes.get(&wallet).copied().ok_or(DbError::Moved)
    }
}
