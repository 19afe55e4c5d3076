//! Orders: what they would cost, placing them, and how far they are.

use std::time::Instant;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use commerce_core::change::Answer;
use commerce_core::ids::OrderId;
use commerce_core::orders::{GuestBuyer, Order, OrderFilter, Orders, PlaceOrder};
use commerce_core::text::Email;
use commerce_core::{Actor, Outcome, Refusal, Timestamp};
use serde_json::{Value, json};

use super::twin;
use super::users::{CURSOR, LIMIT};
use crate::address::client_group;
use crate::answer::{Told, accepted, created, done, shown, shown_at};
use crate::api::{Api, Param, op};
use crate::auth::{Caller, Holder, SignedIn};
use crate::extract::{IfMatch, Json, KeyedJson, Paging, Params, Query};
use crate::front::ClientAddress;
use crate::problem::{Answered, Problem};
use crate::state::Shared;
use crate::views::address::AddressBody;
use crate::views::order::{CancelBody, LinkBody, LinkView, OrderBody, OrderView, QuoteView, StatusBody, TimelineView};

pub(super) fn routes(api: Api) -> Api {
    let list = op("Orders, newest first: one's own, for staff all").query([
        Param::text("status", "Only in this status."),
        Param::text("from", "Only placed at this instant or later (RFC 3339)."),
        Param::text("to", "Only placed before this instant (RFC 3339)."),
        Param::text("userId", "Staff: only of this user."),
        Param::text("number", "Staff: only with this number."),
        Param::text("email", "Staff: only of the user, and of the guest, with this mail address."),
        LIMIT,
        CURSOR,
    ]);
    let placing = op("Place an order; a guest names her mail address, and is answered the link of her order").or_guest();
    let cancelling = op("Cancel an order, or some of its lines").versioned().or_link();
    let history = op("Its history, oldest first").or_link();
    api.post(
        "/api/orders/quote",
        op("What an order would cost; a guest names her cart or her mail address")
            .or_guest()
            .takes::<OrderBody>()
            .gives::<QuoteView>(200, "The quote.")
            .refuses(PRICING),
        quote,
    )
    .post("/api/orders", placing.takes::<OrderBody>().gives::<OrderView>(201, "Placed.").refuses(PLACING), place)
    .post(
        "/api/orders/link",
        op("Have the link of a guest's order mailed to her again")
            .public()
            .takes::<LinkBody>()
            .done(202, "If there is such an order of a guest with this address, a mail is on its way.")
            .refuses(&["TOO_MANY", "IDEMPOTENCY_MISMATCH"]),
        ask_link,
    )
    .get("/api/orders", list.lists::<OrderView>(), self::list)
    .get("/api/orders/{id}", op("An order").or_link().gives::<OrderView>(200, "The order."), show)
    .get("/api/orders/{id}/timeline", history.query([LIMIT, CURSOR]).lists::<TimelineView>(), timeline)
    .patch(
        "/api/orders/{id}/status",
        op("Take an order one status further").versioned().takes::<StatusBody>().gives::<OrderView>(200, "It is.").refuses(STEPS),
        status,
    )
    .put(
        "/api/orders/{id}/shipping-address",
        op("Send an order elsewhere, until something of it is shipped")
            .or_link()
            .versioned()
            .takes::<AddressBody>()
            .gives::<OrderView>(200, "It goes there.")
            .refuses(&["NOT_REDIRECTABLE"]),
        redirect,
    )
    .post(
        "/api/orders/{id}/cancel",
        cancelling
            .takes::<CancelBody>()
            .gives::<OrderView>(200, "Cancelled.")
            .refuses(&["ILLEGAL_TRANSITION", "CANCEL_EXCEEDS_OPEN"]),
        cancel,
    )
}

const PRICING: &[&str] =
    &["EMPTY_ORDER", "CURRENCY_MISMATCH", "COUPON_NOT_APPLICABLE", "COUPON_EXHAUSTED", "IDEMPOTENCY_MISMATCH"];
const PLACING: &[&str] = &[
    "SOLD_OUT",
    "PRICE_CHANGED",
    "EMPTY_ORDER",
    "CART_ORDERED",
    "TOO_MANY_UNPAID",
    "CURRENCY_MISMATCH",
    "COUPON_NOT_APPLICABLE",
    "COUPON_EXHAUSTED",
    "IDEMPOTENCY_MISMATCH",
    "TOO_MANY",
];
const STEPS: &[&str] = &["ILLEGAL_TRANSITION", "PAYMENT_REQUIRED"];

/// Always the present one, also when it is repeated under its key.
async fn quote(State(shared): State<Shared>, Caller(actor): Caller, request: KeyedJson<OrderBody>) -> Answered<Told<QuoteView>> {
    let key = request.key_or(request.body.idempotency_key.as_deref())?;
    one_address(&request.body)?;
    let guest = guest(&actor, &request.body)?;
    let (orders, command) = (shared.orders(), PlaceOrder::from(request.body));
    let offer = match guest {
        Some(guest) => orders.offer_to_guest(guest.cart.as_deref(), &command, key).await?,
        None => orders.offer(&actor, &command, key).await?,
    };
    Ok(done(offer.map(QuoteView::of)))
}

async fn place(State(shared): State<Shared>, Caller(actor): Caller, request: KeyedJson<OrderBody>) -> Answered<Told<OrderView>> {
    let key = request.key_or(request.body.idempotency_key.as_deref())?;
    one_address(&request.body)?;
    if !request.body.has_payment() {
        return Err(Problem::field(StatusCode::BAD_REQUEST, "MISSING_FIELD", "payment", "REQUIRED", "is needed"));
    }
    let (orders, guest) = (shared.orders(), guest(&actor, &request.body)?);
    let Some(guest) = guest else {
        let order = settled(orders, orders.place(&actor, request.body.into(), key).await?).await?;
        return Ok(created(order.map(OrderView::from), OrderView::location).at(OrderView::version));
    };
    let order = settled(orders, orders.place_as_guest(&guest, request.body.into(), key).await?).await?;
    let (Answer::Fresh(placed) | Answer::Replayed(placed)) = &order;
    let link = orders.link_of(placed).await?.map(|link| LinkView::of(link, &shared.config().server.public_url, placed.id));
    Ok(created(order.map(|order| OrderView::from(order).with_link(link)), OrderView::location).at(OrderView::version))
}

/// An order that is answered once more, as it is when its provider has been heard.
pub(super) async fn settled(orders: &Orders, order: Answer<Order>) -> Outcome<Answer<Order>> {
    let again = |order: &Order| orders.order(&Actor::System, order.id);
    twin::settled(order, |order| order.payment.is_asked_for(), again).await
}

/// Answered before any order is looked for, so that the time it takes says nothing either. A replay makes up for a mail that
/// could not be asked for.
async fn ask_link(
    State(shared): State<Shared>,
    Extension(address): Extension<ClientAddress>,
    request: KeyedJson<LinkBody>,
) -> Answered<Response> {
    let (key, LinkBody { email, number }) = (request.key(), request.body);
    let left = shared.links().take(client_group(address.0), Instant::now());
    if let Some(seconds) = left.and_then(|left| left.wait_seconds()) {
        return Err(Problem::from(Refusal::TooMany { seconds }));
    }
    let answer = shared.orders().link_asked(key.clone()).await?;
    tokio::spawn(async move {
        if let Err(error) = shared.orders().request_link(&email, &number, key.as_ref()).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the link of an order could not be asked for");
        }
    });
    Ok(accepted(answer))
}

/// Who orders without an account, if nobody has logged in. Whoever has needs no other mail address and no other cart.
fn guest(actor: &Actor, body: &OrderBody) -> Answered<Option<GuestBuyer>> {
    let (email, cart) = (body.email.clone(), body.cart_token.clone());
    match actor {
        Actor::Anonymous if email.is_some() || cart.is_some() => Ok(Some(GuestBuyer { email: email.unwrap_or_default(), cart })),
        Actor::Anonymous | Actor::Guest(..) => Err(Refusal::Unauthenticated.into()),
        Actor::Customer(_) | Actor::Seller(..) | Actor::Admin(_) | Actor::System => {
            let named = [("email", email.is_some()), ("cartToken", cart.is_some())].into_iter().find(|(_, named)| *named);
            let refuse = |(field, _)| Err(Refusal::field(field, "INVALID", "is for guests, and you have logged in").into());
            named.map_or(Ok(None), refuse)
        }
    }
}

async fn list(State(shared): State<Shared>, caller: SignedIn, query: Query) -> Answered<Told<Value>> {
    let staff = caller.actor.is_staff();
    let mut filter = OrderFilter {
        user: query.get("userId", "must be a user's id")?,
        status: query.get("status", "must be an order's status")?,
        from: instant(&query, "from")?,
        to: instant(&query, "to")?,
        number: query.text("number").map(str::to_owned),
        ..OrderFilter::default()
    };
    if !staff {
        filter = OrderFilter { user: None, ..filter };
    }
    let email = query.get::<Email>("email", "must be a mail address")?.filter(|_| staff);
    let (orders, page) = (shared.orders(), query.page()?);
    let page = match email {
        Some(email) => {
            let people = shared.accounts().find(&caller.actor, &email).await?;
            orders.orders_of(&caller.actor, &people, filter, &page).await?
        }
        None => orders.orders(&caller.actor, filter, &page).await?,
    };
    Ok(shown(json!(page.map(OrderView::from))))
}

async fn show(State(shared): State<Shared>, Holder(actor): Holder, params: Params) -> Answered<Told<OrderView>> {
    Ok(shown_at(shared.orders().order(&actor, id(&params)?).await?.into(), OrderView::version))
}

async fn timeline(
    State(shared): State<Shared>,
    Holder(actor): Holder,
    params: Params,
    Paging(page): Paging,
) -> Answered<Told<Value>> {
    let entries = shared.orders().timeline(&actor, id(&params)?, &page).await?;
    Ok(shown(json!(entries.map(TimelineView::from))))
}

async fn status(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    Json(body): Json<StatusBody>,
) -> Answered<Told<OrderView>> {
    let id = id(&params)?;
    let order = shared.orders().set_status(&caller.actor, id, body.status, body.note, if_match.version).await?;
    Ok(shown_at(order.into(), OrderView::version))
}

async fn redirect(
    State(shared): State<Shared>,
    Holder(actor): Holder,
    params: Params,
    if_match: IfMatch,
    Json(body): Json<AddressBody>,
) -> Answered<Told<OrderView>> {
    let order = shared.orders().redirect(&actor, id(&params)?, body.into(), if_match.version).await?;
    Ok(shown_at(order.into(), OrderView::version))
}

async fn cancel(
    State(shared): State<Shared>,
    Holder(actor): Holder,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<CancelBody>,
) -> Answered<Told<OrderView>> {
    let (id, key) = (id(&params)?, request.key());
    let CancelBody { reason, lines } = request.body;
    let (orders, expected) = (shared.orders(), if_match.version);
    let order = match lines {
        None => orders.cancel(&actor, id, reason, key, expected).await?,
        Some(lines) => {
            let lines: Vec<(String, i64)> = lines.into_iter().map(Into::into).collect();
            orders.cancel_lines(&actor, id, &lines, reason, key, expected).await?
        }
    };
    Ok(done(order.map(OrderView::from)).at(OrderView::version))
}

fn one_address(body: &OrderBody) -> Answered<()> {
    if body.has_two_addresses() {
        let message = "cannot stand beside shippingAddress";
        return Err(Problem::field(StatusCode::UNPROCESSABLE_ENTITY, "INVALID", "addressId", "INVALID", message));
    }
    Ok(())
}

/// An instant, or a day, which is its beginning in UTC.
fn instant(query: &Query, name: &'static str) -> Answered<Option<Timestamp>> {
    let Some(text) = query.text(name) else { return Ok(None) };
    let at = Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")));
    let refuse = || Refusal::field(name, "INVALID", "must be an RFC 3339 time or a date").into();
    at.map(Some).ok_or_else(refuse)
}

fn id(params: &Params) -> Answered<OrderId> {
    params.get("id", "order")
}
