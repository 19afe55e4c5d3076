//! The server under test, and what is done to it: killed, halted, stopped, started again.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bench::draw::Draw;
use crate::bench::host::{Server, free_port};
use crate::failure::Failure;

use super::history::{Disturbance, DisturbanceKind, History, Violation};

/// Longest that the server is left alone.
const QUIET_MS: usize = 2_000;
/// Longest that it is halted; clients wait longer than that for an answer.
const HALTED_MS: usize = 1_500;
/// How long after a disturbance a connection may still break because of it: clients that kept one
/// open find out with their next request.
pub(crate) const AFTERSHOCK: Duration = Duration::from_millis(500);

/// A server that is started again on the same port and directory.
pub(crate) struct Premises {
    data: PathBuf,
    log: PathBuf,
    globals: Vec<OsString>,
    port: u16,
    server: Option<Server>,
    /// The longest that it took to be ready again.
    pub slowest_start: Duration,
}

impl Premises {
    /// Starts it. `globals` are the options that every start is given.
    ///
    /// # Errors
    /// When it does not become ready.
    pub(crate) async fn open(data: &Path, log: &Path, globals: Vec<OsString>) -> Result<Self, Failure> {
        let (data, log, port) = (data.to_owned(), log.to_owned(), free_port()?);
        let mut premises = Self { data, log, globals, port, server: None, slowest_start: Duration::ZERO };
        premises.start().await?;
        Ok(premises)
    }

    /// Where it listens, whether it runs or not.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Disturbs it at random moments until `until`.
    ///
    /// # Errors
    /// When it cannot be started again.
    pub(crate) async fn disturb(&mut self, history: &History, draw: &mut Draw, until: Duration) -> Result<(), Failure> {
        while history.now() < until {
            tokio::time::sleep(millis(50 + draw.below(QUIET_MS))).await;
            match draw.below(10) {
                0..6 => self.kill(history).await?,
                6..8 => self.halt(history, draw).await?,
                _ => self.restart(history).await?,
            }
        }
        Ok(())
    }

    /// Kills it and starts it again.
    ///
    /// # Errors
    /// When it cannot be started again.
    pub(crate) async fn kill(&mut self, history: &History) -> Result<(), Failure> {
        let from = history.now();
        if let Some(server) = self.server.take() {
            server.kill()?;
        }
        let started = self.start().await;
        note(history, DisturbanceKind::Killed, from);
        started
    }

    /// Asks it to stop, as a deployment does, and starts it again.
    ///
    /// # Errors
    /// When it cannot be started again.
    pub(crate) async fn restart(&mut self, history: &History) -> Result<(), Failure> {
        let from = history.now();
        self.stop(history).await?;
        let started = self.start().await;
        note(history, DisturbanceKind::Stopped, from);
        started
    }

    /// Asks it to stop and waits until it has.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(crate) async fn stop(&mut self, history: &History) -> Result<(), Failure> {
        let Some(server) = self.server.take() else { return Ok(()) };
        let found = match server.stop().await? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => status.to_string(),
            None => "still running after 30 s".to_owned(),
        };
        history.violated(Violation::new("UNCLEAN_STOP", "the server, after SIGTERM", "exit code 0 within 30 s", found));
        Ok(())
    }

    async fn halt(&mut self, history: &History, draw: &mut Draw) -> Result<(), Failure> {
        let Some(server) = &self.server else { return Ok(()) };
        let from = history.now();
        server.signal("STOP")?;
        tokio::time::sleep(millis(50 + draw.below(HALTED_MS))).await;
        server.signal("CONT")?;
        note(history, DisturbanceKind::Halted, from);
        Ok(())
    }

    async fn start(&mut self) -> Result<(), Failure> {
        let server = Server::start_at(&self.data, self.port, &self.log, &self.globals).await?;
        self.slowest_start = self.slowest_start.max(server.ready_after());
        self.server = Some(server);
        Ok(())
    }
}

/// Writes down that something was done to the server from then till now.
pub(super) fn note(history: &History, kind: DisturbanceKind, from: Duration) {
    let to = history.now() + AFTERSHOCK;
    history.write().disturbances.push(Disturbance { kind, from, to });
}

fn millis(count: usize) -> Duration {
    Duration::from_millis(count as u64)
}
