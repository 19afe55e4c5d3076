//! Wishlists.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use commerce_core::change::{Answer, RequestKey};
use commerce_core::ids::{ProductId, UserId};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::users::{CURSOR, LIMIT};
use crate::answer::{Told, created, done, shown};
use crate::api::{Api, op};
use crate::auth::SignedIn;
use crate::extract::{Json, KeyedJson, Paging, Params};
use crate::problem::Answered;
use crate::state::Shared;
use crate::views::operation::NothingBody;
use crate::views::opinion::WishView;

/// What is wished for.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewWish)]
struct WishBody {
    #[schema(value_type = String, format = Uuid)]
    product_id: ProductId,
}

pub(super) fn routes(api: Api) -> Api {
    let list = "/api/users/{userId}/wishlist";
    let entry = "/api/users/{userId}/wishlist/{productId}";
    api.get(list, op("A wishlist, newest first").query([LIMIT, CURSOR]).lists::<WishView>(), self::list)
        .post(list, adds("Wish for a product").takes::<WishBody>(), add)
        .get(entry, op("What is wished for").gives::<WishView>(200, "It is on the list."), show)
        .put(entry, adds("Wish for a product"), put)
        .delete(entry, op("Stop wishing for a product").done(204, "It is not on the list."), remove)
}

fn adds(summary: &'static str) -> crate::api::Op {
    op(summary).gives::<WishView>(201, "Added.").gives::<WishView>(200, "It was there.")
}

async fn list(State(shared): State<Shared>, caller: SignedIn, params: Params, Paging(page): Paging) -> Answered<Told<Value>> {
    let page = shared.catalog().wishlist(&caller.actor, whose(&shared, &caller, &params).await?, &page).await?;
    Ok(shown(json!(page.map(|(wish, product)| WishView::of(&wish, product)))))
}

async fn add(State(shared): State<Shared>, caller: SignedIn, params: Params, request: KeyedJson<WishBody>) -> Answered<Response> {
    let (user, key) = (whose(&shared, &caller, &params).await?, request.key());
    wish(&shared, &caller, user, request.body.product_id, key).await
}

async fn show(State(shared): State<Shared>, caller: SignedIn, params: Params) -> Answered<Told<WishView>> {
    let user = whose(&shared, &caller, &params).await?;
    let (wish, card) = shared.catalog().wish(&caller.actor, user, params.get("productId", "product")?).await?;
    Ok(shown(WishView::of(&wish, card)))
}

async fn put(State(shared): State<Shared>, caller: SignedIn, params: Params, _: Json<NothingBody>) -> Answered<Response> {
    let user = whose(&shared, &caller, &params).await?;
    wish(&shared, &caller, user, params.get("productId", "product")?, None).await
}

async fn remove(State(shared): State<Shared>, caller: SignedIn, params: Params) -> Answered<StatusCode> {
    let user = whose(&shared, &caller, &params).await?;
    // What cannot be a product is on no list.
    if let Ok(product) = params.get("productId", "product") {
        shared.catalog().remove_wish(&caller.actor, user, product).await?;
    } else {
        caller.actor.require_owner(user, "wishlist")?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Whose list it is. Staff may name anybody, who must be there; whether a customer may, the catalog says.
async fn whose(shared: &Shared, caller: &SignedIn, params: &Params) -> Answered<UserId> {
    let user = params.user(&caller.actor)?;
    if caller.actor.is_staff() {
        shared.accounts().expect(&caller.actor, user).await?;
    }
    Ok(user)
}

/// 201 for what is new on the list, 200 for what was there.
async fn wish(
    shared: &Shared,
    caller: &SignedIn,
    user: UserId,
    product: ProductId,
    key: Option<RequestKey>,
) -> Answered<Response> {
    let answer = shared.catalog().add_wish(&caller.actor, user, product, key).await?;
    let (_, card) = shared.catalog().wish(&caller.actor, user, product).await?;
    let fresh = matches!(&answer, Answer::Fresh(wished) if wished.added);
    let view = answer.map(|wished| WishView::of(&wished.wish, card));
    let path = format!("/api/users/{user}/wishlist/{product}");
    Ok(if fresh { created(view, |_| path).into_response() } else { done(view).into_response() })
}
