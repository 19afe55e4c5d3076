//! A server as a child process.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::port::free_port;

/// How long a server may take until it answers.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// Pause between two looks whether it does.
const LOOK_PAUSE: Duration = Duration::from_millis(10);
/// Folders that programs of servers are in, besides those of `PATH`.
const MORE_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// Where folders are that need not outlive a power cut.
const MEMORY: &str = "/dev/shm";

/// What stands between a server and whoever started it: starts the server each time it is told to,
/// and when nobody is there any more to tell it anything, ends the server and removes its folder. A
/// pipe that breaks is told of every death, be it by SIGKILL.
const GUARD: &str = r#"
folder=$1
shift
trap '' INT TERM HUP
while read -r word; do
    "$@" </dev/null >>"$folder/log" 2>&1 &
    server=$!
    echo "$server"
done
kill -KILL "$server" 2>/dev/null
wait
rm -rf "$folder"
"#;

/// How a server is started.
pub struct Plan {
    /// Its program and what is said to it.
    pub command: Vec<OsString>,
    /// Where clients find it.
    pub url: String,
    /// Whether it answers.
    pub ready: Box<dyn Fn() -> bool + Send + Sync>,
}

/// A running server. Dropped, it is gone.
pub struct Peer {
    folder: PathBuf,
    plan: Plan,
    guard: Mutex<Guard>,
}

struct Guard {
    process: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    server: u32,
}

/// What a server's folder is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// The memory, where there is such a place: what is forced to the disk is there at once. It outlives
    /// the server, but not the machine.
    Memory,
    /// The disk that temporary files are on.
    Disk,
}

impl Peer {
    /// Starts the server that `plan` describes for a folder and a port, and waits until it answers.
    pub fn start(ground: Ground, plan: impl FnOnce(&Path, u16) -> Plan) -> Self {
        let mut folders = tempfile::Builder::new();
        folders.prefix("commerce-peer-");
        let memory = (ground == Ground::Memory).then(|| folders.tempdir_in(MEMORY).ok()).flatten();
        let folder = memory.unwrap_or_else(|| folders.tempdir().expect("a folder can be made")).keep();
        let plan = plan(&folder, free_port());
        let mut process = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(&folder)
            .args(&plan.command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell can be started");
        let orders = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("its output is a pipe"));
        let guard = Mutex::new(Guard { process, orders, answers, server: 0 });
        let peer = Self { folder, plan, guard };
        peer.again();
        peer
    }

    /// Where clients find it.
    pub fn url(&self) -> &str {
        &self.plan.url
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts it anew on the same folder and port, after [`kill`](Self::kill) or
    /// [`stop`](Self::stop), and waits until it answers.
    pub fn again(&self) {
        {
            let mut guard = self.guard();
            let orders = guard.orders.as_mut().expect("they end with the peer");
            writeln!(orders, "start").expect("the guard listens");
            let mut line = String::new();
            guard.answers.read_line(&mut line).expect("the guard answers");
            guard.server = line.trim().parse().expect("the guard names a process");
        }
        let deadline = Instant::now() + READY_WITHIN;
        while !(self.plan.ready)() {
            assert!(self.is_alive() && Instant::now() < deadline, "a server did not start:\n{}", self.log());
            std::thread::sleep(LOOK_PAUSE);
        }
    }

    /// Ends it at once, as a power cut would (SIGKILL).
    pub fn kill(&self) {
        self.signal("KILL");
        self.wait_until_gone();
    }

    /// Asks it to stop (SIGTERM) and waits until it has.
    pub fn stop(&self) {
        self.signal("TERM");
        self.wait_until_gone();
    }

    /// Halts it (SIGSTOP): it keeps its connections and answers nobody.
    pub fn pause(&self) {
        self.signal("STOP");
        let deadline = Instant::now() + READY_WITHIN;
        while !self.is_halted() {
            assert!(Instant::now() < deadline, "the server goes on");
            std::thread::sleep(LOOK_PAUSE);
        }
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn guard(&self) -> MutexGuard<'_, Guard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signal(&self, name: &str) {
        let server = self.guard().server.to_string();
        let sent = Command::new("kill").args([format!("-{name}"), server]).status();
        assert!(sent.is_ok_and(|status| status.success()), "the server is not there");
    }

    /// Whether each of its threads stands still: one that was about to answer may have come to that after the signal was sent.
    fn is_halted(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.guard().server));
        threads.expect("the server is there").flatten().all(|thread| {
            let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T'))
        })
    }

    /// Whether it runs: a process that ended and that its guard has not looked after yet does not.
    fn is_alive(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.guard().server));
        stat.is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z')))
    }

    fn wait_until_gone(&self) {
        let deadline = Instant::now() + READY_WITHIN;
        while self.is_alive() {
            assert!(Instant::now() < deadline, "a server does not end:\n{}", self.log());
            std::thread::sleep(LOOK_PAUSE);
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let mut guard = self.guard();
        guard.orders = None;
        // The folder goes with it; where that fails, there is nothing to be done about it here.
        guard.process.wait().ok();
    }
}

/// Where a program is. Missing is a failure: `package` has it.
pub(crate) fn program(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(MORE_FOLDERS.map(PathBuf::from));
    let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing: install the Debian package {package}, or run tests/peers/install"))
}
