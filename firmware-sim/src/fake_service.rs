//! A stand-in for the service in this crate's own tests: it checks what cards signed and answers as the contract says.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use card_protocol::keys::{ResponseKey, TransactionKey};
use card_protocol::transaction::EURO;
use card_protocol::{
    CardAnswer, CardOutcome, Decision, HolderVerification, LineRecord, Secret, Transaction, TransactionKind,
    basket_digest,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use crate::hex;

/// The keys of `files::tests::card_json`.
pub(crate) const CARD_KEY: [u8; 32] = [0x0b; 32];

/// A record as it was stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredRecord {
    pub(crate) hash: String,
    /// The sale's id, if it can be read.
    pub(crate) id: Option<Uuid>,
    /// What was booked of it, in cents; none: nothing.
    pub(crate) booked: Option<u64>,
    pub(crate) reason: &'static str,
}

/// What it knows and did.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) answers: Mutex<HashMap<Uuid, Vec<u8>>>,
    counters: Mutex<HashMap<Uuid, u64>>,
    /// Every counter that was used.
    pub(crate) used: Mutex<HashSet<(Uuid, u64)>>,
    /// What was forwarded, by journal sequence.
    pub(crate) journal: Mutex<BTreeMap<u64, StoredRecord>>,
    /// Ids that book nothing any more: superseded or cancelled.
    pub(crate) closed: Mutex<HashSet<Uuid>>,
    /// Blocked cards; the version is their number.
    pub(crate) blocked: Mutex<Vec<Uuid>>,
    /// Where the terminal stands, in bytes of its id; 0: where its file says.
    pub(crate) moved_to: AtomicU32,
    /// The terminal was withdrawn.
    pub(crate) is_revoked: AtomicBool,
    /// How much its clock is ahead of the terminal's.
    pub(crate) clock_ahead_ms: AtomicI64,
    /// By its clock; 0: it has none.
    pub(crate) time_ms: AtomicU64,
    /// A script for whoever is answered next, in digits.
    pub(crate) script: Mutex<Option<String>>,
    /// Answers every sale, or every question after one, with this status and no words; 0: as it should.
    pub(crate) refuses_sales: AtomicU32,
    /// What is included for one kind of buyer is an extra for another.
    pub(crate) sells_to_others: AtomicBool,
    /// What becomes of captures and releases: this problem.
    pub(crate) holds_problem: Mutex<(u16, &'static str)>,
    /// Whatever is asked, a proxy answers with this status.
    pub(crate) refuses_all: AtomicU32,
    /// Answers every forward with this status.
    pub(crate) refuses_forwards: AtomicU32,
    /// The version of its prices.
    pub(crate) price_list: AtomicU32,
    /// Every so many sales are booked, and the connection closed without an answer; 0: none.
    pub(crate) loses_every: AtomicUsize,
    sales: AtomicUsize,
    /// How often the catalogue was sent whole.
    pub(crate) catalogues: AtomicUsize,
}

/// Starts it; answers its address.
pub(crate) async fn start(book: Arc<Book>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, Arc::clone(&book)));
        }
    });
    url
}

pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

async fn serve(mut stream: TcpStream, book: Arc<Book>) {
    let mut bytes = Vec::new();
    stream.set_nodelay(true).unwrap();
    while let Some(request) = read(&mut stream, &mut bytes).await {
        let Some((status, etag, body)) = book.answer(&request) else { return };
        let etag = etag.map_or_else(String::new, |etag| format!("etag: \"{etag}\"\r\n"));
        let mut reply = format!("HTTP/1.1 {status} X\r\n{etag}content-length: {}\r\n\r\n", body.len()).into_bytes();
        reply.extend(body);
        if stream.write_all(&reply).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Request> {
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                let body = bytes[end + 4..end + 4 + length].to_vec();
                bytes.drain(..end + 4 + length);
                let mut words = head.split(' ');
                let (method, path) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
                return Some(Request { method, path, head, body });
            }
        }
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
}

impl Book {
    /// Status, version and body; none: the connection is closed.
    pub(crate) fn answer(&self, request: &Request) -> Option<(u16, Option<u32>, Vec<u8>)> {
        let version = self.price_list.load(Ordering::Relaxed);
        let known = |etag: u32| request.head.contains(&format!("if-none-match: \"{etag}\""));
        let services = [1, 2, 3].map(|tag| json!({"id": Uuid::from_bytes([tag; 16]), "name": format!("Dienst {tag}")}));
        if let Some(refused) = self.refusal(&request.path) {
            return Some(refused);
        }
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/api/v1/catalogue") if known(7) => Some((304, Some(7), Vec::new())),
            ("GET", "/api/v1/catalogue") => {
                self.catalogues.fetch_add(1, Ordering::Relaxed);
                let place = json!({"id": Uuid::nil(), "name": "De Linde"});
                let body = json!({"organisation": "Zorggroep", "location": place, "services": services});
                Some((200, Some(7), body.to_string().into_bytes()))
            }
            ("GET", "/api/v1/price-list") if known(version) => Some((304, Some(version), Vec::new())),
            ("GET", "/api/v1/price-list") => {
                let price = |tag: u8| {
                    json!({"service": Uuid::from_bytes([tag; 16]), "buyer": "mpt", "kind": if tag == 2 { "included" } else { "extra" },
                           "price_cents": u32::from(tag) * 100, "vat_basis_points": 900})
                };
                let mut prices = [1, 2, 3].map(price).to_vec();
                if self.sells_to_others.load(Ordering::Relaxed) {
                    prices.push(json!({"service": Uuid::from_bytes([2; 16]), "buyer": "vpt", "kind": "extra", "price_cents": 200}));
                }
                let body = json!({"version": version, "valid_from": "2026-01-01", "prices": prices});
                Some((200, Some(version), body.to_string().into_bytes()))
            }
            ("POST", "/api/v1/sales") => {
                let answer = self.sell(&request.body);
                let loses = self.loses_every.load(Ordering::Relaxed);
                let number = self.sales.fetch_add(1, Ordering::Relaxed) + 1;
                let is_lost = loses > 0 && number.is_multiple_of(loses);
                (!is_lost).then_some((200, None, answer))
            }
            ("POST", path) if path.starts_with("/api/v1/holds/") => {
                let (status, slug) = *self.holds_problem.lock().unwrap();
                Some((status, None, json!({"type": format!("/problems/{slug}")}).to_string().into_bytes()))
            }
            ("GET", path) => {
                let id = Uuid::parse_str(path.rsplit('/').next().unwrap()).unwrap();
                let found = self.answers.lock().unwrap().get(&id).cloned();
                let problem = json!({"type": "/problems/sale-unknown", "status": 404}).to_string().into_bytes();
                Some(found.map_or((404, None, problem), |answer| (200, None, answer)))
            }
            _ => Some((404, None, Vec::new())),
        }
    }

    /// A status without words, as a proxy answers.
    pub(crate) fn refusal(&self, path: &str) -> Option<(u16, Option<u32>, Vec<u8>)> {
        let of_sales = if path.starts_with("/api/v1/sales") { self.refuses_sales.load(Ordering::Relaxed) } else { 0 };
        let status = self.refuses_all.load(Ordering::Relaxed).max(of_sales);
        (status != 0).then(|| (u16::try_from(status).unwrap(), None, Vec::new()))
    }

    fn sell(&self, body: &[u8]) -> Vec<u8> {
        let sale: Value = serde_json::from_slice(body).unwrap();
        let id = uuid_of(&sale["id"]);
        if let Some(known) = self.answers.lock().unwrap().get(&id) {
            return known.clone();
        }
        let is_closed = self.closed.lock().unwrap().contains(&id);
        let by_name = sale["payer"]["wallet"].is_u64();
        let answer = if is_closed {
            json!({"id": id, "operation": "sale", "outcome": "declined", "reason": "cancelled"})
                .to_string()
                .into_bytes()
        } else if by_name {
            let declined =
                |reason: &str| json!({"id": id, "operation": "sale", "outcome": "declined", "reason": reason});
            self.price(id, &sale, declined).to_string().into_bytes()
        } else {
            self.decide(id, &sale)
        };
        self.answers.lock().unwrap().insert(id, answer.clone());
        answer
    }

    fn decide(&self, id: Uuid, sale: &Value) -> Vec<u8> {
        let tap = &sale["payer"]["card"];
        let (card, generation, counter) = (uuid_of(&tap["id"]), 1, tap["counter"].as_u64().unwrap());
        let declined = |reason: &str| json!({"id": id, "operation": "sale", "outcome": "declined", "reason": reason});
        let for_card = |outcome, cents| {
            let key = ResponseKey::new(Secret::new(CARD_KEY));
            let counter = u32::try_from(counter).unwrap();
            hex::encode(
                &CardAnswer::sign(&key, card.as_bytes(), generation, counter, *id.as_bytes(), outcome, cents).encode(),
            )
        };
        if !is_signed(sale, Decision::Online) {
            return declined("card_mac_wrong").to_string().into_bytes();
        }
        let mut answer = {
            let mut counters = self.counters.lock().unwrap();
            let last = counters.entry(card).or_default();
            let is_used = counter <= *last;
            *last = counter.max(*last);
            self.used.lock().unwrap().insert((card, counter));
            if is_used { declined("counter_used") } else { self.price(id, sale, declined) }
        };
        let cents = answer["approved_cents"].as_u64().unwrap_or(0);
        let outcome = if answer["outcome"] == "approved" { CardOutcome::Approved } else { CardOutcome::Declined };
        answer["card_answer"] = for_card(outcome, cents).into();
        answer.to_string().into_bytes()
    }

    fn price(&self, id: Uuid, sale: &Value, declined: impl Fn(&str) -> Value) -> Value {
        if sale["price_list"].as_u64() != Some(self.price_list.load(Ordering::Relaxed).into()) {
            return declined("price_list_out_of_date");
        }
        let lines = sale["lines"].as_array().unwrap().iter().enumerate();
        let legs: Vec<Value> = lines
            .map(|(number, line)| {
                let each = u64::from(uuid_of(&line["service"]).as_bytes()[0]) * 100;
                let amount = each * line["quantity"].as_u64().unwrap();
                json!({"line": number, "from": "budget", "to": "extra_sales", "unit": "EUR", "amount": amount,
                       "why": "scheme_allows"})
            })
            .collect();
        let cents: u64 = legs.iter().map(|leg| leg["amount"].as_u64().unwrap()).sum();
        json!({"id": id, "operation": "sale", "outcome": "approved", "book_date": "2026-11-24",
               "approved_cents": cents, "legs": legs})
    }
}

pub(crate) fn uuid_of(value: &Value) -> Uuid {
    Uuid::parse_str(value.as_str().unwrap()).unwrap()
}

/// Puts together what the card must have signed from what was sent, as the service does.
pub(crate) fn is_signed(sale: &Value, decision: Decision) -> bool {
    let tap = &sale["payer"]["card"];
    let number = |name: &str| tap[name].as_u64().unwrap();
    let lines = sale["lines"].as_array().unwrap().iter().map(|line| LineRecord {
        service: *uuid_of(&line["service"]).as_bytes(),
        quantity: u32::try_from(line["quantity"].as_u64().unwrap()).unwrap(),
        hold: [0; 16],
    });
    let lines: Vec<LineRecord> = lines.collect();
    let price_list = u32::try_from(sale["price_list"].as_u64().unwrap()).unwrap();
    let transaction = Transaction {
        card: *uuid_of(&tap["id"]).as_bytes(),
        generation: 1,
        counter: u32::try_from(number("counter")).unwrap(),
        // the terminals of the tests are terminal and location 1
        terminal: [1; 16],
        location: [1; 16],
        terminal_sequence: number("terminal_sequence"),
        terminal_nonce: hex::decode(tap["terminal_nonce"].as_str().unwrap()).unwrap(),
        kind: TransactionKind::Sale,
        decision,
        holder_verification: match tap["holder_verification"].as_str() {
            Some("pin") => HolderVerification::Pin,
            _ => HolderVerification::None,
        },
        currency: EURO,
        amount_cents: number("amount_cents"),
        time_ms: number("time_ms"),
        basket_digest: basket_digest(price_list, &lines).unwrap(),
        offline_total_cents: u32::try_from(number("offline_total_cents")).unwrap(),
        offline_count: u8::try_from(number("offline_count")).unwrap(),
        script_number: u32::try_from(number("script_number")).unwrap(),
    };
    let mac = hex::decode(tap["mac"].as_str().unwrap()).unwrap();
    let key = TransactionKey::new(Secret::new(CARD_KEY));
    // a fleet has terminals 1, 2, 3, ..: each at a location of the same bytes
    let at = |tag: u8| Transaction { terminal: [tag; 16], location: [tag; 16], ..transaction };
    (1..=64).any(|tag| at(tag).is_signed(&key, &mac))
}
