//! What the stand-in does for a till that was without a connection: cards, hotlist, heartbeat, forwards, voids, scripts.

use std::sync::atomic::Ordering;

use card_protocol::keys::{OfflineVerifyKey, ResponseKey};
use card_protocol::{CardAnswer, CardOutcome, Decision, Secret};
use hyper::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::Reply;
use crate::fake_service::{Book, CARD_KEY, Request, StoredRecord, is_signed, uuid_of};
use crate::hex;
use crate::journal::{NO_HASH, hash_of};
use crate::till;

/// The cards that may pay, by the byte of their id.
const CARDS: [u8; 3] = [5, 6, 7];

impl Book {
    /// Answers a till's request, as it would come over a connection.
    pub(crate) fn reply(&self, request: &till::Request) -> Reply {
        let etag = request.if_none_match.as_ref().map(|etag| format!("if-none-match: {etag}"));
        let path = match &request.query {
            Some(query) => format!("{}?{query}", request.path),
            None => request.path.clone(),
        };
        let read = Request {
            method: if request.post.is_some() { "POST" } else { "GET" }.to_owned(),
            path,
            head: etag.unwrap_or_default(),
            body: request.post.as_ref().map_or_else(Vec::new, |(body, _)| body.to_vec()),
        };
        let mut headers = HeaderMap::new();
        let offset_ms = request.clock_offset_ms;
        let (status, etag, body) = match self.clock_problem(offset_ms, &mut headers) {
            Some(problem) => problem,
            None => self.offline(&read).or_else(|| self.answer(&read)).unwrap(),
        };
        if let Some(etag) = etag {
            headers.insert("etag", HeaderValue::from_str(&format!("\"{etag}\"")).unwrap());
        }
        if read.path == "/api/v1/sales"
            && let Some(script) = self.script.lock().unwrap().take()
        {
            headers.insert("pasje-card-script", HeaderValue::from_str(&script).unwrap());
        }
        Reply::new(status, body, headers)
    }

    /// A terminal whose clock is off by hours is refused, with the right time.
    fn clock_problem(&self, offset_ms: i64, headers: &mut HeaderMap) -> Option<(u16, Option<u32>, Vec<u8>)> {
        let ahead_ms = self.clock_ahead_ms.load(Ordering::Relaxed);
        if offset_ms.abs_diff(ahead_ms) < 60_000 {
            return None;
        }
        headers.insert("date", HeaderValue::from_static("Wed, 25 Nov 2026 12:00:00 GMT"));
        Some((401, None, json!({"type": "/problems/signature-expired"}).to_string().into_bytes()))
    }

    fn offline(&self, request: &Request) -> Option<(u16, Option<u32>, Vec<u8>)> {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let ok = |value: Value| Some((200, None, value.to_string().into_bytes()));
        if let Some(refused) = self.refusal(path) {
            return Some(refused);
        }
        if self.is_revoked.load(Ordering::Relaxed) && path != "/api/v1/forwards" {
            return Some((401, None, json!({"type": "/problems/terminal-revoked"}).to_string().into_bytes()));
        }
        match (request.method.as_str(), path) {
            ("GET", "/api/v1/cards") => {
                let version = 9;
                if request.head.contains("\"9\"") {
                    return Some((304, Some(version), Vec::new()));
                }
                Some((200, Some(version), self.cards().to_string().into_bytes()))
            }
            ("GET", "/api/v1/hotlist") => {
                let blocked = self.blocked.lock().unwrap();
                let since: usize = query.strip_prefix("since=").unwrap().parse().unwrap();
                ok(json!({"version": blocked.len(), "blocked": blocked[since.min(blocked.len())..]}))
            }
            ("POST", "/api/v1/heartbeat") => {
                let stored_to = self.journal.lock().unwrap().keys().last().copied();
                let location = Uuid::from_bytes([self.location(); 16]);
                ok(json!({"time_ms": self.time_ms.load(Ordering::Relaxed), "location": location,
                          "stored_to": stored_to.unwrap_or(0)}))
            }
            ("POST", "/api/v1/forwards") => Some(self.forwards(&request.body)),
            ("POST", "/api/v1/card-scripts") => ok(self.card_script(&request.body)),
            ("POST", path) if path.ends_with("/void") => {
                let id = Uuid::parse_str(path.split('/').nth(4).unwrap()).unwrap();
                let known = self.answers.lock().unwrap().contains_key(&id) || self.forwarded(id).is_some();
                self.closed.lock().unwrap().insert(id);
                let is_stored = self.journal.lock().unwrap().values().any(|record| record.id == Some(id));
                if !known && is_stored {
                    return ok(json!({"id": Uuid::nil(), "operation": "void", "outcome": "declined",
                                     "reason": "not_approved"}));
                }
                let outcome = if known { "booked" } else { "cancelled_beforehand" };
                ok(json!({"id": Uuid::nil(), "operation": "void", "outcome": outcome}))
            }
            _ => None,
        }
    }

    fn location(&self) -> u8 {
        match u8::try_from(self.moved_to.load(Ordering::Relaxed)).unwrap() {
            0 => 1,
            other => other,
        }
    }

    fn cards(&self) -> Value {
        let verify = OfflineVerifyKey::new(Secret::new(CARD_KEY)).terminal_key(&[1; 16], &[self.location(); 16]);
        let verify = hex::encode(card_protocol::Key::secret(&verify).expose());
        let cards = CARDS.map(|tag| {
            json!({"card": Uuid::from_bytes([tag; 16]), "wallet": tag, "name": format!("mw. {tag}"),
                   "expires_on": if tag == 7 { "2026-11-24" } else { "2031-01-01" },
                   "keys": [{"generation": 1, "verify": verify}]})
        });
        json!({"version": 9, "cards": cards, "offline": {"tap_cents": 2500, "card_total_cents": 5000, "card_taps": 5,
               "terminal_total_cents": 20_000, "terminal_records": 30, "hours": 24}})
    }

    /// What was booked of a forward.
    pub(crate) fn forwarded(&self, id: Uuid) -> Option<u64> {
        let journal = self.journal.lock().unwrap();
        let booked: Vec<u64> =
            journal.values().filter(|record| record.id == Some(id)).filter_map(|record| record.booked).collect();
        assert!(booked.len() <= 1, "{id} was booked twice");
        booked.first().copied()
    }

    fn forwards(&self, body: &[u8]) -> (u16, Option<u32>, Vec<u8>) {
        let problem = |status: u16, slug: &str, stored_to: u64| {
            let text = json!({"type": format!("/problems/{slug}"), "status": status, "stored_to": stored_to});
            (status, None, text.to_string().into_bytes())
        };
        let refuses = self.refuses_forwards.load(Ordering::Relaxed);
        if refuses != 0 {
            return problem(u16::try_from(refuses).unwrap(), "refused", 0);
        }
        let batch: Value = serde_json::from_slice(body).unwrap();
        let mut journal = self.journal.lock().unwrap();
        let mut stored_to = journal.keys().last().copied().unwrap_or(0);
        let (mut results, mut fresh) = (Vec::new(), Vec::new());
        let mut last_hash = journal.values().last().map_or_else(|| hex::encode(&NO_HASH), |record| record.hash.clone());
        assert!(batch["records"].as_array().unwrap().len() <= 50);
        for record in batch["records"].as_array().unwrap() {
            let (sequence, hash) = (record["sequence"].as_u64().unwrap(), record["hash"].as_str().unwrap().to_owned());
            let (sale, previous) = (record["sale"].as_str().unwrap(), record["previous"].as_str().unwrap());
            let previous_hash = hex::decode(previous).unwrap();
            if hash != hex::encode(&hash_of(&previous_hash, sequence, sale.as_bytes())) {
                return problem(422, "journal-hash-wrong", stored_to);
            }
            match journal.get(&sequence) {
                Some(known) if known.hash != hash => return problem(409, "journal-conflict", stored_to),
                Some(_) => {}
                None if sequence != stored_to + 1 || previous != last_hash => {
                    return problem(409, "journal-gap", stored_to);
                }
                None => {
                    (stored_to, last_hash) = (sequence, hash.clone());
                    fresh.push((sequence, hash, sale.to_owned()));
                }
            }
            results.push(json!({"sequence": sequence, "state": "judged"}));
        }
        for (sequence, hash, sale) in fresh {
            let (id, booked, reason) = self.judge(&sale);
            journal.insert(sequence, StoredRecord { hash, id, booked, reason });
        }
        (200, None, json!({"stored_to": stored_to, "results": results}).to_string().into_bytes())
    }

    fn judge(&self, text: &str) -> (Option<Uuid>, Option<u64>, &'static str) {
        let sale: Value = serde_json::from_str(text).unwrap();
        let id = uuid_of(&sale["id"]);
        if let Some(attempt) = sale["instead_of"].as_str() {
            let attempt = Uuid::parse_str(attempt).unwrap();
            let answer = self.answers.lock().unwrap().get(&attempt).cloned();
            if answer.is_some_and(|answer| String::from_utf8(answer).unwrap().contains("\"approved\"")) {
                return (Some(id), None, "already_booked");
            }
            self.closed.lock().unwrap().insert(attempt);
        }
        let lines = sale["lines"].as_array().unwrap().iter();
        let cents = lines
            .map(|line| u64::from(uuid_of(&line["service"]).as_bytes()[0]) * 100 * line["quantity"].as_u64().unwrap());
        let cents = cents.sum();
        if sale["payer"]["wallet"].is_u64() {
            return (Some(id), Some(cents), "");
        }
        if !is_signed(&sale, Decision::ApprovedOffline) {
            return (Some(id), None, "card_mac_wrong");
        }
        let tap = &sale["payer"]["card"];
        if !self.used.lock().unwrap().insert((uuid_of(&tap["id"]), tap["counter"].as_u64().unwrap())) {
            return (Some(id), None, "counter_used");
        }
        (Some(id), Some(cents), "")
    }

    fn card_script(&self, body: &[u8]) -> Value {
        let wanted: Value = serde_json::from_slice(body).unwrap();
        let decision = if wanted["decision"] == "declined" { Decision::Declined } else { Decision::Online };
        let mut sale = wanted.clone();
        sale["payer"] = json!({"card": wanted["card"]});
        if !is_signed(&sale, decision) {
            return json!({"card_answer": null, "script": null});
        }
        let key = ResponseKey::new(Secret::new(CARD_KEY));
        let (card, sale) = (uuid_of(&wanted["card"]["id"]), uuid_of(&wanted["id"]));
        let counter = u32::try_from(wanted["card"]["counter"].as_u64().unwrap()).unwrap();
        let answer = CardAnswer::sign(&key, card.as_bytes(), 1, counter, *sale.as_bytes(), CardOutcome::Declined, 0);
        json!({"card_answer": hex::encode(&answer.encode()), "script": self.script.lock().unwrap().take()})
    }
}
