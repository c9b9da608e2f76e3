//! Payouts.

use pasje::db::payouts;
use pasje::domain::money::Amount;
use pasje::domain::operation::{OperationKind, Outcome};
use pasje::domain::payout::{PayoutRequest, PayoutStatus, PayoutStep, PayoutStepRequest};
use pasje::domain::top_up::Till;

use super::{History, staff, wallet_id};

impl History {
    pub(super) async fn ask(&mut self, name: &'static str, cents: i64) {
        let booked = self
            .book(name, 1, OperationKind::PayoutRequest, |operation, row, id| {
                operation.staff = Some(staff(1));
                PayoutRequest { id, wallet: row.id, cents, staff: staff(1) }.decide(operation, row)
            })
            .await;
        assert_eq!(booked.operation.outcome, Outcome::Booked);
        let (id, amount) = (booked.operation.id, Amount::cents(cents).unwrap());
        payouts::insert(&self.conn, id, wallet_id(1, 1), amount, staff(1)).await.unwrap();
    }

    pub(super) async fn step(&mut self, name: &'static str, payout: &'static str, step: PayoutStep) -> Outcome {
        let payout = self.ids[payout];
        let kept = payouts::load(&self.conn, payout).await.unwrap().unwrap();
        let mut status = PayoutStatus::Asked;
        let booked = self
            .book(name, 1, OperationKind::PayoutApproval, |operation, row, id| {
                let request = PayoutStepRequest { id, payout, step };
                operation.kind = request.kind();
                operation.reference = Some(payout);
                let (outcome, next) = request.decide(operation, row, &kept)?;
                status = next;
                Ok(outcome)
            })
            .await;
        if let (PayoutStep::Approve { staff }, Outcome::Booked) = (step, booked.operation.outcome) {
            payouts::approve(&self.conn, payout, staff, booked.operation.id).await.unwrap();
        }
        payouts::set_status(&self.conn, payout, status).await.unwrap();
        booked.operation.outcome
    }

    pub(super) async fn payouts(&mut self) {
        for (name, cents) in
            [("payout", 500), ("payout_approved", 400), ("payout_asked", 300), ("payout_withdrawn", 200)]
        {
            self.ask(name, cents).await;
        }
        let approve = |number| PayoutStep::Approve { staff: staff(number) };
        for (name, payout, step, outcome) in [
            ("approval", "payout", approve(2), Outcome::Booked),
            ("approval_again", "payout", approve(2), Outcome::SamePerson),
            ("approval_second", "payout", approve(3), Outcome::Booked),
            ("paid", "payout", PayoutStep::Paid { from: Till::Bank }, Outcome::Booked),
            ("approved_first", "payout_approved", approve(2), Outcome::Booked),
            ("approved_second", "payout_approved", approve(3), Outcome::Booked),
            ("asked_first", "payout_asked", approve(3), Outcome::Booked),
            ("withdrawal", "payout_withdrawn", PayoutStep::Withdraw { staff: staff(1) }, Outcome::Booked),
        ] {
            assert_eq!(self.step(name, payout, step).await, outcome, "{name}");
        }
    }
}
