//! Wallets, promised payments, orders that cost nothing, and the report on what was paid.

use commerce_tests::{Answer, Client, Options, Order, Server, cod, eventually, inr, shared};
use futures_util::future::join_all;
use serde_json::{Value, json};

async fn balance(client: &Client) -> i64 {
    client.read("/api/wallet/me").await["balance"]["amount"].as_i64().expect("an amount")
}

/// A request that comes while its twin waits for the provider waits for the same answer.
#[tokio::test]
async fn twins_are_told_the_same() {
    let shop = shared();
    let cup = shop.admin().await.product(1_000, 50).await;
    let buyer = shop.customer().await;
    let fill = json!({"amount": inr(5_000), "token": "tok_ok"});
    let filled = join_all((0..8).map(|_| buyer.post("/api/wallet/me/topup", &fill).key("twins").send())).await;
    for answer in filled.iter().map(Answer::json) {
        assert_eq!((&answer["topUp"]["status"], &answer["balance"]["amount"]), (&json!("CAPTURED"), &json!(5_000)), "{answer}");
    }
    let mut body = cod(&[(&cup.sku, 1)]);
    body["payment"] = json!({"method": "CARD", "token": "tok_timeout_then_ok"});
    let placed = join_all((0..4).map(|_| buyer.post("/api/orders", &body).key("twins").send())).await;
    let payments: Vec<String> = placed.iter().map(|answer| answer.json()["payment"]["status"].to_string()).collect();
    assert!(
        payments.iter().all(|it| it == "\"UNKNOWN\"" || it == "\"CAPTURED\""),
        "nobody is told before the first: {payments:?}"
    );
}

async fn buy(client: &Client, sku: &str, payment: Value) -> Order {
    let mut body = cod(&[(sku, 1)]);
    body["payment"] = payment;
    Order::of(&client.post("/api/orders", &body).send().await, 201)
}

#[tokio::test]
async fn a_wallet_is_filled_spent_and_paid_back() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = admin.product(40_000, 50).await;
    let buyer = shop.customer().await;
    let id = buyer.read("/api/users/me").await["id"].as_str().expect("a user has an id").to_owned();
    assert_eq!(balance(&buyer).await, 0);
    let path = "/api/wallet/me/topup";
    let fill = json!({"amount": inr(50_000), "token": "tok_ok"});
    let answer = buyer.post(path, &fill).key("fill").send().await;
    assert_eq!(
        (answer.header("location"), &answer.expect(201)["topUp"]["status"]),
        (format!("/api/wallet/{id}").as_str(), &json!("CAPTURED"))
    );
    let again = buyer.post(path, &fill).key("fill").send().await;
    assert_eq!((again.expect(200)["balance"]["amount"].clone(), again.header("idempotent-replayed")), (json!(50_000), "true"));
    buyer.post(path, &json!({"amount": inr(1), "token": "tok_ok"})).key("fill").send().await.problem(422, "IDEMPOTENCY_MISMATCH");
    let declined = buyer.post(path, &json!({"amount": inr(50_000), "token": "tok_declined"})).send().await.expect(201);
    assert_eq!(declined["topUp"]["status"], "FAILED");
    for amount in [inr(0), inr(-1), inr(i64::MAX)] {
        buyer.post(path, &json!({"amount": amount, "token": "tok_ok"})).send().await.any_problem(422);
    }
    buyer
        .post(path, &json!({"amount": {"amount": 5, "currency": "USD"}, "token": "x"}))
        .send()
        .await
        .problem(422, "CURRENCY_MISMATCH");
    buyer.post(path, &json!({"amount": inr(5), "balance": 7})).send().await.any_problem(400);

    let wallet = json!({"method": "WALLET"});
    let (one, other) = futures_util::future::join(buy(&buyer, &cup.sku, wallet.clone()), buy(&buyer, &cup.sku, wallet)).await;
    let (paid, short) = if one.body["status"] == "CONFIRMED" { (one, other) } else { (other, one) };
    assert_eq!((&paid.body["status"], &paid.body["payment"]["status"]), (&json!("CONFIRMED"), &json!("CAPTURED")));
    assert_eq!((&short.body["status"], &short.body["payment"]["status"]), (&json!("PENDING"), &json!("FAILED")));
    assert_eq!(short.body["payment"]["failureCode"], "insufficient_funds");
    assert_eq!(balance(&buyer).await, 10_000, "spent once");
    buyer.post(&format!("/api/orders/{}/cancel", paid.id), &json!({})).send().await.expect(200);
    eventually("the money is back", async || balance(&buyer).await, |minor| *minor == 50_000).await;
    let entries = buyer.read("/api/wallet/me/entries").await;
    let sum: i64 = entries["items"].as_array().expect("items").iter().filter_map(|it| it["amount"]["amount"].as_i64()).sum();
    assert_eq!(sum, 50_000);
    assert_eq!(buyer.read("/api/users/me/export").await["wallet"]["balance"], inr(50_000));

    let stranger = shop.customer().await;
    for (client, status) in [(&stranger, 404), (&admin, 404), (&shop.anyone(), 401)] {
        for path in [format!("/api/wallet/{id}"), format!("/api/wallet/{id}/entries")] {
            client.get(&path).send().await.any_problem(status);
        }
        client.post(&format!("/api/wallet/{id}/topup"), &fill).send().await.any_problem(status);
    }
}

#[tokio::test]
async fn what_costs_nothing_is_confirmed() {
    let shop = shared();
    let cup = shop.admin().await.product(0, 5).await;
    let buyer = shop.customer().await;
    let order = buyer.order_paid(&cup.sku, "tok_declined").await;
    assert_eq!((&order.body["status"], &order.body["payment"]["status"]), (&json!("CONFIRMED"), &json!("CAPTURED")));
    assert_eq!((&order.body["payment"]["attempts"], &order.body["payment"]["captured"]), (&json!(0), &inr(0)));
}

#[tokio::test]
async fn a_promise_is_taken_in_part_or_given_back_and_the_report_agrees() {
    let env = vec![("COMMERCE_PAYMENTS__CAPTURE", "manual".to_owned())];
    let shop = Server::start_with(Options { env, ..Options::default() });
    let admin = shop.admin().await;
    let cup = admin.product(10_000, 50).await;
    let buyer = shop.customer().await;
    let order = buyer.order_paid(&cup.sku, "tok_ok").await;
    assert_eq!((&order.body["status"], &order.body["payment"]["status"]), (&json!("CONFIRMED"), &json!("AUTHORIZED")));
    assert_eq!((&order.body["payment"]["authorized"], &order.body["payment"]["captured"]), (&inr(10_000), &inr(0)));
    let attempts = buyer.read(&format!("/api/orders/{}/payments", order.id)).await;
    let attempt = attempts["items"][0]["id"].as_str().expect("an attempt has an id").to_owned();
    let path = format!("/api/orders/{}/payments/{attempt}", order.id);
    let capture = format!("{path}/capture");
    buyer.post(&capture, &json!({})).send().await.problem(403, "FORBIDDEN");
    shop.customer().await.post(&capture, &json!({})).send().await.problem(404, "NOT_FOUND");
    let over = admin.post(&capture, &json!({"amount": inr(10_001)})).send().await.problem(409, "CAPTURE_EXCEEDS_AUTHORIZED");
    assert_eq!(over["most"], inr(10_000));
    let part = json!({"amount": inr(4_000)});
    let other = json!({"amount": inr(9_000)});
    let (one, two) = futures_util::future::join(admin.post(&capture, &part).send(), admin.post(&capture, &other).send()).await;
    assert!([(200, 409), (409, 200)].contains(&(one.status, two.status)), "{} {}", one.text(), two.text());
    let taken = buyer.read(&format!("/api/orders/{}", order.id)).await;
    assert!([inr(4_000), inr(9_000)].contains(&taken["payment"]["captured"]), "{taken}");
    admin.post(&format!("{path}/void"), &json!({})).send().await.problem(409, "NOT_VOIDABLE");

    let second = buyer.order_paid(&cup.sku, "tok_ok").await;
    let payment = second.body["payment"]["id"].as_str().expect("a payment has an id");
    let void = format!("/api/orders/{}/payments/{payment}/void", second.id);
    let voided = admin.post(&void, &json!({})).key("void").send().await.expect(200);
    assert_eq!(voided["status"], "VOIDED");
    assert_eq!(admin.post(&void, &json!({})).key("void").send().await.header("idempotent-replayed"), "true");
    assert_eq!(buyer.read(&format!("/api/orders/{}", second.id)).await["status"], "CANCELLED");

    let report = shop.run(&["payments", "reconcile", "--output", "json"]);
    assert_eq!((report.code, &report.json()["mismatches"]), (0, &json!([])), "{report:?}");
    buyer.get("/api/payments/reconciliation").send().await.problem(403, "FORBIDDEN");
    admin.get("/api/payments/reconciliation?days=0").send().await.any_problem(422);
    // The provider forgets what it took.
    let books = shop.data().join("sandbox-payments").join(format!("{attempt}.json"));
    std::fs::remove_file(books).expect("the sandbox wrote it down");
    let report = shop.run(&["payments", "reconcile", "--output", "json"]);
    assert!(report.code == 1 && report.err.contains("NOT_RECONCILED"), "{report:?}");
    let told: serde_json::Value = serde_json::from_str(&report.out).expect("the report is JSON");
    assert_eq!(told["mismatches"][0]["kind"], "BOOKED_NOT_PAID", "{report:?}");
    let asked = admin.read("/api/payments/reconciliation").await;
    assert_eq!((&asked["mismatches"][0]["order"], &asked["checked"]), (&json!(order.number), &json!(2)));
}
