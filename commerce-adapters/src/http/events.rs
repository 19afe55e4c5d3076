//! Events brought to the consumers of another process: the direct way, without a broker between.
//!
//! The outbox is the queue, as in one process: an event leaves it when the consumers there have recorded
//! it in their own database.

use std::sync::Arc;

use async_trait::async_trait;
use commerce_core::error::{Error, StoreError, StoreErrorKind};
use commerce_core::events::{Envelope, EventBus, EventKind};
use commerce_core::ids::EventId;

use super::call::{Caller, Net};
use super::target::Target;
use super::wire;

/// Events of one call: bounds its body at about 100 KiB.
const EVENTS_MAX: usize = 64;
/// Calls of one relay's step that are open at once.
const CALLS_MAX: usize = 4;

/// Brings events to a service.
pub struct RemoteBus {
    caller: Caller,
    /// What its consumers may want; everything else it has already.
    wants: fn(EventKind) -> bool,
}

impl RemoteBus {
    /// Over this net, to this place, where `wants` says which events are brought.
    pub fn new(net: &Net, target: &Arc<Target>, wants: fn(EventKind) -> bool) -> Self {
        Self { caller: net.to(target), wants }
    }

    async fn bring(&self, events: &[Envelope]) -> Result<Vec<EventId>, StoreError> {
        const OPERATION: &str = "events.publish";
        let body = wire::Events { events: events.to_vec() };
        let taken: Result<wire::Taken, Error> = self.caller.say(OPERATION, "/internal/events", &body).await;
        taken.map(|taken| taken.taken).map_err(|error| match error {
            Error::Store(error) => error,
            Error::Refused(refusal) => StoreError::new(StoreErrorKind::Internal, OPERATION, *refusal),
        })
    }
}

#[async_trait]
impl EventBus for RemoteBus {
    /// The events of one aggregate go in one call or in calls one after the other, so that they arrive in
    /// order.
    async fn publish(&self, events: &[Envelope]) -> Result<Vec<EventId>, StoreError> {
        let mut lanes: Vec<Vec<Envelope>> = vec![Vec::new(); CALLS_MAX];
        let (wanted, known): (Vec<&Envelope>, Vec<&Envelope>) = events.iter().partition(|event| (self.wants)(event.kind));
        for event in wanted {
            let lane = usize::from(event.aggregate.as_bytes()[15]) % CALLS_MAX;
            lanes[lane].push(event.clone());
        }
        let lane = async |events: Vec<Envelope>| {
            let mut taken = Vec::new();
            for some in events.chunks(EVENTS_MAX) {
                taken.extend(self.bring(some).await?);
            }
            Ok::<_, StoreError>(taken)
        };
        let taken = futures_util::future::join_all(lanes.into_iter().map(lane)).await;
        let mut taken = taken.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        taken.extend(known.into_iter().map(|event| event.id));
        Ok(taken)
    }
}
