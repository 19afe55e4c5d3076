//! Coupons: staff makes them, whoever orders names them.

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::users::{CURSOR, LIMIT};
use crate::answer::{Told, created, shown, shown_at};
use crate::api::{Api, op};
use crate::auth::SignedIn;
use crate::extract::{IfMatch, KeyedJson, Paging, Params, Patch};
use crate::problem::{Answered, Problem};
use crate::state::Shared;
use crate::views::coupon::{CouponBody, CouponView};

/// Fields that nobody sets.
const READ_ONLY: &[&str] = &["usedCount", "createdAt", "version"];

pub(super) fn routes(api: Api) -> Api {
    let (all, one) = ("/api/coupons", "/api/coupons/{code}");
    let made = op("Make a coupon").takes::<CouponBody>().gives::<CouponView>(201, "Made.").refuses(&["COUPON_TAKEN"]);
    let change = op("Change a coupon: it is then what the body says")
        .versioned()
        .takes::<CouponBody>()
        .gives::<CouponView>(200, "Changed.")
        .refuses(&["READ_ONLY"]);
    api.post(all, made, create)
        .get(all, op("Coupons, newest first").query([LIMIT, CURSOR]).lists::<CouponView>(), list)
        .get(one, op("A coupon").gives::<CouponView>(200, "The coupon."), show)
        .put(one, change, self::change)
        .delete(one, op("Remove a coupon; what it took off stays").versioned().done(204, "Removed."), remove)
}

async fn create(State(shared): State<Shared>, caller: SignedIn, request: KeyedJson<CouponBody>) -> Answered<Told<CouponView>> {
    let key = request.key();
    if request.body.code.is_none() {
        return Err(Problem::field(StatusCode::BAD_REQUEST, "MISSING_FIELD", "code", "REQUIRED", "is needed"));
    }
    let coupon = shared.orders().create_coupon(&caller.actor, request.body.input(""), key).await?;
    Ok(created(coupon.map(CouponView::from), CouponView::location).at(CouponView::version))
}

async fn list(State(shared): State<Shared>, caller: SignedIn, Paging(page): Paging) -> Answered<Told<Value>> {
    Ok(shown(json!(shared.orders().coupons(&caller.actor, &page).await?.map(CouponView::from))))
}

async fn show(State(shared): State<Shared>, caller: SignedIn, params: Params) -> Answered<Told<CouponView>> {
    let coupon = shared.orders().coupon(&caller.actor, params.text("code")?).await?;
    Ok(shown_at(coupon.into(), CouponView::version))
}

async fn change(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    patch: Patch,
) -> Answered<Told<CouponView>> {
    let code = params.text("code")?;
    let current = CouponView::from(shared.orders().coupon(&caller.actor, code).await?);
    let body: CouponBody = patch.onto(&json!(current), READ_ONLY)?;
    let coupon = shared.orders().update_coupon(&caller.actor, code, body.input(code), if_match.version).await?;
    Ok(shown_at(coupon.into(), CouponView::version))
}

async fn remove(State(shared): State<Shared>, caller: SignedIn, params: Params, if_match: IfMatch) -> Answered<StatusCode> {
    shared.orders().delete_coupon(&caller.actor, params.text("code")?, if_match.version).await?;
    Ok(StatusCode::NO_CONTENT)
}
