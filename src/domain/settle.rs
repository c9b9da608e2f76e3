//! An offline loss, taken over from own money with consent: once, never more than was lost, never more than is free.

use super::account::{Account, Kind};
use super::flow::Flow;
use super::funding::{PurseName, Why};
use super::money::{Amount, Unit};
use super::operation::{Booked, Operation, OperationId, OperationKind, Outcome, Transfer};
use super::refund::given_back;
use super::request::{Problem, RequestEncoder};
use super::top_up::asked;
use super::wallet::Wallet;

/// What a client agreed to pay of what a forwarded sale could not. Who agreed, and when, is free text and stands in the
/// review, not in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SettleRequest {
    pub id: OperationId,
    pub sale: OperationId,
    pub cents: i64,
}

impl SettleRequest {
    /// Head, sale, cents.
    pub fn hash(&self) -> [u8; 32] {
        RequestEncoder::new(OperationKind::Settle, self.id).uuid(self.sale.uuid()).i64(self.cents).finish()
    }

    /// `earlier` are the operations that referred to the sale before.
    /// Order: `already_settled`, `no_loss`, `more_than_lost`, `wallet_closed` (its own money is no longer the client's to
    /// give), `insufficient_funds`, `booked`.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn decide(
        &self,
        operation: &mut Operation,
        wallet: &Wallet,
        sale: &Operation,
        earlier: &[Booked],
    ) -> Result<Outcome, Problem> {
        let amount = asked(self.cents, Unit::Eur)?;
        let is_settled = |booked: &Booked| {
            booked.operation.kind == OperationKind::Settle && booked.operation.outcome == Outcome::Booked
        };
        if earlier.iter().any(is_settled) {
            return Ok(Outcome::AlreadySettled);
        }
        let lost = still_lost(sale, earlier)?;
        if lost.is_zero() {
            return Ok(Outcome::NoLoss);
        }
        if lost.minus(amount).is_err() {
            return Ok(Outcome::MoreThanLost);
        }
        if wallet.is_closed {
            return Ok(Outcome::WalletClosed);
        }
        if wallet.purse(PurseName::CreditCents).free().minus(amount).is_err() {
            return Ok(Outcome::InsufficientFunds);
        }
        let loss = Account::own(wallet.id.organisation(), Unit::Eur, Kind::OfflineLoss);
        let own = wallet.account(PurseName::CreditCents);
        operation.transfers.push(Transfer::new(Flow::Settle, Why::LossTakenOver, own, loss, amount)?);
        Ok(Outcome::Booked)
    }
}

/// What a sale lost, in cents.
///
/// # Errors
/// [`Problem`] for sums out of range.
pub fn lost(sale: &Operation) -> Result<Amount, Problem> {
    still_lost(sale, &[])
}

/// What a sale lost on what the client kept: of what came back there is nothing to pay.
fn still_lost(sale: &Operation, earlier: &[Booked]) -> Result<Amount, Problem> {
    let mut lost = Amount::zero(Unit::Eur);
    for leg in sale.transfers.iter().filter(|leg| leg.flow == Flow::OfflineLoss) {
        let line = sale.lines.iter().find(|line| Some(line.number) == leg.line);
        let line = line.ok_or_else(|| Problem::Broken("a leg without its line".to_owned()))?;
        let back = leg.amount.share_floor(given_back(earlier, line.number).into(), line.quantity.into())?;
        lost = lost.plus(leg.amount.minus(back)?)?;
    }
    Ok(lost)
}
