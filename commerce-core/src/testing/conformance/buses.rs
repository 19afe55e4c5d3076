//! The event bus: every consumer hears every event it wants, at least once, whatever the others do.
//!
//! A bus may bring events while it publishes them, or keep them and bring them later. The cases say
//! what holds for both: they publish what is not taken over yet, as a relay does, let the bus bring
//! what it keeps, and look at what was heard.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use crate::error::StoreError;
use crate::events::desk::LetterBox;
use crate::events::{ConsumeError, Consumer, DeadLetter, DeadLetters, Envelope, EventBus, EventData, EventKind, Queue, Queued};
use crate::ids::EventId;
use crate::limits;
use crate::page::PageRequest;
use crate::testing::ManualClock;
use crate::testing::memory::MemoryNotifications;
use crate::time::Timestamp;

use super::fixture::got;
use super::outside::{Made, ids};
use super::samples;

/// A bus as an adapter makes it.
pub struct Carrier {
    /// The bus.
    pub bus: Made<dyn EventBus>,
    /// Where the consumers' dead letters are read.
    pub letters: Vec<Arc<dyn DeadLetters>>,
    /// Brings to the consumers what the bus keeps for them, until nothing more comes of it.
    pub bring: Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>,
    /// Whether events of one aggregate come in the order they were said in while nothing fails.
    pub in_order: bool,
}

impl Carrier {
    /// A bus that brings events, in order, while it publishes them.
    pub fn at_once(bus: Made<dyn EventBus>, boxes: &[LetterBox]) -> Self {
        let letters = boxes.iter().map(|(_, letters)| Arc::clone(letters)).collect();
        Self { bus, letters, bring: Box::new(|| Box::pin(async {})), in_order: true }
    }
}

/// How a delivery ends.
enum Ending {
    Later,
    Never,
}

/// Hears what it wants, and fails as it is told to.
struct Listener {
    name: &'static str,
    wants: EventKind,
    read: Mutex<Vec<Envelope>>,
    endings: Mutex<VecDeque<Ending>>,
}

impl Listener {
    fn new(name: &'static str, wants: EventKind) -> Arc<Self> {
        Arc::new(Self { name, wants, read: Mutex::default(), endings: Mutex::default() })
    }

    /// The next deliveries end so, before one succeeds.
    fn fail(&self, endings: impl IntoIterator<Item = Ending>) {
        self.endings.lock().unwrap_or_else(PoisonError::into_inner).extend(endings);
    }

    /// What it recorded, each once as a consumer's inbox does.
    fn heard(&self) -> Vec<EventId> {
        let mut heard = names(&self.read.lock().unwrap_or_else(PoisonError::into_inner));
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
                self.read.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
                Ok(())
            }
        }
    }
}

/// A bus to two listeners for orders placed and one for users registered.
struct Scene {
    carrier: Carrier,
    first: Arc<Listener>,
    second: Arc<Listener>,
    other: Arc<Listener>,
    /// What the bus has not taken over yet: an outbox.
    waiting: Mutex<Vec<Envelope>>,
}

impl Scene {
    async fn set(make: &impl AsyncFn(Vec<LetterBox>, Arc<ManualClock>) -> Carrier) -> Self {
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
        let carrier = make(boxes.into(), clock).await;
        Self { carrier, first, second, other, waiting: Mutex::default() }
    }

    fn say(&self, events: &[Envelope]) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(events);
    }

    /// One round: publishes what waits, and lets the bus bring what it keeps.
    async fn round(&self) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let taken = got(self.carrier.bus.port.publish(&waiting).await);
        assert!(taken.iter().all(|id| waiting.iter().any(|event| event.id == *id)), "it takes only what it was given");
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).retain(|event| !taken.contains(&event.id));
        (self.carrier.bring)().await;
    }

    async fn rounds(&self, count: u32) {
        for _ in 0..count {
            self.round().await;
        }
    }

    /// Whether the bus has taken everything over.
    fn all_taken(&self) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The dead letters, by consumer and event.
    async fn letters(&self) -> BTreeMap<(String, EventId), DeadLetter> {
        let mut all = BTreeMap::new();
        for letters in &self.carrier.letters {
            let page = got(letters.letters(&PageRequest::first()).await);
            all.extend(page.items.into_iter().map(|letter| ((letter.consumer.clone(), letter.event.id), letter)));
        }
        all
    }
}

/// Events as a bus may get them, each with an id of its own.
#[must_use]
pub fn samples_of_events(count: usize) -> Vec<Envelope> {
    events(count)
}

fn events(count: usize) -> Vec<Envelope> {
    let ids = ids();
    let said = |kind: EventKind| Envelope { kind, topic: kind.topic(), ..samples::envelope(&ids, Timestamp::EPOCH) };
    (0..count).map(|_| said(EventKind::OrderCreated)).collect()
}

fn names(events: &[Envelope]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}

pub(super) async fn all(make: &impl AsyncFn(Vec<LetterBox>, Arc<ManualClock>) -> Carrier) {
    everybody_hears_what_she_wants(make).await;
    events_arrive_word_for_word(make).await;
    who_cannot_listen_now_hears_it_later(make).await;
    what_cannot_be_understood_goes_to_the_dead_letters(make).await;
    one_who_fails_keeps_no_other_from_hearing(make).await;
    two_who_fail_out_of_step_are_both_done_with(make).await;
    events_of_one_aggregate_come_in_order(make).await;
    a_bus_that_keeps_events_tells_what_waits(make).await;
}

async fn everybody_hears_what_she_wants(make: &impl AsyncFn(Vec<LetterBox>, Arc<ManualClock>) -> Carrier) {
    let scene = Scene::set(make).await;
    let mut events = events(5);
    if let Some(event) = events.first_mut() {
        event.kind = EventKind::UserRegistered;
        event.topic = event.kind.topic();
    }
    assert_eq!(got(scene.carrier.bus.port.publish(&[]).await), []);
    for _ in ["once", "again is fine"] {
        scene.say(&events);
        scene.round().await;
        assert!(scene.all_taken(), "all of them are safe");
        let placed = names(events.get(1..).unwrap_or_default());
        assert_eq!((scene.first.heard(), scene.second.heard()), (placed.clone(), placed));
        assert_eq!(scene.other.heard(), names(events.get(..1).unwrap_or_default()));
    }
    let kind = EventKind::ProductUpdated;
    let nobody = Envelope { kind, topic: kind.topic(), ..samples::envelope(&ids(), Timestamp::EPOCH) };
    scene.say(std::slice::from_ref(&nobody));
    scene.round().await;
    assert!(scene.all_taken(), "what nobody wants is done with");
    assert_eq!(scene.letters().await, BTreeMap::new());
}

async fn events_arrive_word_for_word(make: &impl AsyncFn(Vec<LetterBox>, Arc<ManualClock>) -> Carrier) {
    let scene = Scene::set(make).await;
    let mut events = events(3);
    for (event, text) in events.iter_mut().zip([r#"{ "b": 1.50, "a": "x" }"#, "{}", "null"]) {
        event.data = EventData::kept(text);
    }
    if let Some(event) = events.last_mut() {
        event.data = EventData::of(&serde_json::json!({ "note": samples::UNICODE, "long": "ü".repeat(10_000) }));
        event.version = u64::from(u32::MAX);
        event.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    }
    scene.say(&events);
    scene.round().await;
    let mut read = scene.first.read.lock().unwrap_or_else(PoisonError::into_inner).clone();
    read.sort_by_key(|event| event.id);
    read.dedup();
    assert_eq!(read, events, "what is heard is what was said");
}

async fn who_cannot_listen_now_hears_it_later(make: &impl AsyncFn(Vec<LetterBox>, Arc<ManualClock>) -> Carrier) {
    let scene = Scene::set(make).await;
    let events = events(1);
    // More often than a delivery may fail for good: this one only waits. A round may try it more than once.
    let waits = limits::RECEIVES_MAX + 2;
    scene.first.fail((0..3 * waits).map(|_| Ending::Later));
    scene.say(&events);
    for _ in 0..waits {
        scene.round().await;
        assert_eq!(scene.first.heard(), [], "it is still to come");
    }
    scene.rounds(2 * waits + 1).await;
    assert_eq!(scene.first.heard(), names(&events));
    assert!(scene.all_taken());
    assert_eq!(scene.letters().await, BTreeMap::new(), "waiting is no failure");
}

async fn what_cannot_be_understood_goes_to_the_dead_letters(make: &impl AsyncFn(Vec<LetterBox>, Arc<ManualClock>) -> Carrier) {
    let scene = Scene::set(make).await;
    let events = events(1);
    scene.first.fail((0..limits::RECEIVES_MAX).map(|_| Ending::Never));
    scene.say(&events);
    // A broker moves a delivery when it would be received once more.
    scene.rounds(limits::RECEIVES_MAX + 1).await;
    assert!(scene.all_taken(), "then it is done with");
    let letters: Vec<DeadLetter> = scene.letters().await.into_values().collect();
    let told: Vec<_> = letters.iter().map(|letter| (letter.consumer.as_str(), &letter.event, letter.receives)).collect();
    let expected: Vec<_> = events.iter().map(|event| ("first-queue", event, limits::RECEIVES_MAX)).collect();
    assert_eq!(told, expected);
    assert!(letters.iter().all(|letter| !letter.reason.is_empty()), "a letter says why");
    assert_eq!((scene.first.heard(), scene.second.heard()), (Vec::new(), names(&events)));
}

async fn one_who_fails_keeps_no_other_from_hearing(make: &impl AsyncFn(Vec<LetterBox>, Arc<ManualClock>) -> Carrier) {
    let scene = Scene::set(make).await;
    let events = events(3);
    let tries = 30;
    scene.first.fail((0..tries).map(|_| Ending::Later));
    scene.say(&events);
    scene.round().await;
    assert_eq!(scene.second.heard(), names(&events), "the other has heard all");
    assert_ne!(scene.first.heard(), names(&events));
    scene.rounds(tries).await;
    assert_eq!(scene.first.heard(), names(&events));
    assert!(scene.all_taken());
}

/// The event leaves when the later of them has buried it, although the earlier one fails again meanwhile.
async fn two_who_fail_out_of_step_are_both_done_with(make: &impl AsyncFn(Vec<LetterBox>, Arc<ManualClock>) -> Carrier) {
    let scene = Scene::set(make).await;
    let never = || (0..2 * limits::RECEIVES_MAX).map(|_| Ending::Never);
    scene.first.fail(never());
    scene.second.fail([Ending::Later].into_iter().chain(never()));
    scene.say(&events(1));
    scene.rounds(limits::RECEIVES_MAX + 2).await;
    assert!(scene.all_taken(), "both are done with it");
    let buried: Vec<String> = scene.letters().await.into_keys().map(|(consumer, _)| consumer).collect();
    assert_eq!(buried, ["first-queue", "second-queue"]);
    assert_eq!((scene.first.heard(), scene.second.heard()), (Vec::new(), Vec::new()));
}

async fn events_of_one_aggregate_come_in_order(make: &impl AsyncFn(Vec<LetterBox>, Arc<ManualClock>) -> Carrier) {
    let scene = Scene::set(make).await;
    let mut events = events(40);
    let aggregates: Vec<_> = events.iter().take(4).map(|event| event.aggregate).collect();
    for (event, aggregate) in events.iter_mut().zip(aggregates.iter().cycle()) {
        event.aggregate = *aggregate;
    }
    scene.say(&events);
    scene.round().await;
    assert_eq!(scene.first.heard(), names(&events));
    if !scene.carrier.in_order {
        return;
    }
    let heard = scene.first.read.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let places: BTreeMap<EventId, usize> = heard.iter().enumerate().map(|(place, event)| (event.id, place)).collect();
    for aggregate in aggregates {
        let of_it = events.iter().filter(|event| event.aggregate == aggregate).map(|event| places.get(&event.id));
        assert!(of_it.is_sorted(), "while nothing fails, one aggregate's events come as they were said");
    }
}

async fn a_bus_that_keeps_events_tells_what_waits(make: &impl AsyncFn(Vec<LetterBox>, Arc<ManualClock>) -> Carrier) {
    let scene = Scene::set(make).await;
    let queues = [&scene.first, &scene.second, &scene.other].map(|listener| Queue::of(&**listener));
    let bus = &scene.carrier.bus.port;
    let waiting = |queued: &[Queued]| queued.iter().map(|it| it.waiting).collect::<Vec<u64>>();
    let before = got(bus.queued(&queues).await);
    assert_eq!(got(bus.queued(&[]).await), []);
    if before.is_empty() {
        return;
    }
    let named: Vec<&str> = before.iter().map(|it| it.queue).collect();
    assert_eq!((named, waiting(&before)), (vec!["first-queue", "second-queue", "other-queue"], vec![0, 0, 0]));
    assert!(before.iter().all(|it| it.oldest.is_none()), "nothing is old where nothing waits");
    let events = events(3);
    assert_eq!(got(bus.publish(&events).await).len(), 3);
    assert_eq!(waiting(&got(bus.queued(&queues).await)), [3, 3, 0]);
    let one = got(bus.queued(queues.get(1..2).unwrap_or_default()).await);
    assert_eq!(one.iter().map(|it| it.queue).collect::<Vec<_>>(), ["second-queue"]);
    scene.first.fail(events.iter().map(|_| Ending::Later));
    (scene.carrier.bring)().await;
    let held = waiting(&got(bus.queued(&queues).await));
    assert!(held.first().is_some_and(|count| *count <= 3) && held.get(1..) == Some(&[0, 0]), "in hand is not done: {held:?}");
    scene.rounds(4).await;
    let after = got(bus.queued(&queues).await);
    assert_eq!(waiting(&after), [0, 0, 0]);
    assert!(after.iter().all(|it| it.oldest.is_none()));
}
