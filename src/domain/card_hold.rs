//! A card's hold at an unattended terminal (laundry, vending): what is chosen is set aside, and sold as it is delivered.
//!
//! It is decided as the `whole` sale that it stands for: the same order of outcomes, prices, purses and limits, and the
//! card's counter is used up alike. Instead of paying, the purses set aside. A capture sells parts of its lines at the
//! prices of the hold: the part's share of what was set aside is free again, and the purses are asked as for a sale then.
//! So what was set aside always suffices, and what the organisation bears (care beyond the purses) needs nothing set aside.
//! What is not captured is given back by a release or when the time is over, and never charged.
//!
//! Which line a share of the hold belongs to is stored nowhere, as it follows: who asks the purses for the lines that are
//! not captured yet, with what is set aside and nothing else, finds each line's share again.

use std::collections::BTreeMap;

use card_protocol::{Mac, Transaction, TransactionKind};
use chrono::{DateTime, Duration, Utc};

use super::account::Account;
use super::basket::{Basket, BasketLine};
use super::draw::Buffer;
use super::funding::{Caps, Free, FundingLine, LineKind, PricedLine, PurseName, Shortfall, Source, fund};
use super::hold::{Hold, HoldRequest, ReleaseRequest, give_back};
use super::money::{Amount, Unit};
use super::operation::{Booked, HoldEntry, Line, Operation, OperationId, OperationKind, Outcome, Transfer};
use super::request::{Malformed, Problem, RequestEncoder};
use super::sale::{Decided, Payer, SaleItem, SaleMode, SaleRequest, State, Terminal, decide};
use super::sold_line::{leg_transfer, written_line};
use super::wallet::Wallet;

/// The longest that a terminal may ask for: longer than any machine runs, short enough to be over by the evening.
pub const MINUTES_MAX: u16 = 240;

/// What a card sets aside.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CardHoldRequest {
    /// The whole sale that it stands for; its id is the hold's.
    pub sale: SaleRequest,
    /// Until it expires.
    pub minutes: u16,
}

impl CardHoldRequest {
    /// # Errors
    /// [`Malformed::Minutes`]; [`Malformed::Units`] for what is no whole sale by card.
    pub fn check(&self) -> Result<(), Malformed> {
        if self.minutes < 1 || self.minutes > MINUTES_MAX {
            return Err(Malformed::Minutes);
        }
        match (self.sale.mode, self.sale.payer) {
            (SaleMode::Whole, Payer::Card(_)) => self.sale.check(),
            _ => Err(Malformed::Units),
        }
    }

    /// Head, terminal, card, generation of its keys, counter, amount, price list, minutes, basket. The zero keeps it apart
    /// from a hold of the office, which begins with its wallet.
    pub fn hash(&self) -> [u8; 32] {
        let encoder = RequestEncoder::new(OperationKind::Hold, self.sale.id).i64(0).terminal(&self.sale.terminal);
        let encoder = match self.sale.payer {
            Payer::Card(tap) => encoder.uuid(tap.card).u8(tap.generation).u32(tap.counter).amount(tap.amount),
            Payer::ByName { wallet } => encoder.wallet(wallet),
        };
        encoder.u32(self.sale.price_list).u32(self.minutes.into()).basket(&self.sale.basket.records()).finish()
    }

    /// What the card signed, if this is what it was asked to sign.
    pub fn transaction(&self) -> Option<(Transaction, Mac)> {
        let (sale, mac) = self.sale.transaction()?;
        Some((Transaction { kind: TransactionKind::Hold, ..sale }, mac))
    }

    /// When it expires, if it is made now.
    pub fn expires_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + Duration::minutes(self.minutes.into())
    }

    /// As the whole sale is decided, in the order that stands at the top of `sale.rs`; `booked` if it would be approved.
    /// `state` has the wallet and the card, whose counter and limits it changes.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn decide(
        &self,
        operation: &mut Operation,
        state: &mut State,
        item: &SaleItem,
        now: DateTime<Utc>,
    ) -> Result<Outcome, Problem> {
        let wallet = item.wallet.and_then(|wallet| state.wallets.get(&wallet)).map(|(wallet, _)| wallet.clone());
        let Decided::New(mut booked) = decide(state, item, now)? else { return Err(Problem::IdReused) };
        let sale = booked.pop().ok_or_else(|| Problem::Broken("a sale that decides nothing".to_owned()))?.operation;
        operation.terminal = sale.terminal;
        operation.location = sale.location;
        operation.card = sale.card;
        operation.counter = sale.counter;
        operation.card_generation = sale.card_generation;
        operation.price_list = sale.price_list;
        operation.lines = sale.lines;
        if !sale.outcome.is_sold() {
            return Ok(sale.outcome);
        }
        let wallet = wallet.ok_or_else(|| Problem::Broken("a sale without a wallet".to_owned()))?;
        let amounts = paid_by_purses(&wallet, &sale.transfers)?;
        if amounts.is_empty() {
            return Ok(Outcome::Booked);
        }
        let expires_at = Some(self.expires_at(now));
        HoldRequest { id: self.sale.id, wallet: wallet.id, amounts, expires_at }.decide(operation, &wallet)
    }
}

/// What a wallet's own purses pay of transfers; what the organisation pays, nobody sets aside.
fn paid_by_purses(wallet: &Wallet, transfers: &[Transfer]) -> Result<Vec<(PurseName, i64)>, Problem> {
    let mut amounts = Vec::new();
    for purse in PurseName::ALL {
        let unit = purse.unit(wallet.unit);
        let mut total = Amount::zero(unit);
        for transfer in transfers {
            let debit = transfer.debit;
            if debit.wallet() == Some(wallet.id) && PurseName::of(debit.kind(), debit.unit()) == Some(purse) {
                total = total.plus(transfer.amount)?;
            }
        }
        if !total.is_zero() {
            amounts.push((purse, total.minor()));
        }
    }
    Ok(amounts)
}

/// A card's hold with what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CardHold {
    /// The operation that made it.
    pub made: Booked,
    /// What is left set aside; none if the hold was declined.
    pub hold: Option<Hold>,
    /// By line: how many were captured.
    captured: BTreeMap<u16, u32>,
    /// The release or the expiry that ended it.
    ended: Option<OperationKind>,
    /// Captures of what came out and nobody paid.
    unpaid: u32,
}

impl CardHold {
    /// With the operations that refer to it.
    pub fn new(made: Booked, hold: Option<Hold>, later: &[Booked]) -> CardHold {
        let is_unpaid =
            |later: &&Booked| later.operation.kind == OperationKind::Capture && leaves_unpaid(later.operation.outcome);
        let unpaid = u32::try_from(later.iter().filter(is_unpaid).count()).unwrap_or(u32::MAX);
        let (mut captured, mut ended) = (BTreeMap::new(), None);
        for operation in later.iter().map(|booked| &booked.operation).filter(|later| later.outcome.is_done()) {
            match operation.kind {
                OperationKind::Capture => {
                    for line in &operation.lines {
                        let so_far = captured.entry(line.number).or_insert(0_u32);
                        *so_far = so_far.saturating_add(line.quantity);
                    }
                }
                kind @ (OperationKind::Release | OperationKind::Expire) => ended = Some(kind),
                _ => {}
            }
        }
        CardHold { made, hold, captured, ended, unpaid }
    }

    /// A card's hold that this terminal may see: of its own location, or its own, as it may have been moved since.
    pub fn is_of(made: &Booked, terminal: &Terminal) -> bool {
        let operation = &made.operation;
        operation.kind == OperationKind::Hold
            && operation.terminal.is_some()
            && (operation.location == Some(terminal.location) || operation.terminal == Some(terminal.id))
            && operation.owner.organisation() == terminal.organisation
    }

    /// How many of a line were not captured yet.
    fn left_of(&self, line: &Line) -> u32 {
        line.quantity.saturating_sub(self.captured.get(&line.number).copied().unwrap_or(0))
    }

    /// What is open, or why nothing is: `hold_not_open` (declined, released, all captured), `hold_expired`.
    fn open(&self, now: DateTime<Utc>) -> Result<&Hold, Outcome> {
        let all_captured = self.made.operation.lines.iter().all(|line| self.left_of(line) == 0);
        match (&self.hold, self.ended) {
            (_, Some(OperationKind::Expire)) => Err(Outcome::HoldExpired),
            (None, _) | (_, Some(_)) => Err(Outcome::HoldNotOpen),
            _ if all_captured => Err(Outcome::HoldNotOpen),
            (Some(hold), None) if hold.is_expired(now) => Err(Outcome::HoldExpired),
            (Some(hold), None) => Ok(hold),
        }
    }

    /// What of the card's limits an end now gives back: the price of lines that count and were not captured.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn limit_left(&self) -> Result<Amount, Problem> {
        let mut total = Amount::zero(Unit::Eur);
        for line in &self.made.operation.lines {
            if line.kind.is_some_and(|kind| !kind.is_never_refused()) {
                total = total.plus(priced_part(line, self.left_of(line))?.price)?;
            }
        }
        Ok(total)
    }

    /// Whether a human has to look at a capture that has this outcome now: something came out of the machine, and nobody paid.
    /// As often as the hold has pieces and no more, as a hostile machine could say so without end.
    pub fn is_for_review(&self, outcome: Outcome) -> bool {
        let pieces = self.made.operation.lines.iter().fold(0_u32, |sum, line| sum.saturating_add(line.quantity));
        leaves_unpaid(outcome) && self.unpaid < pieces
    }

    /// Whether any line that is left is care: its capture may draw on the shared buffer.
    pub fn has_care(&self) -> bool {
        self.made.operation.lines.iter().any(|line| line.kind == Some(LineKind::Care))
    }

    /// What is set aside for each of these parts.
    fn shares(
        &self,
        wallet: &Wallet,
        hold: &Hold,
        parts: &[Part<'_>],
    ) -> Result<Vec<Vec<(PurseName, Amount)>>, Problem> {
        let mut free = Free {
            budget: Amount::zero(wallet.unit),
            reserve: Amount::zero(wallet.unit),
            savings: Amount::zero(wallet.unit),
            credit: Amount::zero(wallet.unit),
            credit_cents: Amount::zero(Unit::Eur),
            buffer: Amount::zero(wallet.unit),
        };
        for (account, amount) in &hold.remaining {
            match PurseName::of(account.kind(), account.unit()) {
                Some(PurseName::Budget) => free.budget = *amount,
                Some(PurseName::Reserve) => free.reserve = *amount,
                Some(PurseName::Savings) => free.savings = *amount,
                Some(PurseName::Credit) => free.credit = *amount,
                Some(PurseName::CreditCents) => free.credit_cents = *amount,
                None => return Err(Problem::Broken("a hold on what is no purse".to_owned())),
            }
        }
        let (mut lines, mut whose) = (Vec::new(), Vec::new());
        for line in &self.made.operation.lines {
            let part = parts.iter().position(|part| part.line.number == line.number);
            let now = part.and_then(|part| parts.get(part)).map_or(0, |part| part.quantity);
            for (quantity, part) in [(now, part), (self.left_of(line).saturating_sub(now), None)] {
                if quantity > 0 {
                    lines.push(FundingLine::Priced(priced_part(line, quantity)?));
                    whose.push(part);
                }
            }
        }
        let funding = fund(wallet.unit, wallet.rules, free, &lines, Shortfall::LeaveOut, Caps::default())?;
        let mut shares = vec![Vec::new(); parts.len()];
        for leg in &funding.legs {
            let part = whose.get(leg.line).copied().flatten();
            if let (Source::Purse(purse), Some(share)) = (leg.source, part.and_then(|part| shares.get_mut(part))) {
                share.push((purse, leg.amount));
            }
        }
        Ok(shares)
    }
}

/// Declines of a capture that are no fault of the machine's request: it was delivered, and set aside once.
const fn leaves_unpaid(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::WalletClosed | Outcome::HoldExpired | Outcome::InsufficientFunds)
}

/// A part of a line that is captured.
#[derive(Clone, Copy)]
struct Part<'h> {
    line: &'h Line,
    quantity: u32,
}

/// A part of a line at the price of the hold: a line's price and units are those of one, times its quantity.
fn priced_part(line: &Line, quantity: u32) -> Result<PricedLine, Problem> {
    let kind = line.kind.ok_or_else(|| Problem::Broken("a line of a hold without a kind".to_owned()))?;
    let whole = i64::from(line.quantity);
    Ok(PricedLine {
        kind,
        price: line.price.share_floor(quantity.into(), whole)?,
        units: line.units.map(|units| units.share_floor(quantity.into(), whole)).transpose()?,
        planned: false,
        from_savings: line.from_savings,
        hold: Vec::new(),
    })
}

/// Sells what was delivered of a card's hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CardCaptureRequest {
    pub id: OperationId,
    pub hold: OperationId,
    pub terminal: Terminal,
    /// Lines of the hold, from 0, and how many of each were delivered.
    pub lines: Vec<(u16, u32)>,
}

impl CardCaptureRequest {
    /// # Errors
    /// [`Malformed`].
    pub fn check(&self) -> Result<(), Malformed> {
        if self.id == self.hold {
            return Err(Malformed::SelfReference);
        }
        if self.lines.is_empty() {
            return Err(Malformed::NoLines);
        }
        if self.lines.len() > Basket::LINES_MAX {
            return Err(Malformed::TooManyLines);
        }
        for (place, (line, quantity)) in self.lines.iter().enumerate() {
            if *quantity < 1 || *quantity > Basket::QUANTITY_MAX {
                return Err(Malformed::Quantity { line: place });
            }
            if self.lines.iter().skip(place + 1).any(|(other, _)| other == line) {
                return Err(Malformed::LineTwice);
            }
        }
        Ok(())
    }

    /// Head, hold, terminal, then line and quantity in the order given.
    pub fn hash(&self) -> [u8; 32] {
        let encoder = RequestEncoder::new(OperationKind::Capture, self.id).uuid(self.hold.uuid());
        let mut encoder = encoder.terminal(&self.terminal).u32(u32::try_from(self.lines.len()).unwrap_or(u32::MAX));
        for (line, quantity) in &self.lines {
            encoder = encoder.u32((*line).into()).u32(*quantity);
        }
        encoder.finish()
    }

    /// Order: `wallet_closed`, `hold_not_open`, `hold_expired`, `more_than_held`, `insufficient_funds` (only where the
    /// wallet's rules changed meanwhile), `approved`. All or nothing. Once every line is captured, nothing stays set aside.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn decide(
        &self,
        operation: &mut Operation,
        wallet: &Wallet,
        held: &CardHold,
        buffer: Option<&mut Buffer>,
        now: DateTime<Utc>,
    ) -> Result<Outcome, Problem> {
        if wallet.is_closed {
            return Ok(Outcome::WalletClosed);
        }
        let hold = match held.open(now) {
            Ok(hold) => hold,
            Err(outcome) => return Ok(outcome),
        };
        let Some(parts) = self.parts(held) else { return Ok(Outcome::MoreThanHeld) };
        let shares = held.shares(wallet, hold, &parts)?;
        let mut lines = Vec::with_capacity(parts.len());
        for (part, share) in parts.iter().zip(&shares) {
            let priced = PricedLine { hold: share.clone(), ..priced_part(part.line, part.quantity)? };
            lines.push(FundingLine::Priced(priced));
        }
        let mut free = wallet.free();
        if let Some(buffer) = &buffer {
            free.buffer = buffer.free()?;
        }
        let funding = fund(wallet.unit, wallet.rules, free, &lines, Shortfall::DeclineWhole, Caps::default())?;
        if let Some(reason) = funding.left_out.iter().map(|(_, reason)| *reason).min() {
            return Ok(Outcome::of_left_out(reason));
        }
        let mut drawn = Amount::zero(wallet.unit);
        for leg in &funding.legs {
            let part = parts.get(leg.line).ok_or_else(|| Problem::Broken("a leg without its line".to_owned()))?;
            let kind = part.line.kind.unwrap_or(LineKind::Own);
            let line = Some(part.line.number);
            operation.transfers.push(Transfer { line, ..leg_transfer(wallet.id, wallet.unit, leg, kind)? });
            if leg.source == Source::Buffer {
                drawn = drawn.plus(leg.amount)?;
            }
        }
        if let Some(buffer) = buffer.filter(|_| !drawn.is_zero()) {
            buffer.take(drawn)?;
        }
        for (part, priced) in parts.iter().zip(&lines) {
            let Part { line, quantity } = *part;
            let asked = BasketLine { service: line.service, quantity, hold: Some(self.hold) };
            let number = usize::from(line.number);
            operation.lines.push(written_line(number, &asked, priced, None, line.vat_basis_points)?);
        }
        operation.card = held.made.operation.card;
        operation.price_list = held.made.operation.price_list;
        let is_last = held.made.operation.lines.iter().all(|line| {
            let now: u32 = parts.iter().filter(|part| part.line.number == line.number).map(|part| part.quantity).sum();
            held.left_of(line) == now
        });
        operation.hold_entries =
            if is_last { give_back(self.hold, hold) } else { shares_given_back(self.hold, wallet, &shares)? };
        Ok(Outcome::Approved)
    }

    /// What was delivered, as a review keeps it: lines of the hold and how many of each.
    pub fn delivered(&self) -> Vec<u8> {
        serde_json::to_vec(&self.lines).unwrap_or_default()
    }

    /// Reads what [`Self::delivered`] wrote.
    pub fn read_delivered(record: &[u8]) -> Vec<(u16, u32)> {
        serde_json::from_slice(record).unwrap_or_default()
    }

    /// The parts in the order of the hold's lines; none if more is asked than is left.
    fn parts<'h>(&self, held: &'h CardHold) -> Option<Vec<Part<'h>>> {
        let mut parts = Vec::with_capacity(self.lines.len());
        for (number, quantity) in &self.lines {
            let line = held.made.operation.lines.iter().find(|line| line.number == *number)?;
            if *quantity > held.left_of(line) {
                return None;
            }
            parts.push(Part { line, quantity: *quantity });
        }
        parts.sort_by_key(|part| part.line.number);
        Some(parts)
    }
}

fn shares_given_back(
    hold: OperationId,
    wallet: &Wallet,
    shares: &[Vec<(PurseName, Amount)>],
) -> Result<Vec<HoldEntry>, Problem> {
    let mut by_account: BTreeMap<i64, (Account, i64)> = BTreeMap::new();
    for (purse, amount) in shares.iter().flatten() {
        let account = wallet.account(*purse).ok_or_else(|| Problem::Broken("a share of no purse".to_owned()))?;
        by_account.entry(account.number()).or_insert((account, 0)).1 -= amount.minor();
    }
    Ok(by_account.into_values().map(|(account, change)| HoldEntry { hold, account, change }).collect())
}

/// Gives back what is left of a card's hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CardReleaseRequest {
    pub id: OperationId,
    pub hold: OperationId,
    /// The terminal that needs it no more; none if its time is over.
    pub terminal: Option<Terminal>,
}

impl CardReleaseRequest {
    /// As any release, of a hold of the office.
    pub const fn release(&self) -> ReleaseRequest {
        ReleaseRequest { id: self.id, hold: self.hold, expired: self.terminal.is_none() }
    }

    /// # Errors
    /// [`Malformed::SelfReference`].
    pub fn check(&self) -> Result<(), Malformed> {
        if self.id == self.hold { Err(Malformed::SelfReference) } else { Ok(()) }
    }

    /// That of a release, and of a terminal: head, hold, terminal.
    pub fn hash(&self) -> [u8; 32] {
        match &self.terminal {
            None => self.release().hash(),
            Some(terminal) => {
                let encoder = RequestEncoder::new(self.release().kind(), self.id).uuid(self.hold.uuid());
                encoder.terminal(terminal).finish()
            }
        }
    }

    /// Order: `hold_not_open`, `hold_expired`, `hold_not_expired` (expire), `booked`.
    pub fn decide(&self, operation: &mut Operation, held: &CardHold, now: DateTime<Utc>) -> Outcome {
        let hold = match (held.open(now), &held.hold, held.ended) {
            (Ok(hold), ..) => hold,
            // its time is over, and nobody has given it back yet: who comes first does
            (Err(Outcome::HoldExpired), Some(hold), None) => hold,
            (Err(outcome), ..) => return outcome,
        };
        operation.card = held.made.operation.card;
        let is_early = self.terminal.is_none() && !hold.is_expired(now);
        match (hold.is_spent(), is_early) {
            (true, true) => Outcome::HoldNotExpired,
            // the organisation would have paid all that is left
            (true, false) => Outcome::Booked,
            _ => self.release().decide(operation, hold, now),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
