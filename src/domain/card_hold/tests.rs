//! What a hold captured in parts and in any order costs, whom.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::account::{OrganisationId, WalletId};
use crate::domain::funding::{Caps, CareFromSavings, Rules, Unplanned};
use crate::domain::operation::{Authority, Owner};
use crate::domain::wallet::{Buyer, Purse};

fn id(last: u128) -> OperationId {
    OperationId::new(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | last)).unwrap()
}

fn terminal() -> Terminal {
    Terminal { id: Uuid::nil(), organisation: OrganisationId::new(1).unwrap(), location: Uuid::nil() }
}

fn wallet(unit: Unit, free: [i64; 5], rules: Rules) -> Wallet {
    let id = WalletId::new(OrganisationId::new(1).unwrap(), 7).unwrap();
    let mut purses = PurseName::ALL.map(|purse| Purse::empty(purse.unit(unit)));
    for (purse, minor) in purses.iter_mut().zip(free) {
        purse.balance = Amount::new(minor, purse.balance.unit()).unwrap();
    }
    if unit != Unit::Pnt {
        purses[PurseName::Credit as usize] = Purse::empty(unit);
    }
    Wallet { id, unit, rules, buyer: Buyer::Vpt, is_closed: false, month: None, purses }
}

/// Kind, quantity, price of one, units of one.
type Wanted = (LineKind, u32, i64, i64);

fn lines(unit: Unit, wanted: &[Wanted]) -> Vec<Line> {
    let line = |(number, (kind, quantity, cents, units)): (u16, &Wanted)| Line {
        number,
        service: Uuid::from_u128(number.into()),
        quantity: *quantity,
        kind: Some(*kind),
        price: Amount::cents(*cents).unwrap().times(*quantity).unwrap(),
        units: Some(
            Amount::new(if unit == Unit::Eur { *cents } else { *units }, unit).unwrap().times(*quantity).unwrap(),
        ),
        vat_basis_points: 900,
        planned: false,
        from_savings: false,
        left_out: None,
        hold: None,
    };
    (0..).zip(wanted).map(line).collect()
}

/// What each purse pays, with the organisation last; none if a line cannot be paid.
fn as_whole_sale(wallet: &Wallet, lines: &[Line]) -> Option<Vec<Transfer>> {
    let funded: Vec<_> =
        lines.iter().map(|line| FundingLine::Priced(priced_part(line, line.quantity).unwrap())).collect();
    let funding =
        fund(wallet.unit, wallet.rules, wallet.free(), &funded, Shortfall::DeclineWhole, Caps::default()).unwrap();
    let transfer = |leg| leg_transfer(wallet.id, wallet.unit, leg, lines[leg_line(leg)].kind.unwrap()).unwrap();
    funding.left_out.is_empty().then(|| funding.legs.iter().map(transfer).collect())
}

fn leg_line(leg: &crate::domain::funding::FundingLeg) -> usize {
    leg.line
}

fn by_line_and_account(transfers: &[Transfer]) -> BTreeMap<(u16, i64), i64> {
    let mut sums = BTreeMap::new();
    for transfer in transfers {
        *sums.entry((transfer.line.unwrap(), transfer.debit.number())).or_insert(0) += transfer.amount.minor();
    }
    sums
}

/// Sets aside, spends all that is free elsewhere, and captures the parts in this order; what each line cost whom.
fn captured(wallet: &mut Wallet, lines: Vec<Line>, sold: &[Transfer], order: &[usize]) -> BTreeMap<(u16, i64), i64> {
    let mut made =
        Operation::new(id(1), Owner::Wallet(wallet.id), OperationKind::Hold, Outcome::Booked, Authority::Card);
    let amounts = paid_by_purses(wallet, sold).unwrap();
    let mut hold = Hold { wallet: wallet.id, remaining: Vec::new(), expires_at: None };
    if !amounts.is_empty() {
        let request = HoldRequest { id: made.id, wallet: wallet.id, amounts, expires_at: None };
        assert_eq!(request.decide(&mut made, wallet), Ok(Outcome::Booked));
    }
    for entry in &made.hold_entries {
        wallet.hold(entry.account, entry.change).unwrap();
        hold.remaining.push((entry.account, Amount::new(entry.change, entry.account.unit()).unwrap()));
    }
    // nothing else is there any more
    for purse in &mut wallet.purses {
        purse.balance = purse.held;
    }
    let mut parts: Vec<u16> = lines.iter().flat_map(|line| (0..line.quantity).map(|_| line.number)).collect();
    for (place, other) in order.iter().enumerate() {
        let count = parts.len();
        parts.swap(place % count, other % count);
    }
    made.lines = lines;
    let made = Booked { operation: made, book_date: chrono::NaiveDate::default() };
    let (mut later, mut transfers) = (Vec::new(), Vec::new());
    for (place, line) in (10..).zip(&parts) {
        let request = CardCaptureRequest { id: id(place), hold: id(1), terminal: terminal(), lines: vec![(*line, 1)] };
        let held = CardHold::new(made.clone(), Some(hold.clone()), &later);
        let owner = Owner::Wallet(wallet.id);
        let mut capture = Operation::new(request.id, owner, OperationKind::Capture, Outcome::Approved, Authority::Card);
        assert_eq!(request.decide(&mut capture, wallet, &held, None, DateTime::UNIX_EPOCH), Ok(Outcome::Approved));
        for entry in &capture.hold_entries {
            wallet.hold(entry.account, entry.change).unwrap();
            let (_, left) = hold.remaining.iter_mut().find(|(account, _)| *account == entry.account).unwrap();
            *left = left.minus(Amount::new(-entry.change, left.unit()).unwrap()).unwrap();
        }
        for transfer in &capture.transfers {
            wallet.apply(transfer).unwrap();
        }
        transfers.extend(capture.transfers.clone());
        later.push(Booked { operation: capture, book_date: made.book_date });
    }
    assert!(hold.is_spent(), "all is delivered, and {hold:?} is still set aside");
    let held = CardHold::new(made, Some(hold), &later);
    assert_eq!(held.open(DateTime::UNIX_EPOCH), Err(Outcome::HoldNotOpen));
    by_line_and_account(&transfers)
}

fn rules() -> impl Strategy<Value = Rules> {
    let care = prop_oneof![Just(CareFromSavings::Never), Just(CareFromSavings::Always)];
    let unplanned = prop_oneof![Just(Unplanned::Personal), Just(Unplanned::Collective)];
    (unplanned, any::<bool>(), any::<bool>(), care).prop_map(|(unplanned, budget, savings, care_from_savings)| Rules {
        unplanned,
        extras_from_budget: budget,
        extras_from_savings: savings,
        care_from_savings,
    })
}

fn wanted() -> impl Strategy<Value = Wanted> {
    (prop::sample::select(LineKind::ALL), 1..4_u32, 1..400_i64, 1..400_i64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// However a hold is delivered, each line costs each purse, and the organisation, what it would have at once: no line
    /// is paid from what was set aside for another.
    #[test]
    fn parts_in_any_order_cost_everybody_what_the_whole_sale_would(
        unit in prop_oneof![Just(Unit::Eur), Just(Unit::Pnt), Just(Unit::Min)],
        rules in rules(),
        free in prop::array::uniform5(0..900_i64),
        wanted in prop::collection::vec(wanted(), 1..5),
        order in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let mut wallet = wallet(unit, free, rules);
        let lines = lines(unit, &wanted);
        if let Some(sold) = as_whole_sale(&wallet, &lines) {
            let whole = by_line_and_account(&sold);
            prop_assert_eq!(captured(&mut wallet, lines, &sold, &order), whole);
        }
    }
}

#[test]
fn a_hold_is_hashed_with_its_minutes_and_apart_from_a_holds_of_the_office() {
    let basket = Basket::new(vec![BasketLine { service: Uuid::nil(), quantity: 1, hold: None }]).unwrap();
    let payer = Payer::ByName { wallet: WalletId::new(OrganisationId::new(1).unwrap(), 7).unwrap() };
    let (mode, price_list) = (SaleMode::Whole, 3);
    let sale = SaleRequest { id: id(1), terminal: terminal(), payer, mode, staff: None, price_list, basket };
    let hold = |minutes| CardHoldRequest { sale: sale.clone(), minutes };
    assert_ne!(hold(1).hash(), hold(2).hash());
    assert_eq!(hold(0).check(), Err(Malformed::Minutes));
    assert_eq!(hold(MINUTES_MAX + 1).check(), Err(Malformed::Minutes));
    // by name nobody sets aside
    assert_eq!(hold(1).check(), Err(Malformed::Units));
}

#[test]
fn what_was_delivered_and_is_not_paid_is_for_review_as_often_as_the_hold_has_pieces() {
    let owner = Owner::Wallet(WalletId::new(OrganisationId::new(1).unwrap(), 7).unwrap());
    let booked = |number, kind, outcome| {
        let operation = Operation::new(id(number), owner, kind, outcome, Authority::Card);
        Booked { operation, book_date: chrono::NaiveDate::default() }
    };
    let mut made = booked(1, OperationKind::Hold, Outcome::Booked);
    made.operation.lines = lines(Unit::Eur, &[(LineKind::Own, 2, 310, 310), (LineKind::Extra, 1, 250, 250)]);
    let capture = |outcome| booked(2, OperationKind::Capture, outcome);
    let is_for_review = |later: &[Booked], outcome| CardHold::new(made.clone(), None, later).is_for_review(outcome);
    let unpaid = [Outcome::WalletClosed, Outcome::HoldExpired, Outcome::InsufficientFunds];
    for outcome in Outcome::ALL.iter().copied() {
        assert_eq!(is_for_review(&[], outcome), unpaid.contains(&outcome), "{outcome:?}");
    }
    // what is not for review does not count
    let others = [Outcome::Approved, Outcome::HoldNotOpen, Outcome::MoreThanHeld].map(capture);
    let late = unpaid.map(capture);
    assert!(is_for_review(&[&others[..], &late[..2]].concat(), Outcome::HoldExpired));
    assert!(!is_for_review(&[&others[..], &late[..]].concat(), Outcome::HoldExpired));
    // a hold that was declined has no pieces
    made.operation.lines.clear();
    assert!(!CardHold::new(made, None, &[]).is_for_review(Outcome::WalletClosed));
}
