//! Chance that comes out the same for the same seed.

use uuid::Uuid;

use crate::random::Seeded;

/// The dice of one run: whoever throws them in the same order gets the same.
#[derive(Clone, Debug)]
pub struct Dice(Seeded);

impl Dice {
    /// Dice of a seed, and of what they decide: two purposes of one seed have rows of their own.
    pub const fn new(seed: u64, purpose: u64) -> Self {
        let mut mixed = Seeded::new(seed ^ purpose.wrapping_mul(0x2545_f491_4f6c_dd1d));
        Self(Seeded::new(mixed.next()))
    }

    /// A number below `limit`; 0 if that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0.below(limit)
    }

    /// A number from `least` to `most`.
    pub fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// Whether something happens that happens so many times in a thousand.
    pub fn chance(&mut self, per_mille: usize) -> bool {
        self.below(1000) < per_mille
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    /// One of these, by weight.
    pub fn weighed<T: Copy>(&mut self, of: &[(usize, T)]) -> Option<T> {
        let mut place = self.below(of.iter().map(|(weight, _)| weight).sum());
        for (weight, what) in of {
            match place.checked_sub(*weight) {
                None => return Some(*what),
                Some(rest) => place = rest,
            }
        }
        None
    }

    /// Bytes that are as good as random to everyone but us.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            let next = self.0.next().to_be_bytes();
            chunk.copy_from_slice(&next[..chunk.len()]);
        }
        bytes
    }

    /// A UUIDv7 of this moment.
    pub fn uuid7(&mut self, at_ms: u64) -> Uuid {
        uuid::Builder::from_unix_timestamp_millis(at_ms, &self.bytes()).into_uuid()
    }
}
