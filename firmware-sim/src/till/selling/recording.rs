//! Selling without the service: durably in the journal, before anything is called approved.

use super::{Attempt, Sale, Stage};
use crate::request::{self, Payer, SaleLine};
use crate::till::offline::Rules;
use crate::till::requests::Forward;
use crate::till::{Buyer, Ended, Refusal, Till};

impl Till {
    /// Whether these lines could be registered by name, also without the service.
    pub fn may_go_by_name(&self, lines: &[SaleLine]) -> bool {
        let rules = Rules { cache: &self.cache, tally: &self.tally, faults: self.faults, now_ms: self.last_ms };
        rules.by_name(lines).is_ok()
    }

    /// Goes on without the service.
    pub(super) fn go_offline(&mut self, sale: &mut Sale, now_ms: u64) {
        // of what certainly was not booked nothing is to be asked after a restart
        if sale.may_be_booked().is_none()
            && let Some(attempt) = &sale.attempt
        {
            self.forget_note(attempt.id);
        }
        let rules = Rules { cache: &self.cache, tally: &self.tally, faults: self.faults, now_ms: self.stamp(now_ms) };
        let allowed = match (self.journal_fault(), sale.wanted.buyer) {
            (Some(fault), _) => Err(Refusal::Journal(fault)),
            (None, _) if self.has_conflict() => Err(Refusal::JournalConflict),
            (None, Buyer::Card) => rules.terminal(&sale.wanted.lines).map(drop),
            (None, Buyer::Wallet(_)) => rules.by_name(&sale.wanted.lines),
        };
        let online_tap = sale.attempt.as_ref().and_then(|attempt| attempt.tap.clone());
        match (allowed, sale.wanted.buyer) {
            (Err(refusal), _) => self.refuse(sale, refusal),
            (Ok(()), Buyer::Wallet(wallet)) => self.record(sale, &Payer::Wallet(wallet), now_ms),
            (Ok(()), Buyer::Card) => match online_tap {
                Some(tap) if self.faults.online_tap_forwarded => self.record(sale, &Payer::Card(tap), now_ms),
                _ => sale.stage = Stage::Tap { is_online: false },
            },
        }
    }

    /// Journals a sale; it is approved when it is on the disk, and not before.
    pub(super) fn record(&mut self, sale: &mut Sale, payer: &Payer, now_ms: u64) {
        let id = match self.new_id(now_ms) {
            Ok(id) => id,
            Err(error) => return self.refuse(sale, Refusal::Journal(error.to_string())),
        };
        // another card's attempt is another client's: nothing takes its place
        let is_same = |attempt: &&Attempt| match (&attempt.tap, payer) {
            (Some(asked), Payer::Card(tap)) => asked.id == tap.id,
            _ => true,
        };
        let instead_of = sale.may_be_booked().filter(is_same).map(|attempt| attempt.id);
        let forward = Forward {
            id,
            mode: "forward",
            instead_of: instead_of.filter(|_| !self.faults.instead_of_not_named),
            location: self.setup.location,
            sold_at_ms: self.stamp(now_ms),
            price_list: sale.price_list,
            staff: sale.wanted.staff,
            payer,
            lines: &sale.wanted.lines,
        };
        let text = match serde_json::to_string(&forward) {
            Ok(text) => text,
            Err(error) => return self.refuse(sale, Refusal::Journal(error.to_string())),
        };
        let mut sequence = self.journal.extent().last + 1;
        if self.faults.journal_after_approval {
            self.approved_before = Some(text);
        } else {
            let client = match payer {
                Payer::Card(tap) => request::Client::Card(tap.id),
                Payer::Wallet(wallet) => request::Client::Wallet(*wallet),
            };
            // where the writing fails it may be on the disk all the same: the note has that found out
            self.note_writing(id, client, sale.wanted.staff);
            match self.append(&text) {
                Ok(appended) => sequence = appended,
                Err(error) => return self.refuse(sale, Refusal::Journal(error.to_string())),
            }
            self.forget_note(id);
        }
        match instead_of {
            // the forward takes the attempt's place: nothing is left to ask or to undo
            Some(attempt) => self.forget_note(attempt),
            None => drop(self.undo_attempt(sale)),
        }
        let amount_cents = sale.amount_cents;
        sale.stage = Stage::Ended(Box::new(Ended::Offline { id, sequence, amount_cents, instead_of }));
    }
}
