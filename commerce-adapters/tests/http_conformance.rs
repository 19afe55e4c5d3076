//! Contexts in processes of their own keep every promise that they keep in one; and what else the way
//! between them must hold: nobody without the key is answered, what was sent and not answered is in doubt,
//! and one instance that fails is not asked again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use commerce_adapters::http::{Desk, Neighbours, Net, RemoteBus, ServiceKey, Source, Target};
use commerce_adapters::system::SystemClock;
use commerce_core::catalog::{HoldKey, HoldOwners, Purchases};
use commerce_core::commerce::Context;
use commerce_core::error::{Error, StoreErrorKind};
use commerce_core::events::{EventBus, EventKind};
use commerce_core::notifications::Contacts;
use commerce_core::orders::{CatalogPort, Customers};
use commerce_core::part::Elsewhere;
use commerce_core::testing::MemoryShop;
use commerce_core::testing::conformance::{self, Made};
use commerce_core::users::{Accounts, Records, Sellers};
use commerce_core::{Clock, Part};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn key() -> ServiceKey {
    ServiceKey::new(SECRET)
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// Answers for `part` on a port of its own until the guard goes.
async fn served(part: &Part) -> (SocketAddr, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it listens");
    let stop = CancellationToken::new();
    let desk = Desk::new(part.clone(), key(), clock(), stop.clone());
    tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let desk = desk.clone();
            let service = service_fn(move |request| {
                let desk = desk.clone();
                async move { Ok::<_, std::convert::Infallible>(desk.answer(request).await) }
            });
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            tokio::spawn(async move { builder.serve_connection(TokioIo::new(stream), service).await.is_ok() });
        }
    }));
    (address, stop.drop_guard())
}

fn at(address: SocketAddr) -> Source {
    format!("http://{address}").parse().expect("an address is a source")
}

fn neighbours(address: SocketAddr) -> Neighbours {
    let all = Context::ALL.iter().map(|context| (*context, vec![at(address)])).collect::<BTreeMap<_, _>>();
    Neighbours::new(Net::new("orders", key(), clock(), None), all)
}

/// A port of `part` as another process has it.
async fn remote<P: ?Sized>(part: &Part, port: impl FnOnce(Elsewhere) -> Option<Arc<P>>) -> Made<P> {
    let (address, guard) = served(part).await;
    let neighbours = neighbours(address);
    let port = port(neighbours.elsewhere()).expect("every context has a place");
    Made::new(port).keeping((guard, neighbours))
}

#[tokio::test]
async fn catalog_port() {
    conformance::catalog_port(async |part| remote::<dyn CatalogPort>(part, |there| there.catalog).await).await;
}

#[tokio::test]
async fn accounts() {
    conformance::accounts(async |part| remote::<dyn Accounts>(part, |there| there.accounts).await).await;
}

#[tokio::test]
async fn customers() {
    conformance::customers(async |part| remote::<dyn Customers>(part, |there| there.customers).await).await;
}

#[tokio::test]
async fn contacts() {
    conformance::contacts(async |part| remote::<dyn Contacts>(part, |there| there.contacts).await).await;
}

#[tokio::test]
async fn hold_owners() {
    conformance::hold_owners(async |part| remote::<dyn HoldOwners>(part, |there| there.holds).await).await;
}

#[tokio::test]
async fn sellers() {
    conformance::sellers(async |part| remote::<dyn Sellers>(part, |there| there.sellers).await).await;
}

#[tokio::test]
async fn purchases() {
    conformance::purchases(async |part| remote::<dyn Purchases>(part, |there| there.purchases).await).await;
}

#[tokio::test]
async fn records() {
    conformance::records(async |part, context| {
        remote::<dyn Records>(part, |there| there.records.into_iter().find(|(owner, _)| *owner == context).map(|(_, it)| it))
            .await
    })
    .await;
}

#[tokio::test]
async fn events_reach_the_consumers_of_another_process() {
    let (here, there) = (MemoryShop::new(1), MemoryShop::new(2));
    let (address, _guard) = served(there.part()).await;
    let target = Arc::new(Target::new(Context::Notifications, vec![at(address)]));
    let bus = RemoteBus::new(&Net::new("users", key(), clock(), None), &target, |kind| !kind.is_internal());
    let register = commerce_core::users::Register {
        email: "asha@example.com".to_owned(),
        password: "correct horse".to_owned(),
        full_name: "Asha".to_owned(),
        phone: None,
        metadata: commerce_core::text::Metadata::new(),
    };
    here.users.register(&commerce_core::Actor::Anonymous, register, None).await.expect("she can register");
    let said = commerce_core::events::Outbox::unpublished(&*here.users_db, 10).await.expect("memory answers");
    assert_eq!(said.len(), 1);
    for _ in 0..2 {
        assert_eq!(bus.publish(&said).await.expect("it is there"), [said[0].id]);
    }
    let staff = commerce_core::Actor::System;
    let (all, page) = (commerce_core::notifications::NotificationFilter::default(), commerce_core::page::PageRequest::first());
    let told = there.notifications.list(&staff, &all, &page).await;
    assert_eq!(told.expect("memory answers").items.len(), 1, "recorded there, once");
}

#[tokio::test]
async fn users_elsewhere_hear_of_staff_and_what_is_said_of_anything_else_waits_for_nobody() {
    let (here, there) = (MemoryShop::new(1), MemoryShop::new(2));
    let (address, _guard) = served(there.part()).await;
    let to_users = |address| {
        let target = Arc::new(Target::new(Context::Users, vec![at(address)]));
        RemoteBus::new(&Net::new("catalog", key(), clock(), None), &target, EventKind::is_internal)
    };
    let staff = commerce_core::Actor::System;
    let cup = serde_json::json!({"name": "Cup", "variants": [{"sku": "CUP", "price": {"amount": 500, "currency": "INR"}}]});
    let cup = serde_json::from_value(cup).expect("a product is well formed");
    here.catalog.house_seller().await.expect("a fresh shop takes a seller");
    here.catalog.create_product(&staff, cup, None).await.expect("a fresh shop takes a product");
    let said = commerce_core::events::Outbox::unpublished(&*here.catalog_db, 10).await.expect("memory answers");
    let (deeds, others): (Vec<_>, Vec<_>) = said.into_iter().partition(|event| event.kind.is_internal());
    assert_eq!((deeds.len(), others.len()), (1, 1));

    let nobody = TcpListener::bind("127.0.0.1:0").await.and_then(|listener| listener.local_addr()).expect("a port is free");
    assert_eq!(to_users(nobody).publish(&others).await.expect("nobody is asked"), [others[0].id]);
    assert!(to_users(nobody).publish(&deeds).await.is_err(), "a deed waits for users");
    for _ in 0..2 {
        assert_eq!(to_users(address).publish(&deeds).await.expect("they are there"), [deeds[0].id]);
    }
    let (all, page) = (commerce_core::users::StaffLogFilter::default(), commerce_core::page::PageRequest::first());
    let log = there.users.staff_log(&staff, &all, &page).await.expect("memory answers").items;
    assert_eq!(log.iter().map(|entry| entry.told.event).collect::<Vec<_>>(), [Some(deeds[0].id)], "recorded there, once");
}

/// Sends these bytes and reads the status of the answer.
async fn asked(address: SocketAddr, head: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let length = body.len();
    let request = format!("{head}host: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("an answer has a status")
}

#[tokio::test]
async fn nobody_without_the_key_is_answered() {
    const TYPE: &str = "content-type: application/vnd.commerce.internal.v1+json\r\n";
    let shop = MemoryShop::new(3);
    let (address, _guard) = served(shop.part()).await;
    let now = SystemClock.now();
    let call: &[&[u8]] = &[b"GET", b"/internal/products?skus=A", b""];
    let with = |token: &str| format!("GET /internal/products?skus=A HTTP/1.1\r\nauthorization: Service {token}\r\n{TYPE}");
    assert_eq!(asked(address, &with(&key().sign("orders", "catalog", now, call)), "").await, 200);
    for (why, token) in [
        ("no such key", ServiceKey::new("another").sign("orders", "catalog", now, call)),
        ("an old one", key().sign("orders", "catalog", now.minus(Duration::from_mins(2)), call)),
        ("one of tomorrow", key().sign("orders", "catalog", now.plus(Duration::from_mins(2)), call)),
        ("for somebody else", key().sign("orders", "nobody", now, call)),
        ("for something else", key().sign("orders", "catalog", now, &[b"POST", b"/internal/inventory/release", b""])),
        ("none", String::new()),
    ] {
        assert_eq!(asked(address, &with(&token), "").await, 401, "{why}");
    }
    assert_eq!(asked(address, &format!("GET /internal/products?skus=A HTTP/1.1\r\n{TYPE}"), "").await, 401);
    let stolen = key().sign("orders", "catalog", now, &[b"POST", b"/internal/inventory/release", b"{}"]);
    let head = format!("POST /internal/inventory/release HTTP/1.1\r\nauthorization: Service {stolen}\r\n{TYPE}");
    assert_eq!(asked(address, &head, "{ }").await, 401, "another body");
    assert_eq!(asked(address, "GET /internal/health HTTP/1.1\r\n", "").await, 200, "that it lives is no secret");
}

/// Takes connections and never says a word.
async fn silent() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it listens");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut some = [0u8; 512];
                // Reads the call, then hangs up without an answer.
                let _ = stream.read(&mut some).await;
            });
        }
    });
    address
}

fn kind(error: Error) -> StoreErrorKind {
    match error {
        Error::Store(error) => error.kind,
        Error::Refused(refusal) => panic!("refused: {refusal}"),
    }
}

#[tokio::test]
async fn what_was_sent_and_not_answered_is_in_doubt() {
    let there = |address| neighbours(address).elsewhere().catalog.expect("the catalog has a place");
    let catalog = there(silent().await);
    let key = HoldKey([1; 32]);
    let reserved = catalog.reserve(key, &[], &[]).await;
    assert_eq!(kind(reserved.expect_err("nobody answered")), StoreErrorKind::OutcomeUnknown);
    let asked = catalog.items(&[]).await;
    assert_eq!(kind(asked.expect_err("nobody answered")), StoreErrorKind::Unavailable, "a question leaves no doubt");

    let nobody = TcpListener::bind("127.0.0.1:0").await.and_then(|listener| listener.local_addr()).expect("a port is free");
    let reserved = there(nobody).reserve(key, &[], &[]).await;
    assert_eq!(kind(reserved.expect_err("nobody is there")), StoreErrorKind::Unavailable, "nothing was sent");
}

#[tokio::test]
async fn another_instance_answers_for_one_that_is_gone() {
    let shop = MemoryShop::new(4);
    let (address, _guard) = served(shop.part()).await;
    let gone = TcpListener::bind("127.0.0.1:0").await.and_then(|listener| listener.local_addr()).expect("a port is free");
    let sources = BTreeMap::from([(Context::Catalog, vec![at(gone), at(address), at(silent().await)])]);
    let neighbours = Neighbours::new(Net::new("orders", key(), clock(), None), sources);
    let catalog = neighbours.elsewhere().catalog.expect("the catalog has a place");
    for _ in 0..6 {
        assert_eq!(catalog.items(&[]).await.expect("one of them answers"), []);
    }
    neighbours.stop().await;
}

/// Answers looks at it, and everything else with eight bytes. One that `halts` brings four of them; then it says no more
/// on any connection.
async fn instance(halts: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it listens");
    let halted = CancellationToken::new();
    let said = if halts { "half" } else { "the twin" };
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let halted = halted.clone();
            tokio::spawn(async move {
                let mut asked = [0u8; 2_048];
                while let Ok(1..) = stream.read(&mut asked).await {
                    if halted.is_cancelled() {
                        return std::future::pending().await;
                    }
                    let look = asked.starts_with(b"GET /health/");
                    let answer = if look { "content-length: 0\r\n\r\n" } else { "content-length: 8\r\n\r\n" };
                    let answer = format!("HTTP/1.1 200 OK\r\n{answer}{}", if look { "" } else { said });
                    stream.write_all(answer.as_bytes()).await.expect("it is listened to");
                    if halts && !look {
                        halted.cancel();
                    }
                }
            });
        }
    });
    address
}

fn question() -> Request<Full<Bytes>> {
    Request::get("/api/products").body(Full::default()).expect("it is a request")
}

#[tokio::test]
async fn an_answer_that_stops_half_way_ends_when_its_instance_is_silent() {
    let neighbours = Neighbours::new(Net::new("gateway", key(), clock(), None), BTreeMap::new());
    let forwarder = neighbours.forwarder(Context::Catalog, vec![at(instance(true).await)]);
    let answer = forwarder.forward(question()).await.expect("the head comes");
    assert_eq!(answer.status(), 200);
    let body = tokio::time::timeout(Duration::from_secs(30), answer.into_body().collect()).await.expect("nobody waits for ever");
    assert_eq!(body.expect_err("it is not whole").to_string(), "the instance is silent");
    neighbours.stop().await;
}

#[tokio::test]
async fn questions_to_an_instance_that_was_halted_are_answered_by_its_twin() {
    let (halting, twin) = (instance(true).await, instance(false).await);
    let neighbours = Neighbours::new(Net::new("gateway", key(), clock(), None), BTreeMap::new());
    let alone = neighbours.forwarder::<Full<Bytes>>(Context::Catalog, vec![at(halting)]);
    let forwarder = neighbours.forwarder(Context::Catalog, vec![at(halting), at(twin)]);
    drop(alone.forward(question()).await.expect("it halts after this"));
    let asked = futures_util::future::join_all((0..16).map(|_| forwarder.forward(question())));
    for answer in tokio::time::timeout(Duration::from_secs(30), asked).await.expect("nobody waits for ever") {
        let body = answer.expect("the twin answers").into_body().collect().await.expect("it is whole");
        assert_eq!(body.to_bytes(), "the twin");
    }
    neighbours.stop().await;
}
