//! Who may what: every route of the document, asked by seven kinds of caller, each with the status that it must get.
//!
//! Callers ask in the order of the columns, those without a right first, of one scene that stays as it is meanwhile; what ends
//! things stands at the end of the table. To a stranger a thing does not exist (404); who sees it and may not do it is told so
//! (403); what nobody signed in may do at all is 401. A route that is not in the table fails the test.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use commerce_tests::{Client, Order, Server, address, cod, eventually, shared, unique};
use reqwest::Method;
use serde_json::{Value, json};

/// Who asks: nobody; a guest, who holds the token of her cart and the link of her own order; a customer and a seller to whom
/// nothing belongs that is asked about; the customer and the seller to whom it does; the staff.
const CALLERS: [&str; 7] = ["nobody", "guest", "customer", "rival", "owner", "seller", "staff"];

type Row = (&'static str, &'static str, [u16; 7]);

/// Route, body (nothing for none), and what each caller is answered.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("GET /health/live", "", [200, 200, 200, 200, 200, 200, 200]),
    ("GET /health/accepting", "", [200, 200, 200, 200, 200, 200, 200]),
    ("GET /health/ready", "", [200, 200, 200, 200, 200, 200, 200]),
    ("GET /metrics", "", [200, 200, 200, 200, 200, 200, 200]),
    ("GET /.well-known/jwks.json", "", [200, 200, 200, 200, 200, 200, 200]),
    ("GET /images/{name}", "", [200, 200, 200, 200, 200, 200, 200]),
    ("POST /api/auth/login", r#"{"email": "<email>", "password": "correct horse battery"}"#, [200, 200, 200, 200, 200, 200, 200]),
    ("POST /api/auth/password-reset", r#"{"email": "nobody@example.com"}"#, [202, 202, 202, 202, 202, 202, 202]),
    ("POST /api/auth/password-reset/confirm", r#"{"token": "made-up", "password": "correct horse battery"}"#, [422, 422, 422, 422, 422, 422, 422]),
    ("POST /api/auth/refresh", r#"{"refreshToken": "made-up"}"#, [401, 401, 401, 401, 401, 401, 401]),
    ("POST /api/payments/webhooks/{provider}", "{}", [401, 401, 401, 401, 401, 401, 401]),
    ("POST /api/users", r#"{"email": "<new>@example.com", "password": "correct horse battery", "fullName": "N"}"#, [201, 201, 201, 201, 201, 201, 201]),
    ("GET /api/products", "", [200, 200, 200, 200, 200, 200, 200]),
    ("GET /api/products/search", "", [200, 200, 200, 200, 200, 200, 200]),
    ("GET /api/products/{id}", "", [200, 200, 200, 200, 200, 200, 200]),
    ("GET /api/products/{id}/reviews", "", [200, 200, 200, 200, 200, 200, 200]),
    ("GET /api/categories", "", [200, 200, 200, 200, 200, 200, 200]),
    ("GET /api/categories/tree", "", [200, 200, 200, 200, 200, 200, 200]),
    ("GET /api/categories/{id}", "", [200, 200, 200, 200, 200, 200, 200]),
    ("GET /api/sellers", "", [200, 200, 200, 200, 200, 200, 200]),
    ("GET /api/sellers/{id}", "", [200, 200, 200, 200, 200, 200, 200]),
    ("GET /api/reviews/{id}", "", [404, 404, 404, 404, 200, 404, 200]),
    ("GET /api/reviews", "", [401, 401, 403, 403, 403, 403, 200]),
    ("POST /api/carts", "{}", [201, 201, 201, 201, 201, 201, 201]),
    ("GET /api/carts/{cartToken}", "", [404, 200, 404, 404, 404, 404, 404]),
    ("POST /api/carts/{cartToken}", r#"{"sku": "<sku>", "quantity": 1}"#, [404, 200, 404, 404, 404, 404, 404]),
    ("PUT /api/carts/{cartToken}/items/{sku}", r#"{"quantity": 2}"#, [404, 200, 404, 404, 404, 404, 404]),
    ("PUT /api/carts/{cartToken}/coupon", r#"{"code": "<coupon>"}"#, [404, 200, 404, 404, 404, 404, 404]),
    ("DELETE /api/carts/{cartToken}/coupon", "", [404, 204, 404, 404, 404, 404, 404]),
    ("GET /api/cart/{userId}", "", [401, 401, 404, 404, 200, 404, 200]),
    ("POST /api/cart/{userId}", r#"{"sku": "<sku>", "quantity": 1}"#, [401, 401, 404, 404, 200, 404, 200]),
    ("PUT /api/cart/{userId}/items/{sku}", r#"{"quantity": 2}"#, [401, 401, 404, 404, 200, 404, 200]),
    ("PUT /api/cart/{userId}/coupon", r#"{"code": "<coupon>"}"#, [401, 401, 404, 404, 200, 404, 200]),
    ("DELETE /api/cart/{userId}/coupon", "", [401, 401, 404, 404, 204, 404, 204]),
    ("POST /api/cart/{userId}/merge", r#"{"cartToken": "0000000000000000000000000000000000000000000000000000000000000000"}"#, [401, 401, 404, 404, 200, 404, 200]),
    ("GET /api/users", "", [401, 401, 403, 403, 403, 403, 200]),
    ("GET /api/users/{userId}", "", [401, 401, 404, 404, 200, 404, 200]),
    ("PUT /api/users/{userId}", r#"{"email": "<email>", "fullName": "Grace Brewster Hopper"}"#, [401, 401, 404, 404, 200, 404, 200]),
    ("GET /api/users/{userId}/addresses", "", [401, 401, 404, 404, 200, 404, 200]),
    ("POST /api/users/{userId}/addresses", r#"{"fullName": "Grace Hopper", "line1": "12 MG Road", "city": "Pune", "postalCode": "411001", "country": "IN"}"#, [401, 401, 404, 404, 201, 404, 201]),
    ("GET /api/users/{userId}/addresses/{addressId}", "", [401, 401, 404, 404, 200, 404, 200]),
    ("PUT /api/users/{userId}/addresses/{addressId}", r#"{"fullName": "Grace Hopper", "line1": "14 MG Road", "city": "Pune", "postalCode": "411001", "country": "IN"}"#, [401, 401, 404, 404, 200, 404, 200]),
    ("PUT /api/users/{userId}/addresses/{addressId}/default", "", [401, 401, 404, 404, 200, 404, 200]),
    ("GET /api/users/{userId}/export", "", [401, 401, 404, 404, 200, 404, 200]),
    ("GET /api/users/{userId}/sessions", "", [401, 401, 404, 404, 200, 404, 200]),
    ("GET /api/users/{userId}/wishlist", "", [401, 401, 404, 404, 200, 404, 200]),
    ("POST /api/users/{userId}/wishlist", r#"{"productId": "<product>"}"#, [401, 401, 404, 404, 201, 404, 200]),
    ("PUT /api/users/{userId}/wishlist/{productId}", "", [401, 401, 404, 404, 200, 404, 200]),
    ("GET /api/users/{userId}/wishlist/{productId}", "", [401, 401, 404, 404, 200, 404, 200]),
    ("PUT /api/users/{userId}/role", r#"{"role": "CUSTOMER"}"#, [401, 401, 404, 404, 403, 404, 200]),
    ("PUT /api/users/{userId}/password", r#"{"current": "not her own", "new": "another horse battery"}"#, [401, 401, 404, 404, 422, 404, 422]),
    ("GET /api/staff-log", "", [401, 401, 403, 403, 403, 403, 200]),
    ("GET /api/wallet/{userId}", "", [401, 401, 404, 404, 200, 404, 404]),
    ("GET /api/wallet/{userId}/entries", "", [401, 401, 404, 404, 200, 404, 404]),
    ("POST /api/wallet/{userId}/topup", r#"{"amount": {"amount": 100, "currency": "INR"}, "token": "tok_ok"}"#, [401, 401, 404, 404, 201, 404, 404]),
    ("GET /api/inventory/{sku}", "", [401, 401, 403, 404, 403, 200, 200]),
    ("GET /api/inventory/{sku}/ledger", "", [401, 401, 403, 404, 403, 200, 200]),
    ("POST /api/inventory/{sku}/adjust", r#"{"delta": 1, "reason": "found"}"#, [401, 401, 403, 404, 403, 200, 200]),
    ("PATCH /api/inventory/{sku}", r#"{"lowStockThreshold": 2}"#, [401, 401, 403, 404, 403, 200, 200]),
    ("POST /api/products", r#"{"name": "Cup", "description": "A cup", "variants": [{"sku": "<new>", "price": {"amount": 100, "currency": "INR"}}]}"#, [401, 401, 403, 201, 403, 201, 201]),
    ("PATCH /api/products/{id}", r#"{"description": "A finer cup"}"#, [401, 401, 403, 404, 403, 200, 200]),
    ("PUT /api/products/{id}", r#"{"name": "Cup", "description": "A cup", "variants": [{"sku": "<sku>", "price": {"amount": 1000, "currency": "INR"}}]}"#, [401, 401, 403, 404, 403, 200, 200]),
    ("POST /api/products/{id}/variants", r#"{"sku": "<new>", "price": {"amount": 100, "currency": "INR"}}"#, [401, 401, 403, 404, 403, 201, 201]),
    ("PATCH /api/products/{id}/variants/{sku}", r#"{"weightGrams": 100}"#, [401, 401, 403, 404, 403, 200, 200]),
    ("POST /api/products/{id}/images", "picture", [401, 401, 403, 404, 403, 201, 201]),
    ("POST /api/products/{id}/reviews", r#"{"rating": 4, "text": "Good"}"#, [401, 401, 201, 201, 409, 403, 201]),
    ("PUT /api/reviews/{id}/moderation", r#"{"status": "APPROVED"}"#, [401, 401, 404, 404, 403, 404, 200]),
    ("POST /api/categories", r#"{"name": "<new>"}"#, [401, 401, 403, 403, 403, 403, 201]),
    ("PUT /api/categories/{id}", r#"{"name": "Cups"}"#, [401, 401, 403, 403, 403, 403, 200]),
    ("POST /api/sellers", r#"{"name": "<new>"}"#, [401, 401, 403, 403, 403, 403, 201]),
    ("PUT /api/sellers/{id}", r#"{"name": "<new>", "userId": "<runs>"}"#, [401, 401, 403, 403, 403, 200, 200]),
    ("GET /api/coupons", "", [401, 401, 403, 403, 403, 403, 200]),
    ("POST /api/coupons", r#"{"code": "<new>", "type": "PERCENTAGE", "value": 5}"#, [401, 401, 403, 403, 403, 403, 201]),
    ("GET /api/coupons/{code}", "", [401, 401, 403, 403, 403, 403, 200]),
    ("PUT /api/coupons/{code}", r#"{"code": "<coupon>", "type": "PERCENTAGE", "value": 10}"#, [401, 401, 403, 403, 403, 403, 200]),
    ("POST /api/orders/quote", r#"{"items": [{"sku": "<sku>", "quantity": 1}], "shippingAddress": {"fullName": "G", "line1": "1", "city": "Pune", "postalCode": "411001", "country": "IN"}}"#, [401, 401, 200, 200, 200, 200, 200]),
    ("POST /api/orders/link", r#"{"email": "nobody@example.com", "number": "ORD-0"}"#, [202, 202, 202, 202, 202, 202, 202]),
    ("POST /api/orders", r#"{"items": [{"sku": "<sku>", "quantity": 1}], "shippingAddress": {"fullName": "G", "line1": "1", "city": "Pune", "postalCode": "411001", "country": "IN"}, "payment": {"method": "COD"}}"#, [401, 401, 201, 201, 201, 201, 201]),
    ("GET /api/orders", "", [401, 401, 200, 200, 200, 200, 200]),
    ("GET /api/orders/{id}", "", [401, 404, 404, 404, 200, 404, 200]),
    ("GET /api/orders/{id}/timeline", "", [401, 404, 404, 404, 200, 404, 200]),
    ("GET /api/orders/{id}/payments", "", [401, 404, 404, 404, 200, 404, 200]),
    ("GET /api/orders/{id}/refunds", "", [401, 404, 404, 404, 200, 404, 200]),
    ("GET /api/orders/{id}/returns", "", [401, 404, 404, 404, 200, 404, 200]),
    ("GET /api/orders/{id}/shipments", "", [401, 404, 404, 404, 200, 404, 200]),
    ("GET /api/orders/{id}/shipments/{shipmentId}", "", [401, 404, 404, 404, 200, 404, 200]),
    ("POST /api/orders/{id}/shipments/{shipmentId}/events", r#"{"status": "IN_TRANSIT"}"#, [401, 401, 404, 404, 403, 404, 201]),
    ("PUT /api/orders/{id}/shipping-address", r#"{"fullName": "G", "line1": "1", "city": "Pune", "postalCode": "411001", "country": "IN"}"#, [401, 404, 404, 404, 409, 404, 409]),
    ("POST /api/orders/{id}/payments", r#"{"method": "CARD", "token": "tok_ok"}"#, [401, 404, 404, 404, 409, 404, 409]),
    ("POST /api/orders/{id}/payments/{paymentId}/capture", "{}", [401, 401, 404, 404, 403, 404, 200]),
    ("POST /api/orders/{id}/payments/{paymentId}/void", "{}", [401, 401, 404, 404, 403, 404, 409]),
    ("POST /api/orders/{id}/returns", r#"{"type": "RETURN", "lines": [{"sku": "<sku>", "quantity": 1}], "reason": "too small"}"#, [401, 404, 404, 404, 409, 404, 409]),
    ("POST /api/orders/{id}/shipments", r#"{"carrier": "Post", "trackingNumber": "2", "lines": [{"sku": "<sku>", "quantity": 9}]}"#, [401, 401, 404, 404, 403, 404, 409]),
    ("POST /api/orders/{id}/refunds", r#"{"amount": {"amount": 1, "currency": "INR"}, "reason": "goodwill"}"#, [401, 401, 404, 404, 403, 404, 201]),
    ("POST /api/orders/{id}/cancel", "{}", [401, 404, 404, 404, 409, 404, 409]),
    ("PATCH /api/orders/{id}/status", r#"{"status": "PENDING"}"#, [401, 401, 404, 404, 403, 404, 409]),
    ("GET /api/payments/reconciliation", "", [401, 401, 403, 403, 403, 403, 200]),
    ("GET /api/returns", "", [401, 401, 200, 200, 200, 200, 200]),
    ("GET /api/returns/{id}", "", [401, 401, 404, 404, 200, 404, 200]),
    ("POST /api/returns/{id}/approve", "{}", [401, 401, 404, 404, 403, 404, 200]),
    ("POST /api/returns/{id}/reject", "{}", [401, 401, 404, 404, 403, 404, 409]),
    ("POST /api/returns/{id}/receive", "{}", [401, 401, 404, 404, 403, 404, 200]),
    ("POST /api/returns/{id}/exchange", "{}", [401, 401, 404, 404, 403, 404, 409]),
    ("POST /api/returns/{id}/refund", "{}", [401, 401, 404, 404, 403, 404, 200]),
    ("GET /api/notifications", "", [401, 401, 403, 403, 403, 403, 200]),
    ("POST /api/notifications/{id}/resend", "", [401, 401, 403, 403, 403, 403, 200]),
    ("GET /api/webhook-endpoints", "", [401, 401, 403, 403, 403, 403, 200]),
    ("POST /api/webhook-endpoints", r#"{"url": "https://example.com/<new>", "events": ["*"]}"#, [401, 401, 403, 403, 403, 403, 201]),
    ("GET /api/webhook-endpoints/{id}", "", [401, 401, 403, 403, 403, 403, 200]),
    ("PUT /api/webhook-endpoints/{id}", r#"{"url": "https://example.com/hooks", "events": ["*"]}"#, [401, 401, 403, 403, 403, 403, 200]),
    ("GET /api/webhook-endpoints/{id}/deliveries", "", [401, 401, 403, 403, 403, 403, 200]),
    ("POST /api/webhook-endpoints/{id}/deliveries/{did}/resend", "{}", [401, 401, 403, 403, 403, 403, 404]),
    ("GET /api/operations/outbox/users", "", [401, 401, 403, 403, 403, 403, 200]),
    ("GET /api/operations/outbox/catalog", "", [401, 401, 403, 403, 403, 403, 200]),
    ("GET /api/operations/outbox/orders", "", [401, 401, 403, 403, 403, 403, 200]),
    ("GET /api/operations/outbox/notifications", "", [401, 401, 403, 403, 403, 403, 200]),
    ("GET /api/operations/dead-letters/staff-log-queue", "", [401, 401, 403, 403, 403, 403, 200]),
    ("GET /api/operations/dead-letters/staff-log-queue/{event}", "", [401, 401, 403, 403, 403, 403, 404]),
    ("POST /api/operations/dead-letters/staff-log-queue/{event}/redrive", "{}", [401, 401, 403, 403, 403, 403, 404]),
    ("DELETE /api/operations/dead-letters/staff-log-queue/{event}", "", [401, 401, 403, 403, 403, 403, 404]),
    ("GET /api/operations/dead-letters/catalog-order-queue", "", [401, 401, 403, 403, 403, 403, 200]),
    ("GET /api/operations/dead-letters/catalog-order-queue/{event}", "", [401, 401, 403, 403, 403, 403, 404]),
    ("POST /api/operations/dead-letters/catalog-order-queue/{event}/redrive", "{}", [401, 401, 403, 403, 403, 403, 404]),
    ("DELETE /api/operations/dead-letters/catalog-order-queue/{event}", "", [401, 401, 403, 403, 403, 403, 404]),
    ("GET /api/operations/dead-letters/order-cart-queue", "", [401, 401, 403, 403, 403, 403, 200]),
    ("GET /api/operations/dead-letters/order-cart-queue/{event}", "", [401, 401, 403, 403, 403, 403, 404]),
    ("POST /api/operations/dead-letters/order-cart-queue/{event}/redrive", "{}", [401, 401, 403, 403, 403, 403, 404]),
    ("DELETE /api/operations/dead-letters/order-cart-queue/{event}", "", [401, 401, 403, 403, 403, 403, 404]),
    ("GET /api/operations/dead-letters/notification-queue", "", [401, 401, 403, 403, 403, 403, 200]),
    ("GET /api/operations/dead-letters/notification-queue/{event}", "", [401, 401, 403, 403, 403, 403, 404]),
    ("POST /api/operations/dead-letters/notification-queue/{event}/redrive", "{}", [401, 401, 403, 403, 403, 403, 404]),
    ("DELETE /api/operations/dead-letters/notification-queue/{event}", "", [401, 401, 403, 403, 403, 403, 404]),
    ("GET /api/operations/dead-letters/webhook-queue", "", [401, 401, 403, 403, 403, 403, 200]),
    ("GET /api/operations/dead-letters/webhook-queue/{event}", "", [401, 401, 403, 403, 403, 403, 404]),
    ("POST /api/operations/dead-letters/webhook-queue/{event}/redrive", "{}", [401, 401, 403, 403, 403, 403, 404]),
    ("DELETE /api/operations/dead-letters/webhook-queue/{event}", "", [401, 401, 403, 403, 403, 403, 404]),
    ("GET /api/operations/mails/{template}", "", [401, 401, 403, 403, 403, 403, 200]),
    ("POST /api/operations/mails/{template}/test", r#"{"to": "ops@example.com"}"#, [401, 401, 403, 403, 403, 403, 200]),
    ("POST /api/operations/held-messages/hold", "{}", [401, 401, 403, 403, 403, 403, 200]),
    ("POST /api/operations/held-messages/release", "{}", [401, 401, 403, 403, 403, 403, 200]),
    ("POST /api/operations/held-messages/drop", "{}", [401, 401, 403, 403, 403, 403, 200]),
    ("POST /api/operations/search-index/rebuild", "{}", [401, 401, 403, 403, 403, 403, 200]),
    ("POST /api/operations/audit", "{}", [401, 401, 403, 403, 403, 403, 200]),
    ("PUT /api/operations/users/{userId}/password", r#"{"password": "another horse battery"}"#, [401, 401, 403, 403, 403, 403, 204]),
    ("DELETE /api/webhook-endpoints/{id}", "", [401, 401, 403, 403, 403, 403, 204]),
    ("DELETE /api/coupons/{code}", "", [401, 401, 403, 403, 403, 403, 204]),
    ("DELETE /api/carts/{cartToken}/items/{sku}", "", [404, 200, 404, 404, 404, 404, 404]),
    ("DELETE /api/carts/{cartToken}", "", [404, 204, 404, 404, 404, 404, 404]),
    ("DELETE /api/cart/{userId}/items/{sku}", "", [401, 401, 404, 404, 200, 404, 200]),
    ("DELETE /api/cart/{userId}", "", [401, 401, 404, 404, 204, 404, 204]),
    ("DELETE /api/users/{userId}/wishlist/{productId}", "", [401, 401, 404, 404, 204, 404, 204]),
    ("DELETE /api/users/{userId}/addresses/{addressId}", "", [401, 401, 404, 404, 204, 404, 404]),
    ("DELETE /api/users/{userId}/sessions/{sessionId}", "", [401, 401, 404, 404, 204, 404, 404]),
    ("DELETE /api/products/{id}/images/{imageId}", "", [401, 401, 403, 404, 403, 204, 404]),
    ("DELETE /api/products/{id}/variants/{sku}", "", [401, 401, 403, 404, 403, 204, 404]),
    ("DELETE /api/products/{id}", "", [401, 401, 403, 404, 403, 204, 404]),
    ("DELETE /api/categories/{id}", "", [401, 401, 403, 403, 403, 403, 204]),
    ("DELETE /api/users/{userId}", "", [401, 401, 404, 404, 204, 404, 404]),
    ("DELETE /api/users/{userId}/sessions", "", [401, 401, 404, 404, 401, 404, 404]),
    ("POST /api/auth/logout", "", [401, 401, 204, 204, 401, 204, 204]),
];

/// What is asked about.
struct Scene {
    shop: Server,
    callers: [Client; 7],
    /// By the name that paths and bodies call it.
    things: Vec<(&'static str, String)>,
}

fn id(body: &Value) -> String {
    body["id"].as_str().unwrap_or_else(|| panic!("no id: {body}")).to_owned()
}

impl Scene {
    async fn set() -> Self {
        let shop = Server::start();
        let (staff, nobody) = (shop.admin().await, shop.anyone());
        let (owner, customer) = (shop.customer().await, shop.customer().await);
        let (seller, rival) = (sells(&shop, &staff).await, sells(&shop, &staff).await);
        let product = seller.product(1_000, 50).await;
        let picture = picture(&seller, &product.id).await;
        let mut body = cod(&[(product.sku.as_str(), 2)]);
        body["payment"] = json!({"method": "CARD", "token": "tok_ok"});
        let order = Order::of(&owner.post("/api/orders", &body).send().await, 201);
        let parcel = json!({"carrier": "Post", "trackingNumber": "1", "lines": [{"sku": product.sku, "quantity": 1}]});
        let parcel = staff.post(&format!("/api/orders/{}/shipments", order.id), &parcel).send().await.expect(201);
        let arrived = owner.order(&[(&product.sku, 1)]).await;
        for status in ["SHIPPED", "DELIVERED"] {
            staff.patch(&format!("/api/orders/{}/status", arrived.id), &json!({"status": status})).send().await.expect(200);
        }
        let back = json!({"type": "RETURN", "lines": [{"sku": product.sku, "quantity": 1}], "reason": "too small"});
        let back = owner.post(&format!("/api/orders/{}/returns", arrived.id), &back).send().await.expect(201);
        let at = owner.post("/api/users/me/addresses", &address()).send().await.expect(201);
        let second = owner.logged_in(&owner.email, "correct horse battery").await;
        let sessions = second.read("/api/users/me/sessions").await;
        let session =
            sessions["items"].as_array().unwrap().iter().find(|it| it["current"] == true).unwrap_or(&sessions["items"][0]);
        let category = staff.post("/api/categories", &json!({"name": unique("Cups")})).send().await.expect(201);
        let coupon = unique("SAVE").to_uppercase();
        staff.post("/api/coupons", &json!({"code": coupon, "type": "PERCENTAGE", "value": 10})).send().await.expect(201);
        let review = json!({"rating": 5, "text": "A fine cup"});
        let review = owner.post(&format!("/api/products/{}/reviews", product.id), &review).send().await.expect(201);
        let hook = json!({"url": "https://example.com/hooks", "events": ["ORDER_CONFIRMED"]});
        let hook = staff.post("/api/webhook-endpoints", &hook).send().await.expect(201);
        let cart = nobody.post("/api/carts", &json!({})).send().await.expect(201);
        let mail = format!("/api/notifications?recipient={}", owner.email);
        let mails = async || staff.read(&mail).await;
        let mails = eventually("she is written to", mails, |mails| mails["items"][0]["id"].is_string()).await;
        let mut body = cod(&[(product.sku.as_str(), 1)]);
        body["email"] = json!(format!("{}@guests.example", unique("guest")));
        let hers = nobody.post("/api/orders", &body).send().await.expect(201);
        let spare = shop.customer().await;
        let things = vec![
            ("user", owner.user.clone()),
            ("email", owner.email.clone()),
            ("runs", seller.user.clone()),
            ("address", id(&at)),
            ("session", id(session)),
            ("product", product.id.clone()),
            ("sku", product.sku.clone()),
            ("picture", picture.clone()),
            ("image", picture_name(&shop, &product.id).await),
            ("order", order.id.clone()),
            ("payment", id(&order.body["payment"])),
            ("parcel", id(&parcel)),
            ("return", id(&back)),
            ("category", id(&category)),
            ("coupon", coupon),
            ("review", id(&review)),
            ("house", product.body["sellerId"].as_str().unwrap().to_owned()),
            ("hook", id(&hook)),
            ("spare", spare.user.clone()),
            ("template", "welcome".to_owned()),
            ("nothing", "01890000-0000-7000-8000-000000000000".to_owned()),
            ("mail", id(&mails["items"][0])),
            ("cart", cart["cartToken"].as_str().unwrap().to_owned()),
            ("link", hers["orderLink"]["token"].as_str().unwrap().to_owned()),
        ];
        let callers = [nobody.clone(), nobody, customer, rival, owner, seller, staff];
        Self { shop, callers, things }
    }

    fn thing(&self, name: &str) -> &str {
        let known = self.things.iter().find(|(known, _)| *known == name);
        known.map_or_else(|| panic!("nothing is called {name}"), |(_, value)| value)
    }

    /// A path of the document as this caller asks it.
    fn concrete(&self, path: &str, caller: &str) -> String {
        let collection = path.split('/').nth(2).unwrap_or_default();
        let named = |part: &str| match (collection, part) {
            // Who gets another password is logged out.
            ("operations", "{userId}") => "spare",
            (_, "{userId}") => "user",
            (_, "{addressId}") => "address",
            (_, "{sessionId}") => "session",
            (_, "{productId}") | ("products", "{id}") => "product",
            (_, "{sku}") => "sku",
            (_, "{imageId}") => "picture",
            ("{name}", _) => "image",
            (_, "{paymentId}") => "payment",
            (_, "{shipmentId}") => "parcel",
            (_, "{did}" | "{event}") => "nothing",
            (_, "{template}") => "template",
            (_, "{code}") => "coupon",
            ("orders", _) => "order",
            ("returns", _) => "return",
            ("categories", _) => "category",
            ("reviews", _) => "review",
            ("sellers", _) => "house",
            ("webhook-endpoints", _) => "hook",
            ("notifications", _) => "mail",
            other => panic!("{path}: what is {other:?}?"),
        };
        let parts = path.split('/').map(|part| match part {
            // A cart is who has its token; others have made one up.
            "{cartToken}" if caller == "guest" => self.thing("cart").to_owned(),
            "{cartToken}" => "made-up".to_owned(),
            "{provider}" => "sandbox".to_owned(),
            part if part.starts_with('{') => self.thing(named(part)).to_owned(),
            part => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join("/")
    }

    fn body(&self, text: &str) -> Value {
        let fresh = text.replace("<new>", &unique("new"));
        let filled = self.things.iter().fold(fresh, |text, (name, value)| text.replace(&format!("<{name}>"), value));
        serde_json::from_str(&filled).unwrap_or_else(|error| panic!("{error}: {filled}"))
    }

    async fn ask(&self, (route, body, _): &Row, caller: usize) -> u16 {
        let (method, path) = route.split_once(' ').unwrap();
        let path = self.concrete(path, CALLERS[caller]);
        let call = self.callers[caller].call(Method::from_bytes(method.as_bytes()).unwrap(), &path);
        let call = if CALLERS[caller] == "guest" { call.header("x-order-link", self.thing("link")) } else { call };
        let call = match *body {
            "" => call,
            "picture" => call.header("content-type", "multipart/form-data; boundary=XX").bytes(form()),
            text => call.json(&self.body(text)),
        };
        // Whoever may change a product says which version she means.
        let call = if ["PUT /api/products/{id}", "PATCH /api/products/{id}"].contains(route) {
            let product = self.callers[6].get(&path).send().await;
            call.header("if-match", product.header("etag"))
        } else {
            call
        };
        call.send().await.status
    }
}

/// Somebody who runs a seller.
async fn sells(shop: &Server, staff: &Client) -> Client {
    let user = shop.customer().await;
    staff.post("/api/sellers", &json!({"name": unique("Cups"), "userId": user.user})).send().await.expect(201);
    user.logged_in(&user.email, "correct horse battery").await
}

/// A small picture, as a form brings it.
fn form() -> Vec<u8> {
    const DOT: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    let head = "--XX\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.png\"\r\ncontent-type: image/png\r\n\r\n";
    [head.as_bytes(), &STANDARD.decode(DOT).unwrap(), b"\r\n--XX--\r\n"].concat()
}

async fn picture(seller: &Client, product: &str) -> String {
    let call = seller.call(Method::POST, &format!("/api/products/{product}/images"));
    let made = call.header("content-type", "multipart/form-data; boundary=XX").bytes(form()).send().await.expect(201);
    made["images"][0]["id"].as_str().map_or_else(|| id(&made), str::to_owned)
}

/// What the picture is called where it lies.
async fn picture_name(shop: &Server, product: &str) -> String {
    let product = shop.anyone().read(&format!("/api/products/{product}")).await;
    let url = product["images"][0]["url"].as_str().unwrap_or_else(|| panic!("no picture: {product}"));
    url.rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn every_route_answers_every_caller_as_the_table_says() {
    let scene = Scene::set().await;
    let spec = scene.callers[0].read("/openapi.json").await;
    let routes =
        spec["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
        });
    let routes: BTreeSet<String> = routes.collect();
    let told: BTreeSet<String> = TABLE.iter().map(|(route, ..)| (*route).to_owned()).collect();
    assert_eq!(told.len(), TABLE.len(), "a route stands in the table twice");
    assert_eq!(routes.difference(&told).collect::<Vec<_>>(), Vec::<&String>::new(), "routes that the table does not know");
    assert_eq!(told.difference(&routes).collect::<Vec<_>>(), Vec::<&String>::new(), "rows without a route");
    let mut wrong = Vec::new();
    for row in TABLE {
        let mut got = [0; 7];
        for (caller, status) in got.iter_mut().enumerate() {
            *status = scene.ask(row, caller).await;
        }
        let mut expected = row.2;
        // Of four services none has the whole shop, and none makes half an audit.
        if row.0 == "POST /api/operations/audit" && scene.shop.is_apart() {
            expected[6] = 409;
        }
        if got != expected {
            wrong.push(format!("{} {}\n  is        {got:?}\n  should be {expected:?}", row.0, row.1));
        }
    }
    assert!(wrong.is_empty(), "of {CALLERS:?}:\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn who_runs_a_seller_renames_it_and_still_runs_it() {
    let shop = shared();
    let staff = shop.admin().await;
    let user = shop.customer().await;
    let made = staff.post("/api/sellers", &json!({"name": unique("Cups"), "userId": user.user})).send().await.expect(201);
    let path = format!("/api/sellers/{}", id(&made));
    let seller = user.logged_in(&user.email, "correct horse battery").await;
    let renamed = seller.put(&path, &json!({"name": unique("Mugs")})).send().await.expect(200);
    assert_eq!(renamed["userId"], json!(user.user));
    let freed = staff.put(&path, &json!({"name": unique("Pots")})).send().await.expect(200);
    assert!(freed["userId"].is_null(), "{freed}");
}
