//! The category tree.

use axum::extract::State;
use axum::http::StatusCode;
use commerce_core::catalog::{CategoryPatch, NewCategory};
use commerce_core::ids::{CategoryId, Id};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::users::{CURSOR, LIMIT};
use crate::answer::{Told, created, shown, shown_at};
use crate::api::{Api, op};
use crate::auth::SignedIn;
use crate::extract::{IfMatch, KeyedJson, Params, Patch, Query};
use crate::problem::Answered;
use crate::state::Shared;
use crate::views::catalog::{CategoryView, NodeView, nodes};

/// A category to be created, or as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewCategory)]
struct CategoryBody {
    name: String,
    #[serde(default)]
    slug: Option<String>,
    /// The category above; none for a root.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    parent_id: Option<CategoryId>,
}

pub(super) fn routes(api: Api) -> Api {
    let one = "/api/categories/{id}";
    let codes: &[&str] = &["CATEGORY_CYCLE", "SLUG_TAKEN"];
    api.post(
        "/api/categories",
        op("Create a category").takes::<CategoryBody>().gives::<CategoryView>(201, "Created.").refuses(&["SLUG_TAKEN"]),
        create,
    )
    .get("/api/categories", op("Categories, newest first").public().query([LIMIT, CURSOR]).lists::<CategoryView>(), list)
    .get("/api/categories/tree", op("The tree: its roots, each with what is below it").public().lists::<NodeView>(), tree)
    .get(one, op("A category").public().gives::<CategoryView>(200, "The category."), show)
    .put(
        one,
        op("Change a category").versioned().takes::<CategoryBody>().gives::<CategoryView>(200, "Changed.").refuses(codes),
        change,
    )
    .delete(one, op("Remove a category").versioned().done(204, "Removed.").refuses(&["IN_USE"]), remove)
}

async fn create(
    State(shared): State<Shared>,
    caller: SignedIn,
    request: KeyedJson<CategoryBody>,
) -> Answered<Told<CategoryView>> {
    let key = request.key();
    let CategoryBody { name, slug, parent_id: parent } = request.body;
    let category = shared.catalog().create_category(&caller.actor, NewCategory { name, slug, parent }, key).await?;
    Ok(created(category.map(CategoryView::from), CategoryView::location).at(CategoryView::version))
}

async fn list(State(shared): State<Shared>, query: Query) -> Answered<Told<Value>> {
    let categories = shared.catalog().category_tree().await?.nodes;
    Ok(shown(json!(query.page_of(categories, |category| category.id.uuid())?.map(CategoryView::from))))
}

async fn tree(State(shared): State<Shared>) -> Answered<Told<Value>> {
    let tree = shared.catalog().category_tree().await?;
    Ok(shown(json!({"items": nodes(&tree), "nextCursor": null})))
}

async fn show(State(shared): State<Shared>, params: Params) -> Answered<Told<CategoryView>> {
    let category = CategoryView::from(shared.catalog().category(params.get("id", "category")?).await?);
    Ok(shown_at(category, CategoryView::version))
}

async fn change(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    patch: Patch,
) -> Answered<Told<CategoryView>> {
    let id = params.get("id", "category")?;
    let current = CategoryView::from(shared.catalog().category(id).await?);
    let body: CategoryBody = patch.onto(&json!(current), &["id", "version"])?;
    let change = CategoryPatch { name: Some(body.name), slug: body.slug, parent: Some(body.parent_id) };
    let category = CategoryView::from(shared.catalog().update_category(&caller.actor, id, change, if_match.version).await?);
    Ok(shown_at(category, CategoryView::version))
}

async fn remove(State(shared): State<Shared>, caller: SignedIn, params: Params, if_match: IfMatch) -> Answered<StatusCode> {
    shared.catalog().delete_category(&caller.actor, params.get("id", "category")?, if_match.version).await?;
    Ok(StatusCode::NO_CONTENT)
}
