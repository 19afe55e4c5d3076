//! From an event to the message it causes. Nothing is sent here.

use async_trait::async_trait;
use serde::Deserialize;

use crate::change::{ChangeSet, CommitError, CommitRefusal, Handled, Round, rounds, settle};
use crate::events::{ConsumeError, Consumer, Envelope, EventKind};
use crate::ids::{ResetId, UserId};
use crate::orders::OrderFacts;
use crate::text::Sku;

use super::Notifications;
use super::model::{Notification, NotificationStatus, Recipient, Template};
use super::ports::NotificationWrite;

/// Records one message for each event that causes one.
#[derive(Clone)]
pub struct NotificationRecorder(Notifications);

impl NotificationRecorder {
    /// The stable name: the inbox key and, on a broker, the queue.
    pub const NAME: &'static str = "notification-queue";

    /// Records for these notifications.
    pub fn new(notifications: Notifications) -> Self {
        Self(notifications)
    }

    /// Records the message of an event whose delivery was handled and whose message is not there.
    ///
    /// # Errors
    /// As a commit of it.
    pub(crate) async fn record_late(&self, event: &Envelope) -> Result<(), CommitError> {
        let Some(template) = Template::of(event.kind) else { return Ok(()) };
        let insert = ChangeSet::of([NotificationWrite::Insert(self.record(event, template)?)]);
        let handled = Handled { consumer: Self::NAME, event: event.id, at: self.0.clock.now() };
        match self.0.store.commit(insert.clone().handling(Some(handled))).await {
            Err(CommitError::Refused(CommitRefusal::AlreadyHandled)) => self.0.store.commit(insert).await,
            committed => committed,
        }
    }

    fn record(&self, event: &Envelope, template: Template) -> Result<Notification, ConsumeError> {
        let now = self.0.clock.now();
        // An order of which nothing arrived came to its end, and no mail says that it was delivered.
        let silent = template == Template::OrderDelivered && event.data::<OrderFacts>()?.nothing_arrived();
        Ok(Notification {
            id: self.0.ids.mint(),
            event: event.id,
            kind: event.kind,
            template,
            recipient: recipient(template, event)?,
            address: None,
            data: event.data.clone(),
            status: if silent { NotificationStatus::Suppressed } else { NotificationStatus::Pending },
            tries: 0,
            due_at: (!silent).then_some(now),
            held_at: None,
            error: None,
            created_at: now,
            sent_at: None,
            maybe_twice: false,
            traceparent: event.traceparent.clone(),
            version: 1,
        })
    }
}

#[async_trait]
impl Consumer for NotificationRecorder {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn wants(&self, kind: EventKind) -> bool {
        Template::of(kind).is_some()
    }

    async fn handle(&self, event: &Envelope) -> Result<(), ConsumeError> {
        let Some(template) = Template::of(event.kind) else { return Ok(()) };
        let notification = self.record(event, template)?;
        let handled = Handled { consumer: Self::NAME, event: event.id, at: notification.created_at };
        let changes = ChangeSet::of([NotificationWrite::Insert(notification)]).handling(Some(handled));
        let recorded = rounds("message", || async {
            match self.0.store.commit(changes.clone()).await {
                Err(CommitError::Refused(CommitRefusal::AlreadyHandled)) => Ok(Round::Done(())),
                committed => settle(committed, ()),
            }
        });
        Ok(recorded.await?)
    }
}

/// Who is told, read from the event's data. Reading it whole here sends data of another shape to
/// the dead letters, instead of failing in a template later.
fn recipient(template: Template, event: &Envelope) -> Result<Recipient, ConsumeError> {
    match template {
        Template::Welcome => Ok(Recipient::User(event.data::<Registered>()?.user_id)),
        Template::PasswordReset => Ok(Recipient::User(event.data::<ResetRequested>()?.user_id)),
        Template::LowStock => event.data::<LowStock>().map(|_| Recipient::Ops),
        Template::OrderPlaced
        | Template::OrderConfirmed
        | Template::OrderShipped
        | Template::OrderDelivered
        | Template::OrderCancelled
        | Template::PaymentReceived
        | Template::PaymentFailed
        | Template::OrderLink => Ok(Recipient::User(event.data::<OrderFacts>()?.user_id)),
    }
}

/// `USER_REGISTERED` as the welcome mail needs it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registered {
    user_id: UserId,
}

/// `PASSWORD_RESET_REQUESTED` as its mail needs it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResetRequested {
    pub(super) user_id: UserId,
    pub(super) reset_id: ResetId,
}

/// `LOW_STOCK_ALERT` as the mail to ops needs it.
#[derive(Deserialize)]
struct LowStock {
    #[serde(rename = "sku")]
    _sku: Sku,
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "available")]
    _available: i64,
    #[serde(rename = "threshold")]
    _threshold: i64,
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use uuid::Uuid;

    use super::super::samples::sample;
    use super::*;
    use crate::events::Topic;
    use crate::ids::{EventId, Id};
    use crate::time::Timestamp;

    fn event(kind: EventKind, data: Value) -> Envelope {
        Envelope {
            id: EventId::from_uuid(Uuid::from_u128(1)),
            topic: Topic::Orders,
            kind,
            schema: 1,
            aggregate: Uuid::from_u128(2),
            version: 1,
            at: Timestamp::EPOCH,
            traceparent: None,
            data: data.into(),
        }
    }

    #[test]
    fn every_sample_has_its_recipient() {
        for kind in EventKind::ALL {
            let Some(template) = Template::of(*kind) else { continue };
            let recipient = recipient(template, &event(*kind, sample(template))).unwrap();
            assert_eq!(recipient == Recipient::Ops, template == Template::LowStock, "{kind}");
        }
    }

    #[test]
    fn data_of_another_shape_is_never_recorded() {
        for kind in EventKind::ALL {
            let Some(template) = Template::of(*kind) else { continue };
            let refused = recipient(template, &event(*kind, serde_json::json!({ "userId": 7 })));
            assert!(matches!(refused, Err(ConsumeError::Permanent(_))), "{kind}");
        }
    }
}
