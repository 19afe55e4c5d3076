//! What the tests put into a shop and buy from it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::client::{Answer, Client};

/// A word nobody has used before in this process's shops.
pub fn unique(word: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{word}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// An amount of rupees in paise.
pub fn inr(minor: i64) -> Value {
    json!({"amount": minor, "currency": "INR"})
}

/// An address in Pune.
pub fn address() -> Value {
    json!({"fullName": "Grace Hopper", "line1": "12 MG Road", "city": "Pune", "postalCode": "411001", "country": "IN"})
}

/// The body of an order to [`address`], paid on delivery.
pub fn cod(lines: &[(&str, i64)]) -> Value {
    let items: Vec<Value> = lines.iter().map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity})).collect();
    json!({"items": items, "shippingAddress": address(), "payment": {"method": "COD"}})
}

/// A product with one variant.
#[derive(Clone, Debug)]
pub struct Product {
    /// Its id.
    pub id: String,
    /// The SKU of its variant.
    pub sku: String,
    /// As it was answered.
    pub body: Value,
}

/// An order that was answered.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its id.
    pub id: String,
    /// Its number for people.
    pub number: String,
    /// As it was answered.
    pub body: Value,
}

impl Order {
    /// Out of an answer of this status.
    pub fn of(answer: &Answer, status: u16) -> Self {
        let body = answer.expect(status);
        let text = |member: &str| body[member].as_str().unwrap_or_else(|| panic!("no {member}: {body}")).to_owned();
        Self { id: text("id"), number: text("number"), body }
    }
}

impl Client {
    /// Puts a product with one variant on sale.
    pub async fn product(&self, minor: i64, stock: i64) -> Product {
        let sku = unique("SKU");
        let variant = json!({"sku": sku, "price": inr(minor), "stock": stock});
        let body = json!({"name": format!("Product {sku}"), "description": "A fine thing", "variants": [variant]});
        let body = self.post("/api/products", &body).send().await.expect(201);
        let id = body["id"].as_str().expect("a product has an id").to_owned();
        Product { id, sku, body }
    }

    /// Orders for cash on delivery; must succeed.
    pub async fn order(&self, lines: &[(&str, i64)]) -> Order {
        Order::of(&self.post("/api/orders", &cod(lines)).send().await, 201)
    }

    /// Orders one line with this payment token; must be taken.
    pub async fn order_paid(&self, sku: &str, token: &str) -> Order {
        let mut body = cod(&[(sku, 1)]);
        body["payment"] = json!({"method": "CARD", "token": token});
        Order::of(&self.post("/api/orders", &body).send().await, 201)
    }

    /// The stock of a SKU: on hand, reserved, available.
    pub async fn stock(&self, sku: &str) -> (i64, i64, i64) {
        let stock = self.read(&format!("/api/inventory/{sku}")).await;
        let number = |member: &str| stock[member].as_i64().unwrap_or_else(|| panic!("no {member}: {stock}"));
        (number("onHand"), number("reserved"), number("available"))
    }

    /// The statuses of an order's timeline.
    pub async fn statuses(&self, order: &str) -> Vec<String> {
        let timeline = self.read(&format!("/api/orders/{order}/timeline")).await;
        let items = timeline["items"].as_array().unwrap_or_else(|| panic!("no items: {timeline}"));
        items.iter().filter_map(|item| item["status"].as_str().map(str::to_owned)).collect()
    }
}

/// The `X-Signature` of a sandbox webhook sent `seconds_ago`.
///
/// # Panics
/// Before 1970.
#[expect(clippy::disallowed_methods, reason = "the shop under test judges the age by the real clock")]
pub fn sign_webhook(secret: &str, body: &[u8], seconds_ago: u64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is after 1970").as_secs();
    let at = now.saturating_sub(seconds_ago);
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes()))
}
