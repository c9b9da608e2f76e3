//! What terminals sold offline: stored in journal order first, all of a batch or nothing, and judged afterwards as sales.

use std::collections::BTreeMap;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::reading::{AnswerSaid, ForwardsSaid, PayerText, ProblemSaid, SaleText};
use super::selling::{Ask, check_window};
use super::{Delivery, Expected, Model, Said, fits, found};
use crate::hex;

/// A terminal's journal as the service has stored it.
#[derive(Clone, Debug, Default)]
pub(super) struct Journal {
    records: BTreeMap<u64, Record>,
}

#[derive(Clone, Debug)]
struct Record {
    hash: [u8; 32],
    fate: Fate,
}

/// What a record was judged to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// Booked, or at its end without; `sent_as` is its own id where the service had to choose another.
    Judged { operation: Option<Uuid>, sent_as: Option<Uuid> },
    /// Not booked: somebody must look.
    Review { operation: Option<Uuid>, sent_as: Option<Uuid>, why: &'static str },
}

/// What must be answered to a batch.
pub(super) struct Batch {
    stored_to: u64,
    /// By place in the batch: which record.
    sequences: Vec<u64>,
    terminal: Uuid,
}

#[derive(Deserialize)]
struct BatchText {
    records: Vec<RecordText>,
}

#[derive(Deserialize)]
struct RecordText {
    sequence: u64,
    previous: String,
    hash: String,
    sale: String,
}

impl Model {
    pub(super) fn post_forwards(&mut self, delivery: &Delivery<'_>) -> Expected {
        let malformed = Expected::Problem((422, "request-malformed"));
        let Ok(batch) = serde_json::from_slice::<BatchText>(delivery.body) else { return malformed };
        if batch.records.is_empty() || batch.records.len() > 50 {
            return malformed;
        }
        let mut records = Vec::with_capacity(batch.records.len());
        for record in &batch.records {
            let (previous, hash) = (hex::decode::<32>(&record.previous), hex::decode::<32>(&record.hash));
            let (Some(previous), Some(hash)) = (previous, hash) else { return malformed };
            let mut sum = Sha256::new();
            sum.update(previous);
            sum.update(record.sequence.to_be_bytes());
            sum.update(&record.sale);
            if <[u8; 32]>::from(sum.finalize()) != hash {
                return Expected::Problem((422, "journal-hash-wrong"));
            }
            records.push((record, previous, hash));
        }
        // on a copy: all or nothing
        let mut stored: BTreeMap<u64, [u8; 32]> = BTreeMap::new();
        if let Some(journal) = self.journals.get(&delivery.terminal) {
            stored.extend(journal.records.iter().map(|(sequence, record)| (*sequence, record.hash)));
        }
        let mut new = Vec::new();
        for (record, previous, hash) in records {
            let (last, chained) = stored.last_key_value().map_or((0, [0; 32]), |(last, hash)| (*last, *hash));
            match stored.get(&record.sequence) {
                Some(known) if *known == hash => continue,
                Some(_) => {
                    self.conflicts.insert((delivery.terminal, record.sequence));
                    return Expected::Problem((409, "journal-conflict"));
                }
                None if record.sequence != last + 1 || previous != chained => {
                    return Expected::Problem((409, "journal-gap"));
                }
                None => {}
            }
            stored.insert(record.sequence, hash);
            new.push((record.sequence, hash, record.sale.as_str()));
        }
        for (sequence, hash, sale) in new {
            let fate = self.judge_record(delivery, sequence, sale);
            let journal = self.journals.entry(delivery.terminal).or_default();
            journal.records.insert(sequence, Record { hash, fate });
        }
        let stored_to = stored.last_key_value().map_or(0, |(last, _)| *last);
        let sequences = batch.records.iter().map(|record| record.sequence).collect();
        Expected::Forwards(Batch { stored_to, sequences, terminal: delivery.terminal })
    }

    /// A record that is stored is judged whatever it says.
    fn judge_record(&mut self, delivery: &Delivery<'_>, sequence: u64, text: &str) -> Fate {
        let terminal = delivery.terminal;
        let unread = Fate::Review { operation: None, sent_as: None, why: "malformed" };
        let sale = serde_json::from_str::<SaleText>(text).ok().filter(|sale| {
            let by_nobody = matches!(sale.payer, PayerText::Wallet(_)) && sale.staff.is_none();
            sale.mode == "forward"
                && sale.sold_at_ms.is_some()
                && sale.instead_of != Some(sale.id)
                && !sale.lines.is_empty()
                && sale.lines.iter().all(|line| line.quantity > 0)
                && !by_nobody
        });
        let Some(mut sale) = sale else { return unread };
        let location = sale.location.unwrap_or_default();
        if !self.lists.keys().any(|(known, _)| *known == location) {
            return Fate::Review { operation: None, sent_as: None, why: "location_unknown" };
        }
        if !self.stands_at(terminal, location) {
            *self.tally.entry("forward of where its terminal stood before".to_owned()).or_default() += 1;
        }
        let is_revoked = self.terminals.get(&terminal).is_some_and(|terminal| terminal.is_revoked);
        if is_revoked && matches!(sale.payer, PayerText::Wallet(_)) {
            return Fate::Review { operation: None, sent_as: None, why: "terminal_revoked" };
        }
        // an id that the window refuses is replaced by one of the service's, which its answer will tell
        let mut sent_as = None;
        if check_window(sale.id, delivery.now_ms).is_err() && !self.operations.contains_key(&sale.id) {
            let own = self.unnamed_id(delivery.now_ms);
            sent_as = Some(std::mem::replace(&mut sale.id, own));
        }
        let operation = Some(sale.id);
        let ask = Ask { sale: &sale, terminal, location, is_forward: true, now_ms: delivery.now_ms };
        match self.sell(&ask) {
            Err((_, "id-reused")) => Fate::Review { operation: None, sent_as: None, why: "id_reused" },
            Err((_, "id-too-new")) => Fate::Review { operation: None, sent_as, why: "attempt_ahead" },
            Err(_) => Fate::Review { operation: None, sent_as: None, why: "malformed" },
            Ok(()) => {
                if let Some(why) = self.end_attempt(&ask) {
                    self.attempts.insert((terminal, sequence, why));
                }
                let booked = self.operations.get(&sale.id);
                let is_ended =
                    booked.is_some_and(|sale| matches!(sale.reason, None | Some("cancelled" | "superseded")));
                if is_ended {
                    Fate::Judged { operation, sent_as }
                } else {
                    Fate::Review { operation, sent_as, why: "declined" }
                }
            }
        }
    }

    pub(super) fn fits_forwards(&mut self, batch: &Batch, said: &Said<'_>) -> Result<(), String> {
        let Ok(answer) = serde_json::from_slice::<ForwardsSaid>(said.body) else {
            return Err(format!("forwards must be stored, and {} came", found(said)));
        };
        if said.status != 200 || answer.stored_to != batch.stored_to || answer.results.len() != batch.sequences.len() {
            return Err(format!("records up to {} must be stored, and {} came", batch.stored_to, found(said)));
        }
        for (sequence, result) in batch.sequences.iter().zip(&answer.results) {
            if result.sequence != *sequence {
                return Err(format!("record {sequence} must be answered, and {} came", found(said)));
            }
            self.fits_record(batch.terminal, *sequence, &result.state, result.answer.as_ref())
                .map_err(|what| format!("record {sequence}: {what}"))?;
        }
        Ok(())
    }

    fn fits_record(
        &mut self,
        terminal: Uuid,
        sequence: u64,
        state: &str,
        answer: Option<&AnswerSaid>,
    ) -> Result<(), String> {
        let journal = self.journals.get(&terminal);
        let Some(record) = journal.and_then(|journal| journal.records.get(&sequence)) else {
            return Err("the model lost it".to_owned());
        };
        let (expected, operation, sent_as) = match &record.fate {
            Fate::Judged { operation, sent_as } => ("judged", operation, sent_as),
            Fate::Review { operation, sent_as, .. } => ("review", operation, sent_as),
        };
        let sent_as = *sent_as;
        if state != expected {
            return Err(format!("must be {expected}, and is {state}: {answer:?}; {:?}", record.fate));
        }
        let (Some(id), Some(answer)) = (*operation, answer) else {
            return match (operation, answer) {
                (None, None) => Ok(()),
                (expected, found) => Err(format!("must have the answer {expected:?}, and has {found:?}")),
            };
        };
        if sent_as.is_some() {
            self.name(id, answer.id);
        }
        let id = answer.id;
        let Some(sale) = self.operations.get(&id) else { return Err(format!("nothing is known of {id}")) };
        // the answer in a batch says nothing to a card
        let untold = super::Operation { told: None, ..sale.clone() };
        fits(&untold, id, answer)?;
        let outcome = sale.reason.unwrap_or(sale.outcome).to_owned();
        if self.told_forwards.insert((terminal, sequence)) {
            *self.tally.entry(format!("forward {outcome}")).or_default() += 1;
            for share in &untold.shares {
                *self.tally.entry(format!("leg {} {}", share.from, share.to)).or_default() += 1;
            }
        }
        Ok(())
    }

    /// An id for what the service gives one of its own, until it is told.
    pub(super) fn unnamed_id(&mut self, now_ms: u64) -> Uuid {
        let id = Uuid::from_u128(u128::from(now_ms) << 80 | 7 << 76 | 2 << 62 | self.placeholders);
        self.placeholders += 1;
        self.unnamed.insert(id);
        id
    }

    /// An id of the service's making is told for the first time.
    pub(super) fn name(&mut self, from: Uuid, to: Uuid) {
        if self.operations.contains_key(&to) || !self.unnamed.remove(&from) {
            return;
        }
        if let Some(operation) = self.operations.remove(&from) {
            self.operations.insert(to, operation);
        }
        for other in self.operations.values_mut() {
            if other.reference == Some(from) {
                other.reference = Some(to);
            }
        }
        for record in self.journals.values_mut().flat_map(|journal| journal.records.values_mut()) {
            let (Fate::Judged { operation, .. } | Fate::Review { operation, .. }) = &mut record.fate;
            if *operation == Some(from) {
                *operation = Some(to);
            }
        }
    }

    /// The id that a terminal means: where nothing stands under its own, the one that a forward of the terminal itself or
    /// of its location got instead.
    pub(super) fn meant(&self, sale: Uuid, terminal: Uuid) -> Uuid {
        if self.operations.contains_key(&sale) {
            return sale;
        }
        let here = self.terminals.get(&terminal).map(|terminal| terminal.location);
        let mut beside = None;
        for (of, journal) in &self.journals {
            for record in journal.records.values() {
                let (Fate::Judged { operation, sent_as } | Fate::Review { operation, sent_as, .. }) = &record.fate;
                let Some(own) = operation.filter(|_| *sent_as == Some(sale)) else { continue };
                if *of == terminal {
                    return own;
                }
                let is_here = self.operations.get(&own).is_some_and(|sale| Some(sale.location) == here);
                beside = beside.or(Some(own).filter(|_| is_here));
            }
        }
        beside.unwrap_or(sale)
    }

    /// The sale's record in a journal: terminal and sequence.
    fn record(&self, sale: Uuid) -> Option<(Uuid, u64, &Fate)> {
        self.journals.iter().find_map(|(terminal, journal)| {
            let is_it = |fate: &Fate| match fate {
                Fate::Judged { operation, sent_as } | Fate::Review { operation, sent_as, .. } => {
                    *operation == Some(sale) || *sent_as == Some(sale)
                }
            };
            let found = journal.records.iter().find(|(_, record)| is_it(&record.fate));
            found.map(|(sequence, record)| (*terminal, *sequence, &record.fate))
        })
    }

    /// Whether the service booked a record under another id than its own.
    pub fn is_renamed(&self, sale: Uuid) -> bool {
        self.record(sale).is_some_and(|(_, _, fate)| match fate {
            Fate::Judged { sent_as, .. } | Fate::Review { sent_as, .. } => *sent_as == Some(sale),
        })
    }

    /// Where a sale stands in the ledger: under its own id, or one of the service's making.
    pub fn booked_as(&self, sale: Uuid) -> Uuid {
        match self.record(sale) {
            Some((_, _, Fate::Judged { operation: Some(id), .. } | Fate::Review { operation: Some(id), .. })) => *id,
            _ => sale,
        }
    }

    /// Why a sale waits for the office unbooked, if it does.
    pub fn review_of(&self, terminal: Uuid, sequence: u64) -> Option<&'static str> {
        match &self.journals.get(&terminal)?.records.get(&sequence)?.fate {
            Fate::Review { operation, why, .. } => {
                let sale = operation.and_then(|id| self.operations.get(&id));
                Some(sale.and_then(|sale| sale.reason).unwrap_or(why))
            }
            Fate::Judged { .. } => None,
        }
    }

    /// The lines of a sale that the service did not know how to book, and that wait for the office.
    pub fn left_to_office(&self, sale: Uuid) -> Vec<(Uuid, i64)> {
        let Some(operation) = self.operations.get(&sale) else { return Vec::new() };
        let left = operation.left_out.iter().filter(|(_, reason)| **reason != "already_booked");
        let lines = left.filter_map(|(line, _)| operation.lines.get(*line));
        lines.map(|line| (line.service, line.quantity)).collect()
    }

    /// The terminal and the place in its journal that a sale came from.
    pub fn record_of(&self, sale: Uuid) -> Option<(Uuid, u64)> {
        self.record(sale).map(|(terminal, sequence, _)| (terminal, sequence))
    }

    /// What must stand in the review queue: terminal, sequence and why.
    pub fn reviews(&self) -> Vec<(Uuid, u64, &'static str)> {
        let mut reviews = Vec::new();
        for (terminal, journal) in &self.journals {
            for (sequence, record) in &journal.records {
                let mut open = |why| reviews.push((*terminal, *sequence, why));
                match &record.fate {
                    Fate::Review { why, .. } => open(*why),
                    Fate::Judged { operation, .. } => {
                        let sale = operation.and_then(|id| self.operations.get(&id));
                        let Some(sale) = sale.filter(|sale| sale.reason.is_none()) else { continue };
                        if sale.shares.iter().any(|share| share.from == "offline_loss") {
                            open("offline_loss");
                        }
                        if sale.left_out.values().any(|reason| *reason != "already_booked") {
                            open("left_out");
                        }
                    }
                }
            }
        }
        reviews.extend(&self.attempts);
        reviews.extend(self.conflicts.iter().map(|(terminal, sequence)| (*terminal, *sequence, "journal_conflict")));
        reviews.sort_unstable();
        reviews
    }

    /// Whether a gap's problem says up to where it is stored.
    pub(super) fn fits_gap(&self, terminal: Uuid, problem: &ProblemSaid) -> Result<(), String> {
        let journal = self.journals.get(&terminal);
        let last = journal.and_then(|journal| journal.records.last_key_value()).map_or(0, |(last, _)| *last);
        match problem.stored_to {
            Some(stored_to) if stored_to == last => Ok(()),
            stored_to => Err(format!("the gap is after {last}, and the problem says {stored_to:?}")),
        }
    }
}
