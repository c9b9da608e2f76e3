//! Has a card sign, also where it is pulled away meanwhile, as the protocol's table of torn taps says.
//!
//! An answer to AUTHORISE that was lost stands in the card's journal: the same card is asked for again, and the sale goes on
//! with it. So a client pays once, however often the card is pulled away, and a counter is used up at most in vain.

use card_protocol::Malformed;
use card_protocol::frame::{Authorise, Authorised, Last, Selected, Status, TapState, decode_answer, get_last, select};
use card_protocol::pin::PinBlock;

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

/// What is done about a card's PIN.
#[derive(Clone, Copy, Debug)]
pub enum Pin<'a> {
    /// The card goes on without: the service decides what may be bought so.
    NotAsked,
    /// A card that has one signs nothing before it is typed: [`TapError::NeedsPin`].
    Wanted,
    /// It is shown to the card before it signs.
    Typed(&'a PinBlock),
}

/// Has a card sign, without a PIN. `next` makes AUTHORISE, each time with a new terminal sequence and nonce.
///
/// # Errors
/// [`TapError`]; whatever it is, no answer of the card is known, so nothing can be sold with it.
pub fn sign(
    reader: &mut dyn CardReader,
    next: impl FnMut() -> Result<Authorise, TapError>,
) -> Result<Signed, TapError> {
    sign_with(reader, Pin::NotAsked, next)
}

/// The same with a PIN.
///
/// # Errors
/// [`TapError`].
pub fn sign_with(
    reader: &mut dyn CardReader,
    pin: Pin<'_>,
    mut next: impl FnMut() -> Result<Authorise, TapError>,
) -> Result<Signed, TapError> {
    reader.await_card(Wanted::Card)?;
    let mut selected = first_card(reader)?;
    for _ in 0..AUTHORISE_TRIES {
        match verify(reader, &selected, pin) {
            Err(TapError::Torn) => {
                reader.await_card(Wanted::Again)?;
                selected = first_card(reader)?;
                continue;
            }
            verified => verified?,
        }
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

/// Shows the card its PIN. A card that takes none any more goes on without.
fn verify(reader: &mut dyn CardReader, selected: &Selected, pin: Pin<'_>) -> Result<(), TapError> {
    let pin = match pin {
        Pin::Wanted if selected.has_pin && !selected.is_blocked => {
            return Err(TapError::NeedsPin { tries_left: None });
        }
        Pin::Typed(pin) if selected.has_pin && !selected.is_blocked => pin,
        _ => return Ok(()),
    };
    match ask(reader, "VERIFY", pin.command().as_bytes(), |_| Ok(())) {
        Err(TapError::Refused { status, .. }) if status == Status::PIN_BLOCKED || status.tries_left() == Some(0) => {
            Ok(())
        }
        Err(TapError::Refused { command, status }) => Err(match status.tries_left() {
            Some(left) => TapError::NeedsPin { tries_left: Some(left) },
            None => TapError::Refused { command, status },
        }),
        verified => verified,
    }
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
