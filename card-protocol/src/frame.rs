//! Commands and answers between terminal and card: ISO 7816-4 short APDUs.
//!
//! A command is a header of 4 bytes (class, instruction, two parameters); if it has data, their length in 1 byte and
//! the data; if an answer is expected, its length in 1 byte, where 00 means any. An answer is its data and two bytes of
//! status.

use crate::bytes::{Reader, Writer, byte_codes};
use crate::personalise::{Personalise, PutKeys};
use crate::response::CardAnswer;
use crate::script::Script;
use crate::transaction::{Decision, HolderVerification, TransactionKind};
use crate::{MAC_LENGTH, Mac, Malformed, VERSION};

/// The application's name on the card: F0 (unregistered), "PASJE", protocol version.
pub const APPLICATION: [u8; 7] = [0xf0, b'P', b'A', b'S', b'J', b'E', VERSION];

/// Bytes of the longest command: header, length, the longest data, expected length.
pub const COMMAND_LENGTH_MAX: usize = 5 + PutKeys::LENGTH + 1;

/// Bytes of the longest answer, status included.
pub const ANSWER_LENGTH_MAX: usize = Last::LENGTH + 2;

byte_codes! {
    /// Instructions.
    Instruction {
        /// Class 00, parameters 04 00; data: the application's name.
        Select = 0xa4,
        /// Class 80, parameters 00 00; data: [`Authorise`].
        Authorise = 0x10,
        /// Class 80, parameters 00 00; data: [`Complete`].
        Complete = 0x12,
        /// Class 80, parameters 00 00, no data.
        GetLast = 0x14,
        /// Class 00, parameters 00 80; data: [`PinBlock`](crate::pin::PinBlock).
        Verify = 0x20,
        /// Class 00, parameters: a [`personalise`](crate::personalise) record's tag; data: the record.
        PutData = 0xda,
    }
}

/// The two bytes that end an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub u16);

impl Status {
    /// Done.
    pub const OK: Self = Self(0x9000);
    /// The data's length is wrong.
    pub const WRONG_LENGTH: Self = Self(0x6700);
    /// A PIN is wrong: the low digit of the status says how many tries are left.
    pub const fn pin_wrong(tries_left: u8) -> Self {
        Self(0x63c0 | (tries_left & 0x0f) as u16)
    }

    /// How many tries are left, if this is the status of a wrong PIN.
    pub const fn tries_left(self) -> Option<u8> {
        if self.0 & 0xfff0 == 0x63c0 { Some((self.0 & 0x000f) as u8) } else { None }
    }

    /// The PIN was wrong too often: a script unblocks it.
    pub const PIN_BLOCKED: Self = Self(0x6983);
    /// The card has no PIN.
    pub const NO_PIN: Self = Self(0x6a88);
    /// A MAC is wrong.
    pub const MAC_WRONG: Self = Self(0x6982);
    /// The application is not selected, or no tap waits for this.
    pub const NOT_NOW: Self = Self(0x6985);
    /// The data means nothing.
    pub const WRONG_DATA: Self = Self(0x6a80);
    /// No such application.
    pub const NOT_FOUND: Self = Self(0x6a82);
    /// Parameters that the instruction does not have.
    pub const WRONG_PARAMETERS: Self = Self(0x6a86);
    /// No such instruction.
    pub const NO_INSTRUCTION: Self = Self(0x6d00);
    /// No such class.
    pub const NO_CLASS: Self = Self(0x6e00);
    /// The card can no longer be used: its counter is spent or its memory failed.
    pub const DEAD: Self = Self(0x6f00);
}

/// A command taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// Class byte.
    pub class: u8,
    /// Instruction byte.
    pub instruction: u8,
    /// Parameter bytes.
    pub parameters: [u8; 2],
    /// Data; empty if none.
    pub data: &'a [u8],
}

impl<'a> Command<'a> {
    /// Takes a short APDU apart: header; header and expected length; header, length, data; these and expected length.
    ///
    /// How long an answer the terminal expects is of no use to a card whose answers have fixed lengths.
    ///
    /// # Errors
    /// [`Malformed::Length`], for an extended APDU too.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (&[class, instruction, p1, p2], rest) = bytes.split_first_chunk::<4>().ok_or(Malformed::Length)?;
        let data = match rest {
            [] | [_] => &[][..],
            [length, rest @ ..] => {
                let length = usize::from(*length);
                match rest.split_at_checked(length) {
                    Some((data, [] | [_])) if length > 0 => data,
                    _ => return Err(Malformed::Length),
                }
            }
        };
        Ok(Self { class, instruction, parameters: [p1, p2], data })
    }

    /// Which instruction this is: class, then instruction, then parameters must be of this protocol.
    ///
    /// # Errors
    /// The status that a card answers, for the first that is not.
    pub const fn known(&self) -> Result<Instruction, Status> {
        let (instruction, parameters) = match (self.class, self.instruction) {
            (0x00, 0xa4) => (Instruction::Select, [0x04, 0x00]),
            (0x80, 0x10) => (Instruction::Authorise, [0x00, 0x00]),
            (0x80, 0x12) => (Instruction::Complete, [0x00, 0x00]),
            (0x80, 0x14) => (Instruction::GetLast, [0x00, 0x00]),
            (0x00, 0x20) => (Instruction::Verify, [0x00, 0x80]),
            // the parameters name the record, and of keys the generation
            (0x00, 0xda) => (Instruction::PutData, put_data_parameters(self.parameters)),
            (0x00 | 0x80, _) => return Err(Status::NO_INSTRUCTION),
            _ => return Err(Status::NO_CLASS),
        };
        if self.parameters[0] == parameters[0] && self.parameters[1] == parameters[1] {
            Ok(instruction)
        } else {
            Err(Status::WRONG_PARAMETERS)
        }
    }
}

/// The parameters of PUT DATA that are nearest: the same if it has them.
const fn put_data_parameters(given: [u8; 2]) -> [u8; 2] {
    match given {
        [PutKeys::TAG, 1..=255] => given,
        _ => [Personalise::TAG, 0x00],
    }
}

/// Bytes built up to a length of at most `N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Frame<N> {
    /// A part that does not fit is left out.
    fn new(parts: &[&[u8]]) -> Self {
        let mut frame = Self { bytes: [0; N], length: 0 };
        for part in parts {
            let end = frame.length.saturating_add(part.len());
            if let Some(place) = frame.bytes.get_mut(frame.length..end) {
                place.copy_from_slice(part);
                frame.length = end;
            }
        }
        frame
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// A command's frame.
pub type CommandFrame = Frame<COMMAND_LENGTH_MAX>;
/// An answer's frame.
pub type AnswerFrame = Frame<ANSWER_LENGTH_MAX>;

pub(crate) fn command(header: [u8; 4], data: &[u8]) -> CommandFrame {
    // No data of this protocol is longer than a byte can say.
    let length = u8::try_from(data.len()).unwrap_or(u8::MAX);
    if data.is_empty() { Frame::new(&[&header, &[0]]) } else { Frame::new(&[&header, &[length], data, &[0]]) }
}

/// The answer with this data and status. Data longer than any answer of this protocol are left out, so that no terminal
/// takes a part of them for all.
pub fn answer(data: &[u8], status: Status) -> AnswerFrame {
    let data = if data.len() > Last::LENGTH { &[] } else { data };
    Frame::new(&[data, &status.0.to_be_bytes()])
}

/// No answer at all: the card was pulled away, and nobody knows what it did.
pub fn torn() -> AnswerFrame {
    Frame::new(&[])
}

/// Takes an answer apart: data and status. Fewer than 2 bytes: the card was pulled away, and nobody knows what it did.
///
/// # Errors
/// [`Malformed::Length`].
pub fn decode_answer(bytes: &[u8]) -> Result<(&[u8], Status), Malformed> {
    let (data, status) = bytes.split_last_chunk::<2>().ok_or(Malformed::Length)?;
    Ok((data, Status(u16::from_be_bytes(*status))))
}

/// SELECT.
pub fn select() -> CommandFrame {
    command([0x00, Instruction::Select.code(), 0x04, 0x00], &APPLICATION)
}

/// What a card answers to SELECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Selected {
    pub card: [u8; 16],
    pub generation: u8,
    pub is_blocked: bool,
    pub has_pin: bool,
    /// It was never personalised: card and generation are zero, and PUT DATA is all that it takes.
    pub is_blank: bool,
}

impl Selected {
    /// Bytes: version 1, card 16, generation 1, state 1 (bit 0: blocked; bit 1: has a PIN; bit 2: blank).
    pub const LENGTH: usize = 19;

    /// The bytes.
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        let state = u8::from(self.is_blocked) | u8::from(self.has_pin) << 1 | u8::from(self.is_blank) << 2;
        Writer::new().put(&[VERSION]).put(&self.card).put(&[self.generation, state]).done()
    }

    /// # Errors
    /// [`Malformed`]; `Code` for another version of the protocol.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::exactly(bytes, Self::LENGTH)?;
        if reader.u8()? != VERSION {
            return Err(Malformed::Code);
        }
        let (card, generation, state) = (reader.take()?, reader.u8()?, reader.u8()?);
        if state > 7 {
            return Err(Malformed::Code);
        }
        Ok(Self { card, generation, is_blocked: state & 1 != 0, has_pin: state & 2 != 0, is_blank: state & 4 != 0 })
    }
}

/// What a terminal asks a card to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Authorise {
    pub terminal: [u8; 16],
    pub location: [u8; 16],
    pub terminal_sequence: u64,
    pub terminal_nonce: [u8; 8],
    pub kind: TransactionKind,
    pub currency: u16,
    pub amount_cents: u64,
    pub time_ms: u64,
    pub basket_digest: [u8; 16],
    /// Whether the terminal can ask the service.
    pub is_online: bool,
}

impl Authorise {
    /// Bytes: terminal 16, location 16, terminal sequence 8, terminal nonce 8, kind 1, currency 2, amount 8, time 8,
    /// basket digest 16, online 1.
    pub const LENGTH: usize = 84;

    /// The bytes.
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        Writer::new()
            .put(&self.terminal)
            .put(&self.location)
            .put(&self.terminal_sequence.to_be_bytes())
            .put(&self.terminal_nonce)
            .put(&[self.kind.code()])
            .put(&self.currency.to_be_bytes())
            .put(&self.amount_cents.to_be_bytes())
            .put(&self.time_ms.to_be_bytes())
            .put(&self.basket_digest)
            .put(&[u8::from(self.is_online)])
            .done()
    }

    /// # Errors
    /// [`Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::exactly(bytes, Self::LENGTH)?;
        Ok(Self {
            terminal: reader.take()?,
            location: reader.take()?,
            terminal_sequence: reader.u64()?,
            terminal_nonce: reader.take()?,
            kind: TransactionKind::from_code(reader.u8()?)?,
            currency: u16::from_be_bytes(reader.take()?),
            amount_cents: reader.u64()?,
            time_ms: reader.u64()?,
            basket_digest: reader.take()?,
            is_online: match reader.u8()? {
                0 => false,
                1 => true,
                _ => return Err(Malformed::Code),
            },
        })
    }

    /// The command.
    pub fn command(&self) -> CommandFrame {
        command([0x80, Instruction::Authorise.code(), 0x00, 0x00], &self.encode())
    }
}

/// What a card answers to AUTHORISE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Authorised {
    pub decision: Decision,
    pub generation: u8,
    pub counter: u32,
    pub holder_verification: HolderVerification,
    pub offline_total_cents: u32,
    pub offline_count: u8,
    /// Of the last script that was applied.
    pub script_number: u32,
    /// For the service.
    pub mac: Mac,
    /// For the terminal; all zero unless approved offline.
    pub terminal_mac: Mac,
}

impl Authorised {
    /// Bytes: decision 1, generation 1, counter 4, holder verification 1, offline total 4, offline count 1, script number 4,
    /// MAC 16, terminal's MAC 16.
    pub const LENGTH: usize = 16 + 2 * MAC_LENGTH;

    /// The bytes.
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        Writer::new()
            .put(&[self.decision.code(), self.generation])
            .put(&self.counter.to_be_bytes())
            .put(&[self.holder_verification.code()])
            .put(&self.offline_total_cents.to_be_bytes())
            .put(&[self.offline_count])
            .put(&self.script_number.to_be_bytes())
            .put(&self.mac)
            .put(&self.terminal_mac)
            .done()
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            decision: Decision::from_code(reader.u8()?)?,
            generation: reader.u8()?,
            counter: reader.u32()?,
            holder_verification: HolderVerification::from_code(reader.u8()?)?,
            offline_total_cents: reader.u32()?,
            offline_count: reader.u8()?,
            script_number: reader.u32()?,
            mac: reader.take()?,
            terminal_mac: reader.take()?,
        })
    }

    /// # Errors
    /// [`Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::read(&mut Reader::exactly(bytes, Self::LENGTH)?)
    }
}

/// What the service says to the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Complete {
    pub answer: CardAnswer,
    pub script: Option<Script>,
}

impl Complete {
    /// Bytes with a script: the answer 41, the script 37.
    pub const LENGTH_MAX: usize = CardAnswer::LENGTH + Script::LENGTH;

    /// # Errors
    /// [`Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let (answer, script) = bytes.split_at_checked(CardAnswer::LENGTH).ok_or(Malformed::Length)?;
        let script = if script.is_empty() { None } else { Some(Script::decode(script)?) };
        Ok(Self { answer: CardAnswer::decode(answer)?, script })
    }

    /// The command.
    pub fn command(&self) -> CommandFrame {
        let header = [0x80, Instruction::Complete.code(), 0x00, 0x00];
        let answer = self.answer.encode();
        match self.script {
            None => command(header, &answer),
            Some(script) => {
                let data: [u8; Self::LENGTH_MAX] = Writer::new().put(&answer).put(&script.encode()).done();
                command(header, &data)
            }
        }
    }
}

byte_codes! {
    /// How far the last tap came.
    TapState {
        /// The card was never tapped.
        Never = 0,
        /// Signed; no answer was given to the card.
        Signed = 1,
        /// The service's answer was given to the card and right.
        Completed = 2,
    }
}

/// GET LAST.
pub fn get_last() -> CommandFrame {
    command([0x80, Instruction::GetLast.code(), 0x00, 0x00], &[])
}

/// What a card answers to GET LAST: its journal of the last tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Last {
    pub state: TapState,
    /// What it was asked; all zero if never.
    pub terminal: [u8; 16],
    pub terminal_sequence: u64,
    /// What it answered; all zero if never.
    pub authorised: Authorised,
    /// The sale and what was approved, if completed; else zero.
    pub sale: [u8; 16],
    pub approved_cents: u64,
}

impl Last {
    /// Bytes: state 1, terminal 16, terminal sequence 8, answer to AUTHORISE 48, sale 16, approved amount 8.
    pub const LENGTH: usize = 49 + Authorised::LENGTH;

    /// The bytes.
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        Writer::new()
            .put(&[self.state.code()])
            .put(&self.terminal)
            .put(&self.terminal_sequence.to_be_bytes())
            .put(&self.authorised.encode())
            .put(&self.sale)
            .put(&self.approved_cents.to_be_bytes())
            .done()
    }

    /// # Errors
    /// [`Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::exactly(bytes, Self::LENGTH)?;
        let last = Self {
            state: TapState::from_code(reader.u8()?)?,
            terminal: reader.take()?,
            terminal_sequence: reader.u64()?,
            authorised: Authorised::read(&mut reader)?,
            sale: reader.take()?,
            approved_cents: reader.u64()?,
        };
        reader.end()?;
        Ok(last)
    }
}
