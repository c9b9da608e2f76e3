//! An occurrence is one planned day of a plan line, and its id says which: a line's id is a UUIDv7 whose last 16 bits are 0, and
//! the id of its occurrence on a day is the same with the days since 2000-01-01 in them. So a basket can name an occurrence where
//! it names a hold, and nothing has to be looked up to know the line and the day.

use chrono::{Duration, NaiveDate};
use uuid::Uuid;

use super::operation::OperationId;

/// Day 0 of occurrences, which itself has none: that would be the line.
const EPOCH: NaiveDate = match NaiveDate::from_ymd_opt(2000, 1, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};
/// The last 16 bits.
const DAY_BITS: u128 = 0xffff;

/// A plan line's id: a UUIDv7 that ends in 16 zero bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineId(Uuid);

impl LineId {
    /// None where this is no line's id.
    pub fn new(id: Uuid) -> Option<LineId> {
        (is_version_7(id) && id.as_u128() & DAY_BITS == 0).then_some(LineId(id))
    }

    /// Of a UUIDv7 that was just made: its last 16 bits become 0. 58 random bits stay.
    pub fn from_fresh(id: Uuid) -> Option<LineId> {
        LineId::new(Uuid::from_u128(id.as_u128() & !DAY_BITS))
    }

    /// The UUID.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

/// An occurrence's id: its line's with the day in the last 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OccurrenceId(Uuid);

impl OccurrenceId {
    /// Of a line on a day; none before 2000-01-02 and after 2179-06-06.
    pub fn of(line: LineId, day: NaiveDate) -> Option<OccurrenceId> {
        let days = u16::try_from((day - EPOCH).num_days()).ok().filter(|days| *days > 0)?;
        Some(OccurrenceId(Uuid::from_u128(line.0.as_u128() | u128::from(days))))
    }

    /// None where this is no occurrence's id: a line's, or no UUIDv7. Any other UUIDv7 could be one.
    pub fn new(id: Uuid) -> Option<OccurrenceId> {
        (is_version_7(id) && id.as_u128() & DAY_BITS != 0).then_some(OccurrenceId(id))
    }

    /// What a basket names as a hold, read as an occurrence.
    pub fn from_hold(hold: OperationId) -> Option<OccurrenceId> {
        OccurrenceId::new(hold.uuid())
    }

    /// As a basket names it, where a hold's id stands.
    ///
    /// # Errors
    /// Never: it is a UUIDv7.
    pub fn as_hold(self) -> Option<OperationId> {
        OperationId::new(self.0).ok()
    }

    /// The line.
    pub fn line(self) -> LineId {
        LineId(Uuid::from_u128(self.0.as_u128() & !DAY_BITS))
    }

    /// The day.
    pub fn day(self) -> NaiveDate {
        let days = u16::try_from(self.0.as_u128() & DAY_BITS).unwrap_or(u16::MAX);
        EPOCH + Duration::days(i64::from(days))
    }

    /// The UUID.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

fn is_version_7(id: Uuid) -> bool {
    id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(days: u16) -> NaiveDate {
        EPOCH + Duration::days(i64::from(days))
    }

    proptest! {
        #[test]
        fn an_occurrence_knows_its_line_and_its_day(random in any::<u128>(), days in 1_u16..) {
            let bytes = Uuid::from_u128(random).into_bytes();
            let fresh = uuid::Builder::from_unix_timestamp_millis(1_790_000_000_000, bytes[..10].try_into().unwrap());
            let line = LineId::from_fresh(fresh.into_uuid()).unwrap();
            let occurrence = OccurrenceId::of(line, day(days)).unwrap();
            prop_assert_eq!(occurrence.line(), line);
            prop_assert_eq!(occurrence.day(), day(days));
            prop_assert_eq!(OccurrenceId::from_hold(occurrence.as_hold().unwrap()), Some(occurrence));
            prop_assert_eq!(LineId::new(occurrence.uuid()), None, "an occurrence is no line");
            prop_assert_eq!(OccurrenceId::new(line.uuid()), None, "a line is no occurrence");
        }
    }

    #[test]
    fn days_that_do_not_fit_have_no_occurrence() {
        let line = LineId::from_fresh(Uuid::now_v7()).unwrap();
        assert_eq!(OccurrenceId::of(line, EPOCH), None);
        assert_eq!(OccurrenceId::of(line, day(u16::MAX) + Duration::days(1)), None);
        assert_eq!(OccurrenceId::of(line, NaiveDate::MIN), None);
        assert_eq!(OccurrenceId::of(line, day(1)).unwrap().uuid().as_u128() & DAY_BITS, 1);
        assert_eq!(LineId::from_fresh(Uuid::new_v4()), None);
    }
}
