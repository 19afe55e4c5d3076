//! The log of what staff did, from outside: each kind of deed, once, in whatever shape the shop runs.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use commerce_tests::{Client, Options, Order, Server, cod, eventually, inr, shared, unique};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

/// The smallest picture there is.
const DOT: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn text(answer: &Value, pointer: &str) -> String {
    answer.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer}: {answer}")).to_owned()
}

/// What the log says was done to a subject, oldest first, once there is so much.
async fn deeds(admin: &Client, subject: &str, count: usize) -> Vec<Value> {
    let path = format!("/api/staff-log?subject={subject}&limit=100");
    let read = || async { admin.read(&path).await["items"].as_array().unwrap().clone() };
    let mut found = eventually("the log has each deed", read, |items| items.len() >= count).await;
    found.reverse();
    found
}

/// Holds that these were done to a subject by this client, each once and in whatever order they were heard.
async fn told(admin: &Client, kind: &str, subject: &str, actions: &[&str]) -> Vec<Value> {
    let found = deeds(admin, subject, actions.len()).await;
    let mut heard: Vec<String> = found.iter().map(|it| text(it, "/action")).collect();
    let mut wanted: Vec<String> = actions.iter().map(|action| (*action).to_owned()).collect();
    heard.sort();
    wanted.sort();
    assert_eq!(heard, wanted, "{found:#?}");
    for it in &found {
        assert_eq!((&it["subject"]["kind"], &it["actorId"]), (&json!(kind), &json!(admin.user)), "{it}");
    }
    found
}

async fn take(call: commerce_tests::Call) -> Value {
    let answer = call.send().await;
    assert!(answer.status < 300, "{} {}", answer.status, answer.text());
    answer.expect(answer.status)
}

/// Gives a product a name, or the one that it has.
async fn rename(client: &Client, path: &str, name: &str) {
    let version = client.read(path).await["version"].to_string();
    take(client.patch(path, &json!({"name": name})).header("if-match", &format!("\"{version}\""))).await;
}

#[tokio::test]
async fn what_staff_does_in_the_catalog_is_told_once() {
    let shop = shared();
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(1_000, 5).await;
    let path = format!("/api/products/{}", cup.id);
    for _ in 0..2 {
        rename(&admin, &path, "Another cup").await;
    }
    let variant = json!({"sku": unique("SKU"), "price": inr(500)});
    take(admin.post(&format!("{path}/variants"), &variant)).await;
    let other = format!("{path}/variants/{}", variant["sku"].as_str().unwrap());
    take(admin.patch(&other, &json!({"price": inr(600)}))).await;
    take(admin.delete(&other)).await;
    let head = "--XX\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.png\"\r\ncontent-type: image/png\r\n\r\n";
    let form = [head.as_bytes(), &STANDARD.decode(DOT).unwrap(), b"\r\n--XX--\r\n"].concat();
    let call = admin.call(Method::POST, &format!("{path}/images"));
    let image = take(call.header("content-type", "multipart/form-data; boundary=XX").bytes(form)).await;
    take(admin.delete(&format!("{path}/images/{}", text(&image, "/id")))).await;
    let stock = format!("/api/inventory/{}/adjust", cup.sku);
    for _ in 0..2 {
        take(admin.post(&stock, &json!({"delta": -1, "reason": "broken by Grace Hopper"})).key("broken")).await;
    }
    let review = json!({"rating": 5, "text": "It holds tea."});
    let review = text(&take(buyer.post(&format!("{path}/reviews"), &review)).await, "/id");
    take(admin.put(&format!("/api/reviews/{review}/moderation"), &json!({"status": "APPROVED"}))).await;
    take(admin.delete(&path)).await;

    let actions = [
        "PRODUCT_CREATED",
        "PRODUCT_CHANGED",
        "VARIANT_ADDED",
        "VARIANT_CHANGED",
        "VARIANT_REMOVED",
        "IMAGE_ADDED",
        "IMAGE_REMOVED",
        "STOCK_ADJUSTED",
        "PRODUCT_ARCHIVED",
    ];
    let found = told(&admin, "PRODUCT", &cup.id, &actions).await;
    let counted = found.iter().find(|it| it["action"] == "STOCK_ADJUSTED").unwrap();
    assert_eq!(counted["detail"], json!({"sku": cup.sku, "delta": -1}), "and nothing that somebody wrote");
    told(&admin, "REVIEW", &review, &["REVIEW_MODERATED"]).await;

    let name = unique("Kitchen");
    let category = text(&take(admin.post("/api/categories", &json!({"name": name}))).await, "/id");
    take(admin.put(&format!("/api/categories/{category}"), &json!({"name": unique("Pantry")}))).await;
    take(admin.delete(&format!("/api/categories/{category}"))).await;
    told(&admin, "CATEGORY", &category, &["CATEGORY_CREATED", "CATEGORY_CHANGED", "CATEGORY_DELETED"]).await;
    let seller = text(&take(admin.post("/api/sellers", &json!({"name": unique("Potter")}))).await, "/id");
    take(admin.put(&format!("/api/sellers/{seller}"), &json!({"name": unique("Potter")}))).await;
    told(&admin, "SELLER", &seller, &["SELLER_CREATED", "SELLER_UPDATED"]).await;
}

#[tokio::test]
async fn what_staff_does_to_orders_is_told_once_and_a_customers_own_doing_is_not() {
    let shop =
        Server::start_with(Options { env: vec![("COMMERCE_PAYMENTS__CAPTURE", "manual".to_owned())], ..Options::default() });
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(1_000, 50).await;
    let lines = |units: i64| json!([{"sku": cup.sku, "quantity": units}]);

    let mine = buyer.order(&[(&cup.sku, 1)]).await;
    take(buyer.post(&format!("/api/orders/{}/cancel", mine.id), &json!({}))).await;

    let order = buyer.order_paid(&cup.sku, "tok_ok").await;
    let payment = text(&order.body, "/payment/id");
    take(admin.post(&format!("/api/orders/{}/payments/{payment}/void", order.id), &json!({}))).await;
    told(&admin, "ORDER", &order.id, &["PAYMENT_VOIDED"]).await;

    let mut body = cod(&[(&cup.sku, 4)]);
    body["payment"] = json!({"method": "CARD", "token": "tok_ok"});
    let order = Order::of(&buyer.post("/api/orders", &body).send().await, 201);
    let at = |rest: &str| format!("/api/orders/{}/{rest}", order.id);
    let payment = text(&order.body, "/payment/id");
    take(admin.post(&at(&format!("payments/{payment}/capture")), &json!({}))).await;
    take(admin.post(&at("cancel"), &json!({"lines": lines(1)}))).await;
    let mut elsewhere = commerce_tests::address();
    elsewhere["line1"] = json!("14 MG Road");
    take(admin.put(&at("shipping-address"), &elsewhere)).await;
    let parcel = json!({"carrier": "Blue Dart", "trackingNumber": "1234"});
    let parcel = text(&take(admin.post(&at("shipments"), &parcel)).await, "/id");
    take(admin.post(&at(&format!("shipments/{parcel}/events")), &json!({"status": "IN_TRANSIT"}))).await;
    take(admin.patch(&at("status"), &json!({"status": "OUT_FOR_DELIVERY"}))).await;
    take(admin.patch(&at("status"), &json!({"status": "DELIVERED"}))).await;
    take(admin.post(&at("refunds"), &json!({"amount": inr(10), "reason": "for the trouble of Grace Hopper"}))).await;
    let ask = |kind: &str| json!({"type": kind, "lines": lines(1), "reason": "too small"});
    for (kind, last) in [("RETURN", "refund"), ("EXCHANGE", "exchange")] {
        let back = text(&take(admin.post(&at("returns"), &ask(kind))).await, "/id");
        for step in ["approve", "approve", "receive", last] {
            take(admin.post(&format!("/api/returns/{back}/{step}"), &json!({}))).await;
        }
    }
    let back = text(&take(buyer.post(&at("returns"), &ask("RETURN"))).await, "/id");
    take(admin.post(&format!("/api/returns/{back}/reject"), &json!({"reason": "not as Grace Hopper says"}))).await;
    let found = told(
        &admin,
        "ORDER",
        &order.id,
        &[
            "PAYMENT_CAPTURED",
            "ORDER_LINES_CANCELLED",
            "ORDER_REDIRECTED",
            "SHIPMENT_CREATED",
            "SHIPMENT_UPDATED",
            "ORDER_STATUS_SET",
            "ORDER_STATUS_SET",
            "REFUND_GIVEN",
            "RETURN_REQUESTED",
            "RETURN_APPROVED",
            "RETURN_RECEIVED",
            "RETURN_REFUNDED",
            "RETURN_REQUESTED",
            "RETURN_APPROVED",
            "RETURN_RECEIVED",
            "RETURN_EXCHANGED",
            "RETURN_REJECTED",
        ],
    )
    .await;
    let all = format!("{found:?}");
    assert!(!all.contains("Hopper") && !all.contains("MG Road"), "the erased leave nothing in it: {all}");
    assert_eq!(deeds(&admin, &mine.id, 0).await, [] as [Value; 0], "what its owner did");

    let coupon = json!({"code": "STAFF10", "type": "PERCENTAGE", "value": 10});
    take(admin.post("/api/coupons", &coupon)).await;
    take(admin.put("/api/coupons/STAFF10", &json!({"code": "STAFF10", "type": "PERCENTAGE", "value": 20}))).await;
    take(admin.delete("/api/coupons/STAFF10")).await;
    let read = || async { admin.read("/api/staff-log?action=COUPON_CREATED").await };
    let made = eventually("the coupon is told of", read, |log| log["items"][0]["detail"]["code"] == "STAFF10").await;
    let id = text(&made, "/items/0/subject/id");
    told(&admin, "COUPON", &id, &["COUPON_CREATED", "COUPON_CHANGED", "COUPON_DELETED"]).await;
}

#[tokio::test]
async fn what_staff_does_to_messages_is_told_once() {
    let shop = shared();
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let endpoint = json!({"url": "https://hooks.example.com/?token=secret", "events": ["ORDER_CREATED"]});
    let id = text(&take(admin.post("/api/webhook-endpoints", &endpoint)).await, "/id");
    take(admin.put(&format!("/api/webhook-endpoints/{id}"), &json!({"url": "https://hooks.example.com/", "events": ["*"]})))
        .await;
    take(admin.delete(&format!("/api/webhook-endpoints/{id}"))).await;
    let found = told(&admin, "WEBHOOK_ENDPOINT", &id, &["ENDPOINT_CREATED", "ENDPOINT_CHANGED", "ENDPOINT_REMOVED"]).await;
    assert!(!format!("{found:?}").contains("secret"), "where it is may hold a token: {found:?}");
    let internal = json!({"url": "https://hooks.example.com/", "events": ["STAFF_ACTED"]});
    admin.post("/api/webhook-endpoints", &internal).send().await.invalid("events");

    let path = format!("/api/notifications?recipient={}", buyer.user);
    let welcome =
        eventually("she is welcomed", || async { admin.read(&path).await }, |it| it["items"][0]["status"] == "SENT").await;
    let message = text(&welcome, "/items/0/id");
    take(admin.post(&format!("/api/notifications/{message}/resend"), &json!({}))).await;
    told(&admin, "NOTIFICATION", &message, &["NOTIFICATION_RESENT"]).await;
}

#[tokio::test]
async fn what_staff_does_to_carts_wishlists_and_the_index_is_told_once() {
    let shop = shared();
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(1_000, 5).await;
    for client in [&buyer, &admin] {
        let (cart, wishes) = (format!("/api/cart/{}", buyer.user), format!("/api/users/{}/wishlist/{}", buyer.user, cup.id));
        take(client.post(&cart, &json!({"sku": cup.sku, "quantity": 1}))).await;
        take(client.put(&format!("{cart}/items/{}", cup.sku), &json!({"quantity": 3}))).await;
        take(client.put(&format!("{cart}/items/{}", cup.sku), &json!({"quantity": 3}))).await;
        take(client.delete(&cart)).await;
        take(client.put(&wishes, &json!({}))).await;
        take(client.delete(&wishes)).await;
    }
    let mine = format!("/api/cart/{}", admin.user);
    take(admin.post(&mine, &json!({"sku": cup.sku, "quantity": 1}))).await;
    told(&admin, "USER", &buyer.user, &["CART_CHANGED", "CART_CHANGED", "CART_CHANGED", "WISHLIST_CHANGED", "WISHLIST_CHANGED"])
        .await;
    let own = admin.read(&format!("/api/staff-log?subject={}&action=CART_CHANGED", admin.user)).await;
    assert_eq!(own["items"], json!([]), "what she does to her own cart");
    admin.post("/api/operations/search-index/rebuild", &json!({})).send().await.text();
    let rebuilt = || admin.read("/api/staff-log?action=INDEX_REBUILT");
    eventually("that it was built is told", rebuilt, |log| log["items"][0]["subject"]["kind"] == "SHOP").await;
}

#[tokio::test]
async fn a_sellers_own_doing_is_not_staffs() {
    let shop = shared();
    let (admin, client) = (shop.admin().await, shop.customer().await);
    take(admin.put(&format!("/api/users/{}/role", client.user), &json!({"role": "SELLER"}))).await;
    let seller = shop.anyone().logged_in(&client.email, "correct horse battery").await;
    let cup = seller.product(1_000, 5).await;
    rename(&seller, &format!("/api/products/{}", cup.id), "Another cup").await;
    take(seller.post(&format!("/api/inventory/{}/adjust", cup.sku), &json!({"delta": 1, "reason": "found"}))).await;
    rename(&admin, &format!("/api/products/{}", cup.id), "A third cup").await;
    told(&admin, "PRODUCT", &cup.id, &["PRODUCT_CHANGED"]).await;
    let hers = admin.read(&format!("/api/staff-log?actor={}", seller.user)).await;
    assert_eq!(hers["items"], json!([]), "she is no staff");
    let role = admin.read(&format!("/api/staff-log?actor={}&subject={}&action=ROLE_CHANGED", admin.user, seller.user)).await;
    assert_eq!(role["items"][0]["userId"], json!(seller.user), "{role}");
    admin.get("/api/staff-log?action=NONSENSE").send().await.invalid("action");
    admin.get("/api/staff-log?subject=nonsense").send().await.invalid("subject");
    seller.get("/api/staff-log").send().await.problem(403, "FORBIDDEN");
}

/// What an audit repairs is told with who asked for it and how much it was; one that repairs nothing is not told.
#[tokio::test]
async fn what_an_audit_repairs_is_told() {
    let shop = Server::start_with(Options { services: Some(false), mariadb: Some(false), ..Options::default() });
    let admin = shop.admin().await;
    let cup = admin.product(1_000, 5).await;
    let audit = async |fix: bool| {
        let answer = admin.post("/api/operations/audit", &json!({"fix": fix})).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let last: Value = serde_json::from_str(answer.text().lines().last().unwrap()).unwrap();
        last["result"].clone()
    };
    assert_eq!(audit(true).await["repairs"], json!([]));
    let file = SqliteConnectOptions::new().filename(shop.data().join("catalog.db"));
    let mut database = SqliteConnection::connect_with(&file).await.unwrap();
    let spoilt = sqlx::query("UPDATE inventory SET on_hand = 77 WHERE sku = ?").bind(&cup.sku).execute(&mut database).await;
    assert_eq!(spoilt.unwrap().rows_affected(), 1);
    database.close().await.unwrap();
    assert_ne!(audit(false).await["violations"], json!([]));
    let fixed = audit(true).await;
    assert_eq!((fixed["repairs"].as_array().map(Vec::len), &fixed["violations"]), (Some(1), &json!([])), "{fixed}");
    assert_eq!(audit(true).await["repairs"], json!([]));
    let nobody = "00000000-0000-0000-0000-000000000000";
    let found = told(&admin, "SHOP", nobody, &["SHOP_REPAIRED"]).await;
    assert_eq!(found[0]["detail"], json!({"repairs": 1}));
}
