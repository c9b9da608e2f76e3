//! Own money comes in, and is taken back after a chargeback or a mistake.

use super::account::{Account, Kind, WalletId};
use super::flow::Flow;
use super::funding::{PurseName, Why};
use super::money::{Amount, Unit};
use super::operation::{Booked, Operation, OperationId, OperationKind, Outcome, Transfer};
use super::request::{Malformed, Problem, RequestEncoder};
use super::wallet::Wallet;

/// Where money comes from or goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Till {
    Bank,
    Cash,
}

impl Till {
    /// Its account.
    pub const fn kind(self) -> Kind {
        match self {
            Till::Bank => Kind::Bank,
            Till::Cash => Kind::Cash,
        }
    }
}

/// Own money in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct TopUpRequest {
    pub id: OperationId,
    pub wallet: WalletId,
    pub cents: i64,
    pub from: Till,
}

/// A top-up, or a part of it, taken back; goes back where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct TopUpReversalRequest {
    pub id: OperationId,
    pub top_up: OperationId,
    pub cents: i64,
}

/// An amount that is asked for: above 0, in range.
///
/// # Errors
/// [`Malformed::Amount`].
pub fn asked(minor: i64, unit: Unit) -> Result<Amount, Malformed> {
    Amount::new(minor, unit).ok().filter(|amount| !amount.is_zero()).ok_or(Malformed::Amount)
}

impl TopUpRequest {
    /// Head, wallet, cents, kind of account.
    pub fn hash(&self) -> [u8; 32] {
        RequestEncoder::new(OperationKind::TopUp, self.id)
            .wallet(self.wallet)
            .i64(self.cents)
            .u8(self.from.kind().code())
            .finish()
    }

    /// Order: `wallet_closed`, `booked`.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn decide(&self, operation: &mut Operation, wallet: &Wallet) -> Result<Outcome, Problem> {
        let amount = asked(self.cents, Unit::Eur)?;
        if wallet.is_closed {
            return Ok(Outcome::WalletClosed);
        }
        wallet.purse(PurseName::CreditCents).balance.plus(amount).map_err(|_| Malformed::PurseFull)?;
        let from = Account::own(wallet.id.organisation(), Unit::Eur, self.from.kind());
        let to = wallet.account(PurseName::CreditCents);
        operation.transfers.push(Transfer::new(Flow::TopUp, Why::ToppedUp, from, to, amount)?);
        Ok(Outcome::Booked)
    }
}

impl TopUpReversalRequest {
    /// Head, top-up, cents.
    pub fn hash(&self) -> [u8; 32] {
        RequestEncoder::new(OperationKind::TopUpReversal, self.id).uuid(self.top_up.uuid()).i64(self.cents).finish()
    }

    /// Takes free own money; what is spent or held already becomes a receivable.
    /// Order: `not_approved` (the top-up was not booked), `more_than_topped_up`, `booked`.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn decide(
        &self,
        operation: &mut Operation,
        wallet: &Wallet,
        top_up: &Operation,
        earlier: &[Booked],
    ) -> Result<Outcome, Problem> {
        let amount = asked(self.cents, Unit::Eur)?;
        let Some(came_in) = top_up.transfers.first().filter(|_| top_up.outcome == Outcome::Booked) else {
            return Ok(Outcome::NotApproved);
        };
        let mut left = came_in.amount;
        let reversals = earlier.iter().filter(|booked| booked.operation.kind == OperationKind::TopUpReversal);
        for transfer in reversals.flat_map(|booked| &booked.operation.transfers) {
            left = left.minus_or_zero(transfer.amount);
        }
        if left.minus(amount).is_err() {
            return Ok(Outcome::MoreThanToppedUp);
        }
        let taken = amount.at_most(wallet.purse(PurseName::CreditCents).free());
        let owed = amount.minus_or_zero(taken);
        let receivable = Account::own(wallet.id.organisation(), Unit::Eur, Kind::Receivable);
        let sides = [
            (wallet.account(PurseName::CreditCents), taken, Why::TopUpReversed),
            (receivable, owed, Why::SpentAlready),
        ];
        for (debit, amount, why) in sides {
            if !amount.is_zero() {
                let transfer = Transfer::new(Flow::TopUpReversal, why, debit, Some(came_in.debit), amount)?;
                operation.transfers.push(transfer);
            }
        }
        Ok(Outcome::Booked)
    }
}
