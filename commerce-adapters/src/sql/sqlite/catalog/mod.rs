//! The catalog's database: products, categories, sellers, stock, holds.
//!
//! [`load`] brings what a batch touches, [`write`] writes what was accepted, `products` and `stock`
//! read for use cases.

mod load;
mod products;
mod stock;
mod write;

use async_trait::async_trait;
use commerce_core::Timestamp;
use commerce_core::catalog::{CatalogStore, CatalogWrite};
use commerce_core::change::{ChangeSet, CommitError};

use super::engine::{Context, Database};
use super::migrate::{Migration, migrations};
use super::script::{Queries, Script};
use crate::sql::judge::{CatalogJudge, CatalogWants, Loaded};

const MIGRATIONS: &[Migration] = migrations!("catalog", [(1, "catalog"), (2, "messages"), (3, "audit")]);

impl Context for CatalogWrite {
    type Judge<'a> = CatalogJudge<'a>;

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
}

#[async_trait]
impl CatalogStore for Database<CatalogWrite> {
    async fn commit(&self, changes: ChangeSet<CatalogWrite>) -> Result<(), CommitError> {
        Self::commit(self, changes).await
    }
}
