//! An organisation's reports: what each one says, column by column, and the definition that it is computed by.

use chrono::NaiveDate;

use super::money::Unit;

/// A report. The names stand in addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Report {
    Production,
    ProductionDifferences,
    Use,
    Waivers,
    Overruns,
    Savings,
    Buffer,
    Money,
}

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Words.
    Text,
    /// A whole number.
    Number,
    /// A day.
    Day,
    /// Euros: in JSON whole cents, and the name ends in `_cents`; in CSV euros with two decimals, and it ends in `_eur`.
    Money,
    /// An amount of the unit that another column names: in JSON whole minor units; in CSV as people write it.
    Amount,
}

/// A column. The name of one with money lacks its ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Column {
    pub name: &'static str,
    pub sort: Sort,
}

/// A value in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Cell {
    Text(String),
    Number(i64),
    Day(NaiveDate),
    Cents(i64),
    Minor(i64, Unit),
    /// Nothing is known or nothing applies.
    Empty,
}

impl From<Option<String>> for Cell {
    fn from(text: Option<String>) -> Cell {
        text.map_or(Cell::Empty, Cell::Text)
    }
}

impl From<Option<NaiveDate>> for Cell {
    fn from(day: Option<NaiveDate>) -> Cell {
        day.map_or(Cell::Empty, Cell::Day)
    }
}

impl Cell {
    /// A month, as `2026-04`.
    pub fn month(first: NaiveDate) -> Cell {
        Cell::Text(first.format("%Y-%m").to_string())
    }
}

const fn column(name: &'static str, sort: Sort) -> Column {
    Column { name, sort }
}

const MONTH: Column = column("month", Sort::Text);
const CLIENT: Column = column("client", Sort::Number);
const UNIT: Column = column("unit", Sort::Text);

impl Report {
    /// All of them.
    pub const ALL: [Report; 8] = [
        Report::Production,
        Report::ProductionDifferences,
        Report::Use,
        Report::Waivers,
        Report::Overruns,
        Report::Savings,
        Report::Buffer,
        Report::Money,
    ];

    /// As in its address.
    pub const fn name(self) -> &'static str {
        match self {
            Report::Production => "production",
            Report::ProductionDifferences => "production-differences",
            Report::Use => "use",
            Report::Waivers => "waivers",
            Report::Overruns => "overruns",
            Report::Savings => "savings",
            Report::Buffer => "buffer",
            Report::Money => "money",
        }
    }

    /// The report of this name.
    pub fn from_name(name: &str) -> Option<Report> {
        Report::ALL.into_iter().find(|report| report.name() == name)
    }

    /// What it counts, and how.
    pub const fn definition(self) -> &'static str {
        match self {
            Report::Production => {
                "The production to declare: for each month and product code, funded days x the day's tariff. A day is funded if \
                 one indication covers it (first and last day included) and it is no unfunded day of absence, nor after the \
                 last day of who left. Additions count under their own code. Days for which data are wrong (two indications, no \
                 tariff) are in no row: production-differences names them by client."
            }
            Report::ProductionDifferences => {
                "Clients whose month by today's data (days and amount, additions included) differs from what the month was \
                 granted by its last revision, or whose data are wrong: the first such day and why. Of a scheme that counts \
                 hours only the days are compared. No row: the two agree."
            }
            Report::Use => {
                "Mirror information: what clients of the same profile use, by location. The location is where the client lives \
                 now, the profile the last one that the client had in the month. Lines that were paid and delivered, less what \
                 was given back, at their euro prices. Residents are all clients of that profile who lived there in the month, \
                 users those with a line of the kind; per resident is the price divided by residents, half up."
            }
            Report::Waivers => {
                "Plan lines that cost nothing though they have a price, with the reason: in each month in which the line was \
                 agreed, how many days of it were delivered, and what was waived by it."
            }
            Report::Overruns => {
                "What the organisation bore: care and included lines that the purses could not pay, offline losses (less what was \
                 settled), what downward corrections could not take back, each less what was given back; and what the months' \
                 openings expect on top, as `expected`."
            }
            Report::Savings => {
                "By client and month, in the wallet's unit: saved at the close, spent, given back, lapsed. Opening and closing \
                 stand in the month's frozen statement and are empty before it is closed."
            }
            Report::Buffer => {
                "The shared buffer by month and unit: what clients contributed, what corrections added or took, what was drawn for \
                 care and given back. The balance is that of now."
            }
            Report::Money => {
                "Virtual and real apart. Virtual are budgets, reserves, savings, buffer, what grants and sales book: they are no \
                 debt. Real are bank, cash, own money (credit, bought points too), what is payable and receivable: only own money is \
                 a debt on the balance sheet. By kind of account and unit what came and went in the months; the balance of purses and \
                 buffer is that of now."
            }
        }
    }

    /// Its columns, in order.
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Report::Production => {
                const {
                    &[
                        MONTH,
                        column("code", Sort::Text),
                        column("days", Sort::Number),
                        column("day", Sort::Money),
                        column("amount", Sort::Money),
                    ]
                }
            }
            Report::ProductionDifferences => {
                const {
                    &[
                        MONTH,
                        CLIENT,
                        column("days", Sort::Number),
                        column("granted_days", Sort::Number),
                        column("amount", Sort::Money),
                        column("granted", Sort::Money),
                        column("difference", Sort::Money),
                        column("problem", Sort::Text),
                        column("problem_day", Sort::Day),
                    ]
                }
            }
            Report::Use => {
                const {
                    &[
                        MONTH,
                        column("location", Sort::Text),
                        column("profile", Sort::Text),
                        column("delivery", Sort::Text),
                        column("kind", Sort::Text),
                        column("residents", Sort::Number),
                        column("users", Sort::Number),
                        column("quantity", Sort::Number),
                        column("price", Sort::Money),
                        column("per_resident", Sort::Money),
                    ]
                }
            }
            Report::Waivers => {
                const {
                    &[
                        MONTH,
                        CLIENT,
                        column("line", Sort::Text),
                        column("service", Sort::Text),
                        column("agreed_on", Sort::Day),
                        column("dropped_from", Sort::Day),
                        column("each", Sort::Money),
                        column("delivered", Sort::Number),
                        column("waived", Sort::Money),
                        column("reason", Sort::Text),
                    ]
                }
            }
            Report::Overruns => {
                const {
                    &[
                        MONTH,
                        CLIENT,
                        column("what", Sort::Text),
                        column("flow", Sort::Text),
                        UNIT,
                        column("amount", Sort::Amount),
                    ]
                }
            }
            Report::Savings => {
                const {
                    &[
                        MONTH,
                        CLIENT,
                        UNIT,
                        column("opening", Sort::Amount),
                        column("saved", Sort::Amount),
                        column("spent", Sort::Amount),
                        column("given_back", Sort::Amount),
                        column("lapsed", Sort::Amount),
                        column("closing", Sort::Amount),
                    ]
                }
            }
            Report::Buffer => {
                const {
                    &[
                        MONTH,
                        UNIT,
                        column("contributed", Sort::Amount),
                        column("corrected", Sort::Amount),
                        column("drawn", Sort::Amount),
                        column("given_back", Sort::Amount),
                        column("balance_now", Sort::Amount),
                    ]
                }
            }
            Report::Money => {
                const {
                    &[
                        column("part", Sort::Text),
                        column("account", Sort::Text),
                        UNIT,
                        column("came", Sort::Amount),
                        column("went", Sort::Amount),
                        column("balance_now", Sort::Amount),
                    ]
                }
            }
        }
    }
}
