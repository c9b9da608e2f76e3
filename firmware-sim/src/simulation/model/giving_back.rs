//! What comes back of a sale: parts of it, or all.

use uuid::Uuid;

use super::paying::{Share, share_back};
use super::reading::{BackText, ClientText, RefundText, VoidText};
use super::selling::check_window;
use super::{Delivery, Expected, Model, Operation, PURSES, Problem};

impl Model {
    pub(super) fn post_refund(&mut self, delivery: &Delivery<'_>, sale: &str) -> Expected {
        let malformed = Expected::Problem((422, "request-malformed"));
        let sale = Uuid::try_parse(sale).unwrap_or_default();
        let Ok(refund) = serde_json::from_slice::<RefundText>(delivery.body) else { return malformed };
        let request = format!("{sale} {} {:?} {:?}", delivery.terminal, refund.staff, refund.lines);
        match self.give_back(delivery, refund.id, sale, "refund", request, |_| Ok(refund.lines.clone()), None) {
            Ok(()) => Expected::Operation(refund.id),
            Err(problem) => Expected::Problem(problem),
        }
    }

    pub(super) fn post_void(&mut self, delivery: &Delivery<'_>, sale: &str) -> Expected {
        let malformed = Expected::Problem((422, "request-malformed"));
        let sale = Uuid::try_parse(sale).unwrap_or_default();
        let Ok(void) = serde_json::from_slice::<VoidText>(delivery.body) else { return malformed };
        let request = format!("{sale} {} {:?} {:?}", delivery.terminal, void.staff, void.client);
        let terminal = delivery.terminal;
        let today = self.today.clone();
        let choose = move |sold: &Operation| {
            if sold.terminal != terminal {
                return Err(("declined", "other_terminal"));
            }
            if sold.reason == Some("cancelled") {
                return Err(("cancelled_beforehand", ""));
            }
            if sold.approved.is_none() {
                return Err(("declined", "not_approved"));
            }
            if sold.book_date != today {
                return Err(("declined", "other_day"));
            }
            let lines = sold.lines.iter().enumerate().filter(|(_, line)| !line.is_left_out);
            let left = lines.map(|(number, line)| (number, line.quantity - line.came_back));
            let left: Vec<BackText> = left
                .filter(|(_, left)| *left > 0)
                .map(|(line, left)| BackText { line, quantity: u32::try_from(left).unwrap_or(0) })
                .collect();
            if left.is_empty() { Err(("declined", "nothing_left")) } else { Ok(left) }
        };
        match self.give_back(delivery, void.id, sale, "void", request, choose, Some(void.client)) {
            Ok(()) => Expected::Operation(void.id),
            Err(problem) => Expected::Problem(problem),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn give_back(
        &mut self,
        delivery: &Delivery<'_>,
        id: Uuid,
        sale: Uuid,
        kind: &'static str,
        request: String,
        choose: impl FnOnce(&Operation) -> Result<Vec<BackText>, (&'static str, &'static str)>,
        client: Option<ClientText>,
    ) -> Result<(), Problem> {
        let here = self.terminals.get(&delivery.terminal).map(|terminal| terminal.location).unwrap_or_default();
        let of = self.operations.get(&sale).filter(|of| of.kind == "sale").cloned();
        if of.as_ref().is_some_and(|of| of.location != here) || (of.is_none() && client.is_none()) {
            return Err((404, "sale-unknown"));
        }
        if let Some(known) = self.operations.get(&id) {
            let is_same = known.kind == kind && known.request.as_ref() == Some(&request);
            return if is_same { Ok(()) } else { Err((409, "id-reused")) };
        }
        check_window(id, delivery.now_ms)?;
        if of.is_none() && self.is_renamed(sale) {
            // booked under another id, which the terminal was told
            return Err((404, "sale-unknown"));
        }
        let wallet = of.as_ref().map_or_else(|| self.wallet_of(client), |of| of.wallet);
        let mut operation = Operation {
            kind,
            outcome: "booked",
            reason: None,
            reference: Some(sale),
            left_out: std::collections::BTreeMap::new(),
            shares: Vec::new(),
            approved: None,
            told: None,
            request: Some(request),
            wallet,
            card: None,
            terminal: delivery.terminal,
            location: here,
            lines: Vec::new(),
            book_date: self.today.clone(),
            bytes: None,
        };
        match of.as_ref().map(choose) {
            None => {
                check_window(sale, delivery.now_ms)?;
                operation.outcome = "cancelled_beforehand";
                self.bury(sale, "cancelled", id, &operation);
            }
            Some(Err((outcome, reason))) => {
                operation.outcome = outcome;
                operation.reason = Some(reason).filter(|reason| !reason.is_empty());
            }
            Some(Ok(parts)) => {
                if let Err(reason) = self.bring_back(sale, &parts, &mut operation) {
                    operation.outcome = "declined";
                    operation.reason = Some(reason);
                }
            }
        }
        self.operations.insert(id, operation);
        Ok(())
    }

    fn wallet_of(&self, client: Option<ClientText>) -> Option<u32> {
        match client {
            Some(ClientText::Wallet(number)) => Some(number),
            Some(ClientText::Card(card)) => self.cards.get(&card).map(|card| card.wallet),
            None => None,
        }
    }

    /// All parts or none.
    fn bring_back(&mut self, sale: Uuid, parts: &[BackText], operation: &mut Operation) -> Result<(), &'static str> {
        let Some(of) = self.operations.get_mut(&sale).filter(|of| of.approved.is_some()) else {
            return Err("not_approved");
        };
        for part in parts {
            let line = of.lines.get(part.line).filter(|line| !line.is_left_out);
            let left = line.map_or(0, |line| line.quantity - line.came_back);
            if part.quantity == 0 || i64::from(part.quantity) > left {
                return Err("more_than_sold");
            }
        }
        let mut counted = 0;
        for part in parts {
            let Some(line) = of.lines.get_mut(part.line) else { continue };
            let (sold, before, now) = (line.quantity, line.came_back, i64::from(part.quantity));
            line.came_back += now;
            if line.counts {
                counted += share_back(line.cents, sold, before, now);
            }
            // an offline loss is nobody's to get back
            for share in of.shares.iter().filter(|share| share.line == part.line && share.from != "offline_loss") {
                let cents = share_back(share.cents, sold, before, now);
                if cents > 0 {
                    operation.shares.push(Share { line: share.line, from: share.to, to: share.from, cents });
                }
            }
        }
        let (card, day) = (of.card, of.book_date.clone());
        if let Some(card) = card.and_then(|card| self.cards.get_mut(&card))
            && day == self.today
            && card.day == self.today
        {
            card.day_spent = (card.day_spent - counted).max(0);
        }
        let client = operation.wallet.and_then(|wallet| self.clients.get_mut(&wallet));
        if let Some(client) = client {
            for share in operation.shares.iter().filter(|share| PURSES.contains(&share.to)) {
                *client.pots.entry(share.to).or_default() += share.cents;
            }
        }
        Ok(())
    }
}
