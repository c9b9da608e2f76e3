//! Production to declare: funded days by product code, apart from what a scheme makes of them. Written beside `month_grant` and not
//! with it, so that the report can tell where the two differ.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};

use super::indication::{Indication, Package, Period};
use super::month_grant::Month;

/// What a product code brings a day in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Product {
    pub code: String,
    pub period: Period,
    pub day_cents: i64,
}

/// Why a day is in no product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Undeclared {
    OverlappingIndications,
    NoTariff,
    AmbiguousTariff,
}

impl Undeclared {
    /// As it is told.
    pub const fn name(self) -> &'static str {
        match self {
            Undeclared::OverlappingIndications => "overlapping_indications",
            Undeclared::NoTariff => "no_tariff",
            Undeclared::AmbiguousTariff => "ambiguous_tariff",
        }
    }
}

/// A client's month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Production {
    /// Days by code and cents a day.
    pub days: BTreeMap<(String, i64), i64>,
    pub funded_days: i64,
    pub cents: i64,
    /// The first day that is in no product though it is indicated and funded.
    pub undeclared: Option<(NaiveDate, Undeclared)>,
}

/// What a client's month brings. `unfunded`: bit n - 1 is day n.
pub fn production(
    month: Month,
    tariffs: impl Fn(&Package) -> Vec<Product>,
    indications: &[Indication],
    additions: &[Product],
    unfunded: u32,
) -> Production {
    let mut production = Production::default();
    let known: Vec<(&Indication, Vec<Product>)> = indications
        .iter()
        .filter(|indication| month.days().any(|day| indication.period.has(day)))
        .map(|indication| (indication, tariffs(&indication.package)))
        .collect();
    for day in month.days().filter(|day| unfunded & 1 << day.day0() == 0) {
        let mut covering = known.iter().filter(|(indication, _)| indication.period.has(day));
        let Some((_, products)) = covering.next() else { continue };
        let mut matching = products.iter().filter(|product| product.period.has(day));
        let undeclared = match (covering.next(), matching.next(), matching.next()) {
            (Some(_), ..) => Undeclared::OverlappingIndications,
            (None, None, _) => Undeclared::NoTariff,
            (None, Some(_), Some(_)) => Undeclared::AmbiguousTariff,
            (None, Some(product), None) => {
                production.funded_days += 1;
                let of_day = additions.iter().filter(|addition| addition.period.has(day));
                for product in of_day.chain([product]) {
                    *production.days.entry((product.code.clone(), product.day_cents)).or_default() += 1;
                    production.cents = production.cents.saturating_add(product.day_cents);
                }
                continue;
            }
        };
        production.undeclared.get_or_insert((day, undeclared));
    }
    production
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::indication::Delivery;

    fn day(number: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 4, number).unwrap()
    }

    fn period(from: u32, to: Option<u32>) -> Period {
        Period::new(day(from), to.map(day)).unwrap()
    }

    fn indication(profile: &str, from: u32, to: Option<u32>) -> Indication {
        let package =
            Package { profile: profile.to_owned(), delivery: Delivery::Vpt, treatment: false, day_activities: true };
        Indication { package, period: period(from, to) }
    }

    fn product(code: &str, from: u32, to: Option<u32>, day_cents: i64) -> Product {
        Product { code: code.to_owned(), period: period(from, to), day_cents }
    }

    fn tariffs(package: &Package) -> Vec<Product> {
        match package.profile.as_str() {
            "4VV" => vec![product("V041", 1, None, 10_000)],
            "8VV" => vec![product("V081", 1, Some(19), 20_000), product("V081", 20, None, 21_000)],
            "twice" => vec![product("A", 1, None, 1), product("B", 1, None, 2)],
            _ => Vec::new(),
        }
    }

    #[test]
    fn funded_days_times_tariff_by_product_code_is_the_production_to_declare() {
        let month = Month::new(2026, 4).unwrap();
        // ZZP 4 to 8 in mid-month, a new tariff on the 20th, an addition, and two unfunded days
        let indications = [indication("4VV", 1, Some(14)), indication("8VV", 15, None)];
        let additions = [product("meerzorg", 10, Some(16), 500)];
        let found = production(month, tariffs, &indications, &additions, 1 << 2 | 1 << 29);
        let days = |code: &str, cents: i64| found.days[&(code.to_owned(), cents)];
        assert_eq!((days("V041", 10_000), days("V081", 20_000), days("V081", 21_000)), (13, 5, 10));
        assert_eq!(days("meerzorg", 500), 7);
        assert_eq!(found.funded_days, 28);
        assert_eq!(found.cents, 13 * 10_000 + 5 * 20_000 + 10 * 21_000 + 7 * 500);
        assert_eq!(found.undeclared, None);
    }

    #[test]
    fn a_day_of_which_data_are_wrong_is_in_no_product_and_the_first_is_named() {
        let month = Month::new(2026, 4).unwrap();
        for (indications, first, because, declared) in [
            (
                vec![indication("4VV", 1, Some(10)), indication("8VV", 10, None)],
                10,
                Undeclared::OverlappingIndications,
                29,
            ),
            (vec![indication("4VV", 1, Some(10)), indication("9VV", 11, None)], 11, Undeclared::NoTariff, 10),
            (vec![indication("twice", 7, None)], 7, Undeclared::AmbiguousTariff, 0),
        ] {
            let found = production(month, tariffs, &indications, &[], 0);
            assert_eq!(found.undeclared, Some((day(first), because)));
            assert_eq!(found.funded_days, declared);
        }
        assert_eq!(production(month, tariffs, &[], &[], 0), Production::default());
    }
}
