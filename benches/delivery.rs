//! Journals of tills that were cut off for long: signed as cards and terminals sign them, and posted as fast as the
//! service takes them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use card_protocol::HolderVerification;
use chrono::Utc;
use hmac::{Hmac, KeyInit, Mac};
use pasje::domain::account::OrganisationId;
use pasje::domain::basket::{Basket, BasketLine};
use pasje::domain::forward::{NOTHING_BEFORE, Record};
use pasje::domain::hex::to_hex;
use pasje::domain::money::Amount;
use pasje::domain::operation::OperationId;
use pasje::domain::sale::{Payer, SaleMode, SaleRequest, Terminal};
use pasje::domain::tap::Tap;
use pasje::services::key_store::KeyStore;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{Failure, seed};

/// Records in a request.
const AT_ONCE: usize = 50;

/// A till with what it sold offline.
pub struct Till {
    pub id: Uuid,
    pub key: [u8; 32],
    /// The bodies of its requests, in order, with their ids.
    pub bodies: Vec<(Uuid, Vec<u8>)>,
}

/// A coffee and a glass of wine, approved by a card offline.
fn sale(keys: &dyn KeyStore, terminal: Terminal, card: Uuid, counter: u32) -> Result<Value, Failure> {
    let tap = Tap {
        card,
        generation: keys.generation(),
        counter,
        terminal_sequence: counter.into(),
        terminal_nonce: [0; 8],
        holder_verification: HolderVerification::None,
        amount: Amount::cents(560)?,
        time_ms: 0,
        offline_total_cents: 0,
        offline_count: 0,
        script_number: 0,
        mac: [0; 16],
    };
    let line = |service| BasketLine { service, quantity: 1, hold: None };
    let request = SaleRequest {
        id: OperationId::new(Uuid::now_v7())?,
        terminal,
        payer: Payer::Card(tap),
        mode: SaleMode::Forward { instead_of: None },
        staff: None,
        price_list: 1,
        basket: Basket::new(vec![line(seed::COFFEE), line(seed::WINE)])?,
    };
    let key = keys.transaction_key(card.as_bytes(), tap.generation).ok_or("no key")?;
    let (transaction, _) = request.transaction().ok_or("no transaction")?;
    Ok(json!({
        "id": request.id.uuid(), "mode": "forward", "location": terminal.location, "sold_at_ms": 0, "price_list": 1,
        "payer": {"card": {
            "id": card, "generation": tap.generation, "counter": counter, "terminal_sequence": counter,
            "terminal_nonce": to_hex(&tap.terminal_nonce), "holder_verification": "none", "amount_cents": 560,
            "time_ms": 0, "offline_total_cents": 0, "offline_count": 0, "script_number": 0,
            "mac": to_hex(&transaction.sign(&key)),
        }},
        "lines": [{"service": seed::COFFEE, "quantity": 1}, {"service": seed::WINE, "quantity": 1}],
    }))
}

/// A journal of `count` sales, each of the next of `cards`.
pub fn journal(keys: &dyn KeyStore, id: Uuid, key: [u8; 32], cards: &[u32], count: usize) -> Result<Till, Failure> {
    let organisation = OrganisationId::new(1).ok_or("organisation")?;
    let terminal = Terminal { id, organisation, location: seed::LOCATION };
    let mut previous = NOTHING_BEFORE;
    let mut records = Vec::with_capacity(AT_ONCE);
    let mut bodies = Vec::new();
    for (sequence, at) in (1_i64..).zip(0..count) {
        let card = cards.get(at % cards.len()).copied().ok_or("no cards")?;
        let text = sale(keys, terminal, seed::card(card), u32::try_from(at / cards.len())? + 1)?.to_string();
        let hash = Record::hash_of(&previous, sequence, text.as_bytes());
        records.push(json!({"sequence": sequence, "previous": to_hex(&previous), "hash": to_hex(&hash), "sale": text}));
        previous = hash;
        if records.len() == AT_ONCE || at + 1 == count {
            let id = Uuid::now_v7();
            bodies.push((id, serde_json::to_vec(&json!({"id": id, "records": std::mem::take(&mut records)}))?));
        }
    }
    Ok(Till { id, key, bodies })
}

/// Posts a till's journal, one request after the other; counts the records that are stored.
pub fn deliver(till: &Till, authority: &str, stored: &AtomicU64) -> Result<(), Failure> {
    let mut stream = TcpStream::connect(authority)?;
    stream.set_nodelay(true)?;
    for (id, body) in &till.bodies {
        stream.write_all(&request(till, authority, *id, body)?)?;
        let answer = read_answer(&mut stream)?;
        let answer: Value = serde_json::from_slice(&answer)
            .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&answer)))?;
        let results = answer["results"].as_array().ok_or_else(|| format!("not stored: {answer}"))?;
        stored.fetch_add(results.len() as u64, Ordering::Relaxed);
    }
    Ok(())
}

fn request(till: &Till, authority: &str, id: Uuid, body: &[u8]) -> Result<Vec<u8>, Failure> {
    let (now, nonce, path) = (Utc::now().timestamp(), Uuid::new_v4(), "/api/v1/forwards");
    let digest = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)));
    let input = format!(
        "(\"@method\" \"@authority\" \"@path\" \"@query\" \"content-digest\" \"content-type\" \"idempotency-key\")\
         ;created={now};expires={};nonce=\"{nonce}\";keyid=\"{}\";tag=\"pasje-terminal\"",
        now + 60,
        till.id
    );
    let base = format!(
        "\"@method\": POST\n\"@authority\": {authority}\n\"@path\": {path}\n\"@query\": ?\n\"content-digest\": {digest}\n\
         \"content-type\": application/json\n\"idempotency-key\": \"{id}\"\n\"@signature-params\": {input}"
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(&till.key)?;
    mac.update(base.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Content-Digest: {digest}\r\nIdempotency-Key: \"{id}\"\r\nSignature-Input: sig={input}\r\n\
         Signature: sig=:{signature}:\r\n\r\n",
        body.len()
    );
    Ok([head.as_bytes(), body].concat())
}

/// The body of an answer that tells its length, as the service's do.
fn read_answer(stream: &mut TcpStream) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.ok_or("an answer without a length")?.trim().parse()?;
            if bytes.len() >= end + 4 + length {
                return Ok(bytes.split_off(end + 4));
            }
        }
        match stream.read(&mut chunk)? {
            0 => return Err("the service hung up".into()),
            count => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}
