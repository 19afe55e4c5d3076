//! The bus on Redis Streams.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use commerce_adapters::commerce_core::Actor;
use commerce_adapters::commerce_core::error::StoreErrorKind;
use commerce_adapters::commerce_core::events::desk::{DeadLetterDesk, LetterBox, Redriven};
use commerce_adapters::commerce_core::events::{DeadLetters, EventBus, Letter, Outbox, Queue};
use commerce_adapters::commerce_core::ids::IdSource;
use commerce_adapters::commerce_core::page::PageRequest;
use commerce_adapters::commerce_core::testing::conformance::{self, Carrier, Made};
use commerce_adapters::commerce_core::testing::memory::MemoryNotifications;
use commerce_adapters::commerce_core::time::Clock;
use commerce_adapters::receive::{Pauses, Receiver};
use commerce_adapters::redis::Redis;
use commerce_adapters::redis::streams::{Durability, StreamBus};
use commerce_adapters::system::{OsEntropy, SystemClock};
use redis::AsyncCommands;
use redis::streams::StreamPendingReply;
use tokio_util::sync::CancellationToken;

use crate::support::{Listener, events, prefix, raw, redis, until, url};

/// Nothing is waited for that need not be.
const AT_ONCE: Pauses = Pauses { receive: Duration::ZERO, retry: Duration::ZERO, lost: Duration::from_secs(15) };

#[tokio::test]
async fn conforms() {
    conformance::bus(async |boxes: Vec<LetterBox>, clock| {
        let queues = boxes.iter().map(|(consumer, _)| Queue::of(&**consumer)).collect();
        let bus = StreamBus::new(redis(), queues, Durability::Asked);
        let letters = boxes.iter().map(|(_, letters)| Arc::clone(letters)).collect();
        let clock: Arc<dyn Clock> = clock;
        let receiver = Arc::new(bus.receiver(boxes, &clock, AT_ONCE));
        let bring = move || -> futures_util::future::BoxFuture<'static, ()> {
            let receiver = Arc::clone(&receiver);
            Box::pin(async move { while receiver.step().await.unwrap() > 0 {} })
        };
        Carrier { bus: Made::<dyn EventBus>::new(Arc::new(bus)), letters, bring: Box::new(bring), in_order: true }
    })
    .await;
}

fn bus(redis: Redis, listeners: &[&Arc<Listener>]) -> StreamBus {
    let queues = listeners.iter().map(|listener| Queue::of(&***listener)).collect();
    StreamBus::new(redis, queues, Durability::Asked)
}

fn letters() -> Arc<MemoryNotifications> {
    Arc::new(MemoryNotifications::new(Arc::new(SystemClock)))
}

fn receiver(bus: &StreamBus, listener: &Arc<Listener>, letters: &Arc<MemoryNotifications>, pauses: Pauses) -> Receiver {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let letters: Arc<dyn DeadLetters> = Arc::clone(letters) as _;
    bus.receiver(vec![(Arc::clone(listener) as _, letters)], &clock, pauses)
}

async fn bring(receiver: &Receiver) {
    while receiver.step().await.unwrap() > 0 {}
}

#[tokio::test]
async fn what_a_dead_receiver_had_is_claimed_by_another() {
    let listener = Listener::new("order-cart-queue");
    let bus = bus(redis(), &[&listener]);
    bus.publish(&events(30)).await.unwrap();
    listener.is_down.store(true, Ordering::Relaxed);
    let first = receiver(&bus, &listener, &letters(), AT_ONCE);
    first.step().await.unwrap();
    drop(first);
    listener.is_down.store(false, Ordering::Relaxed);

    let patient = receiver(&bus, &listener, &letters(), AT_ONCE);
    bring(&patient).await;
    assert_eq!(listener.heard(), 0, "the first one may still be at it");
    let second = receiver(&bus, &listener, &letters(), Pauses { lost: Duration::ZERO, ..AT_ONCE });
    bring(&second).await;
    assert_eq!(listener.heard(), 30);
}

#[tokio::test]
async fn a_delivery_that_nobody_ever_finishes_ends_among_the_dead_letters() {
    let listener = Listener::new("order-cart-queue");
    let bus = bus(redis(), &[&listener]);
    let letters = letters();
    bus.publish(&events(1)).await.unwrap();
    listener.is_down.store(true, Ordering::Relaxed);
    let takes = Pauses { lost: Duration::ZERO, ..AT_ONCE };
    let mut taken = 0;
    while letters.letters(&PageRequest::first()).await.unwrap().items.is_empty() {
        receiver(&bus, &listener, &letters, takes).step().await.unwrap();
        taken += 1;
        assert!(taken < 100, "it is handed out for ever");
    }
    assert!(taken > 10, "receivers may end now and then: {taken}");
    let letter = letters.letters(&PageRequest::first()).await.unwrap().items.remove(0);
    assert!(letter.reason.contains("never finished"), "{}", letter.reason);
}

#[tokio::test]
async fn who_cannot_record_receives_nothing_more_until_she_can() {
    let listener = Listener::new("order-cart-queue");
    let other = Listener::new("catalog-order-queue");
    let prefix = prefix();
    let bus = bus(Redis::open(url(), &prefix).unwrap(), &[&listener, &other]);
    bus.publish(&events(700)).await.unwrap();
    listener.is_down.store(true, Ordering::Relaxed);
    let (stop, letters) = (CancellationToken::new(), letters());
    let runs = [&listener, &other].map(|listener| {
        let receiver = receiver(&bus, listener, &letters, Pauses::default());
        let stop = stop.clone();
        tokio::spawn(async move { receiver.run(stop).await })
    });
    until("the other hears everything", || async { other.heard() == 700 }).await;
    until("the first one is tried again", || async { listener.brought.load(Ordering::Relaxed) > 30 }).await;
    let pending: StreamPendingReply =
        raw(url()).await.xpending(format!("{prefix}:{{events}}:order-events"), "order-cart-queue").await.unwrap();
    assert!(pending.count() <= 256, "one batch is in hand, not {}", pending.count());

    listener.is_down.store(false, Ordering::Relaxed);
    until("she hears everything", || async { listener.heard() == 700 }).await;
    assert_eq!(letters.letters(&PageRequest::first()).await.unwrap().items, [], "waiting is no failure");
    stop.cancel();
    for run in runs {
        run.await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_trimmed_that_a_group_has_yet_to_hear() {
    let (quick, slow) = (Listener::new("order-cart-queue"), Listener::new("catalog-order-queue"));
    let prefix = prefix();
    let bus = bus(Redis::open(url(), &prefix).unwrap(), &[&quick, &slow]);
    let length = async || -> usize { raw(url()).await.xlen(format!("{prefix}:{{events}}:order-events")).await.unwrap() };
    let (to_quick, to_slow) = (receiver(&bus, &quick, &letters(), AT_ONCE), receiver(&bus, &slow, &letters(), AT_ONCE));
    for _ in 0..3 {
        bus.publish(&events(500)).await.unwrap();
    }
    bring(&to_quick).await;
    bus.publish(&events(1_000)).await.unwrap();
    assert_eq!(length().await, 2_500, "the slow one has heard nothing yet");

    bring(&to_slow).await;
    bring(&to_quick).await;
    bus.publish(&events(1_000)).await.unwrap();
    let left = length().await;
    assert!((1_000..1_200).contains(&left), "what both have heard is gone but for a node of the stream: {left}");
    bring(&to_slow).await;
    assert_eq!(slow.heard(), 3_500);
}

#[tokio::test]
async fn what_cannot_be_read_goes_to_a_stream_of_its_own_and_others_go_on() {
    let listener = Listener::new("order-cart-queue");
    let prefix = prefix();
    let bus = bus(Redis::open(url(), &prefix).unwrap(), &[&listener]);
    bus.prepare().await.unwrap();
    let (mut raw, stream) = (raw(url()).await, format!("{prefix}:{{events}}:order-events"));
    let bad: [&[u8]; 3] = [b"{\"id\":", b"\xff\xfe\0", b""];
    for text in bad {
        let _: String = raw.xadd(&stream, "*", &[("event", text)]).await.unwrap();
    }
    let _: String = raw.xadd(&stream, "*", &[("another", "field")]).await.unwrap();
    bus.publish(&events(5)).await.unwrap();

    let letters = letters();
    let receiver = receiver(&bus, &listener, &letters, AT_ONCE);
    receiver.step().await.unwrap();
    assert_eq!(listener.heard(), 5, "the others do not wait");
    for _ in 0..5 {
        receiver.step().await.unwrap();
    }
    let put_away: usize = raw.xlen(format!("{prefix}:{{events}}:order-cart-dlq")).await.unwrap();
    assert_eq!(put_away, 4);
    let pending: StreamPendingReply = raw.xpending(&stream, "order-cart-queue").await.unwrap();
    assert_eq!(pending.count(), 0);
    let counted: usize = raw.hlen(format!("{prefix}:{{events}}:order-cart-queue:failures")).await.unwrap();
    assert_eq!(counted, 0, "counts are forgotten with what they counted");

    let inner: Arc<dyn DeadLetters> = Arc::clone(&letters) as _;
    let ids = IdSource::new(Arc::new(SystemClock), Arc::new(OsEntropy));
    let boxes = bus.letter_boxes(vec![(Arc::clone(&listener) as _, inner)]);
    let desk = DeadLetterDesk::new(boxes, ids, Arc::new(SystemClock));
    let listed = async || desk.letters(&Actor::System).await.unwrap();
    let found = listed().await;
    let unread = found.iter().map(|letter| match letter {
        Letter::Unreadable(letter) => (letter.text.as_str(), letter.receives, !letter.reason.is_empty()),
        Letter::Event(letter) => panic!("{letter:?}"),
    });
    let unread: BTreeSet<_> = unread.collect();
    let texts = ["{\"id\":", "\u{fffd}\u{fffd}\0", "", "(no field \"event\") another=field"];
    assert_eq!(unread, texts.map(|text| (text, 3, true)).into());

    // What an older program put away is a letter as any other once there is a program that knows it.
    let known = events(1).remove(0);
    let dead: String = format!("{prefix}:{{events}}:order-cart-dlq");
    let text = serde_json::to_string(&known).unwrap();
    let _: String = raw.xadd(&dead, "*", &[("event", text)]).await.unwrap();
    let consumer = "order-cart-queue";
    assert_eq!(desk.redrive(&Actor::System, consumer, known.id).await.unwrap(), Redriven::Recorded);
    assert_eq!((listener.heard(), listed().await.len()), (6, 4));

    let again = desk.redrive(&Actor::System, consumer, found[0].id()).await.unwrap();
    assert!(matches!(again, Redriven::StillDead(_)), "{again:?}");
    for letter in &found {
        assert_eq!(desk.purge(&Actor::System, consumer, letter.id()).await.unwrap(), *letter);
    }
    assert_eq!(listed().await, []);
    assert!(desk.purge(&Actor::System, consumer, found[0].id()).await.is_err(), "it is gone");
    assert_eq!(letters.unpublished(10).await.unwrap().len(), 5, "each is told");
}

#[tokio::test]
async fn a_redis_that_may_forget_is_refused_unless_somebody_vouches_for_it() {
    let server = commerce_peers::Redis::start_forgetful();
    let listener = Listener::new("order-cart-queue");
    let queues = || vec![Queue::of(&*listener)];
    let asked = StreamBus::new(Redis::open(server.url(), "shop").unwrap(), queues(), Durability::Asked);
    let refused = asked.publish(&events(1)).await.unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::Internal);
    let vouched = StreamBus::new(Redis::open(server.url(), "shop").unwrap(), queues(), Durability::Vouched);
    assert_eq!(vouched.publish(&events(1)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_redis_that_was_away_is_used_again_even_if_it_has_forgotten_everything() {
    let server = commerce_peers::Redis::start_forgetful();
    let listener = Listener::new("order-cart-queue");
    let bus = StreamBus::new(Redis::open(server.url(), "shop").unwrap(), vec![Queue::of(&*listener)], Durability::Vouched);
    let receiver = receiver(&bus, &listener, &letters(), Pauses::default());
    let stop = CancellationToken::new();
    let run = tokio::spawn({
        let stop = stop.clone();
        async move { receiver.run(stop).await }
    });
    bus.publish(&events(3)).await.unwrap();
    until("it hears the first ones", || async { listener.heard() == 3 }).await;

    server.peer().kill();
    let error = bus.publish(&events(1)).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable, "{:?}", error.source);
    server.peer().again();
    let later = events(4);
    until("it takes events again", || async { bus.publish(&later).await.is_ok() }).await;
    until("it hears the later ones", || async { listener.heard() == 7 }).await;
    stop.cancel();
    run.await.unwrap();
}

#[tokio::test]
async fn a_durable_redis_that_is_killed_loses_nothing_it_has_taken() {
    let server = commerce_peers::Redis::start();
    let listener = Listener::new("order-cart-queue");
    let redis = Redis::open(server.url(), "shop").unwrap();
    let bus = bus(redis.clone(), &[&listener]);
    let mut taken = 0;
    for _ in 0..3 {
        taken += bus.publish(&events(50)).await.unwrap().len();
        server.peer().kill();
        server.peer().again();
        until("it answers again", || async { redis.ping().await.is_ok() }).await;
    }
    let receiver = receiver(&bus, &listener, &letters(), AT_ONCE);
    until("everything is heard", || async {
        receiver.step().await.ok();
        listener.heard() == taken
    })
    .await;
}
