//! A repeated request that comes while the first still waits for a payment provider: it waits, too, as long as the first does.

use std::time::{Duration, Instant};

use commerce_core::Outcome;
use commerce_core::change::Answer;

/// As long as a provider is waited for.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// The answer, a replayed one once nobody waits for a provider any more: `waits` says whether somebody does, `again` reads the
/// thing as it is by now.
pub(super) async fn settled<T, F: Future<Output = Outcome<T>>>(
    answer: Answer<T>,
    waits: impl Fn(&T) -> bool,
    again: impl Fn(&T) -> F,
) -> Outcome<Answer<T>> {
    let Answer::Replayed(mut thing) = answer else { return Ok(answer) };
    let began = Instant::now();
    while waits(&thing) && began.elapsed() < WAIT_MAX {
        tokio::time::sleep(PAUSE).await;
        thing = again(&thing).await?;
    }
    Ok(Answer::Replayed(thing))
}
