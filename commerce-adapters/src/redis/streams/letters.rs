//! What could not be read of a queue's streams, in a stream of its own.

use std::sync::Arc;

use async_trait::async_trait;
use commerce_core::Timestamp;
use commerce_core::error::StoreError;
use redis::Value;
use redis::streams::{StreamId, StreamRangeReply};

use super::{EVENT, Streams, failed};
use crate::receive::{Lying, Pile};

/// Entries of a dead-letter stream at most: what nobody can read is kept to be looked at, not for ever.
pub(super) const UNREADABLE_MAX: usize = 100_000;
/// Entries that one look goes through at most.
const LOOK_MAX: usize = 1_000;

/// A dead-letter stream.
pub(super) struct DeadStream {
    streams: Arc<Streams>,
    key: String,
}

impl DeadStream {
    pub(super) fn new(streams: Arc<Streams>, key: String) -> Self {
        Self { streams, key }
    }
}

#[async_trait]
impl Pile for DeadStream {
    /// The oldest of them. Looking hides nothing here.
    async fn look(&self) -> Result<Vec<Lying>, StoreError> {
        let mut range = redis::cmd("XRANGE");
        range.arg(&self.key).arg("-").arg("+").arg("COUNT").arg(LOOK_MAX);
        let found: StreamRangeReply =
            range.query_async(&mut self.streams.redis.connection()).await.map_err(|error| failed("letters.look", error))?;
        Ok(found.ids.into_iter().map(lying).collect())
    }

    async fn give_back(&self, _: &[String]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn remove(&self, handle: &str) -> Result<(), StoreError> {
        let mut remove = redis::cmd("XDEL");
        remove.arg(&self.key).arg(handle);
        remove.exec_async(&mut self.streams.redis.connection()).await.map_err(|error| failed("letters.remove", error))
    }
}

fn lying(entry: StreamId) -> Lying {
    let millis = entry.id.split('-').next().and_then(|millis| millis.parse::<i64>().ok()).unwrap_or_default();
    let at = Timestamp::from_micros(millis.saturating_mul(1_000));
    Lying { text: text(&entry), handle: entry.id.clone(), id: entry.id, at }
}

/// What an entry says: its event, or, where it has none, what it has instead.
pub(super) fn text(entry: &StreamId) -> Vec<u8> {
    if let Some(Value::BulkString(text)) = entry.map.get(EVENT) {
        return text.clone();
    }
    let mut fields: Vec<String> = entry.map.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect();
    fields.sort();
    format!("(no field \"{EVENT}\") {}", fields.join(" ")).into_bytes()
}

fn shown(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => format!("{other:?}"),
    }
}
