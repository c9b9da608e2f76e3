//! What a month's grant is made of: what goes off, what is kept for the unforeseen, what a budget is counted in.

use rust_decimal::{Decimal, RoundingStrategy};

use super::funding::Unplanned;
use super::indication::Delivery;
use super::money::{Amount, AmountError, Unit};

/// 0 to 100, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent(Decimal);

impl Percent {
    /// None outside 0 to 100.
    pub fn new(percent: Decimal) -> Option<Percent> {
        (Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(&percent).then_some(Percent(percent))
    }

    /// This much of an amount, rounded half up to a minor unit.
    ///
    /// # Errors
    /// [`AmountError::TooLarge`] where percent and amount have more digits together than can be computed exactly.
    pub fn of(self, amount: Amount) -> Result<Amount, AmountError> {
        let hundredfold = Decimal::from(amount.minor()).checked_mul(self.0).ok_or(AmountError::TooLarge)?;
        let exact = hundredfold.checked_div(Decimal::ONE_HUNDRED).ok_or(AmountError::TooLarge)?;
        let rounded = exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
        let minor = i64::try_from(rounded).map_err(|_| AmountError::TooLarge)?;
        Amount::new(minor, amount.unit())
    }
}

impl std::fmt::Display for Percent {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}", self.0.normalize())
    }
}

/// How much a deduction takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Of gross.
    Percent(Percent),
    /// For each funded day, in cents.
    Day(Amount),
    /// For a month whose days are all funded, in cents; for others by the share of days.
    Month(Amount),
}

/// What goes off gross first.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Deduction {
    pub name: String,
    pub cut: Cut,
    /// Only days that were delivered so count.
    pub delivery: Option<Delivery>,
}

/// Where a month's grant comes from, and what it is counted in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Cents a day by tariff, counted in euros.
    Euros,
    /// Cents a day by tariff, that become units of this value: cents a point (PNT) or an hour (MIN), above zero.
    #[allow(missing_docs)]
    Units { unit: Unit, value_cents: i64 },
    /// Minutes a week by profile, counted in minutes.
    Hours(Vec<(String, Amount)>),
}

impl Basis {
    /// What the wallet is counted in.
    pub const fn unit(&self) -> Unit {
        match self {
            Basis::Euros => Unit::Eur,
            Basis::Units { unit, .. } => *unit,
            Basis::Hours(_) => Unit::Min,
        }
    }

    /// What gross and deductions are counted in.
    pub const fn gross_unit(&self) -> Unit {
        match self {
            Basis::Euros | Basis::Units { .. } => Unit::Eur,
            Basis::Hours(_) => Unit::Min,
        }
    }
}

/// The rules for a month's grant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct GrantRules {
    basis: Basis,
    unplanned: Unplanned,
    unplanned_percent: Percent,
    buffer_percent: Percent,
    deductions: Vec<Deduction>,
}

/// Rules as they are written down.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct WrittenRules {
    pub is_hours: bool,
    pub unit: Unit,
    /// Cents a point (PNT) or an hour (MIN).
    pub value_cents: Option<i64>,
    pub hours: Vec<(String, Amount)>,
    pub unplanned: Unplanned,
    pub unplanned_percent: Decimal,
    pub buffer_percent: Decimal,
    pub deductions: Vec<WrittenDeduction>,
}

/// A deduction as it is written down.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct WrittenDeduction {
    pub name: String,
    pub percent: Option<Decimal>,
    pub cents_per_day: Option<Amount>,
    pub cents_per_month: Option<Amount>,
    pub delivery: Option<Delivery>,
}

/// Why rules cannot be, in the order in which they are looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// Not exactly one of percent, cents a day and cents a month.
    #[error("deduction `{0}` must have exactly one of percent, cents_per_day and cents_per_month")]
    DeductionMalformed(String),
    /// The unplanned part, the buffer's or a deduction's.
    #[error("the percentage of {0} is not between 0 and 100")]
    PercentOutOfRange(String),
    /// Minutes have no cents.
    #[error("deduction `{0}` is in cents, and the scheme counts hours: give a percentage")]
    CentsInHoursScheme(String),
    /// An hours scheme counts minutes.
    #[error("a scheme on the basis of hours has the unit MIN")]
    HoursUnit,
    /// Points and minutes that are bought from a tariff have a value.
    #[error("the value of a unit is missing or not above zero")]
    UnitValueMissing,
}

impl WrittenDeduction {
    fn cut(&self) -> Result<Cut, RulesError> {
        let malformed = || RulesError::DeductionMalformed(self.name.clone());
        match (self.percent, self.cents_per_day, self.cents_per_month) {
            (Some(percent), None, None) => {
                let percent = Percent::new(percent).ok_or_else(|| RulesError::PercentOutOfRange(self.name.clone()))?;
                Ok(Cut::Percent(percent))
            }
            (None, Some(day), None) => Ok(Cut::Day(day)),
            (None, None, Some(month)) => Ok(Cut::Month(month)),
            _ => Err(malformed()),
        }
    }
}

impl GrantRules {
    /// Order: every deduction's form, the percentages (unplanned, buffer, deductions), cents in an hours scheme, the value.
    ///
    /// # Errors
    /// [`RulesError`], the first in that order.
    pub fn new(written: WrittenRules) -> Result<GrantRules, RulesError> {
        let cuts: Vec<Result<Cut, RulesError>> = written.deductions.iter().map(WrittenDeduction::cut).collect();
        let malformed = cuts.iter().find_map(|cut| match cut {
            Err(error @ RulesError::DeductionMalformed(_)) => Some(error.clone()),
            _ => None,
        });
        if let Some(error) = malformed {
            return Err(error);
        }
        let percent =
            |percent, of: &str| Percent::new(percent).ok_or_else(|| RulesError::PercentOutOfRange(of.to_owned()));
        let unplanned_percent = percent(written.unplanned_percent, "the unplanned part")?;
        let buffer_percent = percent(written.buffer_percent, "the buffer")?;
        let cuts = cuts.into_iter().collect::<Result<Vec<_>, _>>()?;
        let deductions: Vec<Deduction> = written
            .deductions
            .into_iter()
            .zip(cuts)
            .map(|(WrittenDeduction { name, delivery, .. }, cut)| Deduction { name, cut, delivery })
            .collect();
        if let Some(in_cents) = deductions.iter().find(|it| written.is_hours && !matches!(it.cut, Cut::Percent(_))) {
            return Err(RulesError::CentsInHoursScheme(in_cents.name.clone()));
        }
        let basis = match (written.is_hours, written.unit) {
            (true, Unit::Min) => Basis::Hours(written.hours),
            (true, _) => return Err(RulesError::HoursUnit),
            (false, Unit::Eur) => Basis::Euros,
            (false, unit) => {
                let value_cents = written.value_cents.filter(|value| *value > 0).ok_or(RulesError::UnitValueMissing)?;
                Basis::Units { unit, value_cents }
            }
        };
        Ok(GrantRules { basis, unplanned: written.unplanned, unplanned_percent, buffer_percent, deductions })
    }

    /// Where the grant comes from.
    pub const fn basis(&self) -> &Basis {
        &self.basis
    }

    /// Who pays unplanned care.
    pub const fn unplanned(&self) -> Unplanned {
        self.unplanned
    }

    /// The part for unplanned care.
    pub const fn unplanned_percent(&self) -> Percent {
        self.unplanned_percent
    }

    /// The part for the shared buffer.
    pub const fn buffer_percent(&self) -> Percent {
        self.buffer_percent
    }

    /// What goes off gross, in the order in which it is told.
    pub fn deductions(&self) -> &[Deduction] {
        &self.deductions
    }
}
