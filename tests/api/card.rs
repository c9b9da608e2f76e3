//! A card and a terminal made from the files that the commands wrote; what they send can be wrong in every way.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use card_protocol::keys::{ResponseKey, Secret, TransactionKey};
use card_protocol::transaction::EURO;
use card_protocol::{
    CardAnswer, CardOutcome, Decision, HolderVerification, LineRecord, Transaction, TransactionKind, basket_digest,
};
use pasje::domain::hex::{from_hex, to_hex};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::service::{COFFEE, PRICE_LIST, SHOWER, WINE, read};

/// A terminal: who it is and what it signs with.
#[derive(Clone)]
pub struct Terminal {
    pub id: Uuid,
    pub location: Uuid,
    pub key: [u8; 32],
}

impl Terminal {
    pub fn read(file: &Path) -> Self {
        let file: Value = serde_json::from_str(&read(file)).unwrap();
        Self { id: uuid(&file["terminal"]), location: uuid(&file["location"]), key: key(&file["key"]) }
    }
}

/// A card with its keys and its counter.
pub struct Card {
    pub id: Uuid,
    pub generation: u8,
    pub transaction: [u8; 32],
    pub response: [u8; 32],
    /// All keys of it, as they stand in its file.
    pub keys: Vec<[u8; 32]>,
    counter: AtomicU32,
}

impl Card {
    pub fn read(file: &Path) -> Self {
        let file: Value = serde_json::from_str(&read(file)).unwrap();
        let keys = &file["keys"][0];
        let all = ["transaction", "response", "script", "offline_verify"].map(|name| key(&keys[name]));
        Self {
            id: uuid(&file["card"]),
            generation: keys["generation"].as_u64().unwrap().try_into().unwrap(),
            transaction: all[0],
            response: all[1],
            keys: all.to_vec(),
            counter: AtomicU32::new(0),
        }
    }

    /// A tap for these lines at this terminal, as it should be.
    pub fn tap<'a>(&'a self, terminal: &'a Terminal, lines: &'a [(Uuid, u32)]) -> Tap<'a> {
        let price = |service| match service {
            COFFEE => 250,
            WINE => 310,
            SHOWER => 1800,
            _ => 0,
        };
        Tap {
            id: Uuid::now_v7(),
            card: self,
            terminal,
            lines,
            counter: self.counter.fetch_add(1, Ordering::Relaxed) + 1,
            amount_cents: lines.iter().map(|(service, quantity)| price(*service) * u64::from(*quantity)).sum(),
            price_list: PRICE_LIST,
            mode: "online",
        }
    }

    /// Whether the service told this card this outcome of this tap.
    pub fn was_told(&self, answer: &Value, counter: u32, outcome: CardOutcome, approved_cents: u64) {
        let bytes: [u8; CardAnswer::LENGTH] = from_hex(answer["card_answer"].as_str().unwrap()).unwrap();
        let told = CardAnswer::decode(&bytes).unwrap();
        let key = ResponseKey::new(Secret::new(self.response));
        assert!(told.is_signed(&key, self.id.as_bytes(), self.generation, counter), "{answer}");
        assert!(!told.is_signed(&key, self.id.as_bytes(), self.generation, counter + 1));
        assert_eq!((told.outcome, told.approved_cents), (outcome, approved_cents), "{answer}");
        assert_eq!(Uuid::from_bytes(told.sale), uuid(&answer["id"]));
    }
}

/// A tap that can still be changed.
#[derive(Clone)]
pub struct Tap<'a> {
    pub id: Uuid,
    pub card: &'a Card,
    pub terminal: &'a Terminal,
    pub lines: &'a [(Uuid, u32)],
    pub counter: u32,
    pub amount_cents: u64,
    pub price_list: u32,
    pub mode: &'a str,
}

impl Tap<'_> {
    pub fn mac(&self) -> String {
        let record = |(service, quantity): &(Uuid, u32)| LineRecord {
            service: service.into_bytes(),
            quantity: *quantity,
            hold: [0; 16],
        };
        let records: Vec<LineRecord> = self.lines.iter().map(record).collect();
        let transaction = Transaction {
            card: self.card.id.into_bytes(),
            generation: self.card.generation,
            counter: self.counter,
            terminal: self.terminal.id.into_bytes(),
            location: self.terminal.location.into_bytes(),
            terminal_sequence: 12,
            terminal_nonce: *b"eightish",
            kind: if self.mode == "hold" { TransactionKind::Hold } else { TransactionKind::Sale },
            decision: if self.mode == "forward" { Decision::ApprovedOffline } else { Decision::Online },
            holder_verification: HolderVerification::None,
            currency: EURO,
            amount_cents: self.amount_cents,
            time_ms: 1_790_000_000_000,
            basket_digest: basket_digest(self.price_list, &records).unwrap(),
            offline_total_cents: 0,
            offline_count: 0,
            script_number: 0,
        };
        to_hex(&transaction.sign(&TransactionKey::new(Secret::new(self.card.transaction))))
    }

    /// The hold as an unattended terminal sends it.
    pub fn hold(&self, minutes: u32) -> Value {
        let mut hold = Tap { mode: "hold", ..self.clone() }.sale();
        hold["minutes"] = json!(minutes);
        hold.as_object_mut().unwrap().remove("mode");
        hold
    }

    /// The sale as a terminal sends it.
    pub fn sale(&self) -> Value {
        let lines: Vec<Value> =
            self.lines.iter().map(|(service, quantity)| json!({"service": service, "quantity": quantity})).collect();
        let card = json!({
            "id": self.card.id, "generation": self.card.generation, "counter": self.counter, "terminal_sequence": 12,
            "terminal_nonce": to_hex(b"eightish"), "holder_verification": "none", "amount_cents": self.amount_cents,
            "time_ms": 1_790_000_000_000_u64, "offline_total_cents": 0, "offline_count": 0, "script_number": 0,
            "mac": self.mac(),
        });
        json!({"id": self.id, "mode": self.mode, "price_list": self.price_list, "payer": {"card": card}, "lines": lines})
    }
}

pub fn uuid(value: &Value) -> Uuid {
    value.as_str().unwrap().parse().unwrap()
}

fn key(value: &Value) -> [u8; 32] {
    from_hex(value.as_str().unwrap()).unwrap()
}
