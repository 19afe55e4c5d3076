//! The catalog as orders needs it, called directly in one process.

use std::sync::Arc;

use async_trait::async_trait;

use crate::error::Outcome;
use crate::ids::{CategoryId, ProductId};
use crate::orders::{CatalogPort, Held, HoldRef};
use crate::text::{Quantity, Sku};

use super::Catalog;
use super::stock::{HoldKey, Item};

#[async_trait]
impl CatalogPort for Catalog {
    async fn items(&self, skus: &[Sku]) -> Outcome<Vec<Item>> {
        Self::items(self, skus).await
    }

    async fn items_shown(&self, skus: &[Sku]) -> Outcome<Vec<Item>> {
        Ok(self.store.items_shown(skus).await?)
    }

    async fn reserve(&self, key: HoldKey, lines: &[(Sku, Quantity)], known: &[Item]) -> Outcome<Held> {
        self.reserve_known(key, lines, known).await
    }

    async fn release(&self, hold: HoldRef) -> Outcome<()> {
        Self::release(self, hold).await
    }

    async fn categories(&self, products: &[ProductId]) -> Outcome<Vec<(ProductId, Vec<CategoryId>)>> {
        let tree = self.store.categories().await?;
        let products = self.store.products_by_id(products).await?;
        Ok(products.into_iter().map(|product| (product.id, tree.path(product.category))).collect())
    }

    fn in_trace(&self, traceparent: &str) -> Option<Arc<dyn CatalogPort>> {
        Some(Arc::new(Self::in_trace(self, traceparent)))
    }
}
