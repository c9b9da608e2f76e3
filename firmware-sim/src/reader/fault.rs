//! What can be wrong with a reader, and what staff can do about it.

use crate::phrases::Language;
use crate::terminal::TapError;

/// Which card the terminal waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Any.
    Card,
    /// The one that was pulled away.
    Again,
    /// The one that was pulled away, and not the one that was shown instead.
    First,
}

impl Wanted {
    /// What client and staff read.
    pub const fn words(self, language: Language) -> &'static str {
        let (dutch, english) = match self {
            Self::Card => ("Houd het pasje tegen de lezer.", "Hold the card against the reader."),
            Self::Again => (
                "Het pasje was te vroeg weg. Houd het nog eens tegen de lezer, en houd het stil.",
                "The card left too early. Hold it against the reader again, and keep it still.",
            ),
            Self::First => (
                "Dit is een ander pasje. Houd het eerste pasje tegen de lezer.",
                "This is another card. Hold the first card against the reader.",
            ),
        };
        language.pick(dutch, english)
    }
}

/// Why no card can be spoken to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReaderFault {
    /// pcscd does not run.
    #[error("the program for card readers (pcscd) does not run")]
    NoService,
    /// It knows no reader.
    #[error("there is no card reader")]
    NoReader,
    /// It knows readers, and none has this name.
    #[error("no reader is called `{asked}`; there are: {}", there_are.join(", "))]
    #[allow(missing_docs)]
    NoSuchReader { asked: String, there_are: Vec<String> },
    /// The reader has gone.
    #[error("the reader was unplugged")]
    Unplugged,
    /// Nobody showed a card.
    #[error("no card was shown")]
    NobodyCame,
    /// Somebody pressed Ctrl-C.
    #[error("stopped")]
    Stopped,
    /// More than one reader has a card.
    #[error("there is a card in more than one reader: {}", .0.join(", "))]
    TwoCards(Vec<String>),
    /// Something is there that gives no answer to a reset.
    #[error("the reader sees a card that it cannot read: two cards at once, or one that is held wrong")]
    Unreadable,
    /// The card does not answer in time.
    #[error("the card does not answer in time")]
    Slow,
    /// Another program has the card.
    #[error("another program uses the reader")]
    InUse,
    /// This account may not.
    #[error("this account may not use card readers: polkit's action org.debian.pcsc-lite.access_pcsc decides")]
    Forbidden,
    /// Anything else.
    #[error("the reader reports: {0}")]
    Other(String),
}

impl ReaderFault {
    /// What staff read: what is wrong, and what to do.
    pub const fn words(&self, language: Language) -> &'static str {
        let (dutch, english) = match self {
            Self::NoService => (
                "De kassa kan niet bij de kaartlezer: het programma pcscd draait niet. Start de kassa opnieuw. Helpt dat niet, bel beheer.",
                "The till cannot reach the card reader: the program pcscd does not run. Restart the till. If that does not help, call support.",
            ),
            Self::NoReader => (
                "Er is geen kaartlezer. Steek de lezer in de kassa en probeer het opnieuw.",
                "There is no card reader. Plug the reader into the till and try again.",
            ),
            Self::NoSuchReader { .. } => (
                "De kaartlezer met deze naam is er niet. Kijk of hij is aangesloten, of kies een andere.",
                "There is no card reader of this name. See whether it is plugged in, or choose another.",
            ),
            Self::Unplugged => (
                "De kaartlezer is losgeraakt. Steek hem weer in de kassa en probeer het opnieuw.",
                "The card reader was unplugged. Plug it in again and try again.",
            ),
            Self::NobodyCame => ("Er is geen pasje getoond. Probeer het opnieuw.", "No card was shown. Try again."),
            Self::Stopped => ("Gestopt.", "Stopped."),
            Self::TwoCards(_) => (
                "Er ligt meer dan één pasje: in elke lezer een. Haal ze weg en houd er één tegen de lezer.",
                "There is more than one card: one in each reader. Take them away and hold one against the reader.",
            ),
            Self::Unreadable => (
                "De lezer kan het pasje niet lezen. Liggen er twee pasjes bij elkaar? Haal alles weg en houd één pasje plat tegen de lezer.",
                "The reader cannot read the card. Are there two cards together? Take all away and hold one card flat against the reader.",
            ),
            Self::Slow => (
                "Het pasje antwoordt niet op tijd. Haal het weg en probeer het opnieuw. Helpt dat niet, neem een ander pasje.",
                "The card does not answer in time. Take it away and try again. If that does not help, take another card.",
            ),
            Self::InUse => (
                "Een ander programma gebruikt de kaartlezer. Sluit dat en probeer het opnieuw.",
                "Another program uses the card reader. Close it and try again.",
            ),
            Self::Forbidden => (
                "De kassa mag niet bij de kaartlezer. Bel beheer.",
                "The till may not use the card reader. Call support.",
            ),
            Self::Other(_) => (
                "De kaartlezer doet het niet. Haal het pasje weg en probeer het opnieuw. Helpt dat niet, bel beheer.",
                "The card reader does not work. Take the card away and try again. If that does not help, call support.",
            ),
        };
        language.pick(dutch, english)
    }
}

/// What staff read where a card could not sign; none if it is nothing that has to do with the card.
pub const fn tap_words(error: &TapError, language: Language) -> Option<&'static str> {
    let (dutch, english) = match error {
        TapError::Reader(fault) => return Some(fault.words(language)),
        TapError::Torn => (
            "Het pasje was steeds te vroeg weg. Houd het stil tegen de lezer en probeer het opnieuw. Helpt dat niet, neem een ander pasje.",
            "The card left too early each time. Keep it still against the reader and try again. If that does not help, take another card.",
        ),
        TapError::Foreign(_) | TapError::ForeignNonsense => (
            "Dit is geen pasje van hier. Vraag om het goede pasje.",
            "This is no card from here. Ask for the right card.",
        ),
        TapError::Blank => (
            "Dit pasje is nog leeg. Laat het op kantoor uitgeven.",
            "This card is still blank. Have it issued at the office.",
        ),
        TapError::NoKeys | TapError::Dead | TapError::Refused { .. } | TapError::Nonsense { .. } => (
            "Dit pasje is kapot. Laat het op kantoor vervangen; verkoop nu op naam.",
            "This card is broken. Have it replaced at the office; sell by name for now.",
        ),
        _ => return None,
    };
    Some(language.pick(dutch, english))
}

/// What staff may rely on whenever a card did not sign.
pub const fn nothing_sold(language: Language) -> &'static str {
    language.pick("Er is niets verkocht en niets afgeschreven.", "Nothing was sold and nothing was paid.")
}
