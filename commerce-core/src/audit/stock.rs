//! Stock: the shelf against the ledger, the ledger against the holds.

use std::collections::BTreeMap;

use crate::catalog::{HoldState, MovementKind};
use crate::limits;
use crate::time::Timestamp;

use super::Invariant::{HoldEnds, OnHand, Reference, Reserved, Times};
use super::books::{Cell, Row};
use super::findings::Findings;
use super::money::due;
use super::run::Scene;
use super::tables::{INVENTORY, LEDGER, LEDGER_SUMS, LIVE_HOLDS, RESERVATIONS, VARIANTS};
use super::walks::Entry;

/// On hand is what the ledger adds up to, and reserved is both that and what the active holds add
/// up to. Every variant has a shelf, and every shelf a variant.
pub(super) fn shelf(entry: &Entry<'_>, _scene: Scene, findings: &mut Findings) {
    let sku = &entry.name;
    let sum = |column| entry.one(LEDGER_SUMS).and_then(|row| row.int(column)).unwrap_or(0);
    let held = entry.one(LIVE_HOLDS).and_then(|row| row.int("quantity")).unwrap_or(0);
    match (entry.one(INVENTORY), entry.one(VARIANTS)) {
        (Some(shelf), variant) => {
            let (on_hand, reserved) = (shelf.int("on_hand").unwrap_or(0), shelf.int("reserved").unwrap_or(0));
            findings.same(OnHand, sku, "on hand as the ledger adds up:", sum("on_hand"), on_hand);
            findings.same(Reserved, sku, "reserved as the ledger adds up:", sum("reserved"), reserved);
            findings.same(Reserved, sku, "reserved for active holds:", held, reserved);
            findings.hold(Reserved, sku, reserved <= on_hand, format_args!("at most {on_hand} reserved"), reserved);
            match variant {
                Some(variant) => {
                    let product = variant.cell("product_id");
                    findings.hold(Reference, sku, product == shelf.cell("product_id"), product, shelf.cell("product_id"));
                }
                None => findings.add(Reference, sku, "a variant", "stock of none"),
            }
        }
        (None, Some(_)) => findings.add(Reference, sku, "an inventory row", "none"),
        // The variant is gone; its ledger stays, and nothing was left of it.
        (None, None) => {
            findings.same(OnHand, sku, "on hand of what is sold no more:", 0, sum("on_hand"));
            findings.same(Reserved, sku, "reserved of what is sold no more:", 0, held);
        }
    }
}

/// What one SKU's lines of a hold's ledger add up to.
#[derive(Default)]
struct Moved {
    taken: Vec<i64>,
    sold: Vec<i64>,
    released: Vec<i64>,
    expired: Vec<i64>,
    restocked: Vec<i64>,
}

/// Each generation of a hold was taken once and ended at most once, with all its lines and their
/// quantities, as the ledger says.
pub(super) fn hold(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let mut by_sku: BTreeMap<&str, (Vec<&Row>, Moved)> = BTreeMap::new();
    for row in entry.of(RESERVATIONS) {
        by_sku.entry(row.text("sku").unwrap_or_default()).or_default().0.push(row);
    }
    for row in entry.of(LEDGER) {
        let moved = &mut by_sku.entry(row.text("sku").unwrap_or_default()).or_default().1;
        movement(&entry.name, row, moved, findings);
    }
    if by_sku.values().all(|(rows, moved)| rows.is_empty() && moved.came_to_nothing()) && long_ago(entry, scene) {
        return;
    }
    generations(entry, findings);
    for row in entry.of(RESERVATIONS).filter(|row| row.word("state") == Some(HoldState::Active)) {
        if let Some(at) = row.at("expires_at") {
            due(&entry.name, "ended or asked about", at, scene, findings);
        }
    }
    for (sku, (rows, moved)) in by_sku {
        spans(&entry.name, sku, &rows, entry, scene, findings);
        let entity = format!("{} {sku}", entry.name);
        let of = |wanted: &[HoldState]| {
            let mut quantities: Vec<i64> = rows
                .iter()
                .filter(|row| row.word("state").is_some_and(|state| wanted.contains(&state)))
                .filter_map(|row| row.int("quantity"))
                .collect();
            quantities.sort_unstable();
            quantities
        };
        let mut compare = |what: &str, expected: Vec<i64>, mut found: Vec<i64>| {
            found.sort_unstable();
            if expected != found {
                findings.add(HoldEnds, &entity, format_args!("{what} {expected:?} in the ledger"), format_args!("{found:?}"));
            }
        };
        compare("taken", of(HoldState::ALL), moved.taken);
        let sold = of(&[HoldState::Committed]);
        // In parts, where it is returned; what exactly is due back is judged with the order.
        let sum = |units: &[i64]| units.iter().fold(0_i64, |sum, units| sum.saturating_add(*units));
        let restocked = moved.restocked.iter().all(|units| *units > 0) && sum(&moved.restocked) <= sum(&sold);
        compare("sold", sold, moved.sold);
        compare("given back", of(&[HoldState::Released]), moved.released);
        compare("run out", of(&[HoldState::Expired]), moved.expired);
        if !restocked {
            findings.add(HoldEnds, &entity, "only what was sold comes back", format_args!("{:?} restocked", moved.restocked));
        }
    }
}

impl Moved {
    /// Whether all that was taken was given back, and nothing sold.
    fn came_to_nothing(&self) -> bool {
        let sum = |units: &[i64]| units.iter().fold(0_i64, |sum, units| sum.saturating_add(*units));
        let back = sum(&self.released).saturating_add(sum(&self.expired));
        sum(&self.taken) == back && self.sold.is_empty() && self.restocked.is_empty()
    }
}

/// Whether a hold was taken so long ago that it may have been forgotten, whenever it ended; its ledger stays.
fn long_ago(entry: &Entry<'_>, scene: Scene) -> bool {
    let mut taken = entry.of(LEDGER).filter(|row| row.word("kind") == Some(MovementKind::Reservation));
    taken.all(|row| row.at("moved_at").is_some_and(|at| at.plus(limits::HOLD_SURE) < scene.now))
}

/// A generation was taken when the ledger says so, and put off by at most a quarter of an hour at a time until it
/// ended.
fn spans(hold: &str, sku: &str, rows: &[&Row], entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let times = |wanted: fn(MovementKind) -> bool| {
        let of = entry.of(LEDGER).filter(|row| row.text("sku") == Some(sku) && row.word("kind").is_some_and(wanted));
        let mut times: Vec<Timestamp> = of.filter_map(|row| row.at("moved_at")).collect();
        times.sort_unstable();
        times
    };
    let taken = times(|kind| kind == MovementKind::Reservation);
    let ended = times(|kind| matches!(kind, MovementKind::Sale | MovementKind::Release | MovementKind::Expiry));
    let entity = format!("{hold} {sku}");
    let mut rows = rows.to_vec();
    rows.sort_by_key(|row| row.at("created_at"));
    // Where clocks differ, or one was set back, a later generation may be the earlier one: of those taken so close to each
    // other any may be the one that ended last.
    let latest = |created: Timestamp| {
        let close = created.plus(limits::AUDIT_CLOCKS_APART);
        rows.iter().rposition(|other| other.at("created_at").is_some_and(|other| other <= close))
    };
    for (row, place) in rows.iter().zip(0_usize..) {
        let (Some(created), Some(expires)) = (row.at("created_at"), row.at("expires_at")) else { continue };
        if let Some(taken) = taken.get(place).filter(|_| taken.len() == rows.len()) {
            findings.same(Times, &entity, "held when the ledger says,", *taken, created);
        }
        let first = created.plus(limits::HOLD_FOR);
        let last = latest(created).and_then(|place| ended.get(place)).copied().unwrap_or(scene.now).max(created);
        let last = last.plus(limits::HOLD_FOR).plus(limits::AUDIT_CLOCKS_APART);
        let fits = first <= expires && expires <= last;
        findings.hold(HoldEnds, hold, fits, format_args!("{sku} held until {first}, or later until {last}"), expires);
        let (noted, until) = (row.cell("expires_check"), row.cell("expires_at"));
        findings.same(HoldEnds, &entity, "held as noted beside it, until", noted, until);
    }
}

/// What is moved by a checkout names its hold, and what is moved by hand does not.
pub(super) fn moved(entry: &Entry<'_>, _scene: Scene, findings: &mut Findings) {
    for row in entry.of(LEDGER) {
        let Some(kind) = row.word::<MovementKind>("kind") else { continue };
        let by_hand = matches!(kind, MovementKind::Receipt | MovementKind::Adjustment);
        let named = row.text("reference").is_some();
        let sku = row.cell("sku").to_string();
        let expected = if by_hand { "no hold behind a movement by hand" } else { "a hold behind it" };
        findings.hold(Reference, &sku, named != by_hand, format_args!("{kind}: {expected}"), row.cell("reference"));
        findings.hold(
            Reference,
            &sku,
            by_hand || row.cell("actor_id") == &Cell::Null,
            format_args!("{kind} by the shop itself"),
            row.cell("actor_id"),
        );
        let still = row.int("reserved_change") == Some(0);
        findings.hold(OnHand, &sku, !by_hand || still, format_args!("{kind} of what is on hand"), row.cell("reserved_change"));
        // A first count may find nothing.
        let grows = kind != MovementKind::Receipt || row.int("on_hand_change") >= Some(0);
        findings.hold(OnHand, &sku, grows, "a receipt takes nothing away", row.cell("on_hand_change"));
    }
}

/// Sorts one line of the ledger, and checks that it moves what its kind moves.
fn movement(hold: &str, row: &Row, moved: &mut Moved, findings: &mut Findings) {
    let (on_hand, reserved) = (row.int("on_hand_change").unwrap_or(0), row.int("reserved_change").unwrap_or(0));
    let (quantity, fits, place) = match row.word::<MovementKind>("kind") {
        Some(MovementKind::Reservation) => (reserved, on_hand == 0 && reserved > 0, &mut moved.taken),
        Some(MovementKind::Sale) => (reserved.saturating_neg(), on_hand == reserved && reserved < 0, &mut moved.sold),
        Some(MovementKind::Release) => (reserved.saturating_neg(), on_hand == 0 && reserved < 0, &mut moved.released),
        Some(MovementKind::Expiry) => (reserved.saturating_neg(), on_hand == 0 && reserved < 0, &mut moved.expired),
        Some(MovementKind::Restock) => (on_hand, on_hand > 0 && reserved == 0, &mut moved.restocked),
        Some(MovementKind::Receipt | MovementKind::Adjustment) => {
            findings.add(HoldEnds, hold, "no hold behind a movement by hand", row.cell("kind"));
            return;
        }
        None => return,
    };
    let entity = format!("{hold} {}", row.cell("sku"));
    let found = format!("{} of {on_hand} on hand, {reserved} reserved", row.cell("kind"));
    findings.hold(HoldEnds, &entity, fits, "a movement as its kind moves", found);
    place.push(quantity);
}

/// The lines of a generation share its state and its times; generations follow each other, and
/// only the last may be active.
fn generations(entry: &Entry<'_>, findings: &mut Findings) {
    let mut generations: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
    for row in entry.of(RESERVATIONS) {
        generations.entry(row.int("generation").unwrap_or(0)).or_default().push(row);
    }
    let last = generations.keys().next_back().copied();
    for ((generation, rows), count) in generations.iter().zip(1_i64..) {
        findings.same(HoldEnds, &entry.name, "generation", count, *generation);
        let Some(first) = rows.first() else { continue };
        for column in ["state", "created_at", "expires_at"] {
            let other = rows.iter().find(|row| row.cell(column) != first.cell(column));
            if let Some(other) = other {
                let what = format!("one {} of generation {generation}: {}", column.replace('_', " "), first.cell(column));
                findings.add(HoldEnds, &entry.name, what, other.cell(column));
            }
        }
        let active = first.word("state") == Some(HoldState::Active);
        let in_order = !active || last == Some(*generation);
        findings.hold(HoldEnds, &entry.name, in_order, "only the last generation active", format_args!("{generation} active"));
        let times = first.at("created_at") <= first.at("expires_at");
        findings.hold(Times, &entry.name, times, "held before it runs out", "created after its expiry");
    }
}
