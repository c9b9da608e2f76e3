//! How long answers took: counted in buckets no wider than a 64th of their value, in a few kilobytes however many.

const SUB_BITS: u32 = 6;
const SUBS: usize = 1 << SUB_BITS;
const BUCKETS: usize = (65 - SUB_BITS as usize) * SUBS;

/// Counts of microseconds.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0, max: 0 }
    }
}

/// Values below 64 have a bucket each; above, each doubling has 64.
fn bucket(value: u64) -> usize {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(SUB_BITS + 1);
    let sub = usize::try_from(value >> shift).unwrap_or(0);
    shift as usize * SUBS + sub
}

/// The greatest value of a bucket.
fn upper(bucket: usize) -> u64 {
    if bucket < 2 * SUBS {
        return bucket as u64;
    }
    let shift = bucket / SUBS - 1;
    let sub = (bucket % SUBS + SUBS) as u64;
    ((sub + 1) << shift).wrapping_sub(1)
}

impl Histogram {
    /// Counts one.
    pub fn record(&mut self, value: u64) {
        if let Some(count) = self.counts.get_mut(bucket(value)) {
            *count += 1;
        }
        self.total += 1;
        self.max = self.max.max(value);
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
        self.max = self.max.max(other.max);
    }

    /// The greatest.
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// What this many in a thousand did not exceed; 0 if nothing was counted.
    pub fn permille(&self, permille: u64) -> u64 {
        let rank = (self.total * permille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (number, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return upper(number).min(self.max);
            }
        }
        self.max
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_value_and_is_narrow() {
        for value in (0..5000).chain([1 << 20, (1 << 20) + 1, 999_999_999, u64::MAX / 3, u64::MAX]) {
            let upper = upper(bucket(value));
            assert!(upper >= value && upper - value <= value / 64, "{value} {upper}");
            assert!(bucket(value) < BUCKETS);
        }
    }

    #[test]
    fn permilles_are_those_of_the_values() {
        let (mut low, mut high) = (Histogram::default(), Histogram::default());
        (1..=50).for_each(|value| low.record(value));
        (51..=100).for_each(|value| high.record(value));
        low.merge(&high);
        assert_eq!([500, 900, 990, 1000].map(|permille| low.permille(permille)), [50, 90, 99, 100]);
        assert_eq!(Histogram::default().permille(500), 0);
    }
}
