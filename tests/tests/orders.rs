//! Quotes, orders, payments and what becomes of them.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use commerce_tests::{Client, Order, address, cod, eventually, inr, mails, shared, unique};
use serde_json::{Value, json};

fn minor(money: &Value) -> i64 {
    money["amount"].as_i64().unwrap_or_else(|| panic!("no money: {money}"))
}

fn assert_sums(order: &Value) {
    let lines = order["lines"].as_array().unwrap();
    let subtotal: i64 = lines.iter().map(|line| minor(&line["unitPrice"]) * line["quantity"].as_i64().unwrap()).sum();
    assert_eq!(minor(&order["subtotal"]), subtotal, "{order:#}");
    let total = minor(&order["subtotal"]) - minor(&order["discount"]) + minor(&order["shipping"]) + minor(&order["tax"]);
    assert_eq!(minor(&order["total"]), total, "{order:#}");
    assert!(minor(&order["discount"]) >= 0);
}

#[tokio::test]
async fn a_purchase_paid_on_delivery() {
    let shop = shared();
    let admin = shop.admin().await;
    let (cup, plate) = (admin.product(1_999, 10).await, admin.product(250, 10).await);
    let buyer = shop.customer().await;
    let mut body = cod(&[(&cup.sku, 2), (&plate.sku, 3)]);
    body["metadata"] = json!({"gift": "yes"});
    let answer = buyer.post("/api/orders", &body).send().await;
    let order = Order::of(&answer, 201);
    assert_eq!(answer.header("location"), format!("/api/orders/{}", order.id));
    let body = &order.body;
    assert_eq!(
        (&body["status"], &body["userId"], &body["metadata"]),
        (&json!("CONFIRMED"), &json!(buyer.user), &json!({"gift": "yes"}))
    );
    assert!(order.number.starts_with("ORD-"), "{}", order.number);
    assert_eq!(body["subtotal"], inr(4_748));
    assert_sums(body);
    for member in [
        "id",
        "number",
        "userId",
        "status",
        "lines",
        "subtotal",
        "discount",
        "shipping",
        "tax",
        "total",
        "taxLines",
        "couponCode",
        "payment",
        "shippingAddress",
        "placedAt",
        "version",
    ] {
        assert!(body.get(member).is_some(), "no {member}: {body}");
    }
    for member in ["sku", "productId", "name", "quantity", "unitPrice", "discount", "tax", "total"] {
        assert!(body["lines"][0].get(member).is_some(), "no {member}: {body}");
    }
    for member in ["id", "method", "status", "authorized", "captured", "refunded", "providerReference", "attempts"] {
        assert!(body["payment"].get(member).is_some(), "no {member}: {body}");
    }
    assert_eq!(body["payment"]["method"], "COD");
    assert_eq!(body["shippingAddress"]["city"], "Pune");
    let path = format!("/api/orders/{}", order.id);
    assert_eq!(buyer.read(&path).await["total"], body["total"]);
    let timeline = buyer.read(&format!("{path}/timeline")).await;
    let first = &timeline["items"][0];
    assert_eq!(first["status"], "PENDING");
    assert!(first["at"].is_string() && first.get("note").is_some() && first.get("actor").is_some(), "{timeline}");
    assert_eq!(buyer.statuses(&order.id).await, ["PENDING", "CONFIRMED"]);
    // The hold becomes a sale within five seconds.
    eventually("the hold becomes a sale", async || admin.stock(&cup.sku).await, |stock| *stock == (8, 0, 8)).await;
    let data = shop.data();
    let subjects = eventually(
        "both mails",
        async || {
            mails(&data).into_iter().filter(|mail| mail.to.contains(&buyer.email)).map(|mail| mail.subject).collect::<Vec<_>>()
        },
        |subjects| subjects.len() >= 3,
    )
    .await;
    for subject in ["Welcome!".to_owned(), format!("Order Placed — {}", order.number), "Order Confirmed".to_owned()] {
        assert_eq!(subjects.iter().filter(|known| **known == subject).count(), 1, "{subject} in {subjects:?}");
    }
    // Her list, and nobody else's.
    let list = buyer.read("/api/orders").await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let stranger = shop.customer().await;
    assert_eq!(stranger.read("/api/orders").await["items"], json!([]));
    for path in [path.clone(), format!("{path}/timeline")] {
        stranger.get(&path).send().await.any_problem(404);
        shop.anyone().get(&path).send().await.any_problem(401);
        admin.read(&path).await;
    }
    stranger.post(&format!("{path}/cancel"), &json!({})).send().await.any_problem(404);
    stranger.post(&format!("{path}/payments"), &json!({"method": "CARD", "token": "tok_ok"})).send().await.any_problem(404);
    stranger.patch(&format!("{path}/status"), &json!({"status": "SHIPPED"})).send().await.any_problem(404);
    buyer.patch(&format!("{path}/status"), &json!({"status": "SHIPPED"})).send().await.problem(403, "FORBIDDEN");
}

#[tokio::test]
async fn lists_are_filtered() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = admin.product(100, 50).await;
    let buyer = shop.customer().await;
    let confirmed = buyer.order(&[(&cup.sku, 1)]).await;
    let pending = buyer.order_paid(&cup.sku, "tok_pending").await;
    let found = async |client: &Client, query: &str| -> Vec<String> {
        let list = client.read(&format!("/api/orders?{query}")).await;
        list["items"].as_array().unwrap().iter().map(|order| order["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found(&buyer, "").await, [pending.id.clone(), confirmed.id.clone()], "newest first");
    assert_eq!(found(&buyer, "status=PENDING").await, std::slice::from_ref(&pending.id));
    let at = confirmed.body["placedAt"].as_str().unwrap();
    assert_eq!(found(&buyer, &format!("from={at}")).await.len(), 2);
    assert!(found(&buyer, &format!("to={at}")).await.is_empty() || found(&buyer, "to=2000-01-01T00:00:00Z").await.is_empty());
    assert!(found(&buyer, "from=2099-01-01T00:00:00Z").await.is_empty());
    assert_eq!(found(&admin, &format!("userId={}", buyer.user)).await.len(), 2);
    assert_eq!(found(&admin, &format!("number={}", confirmed.number)).await, std::slice::from_ref(&confirmed.id));
    assert_eq!(found(&admin, &format!("email={}", buyer.email)).await.len(), 2);
    let stranger = shop.customer().await;
    assert!(found(&stranger, &format!("number={}", confirmed.number)).await.is_empty());
    let answer = stranger.get(&format!("/api/orders?userId={}", buyer.user)).send().await;
    assert!(!answer.text().contains(&confirmed.id), "{}", answer.text());
    for query in ["status=LOST", "from=yesterday", "to=1", "userId=x", "limit=0"] {
        let answer = admin.get(&format!("/api/orders?{query}")).send().await;
        assert!([422, 404, 400].contains(&answer.status), "{query}: {}", answer.text());
    }
}

#[tokio::test]
async fn an_order_costs_what_was_quoted() {
    let shop = shared();
    let admin = shop.admin().await;
    let (cup, plate) = (admin.product(1_999, 10).await, admin.product(333, 10).await);
    let buyer = shop.customer().await;
    let mut body = cod(&[(&cup.sku, 3), (&plate.sku, 7)]);
    body.as_object_mut().unwrap().remove("payment");
    let quote = buyer.post("/api/orders/quote", &body).send().await.expect(200);
    assert_sums(&quote);
    let options = quote["shippingOptions"].as_array().unwrap();
    assert!(!options.is_empty());
    for member in ["id", "name", "price", "estimatedDays"] {
        assert!(options[0].get(member).is_some(), "no {member}: {quote}");
    }
    assert_eq!(admin.stock(&cup.sku).await, (10, 0, 10), "a quote writes nothing");
    for option in options {
        let mut body = cod(&[(&cup.sku, 1), (&plate.sku, 1)]);
        body["shippingOptionId"] = option["id"].clone();
        let quote = buyer.post("/api/orders/quote", &body).send().await.expect(200);
        assert_eq!(quote["shipping"], option["price"], "{quote}");
        body["expectedTotal"] = quote["total"].clone();
        let order = buyer.post("/api/orders", &body).send().await.expect(201);
        assert_sums(&order);
        for member in ["subtotal", "discount", "shipping", "tax", "total", "taxLines"] {
            assert_eq!(order[member], quote[member], "{member}");
        }
    }
    body["shippingOptionId"] = json!("teleport");
    buyer.post("/api/orders/quote", &body).send().await.any_problem(422);
}

#[tokio::test]
async fn a_changed_price_is_told() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = admin.product(1_000, 10).await;
    let buyer = shop.customer().await;
    let mut body = cod(&[(&cup.sku, 2)]);
    body["expectedTotal"] = inr(1);
    let problem = buyer.post("/api/orders", &body).send().await.problem(409, "PRICE_CHANGED");
    let quote = problem.get("quote").unwrap_or_else(|| panic!("no quote inside: {problem}"));
    assert_sums(quote);
    assert_eq!(admin.stock(&cup.sku).await, (10, 0, 10), "a refusal leaves nothing");
    body["expectedTotal"] = quote["total"].clone();
    buyer.post("/api/orders", &body).send().await.expect(201);
    body["expectedTotal"] = json!({"amount": quote["total"]["amount"], "currency": "USD"});
    let answer = buyer.post("/api/orders", &body).send().await;
    assert!([409, 422].contains(&answer.status), "{}", answer.text());
}

#[tokio::test]
async fn what_is_not_there_is_not_sold() {
    let shop = shared();
    let admin = shop.admin().await;
    let (few, many) = (admin.product(100, 2).await, admin.product(100, 50).await);
    let buyer = shop.customer().await;
    let problem = buyer.post("/api/orders", &cod(&[(&many.sku, 5), (&few.sku, 3)])).send().await.problem(409, "SOLD_OUT");
    assert_eq!(problem["lines"], json!([{"sku": few.sku, "requested": 3, "available": 2}]));
    assert_eq!(admin.stock(&many.sku).await, (50, 0, 50), "all lines or none");
    // The same SKU twice is one demand.
    let problem = buyer.post("/api/orders", &cod(&[(&few.sku, 1), (&few.sku, 2)])).send().await.problem(409, "SOLD_OUT");
    assert_eq!(problem["lines"], json!([{"sku": few.sku, "requested": 3, "available": 2}]));
    let order = buyer.order(&[(&many.sku, 1), (&few.sku, 1), (&many.sku, 2)]).await;
    let lines: Vec<(&Value, &Value)> =
        order.body["lines"].as_array().unwrap().iter().map(|line| (&line["sku"], &line["quantity"])).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.contains(&(&json!(many.sku), &json!(3))), "{lines:?}");
    let answer = buyer.post("/api/orders", &cod(&[(&many.sku, 999), (&many.sku, 1)])).send().await;
    assert!([422, 409].contains(&answer.status), "{}", answer.text());
}

#[tokio::test]
async fn bad_orders_are_refused_and_leave_nothing() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = admin.product(1_000, 10).await;
    let dollar = unique("USD");
    let body = json!({"name": "Dollar", "description": "x", "variants": [{"sku": dollar, "price": {"amount": 100, "currency": "USD"}, "stock": 5}]});
    admin.post("/api/products", &body).send().await.expect(201);
    let buyer = shop.customer().await;
    let post = async |change: &dyn Fn(&mut Value)| {
        let mut body = cod(&[(&cup.sku, 1)]);
        change(&mut body);
        buyer.post("/api/orders", &body).send().await
    };
    let missing = "01890000-0000-7000-8000-000000000000";
    post(&|body| body["items"] = json!([])).await.problem(422, "EMPTY_ORDER");
    post(&|body| drop(body.as_object_mut().unwrap().remove("items"))).await.problem(422, "EMPTY_ORDER");
    post(&|body| body["items"][0]["price"] = inr(1)).await.problem(400, "UNKNOWN_FIELD");
    post(&|body| body["items"][0]["unitPrice"] = inr(1)).await.problem(400, "UNKNOWN_FIELD");
    for field in ["total", "subtotal", "discount", "status", "userId", "shipping", "id"] {
        post(&|body| body[field] = json!(1)).await.problem(400, "UNKNOWN_FIELD");
    }
    post(&|body| drop(body.as_object_mut().unwrap().remove("payment"))).await.any_problem(400);
    post(&|body| body["payment"]["method"] = json!("BARTER")).await.any_problem(422);
    post(&|body| body["payment"]["amount"] = inr(1)).await.problem(400, "UNKNOWN_FIELD");
    post(&|body| body["shippingAddress"]["country"] = json!("Nowhere")).await.invalid("shippingAddress.country");
    post(&|body| body["shippingAddress"]["planet"] = json!("Mars")).await.problem(400, "UNKNOWN_FIELD");
    for answer in [
        post(&|body| body["items"][0]["sku"] = json!("NO-SUCH-SKU")).await,
        post(&|body| body["couponCode"] = json!("NO-SUCH-COUPON")).await,
        post(&|body| body["addressId"] = json!(missing)).await,
        post(&|body| drop(body.as_object_mut().unwrap().remove("shippingAddress"))).await,
    ] {
        assert!([404, 422].contains(&answer.status), "{}", answer.text());
    }
    let foreign = |body: &mut Value| {
        body.as_object_mut().unwrap().remove("shippingAddress");
        body["addressId"] = json!(missing);
    };
    let answer = post(&foreign).await;
    assert!([404, 422].contains(&answer.status), "{}", answer.text());
    let mixed = buyer.post("/api/orders", &cod(&[(&cup.sku, 1), (&dollar, 1)])).send().await;
    mixed.problem(422, "CURRENCY_MISMATCH");
    assert_eq!(admin.stock(&cup.sku).await, (10, 0, 10));
    assert_eq!(buyer.read("/api/orders").await["items"], json!([]));
    let lines: Vec<(String, i64)> = (0..201).map(|index| (format!("S-{index}"), 1)).collect();
    let lines: Vec<(&str, i64)> = lines.iter().map(|(sku, quantity)| (sku.as_str(), *quantity)).collect();
    buyer.post("/api/orders", &cod(&lines)).send().await.any_problem(422);
}

#[tokio::test]
async fn an_address_of_the_book_is_copied() {
    let shop = shared();
    let cup = shop.admin().await.product(1_000, 10).await;
    let buyer = shop.customer().await;
    let stored = buyer.post("/api/users/me/addresses", &address()).send().await.expect(201);
    let mut body = cod(&[(&cup.sku, 1)]);
    body.as_object_mut().unwrap().remove("shippingAddress");
    let by_default = buyer.post("/api/orders", &body).send().await.expect(201);
    assert_eq!(by_default["shippingAddress"]["line1"], "12 MG Road");
    body["addressId"] = stored["id"].clone();
    let chosen = Order::of(&buyer.post("/api/orders", &body).send().await, 201);
    let mut moved = address();
    moved["line1"] = json!("1 New Street");
    buyer.put(&format!("/api/users/me/addresses/{}", stored["id"].as_str().unwrap()), &moved).send().await.expect(200);
    let order = buyer.read(&format!("/api/orders/{}", chosen.id)).await;
    assert_eq!(order["shippingAddress"]["line1"], "12 MG Road", "the order keeps what it was sent to");
}

#[tokio::test]
async fn one_key_is_one_order() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = admin.product(1_000, 10).await;
    let buyer = shop.customer().await;
    let body = cod(&[(&cup.sku, 1)]);
    let key = unique("key");
    let first = Order::of(&buyer.post("/api/orders", &body).key(&key).send().await, 201);
    let path = format!("/api/orders/{}/status", first.id);
    admin.patch(&path, &json!({"status": "PROCESSING"})).send().await.expect(200);
    let replay = buyer.post("/api/orders", &body).key(&key).send().await;
    assert_eq!(replay.header("idempotent-replayed"), "true");
    let replayed = Order::of(&replay, 200);
    assert_eq!((&replayed.id, &replayed.body["status"]), (&first.id, &json!("PROCESSING")), "its present state");
    buyer.post("/api/orders", &cod(&[(&cup.sku, 2)])).key(&key).send().await.problem(422, "IDEMPOTENCY_MISMATCH");
    // Another user's key is another key.
    let other = shop.customer().await;
    let others = Order::of(&other.post("/api/orders", &body).key(&key).send().await, 201);
    assert_ne!(others.id, first.id);

    // In the body as well; both and different is refused.
    let mut keyed = cod(&[(&cup.sku, 1)]);
    keyed["idempotencyKey"] = json!("in-the-body");
    let second = Order::of(&buyer.post("/api/orders", &keyed).send().await, 201);
    let again = buyer.post("/api/orders", &keyed).send().await;
    assert_eq!((again.header("idempotent-replayed"), Order::of(&again, 200).id), ("true", second.id.clone()));
    let same = buyer.post("/api/orders", &keyed).key("in-the-body").send().await;
    assert_eq!(Order::of(&same, 200).id, second.id);
    buyer.post("/api/orders", &keyed).key("another").send().await.any_problem(422);
    for bad in [json!(""), json!("k".repeat(256))] {
        keyed["idempotencyKey"] = bad;
        buyer.post("/api/orders", &keyed).send().await.any_problem(422);
    }

    // A refused request does not use its key up.
    let refused = cod(&[(&cup.sku, 500)]);
    buyer.post("/api/orders", &refused).key("later").send().await.problem(409, "SOLD_OUT");
    admin.post(&format!("/api/inventory/{}/adjust", cup.sku), &json!({"delta": 600, "reason": "delivery"})).send().await;
    Order::of(&buyer.post("/api/orders", &refused).key("later").send().await, 201);
    buyer.post("/api/orders", &cod(&[(&cup.sku, 5_000)])).key("fixed").send().await.any_problem(422);
    Order::of(&buyer.post("/api/orders", &cod(&[(&cup.sku, 5)])).key("fixed").send().await, 201);
}

#[tokio::test]
async fn the_status_walks_its_graph() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = admin.product(1_000, 50).await;
    let buyer = shop.customer().await;
    let set = async |order: &Order, status: &str| {
        let body = json!({"status": status, "note": "by hand"});
        admin.patch(&format!("/api/orders/{}/status", order.id), &body).send().await
    };
    let unpaid = buyer.order_paid(&cup.sku, "tok_pending").await;
    set(&unpaid, "CONFIRMED").await.problem(409, "PAYMENT_REQUIRED");
    for status in ["PROCESSING", "SHIPPED", "DELIVERED"] {
        set(&unpaid, status).await.any_problem(409);
    }
    let order = buyer.order(&[(&cup.sku, 1)]).await;
    for status in ["DELIVERED", "OUT_FOR_DELIVERY", "PENDING"] {
        set(&order, status).await.problem(409, "ILLEGAL_TRANSITION");
    }
    set(&order, "TELEPORTED").await.any_problem(422);
    for status in ["PROCESSING", "SHIPPED", "OUT_FOR_DELIVERY", "DELIVERED"] {
        assert_eq!(set(&order, status).await.expect(200)["status"], status);
    }
    let delivered = buyer.read(&format!("/api/orders/{}", order.id)).await;
    assert_eq!((&delivered["payment"]["status"], &delivered["payment"]["captured"]), (&json!("CAPTURED"), &delivered["total"]));
    for status in ["PENDING", "CONFIRMED", "SHIPPED", "CANCELLED"] {
        set(&order, status).await.problem(409, "ILLEGAL_TRANSITION");
    }
    buyer.post(&format!("/api/orders/{}/cancel", order.id), &json!({})).send().await.any_problem(409);
    let walked = ["PENDING", "CONFIRMED", "PROCESSING", "SHIPPED", "OUT_FOR_DELIVERY", "DELIVERED"];
    assert_eq!(buyer.statuses(&order.id).await, walked);
    let timeline = buyer.read(&format!("/api/orders/{}/timeline", order.id)).await;
    assert_eq!(timeline["items"][2]["note"], "by hand", "{timeline}");
    let data = shop.data();
    for subject in ["Order Shipped 🚚", "Delivered 📦"] {
        let count = async || mails(&data).iter().filter(|mail| mail.to.contains(&buyer.email) && mail.subject == subject).count();
        eventually(subject, count, |count| *count == 1).await;
    }
    // A stale version is held where it is given.
    let other = buyer.order(&[(&cup.sku, 1)]).await;
    let call =
        admin.patch(&format!("/api/orders/{}/status", other.id), &json!({"status": "PROCESSING"})).header("if-match", "\"99\"");
    call.send().await.problem(412, "VERSION_MISMATCH");
}

#[tokio::test]
async fn staff_reads_and_resends_notifications() {
    let shop = shared();
    let admin = shop.admin().await;
    let buyer = shop.customer().await;
    let path = format!("/api/notifications?recipient={}", buyer.email);
    buyer.get(&path).send().await.problem(403, "FORBIDDEN");
    let sent = |list: &Value| list["items"].as_array().is_some_and(|items| items.len() == 1 && items[0]["status"] == "SENT");
    let list = eventually("the welcome is sent", async || admin.read(&path).await, sent).await;
    let id = list["items"][0]["id"].as_str().unwrap();
    let answer = admin.post(&format!("/api/notifications/{id}/resend"), &json!({})).send().await;
    assert!([200, 201, 202].contains(&answer.status), "{}", answer.text());
    admin.post("/api/notifications/01890000-0000-7000-8000-000000000000/resend", &json!({})).send().await.any_problem(404);
    assert!(admin.read("/api/notifications?event=USER_REGISTERED&status=SENT").await["items"].is_array());
}
