#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").unwrap()
}

/// The days of a month, as numbers.
fn days(rule: &str, start: &str, month: &str) -> Vec<u32> {
    let bits = Recurrence::new(rule, at(start)).unwrap().days_in_month(Month::parse(month).unwrap()).unwrap();
    (1..=31).filter(|day| bits & (1 << (day - 1)) != 0).collect()
}

#[test]
fn agreements_of_every_form_fall_on_the_right_days() {
    let monday = "2026-04-06T09:00";
    for (rule, start, month, expected) in [
        ("FREQ=DAILY", "2026-04-28T09:00", "2026-04", vec![28, 29, 30]),
        ("FREQ=DAILY;INTERVAL=10", monday, "2026-05", vec![6, 16, 26]),
        ("FREQ=DAILY;BYDAY=SA,SU", monday, "2026-04", vec![11, 12, 18, 19, 25, 26]),
        ("FREQ=WEEKLY", monday, "2026-04", vec![6, 13, 20, 27]),
        ("FREQ=WEEKLY;INTERVAL=3;BYDAY=MO,TH", monday, "2026-05", vec![18, 21]),
        // the week begins on Sunday or on Monday: whether it is this one or the next that counts
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=MO", "2026-04-07T09:00", "2026-04", vec![7, 12, 21, 26]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU", "2026-04-07T09:00", "2026-04", vec![7, 19, 21]),
        ("FREQ=MONTHLY", "2026-01-31T09:00", "2026-02", vec![]),
        ("FREQ=MONTHLY", "2026-01-31T09:00", "2026-03", vec![31]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "2026-01-01T09:00", "2028-02", vec![29]),
        ("FREQ=MONTHLY;BYDAY=1MO,-1FR", monday, "2026-05", vec![4, 29]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", monday, "2026-05", vec![29]),
        ("FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=10", "2026-01-01T09:00", "2026-03", vec![]),
        ("FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=10", "2026-01-01T09:00", "2026-04", vec![10]),
        ("FREQ=YEARLY", "2024-02-29T09:00", "2028-02", vec![29]),
        ("FREQ=YEARLY;BYMONTH=12;BYDAY=2SA", "2020-01-01T09:00", "2026-12", vec![12]),
        ("FREQ=YEARLY;BYDAY=20MO", "2020-01-01T09:00", "2026-05", vec![18]),
        ("FREQ=WEEKLY;COUNT=3", monday, "2026-04", vec![6, 13, 20]),
        ("FREQ=WEEKLY;COUNT=1", monday, "2026-05", vec![]),
        ("FREQ=WEEKLY;UNTIL=20260420", monday, "2026-04", vec![6, 13, 20]),
        ("FREQ=WEEKLY;UNTIL=20260420T085959", monday, "2026-04", vec![6, 13]),
        ("FREQ=WEEKLY;UNTIL=20260420T090000", monday, "2026-04", vec![6, 13, 20]),
        ("FREQ=WEEKLY", monday, "2026-03", vec![]),
        ("freq=weekly;byday=mo", monday, "2026-04", vec![6, 13, 20, 27]),
    ] {
        assert_eq!(days(rule, start, month), expected, "{rule} from {start} in {month}");
    }
}

#[test]
fn a_rule_goes_on_to_the_end_of_time_without_a_walk() {
    assert_eq!(days("FREQ=DAILY;UNTIL=99991231", "2000-01-01T00:00", "2178-12").len(), 31);
}

#[test]
fn hostile_rules_are_refused() {
    use RecurrenceError as E;
    let long = format!("FREQ=DAILY;BYMONTHDAY={}1", "1,".repeat(300));
    for (rule, expected) in [
        ("FREQ=SECONDLY", E::Frequency),
        ("FREQ=MINUTELY;COUNT=1", E::Frequency),
        ("FREQ=HOURLY;INTERVAL=24", E::Frequency),
        ("FREQ=DAILY;COUNT=1000000000", E::Count),
        ("FREQ=DAILY;COUNT=0", E::Count),
        ("FREQ=YEARLY;COUNT=12", E::Count),
        // there is no such day, so it is never reached
        ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30;COUNT=1", E::Count),
        ("FREQ=YEARLY;INTERVAL=10000", E::Interval),
        ("FREQ=DAILY;INTERVAL=0", E::Interval),
        ("FREQ=MONTHLY;BYSETPOS=1", E::SetPosition),
        ("FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=2", E::SetPosition),
        ("FREQ=WEEKLY;BYDAY=2MO", E::NumberedWeekday),
        ("FREQ=DAILY;BYHOUR=8,12,18", E::Part("BYHOUR")),
        ("FREQ=DAILY;BYMINUTE=0,30", E::Part("BYMINUTE")),
        ("FREQ=YEARLY;BYWEEKNO=20", E::Part("BYWEEKNO")),
        ("FREQ=YEARLY;BYYEARDAY=100", E::Part("BYYEARDAY")),
        ("FREQ=WEEKLY;BYMONTHDAY=3", E::Part("BYMONTHDAY in a WEEKLY rule")),
        ("FREQ=DAILY;UNTIL=20260420T090000Z", E::Until),
        ("FREQ=DAILY;UNTIL=20260230", E::Until),
        ("FREQ=DAILY;UNTIL=20260420;COUNT=2", E::Until),
        ("FREQ=DAILY;FREQ=WEEKLY", E::Twice("FREQ".to_owned())),
        ("FREQ=DAILY;UNTIL=20260420;until=20270420", E::Twice("UNTIL".to_owned())),
        ("FREQ=DAILY\nEXDATE:20260401", E::Text),
        ("RRULE:FREQ=DAILY", E::Text),
        ("FREQ=WEEKLY;BYDAY=\u{e9}\u{e9}", E::Text),
        ("", E::Text),
        (long.as_str(), E::Text),
    ] {
        assert_eq!(Recurrence::new(rule, at("2026-04-06T09:00")), Err(expected), "{rule}");
    }
    for rule in [
        "FREQ",
        "FREQ=",
        "FREQ=DAILY;",
        ";",
        "=",
        "FREQ=DAILY;BYDAY=",
        "FREQ=DAILY;BYDAY=X",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=MONTHLY;BYDAY=99MO",
        "FREQ=MONTHLY;BYDAY=ZZMO",
        "FREQ=MONTHLY;BYDAY=99999MO",
        "FREQ=MONTHLY;BYDAY=0MO",
        "FREQ=MONTHLY;BYDAY=MO,",
        "FREQ=WEEKLY;BYWEEKDAY=MO",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=0",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=400",
        "FREQ=MONTHLY;BYMONTHDAY=127",
        "FREQ=YEARLY;BYMONTH=13",
        "FREQ=DAILY;INTERVAL=65536",
        "FREQ=DAILY;INTERVAL=-1",
        "FREQ=DAILY;COUNT=-1",
        "FREQ=DAILY;COUNT=99999999999",
        "FREQ=DAILY;X=1",
        "FREQ=DAILY;WKST=XX",
        "INTERVAL=2",
    ] {
        assert!(matches!(Recurrence::new(rule, at("2026-04-06T09:00")), Err(E::Malformed(_))), "{rule}");
    }
    for start in ["1999-12-31T09:00", "2179-01-01T09:00"] {
        assert_eq!(Recurrence::new("FREQ=DAILY", at(start)), Err(E::Start));
    }
}

/// What the crate says when it walks from the start, as nobody here does.
fn walked(rule: &str, start: NaiveDateTime, month: Month) -> u32 {
    let text = format!("DTSTART:{}Z\nRRULE:{rule}", start.format("%Y%m%dT%H%M%S"));
    let set: rrule::RRuleSet = text.parse().unwrap();
    let next = month.first().checked_add_months(Months::new(1)).unwrap();
    let days = set.into_iter().map(|at| at.date_naive()).take_while(|day| *day < next).take(20_000);
    days.filter(|day| *day >= month.first()).fold(0, |bits, day| bits | 1 << day.day0())
}

fn rules() -> impl Strategy<Value = String> {
    let weekdays = proptest::sample::subsequence(vec!["MO", "TU", "WE", "TH", "FR", "SA", "SU"], 1..4);
    let numbered = proptest::sample::subsequence(vec!["1MO", "-1FR", "3SU", "2WE", "TH"], 1..4);
    let month_days = proptest::sample::subsequence(vec!["1", "-1", "13", "29", "31"], 1..4);
    let months = proptest::sample::subsequence(vec!["1", "2", "4", "7", "12"], 1..4);
    let part = |name: &'static str, values: Vec<&str>| format!(";{name}={}", values.join(","));
    (
        (0_usize..4, 1_u32..5, proptest::option::of(weekdays), proptest::option::of(numbered)),
        (proptest::option::of(month_days), proptest::option::of(months)),
        (proptest::option::of(1_i32..3), proptest::option::of(1_u32..9), any::<bool>()),
    )
        .prop_map(
            move |((frequency, interval, weekdays, numbered), (month_days, months), (position, count, sunday))| {
                let mut rule =
                    format!("FREQ={};INTERVAL={interval}", ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"][frequency]);
                let mut has_days = false;
                if let Some(days) = if frequency >= 2 { numbered } else { weekdays } {
                    rule.push_str(&part("BYDAY", days));
                    has_days = true;
                }
                if let Some(days) = month_days.filter(|_| frequency != 1) {
                    rule.push_str(&part("BYMONTHDAY", days));
                    has_days = true;
                }
                if let Some(months) = months {
                    rule.push_str(&part("BYMONTH", months));
                }
                if let Some(position) = position.filter(|_| frequency >= 2 && has_days) {
                    rule.push_str(&format!(";BYSETPOS={position}"));
                }
                if let Some(count) = count {
                    rule.push_str(&format!(";COUNT={count}"));
                }
                if sunday {
                    rule.push_str(";WKST=SU");
                }
                rule
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_month_by_itself_agrees_with_a_walk_from_the_start(rule in rules(), start in 0_i64..800, later in 0_u32..30) {
        let start = at("2024-01-01T10:30") + chrono::Duration::days(start);
        let month = start.date().checked_add_months(Months::new(later)).unwrap();
        let month = Month::new(month.year(), month.month()).unwrap();
        match Recurrence::new(&rule, start) {
            Ok(recurrence) => {
                let bits = recurrence.days_in_month(month).unwrap();
                prop_assert_eq!(bits, walked(&rule, start, month), "{} in {}", &rule, month);
                let mut known = Recurrences::default();
                for _ in 0..2 {
                    prop_assert_eq!(known.days_in_month(&rule, start, month), Ok(bits));
                }
            }
            Err(error) => prop_assert_eq!(error, RecurrenceError::Count, "{}", rule),
        }
    }

    #[test]
    fn no_text_takes_anything_down(text in "[A-Z0-9=;,+-]{0,60}", parts in proptest::collection::vec(
        proptest::sample::select(vec!["FREQ=YEARLY", "FREQ=DAILY", "BYDAY=-53SU", "BYDAY=+1MO", "BYSETPOS=-366", "BYMONTHDAY=-31",
            "INTERVAL=366", "COUNT=4294967295", "UNTIL=99991231", "BYMONTH=2", "WKST=SU"]), 0..6)) {
        for rule in [text, parts.join(";")] {
            if let Ok(recurrence) = Recurrence::new(&rule, at("2026-04-06T09:00")) {
                for month in ["2026-04", "2178-12", "1999-01", "9999-11"] {
                    let _ = recurrence.days_in_month(Month::parse(month).unwrap());
                }
            }
        }
    }
}
