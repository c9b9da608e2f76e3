//! A card in somebody's hand: it can be pulled away at every command, and loses what its memory had not kept yet.
//!
//! Whatever it signs is seen here, so that the model knows what is genuine without a key.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use card_protocol::frame::{AnswerFrame, Authorise, Command, Complete, Instruction, Status, decode_answer, torn};
use card_protocol::{Mac, Transaction};
use uuid::Uuid;

use crate::card::{Card, CardReader, CardState, Memory};
use crate::files::CardFile;

/// When a card is pulled away, at the command that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tear {
    /// Before the command arrives.
    Before,
    /// While the memory is written: nothing is kept.
    During,
    /// When it is written, before the answer is out.
    After,
}

#[derive(Debug)]
struct Chip {
    /// What outlives the field.
    kept: CardState,
    /// The next write fails.
    is_dying: bool,
    writes: u64,
}

/// The chip's memory, which outlives the card's power.
#[derive(Clone, Debug)]
pub struct ChipMemory(Arc<Mutex<Chip>>);

impl ChipMemory {
    fn chip(&self) -> MutexGuard<'_, Chip> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory for ChipMemory {
    fn commit(&mut self, state: &CardState) -> io::Result<()> {
        let mut chip = self.chip();
        if std::mem::take(&mut chip.is_dying) {
            return Err(io::Error::other("the card was pulled away"));
        }
        chip.writes += 1;
        chip.kept = *state;
        Ok(())
    }
}

/// What a card signed.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Signed {
    pub transaction: Transaction,
    pub mac: Mac,
}

/// A card.
#[derive(Debug)]
pub struct Plastic {
    file: CardFile,
    memory: ChipMemory,
    card: Card<ChipMemory>,
    /// At which command of this tap it is pulled away, and how.
    tear: Option<(Instruction, Tear)>,
    is_away: bool,
    signed: Vec<Signed>,
    noticed: Vec<&'static str>,
    is_forged: bool,
    /// A planted fault: what was written last is forgotten when the answer is torn.
    pub forgets_torn_taps: bool,
}

impl Plastic {
    /// The card of a file.
    ///
    /// # Errors
    /// The file has no keys for it.
    pub fn new(file: CardFile) -> Result<Self, String> {
        let kept = file.current_state();
        let memory = ChipMemory(Arc::new(Mutex::new(Chip { kept, is_dying: false, writes: 0 })));
        let card = Self::powered(&file, &memory)?;
        Ok(Self {
            file,
            memory,
            card,
            tear: None,
            is_away: false,
            signed: Vec::new(),
            noticed: Vec::new(),
            is_forged: false,
            forgets_torn_taps: false,
        })
    }

    fn powered(file: &CardFile, memory: &ChipMemory) -> Result<Card<ChipMemory>, String> {
        let kept = memory.chip().kept;
        let card = file.card_with(kept, memory.clone());
        card.ok_or_else(|| format!("card {} has no keys of generation {}", file.card, kept.generation))
    }

    /// Whose it is told apart by.
    pub const fn id(&self) -> Uuid {
        self.file.card
    }

    /// What it remembers.
    pub fn state(&self) -> CardState {
        self.memory.chip().kept
    }

    /// A copy of everything on it, as a thief with a laboratory makes one: from now on there are two.
    ///
    /// # Errors
    /// The file has no keys for it.
    pub fn cloned(&self) -> Result<Self, String> {
        let mut file = self.file.clone();
        file.state = Some(self.state());
        Self::new(file)
    }

    /// A card that says it is this one, and has none of its keys.
    ///
    /// # Errors
    /// The file has no keys for it.
    pub fn forged(&self) -> Result<Self, String> {
        let mut file = self.file.clone();
        for keys in &mut file.keys {
            keys.transaction = keys.script.clone();
            keys.offline_verify = keys.response.clone();
        }
        file.state = Some(self.state());
        Ok(Self { is_forged: true, ..Self::new(file)? })
    }

    /// Held to a reader, to be pulled away at that command if one is named.
    ///
    /// # Errors
    /// The file has no keys for it.
    pub fn hold(&mut self, tear: Option<(Instruction, Tear)>) -> Result<(), String> {
        self.memory.chip().is_dying = false;
        self.card = Self::powered(&self.file, &self.memory)?;
        self.tear = tear;
        self.is_away = false;
        Ok(())
    }

    /// What was signed since this was asked last.
    pub fn signed(&mut self) -> Vec<Signed> {
        std::mem::take(&mut self.signed)
    }

    /// What happened to it since this was asked last, that a run must have seen.
    pub fn take_noticed(&mut self) -> Vec<&'static str> {
        std::mem::take(&mut self.noticed)
    }

    /// A COMPLETE with a script came, or was torn.
    fn notice_script(&mut self, command: &Command<'_>, before: CardState, is_torn: bool) {
        let has_script = Complete::decode(command.data).is_ok_and(|complete| complete.script.is_some());
        if !has_script {
            return;
        }
        let now = self.state();
        if now.generation != before.generation {
            self.noticed.push("card switched to its next keys");
        }
        match (is_torn, now.script_number != before.script_number) {
            (true, true) => self.noticed.push("card pulled away when it had applied a script"),
            (true, false) => self.noticed.push("card pulled away before it applied a script"),
            (false, _) => {}
        }
    }

    fn pulled_away(&mut self) -> AnswerFrame {
        self.is_away = true;
        self.tear = None;
        torn()
    }

    fn remember(&mut self, command: &Command<'_>) {
        let Ok(asked) = Authorise::decode(command.data) else { return };
        let Some(journal) = self.state().journal else { return };
        let said = journal.authorised;
        let transaction = Transaction {
            card: self.file.card.into_bytes(),
            generation: said.generation,
            counter: said.counter,
            terminal: asked.terminal,
            location: asked.location,
            terminal_sequence: asked.terminal_sequence,
            terminal_nonce: asked.terminal_nonce,
            kind: asked.kind,
            decision: said.decision,
            holder_verification: said.holder_verification,
            currency: asked.currency,
            amount_cents: asked.amount_cents,
            time_ms: asked.time_ms,
            basket_digest: asked.basket_digest,
            offline_total_cents: said.offline_total_cents,
            offline_count: said.offline_count,
            script_number: said.script_number,
        };
        if self.is_forged {
            return;
        }
        self.signed.push(Signed { transaction, mac: said.mac });
    }
}

impl CardReader for Plastic {
    fn transmit(&mut self, bytes: &[u8]) -> AnswerFrame {
        if self.is_away {
            return self.pulled_away();
        }
        let command = Command::decode(bytes).ok();
        let instruction = command.and_then(|command| command.known().ok());
        let tear = self.tear.filter(|(at, _)| Some(*at) == instruction).map(|(_, tear)| tear);
        match tear {
            Some(Tear::Before) => return self.pulled_away(),
            Some(Tear::During) => self.memory.chip().is_dying = true,
            Some(Tear::After) | None => {}
        }
        let (before, writes) = (self.state(), self.memory.chip().writes);
        let said = self.card.transmit(bytes);
        let wrote = self.memory.chip().writes > writes;
        let status = decode_answer(said.as_bytes()).map(|(_, status)| status);
        let is_done = status == Ok(Status::OK);
        if status == Ok(Status::NOT_NOW) {
            // back in the field, it must be selected first: it is pulled away at the command that it does listen to
            self.memory.chip().is_dying = false;
            return said;
        }
        if let (Some(Instruction::Authorise), Some(command), true) = (instruction, command, wrote && is_done) {
            self.remember(&command);
        }
        if let (Some(Instruction::Complete), Some(command)) = (instruction, command) {
            self.notice_script(&command, before, tear.is_some());
        }
        if tear.is_none() {
            return said;
        }
        if self.forgets_torn_taps && wrote {
            self.memory.chip().kept = before;
        }
        self.pulled_away()
    }
}
