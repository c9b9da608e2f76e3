//! Own money goes out: asked (and held), approved by two people, paid.

use uuid::Uuid;

use super::account::{Account, Kind, WalletId};
use super::flow::Flow;
use super::funding::{PurseName, Why};
use super::money::{Amount, Unit};
use super::operation::{HoldEntry, Operation, OperationId, OperationKind, Outcome, Transfer};
use super::request::{Problem, RequestEncoder};
use super::top_up::{Till, asked};
use super::wallet::Wallet;

/// How many people approve, none of them who asked.
pub const APPROVALS: usize = 2;

/// How far a payout is. The number is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum PayoutStatus {
    Asked = 1,
    Approved = 2,
    Paid = 3,
    Withdrawn = 4,
}

impl PayoutStatus {
    /// The code as stored.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// As other systems read it.
    pub const fn name(self) -> &'static str {
        match self {
            PayoutStatus::Asked => "asked",
            PayoutStatus::Approved => "approved",
            PayoutStatus::Paid => "paid",
            PayoutStatus::Withdrawn => "withdrawn",
        }
    }

    /// The status with this code.
    pub fn from_code(code: i64) -> Option<PayoutStatus> {
        let all = [PayoutStatus::Asked, PayoutStatus::Approved, PayoutStatus::Paid, PayoutStatus::Withdrawn];
        all.into_iter().find(|status| *status as i64 == code)
    }
}

/// A payout as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Payout {
    pub wallet: WalletId,
    pub amount: Amount,
    pub status: PayoutStatus,
    pub requested_by: Uuid,
    pub approved_by: Vec<Uuid>,
}

/// Asks for own money to be paid out; holds it until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PayoutRequest {
    pub id: OperationId,
    pub wallet: WalletId,
    pub cents: i64,
    pub staff: Uuid,
}

/// What happens to a payout next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum PayoutStep {
    Approve { staff: Uuid },
    Paid { from: Till },
    Withdraw { staff: Uuid },
}

/// A step of a payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PayoutStepRequest {
    pub id: OperationId,
    pub payout: OperationId,
    pub step: PayoutStep,
}

impl PayoutRequest {
    /// Head, wallet, cents, staff.
    pub fn hash(&self) -> [u8; 32] {
        RequestEncoder::new(OperationKind::PayoutRequest, self.id)
            .wallet(self.wallet)
            .i64(self.cents)
            .uuid(self.staff)
            .finish()
    }

    /// Order: `insufficient_funds`, `booked`. A closed wallet pays out too: that is how own money leaves it.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn decide(&self, operation: &mut Operation, wallet: &Wallet) -> Result<Outcome, Problem> {
        let amount = asked(self.cents, Unit::Eur)?;
        if wallet.purse(PurseName::CreditCents).free().minus(amount).is_err() {
            return Ok(Outcome::InsufficientFunds);
        }
        let account = own_euros(wallet)?;
        operation.hold_entries.push(HoldEntry { hold: self.id, account, change: amount.minor() });
        Ok(Outcome::Booked)
    }
}

fn own_euros(wallet: &Wallet) -> Result<Account, Problem> {
    wallet.account(PurseName::CreditCents).ok_or_else(|| Problem::Broken("a wallet without own euros".to_owned()))
}

impl PayoutStepRequest {
    /// `payout_approval`, `payout_paid` or `payout_withdrawal`.
    pub const fn kind(&self) -> OperationKind {
        match self.step {
            PayoutStep::Approve { .. } => OperationKind::PayoutApproval,
            PayoutStep::Paid { .. } => OperationKind::PayoutPaid,
            PayoutStep::Withdraw { .. } => OperationKind::PayoutWithdrawal,
        }
    }

    /// Head, payout, staff or kind of account.
    pub fn hash(&self) -> [u8; 32] {
        let encoder = RequestEncoder::new(self.kind(), self.id).uuid(self.payout.uuid());
        match self.step {
            PayoutStep::Approve { staff } | PayoutStep::Withdraw { staff } => encoder.uuid(staff).finish(),
            PayoutStep::Paid { from } => encoder.u8(from.kind().code()).finish(),
        }
    }

    /// Answers the outcome and how far the payout is then. The last approval gives the hold back and owes the money.
    /// Order: `payout_not_open` (approve, withdraw) or `payout_not_approved` (paid), `same_person`, `booked`.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn decide(
        &self,
        operation: &mut Operation,
        wallet: &Wallet,
        payout: &Payout,
    ) -> Result<(Outcome, PayoutStatus), Problem> {
        let release = HoldEntry { hold: self.payout, account: own_euros(wallet)?, change: -payout.amount.minor() };
        let payable = Account::own(wallet.id.organisation(), Unit::Eur, Kind::Payable);
        match self.step {
            PayoutStep::Approve { .. } | PayoutStep::Withdraw { .. } if payout.status != PayoutStatus::Asked => {
                Ok((Outcome::PayoutNotOpen, payout.status))
            }
            PayoutStep::Withdraw { .. } => {
                operation.hold_entries.push(release);
                Ok((Outcome::Booked, PayoutStatus::Withdrawn))
            }
            PayoutStep::Approve { staff } => {
                if staff == payout.requested_by || payout.approved_by.contains(&staff) {
                    return Ok((Outcome::SamePerson, payout.status));
                }
                if payout.approved_by.len() + 1 < APPROVALS {
                    return Ok((Outcome::Booked, payout.status));
                }
                let from = Some(release.account);
                operation.hold_entries.push(release);
                let transfer = Transfer::new(Flow::Payout, Why::PayoutApproved, from, payable, payout.amount)?;
                operation.transfers.push(transfer);
                Ok((Outcome::Booked, PayoutStatus::Approved))
            }
            PayoutStep::Paid { .. } if payout.status != PayoutStatus::Approved => {
                Ok((Outcome::PayoutNotApproved, payout.status))
            }
            PayoutStep::Paid { from } => {
                let to = Account::own(wallet.id.organisation(), Unit::Eur, from.kind());
                operation.transfers.push(Transfer::new(Flow::Payout, Why::PayoutPaid, payable, to, payout.amount)?);
                Ok((Outcome::Booked, PayoutStatus::Paid))
            }
        }
    }
}
