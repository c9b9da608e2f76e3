//! What a client is entitled to: care profiles with their periods, and the days that bring no money.

use chrono::NaiveDate;

use super::codes::stored_codes;

stored_codes! {
    /// How Wlz care is delivered.
    Delivery {
        /// In a care facility, with its board and lodging.
        Verblijf = 1 "verblijf",
        /// Full package at home (volledig pakket thuis).
        Vpt = 2 "vpt",
        /// Modular package at home (modulair pakket thuis).
        Mpt = 3 "mpt",
    }
}

impl Delivery {
    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Delivery> {
        Delivery::ALL.iter().copied().find(|delivery| delivery.name() == name)
    }
}

/// Days from the first to the last, both included; without a last day for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Period {
    pub from: NaiveDate,
    pub to: Option<NaiveDate>,
}

impl Period {
    /// None where the last day lies before the first.
    pub fn new(from: NaiveDate, to: Option<NaiveDate>) -> Option<Period> {
        to.is_none_or(|to| from <= to).then_some(Period { from, to })
    }

    /// Whether a day is in it.
    pub fn has(&self, day: NaiveDate) -> bool {
        self.from <= day && self.to.is_none_or(|to| day <= to)
    }
}

/// What a tariff is for: all of it must match.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Package {
    /// ZZP code, for example `5VV`.
    pub profile: String,
    /// How it is delivered.
    pub delivery: Delivery,
    /// With treatment.
    pub treatment: bool,
    /// With day activities.
    pub day_activities: bool,
}

/// A care profile of a client, for a period.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Indication {
    pub package: Package,
    pub period: Period,
}
