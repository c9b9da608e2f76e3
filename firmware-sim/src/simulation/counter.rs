//! A till as it stands in the shop: with its disk, its clock and its power, each of which can fail, and staff before it.

use card_protocol::frame::Instruction;
use card_protocol::pin::PinBlock;
use uuid::Uuid;

use super::dice::Dice;
use super::network::{Network, Sent};
use super::plastic::{Plastic, Tear};
use crate::answer::Outcome;
use crate::client::NoAnswer;
use crate::journal::{Broken, Journal, MemoryDisk};
use crate::random::Seeded;
use crate::request::Client;
use crate::till::{CardTold, Ended, Faults, MemoryCache, Next, Recovered, Request, Setup, TapFor, Till, Wanted};

/// More steps than any sale takes.
const STEPS_MAX: usize = 400;

/// Who buys, and how patient they are.
#[derive(Debug)]
pub struct Customer<'a> {
    /// The card, if one is brought.
    pub card: Option<&'a mut Plastic>,
    /// What is typed when a PIN is asked for; none: the customer does not know it.
    pub pin: Option<PinBlock>,
    /// The first tap, or the first COMPLETE, is torn so.
    pub tear: Option<(Instruction, Tear)>,
    /// How often it is waited for an answer before staff cancel.
    pub patience: usize,
    /// Walks away before the card hears how it ended.
    pub leaves_early: bool,
    /// Does not tap again when asked to.
    pub taps_once: bool,
}

/// How a sale ended for staff.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Sold {
    Ended(Ended),
    /// The power failed; nobody saw.
    PowerLost,
    /// The till does not take a sale.
    NotTaken(String),
}

/// A till in the shop.
#[derive(Debug)]
pub struct Counter {
    /// The terminal.
    pub terminal: Uuid,
    /// Where it stands, as far as it has said.
    pub location: Uuid,
    /// How far its clock is ahead.
    pub skew_ms: i64,
    /// It was withdrawn, and wiped.
    pub is_wiped: bool,
    setup: Setup,
    till: Till,
    disk: MemoryDisk,
    cache: MemoryCache,
    faults: Faults,
    /// After so many writes of the disk the power fails.
    dies_at: Option<u64>,
    dice: Dice,
}

impl Counter {
    /// A new till.
    ///
    /// # Errors
    /// Its journal cannot be opened.
    pub fn new(terminal: Uuid, location: Uuid, faults: Faults, mut dice: Dice, now_ms: u64) -> Result<Self, String> {
        let setup = Setup {
            heartbeat_ms: 30 * 60_000,
            refresh_ms: 3 * 60 * 60_000,
            retry_max_ms: 120_000,
            ..Setup::new(terminal, location)
        };
        let (disk, cache) = (MemoryDisk::default(), MemoryCache::default());
        let till = open(&setup, &disk, &cache, faults, &mut dice, now_ms)?;
        Ok(Self {
            terminal,
            location,
            skew_ms: 0,
            is_wiped: false,
            setup,
            till,
            disk,
            cache,
            faults,
            dies_at: None,
            dice,
        })
    }

    /// Whether the till has heard since this was asked last that it stands elsewhere.
    pub fn hears_of_move(&mut self) -> bool {
        std::mem::replace(&mut self.location, self.till.location()) != self.location
    }

    /// The till.
    pub const fn till(&self) -> &Till {
        &self.till
    }

    /// Somebody, or a flat battery, sets its clock: the machine notices that it jumped.
    pub const fn set_skew(&mut self, skew_ms: i64) {
        self.skew_ms = skew_ms;
        self.till.clock_was_set();
    }

    /// The till's own clock.
    pub fn now_ms(&self, network: &Network) -> u64 {
        network.clock.now_ms().saturating_add_signed(self.skew_ms)
    }

    /// Its power will fail when its disk was written to so many times more.
    pub fn die_after(&mut self, writes: u64) {
        self.dies_at = Some(self.disk.writes() + writes);
        self.disk.set_broken(Some(Broken::DeadAfter(writes)));
    }

    fn is_dead(&self) -> bool {
        self.dies_at.is_some_and(|at| self.disk.writes() >= at)
    }

    /// The power fails, and comes back.
    ///
    /// # Errors
    /// Its journal does not open.
    pub fn lose_power(&mut self, network: &mut Network) -> Result<(), String> {
        network.story.note(format!("till {}: the power fails", self.short()));
        self.dies_at = None;
        self.disk.power_lost(u64::from_be_bytes(self.dice.bytes()));
        self.restart(self.now_ms(network))
    }

    /// The program is killed, and started again.
    ///
    /// # Errors
    /// Its journal does not open.
    pub fn kill(&mut self, network: &mut Network) -> Result<(), String> {
        network.story.note(format!("till {}: the program is killed", self.short()));
        self.dies_at = None;
        self.disk.program_killed();
        self.restart(self.now_ms(network))
    }

    fn restart(&mut self, now_ms: u64) -> Result<(), String> {
        self.till = open(&self.setup, &self.disk, &self.cache, self.faults, &mut self.dice, now_ms)?;
        match self.till.journal().damage() {
            Some(damage) => Err(format!("till {}: a power loss damaged the journal: {damage}", self.short())),
            None => Ok(()),
        }
    }

    fn short(&self) -> String {
        self.terminal.to_string().chars().take(8).collect()
    }

    /// Rings up a sale and sees it through.
    ///
    /// # Errors
    /// What a till must never do.
    pub async fn sell(
        &mut self,
        network: &mut Network,
        wanted: Wanted,
        mut customer: Customer<'_>,
    ) -> Result<Sold, String> {
        let now = self.now_ms(network);
        if let Err(error) = self.till.sell(wanted, now) {
            return if self.died(network)? { Ok(Sold::PowerLost) } else { Ok(Sold::NotTaken(error.to_string())) };
        }
        let (mut asked, mut taps) = (0, 0);
        for _ in 0..STEPS_MAX {
            let next = self.till.step(self.now_ms(network));
            if self.died(network)? {
                return Ok(Sold::PowerLost);
            }
            match next {
                Next::Ended(ended) => return Ok(Sold::Ended(ended)),
                Next::Rest { until_ms } => {
                    return Err(format!("till {}: rests until {until_ms} with a sale under way", self.short()));
                }
                Next::Send(request) => self.send(network, request).await,
                Next::Waiting { .. } => return Err(format!("till {}: waits for a reply it got", self.short())),
                Next::Asking { until_ms } => {
                    asked += 1;
                    if asked > customer.patience {
                        let now = self.now_ms(network);
                        self.till.cancel(now);
                    } else {
                        self.pass_until(network, until_ms);
                    }
                }
                Next::Tap(tap_for) => {
                    taps += 1;
                    self.hold_card(network, &mut customer, tap_for, None, taps)?;
                }
                Next::Pin { .. } => {
                    taps += 1;
                    self.hold_pin(network, &mut customer, taps)?;
                }
                Next::Revoked => {
                    self.is_wiped = true;
                    return Ok(Sold::NotTaken("revoked".to_owned()));
                }
            }
            if self.died(network)? {
                return Ok(Sold::PowerLost);
            }
        }
        Err(format!("till {}: a sale does not end", self.short()))
    }

    /// Whether the machine died; then it is started again.
    fn died(&mut self, network: &mut Network) -> Result<bool, String> {
        if !self.is_dead() {
            return Ok(false);
        }
        self.lose_power(network)?;
        Ok(true)
    }

    fn hold_card(
        &mut self,
        network: &mut Network,
        customer: &mut Customer<'_>,
        tap_for: TapFor,
        pin: Option<&PinBlock>,
        taps: usize,
    ) -> Result<(), String> {
        let now = self.now_ms(network);
        let has_gone = tap_for == TapFor::Complete && customer.leaves_early;
        let tired = taps > 6 || (taps > 1 && customer.taps_once && tap_for != TapFor::Complete);
        let card = customer.card.as_mut().filter(|_| !has_gone);
        match card {
            Some(card) if !tired => {
                // COMPLETE comes in a hold of its own
                let is_complete = tap_for == TapFor::Complete;
                card.hold(customer.tear.take_if(|(at, _)| (*at == Instruction::Complete) == is_complete))?;
                self.till.tap(&mut **card, pin, now);
                for signed in card.signed() {
                    network.signed(&signed);
                }
            }
            _ if tap_for == TapFor::Complete => self.till.no_card(now),
            _ => self.till.cancel(now),
        }
        Ok(())
    }

    fn hold_pin(&mut self, network: &mut Network, customer: &mut Customer<'_>, taps: usize) -> Result<(), String> {
        match customer.pin.clone() {
            Some(pin) => self.hold_card(network, customer, TapFor::Offline, Some(&pin), taps),
            None => {
                let now = self.now_ms(network);
                self.till.cancel(now);
                Ok(())
            }
        }
    }

    async fn send(&mut self, network: &mut Network, request: Request) {
        let reply = match network.send(self.terminal, &request).await {
            Sent::Reply(reply) => Ok(reply),
            Sent::Unreachable => Err(NoAnswer::NotSent("no connection".to_owned())),
            Sent::Silence => {
                network.clock.pass(request.timeout_ms);
                Err(NoAnswer::TimedOut(std::time::Duration::from_millis(request.timeout_ms)))
            }
        };
        let now = self.now_ms(network);
        self.till.replied(request.ticket, reply, now);
    }

    fn pass_until(&self, network: &mut Network, until_ms: u64) {
        let span = until_ms.saturating_sub(self.now_ms(network));
        network.clock.pass(span.clamp(1, 60_000));
    }

    /// Does what is to be done between sales, until there is nothing to do now.
    ///
    /// # Errors
    /// What a till must never do.
    pub async fn work(&mut self, network: &mut Network) -> Result<(), String> {
        for _ in 0..STEPS_MAX {
            let now = self.now_ms(network);
            let next = self.till.step(now);
            if self.died(network)? {
                continue;
            }
            match next {
                Next::Rest { until_ms } if until_ms > now => return Ok(()),
                Next::Rest { .. } => network.clock.pass(1),
                Next::Send(request) => self.send(network, request).await,
                Next::Revoked => {
                    self.is_wiped = true;
                    return Ok(());
                }
                other => return Err(format!("till {}: {other:?} without a sale", self.short())),
            }
            self.died(network)?;
        }
        Err(format!("till {}: is never done", self.short()))
    }

    /// Tries the service now.
    pub fn try_now(&mut self) {
        self.till.try_now();
    }

    /// Staff take a sale back; whether the till took that in, and did not die of it.
    ///
    /// # Errors
    /// What a till must never do.
    pub fn undo(&mut self, network: &mut Network, sale: Uuid, client: Client, staff: Uuid) -> Result<bool, String> {
        let now = self.now_ms(network);
        let is_taken = self.till.undo(sale, client, Some(staff), now).is_ok();
        Ok(!self.died(network)? && is_taken)
    }

    /// What the till says of sales that nobody waits for any more.
    pub fn take_recovered(&mut self) -> Vec<Recovered> {
        self.till.take_recovered()
    }
}

fn open(
    setup: &Setup,
    disk: &MemoryDisk,
    cache: &MemoryCache,
    faults: Faults,
    dice: &mut Dice,
    now_ms: u64,
) -> Result<Till, String> {
    let journal = Journal::open(disk.backend(), setup.terminal).map_err(|error| error.to_string())?;
    let random = Seeded::new(u64::from_be_bytes(dice.bytes()));
    let till = Till::open(setup.clone(), journal, Box::new(cache.clone()), Box::new(random), now_ms);
    let mut till = till.map_err(|error| error.to_string())?;
    till.plant(faults);
    Ok(till)
}

/// Whether goods are handed over, and under which id.
pub const fn sale_of(ended: &Ended) -> Option<Uuid> {
    match ended {
        Ended::Answered { id, answered, .. }
            if matches!(answered.outcome, Outcome::Approved | Outcome::ApprovedInPart) =>
        {
            Some(*id)
        }
        Ended::Offline { id, .. } => Some(*id),
        _ => None,
    }
}

/// Whether the card refused what it was told, which it must believe.
pub const fn was_refused(ended: &Ended) -> bool {
    matches!(ended, Ended::Answered { card: CardTold::Refused, .. } | Ended::Refused { card: CardTold::Refused, .. })
}
