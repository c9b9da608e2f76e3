//! A virtual card: the state machine of a real one, over the bytes of commands.
//!
//! The card commits counter and journal to its memory before it answers: a card that is pulled away, or a program that is
//! killed, never uses a counter twice. The counter never restarts.

use std::io;

use card_protocol::frame::{
    self, AnswerFrame, Authorise, Authorised, Command, Complete, Instruction, Last, Selected, Status, TapState,
};
use card_protocol::script::{Change, Script};
use card_protocol::transaction::EURO;
use card_protocol::{CardKeys, CardOutcome, Decision, HolderVerification, Malformed, Transaction};
use serde::{Deserialize, Serialize};

use crate::hex::Hex;

/// Something that answers commands: a virtual card, a reader with a card in its field.
pub trait CardReader {
    /// The card's answer, status included; fewer than 2 bytes: it was pulled away.
    fn transmit(&mut self, command: &[u8]) -> AnswerFrame;
}

/// What a card may approve by itself, without a connection. Not used yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct OfflineLimits {
    pub tap_cents: u32,
    pub total_cents: u32,
    pub count: u8,
}

/// What a card remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardState {
    /// Of the last tap; 0 if there was none.
    pub counter: u32,
    /// Of the keys in use.
    pub generation: u8,
    /// Of the last script that was applied.
    pub script_number: u32,
    /// A script blocked it.
    pub is_blocked: bool,
    /// For later.
    pub limits: OfflineLimits,
    /// Approved offline since the last reset.
    pub offline_total_cents: u32,
    /// Taps approved offline since the last reset.
    pub offline_count: u8,
    /// The greatest that the last tap may cost.
    pub asked_cents: u64,
    /// The last tap.
    #[serde(with = "journal_hex")]
    pub journal: Option<Last>,
}

impl CardState {
    /// Of a card that was never tapped.
    pub const fn new(generation: u8) -> Self {
        Self {
            counter: 0,
            generation,
            script_number: 0,
            is_blocked: false,
            limits: OfflineLimits { tap_cents: 25_00, total_cents: 50_00, count: 5 },
            offline_total_cents: 0,
            offline_count: 0,
            asked_cents: 0,
            journal: None,
        }
    }
}

/// The journal as the bytes that GET LAST answers.
mod journal_hex {
    use super::{Hex, Last};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(journal: &Option<Last>, serializer: S) -> Result<S::Ok, S::Error> {
        journal.as_ref().map(|last| Hex(last.encode())).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Last>, D::Error> {
        let bytes = Option::<Hex<{ Last::LENGTH }>>::deserialize(deserializer)?;
        let last = bytes.map(|bytes| Last::decode(&bytes.0));
        last.transpose().map_err(|_| D::Error::custom("the journal is no answer to GET LAST"))
    }
}

/// Where a card's state survives.
pub trait Memory {
    /// Keeps the state, before the card answers.
    ///
    /// # Errors
    /// The state is not kept; the card answers no more.
    fn commit(&mut self, state: &CardState) -> io::Result<()>;
}

/// Memory that dies with the program: for cards whose counters were reserved beforehand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fleeting;

impl Memory for Fleeting {
    fn commit(&mut self, _: &CardState) -> io::Result<()> {
        Ok(())
    }
}

/// The keys of one generation.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Generation {
    pub number: u8,
    pub keys: CardKeys,
}

/// A card.
#[derive(Debug)]
pub struct Card<M> {
    id: [u8; 16],
    generations: Vec<Generation>,
    state: CardState,
    memory: M,
    is_selected: bool,
    failure: Option<io::Error>,
}

impl<M: Memory> Card<M> {
    /// A card as it was left. None if it has no keys of the generation in use.
    pub fn new(id: [u8; 16], generations: Vec<Generation>, state: CardState, memory: M) -> Option<Self> {
        let has_keys = generations.iter().any(|generation| generation.number == state.generation);
        has_keys.then_some(Self { id, generations, state, memory, is_selected: false, failure: None })
    }

    /// What it remembers.
    pub const fn state(&self) -> &CardState {
        &self.state
    }

    /// Why its memory failed, if it did.
    pub const fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    /// Leaves the reader's field: the card must be selected again.
    pub const fn leave_field(&mut self) {
        self.is_selected = false;
    }

    /// Looks at a command in the order of the protocol's table of statuses, and answers the first that applies.
    fn respond(&mut self, bytes: &[u8]) -> Result<AnswerFrame, Status> {
        let command = Command::decode(bytes).map_err(status)?;
        let instruction = command.known()?;
        if self.failure.is_some() {
            return Err(Status::DEAD);
        }
        match instruction {
            Instruction::Select => self.select(command.data),
            _ if !self.is_selected => Err(Status::NOT_NOW),
            Instruction::Authorise => self.authorise(command.data),
            Instruction::Complete => self.complete(command.data),
            Instruction::GetLast => self.get_last(command.data),
            Instruction::Verify | Instruction::PutData => Err(Status::NO_INSTRUCTION),
        }
    }

    fn select(&mut self, name: &[u8]) -> Result<AnswerFrame, Status> {
        self.is_selected = name == frame::APPLICATION;
        if !self.is_selected {
            return Err(Status::NOT_FOUND);
        }
        let selected = Selected {
            card: self.id,
            generation: self.state.generation,
            is_blocked: self.state.is_blocked,
            has_pin: false,
            is_blank: false,
        };
        Ok(frame::answer(&selected.encode(), Status::OK))
    }

    fn authorise(&mut self, data: &[u8]) -> Result<AnswerFrame, Status> {
        let asked = Authorise::decode(data).map_err(status)?;
        if asked.currency != EURO {
            return Err(Status::WRONG_DATA);
        }
        let counter = self.state.counter.checked_add(1).ok_or(Status::DEAD)?;
        let decision = if asked.is_online && !self.state.is_blocked { Decision::Online } else { Decision::Declined };
        let transaction = Transaction {
            card: self.id,
            generation: self.state.generation,
            counter,
            terminal: asked.terminal,
            location: asked.location,
            terminal_sequence: asked.terminal_sequence,
            terminal_nonce: asked.terminal_nonce,
            kind: asked.kind,
            decision,
            holder_verification: HolderVerification::None,
            currency: asked.currency,
            amount_cents: asked.amount_cents,
            time_ms: asked.time_ms,
            basket_digest: asked.basket_digest,
            offline_total_cents: self.state.offline_total_cents,
            offline_count: self.state.offline_count,
            script_number: self.state.script_number,
        };
        let authorised = Authorised {
            decision,
            generation: transaction.generation,
            counter,
            holder_verification: transaction.holder_verification,
            offline_total_cents: transaction.offline_total_cents,
            offline_count: transaction.offline_count,
            script_number: transaction.script_number,
            mac: transaction.sign(&self.keys()?.transaction),
            terminal_mac: [0; 16],
        };
        let journal = Last {
            state: TapState::Signed,
            terminal: asked.terminal,
            terminal_sequence: asked.terminal_sequence,
            authorised,
            sale: [0; 16],
            approved_cents: 0,
        };
        self.commit(CardState { counter, asked_cents: asked.amount_cents, journal: Some(journal), ..self.state })?;
        Ok(frame::answer(&authorised.encode(), Status::OK))
    }

    fn complete(&mut self, data: &[u8]) -> Result<AnswerFrame, Status> {
        let waiting = self.state.journal.filter(|journal| journal.state == TapState::Signed);
        let mut journal = waiting.ok_or(Status::NOT_NOW)?;
        let Complete { answer, script } = Complete::decode(data).map_err(status)?;
        let tap = journal.authorised;
        if !answer.is_signed(&self.keys_of(tap.generation)?.response, &self.id, tap.generation, tap.counter) {
            return Err(Status::MAC_WRONG);
        }
        if let Some(script) = &script
            && !script.is_signed(&self.keys()?.script, &self.id, self.state.generation)
        {
            return Err(Status::MAC_WRONG);
        }
        let approvable_cents = if answer.outcome == CardOutcome::Declined { 0 } else { self.state.asked_cents };
        if answer.approved_cents > approvable_cents {
            return Err(Status::WRONG_DATA);
        }
        journal.state = TapState::Completed;
        journal.sale = answer.sale;
        journal.approved_cents = answer.approved_cents;
        let mut next = CardState { journal: Some(journal), ..self.state };
        if let Some(script) = &script {
            next = self.apply(script, next)?;
        }
        self.commit(next)?;
        Ok(frame::answer(&[], Status::OK))
    }

    /// The state after a script whose MAC is right. One that is not above the last changes nothing: it was sent again.
    fn apply(&self, script: &Script, mut next: CardState) -> Result<CardState, Status> {
        if script.number <= self.state.script_number {
            return Ok(next);
        }
        next.script_number = script.number;
        match script.change {
            Change::Limits { tap_cents, total_cents, count } => {
                next.limits = OfflineLimits { tap_cents, total_cents, count };
            }
            Change::ResetOffline => {
                next.offline_total_cents = 0;
                next.offline_count = 0;
            }
            Change::Block => next.is_blocked = true,
            Change::Unblock => next.is_blocked = false,
            Change::ActivateGeneration(number) => {
                self.keys_of(number).map_err(|_| Status::WRONG_DATA)?;
                next.generation = number;
            }
        }
        Ok(next)
    }

    fn get_last(&self, data: &[u8]) -> Result<AnswerFrame, Status> {
        if !data.is_empty() {
            return Err(Status::WRONG_LENGTH);
        }
        let last = self.state.journal.unwrap_or(NEVER);
        Ok(frame::answer(&last.encode(), Status::OK))
    }

    fn keys(&self) -> Result<&CardKeys, Status> {
        self.keys_of(self.state.generation)
    }

    fn keys_of(&self, number: u8) -> Result<&CardKeys, Status> {
        let found = self.generations.iter().find(|generation| generation.number == number);
        found.map(|generation| &generation.keys).ok_or(Status::DEAD)
    }

    fn commit(&mut self, next: CardState) -> Result<(), Status> {
        match self.memory.commit(&next) {
            Ok(()) => {
                self.state = next;
                Ok(())
            }
            Err(failure) => {
                self.failure = Some(failure);
                Err(Status::DEAD)
            }
        }
    }
}

impl<M: Memory> CardReader for Card<M> {
    fn transmit(&mut self, command: &[u8]) -> AnswerFrame {
        self.respond(command).unwrap_or_else(|status| frame::answer(&[], status))
    }
}

/// The journal of a card that was never tapped.
const NEVER: Last = Last {
    state: TapState::Never,
    terminal: [0; 16],
    terminal_sequence: 0,
    authorised: Authorised {
        decision: Decision::Declined,
        generation: 0,
        counter: 0,
        holder_verification: HolderVerification::None,
        offline_total_cents: 0,
        offline_count: 0,
        script_number: 0,
        mac: [0; 16],
        terminal_mac: [0; 16],
    },
    sale: [0; 16],
    approved_cents: 0,
};

const fn status(malformed: Malformed) -> Status {
    match malformed {
        Malformed::Length => Status::WRONG_LENGTH,
        Malformed::Code => Status::WRONG_DATA,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
