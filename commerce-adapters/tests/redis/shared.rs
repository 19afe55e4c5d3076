//! What processes share through Redis: allowances, turns, sessions, the register of instances, caches.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use commerce_adapters::commerce_core::error::StoreErrorKind;
use commerce_adapters::commerce_core::ids::{Id, SessionId};
use commerce_adapters::commerce_core::testing::conformance::{self, Made};
use commerce_adapters::commerce_core::text::Sku;
use commerce_adapters::commerce_core::time::Timestamp;
use commerce_adapters::commerce_core::traffic::{Allowance, RateLimiter};
use commerce_adapters::redis::Redis;
use commerce_adapters::redis::cache::{Keeping, TwoLevels};
use commerce_adapters::redis::locks::SkuLocks;
use commerce_adapters::redis::registry::Registry;
use commerce_adapters::redis::sessions::{Known, RedisSessions};
use commerce_adapters::redis::traffic::RedisLimiter;
use redis::AsyncCommands;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{prefix, raw, redis, until, url};

#[tokio::test]
async fn allowances_conform() {
    conformance::rate_limiter(async || Made::<dyn RateLimiter>::new(Arc::new(RedisLimiter::new(redis())))).await;
}

#[tokio::test]
async fn two_processes_count_together() {
    let (prefix, allowance) = (prefix(), Allowance::per_minute(10));
    let processes = [(); 2].map(|()| RedisLimiter::new(Redis::open(url(), &prefix).unwrap()));
    let mut served = 0;
    for turn in 0..30 {
        let left = processes[turn % 2].take("asha", allowance, Timestamp::EPOCH).await;
        served += u32::from(left.wait.is_none());
    }
    assert_eq!(served, 10);
}

#[tokio::test]
async fn without_redis_each_process_counts_for_itself() {
    let server = commerce_peers::Redis::start_forgetful();
    let limiter = RedisLimiter::new(Redis::open(server.url(), "shop").unwrap());
    let allowance = Allowance::per_minute(2);
    assert_eq!(limiter.take("asha", allowance, Timestamp::EPOCH).await.remaining, 1);
    server.peer().kill();
    let served =
        [limiter.take("asha", allowance, Timestamp::EPOCH).await, limiter.take("asha", allowance, Timestamp::EPOCH).await];
    assert!(served.iter().all(|left| left.wait.is_none()), "it begins anew");
    assert!(limiter.take("asha", allowance, Timestamp::EPOCH).await.wait.is_some());
}

fn sku(text: &str) -> Sku {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_turn_is_one_at_a_time_and_only_its_holder_ends_it() {
    let prefix = prefix();
    let locks = SkuLocks::new(Redis::open(url(), &prefix).unwrap());
    let first = locks.turn(&sku("A")).await.unwrap();
    assert!(locks.turn(&sku("B")).await.is_some(), "another SKU is another matter");
    assert!(locks.turn(&sku("A")).await.is_none(), "who waits too long goes on without");
    assert_eq!(locks.skipped(), 1);
    assert!(first.free().await);
    let second = locks.turn(&sku("A")).await.unwrap();
    // It expires, and somebody else has the next turn.
    let key = format!("{prefix}:{{{}}}:lock", hex::encode("A"));
    let mut raw = raw(url()).await;
    let _: () = raw.del(&key).await.unwrap();
    let third = locks.turn(&sku("A")).await.unwrap();
    assert!(!second.free().await, "the second one's turn is over");
    let left: i64 = raw.pttl(&key).await.unwrap();
    assert!((1..=2_000).contains(&left), "a turn ends by itself: {left}");
    assert!(third.free().await);
}

#[tokio::test]
async fn without_redis_nobody_waits_for_a_turn() {
    let server = commerce_peers::Redis::start_forgetful();
    let locks = SkuLocks::new(Redis::open(server.url(), "shop").unwrap());
    server.peer().kill();
    assert!(locks.turn(&sku("A")).await.is_none());
}

#[tokio::test]
async fn a_session_that_ended_never_comes_back() {
    let sessions = RedisSessions::new(redis());
    let session = SessionId::from_uuid(Uuid::from_u128(1));
    assert_eq!(sessions.known::<String>(session).await.unwrap(), Known::Nothing);
    sessions.note(session, &"asha".to_owned()).await.unwrap();
    assert_eq!(sessions.known(session).await.unwrap(), Known::Alive("asha".to_owned()));
    sessions.end(session).await.unwrap();
    assert_eq!(sessions.known::<String>(session).await.unwrap(), Known::Ended);
    sessions.note(session, &"asha".to_owned()).await.unwrap();
    assert_eq!(sessions.known::<String>(session).await.unwrap(), Known::Ended, "an answer that was late changes nothing");
}

#[tokio::test]
async fn instances_are_listed_until_they_leave() {
    let registry = Arc::new(Registry::new(redis()));
    assert_eq!(registry.instances("orders").await.unwrap(), Vec::<String>::new());
    registry.note("orders", "http://127.0.0.1:1").await.unwrap();
    registry.note("users", "http://127.0.0.1:3").await.unwrap();
    let stop = CancellationToken::new();
    let kept = tokio::spawn({
        let (registry, stop) = (Arc::clone(&registry), stop.clone());
        async move { registry.keep("orders", "http://127.0.0.1:2", stop).await }
    });
    let listed = async || registry.instances("orders").await.unwrap().into_iter().collect::<BTreeSet<_>>();
    until("both are there", || async { listed().await.len() == 2 }).await;
    stop.cancel();
    kept.await.unwrap();
    assert_eq!(listed().await, BTreeSet::from(["http://127.0.0.1:1".to_owned()]));
    registry.strike("orders", "http://127.0.0.1:1").await.unwrap();
    assert_eq!(listed().await, BTreeSet::new());
}

#[tokio::test]
async fn an_instance_that_says_nothing_is_forgotten() {
    let prefix = prefix();
    let registry = Registry::new(Redis::open(url(), &prefix).unwrap());
    registry.note("orders", "http://127.0.0.1:1").await.unwrap();
    let key = format!("{prefix}:{{registry}}:orders");
    // As it is ten seconds later.
    let _: () = raw(url()).await.zadd(&key, "http://127.0.0.1:1", 1).await.unwrap();
    assert_eq!(registry.instances("orders").await.unwrap(), Vec::<String>::new());
}

const KEEPING: Keeping = Keeping { near: Duration::from_mins(1), far: Duration::from_mins(15), entries: 100 };

/// A thing with a count of how often it was loaded.
struct Source {
    value: AtomicU32,
    loads: AtomicU32,
}

impl Source {
    fn new() -> Self {
        Self { value: AtomicU32::new(1), loads: AtomicU32::new(0) }
    }

    async fn load(&self) -> Result<u32, Infallible> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        let value = self.value.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(value)
    }
}

#[tokio::test]
async fn of_many_who_ask_at_once_one_loads() {
    let (cache, source) = (TwoLevels::new(redis(), "product", KEEPING), Source::new());
    let asked = (0..1_000).map(|_| cache.get("a", source.load()));
    let answers = futures_util::future::join_all(asked).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(1))));
    assert_eq!(source.loads.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_change_is_seen_by_every_process() {
    let (prefix, source) = (prefix(), Source::new());
    let processes = [(); 2].map(|()| TwoLevels::new(Redis::open(url(), &prefix).unwrap(), "product", KEEPING));
    let stop = CancellationToken::new();
    for process in processes.clone() {
        let stop = stop.clone();
        tokio::spawn(async move { process.listen(stop).await });
    }
    let channel = format!("{prefix}:{{product}}:changed");
    until("both listen", || async {
        let heard: Vec<(String, u32)> =
            ::redis::cmd("PUBSUB").arg("NUMSUB").arg(&channel).query_async(&mut raw(url()).await).await.unwrap();
        heard[0].1 == 2
    })
    .await;
    for process in &processes {
        assert_eq!(process.get("a", source.load()).await.unwrap(), 1);
    }
    assert_eq!(source.loads.load(Ordering::Relaxed), 1, "the second one finds it in Redis");

    source.value.store(2, Ordering::Relaxed);
    processes[0].changed("a").await.unwrap();
    for process in &processes {
        until("the change is seen", || async { process.get("a", source.load()).await.unwrap() == 2 }).await;
    }
    assert_eq!(source.loads.load(Ordering::Relaxed), 2);
    stop.cancel();
}

#[tokio::test]
async fn what_was_loaded_before_a_change_is_not_kept_after_it() {
    let prefix = prefix();
    let cache = || TwoLevels::new(Redis::open(url(), &prefix).unwrap(), "product", KEEPING);
    let (slow, source) = (cache(), Arc::new(Source::new()));
    let loading = tokio::spawn({
        let source = Arc::clone(&source);
        async move { slow.get("a", source.load()).await.unwrap() }
    });
    until("it is being loaded", || async { source.loads.load(Ordering::Relaxed) == 1 }).await;
    source.value.store(2, Ordering::Relaxed);
    cache().changed("a").await.unwrap();
    assert_eq!(loading.await.unwrap(), 1);
    assert_eq!(cache().get("a", source.load()).await.unwrap(), 2, "the old one did not get into Redis");
}

#[tokio::test]
async fn without_redis_things_are_loaded() {
    let server = commerce_peers::Redis::start_forgetful();
    let (cache, source) = (TwoLevels::new(Redis::open(server.url(), "shop").unwrap(), "product", KEEPING), Source::new());
    server.peer().pause();
    for key in ["a", "b", "a"] {
        assert_eq!(cache.get(key, source.load()).await.unwrap(), 1);
    }
    assert_eq!(source.loads.load(Ordering::Relaxed), 2);
    assert_eq!(cache.changed("a").await.unwrap_err().kind, StoreErrorKind::Unavailable);
    assert_eq!(cache.get("a", source.load()).await.unwrap(), 1);
    assert_eq!(source.loads.load(Ordering::Relaxed), 3, "who changes something forgets it in any case");
    server.peer().resume();
}
