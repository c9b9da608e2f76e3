//! Many terminals and cards at once: taps on a schedule, counted and measured.
//!
//! Each card belongs to one terminal, and each terminal makes one tap at a time. Terminals are spread over threads that
//! share nothing but a few flags. Counters were reserved on disk before the first tap, and the true ones are written at the
//! end, so that whatever ends the fleet no counter is used twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::card::CardState;
use crate::client::{AddressError, Client};
use crate::clock::Clock;
use crate::files::{FileError, FleetFolder};
use crate::give_up::{StopAsking, give_up};
use crate::price_list::NotFound;
use crate::random::Seeded;
use crate::seal::SealError;
use crate::terminal::{ReadError, Terminal};
use crate::till_screen::Screen;

mod histogram;
mod pace;
mod statistics;
mod till;

pub use histogram::Histogram;
pub use pace::Rate;
pub use statistics::{Check, Counts, Latency, Report, Statistics};
use till::{FleetCard, REMEMBERED_MAX, Shared, Till};

/// Threads that run terminals.
const THREADS: usize = 2;

/// Why a fleet cannot run.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum FleetError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    NotFound(#[from] NotFound),
    #[error("{terminal} cannot read what is sold: {error}")]
    Read { terminal: String, error: Box<ReadError> },
    #[error("nothing that is sold has a price")]
    NothingSold,
    #[error("the folder has {here} {what}, and {asked} were asked for")]
    TooFew { what: &'static str, here: usize, asked: usize },
    #[error("{terminals} terminals need {terminals} cards or more: a card is on one terminal at a time")]
    CardsPerTerminal { terminals: usize },
    #[error("a terminal's work ended early: {0}; its cards keep their raised counters")]
    Broken(String),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What a fleet does.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many terminals of the folder.
    pub terminals: usize,
    /// How many cards of the folder.
    pub cards: usize,
    /// Taps a second, of all together.
    pub rate: Rate,
    /// How long taps are taken.
    pub span: Duration,
    /// How long it is asked afterwards how the last ones ended.
    pub settle_span: Duration,
    /// How long one request may take.
    pub timeout: Duration,
    /// The same seed makes the same baskets.
    pub seed: u64,
    /// Instead of random baskets.
    pub basket: Vec<(String, u32)>,
    /// What random baskets are made of; of all that has a price, if empty.
    pub menu: Vec<String>,
    /// Whether every sale is asked for again at the end.
    pub check: bool,
    /// Instead of the address in the terminals' files.
    pub service: Option<String>,
    /// Whether a line is shown for each sale.
    pub live: Option<Screen>,
}

/// Sees a fleet at work.
pub trait Watcher: Send + Sync {
    /// A sale ended.
    fn live(&self, line: &str);
    /// So far: taps that ended, and the part of the time that is over, in thousandths.
    fn progress(&self, taps: u64, permille: u64);
    /// What the fleet does now.
    fn phase(&self, phase: Phase);
}

/// What a fleet does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Phase {
    Reserving,
    Tapping,
    Settling,
    Checking,
    Writing,
}

/// Tells a fleet to take no further taps.
#[derive(Clone, Debug)]
pub struct Stop {
    flag: Arc<AtomicBool>,
    sender: Arc<watch::Sender<bool>>,
}

impl Default for Stop {
    fn default() -> Self {
        Self { flag: Arc::default(), sender: Arc::new(watch::channel(false).0) }
    }
}

impl Stop {
    /// Takes no further taps.
    pub fn set(&self) {
        self.flag.store(true, Ordering::Relaxed);
        self.sender.send_replace(true);
    }

    /// Whether it was told.
    pub fn is_set(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    /// Waits until it is told.
    pub async fn told(&self) {
        let mut receiver = self.sender.subscribe();
        // the sender lives as long as this borrow
        let _ = receiver.wait_for(|told| *told).await;
    }
}

/// Runs a fleet to its end.
///
/// # Errors
/// [`FleetError`]. What was counted is lost; no counter is used twice.
pub async fn run(
    folder: &mut FleetFolder,
    plan: &Plan,
    stop: &Stop,
    watcher: &Arc<dyn Watcher>,
) -> Result<Report, FleetError> {
    let enough = |what, here: usize, asked: usize| {
        if here < asked { Err(FleetError::TooFew { what, here, asked }) } else { Ok(()) }
    };
    enough("terminals", folder.terminals.len(), plan.terminals)?;
    enough("cards", folder.cards.len(), plan.cards)?;
    if plan.cards < plan.terminals {
        return Err(FleetError::CardsPerTerminal { terminals: plan.terminals });
    }
    let (stop_asking, give_up) = give_up();
    let now = Instant::now();
    let shared = Shared {
        start: now,
        end: now,
        stop: stop.clone(),
        give_up,
        basket: plan.basket.clone().into(),
        menu: plan.menu.clone().into(),
        remembers: plan.check.then(|| REMEMBERED_MAX / plan.terminals.max(1)),
        answered: Arc::default(),
        screen: plan.live,
        watcher: Arc::clone(watcher),
    };
    let mut tills = tills(folder, plan, &shared)?;
    for till in &mut tills {
        till.begin().await?;
    }
    watcher.phase(Phase::Reserving);
    folder.reserve(plan.terminals, plan.cards)?;
    for till in &mut tills {
        till.reserve_from(folder);
    }
    watcher.phase(Phase::Tapping);
    let start = Instant::now();
    let end = start + plan.span;
    tills.iter_mut().for_each(|till| (till.shared.start, till.shared.end) = (start, end));
    let workers = spread(tills, |till| Box::pin(till.run()));
    until_done(&workers, start, plan, stop, &stop_asking, &shared, watcher).await;
    let took = start.elapsed();
    let (mut tills, mut broken) = gather(workers);
    if plan.check && !tills.is_empty() {
        watcher.phase(Phase::Checking);
        let workers = spread(tills, |till| Box::pin(till.check()));
        while !workers.iter().all(thread::JoinHandle::is_finished) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (checked, broken_too) = gather(workers);
        tills = checked;
        broken = broken.or(broken_too);
    }
    watcher.phase(Phase::Writing);
    let mut counted = Statistics::default();
    for till in tills {
        counted.merge(&till.counted);
        till.give_back(folder);
    }
    folder.write(plan.terminals, plan.cards)?;
    match broken {
        Some(broken) => Err(FleetError::Broken(broken)),
        None => Ok(Report::new(plan.terminals, plan.cards, took, plan.check, counted)),
    }
}

/// Terminals with their cards, not connected yet.
fn tills(folder: &FleetFolder, plan: &Plan, shared: &Shared) -> Result<Vec<Till>, FleetError> {
    let mut tills = Vec::with_capacity(plan.terminals);
    for (number, file) in folder.terminals.iter().take(plan.terminals).enumerate() {
        let service = plan.service.as_deref().unwrap_or(&file.service);
        let (key, ca) = (file.open_key(folder.path())?, file.ca.as_deref());
        let clock = Clock::after(file.clock_confirmed_ms);
        let client = Client::pinned(service, ca, file.terminal, key.expose(), plan.timeout, clock)?;
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        tills.push(Till {
            number,
            name: file.name.clone(),
            terminal: Terminal::new(file.terminal, file.location, file.sequence, client),
            cards: Vec::new(),
            pace: pace::Pace::new(plan.rate, wide(number), wide(plan.terminals)),
            seeded: Seeded::new(plan.seed.wrapping_add(wide(number).wrapping_mul(0x9e37_79b9))),
            counted: Statistics::default(),
            remembered: Vec::new(),
            sequence_reserved: 0,
            fixed: Vec::new(),
            menu: Vec::new(),
            shared: shared.clone(),
        });
    }
    for (number, file) in folder.cards.iter().take(plan.cards).enumerate() {
        let (Some(card), Some(till)) = (file.fleeting(), tills.get_mut(number % plan.terminals.max(1))) else {
            continue;
        };
        till.cards.push(FleetCard { number, label: file.label.clone(), card, reserved: 0, is_aside: false });
    }
    Ok(tills)
}

impl Till {
    /// May use the counters up to those that stand in the folder now.
    fn reserve_from(&mut self, folder: &FleetFolder) {
        self.sequence_reserved = folder.terminals.get(self.number).map_or(0, |file| file.sequence);
        for card in &mut self.cards {
            card.reserved = folder.cards.get(card.number).map_or(0, |file| file.current_state().counter);
        }
    }

    /// Puts the true counters back.
    fn give_back(self, folder: &mut FleetFolder) {
        if let Some(file) = folder.terminals.get_mut(self.number) {
            file.sequence = self.terminal.sequence();
        }
        for card in self.cards {
            if let Some(file) = folder.cards.get_mut(card.number) {
                let state: CardState = *card.card.state();
                file.state = Some(state);
            }
        }
    }
}

type Work = std::pin::Pin<Box<dyn Future<Output = Till> + Send>>;
type Worker = thread::JoinHandle<Result<(Vec<Till>, Option<String>), std::io::Error>>;

/// Runs each terminal as a task, on a few threads that wait for nobody else.
fn spread(tills: Vec<Till>, work: fn(Till) -> Work) -> Vec<Worker> {
    let mut shares: Vec<Vec<Till>> = (0..THREADS).map(|_| Vec::new()).collect();
    for (number, till) in tills.into_iter().enumerate() {
        if let Some(share) = shares.get_mut(number % THREADS) {
            share.push(till);
        }
    }
    let run = move |share: Vec<Till>| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(async move {
            let tasks: Vec<_> = share.into_iter().map(|till| tokio::spawn(work(till))).collect();
            let (mut tills, mut broken) = (Vec::new(), None);
            for task in tasks {
                match task.await {
                    Ok(till) => tills.push(till),
                    Err(error) => broken = Some(error.to_string()),
                }
            }
            (tills, broken)
        }))
    };
    shares.into_iter().map(|share| thread::spawn(move || run(share))).collect()
}

/// Waits for the threads; tells those who still ask when it is over.
async fn until_done(
    workers: &[Worker],
    start: Instant,
    plan: &Plan,
    stop: &Stop,
    stop_asking: &StopAsking,
    shared: &Shared,
    watcher: &Arc<dyn Watcher>,
) {
    let mut is_settling = false;
    let span_ms = plan.span.as_millis().max(1);
    while !workers.iter().all(thread::JoinHandle::is_finished) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let permille = u64::try_from(start.elapsed().as_millis() * 1000 / span_ms).unwrap_or(1000);
        watcher.progress(taps_of(&shared.answered), permille.min(1000));
        if !is_settling && (stop.is_set() || start.elapsed() >= plan.span) {
            is_settling = true;
            stop_asking.stop_after(plan.settle_span);
            watcher.phase(Phase::Settling);
        }
    }
}

fn taps_of(answered: &AtomicU64) -> u64 {
    answered.load(Ordering::Relaxed)
}

/// The terminals that came back, and what went wrong with another.
fn gather(workers: Vec<Worker>) -> (Vec<Till>, Option<String>) {
    let (mut tills, mut broken) = (Vec::new(), None);
    for worker in workers {
        match worker.join() {
            Ok(Ok((share, wrong))) => {
                tills.extend(share);
                broken = broken.or(wrong);
            }
            Ok(Err(error)) => broken = Some(error.to_string()),
            Err(_) => broken = Some("a thread ended early".to_owned()),
        }
    }
    (tills, broken)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
