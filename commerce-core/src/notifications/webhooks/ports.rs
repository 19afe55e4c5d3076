//! What webhooks need of the world.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::ids::{EventId, WebhookDeliveryId, WebhookEndpointId};
use crate::page::{Page, PageRequest};
use crate::time::Timestamp;

use super::model::{DeliveryStatus, WebhookDelivery, WebhookEndpoint, WebhookSecret};

/// Reads endpoints and deliveries.
#[async_trait]
pub trait WebhookReads: Send + Sync {
    /// An endpoint by id, also one that was removed.
    async fn webhook_endpoint(&self, id: WebhookEndpointId) -> Result<Option<WebhookEndpoint>, StoreError>;

    /// Every endpoint, newest first, also those that were removed; a shop has a few.
    async fn webhook_endpoints(&self) -> Result<Vec<WebhookEndpoint>, StoreError>;

    /// A delivery by id.
    async fn webhook_delivery(&self, id: WebhookDeliveryId) -> Result<Option<WebhookDelivery>, StoreError>;

    /// The deliveries of an endpoint, newest first.
    async fn webhook_deliveries(
        &self,
        endpoint: WebhookEndpointId,
        status: Option<DeliveryStatus>,
        page: &PageRequest,
    ) -> Result<Page<WebhookDelivery>, StoreError>;

    /// Those of an endpoint that are due at `now`, longest due first.
    async fn webhooks_due(
        &self,
        endpoint: WebhookEndpointId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<WebhookDelivery>, StoreError>;

    /// Those that wait for a word, oldest first.
    async fn webhooks_held(&self, limit: u32) -> Result<Vec<WebhookDelivery>, StoreError>;
}

/// One call of an endpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebhookCall {
    /// Where.
    pub url: String,
    /// What the receiver knows the delivery by: `webhook-id`.
    pub message: EventId,
    /// When it is made: `webhook-timestamp`.
    pub at: Timestamp,
    /// What it says.
    pub body: String,
    /// What it is signed with, each: `webhook-signature`.
    pub secrets: Vec<WebhookSecret>,
    /// W3C `traceparent` of the request that caused the event.
    pub traceparent: Option<String>,
}

/// Calls other systems' endpoints, and none of ours: whoever names an address must not reach with it what stands
/// behind the shop.
#[async_trait]
pub trait WebhookCaller: Send + Sync {
    /// Whether calls to this address are made at all; what it resolves to is judged at each call.
    ///
    /// # Errors
    /// Why not, in words that follow "must".
    fn accepts(&self, url: &str) -> Result<(), String>;

    /// Makes a call and answers the HTTP status. No redirect is followed, and what is answered besides is not read.
    ///
    /// # Errors
    /// `Unavailable` when nobody answers in time, or the address leads where no call may.
    async fn call(&self, call: &WebhookCall) -> Result<u16, StoreError>;
}
