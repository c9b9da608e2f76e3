//! What comes back of a sale: parts of it, or all.

use uuid::Uuid;

use super::paying::{Share, share_back};
use super::reading::{BackText, ClientText, PayerText, RefundText, VoidText};
use super::selling::{Ask, TOO_NEW, check_window};
use super::{Delivery, Expected, Model, Operation, PURSES};

/// What is asked back.
enum Wish {
    Parts(Vec<BackText>),
    /// Of this client, where the sale has not come.
    All(ClientText),
}

impl Model {
    pub(super) fn post_refund(&mut self, delivery: &Delivery<'_>, sale: &str) -> Expected {
        let malformed = Expected::Problem((422, "request-malformed"));
        let sale = Uuid::try_parse(sale).unwrap_or_default();
        let Ok(refund) = serde_json::from_slice::<RefundText>(delivery.body) else { return malformed };
        let request = format!("{sale} {} {:?} {:?}", delivery.terminal, refund.staff, refund.lines);
        self.give_back(delivery, refund.id, sale, request, Wish::Parts(refund.lines))
    }

    pub(super) fn post_void(&mut self, delivery: &Delivery<'_>, sale: &str) -> Expected {
        let malformed = Expected::Problem((422, "request-malformed"));
        let sale = Uuid::try_parse(sale).unwrap_or_default();
        let Ok(void) = serde_json::from_slice::<VoidText>(delivery.body) else { return malformed };
        let request = format!("{sale} {} {:?} {:?}", delivery.terminal, void.staff, void.client);
        self.give_back(delivery, void.id, sale, request, Wish::All(void.client))
    }

    fn give_back(&mut self, delivery: &Delivery<'_>, id: Uuid, sent: Uuid, request: String, wish: Wish) -> Expected {
        let terminal = delivery.terminal;
        let kind = if matches!(wish, Wish::All(_)) { "void" } else { "refund" };
        let here = self.terminals.get(&terminal).map(|terminal| terminal.location).unwrap_or_default();
        let sale = self.meant(sent, terminal);
        let of = self.operations.get(&sale).filter(|of| of.kind == "sale").cloned();
        if of.as_ref().is_some_and(|of| of.location != here) || (of.is_none() && kind == "refund") {
            return Expected::Problem((404, "sale-unknown"));
        }
        if let Some(known) = self.operations.get(&id) {
            let is_same = known.kind == kind && known.request.as_ref() == Some(&request);
            return if is_same { Expected::Operation(id) } else { Expected::Problem((409, "id-reused")) };
        }
        if let Err(problem) = check_window(id, delivery.now_ms) {
            return Expected::Problem(problem);
        }
        if of.is_none() && self.is_renamed(sale) {
            // another location's, booked under an id that its terminal was told
            return Expected::Problem((404, "sale-unknown"));
        }
        let mut operation = self.giving_back(kind, terminal, here);
        operation.reference = Some(sale);
        operation.request = Some(request);
        let ended = match (wish, of) {
            (Wish::Parts(parts), _) => self.bring_back(sale, &parts, &mut operation),
            (Wish::All(_), Some(of)) => self.undo(sale, &of, &mut operation),
            (Wish::All(client), None) => {
                if let Err(problem) = check_window(sale, delivery.now_ms) {
                    return Expected::Problem(problem);
                }
                operation.wallet = self.wallet_of(&client);
                self.bury(sale, "cancelled", id, &operation);
                Err("cancelled_beforehand")
            }
        };
        write_end(&mut operation, ended);
        self.operations.insert(id, operation);
        Expected::Operation(id)
    }

    /// Whether a sale, or the attempt that it took the place of, stands at another location than this terminal now.
    pub fn is_elsewhere(&self, sale: Uuid, terminal: Uuid) -> bool {
        let sale = self.meant(sale, terminal);
        let of = self.operations.get(&sale);
        let attempt = of.and_then(|of| of.reference).and_then(|attempt| self.operations.get(&attempt));
        let mut all = of.into_iter().chain(attempt).filter(|of| of.kind == "sale");
        all.any(|of| !self.stands_at(terminal, of.location))
    }

    /// The attempt that a sale took the place of.
    pub fn attempt_named_by(&self, sale: Uuid) -> Option<Uuid> {
        self.operations.get(&sale).filter(|of| of.kind == "sale" && of.request.is_some())?.reference
    }

    /// Whether a sale was undone whole.
    pub fn is_voided(&self, sale: Uuid) -> bool {
        let is_it = |of: &Operation| of.kind == "void" && of.outcome == "booked" && of.reference == Some(sale);
        self.operations.values().any(is_it)
    }

    /// What came back of a sale's lines.
    pub fn came_back(&self, sale: Uuid) -> Vec<(Uuid, i64)> {
        let lines = self.operations.get(&sale).map_or(&[][..], |of| &of.lines);
        lines.iter().map(|line| (line.service, line.came_back)).collect()
    }

    fn giving_back(&self, kind: &'static str, terminal: Uuid, location: Uuid) -> Operation {
        Operation {
            kind,
            outcome: "booked",
            reason: None,
            reference: None,
            left_out: std::collections::BTreeMap::new(),
            shares: Vec::new(),
            approved: None,
            told: None,
            request: None,
            wallet: None,
            card: None,
            terminal,
            location,
            lines: Vec::new(),
            book_date: self.today.clone(),
            bytes: None,
        }
    }

    /// All of a sale comes back, and with a forward what its online attempt sold of the same goods.
    fn undo(&mut self, sale: Uuid, of: &Operation, operation: &mut Operation) -> Result<(), &'static str> {
        if of.terminal != operation.terminal {
            return Err("other_terminal");
        }
        if of.reason == Some("cancelled") {
            return Err("cancelled_beforehand");
        }
        let attempt = self.attempt_of(of);
        if of.approved.is_none() {
            return attempt.map_or(Err("not_approved"), |attempt| self.bring_all_back(attempt, operation));
        }
        let ended = self.bring_all_back(sale, operation);
        let Some(attempt) = attempt else { return ended };
        match ended {
            Ok(()) => {
                let mut beside = self.giving_back("void", operation.terminal, operation.location);
                match self.bring_all_back(attempt, &mut beside) {
                    Ok(()) => {
                        let id = self.unnamed_id(0);
                        self.operations.insert(id, beside);
                    }
                    Err("nothing_left") => {}
                    Err(_) => self.look_at_attempt(sale, "attempt_not_undone"),
                }
                Ok(())
            }
            Err("nothing_left") => {
                let mut instead = operation.clone();
                match self.bring_all_back(attempt, &mut instead) {
                    Ok(()) => {
                        *operation = instead;
                        return Ok(());
                    }
                    Err("nothing_left") => {}
                    Err(_) => self.look_at_attempt(sale, "attempt_not_undone"),
                }
                Err("nothing_left")
            }
            ended => ended,
        }
    }

    /// The office must look at what became of a forward's attempt.
    fn look_at_attempt(&mut self, forward: Uuid, why: &'static str) {
        let record = self.record_of(forward);
        self.attempts.extend(record.map(|(terminal, sequence)| (terminal, sequence, why)));
    }

    /// The sold attempt of a forward, if it was the same client's and terminal's.
    fn attempt_of(&self, forward: &Operation) -> Option<Uuid> {
        let id = forward.reference.filter(|_| forward.request.is_some())?;
        let attempt = self.operations.get(&id).filter(|attempt| attempt.kind == "sale")?;
        let is_same_tap = attempt.wallet == forward.wallet && attempt.terminal == forward.terminal;
        (is_same_tap && attempt.approved.is_some()).then_some(id)
    }

    fn bring_all_back(&mut self, sale: Uuid, operation: &mut Operation) -> Result<(), &'static str> {
        operation.reference = Some(sale);
        let Some(of) = self.operations.get(&sale) else { return Err("not_approved") };
        if of.book_date != self.today {
            return Err("other_day");
        }
        let mut parts = Vec::new();
        for (number, line) in of.lines.iter().enumerate().filter(|(_, line)| !line.is_left_out) {
            let left = line.quantity - line.came_back;
            if left > 0 {
                parts.push(BackText { line: number, quantity: u32::try_from(left).unwrap_or(0) });
            }
        }
        if parts.is_empty() {
            return Err("nothing_left");
        }
        self.bring_back(sale, &parts, operation)
    }

    /// What is still to be done about a judged forward's attempt.
    pub(super) fn end_attempt(&mut self, ask: &Ask<'_>) -> Option<&'static str> {
        let attempt = ask.sale.instead_of?;
        let forward = self.operations.get(&ask.sale.id)?;
        let is_voided = forward.reason == Some("cancelled");
        if !is_voided && forward.approved.is_none() {
            return None;
        }
        let tried = self.operations.get(&attempt).cloned();
        let is_sold = tried.as_ref().is_some_and(|tried| tried.kind == "sale" && tried.approved.is_some());
        let is_same_tap =
            tried.as_ref().is_none_or(|tried| tried.terminal == ask.terminal && tried.wallet == forward.wallet);
        if !is_voided || !is_same_tap {
            return (is_sold && !is_same_tap).then_some("attempt_elsewhere");
        }
        if tried.is_some() && !is_sold {
            return None;
        }
        let is_revoked = self.terminals.get(&ask.terminal).is_some_and(|terminal| terminal.is_revoked);
        let is_undone = !is_revoked && self.void_attempt(ask, attempt, tried.as_ref());
        let is_ahead = !is_revoked && check_window(attempt, ask.now_ms) == Err(TOO_NEW);
        match (is_undone, is_sold) {
            (true, _) => None,
            (false, true) => Some("attempt_not_undone"),
            (false, false) => is_ahead.then_some("attempt_ahead"),
        }
    }

    /// As if the terminal had asked.
    fn void_attempt(&mut self, ask: &Ask<'_>, attempt: Uuid, tried: Option<&Operation>) -> bool {
        let mut void = self.giving_back("void", ask.terminal, ask.location);
        void.reference = Some(attempt);
        let id = self.unnamed_id(0);
        let ended = match tried {
            Some(tried) if tried.location != ask.location => return false,
            Some(tried) => self.undo(attempt, tried, &mut void),
            None => {
                if check_window(attempt, ask.now_ms).is_err() {
                    return false;
                }
                void.wallet = match &ask.sale.payer {
                    PayerText::Wallet(number) => Some(*number),
                    PayerText::Card(tap) => self.cards.get(&tap.id).map(|card| card.wallet),
                };
                self.bury(attempt, "cancelled", id, &void);
                Err("cancelled_beforehand")
            }
        };
        write_end(&mut void, ended);
        self.operations.insert(id, void);
        matches!(ended, Ok(()) | Err("nothing_left" | "cancelled_beforehand"))
    }

    fn wallet_of(&self, client: &ClientText) -> Option<u32> {
        match client {
            ClientText::Wallet(number) => Some(*number),
            ClientText::Card(card) => self.cards.get(card).map(|card| card.wallet),
        }
    }

    /// All parts or none.
    fn bring_back(&mut self, sale: Uuid, parts: &[BackText], operation: &mut Operation) -> Result<(), &'static str> {
        let Some(of) = self.operations.get_mut(&sale) else { return Err("not_approved") };
        operation.wallet = of.wallet;
        if of.approved.is_none() {
            return Err("not_approved");
        }
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

fn write_end(operation: &mut Operation, ended: Result<(), &'static str>) {
    match ended {
        Ok(()) => operation.outcome = "booked",
        Err("cancelled_beforehand") => operation.outcome = "cancelled_beforehand",
        Err(reason) => {
            operation.outcome = "declined";
            operation.reason = Some(reason);
        }
    }
}
