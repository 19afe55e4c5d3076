//! Reviews of products, and what staff makes of them.

use axum::extract::State;
use commerce_core::catalog::{NewReview, ReviewStatus};
use commerce_core::ids::ProductId;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::users::{CURSOR, LIMIT};
use crate::answer::{Told, created, shown, shown_at};
use crate::api::{Api, Param, op};
use crate::auth::{Caller, SignedIn};
use crate::extract::{IfMatch, Json, KeyedJson, Params, Query};
use crate::problem::Answered;
use crate::state::Shared;
use crate::views::opinion::ReviewView;

/// A review to be written.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewReview)]
struct ReviewBody {
    /// 1 to 5.
    rating: i64,
    #[serde(default)]
    title: Option<String>,
    /// Plain text of 1 to 5,000 characters.
    text: String,
}

/// What staff decides.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Moderation)]
struct ModerationBody {
    /// APPROVED or REJECTED.
    #[schema(value_type = String, example = "APPROVED")]
    status: ReviewStatus,
    #[serde(default)]
    reason: Option<String>,
}

const STATUS: Param =
    Param::text("status", "PENDING, APPROVED or REJECTED; other than APPROVED for staff, and authors their own.");
const STATUS_WORDS: &str = "must be PENDING, APPROVED or REJECTED";

pub(super) fn routes(api: Api) -> Api {
    let of_product = "/api/products/{id}/reviews";
    api.post(
        of_product,
        op("Review a product").takes::<ReviewBody>().gives::<ReviewView>(201, "Written.").refuses(&["REVIEW_EXISTS"]),
        write,
    )
    .get(
        of_product,
        op("Reviews of a product, newest first: those approved, and one's own")
            .public()
            .query([STATUS, LIMIT, CURSOR])
            .lists::<ReviewView>(),
        list,
    )
    .get("/api/reviews", op("All reviews, newest first, for staff").query([STATUS, LIMIT, CURSOR]).lists::<ReviewView>(), all)
    .get("/api/reviews/{id}", op("A review").public().gives::<ReviewView>(200, "The review."), show)
    .put(
        "/api/reviews/{id}/moderation",
        op("Approve or reject a review").versioned().takes::<ModerationBody>().gives::<ReviewView>(200, "Decided."),
        moderate,
    )
}

async fn write(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    request: KeyedJson<ReviewBody>,
) -> Answered<Told<ReviewView>> {
    let (product, key): (ProductId, _) = (params.get("id", "product")?, request.key());
    let ReviewBody { rating, title, text } = request.body;
    let review = shared.catalog().write_review(&caller.actor, product, NewReview { rating, title, text }, key).await?;
    let review = review.map(|review| ReviewView::of(review, &caller.actor));
    Ok(created(review, ReviewView::location).at(ReviewView::version))
}

async fn list(State(shared): State<Shared>, Caller(actor): Caller, params: Params, query: Query) -> Answered<Told<Value>> {
    let status = query.get("status", STATUS_WORDS)?;
    let page = shared.catalog().reviews(&actor, params.get("id", "product")?, status, &query.page()?).await?;
    Ok(shown(json!(page.map(|review| ReviewView::of(review, &actor)))))
}

async fn all(State(shared): State<Shared>, caller: SignedIn, query: Query) -> Answered<Told<Value>> {
    let status = query.get("status", STATUS_WORDS)?;
    let page = shared.catalog().all_reviews(&caller.actor, status, &query.page()?).await?;
    Ok(shown(json!(page.map(|review| ReviewView::of(review, &caller.actor)))))
}

async fn show(State(shared): State<Shared>, Caller(actor): Caller, params: Params) -> Answered<Told<ReviewView>> {
    let review = shared.catalog().review(&actor, params.get("id", "review")?).await?;
    Ok(shown_at(ReviewView::of(review, &actor), ReviewView::version))
}

async fn moderate(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    Json(body): Json<ModerationBody>,
) -> Answered<Told<ReviewView>> {
    let (id, ModerationBody { status, reason }) = (params.get("id", "review")?, body);
    let review = shared.catalog().moderate_review(&caller.actor, id, status, reason, if_match.version).await?;
    Ok(shown_at(ReviewView::of(review, &caller.actor), ReviewView::version))
}
