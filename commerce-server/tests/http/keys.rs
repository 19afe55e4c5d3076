//! `Idempotency-Key` on every POST of the document: a route that is not in the table here fails.

use std::collections::BTreeSet;

use commerce_core::users::Role;
use serde_json::{Value, json};

use crate::support::{BLUE, PASSWORD, RED, Reply, Shop, address, order, variant};

/// What a route does with a key.
enum Keeps {
    /// Remembers it: a path, a body, another body, and one that is refused.
    Key { path: String, body: Vec<u8>, other: Vec<u8>, bad: Vec<u8>, form: bool },
    /// Takes it and keeps nothing, for the reason given.
    Nothing(&'static str),
    /// Remembers it; tried by a test of its own, for the reason given.
    Apart(&'static str),
}

/// Everything that stands ready for the requests of the table.
struct Scene {
    shop: Shop,
    admin: String,
}

impl Scene {
    async fn set() -> Self {
        let shop = Shop::open_with(&[("gateway.rate_limit_per_minute", "0"), ("payments.capture", "manual")]).await;
        let admin = shop.login("admin", Role::Admin).await;
        Self { shop, admin }
    }

    async fn send(&self, path: &str, key: &str, body: Vec<u8>, form: bool) -> Reply {
        let ask = self.shop.ask("POST", path).token(&self.admin).header("idempotency-key", key);
        if form { ask.header("content-type", "multipart/form-data; boundary=XX").raw(body) } else { ask.raw(body) }.send().await
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.shop.post(path, &self.admin, body).await.expect(201).body
    }

    /// Returns that wait for their next step: to be approved, to be rejected, to be received, to be refunded, to be
    /// exchanged; and
    /// the order that they are of.
    async fn returns(&self) -> [String; 6] {
        let id = |body: &Value| body["id"].as_str().unwrap().to_owned();
        let order = id(&self.post("/api/orders", order("A", 9, "COD")).await);
        for status in ["SHIPPED", "DELIVERED"] {
            let step = self.shop.ask("PATCH", &format!("/api/orders/{order}/status")).token(&self.admin);
            step.json(&json!({"status": status})).send().await.expect(200);
        }
        let mut returns = Vec::new();
        for steps in [&[][..], &[], &["approve"], &["approve", "receive"], &["approve", "receive"]] {
            // Only the last is exchanged.
            let mut wish = returned(1);
            wish["type"] = json!(if returns.len() == 4 { "EXCHANGE" } else { "RETURN" });
            let it = id(&self.post(&format!("/api/orders/{order}/returns"), wish).await);
            for step in steps {
                self.shop.post(&format!("/api/returns/{it}/{step}"), &self.admin, json!({})).await.expect(200);
            }
            returns.push(it);
        }
        returns.push(order);
        returns.try_into().unwrap()
    }

    /// A token that sets a new password, as it was mailed.
    async fn mailed_token(&self) -> String {
        self.shop.login("ravi", Role::Customer).await;
        let ask = self.shop.ask("POST", "/api/auth/password-reset").json(&json!({"email": "ravi@example.com"}));
        ask.send().await.expect(202);
        loop {
            self.shop.memory.settle().await.unwrap();
            let mails = self.shop.memory.mailer.mails();
            let mail = mails.iter().find(|mail| mail.subject == "password_reset");
            let token = mail.and_then(|mail| mail.text.split("\"token\":\"").nth(1)?.split('"').next());
            match token {
                Some(token) => return token.to_owned(),
                // It is asked for in a task of its own.
                None => tokio::task::yield_now().await,
            }
        }
    }

    /// Every POST route with what it does.
    #[expect(clippy::too_many_lines, reason = "a table, one entry for each route")]
    async fn table(&self) -> Vec<(&'static str, Keeps)> {
        let text = |body: &Value| body.to_string().into_bytes();
        let keeps = |path: &str, body: Value, other: Value, bad: Value| Keeps::Key {
            path: path.to_owned(),
            body: text(&body),
            other: text(&other),
            bad: text(&bad),
            form: false,
        };
        let to = |address: &str| json!({"to": address});
        let hook = |name: &str| json!({"url": format!("https://hooks.example/{name}"), "events": ["*"]});
        let endpoint = self.post("/api/webhook-endpoints", hook("in")).await["id"].as_str().unwrap().to_owned();
        let endpoint = format!("/api/webhook-endpoints/{endpoint}");
        let product = self.shop.stock(&self.admin, "A", 50).await["id"].as_str().unwrap().to_owned();
        let cart = self.post("/api/carts", json!({})).await["cartToken"].as_str().unwrap().to_owned();
        let line = |quantity: i64| json!({"sku": "A", "quantity": quantity});
        self.shop.ask("POST", &format!("/api/carts/{cart}")).json(&line(1)).send().await.expect(200);
        let placed = self.post("/api/orders", order("A", 1, "COD")).await["id"].as_str().unwrap().to_owned();
        let mut declined = order("A", 1, "CARD");
        declined["payment"]["token"] = json!("tok_declined");
        let unpaid = self.post("/api/orders", declined).await["id"].as_str().unwrap().to_owned();
        let mut promised = Vec::new();
        for _ in 0..2 {
            let order = self.post("/api/orders", order("A", 1, "CARD")).await;
            let [id, payment] = [&order["id"], &order["payment"]["id"]].map(|id| id.as_str().unwrap());
            promised.push(format!("/api/orders/{id}/payments/{payment}"));
        }
        self.shop.memory.settle().await.unwrap();
        let messages = self.shop.get("/api/notifications", &self.admin).await.expect(200);
        let message = messages.body["items"][0]["id"].as_str().unwrap().to_owned();
        let calls = self.shop.get(&format!("{endpoint}/deliveries"), &self.admin).await.expect(200);
        let call = calls.body["items"][0]["id"].as_str().unwrap().to_owned();

        let packed = self.post("/api/orders", order("A", 3, "COD")).await["id"].as_str().unwrap().to_owned();
        let parcel = |quantity: i64| json!({"carrier": "Blue Dart", "trackingNumber": "123", "lines": [line(quantity)]});
        let gone = self.post(&format!("/api/orders/{packed}/shipments"), parcel(1)).await["id"].as_str().unwrap().to_owned();
        let said = |status: &str| json!({ "status": status });
        let [approved, rejected, received, refunded, exchanged, arrived] = self.returns().await;
        let coupon = |value: i64| json!({"code": "KEYED", "type": "PERCENTAGE", "value": value});
        let back = |quantity: i64| returned(quantity);
        let step = |id: &str, name: &str| format!("/api/returns/{id}/{name}");
        let paise = |minor: i64| json!({"amount": minor, "currency": "INR"});
        let filled = |minor: i64| json!({"amount": paise(minor), "token": "tok_ok"});
        let given = |minor: i64| json!({"amount": paise(minor), "reason": "late"});
        let person = |name: &str| json!({"email": "keyed@example.com", "password": PASSWORD, "fullName": name});
        let mut elsewhere = address();
        elsewhere["city"] = json!("Pune");
        let mut nowhere = address();
        nowhere["country"] = json!("XX");
        let goods = |name: &str, sku: &str| json!({"name": name, "description": "", "variants": [variant(sku, 1)]});
        let pay = |token: &str| json!({"method": "CARD", "token": token});
        let named = |name: &str| json!({ "name": name });
        let adjust = |delta: i64| json!({"delta": delta, "reason": "counted"});
        let merge = |token: &str| json!({ "cartToken": token });
        let review = |rating: i64| json!({"rating": rating, "text": "It fits."});
        let wish = |product: &str| json!({ "productId": product });
        let nothing = json!({});
        let token = self.mailed_token().await;
        let anew = |password: &str| json!({"token": token, "password": password});
        let who = |email: &str, password: &str| json!({"email": email, "password": password});
        let asked = |email: &str| json!({"email": email, "number": "ORD-0"});
        let login = async || self.shop.post("/api/auth/login", &self.admin, who("admin@example.com", PASSWORD)).await.expect(200);
        let [used, unused] = [login().await, login().await].map(|it| json!({"refreshToken": it.body["refreshToken"]}));
        let (mine, other) = (who("admin@example.com", PASSWORD), who(" admin@example.com", PASSWORD));
        vec![
            ("/api/auth/login", keeps("/api/auth/login", mine, other, who("admin@example.com", "wrong"))),
            ("/api/auth/refresh", keeps("/api/auth/refresh", used, unused, json!({"refreshToken": "x"}))),
            ("/api/auth/logout", Keeps::Apart("it ends the session that asks")),
            (
                "/api/auth/password-reset",
                keeps(
                    "/api/auth/password-reset",
                    json!({"email": "a@example.com"}),
                    json!({"email": "b@example.com"}),
                    json!({}),
                ),
            ),
            (
                "/api/auth/password-reset/confirm",
                keeps("/api/auth/password-reset/confirm", anew("battery staple"), anew("another staple"), anew("short")),
            ),
            ("/api/orders/quote", keeps("/api/orders/quote", order("A", 1, "COD"), order("A", 2, "COD"), order("A", 0, "COD"))),
            ("/api/orders/link", keeps("/api/orders/link", asked("a@example.com"), asked("b@example.com"), json!({}))),
            ("/api/payments/webhooks/{provider}", Keeps::Nothing("the provider's event is the key")),
            ("/api/users", keeps("/api/users", person("Asha"), person("Ravi"), json!({"email": "x"}))),
            ("/api/users/{userId}/addresses", keeps("/api/users/me/addresses", address(), elsewhere, nowhere)),
            ("/api/products", keeps("/api/products", goods("Cap", "C"), goods("Hat", "C"), named("Cap"))),
            (
                "/api/products/{id}/variants",
                keeps(&format!("/api/products/{product}/variants"), variant("B", 1), variant("B", 2), variant("", 1)),
            ),
            (
                "/api/products/{id}/images",
                Keeps::Key {
                    path: format!("/api/products/{product}/images"),
                    body: form(RED),
                    other: form(BLUE),
                    bad: form(b"<svg>"),
                    form: true,
                },
            ),
            ("/api/products/{id}/reviews", keeps(&format!("/api/products/{product}/reviews"), review(5), review(4), review(9))),
            ("/api/users/{userId}/wishlist", keeps("/api/users/me/wishlist", wish(&product), wish(&placed), wish("nothing"))),
            ("/api/categories", keeps("/api/categories", named("Caps"), named("Hats"), named(""))),
            ("/api/sellers", keeps("/api/sellers", named("Mill"), named("Loom"), named(""))),
            ("/api/inventory/{sku}/adjust", keeps("/api/inventory/A/adjust", adjust(2), adjust(3), adjust(0))),
            ("/api/cart/{userId}", keeps("/api/cart/me", line(1), line(2), line(0))),
            ("/api/cart/{userId}/merge", keeps("/api/cart/me/merge", merge(&cart), merge(&"0".repeat(64)), nothing.clone())),
            (
                "/api/carts",
                Keeps::Key {
                    path: "/api/carts".to_owned(),
                    body: text(&nothing),
                    other: Vec::new(),
                    bad: text(&named("x")),
                    form: false,
                },
            ),
            ("/api/carts/{cartToken}", keeps(&format!("/api/carts/{cart}"), line(1), line(2), line(0))),
            ("/api/orders", keeps("/api/orders", order("A", 1, "COD"), order("A", 2, "COD"), order("A", 0, "COD"))),
            (
                "/api/orders/{id}/payments",
                keeps(&format!("/api/orders/{unpaid}/payments"), pay("tok_ok"), pay("tok_pending"), json!({"method": "GOLD"})),
            ),
            (
                "/api/orders/{id}/payments/{paymentId}/capture",
                keeps(
                    &format!("{}/capture", promised[0]),
                    json!({"amount": paise(100)}),
                    json!({"amount": paise(200)}),
                    json!({"amount": paise(0)}),
                ),
            ),
            (
                "/api/orders/{id}/payments/{paymentId}/void",
                keeps(
                    &format!("{}/void", promised[1]),
                    nothing.clone(),
                    json!({"amount": paise(1)}),
                    json!({"amount": paise(2)}),
                ),
            ),
            ("/api/wallet/{userId}/topup", keeps("/api/wallet/me/topup", filled(100), filled(200), filled(0))),
            (
                "/api/orders/{id}/cancel",
                keeps(
                    &format!("/api/orders/{placed}/cancel"),
                    json!({"reason": "late"}),
                    json!({"reason": "lost"}),
                    json!({"reason": "x".repeat(256)}),
                ),
            ),
            ("/api/coupons", keeps("/api/coupons", coupon(10), coupon(20), coupon(0))),
            ("/api/orders/{id}/shipments", keeps(&format!("/api/orders/{packed}/shipments"), parcel(1), parcel(2), parcel(0))),
            (
                "/api/orders/{id}/shipments/{shipmentId}/events",
                keeps(
                    &format!("/api/orders/{packed}/shipments/{gone}/events"),
                    said("IN_TRANSIT"),
                    said("FAILED"),
                    said("SHIPPED"),
                ),
            ),
            ("/api/orders/{id}/returns", keeps(&format!("/api/orders/{arrived}/returns"), back(1), back(2), back(0))),
            ("/api/orders/{id}/refunds", keeps(&format!("/api/orders/{arrived}/refunds"), given(1), given(2), given(0))),
            (
                "/api/returns/{id}/approve",
                Keeps::Key {
                    path: step(&approved, "approve"),
                    body: text(&nothing),
                    other: Vec::new(),
                    bad: text(&named("x")),
                    form: false,
                },
            ),
            (
                "/api/returns/{id}/reject",
                keeps(
                    &step(&rejected, "reject"),
                    json!({"reason": "worn"}),
                    json!({"reason": "torn"}),
                    json!({"reason": "x".repeat(256)}),
                ),
            ),
            (
                "/api/returns/{id}/receive",
                keeps(&step(&received, "receive"), nothing.clone(), json!({"lines": [line(1)]}), json!({"lines": [line(0)]})),
            ),
            (
                "/api/returns/{id}/refund",
                keeps(
                    &step(&refunded, "refund"),
                    json!({"amount": paise(1)}),
                    json!({"amount": paise(2)}),
                    json!({"amount": paise(0)}),
                ),
            ),
            ("/api/webhook-endpoints", keeps("/api/webhook-endpoints", hook("one"), hook("two"), named("x"))),
            (
                "/api/webhook-endpoints/{id}/deliveries/{did}/resend",
                Keeps::Key {
                    path: format!("{endpoint}/deliveries/{call}/resend"),
                    body: text(&nothing),
                    other: Vec::new(),
                    bad: text(&named("x")),
                    form: false,
                },
            ),
            (
                "/api/returns/{id}/exchange",
                keeps(&step(&exchanged, "exchange"), nothing.clone(), json!({"items": [line(1)]}), json!({"items": [line(0)]})),
            ),
            (
                "/api/operations/dead-letters/staff-log-queue/{event}/redrive",
                Keeps::Nothing("a letter that was recorded is gone"),
            ),
            (
                "/api/operations/dead-letters/catalog-order-queue/{event}/redrive",
                Keeps::Nothing("a letter that was recorded is gone"),
            ),
            (
                "/api/operations/dead-letters/order-cart-queue/{event}/redrive",
                Keeps::Nothing("a letter that was recorded is gone"),
            ),
            (
                "/api/operations/dead-letters/notification-queue/{event}/redrive",
                Keeps::Nothing("a letter that was recorded is gone"),
            ),
            ("/api/operations/dead-letters/webhook-queue/{event}/redrive", Keeps::Nothing("a letter that was recorded is gone")),
            ("/api/operations/audit", Keeps::Nothing("an audit is always the present one")),
            ("/api/operations/search-index/rebuild", Keeps::Nothing("an index that was built is built again")),
            (
                "/api/operations/mails/{template}/test",
                keeps("/api/operations/mails/welcome/test", to("a@example.com"), to("b@example.com"), to("nobody")),
            ),
            ("/api/operations/held-messages/hold", Keeps::Nothing("what was said need not be said again")),
            ("/api/operations/held-messages/release", Keeps::Nothing("what was said need not be said again")),
            ("/api/operations/held-messages/drop", Keeps::Nothing("what was said need not be said again")),
            (
                "/api/notifications/{id}/resend",
                Keeps::Key {
                    path: format!("/api/notifications/{message}/resend"),
                    body: text(&nothing),
                    other: Vec::new(),
                    bad: text(&named("x")),
                    form: false,
                },
            ),
        ]
    }
}

/// So many of `A` on their way back.
fn returned(quantity: i64) -> Value {
    json!({"type": "RETURN", "lines": [{"sku": "A", "quantity": quantity}], "reason": "too small"})
}

/// A picture as browsers send it.
pub(crate) fn form(picture: &[u8]) -> Vec<u8> {
    let head = b"--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n";
    [head, picture, b"\r\n--XX--\r\n"].concat()
}

fn is_replay(reply: &Reply) -> bool {
    reply.header("idempotent-replayed") == "true"
}

#[tokio::test]
async fn every_post_of_the_document_keeps_its_key_or_says_why_not() {
    let scene = Scene::set().await;
    let table = scene.table().await;
    let spec = scene.shop.app.spec();
    let posts = spec["paths"].as_object().unwrap().iter().filter(|(_, item)| item.get("post").is_some());
    let documented: BTreeSet<&str> = posts.map(|(path, _)| path.as_str()).collect();
    let tried: BTreeSet<&str> = table.iter().map(|(route, _)| *route).collect();
    assert_eq!(tried, documented);

    for (route, keeps) in &table {
        let operation = &spec["paths"][*route]["post"];
        let key = operation["parameters"].as_array().unwrap().iter().find(|it| it["name"] == "Idempotency-Key").unwrap();
        let kept = !key["description"].as_str().unwrap().contains("nothing is kept");
        assert_eq!(kept, !matches!(keeps, Keeps::Nothing(_)), "{route}: the document says whether a key is kept");
        let told = operation["responses"]["200"]["headers"]["Idempotent-Replayed"].is_object();
        assert_eq!(told, kept, "{route}: the document knows of replays");
    }
    for (route, keeps) in table {
        let Keeps::Key { path, body, other, bad, form } = keeps else { continue };
        let refused = scene.send(&path, "k", bad, form).await;
        assert!(refused.status.is_client_error(), "{route}: {}", refused.text);
        let (one, two) = tokio::join!(scene.send(&path, "k", body.clone(), form), scene.send(&path, "k", body.clone(), form));
        for reply in [&one, &two] {
            assert!(reply.status.is_success(), "{route}: {}", reply.text);
            assert!(!is_replay(reply) || reply.status == 200, "{route}: a replay is 200");
        }
        assert_ne!(is_replay(&one), is_replay(&two), "{route}: of twins one is done, one is a replay");
        for made in [&one, &two].into_iter().filter(|reply| reply.status == 201) {
            let place = made.header("location");
            let read = scene.shop.get(place, &scene.admin).await;
            assert_eq!(read.status, 200, "{route}: what was made is to be read at {place}: {}", read.text);
        }
        let again = scene.send(&path, "k", body, form).await.expect(200);
        assert!(is_replay(&again), "{route}");
        for name in ["id", "cartToken", "url"] {
            assert_eq!(again.body[name], one.body[name], "{route}: the same thing");
            assert_eq!(two.body[name], one.body[name], "{route}: the same thing");
        }
        let mismatch = scene.send(&path, "k", other, form).await;
        assert_eq!(mismatch.refused(422), "IDEMPOTENCY_MISMATCH", "{route}");
        scene.shop.clean(route).await;
    }
}

#[tokio::test]
async fn every_post_reads_the_key_before_it_does_anything() {
    let scene = Scene::set().await;
    for (route, keeps) in scene.table().await {
        let path = match &keeps {
            Keeps::Key { path, .. } => path.clone(),
            Keeps::Nothing(why) | Keeps::Apart(why) => {
                assert!(!why.is_empty());
                route.replace("{provider}", "sandbox")
            }
        };
        let long = scene.send(&path, &"x".repeat(256), b"{}".to_vec(), false).await;
        assert_eq!(long.refused(422), "INVALID", "{route}");
        assert_eq!(long.body["errors"][0]["field"], "Idempotency-Key", "{route}");
    }
}

#[tokio::test]
async fn a_login_under_a_key_is_a_session_of_its_own_each_time() {
    let scene = Scene::set().await;
    let login = |password: &str| {
        let body = json!({"email": "admin@example.com", "password": password});
        scene.send("/api/auth/login", "k", body.to_string().into_bytes(), false)
    };
    let (first, second) = (login(PASSWORD).await.expect(200), login(PASSWORD).await.expect(200));
    assert!(!is_replay(&first) && is_replay(&second));
    assert_ne!(first.body["refreshToken"], second.body["refreshToken"]);
    assert_eq!(login("wrong").await.refused(401), "BAD_CREDENTIALS", "no key opens what the password does not");
}

#[tokio::test]
async fn a_logout_repeated_under_its_key_is_a_replay_and_opens_nothing() {
    let shop = Shop::open().await;
    let asha = shop.login("asha", Role::Customer).await;
    let logout = |key: &'static str, body: &'static str| {
        let ask = shop.ask("POST", "/api/auth/logout").token(&asha);
        if key.is_empty() { ask } else { ask.header("idempotency-key", key) }.raw(body.as_bytes().to_vec()).send()
    };
    let first = logout("k", "{}").await.expect(204);
    assert!(!is_replay(&first));
    for _ in 0..2 {
        let again = logout("k", "{}").await.expect(200);
        assert!(is_replay(&again), "{}", again.text);
    }
    assert_eq!(logout("k", "{ }").await.refused(422), "IDEMPOTENCY_MISMATCH");
    assert_eq!(logout("other", "{}").await.refused(401), "UNAUTHENTICATED");
    assert_eq!(logout("", "{}").await.refused(401), "UNAUTHENTICATED");
    assert_eq!(shop.get("/api/users/me", &asha).await.refused(401), "UNAUTHENTICATED");
    let forged = shop.ask("POST", "/api/auth/logout").token(&format!("{asha}x")).header("idempotency-key", "k");
    assert_eq!(forged.json(&json!({})).send().await.refused(401), "UNAUTHENTICATED");
}
