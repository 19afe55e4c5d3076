//! What is shown often, kept twice: in the process for a moment, in Redis for longer.
//!
//! For what is shown, never for what is decided. One load for each key at a time in a process; who
//! changes something says so, and every process forgets it. Should that word be lost, the near copy
//! ends soon and the far one later, each a little earlier or later than its neighbours, so that they
//! do not all end together. Without Redis, and while it does not answer, every miss is a load.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use commerce_core::error::StoreError;
use futures_util::StreamExt;
use moka::future::Cache;
use redis::{RedisError, Script};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::locks::jittered;
use super::{ANSWER_WITHIN, CONNECT_WITHIN, Redis, failed};
use crate::system::random_id;

/// How long Redis is left alone after it did not answer.
const LEAVE_ALONE: Duration = Duration::from_secs(1);
/// Pause before words of change are listened for again.
const LISTEN_AGAIN: Duration = Duration::from_millis(500);

/// Keeps what was loaded, unless somebody said meanwhile that it changed. KEYS[1] the value, KEYS[2] what
/// changes with every such word; ARGV what that was before the load, the value, milliseconds.
const FILL: &str = "if (redis.call('GET', KEYS[2]) or '') == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end";

/// How long things are kept.
#[derive(Clone, Copy, Debug)]
pub struct Keeping {
    /// In the process: what another process changes may be shown so long if its word is lost.
    pub near: Duration,
    /// In Redis.
    pub far: Duration,
    /// Things in the process at most.
    pub entries: u64,
}

/// A cache of one kind of thing. Cheap to clone.
#[derive(Clone)]
pub struct TwoLevels<V: Clone + Send + Sync + 'static> {
    redis: Redis,
    name: &'static str,
    keeping: Keeping,
    near: Cache<String, V>,
    fill: Arc<Script>,
    /// Until when Redis is left alone.
    alone_until: Arc<Mutex<Option<Instant>>>,
}

impl<V: Clone + Send + Sync + Serialize + DeserializeOwned + 'static> TwoLevels<V> {
    /// Of things called `name`, which no other kind is called.
    #[must_use]
    pub fn new(redis: Redis, name: &'static str, keeping: Keeping) -> Self {
        let near = Cache::builder().max_capacity(keeping.entries).time_to_live(jittered(keeping.near / 2)).build();
        Self { redis, name, keeping, near, fill: Arc::new(Script::new(FILL)), alone_until: Arc::default() }
    }

    /// The thing of this key: as it is kept, else as `load` finds it.
    ///
    /// # Errors
    /// What `load` ends with; those who waited for the same load get the same.
    pub async fn get<E: Send + Sync + 'static>(&self, key: &str, load: impl Future<Output = Result<V, E>>) -> Result<V, Arc<E>> {
        let found = async {
            let (kept, word) = self.far(key).await.unwrap_or_default();
            if let Some(value) = kept {
                return Ok(value);
            }
            let value = load.await?;
            if let Some(word) = word {
                self.fill(key, &word, &value).await;
            }
            Ok(value)
        };
        self.near.try_get_with_by_ref(key, found).await
    }

    /// Says that the thing of this key changed; called after the change is committed.
    ///
    /// # Errors
    /// When Redis does not answer: other processes may show the old one for as long as things are kept.
    pub async fn changed(&self, key: &str) -> Result<(), StoreError> {
        let mut all = redis::pipe();
        let [value, word] = self.keys(key);
        // The word outlives every load that began before it.
        all.cmd("SET").arg(word).arg(random_id().to_string()).arg("PX").arg(millis(self.keeping.far)).ignore();
        all.cmd("DEL").arg(value).ignore();
        all.cmd("PUBLISH").arg(self.channel()).arg(key).ignore();
        let said = all.exec_async(&mut self.redis.connection()).await;
        self.near.invalidate(key).await;
        said.map_err(|error| failed("cache.changed", error))
    }

    /// Forgets what others say changed, until `shutdown`. While their words cannot be heard, nothing
    /// near is trusted for longer than it is kept.
    pub async fn listen(&self, shutdown: CancellationToken) {
        loop {
            let heard = tokio::select! {
                () = shutdown.cancelled() => return,
                heard = self.hear() => heard,
            };
            self.near.invalidate_all();
            if let Err(error) = heard {
                tracing::debug!(cache = self.name, %error, "words of change are not heard");
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = sleep(LISTEN_AGAIN) => {}
            }
        }
    }

    async fn hear(&self) -> Result<(), RedisError> {
        let connect = async {
            let mut connection = self.redis.client.get_async_pubsub().await?;
            connection.subscribe(self.channel()).await?;
            Ok::<_, RedisError>(connection)
        };
        let late = |_| RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
        let mut connection = timeout(CONNECT_WITHIN + ANSWER_WITHIN, connect).await.map_err(late)??;
        // What was said before this is not heard any more.
        self.near.invalidate_all();
        let mut words = connection.on_message();
        while let Some(word) = words.next().await {
            let key: String = word.get_payload()?;
            self.near.invalidate(&key).await;
        }
        Ok(())
    }

    /// What Redis keeps, and the last word of change; nothing when it does not answer.
    async fn far(&self, key: &str) -> Option<(Option<V>, Option<String>)> {
        if self.alone_until().is_some_and(|until| Instant::now() < until) {
            return None;
        }
        let mut read = redis::cmd("MGET");
        read.arg(&self.keys(key));
        let answer: Result<(Option<String>, Option<String>), RedisError> = read.query_async(&mut self.redis.connection()).await;
        match answer {
            // What cannot be read is of another version of the program.
            Ok((text, word)) => {
                let value = text.and_then(|text| serde_json::from_str(&text).ok());
                Some((value, Some(word.unwrap_or_default())))
            }
            Err(error) => {
                tracing::debug!(cache = self.name, %error, "nothing is read from Redis");
                *self.alone_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + LEAVE_ALONE);
                None
            }
        }
    }

    async fn fill(&self, key: &str, word: &str, value: &V) {
        let Ok(text) = serde_json::to_string(value) else { return };
        let [kept, words] = self.keys(key);
        let mut call = self.fill.key(kept);
        let until = millis(jittered(self.keeping.far / 2));
        let filled: Result<(), RedisError> =
            call.key(words).arg(word).arg(text).arg(until).invoke_async(&mut self.redis.connection()).await;
        if let Err(error) = filled {
            tracing::debug!(cache = self.name, %error, "nothing is kept in Redis");
        }
    }

    /// Of the value and of the last word about it, on one node.
    fn keys(&self, key: &str) -> [String; 2] {
        let tag = format!("{}:{}", self.name, hex::encode(key));
        [self.redis.key(&tag, "value"), self.redis.key(&tag, "word")]
    }

    fn channel(&self) -> String {
        self.redis.key(self.name, "changed")
    }

    fn alone_until(&self) -> Option<Instant> {
        *self.alone_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
