//! Requests: how they are hashed, and why one may get no outcome.
//!
//! Same id and same hash: the first answer again. Same id, other hash: a problem. The hash is over the encoding below,
//! never over JSON; it covers what was asked and no signature, MAC, nonce or send time.

use card_protocol::{Sink, encode_basket};
use chrono::{Datelike, NaiveDate};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::account::WalletId;
use super::funding::{FundingError, PurseName};
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
    #[error("a sale has at most {max} lines", max = super::basket::Basket::LINES_MAX)]
    TooManyLines,
    /// A quantity out of range.
    #[error("line {line}: the quantity must be 1 to {max}", max = super::basket::Basket::QUANTITY_MAX)]
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
    /// Dates the wrong way round, or in a year that cannot be meant.
    #[error("the dates are not in order, or not between 2000 and 2200")]
    Dates,
    /// A line of a hold named twice in one capture.
    #[error("a line of the hold can be named once in a capture")]
    LineTwice,
    /// Minutes of a hold out of range.
    #[error("a hold lasts 1 to {max} minutes", max = super::card_hold::MINUTES_MAX)]
    Minutes,
    /// A request that refers to itself.
    #[error("an operation cannot refer to itself")]
    SelfReference,
    /// Price and units of a line disagree.
    #[error("price and units of a line must both be 0 or neither, and be equal in euros")]
    PriceAndUnitsDisagree,
    /// Care by name without the name of who registers it.
    #[error("a sale by name needs the member of staff who registers it")]
    StaffMissing,
    /// A value that must be above 0.
    #[error("the value of a unit is missing, not above 0, or not for this unit")]
    UnitValue,
    /// More than a purse can hold.
    #[error("the purse would hold more than {max} minor units", max = Amount::MAX_MINOR)]
    PurseFull,
    /// Points for who has none.
    #[error("this client's scheme does not count in points: own money stays in euros")]
    NoPoints,
    /// Points that nobody said the worth of.
    #[error("this client's scheme publishes no value of a point")]
    NoPointValue,
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

/// Whether a day can be meant: PostgreSQL's calendar is wide, and sums of days at its ends fail.
pub fn is_sensible(day: NaiveDate) -> bool {
    (2000..=2200).contains(&day.year())
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
    pub const VERSION: u8 = 2;

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

    /// Terminal 16. Where it stands is the service's knowledge, not the request's: a terminal that was moved meanwhile
    /// still asks the same.
    #[must_use]
    pub fn terminal(self, value: &Terminal) -> Self {
        self.uuid(value.id)
    }

    /// A basket, as `card-protocol` encodes it: at most 100 lines, far below what its count can hold.
    #[must_use]
    pub fn basket(mut self, lines: &[card_protocol::LineRecord]) -> Self {
        encode_basket(lines, &mut HashSink(&mut self.0));
        self
    }

    /// 1 byte.
    #[must_use]
    pub fn purse(self, value: PurseName) -> Self {
        self.u8(value.code())
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
        Payer::Card(tap) => encoder.u8(1).uuid(tap.card).u8(tap.generation).u32(tap.counter).amount(tap.amount),
        Payer::ByName { wallet } => encoder.u8(2).wallet(wallet),
    };
    let encoder = match request.mode {
        SaleMode::Online => encoder.u8(1),
        SaleMode::Whole => encoder.u8(2),
        SaleMode::Forward { instead_of } => encoder.u8(3).optional(instead_of.map(OperationId::uuid)),
    };
    encoder.optional(request.staff).u32(request.price_list).basket(&request.basket.records()).finish()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::account::OrganisationId;
    use crate::domain::basket::{Basket, BasketLine};
    use crate::domain::money::Unit;
    use crate::domain::tap::Tap;
    use card_protocol::HolderVerification;

    fn hex(bytes: [u8; 32]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn tap(card: Uuid, counter: u32, mac: [u8; 16]) -> Tap {
        Tap {
            card,
            generation: 1,
            counter,
            terminal_sequence: 1,
            terminal_nonce: [2; 8],
            holder_verification: HolderVerification::None,
            amount: Amount::new(560, Unit::Eur).unwrap(),
            time_ms: 3,
            offline_total_cents: 0,
            offline_count: 0,
            script_number: 0,
            mac,
        }
    }

    fn sale() -> SaleRequest {
        let id = |last: u128| Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | last);
        let hold = OperationId::new(id(9)).unwrap();
        SaleRequest {
            id: OperationId::new(id(1)).unwrap(),
            terminal: Terminal { id: id(2), organisation: OrganisationId::new(1).unwrap(), location: id(3) },
            payer: Payer::Card(tap(id(4), 7, [1; 16])),
            mode: SaleMode::Online,
            staff: None,
            price_list: 3,
            basket: Basket::new(vec![
                BasketLine { service: id(5), quantity: 2, hold: None },
                BasketLine { service: id(6), quantity: 1, hold: Some(hold) },
            ])
            .unwrap(),
        }
    }

    /// The bytes behind these are stored with sales: do not change the test, raise the version.
    #[test]
    fn the_hash_of_a_sale_is_frozen() {
        use sha2::{Digest, Sha256};
        let id = |last: u8| {
            let mut bytes = [0; 16];
            (bytes[0], bytes[1], bytes[6], bytes[8], bytes[15]) = (0x01, 0x90, 0x70, 0x80, last);
            bytes
        };
        let mut bytes = b"pasje request".to_vec();
        bytes.extend([2, 1]); // version, kind
        bytes.extend(id(1));
        bytes.extend(id(2)); // terminal
        bytes.push(1); // by card
        bytes.extend(id(4));
        bytes.push(1); // generation of its keys
        bytes.extend([0, 0, 0, 7]);
        bytes.push(1); // the amount: euros
        bytes.extend([0, 0, 0, 0, 0, 0, 2, 48]);
        bytes.push(1); // online
        bytes.extend([0; 17]); // no staff
        bytes.extend([0, 0, 0, 3]); // price list
        bytes.extend([0, 2]); // lines
        bytes.extend(id(5));
        bytes.extend([0, 0, 0, 2]);
        bytes.extend([0; 16]);
        bytes.extend(id(6));
        bytes.extend([0, 0, 0, 1]);
        bytes.extend(id(9));
        assert_eq!(hex(sale_hash(&sale())), hex(Sha256::digest(&bytes).into()));
    }

    #[test]
    fn the_hash_covers_what_was_asked_and_nothing_else() {
        let first = sale_hash(&sale());
        let changed: [fn(&mut SaleRequest); 8] = [
            |sale| sale.staff = Some(Uuid::nil()),
            |sale| sale.price_list = 4,
            |sale| sale.mode = SaleMode::Whole,
            |sale| sale.mode = SaleMode::Forward { instead_of: None },
            |sale| sale.terminal.id = Uuid::nil(),
            |sale| sale.payer = Payer::Card(tap(Uuid::nil(), 7, [1; 16])),
            |sale| {
                sale.payer =
                    Payer::Card(Tap { amount: Amount::cents(561).unwrap(), ..tap(same_card(sale), 7, [1; 16]) })
            },
            |sale| sale.basket = Basket::new(sale.basket.lines()[..1].to_vec()).unwrap(),
        ];
        for change in changed {
            let mut other = sale();
            change(&mut other);
            assert_ne!(sale_hash(&other), first, "{other:?}");
        }
        // A MAC is no part of what was asked, and neither is where the service knows the terminal to be.
        let mut same = sale();
        same.payer = Payer::Card(tap(same_card(&same), 7, [2; 16]));
        same.terminal.location = Uuid::nil();
        assert_eq!(sale_hash(&same), first);
    }

    fn same_card(sale: &SaleRequest) -> Uuid {
        match sale.payer {
            Payer::Card(tap) => tap.card,
            Payer::ByName { .. } => Uuid::nil(),
        }
    }
}
