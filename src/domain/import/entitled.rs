//! Tariffs, and what clients are indicated for.

use super::cell::{Cells, rows};
use super::sheet::{Column, needed, optional};
use super::{At, Errors, told_once};
use crate::domain::indication::{Package, Period};
use crate::domain::money::Amount;

/// No day costs more.
const DAY_CENTS_MAX: i64 = 100_000_000;

/// A contracted tariff.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct TariffRow {
    pub code: String,
    pub package: Package,
    pub period: Period,
    pub day: Amount,
    /// Where it stands.
    pub source: String,
}

/// A client's indication.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct IndicationRow {
    pub client: i32,
    pub package: Package,
    pub period: Period,
}

/// A client's dated extra.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct AdditionRow {
    pub client: i32,
    pub code: String,
    pub period: Period,
    pub day: Amount,
}

const TARIFFS: &[Column] = &[
    needed("code", "prestatiecode"),
    needed("profile", "profiel"),
    needed("delivery", "leveringsvorm"),
    needed("treatment", "behandeling"),
    needed("day_activities", "dagbesteding"),
    needed("from", "van"),
    optional("to", "tot_en_met"),
    needed("price_per_day", "prijs_per_dag"),
    needed("source", "bron"),
];

const INDICATIONS: &[Column] = &[
    needed("client", "client_nummer"),
    needed("profile", "profiel"),
    needed("delivery", "leveringsvorm"),
    needed("treatment", "behandeling"),
    needed("day_activities", "dagbesteding"),
    needed("from", "van"),
    optional("to", "tot_en_met"),
];

const ADDITIONS: &[Column] = &[
    needed("client", "client_nummer"),
    needed("code", "prestatiecode"),
    needed("from", "van"),
    optional("to", "tot_en_met"),
    needed("price_per_day", "prijs_per_dag"),
];

fn package(cells: &mut Cells<'_>) -> Option<Package> {
    let (profile, delivery) = (cells.text("profile", 50), cells.delivery());
    let (treatment, day_activities) = (cells.yes("treatment"), cells.yes("day_activities"));
    Some(Package { profile: profile?, delivery: delivery?, treatment: treatment?, day_activities: day_activities? })
}

/// Reads tariffs. Two for one day are refused.
///
/// # Errors
/// All that is wrong with the file.
pub fn tariffs(bytes: &[u8]) -> Result<Vec<At<TariffRow>>, Errors> {
    let mut errors = Errors::default();
    let rows = rows(bytes, TARIFFS, &mut errors, |cells| {
        let (code, package, period) = (cells.text("code", 50), package(cells), cells.period());
        let (day, source) = (cells.money("price_per_day", DAY_CENTS_MAX), cells.text("source", 200));
        Some(TariffRow { code: code?, package: package?, period: period?, day: day?, source: source? })
    });
    let mut in_order: Vec<&At<TariffRow>> = rows.iter().collect();
    in_order.sort_by(|one, other| {
        (&one.row.package, one.row.period.from).cmp(&(&other.row.package, other.row.period.from))
    });
    // Each against the one before it that ends last: that one overlaps it if any does.
    let mut last: Option<&At<TariffRow>> = None;
    for this in in_order {
        let before = last.filter(|before| before.row.package == this.row.package);
        if let Some(before) = before
            && before.row.period.to.is_none_or(|to| to >= this.row.period.from)
        {
            let (line, other) = (this.line.max(before.line), this.line.min(before.line));
            errors.push(line, "", overlap(&this.row, &format!("the tariff on line {other}")));
        }
        let ends_later = before.is_none_or(|before| match (before.row.period.to, this.row.period.to) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(before), Some(this)) => this > before,
        });
        if ends_later {
            last = Some(this);
        }
    }
    errors.or(rows)
}

/// What is told of two tariffs for one day.
pub(super) fn overlap(row: &TariffRow, other: &str) -> String {
    let Package { profile, delivery, .. } = &row.package;
    let delivery = delivery.name();
    format!("this tariff of {profile} {delivery} has a day in common with {other}: end one before the other begins")
}

impl TariffRow {
    /// What is told of it and another for one day.
    pub fn overlaps(&self, other: &str) -> String {
        overlap(self, other)
    }
}

/// Reads indications. That two of a client overlap is told later, to who opens a month: the card goes on.
///
/// # Errors
/// All that is wrong with the file.
pub fn indications(bytes: &[u8]) -> Result<Vec<At<IndicationRow>>, Errors> {
    let mut errors = Errors::default();
    let rows = rows(bytes, INDICATIONS, &mut errors, |cells| {
        let (client, package, period) = (cells.client_number("client"), package(cells), cells.period());
        Some(IndicationRow { client: client?, package: package?, period: period? })
    });
    let what = |row: &IndicationRow| format!("an indication of client {} from {}", row.client, row.period.from);
    told_once(&rows, |row| (row.client, row.period.from), what, &mut errors);
    errors.or(rows)
}

/// Reads additions.
///
/// # Errors
/// All that is wrong with the file.
pub fn additions(bytes: &[u8]) -> Result<Vec<At<AdditionRow>>, Errors> {
    let mut errors = Errors::default();
    let rows = rows(bytes, ADDITIONS, &mut errors, |cells| {
        let (client, code, period) = (cells.client_number("client"), cells.text("code", 50), cells.period());
        let day = cells.money("price_per_day", DAY_CENTS_MAX);
        Some(AdditionRow { client: client?, code: code?, period: period?, day: day? })
    });
    let what = |row: &AdditionRow| format!("{} of client {} from {}", row.code, row.client, row.period.from);
    told_once(&rows, |row| (row.client, row.code.clone(), row.period.from), what, &mut errors);
    errors.or(rows)
}
