//! What a till sends beyond sales.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::request::{Client, Payer, SaleLine};

/// A sale that was made without the service, as it is journalled and forwarded.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Forward<'a> {
    pub id: Uuid,
    pub mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<Uuid>,
    pub location: Uuid,
    pub sold_at_ms: u64,
    pub price_list: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staff: Option<Uuid>,
    pub payer: &'a Payer,
    pub lines: &'a [SaleLine],
}

/// What a till reads back of its own records.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Forwarded {
    pub id: Uuid,
    #[serde(default)]
    pub instead_of: Option<Uuid>,
    pub sold_at_ms: u64,
    pub price_list: u32,
    pub payer: ForwardedPayer,
    pub lines: Vec<ForwardedLine>,
}

/// What was sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct ForwardedLine {
    pub service: Uuid,
    pub quantity: u32,
}

impl Forwarded {
    /// Its lines, without their holds.
    pub fn sale_lines(&self) -> Vec<SaleLine> {
        let line = |line: &ForwardedLine| SaleLine { service: line.service, quantity: line.quantity, hold: None };
        self.lines.iter().map(line).collect()
    }

    /// None of what is no sale.
    pub fn read(sale: &str) -> Option<Self> {
        serde_json::from_str(sale).ok()
    }
}

/// Who paid.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ForwardedPayer {
    Card(ForwardedTap),
    Wallet(u64),
}

impl ForwardedPayer {
    /// Who it is, and what the tap may cost.
    pub const fn client(&self) -> (Client, Option<u64>) {
        match self {
            Self::Card(tap) => (Client::Card(tap.id), Some(tap.amount_cents)),
            Self::Wallet(wallet) => (Client::Wallet(*wallet), None),
        }
    }
}

/// What counts against limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct ForwardedTap {
    pub id: Uuid,
    pub amount_cents: u64,
}

/// Records on their way.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Batch<'a> {
    pub id: Uuid,
    pub records: Vec<BatchRecord<'a>>,
}

/// One record.
#[derive(Clone, Debug, Serialize)]
pub(super) struct BatchRecord<'a> {
    pub sequence: u64,
    pub previous: String,
    pub hash: String,
    pub sale: &'a str,
}

/// What the service stored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Stored {
    pub stored_to: u64,
}

/// A sign of life.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Heartbeat {
    pub id: Uuid,
    pub journal_last: u64,
    pub journal_waiting: u64,
    pub version: &'static str,
}

/// Its answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Heard {
    pub time_ms: u64,
    #[serde(default)]
    pub location: Option<Uuid>,
    #[serde(default)]
    pub stored_to: Option<u64>,
}
