//! Files of rows that an organisation hands over (`docs/imports.md`): bytes to typed rows, and what is wrong with them by
//! line and column. Nothing here knows what the database has.
//!
//! A file is right as a whole or not taken at all. Every error is told, up to [`ERRORS_MAX`].

mod absence;
mod cell;
mod change;
mod entitled;
mod offer;
mod people;
mod sheet;

pub use absence::{AbsenceSettingRow, absence_settings};
pub use cell::is_bsn;
pub use change::{Change, ChangeKind, CodedPrice, Told, changes};
pub use entitled::{AdditionRow, IndicationRow, TariffRow, additions, indications, tariffs};
pub use offer::{PriceRow, ServiceRow, VAT_MAX, prices, services};
pub use people::{ClientRow, RepresentativeRole, RepresentativeRow, clients, representatives};
pub use sheet::BYTES_MAX;

/// More than anybody mends at one sitting.
pub const ERRORS_MAX: usize = 100;

/// What is wrong with a cell, a line or the file, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RowError {
    /// From 1, the heading included; a quoted field's line is that on which its row begins.
    pub line: u64,
    /// As the file's heading has it; empty where the whole line or file is meant.
    pub column: String,
    pub what: String,
}

impl std::fmt::Display for RowError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, column, what } = self;
        if column.is_empty() {
            write!(out, "line {line}: {what}")
        } else {
            write!(out, "line {line}, column {column}: {what}")
        }
    }
}

/// All that is wrong, by line, and how much more there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Errors {
    told: Vec<RowError>,
    more: usize,
}

impl Errors {
    /// Remembers one, if there is room.
    pub fn push(&mut self, line: u64, column: &str, what: impl Into<String>) {
        if self.told.len() < ERRORS_MAX {
            self.told.push(RowError { line, column: column.to_owned(), what: what.into() });
        } else {
            self.more += 1;
        }
    }

    /// Whether nothing is wrong.
    pub const fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// What is told.
    pub fn told(&self) -> &[RowError] {
        &self.told
    }

    /// The value if nothing is wrong.
    ///
    /// # Errors
    /// These.
    pub fn or<T>(mut self, value: T) -> Result<T, Errors> {
        self.told.sort_by_key(|error| error.line);
        if self.told.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl std::fmt::Display for Errors {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for error in &self.told {
            writeln!(out, "  {error}")?;
        }
        if self.more > 0 {
            writeln!(out, "  and {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

/// A row with the line it begins on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct At<T> {
    pub line: u64,
    pub row: T,
}

/// Tells of rows that say the same thing's value twice.
fn told_once<T, K: std::hash::Hash + Eq>(
    rows: &[At<T>],
    key: impl Fn(&T) -> K,
    what: impl Fn(&T) -> String,
    errors: &mut Errors,
) {
    let mut lines = std::collections::HashMap::with_capacity(rows.len());
    for At { line, row } in rows {
        if let Some(first) = lines.insert(key(row), *line) {
            errors.push(*line, "", format!("{} stands on line {first} already: keep one of them", what(row)));
        }
    }
}
