//! What was given up of orders: no more than had not left the house, for what that is worth.

use std::collections::{BTreeMap, BTreeSet};

use crate::events::EventKind;
use crate::orders::{ReturnStatus, ShipmentLine};
use crate::text::Sku;

use super::Invariant::{Amounts, Event, Reference, Shipment};
use super::books::{Cell, Row};
use super::findings::Findings;
use super::run::Scene;
use super::said::is_kept;
use super::shipments::{Units, units};
use super::tables::{CANCELLATIONS, ITEMS, ORDERS, OUTBOX, REFUNDS, RETURNS};
use super::walks::Entry;

/// Each was said once; together they leave what was shipped, and take along their exact share of the money.
pub(super) fn given_up(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let Some(order) = entry.one(ORDERS) else { return };
    let number = &entry.name;
    let mut young = 0_usize;
    for (row, position) in entry.of(CANCELLATIONS).zip(0_i64..) {
        findings.same(Reference, number, "cancellation", position, row.int("position").unwrap_or(-1));
        let lines: Vec<ShipmentLine> = row.json("lines").unwrap_or_default();
        let skus: BTreeSet<&Sku> = lines.iter().map(|line| &line.sku).collect();
        let once = !lines.is_empty() && skus.len() == lines.len();
        findings.hold(Shipment, number, once, "each SKU given up once at a time", format_args!("{lines:?}"));
        young = young.saturating_add(usize::from(row.at("created_at").is_some_and(|at| is_kept(at, scene.now))));
    }
    let said = entry.of(OUTBOX).filter(|event| event.word("type") == Some(EventKind::OrderLinesCancelled)).count();
    let all = entry.of(CANCELLATIONS).count();
    findings.hold(Event, number, young <= said && said <= all, format_args!("{all} cancellations said"), said);
    let (gone, shipped) = (of(entry), units(entry, |_| true));
    for (sku, units) in &gone {
        let ordered = item(entry, sku).and_then(|item| item.int("quantity")).unwrap_or(0);
        let left = ordered.saturating_sub(shipped.get(sku).copied().unwrap_or(0));
        findings.hold(Shipment, number, *units <= left, format_args!("at most {left} of {sku} given up"), units);
    }
    worth(entry, order, &gone, findings);
}

/// Units of each SKU that were given up.
pub(super) fn of(entry: &Entry<'_>) -> Units {
    let lines = entry.of(CANCELLATIONS).filter_map(|row| row.json::<Vec<ShipmentLine>>("lines")).flatten();
    lines.fold(BTreeMap::new(), |mut units, line| {
        let sum = units.entry(line.sku).or_default();
        *sum = i64::saturating_add(*sum, line.quantity.get().into());
        units
    })
}

/// So much less is to be paid, in minor units.
pub(super) fn off(entry: &Entry<'_>) -> i64 {
    entry.of(CANCELLATIONS).filter_map(|row| row.int("worth_minor")).fold(0, i64::saturating_add)
}

fn item<'p>(entry: &Entry<'p>, sku: &Sku) -> Option<&'p Row> {
    entry.of(ITEMS).find(|item| item.text("sku") == Some(sku.as_str()))
}

/// Of each line the share of so many units, and of shipping and its taxes the share that those have in the goods; halves are
/// rounded up. Where some of it was paid back otherwise in between, no more than all that together.
fn worth(entry: &Entry<'_>, order: &Row, gone: &Units, findings: &mut Findings) {
    let of = |row: &Row, column| row.int(column).map_or(0_i128, i128::from);
    let part = |whole: i128, units: i128, all: i128| {
        let all = all.max(1);
        let scaled = whole.saturating_mul(units).saturating_mul(2).saturating_add(all);
        scaled.div_euclid(all.saturating_mul(2))
    };
    let (mut goods, mut all) = (0_i128, 0_i128);
    // What is taxed and on no line is shipping.
    let mut shipping = of(order, "shipping_minor").saturating_add(of(order, "tax_minor"));
    for row in entry.of(ITEMS) {
        let units = row.text("sku").and_then(|sku| sku.parse::<Sku>().ok()).and_then(|sku| gone.get(&sku).copied()).unwrap_or(0);
        goods = goods.saturating_add(part(of(row, "total_minor"), units.into(), of(row, "quantity")));
        all = all.saturating_add(of(row, "total_minor"));
        shipping = shipping.saturating_sub(of(row, "tax_minor"));
    }
    let with_them = if all == 0 { 0 } else { part(shipping, goods, all) };
    let (due, off) = (goods.saturating_add(with_them), i128::from(off(entry)));
    let settled = entry.of(RETURNS).any(|row| row.word::<ReturnStatus>("status").is_some_and(ReturnStatus::is_settled));
    let settled = settled || entry.of(REFUNDS).any(|row| *row.cell("lines") != Cell::Null);
    let most = all.saturating_add(shipping);
    let fits = if settled { off <= most } else { off == due };
    findings.hold(Amounts, &entry.name, fits, format_args!("{due} for what was given up"), off);
}
