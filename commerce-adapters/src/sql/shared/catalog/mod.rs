//! The catalog's database: products, categories, sellers, stock, holds, reviews, wishlists.
//!
//! [`load`] brings what a batch touches, [`write`] writes what was accepted, `products`, `stock` and
//! `opinions` read for use cases. What browsers look at is kept on the shelf.

mod load;
mod opinions;
mod products;
mod stock;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use commerce_core::Timestamp;
use commerce_core::catalog::{CatalogStore, CatalogWrite, Item, Shown};
use commerce_core::change::{ChangeSet, CommitError};
use commerce_core::error::StoreError;
use commerce_core::ids::ProductId;
use commerce_core::text::Sku;

use super::engine::{Context, Database};
use super::migrate::Migration;
use super::script::{Queries, Script};
use super::statements;
use crate::sql::Old;
use crate::sql::judge::{CatalogJudge, CatalogWants, Loaded};
use crate::sql::shelf::Shelf;

impl Context for CatalogWrite {
    type Judge<'a> = CatalogJudge<'a>;
    type Beside = Shelf;

    const NAME: &'static str = "catalog";
    const COMMIT: &'static str = "catalog.commit";

    /// Holds that ended long ago without a sale.
    const OLD: &'static [Old] = statements::catalog::OLD;

    fn migrations() -> &'static [Migration] {
        statements::catalog::MIGRATIONS
    }

    fn ask<'a>(queries: &mut Queries<Loaded<'a, Self::Judge<'a>>>, sets: &[&'a ChangeSet<Self>]) {
        load::ask(queries, &CatalogWants::of(sets));
    }

    fn write(script: &mut Script, judge: &Self::Judge<'_>, now: Timestamp) {
        write::write(script, judge, now);
    }

    fn committed(shelf: &Shelf, judge: &Self::Judge<'_>) {
        shelf.take_off(judge);
    }
}

impl Database<CatalogWrite> {
    /// A product with its stock, from a replica if it may lag.
    async fn read_shown(&self, id: ProductId, may_lag: bool) -> Result<Option<Shown>, StoreError> {
        let Some(product) = self.read_product(id, may_lag).await? else { return Ok(None) };
        let skus: Vec<Sku> = product.variants.iter().map(|variant| variant.sku.clone()).collect();
        let stock = self.read_stock(&skus, may_lag).await?;
        Ok(Some(Shown { product, stock }))
    }
}

#[async_trait]
impl CatalogStore for Database<CatalogWrite> {
    async fn shown(&self, id: ProductId) -> Result<Option<Arc<Shown>>, StoreError> {
        let leave = match self.beside().product(id) {
            Ok(kept) => return Ok(Some(kept)),
            Err(leave) => leave,
        };
        let shown = self.read_shown(id, leave.may_lag()).await?.map(Arc::new);
        if let Some(shown) = &shown {
            self.beside().put_product(leave, shown);
        }
        Ok(shown)
    }

    async fn items_shown(&self, skus: &[Sku]) -> Result<Vec<Item>, StoreError> {
        let (mut items, missing) = self.beside().items(skus);
        if !missing.is_empty() {
            let asked: Vec<Sku> = missing.keys().cloned().collect();
            let may_lag = missing.values().all(|leave| leave.may_lag());
            let read = self.read_items(&asked, may_lag).await?;
            self.beside().put_items(missing, &read);
            items.extend(read);
        }
        Ok(items)
    }

    async fn commit(&self, changes: ChangeSet<CatalogWrite>) -> Result<(), CommitError> {
        Self::commit(self, changes).await
    }
}
