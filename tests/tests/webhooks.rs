//! Outgoing webhooks: another system is told over a real wire, in whatever shape the shop runs.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use commerce_tests::{Client, Options, Server, eventually, shared};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

/// A request that came: its headers and its body.
type Request = (BTreeMap<String, String>, String);

/// Another system: answers each request with the next of these statuses, the last one for ever.
struct Receiver {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    async fn answering(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks?of=shop", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let kept = Arc::clone(&requests);
        tokio::spawn(async move {
            let mut number = 0;
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = Vec::new();
                let request = loop {
                    let mut piece = [0; 8_192];
                    let read = stream.read(&mut piece).await.unwrap_or(0);
                    bytes.extend_from_slice(&piece[..read]);
                    match whole(&bytes) {
                        Some(request) => break Some(request),
                        None if read == 0 => break None,
                        None => {}
                    }
                };
                let Some(request) = request else { continue };
                let status = statuses.get(number).or(statuses.last()).copied().unwrap_or(204);
                number += 1;
                kept.lock().await.push(request);
                let answer = format!("HTTP/1.1 {status} So\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.ok();
            }
        });
        Self { url, requests }
    }

    async fn requests(&self) -> Vec<Request> {
        self.requests.lock().await.clone()
    }
}

fn whole(bytes: &[u8]) -> Option<Request> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers: BTreeMap<String, String> = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let length: usize = headers.get("content-length")?.parse().ok()?;
    (body.len() >= length).then(|| (headers, body.to_owned()))
}

/// Whether one of the signatures is that of this secret.
fn is_signed(secret: &str, (headers, body): &Request) -> bool {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{}.{}.{body}", headers["webhook-id"], headers["webhook-timestamp"]).as_bytes());
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    headers["webhook-signature"].split(' ').any(|signature| signature == expected)
}

fn open_to_home() -> Server {
    let env = vec![("COMMERCE_EVENTS__WEBHOOKS_TO_PRIVATE_NETWORKS", "true".to_owned())];
    Server::start_with(Options { env, ..Options::default() })
}

async fn deliveries(admin: &Client, endpoint: &str) -> Vec<Value> {
    admin.read(&format!("{endpoint}/deliveries")).await["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn another_system_is_told_signed_again_and_no_more() {
    let shop = open_to_home();
    let (admin, customer) = (shop.admin().await, shop.customer().await);
    let receiver = Receiver::answering(&[500, 204]).await;
    let body = json!({"url": receiver.url, "events": ["ORDER_CREATED", "ORDER_CONFIRMED"]});
    let answer = admin.post("/api/webhook-endpoints", &body).key("hooks").send().await;
    let made = answer.expect(201);
    let one = answer.header("location").to_owned();
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert_eq!((made["status"].as_str(), &made["events"]), (Some("ACTIVE"), &body["events"]));
    let replay = admin.post("/api/webhook-endpoints", &body).key("hooks").send().await.expect(200);
    assert_eq!((&replay["id"], replay.get("secret")), (&made["id"], None), "the secret is shown once");
    assert_eq!(admin.read(&one).await.get("secret"), None);

    let cup = admin.product(500, 9).await;
    let order = customer.order(&[(&cup.sku, 1)]).await;
    eventually("both calls", async || receiver.requests().await, |requests| requests.len() >= 2).await;
    let requests = receiver.requests().await;
    assert!(requests.iter().all(|request| is_signed(&secret, request)), "{requests:?}");
    assert!(requests.iter().all(|(_, body)| body.contains(&order.number)), "{requests:?}");
    let kinds = || requests.iter().map(|(_, body)| serde_json::from_str::<Value>(body).unwrap()["type"].clone());
    assert!(kinds().all(|kind| body["events"].as_array().unwrap().contains(&kind)), "{requests:?}");

    // The one that was refused waits for its next try, and is made at once when staff says so.
    let all = async || deliveries(&admin, &one).await;
    eventually("what became of them", all, |all| {
        all.iter().any(|it| it["responseStatus"] == 500) && all.iter().any(|it| it["status"] == "DELIVERED")
    })
    .await;
    let failed = all().await.into_iter().find(|it| it["status"] == "PENDING").unwrap();
    assert_eq!((&failed["tries"], failed["nextTryAt"].is_string()), (&json!(1), true), "{failed}");
    let again = format!("{one}/deliveries/{}/resend", failed["id"].as_str().unwrap());
    admin.post(&again, &json!({})).send().await.expect(200);
    eventually("the second try", all, |all| all.iter().all(|it| it["status"] == "DELIVERED")).await;
    let requests = receiver.requests().await;
    assert_eq!(requests.len(), 3);
    assert_eq!(requests.iter().filter(|(headers, _)| headers["webhook-id"] == failed["eventId"]).count(), 2, "under one id");

    // A changed secret and the one before it are both signed with.
    let changed = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let body = json!({"url": receiver.url, "events": ["*"], "secret": changed});
    admin.put(&one, &body).send().await.expect(200);
    customer.order(&[(&cup.sku, 1)]).await;
    eventually(
        "calls under both",
        async || receiver.requests().await,
        |requests| requests.iter().any(|request| is_signed(changed, request) && is_signed(&secret, request)),
    )
    .await;

    assert_eq!(admin.delete(&one).send().await.status, 204);
    assert_eq!(admin.delete(&one).send().await.status, 404);
    admin.get(&format!("{one}/deliveries")).send().await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_told_no_more_until_it_is_changed() {
    let shop = open_to_home();
    let admin = shop.admin().await;
    let receiver = Receiver::answering(&[410, 204]).await;
    let body = json!({"url": receiver.url, "events": ["PRODUCT_UPDATED"]});
    let answer = admin.post("/api/webhook-endpoints", &body).send().await;
    answer.expect(201);
    let one = answer.header("location").to_owned();
    admin.product(500, 9).await;
    eventually("it is disabled", async || admin.read(&one).await, |shown| shown["status"] == "DISABLED").await;
    let failed = deliveries(&admin, &one).await.remove(0);
    let again = format!("{one}/deliveries/{}/resend", failed["id"].as_str().unwrap());
    admin.post(&again, &json!({})).send().await.problem(409, "ILLEGAL_TRANSITION");
    assert_eq!(admin.put(&one, &body).send().await.expect(200)["status"], "ACTIVE");
    admin.post(&again, &json!({})).send().await.expect(200);
    eventually("it is told again", async || receiver.requests().await, |requests| requests.len() == 2).await;
}

#[tokio::test]
async fn no_webhook_leads_home_and_none_is_anybody_elses() {
    let shop = shared();
    let (admin, customer) = (shop.admin().await, shop.customer().await);
    let all = "/api/webhook-endpoints";
    let body = |url: &str| json!({"url": url, "events": ["*"]});
    shop.anyone().get(all).send().await.problem(401, "UNAUTHENTICATED");
    customer.get(all).send().await.problem(403, "FORBIDDEN");
    customer.post(all, &body("https://hooks.example/")).send().await.problem(403, "FORBIDDEN");
    for url in [
        "http://127.0.0.1:8080/",
        "http://localhost/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://0x7f.1/",
        "http://10.1.2.3/",
        "file:///etc/passwd",
        "gopher://hooks.example/",
        "https://me:word@hooks.example/",
        "nonsense",
    ] {
        let refused = admin.post(all, &body(url)).send().await.problem(422, "INVALID");
        assert!(refused.to_string().contains("url"), "{url}: {refused}");
    }
    for (bad, status) in [
        (json!({"url": "https://hooks.example/", "events": []}), 422),
        (json!({"url": "https://hooks.example/", "events": ["ORDER_EATEN"]}), 422),
        (json!({"url": "https://hooks.example/", "events": "*"}), 400),
        (json!({"url": "https://hooks.example/", "events": ["*"], "secret": "x"}), 422),
        (json!({"url": "https://hooks.example/", "events": ["*"], "status": "ACTIVE"}), 400),
        (json!({"events": ["*"]}), 400),
    ] {
        assert_eq!(admin.post(all, &bad).send().await.status, status, "{bad}");
    }
    let made = admin.post(all, &body("https://hooks.invalid/")).send().await.expect(201);
    assert!(admin.read(all).await["items"].as_array().unwrap().iter().any(|it| it["id"] == made["id"]));
    let one = format!("{all}/{}", made["id"].as_str().unwrap());
    customer.get(&one).send().await.problem(403, "FORBIDDEN");
    customer.get(&format!("{one}/deliveries")).send().await.problem(403, "FORBIDDEN");
    assert_eq!(admin.delete(&one).send().await.status, 204);
    admin.get(&one).send().await.problem(404, "NOT_FOUND");
}
