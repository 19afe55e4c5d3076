//! Whether a database takes writes, for who is asked whether the shop is ready.
//!
//! Owns how the last write ended. Nothing is written to find out while writes work: only after one that failed for
//! the disk's sake, and by one caller at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use commerce_core::error::{StoreError, StoreErrorKind};
use sqlx::{Executor, SqliteConnection};

use super::error::kind;

/// How the last write ended, if it was the disk that failed.
#[derive(Default)]
pub(super) struct Writable {
    failed: Mutex<Option<StoreErrorKind>>,
    trying: tokio::sync::Mutex<()>,
}

impl Writable {
    fn failed(&self) -> MutexGuard<'_, Option<StoreErrorKind>> {
        // Nothing that holds the lock can panic half way.
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was written.
    pub(super) fn worked(&self) {
        *self.failed() = None;
    }

    /// A write failed. What is the fault of what was written says nothing of the next.
    pub(super) fn note(&self, error: &sqlx::Error) {
        match kind(error) {
            kind @ (StoreErrorKind::Full | StoreErrorKind::ReadOnly | StoreErrorKind::Unavailable) => {
                *self.failed() = Some(kind);
            }
            StoreErrorKind::Corrupt | StoreErrorKind::OutcomeUnknown | StoreErrorKind::Internal => {}
        }
    }

    /// Whether writes work; `trial` is made where the last one did not, and tells by [`worked`](Self::worked) and
    /// [`note`](Self::note).
    pub(super) async fn ask(
        &self,
        operation: &'static str,
        trial: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        let Some(kind) = *self.failed() else { return Ok(()) };
        let Ok(_turn) = self.trying.try_lock() else {
            return Err(StoreError::new(kind, operation, "the last write failed, and another is being tried"));
        };
        trial.await
    }
}

/// Writes about as much as a small batch does, 40 KiB, and takes it out again: where there is room for a row and
/// for no more, orders fail. The rows are marks of no writer, older than any; a process that dies between
/// the two leaves them to the next trial, or to what forgets old marks.
pub(super) async fn try_write(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    const FILL: &str = "BEGIN IMMEDIATE;
        DELETE FROM writers WHERE committed_at = 0;
        WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000)
        INSERT INTO writers (id, batch, committed_at) SELECT randomblob(16), 1, 0 FROM numbers;
        COMMIT";
    const CLEAR: &str = "DELETE FROM writers WHERE committed_at = 0";
    connection.execute(FILL).await?;
    connection.execute(CLEAR).await.map(|_| ())
}
