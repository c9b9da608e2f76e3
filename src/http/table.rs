//! Rows of a report as they are read: JSON for programs, CSV for people's spreadsheets.
//!
//! CSV: separator `;`, lines end in CR LF, quotes as in RFC 4180, and a decimal comma, as spreadsheets here expect. A text
//! that a spreadsheet would take for a formula (it begins with `=`, `+`, `-`, `@`, a tab or a carriage return) gets an
//! apostrophe before it. Numbers are ours and stay numbers, below zero too.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use serde_json::{Map, Value, json};

use crate::db::DbError;
use crate::domain::money::Unit;
use crate::domain::report::{Cell, Column, Sort};
use crate::services::reports::Reported;

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// An object with the rows as objects.
    #[default]
    Json,
    /// A header and a line a row.
    Csv,
}

impl Format {
    /// Of the answer.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Csv => "text/csv; charset=utf-8",
        }
    }
}

/// A column's name in an answer.
pub fn column_name(column: &Column, format: Format) -> String {
    match (column.sort, format) {
        (Sort::Money, Format::Json) => format!("{}_cents", column.name),
        (Sort::Money, Format::Csv) => format!("{}_eur", column.name),
        _ => column.name.to_owned(),
    }
}

fn in_csv(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => quoted(text),
        Cell::Number(number) => number.to_string(),
        Cell::Day(day) => day.to_string(),
        Cell::Cents(cents) => with_comma(*cents),
        Cell::Minor(minor, Unit::Min) => minor.to_string(),
        Cell::Minor(minor, Unit::Eur | Unit::Pnt) => with_comma(*minor),
        Cell::Empty => String::new(),
    }
}

fn with_comma(hundredths: i64) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    let whole = hundredths.unsigned_abs();
    format!("{sign}{},{:02}", whole / 100, whole % 100)
}

fn quoted(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let safe = if is_formula { format!("'{text}") } else { text.to_owned() };
    if is_formula || safe.contains(['"', ';', ',', '\r', '\n']) || safe.starts_with(' ') || safe.ends_with(' ') {
        format!("\"{}\"", safe.replace('"', "\"\""))
    } else {
        safe
    }
}

fn in_json(cell: Cell) -> Value {
    match cell {
        Cell::Text(text) => Value::String(text),
        Cell::Number(number) | Cell::Cents(number) | Cell::Minor(number, _) => number.into(),
        Cell::Day(day) => day.to_string().into(),
        Cell::Empty => Value::Null,
    }
}

/// What is sent at once: a row is small.
const CHUNK_BYTES: usize = 32 * 1024;

/// An answer that is written while its rows are read. Where they break off, so does the answer, without its end.
pub struct Table {
    rows: Reported,
    columns: &'static [Column],
    format: Format,
    /// Written and not sent yet.
    pending: String,
    is_first: bool,
    is_done: bool,
}

impl Table {
    /// Begins an answer. `head` is what a JSON answer tells beside its rows.
    pub fn new(rows: Reported, columns: &'static [Column], format: Format, head: &Map<String, Value>) -> Self {
        let pending = match format {
            Format::Csv => {
                let names: Vec<String> = columns.iter().map(|column| column_name(column, format)).collect();
                // told to be UTF-8 by its first sign: spreadsheets do not read the content type
                format!("\u{feff}{}\r\n", names.join(";"))
            }
            Format::Json => {
                let head = json!(head).to_string();
                format!("{},\"rows\":[", head.trim_end_matches('}'))
            }
        };
        Self { rows, columns, format, pending, is_first: true, is_done: false }
    }

    fn write(&mut self, row: Vec<Cell>) {
        match self.format {
            Format::Csv => {
                let cells: Vec<String> = row.iter().map(in_csv).collect();
                self.pending.push_str(&cells.join(";"));
                self.pending.push_str("\r\n");
            }
            Format::Json => {
                let names = self.columns.iter().map(|column| column_name(column, Format::Json));
                let object: Map<String, Value> = names.zip(row.into_iter().map(in_json)).collect();
                self.pending.push_str(if self.is_first { "\n" } else { ",\n" });
                self.pending.push_str(&Value::Object(object).to_string());
            }
        }
        self.is_first = false;
    }
}

impl MessageBody for Table {
    type Error = DbError;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, DbError>>> {
        let table = self.get_mut();
        while !table.is_done && table.pending.len() < CHUNK_BYTES {
            match table.rows.poll_row(context) {
                Poll::Ready(Some(Ok(row))) => table.write(row),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => {
                    table.is_done = true;
                    if table.format == Format::Json {
                        table.pending.push_str("\n]}\n");
                    }
                }
                Poll::Pending if table.pending.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        if table.pending.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(std::mem::take(&mut table.pending).into())))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_as_rfc_4180_says_and_is_never_a_formula() {
        for (text, wanted) in [
            ("Koffie", "Koffie"),
            ("", ""),
            ("a;b", "\"a;b\""),
            ("a\"b", "\"a\"\"b\""),
            ("a\r\nb", "\"a\r\nb\""),
            ("=1+1", "\"'=1+1\""),
            ("+31 6", "\"'+31 6\""),
            ("-x", "\"'-x\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("=HYPERLINK(\"x\";\"y\")", "\"'=HYPERLINK(\"\"x\"\";\"\"y\"\")\""),
        ] {
            assert_eq!(in_csv(&Cell::Text(text.to_owned())), wanted);
        }
    }

    #[test]
    fn amounts_are_written_as_people_write_them() {
        for (cell, wanted) in [
            (Cell::Cents(123_456), "1234,56"),
            (Cell::Cents(-5), "-0,05"),
            (Cell::Cents(i64::MIN), "-92233720368547758,08"),
            (Cell::Minor(150, Unit::Pnt), "1,50"),
            (Cell::Minor(150, Unit::Min), "150"),
            (Cell::Number(-7), "-7"),
            (Cell::Empty, ""),
        ] {
            assert_eq!(in_csv(&cell), wanted, "{cell:?}");
        }
    }
}
