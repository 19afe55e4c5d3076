//! What holds for every store: a change set is all or nothing, keys and deliveries are used up
//! once, and a deadline is a deadline.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::change::{ChangeSet, CommitError, CommitRefusal, Handled, KeyClaim, KeyRecord, KeyResult, KeyScope};
use crate::ids::{EventId, Id, OrderId, UserId};
use crate::limits;
use crate::testing::ManualClock;

use super::fixture::{Fixture, Opened, Subject, got};
use super::{cases, letters, outbox, samples};

pub(super) async fn all<S: Subject + ?Sized>(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<S>) {
    commits(make).await;
    outbox::all(make).await;
    letters::all(make).await;
}

/// What holds without outbox, dead letters and leases, too.
pub(super) async fn commits<S: Subject + ?Sized>(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<S>) {
    cases! { make;
        a_change_set_is_written_whole,
        a_refused_change_set_leaves_nothing,
        an_empty_change_set_is_fine,
        later_writes_see_earlier_ones,
        a_used_key_is_known,
        a_key_counts_in_its_scope_only,
        claims_are_judged_first,
        a_refusal_gives_way_to_a_newer_generation_only,
        keys_are_forgotten_after_thirty_days,
        of_twins_with_one_key_one_wins,
        a_delivery_is_handled_once,
        nothing_commits_at_the_deadline,
        refused_change_sets_do_not_fail_their_neighbours,
    }
}

/// A fresh name for a row.
pub(super) fn name<S: ?Sized>(fixture: &Fixture<S>) -> Uuid {
    fixture.ids.mint::<OrderId>().uuid()
}

/// A change set that inserts a row named `id`.
pub(super) fn inserting<S: Subject + ?Sized>(fixture: &Fixture<S>, id: Uuid) -> ChangeSet<S::Write> {
    ChangeSet::of([fixture.store.row(id, fixture.now())])
}

async fn key<S: Subject + ?Sized>(fixture: &Fixture<S>, claim: &KeyClaim) -> Option<KeyRecord> {
    match fixture.store.keys() {
        Some(keys) => got(keys.key(&claim.scope).await),
        None => None,
    }
}

fn handled<S: ?Sized>(fixture: &Fixture<S>, consumer: &'static str, event: EventId) -> Handled {
    Handled { consumer, event, at: fixture.now() }
}

async fn a_change_set_is_written_whole<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let (first, second) = (name(fixture), name(fixture));
    let event = samples::envelope(&fixture.ids, fixture.now());
    let claim = samples::claim(&samples::scope(None, "k"), "body", first, fixture.now());
    let rows = ChangeSet::of([first, second].map(|id| fixture.store.row(id, fixture.now())));
    let delivery = handled(fixture, "test-queue", event.id);
    let rows = fixture.say(rows, [event.clone()]);
    fixture.commit(rows.claim(Some(claim.clone())).handling(Some(delivery))).await;

    assert!(fixture.store.has(first).await && fixture.store.has(second).await, "every write is there");
    assert_eq!(got(fixture.outbox.unpublished(10).await), fixture.said(vec![event]), "the event is in the outbox");
    if fixture.store.keys().is_some() {
        let record = KeyRecord { body_hash: claim.body_hash, result: KeyResult::Done(first) };
        assert_eq!(key(fixture, &claim).await, Some(record), "the key is used");
    }
}

async fn a_refused_change_set_leaves_nothing<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let (taken, fresh) = (name(fixture), name(fixture));
    fixture.commit(inserting(fixture, taken)).await;
    let event = samples::envelope(&fixture.ids, fixture.now());
    let claim = samples::claim(&samples::scope(None, "k"), "body", fresh, fixture.now());
    let half = inserting(fixture, fresh).and(fixture.store.clash(taken, fixture.now()));
    let half = fixture.say(half, [event.clone()]);
    fixture.refusal(half.claim(Some(claim.clone())).handling(Some(handled(fixture, "test-queue", event.id)))).await;

    assert!(!fixture.store.has(fresh).await, "no write is there");
    assert_eq!(got(fixture.outbox.unpublished(10).await), [], "nothing was said");
    assert_eq!(key(fixture, &claim).await, None, "the key is free");
    let again = inserting(fixture, fresh).claim(Some(claim)).handling(Some(handled(fixture, "test-queue", event.id)));
    fixture.commit(again).await;
    assert!(fixture.store.has(fresh).await, "the delivery and the key were still to be used");
}

async fn an_empty_change_set_is_fine<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    fixture.commit(ChangeSet::new()).await;
    let event = samples::envelope(&fixture.ids, fixture.now());
    fixture.commit(fixture.say(ChangeSet::new(), [event.clone()])).await;
    assert_eq!(got(fixture.outbox.unpublished(10).await), fixture.said(vec![event]));
}

async fn later_writes_see_earlier_ones<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let id = name(fixture);
    fixture.refusal(inserting(fixture, id).and(fixture.store.clash(id, fixture.now()))).await;
    assert!(!fixture.store.has(id).await);
}

async fn a_used_key_is_known<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let (first, second) = (name(fixture), name(fixture));
    let scope = samples::scope(Some(fixture.ids.mint()), samples::UNICODE.lines().next().unwrap_or("key"));
    let claim = samples::claim(&scope, "one", first, fixture.now());
    assert_eq!(key(fixture, &claim).await, None);
    fixture.commit(inserting(fixture, first).claim(Some(claim.clone()))).await;

    let record = KeyRecord { body_hash: claim.body_hash, result: KeyResult::Done(first) };
    for body in ["one", "other"] {
        let claim = KeyClaim { generation: 9, ..samples::claim(&scope, body, second, fixture.now()) };
        let refusal = fixture.refusal(inserting(fixture, second).claim(Some(claim))).await;
        assert_eq!(refusal, CommitRefusal::KeyTaken(record.clone()), "the first record is answered, for {body}");
    }
    assert!(!fixture.store.has(second).await);
}

async fn a_key_counts_in_its_scope_only<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let (one, other): (UserId, UserId) = (fixture.ids.mint(), fixture.ids.mint());
    let base = samples::scope(Some(one), "same");
    let route = KeyScope { route: "POST /api/users".to_owned(), ..base.clone() };
    let scopes =
        [base, route, samples::scope(Some(other), "same"), samples::scope(None, "same"), samples::scope(Some(one), "SAME")];
    for scope in scopes {
        let id = name(fixture);
        let claim = samples::claim(&scope, "body", id, fixture.now());
        fixture.commit(inserting(fixture, id).claim(Some(claim))).await;
    }
}

async fn claims_are_judged_first<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let id = name(fixture);
    let event: EventId = fixture.ids.mint();
    let claim = samples::claim(&samples::scope(None, "k"), "body", id, fixture.now());
    let used = inserting(fixture, id).claim(Some(claim.clone())).handling(Some(handled(fixture, "test-queue", event)));
    fixture.commit(used).await;

    let all_wrong = || ChangeSet::of([fixture.store.clash(id, fixture.now())]).before(fixture.now());
    let refusal = fixture.refusal(all_wrong().claim(Some(claim)).handling(Some(handled(fixture, "test-queue", event)))).await;
    assert!(matches!(refusal, CommitRefusal::KeyTaken(_)), "the key comes first, not: {refusal}");
    let refusal = fixture.refusal(all_wrong().handling(Some(handled(fixture, "test-queue", event)))).await;
    assert_eq!(refusal, CommitRefusal::AlreadyHandled, "then the delivery");
    assert_eq!(fixture.refusal(all_wrong()).await, CommitRefusal::TooLate, "then the deadline");
}

async fn a_refusal_gives_way_to_a_newer_generation_only<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let id = name(fixture);
    let done = samples::claim(&samples::scope(None, "k"), "body", id, fixture.now());
    let refused = KeyClaim { result: KeyResult::Refused(2), generation: 2, ..done.clone() };
    fixture.commit(ChangeSet::new().claim(Some(refused.clone()))).await;

    for generation in [1, 2] {
        let late = KeyClaim { generation, ..done.clone() };
        let refusal = fixture.refusal(inserting(fixture, id).claim(Some(late))).await;
        let record = KeyRecord { body_hash: refused.body_hash, result: KeyResult::Refused(2) };
        assert_eq!(refusal, CommitRefusal::KeyTaken(record), "nothing commits under generation {generation} any more");
    }
    let newer = KeyClaim { generation: 3, ..done };
    fixture.commit(inserting(fixture, id).claim(Some(newer.clone()))).await;
    if fixture.store.keys().is_some() {
        let record = key(fixture, &newer).await.map(|record| record.result);
        assert_eq!(record, Some(KeyResult::Done(id)), "the newer generation took its place");
    }
    let last = KeyClaim { generation: 4, ..newer };
    let refusal = fixture.refusal(ChangeSet::new().claim(Some(last))).await;
    assert!(matches!(refusal, CommitRefusal::KeyTaken(_)), "what is done stays done");
}

async fn keys_are_forgotten_after_thirty_days<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let scope = samples::scope(None, "k");
    let claim = samples::claim(&scope, "body", name(fixture), fixture.now());
    fixture.commit(ChangeSet::new().claim(Some(claim.clone()))).await;

    let instant = Duration::from_micros(1);
    fixture.clock.advance(limits::IDEMPOTENCY_KEEP.saturating_sub(instant));
    if fixture.store.keys().is_some() {
        assert!(key(fixture, &claim).await.is_some(), "it is remembered for thirty days");
    }
    fixture.refusal(ChangeSet::new().claim(Some(claim.clone()))).await;
    fixture.clock.advance(instant);
    assert_eq!(key(fixture, &claim).await, None, "and not longer");
    fixture.commit(ChangeSet::new().claim(Some(samples::claim(&scope, "other", name(fixture), fixture.now())))).await;
}

async fn of_twins_with_one_key_one_wins<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let scope = samples::scope(Some(fixture.ids.mint()), "double click");
    let names: Vec<Uuid> = (0..20).map(|_| name(fixture)).collect();
    let click = |id: &Uuid| inserting(fixture, *id).claim(Some(samples::claim(&scope, "body", *id, fixture.now())));
    let results = fixture.race(names.iter().map(click)).await;

    let mut winner = None;
    for (id, result) in names.iter().zip(&results) {
        assert_eq!(fixture.store.has(*id).await, result.is_ok(), "a row is there exactly when its commit was accepted");
        if result.is_ok() {
            assert_eq!(winner.replace(*id), None, "only one wins");
        }
    }
    let winner = winner.expect("one wins");
    for result in results.iter().filter(|result| result.is_err()) {
        let Err(CommitError::Refused(CommitRefusal::KeyTaken(record))) = result else { panic!("a twin got {result:?}") };
        assert_eq!(record.result, KeyResult::Done(winner), "the others learn who won");
    }
}

async fn a_delivery_is_handled_once<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let event: EventId = fixture.ids.mint();
    let names: Vec<Uuid> = (0..10).map(|_| name(fixture)).collect();
    let deliver = |id: &Uuid| inserting(fixture, *id).handling(Some(handled(fixture, "one-queue", event)));
    let results = fixture.race(names.iter().map(deliver)).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "one delivery has its effect");
    for result in results.iter().filter(|result| result.is_err()) {
        assert!(matches!(result, Err(CommitError::Refused(CommitRefusal::AlreadyHandled))), "a repeat got {result:?}");
    }
    let other: EventId = fixture.ids.mint();
    fixture.commit(inserting(fixture, name(fixture)).handling(Some(handled(fixture, "other-queue", event)))).await;
    fixture.commit(inserting(fixture, name(fixture)).handling(Some(handled(fixture, "one-queue", other)))).await;
}

async fn nothing_commits_at_the_deadline<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let (early, late) = (name(fixture), name(fixture));
    let deadline = fixture.now().plus(Duration::from_secs(1));
    fixture.commit(inserting(fixture, early).before(deadline)).await;
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(fixture.refusal(inserting(fixture, late).before(deadline)).await, CommitRefusal::TooLate);
    assert!(!fixture.store.has(late).await);
}

async fn refused_change_sets_do_not_fail_their_neighbours<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let taken = name(fixture);
    fixture.commit(inserting(fixture, taken)).await;
    let names: Vec<Uuid> = (0..60).map(|_| name(fixture)).collect();
    let events: Vec<_> = names.iter().map(|_| samples::envelope(&fixture.ids, fixture.now())).collect();
    let is_bad = |index: usize| index % 3 == 1;
    let sets = names.iter().zip(&events).enumerate().map(|(index, (id, event))| {
        let good = fixture.say(inserting(fixture, *id), [event.clone()]);
        if is_bad(index) { good.and(fixture.store.clash(taken, fixture.now())) } else { good }
    });
    let results = fixture.race(sets).await;

    let mut said: Vec<EventId> = got(fixture.outbox.unpublished(100).await).iter().map(|event| event.id).collect();
    said.sort();
    let mut expected: Vec<EventId> = Vec::new();
    for (index, ((id, event), result)) in names.iter().zip(&events).zip(&results).enumerate() {
        assert_eq!(result.is_ok(), !is_bad(index), "change set {index} got {result:?}");
        assert_eq!(fixture.store.has(*id).await, result.is_ok(), "change set {index}");
        expected.extend(result.is_ok().then_some(event.id));
    }
    expected.sort();
    assert_eq!(said, fixture.said(expected), "what was accepted was said, once");
}
