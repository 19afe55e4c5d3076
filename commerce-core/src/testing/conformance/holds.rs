//! Holds: generations, endings, and what the sweeper finds.

use std::sync::Arc;
use std::time::Duration;

use crate::catalog::{CatalogStore, CatalogWrite, Hold, HoldKey, HoldState};
use crate::change::{ChangeSet, CommitRefusal, digest};
use crate::limits;
use crate::testing::ManualClock;

use super::cases;
use super::fixture::{Fixture, Opened, got};
use super::samples::{hold, reservation, sku};
use super::stock::{books, stock};

type Catalog = Fixture<dyn CatalogStore>;

pub(super) async fn all(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<dyn CatalogStore>) {
    cases! { make;
        a_hold_is_read_as_written,
        generations_follow_each_other,
        a_hold_ends_once,
        a_dead_generation_stays_dead,
        of_twins_one_holds,
        a_hold_that_is_refused_takes_nothing,
        expired_holds_are_found,
        a_postponed_hold_is_found_later,
    }
}

const STALE: CommitRefusal = CommitRefusal::Stale("hold");

fn key(text: &str) -> HoldKey {
    HoldKey(digest(&[text.as_bytes()]))
}

async fn a_hold_is_read_as_written(fixture: &Catalog) {
    assert_eq!(got(fixture.store.hold(key("one")).await), None);
    let many: Vec<_> = (0..200).map(|n| sku(&format!("SKU-{n:03} ü"))).collect();
    let lines: Vec<_> = many.iter().map(|sku| (sku, limits::QUANTITY_MAX)).collect();
    let hold = hold(key("one"), 1, &lines, fixture.now());
    fixture.write([CatalogWrite::InsertHold(hold.clone())]).await;
    assert_eq!(got(fixture.store.hold(key("one")).await), Some(hold));
    assert_eq!(got(fixture.store.hold(key("other")).await), None);
}

async fn generations_follow_each_other(fixture: &Catalog) {
    let a = sku("A");
    let generation = |number| CatalogWrite::InsertHold(hold(key("one"), number, &[(&a, 1)], fixture.now()));
    for wrong in [0, 2] {
        assert_eq!(fixture.refused([generation(wrong)]).await, STALE, "the first is 1, not {wrong}");
    }
    fixture.write([generation(1)]).await;
    for wrong in [1, 2] {
        assert_eq!(fixture.refused([generation(wrong)]).await, STALE, "not while one is active");
    }
    for (ended, state) in [(1, HoldState::Released), (2, HoldState::Expired), (3, HoldState::Committed)] {
        fixture.write([CatalogWrite::EndHold(key("one"), ended, state)]).await;
        for wrong in [ended, ended + 2] {
            assert_eq!(fixture.refused([generation(wrong)]).await, STALE, "after {ended} comes no {wrong}");
        }
        fixture.write([generation(ended + 1)]).await;
        let newest = got(fixture.store.hold(key("one")).await).map(|hold| (hold.generation, hold.state));
        assert_eq!(newest, Some((ended + 1, HoldState::Active)));
    }
    let both = [CatalogWrite::EndHold(key("one"), 4, HoldState::Released), generation(5)];
    fixture.write(both).await;
}

async fn a_hold_ends_once(fixture: &Catalog) {
    let a = sku("A");
    fixture.write([CatalogWrite::InsertHold(hold(key("one"), 1, &[(&a, 1)], fixture.now()))]).await;
    let end = |state| ChangeSet::of([CatalogWrite::EndHold(key("one"), 1, state)]);
    let states = [HoldState::Committed, HoldState::Released, HoldState::Expired];
    let results = fixture.race(states.map(end)).await;
    let winners: Vec<HoldState> =
        states.into_iter().zip(&results).filter(|(_, result)| result.is_ok()).map(|(state, _)| state).collect();
    let ended = got(fixture.store.hold(key("one")).await).expect("it is kept");
    assert_eq!(winners, [ended.state]);
    for state in states {
        assert_eq!(fixture.refusal(end(state)).await, STALE);
    }
    assert_eq!(fixture.refused([CatalogWrite::EndHold(key("other"), 1, HoldState::Released)]).await, STALE);
}

async fn a_dead_generation_stays_dead(fixture: &Catalog) {
    let a = sku("A");
    let insert = |number| CatalogWrite::InsertHold(hold(key("one"), number, &[(&a, 1)], fixture.now()));
    let release = CatalogWrite::EndHold(key("one"), 1, HoldState::Released);
    fixture.write([insert(1), release, insert(2)]).await;
    let commit = CatalogWrite::EndHold(key("one"), 1, HoldState::Committed);
    assert_eq!(fixture.refused([commit]).await, STALE, "no later commit of a released hold succeeds");
    let later = fixture.now().plus(Duration::from_hours(1));
    assert_eq!(fixture.refused([CatalogWrite::PostponeHold(key("one"), 1, later)]).await, STALE);
    let newest = got(fixture.store.hold(key("one")).await).map(|hold| (hold.generation, hold.state));
    assert_eq!(newest, Some((2, HoldState::Active)), "the newer generation is untouched");
}

async fn of_twins_one_holds(fixture: &Catalog) {
    stock(fixture, &[("A", 2)]).await;
    let a = sku("A");
    let click = || {
        let take = reservation(&fixture.ids, &a, 2, fixture.now());
        ChangeSet::of([CatalogWrite::InsertHold(hold(key("one"), 1, &[(&a, 2)], fixture.now())), CatalogWrite::Move(take)])
    };
    let results = fixture.race((0..10).map(|_| click())).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(fixture.refusal(click()).await, STALE, "the hold is judged before the stock, as written");
    assert_eq!(books(fixture, "A").await, (2, 2), "the stock was taken once");
}

async fn a_hold_that_is_refused_takes_nothing(fixture: &Catalog) {
    stock(fixture, &[("A", 5), ("B", 1)]).await;
    let (a, b) = (sku("A"), sku("B"));
    let wish = hold(key("one"), 1, &[(&a, 2), (&b, 2)], fixture.now());
    let take = [&a, &b].map(|sku| CatalogWrite::Move(reservation(&fixture.ids, sku, 2, fixture.now())));
    let changes = take.into_iter().fold(ChangeSet::of([CatalogWrite::InsertHold(wish)]), ChangeSet::and);
    assert!(matches!(fixture.refusal(changes).await, CommitRefusal::Short(_)));
    assert_eq!(got(fixture.store.hold(key("one")).await), None);
    assert_eq!(books(fixture, "A").await, (5, 0));
}

async fn expired_holds_are_found(fixture: &Catalog) {
    let a = sku("A");
    let mut holds: Vec<Hold> = Vec::new();
    for text in ["one", "two", "three", "four"] {
        let hold = hold(key(text), 1, &[(&a, 1)], fixture.now());
        fixture.write([CatalogWrite::InsertHold(hold.clone())]).await;
        holds.push(hold);
        fixture.clock.advance(Duration::from_secs(1));
    }
    let [first, second, third, _] = holds.as_slice() else { panic!("there are four") };
    let found = async |now, limit| got(fixture.store.expired_holds(now, limit).await);
    let just_before = first.expires_at.minus(Duration::from_micros(1));
    assert_eq!(found(just_before, 10).await, []);
    assert_eq!(found(first.expires_at, 10).await, [first.clone()]);
    assert_eq!(found(third.expires_at, 10).await, [first.clone(), second.clone(), third.clone()], "oldest expiry first");
    assert_eq!(found(third.expires_at, 2).await, [first.clone(), second.clone()]);
    fixture.write([CatalogWrite::EndHold(first.key, 1, HoldState::Committed)]).await;
    assert_eq!(found(second.expires_at, 10).await, [second.clone()], "an ended one does not expire");
}

async fn a_postponed_hold_is_found_later(fixture: &Catalog) {
    let a = sku("A");
    let hold = hold(key("one"), 1, &[(&a, 1)], fixture.now());
    fixture.write([CatalogWrite::InsertHold(hold.clone())]).await;
    let later = hold.expires_at.plus(limits::HOLD_MARGIN);
    fixture.write([CatalogWrite::PostponeHold(hold.key, 1, later)]).await;
    assert_eq!(got(fixture.store.expired_holds(hold.expires_at, 10).await), []);
    let postponed = Hold { expires_at: later, ..hold };
    assert_eq!(got(fixture.store.expired_holds(later, 10).await), [postponed]);
}
