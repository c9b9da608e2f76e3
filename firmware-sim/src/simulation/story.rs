//! What happened lately, for whoever must understand a failure.

use std::collections::VecDeque;

/// How many events are told.
const EVENTS: usize = 30;

/// The last events of a run.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// Every event is told at once too, on standard error.
    pub is_loud: bool,
    events: VecDeque<String>,
    step: usize,
}

impl Story {
    /// From now on events are of this step.
    pub const fn begin(&mut self, step: usize) {
        self.step = step;
    }

    /// The step.
    pub const fn step(&self) -> usize {
        self.step
    }

    /// Something happened.
    pub fn note(&mut self, event: impl Into<String>) {
        let event = format!("step {}: {}", self.step, event.into());
        if self.is_loud {
            eprintln!("{event}");
        }
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// The last events, oldest first.
    pub fn events(&self) -> Vec<String> {
        self.events.iter().cloned().collect()
    }
}
