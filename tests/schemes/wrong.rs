//! What is told about a wrong file: its line, its key, and what to do.

use pasje::domain::scheme_file::{self, BYTES_MAX};

use crate::shipped;

/// In `file`, `from` is written as `to`; then this is told.
struct Wrong {
    file: &'static str,
    from: &'static str,
    to: &'static str,
    told: &'static [&'static str],
}

const fn wrong(file: &'static str, from: &'static str, to: &'static str, told: &'static [&'static str]) -> Wrong {
    Wrong { file, from, to, told }
}

const WRONG: &[Wrong] = &[
    // what is missing, and what nobody knows
    wrong("zzg", "name = \"zzg\"", "", &["line 1, `name`: is missing: add `name = \"archipel\"`"]),
    wrong("zzg", "version = 1", "", &["line 1, `version`: is missing: add `version = 1`"]),
    wrong("zzg", "unit = \"PNT\"", "", &["line 1, `unit`: is missing: add `unit = \"EUR\"`"]),
    wrong("zzg", "basis = \"tariff\"", "", &["line 1, `basis`: is missing: add `basis = \"tariff\"` or \"hours\""]),
    wrong(
        "zzg",
        "value_cents = 50",
        "",
        &["line 1, `value_cents`: is missing: add `value_cents`, what a point is worth"],
    ),
    wrong(
        "ipvb",
        "value_cents = 5_850",
        "",
        &["line 1, `value_cents`: is missing: add `value_cents`, what an hour is worth"],
    ),
    wrong(
        "zzg",
        "[shows]",
        "[show]",
        &["line 1, `shows`: is missing: add a table `[shows]`", "line 48, `show`: is no key that schemes have"],
    ),
    wrong(
        "zzg",
        "budget = \"save\"",
        "",
        &["line 41, `close.budget`: is missing: add `budget = \"save\"` or \"lapse\""],
    ),
    wrong(
        "zzg",
        "buffer_percent",
        "bufer_percent",
        &[
            "line 14, `grant.buffer_percent`: is missing: add `buffer_percent = \"0\"` or more",
            "line 17, `grant.bufer_percent`: is no key that schemes have; here may stand unplanned, unplanned_percent and",
        ],
    ),
    wrong("amsta", "minutes_per_week = 1_350", "", &["line 34, `hours[4].minutes_per_week`: is missing"]),
    wrong("zzg", "[plan]\n", "[plan]\ncoffee = 3\n", &["line 35, `plan.coffee`: is no key that schemes have"]),
    wrong(
        "zzg",
        "delivery = \"verblijf\"\n",
        "delivery = \"verblijf\"\nwhy = \"housing\"\n",
        &["line 27, `deduction[2].why`: is no key"],
    ),
    // values of another kind
    wrong(
        "zzg",
        "name = \"zzg\"",
        "name = \"ZZG Nijmegen\"",
        &["line 7, `name`: is written with small letters, digits and hyphens"],
    ),
    wrong("zzg", "name = \"zzg\"", "name = \"\"", &["line 7, `name`: must have 1 to 100 characters"]),
    wrong("zzg", "name = \"zzg\"", "name = 7", &["line 7, `name`: 7 is no text: write it between quotes"]),
    wrong(
        "zzg",
        "version = 1",
        "version = \"1\"",
        &["line 8, `version`: \"1\" is not a whole number from 1 to 32767 (without quotes)"],
    ),
    wrong("zzg", "version = 1", "version = 0", &["line 8, `version`: 0 is not a whole number from 1"]),
    wrong(
        "zzg",
        "version = 1",
        "version = 99999999999999999999",
        &["line 8, `version`: 99999999999999999999 is not a whole number"],
    ),
    wrong(
        "zzg",
        "unit = \"PNT\"",
        "unit = \"PTS\"",
        &["line 9, `unit`: \"PTS\" is not one of \"EUR\", \"MIN\", \"PNT\""],
    ),
    wrong(
        "zzg",
        "value_cents = 50",
        "value_cents = 0.50",
        &["line 12, `value_cents`: 0.50 is not a whole number from 1 to 100000000"],
    ),
    wrong(
        "zzg",
        "percent = \"27.25\"",
        "percent = \"27,25\"",
        &["line 21, `deduction[1].percent`: \"27,25\" is no percentage: write 0 to 100, with a point, as \"12.5\""],
    ),
    wrong(
        "zzg",
        "percent = \"27.25\"",
        "percent = \"100.01\"",
        &["line 21, `deduction[1].percent`: \"100.01\" is no percentage"],
    ),
    wrong("zzg", "percent = \"27.25\"", "percent = -1", &["line 21, `deduction[1].percent`: -1 is no percentage"]),
    wrong("zzg", "percent = \"27.25\"", "percent = inf", &["line 21, `deduction[1].percent`: inf is no percentage"]),
    wrong("zzg", "percent = \"27.25\"", "percent = 2e1", &["line 21, `deduction[1].percent`: 2e1 is no percentage"]),
    wrong(
        "zzg",
        "delivery = \"verblijf\"",
        "delivery = \"intramuraal\"",
        &["line 26, `deduction[2].delivery`: \"intramuraal\" is not one of \"verblijf\", \"vpt\", \"mpt\""],
    ),
    wrong(
        "zzg",
        "kept_free = \"60.00\"",
        "kept_free = \"60.005\"",
        &["line 35, `plan.kept_free`: \"60.005\" is no amount in the scheme's unit: write points, as \"12.50\""],
    ),
    wrong(
        "amsta",
        "notice_above = 120",
        "notice_above = 12.5",
        &["line 49, `plan.notice_above`: 12.5 is no amount in the scheme's unit: write whole minutes, as 90"],
    ),
    wrong(
        "archipel",
        "kept_free = \"45.00\"",
        "kept_free = \"99999999999.00\"",
        &["line 41, `plan.kept_free`: \"99999999999.00\" is no amount"],
    ),
    wrong(
        "zzg",
        "provisional_days = 42",
        "provisional_days = \"six weeks\"",
        &["line 38, `plan.provisional_days`: \"six weeks\" is not a whole number from 0 to 366"],
    ),
    wrong("zzg", "colour = true", "colour = \"yes\"", &["line 51, `shows.colour`: \"yes\" is neither true nor false"]),
    wrong("zzg", "[paying]", "[[paying]]", &["line 28, `paying`: must be a table: write `[paying]`"]),
    wrong(
        "zzg",
        "[[deduction]]\nname = \"overhead\"\npercent = \"27.25\" # example (fictitious)\n\n[[deduction]]",
        "[deduction]",
        &["line 19, `deduction`: must be tables: write `[[deduction]]` on a line of its own above each"],
    ),
    // what does not go together
    wrong(
        "zzg",
        "percent = \"11.5\"",
        "percent = \"11.5\"\ncents_per_day = 5",
        &["line 23, `deduction[2]`: must have exactly one of percent, cents_per_day and cents_per_month, and has 2"],
    ),
    wrong(
        "zzg",
        "percent = \"11.5\"",
        "",
        &["line 23, `deduction[2]`: must have exactly one of percent, cents_per_day and cents_per_month, and has 0"],
    ),
    wrong(
        "amsta",
        "percent = \"12.5\"",
        "cents_per_day = 5",
        &["line 19, `deduction[1].cents_per_day`: is in cents, and the scheme counts hours"],
    ),
    wrong(
        "zzg",
        "name = \"housing\"",
        "name = \"overhead\"",
        &["line 24, `deduction[2].name`: \"overhead\" stands above already"],
    ),
    wrong(
        "amsta",
        "profile = \"6VV\"",
        "profile = \"5VV\"",
        &["line 31, `hours[3].profile`: 5VV has minutes above already: keep one of them"],
    ),
    wrong(
        "amsta",
        "unit = \"MIN\"",
        "unit = \"PNT\"",
        &["line 1, `unit`: PNT goes with no basis of hours: write \"MIN\""],
    ),
    wrong(
        "amsta",
        "basis = \"hours\"",
        "basis = \"hours\"\nvalue_cents = 5000",
        &["line 10, `value_cents`: says nothing here: hours need no value; leave it out"],
    ),
    wrong(
        "archipel",
        "basis = \"tariff\"",
        "basis = \"tariff\"\nvalue_cents = 100",
        &["line 10, `value_cents`: says nothing here: a euro has no other value"],
    ),
    wrong(
        "ipvb",
        "[grant]",
        "[[hours]]\nprofile = \"4VV\"\nminutes_per_week = 5\n\n[grant]",
        &["line 13, `hours`: says nothing here: a scheme on tariffs has no hours by profile"],
    ),
    wrong(
        "archipel",
        "budget = \"lapse\"",
        "budget = \"lapse\"\nreserve = \"roll\"",
        &["line 48, `close.reserve`: says nothing here: where unplanned care is collective clients have no reserve"],
    ),
    wrong(
        "archipel",
        "budget = \"lapse\"",
        "budget = \"lapse\"\nsavings_cap = 5",
        &["line 48, `close.savings_cap`: says nothing here: nothing is saved; leave it out"],
    ),
    wrong(
        "zzg",
        "year_end = \"keep_up_to\"",
        "year_end = \"keep\"",
        &["line 46, `close.year_end_up_to`: says nothing here: it goes with `year_end = \"keep_up_to\"`"],
    ),
    wrong(
        "zzg",
        "year_end_up_to = \"1500.00\"",
        "",
        &["line 41, `close.year_end_up_to`: is missing: add `year_end_up_to`"],
    ),
    wrong(
        "zzg",
        "year_end = \"keep_up_to\"\n",
        "",
        &["line 41, `close.year_end`: is missing: add `year_end = \"keep\"`, \"lapse\" or \"keep_up_to\""],
    ),
    wrong(
        "zzg",
        "price_beside_minutes = false",
        "price_beside_minutes = true",
        &["line 50, `shows.price_beside_minutes`: is of schemes that count minutes: write false"],
    ),
    wrong(
        "ipvb",
        "euro_to_family = true",
        "euro_to_family = false",
        &["line 46, `shows.euro_to_family`: false, and the price is shown beside the minutes"],
    ),
    wrong(
        "zzg",
        "percent = \"27.25\"",
        "percent = \"81.51\"",
        &["line 1, `grant`: deductions, unplanned part and buffer of verblijf come to more than 100 percent"],
    ),
    // no TOML at all
    wrong("zzg", "[grant]", "[grant", &["line 14: this is not TOML: "]),
    wrong("zzg", "version = 1", "version = 1\nversion = 2", &["line 9: this is not TOML: duplicate key"]),
    wrong("zzg", "name = \"zzg\"", "name = zzg", &["line 7: this is not TOML: "]),
];

#[test]
fn each_error_names_line_and_key_and_says_what_to_do() {
    for Wrong { file, from, to, told } in WRONG {
        let text = shipped(file);
        assert_eq!(text.matches(from).count(), 1, "{file} has no one `{from}`");
        let Err(errors) = scheme_file::parse(&text.replacen(from, to, 1)) else {
            panic!("{file} with `{to}` for `{from}` is taken for right")
        };
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors.len(), told.len(), "{file}: `{to}` for `{from}`: {errors:#?}");
        for (error, told) in errors.iter().zip(*told) {
            assert!(error.starts_with(told), "{file}: `{to}` for `{from}`:\n{error}\nis not\n{told}");
        }
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once_by_line() {
    let text = shipped("zzg").replace("version = 1", "version = -1").replace("\"27.25\"", "\"lots\"");
    let text = text.replace("\"consented\"", "\"sometimes\"").replace("colour = true", "color = true");
    let errors = scheme_file::parse(&text).unwrap_err();
    let lines: Vec<(usize, &str)> = errors.iter().map(|error| (error.line, error.key.as_str())).collect();
    let expected = [
        (8, "version"),
        (21, "deduction[1].percent"),
        (32, "paying.care_from_savings"),
        (48, "shows.colour"),
        (51, "shows.color"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn hostile_files_are_refused_without_harm() {
    for text in
        ["", "\0", "\u{feff}", "= = =", "[[[[[[", "name = '''", "a.b.c.d = 1", "\"\" = 1", "x = [[[[[[[[]]]]]]]]"]
    {
        assert!(!scheme_file::parse(text).unwrap_err().is_empty(), "{text:?}");
    }
    let deep = format!("x = {}{}", "[".repeat(30_000), "]".repeat(30_000));
    assert_eq!(scheme_file::parse(&deep).unwrap_err().len(), 1);
    let long = format!("# {}", "x".repeat(BYTES_MAX));
    assert!(scheme_file::parse(&long).unwrap_err()[0].what.contains("a scheme has at most 65536"));
    // more rules than anybody reads are still read once
    let many = shipped("amsta") + &(0..2000).map(|n| format!("[[hours]]\nprofile='{n}'\n")).collect::<String>();
    assert!(!scheme_file::parse(&many).unwrap_err().is_empty());
}
