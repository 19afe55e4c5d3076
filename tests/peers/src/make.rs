//! MariaDB or MySQL: what is said to the one and not to the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::peer::program;
use crate::sql_server::{PACKAGE, as_root, named};

/// Names a program `mysqld` of MySQL 8 or newer, which is then used in MariaDB's place.
const MYSQLD: &str = "COMMERCE_TEST_MYSQLD";

/// Who made a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Make {
    /// MariaDB, of the Debian package.
    MariaDb,
    /// MySQL, by this program.
    MySql(PathBuf),
}

impl Make {
    /// What tests are asked to use: `COMMERCE_TEST_MYSQLD` names MySQL's program; without it, MariaDB.
    pub(crate) fn chosen() -> Self {
        std::env::var_os(MYSQLD).map_or(Self::MariaDb, |path| Self::MySql(path.into()))
    }

    /// The server's program.
    pub(crate) fn program(&self) -> PathBuf {
        match self {
            Self::MariaDb => program("mariadbd", PACKAGE),
            Self::MySql(path) => path.clone(),
        }
    }

    /// Settings that only one of them knows.
    pub(crate) fn settings(&self) -> &'static [&'static str] {
        match self {
            Self::MariaDb => &["--gtid-strict-mode=ON"],
            // Without TLS, which it offers by itself: tests cut wires by what is said on them.
            Self::MySql(_) => &[
                "--gtid-mode=ON",
                "--enforce-gtid-consistency=ON",
                "--log-replica-updates=ON",
                "--mysqlx=OFF",
                "--secure-file-priv=NULL",
                "--tls-version=",
            ],
        }
    }

    /// How a replica is told to find its place by itself.
    pub(crate) fn position(&self) -> &'static str {
        match self {
            Self::MariaDb => "MASTER_USE_GTID=slave_pos",
            Self::MySql(_) => "MASTER_AUTO_POSITION=1, GET_MASTER_PUBLIC_KEY=1",
        }
    }

    /// An expression: the transactions that this server has, as its replicas count them.
    pub fn transactions(&self) -> &'static str {
        match self {
            Self::MariaDb => "@@gtid_current_pos",
            Self::MySql(_) => "@@gtid_executed",
        }
    }

    /// Makes the server's own tables, with a root who needs no password. Temporary files are in a folder of its own: a server
    /// that starts removes those of others from a shared one.
    pub(crate) fn make_tables(&self, folder: &Path, data: &Path) {
        let mut command = match self {
            Self::MariaDb => {
                let mut command = Command::new(program("mariadb-install-db", PACKAGE));
                command.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
                command
            }
            Self::MySql(path) => {
                // Who comes by TCP is another root than who comes by the socket.
                let root = folder.join("root.sql");
                let statements = "CREATE USER root@'127.0.0.1'; GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n";
                fs::write(&root, statements).expect("a file can be written there");
                let mut command = Command::new(path);
                command
                    .args(["--no-defaults", "--initialize-insecure", "--secure-file-priv=NULL"])
                    .arg(named("--init-file=", &root));
                command
            }
        };
        command.args(as_root()).arg(named("--datadir=", data)).env("TMPDIR", folder).stdin(Stdio::null());
        let output = command.output().expect("it can be started");
        let text = || String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "the server's own tables cannot be made: {}", text());
    }
}
