//! One queue as a consumer group of its topics' streams.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use commerce_core::error::StoreError;
use commerce_core::events::{DeadLetter, DeadLetters, Queue};
use commerce_core::limits;
use commerce_core::time::Clock;
use redis::RedisError;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamAutoClaimReply, StreamId, StreamPendingCountReply, StreamReadReply};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::letters::{UNREADABLE_MAX, text};
use super::{EVENT, Streams, TAG, failed};
use crate::receive::{Delivery, Failure, Inlet, Whereabouts};
use crate::system::random_id;

/// Entries of one request.
const BATCH: usize = 256;
/// How often a receiver looks for entries of lost receivers while they count as lost.
const LOOKS_WHILE_LOST: u32 = 5;

/// Where an entry is.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    /// Among the queue's streams.
    stream: usize,
    id: String,
}

pub(super) struct StreamInlet {
    streams: Arc<Streams>,
    group: &'static str,
    /// Keys of the streams of the queue's topics.
    keys: Vec<String>,
    /// How often entries failed for good, by stream and id.
    failures: String,
    unreadable: String,
    letters: Arc<dyn DeadLetters>,
    clock: Arc<dyn Clock>,
    /// By which Redis knows this receiver among those of the group.
    me: String,
    waiting: Mutex<Option<MultiplexedConnection>>,
    looked_at: Mutex<Option<Instant>>,
    lost: Duration,
}

impl StreamInlet {
    pub(super) fn new(
        streams: Arc<Streams>,
        queue: &Queue,
        (letters, clock): (Arc<dyn DeadLetters>, Arc<dyn Clock>),
        lost: Duration,
    ) -> Self {
        let keys = queue.topics.iter().map(|topic| streams.stream(*topic)).collect();
        let failures = streams.redis.key(TAG, &format!("{}:failures", queue.name));
        let unreadable = streams.dead_letters(queue);
        let me = random_id().to_string();
        let (waiting, looked_at) = (Mutex::default(), Mutex::default());
        Self { streams, group: queue.name, keys, failures, unreadable, letters, clock, me, waiting, looked_at, lost }
    }

    /// What is with consumers that say nothing any more.
    async fn claim(&self) -> Result<Vec<Delivery<Ticket>>, RedisError> {
        let mut looked_at = self.looked_at.lock().await;
        if looked_at.is_some_and(|at| at.elapsed() < self.lost / LOOKS_WHILE_LOST) {
            return Ok(Vec::new());
        }
        let mut claimed = Vec::new();
        for (stream, key) in self.keys.iter().enumerate() {
            let mut claim = redis::cmd("XAUTOCLAIM");
            claim.arg(key).arg(self.group).arg(&self.me).arg(millis(self.lost)).arg("0").arg("COUNT").arg(BATCH);
            let reply: StreamAutoClaimReply = claim.query_async(&mut self.streams.redis.connection()).await?;
            if reply.claimed.is_empty() {
                continue;
            }
            let receives = self.receives(key).await?;
            claimed.extend(reply.claimed.into_iter().map(|entry| {
                let receives = receives.get(&entry.id).copied().unwrap_or(1);
                delivery(stream, entry, receives)
            }));
        }
        // Where some were found there may be more: the next round looks again.
        *looked_at = claimed.is_empty().then(Instant::now);
        Ok(claimed)
    }

    /// How often what is with this receiver was handed out.
    async fn receives(&self, key: &str) -> Result<HashMap<String, u32>, RedisError> {
        let mut pending = redis::cmd("XPENDING");
        pending.arg(key).arg(self.group).arg("-").arg("+").arg(2 * BATCH).arg(&self.me);
        let reply: StreamPendingCountReply = pending.query_async(&mut self.streams.redis.connection()).await?;
        let count = |times: usize| u32::try_from(times).unwrap_or(u32::MAX);
        Ok(reply.ids.into_iter().map(|entry| (entry.id, count(entry.times_delivered))).collect())
    }

    async fn read(&self, wait: Duration) -> Result<Vec<Delivery<Ticket>>, RedisError> {
        let mut held = self.waiting.lock().await;
        let mut connection = match held.take() {
            Some(connection) => connection,
            None => self.streams.redis.waiting_connection(wait.max(Duration::from_secs(5))).await?,
        };
        let mut read = redis::cmd("XREADGROUP");
        read.arg("GROUP").arg(self.group).arg(&self.me).arg("COUNT").arg(BATCH);
        if !wait.is_zero() {
            read.arg("BLOCK").arg(millis(wait).max(1));
        }
        read.arg("STREAMS").arg(&self.keys).arg(vec![">"; self.keys.len()]);
        let reply: Option<StreamReadReply> = read.query_async(&mut connection).await?;
        // Only a connection that answered is used again.
        *held = Some(connection);
        let place = |key: &str| self.keys.iter().position(|known| known == key);
        let streams = reply.into_iter().flat_map(|reply| reply.keys);
        let entries = streams.filter_map(|entries| Some((place(&entries.key)?, entries.ids)));
        Ok(entries.flat_map(|(stream, ids)| ids.into_iter().map(move |entry| delivery(stream, entry, 1))).collect())
    }

    /// Acknowledges, and forgets how often these failed.
    async fn acknowledge(&self, tickets: &[Ticket]) -> Result<(), RedisError> {
        let mut all = redis::pipe();
        for (key, ids) in self.by_stream(tickets) {
            all.cmd("XACK").arg(key).arg(self.group).arg(ids).ignore();
        }
        let failed: Vec<String> = tickets.iter().map(|ticket| self.failure(ticket)).collect();
        all.cmd("HDEL").arg(&self.failures).arg(failed).ignore();
        all.exec_async(&mut self.streams.redis.connection()).await
    }

    fn by_stream<'a>(&'a self, tickets: &'a [Ticket]) -> impl Iterator<Item = (&'a String, Vec<&'a str>)> {
        self.keys.iter().enumerate().filter_map(|(stream, key)| {
            let of_it = tickets.iter().filter(|ticket| ticket.stream == stream);
            let ids: Vec<&str> = of_it.map(|ticket| ticket.id.as_str()).collect();
            (!ids.is_empty()).then_some((key, ids))
        })
    }

    fn failure(&self, ticket: &Ticket) -> String {
        format!("{}/{}", self.keys[ticket.stream], ticket.id)
    }

    /// Counts a failure; at the third the delivery goes to the dead letters.
    async fn count(&self, delivery: &Delivery<Ticket>, failure: &Failure) -> Result<Whereabouts, StoreError> {
        let mut count = redis::cmd("HINCRBY");
        count.arg(&self.failures).arg(self.failure(&delivery.ticket)).arg(1);
        let failures: u32 =
            count.query_async(&mut self.streams.redis.connection()).await.map_err(|error| failed("bus.fail", error))?;
        if failures < limits::RECEIVES_MAX && !failure.is_last {
            return Ok(Whereabouts::Here);
        }
        self.put_away(delivery, failure, failures.max(delivery.receives)).await?;
        self.acknowledge(std::slice::from_ref(&delivery.ticket)).await.map_err(|error| failed("bus.fail", error))?;
        tracing::error!(consumer = self.group, entry = delivery.ticket.id, "a delivery went to the dead letters");
        Ok(Whereabouts::Broker)
    }

    async fn put_away(&self, delivery: &Delivery<Ticket>, failure: &Failure, receives: u32) -> Result<(), StoreError> {
        let reason = failure.reason.clone();
        if let Some(event) = &failure.event {
            let consumer = self.group.to_owned();
            let letter = DeadLetter { consumer, event: event.clone(), reason, receives, at: self.clock.now() };
            return self.letters.bury(&letter).await;
        }
        let Ticket { stream, id } = &delivery.ticket;
        let mut add = redis::cmd("XADD");
        add.arg(&self.unreadable).arg("MAXLEN").arg("~").arg(UNREADABLE_MAX).arg("*");
        add.arg(&[(EVENT, delivery.text.as_slice()), ("reason", reason.as_bytes())]);
        add.arg(&[("stream", self.keys[*stream].as_str()), ("entry", id.as_str())]);
        add.exec_async(&mut self.streams.redis.connection()).await.map_err(|error| failed("bus.fail", error))
    }
}

#[async_trait]
impl Inlet for StreamInlet {
    type Ticket = Ticket;

    async fn receive(&self, wait: Duration) -> Result<Vec<Delivery<Ticket>>, StoreError> {
        self.streams.prepare().await?;
        let received = match self.claim().await {
            Ok(claimed) if claimed.is_empty() => self.read(wait).await,
            claimed => claimed,
        };
        match received {
            Err(error) if self.streams.lost_groups(&error) => Ok(Vec::new()),
            received => received.map_err(|error| failed("bus.receive", error)),
        }
    }

    async fn keep(&self, tickets: &[Ticket]) -> Result<(), StoreError> {
        let mut all = redis::pipe();
        for (key, ids) in self.by_stream(tickets) {
            // Claimed from oneself it is fresh again; without its text this counts as no delivery.
            all.cmd("XCLAIM").arg(key).arg(self.group).arg(&self.me).arg(0).arg(ids).arg("JUSTID").ignore();
        }
        all.exec_async(&mut self.streams.redis.connection()).await.map_err(|error| failed("bus.keep", error))
    }

    async fn done(&self, tickets: &[Ticket]) -> Result<(), StoreError> {
        self.acknowledge(tickets).await.map_err(|error| failed("bus.done", error))
    }

    async fn fail(&self, delivery: &Delivery<Ticket>, failure: &Failure) -> Whereabouts {
        self.count(delivery, failure).await.unwrap_or_else(|error| {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(consumer = self.group, entry = delivery.ticket.id, error, "a failed delivery waits");
            Whereabouts::Here
        })
    }
}

fn delivery(stream: usize, entry: StreamId, receives: u32) -> Delivery<Ticket> {
    Delivery { text: text(&entry), ticket: Ticket { stream, id: entry.id }, receives }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
