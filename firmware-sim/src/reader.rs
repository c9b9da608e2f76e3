//! Real cards, in readers that pcscd knows (PC/SC).
//!
//! A card that leaves is a torn tap: an empty answer. Everything else that can be wrong is a [`ReaderFault`], told when the
//! terminal next waits for a card. Calls into PC/SC that a card can make last are made in a thread of their own, so that
//! a card that never answers stops nobody.

mod fault;

use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use card_protocol::frame::{self, AnswerFrame, decode_answer};
use pcsc::{Card, Context, Disposition, Error, Protocols, ReaderState, Scope, ShareMode, State};
use zeroize::Zeroizing;

pub use fault::{ReaderFault, Wanted, nothing_sold, tap_words};

use crate::card::CardReader;

/// How long one look at the readers takes: so soon it is seen that one came or went, or that Ctrl-C was pressed.
const LOOK: Duration = Duration::from_millis(250);

/// How long until pcscd has seen that a card left: with readers that do not tell by themselves it looks every 400 ms.
const SETTLE: Duration = Duration::from_millis(600);

/// How long pcscd may be away before it is said so: a restart is shorter.
const RESTART: Duration = Duration::from_secs(2);

/// How often it may be away: one that answers and fails each time is no use.
const RESTARTS_MAX: u32 = 3;

/// How often a card that cannot be read is tried before it is said so: one that is just coming is not readable yet.
const UNREADABLE_MAX: u32 = 4;

/// Room for the longest short answer.
const ANSWER_ROOM: usize = 258;

/// How a reader is used.
#[derive(Clone, Debug)]
pub struct ReaderOptions {
    /// A part of the reader's name; none: whichever has a card.
    pub name: Option<String>,
    /// How long to wait for a card.
    pub patience: Duration,
    /// How long a card may take to answer.
    pub slow_after: Duration,
    /// Set from elsewhere: waits no more.
    pub stop: Arc<AtomicBool>,
}

impl Default for ReaderOptions {
    fn default() -> Self {
        Self {
            name: None,
            patience: Duration::from_secs(30),
            slow_after: Duration::from_secs(3),
            stop: Arc::new(AtomicBool::new(false)),
        }
    }
}

/// The readers of this machine, or one of them.
pub struct PcscReader {
    context: Context,
    options: ReaderOptions,
    say: Box<dyn FnMut(Wanted) + Send>,
    card: Option<Card>,
    /// Why the last answer stayed away, if it was not the card that left.
    fault: Option<ReaderFault>,
    has_had_reader: bool,
    restarts: u32,
}

impl std::fmt::Debug for PcscReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PcscReader").field("options", &self.options).field("fault", &self.fault).finish_non_exhaustive()
    }
}

impl PcscReader {
    /// Finds pcscd and a reader. `say` puts on the screen which card is waited for.
    ///
    /// # Errors
    /// [`ReaderFault`].
    pub fn open(options: ReaderOptions, say: Box<dyn FnMut(Wanted) + Send>) -> Result<Self, ReaderFault> {
        let context = Context::establish(Scope::User).map_err(fault)?;
        let mut reader = Self { context, options, say, card: None, fault: None, has_had_reader: false, restarts: 0 };
        reader.readers()?;
        reader.has_had_reader = true;
        Ok(reader)
    }

    /// The readers that may be used.
    fn readers(&self) -> Result<Vec<CString>, ReaderFault> {
        let all = match self.context.list_readers_owned() {
            Err(Error::NoReadersAvailable) => Vec::new(),
            all => all.map_err(fault)?,
        };
        let gone = if self.has_had_reader { ReaderFault::Unplugged } else { ReaderFault::NoReader };
        if all.is_empty() {
            return Err(gone);
        }
        let Some(asked) = &self.options.name else { return Ok(all) };
        let names: Vec<String> = all.iter().map(name).collect();
        let found: Vec<CString> = all.into_iter().filter(|reader| name(reader).contains(asked.as_str())).collect();
        match (found.is_empty(), self.has_had_reader) {
            (false, _) => Ok(found),
            (true, true) => Err(gone),
            (true, false) => Err(ReaderFault::NoSuchReader { asked: asked.clone(), there_are: names }),
        }
    }

    /// Which readers have a card. Waits a moment for a change if `known` is what it was last.
    fn look(&self, known: &mut Vec<ReaderState>) -> Result<Vec<CString>, ReaderFault> {
        let readers = self.readers()?;
        let is_same = known.iter().map(ReaderState::name).eq(readers.iter().map(CString::as_c_str));
        if is_same {
            known.iter_mut().for_each(ReaderState::sync_current_state);
        } else {
            *known = readers.into_iter().map(|reader| ReaderState::new(reader, State::UNAWARE)).collect();
        }
        match self.context.get_status_change(LOOK, known) {
            Ok(()) | Err(Error::Timeout) => {}
            Err(error) => return Err(fault(error)),
        }
        if known.iter().any(|reader| reader.event_state().intersects(State::UNKNOWN | State::UNAVAILABLE)) {
            // one has gone since it was listed: the next look says which are left
            known.clear();
        }
        let present = known.iter().filter(|reader| reader.event_state().contains(State::PRESENT));
        Ok(present.map(|reader| reader.name().to_owned()).collect())
    }

    fn wait(&mut self, wanted: Wanted) -> Result<Card, ReaderFault> {
        let until = Instant::now() + self.options.patience;
        let (mut known, mut has_said, mut unreadable) = (Vec::new(), false, 0);
        if wanted == Wanted::Again {
            (self.say)(wanted);
            has_said = true;
            thread::sleep(SETTLE);
        }
        // of another card that lies there nothing is wanted until it has gone
        let mut must_leave = wanted == Wanted::First;
        loop {
            let present = match self.look(&mut known) {
                Err(ReaderFault::NoService | ReaderFault::Forbidden | ReaderFault::Other(_)) => {
                    self.find_service_again()?;
                    known.clear();
                    continue;
                }
                present => present?,
            };
            match present.as_slice() {
                [] => must_leave = false,
                _ if must_leave => {}
                [reader] => match self.connect(reader) {
                    Ok(card) => return Ok(card),
                    Err(
                        Error::UnresponsiveCard | Error::UnpoweredCard | Error::UnsupportedCard | Error::ProtoMismatch,
                    ) => {
                        unreadable += 1;
                        if unreadable == UNREADABLE_MAX {
                            return Err(ReaderFault::Unreadable);
                        }
                        thread::sleep(LOOK);
                    }
                    // it left again
                    Err(Error::NoSmartcard | Error::RemovedCard | Error::ResetCard) => {}
                    Err(error) => return Err(fault(error)),
                },
                several => return Err(ReaderFault::TwoCards(several.iter().map(name).collect())),
            }
            if !has_said {
                (self.say)(wanted);
                has_said = true;
            }
            if self.options.stop.load(Ordering::Relaxed) {
                return Err(ReaderFault::Stopped);
            }
            if Instant::now() > until {
                return Err(ReaderFault::NobodyCame);
            }
        }
    }

    /// pcscd that ends while it is spoken to leaves errors of many kinds. Where it was only restarted, it comes back.
    fn find_service_again(&mut self) -> Result<(), ReaderFault> {
        let until = Instant::now() + RESTART;
        loop {
            match Context::establish(Scope::User) {
                Ok(context) => {
                    self.context = context;
                    self.restarts += 1;
                    return if self.restarts > RESTARTS_MAX { Err(ReaderFault::NoService) } else { Ok(()) };
                }
                Err(error) if Instant::now() > until => return Err(fault(error)),
                Err(_) => thread::sleep(LOOK),
            }
        }
    }

    fn connect(&self, reader: &CString) -> Result<Card, Error> {
        let (context, reader) = (self.context.clone(), reader.clone());
        let connected =
            within(self.options.slow_after, move || context.connect(&reader, ShareMode::Exclusive, Protocols::ANY));
        connected.unwrap_or(Err(Error::UnresponsiveCard))
    }

    fn send(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        let card = self.card.take()?;
        // a command may hold a PIN or keys
        let command = Zeroizing::new(command.to_vec());
        let sent = within(self.options.slow_after, move || {
            let mut room = [0; ANSWER_ROOM];
            let answer = card.transmit(&command, &mut room).map(<[u8]>::to_vec);
            (card, answer)
        });
        match sent {
            Some((card, Ok(answer))) if answer.len() >= 2 => {
                self.card = Some(card);
                Some(answer)
            }
            Some((card, torn)) => {
                self.fault = torn.err().filter(|error| !is_torn(*error)).map(fault);
                self.let_go(card, Disposition::LeaveCard);
                None
            }
            None => {
                self.fault = Some(ReaderFault::Slow);
                None
            }
        }
    }
}

impl CardReader for PcscReader {
    fn transmit(&mut self, command: &[u8]) -> AnswerFrame {
        let answer = self.send(command).unwrap_or_default();
        // an answer that is too long for any of ours loses its data, and is seen to mean nothing
        decode_answer(&answer).map_or_else(|_| frame::torn(), |(data, status)| frame::answer(data, status))
    }

    fn await_card(&mut self, wanted: Wanted) -> Result<(), ReaderFault> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        if let Some(card) = self.card.take() {
            self.let_go(card, Disposition::ResetCard);
        }
        self.card = Some(self.wait(wanted)?);
        Ok(())
    }
}

impl PcscReader {
    /// Lets the card go. One that is there is reset, so that the next who speaks to it begins anew. One that left is let be:
    /// pcscd would take the failed reset for the state of a card that came meanwhile, and not see that it is there.
    fn let_go(&self, card: Card, how: Disposition) {
        // what it answers is of no interest: it may have left already
        let _ = within(self.options.slow_after, move || {
            if let Err((card, _)) = card.disconnect(how) {
                // to drop it would reset it
                std::mem::forget(card);
            }
        });
    }
}

impl Drop for PcscReader {
    fn drop(&mut self) {
        if let Some(card) = self.card.take() {
            self.let_go(card, Disposition::ResetCard);
        }
    }
}

/// What this does in a thread of its own; none if that takes longer. It is then left to itself.
fn within<T: Send + 'static>(span: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = mpsc::channel();
    let spawned = thread::Builder::new().spawn(move || {
        // who waited may have given up
        let _ = sender.send(work());
    });
    spawned.ok()?;
    receiver.recv_timeout(span).ok()
}

fn name(reader: &CString) -> String {
    reader.to_string_lossy().into_owned()
}

/// Whether this says that the card left, or that the reader lost it, and not that the reader is gone.
const fn is_torn(error: Error) -> bool {
    matches!(
        error,
        Error::RemovedCard
            | Error::ResetCard
            | Error::NoSmartcard
            | Error::UnpoweredCard
            | Error::UnresponsiveCard
            | Error::NotTransacted
            | Error::CommDataLost
            | Error::CommError
            | Error::UnknownError
            | Error::InsufficientBuffer
    )
}

fn fault(error: Error) -> ReaderFault {
    match error {
        Error::NoService | Error::ServiceStopped | Error::InvalidHandle | Error::CommError | Error::Shutdown => {
            ReaderFault::NoService
        }
        Error::NoReadersAvailable => ReaderFault::NoReader,
        Error::ReaderUnavailable | Error::UnknownReader => ReaderFault::Unplugged,
        Error::SharingViolation => ReaderFault::InUse,
        Error::SecurityViolation | Error::NoAccess => ReaderFault::Forbidden,
        Error::Timeout | Error::WaitedTooLong => ReaderFault::Slow,
        error => ReaderFault::Other(error.to_string()),
    }
}
