//! What stands in one field: dates, amounts, words. Parsed exactly or told.

use chrono::NaiveDate;

use super::sheet::{Column, Sheet};
use super::{At, Errors};
use crate::domain::indication::{Delivery, Period};
use crate::domain::money::Amount;

/// A row being read.
pub(super) struct Cells<'a> {
    sheet: &'a Sheet,
    line: u64,
    record: &'a csv::StringRecord,
    errors: &'a mut Errors,
}

/// Reads all rows of a file; `read` answers none where it told an error.
pub(super) fn rows<T>(
    bytes: &[u8],
    columns: &'static [Column],
    errors: &mut Errors,
    read: impl Fn(&mut Cells<'_>) -> Option<T>,
) -> Vec<At<T>> {
    let Some(sheet) = Sheet::read(bytes, columns, errors) else { return Vec::new() };
    let mut rows = Vec::with_capacity(sheet.rows.len());
    for (line, record) in &sheet.rows {
        let mut cells = Cells { sheet: &sheet, line: *line, record, errors: &mut *errors };
        if let Some(row) = read(&mut cells) {
            rows.push(At { line: *line, row });
        }
    }
    rows
}

impl<'a> Cells<'a> {
    /// What stands in a column; empty where the file has no such column.
    pub(super) fn raw(&self, name: &str) -> &'a str {
        let place = self.sheet.column(name).map(|(place, _)| place);
        place.and_then(|place| self.record.get(place)).unwrap_or_default().trim()
    }

    pub(super) fn wrong(&mut self, name: &str, what: impl Into<String>) {
        let heading = self.sheet.column(name).map_or(name, |(_, heading)| heading);
        self.errors.push(self.line, heading, what);
    }

    /// Text of 1 to `max` characters.
    pub(super) fn text(&mut self, name: &str, max: usize) -> Option<String> {
        if self.raw(name).is_empty() {
            self.wrong(name, "the field is empty");
            return None;
        }
        self.text_or_none(name, max)?
    }

    /// Text of at most `max` characters; `Some(None)` where the field is empty.
    #[allow(clippy::option_option)]
    pub(super) fn text_or_none(&mut self, name: &str, max: usize) -> Option<Option<String>> {
        let raw = self.raw(name);
        let length = raw.chars().count();
        if length > max {
            self.wrong(name, format!("the field has {length} characters, and at most {max} fit"));
            return None;
        }
        Some((!raw.is_empty()).then(|| raw.to_owned()))
    }

    /// A person's name: text without a number that may be a BSN.
    pub(super) fn name(&mut self, name: &str, max: usize) -> Option<String> {
        let text = self.text(name, max)?;
        if text.split(|it: char| !it.is_ascii_digit()).any(is_bsn) {
            self.wrong(name, "there is a number in it that may be a BSN: no BSN goes into this system");
            return None;
        }
        Some(text)
    }

    /// Letters, digits and `-_.` alone.
    pub(super) fn code(&mut self, name: &str, max: usize) -> Option<String> {
        let code = self.text(name, max)?;
        if code.chars().all(|it| it.is_ascii_alphanumeric() || "-_.".contains(it)) {
            return Some(code);
        }
        self.wrong(name, format!("`{code}` is no code: letters, digits, - _ and . alone"));
        None
    }

    pub(super) fn date(&mut self, name: &str) -> Option<NaiveDate> {
        if self.raw(name).is_empty() {
            self.wrong(name, "the field is empty: write a date as 2026-04-01");
            return None;
        }
        self.date_or_none(name)?
    }

    #[allow(clippy::option_option)]
    pub(super) fn date_or_none(&mut self, name: &str) -> Option<Option<NaiveDate>> {
        let raw = self.raw(name);
        if raw.is_empty() {
            return Some(None);
        }
        let is_plain = raw.len() == 10 && raw.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let date = if is_plain { NaiveDate::parse_from_str(raw, "%Y-%m-%d").ok() } else { None };
        let known = date.filter(|date| {
            (NaiveDate::from_ymd_opt(1900, 1, 1)..NaiveDate::from_ymd_opt(2200, 1, 1)).contains(&Some(*date))
        });
        if known.is_none() {
            self.wrong(name, format!("`{raw}` is no date: write it as 2026-04-01"));
            return None;
        }
        Some(known)
    }

    /// From `from` to `to`, both included; `to` may be empty.
    pub(super) fn period(&mut self) -> Option<Period> {
        let (from, to) = (self.date("from"), self.date_or_none("to"));
        let (from, to) = (from?, to?);
        let period = Period::new(from, to);
        if period.is_none() {
            self.wrong("to", format!("the last day lies before the first, {from}"));
        }
        period
    }

    /// Euros with a comma or a point: exactly, to the cent.
    pub(super) fn money(&mut self, name: &str, max_cents: i64) -> Option<Amount> {
        let raw = self.raw(name);
        let found = decimals(raw, 2).filter(|cents| *cents <= max_cents).and_then(|cents| Amount::cents(cents).ok());
        if found.is_none() {
            let most = max_cents / 100;
            self.wrong(
                name,
                format!("`{raw}` is no amount: write euros as 12,50 or 12.50, without thousands marks, at most {most}"),
            );
        }
        found
    }

    /// A whole number, or a decimal one with `places` decimals as so many parts of it; `Some(None)` where empty.
    #[allow(clippy::option_option)]
    pub(super) fn number_or_none(
        &mut self,
        name: &str,
        places: u32,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<Option<i64>> {
        let raw = self.raw(name);
        if raw.is_empty() {
            return Some(None);
        }
        let found = decimals(raw, places).filter(|number| range.contains(number));
        if found.is_none() {
            let hundred = 10_i64.pow(places);
            let (low, high) = (range.start() / hundred, range.end() / hundred);
            let kind = if places == 0 { "whole number" } else { "number with at most two decimals" };
            self.wrong(name, format!("`{raw}` is no {kind} from {low} to {high}"));
            return None;
        }
        Some(found)
    }

    /// ja or nee.
    pub(super) fn yes(&mut self, name: &str) -> Option<bool> {
        self.word(name, &[("ja", true), ("nee", false), ("yes", true), ("no", false)], "ja or nee")
    }

    pub(super) fn delivery(&mut self) -> Option<Delivery> {
        let words = [("verblijf", Delivery::Verblijf), ("vpt", Delivery::Vpt), ("mpt", Delivery::Mpt)];
        self.word("delivery", &words, "verblijf, vpt or mpt")
    }

    /// One of a few words, small or capital.
    pub(super) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)], all: &str) -> Option<T> {
        let raw = self.raw(name).to_lowercase();
        let found = words.iter().find(|(word, _)| *word == raw).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let what = if raw.is_empty() { "the field is empty".to_owned() } else { format!("`{raw}` is not known") };
            self.wrong(name, format!("{what}: write {all}"));
        }
        found
    }

    /// A client's number. A BSN is never taken for one.
    pub(super) fn client_number(&mut self, name: &str) -> Option<i32> {
        let raw = self.raw(name);
        if is_bsn(raw) {
            self.wrong(name, "this may be a BSN: no BSN goes into this system; give the client a random number");
            return None;
        }
        let digits = raw.bytes().all(|byte| byte.is_ascii_digit()) && raw.len() <= 9;
        let number = if digits { raw.parse().ok().filter(|number| *number > 0) } else { None };
        if number.is_none() {
            self.wrong(name, format!("`{raw}` is no client number: write 1 to 9 digits"));
        }
        number
    }
}

/// Digits with at most `places` decimals after a comma or a point, as so many parts of one.
fn decimals(raw: &str, places: u32) -> Option<i64> {
    let (whole, part) = raw.split_once([',', '.']).unwrap_or((raw, ""));
    let places = usize::try_from(places).ok()?;
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let ends_in_mark = raw.ends_with([',', '.']);
    if whole.is_empty()
        || whole.len() > 12
        || part.len() > places
        || ends_in_mark
        || !is_plain(whole)
        || !is_plain(part)
    {
        return None;
    }
    format!("{whole}{part:0<places$}").parse().ok()
}

/// Whether digits pass the check of a BSN (elfproef): nine digits, or eight where a spreadsheet dropped the zero in front.
pub fn is_bsn(digits: &str) -> bool {
    let digits: Vec<u32> =
        digits.chars().filter(|it| !matches!(it, '.' | ' ' | '-')).map_while(|it| it.to_digit(10)).collect();
    let nine = match digits.len() {
        9 => digits,
        8 => std::iter::once(0).chain(digits).collect(),
        _ => return false,
    };
    // nine times the first, eight times the second and so on, and the last goes off
    let sum: i64 =
        nine.iter().zip([9, 8, 7, 6, 5, 4, 3, 2, -1]).map(|(digit, weight)| i64::from(*digit) * weight).sum();
    sum != 0 && sum.rem_euclid(11) == 0
}
