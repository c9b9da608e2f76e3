//! A virtual card: the state machine of a real one, over the bytes of commands.
//!
//! The card commits counter and journal to its memory before it answers: a card that is pulled away, or a program that is
//! killed, never uses a counter twice. The counter never restarts.

mod decision;
mod personalise;
mod pin;
mod state;

use std::io;

use card_protocol::frame::{
    self, AnswerFrame, Authorise, Authorised, Command, Complete, Instruction, Last, Selected, Status, TapState,
};
use card_protocol::pin::PIN_TRIES;
use card_protocol::script::{Change, Script};
use card_protocol::transaction::EURO;
use card_protocol::{CardKeys, CardOutcome, Decision, HolderVerification, Malformed, Transaction};

use crate::reader::{ReaderFault, Wanted};
use decision::decide;

pub use state::{CardState, Fleeting, Generation, Identity, Memory, OfflineLimits};

/// Something that answers commands: a virtual card, a reader with a card in its field.
pub trait CardReader {
    /// The card's answer, status included; fewer than 2 bytes: it was pulled away.
    fn transmit(&mut self, command: &[u8]) -> AnswerFrame;

    /// Waits until a card can be spoken to. A card in this program always can.
    ///
    /// # Errors
    /// [`ReaderFault`]: none can, and what staff can do about it; also why the last answer stayed away, if it was not the
    /// card that left.
    fn await_card(&mut self, _: Wanted) -> Result<(), ReaderFault> {
        Ok(())
    }
}

/// A card.
#[derive(Debug)]
pub struct Card<M> {
    /// None: blank.
    identity: Option<Identity>,
    /// Keys put into a blank card since it was selected.
    put: Vec<Generation>,
    state: CardState,
    memory: M,
    is_selected: bool,
    /// The PIN was right, and no tap has used that up.
    is_verified: bool,
    failure: Option<io::Error>,
}

impl<M: Memory> Card<M> {
    /// A card as it was left. None if it has no keys of the generation in use.
    pub fn new(identity: Identity, state: CardState, memory: M) -> Option<Self> {
        let has_keys = identity.keys_of(state.generation).is_some();
        has_keys.then(|| Self { identity: Some(identity), state, ..Self::blank(memory) })
    }

    /// A card that was never personalised.
    pub const fn blank(memory: M) -> Self {
        Self {
            identity: None,
            put: Vec::new(),
            state: CardState::new(0),
            memory,
            is_selected: false,
            is_verified: false,
            failure: None,
        }
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
    pub fn leave_field(&mut self) {
        self.end_session();
    }

    /// What a session knew is forgotten: a right PIN, and keys that were put without the record that ends them.
    fn end_session(&mut self) {
        self.is_selected = false;
        self.is_verified = false;
        self.put.clear();
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
            Instruction::PutData => self.put_data(command.parameters, command.data),
            _ if self.identity.is_none() => Err(Status::NOT_NOW),
            Instruction::Authorise => self.authorise(command.data),
            Instruction::Complete => self.complete(command.data),
            Instruction::GetLast => self.get_last(command.data),
            Instruction::Verify => self.verify(command.data),
        }
    }

    fn select(&mut self, name: &[u8]) -> Result<AnswerFrame, Status> {
        self.end_session();
        if name != frame::APPLICATION {
            return Err(Status::NOT_FOUND);
        }
        self.is_selected = true;
        let selected = Selected {
            card: self.identity.as_ref().map_or([0; 16], |identity| identity.card),
            generation: self.state.generation,
            is_blocked: self.state.is_blocked,
            has_pin: self.identity.as_ref().is_some_and(|identity| identity.pin.is_some()),
            is_blank: self.identity.is_none(),
        };
        Ok(frame::answer(&selected.encode(), Status::OK))
    }

    fn authorise(&mut self, data: &[u8]) -> Result<AnswerFrame, Status> {
        let asked = Authorise::decode(data).map_err(status)?;
        if asked.currency != EURO {
            return Err(Status::WRONG_DATA);
        }
        let counter = self.state.counter.checked_add(1).ok_or(Status::DEAD)?;
        let identity = self.identity()?;
        let keys = self.keys()?;
        let (decision, next) = decide(&asked, &self.state, identity.pin.is_none() || self.is_verified);
        let transaction = Transaction {
            card: identity.card,
            generation: self.state.generation,
            counter,
            terminal: asked.terminal,
            location: asked.location,
            terminal_sequence: asked.terminal_sequence,
            terminal_nonce: asked.terminal_nonce,
            kind: asked.kind,
            decision,
            holder_verification: if self.is_verified { HolderVerification::Pin } else { HolderVerification::None },
            currency: asked.currency,
            amount_cents: asked.amount_cents,
            time_ms: asked.time_ms,
            basket_digest: asked.basket_digest,
            offline_total_cents: next.offline_total_cents,
            offline_count: next.offline_count,
            script_number: next.script_number,
        };
        let authorised = signed(&transaction, keys);
        let journal = Last {
            state: TapState::Signed,
            terminal: asked.terminal,
            terminal_sequence: asked.terminal_sequence,
            authorised,
            sale: [0; 16],
            approved_cents: 0,
        };
        self.commit(CardState { counter, asked_cents: asked.amount_cents, journal: Some(journal), ..next })?;
        self.is_verified = false;
        Ok(frame::answer(&authorised.encode(), Status::OK))
    }

    fn complete(&mut self, data: &[u8]) -> Result<AnswerFrame, Status> {
        let waiting = self.state.journal.filter(|journal| journal.state == TapState::Signed);
        let mut journal = waiting.ok_or(Status::NOT_NOW)?;
        let Complete { answer, script } = Complete::decode(data).map_err(status)?;
        let tap = journal.authorised;
        let card = self.identity()?.card;
        if !answer.is_signed(&self.keys_of(tap.generation)?.response, &card, tap.generation, tap.counter) {
            return Err(Status::MAC_WRONG);
        }
        if let Some(script) = &script
            && !script.is_signed(&self.keys()?.script, &card, self.state.generation)
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
            Change::Unblock => {
                next.is_blocked = false;
                next.pin_tries_left = PIN_TRIES;
            }
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
        self.identity()?.keys_of(number).ok_or(Status::DEAD)
    }

    fn identity(&self) -> Result<&Identity, Status> {
        self.identity.as_ref().ok_or(Status::NOT_NOW)
    }

    fn commit(&mut self, next: CardState) -> Result<(), Status> {
        let kept = self.memory.commit(&next);
        self.kept(kept)?;
        self.state = next;
        Ok(())
    }

    fn kept(&mut self, kept: io::Result<()>) -> Result<(), Status> {
        kept.map_err(|failure| {
            self.failure = Some(failure);
            Status::DEAD
        })
    }
}

/// What the card answers: for the service always, for the terminal if no service is asked.
fn signed(transaction: &Transaction, keys: &CardKeys) -> Authorised {
    let terminal_mac = if transaction.decision == Decision::ApprovedOffline {
        let key = keys.offline_verify.terminal_key(&transaction.terminal, &transaction.location);
        transaction.sign_for_terminal(&key)
    } else {
        [0; 16]
    };
    Authorised {
        decision: transaction.decision,
        generation: transaction.generation,
        counter: transaction.counter,
        holder_verification: transaction.holder_verification,
        offline_total_cents: transaction.offline_total_cents,
        offline_count: transaction.offline_count,
        script_number: transaction.script_number,
        mac: transaction.sign(&keys.transaction),
        terminal_mac,
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
