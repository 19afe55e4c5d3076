//! The real `commerce` binary, serving a data directory of its own.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;
use crate::shop::unique;

/// How long a shop may take from its start to its first answer, on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How long a shop may take to stop: what the contract allows, and a little.
const STOPPED_WITHIN: Duration = Duration::from_secs(32);
/// The password of every account that the tests make.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// How a shop is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Environment beside what the tests always set.
    pub env: Vec<(&'static str, String)>,
    /// Arguments after `serve`.
    pub args: Vec<&'static str>,
    /// Whether the rate limits stay on.
    pub limits: bool,
}

/// A shop that runs. Dropping it stops it (SIGTERM, then SIGKILL) and fails the test if its log
/// tells of a panic.
pub struct Server {
    dir: Arc<TempDir>,
    base: String,
    child: Mutex<Option<Child>>,
    options: Options,
    admin: OnceLock<String>,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub struct CommandOutput {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl CommandOutput {
    /// Standard output as JSON.
    ///
    /// # Panics
    /// When the command failed or printed something else.
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "the command failed: {self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }
}

/// The shop that the tests of one file share. It ends when the last test that uses it does.
pub fn shared() -> Arc<Server> {
    static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let server = Arc::new(Server::start());
        *shared = Arc::downgrade(&server);
        server
    })
}

impl Server {
    /// A fresh shop without rate limits.
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    /// A fresh shop.
    pub fn start_with(options: Options) -> Self {
        let dir = tempfile::Builder::new().prefix("commerce-").tempdir().expect("a temporary directory can be made");
        Self::start_on(Arc::new(dir), options)
    }

    fn start_on(dir: Arc<TempDir>, options: Options) -> Self {
        let data = dir.path().join("data");
        let log = File::options().create(true).append(true).open(dir.path().join("log")).expect("the log can be written");
        let mut command = Command::new(binary());
        command.arg("serve").arg("--data").arg(&data).args(["--listen", "127.0.0.1:0"]).args(&options.args);
        environment(&mut command, &options);
        let mut child = command
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the commerce binary can be started");
        let lines = lines_of(child.stdout.take().expect("standard output is piped"), dir.path().join("stdout"));
        let mut server = Self { dir, base: String::new(), child: Mutex::new(Some(child)), options, admin: OnceLock::new() };
        server.base = server.announced(&lines);
        server.wait_ready();
        server
    }

    /// The address in the line `listening on http://…` of its standard output.
    fn announced(&self, lines: &Receiver<String>) -> String {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = lines.recv_timeout(left).unwrap_or_else(|_| panic!("no address was announced\n{}", self.log()));
            if let Some((_, address)) = line.split_once("listening on ") {
                return address.trim().trim_end_matches('/').to_owned();
            }
        }
    }

    fn wait_ready(&self) {
        let deadline = Instant::now() + READY_WITHIN;
        while !self.is_ready() {
            assert!(Instant::now() < deadline, "the shop did not become ready\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn is_ready(&self) -> bool {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(self.authority())?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            write!(stream, "GET /health/ready HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.authority())?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        };
        ask().is_ok_and(|text| text.starts_with("HTTP/1.1 200"))
    }

    /// `http://127.0.0.1:PORT`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `127.0.0.1:PORT`.
    pub fn authority(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A path beside the data directory, for files of a test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Somebody who has not logged in.
    pub fn anyone(&self) -> Client {
        Client::new(self.base())
    }

    /// A new customer, logged in.
    pub async fn customer(&self) -> Client {
        self.anyone().registered(&unique("customer")).await
    }

    /// An admin, made on the command line, logged in anew.
    pub async fn admin(&self) -> Client {
        let email = self.admin.get_or_init(|| {
            let email = format!("{}@example.com", unique("admin"));
            self.create_user(&email, "ADMIN");
            email
        });
        self.anyone().logged_in(email, PASSWORD).await
    }

    /// Makes a user on the command line.
    pub fn create_user(&self, email: &str, role: &str) -> Value {
        let args = [
            "user",
            "create",
            "--email",
            email,
            "--full-name",
            "Ada Admin",
            "--role",
            role,
            "--password-stdin",
            "--output",
            "json",
        ];
        self.run_with(&args, PASSWORD).json()
    }

    /// Runs a command on the data directory.
    pub fn run(&self, args: &[&str]) -> CommandOutput {
        self.run_with(args, "")
    }

    /// Runs a command on the data directory with this standard input.
    pub fn run_with(&self, args: &[&str], input: &str) -> CommandOutput {
        let mut command = Command::new(binary());
        command.args(args).arg("--data").arg(self.data());
        environment(&mut command, &self.options);
        run(command.current_dir(self.dir.path()), input)
    }

    /// Ends the shop at once, as a power cut would (SIGKILL).
    pub fn kill(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut child) = child.take() {
            child.kill().expect("an own child can be killed");
            child.wait().expect("an own child can be waited for");
        }
    }

    /// Asks the shop to stop (SIGTERM) and waits; answers its exit code.
    pub fn stop(&self) -> i32 {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut child) = child.take() else { return 0 };
        let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(asked.is_ok_and(|status| status.success()), "kill could not be run");
        let deadline = Instant::now() + STOPPED_WITHIN;
        loop {
            if let Some(status) = child.try_wait().expect("an own child can be waited for") {
                return status.code().unwrap_or(-1);
            }
            if Instant::now() > deadline {
                child.kill().expect("an own child can be killed");
                child.wait().expect("an own child can be waited for");
                panic!("the shop did not stop within {STOPPED_WITHIN:?}\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts a shop on the same directory, after [`kill`](Self::kill) or [`stop`](Self::stop).
    pub fn again(&self) -> Self {
        let server = Self::start_on(Arc::clone(&self.dir), self.options.clone());
        if let Some(email) = self.admin.get() {
            server.admin.set(email.clone()).expect("a new server has no admin yet");
        }
        server
    }

    /// The last lines of what the shop logged.
    pub fn log(&self) -> String {
        let text = |name| std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_default();
        let log = text("stdout") + &text("log");
        let from = log.len().saturating_sub(6_000);
        let from = (from..log.len()).find(|index| log.is_char_boundary(*index)).unwrap_or(0);
        log[from..].to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.kill();
            eprintln!("--- the shop's log ---\n{}", self.log());
        } else if self.child.lock().is_ok_and(|child| child.is_some()) {
            self.stop();
            assert!(!self.log().contains("panicked"), "the shop panicked\n{}", self.log());
        }
    }
}

/// The binary under test: `COMMERCE_BIN`, else the one beside the tests. Missing is a failure.
pub(crate) fn binary() -> PathBuf {
    let path = std::env::var_os("COMMERCE_BIN").map_or_else(beside, PathBuf::from);
    assert!(path.is_file(), "{} is missing: cargo build --package commerce-cli", path.display());
    path
}

/// `target/debug/commerce`, found from `target/debug/deps/<this test>`.
fn beside() -> PathBuf {
    let test = std::env::current_exe().expect("a process knows its program");
    let debug = test.parent().and_then(Path::parent).expect("tests lie in target/<profile>/deps");
    debug.join("commerce")
}

fn environment(command: &mut Command, options: &Options) {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("COMMERCE_")) {
        command.env_remove(name);
    }
    if !options.limits {
        command.env("COMMERCE_GATEWAY__RATE_LIMIT_PER_MINUTE", "0");
        command.env("COMMERCE_GATEWAY__RATE_LIMIT_ANONYMOUS_PER_MINUTE", "0");
    }
    command.envs(options.env.iter().map(|(name, value)| (name, value)));
}

/// Runs a command that is about no running server.
pub fn run_command(args: &[&str]) -> CommandOutput {
    let mut command = Command::new(binary());
    environment(command.args(args), &Options::default());
    run(&mut command, "")
}

pub(crate) fn run(command: &mut Command, input: &str) -> CommandOutput {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the commerce binary can be started");
    let mut stdin = child.stdin.take().expect("standard input is piped");
    // A command that reads nothing may have ended before.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let Output { status, stdout, stderr } = child.wait_with_output().expect("an own child can be waited for");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("commands print UTF-8");
    CommandOutput { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}

/// The lines of a pipe as they come; they are kept in a file too.
fn lines_of(pipe: impl Read + Send + 'static, copy: PathBuf) -> Receiver<String> {
    let (sender, receiver) = channel();
    let mut copy = File::options().create(true).append(true).open(copy).expect("the copy can be written");
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // Nobody listens any more once the address is known; the copy is what counts.
            let _ = writeln!(copy, "{line}");
            let _ = sender.send(line);
        }
    });
    receiver
}
