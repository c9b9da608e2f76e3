//! An unattended machine: sets aside, delivers piece by piece, and sells what came out.
//!
//! Whatever happens, the client pays for what came out and for nothing else: what the machine does is written down before
//! and after it (`files::VendFile`), and one that starts again finishes first. Of a piece that was coming out when the
//! power failed nobody knows whether it did: it is not charged.

use uuid::Uuid;

use crate::answer::Outcome;
use crate::card::CardReader;
use crate::files::{FileError, Stage, Vend, VendFile};
use crate::give_up::GiveUp;
use crate::request::CaptureLine;
use crate::settling::{Answered, Ended};
use crate::terminal::unattended::{capture, hold_as_written, release};
use crate::terminal::{Order, TapError, Terminal, complete};

/// Problems that no later try has another end than.
const FINAL: [&str; 3] = ["hold-unknown", "terminal-revoked", "id-too-old"];

/// Why a vend is not finished. What was written down stays, to be finished later.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum VendError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Tap(#[from] TapError),
    /// Nobody knows here how it ended; starting again finds out.
    #[error("it is not known how the {what} ended ({why}); starting again finds out")]
    Unknown { what: &'static str, why: String },
    #[error("the answer to the {what} makes no sense: {nonsense}")]
    Nonsense { what: &'static str, nonsense: String },
}

/// How a hold was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Set aside.
    Yes,
    /// Declined, or refused: why.
    No(String),
}

/// What a vend came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Ending {
    pub delivered: u32,
    pub paid_cents: u64,
    /// The hold was over before the service heard of the delivery: the client pays nothing.
    pub came_too_late: bool,
}

/// Where a test makes the machine die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dies {
    /// After the hold, before anything came out.
    AfterHold,
    /// After the first piece, before anybody heard of it.
    AfterDelivery,
}

/// A machine at work on one vend.
#[derive(Debug)]
pub struct Machine<'t> {
    terminal: &'t mut Terminal,
    file: VendFile,
    vend: Vend,
    /// The answers, as they came.
    pub answers: Vec<Answered>,
}

impl<'t> Machine<'t> {
    /// The vend that an earlier start did not finish, if there is one.
    ///
    /// # Errors
    /// [`VendError::File`].
    pub fn unfinished(terminal: &'t mut Terminal, file: &VendFile) -> Result<Option<Self>, VendError> {
        let vend = file.read()?;
        Ok(vend.map(|vend| Self { terminal, file: file.clone(), vend, answers: Vec::new() }))
    }

    /// Has a card sign an order of one line, and writes it down.
    ///
    /// # Errors
    /// [`VendError`].
    pub fn begin(
        terminal: &'t mut Terminal,
        file: &VendFile,
        card: &mut dyn CardReader,
        order: &Order,
        minutes: u16,
    ) -> Result<Self, VendError> {
        let tap = terminal.tap_to_hold(card, order)?;
        let mut new_id = || terminal.client().random().uuid7().map_err(TapError::from);
        let (hold, capture, release) = (new_id()?, new_id()?, new_id()?);
        let attempt = terminal.hold(hold, order, &tap, minutes)?;
        let vend = Vend {
            version: crate::files::FILE_VERSION,
            stage: Stage::Asked,
            hold,
            capture,
            release,
            request: String::from_utf8_lossy(&attempt.body).into_owned(),
            card_cents: tap.amount_cents,
            quantity: order.lines.iter().map(|line| line.quantity).sum(),
            delivered: 0,
        };
        file.write(&vend)?;
        Ok(Self { terminal, file: file.clone(), vend, answers: Vec::new() })
    }

    /// The hold's id.
    pub const fn hold_id(&self) -> Uuid {
        self.vend.hold
    }

    /// Sends the hold, and tells the card if it is still there.
    ///
    /// # Errors
    /// [`VendError`].
    pub async fn set_aside(
        &mut self,
        card: Option<&mut dyn CardReader>,
        give_up: &mut GiveUp,
    ) -> Result<Held, VendError> {
        let body = self.vend.request.clone().into();
        let attempt = hold_as_written(self.vend.hold, 1, self.vend.card_cents, body);
        let answered = match self.terminal.settle(&attempt, give_up).await.ended {
            Ended::Answered(answered) => answered,
            Ended::Problem(problem) => {
                self.file.remove()?;
                return Ok(Held::No(problem.to_string()));
            }
            Ended::NotBooked(why) | Ended::Unknown(why) => return Err(VendError::Unknown { what: "hold", why }),
        };
        sensible("hold", &answered)?;
        if let (Some(card), Some(answer)) = (card, answered.for_card) {
            // a card that is gone again learns it at its next tap
            let _ = complete(card, answer, answered.script);
        }
        let reason = answered.reason.clone();
        self.answers.push(answered);
        if let Some(reason) = reason {
            self.file.remove()?;
            return Ok(Held::No(reason));
        }
        self.write(Stage::Held, self.vend.delivered)?;
        Ok(Held::Yes)
    }

    /// Lets the pieces come out, one by one. False if a test had it die.
    ///
    /// # Errors
    /// [`VendError::File`].
    pub fn deliver(&mut self, dies: Option<Dies>, mut piece: impl FnMut(u32)) -> Result<bool, VendError> {
        if dies == Some(Dies::AfterHold) {
            return Ok(false);
        }
        while self.vend.delivered < self.vend.quantity {
            let number = self.vend.delivered + 1;
            self.write(Stage::Delivering, self.vend.delivered)?;
            piece(number);
            self.write(Stage::Held, number)?;
            if dies == Some(Dies::AfterDelivery) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Finds out whether it was set aside, sells what came out, gives the rest back, and forgets it.
    ///
    /// # Errors
    /// [`VendError`]; it is still written down.
    pub async fn finish(&mut self, give_up: &mut GiveUp) -> Result<Ending, VendError> {
        if self.vend.stage == Stage::Asked && self.set_aside(None, give_up).await? != Held::Yes {
            return Ok(Ending::default());
        }
        let Vend { hold, delivered, quantity, .. } = self.vend;
        let mut ending = Ending { delivered, ..Ending::default() };
        if delivered > 0 {
            let lines = [CaptureLine { line: 0, quantity: delivered }];
            let attempt = capture(self.vend.capture, hold, &lines)?;
            match self.settled("capture", &attempt, give_up).await? {
                Some(answered) => {
                    if answered.outcome == Outcome::Approved {
                        ending.paid_cents = answered.approved_cents;
                    }
                    ending.came_too_late = answered.outcome == Outcome::Declined;
                }
                // the machine goes on for who comes next; what came out is for the office to settle
                None => ending.came_too_late = true,
            }
        }
        if delivered < quantity {
            // one that is over already is given back already
            let attempt = release(self.vend.release, hold)?;
            self.settled("release", &attempt, give_up).await?;
        }
        self.file.remove()?;
        Ok(ending)
    }

    /// None: the service will never take it.
    async fn settled(
        &mut self,
        what: &'static str,
        attempt: &crate::settling::Attempt,
        give_up: &mut GiveUp,
    ) -> Result<Option<Answered>, VendError> {
        match self.terminal.settle(attempt, give_up).await.ended {
            Ended::Answered(answered) => {
                sensible(what, &answered)?;
                self.answers.push(answered.clone());
                Ok(Some(answered))
            }
            Ended::Problem(problem) if FINAL.contains(&problem.slug.as_str()) => {
                let Vend { hold, delivered, quantity, .. } = self.vend;
                self.file
                    .tell_office(&format!("hold {hold}: {delivered} of {quantity} came out; {what}: {problem}"))?;
                Ok(None)
            }
            Ended::Problem(problem) => Err(VendError::Unknown { what, why: problem.to_string() }),
            Ended::NotBooked(why) | Ended::Unknown(why) => Err(VendError::Unknown { what, why }),
        }
    }

    fn write(&mut self, stage: Stage, delivered: u32) -> Result<(), VendError> {
        (self.vend.stage, self.vend.delivered) = (stage, delivered);
        Ok(self.file.write(&self.vend)?)
    }
}

fn sensible(what: &'static str, answered: &Answered) -> Result<(), VendError> {
    match &answered.nonsense {
        Some(nonsense) => Err(VendError::Nonsense { what, nonsense: nonsense.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::client::Client;
    use crate::fake_service::{Book, start};
    use crate::files::TerminalFile;
    use crate::files::tests::{Folder, terminal_json};
    use crate::files::vend_tests::vend;
    use crate::give_up::give_up;

    /// A machine that starts again after one of two pieces came out, and is answered this.
    async fn finish(status: u16, slug: &'static str) -> (Folder, VendFile, Result<Ending, VendError>) {
        let folder = Folder::new(&format!("vending-{slug}"));
        let file = VendFile::at(&folder.0.join("machine.vend"));
        file.write(&vend(Stage::Held, 1, 2)).unwrap();
        let book = Arc::new(Book::default());
        *book.holds_problem.lock().unwrap() = (status, slug);
        let url = start(book).await;
        let terminal: TerminalFile = serde_json::from_str(&terminal_json(1)).unwrap();
        let key = terminal.key.as_ref().unwrap();
        let client = Client::new(&url, terminal.terminal, key.0.expose(), Duration::from_secs(2)).unwrap();
        let mut terminal = Terminal::new(terminal.terminal, terminal.location, 0, client);
        let (_stop, mut give_up) = give_up();
        let mut machine = Machine::unfinished(&mut terminal, &file).unwrap().unwrap();
        let ended = machine.finish(&mut give_up).await;
        (folder, file, ended)
    }

    #[tokio::test]
    async fn a_final_refusal_of_a_capture_does_not_block_the_machine_and_the_office_can_read_of_it() {
        for (status, slug) in [(404, "hold-unknown"), (401, "terminal-revoked"), (422, "id-too-old")] {
            let (folder, file, ended) = finish(status, slug).await;
            assert_eq!(ended.unwrap(), Ending { delivered: 1, paid_cents: 0, came_too_late: true }, "{slug}");
            assert_eq!(file.read().unwrap(), None);
            let lines = std::fs::read_to_string(folder.0.join("machine.vend.office")).unwrap();
            let line = lines.lines().next().unwrap();
            assert!(line.contains("1 of 2") && line.contains(slug), "{line}");
            assert!(line.contains(&Uuid::from_u128(1).to_string()), "{line}");
        }
    }

    #[tokio::test]
    async fn what_may_be_over_at_the_next_start_is_kept_for_it() {
        for (status, slug) in [(401, "signature-wrong"), (404, "status-404"), (422, "id-too-new")] {
            let (_folder, file, ended) = finish(status, slug).await;
            assert!(matches!(ended, Err(VendError::Unknown { what: "capture", .. })), "{ended:?}");
            assert_eq!(file.read().unwrap(), Some(vend(Stage::Held, 1, 2)), "{slug}");
        }
    }
}
