//! What turns a month's grant into what the rules give now: a correction, booked when data were wrong or came late.
//!
//! Increases come first. A downward correction takes free budget, then free reserve; the remainder is the organisation's
//! (design, section 5; what care overspends is the organisation's cost, not the client's debt: ZZG). It never touches holds,
//! savings or own money. The shared buffer gives its part back as far as it has it, and the organisation the rest.

use super::account::{Account, Kind};
use super::flow::Flow;
use super::funding::Why;
use super::grant::GrantLeg;
use super::money::{Amount, AmountError, Unit};
use super::month_grant::{MonthGrant, Parts};
use super::operation::Transfer;
use super::request::Problem;
use super::wallet::Wallet;

/// What a month was granted, or is by the rules of today.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Granted {
    /// The wallet's.
    pub unit: Unit,
    /// Cents in a tariff scheme, minutes in an hours scheme; so are deductions, the collective part and the parts.
    pub gross: Amount,
    /// In the scheme's order.
    pub deductions: Vec<Amount>,
    pub collective: Amount,
    pub parts: Parts,
    /// In the wallet's unit.
    pub reserve: Amount,
    pub buffer: Amount,
    pub budget: Amount,
    /// Cents that made no whole unit.
    pub rounding: Amount,
}

impl From<&MonthGrant> for Granted {
    fn from(grant: &MonthGrant) -> Granted {
        Granted {
            unit: grant.unit,
            gross: grant.gross,
            deductions: grant.deductions.iter().map(|(_, amount)| *amount).collect(),
            collective: grant.unplanned_collective,
            parts: grant.parts,
            reserve: grant.reserve,
            buffer: grant.buffer,
            budget: grant.budget,
            rounding: grant.rounding,
        }
    }
}

impl Granted {
    /// Nothing, of a scheme that computes in `gross_unit`.
    pub const fn nothing(unit: Unit, gross_unit: Unit) -> Granted {
        let (zero, nothing) = (Amount::zero(gross_unit), Amount::zero(unit));
        Granted {
            unit,
            gross: zero,
            deductions: Vec::new(),
            collective: zero,
            parts: Parts { reserve: zero, buffer: zero, budget: zero },
            reserve: nothing,
            buffer: nothing,
            budget: nothing,
            rounding: Amount::zero(Unit::Eur),
        }
    }

    /// What went off gross.
    ///
    /// # Errors
    /// [`AmountError`].
    pub fn overhead(&self) -> Result<Amount, AmountError> {
        self.deductions.iter().try_fold(Amount::zero(self.gross.unit()), |sum, amount| sum.plus(*amount))
    }

    /// Cents became units of another kind.
    const fn is_exchanged(&self) -> bool {
        self.gross.unit() as u8 != self.unit as u8
    }

    /// Cents that the units are worth together: what is left of gross.
    fn value(&self) -> Result<Amount, AmountError> {
        if !self.is_exchanged() {
            return Ok(Amount::zero(Unit::Eur));
        }
        self.gross.minus(self.overhead()?)?.minus(self.collective)?.minus(self.rounding)
    }
}

/// What a downward correction may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Reach {
    /// Free: not held.
    pub budget: Amount,
    pub reserve: Amount,
    /// What is in the shared buffer.
    pub buffer: Amount,
}

/// The legs that turn `before` into `now`, none where they are equal. Per unit they balance; the parts add up to the new
/// gross, to the cent.
///
/// # Errors
/// [`AmountError::OtherUnit`] where the two are not computed in the same unit.
pub fn correct(before: &Granted, now: &Granted, reach: Reach) -> Result<Vec<GrantLeg>, AmountError> {
    if before.unit != now.unit || before.gross.unit() != now.gross.unit() {
        return Err(AmountError::OtherUnit(before.gross.unit(), now.gross.unit()));
    }
    let organisations = [
        (Kind::Overhead, before.overhead()?, now.overhead()?),
        (Kind::Collective, before.collective, now.collective),
        (Kind::GrantExchange, before.value()?, now.value()?),
        (Kind::Rounding, before.rounding, now.rounding),
    ];
    let purses = [
        (Kind::Reserve, before.reserve, now.reserve),
        (Kind::Buffer, before.buffer, now.buffer),
        (Kind::Budget, before.budget, now.budget),
    ];
    let source = if now.is_exchanged() { Kind::GrantExchange } else { Kind::WlzFunding };
    let up = |kinds: &[(Kind, Amount, Amount)], debit: Kind| -> Vec<GrantLeg> {
        let leg = |(credit, before, now): &(Kind, Amount, Amount)| GrantLeg {
            debit,
            credit: *credit,
            amount: now.minus_or_zero(*before),
        };
        kinds.iter().map(leg).collect()
    };
    let mut legs = up(&organisations, Kind::WlzFunding);
    legs.extend(up(&purses, source));
    let down = |kind: Kind| {
        let of = purses.iter().find(|(other, ..)| *other == kind);
        of.map_or(Amount::zero(now.unit), |(_, before, now)| before.minus_or_zero(*now))
    };
    let mut rest = down(Kind::Budget).plus(down(Kind::Reserve))?;
    // What goes up in this correction can be taken by what goes down in it.
    let free_budget = reach.budget.plus(now.budget.minus_or_zero(before.budget))?;
    let free_reserve = reach.reserve.plus(now.reserve.minus_or_zero(before.reserve))?;
    for (debit, free) in [(Kind::Budget, free_budget), (Kind::Reserve, free_reserve)] {
        let amount = rest.at_most(free);
        rest = rest.minus(amount)?;
        legs.push(GrantLeg { debit, credit: source, amount });
    }
    let buffer = down(Kind::Buffer).at_most(reach.buffer);
    legs.push(GrantLeg { debit: Kind::Buffer, credit: source, amount: buffer });
    let overrun = rest.plus(down(Kind::Buffer).minus(buffer)?)?;
    legs.push(GrantLeg { debit: Kind::CareOverrun, credit: source, amount: overrun });
    legs.extend(organisations.map(|(debit, before, now)| GrantLeg {
        debit,
        credit: Kind::WlzFunding,
        amount: before.minus_or_zero(now),
    }));
    legs.retain(|leg| !leg.amount.is_zero());
    Ok(legs)
}

/// The transfers of legs that grant or correct, for one wallet.
///
/// # Errors
/// [`Problem::Broken`] for a leg that the flow does not allow.
pub fn transfers(wallet: &Wallet, flow: Flow, why: Why, legs: &[GrantLeg]) -> Result<Vec<Transfer>, Problem> {
    let organisation = wallet.id.organisation();
    let account = |kind: Kind, unit: Unit| {
        if kind.is_purse() { Account::purse(wallet.id, unit, kind) } else { Account::own(organisation, unit, kind) }
    };
    let of = |leg: &GrantLeg| {
        let unit = leg.amount.unit();
        Transfer::new(flow, why, account(leg.debit, unit), account(leg.credit, unit), leg.amount)
    };
    legs.iter().map(of).collect()
}

#[cfg(test)]
#[path = "correction/tests.rs"]
mod tests;
