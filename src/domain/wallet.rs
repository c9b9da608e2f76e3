//! A wallet: all purses of one client, and what a booking does to them.

use chrono::NaiveDate;

use super::account::{Account, WalletId};
use super::funding::{Free, PurseName, Rules};
use super::money::{Amount, AmountError, Unit};
use super::operation::Transfer;

/// Who buys: decides the kind and price of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Buyer {
    /// Lives in with a Wlz indication.
    Verblijf = 1,
    /// Full package at home.
    Vpt = 2,
    /// Modular package at home.
    Mpt = 3,
    /// No Wlz indication: tenant, partner.
    NoWlz = 4,
    /// A guest, who has no wallet.
    Guest = 5,
    /// A staff member, who has none either.
    Staff = 6,
}

impl Buyer {
    /// All buyers, by code.
    pub const ALL: [Buyer; 6] = [Buyer::Verblijf, Buyer::Vpt, Buyer::Mpt, Buyer::NoWlz, Buyer::Guest, Buyer::Staff];

    /// The buyer with this code.
    pub fn from_code(code: i64) -> Option<Buyer> {
        Buyer::ALL.into_iter().find(|buyer| *buyer as i64 == code)
    }

    /// The code as stored.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// As terminals read it.
    pub const fn name(self) -> &'static str {
        match self {
            Buyer::Verblijf => "verblijf",
            Buyer::Vpt => "vpt",
            Buyer::Mpt => "mpt",
            Buyer::NoWlz => "no_wlz",
            Buyer::Guest => "guest",
            Buyer::Staff => "staff",
        }
    }
}

/// A kept balance; 0 <= held <= balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Purse {
    pub balance: Amount,
    pub held: Amount,
}

impl Purse {
    /// Nothing, of a unit.
    pub const fn empty(unit: Unit) -> Purse {
        Purse { balance: Amount::zero(unit), held: Amount::zero(unit) }
    }

    /// What may be spent.
    pub fn free(self) -> Amount {
        self.balance.minus_or_zero(self.held)
    }
}

/// A wallet row under its lock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Wallet {
    pub id: WalletId,
    pub unit: Unit,
    pub rules: Rules,
    pub buyer: Buyer,
    pub is_closed: bool,
    /// The first day of the month it is in: what is booked belongs to it. None: no month was opened yet.
    pub month: Option<NaiveDate>,
    /// In the order of [`PurseName::ALL`].
    pub purses: [Purse; 5],
}

/// A booking that would break a purse: a defect of ours, never a client's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalletError {
    /// A purse would fall below what is held in it, or holds below zero, or out of range.
    #[error("{purse} of wallet {wallet:?}: {cause}", purse = .purse.name())]
    #[allow(missing_docs)]
    Purse { wallet: WalletId, purse: PurseName, cause: AmountError },
    /// An account of another wallet's or no purse at all.
    #[error("account {0:?} is no purse of this wallet")]
    NotAPurse(Account),
}

impl Wallet {
    /// A purse.
    pub const fn purse(&self, name: PurseName) -> Purse {
        self.purses[name as usize]
    }

    /// The account of a purse.
    pub const fn account(&self, name: PurseName) -> Option<Account> {
        Account::purse(self.id, name.unit(self.unit), name.kind())
    }

    /// What may be spent, with nothing from the shared buffer.
    pub fn free(&self) -> Free {
        Free {
            budget: self.purse(PurseName::Budget).free(),
            reserve: self.purse(PurseName::Reserve).free(),
            savings: self.purse(PurseName::Savings).free(),
            credit: self.purse(PurseName::Credit).free(),
            credit_cents: self.purse(PurseName::CreditCents).free(),
            buffer: Amount::zero(self.unit),
        }
    }

    /// Moves money in or out of the purses that a transfer names; other accounts keep no balance.
    ///
    /// # Errors
    /// [`WalletError`] if a purse would fall below what is held in it.
    pub fn apply(&mut self, transfer: &Transfer) -> Result<(), WalletError> {
        for (account, receives) in [(transfer.debit, false), (transfer.credit, true)] {
            if account.wallet() != Some(self.id) {
                continue;
            }
            let name = PurseName::of(account.kind(), account.unit()).ok_or(WalletError::NotAPurse(account))?;
            let purse = &mut self.purses[name as usize];
            let balance = if receives {
                purse.balance.plus(transfer.amount)
            } else {
                purse.balance.minus(transfer.amount).and_then(|left| left.minus(purse.held).and(Ok(left)))
            };
            purse.balance = balance.map_err(|cause| WalletError::Purse { wallet: self.id, purse: name, cause })?;
        }
        Ok(())
    }

    /// Sets aside (`amount` above 0) or gives back (below 0) on an account of this wallet.
    ///
    /// # Errors
    /// [`WalletError`] if more would be held than is there, or less than nothing.
    pub fn hold(&mut self, account: Account, amount: i64) -> Result<(), WalletError> {
        let name = PurseName::of(account.kind(), account.unit())
            .filter(|_| account.wallet() == Some(self.id))
            .ok_or(WalletError::NotAPurse(account))?;
        let purse = &mut self.purses[name as usize];
        let change = Amount::new(amount.saturating_abs(), account.unit());
        let held = change.and_then(|change| {
            let held = if amount < 0 { purse.held.minus(change)? } else { purse.held.plus(change)? };
            purse.balance.minus(held).and(Ok(held))
        });
        purse.held = held.map_err(|cause| WalletError::Purse { wallet: self.id, purse: name, cause })?;
        Ok(())
    }
}
