#![allow(clippy::unwrap_used)]

use super::*;
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::funding::{CareFromSavings, Rules, Unplanned};
use crate::domain::money::Unit;
use crate::domain::wallet::{Buyer, Purse};

const MONTH: NaiveDate = NaiveDate::from_ymd_opt(2026, 4, 1).unwrap();

fn cents(minor: i64) -> Amount {
    Amount::cents(minor).unwrap()
}

fn id() -> OperationId {
    OperationId::new(Uuid::now_v7()).unwrap()
}

fn wallet(budget: i64, held: i64, own: i64) -> Wallet {
    let mut purses = [Purse::empty(Unit::Eur); 5];
    purses[0] = Purse { balance: cents(budget), held: cents(held) };
    purses[4] = Purse { balance: cents(own), held: cents(0) };
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
        month: Some(MONTH),
        purses,
    }
}

fn line(kind: LineKind, price: i64, planned: u32, held: u32) -> MonthLine {
    MonthLine {
        line: LineId::from_fresh(Uuid::now_v7()).unwrap(),
        service: Uuid::now_v7(),
        kind,
        price: cents(price),
        units: Some(cents(price)),
        vat_basis_points: 0,
        from_savings: false,
        planned,
        held,
        done: 0,
        released: 0,
    }
}

#[test]
fn a_day_is_captured_once_with_its_part_of_the_hold() {
    let mut wallet = wallet(1000, 60, 0);
    let mut lines = [line(LineKind::Care, 30, 0b11, 0b11)];
    let (hold, month_hold) = (id(), wallet.clone());
    let mut delivery = Delivery::new(id(), &mut wallet, MONTH, Some(hold));
    delivery.deliver(&mut lines, 0b1).unwrap();
    delivery.deliver(&mut lines, 0b1).unwrap();
    let operation = delivery.finish().unwrap().operation.unwrap();
    assert_eq!(operation.kind, OperationKind::Delivery);
    assert_eq!(operation.hold_entries[0].change, -30);
    assert_eq!(operation.lines.len(), 1);
    assert_eq!(
        OccurrenceId::from_hold(operation.lines[0].hold.unwrap()).map(|it| (it.line(), it.day())),
        Some((lines[0].line, MONTH))
    );
    assert_eq!((lines[0].done, lines[0].open()), (0b1, 0b10));
    assert_eq!(wallet.purse(PurseName::Budget), Purse { balance: cents(970), held: cents(30) });
    assert_eq!(month_hold.id, wallet.id);
}

#[test]
fn what_is_absent_refused_or_not_delivered_comes_back_and_is_never_paid() {
    let mut wallet = wallet(1000, 60, 0);
    let mut lines = [line(LineKind::Care, 30, 0b11, 0b11)];
    let mut delivery = Delivery::new(id(), &mut wallet, MONTH, Some(id()));
    delivery.release(&mut lines[0], 0b1).unwrap();
    delivery.deliver(&mut lines, 0b1).unwrap();
    let operation = delivery.finish().unwrap().operation.unwrap();
    assert_eq!((operation.kind, operation.outcome), (OperationKind::Release, Outcome::Booked));
    assert_eq!(operation.hold_entries[0].change, -30);
    assert_eq!((lines[0].done, lines[0].released), (0, 0b1));
    assert_eq!(wallet.purse(PurseName::Budget), Purse { balance: cents(1000), held: cents(30) });
}

#[test]
fn care_that_the_budget_cannot_pay_is_delivered_and_an_activity_is_left_out() {
    let mut wallet = wallet(10, 0, 5);
    let mut lines = [line(LineKind::Activity, 20, 0b1, 0), line(LineKind::Care, 30, 0b1, 0)];
    let mut delivery = Delivery::new(id(), &mut wallet, MONTH, None);
    delivery.deliver(&mut lines, u32::MAX).unwrap();
    let delivered = delivery.finish().unwrap();
    assert_eq!((delivered.paid, delivered.left_out), (1, 1));
    let operation = delivered.operation.unwrap();
    assert_eq!(operation.lines.len(), 1);
    assert_eq!(
        operation.transfers.iter().map(|leg| (leg.line, leg.amount.minor())).collect::<Vec<_>>(),
        [(Some(0), 10), (Some(0), 20)]
    );
    assert_eq!((lines[0].released, lines[1].done), (1, 1));
    assert_eq!(wallet.purse(PurseName::CreditCents).balance, cents(5), "own money never pays for care");
}

#[test]
fn what_costs_nothing_is_done_and_not_booked() {
    let mut wallet = wallet(10, 0, 0);
    let mut lines = [line(LineKind::Care, 0, 0b101, 0)];
    let mut delivery = Delivery::new(id(), &mut wallet, MONTH, None);
    delivery.deliver(&mut lines, u32::MAX).unwrap();
    let delivered = delivery.finish().unwrap();
    assert!(delivered.operation.is_none());
    assert_eq!((delivered.free, lines[0].done), (2, 0b101));
}

/// It does not matter who comes to an occurrence: the daily job or the close.
#[test]
fn day_by_day_or_all_at_once_pays_the_same() {
    let mut once = wallet(75, 60, 30);
    let mut daily = once.clone();
    let lines = [line(LineKind::Extra, 20, 0b11, 0), line(LineKind::Care, 30, 0b11, 0b11)];
    let (mut all, mut each) = (lines.to_vec(), lines.to_vec());
    let mut delivery = Delivery::new(id(), &mut once, MONTH, Some(id()));
    delivery.deliver(&mut all, u32::MAX).unwrap();
    delivery.finish().unwrap();
    for day in [0b1, 0b10] {
        let mut delivery = Delivery::new(id(), &mut daily, MONTH, Some(id()));
        delivery.deliver(&mut each, day).unwrap();
        delivery.finish().unwrap();
    }
    assert_eq!((once, all), (daily, each));
}
