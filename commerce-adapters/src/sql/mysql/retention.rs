//! Forgets what nobody asks for any more, in chunks so small that no caller waits for it.

use std::time::Duration;

use commerce_core::Timestamp;
use commerce_core::error::StoreError;
use commerce_core::limits;

use super::Databases;
use super::engine::{Context, Database};

/// Rows that one transaction deletes.
const CHUNK: u32 = 500;
/// Chunks of one kind that one run deletes; the next run goes on.
const CHUNKS_MAX: u32 = 200;
/// How long the mark of a writer stays that committed nothing since; far longer than a doubt lasts.
const MARK_KEEP: Duration = Duration::from_hours(24);

impl Databases {
    /// Deletes, as of `now`: published events after 7 days, handled deliveries and claims of carts
    /// after 30, idempotency keys after their 30, expired carts and marks of writers after a day,
    /// sessions and refresh tokens that are past their longest life. Answers how many rows went.
    ///
    /// # Errors
    /// When a database does not answer; what was deleted before stays deleted.
    pub async fn retention(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut gone = self.users.retention(now).await?;
        gone += self.catalog.retention(now).await?;
        gone += self.orders.retention(now).await?;
        gone += self.notifications.retention(now).await?;
        Ok(gone)
    }
}

#[expect(private_bounds, reason = "only the contexts of this crate have databases")]
impl<W: Context> Database<W> {
    /// The part of [`Databases::retention`] that is about this database.
    ///
    /// # Errors
    /// When the database does not answer; what was deleted before stays deleted.
    pub async fn retention(&self, now: Timestamp) -> Result<u64, StoreError> {
        const OUTBOX: &str = "DELETE FROM outbox WHERE published_at < ? ORDER BY published_at LIMIT ?";
        const INBOX: &str = "DELETE FROM inbox WHERE handled_at < ? ORDER BY handled_at LIMIT ?";
        const KEYS: &str = "DELETE FROM idempotency_keys WHERE used_at < ? ORDER BY used_at LIMIT ?";
        const MARKS: &str = "DELETE FROM writers WHERE committed_at < ? LIMIT ?";
        let mut gone = self.forget(MARKS, now.minus(MARK_KEEP)).await?;
        gone += self.forget(OUTBOX, now.minus(limits::EVENT_KEEP)).await?;
        gone += self.forget(INBOX, now.minus(limits::HANDLED_KEEP)).await?;
        gone += self.forget(KEYS, now.minus(limits::IDEMPOTENCY_KEEP)).await?;
        for (sql, keep) in W::FORGOTTEN {
            gone += self.forget(sql, now.minus(*keep)).await?;
        }
        Ok(gone)
    }

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
