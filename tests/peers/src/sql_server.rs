//! A private server of MariaDB, or of MySQL where tests are asked to use it, as durable as a shop wants its own.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::make::Make;
use crate::peer::{Ground, Peer, Plan, program};

/// The Debian package that has the server, its client and what makes its tables.
pub(crate) const PACKAGE: &str = "mariadb-server";
/// How long a server may take to greet who connects.
const GREETS_WITHIN: Duration = Duration::from_secs(1);
/// What the server knows of transactions is this old at most: `INNODB_TRX` is read anew only where it was not asked for 100 ms.
const TRANSACTIONS_ANEW_AFTER: Duration = Duration::from_millis(150);

/// Room for pages, for the log and for the binary log of a batch; what a server has without is made for a small machine.
const ROOM: [&str; 3] = ["--innodb-buffer-pool-size=512M", "--innodb-log-file-size=512M", "--binlog-cache-size=1M"];

/// A server that speaks the protocol of MySQL: MariaDB, or MySQL where [`Make`] says so.
pub struct SqlServer {
    peer: Peer,
    make: Make,
    shops: AtomicU32,
}

impl SqlServer {
    /// Starts one. Every transaction is forced to what it is on, in the log and in the binary log.
    pub fn start() -> Self {
        Self::start_on(Ground::Memory)
    }

    /// Starts one on this ground: on the disk, to be measured, with as much memory as a shop gives its own.
    pub fn start_on(ground: Ground) -> Self {
        Self::with(ground, 1, if ground == Ground::Disk { &ROOM } else { &[] })
    }

    /// Starts a replica of `primary` that takes no writes of its own.
    pub fn replica_of(primary: &Self) -> Self {
        let replica = Self::with(Ground::Memory, 2, &["--read-only=ON", "--slave-net-timeout=5"]);
        let port = primary.url().rsplit_once(':').map(|(_, port)| port).expect("a URL has a port");
        let where_from = replica.make.position();
        replica.sql(&format!(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='root', MASTER_CONNECT_RETRY=1, {where_from};
                START SLAVE"
        ));
        replica
    }

    fn with(ground: Ground, id: u32, more: &[&str]) -> Self {
        let make = Make::chosen();
        let peer = Peer::start(ground, |folder, port| plan(&make, folder, port, id, more));
        Self { peer, make, shops: AtomicU32::new(0) }
    }

    /// What it is made by.
    pub fn make(&self) -> &Make {
        &self.make
    }

    /// The process: to be killed, halted, started anew.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Where it is, without a database: `mysql://root@127.0.0.1:13306`.
    pub fn url(&self) -> &str {
        self.peer.url()
    }

    /// Where the databases of a shop of its own are to be: their names' beginning. Nothing is there yet.
    pub fn shop(&self) -> String {
        format!("{}/s{}_", self.url(), self.shops.fetch_add(1, Ordering::Relaxed))
    }

    /// Executes statements as its administrator; answers what they say, a line for each row.
    pub fn sql(&self, statements: &str) -> String {
        let output = Command::new(program("mariadb", PACKAGE))
            .args(["--no-defaults", "--user=root", "--batch", "--skip-column-names"])
            .arg(named("--socket=", &socket(self.peer.folder())))
            .args(["--execute", statements])
            .stdin(Stdio::null())
            .output()
            .expect("the client can be started");
        assert!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Keeps the rows that this `SELECT … FOR UPDATE` finds, in a transaction of its own, until what it answers is dropped.
    pub fn keep(&self, select: &str) -> Kept {
        let mut client = Command::new(program("mariadb", PACKAGE))
            .args(["--no-defaults", "--user=root", "--batch", "--skip-column-names", "--unbuffered"])
            .arg(named("--socket=", &socket(self.peer.folder())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the client can be started");
        let mut orders = client.stdin.take().expect("its input is a pipe");
        writeln!(orders, "BEGIN; {select}; SELECT 'kept';").expect("the client listens");
        let answers = BufReader::new(client.stdout.take().expect("its output is a pipe"));
        assert!(answers.lines().map_while(Result::ok).any(|line| line == "kept"), "the rows are somebody else's: {select}");
        Kept { client, orders: Some(orders) }
    }

    /// Whether a transaction waits for rows that another one keeps.
    pub fn somebody_waits(&self) -> bool {
        // The server looks anew only where nobody has asked for a tenth of a second.
        std::thread::sleep(TRANSACTIONS_ANEW_AFTER);
        self.sql("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'") != "0\n"
    }
}

/// Rows that are kept: see [`SqlServer::keep`].
pub struct Kept {
    client: Child,
    orders: Option<ChildStdin>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        // The client ends with its input, and its transaction with it.
        self.orders = None;
        self.client.wait().ok();
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("socket")
}

pub(crate) fn named(option: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(option);
    argument.push(path);
    argument
}

fn plan(make: &Make, folder: &Path, port: u16, id: u32, more: &[&str]) -> Plan {
    let data = folder.join("data");
    make.make_tables(folder, &data);
    let mut command: Vec<OsString> = vec![make.program().into(), "--no-defaults".into()];
    command.extend(as_root());
    command.extend([named("--datadir=", &data), named("--socket=", &socket(folder)), named("--tmpdir=", folder)]);
    let binary_log = folder.join("bin");
    command.push(named("--log-bin=", &binary_log));
    let (port_is, id_is) = (format!("--port={port}"), format!("--server-id={id}"));
    let settings = [
        &*port_is,
        &*id_is,
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        "--character-set-server=utf8mb4",
        "--collation-server=utf8mb4_bin",
        "--innodb-flush-log-at-trx-commit=1",
        "--sync-binlog=1",
        "--binlog-format=ROW",
        "--binlog-row-image=MINIMAL",
        "--performance-schema=OFF",
        "--max-connections=512",
    ];
    command.extend(settings.iter().chain(make.settings()).chain(more).map(OsString::from));
    Plan { command, url: format!("mysql://root@127.0.0.1:{port}"), ready: Box::new(move || greets(port)) }
}

/// Only root is told to stay root.
pub(crate) fn as_root() -> Option<OsString> {
    let id = Command::new("id").arg("-u").output().expect("id can be started");
    (id.stdout == b"0\n").then(|| "--user=root".into())
}

/// Whether it says who it is to somebody who connects.
fn greets(port: u16) -> bool {
    let greeting = || -> std::io::Result<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(GREETS_WITHIN))?;
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        Ok(head[4])
    };
    // The protocol's version; an error begins with 0xff.
    greeting().is_ok_and(|version| version == 10)
}
