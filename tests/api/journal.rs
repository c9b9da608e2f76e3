//! A terminal's journal of what it sold offline, and its delivery.

use pasje::domain::hex::{from_hex, to_hex};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::card::{Card, Tap, Terminal};
use crate::service::{Serving, wait_until};
use crate::wire::Reply;

/// What was written so far; the records can still be changed.
#[derive(Clone, Default)]
pub struct Journal {
    pub records: Vec<Value>,
}

/// A sale that the card approved offline.
pub fn offline<'a>(card: &'a Card, terminal: &'a Terminal, lines: &'a [(Uuid, u32)]) -> Tap<'a> {
    Tap { mode: "forward", ..card.tap(terminal, lines) }
}

/// As the journal has it.
pub fn sale_of(tap: &Tap<'_>, instead_of: Option<Uuid>) -> Value {
    let mut sale = tap.sale();
    sale["location"] = json!(tap.terminal.location);
    sale["sold_at_ms"] = json!(1_790_000_000_000_u64);
    if let Some(attempt) = instead_of {
        sale["instead_of"] = json!(attempt);
    }
    sale
}

/// Registered by staff on the client, without a card.
pub fn by_name(terminal: &Terminal, wallet: u32, service: Uuid) -> Value {
    json!({"id": Uuid::now_v7(), "mode": "forward", "location": terminal.location, "sold_at_ms": 1, "price_list": 3,
           "staff": Uuid::new_v4(), "payer": {"wallet": wallet}, "lines": [{"service": service, "quantity": 1}]})
}

impl Journal {
    /// Writes a record; answers its sequence.
    pub fn write(&mut self, sale: &str) -> i64 {
        let sequence = i64::try_from(self.records.len()).unwrap() + 1;
        let previous = self.records.last().map_or_else(|| "0".repeat(64), |last| text(&last["hash"]));
        let mut hash = Sha256::new();
        hash.update(from_hex::<32>(&previous).unwrap());
        hash.update(sequence.to_be_bytes());
        hash.update(sale.as_bytes());
        let hash = to_hex(&hash.finalize());
        self.records.push(json!({"sequence": sequence, "previous": previous, "hash": hash, "sale": sale}));
        sequence
    }

    pub fn sell(&mut self, tap: &Tap<'_>) -> i64 {
        self.write(&sale_of(tap, None).to_string())
    }

    /// These records, by sequence.
    pub fn body(&self, sequences: impl IntoIterator<Item = i64>) -> Value {
        let record = |sequence: i64| self.records[usize::try_from(sequence - 1).unwrap()].clone();
        json!({"id": Uuid::now_v7(), "records": sequences.into_iter().map(record).collect::<Vec<_>>()})
    }

    /// Delivers these records, which must be stored, and answers what each was judged to.
    pub fn deliver(
        &self,
        serving: &Serving,
        terminal: &Terminal,
        sequences: impl IntoIterator<Item = i64>,
    ) -> Vec<Value> {
        let sequences: Vec<i64> = sequences.into_iter().collect();
        let mut results = Vec::new();
        // a machine that is busy judges them a little later
        wait_until("all are judged", || {
            let answer = serving.forward(terminal, &self.body(sequences.iter().copied())).decided();
            results.clone_from(answer["results"].as_array().unwrap());
            results.iter().all(|result| result["state"] != "pending")
        });
        results
    }
}

impl Serving {
    pub fn forward(&self, terminal: &Terminal, body: &Value) -> Reply {
        self.post(terminal, "/api/v1/forwards", body)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Outcome or reason of a result that must have been judged.
#[track_caller]
pub fn judged(result: &Value) -> String {
    assert_eq!(result["state"], "judged", "{result}");
    text(&result["answer"]["outcome"])
}

/// Why a result is in review; empty where the ledger has nothing of it.
#[track_caller]
pub fn in_review(result: &Value) -> String {
    assert_eq!(result["state"], "review", "{result}");
    result["answer"]["reason"].as_str().unwrap_or_default().to_owned()
}
