//! A till that goes on when the network does not.
//!
//! # The interface
//!
//! [`Till`] does no I/O but that of its [`Journal`] and its [`CacheStore`], never sleeps and never reads a clock: who drives
//! it says what time it is, sends what it wants sent, and holds cards to it. So a simulation drives many tills in one
//! thread, a step at a time, and the program drives one with a [`Transport`].
//!
//! ```text
//! let journal = Journal::open(backend, setup.terminal)?;       // MemoryDisk::backend() or file_disk(path)
//! let mut till = Till::open(setup, journal, store, random)?;   // MemoryCache or FileCache; Random or Seeded
//! till.sell(order, now)?;                                      // staff rang something up
//! loop {
//!     match till.step(now) {
//!         Next::Rest { until_ms }    => nothing to do before then, unless something is reported first
//!         Next::Send(request)        => send it; till.replied(request.ticket, reply or NoAnswer, now)
//!         Next::Waiting { ticket }   => that request's reply is still awaited
//!         Next::Asking { until_ms }  => the sale's status is unknown; it asks again then: step
//!         Next::Tap(wanted)          => till.tap(&mut card, None, now), or till.no_card(now), or till.cancel(now)
//!         Next::Pin { tries_left }   => till.tap(&mut card, Some(&pin), now), or till.cancel(now)
//!         Next::Ended(ended)         => show it; the sale is over
//!         Next::Revoked              => all was delivered, and the terminal is to be wiped
//!     }
//! }
//! ```
//!
//! `step` may be called at any time: it answers what is to be done now. A reply to an older ticket changes nothing, so a
//! request may be lost, late or doubled. A restart is [`Till::open`] with what is left of the disk, at any point between two
//! calls or within one (see [`crate::journal::MemoryDisk`]). A failed disk is replaced by [`Till::replace_journal`].
//!
//! # What holds
//!
//! - "Approved" is answered by the service, or stands in the journal, durably, before [`Ended::Offline`] is given out.
//! - What may have arrived is asked for by its id, and is named in `instead_of` by the forward that takes its place.
//! - A record leaves the journal when the service has stored it, and in no other way.

mod cache;
mod faults;
mod requests;

use hyper::body::Bytes;
use uuid::Uuid;

use crate::answer::Problem;
use crate::client::{Client, NoAnswer, Outgoing, Reply};
use crate::journal::Journal;
use crate::random::{NoRandomness, Random, Seeded, now_ms};
use crate::request::{Mode, SaleLine};
use crate::settling::Answered;

pub use cache::{Cache, CacheStore, CardEntry, FileCache, MemoryCache, OfflineSettings};
pub use faults::Faults;

/// What time it is, in milliseconds since 1970.
pub trait Clock {
    /// Now.
    fn now_ms(&self) -> u64;
}

/// This machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        now_ms()
    }
}

/// Where random bytes come from.
pub trait Randomness: std::fmt::Debug + Send {
    /// Fills it.
    ///
    /// # Errors
    /// [`NoRandomness`].
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoRandomness>;
}

impl Randomness for Random {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        for byte in bytes {
            [*byte] = self.bytes()?;
        }
        Ok(())
    }
}

/// For simulations: never where a real card is tapped.
impl Randomness for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        for chunk in bytes.chunks_mut(8) {
            let number = self.next().to_le_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
        Ok(())
    }
}

/// Sends one request, and says what came back.
#[allow(async_fn_in_trait)] // one thread drives a till
pub trait Transport {
    /// # Errors
    /// [`NoAnswer`], within the request's time-out.
    async fn send(&mut self, request: &Request) -> Result<Reply, NoAnswer>;
}

impl Transport for Client {
    async fn send(&mut self, request: &Request) -> Result<Reply, NoAnswer> {
        Self::send(self, request.outgoing()).await
    }
}

/// One HTTP request, to be signed and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Request {
    /// Which one this is; new each time, also when the same is sent again.
    pub ticket: u64,
    pub path: String,
    pub query: Option<String>,
    /// A POST's JSON, and the id in it.
    pub post: Option<(Bytes, Uuid)>,
    pub if_none_match: Option<String>,
    /// After this it counts as [`NoAnswer::TimedOut`].
    pub timeout_ms: u64,
}

impl Request {
    /// As a [`Client`] sends it.
    pub fn outgoing(&self) -> Outgoing<'_> {
        Outgoing {
            path: &self.path,
            query: self.query.as_deref(),
            post: self.post.as_ref().map(|(body, id)| (body, *id)),
            if_none_match: self.if_none_match.as_deref(),
        }
    }
}

/// Who a till is, and how patient.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Setup {
    pub terminal: Uuid,
    pub location: Uuid,
    /// How long one request may take.
    pub timeout_ms: u64,
    /// How long it keeps asking how an online sale ended before it offers to sell without the service.
    pub patience_ms: u64,
    /// Heartbeat and hotlist while the service is there.
    pub heartbeat_ms: u64,
    /// Catalogue, prices and cards.
    pub refresh_ms: u64,
    /// The first and the longest pause between two tries while the service is away.
    pub retry_min_ms: u64,
    pub retry_max_ms: u64,
}

impl Setup {
    /// With the pauses of a real till.
    pub const fn new(terminal: Uuid, location: Uuid) -> Self {
        Self {
            terminal,
            location,
            timeout_ms: 5_000,
            patience_ms: 10_000,
            heartbeat_ms: 60_000,
            refresh_ms: 300_000,
            retry_min_ms: 1_000,
            retry_max_ms: 60_000,
        }
    }
}

/// Who pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Buyer {
    /// Who holds the card.
    Card,
    /// By name, by staff: the number of the client's wallet.
    Wallet(u64),
}

/// What staff rang up.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Wanted {
    pub buyer: Buyer,
    pub mode: Mode,
    pub staff: Option<Uuid>,
    pub lines: Vec<SaleLine>,
}

/// Which tap is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum TapFor {
    /// To pay, with the service.
    Online,
    /// To pay without the service: a new tap, also where the card was tapped before.
    Offline,
    /// The card was pulled away; the same card once more.
    Again,
    /// To tell the card how it ended. May be left out with [`Till::no_card`].
    Complete,
}

/// What is to be done now.
#[derive(Debug)]
#[allow(missing_docs, clippy::large_enum_variant)]
pub enum Next {
    Rest { until_ms: u64 },
    Send(Request),
    Waiting { ticket: u64 },
    Asking { until_ms: u64 },
    Tap(TapFor),
    Pin { tries_left: Option<u8> },
    Ended(Ended),
    Revoked,
}

/// Whether the card heard how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum CardTold {
    /// There was nothing to tell it.
    Nothing,
    Told,
    /// And it applied a script of this number.
    ToldWithScript(u32),
    /// It was gone. Nothing need be done: the service has decided.
    Gone,
    /// It does not believe it.
    Refused,
}

/// How a sale ended.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Ended {
    /// The service decided.
    Answered { id: Uuid, answered: Answered, card: CardTold },
    /// Approved without the service, and durably in the journal.
    Offline { id: Uuid, sequence: u64, amount_cents: u64, instead_of: Option<Uuid> },
    /// The till or the card said no; nothing was sold.
    Refused { refusal: Refusal, card: CardTold },
    /// The service refused the request itself; nothing was booked.
    Problem { id: Uuid, problem: Problem },
    /// Staff stopped. What may have arrived will be undone.
    Cancelled { undoes: Option<Uuid> },
}

/// Why a till or a card sold nothing. The order is that in which they are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Refusal {
    /// No connection, and what is needed to sell without one was never read.
    NothingKnown,
    /// A line has no price.
    NoPrice(String),
    /// Nothing or far too much.
    Basket,
    /// The disk or the journal fails: nothing is sold without the service.
    Journal(String),
    /// By name, and this is neither care nor a meal.
    NeedsCard,
    /// The service was last heard too long ago.
    TooLongAway,
    /// The terminal's total or records.
    TerminalLimit,
    /// The card is not in the list of cards.
    CardUnknown,
    CardBlocked,
    CardExpired,
    /// More than one tap may cost.
    TapLimit,
    /// The card's total or taps since it was last online.
    CardLimit,
    /// The card refuses by itself.
    CardDeclined,
    /// Its PIN was wrong too often.
    PinBlocked,
    /// The card's MAC for this terminal is wrong.
    CardNotGenuine,
    /// The card answers with bytes or a status that mean nothing.
    CardUnreadable(String),
}

/// Why a till does nothing of what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum TillError {
    #[error("a sale is under way")]
    Busy,
    #[error("this terminal was withdrawn")]
    Revoked,
    #[error(transparent)]
    Random(#[from] NoRandomness),
    #[error("{0}")]
    Journal(String),
}

/// Whether the service is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Link {
    /// It was not asked yet.
    Unknown,
    Here,
    /// Not since then.
    Away {
        since_ms: u64,
    },
}

/// Why records wait that could be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Stuck {
    /// The service has another record under this sequence, or another chain: the office must look.
    Conflict(String),
    /// The service refuses them; it is tried again, slowly.
    Refused(String),
}

/// What the screen says about the till.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct State {
    pub link: Link,
    pub waiting: u64,
    pub waiting_cents: u64,
    /// When each was last read.
    pub contact_ms: Option<u64>,
    pub prices_ms: Option<u64>,
    pub cards_ms: Option<u64>,
    pub hotlist_ms: Option<u64>,
    pub stuck: Option<Stuck>,
    pub journal_fault: Option<String>,
    pub is_revoked: bool,
    /// Attempts whose end is not known, and that staff gave up.
    pub undoing: usize,
}

/// A till.
#[derive(Debug)]
pub struct Till {
    setup: Setup,
    journal: Journal,
    store: Box<dyn CacheStore>,
    random: Box<dyn Randomness>,
    faults: Faults,
    cache: Cache,
    tickets: u64,
}

impl Till {
    /// A till as it was left.
    ///
    /// # Errors
    /// [`TillError::Journal`].
    pub fn open(
        setup: Setup,
        journal: Journal,
        store: Box<dyn CacheStore>,
        random: Box<dyn Randomness>,
    ) -> Result<Self, TillError> {
        let mut store = store;
        let cache = Cache::load(&mut *store);
        Ok(Self { setup, journal, store, random, faults: Faults::default(), cache, tickets: 0 })
    }

    /// Plants faults that tests must find.
    pub fn plant(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// The journal.
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Goes on with a journal that was opened anew after its disk failed.
    ///
    /// # Errors
    /// [`TillError::Journal`].
    pub fn replace_journal(&mut self, journal: Journal) -> Result<(), TillError> {
        self.journal = journal;
        Ok(())
    }

    /// Rings something up.
    ///
    /// # Errors
    /// [`TillError`].
    pub fn sell(&mut self, _wanted: Wanted, _now_ms: u64) -> Result<(), TillError> {
        Ok(())
    }

    /// What is to be done now.
    pub fn step(&mut self, now_ms: u64) -> Next {
        Next::Rest { until_ms: now_ms + 1000 }
    }

    /// What came of a request.
    pub fn replied(&mut self, _ticket: u64, _reply: Result<Reply, NoAnswer>, _now_ms: u64) {}

    /// A card is held to the till.
    pub fn tap(
        &mut self,
        _card: &mut dyn crate::card::CardReader,
        _pin: Option<&card_protocol::pin::PinBlock>,
        _now_ms: u64,
    ) {
    }

    /// The card that was asked for is not there.
    pub fn no_card(&mut self, _now_ms: u64) {}

    /// Staff stop the sale.
    pub fn cancel(&mut self, _now_ms: u64) {}

    /// Tries the service now, however long ago it was last tried.
    pub fn try_now(&mut self) {}

    /// Undoes a sale of this till: at once if the service is there, else as soon as it is.
    ///
    /// # Errors
    /// [`TillError`].
    pub fn undo(&mut self, _sale: Uuid, _client: crate::request::Client, _now_ms: u64) -> Result<(), TillError> {
        Ok(())
    }
}
