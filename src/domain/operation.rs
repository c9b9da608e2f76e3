//! What the ledger stores: an operation's header, lines, transfers and hold entries, and the answer they give.
//!
//! An answer says what the stored rows say and nothing else, so the first answer, made before they are written, and every
//! later one, made after they are read, are the same bytes. Codes are stored and never change their meaning.

use card_protocol::{CardAnswer, CardOutcome, ResponseKey};
use chrono::{DateTime, Duration, NaiveDate, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::account::{Account, Kind, OrganisationId, WalletId};
use super::codes::stored_codes;
use super::flow::Flow;
use super::funding::{LeftOut, LineKind, Why};
use super::money::Amount;
use super::request::Problem;

/// An operation's id: a UUIDv7 made by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationId(Uuid);

/// Where the time in a new id may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// No UUIDv7.
    #[error("the id is no UUID of version 7")]
    NotVersion7,
    /// The id was made more than 35 days ago.
    #[error("the id was made more than 35 days ago")]
    TooOld,
    /// The id's time is more than 5 minutes ahead.
    #[error("the id's time is more than 5 minutes ahead: set the clock")]
    TooNew,
}

impl OperationId {
    /// New ids may be this old: a terminal that was offline for a month still gets its sales in.
    pub const DAYS_BACK_MAX: i64 = 35;
    /// And this far ahead: a terminal's clock is never exact.
    pub const MINUTES_AHEAD_MAX: i64 = 5;

    /// # Errors
    /// [`IdError::NotVersion7`].
    pub fn new(id: Uuid) -> Result<OperationId, IdError> {
        if id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122 {
            Ok(OperationId(id))
        } else {
            Err(IdError::NotVersion7)
        }
    }

    /// The UUID.
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// The 48 bits of milliseconds since 1970 that the id starts with. Chooses a partition and nothing else.
    pub fn time_ms(self) -> i64 {
        let (high, low, _, _) = self.0.as_fields();
        i64::from(high) << 16 | i64::from(low)
    }

    /// Whether a new operation may carry this id at `now`.
    ///
    /// # Errors
    /// [`IdError::TooOld`], [`IdError::TooNew`].
    pub fn check_window(self, now: DateTime<Utc>) -> Result<(), IdError> {
        let oldest = now - Duration::days(Self::DAYS_BACK_MAX);
        let newest = now + Duration::minutes(Self::MINUTES_AHEAD_MAX);
        if self.time_ms() < oldest.timestamp_millis() {
            Err(IdError::TooOld)
        } else if self.time_ms() > newest.timestamp_millis() {
            Err(IdError::TooNew)
        } else {
            Ok(())
        }
    }
}

stored_codes! {
    /// What an operation is.
    OperationKind {
        Sale = 1 "sale",
        Refund = 2 "refund",
        Void = 3 "void",
        TopUp = 4 "top_up",
        TopUpReversal = 5 "top_up_reversal",
        Exchange = 6 "exchange",
        ExchangeBack = 7 "exchange_back",
        Hold = 8 "hold",
        Capture = 9 "capture",
        Release = 10 "release",
        Expire = 11 "expire",
        Grant = 12 "grant",
        Save = 13 "save",
        Lapse = 14 "lapse",
        PayoutRequest = 15 "payout_request",
        PayoutApproval = 16 "payout_approval",
        PayoutPaid = 17 "payout_paid",
        PayoutWithdrawal = 18 "payout_withdrawal",
        BufferDraw = 19 "buffer_draw",
        /// An offline loss, or a part of it, taken over from own money.
        Settle = 20 "settle",
        /// A month's grant was another: the difference.
        Correction = 21 "correction",
        /// Planned occurrences of a day, delivered and paid.
        Delivery = 22 "delivery",
        /// A month is closed: what is left is saved or lapses.
        MonthClose = 23 "month_close",
    }
}

stored_codes! {
    /// How an operation ended. For a sale the order below, from `Cancelled` on, is the order in which it is decided:
    /// the first that applies is the outcome. Problems (malformed, id reused, id out of the window) come before and are
    /// stored nowhere.
    Outcome {
        /// All lines.
        Approved = 1 "approved",
        /// Some lines were left out.
        ApprovedInPart = 2 "approved_in_part",
        /// What was asked is done.
        Booked = 3 "booked",
        /// Everything was sold before: a forward's by its online attempt, or a planned day that was delivered.
        AlreadyBooked = 4 "already_booked",
        /// A void of a sale that had not come: it will never be booked.
        CancelledBeforehand = 5 "cancelled_beforehand",

        /// Voided before it came.
        Cancelled = 10 "cancelled",
        /// Its offline successor came first.
        Superseded = 11 "superseded",
        CardUnknown = 20 "card_unknown",
        CardBlocked = 21 "card_blocked",
        CardExpired = 22 "card_expired",
        WalletClosed = 23 "wallet_closed",
        CardMacWrong = 24 "card_mac_wrong",
        CounterUsed = 25 "counter_used",
        CounterTooOld = 26 "counter_too_old",
        /// The lines cost more than the card signed for.
        AmountExceeded = 27 "amount_exceeded",
        ServiceUnknown = 30 "service_unknown",
        PriceListOutOfDate = 31 "price_list_out_of_date",
        CardNeeded = 32 "card_needed",
        OverLimit = 33 "over_limit",
        InsufficientFunds = 34 "insufficient_funds",
        PinNeeded = 35 "pin_needed",

        /// Refund and void: nothing was paid.
        NotApproved = 40 "not_approved",
        MoreThanSold = 41 "more_than_sold",
        OtherTerminal = 42 "other_terminal",
        OtherDay = 43 "other_day",
        NothingLeft = 44 "nothing_left",
        MoreThanToppedUp = 50 "more_than_topped_up",
        MoreThanBought = 51 "more_than_bought",
        HoldNotOpen = 60 "hold_not_open",
        HoldExpired = 61 "hold_expired",
        HoldNotExpired = 62 "hold_not_expired",
        MoreThanHeld = 63 "more_than_held",
        AlreadyGranted = 70 "already_granted",
        PayoutNotOpen = 80 "payout_not_open",
        SamePerson = 81 "same_person",
        PayoutNotApproved = 82 "payout_not_approved",
        /// Settling: the sale lost nothing, or what it lost was given back.
        NoLoss = 90 "no_loss",
        AlreadySettled = 91 "already_settled",
        MoreThanLost = 92 "more_than_lost",
    }
}

stored_codes! {
    /// On whose word an operation was booked.
    Authority {
        Card = 1 "card",
        /// Sold offline by card, forwarded later.
        CardOffline = 2 "card_offline",
        /// Signed-on staff, by the client's name (`no_card`).
        NoCard = 3 "no_card",
        Office = 4 "office",
        Job = 5 "job",
    }
}

impl Outcome {
    /// Whether the operation did what was asked.
    pub const fn is_done(self) -> bool {
        (self as u8) < Outcome::Cancelled as u8
    }

    /// Whether a sale or capture with this outcome sold something.
    pub const fn is_sold(self) -> bool {
        matches!(self, Outcome::Approved | Outcome::ApprovedInPart)
    }

    /// The outcome of a sale of which no line remains.
    pub const fn of_left_out(reason: LeftOut) -> Outcome {
        match reason {
            LeftOut::ServiceUnknown => Outcome::ServiceUnknown,
            LeftOut::PriceListOutOfDate => Outcome::PriceListOutOfDate,
            LeftOut::CardNeeded => Outcome::CardNeeded,
            LeftOut::OverLimit => Outcome::OverLimit,
            LeftOut::InsufficientFunds => Outcome::InsufficientFunds,
            LeftOut::AlreadyBooked => Outcome::AlreadyBooked,
            LeftOut::PinNeeded => Outcome::PinNeeded,
        }
    }
}

/// One service and quantity in a sale, or the part of it that a refund gives back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Line {
    /// The line's number in the sale, from 0.
    pub number: u16,
    pub service: Uuid,
    pub quantity: u32,
    /// None: the price list did not know the service, or the sale was declined before its lines were priced.
    pub kind: Option<LineKind>,
    /// Of the whole line.
    pub price: Amount,
    /// Of the whole line in the wallet's unit.
    pub units: Option<Amount>,
    pub vat_basis_points: u16,
    pub planned: bool,
    pub from_savings: bool,
    pub left_out: Option<LeftOut>,
    pub hold: Option<OperationId>,
}

/// One row of double entry: debit pays, credit receives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Transfer {
    /// The line it pays or gives back.
    pub line: Option<u16>,
    pub flow: Flow,
    pub why: Why,
    pub debit: Account,
    pub credit: Account,
    pub amount: Amount,
}

impl Transfer {
    /// A transfer that pays no line.
    ///
    /// # Errors
    /// [`Problem::Broken`] for accounts that cannot be, or that this flow may not join: the database would refuse it.
    pub fn new(
        flow: Flow,
        why: Why,
        debit: Option<Account>,
        credit: Option<Account>,
        amount: Amount,
    ) -> Result<Transfer, Problem> {
        match (debit, credit) {
            (Some(debit), Some(credit))
                if flow.allows_accounts(debit, credit) && debit.unit() == amount.unit() && !amount.is_zero() =>
            {
                Ok(Transfer { line: None, flow, why, debit, credit, amount })
            }
            _ => Err(Problem::Broken(format!("{} may not move {amount:?} from {debit:?} to {credit:?}", flow.name()))),
        }
    }
}

/// What an operation set aside (above 0) or gave back (below 0) on an account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct HoldEntry {
    pub hold: OperationId,
    pub account: Account,
    /// Minor units of the account's unit.
    pub change: i64,
}

/// An operation to book.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Operation {
    pub id: OperationId,
    pub owner: Owner,
    pub kind: OperationKind,
    pub outcome: Outcome,
    pub authority: Authority,
    /// SHA-256 over the request's encoding; none for a tombstone.
    pub request_hash: Option<[u8; 32]>,
    pub terminal: Option<Uuid>,
    pub location: Option<Uuid>,
    pub staff: Option<Uuid>,
    pub card: Option<Uuid>,
    /// The card's counter, if this operation used it up.
    pub counter: Option<u32>,
    /// Of the keys that the card signed with, where its counter was used up: the answer is signed with the same.
    pub card_generation: Option<u8>,
    /// The version that priced the lines.
    pub price_list: Option<u32>,
    /// The operation that this one undoes, captures, approves or replaces.
    pub reference: Option<OperationId>,
    /// Cents a point or an hour, of a grant or an exchange.
    pub unit_value_cents: Option<i64>,
    /// The first day of the month that the wallet was in: what is booked belongs to it.
    pub month: Option<NaiveDate>,
    pub lines: Vec<Line>,
    pub transfers: Vec<Transfer>,
    pub hold_entries: Vec<HoldEntry>,
}

/// Whose operation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Owner {
    Wallet(WalletId),
    Organisation(OrganisationId),
}

impl Owner {
    /// As stored.
    pub const fn field(self) -> i64 {
        match self {
            Owner::Wallet(wallet) => wallet.field(),
            Owner::Organisation(organisation) => organisation.own_wallet(),
        }
    }

    /// Reads a stored field.
    pub fn from_field(field: i64) -> Option<Owner> {
        match WalletId::from_field(field) {
            Some(wallet) => Some(Owner::Wallet(wallet)),
            None => OrganisationId::of_wallet_field(field).map(Owner::Organisation),
        }
    }

    /// The organisation that it is, or belongs to.
    pub fn organisation(self) -> OrganisationId {
        match self {
            Owner::Wallet(wallet) => wallet.organisation(),
            Owner::Organisation(organisation) => organisation,
        }
    }

    /// The client's wallet, if it is a client's.
    pub const fn wallet(self) -> Option<WalletId> {
        match self {
            Owner::Wallet(wallet) => Some(wallet),
            Owner::Organisation(_) => None,
        }
    }
}

impl Operation {
    /// An operation with nothing in it yet.
    pub const fn new(
        id: OperationId,
        owner: Owner,
        kind: OperationKind,
        outcome: Outcome,
        authority: Authority,
    ) -> Self {
        Operation {
            id,
            owner,
            kind,
            outcome,
            authority,
            request_hash: None,
            terminal: None,
            location: None,
            staff: None,
            card: None,
            card_generation: None,
            counter: None,
            price_list: None,
            reference: None,
            unit_value_cents: None,
            month: None,
            lines: Vec::new(),
            transfers: Vec::new(),
            hold_entries: Vec::new(),
        }
    }
}

/// An operation as it stands in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Booked {
    pub operation: Operation,
    /// The organisation's calendar day.
    pub book_date: NaiveDate,
}

/// The answer to a request, now and for ever the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[allow(missing_docs)]
pub struct Answer {
    pub id: Uuid,
    pub operation: &'static str,
    /// `approved`, `approved_in_part`, `booked`, `already_booked`, `cancelled_beforehand` or `declined`.
    pub outcome: &'static str,
    /// Why it was declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    pub book_date: NaiveDate,
    /// The operation that this one undoes, captures, approves or replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<Uuid>,
    /// Of a sale: the euro price of what was sold; of a card's hold: of what was set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_cents: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<AnswerLeftOut>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub legs: Vec<AnswerLeg>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<AnswerHold>,
    /// For the card's COMPLETE, as `card-protocol` encodes it, in hex; none where its MAC was not found right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card_answer: Option<String>,
}

/// A line that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[allow(missing_docs)]
pub struct AnswerLeftOut {
    pub line: u16,
    pub reason: &'static str,
}

/// A transfer, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[allow(missing_docs)]
pub struct AnswerLeg {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u16>,
    pub from: &'static str,
    pub to: &'static str,
    pub unit: &'static str,
    /// Minor units.
    pub amount: i64,
    pub why: &'static str,
}

/// What was set aside or given back, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[allow(missing_docs)]
pub struct AnswerHold {
    pub hold: Uuid,
    pub purse: &'static str,
    pub unit: &'static str,
    /// Minor units; below zero was given back.
    pub amount: i64,
}

impl Booked {
    /// The answer that these rows give.
    pub fn answer(&self) -> Answer {
        let operation = &self.operation;
        let sold = match operation.kind {
            OperationKind::Sale | OperationKind::Capture => operation.outcome.is_sold(),
            OperationKind::Hold => self.is_card_hold(),
            _ => false,
        };
        Answer {
            id: operation.id.uuid(),
            operation: operation.kind.name(),
            outcome: if operation.outcome.is_done() { operation.outcome.name() } else { "declined" },
            reason: (!operation.outcome.is_done()).then(|| operation.outcome.name()),
            book_date: self.book_date,
            reference: operation.reference.map(OperationId::uuid),
            approved_cents: sold.then(|| self.sold_cents()),
            left_out: operation
                .lines
                .iter()
                .filter_map(|line| {
                    line.left_out.map(|reason| AnswerLeftOut { line: line.number, reason: reason.name() })
                })
                .collect(),
            legs: operation.transfers.iter().map(answer_leg).collect(),
            holds: operation
                .hold_entries
                .iter()
                .map(|entry| AnswerHold {
                    hold: entry.hold.uuid(),
                    purse: entry.account.kind().name(),
                    unit: entry.account.unit().name(),
                    amount: entry.change,
                })
                .collect(),
            card_answer: None,
        }
    }

    /// What the card is told of its tap, signed with its response key of the generation that signed; none where its
    /// counter was not used up: nothing proved that the card was there.
    pub fn card_answer(&self, key: impl FnOnce(&[u8; 16], u8) -> Option<ResponseKey>) -> Option<CardAnswer> {
        let operation = &self.operation;
        let (card, counter) = (operation.card?.into_bytes(), operation.counter?);
        let generation = operation.card_generation?;
        let outcome = match operation.outcome {
            Outcome::Approved => CardOutcome::Approved,
            Outcome::Booked if self.is_card_hold() => CardOutcome::Approved,
            Outcome::ApprovedInPart => CardOutcome::ApprovedInPart,
            _ => CardOutcome::Declined,
        };
        let sold = outcome != CardOutcome::Declined;
        let cents = if sold { self.sold_cents() } else { 0 };
        let sale = operation.id.uuid().into_bytes();
        let key = key(&card, generation)?;
        Some(CardAnswer::sign(&key, &card, generation, counter, sale, outcome, cents.unsigned_abs()))
    }

    /// Whether a card set something aside.
    pub fn is_card_hold(&self) -> bool {
        let operation = &self.operation;
        operation.kind == OperationKind::Hold && operation.card.is_some() && operation.outcome.is_done()
    }

    fn sold_cents(&self) -> i64 {
        let kept = |line: &&Line| line.left_out.is_none();
        self.operation.lines.iter().filter(kept).map(|line| line.price.minor()).sum()
    }
}

fn answer_leg(transfer: &Transfer) -> AnswerLeg {
    AnswerLeg {
        line: transfer.line,
        from: kind_name(transfer.debit),
        to: kind_name(transfer.credit),
        unit: transfer.amount.unit().name(),
        amount: transfer.amount.minor(),
        why: transfer.why.name(),
    }
}

fn kind_name(account: Account) -> &'static str {
    Kind::name(account.kind())
}

impl Answer {
    /// The answer's bytes: JSON, keys in the order of the fields.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings, integers and lists cannot fail to serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
