//! What the rest of a month will cost, and what is free today.

use chrono::{Datelike, NaiveDate};

use super::colour::is_payable_from_budget;
use super::delivery::MonthLine;
use super::funding::Rules;
use super::money::{Amount, AmountError};
use super::month_grant::Month;
use super::wallet::Purse;

/// From a day to the end of its month, in the wallet's unit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Forecast {
    /// What is planned and paid from the budget, by day: days without anything are missing.
    pub days: Vec<(NaiveDate, Amount)>,
    pub rest: Amount,
    /// The part of it that is held.
    pub rest_held: Amount,
    /// Budget that nothing is held of.
    pub free_today: Amount,
    /// Of that, what is left when all that is planned and not held is paid.
    pub free_after: Amount,
    /// What is planned and cannot be paid.
    pub overrun: Amount,
}

/// What the open occurrences of a month will cost from a day on; those before it that nobody captured yet are among them.
///
/// # Errors
/// [`AmountError`].
pub fn forecast(month: Month, lines: &[MonthLine], rules: Rules, budget: Purse) -> Result<Forecast, AmountError> {
    let nothing = Amount::zero(budget.balance.unit());
    let (mut days, mut rest, mut rest_held) = (Vec::new(), nothing, nothing);
    for day in month.days() {
        let bit = 1 << day.day0();
        let mut of_day = nothing;
        for line in lines.iter().filter(|line| line.open() & bit != 0 && is_payable_from_budget(line.kind, rules)) {
            let units = line.units.unwrap_or(nothing);
            of_day = of_day.plus(units)?;
            if line.held & bit != 0 {
                rest_held = rest_held.plus(units)?;
            }
        }
        if !of_day.is_zero() {
            days.push((day, of_day));
            rest = rest.plus(of_day)?;
        }
    }
    let (free_today, not_held) = (budget.free(), rest.minus_or_zero(rest_held));
    let (free_after, overrun) = (free_today.minus_or_zero(not_held), not_held.minus_or_zero(free_today));
    Ok(Forecast { days, rest, rest_held, free_today, free_after, overrun })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::funding::{CareFromSavings, LineKind, Unplanned};
    use crate::domain::occurrence::LineId;

    fn cents(minor: i64) -> Amount {
        Amount::cents(minor).unwrap()
    }

    fn line(kind: LineKind, price: i64, [planned, held, done, released]: [u32; 4]) -> MonthLine {
        MonthLine {
            line: LineId::from_fresh(Uuid::now_v7()).unwrap(),
            service: Uuid::from_u128(1),
            kind,
            price: cents(price),
            units: Some(cents(price)),
            vat_basis_points: 0,
            from_savings: false,
            planned,
            held,
            done,
            released,
        }
    }

    #[test]
    fn the_rest_of_the_month_is_what_is_open_and_free_is_what_nothing_is_held_of() {
        let rules = |extras_from_budget| Rules {
            unplanned: Unplanned::Personal,
            extras_from_budget,
            extras_from_savings: false,
            care_from_savings: CareFromSavings::Never,
        };
        let lines = [
            line(LineKind::Care, 100, [0b1111, 0b0111, 0b0001, 0b0010]),
            line(LineKind::Extra, 30, [0b1000, 0, 0, 0]),
            line(LineKind::Own, 7, [0b1000, 0, 0, 0]),
        ];
        let budget = Purse { balance: cents(250), held: cents(100) };
        let day = |day| NaiveDate::from_ymd_opt(2026, 4, day).unwrap();
        let month = Month::parse("2026-04").unwrap();
        let with = forecast(month, &lines, rules(true), budget).unwrap();
        assert_eq!(with.days, [(day(3), cents(100)), (day(4), cents(130))]);
        assert_eq!((with.rest, with.rest_held), (cents(230), cents(100)));
        assert_eq!((with.free_today, with.free_after, with.overrun), (cents(150), cents(20), cents(0)));
        let without = forecast(month, &lines, rules(false), budget).unwrap();
        assert_eq!((without.rest, without.free_after), (cents(200), cents(50)));
        let poor = Purse { balance: cents(120), held: cents(100) };
        let short = forecast(month, &lines, rules(true), poor).unwrap();
        assert_eq!((short.free_after, short.overrun), (cents(0), cents(110)));
    }
}
