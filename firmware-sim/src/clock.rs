//! The terminal's clock: this machine's, corrected by what the service said.
//!
//! A signature is good for a minute and an id for a window, so a terminal whose clock is wrong sells nothing. It learns the
//! time from the `Date` of a 401 `signature-expired`, and only from a peer that it knows: over TLS with the pinned CA, or
//! on this machine. How far one answer may move the clock:
//!
//! - while nobody confirmed the clock since the program started (or since this machine's clock was set or slept): anywhere
//!   after `floor`, the last time that was confirmed before, a day less;
//! - from then on: an hour. A service that comes back with a wrong clock moves nobody further, however often it says so: the
//!   sum of what is learnt stays within the hour.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::random::now_ms;

/// How far a confirmed clock is moved, in all.
const MOVED_MS_MAX: u64 = 3_600_000;
/// How much earlier than the floor a first time may be: a service's own clock is set back now and then.
const BELOW_FLOOR_MS_MAX: u64 = 24 * 3_600_000;
/// More than this between the machine's clock and the time that passed: it was set, or slept.
const STEP_MS: u64 = 5_000;

/// A clock that all parts of one terminal share.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// What is added to the machine's clock.
    offset_ms: i64,
    /// The offset when the clock was confirmed.
    confirmed: Option<i64>,
    floor_ms: u64,
    /// The machine's clock and the time that passes, at one moment.
    seen: (u64, Instant),
}

impl Default for State {
    fn default() -> Self {
        Self { offset_ms: 0, confirmed: None, floor_ms: 0, seen: (now_ms(), Instant::now()) }
    }
}

/// What became of a time that the service said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learnt {
    /// The clock goes by it now.
    Set,
    /// It was right already.
    Right,
    /// It lies too far away: the clock stays as it was.
    TooFar,
}

/// Whether a service may lead a clock to this offset: see above. `confirmed_ms` is the offset when the clock was confirmed.
pub const fn may_lead(confirmed_ms: Option<i64>, floor_ms: u64, offset_ms: i64, said_ms: u64) -> bool {
    match confirmed_ms {
        Some(confirmed_ms) => offset_ms.abs_diff(confirmed_ms) <= MOVED_MS_MAX,
        None => said_ms.saturating_add(BELOW_FLOOR_MS_MAX) >= floor_ms,
    }
}

impl State {
    fn look(&mut self) -> u64 {
        let machine = now_ms();
        let passed = u64::try_from(self.seen.1.elapsed().as_millis()).unwrap_or(u64::MAX);
        if machine.abs_diff(self.seen.0.saturating_add(passed)) > STEP_MS {
            self.confirmed = None;
        }
        self.seen = (machine, Instant::now());
        machine
    }

    fn corrected(&self, machine: u64) -> u64 {
        machine.saturating_add_signed(self.offset_ms)
    }
}

impl Clock {
    /// A clock whose time was confirmed before, at `floor_ms`.
    pub fn after(floor_ms: u64) -> Self {
        Self(Arc::new(Mutex::new(State { floor_ms, ..State::default() })))
    }

    /// Of a machine whose clock is off by this much: to see that it is put right.
    pub fn off_by(offset_ms: i64) -> Self {
        Self(Arc::new(Mutex::new(State { offset_ms, ..State::default() })))
    }

    fn with<T>(&self, act: impl FnOnce(&mut State, u64) -> T) -> T {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let machine = state.look();
        act(&mut state, machine)
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        self.with(|state, machine| state.corrected(machine))
    }

    /// What is added to this machine's clock, in milliseconds.
    pub fn offset_ms(&self) -> i64 {
        self.with(|state, _| state.offset_ms)
    }

    /// Whether the service found the clock right since the program started, and nobody set this machine's clock after it.
    pub fn is_confirmed(&self) -> bool {
        self.with(|state, _| state.confirmed.is_some())
    }

    /// The service took a signature of now.
    pub fn confirm(&self) {
        self.with(|state, machine| {
            let offset = state.offset_ms;
            state.confirmed.get_or_insert(offset);
            state.floor_ms = state.floor_ms.max(state.corrected(machine));
        });
    }

    /// The service, known for certain, says that it is this time.
    pub fn learn(&self, said_ms: u64) -> Learnt {
        self.with(|state, machine| {
            let (Ok(said), Ok(machine_ms)) = (i64::try_from(said_ms), i64::try_from(machine)) else {
                return Learnt::TooFar;
            };
            let offset = said - machine_ms;
            if !may_lead(state.confirmed, state.floor_ms, offset, said_ms) {
                return Learnt::TooFar;
            }
            // a Date has whole seconds
            let was_right = (offset - state.offset_ms).abs() <= 1_000;
            state.confirmed.get_or_insert(offset);
            if was_right {
                return Learnt::Right;
            }
            state.offset_ms = offset;
            Learnt::Set
        })
    }
}

/// The time of a `Date` header (IMF-fixdate), in milliseconds since 1970.
pub fn parse_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, rest) = text.trim().strip_suffix(" GMT")?.split_once(", ")?;
    let words: Vec<&str> = rest.split(' ').collect();
    let &[day, month, year, time] = words.as_slice() else { return None };
    let parts: Vec<&str> = time.split(':').collect();
    let &[hour, minute, second] = parts.as_slice() else { return None };
    let number = |digits: &str, length: usize, range: std::ops::RangeInclusive<u64>| {
        let is_plain = digits.len() == length && digits.bytes().all(|digit| digit.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|value| is_plain && range.contains(value))
    };
    let month = u64::try_from(MONTHS.iter().position(|name| *name == month)?).ok()? + 1;
    let days = days_since_1970(number(year, 4, 1970..=9999)?, month, number(day, 2, 1..=31)?);
    let seconds = number(hour, 2, 0..=23)? * 3600 + number(minute, 2, 0..=59)? * 60 + number(second, 2, 0..=60)?;
    Some((days * 86_400 + seconds) * 1000)
}

/// Days from 1 January 1970, by the calendar that begins its years in March: leap days come last.
const fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days_of_years = 365 * year + year / 4 - year / 100 + year / 400;
    days_of_years + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const YEAR_MS: u64 = 365 * 24 * 3_600_000;

    #[test]
    fn a_date_is_read_to_the_second_and_what_is_none_is_not() {
        assert_eq!(parse_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(parse_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(parse_date("Thu, 29 Feb 2024 23:59:59 GMT"), Some(1_709_251_199_000));
        assert_eq!(parse_date("Wed, 25 Nov 2026 03:00:00 GMT"), Some(1_795_575_600_000));
        for wrong in [
            "",
            "0",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Non 1994 08:49:37 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
        ] {
            assert_eq!(parse_date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_clock_that_nobody_confirmed_learns_a_time_years_away_at_once() {
        for said in [now_ms() + 20 * YEAR_MS, now_ms() - 20 * YEAR_MS] {
            let clock = Clock::default();
            assert_eq!(clock.learn(said), Learnt::Set);
            assert!(clock.now_ms().abs_diff(said) < 2_000 && clock.is_confirmed());
        }
    }

    #[test]
    fn a_confirmed_clock_is_moved_an_hour_in_all_and_no_further() {
        let clock = Clock::default();
        clock.confirm();
        let start = now_ms();
        assert_eq!(clock.learn(start + YEAR_MS), Learnt::TooFar);
        assert!(clock.now_ms().abs_diff(start) < 2_000);
        assert_eq!(clock.learn(start + 50 * 60_000), Learnt::Set);
        // nor in small steps
        assert_eq!(clock.learn(start + 90 * 60_000), Learnt::TooFar);
        assert_eq!(clock.learn(start - 50 * 60_000), Learnt::Set);
        assert!(clock.now_ms().abs_diff(start - 50 * 60_000) < 2_000);
    }

    #[test]
    fn a_restarted_terminal_is_never_led_back_before_what_was_confirmed() {
        let confirmed = now_ms();
        let clock = Clock::after(confirmed);
        assert_eq!(clock.learn(confirmed - YEAR_MS), Learnt::TooFar);
        assert_eq!(clock.learn(confirmed - 12 * 3_600_000), Learnt::Set);
    }

    #[test]
    fn a_time_that_cannot_be_is_not_learnt() {
        assert_eq!(Clock::default().learn(u64::MAX), Learnt::TooFar);
    }

    #[test]
    fn a_machine_whose_clock_was_set_may_be_corrected_anew() {
        let clock = Clock::default();
        clock.confirm();
        // the machine's clock jumped by a year since it was looked at
        clock.0.lock().unwrap().seen.0 -= YEAR_MS;
        assert!(!clock.is_confirmed());
        assert_eq!(clock.learn(now_ms() - YEAR_MS + 7_200_000), Learnt::TooFar, "before what was confirmed");
        assert_eq!(clock.learn(now_ms() + 7_200_000), Learnt::Set);
    }
}
