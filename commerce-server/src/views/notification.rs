//! Notifications, for staff.

use commerce_core::Timestamp;
use commerce_core::events::EventKind;
use commerce_core::ids::{EventId, NotificationId};
use commerce_core::notifications::{Notification, NotificationStatus, Template};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A message to somebody.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Notification)]
pub struct NotificationView {
    #[schema(value_type = String, format = Uuid)]
    id: NotificationId,
    #[schema(value_type = String, format = Uuid)]
    event_id: EventId,
    #[schema(value_type = String, example = "ORDER_CREATED")]
    event: EventKind,
    #[schema(value_type = String, example = "order_placed")]
    template: Template,
    /// A user's id, or `ops`.
    recipient: String,
    /// The address it was sent to, once it was.
    email: Option<String>,
    #[schema(value_type = String, example = "SENT")]
    status: NotificationStatus,
    tries: u32,
    error: Option<String>,
    /// Since when it waits for a word, after a restore.
    #[schema(value_type = Option<String>, format = DateTime)]
    held_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    sent_at: Option<Timestamp>,
    /// Whether a crash may have sent it twice.
    maybe_twice: bool,
}

impl From<Notification> for NotificationView {
    fn from(notification: Notification) -> Self {
        Self {
            id: notification.id,
            event_id: notification.event,
            event: notification.kind,
            template: notification.template,
            recipient: notification.recipient.key(),
            email: notification.address.map(|address| address.to_string()),
            status: notification.status,
            tries: notification.tries,
            error: notification.error,
            held_at: notification.held_at,
            created_at: notification.created_at,
            sent_at: notification.sent_at,
            maybe_twice: notification.maybe_twice,
        }
    }
}

/// Nothing: a message is sent again as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Resend)]
pub struct ResendBody {}
