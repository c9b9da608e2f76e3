#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use chrono::NaiveDate;
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::domain::funding::Unplanned;
use crate::domain::grant_rules::{GrantRules, WrittenDeduction, WrittenRules};
use crate::domain::indication::{Delivery, Indication, Package, Period};
use crate::domain::month_grant::{Entitled, Month, month_grant};
use crate::domain::tariff::Tariff;

fn euros(reserve: i64, buffer: i64, budget: i64) -> Granted {
    let cents = |minor| Amount::cents(minor).unwrap();
    Granted {
        gross: cents(reserve + buffer + budget),
        parts: Parts { reserve: cents(reserve), buffer: cents(buffer), budget: cents(budget) },
        reserve: cents(reserve),
        buffer: cents(buffer),
        budget: cents(budget),
        ..Granted::nothing(Unit::Eur, Unit::Eur)
    }
}

fn reach(budget: i64, reserve: i64, buffer: i64) -> Reach {
    let cents = |minor| Amount::cents(minor).unwrap();
    Reach { budget: cents(budget), reserve: cents(reserve), buffer: cents(buffer) }
}

fn told(legs: &[GrantLeg]) -> Vec<String> {
    legs.iter().map(|leg| format!("{} {} {}", leg.debit.name(), leg.credit.name(), leg.amount.minor())).collect()
}

#[test]
fn a_downward_correction_takes_free_budget_then_free_reserve_and_the_remainder_is_the_organisations() {
    let legs = correct(&euros(20, 10, 100), &euros(15, 4, 20), reach(30, 25, 2)).unwrap();
    assert_eq!(
        told(&legs),
        ["budget wlz_funding 30", "reserve wlz_funding 25", "buffer wlz_funding 2", "care_overrun wlz_funding 34"]
    );
}

#[test]
fn increases_come_before_what_goes_down() {
    let legs = correct(&euros(10, 0, 100), &euros(60, 0, 40), reach(0, 0, 0)).unwrap();
    assert_eq!(told(&legs), ["wlz_funding reserve 50", "reserve wlz_funding 50", "care_overrun wlz_funding 10"]);
}

#[test]
fn what_is_right_already_is_not_corrected() {
    assert_eq!(correct(&euros(1, 2, 3), &euros(1, 2, 3), reach(9, 9, 9)).unwrap(), []);
}

#[test]
fn minutes_of_hours_are_no_correction_of_minutes_of_euros() {
    let hours = Granted::nothing(Unit::Min, Unit::Min);
    let tariff = Granted::nothing(Unit::Min, Unit::Eur);
    let zero = Amount::zero(Unit::Min);
    let reach = Reach { budget: zero, reserve: zero, buffer: zero };
    assert!(correct(&hours, &tariff, reach).is_err());
}

/// A month by a scheme of this sort, with so many funded days at so much a day.
#[derive(Clone, Debug)]
struct Sort {
    /// 0 euros, 1 points, 2 minutes from a tariff, 3 hours.
    basis: u8,
    value_cents: i64,
    personal: bool,
    percents: [i64; 3],
}

fn granted(sort: &Sort, day: i64, days: u32) -> Granted {
    let is_hours = sort.basis == 3;
    let unit = [Unit::Eur, Unit::Pnt, Unit::Min, Unit::Min][usize::from(sort.basis)];
    let amount = |minor| Amount::new(minor, if is_hours { Unit::Min } else { Unit::Eur }).unwrap();
    let rules = GrantRules::new(WrittenRules {
        is_hours,
        unit,
        value_cents: Some(sort.value_cents),
        hours: vec![("5VV".to_owned(), amount(day))],
        unplanned: if sort.personal { Unplanned::Personal } else { Unplanned::Collective },
        unplanned_percent: Decimal::new(sort.percents[0], 1),
        buffer_percent: Decimal::new(sort.percents[1], 1),
        deductions: vec![WrittenDeduction {
            name: "overhead".to_owned(),
            percent: Some(Decimal::new(sort.percents[2], 1)),
            cents_per_day: None,
            cents_per_month: None,
            delivery: None,
        }],
    })
    .unwrap();
    let package =
        Package { profile: "5VV".to_owned(), delivery: Delivery::Verblijf, treatment: false, day_activities: false };
    let from = NaiveDate::from_ymd_opt(2026, 4, 1).unwrap();
    let period = Period::new(from, None).unwrap();
    let unfunded = [Period::new(from + chrono::Days::new(days.into()), None).unwrap()];
    let tariffs = [Tariff { package: package.clone(), period, day: amount(day) }];
    let client = Entitled { indications: &[Indication { package, period }], additions: &[], unfunded: &unfunded };
    let tariffs: &[Tariff] = if is_hours { &[] } else { &tariffs };
    Granted::from(&month_grant(&rules, Month::new(2026, 4).unwrap(), tariffs, client).unwrap())
}

fn sorts() -> impl Strategy<Value = Sort> {
    (0_u8..4, 1_i64..2000, any::<bool>(), [0_i64..300, 0..300, 0..300])
        .prop_map(|(basis, value_cents, personal, percents)| Sort { basis, value_cents, personal, percents })
}

/// What each kind of account has had, by unit.
fn book(balances: &mut BTreeMap<(Kind, u8), i64>, legs: &[GrantLeg]) {
    for leg in legs {
        let unit = leg.amount.unit().code();
        *balances.entry((leg.debit, unit)).or_default() -= leg.amount.minor();
        *balances.entry((leg.credit, unit)).or_default() += leg.amount.minor();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    /// However a month is corrected, and corrected again, what was booked adds up to what the rules give last.
    #[test]
    fn all_parts_add_up_to_the_new_gross_to_the_cent(
        sort in sorts(),
        months in proptest::collection::vec((0_i64..40_000, 0_u32..=30), 2..5),
        spent in [0_i64..2_000_000, 0..100_000, 0..100_000],
    ) {
        let months: Vec<Granted> = months.iter().map(|(day, days)| granted(&sort, *day, *days)).collect();
        let nothing = Granted::nothing(months[0].unit, months[0].gross.unit());
        let mut balances = BTreeMap::new();
        let mut before = &nothing;
        for (round, now) in months.iter().enumerate() {
            let unit = now.unit.code();
            // from the second on, something of what was granted is spent or held
            let free = |kind: Kind, used: i64| {
                let has = balances.get(&(kind, unit)).copied().unwrap_or(0);
                Amount::new(if round == 0 { has } else { (has - used).max(0) }, now.unit).unwrap()
            };
            let reach = Reach {
                budget: free(Kind::Budget, spent[0]),
                reserve: free(Kind::Reserve, spent[1]),
                buffer: free(Kind::Buffer, spent[2]),
            };
            let legs = correct(before, now, reach).unwrap();
            for leg in &legs {
                prop_assert!(Flow::Correction.allows(leg.debit, leg.credit), "{leg:?}");
            }
            for (kind, free) in [(Kind::Budget, reach.budget), (Kind::Reserve, reach.reserve), (Kind::Buffer, reach.buffer)] {
                let sum = |side: fn(&GrantLeg) -> Kind| legs.iter().filter(|leg| side(leg) == kind)
                    .map(|leg| leg.amount.minor()).sum::<i64>();
                prop_assert!(sum(|leg| leg.debit) <= free.minor() + sum(|leg| leg.credit), "more than is free: {legs:?}");
            }
            book(&mut balances, &legs);
            let had = |kind: Kind, unit: Unit| balances.get(&(kind, unit.code())).copied().unwrap_or(0);
            let gross_unit = now.gross.unit();
            // an organisation's overrun paid back what the purses could not
            let purses = had(Kind::Budget, now.unit) + had(Kind::Reserve, now.unit) + had(Kind::Buffer, now.unit)
                + had(Kind::CareOverrun, now.unit);
            prop_assert_eq!(purses, now.budget.minor() + now.reserve.minor() + now.buffer.minor());
            prop_assert_eq!(-had(Kind::WlzFunding, gross_unit), now.gross.minor());
            prop_assert_eq!(had(Kind::Overhead, gross_unit), now.overhead().unwrap().minor());
            prop_assert_eq!(had(Kind::Collective, gross_unit), now.collective.minor());
            prop_assert_eq!(had(Kind::Rounding, Unit::Eur), now.rounding.minor());
            if now.is_exchanged() {
                prop_assert_eq!(had(Kind::GrantExchange, now.unit), -purses);
                prop_assert_eq!(had(Kind::GrantExchange, Unit::Eur), now.value().unwrap().minor());
            }
            before = now;
        }
    }
}
