//! Orders: amounts and lines.

use std::collections::BTreeSet;

use crate::ids::{Id, OrderId, UserId};
use crate::orders::{TaxLine, number_of};

use super::Invariant::{Amounts, History, Reference};
use super::books::Row;
use super::findings::Findings;
use super::run::Scene;
use super::tables::{ATTEMPTS, CANCELLATIONS, HISTORY, ITEMS, ORDERS, PAYMENTS, REFUNDS, RETURNS, SHIPMENTS};
use super::walks::Entry;

fn amount(row: &Row, column: &str) -> i128 {
    row.int(column).map_or(0, i128::from)
}

/// Lines add up to the order, parts to the total, and everything is in one currency.
pub(super) fn amounts(entry: &Entry<'_>, _scene: Scene, findings: &mut Findings) {
    let number = &entry.name;
    let Some(order) = entry.one(ORDERS) else {
        // What was said about it and which key made it is judged where these are walked.
        for row in [ITEMS, HISTORY, PAYMENTS, ATTEMPTS, REFUNDS, CANCELLATIONS, SHIPMENTS, RETURNS]
            .into_iter()
            .flat_map(|table| entry.of(table))
        {
            findings.add(Reference, number, "an order", format_args!("{} of none", row.table().name));
        }
        return;
    };
    identity(number, order, findings);
    let sum = |of: &dyn Fn(&Row) -> i128| entry.of(ITEMS).fold(0_i128, |sum, row| sum.saturating_add(of(row)));
    let price = |row: &Row| amount(row, "unit_price_minor").saturating_mul(amount(row, "quantity"));
    let part = |column| amount(order, column);
    findings.same(Amounts, number, "subtotal of the lines", sum(&price), part("subtotal_minor"));
    findings.same(Amounts, number, "discount of the lines", sum(&|row| amount(row, "discount_minor")), part("discount_minor"));
    if let Some(taxes) = order.json::<Vec<TaxLine>>("tax_lines") {
        let added = |taxes: &mut dyn Iterator<Item = &TaxLine>| -> i128 {
            taxes.filter(|tax| !tax.included).fold(0_i128, |sum, tax| sum.saturating_add(tax.amount.minor.into()))
        };
        let on_shipping = added(&mut taxes.iter().filter(|tax| tax.sku.is_none()));
        let of_lines = part("tax_minor").saturating_sub(on_shipping);
        findings.same(Amounts, number, "tax of the lines", sum(&|row| amount(row, "tax_minor")), of_lines);
        let free = part("shipping_minor") == 0 && taxes.iter().any(|tax| tax.sku.is_none());
        findings.hold(Amounts, number, !free, "no tax on free shipping", on_shipping);
        findings.same(Amounts, number, "tax by name", part("tax_minor"), added(&mut taxes.iter()));
        for row in entry.of(ITEMS).filter(|_| taxes.iter().any(|tax| tax.sku.is_some())) {
            let sku = row.text("sku").unwrap_or_default();
            let of_line = added(&mut taxes.iter().filter(|tax| tax.sku.as_ref().is_some_and(|it| it.as_str() == sku)));
            findings.same(Amounts, number, &format!("tax of {sku} by name"), amount(row, "tax_minor"), of_line);
        }
    }
    let total = part("subtotal_minor").saturating_sub(part("discount_minor"));
    let total = total.saturating_add(part("shipping_minor")).saturating_add(part("tax_minor"));
    findings.same(Amounts, number, "total", total, part("total_minor"));
    if let Some(payment) = entry.one(PAYMENTS) {
        findings.same(Amounts, number, "to be paid", part("total_minor"), amount(payment, "amount_minor"));
    } else {
        findings.add(Reference, number, "a payment", "none");
    }
    lines(entry, findings);
    let currency = order.cell("currency");
    for row in entry.rows().filter(|row| row.table().columns.iter().any(|(column, _)| *column == "currency")) {
        let found = row.cell("currency");
        findings.hold(Amounts, number, found == currency, currency, format_args!("{found} in {}", row.table().name));
    }
}

/// An order's number and its user's shard are made of its id.
fn identity(number: &str, order: &Row, findings: &mut Findings) {
    let Some(id) = order.id("id").map(OrderId::from_uuid) else { return };
    findings.same(History, number, "number", number_of(id), number.to_owned());
    if let Some(user) = order.id("user_id").map(UserId::from_uuid) {
        findings.hold(Reference, number, id.shard() == user.shard(), "an order of its user", format_args!("user {user}"));
    }
}

/// Each line's own arithmetic; lines are numbered through and name each SKU once.
fn lines(entry: &Entry<'_>, findings: &mut Findings) {
    let number = &entry.name;
    let mut skus = BTreeSet::new();
    for (row, position) in entry.of(ITEMS).zip(0_i64..) {
        let sku = row.text("sku").unwrap_or_default();
        let price = amount(row, "unit_price_minor").saturating_mul(amount(row, "quantity"));
        let total = price.saturating_sub(amount(row, "discount_minor")).saturating_add(amount(row, "tax_minor"));
        findings.same(Amounts, number, &format!("total of {sku}"), total, amount(row, "total_minor"));
        findings.same(Reference, number, "line", position, row.int("position").unwrap_or(-1));
        findings.hold(Reference, number, skus.insert(sku), "each SKU once", sku);
    }
    findings.hold(Reference, number, !skus.is_empty(), "a line", "none");
}
