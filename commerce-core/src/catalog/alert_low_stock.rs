//! Tells ops once when a SKU's available stock falls to its threshold.

use serde_json::json;

use crate::change::ChangeSet;
use crate::error::Outcome;
use crate::events::{Envelope, EventKind, Topic};
use crate::ids::{Id, IdSource, ProductId};
use crate::time::Timestamp;

use super::Catalog;
use super::model::Product;
use super::ports::CatalogWrite;
use super::stock::Inventory;

impl Catalog {
    /// Takes up to `limit` SKUs whose stock crossed their threshold since it was last looked at:
    /// says `LOW_STOCK_ALERT` for those that fell, and arms the alert again for those that rose.
    pub async fn alert_low_stock(&self, limit: u32) -> Outcome<usize> {
        let crossings = self.store.low_stock_crossings(limit).await?;
        if crossings.is_empty() {
            return Ok(0);
        }
        let fallen: Vec<ProductId> = crossings.iter().filter(|stock| is_low(stock)).map(|stock| stock.product).collect();
        let products = self.store.products_by_id(&fallen).await?;
        let now = self.clock.now();
        let writes = crossings.iter().map(|stock| CatalogWrite::SetAlerted(stock.sku.clone(), is_low(stock)));
        let alerts = crossings
            .iter()
            .filter(|stock| is_low(stock))
            .map(|stock| alert(stock, products.iter().find(|product| product.id == stock.product), &self.ids, now));
        self.store.commit(ChangeSet::of(writes).say(alerts)).await?;
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
