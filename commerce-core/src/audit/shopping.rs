//! Carts.

use std::collections::BTreeSet;

use crate::limits;
use crate::orders::CartLine;

use super::Invariant::{Cart, Times};
use super::findings::Findings;
use super::run::Scene;
use super::tables::CARTS;
use super::told::past;
use super::walks::Entry;

/// A cart names each SKU once, in one currency, and expires a day after its last edit.
pub(super) fn cart(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let Some(cart) = entry.one(CARTS) else { return };
    let name = &entry.name;
    let lines: Vec<CartLine> = cart.json("lines").unwrap_or_default();
    let skus: BTreeSet<&str> = lines.iter().map(|line| line.sku.as_str()).collect();
    findings.same(Cart, name, "lines of different SKUs", skus.len(), lines.len());
    findings.hold(Cart, name, lines.len() <= limits::LINES_MAX, format_args!("at most {}", limits::LINES_MAX), lines.len());
    past(entry, CARTS, "updated_at", scene, findings);
    past(entry, CARTS, "begun_at", scene, findings);
    if let Some(at) = cart.at("updated_at") {
        let expires = at.plus(limits::CART_KEEP);
        findings.hold(
            Times,
            name,
            cart.at("expires_at") == Some(expires),
            format_args!("expires {expires}"),
            cart.cell("expires_at"),
        );
    }
}
