//! Stripe as its API reference publishes it, over a local server that speaks its shapes: calls that go unanswered, promises,
//! refunds, and webhooks that come twice, late, out of order, or lie.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use commerce_adapters::payments::stripe::Stripe;
use commerce_core::catalog::{NewProduct, NewVariant};
use commerce_core::commerce::Policies;
use commerce_core::ids::Id;
use commerce_core::orders::{
    AddressChoice, Capture, Order, OrderPolicy, OrderStatus, PaymentGateway, PaymentMethod, PaymentStatus, PlaceOrder,
};
use commerce_core::testing::MemoryShop;
use commerce_core::text::Metadata;
use commerce_core::users::{RawAddress, Register};
use commerce_core::{Actor, Clock, Currency, Money, Timestamp};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SECRET: &str = "whsec_test";
const STAFF: Actor = Actor::System;

/// A local Stripe and its books.
#[derive(Default)]
struct Books {
    intents: BTreeMap<String, Value>,
    refunds: BTreeMap<String, Value>,
    /// Answers by idempotency key: the same key never does a thing twice.
    keyed: BTreeMap<String, (u16, Value)>,
    /// Every call as `METHOD path`.
    calls: Vec<String>,
    /// So many calls are carried out and go unanswered.
    mute: u32,
    /// Answers nothing but this.
    broken: Option<u16>,
    /// Finds that a key came with something else before.
    confused: bool,
}

type Shared = Arc<Mutex<Books>>;

fn books(shared: &Shared) -> std::sync::MutexGuard<'_, Books> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn provider() -> (String, Shared) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let shared = Shared::default();
    let kept = Arc::clone(&shared);
    tokio::spawn(async move {
        while let Ok((line, _)) = listener.accept().await {
            tokio::spawn(serve(line, Arc::clone(&kept)));
        }
    });
    (base, shared)
}

/// One call, then the line is closed.
async fn serve(mut line: TcpStream, shared: Shared) {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        let mut piece = [0; 4096];
        let Ok(read @ 1..) = line.read(&mut piece).await else { return };
        bytes.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = header(head, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        if body.len() >= length {
            break (head.to_owned(), body.to_owned());
        }
    };
    let mut words = head.split_whitespace();
    let (method, path) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
    let authorized = header(&head, "authorization").is_some_and(|text| text.starts_with("Basic "));
    let (status, answer, mute) = {
        let mut books = books(&shared);
        books.calls.push(format!("{method} {path}"));
        let (status, answer) = match books.broken {
            Some(status) => (status, json!({})),
            None if !authorized || header(&head, "stripe-version").is_none() => (401, json!({"error": {"code": "unauthorized"}})),
            None if books.confused => (400, json!({"error": {"type": "idempotency_error"}})),
            None => books.answer(&method, &path, header(&head, "idempotency-key").as_deref(), &form(&body)),
        };
        let mute = books.mute > 0;
        books.mute = books.mute.saturating_sub(1);
        (status, answer, mute)
    };
    if mute {
        return;
    }
    let text = answer.to_string();
    let head = format!(
        "HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    line.write_all(format!("{head}{text}").as_bytes()).await.ok();
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

fn form(body: &str) -> BTreeMap<String, String> {
    body.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (decoded(name), decoded(value))).collect()
}

impl Books {
    fn answer(&mut self, method: &str, path: &str, key: Option<&str>, form: &BTreeMap<String, String>) -> (u16, Value) {
        if let Some(known) = key.and_then(|key| self.keyed.get(key)) {
            return known.clone();
        }
        let answer = self.carry_out(method, path, form);
        if let Some(key) = key {
            self.keyed.insert(key.to_owned(), answer.clone());
        }
        answer
    }

    fn carry_out(&mut self, method: &str, path: &str, form: &BTreeMap<String, String>) -> (u16, Value) {
        let text = |name: &str| form.get(name).cloned().unwrap_or_default();
        let number = |name: &str| text(name).parse::<i64>().unwrap_or(0);
        let (plain, query) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<&str> = plain.trim_start_matches("/v1/").split('/').collect();
        match (method, parts.as_slice()) {
            ("POST", ["payment_intents"]) => {
                let id = format!("pi_{}", self.intents.len());
                let (amount, later) = (number("amount"), text("capture_method") == "manual");
                let (status, received) = match (text("payment_method").as_str(), later) {
                    ("pm_card_visa", false) => ("succeeded", amount),
                    ("pm_card_visa", true) => ("requires_capture", 0),
                    ("pm_card_declined", _) => ("requires_payment_method", 0),
                    _ => ("requires_action", 0),
                };
                let declined = status == "requires_payment_method";
                let failure = declined.then(|| json!({"code": "card_declined", "decline_code": "insufficient_funds"}));
                let action = (status == "requires_action")
                    .then(|| json!({"type": "redirect_to_url", "redirect_to_url": {"url": "https://bank.example/3ds"}}));
                let intent = json!({
                    "id": id, "object": "payment_intent", "amount": amount, "amount_received": received, "status": status,
                    "currency": text("currency"), "metadata": {"attempt": text("metadata[attempt]")},
                    "last_payment_error": failure, "next_action": action,
                });
                self.intents.insert(id, intent.clone());
                if declined {
                    (402, json!({"error": {"type": "card_error", "code": "card_declined", "payment_intent": intent}}))
                } else {
                    (200, intent)
                }
            }
            ("GET", ["payment_intents", "search"]) => {
                let wanted = decoded(query.split("query=").nth(1).unwrap_or_default());
                let found = |intent: &&Value| wanted.contains(intent["metadata"]["attempt"].as_str().unwrap());
                let data: Vec<Value> = self.intents.values().filter(found).cloned().collect();
                (200, json!({"object": "search_result", "data": data}))
            }
            ("GET", ["payment_intents", id]) => self.intents.get(*id).map_or((404, json!({})), |it| (200, it.clone())),
            ("POST", ["payment_intents", id, action]) => {
                let intent = self.intents.get_mut(*id).unwrap();
                let status = intent["status"].as_str().unwrap().to_owned();
                let fits = match *action {
                    "capture" => status == "requires_capture",
                    _ => !matches!(status.as_str(), "succeeded" | "canceled"),
                };
                if !fits {
                    return (400, json!({"error": {"code": "payment_intent_unexpected_state", "payment_intent": intent}}));
                }
                if *action == "capture" {
                    intent["status"] = json!("succeeded");
                    intent["amount_received"] = json!(number("amount_to_capture"));
                } else {
                    intent["status"] = json!("canceled");
                }
                (200, intent.clone())
            }
            ("POST", ["refunds"]) => {
                let id = format!("re_{}", self.refunds.len());
                let refund = json!({
                    "id": id, "object": "refund", "amount": number("amount"), "currency": "inr", "status": "succeeded",
                    "payment_intent": text("payment_intent"), "metadata": {"refund": text("metadata[refund]")},
                });
                self.refunds.insert(id, refund.clone());
                (200, refund)
            }
            ("GET", ["refunds"]) => {
                let of_it = |refund: &&Value| query.ends_with(refund["payment_intent"].as_str().unwrap());
                (200, json!({"object": "list", "data": self.refunds.values().filter(of_it).collect::<Vec<_>>()}))
            }
            _ => (404, json!({"error": {"code": "resource_missing"}})),
        }
    }

    fn called(&self, call: &str) -> usize {
        self.calls.iter().filter(|known| known.starts_with(call)).count()
    }
}

/// A shop with one product and a customer, whose cards go through the local Stripe.
struct Scene {
    shop: MemoryShop,
    asha: Actor,
    stripe: Shared,
}

impl Scene {
    async fn open(capture: Capture) -> Self {
        let (base, stripe) = provider().await;
        let gateway: Arc<dyn PaymentGateway> = Arc::new(Stripe::new(&base, "sk_test", SECRET, "http://127.0.0.1/back").unwrap());
        let orders = OrderPolicy { capture, ..OrderPolicy::default() };
        let shop = MemoryShop::with_gateways(1, Policies { orders, ..Policies::default() }, vec![gateway]);
        shop.catalog.house_seller().await.unwrap();
        let variant = NewVariant {
            sku: "CUP".to_owned(),
            price: Money::new(49_900, Currency::INR),
            compare_at: None,
            options: BTreeMap::new(),
            stock: 50,
            weight_grams: None,
            barcode: None,
            metadata: Metadata::new(),
        };
        let product = NewProduct {
            name: "Cup".to_owned(),
            description: String::new(),
            slug: None,
            category: None,
            seller: None,
            status: None,
            variants: vec![variant],
            metadata: Metadata::new(),
            images: Vec::new(),
        };
        shop.catalog.create_product(&STAFF, product, None).await.unwrap();
        let register = Register {
            email: "asha@example.com".to_owned(),
            password: "correct horse".to_owned(),
            full_name: "Asha Rao".to_owned(),
            phone: None,
            metadata: Metadata::new(),
        };
        let asha = shop.users.register(&Actor::Anonymous, register, None).await.unwrap().into_inner();
        Self { shop, asha: Actor::Customer(asha.id), stripe }
    }

    async fn buy(&self, token: &str) -> Order {
        let address = RawAddress {
            full_name: "Asha Rao".to_owned(),
            line1: "12 MG Road".to_owned(),
            line2: None,
            city: "Pune".to_owned(),
            state: None,
            postal_code: "411001".to_owned(),
            country: "IN".to_owned(),
            phone: None,
        };
        let wish = PlaceOrder {
            items: Some(vec![("CUP".to_owned(), 1)]),
            coupon_code: None,
            address: AddressChoice::Given(Box::new(address)),
            shipping_option: None,
            payment: Some((PaymentMethod::Card, Some(token.to_owned()))),
            expected_total: None,
            metadata: Metadata::new(),
        };
        self.shop.orders.place(&self.asha, wish, None).await.unwrap().into_inner()
    }

    async fn order(&self, order: &Order) -> Order {
        self.shop.orders.order(&STAFF, order.id).await.unwrap()
    }

    async fn later(&self) {
        self.shop.wait(Duration::from_mins(1));
        self.shop.settle().await.unwrap();
    }

    /// The intent of an order's last attempt as Stripe has it.
    fn intent(&self, order: &Order) -> Value {
        let attempt = order.payment.attempts.last().unwrap().id.to_string();
        books(&self.stripe).intents.values().find(|it| it["metadata"]["attempt"] == attempt.as_str()).cloned().unwrap()
    }

    async fn hear(&self, id: &str, kind: &str, object: Value) -> Result<(), commerce_core::Error> {
        let body = json!({"id": id, "object": "event", "type": kind, "data": {"object": object}}).to_string();
        let signature = sign(body.as_bytes(), self.shop.clock.now());
        self.shop.orders.webhook("stripe", Some(&signature), body.as_bytes()).await
    }
}

fn sign(body: &[u8], at: Timestamp) -> String {
    let seconds = at.as_micros() / 1_000_000;
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn a_card_is_charged_declined_and_refunded() {
    let scene = Scene::open(Capture::Automatic).await;
    let paid = scene.buy("pm_card_visa").await;
    assert_eq!((paid.status, paid.payment.status()), (OrderStatus::Confirmed, PaymentStatus::Captured));
    assert_eq!(scene.intent(&paid)["amount_received"], 49_900);
    let declined = scene.buy("pm_card_declined").await;
    assert_eq!((declined.status, declined.payment.status()), (OrderStatus::Pending, PaymentStatus::Failed));
    assert_eq!(declined.payment.attempts[0].failure_code.as_deref(), Some("insufficient_funds"));
    let waits = scene.buy("pm_card_3ds").await;
    assert_eq!(waits.payment.attempts[0].next_action.as_ref().unwrap().url, "https://bank.example/3ds");
    scene.shop.orders.cancel(&scene.asha, paid.id, None, None, None).await.unwrap();
    books(&scene.stripe).mute = 1;
    scene.later().await;
    scene.later().await;
    let back = scene.order(&paid).await.payment;
    assert_eq!(
        (back.status(), books(&scene.stripe).refunds.len()),
        (PaymentStatus::Refunded, 1),
        "an answer was lost, and no money"
    );
}

#[tokio::test]
async fn a_charge_without_an_answer_is_found_and_never_made_twice() {
    let scene = Scene::open(Capture::Automatic).await;
    books(&scene.stripe).mute = 1;
    let order = scene.buy("pm_card_visa").await;
    assert_eq!(order.payment.status(), PaymentStatus::Unknown);
    scene.later().await;
    assert_eq!(scene.order(&order).await.status, OrderStatus::Confirmed);
    let books = books(&scene.stripe);
    assert_eq!((books.intents.len(), books.called("POST /v1/payment_intents")), (1, 1));
}

#[tokio::test]
async fn a_promise_is_taken_in_part_or_given_back() {
    let scene = Scene::open(Capture::Manual).await;
    let order = scene.buy("pm_card_visa").await;
    assert_eq!((order.status, order.payment.status()), (OrderStatus::Confirmed, PaymentStatus::Authorized));
    let part = Some(Money::new(20_000, Currency::INR));
    let payment = order.payment.id.uuid();
    books(&scene.stripe).mute = 1;
    scene.shop.orders.capture_payment(&STAFF, order.id, payment, part, None, None).await.unwrap();
    scene.later().await;
    assert_eq!(scene.order(&order).await.payment.captured.minor, 20_000);
    assert_eq!(scene.intent(&order)["amount_received"], 20_000);
    let other = scene.buy("pm_card_visa").await;
    scene.shop.orders.cancel(&scene.asha, other.id, None, None, None).await.unwrap();
    scene.later().await;
    assert_eq!(
        (scene.order(&other).await.payment.status(), &scene.intent(&other)["status"]),
        (PaymentStatus::Voided, &json!("canceled"))
    );
}

#[tokio::test]
async fn messages_come_twice_late_and_in_any_order() {
    let scene = Scene::open(Capture::Automatic).await;
    let order = scene.buy("pm_card_3ds").await;
    let mut intent = scene.intent(&order);
    let pending = intent.clone();
    intent["status"] = json!("succeeded");
    intent["amount_received"] = json!(49_900);
    let mut failed = pending.clone();
    failed["status"] = json!("requires_payment_method");
    for _ in 0..3 {
        scene.hear("evt_paid", "payment_intent.succeeded", intent.clone()).await.unwrap();
    }
    assert_eq!(scene.order(&order).await.payment.captured.minor, 49_900);
    scene.hear("evt_created", "payment_intent.created", pending.clone()).await.unwrap();
    scene.hear("evt_failed", "payment_intent.payment_failed", failed).await.unwrap();
    scene.hear("evt_acts", "payment_intent.requires_action", pending).await.unwrap();
    scene.hear("evt_other", "customer.created", json!({"id": "cus_1"})).await.unwrap();
    let late = scene.order(&order).await;
    assert_eq!(
        (late.status, late.payment.status(), late.payment.refunds.len()),
        (OrderStatus::Confirmed, PaymentStatus::Captured, 0)
    );
}

#[tokio::test]
async fn a_message_before_our_own_answer_waits_for_it() {
    let scene = Scene::open(Capture::Automatic).await;
    books(&scene.stripe).mute = 1;
    let order = scene.buy("pm_card_visa").await;
    scene.hear("evt_early", "payment_intent.succeeded", scene.intent(&order)).await.unwrap();
    assert_eq!(scene.order(&order).await.status, OrderStatus::Pending, "nobody knows that name yet");
    scene.later().await;
    scene.later().await;
    let paid = scene.order(&order).await;
    assert_eq!((paid.status, paid.payment.captured.minor), (OrderStatus::Confirmed, 49_900));
}

#[tokio::test]
async fn messages_that_lie_confirm_nothing() {
    let scene = Scene::open(Capture::Automatic).await;
    let order = scene.buy("pm_card_3ds").await;
    for (name, amount, currency) in [("less", 1, "inr"), ("more", 49_901, "inr"), ("other", 49_900, "usd")] {
        let mut lie = scene.intent(&order);
        lie["status"] = json!("succeeded");
        lie["amount_received"] = json!(amount);
        lie["currency"] = json!(currency);
        scene.hear(name, "payment_intent.succeeded", lie).await.unwrap();
    }
    assert_eq!(scene.order(&order).await.status, OrderStatus::Pending);
    let body = json!({"id": "evt", "type": "payment_intent.succeeded", "data": {"object": scene.intent(&order)}}).to_string();
    let now = scene.shop.clock.now();
    let signature = sign(body.as_bytes(), now);
    let old = sign(body.as_bytes(), now.minus(Duration::from_secs(301)));
    let spaced = body.replace(':', ": ");
    for (signature, body) in
        [(None, &body), (Some("t=1,v1=00"), &body), (Some(old.as_str()), &body), (Some(signature.as_str()), &spaced)]
    {
        let refused = scene.shop.orders.webhook("stripe", signature, body.as_bytes()).await.unwrap_err();
        assert_eq!(refused.code(), "BAD_SIGNATURE");
    }
    let two = format!("{signature},v1=00");
    scene.shop.orders.webhook("stripe", Some(&two), body.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_refusal_that_is_not_about_the_payment_declines_nothing() {
    let scene = Scene::open(Capture::Automatic).await;
    books(&scene.stripe).confused = true;
    let order = scene.buy("pm_card_visa").await;
    assert_eq!(order.payment.status(), PaymentStatus::Unknown);
    books(&scene.stripe).confused = false;
    scene.later().await;
    assert_eq!(scene.order(&order).await.status, OrderStatus::Confirmed);
}

#[tokio::test]
async fn a_provider_that_is_down_is_left_alone_and_the_orders_wait() {
    let scene = Scene::open(Capture::Automatic).await;
    books(&scene.stripe).broken = Some(503);
    let mut orders = Vec::new();
    for _ in 0..8 {
        orders.push(scene.buy("pm_card_visa").await);
    }
    assert!(orders.iter().all(|order| order.status == OrderStatus::Pending));
    assert_eq!(books(&scene.stripe).calls.len(), 5, "after five failures nobody calls");
}
