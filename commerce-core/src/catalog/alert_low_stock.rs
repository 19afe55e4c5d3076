//! Tells ops once when a SKU's available stock falls to its threshold, and not again for a while where it rises and falls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;

use crate::change::ChangeSet;
use crate::error::Outcome;
use crate::events::{Envelope, EventKind, Topic};
use crate::ids::{Id, IdSource, ProductId};
use crate::text::Sku;
use crate::time::Timestamp;

use super::Catalog;
use super::model::Product;
use super::ports::CatalogWrite;
use super::stock::Inventory;

/// Of which SKUs ops were told lately. A worker's own, so that after it another may tell once more.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<BTreeMap<Sku, Timestamp>>>);

impl Told {
    fn lately(&self, sku: &Sku, now: Timestamp, quiet: Duration) -> bool {
        self.all().get(sku).is_some_and(|at| now < at.plus(quiet))
    }

    fn note<'a>(&self, skus: impl IntoIterator<Item = &'a Sku>, now: Timestamp, quiet: Duration) {
        let mut all = self.all();
        all.retain(|_, at| now < at.plus(quiet));
        all.extend(skus.into_iter().map(|sku| (sku.clone(), now)));
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Sku, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Catalog {
    /// Takes up to `limit` SKUs whose stock crossed their threshold since it was last looked at:
    /// says `LOW_STOCK_ALERT` for those that fell, unless it was said of them lately, and arms the alert again for those
    /// that rose.
    pub async fn alert_low_stock(&self, limit: u32) -> Outcome<usize> {
        let crossings = self.store.low_stock_crossings(limit).await?;
        if crossings.is_empty() {
            return Ok(0);
        }
        let (now, quiet) = (self.clock.now(), self.policy.low_stock_quiet);
        let fallen: Vec<&Inventory> =
            crossings.iter().filter(|stock| is_low(stock) && !self.told_low.lately(&stock.sku, now, quiet)).collect();
        let products: Vec<ProductId> = fallen.iter().map(|stock| stock.product).collect();
        let products = self.store.products_by_id(&products).await?;
        let writes = crossings.iter().map(|stock| CatalogWrite::SetAlerted(stock.sku.clone(), is_low(stock)));
        let product = |stock: &Inventory| products.iter().find(|product| product.id == stock.product);
        let alerts = fallen.iter().map(|stock| alert(stock, product(stock), &self.ids, now));
        self.store.commit(ChangeSet::of(writes).say(alerts)).await?;
        self.told_low.note(fallen.iter().map(|stock| &stock.sku), now, quiet);
        Ok(crossings.len())
    }
}

fn is_low(stock: &Inventory) -> bool {
    stock.available() <= stock.low_stock_threshold
}

fn alert(stock: &Inventory, product: Option<&Product>, ids: &IdSource, now: Timestamp) -> Envelope {
    Envelope {
        id: ids.mint(),
        topic: Topic::Catalog,
        kind: EventKind::LowStockAlert,
        schema: 1,
        aggregate: stock.product.uuid(),
        version: stock.version,
        at: now,
        traceparent: ids.traceparent(),
        data: json!({
            "sku": stock.sku,
            "productId": stock.product,
            "name": product.map_or(stock.sku.as_str(), |product| product.name.as_str()),
            "available": stock.available(),
            "threshold": stock.low_stock_threshold,
        })
        .into(),
    }
}
