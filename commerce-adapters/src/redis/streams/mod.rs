//! The bus on Redis Streams: one stream for each topic, one consumer group for each queue.
//!
//! An event is with the bus once it is appended; it stays until every group has acknowledged it, and
//! is trimmed behind that, never before. Who takes an event and dies leaves it pending, and another
//! receiver of the group claims it. Three permanent failures bury it among the dead letters of the
//! consumer's database; what cannot even be read goes to the queue's own dead-letter stream.
//!
//! The outbox forgets an event when the bus has it, so the bus must not: a Redis that may lose what
//! it acknowledged is refused, unless somebody vouches for it ([`Durability`]).

mod inlet;
mod letters;
mod queued;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use commerce_core::error::{StoreError, StoreErrorKind};
use commerce_core::events::desk::LetterBox;
use commerce_core::events::{DeadLetters, Envelope, EventBus, Queue, Queued, Topic};
use commerce_core::ids::EventId;
use commerce_core::time::Clock;
use redis::{RedisError, Script};
use tokio::sync::Mutex;

use super::{Redis, failed};
use crate::receive::{BrokerLetters, Lane, Line, Pauses, Receiver, wire};
use inlet::StreamInlet;
use letters::DeadStream;

/// All streams lie on one node, so that one request waits for every topic of a queue.
const TAG: &str = "events";
/// The field of a stream's entry that holds the event.
const EVENT: &str = "event";
/// Events that a process publishes before it looks what can be trimmed.
const TRIM_AFTER: usize = 1_000;

/// How long a receiver that has nothing in hand may be silent before its name is forgotten.
const FORGET_RECEIVER_AFTER: Duration = Duration::from_hours(1);

/// Deletes what every group has acknowledged. Answers how many entries went.
const TRIM: &str = include_str!("trim.lua");

/// How it is known that Redis keeps what it has acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Durability {
    /// It says so: `appendonly yes` and `appendfsync always`. Asked before the first event.
    #[default]
    Asked,
    /// The operator vouches for it, where it cannot be asked: a managed service with a durable log.
    Vouched,
}

/// The bus.
#[derive(Clone)]
pub struct StreamBus(Arc<Streams>);

/// What publisher and receivers share.
struct Streams {
    redis: Redis,
    queues: Vec<Queue>,
    durability: Durability,
    /// Whether the groups are there, as far as is known.
    ready: AtomicBool,
    preparing: Mutex<()>,
    /// Events published since the last trim.
    since_trim: AtomicUsize,
    trim: Script,
}

impl StreamBus {
    /// On this Redis, to these queues: [`Queue::all`], wherever their consumers run. Nothing is lost
    /// to a consumer that starts later.
    #[must_use]
    pub fn new(redis: Redis, queues: Vec<Queue>, durability: Durability) -> Self {
        let (ready, since_trim) = (AtomicBool::new(false), AtomicUsize::new(0));
        let (preparing, trim) = (Mutex::new(()), Script::new(TRIM));
        Self(Arc::new(Streams { redis, queues, durability, ready, preparing, since_trim, trim }))
    }

    /// A receiver for the consumers of this process, each with the place of its dead letters.
    #[must_use]
    pub fn receiver(&self, consumers: Vec<LetterBox>, clock: &Arc<dyn Clock>, pauses: Pauses) -> Receiver {
        let lane = |(consumer, letters): LetterBox| -> Arc<Mutex<dyn Lane>> {
            let queue = Queue::of(&*consumer);
            let inlet = StreamInlet::new(Arc::clone(&self.0), &queue, (letters, Arc::clone(clock)), pauses.lost);
            Arc::new(Mutex::new(Line::new(inlet, consumer, pauses)))
        };
        Receiver::new(consumers.into_iter().map(lane).collect())
    }

    /// The consumers with what could not be read of their queues in front of the dead letters in their databases, for the
    /// desk at which staff reads them.
    #[must_use]
    pub fn letter_boxes(&self, consumers: Vec<LetterBox>) -> Vec<LetterBox> {
        let placed = |(consumer, inner): LetterBox| -> LetterBox {
            let queue = Queue::of(&*consumer);
            let pile = DeadStream::new(Arc::clone(&self.0), self.0.dead_letters(&queue));
            let letters: Arc<dyn DeadLetters> = Arc::new(BrokerLetters::new(pile, queue.name, inner));
            (consumer, letters)
        };
        consumers.into_iter().map(placed).collect()
    }

    /// Makes streams and groups that are not there, and asks whether Redis keeps what it takes. Done
    /// before the first event anyway.
    ///
    /// # Errors
    /// When Redis does not answer, or may forget.
    pub async fn prepare(&self) -> Result<(), StoreError> {
        self.0.prepare().await
    }
}

impl Streams {
    fn stream(&self, topic: Topic) -> String {
        self.redis.key(TAG, topic.as_str())
    }

    fn dead_letters(&self, queue: &Queue) -> String {
        self.redis.key(TAG, &queue.dead_letters())
    }

    async fn prepare(&self) -> Result<(), StoreError> {
        if self.ready.load(Ordering::Acquire) {
            return Ok(());
        }
        let _one = self.preparing.lock().await;
        if self.ready.load(Ordering::Acquire) {
            return Ok(());
        }
        if self.durability == Durability::Asked {
            self.ask_durability().await?;
        }
        for queue in &self.queues {
            for topic in &queue.topics {
                self.make_group(&self.stream(*topic), queue.name).await.map_err(|error| failed("bus.prepare", error))?;
            }
        }
        self.ready.store(true, Ordering::Release);
        Ok(())
    }

    /// From the stream's first entry on, so that a group which is made late misses nothing.
    async fn make_group(&self, stream: &str, group: &str) -> Result<(), RedisError> {
        let mut create = redis::cmd("XGROUP");
        create.arg("CREATE").arg(stream).arg(group).arg("0").arg("MKSTREAM");
        match create.exec_async(&mut self.redis.connection()).await {
            Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
            made => made,
        }
    }

    async fn ask_durability(&self) -> Result<(), StoreError> {
        let mut connection = self.redis.connection();
        for (setting, wanted) in [("appendonly", "yes"), ("appendfsync", "always")] {
            let mut ask = redis::cmd("CONFIG");
            let answer: Vec<String> =
                ask.arg("GET").arg(setting).query_async(&mut connection).await.map_err(|error| failed("bus.prepare", error))?;
            if answer.get(1).is_none_or(|value| value != wanted) {
                let why = format!("Redis may forget events it has taken: set {setting} {wanted}, or vouch for it");
                return Err(StoreError::new(StoreErrorKind::Internal, "bus.prepare", why));
            }
        }
        Ok(())
    }

    /// After Redis has lost its groups they are made anew with the next call.
    fn lost_groups(&self, error: &RedisError) -> bool {
        let lost = error.code() == Some("NOGROUP");
        if lost {
            self.ready.store(false, Ordering::Release);
        }
        lost
    }

    async fn append(&self, events: &[Envelope]) -> Result<(), StoreError> {
        let mut all = redis::pipe();
        for event in events {
            all.cmd("XADD").arg(self.stream(event.topic)).arg("*").arg(EVENT).arg(wire::write(event)?).ignore();
        }
        all.exec_async(&mut self.redis.connection()).await.map_err(|error| failed("bus.publish", error))
    }

    /// Every so many events. What is not trimmed now is trimmed later.
    async fn trim_now_and_then(&self, events: &[Envelope]) {
        if self.since_trim.fetch_add(events.len(), Ordering::AcqRel) + events.len() < TRIM_AFTER {
            return;
        }
        self.since_trim.store(0, Ordering::Release);
        let topics: BTreeSet<Topic> = events.iter().map(|event| event.topic).collect();
        for topic in topics {
            if let Err(error) = self.trim(topic).await {
                tracing::warn!(%topic, error = &error as &dyn std::error::Error, "a stream is not trimmed");
            }
        }
    }

    async fn trim(&self, topic: Topic) -> Result<usize, RedisError> {
        let mut call = self.trim.key(self.stream(topic));
        call.arg(FORGET_RECEIVER_AFTER.as_millis().to_string());
        for queue in self.queues.iter().filter(|queue| queue.topics.contains(&topic)) {
            call.arg(queue.name);
        }
        call.invoke_async(&mut self.redis.connection()).await
    }
}

#[async_trait]
impl EventBus for StreamBus {
    /// All of them or an error; after an error some may be there, and come again.
    async fn publish(&self, events: &[Envelope]) -> Result<Vec<EventId>, StoreError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        self.0.prepare().await?;
        self.0.append(events).await?;
        self.0.trim_now_and_then(events).await;
        Ok(events.iter().map(|event| event.id).collect())
    }

    fn lag(&self) -> Duration {
        commerce_core::limits::BROKER_LAG
    }

    async fn queued(&self, queues: &[Queue]) -> Result<Vec<Queued>, StoreError> {
        self.0.queued(queues).await
    }
}
