//! One till at a counter: drives it over a connection, holds cards to it, and says what happens.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use card_protocol::pin::PinBlock;
use firmware_sim::answer::Answer;
use firmware_sim::client::Client;
use firmware_sim::files::{CardOnFile, TerminalOnFile};
use firmware_sim::journal::{Journal, file_disk};
use firmware_sim::phrases;
use firmware_sim::random::now_ms;
use firmware_sim::request::{Mode, SaleLine};
use firmware_sim::till::{Buyer, Ended as SaleEnded, Next, TapFor, Till, Transport, Wanted};
use firmware_sim::till_screen::{Screen, Shown};
use firmware_sim::till_words;
use firmware_sim::wipe::JOURNAL_FILE;
use tokio::sync::mpsc;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::cli::Failure;
use crate::cli::tap::order_lines;

/// Requests that a till makes before it lets staff begin: all that is due once, and no more.
const CATCH_UP_MAX: usize = 40;

/// How the counter was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Quit,
    Revoked,
}

/// Whether a sale was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sold {
    /// By the service or in the journal; a decline too.
    Decided,
    Nothing,
}

pub(super) struct Counter {
    pub(super) till: Till,
    pub(super) client: Client,
    pub(super) file: TerminalOnFile,
    pub(super) screen: Screen,
    pub(super) card: Option<PathBuf>,
    pub(super) staff: Option<Uuid>,
    pub(super) lines: mpsc::UnboundedReceiver<Zeroizing<String>>,
}

/// What is typed, a line at a time, from a thread of its own: the till goes on meanwhile.
pub(super) fn stdin_lines() -> mpsc::UnboundedReceiver<Zeroizing<String>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if sender.send(Zeroizing::new(line)).is_err() {
                break;
            }
        }
    });
    receiver
}

impl Counter {
    fn says<'a>(&self, dutch: &'a str, english: &'a str) -> &'a str {
        self.screen.language.pick(dutch, english)
    }

    /// The service's time.
    pub(super) fn now_ms(&self) -> u64 {
        self.till.stamp(now_ms())
    }

    pub(super) fn is_revoked(&self) -> bool {
        self.till.state().is_revoked
    }

    pub(super) fn say_recovered(&mut self) {
        for recovered in self.till.take_recovered() {
            println!(" ! {}", till_words::recovered(&recovered, self.screen.language));
        }
    }

    /// Does what is due, once.
    pub(super) async fn catch_up(&mut self) {
        for _ in 0..CATCH_UP_MAX {
            match self.till.step(now_ms()) {
                Next::Send(request) => {
                    let reply = Transport::send(&mut self.client, &request).await;
                    self.till.replied(request.ticket, reply, now_ms());
                }
                _ => break,
            }
        }
        self.after_work();
    }

    /// Sends until nothing waits, or it cannot be sent now.
    pub(super) async fn deliver(&mut self) {
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

    /// Says what was found out, keeps where the till stands, and looks whether a disk that failed works again.
    pub(super) fn after_work(&mut self) {
        self.say_recovered();
        if self.till.location() != self.file.document.location {
            self.file.document.location = self.till.location();
            if let Err(error) = self.file.write() {
                eprintln!("firmware-sim: {error}");
            }
        }
    }

    /// Opens the journal anew after its disk failed; says so if it still fails.
    pub(super) fn mend_journal(&mut self) {
        if !self.till.wants_new_journal() {
            return;
        }
        // the file is locked while the failed journal has it: it is let go first
        let terminal = self.file.document.terminal;
        self.till.let_go_of_journal();
        let path = self.file.folder().join(JOURNAL_FILE);
        let opened = file_disk(&path).and_then(|disk| Journal::open(disk, terminal));
        match opened {
            Ok(journal) => {
                if let Err(error) = self.till.replace_journal(journal, now_ms()) {
                    eprintln!("firmware-sim: {error}");
                }
            }
            Err(error) => eprintln!("firmware-sim: {error}"),
        }
    }

    /// Writes the counters as they are.
    pub(super) fn close(mut self) -> Result<ExitCode, Failure> {
        self.file.document.sequence = self.till.journal().reserved_sequence();
        self.file.write()?;
        Ok(ExitCode::SUCCESS)
    }

    /// The terminal's file, the journal closed.
    pub(super) fn into_file(self) -> TerminalOnFile {
        let Self { till, file, .. } = self;
        drop(till);
        file
    }

    pub(super) async fn sell(&mut self, items: &[(String, u32)], by_name: Option<u64>) -> Result<Sold, Failure> {
        let Some(assortment) = self.till.cache().assortment() else {
            let words = till_words::refusal(&firmware_sim::till::Refusal::NothingKnown, self.screen.language);
            println!("\n {words}");
            return Ok(Sold::Nothing);
        };
        let lines = order_lines(assortment, items)?;
        self.sell_lines(&lines, by_name).await
    }

    /// Sells, and shows how it ended.
    pub(super) async fn sell_lines(&mut self, lines: &[SaleLine], by_name: Option<u64>) -> Result<Sold, Failure> {
        self.mend_journal();
        let mut card = match (&self.card, by_name) {
            (_, Some(_)) => None,
            (Some(path), None) => Some(CardOnFile::open(path)?),
            (None, None) => {
                return Err(self.says("welk pasje? Typ: pas BESTAND", "which card? Type: card FILE").into());
            }
        };
        let buyer = by_name.map_or(Buyer::Card, Buyer::Wallet);
        let label = match (&card, by_name) {
            (Some(card), _) => card.label.clone(),
            (None, wallet) => format!("nr. {}", wallet.unwrap_or(0)),
        };
        let wanted = Wanted { buyer, mode: Mode::Online, staff: self.staff, lines: lines.to_vec() };
        self.till.sell(wanted, now_ms())?;
        let ended = self.drive(card.as_mut()).await;
        if let Some(failure) = card.as_ref().and_then(|card| card.card.failure()) {
            eprintln!("firmware-sim: the card's file cannot be written: {failure}");
        }
        Ok(self.show(&ended, &label, lines))
    }

    async fn drive(&mut self, mut card: Option<&mut CardOnFile>) -> SaleEnded {
        let mut has_said_asking = false;
        loop {
            match self.till.step(now_ms()) {
                Next::Send(request) => {
                    let reply = tokio::select! {
                        reply = Transport::send(&mut self.client, &request) => Some(reply),
                        _ = tokio::signal::ctrl_c() => None,
                    };
                    match reply {
                        Some(reply) => self.till.replied(request.ticket, reply, now_ms()),
                        None => self.till.cancel(now_ms()),
                    }
                }
                Next::Asking { until_ms } => {
                    if !std::mem::replace(&mut has_said_asking, true) {
                        println!(
                            "\n …  {}",
                            self.says(
                                "Nog niet bekend of het gelukt is: de kassa vraagt het na. Niets opnieuw aanslaan. (Ctrl-C stopt)",
                                "Not known yet whether it worked: the till is asking. Do not ring it up again. (Ctrl-C stops)",
                            )
                        );
                    }
                    let span = Duration::from_millis(until_ms.saturating_sub(now_ms()).max(1));
                    tokio::select! {
                        () = tokio::time::sleep(span) => {}
                        _ = tokio::signal::ctrl_c() => self.till.cancel(now_ms()),
                    }
                }
                Next::Tap(tap_for) => self.hold(card.as_deref_mut(), tap_for, None),
                Next::Pin { tries_left } => match self.ask_pin(tries_left).await {
                    Some(pin) => self.hold(card.as_deref_mut(), TapFor::Online, Some(&pin)),
                    None => self.till.cancel(now_ms()),
                },
                Next::Ended(ended) => return ended,
                // not while a sale is under way
                Next::Rest { .. } | Next::Waiting { .. } | Next::Revoked => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }

    fn hold(&mut self, card: Option<&mut CardOnFile>, tap_for: TapFor, pin: Option<&PinBlock>) {
        if tap_for == TapFor::Offline {
            let words = self.says(
                "Geen verbinding: houd het pasje nog eens voor.",
                "No connection: hold the card to the till once more.",
            );
            println!("\n ○  {words}");
        }
        match card {
            Some(card) => self.till.tap(&mut card.card, pin, now_ms()),
            None => self.till.cancel(now_ms()),
        }
    }

    /// None: nothing was typed.
    async fn ask_pin(&mut self, tries_left: Option<u8>) -> Option<PinBlock> {
        let words = self.says("Pincode van het pasje: ", "The card's PIN: ");
        let left = tries_left.map_or_else(String::new, |left| {
            format!("{} {left}. ", self.says("Dat klopte niet; pogingen over:", "That was not right; tries left:"))
        });
        print!("\n {left}{words}");
        let _ = std::io::stdout().flush();
        set_echo(false);
        let line = tokio::select! {
            line = self.lines.recv() => line,
            _ = tokio::signal::ctrl_c() => None,
        };
        set_echo(true);
        println!();
        let line = line?;
        if line.trim().is_empty() {
            return None;
        }
        match PinBlock::of_digits(line.trim().as_bytes()) {
            Ok(pin) => Some(pin),
            Err(_) => {
                println!(" {}", self.says("Een pincode heeft 4 tot 8 cijfers.", "A PIN has 4 to 8 digits."));
                Box::pin(self.ask_pin(None)).await
            }
        }
    }

    fn show(&self, ended: &SaleEnded, label: &str, lines: &[SaleLine]) -> Sold {
        let language = self.screen.language;
        let undone = |undoes: &Option<Uuid>| {
            if undoes.is_some() {
                println!(
                    " {}",
                    language.pick(
                        "Of het eerdere verzoek is aangekomen, is niet bekend; de kassa maakt het ongedaan.",
                        "Whether the earlier request arrived is not known; the till undoes it.",
                    )
                );
            }
        };
        match ended {
            SaleEnded::Answered { answered, card, .. } => {
                match Answer::read(&answered.bytes) {
                    Ok(answer) => print!(
                        "{}",
                        self.screen.sale(&Shown {
                            terminal: &self.file.document.name,
                            client: label,
                            lines,
                            assortment: self.till.cache().assortment(),
                            answer: &answer,
                        })
                    ),
                    Err(error) => eprintln!("firmware-sim: {error}"),
                }
                if let Some(nonsense) = &answered.nonsense {
                    eprintln!("firmware-sim: the answer makes no sense: {nonsense}");
                }
                if let Some(words) = till_words::card_told(*card, language) {
                    println!(" {words}");
                }
                Sold::Decided
            }
            SaleEnded::Offline { id, sequence, amount_cents, .. } => {
                let amount = phrases::amount("EUR", *amount_cents, language);
                println!(
                    "\n   ✔  {}   {label}\n      {} {amount}\n\n {} {sequence}, {id}",
                    language.pick("GOED, opgeslagen", "APPROVED, stored"),
                    language.pick(
                        "Wordt geboekt zodra er verbinding is; hoogstens",
                        "Is booked once there is a connection; at most"
                    ),
                    language.pick("Voor de medewerker: nummer", "For staff: number"),
                );
                Sold::Decided
            }
            SaleEnded::Refused { refusal, card, undoes } => {
                print!("{}", self.screen.not_with_this_card(&self.file.document.name, label));
                println!("\n {}", till_words::refusal_of(refusal, self.till.may_go_by_name(lines), language));
                if let Some(words) = till_words::card_told(*card, language) {
                    println!(" {words}");
                }
                undone(undoes);
                Sold::Nothing
            }
            SaleEnded::Problem { problem, .. } => {
                println!(
                    "\n {} ({problem})",
                    language.pick(
                        "De centrale neemt dit niet aan; er is niets geboekt",
                        "The service does not take this; nothing was booked"
                    )
                );
                Sold::Nothing
            }
            SaleEnded::Cancelled { undoes } => {
                println!("\n {}", language.pick("Gestopt.", "Stopped."));
                undone(undoes);
                Sold::Nothing
            }
        }
    }
}

/// Whether what is typed is shown. Where there is no terminal there is nothing to hide.
fn set_echo(is_on: bool) {
    if std::io::stdin().is_terminal() {
        let word = if is_on { "echo" } else { "-echo" };
        // without `stty` the digits are seen, and the till works
        let _ = Command::new("stty").arg(word).stdin(Stdio::inherit()).status();
    }
}
