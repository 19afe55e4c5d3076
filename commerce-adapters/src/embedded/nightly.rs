//! The audit of every day: one process of a data directory does it, and says in the log what it
//! found. Repairs nothing: that is for somebody who looks.

use std::sync::Arc;
use std::time::Duration;

use commerce_core::audit::{AuditRequest, Report};
use commerce_core::events::Leases;
use commerce_core::time::{Clock, Timestamp};
use commerce_core::{Actor, Commerce};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::system::RealTime;

/// The lease under which a day's audit is done. It is kept for the rest of the window, so that no
/// other process does it again.
const LEASE: &str = "audit";
/// How long after its time an audit is still begun: a server that was down then makes up for it.
const WINDOW: Duration = Duration::from_hours(1);
/// Pause between two looks at the clock.
const LOOK_PAUSE: Duration = Duration::from_secs(20);
/// Violations that are logged one by one; the rest is counted.
const LOGGED_MAX: usize = 50;

/// The audit of every day.
pub(super) struct Nightly {
    pub(super) shop: Commerce,
    pub(super) leases: Arc<dyn Leases>,
    pub(super) owner: Uuid,
    /// Of the day, in UTC.
    pub(super) minute: u32,
}

impl Nightly {
    /// Audits once a day until it is stopped.
    pub(super) async fn keep(self, clock: Arc<dyn Clock>, stop: CancellationToken) {
        let mut last = None;
        loop {
            let now = clock.now();
            let day = day_of(now, self.minute);
            if day.is_some() && day != last && self.is_ours(now).await {
                last = day;
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = self.audit() => {}
                }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(LOOK_PAUSE) => {}
            }
        }
    }

    async fn is_ours(&self, now: Timestamp) -> bool {
        match self.leases.acquire(LEASE, self.owner, now, now.plus(WINDOW)).await {
            Ok(held) => held.is_some(),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the audit's lease cannot be had");
                false
            }
        }
    }

    async fn audit(&self) {
        match self.shop.audit(&Actor::System, AuditRequest::new(&RealTime)).await {
            Ok(report) => tell(&report),
            Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "the audit could not be done"),
        }
    }
}

fn tell(report: &Report) {
    let count: u64 = report.counts.values().sum();
    let seconds = report.ended_at.since(report.started_at).as_secs_f64();
    if report.is_clean() {
        tracing::info!(rows = report.rows, unsettled = report.unsettled, seconds, "the audit found nothing wrong");
        return;
    }
    tracing::error!(violations = count, rows = report.rows, unsettled = report.unsettled, seconds, "the audit found violations");
    for it in report.violations.iter().take(LOGGED_MAX) {
        tracing::error!(invariant = %it.invariant, entity = it.entity, expected = it.expected, found = it.found, "a violation");
    }
}

/// The day whose audit may begin at `now`, counted from 1970; none outside the window.
fn day_of(now: Timestamp, minute: u32) -> Option<i64> {
    const MINUTES: i64 = 24 * 60;
    let since = now.as_micros().div_euclid(60_000_000) - i64::from(minute);
    let window = i64::try_from(WINDOW.as_secs() / 60).unwrap_or(MINUTES);
    (since.rem_euclid(MINUTES) < window).then(|| since.div_euclid(MINUTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audit_begins_within_an_hour_of_its_time_once_a_day() {
        let at = |hour: i64, minute: i64| Timestamp::from_micros(((20_000 * 24 + hour) * 60 + minute) * 60_000_000);
        assert_eq!(day_of(at(2, 59), 180), None);
        assert_eq!(day_of(at(3, 0), 180), Some(20_000));
        assert_eq!(day_of(at(3, 59), 180), Some(20_000));
        assert_eq!(day_of(at(4, 0), 180), None);
        assert_eq!(day_of(at(24, 10), 1_430), Some(20_000), "the window goes over midnight");
        assert_eq!(day_of(at(27, 0), 180), Some(20_001));
    }
}
