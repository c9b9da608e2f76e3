//! Operations by dice: from one seed always the same, sensible ones, late ones, doubled ones and absurd ones.
//!
//! It looks into the model's books to aim: at amounts near what is left, at holds that are open, at what was sold.

mod office;

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use pasje::domain::account::{OrganisationId, WalletId};
use pasje::domain::basket::{Basket, BasketLine};
use pasje::domain::grant::{Grant, GrantRequest};
use pasje::domain::hold::ReleaseRequest;
use pasje::domain::money::{Amount, Unit};
use pasje::domain::operation::OperationId;
use pasje::domain::payout::PayoutRequest;
use pasje::domain::refund::{Client, RefundRequest, VoidRequest};
use pasje::domain::sale::{Payer, SaleMode, SaleRequest, Terminal};
use pasje::domain::tap::Tap;
use pasje::domain::top_up::{Till, TopUpRequest};
use uuid::Uuid;

use crate::dice::Dice;
use crate::model::{Ask, Model, WRONG_MAC};
use crate::world::{UNPUBLISHED, World};

/// What happens next.
#[derive(Clone, Debug)]
pub enum Event {
    Ask(Ask),
    /// No operation of the ledger: an office clerk does it.
    CloseWallet(i64),
    BlockCard(Uuid),
}

pub struct Generator<'a> {
    world: &'a World,
    pub dice: Dice,
    /// The clock of ids, a millisecond an operation.
    now: DateTime<Utc>,
    asked: Vec<Ask>,
    /// Ids that were spoken of before anything came under them.
    late: Vec<Uuid>,
    months: BTreeMap<i64, u32>,
    /// Whether anybody may draw on a shared buffer: sales that may are booked one by one.
    pub draws: bool,
}

impl<'a> Generator<'a> {
    pub fn new(world: &'a World, dice: Dice, now: DateTime<Utc>) -> Generator<'a> {
        Generator { world, dice, now, asked: Vec::new(), late: Vec::new(), months: BTreeMap::new(), draws: true }
    }

    /// Every wallet gets a month's grant and own money, so that there is something to spend.
    pub fn opening(&mut self) -> Vec<Ask> {
        let wallets: Vec<i64> = self.world.wallets.keys().copied().collect();
        let mut asks = Vec::new();
        for wallet in wallets {
            asks.push(self.grant(wallet, false));
            let cents = self.dice.between(500, 9000);
            let (id, from) = (self.fresh(), self.till());
            asks.push(Ask::TopUp(TopUpRequest { id, wallet: field(wallet), cents, from }));
        }
        self.asked.extend(asks.iter().cloned());
        asks
    }

    pub fn next(&mut self, model: &Model) -> Event {
        let ask = match self.dice.below(1000) {
            0 => return Event::CloseWallet(self.wallet()),
            1 => return Event::BlockCard(self.card(None)),
            2..=459 => self.sale(model),
            460..=499 => self.again(),
            500..=529 => self.reused(model),
            530..=579 => self.void(model),
            580..=669 => self.refund(model),
            670..=699 => self.top_up(),
            700..=729 => self.reversal(model),
            730..=754 => self.exchange(model),
            755..=774 => self.exchange_back(model),
            775..=829 => self.hold(model),
            830..=864 => self.capture(model),
            865..=884 => self.release(model),
            885..=914 => {
                let wallet = self.wallet();
                let absurd = self.dice.chance(12);
                self.grant(wallet, absurd)
            }
            915..=939 => self.close(model),
            940..=954 => self.payout(model),
            955..=979 => self.payout_step(model),
            _ if self.draws => self.draw(),
            _ => self.top_up(),
        };
        self.asked.push(ask.clone());
        Event::Ask(ask)
    }

    fn fresh(&mut self) -> OperationId {
        self.now += Duration::milliseconds(1);
        let made =
            if self.dice.chance(3) { self.now - Duration::hours(self.dice.between(1, 34 * 24)) } else { self.now };
        self.id_of(made)
    }

    fn id_of(&mut self, made: DateTime<Utc>) -> OperationId {
        let (one, two) = (self.dice.next().to_be_bytes(), self.dice.next().to_be_bytes());
        let mut random = [0; 10];
        random[..8].copy_from_slice(&one);
        random[8..].copy_from_slice(&two[..2]);
        let millis = u64::try_from(made.timestamp_millis()).unwrap();
        operation(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// An id for a new request: now and then one that was announced, or one from another age.
    fn id(&mut self) -> OperationId {
        match self.dice.below(200) {
            0 => self.id_of(self.now - Duration::days(36)),
            1 => self.id_of(self.now + Duration::days(1)),
            2 => self.id_of(DateTime::UNIX_EPOCH),
            _ => self.fresh(),
        }
    }

    fn wallet(&mut self) -> i64 {
        let wallets: Vec<i64> = self.world.wallets.keys().copied().collect();
        *self.dice.pick(&wallets).unwrap()
    }

    /// Now and then a wallet that is not there.
    fn some_wallet(&mut self) -> WalletId {
        if self.dice.chance(1) { field(1 << 32 | 424_242) } else { field(self.wallet()) }
    }

    fn card(&mut self, wallet: Option<i64>) -> Uuid {
        let all = self.world.cards.iter();
        let ours: Vec<Uuid> =
            all.filter(|(_, card)| wallet.is_none_or(|id| card.wallet == id)).map(|(id, _)| *id).collect();
        *self.dice.pick(&ours).unwrap()
    }

    fn terminal(&mut self, organisation: i64) -> Terminal {
        let ours: Vec<_> =
            self.world.terminals.iter().filter(|one| i64::from(one.organisation) == organisation).copied().collect();
        let one = *self.dice.pick(&ours).unwrap();
        let organisation = OrganisationId::new(one.organisation).unwrap();
        Terminal { id: one.id, organisation, location: one.location }
    }

    fn till(&mut self) -> Till {
        if self.dice.chance(50) { Till::Bank } else { Till::Cash }
    }

    fn staff(&mut self) -> Uuid {
        *self.dice.pick(&self.world.staff).unwrap()
    }

    /// Near `around`, and sometimes nonsense.
    fn amount(&mut self, around: i128) -> i64 {
        match self.dice.below(60) {
            0 => 0,
            1 => -1,
            2 => i64::MIN,
            3 => i64::MAX,
            4 => 1_000_000_000_001,
            5..=9 => i64::try_from(around).unwrap(),
            10 => i64::try_from(around).unwrap() + 1,
            _ => self.dice.between(1, i64::try_from(around.clamp(1, 4000)).unwrap()),
        }
    }

    fn refer<F: Fn(&Ask) -> bool>(&mut self, wanted: F) -> Option<&Ask> {
        let found: Vec<usize> = (0..self.asked.len()).filter(|place| wanted(&self.asked[*place])).collect();
        // the newest most often: what is old is refunded, captured or paid already
        let newest = found.len().saturating_sub(40);
        let place = if self.dice.chance(70) { self.dice.pick(&found[newest..]) } else { self.dice.pick(&found) }?;
        self.asked.get(*place)
    }

    /// An id to refer to; now and then one that does not exist, or that is something else.
    fn reference<F: Fn(&Ask) -> bool>(&mut self, wanted: F) -> OperationId {
        let found = match self.dice.below(60) {
            0 => None,
            1 => self.refer(|ask| matches!(ask, Ask::TopUp(_) | Ask::Hold(_) | Ask::Payout(_))).map(Ask::id),
            _ => self.refer(wanted).map(Ask::id),
        };
        found.map_or_else(|| self.fresh(), operation)
    }

    pub fn sale(&mut self, model: &Model) -> Ask {
        let wallet = self.wallet();
        let away = self.dice.chance(1);
        let terminal = self.terminal(if away { 3 - (wallet >> 32) } else { wallet >> 32 });
        let forward = self.dice.chance(18);
        let by_name = self.dice.chance(8);
        let payer = if by_name {
            Payer::ByName { wallet: self.some_wallet_of(wallet) }
        } else {
            self.tap(model, wallet, forward)
        };
        let mode = match self.dice.below(100) {
            _ if forward => SaleMode::Forward { instead_of: self.attempt(model, wallet) },
            0..=14 => SaleMode::Whole,
            _ => SaleMode::Online,
        };
        let id = match self.dice.below(25) {
            0 => self.late.pop().map(operation),
            _ => None,
        };
        let id = id.unwrap_or_else(|| self.id());
        let price_list = [4, 4, 4, 4, 4, 4, 4, 3, 2, 1][self.dice.below(10)];
        let price_list = if self.dice.chance(1) { UNPUBLISHED } else { price_list };
        let staff = by_name.then(|| self.staff());
        Ask::Sale(SaleRequest { id, terminal, payer, mode, staff, price_list, basket: self.basket(model, wallet) })
    }

    /// A sale whose answer depends on its own wallet's earlier sales alone: fresh ids, one of this wallet's attempts
    /// replaced at most, and now and then one of the same wallet's sales once more.
    pub fn sale_in_a_batch(&mut self, model: &Model) -> Ask {
        if self.dice.chance(8)
            && let Some(ask) = self.refer(Ask::is_sale).cloned()
        {
            return ask;
        }
        let Ask::Sale(mut request) = self.sale(model) else { unreachable!() };
        // announced ids may be those of another wallet's sale
        let announced = self.late.split_off(0);
        request.id = self.fresh();
        if let (Some(attempt), Payer::Card(Tap { card, .. })) = (request.instead_of(), request.payer) {
            let wallet = self.world.cards.get(&card).map(|card| card.wallet);
            let theirs = model.entries.get(&attempt.uuid()).map(|entry| entry.owner);
            let is_fresh = announced.contains(&attempt.uuid());
            if !is_fresh && (theirs.is_none() || theirs != wallet) {
                request.mode = SaleMode::Forward { instead_of: None };
            }
        } else if request.is_forward() {
            request.mode = SaleMode::Forward { instead_of: None };
        }
        if request.price_list == UNPUBLISHED {
            request.price_list = 4;
        }
        let ask = Ask::Sale(request);
        self.asked.push(ask.clone());
        ask
    }

    /// So much in every shared buffer that it runs short for nobody.
    pub fn plentiful_buffers(&mut self) -> Vec<Ask> {
        let wallets: Vec<(i64, &str)> = self
            .world
            .wallets
            .iter()
            .filter(|(_, client)| client.buyer == 1)
            .map(|(id, client)| (*id, client.unit))
            .collect();
        let far_off = chrono::NaiveDate::from_ymd_opt(2030, 1, 1).unwrap();
        let grant = |(wallet, unit): (i64, &str), id| {
            let unit = Unit::from_name(unit).unwrap();
            let unit_value_cents = (unit != Unit::Eur).then_some(60);
            let amount = |minor| Amount::new(minor, Unit::Eur).unwrap();
            let (none, buffer) = (amount(0), amount(100_000_000));
            let grant =
                Grant { unit, unit_value_cents, overhead: none, collective: none, reserve: none, buffer, budget: none };
            Ask::Grant(GrantRequest { id, wallet: field(wallet), month: far_off, grant })
        };
        wallets.into_iter().map(|wallet| grant(wallet, self.fresh())).collect()
    }

    /// Sales of nothing that is sold anywhere, with a counter of 0: they change nothing but are there.
    pub fn a_sale_of_every_card_and_list(&mut self) -> Vec<Ask> {
        let mut asks = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for (card, plastic) in &self.world.cards {
            for one in self.world.terminals.iter().filter(|one| i64::from(one.organisation) == plastic.wallet >> 32) {
                for price_list in 1..=4 {
                    let (new_card, new_list) = (seen.insert((*card, 0)), seen.insert((one.location, price_list)));
                    if !new_card && !new_list {
                        continue;
                    }
                    let organisation = OrganisationId::new(one.organisation).unwrap();
                    asks.push(Ask::Sale(SaleRequest {
                        id: self.fresh(),
                        terminal: Terminal { id: one.id, organisation, location: one.location },
                        payer: crate::support::tap(*card, 0, [0; 16]),
                        mode: SaleMode::Online,
                        staff: None,
                        price_list,
                        basket: Basket::new(vec![BasketLine { service: *card, quantity: 1, hold: None }]).unwrap(),
                    }));
                }
            }
        }
        asks
    }

    fn some_wallet_of(&mut self, wallet: i64) -> WalletId {
        if self.dice.chance(3) { self.some_wallet() } else { field(wallet) }
    }

    fn tap(&mut self, model: &Model, wallet: i64, forward: bool) -> Payer {
        let card = if self.dice.chance(1) { self.dice.uuid() } else { self.card(Some(wallet)) };
        let last = model.books.chips.get(&card).map_or(0, |chip| chip.last);
        let counter = match self.dice.below(40) {
            0 => 0,
            1 => last,
            2 => last.saturating_sub(self.below_u32(300)),
            3 => last + 250 + self.below_u32(20),
            // below what the card remembers
            4 | 5 if forward => last.saturating_sub(240 + self.below_u32(400)),
            _ if forward && self.dice.chance(60) => last.saturating_sub(self.below_u32(40)),
            _ => last + 1 + self.below_u32(3),
        };
        let mac = if self.dice.chance(1) { WRONG_MAC } else { [0; 16] };
        crate::support::tap(card, counter, mac)
    }

    fn below_u32(&mut self, sides: usize) -> u32 {
        u32::try_from(self.dice.below(sides)).unwrap()
    }

    /// The online attempt that a forward replaces: known, of another, not come yet, from another age, or none.
    fn attempt(&mut self, model: &Model, wallet: i64) -> Option<OperationId> {
        let tried = |ask: &Ask| matches!(ask, Ask::Sale(_));
        match self.dice.below(20) {
            0..=8 => None,
            9..=13 => {
                let id = self.fresh();
                self.late.push(id.uuid());
                Some(id)
            }
            14 => Some(self.id_of(self.now - Duration::days(40))),
            15 => self.refer(tried).map(Ask::id).map(operation),
            // a terminal whose clock is wrong
            16 => {
                let days = [10, 60][self.dice.below(2)];
                Some(self.id_of(self.now + Duration::days(days)))
            }
            _ => {
                let entries = &model.entries;
                let own = |ask: &Ask| tried(ask) && entries.get(&ask.id()).is_some_and(|entry| entry.owner == wallet);
                self.refer(own).map(|ask| operation(ask.id()))
            }
        }
    }

    fn basket(&mut self, model: &Model, wallet: i64) -> Basket {
        let many = if self.dice.chance(1) { 100 } else { 1 + self.dice.below(4) };
        let mut lines: Vec<BasketLine> = Vec::new();
        for _ in 0..many {
            let known = !self.dice.chance(2);
            let service = if known { *self.dice.pick(&self.world.services).unwrap() } else { self.dice.uuid() };
            let quantity = match self.dice.below(50) {
                0 => 1000,
                1..=9 => 2 + self.below_u32(8),
                10..=19 => 2,
                _ => 1,
            };
            let hold = self.hold_for_line(model, wallet);
            let doubled = lines.iter().any(|line| line.hold.is_some() && line.hold == hold);
            lines.push(BasketLine { service, quantity, hold: hold.filter(|_| !doubled) });
        }
        Basket::new(lines).unwrap()
    }

    /// Mostly one of the wallet's own that has something left; sometimes another's, a payout's or none at all.
    fn hold_for_line(&mut self, model: &Model, wallet: i64) -> Option<OperationId> {
        match self.dice.below(60) {
            0 => Some(self.fresh()),
            1 => self.refer(|ask| matches!(ask, Ask::Hold(_))).map(|ask| operation(ask.id())),
            2 => {
                let own = |ask: &Ask| matches!(ask, Ask::Payout(one) if one.wallet.field() == wallet);
                self.refer(own).map(|ask| operation(ask.id()))
            }
            3..=20 => {
                let holds = model.books.holds.iter();
                let own: Vec<Uuid> = holds
                    .filter(|(_, hold)| hold.wallet == wallet && hold.left.values().any(|left| *left > 0))
                    .map(|(id, _)| *id)
                    .collect();
                self.dice.pick(&own).map(|id| operation(*id))
            }
            _ => None,
        }
    }

    /// The same request once more, with another MAC at most.
    fn again(&mut self) -> Ask {
        let mut ask = self.refer(|_| true).unwrap().clone();
        if let Ask::Sale(SaleRequest { payer: Payer::Card(Tap { mac, .. }), .. }) = &mut ask {
            *mac = if self.dice.chance(50) { WRONG_MAC } else { [7; 16] };
        }
        ask
    }

    /// Another request under an id that is taken.
    fn reused(&mut self, model: &Model) -> Ask {
        let id = operation(self.refer(|_| true).unwrap().id());
        let wallet = self.some_wallet();
        match self.dice.below(5) {
            0 => Ask::TopUp(TopUpRequest { id, wallet, cents: self.dice.between(1, 900), from: Till::Cash }),
            1 => Ask::Payout(PayoutRequest { id, wallet, cents: self.dice.between(1, 900), staff: self.staff() }),
            2 => Ask::Release(ReleaseRequest {
                id,
                hold: self.reference(|ask| matches!(ask, Ask::Hold(_))),
                expired: false,
            }),
            _ => match self.sale(model) {
                Ask::Sale(request) => Ask::Sale(SaleRequest { id, ..request }),
                other => other,
            },
        }
    }

    fn void(&mut self, model: &Model) -> Ask {
        let id = self.id();
        let sale = match self.refer(|ask| matches!(ask, Ask::Sale(_))) {
            Some(Ask::Sale(request)) => request.clone(),
            _ => return self.top_up(),
        };
        let mut terminal = sale.terminal;
        let mut sale_id = sale.id;
        let client = match sale.payer {
            Payer::Card(Tap { card, .. }) => Client::Card(card),
            Payer::ByName { wallet } => Client::Wallet(wallet),
        };
        match self.dice.below(20) {
            0 | 1 => terminal = self.terminal(i64::from(terminal.organisation.number())),
            2 => terminal = self.terminal(i64::from(3 - terminal.organisation.number())),
            3 => sale_id = id,
            4 => sale_id = self.id_of(self.now - Duration::days(400)),
            5..=8 => {
                sale_id = self.fresh();
                self.late.push(sale_id.uuid());
            }
            // once more for one that was cancelled beforehand
            9..=11 => {
                let tombs: Vec<Uuid> = model
                    .entries
                    .iter()
                    .filter(|(_, entry)| entry.ask.is_none() && entry.terminal == Some(terminal.id))
                    .map(|(id, _)| *id)
                    .collect();
                sale_id = self.dice.pick(&tombs).map_or(sale_id, |id| operation(*id));
            }
            _ => {}
        }
        Ask::Void(VoidRequest { id, sale: sale_id, terminal, staff: None, client })
    }

    fn refund(&mut self, model: &Model) -> Ask {
        let entries = &model.entries;
        let was_sold = |ask: &Ask| {
            entries.get(&ask.id()).is_some_and(|entry| entry.ask.is_some() && entry.reply.approved_cents.is_some())
        };
        let (id, any) = (self.id(), self.dice.chance(15));
        let sale =
            self.reference(|ask| if any { matches!(ask, Ask::Sale(_) | Ask::Capture(_)) } else { was_sold(ask) });
        let entry = model.entries.get(&sale.uuid());
        let organisation = entry.map_or(1, |entry| entry.owner >> 32);
        let away = self.dice.chance(1);
        let mut terminal = self.terminal(if away { 3 - organisation } else { organisation });
        // mostly at the location where it was sold
        let sold_at = self.world.terminals.iter().find(|one| entry.is_some_and(|entry| entry.terminal == Some(one.id)));
        if let Some(location) = sold_at.map(|one| one.location).filter(|_| !away)
            && self.dice.chance(85)
        {
            terminal.location = location;
        }
        let mut lines = Vec::new();
        for (line, sold) in entry.map(|entry| entry.lines.clone()).unwrap_or_default() {
            if self.dice.chance(70) {
                let given = model.books.refunded.get(&(sale.uuid(), line)).copied().unwrap_or(0);
                let left = i64::try_from(sold.quantity - given).unwrap();
                let now = match self.dice.below(20) {
                    0 => left + 1,
                    1 => 0,
                    2..=7 => left,
                    _ => self.dice.between(1, left.max(1)),
                };
                lines.push((line, u32::try_from(now).unwrap()));
            }
        }
        match self.dice.below(60) {
            0 => lines.clear(),
            1 => lines.extend_from_within(..),
            2 => lines.push((999, 1)),
            _ if lines.is_empty() => lines.push((0, 1)),
            _ => {}
        }
        Ask::Refund(RefundRequest { id, sale, terminal, staff: None, lines })
    }
}

fn field(wallet: i64) -> WalletId {
    WalletId::from_field(wallet).unwrap()
}

fn operation(id: Uuid) -> OperationId {
    OperationId::new(id).unwrap()
}
