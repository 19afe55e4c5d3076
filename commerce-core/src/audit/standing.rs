//! Orders against the holds they stand on. Pure; `cross` brings the rows.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::catalog::{HoldState, MovementKind};
use crate::events::EventKind;
use crate::limits;
use crate::orders::{OrderStatus, ReturnLine};
use crate::text::Sku;
use crate::time::Timestamp;

use super::Invariant::{HoldOfOrder, Price, Reference};
use super::books::{Cell, Row};
use super::cancellations;
use super::findings::Findings;
use super::money::placed_at;
use super::tables::{CANCELLATIONS, HISTORY, ITEMS, LEDGER, ORDERS, OUTBOX, RESERVATIONS, RETURNS};
use super::walks::Entry;

/// How events get to a consumer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ways {
    /// One that is published has been handled.
    Direct,
    /// A broker keeps what is published until the consumer takes it.
    Broker {
        /// When all that waited for the consumer has been brought; none while it does not run.
        since: Option<Timestamp>,
        /// How long a published event may be on its way.
        lag: Duration,
        /// When the rows were read.
        now: Timestamp,
    },
}

impl Ways {
    /// Whether this event may yet come.
    pub(super) fn lie_before(self, event: &Row) -> bool {
        let Some(published) = event.at("published_at") else { return true };
        match self {
            Self::Direct => false,
            Self::Broker { since, lag, now } => since.is_none_or(|since| since.max(published.plus(lag)) > now),
        }
    }
}

/// Whether what an order said about `kind` is still on its way.
fn is_moving(order: &Entry<'_>, kind: EventKind, ways: Ways) -> bool {
    order.of(OUTBOX).any(|event| event.word("type") == Some(kind) && ways.lie_before(event))
}

/// A live order's hold is kept or sold, a cancelled one's is not; its lines are the order's, at the
/// order's prices.
pub(super) fn standing(order: &Entry<'_>, hold: Option<&Entry<'_>>, (ways, now): (Ways, Timestamp), findings: &mut Findings) {
    let Some(row) = order.one(ORDERS) else { return };
    let Some(status) = row.word::<OrderStatus>("status") else { return };
    let number = &order.name;
    let generation = row.cell("hold_generation");
    let lines: Vec<&Row> =
        hold.map(|hold| hold.of(RESERVATIONS).filter(|line| line.cell("generation") == generation).collect()).unwrap_or_default();
    let Some(first) = lines.first() else {
        // A hold that was not sold is forgotten some day.
        let old = placed_at(order).is_some_and(|at| at.plus(limits::HOLD_SURE) < now);
        let may_be_gone = old && status == OrderStatus::Cancelled;
        findings.hold(Reference, number, may_be_gone, "a hold", "none");
        return;
    };
    same_lines(order, &lines, findings);
    let Some(state) = first.word::<HoldState>("state") else { return };
    let confirmed = order.of(HISTORY).any(|step| step.word("status") == Some(OrderStatus::Confirmed));
    let fits = match status {
        OrderStatus::Pending => state == HoldState::Active,
        OrderStatus::Cancelled => match state {
            HoldState::Active => is_moving(order, EventKind::OrderCancelled, ways),
            HoldState::Committed => confirmed,
            HoldState::Released | HoldState::Expired => true,
        },
        OrderStatus::Confirmed
        | OrderStatus::Processing
        | OrderStatus::Shipped
        | OrderStatus::OutForDelivery
        | OrderStatus::Delivered => {
            state == HoldState::Committed || (state == HoldState::Active && is_moving(order, EventKind::OrderConfirmed, ways))
        }
    };
    findings.hold(HoldOfOrder, number, fits, format_args!("a hold as of {status}"), state);
    if fits && state == HoldState::Active && status != OrderStatus::Pending {
        findings.unsettled();
    }
    if let Some(hold) = hold.filter(|_| state == HoldState::Committed && only(hold, generation)) {
        restocked(order, hold, status, ways, findings);
    }
}

/// Whether this is the only sold generation of the hold, so that what came back is of it.
fn only(hold: Option<&Entry<'_>>, generation: &Cell) -> bool {
    let sold = |line: &&Row| line.word("state") == Some(HoldState::Committed) && line.cell("generation") != generation;
    hold.is_some_and(|hold| !hold.of(RESERVATIONS).any(|line| sold(&line)))
}

/// What was sold came back if the order was cancelled, what was given up before apart, also where nothing of its kind is
/// sold any more. Of one that lives came back what was given up, and received of its returns.
fn restocked(order: &Entry<'_>, hold: &Entry<'_>, status: OrderStatus, ways: Ways, findings: &mut Findings) {
    let cancelled = status == OrderStatus::Cancelled;
    let kinds = [EventKind::OrderLinesCancelled, EventKind::ReturnReceived, EventKind::OrderCancelled];
    let moving = kinds.into_iter().any(|kind| is_moving(order, kind, ways));
    let (given_up, bits) = (cancellations::of(order), order.of(CANCELLATIONS).count());
    let units = |sku: &str| sku.parse::<Sku>().ok().and_then(|sku| given_up.get(&sku).copied()).unwrap_or(0);
    for item in order.of(ITEMS) {
        let sku = item.text("sku").unwrap_or_default();
        let back =
            hold.of(LEDGER).filter(|line| line.word("kind") == Some(MovementKind::Restock) && line.text("sku") == Some(sku));
        let back: Vec<i64> = back.filter_map(|line| line.int("on_hand_change")).collect();
        let sum = back.iter().fold(0_i64, |sum, units| sum.saturating_add(*units));
        let due = if cancelled { item.int("quantity").unwrap_or(0) } else { received(order, sku).saturating_add(units(sku)) };
        let once = !cancelled || back.len() <= bits.saturating_add(1);
        let fits = once && (sum == due || (moving && sum <= due));
        findings.hold(HoldOfOrder, &order.name, fits, format_args!("{due} of {sku} restocked"), format_args!("{back:?}"));
    }
}

/// Units of a SKU that were received of an order's returns.
fn received(order: &Entry<'_>, sku: &str) -> i64 {
    let lines = order.of(RETURNS).filter_map(|row| row.json::<Vec<ReturnLine>>("lines")).flatten();
    let units = lines.filter(|line| line.sku.as_str() == sku).filter_map(|line| line.received);
    units.fold(0_i64, |sum, units| sum.saturating_add(units.into()))
}

fn same_lines(order: &Entry<'_>, held: &[&Row], findings: &mut Findings) {
    let number = &order.name;
    let mut left: BTreeMap<&str, &Row> = held.iter().filter_map(|line| Some((line.text("sku")?, *line))).collect();
    for item in order.of(ITEMS) {
        let sku = item.text("sku").unwrap_or_default();
        let Some(line) = left.remove(sku) else {
            findings.add(HoldOfOrder, number, format_args!("{sku} held"), "nothing");
            continue;
        };
        let what = format!("units of {sku} held");
        findings.same(HoldOfOrder, number, &what, item.cell("quantity"), line.cell("quantity"));
        let what = format!("price of {sku} as it was held");
        findings.same(Price, number, &what, line.cell("unit_price_minor"), item.cell("unit_price_minor"));
        findings.same(Price, number, "currency as it was held", line.cell("currency"), item.cell("currency"));
    }
    for sku in left.keys() {
        findings.add(HoldOfOrder, number, "no more held than ordered", sku);
    }
}
