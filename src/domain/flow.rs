//! Flows: why money moves, and between which kinds of account each may move it.
//!
//! `tests/rules` compares this table with `flows.json`, `tests/ledger` with the database's CHECK, pair by pair.

use super::account::{
    Account,
    Kind::{self, *},
};

/// Why a transfer moves money. The number is stored and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Flow {
    /// A month's grant; EUR side and unit side.
    Grant = 1,
    /// The difference when a grant was wrong; what is spent already is the organisation's.
    Correction = 2,
    /// One leg of a client's sale.
    Sale = 3,
    /// A sale's leg, or part of it, back to the purse that paid; in a closed wallet to lapsed or payable.
    Refund = 4,
    /// A guest or staff member pays with money or bank card.
    GuestSale = 5,
    /// And gets it back.
    GuestRefund = 6,
    /// Own money comes in.
    TopUp = 7,
    /// Chargeback or mistake; what is spent already becomes a receivable.
    TopUpReversal = 8,
    /// A receivable is paid; an offline loss is taken over, with consent.
    Settle = 9,
    /// Own money goes out, after two approvals.
    Payout = 10,
    /// Own money buys points, or points are paid back.
    Exchange = 11,
    /// Month close.
    Save = 12,
    /// Month or year close, leaving.
    Lapse = 13,
    /// What a forwarded offline sale could not pay.
    OfflineLoss = 14,
}

impl Flow {
    /// All flows, by code.
    pub const ALL: [Flow; 14] = [
        Flow::Grant,
        Flow::Correction,
        Flow::Sale,
        Flow::Refund,
        Flow::GuestSale,
        Flow::GuestRefund,
        Flow::TopUp,
        Flow::TopUpReversal,
        Flow::Settle,
        Flow::Payout,
        Flow::Exchange,
        Flow::Save,
        Flow::Lapse,
        Flow::OfflineLoss,
    ];

    /// The code as stored.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The flow with this code.
    pub fn from_code(code: i64) -> Option<Flow> {
        Flow::ALL.into_iter().find(|flow| i64::from(flow.code()) == code)
    }

    /// The name in the matrix.
    pub const fn name(self) -> &'static str {
        match self {
            Flow::Grant => "grant",
            Flow::Correction => "correction",
            Flow::Sale => "sale",
            Flow::Refund => "refund",
            Flow::GuestSale => "guest_sale",
            Flow::GuestRefund => "guest_refund",
            Flow::TopUp => "top_up",
            Flow::TopUpReversal => "top_up_reversal",
            Flow::Settle => "settle",
            Flow::Payout => "payout",
            Flow::Exchange => "exchange",
            Flow::Save => "save",
            Flow::Lapse => "lapse",
            Flow::OfflineLoss => "offline_loss",
        }
    }

    /// Whether this flow may debit `debit` and credit `credit`.
    pub const fn allows(self, debit: Kind, credit: Kind) -> bool {
        match self {
            Flow::Grant => matches!(
                (debit, credit),
                (WlzFunding, Overhead | Collective | Rounding | GrantExchange | Budget | Reserve | Buffer)
                    | (GrantExchange, Budget | Reserve | Buffer)
            ),
            Flow::Correction => matches!(
                (debit, credit),
                (WlzFunding, Overhead | Collective | Rounding | GrantExchange | Budget | Reserve | Buffer)
                    | (GrantExchange, Budget | Reserve | Buffer | WlzFunding)
                    | (Overhead | Collective | Rounding, WlzFunding)
                    | (Budget | Reserve | Buffer | CareOverrun, WlzFunding | GrantExchange)
            ),
            Flow::Sale => matches!(
                (debit, credit),
                (Budget, CareDelivered | IncludedSales | ActivitySales | ExtraSales)
                    | (Savings, CareDelivered | ActivitySales | ExtraSales)
                    | (Reserve | Buffer | Collective | CareOverrun, CareDelivered)
                    | (IncludedOverrun, IncludedSales)
                    | (Credit, ActivitySales | ExtraSales | OwnSales)
            ),
            Flow::Refund => matches!(
                (debit, credit),
                (CareDelivered, Budget | Savings | Reserve | Buffer | Collective | CareOverrun | Lapsed)
                    | (IncludedSales, Budget | IncludedOverrun | Lapsed)
                    | (ActivitySales | ExtraSales, Budget | Savings | Credit | Lapsed | Payable)
                    | (OwnSales, Credit | Payable)
            ),
            Flow::GuestSale => matches!((debit, credit), (Bank | Cash, ActivitySales | ExtraSales | OwnSales)),
            Flow::GuestRefund => matches!((debit, credit), (ActivitySales | ExtraSales | OwnSales, Bank | Cash)),
            Flow::TopUp => matches!((debit, credit), (Bank | Cash, Credit)),
            Flow::TopUpReversal => matches!((debit, credit), (Credit | Receivable, Bank | Cash)),
            Flow::Settle => matches!((debit, credit), (Credit, Receivable | OfflineLoss) | (Bank | Cash, Receivable)),
            Flow::Payout => matches!((debit, credit), (Credit, Payable) | (Payable, Bank | Cash)),
            Flow::Exchange => matches!((debit, credit), (Credit, OwnExchange) | (OwnExchange, Credit)),
            Flow::Save => matches!((debit, credit), (Budget | Reserve, Savings)),
            Flow::Lapse => matches!((debit, credit), (Budget | Reserve | Savings, Lapsed)),
            Flow::OfflineLoss => matches!((debit, credit), (OfflineLoss, ActivitySales | ExtraSales | OwnSales)),
        }
    }

    /// Whether a transfer of this flow between these accounts keeps every rule that the database checks.
    pub fn allows_accounts(self, debit: Account, credit: Account) -> bool {
        self.allows(debit.kind(), credit.kind())
            && debit.unit() == credit.unit()
            && debit.number() >> 48 == credit.number() >> 48
            && match (debit.wallet(), credit.wallet()) {
                (Some(debit), Some(credit)) => debit == credit,
                _ => true,
            }
    }
}
