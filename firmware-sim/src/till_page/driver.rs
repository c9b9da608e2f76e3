//! Drives the till behind a page: one task, which hears what staff do and tells how things stand.
//!
//! A sale is begun, its card held to the till, and its end shown; between sales the till does what is due. Whoever asks is
//! answered at once whether it can be done; how it goes is told by the next [`Snapshot`].

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use card_protocol::pin::PinBlock;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use super::snapshot::{End, HISTORY_MAX, NOTICES_MAX, Past, Sale, Snapshot, Stage};
use crate::card::CardReader;
use crate::client::{NoAnswer, Reply};
use crate::desk::Desk;
use crate::files::CardOnFile;
use crate::price_list::Assortment;
use crate::random::now_ms;
use crate::reader::{PcscReader, ReaderFault, ReaderOptions, Wanted as Reading};
use crate::request::{self, Mode, SaleLine};
use crate::till::{Buyer, Ended as SaleEnded, Next, Recovered, Request, TapFor, TillError, Transport, Wanted};

/// How long a card is waited for before the till looks whether anything else was asked.
const CARD_PATIENCE: Duration = Duration::from_secs(120);

/// What staff do.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Deed {
    Sell {
        lines: Vec<SaleLine>,
        wallet: Option<u64>,
    },
    /// A virtual card of the tray is held to the till.
    Tap(String),
    Pin(PinBlock),
    WithoutPin,
    Cancel,
    /// The end of the sale was seen.
    Dismiss,
    Void(Uuid),
    Staff(Option<Uuid>),
}

/// Why something cannot be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum NotNow {
    /// A sale is under way, or that is not asked for.
    Busy,
    Revoked,
    NeedsStaff,
    UnknownCard,
    UnknownSale,
    Failed(String),
}

/// A deed, and who waits for whether it can be done.
#[derive(Debug)]
pub struct Asked {
    deed: Deed,
    answer: oneshot::Sender<Result<(), NotNow>>,
}

/// How a page asks. A clone asks the same till.
#[derive(Clone, Debug)]
pub struct Staff {
    sender: mpsc::Sender<Asked>,
    stop: Arc<AtomicBool>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
}

impl Staff {
    /// Asks, and hears whether it can be done.
    ///
    /// # Errors
    /// [`NotNow`].
    pub async fn ask(&self, deed: Deed) -> Result<(), NotNow> {
        if matches!(deed, Deed::Cancel) {
            // who waits for a card in a reader hears nothing else
            self.stop.store(true, Ordering::Relaxed);
        }
        let (answer, heard) = oneshot::channel();
        let gone = |_| NotNow::Failed("the till has ended".to_owned());
        self.sender.send(Asked { deed, answer }).await.map_err(|error| gone(error.to_string()))?;
        heard.await.map_err(|error| gone(error.to_string()))?
    }

    /// How things stand, now and after each change.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }
}

/// Ends the driving from elsewhere.
#[derive(Clone, Debug)]
pub struct Stopper {
    stop: Arc<AtomicBool>,
    is_over: watch::Sender<bool>,
}

impl Stopper {
    /// A sale that waits for a card is cancelled; one whose request is out is found out about at the next start.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.is_over.send_replace(true);
    }
}

/// Where cards come from.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Cards {
    /// Virtual ones, by name, each in its file.
    Tray(Vec<(String, PathBuf)>),
    /// A real reader.
    Reader(ReaderOptions),
}

/// How driving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Left {
    /// It was stopped.
    Quit,
    /// The terminal was withdrawn: all was delivered.
    Revoked,
}

enum Held {
    Virtual(Box<CardOnFile>),
    InReader(Box<PcscReader>),
}

impl Held {
    fn card(&mut self) -> &mut dyn CardReader {
        match self {
            Self::Virtual(file) => &mut file.card,
            Self::InReader(reader) => &mut **reader,
        }
    }
}

/// The task.
pub struct Driver {
    desk: Desk,
    cards: Cards,
    asked: mpsc::Receiver<Asked>,
    stop: Arc<AtomicBool>,
    told: watch::Sender<Arc<Snapshot>>,
    is_over: watch::Sender<bool>,
    staff: Option<Uuid>,
    sale: Option<Sale>,
    client: Option<request::Client>,
    held: Option<Held>,
    fault: Option<ReaderFault>,
    history: Vec<Past>,
    notices: Vec<(Recovered, Option<String>)>,
    assortment: Option<(u32, Arc<Assortment>)>,
    /// By the version of the list of cards.
    clients: (Option<u64>, Arc<Vec<(u64, String)>>),
    version: u64,
}

impl Driver {
    /// Of a till, and how to ask it.
    pub fn new(desk: Desk, mut cards: Cards, staff: Option<Uuid>) -> (Driver, Staff) {
        let (sender, asked) = mpsc::channel(16);
        let stop = Arc::new(AtomicBool::new(false));
        if let Cards::Reader(options) = &mut cards {
            options.stop = Arc::clone(&stop);
            options.patience = CARD_PATIENCE;
        }
        let empty = Snapshot {
            version: 0,
            terminal: desk.file.document.name.clone(),
            state: desk.till.state(),
            now_ms: desk.now_ms(),
            assortment: None,
            staff,
            clients: Arc::default(),
            tray: Vec::new(),
            sale: None,
            history: Vec::new(),
            notices: Vec::new(),
        };
        let (told, snapshots) = watch::channel(Arc::new(empty));
        let mut driver = Driver {
            desk,
            cards,
            asked,
            stop: Arc::clone(&stop),
            told,
            is_over: watch::Sender::new(false),
            staff,
            sale: None,
            client: None,
            held: None,
            fault: None,
            history: Vec::new(),
            notices: Vec::new(),
            assortment: None,
            clients: (None, Arc::default()),
            version: 0,
        };
        driver.tell();
        (driver, Staff { sender, stop, snapshots })
    }

    /// Ends it from elsewhere.
    pub fn stopper(&self) -> Stopper {
        Stopper { stop: Arc::clone(&self.stop), is_over: self.is_over.clone() }
    }

    /// Drives until it is stopped, or the terminal was withdrawn.
    pub async fn run(mut self) -> (Desk, Left) {
        let mut over = self.is_over.subscribe();
        loop {
            let left = tokio::select! {
                biased;
                _ = over.wait_for(|is_over| *is_over) => Some(Left::Quit),
                left = self.step() => left,
            };
            if let Some(left) = left {
                self.desk.till.cancel(now_ms());
                self.desk.till.set_aside();
                return (self.desk, left);
            }
        }
    }

    /// One thing that is due now. May be broken off anywhere.
    async fn step(&mut self) -> Option<Left> {
        self.desk.look_at_clock();
        let next = self.desk.till.step(now_ms());
        let goes_on = match next {
            Next::Send(request) => self.send(&request).await,
            Next::Asking { until_ms } => {
                self.stage(Stage::Asking);
                self.hear_until(until_ms).await
            }
            Next::Rest { until_ms } => {
                self.after_work();
                self.hear_until(until_ms.min(now_ms() + 1000)).await
            }
            Next::Tap(tap_for) => self.want_card(tap_for).await,
            Next::Pin { tries_left } => {
                let may_go_without = self.desk.till.may_go_without_pin();
                self.stage(Stage::Pin { tries_left, may_go_without });
                self.hear().await
            }
            Next::Ended(ended) => {
                self.ended(ended);
                true
            }
            Next::Waiting { .. } => self.hear_until(now_ms() + 10).await,
            Next::Revoked => return Some(Left::Revoked),
        };
        (!goes_on).then_some(Left::Quit)
    }

    fn is_selling(&self) -> bool {
        self.sale.as_ref().is_some_and(|sale| sale.stage != Stage::Ended)
    }

    /// Sends, and hears meanwhile: a request of a sale is broken off by its cancelling alone, any other by whatever is asked.
    async fn send(&mut self, request: &Request) -> bool {
        let is_selling = self.is_selling();
        if is_selling {
            self.stage(Stage::Working);
        }
        enum Heard {
            Reply(Result<Reply, NoAnswer>),
            Asked(Option<Asked>),
        }
        let heard = {
            let sending = Transport::send(&mut self.desk.client, request);
            tokio::pin!(sending);
            loop {
                let heard = tokio::select! {
                    reply = &mut sending => Heard::Reply(reply),
                    asked = self.asked.recv() => Heard::Asked(asked),
                };
                match heard {
                    Heard::Asked(Some(asked)) if is_selling && !matches!(asked.deed, Deed::Cancel) => {
                        let _ = asked.answer.send(Err(NotNow::Busy));
                    }
                    heard => break heard,
                }
            }
        };
        match heard {
            Heard::Reply(reply) => {
                self.desk.till.replied(request.ticket, reply, now_ms());
                if !is_selling {
                    self.after_work();
                }
                true
            }
            Heard::Asked(asked) => {
                self.desk.till.set_aside();
                self.hear_this(asked)
            }
        }
    }

    async fn hear(&mut self) -> bool {
        let asked = self.asked.recv().await;
        self.hear_this(asked)
    }

    async fn hear_until(&mut self, until_ms: u64) -> bool {
        let span = Duration::from_millis(until_ms.saturating_sub(now_ms()).max(1));
        match tokio::time::timeout(span, self.asked.recv()).await {
            Ok(asked) => self.hear_this(asked),
            Err(_) => true,
        }
    }

    /// False: nobody asks any more.
    fn hear_this(&mut self, asked: Option<Asked>) -> bool {
        let Some(Asked { deed, answer }) = asked else { return false };
        let done = self.act(deed);
        self.tell();
        // who asked and went away need not know
        let _ = answer.send(done);
        true
    }

    fn act(&mut self, deed: Deed) -> Result<(), NotNow> {
        let stage = self.sale.as_ref().map(|sale| sale.stage).filter(|stage| *stage != Stage::Ended);
        match (deed, stage) {
            // the reader heard of it before, or the sale had ended
            (Deed::Cancel, None) => Ok(()),
            (Deed::Cancel, Some(_)) => {
                self.desk.till.cancel(now_ms());
                Ok(())
            }
            (Deed::Tap(label), Some(Stage::Tap | Stage::TapOffline | Stage::TapAgain)) => self.hold(&label),
            (Deed::Pin(pin), Some(Stage::Pin { .. })) => {
                self.tap(Some(&pin));
                Ok(())
            }
            (Deed::WithoutPin, Some(Stage::Pin { may_go_without: true, .. })) => {
                self.desk.till.go_without_pin();
                Ok(())
            }
            (Deed::Sell { lines, wallet }, None) => self.sell(lines, wallet),
            (Deed::Dismiss, None) => {
                self.sale = None;
                self.notices.clear();
                Ok(())
            }
            (Deed::Void(sale), None) => self.void(sale),
            (Deed::Staff(staff), None) => {
                self.staff = staff;
                Ok(())
            }
            _ => Err(NotNow::Busy),
        }
    }

    fn sell(&mut self, lines: Vec<SaleLine>, wallet: Option<u64>) -> Result<(), NotNow> {
        if wallet.is_some() && self.staff.is_none() {
            return Err(NotNow::NeedsStaff);
        }
        // a disk that still fails is told with the sale, if it needs the disk
        let _ = self.desk.mend_journal();
        self.stop.store(false, Ordering::Relaxed);
        let buyer = wallet.map_or(Buyer::Card, Buyer::Wallet);
        let wanted = Wanted { buyer, mode: Mode::Online, staff: self.staff, lines: lines.clone() };
        self.desk.till.sell(wanted, now_ms()).map_err(|error| match error {
            TillError::Busy => NotNow::Busy,
            TillError::Revoked => NotNow::Revoked,
            error => NotNow::Failed(error.to_string()),
        })?;
        let who = wallet
            .map(|wallet| self.desk.known(&request::Client::Wallet(wallet)).unwrap_or_else(|| format!("nr. {wallet}")));
        self.client = wallet.map(request::Client::Wallet);
        (self.held, self.fault) = (None, None);
        self.sale = Some(Sale { stage: Stage::Working, who, wallet, lines, end: None });
        Ok(())
    }

    /// A card is asked for: one that lies there, one in the reader, or one that staff hold to it.
    async fn want_card(&mut self, tap_for: TapFor) -> bool {
        // the card that is to hear how it ended lies there still, or has gone
        if tap_for == TapFor::Complete {
            self.tap(None);
            return true;
        }
        self.stage(match tap_for {
            TapFor::Offline => Stage::TapOffline,
            TapFor::Again => Stage::TapAgain,
            TapFor::Online | TapFor::Complete => Stage::Tap,
        });
        // a card that went on without its PIN lies there still
        if tap_for == TapFor::Online && matches!(self.held, Some(Held::Virtual(_))) {
            self.tap(None);
            return true;
        }
        if matches!(self.cards, Cards::Tray(_)) {
            return self.hear().await;
        }
        self.await_reader(tap_for);
        true
    }

    /// Waits for a card in the reader; [`Staff::ask`] to cancel ends the waiting.
    fn await_reader(&mut self, tap_for: TapFor) {
        let Cards::Reader(options) = &self.cards else { return };
        let wanted = if tap_for == TapFor::Again { Reading::Again } else { Reading::Card };
        let opened = match self.held.take() {
            Some(Held::InReader(reader)) => Ok(reader),
            _ => PcscReader::open(options.clone(), Box::new(|_| {})).map(Box::new),
        };
        let awaited = opened.and_then(|mut reader| reader.await_card(wanted).map(|()| reader));
        match awaited {
            Ok(reader) => {
                self.held = Some(Held::InReader(reader));
                self.tap(None);
            }
            Err(fault) => {
                self.fault = Some(fault);
                self.desk.till.cancel(now_ms());
            }
        }
    }

    fn hold(&mut self, label: &str) -> Result<(), NotNow> {
        let Cards::Tray(tray) = &self.cards else { return Err(NotNow::UnknownCard) };
        let (_, path) = tray.iter().find(|(known, _)| known == label).ok_or(NotNow::UnknownCard)?;
        // its file is locked while it is held: let go of it first
        self.held = None;
        let card = CardOnFile::open(path).map_err(|error| NotNow::Failed(error.to_string()))?;
        self.client = Some(request::Client::Card(card.id));
        if let Some(sale) = &mut self.sale {
            sale.who = Some(card.label.clone());
        }
        self.held = Some(Held::Virtual(Box::new(card)));
        self.tap(None);
        Ok(())
    }

    fn tap(&mut self, pin: Option<&PinBlock>) {
        match &mut self.held {
            Some(held) => self.desk.till.tap(held.card(), pin, now_ms()),
            None => self.desk.till.no_card(now_ms()),
        }
        if let Some(card) = self.desk.till.last_card() {
            self.client = Some(request::Client::Card(card));
            // what stands on a virtual card was read; whose a card in the reader is, the till knows: another one may come second
            let name = self.desk.card_name(card);
            if let (Some(Held::InReader(_)), Some(sale)) = (&self.held, &mut self.sale) {
                sale.who = name;
            }
        }
    }

    fn ended(&mut self, ended: SaleEnded) {
        self.held = None;
        let fault = self.fault.take();
        let Some(sale) = &mut self.sale else { return };
        let (id, end) = match ended {
            SaleEnded::Answered { id, answered, card } => {
                (Some(id), End::Answered { bytes: answered.bytes, card, nonsense: answered.nonsense })
            }
            SaleEnded::Offline { id, sequence, amount_cents, .. } => {
                (Some(id), End::Offline { id, sequence, amount_cents })
            }
            SaleEnded::Refused { refusal, card, undoes } => {
                let may_go_by_name = self.desk.till.may_go_by_name(&sale.lines);
                (None, End::Refused { refusal, card, may_go_by_name, is_undone: undoes.is_some() })
            }
            SaleEnded::Problem { problem, .. } => (None, End::Problem(problem.to_string())),
            SaleEnded::Cancelled { undoes } => (None, End::Cancelled { is_undone: undoes.is_some(), fault }),
        };
        if matches!(end, End::Cancelled { is_undone: false, fault: None | Some(ReaderFault::Stopped) }) {
            // nothing came of it, and nothing is to be told: back to ringing up
            self.sale = None;
            return self.tell();
        }
        sale.stage = Stage::Ended;
        sale.end = Some(end.clone());
        if let Some(id) = id {
            let (who, client, lines) = (sale.who.clone(), self.client, sale.lines.clone());
            let at_ms = self.desk.now_ms();
            self.history.push(Past { id, at_ms, who, client, lines, end, is_voiding: false, is_voided: false });
            let more = self.history.len().saturating_sub(HISTORY_MAX);
            self.history.drain(..more);
        }
        self.tell();
    }

    fn void(&mut self, sale: Uuid) -> Result<(), NotNow> {
        let past = self.history.iter_mut().find(|past| past.id == sale && past.end.is_sold());
        let past = past.ok_or(NotNow::UnknownSale)?;
        let client = past.client.ok_or(NotNow::UnknownSale)?;
        if past.is_voiding || past.is_voided {
            return Ok(());
        }
        self.desk.till.undo(sale, client, self.staff, now_ms()).map_err(|error| match error {
            TillError::Revoked => NotNow::Revoked,
            error => NotNow::Failed(error.to_string()),
        })?;
        past.is_voiding = true;
        Ok(())
    }

    /// What was found out meanwhile, and where the till stands.
    fn after_work(&mut self) {
        for recovered in self.desk.till.take_recovered() {
            let client = match &recovered {
                Recovered::Approved { client, .. } | Recovered::Journalled { client, .. } => Some(*client),
                Recovered::Undone { .. } | Recovered::NotUndone { .. } => None,
            };
            let (Recovered::Approved { sale, .. }
            | Recovered::Journalled { sale, .. }
            | Recovered::Undone { sale }
            | Recovered::NotUndone { sale, .. }) = &recovered;
            if let Some(past) = self.history.iter_mut().find(|past| past.id == *sale) {
                past.is_voiding = false;
                past.is_voided |= matches!(recovered, Recovered::Undone { .. });
            }
            let known = client.and_then(|client| self.desk.known(&client));
            self.notices.push((recovered, known));
            let more = self.notices.len().saturating_sub(NOTICES_MAX);
            self.notices.drain(..more);
        }
        if let Err(error) = self.desk.keep_location() {
            eprintln!("firmware-sim: {error}");
        }
        self.tell();
    }

    /// A client has one name and may have several cards.
    fn clients(&mut self) -> Arc<Vec<(u64, String)>> {
        let cards = self.desk.till.cache().cards.as_ref();
        let version = cards.map(|kept| kept.document.version);
        if version != self.clients.0 {
            let entries = cards.iter().flat_map(|kept| &kept.document.cards);
            let mut clients: Vec<(u64, String)> = entries.map(|entry| (entry.wallet, entry.name.clone())).collect();
            clients.sort_by(|one, other| (&one.1, one.0).cmp(&(&other.1, other.0)));
            clients.dedup();
            self.clients = (version, Arc::new(clients));
        }
        Arc::clone(&self.clients.1)
    }

    fn stage(&mut self, stage: Stage) {
        if let Some(sale) = &mut self.sale
            && sale.stage != stage
        {
            sale.stage = stage;
            self.tell();
        }
    }

    /// Tells how things stand, if that changed: a page need not be told each second that nothing did.
    fn tell(&mut self) {
        let assortment = self.desk.till.cache().assortment();
        let version = assortment.map(|assortment| assortment.price_list.version);
        let known = self.assortment.as_ref().map(|(version, _)| *version);
        if version != known {
            self.assortment = assortment.map(|it| (it.price_list.version, Arc::new(it.clone())));
        }
        let tray = match &self.cards {
            Cards::Tray(tray) => tray.iter().map(|(label, _)| label.clone()).collect(),
            Cards::Reader(_) => Vec::new(),
        };
        let mut snapshot = Snapshot {
            version: self.version,
            terminal: self.desk.file.document.name.clone(),
            state: self.desk.till.state(),
            now_ms: self.desk.now_ms(),
            assortment: self.assortment.as_ref().map(|(_, assortment)| Arc::clone(assortment)),
            staff: self.staff,
            clients: self.clients(),
            tray,
            sale: self.sale.clone(),
            history: self.history.clone(),
            notices: self.notices.clone(),
        };
        let is_same = {
            let before = self.told.borrow();
            before.version > 0 && before.is_like(&snapshot)
        };
        if !is_same {
            self.version += 1;
            snapshot.version = self.version;
            self.told.send_replace(Arc::new(snapshot));
        }
    }
}
