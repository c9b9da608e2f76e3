//! Days on which a client is away, and which of them bring no money (Wlz and its guidance). Absent is who is away from the day
//! after leaving to the day before return: on the day of leaving and on that of return there was care.

use chrono::{Datelike, Days, Months, NaiveDate};

use super::codes::stored_codes;
use super::indication::{Delivery, Indication, Period};
use super::month_grant::Month;

stored_codes! {
    /// Why a client is away.
    AbsenceKind {
        /// In hospital, or elsewhere for treatment.
        Medical = 1 "medical",
        /// On holiday, or with family.
        Holiday = 2 "holiday",
    }
}

/// A client is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Absence {
    pub kind: AbsenceKind,
    pub left_on: NaiveDate,
    /// None: not back yet.
    pub returned_on: Option<NaiveDate>,
    /// Until when medical absence is funded by a permission, whatever its length.
    pub permitted_until: Option<NaiveDate>,
}

impl Absence {
    /// Whether the client is absent on a day because of this.
    pub fn covers(&self, day: NaiveDate) -> bool {
        self.left_on < day && self.returned_on.is_none_or(|returned| day < returned)
    }
}

/// How long absence is funded, for a delivery form from a day on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct AbsenceSetting {
    pub delivery: Delivery,
    pub from: NaiveDate,
    /// Unbroken.
    pub medical_days: u32,
    pub holiday_days_each: u32,
    pub holiday_days_year: u32,
    /// Days of stay before a holiday is funded at all.
    pub holiday_after_days: u32,
}

/// An organisation's settings.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AbsenceSettings(Vec<AbsenceSetting>);

/// Where an organisation has written none: 91 days of medical absence, 14 days of holiday a time, 42 a calendar year, after 14
/// days of stay.
const WRITTEN_NOWHERE: (u32, u32, u32, u32) = (91, 14, 42, 14);

impl AbsenceSettings {
    /// In any order.
    pub fn new(mut settings: Vec<AbsenceSetting>) -> AbsenceSettings {
        settings.sort_by_key(|setting| (setting.delivery, setting.from));
        AbsenceSettings(settings)
    }

    /// What holds on a day: the last that began, or before all of them the first.
    pub fn on(&self, delivery: Delivery, day: NaiveDate) -> AbsenceSetting {
        let mut of_delivery = self.0.iter().filter(|setting| setting.delivery == delivery);
        let begun = of_delivery.clone().rfind(|setting| setting.from <= day);
        let (medical_days, holiday_days_each, holiday_days_year, holiday_after_days) = WRITTEN_NOWHERE;
        begun.or_else(|| of_delivery.next()).copied().unwrap_or(AbsenceSetting {
            delivery,
            from: day,
            medical_days,
            holiday_days_each,
            holiday_days_year,
            holiday_after_days,
        })
    }
}

/// What is known of a client's absences: all that were not withdrawn, however long ago.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Away<'a> {
    pub absences: &'a [Absence],
    /// The first day of stay; not known: that of the first indication.
    pub arrived_on: Option<NaiveDate>,
    pub indications: &'a [Indication],
    pub settings: &'a AbsenceSettings,
}

/// The days of a month on which a client is absent, funded or not: day n is bit n - 1.
pub fn absent_days(absences: &[Absence], month: Month) -> u32 {
    let days = month.days().zip(0_u32..);
    let absent = days.filter(|(day, _)| absences.iter().any(|absence| absence.covers(*day)));
    absent.fold(0, |bits, (_, place)| bits | 1 << place)
}

impl Away<'_> {
    /// The days of a month that bring no money for absence: day n is bit n - 1. Days without an indication bring none anyhow and are
    /// not among them.
    pub fn unfunded_days(&self, month: Month) -> u32 {
        let first_absent = self.absences.iter().filter_map(|absence| absence.left_on.succ_opt()).min();
        let (Some(from), true) = (first_absent, absent_days(self.absences, month) != 0) else { return 0 };
        let next = month.first().checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX);
        let mut counted = Counted::default();
        let mut bits = 0;
        for day in from.iter_days().take_while(|day| *day < next) {
            if !self.is_funded(day, &mut counted) && day >= month.first() {
                bits |= 1 << day.day0();
            }
        }
        bits
    }

    /// As `Entitled` wants them.
    pub fn unfunded_periods(&self, month: Month) -> Vec<Period> {
        let bits = self.unfunded_days(month);
        let days = month.days().zip(0_u32..).filter(|(_, place)| bits & (1 << place) != 0);
        days.map(|(day, _)| Period { from: day, to: Some(day) }).collect()
    }

    /// Days must come one after the other, from the first absent one.
    fn is_funded(&self, day: NaiveDate, counted: &mut Counted) -> bool {
        let of_kind = |kind| self.absences.iter().filter(move |absence| absence.kind == kind && absence.covers(day));
        let is_medical = of_kind(AbsenceKind::Medical).next().is_some();
        if !is_medical && of_kind(AbsenceKind::Holiday).next().is_none() {
            counted.medical = 0;
            counted.holiday = 0;
            return true;
        }
        counted.absent += 1;
        counted.medical = if is_medical { counted.medical + 1 } else { 0 };
        let Some(indication) = self.indications.iter().find(|indication| indication.period.has(day)) else {
            return true;
        };
        let setting = self.settings.on(indication.package.delivery, day);
        if is_medical {
            let is_permitted = |absence: &Absence| absence.permitted_until.is_some_and(|until| day <= until);
            return counted.medical <= setting.medical_days || of_kind(AbsenceKind::Medical).any(is_permitted);
        }
        if counted.holiday == 0 {
            counted.has_stayed = self.days_of_stay(day, counted.absent) >= i64::from(setting.holiday_after_days);
        }
        counted.holiday += 1;
        if counted.year != day.year() {
            counted.year = day.year();
            counted.holiday_of_year = 0;
        }
        let is_funded = counted.has_stayed
            && counted.holiday <= setting.holiday_days_each
            && counted.holiday_of_year < setting.holiday_days_year;
        counted.holiday_of_year += u32::from(is_funded);
        is_funded
    }

    /// Days that the client was there before this one, the first of an absence and counted among the absent.
    fn days_of_stay(&self, day: NaiveDate, absent: i64) -> i64 {
        let first_indicated = self.indications.iter().map(|indication| indication.period.from).min();
        let arrived = self.arrived_on.or(first_indicated).unwrap_or(NaiveDate::MIN);
        (day - arrived).num_days() - (absent - 1)
    }
}

/// Up to the day that is looked at.
#[derive(Default)]
struct Counted {
    absent: i64,
    /// One after the other.
    medical: u32,
    holiday: u32,
    has_stayed: bool,
    /// Funded ones of this year.
    holiday_of_year: u32,
    year: i32,
}

/// Whether two absences have an absent day in common, or one contains the other's leaving: what is entered twice.
pub fn overlap(one: &Absence, other: &Absence) -> bool {
    let last = |absence: &Absence| absence.returned_on.and_then(|day| day.checked_sub_days(Days::new(1)));
    let begins_within = |inner: &Absence, outer: &Absence| {
        outer.left_on <= inner.left_on && last(outer).is_none_or(|last| inner.left_on < last)
    };
    begins_within(one, other) || begins_within(other, one)
}

#[cfg(test)]
mod tests;
