//! From an event to the deliveries it causes. Nothing is sent here.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::change::{ChangeSet, CommitError, CommitRefusal, Handled, Round, rounds, settle};
use crate::error::StoreError;
use crate::events::{ConsumeError, Consumer, Envelope, EventKind};
use crate::limits;
use crate::time::Timestamp;

use super::super::Notifications;
use super::super::ports::NotificationWrite;
use super::model::{DeliveryStatus, WebhookDelivery, WebhookEndpoint};

/// Records one delivery for each event and endpoint that wants it. An event that nobody wants leaves no trace.
pub struct WebhookRecorder {
    notifications: Notifications,
    known: Mutex<Option<Known>>,
}

/// The endpoints as they were at an instant.
#[derive(Clone)]
struct Known {
    at: Timestamp,
    endpoints: Arc<Vec<WebhookEndpoint>>,
}

impl WebhookRecorder {
    /// The stable name: the inbox key and, on a broker, the queue.
    pub const NAME: &'static str = "webhook-queue";

    /// Records for these notifications.
    pub fn new(notifications: Notifications) -> Self {
        Self { notifications, known: Mutex::default() }
    }

    /// The endpoints of an event. Those that were read after it happened have all that were there when it
    /// did, so that the events of one batch share one look.
    async fn endpoints(&self, event: &Envelope) -> Result<Arc<Vec<WebhookEndpoint>>, StoreError> {
        let now = self.notifications.clock.now();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let fresh = |known: &Known| event.at < known.at && known.at <= now && now.since(known.at) < limits::BROWSE_BEHIND;
        if let Some(known) = known.filter(fresh) {
            return Ok(known.endpoints);
        }
        let endpoints = Arc::new(self.notifications.store.webhook_endpoints().await?);
        let known = Known { at: now, endpoints: Arc::clone(&endpoints) };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Ok(endpoints)
    }

    fn record(&self, event: &Envelope, endpoint: &WebhookEndpoint, now: Timestamp) -> WebhookDelivery {
        WebhookDelivery {
            id: self.notifications.ids.mint(),
            endpoint: endpoint.id,
            event: event.id,
            kind: event.kind,
            occurred_at: event.at,
            data: event.data.clone(),
            status: DeliveryStatus::Pending,
            tries: 0,
            due_at: Some(now),
            held_at: None,
            answered: None,
            error: None,
            created_at: now,
            delivered_at: None,
            traceparent: event.traceparent.clone(),
            version: 1,
        }
    }
}

#[async_trait]
impl Consumer for WebhookRecorder {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn wants(&self, kind: EventKind) -> bool {
        !kind.is_internal()
    }

    async fn handle(&self, event: &Envelope) -> Result<(), ConsumeError> {
        let endpoints = self.endpoints(event).await?;
        let now = self.notifications.clock.now();
        let wanting = endpoints.iter().filter(|endpoint| endpoint.wants(event.kind));
        let deliveries: Vec<_> =
            wanting.map(|endpoint| NotificationWrite::InsertDelivery(self.record(event, endpoint, now))).collect();
        if deliveries.is_empty() {
            return Ok(());
        }
        let handled = Handled { consumer: Self::NAME, event: event.id, at: now };
        let changes = ChangeSet::of(deliveries).handling(Some(handled));
        let recorded = rounds("delivery", || async {
            match self.notifications.store.commit(changes.clone()).await {
                Err(CommitError::Refused(CommitRefusal::AlreadyHandled)) => Ok(Round::Done(())),
                committed => settle(committed, ()),
            }
        });
        Ok(recorded.await?)
    }
}
