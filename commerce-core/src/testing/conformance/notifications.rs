//! Notifications.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::change::{ChangeSet, CommitRefusal};
use crate::events::EventKind;
use crate::ids::NotificationId;
use crate::notifications::{
    ERASED, Notification, NotificationFilter, NotificationStatus, NotificationStore, NotificationWrite, Recipient, Template,
    told_to,
};
use crate::testing::ManualClock;
use crate::text::Email;

use super::fixture::{Fixture, Opened, got, walk};
use super::{cases, samples};

type Notifications = Fixture<dyn NotificationStore>;

pub(super) async fn all(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<dyn NotificationStore>) {
    cases! { make;
        a_notification_is_read_as_written,
        one_event_tells_one_recipient_once,
        versions_grow_by_one,
        errors_come_and_go,
        due_ones_are_found,
        held_ones_are_found,
        notifications_are_listed_newest_first,
        what_is_not_forgotten_of_somebody_is_listed,
    }
}

fn new(fixture: &Notifications) -> Notification {
    samples::notification(fixture.ids.mint(), fixture.now())
}

async fn a_notification_is_read_as_written(fixture: &Notifications) {
    let full = Notification {
        kind: EventKind::LowStockAlert,
        template: Template::LowStock,
        recipient: Recipient::Ops,
        address: Some("ops@example.com".parse().expect("it is well formed")),
        data: json!({ "text": samples::UNICODE, "amount": i64::MIN, "list": [1.5, null, {}] }).into(),
        status: NotificationStatus::Failed,
        tries: 12,
        due_at: None,
        held_at: Some(samples::end_of_time()),
        error: Some(samples::UNICODE.to_owned()),
        created_at: samples::before_the_epoch(),
        sent_at: Some(samples::end_of_time()),
        maybe_twice: true,
        ..new(fixture)
    };
    for entry in [new(fixture), full] {
        fixture.write([NotificationWrite::Insert(entry.clone())]).await;
        assert_eq!(got(fixture.store.notification(entry.id).await), Some(entry));
    }
    assert_eq!(got(fixture.store.notification(fixture.ids.mint()).await), None);
}

async fn one_event_tells_one_recipient_once(fixture: &Notifications) {
    let first = new(fixture);
    let twins: Vec<Notification> = (0..10).map(|_| Notification { id: fixture.ids.mint(), ..first.clone() }).collect();
    let results = fixture.race(twins.iter().map(|twin| ChangeSet::of([NotificationWrite::Insert(twin.clone())]))).await;
    assert!(results.iter().all(Result::is_ok), "the same again is silently the same");
    let listed = async || walk(async |page| got(fixture.store.notifications(&NotificationFilter::default(), &page).await)).await;
    assert_eq!(listed().await.len(), 1);
    let others = [
        Notification { recipient: Recipient::Ops, ..new(fixture) },
        Notification { template: Template::Welcome, ..new(fixture) },
        Notification { event: fixture.ids.mint(), ..new(fixture) },
    ];
    let others = others.map(|other| Notification { id: fixture.ids.mint(), ..other });
    fixture.write(others.map(NotificationWrite::Insert)).await;
    assert_eq!(listed().await.len(), 4);
}

async fn versions_grow_by_one(fixture: &Notifications) {
    let entry = new(fixture);
    fixture.write([NotificationWrite::Insert(entry.clone())]).await;
    for wrong in [1, 3] {
        let wrong = Notification { version: wrong, ..entry.clone() };
        assert!(matches!(fixture.refused([NotificationWrite::Update(wrong)]).await, CommitRefusal::Stale(_)));
    }
    assert!(matches!(fixture.refused([NotificationWrite::Update(new(fixture))]).await, CommitRefusal::Stale(_)));
    let sending = |tries| Notification { status: NotificationStatus::Sending, tries, version: 2, ..entry.clone() };
    let results = fixture.race((1..=10).map(|n| ChangeSet::of([NotificationWrite::Update(sending(n))]))).await;
    let winners: Vec<Notification> =
        (1..=10).zip(&results).filter(|(_, result)| result.is_ok()).map(|(n, _)| sending(n)).collect();
    let stored = got(fixture.store.notification(entry.id).await).expect("it is there");
    assert_eq!(winners, [stored], "one worker begins to send");
}

async fn errors_come_and_go(fixture: &Notifications) {
    let ill = |it: &Notification| Notification { error: Some(samples::UNICODE.to_owned()), ..it.clone() };
    let well = |it: &Notification| Notification { error: None, ..it.clone() };
    let next = |it: Notification| Notification { version: it.version + 1, ..it };
    let begins = [well(&new(fixture)), well(&new(fixture)), ill(&new(fixture)), ill(&new(fixture)), ill(&new(fixture))];
    fixture.write(begins.clone().map(NotificationWrite::Insert)).await;
    let [stays_well, falls_ill, recovers, stays_ill, recovers_twice] = begins;
    let recovered = next(well(&recovers_twice));
    let ends = [
        next(stays_well),
        next(ill(&falls_ill)),
        next(well(&recovers)),
        next(stays_ill),
        recovered.clone(),
        next(recovered.clone()),
    ];
    fixture.write(ends.clone().map(NotificationWrite::Update)).await;
    for end in ends.into_iter().filter(|it| *it != recovered) {
        assert_eq!(got(fixture.store.notification(end.id).await), Some(end));
    }
}

async fn due_ones_are_found(fixture: &Notifications) {
    let at = |seconds| fixture.now().plus(Duration::from_secs(seconds));
    let due_at = |seconds| Notification { due_at: Some(at(seconds)), ..new(fixture) };
    let late = due_at(20);
    let early = Notification { status: NotificationStatus::Sending, ..due_at(10) };
    let final_ones = [NotificationStatus::Sent, NotificationStatus::Failed, NotificationStatus::Suppressed];
    let done = final_ones.map(|status| Notification { status, due_at: None, ..due_at(5) });
    let inserts = [late.clone(), early.clone()].into_iter().chain(done).map(NotificationWrite::Insert);
    fixture.write(inserts).await;
    let due = async |seconds, limit| got(fixture.store.due(at(seconds), limit).await);
    assert_eq!(due(9, 10).await, []);
    assert_eq!(due(10, 10).await, [early.clone()]);
    assert_eq!(due(60, 10).await, [early.clone(), late], "longest due first");
    assert_eq!(due(60, 1).await, [early]);
}

async fn held_ones_are_found(fixture: &Notifications) {
    let held = Notification { due_at: None, held_at: Some(fixture.now()), ..new(fixture) };
    fixture.clock.advance(Duration::from_secs(1));
    let later = Notification { due_at: None, held_at: Some(fixture.now()), ..new(fixture) };
    let inserts = [later.clone(), held.clone(), new(fixture)].map(NotificationWrite::Insert);
    fixture.write(inserts).await;
    assert_eq!(got(fixture.store.held(10).await), [held.clone(), later]);
    assert_eq!(got(fixture.store.held(1).await), [held.clone()]);
    fixture
        .write([NotificationWrite::Update(Notification { held_at: None, due_at: Some(fixture.now()), version: 2, ..held })])
        .await;
    assert_eq!(got(fixture.store.held(10).await).len(), 1);
}

async fn notifications_are_listed_newest_first(fixture: &Notifications) {
    let mut entries = Vec::new();
    for n in 0..12 {
        let plain = new(fixture);
        let (kind, template) = match n % 3 {
            0 => (EventKind::OrderCancelled, Template::OrderCancelled),
            _ => (plain.kind, plain.template),
        };
        let recipient = if n % 2 == 0 { Recipient::Ops } else { plain.recipient };
        let status = if n % 4 == 0 { NotificationStatus::Sent } else { NotificationStatus::Pending };
        entries.push(Notification { kind, template, recipient, status, ..plain });
        fixture.clock.advance(Duration::from_secs(1));
    }
    fixture.write(entries.iter().cloned().map(NotificationWrite::Insert)).await;
    entries.reverse();
    let user = entries.iter().map(|entry| entry.recipient).find(|recipient| *recipient != Recipient::Ops);
    let filters: [NotificationFilter; 5] = [
        NotificationFilter::default(),
        NotificationFilter { recipient: Some(Recipient::Ops), ..NotificationFilter::default() },
        NotificationFilter { recipient: user, ..NotificationFilter::default() },
        NotificationFilter { kind: Some(EventKind::OrderCancelled), ..NotificationFilter::default() },
        NotificationFilter {
            recipient: Some(Recipient::Ops),
            kind: Some(EventKind::OrderCreated),
            status: Some(NotificationStatus::Sent),
            ..NotificationFilter::default()
        },
    ];
    for filter in filters {
        let shown = |entry: &&Notification| {
            filter.recipient.is_none_or(|recipient| entry.recipient == recipient)
                && filter.kind.is_none_or(|kind| entry.kind == kind)
                && filter.status.is_none_or(|status| entry.status == status)
        };
        let expected: Vec<NotificationId> = entries.iter().filter(shown).map(|entry| entry.id).collect();
        let listed = walk(async |page| got(fixture.store.notifications(&filter, &page).await)).await;
        assert_eq!(listed.iter().map(|entry| entry.id).collect::<Vec<_>>(), expected, "{filter:?}");
    }
}

async fn what_is_not_forgotten_of_somebody_is_listed(fixture: &Notifications) {
    let user = fixture.ids.mint();
    let hers = |status, address: Option<Email>, error: Option<&str>| {
        let recipient = Recipient::User(user);
        Notification { recipient, status, address, error: error.map(str::to_owned), ..new(fixture) }
    };
    let (nobody, known) = (Email::erased(user), "asha@example.com".parse().expect("it is an address"));
    let (sent, failed) = (NotificationStatus::Sent, NotificationStatus::Failed);
    let left = [
        hers(NotificationStatus::Pending, None, None),
        hers(NotificationStatus::Sending, None, None),
        hers(sent, Some(known), None),
        hers(failed, Some(nobody.clone()), Some("no such mailbox")),
        hers(failed, None, Some("no such mailbox")),
        hers(NotificationStatus::Suppressed, None, None),
    ];
    let about_nothing = |it: Notification| Notification { data: told_to(user), ..it };
    let forgotten = [
        about_nothing(hers(sent, Some(nobody.clone()), None)),
        about_nothing(hers(failed, Some(nobody), Some(ERASED))),
        about_nothing(hers(NotificationStatus::Suppressed, None, None)),
        new(fixture),
    ];
    fixture.write(left.iter().chain(&forgotten).cloned().map(NotificationWrite::Insert)).await;
    let filter = NotificationFilter { unforgotten: Some(user), ..NotificationFilter::default() };
    let listed = walk(async |page| got(fixture.store.notifications(&filter, &page).await)).await;
    let expected: BTreeSet<NotificationId> = left.iter().map(|it| it.id).collect();
    assert_eq!(listed.iter().map(|it| it.id).collect::<BTreeSet<_>>(), expected);
    let it = left.last().cloned().expect("there are some");
    fixture
        .write([NotificationWrite::Update(about_nothing(Notification { version: it.version.saturating_add(1), ..it.clone() }))])
        .await;
    let read = got(fixture.store.notification(it.id).await).expect("it is there");
    assert_eq!(read.data, told_to(user), "what it was about is forgotten");
}
