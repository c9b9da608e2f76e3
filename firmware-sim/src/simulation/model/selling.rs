//! What becomes of a sale, first things first: known id, tombstone, window, card, MAC, counter, amount, lines.

use card_protocol::{Decision, HolderVerification, LineRecord, Transaction, TransactionKind, basket_digest};
use uuid::Uuid;

use super::paying::{Caps, Entry, Item, Manner, Paid, pay};
use super::reading::{LineText, PayerText, SaleText, TapText};
use super::{Delivery, Expected, Model, Operation, Problem, Sold};
use crate::hex;
use crate::simulation::world::Age;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
pub(super) const WINDOW: u32 = 256;
/// How far ahead the ledger takes an id that must never be booked.
const DAYS_AHEAD: u64 = 31;
pub(super) const TOO_NEW: Problem = (422, "id-too-new");

/// A sale as it is asked for, by whom.
pub(super) struct Ask<'a> {
    pub sale: &'a SaleText,
    pub terminal: Uuid,
    pub location: Uuid,
    pub is_forward: bool,
    pub now_ms: u64,
}

/// What a card says that it signed, beside what stands in its tap.
pub(super) struct Claim<'a> {
    pub terminal: Uuid,
    pub location: Uuid,
    pub price_list: u32,
    pub lines: &'a [LineText],
    pub decision: Decision,
}

impl Model {
    pub(super) fn post_sale(&mut self, delivery: &Delivery<'_>) -> Expected {
        let malformed = Expected::Problem((422, "request-malformed"));
        let Ok(sale) = serde_json::from_slice::<SaleText>(delivery.body) else { return malformed };
        let by_nobody = matches!(sale.payer, PayerText::Wallet(_)) && sale.staff.is_none();
        if by_nobody || !matches!(sale.mode.as_str(), "online" | "whole") || sale.instead_of.is_some() {
            return malformed;
        }
        let Some(terminal) = self.terminals.get(&delivery.terminal) else { return malformed };
        let ask = Ask {
            sale: &sale,
            terminal: delivery.terminal,
            location: terminal.location,
            is_forward: false,
            now_ms: delivery.now_ms,
        };
        match self.sell(&ask) {
            Ok(()) => Expected::Operation(sale.id),
            Err(problem) => Expected::Problem(problem),
        }
    }

    /// Decides a sale and writes it; nothing if it stands there already.
    pub(super) fn sell(&mut self, ask: &Ask<'_>) -> Result<(), Problem> {
        let sale = ask.sale;
        let request = fingerprint(ask);
        if let Some(known) = self.operations.get(&sale.id) {
            let is_same = known.kind == "sale" && known.request.as_ref().is_none_or(|known| *known == request);
            return if is_same { Ok(()) } else { Err((409, "id-reused")) };
        }
        check_window(sale.id, ask.now_ms)?;
        let by_name = matches!(sale.payer, PayerText::Wallet(_));
        if let Some(attempt) = sale.instead_of
            && by_name
            && check_window(attempt, ask.now_ms) == Err(TOO_NEW)
            && !may_bury(attempt, ask.now_ms)
        {
            // it could still come, and no counter would stop it
            return Err(TOO_NEW);
        }
        let mut operation = Operation {
            kind: "sale",
            outcome: "declined",
            reason: None,
            reference: sale.instead_of,
            left_out: std::collections::BTreeMap::new(),
            shares: Vec::new(),
            approved: None,
            told: None,
            request: Some(request),
            wallet: None,
            card: None,
            terminal: ask.terminal,
            location: ask.location,
            lines: Vec::new(),
            book_date: self.today.clone(),
            bytes: None,
        };
        match self.refused(ask, &mut operation) {
            Some(reason) => operation.reason = Some(reason),
            None => self.sell_lines(ask, &mut operation),
        }
        let is_sold = operation.reason.is_none() && operation.outcome != "already_booked";
        if let Some(attempt) = sale.instead_of.filter(|_| is_sold)
            && !self.operations.contains_key(&attempt)
            && may_bury(attempt, ask.now_ms)
        {
            self.bury(attempt, "superseded", sale.id, &operation);
        }
        self.operations.insert(sale.id, operation);
        Ok(())
    }

    /// Takes an id for good.
    pub(super) fn bury(&mut self, id: Uuid, reason: &'static str, cause: Uuid, of: &Operation) {
        let tombstone = Operation {
            kind: "sale",
            outcome: "declined",
            reason: Some(reason),
            reference: Some(cause),
            left_out: std::collections::BTreeMap::new(),
            shares: Vec::new(),
            approved: None,
            told: None,
            request: None,
            card: None,
            lines: Vec::new(),
            bytes: None,
            book_date: self.today.clone(),
            ..of.clone()
        };
        self.operations.insert(id, tombstone);
    }

    /// Why the payer may not pay at all.
    fn refused(&mut self, ask: &Ask<'_>, operation: &mut Operation) -> Option<&'static str> {
        let tap = match &ask.sale.payer {
            PayerText::Wallet(number) => {
                let Some(client) = self.clients.get(number) else { return Some("card_unknown") };
                operation.wallet = Some(*number);
                return (client.is_closed && !ask.is_forward).then_some("wallet_closed");
            }
            PayerText::Card(tap) => tap,
        };
        operation.card = Some(tap.id);
        let claim = Claim {
            terminal: ask.terminal,
            location: ask.location,
            price_list: ask.sale.price_list,
            lines: &ask.sale.lines,
            decision: if ask.is_forward { Decision::ApprovedOffline } else { Decision::Online },
        };
        let is_genuine = self.is_genuine(&claim, tap);
        let is_refused = self.refused.contains(&tap.generation);
        let Some(card) = self.cards.get_mut(&tap.id) else { return Some("card_unknown") };
        operation.wallet = Some(card.wallet);
        let is_closed = self.clients.get(&card.wallet).is_none_or(|client| client.is_closed);
        // keys that are refused prove nothing of a forward either
        let stops = [
            (card.is_blocked && !ask.is_forward, "card_blocked"),
            (is_refused || (card.has_expired && !ask.is_forward), "card_expired"),
            (is_closed && !ask.is_forward, "wallet_closed"),
        ];
        if let Some((_, reason)) = stops.into_iter().find(|(stops, _)| *stops) {
            return Some(reason);
        }
        let has_left = tap.generation < card.generation && !ask.is_forward;
        if !is_genuine || has_left {
            if is_genuine {
                *self.tally.entry("sale signed with keys that the card has left".to_owned()).or_default() += 1;
            }
            return Some("card_mac_wrong");
        }
        let counter = tap.counter;
        let is_used = card.used.contains(&counter);
        // what a forward was signed with is looked up, however old
        let is_remembered = ask.is_forward || card.last.saturating_sub(counter) < WINDOW;
        if counter > 0 && is_used && is_remembered {
            return Some("counter_used");
        }
        if counter == 0 || (counter < card.last && !ask.is_forward) || is_used {
            return Some("counter_too_old");
        }
        card.used.insert(counter);
        card.last = card.last.max(counter);
        card.generation = card.generation.max(tap.generation);
        let what = if ask.is_forward { "forward" } else { "sale" };
        let keys = if tap.generation > card.issued { "newer keys" } else { "the keys of its issue" };
        *self.tally.entry(format!("{what} signed with {keys}")).or_default() += 1;
        operation.told = Some((tap.id, tap.generation, counter));
        None
    }

    /// Whether a card signed exactly this: the run saw it do so.
    pub(super) fn is_genuine(&self, claim: &Claim<'_>, tap: &TapText) -> bool {
        let Some(mac) = hex::decode::<16>(&tap.mac) else { return false };
        let records: Vec<LineRecord> = claim.lines.iter().map(record).collect();
        let nonce = hex::decode::<8>(&tap.terminal_nonce);
        let digest = basket_digest(claim.price_list, &records);
        let (Some(terminal_nonce), Some(basket_digest)) = (nonce, digest) else { return false };
        let claimed = Transaction {
            card: tap.id.into_bytes(),
            generation: tap.generation,
            counter: tap.counter,
            terminal: claim.terminal.into_bytes(),
            location: claim.location.into_bytes(),
            terminal_sequence: tap.terminal_sequence,
            terminal_nonce,
            kind: TransactionKind::Sale,
            decision: claim.decision,
            holder_verification: match tap.holder_verification.as_str() {
                "pin" => HolderVerification::Pin,
                _ => HolderVerification::None,
            },
            currency: card_protocol::transaction::EURO,
            amount_cents: tap.amount_cents.unsigned_abs(),
            time_ms: tap.time_ms,
            basket_digest,
            offline_total_cents: tap.offline_total_cents,
            offline_count: tap.offline_count,
            script_number: tap.script_number,
        };
        self.signed.get(&mac) == Some(&claimed)
    }

    /// What of each line its online attempt sold already and kept.
    fn left_to_sell(&self, ask: &Ask<'_>, operation: &Operation) -> Vec<u32> {
        let attempt = ask.sale.instead_of.and_then(|id| self.operations.get(&id)).filter(|attempt| {
            attempt.kind == "sale"
                && attempt.wallet == operation.wallet
                && attempt.terminal == operation.terminal
                && attempt.approved.is_some()
        });
        let mut sold: Vec<(Uuid, i64)> = attempt.map_or_else(Vec::new, |attempt| {
            let kept = attempt.lines.iter().filter(|line| !line.is_left_out);
            kept.map(|line| (line.service, line.quantity - line.came_back)).collect()
        });
        let mut left = Vec::with_capacity(ask.sale.lines.len());
        for line in &ask.sale.lines {
            let mut rest = i64::from(line.quantity);
            for (_, kept) in sold.iter_mut().filter(|(service, _)| *service == line.service) {
                let covered = rest.min(*kept);
                rest -= covered;
                *kept -= covered;
            }
            left.push(u32::try_from(rest).unwrap_or(0));
        }
        left
    }

    fn sell_lines(&mut self, ask: &Ask<'_>, operation: &mut Operation) {
        let left = self.left_to_sell(ask, operation);
        if left.iter().all(|quantity| *quantity == 0) {
            operation.outcome = "already_booked";
            return;
        }
        let entries: Vec<Entry> =
            ask.sale.lines.iter().zip(&left).map(|(line, left)| self.price(ask, operation, line, *left)).collect();
        if let PayerText::Card(tap) = &ask.sale.payer
            && entries.iter().flatten().map(|item| item.cents).sum::<i64>() > tap.amount_cents
        {
            operation.reason = Some("amount_exceeded");
            return;
        }
        let manner = match ask.sale.mode.as_str() {
            "whole" => Manner::Whole,
            "forward" => Manner::Delivered,
            _ => Manner::InPart,
        };
        let is_verified = matches!(&ask.sale.payer, PayerText::Card(tap) if tap.holder_verification == "pin");
        let caps = operation.card.and_then(|card| self.cards.get(&card)).map_or_else(Caps::default, |card| {
            let spent = if card.day == self.today { card.day_spent } else { 0 };
            let day = card.day_limit.map(|limit| (limit - spent).max(0));
            let limit = [card.tap_limit, day].into_iter().flatten().min();
            Caps { limit, pin_free: card.pin_free.filter(|_| !is_verified) }
        });
        let Some(client) = operation.wallet.and_then(|wallet| self.clients.get_mut(&wallet)) else { return };
        let paid = pay(self.scheme, &mut client.pots, &entries, manner, caps);
        write_lines(ask, &entries, &left, &paid, operation);
        if let Some(reason) = paid.declined {
            operation.reason = Some(reason);
            return;
        }
        operation.outcome = if paid.left_out.is_empty() { "approved" } else { "approved_in_part" };
        operation.approved = Some(paid.sold);
        operation.shares = paid.shares;
        if let Some(card) = operation.card.and_then(|card| self.cards.get_mut(&card)) {
            let spent = if card.day == self.today { card.day_spent } else { 0 };
            card.day.clone_from(&self.today);
            card.day_spent = spent + paid.counted;
        }
    }

    fn price(&self, ask: &Ask<'_>, operation: &Operation, line: &LineText, left: u32) -> Entry {
        if left == 0 {
            return Err("already_booked");
        }
        let list = self.lists.get(&(ask.location, ask.sale.price_list)).ok_or("price_list_out_of_date")?;
        let buyer = operation.wallet.and_then(|wallet| self.clients.get(&wallet)).map_or(0, |client| client.buyer);
        let (kind, cents) = *list.prices.get(&(line.service, buyer)).ok_or("service_unknown")?;
        if !kind.is_never_refused() {
            if list.age == Age::OutOfDate && !ask.is_forward {
                return Err("price_list_out_of_date");
            }
            if matches!(ask.sale.payer, PayerText::Wallet(_)) {
                return Err("card_needed");
            }
        }
        Ok(Item { kind, cents: cents * i64::from(left) })
    }
}

fn write_lines(ask: &Ask<'_>, entries: &[Entry], left: &[u32], paid: &Paid, operation: &mut Operation) {
    for (number, ((line, left), entry)) in ask.sale.lines.iter().zip(left).zip(entries).enumerate() {
        operation.lines.push(Sold {
            service: line.service,
            quantity: i64::from(if *left == 0 { line.quantity } else { *left }),
            cents: entry.map_or(0, |item| item.cents),
            counts: entry.is_ok_and(|item| !item.kind.is_never_refused()),
            is_left_out: paid.left_out.contains_key(&number),
            came_back: 0,
        });
    }
    operation.left_out.clone_from(&paid.left_out);
}

fn record(line: &LineText) -> LineRecord {
    LineRecord {
        service: line.service.into_bytes(),
        quantity: line.quantity,
        hold: line.hold.map_or([0; 16], Uuid::into_bytes),
    }
}

/// What makes two requests under one id the same.
fn fingerprint(ask: &Ask<'_>) -> String {
    let SaleText { mode, instead_of, price_list, staff, payer, lines, .. } = ask.sale;
    let payer = match payer {
        PayerText::Wallet(number) => format!("wallet {number}"),
        PayerText::Card(tap) => format!("card {} {} {} {}", tap.id, tap.generation, tap.counter, tap.amount_cents),
    };
    format!("{} {payer} {mode} {instead_of:?} {staff:?} {price_list} {lines:?}", ask.terminal)
}

/// New ids are of the last 35 days, and at most 5 minutes ahead. (A run makes none near either end.)
pub(super) fn check_window(id: Uuid, now_ms: u64) -> Result<(), Problem> {
    let Some(made_ms) = id.get_timestamp().map(|at| at.to_unix()) else { return Err((422, "request-malformed")) };
    let made_ms = made_ms.0 * 1000 + u64::from(made_ms.1) / 1_000_000;
    if made_ms + 35 * DAY_MS < now_ms {
        return Err((422, "id-too-old"));
    }
    if made_ms > now_ms + 5 * 60 * 1000 { Err(TOO_NEW) } else { Ok(()) }
}

/// Whether an attempt's id is taken by the forward in its place. One that is too old needs it not.
fn may_bury(attempt: Uuid, now_ms: u64) -> bool {
    match check_window(attempt, now_ms) {
        Ok(()) => true,
        Err(TOO_NEW) => check_window(attempt, now_ms + DAYS_AHEAD * DAY_MS - 5 * 60 * 1000).is_ok(),
        Err(_) => false,
    }
}
