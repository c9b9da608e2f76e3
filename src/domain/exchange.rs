//! Own money buys points at one published value, and gets back the price that was paid.

use super::account::{Account, Kind, WalletId};
use super::flow::Flow;
use super::funding::{PurseName, Why};
use super::grant::value_of;
use super::money::{Amount, Unit};
use super::operation::{Booked, Operation, OperationId, OperationKind, Outcome, Transfer};
use super::request::{Malformed, Problem, RequestEncoder};
use super::top_up::asked;
use super::wallet::Wallet;

/// Points to buy at the value that the client's scheme publishes: who asks names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct BuyPointsRequest {
    pub id: OperationId,
    pub wallet: WalletId,
    /// Hundredths of a point.
    pub points: i64,
}

/// Points to buy, at a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ExchangeRequest {
    pub id: OperationId,
    pub wallet: WalletId,
    /// Hundredths of a point.
    pub points: i64,
    /// Cents a whole point.
    pub value_cents: i64,
}

/// Bought points to pay back, at the price paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ExchangeBackRequest {
    pub id: OperationId,
    /// The exchange that bought them.
    pub exchange: OperationId,
    /// Hundredths of a point.
    pub points: i64,
}

/// The four accounts of an exchange: own euros, own_exchange in euros, own_exchange in points, own points.
fn accounts(wallet: &Wallet) -> [Option<Account>; 4] {
    let organisation = wallet.id.organisation();
    [
        wallet.account(PurseName::CreditCents),
        Account::own(organisation, Unit::Eur, Kind::OwnExchange),
        Account::own(organisation, Unit::Pnt, Kind::OwnExchange),
        wallet.account(PurseName::Credit),
    ]
}

impl BuyPointsRequest {
    /// Head, wallet, points. The value is none of it: what was asked stays the same when another is published.
    pub fn hash(&self) -> [u8; 32] {
        RequestEncoder::new(OperationKind::Exchange, self.id).wallet(self.wallet).i64(self.points).finish()
    }

    /// What is decided where a whole point is worth this many cents.
    pub const fn at(self, value_cents: i64) -> ExchangeRequest {
        ExchangeRequest { id: self.id, wallet: self.wallet, points: self.points, value_cents }
    }
}

impl ExchangeRequest {
    /// What the points cost, rounded up to a cent.
    ///
    /// # Errors
    /// [`Malformed::Amount`] for what is out of range.
    pub fn price(&self) -> Result<Amount, Problem> {
        Ok(Amount::from_wide(value_of(self.points, Unit::Pnt, self.value_cents), Unit::Eur)?)
    }

    /// Head, wallet, points, value.
    pub fn hash(&self) -> [u8; 32] {
        RequestEncoder::new(OperationKind::Exchange, self.id)
            .wallet(self.wallet)
            .i64(self.points)
            .i64(self.value_cents)
            .finish()
    }

    /// The price is rounded up to a cent. Order: `wallet_closed`, `insufficient_funds`, `booked`.
    ///
    /// # Errors
    /// [`Problem`]; [`Malformed::Units`] for a wallet that has no points.
    pub fn decide(&self, operation: &mut Operation, wallet: &Wallet) -> Result<Outcome, Problem> {
        let points = asked(self.points, Unit::Pnt)?;
        if self.value_cents < 1 || self.value_cents > Amount::MAX_MINOR {
            return Err(Malformed::UnitValue.into());
        }
        if wallet.unit != Unit::Pnt {
            return Err(Malformed::Units.into());
        }
        let price = self.price()?;
        wallet.purse(PurseName::Credit).balance.plus(points).map_err(|_| Malformed::PurseFull)?;
        // A decline keeps it too: it tells what the points would have cost.
        operation.unit_value_cents = Some(self.value_cents);
        if wallet.is_closed {
            return Ok(Outcome::WalletClosed);
        }
        if wallet.purse(PurseName::CreditCents).free().minus(price).is_err() {
            return Ok(Outcome::InsufficientFunds);
        }
        let [euros, in_euros, in_points, own_points] = accounts(wallet);
        operation.transfers.push(Transfer::new(Flow::Exchange, Why::PointsBought, euros, in_euros, price)?);
        operation.transfers.push(Transfer::new(Flow::Exchange, Why::PointsBought, in_points, own_points, points)?);
        Ok(Outcome::Booked)
    }
}

impl ExchangeBackRequest {
    /// Head, exchange, points.
    pub fn hash(&self) -> [u8; 32] {
        RequestEncoder::new(OperationKind::ExchangeBack, self.id).uuid(self.exchange.uuid()).i64(self.points).finish()
    }

    /// Returns floor(price x points so far / points bought), less what was returned before: never more than was paid.
    /// Order: `not_approved`, `more_than_bought`, `insufficient_funds`, `booked`.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn decide(
        &self,
        operation: &mut Operation,
        wallet: &Wallet,
        exchange: &Operation,
        earlier: &[Booked],
    ) -> Result<Outcome, Problem> {
        let points = asked(self.points, Unit::Pnt)?;
        let (Outcome::Booked, [paid, bought]) = (exchange.outcome, exchange.transfers.as_slice()) else {
            return Ok(Outcome::NotApproved);
        };
        let paid_back = earlier.iter().filter(|booked| booked.operation.kind == OperationKind::ExchangeBack);
        let returned: Vec<&Transfer> = paid_back.flat_map(|booked| &booked.operation.transfers).collect();
        let sum = |unit: Unit| {
            let of_unit = returned.iter().filter(|transfer| transfer.amount.unit() == unit);
            of_unit.map(|transfer| transfer.amount).try_fold(Amount::zero(unit), Amount::plus)
        };
        let so_far = sum(Unit::Pnt)?.plus(points)?;
        if bought.amount.minus(so_far).is_err() {
            return Ok(Outcome::MoreThanBought);
        }
        if wallet.purse(PurseName::Credit).free().minus(points).is_err() {
            return Ok(Outcome::InsufficientFunds);
        }
        let cents = paid.amount.share_floor(so_far.minor(), bought.amount.minor())?.minus_or_zero(sum(Unit::Eur)?);
        let [euros, in_euros, in_points, own_points] = accounts(wallet);
        operation.transfers.push(Transfer::new(Flow::Exchange, Why::PointsPaidBack, own_points, in_points, points)?);
        if !cents.is_zero() {
            operation.transfers.push(Transfer::new(Flow::Exchange, Why::PointsPaidBack, in_euros, euros, cents)?);
        }
        Ok(Outcome::Booked)
    }
}
