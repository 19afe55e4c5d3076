//! Waiting for what happens behind an answer: asked again until it holds, never slept for.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

/// How long "within 5 s" may take; a machine that compiles beside the tests gets twice that.
const EVENTUALLY: Duration = Duration::from_secs(10);

/// Asks until `holds` of the answer, and answers it.
///
/// # Panics
/// When it does not hold in time; the message shows the last answer.
pub async fn eventually<T: Debug, F: Future<Output = T>>(what: &str, ask: impl FnMut() -> F, holds: impl Fn(&T) -> bool) -> T {
    eventually_within(EVENTUALLY, what, ask, holds).await
}

/// As [`eventually`], within this time.
///
/// # Panics
/// When it does not hold in time.
pub async fn eventually_within<T: Debug, F: Future<Output = T>>(
    within: Duration,
    what: &str,
    mut ask: impl FnMut() -> F,
    holds: impl Fn(&T) -> bool,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        let answer = ask().await;
        if holds(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {within:?}: {what}; last: {answer:#?}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}
