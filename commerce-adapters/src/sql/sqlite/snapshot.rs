//! Reading several things at one instant, beside writer and readers.
//!
//! Owns a connection of its own, made when it is first needed, so that a long audit takes nothing
//! from the readers. Whoever reads keeps it short: what a snapshot sees cannot leave the log.

use commerce_core::error::StoreError;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};

use super::engine::Row;
use super::error::store_error;
use super::script::Script;
use crate::sql::question::Param;

/// Where snapshots are taken.
pub(crate) struct Snapshots {
    options: SqliteConnectOptions,
    connection: Mutex<Option<SqliteConnection>>,
}

impl Snapshots {
    /// Over connections that are made with `options`.
    pub(crate) fn over(options: SqliteConnectOptions) -> Self {
        Self { options, connection: Mutex::new(None) }
    }

    /// Begins one. The instant is that of its first question.
    pub(crate) async fn begin(&self, operation: &'static str) -> Result<Snapshot<'_>, StoreError> {
        let mut slot = self.connection.lock().await;
        let mut connection = match slot.take() {
            Some(connection) => connection,
            None => self.options.connect().await.map_err(store_error(operation))?,
        };
        connection.execute("BEGIN").await.map_err(store_error(operation))?;
        Ok(Snapshot { slot, connection, operation })
    }

    /// Lets go of the database.
    pub(crate) async fn close(&self) {
        if let Some(connection) = self.connection.lock().await.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "closing the connection of audits");
        }
    }
}

/// One instant of a database. Dropped half way, its connection is not used again.
pub(crate) struct Snapshot<'s> {
    slot: MutexGuard<'s, Option<SqliteConnection>>,
    connection: SqliteConnection,
    operation: &'static str,
}

impl Snapshot<'_> {
    /// All rows that answer a question.
    pub(crate) async fn ask(&mut self, sql: &str, params: impl IntoIterator<Item = Param>) -> Result<Vec<Row>, StoreError> {
        let mut script = Script::default();
        script.with(sql, params);
        self.connection.fetch_all(script.query()).await.map_err(store_error(self.operation))
    }

    /// Ends it.
    pub(crate) async fn end(mut self) -> Result<(), StoreError> {
        self.connection.execute("COMMIT").await.map_err(store_error(self.operation))?;
        *self.slot = Some(self.connection);
        Ok(())
    }
}
