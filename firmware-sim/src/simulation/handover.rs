//! What was really handed over, and what staff know of it: the shop's side of the truth.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::model::Model;

/// Whose sale it is, as a till knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Payer {
    Card(Uuid),
    Wallet(u32),
}

/// Goods that changed hands under the id of a sale.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Handover {
    pub terminal: Uuid,
    pub payer: Payer,
    pub lines: Vec<(Uuid, i64)>,
    /// The attempt that it took the place of.
    pub instead_of: Option<Uuid>,
    pub is_offline: bool,
    /// The journal's record, of what was sold offline.
    pub record: Option<u64>,
    /// Staff took all of it back, and had it undone.
    pub is_undone: bool,
}

/// All handovers of a run, and the sales of which nobody at a till knows how they ended.
#[derive(Clone, Debug, Default)]
pub struct Handovers {
    made: BTreeMap<Uuid, Handover>,
    /// Sales whose terminal was withdrawn before it could ask how they ended.
    unknown: BTreeSet<Uuid>,
    /// Sales that their terminal could not undo, as it stands elsewhere now.
    left: BTreeSet<Uuid>,
}

impl Handovers {
    /// Goods change hands.
    ///
    /// # Errors
    /// They did before, under this id.
    pub fn add(&mut self, sale: Uuid, handover: Handover) -> Result<(), String> {
        match self.made.insert(sale, handover) {
            None => Ok(()),
            Some(before) => Err(format!("sale {sale} was handed over twice: first {before:?}")),
        }
    }

    /// A terminal that was withdrawn never heard how a sale ended.
    pub fn never_known(&mut self, sale: Uuid) {
        self.unknown.insert(sale);
    }

    /// Staff take all of a sale back.
    pub fn undo(&mut self, sale: Uuid) {
        if let Some(handover) = self.made.get_mut(&sale) {
            handover.is_undone = true;
        }
    }

    /// It could not be undone, and the till says so: the office undoes it, unless a void came where nobody heard of it.
    pub fn leave_to_office(&mut self, sale: Uuid) {
        self.left.insert(sale);
    }

    /// A part comes back.
    pub fn take_back(&mut self, sale: Uuid, service: Uuid, quantity: i64) {
        let mut still = quantity;
        let lines = self.made.get_mut(&sale).into_iter().flat_map(|handover| &mut handover.lines);
        for (_, left) in lines.filter(|(of, _)| *of == service) {
            let taken = still.min(*left);
            *left -= taken;
            still -= taken;
        }
    }

    /// Of this sale.
    pub fn get(&self, sale: Uuid) -> Option<&Handover> {
        self.made.get(&sale)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = (&Uuid, &Handover)> {
        self.made.iter()
    }

    /// When all is quiet: whether everything that was handed over is booked once, and nothing else is.
    ///
    /// # Errors
    /// The first that is not.
    pub fn compare(&self, model: &Model) -> Result<(), String> {
        let mut accounted = BTreeSet::new();
        for (sale, handover) in &self.made {
            let booked_as = model.booked_as(*sale);
            accounted.insert(booked_as);
            accounted.extend(handover.instead_of);
            let review = handover.record.and_then(|record| model.review_of(handover.terminal, record));
            if let Some(why) = review {
                if !self.may_be_reviewed(model, handover, why) {
                    return Err(format!("sale {sale} was handed over and waits unbooked: {why} ({handover:?})"));
                }
                continue;
            }
            let mut booked = model.sold(booked_as).unwrap_or_default();
            let is_undone = handover.is_undone && (!self.left.contains(sale) || model.is_voided(booked_as));
            if handover.is_offline && !is_undone {
                booked.extend(model.left_to_office(booked_as));
            }
            if let Some(attempt) = handover.instead_of {
                booked.extend(model.sold(attempt).unwrap_or_default());
            }
            let expected = if is_undone { Vec::new() } else { handover.lines.clone() };
            let (booked, mut expected) = (by_service(&booked), by_service(&expected));
            if let Some(attempt) = handover.instead_of.filter(|_| handover.is_undone && !is_undone) {
                // of the two, only the attempt was undone before the terminal was moved
                for (service, quantity) in model.came_back(attempt) {
                    expected.entry(service).and_modify(|kept| *kept -= quantity);
                }
                expected.retain(|_, quantity| *quantity != 0);
            }
            if booked != expected {
                return Err(format!("sale {sale}: handed over {expected:?}, booked {booked:?} ({handover:?})"));
            }
        }
        for sale in model.sales() {
            if !accounted.contains(&sale) && !self.is_excused(model, sale) {
                return Err(format!("sale {sale} is booked, and nothing was handed over: {:?}", model.sold(sale)));
            }
        }
        Ok(())
    }

    /// A sale that was made honestly is booked, unless a copy of its card used up the counter, or it was by name and this
    /// client's meal is no part of a package. Nor can a till without a connection know what is not sold to a client.
    fn may_be_reviewed(&self, model: &Model, handover: &Handover, why: &str) -> bool {
        if why == "service_unknown" {
            return handover.is_offline;
        }
        match handover.payer {
            Payer::Card(card) => matches!(why, "counter_used" | "counter_too_old") && model.is_copied(card),
            Payer::Wallet(_) => matches!(why, "card_needed" | "terminal_revoked"),
        }
    }

    /// What a thief had booked was handed to nobody we know, what a withdrawn terminal began it cannot end, and what was
    /// begun elsewhere the office ends.
    fn is_excused(&self, model: &Model, sale: Uuid) -> bool {
        let is_left = |left: &Uuid| {
            let booked_as = model.booked_as(*left);
            booked_as == sale || model.attempt_named_by(booked_as) == Some(sale)
        };
        model.is_thiefs(sale) || self.unknown.contains(&sale) || self.left.iter().any(is_left)
    }
}

fn by_service(lines: &[(Uuid, i64)]) -> BTreeMap<Uuid, i64> {
    let mut sums = BTreeMap::new();
    for (service, quantity) in lines.iter().filter(|(_, quantity)| *quantity > 0) {
        *sums.entry(*service).or_default() += quantity;
    }
    sums
}
