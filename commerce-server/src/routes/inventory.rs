//! Stock and its ledger, for staff and for sellers their own.

use axum::extract::State;
use commerce_core::change::expect_version;
use commerce_core::text::Sku;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::users::{CURSOR, LIMIT};
use crate::answer::{Told, done, shown, shown_at};
use crate::api::{Api, op};
use crate::auth::SignedIn;
use crate::extract::{IfMatch, KeyedJson, Paging, Params, Patch, maybe};
use crate::problem::Answered;
use crate::state::Shared;
use crate::views::catalog::{InventoryView, MovementView};

/// A correction of stock.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StockAdjustment)]
struct AdjustBody {
    /// Units in or out.
    delta: i64,
    reason: String,
}

/// When ops are told.
#[expect(clippy::option_option, reason = "a merge patch has three states for a field")]
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = StockThreshold)]
struct ThresholdBody {
    /// At this many available units; null for as many as the shop has for new SKUs.
    #[serde(default, deserialize_with = "maybe")]
    #[schema(value_type = Option<i64>)]
    low_stock_threshold: Option<Option<i64>>,
}

/// Fields that change by movements alone.
const READ_ONLY: &[&str] = &["sku", "onHand", "reserved", "available", "version"];

pub(super) fn routes(api: Api) -> Api {
    api.get("/api/inventory/{sku}", op("The stock of a SKU").gives::<InventoryView>(200, "The stock."), show)
        .patch(
            "/api/inventory/{sku}",
            op("Change when ops are told").versioned().takes::<ThresholdBody>().gives::<InventoryView>(200, "Changed."),
            threshold,
        )
        .post(
            "/api/inventory/{sku}/adjust",
            op("Correct the stock")
                .versioned()
                .takes::<AdjustBody>()
                .gives::<InventoryView>(200, "Corrected.")
                .refuses(&["BELOW_RESERVED"]),
            adjust,
        )
        .get(
            "/api/inventory/{sku}/ledger",
            op("Why the stock changed, newest first").query([LIMIT, CURSOR]).lists::<MovementView>(),
            ledger,
        )
}

async fn show(State(shared): State<Shared>, caller: SignedIn, params: Params) -> Answered<Told<InventoryView>> {
    let stock = InventoryView::from(shared.catalog().inventory(&caller.actor, &sku(&params)?).await?);
    Ok(shown_at(stock, InventoryView::version))
}

async fn threshold(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    patch: Patch,
) -> Answered<Told<InventoryView>> {
    let sku = sku(&params)?;
    let known = shared.catalog().inventory(&caller.actor, &sku).await?;
    let body: ThresholdBody = patch.onto(&json!(InventoryView::from(known.clone())), READ_ONLY)?;
    let stock = if let Some(threshold) = body.low_stock_threshold {
        shared.catalog().set_threshold(&caller.actor, &sku, threshold, if_match.version).await?
    } else {
        expect_version("stock", if_match.version, known.version)?;
        known
    };
    Ok(shown_at(stock.into(), InventoryView::version))
}

async fn adjust(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<AdjustBody>,
) -> Answered<Told<InventoryView>> {
    let key = request.key();
    let AdjustBody { delta, reason } = request.body;
    let sku = sku(&params)?;
    let stock = shared.catalog().adjust_stock(&caller.actor, &sku, delta, reason, key, if_match.version).await?;
    Ok(done(stock.map(InventoryView::from)).at(InventoryView::version))
}

async fn ledger(State(shared): State<Shared>, caller: SignedIn, params: Params, Paging(page): Paging) -> Answered<Told<Value>> {
    let movements = shared.catalog().stock_ledger(&caller.actor, &sku(&params)?, &page).await?;
    Ok(shown(json!(movements.map(MovementView::from))))
}

fn sku(params: &Params) -> Answered<Sku> {
    params.get("sku", "SKU")
}
