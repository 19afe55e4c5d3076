//! Notifications: who is told what, once.
//!
//! A consumer records one row for each event, template and recipient; a worker sends what is
//! recorded, with its own backoff. Start reading at [`model`], then `record` and `send`.

pub mod model;
pub mod ports;

use std::sync::Arc;

use crate::ids::IdSource;
use crate::text::Email;
use crate::time::Clock;

pub use model::*;
pub use ports::*;

/// The use cases of the notifications context.
#[derive(Clone)]
pub struct Notifications {
    pub(crate) store: Arc<dyn NotificationStore>,
    pub(crate) contacts: Arc<dyn Contacts>,
    pub(crate) renderer: Arc<dyn Renderer>,
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: IdSource,
    pub(crate) policy: MailPolicy,
}

/// What the shop decides for all mails.
#[derive(Clone, Debug)]
pub struct MailPolicy {
    /// The shop's name in mails.
    pub shop_name: String,
    /// Sender of all mails.
    pub from: Email,
    /// Where ops are told.
    pub ops: Email,
    /// Where links in mails lead.
    pub shop_url: String,
}
