//! The outbox: in order, until published.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::change::{ChangeSet, CommitError, CommitRefusal};
use crate::events::{Backlog, Envelope, EventKind, Topic};
use crate::ids::EventId;
use crate::testing::ManualClock;

use super::fixture::{Fixture, Opened, Subject, got};
use super::machinery::{inserting, name};
use super::{cases, samples};

pub(super) async fn all<S: Subject + ?Sized>(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<S>) {
    cases! { make;
        events_come_out_in_the_order_they_were_said,
        published_events_are_gone,
        the_backlog_counts_what_waits,
        envelopes_survive_the_trip,
        an_event_is_said_once,
    }
}

/// Says `count` events in change sets of two, a second apart.
async fn say<S: Subject + ?Sized>(fixture: &Fixture<S>, count: usize) -> Vec<EventId> {
    let mut said = Vec::new();
    for _ in 0..count.div_ceil(2) {
        fixture.clock.advance(Duration::from_secs(1));
        let pair = [(); 2].map(|()| samples::envelope(&fixture.ids, fixture.now()));
        said.extend(pair.iter().map(|event| event.id));
        fixture.commit(ChangeSet::new().say(pair)).await;
    }
    said
}

async fn waiting<S: ?Sized>(fixture: &Fixture<S>, limit: u32) -> Vec<EventId> {
    got(fixture.outbox.unpublished(limit).await).iter().map(|event| event.id).collect()
}

async fn events_come_out_in_the_order_they_were_said<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    assert_eq!(waiting(fixture, 10).await, []);
    let said = say(fixture, 6).await;
    assert_eq!(waiting(fixture, 100).await, said);
    assert_eq!(waiting(fixture, 4).await, said.iter().copied().take(4).collect::<Vec<_>>(), "the oldest of them");
    assert_eq!(waiting(fixture, 4).await.len(), 4, "reading takes nothing out");
}

async fn published_events_are_gone<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let said = say(fixture, 6).await;
    let (some, rest): (Vec<_>, Vec<_>) = said.iter().copied().enumerate().partition(|(index, _)| index % 2 == 0);
    let ids = |events: Vec<(usize, EventId)>| events.into_iter().map(|(_, id)| id).collect::<Vec<_>>();
    let (some, rest) = (ids(some), ids(rest));
    got(fixture.outbox.published(&some).await);
    assert_eq!(waiting(fixture, 100).await, rest, "the others still wait");
    got(fixture.outbox.published(&some).await);
    got(fixture.outbox.published(&[]).await);
    assert_eq!(waiting(fixture, 100).await, rest, "publishing twice is fine");
    got(fixture.outbox.published(&said).await);
    assert_eq!(waiting(fixture, 100).await, []);
}

async fn the_backlog_counts_what_waits<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    assert_eq!(got(fixture.outbox.backlog().await), Backlog::default());
    let first_at = fixture.now().plus(Duration::from_secs(1));
    let said = say(fixture, 4).await;
    assert_eq!(got(fixture.outbox.backlog().await), Backlog { waiting: 4, oldest: Some(first_at) });
    let first: Vec<EventId> = said.into_iter().take(2).collect();
    got(fixture.outbox.published(&first).await);
    let second_at = first_at.plus(Duration::from_secs(1));
    assert_eq!(got(fixture.outbox.backlog().await), Backlog { waiting: 2, oldest: Some(second_at) });
}

async fn envelopes_survive_the_trip<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let kinds = EventKind::ALL.iter().zip(Topic::ALL.iter().cycle());
    let said: Vec<Envelope> = kinds
        .map(|(kind, topic)| Envelope {
            kind: *kind,
            topic: *topic,
            schema: u16::MAX,
            version: u64::from(u32::MAX),
            at: samples::end_of_time(),
            traceparent: Some(trace.to_owned()),
            data: json!({ "text": samples::UNICODE, "amount": i64::MAX, "list": [1, null, { "deep": true }] }).into(),
            ..samples::envelope(&fixture.ids, fixture.now())
        })
        .collect();
    fixture.commit(ChangeSet::new().say(said.clone())).await;
    assert_eq!(got(fixture.outbox.unpublished(100).await), said);
}

/// The same words again are refused, alone, beside themselves, and in the middle of others, whatever
/// they come with.
async fn an_event_is_said_once<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let [old, new] = [(); 2].map(|()| samples::envelope(&fixture.ids, fixture.now()));
    fixture.commit(ChangeSet::new().say([old.clone()])).await;
    let row = name(fixture);
    let again = inserting(fixture, row).say([new.clone(), old.clone()]);
    assert_eq!(fixture.refusal(again).await, CommitRefusal::Duplicate("id"));
    let twice = inserting(fixture, row).say([new.clone(), new.clone()]);
    assert_eq!(fixture.refusal(twice).await, CommitRefusal::Duplicate("id"));
    got(fixture.outbox.published(&[old.id]).await);

    let names: Vec<_> = (0..9).map(|_| name(fixture)).collect();
    let sets = names.iter().enumerate().map(|(place, id)| match place {
        2 => inserting(fixture, *id).say([old.clone()]),
        4 | 6 => inserting(fixture, *id).say([new.clone()]),
        _ => inserting(fixture, *id),
    });
    let results = fixture.race(sets).await;
    let refused = |result: &Result<(), CommitError>| matches!(result, Err(CommitError::Refused(CommitRefusal::Duplicate("id"))));
    for (place, (id, result)) in names.iter().zip(&results).enumerate() {
        assert_eq!(result.is_ok(), fixture.store.has(*id).await, "change set {place} is there whole or not at all");
        assert!(result.is_ok() || (refused(result) && [2, 4, 6].contains(&place)), "change set {place} got {result:?}");
    }
    let heard = results.iter().skip(4).step_by(2).take(2).filter(|result| result.is_ok()).count();
    assert!(results.get(2).is_some_and(refused) && heard == 1, "what is new is said once: {results:?}");
    assert_eq!(waiting(fixture, 100).await, [new.id]);
}
