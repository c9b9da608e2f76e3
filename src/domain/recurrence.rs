//! On which days an agreement is planned: an iCalendar rule (RFC 5545, RRULE) and the day of its first occurrence.
//!
//! An occurrence is a *day*: no rule plans a line twice on one day, and rules of hours, minutes and seconds are refused. The crate
//! `rrule` reads a rule and says which days of one month or year it names. It is never asked to walk from a line's start to today,
//! which takes the longer the older a line is, and for ever where a rule names no day at all: the interval is reckoned here, and
//! COUNT becomes a last day when the rule is read. So a month costs the same whatever the rule says, and the same rule in the same
//! month is asked once ([`Recurrences`]). Should the crate panic, the rule is refused and nothing else happens.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Weekday};
use rrule::{Frequency, NWeekday, RRule, Tz, Unvalidated};

use super::month_grant::Month;

/// Of a rule's text.
const TEXT_MAX: usize = 500;
/// A rule with COUNT ends within ten years: longer ones are given a last day.
const COUNT_MONTHS_MAX: u32 = 120;
/// Five years of days, seven years of weeks: what is agreed more seldom is agreed anew.
const INTERVAL_MAX: u16 = 366;
/// An expansion is asked for one month or year alone: the next would be thousands of years away, where calendars end.
const INTERVAL_NEVER: u16 = u16::MAX;

/// Why a rule is refused, with what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum RecurrenceError {
    #[error("the recurrence is longer than 500 characters, or has other characters than letters, digits and `=;,+-`")]
    Text,
    #[error("{0} is in the recurrence twice")]
    Twice(String),
    #[error("the recurrence is no iCalendar rule: {0}")]
    Malformed(String),
    #[error("FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY: what is planned is a day")]
    Frequency,
    #[error("INTERVAL must be 1 to 366")]
    Interval,
    #[error("COUNT must be at least 1 and be reached within ten years; give a last day (UNTIL) instead")]
    Count,
    #[error("UNTIL must be a local day or time (20261231 or 20261231T235959, without Z), and not stand beside COUNT")]
    Until,
    #[error("{0} cannot be used: say it with BYDAY, BYMONTHDAY and BYMONTH; the time of day is the start's")]
    Part(&'static str),
    #[error("BYSETPOS chooses among the days of BYDAY or BYMONTHDAY, in a MONTHLY or YEARLY rule alone")]
    SetPosition,
    #[error("a weekday with a number stands in MONTHLY and YEARLY rules alone")]
    NumberedWeekday,
    #[error("the start lies outside the years 2000 to 2178")]
    Start,
}

/// A rule without its start.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    frequency: Frequency,
    interval: u16,
    count: Option<u32>,
    until: Option<(NaiveDate, Option<NaiveTime>)>,
    week_start: Weekday,
    days: Named,
}

/// Days by name, in a month or, where `whole_year`, in a year: what the crate is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Named {
    whole_year: bool,
    months: Vec<u8>,
    month_days: Vec<i8>,
    /// Number (0: every) and day of the week.
    weekdays: Vec<(i16, Weekday)>,
    positions: Vec<i32>,
}

/// Planned days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recurrence {
    frequency: Frequency,
    interval: u16,
    week_start: Weekday,
    start: NaiveDate,
    /// The last day that may be one.
    last: Option<NaiveDate>,
    named: Arc<Named>,
}

impl Recurrence {
    /// From an RRULE without its name (`FREQ=WEEKLY;BYDAY=TU`) and the local time of the first occurrence.
    ///
    /// # Errors
    /// [`RecurrenceError`].
    pub fn new(text: &str, starts_at: NaiveDateTime) -> Result<Recurrence, RecurrenceError> {
        Recurrence::of(&Rule::parse(text)?, starts_at, &mut Recurrences::default())
    }

    fn of(rule: &Rule, starts_at: NaiveDateTime, known: &mut Recurrences) -> Result<Recurrence, RecurrenceError> {
        let start = starts_at.date();
        if !(2000..=2178).contains(&start.year()) {
            return Err(RecurrenceError::Start);
        }
        let last = match rule.until {
            Some((day, Some(time))) if time < starts_at.time() => day.pred_opt(),
            Some((day, _)) => Some(day),
            None => None,
        };
        let named = Arc::new(rule.days.started(rule.frequency, start));
        let Rule { frequency, interval, week_start, .. } = *rule;
        let mut recurrence = Recurrence { frequency, interval, week_start, start, last, named };
        if let Some(count) = rule.count {
            recurrence.last = Some(recurrence.day_number(count, known)?);
        }
        Ok(recurrence)
    }

    /// The planned days of a month: day n is bit n - 1. What a client is away for, or has dropped, is the caller's to take off.
    ///
    /// # Errors
    /// [`RecurrenceError::Malformed`] where the crate cannot say it after all.
    pub fn days_in_month(&self, month: Month) -> Result<u32, RecurrenceError> {
        self.days_with(month, &mut Recurrences::default())
    }

    fn days_with(&self, month: Month, known: &mut Recurrences) -> Result<u32, RecurrenceError> {
        let outside = |day: NaiveDate| day < self.start || self.last.is_some_and(|last| day > last);
        let first = month.first();
        let next = first.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX);
        let is_over = self.last.is_some_and(|last| last < first);
        if next <= self.start || is_over || !self.has_turn_in(first) {
            return Ok(0);
        }
        let named = known.named(&self.named, month)?;
        let planned = month
            .days()
            .zip(0_u32..)
            .filter(|(day, place)| named & (1 << place) != 0 && !outside(*day) && self.is_turn_of(*day));
        Ok(planned.fold(0, |bits, (_, place)| bits | 1 << place))
    }

    /// Whether a month, or its year, is one of every INTERVAL of them.
    fn has_turn_in(&self, first: NaiveDate) -> bool {
        let years = i64::from(first.year() - self.start.year());
        let months = years * 12 + i64::from(first.month0()) - i64::from(self.start.month0());
        match self.frequency {
            Frequency::Yearly => years % i64::from(self.interval) == 0,
            Frequency::Monthly => months % i64::from(self.interval) == 0,
            _ => true,
        }
    }

    /// Whether a day, or its week, is one of every INTERVAL of them.
    fn is_turn_of(&self, day: NaiveDate) -> bool {
        let week_of = |day: NaiveDate| day.week(self.week_start).checked_first_day();
        match self.frequency {
            Frequency::Daily => (day - self.start).num_days() % i64::from(self.interval) == 0,
            Frequency::Weekly => week_of(day)
                .zip(week_of(self.start))
                .is_some_and(|(one, other)| (one - other).num_weeks() % i64::from(self.interval) == 0),
            _ => true,
        }
    }

    /// The day of the occurrence with this number, from 1.
    fn day_number(&self, number: u32, known: &mut Recurrences) -> Result<NaiveDate, RecurrenceError> {
        let mut seen = 0;
        for later in 0..=COUNT_MONTHS_MAX {
            let month = self.start.checked_add_months(Months::new(later)).ok_or(RecurrenceError::Count)?;
            let month = Month::new(month.year(), month.month()).ok_or(RecurrenceError::Count)?;
            let mut bits = self.days_with(month, known)?;
            while bits != 0 {
                seen += 1;
                if seen == number {
                    let day = month.first().checked_add_days(Days::new(u64::from(bits.trailing_zeros())));
                    return day.ok_or(RecurrenceError::Count);
                }
                bits &= bits - 1;
            }
        }
        Err(RecurrenceError::Count)
    }
}

/// Rules that were read and months that were asked, so that neither is done twice. Lines of one service begin on different days and
/// still share them: there are a few hundred rules and months where there are a million lines. Keep one for a job, not for ever.
#[derive(Debug, Default)]
pub struct Recurrences {
    rules: HashMap<String, Result<Arc<Rule>, RecurrenceError>>,
    months: HashMap<Arc<Named>, HashMap<Month, u32>>,
}

impl Recurrences {
    /// As [`Recurrence::new`] and [`Recurrence::days_in_month`].
    ///
    /// # Errors
    /// [`RecurrenceError`].
    pub fn days_in_month(
        &mut self,
        text: &str,
        starts_at: NaiveDateTime,
        month: Month,
    ) -> Result<u32, RecurrenceError> {
        let rule = match self.rules.get(text) {
            Some(rule) => rule.clone(),
            None => {
                let rule = Rule::parse(text).map(Arc::new);
                self.rules.insert(text.to_owned(), rule.clone());
                rule
            }
        };
        Recurrence::of(&*rule?, starts_at, self)?.days_with(month, self)
    }

    fn named(&mut self, named: &Arc<Named>, month: Month) -> Result<u32, RecurrenceError> {
        if let Some(bits) = self.months.get(named).and_then(|months| months.get(&month)) {
            return Ok(*bits);
        }
        let bits = named.in_month(month)?;
        self.months.entry(Arc::clone(named)).or_default().insert(month, bits);
        Ok(bits)
    }
}

impl Rule {
    fn parse(text: &str) -> Result<Rule, RecurrenceError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"=;,+-".contains(&byte);
        if text.is_empty() || text.len() > TEXT_MAX || !text.bytes().all(is_plain) {
            return Err(RecurrenceError::Text);
        }
        let mut kept: Vec<&str> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        let mut until = None;
        for part in text.split(';') {
            let (name, value) = part.split_once('=').ok_or_else(|| malformed(&format!("`{part}` has no value")))?;
            let name = name.to_ascii_uppercase();
            if names.contains(&name) {
                return Err(RecurrenceError::Twice(name));
            }
            // the crate reads what it does not understand here as "every", "none" or another name
            let is_understood = match name.as_str() {
                "BYDAY" => value.split(',').all(is_weekday),
                "BYMONTHDAY" => value.split(',').all(|day| day.parse::<i8>().is_ok_and(|day| day != 0)),
                "BYWEEKDAY" => false,
                _ => true,
            };
            if !is_understood {
                return Err(malformed(&format!("`{part}` names no days")));
            }
            // the crate would read it in the machine's time zone
            if name == "UNTIL" {
                until = Some(read_until(value)?);
            } else {
                kept.push(part);
            }
            names.push(name);
        }
        let read =
            guarded(|| kept.join(";").parse::<RRule<Unvalidated>>().map_err(|error| malformed(&error.to_string())))?;
        Rule::checked(&read, until)
    }

    fn checked(
        read: &RRule<Unvalidated>,
        until: Option<(NaiveDate, Option<NaiveTime>)>,
    ) -> Result<Rule, RecurrenceError> {
        let frequency = read.get_freq();
        let in_large = match frequency {
            Frequency::Yearly | Frequency::Monthly => true,
            Frequency::Weekly | Frequency::Daily => false,
            _ => return Err(RecurrenceError::Frequency),
        };
        let refused = [
            ("BYHOUR", read.get_by_hour().is_empty()),
            ("BYMINUTE", read.get_by_minute().is_empty()),
            ("BYSECOND", read.get_by_second().is_empty()),
            ("BYYEARDAY", read.get_by_year_day().is_empty()),
            ("BYWEEKNO", read.get_by_week_no().is_empty()),
            ("BYMONTHDAY in a WEEKLY rule", frequency != Frequency::Weekly || read.get_by_month_day().is_empty()),
        ];
        if let Some((part, _)) = refused.iter().find(|(_, is_absent)| !is_absent) {
            return Err(RecurrenceError::Part(part));
        }
        if !(1..=INTERVAL_MAX).contains(&read.get_interval()) {
            return Err(RecurrenceError::Interval);
        }
        if until.is_some() && read.get_count().is_some() {
            return Err(RecurrenceError::Until);
        }
        if read.get_count() == Some(0) {
            return Err(RecurrenceError::Count);
        }
        let mut weekdays: Vec<(i16, Weekday)> = read
            .get_by_weekday()
            .iter()
            .map(|day| match day {
                NWeekday::Every(day) => (0, *day),
                NWeekday::Nth(number, day) => (*number, *day),
            })
            .collect();
        if !in_large && weekdays.iter().any(|(number, _)| *number != 0) {
            return Err(RecurrenceError::NumberedWeekday);
        }
        let has_days = !weekdays.is_empty() || !read.get_by_month_day().is_empty();
        let has_positions = !read.get_by_set_pos().is_empty();
        if has_positions && (!in_large || !has_days) {
            return Err(RecurrenceError::SetPosition);
        }
        weekdays.sort_by_key(|(number, day)| (*number, day.num_days_from_monday()));
        let days = Named {
            whole_year: frequency == Frequency::Yearly,
            months: read.get_by_month().to_vec(),
            month_days: read.get_by_month_day().to_vec(),
            weekdays,
            positions: read.get_by_set_pos().to_vec(),
        };
        // what the crate refuses, it refuses now
        if let Some(month) = Month::new(2024, 2) {
            days.started(frequency, month.first()).in_month(month)?;
        }
        Ok(Rule {
            frequency,
            interval: read.get_interval(),
            count: read.get_count(),
            until,
            week_start: read.get_week_start(),
            days,
        })
    }
}

impl Named {
    /// With what the start says where the rule is silent.
    fn started(&self, frequency: Frequency, start: NaiveDate) -> Named {
        let mut named = self.clone();
        if !named.weekdays.is_empty() || !named.month_days.is_empty() {
            return named;
        }
        let day = i8::try_from(start.day()).unwrap_or(1);
        match frequency {
            Frequency::Weekly => named.weekdays = vec![(0, start.weekday())],
            Frequency::Monthly => named.month_days = vec![day],
            Frequency::Yearly => {
                if named.months.is_empty() {
                    named.months = vec![u8::try_from(start.month()).unwrap_or(1)];
                }
                named.month_days = vec![day];
            }
            _ => named.month_days = (1..=31).collect(),
        }
        named
    }

    /// The days of a month that are named so, whatever the interval.
    fn in_month(&self, month: Month) -> Result<u32, RecurrenceError> {
        let first = month.first();
        let from = if self.whole_year { first.with_day(1).and_then(|day| day.with_month(1)) } else { Some(first) };
        let from = from.and_then(|day| day.and_hms_opt(0, 0, 0)).ok_or(RecurrenceError::Start)?;
        guarded(|| {
            let months: Vec<chrono::Month> =
                self.months.iter().filter_map(|month| chrono::Month::try_from(*month).ok()).collect();
            let weekdays =
                self.weekdays.iter().map(|(number, day)| NWeekday::new((*number != 0).then_some(*number), *day));
            let frequency = if self.whole_year { Frequency::Yearly } else { Frequency::Monthly };
            let set = RRule::new(frequency)
                .interval(INTERVAL_NEVER)
                .by_month(&months)
                .by_month_day(self.month_days.clone())
                .by_weekday(weekdays.collect())
                .by_set_pos(self.positions.clone())
                .build(Tz::UTC.from_utc_datetime(&from))
                .map_err(|error| malformed(&error.to_string()))?
                .limit();
            let days = set.into_iter().map(|at| at.date_naive());
            let days = days.take_while(|day| (day.year(), day.month()) <= (first.year(), first.month()));
            let of_month = days.filter(|day| day.month() == first.month());
            Ok(of_month.fold(0, |bits, day| bits | 1 << day.day0()))
        })
    }
}

/// `20261231` or `20261231T235959`, local.
fn read_until(text: &str) -> Result<(NaiveDate, Option<NaiveTime>), RecurrenceError> {
    let is_digits = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    let (day, time) = text.split_once('T').map_or((text, None), |(day, time)| (day, Some(time)));
    let day = is_digits(day, 8).then(|| NaiveDate::parse_from_str(day, "%Y%m%d").ok()).flatten();
    let time = match time {
        None => Some(None),
        Some(time) => is_digits(time, 6).then(|| NaiveTime::parse_from_str(time, "%H%M%S").ok()).flatten().map(Some),
    };
    day.zip(time).ok_or(RecurrenceError::Until)
}

/// `MO`, `1MO` or `-1MO`.
fn is_weekday(text: &str) -> bool {
    let Some((number, _)) = text.len().checked_sub(2).and_then(|at| text.split_at_checked(at)) else { return false };
    number.is_empty() || number.parse::<i16>().is_ok_and(|number| number != 0)
}

fn malformed(why: &str) -> RecurrenceError {
    RecurrenceError::Malformed(why.to_owned())
}

/// The crate's panics are a refusal.
fn guarded<T>(ask: impl FnOnce() -> Result<T, RecurrenceError>) -> Result<T, RecurrenceError> {
    catch_unwind(AssertUnwindSafe(ask)).unwrap_or_else(|_| Err(malformed("it cannot be read")))
}

#[cfg(test)]
mod tests;
