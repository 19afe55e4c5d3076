//! Log lines: coloured text for people, one JSON object a line for machines.

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
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    if config.json { lines.json().flatten_event(true).try_init() } else { lines.try_init() }
}
