//! How many of an included service a day: the package has so many, beyond that it is an extra (a second coffee).
//!
//! A line is included as long as the day's quantity was not used up before it, whatever its own quantity: lines are decided
//! one by one and never cut in two. What is not known counts as nothing, so that a meal is never refused by mistake.

use std::collections::HashMap;

use uuid::Uuid;

use super::account::WalletId;
use super::funding::LineKind;
use super::operation::{Line, OperationId};
use super::price_list::Price;

/// Included ones of a service that a wallet was sold and did not give back, on a book date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SoldToday {
    /// Online.
    pub online: u32,
    /// Offline, and booked on this date.
    pub forwarded: u32,
}

/// By wallet and service, of its book date: those whose quantity a batch may have to know.
pub type Included = HashMap<(WalletId, Uuid), SoldToday>;

impl SoldToday {
    /// What counts before a line. What was sold offline yesterday may be booked today: it counts for others that were sold
    /// offline, and never against the meal that is served now.
    pub const fn before(self, is_forward: bool) -> u32 {
        if is_forward { self.online.saturating_add(self.forwarded) } else { self.online }
    }

    /// Counts a line that was sold.
    pub const fn add(&mut self, is_forward: bool, quantity: u32) {
        let sold = if is_forward { &mut self.forwarded } else { &mut self.online };
        *sold = sold.saturating_add(quantity);
    }
}

impl Price {
    /// What a line is for a buyer who had `before` of it on the day.
    pub fn kind_after(&self, before: u32) -> LineKind {
        let is_used_up = self.included_per_day.is_some_and(|bound| before >= u32::from(bound));
        if self.kind == LineKind::Included && is_used_up { LineKind::Extra } else { self.kind }
    }
}

/// Counts what a sale sold, for the next one of its batch.
pub fn count(included: &mut Included, wallet: WalletId, is_forward: bool, lines: &[Line]) {
    for line in lines.iter().filter(|line| line.kind == Some(LineKind::Included) && line.left_out.is_none()) {
        if let Some(sold) = included.get_mut(&(wallet, line.service)) {
            sold.add(is_forward, line.quantity);
        }
    }
}

/// Days back from now within which an operation of today has its id: online, but for a clock that is wrong; and any.
pub const fn id_days_back(has_forward: bool) -> i64 {
    if has_forward { OperationId::DAYS_BACK_MAX + 1 } else { 2 }
}
