//! The log of what staff did.

use std::sync::Arc;
use std::time::Duration;

use crate::change::{ChangeSet, CommitRefusal};
use crate::events::EventData;
use crate::testing::ManualClock;
use crate::users::{StaffAction, StaffEntry, StaffHead, UserStore, UserWrite};

use super::cases;
use super::fixture::{Fixture, Opened, got, walk};
use super::samples;

type Users = Fixture<dyn UserStore>;

pub(super) async fn all(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<dyn UserStore>) {
    cases! { make;
        entries_are_read_as_written,
        an_entry_follows_the_last_one,
        of_many_who_append_one_follows,
    }
}

fn entry(fixture: &Users, head: StaffHead) -> StaffEntry {
    let entry = StaffEntry {
        position: head.position + 1,
        at: fixture.now(),
        actor: (head.position % 2 == 0).then(|| fixture.ids.mint()),
        action: StaffAction::RoleChanged,
        subject: fixture.ids.mint(),
        detail: EventData::kept(&serde_json::json!({ "to": samples::UNICODE }).to_string()),
        previous: head.hash,
        hash: [0; 32],
    };
    StaffEntry { hash: entry.sealed(), ..entry }
}

fn head(entry: &StaffEntry) -> StaffHead {
    StaffHead { position: entry.position, hash: entry.hash }
}

async fn entries_are_read_as_written(fixture: &Users) {
    assert_eq!(got(fixture.store.staff_head().await), StaffHead::default());
    assert_eq!(walk(async |page| got(fixture.store.staff_log(&page).await)).await, []);
    let (mut last, mut entries) = (StaffHead::default(), Vec::new());
    for _ in 0..7 {
        let entry = entry(fixture, last);
        fixture.write([UserWrite::LogStaff(entry.clone())]).await;
        last = head(&entry);
        assert_eq!(got(fixture.store.staff_head().await), last);
        entries.push(entry);
        fixture.clock.advance(Duration::from_secs(1));
    }
    entries.reverse();
    let found = walk(async |page| got(fixture.store.staff_log(&page).await)).await;
    assert_eq!(found, entries, "newest first");
    assert!(found.iter().all(|entry| entry.sealed() == entry.hash), "what is sealed comes back to the letter");
}

async fn an_entry_follows_the_last_one(fixture: &Users) {
    let first = entry(fixture, StaffHead::default());
    let second = entry(fixture, head(&first));
    let stale = CommitRefusal::Stale("staff log");
    assert_eq!(fixture.refused([UserWrite::LogStaff(second.clone())]).await, stale, "without the first");
    fixture.write([first.clone(), second.clone()].map(UserWrite::LogStaff)).await;
    let wrong = StaffEntry { position: 3, ..entry(fixture, head(&first)) };
    for late in [first.clone(), second.clone(), entry(fixture, head(&first)), wrong] {
        assert_eq!(fixture.refused([UserWrite::LogStaff(late)]).await, stale);
    }
    fixture.write([UserWrite::LogStaff(entry(fixture, head(&second)))]).await;
}

async fn of_many_who_append_one_follows(fixture: &Users) {
    let append = || {
        let user = samples::user(fixture.ids.mint(), fixture.now());
        ChangeSet::of([UserWrite::InsertUser(user), UserWrite::LogStaff(entry(fixture, StaffHead::default()))])
    };
    let results = fixture.race((0..10).map(|_| append())).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "two entries cannot take one place");
    let users = walk(async |page| got(fixture.store.users(None, &page).await)).await;
    assert_eq!(users.len(), 1, "what is not told is not done");
}
