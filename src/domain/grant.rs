//! A month's grant, by amounts given: how cents become units and where each cent is booked.

use chrono::{Datelike, NaiveDate};

use super::account::{Account, Kind, WalletId};
use super::flow::Flow;
use super::funding::{PurseName, Why};
use super::money::{Amount, AmountError, Unit, wide_ratio};
use super::operation::{Operation, OperationId, OperationKind, Outcome, Transfer};
use super::request::{Malformed, Problem, RequestEncoder, is_sensible};
use super::wallet::Wallet;

/// The parts of one month's grant. In euros all are cents; with [`Grant::unit_value_cents`] reserve, buffer and budget
/// are cents that become units; in an hours scheme they and the organisation's parts are minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Grant {
    pub unit: Unit,
    /// Cents a point (PNT) or an hour (MIN) in a tariff scheme; none in euros and in an hours scheme.
    pub unit_value_cents: Option<i64>,
    pub overhead: Amount,
    pub collective: Amount,
    pub reserve: Amount,
    pub buffer: Amount,
    pub budget: Amount,
}

/// One transfer of a grant, between kinds of account of one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct GrantLeg {
    pub debit: Kind,
    pub credit: Kind,
    pub amount: Amount,
}

/// Why a grant cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// Parts in another unit than the scheme's.
    #[error("the parts of a grant are not all in the unit that the scheme needs")]
    UnitsDisagree,
    /// Points without a value, a value for euros, or a value below one.
    #[error("the value of a unit is missing, not above zero, or not for this unit")]
    UnitValue,
    /// Nothing to grant.
    #[error("a grant of nothing")]
    Nothing,
    /// An amount out of range.
    #[error(transparent)]
    Amount(#[from] AmountError),
}

/// Cents to units: units = floor(have / cents a unit), their value = ceil(units x cents a unit).
/// Cents a unit is `value_cents` / `unit.per_value()`. Answers (units, value in cents).
pub fn units_for(have_cents: i64, unit: Unit, value_cents: i64) -> (i128, i128) {
    let units = wide_ratio(have_cents, unit.per_value(), value_cents, false);
    let value = match i64::try_from(units) {
        Ok(units) => value_of(units, unit, value_cents),
        Err(_) => i128::from(have_cents),
    };
    (units, value)
}

/// What `units` are worth in cents, rounded up.
pub fn value_of(units: i64, unit: Unit, value_cents: i64) -> i128 {
    wide_ratio(units, value_cents, unit.per_value(), true)
}

impl Grant {
    /// The transfers, zeros left out. They balance in every unit by themselves: in a tariff scheme counted in points or
    /// minutes the EUR legs add up to the cents given, and `grant_exchange` takes the value of each part.
    ///
    /// # Errors
    /// [`GrantError`], in the order of its variants.
    pub fn legs(&self) -> Result<Vec<GrantLeg>, GrantError> {
        let parts = [self.overhead, self.collective, self.reserve, self.buffer, self.budget];
        let input_unit = if self.unit_value_cents.is_some() { Unit::Eur } else { self.unit };
        if parts.iter().any(|part| part.unit() != input_unit) {
            return Err(GrantError::UnitsDisagree);
        }
        let value_fits = match self.unit_value_cents {
            Some(value) => self.unit != Unit::Eur && value > 0,
            None => self.unit != Unit::Pnt,
        };
        if !value_fits {
            return Err(GrantError::UnitValue);
        }
        let purses = [(Kind::Reserve, self.reserve), (Kind::Buffer, self.buffer), (Kind::Budget, self.budget)];
        let mut legs = vec![
            GrantLeg { debit: Kind::WlzFunding, credit: Kind::Overhead, amount: self.overhead },
            GrantLeg { debit: Kind::WlzFunding, credit: Kind::Collective, amount: self.collective },
        ];
        match self.unit_value_cents {
            None => {
                legs.extend(purses.map(|(credit, amount)| GrantLeg { debit: Kind::WlzFunding, credit, amount }));
            }
            Some(value_cents) => {
                let mut carry = 0_i64;
                for (credit, part) in purses {
                    let have = part.minor().saturating_add(carry);
                    let (units, value) = units_for(have, self.unit, value_cents);
                    let value = Amount::from_wide(value, Unit::Eur)?;
                    carry = have - value.minor();
                    legs.push(GrantLeg { debit: Kind::WlzFunding, credit: Kind::GrantExchange, amount: value });
                    let amount = Amount::from_wide(units, self.unit)?;
                    legs.push(GrantLeg { debit: Kind::GrantExchange, credit, amount });
                }
                let rounding = Amount::cents(carry)?;
                legs.push(GrantLeg { debit: Kind::WlzFunding, credit: Kind::Rounding, amount: rounding });
            }
        }
        legs.retain(|leg| !leg.amount.is_zero());
        if legs.is_empty() { Err(GrantError::Nothing) } else { Ok(legs) }
    }
}

/// A month's grant for one wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct GrantRequest {
    pub id: OperationId,
    pub wallet: WalletId,
    /// The month's first day; a month is granted once.
    pub month: NaiveDate,
    pub grant: Grant,
}

impl GrantRequest {
    /// # Errors
    /// [`Malformed`].
    pub fn check(&self) -> Result<(), Malformed> {
        if self.month.day() != 1 || !is_sensible(self.month) {
            return Err(Malformed::Dates);
        }
        match self.grant.legs() {
            Ok(_) => Ok(()),
            Err(GrantError::UnitsDisagree) => Err(Malformed::Units),
            Err(GrantError::UnitValue) => Err(Malformed::UnitValue),
            Err(GrantError::Nothing | GrantError::Amount(_)) => Err(Malformed::Amount),
        }
    }

    /// Head, wallet, month, unit, value, the five parts.
    pub fn hash(&self) -> [u8; 32] {
        let grant = &self.grant;
        RequestEncoder::new(OperationKind::Grant, self.id)
            .wallet(self.wallet)
            .date(self.month)
            .u8(grant.unit.code())
            .optional_i64(grant.unit_value_cents)
            .amount(grant.overhead)
            .amount(grant.collective)
            .amount(grant.reserve)
            .amount(grant.buffer)
            .amount(grant.budget)
            .finish()
    }

    /// Order: `wallet_closed`, `booked`; before both, the caller, who sees the months, answers `already_granted`.
    ///
    /// # Errors
    /// [`Problem`]; [`Malformed::Units`] for a grant in another unit than the wallet's.
    pub fn decide(&self, operation: &mut Operation, wallet: &Wallet) -> Result<Outcome, Problem> {
        if self.grant.unit != wallet.unit {
            return Err(Malformed::Units.into());
        }
        if wallet.is_closed {
            return Ok(Outcome::WalletClosed);
        }
        operation.unit_value_cents = self.grant.unit_value_cents;
        let organisation = wallet.id.organisation();
        let account = |kind: Kind, unit| {
            if kind.is_purse() { Account::purse(wallet.id, unit, kind) } else { Account::own(organisation, unit, kind) }
        };
        for leg in self.grant.legs().map_err(|_| Malformed::Amount)? {
            let unit = leg.amount.unit();
            let transfer = Transfer::new(
                Flow::Grant,
                Why::Granted,
                account(leg.debit, unit),
                account(leg.credit, unit),
                leg.amount,
            )?;
            if let Some(purse) = PurseName::of(leg.credit, unit).filter(|_| transfer.credit.wallet().is_some()) {
                wallet.purse(purse).balance.plus(leg.amount)?;
            }
            operation.transfers.push(transfer);
        }
        Ok(Outcome::Booked)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn cents(minor: i64) -> Amount {
        Amount::cents(minor).unwrap()
    }

    #[test]
    fn deductions_collective_values_and_rounding_add_up_to_gross_to_the_cent() {
        for (value, parts) in [(1, [0, 0, 1, 1, 1]), (731, [1000, 77, 365, 12, 98_765]), (99_999, [5, 5, 5, 5, 5])] {
            for unit in [Unit::Pnt, Unit::Min] {
                let grant = Grant {
                    unit,
                    unit_value_cents: Some(value),
                    overhead: cents(parts[0]),
                    collective: cents(parts[1]),
                    reserve: cents(parts[2]),
                    buffer: cents(parts[3]),
                    budget: cents(parts[4]),
                };
                let legs = grant.legs().unwrap();
                let out = |unit: Unit| {
                    legs.iter().filter(|leg| leg.amount.unit() == unit).map(|leg| leg.amount.minor()).sum::<i64>()
                };
                assert_eq!(out(Unit::Eur), parts.iter().sum::<i64>(), "value {value}");
            }
        }
    }

    #[test]
    fn points_are_never_granted_without_a_value() {
        let zero = Amount::zero(Unit::Pnt);
        let grant = Grant {
            unit: Unit::Pnt,
            unit_value_cents: None,
            overhead: zero,
            collective: zero,
            reserve: zero,
            buffer: zero,
            budget: Amount::new(100, Unit::Pnt).unwrap(),
        };
        assert_eq!(grant.legs(), Err(GrantError::UnitValue));
    }
}
