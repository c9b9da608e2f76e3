//! The world's clock: days pass in it while a run takes seconds.
//!
//! The service has the real clock. A world begins 30 days ago and never reaches today, and tills are told the world's time
//! for the service's, so that what happens does not depend on how fast a run is.

use crate::random::now_ms;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// How long ago a world begins: ids of the last 35 days are good.
const BEGINS_AGO_MS: u64 = 30 * DAY_MS;

/// The clock of one run.
#[derive(Clone, Copy, Debug)]
pub struct WorldClock {
    now_ms: u64,
    latest_ms: u64,
}

impl Default for WorldClock {
    fn default() -> Self {
        let real = now_ms();
        Self { now_ms: real - BEGINS_AGO_MS, latest_ms: real - DAY_MS }
    }
}

impl WorldClock {
    /// What time it is.
    pub const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Time passes, up to the day before today.
    pub fn pass(&mut self, span_ms: u64) {
        self.now_ms = self.now_ms.saturating_add(span_ms).min(self.latest_ms.max(self.now_ms));
    }

    /// As a `Date` header has it (RFC 9110, 5.6.7).
    pub fn http_date(&self) -> String {
        http_date(self.now_ms / 1000)
    }
}

/// Seconds since 1970 as IMF-fixdate.
fn http_date(seconds: u64) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (mut year, mut rest) = (1970, days);
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while rest >= 365 + u64::from(is_leap(year)) {
        rest -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = "";
    for (name, length) in MONTHS.into_iter().zip(lengths) {
        month = name;
        if rest < length {
            break;
        }
        rest -= length;
    }
    let weekday = usize::try_from(days % 7).ok().and_then(|day| WEEKDAYS.get(day)).copied().unwrap_or_default();
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{weekday}, {:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT", rest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_http_has_it() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(1_709_208_000), "Thu, 29 Feb 2024 12:00:00 GMT");
        assert_eq!(http_date(1_735_689_599), "Tue, 31 Dec 2024 23:59:59 GMT");
    }

    #[test]
    fn a_world_that_began_days_ago_never_reaches_today() {
        let mut clock = WorldClock::default();
        clock.pass(u64::MAX);
        assert!(clock.now_ms() < now_ms() - DAY_MS / 2);
    }
}
