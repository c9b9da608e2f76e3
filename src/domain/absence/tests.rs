#![allow(clippy::unwrap_used)]

use super::*;
use crate::domain::indication::Package;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn away(kind: AbsenceKind, left: &str, returned: Option<&str>) -> Absence {
    Absence { kind, left_on: day(left), returned_on: returned.map(day), permitted_until: None }
}

fn indicated(from: &str, delivery: Delivery) -> Indication {
    let package = Package { profile: "5VV".to_owned(), delivery, treatment: false, day_activities: false };
    Indication { package, period: Period::new(day(from), None).unwrap() }
}

/// Absent days of a client in verblijf since 2020 that are unfunded, in these months.
fn unfunded(absences: &[Absence], months: &[&str]) -> Vec<String> {
    unfunded_of(absences, None, &[indicated("2020-01-01", Delivery::Verblijf)], &AbsenceSettings::default(), months)
}

fn unfunded_of(
    absences: &[Absence],
    arrived_on: Option<&str>,
    indications: &[Indication],
    settings: &AbsenceSettings,
    months: &[&str],
) -> Vec<String> {
    let away = Away { absences, arrived_on: arrived_on.map(day), indications, settings };
    let of_month = |month: &&str| {
        let month = Month::parse(month).unwrap();
        let periods = away.unfunded_periods(month);
        let bits = periods.iter().fold(0, |bits, period| bits | 1_u32 << period.from.day0());
        assert_eq!(bits, away.unfunded_days(month), "said twice, the same");
        periods.into_iter().map(|period| period.from.to_string())
    };
    months.iter().flat_map(of_month).collect()
}

/// Each day from the first to the last.
fn each(from: &str, to: &str) -> Vec<String> {
    day(from).iter_days().take_while(|it| *it <= day(to)).map(|it| it.to_string()).collect()
}

/// Source: Wlz.
#[test]
fn absence_runs_from_the_day_after_leaving_to_the_day_before_return() {
    let hospital = away(AbsenceKind::Medical, "2026-04-10", Some("2026-04-14"));
    let absent = absent_days(&[hospital], Month::parse("2026-04").unwrap());
    assert_eq!(absent, 0b111 << 10, "the 11th, 12th and 13th");
    let same_day = away(AbsenceKind::Medical, "2026-04-10", Some("2026-04-10"));
    let next_day = away(AbsenceKind::Medical, "2026-04-10", Some("2026-04-11"));
    assert_eq!(absent_days(&[same_day, next_day], Month::parse("2026-04").unwrap()), 0);
    let not_back = away(AbsenceKind::Holiday, "2026-04-29", None);
    assert_eq!(absent_days(&[not_back], Month::parse("2026-04").unwrap()), 1 << 29);
    assert_eq!(absent_days(&[not_back], Month::parse("2026-05").unwrap()), u32::MAX >> 1);
}

/// Source: Wlz.
#[test]
fn medical_absence_is_funded_for_91_days_unbroken() {
    // absent from 2 January: day 91 is 2 April
    let hospital = away(AbsenceKind::Medical, "2026-01-01", None);
    let months = ["2026-01", "2026-02", "2026-03", "2026-04"];
    assert_eq!(unfunded(&[hospital], &months), each("2026-04-03", "2026-04-30"));
}

/// Source: Wlz.
#[test]
fn a_day_at_home_begins_the_91_days_anew() {
    let before = away(AbsenceKind::Medical, "2026-01-01", Some("2026-03-31"));
    let after = away(AbsenceKind::Medical, "2026-03-31", None);
    let months = ["2026-03", "2026-04", "2026-05", "2026-06", "2026-07"];
    assert_eq!(unfunded(&[before, after], &months), each("2026-07-01", "2026-07-31"));
    // from one hospital to another without a day at home
    let moved = away(AbsenceKind::Medical, "2026-03-30", None);
    assert_eq!(unfunded(&[before, moved], &["2026-04"]), each("2026-04-03", "2026-04-30"));
}

/// Source: Wlz.
#[test]
fn a_recorded_permission_extends_medical_absence() {
    let hospital =
        Absence { permitted_until: Some(day("2026-04-20")), ..away(AbsenceKind::Medical, "2026-01-01", None) };
    assert_eq!(unfunded(&[hospital], &["2026-04"]), each("2026-04-21", "2026-04-30"));
}

/// Source: Wlz.
#[test]
fn a_holiday_is_funded_for_14_days_a_time() {
    let holiday = away(AbsenceKind::Holiday, "2026-04-05", Some("2026-04-25"));
    assert_eq!(unfunded(&[holiday], &["2026-04"]), each("2026-04-20", "2026-04-24"));
    let again = away(AbsenceKind::Holiday, "2026-04-25", Some("2026-04-30"));
    assert_eq!(unfunded(&[holiday, again], &["2026-04"]), each("2026-04-20", "2026-04-24"), "and 14 the next time");
}

/// Source: Wlz.
#[test]
fn holidays_are_funded_for_42_days_a_calendar_year() {
    let holiday = |left, returned| away(AbsenceKind::Holiday, left, Some(returned));
    // 14 in January, of which only those of this year count; 14 in March, 14 in May, then nothing more
    let of_year = [
        holiday("2025-12-27", "2026-01-11"),
        holiday("2026-03-01", "2026-03-16"),
        holiday("2026-05-01", "2026-05-16"),
        holiday("2026-07-01", "2026-07-16"),
        holiday("2026-12-29", "2027-01-03"),
    ];
    let months = ["2026-01", "2026-03", "2026-05", "2026-07", "2026-12", "2027-01"];
    // 10 + 14 + 14 leave 4 of July
    let mut expected = each("2026-07-06", "2026-07-15");
    expected.extend(each("2026-12-30", "2026-12-31"));
    assert_eq!(unfunded(&of_year, &months), expected);
}

/// Source: Wlz.
#[test]
fn a_holiday_is_funded_after_14_days_of_stay() {
    let settings = AbsenceSettings::default();
    let indications = [indicated("2026-04-01", Delivery::Verblijf)];
    let holiday = |left| [away(AbsenceKind::Holiday, left, Some("2026-04-20"))];
    let of = |absences: &[Absence], arrived| unfunded_of(absences, arrived, &indications, &settings, &["2026-04"]);
    assert_eq!(of(&holiday("2026-04-14"), Some("2026-04-01")), Vec::<String>::new(), "the day of leaving is the 14th");
    assert_eq!(of(&holiday("2026-04-13"), Some("2026-04-01")), each("2026-04-14", "2026-04-19"));
    assert_eq!(of(&holiday("2026-04-13"), None), each("2026-04-14", "2026-04-19"), "as indicated since");
    assert_eq!(of(&holiday("2026-04-13"), Some("2026-03-20")), Vec::<String>::new());
    // in hospital is no stay
    let mut both = vec![away(AbsenceKind::Medical, "2026-04-02", Some("2026-04-06"))];
    both.extend(holiday("2026-04-16"));
    assert_eq!(of(&both, Some("2026-04-01")), each("2026-04-17", "2026-04-19"));
    both.pop();
    both.extend(holiday("2026-04-17"));
    assert_eq!(of(&both, Some("2026-04-01")), Vec::<String>::new());
}

/// Source: Wlz: dated settings by delivery form, not constants.
#[test]
fn how_long_absence_is_funded_is_set_by_delivery_form_and_date() {
    let setting = |delivery, from: &str, medical_days| AbsenceSetting {
        delivery,
        from: day(from),
        medical_days,
        holiday_days_each: 1,
        holiday_days_year: 42,
        holiday_after_days: 0,
    };
    let settings = AbsenceSettings::new(vec![
        setting(Delivery::Vpt, "2026-05-10", 4),
        setting(Delivery::Vpt, "2026-05-01", 2),
        setting(Delivery::Verblijf, "2026-01-01", 30),
    ]);
    let of = |absences: &[Absence], delivery, month| {
        unfunded_of(absences, None, &[indicated("2020-01-01", delivery)], &settings, &[month])
    };
    let april = [away(AbsenceKind::Medical, "2026-04-10", Some("2026-04-20"))];
    assert_eq!(of(&april, Delivery::Vpt, "2026-04"), each("2026-04-13", "2026-04-19"), "before all of them, the first");
    assert_eq!(of(&april, Delivery::Verblijf, "2026-04"), Vec::<String>::new());
    assert_eq!(of(&april, Delivery::Mpt, "2026-04"), Vec::<String>::new(), "none written: 91");
    let may = [away(AbsenceKind::Medical, "2026-05-10", Some("2026-05-20"))];
    assert_eq!(of(&may, Delivery::Vpt, "2026-05"), each("2026-05-15", "2026-05-19"));
    let holiday = [away(AbsenceKind::Holiday, "2026-05-10", Some("2026-05-20"))];
    assert_eq!(of(&holiday, Delivery::Vpt, "2026-05"), each("2026-05-12", "2026-05-19"));
}

#[test]
fn days_without_an_indication_are_not_said_to_be_unfunded_and_use_nothing_up() {
    let holiday = [away(AbsenceKind::Holiday, "2026-03-25", Some("2026-04-20"))];
    let settings = AbsenceSettings::default();
    let indications = [indicated("2026-04-05", Delivery::Verblijf)];
    let found = unfunded_of(&holiday, Some("2026-01-01"), &indications, &settings, &["2026-03", "2026-04"]);
    assert_eq!(found, each("2026-04-19", "2026-04-19"), "14 from the 5th to the 18th");
}

#[test]
fn two_absences_with_a_day_in_common_are_told() {
    let hospital = away(AbsenceKind::Medical, "2026-04-10", Some("2026-04-20"));
    for (left, returned, expected) in [
        ("2026-04-01", Some("2026-04-10"), false),
        ("2026-04-01", Some("2026-04-12"), true),
        ("2026-04-01", None, true),
        ("2026-04-12", Some("2026-04-15"), true),
        ("2026-04-10", Some("2026-04-20"), true),
        ("2026-04-19", None, false),
        ("2026-04-20", None, false),
    ] {
        let other = away(AbsenceKind::Holiday, left, returned);
        assert_eq!(overlap(&hospital, &other), expected, "{left}");
        assert_eq!(overlap(&other, &hospital), expected, "{left}");
    }
}
