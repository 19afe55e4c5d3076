//! Carts of users.

use axum::extract::State;
use axum::http::StatusCode;
use commerce_core::Actor;
use commerce_core::change::Answer;
use commerce_core::error::{Error, Refusal};
use commerce_core::orders::{CartOwner, CartView as PricedCart};

use super::guest_carts::is_token;
use crate::answer::{Told, done, shown_at};
use crate::api::{Api, op};
use crate::auth::SignedIn;
use crate::extract::{IfMatch, Json, KeyedJson, Params};
use crate::problem::{Answered, Problem};
use crate::state::Shared;
use crate::views::cart::{AddBody, CartView, MergeBody, QuantityBody};
use crate::views::coupon::CartCouponBody;

/// Why a coupon cannot be tried.
pub(super) const COUPONS: &[&str] = &["COUPON_NOT_APPLICABLE", "COUPON_EXHAUSTED"];

pub(super) fn routes(api: Api) -> Api {
    let cart = "/api/cart/{userId}";
    let line = "/api/cart/{userId}/items/{sku}";
    let coupon = "/api/cart/{userId}/coupon";
    let gives = |summary| op(summary).gives::<CartView>(200, "The cart.");
    api.post(cart, gives("Put something into the cart, on top of what is there").versioned().takes::<AddBody>(), add)
        .get(cart, gives("The cart"), show)
        .delete(cart, op("Empty the cart").versioned().done(204, "It is empty."), clear)
        .put(line, gives("Set how many of a SKU are in the cart").versioned().takes::<QuantityBody>(), set)
        .delete(line, gives("Take a SKU out of the cart").versioned(), remove)
        .put(coupon, gives("Try coupons on the cart").versioned().takes::<CartCouponBody>().refuses(COUPONS), set_coupon)
        .delete(coupon, op("Take the coupons off the cart").versioned().done(204, "None is on it."), remove_coupon)
        .post("/api/cart/{userId}/merge", gives("Take over a guest's cart").versioned().takes::<MergeBody>(), merge)
}

async fn add(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<AddBody>,
) -> Answered<Told<CartView>> {
    let owner = owner(&params, &caller)?;
    let cart = add_to(&shared, &caller.actor, owner, if_match, request).await?;
    Ok(done(cart.map(CartView::from)).at(CartView::version))
}

async fn show(State(shared): State<Shared>, caller: SignedIn, params: Params) -> Answered<Told<CartView>> {
    let cart = shared.orders().cart(&caller.actor, owner(&params, &caller)?).await?;
    Ok(shown_at(cart.into(), CartView::version).moving())
}

async fn clear(State(shared): State<Shared>, caller: SignedIn, params: Params, if_match: IfMatch) -> Answered<StatusCode> {
    shared.orders().clear_cart(&caller.actor, owner(&params, &caller)?, if_match.version).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    Json(body): Json<QuantityBody>,
) -> Answered<Told<CartView>> {
    let (owner, sku) = (owner(&params, &caller)?, params.text("sku")?);
    let cart = shared.orders().set_cart_line(&caller.actor, owner, sku, body.quantity, if_match.version).await?;
    Ok(shown_at(cart.into(), CartView::version))
}

async fn remove(State(shared): State<Shared>, caller: SignedIn, params: Params, if_match: IfMatch) -> Answered<Told<CartView>> {
    let (owner, sku) = (owner(&params, &caller)?, params.text("sku")?);
    let cart = shared.orders().remove_cart_line(&caller.actor, owner, sku, if_match.version).await?;
    Ok(shown_at(cart.into(), CartView::version))
}

async fn set_coupon(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    Json(body): Json<CartCouponBody>,
) -> Answered<Told<CartView>> {
    let owner = owner(&params, &caller)?;
    let cart = shared.orders().set_cart_coupon(&caller.actor, owner, &body.code, if_match.version).await?;
    Ok(shown_at(cart.into(), CartView::version))
}

async fn remove_coupon(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
) -> Answered<StatusCode> {
    shared.orders().remove_cart_coupon(&caller.actor, owner(&params, &caller)?, if_match.version).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn merge(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<MergeBody>,
) -> Answered<Told<CartView>> {
    let (user, key) = (params.user(&caller.actor)?, request.key());
    let token = &request.body.cart_token;
    if !is_token(token) {
        return Err(Refusal::field("cartToken", "INVALID", "must be the token of a guest's cart").into());
    }
    let cart = shared.orders().merge_cart(&caller.actor, user, token, key, if_match.version).await?;
    Ok(done(cart.map(CartView::from)).at(CartView::version))
}

fn owner(params: &Params, caller: &SignedIn) -> Answered<CartOwner> {
    Ok(CartOwner::User(params.user(&caller.actor)?))
}

/// Puts one item or several into a cart.
pub(super) async fn add_to(
    shared: &Shared,
    actor: &Actor,
    owner: CartOwner,
    if_match: IfMatch,
    request: KeyedJson<AddBody>,
) -> Answered<Answer<PricedCart>> {
    let key = request.key();
    let listed = request.body.items.is_some();
    let metadata = request.body.metadata.clone();
    let items = items(request.body)?;
    let added = shared.orders().add_to_cart(actor, owner, &items, metadata, key, if_match.version).await;
    Ok(if listed { added? } else { added.map_err(unlisted)? })
}

/// One item or several, but not both.
fn items(body: AddBody) -> Answered<Vec<(String, i64)>> {
    let needed = |field| Problem::field(StatusCode::BAD_REQUEST, "MISSING_FIELD", field, "REQUIRED", "is needed");
    match (body.items, body.sku, body.quantity) {
        (Some(items), None, None) => Ok(items.into_iter().map(Into::into).collect()),
        (Some(_), ..) => {
            let message = "cannot stand beside sku and quantity";
            Err(Problem::field(StatusCode::UNPROCESSABLE_ENTITY, "INVALID", "items", "INVALID", message))
        }
        (None, Some(sku), Some(quantity)) => Ok(vec![(sku, quantity)]),
        (None, None, _) => Err(needed("sku")),
        (None, Some(_), None) => Err(needed("quantity")),
    }
}

/// Faults of an item that stood in no list name none.
fn unlisted(error: Error) -> Error {
    let Error::Refused(refusal) = error else { return error };
    let Refusal::Invalid(mut errors) = *refusal else { return (*refusal).into() };
    for error in &mut errors {
        if let Some(field) = error.field.strip_prefix("items[0].") {
            error.field = field.to_owned();
        }
    }
    Refusal::Invalid(errors).into()
}
