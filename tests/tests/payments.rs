//! Money: tokens, webhooks, paying again, and giving it back.

use commerce_tests::{Answer, Client, Order, Server, cod, eventually, inr, mails, shared, sign_webhook, unique};
use serde_json::{Value, json};

const SECRET: &str = "sandbox-webhook-secret";

fn card(sku: &str, token: &str) -> Value {
    let mut body = cod(&[(sku, 1)]);
    body["payment"] = json!({"method": "CARD", "token": token});
    body
}

#[tokio::test]
async fn of_cash_there_is_nothing_to_capture() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = admin.product(1_000, 5).await;
    let order = shop.customer().await.post("/api/orders", &cod(&[(&cup.sku, 1)])).send().await.expect(201);
    let path = |payment: &str, step| format!("/api/orders/{}/payments/{payment}/{step}", order["id"].as_str().unwrap());
    let cash = order["payment"]["id"].as_str().unwrap();
    admin.post(&path(cash, "capture"), &json!({})).send().await.problem(409, "NOT_CAPTURABLE");
    admin.post(&path(cash, "void"), &json!({})).send().await.problem(409, "NOT_VOIDABLE");
    let other = "01890000-0000-7000-8000-000000000000";
    admin.post(&path(other, "capture"), &json!({})).send().await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn prepaid_orders_come_to_what_their_token_says() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = admin.product(1_000, 50).await;
    let buyer = shop.customer().await;
    let order = buyer.order_paid(&cup.sku, "tok_ok").await;
    assert_eq!((&order.body["status"], &order.body["payment"]["status"]), (&json!("CONFIRMED"), &json!("CAPTURED")));
    assert_eq!(order.body["payment"]["captured"], order.body["total"]);
    let declined = buyer.order_paid(&cup.sku, "tok_declined").await;
    assert_eq!((&declined.body["status"], &declined.body["payment"]["status"]), (&json!("PENDING"), &json!("FAILED")));
    assert!(declined.body["payment"]["failureCode"].is_string(), "{}", declined.body);
    let pending = buyer.order_paid(&cup.sku, "tok_pending").await;
    assert_eq!((&pending.body["status"], &pending.body["payment"]["status"]), (&json!("PENDING"), &json!("PENDING")));
    assert_eq!(pending.body["payment"]["nextAction"]["type"], "redirect", "{}", pending.body);
    let late = buyer.order_paid(&cup.sku, "tok_timeout_then_ok").await;
    assert!(["PENDING", "CONFIRMED"].contains(&late.body["status"].as_str().unwrap()));
    let path = format!("/api/orders/{}", late.id);
    eventually("the late answer", async || buyer.read(&path).await, |order| order["status"] == "CONFIRMED").await;
    let lost = buyer.order_paid(&cup.sku, "tok_timeout_then_declined").await;
    let path = format!("/api/orders/{}", lost.id);
    eventually("the late refusal", async || buyer.read(&path).await, |order| order["payment"]["status"] == "FAILED").await;
    let data = shop.data();
    let wanted = ["Payment Received ✅", "Payment Failed"];
    for subject in wanted {
        eventually(
            subject,
            async || mails(&data).iter().filter(|mail| mail.to.contains(&buyer.email) && mail.subject == subject).count(),
            |count| *count == 2,
        )
        .await;
    }
}

#[tokio::test]
async fn a_declined_order_is_paid_again() {
    let shop = shared();
    let cup = shop.admin().await.product(1_000, 50).await;
    let buyer = shop.customer().await;
    let order = buyer.order_paid(&cup.sku, "tok_declined").await;
    let path = format!("/api/orders/{}/payments", order.id);
    let pay = async |token: &str| buyer.post(&path, &json!({"method": "CARD", "token": token})).send().await;
    let still = pay("tok_declined").await;
    assert!([200, 201].contains(&still.status), "{}", still.text());
    let answer = pay("tok_ok").await;
    assert!([200, 201].contains(&answer.status), "{}", answer.text());
    let paid = buyer.read(&format!("/api/orders/{}", order.id)).await;
    assert_eq!((&paid["status"], &paid["payment"]["status"]), (&json!("CONFIRMED"), &json!("CAPTURED")));
    assert_eq!(paid["payment"]["captured"], paid["total"]);
    // Paid once is paid: another try moves nothing.
    let twice = pay("tok_ok").await;
    assert!([200, 409].contains(&twice.status), "{}", twice.text());
    assert_eq!(buyer.read(&format!("/api/orders/{}", order.id)).await["payment"]["captured"], paid["total"]);
    pay("").await;
    buyer.post(&path, &json!({"method": "GOLD"})).send().await.any_problem(422);
    assert_eq!(buyer.statuses(&order.id).await, ["PENDING", "CONFIRMED"]);
}

async fn webhook(client: &Client, body: &Value, seconds_ago: u64, secret: &str) -> Answer {
    raw_webhook(client, body.to_string().into_bytes(), seconds_ago, secret).await
}

async fn raw_webhook(client: &Client, bytes: Vec<u8>, seconds_ago: u64, secret: &str) -> Answer {
    let signature = sign_webhook(secret, &bytes, seconds_ago);
    client.post_bytes("/api/payments/webhooks/sandbox", bytes).header("x-signature", &signature).send().await
}

#[tokio::test]
async fn a_webhook_pays() {
    let shop = shared();
    let cup = shop.admin().await.product(1_000, 50).await;
    let buyer = shop.customer().await;
    let provider = shop.anyone();
    let order = buyer.order_paid(&cup.sku, "tok_pending").await;
    let path = format!("/api/orders/{}", order.id);
    let body = json!({
        "eventId": unique("evt"), "type": "payment.succeeded",
        "providerReference": order.body["payment"]["providerReference"], "amount": order.body["total"],
    });
    webhook(&provider, &body, 0, "another secret").await.problem(401, "BAD_SIGNATURE");
    webhook(&provider, &body, 301, SECRET).await.problem(401, "BAD_SIGNATURE");
    provider.post("/api/payments/webhooks/sandbox", &body).send().await.problem(401, "BAD_SIGNATURE");
    for signature in ["", "t=1", "v1=00", "t=x,v1=zz", "garbage"] {
        let call = provider.post("/api/payments/webhooks/sandbox", &body).header("x-signature", signature);
        call.send().await.problem(401, "BAD_SIGNATURE");
    }
    // A signature of another body does not hold for this one.
    let signature = sign_webhook(SECRET, b"{}", 0);
    provider
        .post("/api/payments/webhooks/sandbox", &body)
        .header("x-signature", &signature)
        .send()
        .await
        .problem(401, "BAD_SIGNATURE");
    assert_eq!(buyer.read(&path).await["status"], "PENDING");
    webhook(&provider, &body, 290, SECRET).await.expect(200);
    let paid = eventually("the order is paid", async || buyer.read(&path).await, |order| order["status"] == "CONFIRMED").await;
    assert_eq!(paid["payment"]["captured"], paid["total"]);
    for _ in 0..3 {
        webhook(&provider, &body, 0, SECRET).await.expect(200);
    }
    // A refusal that comes later changes nothing: facts are monotone.
    let mut failed = body.clone();
    failed["eventId"] = json!(unique("evt"));
    failed["type"] = json!("payment.failed");
    webhook(&provider, &failed, 0, SECRET).await.expect(200);
    assert_eq!(buyer.read(&path).await["payment"], paid["payment"]);
    assert_eq!(buyer.statuses(&order.id).await, ["PENDING", "CONFIRMED"]);
    let mut other = body.clone();
    (other["eventId"], other["providerReference"]) = (json!(unique("evt")), json!("nobody-knows"));
    webhook(&provider, &other, 0, SECRET).await.expect(200);
    provider.post("/api/payments/webhooks/nobody", &body).send().await.any_problem(404);
}

#[tokio::test]
async fn a_signed_message_that_cannot_be_read_is_refused_like_any_body() {
    let shop = shared();
    let provider = shop.anyone();
    for broken in [&b"{"[..], b"", b"nope", b"{\"eventId\":\"\xff\"}"] {
        raw_webhook(&provider, broken.to_vec(), 0, SECRET).await.problem(400, "MALFORMED_JSON");
    }
    let with = |name: &str, value: Value| {
        let mut body = json!({"eventId": unique("evt"), "type": "payment.succeeded", "providerReference": "x", "amount": inr(1)});
        body[name] = value;
        body
    };
    webhook(&provider, &json!({"hello": 1}), 0, SECRET).await.problem(400, "UNKNOWN_FIELD");
    webhook(&provider, &json!({"eventId": "e"}), 0, SECRET).await.problem(400, "MISSING_FIELD");
    let sumless = json!({"eventId": "e", "type": "payment.succeeded", "providerReference": "sbx_x"});
    webhook(&provider, &sumless, 0, SECRET).await.problem(400, "MISSING_FIELD");
    webhook(&provider, &with("eventId", json!(7)), 0, SECRET).await.problem(400, "WRONG_TYPE");
    let field = |problem: &Value| problem["errors"][0]["field"].clone();
    for (name, bad, status, code) in [
        ("type", json!("payment.dreamt"), 422, "INVALID"),
        ("type", json!(null), 400, "WRONG_TYPE"),
        ("amount", json!(1.5), 422, "INVALID"),
        ("amount", json!(-5), 422, "INVALID"),
        ("amount", json!("5"), 400, "WRONG_TYPE"),
    ] {
        let refused = webhook(&provider, &with(name, bad), 0, SECRET).await;
        assert_eq!(field(&refused.problem(status, code)), name);
    }
    // A name is no longer than what every store keeps of it.
    for name in ["eventId", "providerReference"] {
        for bad in ["x".repeat(256), String::new()] {
            let refused = webhook(&provider, &with(name, json!(bad)), 0, SECRET).await;
            assert_eq!(refused.problem(422, "INVALID")["errors"][0]["field"], name);
        }
    }
    webhook(&provider, &with("eventId", json!("y".repeat(255))), 0, SECRET).await.expect(200);
}

/// It may be ahead of the provider's own ledger.
#[tokio::test]
async fn an_audit_believes_a_signed_message() {
    let shop = Server::start();
    let cup = shop.admin().await.product(1_000, 50).await;
    let buyer = shop.customer().await;
    let order = buyer.order_paid(&cup.sku, "tok_declined").await;
    let body = json!({
        "eventId": unique("evt"), "type": "payment.succeeded",
        "providerReference": order.body["payment"]["providerReference"], "amount": order.body["total"],
    });
    webhook(&shop.anyone(), &body, 0, SECRET).await.expect(200);
    let path = format!("/api/orders/{}", order.id);
    eventually("the order is paid", async || buyer.read(&path).await, |order| order["status"] == "CONFIRMED").await;
    let audit = shop.run(&["audit"]);
    assert_eq!(audit.code, 0, "{audit:?}");
}

#[tokio::test]
async fn a_webhook_of_another_amount_confirms_nothing() {
    let shop = shared();
    let cup = shop.admin().await.product(1_000, 50).await;
    let buyer = shop.customer().await;
    let order = buyer.order_paid(&cup.sku, "tok_pending").await;
    let body = json!({
        "eventId": unique("evt"), "type": "payment.succeeded",
        "providerReference": order.body["payment"]["providerReference"], "amount": inr(1),
    });
    let answer = webhook(&shop.anyone(), &body, 0, SECRET).await;
    assert!(answer.status < 500, "{}", answer.text());
    assert_eq!(buyer.read(&format!("/api/orders/{}", order.id)).await["status"], "PENDING");
}

#[tokio::test]
async fn cancelling_gives_everything_back() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = admin.product(1_000, 10).await;
    let buyer = shop.customer().await;
    let cancel = async |order: &Order| {
        buyer.post(&format!("/api/orders/{}/cancel", order.id), &json!({"reason": "too late"})).send().await
    };

    let on_delivery = buyer.order(&[(&cup.sku, 3)]).await;
    eventually("the hold becomes a sale", async || admin.stock(&cup.sku).await, |stock| *stock == (7, 0, 7)).await;
    assert_eq!(cancel(&on_delivery).await.expect(200)["status"], "CANCELLED");
    eventually("the goods come back", async || admin.stock(&cup.sku).await, |stock| *stock == (10, 0, 10)).await;

    let paid = buyer.order_paid(&cup.sku, "tok_ok").await;
    cancel(&paid).await.expect(200);
    let path = format!("/api/orders/{}", paid.id);
    let order =
        eventually("the money goes back", async || buyer.read(&path).await, |order| order["payment"]["status"] == "REFUNDED")
            .await;
    assert_eq!((&order["payment"]["refunded"], &order["status"]), (&order["total"], &json!("CANCELLED")));
    eventually("the goods come back", async || admin.stock(&cup.sku).await, |stock| *stock == (10, 0, 10)).await;

    let pending = buyer.order_paid(&cup.sku, "tok_pending").await;
    assert_eq!(admin.stock(&cup.sku).await.1, 1);
    cancel(&pending).await.expect(200);
    eventually("the hold ends", async || admin.stock(&cup.sku).await, |stock| *stock == (10, 0, 10)).await;
    // CANCELLED is final; money that comes after all goes back.
    let reference = &pending.body["payment"]["providerReference"];
    let body = json!({"eventId": unique("evt"), "type": "payment.succeeded", "providerReference": reference, "amount": pending.body["total"]});
    webhook(&shop.anyone(), &body, 0, SECRET).await.expect(200);
    let path = format!("/api/orders/{}", pending.id);
    let order =
        eventually("late money goes back", async || buyer.read(&path).await, |order| order["payment"]["status"] == "REFUNDED")
            .await;
    assert_eq!((&order["status"], &order["payment"]["refunded"]), (&json!("CANCELLED"), &order["total"]));
    buyer.post(&format!("{path}/payments"), &json!({"method": "CARD", "token": "tok_ok"})).send().await.any_problem(409);
    let staff = admin.patch(&format!("{path}/status"), &json!({"status": "CONFIRMED"})).send().await;
    assert_eq!(staff.status, 409, "{}", staff.text());

    // Again is refused or says the same, and gives nothing back twice.
    let again = cancel(&on_delivery).await;
    assert!([200, 409].contains(&again.status), "{}", again.text());
    assert_eq!(admin.stock(&cup.sku).await, (10, 0, 10));
    assert_eq!(buyer.statuses(&paid.id).await, ["PENDING", "CONFIRMED", "CANCELLED"]);

    let shipped = buyer.order(&[(&cup.sku, 1)]).await;
    for status in ["PROCESSING", "SHIPPED"] {
        admin.patch(&format!("/api/orders/{}/status", shipped.id), &json!({"status": status})).send().await.expect(200);
    }
    cancel(&shipped).await.problem(409, "ILLEGAL_TRANSITION");
    let by_staff = buyer.order_paid(&cup.sku, "tok_ok").await;
    admin.patch(&format!("/api/orders/{}/status", by_staff.id), &json!({"status": "CANCELLED"})).send().await.expect(200);
    let path = format!("/api/orders/{}", by_staff.id);
    eventually("staff's cancel refunds too", async || buyer.read(&path).await, |order| order["payment"]["status"] == "REFUNDED")
        .await;
    let data = shop.data();
    let count =
        async || mails(&data).iter().filter(|mail| mail.to.contains(&buyer.email) && mail.subject == "Order Cancelled").count();
    eventually("a mail for each cancelled order", count, |count| *count == 4).await;
}

#[tokio::test]
async fn a_repeated_cancel_or_payment_is_a_replay() {
    let shop = shared();
    let cup = shop.admin().await.product(1_000, 10).await;
    let buyer = shop.customer().await;
    let order = Order::of(&buyer.post("/api/orders", &card(&cup.sku, "tok_declined")).send().await, 201);
    let pay = json!({"method": "CARD", "token": "tok_ok"});
    let path = format!("/api/orders/{}/payments", order.id);
    let first = buyer.post(&path, &pay).key("pay").send().await;
    assert!([200, 201].contains(&first.status), "{}", first.text());
    let again = buyer.post(&path, &pay).key("pay").send().await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, "true"), "{}", again.text());
    let path = format!("/api/orders/{}/cancel", order.id);
    buyer.post(&path, &json!({})).key("cancel").send().await.expect(200);
    let again = buyer.post(&path, &json!({})).key("cancel").send().await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, "true"), "{}", again.text());
    let body = buyer.call(reqwest::Method::POST, &path).send().await;
    assert!([200, 409].contains(&body.status), "an empty body is an empty object: {}", body.text());
}
