//! The days of a plan line that count as planned: those that its recurrence names, from the day it was agreed to the day before it
//! is dropped; and if it costs something, only with consent to its price, or while it is provisional (ZZG: a plan line that costs
//! something needs consent first; lines of the first 42 days count without it).

use chrono::{NaiveDate, NaiveDateTime};

use super::month_grant::Month;

/// What was agreed of a line's days.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Agreed {
    pub recurrence: String,
    pub starts_at: NaiveDateTime,
    pub agreed_on: NaiveDate,
    pub provisional_until: Option<NaiveDate>,
    /// When somebody consented to its price.
    pub signed_on: Option<NaiveDate>,
    /// The first day on which it is not planned any more.
    pub dropped_from: Option<NaiveDate>,
    /// It costs nothing.
    pub is_free: bool,
}

impl Agreed {
    /// Whether a day that the recurrence names counts.
    pub fn counts(&self, day: NaiveDate) -> bool {
        let is_agreed = self.agreed_on <= day && self.dropped_from.is_none_or(|dropped| day < dropped);
        let is_consented = self.signed_on.is_some_and(|signed| signed <= day);
        let is_provisional = self.provisional_until.is_some_and(|until| day <= until);
        is_agreed && (self.is_free || is_consented || is_provisional)
    }

    /// Of the days that the recurrence names in a month, those that count and on which the client is not absent. Bit n - 1 is
    /// day n.
    pub fn planned(&self, month: Month, named: u32, absent: u32) -> u32 {
        let days = month.days().zip(0_u32..).filter(|(day, place)| named & (1 << place) != 0 && self.counts(*day));
        days.fold(0, |bits, (_, place)| bits | 1 << place) & !absent
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 4, day).unwrap()
    }

    fn agreed() -> Agreed {
        Agreed {
            recurrence: "FREQ=DAILY".to_owned(),
            starts_at: day(1).and_hms_opt(9, 0, 0).unwrap(),
            agreed_on: day(1),
            provisional_until: None,
            signed_on: Some(day(1)),
            dropped_from: None,
            is_free: false,
        }
    }

    fn planned(agreed: &Agreed, absent: u32) -> u32 {
        agreed.planned(Month::new(2026, 4).unwrap(), 0b11_1111, absent)
    }

    #[test]
    fn a_line_that_costs_something_needs_consent_first() {
        assert_eq!(planned(&agreed(), 0), 0b11_1111);
        assert_eq!(planned(&Agreed { signed_on: Some(day(4)), ..agreed() }, 0), 0b11_1000);
        assert_eq!(planned(&Agreed { signed_on: None, ..agreed() }, 0), 0);
        assert_eq!(planned(&Agreed { signed_on: None, is_free: true, ..agreed() }, 0), 0b11_1111);
    }

    #[test]
    fn provisional_lines_count_without_consent_until_their_last_day() {
        let provisional = Agreed { signed_on: None, provisional_until: Some(day(3)), ..agreed() };
        assert_eq!(planned(&provisional, 0), 0b111);
    }

    #[test]
    fn dropped_days_and_absent_days_are_not_planned() {
        assert_eq!(planned(&Agreed { dropped_from: Some(day(3)), ..agreed() }, 0b1), 0b10);
        assert_eq!(planned(&Agreed { agreed_on: day(6), ..agreed() }, 0), 0b10_0000);
    }
}
