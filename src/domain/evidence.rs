//! A printable sheet for re-indication: how a month stands, by week and by service. Plain text, Dutch first, English second, in the
//! wallet's unit alone: a time scheme shows no euro (E: Amsta).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{Datelike, NaiveDate};

use super::colour::{Choice, Standing};
use super::money::{Amount, Unit};
use super::month_grant::Month;

/// What was planned or given of a service on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Given {
    pub day: NaiveDate,
    pub service: String,
    pub what: What,
    /// In the wallet's unit.
    pub minor: i64,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// Planned and still to come.
    Open,
    /// Planned and delivered.
    Done,
    /// Care that nobody planned.
    Unplanned,
    /// Planned and given up: refused, absent, not delivered.
    GivenUp,
}

#[derive(Default)]
struct Sums([(u32, i64); 4]);

impl Sums {
    fn add(&mut self, given: &Given) {
        let place = match given.what {
            What::Open => 0,
            What::Done => 1,
            What::Unplanned => 2,
            What::GivenUp => 3,
        };
        let (times, minor) = &mut self.0[place];
        *times += 1;
        *minor = minor.saturating_add(given.minor);
    }
}

/// An amount as people read it: `€ 12,34`, `90 min`, `1,50 pt`.
pub fn show(amount: Amount) -> String {
    show_minor(amount.minor(), amount.unit())
}

fn show_minor(minor: i64, unit: Unit) -> String {
    let (sign, minor) = if minor < 0 { ("-", minor.unsigned_abs()) } else { ("", minor.unsigned_abs()) };
    match unit {
        Unit::Eur => format!("€ {sign}{},{:02}", minor / 100, minor % 100),
        Unit::Min => format!("{sign}{minor} min"),
        Unit::Pnt => format!("{sign}{},{:02} pt", minor / 100, minor % 100),
    }
}

/// The sheet. `whose`: as the client is known on paper.
pub fn sheet(whose: &str, month: Month, standing: &Standing, given: &[Given]) -> String {
    let unit = standing.budget.unit();
    let mut weeks: BTreeMap<(i32, u32), Sums> = BTreeMap::new();
    let mut services: BTreeMap<&str, Sums> = BTreeMap::new();
    for one in given {
        let week = one.day.iso_week();
        weeks.entry((week.year(), week.week())).or_default().add(one);
        services.entry(&one.service).or_default().add(one);
    }
    let weeks: Vec<(String, Sums)> =
        weeks.into_iter().map(|((year, week), sums)| (format!("{year}-W{week:02}"), sums)).collect();
    let services: Vec<(String, Sums)> = services.into_iter().map(|(name, sums)| (name.to_owned(), sums)).collect();
    let mut text = String::new();
    for words in [&DUTCH, &ENGLISH] {
        part(&mut text, words, whose, month, standing);
        table(&mut text, words, words.week, &weeks, unit);
        table(&mut text, words, words.service, &services, unit);
        if !standing.choices().is_empty() {
            let _ = writeln!(text, "\n{}", words.choices);
            for choice in standing.choices() {
                let _ = writeln!(text, "- {}", (words.choice)(*choice));
            }
        }
        text.push('\n');
    }
    text
}

struct Words {
    title: &'static str,
    client: &'static str,
    month: &'static str,
    colour: fn(&Standing) -> &'static str,
    budget: &'static str,
    reserve: &'static str,
    open: &'static str,
    done: &'static str,
    unplanned: &'static str,
    given_up: &'static str,
    beyond: &'static str,
    stands: &'static str,
    week: &'static str,
    service: &'static str,
    choices: &'static str,
    choice: fn(Choice) -> &'static str,
}

const DUTCH: Words = Words {
    title: "Overzicht voor herindicatie",
    client: "Cliënt",
    month: "Maand",
    colour: |standing| standing.colour.words().0,
    budget: "Budget",
    reserve: "Reserve",
    open: "Nog gepland",
    done: "Geleverd volgens plan",
    unplanned: "Ongeplande zorg",
    given_up: "Niet doorgegaan",
    beyond: "Boven budget en reserve",
    stands: "Stand",
    week: "Per week",
    service: "Per dienst",
    choices: "Wat kan",
    choice: |choice| choice.words().0,
};

const ENGLISH: Words = Words {
    title: "Sheet for re-indication",
    client: "Client",
    month: "Month",
    colour: |standing| standing.colour.words().1,
    budget: "Budget",
    reserve: "Reserve",
    open: "Planned and to come",
    done: "Delivered as planned",
    unplanned: "Unplanned care",
    given_up: "Not delivered",
    beyond: "Beyond budget and reserve",
    stands: "Stands",
    week: "By week",
    service: "By service",
    choices: "What can be done",
    choice: |choice| choice.words().1,
};

fn part(text: &mut String, words: &Words, whose: &str, month: Month, standing: &Standing) {
    let underline = "=".repeat(words.title.chars().count());
    let shape = standing.colour.words().2;
    let _ = write!(text, "{}\n{underline}\n", words.title);
    let mut lines = vec![
        (words.client, whose.to_owned()),
        (words.month, month.to_string()),
        (words.stands, format!("{shape} {}", (words.colour)(standing))),
        (words.budget, show(standing.budget)),
    ];
    lines.extend(standing.reserve.map(|reserve| (words.reserve, show(reserve))));
    lines.extend([
        (words.open, show(standing.committed.open)),
        (words.done, show(standing.committed.done)),
        (words.unplanned, show(standing.committed.unplanned_care)),
        (words.beyond, show(standing.beyond)),
    ]);
    for (what, value) in lines {
        let _ = writeln!(text, "{what:<28}{value}");
    }
}

fn table(text: &mut String, words: &Words, what: &str, rows: &[(String, Sums)], unit: Unit) {
    let heads = [words.open, words.done, words.unplanned, words.given_up];
    let _ = write!(text, "\n{what:<28}");
    for head in heads {
        let _ = write!(text, "| {head:<24}");
    }
    text.push('\n');
    for (name, sums) in rows {
        let short: String = name.chars().take(27).collect();
        let _ = write!(text, "{short:<28}");
        for (times, minor) in sums.0 {
            let cell = if times == 0 { "-".to_owned() } else { format!("{times} x: {}", show_minor(minor, unit)) };
            let _ = write!(text, "| {cell:<24}");
        }
        text.push('\n');
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::colour::{Committed, standing};
    use crate::domain::funding::Unplanned;

    #[test]
    fn the_sheet_tells_numbers_by_week_and_service_in_the_wallets_unit_dutch_first() {
        let minutes = |minor| Amount::new(minor, Unit::Min).unwrap();
        let committed = Committed { open: minutes(60), done: minutes(30), unplanned_care: minutes(45) };
        let standing = standing(committed, minutes(100), minutes(20), Unplanned::Personal).unwrap();
        let given = |day, what, minor| Given {
            day: NaiveDate::from_ymd_opt(2026, 4, day).unwrap(),
            service: "Douchen".to_owned(),
            what,
            minor,
        };
        let given = [
            given(1, What::Done, 30),
            given(3, What::Unplanned, 45),
            given(8, What::Open, 30),
            given(15, What::Open, 30),
            given(22, What::GivenUp, 30),
        ];
        let text = sheet("nr. 7 (fictief)", Month::parse("2026-04").unwrap(), &standing, &given);
        let squeezed = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for expected in [
            "Overzicht voor herindicatie",
            "Stand ■ rood",
            "Boven budget en reserve 15 min",
            "2026-W14 | - | 1 x: 30 min | 1 x: 45 min | -",
            "2026-W15 | 1 x: 30 min | - | - | -",
            "2026-W17 | - | - | - | 1 x: 30 min",
            "Douchen | 2 x: 60 min | 1 x: 30 min | 1 x: 45 min | 1 x: 30 min",
            "- familie of een vrijwilliger doet meer",
            "Sheet for re-indication",
            "- ask for re-indication, with this sheet",
        ] {
            assert!(squeezed.contains(expected), "{expected} in\n{text}");
        }
        assert!(!text.contains('€') && text.find("Overzicht") < text.find("Sheet"));
        assert_eq!(show(Amount::cents(1_205).unwrap()), "€ 12,05");
        assert_eq!(show(Amount::new(1_205, Unit::Pnt).unwrap()), "12,05 pt");
        assert_eq!(show_minor(-1_205, Unit::Eur), "€ -12,05");
    }
}
