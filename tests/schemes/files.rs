//! The five shipped files say what the organisations of the evaluation report do.

use pasje::domain::funding::{CareFromSavings, Unplanned};
use pasje::domain::grant_rules::{Basis, Cut};
use pasje::domain::money::Unit;
use pasje::domain::scheme::{BudgetClose, ReserveClose, Scheme, YearEnd};
use pasje::domain::scheme_file;

use crate::shipped;

fn scheme(name: &str) -> Scheme {
    let scheme = scheme_file::parse(&shipped(name)).unwrap_or_else(|errors| panic!("{name}: {errors:#?}"));
    assert_eq!((scheme.name.as_str(), scheme.version), (name, 1));
    scheme
}

#[test]
fn there_are_five_and_each_number_is_marked_as_an_example() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemes");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".toml")?.to_owned()))
        .collect();
    names.sort();
    assert_eq!(names, ["amsta", "archipel", "ipvb", "norschoten", "zzg"]);
    for name in names {
        let text = shipped(&name);
        assert!(text.contains("Every number in this file is an example (fictitious)"), "{name}");
        let mut all_marked = false;
        for (number, line) in (1..).zip(text.lines()) {
            all_marked |= line.contains("all minutes below are examples (fictitious)");
            // 42 days and no meetings are the rules' own; a version is no figure, nor is nothing at all
            let own = ["version", "provisional_days", "network_meetings"].iter().any(|key| line.starts_with(key));
            let value = line.split_once(" = ").map_or("", |(_, value)| value);
            let has_figure = value.split('#').next().is_some_and(|it| it.bytes().any(|byte| byte.is_ascii_digit()));
            let is_nothing = matches!(value.split('#').next().map(str::trim), Some("0" | "\"0\""));
            let in_table = line.contains("profile") || all_marked && line.contains("minutes_per_week");
            if has_figure && !(own || is_nothing || in_table) {
                assert!(line.contains("example (fictitious)"), "{name}, line {number}: {line}");
            }
        }
    }
}

#[test]
fn archipel_counts_euros_takes_fixed_costs_off_first_and_pays_unplanned_care_for_all() {
    let scheme = scheme("archipel");
    assert_eq!(scheme.grant.basis(), &Basis::Euros);
    let deductions = scheme.grant.deductions();
    let names: Vec<&str> = deductions.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["overhead", "housing", "reception", "night care"]);
    assert!(matches!(deductions[0].cut, Cut::Percent(_)) && matches!(deductions[1].cut, Cut::Month(_)));
    assert!(matches!(deductions[3].cut, Cut::Day(_)));
    assert_eq!(scheme.grant.unplanned(), Unplanned::Collective);
    assert_eq!(scheme.paying.unplanned, Unplanned::Collective, "a sale and a grant are told the same");
    assert!(scheme.paying.extras_from_budget, "extras from the budget by card");
    assert!(!scheme.kept_free.is_zero(), "the coffee money stays");
}

#[test]
fn amsta_counts_minutes_a_week_with_colours_and_shows_no_euro() {
    let scheme = scheme("amsta");
    let Basis::Hours(hours) = scheme.grant.basis() else { panic!("{:?}", scheme.grant.basis()) };
    assert!(hours.iter().any(|(profile, week)| profile == "5VV" && week.minor() == 1080));
    assert_eq!(scheme.unit(), Unit::Min);
    assert!(scheme.shows.colour && !scheme.shows.euro_to_family && !scheme.shows.price_beside_minutes);
    assert_eq!(scheme.grant.unplanned(), Unplanned::Personal, "orange needs a reserve");
}

#[test]
fn zzg_counts_points_of_one_value_saves_them_and_shares_a_buffer() {
    let scheme = scheme("zzg");
    assert_eq!(scheme.grant.basis(), &Basis::Units { unit: Unit::Pnt, value_cents: 50 });
    assert_eq!(scheme.grant.buffer_percent().to_string(), "2");
    assert_eq!(scheme.paying.care_from_savings, CareFromSavings::Consented, "respite");
    assert_eq!(scheme.close.budget, BudgetClose::Save);
    assert!(scheme.close.savings_cap.is_some_and(|cap| (cap.minor(), cap.unit()) == (300_000, Unit::Pnt)));
    assert!(matches!(scheme.close.year_end, YearEnd::KeepUpTo(most) if most.minor() == 150_000));
    assert_eq!(scheme.provisional_days, 42);
}

#[test]
fn ipvb_and_norschoten_show_minutes_and_their_price_side_by_side() {
    for name in ["ipvb", "norschoten"] {
        let scheme = scheme(name);
        assert!(matches!(scheme.grant.basis(), Basis::Units { unit: Unit::Min, .. }), "{name}: an hour has a value");
        assert!(scheme.shows.price_beside_minutes && scheme.shows.euro_to_family, "{name}");
        assert_eq!(scheme.close.reserve, ReserveClose::Roll);
    }
    assert_eq!(scheme("norschoten").network_meetings, 4);
    assert_eq!(scheme("ipvb").network_meetings, 0);
}

#[test]
fn a_percentage_is_read_from_its_digits_with_or_without_quotes() {
    let text = shipped("zzg");
    let written = |percent: &str| text.replace("percent = \"27.25\"", &format!("percent = {percent}"));
    let read = |percent: &str| {
        let scheme = scheme_file::parse(&written(percent)).unwrap_or_else(|errors| panic!("{percent}: {errors:?}"));
        scheme.grant.deductions()[0].clone()
    };
    assert_eq!(read("\"27.25\""), read("27.25"));
    assert_eq!(read("\"27\""), read("27"));
    // no float has these digits
    let Cut::Percent(percent) = read("27.100000000000000000000001").cut else { panic!() };
    assert_eq!(percent.to_string(), "27.100000000000000000000001");
}
