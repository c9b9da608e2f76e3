//! The ledger in memory, a second time: what every operation must answer and leave behind, derived from the documents.
//! It shares the program's request types and nothing of what decides them.
//!
//! Money is kept by name: a purse is (wallet, purse), an organisation's account (organisation, unit, kind).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, NaiveDate, Utc};
use pasje::domain::draw::DrawRequest;
use pasje::domain::exchange::{ExchangeBackRequest, ExchangeRequest};
use pasje::domain::grant::GrantRequest;
use pasje::domain::hold::{CaptureRequest, HoldRequest, ReleaseRequest};
use pasje::domain::payout::{PayoutRequest, PayoutStepRequest};
use pasje::domain::refund::{RefundRequest, VoidRequest};
use pasje::domain::sale::{Payer, SaleRequest};
use pasje::domain::saving::CloseRequest;
use pasje::domain::tap::Tap;
use pasje::domain::top_up::{TopUpRequest, TopUpReversalRequest};
use uuid::Uuid;

use crate::world::{Client, World};

/// Everything that can be asked of the ledger.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    Sale(SaleRequest),
    Refund(RefundRequest),
    Void(VoidRequest),
    TopUp(TopUpRequest),
    TopUpReversal(TopUpReversalRequest),
    Exchange(ExchangeRequest),
    ExchangeBack(ExchangeBackRequest),
    Hold(HoldRequest),
    Capture(CaptureRequest),
    Release(ReleaseRequest),
    Grant(GrantRequest),
    Close(CloseRequest),
    Payout(PayoutRequest),
    PayoutStep(PayoutStepRequest),
    Draw(DrawRequest),
}

/// A wrong MAC, as the tests' card proof knows it.
pub const WRONG_MAC: [u8; 16] = [0xff; 16];
/// No purse and no amount may be greater, in minor units.
pub const GREATEST: i128 = 1_000_000_000_000;

impl Ask {
    pub fn id(&self) -> Uuid {
        let id = match self {
            Ask::Sale(request) => request.id,
            Ask::Refund(request) => request.id,
            Ask::Void(request) => request.id,
            Ask::TopUp(request) => request.id,
            Ask::TopUpReversal(request) => request.id,
            Ask::Exchange(request) => request.id,
            Ask::ExchangeBack(request) => request.id,
            Ask::Hold(request) => request.id,
            Ask::Capture(request) => request.id,
            Ask::Release(request) => request.id,
            Ask::Grant(request) => request.id,
            Ask::Close(request) => request.id,
            Ask::Payout(request) => request.id,
            Ask::PayoutStep(request) => request.id,
            Ask::Draw(request) => request.id,
        };
        id.uuid()
    }

    pub fn is_sale(&self) -> bool {
        matches!(self, Ask::Sale(_))
    }

    /// Whether both ask the same: a MAC is no part of what is asked.
    fn asks_the_same(&self, other: &Ask) -> bool {
        let bare = |ask: &Ask| {
            let mut ask = ask.clone();
            if let Ask::Sale(SaleRequest { payer: Payer::Card(Tap { mac, .. }), .. }) = &mut ask {
                *mac = [0; 16];
            }
            ask
        };
        bare(self) == bare(other)
    }
}

/// One transfer in words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leg {
    pub line: Option<u16>,
    pub from: &'static str,
    pub to: &'static str,
    pub unit: &'static str,
    pub amount: i128,
    /// Offline losses are paid by a flow of their own and never given back.
    pub loss: bool,
}

impl Leg {
    pub fn new(from: &'static str, to: &'static str, unit: &'static str, amount: i128) -> Leg {
        Leg { line: None, from, to, unit, amount, loss: false }
    }
}

/// What an operation answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub operation: &'static str,
    pub outcome: &'static str,
    pub book_date: NaiveDate,
    pub reference: Option<Uuid>,
    pub approved_cents: Option<i128>,
    pub left_out: BTreeMap<u16, &'static str>,
    pub legs: Vec<Leg>,
    /// By hold and purse.
    pub holds: BTreeMap<(Uuid, &'static str), i128>,
}

/// How an operation must end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Answered and stored.
    Reply(Reply),
    /// The stored answer, byte for byte.
    Again,
    /// A problem of one of these sorts; nothing is stored.
    Problem(Vec<&'static str>),
}

/// A line as it was sold.
#[derive(Clone, Debug)]
pub struct Sold {
    pub kind: &'static str,
    pub quantity: i128,
    pub price: i128,
    pub units: Option<i128>,
    pub left_out: Option<&'static str>,
}

/// An operation that stands.
#[derive(Clone, Debug)]
pub struct Entry {
    /// None: a tombstone.
    pub ask: Option<Ask>,
    /// organisation << 32 | number, number 0 for the organisation's own.
    pub owner: i64,
    pub terminal: Option<Uuid>,
    pub card: Option<Uuid>,
    pub lines: BTreeMap<u16, Sold>,
    pub reply: Reply,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purse {
    pub balance: i128,
    pub held: i128,
}

#[derive(Clone, Debug)]
pub struct Reservation {
    pub wallet: i64,
    pub left: BTreeMap<&'static str, i128>,
    pub expires_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug, Default)]
pub struct Chip {
    pub last: u32,
    pub used: BTreeSet<u32>,
    pub spent_today: i128,
    pub blocked: bool,
}

#[derive(Clone, Debug)]
pub struct Outgoing {
    pub cents: i128,
    pub status: &'static str,
    pub asked_by: Uuid,
    pub approved_by: BTreeSet<Uuid>,
}

#[derive(Clone, Debug)]
pub struct Permission {
    pub wallet: i64,
    pub amount: i128,
    pub used: i128,
    pub from: NaiveDate,
    pub until: NaiveDate,
}

/// All that operations change. Cloned before each, so that what cannot be booked leaves nothing.
#[derive(Clone, Debug, Default)]
pub struct Books {
    pub purses: BTreeMap<(i64, &'static str), Purse>,
    /// What came in less what went out.
    pub accounts: BTreeMap<(u16, &'static str, &'static str), i128>,
    pub holds: BTreeMap<Uuid, Reservation>,
    pub chips: BTreeMap<Uuid, Chip>,
    pub permissions: BTreeMap<Uuid, Permission>,
    pub payouts: BTreeMap<Uuid, Outgoing>,
    pub granted: BTreeSet<(i64, NaiveDate)>,
    pub closed: BTreeSet<i64>,
    /// The quantity that was given back of a sale's line.
    pub refunded: BTreeMap<(Uuid, u16), i128>,
}

pub struct Model<'a> {
    pub world: &'a World,
    pub books: Books,
    pub entries: BTreeMap<Uuid, Entry>,
}

/// Why a decision ends early.
pub enum Stop {
    Outcome(&'static str),
    Problem(&'static str),
}

pub type Step<T> = Result<T, Stop>;

/// An operation in the making.
pub struct Draft {
    pub owner: i64,
    pub terminal: Option<Uuid>,
    pub card: Option<Uuid>,
    pub lines: BTreeMap<u16, Sold>,
    pub reply: Reply,
    /// Another id that this operation takes, with the outcome that it answers from now on.
    pub tombstone: Option<(Uuid, &'static str)>,
}

impl Draft {
    pub fn leg(&mut self, leg: Leg) {
        if leg.amount != 0 {
            self.reply.legs.push(leg);
        }
    }

    /// Sets aside (above 0) or gives back (below 0).
    pub fn hold(&mut self, hold: Uuid, purse: &'static str, amount: i128) {
        *self.reply.holds.entry((hold, purse)).or_default() += amount;
    }
}

impl<'a> Model<'a> {
    pub fn new(world: &'a World) -> Model<'a> {
        let mut books = Books::default();
        for (id, card) in &world.cards {
            books.chips.insert(*id, Chip { blocked: card.blocked, ..Chip::default() });
        }
        Model { world, books, entries: BTreeMap::new() }
    }

    /// What `ask` must answer; afterwards the books are as they must be.
    pub fn ask(&mut self, ask: &Ask, now: DateTime<Utc>) -> Verdict {
        if let Some(entry) = self.entries.get(&ask.id()) {
            let same = match &entry.ask {
                None => ask.is_sale(),
                Some(first) => first.asks_the_same(ask),
            };
            // another request that names nothing known may be refused for either
            return if same {
                Verdict::Again
            } else {
                Verdict::Problem(vec!["id_reused", "unknown", "malformed", "id"])
            };
        }
        let millis = i64::try_from(ask.id().as_u128() >> 80).unwrap();
        let made = DateTime::<Utc>::from_timestamp_millis(millis).unwrap_or(DateTime::<Utc>::MAX_UTC);
        if made < now - Duration::days(35) || made > now + Duration::minutes(5) {
            return Verdict::Problem(vec!["id", "unknown", "malformed"]);
        }
        let before = self.books.clone();
        let verdict = self.decide(ask, now);
        if !matches!(verdict, Verdict::Reply(_)) {
            self.books = before;
        }
        verdict
    }

    fn decide(&mut self, ask: &Ask, now: DateTime<Utc>) -> Verdict {
        let mut draft = match self.begin(ask) {
            Ok(draft) => draft,
            // which of two faults is named is not promised
            Err(problem) => return Verdict::Problem(vec![problem, "malformed"]),
        };
        let ended = match ask {
            Ask::Sale(request) => self.sell(request, &mut draft, now),
            Ask::Refund(request) => self.refund(request, &mut draft),
            Ask::Void(request) => self.void(request, &mut draft, now),
            Ask::TopUp(request) => self.top_up(request, &mut draft),
            Ask::TopUpReversal(request) => self.reverse(request, &mut draft),
            Ask::Exchange(request) => self.exchange(request, &mut draft),
            Ask::ExchangeBack(request) => self.exchange_back(request, &mut draft),
            Ask::Hold(request) => self.set_aside(request, &mut draft),
            Ask::Capture(request) => self.capture(request, &mut draft, now),
            Ask::Release(request) => self.release(request, &mut draft, now),
            Ask::Grant(request) => self.grant(request, &mut draft),
            Ask::Close(request) => self.close(request, &mut draft),
            Ask::Payout(request) => self.ask_payout(request, &mut draft),
            Ask::PayoutStep(request) => self.step_payout(request, &mut draft),
            Ask::Draw(request) => self.permit(request, &mut draft),
        };
        match ended {
            Err(Stop::Problem(problem)) => return Verdict::Problem(vec![problem]),
            Err(Stop::Outcome(outcome)) | Ok(outcome) => draft.reply.outcome = outcome,
        }
        let reply = draft.reply.clone();
        if !self.post(ask, draft) {
            return Verdict::Problem(vec!["broken", "malformed"]);
        }
        Verdict::Reply(reply)
    }

    /// Whose operation it is, or why there is no such thing.
    fn begin(&self, ask: &Ask) -> Result<Draft, &'static str> {
        let known = |wallet: i64| if self.world.wallets.contains_key(&wallet) { Ok(wallet) } else { Err("unknown") };
        let entry = |id: Uuid, sorts: &[&str]| match self.entries.get(&id) {
            Some(entry) if sorts.contains(&entry.reply.operation) => Ok(entry.owner),
            _ => Err("unknown"),
        };
        let mut reference = None;
        let mut refer = |id: Uuid| {
            reference = Some(id);
            id
        };
        let (operation, owner) = match ask {
            Ask::Sale(request) => ("sale", self.buyer_of(request)),
            Ask::Refund(request) => {
                // what no wallet paid, because its card was unknown, is no client's sale
                let owner = entry(refer(request.sale.uuid()), &["sale", "capture"])?;
                ("refund", known(owner)?)
            }
            Ask::Void(request) => ("void", self.voided_wallet(request, refer(request.sale.uuid()))?),
            Ask::TopUp(request) => ("top_up", known(request.wallet.field())?),
            Ask::TopUpReversal(request) => ("top_up_reversal", entry(refer(request.top_up.uuid()), &["top_up"])?),
            Ask::Exchange(request) => ("exchange", known(request.wallet.field())?),
            Ask::ExchangeBack(request) => ("exchange_back", entry(refer(request.exchange.uuid()), &["exchange"])?),
            Ask::Hold(request) => ("hold", known(request.wallet.field())?),
            Ask::Capture(request) => ("capture", entry(refer(request.hold.uuid()), &["hold"])?),
            Ask::Release(request) => {
                (if request.expired { "expire" } else { "release" }, entry(refer(request.hold.uuid()), &["hold"])?)
            }
            Ask::Grant(request) => ("grant", known(request.wallet.field())?),
            Ask::Close(request) => (
                if matches!(request.fate, pasje::domain::saving::Fate::Save) { "save" } else { "lapse" },
                known(request.wallet.field())?,
            ),
            Ask::Payout(request) => ("payout_request", known(request.wallet.field())?),
            Ask::PayoutStep(request) => (
                match request.step {
                    pasje::domain::payout::PayoutStep::Approve { .. } => "payout_approval",
                    pasje::domain::payout::PayoutStep::Paid { .. } => "payout_paid",
                    pasje::domain::payout::PayoutStep::Withdraw { .. } => "payout_withdrawal",
                },
                entry(refer(request.payout.uuid()), &["payout_request"])?,
            ),
            Ask::Draw(request) => ("buffer_draw", known(request.wallet.field())?),
        };
        let organisation = u16::try_from(owner >> 32).unwrap();
        let reply = Reply {
            operation,
            outcome: "",
            book_date: self.world.organisations[&organisation].today,
            reference,
            approved_cents: None,
            left_out: BTreeMap::new(),
            legs: Vec::new(),
            holds: BTreeMap::new(),
        };
        Ok(Draft { owner, terminal: None, card: None, lines: BTreeMap::new(), reply, tombstone: None })
    }

    /// Moves the money and remembers the operation; false if a purse would leave its bounds.
    fn post(&mut self, ask: &Ask, draft: Draft) -> bool {
        let (owner, book_date) = (draft.owner, draft.reply.book_date);
        for leg in &draft.reply.legs {
            self.move_money(owner, leg.from, leg.unit, -leg.amount);
            self.move_money(owner, leg.to, leg.unit, leg.amount);
        }
        for ((hold, purse), amount) in &draft.reply.holds {
            self.books.purses.entry((owner, purse)).or_default().held += amount;
            let payout = self.books.payouts.contains_key(hold);
            if let (false, Some(reservation)) = (payout, self.books.holds.get_mut(hold)) {
                *reservation.left.entry(purse).or_default() += amount;
            }
        }
        let purses = self.books.purses.range((owner, "")..(owner + 1, ""));
        let mut bounded = true;
        for (_, purse) in purses {
            bounded &= 0 <= purse.held && purse.held <= purse.balance && purse.balance <= GREATEST;
        }
        for ((_, _, kind), balance) in &self.books.accounts {
            bounded &= *kind != "buffer" || (0..=GREATEST).contains(balance);
        }
        if !bounded {
            return false;
        }
        if let Some((id, outcome)) = draft.tombstone {
            let reply = Reply {
                operation: "sale",
                outcome,
                book_date,
                reference: None,
                approved_cents: None,
                left_out: BTreeMap::new(),
                legs: Vec::new(),
                holds: BTreeMap::new(),
            };
            let (terminal, lines) = (draft.terminal, BTreeMap::new());
            self.entries.insert(id, Entry { ask: None, owner, terminal, card: None, lines, reply });
        }
        let Draft { terminal, card, lines, reply, .. } = draft;
        self.entries.insert(ask.id(), Entry { ask: Some(ask.clone()), owner, terminal, card, lines, reply });
        true
    }

    fn move_money(&mut self, owner: i64, name: &'static str, unit: &'static str, amount: i128) {
        let purse = match (name, unit) {
            ("credit", "EUR") => "credit_cents",
            ("budget" | "reserve" | "savings" | "credit", _) => name,
            _ => {
                let organisation = u16::try_from(owner >> 32).unwrap();
                *self.books.accounts.entry((organisation, unit, name)).or_default() += amount;
                return;
            }
        };
        self.books.purses.entry((owner, purse)).or_default().balance += amount;
    }

    pub fn client(&self, wallet: i64) -> &'a Client {
        &self.world.wallets[&wallet]
    }

    pub fn today(&self, owner: i64) -> NaiveDate {
        self.world.organisations[&u16::try_from(owner >> 32).unwrap()].today
    }

    pub fn free(&self, wallet: i64, purse: &'static str) -> i128 {
        self.books.purses.get(&(wallet, purse)).map_or(0, |purse| purse.balance - purse.held)
    }

    pub fn is_open(&self, wallet: i64) -> Step<()> {
        if self.books.closed.contains(&wallet) { Err(Stop::Outcome("wallet_closed")) } else { Ok(()) }
    }

    /// What entries that refer to `id` with this operation did, those that were booked.
    pub fn booked_after(&self, id: Uuid, operation: &str) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(move |entry| {
            entry.reply.reference == Some(id) && entry.reply.operation == operation && entry.reply.outcome == "booked"
        })
    }
}

/// An amount that is asked for.
pub fn asked(amount: i64) -> Step<i128> {
    let amount = i128::from(amount);
    if (1..=GREATEST).contains(&amount) { Ok(amount) } else { Err(Stop::Problem("malformed")) }
}
