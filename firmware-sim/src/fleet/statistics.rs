//! What a fleet counted. Each terminal counts for itself; the sums are made at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::histogram::Histogram;
use crate::answer::Outcome;
use crate::phrases::{self, Language};
use crate::settling::{Ended, Settled};

const EXAMPLES_MAX: usize = 5;

/// Counts by name.
pub type Counts = BTreeMap<String, u64>;

/// What was counted.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Statistics {
    pub taps: u64,
    pub approved: u64,
    pub approved_in_part: u64,
    /// By reason.
    pub declined: Counts,
    /// By slug.
    pub problems: Counts,
    /// What cards refused, by error.
    pub cards_refused: Counts,
    pub unknown: u64,
    pub not_booked: u64,
    pub nonsense: u64,
    pub asked_again: u64,
    pub reconnects: u64,
    /// Due before the end and not taken.
    pub missed: u64,
    pub checked: u64,
    pub unchecked: u64,
    pub lost: u64,
    pub changed: u64,
    /// What went wrong, the first few times.
    pub examples: Vec<String>,
    pub latency_us: Histogram,
}

/// Counts one more without allocating for a name that is known.
fn count(counts: &mut Counts, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => drop(counts.insert(name.to_owned(), 1)),
    }
}

impl Statistics {
    /// Counts how a tap ended, this long after it was due.
    pub fn ended(&mut self, settled: &Settled, latency: Duration) {
        self.taps += 1;
        self.asked_again += u64::from(settled.asked_again);
        match &settled.ended {
            Ended::Answered(answered) => {
                self.latency_us.record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
                match answered.outcome {
                    Outcome::Approved => self.approved += 1,
                    Outcome::ApprovedInPart => self.approved_in_part += 1,
                    _ => count(&mut self.declined, answered.reason.as_deref().unwrap_or("without a reason")),
                }
                if let Some(nonsense) = &answered.nonsense {
                    self.makes_no_sense(nonsense);
                }
            }
            Ended::Problem(problem) => {
                count(&mut self.problems, &problem.slug);
                self.example(&problem.to_string());
            }
            Ended::NotBooked(why) => {
                self.not_booked += 1;
                self.example(why);
            }
            Ended::Unknown(why) => {
                self.unknown += 1;
                self.example(why);
            }
        }
    }

    /// Counts a card that did not sign.
    pub fn card_refused(&mut self, error: &str) {
        count(&mut self.cards_refused, error);
    }

    /// Counts an answer that makes no sense.
    pub fn makes_no_sense(&mut self, nonsense: &str) {
        self.nonsense += 1;
        self.example(nonsense);
    }

    /// Remembers what went wrong, the first few times.
    pub fn example(&mut self, text: &str) {
        if self.examples.len() < EXAMPLES_MAX && !self.examples.iter().any(|example| example == text) {
            self.examples.push(text.to_owned());
        }
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.declined, &other.declined),
            (&mut self.problems, &other.problems),
            (&mut self.cards_refused, &other.cards_refused),
        ] {
            for (name, number) in more {
                *sum.entry(name.clone()).or_default() += number;
            }
        }
        for (sum, more) in [
            (&mut self.taps, other.taps),
            (&mut self.approved, other.approved),
            (&mut self.approved_in_part, other.approved_in_part),
            (&mut self.unknown, other.unknown),
            (&mut self.not_booked, other.not_booked),
            (&mut self.nonsense, other.nonsense),
            (&mut self.asked_again, other.asked_again),
            (&mut self.reconnects, other.reconnects),
            (&mut self.missed, other.missed),
            (&mut self.checked, other.checked),
            (&mut self.unchecked, other.unchecked),
            (&mut self.lost, other.lost),
            (&mut self.changed, other.changed),
        ] {
            *sum += more;
        }
        other.examples.iter().for_each(|example| self.example(example));
        self.latency_us.merge(&other.latency_us);
    }

    fn answered(&self) -> u64 {
        self.approved + self.approved_in_part + self.declined.values().sum::<u64>()
    }
}

/// How long answers took, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Latency {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub max: u64,
}

/// The result, for a program to read.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Report {
    pub terminals: usize,
    pub cards: usize,
    pub milliseconds: u64,
    pub taps: u64,
    pub taps_per_second: u64,
    pub approved: u64,
    pub approved_in_part: u64,
    pub declined: Counts,
    pub unknown: u64,
    pub not_booked: u64,
    pub problems: Counts,
    pub nonsense: u64,
    pub cards_refused: Counts,
    pub missed: u64,
    pub reconnects: u64,
    pub asked_again: u64,
    pub latency_us: Latency,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    pub examples: Vec<String>,
}

/// What asking every sale again gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Check {
    pub checked: u64,
    /// Beyond what is remembered, or the service did not answer.
    pub unchecked: u64,
    pub lost: u64,
    pub changed: u64,
}

impl Report {
    /// Of these counts.
    pub fn new(terminals: usize, cards: usize, took: Duration, with_check: bool, counted: Statistics) -> Self {
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let latency = &counted.latency_us;
        let check = Check {
            checked: counted.checked,
            unchecked: counted.unchecked,
            lost: counted.lost,
            changed: counted.changed,
        };
        Self {
            terminals,
            cards,
            milliseconds,
            taps: counted.taps,
            taps_per_second: counted.answered() * 1000 / milliseconds.max(1),
            approved: counted.approved,
            approved_in_part: counted.approved_in_part,
            unknown: counted.unknown,
            not_booked: counted.not_booked,
            nonsense: counted.nonsense,
            missed: counted.missed,
            reconnects: counted.reconnects,
            asked_again: counted.asked_again,
            latency_us: Latency {
                p50: latency.permille(500),
                p90: latency.permille(900),
                p99: latency.permille(990),
                max: latency.max(),
            },
            check: with_check.then_some(check),
            declined: counted.declined,
            problems: counted.problems,
            cards_refused: counted.cards_refused,
            examples: counted.examples,
        }
    }

    /// Whether everything is known and makes sense.
    pub fn is_sound(&self) -> bool {
        let answered = self.approved + self.approved_in_part + self.declined.values().sum::<u64>();
        let is_kept = self.check.is_none_or(|check| check.lost + check.changed + check.unchecked == 0);
        self.unknown + self.nonsense == 0 && is_kept && (self.taps == 0 || answered > 0)
    }

    /// The result in words.
    pub fn to_text(&self, language: Language) -> String {
        let says = |dutch: &'static str, english: &'static str| language.pick(dutch, english);
        let mut rows: Vec<(String, String)> = Vec::new();
        let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
        row(says("kassa's, pasjes", "terminals, cards"), format!("{}, {}", self.terminals, self.cards));
        row(says("tikken", "taps"), self.taps.to_string());
        row(says("betaald", "approved"), self.approved.to_string());
        row(says("voor een deel betaald", "approved in part"), self.approved_in_part.to_string());
        row(says("niet betaald", "declined"), self.declined.values().sum::<u64>().to_string());
        for (reason, number) in &self.declined {
            row(&format!("  {reason}"), format!("{number}: {}", phrases::reason(reason, language)));
        }
        row(says("afloop onbekend", "unknown"), self.unknown.to_string());
        row(says("niet geboekt", "not booked"), self.not_booked.to_string());
        row(says("geweigerde verzoeken", "problems"), self.problems.values().sum::<u64>().to_string());
        for (slug, number) in &self.problems {
            row(&format!("  {slug}"), number.to_string());
        }
        row(says("onzinnige antwoorden", "nonsense"), self.nonsense.to_string());
        for (error, number) in &self.cards_refused {
            row(says("pasjes zonder antwoord", "cards that did not sign"), format!("{number}: {error}"));
        }
        row(says("te laat voor een tik", "due and not taken"), self.missed.to_string());
        row(says("opnieuw verbonden", "connected again"), self.reconnects.to_string());
        row(says("opnieuw gevraagd", "asked again"), self.asked_again.to_string());
        let answered = self.approved + self.approved_in_part + self.declined.values().sum::<u64>();
        let tenths = answered * 10_000 / self.milliseconds.max(1);
        let rate = says("antwoorden per seconde in", "answers a second in");
        row(says("tempo", "rate"), format!("{}.{} {rate} {} ms", tenths / 10, tenths % 10, self.milliseconds));
        let Latency { p50, p90, p99, max } = self.latency_us;
        let latency = format!("p50 {}, p90 {}, p99 {}, max {}", ms(p50), ms(p90), ms(p99), ms(max));
        row(says("wachttijd", "latency"), latency);
        if let Some(check) = self.check {
            row(says("later nagevraagd", "asked for again"), check.to_text(language));
        }
        for example in &self.examples {
            row(says("bijvoorbeeld", "for example"), example.clone());
        }
        rows.iter().map(|(name, value)| format!("{name:<24} {value}\n")).collect()
    }
}

impl Check {
    fn to_text(self, language: Language) -> String {
        let Self { checked, unchecked, lost, changed } = self;
        match language {
            Language::Dutch => {
                format!("{checked} gelijk, {lost} kwijt, {changed} veranderd, {unchecked} niet nagegaan")
            }
            Language::English => {
                format!("{checked} the same, {lost} lost, {changed} changed, {unchecked} unchecked")
            }
        }
    }
}

fn ms(us: u64) -> String {
    format!("{}.{:02} ms", us / 1000, us % 1000 / 10)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_is_sound_only_if_all_is_known_and_kept() {
        let report = |change: fn(&mut Statistics)| {
            let mut counted = Statistics { taps: 2, approved: 2, ..Statistics::default() };
            change(&mut counted);
            Report::new(1, 1, Duration::from_secs(1), true, counted).is_sound()
        };
        assert!(report(|_| {}));
        assert!(!report(|counted| counted.unknown = 1));
        assert!(!report(|counted| counted.nonsense = 1));
        assert!(!report(|counted| counted.lost = 1));
        assert!(!report(|counted| counted.changed = 1));
        assert!(!report(|counted| counted.approved = 0), "nothing was answered");
    }

    #[test]
    fn counts_are_summed_by_name() {
        let mut sum = Statistics::default();
        let mut one = Statistics { taps: 1, ..Statistics::default() };
        count(&mut one.declined, "over_limit");
        sum.merge(&one);
        sum.merge(&one);
        assert_eq!((sum.taps, sum.declined["over_limit"]), (2, 2));
        let report = Report::new(1, 1, Duration::from_millis(500), false, sum);
        assert_eq!(report.taps_per_second, 4);
        assert!(report.to_text(Language::Dutch).contains("over_limit"));
    }
}
