//! A sale: what a terminal asks, and how the service decides it.
//!
//! The order in which a sale is decided; the first that applies is the answer:
//!
//! 1. already decided: the first answer again (another request under the same id: a problem),
//! 2. `cancelled`, `superseded`: a void or an offline successor came before it,
//! 3. the id's window: a problem,
//! 4. `card_unknown`, `card_blocked`, `card_expired`, `wallet_closed`,
//! 5. `card_mac_wrong`, `counter_used`, `counter_too_old`; from here on the counter is used up,
//!    `amount_exceeded` once the lines have their prices,
//! 6. what was sold before is not sold again: of a forward, what the online attempt that it replaces sold after all and was not
//!    given back; of any sale, a planned day that was delivered. `already_booked` when nothing else remains,
//! 7. line by line: `service_unknown`, `price_list_out_of_date`, `card_needed`, `over_limit`, `insufficient_funds`,
//!    `pin_needed`; the sale is declined, with the first of these, only when no line remains (or one is missing of a `whole` sale),
//! 8. `approved_in_part`, `approved`.
//!
//! Care and included lines that the location's price list knows are stopped by 1 to 5 only, and then staff register them
//! by name (or by a `whole` sale, which asks to be). A forward was delivered already: a block, an expiry or a close of its
//! card's wallet comes too late for it. Not so a generation of keys that is refused (`card_expired`): its signatures may be
//! anybody's.

mod known;

use std::collections::HashMap;
use std::sync::Arc;

use card_protocol::{Decision, HolderVerification, Mac, Transaction};
use chrono::{DateTime, Duration, NaiveDate, Utc};
use uuid::Uuid;

pub use self::known::Known;
use super::account::{OrganisationId, WalletId};
use super::basket::{Basket, BasketLine};
use super::card::{Card, CounterVerdict};
use super::delivery::Due;
use super::draw::Buffer;
use super::funding::{Caps, Funding, FundingLeg, FundingLine, LeftOut, LineKind, PricedLine, Shortfall, Source, fund};
use super::hold::{self, Hold};
use super::included::{self, Included};
use super::money::{Amount, Unit};
use super::operation::{Authority, Booked, IdError, Operation, OperationId, OperationKind, Outcome, Owner};
use super::price_list::PriceList;
use super::request::{Malformed, Problem};
use super::sold_line::{leg_transfer, tombstone, written_line};
use super::tap::Tap;
use super::wallet::Wallet;

/// An authenticated terminal: where it stands is the service's knowledge, not the request's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Terminal {
    pub id: Uuid,
    pub organisation: OrganisationId,
    pub location: Uuid,
}

/// Who pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Payer {
    /// The card that was tapped.
    Card(Tap),
    /// The card fails: signed-on staff register care and included lines on the client by name.
    ByName { wallet: WalletId },
}

/// How the sale reached the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaleMode {
    /// The client waits; lines may be left out.
    Online,
    /// The client waits; all lines or none (a vending machine).
    Whole,
    /// Approved offline and delivered already; `instead_of` is the online attempt that got no answer.
    Forward {
        /// The attempt.
        instead_of: Option<OperationId>,
    },
}

/// A sale to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SaleRequest {
    pub id: OperationId,
    pub terminal: Terminal,
    pub payer: Payer,
    pub mode: SaleMode,
    pub staff: Option<Uuid>,
    /// The version that the till showed.
    pub price_list: u32,
    pub basket: Basket,
}

impl SaleRequest {
    /// # Errors
    /// [`Malformed::SelfReference`] for an attempt that replaces itself, [`Malformed::StaffMissing`].
    pub fn check(&self) -> Result<(), Malformed> {
        match (self.mode, self.payer) {
            (SaleMode::Forward { instead_of: Some(attempt) }, _) if attempt == self.id => Err(Malformed::SelfReference),
            (_, Payer::ByName { .. }) if self.staff.is_none() => Err(Malformed::StaffMissing),
            _ => Ok(()),
        }
    }

    /// What the card signed, if this is what it was asked to sign; none without a card.
    pub fn transaction(&self) -> Option<(Transaction, Mac)> {
        let Payer::Card(tap) = self.payer else { return None };
        let decision = if self.is_forward() { Decision::ApprovedOffline } else { Decision::Online };
        let transaction = tap.transaction(&self.terminal, decision, self.price_list, &self.basket)?;
        Some((transaction, tap.mac))
    }

    /// The attempt that this forward replaces.
    pub const fn instead_of(&self) -> Option<OperationId> {
        match self.mode {
            SaleMode::Forward { instead_of } => instead_of,
            _ => None,
        }
    }

    /// Whether it was sold offline.
    pub const fn is_forward(&self) -> bool {
        matches!(self.mode, SaleMode::Forward { .. })
    }

    const fn authority(&self) -> Authority {
        match self.payer {
            Payer::Card(_) if self.is_forward() => Authority::CardOffline,
            Payer::Card(_) => Authority::Card,
            Payer::ByName { .. } => Authority::NoCard,
        }
    }
}

/// The rows that a batch of sales is decided over, all under the locks of their wallets; decisions change them in place.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct State {
    /// With the organisation's book date of this batch.
    pub wallets: HashMap<WalletId, (Wallet, NaiveDate)>,
    pub cards: HashMap<Uuid, Card>,
    pub holds: HashMap<OperationId, Hold>,
    /// Planned days that lines name where a hold's id stands.
    pub occurrences: HashMap<OperationId, Due>,
    /// What stands in the ledger, or was decided earlier in this batch, under the ids that the batch names.
    pub known: HashMap<OperationId, Known>,
    /// What the attempts that forwards of this batch replace have sold and not given back: services and quantities. An
    /// attempt that is not known yet is there with nothing, so that one decided earlier in this batch is remembered.
    pub attempts: HashMap<OperationId, Vec<(Uuid, u32)>>,
    /// Counters that forwards of this batch name and that lie below their card's window, or may before the batch is
    /// decided: whether the ledger has them as used.
    pub old_counters: HashMap<(Uuid, u32), bool>,
    /// The organisations' book dates, for what belongs to no wallet.
    pub book_dates: HashMap<OrganisationId, NaiveDate>,
    pub buffer: Option<Buffer>,
    /// What wallets were sold today of what their package includes so many of a day.
    pub included: Included,
}

impl State {
    /// The planned days that these operations delivered.
    pub fn delivered_by<'a>(&self, operations: impl Iterator<Item = &'a Operation>) -> Vec<(WalletId, OperationId)> {
        let sold = operations.filter(|operation| operation.outcome.is_sold());
        let lines = sold.flat_map(|operation| operation.lines.iter().map(move |line| (operation.owner.wallet(), line)));
        let delivered = lines.filter(|(_, line)| line.planned && line.left_out.is_none());
        let of_plan = delivered.filter_map(|(wallet, line)| Some((wallet?, line.hold?)));
        of_plan.filter(|(_, hold)| self.occurrences.contains_key(hold)).collect()
    }
}

/// A sale with all that is known of it before the lock.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct SaleItem {
    pub request: SaleRequest,
    pub request_hash: [u8; 32],
    /// The wallet of the card; none if there is no such card.
    pub wallet: Option<WalletId>,
    /// The version that the terminal named, if the location has it.
    pub price_list: Option<Arc<PriceList>>,
    pub mac_is_right: bool,
    /// The book date from which the generation that signed is refused.
    pub refused_from: Option<NaiveDate>,
}

/// What was decided.
#[derive(Clone, Debug)]
pub enum Decided {
    /// The id is taken by this very request: the stored answer again.
    Known,
    /// To book: the sale, and a tombstone for the attempt it replaces.
    New(Vec<Booked>),
}

/// Decides one sale and changes `state` accordingly; a problem changes nothing.
///
/// # Errors
/// [`Problem`]: the request is at fault, or (`Broken`) we are.
pub fn decide(state: &mut State, item: &SaleItem, now: DateTime<Utc>) -> Result<Decided, Problem> {
    let request = &item.request;
    if let Some(known) = state.known.get(&request.id) {
        let is_ours = known.kind == OperationKind::Sale && known.answers(&item.request_hash);
        return if is_ours { Ok(Decided::Known) } else { Err(Problem::IdReused) };
    }
    request.id.check_window(now)?;
    request.check()?;
    let is_beyond_reach = request.instead_of().is_some_and(|attempt| is_ahead(attempt, now) && !may_take(attempt, now));
    if is_beyond_reach && matches!(request.payer, Payer::ByName { .. }) {
        return Err(IdError::TooNew.into());
    }
    let mut deal = Deal::begin(state, item, now)?;
    let outcome = match deal.refused_card(state) {
        Some(outcome) => outcome,
        None => deal.sell(state)?,
    };
    deal.operation.outcome = outcome;
    Ok(Decided::New(deal.commit(state)))
}

/// The planned day that a line delivers. One that was given up meanwhile is sold as if nothing was planned.
fn due_for<'s>(state: &'s State, wallet: WalletId, line: &BasketLine) -> Option<&'s Due> {
    state.occurrences.get(&line.hold?).filter(|due| due.is_for(wallet, line.service))
}

/// How far ahead an attempt's id may be taken: the ledger has its partitions for two months at the least.
const DAYS_AHEAD_MAX: i64 = 31;

fn is_ahead(attempt: OperationId, now: DateTime<Utc>) -> bool {
    attempt.check_window(now) == Err(IdError::TooNew)
}

/// Whether a forward takes its attempt's id, so that a late copy of the attempt books nothing. An id that is too old needs
/// none: the window refuses it. One of the near future is taken as well (the terminal's clock is wrong). One of the far
/// future has no place in the ledger yet; its attempt, should it come when its time has, is refused by the card's counter:
/// the card counted the attempt before the forward, and online a counter must be above the last seen. By name there is no
/// counter, so there the forward goes to review instead.
fn may_take(attempt: OperationId, now: DateTime<Utc>) -> bool {
    match attempt.check_window(now) {
        Ok(()) => true,
        Err(IdError::TooNew) => attempt.time_ms() <= (now + Duration::days(DAYS_AHEAD_MAX)).timestamp_millis(),
        Err(_) => false,
    }
}

/// One sale being decided: what it will book, and copies of the rows it will change.
struct Deal<'a> {
    item: &'a SaleItem,
    now: DateTime<Utc>,
    book_date: NaiveDate,
    operation: Operation,
    wallet: Option<Wallet>,
    card: Option<Card>,
    buffer: Option<Buffer>,
    closed_holds: Vec<OperationId>,
}

impl<'a> Deal<'a> {
    fn begin(state: &State, item: &'a SaleItem, now: DateTime<Utc>) -> Result<Deal<'a>, Problem> {
        let request = &item.request;
        let organisation = request.terminal.organisation;
        let known = item
            .wallet
            .filter(|wallet| wallet.organisation() == organisation)
            .and_then(|wallet| state.wallets.get(&wallet));
        let wallet = known.map(|(wallet, _)| wallet.clone());
        let book_date = known
            .map(|(_, date)| *date)
            .or_else(|| state.book_dates.get(&organisation).copied())
            .ok_or_else(|| Problem::Broken("an organisation without a book date".to_owned()))?;
        let owner =
            wallet.as_ref().map_or(Owner::Organisation(organisation), |wallet: &Wallet| Owner::Wallet(wallet.id));
        let mut operation =
            Operation::new(request.id, owner, OperationKind::Sale, Outcome::CardUnknown, request.authority());
        operation.request_hash = Some(item.request_hash);
        operation.terminal = Some(request.terminal.id);
        operation.location = Some(request.terminal.location);
        operation.staff = request.staff;
        operation.price_list = Some(request.price_list);
        operation.reference = request.instead_of();
        operation.month = wallet.as_ref().and_then(|wallet| wallet.month);
        let card = match request.payer {
            Payer::Card(Tap { card, .. }) => {
                operation.card = Some(card);
                state.cards.get(&card).filter(|card| Some(card.wallet) == owner.wallet()).cloned()
            }
            Payer::ByName { .. } => None,
        };
        let buffer = state.buffer.clone();
        Ok(Deal { item, now, book_date, operation, wallet, card, buffer, closed_holds: Vec::new() })
    }

    /// Steps 4 and 5. A forward is delivered already, so a block, an expiry or a close comes too late for it.
    fn refused_card(&mut self, state: &State) -> Option<Outcome> {
        let request = &self.item.request;
        let Some(wallet) = &self.wallet else { return Some(Outcome::CardUnknown) };
        let Payer::Card(Tap { counter, generation, .. }) = request.payer else {
            let closed = (wallet.is_closed && !request.is_forward()).then_some(Outcome::WalletClosed);
            return closed;
        };
        let Some(card) = &mut self.card else { return Some(Outcome::CardUnknown) };
        let too_late = !request.is_forward();
        if too_late && card.is_blocked {
            return Some(Outcome::CardBlocked);
        }
        // What a refused generation signed proves nothing any more, of a forward neither.
        let is_refused = self.item.refused_from.is_some_and(|day| day <= self.book_date);
        if is_refused || (too_late && card.expires_on < self.book_date) {
            return Some(Outcome::CardExpired);
        }
        if too_late && wallet.is_closed {
            return Some(Outcome::WalletClosed);
        }
        if !self.item.mac_is_right || (generation < card.generation && !request.is_forward()) {
            return Some(Outcome::CardMacWrong);
        }
        match card.counters.judge(counter, request.is_forward()) {
            CounterVerdict::Used => return Some(Outcome::CounterUsed),
            CounterVerdict::TooOld => return Some(Outcome::CounterTooOld),
            CounterVerdict::BelowWindow => match state.old_counters.get(&(card.id, counter)) {
                Some(false) => {}
                Some(true) => return Some(Outcome::CounterUsed),
                // Nobody looked it up: booked to nobody rather than twice.
                None => return Some(Outcome::CounterTooOld),
            },
            CounterVerdict::Fresh => {}
        }
        card.counters.mark(counter);
        card.generation = card.generation.max(generation);
        self.operation.counter = Some(counter);
        self.operation.card_generation = Some(generation);
        None
    }

    /// Step 6: the lines as asked, with the quantities that are still to sell; 0 where the attempt sold them all.
    fn still_to_sell(&self, state: &State) -> Vec<BasketLine> {
        let attempt = self.item.request.instead_of();
        let is_same_tap = attempt.and_then(|id| state.known.get(&id)).is_some_and(|known| self.is_same_tap(known));
        let sold = attempt.filter(|_| is_same_tap).and_then(|id| state.attempts.get(&id));
        let mut sold = sold.cloned().unwrap_or_default();
        let lines = self.item.request.basket.lines().iter();
        lines
            .map(|line| {
                let mut quantity = line.quantity;
                for (_, left) in sold.iter_mut().filter(|(service, _)| *service == line.service) {
                    let covered = quantity.min(*left);
                    *left -= covered;
                    quantity -= covered;
                }
                BasketLine { quantity, ..*line }
            })
            .collect()
    }

    /// Whether an attempt can be what this forward replaces: same client, same terminal.
    fn is_same_tap(&self, attempt: &Known) -> bool {
        attempt.kind == OperationKind::Sale
            && attempt.owner == self.operation.owner
            && attempt.terminal == self.operation.terminal
    }

    /// Steps 7 and 8: prices, pays and writes the lines.
    fn sell(&mut self, state: &State) -> Result<Outcome, Problem> {
        let Some(wallet) = self.wallet.clone() else { return Ok(Outcome::CardUnknown) };
        let unit = wallet.unit;
        let mut lines = Vec::with_capacity(self.item.request.basket.lines().len());
        let to_sell = self.still_to_sell(state);
        if to_sell.iter().all(|line| line.quantity == 0) {
            return Ok(Outcome::AlreadyBooked);
        }
        // What this basket has of it already, by service.
        let mut here: Vec<(Uuid, u32)> = Vec::new();
        for line in &to_sell {
            let before =
                here.iter().filter(|(service, _)| *service == line.service).map(|(_, quantity)| *quantity).sum();
            let priced = self.price(state, &wallet, line, before)?;
            if let FundingLine::Priced(PricedLine { kind: LineKind::Included, .. }) = priced {
                here.push((line.service, line.quantity));
            }
            lines.push(priced);
        }
        if self.exceeds_amount(&lines)? {
            return Ok(Outcome::AmountExceeded);
        }
        let mut free = wallet.free();
        if let Some(buffer) = &self.buffer {
            free.buffer = buffer.free()?;
        }
        let shortfall = match self.item.request.mode {
            SaleMode::Online => Shortfall::LeaveOut,
            SaleMode::Whole => Shortfall::DeclineWhole,
            SaleMode::Forward { .. } => Shortfall::OfflineLoss,
        };
        let Funding { legs, left_out } = fund(unit, wallet.rules, free, &lines, shortfall, self.caps())?;
        for (number, (asked, line)) in to_sell.iter().zip(&lines).enumerate() {
            // What is left out keeps the quantity that was asked.
            let whole = self.item.request.basket.lines().get(number).filter(|_| asked.quantity == 0);
            let asked = whole.unwrap_or(asked);
            let reason = left_out.iter().find(|(left_out, _)| *left_out == number).map(|(_, reason)| *reason);
            let version = self.item.price_list.as_deref();
            let vat = version
                .and_then(|list| list.price(asked.service, wallet.buyer))
                .map_or(0, |price| price.vat_basis_points);
            self.operation.lines.push(written_line(number, asked, line, reason, vat)?);
        }
        let remains = left_out.len() < lines.len();
        let declined = !remains || (shortfall == Shortfall::DeclineWhole && !left_out.is_empty());
        if declined {
            let first = left_out.iter().map(|(_, reason)| *reason).min().unwrap_or(LeftOut::InsufficientFunds);
            return Ok(Outcome::of_left_out(first));
        }
        self.give_holds_back(state, &left_out)?;
        for leg in &legs {
            self.transfer(leg, &lines)?;
        }
        self.count_against_limit(&lines, &left_out)?;
        Ok(if left_out.is_empty() { Outcome::Approved } else { Outcome::ApprovedInPart })
    }

    fn caps(&self) -> Caps {
        let Some(card) = &self.card else { return Caps::default() };
        let is_verified = match self.item.request.payer {
            Payer::Card(tap) => tap.holder_verification == HolderVerification::Pin,
            Payer::ByName { .. } => false,
        };
        Caps { limit: card.limit_left(self.book_date), pin_free: card.pin_free.filter(|_| !is_verified) }
    }

    /// What a line costs this buyer, or why it cannot be sold. A list that is out of date still sells care and included
    /// lines, at its own prices.
    fn price(&self, state: &State, wallet: &Wallet, line: &BasketLine, before: u32) -> Result<FundingLine, Problem> {
        let request = &self.item.request;
        let occurrence = line.hold.and_then(|hold| state.occurrences.get(&hold));
        // What the daily job or another till delivered is paid: an occurrence is paid at most once.
        let was_delivered = occurrence.is_some_and(|due| due.was_delivered(wallet.id, line.service));
        if line.quantity == 0 || was_delivered {
            return Ok(FundingLine::LeftOut(LeftOut::AlreadyBooked));
        }
        let in_force = self.item.price_list.as_ref().filter(|list| list.is_valid(self.now));
        let Some(list) = in_force else { return Ok(FundingLine::LeftOut(LeftOut::PriceListOutOfDate)) };
        let Some(price) = list.price(line.service, wallet.buyer) else {
            return Ok(FundingLine::LeftOut(LeftOut::ServiceUnknown));
        };
        let today = state.included.get(&(wallet.id, line.service)).copied().unwrap_or_default();
        let kind = price.kind_after(today.before(request.is_forward()).saturating_add(before));
        if !kind.is_never_refused() {
            if !request.is_forward() && !list.is_current(self.now) {
                return Ok(FundingLine::LeftOut(LeftOut::PriceListOutOfDate));
            }
            if matches!(request.payer, Payer::ByName { .. }) {
                return Ok(FundingLine::LeftOut(LeftOut::CardNeeded));
            }
        }
        let hold = line.hold.and_then(|hold| state.holds.get(&hold)).filter(|hold| self.may_use(hold, wallet));
        let due = due_for(state, wallet.id, line);
        let given_back = match (hold, due) {
            (Some(hold), _) => hold.by_purse(wallet.unit),
            (None, Some(due)) => due.by_purse()?,
            (None, None) => Vec::new(),
        };
        Ok(FundingLine::Priced(PricedLine {
            kind,
            price: price.cents.times(line.quantity)?,
            units: price.units(wallet.unit, line.quantity)?,
            planned: hold.is_some() || due.is_some(),
            from_savings: price.from_savings,
            hold: given_back,
        }))
    }

    /// Whether the lines cost more than the card signed for. A till signs the greatest price of each line, so this is a
    /// till that is broken or hostile, and what it forwards is booked to nobody either.
    fn exceeds_amount(&self, lines: &[FundingLine]) -> Result<bool, Problem> {
        let Payer::Card(tap) = self.item.request.payer else { return Ok(false) };
        let mut total = Amount::zero(Unit::Eur);
        for line in lines {
            if let FundingLine::Priced(line) = line {
                total = total.plus(line.price)?;
            }
        }
        Ok(total.minor() > tap.amount.minor())
    }

    fn may_use(&self, hold: &Hold, wallet: &Wallet) -> bool {
        hold.wallet == wallet.id && hold.is_open(self.now)
    }

    fn give_holds_back(&mut self, state: &State, left_out: &[(usize, LeftOut)]) -> Result<(), Problem> {
        for (number, line) in self.item.request.basket.lines().iter().enumerate() {
            let Some(id) = line.hold else { continue };
            let Some(wallet) = &mut self.wallet else { continue };
            if left_out.iter().any(|(left_out, _)| *left_out == number) {
                continue;
            }
            let entries = match (state.holds.get(&id), due_for(state, wallet.id, line)) {
                (Some(hold), _) if hold.wallet == wallet.id && hold.is_open(self.now) => hold::give_back(id, hold),
                (None, Some(due)) => due.held.clone().into_iter().collect(),
                _ => continue,
            };
            for entry in entries {
                wallet.hold(entry.account, entry.change)?;
                self.operation.hold_entries.push(entry);
            }
            self.closed_holds.push(id);
        }
        Ok(())
    }

    fn transfer(&mut self, leg: &FundingLeg, lines: &[FundingLine]) -> Result<(), Problem> {
        let Some(FundingLine::Priced(line)) = lines.get(leg.line) else {
            return Err(Problem::Broken("a leg without its line".to_owned()));
        };
        let Some(wallet) = &mut self.wallet else { return Err(Problem::Broken("a leg without a wallet".to_owned())) };
        let transfer = leg_transfer(wallet.id, wallet.unit, leg, line.kind)?;
        wallet.apply(&transfer)?;
        if leg.source == Source::Buffer
            && let Some(buffer) = &mut self.buffer
        {
            buffer.take(leg.amount)?;
        }
        self.operation.transfers.push(transfer);
        Ok(())
    }

    fn count_against_limit(&mut self, lines: &[FundingLine], left_out: &[(usize, LeftOut)]) -> Result<(), Problem> {
        let Some(card) = &mut self.card else { return Ok(()) };
        let mut spent = card.spent_on(self.book_date);
        for (number, line) in lines.iter().enumerate() {
            if let FundingLine::Priced(line) = line
                && !line.kind.is_never_refused()
                && !left_out.iter().any(|(left_out, _)| *left_out == number)
            {
                spent = spent.plus(line.price)?;
            }
        }
        // A batch that began before midnight may come after one that began later: the day never goes back.
        card.day = card.day.max(Some(self.book_date));
        card.day_spent = spent;
        Ok(())
    }

    /// Puts the changed rows back and answers what to book.
    fn commit(self, state: &mut State) -> Vec<Booked> {
        if let Some(wallet) = self.wallet {
            state.wallets.insert(wallet.id, (wallet, self.book_date));
        }
        if let Some(card) = self.card {
            state.cards.insert(card.id, card);
        }
        if self.buffer.is_some() {
            state.buffer = self.buffer;
        }
        for id in self.closed_holds {
            if let Some(hold) = state.holds.get_mut(&id) {
                hold.close();
            }
            if let Some(due) = state.occurrences.get_mut(&id) {
                (due.is_open, due.is_done, due.held) = (false, true, None);
            }
        }
        if let (Some(card), Some(counter)) = (self.operation.card, self.operation.counter)
            && let Some(is_used) = state.old_counters.get_mut(&(card, counter))
        {
            *is_used = true;
        }
        if let Some(wallet) = self.operation.owner.wallet().filter(|_| self.operation.outcome.is_sold()) {
            let is_forward = self.item.request.is_forward();
            included::count(&mut state.included, wallet, is_forward, &self.operation.lines);
        }
        let mut booked = Vec::with_capacity(1);
        // An attempt that never came must never be booked.
        if let Some(attempt) = self.item.request.instead_of()
            && self.operation.outcome.is_sold()
            && may_take(attempt, self.now)
            && !state.known.contains_key(&attempt)
        {
            let outcome = Outcome::Superseded;
            booked.push(tombstone(attempt, &self.operation, outcome));
        }
        booked.push(self.operation);
        for operation in &booked {
            state.known.insert(operation.id, Known::of(operation));
            if let Some(sold) = state.attempts.get_mut(&operation.id).filter(|_| operation.outcome.is_sold()) {
                let kept = operation.lines.iter().filter(|line| line.left_out.is_none());
                *sold = kept.map(|line| (line.service, line.quantity)).collect();
            }
        }
        booked.into_iter().map(|operation| Booked { operation, book_date: self.book_date }).collect()
    }
}
