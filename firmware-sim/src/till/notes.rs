//! Attempts whose end is not known: noted before they are sent, so that neither a restart nor a cancelled sale forgets one.
//!
//! After a restart the service is asked how each ended. What it never got is voided, so that a late copy books nothing;
//! what it approved is told to staff, who know whether it was handed over. What staff gave up is voided.
//!
//! That the service never got a sale is believed for the void that follows at once, and is written down nowhere: a terminal that
//! was moved hears the same of a sale that was approved and handed over where it stood before, and must not undo that
//! when it is moved back.

use std::collections::BTreeSet;

use hyper::body::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::requests::Forwarded;
use super::{Next, Purpose, Recovered, Till, TillError};
use crate::answer::{Answer, Outcome};
use crate::client::Reply;
use crate::request::{Client, Void};
use crate::settling::{problem, sale_path};

/// A void is sent within this time of its making, unless the clock was set meanwhile or the service was away.
const VOID_MS: u64 = 60_000;

/// Ids may be this old, as the service says: 35 days.
const ID_MS: u64 = 35 * 24 * 60 * 60 * 1000;

/// How a note is dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Undoing {
    /// Under way.
    Asking,
    /// A record that is being written: where its writing failed it may be on the disk all the same.
    Writing,
    /// Nobody waits for it any more: how did it end?
    LeftOver,
    /// It is to be undone, by a void of this id.
    Undo { void: Uuid },
}

/// An attempt whose end is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    #[serde(skip)]
    pub id: Uuid,
    pub client: Client,
    #[serde(default)]
    pub staff: Option<Uuid>,
    pub undoing: Undoing,
    /// The attempt that this record took the place of: where that was booked after all it is undone too, and first.
    #[serde(default)]
    pub instead_of: Option<Uuid>,
    /// That attempt was booked and is undone now: staff heard it.
    #[serde(default)]
    pub attempt_is_undone: bool,
    /// Whether staff wait for a word: a sale that was called approved, or that they asked to undo.
    #[serde(default)]
    pub is_awaited: bool,
    /// The service said just now that it has no such sale: a void of this id follows.
    #[serde(skip)]
    pub cancels_with: Option<Uuid>,
}

impl Note {
    /// Whether it is of no sale that is under way.
    pub(super) const fn is_of_the_past(&self) -> bool {
        !matches!(self.undoing, Undoing::Asking | Undoing::Writing)
    }

    /// The void by which it is undone, whatever became of it.
    const fn undoes_with(&self) -> Option<Uuid> {
        match self.undoing {
            Undoing::Undo { void } => Some(void),
            _ => None,
        }
    }

    pub(super) const fn new(id: Uuid, client: Client, staff: Option<Uuid>, undoing: Undoing) -> Self {
        let (instead_of, cancels_with) = (None, None);
        Self { id, client, staff, undoing, instead_of, attempt_is_undone: false, is_awaited: false, cancels_with }
    }
}

impl Till {
    /// Reads the notes of before the restart; answers the records that were being written.
    pub(super) fn read_notes(&mut self) -> Result<BTreeSet<Uuid>, TillError> {
        let notes = self.journal.notes().map_err(|error| TillError::Journal(error.to_string()))?;
        self.notes.clear();
        // a note that was forgotten may come back with a power loss; what a record took the place of is not asked for
        let replaced: BTreeSet<Uuid> =
            self.records(self.journal.extent().pruned_to).into_iter().filter_map(|(_, sale)| sale.instead_of).collect();
        let mut written = BTreeSet::new();
        for (id, text) in notes {
            // a note that cannot be read is of another version of this program, and asks for nothing
            let Ok(mut note) = serde_json::from_slice::<Note>(&text) else { continue };
            note.id = id;
            if !matches!(note.undoing, Undoing::Undo { .. }) && replaced.contains(&id) {
                continue;
            }
            if note.undoing == Undoing::Writing {
                written.insert(id);
                continue;
            }
            if note.undoing == Undoing::Asking {
                note.undoing = Undoing::LeftOver;
            }
            self.notes.push(note);
        }
        // each is said once
        for id in &written {
            if let Err(error) = self.journal.forget(*id) {
                self.journal_failed(&error);
                break;
            }
        }
        Ok(written)
    }

    /// Notes that were known before the journal was opened anew: they may not have come to the disk that failed. A record
    /// that was refused because its writing failed, and that is there all the same, is undone.
    pub(super) fn keep_notes(&mut self, known: Vec<Note>) {
        let records = self.records(self.journal.extent().pruned_to);
        for note in known {
            if note.undoing != Undoing::Writing {
                self.keep_note(note);
            } else if records.iter().any(|(_, sale)| sale.id == note.id) {
                self.note_undo(note.id, note.client, note.staff);
            } else if let Err(error) = self.journal.forget(note.id) {
                self.journal_failed(&error);
            }
        }
    }

    pub(super) fn keep_note(&mut self, note: Note) {
        // without the note an attempt is asked for all the same while the program runs: a full disk stops no online sale
        match serde_json::to_vec(&note) {
            Ok(text) => {
                if let Err(error) = self.journal.note(note.id, &text) {
                    self.journal_failed(&error);
                }
            }
            Err(error) => self.own_problem = Some(error.to_string()),
        }
        self.notes.retain(|known| known.id != note.id);
        self.notes.push(note);
    }

    pub(super) fn note_asking(&mut self, id: Uuid, client: Client, staff: Option<Uuid>) {
        self.keep_note(Note::new(id, client, staff, Undoing::Asking));
    }

    pub(super) fn note_writing(&mut self, id: Uuid, client: Client, staff: Option<Uuid>) {
        self.keep_note(Note::new(id, client, staff, Undoing::Writing));
    }

    pub(super) fn note_undo(&mut self, id: Uuid, client: Client, staff: Option<Uuid>) {
        self.undo_noted(Note::new(id, client, staff, Undoing::LeftOver));
    }

    /// Has this undone, by a void of a new id.
    fn undo_noted(&mut self, note: Note) {
        // the void has an id of its own, the same at each try: after a restart too
        match self.new_id(self.last_ms) {
            Ok(void) => self.keep_note(Note { undoing: Undoing::Undo { void }, ..note }),
            Err(error) => self.own_problem = Some(error.to_string()),
        }
    }

    pub(super) fn forget_note(&mut self, id: Uuid) {
        let before = self.notes.len();
        self.notes.retain(|note| note.id != id);
        if self.notes.len() != before
            && let Err(error) = self.journal.forget(id)
        {
            self.journal_failed(&error);
        }
    }

    /// Undoes a sale of this till, also one that was made without the service: as soon as the service has it.
    ///
    /// # Errors
    /// [`TillError`].
    pub fn undo(&mut self, sale: Uuid, client: Client, staff: Option<Uuid>, now_ms: u64) -> Result<(), TillError> {
        if self.is_revoked {
            return Err(TillError::Revoked);
        }
        let records = self.records(self.journal.extent().pruned_to);
        let instead_of =
            records.into_iter().find(|(_, record)| record.id == sale).and_then(|(_, record)| record.instead_of);
        let undoing = Undoing::Undo { void: self.new_id(now_ms)? };
        self.keep_note(Note { instead_of, is_awaited: true, ..Note::new(sale, client, staff, undoing) });
        Ok(())
    }

    /// The sales that the journal has after this record, with their sequences.
    pub(super) fn records(&self, after: u64) -> Vec<(u64, Forwarded)> {
        let count = usize::try_from(self.journal.extent().last.saturating_sub(after)).unwrap_or(usize::MAX);
        // what cannot be read names nothing
        let records = self.journal.after(after, count).unwrap_or_default();
        records.iter().filter_map(|record| Some((record.sequence, Forwarded::read(&record.sale)?))).collect()
    }

    /// The oldest note that something can be done about now.
    fn next_note(&self) -> Option<&Note> {
        // a sale that was made without the service must be there before it is undone
        let may_void = self.journal.extent().waiting() == 0;
        self.notes.iter().find(|note| match note.undoing {
            Undoing::Asking | Undoing::Writing => false,
            Undoing::LeftOver => true,
            Undoing::Undo { .. } => may_void,
        })
    }

    pub(super) fn has_work_of_notes(&self) -> bool {
        self.next_note().is_some()
    }

    /// Sends what the oldest note asks for; none if there is nothing.
    pub(super) fn send_note(&mut self) -> Option<Next> {
        let stamp_ms = self.stamp(self.last_ms);
        let is_fresh = |void: &Uuid| stamp_ms.abs_diff(made_ms(*void)) <= VOID_MS;
        for note in &mut self.notes {
            note.cancels_with = note.cancels_with.filter(is_fresh);
        }
        let note = self.next_note()?;
        let (id, purpose) = (note.id, Purpose::Note(note.id));
        match note.undoes_with().or(note.cancels_with) {
            Some(void) => {
                let body = serde_json::to_vec(&Void { id: void, staff: note.staff, client: note.client }).ok()?;
                let path = format!("{}/void", sale_path(note.instead_of.unwrap_or(id)));
                Some(self.request(purpose, path, Some((Bytes::from(body), void))))
            }
            None => Some(self.request(purpose, sale_path(id), None)),
        }
    }

    /// What was asked of a sale is asked again before it is voided; answers the void that was sent, if one was.
    pub(super) fn ask_first(&mut self, id: Uuid) -> Option<Uuid> {
        let note = self.notes.iter_mut().find(|note| note.id == id)?;
        let cancels_with = note.cancels_with.take();
        note.undoes_with().or(cancels_with)
    }

    /// Whether a void was refused for the time in its id. A sale of the far past can never be booked, and needs no undoing;
    /// one of the future may still be.
    fn has_wrong_time(&mut self, note: &Note, void: Uuid, reply: &Reply) -> bool {
        let slug = problem(reply).slug;
        if !matches!(slug.as_str(), "id-too-new" | "id-too-old") {
            return false;
        }
        self.set_clock(reply, self.last_ms);
        // a new id helps no sale that is too old itself
        let sold_ms = made_ms(note.id);
        let stamp_ms = self.stamp(self.last_ms);
        slug == "id-too-new" || (stamp_ms.saturating_sub(sold_ms) < ID_MS && stamp_ms.abs_diff(made_ms(void)) > VOID_MS)
    }

    /// What came of it. Answers whether it is over.
    pub(super) fn replied_to_note(&mut self, id: Uuid, sent: Option<Uuid>, reply: &Reply) -> bool {
        let Some(note) = self.notes.iter().find(|note| note.id == id).cloned() else { return true };
        let is_void = sent.is_some();
        match reply.status {
            200 => {
                let answer = Answer::read(&reply.body).ok();
                let outcome = answer.as_ref().map(|answer| answer.outcome);
                let reason = answer.and_then(|answer| answer.reason).map(str::to_owned);
                match (is_void, outcome) {
                    (true, _) => return self.voided(note, outcome, reason),
                    (false, Some(Outcome::Approved | Outcome::ApprovedInPart)) => {
                        self.recovered.push(Recovered::Approved { sale: id, client: note.client });
                    }
                    (false, _) => {}
                }
                self.forget_note(id);
                true
            }
            404 if !is_void => match self.new_id(self.last_ms) {
                Ok(void) => {
                    let known = self.notes.iter_mut().find(|known| known.id == id);
                    known.into_iter().for_each(|note| note.cancels_with = Some(void));
                    true
                }
                Err(error) => {
                    self.own_problem = Some(error.to_string());
                    false
                }
            },
            // the clock was wrong when the void got its id: another one, by the service's clock
            422 if sent.is_some_and(|void| self.has_wrong_time(&note, void, reply)) => {
                if matches!(note.undoing, Undoing::Undo { .. }) {
                    self.undo_noted(note);
                } else {
                    // one whose time lies ahead keeps no other waiting
                    self.notes.retain(|known| known.id != id);
                    self.notes.push(note);
                }
                false
            }
            400..=499 if is_void && !matches!(reply.status, 401 | 429) => {
                self.voided(note, None, Some(problem(reply).slug))
            }
            _ => false,
        }
    }

    /// What the service said to a void.
    fn voided(&mut self, note: Note, outcome: Option<Outcome>, reason: Option<String>) -> bool {
        let sale = note.id;
        let is_of_attempt = note.instead_of.is_some();
        let was_not_sold = outcome.is_some() && reason.as_deref() == Some("not_approved");
        let mut attempt_is_undone = note.attempt_is_undone;
        match outcome {
            // both were sold, each a part: that is said once
            Some(Outcome::Booked) if attempt_is_undone => {}
            Some(Outcome::Booked) => {
                self.recovered.push(Recovered::Undone { sale });
                attempt_is_undone = is_of_attempt;
            }
            Some(Outcome::CancelledBeforehand) if is_of_attempt || attempt_is_undone => {}
            Some(Outcome::CancelledBeforehand) => self.recovered.push(Recovered::Undone { sale }),
            // an attempt so old can never be booked any more
            _ if is_of_attempt && reason.as_deref() == Some("id-too-old") => {}
            // what was never sold needs no undoing; of what staff wait for they hear it
            _ if was_not_sold && (is_of_attempt || attempt_is_undone || !note.is_awaited) => {}
            _ => self.recovered.push(Recovered::NotUndone { sale, reason }),
        }
        if is_of_attempt {
            self.undo_noted(Note { instead_of: None, attempt_is_undone, ..note });
        } else {
            self.forget_note(sale);
        }
        true
    }
}

/// The time in an id.
fn made_ms(id: Uuid) -> u64 {
    id.get_timestamp().map_or(0, |made| made.to_unix().0 * 1000)
}
