//! The servers that a process uses beside databases and other services, and whether they are there: Redis, the bucket of pictures,
//! and the topics and queues of the bus.
//!
//! Whoever sends requests here asks several times a second, and AWS is paid by the question: what it said is remembered for a
//! while. Start reading at [`beside`].

#[cfg(any(feature = "redis", feature = "aws"))]
use std::sync::Arc;
#[cfg(feature = "aws")]
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(feature = "aws")]
use std::time::Duration;

#[cfg(feature = "aws")]
use async_trait::async_trait;
#[cfg(feature = "aws")]
use commerce_adapters::aws::{Aws, topology::Topology};
#[cfg(feature = "aws")]
use commerce_adapters::images::ObjectImages;
#[cfg(feature = "redis")]
use commerce_adapters::redis::{Redis, traffic::RedisLimiter};
use commerce_core::commerce::Context;
#[cfg(feature = "aws")]
use commerce_core::error::StoreError;
#[cfg(feature = "redis")]
use commerce_core::traffic::RateLimiter;
#[cfg(feature = "aws")]
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use super::StartError;
#[cfg(not(feature = "redis"))]
use super::choices::not_built;
#[cfg(feature = "redis")]
use super::choices::redis;
#[cfg(feature = "aws")]
use super::choices::{aws, pictures, topology};
use crate::config::Config;
#[cfg(any(feature = "redis", feature = "aws"))]
use crate::config::EventBusKind;
use crate::ways::Ways;
#[cfg(any(feature = "redis", feature = "aws"))]
use crate::ways::{Dependency, Peer};

/// How long what AWS said is believed.
#[cfg(feature = "aws")]
const REMEMBER: Duration = Duration::from_secs(5);
/// How long somebody who asks for health waits for AWS: less than who asks waits for us.
#[cfg(feature = "aws")]
const ANSWER_WITHIN: Duration = Duration::from_millis(800);
/// How long an operator waits for it.
#[cfg(feature = "aws")]
const LOOK_WITHIN: Duration = Duration::from_secs(10);

/// What a process with these contexts uses beside databases and other services.
///
/// # Errors
/// When the settings ask for what this build or they themselves do not have.
pub async fn beside(config: &Config, here: &[Context]) -> Result<Ways, StartError> {
    let mut ways = with_redis(config, here)?;
    with_aws(&mut ways, config, here).await?;
    Ok(ways)
}

#[cfg(feature = "redis")]
fn with_redis(config: &Config, here: &[Context]) -> Result<Ways, StartError> {
    let mut limiter: Option<Arc<dyn RateLimiter>> = None;
    if config.gateway.rate_limit_shared {
        limiter = Some(Arc::new(RedisLimiter::new(redis(config)?)));
    }
    let used = config.carts_in_redis
        || config.gateway.rate_limit_shared
        || config.auth.sessions_in_redis
        || config.services.registry
        || config.events == EventBusKind::Redis;
    // Without it carts do not work, and everything else does.
    let needed = config.carts_in_redis && here.contains(&Context::Orders);
    let mut servers = Vec::new();
    if used {
        servers.push(Dependency { name: "redis", needed, peer: Arc::new(Pinged(redis(config)?)) });
    }
    Ok(Ways { servers, limiter, ..Ways::default() })
}

#[cfg(not(feature = "redis"))]
fn with_redis(config: &Config, _: &[Context]) -> Result<Ways, StartError> {
    let asked = config.gateway.rate_limit_shared || config.services.registry;
    if asked { Err(not_built("redis")) } else { Ok(Ways::default()) }
}

/// Redis, asked whether it is there.
#[cfg(feature = "redis")]
struct Pinged(Redis);

#[cfg(feature = "redis")]
#[async_trait::async_trait]
impl Peer for Pinged {
    async fn is_ready(&self) -> bool {
        self.0.ping().await.is_ok()
    }
}

/// Without the bucket pictures do not work; without topics and queues what happened is told later, and everything works.
#[cfg(feature = "aws")]
async fn with_aws(ways: &mut Ways, config: &Config, here: &[Context]) -> Result<(), StartError> {
    if let Some(bucket) = config.aws.images_bucket.as_ref().filter(|_| here.contains(&Context::Catalog)) {
        let peer = Remembered::of(Pictures(pictures(config, bucket)?));
        ways.servers.push(Dependency { name: "images", needed: true, peer });
    }
    if config.events == EventBusKind::Sqs && !here.is_empty() {
        let (aws, topology) = (Box::pin(Aws::connect(&aws(config))).await, topology(config));
        let topics = Remembered::of(Topics(aws.clone(), topology.clone()));
        let queues = Remembered::of(Queues(aws, topology));
        let named = [("sns", topics as Arc<dyn Peer>), ("sqs", queues)];
        ways.servers.extend(named.map(|(name, peer)| Dependency { name, needed: false, peer }));
    }
    Ok(())
}

#[cfg(not(feature = "aws"))]
async fn with_aws(_: &mut Ways, _: &Config, _: &[Context]) -> Result<(), StartError> {
    std::future::ready(Ok(())).await
}

/// What is kept at AWS.
#[cfg(feature = "aws")]
#[async_trait]
trait Kept: Send + Sync + 'static {
    /// Whether it answers, asked with one cheap request.
    async fn answers(&self) -> Result<(), StoreError>;

    /// Whether all of it is there.
    async fn look(&self) -> Result<(), StoreError>;
}

/// Asked at most every few seconds; who comes in between, or while somebody else asks, is told what was true before.
#[cfg(feature = "aws")]
struct Remembered<K> {
    kept: K,
    is_up: AtomicBool,
    asked: Mutex<Option<Instant>>,
}

#[cfg(feature = "aws")]
impl<K: Kept> Remembered<K> {
    fn of(kept: K) -> Arc<Self> {
        Arc::new(Self { kept, is_up: AtomicBool::new(false), asked: Mutex::new(None) })
    }
}

#[cfg(feature = "aws")]
#[async_trait]
impl<K: Kept> Peer for Remembered<K> {
    async fn is_ready(&self) -> bool {
        if let Ok(mut asked) = self.asked.try_lock()
            && asked.is_none_or(|at| at.elapsed() >= REMEMBER)
        {
            let is_up = matches!(timeout(ANSWER_WITHIN, self.kept.answers()).await, Ok(Ok(())));
            self.is_up.store(is_up, Ordering::Release);
            *asked = Some(Instant::now());
        }
        self.is_up.load(Ordering::Acquire)
    }

    async fn complaint(&self) -> Option<String> {
        let looked = timeout(LOOK_WITHIN, self.kept.look()).await;
        let Ok(looked) = looked else { return Some("does not answer".to_owned()) };
        looked.err().map(|error| match std::error::Error::source(&error) {
            Some(cause) => cause.to_string(),
            None => error.to_string(),
        })
    }
}

#[cfg(feature = "aws")]
struct Pictures(ObjectImages);

#[cfg(feature = "aws")]
#[async_trait]
impl Kept for Pictures {
    async fn answers(&self) -> Result<(), StoreError> {
        self.0.is_there().await
    }

    async fn look(&self) -> Result<(), StoreError> {
        self.0.is_there().await
    }
}

#[cfg(feature = "aws")]
struct Topics(Aws, Topology);

#[cfg(feature = "aws")]
#[async_trait]
impl Kept for Topics {
    async fn answers(&self) -> Result<(), StoreError> {
        self.0.has_topics(&self.1).await
    }

    async fn look(&self) -> Result<(), StoreError> {
        self.0.has_topics(&self.1).await
    }
}

#[cfg(feature = "aws")]
struct Queues(Aws, Topology);

#[cfg(feature = "aws")]
#[async_trait]
impl Kept for Queues {
    async fn answers(&self) -> Result<(), StoreError> {
        self.0.has_a_queue(&self.1).await
    }

    async fn look(&self) -> Result<(), StoreError> {
        self.0.has_queues(&self.1).await
    }
}

#[cfg(all(test, feature = "aws"))]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[derive(Default)]
    struct Counted {
        asked: AtomicU32,
        is_silent: AtomicBool,
    }

    #[async_trait]
    impl Kept for Counted {
        async fn answers(&self) -> Result<(), StoreError> {
            self.asked.fetch_add(1, Ordering::AcqRel);
            if self.is_silent.load(Ordering::Acquire) {
                std::future::pending::<()>().await;
            }
            Ok(())
        }

        async fn look(&self) -> Result<(), StoreError> {
            self.answers().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn health_is_asked_for_often_and_aws_seldom() {
        let remembered = Remembered::of(Counted::default());
        let asked = || remembered.kept.asked.load(Ordering::Acquire);
        for _ in 0..100 {
            assert!(remembered.is_ready().await);
        }
        assert_eq!(asked(), 1);
        remembered.kept.is_silent.store(true, Ordering::Release);
        assert!(remembered.is_ready().await, "not asked yet");
        tokio::time::advance(REMEMBER).await;
        let began = Instant::now();
        let (first, other) = tokio::join!(remembered.is_ready(), remembered.is_ready());
        assert_eq!((first, other), (false, true), "the other does not wait");
        assert!(began.elapsed() <= Duration::from_secs(1), "and the first one not long");
        assert!(!remembered.is_ready().await);
        assert_eq!(asked(), 2);
        assert_eq!(remembered.complaint().await.as_deref(), Some("does not answer"));
        remembered.kept.is_silent.store(false, Ordering::Release);
        tokio::time::advance(REMEMBER).await;
        assert!(remembered.is_ready().await, "it is back");
        assert_eq!(remembered.complaint().await, None);
    }
}
