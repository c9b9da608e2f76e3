//! What is left at a close: kept in savings, or lapsed.

use super::account::{Account, Kind, WalletId};
use super::flow::Flow;
use super::funding::{PurseName, Why};
use super::operation::{Operation, OperationId, OperationKind, Outcome, Transfer};
use super::request::{Malformed, Problem, RequestEncoder};
use super::top_up::asked;
use super::wallet::Wallet;

/// What becomes of the amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// From budget or reserve to savings.
    Save,
    /// From budget, reserve or savings to the organisation.
    Lapse,
}

/// An amount of one purse to save or to let lapse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CloseRequest {
    pub id: OperationId,
    pub wallet: WalletId,
    pub fate: Fate,
    pub from: PurseName,
    /// Minor units of the wallet's unit.
    pub amount: i64,
}

impl CloseRequest {
    /// `save` or `lapse`.
    pub const fn kind(&self) -> OperationKind {
        match self.fate {
            Fate::Save => OperationKind::Save,
            Fate::Lapse => OperationKind::Lapse,
        }
    }

    /// Head, wallet, purse, amount.
    pub fn hash(&self) -> [u8; 32] {
        RequestEncoder::new(self.kind(), self.id).wallet(self.wallet).purse(self.from).i64(self.amount).finish()
    }

    /// Takes free money only. Order: `wallet_closed` (saving), `insufficient_funds`, `booked`.
    ///
    /// # Errors
    /// [`Problem`]; [`Malformed::Units`] for a purse that this cannot be done to: own money never lapses.
    pub fn decide(&self, operation: &mut Operation, wallet: &Wallet) -> Result<Outcome, Problem> {
        let amount = asked(self.amount, wallet.unit)?;
        let (flow, why, to) = match self.fate {
            Fate::Save => (Flow::Save, Why::Saved, wallet.account(PurseName::Savings)),
            Fate::Lapse => {
                (Flow::Lapse, Why::Lapsed, Account::own(wallet.id.organisation(), wallet.unit, Kind::Lapsed))
            }
        };
        let allowed = to.is_some_and(|to| flow.allows(self.from.kind(), to.kind()));
        if !allowed {
            return Err(Malformed::Units.into());
        }
        if wallet.is_closed && self.fate == Fate::Save {
            return Ok(Outcome::WalletClosed);
        }
        if wallet.purse(self.from).free().minus(amount).is_err() {
            return Ok(Outcome::InsufficientFunds);
        }
        operation.transfers.push(Transfer::new(flow, why, wallet.account(self.from), to, amount)?);
        Ok(Outcome::Booked)
    }
}
