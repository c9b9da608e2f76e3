//! What the office asks, by dice: own money, holds, grants, closes, payouts, draws.

use super::{Generator, field};
use crate::model::{Ask, Model};
use crate::moving::purse_name;
use chrono::{Duration, Months};
use pasje::domain::draw::DrawRequest;
use pasje::domain::exchange::{ExchangeBackRequest, ExchangeRequest};
use pasje::domain::funding::{LineKind, PurseName};
use pasje::domain::grant::{Grant, GrantRequest};
use pasje::domain::hold::{CaptureRequest, HoldRequest, ReleaseRequest};
use pasje::domain::money::{Amount, Unit};
use pasje::domain::operation::OperationId;
use pasje::domain::payout::{PayoutRequest, PayoutStep, PayoutStepRequest};
use pasje::domain::saving::{CloseRequest, Fate};
use pasje::domain::top_up::{TopUpRequest, TopUpReversalRequest};

impl Generator<'_> {
    pub(super) fn top_up(&mut self) -> Ask {
        let (id, wallet, from) = (self.id(), self.some_wallet(), self.till());
        let cents = if self.dice.chance(2) { 1_000_000_000_000 } else { self.amount(3000) };
        Ask::TopUp(TopUpRequest { id, wallet, cents, from })
    }

    pub(super) fn reversal(&mut self, model: &Model) -> Ask {
        let (id, top_up) = (self.id(), self.reference(|ask| matches!(ask, Ask::TopUp(_))));
        let around = match model.entries.get(&top_up.uuid()).and_then(|entry| entry.ask.clone()) {
            Some(Ask::TopUp(request)) => i128::from(request.cents),
            _ => 100,
        };
        Ask::TopUpReversal(TopUpReversalRequest { id, top_up, cents: self.amount(around) })
    }

    pub(super) fn exchange(&mut self, model: &Model) -> Ask {
        let points = self.world.wallets.iter().filter(|(_, client)| client.unit == "PNT");
        let points: Vec<i64> = points.map(|(id, _)| *id).collect();
        let wallet = if self.dice.chance(5) { self.wallet() } else { *self.dice.pick(&points).unwrap() };
        let value_cents = match self.dice.below(30) {
            0 => 0,
            1 => -5,
            2 => i64::MAX,
            _ => self.dice.between(1, 250),
        };
        let points = self.amount(model.free(wallet, "credit_cents"));
        Ask::Exchange(ExchangeRequest { id: self.id(), wallet: field(wallet), points, value_cents })
    }

    pub(super) fn exchange_back(&mut self, model: &Model) -> Ask {
        let (id, exchange) = (self.id(), self.reference(|ask| matches!(ask, Ask::Exchange(_))));
        let around = match model.entries.get(&exchange.uuid()).and_then(|entry| entry.ask.clone()) {
            Some(Ask::Exchange(request)) => i128::from(request.points),
            _ => 100,
        };
        Ask::ExchangeBack(ExchangeBackRequest { id, exchange, points: self.amount(around) })
    }

    pub(super) fn hold(&mut self, model: &Model) -> Ask {
        let wallet = self.some_wallet();
        let mut amounts = Vec::new();
        for purse in PurseName::ALL {
            let percent = if purse == PurseName::Budget { 75 } else { 15 };
            if self.dice.chance(percent) {
                let free = model.free(wallet.field(), purse_name(purse));
                if free > 0 || self.dice.chance(10) {
                    amounts.push((purse, self.amount(free.max(1))));
                }
            }
        }
        if self.dice.chance(2) {
            amounts.extend_from_within(..);
        }
        let expires_at = match self.dice.below(6) {
            0 => Some(self.now - Duration::minutes(1)),
            1 => Some(self.now + Duration::days(2)),
            _ => None,
        };
        Ask::Hold(HoldRequest { id: self.id(), wallet, amounts, expires_at })
    }

    pub(super) fn hold_to_use(&mut self, model: &Model) -> OperationId {
        let holds = &model.books.holds;
        let open = |ask: &Ask| {
            holds.get(&ask.id()).is_some_and(|hold| hold.left.values().any(|left| *left > 0))
                && matches!(ask, Ask::Hold(_))
        };
        if self.dice.chance(85) && self.asked.iter().any(open) {
            self.reference(open)
        } else {
            self.reference(|ask| matches!(ask, Ask::Hold(_)))
        }
    }

    pub(super) fn capture(&mut self, model: &Model) -> Ask {
        let (id, hold) = (self.id(), self.hold_to_use(model));
        let reservation = model.books.holds.get(&hold.uuid());
        let unit = reservation.map_or("EUR", |one| self.world.wallets[&one.wallet].unit);
        let left: i128 = reservation.map_or(100, |one| one.left.values().sum());
        let price_cents = if self.dice.chance(8) { 0 } else { self.amount(left * 3 / 2) };
        let units = match unit {
            "EUR" => Some(price_cents),
            _ if self.dice.chance(15) => None,
            _ if price_cents == 0 => Some(0),
            _ => Some(self.amount(left)),
        };
        let units = if self.dice.chance(2) { Some(price_cents / 2) } else { units };
        let kind = [LineKind::Care, LineKind::Included, LineKind::Activity, LineKind::Extra, LineKind::Own];
        Ask::Capture(CaptureRequest {
            id,
            hold,
            service: *self.dice.pick(&self.world.services).unwrap(),
            quantity: if self.dice.chance(2) { 0 } else { 1 + self.below_u32(4) },
            kind: *self.dice.pick(&kind).unwrap(),
            price_cents,
            units,
            vat_basis_points: 900,
            from_savings: self.dice.chance(40),
            is_last: self.dice.chance(35),
        })
    }

    pub(super) fn release(&mut self, model: &Model) -> Ask {
        let (id, hold) = (self.id(), self.hold_to_use(model));
        Ask::Release(ReleaseRequest { id, hold, expired: self.dice.chance(60) })
    }

    pub(super) fn grant(&mut self, wallet: i64, absurd: bool) -> Ask {
        let unit = self.world.wallets.get(&wallet).map_or("EUR", |client| client.unit);
        let unit = if absurd && self.dice.chance(30) { "PNT" } else { unit };
        let mut unit_value_cents = match unit {
            "EUR" => None,
            "PNT" => Some(self.dice.between(1, 300)),
            _ => self.dice.chance(50).then(|| self.dice.between(1000, 7000)),
        };
        if absurd && self.dice.chance(30) {
            unit_value_cents = [None, Some(0), Some(-1), Some(i64::MAX)][self.dice.below(4)];
        }
        let given_in = if unit == "MIN" && unit_value_cents.is_none() { Unit::Min } else { Unit::Eur };
        let given_in = if absurd && self.dice.chance(20) { Unit::Pnt } else { given_in };
        let zero = absurd && self.dice.chance(30);
        let mut part = |greatest: i64| {
            let minor = if zero || self.dice.chance(20) { 0 } else { self.dice.between(1, greatest) };
            Amount::new(minor, given_in).unwrap()
        };
        let (overhead, collective, reserve, buffer, budget) =
            (part(3000), part(2000), part(2500), part(1500), part(9000));
        // a month is granted once: mostly the next one, sometimes one that has been
        let next = self.months.entry(wallet).or_default();
        let month = if self.dice.chance(85) {
            *next += 1;
            *next
        } else {
            *next
        };
        let january = chrono::NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
        let mut month = january.checked_add_months(Months::new(month)).unwrap();
        if absurd && self.dice.chance(20) {
            month += Duration::days(3);
        }
        let unit = Unit::from_name(unit).unwrap();
        let grant = Grant { unit, unit_value_cents, overhead, collective, reserve, buffer, budget };
        Ask::Grant(GrantRequest { id: self.id(), wallet: field(wallet), month, grant })
    }

    pub(super) fn close(&mut self, model: &Model) -> Ask {
        let wallet = self.some_wallet();
        let fate = if self.dice.chance(50) { Fate::Save } else { Fate::Lapse };
        let from = match self.dice.below(20) {
            0 => PurseName::CreditCents,
            1 => PurseName::Credit,
            2..=5 => PurseName::Savings,
            6..=11 => PurseName::Reserve,
            _ => PurseName::Budget,
        };
        let amount = self.amount(model.free(wallet.field(), purse_name(from)) / 2);
        Ask::Close(CloseRequest { id: self.id(), wallet, fate, from, amount })
    }

    pub(super) fn payout(&mut self, model: &Model) -> Ask {
        let wallet = self.some_wallet();
        let cents = self.amount(model.free(wallet.field(), "credit_cents") / 2);
        Ask::Payout(PayoutRequest { id: self.id(), wallet, cents, staff: self.staff() })
    }

    pub(super) fn payout_step(&mut self, _: &Model) -> Ask {
        let (id, payout) = (self.id(), self.reference(|ask| matches!(ask, Ask::Payout(_))));
        let step = match self.dice.below(10) {
            0 => PayoutStep::Withdraw { staff: self.staff() },
            1..=3 => PayoutStep::Paid { from: self.till() },
            _ => PayoutStep::Approve { staff: self.staff() },
        };
        Ask::PayoutStep(PayoutStepRequest { id, payout, step })
    }

    pub(super) fn draw(&mut self) -> Ask {
        let (id, wallet) = (self.id(), self.some_wallet());
        let organisation = u16::try_from(wallet.field() >> 32).unwrap();
        let today = self.world.organisations[&organisation].today;
        let from = today + Duration::days(self.dice.between(-3, 1));
        let least = if self.dice.chance(5) { -1 } else { 0 };
        let until = from + Duration::days(self.dice.between(least, 14));
        Ask::Draw(DrawRequest { id, wallet, amount: self.amount(900), from, until })
    }
}
