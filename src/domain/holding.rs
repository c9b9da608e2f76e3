//! What is held of a month's plan when it is opened (design, section 5): occurrences in date order, care and included first,
//! then activities, and extras where the scheme pays them from the budget, up to the free budget less what is kept free.
//! What does not fit is not held: it is the expected overrun. What costs nothing is never held.

use super::funding::{LineKind, Rules};
use super::money::{Amount, AmountError};

/// A plan line in a month. Bit n - 1 is day n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ToHold {
    pub kind: LineKind,
    /// Of one occurrence; none where the service has no price in the wallet's unit.
    pub units: Option<Amount>,
    pub planned: u32,
}

/// What is held.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Held {
    /// By line, in the order of the lines.
    pub days: Vec<u32>,
    pub total: Amount,
    /// What did not fit.
    pub overrun: Amount,
}

/// The days of a set, from the first.
pub fn days_in(mut bits: u32) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let place = bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        (place < 32).then_some(place)
    })
}

/// When a line has its turn to be held: first those that are never refused.
const fn turn(kind: LineKind, rules: Rules) -> Option<u8> {
    match kind {
        LineKind::Care | LineKind::Included => Some(0),
        LineKind::Activity => Some(1),
        LineKind::Extra if rules.extras_from_budget => Some(2),
        LineKind::Extra | LineKind::Own => None,
    }
}

/// Which days of which lines are held, out of `free`: the free budget less what the scheme keeps free.
///
/// # Errors
/// [`AmountError`] for units of another wallet's kind.
pub fn hold(lines: &[ToHold], rules: Rules, free: Amount) -> Result<Held, AmountError> {
    let mut held =
        Held { days: vec![0; lines.len()], total: Amount::zero(free.unit()), overrun: Amount::zero(free.unit()) };
    let all = lines.iter().fold(0, |bits, line| bits | line.planned);
    for now in 0..3 {
        for day in days_in(all) {
            for (line, days) in lines.iter().zip(&mut held.days) {
                let units = line.units.filter(|units| !units.is_zero());
                let (Some(units), true) = (units, turn(line.kind, rules) == Some(now)) else { continue };
                if line.planned & (1 << day) == 0 {
                    continue;
                }
                let total = held.total.plus(units)?;
                if free.minus(total).is_ok() {
                    held.total = total;
                    *days |= 1 << day;
                } else {
                    held.overrun = held.overrun.plus(units)?;
                }
            }
        }
    }
    Ok(held)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::funding::{CareFromSavings, Unplanned};

    fn rules(extras_from_budget: bool) -> Rules {
        Rules {
            unplanned: Unplanned::Personal,
            extras_from_budget,
            extras_from_savings: false,
            care_from_savings: CareFromSavings::Never,
        }
    }

    fn line(kind: LineKind, cents: i64, planned: u32) -> ToHold {
        ToHold { kind, units: Some(Amount::cents(cents).unwrap()), planned }
    }

    fn held(lines: &[ToHold], extras: bool, free: i64) -> (Vec<u32>, i64, i64) {
        let held = hold(lines, rules(extras), Amount::cents(free).unwrap()).unwrap();
        (held.days, held.total.minor(), held.overrun.minor())
    }

    #[test]
    fn care_and_included_are_held_first_in_date_order_then_activities_then_extras() {
        let lines = [
            line(LineKind::Extra, 10, 0b1),
            line(LineKind::Activity, 20, 0b11),
            line(LineKind::Care, 30, 0b110),
            line(LineKind::Included, 5, 0b101),
        ];
        assert_eq!(held(&lines, true, 120), (vec![0b1, 0b11, 0b110, 0b101], 120, 0));
        assert_eq!(held(&lines, true, 110), (vec![0, 0b11, 0b110, 0b101], 110, 10), "the extra comes last");
        // 70 of care, 20 for one activity: the other does not fit, the extra does not either
        assert_eq!(held(&lines, true, 95), (vec![0, 0b1, 0b110, 0b101], 90, 30));
        // of care what does not fit is passed over, and what comes after it is still held
        assert_eq!(held(&lines, true, 39), (vec![0, 0, 0b10, 0b1], 35, 30 + 5 + 40 + 10));
    }

    #[test]
    fn extras_are_held_only_where_the_scheme_pays_them_from_the_budget_and_own_lines_never() {
        let lines = [line(LineKind::Extra, 10, 0b1), line(LineKind::Own, 10, 0b1)];
        assert_eq!(held(&lines, false, 100), (vec![0, 0], 0, 0));
        assert_eq!(held(&lines, true, 100), (vec![0b1, 0], 10, 0));
    }

    #[test]
    fn what_costs_nothing_or_has_no_price_in_the_unit_is_planned_and_never_held() {
        let free = line(LineKind::Care, 0, 0b1);
        let without = ToHold { units: None, ..free };
        assert_eq!(held(&[free, without], true, 100), (vec![0, 0], 0, 0));
    }

    #[test]
    fn all_31_days_are_days() {
        assert_eq!(days_in(0x7fff_ffff).collect::<Vec<_>>(), (0..31).collect::<Vec<_>>());
        assert_eq!(days_in(0).count(), 0);
        assert_eq!(days_in(1 << 31).collect::<Vec<_>>(), [31]);
    }
}
