//! What a terminal sends, as the service reads it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::hex::Hex;

/// Whether a part may be sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// What cannot be paid is left out.
    Online,
    /// All lines or none.
    Whole,
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct SaleLine {
    pub service: Uuid,
    pub quantity: u32,
    /// The hold of a planned occurrence that it gives back first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Uuid>,
}

/// How the holder was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum HolderCheck {
    None,
    Pin,
}

/// What a card signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct CardTap {
    pub id: Uuid,
    pub generation: u8,
    pub counter: u32,
    pub terminal_sequence: u64,
    pub terminal_nonce: Hex<8>,
    pub holder_verification: HolderCheck,
    pub amount_cents: u64,
    pub time_ms: u64,
    pub offline_total_cents: u32,
    pub offline_count: u8,
    pub script_number: u32,
    pub mac: Hex<16>,
}

/// Who pays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Payer {
    /// By tap.
    Card(CardTap),
    /// By name: the number of the client's wallet.
    Wallet(u64),
}

/// A sale.
#[derive(Clone, Copy, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Sale<'a> {
    pub id: Uuid,
    pub mode: Mode,
    pub price_list: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staff: Option<Uuid>,
    pub payer: &'a Payer,
    pub lines: &'a [SaleLine],
}

/// A line that is given back in part or whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct RefundLine {
    pub line: usize,
    pub quantity: u32,
}

/// A refund.
#[derive(Clone, Copy, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Refund<'a> {
    pub id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staff: Option<Uuid>,
    pub lines: &'a [RefundLine],
}

/// Whose sale is undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Client {
    Card(Uuid),
    Wallet(u64),
}

/// A void.
#[derive(Clone, Copy, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Void {
    pub id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub staff: Option<Uuid>,
    pub client: Client,
}

/// What a card sets aside.
#[derive(Clone, Copy, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Hold<'a> {
    pub id: Uuid,
    pub price_list: u32,
    pub payer: HoldPayer<'a>,
    pub lines: &'a [SaleLine],
    pub minutes: u16,
}

/// By tap.
#[derive(Clone, Copy, Debug, Serialize)]
#[allow(missing_docs)]
pub struct HoldPayer<'a> {
    pub card: &'a CardTap,
}

/// What of a hold was delivered.
#[derive(Clone, Copy, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Capture<'a> {
    pub id: Uuid,
    pub lines: &'a [CaptureLine],
}

/// A line of the hold, and how many of it were delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct CaptureLine {
    pub line: usize,
    pub quantity: u32,
}

/// Nothing more of a hold will be delivered.
#[derive(Clone, Copy, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Release {
    pub id: Uuid,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_sale_by_card_has_the_fields_of_the_contract() {
        let payer = Payer::Card(CardTap {
            id: Uuid::nil(),
            generation: 1,
            counter: 7,
            terminal_sequence: 12,
            terminal_nonce: Hex([0xab; 8]),
            holder_verification: HolderCheck::None,
            amount_cents: 560,
            time_ms: 1_790_000_000_000,
            offline_total_cents: 0,
            offline_count: 0,
            script_number: 0,
            mac: Hex([0xcd; 16]),
        });
        let lines = [SaleLine { service: Uuid::nil(), quantity: 1, hold: None }];
        let sale =
            Sale { id: Uuid::nil(), mode: Mode::Online, price_list: 3, staff: None, payer: &payer, lines: &lines };
        let nil = Uuid::nil();
        assert_eq!(
            serde_json::to_value(sale).unwrap(),
            serde_json::json!({"id": nil, "mode": "online", "price_list": 3,
                "payer": {"card": {"id": nil, "generation": 1, "counter": 7, "terminal_sequence": 12,
                    "terminal_nonce": "abababababababab", "holder_verification": "none", "amount_cents": 560,
                    "time_ms": 1_790_000_000_000_u64, "offline_total_cents": 0, "offline_count": 0, "script_number": 0,
                    "mac": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"}},
                "lines": [{"service": nil, "quantity": 1}]})
        );
    }

    #[test]
    fn a_payer_by_name_and_a_void_name_the_wallet() {
        assert_eq!(serde_json::to_value(Payer::Wallet(17)).unwrap(), serde_json::json!({"wallet": 17}));
        let void = Void { id: Uuid::nil(), staff: None, client: Client::Wallet(17) };
        let expected = serde_json::json!({"id": Uuid::nil(), "client": {"wallet": 17}});
        assert_eq!(serde_json::to_value(void).unwrap(), expected);
    }
}
