//! A terminal: knows what is sold, has cards sign baskets, and sends them.

use std::borrow::Cow;

use card_protocol::frame::{Authorise, Complete, Status};
use card_protocol::script::Script;
use card_protocol::transaction::EURO;
use card_protocol::{CardAnswer, Decision, HolderVerification, LineRecord, Malformed, TransactionKind, basket_digest};
use hyper::body::Bytes;
use serde::de::DeserializeOwned;
use tokio::time::{Duration, sleep};
use uuid::Uuid;

use crate::answer::{Asked, Problem};
use crate::card::CardReader;
use crate::card_script::{self, Decided, ScriptWanted};
use crate::client::{Client, NoAnswer, Outgoing};
use crate::give_up::GiveUp;
use crate::hex::Hex;
use crate::price_list::{Assortment, NotFound};
use crate::random::NoRandomness;
use crate::reader::ReaderFault;
use crate::request::{self, CardTap, HolderCheck, Mode, Payer, Refund, RefundLine, Sale, SaleLine, Void};
use crate::settling::{Attempt, Settled, problem, sale_path, settle};
use crate::torn_tap::{Pin, Signed, ask, sign_with};

pub mod unattended;

const SALES: &str = "/api/v1/sales";

/// How often something is read before the terminal says that it cannot.
const READ_TRIES: u32 = 6;

/// Why something could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum ReadError {
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    #[error("{0}")]
    Problem(Problem),
    #[error("`{path}` cannot be read: {what}")]
    Nonsense { path: String, what: String },
}

/// Why a card did not sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum TapError {
    #[error("the card was pulled away")]
    Torn,
    #[error(transparent)]
    Reader(#[from] ReaderFault),
    #[error("this is no card of ours: it answers SELECT with status {:04X}", .0.0)]
    Foreign(Status),
    #[error("this is no card of ours: its answer to SELECT means nothing")]
    ForeignNonsense,
    #[error("the card is blank: it was never issued to anyone")]
    Blank,
    #[error("the card cannot sign: it has no keys")]
    NoKeys,
    #[error("the card can no longer be used: its counter is spent or its memory failed")]
    Dead,
    #[error("the card refuses {command} with status {:04X}", .status.0)]
    Refused { command: &'static str, status: Status },
    #[error("the card answers {command} with bytes that mean nothing: {what:?}")]
    Nonsense { command: &'static str, what: Malformed },
    #[error("the card wants its PIN")]
    NeedsPin { tries_left: Option<u8> },
    #[error("the card declines by itself: it is blocked")]
    Declined(Box<CardTap>),
    #[error("the prices are not known yet")]
    NoPrices,
    #[error("the terminal's sequence is spent")]
    SequenceSpent,
    #[error("a basket has 1 to 65535 lines")]
    Lines,
    #[error(transparent)]
    Price(#[from] NotFound),
    #[error(transparent)]
    Random(#[from] NoRandomness),
    #[error("the request cannot be written: {0}")]
    Write(String),
}

/// What is bought.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Order {
    pub mode: Mode,
    pub staff: Option<Uuid>,
    pub lines: Vec<SaleLine>,
    /// Another version of the prices than the terminal knows: to see it refused.
    pub claimed_price_list: Option<u32>,
    /// Has the card sign a cent less than the lines may cost: to see it refused.
    pub signs_less: bool,
}

/// A terminal.
#[derive(Debug)]
pub struct Terminal {
    id: Uuid,
    location: Uuid,
    sequence: u64,
    client: Client,
    assortment: Option<Assortment>,
    catalogue_etag: Option<String>,
    price_list_etag: Option<String>,
    records: Vec<LineRecord>,
    body: Vec<u8>,
}

impl Terminal {
    /// A terminal whose last tap had this sequence number.
    pub const fn new(id: Uuid, location: Uuid, sequence: u64, client: Client) -> Self {
        Self {
            id,
            location,
            sequence,
            client,
            assortment: None,
            catalogue_etag: None,
            price_list_etag: None,
            records: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Of its last tap.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Its connection.
    pub const fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// What is sold, as last read.
    pub const fn assortment(&self) -> Option<&Assortment> {
        self.assortment.as_ref()
    }

    /// Reads catalogue and prices, if they are not those that it knows.
    ///
    /// # Errors
    /// [`ReadError`]; what was known stays.
    pub async fn refresh(&mut self) -> Result<&Assortment, ReadError> {
        let etag = self.catalogue_etag.clone();
        let catalogue = self.read_version("/api/v1/catalogue", etag.as_deref()).await?;
        let etag = self.price_list_etag.clone();
        let prices = self.read_version("/api/v1/price-list", etag.as_deref()).await?;
        let known = self.assortment.take().map(|known| (known.catalogue, known.price_list));
        let (known_catalogue, known_prices) = known.unzip();
        if let Some((_, etag)) = &catalogue {
            self.catalogue_etag.clone_from(etag);
        }
        if let Some((_, etag)) = &prices {
            self.price_list_etag.clone_from(etag);
        }
        let catalogue = catalogue.map(|(catalogue, _)| catalogue).or(known_catalogue);
        let prices = prices.map(|(prices, _)| prices).or(known_prices);
        match (catalogue, prices) {
            (Some(catalogue), Some(prices)) => Ok(self.assortment.insert(Assortment::new(catalogue, prices))),
            _ => Err(ReadError::Nonsense {
                path: "/api/v1/catalogue".to_owned(),
                what: "not modified, and nothing was read before".to_owned(),
            }),
        }
    }

    /// Reads a document with its version; none if it is the known one.
    async fn read_version<D: DeserializeOwned>(
        &mut self,
        path: &str,
        etag: Option<&str>,
    ) -> Result<Option<(D, Option<String>)>, ReadError> {
        let reply = self.get(Outgoing { if_none_match: etag, ..Outgoing::get(path) }).await?;
        if reply.status == 304 {
            return Ok(None);
        }
        let document = serde_json::from_slice(&reply.body)
            .map_err(|error| ReadError::Nonsense { path: path.to_owned(), what: error.to_string() })?;
        Ok(Some((document, reply.etag().map(str::to_owned))))
    }

    /// GETs, again for a while where the service is busy or away.
    async fn get(&mut self, outgoing: Outgoing<'_>) -> Result<crate::client::Reply, ReadError> {
        let mut wait = Duration::from_millis(50);
        let mut tries = 1;
        loop {
            let error = match self.client.send(outgoing).await {
                Ok(reply) if matches!(reply.status, 200 | 304) => return Ok(reply),
                Ok(reply) if matches!(reply.status, 429 | 500..) => ReadError::Problem(problem(&reply)),
                Ok(reply) => return Err(ReadError::Problem(problem(&reply))),
                Err(error) => ReadError::NoAnswer(error),
            };
            if tries == READ_TRIES {
                return Err(error);
            }
            tries += 1;
            sleep(wait).await;
            wait *= 2;
        }
    }

    /// Has a card sign an order.
    ///
    /// # Errors
    /// [`TapError`].
    pub fn tap(&mut self, card: &mut dyn CardReader, order: &Order) -> Result<CardTap, TapError> {
        self.tap_for(TransactionKind::Sale, card, Pin::NotAsked, order)
    }

    /// The same with its holder's PIN.
    ///
    /// # Errors
    /// [`TapError`].
    pub fn tap_with(&mut self, card: &mut dyn CardReader, pin: Pin<'_>, order: &Order) -> Result<CardTap, TapError> {
        self.tap_for(TransactionKind::Sale, card, pin, order)
    }

    fn tap_for(
        &mut self,
        kind: TransactionKind,
        card: &mut dyn CardReader,
        pin: Pin<'_>,
        order: &Order,
    ) -> Result<CardTap, TapError> {
        let assortment = self.assortment.as_ref().ok_or(TapError::NoPrices)?;
        let amount_cents = assortment.greatest_cents(&order.lines)?.saturating_sub(order.signs_less.into());
        let price_list = order.claimed_price_list.unwrap_or(assortment.price_list.version);
        self.records.clear();
        self.records.extend(order.lines.iter().map(|line| LineRecord {
            service: *line.service.as_bytes(),
            quantity: line.quantity,
            hold: line.hold.map_or([0; 16], |hold| *hold.as_bytes()),
        }));
        let basket_digest = basket_digest(price_list, &self.records).ok_or(TapError::Lines)?;
        let time_ms = self.client.clock().now_ms();
        let (id, location) = (*self.id.as_bytes(), *self.location.as_bytes());
        let (sequence, client) = (&mut self.sequence, &mut self.client);
        let Signed { selected, asked, authorised: signed } = sign_with(card, pin, || {
            *sequence = sequence.checked_add(1).ok_or(TapError::SequenceSpent)?;
            Ok(Authorise {
                terminal: id,
                location,
                terminal_sequence: *sequence,
                terminal_nonce: client.random().bytes()?,
                kind,
                currency: EURO,
                amount_cents,
                time_ms,
                basket_digest,
                is_online: true,
            })
        })?;
        let tap = CardTap {
            id: Uuid::from_bytes(selected.card),
            generation: signed.generation,
            counter: signed.counter,
            terminal_sequence: asked.terminal_sequence,
            terminal_nonce: Hex(asked.terminal_nonce),
            holder_verification: match signed.holder_verification {
                HolderVerification::None => HolderCheck::None,
                HolderVerification::Pin => HolderCheck::Pin,
            },
            amount_cents,
            time_ms: asked.time_ms,
            offline_total_cents: signed.offline_total_cents,
            offline_count: signed.offline_count,
            script_number: signed.script_number,
            mac: Hex(signed.mac),
        };
        if signed.decision == Decision::Online { Ok(tap) } else { Err(TapError::Declined(Box::new(tap))) }
    }

    /// What a card is to be told of a tap that no sale answered, and what it shall change; none where the service does not
    /// believe the tap, or does not answer now.
    pub async fn card_script(
        &mut self,
        order: &Order,
        tap: &CardTap,
        decision: Decided,
    ) -> Option<(CardAnswer, Option<Script>)> {
        let price_list = order.claimed_price_list.or(self.assortment.as_ref().map(|known| known.price_list.version))?;
        let id = self.client.uuid7().ok()?;
        let wanted = ScriptWanted { id, decision, price_list, card: tap, lines: &order.lines };
        let body = Bytes::from(serde_json::to_vec(&wanted).ok()?);
        let post = Outgoing { path: card_script::PATH, query: None, post: Some((&body, id)), if_none_match: None };
        card_script::read(&self.client.send(post).await.ok()?)
    }

    /// Writes a sale under a new id. The same tap under another id is another sale, which the service must refuse.
    ///
    /// # Errors
    /// [`TapError`].
    pub fn sale(&mut self, order: &Order, payer: &Payer) -> Result<Attempt, TapError> {
        let assortment = self.assortment.as_ref().ok_or(TapError::NoPrices)?;
        let id = self.client.uuid7()?;
        let sale = Sale {
            id,
            mode: order.mode,
            price_list: order.claimed_price_list.unwrap_or(assortment.price_list.version),
            staff: order.staff,
            payer,
            lines: &order.lines,
        };
        self.body.clear();
        serde_json::to_writer(&mut self.body, &sale).map_err(|error| TapError::Write(error.to_string()))?;
        let card_cents = match payer {
            Payer::Card(tap) => Some(tap.amount_cents),
            Payer::Wallet(_) => None,
        };
        let asked = Asked { id, operation: "sale", lines: Some(order.lines.len()), card_cents };
        Ok(Attempt { path: Cow::Borrowed(SALES), body: Bytes::copy_from_slice(&self.body), asked })
    }

    /// Writes a refund of lines of a sale.
    ///
    /// # Errors
    /// [`TapError`].
    pub fn refund(&mut self, sale: Uuid, staff: Option<Uuid>, lines: &[RefundLine]) -> Result<Attempt, TapError> {
        let id = self.client.uuid7()?;
        let body =
            serde_json::to_vec(&Refund { id, staff, lines }).map_err(|error| TapError::Write(error.to_string()))?;
        let asked = Asked { id, operation: "refund", lines: None, card_cents: None };
        Ok(Attempt { path: Cow::Owned(format!("{}/refunds", sale_path(sale))), body: body.into(), asked })
    }

    /// Writes a void of a sale.
    ///
    /// # Errors
    /// [`TapError`].
    pub fn void(&mut self, sale: Uuid, staff: Option<Uuid>, client: request::Client) -> Result<Attempt, TapError> {
        let id = self.client.uuid7()?;
        let body =
            serde_json::to_vec(&Void { id, staff, client }).map_err(|error| TapError::Write(error.to_string()))?;
        let asked = Asked { id, operation: "void", lines: None, card_cents: None };
        Ok(Attempt { path: Cow::Owned(format!("{}/void", sale_path(sale))), body: body.into(), asked })
    }

    /// Sends what was written, and asks again until it is known how it ended.
    pub async fn settle(&mut self, attempt: &Attempt, give_up: &mut GiveUp) -> Settled {
        settle(&mut self.client, attempt, give_up).await
    }

    /// The answer to a sale, as its bytes.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn ask(&mut self, sale: Uuid) -> Result<Bytes, ReadError> {
        Ok(self.get(Outgoing::get(&sale_path(sale))).await?.body)
    }

    /// Which cards were blocked and unblocked after this version of the list.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn hotlist(&mut self, since: u64) -> Result<Hotlist, ReadError> {
        let path = "/api/v1/hotlist";
        let query = format!("since={since}");
        let reply = self.get(Outgoing { query: Some(&query), ..Outgoing::get(path) }).await?;
        serde_json::from_slice(&reply.body)
            .map_err(|error| ReadError::Nonsense { path: path.to_owned(), what: error.to_string() })
    }
}

/// Cards that are blocked, and no longer are.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[allow(missing_docs)]
pub struct Hotlist {
    pub version: u64,
    pub blocked: Vec<Uuid>,
    #[serde(default)]
    pub unblocked: Vec<Uuid>,
}

/// Tells a card how its tap ended, and what to change.
///
/// # Errors
/// [`TapError`]: the card does not believe it.
pub fn complete(card: &mut dyn CardReader, answer: CardAnswer, script: Option<Script>) -> Result<(), TapError> {
    ask(card, "COMPLETE", Complete { answer, script }.command().as_bytes(), |_| Ok(()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
