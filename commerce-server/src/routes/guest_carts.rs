//! Carts of people who have not logged in; whoever knows a cart's token has it. To empty one that nobody opened is no error.

use std::net::IpAddr;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use commerce_core::Actor;
use commerce_core::change::{RequestKey, digest};
use commerce_core::orders::CartOwner;
use commerce_core::text::IdempotencyKey;

use super::carts::{COUPONS, add_to};
use crate::address::client_group;
use crate::answer::{Told, created, done, shown_at};
use crate::api::{Api, op};
use crate::auth::Caller;
use crate::extract::{IfMatch, Json, KeyedJson, Params};
use crate::front::ClientAddress;
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
        .post(cart, gives("Put something into a guest's cart").versioned().takes::<AddBody>(), add)
        .get(cart, gives("A guest's cart"), show)
        .delete(cart, op("Empty a guest's cart").versioned().public().done(204, "It is empty."), clear)
        .put(line, gives("Set how many of a SKU are in a guest's cart").versioned().takes::<QuantityBody>(), set)
        .delete(line, gives("Take a SKU out of a guest's cart").versioned(), remove)
        .put(coupon, gives("Try coupons on a guest's cart").versioned().takes::<CartCouponBody>().refuses(COUPONS), set_coupon)
        .delete(coupon, op("Take the coupons off a guest's cart").versioned().public().done(204, "None is on it."), remove_coupon)
}

async fn open(
    State(shared): State<Shared>,
    Caller(actor): Caller,
    Extension(address): Extension<ClientAddress>,
    request: KeyedJson<OpenBody>,
) -> Answered<Told<CartView>> {
    let key = request.key();
    let key =
        if actor == Actor::Anonymous { key.map(|key| of_stranger(&key, client_group(address.0))).transpose()? } else { key };
    let opened = shared.orders().open_guest_cart(&actor, request.body.metadata.unwrap_or_default(), key).await?;
    Ok(created(opened.map(|(token, cart)| CartView::of_guest(&token, cart)), CartView::location).at(CartView::version))
}

/// Strangers have no name that could tell their keys apart, and what the key answers is the whole cart: each address has
/// keys of its own.
fn of_stranger(key: &RequestKey, from: IpAddr) -> Answered<RequestKey> {
    let own = digest(&[from.to_string().as_bytes(), key.key.as_str().as_bytes()]);
    Ok(RequestKey { key: IdempotencyKey::parse("Idempotency-Key", &hex::encode(own))?, body_hash: key.body_hash })
}

async fn add(
    State(shared): State<Shared>,
    Caller(actor): Caller,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<AddBody>,
) -> Answered<Told<CartView>> {
    let token = token(&params)?;
    let owner = shared.orders().guest_cart(token).await?;
    let cart = add_to(&shared, &actor, owner, if_match, request).await?;
    Ok(done(cart.map(|cart| CartView::of_guest(token, cart))).at(CartView::version))
}

async fn show(State(shared): State<Shared>, Caller(actor): Caller, params: Params) -> Answered<Told<CartView>> {
    let (token, orders) = (token(&params)?, shared.orders());
    let cart = orders.cart(&actor, orders.guest_cart(token).await?).await?;
    Ok(shown_at(CartView::of_guest(token, cart), CartView::version).moving())
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
    let (owner, sku) = (shared.orders().guest_cart(token).await?, params.text("sku")?);
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
    let (owner, sku) = (shared.orders().guest_cart(token).await?, params.text("sku")?);
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
    let (token, orders) = (token(&params)?, shared.orders());
    let owner = orders.guest_cart(token).await?;
    let cart = orders.set_cart_coupon(&actor, owner, &body.code, if_match.version).await?;
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
    if is_token(token) { Ok(token) } else { Err(Problem::not_found("cart")) }
}

/// Whether this is how the tokens of guests' carts look.
pub(super) fn is_token(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_one_address_is_not_that_of_another() {
        let key = RequestKey { key: IdempotencyKey::parse("Idempotency-Key", "order-1").unwrap(), body_hash: [7; 32] };
        let from = |address: &str| of_stranger(&key, address.parse().unwrap()).unwrap();
        assert_eq!(from("192.0.2.1"), from("192.0.2.1"));
        assert_ne!(from("192.0.2.1").key, from("192.0.2.2").key);
        assert_ne!(from("192.0.2.1").key, key.key);
    }
}
