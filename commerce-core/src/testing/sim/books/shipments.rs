//! What leaves the house: never more than was ordered, never of an order that was given up, and the order goes
//! with it.

use std::collections::BTreeMap;

use super::Books;
use crate::change::ChangeSet;
use crate::events::EventKind;
use crate::orders::{Order, OrderLine, OrderStatus, OrderWrite, PaymentMethod, Return, ReturnStatus, Shipment, ShipmentStatus};
use crate::text::Sku;

use super::super::situations::Situation;

impl Books {
    pub(super) fn shipments(&mut self, before: &Order, order: &Order, changes: &ChangeSet<OrderWrite>, met: &mut Vec<Situation>) {
        let id = order.id;
        let kept = before.shipments.iter().zip(&order.shipments).all(|(was, is)| was.id == is.id && is_later(was, is));
        let more = order.shipments.len().saturating_sub(before.shipments.len());
        self.must(kept && before.shipments.len() <= order.shipments.len() && more <= 1, || {
            format!("order {id} forgot or changed a shipment: {:?}, {:?}", before.shipments, order.shipments)
        });
        let said = |kind| changes.events.iter().any(|event| event.kind == kind);
        let changed = before.shipments.iter().zip(&order.shipments).any(|(was, is)| was != is);
        let told = (more == 0 || said(EventKind::ShipmentCreated)) && (!changed || said(EventKind::ShipmentUpdated));
        self.must(told, || format!("something of order {id} was shipped or moved and nobody was told"));
        let (gone, here) = (units(order, |_| true), units(order, arrived));
        let mut dropped = BTreeMap::new();
        for line in order.cancellations.iter().flat_map(|it| &it.lines) {
            *dropped.entry(line.sku.clone()).or_insert(0_u32) += line.quantity.get();
        }
        let left = |line: &OrderLine| line.quantity.get().saturating_sub(dropped.get(&line.sku).copied().unwrap_or(0));
        let added = order.cancellations.len().saturating_sub(before.cancellations.len());
        let kept = order.cancellations.starts_with(&before.cancellations);
        self.must(kept && added <= 1 && (added == 0 || said(EventKind::OrderLinesCancelled)), || {
            format!("some of order {id} was given up and nobody was told, or it was forgotten: {:?}", order.cancellations)
        });
        if added == 1 {
            met.push(Situation::SomeCancelled);
        }
        let within = order.lines.iter().all(|line| gone.get(&line.sku).copied().unwrap_or(0) <= left(line));
        let known = gone.keys().all(|sku| order.lines.iter().any(|line| line.sku == *sku));
        self.must(within && known, || format!("more left the house of {id} than was ordered: {gone:?}"));
        let whole = order.lines.iter().all(|line| gone.get(&line.sku).copied().unwrap_or(0) == left(line));
        let fits = match order.status {
            OrderStatus::Pending | OrderStatus::Confirmed | OrderStatus::Cancelled => gone.is_empty(),
            OrderStatus::Processing => !whole,
            OrderStatus::Shipped | OrderStatus::OutForDelivery => whole && !at_end(order),
            OrderStatus::Delivered => whole && at_end(order),
        };
        self.must(fits, || format!("order {id} is {}, {gone:?} left the house and {here:?} arrived", order.status));
        if more == 1 && order.shipments.len() > 1 {
            met.push(Situation::ShippedInParts);
        }
        let failed = |it: &Shipment| it.events.iter().any(|event| event.status == ShipmentStatus::Failed);
        if changed && order.shipments.iter().any(|it| failed(it) && arrived(it)) {
            met.push(Situation::DeliveredAfterFailure);
        }
    }
}

fn arrived(it: &Shipment) -> bool {
    it.events.iter().any(|event| event.status == ShipmentStatus::Delivered)
}

/// Whether a shipment may be this now, which was that before: it only hears more, and nothing after it arrived.
fn is_later(was: &Shipment, is: &Shipment) -> bool {
    let same = (&was.carrier, &was.tracking_number, &was.lines, was.created_at)
        == (&is.carrier, &is.tracking_number, &is.lines, is.created_at);
    let kept = was.events.iter().all(|event| is.events.contains(event)) && was.events.len() <= is.events.len();
    let last = is.events.iter().rposition(|event| event.status == ShipmentStatus::Delivered);
    same && kept && is.events.is_sorted_by_key(|event| event.at) && last.is_none_or(|last| last + 1 == is.events.len())
}

pub(super) fn units(order: &Order, pass: impl Fn(&Shipment) -> bool) -> BTreeMap<Sku, u32> {
    let mut units = BTreeMap::new();
    for line in order.shipments.iter().filter(|it| pass(it)).flat_map(|it| &it.lines) {
        *units.entry(line.sku.clone()).or_insert(0) += line.quantity.get();
    }
    units
}

/// Units of a SKU that came back without having been handed over.
pub(super) fn refused(order: &Order, sku: &Sku) -> u32 {
    let done = |it: &&Return| matches!(it.status, ReturnStatus::Received | ReturnStatus::Refunded | ReturnStatus::Exchanged);
    let lines = order.returns.iter().filter(done).flat_map(|it| &it.lines).filter(|line| line.refused && line.sku == *sku);
    lines.map(|line| line.received.unwrap_or(line.quantity.get())).sum()
}

/// Whether each unit that left the house has arrived or is back.
fn at_end(order: &Order) -> bool {
    let (gone, here) = (units(order, |_| true), units(order, arrived));
    gone.iter().all(|(sku, units)| here.get(sku).copied().unwrap_or(0) + refused(order, sku) == *units)
}

/// What a courier collected of an order: what was not given up, less the price of what she brought back, and nothing if that
/// was everything.
pub(in crate::testing::sim) fn cash(order: &Order) -> i64 {
    if order.payment.method != PaymentMethod::Cod || order.status != OrderStatus::Delivered || units(order, arrived).is_empty() {
        return 0;
    }
    let dropped = |sku: &Sku| -> u32 {
        let lines = order.cancellations.iter().flat_map(|it| &it.lines);
        lines.filter(|line| line.sku == *sku).map(|line| line.quantity.get()).sum()
    };
    let off: i64 = order.cancellations.iter().map(|it| it.worth.minor).sum();
    let unpaid = order.lines.iter().map(|line| {
        let share = |units: u32| {
            let (units, all) = (i64::from(units), i64::from(line.quantity.get()));
            (2 * line.total.minor * units + all).div_euclid(2 * all)
        };
        let before = dropped(&line.sku);
        share(before + refused(order, &line.sku)) - share(before)
    });
    order.payment.amount.minor - off - unpaid.sum::<i64>()
}

/// Units of a SKU that could not be handed over so far.
pub(super) fn left_over(order: &Order, sku: &Sku) -> u32 {
    let failed = |it: &Shipment| it.events.last().is_some_and(|last| last.status == ShipmentStatus::Failed);
    units(order, failed).get(sku).copied().unwrap_or(0)
}

/// Units of a SKU that the customer has.
pub(super) fn delivered(order: &Order, sku: &Sku) -> u32 {
    units(order, arrived).get(sku).copied().unwrap_or(0)
}
