//! What an order said: its events against its history, its facts and itself; and its key.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::events::{EventKind, Topic};
use crate::ids::{Id, OrderId};
use crate::limits;
use crate::orders::{AttemptState, OrderStatus, PaymentMethod, RefundState};
use crate::time::Timestamp;

use super::Invariant::{Event, Key, Times, Version};
use super::books::Row;
use super::erasures::is_anonymous;
use super::findings::Findings;
use super::keys::places;
use super::run::Scene;
use super::shipments::nothing_arrived;
use super::tables::{ATTEMPTS, HISTORY, ITEMS, KEYS, ORDERS, OUTBOX, PAYMENTS, REFUNDS, RETURNS, SHIPMENTS};
use super::walks::Entry;

/// The status that an event of this kind says, if it says one.
fn status_of(kind: EventKind) -> Option<OrderStatus> {
    match kind {
        EventKind::OrderCreated => Some(OrderStatus::Pending),
        EventKind::OrderConfirmed => Some(OrderStatus::Confirmed),
        EventKind::OrderProcessing => Some(OrderStatus::Processing),
        EventKind::OrderShipped => Some(OrderStatus::Shipped),
        EventKind::OrderOutForDelivery => Some(OrderStatus::OutForDelivery),
        EventKind::OrderDelivered => Some(OrderStatus::Delivered),
        EventKind::OrderCancelled => Some(OrderStatus::Cancelled),
        EventKind::UserRegistered
        | EventKind::PasswordResetRequested
        | EventKind::ProductUpdated
        | EventKind::LowStockAlert
        | EventKind::PaymentSuccess
        | EventKind::PaymentFailed
        | EventKind::RefundSucceeded
        | EventKind::OrderLinesCancelled
        | EventKind::OrderRedirected
        | EventKind::OrderLinkRequested
        | EventKind::ShipmentCreated
        | EventKind::ShipmentUpdated
        | EventKind::ReturnRequested
        | EventKind::ReturnApproved
        | EventKind::ReturnRejected
        | EventKind::ReturnReceived
        | EventKind::ReturnRefunded
        | EventKind::ReturnExchanged
        | EventKind::StaffActed => None,
    }
}

/// Whether an event of this instant must still be there.
pub(super) fn is_kept(at: Timestamp, now: Timestamp) -> bool {
    at.plus(limits::EVENT_KEEP) > now
}

/// Each step of the history was said under its own id, and each step that was said is in the
/// history.
pub(super) fn steps(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let number = &entry.name;
    if entry.one(ORDERS).is_none() {
        return;
    }
    for row in entry.of(HISTORY) {
        let event = entry.of(OUTBOX).find(|event| event.cell("id") == row.cell("id"));
        let Some(status) = row.word::<OrderStatus>("status") else { continue };
        if let Some(event) = event {
            let said = event.word::<EventKind>("type").and_then(status_of);
            findings.hold(Event, number, said == Some(status), format_args!("{status} said"), event.cell("type"));
            findings.same(Event, number, "said when it was reached:", row.cell("reached_at"), event.cell("occurred_at"));
        } else {
            let kept = row.at("reached_at").is_some_and(|at| is_kept(at, scene.now));
            findings.hold(Event, number, !kept, format_args!("{status} said"), "no event");
        }
    }
    for event in entry.of(OUTBOX) {
        let Some(kind) = event.word::<EventKind>("type") else { continue };
        if status_of(kind).is_some() {
            let told = entry.of(HISTORY).any(|row| row.cell("id") == event.cell("id"));
            findings.hold(Event, number, told, format_args!("{kind} in the history"), "no such step");
        }
    }
}

/// Captures, declines and refunds were said, each once.
pub(super) fn facts(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let (Some(order), Some(payment)) = (entry.one(ORDERS), entry.one(PAYMENTS)) else { return };
    let Some(id) = order.id("id").map(OrderId::from_uuid) else { return };
    let attempts = |state| count(entry.of(ATTEMPTS).filter(|row| row.word("state") == Some(state)));
    let delivered = order.word("status") == Some(OrderStatus::Delivered) && !nothing_arrived(entry);
    let cash = u64::from(delivered && payment.word("method") == Some(PaymentMethod::Cod));
    let succeeded = entry.of(REFUNDS).filter(|row| row.word("state") == Some(RefundState::Succeeded));
    let (captured, declined) = (attempts(AttemptState::Captured).saturating_add(cash), attempts(AttemptState::Declined));
    let all = declined.saturating_add(attempts(AttemptState::Captured));
    let kept = is_kept(id.placed_at(), scene.now);
    let returns = count(entry.of(RETURNS));
    // What left the house before shipments were known is named after its step in the history.
    let old = |row: &&Row| entry.of(HISTORY).any(|step| step.cell("id") == row.cell("id"));
    let (shipments, told) = (count(entry.of(SHIPMENTS)), count(entry.of(SHIPMENTS).filter(|row| !old(row))));
    // A declined attempt may have been captured later: both were said.
    let facts = [
        (EventKind::PaymentSuccess, captured, captured),
        (EventKind::PaymentFailed, declined, all),
        (EventKind::RefundSucceeded, count(succeeded.clone()), count(succeeded)),
        (EventKind::ShipmentCreated, told, shipments),
        (EventKind::ReturnRequested, returns, returns),
    ];
    for (kind, least, most) in facts {
        let said = count(entry.of(OUTBOX).filter(|event| event.word("type") == Some(kind)));
        let fits = said <= most && (said >= least || !kept);
        findings.hold(Event, &entry.name, fits, format_args!("{kind} said {least} times"), said);
    }
}

fn count<'p>(rows: impl Iterator<Item = &'p Row>) -> u64 {
    u64::try_from(rows.count()).unwrap_or(u64::MAX)
}

/// What was said is what the order is: its number, user, lines and amounts. Versions do not fall
/// and are none the order has not had.
pub(super) fn words(entry: &Entry<'_>, _scene: Scene, findings: &mut Findings) {
    let Some(order) = entry.one(ORDERS) else {
        let orphan = entry.of(OUTBOX).find(|event| event.word("topic") == Some(Topic::Orders));
        if let Some(event) = orphan {
            findings.add(Event, &entry.name, "an order", format_args!("{} of none", event.cell("type")));
        }
        return;
    };
    let (number, version) = (&entry.name, order.int("version").unwrap_or(0));
    let (lines, amounts) = (lines(entry), amounts(order));
    let mut before = 0;
    for event in entry.of(OUTBOX) {
        let said = event.int("version").unwrap_or(0);
        let least = if is_decision(event) { before } else { 1 };
        let fits = (1..=version).contains(&said) && least <= said;
        findings.hold(Version, number, fits, format_args!("a version from {least} to {version}"), said);
        let first = event.word("type") != Some(EventKind::OrderCreated) || said == 1;
        findings.hold(Version, number, first, "created with version 1", said);
        before = before.max(said);
        findings.hold(Event, number, event.word("topic") == Some(Topic::Orders), Topic::Orders, event.cell("topic"));
        let Some(data) = event.json::<Value>("data") else { continue };
        for (pointer, expected) in &amounts {
            let found = data.pointer(pointer).cloned().unwrap_or_default();
            findings.same(Event, number, &format!("said {pointer}"), expected.clone(), found);
        }
        let said = data.get("lines").and_then(Value::as_array).cloned().unwrap_or_default();
        let said: Vec<Value> = said.iter().map(brief).collect();
        findings.hold(Event, number, said == lines, format_args!("said lines {}", json!(lines)), json!(said));
    }
}

/// Whether an event says what its order became. That a guest asked for her link changes nothing, and may be said beside what
/// changes it.
fn is_decision(event: &Row) -> bool {
    event.word("type") != Some(EventKind::OrderLinkRequested)
}

/// What one decision said it said alike: one time, one trace, and one state of the order, which is
/// the one that its history had come to, in the words of the history. The last decision is the order's last change,
/// and what changed without words is asking providers.
pub(super) fn decisions(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let Some(order) = entry.one(ORDERS) else { return };
    let number = &entry.name;
    let mut by_version: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
    for event in entry.of(OUTBOX).filter(|event| is_decision(event)) {
        by_version.entry(event.int("version").unwrap_or(0)).or_default().push(event);
    }
    let mut status: Option<OrderStatus> = None;
    for (version, events) in &by_version {
        let Some(first) = events.first() else { continue };
        for column in ["occurred_at", "traceparent", "data"] {
            let other = events.iter().find(|event| event.cell(column) != first.cell(column));
            if let Some(other) = other {
                findings.add(
                    Event,
                    number,
                    format_args!("one {column} of version {version}: {}", first.cell(column)),
                    other.cell(column),
                );
            }
        }
        let reached = events.iter().filter_map(|event| event.word::<EventKind>("type").and_then(status_of)).next_back();
        let before = status;
        status = reached.or(status);
        let Some(data) = first.json::<Value>("data") else { continue };
        let said = |name| data.get(name).cloned().unwrap_or_default();
        if let Some(status) = status {
            findings.same(Event, number, &format!("version {version} said"), json!(status), said("status"));
        }
        if *version == 1 || before.is_some() {
            let sold = before.is_some_and(|before| !matches!(before, OrderStatus::Pending | OrderStatus::Cancelled));
            findings.same(Event, number, &format!("version {version} said sold before:"), json!(sold), said("wasConfirmed"));
        }
        let cart = *version == 1 || said("fromCart") == json!(false);
        findings.hold(Event, number, cart, "only a new order out of a cart", format_args!("version {version}"));
        let claimed = said("cartClaim").is_null() || said("fromCart") == json!(true);
        findings.hold(Event, number, claimed, "a claim on a cart only of an order out of one", said("cartClaim"));
        for step in entry.of(HISTORY).filter(|step| events.iter().any(|event| event.cell("id") == step.cell("id"))) {
            let note = step.text("note").filter(|note| !note.is_empty());
            if note.is_none() && is_anonymous(order) {
                // Of who was erased, words are forgotten.
                continue;
            }
            findings.same(Event, number, "in the words of the history", json!(note), said("note"));
        }
    }
    let methods: BTreeSet<String> = entry.of(ATTEMPTS).filter_map(|row| row.text("method").map(str::to_owned)).collect();
    for event in entry.of(OUTBOX) {
        let method = event.json::<Value>("data").and_then(|data| data.get("paymentMethod")?.as_str().map(str::to_owned));
        let Some(method) = method else { continue };
        let free = methods.is_empty() && order.int("total_minor") == Some(0);
        let fits = method == PaymentMethod::Cod.as_str() || free || methods.contains(&method);
        findings.hold(Event, number, fits, format_args!("to be paid by one of {methods:?}"), method);
    }
    last_change(entry, order, &by_version, scene, findings);
}

fn last_change(entry: &Entry<'_>, order: &Row, said: &BTreeMap<i64, Vec<&Row>>, scene: Scene, findings: &mut Findings) {
    let (number, version) = (&entry.name, order.int("version").unwrap_or(0));
    let (Some((last, events)), Some(updated)) = (said.last_key_value(), order.at("updated_at")) else { return };
    let Some(at) = events.first().and_then(|event| event.at("occurred_at")) else { return };
    let fits = if *last == version { updated == at } else { updated > at };
    findings.hold(Times, number, fits, format_args!("updated when version {version} was said, {at} version {last}"), updated);
    let latest = scene.now.plus(limits::AUDIT_CLOCKS_APART);
    findings.hold(Times, number, updated <= latest, "updated until now", updated);
    // Each question to a provider is a change; so are each new attempt, its name, and more time to pay. Forgetting is silent.
    let rows = entry.of(ATTEMPTS).chain(entry.of(REFUNDS));
    let asked = rows.fold(0_i64, |sum, row| sum.saturating_add(row.int("checks").unwrap_or(0)).saturating_add(4));
    let most = i64::try_from(said.len()).unwrap_or(i64::MAX).saturating_add(asked).saturating_add(i64::from(is_anonymous(order)));
    let whole =
        said.contains_key(&1) && entry.of(OUTBOX).all(|event| event.at("occurred_at").is_some_and(|at| is_kept(at, scene.now)));
    findings.hold(Version, number, !whole || version <= most, format_args!("a version of at most {most}"), version);
}

fn amounts(order: &Row) -> Vec<(&'static str, Value)> {
    let uuid = |column| order.id(column).map_or(Value::Null, |id: Uuid| json!(id));
    let money = |column| json!({ "amount": order.int(column), "currency": order.text("currency") });
    vec![
        ("/orderId", uuid("id")),
        ("/userId", uuid("user_id")),
        ("/number", json!(order.text("number"))),
        ("/subtotal", money("subtotal_minor")),
        ("/discount", money("discount_minor")),
        ("/shipping", money("shipping_minor")),
        ("/tax", money("tax_minor")),
        ("/total", money("total_minor")),
        ("/hold/key", json!(order.bytes("hold_key").map(hex::encode))),
        ("/hold/generation", json!(order.int("hold_generation"))),
    ]
}

fn lines(entry: &Entry<'_>) -> Vec<Value> {
    let line = |row: &Row| {
        json!([row.text("sku"), row.id("product_id"), row.text("name"), row.int("quantity"), row.int("unit_price_minor")])
    };
    entry.of(ITEMS).map(line).collect()
}

fn brief(line: &Value) -> Value {
    let at = |pointer| line.pointer(pointer).cloned().unwrap_or_default();
    json!([at("/sku"), at("/productId"), at("/name"), at("/quantity"), at("/unitPrice/amount")])
}

/// An order was made under one key, of its hold's generation.
pub(super) fn key(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let Some(order) = entry.one(ORDERS) else { return };
    let Some(id) = order.id("id").map(OrderId::from_uuid) else { return };
    let made = || entry.of(KEYS).filter(|key| key.text("route").is_some_and(places));
    let kept = id.placed_at().plus(limits::IDEMPOTENCY_KEEP) > scene.now;
    let count = made().count();
    let fits = count == 1 || (count == 0 && !kept);
    findings.hold(Key, &entry.name, fits, "one key that made it", format_args!("{count} keys"));
    for key in made() {
        findings.same(Key, &entry.name, "key of the hold's generation:", order.cell("hold_generation"), key.cell("generation"));
    }
    let others = entry.of(KEYS).filter(|key| !key.text("route").is_some_and(places));
    for key in others {
        let route = key.text("route").unwrap_or_default();
        let fits = route.starts_with(&format!("POST /api/orders/{id}/"));
        findings.hold(Key, &entry.name, fits, "a key of a request about it", route);
    }
}
