//! Calls of endpoints over a real wire: what is sent, what is read, and where no call goes.
#![cfg(feature = "webhooks")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use commerce_adapters::webhooks::{HttpCaller, signature};
use commerce_core::ids::{EventId, Id};
use commerce_core::notifications::{WebhookCall, WebhookCaller, WebhookSecret};
use commerce_core::{Timestamp, error::StoreErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use uuid::Uuid;

/// A server that answers every request with the same bytes and keeps what it was sent.
struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn answering(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                let mut piece = [0; 4_096];
                // All of it comes in one or two pieces; the body ends with the closing brace of its data.
                while !request.ends_with(b"}}") {
                    match stream.read(&mut piece).await {
                        Ok(0) | Err(_) => break,
                        Ok(read) => request.extend_from_slice(&piece[..read]),
                    }
                }
                kept.lock().await.push(String::from_utf8_lossy(&request).into_owned());
                stream.write_all(&answer).await.ok();
            }
        });
        Self { address, requests }
    }

    fn url(&self) -> String {
        format!("http://{}/in", self.address)
    }

    async fn requests(&self) -> Vec<String> {
        self.requests.lock().await.clone()
    }
}

fn call(url: &str) -> WebhookCall {
    WebhookCall {
        url: url.to_owned(),
        message: EventId::from_uuid(Uuid::from_u128(7)),
        at: Timestamp::from_micros(1_772_366_400_900_000),
        body: r#"{"type":"ORDER_CREATED","data":{}}"#.to_owned(),
        secrets: vec![WebhookSecret::of([1; 32]), WebhookSecret::of([2; 32])],
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
    }
}

#[tokio::test]
async fn a_call_bears_the_headers_of_the_standard() {
    let server = Server::answering(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec()).await;
    let call = call(&server.url());
    assert_eq!(HttpCaller::new(true).call(&call).await.unwrap(), 202);
    let request = server.requests().await.remove(0);
    assert!(request.starts_with("POST /in HTTP/1.1\r\n"), "{request}");
    let signed =
        |byte| signature::sign(&WebhookSecret::of([byte; 32]), &call.message.to_string(), 1_772_366_400, call.body.as_bytes());
    for header in [
        format!("webhook-id: {}", call.message),
        "webhook-timestamp: 1772366400".to_owned(),
        format!("webhook-signature: {} {}", signed(1), signed(2)),
        "content-type: application/json".to_owned(),
        format!("traceparent: {}", call.traceparent.as_deref().unwrap()),
    ] {
        assert!(request.contains(&format!("{header}\r\n")), "{header} is not in {request}");
    }
    assert!(request.ends_with(&call.body));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let target = Server::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let redirect = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", target.url());
    let server = Server::answering(redirect.into_bytes()).await;
    assert_eq!(HttpCaller::new(true).call(&call(&server.url())).await.unwrap(), 307);
    assert_eq!(target.requests().await, Vec::<String>::new());
}

/// An answer of any size is not read: its status is enough.
#[tokio::test]
async fn a_huge_answer_costs_nothing() {
    let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\n".to_vec();
    answer.resize(answer.len() + 100_000, b'x');
    let server = Server::answering(answer).await;
    let answered = tokio::time::timeout(Duration::from_secs(5), HttpCaller::new(true).call(&call(&server.url()))).await;
    assert_eq!(answered.expect("it does not wait for the rest").unwrap(), 200);
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refused = HttpCaller::new(true).call(&call(&format!("http://{free}/"))).await.unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::Unavailable);
}

#[tokio::test]
async fn no_call_goes_to_a_network_of_ours() {
    let server = Server::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let (caller, port) = (HttpCaller::new(false), server.address.port());
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.1.1",
        "0.0.0.0",
        "localhost",
        "localhost.",
        "shop.localhost",
        "metadata.google.internal",
        "[fd00::1]",
        "[64:ff9b::7f00:1]",
    ] {
        let url = format!("http://{host}:{port}/in");
        assert!(caller.accepts(&url).is_err(), "{url}");
        assert!(caller.call(&call(&url)).await.is_err(), "{url}");
    }
    for url in [
        "file:///etc/passwd",
        "ftp://hooks.example/",
        "https://me:word@hooks.example/",
        "//hooks.example",
        "hooks",
        "https://x/#y",
    ] {
        assert!(caller.accepts(url).is_err(), "{url}");
        assert!(HttpCaller::new(true).accepts(url).is_err(), "{url}");
    }
    for url in ["https://hooks.example/in?x=1", "http://hooks.example:8080/", "https://[2606:4700::1111]/"] {
        assert_eq!(caller.accepts(url), Ok(()), "{url}");
    }
    assert_eq!(server.requests().await, Vec::<String>::new());
}
