//! Reading several things at one instant, beside writer and readers.
//!
//! Owns a connection of its own, made when it is first needed, so that a long audit takes nothing
//! from the readers. Whoever reads keeps it short: what a snapshot sees the server must keep.

use std::borrow::Cow;
use std::time::Duration;

use commerce_core::error::StoreError;
use sqlx::{Connection, Executor};
use tokio::sync::{Mutex, MutexGuard};

use super::engine::Row;
use super::error::{no_answer, store_error};
use super::line::{Address, Line};
use super::script::query;
use crate::sql::question::Param;

/// How long one question may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Where snapshots are taken.
pub(crate) struct Snapshots {
    address: Address,
    line: Mutex<Option<Line>>,
}

impl Snapshots {
    /// Over connections to `address`.
    pub(crate) fn over(address: Address) -> Self {
        Self { address, line: Mutex::new(None) }
    }

    /// Begins one. The instant is now.
    pub(crate) async fn begin(&self, operation: &'static str) -> Result<Snapshot<'_>, StoreError> {
        let mut slot = self.line.lock().await;
        if let Some(mut line) = slot.take()
            && begin(&mut line).await.is_ok()
        {
            return Ok(Snapshot { slot, line, operation });
        }
        // There was none, or it was lost while nobody used it.
        let mut line = self.address.connect().await.map_err(store_error(operation))?;
        begin(&mut line).await.map_err(store_error(operation))?;
        Ok(Snapshot { slot, line, operation })
    }

    /// Lets go of the database.
    pub(crate) async fn close(&self) {
        if let Some(line) = self.line.lock().await.take()
            && let Err(error) = line.connection.close().await
        {
            tracing::debug!(%error, "closing the connection of audits");
        }
    }
}

async fn begin(line: &mut Line) -> Result<(), sqlx::Error> {
    line.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await?;
    line.connection.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await.map(|_| ())
}

/// One instant of a database. Dropped half way, its connection is not used again.
pub(crate) struct Snapshot<'s> {
    slot: MutexGuard<'s, Option<Line>>,
    line: Line,
    operation: &'static str,
}

impl Snapshot<'_> {
    /// All rows that answer a question.
    pub(crate) async fn ask(&mut self, sql: String, params: Vec<Param>) -> Result<Vec<Row>, StoreError> {
        let asking = query(Cow::Owned(sql), params).fetch_all(&mut self.line.connection);
        let answer = tokio::time::timeout(ANSWER_WITHIN, asking).await.unwrap_or_else(|_| Err(no_answer()));
        answer.map_err(store_error(self.operation))
    }

    /// Ends it.
    pub(crate) async fn end(mut self) -> Result<(), StoreError> {
        self.line.connection.execute("COMMIT").await.map_err(store_error(self.operation))?;
        *self.slot = Some(self.line);
        Ok(())
    }
}
