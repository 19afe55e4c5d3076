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
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if config.json { lines.json().flatten_event(true).try_init() } else { lines.try_init() }
}
