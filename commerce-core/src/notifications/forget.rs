//! Somebody who was erased: that she was told stays, and neither where nor what.

use serde_json::json;

use crate::error::Outcome;
use crate::events::EventData;
use crate::ids::UserId;
use crate::page::whole;
use crate::text::Email;

use super::Notifications;
use super::model::{Notification, NotificationStatus, Recipient};
use super::ports::NotificationFilter;

/// What stands for why a mail was not sent: a mailer names the address in it.
pub const ERASED: &str = "erased";

impl Notifications {
    /// Forgets where somebody was told things, here and with the mailer. Answers whether nothing is left: a mail that is
    /// still to be sent, or is being sent, ends without her first.
    pub(super) async fn forget_person(&self, user: UserId) -> Outcome<bool> {
        let filter = &NotificationFilter { unforgotten: Some(user), ..NotificationFilter::default() };
        let messages = whole(|page| async move { self.store.notifications(filter, &page).await }).await?;
        let address = Email::erased(user);
        let mut nothing_left = true;
        for message in messages {
            nothing_left &= self.forget_message(message, &address).await?;
        }
        Ok(nothing_left)
    }

    async fn forget_message(&self, message: Notification, address: &Email) -> Outcome<bool> {
        if !message.is_through() {
            return Ok(false);
        }
        let Some(anonymous) = message.anonymous(address) else { return Ok(true) };
        self.mailer.forget(&anonymous).await?;
        Ok(self.save(anonymous).await?.is_some())
    }
}

impl Notification {
    /// Whether it is to this user and not forgotten, as [`unforgotten`](super::NotificationFilter::unforgotten) asks.
    #[must_use]
    pub fn remembers(&self, user: UserId) -> bool {
        let open = !self.is_through() || self.anonymous(&Email::erased(user)).is_some();
        self.recipient == Recipient::User(user) && open
    }

    /// Whether it is forgotten what it was about.
    #[must_use]
    pub fn is_forgotten(&self) -> bool {
        let Recipient::User(user) = self.recipient else { return false };
        self.data == told_to(user)
    }

    /// Whether it was to somebody of whom is forgotten where.
    pub(super) fn is_anonymous(&self) -> bool {
        let Recipient::User(user) = self.recipient else { return false };
        self.address == Some(Email::erased(user))
    }

    fn is_through(&self) -> bool {
        match self.status {
            NotificationStatus::Sent | NotificationStatus::Failed | NotificationStatus::Suppressed => true,
            NotificationStatus::Pending | NotificationStatus::Sending => false,
        }
    }

    /// The same message to nobody, about nothing; none where it names nobody and says nothing.
    fn anonymous(&self, address: &Email) -> Option<Self> {
        let Recipient::User(user) = self.recipient else { return None };
        let forgotten = Self {
            address: self.address.as_ref().map(|_| address.clone()),
            error: self.error.as_ref().map(|_| ERASED.to_owned()),
            data: told_to(user),
            ..self.clone()
        };
        (forgotten != *self).then_some(forgotten)
    }
}

/// What is kept of what somebody was told who was erased: to whom it was.
#[must_use]
pub fn told_to(user: UserId) -> EventData {
    EventData::of(&json!({ "userId": user }))
}
