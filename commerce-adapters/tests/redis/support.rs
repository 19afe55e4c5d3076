//! What the tests share: one Redis for all of them, each with a prefix of its own.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use commerce_adapters::commerce_core::StoreError;
use commerce_adapters::commerce_core::events::{ConsumeError, Consumer, Envelope, EventKind, Topic};
use commerce_adapters::commerce_core::ids::{EventId, Id};
use commerce_adapters::commerce_core::time::Timestamp;
use commerce_adapters::redis::Redis;
use serde_json::json;
use uuid::Uuid;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

static SERVER: OnceLock<commerce_peers::Redis> = OnceLock::new();
static PREFIXES: AtomicU32 = AtomicU32::new(0);
static EVENTS: AtomicU32 = AtomicU32::new(1);

/// Where the shared server listens.
pub(crate) fn url() -> &'static str {
    SERVER.get_or_init(commerce_peers::Redis::start).url()
}

/// A part of the shared server that no other test uses.
pub(crate) fn redis() -> Redis {
    Redis::open(url(), &prefix()).unwrap()
}

pub(crate) fn prefix() -> String {
    format!("shop{}", PREFIXES.fetch_add(1, Ordering::Relaxed))
}

/// A connection past the adapters.
pub(crate) async fn raw(url: &str) -> ::redis::aio::MultiplexedConnection {
    ::redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// So many orders that were placed.
pub(crate) fn events(count: usize) -> Vec<Envelope> {
    let event = |_| {
        let id = EVENTS.fetch_add(1, Ordering::Relaxed);
        Envelope {
            id: EventId::from_uuid(Uuid::from_u128(u128::from(id))),
            topic: Topic::Orders,
            kind: EventKind::OrderCreated,
            schema: 1,
            aggregate: Uuid::from_u128(u128::from(id % 7)),
            version: 1,
            at: Timestamp::from_micros(1_772_357_400_000_000),
            traceparent: None,
            data: json!({ "number": id }).into(),
        }
    };
    (0..count).map(event).collect()
}

/// Hears of orders placed, while its store answers.
pub(crate) struct Listener {
    name: &'static str,
    heard: Mutex<BTreeSet<EventId>>,
    /// Whether its store does not answer.
    pub(crate) is_down: AtomicBool,
    /// Deliveries it was brought, in vain or not.
    pub(crate) brought: AtomicU32,
}

impl Listener {
    pub(crate) fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self { name, heard: Mutex::default(), is_down: AtomicBool::new(false), brought: AtomicU32::new(0) })
    }

    pub(crate) fn heard(&self) -> usize {
        self.heard.lock().unwrap().len()
    }
}

#[async_trait]
impl Consumer for Listener {
    fn name(&self) -> &'static str {
        self.name
    }

    fn wants(&self, kind: EventKind) -> bool {
        kind == EventKind::OrderCreated
    }

    async fn handle(&self, event: &Envelope) -> Result<(), ConsumeError> {
        self.brought.fetch_add(1, Ordering::Relaxed);
        if self.is_down.load(Ordering::Relaxed) {
            return Err(StoreError::unavailable("listener.handle", "down").into());
        }
        self.heard.lock().unwrap().insert(event.id);
        Ok(())
    }
}

/// Waits until `what` is so.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "it does not come about: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
