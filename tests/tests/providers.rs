//! A payment provider over a real wire: Razorpay, played by a server on this machine.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::sync::{Arc, Mutex, PoisonError};

use commerce_tests::{Answer, Client, Options, Order, Server, cod, eventually, unique};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const SECRET: &str = "the hook's secret";

/// Keeps orders, and knows them by their receipts.
#[derive(Clone, Default)]
struct Razorpay(Arc<Mutex<Vec<Value>>>);

impl Razorpay {
    async fn open() -> (String, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        let razorpay = Self::default();
        let kept = razorpay.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = Vec::new();
                while whole(&bytes).is_none() {
                    let mut piece = [0; 8_192];
                    match stream.read(&mut piece).await {
                        Ok(read @ 1..) => bytes.extend_from_slice(&piece[..read]),
                        _ => break,
                    }
                }
                let Some((head, body)) = whole(&bytes) else { continue };
                let body = kept.answer(&head, &body).to_string();
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
                let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                stream.write_all(answer.as_bytes()).await.ok();
            }
        });
        (at, razorpay)
    }

    fn answer(&self, head: &str, body: &str) -> Value {
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if head.starts_with("POST /v1/orders ") {
            let wish: Value = serde_json::from_str(body).unwrap();
            let order = json!({
                "id": format!("order_{}", unique("T").replace('-', "")), "amount": wish["amount"], "currency": wish["currency"],
                "receipt": wish["receipt"], "notes": wish["notes"], "status": "created", "attempts": 0, "created_at": 1,
                "payments": {"entity": "collection", "count": 0, "items": []},
            });
            orders.push(order.clone());
            return order;
        }
        let asked = |order: &&Value| head.contains(order["receipt"].as_str().unwrap());
        let items: Vec<&Value> = orders.iter().filter(asked).collect();
        json!({"entity": "collection", "count": items.len(), "items": items})
    }
}

fn whole(bytes: &[u8]) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
    (body.len() >= length.unwrap_or(0)).then(|| (head.to_owned(), body.to_owned()))
}

fn shop(at: &str) -> Server {
    let env = vec![
        ("COMMERCE_PAYMENTS__RAZORPAY__API_URL", at.to_owned()),
        ("COMMERCE_PAYMENTS__RAZORPAY__KEY_ID", "rzp_test_key".to_owned()),
        ("COMMERCE_PAYMENTS__RAZORPAY__KEY_SECRET", "word".to_owned()),
        ("COMMERCE_PAYMENTS__RAZORPAY__WEBHOOK_SECRET", SECRET.to_owned()),
    ];
    Server::start_with(Options { env, ..Options::default() })
}

async fn say(client: &Client, body: &Value, secret: &str) -> Answer {
    let bytes = body.to_string().into_bytes();
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(&bytes);
    let signature = hex::encode(mac.finalize().into_bytes());
    let call = client.post_bytes("/api/payments/webhooks/razorpay", bytes).header("x-razorpay-signature", &signature);
    call.header("x-razorpay-event-id", &unique("evt")).send().await
}

#[tokio::test]
async fn an_order_is_paid_in_razorpays_checkout() {
    let (at, _razorpay) = Razorpay::open().await;
    let shop = shop(&at);
    let cup = shop.admin().await.product(1_000, 50).await;
    let buyer = shop.customer().await;
    let mut body = cod(&[(cup.sku.as_str(), 1)]);
    body["payment"] = json!({"method": "UPI"});
    let order = Order::of(&buyer.post("/api/orders", &body).send().await, 201);
    let named = order.body["payment"]["providerReference"].as_str().unwrap().to_owned();
    let next = order.body["payment"]["nextAction"]["url"].as_str().unwrap().to_owned();
    assert!(next.ends_with(&format!("/pay/razorpay?order={named}")), "{next}");

    let page = buyer.get("/pay/razorpay").send().await;
    assert!(page.text().contains("rzp_test_key") && !page.text().contains("word\""), "{}", page.text());
    assert!(page.header("content-security-policy").contains(&format!("form-action 'self' {at}")));
    let back = buyer.post_bytes("/pay/razorpay", "razorpay_payment_id=pay_1").send().await;
    assert_eq!((back.status, back.header("location")), (303, "/orders"), "the browser brings nothing that counts");

    let payment = json!({
        "id": "pay_1", "amount": order.body["total"]["amount"], "currency": "INR", "status": "captured", "captured": true,
        "order_id": named,
    });
    let word = json!({"event": "payment.captured", "payload": {"payment": {"entity": payment}}});
    let provider = shop.anyone();
    say(&provider, &word, "another secret").await.problem(401, "BAD_SIGNATURE");
    provider.post("/api/payments/webhooks/razorpay", &word).send().await.problem(401, "BAD_SIGNATURE");
    assert_eq!(buyer.read(&format!("/api/orders/{}", order.id)).await["status"], "PENDING");
    for _ in 0..3 {
        say(&provider, &word, SECRET).await.expect(200);
    }
    let paid = buyer.read(&format!("/api/orders/{}", order.id)).await;
    assert_eq!((&paid["status"], &paid["payment"]["captured"]), (&json!("CONFIRMED"), &paid["total"]));
}

#[tokio::test]
async fn while_the_provider_is_away_orders_wait_and_cash_sells() {
    let shop = shop("http://127.0.0.1:1");
    let cup = shop.admin().await.product(1_000, 50).await;
    let buyer = shop.customer().await;
    let mut body = cod(&[(cup.sku.as_str(), 1)]);
    body["payment"] = json!({"method": "NET_BANKING"});
    for _ in 0..6 {
        let order = Order::of(&buyer.post("/api/orders", &body).send().await, 201);
        assert_eq!(order.body["status"], "PENDING", "{}", order.body);
    }
    assert_eq!(buyer.order(&[(cup.sku.as_str(), 1)]).await.body["status"], "CONFIRMED");
    eventually("stock", async || shop.admin().await.stock(&cup.sku).await, |stock| *stock == (49, 6, 43)).await;
}
