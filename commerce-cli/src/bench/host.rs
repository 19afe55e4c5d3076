//! What the machine says: processor time of a process, durable commits of a disk, a server to ask.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::remote::Remote;

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

/// A folder of the run's own, removed with it.
pub(crate) struct Workspace(PathBuf);

impl Workspace {
    /// Below `parent`, which is made where it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn below(parent: &Path) -> Result<Self, Failure> {
        let folder = parent.join(format!("commerce-bench-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| Failure::io(&format!("make {}", folder.display()), &error))?;
        Ok(Self(folder))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} is left behind: {error}", self.0.display());
        }
    }
}

/// A server of the run's own.
pub(crate) struct Server {
    child: Child,
    url: String,
    ready_after: Duration,
}

impl Server {
    /// Starts `serve` on a data directory, without rate limits, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready within ten seconds.
    pub(crate) async fn start(data: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::io("start a server", &error);
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).map_err(failed)?.port();
        let log = File::create(data.join("server.log")).map_err(failed)?;
        let child = Command::new(std::env::current_exe().map_err(failed)?)
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
            .arg(data)
            .env("COMMERCE_GATEWAY__RATE_LIMIT_PER_MINUTE", "0")
            .env("COMMERCE_GATEWAY__RATE_LIMIT_ANONYMOUS_PER_MINUTE", "0")
            .env("COMMERCE_TELEMETRY__LEVEL", "warn")
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            .spawn()
            .map_err(failed)?;
        let start = Instant::now();
        let mut server = Self { child, url: format!("http://127.0.0.1:{port}"), ready_after: Duration::ZERO };
        let remote = Remote::new(&server.url, None)?;
        while remote.get("/health/ready", &[]).await.is_err() {
            if start.elapsed() > Duration::from_secs(10) {
                let log = fs::read_to_string(data.join("server.log")).unwrap_or_default();
                return Err(Failure::new("NOT_READY", format!("the server did not become ready: {}", log.trim())));
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
}

impl Drop for Server {
    fn drop(&mut self) {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let gone = asked.is_ok_and(|status| status.success()) && {
            let start = Instant::now();
            loop {
                match self.child.try_wait() {
                    Ok(Some(_)) => break true,
                    Ok(None) if start.elapsed() < Duration::from_secs(30) => std::thread::sleep(Duration::from_millis(20)),
                    _ => break false,
                }
            }
        };
        if !gone && let Err(error) = self.child.kill() {
            eprintln!("the server of process {} is left behind: {error}", self.child.id());
        }
    }
}
