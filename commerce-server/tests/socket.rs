//! The socket over a whole shop in a directory of its own: what one connection may cost, that a
//! dropped one loses nothing, and how the server stops.

#![expect(clippy::unwrap_used, reason = "a harness of tests stops at what it cannot have")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use commerce_adapters::embedded::{Embedded, Shop};
use commerce_core::Actor;
use commerce_core::text::Metadata;
use commerce_core::users::{Register, Role};
use commerce_server::{App, Config, Shutdown, listen, serve};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

struct Server {
    address: SocketAddr,
    shop: Shop,
    shutdown: Shutdown,
    served: JoinHandle<std::io::Result<()>>,
    _dir: TempDir,
}

impl Server {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let shop = Embedded::at(dir.path()).open().await.unwrap();
        let mut config = Config::defaults();
        config.set("server.listen", "127.0.0.1:0").unwrap();
        config.set("gateway.rate_limit_per_minute", "0").unwrap();
        let listener = listen(config.server.listen).unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = Shutdown::new();
        let served = tokio::spawn(serve(listener, App::new((*shop).clone(), config), shutdown.clone()));
        Self { address, shop, shutdown, served, _dir: dir }
    }

    /// Sends one request on a connection of its own and reads the whole answer.
    async fn ask(&self, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(&request(method, path, token, body, "close")).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    async fn token(&self, name: &str, role: Role) -> String {
        let register = Register {
            email: format!("{name}@example.com"),
            password: "correct horse".to_owned(),
            full_name: name.to_owned(),
            phone: None,
            metadata: Metadata::new(),
        };
        self.shop.users.create_user(&Actor::System, register, role).await.unwrap();
        let login = json!({"email": format!("{name}@example.com"), "password": "correct horse"});
        let (status, body) = self.ask("POST", "/api/auth/login", "", &login).await;
        assert_eq!(status, 200, "{body}");
        body["accessToken"].as_str().unwrap().to_owned()
    }

    /// Waits until `token`'s customer has an order; answers how many she has.
    async fn placed(&self, token: &str) -> usize {
        loop {
            let (_, orders) = self.ask("GET", "/api/orders", token, &Value::Null).await;
            match orders["items"].as_array().map_or(0, Vec::len) {
                0 => sleep(Duration::from_millis(20)).await,
                some => return some,
            }
        }
    }

    async fn stop(self) {
        self.shutdown.stop();
        self.served.await.unwrap().unwrap();
        Box::pin(self.shop.close()).await.unwrap();
    }
}

fn request(method: &str, path: &str, token: &str, body: &Value, connection: &str) -> Vec<u8> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let token = if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: shop\r\nconnection: {connection}\r\n{token}content-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_connection_loses_no_order_and_a_stop_is_clean() {
    let server = Server::start().await;
    let (admin, asha) = (server.token("admin", Role::Admin).await, server.token("asha", Role::Customer).await);
    let product = json!({"name": "Kurta", "description": "", "variants": [
        {"sku": "A", "price": {"amount": 49_900, "currency": "INR"}, "stock": 5},
    ]});
    assert_eq!(server.ask("POST", "/api/products", &admin, &product).await.0, 201);
    let order = json!({
        "items": [{"sku": "A", "quantity": 1}],
        "shippingAddress": {"fullName": "Asha", "line1": "1", "city": "Pune", "postalCode": "411001", "country": "IN"},
        "payment": {"method": "COD"},
        "idempotencyKey": "once",
    });
    // A client who leaves before her request was read has asked for nothing; so she comes again, a
    // little more patient each time, with the same key.
    for patience in [5, 10, 20, 40, 80, 160, 320] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&request("POST", "/api/orders", &asha, &order, "close")).await.unwrap();
        sleep(Duration::from_millis(patience)).await;
        drop(stream);
        if timeout(Duration::from_secs(2), server.placed(&asha)).await.is_ok() {
            break;
        }
    }
    let orders = timeout(Duration::from_secs(2), server.placed(&asha)).await.expect("the order is placed though its client left");
    assert_eq!(orders, 1);
    let (status, ready) = server.ask("GET", "/health/ready", "", &Value::Null).await;
    assert_eq!(status, 200, "{ready}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_is_kept_and_a_slow_head_is_not() {
    let server = Server::start().await;
    let mut kept = TcpStream::connect(server.address).await.unwrap();
    kept.write_all(&request("GET", "/health/live", "", &Value::Null, "keep-alive")).await.unwrap();
    let mut answer = [0u8; 4_096];
    assert!(kept.read(&mut answer).await.unwrap() > 0);

    let started = Instant::now();
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET /health/live HTTP/1.1\r\nhost: ").await.unwrap();
    let mut rest = Vec::new();
    let ended = timeout(Duration::from_secs(20), slow.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "a head that does not end is given up");
    assert!(started.elapsed() >= Duration::from_secs(9), "but not before its time: {:?}", started.elapsed());

    kept.write_all(&request("GET", "/health/live", "", &Value::Null, "keep-alive")).await.unwrap();
    assert!(kept.read(&mut answer).await.unwrap() > 0, "the idle connection still serves");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_keeps_a_connection_hears_that_the_server_stops() {
    let server = Server::start().await;
    let mut kept = TcpStream::connect(server.address).await.unwrap();
    let mut answer = [0u8; 4_096];
    kept.write_all(&request("GET", "/health/live", "", &Value::Null, "keep-alive")).await.unwrap();
    assert!(kept.read(&mut answer).await.unwrap() > 0);

    server.shutdown.stop();
    sleep(Duration::from_millis(50)).await;
    kept.write_all(&request("GET", "/health/live", "", &Value::Null, "keep-alive")).await.unwrap();
    let mut answer = String::new();
    kept.read_to_string(&mut answer).await.expect("the connection ends in peace");
    let answer = answer.to_lowercase();
    assert!(answer.starts_with("http/1.1 200") && answer.contains("connection: close"), "{answer}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_megabytes_are_refused_and_the_refusal_is_readable() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let megabytes = 10 * 1024 * 1024;
    let head = format!("POST /api/users HTTP/1.1\r\nhost: shop\r\nconnection: close\r\ncontent-length: {megabytes}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b'x'; megabytes]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("BODY_TOO_LARGE"), "{answer}");
    for smuggled in [
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        "GET / HTTP/1.1\r\nhost : a\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(smuggled.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(!answer.starts_with("HTTP/1.1 2") && !answer.starts_with("HTTP/1.1 5"), "{smuggled:?}: {answer}");
    }
    server.stop().await;
}
