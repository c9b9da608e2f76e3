//! Has a card sign, also where it is pulled away meanwhile, as the protocol's table of torn taps says.
//!
//! An answer to AUTHORISE that was lost stands in the card's journal: the same card is asked for again, and the sale goes on
//! with it. So a client pays once, however often the card is pulled away, and a counter is used up at most in vain.

use card_protocol::Malformed;
use card_protocol::frame::{Authorise, Authorised, Last, Selected, Status, TapState, decode_answer, get_last, select};

use crate::card::CardReader;
use crate::reader::Wanted;
use crate::terminal::TapError;

/// How often AUTHORISE is sent for one tap: a terminal keeps that many sequence numbers for it.
pub const AUTHORISE_TRIES: u64 = 4;

/// How often in a row a card may be pulled away, or be another one, before the terminal gives the tap up.
const TORN_MAX: u32 = 5;

/// What a card signed.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Signed {
    pub selected: Selected,
    /// As the card signed it: with the sequence number and nonce of the try that came through.
    pub asked: Authorise,
    pub authorised: Authorised,
}

/// Has a card sign. `next` makes AUTHORISE, each time with a new terminal sequence and nonce.
///
/// # Errors
/// [`TapError`]; whatever it is, no answer of the card is known, so nothing can be sold with it.
pub fn sign(
    reader: &mut dyn CardReader,
    mut next: impl FnMut() -> Result<Authorise, TapError>,
) -> Result<Signed, TapError> {
    reader.await_card(Wanted::Card)?;
    let selected = first_card(reader)?;
    for _ in 0..AUTHORISE_TRIES {
        let asked = next()?;
        let answer = match ask(reader, "AUTHORISE", asked.command().as_bytes(), Authorised::decode) {
            Err(TapError::Torn) => lost_answer(reader, &selected, &asked)?,
            Err(TapError::Refused { status: Status::DEAD, .. }) => return Err(TapError::Dead),
            // it was selected just now, and is not blank
            Err(TapError::Refused { status: Status::NOT_NOW, .. }) => return Err(TapError::NoKeys),
            answer => Some(answer?),
        };
        if let Some(authorised) = answer {
            return Ok(Signed { selected, asked, authorised });
        }
    }
    Err(TapError::Torn)
}

/// The card that is shown first, if it is one of ours.
fn first_card(reader: &mut dyn CardReader) -> Result<Selected, TapError> {
    for _ in 0..TORN_MAX {
        match select_card(reader) {
            Err(TapError::Torn) => reader.await_card(Wanted::Again)?,
            Ok(selected) if selected.is_blank => return Err(TapError::Blank),
            selected => return selected,
        }
    }
    Err(TapError::Torn)
}

fn select_card(reader: &mut dyn CardReader) -> Result<Selected, TapError> {
    ask(reader, "SELECT", select().as_bytes(), Selected::decode).map_err(|error| match error {
        TapError::Refused { status: Status::DEAD, .. } => TapError::Dead,
        TapError::Refused { status, .. } => TapError::Foreign(status),
        TapError::Nonsense { .. } => TapError::ForeignNonsense,
        error => error,
    })
}

/// The answer that was lost, from the card's journal; none if the card signed nothing.
fn lost_answer(
    reader: &mut dyn CardReader,
    first: &Selected,
    asked: &Authorise,
) -> Result<Option<Authorised>, TapError> {
    let mut wanted = Wanted::Again;
    for _ in 0..TORN_MAX {
        reader.await_card(wanted)?;
        wanted = Wanted::Again;
        match select_card(reader) {
            Ok(selected) if selected.card == first.card => {}
            Ok(_) | Err(TapError::Foreign(_) | TapError::ForeignNonsense) => {
                wanted = Wanted::First;
                continue;
            }
            Err(TapError::Torn) => continue,
            Err(error) => return Err(error),
        }
        match ask(reader, "GET LAST", get_last().as_bytes(), Last::decode) {
            Ok(last) => {
                let is_ours = last.state == TapState::Signed
                    && last.terminal == asked.terminal
                    && last.terminal_sequence == asked.terminal_sequence;
                return Ok(is_ours.then_some(last.authorised));
            }
            Err(TapError::Torn) => {}
            Err(error) => return Err(error),
        }
    }
    Err(TapError::Torn)
}

/// Sends a command, and takes its answer apart.
pub(crate) fn ask<T>(
    reader: &mut dyn CardReader,
    command: &'static str,
    bytes: &[u8],
    decode: impl FnOnce(&[u8]) -> Result<T, Malformed>,
) -> Result<T, TapError> {
    let answer = reader.transmit(bytes);
    let (data, status) = decode_answer(answer.as_bytes()).map_err(|_| TapError::Torn)?;
    if status != Status::OK {
        return Err(TapError::Refused { command, status });
    }
    decode(data).map_err(|what| TapError::Nonsense { command, what })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
