//! The orders' database: orders with payments and refunds, history, providers' messages, carts.
//!
//! [`load`] brings what a batch touches, [`write`] writes what was accepted, `read` and `carts` read
//! for use cases.

mod carts;
mod load;
mod read;
mod write;

use async_trait::async_trait;
use commerce_core::Timestamp;
use commerce_core::change::ChangeSet;
use sqlx::SqliteConnection;

use super::engine::Context;
use super::error::failure;
use super::head::{load_head, write_head};
use super::migrate::{Migration, migrations};
use crate::sql::batch::{Failure, Verdict};
use crate::sql::judge::{OrdersWants, OrdersWrite, judge_all};

const MIGRATIONS: &[Migration] = migrations!("orders", [(1, "orders"), (2, "messages")]);

#[async_trait]
impl Context for OrdersWrite {
    const NAME: &'static str = "orders";
    const COMMIT: &'static str = "orders.commit";

    fn migrations() -> &'static [Migration] {
        MIGRATIONS
    }

    async fn judge_and_write(
        connection: &mut SqliteConnection,
        sets: &[&ChangeSet<Self>],
        now: Timestamp,
    ) -> Result<Vec<Verdict>, Failure> {
        let mut head = load_head(connection, sets, now).await?;
        let mut judge = load::load(connection, &OrdersWants::of(sets), now).await?;
        let verdicts = judge_all(&mut head, &mut judge, sets);
        write::write(connection, &judge, now).await.map_err(failure(Self::COMMIT))?;
        write_head(connection, &head).await.map_err(failure(Self::COMMIT))?;
        Ok(verdicts)
    }
}
