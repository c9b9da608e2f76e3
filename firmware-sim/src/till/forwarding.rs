//! Sending what was sold without the service: in order, at most 50 at a time, until the service has stored it.
//!
//! A record counts as delivered when the service says that it stored it, and in no other way. Whatever else it answers, the
//! record stays: what is refused is tried again, slowly; what contradicts the service's journal waits for the office.

use serde::Deserialize;

use super::offline::Tally;
use super::requests::{Batch, BatchRecord, Stored};
use super::{Next, Purpose, Stuck, Till};
use crate::client::Reply;
use crate::hex;
use crate::journal::{JournalError, Record, hash_of};
use crate::settling::problem;

const FORWARDS: &str = "/api/v1/forwards";
/// Records in a batch.
pub(super) const BATCH_MAX: usize = 50;
/// Bytes of a batch's sales: what a body may have is 256 KiB, and quotation marks in a text are two bytes each.
const BATCH_BYTES_MAX: usize = 150 * 1024;
/// Delivered records that are kept: a service that was restored from a copy may ask for some again.
const KEPT_DELIVERED: u64 = 500;

impl Till {
    pub(super) const fn has_conflict(&self) -> bool {
        matches!(self.stuck, Some(Stuck::Conflict(_)))
    }

    /// Appends to the journal; answers the record's sequence.
    pub(super) fn append(&mut self, sale: &str) -> Result<u64, JournalError> {
        match self.journal.append(sale) {
            Ok(record) => {
                self.tally.add(record.sequence, sale, self.cache.assortment());
                Ok(record.sequence)
            }
            Err(error) => {
                self.journal_failed(&error);
                Err(error)
            }
        }
    }

    /// Counts what waits.
    pub(super) fn count_waiting(&mut self) -> Result<(), JournalError> {
        let mut tally = Tally::default();
        let mut at = self.journal.extent().delivered_to;
        loop {
            let records = self.journal.after(at, 1000)?;
            let Some(last) = records.last() else { break };
            at = last.sequence;
            for record in records.iter().filter(|record| record.sequence <= self.journal.extent().last) {
                tally.add(record.sequence, &record.sale, self.cache.assortment());
            }
        }
        self.tally = tally;
        Ok(())
    }

    /// Sends the next batch; none if there is nothing that can be read.
    pub(super) fn send_forward(&mut self, now_ms: u64) -> Option<Next> {
        let extent = self.journal.extent();
        let mut records = match self.journal.after(extent.delivered_to, self.batch) {
            Ok(records) => records,
            Err(error) => {
                self.journal_failed(&error);
                return None;
            }
        };
        // of a damaged journal goes what stands before the damage
        records.retain(|record| record.sequence <= extent.last);
        let mut bytes = 0;
        let fits = records.iter().take_while(|record| {
            bytes += record.sale.len();
            bytes <= BATCH_BYTES_MAX
        });
        let fits = fits.count().max(1);
        records.truncate(fits);
        if self.faults.forward_under_new_id {
            self.rename(&mut records, now_ms);
        }
        if self.faults.forwards_out_of_order {
            records.reverse();
        }
        let (first, last) = (records.first()?.sequence, records.iter().map(|record| record.sequence).max()?);
        let id = self.new_id(now_ms).ok()?;
        let batch = Batch {
            id,
            records: records
                .iter()
                .map(|record| BatchRecord {
                    sequence: record.sequence,
                    previous: hex::encode(&record.previous),
                    hash: hex::encode(&record.hash),
                    sale: &record.sale,
                })
                .collect(),
        };
        let body = serde_json::to_vec(&batch).ok()?;
        if self.faults.delivered_when_sent {
            self.delivered(last);
        }
        let purpose = Purpose::Forward { first, last };
        Some(self.request(purpose, FORWARDS.to_owned(), Some((body.into(), id))))
    }

    /// A planted fault: each record under a new id.
    fn rename(&mut self, records: &mut [Record], now_ms: u64) {
        for record in records {
            let Ok(id) = self.new_id(now_ms) else { continue };
            if let Ok(mut sale) = serde_json::from_str::<serde_json::Value>(&record.sale) {
                sale["id"] = id.to_string().into();
                record.sale = sale.to_string();
                record.hash = hash_of(&record.previous, record.sequence, record.sale.as_bytes());
            }
        }
    }

    fn delivered(&mut self, to: u64) {
        if let Err(error) = self.journal.delivered(to) {
            return self.journal_failed(&error);
        }
        self.tally.delivered(to);
        if let Some(prune_to) = to.checked_sub(KEPT_DELIVERED)
            && let Err(error) = self.journal.prune(prune_to)
        {
            self.journal_failed(&error);
        }
    }

    /// The service answered with something that is no word on the records.
    pub(super) fn forward_refused(&mut self, purpose: Purpose, reply: &Reply) {
        if self.faults.dropped_on_problem
            && let Purpose::Forward { last, .. } = purpose
        {
            self.delivered(last);
        }
        if (400..500).contains(&reply.status) && reply.status != 429 {
            self.batch = 1;
            self.is_refused(problem(reply).to_string());
            self.schedule.forward_ms = self.last_ms.saturating_add(self.setup.retry_max_ms);
        }
    }

    /// A conflict stands until the service takes the records.
    fn is_refused(&mut self, said: String) {
        if !self.has_conflict() {
            self.stuck = Some(Stuck::Refused(said));
        }
    }

    /// The service's word on a batch.
    pub(super) fn forwarded(&mut self, purpose: Purpose, reply: &Reply, now_ms: u64) {
        let Purpose::Forward { first, last } = purpose else { return };
        if reply.status == 200
            && let Ok(stored) = serde_json::from_slice::<Stored>(&reply.body)
        {
            if stored.stored_to > self.journal.extent().last {
                return self.ends_too_early(stored.stored_to);
            }
            if stored.stored_to >= first {
                self.stuck = None;
                self.gap = None;
                self.batch = BATCH_MAX;
                self.schedule.forward_pause_ms = 0;
                return self.delivered(stored.stored_to.min(last).max(first));
            }
        }
        let refused = problem(reply);
        match refused.slug.as_str() {
            "journal-conflict" => self.stuck = Some(Stuck::Conflict(refused.to_string())),
            "journal-gap" => self.goes_on_from(stored_to(reply), &refused.to_string()),
            _ => {
                self.forward_refused(purpose, reply);
                self.is_refused(refused.to_string());
                self.schedule.forward_ms = now_ms.saturating_add(self.setup.retry_max_ms);
            }
        }
        if self.faults.dropped_on_problem {
            self.delivered(last);
        }
    }

    /// The service misses what comes before: it says how far it is, and sending goes on from there.
    fn goes_on_from(&mut self, stored_to: Option<u64>, said: &str) {
        let extent = self.journal.extent();
        match stored_to {
            Some(stored_to) if stored_to > extent.last => self.ends_too_early(stored_to),
            // once more from the same place would be answered the same
            Some(stored_to) if stored_to >= extent.pruned_to && self.gap != Some(stored_to) => {
                self.gap = Some(stored_to);
                if let Err(error) = self.journal.delivered(stored_to).and_then(|()| self.count_waiting()) {
                    self.journal_failed(&error);
                }
            }
            _ => self.stuck = Some(Stuck::Conflict(said.to_owned())),
        }
    }

    fn ends_too_early(&mut self, stored_to: u64) {
        let last = self.journal.extent().last;
        let what = format!("the service has record {stored_to} of this terminal, and its journal ends at {last}");
        self.stuck = Some(Stuck::Conflict(what));
    }

    /// A heartbeat says how far the service is: a journal that was put back is seen before something is sold on it, and a
    /// service that was restored from a copy gets what it lacks.
    pub(super) fn hears_stored_to(&mut self, stored_to: u64) {
        if self.journal_fault().is_some() {
            return;
        }
        let extent = self.journal.extent();
        if stored_to > extent.last {
            self.ends_too_early(stored_to);
        } else if (extent.pruned_to..extent.delivered_to).contains(&stored_to)
            // planted faults would be mended by this
            && !(self.faults.delivered_when_sent || self.faults.dropped_on_problem)
            && let Err(error) = self.journal.delivered(stored_to).and_then(|()| self.count_waiting())
        {
            self.journal_failed(&error);
        }
    }
}

fn stored_to(reply: &Reply) -> Option<u64> {
    #[derive(Deserialize)]
    struct Gap {
        stored_to: u64,
    }
    serde_json::from_slice::<Gap>(&reply.body).ok().map(|gap| gap.stored_to)
}
