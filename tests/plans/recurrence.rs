//! What recurrences cost. (What they say is tested beside them.)

use std::time::{Duration, Instant};

use chrono::NaiveDateTime;
use pasje::domain::month_grant::Month;
use pasje::domain::recurrence::{Recurrence, Recurrences};

fn at(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").unwrap()
}

#[test]
fn what_names_no_day_and_what_began_long_ago_costs_no_more() {
    let begun = Instant::now();
    let month = Month::parse("2178-12").unwrap();
    for rule in [
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=31",
        "FREQ=YEARLY;BYDAY=53MO;BYMONTH=1",
        "FREQ=DAILY;BYMONTHDAY=31;BYMONTH=4",
        "FREQ=DAILY;INTERVAL=365;UNTIL=99991231",
        "FREQ=WEEKLY;INTERVAL=366",
    ] {
        for month in [month, Month::parse("2000-01").unwrap(), Month::parse("2025-04").unwrap()] {
            Recurrence::new(rule, at("2000-01-01T00:00")).unwrap().days_in_month(month).unwrap();
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn a_million_lines_take_seconds_not_minutes() {
    let mut known = Recurrences::default();
    let month = Month::parse("2026-04").unwrap();
    let rules = [
        "FREQ=DAILY",
        "FREQ=WEEKLY;BYDAY=MO,TH",
        "FREQ=MONTHLY;BYDAY=1TU",
        "FREQ=WEEKLY;INTERVAL=2",
        "FREQ=DAILY;COUNT=60",
    ];
    let begun = Instant::now();
    let mut planned = 0;
    let lines = 13_000_u32;
    for line in 0..lines {
        let start = at("2025-06-01T09:00") + chrono::Duration::days(i64::from(line % 300));
        let rule = rules[usize::try_from(line).unwrap() % rules.len()];
        planned += known.days_in_month(rule, start, month).unwrap().count_ones();
    }
    let each = begun.elapsed() / lines;
    println!("{each:?} a line, {planned} planned");
    // unoptimised: a hundred times as many lines still take less than a minute
    assert!(each < Duration::from_micros(45), "{each:?}");
    assert!(planned > lines);
}
