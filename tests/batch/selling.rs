//! Sales, what gives them back, and captures: the model's half of the till.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use pasje::domain::basket::BasketLine;
use pasje::domain::funding::LineKind;
use pasje::domain::hold::CaptureRequest;
use pasje::domain::refund::{Client, RefundRequest, VoidRequest};
use pasje::domain::sale::{Payer, SaleMode, SaleRequest, Terminal};
use pasje::domain::tap::Tap;
use uuid::Uuid;

use crate::model::{Ask, Draft, GREATEST, Leg, Model, Sold, Step, Stop, WRONG_MAC};
use crate::paying::{Item, Manner, Paid, Pots, counts_against_limits, disagrees, pay, returned};

const COUNTERS_REMEMBERED: u32 = 256;

impl Model<'_> {
    /// The card's wallet, or the client's by name; what no wallet of this organisation pays belongs to the organisation.
    pub fn buyer_of(&self, request: &SaleRequest) -> i64 {
        let own = i64::from(request.terminal.organisation.number()) << 32;
        let wallet = match request.payer {
            Payer::Card(Tap { card, .. }) => self.world.cards.get(&card).map(|card| card.wallet),
            Payer::ByName { wallet } => Some(wallet.field()).filter(|id| self.world.wallets.contains_key(id)),
        };
        wallet.filter(|wallet| wallet >> 32 == own >> 32).unwrap_or(own)
    }

    pub fn sell(&mut self, request: &SaleRequest, draft: &mut Draft, now: DateTime<Utc>) -> Step<&'static str> {
        let (is_forward, attempt) = match request.mode {
            SaleMode::Forward { instead_of } => (true, instead_of.map(|id| id.uuid())),
            _ => (false, None),
        };
        if attempt == Some(request.id.uuid()) {
            return Err(Stop::Problem("malformed"));
        }
        let too_new =
            |id: Uuid| id.as_u128() >> 80 > u128::from((now + Duration::minutes(5)).timestamp_millis().cast_unsigned());
        // an id that far ahead cannot be taken yet, and without a card no counter would stop the attempt when it comes
        let far =
            |id: Uuid| id.as_u128() >> 80 > u128::from((now + Duration::days(31)).timestamp_millis().cast_unsigned());
        if attempt.is_some_and(far) && matches!(request.payer, Payer::ByName { .. }) {
            return Err(Stop::Problem("id"));
        }
        draft.terminal = Some(request.terminal.id);
        draft.reply.reference = attempt;
        if let Payer::Card(Tap { card, counter, mac, .. }) = request.payer {
            self.card_may_pay(draft.owner, card, counter, mac, is_forward)?;
            draft.card = Some(card);
        } else if !self.world.wallets.contains_key(&draft.owner) {
            return Err(Stop::Outcome("card_unknown"));
        } else if !is_forward {
            self.is_open(draft.owner)?;
        }
        // what the online attempt sold after all, by service
        let mut sold: BTreeMap<Uuid, i128> = BTreeMap::new();
        if let Some(attempt) = attempt {
            match self.entries.get(&attempt) {
                None if recent(attempt, now) || too_new(attempt) && !far(attempt) => {
                    draft.tombstone = Some((attempt, "superseded"))
                }
                Some(first)
                    if first.owner == draft.owner
                        && first.terminal == draft.terminal
                        && first.reply.operation == "sale"
                        && ["approved", "approved_in_part"].contains(&first.reply.outcome) =>
                {
                    let Some(Ask::Sale(ask)) = &first.ask else { unreachable!() };
                    for (number, line) in first.lines.iter().filter(|(_, line)| line.left_out.is_none()) {
                        let given_back = self.books.refunded.get(&(attempt, *number)).copied().unwrap_or(0);
                        let service = ask.basket.lines()[usize::from(*number)].service;
                        *sold.entry(service).or_default() += line.quantity - given_back;
                    }
                }
                _ => {}
            }
        }
        let mut rest = Vec::new();
        for line in request.basket.lines() {
            let had = sold.get(&line.service).copied().unwrap_or(0).min(i128::from(line.quantity));
            *sold.entry(line.service).or_default() -= had;
            rest.push(i128::from(line.quantity) - had);
        }
        if rest.iter().all(|quantity| *quantity == 0) {
            return Ok("already_booked");
        }
        let items: Vec<Item> = request
            .basket
            .lines()
            .iter()
            .zip(&rest)
            .map(|(line, rest)| match u32::try_from(*rest).unwrap() {
                0 => nothing("already_booked"),
                quantity => self.price(request, draft.owner, &BasketLine { quantity, ..*line }, now),
            })
            .collect();
        let manner = match request.mode {
            SaleMode::Online => Manner::InPart,
            SaleMode::Whole => Manner::Whole,
            SaleMode::Forward { .. } => Manner::Delivered,
        };
        let limit = draft.card.filter(|_| !is_forward).and_then(|card| self.limit(card));
        let paid = pay(&self.client(draft.owner).rules, &self.pots(draft.owner), &items, manner, limit);
        if let Some(reason) = paid.declined {
            // nothing was sold, so the attempt may still come
            draft.tombstone = None;
            return Err(Stop::Outcome(reason));
        }
        for (number, (line, item)) in request.basket.lines().iter().zip(&items).enumerate() {
            if let (Some(hold), false, false) = (line.hold, item.hold.is_empty(), paid.left_out.contains_key(&number)) {
                for (purse, amount) in &item.hold {
                    draft.hold(hold.uuid(), purse, -amount);
                }
            }
            let quantity = if rest[number] == 0 { i128::from(line.quantity) } else { rest[number] };
            self.write_line(draft, number, quantity, item, &paid);
        }
        self.use_permissions(draft);
        Ok(if paid.left_out.is_empty() { "approved" } else { "approved_in_part" })
    }

    /// Everything that stops a card, in order; then its counter is used up.
    fn card_may_pay(&mut self, owner: i64, card: Uuid, counter: u32, mac: [u8; 16], forward: bool) -> Step<()> {
        let plastic = self.world.cards.get(&card).filter(|plastic| plastic.wallet == owner);
        let Some(plastic) = plastic else { return Err(Stop::Outcome("card_unknown")) };
        let today = self.today(owner);
        // what was delivered offline is booked, whatever has become of card and wallet since
        if !forward {
            if self.books.chips[&card].blocked {
                return Err(Stop::Outcome("card_blocked"));
            }
            if plastic.expires_on < today {
                return Err(Stop::Outcome("card_expired"));
            }
            self.is_open(owner)?;
        }
        if mac == WRONG_MAC {
            return Err(Stop::Outcome("card_mac_wrong"));
        }
        let chip = self.books.chips.get_mut(&card).unwrap();
        let is_old = counter <= chip.last && chip.last - counter >= COUNTERS_REMEMBERED;
        if counter == 0 || is_old && !forward {
            return Err(Stop::Outcome("counter_too_old"));
        }
        if chip.used.contains(&counter) {
            return Err(Stop::Outcome("counter_used"));
        }
        if counter < chip.last && !forward {
            return Err(Stop::Outcome("counter_too_old"));
        }
        chip.used.insert(counter);
        chip.last = chip.last.max(counter);
        Ok(())
    }

    fn limit(&self, card: Uuid) -> Option<i128> {
        let plastic = &self.world.cards[&card];
        let spent = self.books.chips[&card].spent_today;
        let day = plastic.day_limit.map(|limit| (i128::from(limit) - spent).max(0));
        let tap = plastic.tap_limit.map(i128::from);
        [day, tap].into_iter().flatten().min()
    }

    fn price(&self, request: &SaleRequest, wallet: i64, line: &BasketLine, now: DateTime<Utc>) -> Item {
        let client = self.client(wallet);
        let list = self.world.lists.get(&(request.terminal.location, request.price_list));
        // a version that this location never had tells no kind, so it stops every line
        let Some(list) = list else { return nothing("price_list_out_of_date") };
        let Some(tag) = list.prices.get(&(line.service, client.buyer)) else { return nothing("service_unknown") };
        let quantity = i128::from(line.quantity);
        let one = match client.unit {
            "EUR" => Some(tag.cents),
            "MIN" => tag.minutes,
            _ => tag.points,
        };
        let refusable = counts_against_limits(tag.kind);
        let is_forward = matches!(request.mode, SaleMode::Forward { .. });
        let is_stale = list.superseded_minutes_ago.is_some_and(|minutes| minutes >= 24 * 60);
        let by_name = matches!(request.payer, Payer::ByName { .. });
        let hold = line.hold.map(|hold| self.open_hold(wallet, hold.uuid(), now)).unwrap_or_default();
        Item {
            kind: tag.kind,
            price: i128::from(tag.cents) * quantity,
            units: one.map(|one| i128::from(one) * quantity),
            planned: !hold.is_empty(),
            consented: tag.from_savings,
            hold,
            barred: match refusable {
                true if is_stale && !is_forward => Some("price_list_out_of_date"),
                true if by_name => Some("card_needed"),
                _ => None,
            },
        }
    }

    /// What a hold of this wallet has left, if it is open.
    fn open_hold(&self, wallet: i64, hold: Uuid, now: DateTime<Utc>) -> Pots {
        let reservation = self.books.holds.get(&hold).filter(|reservation| {
            reservation.wallet == wallet && reservation.expires_at.is_none_or(|expires_at| now < expires_at)
        });
        let left = reservation.map(|reservation| reservation.left.clone()).unwrap_or_default();
        left.into_iter().filter(|(_, amount)| *amount > 0).collect()
    }

    fn pots(&self, wallet: i64) -> Pots {
        let mut pots: Pots = ["budget", "reserve", "savings", "credit", "credit_cents"]
            .into_iter()
            .map(|purse| (purse, self.free(wallet, purse)))
            .collect();
        let permitted: i128 = self.open_permissions(wallet).iter().map(|(_, left)| left).sum();
        pots.insert("buffer", permitted.min(self.buffer(wallet)));
        pots
    }

    fn buffer(&self, wallet: i64) -> i128 {
        let organisation = u16::try_from(wallet >> 32).unwrap();
        *self.books.accounts.get(&(organisation, self.client(wallet).unit, "buffer")).unwrap_or(&0)
    }

    /// Draws on the shared buffer that are open today, the one that began first first, with what is left of each.
    fn open_permissions(&self, wallet: i64) -> Vec<(Uuid, i128)> {
        let today = self.today(wallet);
        let mut open: Vec<_> = self
            .books
            .permissions
            .iter()
            .filter(|(_, one)| one.wallet == wallet && one.from <= today && today <= one.until)
            .collect();
        open.sort_by_key(|(id, one)| (one.from, **id));
        open.into_iter().map(|(id, one)| (*id, one.amount - one.used)).collect()
    }

    fn use_permissions(&mut self, draft: &Draft) {
        let mut taken: i128 = draft.reply.legs.iter().filter(|leg| leg.from == "buffer").map(|leg| leg.amount).sum();
        for (id, left) in self.open_permissions(draft.owner) {
            let used = taken.min(left);
            self.books.permissions.get_mut(&id).unwrap().used += used;
            taken -= used;
        }
        assert_eq!(taken, 0, "more was drawn than was permitted");
    }

    /// The line's legs, what it counts for, and what a refund will need.
    fn write_line(&mut self, draft: &mut Draft, number: usize, quantity: i128, item: &Item, paid: &Paid) {
        let line = u16::try_from(number).unwrap();
        let unit = self.client(draft.owner).unit;
        let left_out = paid.left_out.get(&number).copied();
        let sold = Sold { kind: item.kind, quantity, price: item.price, units: item.units, left_out };
        draft.lines.insert(line, sold);
        if let Some(reason) = left_out {
            draft.reply.left_out.insert(line, reason);
            return;
        }
        *draft.reply.approved_cents.get_or_insert(0) += item.price;
        if let (Some(card), true) = (draft.card, counts_against_limits(item.kind)) {
            self.books.chips.get_mut(&card).unwrap().spent_today += item.price;
        }
        for share in paid.shares.iter().filter(|share| share.line == number) {
            let overrun = if item.kind == "care" { "care_overrun" } else { "included_overrun" };
            let (from, unit) = match share.purse {
                "credit_cents" => ("credit", "EUR"),
                "overrun" => (overrun, unit),
                "overrun_cents" => (overrun, "EUR"),
                "offline_loss" => ("offline_loss", "EUR"),
                purse => (purse, unit),
            };
            let to = match item.kind {
                "care" => "care_delivered",
                "included" => "included_sales",
                "activity" => "activity_sales",
                "extra" => "extra_sales",
                _ => "own_sales",
            };
            let loss = share.purse == "offline_loss";
            draft.leg(Leg { line: Some(line), from, to, unit, amount: share.amount, loss });
        }
    }

    pub fn refund(&mut self, request: &RefundRequest, draft: &mut Draft) -> Step<&'static str> {
        let numbers: BTreeMap<u16, u32> = request.lines.iter().copied().collect();
        // no sale has a line of more than a thousand
        let possible = numbers.values().all(|now| *now <= 1000);
        if request.lines.is_empty() || request.lines.len() > 100 || numbers.len() != request.lines.len() || !possible {
            return Err(Stop::Problem("malformed"));
        }
        if request.terminal.organisation.number() != u16::try_from(draft.owner >> 32).unwrap() {
            return Err(Stop::Problem("unknown"));
        }
        self.is_here(request.sale.uuid(), &request.terminal)?;
        draft.terminal = Some(request.terminal.id);
        let parts: Vec<(u16, i128)> = request.lines.iter().map(|(line, now)| (*line, i128::from(*now))).collect();
        self.give_back(request.sale.uuid(), &parts, draft)
    }

    fn give_back(&mut self, sale: Uuid, parts: &[(u16, i128)], draft: &mut Draft) -> Step<&'static str> {
        let first = self.entries[&sale].clone();
        if !["approved", "approved_in_part"].contains(&first.reply.outcome) {
            return Err(Stop::Outcome("not_approved"));
        }
        let before = |books: &crate::model::Books, line: u16| books.refunded.get(&(sale, line)).copied().unwrap_or(0);
        for (line, now) in parts {
            let sold = first.lines.get(line).filter(|sold| sold.left_out.is_none());
            if sold.is_none_or(|sold| *now < 1 || before(&self.books, *line) + now > sold.quantity) {
                return Err(Stop::Outcome("more_than_sold"));
            }
        }
        let is_closed = self.books.closed.contains(&draft.owner);
        for (line, now) in parts {
            let (sold, before) = (&first.lines[line], before(&self.books, *line));
            for leg in first.reply.legs.iter().filter(|leg| leg.line == Some(*line) && !leg.loss) {
                let back_to = match leg.from {
                    "budget" | "reserve" | "savings" if is_closed => "lapsed",
                    "credit" if is_closed => "payable",
                    payer => payer,
                };
                let amount = returned(leg.amount, sold.quantity, before, *now);
                draft.leg(Leg { line: Some(*line), from: leg.to, to: back_to, unit: leg.unit, amount, loss: false });
            }
            if let (Some(card), true) = (first.card, counts_against_limits(sold.kind)) {
                let chip = self.books.chips.get_mut(&card).unwrap();
                chip.spent_today = (chip.spent_today - returned(sold.price, sold.quantity, before, *now)).max(0);
            }
            *self.books.refunded.entry((sale, *line)).or_default() += now;
        }
        Ok("booked")
    }

    /// A sale of another location does not exist for this terminal.
    fn is_here(&self, sale: Uuid, terminal: &Terminal) -> Step<()> {
        let first = &self.entries[&sale];
        let stood = self.world.terminals.iter().find(|counter| Some(counter.id) == first.terminal);
        match stood {
            Some(counter) if first.reply.operation == "sale" && counter.location != terminal.location => {
                Err(Stop::Problem("unknown"))
            }
            _ => Ok(()),
        }
    }

    /// The wallet of the sale, or of who would have paid it.
    pub fn voided_wallet(&self, request: &VoidRequest, sale: Uuid) -> Result<i64, &'static str> {
        let organisation = i64::from(request.terminal.organisation.number());
        let is_ours = |wallet: &i64| wallet >> 32 == organisation;
        match (self.entries.get(&sale), request.client) {
            (Some(first), _) => Some(first.owner).filter(|_| first.reply.operation == "sale").filter(is_ours),
            // a client who is not known here has no wallet to lock; the sale is cancelled all the same
            (None, Client::Card(card)) => {
                let wallet = self.world.cards.get(&card).map(|card| card.wallet).filter(is_ours);
                Some(wallet.unwrap_or(organisation << 32))
            }
            (None, Client::Wallet(wallet)) if is_ours(&wallet.field()) => {
                Some(wallet.field()).filter(|id| self.world.wallets.contains_key(id))
            }
            (None, Client::Wallet(_)) => Some(organisation << 32),
        }
        .ok_or("unknown")
    }

    pub fn void(&mut self, request: &VoidRequest, draft: &mut Draft, now: DateTime<Utc>) -> Step<&'static str> {
        let sale = request.sale.uuid();
        if request.id == request.sale {
            return Err(Stop::Problem("malformed"));
        }
        draft.terminal = Some(request.terminal.id);
        let Some(first) = self.entries.get(&sale) else {
            // an id that no sale can come under any more has no place in the ledger
            if !recent(sale, now) {
                return Err(Stop::Problem("id"));
            }
            draft.tombstone = Some((sale, "cancelled"));
            return Ok("cancelled_beforehand");
        };
        self.is_here(sale, &request.terminal)?;
        if first.terminal != draft.terminal {
            return Err(Stop::Outcome("other_terminal"));
        }
        if first.ask.is_none() && first.reply.outcome == "cancelled" {
            return Ok("cancelled_beforehand");
        }
        if !["approved", "approved_in_part"].contains(&first.reply.outcome) {
            return Err(Stop::Outcome("not_approved"));
        }
        let left = |(line, sold): (&u16, &Sold)| {
            let left = sold.quantity - self.books.refunded.get(&(sale, *line)).copied().unwrap_or(0);
            (sold.left_out.is_none() && left > 0).then_some((*line, left))
        };
        let parts: Vec<(u16, i128)> = first.lines.iter().filter_map(left).collect();
        if parts.is_empty() {
            return Err(Stop::Outcome("nothing_left"));
        }
        self.give_back(sale, &parts, draft)
    }

    pub fn capture(&mut self, request: &CaptureRequest, draft: &mut Draft, now: DateTime<Utc>) -> Step<&'static str> {
        let wide = |amount: i64| i128::from(amount);
        let item = Item {
            kind: match request.kind {
                LineKind::Care => "care",
                LineKind::Included => "included",
                LineKind::Activity => "activity",
                LineKind::Extra => "extra",
                LineKind::Own => "own",
            },
            price: wide(request.price_cents),
            units: request.units.map(wide),
            planned: true,
            consented: request.from_savings,
            hold: self.books.holds.get(&request.hold.uuid()).map(|hold| hold.left.clone()).unwrap_or_default(),
            barred: None,
        };
        let client = self.client(draft.owner);
        let in_range = |amount: i128| (0..=GREATEST).contains(&amount);
        if !(1..=1000).contains(&request.quantity)
            || !in_range(item.price)
            || !item.units.is_none_or(in_range)
            || disagrees(client.unit, &item)
        {
            return Err(Stop::Problem("malformed"));
        }
        self.is_open(draft.owner)?;
        if item.hold.values().sum::<i128>() == 0 {
            return Err(Stop::Outcome("hold_not_open"));
        }
        if self.open_hold(draft.owner, request.hold.uuid(), now).is_empty() {
            return Err(Stop::Outcome("hold_expired"));
        }
        let mut pots = self.pots(draft.owner);
        pots.remove("buffer");
        let paid = pay(&client.rules, &pots, std::slice::from_ref(&item), Manner::Whole, None);
        if paid.declined.is_some() {
            return Err(Stop::Outcome("insufficient_funds"));
        }
        for (purse, left) in &item.hold {
            let taken: i128 = paid.shares.iter().filter(|share| share.purse == *purse).map(|share| share.amount).sum();
            let given_back = if request.is_last { *left } else { taken.min(*left) };
            draft.hold(request.hold.uuid(), purse, -given_back);
        }
        self.write_line(draft, 0, i128::from(request.quantity), &item, &paid);
        Ok("approved")
    }
}

/// Whether an operation may still come under this id.
fn recent(id: Uuid, now: DateTime<Utc>) -> bool {
    let millis = i64::try_from(id.as_u128() >> 80).unwrap();
    DateTime::<Utc>::from_timestamp_millis(millis)
        .is_some_and(|made| made >= now - Duration::days(35) && made <= now + Duration::minutes(5))
}

/// A line that is left out before money is looked at.
fn nothing(reason: &'static str) -> Item {
    Item {
        kind: "own",
        price: 0,
        units: None,
        planned: false,
        consented: false,
        hold: Pots::new(),
        barred: Some(reason),
    }
}
