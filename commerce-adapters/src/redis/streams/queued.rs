//! How far the groups are behind: what was not handed out to them, and what was and is not acknowledged.

use std::collections::BTreeMap;

use commerce_core::error::StoreError;
use commerce_core::events::{Queue, Queued, Topic};
use commerce_core::time::Timestamp;
use redis::RedisError;
use redis::streams::{StreamInfoGroup, StreamInfoGroupsReply, StreamPendingReply, StreamRangeReply};

use super::{Streams, failed};

/// What a group has to do on one stream.
struct Behind {
    stream: String,
    group: StreamInfoGroup,
}

impl Streams {
    /// Two requests, however much waits: one for counts, one for the oldest where there is something to count.
    pub(super) async fn queued(&self, queues: &[Queue]) -> Result<Vec<Queued>, StoreError> {
        const OPERATION: &str = "bus.queued";
        if queues.is_empty() {
            return Ok(Vec::new());
        }
        self.prepare().await?;
        let groups = match self.groups().await {
            Err(error) if self.lost_groups(&error) => return Ok(Vec::new()),
            groups => groups.map_err(|error| failed(OPERATION, error))?,
        };
        let mut all = Vec::with_capacity(queues.len());
        for queue in queues {
            let behind: Vec<Behind> = queue.topics.iter().filter_map(|topic| self.behind(&groups, *topic, queue.name)).collect();
            let waiting = behind.iter().map(|it| waiting(&it.group)).fold(0, u64::saturating_add);
            let oldest = self.oldest(&behind).await.map_err(|error| failed(OPERATION, error))?;
            // Without the number that Redis cannot always tell there is still something where there is an oldest.
            let waiting = waiting.max(u64::from(oldest.is_some()));
            all.push(Queued { queue: queue.name, waiting, oldest });
        }
        Ok(all)
    }

    async fn groups(&self) -> Result<BTreeMap<Topic, Vec<StreamInfoGroup>>, RedisError> {
        let mut ask = redis::pipe();
        let topics: Vec<Topic> = Topic::ALL.iter().copied().filter(|topic| self.publishes(*topic)).collect();
        for topic in &topics {
            ask.cmd("XINFO").arg("GROUPS").arg(self.stream(*topic));
        }
        let said: Vec<StreamInfoGroupsReply> = ask.query_async(&mut self.redis.connection()).await?;
        Ok(topics.into_iter().zip(said.into_iter().map(|it| it.groups)).collect())
    }

    /// Whether any queue hears of it, and so there is a stream.
    fn publishes(&self, topic: Topic) -> bool {
        self.queues.iter().any(|queue| queue.topics.contains(&topic))
    }

    fn behind(&self, groups: &BTreeMap<Topic, Vec<StreamInfoGroup>>, topic: Topic, name: &str) -> Option<Behind> {
        let group = groups.get(&topic)?.iter().find(|group| group.name == name)?.clone();
        Some(Behind { stream: self.stream(topic), group })
    }

    /// When the oldest entry came that one of them is not done with.
    async fn oldest(&self, behind: &[Behind]) -> Result<Option<Timestamp>, RedisError> {
        let behind: Vec<&Behind> = behind.iter().filter(|it| it.group.lag != Some(0) || it.group.pending > 0).collect();
        if behind.is_empty() {
            return Ok(None);
        }
        let mut ask = redis::pipe();
        for Behind { stream, group } in &behind {
            ask.cmd("XPENDING").arg(stream).arg(&group.name);
            ask.cmd("XRANGE").arg(stream).arg(format!("({}", group.last_delivered_id)).arg("+").arg("COUNT").arg(1);
        }
        let said: Vec<redis::Value> = ask.query_async(&mut self.redis.connection()).await?;
        let mut oldest = None;
        for pair in said.chunks_exact(2) {
            let [pending, next] = pair else { continue };
            let pending: StreamPendingReply = redis::from_redis_value(pending.clone())?;
            let next: StreamRangeReply = redis::from_redis_value(next.clone())?;
            let held = if let StreamPendingReply::Data(held) = &pending { came_at(&held.start_id) } else { None };
            let next = next.ids.first().and_then(|entry| came_at(&entry.id));
            oldest = [oldest, held, next].into_iter().flatten().min();
        }
        Ok(oldest)
    }
}

/// What a group was not handed out, as far as Redis can tell, and what it has not acknowledged.
fn waiting(group: &StreamInfoGroup) -> u64 {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    count(group.lag.unwrap_or(0)).saturating_add(count(group.pending))
}

/// An entry's id begins with the millisecond at which Redis took it.
fn came_at(id: &str) -> Option<Timestamp> {
    let millis: i64 = id.split_once('-')?.0.parse().ok()?;
    millis.checked_mul(1_000).map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_when_its_entry_came() {
        assert_eq!(came_at("1526919030474-55"), Some(Timestamp::from_micros(1_526_919_030_474_000)));
        assert_eq!([came_at("x-1"), came_at("15"), came_at("9223372036854775807-0")], [None; 3]);
    }

    #[test]
    fn what_is_in_hand_waits_as_well() {
        let group = |lag, pending| StreamInfoGroup { lag, pending, ..StreamInfoGroup::default() };
        assert_eq!([waiting(&group(Some(3), 2)), waiting(&group(None, 2)), waiting(&group(Some(0), 0))], [5, 2, 0]);
    }
}
