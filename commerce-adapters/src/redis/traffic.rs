//! Allowances counted for all processes together, and by each for itself while Redis is away.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use commerce_core::Timestamp;
use commerce_core::traffic::{Allowance, Left, RateLimiter};
use redis::{RedisError, Script};

use super::Redis;
use crate::traffic::LocalLimiter;

/// Counts one request. Answers when the allowance was whole before it, or nothing.
const TAKE: &str = include_str!("take.lua");

/// Counts in Redis.
pub struct RedisLimiter {
    redis: Redis,
    take: Script,
    alone: LocalLimiter,
    /// Whether Redis did not answer the last time, so that it is complained of once.
    is_away: AtomicBool,
}

impl RedisLimiter {
    /// On this Redis. Each client's number lies on the node that its name leads to.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis, take: Script::new(TAKE), alone: LocalLimiter::default(), is_away: AtomicBool::new(false) }
    }

    async fn count(&self, client: &str, allowance: Allowance, now: Timestamp) -> Result<Left, RedisError> {
        // Braces of a client's own would choose the node for others.
        let key = self.redis.key(&hex::encode(client), "allowance");
        let micros = |span: std::time::Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        let before: Option<i64> = self
            .take
            .key(key)
            .arg(now.as_micros())
            .arg(micros(allowance.share()))
            .arg(micros(allowance.period))
            .invoke_async(&mut self.redis.connection())
            .await?;
        Ok(Left::after(before.map(Timestamp::from_micros), now, allowance).0)
    }
}

#[async_trait]
impl RateLimiter for RedisLimiter {
    async fn take(&self, client: &str, allowance: Allowance, now: Timestamp) -> Left {
        if allowance.requests == 0 {
            return self.alone.take(client, allowance, now).await;
        }
        match self.count(client, allowance, now).await {
            Ok(left) => {
                self.is_away.store(false, Ordering::Relaxed);
                left
            }
            Err(error) => {
                if !self.is_away.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "each process counts requests for itself");
                }
                self.alone.take(client, allowance, now).await
            }
        }
    }
}
