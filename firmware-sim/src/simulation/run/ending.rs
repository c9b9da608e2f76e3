//! All is made quiet: connections healed, journals forwarded, late copies brought. Then everything is compared.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Run;
use crate::simulation::model::PURSES;
use crate::simulation::network::Weather;
use crate::simulation::office::{Office, why_of};

/// How often tills are given time to end what they began.
const ROUNDS: usize = 6;
const ROUND_MS: u64 = 5 * 60_000;

impl<O: Office> Run<'_, O> {
    pub(super) async fn end(&mut self) -> Result<(), String> {
        self.note("all is made quiet");
        self.network.is_calm = true;
        for terminal in &self.world.terminals {
            self.network.set_weather(terminal.terminal, Weather::Fair);
        }
        self.close_open(true).await;
        for round in 0..ROUNDS {
            self.network.clock.pass(ROUND_MS);
            for counter in self.counters.iter_mut().filter(|counter| !counter.is_wiped) {
                if counter.skew_ms != 0 {
                    counter.set_skew(0);
                }
                counter.try_now();
                counter.work(&mut self.network).await?;
            }
            // copies come late, and some after all was thought to be done
            if round == ROUNDS / 2 {
                self.network.bring_late(true).await;
            }
            self.hear_recovered()?;
            if self.network.failure().is_some() {
                return Ok(());
            }
        }
        self.end_refunds().await;
        self.compare_journals()?;
        self.handovers.compare(&self.network.model)?;
        self.compare_purses().await?;
        self.compare_reviews().await
    }

    /// What waits for the office is what the service could not end by itself, and nothing else.
    async fn compare_reviews(&mut self) -> Result<(), String> {
        let expected: BTreeSet<(Uuid, u64, &str)> = self.network.model.reviews().into_iter().collect();
        let found = self.office.reviews().await?;
        let found: BTreeSet<(Uuid, u64, &str)> =
            found.into_iter().map(|(terminal, sequence, why)| (terminal, sequence, why_of(why))).collect();
        for (_, _, why) in &found {
            self.see(format!("review {why}"));
        }
        let missing: Vec<_> = expected.difference(&found).collect();
        let idle: Vec<_> = found.difference(&expected).collect();
        if missing.is_empty() && idle.is_empty() {
            return Ok(());
        }
        Err(format!("the review queue lacks {missing:?}, and has {idle:?} for nothing"))
    }

    /// Nothing waits in any till any more.
    fn compare_journals(&self) -> Result<(), String> {
        for counter in self.counters.iter().filter(|counter| !counter.is_wiped) {
            let extent = counter.till().journal().extent();
            if extent.waiting() > 0 {
                return Err(format!("till {}: {} records are never delivered", counter.terminal, extent.waiting()));
            }
        }
        Ok(())
    }

    async fn compare_purses(&mut self) -> Result<(), String> {
        let expected = self.network.model.purses();
        let found = self.office.purses().await?;
        for (wallet, purses) in &expected {
            if let Some((purse, cents)) = PURSES.iter().zip(purses).find(|(_, cents)| **cents < 0) {
                return Err(format!("wallet {wallet}: {purse} is {cents} cents"));
            }
            match found.get(wallet) {
                Some(found) if found == purses => {}
                found => {
                    return Err(format!("wallet {wallet}: {PURSES:?} must be {purses:?}, the database has {found:?}"));
                }
            }
        }
        Ok(())
    }
}
