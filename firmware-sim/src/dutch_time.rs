//! Local time in the Netherlands: what a till shows, and until when a card is good.
//!
//! The rule is the European one since 1996 (directive 2000/84/EC): an hour ahead of UTC, two from 01:00 UTC on the last
//! Sunday of March until 01:00 UTC on the last Sunday of October.

const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;

/// Year, month and day of a day since 1970 (Howard Hinnant's civil_from_days, for days that are not negative).
const fn civil(day: u64) -> (u64, u64, u64) {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

/// Milliseconds that local time is ahead of UTC.
const fn ahead_ms(utc_ms: u64) -> u64 {
    let day = utc_ms / DAY_MS;
    let (_, month, of_month) = civil(day);
    // 1 January 1970 was a Thursday; 0 is Sunday
    let weekday = (day + 4) % 7;
    // months 3 and 10 have 31 days: the last Sunday is the one after which fewer than 7 days are left
    let sunday = of_month - if of_month > weekday { weekday } else { 0 };
    let has_passed = of_month > weekday && sunday >= 25 && (weekday > 0 || utc_ms % DAY_MS >= HOUR_MS);
    let is_summer = match month {
        4..=9 => true,
        3 => has_passed,
        10 => !has_passed,
        _ => false,
    };
    if is_summer { 2 * HOUR_MS } else { HOUR_MS }
}

/// The local day, as year-month-day.
pub fn date(utc_ms: u64) -> String {
    let (year, month, day) = civil(utc_ms.saturating_add(ahead_ms(utc_ms)) / DAY_MS);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The local time of day, as hours and minutes.
pub fn time_of_day(utc_ms: u64) -> String {
    let of_day = utc_ms.saturating_add(ahead_ms(utc_ms)) % DAY_MS;
    format!("{:02}:{:02}", of_day / HOUR_MS, of_day % HOUR_MS / 60_000)
}

/// The time of day, with the day where that is another than the day of `now_ms`.
pub fn since(utc_ms: u64, now_ms: u64) -> String {
    let (day, today) = (date(utc_ms), date(now_ms));
    if day == today { time_of_day(utc_ms) } else { format!("{day} {}", time_of_day(utc_ms)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summer_time_begins_and_ends_at_one_oclock_utc_on_the_last_sunday() {
        for (utc_ms, expected) in [
            // 29 March 2026 00:59:59 and 01:00:00 UTC
            (1_774_745_999_000, "2026-03-29 01:59"),
            (1_774_746_000_000, "2026-03-29 03:00"),
            // 25 October 2026 00:59:59 and 01:00:00 UTC
            (1_792_889_999_000, "2026-10-25 02:59"),
            (1_792_890_000_000, "2026-10-25 02:00"),
            // the days around
            (1_774_656_000_000, "2026-03-28 01:00"),
            (1_774_828_800_000, "2026-03-30 02:00"),
            (1_792_972_800_000, "2026-10-26 01:00"),
            (1_793_404_800_000, "2026-10-31 01:00"),
            (1_775_001_600_000, "2026-04-01 02:00"),
            (1_772_323_200_000, "2026-03-01 01:00"),
            (1_709_164_800_000, "2024-02-29 01:00"),
            (1_767_225_599_000, "2026-01-01 00:59"),
        ] {
            assert_eq!(format!("{} {}", date(utc_ms), time_of_day(utc_ms)), expected, "{utc_ms}");
        }
    }

    #[test]
    fn the_day_is_said_where_it_is_another() {
        assert_eq!(since(1_767_225_599_000, 1_767_225_600_000), "00:59");
        assert_eq!(since(1_767_139_199_000, 1_767_225_600_000), "2025-12-31 00:59");
    }
}
