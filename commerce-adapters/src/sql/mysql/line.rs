//! A connection to a server: how it is made, what is said on it first, and when it is given up.

use std::time::Duration;

use commerce_core::error::{StoreError, StoreErrorKind};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, MySqlConnection, Row};

use super::error::{error_number, no_answer, store_error};

/// How long a connection may take to come about.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// Seconds that a statement waits for a row that another transaction holds. A batch takes
/// milliseconds.
const LOCK_WAIT_SECONDS: u32 = 3;
/// Seconds after which the server ends a transaction that says nothing more: its process was stopped,
/// and must not keep hot rows from the others.
const SILENT_SECONDS: u32 = 3;
/// Seconds after which a server that knows no such limit ends a connection that says nothing: sooner than others have
/// waited for its rows twice. A writer that was idle for so long connects anew.
const IDLE_SECONDS: u32 = 4;
/// Seconds that the server spends on one statement of a reader at most.
const STATEMENT_SECONDS: u32 = 5;
/// Bytes of a list that the server puts together for one cell: 64 MiB, more than an order or a product
/// can have.
const LIST_BYTES: u32 = 64 * 1024 * 1024;
/// Prepared statements that a connection keeps; above the number of shapes there are, because closing
/// one stalls the connection for 44 ms.
const STATEMENTS_MAX: usize = 1_024;
/// The oldest servers that know everything that is said to them, as major and minor version.
const MARIADB_MIN: (u32, u32) = (10, 11);
const MYSQL_MIN: (u32, u32) = (8, 0);
/// The server's error for a database that is not there.
const NO_DATABASE: u16 = 1049;

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Batches and chores. A transaction begins with the first statement after the last one ended.
    Write,
    /// Single questions.
    Read,
    /// Snapshots of several questions, and other things that begin what they need themselves.
    Other,
}

/// Where a database is, and how it is talked to.
#[derive(Clone)]
pub(crate) struct Address {
    options: MySqlConnectOptions,
    purpose: Purpose,
}

/// A connection that was made.
pub(crate) struct Line {
    pub(crate) connection: MySqlConnection,
    /// Bytes of a statement that the server takes.
    pub(crate) packet_max: usize,
    /// The collation by which texts are the same only if they are: spaces at an end count.
    pub(crate) collation: &'static str,
    /// The number that its server has among those that follow each other.
    pub(crate) server: u32,
}

impl Address {
    /// From a URL: `mysql://user:password@host:3306/database`, `?socket=/path` for a local one.
    pub(crate) fn parse(url: &str, purpose: Purpose) -> Result<Self, StoreError> {
        let options: MySqlConnectOptions = url.parse().map_err(|error: sqlx::Error| {
            // Without what may be a password.
            StoreError::new(StoreErrorKind::Internal, "mysql.url", format!("the database's URL cannot be read: {error}"))
        })?;
        if options.get_database().is_none_or(str::is_empty) {
            return Err(StoreError::new(StoreErrorKind::Internal, "mysql.url", "the database's URL names no database"));
        }
        let options = options.charset("utf8mb4").statement_cache_capacity(STATEMENTS_MAX).disable_statement_logging();
        Ok(Self { options, purpose })
    }

    /// The same for another purpose.
    pub(crate) fn to(&self, purpose: Purpose) -> Self {
        Self { options: self.options.clone(), purpose }
    }

    /// Connects and says what every connection of its purpose is told.
    pub(crate) async fn connect(&self) -> Result<Line, sqlx::Error> {
        let connecting = async {
            let mut connection = self.options.connect().await?;
            let settings = settings(&mut connection).await?;
            settings.check_version().map_err(|why| sqlx::Error::Configuration(why.into()))?;
            for setting in settings.session(self.purpose) {
                connection.execute(AssertSqlSafe(setting)).await?;
            }
            let server = settings.get("server_id").parse().unwrap_or(0);
            Ok(Line { connection, packet_max: settings.packet_max, collation: settings.collation(), server })
        };
        tokio::time::timeout(CONNECT_WITHIN, connecting).await.unwrap_or_else(|_| Err(no_answer()))
    }

    /// Its server, as people name it: host and port, or a socket.
    pub(crate) fn place(&self) -> String {
        match self.options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", self.options.get_host(), self.options.get_port()),
        }
    }

    /// What its server calls itself.
    pub(crate) async fn version(&self) -> Result<String, StoreError> {
        const OPERATION: &str = "mysql.version";
        let anywhere = Self { options: self.options.clone().database(""), purpose: Purpose::Other };
        let mut line = anywhere.connect().await.map_err(store_error(OPERATION))?;
        let settings = settings(&mut line.connection).await.map_err(store_error(OPERATION))?;
        line.connection.close().await.map_err(store_error(OPERATION))?;
        Ok(settings.get("version").to_owned())
    }

    /// Whether the database is there.
    pub(crate) async fn has_database(&self) -> Result<bool, StoreError> {
        const OPERATION: &str = "mysql.open";
        match self.connect().await {
            Err(error) if error_number(&error) == Some(NO_DATABASE) => Ok(false),
            Err(error) => Err(store_error(OPERATION)(error)),
            Ok(line) => line.connection.close().await.map(|()| true).map_err(store_error(OPERATION)),
        }
    }

    /// Makes the database if it is not there.
    pub(crate) async fn make_database(&self) -> Result<(), StoreError> {
        const OPERATION: &str = "mysql.open";
        if self.has_database().await? {
            return Ok(());
        }
        let name = self.options.get_database().unwrap_or_default().replace('`', "``");
        // The name comes from whoever runs the shop.
        let make = format!("CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4");
        let anywhere = self.options.clone().database("");
        let mut connection = anywhere.connect().await.map_err(store_error(OPERATION))?;
        settings(&mut connection).await.map_err(store_error(OPERATION))?.refuse_read_only(OPERATION)?;
        connection.execute(AssertSqlSafe(make)).await.map_err(store_error(OPERATION))?;
        connection.close().await.map_err(store_error(OPERATION))
    }

    /// Refuses a server that would lose or bend what is written to it.
    ///
    /// # Errors
    /// `Internal`, with the setting and what it must be; `ReadOnly` where nothing can be written.
    pub(crate) async fn assert_safe(&self) -> Result<(), StoreError> {
        const OPERATION: &str = "mysql.settings";
        let mut line = self.connect().await.map_err(store_error(OPERATION))?;
        let settings = settings(&mut line.connection).await.map_err(store_error(OPERATION))?;
        line.connection.close().await.map_err(store_error(OPERATION))?;
        settings.refuse_read_only(OPERATION)?;
        settings.check().map_err(|what| StoreError::new(StoreErrorKind::Internal, OPERATION, what))
    }
}

/// A server's settings, as a session has them.
struct Settings {
    values: Vec<(String, String)>,
    packet_max: usize,
}

async fn settings(connection: &mut MySqlConnection) -> Result<Settings, sqlx::Error> {
    const SHOW: &str = "SHOW VARIABLES WHERE Variable_name IN ('version', 'sql_mode', 'tx_isolation',
        'transaction_isolation', 'innodb_flush_log_at_trx_commit', 'log_bin', 'sync_binlog', 'character_set_connection',
        'collation_connection', 'max_allowed_packet', 'autocommit', 'read_only', 'server_id')";
    let rows = connection.fetch_all(SHOW).await?;
    let values = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<Vec<_>, sqlx::Error>>()?;
    let mut settings = Settings { values, packet_max: 0 };
    settings.packet_max = settings.get("max_allowed_packet").parse().unwrap_or(0);
    Ok(settings)
}

impl Settings {
    fn get(&self, name: &str) -> &str {
        self.values.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn is_mariadb(&self) -> bool {
        self.get("version").contains("MariaDB")
    }

    /// Refuses a server that takes no writes, though it may take those of an administrator.
    fn refuse_read_only(&self, operation: &'static str) -> Result<(), StoreError> {
        match self.get("read_only") {
            "ON" => Err(StoreError::new(StoreErrorKind::ReadOnly, operation, "the server is read-only: is it a replica?")),
            _ => Ok(()),
        }
    }

    /// Refuses a server that does not know what is said to it.
    fn check_version(&self) -> Result<(), String> {
        // Servers that speak to old clients put this in front.
        let version = self.get("version").trim_start_matches("5.5.5-");
        let (name, needed) = if self.is_mariadb() { ("MariaDB", MARIADB_MIN) } else { ("MySQL", MYSQL_MIN) };
        let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
        let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        let (major, minor) = needed;
        if found < needed {
            Err(format!("the server is {name} {version}; {name} {major}.{minor} or newer is needed"))
        } else {
            Ok(())
        }
    }

    fn collation(&self) -> &'static str {
        if self.is_mariadb() { "utf8mb4_nopad_bin" } else { "utf8mb4_0900_bin" }
    }

    fn is_strict(&self) -> bool {
        self.get("sql_mode").split(',').any(|mode| matches!(mode, "STRICT_TRANS_TABLES" | "STRICT_ALL_TABLES"))
    }

    /// What a session is told before anything else.
    fn session(&self, purpose: Purpose) -> Vec<String> {
        let mut told = vec![
            format!("SET NAMES utf8mb4 COLLATE {}", self.collation()),
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(),
            format!("SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT_SECONDS}, group_concat_max_len = {LIST_BYTES}"),
        ];
        // It would make a table for every sub-query of a statement, to remember answers that are not asked for twice.
        if self.is_mariadb() {
            told.push("SET SESSION optimizer_switch = 'subquery_cache=off'".to_owned());
        }
        if !self.is_strict() {
            told.push("SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES')".to_owned());
        }
        match purpose {
            Purpose::Write => {
                told.push("SET SESSION autocommit = 0".to_owned());
                told.push(if self.is_mariadb() {
                    format!("SET SESSION idle_transaction_timeout = {SILENT_SECONDS}")
                } else {
                    format!("SET SESSION wait_timeout = {IDLE_SECONDS}")
                });
            }
            Purpose::Read => {
                told.push("SET SESSION TRANSACTION READ ONLY".to_owned());
                told.push(if self.is_mariadb() {
                    format!("SET SESSION max_statement_time = {STATEMENT_SECONDS}")
                } else {
                    format!("SET SESSION max_execution_time = {}", STATEMENT_SECONDS * 1_000)
                });
            }
            Purpose::Other => {}
        }
        told
    }

    /// What is not as it must be.
    fn check(&self) -> Result<(), String> {
        let isolation = [self.get("transaction_isolation"), self.get("tx_isolation")];
        let demands = [
            (self.is_strict(), "sql_mode must be strict"),
            (isolation.contains(&"READ-COMMITTED"), "transactions must be READ COMMITTED"),
            (self.get("character_set_connection") == "utf8mb4", "connections must speak utf8mb4"),
            (self.get("innodb_flush_log_at_trx_commit") == "1", "innodb_flush_log_at_trx_commit must be 1"),
            (self.get("log_bin") != "ON" || self.get("sync_binlog") == "1", "sync_binlog must be 1 where there is a binary log"),
        ];
        match demands.into_iter().find(|(met, _)| !met) {
            Some((_, demand)) => Err(format!("{demand}; the server would lose or bend what a shop writes")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_version(version: &str) -> Result<(), String> {
        Settings { values: vec![("version".to_owned(), version.to_owned())], packet_max: 0 }.check_version()
    }

    #[test]
    fn servers_that_know_too_little_are_refused_by_name() {
        for known in ["10.11.6-MariaDB-0+deb12u1", "5.5.5-11.4.2-MariaDB", "8.0.36", "8.4.0-commercial", "9.1.0"] {
            assert_eq!(of_version(known), Ok(()), "{known}");
        }
        for (old, told) in [
            ("10.6.18-MariaDB-log", "MariaDB 10.6.18-MariaDB-log; MariaDB 10.11 or newer"),
            ("5.5.5-10.5.26-MariaDB", "MariaDB 10.5.26-MariaDB; MariaDB 10.11 or newer"),
            ("5.7.44", "MySQL 5.7.44; MySQL 8.0 or newer"),
        ] {
            assert!(of_version(old).unwrap_err().contains(told), "{old}: {:?}", of_version(old));
        }
    }
}
