//! What every answer has, and who is let in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use commerce_core::commerce::Context;
use commerce_core::error::{StoreError, StoreErrorKind};
use commerce_core::events::{Backlog, Envelope, EventBus, Outbox, Queue, Queued};
use commerce_core::ids::EventId;
use commerce_core::notifications::NotificationFilter;
use commerce_core::page::PageRequest;
use commerce_core::users::Role;
use commerce_core::{Actor, Part};
use commerce_server::ways::{BreakerFigure, Breakers, Ways};
use commerce_server::{App, Config};

use crate::support::{Shop, order};

#[tokio::test]
async fn a_trace_goes_with_the_events_and_the_mails_that_follow() {
    let shop = Shop::open().await;
    let (admin, asha) = (shop.login("admin", Role::Admin).await, shop.login("asha", Role::Customer).await);
    shop.stock(&admin, "A", 50).await;
    shop.memory.settle().await.unwrap();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let placed =
        shop.ask("POST", "/api/orders").token(&asha).header("traceparent", trace).json(&order("A", 1, "COD")).send().await;
    let ours = placed.expect(201).header("traceparent").to_owned();
    let said = shop.memory.orders_db.unpublished(10).await.unwrap();
    assert_eq!(said.len(), 2, "created and confirmed");
    assert!(said.iter().all(|event| event.traceparent.as_deref() == Some(&ours)), "{said:?}");

    shop.memory.settle().await.unwrap();
    let all = NotificationFilter::default();
    let mails = shop.memory.notifications.list(&Actor::System, &all, &PageRequest::first()).await.unwrap().items;
    let traced = mails.iter().filter(|mail| mail.traceparent.as_deref() == Some(&ours)).count();
    assert_eq!((traced, mails.len()), (2, 4), "two mails of the order, two welcomes without a trace");

    shop.post("/api/orders", &asha, order("A", 1, "COD")).await.expect(201);
    let said = shop.memory.orders_db.unpublished(10).await.unwrap();
    assert!(said.iter().all(|event| event.traceparent.is_none()), "the next request has none");
}

#[tokio::test]
async fn every_answer_is_named_and_guarded() {
    let shop = Shop::open().await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let reply = shop.ask("GET", "/api/nothing").header("x-request-id", "mine-1").header("traceparent", trace).send().await;
    assert_eq!(reply.refused(404), "NOT_FOUND");
    assert_eq!(reply.header("x-request-id"), "mine-1");
    let (ours, theirs) = (reply.header("traceparent"), trace);
    assert_eq!((&ours[..36], &ours[52..]), (&theirs[..36], &theirs[52..]), "the trace goes on");
    assert_ne!(&ours[36..52], &theirs[36..52], "with a span of our own");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert_eq!(reply.header("referrer-policy"), "no-referrer");
    assert!(reply.header("content-security-policy").contains("default-src 'self'"));
    let method = shop.ask("DELETE", "/api/products").send().await;
    assert_eq!(method.refused(405), "METHOD_NOT_ALLOWED");
    assert!(method.header("allow").contains("POST"));
    assert!(!method.header("x-request-id").is_empty());
}

#[tokio::test]
async fn nothing_inside_is_reached() {
    let shop = Shop::open().await;
    let admin = shop.login("admin", Role::Admin).await;
    for path in
        ["/internal/products", "//internal", "/INTERNAL/x", "/api/..%2finternal/products", "/api/inventory/..%2f..%2finternal"]
    {
        for method in ["GET", "POST", "DELETE"] {
            assert_eq!(shop.ask(method, path).token(&admin).send().await.refused(404), "NOT_FOUND", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_users_minute_is_counted_and_so_is_an_addresss() {
    let settings = [("gateway.rate_limit_per_minute", "5"), ("gateway.rate_limit_anonymous_per_minute", "10")];
    let shop = Shop::open_with(&settings).await;
    let (asha, ravi) = (shop.login("asha", Role::Customer).await, shop.login("ravi", Role::Customer).await);
    for left in (0..5).rev() {
        let reply = shop.get("/api/users/me", &asha).await.expect(200);
        assert_eq!((reply.header("ratelimit-limit"), reply.header("ratelimit-remaining")), ("5", left.to_string().as_str()));
    }
    let over = shop.get("/api/users/me", &asha).await;
    assert_eq!(over.refused(429), "RATE_LIMITED");
    assert!(over.header("retry-after").parse::<u64>().unwrap() >= 1);
    shop.get("/api/users/me", &ravi).await.expect(200);
    for _ in 0..8 {
        shop.ask("GET", "/api/products").send().await.expect(200);
    }
    assert_eq!(shop.ask("GET", "/api/products").send().await.refused(429), "RATE_LIMITED");
    for free in ["/health/live", "/metrics", "/docs", "/openapi.json"] {
        shop.ask("GET", free).send().await.expect(200);
    }
}

#[tokio::test]
async fn only_named_origins_may_call() {
    let shop = Shop::open_with(&[("server.cors_origins", "https://shop.example")]).await;
    let origin = |origin: &'static str| shop.ask("GET", "/api/products").header("origin", origin).send();
    assert_eq!(origin("https://shop.example").await.header("access-control-allow-origin"), "https://shop.example");
    for foreign in ["https://evil.example", "https://shop.example.evil.example", "null"] {
        let reply = origin(foreign).await;
        assert_eq!(reply.header("access-control-allow-origin"), "", "{foreign}");
        assert!(reply.header("vary").to_lowercase().contains("origin"));
    }
}

#[tokio::test]
async fn health_and_figures_are_told() {
    let shop = Shop::open().await;
    let ready = shop.ask("GET", "/health/ready").send().await.expect(200);
    assert_eq!(ready.header("retry-after"), "", "there is nothing to wait for");
    for dependency in ["users", "catalog", "orders", "notifications"] {
        assert_eq!(ready.body["dependencies"][dependency]["status"], "UP");
    }
    shop.ask("GET", "/api/products/nothing").send().await;
    let metrics = shop.ask("GET", "/metrics").send().await.expect(200);
    assert!(metrics.text.contains("route=\"/api/products/{id}\",status=\"4xx\"} 1"), "{}", metrics.text);
    assert!(metrics.text.contains("outbox_waiting{context=\"orders\"}"));
    shop.app.shared().stopping().cancel();
    assert_eq!(shop.ask("GET", "/health/ready").send().await.expect(503).header("retry-after"), "1");
}

/// An outbox on a disk that is full.
struct Full;

#[async_trait]
impl Outbox for Full {
    async fn unpublished(&self, _: u32) -> Result<Vec<Envelope>, StoreError> {
        Ok(Vec::new())
    }

    async fn published(&self, _: &[EventId]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        Ok(Backlog::default())
    }

    async fn takes_writes(&self) -> Result<(), StoreError> {
        Err(StoreError::new(StoreErrorKind::Full, "test", "no space left"))
    }
}

#[tokio::test]
async fn a_shop_that_can_be_read_and_not_written_is_not_ready() {
    let shop = Shop::open().await;
    let bus: Arc<dyn EventBus> = Arc::new(Broker::default());
    let outboxes: Vec<(Context, Arc<dyn Outbox>)> =
        vec![(Context::Orders, Arc::new(Full) as _), (Context::Users, shop.memory.users_db.clone() as _)];
    let part = Part::from((*shop.memory).clone()).with_bus(&bus, outboxes);
    let shop = Shop { app: App::beside(part, Ways::default(), Config::defaults()), ..shop };
    let ready = shop.ask("GET", "/health/ready").send().await.expect(503);
    for (dependency, state) in [("users", "UP"), ("catalog", "UP"), ("orders", "DOWN"), ("notifications", "UP")] {
        assert_eq!(ready.body["dependencies"][dependency]["status"], state, "{}", ready.text);
    }
    shop.ask("GET", "/api/products").send().await.expect(200);
}

/// Two breakers, one of them seen twice.
struct Seen;

impl Breakers for Seen {
    fn figures(&self) -> Vec<BreakerFigure> {
        let figure = |name, at: &str, state| BreakerFigure { kind: "call", name, at: at.to_owned(), state };
        let orders = figure("orders", "127.0.0.1:9083", "closed");
        vec![orders.clone(), figure("catalog", "127.0.0.1:9082", "open"), orders]
    }
}

/// A broker that has something for one queue, and counts how often it is asked.
#[derive(Default)]
struct Broker(AtomicU32);

#[async_trait]
impl EventBus for Broker {
    async fn publish(&self, _: &[Envelope]) -> Result<Vec<EventId>, StoreError> {
        Ok(Vec::new())
    }

    async fn queued(&self, queues: &[Queue]) -> Result<Vec<Queued>, StoreError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let one = |queue: &Queue| Queued { queue: queue.name, waiting: u64::from(queue.name == "webhook-queue"), oldest: None };
        Ok(queues.iter().map(one).collect())
    }
}

#[tokio::test]
async fn figures_tell_whom_nobody_calls_and_which_queue_is_behind() {
    let shop = Shop::open().await;
    let figures = shop.ask("GET", "/metrics").send().await.expect(200).text;
    assert!(!figures.contains("circuit_breaker_state") && !figures.contains("queue_waiting"), "it calls nobody: {figures}");
    let broker = Arc::new(Broker::default());
    let bus: Arc<dyn EventBus> = broker.clone();
    let part = Part::from((*shop.memory).clone()).with_bus(&bus, Vec::new());
    let ways = Ways { breakers: vec![Arc::new(Seen)], ..Ways::default() };
    let shop = Shop { app: App::beside(part, ways, Config::defaults()), ..shop };
    let figures = shop.ask("GET", "/metrics").send().await.expect(200).text;
    let count = |line: &str| figures.lines().filter(|it| *it == line).count();
    for (name, at, states) in [("catalog", "127.0.0.1:9082", [0, 0, 1]), ("orders", "127.0.0.1:9083", [1, 0, 0])] {
        for (state, is) in ["closed", "half_open", "open"].into_iter().zip(states) {
            let line = format!("circuit_breaker_state{{kind=\"call\",name=\"{name}\",at=\"{at}\",state=\"{state}\"}} {is}");
            assert_eq!(count(&line), 1, "{line} in {figures}");
        }
    }
    assert_eq!((count("queue_waiting{queue=\"webhook-queue\"} 1"), count("queue_waiting{queue=\"order-cart-queue\"} 0")), (1, 1));
    assert_eq!(count("queue_lag_seconds{queue=\"order-cart-queue\"} 0"), 1, "what does not wait is not late: {figures}");
    assert!(!figures.contains("queue_lag_seconds{queue=\"webhook-queue\"}"), "since when it waits nobody said: {figures}");
    for family in ["circuit_breaker_state", "queue_waiting", "queue_lag_seconds"] {
        assert_eq!(count(&format!("# TYPE {family} gauge")), 1, "{figures}");
    }
    shop.ask("GET", "/metrics").send().await.expect(200);
    assert_eq!(broker.0.load(Ordering::Relaxed), 1, "who asks more often learns nothing more");
}
