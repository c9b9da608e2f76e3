//! A month's end (design, section 5): what is left of the budget is saved or lapses, the reserve lapses, is saved or rolls, and
//! December has a rule of its own. What is held stays held: pending holds of terminals move with the purse.

use super::account::{Account, Kind};
use super::flow::Flow;
use super::funding::{PurseName, Why};
use super::money::{Amount, AmountError};
use super::operation::Transfer;
use super::request::Problem;
use super::saving::Fate;
use super::scheme::{BudgetClose, CloseRules, ReserveClose, YearEnd};
use super::wallet::Wallet;

/// What becomes of an amount of a purse.
pub type Closing = (Fate, PurseName, Amount);

/// What becomes of what is free, in order, zeros left out.
///
/// # Errors
/// [`AmountError`].
pub fn close(rules: &CloseRules, wallet: &Wallet, is_year_end: bool) -> Result<Vec<Closing>, AmountError> {
    let free = wallet.free();
    let savings = wallet.purse(PurseName::Savings);
    let mut room = rules.savings_cap.map(|cap| cap.minus_or_zero(savings.balance));
    let mut saved = Amount::zero(wallet.unit);
    let mut closings = Vec::with_capacity(4);
    let purses = [
        (PurseName::Budget, free.budget, Some(rules.budget == BudgetClose::Save)),
        (
            PurseName::Reserve,
            free.reserve,
            match rules.reserve {
                ReserveClose::Lapse => Some(false),
                ReserveClose::Save => Some(true),
                ReserveClose::Roll => None,
            },
        ),
    ];
    for (purse, left, is_saved) in purses {
        let Some(is_saved) = is_saved else { continue };
        let amount = match (is_saved, room) {
            (false, _) => Amount::zero(wallet.unit),
            (true, None) => left,
            (true, Some(room)) => left.at_most(room),
        };
        room = room.map(|room| room.minus_or_zero(amount));
        saved = saved.plus(amount)?;
        closings.push((Fate::Save, purse, amount));
        closings.push((Fate::Lapse, purse, left.minus(amount)?));
    }
    let free_savings = free.savings.plus(saved)?;
    let lapses = match rules.year_end {
        _ if !is_year_end => Amount::zero(wallet.unit),
        YearEnd::Keep => Amount::zero(wallet.unit),
        YearEnd::Lapse => free_savings,
        YearEnd::KeepUpTo(most) => free_savings.minus_or_zero(most),
    };
    closings.push((Fate::Lapse, PurseName::Savings, lapses));
    closings.retain(|(_, _, amount)| !amount.is_zero());
    Ok(closings)
}

/// What a client who leaves loses: all that is free of what was public money. Own money stays.
pub fn leave(wallet: &Wallet) -> Vec<Closing> {
    let free = wallet.free();
    let purses = [
        (Fate::Lapse, PurseName::Budget, free.budget),
        (Fate::Lapse, PurseName::Reserve, free.reserve),
        (Fate::Lapse, PurseName::Savings, free.savings),
    ];
    purses.into_iter().filter(|(_, _, amount)| !amount.is_zero()).collect()
}

/// What a client would lose by a close of today.
///
/// # Errors
/// [`AmountError`].
pub fn loss(closings: &[Closing], wallet: &Wallet) -> Result<Amount, AmountError> {
    let lost = closings.iter().filter(|(fate, ..)| *fate == Fate::Lapse);
    lost.map(|(_, _, amount)| *amount).try_fold(Amount::zero(wallet.unit), Amount::plus)
}

/// The transfers of a close.
///
/// # Errors
/// [`Problem::Broken`].
pub fn transfers(wallet: &Wallet, closings: &[Closing]) -> Result<Vec<Transfer>, Problem> {
    let of = |(fate, purse, amount): &Closing| match fate {
        Fate::Save => {
            let savings = wallet.account(PurseName::Savings);
            Transfer::new(Flow::Save, Why::Saved, wallet.account(*purse), savings, *amount)
        }
        Fate::Lapse => {
            let lapsed = Account::own(wallet.id.organisation(), wallet.unit, Kind::Lapsed);
            Transfer::new(Flow::Lapse, Why::Lapsed, wallet.account(*purse), lapsed, *amount)
        }
    };
    closings.iter().map(of).collect()
}

#[cfg(test)]
#[path = "month_close/tests.rs"]
mod tests;
