//! Who signs requests, remembered for a moment: what is asked with each request is not read from the database with each.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use uuid::Uuid;

/// How long somebody is remembered: who is revoked is refused this much later at the latest.
const FRESH: Duration = Duration::from_secs(2);

/// More than all terminals of a large organisation, or all keys of all.
const MAX: usize = 100_000;

/// Somebody, or that there is nobody, and since when.
type Known<T> = (Option<Arc<T>>, Instant);

/// By id. That there is nobody is remembered for as long, so that who asks as nobody costs no more.
pub struct Remembered<T>(RwLock<HashMap<Uuid, Known<T>>>);

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T> Remembered<T> {
    /// Whom one remembers, or else what looking up finds.
    ///
    /// # Errors
    /// That of looking up, which is not remembered.
    pub async fn get<E, F: Future<Output = Result<Option<T>, E>>>(
        &self,
        id: Uuid,
        look_up: impl FnOnce() -> F,
    ) -> Result<Option<Arc<T>>, E> {
        if let Some((known, read_at)) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id)
            && read_at.elapsed() < FRESH
        {
            return Ok(known.clone());
        }
        // Boxed, as a query's future is large and every request's would have room for it.
        let found = Box::pin(look_up()).await?.map(Arc::new);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX {
            known.clear();
        }
        known.insert(id, (found.clone(), Instant::now()));
        Ok(found)
    }
}
