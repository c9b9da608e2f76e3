//! One run: from a seed, step by step, until something does not fit or all is quiet and compared.

mod basket;
mod ending;
mod office_hours;
mod other_maker;
mod shop;
mod theft;
mod weather;

use std::fmt;

use uuid::Uuid;

use super::bare::Bare;
use super::clock::WorldClock;
use super::counter::Counter;
use super::dice::Dice;
use super::handover::Handovers;
use super::network::{Network, Sabotage};
use super::office::Office;
use super::plastic::Plastic;
use super::world::World;
use crate::till::Faults;

/// What to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Everything that happens follows from it.
    pub seed: u64,
    /// How much happens.
    pub steps: usize,
    /// What is wrong with tills and cards, to see that it is found.
    pub faults: Faults,
    /// What is wrong with the service, to see that it is found.
    pub sabotage: Sabotage,
    /// Tells everything that happens, on standard error.
    pub is_loud: bool,
}

/// What did not fit.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Of the run.
    pub seed: u64,
    /// How many steps it was to have.
    pub steps: usize,
    /// At which it failed.
    pub step: usize,
    /// What was expected and what was found.
    pub what: String,
    /// What happened lately, oldest first.
    pub events: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} fails at step {}: {}", self.seed, self.step, self.what)?;
        writeln!(f, "  what happened before, oldest first:")?;
        write!(f, "    {}", self.events.join("\n    "))
    }
}

/// What a run that holds has seen.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many requests reached the service.
    pub delivered: usize,
    /// How often each outcome, leg, problem and event came.
    pub seen: std::collections::BTreeMap<String, usize>,
}

/// A run under way.
pub struct Run<'a, O> {
    world: &'a World,
    office: &'a mut O,
    network: Network,
    dice: Dice,
    cards: Vec<Plastic>,
    counters: Vec<Counter>,
    /// A machine of another maker, without a journal.
    machine: Bare,
    handovers: Handovers,
    /// Sales of which the machine does not know how they ended: terminal, sale, client.
    open: Vec<(Uuid, Uuid, serde_json::Value)>,
    thief: theft::Thief,
    /// Refunds that were not answered: terminal, sale, line, quantity.
    refunds: Vec<(Uuid, Uuid, usize, u32, crate::till::Request)>,
    /// What tills approved offline by card: terminal, record, card, cents.
    offline: Vec<(Uuid, u64, Uuid, u64)>,
    /// The office has told the cards of their next keys.
    has_rotated: bool,
    seen: std::collections::BTreeMap<String, usize>,
}

/// What happens in a step.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Sell,
    SellByName,
    MachineSells,
    Undo,
    Refund,
    Weather,
    TimePasses,
    LongTimePasses,
    ClockJumps,
    PowerFails,
    ProgramKilled,
    Work,
    Block,
    Steal,
    Thieve,
    Revoke,
    Forge,
    RotateKeys,
    Move,
}

const DEEDS: &[(usize, Deed)] = &[
    (420, Deed::Sell),
    (50, Deed::SellByName),
    (90, Deed::MachineSells),
    (40, Deed::Undo),
    (50, Deed::Refund),
    (70, Deed::Weather),
    (90, Deed::TimePasses),
    (12, Deed::LongTimePasses),
    (8, Deed::ClockJumps),
    (40, Deed::PowerFails),
    (15, Deed::ProgramKilled),
    (60, Deed::Work),
    (12, Deed::Block),
    (6, Deed::Steal),
    (35, Deed::Thieve),
    (4, Deed::Revoke),
    (12, Deed::Forge),
    (8, Deed::RotateKeys),
    (6, Deed::Move),
];

/// Runs one seed.
///
/// # Errors
/// [`Failure`].
pub async fn run<O: Office>(world: &World, office: &mut O, settings: Settings) -> Result<Tally, Box<Failure>> {
    let failed = |step: usize, what: String, events: Vec<String>| {
        Box::new(Failure { seed: settings.seed, steps: settings.steps, step, what, events })
    };
    let mut run = Run::new(world, office, settings).map_err(|what| failed(0, what, Vec::new()))?;
    let outcome = run.all(settings.steps).await;
    let what = run.network.failure().cloned().map_or(outcome, Err);
    let story = &run.network.story;
    what.map_err(|what| failed(story.step(), what, story.events()))?;
    let mut seen = run.seen;
    seen.extend(run.network.model.tally().clone());
    Ok(Tally { delivered: run.network.delivered(), seen })
}

impl<'a, O: Office> Run<'a, O> {
    fn new(world: &'a World, office: &'a mut O, settings: Settings) -> Result<Self, String> {
        let Settings { seed, faults, sabotage, .. } = settings;
        let clock = WorldClock::default();
        let mut network = Network::new(world, clock, Dice::new(seed, 1)).map_err(|error| error.to_string())?;
        network.sabotage = sabotage;
        network.story.is_loud = settings.is_loud;
        let mut cards = Vec::with_capacity(world.cards.len());
        for card in &world.cards {
            let mut plastic = Plastic::new(card.file.clone())?;
            plastic.forgets_torn_taps = faults.card_reuses_counter;
            cards.push(plastic);
        }
        let Some((machine, tills)) = world.terminals.split_last() else { return Err("no terminals".to_owned()) };
        let mut counters = Vec::with_capacity(tills.len());
        for (purpose, till) in (10..).zip(tills) {
            counters.push(Counter::new(
                till.terminal,
                till.location,
                faults,
                Dice::new(seed, purpose),
                clock.now_ms(),
            )?);
        }
        Ok(Self {
            world,
            office,
            network,
            dice: Dice::new(seed, 2),
            cards,
            counters,
            machine: Bare { terminal: machine.terminal, location: machine.location, sequence: 0 },
            handovers: Handovers::default(),
            open: Vec::new(),
            thief: theft::Thief::default(),
            refunds: Vec::new(),
            offline: Vec::new(),
            has_rotated: false,
            seen: std::collections::BTreeMap::new(),
        })
    }

    async fn all(&mut self, steps: usize) -> Result<(), String> {
        self.open_shop().await?;
        for step in 1..=steps {
            self.network.story.begin(step);
            self.step().await?;
            self.network.bring_late(false).await;
            self.hear_recovered()?;
            self.look_at_cards();
            self.look_at_tills();
            if self.network.failure().is_some() {
                return Ok(());
            }
        }
        self.network.story.begin(steps + 1);
        self.end().await
    }

    async fn step(&mut self) -> Result<(), String> {
        // a few seconds between two things
        self.network.clock.pass(1000 + 100 * u64::try_from(self.dice.below(300)).unwrap_or(0));
        let Some(deed) = self.dice.weighed(DEEDS) else { return Ok(()) };
        match deed {
            Deed::Sell => self.sell().await,
            Deed::SellByName => self.sell_by_name().await,
            Deed::MachineSells => self.machine_sells().await,
            Deed::Undo => self.undo().await,
            Deed::Refund => self.refund().await,
            Deed::Weather => {
                self.change_weather();
                Ok(())
            }
            Deed::TimePasses => self.time_passes().await,
            Deed::LongTimePasses => self.long_time_passes().await,
            Deed::ClockJumps => {
                self.clock_jumps();
                Ok(())
            }
            Deed::PowerFails => self.power_fails(),
            Deed::ProgramKilled => self.program_killed(),
            Deed::Work => self.work().await,
            Deed::Block => self.block().await,
            Deed::Steal => self.steal(),
            Deed::Thieve => self.thieve().await,
            Deed::Revoke => self.revoke().await,
            Deed::Forge => self.forge().await,
            Deed::RotateKeys => self.rotate_keys().await,
            Deed::Move => self.move_terminal().await,
        }
    }

    fn see(&mut self, what: impl Into<String>) {
        *self.seen.entry(what.into()).or_default() += 1;
    }

    /// What cards went through in a hand.
    fn look_at_cards(&mut self) {
        for what in self.cards.iter_mut().flat_map(Plastic::take_noticed) {
            *self.seen.entry(what.to_owned()).or_default() += 1;
        }
    }

    /// Where tills hear that they stand.
    fn look_at_tills(&mut self) {
        for counter in &mut self.counters {
            if counter.hears_of_move() {
                *self.seen.entry("till heard that it was moved".to_owned()).or_default() += 1;
            }
        }
    }

    fn note(&mut self, what: impl Into<String>) {
        self.network.story.note(what);
    }
}
