//! What nobody at a till can help: connections, time, clocks and power.

use super::Run;
use crate::simulation::network::Weather;
use crate::simulation::office::Office;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

impl<O: Office> Run<'_, O> {
    pub(super) fn change_weather(&mut self) {
        let place = self.dice.below(self.world.terminals.len());
        let weather = [(50, Weather::Fair), (20, Weather::Foul), (30, Weather::Cut)];
        let (Some(terminal), Some(weather)) = (self.world.terminals.get(place), self.dice.weighed(&weather)) else {
            return;
        };
        let terminal = terminal.terminal;
        self.note(format!("till {}: the connection is {weather:?}", terminal.to_string().get(..8).unwrap_or_default()));
        self.network.set_weather(terminal, weather);
    }

    /// Minutes, in which tills do what they do between sales.
    pub(super) async fn time_passes(&mut self) -> Result<(), String> {
        let minutes = u64::try_from(self.dice.between(1, 20)).unwrap_or(1);
        self.all_wait(minutes * MINUTE_MS, 2).await
    }

    /// Hours or days.
    pub(super) async fn long_time_passes(&mut self) -> Result<(), String> {
        let hours = u64::try_from(self.dice.between(2, 40)).unwrap_or(1);
        self.note(format!("{hours} hours pass"));
        self.all_wait(hours * HOUR_MS, 3).await
    }

    async fn all_wait(&mut self, span_ms: u64, parts: u64) -> Result<(), String> {
        for _ in 0..parts {
            self.network.clock.pass(span_ms / parts);
            for counter in self.counters.iter_mut().filter(|counter| !counter.is_wiped) {
                counter.work(&mut self.network).await?;
            }
        }
        Ok(())
    }

    /// A till's clock is set wrong, or right again.
    pub(super) fn clock_jumps(&mut self) {
        let hours = i64::try_from(self.dice.below(12)).unwrap_or(0);
        // by months too: then the ids that the till makes are refused by the service
        let skews = [(4, 0), (3, hours), (3, -hours), (1, 45 * 24), (1, -20 * 24)];
        let (place, Some(hours)) = (self.dice.below(self.counters.len()), self.dice.weighed(&skews)) else { return };
        let Some(counter) = self.counters.get_mut(place) else { return };
        counter.set_skew(hours * i64::try_from(HOUR_MS).unwrap_or(0));
        let short: String = counter.terminal.to_string().chars().take(8).collect();
        self.note(format!("till {short}: its clock is {hours} hours ahead"));
    }

    pub(super) fn power_fails(&mut self) -> Result<(), String> {
        let place = self.dice.below(self.counters.len());
        self.see("power loss");
        match self.counters.get_mut(place).filter(|counter| !counter.is_wiped) {
            Some(counter) => counter.lose_power(&mut self.network),
            None => Ok(()),
        }
    }

    pub(super) fn program_killed(&mut self) -> Result<(), String> {
        let place = self.dice.below(self.counters.len());
        match self.counters.get_mut(place).filter(|counter| !counter.is_wiped) {
            Some(counter) => counter.kill(&mut self.network),
            None => Ok(()),
        }
    }
}
