//! A clock set by hand and randomness from a seed.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::ids::Entropy;
use crate::time::{Clock, Timestamp};

/// Stands still until it is moved.
pub struct ManualClock {
    now: AtomicI64,
    /// Microseconds that pass with every look.
    tick: AtomicI64,
}

impl ManualClock {
    /// Stands at `at`.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self { now: AtomicI64::new(at.as_micros()), tick: AtomicI64::new(0) }
    }

    /// Moves forward.
    pub fn advance(&self, span: Duration) {
        let span = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        self.now.fetch_add(span, Ordering::SeqCst);
    }

    /// Stands at `at` from now on.
    pub fn set(&self, at: Timestamp) {
        self.now.store(at.as_micros(), Ordering::SeqCst);
    }

    /// From now on moves a microsecond with every look, so that no two looks are the same instant.
    pub fn tick(&self) {
        self.tick.store(1, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.now.fetch_add(self.tick.load(Ordering::SeqCst), Ordering::SeqCst))
    }
}

/// Bytes from splitmix64 (Steele, Lea, Flood 2014): the same seed, the same bytes.
pub struct SeededEntropy(AtomicU64);

impl SeededEntropy {
    /// From `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    fn next(&self) -> u64 {
        let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let random = self.next().to_le_bytes();
            for (byte, random) in chunk.iter_mut().zip(random) {
                *byte = random;
            }
        }
    }
}
