//! `pasje explain` agrees with every worked case, and says what is wrong with bad input.

use pasje::explain;
use serde_json::{Value, json};

/// Every case of a file, asked one by one so that a failure names its case.
fn agrees(file: &str, ask: fn(&str) -> Result<String, explain::ExplainError>) {
    let cases: Vec<Value> = serde_json::from_str(file).unwrap();
    assert!(cases.len() >= 30, "the file has lost its cases");
    for case in cases {
        let answer = ask(&json!([case["input"]]).to_string()).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer[0], case["expect"], "case {} of {}", case["name"], case["input"]);
    }
}

#[test]
fn sales_are_paid_as_in_the_worked_cases() {
    agrees(include_str!("cases/sale.json"), explain::sales);
}

#[test]
fn a_month_brings_what_the_worked_cases_say() {
    agrees(include_str!("cases/budget.json"), explain::budgets);
}

#[test]
fn refunds_give_back_as_in_the_worked_cases() {
    agrees(include_str!("cases/refund.json"), explain::refunds);
}

fn sale() -> Value {
    let purse = || json!({"balance": 100, "held": 0});
    json!({
        "unit": "EUR", "buffer_approved": 0, "whole": false,
        "scheme": {"unplanned": "personal", "extras_from_budget": true, "extras_from_savings": false, "care_from_savings": "never"},
        "purses": {"budget": purse(), "reserve": purse(), "savings": purse(), "buffer": purse(), "credit_cents": purse()},
        "lines": [{"kind": "extra", "price_cents": 10, "units": 10, "planned": false, "consented": false, "hold": 0}],
    })
}

#[test]
fn bad_input_names_the_case_and_the_field() {
    let broken: [(&str, Value); 9] = [
        ("/unit", json!("USD")),
        ("/lines/0/kind", json!("drugs")),
        ("/lines/0/price_cents", json!(-1)),
        ("/lines/0/price_cents", json!(1.5)),
        ("/lines/0/price_cents", json!(9_000_000_000_000_000_000_u64)),
        ("/lines/0/planned", json!("yes")),
        ("/purses/budget/held", json!(null)),
        ("/scheme/care_from_savings", json!("sometimes")),
        ("/whole", json!(0)),
    ];
    for (pointer, value) in broken {
        let mut bad = sale();
        *bad.pointer_mut(pointer).unwrap() = value.clone();
        let error = explain::sales(&json!([sale(), bad]).to_string()).unwrap_err().to_string();
        let field = pointer.trim_start_matches('/').replace("/0", "[0]").replace('/', ".");
        assert!(error.starts_with(&format!("case 1, field {field}: ")), "{pointer} = {value}: {error}");
    }
    let mut unknown = sale();
    unknown["lines"][0]["discount"] = json!(5);
    let error = explain::sales(&json!([unknown]).to_string()).unwrap_err().to_string();
    assert!(error.contains("case 0, field lines[0].discount"), "{error}");
    let mut missing = sale();
    missing["purses"].as_object_mut().unwrap().remove("reserve");
    let error = explain::sales(&json!([missing]).to_string()).unwrap_err().to_string();
    assert!(error.contains("case 0, field purses") && error.contains("reserve"), "{error}");
    for input in ["", "{}", "[1", "null"] {
        assert!(explain::sales(input).unwrap_err().to_string().contains("not a JSON array"), "{input}");
    }
    let refund = json!([{"quantity": 1, "legs": [{"purse": "piggy", "amount": 1}], "steps": [1]}]);
    let error = explain::refunds(&refund.to_string()).unwrap_err().to_string();
    assert!(error.contains("case 0, field legs[0].purse") && error.contains("piggy"), "{error}");
}
