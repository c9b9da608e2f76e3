//! How many minutes of which function a plan needs, by part of the day. What a group shares, each of its clients' lines has a share of.

use std::collections::BTreeMap;

use chrono::{NaiveTime, Timelike};
use rust_decimal::{Decimal, RoundingStrategy};

use super::codes::stored_codes;

stored_codes! {
    /// A part of the day, by the clock.
    DayPart {
        /// 7 to 12.
        Morning = 1 "morning",
        /// 12 to 18.
        Afternoon = 2 "afternoon",
        /// 18 to 23.
        Evening = 3 "evening",
        /// 23 to 7.
        Night = 4 "night",
    }
}

const DAY_MINUTES: u32 = 24 * 60;
/// Where parts begin, in minutes of the day, in order.
const BEGINS: [(u32, DayPart); 5] = [
    (0, DayPart::Night),
    (7 * 60, DayPart::Morning),
    (12 * 60, DayPart::Afternoon),
    (18 * 60, DayPart::Evening),
    (23 * 60, DayPart::Night),
];

/// One occurrence that staff performs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Shift<'a> {
    pub function: &'a str,
    pub starts_at: NaiveTime,
    pub minutes: u16,
    pub staff_count: u16,
    pub group_size: u16,
}

/// Planned minutes by function and part of the day.
#[derive(Clone, Debug, Default)]
pub struct Staffing(BTreeMap<(String, DayPart), Decimal>);

impl Staffing {
    /// Adds an occurrence, as often as it is planned. What goes on beyond midnight counts to the parts it falls in.
    pub fn add(&mut self, shift: &Shift<'_>, times: u32) {
        if times == 0 {
            return;
        }
        let start = shift.starts_at.hour() * 60 + shift.starts_at.minute();
        let mut at = start;
        while at < start + u32::from(shift.minutes) {
            let (begun, place) = (at % DAY_MINUTES, BEGINS.iter().rposition(|(begin, _)| *begin <= at % DAY_MINUTES));
            let Some(place) = place else { return };
            let next = BEGINS.get(place + 1).map_or(DAY_MINUTES, |(begin, _)| *begin);
            let until = (at + next - begun).min(start + u32::from(shift.minutes));
            let minutes = u64::from(until - at) * u64::from(shift.staff_count) * u64::from(times);
            let share = Decimal::from(minutes).checked_div(Decimal::from(shift.group_size.max(1))).unwrap_or_default();
            *self.0.entry((shift.function.to_owned(), BEGINS[place].1)).or_default() += share;
            at = until;
        }
    }

    /// Whole minutes, half up, by function and part of the day.
    pub fn minutes(&self) -> impl Iterator<Item = (&str, DayPart, i64)> {
        self.0.iter().map(|((function, part), minutes)| {
            let whole = minutes.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
            (function.as_str(), *part, i64::try_from(whole).unwrap_or(i64::MAX))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn planned(shifts: &[(&str, &str, u16, u16, u16, u32)]) -> Vec<(String, &'static str, i64)> {
        let mut staffing = Staffing::default();
        for (function, at, minutes, staff_count, group_size, times) in shifts {
            let starts_at = at.parse().unwrap();
            let (minutes, staff_count, group_size) = (*minutes, *staff_count, *group_size);
            staffing.add(&Shift { function, starts_at, minutes, staff_count, group_size }, *times);
        }
        staffing.minutes().map(|(function, part, minutes)| (function.to_owned(), part.name(), minutes)).collect()
    }

    #[test]
    fn minutes_are_counted_by_function_and_part_of_the_day() {
        let found = planned(&[
            ("verzorgende", "06:30:00", 60, 1, 1, 2),
            ("verzorgende", "22:30:00", 600, 1, 1, 1),
            ("verpleegkundige", "11:45:00", 30, 2, 1, 1),
        ]);
        let expected = [
            ("verpleegkundige", "morning", 30),
            ("verpleegkundige", "afternoon", 30),
            // 7:00 to 7:30 twice, 7:00 to 8:30 once
            ("verzorgende", "morning", 150),
            ("verzorgende", "evening", 30),
            ("verzorgende", "night", 540),
        ];
        assert_eq!(found, expected.map(|(function, part, minutes)| (function.to_owned(), part, minutes)));
    }

    #[test]
    fn a_group_shares_its_staff_exactly() {
        let of_each = ("activiteitenbegeleider", "14:00:00", 100, 1, 3, 1);
        assert_eq!(planned(&[of_each])[0].2, 33, "33.3");
        assert_eq!(planned(&[of_each; 3])[0].2, 100, "the three clients' lines together are one staff member's");
        assert_eq!(planned(&[("a", "14:00:00", 5, 1, 2, 1)])[0].2, 3, "2.5 goes up");
    }
}
