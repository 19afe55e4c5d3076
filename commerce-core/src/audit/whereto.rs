//! Where an order goes, and by which option, against what its events said.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::events::EventKind;
use crate::ids::{Id, PaymentId};
use crate::orders::address_digest;

use super::Invariant::Event;
use super::books::Row;
use super::erasures::goes_nowhere;
use super::findings::Findings;
use super::run::Scene;
use super::tables::{ORDERS, OUTBOX, PAYMENTS};
use super::walks::Entry;

/// Every event says the option that the order has; where it goes changes when an event says so, and is what was said
/// last. Events from before they said it are passed over.
pub(super) fn goes(entry: &Entry<'_>, _scene: Scene, findings: &mut Findings) {
    let (Some(order), Some(payment)) = (entry.one(ORDERS), entry.one(PAYMENTS)) else { return };
    let mut last: Option<String> = None;
    for (version, decision) in decisions(entry) {
        if let Some(option) = decision.option {
            let found = order.text("shipping_option").unwrap_or_default();
            findings.same(Event, &entry.name, &format!("version {version} said it is shipped by"), option.as_str(), found);
        }
        let Some(to) = decision.to else { continue };
        let moved = last.as_ref().is_some_and(|last| *last != to);
        let told = !moved || decision.redirects || goes_nowhere(order);
        findings.hold(Event, &entry.name, told, "sent elsewhere where that is said alone", format_args!("version {version}"));
        last = Some(to);
    }
    let Some(said) = last.filter(|_| !goes_nowhere(order)) else { return };
    let fits = payment.id("id").is_some_and(|id| said == digest(order, PaymentId::from_uuid(id)));
    findings.hold(Event, &entry.name, fits, "the address that was said last", "another");
}

/// What one decision said of where its order goes.
#[derive(Default)]
struct Said {
    option: Option<String>,
    to: Option<String>,
    redirects: bool,
}

fn decisions(entry: &Entry<'_>) -> BTreeMap<i64, Said> {
    let mut decisions: BTreeMap<i64, Said> = BTreeMap::new();
    for event in entry.of(OUTBOX) {
        let Some(data) = event.json::<Value>("data") else { continue };
        let text = |name| data.get(name).and_then(Value::as_str).map(str::to_owned);
        let said = decisions.entry(event.int("version").unwrap_or(0)).or_default();
        (said.option, said.to) = (text("shippingOption"), text("addressDigest"));
        said.redirects |= event.word("type") == Some(EventKind::OrderRedirected);
    }
    decisions
}

/// Whether nothing of a person is left in the order's address. That is said by no event.
fn digest(order: &Row, payment: PaymentId) -> String {
    let parts = ["full_name", "line1", "line2", "city", "state", "postal_code", "country", "phone"];
    address_digest(payment, parts.map(|part| order.text(&format!("ship_{part}"))))
}
