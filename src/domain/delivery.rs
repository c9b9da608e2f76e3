//! Planned occurrences that were delivered are captured; those that were not are released (design, section 5).
//!
//! Day by day, each day's lines together and each with its own part of the month's hold, so that it does not matter whether the
//! daily job or the close comes to them. An occurrence is done or released once, under the wallet's lock. What an activity or
//! extra cannot pay is left out and released. What costs nothing is done without a booking.

use chrono::{Days, NaiveDate};
use uuid::Uuid;

use super::account::{Account, WalletId};
use super::basket::BasketLine;
use super::funding::{Caps, FundingLine, LineKind, PricedLine, PurseName, Shortfall, fund};
use super::holding::days_in;
use super::money::{Amount, Unit};
use super::occurrence::{LineId, OccurrenceId};
use super::operation::{Authority, HoldEntry, Operation, OperationId, OperationKind, Outcome, Owner};
use super::plan_line::PlannedLine;
use super::request::{Problem, RequestEncoder};
use super::sold_line::{leg_transfer, written_line};
use super::wallet::Wallet;

/// A plan line in one month: what was agreed, and what became of its days. Bit n - 1 is day n.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct MonthLine {
    pub line: LineId,
    pub service: Uuid,
    pub kind: LineKind,
    /// Of one occurrence.
    pub price: Amount,
    /// Of one occurrence, in the wallet's unit.
    pub units: Option<Amount>,
    pub vat_basis_points: u16,
    pub from_savings: bool,
    pub planned: u32,
    pub held: u32,
    pub done: u32,
    pub released: u32,
}

impl MonthLine {
    /// A line with its planned days, none of them held yet. In euros an occurrence's units are its price.
    pub fn new(line: &PlannedLine, wallet: &Wallet, planned: u32) -> MonthLine {
        MonthLine {
            line: line.id,
            service: line.service,
            kind: line.kind,
            price: line.price,
            units: if wallet.unit == Unit::Eur { Some(line.price) } else { line.units },
            vat_basis_points: line.vat_basis_points,
            from_savings: line.from_savings,
            planned,
            held: 0,
            done: 0,
            released: 0,
        }
    }

    /// Days that neither were delivered nor are given up.
    pub const fn open(&self) -> u32 {
        self.planned & !self.done & !self.released
    }

    /// What of the month's hold is for one day.
    pub fn held_on(&self, day: u32, wallet: &Wallet) -> Amount {
        let units = self.units.filter(|_| self.held & self.open() & (1 << day) != 0);
        units.unwrap_or(Amount::zero(wallet.unit))
    }

    fn occurrence(&self, month: NaiveDate, day: u32) -> Result<OperationId, Problem> {
        let id = OccurrenceId::of(self.line, month + Days::new(day.into())).and_then(OccurrenceId::as_hold);
        id.ok_or_else(|| Problem::Broken("a day that has no occurrence".to_owned()))
    }

    /// As a sale's line, with what its hold gives back.
    fn priced(&self, day: u32, wallet: &Wallet) -> FundingLine {
        let held = self.held_on(day, wallet);
        FundingLine::Priced(PricedLine {
            kind: self.kind,
            price: self.price,
            units: self.units,
            planned: true,
            from_savings: self.from_savings,
            hold: if held.is_zero() { Vec::new() } else { vec![(PurseName::Budget, held)] },
        })
    }
}

/// A planned day that a sale names: a till's sale delivers it, with its part of the month's hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Due {
    pub wallet: WalletId,
    pub service: Uuid,
    /// What gives back from the month's hold; none where the day is planned and not held.
    pub held: Option<HoldEntry>,
    /// Neither delivered nor given up.
    pub is_open: bool,
    /// Delivered, and paid where it costs something.
    pub is_done: bool,
}

impl Due {
    /// Whether this wallet's line of this service delivers it.
    pub fn is_for(&self, wallet: WalletId, service: Uuid) -> bool {
        self.is_open && self.wallet == wallet && self.service == service
    }

    /// Whether this wallet's line of this service was delivered before: it is not paid again.
    pub fn was_delivered(&self, wallet: WalletId, service: Uuid) -> bool {
        self.is_done && self.wallet == wallet && self.service == service
    }

    /// What is free for the line before it is paid.
    ///
    /// # Errors
    /// [`Problem::Broken`].
    pub fn by_purse(&self) -> Result<Vec<(PurseName, Amount)>, Problem> {
        let Some(entry) = &self.held else { return Ok(Vec::new()) };
        Ok(vec![(PurseName::Budget, Amount::new(entry.change.saturating_abs(), entry.account.unit())?)])
    }
}

/// What a wallet's occurrences of some days came to.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// What was delivered, or else what only gives back of the hold; none where neither.
    pub operation: Option<Operation>,
    /// Occurrences that were paid, that cost nothing, and that could not be paid.
    #[allow(missing_docs)]
    pub paid: u32,
    #[allow(missing_docs)]
    pub free: u32,
    #[allow(missing_docs)]
    pub left_out: u32,
}

/// A wallet whose plan is gone through.
pub struct Delivery<'a> {
    wallet: &'a mut Wallet,
    month: NaiveDate,
    /// The month's hold.
    hold: Option<OperationId>,
    operation: Operation,
    given_back: Amount,
    counts: [u32; 3],
}

impl<'a> Delivery<'a> {
    /// Begins with nothing. `id` is the job's own.
    pub fn new(id: OperationId, wallet: &'a mut Wallet, month: NaiveDate, hold: Option<OperationId>) -> Delivery<'a> {
        let mut operation =
            Operation::new(id, Owner::Wallet(wallet.id), OperationKind::Delivery, Outcome::Approved, Authority::Job);
        operation.month = wallet.month;
        operation.reference = hold;
        let given_back = Amount::zero(wallet.unit);
        Delivery { wallet, month, hold, operation, given_back, counts: [0; 3] }
    }

    /// Gives up days of a line: they are not to be delivered any more.
    ///
    /// # Errors
    /// [`Problem::Broken`].
    pub fn release(&mut self, line: &mut MonthLine, days: u32) -> Result<(), Problem> {
        for day in days_in(days & line.open()) {
            let held = line.held_on(day, self.wallet);
            self.give_back(held)?;
            line.released |= 1 << day;
        }
        Ok(())
    }

    /// Delivers the lines' open occurrences of these days.
    ///
    /// # Errors
    /// [`Problem::Broken`].
    pub fn deliver(&mut self, lines: &mut [MonthLine], days: u32) -> Result<(), Problem> {
        let open = lines.iter().fold(0, |bits, line| bits | line.open());
        for day in days_in(open & days) {
            self.deliver_day(lines, day)?;
        }
        Ok(())
    }

    fn deliver_day(&mut self, lines: &mut [MonthLine], day: u32) -> Result<(), Problem> {
        let bit = 1_u32 << day;
        let mut due = Vec::with_capacity(lines.len());
        for line in lines.iter_mut().filter(|line| line.open() & bit != 0) {
            if line.price.is_zero() {
                self.counts[1] += 1;
                line.done |= bit;
            } else {
                due.push(line);
            }
        }
        let priced: Vec<FundingLine> = due.iter().map(|line| line.priced(day, self.wallet)).collect();
        let (unit, rules) = (self.wallet.unit, self.wallet.rules);
        let funding = fund(unit, rules, self.wallet.free(), &priced, Shortfall::LeaveOut, Caps::default())?;
        let mut numbers = vec![None; due.len()];
        for (place, (line, priced)) in due.into_iter().zip(&priced).enumerate() {
            let held = line.held_on(day, self.wallet);
            if funding.left_out.iter().any(|(left_out, _)| *left_out == place) {
                // It was held only if it could be paid, so nothing is held of it; should it be, it is free again.
                self.give_back(held)?;
                line.released |= bit;
                self.counts[2] += 1;
                continue;
            }
            self.give_back(held)?;
            line.done |= bit;
            self.counts[0] += 1;
            let number = self.operation.lines.len();
            let asked =
                BasketLine { service: line.service, quantity: 1, hold: Some(line.occurrence(self.month, day)?) };
            self.operation.lines.push(written_line(number, &asked, priced, None, line.vat_basis_points)?);
            numbers[place] = Some((number, line.kind));
        }
        for leg in &funding.legs {
            let Some((number, kind)) = numbers.get(leg.line).copied().flatten() else {
                return Err(Problem::Broken("a leg without its line".to_owned()));
            };
            let leg = super::funding::FundingLeg { line: number, ..*leg };
            let transfer = leg_transfer(self.wallet.id, unit, &leg, kind)?;
            self.wallet.apply(&transfer)?;
            self.operation.transfers.push(transfer);
        }
        Ok(())
    }

    fn give_back(&mut self, held: Amount) -> Result<(), Problem> {
        if held.is_zero() {
            return Ok(());
        }
        let account = self.account()?;
        self.wallet.hold(account, -held.minor())?;
        self.given_back = self.given_back.plus(held)?;
        Ok(())
    }

    fn account(&self) -> Result<Account, Problem> {
        let account = self.wallet.account(PurseName::Budget);
        account.ok_or_else(|| Problem::Broken("a wallet without a budget".to_owned()))
    }

    /// What there is to book.
    ///
    /// # Errors
    /// [`Problem::Broken`].
    pub fn finish(mut self) -> Result<Delivered, Problem> {
        let [paid, free, left_out] = self.counts;
        if !self.given_back.is_zero() {
            let Some(hold) = self.hold else {
                return Err(Problem::Broken("days are held and the month has no hold".to_owned()));
            };
            let entry = HoldEntry { hold, account: self.account()?, change: -self.given_back.minor() };
            self.operation.hold_entries.push(entry);
        }
        if self.operation.lines.is_empty() {
            self.operation.kind = OperationKind::Release;
            self.operation.outcome = Outcome::Booked;
        }
        let hash = job_hash(&self.operation, self.month);
        self.operation.request_hash = Some(hash);
        let is_empty = self.operation.lines.is_empty() && self.operation.hold_entries.is_empty();
        let operation = (!is_empty).then_some(self.operation);
        Ok(Delivered { operation, paid, free, left_out })
    }
}

/// What stands for the request of an operation that a job makes: head, wallet, month.
pub fn job_hash(operation: &Operation, month: NaiveDate) -> [u8; 32] {
    let encoder = RequestEncoder::new(operation.kind, operation.id).date(month);
    match operation.owner {
        Owner::Wallet(wallet) => encoder.wallet(wallet).finish(),
        Owner::Organisation(_) => encoder.finish(),
    }
}

#[cfg(test)]
#[path = "delivery/tests.rs"]
mod tests;
