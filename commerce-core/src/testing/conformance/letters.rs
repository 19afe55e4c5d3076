//! Dead letters and leases.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::events::DeadLetter;
use crate::ids::{EventId, Id, SessionId};
use crate::testing::ManualClock;

use super::fixture::{Fixture, Opened, Subject, got, page, walk};
use super::{cases, samples};

pub(super) async fn all<S: Subject + ?Sized>(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<S>) {
    cases! { make;
        a_letter_is_kept_until_it_is_exhumed,
        letters_are_listed_newest_event_first,
        a_lease_has_one_owner,
        an_epoch_grows_with_every_change_of_owner,
        leases_of_other_names_do_not_matter,
    }
}

fn letter<S: ?Sized>(fixture: &Fixture<S>, consumer: &str) -> DeadLetter {
    DeadLetter {
        consumer: consumer.to_owned(),
        event: samples::envelope(&fixture.ids, fixture.now()),
        reason: samples::UNICODE.to_owned(),
        receives: 3,
        at: fixture.now(),
    }
}

async fn a_letter_is_kept_until_it_is_exhumed<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let letter = letter(fixture, "test-queue");
    got(fixture.letters.bury(&letter).await);
    got(fixture.letters.bury(&letter).await);
    assert_eq!(got(fixture.letters.letters(&page(10, None)).await).items, [letter.clone()], "the same one is kept once");

    let event = letter.event.id;
    assert_eq!(got(fixture.letters.exhume("other-queue", event).await), None);
    assert_eq!(got(fixture.letters.exhume("test-queue", fixture.ids.mint::<EventId>()).await), None);
    assert_eq!(got(fixture.letters.exhume("test-queue", event).await), Some(letter));
    assert_eq!(got(fixture.letters.exhume("test-queue", event).await), None, "it is taken out once");
    assert_eq!(got(fixture.letters.letters(&page(10, None)).await).items, []);
}

async fn letters_are_listed_newest_event_first<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let mut buried = Vec::new();
    for _ in 0..7 {
        fixture.clock.advance(Duration::from_secs(1));
        let one = letter(fixture, "one-queue");
        let other = DeadLetter { consumer: "other-queue".to_owned(), ..one.clone() };
        for letter in [one, other] {
            got(fixture.letters.bury(&letter).await);
            buried.push(letter);
        }
    }
    buried.sort_by_key(|letter| std::cmp::Reverse(letter.place()));
    let listed = walk(async |page| got(fixture.letters.letters(&page).await)).await;
    assert_eq!(listed, buried, "none is skipped and none comes twice, letters of one event included");
}

fn owner<S: ?Sized>(fixture: &Fixture<S>) -> Uuid {
    fixture.ids.mint::<SessionId>().uuid()
}

async fn a_lease_has_one_owner<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let (one, other) = (owner(fixture), owner(fixture));
    let now = fixture.now();
    let until = now.plus(Duration::from_secs(10));
    assert!(got(fixture.leases.acquire("relay", one, now, until).await).is_some());
    assert_eq!(got(fixture.leases.acquire("relay", other, now, until).await), None);
    let late = now.plus(Duration::from_secs(9));
    let longer = now.plus(Duration::from_secs(20));
    assert!(got(fixture.leases.acquire("relay", one, late, longer).await).is_some(), "its owner renews it");
    assert_eq!(got(fixture.leases.acquire("relay", other, until, longer).await), None, "and then holds it for longer");
    got(fixture.leases.give_back("relay", other).await);
    assert_eq!(got(fixture.leases.acquire("relay", other, until, longer).await), None, "only its owner gives it back");
    got(fixture.leases.give_back("relay", one).await);
    assert!(got(fixture.leases.acquire("relay", other, until, longer).await).is_some());
}

async fn an_epoch_grows_with_every_change_of_owner<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let (one, other) = (owner(fixture), owner(fixture));
    let at = |seconds: u64| fixture.now().plus(Duration::from_secs(seconds));
    let first = got(fixture.leases.acquire("relay", one, at(0), at(10)).await).expect("it is free");
    let renewed = got(fixture.leases.acquire("relay", one, at(5), at(10)).await);
    assert_eq!(renewed, Some(first), "a renewal changes nothing");
    let second = got(fixture.leases.acquire("relay", other, at(10), at(20)).await).expect("it ran out");
    assert!(second > first);
    got(fixture.leases.give_back("relay", other).await);
    let third = got(fixture.leases.acquire("relay", one, at(11), at(20)).await).expect("it was given back");
    assert!(third > second);
}

async fn leases_of_other_names_do_not_matter<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let (one, other) = (owner(fixture), owner(fixture));
    let until = fixture.now().plus(Duration::from_secs(10));
    assert!(got(fixture.leases.acquire("relay", one, fixture.now(), until).await).is_some());
    assert!(got(fixture.leases.acquire("sweeper", other, fixture.now(), until).await).is_some());
    got(fixture.leases.give_back("nobody's", one).await);
}
