//! Webhook endpoints and deliveries, for staff.

use commerce_core::Timestamp;
use commerce_core::events::EventKind;
use commerce_core::ids::{EventId, WebhookDeliveryId, WebhookEndpointId};
use commerce_core::notifications::{
    DeliveryStatus, EndpointInput, EndpointStatus, MadeEndpoint, WebhookDelivery, WebhookEndpoint,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An address of another system that is told of events.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookEndpoint)]
pub struct EndpointView {
    #[schema(value_type = String, format = Uuid)]
    id: WebhookEndpointId,
    url: String,
    #[schema(example = json!(["ORDER_CONFIRMED"]))]
    events: Vec<&'static str>,
    /// What deliveries are signed with (Standard Webhooks); shown to whoever made the endpoint, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    #[schema(value_type = String, example = "ACTIVE")]
    status: EndpointStatus,
    /// Why it is not told any more.
    reason: Option<String>,
    /// Since when nothing has reached it.
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    version: u64,
}

impl From<WebhookEndpoint> for EndpointView {
    fn from(endpoint: WebhookEndpoint) -> Self {
        Self {
            id: endpoint.id,
            events: endpoint.events.names(),
            url: endpoint.url,
            secret: None,
            status: endpoint.status,
            reason: endpoint.reason,
            failing_since: endpoint.failing_since,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
            version: endpoint.version,
        }
    }
}

impl EndpointView {
    /// As whoever made it sees it.
    #[must_use]
    pub fn made(made: MadeEndpoint) -> Self {
        let secret = made.secret.map(|secret| secret.expose().to_owned());
        Self { secret, ..made.endpoint.into() }
    }

    /// Where it is found.
    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/webhook-endpoints/{}", self.id)
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }
}

/// An endpoint to be made or changed.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = WebhookEndpointBody)]
pub struct EndpointBody {
    /// Where: an address of the public internet.
    url: String,
    /// Names of events, or `*` for all of them.
    events: Vec<String>,
    /// `whsec_` and 24 to 64 bytes in base64; one is made unless said.
    #[serde(default)]
    secret: Option<String>,
}

impl From<EndpointBody> for EndpointInput {
    fn from(EndpointBody { url, events, secret }: EndpointBody) -> Self {
        Self { url, events, secret }
    }
}

/// An event on its way to an endpoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDelivery)]
pub struct DeliveryView {
    #[schema(value_type = String, format = Uuid)]
    id: WebhookDeliveryId,
    #[schema(value_type = String, format = Uuid)]
    endpoint_id: WebhookEndpointId,
    /// The `webhook-id` that its receiver knows it by.
    #[schema(value_type = String, format = Uuid)]
    event_id: EventId,
    #[schema(value_type = String, example = "ORDER_CONFIRMED")]
    event: EventKind,
    #[schema(value_type = String, example = "DELIVERED")]
    status: DeliveryStatus,
    tries: u32,
    /// The HTTP status of the last answer.
    response_status: Option<u16>,
    error: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    next_try_at: Option<Timestamp>,
    /// Since when it waits for a word, after a restore.
    #[schema(value_type = Option<String>, format = DateTime)]
    held_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    delivered_at: Option<Timestamp>,
}

impl From<WebhookDelivery> for DeliveryView {
    fn from(delivery: WebhookDelivery) -> Self {
        Self {
            id: delivery.id,
            endpoint_id: delivery.endpoint,
            event_id: delivery.event,
            event: delivery.kind,
            status: delivery.status,
            tries: delivery.tries,
            response_status: delivery.answered,
            error: delivery.error,
            next_try_at: delivery.due_at,
            held_at: delivery.held_at,
            created_at: delivery.created_at,
            delivered_at: delivery.delivered_at,
        }
    }
}
