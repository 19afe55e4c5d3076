//! A private Redis server.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use crate::peer::{Ground, Peer, Plan, program};

/// The Debian package that has the server.
const PACKAGE: &str = "redis-server";
/// How long a server may take to answer a ping.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// A Redis server.
pub struct Redis {
    peer: Peer,
}

impl Redis {
    /// Starts one that keeps what it has acknowledged: every write is forced to the disk first.
    pub fn start() -> Self {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// Starts one that forgets everything when it ends.
    pub fn start_forgetful() -> Self {
        Self::start_with(&["--appendonly", "no"])
    }

    fn start_with(settings: &[&str]) -> Self {
        Self { peer: Peer::start(Ground::Memory, |folder, port| plan(folder, port, settings)) }
    }

    /// The process: to be killed, halted, started anew.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Where it is: `redis://127.0.0.1:16379`.
    pub fn url(&self) -> &str {
        self.peer.url()
    }
}

fn plan(folder: &Path, port: u16, settings: &[&str]) -> Plan {
    let mut command: Vec<OsString> = vec![program("redis-server", PACKAGE).into()];
    let listens = ["--port", &port.to_string(), "--bind", "127.0.0.1"].map(OsString::from);
    command.extend(listens);
    command.extend(["--dir".into(), folder.into()]);
    command.extend(["--save", "", "--daemonize", "no", "--loglevel", "warning"].iter().chain(settings).map(OsString::from));
    Plan { command, url: format!("redis://127.0.0.1:{port}"), ready: Box::new(move || pongs(port)) }
}

fn pongs(port: u16) -> bool {
    let answer = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
        stream.write_all(b"PING\r\n")?;
        let mut said = [0; 7];
        stream.read_exact(&mut said)?;
        Ok(&said == b"+PONG\r\n")
    };
    answer().is_ok_and(|pongs| pongs)
}
