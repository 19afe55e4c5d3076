//! Shipments from outside: parcel by parcel, never more than was ordered, and the order goes with them.

use commerce_tests::{Client, Order, Product, cod, eventually, mails, shared};
use futures_util::future::join_all;
use serde_json::{Value, json};

fn parcel(lines: &[(&Product, i64)]) -> Value {
    let mut body = json!({"carrier": "Blue Dart", "trackingNumber": "BD-1234567890"});
    if !lines.is_empty() {
        let line = |(product, units): &(&Product, i64)| json!({"sku": product.sku, "quantity": units});
        body["lines"] = lines.iter().map(line).collect();
    }
    body
}

fn path(order: &Order) -> String {
    format!("/api/orders/{}/shipments", order.id)
}

async fn placed(buyer: &Client, lines: &[(&Product, i64)]) -> Order {
    let lines: Vec<(&str, i64)> = lines.iter().map(|(product, units)| (product.sku.as_str(), *units)).collect();
    Order::of(&buyer.post("/api/orders", &cod(&lines)).send().await, 201)
}

#[tokio::test]
async fn an_order_is_shipped_line_by_line() {
    let shop = shared();
    let (admin, buyer, other) = (shop.admin().await, shop.customer().await, shop.customer().await);
    let (cup, pot) = (admin.product(1_000, 10).await, admin.product(2_000, 10).await);
    let order = placed(&buyer, &[(&cup, 2), (&pot, 1)]).await;
    let all = path(&order);
    buyer.post(&all, &parcel(&[])).send().await.problem(403, "FORBIDDEN");
    other.post(&all, &parcel(&[])).send().await.problem(404, "NOT_FOUND");
    other.get(&all).send().await.problem(404, "NOT_FOUND");
    admin.post(&all, &json!({"carrier": "", "trackingNumber": "1"})).send().await.invalid("carrier");
    admin.post(&all, &json!({"carrier": "x", "trackingNumber": "1", "weight": 1})).send().await.problem(400, "UNKNOWN_FIELD");

    let answer = admin.post(&all, &parcel(&[(&cup, 1)])).key("first").send().await;
    let first = answer.expect(201);
    assert_eq!((&first["carrier"], &first["trackingNumber"]), (&json!("Blue Dart"), &json!("BD-1234567890")));
    assert_eq!((&first["status"], &first["events"]), (&json!("SHIPPED"), &json!([])));
    assert_eq!(first["lines"], json!([{"sku": cup.sku, "quantity": 1}]));
    let one = format!("{all}/{}", first["id"].as_str().unwrap());
    assert_eq!(answer.header("location"), one);
    assert_eq!(buyer.read(&one).await, first);
    let again = admin.post(&all, &parcel(&[(&cup, 1)])).key("first").send().await;
    assert_eq!((again.expect(200), again.header("idempotent-replayed")), (first.clone(), "true"));
    let problem = admin.post(&all, &parcel(&[(&cup, 2)])).send().await.problem(409, "OVER_SHIPMENT");
    assert_eq!(problem["lines"], json!([{"sku": cup.sku, "requested": 2, "available": 1}]));
    assert_eq!(buyer.statuses(&order.id).await, ["PENDING", "CONFIRMED", "PROCESSING"]);
    buyer.post(&format!("/api/orders/{}/cancel", order.id), &json!({})).send().await.problem(409, "ILLEGAL_TRANSITION");

    let rest = admin.post(&all, &parcel(&[])).send().await.expect(201);
    assert_eq!(rest["lines"], json!([{"sku": cup.sku, "quantity": 1}, {"sku": pot.sku, "quantity": 1}]));
    admin.post(&all, &parcel(&[])).send().await.problem(409, "OVER_SHIPMENT");
    let tell = async |parcel: &Value, body: Value| {
        admin.post(&format!("{all}/{}/events", parcel["id"].as_str().unwrap()), &body).send().await
    };
    let late = json!({"status": "IN_TRANSIT", "at": order_time(&buyer, &order).await, "note": "Pune"});
    assert_eq!(tell(&rest, json!({"status": "OUT_FOR_DELIVERY"})).await.expect(201)["status"], "OUT_FOR_DELIVERY");
    let heard = tell(&rest, late.clone()).await.expect(201);
    assert_eq!((&heard["status"], &heard["events"][0]["status"]), (&json!("OUT_FOR_DELIVERY"), &json!("IN_TRANSIT")));
    assert_eq!(tell(&rest, late).await.expect(200), heard, "said again");
    assert_eq!(tell(&rest, json!({"status": "FAILED"})).await.expect(201)["status"], "FAILED");
    assert_eq!(tell(&rest, json!({"status": "DELIVERED"})).await.expect(201)["status"], "DELIVERED");
    assert_eq!(tell(&rest, json!({"status": "DELIVERED"})).await.expect(200)["events"].as_array().unwrap().len(), 4);
    tell(&rest, json!({"status": "FAILED"})).await.problem(409, "ILLEGAL_TRANSITION");
    assert_eq!(tell(&rest, json!({"status": "LOST"})).await.status, 422);
    assert_eq!(tell(&rest, json!({"status": "FAILED", "at": "2100-01-01T00:00:00Z"})).await.invalid("at")["status"], 422);
    assert_eq!(buyer.read(&format!("/api/orders/{}", order.id)).await["status"], "OUT_FOR_DELIVERY");
    tell(&first, json!({"status": "DELIVERED"})).await.expect(201);
    let whole = ["PENDING", "CONFIRMED", "PROCESSING", "SHIPPED", "OUT_FOR_DELIVERY", "DELIVERED"];
    assert_eq!(buyer.statuses(&order.id).await, whole);
    assert_eq!(buyer.read(&format!("/api/orders/{}", order.id)).await["payment"]["status"], "CAPTURED");

    let (data, number, mail) = (shop.data(), order.number.clone(), buyer.email.clone());
    let told = async || mails(&data).into_iter().find(|it| it.to.contains(&mail) && it.subject.contains("Shipped"));
    let told = eventually("the mail says where it is", told, Option::is_some).await.unwrap();
    assert!(told.text.contains(&number) && told.text.contains("tracking number BD-1234567890"), "{}", told.text);
    let shown = shop.run(&["order", "show", &number, "--output", "json"]).json();
    let mut oldest_first = buyer.read(&all).await["items"].as_array().unwrap().clone();
    oldest_first.reverse();
    assert_eq!(shown["shipments"], json!(oldest_first));
}

/// When an order was placed; a carrier's scan of then comes late.
async fn order_time(buyer: &Client, order: &Order) -> Value {
    buyer.read(&format!("/api/orders/{}", order.id)).await["updatedAt"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_who_ship_and_cancel_at_once_no_unit_leaves_twice() {
    let shop = shared();
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(1_000, 20).await;
    let order = placed(&buyer, &[(&cup, 5)]).await;
    let sent = join_all((0..20).map(|_| admin.post(&path(&order), &parcel(&[(&cup, 2)])).send())).await;
    assert_eq!(sent.iter().filter(|answer| answer.status == 201).count(), 2);
    for answer in sent.iter().filter(|answer| answer.status != 201) {
        answer.problem(409, "OVER_SHIPMENT");
    }
    let order = placed(&buyer, &[(&cup, 1)]).await;
    let cancel = async || buyer.post(&format!("/api/orders/{}/cancel", order.id), &json!({})).send().await;
    let ship = async || admin.post(&path(&order), &parcel(&[])).send().await;
    let both = join_all((0..20).map(async |n| if n % 2 == 0 { cancel().await } else { ship().await })).await;
    let done: Vec<u16> = both.iter().map(|answer| answer.status).filter(|status| *status < 300).collect();
    assert_eq!(done.len(), 1, "{done:?}");
    let shipped = buyer.read(&path(&order)).await["items"].as_array().unwrap().len();
    let status = buyer.statuses(&order.id).await.pop().unwrap();
    assert_eq!((shipped, status.as_str()), if done == [201] { (1, "SHIPPED") } else { (0, "CANCELLED") });
}

#[tokio::test]
async fn a_status_set_by_hand_ships_and_delivers_all_that_is_open() {
    let shop = shared();
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(1_000, 10).await;
    let order = placed(&buyer, &[(&cup, 3)]).await;
    admin.post(&path(&order), &parcel(&[(&cup, 1)])).send().await.expect(201);
    for (status, parcels) in [("SHIPPED", "SHIPPED"), ("DELIVERED", "DELIVERED")] {
        admin.patch(&format!("/api/orders/{}/status", order.id), &json!({"status": status})).send().await.expect(200);
        let shipments = buyer.read(&path(&order)).await["items"].clone();
        let found: Vec<&Value> = shipments.as_array().unwrap().iter().map(|it| &it["status"]).collect();
        assert_eq!(found, [parcels, parcels]);
    }
    let back = json!({"type": "RETURN", "lines": [{"sku": cup.sku, "quantity": 3}], "reason": "too small"});
    buyer.post(&format!("/api/orders/{}/returns", order.id), &back).send().await.expect(201);
}

#[tokio::test]
async fn an_order_goes_elsewhere_until_it_is_shipped() {
    let shop = shared();
    let (admin, buyer, other) = (shop.admin().await, shop.customer().await, shop.customer().await);
    let cup = admin.product(1_000, 10).await;
    let order = placed(&buyer, &[(&cup, 1)]).await;
    let path = format!("/api/orders/{}/shipping-address", order.id);
    let mut there = commerce_tests::address();
    there["line1"] = json!("14 MG Road");
    other.put(&path, &there).send().await.problem(404, "NOT_FOUND");
    buyer.put(&path, &there).header("if-match", "\"9\"").send().await.problem(412, "VERSION_MISMATCH");
    let mut abroad = there.clone();
    abroad["country"] = json!("US");
    buyer.put(&path, &abroad).send().await.problem(409, "NOT_REDIRECTABLE");
    let moved = buyer.put(&path, &there).send().await.expect(200);
    assert_eq!(moved["shippingAddress"]["line1"], "14 MG Road");
    admin.post(&self::path(&order), &parcel(&[])).send().await.expect(201);
    buyer.put(&path, &commerce_tests::address()).send().await.problem(409, "NOT_REDIRECTABLE");
}

#[tokio::test]
async fn some_of_an_order_is_cancelled_before_it_is_shipped() {
    let shop = shared();
    let (admin, buyer, other) = (shop.admin().await, shop.customer().await, shop.customer().await);
    let cup = admin.product(1_000, 10).await;
    let mut body = cod(&[(&cup.sku, 3)]);
    body["payment"] = json!({"method": "CARD", "token": "tok_ok"});
    let order = Order::of(&buyer.post("/api/orders", &body).send().await, 201);
    let path = format!("/api/orders/{}/cancel", order.id);
    let less = |units: i64| json!({"lines": [{"sku": cup.sku, "quantity": units}], "reason": "one is enough"});
    other.post(&path, &less(1)).send().await.problem(404, "NOT_FOUND");
    let answer = buyer.post(&path, &less(1)).key("less").send().await.expect(200);
    assert_eq!((&answer["status"], &answer["cancellations"][0]["worth"]["amount"]), (&json!("CONFIRMED"), &json!(1_000)));
    assert_eq!(buyer.post(&path, &less(1)).key("less").send().await.expect(200)["cancellations"].as_array().unwrap().len(), 1);
    admin.post(&self::path(&order), &parcel(&[(&cup, 1)])).send().await.expect(201);
    let problem = buyer.post(&path, &less(2)).send().await.problem(409, "CANCEL_EXCEEDS_OPEN");
    assert_eq!(problem["lines"], json!([{"sku": cup.sku, "requested": 2, "available": 1}]));
    let line = format!("{}=1", cup.sku);
    let shown = shop.run(&["order", "cancel", &order.number, "--line", &line, "--yes", "--output", "json"]).json();
    let read = shop.run(&["order", "show", &order.number]).out;
    assert!(read.contains("GIVEN UP") && read.contains(&format!("1 × {}", cup.sku)), "{read}");
    assert_eq!(shown["status"], "SHIPPED", "all that is left has left");
    eventually("two are back", async || admin.stock(&cup.sku).await, |stock| *stock == (9, 0, 9)).await;
    let refunded = async || buyer.read(&format!("/api/orders/{}", order.id)).await["payment"]["refunded"]["amount"].clone();
    eventually("and their money", refunded, |refunded| *refunded == json!(2_000)).await;
}

#[tokio::test]
async fn a34_what_is_refused_at_the_door_is_on_the_shelf_again_and_nothing_is_paid_back() {
    let shop = shared();
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(1_000, 10).await;
    let order = placed(&buyer, &[(&cup, 2)]).await;
    eventually("the sale", async || admin.stock(&cup.sku).await, |stock| *stock == (8, 0, 8)).await;
    let sent = admin.post(&path(&order), &parcel(&[])).send().await.expect(201);
    let events = format!("{}/{}/events", path(&order), sent["id"].as_str().expect("a parcel has an id"));
    admin.post(&events, &json!({"status": "FAILED", "note": "refused at the door"})).send().await.expect(201);
    let back = json!({"type": "RETURN", "lines": [{"sku": cup.sku, "quantity": 2}], "reason": "refused at the door"});
    let returns = format!("/api/orders/{}/returns", order.id);
    buyer.post(&returns, &back).send().await.problem(409, "RETURN_EXCEEDS_DELIVERED");
    let asked = join_all((0..10).map(|_| admin.post(&returns, &back).send())).await;
    assert_eq!(asked.iter().filter(|answer| answer.status == 201).count(), 1, "it comes back once");
    let made = asked.iter().find(|answer| answer.status == 201).map(commerce_tests::Answer::json).expect("one of them");
    assert_eq!(made["lines"][0]["refused"], true);
    admin.post(&events, &json!({"status": "DELIVERED"})).send().await.problem(409, "ILLEGAL_TRANSITION");
    let step = |name: &str| format!("/api/returns/{}/{name}", made["id"].as_str().expect("a return has an id"));
    admin.post(&step("approve"), &json!({})).send().await.expect(200);
    admin.post(&step("receive"), &json!({})).send().await.expect(200);
    eventually("the shelf", async || admin.stock(&cup.sku).await, |stock| *stock == (10, 0, 10)).await;
    let ended = buyer.read(&format!("/api/orders/{}", order.id)).await;
    assert_eq!((&ended["status"], &ended["payment"]["captured"]["amount"]), (&json!("DELIVERED"), &json!(0)));
    assert_eq!(ended["refused"], json!([{"sku": cup.sku, "quantity": 2}]), "and says that she has nothing of it");
    assert_eq!(admin.post(&step("refund"), &json!({})).send().await.expect(200)["refund"]["amount"], 0);
    assert_eq!(admin.read(&format!("/api/orders/{}/refunds", order.id)).await["items"], json!([]));
    let audit = shop.run(&["audit"]);
    assert_eq!(audit.code, 0, "{audit:?}");
}
