//! What a till knows without a connection, and since when; kept so that a restart without a network knows it too.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::files;
use crate::hex::SecretHex;
use crate::price_list::{Assortment, Catalogue, PriceList};

/// The only version of what is kept.
const VERSION: u32 = 1;

/// Where a cache is kept. Its loss costs no money, only the sales until the service is there again.
pub trait CacheStore: std::fmt::Debug + Send {
    /// What was kept last; none if nothing was, or it cannot be read.
    fn load(&mut self) -> Option<Zeroizing<Vec<u8>>>;

    /// Keeps this, whole or not at all.
    ///
    /// # Errors
    /// What was kept before is still there.
    fn save(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// A file, its owner's alone.
#[derive(Clone, Debug)]
pub struct FileCache(pub PathBuf);

impl CacheStore for FileCache {
    fn load(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        std::fs::read(&self.0).ok().map(Zeroizing::new)
    }

    fn save(&mut self, bytes: &[u8]) -> io::Result<()> {
        files::replace_whole(&self.0, bytes)
    }
}

/// In memory; a clone is the same.
#[derive(Clone, Debug, Default)]
pub struct MemoryCache(Arc<Mutex<Option<Vec<u8>>>>);

impl CacheStore for MemoryCache {
    fn load(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().map(Zeroizing::new)
    }

    fn save(&mut self, bytes: &[u8]) -> io::Result<()> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes.to_vec());
        Ok(())
    }
}

/// A document of the service, its version and when it was last known to be the newest.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Kept<D> {
    pub etag: Option<String>,
    pub read_ms: u64,
    pub document: D,
}

/// A card that may pay here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct CardEntry {
    pub card: Uuid,
    pub wallet: u64,
    pub name: String,
    /// Its last day, as year-month-day.
    pub expires_on: String,
    pub keys: Vec<VerifyKey>,
}

/// What checks a card's MACs for this terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct VerifyKey {
    pub generation: u8,
    pub verify: SecretHex,
}

/// The location's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct OfflineSettings {
    pub tap_cents: u64,
    pub card_total_cents: u64,
    pub card_taps: u64,
    pub terminal_total_cents: u64,
    pub terminal_records: u64,
    pub hours: u64,
}

/// All cards that may pay here, and how much without the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct CardList {
    pub version: u64,
    pub cards: Vec<CardEntry>,
    pub offline: OfflineSettings,
}

/// Blocked cards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Blocked {
    pub version: u64,
    pub cards: BTreeSet<Uuid>,
}

/// All of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Cache {
    pub version: u32,
    pub catalogue: Option<Kept<Catalogue>>,
    pub prices: Option<Kept<PriceList>>,
    pub cards: Option<Kept<CardList>>,
    pub hotlist: Option<Kept<Blocked>>,
    /// When the service last answered.
    pub contact_ms: Option<u64>,
    /// How much the service's clock is ahead of this machine's.
    pub clock_offset_ms: i64,
    /// Where the service says that the terminal stands, if that is elsewhere than its file says.
    #[serde(default)]
    pub location: Option<Uuid>,
    #[serde(skip)]
    assortment: Option<Assortment>,
    #[serde(skip)]
    by_card: BTreeMap<Uuid, usize>,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            version: VERSION,
            catalogue: None,
            prices: None,
            cards: None,
            hotlist: None,
            contact_ms: None,
            clock_offset_ms: 0,
            location: None,
            assortment: None,
            by_card: BTreeMap::new(),
        }
    }
}

impl Cache {
    /// What was kept; nothing if that cannot be read.
    pub fn load(store: &mut dyn CacheStore) -> Self {
        let kept = store.load().and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        let mut cache = kept.filter(|cache| cache.version == VERSION).unwrap_or_default();
        cache.put_together();
        cache
    }

    /// Keeps it.
    ///
    /// # Errors
    /// What was kept before is still there.
    pub fn save(&self, store: &mut dyn CacheStore) -> io::Result<()> {
        // room for all at once: a text that grows leaves copies of keys behind
        let cards = self.cards.as_ref().map_or(0, |kept| kept.document.cards.len());
        let mut text = Zeroizing::new(Vec::with_capacity(64 * 1024 + cards * 512));
        serde_json::to_writer(&mut *text, self)?;
        store.save(&text)
    }

    /// After a document was replaced.
    pub(super) fn put_together(&mut self) {
        self.assortment = match (&self.catalogue, &self.prices) {
            (Some(catalogue), Some(prices)) => {
                Some(Assortment::new(catalogue.document.clone(), prices.document.clone()))
            }
            _ => None,
        };
        let cards = self.cards.iter().flat_map(|kept| &kept.document.cards);
        self.by_card = cards.enumerate().map(|(place, entry)| (entry.card, place)).collect();
    }

    /// What is sold.
    pub const fn assortment(&self) -> Option<&Assortment> {
        self.assortment.as_ref()
    }

    /// A card that may pay here.
    pub fn card(&self, id: Uuid) -> Option<&CardEntry> {
        self.cards.as_ref()?.document.cards.get(*self.by_card.get(&id)?)
    }

    /// Whether this card is blocked, as far as is known.
    pub fn is_blocked(&self, id: Uuid) -> bool {
        self.hotlist.as_ref().is_some_and(|kept| kept.document.cards.contains(&id))
    }

    /// The location's limits.
    pub fn offline(&self) -> Option<OfflineSettings> {
        self.cards.as_ref().map(|kept| kept.document.offline)
    }
}
