//! Account numbers: whose an account is and what it is, in one number that the database checks.
//!
//! `organisation << 48 | wallet << 16 | unit << 8 | kind`. Purses belong to a wallet; every other account has wallet
//! number 0. `ledger.account_is_valid` in the migrations says the same.

use std::fmt;

use super::money::Unit;

/// What an account is. The number is its code in account numbers and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs)] // the names are the glossary's
pub enum Kind {
    Budget = 1,
    Reserve = 2,
    Savings = 3,
    Credit = 4,
    Buffer = 5,
    WlzFunding = 16,
    Overhead = 17,
    Collective = 18,
    Rounding = 19,
    GrantExchange = 20,
    OwnExchange = 21,
    CareDelivered = 32,
    IncludedSales = 33,
    ActivitySales = 34,
    ExtraSales = 35,
    OwnSales = 36,
    CareOverrun = 48,
    IncludedOverrun = 49,
    OfflineLoss = 50,
    Lapsed = 51,
    Bank = 64,
    Cash = 65,
    Payable = 66,
    Receivable = 67,
}

impl Kind {
    /// All kinds, by code.
    pub const ALL: [Kind; 24] = [
        Kind::Budget,
        Kind::Reserve,
        Kind::Savings,
        Kind::Credit,
        Kind::Buffer,
        Kind::WlzFunding,
        Kind::Overhead,
        Kind::Collective,
        Kind::Rounding,
        Kind::GrantExchange,
        Kind::OwnExchange,
        Kind::CareDelivered,
        Kind::IncludedSales,
        Kind::ActivitySales,
        Kind::ExtraSales,
        Kind::OwnSales,
        Kind::CareOverrun,
        Kind::IncludedOverrun,
        Kind::OfflineLoss,
        Kind::Lapsed,
        Kind::Bank,
        Kind::Cash,
        Kind::Payable,
        Kind::Receivable,
    ];

    /// The code in account numbers.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The kind with this code.
    pub fn from_code(code: i64) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| i64::from(kind.code()) == code)
    }

    /// Whether accounts of this kind belong to a wallet.
    pub const fn is_purse(self) -> bool {
        (self as u8) <= Kind::Credit as u8
    }

    /// The name in the matrix, in answers and in `verify`'s findings.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Budget => "budget",
            Kind::Reserve => "reserve",
            Kind::Savings => "savings",
            Kind::Credit => "credit",
            Kind::Buffer => "buffer",
            Kind::WlzFunding => "wlz_funding",
            Kind::Overhead => "overhead",
            Kind::Collective => "collective",
            Kind::Rounding => "rounding",
            Kind::GrantExchange => "grant_exchange",
            Kind::OwnExchange => "own_exchange",
            Kind::CareDelivered => "care_delivered",
            Kind::IncludedSales => "included_sales",
            Kind::ActivitySales => "activity_sales",
            Kind::ExtraSales => "extra_sales",
            Kind::OwnSales => "own_sales",
            Kind::CareOverrun => "care_overrun",
            Kind::IncludedOverrun => "included_overrun",
            Kind::OfflineLoss => "offline_loss",
            Kind::Lapsed => "lapsed",
            Kind::Bank => "bank",
            Kind::Cash => "cash",
            Kind::Payable => "payable",
            Kind::Receivable => "receivable",
        }
    }

    /// Whether an account of this kind may be counted in `unit`: points come into being by exchange alone, bank, cash
    /// and receivable are euros, minutes cannot be bought.
    pub const fn allows(self, unit: Unit) -> bool {
        match self {
            Kind::Credit => !matches!(unit, Unit::Min),
            Kind::WlzFunding => !matches!(unit, Unit::Pnt),
            Kind::Bank | Kind::Cash | Kind::Receivable => matches!(unit, Unit::Eur),
            _ => true,
        }
    }
}

/// An organisation's number, 1 to 32767: the shard key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrganisationId(u16);

impl OrganisationId {
    /// The organisation with this number.
    pub const fn new(number: u16) -> Option<OrganisationId> {
        if number >= 1 && number <= 32767 { Some(OrganisationId(number)) } else { None }
    }

    /// The number.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The wallet field of operations that belong to no client: this organisation, wallet number 0.
    pub const fn own_wallet(self) -> i64 {
        (self.0 as i64) << 32
    }

    /// The organisation that a wallet field belongs to.
    pub fn of_wallet_field(wallet: i64) -> Option<OrganisationId> {
        u16::try_from(wallet >> 32).ok().and_then(OrganisationId::new)
    }
}

/// A client's wallet: `organisation << 32 | number`, number 1 to 2^32 - 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WalletId(i64);

impl WalletId {
    /// The wallet of an organisation with this number.
    pub const fn new(organisation: OrganisationId, number: u32) -> Option<WalletId> {
        if number == 0 { None } else { Some(WalletId(organisation.own_wallet() | number as i64)) }
    }

    /// Its number within the organisation.
    pub const fn number(self) -> u32 {
        let [_, _, _, _, a, b, c, d] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// Reads a wallet field; none for an organisation's own (number 0) or a number out of range.
    pub fn from_field(field: i64) -> Option<WalletId> {
        let organisation = OrganisationId::of_wallet_field(field)?;
        WalletId::new(organisation, u32::try_from(field & 0xffff_ffff).ok()?)
    }

    /// As stored.
    pub const fn field(self) -> i64 {
        self.0
    }

    /// Whose it is.
    pub fn organisation(self) -> OrganisationId {
        // 15 bits by construction
        OrganisationId(u16::try_from(self.0 >> 32).unwrap_or(1))
    }
}

impl fmt::Debug for WalletId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

/// An account number that is valid by construction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account(i64);

impl Account {
    /// A purse of a wallet; none if the kind is no purse or cannot be counted in `unit`.
    pub const fn purse(wallet: WalletId, unit: Unit, kind: Kind) -> Option<Account> {
        if kind.is_purse() && kind.allows(unit) { Some(Account::pack(wallet.0, unit, kind)) } else { None }
    }

    /// An account of the organisation's own; none if the kind is a purse or cannot be counted in `unit`.
    pub const fn own(organisation: OrganisationId, unit: Unit, kind: Kind) -> Option<Account> {
        if !kind.is_purse() && kind.allows(unit) {
            Some(Account::pack(organisation.own_wallet(), unit, kind))
        } else {
            None
        }
    }

    const fn pack(wallet: i64, unit: Unit, kind: Kind) -> Account {
        Account(wallet << 16 | (unit.code() as i64) << 8 | kind.code() as i64)
    }

    /// Reads a stored number.
    pub fn from_number(number: i64) -> Option<Account> {
        let kind = Kind::from_code(number & 0xff)?;
        let unit = Unit::from_code((number >> 8) & 0xff)?;
        let organisation = OrganisationId::of_wallet_field(number >> 16)?;
        match WalletId::from_field(number >> 16) {
            Some(wallet) => Account::purse(wallet, unit, kind),
            None => Account::own(organisation, unit, kind),
        }
    }

    /// As stored.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        Kind::from_code(self.0 & 0xff).unwrap_or(Kind::Lapsed)
    }

    /// What it is counted in.
    pub fn unit(self) -> Unit {
        Unit::from_code((self.0 >> 8) & 0xff).unwrap_or(Unit::Eur)
    }

    /// The client's wallet it belongs to; none for an organisation's own account.
    pub fn wallet(self) -> Option<WalletId> {
        WalletId::from_field(self.0 >> 16)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}:{}", self.0 >> 48, (self.0 >> 16) & 0xffff_ffff, self.unit().name(), self.kind().name())
    }
}
