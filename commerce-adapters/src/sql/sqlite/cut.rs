//! The four databases of a folder at one instant, copied while others write.
//!
//! Every writer takes its database's write lock before it decides, so while one process holds all four nobody is
//! half way: no order is there whose hold is missing. A reading transaction is begun on each, the locks are
//! let go after a few milliseconds, and the copies are made of what those transactions see.

use std::path::Path;
use std::time::Duration;

use commerce_core::commerce::Context;
use commerce_core::error::StoreError;
use commerce_core::{Clock, Timestamp};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row, SqliteConnection};

use super::engine::options;
use super::error::store_error;

const OPERATION: &str = "sqlite.cut";
/// How long a busy shop is waited for, at each of its databases.
const GATE_TIMEOUT: Duration = Duration::from_secs(30);

/// The databases of a shop at one instant.
pub(crate) struct Cut {
    /// Each copy, with the shop's database beside it as `shop`, whose transaction is begun.
    copies: Vec<SqliteConnection>,
    at: Timestamp,
}

impl Cut {
    /// Takes the instant of the databases in `from`, to be copied into the folder `to`.
    ///
    /// # Errors
    /// When a database cannot be read, or stays busy.
    pub(crate) async fn take(from: &Path, to: &Path, clock: &dyn Clock) -> Result<Self, StoreError> {
        let failed = store_error(OPERATION);
        let mut copies = Vec::with_capacity(Context::ALL.len());
        for context in Context::ALL {
            copies.push(beside(from, to, *context).await.map_err(failed)?);
        }
        let mut gates = Vec::with_capacity(Context::ALL.len());
        for context in Context::ALL {
            let options = options(from, context.as_str()).busy_timeout(GATE_TIMEOUT);
            let mut gate = options.connect().await.map_err(failed)?;
            gate.execute("BEGIN IMMEDIATE").await.map_err(failed)?;
            gates.push(gate);
        }
        let at = clock.now();
        for copy in &mut copies {
            // A transaction sees the instant of its first question.
            copy.execute("BEGIN").await.map_err(failed)?;
            copy.fetch_one("SELECT count(*) FROM shop.sqlite_schema").await.map_err(failed)?;
        }
        for mut gate in gates {
            gate.execute("ROLLBACK").await.map_err(failed)?;
            gate.close().await.map_err(failed)?;
        }
        Ok(Self { copies, at })
    }

    /// The instant.
    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    /// Makes the copies, side by side, each whole and on the disk.
    ///
    /// # Errors
    /// When something cannot be read, or the disk is full.
    pub(crate) async fn copy(self) -> Result<(), StoreError> {
        let copied = futures_util::future::join_all(self.copies.into_iter().map(copy)).await;
        copied.into_iter().collect::<Result<(), _>>().map_err(store_error(OPERATION))
    }
}

/// A new database in `to` with that of `from` beside it.
async fn beside(from: &Path, to: &Path, context: Context) -> Result<SqliteConnection, sqlx::Error> {
    let name = format!("{context}.db");
    let options = SqliteConnectOptions::new()
        .filename(to.join(&name))
        .create_if_missing(true)
        .thread_name(move |_| format!("copy-{context}"))
        // A copy that is not finished is thrown away, so nothing need be undone.
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(false)
        .disable_statement_logging();
    let mut copy = options.connect().await?;
    sqlx::query("ATTACH DATABASE ? AS shop").bind(from.join(&name).to_string_lossy().into_owned()).execute(&mut copy).await?;
    Ok(copy)
}

/// Tables and indexes as they are in the shop, then their rows: into empty tables `SQLite` moves them page
/// by page, indexes too.
async fn copy(mut copy: SqliteConnection) -> Result<(), sqlx::Error> {
    const SCHEMA: &str =
        "SELECT type, name, sql FROM shop.sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
        ORDER BY CASE type WHEN 'table' THEN 1 WHEN 'index' THEN 2 ELSE 3 END, rowid";
    let schema = copy.fetch_all(SCHEMA).await?;
    let all = schema.iter().map(|row| Ok((row.try_get("type")?, row.try_get("name")?, row.try_get("sql")?)));
    let all = all.collect::<Result<Vec<(String, String, String)>, sqlx::Error>>()?;
    let is_stored = |kind: &str| matches!(kind, "table" | "index");
    for (_, _, sql) in all.iter().filter(|(kind, _, _)| is_stored(kind)) {
        copy.execute(AssertSqlSafe(sql.clone())).await?;
    }
    for (_, name, _) in all.iter().filter(|(kind, _, _)| kind == "table") {
        let name = name.replace('"', "\"\"");
        copy.execute(AssertSqlSafe(format!("INSERT INTO main.\"{name}\" SELECT * FROM shop.\"{name}\""))).await?;
    }
    // Triggers would have judged the rows again.
    for (_, _, sql) in all.iter().filter(|(kind, _, _)| !is_stored(kind)) {
        copy.execute(AssertSqlSafe(sql.clone())).await?;
    }
    copy.execute("COMMIT").await?;
    copy.close().await
}
