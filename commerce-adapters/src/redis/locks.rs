//! Turns at one SKU: fewer requests run into each other in the database.
//!
//! Contention control and nothing else. A lock is lost when it expires, when its holder pauses, or when
//! Redis forgets it, and whoever waits too long goes on without it; stock stays right because the
//! database judges it. Only its holder's token frees a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use commerce_core::text::Sku;
use redis::{RedisError, Script};
use tokio::time::{Instant, sleep};

use super::Redis;
use crate::system::random_id;

/// How long a lock holds unless it is freed: well above one transaction.
const HELD_FOR: Duration = Duration::from_secs(2);
/// How long a turn is waited for before one goes on without.
const WAIT_MAX: Duration = Duration::from_millis(100);
/// First pause between two tries; up to twice that, by chance.
const PAUSE: Duration = Duration::from_millis(4);

/// Deletes the lock if it is the caller's.
const FREE: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/// Locks of SKUs.
pub struct SkuLocks {
    redis: Redis,
    free: Script,
    skipped: AtomicU64,
}

/// A turn. Free it when done; forgotten, it ends by itself.
pub struct Turn<'a> {
    locks: &'a SkuLocks,
    key: String,
    token: String,
}

impl SkuLocks {
    /// On this Redis.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis, free: Script::new(FREE), skipped: AtomicU64::new(0) }
    }

    /// Waits for a turn at `sku`, not long. None: go on without.
    pub async fn turn(&self, sku: &Sku) -> Option<Turn<'_>> {
        let key = self.redis.key(&hex::encode(sku.as_str()), "lock");
        let token = random_id().to_string();
        let begun = Instant::now();
        loop {
            match self.try_once(&key, &token).await {
                Ok(true) => return Some(Turn { locks: self, key, token }),
                Ok(false) if begun.elapsed() < WAIT_MAX => sleep(jittered(PAUSE)).await,
                Ok(false) | Err(_) => {
                    self.skipped.fetch_add(1, Ordering::Relaxed);
                    return None;
                }
            }
        }
    }

    /// How often somebody went on without a turn: `lock_skipped`.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    async fn try_once(&self, key: &str, token: &str) -> Result<bool, RedisError> {
        let mut set = redis::cmd("SET");
        set.arg(key).arg(token).arg("NX").arg("PX").arg(u64::try_from(HELD_FOR.as_millis()).unwrap_or(u64::MAX));
        let set: Option<String> = set.query_async(&mut self.redis.connection()).await?;
        Ok(set.is_some())
    }
}

impl Turn<'_> {
    /// Lets the next one have a turn. Answers whether it was still this one's.
    pub async fn free(self) -> bool {
        let freed = self.locks.free.key(&self.key).arg(&self.token).invoke_async(&mut self.locks.redis.connection()).await;
        matches!(freed, Ok(1))
    }
}

/// The span and by chance up to as much again, so that those who wait do not come back together.
pub(crate) fn jittered(span: Duration) -> Duration {
    let [chance, ..] = *random_id().as_bytes();
    span + span * u32::from(chance) / u32::from(u8::MAX)
}
