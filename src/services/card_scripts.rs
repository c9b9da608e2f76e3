//! Scripts on their way to cards: sent with the answer to a tap, and again until a tap shows that they came.
//!
//! A sale asks no database for them: what waits is in memory, and a task reads each second what was queued since, and writes
//! what came. So a script goes out at most two seconds after it was queued. A service that does not know yet that a script
//! came sends it again; a card leaves one that it has applied alone.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use card_protocol::script::{Change, Script};
use card_protocol::{CardAnswer, CardOutcome, Decision, Mac, Transaction};
use uuid::Uuid;

use super::card_proof::is_signed;
use super::cards::{self, CardError};
use super::key_store::KeyStore;
use crate::db::connect::Database;
use crate::db::{card_scripts, cards as rows};
use crate::domain::basket::Basket;
use crate::domain::card::CounterVerdict;
use crate::domain::card_script::{Queued, replaces};
use crate::domain::operation::{Booked, OperationId};
use crate::domain::sale::{Payer, Terminal};
use crate::domain::tap::Tap;

const EVERY: Duration = Duration::from_secs(1);

/// What waits for cards.
pub struct CardScripts {
    database: Database,
    keys: Arc<dyn KeyStore>,
    /// By number.
    waiting: RwLock<HashMap<Uuid, Vec<Queued>>>,
    /// Up to which number scripts came, and are not written yet.
    came: Mutex<HashMap<Uuid, u32>>,
    /// The newest version that was read.
    read_to: AtomicI64,
    reading: tokio::sync::Mutex<()>,
}

/// A tap that asks for a script and sells nothing.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Asking {
    pub id: OperationId,
    pub terminal: Terminal,
    pub tap: Tap,
    /// The card's own.
    pub decision: Decision,
    pub price_list: u32,
    pub basket: Basket,
}

impl CardScripts {
    /// Of a database, signed with these keys. Nothing waits until it was read.
    pub fn new(database: Database, keys: Arc<dyn KeyStore>) -> Self {
        Self {
            database,
            keys,
            waiting: RwLock::default(),
            came: Mutex::default(),
            read_to: AtomicI64::new(0),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// The tap of a sale or hold, if it says anything that matters to scripts and its MAC is right. Most say nothing, and
    /// cost nothing.
    pub fn heard_in(&self, payer: Payer, signed: impl FnOnce() -> Option<(Transaction, Mac)>) -> Option<Tap> {
        let Payer::Card(tap) = payer else { return None };
        let matters = tap.offline_count > 0 || self.first_waiting(tap.card, 0).is_some();
        let is_right = || signed().is_some_and(|(signed, mac)| is_signed(self.keys.as_ref(), &signed, &mac));
        (matters && is_right()).then_some(tap)
    }

    /// The script that goes out with the answer to a sale or hold, after the card was listened to. What the request itself
    /// says that the card has applied does not go out with its answer.
    pub async fn after(&self, booked: &Booked, payer: Option<Payer>, heard: Option<Tap>) -> Option<Script> {
        let operation = &booked.operation;
        let (card, counter, generation) = (operation.card?, operation.counter?, operation.card_generation?);
        if let Some(tap) = heard.filter(|tap| (tap.card, tap.counter, tap.generation) == (card, counter, generation)) {
            // Boxed, as its future is large and every sale's would have room for it.
            Box::pin(self.listen(&tap)).await;
        }
        let applied = match payer {
            Some(Payer::Card(tap)) => tap.script_number,
            _ => 0,
        };
        self.next(card, generation, applied)
    }

    /// The first script that waits for a card that has applied them up to a number, signed for the generation that it signs
    /// with.
    pub fn next(&self, card: Uuid, generation: u8, applied: u32) -> Option<Script> {
        let Queued { number, change } = self.first_waiting(card, applied)?;
        let key = self.keys.script_key(card.as_bytes(), generation)?;
        Some(Script::sign(&key, card.as_bytes(), generation, number, change))
    }

    /// Answers a tap that sold nothing: what the card is told of it, and its script. Nothing unless the MAC is right, the
    /// generation is not one that the card has left, and no sale was made of the tap. Books nothing.
    ///
    /// # Errors
    /// [`CardError`].
    pub async fn ask(&self, asking: &Asking) -> Result<Option<(CardAnswer, Option<Script>)>, CardError> {
        let Asking { id, terminal, tap, decision, price_list, basket } = asking;
        let found = rows::load(&*self.database.connection().await?, &[tap.card]).await?.remove(&tap.card);
        let Some(card) = found.filter(|card| card.wallet.organisation() == terminal.organisation) else {
            return Ok(None);
        };
        let bytes = tap.card.as_bytes();
        let signed = tap.transaction(terminal, *decision, *price_list, basket);
        let is_right = signed.is_some_and(|signed| is_signed(self.keys.as_ref(), &signed, &tap.mac));
        // A sale that was made of this tap has an answer of its own.
        let was_decided = card.counters.judge(tap.counter, true) == CounterVerdict::Used;
        if !is_right || tap.generation < card.generation || was_decided {
            return Ok(None);
        }
        let Some(key) = self.keys.response_key(bytes, tap.generation) else { return Ok(None) };
        let sale = id.uuid().into_bytes();
        let told = CardAnswer::sign(&key, bytes, tap.generation, tap.counter, sale, CardOutcome::Declined, 0);
        // Who asks for a script asks because something was changed just now.
        self.refresh().await?;
        self.listen(tap).await;
        Ok(Some((told, self.next(tap.card, tap.generation, tap.script_number))))
    }

    /// Takes from a tap whose MAC is right what it says of scripts and of what the card approved offline.
    async fn listen(&self, tap: &Tap) {
        self.note(tap.card, tap.script_number);
        let is_told = || {
            let waiting = self.waiting.read().unwrap_or_else(PoisonError::into_inner);
            let is_reset = |script: &Queued| script.change == Change::ResetOffline && script.number > tap.script_number;
            waiting.get(&tap.card).is_some_and(|all| all.iter().any(is_reset))
        };
        if tap.offline_count == 0 || is_told() {
            return;
        }
        match cards::tell_reset(&self.database, tap.card, tap.script_number).await {
            Ok(waiting) => self.replace(tap.card, waiting),
            // The card says so again in its next tap.
            Err(error) => tracing::warn!(%error, "a card's offline total could not be reset"),
        }
    }

    /// A card has applied its scripts up to this number.
    fn note(&self, card: Uuid, number: u32) {
        let mut waiting = self.waiting.write().unwrap_or_else(PoisonError::into_inner);
        let Entry::Occupied(mut all) = waiting.entry(card) else { return };
        let before = all.get().len();
        all.get_mut().retain(|script| script.number > number);
        let any_came = all.get().len() < before;
        if all.get().is_empty() {
            all.remove();
        }
        drop(waiting);
        if any_came {
            let mut came = self.came.lock().unwrap_or_else(PoisonError::into_inner);
            let known = came.entry(card).or_default();
            *known = number.max(*known);
        }
    }

    /// By number, and above the last that the card has applied: a task may have read one anew just after it was noted that
    /// it came.
    fn first_waiting(&self, card: Uuid, applied: u32) -> Option<Queued> {
        let waiting = self.waiting.read().unwrap_or_else(PoisonError::into_inner);
        waiting.get(&card)?.iter().find(|script| script.number > applied).copied()
    }

    /// All that waits for a card, by number.
    fn replace(&self, card: Uuid, scripts: Vec<Queued>) {
        let mut waiting = self.waiting.write().unwrap_or_else(PoisonError::into_inner);
        if scripts.is_empty() {
            waiting.remove(&card);
        } else {
            waiting.insert(card, scripts);
        }
    }

    fn add(&self, card: Uuid, script: Queued) {
        let mut waiting = self.waiting.write().unwrap_or_else(PoisonError::into_inner);
        let all = waiting.entry(card).or_default();
        all.retain(|earlier| earlier.number > script.number || !replaces(script.change, earlier.change));
        if all.iter().all(|known| known.number != script.number) {
            all.push(script);
            all.sort_by_key(|script| script.number);
        }
    }

    /// Writes what came and reads what was queued since the last time.
    ///
    /// # Errors
    /// [`CardError`]; nothing is forgotten then.
    pub async fn refresh(&self) -> Result<(), CardError> {
        let _alone = self.reading.lock().await;
        let mut conn = self.database.connection().await?;
        // What came is written first: what is read then is what still waits.
        let came = std::mem::take(&mut *self.came.lock().unwrap_or_else(PoisonError::into_inner));
        if !came.is_empty() {
            let came: Vec<(Uuid, u32)> = came.into_iter().collect();
            if let Err(error) = card_scripts::confirm(&mut conn, &came).await {
                let mut kept = self.came.lock().unwrap_or_else(PoisonError::into_inner);
                for (card, number) in came {
                    let known = kept.entry(card).or_default();
                    *known = number.max(*known);
                }
                return Err(error.into());
            }
        }
        let (version, queued) = card_scripts::waiting_since(&conn, self.read_to.load(Ordering::Relaxed)).await?;
        for (card, script) in queued {
            self.add(card, script);
        }
        self.read_to.store(version, Ordering::Relaxed);
        Ok(())
    }

    /// Does so each second.
    pub async fn keep(self: Arc<Self>) {
        let mut is_failing = false;
        loop {
            let read = self.refresh().await;
            if let (Err(error), false) = (&read, is_failing) {
                tracing::warn!(%error, "scripts to cards could not be read; trying each second");
            }
            is_failing = read.is_err();
            tokio::time::sleep(EVERY).await;
        }
    }
}
