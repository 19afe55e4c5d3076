//! Dead letters and leases.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::events::DeadLetter;
use crate::ids::{EventId, Id, SessionId};
use crate::limits;
use crate::testing::ManualClock;

use super::fixture::{Fixture, Opened, Subject, got, page, walk};
use super::{cases, samples};

pub(super) async fn all<S: Subject + ?Sized>(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<S>) {
    cases! { make;
        a_letter_is_kept_until_it_is_exhumed,
        what_is_told_of_a_letter_is_said_as_it_is_taken_out,
        letters_are_listed_newest_event_first,
        pages_end_where_the_list_does,
        a_list_goes_on_after_what_is_gone,
        names_that_look_alike_are_not_the_same,
        a_lease_has_one_owner,
        an_epoch_grows_with_every_change_of_owner,
        a_lease_without_an_end_is_held_by_nobody,
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
    assert_eq!(got(fixture.letters.exhume("other-queue", event, None).await), None);
    assert_eq!(got(fixture.letters.exhume("test-queue", fixture.ids.mint::<EventId>(), None).await), None);
    assert_eq!(got(fixture.letters.exhume("test-queue", event, None).await), Some(letter));
    assert_eq!(got(fixture.letters.exhume("test-queue", event, None).await), None, "it is taken out once");
    assert_eq!(got(fixture.letters.letters(&page(10, None)).await).items, []);
}

async fn what_is_told_of_a_letter_is_said_as_it_is_taken_out<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let said = async || got(fixture.outbox.unpublished(10).await);
    let [one, other, last, third] = [(); 4].map(|()| samples::envelope(&fixture.ids, fixture.now()));
    let (exhumed, given_up) = (letter(fixture, "test-queue"), letter(fixture, "test-queue"));
    for letter in [&exhumed, &given_up] {
        got(fixture.letters.bury(letter).await);
    }
    let nothing = fixture.ids.mint::<EventId>();
    assert_eq!(got(fixture.letters.exhume("test-queue", nothing, Some(&third)).await), None);
    assert_eq!(got(fixture.letters.give_up("test-queue", nothing, Some(&third)).await), None);
    assert_eq!(said().await, [], "of no letter nothing is told");
    assert_eq!(got(fixture.letters.exhume("test-queue", exhumed.event.id, Some(&one)).await), Some(exhumed));
    assert_eq!(got(fixture.letters.give_up("test-queue", given_up.event.id, Some(&other)).await), Some(given_up));
    got(fixture.letters.tell(&last).await);
    assert_eq!(said().await, [one, other, last], "and of one that lies elsewhere");
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

/// Buries so many letters, and answers them as they are listed.
async fn buried<S: ?Sized>(fixture: &Fixture<S>, count: usize) -> Vec<DeadLetter> {
    let mut letters: Vec<DeadLetter> = (0..count).map(|_| letter(fixture, "test-queue")).collect();
    for letter in &letters {
        got(fixture.letters.bury(letter).await);
    }
    letters.sort_by_key(|letter| std::cmp::Reverse(letter.place()));
    letters
}

/// Pages of one entry, of the whole list, of an exact part of it, and of more than there is, all made
/// at one instant.
async fn pages_end_where_the_list_does<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let letters = buried(fixture, 6).await;
    for limit in [1, 2, 3, 4, 6, 100] {
        let (mut listed, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
        loop {
            let next = got(fixture.letters.letters(&page(limit, cursor.as_deref())).await);
            pages += 1;
            listed.extend(next.items);
            cursor = next.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(listed, letters, "with pages of {limit}");
        assert_eq!(pages, (6 + limit - 1) / limit, "no page of {limit} is empty");
    }
}

async fn a_list_goes_on_after_what_is_gone<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let letters = buried(fixture, 5).await;
    let first = got(fixture.letters.letters(&page(2, None)).await);
    assert_eq!(first.items.as_slice(), letters.get(..2).unwrap_or_default());
    for letter in &first.items {
        got(fixture.letters.exhume("test-queue", letter.event.id, None).await);
    }
    let rest = got(fixture.letters.letters(&page(3, first.next_cursor.as_deref())).await);
    assert_eq!(rest.items.as_slice(), letters.get(2..).unwrap_or_default(), "though the letter it was cut at is gone");
    assert_eq!(rest.next_cursor, None);
}

/// In upper and lower case, with blanks around, composed and decomposed, beyond 16 bits: each is a
/// name of its own for consumers and for leases.
async fn names_that_look_alike_are_not_the_same<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let names = samples::LOOKALIKES;
    let alike = letter(fixture, "");
    let letters = names.map(|name| DeadLetter { consumer: name.to_owned(), ..alike.clone() });
    for letter in &letters {
        got(fixture.letters.bury(letter).await);
    }
    let until = fixture.now().plus(Duration::from_secs(10));
    for (name, letter) in names.iter().zip(&letters) {
        let found = got(fixture.letters.exhume(name, alike.event.id, None).await);
        assert_eq!(found.as_ref(), Some(letter), "the letter of {name:?}");
        let epoch = got(fixture.leases.acquire(name, owner(fixture), fixture.now(), until).await);
        assert_eq!(epoch, Some(1), "nobody holds {name:?}");
    }
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

/// A clock was wrong, or somebody altered it.
async fn a_lease_without_an_end_is_held_by_nobody<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let (one, other, now) = (owner(fixture), owner(fixture), fixture.now());
    let (longest, soon) = (now.plus(limits::LEASE_MAX), now.plus(Duration::from_secs(30)));
    assert_eq!(got(fixture.leases.acquire("relay", one, now, longest).await), Some(1));
    assert_eq!(got(fixture.leases.acquire("relay", other, now, soon).await), None, "as long as one may be");
    let endless = longest.plus(Duration::from_micros(1));
    assert_eq!(got(fixture.leases.acquire("relay", one, now, endless).await), Some(1));
    assert_eq!(got(fixture.leases.acquire("relay", other, now, soon).await), Some(2), "longer than any");
    assert_eq!(got(fixture.leases.acquire("relay", one, now, soon).await), None, "now it is the other's");
}

async fn leases_of_other_names_do_not_matter<S: Subject + ?Sized>(fixture: &Fixture<S>) {
    let (one, other) = (owner(fixture), owner(fixture));
    let until = fixture.now().plus(Duration::from_secs(10));
    assert!(got(fixture.leases.acquire("relay", one, fixture.now(), until).await).is_some());
    assert!(got(fixture.leases.acquire("sweeper", other, fixture.now(), until).await).is_some());
    got(fixture.leases.give_back("nobody's", one).await);
}
