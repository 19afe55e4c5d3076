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
use sqlx::SqliteConnection;

use super::engine::{Context, Database};
use super::error::failure;
use super::head::{load_head, write_head};
use super::migrate::{Migration, migrations};
use crate::sql::batch::{Failure, Verdict};
use crate::sql::judge::{CatalogWants, judge_all};

const MIGRATIONS: &[Migration] = migrations!("catalog", [(1, "catalog"), (2, "messages")]);

#[async_trait]
impl Context for CatalogWrite {
    const NAME: &'static str = "catalog";
    const COMMIT: &'static str = "catalog.commit";

    fn migrations() -> &'static [Migration] {
        MIGRATIONS
    }

    async fn judge_and_write(
        connection: &mut SqliteConnection,
        sets: &[&ChangeSet<Self>],
        now: Timestamp,
    ) -> Result<Vec<Verdict>, Failure> {
        let mut head = load_head(connection, sets, now).await?;
        let mut judge = load::load(connection, &CatalogWants::of(sets)).await?;
        let stock_before = load::in_stock(&judge);
        let verdicts = judge_all(&mut head, &mut judge, sets);
        write::write(connection, &judge, &stock_before, now).await.map_err(failure(Self::COMMIT))?;
        write_head(connection, &head).await.map_err(failure(Self::COMMIT))?;
        Ok(verdicts)
    }
}

#[async_trait]
impl CatalogStore for Database<CatalogWrite> {
    async fn commit(&self, changes: ChangeSet<CatalogWrite>) -> Result<(), CommitError> {
        Self::commit(self, changes).await
    }
}
