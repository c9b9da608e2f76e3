//! One wrong row of each sort. Where a row is wrong in one way only, the rest is made to fit, so that exactly the check
//! that is meant finds it; where one deed breaks two promises, both checks say so.

pub mod cards;
pub mod forwards;
pub mod money;
pub mod months;
pub mod office;
pub mod sales;
pub mod tables;

use super::Planted;

pub const ALL: &[&[Planted]] = &[
    tables::PROTECTION,
    tables::HEADERS,
    money::TRANSFERS,
    money::STATE,
    sales::SALES,
    sales::REFUNDS,
    office::FUNDING,
    office::PAYOUTS,
    cards::CARDS,
    cards::CARD_HOLDS,
    cards::CARD_SCRIPTS,
    forwards::FORWARDS,
    forwards::ATTEMPTS,
    forwards::SETTLEMENTS,
    months::MONTHS,
];

const fn row(sql: &'static str, found_by: &'static [&'static str], names: &'static str) -> Planted {
    Planted { sql, found_by, names }
}
