//! Products, categories, reviews and wishes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::events::EventKind;
use crate::limits::{AUDIT_CLOCKS_APART, AUDIT_MOMENT, CATEGORY_DEPTH_MAX};

use super::Invariant::{Amounts, Event, Forest, Rating, Reference, Times, Version};
use super::books::{Cell, Pages, Row, Table};
use super::findings::Findings;
use super::run::Scene;
use super::said::is_kept;
use super::tables::{CATEGORIES, CATEGORY_TREE, IMAGES, INVENTORY, OUTBOX, PRODUCTS, REVIEW_SUMS, REVIEWS, VARIANTS, WISHLISTS};
use super::told::past;
use super::walks::Entry;

/// A product has variants in one currency, each with a shelf, numbered through as its pictures are.
pub(super) fn product(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let name = &entry.name;
    let Some(product) = entry.one(PRODUCTS) else {
        for row in [VARIANTS, IMAGES, INVENTORY, REVIEW_SUMS].into_iter().flat_map(|table| entry.of(table)) {
            findings.add(Reference, name, "a product", format_args!("{} of none", row.table().name));
        }
        return;
    };
    numbered(entry, VARIANTS, "variant", findings);
    numbered(entry, IMAGES, "picture", findings);
    let currencies: BTreeSet<&Cell> = entry.of(VARIANTS).map(|row| row.cell("currency")).collect();
    findings.hold(
        Amounts,
        name,
        currencies.len() <= 1,
        "variants in one currency",
        format_args!("{} currencies", currencies.len()),
    );
    findings.hold(Reference, name, !currencies.is_empty(), "a variant", "none");
    for row in entry.of(VARIANTS) {
        let both = (*row.cell("compare_at_minor") == Cell::Null) == (*row.cell("compare_at_currency") == Cell::Null);
        findings.hold(Amounts, name, both, "an amount to compare with its currency", "half of it");
        let found = row.cell("compare_at_currency");
        let same = *found == Cell::Null || found == row.cell("currency");
        findings.hold(Amounts, name, same, row.cell("currency"), format_args!("compared with {found}"));
    }
    let said = |column| entry.one(REVIEW_SUMS).and_then(|sums| sums.int(column)).unwrap_or(0);
    for (column, sum) in [("rating_count", "approved"), ("rating_sum", "stars")] {
        findings.same(Rating, name, &column.replace('_', " "), said(sum), product.int(column).unwrap_or(0));
    }
    let times = product.at("created_at") <= product.at("updated_at");
    findings.hold(Times, name, times, "updated after it was created", "before");
    for column in ["updated_at", "changed_at"] {
        past(entry, PRODUCTS, column, scene, findings);
    }
    let changed = product.at("changed_at").map(|at| at.plus(AUDIT_CLOCKS_APART));
    findings.hold(Times, name, product.at("updated_at") <= changed, "changed when it was updated, or later", "before");
    findings.same(Times, name, "changed as noted beside it, at", product.cell("changed_check"), product.cell("changed_at"));
}

/// A review was decided on when it is not pending any more, after it was written.
pub(super) fn review(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let Some(review) = entry.one(REVIEWS) else { return };
    let name = &entry.name;
    let pending = review.text("status") == Some("PENDING");
    let undecided = *review.cell("moderated_at") == Cell::Null;
    findings.hold(Rating, name, pending == undecided, "decided on unless it is pending", review.cell("status"));
    let idle = *review.cell("moderated_by") == Cell::Null && *review.cell("reason") == Cell::Null;
    findings.hold(Rating, name, !undecided || idle, "no decision", "somebody's, or a reason");
    let in_turn = undecided || review.at("created_at") <= review.at("moderated_at");
    findings.hold(Times, name, in_turn, "decided on after it was written", "before");
    for column in ["created_at", "moderated_at"] {
        past(entry, REVIEWS, column, scene, findings);
    }
    let version = review.int("version").unwrap_or(0);
    findings.hold(Version, name, (version == 1) == undecided, "version 1 until it is decided on", version);
}

/// A wish was made before now.
pub(super) fn wish(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    past(entry, WISHLISTS, "added_at", scene, findings);
}

fn numbered(entry: &Entry<'_>, table: &'static Table, what: &str, findings: &mut Findings) {
    let mut positions: Vec<i64> = entry.of(table).filter_map(|row| row.int("position")).collect();
    positions.sort_unstable();
    for (position, expected) in positions.into_iter().zip(0_i64..) {
        findings.same(Reference, &entry.name, what, expected, position);
    }
}

/// Each change of a product was said with its version, and nothing was said that it has not been.
pub(super) fn product_said(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let Some(product) = entry.one(PRODUCTS) else { return };
    let (name, version) = (&entry.name, product.int("version").unwrap_or(0));
    let mut said = BTreeSet::new();
    for event in entry.of(OUTBOX) {
        let of = event.int("version").unwrap_or(0);
        match event.word::<EventKind>("type") {
            Some(EventKind::ProductUpdated) => {
                let fits = (1..=version).contains(&of) && said.insert(of);
                findings.hold(Version, name, fits, format_args!("each version up to {version} said once"), of);
                let data: Value = event.json("data").unwrap_or_default();
                let id = product.id("id").map_or(Value::Null, |id| json!(id));
                findings.same(Event, name, "said of", id, data.get("productId").cloned().unwrap_or_default());
                if of == version {
                    for column in ["slug", "status"] {
                        let found = data.get(column).cloned().unwrap_or_default();
                        findings.same(Event, name, &format!("said {column}"), json!(product.text(column)), found);
                    }
                    let (said, updated) = (event.at("occurred_at"), product.at("updated_at"));
                    let near = said <= updated.map(|at| at.plus(AUDIT_MOMENT)) && updated <= said.map(|at| at.plus(AUDIT_MOMENT));
                    findings.hold(
                        Times,
                        name,
                        near,
                        format_args!("said when updated, {}", product.cell("updated_at")),
                        event.cell("occurred_at"),
                    );
                }
            }
            // Of a SKU's stock, whose versions begin anew when it is taken out and comes back.
            Some(EventKind::LowStockAlert) | None => {}
            Some(kind) => findings.add(Event, name, "events of products", kind),
        }
    }
    for (column, of) in [("created_at", 1), ("updated_at", version)] {
        let kept = product.at(column).is_some_and(|at| is_kept(at, scene.now));
        let fits = !kept || said.contains(&of);
        findings.hold(Event, name, fits, format_args!("version {of} said"), format_args!("{said:?} said"));
    }
    for of in said.iter().zip(said.iter().skip(1)) {
        let (before, after) = of;
        let next = before.checked_add(1) == Some(*after);
        findings.hold(Event, name, next, format_args!("version after {before} said"), after);
    }
}

/// The categories are a forest no deeper than it may be, and its version has counted every change.
pub(super) fn forest(pages: &Pages, findings: &mut Findings) {
    let nodes: BTreeMap<Uuid, &Row> = pages.of(CATEGORIES).iter().filter_map(|row| Some((row.id("id")?, row))).collect();
    for row in pages.of(CATEGORIES) {
        let name = row.cell("slug").to_string();
        let (mut above, mut depth) = (row.id("parent_id"), 1_usize);
        while let Some(parent) = above {
            let Some(node) = nodes.get(&parent) else {
                findings.add(Forest, &name, "a category above it", format_args!("{parent}, which is none"));
                break;
            };
            depth = depth.saturating_add(1);
            if depth > CATEGORY_DEPTH_MAX {
                findings.add(Forest, &name, format_args!("at most {CATEGORY_DEPTH_MAX} levels, and no circle"), "more");
                break;
            }
            above = node.id("parent_id");
        }
    }
    let changes = pages.of(CATEGORIES).iter().fold(0_i64, |sum, row| sum.saturating_add(row.int("version").unwrap_or(0)));
    match pages.of(CATEGORY_TREE) {
        [tree] => {
            let version = tree.int("version").unwrap_or(0);
            findings.hold(Version, "category tree", version >= changes, format_args!("at least {changes}"), version);
        }
        rows => findings.add(Forest, "category tree", "one row", rows.len()),
    }
}
