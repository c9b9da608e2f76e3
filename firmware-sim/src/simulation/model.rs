//! What the service must answer and what every purse must hold, by code and data of its own.
//!
//! The model sees what really reached the service, in that order, and nothing else. It knows what each card signed because
//! the run saw it sign; it has no keys. Where the service's rules leave nothing open, nothing is taken over from an answer
//! but the book date, the bytes of a first answer (which must come again for ever) and what a card is told.

mod forwarding;
mod giving_back;
mod paying;
mod reading;
mod scripts;
mod selling;

use std::collections::{BTreeMap, BTreeSet};

use card_protocol::{CardAnswer, CardOutcome, Mac, Transaction};
use uuid::Uuid;

use super::world::{Age, Kind, Scheme, World};
use crate::hex;
use paying::{Pots, Share};
use reading::{AnswerSaid, ProblemSaid};

/// The purses in the order in which they are compared.
pub const PURSES: [&str; 4] = ["budget", "reserve", "savings", "credit"];

/// Something that reached the service.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Delivery<'a> {
    pub terminal: Uuid,
    /// `POST` or `GET`.
    pub method: &'a str,
    pub path: &'a str,
    pub body: &'a [u8],
    /// By the service's clock.
    pub now_ms: u64,
}

/// What it answered.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Said<'a> {
    pub status: u16,
    pub body: &'a [u8],
    /// `Pasje-Card-Script`.
    pub script: Option<&'a str>,
}

/// A problem: status and slug.
type Problem = (u16, &'static str);

/// A client's purses.
#[derive(Clone, Debug)]
struct Client {
    pots: Pots,
    buyer: u8,
    is_closed: bool,
}

/// A card as the service knows it.
#[derive(Clone, Debug)]
struct Plastic {
    wallet: u32,
    is_blocked: bool,
    has_expired: bool,
    tap_limit: Option<i64>,
    day_limit: Option<i64>,
    pin_free: Option<i64>,
    day: String,
    day_spent: i64,
    /// That a tap must be of at least, online.
    generation: u8,
    /// That it was issued with.
    issued: u8,
    last: u32,
    used: BTreeSet<u32>,
    telling: scripts::Telling,
}

#[derive(Clone, Debug)]
struct Terminal {
    location: Uuid,
    is_revoked: bool,
}

#[derive(Clone, Debug)]
struct Prices {
    age: Age,
    prices: BTreeMap<(Uuid, u8), (Kind, i64)>,
}

/// What stands in the ledger under an id.
#[derive(Clone, Debug)]
struct Operation {
    kind: &'static str,
    outcome: &'static str,
    /// Of a decline.
    reason: Option<&'static str>,
    reference: Option<Uuid>,
    left_out: BTreeMap<usize, &'static str>,
    shares: Vec<Share>,
    /// Of a sale that sold: what the sold lines cost.
    approved: Option<i64>,
    /// Generation and counter that the answer for the card is about.
    told: Option<(Uuid, u8, u32)>,
    /// None: a tombstone, which answers every request.
    request: Option<String>,
    wallet: Option<u32>,
    card: Option<Uuid>,
    terminal: Uuid,
    location: Uuid,
    lines: Vec<Sold>,
    book_date: String,
    /// The first answer.
    bytes: Option<Vec<u8>>,
}

/// A line that was sold or left out, and how much of it came back.
#[derive(Clone, Debug)]
struct Sold {
    service: Uuid,
    quantity: i64,
    cents: i64,
    counts: bool,
    is_left_out: bool,
    came_back: i64,
}

/// What must come.
enum Expected {
    Problem(Problem),
    /// The answer to this operation.
    Operation(Uuid),
    /// An answer to forwards.
    Forwards(forwarding::Batch),
    /// What a card is told that asked for it.
    Script(scripts::Asked),
    /// A document that the model knows nothing of, or that it is the one that is known.
    Document,
    /// Something that the model has nothing to say about but its status.
    Status(u16),
}

/// The model of one organisation.
#[derive(Debug)]
pub struct Model {
    scheme: Scheme,
    /// Generations of keys that nothing is believed of.
    refused: BTreeSet<u8>,
    clients: BTreeMap<u32, Client>,
    cards: BTreeMap<Uuid, Plastic>,
    terminals: BTreeMap<Uuid, Terminal>,
    lists: BTreeMap<(Uuid, u32), Prices>,
    operations: BTreeMap<Uuid, Operation>,
    /// What cards signed, by MAC.
    signed: BTreeMap<Mac, Transaction>,
    journals: BTreeMap<Uuid, forwarding::Journal>,
    /// Records of journals that came a second time as others.
    conflicts: BTreeSet<(Uuid, u64)>,
    /// Records whose end was told at least once.
    told_forwards: BTreeSet<(Uuid, u64)>,
    /// Forwards whose attempts the office must look at.
    attempts: BTreeSet<(Uuid, u64, &'static str)>,
    /// Of the ids of the service's making, how many there were, and which were not told yet.
    placeholders: u128,
    unnamed: BTreeSet<Uuid>,
    /// What thieves sent.
    thiefs: BTreeSet<Uuid>,
    copied: BTreeSet<Uuid>,
    today: String,
    tally: BTreeMap<String, usize>,
}

impl Model {
    /// Of a world in which nothing has happened yet.
    pub fn new(world: &World) -> Self {
        let clients = world.wallets.iter().map(|wallet| {
            let pots = PURSES.into_iter().zip([wallet.budget, wallet.reserve, wallet.savings, wallet.own]).collect();
            (wallet.number, Client { pots, buyer: wallet.buyer, is_closed: false })
        });
        let cards = world.cards.iter().map(|card| {
            let plastic = Plastic {
                wallet: card.wallet,
                is_blocked: false,
                has_expired: card.has_expired,
                tap_limit: card.tap_limit_cents,
                day_limit: card.day_limit_cents,
                pin_free: card.pin_free_cents,
                day: String::new(),
                day_spent: 0,
                generation: card.file.generation,
                issued: card.file.generation,
                last: 0,
                used: BTreeSet::new(),
                telling: scripts::Telling::new(world, card),
            };
            (card.file.card, plastic)
        });
        let terminals = world
            .terminals
            .iter()
            .map(|terminal| (terminal.terminal, Terminal { location: terminal.location, is_revoked: false }));
        let lists = world.price_lists.iter().map(|list| {
            let prices = list.prices.iter().map(|price| ((price.service, price.buyer), (price.kind, price.cents)));
            ((list.location, list.version), Prices { age: list.age, prices: prices.collect() })
        });
        Self {
            scheme: world.scheme,
            refused: world.refused.iter().copied().collect(),
            clients: clients.collect(),
            cards: cards.collect(),
            terminals: terminals.collect(),
            lists: lists.collect(),
            operations: BTreeMap::new(),
            signed: BTreeMap::new(),
            journals: BTreeMap::new(),
            conflicts: BTreeSet::new(),
            told_forwards: BTreeSet::new(),
            attempts: BTreeSet::new(),
            placeholders: 0,
            unnamed: BTreeSet::new(),
            thiefs: BTreeSet::new(),
            copied: BTreeSet::new(),
            today: String::new(),
            tally: BTreeMap::new(),
        }
    }

    /// A card signed this.
    pub fn signed(&mut self, transaction: Transaction, mac: Mac) {
        self.signed.insert(mac, transaction);
    }

    /// The service knows that a card is blocked, or no longer.
    pub fn blocked(&mut self, card: Uuid, is_blocked: bool) {
        if let Some(card) = self.cards.get_mut(&card) {
            card.is_blocked = is_blocked;
            card.telling.blocked();
        }
    }

    /// The service knows that a terminal may no longer ask.
    pub fn revoked(&mut self, terminal: Uuid) {
        if let Some(terminal) = self.terminals.get_mut(&terminal) {
            terminal.is_revoked = true;
        }
    }

    /// The service knows that a terminal stands elsewhere.
    pub fn moved(&mut self, terminal: Uuid, location: Uuid) {
        if let Some(terminal) = self.terminals.get_mut(&terminal) {
            terminal.location = location;
        }
    }

    /// Whether the service knows that a terminal stands there.
    pub fn stands_at(&self, terminal: Uuid, location: Uuid) -> bool {
        self.terminals.get(&terminal).is_some_and(|terminal| terminal.location == location)
    }

    /// What each client's purses must hold, in the order of [`PURSES`].
    pub fn purses(&self) -> BTreeMap<u32, [i64; 4]> {
        let purses = |client: &Client| PURSES.map(|purse| client.pots.get(purse).copied().unwrap_or(0));
        self.clients.iter().map(|(number, client)| (*number, purses(client))).collect()
    }

    /// How often each outcome came: a run that sees one kind alone proves little.
    pub const fn tally(&self) -> &BTreeMap<String, usize> {
        &self.tally
    }

    /// What a sale sold: of each line the service, and how many were kept; none if nothing stands under this id.
    pub fn sold(&self, sale: Uuid) -> Option<Vec<(Uuid, i64)>> {
        let operation = self.operations.get(&sale)?;
        let kept = |line: &&Sold| !line.is_left_out && line.quantity > line.came_back;
        let lines = operation.lines.iter().filter(kept);
        let sold = matches!(operation.outcome, "approved" | "approved_in_part");
        Some(lines.filter(|_| sold).map(|line| (line.service, line.quantity - line.came_back)).collect())
    }

    /// All sales that sold something and were not given back whole.
    pub fn sales(&self) -> Vec<Uuid> {
        let ids = self.operations.iter().filter(|(_, operation)| operation.kind == "sale").map(|(id, _)| *id);
        ids.filter(|id| self.sold(*id).is_some_and(|lines| !lines.is_empty())).collect()
    }

    /// Whether the service knows that a card is blocked.
    pub fn is_blocked(&self, card: Uuid) -> bool {
        self.cards.get(&card).is_some_and(|card| card.is_blocked)
    }

    /// Whether the service knows that a terminal may no longer ask.
    pub fn is_revoked(&self, terminal: Uuid) -> bool {
        self.terminals.get(&terminal).is_some_and(|terminal| terminal.is_revoked)
    }

    /// A thief has a copy of this card.
    pub fn copied(&mut self, card: Uuid) {
        self.copied.insert(card);
    }

    /// Whether a thief has a copy of this card.
    pub fn is_copied(&self, card: Uuid) -> bool {
        self.copied.contains(&card)
    }

    /// A thief sends something under this id: what comes of it was handed to nobody.
    pub fn thieves(&mut self, sale: Uuid) {
        self.thiefs.insert(sale);
    }

    /// Whether a thief sent it.
    pub fn is_thiefs(&self, sale: Uuid) -> bool {
        self.thiefs.contains(&sale)
    }

    /// What a line of a sale sold.
    pub fn service_of(&self, sale: Uuid, line: usize) -> Option<Uuid> {
        self.operations.get(&sale)?.lines.get(line).map(|line| line.service)
    }

    /// Whether this refund or void is booked, also where nobody heard so.
    pub fn is_booked(&self, operation: Uuid) -> bool {
        self.operations.get(&operation).is_some_and(|operation| operation.outcome == "booked")
    }

    /// Whether a void took this id.
    pub fn is_cancelled(&self, sale: Uuid) -> bool {
        self.operations.get(&sale).is_some_and(|operation| operation.reason == Some("cancelled"))
    }

    /// Looks at what was delivered and at what came back, and says what does not fit.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn judge(&mut self, delivery: &Delivery<'_>, said: &Said<'_>) -> Result<(), String> {
        let answer: Option<AnswerSaid> = serde_json::from_slice(said.body).ok();
        if let Some(answer) = &answer
            && said.status == 200
        {
            if answer.book_date < self.today && !self.operations.contains_key(&answer.id) {
                return Err(format!("the book date went back from {} to {}", self.today, answer.book_date));
            }
            if answer.book_date > self.today {
                self.today.clone_from(&answer.book_date);
            }
        }
        if let Ok(forwards) = serde_json::from_slice::<reading::ForwardsSaid>(said.body) {
            let dates = forwards.results.into_iter().filter_map(|result| result.answer).map(|answer| answer.book_date);
            self.today = dates.chain([self.today.clone()]).max().unwrap_or_default();
        }
        let expected = self.expect(delivery);
        let told = match &expected {
            Expected::Operation(id) => self.operations.get(id).and_then(|operation| operation.told),
            _ => None,
        };
        self.fits_header(delivery, told, said.script)?;
        match expected {
            Expected::Problem((status, slug)) => {
                *self.tally.entry(format!("problem {slug}")).or_default() += 1;
                fits_problem(said, status, slug)?;
                match serde_json::from_slice(said.body) {
                    Ok(problem) if slug == "journal-gap" => self.fits_gap(delivery.terminal, &problem),
                    _ => Ok(()),
                }
            }
            Expected::Document if matches!(said.status, 200 | 304) => Ok(()),
            Expected::Document => Err(format!("a document was expected, and {} came", found(said))),
            Expected::Status(status) if status == said.status => Ok(()),
            Expected::Status(status) => Err(format!("status {status} was expected, and {} came", found(said))),
            Expected::Operation(id) => self.fits_operation(id, said),
            Expected::Forwards(batch) => self.fits_forwards(&batch, said),
            Expected::Script(asked) => self.fits_asked(&asked, said),
        }
    }

    fn expect(&mut self, delivery: &Delivery<'_>) -> Expected {
        let is_revoked = self.terminals.get(&delivery.terminal).is_some_and(|terminal| terminal.is_revoked);
        if is_revoked && delivery.path != "/api/v1/forwards" {
            return Expected::Problem((401, "terminal-revoked"));
        }
        let rest = delivery.path.strip_prefix("/api/v1/").unwrap_or(delivery.path);
        let parts: Vec<&str> = rest.split('/').collect();
        match (delivery.method, parts.as_slice()) {
            ("POST", ["sales"]) => self.post_sale(delivery),
            ("GET", ["sales", id]) => self.ask_sale(delivery, id),
            ("POST", ["sales", id, "refunds"]) => self.post_refund(delivery, id),
            ("POST", ["sales", id, "void"]) => self.post_void(delivery, id),
            ("POST", ["forwards"]) => self.post_forwards(delivery),
            ("POST", ["card-scripts"]) => self.ask_script(delivery),
            ("GET", _) | ("POST", ["heartbeat"]) => Expected::Document,
            _ => Expected::Status(200),
        }
    }

    fn ask_sale(&self, delivery: &Delivery<'_>, id: &str) -> Expected {
        let here = self.terminals.get(&delivery.terminal).map(|terminal| terminal.location);
        let id = self.meant(Uuid::try_parse(id).unwrap_or_default(), delivery.terminal);
        match self.operations.get(&id) {
            Some(operation) if operation.kind == "sale" && Some(operation.location) == here => Expected::Operation(id),
            _ => Expected::Problem((404, "sale-unknown")),
        }
    }

    /// Compares an answer with what the model knows, and keeps its bytes.
    fn fits_operation(&mut self, mut id: Uuid, said: &Said<'_>) -> Result<(), String> {
        if let Ok(answer) = serde_json::from_slice::<AnswerSaid>(said.body) {
            if let (Some(from), Some(to)) =
                (self.operations.get(&id).and_then(|known| known.reference), answer.reference)
            {
                self.name(from, to);
            }
            if self.unnamed.contains(&id) {
                self.name(id, answer.id);
                id = answer.id;
            }
        }
        let Some(operation) = self.operations.get_mut(&id) else {
            return Err(format!("the model lost {id}"));
        };
        if said.status != 200 {
            let what = operation.reason.unwrap_or(operation.outcome);
            return Err(format!("{} {id} must be answered {what}, and {} came", operation.kind, found(said)));
        }
        if let Some(bytes) = &operation.bytes {
            if bytes == said.body {
                return Ok(());
            }
            let first = String::from_utf8_lossy(bytes);
            return Err(format!("{id} was answered {first} and now {}", found(said)));
        }
        let answer: AnswerSaid =
            serde_json::from_slice(said.body).map_err(|error| format!("{error}: {}", found(said)))?;
        fits(operation, id, &answer)?;
        operation.bytes = Some(said.body.to_vec());
        let outcome = operation.reason.unwrap_or(operation.outcome);
        *self.tally.entry(format!("{} {outcome}", operation.kind)).or_default() += 1;
        for reason in operation.left_out.values().filter(|_| operation.reason.is_none()) {
            *self.tally.entry(format!("line {reason}")).or_default() += 1;
        }
        for share in &operation.shares {
            *self.tally.entry(format!("leg {} {}", share.from, share.to)).or_default() += 1;
        }
        Ok(())
    }
}

fn found(said: &Said<'_>) -> String {
    format!("{} {}", said.status, String::from_utf8_lossy(said.body))
}

fn fits_problem(said: &Said<'_>, status: u16, slug: &str) -> Result<(), String> {
    let problem: Option<ProblemSaid> = serde_json::from_slice(said.body).ok();
    let is_it = problem.is_some_and(|problem| problem.about.strip_prefix("/problems/") == Some(slug));
    if said.status == status && is_it {
        return Ok(());
    }
    Err(format!("{status} {slug} was expected, and {} came", found(said)))
}

/// What of an answer is not what the model has.
fn fits(operation: &Operation, id: Uuid, answer: &AnswerSaid) -> Result<(), String> {
    let outcome = if operation.reason.is_some() { "declined" } else { operation.outcome };
    let left_out: BTreeMap<usize, &str> =
        answer.left_out.iter().map(|left| (left.line, left.reason.as_str())).collect();
    let legs = answer
        .legs
        .iter()
        .map(|leg| format!("line {}: {} {} from {} to {}", leg.line, leg.amount, leg.unit, leg.from, leg.to));
    let shares = operation
        .shares
        .iter()
        .map(|share| format!("line {}: {} EUR from {} to {}", share.line, share.cents, share.from, share.to));
    let (legs, shares): (Vec<_>, Vec<_>) = (legs.collect(), shares.collect());
    let pairs = [
        ("id", id.to_string(), answer.id.to_string()),
        ("operation", operation.kind.to_owned(), answer.operation.clone()),
        ("outcome", outcome.to_owned(), answer.outcome.clone()),
        ("reason", format!("{:?}", operation.reason), format!("{:?}", answer.reason.as_deref())),
        ("book_date", operation.book_date.clone(), answer.book_date.clone()),
        ("reference", format!("{:?}", operation.reference), format!("{:?}", answer.reference)),
        ("approved_cents", format!("{:?}", operation.approved), format!("{:?}", answer.approved_cents)),
        ("left_out", format!("{:?}", operation.left_out), format!("{left_out:?}")),
        ("legs", format!("{shares:?}"), format!("{legs:?}")),
    ];
    for (field, expected, found) in pairs {
        if expected != found {
            let kind = operation.kind;
            return Err(format!("{kind} {id}: `{field}` must be {expected}, and is {found}"));
        }
    }
    fits_card(operation, id, answer)
}

/// What the card is told: outcome, sale and amount; whether it is signed, the card says.
fn fits_card(operation: &Operation, id: Uuid, answer: &AnswerSaid) -> Result<(), String> {
    let told = match &answer.card_answer {
        None => None,
        Some(digits) => {
            let bytes = hex::decode::<{ CardAnswer::LENGTH }>(digits);
            let decoded = bytes.and_then(|bytes| CardAnswer::decode(&bytes).ok());
            Some(decoded.ok_or_else(|| format!("`card_answer` of {id} is no answer: {digits}"))?)
        }
    };
    let (told, _) = match (told, operation.told) {
        (None, None) => return Ok(()),
        (Some(told), Some(expected)) => (told, expected),
        (told, expected) => {
            return Err(format!("{id}: the card is told {told:?}, and was heard: {}", expected.is_some()));
        }
    };
    let outcome = match operation.outcome {
        "approved" => CardOutcome::Approved,
        "approved_in_part" => CardOutcome::ApprovedInPart,
        _ => CardOutcome::Declined,
    };
    let cents = operation.approved.unwrap_or(0).unsigned_abs();
    if (told.outcome, told.approved_cents, told.sale) == (outcome, cents, id.into_bytes()) {
        return Ok(());
    }
    Err(format!("{id}: the card must be told {outcome:?} and {cents} cents, and is told {told:?}"))
}
