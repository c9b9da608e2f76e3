//! Reads keys of a TOML document one by one, and collects all that is wrong with their lines: who writes a file by hand
//! hears of everything at once. Numbers are read from their own digits; nothing goes through a float.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use rust_decimal::Decimal;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::SchemeFileError;
use crate::domain::money::{Amount, Unit};

/// The document, and what is wrong with it so far.
pub(super) struct Document<'i> {
    text: &'i str,
    errors: RefCell<Vec<SchemeFileError>>,
}

impl<'i> Document<'i> {
    pub(super) const fn new(text: &'i str) -> Self {
        Self { text, errors: RefCell::new(Vec::new()) }
    }

    /// Remembers what is wrong with a key.
    pub(super) fn wrong(&self, at: usize, key: &str, what: impl Into<String>) {
        let line = line_of(self.text, at);
        self.errors.borrow_mut().push(SchemeFileError { line, key: key.to_owned(), what: what.into() });
    }

    /// Whether nothing was wrong so far.
    pub(super) fn is_right(&self) -> bool {
        self.errors.borrow().is_empty()
    }

    /// All that was wrong, by line.
    pub(super) fn into_errors(self) -> Vec<SchemeFileError> {
        let mut errors = self.errors.into_inner();
        errors.sort_by(|one, other| (one.line, &one.key).cmp(&(other.line, &other.key)));
        errors
    }
}

/// From 1.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// A table whose keys are taken one by one; those that are left at the end are unknown.
pub(super) struct Table<'d, 'i> {
    document: &'d Document<'i>,
    path: String,
    at: usize,
    left: BTreeMap<&'d str, (usize, &'d Spanned<DeValue<'i>>)>,
}

/// A value with the key it stands under.
pub(super) struct Value<'d, 'i> {
    document: &'d Document<'i>,
    pub(super) key: String,
    pub(super) at: usize,
    value: &'d DeValue<'i>,
}

impl<'d, 'i> Table<'d, 'i> {
    /// The document's own keys.
    pub(super) fn root(document: &'d Document<'i>, table: &'d DeTable<'i>) -> Self {
        Self::new(document, String::new(), 0, table)
    }

    fn new(document: &'d Document<'i>, path: String, at: usize, table: &'d DeTable<'i>) -> Self {
        let left = table.iter().map(|(key, value)| (key.get_ref().as_ref(), (key.span().start, value))).collect();
        Self { document, path, at, left }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// A key that may be missing.
    pub(super) fn take(&mut self, key: &str) -> Option<Value<'d, 'i>> {
        let (at, value) = self.left.remove(key)?;
        Some(Value { document: self.document, key: self.path_of(key), at, value: value.get_ref() })
    }

    /// A key that must be there; `what` says what to write.
    pub(super) fn need(&mut self, key: &str, what: &str) -> Option<Value<'d, 'i>> {
        let found = self.take(key);
        if found.is_none() {
            self.missing(key, what);
        }
        found
    }

    pub(super) fn missing(&self, key: &str, what: &str) {
        self.document.wrong(self.at, &self.path_of(key), format!("is missing: add {what}"));
    }

    /// A key that says nothing in this scheme.
    pub(super) fn refuse(&mut self, key: &str, why: &str) {
        if let Some(value) = self.take(key) {
            value.wrong(format!("says nothing here: {why}; leave it out"));
        }
    }

    /// A table that must be there.
    pub(super) fn table(&mut self, key: &str) -> Option<Table<'d, 'i>> {
        let value = self.need(key, &format!("a table `[{key}]`"))?;
        let DeValue::Table(table) = value.value else {
            value.wrong(format!("must be a table: write `[{key}]` on a line of its own"));
            return None;
        };
        Some(Table::new(self.document, value.key.clone(), value.at, table))
    }

    /// Tables of one name, each under `[[name]]`; there may be none.
    pub(super) fn tables(&mut self, key: &str) -> Vec<Table<'d, 'i>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let wrong = || value.wrong(format!("must be tables: write `[[{key}]]` on a line of its own above each"));
        let DeValue::Array(rows) = value.value else {
            wrong();
            return Vec::new();
        };
        let mut tables = Vec::with_capacity(rows.len());
        for (number, row) in (1..).zip(rows.iter()) {
            let DeValue::Table(table) = row.get_ref() else {
                wrong();
                return Vec::new();
            };
            let first = table.keys().map(|key| key.span().start).min();
            let Range { start, .. } = row.span();
            let at = first.map_or(start, |first| first.min(start.max(value.at)));
            tables.push(Table::new(self.document, format!("{}[{number}]", value.key), at, table));
        }
        tables
    }

    /// Tells of keys that nobody took. `known` helps with misspellings.
    pub(super) fn finish(self, known: &str) {
        for (key, (at, _)) in &self.left {
            let path = self.path_of(key);
            self.document.wrong(*at, &path, format!("is no key that schemes have; here may stand {known}"));
        }
    }

    pub(super) const fn document(&self) -> &'d Document<'i> {
        self.document
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

impl Value<'_, '_> {
    pub(super) fn wrong(&self, what: impl Into<String>) {
        self.document.wrong(self.at, &self.key, what);
    }

    fn shown(&self) -> String {
        match self.value {
            DeValue::String(text) => format!("\"{text}\""),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.as_str().to_owned(),
            DeValue::Boolean(yes) => yes.to_string(),
            DeValue::Datetime(_) => "a date".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        }
    }

    /// Text between quotes, of 1 to `max` characters.
    pub(super) fn text(&self, max: usize) -> Option<String> {
        match self.value {
            DeValue::String(text) if (1..=max).contains(&text.chars().count()) => Some(text.clone().into_owned()),
            DeValue::String(_) => {
                self.wrong(format!("must have 1 to {max} characters"));
                None
            }
            _ => {
                self.wrong(format!("{} is no text: write it between quotes", self.shown()));
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let found = match self.value {
            DeValue::String(text) => words.iter().find(|(word, _)| word == text).map(|(_, meaning)| *meaning),
            _ => None,
        };
        if found.is_none() {
            let all: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            self.wrong(format!("{} is not one of {}", self.shown(), all.join(", ")));
        }
        found
    }

    pub(super) fn yes(&self) -> Option<bool> {
        if let DeValue::Boolean(yes) = self.value {
            return Some(*yes);
        }
        self.wrong(format!("{} is neither true nor false (without quotes)", self.shown()));
        None
    }

    pub(super) fn whole(&self, range: RangeInclusive<i64>) -> Option<i64> {
        let found = match self.value {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let found = found.filter(|number| range.contains(number));
        if found.is_none() {
            let (low, high) = range.into_inner();
            self.wrong(format!("{} is not a whole number from {low} to {high} (without quotes)", self.shown()));
        }
        found
    }

    /// A decimal number from its own digits, with or without quotes.
    fn decimal(&self) -> Option<Decimal> {
        let digits = match self.value {
            DeValue::String(text) => text.as_ref(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            _ => return None,
        };
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if is_plain { Decimal::from_str_exact(digits).ok() } else { None }
    }

    /// 0 to 100.
    pub(super) fn percent(&self) -> Option<Decimal> {
        let found = self.decimal().filter(|percent| *percent <= Decimal::ONE_HUNDRED);
        if found.is_none() {
            self.wrong(format!("{} is no percentage: write 0 to 100, with a point, as \"12.5\"", self.shown()));
        }
        found
    }

    /// An amount of a unit: euros and points with at most two decimals, minutes whole.
    pub(super) fn amount(&self, unit: Unit) -> Option<Amount> {
        let (hundred, as_what) = match unit {
            Unit::Eur => (Decimal::ONE_HUNDRED, "euros, as \"12.50\""),
            Unit::Pnt => (Decimal::ONE_HUNDRED, "points, as \"12.50\""),
            Unit::Min => (Decimal::ONE, "whole minutes, as 90"),
        };
        let minor =
            self.decimal().and_then(|amount| amount.checked_mul(hundred)).filter(|minor| minor.fract().is_zero());
        let found = minor.and_then(|minor| i64::try_from(minor).ok()).and_then(|minor| Amount::new(minor, unit).ok());
        if found.is_none() {
            self.wrong(format!("{} is no amount in the scheme's unit: write {as_what}", self.shown()));
        }
        found
    }
}
