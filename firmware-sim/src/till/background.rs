//! What a till does between sales: hears whether the service is there, sends what waits, and reads what it must know.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::cache::{Blocked, CardList, Kept};
use super::requests::{Heard, Heartbeat};
use super::{Link, Next, Purpose, Setup, Stuck, Till};
use crate::client::{NoAnswer, Reply};
use crate::clock::may_lead;
use crate::price_list::{Catalogue, PriceList};
use crate::settling::problem;

const HEARTBEAT: &str = "/api/v1/heartbeat";
/// A clock that differs by less is not corrected: it is the way of the message.
const CLOCK_SLACK_MS: u64 = 2_000;

/// A document that a till keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    Catalogue,
    Prices,
    Cards,
    Hotlist,
}

impl Document {
    /// What is needed first to sell comes first.
    const ALL: [Self; 4] = [Self::Catalogue, Self::Prices, Self::Hotlist, Self::Cards];

    const fn path(self) -> &'static str {
        match self {
            Self::Catalogue => "/api/v1/catalogue",
            Self::Prices => "/api/v1/price-list",
            Self::Cards => "/api/v1/cards",
            Self::Hotlist => "/api/v1/hotlist",
        }
    }
}

/// When what is due, by this machine's clock. A restart begins anew: all is due.
#[derive(Clone, Debug, Default)]
pub(super) struct Schedule {
    hear_ms: u64,
    read_ms: [u64; Document::ALL.len()],
    note_ms: u64,
    pub(super) forward_ms: u64,
    /// After a forward that was refused; a heartbeat that is answered says nothing about it.
    pub(super) forward_pause_ms: u64,
    /// What contradicts the service is sent once more.
    pub(super) tries_conflict: bool,
    /// While the service is away: the next try, and the pause after it.
    pub(super) retry_ms: u64,
    pub(super) pause_ms: u64,
}

impl Schedule {
    pub(super) const fn read_at_once(&mut self) {
        self.read_ms = [0; Document::ALL.len()];
    }

    pub(super) const fn hear_at_once(&mut self) {
        self.hear_ms = 0;
    }

    /// A clock that was set back must not leave everything for tomorrow.
    fn clamp(&mut self, setup: &Setup, now_ms: u64) {
        for time in [&mut self.note_ms, &mut self.forward_ms, &mut self.retry_ms] {
            *time = (*time).min(now_ms.saturating_add(setup.retry_max_ms));
        }
        self.hear_ms = self.hear_ms.min(now_ms.saturating_add(setup.heartbeat_ms.max(setup.retry_max_ms)));
        let latest_ms = now_ms.saturating_add(setup.refresh_ms.max(setup.heartbeat_ms));
        for time in &mut self.read_ms {
            *time = (*time).min(latest_ms);
        }
    }
}

impl Till {
    /// Tries the service now, however long ago it was last tried, and what it refused too.
    pub fn try_now(&mut self) {
        self.schedule.retry_ms = 0;
        self.schedule.hear_ms = 0;
        self.schedule.forward_ms = 0;
        // a conflict stands until the service says otherwise
        self.schedule.tries_conflict = self.has_conflict();
        self.stuck.take_if(|stuck| !matches!(stuck, Stuck::Conflict(_)));
    }

    /// The service gave no answer.
    pub(super) fn is_away(&mut self, now_ms: u64) {
        if !matches!(self.link, Link::Away { .. }) {
            self.link = Link::Away { since_ms: self.stamp(now_ms) };
            self.schedule.pause_ms = self.setup.retry_min_ms;
            self.is_cache_new = true;
        }
        self.schedule.retry_ms = now_ms.saturating_add(self.jitter(self.schedule.pause_ms));
        self.schedule.pause_ms = self.schedule.pause_ms.saturating_mul(2).min(self.setup.retry_max_ms);
    }

    /// The service answered.
    fn is_here(&mut self, now_ms: u64) {
        if self.link != Link::Here {
            self.link = Link::Here;
            self.schedule.forward_ms = 0;
            self.schedule.note_ms = 0;
            self.is_cache_new = true;
        }
        self.cache.contact_ms = Some(self.stamp(now_ms));
    }

    /// What is due while no sale needs the connection.
    pub(super) fn step_background(&mut self, now_ms: u64) -> Next {
        if let Some(flight) = &self.flight {
            return Next::Waiting { ticket: flight.ticket };
        }
        self.schedule.clamp(&self.setup, now_ms);
        let waiting = self.journal.extent().waiting();
        if self.is_revoked && waiting == 0 {
            return Next::Revoked;
        }
        if !matches!(self.link, Link::Here) {
            if now_ms < self.schedule.retry_ms {
                return Next::Rest { until_ms: self.schedule.retry_ms };
            }
            if !self.is_revoked {
                return self.send_heartbeat(now_ms);
            }
        }
        let may_forward = waiting > 0 && (!self.has_conflict() || self.schedule.tries_conflict);
        if may_forward && now_ms >= self.schedule.forward_ms {
            if let Some(next) = self.send_forward(now_ms) {
                return next;
            }
            self.schedule.forward_ms = now_ms.saturating_add(self.setup.retry_max_ms);
        }
        if self.is_revoked {
            return Next::Rest { until_ms: self.schedule.forward_ms.max(now_ms + 1) };
        }
        if now_ms >= self.schedule.hear_ms {
            return self.send_heartbeat(now_ms);
        }
        if now_ms >= self.schedule.note_ms
            && let Some(next) = self.send_note()
        {
            return next;
        }
        for (document, due_ms) in Document::ALL.into_iter().zip(self.schedule.read_ms) {
            if now_ms >= due_ms {
                return self.send_read(document);
            }
        }
        let due = self.schedule.read_ms.into_iter().chain([self.schedule.hear_ms]);
        let forward = may_forward.then_some(self.schedule.forward_ms);
        let note = self.has_work_of_notes().then_some(self.schedule.note_ms);
        let until_ms = due.chain(forward).chain(note).min().unwrap_or(now_ms);
        Next::Rest { until_ms: until_ms.max(now_ms + 1) }
    }

    fn send_heartbeat(&mut self, now_ms: u64) -> Next {
        let extent = self.journal.extent();
        let body = self.new_id(now_ms).ok().and_then(|id| {
            let heartbeat = Heartbeat {
                id,
                journal_last: extent.last,
                journal_waiting: extent.waiting(),
                version: env!("CARGO_PKG_VERSION"),
            };
            Some((serde_json::to_vec(&heartbeat).ok()?.into(), id))
        });
        match body {
            Some(post) => self.request(Purpose::Heartbeat, HEARTBEAT.to_owned(), Some(post)),
            None => {
                self.schedule.hear_ms = now_ms.saturating_add(self.setup.retry_min_ms);
                Next::Rest { until_ms: self.schedule.hear_ms }
            }
        }
    }

    fn send_read(&mut self, document: Document) -> Next {
        let etag = match document {
            Document::Catalogue => self.cache.catalogue.as_ref().and_then(|kept| kept.etag.clone()),
            Document::Prices => self.cache.prices.as_ref().and_then(|kept| kept.etag.clone()),
            Document::Cards => self.cache.cards.as_ref().and_then(|kept| kept.etag.clone()),
            Document::Hotlist => None,
        };
        let mut next = self.request(Purpose::Read(document), document.path().to_owned(), None);
        if let Next::Send(request) = &mut next {
            request.if_none_match = etag;
            if document == Document::Hotlist {
                let since = self.cache.hotlist.as_ref().map_or(0, |kept| kept.document.version);
                request.query = Some(format!("since={since}"));
            }
        }
        next
    }

    /// What came of a request that is not of a sale.
    pub(super) fn replied_in_background(&mut self, purpose: Purpose, reply: Result<Reply, NoAnswer>, now_ms: u64) {
        let void = match purpose {
            Purpose::Note(id) => self.ask_first(id),
            _ => None,
        };
        let reply = match reply {
            Ok(reply) => reply,
            Err(_) => return self.is_away(now_ms),
        };
        // without an answer that means something the service is not back
        if !is_word_of_service(&reply) {
            self.problem = Some(problem(&reply).to_string());
            let wait_ms = reply.retry_after().map_or(0, |wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
            let at_ms = now_ms.saturating_add(self.jitter(self.setup.retry_min_ms.max(self.schedule.pause_ms)));
            if reply.status == 401 && self.set_clock(&reply, now_ms) {
                self.schedule.retry_ms = 0;
                return;
            }
            self.schedule.pause_ms =
                self.schedule.pause_ms.saturating_mul(2).clamp(self.setup.retry_min_ms, self.setup.retry_max_ms);
            self.put_off(purpose, at_ms.max(now_ms.saturating_add(wait_ms.min(self.setup.retry_max_ms))));
            if matches!(purpose, Purpose::Forward { .. }) {
                self.forward_refused(purpose, &reply);
            }
            return;
        }
        self.schedule.pause_ms = self.setup.retry_min_ms;
        self.problem = None;
        self.is_here(now_ms);
        match purpose {
            Purpose::Heartbeat => self.heard(&reply, now_ms),
            Purpose::Read(document) => self.has_read(document, &reply, now_ms),
            Purpose::Forward { .. } => {
                self.schedule.tries_conflict = false;
                self.forwarded(purpose, &reply, now_ms);
            }
            Purpose::Note(id) => {
                if !self.replied_to_note(id, void, &reply) {
                    self.schedule.note_ms = now_ms.saturating_add(self.setup.retry_min_ms);
                }
            }
            Purpose::SalePost | Purpose::SaleAsk | Purpose::Script => {}
        }
    }

    fn put_off(&mut self, purpose: Purpose, until_ms: u64) {
        match purpose {
            Purpose::Heartbeat => {
                self.schedule.hear_ms = until_ms;
                self.schedule.retry_ms = until_ms;
            }
            Purpose::Read(document) => self.put_off_reading(document, until_ms),
            Purpose::Forward { .. } => {
                let (least_ms, most_ms) = (self.setup.retry_min_ms, self.setup.retry_max_ms);
                let pause_ms = self.schedule.forward_pause_ms.clamp(least_ms, most_ms);
                self.schedule.forward_pause_ms = pause_ms.saturating_mul(2);
                let pause_ms = self.jitter(pause_ms);
                self.schedule.forward_ms = until_ms.max(self.last_ms.saturating_add(pause_ms));
            }
            Purpose::Note(_) => self.schedule.note_ms = until_ms,
            Purpose::SalePost | Purpose::SaleAsk | Purpose::Script => {}
        }
    }

    fn put_off_reading(&mut self, document: Document, until_ms: u64) {
        for (known, due_ms) in Document::ALL.into_iter().zip(&mut self.schedule.read_ms) {
            if known == document {
                *due_ms = until_ms;
            }
        }
    }

    fn heard(&mut self, reply: &Reply, now_ms: u64) {
        self.schedule.hear_ms = now_ms.saturating_add(self.setup.heartbeat_ms);
        self.is_cache_new = true;
        let Ok(heard) = serde_json::from_slice::<Heard>(&reply.body) else {
            self.problem = (reply.status == 200).then(|| "the heartbeat's answer cannot be read".to_owned());
            return;
        };
        self.set_clock_to(heard.time_ms, now_ms);
        self.cache.contact_ms = Some(self.stamp(now_ms));
        if let Some(location) = heard.location
            && location != self.setup.location
        {
            self.moved(location);
        }
        if let Some(stored_to) = heard.stored_to {
            if self.journal.extent().waiting() == 0 && std::mem::take(&mut self.schedule.tries_conflict) {
                self.stuck = None;
            }
            self.hears_stored_to(stored_to);
        }
    }

    /// The terminal stands elsewhere now: other prices, and other keys of the cards.
    fn moved(&mut self, location: Uuid) {
        self.setup.location = location;
        self.cache.location = Some(location);
        self.cache.catalogue = None;
        self.cache.prices = None;
        self.cache.cards = None;
        self.cache.put_together();
        self.schedule.read_at_once();
        // what the service does not have here it may have there
        self.notes.iter_mut().for_each(|note| note.cancels_with = None);
    }

    /// Sets the clock by the `Date` of a 401 that is about time; answers whether that changed anything.
    pub(super) fn set_clock(&mut self, reply: &Reply, now_ms: u64) -> bool {
        let date_ms = reply.date().and_then(crate::clock::parse_date);
        problem(reply).slug == "signature-expired" && date_ms.is_some_and(|date_ms| self.set_clock_to(date_ms, now_ms))
    }

    pub(super) fn set_clock_to(&mut self, service_ms: u64, now_ms: u64) -> bool {
        let (Ok(service), Ok(own)) = (i64::try_from(service_ms), i64::try_from(now_ms)) else { return false };
        let offset_ms = service.saturating_sub(own);
        if !may_lead(self.confirmed_offset_ms, self.clock_floor_ms, offset_ms, service_ms) {
            return false;
        }
        self.confirmed_offset_ms.get_or_insert(offset_ms);
        self.clock_floor_ms = self.clock_floor_ms.max(service_ms);
        if service_ms.abs_diff(self.stamp(now_ms)) <= CLOCK_SLACK_MS {
            return false;
        }
        self.cache.clock_offset_ms = offset_ms;
        self.is_cache_new = true;
        true
    }

    /// This machine's clock was set, or nobody knows any more that it was not: the service may lead it anywhere once more.
    pub const fn clock_was_set(&mut self) {
        self.confirmed_offset_ms = None;
    }

    fn has_read(&mut self, document: Document, reply: &Reply, now_ms: u64) {
        let read_ms = self.stamp(now_ms);
        self.put_off_reading(
            document,
            now_ms.saturating_add(match document {
                Document::Hotlist => self.setup.heartbeat_ms,
                _ => self.setup.refresh_ms,
            }),
        );
        self.is_cache_new = true;
        let said = match document {
            Document::Catalogue => keep::<Catalogue>(&mut self.cache.catalogue, reply, read_ms),
            Document::Prices => keep::<PriceList>(&mut self.cache.prices, reply, read_ms),
            Document::Cards => keep::<CardList>(&mut self.cache.cards, reply, read_ms),
            Document::Hotlist => self.keep_hotlist(reply, read_ms),
        };
        match said {
            Ok(true) => self.cache.put_together(),
            Ok(false) => {}
            Err(error) => {
                self.problem = Some(format!("{} cannot be read: {error}", document.path()));
                self.put_off_reading(document, now_ms.saturating_add(self.setup.retry_max_ms));
            }
        }
    }

    fn keep_hotlist(&mut self, reply: &Reply, read_ms: u64) -> Result<bool, String> {
        #[derive(Deserialize)]
        struct Delta {
            version: u64,
            blocked: Vec<Uuid>,
            #[serde(default)]
            unblocked: Vec<Uuid>,
        }
        if reply.status != 200 {
            return Err(problem(reply).to_string());
        }
        let delta: Delta = serde_json::from_slice(&reply.body).map_err(|error| error.to_string())?;
        let mut blocked = self.cache.hotlist.take().map_or_else(Blocked::default, |kept| kept.document);
        blocked.version = delta.version;
        blocked.cards.extend(delta.blocked);
        for card in delta.unblocked {
            blocked.cards.remove(&card);
        }
        self.cache.hotlist = Some(Kept { etag: None, read_ms, document: blocked });
        Ok(false)
    }
}

/// Whether the service answered the request, and not somebody before it who knows nothing of it.
pub(super) fn is_word_of_service(reply: &Reply) -> bool {
    match reply.status {
        200 | 304 | 409 | 422 => true,
        404 => problem(reply).slug.ends_with("-unknown"),
        _ => false,
    }
}

/// Keeps a document; answers whether it is another than before.
fn keep<D: DeserializeOwned>(kept: &mut Option<Kept<D>>, reply: &Reply, read_ms: u64) -> Result<bool, String> {
    match (reply.status, kept.as_mut()) {
        (304, Some(kept)) => {
            kept.read_ms = read_ms;
            Ok(false)
        }
        (200, _) => {
            let document = serde_json::from_slice(&reply.body).map_err(|error| error.to_string())?;
            *kept = Some(Kept { etag: reply.etag().map(str::to_owned), read_ms, document });
            Ok(true)
        }
        _ => Err(problem(reply).to_string()),
    }
}
