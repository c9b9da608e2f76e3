//! What a card signed, as it is sent and as it is checked.

use card_protocol::frame::{Authorise, Authorised};
use card_protocol::{HolderVerification, LineRecord, Transaction, basket_digest};
use uuid::Uuid;

use crate::hex::Hex;
use crate::request::{CardTap, HolderCheck, SaleLine};

/// What a card signs of the basket; none if it has no lines, or too many.
pub(super) fn digest(price_list: u32, lines: &[SaleLine]) -> Option<[u8; 16]> {
    let lines: Vec<LineRecord> = lines
        .iter()
        .map(|line| LineRecord {
            service: *line.service.as_bytes(),
            quantity: line.quantity,
            hold: line.hold.map_or([0; 16], |hold| *hold.as_bytes()),
        })
        .collect();
    basket_digest(price_list, &lines)
}

pub(super) fn card_tap(card: [u8; 16], asked: &Authorise, signed: &Authorised) -> CardTap {
    CardTap {
        id: Uuid::from_bytes(card),
        generation: signed.generation,
        counter: signed.counter,
        terminal_sequence: asked.terminal_sequence,
        terminal_nonce: Hex(asked.terminal_nonce),
        holder_verification: match signed.holder_verification {
            HolderVerification::None => HolderCheck::None,
            HolderVerification::Pin => HolderCheck::Pin,
        },
        amount_cents: asked.amount_cents,
        time_ms: asked.time_ms,
        offline_total_cents: signed.offline_total_cents,
        offline_count: signed.offline_count,
        script_number: signed.script_number,
        mac: Hex(signed.mac),
    }
}

pub(super) const fn transaction(card: [u8; 16], asked: &Authorise, signed: &Authorised) -> Transaction {
    Transaction {
        card,
        generation: signed.generation,
        counter: signed.counter,
        terminal: asked.terminal,
        location: asked.location,
        terminal_sequence: asked.terminal_sequence,
        terminal_nonce: asked.terminal_nonce,
        kind: asked.kind,
        decision: signed.decision,
        holder_verification: signed.holder_verification,
        currency: asked.currency,
        amount_cents: asked.amount_cents,
        time_ms: asked.time_ms,
        basket_digest: asked.basket_digest,
        offline_total_cents: signed.offline_total_cents,
        offline_count: signed.offline_count,
        script_number: signed.script_number,
    }
}
