//! The catalog's database: products, categories, sellers, stock, holds.
//!
//! [`load`] brings what a batch touches, [`write`] writes what was accepted, `products` and `stock`
//! read for use cases, `shelf` keeps what browsers look at.

mod load;
mod products;
mod shelf;
mod stock;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use commerce_core::Timestamp;
use commerce_core::catalog::{CatalogStore, CatalogWrite, Item, Shown, StockReads};
use commerce_core::change::{ChangeSet, CommitError};
use commerce_core::error::StoreError;
use commerce_core::ids::ProductId;
use commerce_core::text::Sku;

use self::shelf::Shelf;
use super::engine::{Context, Database};
use super::migrate::{Migration, migrations};
use super::script::{Queries, Script};
use crate::sql::judge::{CatalogJudge, CatalogWants, Loaded};

const MIGRATIONS: &[Migration] =
    migrations!("catalog", [(1, "catalog"), (2, "messages"), (3, "writers"), (4, "variant_notes"), (5, "audit")]);

impl Context for CatalogWrite {
    type Judge<'a> = CatalogJudge<'a>;
    type Beside = Shelf;

    const NAME: &'static str = "catalog";
    const COMMIT: &'static str = "catalog.commit";

    fn migrations() -> &'static [Migration] {
        MIGRATIONS
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

#[async_trait]
impl CatalogStore for Database<CatalogWrite> {
    async fn shown(&self, id: ProductId) -> Result<Option<Arc<Shown>>, StoreError> {
        let leave = match self.beside().product(id) {
            Ok(kept) => return Ok(Some(kept)),
            Err(leave) => leave,
        };
        let shown = Shown::read(self, id).await?.map(Arc::new);
        if let Some(shown) = &shown {
            self.beside().put_product(leave, shown);
        }
        Ok(shown)
    }

    async fn items_shown(&self, skus: &[Sku]) -> Result<Vec<Item>, StoreError> {
        let (mut items, missing) = self.beside().items(skus);
        if !missing.is_empty() {
            let asked: Vec<Sku> = missing.keys().cloned().collect();
            let read = self.items(&asked).await?;
            self.beside().put_items(missing, &read);
            items.extend(read);
        }
        Ok(items)
    }

    async fn commit(&self, changes: ChangeSet<CatalogWrite>) -> Result<(), CommitError> {
        Self::commit(self, changes).await
    }
}
