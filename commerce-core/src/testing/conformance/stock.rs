//! Stock: movements that fit together or not at all, and a ledger that sums to the inventory.

use std::sync::Arc;
use std::time::Duration;

use crate::catalog::{CatalogStore, CatalogWrite, Inventory, Movement, MovementKind, Product};
use crate::change::{ChangeSet, CommitError, CommitRefusal};
use crate::error::Shortage;
use crate::limits;
use crate::testing::ManualClock;
use crate::text::Sku;

use super::fixture::{Fixture, Opened, got, walk};
use super::samples::{movement, receipt, reservation, sku};
use super::{cases, samples};

type Catalog = Fixture<dyn CatalogStore>;

pub(super) async fn all(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<dyn CatalogStore>) {
    cases! { make;
        movements_change_the_stock_and_say_why,
        stock_keeps_its_bounds,
        every_short_sku_is_named_with_its_lines_added_up,
        movements_of_one_change_set_follow_each_other,
        a_movement_happens_once,
        a_recount_is_for_the_shelf_as_it_was_seen,
        what_has_no_shelf_is_noted_and_not_counted,
        of_many_buyers_as_many_get_one_as_there_are,
        a_mixed_crowd_leaves_sound_books,
        crossings_of_the_threshold_are_found,
        a_shelf_is_expected_at_a_version,
        what_is_shown_follows_every_commit,
    }
}

/// A shop with these SKUs, each with so many units.
pub(super) async fn stock(fixture: &Catalog, skus: &[(&str, i64)]) {
    let texts: Vec<&str> = skus.iter().map(|(text, _)| *text).collect();
    let product = samples::product(&fixture.ids, &texts, fixture.now());
    let receipts = skus.iter().map(|(text, count)| CatalogWrite::Move(receipt(&fixture.ids, &sku(text), *count, fixture.now())));
    fixture.write(std::iter::once(CatalogWrite::InsertProduct(product)).chain(receipts)).await;
}

pub(super) async fn inventory(fixture: &Catalog, text: &str) -> Inventory {
    got(fixture.store.inventory(&[sku(text)]).await).pop().expect("the SKU has stock")
}

/// On hand and reserved; the ledger must sum to both.
pub(super) async fn books(fixture: &Catalog, text: &str) -> (i64, i64) {
    let row = inventory(fixture, text).await;
    let ledger = walk(async |page| got(fixture.store.ledger(&sku(text), &page).await)).await;
    let sum = |part: fn(&Movement) -> i64| ledger.iter().map(part).sum::<i64>();
    assert_eq!((sum(|line| line.on_hand), sum(|line| line.reserved)), (row.on_hand, row.reserved), "the ledger of {text}");
    (row.on_hand, row.reserved)
}

fn take(fixture: &Catalog, text: &str, count: i64) -> CatalogWrite {
    CatalogWrite::Move(reservation(&fixture.ids, &sku(text), count, fixture.now()))
}

fn receive(fixture: &Catalog, text: &str, count: i64) -> CatalogWrite {
    CatalogWrite::Move(receipt(&fixture.ids, &sku(text), count, fixture.now()))
}

async fn what_is_shown_follows_every_commit(fixture: &Catalog) {
    stock(fixture, &[("A", 10)]).await;
    let id = inventory(fixture, "A").await.product;
    let shown = async || got(fixture.store.shown(id).await).expect("the product is there");
    for units in 1..=3 {
        fixture.write([take(fixture, "A", 1)]).await;
        for _ in 0..2 {
            let available: Vec<i64> = shown().await.stock.iter().map(Inventory::available).collect();
            assert_eq!(available, [10 - units]);
            let items = got(fixture.store.items_shown(&[sku("A"), sku("NONE")]).await);
            assert_eq!(items.iter().map(|item| item.available).collect::<Vec<_>>(), [10 - units]);
        }
    }
    let product = &shown().await.product;
    let renamed = Product { name: "Renamed".to_owned(), version: product.version + 1, ..product.clone() };
    fixture.write([CatalogWrite::UpdateProduct(renamed.clone())]).await;
    assert_eq!(shown().await.product, renamed);
    assert_eq!(got(fixture.store.shown(fixture.ids.mint()).await), None);
}

async fn movements_change_the_stock_and_say_why(fixture: &Catalog) {
    stock(fixture, &[("A", 0)]).await;
    let steps = [
        (MovementKind::Receipt, 10, 0),
        (MovementKind::Reservation, 0, 4),
        (MovementKind::Sale, -3, -3),
        (MovementKind::Release, 0, -1),
        (MovementKind::Restock, 1, 0),
        (MovementKind::Adjustment, -8, 0),
    ];
    let mut version = inventory(fixture, "A").await.version;
    let mut written = Vec::new();
    for (kind, on_hand, reserved) in steps {
        fixture.clock.advance(Duration::from_secs(1));
        let mut step = movement(&fixture.ids, &sku("A"), kind, on_hand, reserved, fixture.now());
        step.reference = (kind != MovementKind::Receipt).then(|| "ab".repeat(32));
        samples::UNICODE.clone_into(&mut step.reason);
        step.actor = (kind == MovementKind::Adjustment).then(|| fixture.ids.mint());
        fixture.write([CatalogWrite::Move(step.clone())]).await;
        let row = inventory(fixture, "A").await;
        assert!(row.version > version, "every change grows the version");
        version = row.version;
        written.push(step);
    }
    assert_eq!(books(fixture, "A").await, (0, 0));
    written.reverse();
    let ledger = walk(async |page| got(fixture.store.ledger(&sku("A"), &page).await)).await;
    assert_eq!(ledger.into_iter().take(written.len()).collect::<Vec<_>>(), written, "newest first");
    assert!(walk(async |page| got(fixture.store.ledger(&sku("nobody's"), &page).await)).await.is_empty());
    let received = written.iter().find(|line| line.kind == MovementKind::Receipt).map(|line| line.id);
    assert_eq!(got(fixture.store.last_receipt(&sku("A")).await), received, "not the one that came with the shelf");
    assert_eq!(got(fixture.store.last_receipt(&sku("nobody's")).await), None);
}

async fn stock_keeps_its_bounds(fixture: &Catalog) {
    stock(fixture, &[("A", 10)]).await;
    fixture.write([take(fixture, "A", 4)]).await;
    let (ids, now) = (&fixture.ids, fixture.now());
    let bad = [
        reservation(ids, &sku("A"), 7, now),
        reservation(ids, &sku("A"), -5, now),
        receipt(ids, &sku("A"), -7, now),
        receipt(ids, &sku("A"), limits::STOCK_MAX, now),
        receipt(ids, &sku("A"), i64::MAX, now),
        receipt(ids, &sku("A"), i64::MIN, now),
        reservation(ids, &sku("A"), i64::MAX, now),
        movement(ids, &sku("A"), MovementKind::Sale, -11, -4, now),
    ];
    for movement in bad {
        let refusal = fixture.refused([CatalogWrite::Move(movement.clone())]).await;
        assert!(matches!(refusal, CommitRefusal::Short(_)), "{movement:?} got {refusal}");
    }
    assert_eq!(books(fixture, "A").await, (10, 4));
    fixture.write([receive(fixture, "A", limits::STOCK_MAX - 10)]).await;
    assert_eq!(books(fixture, "A").await, (limits::STOCK_MAX, 4));
}

async fn every_short_sku_is_named_with_its_lines_added_up(fixture: &Catalog) {
    stock(fixture, &[("A", 3), ("B", 10), ("C", 0), ("D", 5)]).await;
    fixture.write([take(fixture, "D", 4)]).await;
    let lines = [("A", 2), ("B", 10), ("C", 1), ("A", 2), ("D", 2), ("nobody's", 6)];
    let refusal = fixture.refused(lines.map(|(text, count)| take(fixture, text, count))).await;
    let CommitRefusal::Short(mut short) = refusal else { panic!("stock is short, not: {refusal}") };
    short.sort_by(|one, other| one.sku.cmp(&other.sku));
    let shortage = |text, requested, available| Shortage { sku: sku(text), requested, available };
    assert_eq!(short, [shortage("A", 4, 3), shortage("C", 1, 0), shortage("D", 2, 1), shortage("nobody's", 6, 0)]);
    for (text, books_before) in [("A", (3, 0)), ("B", (10, 0)), ("C", (0, 0)), ("D", (5, 4))] {
        assert_eq!(books(fixture, text).await, books_before, "nothing of it was taken");
    }
}

async fn movements_of_one_change_set_follow_each_other(fixture: &Catalog) {
    stock(fixture, &[("A", 1)]).await;
    fixture.write([receive(fixture, "A", 2), take(fixture, "A", 3)]).await;
    assert_eq!(books(fixture, "A").await, (3, 3));
    let new = samples::product(&fixture.ids, &["N"], fixture.now());
    fixture.write([CatalogWrite::InsertProduct(new), receive(fixture, "N", 2), take(fixture, "N", 2)]).await;
    assert_eq!(books(fixture, "N").await, (2, 2));
}

async fn a_movement_happens_once(fixture: &Catalog) {
    stock(fixture, &[("A", 10)]).await;
    let step = reservation(&fixture.ids, &sku("A"), 1, fixture.now());
    fixture.write([CatalogWrite::Move(step.clone())]).await;
    assert_eq!(fixture.refused([CatalogWrite::Move(step)]).await, CommitRefusal::Duplicate("id"));
    assert_eq!(books(fixture, "A").await, (10, 1));
}

async fn a_recount_is_for_the_shelf_as_it_was_seen(fixture: &Catalog) {
    stock(fixture, &[("A", 10)]).await;
    fixture.write([take(fixture, "A", 4)]).await;
    let seen = inventory(fixture, "A").await;
    let recount = |text, version, reserved| CatalogWrite::Recount { sku: sku(text), version, on_hand: 9, reserved };
    for wrong in [seen.version - 1, seen.version, seen.version + 2] {
        assert_eq!(fixture.refused([recount("A", wrong, 3)]).await, CommitRefusal::Stale("inventory"));
    }
    assert_eq!(fixture.refused([recount("nobody's", 1, 0)]).await, CommitRefusal::Stale("inventory"));
    let right = recount("A", seen.version + 1, 3);
    let results = fixture.race([right.clone(), right].map(|recount| ChangeSet::of([recount]))).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "of two who saw the same, one counts");
    let counted = inventory(fixture, "A").await;
    assert_eq!((counted.on_hand, counted.reserved), (9, 3));
    assert!(counted.version > seen.version);
    // Whoever bought meanwhile is not counted away.
    let late = recount("A", counted.version + 1, 3);
    fixture.write([take(fixture, "A", 1)]).await;
    assert_eq!(fixture.refused([late]).await, CommitRefusal::Stale("inventory"));
    assert_eq!(inventory(fixture, "A").await.reserved, 4);
}

async fn what_has_no_shelf_is_noted_and_not_counted(fixture: &Catalog) {
    stock(fixture, &[("A", 10)]).await;
    let note = |text, count| receipt(&fixture.ids, &sku(text), count, fixture.now());
    let stale = fixture.refused([CatalogWrite::Note(note("A", 1))]).await;
    assert_eq!(stale, CommitRefusal::Stale("inventory"), "it has a shelf");
    let lines = [note("GONE", 2), note("GONE", -2)];
    fixture.write(lines.clone().map(CatalogWrite::Note)).await;
    assert_eq!(got(fixture.store.inventory(&[sku("GONE")]).await), []);
    let mut ledger = walk(async |page| got(fixture.store.ledger(&sku("GONE"), &page).await)).await;
    ledger.reverse();
    assert_eq!(ledger, lines);
    assert_eq!(fixture.refused([CatalogWrite::Note(lines[0].clone())]).await, CommitRefusal::Duplicate("id"));
    let product = samples::product(&fixture.ids, &["GONE"], fixture.now());
    fixture.write([CatalogWrite::InsertProduct(product)]).await;
    assert_eq!(books(fixture, "GONE").await, (0, 0), "a shelf that comes later is as the ledger says");
    assert_eq!(books(fixture, "A").await, (10, 0));
}

async fn of_many_buyers_as_many_get_one_as_there_are(fixture: &Catalog) {
    stock(fixture, &[("HOT", 50)]).await;
    let results = fixture.race((0..120).map(|_| ChangeSet::of([take(fixture, "HOT", 1)]))).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 50);
    for result in results.iter().filter(|result| result.is_err()) {
        let Err(CommitError::Refused(CommitRefusal::Short(short))) = result else { panic!("a buyer got {result:?}") };
        assert_eq!(*short, [Shortage { sku: sku("HOT"), requested: 1, available: 0 }]);
    }
    assert_eq!(books(fixture, "HOT").await, (50, 50));
}

async fn a_mixed_crowd_leaves_sound_books(fixture: &Catalog) {
    let skus: [&str; 4] = ["A", "B", "C", "D"];
    stock(fixture, &skus.map(|text| (text, 20))).await;
    // Each takes two different SKUs, and every fifth asks for more of the second than there can be.
    let wish = |n: usize| {
        let first = skus.iter().cycle().nth(n).copied().unwrap_or("A");
        let second = skus.iter().cycle().nth(n + 1 + n / 4).copied().filter(|text| *text != first).unwrap_or("D");
        let count = if n.is_multiple_of(5) { 21 } else { 1 };
        (first, second, count)
    };
    let sets =
        (0..60).map(wish).map(|(first, second, count)| ChangeSet::of([take(fixture, first, 1), take(fixture, second, count)]));
    let results = fixture.race(sets).await;
    let mut taken: std::collections::BTreeMap<&str, i64> = std::collections::BTreeMap::new();
    for ((first, second, count), result) in (0..60).map(wish).zip(&results) {
        if result.is_ok() {
            *taken.entry(first).or_default() += 1;
            *taken.entry(second).or_default() += count;
        }
    }
    for text in skus {
        let (on_hand, reserved) = books(fixture, text).await;
        assert_eq!((on_hand, reserved), (20, taken.get(text).copied().unwrap_or(0)), "{text}");
    }
}

async fn crossings_of_the_threshold_are_found(fixture: &Catalog) {
    stock(fixture, &[("A", 10), ("B", 5), ("C", 6), ("D", 0)]).await;
    let crossings = async || {
        let mut rows: Vec<Sku> = got(fixture.store.low_stock_crossings(10).await).into_iter().map(|row| row.sku).collect();
        rows.sort();
        rows
    };
    assert_eq!(crossings().await, [sku("B"), sku("D")], "at the threshold and under it");
    assert_eq!(got(fixture.store.low_stock_crossings(1).await).len(), 1);
    let before = inventory(fixture, "B").await;
    fixture.write(["B", "D"].map(|text| CatalogWrite::SetAlerted(sku(text), true))).await;
    assert_eq!(crossings().await, [], "ops know");
    assert_eq!(inventory(fixture, "B").await, Inventory { low_stock_alerted: true, ..before }, "nothing else has changed");
    let nowhere = fixture.refused([CatalogWrite::SetAlerted(sku("NONE"), true)]).await;
    assert_eq!(nowhere, CommitRefusal::Stale("inventory"));

    fixture.write([take(fixture, "A", 5), receive(fixture, "B", 1)]).await;
    assert_eq!(crossings().await, [sku("A"), sku("B")], "what can be had counts, both ways");
    fixture.write([CatalogWrite::SetThreshold(sku("A"), 4), CatalogWrite::SetAlerted(sku("B"), false)]).await;
    assert_eq!(crossings().await, []);
    assert_eq!(inventory(fixture, "A").await.low_stock_threshold, 4);
    fixture.write([CatalogWrite::SetThreshold(sku("C"), limits::STOCK_MAX)]).await;
    assert_eq!(crossings().await, [sku("C")]);
}

async fn a_shelf_is_expected_at_a_version(fixture: &Catalog) {
    stock(fixture, &[("A", 10)]).await;
    let version = inventory(fixture, "A").await.version;
    let expecting = |version| ChangeSet::of([CatalogWrite::ExpectStock(sku("A"), version), take(fixture, "A", 1)]);
    let results = fixture.race((0..4).map(|_| expecting(version))).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "one was first");
    let stale = |result: &Result<(), CommitError>| matches!(result, Err(CommitError::Refused(CommitRefusal::Stale("inventory"))));
    assert_eq!(results.iter().filter(|result| stale(result)).count(), 3, "the others came upon a changed shelf");
    for wrong in [0, version, version + 2, u64::MAX] {
        assert!(stale(&fixture.store.commit(expecting(wrong)).await), "{wrong}");
    }
    let nowhere = ChangeSet::of([CatalogWrite::ExpectStock(sku("NONE"), 1)]);
    assert!(stale(&fixture.store.commit(nowhere).await), "what is not there has no version");
    fixture.write([CatalogWrite::ExpectStock(sku("A"), version + 1)]).await;
    assert_eq!(inventory(fixture, "A").await.version, version + 1, "looking changes nothing");
    assert_eq!(books(fixture, "A").await, (10, 1));
}
