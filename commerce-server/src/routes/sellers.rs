//! Merchants.

use axum::extract::State;
use commerce_core::catalog::{NewSeller, SellerPatch};
use commerce_core::change::Answer;
use commerce_core::error::ErrorClass;
use commerce_core::ids::UserId;
use commerce_core::text::Slug;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::users::{CURSOR, LIMIT};
use crate::answer::{Told, created, shown, shown_at};
use crate::api::{Api, op};
use crate::auth::SignedIn;
use crate::extract::{IfMatch, KeyedJson, Paging, Params, Patch};
use crate::problem::{Answered, Problem};
use crate::state::Shared;
use crate::views::catalog::SellerView;

/// A seller to be created, or as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewSeller)]
struct SellerBody {
    name: String,
    #[serde(default)]
    slug: Option<String>,
    /// Who runs it; becomes a SELLER.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    user_id: Option<UserId>,
}

pub(super) fn routes(api: Api) -> Api {
    let one = "/api/sellers/{id}";
    api.post(
        "/api/sellers",
        op("Create a seller").takes::<SellerBody>().gives::<SellerView>(201, "Created.").refuses(&["SLUG_TAKEN", "OWNER_TAKEN"]),
        create,
    )
    .get("/api/sellers", op("Sellers, newest first").public().query([LIMIT, CURSOR]).lists::<SellerView>(), list)
    .get(one, op("A seller, by id or slug").public().gives::<SellerView>(200, "The seller."), show)
    .put(
        one,
        op("Change a seller")
            .versioned()
            .takes::<SellerBody>()
            .gives::<SellerView>(200, "Changed.")
            .refuses(&["SLUG_TAKEN", "OWNER_TAKEN"]),
        change,
    )
}

/// Whoever is to run it is looked up first and made a seller afterwards; a replay does that again,
/// should the first request have died in between.
async fn create(State(shared): State<Shared>, caller: SignedIn, request: KeyedJson<SellerBody>) -> Answered<Told<SellerView>> {
    let key = request.key();
    let SellerBody { name, slug, user_id: user } = request.body;
    if let Some(user) = user {
        caller.actor.require_staff()?;
        shared.accounts().expect(&caller.actor, user).await?;
    }
    let seller = shared.catalog().create_seller(&caller.actor, NewSeller { name, slug, user }, key).await?;
    let (Answer::Fresh(known) | Answer::Replayed(known)) = &seller;
    if let Some(user) = known.user {
        shared.accounts().set_seller(&caller.actor, user, known.id).await?;
    }
    Ok(created(seller.map(SellerView::from), SellerView::location).at(SellerView::version))
}

async fn list(State(shared): State<Shared>, Paging(page): Paging) -> Answered<Told<Value>> {
    Ok(shown(json!(shared.catalog().sellers(&page).await?.map(SellerView::from))))
}

async fn show(State(shared): State<Shared>, params: Params) -> Answered<Told<SellerView>> {
    let (text, catalog) = (params.text("id")?, shared.catalog());
    let by_id = match text.parse() {
        Ok(id) => Some(catalog.seller(id).await),
        Err(_) => None,
    };
    // A slug may look like an id.
    let missed = by_id.as_ref().is_none_or(|found| found.as_ref().is_err_and(|error| error.class() == ErrorClass::NotFound));
    let seller = match (by_id, text.parse::<Slug>()) {
        (_, Ok(slug)) if missed => catalog.seller_by_slug(&slug).await?,
        (Some(found), _) => found?,
        (None, _) => return Err(Problem::not_found("seller")),
    };
    let seller = SellerView::from(seller);
    Ok(shown_at(seller, SellerView::version))
}

/// Whoever is to run it is looked up first; whoever ran it before is a customer again. From the catalog's writing on it is
/// the new one's alone; that she is a seller is said again by a repeated request, should the first have died in between.
async fn change(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    patch: Patch,
) -> Answered<Told<SellerView>> {
    let id = params.get("id", "seller")?;
    let before = shared.catalog().seller(id).await?;
    let body: SellerBody = patch.onto(&json!(SellerView::from(before.clone())), &["id", "version"])?;
    // Who runs it stays where she herself does not say.
    let said = body.user_id.is_some() || caller.actor.is_staff();
    let user = (said && body.user_id != before.user).then_some(body.user_id);
    let change = SellerPatch { name: Some(body.name), slug: body.slug, user };
    let (accounts, runs) = (shared.accounts(), body.user_id.filter(|_| caller.actor.is_staff()));
    if let Some(runs) = runs {
        accounts.expect(&caller.actor, runs).await?;
    }
    let seller = shared.catalog().update_seller(&caller.actor, id, change, if_match.version).await?;
    if let Some(former) = before.user.filter(|_| user.is_some()) {
        accounts.end_seller(&caller.actor, former, id).await?;
    }
    if let Some(runs) = runs {
        accounts.set_seller(&caller.actor, runs, id).await?;
    }
    let view = SellerView::from(seller);
    Ok(shown_at(view, SellerView::version))
}
