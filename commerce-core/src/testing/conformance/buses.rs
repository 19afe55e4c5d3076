//! The event bus: every consumer hears every event it wants, at least once, whatever the others do.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::error::StoreError;
use crate::events::desk::LetterBox;
use crate::events::{ConsumeError, Consumer, DeadLetters, Envelope, EventBus, EventKind};
use crate::ids::EventId;
use crate::limits;
use crate::page::PageRequest;
use crate::testing::ManualClock;
use crate::testing::memory::MemoryNotifications;
use crate::time::Timestamp;

use super::fixture::got;
use super::outside::{Made, ids};
use super::samples;

/// How a delivery ends.
enum Ending {
    Later,
    Never,
}

/// Hears what it wants, and fails as it is told to.
struct Listener {
    name: &'static str,
    wants: EventKind,
    heard: Mutex<Vec<EventId>>,
    endings: Mutex<VecDeque<Ending>>,
}

impl Listener {
    fn new(name: &'static str, wants: EventKind) -> Arc<Self> {
        Arc::new(Self { name, wants, heard: Mutex::default(), endings: Mutex::default() })
    }

    /// The next deliveries end so, before one succeeds.
    fn fail(&self, endings: impl IntoIterator<Item = Ending>) {
        self.endings.lock().unwrap_or_else(PoisonError::into_inner).extend(endings);
    }

    /// What it recorded, each once as a consumer's inbox does.
    fn heard(&self) -> Vec<EventId> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
        heard.sort();
        heard.dedup();
        heard
    }
}

#[async_trait]
impl Consumer for Listener {
    fn name(&self) -> &'static str {
        self.name
    }

    fn wants(&self, kind: EventKind) -> bool {
        kind == self.wants
    }

    async fn handle(&self, event: &Envelope) -> Result<(), ConsumeError> {
        match self.endings.lock().unwrap_or_else(PoisonError::into_inner).pop_front() {
            Some(Ending::Later) => Err(ConsumeError::Transient(StoreError::unavailable("listener.handle", "not now"))),
            Some(Ending::Never) => Err(ConsumeError::Permanent("as it was told".to_owned())),
            None => {
                self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(event.id);
                Ok(())
            }
        }
    }
}

/// A bus to two listeners for orders placed and one for users registered.
struct Scene {
    bus: Made<dyn EventBus>,
    first: Arc<Listener>,
    second: Arc<Listener>,
    other: Arc<Listener>,
    letters: Arc<MemoryNotifications>,
}

impl Scene {
    async fn set(make: &impl AsyncFn(Vec<LetterBox>, Arc<ManualClock>) -> Made<dyn EventBus>) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_772_357_400_000_000)));
        let letters = Arc::new(MemoryNotifications::new(clock.clone()));
        let first = Listener::new("first-queue", EventKind::OrderCreated);
        let second = Listener::new("second-queue", EventKind::OrderCreated);
        let other = Listener::new("other-queue", EventKind::UserRegistered);
        let letter_box = |listener: &Arc<Listener>| -> LetterBox {
            let letters: Arc<dyn DeadLetters> = letters.clone();
            (listener.clone(), letters)
        };
        let boxes = [&first, &second, &other].map(letter_box);
        let bus = make(boxes.into(), clock).await;
        Self { bus, first, second, other, letters }
    }

    /// Publishes, and answers what the bus has taken over, sorted.
    async fn publish(&self, events: &[Envelope]) -> Vec<EventId> {
        let mut taken = got(self.bus.port.publish(events).await);
        taken.sort();
        taken
    }
}

fn events(count: usize) -> Vec<Envelope> {
    let ids = ids();
    (0..count).map(|_| samples::envelope(&ids, Timestamp::EPOCH)).collect()
}

fn names(events: &[Envelope]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}

pub(super) async fn all(make: &impl AsyncFn(Vec<LetterBox>, Arc<ManualClock>) -> Made<dyn EventBus>) {
    everybody_hears_what_she_wants(make).await;
    who_cannot_listen_now_hears_it_later(make).await;
    what_cannot_be_understood_goes_to_the_dead_letters(make).await;
    one_who_fails_keeps_no_other_from_hearing(make).await;
    two_who_fail_out_of_step_are_both_done_with(make).await;
    events_of_one_aggregate_come_in_order(make).await;
}

async fn everybody_hears_what_she_wants(make: &impl AsyncFn(Vec<LetterBox>, Arc<ManualClock>) -> Made<dyn EventBus>) {
    let scene = Scene::set(make).await;
    let mut events = events(5);
    if let Some(event) = events.first_mut() {
        event.kind = EventKind::UserRegistered;
    }
    assert_eq!(scene.publish(&[]).await, []);
    assert_eq!(scene.publish(&events).await, names(&events), "all of them are safe");
    let placed = names(events.get(1..).unwrap_or_default());
    assert_eq!((scene.first.heard(), scene.second.heard()), (placed.clone(), placed));
    assert_eq!(scene.other.heard(), names(events.get(..1).unwrap_or_default()));
    assert_eq!(scene.publish(&events).await, names(&events), "again is fine");
    let nobody = Envelope { kind: EventKind::ProductUpdated, ..samples::envelope(&ids(), Timestamp::EPOCH) };
    assert_eq!(scene.publish(std::slice::from_ref(&nobody)).await, [nobody.id], "what nobody wants is done with");
}

async fn who_cannot_listen_now_hears_it_later(make: &impl AsyncFn(Vec<LetterBox>, Arc<ManualClock>) -> Made<dyn EventBus>) {
    let scene = Scene::set(make).await;
    let events = events(1);
    // More often than a delivery may fail for good: this one only waits.
    let waits = usize::try_from(limits::RECEIVES_MAX).unwrap_or(usize::MAX) + 2;
    scene.first.fail((0..waits).map(|_| Ending::Later));
    for _ in 0..waits {
        assert_eq!(scene.publish(&events).await, [], "it stays where it was");
    }
    assert_eq!(scene.publish(&events).await, names(&events));
    assert_eq!(scene.first.heard(), names(&events));
    assert_eq!(got(scene.letters.letters(&PageRequest::first()).await).items, [], "waiting is no failure");
}

async fn what_cannot_be_understood_goes_to_the_dead_letters(
    make: &impl AsyncFn(Vec<LetterBox>, Arc<ManualClock>) -> Made<dyn EventBus>,
) {
    let scene = Scene::set(make).await;
    let events = events(1);
    scene.first.fail((0..limits::RECEIVES_MAX).map(|_| Ending::Never));
    for _ in 1..limits::RECEIVES_MAX {
        assert_eq!(scene.publish(&events).await, [], "it is tried again");
    }
    assert_eq!(scene.publish(&events).await, names(&events), "then it is done with");
    let letters = got(scene.letters.letters(&PageRequest::first()).await).items;
    let told: Vec<_> = letters.iter().map(|letter| (letter.consumer.as_str(), letter.event.id, letter.receives)).collect();
    let expected: Vec<_> = names(&events).into_iter().map(|id| ("first-queue", id, limits::RECEIVES_MAX)).collect();
    assert_eq!(told, expected);
    assert!(letters.iter().all(|letter| letter.reason.contains("as it was told")));
    assert_eq!((scene.first.heard(), scene.second.heard()), (Vec::new(), names(&events)));
}

async fn one_who_fails_keeps_no_other_from_hearing(make: &impl AsyncFn(Vec<LetterBox>, Arc<ManualClock>) -> Made<dyn EventBus>) {
    let scene = Scene::set(make).await;
    let events = events(3);
    scene.first.fail((0..3).map(|_| Ending::Later));
    assert_eq!(scene.publish(&events).await, []);
    assert_eq!((scene.first.heard(), scene.second.heard()), (Vec::new(), names(&events)), "the other has heard all");
    assert_eq!(scene.publish(&events).await, names(&events));
    assert_eq!(scene.first.heard(), names(&events));
}

/// The event leaves when the later of them has buried it, although the earlier one fails again meanwhile.
async fn two_who_fail_out_of_step_are_both_done_with(
    make: &impl AsyncFn(Vec<LetterBox>, Arc<ManualClock>) -> Made<dyn EventBus>,
) {
    let scene = Scene::set(make).await;
    let events = events(1);
    let never = || (0..2 * limits::RECEIVES_MAX).map(|_| Ending::Never);
    scene.first.fail(never());
    scene.second.fail([Ending::Later].into_iter().chain(never()));
    for _ in 0..limits::RECEIVES_MAX {
        assert_eq!(scene.publish(&events).await, [], "the second one is tried again");
    }
    assert_eq!(scene.publish(&events).await, names(&events), "then both are done with it");
    let letters = got(scene.letters.letters(&PageRequest::first()).await).items;
    let mut buried: Vec<_> = letters.iter().map(|letter| letter.consumer.as_str()).collect();
    buried.sort_unstable();
    assert_eq!(buried, ["first-queue", "second-queue"]);
}

async fn events_of_one_aggregate_come_in_order(make: &impl AsyncFn(Vec<LetterBox>, Arc<ManualClock>) -> Made<dyn EventBus>) {
    let scene = Scene::set(make).await;
    let mut events = events(40);
    let aggregates: Vec<_> = events.iter().take(4).map(|event| event.aggregate).collect();
    for (event, aggregate) in events.iter_mut().zip(aggregates.iter().cycle()) {
        event.aggregate = *aggregate;
    }
    assert_eq!(scene.publish(&events).await, names(&events));
    let heard = scene.first.heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let places: BTreeMap<EventId, usize> = heard.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    for aggregate in aggregates {
        let of_it = events.iter().filter(|event| event.aggregate == aggregate).map(|event| places.get(&event.id));
        assert!(of_it.is_sorted(), "while nothing fails, one aggregate's events come as they were said");
    }
}
