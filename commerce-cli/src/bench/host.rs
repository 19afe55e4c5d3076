//! What the machine says: processor time of a process, durable commits of a disk, a server to ask.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::output::note;
use crate::remote::Remote;
use crate::shop::ALONE;

/// Processor time of a process so far, user and system; `None` where `/proc` does not say.
pub(crate) fn cpu_time(process: u32) -> Option<Duration> {
    // proc(5): fields 14 and 15, counted after the command in parentheses, in ticks of a hundredth.
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u64 = fields.split_ascii_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Some(Duration::from_millis(ticks * 10))
}

/// Resident memory of a process in MiB.
pub(crate) fn memory_mib(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}

/// How many appends of a page the disk below `folder` makes durable in a second, one at a time.
///
/// # Errors
/// When the folder cannot be written.
pub(crate) fn commits_per_second(folder: &Path) -> Result<u64, Failure> {
    let path = folder.join("commit-probe");
    let failed = |error: std::io::Error| Failure::io("probe the disk", &error);
    let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
    let (page, start, mut count) = ([0x5a_u8; 4096], Instant::now(), 0_u64);
    while start.elapsed() < Duration::from_secs(1) {
        file.write_all(&page).and_then(|()| file.sync_data()).map_err(failed)?;
        count += 1;
    }
    fs::remove_file(&path).map_err(failed)?;
    Ok(count)
}

/// A folder of the run's own, removed with it unless it is to be kept.
pub(crate) struct Workspace {
    path: PathBuf,
    kept: bool,
}

impl Workspace {
    /// Below `parent`, which is made where it is not there; `what` is part of its name.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn below(parent: &Path, what: &str) -> Result<Self, Failure> {
        let folder = parent.join(format!("commerce-{what}-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| Failure::io(&format!("make {}", folder.display()), &error))?;
        Ok(Self { path: folder, kept: false })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it behind when the run ends.
    pub(crate) fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            note(format_args!("{} is left behind: {error}", self.path.display()));
        }
    }
}

/// How long a server may take from its start to being ready: with a full log to recover, on a busy
/// machine or a slow disk.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// How long a server may take to stop after SIGTERM: what the contract allows.
const STOPPED_WITHIN: Duration = Duration::from_secs(30);

/// The variable of the environment that sets a key.
fn variable(key: &str) -> String {
    format!("COMMERCE_{}", key.to_uppercase().replace('.', "__"))
}

/// A server of the run's own. It ends with the value: asked to first, then killed.
pub(crate) struct Server {
    child: Child,
    url: String,
    ready_after: Duration,
}

impl Server {
    /// Starts `serve` on a data directory and nothing else, without rate limits, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready in time.
    pub(crate) async fn start(data: &Path) -> Result<Self, Failure> {
        let alone = ALONE.iter().map(|(key, value)| (variable(key), (*value).to_owned()));
        Self::start_under(data, free_port()?, &data.join("server.log"), &[], alone.collect()).await
    }

    /// Starts it on this port, with arguments that stand before the command's name, and its log
    /// appended to this file.
    ///
    /// # Errors
    /// When it does not become ready in time.
    pub(crate) async fn start_at(data: &Path, port: u16, log: &Path, globals: &[OsString]) -> Result<Self, Failure> {
        Self::start_under(data, port, log, globals, Vec::new()).await
    }

    async fn start_under(
        data: &Path,
        port: u16,
        log: &Path,
        globals: &[OsString],
        settings: Vec<(String, String)>,
    ) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::io("start a server", &error);
        let output = OpenOptions::new().create(true).append(true).open(log).map_err(failed)?;
        let child = Command::new(std::env::current_exe().map_err(failed)?)
            .args(globals)
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
            .arg(data)
            .env("COMMERCE_GATEWAY__RATE_LIMIT_PER_MINUTE", "0")
            .env("COMMERCE_GATEWAY__RATE_LIMIT_ANONYMOUS_PER_MINUTE", "0")
            .env("COMMERCE_TELEMETRY__LEVEL", "warn")
            .envs(settings)
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(failed)?)
            .stderr(output)
            .spawn()
            .map_err(failed)?;
        let start = Instant::now();
        let mut server = Self { child, url: format!("http://127.0.0.1:{port}"), ready_after: Duration::ZERO };
        let remote = Remote::new(&server.url, None)?;
        while remote.get("/health/ready", &[]).await.is_err() {
            let ended = server.child.try_wait().map_err(failed)?;
            if ended.is_some() || start.elapsed() > READY_WITHIN {
                let log = fs::read_to_string(log).unwrap_or_default();
                let last = log.trim().lines().rev().take(5).collect::<Vec<_>>();
                let last = last.into_iter().rev().collect::<Vec<_>>().join("\n  ");
                return Err(Failure::new("NOT_READY", format!("the server did not become ready: {last}")));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        server.ready_after = start.elapsed();
        Ok(server)
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How long it took from its start to being ready.
    pub(crate) fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal: `STOP`, `CONT` or `TERM`. It is this process's child and not waited for,
    /// so the number cannot have become another's.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub(crate) fn signal(&self, name: &str) -> Result<(), Failure> {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        match sent {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Failure::new("IO", format!("kill -{name} ended with {status}"))),
            Err(error) => Err(Failure::io("run kill", &error)),
        }
    }

    /// Ends it at once, as the loss of its process would (SIGKILL).
    ///
    /// # Errors
    /// When it cannot be ended.
    pub(crate) fn kill(mut self) -> Result<(), Failure> {
        self.child.kill().and_then(|()| self.child.wait()).map(|_| ()).map_err(|error| Failure::io("kill the server", &error))
    }

    /// Asks it to stop (SIGTERM) and waits; `None` when it did not within what the contract allows.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(crate) async fn stop(mut self) -> Result<Option<ExitStatus>, Failure> {
        self.signal("TERM")?;
        let start = Instant::now();
        while start.elapsed() < STOPPED_WITHIN {
            if let Some(status) = self.child.try_wait().map_err(|error| Failure::io("wait for the server", &error))? {
                return Ok(Some(status));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.kill()?;
        Ok(None)
    }
}

/// A port of the loopback that nobody listens on.
///
/// # Errors
/// When there is none.
pub(crate) fn free_port() -> Result<u16, Failure> {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    Ok(port.map_err(|error| Failure::io("find a free port", &error))?.port())
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // A server that was halted hears of it only once it goes on.
        let gone = self.signal("TERM").and_then(|()| self.signal("CONT")).is_ok() && {
            let start = Instant::now();
            loop {
                match self.child.try_wait() {
                    Ok(Some(_)) => break true,
                    Ok(None) if start.elapsed() < STOPPED_WITHIN => std::thread::sleep(Duration::from_millis(20)),
                    _ => break false,
                }
            }
        };
        if !gone && let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            note(format_args!("the server of process {} is left behind: {error}", self.child.id()));
        }
    }
}
