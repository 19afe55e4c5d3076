//! Log lines: text for people, coloured on a terminal; one JSON object a line for machines.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::TelemetryConfig;

/// Starts writing log lines to standard error. `RUST_LOG` refines the level.
///
/// # Errors
/// When something else writes them already.
pub fn start(config: TelemetryConfig) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let default = format!("warn,commerce={0},commerce_core={0},commerce_adapters={0},commerce_server={0}", config.level);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    // What cannot be written there cannot be complained of there either: the complaint would be a panic of whoever logs.
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(coloured).log_internal_errors(false);
    if config.json { lines.json().flatten_event(true).try_init() } else { lines.try_init() }
}
