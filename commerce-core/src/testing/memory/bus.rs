//! The event bus: brings each event to every registered consumer, one after the other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::error::StoreError;
use crate::events::{ConsumeError, Consumer, DeadLetter, DeadLetters, Envelope, EventBus};
use crate::ids::EventId;
use crate::limits;
use crate::time::Clock;

/// Delivers in the same call. An event is taken over when every consumer has recorded or buried it.
pub struct MemoryBus {
    clock: Arc<dyn Clock>,
    subscribers: Mutex<Vec<Subscriber>>,
    /// Permanent failures so far. A buried delivery keeps its count, so that an event with several
    /// consumers leaves when the last has buried it, however far apart they fail.
    failures: Mutex<BTreeMap<(&'static str, EventId), u32>>,
}

#[derive(Clone)]
struct Subscriber {
    consumer: Arc<dyn Consumer>,
    letters: Arc<dyn DeadLetters>,
}

impl MemoryBus {
    /// Without consumers.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, subscribers: Mutex::default(), failures: Mutex::default() }
    }

    /// Brings later events to `consumer` too; what it cannot handle goes to `letters`.
    pub fn subscribe(&self, consumer: Arc<dyn Consumer>, letters: Arc<dyn DeadLetters>) {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).push(Subscriber { consumer, letters });
    }

    /// Whether the consumer is done with the event.
    async fn deliver(&self, subscriber: &Subscriber, event: &Envelope) -> bool {
        match subscriber.consumer.handle(event).await {
            Ok(()) => true,
            Err(ConsumeError::Transient(_)) => false,
            Err(ConsumeError::Permanent(reason)) => {
                let receives = self.count_failure(subscriber.consumer.name(), event.id);
                receives >= limits::RECEIVES_MAX && self.bury(subscriber, event, reason, receives).await
            }
        }
    }

    fn count_failure(&self, consumer: &'static str, event: EventId) -> u32 {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry((consumer, event)).or_default();
        *count = count.saturating_add(1);
        *count
    }

    async fn bury(&self, subscriber: &Subscriber, event: &Envelope, reason: String, receives: u32) -> bool {
        let consumer = subscriber.consumer.name();
        let letter = DeadLetter { consumer: consumer.to_owned(), event: event.clone(), reason, receives, at: self.clock.now() };
        subscriber.letters.bury(&letter).await.is_ok()
    }
}

#[async_trait]
impl EventBus for MemoryBus {
    async fn publish(&self, events: &[Envelope]) -> Result<Vec<EventId>, StoreError> {
        let subscribers = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut taken = Vec::new();
        for event in events {
            let mut done = true;
            for subscriber in subscribers.iter().filter(|subscriber| subscriber.consumer.wants(event.kind)) {
                done &= self.deliver(subscriber, event).await;
            }
            if done {
                taken.push(event.id);
            }
        }
        Ok(taken)
    }
}
