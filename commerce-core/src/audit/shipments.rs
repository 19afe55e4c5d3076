//! Shipments: no more leaves the house than was ordered, and the order is as far as they are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::orders::{OrderStatus, ReturnLine, ReturnStatus, ShipmentEvent, ShipmentLine, ShipmentStatus};
use crate::text::Sku;

use super::Invariant::{Event, Reference, Shipment, Times};
use super::books::Row;
use super::cancellations;
use super::findings::Findings;
use super::run::Scene;
use super::said::is_kept;
use super::tables::{ITEMS, ORDERS, OUTBOX, RETURNS, SHIPMENTS};
use super::walks::Entry;

/// Units of each SKU.
pub(super) type Units = BTreeMap<Sku, i64>;

/// Each shipment is as far as was said of it; together they are not more than the order, which is as far as
/// they are.
pub(super) fn gone(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let Some(order) = entry.one(ORDERS) else { return };
    let number = &entry.name;
    for (row, position) in entry.of(SHIPMENTS).zip(0_i64..) {
        findings.same(Reference, number, "shipment", position, row.int("position").unwrap_or(-1));
        let lines: Vec<ShipmentLine> = row.json("lines").unwrap_or_default();
        let skus: BTreeSet<&Sku> = lines.iter().map(|line| &line.sku).collect();
        let once = !lines.is_empty() && skus.len() == lines.len();
        findings.hold(Shipment, number, once, "each SKU of a shipment once", format_args!("{lines:?}"));
        let events: Vec<ShipmentEvent> = row.json("events").unwrap_or_default();
        heard(entry, row, &events, findings);
        let times = (row.at("created_at"), row.at("updated_at"), order.at("updated_at"));
        let fits = times.0 <= times.1 && times.1 <= times.2;
        findings.hold(Times, number, fits, "shipped, changed, and the order changed", format_args!("{times:?}"));
        said(entry, row, scene, findings);
    }
    let gone = units(entry, |_| true);
    for (sku, units) in &gone {
        let most = ordered(entry, sku);
        findings.hold(Shipment, number, *units <= most, format_args!("at most {most} of {sku} shipped"), units);
    }
    standing(entry, order, &gone, findings);
}

/// A shipment's status is what happened to it last, and nothing happened to it after it had arrived.
fn heard(entry: &Entry<'_>, row: &Row, events: &[ShipmentEvent], findings: &mut Findings) {
    let last = events.last().map_or(ShipmentStatus::Shipped, |last| last.status);
    findings.same(Shipment, &entry.name, "a shipment as was said:", last.as_str(), row.text("status").unwrap_or_default());
    let in_time = events.is_sorted_by_key(|event| event.at);
    let arrivals = events.iter().filter(|event| event.status == ShipmentStatus::Delivered).count();
    let fits = in_time && arrivals <= 1 && events.iter().all(|event| event.status != ShipmentStatus::Shipped);
    findings.hold(Shipment, &entry.name, fits, "one thing after the other, until it arrives", format_args!("{events:?}"));
}

/// The last that was said of a shipment is how far it is, with whom it goes and what is in it.
fn said(entry: &Entry<'_>, row: &Row, scene: Scene, findings: &mut Findings) {
    let id = row.id("id").map(|id| id.to_string());
    let told = entry.of(OUTBOX).filter_map(|event| {
        let shipments = event.json::<serde_json::Value>("data")?.get("shipments")?.as_array()?.clone();
        let same = |it: &&serde_json::Value| it.get("shipmentId").and_then(serde_json::Value::as_str) == id.as_deref();
        shipments.into_iter().find(|it| same(&it))
    });
    // Of what left the house before shipments were known, nothing was said.
    if let Some(last) = told.last().filter(|_| row.at("updated_at").is_some_and(|at| is_kept(at, scene.now))) {
        let said = |name| last.get(name).cloned().unwrap_or_default();
        let status = row.text("status").unwrap_or_default();
        findings.hold(Event, &entry.name, said("status") == status, format_args!("a shipment said {status}"), said("status"));
        for (name, column) in [("carrier", "carrier"), ("trackingNumber", "tracking_number")] {
            findings.same(Event, &entry.name, &format!("a shipment said {name}"), json!(row.text(column)), said(name));
        }
        let lines: Vec<ShipmentLine> = row.json("lines").unwrap_or_default();
        let fits = serde_json::from_value::<Vec<ShipmentLine>>(said("lines")).is_ok_and(|said| said == lines);
        findings.hold(Event, &entry.name, fits, format_args!("a shipment said of {}", json!(lines)), said("lines"));
    }
}

/// The order is as far as its shipments say.
fn standing(entry: &Entry<'_>, order: &Row, gone: &Units, findings: &mut Findings) {
    let Some(status) = order.word::<OrderStatus>("status") else { return };
    let skus = entry.of(ITEMS).filter_map(|item| item.text("sku")?.parse::<Sku>().ok());
    let whole = skus.into_iter().all(|sku| gone.get(&sku).copied().unwrap_or(0) >= ordered(entry, &sku));
    let is = |row: &Row, status| row.word::<ShipmentStatus>("status") == Some(status);
    let arrived = at_end(entry);
    let out = entry.of(SHIPMENTS).any(|row| is(row, ShipmentStatus::OutForDelivery));
    let none = gone.is_empty();
    let fits = match status {
        OrderStatus::Pending | OrderStatus::Confirmed | OrderStatus::Cancelled => none,
        OrderStatus::Processing => none || !whole,
        OrderStatus::Shipped => whole && !arrived && !out,
        OrderStatus::OutForDelivery => whole && !arrived,
        OrderStatus::Delivered => whole && arrived,
    };
    let found = format_args!("{gone:?} shipped, all of it: {whole}, out: {out}, none under way: {arrived}");
    findings.hold(Shipment, &entry.name, fits, format_args!("shipments as of {status}"), found);
}

/// Whether no parcel is under way any more: what did not arrive could not be handed over, and is back.
fn at_end(entry: &Entry<'_>) -> bool {
    let ended = |row: &Row| matches!(row.word("status"), Some(ShipmentStatus::Delivered | ShipmentStatus::Failed));
    entry.of(SHIPMENTS).all(ended) && not_handed_over(entry) == refused_back(entry)
}

/// Whether all that left the house is back, and the customer has nothing.
pub(super) fn nothing_arrived(entry: &Entry<'_>) -> bool {
    entry.of(SHIPMENTS).next().is_some() && at_end(entry) && delivered(entry).is_empty()
}

/// Units that could not be handed over and are back, or were paid back as lost.
pub(super) fn refused_back(entry: &Entry<'_>) -> Units {
    let done = |row: &&Row| {
        let status = row.word::<ReturnStatus>("status");
        matches!(status, Some(ReturnStatus::Received | ReturnStatus::Refunded | ReturnStatus::Exchanged))
    };
    let lines = entry.of(RETURNS).filter(done).filter_map(|row| row.json::<Vec<ReturnLine>>("lines")).flatten();
    lines.filter(|line| line.refused && line.units() > 0).fold(Units::new(), |mut units, line| {
        let sum = units.entry(line.sku.clone()).or_default();
        *sum = sum.saturating_add(line.units().into());
        units
    })
}

/// Units that the shipments have in them which pass.
pub(super) fn units(entry: &Entry<'_>, pass: impl Fn(&Row) -> bool) -> Units {
    let lines = entry.of(SHIPMENTS).filter(|row| pass(row)).filter_map(|row| row.json::<Vec<ShipmentLine>>("lines")).flatten();
    lines.fold(Units::new(), |mut units, line| {
        let sum = units.entry(line.sku).or_default();
        *sum = sum.saturating_add(line.quantity.get().into());
        units
    })
}

/// Units that the customer has.
pub(super) fn delivered(entry: &Entry<'_>) -> Units {
    units(entry, |row| row.word::<ShipmentStatus>("status") == Some(ShipmentStatus::Delivered))
}

/// Units that could not be handed over.
pub(super) fn not_handed_over(entry: &Entry<'_>) -> Units {
    units(entry, |row| row.word::<ShipmentStatus>("status") == Some(ShipmentStatus::Failed))
}

/// Units that were ordered and not given up.
fn ordered(entry: &Entry<'_>, sku: &Sku) -> i64 {
    let item = entry.of(ITEMS).find(|item| item.text("sku") == Some(sku.as_str()));
    let ordered = item.and_then(|item| item.int("quantity")).unwrap_or(0);
    ordered.saturating_sub(cancellations::of(entry).get(sku).copied().unwrap_or(0))
}
