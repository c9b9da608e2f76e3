//! What a run starts with: who sells what to whom, as prepared in a service's database. Read from a file.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::files::{CardFile, TerminalFile};

/// One organisation of its own, with everything a run needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct World {
    /// The service's address.
    pub service: String,
    pub organisation: u16,
    /// Who is signed on at the tills.
    pub staff: Uuid,
    pub scheme: Scheme,
    pub locations: Vec<Uuid>,
    pub price_lists: Vec<PriceList>,
    pub terminals: Vec<TerminalFile>,
    pub wallets: Vec<Wallet>,
    pub cards: Vec<Card>,
    /// Generations of keys that are refused since before the run.
    #[serde(default)]
    pub refused: Vec<u8>,
    /// The generation that the office once tells the cards to sign with; none: it never does.
    #[serde(default)]
    pub next_generation: Option<u8>,
    /// Another world's office may be first: the keys are the service's, for all its organisations.
    #[serde(default)]
    pub is_rotated_by_others: bool,
    /// How the `pasje` program is called on the service's database, for a run that stands alone: program and arguments.
    #[serde(default)]
    pub office: Vec<String>,
}

/// How purses may pay, beside what is fixed. In euros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Scheme {
    /// Whether all clients together pay care that nobody planned; else each from the own reserve and budget.
    #[serde(default)]
    pub unplanned_collective: bool,
    pub extras_from_budget: bool,
    pub extras_from_savings: bool,
    pub care_from_savings: bool,
}

/// One version of a location's prices.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct PriceList {
    pub location: Uuid,
    pub version: u32,
    pub age: Age,
    pub prices: Vec<Price>,
}

/// Until when extras may be sold at a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Age {
    /// It is the newest.
    Current,
    /// Superseded less than a day ago, and long enough from it for a run to end.
    Superseded,
    /// Superseded long ago.
    OutOfDate,
}

/// What a service is to a buyer, and costs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Price {
    pub service: Uuid,
    pub buyer: u8,
    pub kind: Kind,
    pub cents: i64,
}

/// Who may fund a line, in the order in which lines are paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Kind {
    Care,
    Included,
    Activity,
    Extra,
    Own,
}

impl Kind {
    /// Whether it is always sold.
    pub const fn is_never_refused(self) -> bool {
        matches!(self, Self::Care | Self::Included)
    }
}

/// A client's purses at the start, in cents.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Wallet {
    /// Within the organisation.
    pub number: u32,
    pub buyer: u8,
    pub budget: i64,
    pub reserve: i64,
    pub savings: i64,
    /// Own money.
    pub own: i64,
}

/// A card and whose it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Card {
    pub wallet: u32,
    /// What activity, extra and own lines of one tap may cost.
    pub tap_limit_cents: Option<i64>,
    /// And of one day.
    pub day_limit_cents: Option<i64>,
    /// What they may cost without its PIN.
    pub pin_free_cents: Option<i64>,
    pub has_expired: bool,
    /// The generation that it was told to sign with before the run, and has not heard of yet.
    #[serde(default)]
    pub told_generation: Option<u8>,
    pub file: CardFile,
}

impl World {
    /// The services that are sold anywhere, each once, in the order of the first list.
    pub fn services(&self) -> Vec<Uuid> {
        let mut services = Vec::new();
        for price in self.price_lists.iter().flat_map(|list| &list.prices) {
            if !services.contains(&price.service) {
                services.push(price.service);
            }
        }
        services
    }
}
