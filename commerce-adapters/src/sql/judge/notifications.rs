//! Judges what the notifications context writes.

use commerce_core::Timestamp;
use commerce_core::change::CommitRefusal;
use commerce_core::ids::{EventId, NotificationId, WebhookDeliveryId, WebhookEndpointId};
use commerce_core::notifications::{Notification, NotificationWrite, Recipient, Template, WebhookDelivery, WebhookEndpoint};

use super::{Judge, judge_free, judge_version};
use crate::sql::table::Table;

/// A notification as far as judging needs it.
#[derive(Clone, Debug)]
pub(crate) struct NotificationRow<'a> {
    pub(crate) version: u64,
    /// Whether an error is stored.
    pub(crate) has_error: bool,
    /// What to write, once a change set wrote it.
    pub(crate) write: Option<&'a Notification>,
}

/// A webhook endpoint as far as judging needs it.
#[derive(Clone, Debug)]
pub(crate) struct EndpointRow<'a> {
    pub(crate) version: u64,
    /// What to write, once a change set wrote it.
    pub(crate) write: Option<&'a WebhookEndpoint>,
}

/// A webhook delivery as far as judging needs it.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryRow<'a> {
    pub(crate) version: u64,
    /// What to write, once a change set wrote it.
    pub(crate) write: Option<&'a WebhookDelivery>,
}

/// The rows of the notifications database that a batch works on.
#[derive(Default)]
pub(crate) struct NotificationJudge<'a> {
    pub(crate) notifications: Table<NotificationId, NotificationRow<'a>>,
    /// Who was told what about which event.
    pub(crate) told: Table<(EventId, Template, Recipient), NotificationId>,
    pub(crate) endpoints: Table<WebhookEndpointId, EndpointRow<'a>>,
    pub(crate) deliveries: Table<WebhookDeliveryId, DeliveryRow<'a>>,
    /// Which endpoint is told of which event.
    pub(crate) delivered: Table<(WebhookEndpointId, EventId), WebhookDeliveryId>,
}

impl<'a> Judge<'a, NotificationWrite> for NotificationJudge<'a> {
    fn judge(&mut self, writes: &'a [NotificationWrite], _: Timestamp) -> Result<(), CommitRefusal> {
        for write in writes {
            match write {
                NotificationWrite::Insert(new) => {
                    let name = (new.event, new.template, new.recipient);
                    if self.told.get(&name).is_some() {
                        continue;
                    }
                    judge_free("id", self.notifications.get(&new.id).is_some())?;
                    self.told.set(name, new.id);
                    self.notifications.set(new.id, NotificationRow { version: new.version, has_error: false, write: Some(new) });
                }
                NotificationWrite::Update(new) => {
                    let stored = self.notifications.get(&new.id);
                    let has_error = stored.is_some_and(|row| row.has_error);
                    judge_version("notification", stored.map(|row| row.version), new.version)?;
                    self.notifications.set(new.id, NotificationRow { version: new.version, has_error, write: Some(new) });
                }
                NotificationWrite::InsertEndpoint(new) => {
                    judge_free("id", self.endpoints.get(&new.id).is_some())?;
                    self.endpoints.set(new.id, EndpointRow { version: new.version, write: Some(new) });
                }
                NotificationWrite::UpdateEndpoint(new) => {
                    judge_version("webhook endpoint", self.endpoints.get(&new.id).map(|row| row.version), new.version)?;
                    self.endpoints.set(new.id, EndpointRow { version: new.version, write: Some(new) });
                }
                NotificationWrite::InsertDelivery(new) => {
                    if self.delivered.get(&(new.endpoint, new.event)).is_some() {
                        continue;
                    }
                    judge_free("id", self.deliveries.get(&new.id).is_some())?;
                    self.delivered.set((new.endpoint, new.event), new.id);
                    self.deliveries.set(new.id, DeliveryRow { version: new.version, write: Some(new) });
                }
                NotificationWrite::UpdateDelivery(new) => {
                    judge_version("webhook delivery", self.deliveries.get(&new.id).map(|row| row.version), new.version)?;
                    self.deliveries.set(new.id, DeliveryRow { version: new.version, write: Some(new) });
                }
            }
        }
        Ok(())
    }

    fn keep(&mut self) {
        self.notifications.keep();
        self.told.keep();
        self.endpoints.keep();
        self.deliveries.keep();
        self.delivered.keep();
    }

    fn undo(&mut self) {
        self.notifications.undo();
        self.told.undo();
        self.endpoints.undo();
        self.deliveries.undo();
        self.delivered.undo();
    }
}
