//! What is bought.

use uuid::Uuid;

use super::Run;
use crate::request::SaleLine;
use crate::simulation::bare::Basket;
use crate::simulation::world::{Age, PriceList};

impl<O> Run<'_, O> {
    /// One to three services, mostly one of each.
    pub(super) fn lines(&mut self) -> Vec<(Uuid, u32)> {
        let services = self.world.services();
        let count = self.dice.between(1, 3);
        let mut lines = Vec::with_capacity(count);
        for _ in 0..count {
            let quantity = if self.dice.chance(200) { self.dice.between(2, 4) } else { 1 };
            if let Some(service) = self.dice.pick(&services) {
                lines.push((*service, u32::try_from(quantity).unwrap_or(1)));
            }
        }
        lines
    }

    pub(super) fn sale_lines(&mut self) -> Vec<SaleLine> {
        self.lines().into_iter().map(|(service, quantity)| SaleLine { service, quantity, hold: None }).collect()
    }

    /// One of one service.
    pub(super) fn one_line(&mut self) -> SaleLine {
        let services = self.world.services();
        let service = self.dice.pick(&services).copied().unwrap_or_default();
        SaleLine { service, quantity: 1, hold: None }
    }

    pub(super) fn list(&self, location: Uuid, age: Age) -> Option<&PriceList> {
        self.world.price_lists.iter().find(|list| list.location == location && list.age == age)
    }

    /// A basket at this location's prices, now and then those of an older version.
    pub(super) fn basket(&mut self, location: Uuid) -> Option<Basket> {
        let age = self.dice.weighed(&[(90, Age::Current), (6, Age::Superseded), (4, Age::OutOfDate)])?;
        let lines = self.lines();
        let list = self.list(location, age)?;
        let mut cents = 0;
        for (service, quantity) in &lines {
            let dearest = list.prices.iter().filter(|price| price.service == *service).map(|price| price.cents).max();
            cents += dearest.unwrap_or(0).unsigned_abs() * u64::from(*quantity);
        }
        Some(Basket { price_list: list.version, lines, cents })
    }

    /// What of a basket counts against offline limits: all that some buyer could be refused, at its dearest.
    pub(super) fn limited_cents(&self, terminal: Uuid, lines: &[(Uuid, u32)]) -> u64 {
        // where the till thinks that it stands
        let till = self.counters.iter().find(|counter| counter.terminal == terminal);
        let location = till.map(|counter| counter.till().location());
        let prices = location.and_then(|location| self.list(location, Age::Current)).map(|list| list.prices.as_slice());
        let mut cents = 0;
        for (service, quantity) in lines {
            let of_service = || prices.unwrap_or_default().iter().filter(|price| price.service == *service);
            if of_service().any(|price| !price.kind.is_never_refused()) {
                let dearest = of_service().map(|price| price.cents).max().unwrap_or(0);
                cents += dearest.unsigned_abs() * u64::from(*quantity);
            }
        }
        cents
    }

    /// A card that is still in the hands of its client.
    pub(super) fn any_card(&mut self) -> usize {
        self.dice.below(self.cards.len())
    }

    pub(super) fn any_wallet(&mut self) -> u32 {
        self.dice.pick(&self.world.wallets).map_or(0, |wallet| wallet.number)
    }
}
