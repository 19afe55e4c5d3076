//! `webhook`: which other systems are told of events, and what became of it.

use commerce_core::Actor;
use commerce_core::ids::{WebhookDeliveryId, WebhookEndpointId};
use commerce_core::notifications::{DeliveryStatus, EndpointInput};
use reqwest::Method;
use serde_json::{Value, json};

use crate::args::{Paging, one_of};
use crate::context::{Context, Target};
use crate::failure::Failure;
use crate::output::Column;
use crate::secret;
use crate::views;

const COLUMNS: &[Column] =
    &[("ID", "/id"), ("URL", "/url"), ("EVENTS", "/events"), ("STATUS", "/status"), ("FAILING SINCE", "/failingSince")];

const WHOLE: &[Column] = &[
    ("Id", "/id"),
    ("URL", "/url"),
    ("Events", "/events"),
    ("Secret", "/secret"),
    ("Status", "/status"),
    ("Reason", "/reason"),
    ("Failing since", "/failingSince"),
];

const DELIVERIES: &[Column] = &[
    ("ID", "/id"),
    ("EVENT", "/event"),
    ("STATUS", "/status"),
    ("TRIES", "/tries"),
    ("ANSWER", "/responseStatus"),
    ("ERROR", "/error"),
    ("NEXT TRY", "/nextTryAt"),
    ("HELD SINCE", "/heldAt"),
];

const EXAMPLES: &str = "\
Examples:
  commerce webhook add https://erp.example.com/hooks --event ORDER_CONFIRMED --event ORDER_CANCELLED
  commerce webhook add https://example.com/everything --event '*'
  commerce webhook deliveries ENDPOINT_ID --status FAILED

The secret that deliveries are signed with (Standard Webhooks 1.0) is shown when the endpoint is
added and never again.";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Endpoints, newest first
    List(Paging),
    /// Tell another system of events, and show the secret that it can check them with
    #[command(after_help = EXAMPLES)]
    Add {
        /// Where: an address of the public internet
        #[arg(value_name = "URL")]
        to: String,
        #[arg(
            long = "event",
            required = true,
            value_name = "EVENT",
            help = "Which event, such as ORDER_CONFIRMED, or * for all; may be repeated"
        )]
        events: Vec<String>,
        /// Read the secret from standard input instead of making one: whsec_ and 24 to 64 bytes in base64
        #[arg(long)]
        secret_stdin: bool,
    },
    /// Remove an endpoint; what it was not told is given up
    Remove {
        /// The endpoint's id
        id: WebhookEndpointId,
    },
    /// What an endpoint was told, newest first
    Deliveries {
        /// The endpoint's id
        id: WebhookEndpointId,
        /// Only in this status
        #[arg(long, value_parser = one_of(DeliveryStatus::ALL, DeliveryStatus::as_str), ignore_case = true)]
        status: Option<DeliveryStatus>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Make a delivery again, now; a receiver knows it by the id it had
    Resend {
        /// The endpoint's id
        id: WebhookEndpointId,
        /// The delivery's id
        delivery: WebhookDeliveryId,
    },
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(paging) => list(cx, &paging).await,
        Command::Add { to, events, secret_stdin } => {
            let secret = if secret_stdin { Some(secret::read()?) } else { None };
            add(cx, EndpointInput { url: to, events, secret }).await
        }
        Command::Remove { id } => {
            cx.confirm(&format!("Remove the endpoint {id}? What it was not told is given up."))?;
            remove(cx, id).await
        }
        Command::Deliveries { id, status, paging } => deliveries(cx, id, status, &paging).await,
        Command::Resend { id, delivery } => resend(cx, id, delivery).await,
    }
}

async fn list(cx: &Context, paging: &Paging) -> Result<(), Failure> {
    match cx.target().await? {
        Target::Local(shop) => {
            let page = shop.notifications.webhook_endpoints(&Actor::System, &paging.request()?).await?;
            cx.out.page(&views::page(page, views::endpoint), COLUMNS)?;
            shop.close().await
        }
        Target::Remote(remote) => cx.out.page(&remote.get("/api/webhook-endpoints", &paging.query()).await?, COLUMNS),
    }
}

async fn add(cx: &Context, input: EndpointInput) -> Result<(), Failure> {
    match cx.target_or_new().await? {
        Target::Local(shop) => {
            let made = shop.notifications.create_webhook_endpoint(&Actor::System, input, None).await?.into_inner();
            cx.out.record(&views::made_endpoint(made), WHOLE)?;
            shop.finish().await
        }
        Target::Remote(remote) => {
            let EndpointInput { url, events, secret } = input;
            let body = json!({ "url": url, "events": events, "secret": secret });
            cx.out.record(&remote.call(Method::POST, "/api/webhook-endpoints", &body).await?, WHOLE)
        }
    }
}

async fn remove(cx: &Context, id: WebhookEndpointId) -> Result<(), Failure> {
    match cx.target().await? {
        Target::Local(shop) => {
            shop.notifications.delete_webhook_endpoint(&Actor::System, id, None).await?;
            shop.finish().await?;
        }
        Target::Remote(remote) => {
            remote.call(Method::DELETE, &format!("/api/webhook-endpoints/{id}"), &Value::Null).await?;
        }
    }
    cx.out.say(&format!("{id} is removed"), &json!({ "id": id, "removed": true }))
}

async fn deliveries(cx: &Context, id: WebhookEndpointId, status: Option<DeliveryStatus>, paging: &Paging) -> Result<(), Failure> {
    match cx.target().await? {
        Target::Local(shop) => {
            let page = shop.notifications.webhook_deliveries(&Actor::System, id, status, &paging.request()?).await?;
            cx.out.page(&views::page(page, views::delivery), DELIVERIES)?;
            shop.close().await
        }
        Target::Remote(remote) => {
            let mut query = paging.query();
            query.extend(status.map(|status| ("status", status.as_str().to_owned())));
            cx.out.page(&remote.get(&format!("/api/webhook-endpoints/{id}/deliveries"), &query).await?, DELIVERIES)
        }
    }
}

async fn resend(cx: &Context, id: WebhookEndpointId, delivery: WebhookDeliveryId) -> Result<(), Failure> {
    match cx.target().await? {
        Target::Local(shop) => {
            let again = shop.notifications.resend_webhook(&Actor::System, id, delivery, None).await?.into_inner();
            cx.out.record(&views::delivery(again), DELIVERIES)?;
            shop.finish().await
        }
        Target::Remote(remote) => {
            let path = format!("/api/webhook-endpoints/{id}/deliveries/{delivery}/resend");
            cx.out.record(&remote.call(Method::POST, &path, &json!({})).await?, DELIVERIES)
        }
    }
}
