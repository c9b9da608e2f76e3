//! The model against the worked cases: it must be right by itself before it may judge the program.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::paying::{Item, Manner, Pots, Scheme, disagrees, pay, returned};

const PURSES: [&str; 5] = ["budget", "reserve", "savings", "credit", "credit_cents"];
const KINDS: [&str; 5] = ["care", "included", "activity", "extra", "own"];
const CONSENT: [&str; 3] = ["never", "consented", "always"];

fn free(purse: &Value) -> i128 {
    let of = |name: &str| i128::from(purse[name].as_i64().unwrap_or(0));
    (of("balance") - of("held")).max(0)
}

fn one_of(known: &[&'static str], value: &Value) -> &'static str {
    known.iter().find(|name| **name == value.as_str().unwrap()).unwrap()
}

fn sale(input: &Value) -> Value {
    let scheme = Scheme {
        collective: input["scheme"]["unplanned"] == "collective",
        extras_from_budget: input["scheme"]["extras_from_budget"].as_bool().unwrap(),
        extras_from_savings: input["scheme"]["extras_from_savings"].as_bool().unwrap(),
        care_from_savings: one_of(&CONSENT, &input["scheme"]["care_from_savings"]),
    };
    let mut pots: Pots = PURSES.into_iter().map(|name| (name, free(&input["purses"][name]))).collect();
    let approved = i128::from(input["buffer_approved"].as_i64().unwrap());
    pots.insert("buffer", free(&input["purses"]["buffer"]).min(approved));
    let items: Vec<Item> = input["lines"].as_array().unwrap().iter().map(item).collect();
    if items.iter().any(|item| disagrees(input["unit"].as_str().unwrap(), item)) {
        return json!({"error": "price_and_units_disagree"});
    }
    let manner = if input["whole"].as_bool().unwrap() { Manner::Whole } else { Manner::InPart };
    let paid = pay(&scheme, &pots, &items, manner, None);
    if let Some(reason) = paid.declined {
        return json!({"outcome": "declined", "reason": reason});
    }
    json!({
        "outcome": if paid.left_out.is_empty() { "approved" } else { "approved_in_part" },
        "left_out": paid.left_out.keys().collect::<Vec<_>>(),
        "legs": paid.shares.iter()
            .map(|share| json!({"line": share.line, "purse": share.purse, "amount": i64::try_from(share.amount).unwrap()}))
            .collect::<Vec<_>>(),
    })
}

fn item(line: &Value) -> Item {
    let hold = i128::from(line["hold"].as_i64().unwrap());
    Item {
        kind: one_of(&KINDS, &line["kind"]),
        price: i128::from(line["price_cents"].as_i64().unwrap()),
        units: line["units"].as_i64().map(i128::from),
        planned: line["planned"].as_bool().unwrap(),
        consented: line["consented"].as_bool().unwrap(),
        hold: BTreeMap::from([("budget", hold)]),
        barred: None,
    }
}

fn refund(input: &Value) -> Value {
    let sold = i128::from(input["quantity"].as_i64().unwrap());
    let mut before = 0;
    let step = |now: &Value| {
        let now = i128::from(now.as_i64().unwrap());
        if now < 1 || before + now > sold {
            return json!({"error": "more_than_sold"});
        }
        let legs = input["legs"].as_array().unwrap().iter().filter_map(|leg| {
            let amount = returned(i128::from(leg["amount"].as_i64().unwrap()), sold, before, now);
            (amount > 0).then(|| json!({"purse": leg["purse"], "amount": i64::try_from(amount).unwrap()}))
        });
        let answer = json!({"legs": legs.collect::<Vec<_>>()});
        before += now;
        answer
    };
    input["steps"].as_array().unwrap().iter().map(step).collect()
}

fn agrees(file: &str, least: usize, answer: fn(&Value) -> Value) {
    let cases: Vec<Value> = serde_json::from_str(file).unwrap();
    assert!(cases.len() >= least, "the file has lost its cases");
    for case in cases {
        assert_eq!(answer(&case["input"]), case["expect"], "case {} of {}", case["name"], case["input"]);
    }
}

#[test]
fn the_model_itself_agrees_with_the_worked_cases() {
    agrees(include_str!("../rules/cases/sale.json"), 150, sale);
    agrees(include_str!("../rules/cases/refund.json"), 30, refund);
}
