//! Who pays for what, a second time: read off the table of kinds and purses and written without a look at the
//! program's engine. Purses are a map from name to amount; amounts are wide, so nothing here can overflow.

use std::collections::BTreeMap;

pub type Pots = BTreeMap<&'static str, i128>;

#[derive(Clone, Copy, Debug)]
pub struct Scheme {
    pub collective: bool,
    pub extras_from_budget: bool,
    pub extras_from_savings: bool,
    pub care_from_savings: &'static str,
}

#[derive(Clone, Debug)]
pub struct Item {
    pub kind: &'static str,
    pub price: i128,
    pub units: Option<i128>,
    pub planned: bool,
    pub consented: bool,
    /// What the line gets back first, by purse.
    pub hold: Pots,
    /// Left out already, before money is looked at.
    pub barred: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    InPart,
    Whole,
    /// Sold already: nothing can be left out for want of money.
    Delivered,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share {
    pub line: usize,
    pub purse: &'static str,
    pub amount: i128,
}

#[derive(Clone, Debug, Default)]
pub struct Paid {
    pub shares: Vec<Share>,
    pub left_out: BTreeMap<usize, &'static str>,
    /// The sale is declined for this.
    pub declined: Option<&'static str>,
}

const KINDS: [&str; 5] = ["care", "included", "activity", "extra", "own"];
/// The reasons for which a line is left out, first things first.
pub const REASONS: [&str; 5] =
    ["service_unknown", "price_list_out_of_date", "card_needed", "over_limit", "insufficient_funds"];

pub fn disagrees(unit: &str, item: &Item) -> bool {
    match (unit, item.units) {
        ("EUR", units) => units != Some(item.price),
        (_, Some(units)) => (units == 0) != (item.price == 0),
        (_, None) => false,
    }
}

pub fn counts_against_limits(kind: &str) -> bool {
    ["activity", "extra", "own"].contains(&kind)
}

/// The row of the table: the purses in the wallet's unit, from left to right.
fn row(scheme: &Scheme, item: &Item) -> Vec<&'static str> {
    let savings_for_care = match scheme.care_from_savings {
        "always" => true,
        "consented" => item.consented,
        _ => false,
    };
    let columns: &[(&'static str, bool)] = match (item.kind, item.planned) {
        ("care", true) => &[("budget", true), ("savings", savings_for_care)],
        ("care", false) if scheme.collective => &[],
        ("care", false) => &[("reserve", true), ("buffer", true), ("budget", true), ("savings", savings_for_care)],
        ("included", _) => &[("budget", true)],
        ("activity", _) => &[("budget", true), ("savings", true), ("credit", true)],
        ("extra", _) => {
            &[("budget", scheme.extras_from_budget), ("savings", scheme.extras_from_savings), ("credit", true)]
        }
        _ => &[("credit", true)],
    };
    columns.iter().filter(|(_, allowed)| *allowed).map(|(purse, _)| *purse).collect()
}

fn ceiling(numerator: i128, denominator: i128) -> i128 {
    numerator / denominator + i128::from(numerator % denominator != 0)
}

/// Tries one line on a copy of the pots. None: it cannot be paid in full.
fn try_line(scheme: &Scheme, pots: &Pots, item: &Item, delivered: bool) -> Option<(Vec<(&'static str, i128)>, Pots)> {
    let mut pots = pots.clone();
    for (purse, amount) in &item.hold {
        *pots.entry(purse).or_default() += amount;
    }
    let mut shares = Vec::new();
    let mut pull = |purse: &'static str, want: i128| {
        let pot = pots.entry(purse).or_default();
        let taken = want.min((*pot).max(0));
        *pot -= taken;
        if taken > 0 {
            shares.push((purse, taken));
        }
        taken
    };
    let borne = ["care", "included"].contains(&item.kind);
    // euros that units did not cover; for care and included lines nobody's but the organisation's
    let cents = match item.units {
        None => item.price,
        Some(units) => {
            let mut rest = units;
            for purse in row(scheme, item) {
                rest -= pull(purse, rest);
            }
            match (borne, rest) {
                (_, 0) => 0,
                (true, rest) => {
                    let collective = item.kind == "care" && !item.planned && scheme.collective;
                    shares.push((if collective { "collective" } else { "overrun" }, rest));
                    return Some((shares, pots));
                }
                (false, rest) => ceiling(item.price * rest, units),
            }
        }
    };
    if cents == 0 {
        return Some((shares, pots));
    }
    if borne {
        shares.push(("overrun_cents", cents));
        return Some((shares, pots));
    }
    let short = cents - pull("credit_cents", cents);
    match (short, delivered) {
        (0, _) => Some((shares, pots)),
        (_, false) => None,
        (short, true) => {
            shares.push(("offline_loss", short));
            Some((shares, pots))
        }
    }
}

/// `limit`: what lines that count against the card's limits may come to together.
pub fn pay(scheme: &Scheme, pots: &Pots, items: &[Item], manner: Manner, limit: Option<i128>) -> Paid {
    let mut pots = pots.clone();
    let mut paid = Paid::default();
    let mut limit = limit;
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|number| KINDS.iter().position(|kind| *kind == items[*number].kind));
    for number in order {
        let item = &items[number];
        let counted = counts_against_limits(item.kind);
        let reason = if let Some(reason) = item.barred {
            reason
        } else if counted && limit.is_some_and(|left| item.price > left) {
            "over_limit"
        } else if let Some((shares, left)) = try_line(scheme, &pots, item, manner == Manner::Delivered) {
            pots = left;
            paid.shares.extend(shares.into_iter().map(|(purse, amount)| Share { line: number, purse, amount }));
            if let (true, Some(left)) = (counted, limit.as_mut()) {
                *left -= item.price;
            }
            continue;
        } else {
            "insufficient_funds"
        };
        paid.left_out.insert(number, reason);
    }
    // stable: within a line the purses stay as they were asked
    paid.shares.sort_by_key(|share| share.line);
    let declines = paid.left_out.len() == items.len() || (manner == Manner::Whole && !paid.left_out.is_empty());
    if declines {
        paid.declined = REASONS.into_iter().find(|reason| paid.left_out.values().any(|other| other == reason));
        paid.shares.clear();
    }
    paid
}

/// What a leg returns when `now` more of `sold` are given back.
pub fn returned(amount: i128, sold: i128, before: i128, now: i128) -> i128 {
    amount * (before + now) / sold - amount * before / sold
}

/// Cents to units: (units, their value in cents). A published value is for `per` units.
pub fn units_of(have: i128, value: i128, per: i128) -> (i128, i128) {
    let units = have * per / value;
    (units, ceiling(units * value, per))
}

pub fn price_of(units: i128, value: i128, per: i128) -> i128 {
    ceiling(units * value, per)
}
