//! The bus on SNS and SQS.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use commerce_adapters::aws::bus::SnsBus;
use commerce_adapters::aws::topology::Topology;
use commerce_adapters::commerce_core::StoreError;
use commerce_adapters::commerce_core::events::desk::{DeadLetterDesk, LetterBox, Redriven};
use commerce_adapters::commerce_core::events::{
    ConsumeError, Consumer, DeadLetters, Envelope, EventBus, EventKind, Letter, Outbox, Queue,
};
use commerce_adapters::commerce_core::ids::{EventId, Id, IdSource};
use commerce_adapters::commerce_core::page::PageRequest;
use commerce_adapters::commerce_core::testing::conformance::{self, Carrier, Made};
use commerce_adapters::commerce_core::testing::memory::MemoryNotifications;
use commerce_adapters::commerce_core::time::Timestamp;
use commerce_adapters::commerce_core::{Actor, page};
use commerce_adapters::receive::{Pauses, Receiver};
use commerce_adapters::system::{OsEntropy, SystemClock};
use serde_json::json;
use uuid::Uuid;

use crate::support::{aws, patience, prefix, send};

const AT_ONCE: Pauses = Pauses { receive: Duration::ZERO, retry: Duration::ZERO, lost: Duration::from_secs(30) };

async fn topology(boxes: &[LetterBox], fifo: bool) -> Topology {
    let queues = boxes.iter().map(|(consumer, _)| Queue::of(&**consumer)).collect();
    let topology = Topology { fifo, queues, ..Topology::standard(&prefix()) };
    aws().await.init(&topology).await.unwrap();
    topology
}

async fn carrier(boxes: Vec<LetterBox>, fifo: bool) -> Carrier {
    let bus = SnsBus::new(aws().await, topology(&boxes, fifo).await);
    let letters = bus.letter_boxes(boxes.clone()).into_iter().map(|(_, letters)| letters).collect();
    let receiver = Arc::new(bus.receiver(boxes, AT_ONCE));
    let bring = move || -> futures_util::future::BoxFuture<'static, ()> {
        let receiver = Arc::clone(&receiver);
        Box::pin(async move {
            loop {
                tokio::time::sleep(patience()).await;
                if receiver.step().await.unwrap() == 0 {
                    break;
                }
            }
        })
    };
    Carrier { bus: Made::<dyn EventBus>::new(Arc::new(bus)), letters, bring: Box::new(bring), in_order: fifo }
}

#[tokio::test]
async fn conforms() {
    conformance::bus(async |boxes, _| carrier(boxes, false).await).await;
}

#[tokio::test]
async fn conforms_in_order() {
    conformance::bus(async |boxes, _| carrier(boxes, true).await).await;
}

#[tokio::test]
async fn making_everything_again_changes_nothing() {
    let topology = Topology::standard(&prefix());
    let first = aws().await.init(&topology).await.unwrap();
    assert_eq!(first.topics.len(), 4);
    assert_eq!(first.queues.len(), 10);
    let again = aws().await.init(&Topology { lost: Duration::from_secs(45), ..topology.clone() }).await.unwrap();
    assert_eq!(again, first, "with another setting, too");
    let other = aws().await.init(&Topology { fifo: true, ..topology }).await.unwrap();
    assert!(other.queues.keys().all(|name| name.strip_suffix(".fifo").is_some()), "{other:?}");
}

/// Refuses everything until it is mended.
struct Picky {
    mended: Mutex<bool>,
    heard: Mutex<Vec<EventId>>,
    unavailable: Mutex<VecDeque<()>>,
}

#[async_trait]
impl Consumer for Picky {
    fn name(&self) -> &'static str {
        "order-cart-queue"
    }

    fn wants(&self, kind: EventKind) -> bool {
        kind == EventKind::OrderCreated
    }

    async fn handle(&self, event: &Envelope) -> Result<(), ConsumeError> {
        if self.unavailable.lock().unwrap().pop_front().is_some() {
            return Err(StoreError::unavailable("picky.handle", "not now").into());
        }
        if !*self.mended.lock().unwrap() {
            return Err(ConsumeError::Permanent("not to my taste".to_owned()));
        }
        self.heard.lock().unwrap().push(event.id);
        Ok(())
    }
}

struct Scene {
    picky: Arc<Picky>,
    bus: SnsBus,
    receiver: Receiver,
    desk: DeadLetterDesk,
    queue: String,
    inner: Arc<MemoryNotifications>,
}

impl Scene {
    async fn set() -> Self {
        let picky = Arc::new(Picky { mended: Mutex::new(false), heard: Mutex::default(), unavailable: Mutex::default() });
        let inner = Arc::new(MemoryNotifications::new(Arc::new(SystemClock)));
        let letters: Arc<dyn DeadLetters> = inner.clone();
        let boxes: Vec<LetterBox> = vec![(picky.clone(), letters)];
        let topology = topology(&boxes, false).await;
        let queue = topology.queue(&Queue::of(&*picky));
        let bus = SnsBus::new(aws().await, topology);
        let desk = DeadLetterDesk::new(
            bus.letter_boxes(boxes.clone()),
            IdSource::new(Arc::new(SystemClock), Arc::new(OsEntropy)),
            Arc::new(SystemClock),
        );
        let receiver = bus.receiver(boxes, AT_ONCE);
        Self { picky, bus, receiver, desk, queue, inner }
    }

    /// So many events, given up by their queue.
    async fn given_up(&self, count: u128) -> Vec<EventId> {
        let events: Vec<Envelope> = (1..=count).map(event).collect();
        self.bus.publish(&events).await.unwrap();
        for _ in 0..5 {
            self.receiver.step().await.unwrap();
        }
        events.iter().map(|event| event.id).collect()
    }

    async fn listed(&self) -> Vec<EventId> {
        let mut listed: Vec<_> =
            self.desk.letters(&Actor::System).await.unwrap().iter().filter_map(|it| it.id().event()).collect();
        listed.sort();
        listed
    }
}

fn event(number: u128) -> Envelope {
    let kind = EventKind::OrderCreated;
    Envelope {
        id: EventId::from_uuid(Uuid::from_u128(number << 64)),
        topic: kind.topic(),
        kind,
        schema: 1,
        aggregate: Uuid::from_u128(number),
        version: 1,
        at: Timestamp::EPOCH,
        traceparent: None,
        data: json!({}).into(),
    }
}

#[tokio::test]
async fn letters_of_a_queue_are_listed_sent_again_and_thrown_away() {
    let scene = Scene::set().await;
    let ids = scene.given_up(5).await;
    assert_eq!(scene.listed().await, ids);
    assert_eq!(scene.listed().await, ids, "a look leaves everything where it was");
    let consumer = "order-cart-queue";

    let still_dead = scene.desk.redrive(&Actor::System, consumer, ids[0]).await.unwrap();
    assert_eq!(still_dead, Redriven::StillDead("not to my taste".to_owned()));
    *scene.picky.mended.lock().unwrap() = true;
    assert_eq!(scene.desk.redrive(&Actor::System, consumer, ids[0]).await.unwrap(), Redriven::Recorded);
    assert_eq!(scene.listed().await, ids[1..]);
    assert_eq!(*scene.picky.heard.lock().unwrap(), ids[..1]);

    let purged = scene.desk.purge(&Actor::System, consumer, ids[1]).await.unwrap();
    assert_eq!(purged.id(), ids[1].into());
    assert_eq!(scene.listed().await, ids[2..]);
    assert!(scene.desk.purge(&Actor::System, consumer, ids[1]).await.is_err(), "it is gone");
    assert_eq!(scene.inner.letters(&PageRequest::first()).await.unwrap().items, [], "and not in the database either");
}

#[tokio::test]
async fn what_cannot_be_read_is_listed_stays_and_is_thrown_away() {
    let scene = Scene::set().await;
    let ids = scene.given_up(1).await;
    let unknown = json!({
        "id": "018f0000-0000-7000-8000-000000000000", "topic": "order-events", "type": "ORDER_TELEPORTED", "schema": 1,
        "aggregate": Uuid::nil(), "version": 1, "at": "2026-01-05T10:00:00Z", "data": {},
    });
    let texts = ["not json".to_owned(), "{\"id\": \"018f".to_owned(), unknown.to_string(), "x".repeat(5_000)];
    for text in &texts {
        send(&scene.queue, text).await;
    }
    for _ in 0..5 {
        scene.receiver.step().await.unwrap();
    }
    let consumer = "order-cart-queue";
    let listed = async || {
        let all = scene.desk.letters(&Actor::System).await.unwrap();
        let unread = all.into_iter().filter_map(|letter| match letter {
            Letter::Unreadable(letter) => Some(letter),
            Letter::Event(letter) => {
                assert_eq!(letter.event.id, ids[0]);
                None
            }
        });
        unread.collect::<Vec<_>>()
    };
    let found = listed().await;
    let said: BTreeSet<String> = found.iter().map(|letter| letter.text.clone()).collect();
    let short = texts.iter().map(|text| text.chars().take(1_000).collect());
    assert_eq!(said, short.collect(), "what it is, and of what is long the beginning");
    assert!(found.iter().all(|letter| letter.consumer == consumer && letter.receives == 3), "{found:?}");
    let of_tomorrow = found.iter().find(|letter| letter.text.contains("TELEPORTED")).unwrap();
    assert!(of_tomorrow.reason.contains("ORDER_TELEPORTED"), "{of_tomorrow:?}");
    assert_eq!(listed().await.len(), 4, "a look leaves everything where it was");

    let again = scene.desk.redrive(&Actor::System, consumer, of_tomorrow.id.clone()).await.unwrap();
    assert_eq!(again, Redriven::StillDead(of_tomorrow.reason.clone()));
    assert_eq!(listed().await.len(), 4, "it stays for who can read it");
    for letter in found.iter().filter(|letter| letter.id != of_tomorrow.id) {
        let purged = scene.desk.purge(&Actor::System, consumer, letter.id.clone()).await.unwrap();
        assert_eq!(purged, Letter::Unreadable(letter.clone()));
    }
    assert_eq!(listed().await, std::slice::from_ref(of_tomorrow));
    let told = scene.inner.unpublished(10).await.unwrap();
    assert_eq!(told.len(), 3, "each is told");
    assert!(told.iter().all(|event| event.data.as_str().contains("LETTER_PURGED")), "{told:?}");
    let gone = found.iter().find(|letter| letter.id != of_tomorrow.id).unwrap();
    assert!(scene.desk.purge(&Actor::System, consumer, gone.id.clone()).await.is_err(), "it is gone");
}

#[tokio::test]
async fn letters_of_queue_and_database_are_one_list() {
    let scene = Scene::set().await;
    let ids = scene.given_up(4).await;
    let boxes = scene.desk.boxes();
    let (_, letters) = &boxes[0];
    let mut kept = letters.letters(&PageRequest::first()).await.unwrap().items.remove(0);
    for number in [100, 101] {
        kept.event = event(number);
        letters.bury(&kept).await.unwrap();
    }
    let (mut listed, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = page::PageRequest::parse(Some(2), cursor.as_deref()).unwrap();
        let next = letters.letters(&page).await.unwrap();
        listed.extend(next.items.iter().map(|letter| letter.event.id));
        cursor = next.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let mut expected: Vec<_> = ids.into_iter().chain([event(100).id, event(101).id]).collect();
    expected.sort();
    expected.reverse();
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn waiting_for_a_store_counts_as_no_receive() {
    let scene = Scene::set().await;
    *scene.picky.mended.lock().unwrap() = true;
    scene.picky.unavailable.lock().unwrap().extend([(); 20]);
    scene.bus.publish(&[event(1)]).await.unwrap();
    for _ in 0..21 {
        scene.receiver.step().await.unwrap();
    }
    assert_eq!(*scene.picky.heard.lock().unwrap(), [event(1).id]);
    assert_eq!(scene.listed().await, []);
}
