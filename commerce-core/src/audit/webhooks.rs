//! Webhook endpoints and what they are told.

use crate::error::StoreError;
use crate::limits;
use crate::notifications::{DeliveryStatus, EndpointStatus};
use crate::time::Timestamp;

use super::Invariant::{Event, Reference, Times, Version};
use super::books::{Cell, Pages, Walk};
use super::cross::{Eyes, Suspicion};
use super::findings::Findings;
use super::money::due;
use super::run::Scene;
use super::said::is_kept;
use super::tables::{WEBHOOK_DELIVERIES, WEBHOOK_ENDPOINTS};
use super::told::past;
use super::walks::Entry;

/// A delivery is tried while it is to be made and not afterwards, and its times are those of its status.
pub(super) fn delivery(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let Some(row) = entry.one(WEBHOOK_DELIVERIES) else { return };
    let name = &entry.name;
    past(entry, WEBHOOK_DELIVERIES, "created_at", scene, findings);
    let Some(status) = row.word::<DeliveryStatus>("status") else { return };
    let (open, held) = (status == DeliveryStatus::Pending, row.at("held_at").is_some());
    let is_due = row.at("due_at").is_some();
    findings.hold(Event, name, is_due == (open && !held), "a time to be made while it is to be made", status);
    findings.hold(Event, name, open || !held, "no wait for a word when it is through", status);
    let delivered = row.at("delivered_at").is_some();
    findings.hold(Event, name, delivered == (status == DeliveryStatus::Delivered), "when it was taken once it is", status);
    let why = *row.cell("error") != Cell::Null;
    findings.hold(Event, name, why || status != DeliveryStatus::Failed, "why it was given up", row.cell("error"));
    findings.hold(Event, name, !why || !delivered, "no error", row.cell("error"));
    let (tries, version) = (row.int("tries").unwrap_or(0), row.int("version").unwrap_or(0));
    findings.hold(Version, name, version > tries, format_args!("a version above {tries}"), version);
    if let Some(at) = row.at("due_at") {
        due(name, "delivered", at, scene, findings);
        let longest = limits::WEBHOOK_PAUSES.iter().max().copied().unwrap_or_default();
        let latest = scene.now.plus(longest.saturating_mul(2)).plus(limits::AUDIT_CLOCKS_APART);
        findings.hold(Times, name, at <= latest, format_args!("a time to be made before {latest}"), at);
    }
    let later = row.at("delivered_at").is_none() || row.at("created_at") <= row.at("delivered_at");
    findings.hold(Times, name, later, "taken after it was recorded", "before");
}

/// An endpoint that is not told says why, and has a former secret only with its end.
pub(super) fn endpoint(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let Some(row) = entry.one(WEBHOOK_ENDPOINTS) else { return };
    let name = &entry.name;
    past(entry, WEBHOOK_ENDPOINTS, "created_at", scene, findings);
    let Some(status) = row.word::<EndpointStatus>("status") else { return };
    let why = *row.cell("reason") != Cell::Null;
    findings.hold(Reference, name, why == (status != EndpointStatus::Active), "why it is not told when it is not", status);
    let (former, until) = (*row.cell("former_secret") != Cell::Null, row.at("former_until").is_some());
    findings.hold(Reference, name, former == until, "a former secret with its end", row.cell("former_until"));
    let times = row.at("created_at") <= row.at("updated_at");
    findings.hold(Times, name, times, "changed after it was made", "before");
}

impl Eyes<'_> {
    /// Each delivery is of an event, and says what that said.
    pub(super) async fn deliveries(&self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let ids = pages.of(WEBHOOK_DELIVERIES).iter().map(|row| row.cell("event_id").clone()).collect();
        let events = self.events(ids).await?;
        let mut suspicions = Vec::new();
        for row in pages.of(WEBHOOK_DELIVERIES) {
            let mut findings = Findings::default();
            let name = row.cell("id").to_string();
            let created = row.at("created_at").unwrap_or(Timestamp::EPOCH);
            match events.get(row.cell("event_id")) {
                Some(event) => {
                    findings.same(Event, &name, "of the event", event.cell("type"), row.cell("kind"));
                    findings.same(Event, &name, "of the time", event.cell("occurred_at"), row.cell("occurred_at"));
                    let same = event.json::<serde_json::Value>("data") == row.json("data");
                    findings.hold(Event, &name, same, event.cell("data"), row.cell("data"));
                }
                None if is_kept(created, self.now) => findings.add(Event, &name, "an event that caused it", "none"),
                None => {}
            }
            suspicions.extend(findings.violations.into_iter().map(|violation| (row.cell(walk.key).clone(), violation)));
        }
        Ok(suspicions)
    }
}
