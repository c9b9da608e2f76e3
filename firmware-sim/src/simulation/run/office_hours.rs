//! What the office does: blocks cards, lets them pay again, moves and withdraws terminals, begins a rotation of keys.

use std::time::Duration;

use super::Run;
use crate::simulation::office::{Act, Office};

/// The service remembers a terminal for two seconds.
const REMEMBERED: Duration = Duration::from_millis(2200);

impl<O: Office> Run<'_, O> {
    pub(super) async fn block(&mut self) -> Result<(), String> {
        let card = self.any_card();
        let Some(id) = self.cards.get(card).map(|card| card.id()) else { return Ok(()) };
        let is_blocked = self.network.model.is_blocked(id);
        // a thief's card stays blocked
        if is_blocked && self.thief.has_card(id) {
            return Ok(());
        }
        let act = if is_blocked { Act::UnblockCard(id) } else { Act::BlockCard(id) };
        self.office.act(act).await?;
        self.network.model.blocked(id, !is_blocked);
        self.note(format!("the office: {act:?}"));
        self.see(if is_blocked { "card unblocked" } else { "card blocked" });
        Ok(())
    }

    /// Once in a run, cards are told to sign with their next keys. Each hears so when it is online next.
    pub(super) async fn rotate_keys(&mut self) -> Result<(), String> {
        let Some(generation) = self.world.next_generation.filter(|_| !self.has_rotated) else { return Ok(()) };
        self.office.act(Act::RotateKeys(generation)).await?;
        self.has_rotated = true;
        self.network.model.rotated(generation);
        self.note(format!("the office: cards are to sign with keys of generation {generation}"));
        self.see("keys rotated");
        Ok(())
    }

    /// A till is put at another location. It hears so in answer to its next heartbeat, and sells as before until then.
    pub(super) async fn move_terminal(&mut self) -> Result<(), String> {
        let place = self.dice.below(self.counters.len());
        let location = self.dice.pick(&self.world.locations).copied();
        let terminal = self.counters.get(place).filter(|counter| !counter.is_wiped).map(|counter| counter.terminal);
        let (Some(terminal), Some(location)) = (terminal, location) else { return Ok(()) };
        if self.network.model.stands_at(terminal, location) || self.network.model.is_revoked(terminal) {
            return Ok(());
        }
        self.office.act(Act::MoveTerminal { terminal, location }).await?;
        tokio::time::sleep(REMEMBERED).await;
        self.network.model.moved(terminal, location);
        self.note(format!("the office moves terminal {terminal} to location {location}"));
        self.see("terminal moved");
        Ok(())
    }

    /// A stolen terminal is withdrawn; another one hardly ever, and never the last.
    pub(super) async fn revoke(&mut self) -> Result<(), String> {
        let Some(terminal) = self.thief.terminal() else { return Ok(()) };
        if self.network.model.is_revoked(terminal) {
            return Ok(());
        }
        self.office.act(Act::RevokeTerminal(terminal)).await?;
        tokio::time::sleep(REMEMBERED).await;
        self.network.model.revoked(terminal);
        self.note(format!("the office withdraws terminal {terminal}"));
        self.see("terminal revoked");
        Ok(())
    }
}
