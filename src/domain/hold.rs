//! A hold: an amount set aside on one or more purses of a wallet, given back in parts or as a whole.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::account::{Account, WalletId};
use super::basket::{Basket, BasketLine};
use super::funding::{Caps, FundingLine, LineKind, PricedLine, PurseName, Shortfall, check_price, fund};
use super::money::{Amount, Unit};
use super::operation::{HoldEntry, Operation, OperationId, OperationKind, Outcome};
use super::request::{Malformed, Problem, RequestEncoder, is_sensible};
use super::sold_line::{leg_transfer, written_line};
use super::top_up::asked;
use super::wallet::Wallet;

/// What is left of a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Hold {
    pub wallet: WalletId,
    /// By account; an account with nothing left stays, at zero.
    pub remaining: Vec<(Account, Amount)>,
    pub expires_at: Option<DateTime<Utc>>,
}

impl Hold {
    /// Whether anything is left to give back and its time is not over.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        !self.is_spent() && !self.is_expired(now)
    }

    /// Whether nothing is left.
    pub fn is_spent(&self) -> bool {
        self.remaining.iter().all(|(_, amount)| amount.is_zero())
    }

    /// Whether its time is over.
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// What is left, by purse.
    pub fn by_purse(&self, unit: Unit) -> Vec<(PurseName, Amount)> {
        self.remaining
            .iter()
            .filter_map(|(account, amount)| Some((PurseName::of(account.kind(), account.unit())?, *amount)))
            .filter(|(purse, amount)| purse.unit(unit) == amount.unit())
            .collect()
    }

    /// Leaves nothing.
    pub fn close(&mut self) {
        for (account, amount) in &mut self.remaining {
            *amount = Amount::zero(account.unit());
        }
    }
}

/// The entries that give back all that is left.
pub fn give_back(id: OperationId, hold: &Hold) -> Vec<HoldEntry> {
    hold.remaining
        .iter()
        .filter(|(_, amount)| !amount.is_zero())
        .map(|(account, amount)| HoldEntry { hold: id, account: *account, change: -amount.minor() })
        .collect()
}

/// Amounts to set aside on purses of one wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct HoldRequest {
    pub id: OperationId,
    pub wallet: WalletId,
    /// Purse and minor units, each purse once.
    pub amounts: Vec<(PurseName, i64)>,
    /// None: until it is captured or released (a planned occurrence).
    pub expires_at: Option<DateTime<Utc>>,
}

impl HoldRequest {
    /// # Errors
    /// [`Malformed`] for nothing to hold, or a purse named twice.
    pub fn check(&self) -> Result<(), Malformed> {
        if self.amounts.is_empty() {
            return Err(Malformed::Amount);
        }
        if self.expires_at.is_some_and(|at| !is_sensible(at.date_naive())) {
            return Err(Malformed::Dates);
        }
        for (place, (purse, _)) in self.amounts.iter().enumerate() {
            if self.amounts.iter().skip(place + 1).any(|(other, _)| other == purse) {
                return Err(Malformed::Units);
            }
        }
        Ok(())
    }

    /// Head, wallet, expiry in microseconds, then purse and amount in the order given.
    pub fn hash(&self) -> [u8; 32] {
        let mut encoder = RequestEncoder::new(OperationKind::Hold, self.id)
            .wallet(self.wallet)
            .optional_i64(self.expires_at.map(|at| at.timestamp_micros()))
            .u32(u32::try_from(self.amounts.len()).unwrap_or(u32::MAX));
        for (purse, amount) in &self.amounts {
            encoder = encoder.purse(*purse).i64(*amount);
        }
        encoder.finish()
    }

    /// All or nothing. Order: `wallet_closed`, `insufficient_funds`, `booked`.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn decide(&self, operation: &mut Operation, wallet: &Wallet) -> Result<Outcome, Problem> {
        let mut entries = Vec::with_capacity(self.amounts.len());
        let mut covered = true;
        for (purse, minor) in &self.amounts {
            let amount = asked(*minor, purse.unit(wallet.unit))?;
            let account = wallet.account(*purse).ok_or(Malformed::Units)?;
            // Own points of a wallet that has none would be its own euros under another name.
            if PurseName::of(account.kind(), account.unit()) != Some(*purse) {
                return Err(Malformed::Units.into());
            }
            covered &= wallet.purse(*purse).free().minus(amount).is_ok();
            entries.push(HoldEntry { hold: self.id, account, change: amount.minor() });
        }
        if wallet.is_closed {
            return Ok(Outcome::WalletClosed);
        }
        if !covered {
            return Ok(Outcome::InsufficientFunds);
        }
        operation.hold_entries = entries;
        Ok(Outcome::Booked)
    }
}

/// Gives a hold back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ReleaseRequest {
    pub id: OperationId,
    pub hold: OperationId,
    /// Because its time is over; otherwise because it is not needed.
    pub expired: bool,
}

impl ReleaseRequest {
    /// `release` or `expire`.
    pub const fn kind(&self) -> OperationKind {
        if self.expired { OperationKind::Expire } else { OperationKind::Release }
    }

    /// Head, hold.
    pub fn hash(&self) -> [u8; 32] {
        RequestEncoder::new(self.kind(), self.id).uuid(self.hold.uuid()).finish()
    }

    /// Order: `hold_not_open`, `hold_not_expired` (expire), `booked`.
    pub fn decide(&self, operation: &mut Operation, hold: &Hold, now: DateTime<Utc>) -> Outcome {
        if hold.is_spent() {
            return Outcome::HoldNotOpen;
        }
        if self.expired && !hold.is_expired(now) {
            return Outcome::HoldNotExpired;
        }
        operation.hold_entries = give_back(self.hold, hold);
        Outcome::Booked
    }
}

/// Sells what a hold was made for, or a part of it, at the price that was agreed when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CaptureRequest {
    pub id: OperationId,
    pub hold: OperationId,
    pub service: Uuid,
    pub quantity: u32,
    pub kind: LineKind,
    pub price_cents: i64,
    /// In the wallet's unit; in euros the same as the price.
    pub units: Option<i64>,
    pub vat_basis_points: u16,
    pub from_savings: bool,
    /// Whether the rest of the hold is given back; otherwise it stays for later parts.
    pub is_last: bool,
}

impl CaptureRequest {
    /// # Errors
    /// [`Malformed::Quantity`].
    pub fn check(&self) -> Result<(), Malformed> {
        if self.quantity < 1 || self.quantity > Basket::QUANTITY_MAX || self.vat_basis_points > 10_000 {
            return Err(Malformed::Quantity { line: 0 });
        }
        Ok(())
    }

    /// Head, hold, service, quantity, kind, price, units, VAT, flags.
    pub fn hash(&self) -> [u8; 32] {
        RequestEncoder::new(OperationKind::Capture, self.id)
            .uuid(self.hold.uuid())
            .uuid(self.service)
            .u32(self.quantity)
            .u8(self.kind.code())
            .i64(self.price_cents)
            .optional_i64(self.units)
            .u32(u32::from(self.vat_basis_points))
            .u8(u8::from(self.from_savings))
            .u8(u8::from(self.is_last))
            .finish()
    }

    /// The whole hold is free for the line; what the line does not use is held again unless this is the last part.
    /// Order: `wallet_closed`, `hold_not_open`, `hold_expired`, `insufficient_funds`, `approved`. Whoever closes a wallet
    /// captures what was delivered first.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn decide(
        &self,
        operation: &mut Operation,
        wallet: &Wallet,
        hold: &Hold,
        now: DateTime<Utc>,
    ) -> Result<Outcome, Problem> {
        let price = Amount::cents(self.price_cents)?;
        let units = self.units.map(|units| Amount::new(units, wallet.unit)).transpose()?;
        let line = PricedLine {
            kind: self.kind,
            price,
            units,
            planned: true,
            from_savings: self.from_savings,
            hold: hold.by_purse(wallet.unit),
        };
        check_price(wallet.unit, &line)?;
        if wallet.is_closed {
            return Ok(Outcome::WalletClosed);
        }
        if hold.is_spent() {
            return Ok(Outcome::HoldNotOpen);
        }
        if hold.is_expired(now) {
            return Ok(Outcome::HoldExpired);
        }
        let lines = [FundingLine::Priced(line)];
        let funding = fund(wallet.unit, wallet.rules, wallet.free(), &lines, Shortfall::LeaveOut, Caps::default())?;
        let [line] = &lines;
        let reason = funding.left_out.first().map(|(_, reason)| *reason);
        let asked = BasketLine { service: self.service, quantity: self.quantity, hold: Some(self.hold) };
        operation.lines.push(written_line(0, &asked, line, reason, self.vat_basis_points)?);
        if let Some(reason) = reason {
            return Ok(Outcome::of_left_out(reason));
        }
        for leg in &funding.legs {
            operation.transfers.push(leg_transfer(wallet.id, wallet.unit, leg, self.kind)?);
        }
        for (account, remaining) in &hold.remaining {
            let mut used = Amount::zero(account.unit());
            for transfer in operation.transfers.iter().filter(|transfer| transfer.debit == *account) {
                used = used.plus(transfer.amount)?;
            }
            let given_back = if self.is_last { *remaining } else { remaining.at_most(used) };
            if !given_back.is_zero() {
                let change = -given_back.minor();
                operation.hold_entries.push(HoldEntry { hold: self.hold, account: *account, change });
            }
        }
        Ok(Outcome::Approved)
    }
}
