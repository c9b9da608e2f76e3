//! Price lists kept in memory: a version's prices never change; when it was superseded is looked up again each minute.
//!
//! A till may sell from a superseded version for 24 hours, so hearing of it a minute late refuses and allows nothing.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::db::connect::Database;
use crate::db::price_lists;
use crate::domain::price_list::PriceList;

use super::book::BookError;

const FRESH: Duration = Duration::from_secs(60);

/// More versions than all tills of a large organisation show at once; keeps hostile version numbers from filling memory.
const VERSIONS_MAX: usize = 1000;

/// Location and version, to the list and when it was read.
type Lists = HashMap<(Uuid, u32), (Arc<PriceList>, Instant)>;

/// Versions by location.
#[derive(Default)]
pub struct PriceCache {
    lists: RwLock<Lists>,
}

impl PriceCache {
    /// A location's version; none if it has no such version.
    ///
    /// # Errors
    /// [`BookError::Unavailable`].
    pub async fn get(
        &self,
        database: &Database,
        location: Uuid,
        version: u32,
    ) -> Result<Option<Arc<PriceList>>, BookError> {
        if let Some((list, read_at)) = self.read().get(&(location, version))
            && read_at.elapsed() < FRESH
        {
            return Ok(Some(list.clone()));
        }
        // Boxed, as a query's future is large and every sale's would have room for it.
        Box::pin(self.look_up(database, location, version)).await
    }

    async fn look_up(
        &self,
        database: &Database,
        location: Uuid,
        version: u32,
    ) -> Result<Option<Arc<PriceList>>, BookError> {
        let conn = database.connection().await?;
        let Some(list) = price_lists::load(&conn, location, version).await? else { return Ok(None) };
        let list = Arc::new(list);
        let mut lists = self.lists.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if lists.len() >= VERSIONS_MAX {
            lists.clear();
        }
        lists.insert((location, version), (list.clone(), Instant::now()));
        Ok(Some(list))
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Lists> {
        self.lists.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
