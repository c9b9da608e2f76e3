//! How a client's month stands (design, section 5; source E: Amsta). Committed is what the plan still takes and took of the budget, and the
//! unplanned care of this month that neither buffer nor collective paid. Green: within the budget. Orange: within budget and reserve, and
//! only care may be added. Red: beyond, and it is talked about. Care goes on in every colour.
//!
//! What the organisation bore of planned or unplanned care because the budget could not (an overrun) is committed too: otherwise a month
//! would turn green again by overspending. What savings paid of planned care is not. For client, supporter and planner together:
//! never at a till, never to depositors, never without its word and shape.

use super::account::Kind;
use super::codes::stored_codes;
use super::delivery::MonthLine;
use super::funding::{LineKind, Rules, Unplanned};
use super::money::{Amount, AmountError};

stored_codes! {
    /// The colour of a month, with its word and shape.
    Colour {
        Green = 1 "green",
        /// Only care may be added.
        Orange = 2 "orange",
        /// It opens a task.
        Red = 3 "red",
    }
}

impl Colour {
    /// In Dutch and English: word and shape, as colour is never shown without them.
    pub const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Colour::Green => ("groen", "green", "●"),
            Colour::Orange => ("oranje", "orange", "▲"),
            Colour::Red => ("rood", "red", "■"),
        }
    }
}

stored_codes! {
    /// What can be done about red.
    Choice {
        FamilyDoesMore = 1 "family_does_more",
        DropAService = 2 "drop_a_service",
        PayAnExtraFromOwnMoney = 3 "pay_an_extra_from_own_money",
        AskReindication = 4 "ask_reindication",
    }
}

impl Choice {
    /// In Dutch and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Choice::FamilyDoesMore => ("familie of een vrijwilliger doet meer", "family or a volunteer does more"),
            Choice::DropAService => ("een dienst laten vervallen", "drop a service"),
            Choice::PayAnExtraFromOwnMoney => ("een extra uit eigen geld betalen", "pay an extra from own money"),
            Choice::AskReindication => {
                ("herindicatie aanvragen, met dit overzicht", "ask for re-indication, with this sheet")
            }
        }
    }
}

/// What was paid of a kind of line this month, less what was given back; in the wallet's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Paid {
    pub is_planned: bool,
    pub kind: LineKind,
    /// The account that paid.
    pub payer: Kind,
    pub minor: i64,
}

/// The parts of what is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Committed {
    /// Planned and still to come.
    pub open: Amount,
    /// Planned and delivered.
    pub done: Amount,
    pub unplanned_care: Amount,
}

impl Committed {
    /// All of it.
    ///
    /// # Errors
    /// [`AmountError`].
    pub fn total(&self) -> Result<Amount, AmountError> {
        self.open.plus(self.done)?.plus(self.unplanned_care)
    }
}

/// A month's standing, with its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Standing {
    pub colour: Colour,
    pub committed: Committed,
    pub budget: Amount,
    /// None where unplanned care is paid collectively: there is no orange.
    pub reserve: Option<Amount>,
    /// What is committed beyond budget and reserve.
    pub beyond: Amount,
}

impl Standing {
    /// Whether only care may be added to the plan.
    pub fn is_closed_to_more(&self) -> bool {
        self.colour != Colour::Green
    }

    /// What can be done: in red only.
    pub fn choices(&self) -> &'static [Choice] {
        if self.colour == Colour::Red { Choice::ALL } else { &[] }
    }
}

/// Whether a planned line of this kind is paid from the budget.
pub const fn is_payable_from_budget(kind: LineKind, rules: Rules) -> bool {
    match kind {
        LineKind::Care | LineKind::Included | LineKind::Activity => true,
        LineKind::Extra => rules.extras_from_budget,
        LineKind::Own => false,
    }
}

/// What is committed by a month's lines and by what was paid in it.
///
/// # Errors
/// [`AmountError`].
pub fn committed(lines: &[MonthLine], paid: &[Paid], rules: Rules, budget: Amount) -> Result<Committed, AmountError> {
    let unit = budget.unit();
    let mut open = Amount::zero(unit);
    for line in lines.iter().filter(|line| is_payable_from_budget(line.kind, rules)) {
        open = open.plus(line.units.unwrap_or(Amount::zero(unit)).times(line.open().count_ones())?)?;
    }
    let sum = |counts: &dyn Fn(&Paid) -> bool| {
        let minor: i128 = paid.iter().filter(|paid| counts(paid)).map(|paid| i128::from(paid.minor)).sum();
        Amount::from_wide(minor.max(0), unit)
    };
    let is_done = |paid: &Paid| {
        let is_budgets = matches!(paid.payer, Kind::Budget | Kind::CareOverrun | Kind::IncludedOverrun);
        paid.is_planned && is_budgets && is_payable_from_budget(paid.kind, rules)
    };
    let is_unplanned_care = |paid: &Paid| {
        !paid.is_planned && paid.kind == LineKind::Care && !matches!(paid.payer, Kind::Buffer | Kind::Collective)
    };
    Ok(Committed { open, done: sum(&is_done)?, unplanned_care: sum(&is_unplanned_care)? })
}

/// How a month stands. `reserve`: what this month has of it, spent or not.
///
/// # Errors
/// [`AmountError`].
pub fn standing(
    committed: Committed,
    budget: Amount,
    reserve: Amount,
    unplanned: Unplanned,
) -> Result<Standing, AmountError> {
    let total = committed.total()?;
    let reserve = (unplanned == Unplanned::Personal).then_some(reserve);
    let limit = reserve.map_or(Ok(budget), |reserve| budget.plus(reserve))?;
    let colour = if total.minor() <= budget.minor() {
        Colour::Green
    } else if total.minor() <= limit.minor() {
        Colour::Orange
    } else {
        Colour::Red
    };
    Ok(Standing { colour, committed, budget, reserve, beyond: total.minus_or_zero(limit) })
}

#[cfg(test)]
mod tests;
