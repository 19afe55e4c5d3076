//! The system's clock, timers and randomness.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use commerce_core::audit::Patience;
use commerce_core::ids::Entropy;
use commerce_core::time::{Clock, Timestamp};

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter behind the Clock port")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// Randomness of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system has randomness once it has booted");
    }
}

/// A name that nobody else has.
#[cfg(any(feature = "redis", feature = "aws"))]
pub(crate) fn random_id() -> uuid::Uuid {
    let mut bytes = [0; 16];
    OsEntropy.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// Waits in real time. Needs a running tokio.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealTime;

#[async_trait]
impl Patience for RealTime {
    async fn wait(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}
