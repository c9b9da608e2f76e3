//! A blank card in a PC/SC reader, and how it becomes a client's: PUT DATA (docs/card-protocol.md).

use std::ffi::CString;
use std::time::{Duration, Instant};

use card_protocol::frame::{CommandFrame, Selected, Status, decode_answer, select};
use pcsc::{Card, Context, Disposition, Error, Protocols, ReaderState, Scope, ShareMode, State};
use uuid::Uuid;

/// How long a card is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long one look at the readers takes.
const LOOK: Duration = Duration::from_millis(250);

/// How long until pcscd has surely seen that a card left.
const SETTLE: Duration = Duration::from_millis(600);

/// How often a card that left too early is asked for again.
const TRIES: u32 = 3;

/// Room for the longest short answer.
const ANSWER_ROOM: usize = 258;

/// Why a card is not written, and what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum CannotWrite {
    #[error("pcscd, the program for card readers, does not run: start it (systemctl start pcscd.socket)")]
    NoService,
    #[error("there is no card reader{0}: plug one in")]
    NoReader(String),
    #[error("no card was laid on a reader")]
    NobodyCame,
    #[error("there is a card in more than one reader: take one away, or name the reader")]
    TwoCards,
    #[error("another program uses the reader: close it")]
    InUse,
    #[error("the card is no card of ours: it answers SELECT with status {:04X}", .0.0)]
    Foreign(Status),
    #[error("the card's answer to SELECT means nothing: it is no card of ours")]
    Nonsense,
    #[error("the card is not blank: it is card {0}, and a card is issued once")]
    NotBlank(Uuid),
    #[error("the card left too early, or gives no answers")]
    Torn,
    #[error("the card refuses its keys with status {:04X}", .0.0)]
    Refused(Status),
    #[error("the reader reports: {0}")]
    Reader(Error),
}

/// A card that takes keys, in a reader.
pub(super) struct BlankCard {
    context: Context,
    /// A part of the reader's name.
    asked: String,
    reader: CString,
    card: Option<Card>,
}

impl BlankCard {
    /// Waits for a card. It must be blank: keys are written once.
    pub(super) fn wait(asked: &str) -> Result<Self, CannotWrite> {
        let context = Context::establish(Scope::User).map_err(cannot)?;
        let (reader, card) = find(&context, asked)?;
        let mut blank = Self { context, asked: asked.to_owned(), reader, card: Some(card) };
        let selected = blank.select()?;
        if selected.is_blank { Ok(blank) } else { Err(CannotWrite::NotBlank(Uuid::from_bytes(selected.card))) }
    }

    /// The reader's name.
    pub(super) fn reader(&self) -> &str {
        self.reader.to_str().unwrap_or("the reader")
    }

    /// Writes it. A card that leaves meanwhile is as blank as it was, or whole: which, it says when it comes back.
    pub(super) fn personalise(&mut self, id: &Uuid, commands: &[CommandFrame]) -> Result<(), CannotWrite> {
        for _ in 0..TRIES {
            match self.put(commands) {
                Err(CannotWrite::Torn) => {}
                ended => return ended,
            }
            say!("the card left too early: lay it on the reader again");
            std::thread::sleep(SETTLE);
            let (reader, card) = find(&self.context, &self.asked)?;
            (self.reader, self.card) = (reader, Some(card));
            match self.select() {
                // the last answer alone was lost
                Ok(selected) if selected.card == *id.as_bytes() => return Ok(()),
                Ok(selected) if selected.is_blank => {}
                Ok(selected) => return Err(CannotWrite::NotBlank(Uuid::from_bytes(selected.card))),
                Err(CannotWrite::Torn) => {}
                Err(error) => return Err(error),
            }
        }
        Err(CannotWrite::Torn)
    }

    fn put(&mut self, commands: &[CommandFrame]) -> Result<(), CannotWrite> {
        for command in commands {
            match self.transmit(command)? {
                (_, Status::OK) => {}
                (_, status) => return Err(CannotWrite::Refused(status)),
            }
        }
        Ok(())
    }

    fn select(&mut self) -> Result<Selected, CannotWrite> {
        match self.transmit(&select())? {
            (data, Status::OK) => Selected::decode(&data).map_err(|_| CannotWrite::Nonsense),
            (_, status) => Err(CannotWrite::Foreign(status)),
        }
    }

    fn transmit(&mut self, command: &CommandFrame) -> Result<(Vec<u8>, Status), CannotWrite> {
        let mut room = [0; ANSWER_ROOM];
        let card = self.card.take().ok_or(CannotWrite::Torn)?;
        let answer = card.transmit(command.as_bytes(), &mut room);
        let answer = answer.ok().and_then(|answer| decode_answer(answer).ok());
        if let Some((data, status)) = answer {
            self.card = Some(card);
            return Ok((data.to_vec(), status));
        }
        // pcscd would take a failed reset for the state of a card that comes meanwhile, and dropping resets
        if let Err((card, _)) = card.disconnect(Disposition::LeaveCard) {
            std::mem::forget(card);
        }
        Err(CannotWrite::Torn)
    }
}

/// The one card that lies on a reader.
fn find(context: &Context, asked: &str) -> Result<(CString, Card), CannotWrite> {
    let until = Instant::now() + PATIENCE;
    loop {
        let all = match context.list_readers_owned() {
            Err(Error::NoReadersAvailable) => Vec::new(),
            all => all.map_err(cannot)?,
        };
        let mine = all.into_iter().filter(|reader| reader.to_string_lossy().contains(asked));
        let mut states: Vec<ReaderState> = mine.map(|reader| ReaderState::new(reader, State::UNAWARE)).collect();
        if states.is_empty() {
            let named = if asked.is_empty() { String::new() } else { format!(" with `{asked}` in its name") };
            return Err(CannotWrite::NoReader(named));
        }
        match context.get_status_change(Duration::ZERO, &mut states) {
            Ok(()) | Err(Error::Timeout) => {}
            Err(error) => return Err(cannot(error)),
        }
        let mut present = states.iter().filter(|reader| reader.event_state().contains(State::PRESENT));
        if let Some(first) = present.next() {
            if present.next().is_some() {
                return Err(CannotWrite::TwoCards);
            }
            match context.connect(first.name(), ShareMode::Exclusive, Protocols::ANY) {
                Ok(card) => return Ok((first.name().to_owned(), card)),
                // it is just coming, or left again
                Err(
                    Error::NoSmartcard
                    | Error::RemovedCard
                    | Error::ResetCard
                    | Error::UnresponsiveCard
                    | Error::UnpoweredCard,
                ) => {}
                Err(error) => return Err(cannot(error)),
            }
        }
        if Instant::now() > until {
            return Err(CannotWrite::NobodyCame);
        }
        std::thread::sleep(LOOK);
    }
}

const fn cannot(error: Error) -> CannotWrite {
    match error {
        Error::NoService | Error::ServiceStopped => CannotWrite::NoService,
        Error::SharingViolation => CannotWrite::InUse,
        error => CannotWrite::Reader(error),
    }
}
