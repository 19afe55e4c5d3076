//! `If-Match`: of two clients who read the same version, one is refused; every route that changes
//! something judges it or says why not.

use std::collections::BTreeSet;

use commerce_core::users::Role;
use serde_json::{Value, json};

use crate::keys::form;
use crate::support::{PASSWORD, RED, Reply, Shop, address, order, variant};

/// Reads the version at `path`, sends the same change of `target` twice at once with it, and asks
/// that one is done and the other refused.
async fn race(shop: &Shop, token: &str, path: &str, method: &str, target: &str, body: &Value) {
    let read = shop.get(path, token).await.expect(200);
    let version = read.header("etag").to_owned();
    assert!(!version.is_empty(), "{path} has an ETag");
    let send = || versioned(shop, token, method, target, body, &version);
    let (one, two) = tokio::join!(send(), send());
    let refused = if one.status.is_success() { &two } else { &one };
    assert_eq!(refused.refused(412), "VERSION_MISMATCH", "{method} {target}");
    assert!(one.status.is_success() != two.status.is_success(), "{method} {target}: {} {}", one.text, two.text);
}

/// A request that names the version it changes; a body that is text stands for a picture.
async fn versioned(shop: &Shop, token: &str, method: &str, target: &str, body: &Value, version: &str) -> Reply {
    let ask = shop.ask(method, target).token(token).header("if-match", version);
    let ask = match body {
        Value::Null => ask,
        Value::String(_) => ask.header("content-type", "multipart/form-data; boundary=XX").raw(form(RED)),
        body => ask.json(body),
    };
    ask.send().await
}

#[tokio::test]
async fn of_two_clients_with_one_version_one_is_refused() {
    let shop = Shop::open_with(&[("gateway.rate_limit_per_minute", "0")]).await;
    let (admin, asha) = (shop.login("admin", Role::Admin).await, shop.login("asha", Role::Customer).await);
    let product = shop.stock(&admin, "A", 50).await["id"].as_str().unwrap().to_owned();
    let product = format!("/api/products/{product}");
    for sku in ["B", "C"] {
        shop.post(&format!("{product}/variants"), &admin, variant(sku, 1)).await.expect(201);
    }
    let placed = shop.post("/api/orders", &asha, order("A", 1, "COD")).await.expect(201);
    let placed = format!("/api/orders/{}", placed.body["id"].as_str().unwrap());
    shop.post("/api/cart/me", &asha, json!({"items": [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 1}]}))
        .await
        .expect(200);
    let category = shop.post("/api/categories", &admin, json!({"name": "Caps"})).await.expect(201);
    let category = format!("/api/categories/{}", category.body["id"].as_str().unwrap());
    let ravi = shop.login("ravi", Role::Customer).await;
    let ravi = format!("/api/users/{}", shop.get("/api/users/me", &ravi).await.body["id"].as_str().unwrap());
    let price = |amount: i64| json!({"price": {"amount": amount, "currency": "INR"}});

    race(&shop, &admin, &placed, "PATCH", &format!("{placed}/status"), &json!({"status": "PROCESSING"})).await;
    race(&shop, &asha, "/api/cart/me", "PUT", "/api/cart/me/items/A", &json!({"quantity": 3})).await;
    race(&shop, &asha, "/api/cart/me", "DELETE", "/api/cart/me/items/B", &Value::Null).await;
    race(&shop, &asha, "/api/cart/me", "DELETE", "/api/cart/me", &Value::Null).await;
    race(&shop, &asha, "/api/users/me", "PUT", "/api/users/me", &json!({"email": "asha@example.com", "fullName": "Asha Rao"}))
        .await;
    race(&shop, &admin, &ravi, "PUT", &format!("{ravi}/role"), &json!({"role": "SELLER"})).await;
    race(&shop, &admin, &category, "PUT", &category, &json!({"name": "Hats"})).await;
    race(&shop, &admin, &product, "PATCH", &product, &json!({"name": "Kurta, washed"})).await;
    race(&shop, &admin, &product, "PATCH", &format!("{product}/variants/B"), &price(1_000)).await;
    race(&shop, &admin, &product, "DELETE", &format!("{product}/variants/C"), &Value::Null).await;
    let picture = json!("picture");
    race(&shop, &admin, &product, "POST", &format!("{product}/variants"), &variant("D", 1)).await;
    race(&shop, &admin, &product, "POST", &format!("{product}/images"), &picture).await;
    race(&shop, &admin, &product, "DELETE", &product, &Value::Null).await;
    let shelf = "/api/inventory/A";
    race(&shop, &admin, shelf, "POST", "/api/inventory/A/adjust", &json!({"delta": 1, "reason": "counted"})).await;
    race(&shop, &admin, shelf, "PATCH", shelf, &json!({"lowStockThreshold": 9})).await;
    let book = "/api/users/me/addresses";
    race(&shop, &asha, book, "POST", book, &address()).await;
    let home = shop.get(book, &asha).await.expect(200).body["items"][0]["id"].as_str().unwrap().to_owned();
    race(&shop, &asha, book, "PUT", &format!("{book}/{home}/default"), &Value::Null).await;
    race(&shop, &asha, book, "PUT", &format!("{book}/{home}"), &address()).await;
    race(&shop, &asha, book, "DELETE", &format!("{book}/{home}"), &Value::Null).await;
    race(&shop, &asha, &placed, "POST", &format!("{placed}/cancel"), &json!({"reason": "late"})).await;
    assert_eq!(shop.get("/api/cart/me", &asha).await.expect(200).body["lines"], json!([]));

    for (path, token) in [(ravi, &admin), (category, &admin)] {
        let stale = shop.ask("DELETE", &path).token(token).header("if-match", "\"99\"").send().await;
        assert_eq!(stale.refused(412), "VERSION_MISMATCH", "{path}");
        let any = shop.ask("DELETE", &path).token(token).header("if-match", "*").send().await;
        any.expect(204);
    }
}

/// Reads the version of an order, sends a step twice under one key with it, and asks for the answer and its replay;
/// whoever sends another key with it is refused.
async fn repeat(shop: &Shop, token: &str, order: &str, target: &str, body: &Value) -> Value {
    let version = shop.get(order, token).await.expect(200).header("etag").to_owned();
    let send = |key: &str| {
        let ask = shop.ask("POST", target).token(token).header("if-match", &version);
        ask.header("idempotency-key", &format!("{key} at {version}")).json(body).send()
    };
    let (first, again) = (send("one").await, send("one").await.expect(200));
    assert!(first.status.is_success(), "{target}: {}", first.text);
    assert_eq!(first.header("idempotent-replayed"), "", "{target}");
    assert_eq!(again.header("idempotent-replayed"), "true", "{target}");
    assert_eq!(again.body, first.body, "{target}");
    assert_eq!(send("other").await.refused(412), "VERSION_MISMATCH", "{target}");
    first.body
}

#[tokio::test]
async fn a_repeated_step_of_an_order_is_answered_although_its_version_has_passed() {
    let shop = Shop::open_with(&[("gateway.rate_limit_per_minute", "0")]).await;
    let (admin, asha) = (shop.login("admin", Role::Admin).await, shop.login("asha", Role::Customer).await);
    shop.stock(&admin, "A", 50).await;
    let placed = shop.post("/api/orders", &asha, order("A", 9, "CARD")).await.expect(201);
    shop.memory.settle().await.unwrap();
    let placed = format!("/api/orders/{}", placed.body["id"].as_str().unwrap());
    let id = |body: &Value| body["id"].as_str().unwrap().to_owned();

    let sent = json!({"carrier": "Blue Dart", "trackingNumber": "BD1"});
    let sent = id(&repeat(&shop, &admin, &placed, &format!("{placed}/shipments"), &sent).await);
    let events = format!("{placed}/shipments/{sent}/events");
    for status in ["IN_TRANSIT", "DELIVERED"] {
        race(&shop, &admin, &placed, "POST", &events, &json!({"status": status})).await;
        shop.memory.settle().await.unwrap();
    }
    let give = json!({"amount": {"amount": 100, "currency": "INR"}, "reason": "late"});
    repeat(&shop, &admin, &placed, &format!("{placed}/refunds"), &give).await;
    race(&shop, &admin, &placed, "POST", &format!("{placed}/refunds"), &give).await;
    let mut ask = json!({"type": "RETURN", "lines": [{"sku": "A", "quantity": 1}], "reason": "too small"});
    race(&shop, &asha, &placed, "POST", &format!("{placed}/returns"), &ask).await;
    for (kind, steps) in [
        ("RETURN", &["approve", "receive", "refund"][..]),
        ("RETURN", &["reject"]),
        ("EXCHANGE", &["approve", "receive", "exchange"]),
    ] {
        ask["type"] = json!(kind);
        let it = id(&repeat(&shop, &asha, &placed, &format!("{placed}/returns"), &ask).await);
        for step in steps {
            repeat(&shop, &admin, &placed, &format!("/api/returns/{it}/{step}"), &json!({})).await;
        }
    }
}

#[tokio::test]
async fn a_cart_that_was_emptied_and_filled_again_has_another_version() {
    let shop = Shop::open().await;
    let (admin, asha) = (shop.login("admin", Role::Admin).await, shop.login("asha", Role::Customer).await);
    shop.stock(&admin, "A", 50).await;
    let opened = shop.ask("POST", "/api/carts").send().await.expect(201).header("location").to_owned();
    for path in ["/api/cart/me", &opened] {
        let fill = || shop.post(path, &asha, json!({"sku": "A", "quantity": 1}));
        let before = fill().await.expect(200).header("etag").to_owned();
        shop.ask("DELETE", path).token(&asha).send().await.expect(204);
        let after = fill().await.expect(200);
        assert_ne!(after.header("etag"), before);
        let line = format!("{path}/items/A");
        let late = versioned(&shop, &asha, "PUT", &line, &json!({"quantity": 9}), &before).await;
        assert_eq!(late.refused(412), "VERSION_MISMATCH");
        versioned(&shop, &asha, "PUT", &line, &json!({"quantity": 9}), after.header("etag")).await.expect(200);
    }
}

/// Routes that make something new, which has no version yet, or that change what has none.
const WITHOUT: &[(&str, &str)] = &[
    ("POST /api/users", "makes a user"),
    ("POST /api/products", "makes a product"),
    ("POST /api/categories", "makes a category"),
    ("POST /api/sellers", "makes a seller"),
    ("POST /api/carts", "makes a cart"),
    ("POST /api/orders", "makes an order"),
    ("POST /api/orders/quote", "writes nothing"),
    ("POST /api/products/{id}/reviews", "makes a review"),
    ("POST /api/users/{userId}/wishlist", "a wish has no version"),
    ("PUT /api/users/{userId}/wishlist/{productId}", "a wish has no version"),
    ("DELETE /api/users/{userId}/wishlist/{productId}", "a wish has no version"),
    ("POST /api/auth/password-reset", "asks for a mail"),
    ("POST /api/orders/link", "asks for a mail"),
    ("POST /api/auth/password-reset/confirm", "the token knows what it is for"),
    ("POST /api/auth/login", "makes a session"),
    ("POST /api/auth/refresh", "a session has no version"),
    ("POST /api/auth/logout", "a session has no version"),
    ("DELETE /api/users/{userId}/sessions", "a session has no version"),
    ("DELETE /api/users/{userId}/sessions/{sessionId}", "a session has no version"),
    ("POST /api/coupons", "makes a coupon"),
    ("POST /api/returns/{id}/approve", "a return has no version; its order's is judged"),
    ("POST /api/returns/{id}/reject", "a return has no version; its order's is judged"),
    ("POST /api/returns/{id}/receive", "a return has no version; its order's is judged"),
    ("POST /api/returns/{id}/refund", "a return has no version; its order's is judged"),
    ("POST /api/returns/{id}/exchange", "a return has no version; its order's is judged"),
    ("POST /api/wallet/{userId}/topup", "a wallet has no version; what is put in is added"),
    ("POST /api/payments/webhooks/{provider}", "a provider knows no versions"),
    ("POST /api/notifications/{id}/resend", "a message has no version"),
    ("POST /api/webhook-endpoints", "makes an endpoint"),
    ("POST /api/webhook-endpoints/{id}/deliveries/{did}/resend", "a delivery has no version"),
    ("DELETE /api/operations/dead-letters/staff-log-queue/{event}", "a letter stays as it was buried"),
    ("POST /api/operations/dead-letters/staff-log-queue/{event}/redrive", "a letter stays as it was buried"),
    ("DELETE /api/operations/dead-letters/catalog-order-queue/{event}", "a letter stays as it was buried"),
    ("POST /api/operations/dead-letters/catalog-order-queue/{event}/redrive", "a letter stays as it was buried"),
    ("DELETE /api/operations/dead-letters/order-cart-queue/{event}", "a letter stays as it was buried"),
    ("POST /api/operations/dead-letters/order-cart-queue/{event}/redrive", "a letter stays as it was buried"),
    ("DELETE /api/operations/dead-letters/notification-queue/{event}", "a letter stays as it was buried"),
    ("POST /api/operations/dead-letters/notification-queue/{event}/redrive", "a letter stays as it was buried"),
    ("DELETE /api/operations/dead-letters/webhook-queue/{event}", "a letter stays as it was buried"),
    ("POST /api/operations/dead-letters/webhook-queue/{event}/redrive", "a letter stays as it was buried"),
    ("POST /api/operations/audit", "about the whole shop"),
    ("POST /api/operations/search-index/rebuild", "an index has no version"),
    ("POST /api/operations/mails/{template}/test", "makes a mail"),
    ("POST /api/operations/held-messages/hold", "about all messages"),
    ("POST /api/operations/held-messages/release", "about all messages"),
    ("POST /api/operations/held-messages/drop", "about all messages"),
    ("PUT /api/operations/users/{userId}/password", "whatever the user is by now"),
];

/// What changes an order: method, route, path and body.
fn of_orders(placed: &str, carded: &str) -> Vec<(&'static str, &'static str, String, Value)> {
    vec![
        ("PATCH", "/api/orders/{id}/status", format!("/api/orders/{placed}/status"), json!({"status": "PROCESSING"})),
        ("PUT", "/api/orders/{id}/shipping-address", format!("/api/orders/{placed}/shipping-address"), address()),
        ("POST", "/api/orders/{id}/cancel", format!("/api/orders/{placed}/cancel"), json!({})),
        (
            "POST",
            "/api/orders/{id}/payments",
            format!("/api/orders/{placed}/payments"),
            json!({"method": "CARD", "token": "tok_ok"}),
        ),
        (
            "POST",
            "/api/orders/{id}/shipments",
            format!("/api/orders/{placed}/shipments"),
            json!({"carrier": "Blue Dart", "trackingNumber": "BD1"}),
        ),
        (
            "POST",
            "/api/orders/{id}/shipments/{shipmentId}/events",
            format!("/api/orders/{placed}/shipments/{placed}/events"),
            json!({"status": "IN_TRANSIT"}),
        ),
        ("POST", "/api/orders/{id}/refunds", format!("/api/orders/{placed}/refunds"), json!({"reason": "sorry"})),
        (
            "POST",
            "/api/orders/{id}/returns",
            format!("/api/orders/{placed}/returns"),
            json!({"type": "RETURN", "lines": [{"sku": "A", "quantity": 1}], "reason": "too small"}),
        ),
        ("POST", "/api/orders/{id}/payments/{paymentId}/capture", format!("{carded}/capture"), json!({})),
        ("POST", "/api/orders/{id}/payments/{paymentId}/void", format!("{carded}/void"), json!({})),
    ]
}

#[tokio::test]
async fn every_route_that_changes_something_judges_the_version_or_says_why_not() {
    let shop = Shop::open_with(&[("gateway.rate_limit_per_minute", "0")]).await;
    let admin = shop.login("admin", Role::Admin).await;
    let asha = shop.login("asha", Role::Customer).await;
    let text = |reply: &Reply, name: &str| reply.body[name].as_str().unwrap().to_owned();
    let product = shop.stock(&admin, "A", 50).await["id"].as_str().unwrap().to_owned();
    let picture = shop.ask("POST", &format!("/api/products/{product}/images")).token(&admin);
    let picture = picture.header("content-type", "multipart/form-data; boundary=XX").raw(form(RED));
    let picture = text(&picture.send().await.expect(201), "id");
    let home = text(&shop.post("/api/users/me/addresses", &asha, address()).await.expect(201), "id");
    let cart = text(&shop.post("/api/carts", &asha, json!({})).await.expect(201), "cartToken");
    let category = text(&shop.post("/api/categories", &admin, json!({"name": "Caps"})).await.expect(201), "id");
    let seller = text(&shop.post("/api/sellers", &admin, json!({"name": "Mill"})).await.expect(201), "id");
    let placed = text(&shop.post("/api/orders", &asha, order("A", 1, "COD")).await.expect(201), "id");
    let carded = shop.post("/api/orders", &asha, order("A", 1, "CARD")).await.expect(201);
    let carded = format!("/api/orders/{}/payments/{}", text(&carded, "id"), carded.body["payment"]["id"].as_str().unwrap());
    let review = json!({"rating": 5, "text": "It fits."});
    let review = text(&shop.post(&format!("/api/products/{product}/reviews"), &asha, review).await.expect(201), "id");
    let coupon = json!({"code": "TEN", "type": "PERCENTAGE", "value": 10});
    shop.post("/api/coupons", &admin, coupon.clone()).await.expect(201);
    let hook = json!({"url": "https://hooks.example/in", "events": ["*"]});
    let endpoint = text(&shop.post("/api/webhook-endpoints", &admin, hook.clone()).await.expect(201), "id");
    let endpoint = format!("/api/webhook-endpoints/{endpoint}");
    let line = json!({"sku": "A", "quantity": 1});
    let me = "/api/users/me";
    let words = json!({"name": "Caps"});
    let goods = json!({"name": "Cap", "description": "", "variants": [variant("A", 1)]});
    let mut table: Vec<(&str, &str, String, Value)> = vec![
        ("PUT", "/api/users/{userId}", me.to_owned(), json!({"email": "asha@example.com", "fullName": "A"})),
        ("DELETE", "/api/users/{userId}", me.to_owned(), Value::Null),
        ("PUT", "/api/users/{userId}/password", format!("{me}/password"), json!({"current": PASSWORD, "new": "battery staple"})),
        ("PUT", "/api/users/{userId}/role", format!("{me}/role"), json!({"role": "SELLER"})),
        ("POST", "/api/users/{userId}/addresses", format!("{me}/addresses"), address()),
        ("PUT", "/api/users/{userId}/addresses/{addressId}", format!("{me}/addresses/{home}"), address()),
        ("DELETE", "/api/users/{userId}/addresses/{addressId}", format!("{me}/addresses/{home}"), Value::Null),
        ("PUT", "/api/users/{userId}/addresses/{addressId}/default", format!("{me}/addresses/{home}/default"), Value::Null),
        ("PUT", "/api/products/{id}", format!("/api/products/{product}"), goods),
        ("PATCH", "/api/products/{id}", format!("/api/products/{product}"), words.clone()),
        ("DELETE", "/api/products/{id}", format!("/api/products/{product}"), Value::Null),
        ("POST", "/api/products/{id}/variants", format!("/api/products/{product}/variants"), variant("B", 1)),
        ("PATCH", "/api/products/{id}/variants/{sku}", format!("/api/products/{product}/variants/A"), json!({"weightGrams": 9})),
        ("DELETE", "/api/products/{id}/variants/{sku}", format!("/api/products/{product}/variants/A"), Value::Null),
        ("POST", "/api/products/{id}/images", format!("/api/products/{product}/images"), json!("picture")),
        ("DELETE", "/api/products/{id}/images/{imageId}", format!("/api/products/{product}/images/{picture}"), Value::Null),
        ("PUT", "/api/categories/{id}", format!("/api/categories/{category}"), words.clone()),
        ("DELETE", "/api/categories/{id}", format!("/api/categories/{category}"), Value::Null),
        ("PUT", "/api/sellers/{id}", format!("/api/sellers/{seller}"), words),
        ("PUT", "/api/reviews/{id}/moderation", format!("/api/reviews/{review}/moderation"), json!({"status": "APPROVED"})),
        ("PATCH", "/api/inventory/{sku}", "/api/inventory/A".to_owned(), json!({"lowStockThreshold": 9})),
        ("POST", "/api/inventory/{sku}/adjust", "/api/inventory/A/adjust".to_owned(), json!({"delta": 1, "reason": "counted"})),
        ("POST", "/api/cart/{userId}", "/api/cart/me".to_owned(), line.clone()),
        ("DELETE", "/api/cart/{userId}", "/api/cart/me".to_owned(), Value::Null),
        ("PUT", "/api/cart/{userId}/items/{sku}", "/api/cart/me/items/A".to_owned(), json!({"quantity": 1})),
        ("DELETE", "/api/cart/{userId}/items/{sku}", "/api/cart/me/items/A".to_owned(), Value::Null),
        ("POST", "/api/cart/{userId}/merge", "/api/cart/me/merge".to_owned(), json!({"cartToken": cart})),
        ("POST", "/api/carts/{cartToken}", format!("/api/carts/{cart}"), line),
        ("DELETE", "/api/carts/{cartToken}", format!("/api/carts/{cart}"), Value::Null),
        ("PUT", "/api/carts/{cartToken}/items/{sku}", format!("/api/carts/{cart}/items/A"), json!({"quantity": 1})),
        ("DELETE", "/api/carts/{cartToken}/items/{sku}", format!("/api/carts/{cart}/items/A"), Value::Null),
        ("PUT", "/api/cart/{userId}/coupon", "/api/cart/me/coupon".to_owned(), json!({"code": "TEN"})),
        ("DELETE", "/api/cart/{userId}/coupon", "/api/cart/me/coupon".to_owned(), Value::Null),
        ("PUT", "/api/carts/{cartToken}/coupon", format!("/api/carts/{cart}/coupon"), json!({"code": "TEN"})),
        ("DELETE", "/api/carts/{cartToken}/coupon", format!("/api/carts/{cart}/coupon"), Value::Null),
        ("PUT", "/api/coupons/{code}", "/api/coupons/TEN".to_owned(), coupon),
        ("DELETE", "/api/coupons/{code}", "/api/coupons/TEN".to_owned(), Value::Null),
        ("PUT", "/api/webhook-endpoints/{id}", endpoint.clone(), hook),
        ("DELETE", "/api/webhook-endpoints/{id}", endpoint, Value::Null),
    ];
    table.extend(of_orders(&placed, &carded));
    let judged = table.iter().map(|(method, route, ..)| format!("{method} {route}"));
    let told: BTreeSet<String> = judged.chain(WITHOUT.iter().map(|(route, _)| (*route).to_owned())).collect();
    let paths = shop.app.spec()["paths"].as_object().unwrap();
    let changing = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys().filter(|method| *method != "get");
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    assert_eq!(told, changing.collect());

    let documented: BTreeSet<String> = paths
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |(method, operation)| (method, path, operation)))
        .filter(|(.., operation)| operation["parameters"].as_array().unwrap().iter().any(|it| it["name"] == "If-Match"))
        .map(|(method, path, _)| format!("{} {path}", method.to_uppercase()))
        .collect();
    let judged: BTreeSet<String> = table.iter().map(|(method, route, ..)| format!("{method} {route}")).collect();
    assert_eq!(documented, judged, "the document says where the version is judged");

    for (method, route, path, body) in table {
        let by = if path.starts_with("/api/users") && !path.ends_with("role") || path.starts_with("/api/cart/") {
            &asha
        } else {
            &admin
        };
        let refused = versioned(&shop, by, method, &path, &body, "\"77\"").await;
        assert_eq!(refused.refused(412), "VERSION_MISMATCH", "{method} {route}");
    }
}

#[tokio::test]
async fn one_of_several_versions_suffices() {
    let shop = Shop::open().await;
    let admin = shop.login("admin", Role::Admin).await;
    let product = shop.stock(&admin, "A", 5).await["id"].as_str().unwrap().to_owned();
    let product = format!("/api/products/{product}");
    let rename = |name: &str, version: &str| {
        let ask = shop.ask("PATCH", &product).token(&admin).header("if-match", version);
        ask.json(&json!({ "name": name })).send()
    };
    assert_eq!(rename("B", "\"3\", \"1\"").await.expect(200).header("etag"), "\"2\"");
    assert_eq!(rename("C", "\"3\", \"1\"").await.refused(412), "VERSION_MISMATCH");
    let apart = shop.ask("PATCH", &product).token(&admin).header("if-match", "\"1\"").header("if-match", "\"2\"");
    assert_eq!(apart.json(&json!({"name": "D"})).send().await.expect(200).body["version"], 3);
    assert_eq!(rename("E", "\"old\", W/\"3\"").await.expect(200).body["name"], "E");
    assert_eq!(rename("F", "*").await.expect(200).body["version"], 5);
    assert_eq!(rename("G", "1,2,3,4,5,6,7,8,9").await.refused(400), "BAD_REQUEST");

    let shelf = shop.get("/api/inventory/A", &admin).await.expect(200).body["version"].as_u64().unwrap();
    let adjust = |versions: String| {
        let ask = shop.ask("POST", "/api/inventory/A/adjust").token(&admin).header("if-match", &versions);
        ask.header("idempotency-key", "k").json(&json!({"delta": 1, "reason": "counted"})).send()
    };
    let versions = format!("\"{}\", \"{shelf}\"", shelf + 9);
    assert_eq!(adjust(versions.clone()).await.expect(200).body["onHand"], 6);
    let again = adjust(versions).await.expect(200);
    assert_eq!(
        (again.header("idempotent-replayed"), &again.body["onHand"]),
        ("true", &json!(6)),
        "its key counts before its version"
    );
}
