//! What happened, as a hash that two runs of one seed share, and as lines for who wants to read.

use std::fmt::Display;

/// A running hash over every scheduling decision and every effect.
pub struct Trace {
    hash: u64,
    steps: u64,
    log: Option<fn(&str)>,
    /// The present instant, in microseconds since the world began.
    pub(super) at: i64,
}

impl Trace {
    pub(super) fn new(log: Option<fn(&str)>) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, steps: 0, log, at: 0 }
    }

    /// The hash so far.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Scheduling decisions so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// A task was picked.
    pub fn decision(&mut self, task: usize) {
        self.steps = self.steps.saturating_add(1);
        self.mix(u64::try_from(task).unwrap_or(u64::MAX));
    }

    /// Something happened, told in words and by what it is about.
    pub fn note(&mut self, what: &str, about: impl Display) {
        for chunk in what.as_bytes().chunks(8) {
            self.mix(chunk.iter().fold(0, |bits, byte| (bits << 8) | u64::from(*byte)));
        }
        if let Some(log) = self.log {
            let (seconds, micros) = (self.at.div_euclid(1_000_000), self.at.rem_euclid(1_000_000));
            log(&format!("{:>6} {seconds:>6}.{micros:06} {what} {about}", self.steps));
        }
    }

    /// As [`note`](Self::note), about a number that counts for the hash.
    pub fn number(&mut self, what: &str, number: u128) {
        let [high, low] = [number >> 64, number & u128::from(u64::MAX)].map(|half| u64::try_from(half).unwrap_or(0));
        self.mix(high);
        self.mix(low);
        self.note(what, format_args!("{number:032x}"));
    }

    /// FNV-1a over 64-bit words.
    fn mix(&mut self, word: u64) {
        self.hash = (self.hash ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(5);
    }
}
