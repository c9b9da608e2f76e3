//! What goes over the wire, as the model reads it: its own reading, of what was sent and of what was answered.

use serde::Deserialize;
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PayerText {
    Card(TapText),
    Wallet(u32),
}

/// The tap that pays, if a card does.
pub(super) const fn payer_tap(payer: &PayerText) -> Option<&TapText> {
    match payer {
        PayerText::Card(tap) => Some(tap),
        PayerText::Wallet(_) => None,
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TapText {
    pub id: Uuid,
    pub generation: u8,
    pub counter: u32,
    pub terminal_sequence: u64,
    pub terminal_nonce: String,
    pub holder_verification: String,
    pub amount_cents: i64,
    pub time_ms: u64,
    pub offline_total_cents: u32,
    pub offline_count: u8,
    pub script_number: u32,
    pub mac: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LineText {
    pub service: Uuid,
    pub quantity: u32,
    #[serde(default)]
    pub hold: Option<Uuid>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SaleText {
    pub id: Uuid,
    pub mode: String,
    #[serde(default)]
    pub instead_of: Option<Uuid>,
    #[serde(default)]
    pub location: Option<Uuid>,
    #[serde(default)]
    pub sold_at_ms: Option<u64>,
    pub price_list: u32,
    #[serde(default)]
    pub staff: Option<Uuid>,
    pub payer: PayerText,
    pub lines: Vec<LineText>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct BackText {
    pub line: usize,
    pub quantity: u32,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct RefundText {
    pub id: Uuid,
    pub staff: Option<Uuid>,
    pub lines: Vec<BackText>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ClientText {
    Card(Uuid),
    Wallet(u32),
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct VoidText {
    pub id: Uuid,
    pub staff: Option<Uuid>,
    pub client: ClientText,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct LegSaid {
    pub line: usize,
    pub from: String,
    pub to: String,
    pub unit: String,
    pub amount: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct LeftOutSaid {
    pub line: usize,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct AnswerSaid {
    pub id: Uuid,
    pub operation: String,
    pub outcome: String,
    #[serde(default)]
    pub reason: Option<String>,
    pub book_date: String,
    #[serde(default)]
    pub reference: Option<Uuid>,
    #[serde(default)]
    pub approved_cents: Option<i64>,
    #[serde(default)]
    pub left_out: Vec<LeftOutSaid>,
    #[serde(default)]
    pub legs: Vec<LegSaid>,
    #[serde(default)]
    pub card_answer: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct ProblemSaid {
    #[serde(rename = "type")]
    pub about: String,
    #[serde(default)]
    pub stored_to: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct ForwardsSaid {
    pub stored_to: u64,
    pub results: Vec<ResultSaid>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct ResultSaid {
    pub sequence: u64,
    pub state: String,
    #[serde(default)]
    pub answer: Option<AnswerSaid>,
}
