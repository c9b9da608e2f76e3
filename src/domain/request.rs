//! Requests: how they are hashed, and why one may get no outcome.
//!
//! Same id and same hash: the first answer again. Same id, other hash: a problem. The hash is over the encoding below,
//! never over JSON; it covers what was asked and no signature, MAC, nonce or send time.

use card_protocol::{LineRecord, Sink, encode_basket};
use chrono::NaiveDate;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::account::WalletId;
use super::funding::FundingError;
use super::money::{Amount, AmountError};
use super::operation::{IdError, OperationId, OperationKind};
use super::sale::{Payer, SaleMode, SaleRequest, Terminal};
use super::wallet::WalletError;

/// Why a request cannot be understood. Nothing is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// No line.
    #[error("a sale needs at least one line")]
    NoLines,
    /// Too many lines.
    #[error("a sale has at most {max} lines", max = super::sale::Basket::LINES_MAX)]
    TooManyLines,
    /// A quantity out of range.
    #[error("line {line}: the quantity must be 1 to {max}", max = super::sale::Basket::QUANTITY_MAX)]
    #[allow(missing_docs)]
    Quantity { line: usize },
    /// A hold named twice.
    #[error("line {line}: a hold can be used by one line of a sale only")]
    #[allow(missing_docs)]
    HoldTwice { line: usize },
    /// An amount of nothing, or out of range.
    #[error("the amount must be above 0 and at most {max} minor units", max = Amount::MAX_MINOR)]
    Amount,
    /// Units that do not fit together.
    #[error("the amounts are not in the units that this wallet needs")]
    Units,
    /// Dates the wrong way round.
    #[error("the last day is before the first")]
    Dates,
    /// A request that refers to itself.
    #[error("an operation cannot refer to itself")]
    SelfReference,
    /// Price and units of a line disagree.
    #[error("price and units of a line must both be 0 or neither, and be equal in euros")]
    PriceAndUnitsDisagree,
    /// A value that must be above 0.
    #[error("the value of a unit is missing, not above 0, or not for this unit")]
    UnitValue,
}

/// Why a request gets no outcome. Stored nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Another request has this id.
    #[error("another request was sent under this id: make a new id for a new sale")]
    IdReused,
    /// The id's time.
    #[error(transparent)]
    Id(#[from] IdError),
    /// Nothing is known under what the request refers to.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// Cannot be understood.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A rule of ours broke; nothing was booked.
    #[error("the request could not be booked")]
    Broken(String),
}

impl From<WalletError> for Problem {
    fn from(error: WalletError) -> Problem {
        Problem::Broken(error.to_string())
    }
}

impl From<AmountError> for Problem {
    fn from(_: AmountError) -> Problem {
        Problem::Malformed(Malformed::Amount)
    }
}

impl From<FundingError> for Problem {
    fn from(error: FundingError) -> Problem {
        match error {
            FundingError::PriceAndUnitsDisagree => Malformed::PriceAndUnitsDisagree.into(),
            FundingError::Amount(error) => error.into(),
        }
    }
}

/// Writes a request's fields, fixed in order and width, big-endian, and hashes them.
pub struct RequestEncoder(Sha256);

struct HashSink<'a>(&'a mut Sha256);

impl Sink for HashSink<'_> {
    fn put(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

impl RequestEncoder {
    /// Raised when the fields of any request change, so that an old row is never read by new rules.
    pub const VERSION: u8 = 1;

    /// Begins with a tag, the version, the kind and the id.
    pub fn new(kind: OperationKind, id: OperationId) -> RequestEncoder {
        let mut hash = Sha256::new();
        hash.update(b"pasje request");
        hash.update([Self::VERSION, kind.code()]);
        RequestEncoder(hash).uuid(id.uuid())
    }

    /// 16 bytes.
    #[must_use]
    pub fn uuid(mut self, value: Uuid) -> Self {
        self.0.update(value.as_bytes());
        self
    }

    /// A presence byte, then 16 bytes, zero if absent.
    #[must_use]
    pub fn optional(self, value: Option<Uuid>) -> Self {
        self.u8(u8::from(value.is_some())).uuid(value.unwrap_or_default())
    }

    /// 1 byte.
    #[must_use]
    pub fn u8(mut self, value: u8) -> Self {
        self.0.update([value]);
        self
    }

    /// 4 bytes.
    #[must_use]
    pub fn u32(mut self, value: u32) -> Self {
        self.0.update(value.to_be_bytes());
        self
    }

    /// 8 bytes.
    #[must_use]
    pub fn i64(mut self, value: i64) -> Self {
        self.0.update(value.to_be_bytes());
        self
    }

    /// A presence byte, then 8 bytes, zero if absent.
    #[must_use]
    pub fn optional_i64(self, value: Option<i64>) -> Self {
        self.u8(u8::from(value.is_some())).i64(value.unwrap_or_default())
    }

    /// 1 byte of unit, 8 of minor units.
    #[must_use]
    pub fn amount(self, value: Amount) -> Self {
        self.u8(value.unit().code()).i64(value.minor())
    }

    /// 8 bytes.
    #[must_use]
    pub fn wallet(self, value: WalletId) -> Self {
        self.i64(value.field())
    }

    /// Days since 1970, 8 bytes.
    #[must_use]
    pub fn date(self, value: NaiveDate) -> Self {
        self.i64(value.to_epoch_days().into())
    }

    /// Terminal 16, organisation 4, location 16.
    #[must_use]
    pub fn terminal(self, value: &Terminal) -> Self {
        self.uuid(value.id).u32(value.organisation.number().into()).uuid(value.location)
    }

    /// The hash.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// The hash of a sale: head, terminal, payer, mode, staff, price list, basket.
pub fn sale_hash(request: &SaleRequest) -> [u8; 32] {
    let encoder = RequestEncoder::new(OperationKind::Sale, request.id).terminal(&request.terminal);
    let encoder = match request.payer {
        Payer::Card { card, counter, mac: _ } => encoder.u8(1).uuid(card).u32(counter),
        Payer::ByName { wallet } => encoder.u8(2).wallet(wallet),
    };
    let encoder = match request.mode {
        SaleMode::Online => encoder.u8(1),
        SaleMode::Whole => encoder.u8(2),
        SaleMode::Forward { instead_of } => encoder.u8(3).optional(instead_of.map(OperationId::uuid)),
    };
    let mut encoder = encoder.optional(request.staff).u32(request.price_list);
    let records: Vec<LineRecord> = request
        .basket
        .lines()
        .iter()
        .map(|line| LineRecord {
            service: line.service.into_bytes(),
            quantity: line.quantity,
            hold: line.hold.map(|hold| hold.uuid().into_bytes()).unwrap_or_default(),
        })
        .collect();
    // A basket has at most 100 lines, far below what the count can hold.
    encode_basket(&records, &mut HashSink(&mut encoder.0));
    encoder.finish()
}
