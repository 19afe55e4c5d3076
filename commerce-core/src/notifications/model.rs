//! A message to somebody, from the event that caused it to the mail that was sent.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::events::{EventData, EventKind, wire_names};
use crate::ids::{EventId, NotificationId, UserId};
use crate::text::Email;
use crate::time::Timestamp;

wire_names! {
    /// The mails the shop sends; each is two templates, HTML and text.
    Template {
        /// "Order Placed — ORD-123456"
        OrderPlaced = "order_placed",
        /// "Order Confirmed"
        OrderConfirmed = "order_confirmed",
        /// "Order Shipped 🚚"
        OrderShipped = "order_shipped",
        /// "Delivered 📦"
        OrderDelivered = "order_delivered",
        /// "Order Cancelled"
        OrderCancelled = "order_cancelled",
        /// "Payment Received ✅"
        PaymentReceived = "payment_received",
        /// "Payment Failed"
        PaymentFailed = "payment_failed",
        /// "Your Order", with its number.
        OrderLink = "order_link",
        /// "Welcome!"
        Welcome = "welcome",
        /// "Reset Your Password"
        PasswordReset = "password_reset",
        /// "⚠️ Low Stock Alert"
        LowStock = "low_stock",
    }

    /// How far a message is.
    NotificationStatus {
        /// Recorded; to be sent at its time.
        Pending = "PENDING",
        /// A worker has begun to send it, under a fixed Message-ID.
        Sending = "SENDING",
        /// Handed over.
        Sent = "SENT",
        /// Given up.
        Failed = "FAILED",
        /// Not to be sent: the recipient is gone or refuses mail.
        Suppressed = "SUPPRESSED",
    }
}

impl Template {
    /// The mail that an event causes, if any.
    #[must_use]
    pub fn of(kind: EventKind) -> Option<Self> {
        match kind {
            EventKind::OrderCreated => Some(Self::OrderPlaced),
            EventKind::OrderConfirmed => Some(Self::OrderConfirmed),
            EventKind::OrderShipped => Some(Self::OrderShipped),
            EventKind::OrderDelivered => Some(Self::OrderDelivered),
            EventKind::OrderCancelled => Some(Self::OrderCancelled),
            EventKind::PaymentSuccess => Some(Self::PaymentReceived),
            EventKind::PaymentFailed => Some(Self::PaymentFailed),
            EventKind::OrderLinkRequested => Some(Self::OrderLink),
            EventKind::UserRegistered => Some(Self::Welcome),
            EventKind::PasswordResetRequested => Some(Self::PasswordReset),
            EventKind::LowStockAlert => Some(Self::LowStock),
            EventKind::ProductUpdated
            | EventKind::OrderProcessing
            | EventKind::OrderOutForDelivery
            | EventKind::RefundSucceeded
            | EventKind::OrderLinesCancelled
            | EventKind::OrderRedirected
            | EventKind::ShipmentCreated
            | EventKind::ShipmentUpdated
            | EventKind::ReturnRequested
            | EventKind::ReturnApproved
            | EventKind::ReturnRejected
            | EventKind::ReturnReceived
            | EventKind::ReturnRefunded
            | EventKind::ReturnExchanged
            | EventKind::StaffActed => None,
        }
    }
}

/// Who is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Recipient {
    /// A user; her mail address is looked up when it is sent.
    User(UserId),
    /// The shop's operators.
    Ops,
}

impl Recipient {
    /// Stable text for unique keys: the user's id, or `ops`.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::User(user) => user.to_string(),
            Self::Ops => "ops".to_owned(),
        }
    }
}

/// A message to somebody. Unique by event, template and recipient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notification {
    /// Which; names the mail's file and Message-ID.
    pub id: NotificationId,
    /// What caused it.
    pub event: EventId,
    /// Of which kind.
    pub kind: EventKind,
    /// Which mail.
    pub template: Template,
    /// To whom.
    pub recipient: Recipient,
    /// The address it was sent to, once it was.
    pub address: Option<Email>,
    /// The event's data, from which the mail is rendered.
    pub data: EventData,
    /// How far.
    pub status: NotificationStatus,
    /// How often it was tried.
    pub tries: u32,
    /// When it is to be tried next; none when final, or held.
    pub due_at: Option<Timestamp>,
    /// Since when it waits for a word, after a restore.
    pub held_at: Option<Timestamp>,
    /// Why the last try failed.
    pub error: Option<String>,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When it was handed over.
    pub sent_at: Option<Timestamp>,
    /// Whether a crash may have sent it twice.
    pub maybe_twice: bool,
    /// W3C `traceparent` of the request that caused the event.
    pub traceparent: Option<String>,
    /// Grows by one with every change.
    pub version: u64,
}

/// What every template gets; each uses what it needs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MailContext {
    /// The shop's name.
    pub shop_name: String,
    /// Where links lead.
    pub shop_url: String,
    /// How the recipient is called.
    pub recipient_name: String,
    /// The event's data as said.
    pub data: Value,
}

/// A mail ready to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mail {
    /// Names the file; its text is the local part of the Message-ID.
    pub id: NotificationId,
    /// Sender.
    pub from: Email,
    /// Sender's name.
    pub from_name: String,
    /// Recipient.
    pub to: Email,
    /// Recipient's name; empty of a guest, whose name is not kept.
    pub to_name: String,
    /// One line.
    pub subject: String,
    /// For those who see.
    pub html: String,
    /// For everybody.
    pub text: String,
    /// When.
    pub at: Timestamp,
}
