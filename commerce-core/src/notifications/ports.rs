//! What the notifications context needs of the world.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::change::{ChangeSet, CommitError, Keys};
use crate::error::{Outcome, StoreError};
use crate::events::EventKind;
use crate::ids::{NotificationId, OrderId, ResetId, UserId};
use crate::page::{Page, PageRequest};
use crate::text::Email;
use crate::time::Timestamp;

use super::model::{Mail, MailContext, Notification, NotificationStatus, Recipient, Template};
use super::webhooks::{WebhookDelivery, WebhookEndpoint, WebhookReads};

/// Which notifications a list shows.
#[derive(Clone, Debug, Default)]
pub struct NotificationFilter {
    /// Only to this recipient.
    pub recipient: Option<Recipient>,
    /// Only of this kind of event.
    pub kind: Option<EventKind>,
    /// Only in this status.
    pub status: Option<NotificationStatus>,
    /// Only to this user, and not forgotten: still to be sent, or saying where it went, what about, or why it did not.
    pub unforgotten: Option<UserId>,
}

/// Keeps notifications.
#[async_trait]
pub trait NotificationStore: WebhookReads + Keys {
    /// A notification by id.
    async fn notification(&self, id: NotificationId) -> Result<Option<Notification>, StoreError>;

    /// Notifications, newest first.
    async fn notifications(&self, filter: &NotificationFilter, page: &PageRequest) -> Result<Page<Notification>, StoreError>;

    /// Pending or sending ones that are due at `now`, longest due first.
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Notification>, StoreError>;

    /// Those that wait for a word, oldest first.
    async fn held(&self, limit: u32) -> Result<Vec<Notification>, StoreError>;

    /// Commits a change set whole or not at all.
    async fn commit(&self, changes: ChangeSet<NotificationWrite>) -> Result<(), CommitError>;
}

/// What the notifications context writes.
#[derive(Clone, Debug)]
pub enum NotificationWrite {
    /// A new one. The same event, template and recipient again is silently the same.
    Insert(Notification),
    /// A changed one, with the version it will have.
    Update(Notification),
    /// A new webhook endpoint.
    InsertEndpoint(WebhookEndpoint),
    /// A changed one, with the version it will have.
    UpdateEndpoint(WebhookEndpoint),
    /// A new webhook delivery. The same endpoint and event again is silently the same.
    InsertDelivery(WebhookDelivery),
    /// A changed one, with the version it will have.
    UpdateDelivery(WebhookDelivery),
}

/// How somebody is reached by mail.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Contact {
    /// Whose this is.
    pub user: UserId,
    /// Where her mails go.
    pub email: Email,
    /// How she is called; guests have no name.
    pub name: Option<String>,
}

/// Users as mails need them.
#[async_trait]
pub trait Contacts: Send + Sync {
    /// How these users and guests are reached, in any order. Who is gone is not among them.
    async fn contacts(&self, users: &[UserId]) -> Outcome<Vec<Contact>>;

    /// The link that shows a guest her order; `None` when this is no guest, or she is gone.
    async fn order_link(&self, guest: UserId, order: OrderId) -> Outcome<Option<String>>;

    /// The token that sets a new password, for the mail that brings it and for nothing else: events and
    /// messages do not hold it. `None` when she is gone.
    async fn reset_token(&self, user: UserId, reset: ResetId) -> Outcome<Option<String>>;
}

/// Turns a template and what it is about into words.
pub trait Renderer: Send + Sync {
    /// Subject, HTML and text.
    ///
    /// # Errors
    /// When the template cannot be rendered from this context.
    fn render(&self, template: Template, context: &MailContext) -> Result<Rendered, StoreError>;
}

/// A rendered template.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// For those who see.
    pub html: String,
    /// For everybody.
    pub text: String,
}

/// Hands mails over.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands one mail over. The same id again must not make a second mail where the transport can
    /// help it.
    async fn send(&self, mail: &Mail) -> Result<Handover, StoreError>;

    /// Whether the same id again never makes a second mail. Then a mail is handed over without a mark before: who finds it
    /// unmarked after a crash hands it over again.
    fn is_idempotent(&self) -> bool {
        false
    }

    /// Forgets the mail of a message, where it is still to be had here. Most hand mails over and keep none.
    async fn forget(&self, _message: &Notification) -> Result<(), StoreError> {
        Ok(())
    }
}

/// What came of handing a mail over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Handover {
    /// It is out of our hands.
    Accepted,
    /// Refused for good, for this reason.
    Rejected(String),
}
