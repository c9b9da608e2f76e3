//! The matrix: `flows.json` and the program agree on every (flow, kind, kind), and money cannot go where it must not.

use std::collections::{BTreeMap, BTreeSet};

use pasje::domain::account::Kind;
use pasje::domain::flow::Flow;
use serde::Deserialize;

#[derive(Deserialize)]
struct Matrix {
    kinds: BTreeMap<String, i64>,
    flows: BTreeMap<String, FlowRow>,
}

#[derive(Deserialize)]
struct FlowRow {
    code: i64,
    pairs: Vec<(String, String)>,
}

fn matrix() -> Matrix {
    serde_json::from_str(include_str!("cases/flows.json")).unwrap()
}

#[test]
fn the_program_and_the_matrix_agree_on_every_flow_kind_and_kind() {
    let matrix = matrix();
    let kinds: BTreeMap<String, i64> =
        Kind::ALL.iter().map(|kind| (kind.name().to_owned(), i64::from(kind.code()))).collect();
    assert_eq!(kinds, matrix.kinds);
    assert_eq!(Flow::ALL.len(), matrix.flows.len());
    let mut allowed = 0;
    for flow in Flow::ALL {
        let row = &matrix.flows[flow.name()];
        assert_eq!(i64::from(flow.code()), row.code);
        for debit in Kind::ALL {
            for credit in Kind::ALL {
                let expected = row.pairs.contains(&(debit.name().to_owned(), credit.name().to_owned()));
                assert_eq!(flow.allows(debit, credit), expected, "{} {debit:?} {credit:?}", flow.name());
                allowed += usize::from(expected);
            }
        }
    }
    assert_eq!(allowed, matrix.flows.values().map(|row| row.pairs.len()).sum::<usize>());
}

/// Every kind that money in `from` can come to, by any chain of flows. Refunds to clients and guests apart: they are
/// bound, booking by booking, to what was paid.
fn reachable(from: Kind) -> BTreeSet<Kind> {
    let mut seen = BTreeSet::from([from]);
    let mut frontier = vec![from];
    while let Some(debit) = frontier.pop() {
        for flow in Flow::ALL.into_iter().filter(|flow| !matches!(flow, Flow::Refund | Flow::GuestRefund)) {
            for credit in Kind::ALL {
                if flow.allows(debit, credit) && seen.insert(credit) {
                    frontier.push(credit);
                }
            }
        }
    }
    seen.remove(&from);
    seen
}

#[test]
fn own_money_never_pays_for_care_by_any_path() {
    let reached = reachable(Kind::Credit);
    for forbidden in
        [Kind::CareDelivered, Kind::IncludedSales, Kind::Budget, Kind::Reserve, Kind::Savings, Kind::Buffer]
    {
        assert!(!reached.contains(&forbidden), "own money reaches {}", forbidden.name());
    }
    assert!(reached.contains(&Kind::OwnSales), "the walk finds nothing at all");
}

#[test]
fn care_money_never_becomes_own_money_by_any_path() {
    let reached = reachable(Kind::WlzFunding);
    for forbidden in [Kind::Credit, Kind::Payable, Kind::Bank, Kind::Cash] {
        assert!(!reached.contains(&forbidden), "wlz_funding reaches {}", forbidden.name());
    }
    assert!(reached.contains(&Kind::CareDelivered), "the walk finds nothing at all");
}
