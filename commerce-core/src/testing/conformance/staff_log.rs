//! The log of what staff did.

use std::sync::Arc;
use std::time::Duration;

use crate::change::{ChangeSet, CommitRefusal};
use crate::events::EventData;
use crate::ids::{EventId, OrderId, UserId};
use crate::staff::{StaffAction, Subject, SubjectKind};
use crate::testing::ManualClock;
use crate::users::{StaffEntry, StaffHead, StaffLogFilter, StaffNews, UserStore, UserWrite};

use super::cases;
use super::fixture::{Fixture, Opened, got, walk};
use super::samples;

type Users = Fixture<dyn UserStore>;

pub(super) async fn all(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<dyn UserStore>) {
    cases! { make;
        entries_are_read_as_written,
        the_log_is_read_by_who_what_and_to_what,
        many_who_append_at_once_follow_each_other,
        what_is_refused_is_not_told,
    }
}

/// Of an account, or of an order that an event told of.
fn news(fixture: &Users, of_account: bool) -> StaffNews {
    let account = Subject::of(SubjectKind::User, fixture.ids.mint::<UserId>());
    let order = Subject::of(SubjectKind::Order, fixture.ids.mint::<OrderId>());
    StaffNews {
        at: fixture.now(),
        actor: of_account.then(|| fixture.ids.mint()),
        action: if of_account { StaffAction::RoleChanged } else { StaffAction::OrderStatusSet },
        subject: if of_account { account } else { order },
        detail: EventData::kept(&serde_json::json!({ "to": samples::UNICODE }).to_string()),
        event: (!of_account).then(|| fixture.ids.mint::<EventId>()),
    }
}

/// The whole log, oldest first.
async fn log(fixture: &Users, filter: StaffLogFilter) -> Vec<StaffEntry> {
    let mut found = walk(async |page| got(fixture.store.staff_log(&filter, &page).await)).await;
    found.reverse();
    found
}

fn is_a_chain(entries: &[StaffEntry]) {
    let end = entries.iter().fold(StaffHead::default(), |head, entry| {
        assert_eq!(*entry, entry.told.after(head), "each follows the one before, and what is sealed comes back to the letter");
        entry.head()
    });
    assert_eq!(end.position, entries.len() as u64);
}

async fn entries_are_read_as_written(fixture: &Users) {
    assert_eq!(log(fixture, StaffLogFilter::default()).await, []);
    let mut told = Vec::new();
    for nth in 0..7 {
        let news = news(fixture, nth % 2 == 0);
        fixture.write([UserWrite::LogStaff(news.clone())]).await;
        told.push(news);
        fixture.clock.advance(Duration::from_secs(1));
    }
    let found = log(fixture, StaffLogFilter::default()).await;
    is_a_chain(&found);
    assert_eq!(found.into_iter().map(|entry| entry.told).collect::<Vec<_>>(), told);
}

async fn the_log_is_read_by_who_what_and_to_what(fixture: &Users) {
    let (one, other) = (news(fixture, true), news(fixture, true));
    let third = StaffNews { actor: one.actor, ..news(fixture, false) };
    let last = StaffNews { event: None, subject: one.subject, ..third.clone() };
    let all = [one.clone(), other.clone(), third.clone(), last.clone()];
    fixture.write(all.clone().map(UserWrite::LogStaff)).await;
    let all_by = async |filter: StaffLogFilter| log(fixture, filter).await.into_iter().map(|it| it.told).collect::<Vec<_>>();
    let none = StaffLogFilter::default();
    assert_eq!(all_by(none).await, all);
    assert_eq!(all_by(StaffLogFilter { actor: one.actor, ..none }).await, [one.clone(), third.clone(), last.clone()]);
    assert_eq!(all_by(StaffLogFilter { subject: Some(one.subject.id), ..none }).await, [one.clone(), last.clone()]);
    assert_eq!(all_by(StaffLogFilter { action: Some(third.action), ..none }).await, [third.clone(), last.clone()]);
    let narrow = StaffLogFilter { actor: one.actor, subject: Some(one.subject.id), action: Some(last.action) };
    assert_eq!(all_by(narrow).await, [last]);
    assert_eq!(all_by(StaffLogFilter { actor: Some(fixture.ids.mint()), ..none }).await, []);
}

async fn many_who_append_at_once_follow_each_other(fixture: &Users) {
    let two = || ChangeSet::of([news(fixture, true), news(fixture, false)].map(UserWrite::LogStaff));
    for result in fixture.race((0..20).map(|_| two())).await {
        got(result);
    }
    let found = log(fixture, StaffLogFilter::default()).await;
    assert_eq!(found.len(), 40);
    is_a_chain(&found);
}

async fn what_is_refused_is_not_told(fixture: &Users) {
    let user = samples::user(fixture.ids.mint(), fixture.now());
    let make = || ChangeSet::of([UserWrite::LogStaff(news(fixture, true)), UserWrite::InsertUser(user.clone())]);
    let results = fixture.race((0..10).map(|_| make())).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(fixture.refusal(make()).await, CommitRefusal::Duplicate("id"));
    fixture.write([UserWrite::LogStaff(news(fixture, false))]).await;
    let found = log(fixture, StaffLogFilter::default()).await;
    assert_eq!(found.len(), 2, "a refused deed leaves neither an entry nor a gap");
    is_a_chain(&found);
}
