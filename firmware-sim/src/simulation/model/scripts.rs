//! What cards are told to change: nothing that nobody asked for, under one number for ever, and never too little where a
//! tap asks for it.
//!
//! Which scripts wait is the service's business, and when it reads that they do. What a card has applied, its own signed
//! taps say.

use std::collections::{BTreeMap, BTreeSet};

use card_protocol::script::{Change, Script};
use card_protocol::{CardAnswer, CardOutcome, Decision};
use serde::Deserialize;
use uuid::Uuid;

use super::reading::{LineText, SaleText, TapText, payer_tap};
use super::selling::{Claim, WINDOW};
use super::{Delivery, Expected, Model, Said, found};
use crate::hex;
use crate::simulation::world::{Card, World};

/// What a card may be told.
#[derive(Clone, Debug)]
pub(super) struct Telling {
    /// Generations whose keys are on it.
    generations: BTreeSet<u8>,
    /// Of these, what it was told to sign with, or may be at any time.
    activated: BTreeSet<u8>,
    /// That the office has told it to sign with for certain.
    due: u8,
    was_blocked: bool,
    was_offline: bool,
    /// Up to which number it has applied scripts.
    applied: u32,
    /// By number.
    sent: BTreeMap<u32, Change>,
}

/// What must come of a tap that asks for a script.
pub(super) struct Asked {
    id: Uuid,
    card: Uuid,
    /// None: nothing is said to it.
    heard: Option<Heard>,
}

#[derive(Clone, Copy)]
struct Heard {
    /// Scripts up to here have come.
    applied: u32,
    /// It signs with keys that it was told to leave.
    is_due: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskText {
    id: Uuid,
    decision: String,
    price_list: u32,
    card: TapText,
    lines: Vec<LineText>,
}

#[derive(Deserialize)]
struct ToldText {
    card_answer: Option<String>,
    script: Option<String>,
}

impl Telling {
    pub(super) fn new(world: &World, card: &Card) -> Self {
        let generations: BTreeSet<u8> = card.file.keys.iter().map(|keys| keys.generation).collect();
        let of_others = world.next_generation.filter(|_| world.is_rotated_by_others);
        let may = of_others.into_iter().chain(card.told_generation);
        let activated = may.filter(|generation| generations.contains(generation)).collect();
        Self {
            generations,
            activated,
            due: card.told_generation.unwrap_or(0),
            was_blocked: false,
            was_offline: false,
            applied: 0,
            sent: BTreeMap::new(),
        }
    }

    pub(super) const fn blocked(&mut self) {
        self.was_blocked = true;
    }

    fn heard(&mut self, tap: &TapText) {
        self.applied = self.applied.max(tap.script_number);
        self.was_offline |= tap.offline_count > 0;
    }

    /// Whether somebody wanted this of the card, and nothing else went out under its number.
    fn takes(&mut self, card: Uuid, script: &Script, above: u32) -> Result<(), String> {
        let Script { number, change, .. } = *script;
        let is_wanted = match change {
            Change::Limits { .. } => false,
            Change::ResetOffline => self.was_offline,
            Change::Block | Change::Unblock => self.was_blocked,
            Change::ActivateGeneration(generation) => self.activated.contains(&generation),
        };
        if !is_wanted {
            return Err(format!("card {card} is told {change:?}, which nobody wanted"));
        }
        if number <= above {
            return Err(format!("card {card} says that it applied script {above}, and is sent {number}: {change:?}"));
        }
        match self.sent.insert(number, change) {
            Some(before) if before != change => {
                Err(format!("script {number} of card {card} was {before:?} and is {change:?} now"))
            }
            _ => Ok(()),
        }
    }
}

impl Model {
    /// The office has begun a rotation: each card that has the keys of this generation is told to sign with them.
    pub fn rotated(&mut self, generation: u8) {
        for card in self.cards.values_mut() {
            if card.telling.generations.contains(&generation) {
                card.telling.activated.insert(generation);
                card.telling.due = card.telling.due.max(generation);
            }
        }
    }

    /// A tap that sold nothing asks for a script. Nothing is said to a card that did not sign it, to one that has left
    /// these keys, and of a tap that a sale was made of.
    pub(super) fn ask_script(&mut self, delivery: &Delivery<'_>) -> Expected {
        let malformed = Expected::Problem((422, "request-malformed"));
        let Ok(ask) = serde_json::from_slice::<AskText>(delivery.body) else { return malformed };
        let decision = match ask.decision.as_str() {
            "declined" => Decision::Declined,
            "online" => Decision::Online,
            _ => return malformed,
        };
        let Some(terminal) = self.terminals.get(&delivery.terminal) else { return malformed };
        let claim = Claim {
            terminal: delivery.terminal,
            location: terminal.location,
            price_list: ask.price_list,
            lines: &ask.lines,
            decision,
        };
        let is_genuine = self.is_genuine(&claim, &ask.card);
        let nothing = Asked { id: ask.id, card: ask.card.id, heard: None };
        let Some(card) = self.cards.get_mut(&ask.card.id) else { return Expected::Script(nothing) };
        let counter = ask.card.counter;
        let was_decided = card.used.contains(&counter) && card.last.saturating_sub(counter) < WINDOW;
        if !is_genuine || ask.card.generation < card.generation || was_decided {
            return Expected::Script(nothing);
        }
        card.telling.heard(&ask.card);
        // an older tap of it may ask for what came since
        let is_newest = ask.card.script_number == card.telling.applied;
        let is_due = is_newest && ask.card.generation < card.telling.due;
        let heard = Heard { applied: ask.card.script_number, is_due };
        Expected::Script(Asked { heard: Some(heard), ..nothing })
    }

    pub(super) fn fits_asked(&mut self, asked: &Asked, said: &Said<'_>) -> Result<(), String> {
        let told: Option<ToldText> = serde_json::from_slice(said.body).ok().filter(|_| said.status == 200);
        let Some(told) = told else { return Err(format!("a script was asked for, and {} came", found(said))) };
        let Some(heard) = asked.heard else {
            return match (told.card_answer, told.script) {
                (None, None) => Ok(()),
                _ => Err(format!("nothing is to be said to this tap, and {} came", found(said))),
            };
        };
        let answer = told.card_answer.as_deref().and_then(hex::decode::<{ CardAnswer::LENGTH }>);
        let answer = answer.and_then(|bytes| CardAnswer::decode(&bytes).ok());
        let is_decline = answer.is_some_and(|answer| {
            (answer.outcome, answer.approved_cents, answer.sale) == (CardOutcome::Declined, 0, asked.id.into_bytes())
        });
        if !is_decline {
            return Err(format!("the card must be told that it bought nothing, and {} came", found(said)));
        }
        match (read_script(told.script.as_deref())?, self.cards.get_mut(&asked.card)) {
            (Some(script), Some(card)) => {
                card.telling.takes(asked.card, &script, heard.applied)?;
                self.count_script(&script);
                Ok(())
            }
            (None, _) if heard.is_due => {
                Err(format!("card {} signs with keys that it was told to leave, and is not told so", asked.card))
            }
            _ => Ok(()),
        }
    }

    /// The header beside the answer to a sale; `told` is what tap the answer's word to the card is about.
    pub(super) fn fits_header(
        &mut self,
        delivery: &Delivery<'_>,
        told: Option<(Uuid, u8, u32)>,
        header: Option<&str>,
    ) -> Result<(), String> {
        let sale = serde_json::from_slice::<SaleText>(delivery.body).ok();
        let is_its = |tap: &&TapText| Some((tap.id, tap.generation, tap.counter)) == told;
        let tap = sale.as_ref().and_then(|sale| payer_tap(&sale.payer)).filter(is_its);
        if let Some(tap) = tap
            && let Some(card) = self.cards.get_mut(&tap.id)
        {
            card.telling.heard(tap);
        }
        let Some(script) = read_script(header)? else {
            let is_newest =
                |tap: &&TapText| self.cards.get(&tap.id).is_some_and(|card| card.telling.applied == tap.script_number);
            return match tap.filter(|tap| tap.offline_count > 0).filter(is_newest) {
                Some(tap) => Err(format!("card {} says what it approved offline, and it is not reset", tap.id)),
                None => Ok(()),
            };
        };
        let Some((id, ..)) = told else {
            return Err(format!("a script comes with an answer that says nothing to a card: {script:?}"));
        };
        if let Some(card) = self.cards.get_mut(&id) {
            card.telling.takes(id, &script, tap.map_or(0, |tap| tap.script_number))?;
        }
        self.count_script(&script);
        Ok(())
    }

    fn count_script(&mut self, script: &Script) {
        let what = match script.change {
            Change::Limits { .. } => "limits",
            Change::ResetOffline => "reset offline",
            Change::Block => "block",
            Change::Unblock => "unblock",
            Change::ActivateGeneration(_) => "activate generation",
        };
        *self.tally.entry(format!("script {what}")).or_default() += 1;
    }
}

fn read_script(digits: Option<&str>) -> Result<Option<Script>, String> {
    let Some(digits) = digits else { return Ok(None) };
    let bytes = hex::decode::<{ Script::LENGTH }>(digits);
    let script = bytes.and_then(|bytes| Script::decode(&bytes).ok());
    script.map(Some).ok_or_else(|| format!("{digits} is no script"))
}
