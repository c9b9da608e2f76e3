//! A virtual card of the firmware, tapped as a terminal taps it: what it signs goes to the service, what the service answers
//! goes to the card.

use std::path::PathBuf;

use card_protocol::frame::{Authorise, Authorised, Complete, Selected, Status, decode_answer, select};
use card_protocol::pin::PinBlock;
use card_protocol::script::Script;
use card_protocol::transaction::EURO;
use card_protocol::{CardAnswer, Decision, HolderVerification, LineRecord, TransactionKind, basket_digest};
use firmware_sim::card::{CardReader as _, CardState};
use firmware_sim::files::CardOnFile;
use pasje::domain::hex::{from_hex, to_hex};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::card::Terminal;
use crate::service::{COFFEE, Client, House, PRICE_LIST, SHOWER, Serving, WINE};
use crate::wire::Reply;

pub struct VirtualCard {
    pub id: Uuid,
    pub file: PathBuf,
    card: CardOnFile,
    sequence: u64,
}

/// What the card signed, and what it was asked.
#[derive(Clone)]
pub struct Signed {
    pub said: Authorised,
    asked: Authorise,
    card: Uuid,
    lines: Vec<(Uuid, u32)>,
    pub price_list: u32,
}

impl House {
    pub fn virtual_card(&self, client: &Client, options: &[&str]) -> VirtualCard {
        let file = self.path(&format!("virtual-{}.json", Uuid::new_v4().simple()));
        let number = client.number.to_string();
        let fixed = ["card", "issue", "--wallet", &number, "--out", file.to_str().unwrap()];
        self.run(&[&fixed[..], options].concat());
        VirtualCard::open(file)
    }

    /// A card whose holder knows this PIN, asked for above this many cents.
    pub fn card_with_pin(&self, client: &Client, pin: &str, pin_free: &str) -> VirtualCard {
        let digits = self.path(&format!("pin-{}", Uuid::new_v4().simple()));
        std::fs::write(&digits, pin).unwrap();
        self.virtual_card(client, &["--pin-file", digits.to_str().unwrap(), "--pin-free", pin_free])
    }
}

impl VirtualCard {
    pub fn open(file: PathBuf) -> Self {
        let card = CardOnFile::open(&file).unwrap();
        let text: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        Self { id: crate::card::uuid(&text["card"]), file, card, sequence: 0 }
    }

    pub fn id(&self) -> String {
        self.id.to_string()
    }

    pub fn state(&self) -> CardState {
        *self.card.card.state()
    }

    fn transmit(&mut self, command: &[u8]) -> (Vec<u8>, Status) {
        let answer = self.card.card.transmit(command);
        let (data, status) = decode_answer(answer.as_bytes()).unwrap();
        (data.to_vec(), status)
    }

    pub fn select(&mut self) -> Selected {
        let (data, status) = self.transmit(select().as_bytes());
        assert_eq!(status, Status::OK);
        Selected::decode(&data).unwrap()
    }

    pub fn verify(&mut self, pin: &str) -> Status {
        self.transmit(PinBlock::of_digits(pin.as_bytes()).unwrap().command().as_bytes()).1
    }

    /// A tap where the service can be asked.
    pub fn tap(&mut self, terminal: &Terminal, lines: &[(Uuid, u32)]) -> Signed {
        self.select();
        self.authorise(terminal, lines, true)
    }

    /// One where it cannot.
    pub fn tap_offline(&mut self, terminal: &Terminal, lines: &[(Uuid, u32)]) -> Signed {
        self.select();
        self.authorise(terminal, lines, false)
    }

    /// The card is selected, and its PIN may have been verified.
    pub fn authorise(&mut self, terminal: &Terminal, lines: &[(Uuid, u32)], is_online: bool) -> Signed {
        let price = |service| match service {
            COFFEE => 250,
            WINE => 310,
            SHOWER => 1800,
            _ => 0,
        };
        let record = |(service, quantity): &(Uuid, u32)| LineRecord {
            service: service.into_bytes(),
            quantity: *quantity,
            hold: [0; 16],
        };
        let records: Vec<LineRecord> = lines.iter().map(record).collect();
        self.sequence += 1;
        let asked = Authorise {
            terminal: terminal.id.into_bytes(),
            location: terminal.location.into_bytes(),
            terminal_sequence: self.sequence,
            terminal_nonce: *b"eightish",
            kind: TransactionKind::Sale,
            currency: EURO,
            amount_cents: lines.iter().map(|(service, quantity)| price(*service) * u64::from(*quantity)).sum(),
            time_ms: 1_790_000_000_000,
            basket_digest: basket_digest(PRICE_LIST, &records).unwrap(),
            is_online,
        };
        let (data, status) = self.transmit(asked.command().as_bytes());
        assert_eq!(status, Status::OK);
        let said = Authorised::decode(&data).unwrap();
        Signed { said, asked, card: self.id, lines: lines.to_vec(), price_list: PRICE_LIST }
    }

    /// Tells the card what the service answered, and the script that came with it.
    pub fn complete(&mut self, answer: &Value, script: Option<&str>) -> Status {
        let answer = CardAnswer::decode(&from_hex::<41>(answer.as_str().expect("a card_answer")).unwrap()).unwrap();
        let script = script.map(|script| Script::decode(&from_hex::<37>(script).unwrap()).unwrap());
        self.transmit(Complete { answer, script }.command().as_bytes()).1
    }

    /// Taps, sells, and tells the card all that it is to be told.
    pub fn sell(&mut self, serving: &Serving, terminal: &Terminal, lines: &[(Uuid, u32)]) -> Reply {
        let tap = self.tap(terminal, lines);
        let reply = serving.sell(terminal, &tap.sale());
        if let Some(told) = reply.decided().get("card_answer") {
            assert_eq!(self.complete(told, script_of(&reply)), Status::OK, "{}", reply.text());
        }
        reply
    }

    /// Taps for nothing but a script, and tells the card what it is told.
    pub fn fetch(&mut self, serving: &Serving, terminal: &Terminal) -> Option<Script> {
        let tap = self.tap(terminal, &[(COFFEE, 1)]);
        let told = serving.post(terminal, "/api/v1/card-scripts", &tap.asking()).decided();
        let script = told["script"].as_str();
        assert_eq!(self.complete(&told["card_answer"], script), Status::OK, "{told}");
        script.map(decoded)
    }
}

/// The script in an answer's header.
pub fn script_of(reply: &Reply) -> Option<&str> {
    reply.header("pasje-card-script")
}

pub fn decoded(hex: &str) -> Script {
    Script::decode(&from_hex::<37>(hex).unwrap()).unwrap()
}

impl Signed {
    fn tap(&self) -> Value {
        let Authorised { generation, counter, holder_verification, offline_total_cents, offline_count, .. } = self.said;
        json!({
            "id": self.card, "generation": generation, "counter": counter,
            "terminal_sequence": self.asked.terminal_sequence, "terminal_nonce": to_hex(&self.asked.terminal_nonce),
            "holder_verification": if holder_verification == HolderVerification::Pin { "pin" } else { "none" },
            "amount_cents": self.asked.amount_cents, "time_ms": self.asked.time_ms,
            "offline_total_cents": offline_total_cents, "offline_count": offline_count,
            "script_number": self.said.script_number, "mac": to_hex(&self.said.mac),
        })
    }

    fn lines(&self) -> Vec<Value> {
        self.lines.iter().map(|(service, quantity)| json!({"service": service, "quantity": quantity})).collect()
    }

    /// The sale, under a new id.
    pub fn sale(&self) -> Value {
        self.sale_in("online")
    }

    pub fn sale_in(&self, mode: &str) -> Value {
        json!({
            "id": Uuid::now_v7(), "mode": mode, "price_list": self.price_list, "payer": {"card": self.tap()},
            "lines": self.lines(),
        })
    }

    /// The tap, to ask for a script with.
    pub fn asking(&self) -> Value {
        let decision = if self.said.decision == Decision::Online { "online" } else { "declined" };
        json!({
            "id": Uuid::now_v7(), "decision": decision, "price_list": self.price_list, "card": self.tap(),
            "lines": self.lines(),
        })
    }
}
