//! Forgets what nobody asks for any more, in chunks so small that no caller waits for it.

use std::time::Duration;

use async_trait::async_trait;
use commerce_core::Timestamp;
use commerce_core::commerce::KeepPolicy;
use commerce_core::error::StoreError;
use commerce_core::limits;

use super::Databases;
use super::engine::{Context, Database};
use super::partitions::keep_months;
use crate::sql::judge::OrdersWrite;
use crate::stores::Keeper;

/// Rows that one transaction deletes.
const CHUNK: u32 = 500;
/// Chunks of one kind that one run deletes; the next run goes on.
const CHUNKS_MAX: u32 = 200;
/// How long the mark of a writer stays that committed nothing since; far longer than a doubt lasts.
const MARK_KEEP: Duration = Duration::from_hours(24);

impl Databases {
    /// Deletes what is old from all four databases, as [`Keeper::forget_old`] does from one.
    ///
    /// # Errors
    /// When a database does not answer; what was deleted before stays deleted.
    pub async fn retention(&self, now: Timestamp, keep: &KeepPolicy) -> Result<u64, StoreError> {
        let gone = self.users.forget_old(now, keep).await? + self.catalog.forget_old(now, keep).await?;
        Ok(gone + self.orders.forget_old(now, keep).await? + self.notifications.forget_old(now, keep).await?)
    }
}

/// Published events go after 7 days, handled deliveries after 30, idempotency keys after their 30, marks
/// of writers after a day, dead letters and what each context says of its own tables when the shop says. The coming months of a table
/// that has months are made.
#[async_trait]
impl<W: Context> Keeper for Database<W> {
    async fn forget_old(&self, now: Timestamp, keep: &KeepPolicy) -> Result<u64, StoreError> {
        const OUTBOX: &str = "DELETE FROM outbox WHERE published_at < ? ORDER BY published_at LIMIT ?";
        const INBOX: &str = "DELETE FROM inbox WHERE handled_at < ? ORDER BY handled_at LIMIT ?";
        const KEYS: &str = "DELETE FROM idempotency_keys WHERE used_at < ? ORDER BY used_at LIMIT ?";
        const LETTERS: &str = "DELETE FROM dead_letters WHERE buried_at < ? LIMIT ?";
        const MARKS: &str = "DELETE FROM writers WHERE committed_at < ? LIMIT ?";
        if W::NAME == OrdersWrite::NAME {
            keep_months(self.address(), now).await?;
        }
        let mut gone = self.forget(MARKS, now.minus(MARK_KEEP)).await?;
        gone += self.forget(OUTBOX, now.minus(limits::EVENT_KEEP)).await?;
        gone += self.forget(INBOX, now.minus(limits::HANDLED_KEEP)).await?;
        gone += self.forget(KEYS, now.minus(limits::IDEMPOTENCY_KEEP)).await?;
        gone += self.forget(LETTERS, now.minus(keep.letters)).await?;
        for (sql, kept) in W::OLD {
            gone += self.forget(sql, now.minus(kept(keep))).await?;
        }
        Ok(gone)
    }

    async fn let_go(&self) {
        self.close().await;
    }
}

#[expect(private_bounds, reason = "only the contexts of this crate have databases")]
impl<W: Context> Database<W> {
    /// Deletes what is older than `before`, chunk by chunk.
    async fn forget(&self, sql: &'static str, before: Timestamp) -> Result<u64, StoreError> {
        let mut gone = 0;
        for _ in 0..CHUNKS_MAX {
            let chunk = self
                .write("mysql.retention", move |connection| {
                    let query = sqlx::query(sql).bind(before.as_micros()).bind(CHUNK);
                    Box::pin(async move { query.execute(connection).await.map(|done| done.rows_affected()) })
                })
                .await?;
            gone += chunk;
            if chunk < u64::from(CHUNK) {
                break;
            }
        }
        Ok(gone)
    }
}
