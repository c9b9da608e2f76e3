//! One till at a counter: drives it over a connection, holds cards to it, and says what happens.

use std::io::BufRead as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use card_protocol::pin::PinBlock;
use firmware_sim::answer::{Answer, Outcome};
use firmware_sim::desk::Desk;
use firmware_sim::files::CardOnFile;
use firmware_sim::phrases;
use firmware_sim::random::now_ms;
use firmware_sim::reader::Wanted as Reading;
use firmware_sim::request::{Client, Mode, SaleLine};
use firmware_sim::till::{Buyer, Ended as SaleEnded, Next, Refusal, TapFor, Transport, Wanted};
use firmware_sim::till_screen::{Screen, Shown as ShownSale};
use firmware_sim::till_words::{self, Paid};
use tokio::sync::mpsc;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::cli::Failure;
use crate::cli::pin::{self, Typed};
use crate::cli::reader::ReaderArguments;
use crate::cli::tap::{Shown, order_lines};

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
    pub(super) desk: Desk,
    pub(super) screen: Screen,
    pub(super) card: Option<PathBuf>,
    pub(super) reader: ReaderArguments,
    /// Set by Ctrl-C.
    pub(super) stop: Arc<AtomicBool>,
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

    pub(super) fn is_revoked(&self) -> bool {
        self.desk.till.state().is_revoked
    }

    pub(super) fn say_recovered(&mut self) {
        for recovered in self.desk.till.take_recovered() {
            let words = till_words::recovered(&recovered, &|client| self.desk.known(client), self.screen.language);
            print!("{}", till_words::wrapped(&format!("! {words}")));
        }
    }

    fn say_offline(&self, has_tapped: bool) {
        let words = if has_tapped {
            self.says(
                "Geen verbinding. Houd het pasje nog één keer voor.",
                "No connection. Hold the card to it once more.",
            )
        } else {
            self.says("Geen verbinding: de kassa probeert het zonder.", "No connection: the till tries without.")
        };
        println!("\n ○  {words}");
    }

    /// Takes this card from now on, and says whose it is.
    pub(super) fn choose_card(&mut self, path: PathBuf) {
        match CardOnFile::open(&path) {
            Ok(card) => {
                println!(" {} {}", self.says("Pasje van", "Card of"), card.label);
                self.card = Some(path);
            }
            Err(error) => println!(
                " {} ({error})",
                self.says(
                    "Dit pasje is niet te lezen. Klopt de naam van het bestand?",
                    "This card cannot be read. Is the file's name right?",
                )
            ),
        }
    }

    /// A client by name and number, as far as the till knows: staff see whom they named.
    fn name_of(&self, wallet: u64) -> String {
        self.desk.known(&Client::Wallet(wallet)).unwrap_or_else(|| format!("nr. {wallet}"))
    }

    /// The card that pays.
    fn open_card(&self) -> Result<Shown, Failure> {
        if let Some(path) = &self.card {
            return Ok(Shown::Virtual(Box::new(CardOnFile::open(path)?)));
        }
        let language = self.screen.language;
        if !self.reader.is_used() {
            return Err(self
                .says(
                    "Kies eerst een pasje. Typ: pas BESTAND, of start de kassa met --reader.",
                    "Choose a card first. Type: card FILE, or start the till with --reader.",
                )
                .into());
        }
        let opened = self.reader.open_until(Arc::clone(&self.stop), language, Box::new(|words| println!("\n {words}")));
        opened.map(Shown::InReader).map_err(|fault| fault.words(language).into())
    }

    /// Does what is due, once.
    pub(super) async fn catch_up(&mut self) {
        self.desk.catch_up().await;
        self.after_work();
    }

    /// Says what was found out, and keeps where the till stands.
    pub(super) fn after_work(&mut self) {
        self.say_recovered();
        if let Err(error) = self.desk.keep_location() {
            eprintln!("firmware-sim: {error}");
        }
    }

    /// Writes the counters as they are.
    pub(super) fn close(self) -> Result<ExitCode, Failure> {
        self.desk.close()?;
        Ok(ExitCode::SUCCESS)
    }

    pub(super) async fn sell(&mut self, items: &[(String, u32)], by_name: Option<u64>) -> Result<Sold, Failure> {
        let Some(assortment) = self.desk.till.cache().assortment() else {
            let words = till_words::refusal(&Refusal::NothingKnown, self.screen.language);
            println!("\n {words}");
            return Ok(Sold::Nothing);
        };
        let lines =
            order_lines(assortment, items).map_err(|found| till_words::not_found(&found, self.screen.language))?;
        self.sell_lines(&lines, by_name).await
    }

    /// Sells, and shows how it ended.
    pub(super) async fn sell_lines(&mut self, lines: &[SaleLine], by_name: Option<u64>) -> Result<Sold, Failure> {
        if let Err(why) = self.desk.mend_journal() {
            eprintln!("firmware-sim: {why}");
        }
        // the service takes none without, and what is stored without would only wait for the office
        if by_name.is_some() && self.staff.is_none() {
            return Err(self
                .says(
                    "Op naam verkopen kan pas als de kassa weet wie u bent. Start de kassa met --staff.",
                    "To sell by name the till must know who you are. Start the till with --staff.",
                )
                .into());
        }
        let mut card = if by_name.is_none() { Some(self.open_card()?) } else { None };
        let buyer = by_name.map_or(Buyer::Card, Buyer::Wallet);
        let label = match (&card, by_name) {
            (Some(Shown::Virtual(card)), _) => card.label.clone(),
            (Some(Shown::InReader(_)), _) => self.says("pasje in de lezer", "card in the reader").to_owned(),
            (None, wallet) => self.name_of(wallet.unwrap_or(0)),
        };
        let wanted = Wanted { buyer, mode: Mode::Online, staff: self.staff, lines: lines.to_vec() };
        self.desk.till.sell(wanted, now_ms())?;
        let ended = self.drive(card.as_mut()).await;
        if let Some(Shown::Virtual(card)) = &card
            && let Some(failure) = card.card.failure()
        {
            eprintln!("firmware-sim: the card's file cannot be written: {failure}");
        }
        Ok(self.show(&ended, &label, lines))
    }

    async fn drive(&mut self, mut card: Option<&mut Shown>) -> SaleEnded {
        let (mut has_said_asking, mut has_said_offline, mut has_tapped) = (false, false, false);
        self.stop.store(false, Ordering::Relaxed);
        loop {
            self.desk.look_at_clock();
            match self.desk.till.step(now_ms()) {
                Next::Send(request) => {
                    let reply = tokio::select! {
                        reply = Transport::send(&mut self.desk.client, &request) => Some(reply),
                        _ = tokio::signal::ctrl_c() => None,
                    };
                    match reply {
                        Some(reply) => self.desk.till.replied(request.ticket, reply, now_ms()),
                        None => self.desk.till.cancel(now_ms()),
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
                        _ = tokio::signal::ctrl_c() => self.desk.till.cancel(now_ms()),
                    }
                }
                Next::Tap(tap_for) => {
                    if tap_for == TapFor::Offline && !std::mem::replace(&mut has_said_offline, true) {
                        self.say_offline(has_tapped);
                    }
                    has_tapped = true;
                    self.hold(card.as_deref_mut(), tap_for, None);
                }
                Next::Pin { tries_left } => match self.ask_pin(tries_left).await {
                    Some(Typed::Pin(pin)) => self.hold(card.as_deref_mut(), TapFor::Online, Some(&pin)),
                    Some(_) => self.desk.till.go_without_pin(),
                    None => self.desk.till.cancel(now_ms()),
                },
                Next::Ended(ended) => return ended,
                // not while a sale is under way
                Next::Rest { .. } | Next::Waiting { .. } | Next::Revoked => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }

    fn hold(&mut self, card: Option<&mut Shown>, tap_for: TapFor, pin: Option<&PinBlock>) {
        let wanted = if tap_for == TapFor::Again { Reading::Again } else { Reading::Card };
        let Some(card) = card else { return self.desk.till.cancel(now_ms()) };
        // the card that is to hear how it ended lies there still, or has gone
        if tap_for != TapFor::Complete
            && let Err(fault) = card.card().await_card(wanted)
        {
            println!("\n {}", fault.words(self.screen.language));
            return self.desk.till.cancel(now_ms());
        }
        self.desk.till.tap(card.card(), pin, now_ms());
    }

    /// None: the sale is stopped.
    async fn ask_pin(&mut self, tries_left: Option<u8>) -> Option<Typed> {
        loop {
            pin::ask(tries_left, self.desk.till.may_go_without_pin(), self.screen.language);
            let line = tokio::select! {
                line = self.lines.recv() => line,
                _ = tokio::signal::ctrl_c() => None,
            };
            pin::show();
            match pin::read(&line?, self.screen.language) {
                Typed::Wrong => {}
                Typed::Nothing if !self.desk.till.may_go_without_pin() => return None,
                typed => return Some(typed),
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
                        self.screen.sale(&ShownSale {
                            terminal: &self.desk.file.document.name,
                            client: label,
                            lines,
                            assortment: self.desk.till.cache().assortment(),
                            answer: &answer,
                        })
                    ),
                    Err(error) => eprintln!("firmware-sim: {error}"),
                }
                let is_sold = matches!(answered.outcome, Outcome::Approved | Outcome::ApprovedInPart);
                let paid = if is_sold { Paid::Yes } else { Paid::No };
                if let Some(nonsense) = &answered.nonsense {
                    eprintln!("firmware-sim: the answer makes no sense: {nonsense}");
                }
                if let Some(words) = till_words::card_told(*card, paid, language) {
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
                let terminal = &self.desk.file.document.name;
                let is_by_card = !matches!(refusal, Refusal::NeedsCard);
                let text = match is_by_card {
                    true => self.screen.not_with_this_card(terminal, label),
                    false => self.screen.not_now(terminal, label),
                };
                print!("{text}");
                let words = till_words::refusal_of(refusal, self.desk.till.may_go_by_name(lines), language);
                print!("\n{}", till_words::wrapped(&words));
                if let Some(words) = till_words::card_told(*card, Paid::NotByCard, language) {
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
