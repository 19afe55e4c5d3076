//! A bus that behaves as badly as a bus may, in front of one that behaves: for trials.
//!
//! Events are brought twice, out of their order, later than their turn, and again long after everybody has handled
//! them; and what was brought is said not to have been. Nothing is lost, for that no bus may do: what is held back
//! stays in the outbox. Knows nothing of consumers; start reading at [`ChaosBus::publish`].

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use commerce_core::error::StoreError;
use commerce_core::events::{Envelope, EventBus, Queue, Queued};
use commerce_core::ids::{Entropy, EventId};

/// How many events are remembered, to be brought once more when nobody expects them.
const REMEMBERED: usize = 256;

/// A bus whose deliveries are duplicated, delayed, reordered and repeated.
pub struct ChaosBus {
    bus: Arc<dyn EventBus>,
    entropy: Arc<dyn Entropy>,
    /// Each thing goes wrong with so many of a hundred events.
    percent: u8,
    brought: Mutex<VecDeque<Envelope>>,
}

impl ChaosBus {
    /// In front of `bus`; each thing goes wrong with `percent` of a hundred events.
    pub fn new(bus: Arc<dyn EventBus>, entropy: Arc<dyn Entropy>, percent: u8) -> Self {
        Self { bus, entropy, percent, brought: Mutex::default() }
    }

    fn below(&self, bound: usize) -> usize {
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % u64::try_from(bound.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    fn goes_wrong(&self) -> bool {
        self.below(100) < usize::from(self.percent)
    }

    /// Something that was brought long ago.
    fn old(&self) -> Option<Envelope> {
        let brought = self.brought.lock().unwrap_or_else(PoisonError::into_inner);
        brought.get(self.below(brought.len())).cloned()
    }

    fn remember(&self, events: &[Envelope]) {
        let mut brought = self.brought.lock().unwrap_or_else(PoisonError::into_inner);
        brought.extend(events.iter().cloned());
        let surplus = brought.len().saturating_sub(REMEMBERED);
        brought.drain(..surplus);
    }
}

#[async_trait]
impl EventBus for ChaosBus {
    async fn publish(&self, events: &[Envelope]) -> Result<Vec<EventId>, StoreError> {
        // Their turn comes with another batch, after events that happened later. One goes always: a shop whose every
        // event is late would only be slow.
        let mut now: Vec<Envelope> = events.iter().filter(|_| !self.goes_wrong()).cloned().collect();
        if now.is_empty() {
            now.extend(events.first().cloned());
        }
        let twice: Vec<Envelope> = now.iter().filter(|_| self.goes_wrong()).cloned().collect();
        now.extend(twice);
        if self.goes_wrong() {
            now.extend(self.old());
        }
        for place in (1..now.len()).rev() {
            now.swap(place, self.below(place.saturating_add(1)));
        }
        let mut taken = Vec::new();
        // One by one: a bus may see two copies of an event at different times.
        for event in &now {
            taken.extend(self.bus.publish(std::slice::from_ref(event)).await?);
        }
        self.remember(&now);
        // The answer was lost on its way for some: they come again. What is old was not asked for.
        taken.retain(|id| events.iter().any(|event| event.id == *id) && !self.goes_wrong());
        taken.sort_unstable();
        taken.dedup();
        Ok(taken)
    }

    fn lag(&self) -> Duration {
        self.bus.lag()
    }

    async fn queued(&self, queues: &[Queue]) -> Result<Vec<Queued>, StoreError> {
        self.bus.queued(queues).await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use commerce_core::testing::SeededEntropy;
    use commerce_core::testing::conformance::samples_of_events;

    use super::*;

    /// Takes everything and remembers in which order.
    #[derive(Default)]
    struct Listener(Mutex<Vec<EventId>>);

    #[async_trait]
    impl EventBus for Listener {
        async fn publish(&self, events: &[Envelope]) -> Result<Vec<EventId>, StoreError> {
            let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
            self.0.lock().unwrap().extend(ids.iter().copied());
            Ok(ids)
        }
    }

    #[tokio::test]
    async fn everything_arrives_some_of_it_twice_late_and_out_of_order() {
        let heard = Arc::new(Listener::default());
        let bus = ChaosBus::new(heard.clone(), Arc::new(SeededEntropy::new(1)), 20);
        let said = samples_of_events(400);
        let mut waiting: VecDeque<Envelope> = said.iter().cloned().collect();
        let mut rounds = 0;
        while !waiting.is_empty() {
            let batch: Vec<Envelope> = waiting.iter().take(16).cloned().collect();
            let taken = bus.publish(&batch).await.unwrap();
            assert!(taken.iter().all(|id| batch.iter().any(|event| event.id == *id)), "it takes only what it was given");
            waiting.retain(|event| !taken.contains(&event.id));
            rounds += 1;
        }
        assert!(rounds > 400 / 16, "some came late");
        let heard = heard.0.lock().unwrap().clone();
        let mut times: BTreeMap<EventId, u32> = BTreeMap::new();
        for id in &heard {
            *times.entry(*id).or_default() += 1;
        }
        assert_eq!(times.len(), 400, "nothing is lost");
        assert!(times.values().any(|count| *count > 1), "some came twice");
        let first = |event: &Envelope| heard.iter().position(|id| *id == event.id).unwrap();
        assert!(said.windows(2).any(|pair| first(&pair[0]) > first(&pair[1])), "some overtook others");
    }

    #[tokio::test]
    async fn nothing_goes_wrong_with_none_of_a_hundred() {
        let heard = Arc::new(Listener::default());
        let bus = ChaosBus::new(heard.clone(), Arc::new(SeededEntropy::new(1)), 0);
        let said = samples_of_events(20);
        assert_eq!(bus.publish(&said).await.unwrap().len(), 20);
        assert_eq!(heard.0.lock().unwrap().len(), 20);
        assert_eq!(bus.publish(&[]).await.unwrap(), []);
    }
}
