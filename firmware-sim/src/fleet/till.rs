//! One terminal of a fleet, with the cards that are tapped on it alone.

use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::body::Bytes;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use super::pace::Pace;
use super::statistics::Statistics;
use super::{FleetError, Stop, Watcher};
use crate::answer::Answer;
use crate::card::{Card, Fleeting};
use crate::give_up::GiveUp;
use crate::random::Seeded;
use crate::request::{Mode, Payer, SaleLine};
use crate::settling::Ended;
use crate::terminal::{Order, ReadError, Terminal, complete};
use crate::till_screen::{Screen, Shown};

/// Sales that one fleet remembers for the check at its end.
pub(super) const REMEMBERED_MAX: usize = 8_000_000;

/// Lines of a basket are at most this many.
const BASKET_MAX: usize = 3;

/// How often a sale is asked for again before it counts as unchecked.
const CHECK_TRIES: u32 = 3;

/// A card of the fleet.
#[derive(Debug)]
pub(super) struct FleetCard {
    /// Its place in the folder.
    pub number: usize,
    pub label: String,
    pub card: Card<Fleeting>,
    /// The last counter that was reserved.
    pub reserved: u32,
    /// It signs no more.
    pub is_aside: bool,
}

/// What all terminals of a fleet share.
#[derive(Clone)]
pub(super) struct Shared {
    pub start: Instant,
    pub end: Instant,
    pub stop: Stop,
    pub give_up: GiveUp,
    pub basket: Arc<[(String, u32)]>,
    pub menu: Arc<[String]>,
    pub remembers: Option<usize>,
    pub answered: Arc<AtomicU64>,
    pub screen: Option<Screen>,
    pub watcher: Arc<dyn Watcher>,
}

/// A terminal with its cards.
pub(super) struct Till {
    /// Its place in the folder.
    pub number: usize,
    pub name: String,
    pub terminal: Terminal,
    pub cards: Vec<FleetCard>,
    pub pace: Pace,
    pub seeded: Seeded,
    pub counted: Statistics,
    pub remembered: Vec<(Uuid, u64)>,
    pub sequence_reserved: u64,
    /// The basket's lines, if it is a fixed one.
    pub fixed: Vec<SaleLine>,
    /// What its random baskets are made of.
    pub menu: Vec<Uuid>,
    pub shared: Shared,
}

fn fingerprint(bytes: &Bytes) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

impl Till {
    /// Reads what is sold; once for each terminal, before the clock starts.
    pub async fn begin(&mut self) -> Result<(), FleetError> {
        let (name, basket, menu) = (self.name.clone(), Arc::clone(&self.shared.basket), Arc::clone(&self.shared.menu));
        let read = |error| FleetError::Read { terminal: name, error: Box::new(error) };
        let assortment = self.terminal.refresh().await.map_err(read)?;
        for (item, quantity) in basket.iter() {
            self.fixed.push(SaleLine { service: assortment.find(item)?.id, quantity: *quantity, hold: None });
        }
        assortment.greatest_cents(&self.fixed)?;
        if assortment.price_list.prices.is_empty() {
            return Err(FleetError::NothingSold);
        }
        for item in menu.iter() {
            self.menu.push(assortment.find(item)?.id);
        }
        if self.menu.is_empty() {
            self.menu.extend(assortment.price_list.prices.iter().map(|price| price.service));
        }
        Ok(())
    }

    /// Taps until the end.
    pub async fn run(mut self) -> Self {
        let mut order =
            Order { mode: Mode::Online, staff: None, lines: Vec::new(), claimed_price_list: None, signs_less: false };
        let mut before = self.pace;
        loop {
            let due = self.pace.next().map(|due| self.shared.start + due);
            if !self.wait_until_due(due).await || self.cards.is_empty() {
                break;
            }
            before = self.pace;
            self.fill(&mut order.lines);
            if order.lines.is_empty() || !self.tap(&order, due.unwrap_or_else(Instant::now)).await {
                break;
            }
        }
        // the one that was not taken is not before the end, or the fleet was told to stop
        if !self.shared.stop.is_set() {
            self.counted.missed = before.missed(self.shared.end - self.shared.start);
        }
        self.counted.reconnects = self.terminal.client().reconnects();
        self
    }

    /// False if there is no further tap.
    async fn wait_until_due(&mut self, due: Option<Instant>) -> bool {
        if let Some(due) = due
            && due > Instant::now()
        {
            let until = due.min(self.shared.end);
            tokio::select! {
                () = sleep_until(until) => {}
                () = self.shared.stop.told() => return false,
            }
        }
        !self.shared.stop.is_set() && Instant::now() < self.shared.end
    }

    /// A basket: the fixed one, or 1 to 3 services of the menu.
    fn fill(&mut self, lines: &mut Vec<SaleLine>) {
        lines.clear();
        if !self.fixed.is_empty() {
            lines.extend_from_slice(&self.fixed);
            return;
        }
        for _ in 0..=self.seeded.below(BASKET_MAX) {
            if let Some(&service) = self.menu.get(self.seeded.below(self.menu.len()))
                && !lines.iter().any(|line| line.service == service)
            {
                let quantity = 1 + u32::from(self.seeded.below(5) == 0);
                lines.push(SaleLine { service, quantity, hold: None });
            }
        }
    }

    /// One tap, to its end. False if the till can go on no longer.
    async fn tap(&mut self, order: &Order, due: Instant) -> bool {
        let Some(chosen) = self.choose() else { return false };
        let Some(card) = self.cards.get_mut(chosen) else { return false };
        if card.card.state().counter >= card.reserved || self.terminal.sequence() >= self.sequence_reserved {
            self.put_aside(chosen, "the reserve of counters is spent; start the fleet again");
            return true;
        }
        let written = self.terminal.tap(&mut card.card, order).and_then(|tap| {
            let payer = Payer::Card(tap);
            self.terminal.sale(order, &payer)
        });
        let attempt = match written {
            Ok(attempt) => attempt,
            Err(error) => {
                self.put_aside(chosen, &error.to_string());
                return true;
            }
        };
        let settled = self.terminal.settle(&attempt, &mut self.shared.give_up).await;
        self.counted.ended(&settled, due.elapsed());
        self.shared.answered.fetch_add(1, Ordering::Relaxed);
        let Ended::Answered(answered) = &settled.ended else {
            // a service that refuses everything is not asked as fast as it refuses
            sleep(Duration::from_millis(10)).await;
            return true;
        };
        if let Some(answer) = answered.for_card
            && let Some(card) = self.cards.get_mut(chosen)
            && let Err(error) = complete(&mut card.card, answer, answered.script)
        {
            self.counted.makes_no_sense(&format!("the card does not believe the answer: {error}"));
        }
        if let Some(limit) = self.shared.remembers {
            if self.remembered.len() < limit {
                self.remembered.push((attempt.asked.id, fingerprint(&answered.bytes)));
            } else {
                self.counted.unchecked += 1;
            }
        }
        self.show(order, chosen, &answered.bytes);
        if answered.wants_new_prices
            && let Err(error) = self.terminal.refresh().await
        {
            self.counted.example(&error.to_string());
        }
        true
    }

    /// Any card that still signs.
    fn choose(&mut self) -> Option<usize> {
        let first = self.seeded.below(self.cards.len());
        let in_turn = (first..self.cards.len()).chain(0..first);
        in_turn.into_iter().find(|number| self.cards.get(*number).is_some_and(|card| !card.is_aside))
    }

    /// A card that declines by itself does so until someone looks at it.
    fn put_aside(&mut self, chosen: usize, error: &str) {
        self.counted.card_refused(error);
        if let Some(card) = self.cards.get_mut(chosen) {
            card.is_aside = true;
        }
    }

    fn show(&self, order: &Order, chosen: usize, bytes: &Bytes) {
        let (Some(screen), Some(card)) = (self.shared.screen, self.cards.get(chosen)) else { return };
        if let Ok(answer) = Answer::read(bytes) {
            let shown = Shown {
                terminal: &self.name,
                client: &card.label,
                lines: &order.lines,
                assortment: self.terminal.assortment(),
                answer: &answer,
            };
            self.shared.watcher.live(&screen.live(&shown));
        }
    }

    /// Asks for every remembered sale again: it must be there, with the same bytes.
    pub async fn check(mut self) -> Self {
        for (id, expected) in std::mem::take(&mut self.remembered) {
            let mut tries = 1;
            loop {
                match self.terminal.ask(id).await {
                    Ok(bytes) if fingerprint(&bytes) == expected => self.counted.checked += 1,
                    Ok(_) => self.counted.changed += 1,
                    Err(ReadError::Problem(problem)) if problem.status == 404 => self.counted.lost += 1,
                    Err(error) if tries == CHECK_TRIES => {
                        self.counted.unchecked += 1;
                        self.counted.example(&error.to_string());
                    }
                    Err(_) => {
                        tries += 1;
                        continue;
                    }
                }
                break;
            }
        }
        self
    }
}
