//! Notifications: who is told what, once.
//!
//! A consumer records one row for each event, template and recipient; a worker sends what is
//! recorded, with its own backoff. Other systems are told by [`webhooks`]. Never knows a mail address before it sends, and keeps none of
//! an order's. Start reading at [`model`], then `record` and `send`.

mod delivery;
mod forget;
mod list;
pub mod model;
pub mod ports;
mod preview;
mod provide;
mod record;
pub mod samples;
mod send;
pub mod webhooks;

use std::sync::Arc;

use serde_json::json;

use crate::actor::Actor;
use crate::change::{ChangeSet, rounds, settle};
use crate::error::Outcome;
use crate::events::Envelope;
use crate::ids::IdSource;
use crate::part::NotificationPorts;
use crate::staff::{Deed, StaffAction, Subject};
use crate::text::Email;
use crate::time::Clock;

pub use forget::{ERASED, told_to};
pub use model::*;
pub use ports::*;
pub use record::NotificationRecorder;
pub use webhooks::*;

/// The use cases of the notifications context.
#[derive(Clone)]
pub struct Notifications {
    pub(crate) store: Arc<dyn NotificationStore>,
    pub(crate) contacts: Arc<dyn Contacts>,
    pub(crate) renderer: Arc<dyn Renderer>,
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) webhooks: Arc<dyn WebhookCaller>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: IdSource,
    pub(crate) policy: MailPolicy,
}

impl Notifications {
    /// From the ports.
    pub fn new(
        ports: NotificationPorts,
        contacts: Arc<dyn Contacts>,
        clock: Arc<dyn Clock>,
        ids: IdSource,
        policy: MailPolicy,
    ) -> Self {
        let NotificationPorts { store, renderer, mailer, webhooks } = ports;
        Self { store, contacts, renderer, mailer, webhooks, clock, ids, policy }
    }

    /// The same use cases in the course of this trace (W3C `traceparent`): their events carry it.
    #[must_use]
    pub fn in_trace(&self, traceparent: &str) -> Self {
        Self { ids: self.ids.in_trace(traceparent), ..self.clone() }
    }

    /// What is said of a deed, where it is staff that did it.
    fn told(&self, actor: &Actor, deed: Deed) -> Option<Envelope> {
        deed.said(actor, &self.ids, self.clock.now())
    }

    /// Tells the log of staff that an audit repaired so many things, if any. Repairs are change sets of all contexts, so that this is told
    /// after them, in one of its own.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn tell_repaired(&self, actor: &Actor, repairs: usize) -> Outcome<()> {
        if repairs == 0 {
            return Ok(());
        }
        let told = &self.told(actor, Deed::of(StaffAction::ShopRepaired, Subject::SHOP, json!({ "repairs": repairs })));
        rounds("notification", || async move { settle(self.store.commit(ChangeSet::new().say(told.clone())).await, ()) }).await
    }

    fn context(&self, recipient_name: &str, data: serde_json::Value) -> MailContext {
        MailContext {
            shop_name: self.policy.shop_name.clone(),
            shop_url: self.policy.shop_url.clone(),
            recipient_name: recipient_name.to_owned(),
            data,
        }
    }
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

impl Default for MailPolicy {
    /// Addresses of the reserved domain `example.com` (RFC 2606), which reach nobody.
    fn default() -> Self {
        let address = |text: &str| text.parse().expect("a constant mail address is well formed");
        Self {
            shop_name: "The Shop".to_owned(),
            from: address("shop@example.com"),
            ops: address("ops@example.com"),
            shop_url: "http://127.0.0.1:8080".to_owned(),
        }
    }
}
