//! Drives workers in a closed loop (each begins when its last is done) or an open one (each begins
//! at its time, however late the others are, and is measured from that time).

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Somebody who does one operation after another.
pub(crate) trait Worker: Send + 'static {
    /// Does one; on failure says of which kind.
    fn step(&mut self) -> impl Future<Output = Result<(), String>> + Send;

    /// Makes ready for the next; is not measured.
    fn tidy(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// How long and how fast.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Before anything counts.
    pub warm_up: Duration,
    /// While it counts.
    pub measure: Duration,
    /// Operations per second to begin; none for as fast as they go.
    pub rate: Option<u32>,
    /// Operations in all; none for as many as fit.
    pub count: Option<u64>,
}

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// Microseconds each took that succeeded, ascending.
    pub micros: Vec<u32>,
    /// Failures by kind.
    pub errors: BTreeMap<String, u64>,
    /// From the first measured to the last finished.
    pub elapsed: Duration,
}

impl Samples {
    /// The latency that `share` of all stay under; zero without samples.
    pub(crate) fn percentile(&self, share: u32) -> Duration {
        let rank = (self.micros.len() * share as usize).div_ceil(100).saturating_sub(1);
        Duration::from_micros(self.micros.get(rank).copied().map_or(0, u64::from))
    }

    /// The longest.
    pub(crate) fn max(&self) -> Duration {
        Duration::from_micros(self.micros.last().copied().map_or(0, u64::from))
    }

    /// How many failed.
    pub(crate) fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    /// How many succeeded.
    pub(crate) fn done(&self) -> u64 {
        self.micros.len() as u64
    }

    /// How many succeeded per second.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub(crate) fn rate(&self) -> f64 {
        self.done() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// Runs the workers; `begin` is called when the measured part begins.
pub(crate) async fn drive<W: Worker>(workers: Vec<W>, plan: Plan, begin: impl FnOnce()) -> Samples {
    let start = Instant::now();
    let from = start + plan.warm_up;
    let until = from + plan.measure;
    let tickets = Arc::new(AtomicU64::new(0));
    let run = |worker| tokio::spawn(work(worker, plan, start, from, until, Arc::clone(&tickets)));
    let tasks: Vec<_> = workers.into_iter().map(run).collect();
    tokio::time::sleep_until(from.into()).await;
    begin();
    let mut all = Samples::default();
    for task in tasks {
        let Ok(part) = task.await else { continue };
        all.micros.extend(part.micros);
        for (kind, count) in part.errors {
            *all.errors.entry(kind).or_default() += count;
        }
    }
    all.micros.sort_unstable();
    all.elapsed = from.elapsed();
    all
}

async fn work<W: Worker>(
    mut worker: W,
    plan: Plan,
    start: Instant,
    from: Instant,
    until: Instant,
    tickets: Arc<AtomicU64>,
) -> Samples {
    let mut samples = Samples::default();
    loop {
        let ticket = tickets.fetch_add(1, Ordering::Relaxed);
        if plan.count.is_some_and(|count| ticket >= count) {
            return samples;
        }
        let begun = match plan.rate {
            None => Instant::now(),
            Some(rate) => start + Duration::from_nanos(1_000_000_000 / u64::from(rate.max(1)) * ticket),
        };
        if plan.count.is_none() && begun >= until {
            return samples;
        }
        if plan.rate.is_some() {
            tokio::time::sleep_until(begun.into()).await;
        }
        let result = worker.step().await;
        let took = begun.elapsed();
        if begun >= from {
            match result {
                Ok(()) => samples.micros.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX)),
                Err(kind) => *samples.errors.entry(kind).or_default() += 1,
            }
        }
        worker.tidy().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Odd(u32);

    impl Worker for Odd {
        async fn step(&mut self) -> Result<(), String> {
            self.0 += 1;
            tokio::task::yield_now().await;
            if self.0.is_multiple_of(2) { Err("even".to_owned()) } else { Ok(()) }
        }
    }

    #[tokio::test]
    async fn a_counted_run_does_exactly_so_many() {
        let plan = Plan { warm_up: Duration::ZERO, measure: Duration::ZERO, rate: None, count: Some(10) };
        let samples = drive(vec![Odd(0)], plan, || {}).await;
        assert_eq!((samples.done(), samples.failed()), (5, 5));
    }

    #[test]
    fn percentiles() {
        let samples = Samples { micros: (1..=100).collect(), ..Samples::default() };
        assert_eq!(samples.percentile(50), Duration::from_micros(50));
        assert_eq!(samples.percentile(99), Duration::from_micros(99));
        assert_eq!(Samples::default().percentile(99), Duration::ZERO);
    }
}
