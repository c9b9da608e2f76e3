//! A hold: an amount set aside on one or more purses of a wallet, given back in parts or as a whole.

use chrono::{DateTime, Utc};

use super::account::{Account, WalletId};
use super::funding::PurseName;
use super::money::{Amount, Unit};
use super::operation::{HoldEntry, OperationId};

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
