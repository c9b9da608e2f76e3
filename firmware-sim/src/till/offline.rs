//! Whether something may be sold without the service: pure rules over what is cached and what waits in the journal.
//!
//! What counts against a limit is what the service has not stored yet. It stands in the journal, so a restart forgets none
//! of it. Care and what is included are never refused for want of money: by name they are under no limit.

use std::collections::BTreeMap;

use card_protocol::Transaction;
use card_protocol::keys::TerminalVerifyKey;
use uuid::Uuid;

use super::cache::{Cache, CardEntry, OfflineSettings};
use super::requests::{Forwarded, ForwardedPayer};
use super::{Faults, Refusal};
use crate::dutch_time;
use crate::price_list::Assortment;
use crate::request::SaleLine;

const HOUR_MS: u64 = 3_600_000;

/// By so much a clock may be before the last contact: it was set a little, or the service's was.
const CLOCK_SLACK_MS: u64 = 5 * 60_000;

/// The largest basket that the service takes, with it and without it: a larger one would be journalled and never booked.
const LINES_MAX: usize = 100;
const QUANTITY_MAX: u32 = 1000;

/// Whether the service takes so much at once.
pub(super) fn is_basket(lines: &[SaleLine]) -> bool {
    let is_quantity = |line: &SaleLine| (1..=QUANTITY_MAX).contains(&line.quantity);
    (1..=LINES_MAX).contains(&lines.len()) && lines.iter().all(is_quantity)
}

/// What waits in the journal.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    entries: BTreeMap<u64, Entry>,
    records: u64,
    cents: u64,
    limited_cents: u64,
    by_card: BTreeMap<Uuid, (u64, u64)>,
    /// Of the newest record.
    pub newest_ms: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    card: Option<Uuid>,
    cents: u64,
    /// What of it counts against limits.
    limited_cents: u64,
}

impl Tally {
    /// Counts a record. One that cannot be read counts as a record without money; of one at other prices than those that are
    /// known all of it counts.
    pub fn add(&mut self, sequence: u64, sale: &str, assortment: Option<&Assortment>) {
        let read = serde_json::from_str::<Forwarded>(sale).ok();
        let entry = match read.as_ref().map(|sale| &sale.payer) {
            Some(ForwardedPayer::Card(tap)) => {
                let lines = || {
                    let sale = read.as_ref()?;
                    let assortment = assortment.filter(|known| known.price_list.version == sale.price_list)?;
                    assortment.limited_cents(&sale.sale_lines()).ok()
                };
                let limited_cents = lines().map_or(tap.amount_cents, |cents| cents.min(tap.amount_cents));
                Entry { card: Some(tap.id), cents: tap.amount_cents, limited_cents }
            }
            _ => Entry { card: None, cents: 0, limited_cents: 0 },
        };
        self.newest_ms = self.newest_ms.max(read.map_or(0, |sale| sale.sold_at_ms));
        self.entries.insert(sequence, entry);
        self.records += 1;
        self.cents = self.cents.saturating_add(entry.cents);
        self.limited_cents = self.limited_cents.saturating_add(entry.limited_cents);
        if let Some(card) = entry.card {
            let (cents, taps) = self.by_card.entry(card).or_default();
            *cents = cents.saturating_add(entry.limited_cents);
            *taps += 1;
        }
    }

    /// Takes off what was stored.
    pub fn delivered(&mut self, to: u64) {
        let left = self.entries.split_off(&to.saturating_add(1));
        for entry in std::mem::replace(&mut self.entries, left).into_values() {
            self.records = self.records.saturating_sub(1);
            self.cents = self.cents.saturating_sub(entry.cents);
            self.limited_cents = self.limited_cents.saturating_sub(entry.limited_cents);
            if let Some(card) = entry.card
                && let Some((cents, taps)) = self.by_card.get_mut(&card)
            {
                *cents = cents.saturating_sub(entry.limited_cents);
                *taps = taps.saturating_sub(1);
                if *taps == 0 {
                    self.by_card.remove(&card);
                }
            }
        }
    }

    /// The greatest that all of it may cost.
    pub const fn cents(&self) -> u64 {
        self.cents
    }
}

/// What the rules look at.
pub(super) struct Rules<'a> {
    pub cache: &'a Cache,
    pub tally: &'a Tally,
    pub faults: Faults,
    /// By the service's clock, as far as it is known.
    pub now_ms: u64,
}

impl<'a> Rules<'a> {
    /// The latest time that is known, whatever became of the clock.
    fn latest_ms(&self) -> u64 {
        self.now_ms.max(self.tally.newest_ms).max(self.cache.contact_ms.unwrap_or(0))
    }

    /// What of these lines counts against limits. The buyer is not known here, nor what is included for that one.
    fn limited_cents(&self, lines: &[SaleLine]) -> u64 {
        // what has no price is more than any limit
        self.cache.assortment().and_then(|known| known.limited_cents(lines).ok()).unwrap_or(u64::MAX)
    }

    /// Whether this till may have cards pay at all now.
    pub fn terminal(&self, lines: &[SaleLine]) -> Result<OfflineSettings, Refusal> {
        let settings = self.cache.offline().ok_or(Refusal::NothingKnown)?;
        let contact_ms = self.cache.contact_ms.ok_or(Refusal::NothingKnown)?;
        // a clock that was set back gives no more hours
        if self.now_ms.saturating_add(CLOCK_SLACK_MS) < contact_ms {
            return Err(Refusal::ClockBack);
        }
        if self.latest_ms().saturating_sub(contact_ms) > settings.hours.saturating_mul(HOUR_MS) {
            return Err(Refusal::TooLongAway);
        }
        let total_cents = self.tally.limited_cents.saturating_add(self.limited_cents(lines));
        if total_cents > settings.terminal_total_cents || self.tally.records >= settings.terminal_records {
            return Err(Refusal::TerminalLimit);
        }
        Ok(settings)
    }

    /// Whether this card may pay this much: known, not blocked, not expired, within its limits.
    pub fn card(&self, card: Uuid, lines: &[SaleLine]) -> Result<&'a CardEntry, Refusal> {
        let entry = self.cache.card(card).ok_or(Refusal::CardUnknown)?;
        if self.cache.is_blocked(card) && !self.faults.hotlist_ignored {
            return Err(Refusal::CardBlocked);
        }
        // year-month-day: the order of texts is that of days
        if entry.expires_on < dutch_time::date(self.latest_ms()) {
            return Err(Refusal::CardExpired);
        }
        let settings = self.cache.offline().ok_or(Refusal::NothingKnown)?;
        let amount_cents = self.limited_cents(lines);
        if amount_cents > settings.tap_cents {
            return Err(Refusal::TapLimit);
        }
        let (cents, taps) = self.tally.by_card.get(&card).copied().unwrap_or_default();
        if cents.saturating_add(amount_cents) > settings.card_total_cents || taps >= settings.card_taps {
            return Err(Refusal::CardLimit);
        }
        self.terminal(lines)?;
        Ok(entry)
    }

    /// Whether these lines may be registered by name: each is care, or included, for some buyer. The service knows the
    /// buyer, and books what is not as it books any forward.
    pub fn by_name(&self, lines: &[SaleLine]) -> Result<(), Refusal> {
        let assortment = self.cache.assortment().ok_or(Refusal::NothingKnown)?;
        let is_free = |line: &SaleLine| {
            let prices = &assortment.price_list.prices;
            prices.iter().any(|price| price.service == line.service && matches!(&*price.kind, "care" | "included"))
        };
        if lines.iter().all(is_free) { Ok(()) } else { Err(Refusal::NeedsCard) }
    }

    /// Whether the card approved this to this terminal.
    pub fn is_genuine(&self, entry: &CardEntry, transaction: &Transaction, mac: &card_protocol::Mac) -> bool {
        let key = entry.keys.iter().find(|key| key.generation == transaction.generation);
        self.faults.terminal_mac_not_verified
            || key.is_some_and(|key| {
                transaction.is_signed_for_terminal(&TerminalVerifyKey::new(key.verify.0.clone()), mac)
            })
    }
}

impl Refusal {
    /// Whether the card or a limit stands in the way, and not what is bought or the till itself.
    pub const fn is_of_card_or_limit(&self) -> bool {
        matches!(
            self,
            Self::TooLongAway
                | Self::ClockBack
                | Self::TerminalLimit
                | Self::CardUnknown
                | Self::CardBlocked
                | Self::CardExpired
                | Self::TapLimit
                | Self::CardLimit
                | Self::CardDeclined
                | Self::PinBlocked
                | Self::CardNotGenuine
                | Self::CardUnreadable(_)
        )
    }
}
