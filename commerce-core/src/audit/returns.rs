//! Returns: no more comes back than was delivered, and no more money than that is worth.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::events::EventKind;
use crate::orders::{PaymentMethod, ReturnKind, ReturnLine, ReturnStatus};
use crate::text::Sku;

use super::Invariant::{Event, Reference, Return, Times};
use super::books::{Cell, Row};
use super::findings::Findings;
use super::run::Scene;
use super::said::is_kept;
use super::shipments::{delivered, not_handed_over};
use super::tables::{ITEMS, ORDERS, OUTBOX, PAYMENTS, REFUNDS, RETURNS};
use super::walks::Entry;

/// Each return is of what was delivered, as far as it says, and gives back what it says; together they are
/// not more than the order.
pub(super) fn sent_back(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let Some(order) = entry.one(ORDERS) else { return };
    let number = &entry.name;
    // Of what the customer had, and of what she never had.
    let mut units: BTreeMap<(bool, Sku), i64> = BTreeMap::new();
    let mut paid: BTreeMap<Sku, i64> = BTreeMap::new();
    let mut given = 0_i64;
    for (row, position) in entry.of(RETURNS).zip(0_i64..) {
        findings.same(Reference, number, "return", position, row.int("position").unwrap_or(-1));
        findings.same(Reference, number, "return of", order.cell("user_id"), row.cell("user_id"));
        let (Some(status), Some(kind)) = (row.word::<ReturnStatus>("status"), row.word::<ReturnKind>("kind")) else { continue };
        let lines: Vec<ReturnLine> = row.json("lines").unwrap_or_default();
        shape(number, (status, kind), &lines, findings);
        for line in lines.iter().filter(|_| status != ReturnStatus::Rejected) {
            let sum = units.entry((line.refused, line.sku.clone())).or_default();
            *sum = sum.saturating_add(line.units().into());
            // What was never handed over was never paid with cash.
            if status.is_settled() && !(line.refused && by_cash(entry)) {
                let sum = paid.entry(line.sku.clone()).or_default();
                *sum = sum.saturating_add(line.units().into());
            }
        }
        let (refund, worth) = (row.int("refund_minor").unwrap_or(0), row.int("worth_minor").unwrap_or(0));
        given = given.saturating_add(refund).saturating_add(worth);
        money(entry, row, status, findings);
        said(entry, row, status, scene, findings);
        let times = (row.at("requested_at"), row.at("updated_at"), order.at("updated_at"));
        let fits = times.0 <= times.1 && times.1 <= times.2;
        findings.hold(Times, number, fits, "asked for, changed, and the order changed", format_args!("{times:?}"));
    }
    within(entry, &units, (&paid, given), findings);
}

/// Whether the courier was to collect.
fn by_cash(entry: &Entry<'_>) -> bool {
    entry.one(PAYMENTS).and_then(|row| row.word("method")) == Some(PaymentMethod::Cod)
}

/// What its lines say is what a return that is so far can say.
fn shape(number: &str, (status, kind): (ReturnStatus, ReturnKind), lines: &[ReturnLine], findings: &mut Findings) {
    let skus: BTreeSet<&Sku> = lines.iter().map(|line| &line.sku).collect();
    findings.hold(Return, number, !lines.is_empty() && skus.len() == lines.len(), "each SKU once", format_args!("{lines:?}"));
    for line in lines {
        let came = line.received.unwrap_or(0);
        let fits = came <= line.quantity.get() && line.restocked <= came;
        findings.hold(
            Return,
            number,
            fits,
            "no more received than asked for, nor restocked than received",
            format_args!("{line:?}"),
        );
    }
    let received = lines.iter().all(|line| line.received.is_some());
    let none = lines.iter().all(|line| line.received.is_none());
    let fits = match status {
        ReturnStatus::Requested | ReturnStatus::Approved | ReturnStatus::Rejected => none,
        ReturnStatus::Received | ReturnStatus::Exchanged => received,
        ReturnStatus::Refunded => received || (none && kind == ReturnKind::Refund),
    };
    findings.hold(Return, number, fits, format_args!("received as {status} says"), format_args!("{lines:?}"));
}

/// What a return gives back is what refunds were made for it.
fn money(entry: &Entry<'_>, row: &Row, status: ReturnStatus, findings: &mut Findings) {
    let decided = *row.cell("refund_minor") != Cell::Null;
    let fits = decided == (status == ReturnStatus::Refunded);
    findings.hold(Return, &entry.name, fits, "an amount once it is refunded", row.cell("refund_minor"));
    let made = entry.of(REFUNDS).filter(|refund| refund.cell("return_id") == row.cell("id"));
    let made = made.fold(0_i64, |sum, refund| sum.saturating_add(refund.int("amount_minor").unwrap_or(0)));
    let (worth, credit) = (row.int("worth_minor"), row.int("credit_minor"));
    let exchanged = status == ReturnStatus::Exchanged;
    let whole =
        [worth.is_some(), credit.is_some(), *row.cell("exchanged_for") != Cell::Null].into_iter().all(|is| is == exchanged);
    findings.hold(Return, &entry.name, whole, "what was sent and what pays it once it is exchanged", row.cell("exchanged_for"));
    // What does not pay the new order goes back.
    let due = row.int("refund_minor").unwrap_or(0).saturating_add(worth.unwrap_or(0)).saturating_sub(credit.unwrap_or(0));
    findings.same(Return, &entry.name, "refunded for a return:", due, made);
}

/// The last that was said of a return is how far it is, what it is for and what comes back.
fn said(entry: &Entry<'_>, row: &Row, status: ReturnStatus, scene: Scene, findings: &mut Findings) {
    if !row.at("updated_at").is_some_and(|at| is_kept(at, scene.now)) {
        return;
    }
    let id = row.id("id").map(|id| id.to_string());
    let told = entry.of(OUTBOX).filter_map(|event| {
        let returned = event.json::<serde_json::Value>("data")?.get("return")?.clone();
        let same = returned.get("returnId").and_then(serde_json::Value::as_str) == id.as_deref();
        same.then_some(returned)
    });
    let last = told.last();
    let said = |name| last.as_ref().and_then(|last| last.get(name)).cloned().unwrap_or_default();
    findings.hold(Event, &entry.name, said("status") == status.as_str(), format_args!("a return said {status}"), said("status"));
    if last.is_some() {
        findings.same(Event, &entry.name, "a return said for", json!(row.text("kind")), said("type"));
        let lines: Vec<ReturnLine> = row.json("lines").unwrap_or_default();
        let fits = serde_json::from_value::<Vec<ReturnLine>>(said("lines")).is_ok_and(|said| said == lines);
        findings.hold(Event, &entry.name, fits, format_args!("a return said of {}", json!(lines)), said("lines"));
    }
}

/// Together: units within those that were delivered, or could not be, money within what those units cost.
fn within(
    entry: &Entry<'_>,
    units: &BTreeMap<(bool, Sku), i64>,
    (paid, given): (&BTreeMap<Sku, i64>, i64),
    findings: &mut Findings,
) {
    let number = &entry.name;
    let item = |sku: &Sku| entry.of(ITEMS).find(|item| item.text("sku") == Some(sku.as_str()));
    let (had, refused) = (delivered(entry), not_handed_over(entry));
    for ((is_refused, sku), units) in units {
        let most = if *is_refused { &refused } else { &had }.get(sku).copied().unwrap_or(0);
        findings.hold(Return, number, *units <= most, format_args!("at most {most} of {sku} back"), units);
    }
    let worth = paid.iter().fold(0_i128, |sum, (sku, units)| {
        let of = |column| item(sku).and_then(|item| item.int(column)).map_or(0_i128, i128::from);
        let (total, ordered) = (of("total_minor"), of("quantity").max(1));
        // A half is rounded up.
        let share = total.saturating_mul(i128::from(*units)).saturating_mul(2).saturating_add(ordered);
        sum.saturating_add(share.div_euclid(ordered.saturating_mul(2)))
    });
    findings.hold(Return, number, i128::from(given) <= worth, format_args!("at most {worth} for what came back"), given);
    let marks = entry.of(OUTBOX).filter(|event| event.word("type") == Some(EventKind::ReturnRequested)).count();
    let returns = entry.of(RETURNS).count();
    findings.hold(Event, number, marks <= returns, format_args!("{returns} returns asked for"), marks);
}
