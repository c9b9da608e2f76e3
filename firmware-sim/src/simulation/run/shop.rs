//! Sales at the tills, and what comes back of them.

use serde_json::json;
use uuid::Uuid;

use super::Run;
use crate::answer::Outcome;
use crate::files::TerminalFile;
use crate::request::{Client, Mode};
use crate::simulation::bare::post;
use crate::simulation::counter::{Customer, Sold, was_refused};
use crate::simulation::handover::{Handover, Payer};
use crate::simulation::office::Office;
use crate::simulation::plastic::Plastic;
use crate::till::{Buyer, Ended, Recovered, Wanted};

impl<O: Office> Run<'_, O> {
    /// The tills read what they need, in fair weather.
    pub(super) async fn open_shop(&mut self) -> Result<(), String> {
        for counter in &mut self.counters {
            counter.work(&mut self.network).await?;
        }
        Ok(())
    }

    pub(super) async fn sell(&mut self) -> Result<(), String> {
        let card = self.any_card();
        let mode = if self.dice.chance(80) { Mode::Whole } else { Mode::Online };
        let wanted = Wanted { buyer: Buyer::Card, mode, staff: Some(self.world.staff), lines: self.sale_lines() };
        self.sell_at(Some(card), wanted).await
    }

    pub(super) async fn sell_by_name(&mut self) -> Result<(), String> {
        let buyer = Buyer::Wallet(self.any_wallet().into());
        let wanted = Wanted { buyer, mode: Mode::Online, staff: Some(self.world.staff), lines: self.sale_lines() };
        self.sell_at(None, wanted).await
    }

    async fn sell_at(&mut self, card: Option<usize>, wanted: Wanted) -> Result<(), String> {
        let place = self.dice.below(self.counters.len());
        let (tear, patience) = (self.any_tear(), self.dice.between(0, 6));
        let (leaves_early, taps_once) = (self.dice.chance(150), self.dice.chance(150));
        let forgets_pin = self.dice.chance(100);
        if self.dice.chance(60) {
            let writes = u64::try_from(self.dice.between(1, 14)).unwrap_or(1);
            if let Some(counter) = self.counters.get_mut(place) {
                counter.die_after(writes);
            }
        }
        let payer = match wanted.buyer {
            Buyer::Card => Payer::Card(card.and_then(|card| self.cards.get(card)).map_or(Uuid::nil(), Plastic::id)),
            Buyer::Wallet(number) => Payer::Wallet(u32::try_from(number).unwrap_or(0)),
        };
        let file = card.and_then(|card| self.world.cards.get(card)).map(|card| &card.file);
        let pin = file.and_then(|file| file.pin.as_ref()).map(|pin| pin.0.clone()).filter(|_| !forgets_pin);
        let (Some(counter), lines) = (self.counters.get_mut(place), wanted.lines.clone()) else { return Ok(()) };
        if counter.is_wiped {
            return Ok(());
        }
        let plastic = card.and_then(|card| self.cards.get_mut(card));
        let customer = Customer { card: plastic, pin, tear, patience, leaves_early, taps_once };
        let sold = counter.sell(&mut self.network, wanted, customer).await?;
        let terminal = counter.terminal;
        let lines: Vec<_> = lines.iter().map(|line| (line.service, line.quantity)).collect();
        self.ended(terminal, payer, &lines, &sold)
    }

    fn ended(&mut self, terminal: Uuid, payer: Payer, lines: &[(Uuid, u32)], sold: &Sold) -> Result<(), String> {
        let ended = match sold {
            Sold::PowerLost => {
                self.see("sale cut off by a power loss");
                return Ok(());
            }
            Sold::NotTaken(_) => {
                self.see("sale not taken");
                return Ok(());
            }
            Sold::Ended(ended) => ended,
        };
        let (sort, which) = name_of(ended);
        self.note(format!("till {}: {sort} {which}", terminal.to_string().get(..8).unwrap_or_default()));
        self.see(format!("till says {sort}"));
        if was_refused(ended) {
            return Err(format!("a card does not believe what it is told: {ended:?}"));
        }
        match ended {
            Ended::Answered { id, answered, .. } => {
                if let Some(nonsense) = &answered.nonsense {
                    return Err(format!("the answer to {id} makes no sense: {nonsense}"));
                }
                let answer: serde_json::Value =
                    serde_json::from_slice(&answered.bytes).map_err(|error| error.to_string())?;
                self.hand_over(terminal, *id, payer, lines, &answer)
            }
            Ended::Offline { id, sequence, instead_of, .. } => {
                self.within_limits(terminal, payer, *sequence, lines)?;
                if self.world.terminals.iter().any(|file| file.terminal == terminal && !self.is_at(file)) {
                    self.see("approved offline where the till was moved to");
                }
                let lines = lines.iter().map(|(service, quantity)| (*service, i64::from(*quantity))).collect();
                let handover = Handover {
                    terminal,
                    payer,
                    lines,
                    instead_of: *instead_of,
                    is_offline: true,
                    record: Some(*sequence),
                    is_undone: false,
                };
                self.handovers.add(*id, handover)
            }
            _ => Ok(()),
        }
    }

    /// Whether a till thinks that it stands where it was set up.
    fn is_at(&self, file: &TerminalFile) -> bool {
        let till = self.counters.iter().find(|counter| counter.terminal == file.terminal);
        till.is_none_or(|counter| counter.till().location() == file.location)
    }

    /// What is approved offline is within what the location allows, counted here from what tills said.
    fn within_limits(
        &mut self,
        terminal: Uuid,
        payer: Payer,
        sequence: u64,
        lines: &[(Uuid, u32)],
    ) -> Result<(), String> {
        let Payer::Card(card) = payer else { return Ok(()) };
        let cents = self.limited_cents(terminal, lines);
        let Some(counter) = self.counters.iter().find(|counter| counter.terminal == terminal) else { return Ok(()) };
        let (till, delivered) = (counter.till(), counter.till().journal().extent().delivered_to);
        if till.cache().is_blocked(card) {
            return Err(format!("a till approved offline for card {card}, which its hotlist has as blocked"));
        }
        let Some(limits) = till.cache().offline() else {
            return Err("a till approved offline without limits".to_owned());
        };
        self.offline.push((terminal, sequence, card, cents));
        let waiting = self.offline.iter().filter(|(of, at, ..)| *of == terminal && *at > delivered);
        let (mut total, mut of_card, mut taps) = (0, 0, 0);
        for (_, _, buyer, cents) in waiting {
            total += cents;
            if *buyer == card {
                of_card += cents;
                taps += 1;
            }
        }
        let is_within = cents <= limits.tap_cents
            && of_card <= limits.card_total_cents
            && taps <= limits.card_taps
            && total <= limits.terminal_total_cents;
        if is_within {
            return Ok(());
        }
        Err(format!(
            "offline, a tap of {cents} cents, {of_card} cents and {taps} taps of the card, {total} of the till"
        ))
    }

    /// Staff take back a sale of this till, all of it.
    pub(super) async fn undo(&mut self) -> Result<(), String> {
        let sales: Vec<(Uuid, Uuid, Payer)> = self
            .handovers
            .all()
            .filter(|(_, handover)| !handover.is_undone && handover.terminal != self.machine.terminal)
            .map(|(sale, handover)| (*sale, handover.terminal, handover.payer))
            .collect();
        let recent = sales.len().saturating_sub(8);
        let sale = self.dice.pick(sales.get(recent..).unwrap_or_default()).copied();
        let Some((sale, terminal, payer)) = sale else { return Ok(()) };
        let client = match payer {
            Payer::Card(card) => Client::Card(card),
            Payer::Wallet(wallet) => Client::Wallet(wallet.into()),
        };
        let counter = self.counters.iter_mut().find(|counter| counter.terminal == terminal && !counter.is_wiped);
        let Some(counter) = counter else { return Ok(()) };
        if counter.undo(&mut self.network, sale, client, self.world.staff)? {
            self.handovers.undo(sale);
            self.note(format!("sale {sale} is taken back"));
            self.see("sale taken back");
        }
        Ok(())
    }

    /// A part of a sale comes back, where there is a connection.
    pub(super) async fn refund(&mut self) -> Result<(), String> {
        let sales: Vec<(Uuid, Uuid)> = self
            .handovers
            .all()
            .filter(|(_, handover)| !handover.is_undone)
            .map(|(sale, handover)| (*sale, handover.terminal))
            .collect();
        let Some((sale, terminal)) = self.dice.pick(&sales).copied() else { return Ok(()) };
        let line = self.dice.below(3);
        let quantity = u32::try_from(self.dice.between(1, 2)).unwrap_or(1);
        let id = self.dice.uuid7(self.network.clock.now_ms());
        let json = json!({ "id": id, "staff": self.world.staff, "lines": [{ "line": line, "quantity": quantity }] });
        let request = post(format!("/api/v1/sales/{sale}/refunds"), id, &json);
        let answer = self.ask_until_known(terminal, &request).await.unwrap_or_default();
        if answer["outcome"].is_string() {
            self.came_back(sale, line, quantity, answer["outcome"] == "booked");
        } else {
            // not known, or the sale has not come yet and a copy of this may come after it: asked again at the end
            self.refunds.push((terminal, sale, line, quantity, request));
        }
        Ok(())
    }

    /// Refunds that were not answered are asked for again.
    pub(super) async fn end_refunds(&mut self) {
        for (terminal, sale, line, quantity, request) in std::mem::take(&mut self.refunds) {
            // a terminal that was withdrawn meanwhile hears nothing; what it gave back is given back
            self.network.send_safely(terminal, &request).await;
            let is_booked = request.post.as_ref().is_some_and(|(_, id)| self.network.model.is_booked(*id));
            self.came_back(sale, line, quantity, is_booked);
        }
    }

    fn came_back(&mut self, sale: Uuid, line: usize, quantity: u32, is_booked: bool) {
        if is_booked && let Some(service) = self.network.model.service_of(sale, line) {
            self.handovers.take_back(sale, service, i64::from(quantity));
        }
    }

    /// What tills say of sales that nobody waited for: staff know what was handed over, and take back what was not.
    pub(super) fn hear_recovered(&mut self) -> Result<(), String> {
        let staff = self.world.staff;
        for counter in &mut self.counters {
            for recovered in counter.take_recovered() {
                self.network.story.note(format!("till {}: {recovered:?}", counter.terminal));
                match recovered {
                    Recovered::Approved { sale, client } | Recovered::Journalled { sale, client, .. } => {
                        *self.seen.entry("sale shown after a restart".to_owned()).or_default() += 1;
                        if self.handovers.get(sale).is_none() {
                            // a till that was withdrawn meanwhile takes nothing back
                            counter.undo(&mut self.network, sale, client, staff)?;
                        }
                    }
                    Recovered::Undone { .. } => {}
                    Recovered::NotUndone { sale, reason } => {
                        let is_well = matches!(reason.as_deref(), Some("nothing_left" | "not_approved" | "id-too-old"));
                        // it was sold where the terminal no longer stands, for which it does not exist: the office undoes it
                        let model = &self.network.model;
                        if reason.as_deref() == Some("sale-unknown") && model.is_elsewhere(sale, counter.terminal) {
                            self.handovers.leave_to_office(sale);
                            *self.seen.entry("undoing left to the office".to_owned()).or_default() += 1;
                        } else if !is_well {
                            return Err(format!("sale {sale} cannot be undone: {reason:?}"));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Tills do what waits.
    pub(super) async fn work(&mut self) -> Result<(), String> {
        let place = self.dice.below(self.counters.len());
        let hurries = self.dice.chance(300);
        if let Some(counter) = self.counters.get_mut(place).filter(|counter| !counter.is_wiped) {
            if hurries {
                counter.try_now();
            }
            counter.work(&mut self.network).await?;
        }
        self.close_open(false).await;
        Ok(())
    }
}

/// Of what sort an end is, and which one.
fn name_of(ended: &Ended) -> (String, String) {
    let text = |text: &str| text.to_owned();
    match ended {
        Ended::Answered { id, answered, .. } => match (&answered.outcome, &answered.reason) {
            (Outcome::Approved, _) => (text("approved"), id.to_string()),
            (Outcome::ApprovedInPart, _) => (text("approved in part"), id.to_string()),
            (_, reason) => (format!("declined {}", reason.as_deref().unwrap_or_default()), id.to_string()),
        },
        Ended::Offline { id, sequence, instead_of: None, .. } => {
            (text("approved offline"), format!("{id}, record {sequence}"))
        }
        Ended::Offline { id, sequence, instead_of: Some(attempt), .. } => {
            (text("approved offline after an attempt"), format!("{id}, record {sequence}, instead of {attempt}"))
        }
        Ended::Problem { id, problem } => (format!("problem {}", problem.slug), id.to_string()),
        Ended::Refused { refusal, undoes: Some(sale), .. } => {
            let name = format!("{refusal:?}");
            let sort = name.split('(').next().unwrap_or_default();
            (format!("refused {sort}, to be undone"), format!("{name}: {sale}"))
        }
        Ended::Refused { refusal, .. } => {
            let name = format!("{refusal:?}");
            (format!("refused {}", name.split('(').next().unwrap_or_default()), name)
        }
        Ended::Cancelled { undoes: None } => (text("cancelled"), String::new()),
        Ended::Cancelled { undoes: Some(sale) } => (text("cancelled, to be undone"), sale.to_string()),
    }
}
