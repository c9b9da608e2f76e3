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

mod background;
mod cache;
mod card_tap;
mod faults;
mod forwarding;
mod notes;
mod offline;
mod requests;
mod selling;
mod signed;
mod world;

use card_protocol::script::Script;
use hyper::body::Bytes;
use uuid::Uuid;

use crate::answer::Problem;
use crate::client::{NoAnswer, Reply};
use crate::journal::{Journal, JournalError};
use crate::random::NoRandomness;
use crate::request::{self, Mode, SaleLine};
use crate::settling::Answered;

pub use cache::{Cache, CacheStore, CardEntry, FileCache, MemoryCache, OfflineSettings};
pub use faults::Faults;
pub use world::{Clock, Randomness, Request, SystemClock, Transport};

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
    /// And it applied this.
    ToldWithScript(Script),
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
    /// The till or the card said no; nothing was sold. An attempt that may have arrived before is undone.
    Refused { refusal: Refusal, card: CardTold, undoes: Option<Uuid> },
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
    /// The journal contradicts the service: what is put behind it may never be booked.
    JournalConflict,
    /// By name, and this is neither care nor a meal.
    NeedsCard,
    /// By name, and nobody said who registers it.
    NeedsStaff,
    /// The service was last heard too long ago.
    TooLongAway,
    /// This machine's clock is before the service was last heard: it was set back.
    ClockBack,
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

/// What became of a sale that nobody waited for any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Recovered {
    /// Approved by the service before a restart, and perhaps never shown: staff know whether it was handed over.
    Approved { sale: Uuid, client: request::Client },
    /// Journalled just before a restart, and perhaps never shown.
    Journalled { sale: Uuid, client: request::Client, amount_cents: Option<u64>, sold_at_ms: u64 },
    /// Given up, and undone now.
    Undone { sale: Uuid },
    /// Given up, and it could not be undone.
    NotUndone { sale: Uuid, reason: Option<String> },
}

/// What the screen says about the till.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// What else was said last in the service's place, where it answers not as it should.
    pub problem: Option<String>,
    /// What of the till itself fails, where selling goes on.
    pub own_problem: Option<String>,
    /// Attempts whose end is not known, or that are being undone.
    pub undoing: usize,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    SalePost,
    SaleAsk,
    Script,
    Heartbeat,
    Forward { first: u64, last: u64 },
    Note(Uuid),
    Read(background::Document),
}

impl Purpose {
    const fn is_of_sale(self) -> bool {
        matches!(self, Self::SalePost | Self::SaleAsk | Self::Script)
    }
}

/// A request that is out.
#[derive(Debug)]
struct Flight {
    ticket: u64,
    purpose: Purpose,
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
    is_cache_new: bool,
    tally: offline::Tally,
    notes: Vec<notes::Note>,
    recovered: Vec<Recovered>,
    sale: Option<selling::Sale>,
    flight: Option<Flight>,
    tickets: u64,
    link: Link,
    schedule: background::Schedule,
    batch: usize,
    gap: Option<u64>,
    stuck: Option<Stuck>,
    problem: Option<String>,
    own_problem: Option<String>,
    journal_error: Option<String>,
    is_revoked: bool,
    /// This machine's clock, when it was last said.
    last_ms: u64,
    /// Of planted faults alone.
    own_sequence: u64,
    approved_before: Option<String>,
    /// The card that signed last.
    last_card: Option<Uuid>,
    /// How much the service was ahead when this machine's clock was confirmed, and its latest time: see [`crate::clock`].
    confirmed_offset_ms: Option<i64>,
    clock_floor_ms: u64,
}

/// How long before a restart a journalled sale is still shown after it.
const RECENT_MS: u64 = 10 * 60_000;

impl Till {
    /// A till as it was left.
    ///
    /// # Errors
    /// [`TillError::Journal`].
    pub fn open(
        setup: Setup,
        journal: Journal,
        mut store: Box<dyn CacheStore>,
        random: Box<dyn Randomness>,
        now_ms: u64,
    ) -> Result<Self, TillError> {
        let cache = Cache::load(&mut *store);
        let clock_floor_ms = cache.contact_ms.unwrap_or(0);
        let mut till = Self {
            setup,
            journal,
            store,
            random,
            faults: Faults::default(),
            cache,
            is_cache_new: false,
            tally: offline::Tally::default(),
            notes: Vec::new(),
            recovered: Vec::new(),
            sale: None,
            flight: None,
            tickets: 0,
            link: Link::Unknown,
            schedule: background::Schedule::default(),
            batch: forwarding::BATCH_MAX,
            gap: None,
            stuck: None,
            problem: None,
            own_problem: None,
            journal_error: None,
            is_revoked: false,
            last_ms: now_ms,
            own_sequence: 0,
            approved_before: None,
            last_card: None,
            confirmed_offset_ms: None,
            clock_floor_ms,
        };
        if let Some(location) = till.cache.location {
            till.setup.location = location;
        }
        till.read_journal(now_ms)?;
        Ok(till)
    }

    fn read_journal(&mut self, now_ms: u64) -> Result<(), TillError> {
        self.count_waiting().map_err(|error| TillError::Journal(error.to_string()))?;
        let written = self.read_notes()?;
        let extent = self.journal.extent();
        for (sequence, sale) in self.records(extent.delivered_to) {
            let is_recent = self.stamp(now_ms).saturating_sub(sale.sold_at_ms) < RECENT_MS;
            if written.contains(&sale.id) || (is_recent && sequence == extent.last) {
                let (client, amount_cents) = sale.payer.client();
                let (sale, sold_at_ms) = (sale.id, sale.sold_at_ms);
                self.recovered.push(Recovered::Journalled { sale, client, amount_cents, sold_at_ms });
            }
        }
        Ok(())
    }

    /// Plants faults that tests must find.
    pub fn plant(&mut self, faults: Faults) {
        self.faults = faults;
        if faults.no_fsync {
            self.journal.forget_to_sync();
        }
        if faults.limits_forgotten_at_restart {
            self.tally = offline::Tally::default();
        }
    }

    /// The journal.
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What it knows without a connection.
    pub const fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Where it stands: the service may have moved it.
    pub const fn location(&self) -> Uuid {
        self.setup.location
    }

    /// The card that signed the sale under way, or the last one.
    pub const fn last_card(&self) -> Option<Uuid> {
        self.last_card
    }

    /// Goes on with a journal that was opened anew after its disk failed.
    ///
    /// # Errors
    /// [`TillError::Journal`].
    pub fn replace_journal(&mut self, journal: Journal, now_ms: u64) -> Result<(), TillError> {
        self.journal = journal;
        self.journal_error = None;
        let known = std::mem::take(&mut self.notes);
        self.count_waiting().map_err(|error| TillError::Journal(error.to_string()))?;
        self.last_ms = now_ms;
        self.keep_notes(known);
        Ok(())
    }

    fn journal_failed(&mut self, error: &JournalError) {
        self.journal_error = Some(error.to_string());
        // what cannot be marked as delivered would be sent again at once
        self.schedule.forward_ms = self.last_ms.saturating_add(self.setup.retry_max_ms);
    }

    /// Why nothing can be journalled, if so.
    pub fn journal_fault(&self) -> Option<String> {
        self.journal_error.clone().or_else(|| self.journal.damage().map(str::to_owned))
    }

    /// Whether the journal is to be opened anew, from its disk.
    pub const fn wants_new_journal(&self) -> bool {
        self.journal_error.is_some()
    }

    /// Lets a journal go whose disk failed, so that its disk can be opened anew.
    pub fn let_go_of_journal(&mut self) {
        self.journal.let_go();
    }

    /// What became of sales that nobody waited for any more; each is said once.
    pub fn take_recovered(&mut self) -> Vec<Recovered> {
        std::mem::take(&mut self.recovered)
    }

    /// What the screen says about the till.
    pub fn state(&self) -> State {
        State {
            link: self.link,
            waiting: self.journal.extent().waiting(),
            waiting_cents: self.tally.cents(),
            contact_ms: self.cache.contact_ms,
            prices_ms: self.cache.prices.as_ref().map(|kept| kept.read_ms),
            cards_ms: self.cache.cards.as_ref().map(|kept| kept.read_ms),
            hotlist_ms: self.cache.hotlist.as_ref().map(|kept| kept.read_ms),
            stuck: self.stuck.clone(),
            journal_fault: self.journal_fault(),
            is_revoked: self.is_revoked,
            problem: self.problem.clone(),
            own_problem: self.own_problem.clone(),
            undoing: self.notes.iter().filter(|note| note.is_of_the_past()).count(),
        }
    }

    /// The service's time, as far as it is known.
    pub fn stamp(&self, now_ms: u64) -> u64 {
        now_ms.saturating_add_signed(self.cache.clock_offset_ms)
    }

    fn new_id(&mut self, now_ms: u64) -> Result<Uuid, NoRandomness> {
        let mut bytes = [0; 10];
        self.random.fill(&mut bytes)?;
        Ok(uuid::Builder::from_unix_timestamp_millis(self.stamp(now_ms), &bytes).into_uuid())
    }

    /// Somewhere between half of it and all of it, so that tills do not come back together.
    fn jitter(&mut self, span_ms: u64) -> u64 {
        let mut byte = [0];
        // without randomness all of it
        let share = if self.random.fill(&mut byte).is_ok() { u64::from(byte[0]) } else { 255 };
        span_ms / 2 + span_ms.saturating_mul(share) / 510
    }

    /// Makes the request that is out from now on; whatever was out before is no longer awaited.
    fn request(&mut self, purpose: Purpose, path: String, post: Option<(Bytes, Uuid)>) -> Next {
        self.tickets += 1;
        let ticket = self.tickets;
        self.flight = Some(Flight { ticket, purpose });
        Next::Send(Request {
            ticket,
            path,
            query: None,
            post,
            if_none_match: None,
            timeout_ms: self.setup.timeout_ms,
            clock_offset_ms: self.cache.clock_offset_ms,
        })
    }

    /// What is to be done now.
    pub fn step(&mut self, now_ms: u64) -> Next {
        self.last_ms = now_ms;
        if self.sale.is_none()
            && let Some(sale) = self.approved_before.take()
        {
            // a planted fault: what was approved is journalled now; the till has said already what it said
            drop(self.append(&sale));
        }
        match self.step_sale(now_ms) {
            Some(next) => next,
            None => self.step_background(now_ms),
        }
    }

    /// What came of a request. A ticket that is no longer awaited changes nothing.
    pub fn replied(&mut self, ticket: u64, reply: Result<Reply, NoAnswer>, now_ms: u64) {
        self.last_ms = now_ms;
        let Some(flight) = self.flight.take_if(|flight| flight.ticket == ticket) else { return };
        if let Ok(reply) = &reply
            && reply.status == 401
            && crate::settling::problem(reply).slug == "terminal-revoked"
        {
            self.is_revoked = true;
        }
        if flight.purpose.is_of_sale() {
            self.replied_to_sale(flight.purpose, reply, now_ms);
        } else {
            self.replied_in_background(flight.purpose, reply, now_ms);
        }
        self.keep_cache();
    }

    /// A request that is not of a sale was broken off: it is made anew when it is due.
    pub fn set_aside(&mut self) {
        self.flight.take_if(|flight| !flight.purpose.is_of_sale());
    }

    /// Keeps what was read, if anything was.
    fn keep_cache(&mut self) {
        if std::mem::take(&mut self.is_cache_new)
            && let Err(error) = self.cache.save(&mut *self.store)
        {
            self.own_problem = Some(format!("what was read cannot be kept: {error}"));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
