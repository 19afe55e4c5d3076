//! Paying an order, and what providers say.

use axum::extract::{Request, State};
use commerce_core::ids::OrderId;
use serde_json::{Value, json};

use crate::answer::{Told, created, shown};
use crate::api::{Api, op};
use crate::auth::SignedIn;
use crate::extract::headers::text;
use crate::extract::{IfMatch, KeyedJson, Params, RequestIdempotency};
use crate::front::body_bytes;
use crate::problem::Answered;
use crate::state::Shared;
use crate::views::order::{AttemptView, PaymentBody, PaymentView, RefundView};

pub(super) fn routes(api: Api) -> Api {
    let pay = op("Pay an order after a decline; an open attempt is answered, not doubled");
    api.post(
        "/api/orders/{id}/payments",
        pay.takes::<PaymentBody>().gives::<PaymentView>(201, "Tried.").refuses(&["NOT_PAYABLE"]),
        self::pay,
    )
    .get("/api/orders/{id}/payments", op("Every try to pay an order, oldest first").lists::<AttemptView>(), attempts)
    .get("/api/orders/{id}/refunds", op("Every refund of an order, oldest first").lists::<RefundView>(), refunds)
    .post(
        "/api/payments/webhooks/{provider}",
        op("What a payment provider says; signed over the raw body")
            .public()
            .gives::<Value>(200, "Taken over.")
            .refuses(&["BAD_SIGNATURE"]),
        webhook,
    )
}

async fn pay(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<PaymentBody>,
) -> Answered<Told<PaymentView>> {
    let (id, key) = (id(&params)?, request.key());
    let PaymentBody { method, token } = request.body;
    let order = shared.orders().pay(&caller.actor, id, method, token, key, if_match.version).await?;
    let location = format!("/api/orders/{id}/payments");
    Ok(created(order.map(|order| PaymentView::from(&order.payment)), |_| location))
}

async fn attempts(State(shared): State<Shared>, caller: SignedIn, params: Params) -> Answered<Told<Value>> {
    let order = shared.orders().order(&caller.actor, id(&params)?).await?;
    let items: Vec<AttemptView> = order.payment.attempts.into_iter().map(AttemptView::from).collect();
    Ok(shown(json!({"items": items, "nextCursor": null})))
}

async fn refunds(State(shared): State<Shared>, caller: SignedIn, params: Params) -> Answered<Told<Value>> {
    let order = shared.orders().order(&caller.actor, id(&params)?).await?;
    let items: Vec<RefundView> = order.payment.refunds.into_iter().map(RefundView::from).collect();
    Ok(shown(json!({"items": items, "nextCursor": null})))
}

/// Knows repeats by the provider's own id of the message, whatever the key.
async fn webhook(State(shared): State<Shared>, _: RequestIdempotency, params: Params, request: Request) -> Answered<Told<Value>> {
    let (parts, body) = request.into_parts();
    let signature = text(&parts.headers, "x-signature")?;
    shared.orders().webhook(params.text("provider")?, signature, &body_bytes(body).await?).await?;
    Ok(shown(json!({"received": true})))
}

fn id(params: &Params) -> Answered<OrderId> {
    params.get("id", "order")
}
