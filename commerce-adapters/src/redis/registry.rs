//! Which instances of a service are there: each says so every few seconds, and is forgotten when it
//! does not.
//!
//! Time is Redis's own, so that clocks that differ let nobody disappear.

use std::time::Duration;

use commerce_core::error::StoreError;
use redis::Script;
use tokio_util::sync::CancellationToken;

use super::{Redis, failed};

/// All instances of a service lie together.
const TAG: &str = "registry";
/// How long an instance counts as there after it said so.
const THERE_FOR: Duration = Duration::from_secs(10);
/// How often it says so.
const SAY_EVERY: Duration = Duration::from_secs(3);

/// Notes an instance, or lists those who are there. KEYS[1] a service; ARGV[1] milliseconds for which
/// ARGV[2] counts as there.
const NOTE: &str = "local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] then redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[2]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return redis.call('ZRANGE', KEYS[1], 0, -1)";

/// The instances of all services.
pub struct Registry {
    redis: Redis,
    note: Script,
}

#[cfg(feature = "http")]
#[async_trait::async_trait]
impl crate::http::Directory for Registry {
    async fn instances(&self, service: &str) -> Result<Vec<String>, StoreError> {
        Self::instances(self, service).await
    }
}

impl Registry {
    /// On this Redis.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis, note: Script::new(NOTE) }
    }

    /// Says that an instance of `service` is at `url`, for ten seconds.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn note(&self, service: &str, url: &str) -> Result<(), StoreError> {
        self.ask(service, Some(url)).await.map(|_| ())
    }

    /// Where the instances of `service` are, in no particular order that matters.
    ///
    /// # Errors
    /// When Redis does not answer. Whoever asks keeps what she knew.
    pub async fn instances(&self, service: &str) -> Result<Vec<String>, StoreError> {
        self.ask(service, None).await
    }

    /// Says that no instance of `service` is at `url` any more.
    ///
    /// # Errors
    /// When Redis does not answer; then it is forgotten by itself.
    pub async fn strike(&self, service: &str, url: &str) -> Result<(), StoreError> {
        let mut strike = redis::cmd("ZREM");
        strike.arg(self.key(service)).arg(url);
        strike.exec_async(&mut self.redis.connection()).await.map_err(|error| failed("registry.strike", error))
    }

    /// Keeps saying that an instance of `service` is at `url` until `shutdown`, then says that it is not.
    pub async fn keep(&self, service: &str, url: &str, shutdown: CancellationToken) {
        loop {
            if let Err(error) = self.note(service, url).await {
                tracing::warn!(service, error = &error as &dyn std::error::Error, "others may not find this instance");
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(SAY_EVERY) => {}
            }
        }
        if let Err(error) = self.strike(service, url).await {
            tracing::debug!(service, error = &error as &dyn std::error::Error, "this instance is forgotten by itself");
        }
    }

    fn key(&self, service: &str) -> String {
        self.redis.key(TAG, service)
    }

    async fn ask(&self, service: &str, url: Option<&str>) -> Result<Vec<String>, StoreError> {
        let mut call = self.note.key(self.key(service));
        call.arg(u64::try_from(THERE_FOR.as_millis()).unwrap_or(u64::MAX));
        if let Some(url) = url {
            call.arg(url);
        }
        call.invoke_async(&mut self.redis.connection()).await.map_err(|error| failed("registry.ask", error))
    }
}
