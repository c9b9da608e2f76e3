//! What a till promises, over a stand-in for the service, a disk in memory and a network that does what it is told.

use std::sync::atomic::Ordering;

use card_protocol::Secret;
use card_protocol::frame::AnswerFrame;
use card_protocol::keys::ScriptKey;
use card_protocol::pin::PinBlock;
use card_protocol::script::{Change, Script};

use super::*;
use crate::answer::Outcome;
use crate::card::{Card, CardReader, Fleeting};
use crate::fake_service::Book;
use crate::files::CardFile;
use crate::files::tests::card_json;
use crate::hex;
use crate::journal::{Broken, MemoryDisk};
use crate::random::Seeded;

mod crash;
mod forwarding;
mod offline;
mod online;

/// 25 November 2026, 12:00 UTC.
const NOON_MS: u64 = 1_795_608_000_000;
const HERE: Uuid = Uuid::from_bytes([1; 16]);

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Network {
    Up,
    /// Nobody listens.
    Refused,
    /// It never arrives, and nobody says so.
    Silent,
    /// It arrives, and its answer does not.
    AnswerLost,
}

struct World {
    book: Book,
    disk: MemoryDisk,
    store: MemoryCache,
    till: Till,
    network: Network,
    now_ms: u64,
    /// Of every request.
    sent: Vec<Request>,
}

fn open(disk: &MemoryDisk, store: &MemoryCache, now_ms: u64) -> Till {
    let journal = Journal::open(disk.backend(), HERE).unwrap();
    let setup = Setup::new(HERE, HERE);
    Till::open(setup, journal, Box::new(store.clone()), Box::new(Seeded::new(now_ms)), now_ms).unwrap()
}

fn card(tag: u8) -> Card<Fleeting> {
    let limits = r#""limits":{"tap_cents":9000,"total_cents":90000,"count":200},"state""#;
    let file: CardFile = serde_json::from_str(&card_json(tag).replace("\"state\"", limits)).unwrap();
    file.fleeting().unwrap()
}

fn pin_card(tag: u8) -> Card<Fleeting> {
    let limits = r#""pin":"1234","limits":{"tap_cents":9000,"total_cents":90000,"count":200},"state""#;
    let file: CardFile = serde_json::from_str(&card_json(tag).replace("\"state\"", limits)).unwrap();
    file.fleeting().unwrap()
}

fn line(tag: u8, quantity: u32) -> SaleLine {
    SaleLine { service: Uuid::from_bytes([tag; 16]), quantity, hold: None }
}

fn wanted(buyer: Buyer, lines: &[SaleLine]) -> Wanted {
    Wanted { buyer, mode: Mode::Online, staff: Some(Uuid::from_bytes([8; 16])), lines: lines.to_vec() }
}

impl World {
    /// A till that has heard the service, and knows all it must.
    fn new() -> Self {
        let (disk, store) = (MemoryDisk::default(), MemoryCache::default());
        let till = open(&disk, &store, NOON_MS);
        let book = Book::default();
        book.price_list.store(3, Ordering::Relaxed);
        let mut world = Self { book, disk, store, till, network: Network::Up, now_ms: NOON_MS, sent: Vec::new() };
        world.rest(100);
        assert!(world.till.cache().offline().is_some());
        world
    }

    fn carry(&mut self, request: &Request) {
        self.sent.push(request.clone());
        let time_ms = self.now_ms.saturating_add_signed(self.book.clock_ahead_ms.load(Ordering::Relaxed));
        self.book.time_ms.store(time_ms, Ordering::Relaxed);
        let timed_out = NoAnswer::TimedOut(std::time::Duration::from_millis(request.timeout_ms));
        let reply = match self.network {
            Network::Up => Ok(self.book.reply(request)),
            Network::Refused => Err(NoAnswer::NotSent("refused".to_owned())),
            Network::Silent => Err(timed_out),
            Network::AnswerLost => {
                self.book.reply(request);
                Err(timed_out)
            }
        };
        self.now_ms +=
            if matches!(self.network, Network::Silent | Network::AnswerLost) { request.timeout_ms } else { 1 };
        self.till.replied(request.ticket, reply, self.now_ms);
    }

    /// Goes on for so long; no sale may be under way.
    fn rest(&mut self, span_ms: u64) {
        let until = self.now_ms + span_ms;
        while self.now_ms < until {
            match self.till.step(self.now_ms) {
                Next::Send(request) => self.carry(&request),
                Next::Rest { until_ms } => self.now_ms = until_ms.clamp(self.now_ms + 1, until),
                Next::Revoked => return,
                other => panic!("{other:?}"),
            }
        }
    }

    /// Sells; the card is held to the till whenever it is asked for.
    fn sell(&mut self, wanted: Wanted, card: &mut dyn CardReader) -> Ended {
        self.till.sell(wanted, self.now_ms).unwrap();
        self.go_on(card, None)
    }

    fn go_on(&mut self, card: &mut dyn CardReader, pin: Option<&PinBlock>) -> Ended {
        loop {
            match self.till.step(self.now_ms) {
                Next::Send(request) => self.carry(&request),
                Next::Tap(_) => self.till.tap(card, None, self.now_ms),
                Next::Pin { .. } => self.till.tap(card, Some(pin.unwrap()), self.now_ms),
                Next::Asking { until_ms } => self.now_ms = until_ms.max(self.now_ms),
                Next::Ended(ended) => return ended,
                other => panic!("{other:?}"),
            }
        }
    }

    fn sell_by_card(&mut self, tag: u8, lines: &[SaleLine]) -> Ended {
        self.sell(wanted(Buyer::Card, lines), &mut card(tag))
    }

    /// The program ends, or dies, and starts anew.
    fn restart(&mut self) {
        self.disk.program_killed();
        self.till = open(&self.disk, &self.store, self.now_ms);
    }

    fn cut_off(network: Network) -> Self {
        let mut world = Self::new();
        world.network = network;
        world
    }

    /// Finds out that the service is away.
    fn cut_off_and_known() -> Self {
        let mut world = Self::cut_off(Network::Refused);
        world.rest(61_000);
        assert!(matches!(world.till.state().link, Link::Away { .. }));
        world
    }

    fn posts(&self, path: &str) -> usize {
        self.sent.iter().filter(|request| request.path == path).count()
    }
}

fn refusal(ended: Ended) -> Refusal {
    match ended {
        Ended::Refused { refusal, .. } => refusal,
        other => panic!("{other:?}"),
    }
}

fn offline_id(ended: &Ended) -> Uuid {
    match ended {
        Ended::Offline { id, .. } => *id,
        other => panic!("{other:?}"),
    }
}

/// A card that is pulled away before the answer to its n-th command comes.
struct Torn<'a> {
    card: &'a mut Card<Fleeting>,
    left: usize,
    /// The command arrives, and its answer does not.
    after: bool,
}

impl CardReader for Torn<'_> {
    fn transmit(&mut self, command: &[u8]) -> AnswerFrame {
        if self.left == 0 {
            if self.after {
                self.card.transmit(command);
            }
            self.card.leave_field();
            return card_protocol::frame::torn();
        }
        self.left -= 1;
        self.card.transmit(command)
    }
}
