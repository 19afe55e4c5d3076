//! The bus on SNS and SQS.
//!
//! An event is with the bus once SNS has taken it. SNS takes ten at once and 256 KiB of them; standard
//! topics promise no order and now and then bring an event twice, which every consumer is written for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sns::types::PublishBatchRequestEntry;
use commerce_core::error::{StoreError, StoreErrorKind};
use commerce_core::events::desk::LetterBox;
use commerce_core::events::{DeadLetters, Envelope, EventBus, Queue, Queued, Topic};
use commerce_core::ids::EventId;
use futures_util::{StreamExt, stream};
use tokio::sync::{Mutex, OnceCell};
use uuid::Uuid;

use super::letters::DeadQueue;
use super::queue::SqsInlet;
use super::topology::Topology;
use super::{Aws, failed};
use crate::receive::{BrokerLetters, Lane, Line, Pauses, Receiver, wire};

/// Events of one request at most, by SNS's rule.
const BATCH_MAX: usize = 10;
/// Bytes of one request's events at most, by SNS's rule; and so of one event.
const BYTES_MAX: usize = 262_144;
/// Requests on their way at once, where order does not matter.
const AT_ONCE: usize = 8;

/// The bus. What it publishes to and receives from is made by [`Aws::init`].
#[derive(Clone)]
pub struct SnsBus {
    aws: Aws,
    topology: Arc<Topology>,
    arns: Arc<OnceCell<BTreeMap<Topic, String>>>,
}

impl SnsBus {
    /// With these names.
    #[must_use]
    pub fn new(aws: Aws, topology: Topology) -> Self {
        Self { aws, topology: Arc::new(topology), arns: Arc::default() }
    }

    /// A receiver for the consumers of this process. What they cannot handle goes to the queues' own
    /// dead letters: see [`letter_boxes`](Self::letter_boxes).
    #[must_use]
    pub fn receiver(&self, consumers: Vec<LetterBox>, pauses: Pauses) -> Receiver {
        let lane = |(consumer, _): LetterBox| -> Arc<Mutex<dyn Lane>> {
            let name = self.topology.queue(&Queue::of(&*consumer));
            Arc::new(Mutex::new(Line::new(SqsInlet::new(self.aws.clone(), name, pauses), consumer, pauses)))
        };
        Receiver::new(consumers.into_iter().map(lane).collect())
    }

    /// The consumers with their dead letters at AWS in front of those in their databases, for the desk
    /// at which staff reads them and sends them again.
    #[must_use]
    pub fn letter_boxes(&self, consumers: Vec<LetterBox>) -> Vec<LetterBox> {
        let placed = |(consumer, inner): LetterBox| -> LetterBox {
            let queue = Queue::of(&*consumer);
            let pile = DeadQueue::new(self.aws.clone(), self.topology.dead_letters(&queue));
            let letters: Arc<dyn DeadLetters> = Arc::new(BrokerLetters::new(pile, queue.name, inner));
            (consumer, letters)
        };
        consumers.into_iter().map(placed).collect()
    }

    async fn arn(&self, topic: Topic) -> Result<String, StoreError> {
        let arns = self.arns.get_or_try_init(|| async {
            let known = self.aws.topic_arns().await?;
            let named = |topic: &Topic| {
                let name = self.topology.topic(*topic);
                let arn = known.get(&name).cloned();
                let missing = || StoreError::new(StoreErrorKind::Internal, "bus.publish", format!("there is no topic {name}"));
                arn.map(|arn| (*topic, arn)).ok_or_else(missing)
            };
            Topic::ALL.iter().map(named).collect::<Result<BTreeMap<Topic, String>, StoreError>>()
        });
        Ok(arns.await?.get(&topic).cloned().unwrap_or_default())
    }

    /// Publishes one batch and answers which of its events were taken.
    async fn send(&self, batch: Batch) -> Result<Vec<EventId>, StoreError> {
        let mut request = self.aws.sns.publish_batch().topic_arn(self.arn(batch.topic).await?);
        for (place, message) in batch.messages.iter().enumerate() {
            request = request.publish_batch_request_entries(self.entry(place, message)?);
        }
        let answer = request.send().await.map_err(|error| failed("bus.publish", error))?;
        for refused in answer.failed.unwrap_or_default() {
            tracing::warn!(topic = %batch.topic, code = refused.code(), why = refused.message(), "an event was not taken");
        }
        let taken = answer.successful.unwrap_or_default().into_iter().filter_map(|entry| entry.id?.parse::<usize>().ok());
        Ok(taken.filter_map(|place| batch.messages.get(place)).map(|message| message.event).collect())
    }

    fn entry(&self, place: usize, message: &Message) -> Result<PublishBatchRequestEntry, StoreError> {
        let mut entry = PublishBatchRequestEntry::builder().id(place.to_string()).message(&message.text);
        if self.topology.fifo {
            let (group, once) = (message.aggregate.to_string(), message.event.to_string());
            entry = entry.message_group_id(group).message_deduplication_id(once);
        }
        entry.build().map_err(|error| StoreError::new(StoreErrorKind::Internal, "bus.publish", error))
    }
}

/// An event as SNS takes it.
struct Message {
    event: EventId,
    aggregate: Uuid,
    text: String,
}

/// Events of one topic that fit into one request.
struct Batch {
    topic: Topic,
    messages: Vec<Message>,
    bytes: usize,
}

/// The events in as few requests as they fit into, each topic's in order. One that fits into none is
/// left out: it stays where it is, and is logged at every try.
fn batches(events: &[Envelope]) -> Result<Vec<Batch>, StoreError> {
    let mut batches: Vec<Batch> = Vec::new();
    for event in events {
        let text = wire::write(event)?;
        let bytes = text.len();
        if bytes > BYTES_MAX {
            tracing::error!(event = %event.id, bytes, "an event is too large for SNS and stays unpublished");
            continue;
        }
        // Only the topic's last batch: an event must not overtake those before it.
        let last = batches.iter_mut().rev().find(|batch| batch.topic == event.topic);
        let message = Message { event: event.id, aggregate: event.aggregate, text };
        match last.filter(|batch| batch.messages.len() < BATCH_MAX && batch.bytes + bytes <= BYTES_MAX) {
            Some(batch) => {
                batch.messages.push(message);
                batch.bytes += bytes;
            }
            None => batches.push(Batch { topic: event.topic, messages: vec![message], bytes }),
        }
    }
    Ok(batches)
}

#[async_trait]
impl EventBus for SnsBus {
    async fn publish(&self, events: &[Envelope]) -> Result<Vec<EventId>, StoreError> {
        let batches = batches(events)?;
        let at_once = if self.topology.fifo { 1 } else { AT_ONCE };
        let sent = stream::iter(batches).map(|batch| self.send(batch)).buffered(at_once);
        let sent: Vec<Result<Vec<EventId>, StoreError>> = sent.collect().await;
        let mut taken = Vec::with_capacity(events.len());
        let mut failed = None;
        for answer in sent {
            match answer {
                Ok(ids) => taken.extend(ids),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) if taken.is_empty() => Err(error),
            Some(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "some events are published later");
                Ok(taken)
            }
            None => Ok(taken),
        }
    }

    fn lag(&self) -> Duration {
        commerce_core::limits::BROKER_LAG
    }

    /// About as many as SQS says; since when the oldest waits it does not tell.
    async fn queued(&self, queues: &[Queue]) -> Result<Vec<Queued>, StoreError> {
        let asked = queues.iter().map(|queue| async {
            let url = self.aws.queue_url(&self.topology.queue(queue)).await?;
            Ok(Queued { queue: queue.name, waiting: self.aws.waiting(&url).await?, oldest: None })
        });
        futures_util::future::try_join_all(asked).await
    }
}

#[cfg(test)]
mod tests {
    use commerce_core::Timestamp;
    use commerce_core::events::EventKind;
    use commerce_core::ids::Id;
    use serde_json::json;

    use super::*;

    fn event(topic: Topic, number: u128, bytes: usize) -> Envelope {
        Envelope {
            id: EventId::from_uuid(Uuid::from_u128(number)),
            topic,
            kind: EventKind::OrderCreated,
            schema: 1,
            aggregate: Uuid::from_u128(1),
            version: 1,
            at: Timestamp::EPOCH,
            traceparent: None,
            data: json!({ "text": "x".repeat(bytes) }).into(),
        }
    }

    #[test]
    fn a_batch_has_ten_events_and_fits_into_a_request() {
        let small: Vec<_> = (0..25).map(|number| event(Topic::Orders, number, 10)).collect();
        let sizes: Vec<_> = batches(&small).unwrap().iter().map(|batch| batch.messages.len()).collect();
        assert_eq!(sizes, [10, 10, 5]);
        let large: Vec<_> = (0..5).map(|number| event(Topic::Orders, number, 100_000)).collect();
        let large = batches(&large).unwrap();
        assert_eq!(large.iter().map(|batch| batch.messages.len()).collect::<Vec<_>>(), [2, 2, 1]);
        assert!(large.iter().all(|batch| batch.bytes <= BYTES_MAX));
    }

    #[test]
    fn topics_are_apart_and_each_keeps_its_order() {
        let mixed: Vec<_> =
            (0..30).map(|number| event([Topic::Orders, Topic::Users][usize::from(number % 3 == 0)], number, 10)).collect();
        let batches = batches(&mixed).unwrap();
        for topic in [Topic::Orders, Topic::Users] {
            let of_it = batches.iter().filter(|batch| batch.topic == topic);
            let ids: Vec<_> = of_it.flat_map(|batch| batch.messages.iter().map(|message| message.event)).collect();
            let said: Vec<_> = mixed.iter().filter(|event| event.topic == topic).map(|event| event.id).collect();
            assert_eq!(ids, said);
        }
    }

    #[test]
    fn what_fits_into_no_request_holds_nothing_up() {
        let events = [event(Topic::Orders, 1, 10), event(Topic::Orders, 2, BYTES_MAX), event(Topic::Orders, 3, 10)];
        let batches = batches(&events).unwrap();
        assert_eq!(batches.len(), 1);
        assert_eq!(batches[0].messages.len(), 2);
    }
}
