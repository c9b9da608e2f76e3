//! Random bytes of the operating system, taken in larger pieces: a system call a tap and not one an id.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

const POOL_LENGTH: usize = 1024;

/// The operating system gave no random bytes, or the clock stands before 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random bytes: {0}")]
pub struct NoRandomness(getrandom::Error);

/// A pool of random bytes; each byte is given once.
#[derive(Debug)]
pub struct Random {
    pool: [u8; POOL_LENGTH],
    at: usize,
}

impl Default for Random {
    fn default() -> Self {
        Self { pool: [0; POOL_LENGTH], at: POOL_LENGTH }
    }
}

impl Random {
    /// `N` random bytes.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn bytes<const N: usize>(&mut self) -> Result<[u8; N], NoRandomness> {
        let mut bytes = [0; N];
        if N > POOL_LENGTH {
            getrandom::fill(&mut bytes).map_err(NoRandomness)?;
            return Ok(bytes);
        }
        if self.at + N > POOL_LENGTH {
            getrandom::fill(&mut self.pool).map_err(NoRandomness)?;
            self.at = 0;
        }
        bytes.copy_from_slice(&self.pool[self.at..self.at + N]);
        self.at += N;
        Ok(bytes)
    }

    /// A new UUIDv7 of now, by this machine's clock.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn uuid7(&mut self) -> Result<Uuid, NoRandomness> {
        self.uuid7_at(now_ms())
    }

    /// A new UUIDv7 of this time, in milliseconds since 1970.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn uuid7_at(&mut self, unix_ms: u64) -> Result<Uuid, NoRandomness> {
        Ok(uuid::Builder::from_unix_timestamp_millis(unix_ms, &self.bytes()?).into_uuid())
    }

    /// Somewhere between half of `span` and all of it, so that those who wait do not come back together.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn jitter(&mut self, span: Duration) -> Result<Duration, NoRandomness> {
        let [byte] = self.bytes()?;
        Ok(span / 2 + span * u32::from(byte) / 512)
    }
}

/// Milliseconds since 1970 by this machine's clock.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A generator that gives the same row again for the same seed (SplitMix64): for baskets, never for keys.
#[derive(Clone, Debug)]
pub struct Seeded(u64);

impl Seeded {
    /// The row of this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, or 0 if that is 0. (Not quite even for great limits; those of baskets are small.)
    pub fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        usize::try_from(self.next().checked_rem(limit).unwrap_or(0)).unwrap_or(0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_of_version_7_and_differ() {
        let mut random = Random::default();
        let ids: HashSet<_> = (0..1000).map(|_| random.uuid7().unwrap()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
    }

    #[test]
    fn jitter_keeps_at_least_half_and_never_more_than_all() {
        let mut random = Random::default();
        for _ in 0..1000 {
            let waits = random.jitter(Duration::from_millis(100)).unwrap();
            assert!((50..=100).contains(&waits.as_millis()), "{waits:?}");
        }
    }

    #[test]
    fn a_seed_gives_the_same_row_again() {
        let row = |seed| (0..5).map(|_| 0).scan(Seeded::new(seed), |seeded, _| Some(seeded.next())).collect::<Vec<_>>();
        assert_eq!(row(7), row(7));
        assert_ne!(row(7), row(8));
    }
}
