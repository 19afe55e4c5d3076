//! Webhook endpoints: other systems that are told what happens, and what became of it; for staff.

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::users::{CURSOR, LIMIT};
use crate::answer::{Told, created, done, shown, shown_at};
use crate::api::{Api, Param, op};
use crate::auth::SignedIn;
use crate::extract::{IfMatch, KeyedJson, Paging, Params, Patch, Query};
use crate::problem::Answered;
use crate::state::Shared;
use crate::views::notification::ResendBody;
use crate::views::webhook::{DeliveryView, EndpointBody, EndpointView};

/// Fields that nobody sets.
const READ_ONLY: &[&str] = &["id", "status", "reason", "failingSince", "createdAt", "updatedAt", "version"];

pub(super) fn routes(api: Api) -> Api {
    let (all, one) = ("/api/webhook-endpoints", "/api/webhook-endpoints/{id}");
    let made = op("Tell another system of events; the secret is in this answer and in no other")
        .takes::<EndpointBody>()
        .gives::<EndpointView>(201, "Made.")
        .refuses(&["IN_USE"]);
    let change = op("Change an endpoint to what the body says, and enable it; without a secret it keeps its own")
        .versioned()
        .takes::<EndpointBody>()
        .gives::<EndpointView>(200, "Changed.");
    let deliveries = op("What an endpoint was told, newest first").query([
        Param::text("status", "Only in this status: PENDING, DELIVERED, FAILED."),
        LIMIT,
        CURSOR,
    ]);
    let again = op("Make a delivery again, now").takes::<ResendBody>().gives::<DeliveryView>(200, "It will be.");
    api.post(all, made, create)
        .get(all, op("Webhook endpoints, newest first").query([LIMIT, CURSOR]).lists::<EndpointView>(), list)
        .get(one, op("A webhook endpoint").gives::<EndpointView>(200, "The endpoint, without its secret."), show)
        .put(one, change, self::change)
        .delete(one, op("Remove an endpoint; what it was not told is given up").versioned().done(204, "Removed."), remove)
        .get("/api/webhook-endpoints/{id}/deliveries", deliveries.lists::<DeliveryView>(), self::deliveries)
        .post("/api/webhook-endpoints/{id}/deliveries/{did}/resend", again.refuses(&["ILLEGAL_TRANSITION"]), resend)
}

async fn create(
    State(shared): State<Shared>,
    caller: SignedIn,
    request: KeyedJson<EndpointBody>,
) -> Answered<Told<EndpointView>> {
    let key = request.key();
    let made = shared.notifications().create_webhook_endpoint(&caller.actor, request.body.into(), key).await?;
    Ok(created(made.map(EndpointView::made), EndpointView::location).at(EndpointView::version))
}

async fn list(State(shared): State<Shared>, caller: SignedIn, Paging(page): Paging) -> Answered<Told<Value>> {
    Ok(shown(json!(shared.notifications().webhook_endpoints(&caller.actor, &page).await?.map(EndpointView::from))))
}

async fn show(State(shared): State<Shared>, caller: SignedIn, params: Params) -> Answered<Told<EndpointView>> {
    let id = params.get("id", "webhook endpoint")?;
    let endpoint = shared.notifications().webhook_endpoint(&caller.actor, id).await?;
    Ok(shown_at(endpoint.into(), EndpointView::version))
}

async fn change(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    patch: Patch,
) -> Answered<Told<EndpointView>> {
    let id = params.get("id", "webhook endpoint")?;
    let current = EndpointView::from(shared.notifications().webhook_endpoint(&caller.actor, id).await?);
    let body: EndpointBody = patch.onto(&json!(current), READ_ONLY)?;
    let changed = shared.notifications().update_webhook_endpoint(&caller.actor, id, body.into(), if_match.version).await?;
    Ok(shown_at(changed.into(), EndpointView::version))
}

async fn remove(State(shared): State<Shared>, caller: SignedIn, params: Params, if_match: IfMatch) -> Answered<StatusCode> {
    let id = params.get("id", "webhook endpoint")?;
    shared.notifications().delete_webhook_endpoint(&caller.actor, id, if_match.version).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn deliveries(State(shared): State<Shared>, caller: SignedIn, params: Params, query: Query) -> Answered<Told<Value>> {
    let id = params.get("id", "webhook endpoint")?;
    let status = query.get("status", "must be PENDING, DELIVERED or FAILED")?;
    let page = shared.notifications().webhook_deliveries(&caller.actor, id, status, &query.page()?).await?;
    Ok(shown(json!(page.map(DeliveryView::from))))
}

async fn resend(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    request: KeyedJson<ResendBody>,
) -> Answered<Told<DeliveryView>> {
    let (id, delivery) = (params.get("id", "webhook endpoint")?, params.get("did", "webhook delivery")?);
    let key = request.key();
    let again = shared.notifications().resend_webhook(&caller.actor, id, delivery, key).await?;
    Ok(done(again.map(DeliveryView::from)))
}
