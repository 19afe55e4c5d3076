//! Returns and what staff gives back: the customer asks, staff decides.

use axum::extract::State;
use commerce_core::change::Answer;
use commerce_core::ids::{Id, OrderId, ReturnId};
use commerce_core::orders::ReturnFilter;
use serde_json::{Value, json};

use super::users::{CURSOR, LIMIT};
use crate::answer::{Told, created, done, shown};
use crate::api::{Api, Op, Param, op};
use crate::auth::{Holder, SignedIn};
use crate::extract::{IfMatch, KeyedJson, Params, Query};
use crate::problem::Answered;
use crate::state::Shared;
use crate::views::payment::RefundView;
use crate::views::returns::{
    ApproveBody, ExchangeBody, ReceiveBody, RefundBody, RefundReturnBody, RejectBody, ReturnBody, ReturnView,
};

pub(super) fn routes(api: Api) -> Api {
    let gives = |summary: &'static str| -> Op { op(summary).gives::<ReturnView>(200, "The return.").refuses(STEPS) };
    let list = op("Returns, newest first: one's own, for staff all").query([
        Param::text("status", "Only as far as this."),
        LIMIT,
        CURSOR,
    ]);
    api.post(
        "/api/orders/{id}/returns",
        op("Ask to send something back")
            .or_link()
            .versioned()
            .takes::<ReturnBody>()
            .gives::<ReturnView>(201, "Asked for.")
            .refuses(ASKING),
        request,
    )
    .get(
        "/api/orders/{id}/returns",
        op("What comes back of an order, newest first").or_link().query([LIMIT, CURSOR]).lists::<ReturnView>(),
        of_order,
    )
    .post(
        "/api/orders/{id}/refunds",
        op("Give money back")
            .versioned()
            .takes::<RefundBody>()
            .gives::<RefundView>(201, "On its way.")
            .refuses(&["REFUND_EXCEEDS_CAPTURED"]),
        give,
    )
    .get("/api/returns", list.lists::<ReturnView>(), self::list)
    .get("/api/returns/{id}", op("A return").gives::<ReturnView>(200, "The return."), show)
    .post("/api/returns/{id}/approve", gives("Agree to a return").takes::<ApproveBody>(), approve)
    .post("/api/returns/{id}/reject", gives("Do not agree to a return").takes::<RejectBody>(), reject)
    .post(
        "/api/returns/{id}/receive",
        gives("Take in what came, back on the shelf or written off").takes::<ReceiveBody>(),
        receive,
    )
    .post(
        "/api/returns/{id}/exchange",
        gives("Send other things for what came, or the same again").takes::<ExchangeBody>().refuses(EXCHANGING),
        exchange,
    )
    .post("/api/returns/{id}/refund", gives("Pay back what came").takes::<RefundReturnBody>().refuses(PAYING), refund)
}

const ASKING: &[&str] = &["RETURN_EXCEEDS_DELIVERED", "RETURN_WINDOW_CLOSED"];
const STEPS: &[&str] = &["ILLEGAL_TRANSITION"];
const PAYING: &[&str] = &["ILLEGAL_TRANSITION", "REFUND_EXCEEDS_CAPTURED", "PAYMENT_REQUIRED"];
const EXCHANGING: &[&str] = &["ILLEGAL_TRANSITION", "EXCHANGE_EXCEEDS_CREDIT", "SOLD_OUT", "PAYMENT_REQUIRED", "EMPTY_ORDER"];

async fn request(
    State(shared): State<Shared>,
    Holder(actor): Holder,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<ReturnBody>,
) -> Answered<Told<ReturnView>> {
    let (id, key) = (order_id(&params)?, request.key());
    let made = shared.orders().request_return(&actor, id, request.body.into(), key, if_match.version).await?;
    Ok(created(made.map(ReturnView::from), ReturnView::location))
}

async fn of_order(State(shared): State<Shared>, Holder(actor): Holder, params: Params, query: Query) -> Answered<Told<Value>> {
    let returns = shared.orders().returns_of(&actor, order_id(&params)?).await?;
    Ok(shown(json!(query.page_of(returns, |back| back.it.id.uuid())?.map(ReturnView::from))))
}

async fn give(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<RefundBody>,
) -> Answered<Told<RefundView>> {
    let (id, key) = (order_id(&params)?, request.key());
    let given = shared.orders().give_money_back(&caller.actor, id, request.body.into(), key, if_match.version).await?;
    let view = |given: Answer<_>| given.map(RefundView::from);
    Ok(created(view(given), |_| format!("/api/orders/{id}/refunds")))
}

async fn list(State(shared): State<Shared>, caller: SignedIn, query: Query) -> Answered<Told<Value>> {
    let filter = ReturnFilter { user: None, status: query.get("status", "must be a return's status")? };
    Ok(shown(json!(shared.orders().returns(&caller.actor, filter, &query.page()?).await?.map(ReturnView::from))))
}

async fn show(State(shared): State<Shared>, caller: SignedIn, params: Params) -> Answered<Told<ReturnView>> {
    Ok(shown(shared.orders().return_by_id(&caller.actor, id(&params)?).await?.into()))
}

async fn approve(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<ApproveBody>,
) -> Answered<Told<ReturnView>> {
    let (id, key) = (id(&params)?, request.key());
    Ok(done(shared.orders().approve_return(&caller.actor, id, key, if_match.version).await?.map(ReturnView::from)))
}

async fn reject(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<RejectBody>,
) -> Answered<Told<ReturnView>> {
    let (id, key) = (id(&params)?, request.key());
    let rejected = shared.orders().reject_return(&caller.actor, id, request.body.reason, key, if_match.version).await?;
    Ok(done(rejected.map(ReturnView::from)))
}

async fn receive(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<ReceiveBody>,
) -> Answered<Told<ReturnView>> {
    let (id, key) = (id(&params)?, request.key());
    let came = request.body.lines.map(|lines| lines.into_iter().map(Into::into).collect());
    Ok(done(shared.orders().receive_return(&caller.actor, id, came, key, if_match.version).await?.map(ReturnView::from)))
}

async fn refund(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<RefundReturnBody>,
) -> Answered<Told<ReturnView>> {
    let (id, key) = (id(&params)?, request.key());
    let refunded = shared.orders().refund_return(&caller.actor, id, request.body.amount, key, if_match.version).await?;
    Ok(done(refunded.map(ReturnView::from)))
}

async fn exchange(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<ExchangeBody>,
) -> Answered<Told<ReturnView>> {
    let (id, key) = (id(&params)?, request.key());
    let exchanged = shared.orders().exchange_return(&caller.actor, id, request.body.items(), key, if_match.version).await?;
    Ok(done(exchanged.map(ReturnView::from)))
}

fn order_id(params: &Params) -> Answered<OrderId> {
    params.get("id", "order")
}

fn id(params: &Params) -> Answered<ReturnId> {
    params.get("id", "return")
}
