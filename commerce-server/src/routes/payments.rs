//! Paying an order, and what providers say.

use std::time::Duration;

use axum::extract::{Request, State};
use commerce_core::Refusal;
use commerce_core::ids::{Id, OrderId};
use commerce_core::orders::{PromiseWish, Reconciliation};
use serde_json::{Value, json};

use super::orders::settled;
use super::users::{CURSOR, LIMIT};
use crate::answer::{Told, created, done, shown};
use crate::api::{Api, Param, op};
use crate::auth::{Holder, SignedIn};
use crate::extract::headers::text;
use crate::extract::{IfMatch, KeyedJson, Params, Query, RequestIdempotency};
use crate::front::body_bytes;
use crate::problem::Answered;
use crate::state::Shared;
use crate::views::payment::{PaymentBody, PaymentView, PromiseBody, RefundView, TryView};
use crate::views::wallet::ReconciliationView;

/// How many days a reconciliation looks back unless it is said, and at most.
const RECONCILED_DAYS: u64 = 30;
const DAYS_MAX: u64 = 366;

pub(super) fn routes(api: Api) -> Api {
    let pay = op("Pay an order after a decline; an open attempt is answered, not doubled").versioned().or_link();
    api.post(
        "/api/orders/{id}/payments",
        pay.takes::<PaymentBody>().gives::<PaymentView>(201, "Tried.").refuses(&["NOT_PAYABLE"]),
        self::pay,
    )
    .post(
        "/api/orders/{id}/payments/{paymentId}/capture",
        op("Take what was promised, or less of it")
            .versioned()
            .takes::<PromiseBody>()
            .gives::<PaymentView>(200, "Asked for; `captured` says what came of it.")
            .refuses(&["NOT_CAPTURABLE", "CAPTURE_EXCEEDS_AUTHORIZED", "CURRENCY_MISMATCH"]),
        capture,
    )
    .post(
        "/api/orders/{id}/payments/{paymentId}/void",
        op("Give back what was promised; the order that stands on it is cancelled")
            .versioned()
            .takes::<PromiseBody>()
            .gives::<PaymentView>(200, "Asked for; `status` says what came of it.")
            .refuses(&["NOT_VOIDABLE", "ILLEGAL_TRANSITION"]),
        void,
    )
    .get(
        "/api/payments/reconciliation",
        op("Staff: payments held against what the providers say")
            .query([Param::between("days", "How far back.", (1, 366), 30)])
            .gives::<ReconciliationView>(200, "What does not fit."),
        reconciliation,
    )
    .get(
        "/api/orders/{id}/payments",
        op("Every try to pay an order, newest first").or_link().query([LIMIT, CURSOR]).lists::<TryView>(),
        tries,
    )
    .get(
        "/api/orders/{id}/refunds",
        op("Every refund of an order, newest first").or_link().query([LIMIT, CURSOR]).lists::<RefundView>(),
        refunds,
    )
    .post(
        "/api/payments/webhooks/{provider}",
        op("What a payment provider says; signed over the raw body")
            .public()
            .keyless("a repeat is known by the provider's own name of the message")
            .takes::<Value>()
            .gives::<Value>(200, "Taken over.")
            .refuses(&["BAD_SIGNATURE", "MALFORMED_JSON"]),
        webhook,
    )
}

async fn pay(
    State(shared): State<Shared>,
    Holder(actor): Holder,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<PaymentBody>,
) -> Answered<Told<PaymentView>> {
    let (id, key) = (id(&params)?, request.key());
    let PaymentBody { method, token } = request.body;
    let orders = shared.orders();
    let order = settled(orders, orders.pay(&actor, id, method, token, key, if_match.version).await?).await?;
    let location = format!("/api/orders/{id}/payments");
    Ok(created(order.map(|order| PaymentView::from(&order.payment)), |_| location))
}

async fn capture(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<PromiseBody>,
) -> Answered<Told<PaymentView>> {
    let (id, wish) = promise(&params, if_match.version, &request)?;
    let order = shared.orders().capture_payment(&caller.actor, id, wish).await?;
    Ok(done(order.map(|order| PaymentView::from(&order.payment))))
}

async fn void(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<PromiseBody>,
) -> Answered<Told<PaymentView>> {
    let (id, wish) = promise(&params, if_match.version, &request)?;
    let order = shared.orders().void_payment(&caller.actor, id, wish).await?;
    Ok(done(order.map(|order| PaymentView::from(&order.payment))))
}

/// What is asked of a promise: both routes ask it alike.
fn promise(params: &Params, expected: Option<u64>, request: &KeyedJson<PromiseBody>) -> Answered<(OrderId, PromiseWish)> {
    let (payment, key, amount) = (params.get("paymentId", "payment")?, request.key(), request.body.amount);
    Ok((id(params)?, PromiseWish { payment, amount, key, expected }))
}

async fn reconciliation(State(shared): State<Shared>, caller: SignedIn, query: Query) -> Answered<Told<ReconciliationView>> {
    let days: u64 = query.get("days", "must be a whole number of days")?.unwrap_or(RECONCILED_DAYS);
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(Refusal::field("days", "OUT_OF_RANGE", format!("must be from 1 to {DAYS_MAX}")).into());
    }
    let since = shared.part().now().minus(Duration::from_hours(days * 24));
    let Reconciliation { mismatches, checked, foreign, unasked, since, at } =
        shared.orders().reconcile(&caller.actor, since).await?;
    let unasked = unasked.into_iter().collect();
    Ok(shown(ReconciliationView { mismatches, checked, foreign, unasked, since, at }))
}

async fn tries(State(shared): State<Shared>, Holder(actor): Holder, params: Params, query: Query) -> Answered<Told<Value>> {
    let order = shared.orders().order(&actor, id(&params)?).await?;
    let page = query.page_of(order.tries(), |it| it.id.uuid())?;
    Ok(shown(json!(page.map(TryView::from))))
}

async fn refunds(State(shared): State<Shared>, Holder(actor): Holder, params: Params, query: Query) -> Answered<Told<Value>> {
    let order = shared.orders().order(&actor, id(&params)?).await?;
    let page = query.page_of(order.payment.refunds, |refund| refund.id.uuid())?;
    Ok(shown(json!(page.map(RefundView::from))))
}

/// Knows repeats by the provider's own id of the message, whatever the key.
async fn webhook(State(shared): State<Shared>, _: RequestIdempotency, params: Params, request: Request) -> Answered<Told<Value>> {
    let (parts, body) = request.into_parts();
    let provider = params.text("provider")?;
    let header = match provider {
        "stripe" => "stripe-signature",
        "razorpay" => "x-razorpay-signature",
        _ => "x-signature",
    };
    shared.orders().webhook(provider, text(&parts.headers, header)?, &body_bytes(body).await?).await?;
    Ok(shown(json!({"received": true})))
}

fn id(params: &Params) -> Answered<OrderId> {
    params.get("id", "order")
}
