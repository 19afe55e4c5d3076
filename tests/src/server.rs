//! The real `commerce` binary, serving a data directory of its own: as one process, or as four services
//! behind a gateway.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use commerce_peers::SqlServer;
use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;
use crate::processes::Process;
use crate::proxy::Proxy;
use crate::shapes::{apart, one};
use crate::shop::unique;
use crate::tls::Authority;

/// How long a shop may take from its start to its first answer, on a busy machine.
pub(crate) const READY_WITHIN: Duration = Duration::from_secs(40);
/// What says how shops are started whose test does not care: `services`, or as one process.
const TOPOLOGY: &str = "COMMERCE_TEST_TOPOLOGY";
/// What says where shops keep their books whose test does not care: `mariadb`, or in files.
const DATABASE: &str = "COMMERCE_TEST_DATABASE";
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
    /// Whether it is four services and a gateway, or one process; else as the environment says.
    pub services: Option<bool>,
    /// Whether its books are on a private MariaDB, or in files; else as the environment says.
    pub mariadb: Option<bool>,
    /// Of which services there are two instances.
    pub twins: Vec<&'static str>,
    /// Which listeners of services are at the other end of a wire: `catalog` for what the gateway speaks to,
    /// `catalog-internal` for what other services do.
    pub wires: Vec<&'static str>,
    /// Whether services show each other certificates, signed by an authority of their own.
    pub tls: bool,
    /// What a shell does before it becomes a process of the shop: `ulimit -n 64`.
    pub under: Option<&'static str>,
}

impl Options {
    fn apart(&self) -> bool {
        self.services.unwrap_or_else(|| std::env::var(TOPOLOGY).is_ok_and(|topology| topology == "services"))
    }

    /// Of a shop that keeps its books where the environment says or the test asks: its databases are new.
    fn with_books(mut self) -> Self {
        let said = || std::env::var(DATABASE).is_ok_and(|database| database == "mariadb");
        if self.mariadb.unwrap_or_else(said) {
            self.env.push(("COMMERCE_DATABASE__URL", sql_server().shop()));
        }
        self
    }
}

/// A shop that runs. Dropping it stops it (SIGTERM, then SIGKILL) and fails the test if its log
/// tells of a panic.
pub struct Server {
    dir: Arc<TempDir>,
    base: String,
    /// What clients speak to comes last.
    processes: Mutex<Vec<Process>>,
    wires: Vec<(&'static str, Proxy)>,
    authority: Option<Authority>,
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

/// The database server of the tests of one file, each shop with databases of its own. It ends with their process.
pub fn sql_server() -> &'static SqlServer {
    static SERVER: LazyLock<SqlServer> = LazyLock::new(SqlServer::start);
    &SERVER
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
        Self::start_on(Arc::new(dir), options.with_books())
    }

    /// Four services and a gateway without rate limits.
    pub fn start_services() -> Self {
        Self::start_with(Options { services: Some(true), ..Options::default() })
    }

    fn start_on(dir: Arc<TempDir>, options: Options) -> Self {
        let authority = options.tls.then(|| Authority::in_folder(dir.path()));
        let (mut processes, wires) = if options.apart() {
            apart(dir.path(), &options, authority.as_ref())
        } else {
            (vec![one(dir.path(), &options)], Vec::new())
        };
        for process in &mut processes {
            process.start();
        }
        let base = processes.last().map(|process| process.announced().to_owned()).unwrap_or_default();
        let server = Self { dir, base, processes: Mutex::new(processes), wires, authority, options, admin: OnceLock::new() };
        server.wait_ready();
        server
    }

    fn processes(&self) -> MutexGuard<'_, Vec<Process>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is four services and a gateway.
    pub fn is_apart(&self) -> bool {
        self.options.apart()
    }

    /// Where each of its processes listens: every public and every internal address.
    pub fn listeners(&self) -> Vec<String> {
        self.processes().iter().flat_map(Process::listeners).collect()
    }

    /// The wire to one of the listeners in [`Options::wires`].
    ///
    /// # Panics
    /// When there is none.
    pub fn wire(&self, name: &str) -> &Proxy {
        self.wires.iter().find(|(known, _)| *known == name).map(|(_, wire)| wire).expect("there is a wire of this name")
    }

    /// Who signed what its services show: see [`Options::tls`].
    ///
    /// # Panics
    /// When nobody did.
    pub fn authority_of_services(&self) -> &Authority {
        self.authority.as_ref().expect("the services show certificates")
    }

    /// Where the first process of this role answers other services.
    ///
    /// # Panics
    /// When there is none.
    pub fn internal_listener(&self, role: &str) -> String {
        let processes = self.processes();
        let process = processes.iter().find(|process| process.role() == role).expect("a process has this role");
        process.listeners().pop().expect("services have one")
    }

    /// The ids of its processes.
    pub fn pids(&self) -> Vec<u32> {
        self.processes().iter().filter_map(Process::pid).collect()
    }

    /// Halts one process of it (SIGSTOP), or lets it go on (SIGCONT).
    ///
    /// # Panics
    /// When there is none.
    pub fn halt_one(&self, role: &str, halted: bool) {
        let signal = if halted { "STOP" } else { "CONT" };
        self.processes().iter().find(|process| process.role() == role).expect("a process has this role").signal(signal);
    }

    /// Ends one process of it at once: the first of these with this role.
    ///
    /// # Panics
    /// When there is none.
    pub fn kill_one(&self, role: &str) {
        self.processes().iter_mut().find(|process| process.role() == role).expect("a process has this role").kill();
    }

    /// Starts again what [`kill_one`](Self::kill_one) ended.
    ///
    /// # Panics
    /// When there is none.
    pub fn start_one(&self, role: &str) {
        self.processes().iter_mut().find(|process| process.role() == role).expect("a process has this role").start();
    }

    /// Stops every instance of a service and starts it again, one after the other.
    pub fn roll(&self, role: &str) {
        let instances = self.processes().iter().filter(|process| process.role() == role).count();
        for instance in 0..instances {
            // Others may ask meanwhile.
            let mut process = {
                let mut processes = self.processes();
                let place = processes.iter().enumerate().filter(|(_, process)| process.role() == role).nth(instance);
                let place = place.map(|(place, _)| place).expect("instances stay");
                processes[place].take()
            };
            assert_eq!(process.stop(), 0, "{role} did not stop in peace");
            process.start();
            let mut processes = self.processes();
            let place = processes.iter().enumerate().filter(|(_, process)| process.role() == role).nth(instance);
            let place = place.map(|(place, _)| place).expect("instances stay");
            processes[place] = process;
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

    /// Under what settings it runs, beside what the tests always set.
    pub fn env(&self) -> &[(&'static str, String)] {
        &self.options.env
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
        self.processes().iter_mut().for_each(Process::kill);
    }

    /// Asks the shop to stop (SIGTERM) and waits; answers its exit code, the highest of several.
    pub fn stop(&self) -> i32 {
        let mut processes = self.processes();
        processes.iter().rev().for_each(Process::ask_to_stop);
        processes.iter_mut().rev().map(Process::stopped).max().unwrap_or(0)
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
        let log: String = self.processes().iter().map(Process::log).collect();
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
        } else if self.processes().iter().any(Process::runs) {
            self.stop();
            assert!(!self.log().contains("panicked"), "the shop panicked\n{}", self.log());
        }
    }
}

/// The binary under test: `COMMERCE_BIN`, else the one beside the tests. Missing is a failure.
pub fn binary() -> PathBuf {
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

pub(crate) fn environment(command: &mut Command, options: &Options) {
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
    run_command_with(args, &[], "")
}

/// Runs a command under these settings, with this standard input.
pub fn run_command_with(args: &[&str], env: &[(&'static str, String)], input: &str) -> CommandOutput {
    let mut command = Command::new(binary());
    environment(command.args(args), &Options { env: env.to_vec(), ..Options::default() });
    run(&mut command, input)
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
