//! Figures for Prometheus: what was asked, how it was answered, how long it took.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use commerce_core::audit::{Invariant, Report};
use commerce_core::events::Queued;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::ways::{BREAKER_STATES, BreakerFigure};

/// Upper bounds of the latency buckets, in microseconds.
const BUCKETS_MICROS: [u64; 11] =
    [1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000, 30_000_000];

/// How long what a broker said of its queues is good for.
const BROKER_SAID: Duration = Duration::from_secs(2);
/// How long a broker may take to say it.
const BROKER_ANSWERS: Duration = Duration::from_secs(2);

/// The figures of one server.
#[derive(Default)]
pub struct Metrics {
    routes: RwLock<HashMap<(Method, String), Arc<RouteFigures>>>,
    /// Requests being served.
    pub in_flight: AtomicI64,
    /// Requests refused by a rate limit.
    pub limited: AtomicU64,
    /// Handlers that panicked.
    pub panics: AtomicU64,
    /// What a broker said of its queues, and when.
    said: Mutex<Option<(Instant, Vec<Queued>)>>,
}

/// What waits, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// Of what: a context's outbox, or a queue.
    pub name: &'static str,
    /// How many events.
    pub waiting: u64,
    /// The age of the oldest; nothing where that is not known.
    pub lag: Option<Duration>,
}

/// What is seen when figures are asked for.
#[derive(Default)]
pub struct Seen {
    /// The outbox of each context that lives here.
    pub backlogs: Vec<Behind>,
    /// The queue of each consumer that lives here, at a broker.
    pub queues: Vec<Behind>,
    /// The circuit breakers before others.
    pub breakers: Vec<BreakerFigure>,
    /// What the last audit of this process found.
    pub audit: Option<Report>,
}

impl Seen {
    fn write(&self, text: &mut String) -> std::fmt::Result {
        write_queues(text, &self.queues)?;
        write_breakers(text, &self.breakers)?;
        self.audit.as_ref().map_or(Ok(()), |audit| write_audit(text, audit))
    }
}

#[derive(Default)]
struct RouteFigures {
    /// By the hundreds of the status: 1xx to 5xx.
    answers: [AtomicU64; 5],
    buckets: [AtomicU64; BUCKETS_MICROS.len()],
    micros: AtomicU64,
}

impl Metrics {
    /// Notes one answer. `route` is the matched pattern, never a path from outside.
    pub fn answered(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let figures = self.route(method, route);
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        figures.answers[class].fetch_add(1, Ordering::Relaxed);
        figures.micros.fetch_add(micros, Ordering::Relaxed);
        if let Some(bucket) = BUCKETS_MICROS.iter().position(|bound| micros <= *bound) {
            figures.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What `ask` answers of a broker's queues, or has lately: whoever asks for figures more often costs the broker nothing.
    /// Nothing of one that does not answer in time.
    pub async fn queued(&self, ask: impl Future<Output = Vec<Queued>>) -> Vec<Queued> {
        let mut said = self.said.lock().await;
        if let Some((_, queued)) = said.as_ref().filter(|(at, _)| at.elapsed() < BROKER_SAID) {
            return queued.clone();
        }
        let queued = timeout(BROKER_ANSWERS, ask).await.unwrap_or_default();
        *said = Some((Instant::now(), queued.clone()));
        queued
    }

    fn route(&self, method: &Method, route: &str) -> Arc<RouteFigures> {
        let key = (method.clone(), route.to_owned());
        if let Some(figures) = self.routes.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(figures);
        }
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(routes.entry(key).or_default())
    }

    /// All of it in Prometheus' text format, with what is seen beside the requests.
    #[must_use]
    pub fn render(&self, seen: &Seen) -> String {
        let mut text = String::new();
        let written = self.write(&mut text, &seen.backlogs).and_then(|()| seen.write(&mut text));
        written.expect("writing to a string does not fail");
        text
    }

    fn write(&self, text: &mut String, backlogs: &[Behind]) -> std::fmt::Result {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let mut routes: Vec<_> = routes.iter().collect();
        routes.sort_by(|left, right| (&left.0.1, left.0.0.as_str()).cmp(&(&right.0.1, right.0.0.as_str())));
        text.push_str("# HELP http_requests_total Requests answered.\n# TYPE http_requests_total counter\n");
        for ((method, route), figures) in &routes {
            for (class, count) in figures.answers.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let class = class + 1;
                    writeln!(text, "http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{class}xx\"}} {count}")?;
                }
            }
        }
        text.push_str(
            "# HELP http_request_duration_seconds How long answers took.\n# TYPE http_request_duration_seconds histogram\n",
        );
        for ((method, route), figures) in &routes {
            figures.write_histogram(text, &format!("method=\"{method}\",route=\"{route}\""))?;
        }
        let gauges = [("http_requests_in_flight", "gauge", self.in_flight.load(Ordering::Relaxed).max(0).unsigned_abs())];
        let counters = [
            ("http_rate_limited_total", "counter", self.limited.load(Ordering::Relaxed)),
            ("http_panics_total", "counter", self.panics.load(Ordering::Relaxed)),
        ];
        for (name, kind, value) in gauges.into_iter().chain(counters) {
            writeln!(text, "# TYPE {name} {kind}\n{name} {value}")?;
        }
        text.push_str("# HELP outbox_waiting Events not published yet.\n# TYPE outbox_waiting gauge\n");
        for Behind { name, waiting, .. } in backlogs {
            writeln!(text, "outbox_waiting{{context=\"{name}\"}} {waiting}")?;
        }
        text.push_str("# HELP outbox_lag_seconds Age of the oldest event not published yet.\n# TYPE outbox_lag_seconds gauge\n");
        for Behind { name, lag, .. } in backlogs {
            writeln!(text, "outbox_lag_seconds{{context=\"{name}\"}} {}", lag.unwrap_or_default().as_secs_f64())?;
        }
        Ok(())
    }
}

fn write_queues(text: &mut String, queues: &[Behind]) -> std::fmt::Result {
    if queues.is_empty() {
        return Ok(());
    }
    text.push_str("# HELP queue_waiting Events at the broker that the consumer is not done with.\n# TYPE queue_waiting gauge\n");
    for Behind { name, waiting, .. } in queues {
        writeln!(text, "queue_waiting{{queue=\"{name}\"}} {waiting}")?;
    }
    text.push_str(
        "# HELP queue_lag_seconds Age of the oldest event that the consumer is not done with; not said where the broker does not tell.\n\
         # TYPE queue_lag_seconds gauge\n",
    );
    for Behind { name, lag, .. } in queues {
        if let Some(lag) = lag {
            writeln!(text, "queue_lag_seconds{{queue=\"{name}\"}} {}", lag.as_secs_f64())?;
        }
    }
    Ok(())
}

/// As Prometheus has states: a line for each, and 1 for the one that is.
fn write_breakers(text: &mut String, breakers: &[BreakerFigure]) -> std::fmt::Result {
    if breakers.is_empty() {
        return Ok(());
    }
    text.push_str(
        "# HELP circuit_breaker_state Whether others are called: closed as always, open not at all, half_open by one call that tries.\n\
         # TYPE circuit_breaker_state gauge\n",
    );
    for BreakerFigure { kind, name, at, state } in breakers {
        for each in BREAKER_STATES {
            let is = u8::from(*state == each);
            writeln!(
                text,
                "circuit_breaker_state{{kind=\"{kind}\",name=\"{name}\",at=\"{}\",state=\"{each}\"}} {is}",
                label(at)
            )?;
        }
    }
    Ok(())
}

/// A label's value as the text format writes it.
fn label(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

fn write_audit(text: &mut String, audit: &Report) -> std::fmt::Result {
    text.push_str(
        "# HELP audit_violations What the last audit found that is not as it must be.\n# TYPE audit_violations gauge\n",
    );
    for invariant in Invariant::ALL {
        let count = audit.counts.get(invariant).copied().unwrap_or(0);
        writeln!(text, "audit_violations{{invariant=\"{invariant}\"}} {count}")?;
    }
    let took = audit.ended_at.since(audit.started_at).as_secs_f64();
    let ended = audit.ended_at.as_millis() / 1_000;
    writeln!(text, "# TYPE audit_unsettled gauge\naudit_unsettled {}", audit.unsettled)?;
    writeln!(text, "# TYPE audit_last_run_timestamp_seconds gauge\naudit_last_run_timestamp_seconds {ended}")?;
    writeln!(text, "# TYPE audit_duration_seconds gauge\naudit_duration_seconds {took}")
}

impl RouteFigures {
    fn write_histogram(&self, text: &mut String, labels: &str) -> std::fmt::Result {
        let total: u64 = self.answers.iter().map(|count| count.load(Ordering::Relaxed)).sum();
        let mut sum = 0;
        for (bound, count) in BUCKETS_MICROS.iter().zip(&self.buckets) {
            sum += count.load(Ordering::Relaxed);
            let bound = Duration::from_micros(*bound).as_secs_f64();
            writeln!(text, "http_request_duration_seconds_bucket{{{labels},le=\"{bound}\"}} {sum}")?;
        }
        let seconds = Duration::from_micros(self.micros.load(Ordering::Relaxed)).as_secs_f64();
        writeln!(text, "http_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} {total}")?;
        writeln!(text, "http_request_duration_seconds_sum{{{labels}}} {seconds}")?;
        writeln!(text, "http_request_duration_seconds_count{{{labels}}} {total}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_answered_is_counted_by_route() {
        let metrics = Metrics::default();
        for millis in [1, 40] {
            metrics.answered(&Method::GET, "/api/products/{id}", StatusCode::OK, Duration::from_millis(millis));
        }
        let now = commerce_core::Timestamp::EPOCH;
        let audit = Report {
            violations: Vec::new(),
            counts: [(Invariant::Reserved, 2)].into(),
            repairs: Vec::new(),
            unsettled: 4,
            rows: 9,
            started_at: now,
            ended_at: now.plus(Duration::from_secs(3)),
        };
        let lag = Some(Duration::from_millis(1_500));
        let breaker = |at: &str, state| BreakerFigure { kind: "call", name: "catalog", at: at.to_owned(), state };
        let seen = Seen {
            backlogs: vec![Behind { name: "orders", waiting: 3, lag }],
            queues: vec![
                Behind { name: "order-cart-queue", waiting: 2, lag },
                Behind { name: "webhook-queue", waiting: 1, lag: None },
            ],
            breakers: vec![breaker("10.0.0.1:9082", "half_open"), breaker("a\"b\\", "open")],
            audit: Some(audit),
        };
        let text = metrics.render(&seen);
        assert!(text.contains("outbox_lag_seconds{context=\"orders\"} 1.5\n"), "{text}");
        assert!(text.contains("queue_waiting{queue=\"webhook-queue\"} 1\n"), "{text}");
        assert!(text.contains("queue_lag_seconds{queue=\"order-cart-queue\"} 1.5\n"), "{text}");
        assert!(!text.contains("queue_lag_seconds{queue=\"webhook-queue\"}"), "what is not known is not said: {text}");
        for (state, is) in [("closed", 0), ("half_open", 1), ("open", 0)] {
            let line =
                format!("circuit_breaker_state{{kind=\"call\",name=\"catalog\",at=\"10.0.0.1:9082\",state=\"{state}\"}} {is}\n");
            assert!(text.contains(&line), "{text}");
        }
        assert!(text.contains(r#"at="a\"b\\",state="open"} 1"#), "{text}");
        assert!(text.contains("audit_violations{invariant=\"I2\"} 2") && text.contains("audit_duration_seconds 3"), "{text}");
        assert!(text.contains("http_requests_total{method=\"GET\",route=\"/api/products/{id}\",status=\"2xx\"} 2"), "{text}");
        assert!(text.contains("le=\"0.05\"} 2") && text.contains("outbox_waiting{context=\"orders\"} 3"), "{text}");
    }
}
