//! Brings a database's tables up to date, once, however many processes open it at the same time.

use commerce_core::error::{StoreError, StoreErrorKind};
use commerce_core::{Clock, Timestamp};
use sha2::{Digest, Sha256};
use sqlx::{Executor, Row, SqliteConnection};

use super::error::store_error;

const OPERATION: &str = "sqlite.migrate";

/// One step of a database's tables, as embedded in the program.
#[derive(Debug)]
pub(crate) struct Migration {
    pub(crate) version: i64,
    pub(crate) description: &'static str,
    pub(crate) sql: &'static str,
}

impl Migration {
    fn checksum(&self) -> Vec<u8> {
        Sha256::digest(self.sql).to_vec()
    }
}

/// The migrations of a context, from the files `migrations/<context>/sqlite/000<version>_<name>.sql`; from the tenth on
/// the zeros before their number are said.
macro_rules! migrations {
    (@zeros) => {
        "000"
    };
    (@zeros $zeros:literal) => {
        $zeros
    };
    ($context:literal, [$(($version:literal, $name:literal $(, $zeros:literal)?)),+ $(,)?]) => {
        &[$($crate::sql::sqlite::migrate::Migration {
            version: $version,
            description: $name,
            sql: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/../migrations/", $context, "/sqlite/", migrations!(@zeros $($zeros)?), $version, "_",
                $name, ".sql"
            )),
        }),+]
    };
}
pub(super) use migrations;

/// Applies what is missing, all of it in one transaction.
///
/// # Errors
/// `Internal` when an applied migration is unknown or differs: the shop is newer than the program.
pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    known: &'static [Migration],
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    if missing(connection, known).await?.is_empty() {
        return Ok(());
    }
    connection.execute("BEGIN IMMEDIATE").await.map_err(store_error(OPERATION))?;
    let applied = apply_missing(connection, known, clock.now()).await;
    let end = if applied.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = connection.execute(end).await.map_err(store_error(OPERATION));
    applied.and(ended.map(|_| ()))
}

async fn apply_missing(connection: &mut SqliteConnection, known: &'static [Migration], now: Timestamp) -> Result<(), StoreError> {
    const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
        version INTEGER PRIMARY KEY NOT NULL,
        description TEXT NOT NULL,
        checksum BLOB NOT NULL,
        applied_at INTEGER NOT NULL
    ) STRICT";
    const NOTE: &str = "INSERT INTO schema_migrations (version, description, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)";
    connection.execute(TABLE).await.map_err(store_error(OPERATION))?;
    // Read again under the write lock: another process may have been faster.
    for migration in missing(connection, known).await? {
        sqlx::raw_sql(migration.sql).execute(&mut *connection).await.map_err(store_error(OPERATION))?;
        sqlx::query(NOTE)
            .bind(migration.version)
            .bind(migration.description)
            .bind(migration.checksum())
            .bind(now.as_micros())
            .execute(&mut *connection)
            .await
            .map_err(store_error(OPERATION))?;
    }
    Ok(())
}

/// The migrations that the database has not seen, in order.
pub(super) async fn missing(
    connection: &mut SqliteConnection,
    known: &'static [Migration],
) -> Result<Vec<&'static Migration>, StoreError> {
    const HAS_TABLE: &str = "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migrations'";
    const APPLIED: &str = "SELECT version, checksum FROM schema_migrations ORDER BY version";
    let tables: i64 = sqlx::query_scalar(HAS_TABLE).fetch_one(&mut *connection).await.map_err(store_error(OPERATION))?;
    let applied = if tables == 0 {
        Vec::new()
    } else {
        sqlx::query(APPLIED).fetch_all(&mut *connection).await.map_err(store_error(OPERATION))?
    };
    let mut missing: Vec<&Migration> = known.iter().collect();
    for row in applied {
        let version: i64 = row.try_get("version").map_err(store_error(OPERATION))?;
        let checksum: Vec<u8> = row.try_get("checksum").map_err(store_error(OPERATION))?;
        let same = |migration: &&Migration| migration.version == version && migration.checksum() == checksum;
        let Some(index) = missing.iter().position(same) else {
            let text = format!("migration {version} of this database is not the one this program knows");
            return Err(StoreError::new(StoreErrorKind::Internal, OPERATION, text));
        };
        missing.remove(index);
    }
    Ok(missing)
}
