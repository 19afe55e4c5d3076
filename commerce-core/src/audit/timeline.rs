//! Histories: a path of the state graph, in time, that ends where the order is.

use crate::limits::AUDIT_MOMENT;
use crate::orders::OrderStatus;

use super::Invariant::{History, Times};
use super::findings::Findings;
use super::run::Scene;
use super::tables::{HISTORY, ORDERS};
use super::walks::Entry;

/// The history begins with PENDING, follows the state graph and ends at the order's status.
pub(super) fn history(entry: &Entry<'_>, _scene: Scene, findings: &mut Findings) {
    let Some(order) = entry.one(ORDERS) else { return };
    let number = &entry.name;
    let mut before: Option<OrderStatus> = None;
    let mut time = None;
    for row in entry.of(HISTORY) {
        let Some(status) = row.word::<OrderStatus>("status") else { continue };
        let fits = before.map_or(status == OrderStatus::Pending, |before| before.may_become(status));
        let after = before.map_or("PENDING first".to_owned(), |before| format!("a step from {before}"));
        findings.hold(History, number, fits, after, status);
        let at = row.at("reached_at");
        findings.hold(Times, number, time <= at, "times that do not fall", format_args!("{status} before what came first"));
        (before, time) = (Some(status), at);
    }
    let last = before.map_or_else(|| "no history".to_owned(), |last| last.to_string());
    findings.same(History, number, "status", last, order.cell("status").to_string());
    let updated = order.at("updated_at").map(|at| at.plus(AUDIT_MOMENT));
    findings.hold(Times, number, time <= updated, "updated with its last step", "an update before its last step");
}
