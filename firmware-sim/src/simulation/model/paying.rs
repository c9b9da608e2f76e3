//! Who pays for what, read off the table of kinds and purses: a map of pots, columns tried from left to right.

use std::collections::BTreeMap;

use crate::simulation::world::{Kind, Scheme};

/// What is in each purse, in cents.
pub(super) type Pots = BTreeMap<&'static str, i64>;

/// A line with its price.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub kind: Kind,
    pub cents: i64,
}

/// A line as it comes to the purses: left out already, or to be paid.
pub(super) type Entry = Result<Item, &'static str>;

/// What becomes of lines that cannot be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    InPart,
    Whole,
    /// Handed over already.
    Delivered,
}

/// What activity, extra and own lines of a tap may come to: at all, and without PIN.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Caps {
    pub limit: Option<i64>,
    pub pin_free: Option<i64>,
}

/// One transfer: which line, who pays, who gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub line: usize,
    pub from: &'static str,
    pub to: &'static str,
    pub cents: i64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Paid {
    pub shares: Vec<Share>,
    pub left_out: BTreeMap<usize, &'static str>,
    /// Declined for this.
    pub declined: Option<&'static str>,
    /// What the sold lines cost that count against limits.
    pub counted: i64,
    /// What all sold lines cost.
    pub sold: i64,
}

/// Why lines are left out, first things first.
const REASONS: [&str; 7] = [
    "service_unknown",
    "price_list_out_of_date",
    "card_needed",
    "over_limit",
    "insufficient_funds",
    "already_booked",
    "pin_needed",
];

const fn sales_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Care => "care_delivered",
        Kind::Included => "included_sales",
        Kind::Activity => "activity_sales",
        Kind::Extra => "extra_sales",
        Kind::Own => "own_sales",
    }
}

fn columns(scheme: Scheme, kind: Kind) -> Vec<&'static str> {
    let row: &[(&'static str, bool)] = match kind {
        Kind::Care if scheme.unplanned_collective => &[],
        Kind::Care => &[("reserve", true), ("budget", true), ("savings", scheme.care_from_savings)],
        Kind::Included => &[("budget", true)],
        Kind::Activity => &[("budget", true), ("savings", true), ("credit", true)],
        Kind::Extra => {
            &[("budget", scheme.extras_from_budget), ("savings", scheme.extras_from_savings), ("credit", true)]
        }
        Kind::Own => &[("credit", true)],
    };
    row.iter().filter(|(_, may)| *may).map(|(purse, _)| *purse).collect()
}

/// Pays the lines; what the pots hold afterwards stands in them, unless all was declined.
pub(super) fn pay(scheme: Scheme, pots: &mut Pots, entries: &[Entry], manner: Manner, caps: Caps) -> Paid {
    let before = pots.clone();
    let mut paid = Paid::default();
    let Caps { mut limit, mut pin_free } = if manner == Manner::Delivered { Caps::default() } else { caps };
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|number| entries.get(*number).and_then(|entry| entry.ok()).map(|item| item.kind));
    for number in order {
        let item = match entries.get(number) {
            Some(Ok(item)) => *item,
            Some(Err(reason)) => {
                paid.left_out.insert(number, reason);
                continue;
            }
            None => continue,
        };
        let counts = !item.kind.is_never_refused();
        if counts && limit.is_some_and(|left| item.cents > left) {
            paid.left_out.insert(number, "over_limit");
            continue;
        }
        let pots_before = pots.clone();
        let Some(shares) = pull(scheme, pots, number, item, manner) else {
            paid.left_out.insert(number, "insufficient_funds");
            continue;
        };
        if counts && pin_free.is_some_and(|left| item.cents > left) {
            *pots = pots_before;
            paid.left_out.insert(number, "pin_needed");
            continue;
        }
        paid.shares.extend(shares);
        paid.sold += item.cents;
        if counts {
            paid.counted += item.cents;
            limit = limit.map(|left| left - item.cents);
            pin_free = pin_free.map(|left| left - item.cents);
        }
    }
    paid.shares.sort_by_key(|share| share.line);
    let nothing_remains = paid.left_out.len() == entries.len();
    if nothing_remains || (manner == Manner::Whole && !paid.left_out.is_empty()) {
        let first = REASONS.into_iter().find(|reason| paid.left_out.values().any(|other| other == reason));
        *pots = before;
        paid = Paid { declined: first, left_out: paid.left_out, ..Paid::default() };
    }
    paid
}

/// One line from the pots; none if it cannot be paid in full and need not be.
fn pull(scheme: Scheme, pots: &mut Pots, line: usize, item: Item, manner: Manner) -> Option<Vec<Share>> {
    let to = sales_of(item.kind);
    let mut rest = item.cents;
    let mut taken = Vec::new();
    for purse in columns(scheme, item.kind) {
        let part = rest.min(pots.get(purse).copied().unwrap_or(0));
        if part > 0 {
            rest -= part;
            taken.push(Share { line, from: purse, to, cents: part });
        }
    }
    if rest > 0 {
        let from = match (item.kind, manner) {
            (Kind::Care, _) if scheme.unplanned_collective => "collective",
            (Kind::Care, _) => "care_overrun",
            (Kind::Included, _) => "included_overrun",
            (_, Manner::Delivered) => "offline_loss",
            _ => return None,
        };
        taken.push(Share { line, from, to, cents: rest });
    }
    for share in &taken {
        if let Some(pot) = pots.get_mut(share.from) {
            *pot -= share.cents;
        }
    }
    Some(taken)
}

/// What a leg gives back when `now` more of `sold` come back.
pub(super) const fn share_back(cents: i64, sold: i64, before: i64, now: i64) -> i64 {
    cents * (before + now) / sold - cents * before / sold
}
