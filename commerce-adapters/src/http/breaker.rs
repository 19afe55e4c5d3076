//! Two ways not to make a bad time worse: an instance that fails is left alone for a while, and calls
//! are repeated only as long as most of them need it not.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::watch::BreakerState;

/// Failures in a row after which an instance is left alone.
const FAILURES_MAX: u32 = 5;
/// Calls that are looked back upon where the share of failures counts as well.
const LOOKED_BACK: u32 = 20;
/// Of those, failures at which an instance is left alone: half.
const SHARE_MAX: u32 = LOOKED_BACK / 2;
/// How long it is left alone at first; doubles with each trial that fails.
const PAUSE: Duration = Duration::from_millis(500);
/// How long at most.
const PAUSE_MAX: Duration = Duration::from_secs(8);

/// Whether an instance is called. After a pause one call tries it; that decides.
#[derive(Default)]
pub(crate) struct Breaker {
    state: Mutex<State>,
    /// Whether failures count that are not in a row, too.
    by_share: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Closed {
        /// In a row.
        failures: u32,
        /// The last calls, the newest in the lowest bit; those that failed are set.
        past: u32,
    },
    Open {
        until: Instant,
        pause: Duration,
        /// Whether the call that decides is on its way.
        tried: bool,
    },
}

impl Default for State {
    fn default() -> Self {
        Self::Closed { failures: 0, past: 0 }
    }
}

/// The past with one call more.
fn later(past: u32, failed: bool) -> u32 {
    ((past << 1) | u32::from(failed)) & ((1 << LOOKED_BACK) - 1)
}

impl Breaker {
    /// One for callers that have nobody else to ask: it opens as well when half of the last calls failed, because an instance
    /// that answers every other call keeps half of its callers waiting.
    #[cfg(any(feature = "stripe", feature = "razorpay"))]
    pub(crate) fn by_share() -> Self {
        Self { by_share: true, ..Self::default() }
    }

    /// Whether it may be called at `now`. Who asks after the pause is the one that tries; the next may
    /// after another, should the first never come back.
    pub(crate) fn admits(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match *state {
            State::Closed { .. } => true,
            State::Open { until, .. } if now < until => false,
            State::Open { pause, .. } => {
                *state = State::Open { until: now + pause, pause, tried: true };
                true
            }
        }
    }

    /// What it says at `now`; changes nothing.
    pub(crate) fn state(&self, now: Instant) -> BreakerState {
        match *self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { until, tried, .. } if tried || now >= until => BreakerState::HalfOpen,
            State::Open { .. } => BreakerState::Open,
        }
    }

    /// It answered.
    pub(crate) fn passed(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = match *state {
            State::Closed { past, .. } => State::Closed { failures: 0, past: later(past, false) },
            State::Open { .. } => State::default(),
        };
    }

    /// It did not answer.
    pub(crate) fn failed(&self, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = match *state {
            State::Closed { failures, past } => {
                let (failures, past) = (failures + 1, later(past, true));
                let often = self.by_share && past.count_ones() >= SHARE_MAX;
                let leaves = failures >= FAILURES_MAX || often;
                if leaves {
                    State::Open { until: now + PAUSE, pause: PAUSE, tried: false }
                } else {
                    State::Closed { failures, past }
                }
            }
            State::Open { pause, .. } => {
                let pause = (pause * 2).min(PAUSE_MAX);
                State::Open { until: now + pause, pause, tried: false }
            }
        };
    }
}

/// What one call adds to the budget.
const EARNED: i64 = 1;
/// What one repetition takes from it: a tenth of the calls may be repeated.
const SPENT: i64 = 10;
/// What it holds at most: enough for an instance to go down under load, not for an hour of it.
const SAVED_MAX: i64 = 100 * SPENT;

/// How many calls may still be repeated.
pub(super) struct Budget(AtomicI64);

impl Default for Budget {
    /// Enough for the first bad second of a process that has called nobody yet.
    fn default() -> Self {
        Self(AtomicI64::new(10 * SPENT))
    }
}

impl Budget {
    /// Notes a first try.
    pub(super) fn earn(&self) {
        let more = |saved: i64| (saved < SAVED_MAX).then_some(saved + EARNED);
        // At its most it stays there.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Whether there is enough for a repetition, which it then pays.
    pub(super) fn spend(&self) -> bool {
        let less = |saved: i64| (saved >= SPENT).then_some(saved - SPENT);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fails_is_left_alone_longer_and_longer_and_tried_by_one() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for _ in 0..FAILURES_MAX {
            assert!(breaker.admits(start));
            breaker.failed(start);
        }
        assert!(!breaker.admits(start + PAUSE / 2));
        assert!(breaker.admits(start + PAUSE), "the one that tries");
        assert!(!breaker.admits(start + PAUSE), "the others wait for it");
        breaker.failed(start + PAUSE);
        assert!(!breaker.admits(start + PAUSE * 2));
        assert!(breaker.admits(start + PAUSE * 3));
        breaker.passed();
        assert!(breaker.admits(start + PAUSE * 3) && breaker.admits(start + PAUSE * 3));
    }

    #[test]
    fn whoever_watches_sees_when_it_is_left_alone_and_when_it_is_tried() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        assert_eq!(breaker.state(start), BreakerState::Closed);
        for _ in 0..FAILURES_MAX {
            breaker.failed(start);
        }
        assert_eq!(breaker.state(start), BreakerState::Open);
        assert_eq!(breaker.state(start + PAUSE), BreakerState::HalfOpen, "the next call tries");
        assert!(breaker.admits(start + PAUSE));
        assert_eq!(breaker.state(start + PAUSE), BreakerState::HalfOpen, "it is on its way");
        breaker.failed(start + PAUSE);
        assert_eq!(breaker.state(start + PAUSE * 2), BreakerState::Open);
        assert!(breaker.admits(start + PAUSE * 3));
        breaker.passed();
        assert_eq!(breaker.state(start + PAUSE * 3), BreakerState::Closed);
    }

    #[test]
    fn a_failure_now_and_then_changes_nothing() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..100 {
            breaker.failed(now);
            breaker.passed();
        }
        assert!(breaker.admits(now));
    }

    #[test]
    fn who_fails_every_other_time_is_left_alone_where_the_share_counts() {
        let (in_a_row, by_share, now) = (Breaker::default(), Breaker { by_share: true, ..Breaker::default() }, Instant::now());
        let mut calls = 0;
        while by_share.admits(now) {
            for breaker in [&in_a_row, &by_share] {
                if u32::is_multiple_of(calls, 2) { breaker.passed() } else { breaker.failed(now) }
            }
            calls += 1;
            assert!(calls <= LOOKED_BACK, "half of the last calls failed");
        }
        assert_eq!(calls, LOOKED_BACK, "and not fewer");
        assert!(in_a_row.admits(now));
        by_share.passed();
        assert!(by_share.admits(now), "one that is tried and answers begins anew");
    }

    #[test]
    fn a_tenth_of_the_calls_may_be_repeated() {
        let budget = Budget::default();
        while budget.spend() {}
        for _ in 0..1_000 {
            budget.earn();
        }
        assert_eq!((0..1_000).filter(|_| budget.spend()).count(), 100);
    }
}
