//! A till's core, its journal on a disk, driven against the service over a network that does what it is told.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use card_protocol::frame::AnswerFrame;
use card_protocol::pin::PinBlock;
use firmware_sim::card::CardReader;
use firmware_sim::client::{Client as Line, NoAnswer};
use firmware_sim::clock::Clock;
use firmware_sim::files::CardOnFile;
use firmware_sim::journal::{Journal, file_disk};
use firmware_sim::random::{Random, now_ms};
use firmware_sim::request::{Mode, SaleLine};
use firmware_sim::till::{Buyer, Ended, MemoryCache, Next, Request, Setup, Till, Transport, Wanted};
use uuid::Uuid;

use crate::card::Terminal;
use crate::service::{Client, House, RESTAURANT, Serving};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    Up,
    /// Nobody listens.
    Refused,
    /// It never arrives, and nobody says so.
    Silent,
    /// It arrives, and its answer does not.
    AnswerLost,
}

pub struct Counter {
    pub till: Till,
    pub line: Line,
    pub network: Network,
    pub terminal: Terminal,
    pub store: MemoryCache,
    pub journal: PathBuf,
    /// How much this machine's clock is ahead.
    pub ahead_ms: i64,
}

/// Where no card is shown.
struct Nobody;

impl CardReader for Nobody {
    fn transmit(&mut self, _: &[u8]) -> AnswerFrame {
        panic!("nobody shows a card")
    }
}

pub fn lines(of: &[(Uuid, u32)]) -> Vec<SaleLine> {
    of.iter().map(|(service, quantity)| SaleLine { service: *service, quantity: *quantity, hold: None }).collect()
}

impl House {
    /// A virtual card of a client, on file.
    pub fn card_file(&self, client: &Client, options: &[&str]) -> PathBuf {
        let file = self.path(&format!("card-{}.json", Uuid::new_v4().simple()));
        let number = client.number.to_string();
        self.run(&[&["card", "issue", "--wallet", &number, "--out", file.to_str().unwrap()], options].concat());
        file
    }

    /// The same, in somebody's hand.
    pub fn held_card(&self, client: &Client, options: &[&str]) -> CardOnFile {
        CardOnFile::open(&self.card_file(client, options)).unwrap()
    }

    pub fn counter(&self, serving: &Serving) -> Counter {
        Counter::new(self, serving, 0)
    }

    /// Waits until all that was delivered is judged.
    pub async fn all_judged(&self) {
        for _ in 0..2_000 {
            if self.text("SELECT count(*)::text FROM forward WHERE judged_at IS NULL").await == "0" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("what was delivered is not judged");
    }
}

impl Counter {
    /// On a machine whose clock is ahead.
    pub fn new(house: &House, serving: &Serving, ahead_ms: i64) -> Self {
        let terminal = house.terminal(RESTAURANT);
        let (store, journal) = (MemoryCache::default(), house.path(&format!("journal-{}.redb", terminal.id)));
        let line = line(serving, &terminal, ahead_ms);
        let till = open(&terminal, &store, &journal, now_ms().saturating_add_signed(ahead_ms));
        Self { till, line, network: Network::Up, terminal, store, journal, ahead_ms }
    }

    pub fn now_ms(&self) -> u64 {
        now_ms().saturating_add_signed(self.ahead_ms)
    }

    /// The service listens elsewhere now.
    pub fn connect(&mut self, serving: &Serving) {
        self.line = line(serving, &self.terminal, self.ahead_ms);
        self.network = Network::Up;
        self.till.try_now();
    }

    /// The program ends and starts anew.
    pub fn restart(&mut self) {
        self.till.let_go_of_journal();
        self.till = open(&self.terminal, &self.store, &self.journal, self.now_ms());
    }

    async fn carry(&mut self, request: &Request) {
        let timed_out = NoAnswer::TimedOut(Duration::from_millis(request.timeout_ms));
        let reply = match self.network {
            Network::Up => Transport::send(&mut self.line, request).await,
            Network::Refused => Err(NoAnswer::NotSent("refused".to_owned())),
            Network::Silent => Err(timed_out),
            Network::AnswerLost => {
                Transport::send(&mut self.line, request).await.unwrap();
                Err(timed_out)
            }
        };
        if matches!(self.network, Network::Silent | Network::AnswerLost) {
            self.wait(request.timeout_ms);
        }
        self.till.replied(request.ticket, reply, self.now_ms());
    }

    /// Time passes for the till.
    pub fn wait(&mut self, span_ms: u64) {
        self.ahead_ms += i64::try_from(span_ms).unwrap();
    }

    /// Does all that is due; answers whether the terminal was withdrawn.
    pub async fn catch_up(&mut self) -> bool {
        loop {
            match self.till.step(self.now_ms()) {
                Next::Send(request) => self.carry(&request).await,
                Next::Revoked => return true,
                _ => return false,
            }
        }
    }

    /// Delivers the journal; the service must be there.
    pub async fn deliver(&mut self) {
        for _ in 0..100 {
            self.till.try_now();
            self.catch_up().await;
            let state = self.till.state();
            assert_eq!((state.stuck, state.journal_fault), (None, None));
            if state.waiting == 0 {
                return;
            }
        }
        panic!("{:?}", self.till.state());
    }

    pub async fn sell(&mut self, buyer: Buyer, of: &[(Uuid, u32)], card: Option<&mut dyn CardReader>) -> Ended {
        let wanted = Wanted { buyer, mode: Mode::Online, staff: Some(Uuid::from_u128(8)), lines: lines(of) };
        self.till.sell(wanted, self.now_ms()).unwrap();
        self.go_on(card).await
    }

    pub async fn go_on(&mut self, card: Option<&mut dyn CardReader>) -> Ended {
        match card {
            Some(card) => self.go_on_with_pin(card, None).await,
            None => self.go_on_with_pin(&mut Nobody, None).await,
        }
    }

    pub async fn go_on_with_pin(&mut self, card: &mut dyn CardReader, pin: Option<&PinBlock>) -> Ended {
        loop {
            let now_ms = self.now_ms();
            match self.till.step(now_ms) {
                Next::Send(request) => self.carry(&request).await,
                Next::Tap(_) => self.till.tap(card, None, now_ms),
                Next::Pin { .. } => self.till.tap(card, Some(pin.unwrap()), now_ms),
                Next::Asking { until_ms } => self.wait(until_ms.saturating_sub(now_ms).max(1)),
                Next::Ended(ended) => return ended,
                other => panic!("{other:?}"),
            }
        }
    }

    pub async fn sell_by_card(&mut self, card: &mut CardOnFile, of: &[(Uuid, u32)]) -> Ended {
        self.sell(Buyer::Card, of, Some(&mut card.card)).await
    }
}

pub fn line(serving: &Serving, terminal: &Terminal, ahead_ms: i64) -> Line {
    let url = format!("http://{}", serving.address);
    Line::pinned(&url, None, terminal.id, &terminal.key, Duration::from_secs(5), Clock::off_by(ahead_ms)).unwrap()
}

pub fn open(terminal: &Terminal, store: &MemoryCache, journal: &Path, now_ms: u64) -> Till {
    assert!(journal.parent().is_some_and(|folder| fs::exists(folder).unwrap()));
    let journal = Journal::open(file_disk(journal).unwrap(), terminal.id).unwrap();
    let setup = Setup::new(terminal.id, terminal.location);
    Till::open(setup, journal, Box::new(store.clone()), Box::new(Random::default()), now_ms).unwrap()
}

/// The id of what was journalled.
pub fn stored(ended: &Ended) -> Uuid {
    match ended {
        Ended::Offline { id, .. } => *id,
        other => panic!("{other:?}"),
    }
}

/// What the service decided: its outcome.
pub fn decided(ended: &Ended) -> String {
    match ended {
        Ended::Answered { answered, .. } => {
            let answer: serde_json::Value = serde_json::from_slice(&answered.bytes).unwrap();
            match answer["reason"].as_str() {
                Some(reason) => reason.to_owned(),
                None => answer["outcome"].as_str().unwrap().to_owned(),
            }
        }
        other => panic!("{other:?}"),
    }
}
