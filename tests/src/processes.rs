//! One process of a shop under test: started, announced, killed, stopped.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use commerce_peers::free_port;

use crate::server::READY_WITHIN;

/// How long a process may take to stop: what the contract allows, and a little.
const STOPPED_WITHIN: Duration = Duration::from_secs(36);

/// Where a process listens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// Wherever a port is free; nobody else must know.
    Any,
    /// On these ports, the public and the internal one.
    Ports(u16, u16),
}

impl Place {
    /// Two ports that are nobody else's.
    pub(crate) fn free() -> Self {
        Self::Ports(free_port(), free_port())
    }

    pub(crate) fn public(self) -> Option<u16> {
        match self {
            Self::Any => None,
            Self::Ports(public, _) => Some(public),
        }
    }

    pub(crate) fn internal(self) -> Option<u16> {
        match self {
            Self::Any => None,
            Self::Ports(_, internal) => Some(internal),
        }
    }
}

/// A process, running or not.
pub(crate) struct Process {
    role: &'static str,
    command: Command,
    child: Option<Child>,
    base: String,
    place: Place,
    log: PathBuf,
}

impl Process {
    /// What `command` will be; what it says goes into files in `dir`.
    pub(crate) fn new(role: &'static str, mut command: Command, dir: &Path, place: Place) -> Self {
        let log = dir.join(match place {
            Place::Any => format!("{role}.log"),
            Place::Ports(public, _) => format!("{role}-{public}.log"),
        });
        command.current_dir(dir).stdin(Stdio::null());
        Self { role, command, child: None, base: String::new(), place, log }
    }

    pub(crate) fn role(&self) -> &'static str {
        self.role
    }

    /// Starts it and waits until it says where it listens.
    pub(crate) fn start(&mut self) {
        let log = File::options().create(true).append(true).open(&self.log).expect("the log can be written");
        let copy = log.try_clone().expect("a file can be shared");
        let mut child = self.command.stdout(Stdio::piped()).stderr(log).spawn().expect("the commerce binary can be started");
        let lines = lines_of(child.stdout.take().expect("standard output is piped"), copy);
        self.child = Some(child);
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = lines.recv_timeout(left).unwrap_or_else(|_| panic!("no address was announced\n{}", self.log()));
            if let Some((_, address)) = line.split_once("listening on ") {
                address.trim().trim_end_matches('/').clone_into(&mut self.base);
                return;
            }
        }
    }

    /// `http://127.0.0.1:PORT`, as it announced.
    pub(crate) fn announced(&self) -> &str {
        &self.base
    }

    /// Every address it listens at, without a scheme.
    pub(crate) fn listeners(&self) -> Vec<String> {
        let public = self.base.rsplit("://").next().unwrap_or_default().to_owned();
        std::iter::once(public).chain(self.place.internal().map(|port| format!("127.0.0.1:{port}"))).collect()
    }

    pub(crate) fn runs(&self) -> bool {
        self.child.is_some()
    }

    /// The running process out of its place, to be stopped and put back.
    pub(crate) fn take(&mut self) -> Self {
        let idle = Self {
            role: self.role,
            command: Command::new("false"),
            child: None,
            base: self.base.clone(),
            place: self.place,
            log: self.log.clone(),
        };
        std::mem::replace(self, idle)
    }

    /// Ends it at once (SIGKILL).
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("an own child can be killed");
            child.wait().expect("an own child can be waited for");
        }
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Sends it a signal, if it runs.
    pub(crate) fn signal(&self, name: &str) {
        if let Some(pid) = self.pid() {
            let sent = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status();
            assert!(sent.is_ok_and(|status| status.success()), "kill could not be run");
        }
    }

    /// Asks it to stop (SIGTERM).
    pub(crate) fn ask_to_stop(&self) {
        self.signal("TERM");
    }

    /// Asks it to stop and waits; answers its exit code.
    pub(crate) fn stop(&mut self) -> i32 {
        self.ask_to_stop();
        self.stopped()
    }

    /// Waits until it has stopped; answers its exit code.
    pub(crate) fn stopped(&mut self) -> i32 {
        let Some(mut child) = self.child.take() else { return 0 };
        let deadline = Instant::now() + STOPPED_WITHIN;
        loop {
            if let Some(status) = child.try_wait().expect("an own child can be waited for") {
                return status.code().unwrap_or(-1);
            }
            if Instant::now() > deadline {
                child.kill().expect("an own child can be killed");
                child.wait().expect("an own child can be waited for");
                panic!("{} did not stop within {STOPPED_WITHIN:?}\n{}", self.role, self.log());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Everything it said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    /// A test that gives up leaves nothing behind.
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The lines of a pipe as they come; they are kept in a file too.
fn lines_of(pipe: impl Read + Send + 'static, mut copy: File) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // Nobody listens any more once the address is known; the copy is what counts.
            let _ = writeln!(copy, "{line}");
            let _ = sender.send(line);
        }
    });
    receiver
}
