//! Guests: people who buy without an account.

use std::sync::Arc;
use std::time::Duration;

use crate::change::{ChangeSet, CommitRefusal};
use crate::testing::ManualClock;
use crate::users::{Erasure, Guest, UserStore, UserWrite};

use super::fixture::{Fixture, Opened, got};
use super::{cases, samples};

type Users = Fixture<dyn UserStore>;

pub(super) async fn all(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<dyn UserStore>) {
    cases! { make;
        a_guest_is_read_as_written,
        a_mail_address_belongs_to_one_guest,
        an_account_does_not_mind_a_guest,
        who_is_erased_is_due_until_she_is_forgotten,
        of_many_who_come_first_one_does,
    }
}

fn guest(fixture: &Users, email: &str) -> Guest {
    let email = email.parse().expect("it is well formed");
    Guest { id: fixture.ids.mint(), email, created_at: fixture.now(), version: 1 }
}

async fn a_guest_is_read_as_written(fixture: &Users) {
    let asha = guest(fixture, "asha@example.com");
    assert_eq!(got(fixture.store.guest(asha.id).await), None);
    assert_eq!(got(fixture.store.guest_by_email(&asha.email).await), None);
    fixture.write([UserWrite::SaveGuest(asha.clone())]).await;
    assert_eq!(got(fixture.store.guest(asha.id).await).as_ref(), Some(&asha));
    assert_eq!(got(fixture.store.guest_by_email(&asha.email).await).as_ref(), Some(&asha));
    assert_eq!(got(fixture.store.user(asha.id).await), None, "she is no user");
    assert_eq!(got(fixture.store.users_of(&[asha.id]).await), [], "nor among several");
    let gone = Guest { email: "gone@example.com".parse().expect("it is well formed"), version: 2, ..asha.clone() };
    let skipped = Guest { version: 3, ..gone.clone() };
    assert_eq!(fixture.refused([UserWrite::SaveGuest(skipped)]).await, CommitRefusal::Stale("guest"));
    fixture.write([UserWrite::SaveGuest(gone.clone())]).await;
    assert_eq!(fixture.refused([UserWrite::SaveGuest(gone.clone())]).await, CommitRefusal::Stale("guest"));
    assert_eq!(got(fixture.store.guest_by_email(&asha.email).await), None, "the old address is free");
    assert_eq!(got(fixture.store.guest(asha.id).await), Some(gone));
    fixture.write([UserWrite::SaveGuest(guest(fixture, "asha@example.com"))]).await;
}

async fn a_mail_address_belongs_to_one_guest(fixture: &Users) {
    let (asha, bela) = (guest(fixture, "asha@example.com"), guest(fixture, "bela@example.com"));
    fixture.write([asha.clone(), bela.clone()].map(UserWrite::SaveGuest)).await;
    let mut both = got(fixture.store.guests_of(&[bela.id, fixture.ids.mint(), asha.id]).await);
    both.sort_by(|one, other| one.email.cmp(&other.email));
    assert_eq!(both, [asha.clone(), bela.clone()], "several are read at once");
    let taken = CommitRefusal::Duplicate("email");
    assert_eq!(fixture.refused([UserWrite::SaveGuest(guest(fixture, "asha@example.com"))]).await, taken);
    let moved = Guest { email: asha.email, version: 2, ..bela };
    assert_eq!(fixture.refused([UserWrite::SaveGuest(moved)]).await, taken);
}

async fn who_is_erased_is_due_until_she_is_forgotten(fixture: &Users) {
    let now = fixture.now();
    let later = now.plus(Duration::from_mins(1));
    let erasure = |due_at| Erasure { user: fixture.ids.mint(), erased_at: now, due_at };
    let (first, second, third) = (erasure(Some(now)), erasure(Some(later)), erasure(None));
    fixture.write([second, third, first].map(UserWrite::SaveErasure)).await;
    assert_eq!(got(fixture.store.due_erasures(now, 9).await), [first]);
    assert_eq!(got(fixture.store.due_erasures(later, 9).await), [first, second]);
    assert_eq!(got(fixture.store.due_erasures(later, 1).await), [first], "longest due first");
    let again = Erasure { due_at: Some(later.plus(Duration::from_secs(1))), ..first };
    fixture.write([UserWrite::SaveErasure(again)]).await;
    assert_eq!(got(fixture.store.due_erasures(later, 9).await), [second]);
    let both = [Erasure { due_at: Some(now), ..again }, Erasure { due_at: None, ..again }];
    fixture.write(both.map(UserWrite::SaveErasure)).await;
    fixture.write([UserWrite::SaveErasure(Erasure { due_at: None, ..second })]).await;
    assert_eq!(got(fixture.store.due_erasures(later, 9).await), [], "what was written last holds");
}

async fn an_account_does_not_mind_a_guest(fixture: &Users) {
    let user = samples::user(fixture.ids.mint(), fixture.now());
    let guest = guest(fixture, user.email.as_str());
    fixture.write([UserWrite::SaveGuest(guest.clone())]).await;
    fixture.write([UserWrite::InsertUser(user.clone())]).await;
    assert_eq!(got(fixture.store.guest_by_email(&user.email).await), Some(guest));
    assert_eq!(got(fixture.store.user_by_email(&user.email).await), Some(user));
}

async fn of_many_who_come_first_one_does(fixture: &Users) {
    let all: Vec<Guest> = (0..20).map(|_| guest(fixture, "asha@example.com")).collect();
    let results = fixture.race(all.iter().map(|guest| ChangeSet::of([UserWrite::SaveGuest(guest.clone())]))).await;
    let first: Vec<&Guest> = all.iter().zip(&results).filter(|(_, result)| result.is_ok()).map(|(guest, _)| guest).collect();
    assert_eq!(first.len(), 1);
    for guest in first {
        assert_eq!(got(fixture.store.guest_by_email(&guest.email).await).as_ref(), Some(guest));
    }
}
