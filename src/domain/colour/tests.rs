#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::funding::CareFromSavings;
use crate::domain::money::Unit;
use crate::domain::occurrence::LineId;

fn minutes(minor: i64) -> Amount {
    Amount::new(minor, Unit::Min).unwrap()
}

const fn rules(extras_from_budget: bool) -> Rules {
    Rules {
        unplanned: Unplanned::Personal,
        extras_from_budget,
        extras_from_savings: false,
        care_from_savings: CareFromSavings::Never,
    }
}

fn line(kind: LineKind, units: Option<i64>, planned: u32, done: u32, released: u32) -> MonthLine {
    MonthLine {
        line: LineId::from_fresh(Uuid::now_v7()).unwrap(),
        service: Uuid::from_u128(1),
        kind,
        price: Amount::cents(100).unwrap(),
        units: units.map(minutes),
        vat_basis_points: 0,
        from_savings: false,
        planned,
        held: 0,
        done,
        released,
    }
}

fn colour_of(committed: i64, budget: i64, reserve: i64, unplanned: Unplanned) -> (Colour, i64, usize) {
    let nothing = minutes(0);
    let committed = Committed { open: minutes(committed), done: nothing, unplanned_care: nothing };
    let standing = standing(committed, minutes(budget), minutes(reserve), unplanned).unwrap();
    assert_eq!(standing.is_closed_to_more(), standing.colour != Colour::Green);
    (standing.colour, standing.beyond.minor(), standing.choices().len())
}

/// Source: E (Amsta).
#[test]
fn green_is_within_the_budget_orange_within_the_reserve_and_red_beyond() {
    use Unplanned::{Collective, Personal};
    assert_eq!(colour_of(100, 100, 20, Personal), (Colour::Green, 0, 0));
    assert_eq!(colour_of(101, 100, 20, Personal), (Colour::Orange, 0, 0));
    assert_eq!(colour_of(120, 100, 20, Personal), (Colour::Orange, 0, 0));
    assert_eq!(colour_of(121, 100, 20, Personal), (Colour::Red, 1, 4), "with four choices");
    // collective: no orange, whatever stands in the reserve
    assert_eq!(colour_of(100, 100, 20, Collective), (Colour::Green, 0, 0));
    assert_eq!(colour_of(101, 100, 20, Collective), (Colour::Red, 1, 4));
}

#[test]
fn no_colour_is_without_its_word_and_shape() {
    let shapes: std::collections::HashSet<_> = Colour::ALL.iter().map(|colour| colour.words().2).collect();
    assert_eq!(shapes.len(), Colour::ALL.len());
    assert_eq!(Colour::Orange.words(), ("oranje", "orange", "▲"));
}

#[derive(Clone, Debug)]
struct Day {
    line: usize,
    number: u32,
    fate: u8,
    payer: Kind,
}

fn kinds() -> impl Strategy<Value = LineKind> {
    proptest::sample::select(LineKind::ALL.to_vec())
}

fn payers() -> impl Strategy<Value = Kind> {
    proptest::sample::select(vec![
        Kind::Budget,
        Kind::Reserve,
        Kind::Savings,
        Kind::Buffer,
        Kind::Collective,
        Kind::Credit,
        Kind::CareOverrun,
        Kind::IncludedOverrun,
    ])
}

proptest! {
    /// Day by day and sale by sale, told in the words of the design.
    #[test]
    fn the_colour_equals_its_definition(
        lines in proptest::collection::vec((kinds(), proptest::option::of(0_i64..200)), 1..6),
        days in proptest::collection::vec((0_usize..6, 0_u32..31, 0_u8..4, payers()), 0..60),
        sales in proptest::collection::vec((kinds(), payers(), 0_i64..500), 0..12),
        (budget, reserve, extras, collective) in (0_i64..6_000, 0_i64..1_000, any::<bool>(), any::<bool>()),
    ) {
        let mut month: Vec<MonthLine> = lines.iter().map(|(kind, units)| line(*kind, *units, 0, 0, 0)).collect();
        let mut seen = std::collections::HashSet::new();
        let days: Vec<Day> = days
            .into_iter()
            .map(|(line, number, fate, payer)| Day { line: line % month.len(), number, fate, payer })
            .filter(|day| seen.insert((day.line, day.number)))
            .collect();
        let mut paid = Vec::new();
        let mut expected = 0;
        for day in &days {
            let line = &mut month[day.line];
            let bit = 1 << day.number;
            line.planned |= bit;
            let units = line.units.map_or(0, Amount::minor);
            let from_budget = match line.kind {
                LineKind::Care | LineKind::Included | LineKind::Activity => true,
                LineKind::Extra => extras,
                LineKind::Own => false,
            };
            match day.fate {
                // to come
                0 | 1 => expected += if from_budget { units } else { 0 },
                // delivered: what the budget paid, or should have
                2 => {
                    line.done |= bit;
                    paid.push(Paid { is_planned: true, kind: line.kind, payer: day.payer, minor: units });
                    let is_budgets = [Kind::Budget, Kind::CareOverrun, Kind::IncludedOverrun].contains(&day.payer);
                    expected += if from_budget && is_budgets { units } else { 0 };
                }
                // given up
                _ => line.released |= bit,
            }
        }
        for (kind, payer, minor) in sales {
            paid.push(Paid { is_planned: false, kind, payer, minor });
            if kind == LineKind::Care && payer != Kind::Buffer && payer != Kind::Collective {
                expected += minor;
            }
        }
        let committed = committed(&month, &paid, rules(extras), minutes(budget)).unwrap();
        prop_assert_eq!(committed.total().unwrap().minor(), expected);
        let unplanned = if collective { Unplanned::Collective } else { Unplanned::Personal };
        let colour = standing(committed, minutes(budget), minutes(reserve), unplanned).unwrap().colour;
        let is = |colour| match colour {
            Colour::Green => expected <= budget,
            Colour::Orange => !collective && budget < expected && expected <= budget + reserve,
            Colour::Red => expected > if collective { budget } else { budget + reserve },
        };
        prop_assert_eq!(Colour::ALL.iter().filter(|one| is(**one)).collect::<Vec<_>>(), vec![&colour]);
    }
}
