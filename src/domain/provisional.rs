//! What a month is granted when its data are wrong: a data error never empties a card (design, section 5). The client's last
//! grant a funded day, times the funded days of this month; the difference follows as a correction.

use chrono::NaiveDate;

use super::correction::Granted;
use super::grant_rules::Basis;
use super::indication::{Indication, Period};
use super::money::{Amount, AmountError, wide_ratio};
use super::month_grant::{Month, MonthGrant, MonthGrantError, Parts, in_units};

/// Days of a month that an indication covers and that no absence takes away, whatever they bring.
pub fn funded_days(month: Month, indications: &[Indication], unfunded: &[Period]) -> u32 {
    let is_funded = |day: &NaiveDate| {
        indications.iter().any(|indication| indication.period.has(*day)) && !unfunded.iter().any(|it| it.has(*day))
    };
    u32::try_from(month.days().filter(is_funded).count()).unwrap_or(31)
}

/// The last grant, of so many funded days, for `days` funded days. Each part is rounded down to a minor unit, and gross is
/// what they add up to.
///
/// # Errors
/// [`AmountError`] where the last grant was computed in another unit.
pub fn provisional(last: &Granted, last_days: u32, days: u32, basis: &Basis) -> Result<MonthGrant, MonthGrantError> {
    if basis.unit() != last.unit || basis.gross_unit() != last.gross.unit() {
        return Err(AmountError::OtherUnit(basis.unit(), last.unit).into());
    }
    let share = |amount: Amount| {
        let minor = wide_ratio(amount.minor(), i64::from(days), i64::from(last_days), false);
        Amount::from_wide(minor, amount.unit())
    };
    let shared = last.deductions.iter().map(|amount| share(*amount));
    let deductions = shared.map(|amount| Ok((String::new(), amount?))).collect::<Result<Vec<_>, AmountError>>()?;
    let parts = Parts {
        reserve: share(last.parts.reserve)?,
        buffer: share(last.parts.buffer)?,
        budget: share(last.parts.budget)?,
    };
    let collective = share(last.collective)?;
    let mut gross = Amount::zero(last.gross.unit());
    let amounts = deductions.iter().map(|(_, amount)| *amount);
    for amount in amounts.chain([collective, parts.reserve, parts.buffer, parts.budget]) {
        gross = gross.plus(amount)?;
    }
    in_units(
        basis,
        MonthGrant {
            unit: last.unit,
            unit_value_cents: None,
            funded_days: days,
            gross,
            deductions,
            unplanned_collective: collective,
            parts,
            reserve: parts.reserve,
            buffer: parts.buffer,
            budget: parts.budget,
            rounding: Amount::zero(super::money::Unit::Eur),
        },
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::money::Unit;

    #[test]
    fn a_provisional_grant_is_the_last_one_a_funded_day() {
        let cents = |minor| Amount::cents(minor).unwrap();
        let parts = Parts { reserve: cents(3000), buffer: cents(0), budget: cents(60_001) };
        let last = Granted {
            gross: cents(93_001),
            deductions: vec![cents(30_000)],
            parts,
            reserve: parts.reserve,
            budget: parts.budget,
            ..Granted::nothing(Unit::Eur, Unit::Eur)
        };
        let grant = provisional(&last, 30, 31, &Basis::Euros).unwrap();
        assert_eq!((grant.reserve, grant.budget), (cents(3100), cents(62_001)));
        assert_eq!(grant.gross, cents(31_000 + 3100 + 62_001));
        let points = Basis::Units { unit: Unit::Pnt, value_cents: 731 };
        assert!(provisional(&last, 30, 31, &points).is_err(), "euros are no points");
        assert_eq!(provisional(&last, 30, 0, &Basis::Euros).unwrap().gross, cents(0));
    }
}
