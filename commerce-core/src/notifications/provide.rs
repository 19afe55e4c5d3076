//! What is kept about the people who were told something.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::error::Outcome;
use crate::ids::UserId;
use crate::page::whole;
use crate::users::Records;

use super::Notifications;
use super::model::{Notification, Recipient};
use super::ports::NotificationFilter;

#[async_trait]
impl Records for Notifications {
    async fn of(&self, user: UserId) -> Outcome<Map<String, Value>> {
        let filter = &NotificationFilter { recipient: Some(Recipient::User(user)), ..NotificationFilter::default() };
        let messages = whole(|page| async move { self.store.notifications(filter, &page).await }).await?;
        let message = |it: &Notification| {
            json!({
                "id": it.id, "event": it.kind, "address": it.address, "status": it.status, "createdAt": it.created_at,
                "sentAt": it.sent_at,
            })
        };
        Ok([("notifications".to_owned(), messages.iter().map(message).collect())].into_iter().collect())
    }

    async fn forget(&self, user: UserId) -> Outcome<bool> {
        self.forget_person(user).await
    }
}
