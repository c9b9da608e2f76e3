//! Who steals a terminal has its key and its files; who steals a card can tap it, and may copy it. What can be done with
//! either, until the office knows and after.

use serde_json::{Value, json};
use uuid::Uuid;

use super::Run;
use crate::simulation::bare::{Bare, post};
use crate::simulation::counter::{Customer, Sold, sale_of};
use crate::simulation::office::Office;
use crate::simulation::plastic::Plastic;
use crate::till::{Buyer, Wanted};

/// What was stolen.
#[derive(Debug, Default)]
pub(super) struct Thief {
    terminal: Option<Bare>,
    card: Option<Plastic>,
    /// Sales that were seen: to be sent again, changed.
    seen: Vec<Value>,
}

impl Thief {
    pub(super) fn has_card(&self, card: Uuid) -> bool {
        self.card.as_ref().is_some_and(|stolen| stolen.id() == card)
    }

    pub(super) fn terminal(&self) -> Option<Uuid> {
        self.terminal.map(|stolen| stolen.terminal)
    }
}

#[derive(Clone, Copy)]
enum Trick {
    Replay,
    Tamper,
    AnotherAmount,
    ByName,
    OldTap,
    ClonedCard,
}

impl<O: Office> Run<'_, O> {
    /// A terminal, or a copy of a card.
    pub(super) fn steal(&mut self) -> Result<(), String> {
        if self.thief.terminal.is_none() && self.dice.chance(500) {
            // the machine is stolen: its key is used by whoever has it, and it sells no more
            self.thief.terminal = Some(Bare { sequence: 1_000_000, ..self.machine });
            self.note("the machine's key is stolen");
            self.see("terminal stolen");
        } else if self.thief.card.is_none() {
            let card = self.any_card();
            if let Some(card) = self.cards.get(card) {
                self.thief.card = Some(card.cloned()?);
                let id = card.id();
                self.network.model.copied(id);
                self.note(format!("card {id} is copied"));
                self.see("card copied");
            }
        }
        Ok(())
    }

    /// A forged card is held to a till, which must sell nothing to it.
    pub(super) async fn forge(&mut self) -> Result<(), String> {
        let card = self.any_card();
        let Some(mut forged) = self.cards.get(card).map(Plastic::forged).transpose()? else { return Ok(()) };
        let mode = crate::request::Mode::Online;
        let wanted = Wanted { buyer: Buyer::Card, mode, staff: Some(self.world.staff), lines: vec![self.one_line()] };
        let place = self.dice.below(self.counters.len());
        let Some(counter) = self.counters.get_mut(place).filter(|counter| !counter.is_wiped) else { return Ok(()) };
        let customer = Customer {
            card: Some(&mut forged),
            pin: None,
            tear: None,
            patience: 1,
            leaves_early: true,
            taps_once: false,
        };
        let sold = counter.sell(&mut self.network, wanted, customer).await?;
        self.see("forged card");
        match sold {
            Sold::Ended(ended) if sale_of(&ended).is_some() => {
                Err(format!("a forged card bought something: {ended:?}"))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn thieve(&mut self) -> Result<(), String> {
        let Some(mut bare) = self.thief.terminal else { return Ok(()) };
        let tricks = [
            (3, Trick::Replay),
            (3, Trick::Tamper),
            (3, Trick::AnotherAmount),
            (2, Trick::ByName),
            (3, Trick::OldTap),
            (3, Trick::ClonedCard),
        ];
        let Some(trick) = self.dice.weighed(&tricks) else { return Ok(()) };
        let now = self.network.clock.now_ms();
        let id = self.dice.uuid7(now);
        let old = self.dice.pick(&self.thief.seen).cloned();
        let sale = match (trick, old) {
            (Trick::ByName, _) => {
                let Some(basket) = self.basket(bare.location) else { return Ok(()) };
                Bare::sale(id, "online", &basket, &json!({ "wallet": self.any_wallet() }), Some(Uuid::from_u128(7)))
            }
            (Trick::ClonedCard, _) => {
                let (basket, nonce) = (self.basket(bare.location), self.dice.bytes());
                let (Some(basket), Some(card)) = (basket, &mut self.thief.card) else { return Ok(()) };
                card.hold(None)?;
                let tapped = bare.tap(card, &basket, true, now, nonce);
                for signed in card.signed() {
                    self.network.model.signed(signed.transaction, signed.mac);
                }
                let Some(tapped) = tapped else { return Ok(()) };
                let sale = Bare::sale(id, "online", &basket, &json!({ "card": tapped.json }), None);
                self.thief.seen.push(sale.clone());
                sale
            }
            (Trick::Replay, Some(old)) => old,
            (Trick::OldTap, Some(mut old)) => {
                old["id"] = id.to_string().into();
                old
            }
            (Trick::AnotherAmount, Some(mut old)) => {
                old["id"] = id.to_string().into();
                let cents = old["payer"]["card"]["amount_cents"].as_u64().unwrap_or(0);
                old["payer"]["card"]["amount_cents"] = (cents + 1).into();
                old
            }
            (Trick::Tamper, Some(mut old)) => {
                // under the id that was answered before, with more in it
                old["lines"][0]["quantity"] = 9.into();
                old
            }
            (_, None) => return Ok(()),
        };
        self.thief.terminal = Some(bare);
        let id = sale["id"].as_str().and_then(|id| Uuid::try_parse(id).ok()).unwrap_or(id);
        self.network.model.thieves(id);
        self.network.send(bare.terminal, &post("/api/v1/sales", id, &sale)).await;
        self.see("trick of a thief");
        Ok(())
    }
}
