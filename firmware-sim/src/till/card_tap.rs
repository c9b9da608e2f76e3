//! What a till and a card say to each other in one tap, torn taps included.

use card_protocol::frame::{Authorise, Authorised, Complete, Last, Selected, Status, decode_answer, get_last, select};
use card_protocol::pin::PinBlock;
use card_protocol::script::Script;
use card_protocol::{CardAnswer, Malformed};

use super::{CardTold, Refusal};
use crate::card::CardReader;

/// An AUTHORISE whose answer was torn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Torn {
    pub card: [u8; 16],
    pub asked: Authorise,
}

/// How a tap went.
#[derive(Debug)]
pub(super) enum Tapped {
    Signed {
        card: [u8; 16],
        asked: Authorise,
        signed: Authorised,
    },
    /// The holder is asked for the PIN, and the card is tapped with it.
    NeedsPin {
        tries_left: Option<u8>,
    },
    /// The card was pulled away; if it may have signed, what.
    Again(Option<Torn>),
    Refused(Refusal),
}

/// Why a card did not answer.
enum Silent {
    Torn,
    Status(Status),
    Nonsense,
}

fn ask<T>(
    card: &mut dyn CardReader,
    bytes: &[u8],
    decode: impl FnOnce(&[u8]) -> Result<T, Malformed>,
) -> Result<T, Silent> {
    let answer = card.transmit(bytes);
    let (data, status) = decode_answer(answer.as_bytes()).map_err(|_| Silent::Torn)?;
    if status != Status::OK {
        return Err(Silent::Status(status));
    }
    decode(data).map_err(|_| Silent::Nonsense)
}

fn silent(command: &str, why: &Silent) -> Tapped {
    match why {
        Silent::Torn => Tapped::Again(None),
        Silent::Status(status) => {
            Tapped::Refused(Refusal::CardUnreadable(format!("{command}: status {:04X}", status.0)))
        }
        Silent::Nonsense => Tapped::Refused(Refusal::CardUnreadable(command.to_owned())),
    }
}

/// What a tap is to find out.
pub(super) struct Tapping<'a> {
    /// The tap before, if its answer was torn.
    pub torn: Option<Torn>,
    pub pin: Option<&'a PinBlock>,
    /// Whether a card that has a PIN is tapped without it.
    pub without_pin: bool,
}

/// Taps a card. `check` says no before anything is signed; `asked` makes the AUTHORISE, with a new sequence.
pub(super) fn tap(
    card: &mut dyn CardReader,
    tapping: &Tapping<'_>,
    check: impl FnOnce(&Selected) -> Result<(), Refusal>,
    asked: impl FnOnce() -> Result<Authorise, Refusal>,
) -> Tapped {
    let selected = match ask(card, select().as_bytes(), Selected::decode) {
        Ok(selected) => selected,
        Err(Silent::Torn) => return Tapped::Again(tapping.torn),
        Err(why) => return silent("SELECT", &why),
    };
    if let Some(torn) = tapping.torn {
        if selected.card != torn.card {
            return Tapped::Again(Some(torn));
        }
        match ask(card, get_last().as_bytes(), Last::decode) {
            Ok(last)
                if last.terminal == torn.asked.terminal && last.terminal_sequence == torn.asked.terminal_sequence =>
            {
                return Tapped::Signed { card: selected.card, asked: torn.asked, signed: last.authorised };
            }
            Ok(_) => {}
            Err(Silent::Torn) => return Tapped::Again(Some(torn)),
            Err(why) => return silent("GET LAST", &why),
        }
    }
    if let Err(refusal) = check(&selected) {
        return Tapped::Refused(refusal);
    }
    if selected.has_pin && !selected.is_blocked && !tapping.without_pin {
        let Some(pin) = tapping.pin else { return Tapped::NeedsPin { tries_left: None } };
        match ask(card, pin.command().as_bytes(), |_| Ok(())) {
            Ok(()) => {}
            Err(Silent::Torn) => return Tapped::Again(None),
            Err(Silent::Status(Status::PIN_BLOCKED)) => return Tapped::Refused(Refusal::PinBlocked),
            Err(Silent::Status(status)) => match status.tries_left() {
                Some(0) => return Tapped::Refused(Refusal::PinBlocked),
                Some(left) => return Tapped::NeedsPin { tries_left: Some(left) },
                None => return silent("VERIFY", &Silent::Status(status)),
            },
            Err(why) => return silent("VERIFY", &why),
        }
    }
    let asked = match asked() {
        Ok(asked) => asked,
        Err(refusal) => return Tapped::Refused(refusal),
    };
    match ask(card, asked.command().as_bytes(), Authorised::decode) {
        Ok(signed) => Tapped::Signed { card: selected.card, asked, signed },
        Err(Silent::Torn) => Tapped::Again(Some(Torn { card: selected.card, asked })),
        Err(why) => silent("AUTHORISE", &why),
    }
}

/// Tells the card how its tap ended.
pub(super) fn complete(card: &mut dyn CardReader, answer: CardAnswer, script: Option<Script>) -> CardTold {
    match ask(card, Complete { answer, script }.command().as_bytes(), |_| Ok(())) {
        Ok(()) => script.map_or(CardTold::Told, CardTold::ToldWithScript),
        // out of the field and back: it must be selected again
        Err(Silent::Status(Status::NOT_NOW)) => {
            let again = ask(card, select().as_bytes(), Selected::decode)
                .and_then(|_| ask(card, Complete { answer, script }.command().as_bytes(), |_| Ok(())));
            match again {
                Ok(()) => script.map_or(CardTold::Told, CardTold::ToldWithScript),
                Err(Silent::Torn) => CardTold::Gone,
                Err(_) => CardTold::Refused,
            }
        }
        Err(Silent::Torn) => CardTold::Gone,
        Err(_) => CardTold::Refused,
    }
}
