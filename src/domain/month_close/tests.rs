#![allow(clippy::unwrap_used)]

use super::*;
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::funding::{CareFromSavings, Rules, Unplanned};
use crate::domain::money::Unit;
use crate::domain::wallet::{Buyer, Purse};

fn cents(minor: i64) -> Amount {
    Amount::cents(minor).unwrap()
}

/// Budget, reserve and savings, each with its balance and what is held of it.
fn wallet(purses: [(i64, i64); 3]) -> Wallet {
    let purse = |(balance, held)| Purse { balance: cents(balance), held: cents(held) };
    let [budget, reserve, savings] = purses.map(purse);
    let own = Purse { balance: cents(999), held: cents(0) };
    Wallet {
        id: WalletId::new(OrganisationId::new(1).unwrap(), 1).unwrap(),
        unit: Unit::Eur,
        rules: Rules {
            unplanned: Unplanned::Personal,
            extras_from_budget: true,
            extras_from_savings: false,
            care_from_savings: CareFromSavings::Never,
        },
        buyer: Buyer::Verblijf,
        is_closed: false,
        month: None,
        purses: [budget, reserve, savings, Purse::empty(Unit::Eur), own],
    }
}

fn rules(budget: BudgetClose, savings_cap: Option<i64>, reserve: ReserveClose, year_end: YearEnd) -> CloseRules {
    CloseRules { budget, savings_cap: savings_cap.map(cents), reserve, year_end }
}

fn told(rules: &CloseRules, wallet: &Wallet, is_year_end: bool) -> Vec<String> {
    let closings = close(rules, wallet, is_year_end).unwrap();
    assert_eq!(transfers(wallet, &closings).unwrap().len(), closings.len());
    closings.iter().map(|(fate, purse, amount)| format!("{fate:?} {} {}", purse.name(), amount.minor())).collect()
}

#[test]
fn what_is_left_is_saved_up_to_the_cap_and_the_rest_lapses() {
    let wallet = wallet([(100, 30), (50, 0), (40, 10)]);
    let save = rules(BudgetClose::Save, None, ReserveClose::Lapse, YearEnd::Keep);
    assert_eq!(told(&save, &wallet, false), ["Save budget 70", "Lapse reserve 50"], "what is held stays");
    let capped = rules(BudgetClose::Save, Some(130), ReserveClose::Save, YearEnd::Keep);
    assert_eq!(told(&capped, &wallet, false), ["Save budget 70", "Save reserve 20", "Lapse reserve 30"]);
    let full = rules(BudgetClose::Save, Some(5), ReserveClose::Roll, YearEnd::Keep);
    assert_eq!(told(&full, &wallet, false), ["Lapse budget 70"]);
    let lapse = rules(BudgetClose::Lapse, None, ReserveClose::Roll, YearEnd::Keep);
    assert_eq!(told(&lapse, &wallet, false), ["Lapse budget 70"]);
}

#[test]
fn december_has_its_own_rule_after_its_own_saving() {
    let wallet = wallet([(100, 30), (0, 0), (40, 10)]);
    let keep_up_to = rules(BudgetClose::Save, None, ReserveClose::Roll, YearEnd::KeepUpTo(cents(60)));
    assert_eq!(told(&keep_up_to, &wallet, true), ["Save budget 70", "Lapse savings 40"]);
    assert_eq!(told(&keep_up_to, &wallet, false), ["Save budget 70"]);
    let lapse = rules(BudgetClose::Lapse, None, ReserveClose::Roll, YearEnd::Lapse);
    assert_eq!(told(&lapse, &wallet, true), ["Lapse budget 70", "Lapse savings 30"]);
    let keep = rules(BudgetClose::Lapse, None, ReserveClose::Roll, YearEnd::Keep);
    assert_eq!(told(&keep, &wallet, true), ["Lapse budget 70"]);
}

#[test]
fn who_leaves_loses_public_money_and_keeps_own_money() {
    let closings = leave(&wallet([(100, 30), (50, 0), (40, 10)]));
    assert_eq!(loss(&closings, &wallet([(0, 0); 3])).unwrap(), cents(150));
    assert!(closings.iter().all(|(_, purse, _)| !matches!(purse, PurseName::Credit | PurseName::CreditCents)));
}
