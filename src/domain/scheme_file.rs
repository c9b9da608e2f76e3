//! Scheme files (`schemes/*.toml`): text to [`Scheme`]. What a file may say stands in `schemes/README.md`.
//!
//! Every key that the kind of scheme needs must be there, and no other may: a misspelt key must not quietly mean its default.

mod reader;

use rust_decimal::Decimal;
use toml::de::DeTable;

use self::reader::{Document, Table, line_of};
use super::funding::{CareFromSavings, Rules, Unplanned};
use super::grant_rules::{GrantRules, WrittenDeduction, WrittenRules};
use super::indication::Delivery;
use super::money::{Amount, Unit};
use super::scheme::{BudgetClose, CloseRules, ReserveClose, Scheme, Shows, YearEnd};

/// What is wrong with a file, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub struct SchemeFileError {
    /// From 1.
    pub line: usize,
    /// As `close.budget` or `deduction[2].percent`; empty where no key could be read.
    pub key: String,
    pub what: String,
}

impl std::fmt::Display for SchemeFileError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, key, what } = self;
        if key.is_empty() { write!(out, "line {line}: {what}") } else { write!(out, "line {line}, `{key}`: {what}") }
    }
}

/// No file of this is written by hand.
pub const BYTES_MAX: usize = 65_536;
const CENTS_MAX: i64 = 100_000_000;

/// Reads a file.
///
/// # Errors
/// Everything that is wrong with it, by line.
pub fn parse(text: &str) -> Result<Scheme, Vec<SchemeFileError>> {
    let whole = |what: String| vec![SchemeFileError { line: 1, key: String::new(), what }];
    if text.len() > BYTES_MAX {
        return Err(whole(format!("the file has {} bytes: a scheme has at most {BYTES_MAX}", text.len())));
    }
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        let what = format!("this is not TOML: {}", error.message());
        vec![SchemeFileError { line, key: String::new(), what }]
    })?;
    let document = Document::new(text);
    let scheme = read(Table::root(&document, table.get_ref()));
    match (document.into_errors(), scheme) {
        (errors, Some(scheme)) if errors.is_empty() => Ok(scheme),
        (errors, _) if errors.is_empty() => Err(whole("the file says no scheme".to_owned())),
        (errors, _) => Err(errors),
    }
}

/// None, or wrong in part, where something was told to the document.
fn read(mut root: Table<'_, '_>) -> Option<Scheme> {
    let name = name(&mut root);
    let version =
        root.need("version", "`version = 1`, and one more at each change").and_then(|it| it.whole(1..=32_767));
    let unit = root.need("unit", "`unit = \"EUR\"`, \"MIN\" or \"PNT\"");
    let unit = unit.and_then(|it| it.word(&Unit::ALL.map(|unit| (unit.name(), unit))));
    let basis = root.need("basis", "`basis = \"tariff\"` or \"hours\"");
    let is_hours = basis.and_then(|it| it.word(&[("tariff", false), ("hours", true)]));
    // Without these nobody knows what the other keys must be.
    let (Some(unit), Some(is_hours)) = (unit, is_hours) else { return None };
    if is_hours && unit != Unit::Min {
        let unit = unit.name();
        root.document().wrong(root.at(), "unit", format!("{unit} goes with no basis of hours: write \"MIN\""));
        return None;
    }
    let value_cents = value(&mut root, unit, is_hours);
    let hours = hours(&mut root, is_hours);
    let unplanned = grant(&mut root);
    let deductions = deductions(&mut root, is_hours);
    let paying = paying(&mut root, unplanned.map(|grant| grant.0));
    let plan = plan(&mut root, unit);
    let close = close(&mut root, unit, unplanned.map(|grant| grant.0));
    let shows = shows(&mut root, unit);
    let (at, document) = (root.at(), root.document());
    root.finish(
        "name, version, unit, basis, value_cents, and the tables grant, paying, plan, close, shows, deduction, hours",
    );
    let (unplanned, unplanned_percent, buffer_percent) = unplanned?;
    let written = WrittenRules {
        is_hours,
        unit,
        value_cents: value_cents?,
        hours: hours?,
        unplanned,
        unplanned_percent,
        buffer_percent,
        deductions: deductions?,
    };
    if let Some(delivery) = exceeds(&written) {
        let what =
            format!("deductions, unplanned part and buffer of {} come to more than 100 percent", delivery.name());
        document.wrong(at, "grant", what);
    }
    // What is wrong with its parts was told by their own lines.
    let grant = if document.is_right() {
        GrantRules::new(written).map_err(|error| document.wrong(at, "grant", error.to_string())).ok()
    } else {
        None
    };
    let (kept_free, notice_above, provisional_days, network_meetings) = plan?;
    Some(Scheme {
        name: name?,
        version: u32::try_from(version?).ok()?,
        grant: grant?,
        paying: paying?,
        kept_free,
        close: close?,
        notice_above,
        provisional_days,
        shows: shows?,
        network_meetings,
    })
}

fn name(root: &mut Table<'_, '_>) -> Option<String> {
    let value = root.need("name", "`name = \"archipel\"`, the name that clients are put in the scheme by")?;
    let name = value.text(100)?;
    if name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        return Some(name);
    }
    value.wrong("is written with small letters, digits and hyphens alone");
    None
}

/// Cents a point or an hour.
fn value(root: &mut Table<'_, '_>, unit: Unit, is_hours: bool) -> Option<Option<i64>> {
    if unit == Unit::Eur || is_hours {
        let why = if is_hours { "hours need no value" } else { "a euro has no other value" };
        root.refuse("value_cents", why);
        return Some(None);
    }
    let of = if unit == Unit::Pnt { "a point" } else { "an hour" };
    let value = root.need("value_cents", &format!("`value_cents`, what {of} is worth"));
    value.and_then(|it| it.whole(1..=CENTS_MAX)).map(Some)
}

fn hours(root: &mut Table<'_, '_>, is_hours: bool) -> Option<Vec<(String, Amount)>> {
    if !is_hours {
        root.refuse("hours", "a scheme on tariffs has no hours by profile");
        return Some(Vec::new());
    }
    let tables = root.tables("hours");
    if tables.is_empty() {
        root.missing("hours", "`[[hours]]` with profile and minutes_per_week, for each profile");
        return None;
    }
    let mut hours: Vec<(String, Amount)> = Vec::with_capacity(tables.len());
    let mut is_right = true;
    for mut table in tables {
        let profile = table.need("profile", "`profile = \"4VV\"`");
        let minutes = table.need("minutes_per_week", "`minutes_per_week`").and_then(|it| it.whole(1..=10_080));
        let name = profile.as_ref().and_then(|it| it.text(50));
        if let (Some(profile), Some(name)) = (&profile, &name)
            && hours.iter().any(|(other, _)| other == name)
        {
            profile.wrong(format!("{name} has minutes above already: keep one of them"));
            is_right = false;
        }
        table.finish("profile and minutes_per_week");
        match (name, minutes.and_then(|minutes| Amount::new(minutes, Unit::Min).ok())) {
            (Some(name), Some(minutes)) => hours.push((name, minutes)),
            _ => is_right = false,
        }
    }
    is_right.then_some(hours)
}

fn grant(root: &mut Table<'_, '_>) -> Option<(Unplanned, Decimal, Decimal)> {
    let mut table = root.table("grant")?;
    let unplanned = table.need("unplanned", "`unplanned = \"personal\"` (the client's reserve) or \"collective\"");
    let unplanned = unplanned.and_then(|it| it.word(&UNPLANNED));
    let percent = |table: &mut Table<'_, '_>, key: &str| {
        table.need(key, &format!("`{key} = \"0\"` or more, of gross")).and_then(|it| it.percent())
    };
    let unplanned_percent = percent(&mut table, "unplanned_percent");
    let buffer_percent = percent(&mut table, "buffer_percent");
    table.finish("unplanned, unplanned_percent and buffer_percent");
    Some((unplanned?, unplanned_percent?, buffer_percent?))
}

const UNPLANNED: [(&str, Unplanned); 2] = [("personal", Unplanned::Personal), ("collective", Unplanned::Collective)];

fn deductions(root: &mut Table<'_, '_>, is_hours: bool) -> Option<Vec<WrittenDeduction>> {
    let mut deductions: Vec<WrittenDeduction> = Vec::new();
    let mut is_right = true;
    for mut table in root.tables("deduction") {
        let name = table.need("name", "`name`, as statements tell it");
        let percent = table.take("percent");
        let day = table.take("cents_per_day");
        let month = table.take("cents_per_month");
        let delivery = table.take("delivery");
        let delivery_read = delivery.as_ref().map(|it| it.word(&DELIVERIES));
        let how_many = usize::from(percent.is_some()) + usize::from(day.is_some()) + usize::from(month.is_some());
        if how_many != 1 {
            let what = "must have exactly one of percent, cents_per_day and cents_per_month";
            table.document().wrong(table.at(), table.path(), format!("{what}, and has {how_many}"));
        }
        for cents in [&day, &month].into_iter().flatten().filter(|_| is_hours) {
            cents.wrong("is in cents, and the scheme counts hours: write `percent` instead");
        }
        let named = name.as_ref().and_then(|it| it.text(100));
        if let (Some(name), Some(named)) = (&name, &named)
            && deductions.iter().any(|other| other.name == *named)
        {
            name.wrong(format!("\"{named}\" stands above already: call it something else"));
        }
        let cents = |it: &reader::Value<'_, '_>| it.whole(0..=CENTS_MAX).and_then(|cents| Amount::cents(cents).ok());
        let percent_read = percent.as_ref().map(reader::Value::percent);
        let (day_read, month_read) = (day.as_ref().map(cents), month.as_ref().map(cents));
        table.finish("name, one of percent, cents_per_day and cents_per_month, and delivery");
        let is_whole = percent_read != Some(None) && day_read != Some(None) && month_read != Some(None);
        let (Some(name), true) = (named, is_whole && delivery_read != Some(None)) else {
            is_right = false;
            continue;
        };
        deductions.push(WrittenDeduction {
            name,
            percent: percent_read.flatten(),
            cents_per_day: day_read.flatten(),
            cents_per_month: month_read.flatten(),
            delivery: delivery_read.flatten(),
        });
    }
    is_right.then_some(deductions)
}

const DELIVERIES: [(&str, Delivery); 3] =
    [("verblijf", Delivery::Verblijf), ("vpt", Delivery::Vpt), ("mpt", Delivery::Mpt)];

/// A form of delivery whose percentages alone are more than there is.
fn exceeds(written: &WrittenRules) -> Option<Delivery> {
    Delivery::ALL.iter().copied().find(|delivery| {
        let off = written.deductions.iter().filter(|it| it.delivery.is_none_or(|only| only == *delivery));
        let percents = off.filter_map(|it| it.percent).chain([written.unplanned_percent, written.buffer_percent]);
        percents.fold(Decimal::ZERO, |sum, percent| sum.saturating_add(percent)) > Decimal::ONE_HUNDRED
    })
}

fn paying(root: &mut Table<'_, '_>, unplanned: Option<Unplanned>) -> Option<Rules> {
    let mut table = root.table("paying")?;
    let yes = |table: &mut Table<'_, '_>, key: &str| {
        table.need(key, &format!("`{key} = true` or false")).and_then(|it| it.yes())
    };
    let extras_from_budget = yes(&mut table, "extras_from_budget");
    let extras_from_savings = yes(&mut table, "extras_from_savings");
    let care = table.need("care_from_savings", "`care_from_savings = \"never\"`, \"consented\" or \"always\"");
    let care = care.and_then(|it| {
        it.word(&[
            ("never", CareFromSavings::Never),
            ("consented", CareFromSavings::Consented),
            ("always", CareFromSavings::Always),
        ])
    });
    table.finish("extras_from_budget, extras_from_savings and care_from_savings");
    Some(Rules {
        unplanned: unplanned?,
        extras_from_budget: extras_from_budget?,
        extras_from_savings: extras_from_savings?,
        care_from_savings: care?,
    })
}

fn plan(root: &mut Table<'_, '_>, unit: Unit) -> Option<(Amount, Amount, u16, u8)> {
    let mut table = root.table("plan")?;
    let amount = |table: &mut Table<'_, '_>, key: &str, what: &str| {
        table.need(key, &format!("`{key}`, {what}")).and_then(|it| it.amount(unit))
    };
    let kept_free = amount(&mut table, "kept_free", "what no month's opening sets aside");
    let notice_above = amount(&mut table, "notice_above", "the loss from which a client hears of it");
    let days = table.need("provisional_days", "`provisional_days = 42`").and_then(|it| it.whole(0..=366));
    let meetings = table.need("network_meetings", "`network_meetings = 0`, how many a year");
    let meetings = meetings.and_then(|it| it.whole(0..=52));
    table.finish("kept_free, notice_above, provisional_days and network_meetings");
    Some((kept_free?, notice_above?, u16::try_from(days?).ok()?, u8::try_from(meetings?).ok()?))
}

fn close(root: &mut Table<'_, '_>, unit: Unit, unplanned: Option<Unplanned>) -> Option<CloseRules> {
    let mut table = root.table("close")?;
    let budget = table.need("budget", "`budget = \"save\"` or \"lapse\"");
    let budget = budget.and_then(|it| it.word(&[("save", BudgetClose::Save), ("lapse", BudgetClose::Lapse)]));
    let reserve = if unplanned == Some(Unplanned::Collective) {
        table.refuse("reserve", "where unplanned care is collective clients have no reserve");
        Some(ReserveClose::Lapse)
    } else {
        let reserve = table.need("reserve", "`reserve = \"lapse\"`, \"save\" or \"roll\"");
        reserve.and_then(|it| {
            it.word(&[("lapse", ReserveClose::Lapse), ("save", ReserveClose::Save), ("roll", ReserveClose::Roll)])
        })
    };
    let saves = match (budget, reserve) {
        (Some(BudgetClose::Save), _) | (_, Some(ReserveClose::Save)) => Some(true),
        (Some(_), Some(_)) => Some(false),
        // what is wrong is told already, and nobody knows what goes with it
        _ => None,
    };
    let (savings_cap, year_end) = match saves {
        Some(true) => (table.take("savings_cap").map(|it| it.amount(unit)), year_end(&mut table, unit)),
        Some(false) => {
            for key in SAVING {
                table.refuse(key, "nothing is saved");
            }
            (None, Some(YearEnd::Keep))
        }
        None => {
            for key in SAVING {
                table.take(key);
            }
            (None, None)
        }
    };
    table.finish("budget, reserve, savings_cap, year_end and year_end_up_to");
    let savings_cap = match savings_cap {
        Some(cap) => Some(cap?),
        None => None,
    };
    Some(CloseRules { budget: budget?, savings_cap, reserve: reserve?, year_end: year_end? })
}

const SAVING: [&str; 3] = ["savings_cap", "year_end", "year_end_up_to"];

fn year_end(table: &mut Table<'_, '_>, unit: Unit) -> Option<YearEnd> {
    let word = table.need("year_end", "`year_end = \"keep\"`, \"lapse\" or \"keep_up_to\"");
    let word = word.and_then(|it| {
        it.word(&[("keep", Some(YearEnd::Keep)), ("lapse", Some(YearEnd::Lapse)), ("keep_up_to", None)])
    });
    match word {
        Some(Some(known)) => {
            table.refuse("year_end_up_to", "it goes with `year_end = \"keep_up_to\"`");
            return Some(known);
        }
        Some(None) => {}
        None => {
            table.take("year_end_up_to");
            return None;
        }
    }
    let up_to = table.need("year_end_up_to", "`year_end_up_to`, what a client keeps at the end of a year");
    up_to.and_then(|it| it.amount(unit)).map(YearEnd::KeepUpTo)
}

fn shows(root: &mut Table<'_, '_>, unit: Unit) -> Option<Shows> {
    let mut table = root.table("shows")?;
    let euro = table.need("euro_to_family", "`euro_to_family = true` or false");
    let beside = table.need("price_beside_minutes", "`price_beside_minutes = true` or false");
    let colour = table.need("colour", "`colour = true` or false").and_then(|it| it.yes());
    table.finish("euro_to_family, price_beside_minutes and colour");
    let (euro_to_family, price_beside_minutes) = (euro.as_ref()?.yes()?, beside.as_ref()?.yes()?);
    if price_beside_minutes && unit != Unit::Min {
        beside?.wrong("is of schemes that count minutes: write false");
        return None;
    }
    if price_beside_minutes && !euro_to_family {
        euro?.wrong("false, and the price is shown beside the minutes: write true, or price_beside_minutes = false");
        return None;
    }
    Some(Shows { euro_to_family, price_beside_minutes, colour: colour? })
}
