//! How a till stands, for whoever shows it: codes and numbers, in no language.

use std::sync::Arc;

use hyper::body::Bytes;
use uuid::Uuid;

use crate::answer::{Answer, Outcome};
use crate::price_list::Assortment;
use crate::reader::ReaderFault;
use crate::request::{self, SaleLine};
use crate::till::{CardTold, Recovered, Refusal, State};

/// Sales that are remembered for staff, the newest last.
pub const HISTORY_MAX: usize = 50;
/// Notices that are kept, the newest last.
pub const NOTICES_MAX: usize = 5;

/// All that is shown.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Snapshot {
    /// One more at each change.
    pub version: u64,
    pub terminal: String,
    pub state: State,
    /// The service's time, when this was so.
    pub now_ms: u64,
    pub assortment: Option<Arc<Assortment>>,
    pub staff: Option<Uuid>,
    /// Wallet and name of each client whose card may pay here.
    pub clients: Arc<Vec<(u64, String)>>,
    /// Names of virtual cards that can be held to the till.
    pub tray: Vec<String>,
    pub sale: Option<Sale>,
    pub history: Vec<Past>,
    pub notices: Vec<(Recovered, Option<String>)>,
}

impl Snapshot {
    /// Whether nobody who looks would see a difference.
    pub fn is_like(&self, other: &Snapshot) -> bool {
        let version = |it: &Snapshot| it.assortment.as_ref().map(Arc::as_ptr);
        version(self) == version(other)
            && Arc::ptr_eq(&self.clients, &other.clients)
            && (&self.terminal, &self.state, self.staff, &self.tray)
                == (&other.terminal, &other.state, other.staff, &other.tray)
            && (&self.sale, &self.history, &self.notices) == (&other.sale, &other.history, &other.notices)
    }
}

/// Where a sale is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Stage {
    Tap,
    TapOffline,
    TapAgain,
    Pin { tries_left: Option<u8>, may_go_without: bool },
    Asking,
    Working,
    Ended,
}

/// The sale under way, or the last one until another begins.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Sale {
    pub stage: Stage,
    pub who: Option<String>,
    pub wallet: Option<u64>,
    pub lines: Vec<SaleLine>,
    pub end: Option<End>,
}

/// How a sale ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum End {
    /// The service's answer, as it came.
    Answered {
        bytes: Bytes,
        card: CardTold,
        nonsense: Option<String>,
    },
    Offline {
        id: Uuid,
        sequence: u64,
        amount_cents: u64,
    },
    Refused {
        refusal: Refusal,
        card: CardTold,
        may_go_by_name: bool,
        is_undone: bool,
    },
    Problem(String),
    Cancelled {
        is_undone: bool,
        fault: Option<ReaderFault>,
    },
}

/// A sale that was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Past {
    pub id: Uuid,
    pub at_ms: u64,
    pub who: Option<String>,
    pub client: Option<request::Client>,
    pub lines: Vec<SaleLine>,
    pub end: End,
    /// Its undoing was asked for; it is said when it is done.
    pub is_voiding: bool,
    pub is_voided: bool,
}

impl End {
    /// Whether something was sold.
    pub fn is_sold(&self) -> bool {
        match self {
            Self::Offline { .. } => true,
            Self::Answered { bytes, .. } => Answer::read(bytes)
                .is_ok_and(|answer| matches!(answer.outcome, Outcome::Approved | Outcome::ApprovedInPart)),
            Self::Refused { .. } | Self::Problem(_) | Self::Cancelled { .. } => false,
        }
    }
}
