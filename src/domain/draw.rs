//! An approved draw on the shared buffer: all contribute, nobody owns (ZZG), so it is bounded in time and amount.

use chrono::NaiveDate;

use super::account::WalletId;
use super::operation::{OperationId, OperationKind, Outcome};
use super::request::{Malformed, Problem, RequestEncoder};
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
        if self.until < self.from { Err(Malformed::Dates) } else { Ok(()) }
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
