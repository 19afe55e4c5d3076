//! Money on its way back: out of what was captured, for what it says it is for.

use std::collections::{BTreeMap, BTreeSet};

use crate::orders::{AttemptState, CASH, EXCHANGE, OrderStatus, PaymentMethod, RefundState, ShipmentLine};
use crate::text::Sku;

use super::Invariant::{self, Reference};
use super::books::{Cell, Row};
use super::findings::Findings;
use super::money::{check_at, minor, taken, total};
use super::run::Scene;
use super::tables::{ATTEMPTS, ITEMS, ORDERS, PAYMENTS, REFUNDS, RETURNS};
use super::walks::Entry;

/// Refunds are numbered through, each out of a capture of the order, and never more than that.
pub(super) fn refunds(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let number = &entry.name;
    for (row, position) in entry.of(REFUNDS).zip(0_i64..) {
        let what = format!("refund {position}");
        findings.same(Reference, number, "refund", position, row.int("position").unwrap_or(-1));
        let attempt = entry.of(ATTEMPTS).find(|attempt| attempt.cell("id") == row.cell("attempt_id"));
        // What the courier collected is known by the payment's own id.
        let payment = entry.one(PAYMENTS).filter(|payment| payment.cell("id") == row.cell("attempt_id"));
        let delivered = entry.one(ORDERS).and_then(|order| order.word("status")) == Some(OrderStatus::Delivered);
        let cash = payment.filter(|payment| delivered && payment.word("method") == Some(PaymentMethod::Cod));
        let captured = attempt.is_some_and(|attempt| attempt.word("state") == Some(AttemptState::Captured)) || cash.is_some();
        findings.hold(Invariant::Money, number, captured, format_args!("{what} out of a capture"), row.cell("attempt_id"));
        let claimed = entry.of(REFUNDS).filter(|other| other.cell("attempt_id") == row.cell("attempt_id"));
        let claimed = total(claimed.filter(|other| other.word("state") != Some(RefundState::Failed)));
        let most = attempt.map(taken).or(cash.map(minor)).unwrap_or(0);
        findings.hold(Invariant::Money, number, claimed <= most, format_args!("at most {most} back"), claimed);
        let Some(state) = row.word::<RefundState>("state") else { continue };
        let open = matches!(state, RefundState::Pending | RefundState::Unknown);
        check_at(number, &what, row, open, scene, findings);
        let named = state != RefundState::Succeeded || row.text("reference").is_some();
        findings.hold(Invariant::Money, number, named, format_args!("the provider's name for {what}"), "none");
        // Cash has no name of its own, and what a return paid goes back to that return.
        let by_return = attempt.filter(|attempt| attempt.text("provider") == Some(EXCHANGE));
        let name = cash.map(|_| Cell::from(CASH)).or(by_return.map(|attempt| attempt.cell("reference").clone()));
        if let Some(name) = name.filter(|_| state == RefundState::Succeeded) {
            findings.same(Invariant::Money, number, &format!("{what} known as"), &name, row.cell("reference"));
        }
        cause(entry, row, &what, findings);
        units(entry, row, &what, findings);
    }
    let alive = entry.of(REFUNDS).filter(|row| row.word("state") != Some(RefundState::Failed));
    let lines = alive.filter_map(|row| row.json::<Vec<ShipmentLine>>("lines")).flatten();
    let mut back = BTreeMap::<Sku, i64>::new();
    for line in lines {
        let units = back.entry(line.sku).or_default();
        *units = units.saturating_add(line.quantity.get().into());
    }
    for (sku, units) in back {
        let ordered = item(entry, &sku).and_then(|item| item.int("quantity")).unwrap_or(0);
        findings.hold(Invariant::Money, number, units <= ordered, format_args!("at most {ordered} of {sku} paid back"), units);
    }
}

/// A refund for units gives back no more than those cost; where they end in the middle of a line, a half is rounded up.
fn units(entry: &Entry<'_>, row: &Row, what: &str, findings: &mut Findings) {
    if *row.cell("lines") == Cell::Null {
        return;
    }
    let lines: Vec<ShipmentLine> = row.json("lines").unwrap_or_default();
    let skus: BTreeSet<&Sku> = lines.iter().map(|line| &line.sku).collect();
    let once = !lines.is_empty() && skus.len() == lines.len();
    findings.hold(Invariant::Money, &entry.name, once, format_args!("each SKU of {what} once"), format_args!("{lines:?}"));
    let most = lines.iter().fold(0_i128, |sum, line| {
        let of = |column| item(entry, &line.sku).and_then(|item| item.int(column)).map_or(0_i128, i128::from);
        let (total, ordered) = (of("total_minor"), of("quantity").max(1));
        let share = total.saturating_mul(line.quantity.get().into()).saturating_add(ordered).saturating_sub(1);
        sum.saturating_add(share.div_euclid(ordered))
    });
    let amount = i128::from(minor(row));
    findings.hold(Invariant::Money, &entry.name, amount <= most, format_args!("at most {most} for the units of {what}"), amount);
}

fn item<'p>(entry: &Entry<'p>, sku: &Sku) -> Option<&'p Row> {
    entry.of(ITEMS).find(|item| item.text("sku") == Some(sku.as_str()))
}

/// A refund for a return is for one of the order's, and no other is.
fn cause(entry: &Entry<'_>, row: &Row, what: &str, findings: &mut Findings) {
    let of = |it: &Row| it.cell("id") == row.cell("return_id");
    let fits = match row.text("cause") {
        Some("RETURN") => entry.of(RETURNS).any(of),
        _ => *row.cell("return_id") == Cell::Null,
    };
    findings.hold(Reference, &entry.name, fits, format_args!("a return that {what} is for, or none"), row.cell("return_id"));
}
