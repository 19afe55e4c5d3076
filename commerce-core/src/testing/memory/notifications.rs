//! Notifications.

use std::sync::Arc;

use async_trait::async_trait;

use crate::change::{ChangeSet, CommitError, CommitRefusal};
use crate::error::StoreError;
use crate::ids::{Id, NotificationId, WebhookDeliveryId, WebhookEndpointId};
use crate::notifications::{
    DeliveryStatus, Notification, NotificationFilter, NotificationStatus, NotificationStore, NotificationWrite, WebhookDelivery,
    WebhookEndpoint, WebhookReads,
};
use crate::page::{Page, PageRequest};
use crate::time::{Clock, Timestamp};

use super::database::{Apply, Database, judge_free, judge_version, undo_tables};
use super::ports::database_ports;
use super::table::Table;

/// The notifications database.
#[derive(Clone)]
pub struct MemoryNotifications {
    db: Database<Rows>,
}

impl MemoryNotifications {
    /// An empty one.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { db: Database::new(clock) }
    }
}

database_ports!(MemoryNotifications, Notifications);

#[derive(Default)]
pub(super) struct Rows {
    pub(super) notifications: Table<NotificationId, Notification>,
    pub(super) endpoints: Table<WebhookEndpointId, WebhookEndpoint>,
    pub(super) deliveries: Table<WebhookDeliveryId, WebhookDelivery>,
}

undo_tables!(Rows: notifications, endpoints, deliveries);

impl Rows {
    fn write(&mut self, write: NotificationWrite) -> Result<(), CommitRefusal> {
        let known = &mut self.notifications;
        match write {
            NotificationWrite::Insert(new) => {
                let same =
                    |old: &Notification| (old.event, old.template, old.recipient) == (new.event, new.template, new.recipient);
                if !known.values().any(same) {
                    judge_free("id", known.contains_key(&new.id))?;
                    known.insert(new.id, new);
                }
            }
            NotificationWrite::Update(new) => {
                judge_version("notification", known.get(&new.id).map(|old| old.version), new.version)?;
                known.insert(new.id, new);
            }
            NotificationWrite::InsertEndpoint(new) => {
                judge_free("id", self.endpoints.contains_key(&new.id))?;
                self.endpoints.insert(new.id, new);
            }
            NotificationWrite::UpdateEndpoint(new) => {
                judge_version("webhook endpoint", self.endpoints.get(&new.id).map(|old| old.version), new.version)?;
                self.endpoints.insert(new.id, new);
            }
            NotificationWrite::InsertDelivery(new) => {
                let same = |old: &WebhookDelivery| (old.endpoint, old.event) == (new.endpoint, new.event);
                if !self.deliveries.values().any(same) {
                    judge_free("id", self.deliveries.contains_key(&new.id))?;
                    self.deliveries.insert(new.id, new);
                }
            }
            NotificationWrite::UpdateDelivery(new) => {
                judge_version("webhook delivery", self.deliveries.get(&new.id).map(|old| old.version), new.version)?;
                self.deliveries.insert(new.id, new);
            }
        }
        Ok(())
    }
}

#[async_trait]
impl WebhookReads for MemoryNotifications {
    async fn webhook_endpoint(&self, id: WebhookEndpointId) -> Result<Option<WebhookEndpoint>, StoreError> {
        Ok(self.db.read(|rows| rows.endpoints.get(&id).cloned()).await)
    }

    async fn webhook_endpoints(&self) -> Result<Vec<WebhookEndpoint>, StoreError> {
        Ok(self.db.read(|rows| rows.endpoints.values().rev().cloned().collect()).await)
    }

    async fn webhook_delivery(&self, id: WebhookDeliveryId) -> Result<Option<WebhookDelivery>, StoreError> {
        Ok(self.db.read(|rows| rows.deliveries.get(&id).cloned()).await)
    }

    async fn webhook_deliveries(
        &self,
        endpoint: WebhookEndpointId,
        status: Option<DeliveryStatus>,
        page: &PageRequest,
    ) -> Result<Page<WebhookDelivery>, StoreError> {
        let shown = |it: &&WebhookDelivery| it.endpoint == endpoint && status.is_none_or(|status| it.status == status);
        let entries = self.db.read(|rows| rows.deliveries.values().filter(shown).cloned().collect()).await;
        Ok(super::newest_first(entries, page, |entry| entry.id.uuid()))
    }

    async fn webhooks_due(
        &self,
        endpoint: WebhookEndpointId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        let due = |it: &&WebhookDelivery| it.endpoint == endpoint && it.due_at.is_some_and(|due| due <= now);
        let mut due: Vec<WebhookDelivery> = self.db.read(|rows| rows.deliveries.values().filter(due).cloned().collect()).await;
        due.sort_by_key(|it| (it.due_at, it.id));
        Ok(super::at_most(due, limit))
    }

    async fn webhooks_held(&self, limit: u32) -> Result<Vec<WebhookDelivery>, StoreError> {
        let held = |it: &&WebhookDelivery| it.held_at.is_some();
        Ok(super::at_most(self.db.read(|rows| rows.deliveries.values().filter(held).cloned().collect::<Vec<_>>()).await, limit))
    }
}

impl Apply<NotificationWrite> for Rows {
    fn apply(&mut self, writes: Vec<NotificationWrite>, _now: Timestamp) -> Result<(), CommitRefusal> {
        writes.into_iter().try_for_each(|write| self.write(write))
    }
}

#[async_trait]
impl NotificationStore for MemoryNotifications {
    async fn notification(&self, id: NotificationId) -> Result<Option<Notification>, StoreError> {
        Ok(self.db.read(|rows| rows.notifications.get(&id).cloned()).await)
    }

    async fn notifications(&self, filter: &NotificationFilter, page: &PageRequest) -> Result<Page<Notification>, StoreError> {
        let shown = |entry: &&Notification| {
            filter.recipient.is_none_or(|recipient| entry.recipient == recipient)
                && filter.kind.is_none_or(|kind| entry.kind == kind)
                && filter.status.is_none_or(|status| entry.status == status)
                && filter.unforgotten.is_none_or(|user| entry.remembers(user))
        };
        let entries = self.db.read(|rows| rows.notifications.values().filter(shown).cloned().collect()).await;
        Ok(super::newest_first(entries, page, |entry| entry.id.uuid()))
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Notification>, StoreError> {
        let open = |entry: &&Notification| {
            matches!(entry.status, NotificationStatus::Pending | NotificationStatus::Sending)
                && entry.due_at.is_some_and(|due| due <= now)
        };
        let mut due: Vec<Notification> = self.db.read(|rows| rows.notifications.values().filter(open).cloned().collect()).await;
        due.sort_by_key(|entry| (entry.due_at, entry.id));
        Ok(super::at_most(due, limit))
    }

    async fn held(&self, limit: u32) -> Result<Vec<Notification>, StoreError> {
        let held = |it: &&Notification| it.held_at.is_some();
        Ok(super::at_most(
            self.db.read(|rows| rows.notifications.values().filter(held).cloned().collect::<Vec<_>>()).await,
            limit,
        ))
    }

    async fn commit(&self, changes: ChangeSet<NotificationWrite>) -> Result<(), CommitError> {
        self.db.commit(changes).await
    }
}
