//! When taps are due. A tap is measured from the time it was due, so that a slow service is not hidden by taps that came
//! later than they should have.

use std::time::Duration;

/// Taps a second, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(u64);

impl std::str::FromStr for Rate {
    type Err = String;

    /// Reads `15000` or `0.5`; 0 is as fast as answers come.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no rate; one looks like 200 or 0.5");
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        if part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let part: u64 = format!("{part:0<3}").parse().map_err(|_| wrong())?;
        let thousandths = whole.checked_mul(1000).and_then(|whole| whole.checked_add(part));
        thousandths.filter(|rate| *rate <= 1_000_000_000).map(Self).ok_or_else(wrong)
    }
}

impl Rate {
    /// Whether taps come as fast as answers do.
    pub const fn is_unlimited(self) -> bool {
        self.0 == 0
    }
}

/// One terminal's schedule of a rate that `terminals` make together.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    rate: Rate,
    terminal: u64,
    terminals: u64,
    taken: u64,
}

impl Pace {
    /// Of this terminal, counted from 0.
    pub const fn new(rate: Rate, terminal: u64, terminals: u64) -> Self {
        Self { rate, terminal, terminals, taken: 0 }
    }

    /// When its next tap is due, since the start; none if at once.
    pub fn next(&mut self) -> Option<Duration> {
        if self.rate.is_unlimited() {
            return None;
        }
        // the fleet's taps in a row: terminal 0, 1, 2, .. and 0 again
        let number = u128::from(self.taken) * u128::from(self.terminals) + u128::from(self.terminal);
        self.taken += 1;
        let nanoseconds = number * 1_000_000_000_000 / u128::from(self.rate.0);
        Some(Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX)))
    }

    /// How many of its taps were due before `end` and not taken.
    pub fn missed(mut self, end: Duration) -> u64 {
        let before = self.taken;
        if self.rate.is_unlimited() {
            return 0;
        }
        while self.next().is_some_and(|due| due < end) {}
        self.taken - 1 - before
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn terminals_share_a_rate_evenly() {
        let rate: Rate = "4".parse().unwrap();
        let due = |terminal| {
            let mut pace = Pace::new(rate, terminal, 2);
            [pace.next(), pace.next()].map(|due| due.unwrap().as_millis())
        };
        assert_eq!((due(0), due(1)), ([0, 500], [250, 750]));
    }

    #[test]
    fn a_rate_may_be_a_part_and_0_is_unlimited() {
        assert_eq!(Pace::new("0.5".parse().unwrap(), 1, 2).next(), Some(Duration::from_secs(2)));
        assert_eq!(Pace::new("0".parse().unwrap(), 1, 2).next(), None);
        for wrong in ["", "-1", "x", "1.2345", "1.x", "1000001", ".5x"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn taps_that_were_due_and_not_taken_are_counted() {
        let mut pace = Pace::new("10".parse().unwrap(), 0, 1);
        pace.next();
        pace.next();
        assert_eq!(pace.missed(Duration::from_secs(1)), 8);
        assert_eq!(pace.missed(Duration::ZERO), 0);
    }
}
