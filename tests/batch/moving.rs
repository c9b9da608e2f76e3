//! Everything that is no sale: own money in and out, points bought, amounts set aside, months granted and closed.

use chrono::{DateTime, Datelike, Utc};
use pasje::domain::draw::DrawRequest;
use pasje::domain::exchange::{ExchangeBackRequest, ExchangeRequest};
use pasje::domain::funding::PurseName;
use pasje::domain::grant::GrantRequest;
use pasje::domain::hold::{HoldRequest, ReleaseRequest};
use pasje::domain::payout::{PayoutRequest, PayoutStep, PayoutStepRequest};
use pasje::domain::saving::{CloseRequest, Fate};
use pasje::domain::top_up::{Till, TopUpRequest, TopUpReversalRequest};

use crate::model::{Ask, Draft, GREATEST, Leg, Model, Outgoing, Permission, Reservation, Step, Stop, asked};
use crate::paying::{price_of, returned, units_of};

pub fn purse_name(purse: PurseName) -> &'static str {
    match purse {
        PurseName::Budget => "budget",
        PurseName::Reserve => "reserve",
        PurseName::Savings => "savings",
        PurseName::Credit => "credit",
        PurseName::CreditCents => "credit_cents",
    }
}

fn till(till: Till) -> &'static str {
    match till {
        Till::Bank => "bank",
        Till::Cash => "cash",
    }
}

impl Model<'_> {
    fn afford(&self, wallet: i64, purse: &'static str, amount: i128) -> Step<()> {
        if self.free(wallet, purse) < amount { Err(Stop::Outcome("insufficient_funds")) } else { Ok(()) }
    }

    pub fn top_up(&mut self, request: &TopUpRequest, draft: &mut Draft) -> Step<&'static str> {
        let cents = asked(request.cents)?;
        self.is_open(draft.owner)?;
        draft.leg(Leg::new(till(request.from), "credit", "EUR", cents));
        Ok("booked")
    }

    pub fn reverse(&mut self, request: &TopUpReversalRequest, draft: &mut Draft) -> Step<&'static str> {
        let cents = asked(request.cents)?;
        let first = &self.entries[&request.top_up.uuid()];
        if first.reply.outcome != "booked" {
            return Err(Stop::Outcome("not_approved"));
        }
        let Some(Ask::TopUp(top_up)) = &first.ask else { return Err(Stop::Problem("unknown")) };
        let earlier: i128 = self
            .booked_after(request.top_up.uuid(), "top_up_reversal")
            .flat_map(|entry| &entry.reply.legs)
            .map(|leg| leg.amount)
            .sum();
        if earlier + cents > i128::from(top_up.cents) {
            return Err(Stop::Outcome("more_than_topped_up"));
        }
        let own = cents.min(self.free(draft.owner, "credit_cents"));
        draft.leg(Leg::new("credit", till(top_up.from), "EUR", own));
        draft.leg(Leg::new("receivable", till(top_up.from), "EUR", cents - own));
        Ok("booked")
    }

    pub fn exchange(&mut self, request: &ExchangeRequest, draft: &mut Draft) -> Step<&'static str> {
        let (points, value) = (asked(request.points)?, asked(request.value_cents)?);
        let price = price_of(points, value, 100);
        if self.client(draft.owner).unit != "PNT" || price > GREATEST {
            return Err(Stop::Problem("malformed"));
        }
        self.is_open(draft.owner)?;
        self.afford(draft.owner, "credit_cents", price)?;
        draft.leg(Leg::new("credit", "own_exchange", "EUR", price));
        draft.leg(Leg::new("own_exchange", "credit", "PNT", points));
        Ok("booked")
    }

    pub fn exchange_back(&mut self, request: &ExchangeBackRequest, draft: &mut Draft) -> Step<&'static str> {
        let points = asked(request.points)?;
        let first = &self.entries[&request.exchange.uuid()];
        if first.reply.outcome != "booked" {
            return Err(Stop::Outcome("not_approved"));
        }
        let of =
            |unit: &str| first.reply.legs.iter().filter(|leg| leg.unit == unit).map(|leg| leg.amount).sum::<i128>();
        let (bought, price) = (of("PNT"), of("EUR"));
        let earlier: i128 = self
            .booked_after(request.exchange.uuid(), "exchange_back")
            .flat_map(|entry| &entry.reply.legs)
            .filter(|leg| leg.unit == "PNT")
            .map(|leg| leg.amount)
            .sum();
        if earlier + points > bought {
            return Err(Stop::Outcome("more_than_bought"));
        }
        self.afford(draft.owner, "credit", points)?;
        draft.leg(Leg::new("credit", "own_exchange", "PNT", points));
        draft.leg(Leg::new("own_exchange", "credit", "EUR", returned(price, bought, earlier, points)));
        Ok("booked")
    }

    pub fn set_aside(&mut self, request: &HoldRequest, draft: &mut Draft) -> Step<&'static str> {
        let unit = self.client(draft.owner).unit;
        let mut left = std::collections::BTreeMap::new();
        for (purse, amount) in &request.amounts {
            let twice = left.insert(purse_name(*purse), asked(*amount)?).is_some();
            if twice || (*purse == PurseName::Credit && unit != "PNT") {
                return Err(Stop::Problem("malformed"));
            }
        }
        if left.is_empty() {
            return Err(Stop::Problem("malformed"));
        }
        self.is_open(draft.owner)?;
        for (purse, amount) in &left {
            self.afford(draft.owner, purse, *amount)?;
        }
        for (purse, amount) in left {
            draft.hold(request.id.uuid(), purse, amount);
        }
        let reservation = Reservation { wallet: draft.owner, left: Default::default(), expires_at: request.expires_at };
        self.books.holds.insert(request.id.uuid(), reservation);
        Ok("booked")
    }

    pub fn release(&mut self, request: &ReleaseRequest, draft: &mut Draft, now: DateTime<Utc>) -> Step<&'static str> {
        let hold = self.books.holds.get(&request.hold.uuid());
        let Some(hold) = hold.filter(|hold| hold.left.values().any(|left| *left > 0)) else {
            return Err(Stop::Outcome("hold_not_open"));
        };
        if request.expired && hold.expires_at.is_none_or(|expires_at| now < expires_at) {
            return Err(Stop::Outcome("hold_not_expired"));
        }
        for (purse, left) in hold.left.clone() {
            draft.hold(request.hold.uuid(), purse, -left);
        }
        Ok("booked")
    }

    pub fn grant(&mut self, request: &GrantRequest, draft: &mut Draft) -> Step<&'static str> {
        let (unit, grant) = (self.client(draft.owner).unit, &request.grant);
        let parts = [grant.overhead, grant.collective, grant.reserve, grant.buffer, grant.budget];
        let value = grant.unit_value_cents.map(i128::from);
        let given_in = if unit == "MIN" && value.is_none() { "MIN" } else { "EUR" };
        let value_fits = match (unit, value) {
            ("EUR", value) => value.is_none(),
            ("PNT", value) => value.is_some_and(|value| value > 0),
            (_, value) => value.is_none_or(|value| value > 0),
        };
        if grant.unit.name() != unit
            || !value_fits
            || request.month.day() != 1
            || parts.iter().any(|part| part.unit().name() != given_in)
            || parts.iter().all(|part| part.minor() == 0)
        {
            return Err(Stop::Problem("malformed"));
        }
        if self.books.granted.contains(&(draft.owner, request.month)) {
            return Err(Stop::Outcome("already_granted"));
        }
        self.is_open(draft.owner)?;
        self.books.granted.insert((draft.owner, request.month));
        for (part, account) in parts.into_iter().zip(["overhead", "collective"]) {
            draft.leg(Leg::new("wlz_funding", account, given_in, i128::from(part.minor())));
        }
        let mut carry = 0;
        for (part, purse) in parts[2..].iter().zip(["reserve", "buffer", "budget"]) {
            let given = i128::from(part.minor());
            let Some(value) = value else {
                draft.leg(Leg::new("wlz_funding", purse, unit, given));
                continue;
            };
            let have = given + carry;
            let (units, worth) = units_of(have, value, if unit == "PNT" { 100 } else { 60 });
            carry = have - worth;
            if units > GREATEST {
                return Err(Stop::Problem("malformed"));
            }
            draft.leg(Leg::new("wlz_funding", "grant_exchange", "EUR", worth));
            draft.leg(Leg::new("grant_exchange", purse, unit, units));
        }
        draft.leg(Leg::new("wlz_funding", "rounding", "EUR", carry));
        Ok("booked")
    }

    pub fn close(&mut self, request: &CloseRequest, draft: &mut Draft) -> Step<&'static str> {
        let amount = asked(request.amount)?;
        let unit = self.client(draft.owner).unit;
        let from = purse_name(request.from);
        let to = match (request.fate, from) {
            (Fate::Save, "budget" | "reserve") => "savings",
            (Fate::Lapse, "budget" | "reserve" | "savings") => "lapsed",
            _ => return Err(Stop::Problem("malformed")),
        };
        if request.fate == Fate::Save {
            self.is_open(draft.owner)?;
        }
        self.afford(draft.owner, from, amount)?;
        draft.leg(Leg::new(from, to, unit, amount));
        Ok("booked")
    }

    pub fn ask_payout(&mut self, request: &PayoutRequest, draft: &mut Draft) -> Step<&'static str> {
        let cents = asked(request.cents)?;
        self.afford(draft.owner, "credit_cents", cents)?;
        draft.hold(request.id.uuid(), "credit_cents", cents);
        let payout = Outgoing { cents, status: "asked", asked_by: request.staff, approved_by: Default::default() };
        self.books.payouts.insert(request.id.uuid(), payout);
        Ok("booked")
    }

    pub fn step_payout(&mut self, request: &PayoutStepRequest, draft: &mut Draft) -> Step<&'static str> {
        let id = request.payout.uuid();
        let payout = self.books.payouts.get_mut(&id);
        match (request.step, payout) {
            (PayoutStep::Paid { from }, Some(payout)) if payout.status == "approved" => {
                payout.status = "paid";
                draft.leg(Leg::new("payable", till(from), "EUR", payout.cents));
            }
            (PayoutStep::Paid { .. }, Some(_)) => return Err(Stop::Outcome("payout_not_approved")),
            (PayoutStep::Approve { staff }, Some(payout)) if payout.status == "asked" => {
                if staff == payout.asked_by || !payout.approved_by.insert(staff) {
                    return Err(Stop::Outcome("same_person"));
                }
                if payout.approved_by.len() == 2 {
                    payout.status = "approved";
                    let cents = payout.cents;
                    draft.hold(id, "credit_cents", -cents);
                    draft.leg(Leg::new("credit", "payable", "EUR", cents));
                }
            }
            (PayoutStep::Withdraw { .. }, Some(payout)) if payout.status == "asked" => {
                payout.status = "withdrawn";
                let cents = payout.cents;
                draft.hold(id, "credit_cents", -cents);
            }
            // none: it was asked for and declined
            _ => return Err(Stop::Outcome("payout_not_open")),
        }
        Ok("booked")
    }

    pub fn permit(&mut self, request: &DrawRequest, draft: &mut Draft) -> Step<&'static str> {
        let amount = asked(request.amount)?;
        if request.until < request.from {
            return Err(Stop::Problem("malformed"));
        }
        self.is_open(draft.owner)?;
        let permission = Permission { wallet: draft.owner, amount, used: 0, from: request.from, until: request.until };
        self.books.permissions.insert(request.id.uuid(), permission);
        Ok("booked")
    }
}
