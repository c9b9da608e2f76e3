//! Amounts: whole minor units that carry their unit. Nothing near money is a float, and nothing wraps.

use std::fmt;

/// What a budget is counted in. The number is its code in account numbers and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Unit {
    /// Euro cents.
    Eur = 1,
    /// Minutes.
    Min = 2,
    /// Hundredths of a point.
    Pnt = 3,
}

impl Unit {
    /// All units, by code.
    pub const ALL: [Unit; 3] = [Unit::Eur, Unit::Min, Unit::Pnt];

    /// The code in account numbers.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The unit with this code.
    pub fn from_code(code: i64) -> Option<Unit> {
        Unit::ALL.into_iter().find(|unit| i64::from(unit.code()) == code)
    }

    /// `EUR`, `MIN` or `PNT`.
    pub const fn name(self) -> &'static str {
        match self {
            Unit::Eur => "EUR",
            Unit::Min => "MIN",
            Unit::Pnt => "PNT",
        }
    }

    /// The unit with this name.
    pub fn from_name(name: &str) -> Option<Unit> {
        Unit::ALL.into_iter().find(|unit| unit.name() == name)
    }

    /// Minor units that make what a published value is given for: 100 hundredths a point, 60 minutes an hour.
    pub const fn per_value(self) -> i64 {
        match self {
            Unit::Eur | Unit::Pnt => 100,
            Unit::Min => 60,
        }
    }
}

/// An amount of one unit, 0 to [`Amount::MAX_MINOR`] minor units. Cannot be negative.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Amount {
    minor: i64,
    unit: Unit,
}

/// Why an amount cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// More than [`Amount::MAX_MINOR`].
    #[error("the amount is larger than {max} minor units", max = Amount::MAX_MINOR)]
    TooLarge,
    /// Below zero.
    #[error("the amount is below zero")]
    Negative,
    /// Two units in one sum.
    #[error("{one} cannot be added to or compared with {other}", one = .0.name(), other = .1.name())]
    OtherUnit(Unit, Unit),
}

impl Amount {
    /// Ten billion euros in cents: far above any organisation's turnover, far below where a sum of sums overflows.
    pub const MAX_MINOR: i64 = 1_000_000_000_000;

    /// Nothing, of a unit.
    pub const fn zero(unit: Unit) -> Amount {
        Amount { minor: 0, unit }
    }

    /// `minor` units, if they are in range.
    pub const fn new(minor: i64, unit: Unit) -> Result<Amount, AmountError> {
        if minor < 0 {
            Err(AmountError::Negative)
        } else if minor > Amount::MAX_MINOR {
            Err(AmountError::TooLarge)
        } else {
            Ok(Amount { minor, unit })
        }
    }

    /// `minor` cents, if they are in range.
    pub const fn cents(minor: i64) -> Result<Amount, AmountError> {
        Amount::new(minor, Unit::Eur)
    }

    /// Minor units: cents, minutes, hundredths of a point.
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The unit.
    pub const fn unit(self) -> Unit {
        self.unit
    }

    /// Whether this is nothing.
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// The sum.
    pub fn plus(self, other: Amount) -> Result<Amount, AmountError> {
        self.same_unit(other)?;
        Amount::new(self.minor.saturating_add(other.minor), self.unit)
    }

    /// The difference, if it is not below zero.
    pub fn minus(self, other: Amount) -> Result<Amount, AmountError> {
        self.same_unit(other)?;
        Amount::new(self.minor.saturating_sub(other.minor), self.unit)
    }

    /// The difference, or nothing if it would be below zero. Of two units: nothing.
    pub fn minus_or_zero(self, other: Amount) -> Amount {
        self.minus(other).unwrap_or(Amount::zero(self.unit))
    }

    /// The lesser of two amounts of one unit.
    pub fn at_most(self, limit: Amount) -> Amount {
        if limit.minor < self.minor { Amount { minor: limit.minor, unit: self.unit } } else { self }
    }

    /// `quantity` times this.
    pub fn times(self, quantity: u32) -> Result<Amount, AmountError> {
        Amount::new(self.minor.saturating_mul(i64::from(quantity)), self.unit)
    }

    /// floor(this x part / whole). `whole` 0 gives nothing.
    pub fn share_floor(self, part: i64, whole: i64) -> Result<Amount, AmountError> {
        Amount::from_wide(wide_ratio(self.minor, part, whole, false), self.unit)
    }

    /// ceil(this x part / whole). `whole` 0 gives nothing.
    pub fn share_ceil(self, part: i64, whole: i64) -> Result<Amount, AmountError> {
        Amount::from_wide(wide_ratio(self.minor, part, whole, true), self.unit)
    }

    /// The same number of minor units in another unit's worth: for exchange rates, where the caller has done the sum.
    pub fn from_wide(minor: i128, unit: Unit) -> Result<Amount, AmountError> {
        match i64::try_from(minor) {
            Ok(minor) => Amount::new(minor, unit),
            Err(_) if minor < 0 => Err(AmountError::Negative),
            Err(_) => Err(AmountError::TooLarge),
        }
    }

    fn same_unit(self, other: Amount) -> Result<(), AmountError> {
        if self.unit == other.unit { Ok(()) } else { Err(AmountError::OtherUnit(self.unit, other.unit)) }
    }
}

/// value x part / whole, rounded down or up; 0 when `whole` is not above 0.
pub fn wide_ratio(value: i64, part: i64, whole: i64, up: bool) -> i128 {
    if whole <= 0 {
        return 0;
    }
    let product = i128::from(value) * i128::from(part);
    let floor = product.div_euclid(i128::from(whole));
    if up && product.rem_euclid(i128::from(whole)) != 0 { floor + 1 } else { floor }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.minor, self.unit.name())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sums_never_wrap_and_never_mix_units() {
        let max = Amount::new(Amount::MAX_MINOR, Unit::Eur).unwrap();
        assert_eq!(max.plus(Amount::cents(1).unwrap()), Err(AmountError::TooLarge));
        assert_eq!(max.times(u32::MAX), Err(AmountError::TooLarge));
        assert_eq!(Amount::zero(Unit::Eur).minus(Amount::cents(1).unwrap()), Err(AmountError::Negative));
        assert_eq!(max.plus(Amount::zero(Unit::Pnt)), Err(AmountError::OtherUnit(Unit::Eur, Unit::Pnt)));
        assert_eq!(Amount::new(i64::MIN, Unit::Min), Err(AmountError::Negative));
        assert_eq!(Amount::new(i64::MAX, Unit::Min), Err(AmountError::TooLarge));
    }

    #[test]
    fn shares_round_as_asked() {
        let ten = Amount::cents(10).unwrap();
        assert_eq!(ten.share_floor(1, 3).unwrap().minor(), 3);
        assert_eq!(ten.share_ceil(1, 3).unwrap().minor(), 4);
        assert_eq!(ten.share_ceil(3, 3).unwrap().minor(), 10);
        assert_eq!(ten.share_ceil(1, 0).unwrap().minor(), 0);
    }
}
