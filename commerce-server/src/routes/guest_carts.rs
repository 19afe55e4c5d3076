//! Carts of people who have not logged in; whoever knows a cart's token has it.

use axum::extract::State;
use axum::http::StatusCode;
use commerce_core::orders::CartOwner;

use super::carts::{COUPONS, add_to};
use crate::answer::{Told, created, done, shown_at};
use crate::api::{Api, op};
use crate::auth::Caller;
use crate::extract::{IfMatch, Json, KeyedJson, Params};
use crate::problem::{Answered, Problem};
use crate::state::Shared;
use crate::views::cart::{AddBody, CartView, OpenBody, QuantityBody};
use crate::views::coupon::CartCouponBody;

pub(super) fn routes(api: Api) -> Api {
    let cart = "/api/carts/{cartToken}";
    let line = "/api/carts/{cartToken}/items/{sku}";
    let coupon = "/api/carts/{cartToken}/coupon";
    let gives = |summary| op(summary).public().gives::<CartView>(200, "The cart.");
    let open = op("Open a guest's cart").public().takes::<OpenBody>().gives::<CartView>(201, "Its token is `cartToken`.");
    api.post("/api/carts", open, self::open)
        .post(cart, gives("Put something into a guest's cart").takes::<AddBody>(), add)
        .get(cart, gives("A guest's cart"), show)
        .delete(cart, op("Empty a guest's cart").public().done(204, "It is empty."), clear)
        .put(line, gives("Set how many of a SKU are in a guest's cart").takes::<QuantityBody>(), set)
        .delete(line, gives("Take a SKU out of a guest's cart"), remove)
        .put(coupon, gives("Try coupons on a guest's cart").takes::<CartCouponBody>().refuses(COUPONS), set_coupon)
        .delete(coupon, op("Take the coupons off a guest's cart").public().done(204, "None is on it."), remove_coupon)
}

async fn open(State(shared): State<Shared>, Caller(actor): Caller, request: KeyedJson<OpenBody>) -> Answered<Told<CartView>> {
    let opened = shared.orders().open_guest_cart(&actor, request.key()).await?;
    Ok(created(opened.map(|(token, cart)| CartView::of_guest(&token, cart)), CartView::location).at(CartView::version))
}

async fn add(
    State(shared): State<Shared>,
    Caller(actor): Caller,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<AddBody>,
) -> Answered<Told<CartView>> {
    let token = token(&params)?;
    let cart = add_to(&shared, &actor, CartOwner::guest(token), if_match, request).await?;
    Ok(done(cart.map(|cart| CartView::of_guest(token, cart))).at(CartView::version))
}

async fn show(State(shared): State<Shared>, Caller(actor): Caller, params: Params) -> Answered<Told<CartView>> {
    let token = token(&params)?;
    Ok(shown_at(CartView::of_guest(token, shared.orders().cart(&actor, CartOwner::guest(token)).await?), CartView::version))
}

async fn clear(State(shared): State<Shared>, Caller(actor): Caller, params: Params, if_match: IfMatch) -> Answered<StatusCode> {
    shared.orders().clear_cart(&actor, CartOwner::guest(token(&params)?), if_match.version).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set(
    State(shared): State<Shared>,
    Caller(actor): Caller,
    params: Params,
    if_match: IfMatch,
    Json(body): Json<QuantityBody>,
) -> Answered<Told<CartView>> {
    let token = token(&params)?;
    let (owner, sku) = (CartOwner::guest(token), params.text("sku")?);
    let cart = shared.orders().set_cart_line(&actor, owner, sku, body.quantity, if_match.version).await?;
    Ok(shown_at(CartView::of_guest(token, cart), CartView::version))
}

async fn remove(
    State(shared): State<Shared>,
    Caller(actor): Caller,
    params: Params,
    if_match: IfMatch,
) -> Answered<Told<CartView>> {
    let token = token(&params)?;
    let (owner, sku) = (CartOwner::guest(token), params.text("sku")?);
    let cart = shared.orders().remove_cart_line(&actor, owner, sku, if_match.version).await?;
    Ok(shown_at(CartView::of_guest(token, cart), CartView::version))
}

async fn set_coupon(
    State(shared): State<Shared>,
    Caller(actor): Caller,
    params: Params,
    if_match: IfMatch,
    Json(body): Json<CartCouponBody>,
) -> Answered<Told<CartView>> {
    let token = token(&params)?;
    let cart = shared.orders().set_cart_coupon(&actor, CartOwner::guest(token), &body.code, if_match.version).await?;
    Ok(shown_at(CartView::of_guest(token, cart), CartView::version))
}

async fn remove_coupon(
    State(shared): State<Shared>,
    Caller(actor): Caller,
    params: Params,
    if_match: IfMatch,
) -> Answered<StatusCode> {
    shared.orders().remove_cart_coupon(&actor, CartOwner::guest(token(&params)?), if_match.version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A token of ours: 64 hexadecimal digits. Others name no cart.
fn token(params: &Params) -> Answered<&str> {
    let token = params.text("cartToken")?;
    let ours = token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    if ours { Ok(token) } else { Err(Problem::not_found("cart")) }
}
