//! The bus inside one process: no queue of its own, because the outbox is the queue.
//!
//! An event leaves the outbox only when every consumer that wants it has recorded it in its own
//! database. Events of one aggregate are brought in order, aggregates side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use commerce_core::error::StoreError;
use commerce_core::events::desk::LetterBox;
use commerce_core::events::{ConsumeError, DeadLetter, Envelope, EventBus, Queue, Queued};
use commerce_core::ids::EventId;
use commerce_core::limits;
use commerce_core::time::Clock;
use futures_util::StreamExt;
use tracing::Instrument;

/// Aggregates whose events are brought side by side; their commits then share transactions.
const SIDE_BY_SIDE: usize = 256;

/// The bus.
pub struct InProcessBus {
    boxes: Vec<LetterBox>,
    clock: Arc<dyn Clock>,
    /// Permanent failures so far of deliveries that are not through yet.
    failures: Mutex<BTreeMap<(&'static str, EventId), u32>>,
}

impl InProcessBus {
    /// To these consumers.
    pub fn new(boxes: Vec<LetterBox>, clock: Arc<dyn Clock>) -> Self {
        Self { boxes, clock, failures: Mutex::default() }
    }

    /// Brings the events of one aggregate, given by their places among `events`, in order; stops at
    /// the first that is not through.
    async fn bring(&self, events: &[Envelope], places: Vec<usize>) -> Vec<EventId> {
        let mut through = Vec::with_capacity(places.len());
        for event in places.into_iter().filter_map(|place| events.get(place)) {
            let mut done = true;
            for letter_box in self.boxes.iter().filter(|(consumer, _)| consumer.wants(event.kind)) {
                // One that cannot record it now keeps no other from recording it.
                done &= self.deliver(letter_box, event).await;
            }
            if !done {
                return through;
            }
            self.forget(event);
            through.push(event.id);
        }
        through
    }

    /// Whether the event is done with, as far as this consumer goes: recorded or buried.
    async fn deliver(&self, letter_box: &LetterBox, event: &Envelope) -> bool {
        let (consumer, _) = letter_box;
        let name = consumer.name();
        let span = tracing::debug_span!("consume", consumer = name, event = %event.id, trace = event.traceparent);
        match consumer.handle(event).instrument(span).await {
            Ok(()) => true,
            Err(ConsumeError::Transient(error)) => {
                let (error, trace) = (&error as &dyn std::error::Error, &event.traceparent);
                tracing::warn!(consumer = name, event = %event.id, trace, error, "a delivery waits");
                false
            }
            Err(ConsumeError::Permanent(reason)) => self.fail(letter_box, event, reason).await,
        }
    }

    async fn fail(&self, (consumer, letters): &LetterBox, event: &Envelope, reason: String) -> bool {
        let consumer = consumer.name();
        let receives = self.count(consumer, event.id);
        tracing::warn!(consumer, event = %event.id, trace = event.traceparent, receives, reason, "a delivery failed");
        if receives < limits::RECEIVES_MAX {
            return false;
        }
        let letter = DeadLetter { consumer: consumer.to_owned(), event: event.clone(), reason, receives, at: self.clock.now() };
        match letters.bury(&letter).await {
            Ok(()) => {
                tracing::error!(consumer, event = %event.id, "a delivery went to the dead letters");
                true
            }
            Err(error) => {
                tracing::warn!(consumer, event = %event.id, error = &error as &dyn std::error::Error, "a dead letter waits");
                false
            }
        }
    }

    fn count(&self, consumer: &'static str, event: EventId) -> u32 {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry((consumer, event)).or_default();
        *count += 1;
        *count
    }

    /// Only when everybody is done with the event: one that has buried it is brought it again for as long as
    /// another is not, and must not begin to count anew.
    fn forget(&self, event: &Envelope) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.is_empty() {
            return;
        }
        for (consumer, _) in self.boxes.iter().filter(|(consumer, _)| consumer.wants(event.kind)) {
            failures.remove(&(consumer.name(), event.id));
        }
    }
}

#[async_trait]
impl EventBus for InProcessBus {
    async fn publish(&self, events: &[Envelope]) -> Result<Vec<EventId>, StoreError> {
        let mut aggregates: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (place, event) in events.iter().enumerate() {
            aggregates.entry(event.aggregate).or_default().push(place);
        }
        let brought = futures_util::stream::iter(aggregates.into_values()).map(|places| self.bring(events, places));
        Ok(brought.buffer_unordered(SIDE_BY_SIDE).concat().await)
    }
}

/// Events of one place that are remembered as brought while another place has not got them: more than a
/// relay looks at in one step.
const BROUGHT_MAX: usize = 4_096;

/// Brings events to several places; one is through when it is through at all of them. What a place has it is
/// not brought again while it waits for another, at least not by this process.
pub struct ToAll(Vec<Place>);

struct Place {
    bus: Arc<dyn EventBus>,
    brought: Mutex<BTreeSet<EventId>>,
}

impl ToAll {
    /// To these places.
    pub fn new(places: Vec<Arc<dyn EventBus>>) -> Self {
        Self(places.into_iter().map(|bus| Place { bus, brought: Mutex::default() }).collect())
    }
}

impl Place {
    /// Brings what it has not got, and answers all that it has by then.
    async fn bring(&self, events: &[Envelope]) -> Result<BTreeSet<EventId>, StoreError> {
        let mut has = {
            let brought = self.brought.lock().unwrap_or_else(PoisonError::into_inner);
            events.iter().map(|event| event.id).filter(|event| brought.contains(event)).collect::<BTreeSet<_>>()
        };
        let lacking: Vec<Envelope> = events.iter().filter(|event| !has.contains(&event.id)).cloned().collect();
        if !lacking.is_empty() {
            has.extend(self.bus.publish(&lacking).await?);
        }
        Ok(has)
    }

    fn remember(&self, has: &BTreeSet<EventId>, through: &BTreeSet<EventId>) {
        let mut brought = self.brought.lock().unwrap_or_else(PoisonError::into_inner);
        brought.retain(|event| !through.contains(event));
        let room = BROUGHT_MAX.saturating_sub(brought.len());
        brought.extend(has.difference(through).take(room));
    }
}

#[async_trait]
impl EventBus for ToAll {
    async fn publish(&self, events: &[Envelope]) -> Result<Vec<EventId>, StoreError> {
        let answers = futures_util::future::join_all(self.0.iter().map(|place| place.bring(events))).await;
        let everywhere = |event: &EventId| answers.iter().all(|has| has.as_ref().is_ok_and(|has| has.contains(event)));
        let through: BTreeSet<EventId> = events.iter().map(|event| event.id).filter(everywhere).collect();
        for (place, has) in self.0.iter().zip(&answers) {
            place.remember(has.as_ref().unwrap_or(&BTreeSet::new()), &through);
        }
        // Those that answered know what they know; the one that did not says why.
        answers.into_iter().find_map(Result::err).map_or(Ok(through.into_iter().collect()), Err)
    }

    fn lag(&self) -> Duration {
        self.0.iter().map(|place| place.bus.lag()).max().unwrap_or_default()
    }

    async fn queued(&self, queues: &[Queue]) -> Result<Vec<Queued>, StoreError> {
        let asked = self.0.iter().map(|place| place.bus.queued(queues));
        Ok(futures_util::future::try_join_all(asked).await?.concat())
    }
}
