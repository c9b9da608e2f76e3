//! A terminal of another maker: online sales, refunds and voids, written straight from the contract. It keeps nothing, and
//! it does whatever it is told, so that it serves an honest shop and a thief alike.

use card_protocol::frame::{Authorise, Authorised, Complete, Selected, Status, decode_answer, select};
use card_protocol::transaction::EURO;
use card_protocol::{CardAnswer, HolderVerification, LineRecord, TransactionKind, basket_digest};
use serde_json::{Value, json};
use uuid::Uuid;

use super::network::Network;
use super::plastic::Plastic;
use crate::card::CardReader as _;
use crate::hex;
use crate::till::Request;

/// What a bare terminal signs for.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Basket {
    pub price_list: u32,
    pub lines: Vec<(Uuid, u32)>,
    /// The greatest that it may cost.
    pub cents: u64,
}

/// Who a bare terminal is, and how far it counted.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Bare {
    pub terminal: Uuid,
    pub location: Uuid,
    pub sequence: u64,
}

/// A tap, as the service reads one.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Tapped {
    pub json: Value,
    pub said: Authorised,
}

impl Bare {
    /// Has a card sign; none if it was pulled away or refuses.
    pub fn tap(
        &mut self,
        card: &mut Plastic,
        basket: &Basket,
        is_online: bool,
        now_ms: u64,
        nonce: [u8; 8],
    ) -> Option<Tapped> {
        let records: Vec<LineRecord> = basket.lines.iter().map(record).collect();
        let selected = ask(card, select().as_bytes()).and_then(|data| Selected::decode(&data).ok())?;
        self.sequence += 1;
        let asked = Authorise {
            terminal: self.terminal.into_bytes(),
            location: self.location.into_bytes(),
            terminal_sequence: self.sequence,
            terminal_nonce: nonce,
            kind: TransactionKind::Sale,
            currency: EURO,
            amount_cents: basket.cents,
            time_ms: now_ms,
            basket_digest: basket_digest(basket.price_list, &records)?,
            is_online,
        };
        let said = ask(card, asked.command().as_bytes()).and_then(|data| Authorised::decode(&data).ok())?;
        let json = json!({
            "id": Uuid::from_bytes(selected.card),
            "generation": said.generation,
            "counter": said.counter,
            "terminal_sequence": self.sequence,
            "terminal_nonce": hex::encode(&nonce),
            "holder_verification": match said.holder_verification {
                HolderVerification::None => "none",
                HolderVerification::Pin => "pin",
            },
            "amount_cents": basket.cents,
            "time_ms": now_ms,
            "offline_total_cents": said.offline_total_cents,
            "offline_count": said.offline_count,
            "script_number": said.script_number,
            "mac": hex::encode(&said.mac),
        });
        Some(Tapped { json, said })
    }

    /// A sale's JSON.
    pub fn sale(id: Uuid, mode: &str, basket: &Basket, payer: &Value, staff: Option<Uuid>) -> Value {
        let lines: Vec<Value> = basket
            .lines
            .iter()
            .map(|(service, quantity)| json!({ "service": service, "quantity": quantity }))
            .collect();
        let mut sale =
            json!({ "id": id, "mode": mode, "price_list": basket.price_list, "payer": payer, "lines": lines });
        if let Some(staff) = staff {
            sale["staff"] = staff.to_string().into();
        }
        sale
    }
}

/// A request by POST.
pub fn post(path: impl Into<String>, id: Uuid, json: &Value) -> Request {
    Request {
        ticket: 0,
        path: path.into(),
        query: None,
        post: Some((json.to_string().into(), id)),
        if_none_match: None,
        timeout_ms: 5000,
        clock_offset_ms: 0,
    }
}

/// Tells a card how its tap ended; whether it believed it.
pub fn complete(network: &mut Network, card: &mut Plastic, answer: &Value) {
    let Some(digits) = answer["card_answer"].as_str() else { return };
    let Some(told) = hex::decode::<{ CardAnswer::LENGTH }>(digits).and_then(|bytes| CardAnswer::decode(&bytes).ok())
    else {
        network.fail(format!("`card_answer` cannot be read: {digits}"));
        return;
    };
    let said = card.transmit(Complete { answer: told, script: None }.command().as_bytes());
    // torn, or another tap came between: neither says that the answer is wrong
    if let Ok((_, status)) = decode_answer(said.as_bytes())
        && status == Status::MAC_WRONG
    {
        network.fail(format!("card {} does not believe its answer {digits}", card.id()));
    }
}

fn record((service, quantity): &(Uuid, u32)) -> LineRecord {
    LineRecord { service: service.into_bytes(), quantity: *quantity, hold: [0; 16] }
}

fn ask(card: &mut Plastic, command: &[u8]) -> Option<Vec<u8>> {
    let answer = card.transmit(command);
    let (data, status) = decode_answer(answer.as_bytes()).ok()?;
    (status == Status::OK).then(|| data.to_vec())
}
