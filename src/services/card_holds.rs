//! Holds of cards at unattended terminals: made, captured, released, asked for. A hold of another location does not exist
//! for who asks.
//!
//! The hold is decided in one transaction with the card's counter, under the wallet's lock; so are capture, release and
//! expiry, of which one is booked however they come together.

use std::sync::Arc;

use chrono::NaiveDate;
use diesel_async::AsyncPgConnection;

use super::authorise::included::sold_today;
use super::book::{BookError, Booking, Books, book, owner_of};
use super::card_proof::is_signed;
use super::key_store::KeyStore;
use crate::db::connect::Database;
use crate::db::holds::{self, Purpose};
use crate::db::{buffers, cards, ledger, price_lists, reviews};
use crate::domain::card_hold::{CardCaptureRequest, CardHold, CardHoldRequest, CardReleaseRequest};
use crate::domain::draw::Buffer;
use crate::domain::funding::{PurseName, Unplanned};
use crate::domain::operation::{Authority, Booked, OperationId, OperationKind, Outcome, Owner};
use crate::domain::price_list::PriceList;
use crate::domain::request::{Malformed, Problem};
use crate::domain::sale::{Payer, SaleItem, State, Terminal};

const HOLDS: &[OperationKind] = &[OperationKind::Hold];

/// A hold with what is known of it before the lock.
#[derive(Clone)]
struct Holding {
    request: CardHoldRequest,
    /// The version that the terminal named, if the location has it.
    price_list: Option<Arc<PriceList>>,
    mac_is_right: bool,
    /// From when keys of the tap's generation are refused.
    refused_from: Option<NaiveDate>,
}

/// Sets aside what a card signed for.
///
/// # Errors
/// [`BookError`].
pub async fn hold(database: &Database, keys: &dyn KeyStore, request: CardHoldRequest) -> Result<Booked, BookError> {
    let signed = request.transaction();
    let mac_is_right = signed.is_some_and(|(transaction, mac)| is_signed(keys, &transaction, &mac));
    let refused_from = match request.sale.payer {
        Payer::Card(tap) => keys.refused_from(tap.generation),
        Payer::ByName { .. } => None,
    };
    let location = request.sale.terminal.location;
    let conn = database.connection().await?;
    let price_list = price_lists::load(&conn, location, request.sale.price_list).await?.map(Arc::new);
    drop(conn);
    book(database, &Holding { request, price_list, mac_is_right, refused_from }).await
}

/// Sells what was delivered.
///
/// # Errors
/// [`BookError`]; [`Problem::Unknown`] for a hold of another location.
pub async fn capture(database: &Database, request: &CardCaptureRequest) -> Result<Booked, BookError> {
    book(database, request).await
}

/// Gives back what is left.
///
/// # Errors
/// [`BookError`]; [`Problem::Unknown`] for a hold of another location.
pub async fn release(database: &Database, request: &CardReleaseRequest) -> Result<Booked, BookError> {
    book(database, request).await
}

/// What a hold of this terminal's location was answered.
///
/// # Errors
/// [`BookError::Unavailable`].
pub async fn find(database: &Database, id: OperationId, terminal: &Terminal) -> Result<Option<Booked>, BookError> {
    let conn = database.connection().await?;
    let booked = ledger::load(&conn, &[id]).await?.remove(&id);
    Ok(booked.filter(|made| CardHold::is_of(made, terminal)))
}

impl Booking for Holding {
    fn id(&self) -> OperationId {
        self.request.sale.id
    }

    fn kind(&self) -> OperationKind {
        OperationKind::Hold
    }

    fn authority(&self) -> Authority {
        Authority::Card
    }

    fn hash(&self) -> [u8; 32] {
        self.request.hash()
    }

    fn check(&self) -> Result<(), Malformed> {
        self.request.check()
    }

    async fn owner(&self, conn: &mut AsyncPgConnection) -> Result<Owner, BookError> {
        let sale = &self.request.sale;
        let organisation = sale.terminal.organisation;
        let wallet = match sale.payer {
            Payer::Card(tap) => cards::wallets(conn, &[tap.card]).await?.remove(&tap.card),
            Payer::ByName { .. } => None,
        };
        let wallet = wallet.filter(|wallet| wallet.organisation() == organisation);
        Ok(wallet.map_or(Owner::Organisation(organisation), Owner::Wallet))
    }

    async fn decide(&self, books: &mut Books<'_>) -> Result<Outcome, BookError> {
        let (sale, wallet) = (&self.request.sale, books.wallet.clone());
        let mut state = State::default();
        state.book_dates.insert(sale.terminal.organisation, books.book_date);
        if let (Some(wallet), Payer::Card(tap)) = (&wallet, sale.payer) {
            state.wallets.insert(wallet.id, (wallet.clone(), books.book_date));
            state.cards = cards::load(books.conn, &[tap.card]).await?;
        }
        let item = SaleItem {
            request: sale.clone(),
            request_hash: self.hash(),
            wallet: wallet.as_ref().map(|wallet| wallet.id),
            price_list: self.price_list.clone(),
            mac_is_right: self.mac_is_right,
            refused_from: self.refused_from,
        };
        state.included = sold_today(books.conn, std::slice::from_ref(&item), &state.wallets, books.now).await?;
        let outcome = self.request.decide(&mut books.operation, &mut state, &item, books.now)?;
        let expires_at = self.request.expires_at(books.now);
        books.hold_expires_at = Some(expires_at);
        if let (Some(_), Some(card)) = (books.operation.counter, books.operation.card)
            && let Some(card) = state.cards.get(&card)
        {
            cards::update(books.conn, &[card]).await?;
        }
        if outcome.is_done() && books.operation.hold_entries.is_empty() {
            let budget = books.wallet()?.account(PurseName::Budget);
            let budget = budget.ok_or_else(|| Problem::Broken("a wallet without a budget".to_owned()))?;
            holds::insert_empty(books.conn, books.operation.id, budget, expires_at).await?;
        }
        Ok(outcome)
    }
}

/// A card's hold and what became of it, under its wallet's lock.
async fn load(books: &mut Books<'_>, id: OperationId, terminal: Option<&Terminal>) -> Result<CardHold, BookError> {
    let made = ledger::load(books.conn, &[id]).await?.remove(&id);
    let is_ours = |made: &Booked| terminal.is_none_or(|terminal| CardHold::is_of(made, terminal));
    let made = made.filter(is_ours).ok_or(Problem::Unknown("hold"))?;
    let hold = holds::load_for(books.conn, Purpose::Card, &[id]).await?.remove(&id);
    let later = match made.operation.owner {
        Owner::Wallet(wallet) => ledger::referring_to(books.conn, wallet, id).await?,
        Owner::Organisation(_) => Vec::new(),
    };
    Ok(CardHold::new(made, hold, &later))
}

/// Which terminal asked for an operation on a hold, and where: what the hold sells is sold at its location, wherever its
/// terminal stands by now.
fn place(books: &mut Books<'_>, held: &CardHold, terminal: Option<&Terminal>) {
    books.operation.reference = Some(held.made.operation.id);
    books.operation.terminal = terminal.map(|terminal| terminal.id);
    books.operation.location = terminal.and(held.made.operation.location);
}

impl Booking for CardCaptureRequest {
    fn id(&self) -> OperationId {
        self.id
    }

    fn kind(&self) -> OperationKind {
        OperationKind::Capture
    }

    fn authority(&self) -> Authority {
        Authority::Card
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
        let held = load(books, self.hold, Some(&self.terminal)).await?;
        place(books, &held, Some(&self.terminal));
        let Some(wallet) = books.wallet.clone() else { return Ok(Outcome::HoldNotOpen) };
        let mut buffer = None;
        // The shared buffer's row is locked last, and only where care may draw on it.
        if held.has_care() && wallet.rules.unplanned == Unplanned::Personal {
            let draws = buffers::open_draws(books.conn, wallet.id, wallet.unit, books.book_date).await?;
            if !draws.is_empty() {
                let balance = buffers::lock(books.conn, wallet.id.organisation(), wallet.unit).await?;
                buffer = Some(Buffer { balance, draws });
            }
        }
        let outcome = self.decide(&mut books.operation, &wallet, &held, buffer.as_mut(), books.now)?;
        if let Some(buffer) = buffer.filter(|_| outcome.is_done()) {
            buffers::update_draws(books.conn, &buffer.draws).await?;
        }
        if held.is_for_review(outcome) {
            let Terminal { organisation, id, .. } = self.terminal;
            reviews::open_of_capture(books.conn, organisation, id, self.id, self.delivered()).await?;
        }
        Ok(outcome)
    }
}

impl Booking for CardReleaseRequest {
    fn id(&self) -> OperationId {
        self.id
    }

    fn kind(&self) -> OperationKind {
        self.release().kind()
    }

    fn authority(&self) -> Authority {
        if self.terminal.is_some() { Authority::Card } else { Authority::Job }
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
        let held = load(books, self.hold, self.terminal.as_ref()).await?;
        place(books, &held, self.terminal.as_ref());
        let outcome = self.decide(&mut books.operation, &held, books.now);
        if outcome.is_done() {
            give_limit_back(books, &held).await?;
        }
        Ok(outcome)
    }
}

/// Gives the card its limit of the day back for what was set aside that day and never delivered.
async fn give_limit_back(books: &mut Books<'_>, held: &CardHold) -> Result<(), BookError> {
    let left = held.limit_left()?;
    let Some(card) = held.made.operation.card.filter(|_| held.made.book_date == books.book_date) else { return Ok(()) };
    if let Some(mut card) = cards::load(books.conn, &[card]).await?.remove(&card)
        && card.day == Some(books.book_date)
        && !left.is_zero()
    {
        card.day_spent = card.day_spent.minus_or_zero(left);
        cards::update(books.conn, &[&card]).await?;
    }
    Ok(())
}
