//! What a run says.

use std::time::Duration;

use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Column;

use super::load::Samples;

/// What a run measured.
pub(crate) struct Report {
    pub scenario: String,
    pub through: String,
    pub workers: usize,
    pub samples: Samples,
    /// Processor time of the server, and of what made the load, while it counted.
    pub server_cpu: Option<Duration>,
    pub own_cpu: Option<Duration>,
    pub server_memory_mib: Option<u64>,
    /// How long the filled shop took to open, through the library, or the server to be ready.
    pub opened_in: Option<Duration>,
    /// The server's memory before the load.
    pub idle_memory_mib: Option<u64>,
    /// Durable commits of the disk per second, before and after.
    pub disk: Option<(u64, u64)>,
    /// What waited when the load ended.
    pub backlog: Option<Waiting>,
}

/// What waited when the load ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    /// Events that were not with all consumers yet.
    pub events: u64,
    /// The age of the oldest of them.
    pub oldest: Duration,
    /// How long the shop took to come to rest, mails included.
    pub settled_in: Duration,
}

const COLUMNS: &[Column] = &[
    ("Scenario", "/scenario"),
    ("Through", "/through"),
    ("Workers", "/workers"),
    ("Seconds", "/seconds"),
    ("Operations", "/operations"),
    ("Per second", "/perSecond"),
    ("p50 ms", "/p50Ms"),
    ("p95 ms", "/p95Ms"),
    ("p99 ms", "/p99Ms"),
    ("max ms", "/maxMs"),
    ("Errors", "/errors"),
    ("Server CPU ms/op", "/serverCpuMsPerOperation"),
    ("Generator CPU ms/op", "/generatorCpuMsPerOperation"),
    ("Server memory MiB", "/serverMemoryMib"),
    ("Idle memory MiB", "/idleMemoryMib"),
    ("Opened in ms", "/openedMs"),
    ("Disk commits/s before", "/diskCommitsPerSecond/before"),
    ("Disk commits/s after", "/diskCommitsPerSecond/after"),
    ("Events waiting at the end", "/backlog/waiting"),
    ("Oldest of them ms", "/backlog/oldestMs"),
    ("Settled after ms", "/backlog/settledMs"),
];

impl Report {
    /// Shows it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn show(&self, cx: &Context) -> Result<(), Failure> {
        let value = self.json();
        let known: Vec<Column> =
            COLUMNS.iter().filter(|(_, at)| value.pointer(at).is_some_and(|value| !value.is_null())).copied().collect();
        cx.out.record(&value, &known)
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn json(&self) -> Value {
        let samples = &self.samples;
        // Failures cost as much as successes, often more.
        let operations = (samples.done() + samples.failed()).max(1);
        let per_operation = |cpu: Duration| rounded(millis(cpu) / operations as f64, 4);
        json!({
            "scenario": self.scenario, "through": self.through, "workers": self.workers,
            "seconds": rounded(samples.elapsed.as_secs_f64(), 2), "operations": samples.done(),
            "perSecond": rounded(samples.rate(), 1),
            "p50Ms": rounded(millis(samples.percentile(50)), 3), "p95Ms": rounded(millis(samples.percentile(95)), 3),
            "p99Ms": rounded(millis(samples.percentile(99)), 3), "maxMs": rounded(millis(samples.max()), 3),
            "errors": if samples.errors.is_empty() { json!(0) } else { json!(samples.errors) },
            "serverCpuMsPerOperation": self.server_cpu.map(per_operation),
            "generatorCpuMsPerOperation": self.own_cpu.map(per_operation),
            "serverMemoryMib": self.server_memory_mib, "idleMemoryMib": self.idle_memory_mib,
            "openedMs": self.opened_in.map(|took| rounded(millis(took), 2)),
            "diskCommitsPerSecond": self.disk.map(|(before, after)| json!({ "before": before, "after": after })),
            "backlog": self.backlog.map(|it| json!({
                "waiting": it.events, "oldestMs": rounded(millis(it.oldest), 1), "settledMs": rounded(millis(it.settled_in), 1),
            })),
        })
    }
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1_000.0
}

fn rounded(figure: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (figure * scale).round() / scale
}
