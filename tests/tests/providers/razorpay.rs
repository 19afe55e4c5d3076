//! Razorpay.

use std::sync::{Arc, Mutex, PoisonError};

use commerce_tests::{Answer, Client, Options, Order, Server, cod, eventually, unique};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{an_hour_before, play, reconcile};

const SECRET: &str = "the hook's secret";

/// Keeps orders, and knows them by their receipts. Lists all it has.
#[derive(Clone, Default)]
struct Razorpay(Arc<Mutex<Vec<Value>>>);

impl Razorpay {
    async fn open() -> (String, Self) {
        let razorpay = Self::default();
        let kept = razorpay.clone();
        (play(move |head, body| kept.answer(head, body)).await, razorpay)
    }

    fn answer(&self, head: &str, body: &str) -> Value {
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if head.starts_with("POST /v1/orders ") {
            let wish: Value = serde_json::from_str(body).unwrap();
            let order = made(&wish);
            orders.push(order.clone());
            return order;
        }
        // Of its ledger, which names a span: one page of orders, and no refund.
        let listed = head.contains("from=");
        let first = head.starts_with("GET /v1/orders?") && head.contains("skip=0&");
        let asked = |order: &&Value| if listed { first } else { head.contains(order["receipt"].as_str().unwrap()) };
        let items: Vec<&Value> = orders.iter().filter(asked).collect();
        json!({"entity": "collection", "count": items.len(), "items": items})
    }

    /// A customer pays what an order asks for: the payment, as Razorpay tells of it.
    fn pay(&self, named: &str) -> Value {
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let order = orders.iter_mut().find(|order| order["id"] == named).unwrap();
        let payment = json!({
            "id": named.replace("order_", "pay_"), "amount": order["amount"], "currency": order["currency"], "status": "captured",
            "captured": true, "order_id": named,
        });
        (order["status"], order["amount_paid"]) = (json!("paid"), order["amount"].clone());
        order["payments"] = json!({"entity": "collection", "count": 1, "items": [payment]});
        payment
    }

    /// Money is taken under a key like the shop's, which no order of it has: how Razorpay's order is called.
    fn take(&self, amount: i64) -> String {
        let receipt = {
            let orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            an_hour_before(orders[0]["receipt"].as_str().unwrap())
        };
        let order = made(&json!({"amount": amount, "currency": "INR", "receipt": receipt, "notes": []}));
        let named = order["id"].as_str().unwrap().to_owned();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(order);
        self.pay(&named);
        named
    }

    /// An order is gone, with what was paid for it.
    fn forget(&self, named: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|order| order["id"] != named);
    }
}

fn made(wish: &Value) -> Value {
    json!({
        "id": format!("order_{}", unique("T").replace('-', "")), "amount": wish["amount"], "currency": wish["currency"],
        "receipt": wish["receipt"], "notes": wish["notes"], "status": "created", "attempts": 0, "created_at": 1,
        "payments": {"entity": "collection", "count": 0, "items": []},
    })
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
    let (at, razorpay) = Razorpay::open().await;
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
    let word = |payment: Value| json!({"event": "payment.captured", "payload": {"payment": {"entity": payment}}});
    let provider = shop.anyone();
    say(&provider, &word(payment), SECRET).await.expect(200);
    assert_eq!(buyer.read(&format!("/api/orders/{}", order.id)).await["status"], "PENDING", "Razorpay itself knows of nothing");
    let word = word(razorpay.pay(&named));
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

/// Where the operator asks, Razorpay's own books are read: what it took that nobody asked for, and what the shop says was paid and
/// Razorpay has not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_holds_payments_against_razorpays_books() {
    let (at, razorpay) = Razorpay::open().await;
    let shop = shop(&at);
    let cup = shop.admin().await.product(1_000, 50).await;
    let (buyer, provider) = (shop.customer().await, shop.anyone());
    let mut body = cod(&[(cup.sku.as_str(), 1)]);
    body["payment"] = json!({"method": "UPI"});
    let mut sold = Vec::new();
    for _ in 0..2 {
        let order = Order::of(&buyer.post("/api/orders", &body).send().await, 201);
        let named = order.body["payment"]["providerReference"].as_str().unwrap().to_owned();
        let word = json!({"event": "payment.captured", "payload": {"payment": {"entity": razorpay.pay(&named)}}});
        say(&provider, &word, SECRET).await.expect(200);
        assert_eq!(buyer.read(&format!("/api/orders/{}", order.id)).await["status"], "CONFIRMED");
        sold.push((order.number, named));
    }
    assert_eq!(reconcile(&shop), (vec![], json!(2)), "it fits");

    let nobodys = razorpay.take(70_000);
    let (number, named) = &sold[0];
    razorpay.forget(named);
    let expected = vec![json!(["BOOKED_NOT_PAID", number, named]), json!(["PAID_WITHOUT_ORDER", null, nobodys])];
    assert_eq!(reconcile(&shop).0, expected);
}
