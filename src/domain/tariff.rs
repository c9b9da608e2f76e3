//! What a funded day brings: contracted tariffs by package and period, and a client's dated extras.

use super::indication::{Package, Period};
use super::money::Amount;

/// What a day of a package brings in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Tariff {
    pub package: Package,
    pub period: Period,
    /// In cents.
    pub day: Amount,
}

/// What a funded day of one client brings beside its tariff (meerzorg).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Addition {
    pub period: Period,
    /// In cents.
    pub day: Amount,
}
