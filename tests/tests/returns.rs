//! Returns from outside: the customer asks, staff decides, goods and money come back once.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use commerce_tests::{Client, Order, Product, cod, eventually, inr, shared};
use futures_util::future::join_all;
use serde_json::{Value, json};

/// An order that has arrived; prepaid with a token, on delivery without.
async fn delivered(admin: &Client, buyer: &Client, product: &Product, units: i64, token: Option<&str>) -> Order {
    delivered_with(admin, buyer, &[(&product.sku, units)], token).await
}

async fn delivered_with(admin: &Client, buyer: &Client, lines: &[(&str, i64)], token: Option<&str>) -> Order {
    let mut body = cod(lines);
    if let Some(token) = token {
        body["payment"] = json!({"method": "CARD", "token": token});
    }
    let order = Order::of(&buyer.post("/api/orders", &body).send().await, 201);
    for status in ["SHIPPED", "DELIVERED"] {
        admin.patch(&format!("/api/orders/{}/status", order.id), &json!({"status": status})).send().await.expect(200);
    }
    order
}

fn back(product: &Product, units: i64) -> Value {
    json!({"type": "RETURN", "lines": [{"sku": product.sku, "quantity": units}], "reason": "too small"})
}

fn step(id: &Value, name: &str) -> String {
    format!("/api/returns/{}/{name}", id.as_str().unwrap())
}

#[tokio::test]
async fn what_comes_back_is_restocked_and_paid_back() {
    let shop = shared();
    let (admin, buyer, other) = (shop.admin().await, shop.customer().await, shop.customer().await);
    let cup = admin.product(1_000, 10).await;
    let order = delivered(&admin, &buyer, &cup, 3, Some("tok_ok")).await;
    let path = format!("/api/orders/{}/returns", order.id);
    other.post(&path, &back(&cup, 1)).send().await.problem(404, "NOT_FOUND");
    let answer = buyer.post(&path, &back(&cup, 2)).key("return").send().await;
    let made = answer.expect(201);
    assert_eq!((&made["orderId"], &made["type"], &made["status"]), (&json!(order.id), &json!("RETURN"), &json!("REQUESTED")));
    assert_eq!(answer.header("location"), format!("/api/returns/{}", made["id"].as_str().unwrap()));
    let again = buyer.post(&path, &back(&cup, 2)).key("return").send().await;
    assert_eq!((again.expect(200), again.header("idempotent-replayed")), (made.clone(), "true"));
    let problem = buyer.post(&path, &back(&cup, 2)).send().await.problem(409, "RETURN_EXCEEDS_DELIVERED");
    assert_eq!(problem["lines"], json!([{"sku": cup.sku, "requested": 2, "available": 1}]));

    let id = &made["id"];
    buyer.post(&step(id, "approve"), &json!({})).send().await.problem(403, "FORBIDDEN");
    other.get(&format!("/api/returns/{}", id.as_str().unwrap())).send().await.problem(404, "NOT_FOUND");
    admin.post(&step(id, "refund"), &json!({})).send().await.problem(409, "ILLEGAL_TRANSITION");
    for _ in 0..2 {
        assert_eq!(admin.post(&step(id, "approve"), &json!({})).send().await.expect(200)["status"], "APPROVED");
    }
    admin.post(&step(id, "reject"), &json!({})).send().await.problem(409, "ILLEGAL_TRANSITION");
    let came = json!({"lines": [
        {"sku": cup.sku, "quantity": 1, "restock": true}, {"sku": cup.sku, "quantity": 1, "restock": false},
    ]});
    let received = admin.post(&step(id, "receive"), &came).send().await.expect(200);
    assert_eq!(received["lines"], json!([{"sku": cup.sku, "quantity": 2, "received": 2, "restocked": 1}]));
    let refunds = join_all((0..20).map(|_| admin.post(&step(id, "refund"), &json!({})).send())).await;
    for refund in refunds {
        let refund = refund.expect(200);
        assert_eq!((&refund["status"], &refund["refund"]), (&json!("REFUNDED"), &inr(2_000)));
    }
    eventually("one is sold again", async || admin.stock(&cup.sku).await, |stock| *stock == (8, 0, 8)).await;
    let payment = async || buyer.read(&format!("/api/orders/{}", order.id)).await["payment"].clone();
    eventually("the money is back", payment, |payment| payment["refunded"] == inr(2_000)).await;
    assert_eq!(payment().await["status"], "PARTIALLY_REFUNDED");
    assert_eq!(buyer.read(&path).await["items"].as_array().unwrap().len(), 1);
    assert!(admin.read("/api/returns?status=REFUNDED").await["items"].as_array().unwrap().iter().any(|it| it["id"] == *id));
    assert_eq!(other.read("/api/returns").await["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_who_ask_at_once_no_more_comes_back_than_was_delivered() {
    let shop = shared();
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(1_000, 10).await;
    let early = Order::of(&buyer.post("/api/orders", &cod(&[(&cup.sku, 1)])).send().await, 201);
    let too_early = buyer.post(&format!("/api/orders/{}/returns", early.id), &back(&cup, 1)).send().await;
    too_early.problem(409, "RETURN_EXCEEDS_DELIVERED");
    let order = delivered(&admin, &buyer, &cup, 5, None).await;
    let path = format!("/api/orders/{}/returns", order.id);
    let asked = join_all((0..20).map(|_| buyer.post(&path, &back(&cup, 2)).send())).await;
    assert_eq!(asked.iter().filter(|answer| answer.status == 201).count(), 2);
    for answer in asked.iter().filter(|answer| answer.status != 201) {
        answer.problem(409, "RETURN_EXCEEDS_DELIVERED");
    }
    let first = asked.iter().find(|answer| answer.status == 201).unwrap().json();
    let rejected = admin.post(&step(&first["id"], "reject"), &json!({"reason": "worn"})).send().await.expect(200);
    assert_eq!((&rejected["status"], &rejected["rejectedBecause"]), (&json!("REJECTED"), &json!("worn")));
    buyer.post(&path, &back(&cup, 3)).send().await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_refunds_at_once_no_more_goes_back_than_was_captured() {
    let shop = shared();
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(1_000, 10).await;
    let order = delivered(&admin, &buyer, &cup, 1, Some("tok_ok")).await;
    let path = format!("/api/orders/{}/refunds", order.id);
    buyer.post(&path, &json!({"reason": "mine"})).send().await.problem(403, "FORBIDDEN");
    let body = json!({"amount": inr(300), "reason": "scratched"});
    let given = join_all((0..10).map(|_| admin.post(&path, &body).send())).await;
    assert_eq!(given.iter().filter(|answer| answer.status == 201).count(), 3);
    for answer in given.iter().filter(|answer| answer.status != 201) {
        assert_eq!(answer.problem(409, "REFUND_EXCEEDS_CAPTURED")["most"], inr(100));
    }
    let rest = admin.post(&path, &json!({"reason": "the rest"})).send().await.expect(201);
    assert_eq!(rest["amount"], inr(100));
    let payment = async || buyer.read(&format!("/api/orders/{}", order.id)).await["payment"].clone();
    eventually("all is back", payment, |payment| payment["status"] == "REFUNDED").await;
}

#[tokio::test]
async fn what_a_unit_cost_goes_back_once() {
    let shop = shared();
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(1_000, 10).await;
    // With money of another line that could go back as well.
    let pot = admin.product(5_000, 10).await;
    let order = delivered_with(&admin, &buyer, &[(&cup.sku, 3), (&pot.sku, 1)], Some("tok_ok")).await;
    let path = format!("/api/orders/{}/refunds", order.id);
    let units = |quantity: u32| json!({"lines": [{"sku": cup.sku, "quantity": quantity}], "reason": "chipped"});
    let given = admin.post(&path, &units(2)).send().await.expect(201);
    assert_eq!((&given["amount"], &given["lines"]), (&inr(2_000), &units(2)["lines"]));
    assert_eq!(admin.post(&path, &units(2)).send().await.problem(409, "REFUND_EXCEEDS_CAPTURED")["most"], inr(1_000));
    assert_eq!(buyer.read(&path).await["items"][0]["lines"], units(2)["lines"]);
    let back = buyer.post(&format!("/api/orders/{}/returns", order.id), &back(&cup, 3)).send().await.expect(201);
    for name in ["approve", "receive"] {
        admin.post(&step(&back["id"], name), &json!({})).send().await.expect(200);
    }
    let paid = admin.post(&step(&back["id"], "refund"), &json!({})).send().await.expect(200);
    assert_eq!(paid["refund"], inr(1_000), "for the one whose money has not gone back");
}

#[tokio::test]
async fn the_command_line_takes_a_return_through() {
    let shop = shared();
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(1_000, 10).await;
    let order = delivered(&admin, &buyer, &cup, 2, None).await;
    let made = buyer.post(&format!("/api/orders/{}/returns", order.id), &back(&cup, 2)).send().await.expect(201);
    let id = made["id"].as_str().unwrap();
    let run = |args: &[&str]| shop.run(&[&["return"], args, &["--output", "json"]].concat()).json();
    let listed = run(&["list", "--status", "REQUESTED"]);
    assert!(listed["items"].as_array().unwrap().iter().any(|it| it["id"] == id), "{listed}");
    assert_eq!(run(&["approve", id])["status"], "APPROVED");
    let line = format!("{}=1:write-off", cup.sku);
    assert_eq!(run(&["receive", id, "--line", &line])["lines"][0]["received"], 1);
    let refunded = run(&["refund", id, "--amount", "9.50", "--yes"]);
    assert_eq!((&refunded["status"], &refunded["refund"]), (&json!("REFUNDED"), &inr(950)));
    assert_eq!(run(&["show", id])["refund"], inr(950));
    let payment = buyer.read(&format!("/api/orders/{}", order.id)).await["payment"].clone();
    assert_eq!((&payment["refunded"], &payment["status"]), (&inr(950), &json!("PARTIALLY_REFUNDED")), "cash is handed over");
}

/// Something that came back to be exchanged.
async fn to_exchange(admin: &Client, buyer: &Client, order: &Order, product: &Product, units: i64) -> Value {
    let mut body = back(product, units);
    body["type"] = json!("EXCHANGE");
    let made = buyer.post(&format!("/api/orders/{}/returns", order.id), &body).send().await.expect(201);
    for name in ["approve", "receive"] {
        admin.post(&step(&made["id"], name), &json!({})).send().await.expect(200);
    }
    made["id"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_back_is_exchanged_and_what_is_not_taken_goes_back() {
    let shop = shared();
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let (cup, mug, pot) = (admin.product(1_000, 10).await, admin.product(400, 1).await, admin.product(3_000, 10).await);
    let order = delivered(&admin, &buyer, &cup, 2, Some("tok_ok")).await;
    let id = to_exchange(&admin, &buyer, &order, &cup, 1).await;
    let swap = async |product: &Product| {
        let body = json!({"items": [{"sku": product.sku, "quantity": 1}]});
        admin.post(&step(&id, "exchange"), &body).send().await
    };
    buyer.post(&step(&id, "exchange"), &json!({})).send().await.problem(403, "FORBIDDEN");
    let dear = swap(&pot).await.problem(409, "EXCHANGE_EXCEEDS_CREDIT");
    assert_eq!((&dear["credit"], &dear["total"], &dear["missing"]), (&inr(1_000), &inr(3_000), &inr(2_000)));
    let all = join_all((0..10).map(|_| swap(&mug))).await;
    let done: Vec<Value> = all.iter().map(|answer| answer.expect(200)).collect();
    let exchange = &done[0]["exchange"];
    assert_eq!((&done[0]["status"], &exchange["worth"], &exchange["credit"]), (&json!("EXCHANGED"), &inr(1_000), &inr(400)));
    assert!(done.iter().all(|it| it["exchange"] == *exchange), "once more is no error: {done:?}");
    let new = format!("/api/orders/{}", exchange["orderId"].as_str().unwrap());
    let sent = buyer.read(&new).await;
    assert_eq!(
        (&sent["status"], &sent["total"], &sent["payment"]["status"]),
        (&json!("CONFIRMED"), &inr(400), &json!("CAPTURED"))
    );
    let refunded = async || buyer.read(&format!("/api/orders/{}", order.id)).await["payment"]["refunded"].clone();
    eventually("what it costs less goes back", refunded, |refunded| *refunded == inr(600)).await;
    eventually("the mug is sold", async || admin.stock(&mug.sku).await, |stock| *stock == (0, 0, 0)).await;

    buyer.post(&format!("{new}/cancel"), &json!({})).send().await.expect(200);
    eventually("and all of it when the new order is given up", refunded, |refunded| *refunded == inr(1_000)).await;
    eventually("the mug is back", async || admin.stock(&mug.sku).await, |stock| *stock == (1, 0, 1)).await;
    assert_eq!(buyer.read(&new).await["payment"]["status"], "REFUNDED");

    let other = to_exchange(&admin, &buyer, &order, &cup, 1).await;
    let same = shop.run(&["return", "exchange", other.as_str().unwrap(), "--yes", "--output", "json"]).json();
    assert_eq!((&same["status"], &same["exchange"]["credit"]), (&json!("EXCHANGED"), &inr(1_000)));
    eventually("two came, one went", async || admin.stock(&cup.sku).await, |stock| *stock == (9, 0, 9)).await;
}
