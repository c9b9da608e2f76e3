//! An approved draw on the shared buffer: all contribute, nobody owns (ZZG), so it is bounded in time and amount.

use chrono::NaiveDate;

use super::account::WalletId;
use super::money::{Amount, AmountError};
use super::operation::{OperationId, OperationKind, Outcome};
use super::request::{Malformed, Problem, RequestEncoder, is_sensible};
use super::top_up::asked;
use super::wallet::Wallet;

/// Lets a client's unplanned care draw on the shared buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DrawRequest {
    pub id: OperationId,
    pub wallet: WalletId,
    /// Minor units of the wallet's unit.
    pub amount: i64,
    pub from: NaiveDate,
    /// The last day.
    pub until: NaiveDate,
}

impl DrawRequest {
    /// # Errors
    /// [`Malformed::Dates`].
    pub fn check(&self) -> Result<(), Malformed> {
        let in_order = self.from <= self.until;
        if in_order && is_sensible(self.from) && is_sensible(self.until) { Ok(()) } else { Err(Malformed::Dates) }
    }

    /// Head, wallet, amount, first and last day.
    pub fn hash(&self) -> [u8; 32] {
        RequestEncoder::new(OperationKind::BufferDraw, self.id)
            .wallet(self.wallet)
            .i64(self.amount)
            .date(self.from)
            .date(self.until)
            .finish()
    }

    /// Order: `wallet_closed`, `booked`.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn decide(&self, wallet: &Wallet) -> Result<Outcome, Problem> {
        asked(self.amount, wallet.unit)?;
        Ok(if wallet.is_closed { Outcome::WalletClosed } else { Outcome::Booked })
    }
}

/// An approved draw on the shared buffer that is open today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Draw {
    pub id: OperationId,
    pub amount: Amount,
    pub used: Amount,
}

/// What a wallet may draw from the shared buffer. Only a sale that runs alone has one: the buffer's row is locked last.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Buffer {
    pub balance: Amount,
    /// Oldest first.
    pub draws: Vec<Draw>,
}

impl Buffer {
    /// What the buffer gives today: no more than it has, no more than what is left of the draws.
    pub(super) fn free(&self) -> Result<Amount, AmountError> {
        let mut approved = Amount::zero(self.balance.unit());
        for draw in &self.draws {
            approved = approved.plus(draw.amount.minus_or_zero(draw.used))?;
        }
        Ok(approved.at_most(self.balance))
    }

    /// Uses up draws, the oldest first.
    pub(super) fn take(&mut self, amount: Amount) -> Result<(), AmountError> {
        self.balance = self.balance.minus(amount)?;
        let mut rest = amount;
        for draw in &mut self.draws {
            let used = rest.at_most(draw.amount.minus_or_zero(draw.used));
            draw.used = draw.used.plus(used)?;
            rest = rest.minus_or_zero(used);
        }
        if rest.is_zero() { Ok(()) } else { Err(AmountError::Negative) }
    }
}
