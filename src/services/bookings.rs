//! What each request loads under the wallet's lock before the domain decides it.

use diesel_async::AsyncPgConnection;

use super::book::{BookError, Booking, Books, id_of_ours, owner_of, referred_to, wallet_owner};
use crate::db::{DbError, buffers, forwards};
use crate::db::{cards, holds, ledger, month_phases, payouts, plan_months, reviews};
use crate::domain::draw::DrawRequest;
use crate::domain::exchange::{ExchangeBackRequest, ExchangeRequest};
use crate::domain::grant::GrantRequest;
use crate::domain::hold::{CaptureRequest, Hold, HoldRequest, ReleaseRequest};
use crate::domain::money::Amount;
use crate::domain::operation::{Authority, Booked, Line, Operation, OperationId, OperationKind, Outcome, Owner};
use crate::domain::payout::{PayoutRequest, PayoutStep, PayoutStepRequest};
use crate::domain::refund::{self, Client, RefundRequest, VoidRequest};
use crate::domain::request::{Malformed, Problem};
use crate::domain::review::ReviewWhy;
use crate::domain::sale::Terminal;
use crate::domain::saving::CloseRequest;
use crate::domain::sold_line::tombstone;
use crate::domain::top_up::{TopUpRequest, TopUpReversalRequest};

const SALES: &[OperationKind] = &[OperationKind::Sale, OperationKind::Capture];
const HOLDS: &[OperationKind] = &[OperationKind::Hold];

/// Gives the card its limit back for what a refund or void of the same day undid.
async fn give_limit_back(books: &mut Books<'_>, sale: &Booked, lines: &[Line]) -> Result<(), BookError> {
    let Some(card) = sale.operation.card.filter(|_| sale.book_date == books.book_date) else { return Ok(()) };
    let counted = lines.iter().filter(|line| line.kind.is_some_and(|kind| !kind.is_never_refused()));
    let given_back = counted
        .map(|line| line.price)
        .try_fold(Amount::zero(crate::domain::money::Unit::Eur), Amount::plus)
        .map_err(Problem::from)?;
    if let Some(mut card) = cards::load(books.conn, &[card]).await?.remove(&card)
        && card.day == Some(books.book_date)
        && !given_back.is_zero()
    {
        card.day_spent = card.day_spent.minus_or_zero(given_back);
        cards::update(books.conn, &[&card]).await?;
    }
    Ok(())
}

/// A sale of another location does not exist for this terminal. (A capture of the office's is of no location.)
fn is_elsewhere(sale: &Booked, terminal: &Terminal) -> bool {
    let is_of_terminal = sale.operation.kind == OperationKind::Sale || sale.operation.location.is_some();
    is_of_terminal && sale.operation.location != Some(terminal.location)
}

impl Booking for RefundRequest {
    fn id(&self) -> OperationId {
        self.id
    }

    fn kind(&self) -> OperationKind {
        OperationKind::Refund
    }

    fn hash(&self) -> [u8; 32] {
        self.hash()
    }

    fn check(&self) -> Result<(), Malformed> {
        self.check()
    }

    async fn owner(&self, conn: &mut AsyncPgConnection) -> Result<Owner, BookError> {
        let owner = owner_of(conn, self.sale, SALES, "sale").await?;
        match owner {
            // A sale of another organisation does not exist for this terminal.
            Owner::Wallet(wallet) if wallet.organisation() == self.terminal.organisation => Ok(owner),
            _ => Err(Problem::Unknown("sale").into()),
        }
    }

    async fn decide(&self, books: &mut Books<'_>) -> Result<Outcome, BookError> {
        let sale = referred_to(books.conn, self.sale, SALES, "sale").await?;
        if is_elsewhere(&sale, &self.terminal) {
            return Err(Problem::Unknown("sale").into());
        }
        let wallet = books.wallet()?.clone();
        let earlier = ledger::referring_to(books.conn, wallet.id, self.sale).await?;
        books.operation.reference = Some(self.sale);
        books.operation.terminal = Some(self.terminal.id);
        books.operation.location = Some(self.terminal.location);
        books.operation.staff = self.staff;
        let outcome = refund::decide(&mut books.operation, &wallet, &sale.operation, &earlier, &self.lines)?;
        if outcome.is_done() {
            let lines = books.operation.lines.clone();
            give_limit_back(books, &sale, &lines).await?;
        }
        Ok(outcome)
    }
}

impl Booking for VoidRequest {
    fn id(&self) -> OperationId {
        self.id
    }

    fn kind(&self) -> OperationKind {
        OperationKind::Void
    }

    fn hash(&self) -> [u8; 32] {
        self.hash()
    }

    fn check(&self) -> Result<(), Malformed> {
        self.check()
    }

    async fn owner(&self, conn: &mut AsyncPgConnection) -> Result<Owner, BookError> {
        let organisation = self.terminal.organisation;
        if let Some(known) = ledger::known(conn, &[self.sale]).await?.remove(&self.sale) {
            let is_ours = match known.owner {
                Owner::Wallet(wallet) => wallet.organisation() == organisation,
                Owner::Organisation(other) => other == organisation,
            };
            let is_sale = known.kind == OperationKind::Sale;
            return if is_ours && is_sale { Ok(known.owner) } else { Err(Problem::Unknown("sale").into()) };
        }
        let wallet = match self.client {
            Client::Wallet(wallet) => Some(wallet),
            Client::Card(card) => cards::wallets(conn, &[card]).await?.remove(&card),
        };
        let wallet = wallet.filter(|wallet| wallet.organisation() == organisation);
        Ok(wallet.map_or(Owner::Organisation(organisation), Owner::Wallet))
    }

    /// Order: `other_terminal`, `cancelled_beforehand`, `not_approved`, `other_day`, `nothing_left`, `booked`.
    async fn decide(&self, books: &mut Books<'_>) -> Result<Outcome, BookError> {
        books.operation.reference = Some(self.sale);
        books.operation.terminal = Some(self.terminal.id);
        books.operation.location = Some(self.terminal.location);
        books.operation.staff = self.staff;
        let Some(sale) = ledger::load(books.conn, &[self.sale]).await?.remove(&self.sale) else {
            if forwards::is_renamed(books.conn, self.sale).await? {
                // It was booked, or will be, under an id that the terminal was told.
                return Err(Problem::Unknown("sale").into());
            }
            // An id outside the window can never be booked, so there is nothing to prevent.
            self.sale.check_window(books.now).map_err(Problem::from)?;
            books.beside = Some(tombstone(self.sale, &books.operation, Outcome::Cancelled));
            return Ok(Outcome::CancelledBeforehand);
        };
        if sale.operation.owner != books.operation.owner {
            // It came between the look before the lock and now, under another client's lock: look again.
            return Err(DbError::Moved.into());
        }
        if is_elsewhere(&sale, &self.terminal) {
            return Err(Problem::Unknown("sale").into());
        }
        if sale.operation.terminal != Some(self.terminal.id) {
            return Ok(Outcome::OtherTerminal);
        }
        if sale.operation.outcome == Outcome::Cancelled {
            return Ok(Outcome::CancelledBeforehand);
        }
        // What the forward's attempt sold was not sold again: whoever undoes the forward undoes that too.
        let attempt = attempt_of(books, &sale).await?;
        let Some((sale, attempt)) = (match (sale.operation.outcome.is_sold(), attempt) {
            (true, attempt) => Some((sale, attempt)),
            (false, Some(attempt)) => Some((attempt, None)),
            (false, None) => None,
        }) else {
            return Ok(Outcome::NotApproved);
        };
        let mut operation = books.operation.clone();
        let outcome = undo_all(books, &mut operation, &sale).await?;
        books.operation = operation;
        let Some(attempt) = attempt.filter(|_| outcome == Outcome::Booked || outcome == Outcome::NothingLeft) else {
            return Ok(outcome);
        };
        self.undo_beside(books, outcome, &sale, &attempt).await
    }
}

impl VoidRequest {
    /// Undoes the attempt of a forward that sold the rest: with a void of its own, or with this one if nothing is left of
    /// the forward. An attempt of another day is for a human.
    async fn undo_beside(
        &self,
        books: &mut Books<'_>,
        outcome: Outcome,
        forward: &Booked,
        attempt: &Booked,
    ) -> Result<Outcome, BookError> {
        if outcome == Outcome::NothingLeft {
            let mut operation = books.operation.clone();
            let outcome = undo_all(books, &mut operation, attempt).await?;
            if outcome.is_done() {
                books.operation = operation;
                return Ok(outcome);
            }
            if outcome != Outcome::NothingLeft {
                reviews::open_for(books.conn, forward.operation.id, ReviewWhy::AttemptNotUndone).await?;
            }
            return Ok(Outcome::NothingLeft);
        }
        let request = VoidRequest { id: id_of_ours(books.now)?, sale: attempt.operation.id, ..*self };
        let mut beside =
            Operation::new(request.id, books.operation.owner, OperationKind::Void, Outcome::Booked, self.authority());
        beside.request_hash = Some(request.hash());
        beside.month = books.operation.month;
        beside.terminal = Some(self.terminal.id);
        beside.location = Some(self.terminal.location);
        beside.staff = self.staff;
        match undo_all(books, &mut beside, attempt).await? {
            Outcome::Booked => books.beside = Some(beside),
            Outcome::NothingLeft => {}
            _ => reviews::open_for(books.conn, forward.operation.id, ReviewWhy::AttemptNotUndone).await?,
        }
        Ok(outcome)
    }
}

/// What the online attempt sold that a forward replaces, if both are of one tap. A tombstone replaces nothing.
async fn attempt_of(books: &mut Books<'_>, sale: &Booked) -> Result<Option<Booked>, BookError> {
    let forward = &sale.operation;
    let Some(attempt) = forward.reference.filter(|_| forward.request_hash.is_some()) else { return Ok(None) };
    let attempt = ledger::load(books.conn, &[attempt]).await?.remove(&attempt);
    Ok(attempt.filter(|attempt| {
        let attempt = &attempt.operation;
        attempt.outcome.is_sold()
            && attempt.kind == OperationKind::Sale
            && (attempt.owner, attempt.terminal) == (forward.owner, forward.terminal)
    }))
}

/// Gives back all that is left of a sale of today. Order: `other_day`, `nothing_left`, `booked`.
async fn undo_all(books: &mut Books<'_>, operation: &mut Operation, sale: &Booked) -> Result<Outcome, BookError> {
    operation.reference = Some(sale.operation.id);
    if sale.book_date != books.book_date {
        return Ok(Outcome::OtherDay);
    }
    let wallet = books.wallet()?.clone();
    let earlier = ledger::referring_to(books.conn, wallet.id, sale.operation.id).await?;
    let left = refund::all_that_is_left(&sale.operation, &earlier);
    if left.is_empty() {
        return Ok(Outcome::NothingLeft);
    }
    let outcome = refund::decide(operation, &wallet, &sale.operation, &earlier, &left)?;
    if outcome.is_done() {
        give_limit_back(books, sale, &operation.lines).await?;
        // A voided sale is as if it never was: a planned day that it delivered may still come.
        let sold = sale.operation.lines.iter().filter(|line| line.planned && line.left_out.is_none());
        let planned: Vec<_> = sold.filter_map(|line| Some((wallet.id, line.hold?))).collect();
        plan_months::reopen(books.conn, &planned).await?;
    }
    Ok(outcome)
}

/// A request that names its wallet and is decided by the wallet alone.
macro_rules! booking_of_a_wallet {
    ($request:ty, $kind:expr) => {
        impl Booking for $request {
            fn id(&self) -> OperationId {
                self.id
            }

            fn kind(&self) -> OperationKind {
                let kind: fn(&$request) -> OperationKind = $kind;
                kind(self)
            }

            fn hash(&self) -> [u8; 32] {
                self.hash()
            }

            async fn owner(&self, _: &mut AsyncPgConnection) -> Result<Owner, BookError> {
                Ok(wallet_owner(self.wallet))
            }

            async fn decide(&self, books: &mut Books<'_>) -> Result<Outcome, BookError> {
                let wallet = books.wallet()?.clone();
                Ok(self.decide(&mut books.operation, &wallet)?)
            }
        }
    };
}

booking_of_a_wallet!(TopUpRequest, |_| OperationKind::TopUp);
booking_of_a_wallet!(ExchangeRequest, |_| OperationKind::Exchange);
booking_of_a_wallet!(CloseRequest, CloseRequest::kind);

/// A request that takes back a part of an earlier operation.
macro_rules! booking_that_takes_back {
    ($request:ty, $kind:expr, $earlier:expr, $field:ident, $what:literal) => {
        impl Booking for $request {
            fn id(&self) -> OperationId {
                self.id
            }

            fn kind(&self) -> OperationKind {
                $kind
            }

            fn hash(&self) -> [u8; 32] {
                self.hash()
            }

            async fn owner(&self, conn: &mut AsyncPgConnection) -> Result<Owner, BookError> {
                owner_of(conn, self.$field, &[$earlier], $what).await
            }

            async fn decide(&self, books: &mut Books<'_>) -> Result<Outcome, BookError> {
                let first = referred_to(books.conn, self.$field, &[$earlier], $what).await?;
                let wallet = books.wallet()?.clone();
                let earlier = ledger::referring_to(books.conn, wallet.id, self.$field).await?;
                books.operation.reference = Some(self.$field);
                Ok(self.decide(&mut books.operation, &wallet, &first.operation, &earlier)?)
            }
        }
    };
}

booking_that_takes_back!(TopUpReversalRequest, OperationKind::TopUpReversal, OperationKind::TopUp, top_up, "top-up");
booking_that_takes_back!(
    ExchangeBackRequest,
    OperationKind::ExchangeBack,
    OperationKind::Exchange,
    exchange,
    "exchange"
);

impl Booking for HoldRequest {
    fn id(&self) -> OperationId {
        self.id
    }

    fn kind(&self) -> OperationKind {
        OperationKind::Hold
    }

    fn hash(&self) -> [u8; 32] {
        self.hash()
    }

    fn check(&self) -> Result<(), Malformed> {
        self.check()
    }

    async fn owner(&self, _: &mut AsyncPgConnection) -> Result<Owner, BookError> {
        Ok(wallet_owner(self.wallet))
    }

    async fn decide(&self, books: &mut Books<'_>) -> Result<Outcome, BookError> {
        let wallet = books.wallet()?.clone();
        books.hold_expires_at = self.expires_at;
        Ok(self.decide(&mut books.operation, &wallet)?)
    }
}

/// The wallet behind a hold or a payout: the operation that made it.
async fn hold_of(books: &mut Books<'_>, id: OperationId) -> Result<Hold, BookError> {
    let hold = holds::load(books.conn, &[id]).await?.remove(&id);
    if let Some(hold) = hold {
        return Ok(hold);
    }
    // A hold that was declined holds nothing and never did.
    Ok(Hold { wallet: books.wallet()?.id, remaining: Vec::new(), expires_at: None })
}

impl Booking for ReleaseRequest {
    fn id(&self) -> OperationId {
        self.id
    }

    fn kind(&self) -> OperationKind {
        self.kind()
    }

    fn authority(&self) -> Authority {
        if self.expired { Authority::Job } else { Authority::Office }
    }

    fn hash(&self) -> [u8; 32] {
        self.hash()
    }

    async fn owner(&self, conn: &mut AsyncPgConnection) -> Result<Owner, BookError> {
        owner_of(conn, self.hold, HOLDS, "hold").await
    }

    async fn decide(&self, books: &mut Books<'_>) -> Result<Outcome, BookError> {
        let hold = hold_of(books, self.hold).await?;
        books.operation.reference = Some(self.hold);
        Ok(self.decide(&mut books.operation, &hold, books.now))
    }
}

impl Booking for CaptureRequest {
    fn id(&self) -> OperationId {
        self.id
    }

    fn kind(&self) -> OperationKind {
        OperationKind::Capture
    }

    fn hash(&self) -> [u8; 32] {
        self.hash()
    }

    fn check(&self) -> Result<(), Malformed> {
        self.check()
    }

    async fn owner(&self, conn: &mut AsyncPgConnection) -> Result<Owner, BookError> {
        owner_of(conn, self.hold, HOLDS, "hold").await
    }

    async fn decide(&self, books: &mut Books<'_>) -> Result<Outcome, BookError> {
        let hold = hold_of(books, self.hold).await?;
        let wallet = books.wallet()?.clone();
        books.operation.reference = Some(self.hold);
        Ok(self.decide(&mut books.operation, &wallet, &hold, books.now)?)
    }
}

impl Booking for GrantRequest {
    fn id(&self) -> OperationId {
        self.id
    }

    fn kind(&self) -> OperationKind {
        OperationKind::Grant
    }

    fn authority(&self) -> Authority {
        Authority::Job
    }

    fn hash(&self) -> [u8; 32] {
        self.hash()
    }

    fn check(&self) -> Result<(), Malformed> {
        self.check()
    }

    async fn owner(&self, _: &mut AsyncPgConnection) -> Result<Owner, BookError> {
        Ok(wallet_owner(self.wallet))
    }

    async fn decide(&self, books: &mut Books<'_>) -> Result<Outcome, BookError> {
        let wallet = books.wallet()?.clone();
        let outcome = self.decide(&mut books.operation, &wallet)?;
        if month_phases::is_granted(books.conn, wallet.id, self.month).await? {
            return Ok(Outcome::AlreadyGranted);
        }
        if outcome.is_done() {
            month_phases::insert_grant(books.conn, wallet.id, self.month, self.id).await?;
        }
        Ok(outcome)
    }
}

impl Booking for PayoutRequest {
    fn id(&self) -> OperationId {
        self.id
    }

    fn kind(&self) -> OperationKind {
        OperationKind::PayoutRequest
    }

    fn hash(&self) -> [u8; 32] {
        self.hash()
    }

    async fn owner(&self, _: &mut AsyncPgConnection) -> Result<Owner, BookError> {
        Ok(wallet_owner(self.wallet))
    }

    async fn decide(&self, books: &mut Books<'_>) -> Result<Outcome, BookError> {
        let wallet = books.wallet()?.clone();
        books.operation.staff = Some(self.staff);
        let outcome = self.decide(&mut books.operation, &wallet)?;
        if outcome.is_done() {
            let amount = Amount::cents(self.cents).map_err(Problem::from)?;
            payouts::insert(books.conn, self.id, wallet.id, amount, self.staff).await?;
        }
        Ok(outcome)
    }
}

impl Booking for PayoutStepRequest {
    fn id(&self) -> OperationId {
        self.id
    }

    fn kind(&self) -> OperationKind {
        self.kind()
    }

    fn hash(&self) -> [u8; 32] {
        self.hash()
    }

    async fn owner(&self, conn: &mut AsyncPgConnection) -> Result<Owner, BookError> {
        owner_of(conn, self.payout, &[OperationKind::PayoutRequest], "payout").await
    }

    async fn decide(&self, books: &mut Books<'_>) -> Result<Outcome, BookError> {
        books.operation.reference = Some(self.payout);
        if let PayoutStep::Approve { staff } | PayoutStep::Withdraw { staff } = self.step {
            books.operation.staff = Some(staff);
        }
        let wallet = books.wallet()?.clone();
        let Some(payout) = payouts::load(books.conn, self.payout).await? else {
            // It was asked for and declined.
            return Ok(Outcome::PayoutNotOpen);
        };
        let (outcome, status) = self.decide(&mut books.operation, &wallet, &payout)?;
        if outcome.is_done() {
            if let PayoutStep::Approve { staff } = self.step {
                payouts::approve(books.conn, self.payout, staff, self.id).await?;
            }
            payouts::set_status(books.conn, self.payout, status).await?;
        }
        Ok(outcome)
    }
}

impl Booking for DrawRequest {
    fn id(&self) -> OperationId {
        self.id
    }

    fn kind(&self) -> OperationKind {
        OperationKind::BufferDraw
    }

    fn hash(&self) -> [u8; 32] {
        self.hash()
    }

    fn check(&self) -> Result<(), Malformed> {
        self.check()
    }

    async fn owner(&self, _: &mut AsyncPgConnection) -> Result<Owner, BookError> {
        Ok(wallet_owner(self.wallet))
    }

    async fn decide(&self, books: &mut Books<'_>) -> Result<Outcome, BookError> {
        let wallet = books.wallet()?.clone();
        let outcome = self.decide(&wallet)?;
        if outcome.is_done() {
            let amount = Amount::new(self.amount, wallet.unit).map_err(Problem::from)?;
            buffers::insert_draw(books.conn, self.id, wallet.id, amount, self.from, self.until).await?;
        }
        Ok(outcome)
    }
}
