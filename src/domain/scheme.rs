//! A scheme (methodiek): all rules of one organisation, as one file in `schemes/` says them. Versioned, never edited.

use super::funding::Rules;
use super::grant_rules::{Basis, GrantRules};
use super::money::{Amount, Unit};

/// One version of an organisation's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Scheme {
    /// As in the file's name: `archipel`.
    pub name: String,
    pub version: u32,
    /// From tariff or hours to budget, reserve and buffer.
    pub grant: GrantRules,
    /// Who pays what.
    pub paying: Rules,
    /// Not held at a month's opening, in the wallet's unit: coffee money.
    pub kept_free: Amount,
    pub close: CloseRules,
    /// A loss above this, in the wallet's unit, is told 14 and 3 days before.
    pub notice_above: Amount,
    /// Days after arrival in which lines are planned without consent.
    pub provisional_days: u16,
    pub shows: Shows,
    /// Meetings of the client's network in a year, with the agreements made there; 0: none are kept.
    pub network_meetings: u8,
}

/// What becomes of what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CloseRules {
    pub budget: BudgetClose,
    /// Savings grow no further than this; what is above lapses. None: no cap.
    pub savings_cap: Option<Amount>,
    pub reserve: ReserveClose,
    pub year_end: YearEnd,
}

/// Of free budget at a month's close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum BudgetClose {
    Save,
    Lapse,
}

/// Of free reserve at a month's close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReserveClose {
    /// It goes to the organisation.
    Lapse,
    /// It goes to savings.
    Save,
    /// It stays and grows.
    Roll,
}

/// Of free savings when December is closed, after that month's own saving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum YearEnd {
    /// They stay.
    Keep,
    /// They lapse.
    Lapse,
    /// What is above this lapses.
    KeepUpTo(Amount),
}

/// What screens and papers of the scheme show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)]
pub struct Shows {
    /// Euro to clients and their families. A time scheme shows none (Amsta).
    pub euro_to_family: bool,
    /// The integral cost price beside the minutes, on every line (iPVB).
    pub price_beside_minutes: bool,
    /// Green, orange and red.
    pub colour: bool,
}

impl Scheme {
    /// What its wallets are counted in.
    pub const fn unit(&self) -> Unit {
        self.grant.basis().unit()
    }

    /// The one published value of a whole point, in cents; none where nothing is counted in points.
    pub const fn point_value_cents(&self) -> Option<i64> {
        match self.grant.basis() {
            Basis::Units { unit: Unit::Pnt, value_cents } => Some(*value_cents),
            _ => None,
        }
    }
}
