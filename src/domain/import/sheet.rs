//! A CSV file as Dutch and other spreadsheets write it: UTF-8 with or without a mark in front, `;` or `,` between fields.

use std::collections::HashMap;

use super::{Errors, RowError};

/// A file of a hundred thousand clients has a tenth of this.
pub const BYTES_MAX: usize = 100_000_000;
const ROWS_MAX: usize = 1_000_000;
/// No field is longer; each kind of row has narrower bounds of its own.
const CHARACTERS_MAX: usize = 1_000;

/// A column as a file may name it: in code's words or in Dutch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub name: &'static str,
    pub dutch: &'static str,
    pub needed: bool,
}

pub(super) const fn needed(name: &'static str, dutch: &'static str) -> Column {
    Column { name, dutch, needed: true }
}

pub(super) const fn optional(name: &'static str, dutch: &'static str) -> Column {
    Column { name, dutch, needed: false }
}

/// A file whose heading is right.
pub(super) struct Sheet {
    /// By code's name: where the column stands, and how the file calls it.
    columns: HashMap<&'static str, (usize, String)>,
    pub rows: Vec<(u64, csv::StringRecord)>,
}

impl Sheet {
    /// Where a column stands, and how the file calls it.
    pub(super) fn column(&self, name: &str) -> Option<(usize, &str)> {
        self.columns.get(name).map(|(place, heading)| (*place, heading.as_str()))
    }

    /// Reads a file with these columns, in any order. Lines that cannot be read are told, and left out.
    pub(super) fn read(bytes: &[u8], columns: &'static [Column], errors: &mut Errors) -> Option<Sheet> {
        let text = text(bytes).map_err(|error| errors.push(error.line, "", error.what)).ok()?;
        let heading = text.lines().next().unwrap_or_default();
        let separator = if heading.contains(';') { b';' } else { b',' };
        let mut reader = csv::ReaderBuilder::new();
        let reader = reader.delimiter(separator).flexible(true).has_headers(false);
        let mut records = reader.from_reader(text.as_bytes()).into_records();
        let Some(Ok(heading)) = records.next() else {
            errors.push(1, "", format!("the file is empty: its first line names the columns: {}", names(columns)));
            return None;
        };
        let columns = headings(&heading, columns, errors)?;
        let mut rows = Vec::new();
        let mut lines = Lines { text, counted: 0, line: 1 };
        for record in records {
            // nothing but what was checked above can fail
            let Ok(record) = record else { continue };
            let line = lines.of(&record);
            if rows.len() >= ROWS_MAX {
                errors.push(line, "", format!("a file has at most {ROWS_MAX} rows: divide it"));
                return None;
            }
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            if record.len() != heading.len() {
                let (fields, expected) = (record.len(), heading.len());
                let hint = "a separator within a field needs quotes around the field";
                errors.push(line, "", format!("there are {fields} fields, and the heading has {expected}: {hint}"));
                continue;
            }
            if is_harmless(&record, &heading, line, errors) {
                rows.push((line, record));
            }
        }
        Some(Sheet { columns, rows })
    }
}

/// On which line records begin. The reader's own count is one off after a line that ends in CR LF or is empty.
struct Lines<'t> {
    text: &'t str,
    counted: usize,
    line: u64,
}

impl Lines<'_> {
    /// Of records in the file's order.
    fn of(&mut self, record: &csv::StringRecord) -> u64 {
        let start = record.position().and_then(|at| usize::try_from(at.byte()).ok()).unwrap_or(self.counted);
        let rest = self.text.as_bytes().get(self.counted..).unwrap_or_default();
        for (place, byte) in (self.counted..).zip(rest) {
            if place >= start && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            self.line += u64::from(*byte == b'\n');
            self.counted = place + 1;
        }
        self.line
    }
}

/// UTF-8 without its mark, and without what no table has.
fn text(bytes: &[u8]) -> Result<&str, RowError> {
    let at = |place: usize, what: String| {
        let before = bytes.get(..place).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').fold(1, |line: u64, _| line.saturating_add(1));
        RowError { line, column: String::new(), what }
    };
    if bytes.len() > BYTES_MAX {
        return Err(at(0, format!("the file has more than {} MB: divide it", BYTES_MAX / 1_000_000)));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(at(0, "this is UTF-16: save it as \"CSV UTF-8\"".to_owned()));
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(at(0, "this is a workbook: save the sheet as \"CSV UTF-8\"".to_owned()));
    }
    let text = std::str::from_utf8(bytes);
    let text =
        text.map_err(|error| at(error.valid_up_to(), "this is not UTF-8: save it as \"CSV UTF-8\"".to_owned()))?;
    if let Some(place) = text.find('\0') {
        return Err(at(place, "there is a NUL character: this is no text file".to_owned()));
    }
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn names(columns: &[Column]) -> String {
    let all: Vec<&str> = columns.iter().map(|column| column.name).collect();
    all.join(", ")
}

fn headings(
    heading: &csv::StringRecord,
    columns: &'static [Column],
    errors: &mut Errors,
) -> Option<HashMap<&'static str, (usize, String)>> {
    let mut found: HashMap<&'static str, (usize, String)> = HashMap::new();
    let mut is_right = true;
    for (place, cell) in heading.iter().enumerate() {
        let cell = cell.trim();
        let name = cell.to_lowercase();
        let Some(column) = columns.iter().find(|column| column.name == name || column.dutch == name) else {
            let shown: String = cell.chars().take(40).collect();
            errors.push(1, &shown, format!("there is no such column here; there are {}", names(columns)));
            is_right = false;
            continue;
        };
        if found.insert(column.name, (place, cell.to_owned())).is_some() {
            errors.push(1, cell, "this column stands there twice");
            is_right = false;
        }
    }
    for column in columns.iter().filter(|column| column.needed && !found.contains_key(column.name)) {
        errors.push(1, column.name, format!("this column is missing (it may be called {} too)", column.dutch));
        is_right = false;
    }
    is_right.then_some(found)
}

/// Refuses what another program might run when it opens what came from here, and what no field holds.
fn is_harmless(record: &csv::StringRecord, heading: &csv::StringRecord, line: u64, errors: &mut Errors) -> bool {
    let mut is_harmless = true;
    for (cell, column) in record.iter().zip(heading) {
        let what = if cell.len() > CHARACTERS_MAX && cell.chars().count() > CHARACTERS_MAX {
            format!("the field has more than {CHARACTERS_MAX} characters: was a quote left open?")
        } else if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
            let first: String = cell.chars().take(1).map(|first| first.escape_default().to_string()).collect();
            format!("the field begins with `{first}`, as a formula does: write the value itself")
        } else if cell.contains(|it: char| it.is_control()) {
            "there is a line break or another control character in the field: write it on one line".to_owned()
        } else {
            continue;
        };
        errors.push(line, column.trim(), what);
        is_harmless = false;
    }
    is_harmless
}
