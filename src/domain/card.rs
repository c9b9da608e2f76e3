//! A card's counter and limits. (card, counter) is used once, and the counter never restarts.

use chrono::NaiveDate;
use uuid::Uuid;

use super::account::WalletId;
use super::codes::stored_codes;
use super::money::Amount;

/// How many places below and including the highest counter are remembered.
pub const WINDOW: u32 = 256;

/// The highest counter seen and which of the [`WINDOW`] places up to it are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterWindow {
    last: u32,
    /// Bit i of byte i / 8: counter `last - i` is used.
    used: [u8; 32],
}

/// Whether a counter may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum CounterVerdict {
    Fresh,
    Used,
    TooOld,
    /// Of a forward: older than what the window remembers, so that only the ledger tells whether it was used.
    BelowWindow,
}

impl CounterWindow {
    /// As stored.
    pub const fn new(last: u32, used: [u8; 32]) -> CounterWindow {
        CounterWindow { last, used }
    }

    /// The highest counter seen; 0 for a card that was never used.
    pub const fn last(&self) -> u32 {
        self.last
    }

    /// As stored: 32 bytes, bit 0 of byte 0 is the highest counter.
    pub const fn used(&self) -> [u8; 32] {
        self.used
    }

    /// Online, a counter must be above the last seen; forwarded, it may fill an unused place in the window, or below it.
    pub fn judge(&self, counter: u32, forwarded: bool) -> CounterVerdict {
        if counter == 0 {
            return CounterVerdict::TooOld;
        }
        let Some(behind) = self.last.checked_sub(counter) else { return CounterVerdict::Fresh };
        if behind >= WINDOW {
            if forwarded { CounterVerdict::BelowWindow } else { CounterVerdict::TooOld }
        } else if self.is_used(behind) {
            CounterVerdict::Used
        } else if forwarded {
            CounterVerdict::Fresh
        } else {
            CounterVerdict::TooOld
        }
    }

    /// Remembers a counter as used. One that has left the window is left alone.
    pub fn mark(&mut self, counter: u32) {
        if counter > self.last {
            self.shift(counter - self.last);
            self.last = counter;
        }
        let behind = self.last - counter;
        if let Some(byte) = usize::try_from(behind / 8).ok().and_then(|place| self.used.get_mut(place)) {
            *byte |= 1 << (behind % 8);
        }
    }

    fn is_used(&self, behind: u32) -> bool {
        usize::try_from(behind / 8)
            .ok()
            .and_then(|place| self.used.get(place))
            .is_some_and(|byte| byte & (1 << (behind % 8)) != 0)
    }

    /// Makes room for `by` newer places.
    fn shift(&mut self, by: u32) {
        let old = *self;
        self.used = [0; 32];
        for behind in by..WINDOW {
            if old.is_used(behind - by)
                && let Some(byte) = usize::try_from(behind / 8).ok().and_then(|place| self.used.get_mut(place))
            {
                *byte |= 1 << (behind % 8);
            }
        }
    }
}

stored_codes! {
    /// Whether a card pays.
    CardStatus {
        Active = 1 "active",
        Blocked = 2 "blocked",
        /// Another card took its place: it never works again.
        Replaced = 3 "replaced",
    }
}

stored_codes! {
    /// What happened to a card.
    CardEvent {
        Issued = 1 "issued",
        Blocked = 2 "blocked",
        Unblocked = 3 "unblocked",
        Replaced = 4 "replaced",
    }
}

/// What may be sold at a location while its terminals cannot ask the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct OfflineLimits {
    /// One tap.
    pub tap_cents: u32,
    /// A card, since it last asked the service.
    pub card_total_cents: u32,
    pub card_taps: u8,
    /// What waits in one terminal.
    pub terminal_total_cents: u32,
    pub terminal_records: u32,
    /// Since the terminal last heard from the service.
    pub hours: u32,
}

/// A card row under its wallet's lock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Card {
    pub id: Uuid,
    pub wallet: WalletId,
    pub is_blocked: bool,
    pub expires_on: NaiveDate,
    /// That its keys are of at least: what an older one signs is not believed, as its master key may be known by then.
    pub generation: u8,
    pub counters: CounterWindow,
    /// What activity, extra and own lines of one tap may come to without PIN; none: no PIN is asked.
    pub pin_free: Option<Amount>,
    /// Activity, extra and own lines of one tap; none is no limit.
    pub tap_limit: Option<Amount>,
    /// Activity, extra and own lines of one book date; none is no limit.
    pub day_limit: Option<Amount>,
    /// The day that `day_spent` counts.
    pub day: Option<NaiveDate>,
    pub day_spent: Amount,
}

impl Card {
    /// What activity, extra and own lines may still come to in one tap today; none is no limit.
    pub fn limit_left(&self, today: NaiveDate) -> Option<Amount> {
        let today_left = self.day_limit.map(|limit| limit.minus_or_zero(self.spent_on(today)));
        match (self.tap_limit, today_left) {
            (Some(tap), Some(day)) => Some(tap.at_most(day)),
            (limit, None) | (None, limit) => limit,
        }
    }

    /// What counts against the limit of `today`.
    pub fn spent_on(&self, today: NaiveDate) -> Amount {
        if self.day >= Some(today) { self.day_spent } else { Amount::zero(self.day_spent.unit()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_used_once_and_never_restarts() {
        let mut window = CounterWindow::new(0, [0; 32]);
        assert_eq!(window.judge(0, false), CounterVerdict::TooOld);
        assert_eq!(window.judge(1, false), CounterVerdict::Fresh);
        window.mark(5);
        assert_eq!(window.judge(5, false), CounterVerdict::Used);
        assert_eq!(window.judge(4, false), CounterVerdict::TooOld);
        assert_eq!(window.judge(4, true), CounterVerdict::Fresh);
        window.mark(4);
        assert_eq!(window.judge(4, true), CounterVerdict::Used);
        window.mark(260);
        assert_eq!(window.judge(5, true), CounterVerdict::Used);
        assert_eq!(window.judge(4, true), CounterVerdict::BelowWindow);
        assert_eq!(window.judge(4, false), CounterVerdict::TooOld);
        assert_eq!(window.judge(0, true), CounterVerdict::TooOld);
        assert_eq!(window.judge(259, true), CounterVerdict::Fresh);
        window.mark(u32::MAX);
        assert_eq!(window.judge(260, true), CounterVerdict::BelowWindow);
        assert_eq!(window.judge(u32::MAX, true), CounterVerdict::Used);
    }
}
