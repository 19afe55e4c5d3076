//! Brings a database's tables up to date, once, however many processes open it at the same time.
//!
//! The server commits by itself around each change of a table. So each statement of a migration is a
//! step, noted when it is done, and is written so that it can be executed again: a process that is
//! killed between a step and its note leaves nothing that the next cannot go on with.

use commerce_core::error::{StoreError, StoreErrorKind};
use commerce_core::{Clock, Timestamp};
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, Row};

use super::error::store_error;
use super::line::{Address, Line};

const OPERATION: &str = "mysql.migrate";
/// Seconds that a process waits for another that changes the tables.
const TURN_SECONDS: u32 = 120;
/// The collation that migrations name. It takes texts for the same that differ in spaces at their ends; in
/// its place stands the one that does not, whose name each server has for itself.
const COLLATION: &str = "utf8mb4_bin";

/// What programs before this one applied in other words to the same effect, each by the digest of its words then and of its
/// words now: MySQL refuses two sorts of check that MariaDB takes.
pub(super) const RESPELT: [(&str, &str); 3] = [
    // The payments of orders: the migration, and two of its steps.
    (
        "3fab7dba64276cf0130abd719554e002f6e1b1170f585211ff1d1ba5f02abb70",
        "ccf5567e06e74af3996c00420d93fd5d3c543917644ce735e8a7e440ddcaf16e",
    ),
    (
        "fb7497844430869aa7e662b11419695605e2fc4c74e61ad6f73e0f24f5ac820e",
        "f26de68e33817c3323515861bd8fb6a8b6d7111fcaf391903a43b3e4a8a9ae48",
    ),
    (
        "3a0dcaf5447e52bb1e9b7fe8212d779184a0f966c0d69abbb4d23dc5f713d3a1",
        "f664215d21a677331c1a40009cc13170f02a60fb37d7d1327ca13206e3c61ba6",
    ),
];

/// Whether a digest that was noted is that of these words, or of what they were before.
fn is_digest_of(noted: &[u8], words: &str) -> bool {
    let now = Sha256::digest(words);
    noted == now.as_slice() || RESPELT.contains(&(&*hex::encode(noted), &*hex::encode(now)))
}

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

    /// Its statements, in order.
    fn statements(&self) -> impl Iterator<Item = &'static str> {
        self.sql.split_inclusive(";\n").map(str::trim).filter(|statement| !statement.is_empty())
    }
}

/// The migrations of a context, from the files `migrations/<context>/mysql/000<version>_<name>.sql`.
macro_rules! migrations {
    (@zeros) => {
        "000"
    };
    (@zeros $zeros:literal) => {
        $zeros
    };
    ($context:literal, [$(($version:literal, $name:literal $(, $zeros:literal)?)),+ $(,)?]) => {
        &[$($crate::sql::mysql::migrate::Migration {
            version: $version,
            description: $name,
            sql: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/../migrations/", $context, "/mysql/", migrations!(@zeros $($zeros)?), $version, "_",
                $name, ".sql"
            )),
        }),+]
    };
}
pub(super) use migrations;

/// Applies what is missing, step by step.
///
/// # Errors
/// `Internal` when an applied migration is unknown or differs: the shop is newer than the program.
pub(super) async fn migrate(address: &Address, known: &'static [Migration], clock: &dyn Clock) -> Result<(), StoreError> {
    let mut line = address.connect().await.map_err(store_error(OPERATION))?;
    if !missing(&mut line.connection, known).await?.is_empty() {
        let turn = Turn::take(&mut line.connection, "migrate").await?;
        let applied = apply_missing(&mut line, known, clock.now()).await;
        turn.give_back(&mut line.connection).await?;
        applied?;
    }
    line.connection.close().await.map_err(store_error(OPERATION))
}

/// The turn of one process among all that would change a database's tables.
pub(super) struct Turn {
    name: String,
}

impl Turn {
    /// Waits for it.
    pub(super) async fn take(connection: &mut MySqlConnection, what: &str) -> Result<Self, StoreError> {
        let database: String =
            sqlx::query_scalar("SELECT DATABASE()").fetch_one(&mut *connection).await.map_err(store_error(OPERATION))?;
        // Names of locks have 64 characters at most.
        let name = format!("{what}.{}", hex::encode(&Sha256::digest(database)[..16]));
        let taken: Option<i64> = sqlx::query_scalar("SELECT GET_LOCK(?, ?)")
            .bind(name.clone())
            .bind(TURN_SECONDS)
            .fetch_one(connection)
            .await
            .map_err(store_error(OPERATION))?;
        match taken {
            Some(1) => Ok(Self { name }),
            _ => Err(StoreError::unavailable(OPERATION, "another process is changing the tables")),
        }
    }

    /// Lets the next one have it. Goes with the connection, too.
    pub(super) async fn give_back(self, connection: &mut MySqlConnection) -> Result<(), StoreError> {
        let release = sqlx::query("DO RELEASE_LOCK(?)").bind(self.name);
        release.execute(connection).await.map(|_| ()).map_err(store_error(OPERATION))
    }
}

async fn apply_missing(line: &mut Line, known: &'static [Migration], now: Timestamp) -> Result<(), StoreError> {
    const STEPS: &str = "CREATE TABLE IF NOT EXISTS schema_steps (
        version BIGINT NOT NULL,
        step INT NOT NULL,
        checksum BINARY(32) NOT NULL,
        done_at BIGINT NOT NULL,
        PRIMARY KEY (version, step)
    ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin";
    const MIGRATIONS: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
        version BIGINT NOT NULL,
        description VARCHAR(255) NOT NULL,
        checksum BINARY(32) NOT NULL,
        applied_at BIGINT NOT NULL,
        PRIMARY KEY (version)
    ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin";
    const NOTE: &str = "INSERT INTO schema_migrations (version, description, checksum, applied_at) VALUES (?, ?, ?, ?)";
    // Read again in one's turn: another process may have been faster, and reads what would be altered here by now.
    let missing = missing(&mut line.connection, known).await?;
    if missing.is_empty() {
        return Ok(());
    }
    // What comes out of a parameter has the database's collation, and is compared with columns.
    let exact = format!("ALTER DATABASE CHARACTER SET utf8mb4 COLLATE {}", line.collation);
    line.connection.execute(AssertSqlSafe(exact)).await.map_err(store_error(OPERATION))?;
    for table in [STEPS, MIGRATIONS] {
        line.connection.execute(table).await.map_err(store_error(OPERATION))?;
    }
    for migration in missing {
        apply(line, migration, now).await?;
        sqlx::query(NOTE)
            .bind(migration.version)
            .bind(migration.description)
            .bind(migration.checksum())
            .bind(now.as_micros())
            .execute(&mut line.connection)
            .await
            .map_err(store_error(OPERATION))?;
    }
    Ok(())
}

/// The steps of a migration that are not noted.
async fn apply(line: &mut Line, migration: &Migration, now: Timestamp) -> Result<(), StoreError> {
    const DONE: &str = "SELECT checksum FROM schema_steps WHERE version = ? AND step = ?";
    const NOTE: &str = "INSERT INTO schema_steps (version, step, checksum, done_at) VALUES (?, ?, ?, ?)";
    let Line { connection, collation, .. } = line;
    for (step, statement) in (1_i64..).zip(migration.statements()) {
        let checksum = Sha256::digest(statement).to_vec();
        let done: Option<Vec<u8>> = sqlx::query_scalar(DONE)
            .bind(migration.version)
            .bind(step)
            .fetch_optional(&mut *connection)
            .await
            .map_err(store_error(OPERATION))?;
        match done {
            Some(noted) if is_digest_of(&noted, statement) => continue,
            Some(_) => return Err(unknown(migration.version)),
            None => {}
        }
        connection.execute(AssertSqlSafe(statement.replace(COLLATION, collation))).await.map_err(store_error(OPERATION))?;
        let note = sqlx::query(NOTE).bind(migration.version).bind(step).bind(checksum).bind(now.as_micros());
        note.execute(&mut *connection).await.map_err(store_error(OPERATION))?;
    }
    Ok(())
}

fn unknown(version: i64) -> StoreError {
    let text = format!("migration {version} of this database is not the one this program knows");
    StoreError::new(StoreErrorKind::Internal, OPERATION, text)
}

/// The migrations that the database has not seen, in order.
pub(super) async fn missing(
    connection: &mut MySqlConnection,
    known: &'static [Migration],
) -> Result<Vec<&'static Migration>, StoreError> {
    const HAS_TABLE: &str = "SELECT COUNT(*) FROM information_schema.tables
        WHERE table_schema = DATABASE() AND table_name = 'schema_migrations'";
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
        let same = |migration: &&Migration| migration.version == version && is_digest_of(&checksum, migration.sql);
        let Some(index) = missing.iter().position(same) else { return Err(unknown(version)) };
        missing.remove(index);
    }
    Ok(missing)
}
