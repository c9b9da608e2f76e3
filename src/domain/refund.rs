//! What a refund gives back: of each leg, its share of what has been refunded so far, less what it gave back before.

use uuid::Uuid;

use super::account::{Account, Kind, WalletId};
use super::basket::Basket;
use super::flow::Flow;
use super::funding::Why;
use super::money::{Amount, AmountError};
use super::operation::{Booked, Line, Operation, OperationId, OperationKind, Outcome, Transfer};
use super::request::{Malformed, Problem, RequestEncoder};
use super::sale::Terminal;
use super::wallet::Wallet;

/// Why nothing is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefundError {
    /// More than is left of what was sold, or less than one.
    #[error("more than was sold, or less than one")]
    MoreThanSold,
    /// An amount out of range.
    #[error(transparent)]
    Amount(#[from] AmountError),
}

impl From<RefundError> for Problem {
    fn from(error: RefundError) -> Problem {
        match error {
            RefundError::MoreThanSold => Problem::Broken("a part of a refund was not looked at".to_owned()),
            RefundError::Amount(error) => error.into(),
        }
    }
}

/// Gives back `now` more of `sold`, of which `before` were given back earlier. One amount a leg, zeros kept.
///
/// Each leg returns floor(leg x (before + now) / sold) - floor(leg x before / sold), so however a line is refunded in
/// parts, the parts add up to the leg and never to more.
///
/// # Errors
/// [`RefundError::MoreThanSold`] if `now` is 0 or `before + now` is above `sold`.
pub fn give_back(sold: u32, before: u32, now: u32, legs: &[Amount]) -> Result<Vec<Amount>, RefundError> {
    let after = before.checked_add(now).filter(|after| now >= 1 && *after <= sold).ok_or(RefundError::MoreThanSold)?;
    legs.iter()
        .map(|leg| {
            let share = |quantity: u32| leg.share_floor(i64::from(quantity), i64::from(sold));
            Ok(share(after)?.minus(share(before)?)?)
        })
        .collect()
}

/// A part of a sale to give back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RefundRequest {
    pub id: OperationId,
    pub sale: OperationId,
    pub terminal: Terminal,
    pub staff: Option<Uuid>,
    /// Line number and quantity, each line once.
    pub lines: Vec<(u16, u32)>,
}

/// A whole sale to undo: same terminal, same day. A sale that has not come will then never be booked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct VoidRequest {
    pub id: OperationId,
    pub sale: OperationId,
    pub terminal: Terminal,
    pub staff: Option<Uuid>,
    /// Who paid, as the terminal sent it with the sale: whose lock to take when the sale has not come.
    pub client: Client,
}

/// A client, as a terminal knows one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Client {
    Card(Uuid),
    Wallet(WalletId),
}

impl RefundRequest {
    /// # Errors
    /// [`Malformed`] for no lines, too many, or one named twice.
    pub fn check(&self) -> Result<(), Malformed> {
        if self.lines.is_empty() {
            return Err(Malformed::NoLines);
        }
        if self.lines.len() > Basket::LINES_MAX {
            return Err(Malformed::TooManyLines);
        }
        for (place, (number, quantity)) in self.lines.iter().enumerate() {
            let earlier = self.lines.get(..place).unwrap_or_default();
            if *quantity > Basket::QUANTITY_MAX || earlier.iter().any(|(other, _)| other == number) {
                return Err(Malformed::Quantity { line: place });
            }
        }
        if self.sale == self.id { Err(Malformed::SelfReference) } else { Ok(()) }
    }

    /// Head, sale, terminal, staff, lines.
    pub fn hash(&self) -> [u8; 32] {
        let mut encoder = RequestEncoder::new(OperationKind::Refund, self.id)
            .uuid(self.sale.uuid())
            .terminal(&self.terminal)
            .optional(self.staff)
            .u32(u32::try_from(self.lines.len()).unwrap_or(u32::MAX));
        for (number, quantity) in &self.lines {
            encoder = encoder.u32(u32::from(*number)).u32(*quantity);
        }
        encoder.finish()
    }
}

impl VoidRequest {
    /// # Errors
    /// [`Malformed::SelfReference`].
    pub fn check(&self) -> Result<(), Malformed> {
        if self.sale == self.id { Err(Malformed::SelfReference) } else { Ok(()) }
    }

    /// Head, sale, terminal, staff, client.
    pub fn hash(&self) -> [u8; 32] {
        let encoder = RequestEncoder::new(OperationKind::Void, self.id)
            .uuid(self.sale.uuid())
            .terminal(&self.terminal)
            .optional(self.staff);
        match self.client {
            Client::Card(card) => encoder.u8(1).uuid(card).finish(),
            Client::Wallet(wallet) => encoder.u8(2).wallet(wallet).finish(),
        }
    }
}

/// How much of each line of a sale was given back before.
pub fn given_back(earlier: &[Booked], number: u16) -> u32 {
    earlier
        .iter()
        .filter(|booked| matches!(booked.operation.kind, OperationKind::Refund | OperationKind::Void))
        .filter(|booked| booked.operation.outcome == Outcome::Booked)
        .flat_map(|booked| &booked.operation.lines)
        .filter(|line| line.number == number)
        .fold(0, |sum, line| sum.saturating_add(line.quantity))
}

/// All that is left of a sale, by line.
pub fn all_that_is_left(sale: &Operation, earlier: &[Booked]) -> Vec<(u16, u32)> {
    sale.lines
        .iter()
        .filter(|line| line.left_out.is_none())
        .map(|line| (line.number, line.quantity.saturating_sub(given_back(earlier, line.number))))
        .filter(|(_, left)| *left > 0)
        .collect()
}

/// Writes into `operation` what gives back these parts of a sale. `earlier` are the operations that referred to the
/// sale before. Order: `not_approved`, `more_than_sold`, `booked`.
///
/// What was an offline loss is nobody's to get back and stays.
///
/// # Errors
/// [`Problem::Broken`] if a leg cannot be turned round.
pub fn decide(
    operation: &mut Operation,
    wallet: &Wallet,
    sale: &Operation,
    earlier: &[Booked],
    parts: &[(u16, u32)],
) -> Result<Outcome, Problem> {
    if !sale.outcome.is_sold() {
        return Ok(Outcome::NotApproved);
    }
    let sold = |number: u16| sale.lines.iter().find(|line| line.number == number && line.left_out.is_none());
    // All parts or none: looked at before any is written.
    for (number, now) in parts {
        let left = sold(*number).map(|line| line.quantity.saturating_sub(given_back(earlier, *number)));
        if *now < 1 || left.is_none_or(|left| *now > left) {
            return Ok(Outcome::MoreThanSold);
        }
    }
    for (number, now) in parts {
        let Some(line) = sold(*number) else { return Ok(Outcome::MoreThanSold) };
        let legs: Vec<&Transfer> =
            sale.transfers.iter().filter(|leg| leg.line == Some(*number) && leg.flow == Flow::Sale).collect();
        let amounts: Vec<Amount> = legs.iter().map(|leg| leg.amount).collect();
        let before = given_back(earlier, *number);
        let amounts = give_back(line.quantity, before, *now, &amounts)?;
        let share = |whole: Amount| {
            let of = |quantity: u32| whole.share_floor(i64::from(quantity), i64::from(line.quantity));
            of(before.saturating_add(*now))?.minus(of(before)?)
        };
        operation.lines.push(Line {
            quantity: *now,
            price: share(line.price)?,
            units: line.units.map(share).transpose()?,
            hold: None,
            ..line.clone()
        });
        for (leg, amount) in legs.into_iter().zip(amounts) {
            if !amount.is_zero() {
                operation.transfers.push(turned_round(wallet, leg, amount)?);
            }
        }
    }
    Ok(Outcome::Booked)
}

/// A leg back to who paid it; in a closed wallet what was the client's lapses, and own money is owed.
fn turned_round(wallet: &Wallet, leg: &Transfer, amount: Amount) -> Result<Transfer, Problem> {
    let organisation = wallet.id.organisation();
    let (credit, why) = if wallet.is_closed && leg.debit.wallet().is_some() {
        let kind = if leg.debit.kind() == Kind::Credit { Kind::Payable } else { Kind::Lapsed };
        (Account::own(organisation, amount.unit(), kind), Why::WalletClosed)
    } else {
        (Some(leg.debit), Why::GivenBack)
    };
    let transfer = Transfer::new(Flow::Refund, why, Some(leg.credit), credit, amount)?;
    Ok(Transfer { line: leg.line, ..transfer })
}
