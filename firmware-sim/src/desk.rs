//! A till with its connection and its file: what every way of driving one does beside selling.

use uuid::Uuid;

use crate::client::Client;
use crate::files::{FileError, TerminalOnFile};
use crate::journal::{Journal, file_disk};
use crate::random::now_ms;
use crate::request;
use crate::till::{Next, Till, Transport};
use crate::wipe::JOURNAL_FILE;

/// Requests that a till makes before it lets staff begin: all that is due once, and no more.
const CATCH_UP_MAX: usize = 40;

/// One till.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Desk {
    pub till: Till,
    pub client: Client,
    pub file: TerminalOnFile,
}

impl Desk {
    /// The service's time.
    pub fn now_ms(&self) -> u64 {
        self.till.stamp(now_ms())
    }

    /// A machine whose clock was set may be led anywhere once more, as when it started.
    pub fn look_at_clock(&mut self) {
        if !self.client.clock().is_confirmed() {
            self.till.clock_was_set();
        }
    }

    /// Writes down where the till stands, if the service moved it.
    ///
    /// # Errors
    /// [`FileError`]; it is written at the next chance.
    pub fn keep_location(&mut self) -> Result<(), FileError> {
        if self.till.location() != self.file.document.location {
            self.file.document.location = self.till.location();
            self.file.write()?;
        }
        Ok(())
    }

    /// Opens the journal anew after its disk failed.
    ///
    /// # Errors
    /// Why it still fails.
    pub fn mend_journal(&mut self) -> Result<(), String> {
        if !self.till.wants_new_journal() {
            return Ok(());
        }
        // the file is locked while the failed journal has it: it is let go first
        let terminal = self.file.document.terminal;
        self.till.let_go_of_journal();
        let path = self.file.folder().join(JOURNAL_FILE);
        let journal = file_disk(&path).and_then(|disk| Journal::open(disk, terminal)).map_err(|it| it.to_string())?;
        self.till.replace_journal(journal, now_ms()).map_err(|error| error.to_string())
    }

    /// Does what is due, once. Ctrl-C ends it.
    pub async fn catch_up(&mut self) {
        for _ in 0..CATCH_UP_MAX {
            self.look_at_clock();
            match self.till.step(now_ms()) {
                Next::Send(request) => {
                    let reply = tokio::select! {
                        reply = Transport::send(&mut self.client, &request) => reply,
                        _ = tokio::signal::ctrl_c() => {
                            self.till.set_aside();
                            break;
                        }
                    };
                    self.till.replied(request.ticket, reply, now_ms());
                }
                _ => break,
            }
        }
    }

    /// Sends until nothing waits, or it cannot be sent now.
    pub async fn deliver(&mut self) {
        self.till.try_now();
        loop {
            let before = self.till.state().waiting;
            self.catch_up().await;
            let state = self.till.state();
            if state.waiting == 0 || state.waiting == before {
                return;
            }
        }
    }

    /// Writes the counters as they are, before the program ends.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn close(mut self) -> Result<(), FileError> {
        self.file.document.sequence = self.till.journal().reserved_sequence();
        self.file.write()
    }

    /// The terminal's file, the journal closed.
    pub fn into_file(self) -> TerminalOnFile {
        let Self { till, file, .. } = self;
        drop(till);
        file
    }

    /// Whose a card or a wallet is, as far as the till knows: a wallet's with its number, as staff named it.
    pub fn known(&self, client: &request::Client) -> Option<String> {
        match client {
            request::Client::Card(card) => self.card_name(*card),
            request::Client::Wallet(wallet) => self.wallet_name(*wallet).map(|name| format!("{name} (nr. {wallet})")),
        }
    }

    /// Whose card this is.
    pub fn card_name(&self, card: Uuid) -> Option<String> {
        self.till.cache().card(card).map(|entry| entry.name.clone())
    }

    /// The client with this wallet.
    pub fn wallet_name(&self, wallet: u64) -> Option<String> {
        let mut cards = self.till.cache().cards.iter().flat_map(|kept| &kept.document.cards);
        cards.find(|entry| entry.wallet == wallet).map(|entry| entry.name.clone())
    }
}
