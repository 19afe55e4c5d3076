//! Carts of customers.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use commerce_tests::{cod, inr, shared};
use serde_json::{Value, json};

fn lines(cart: &Value) -> Vec<(String, i64)> {
    let lines = cart["lines"].as_array().unwrap_or_else(|| panic!("no lines: {cart}"));
    lines.iter().map(|line| (line["sku"].as_str().unwrap().to_owned(), line["quantity"].as_i64().unwrap())).collect()
}

#[tokio::test]
async fn a_cart_is_filled_and_emptied() {
    let shop = shared();
    let admin = shop.admin().await;
    let (cup, plate) = (admin.product(1_500, 10).await, admin.product(250, 10).await);
    let buyer = shop.customer().await;
    let path = format!("/api/cart/{}", buyer.user);
    let empty = buyer.read(&path).await;
    assert_eq!((&empty["lines"], &empty["subtotal"]), (&json!([]), &inr(0)));

    let cart = buyer.post(&path, &json!({"sku": cup.sku, "quantity": 2})).send().await.expect(200);
    assert_eq!(cart["userId"], buyer.user);
    let line = &cart["lines"][0];
    assert_eq!((&line["productId"], &line["name"]), (&json!(cup.id), &cup.body["name"]));
    assert_eq!((&line["unitPrice"], &line["lineTotal"]), (&inr(1_500), &inr(3_000)));
    assert_eq!((&line["available"], &line["priceChanged"]), (&json!(10), &json!(false)));
    assert!(cart["expiresAt"].is_string() && cart["version"].is_u64() && cart["couponCode"].is_null(), "{cart}");
    let more =
        json!({"items": [{"sku": cup.sku, "quantity": 1}, {"sku": plate.sku, "quantity": 4}, {"sku": plate.sku, "quantity": 1}]});
    let cart = buyer.post("/api/cart/me", &more).send().await.expect(200);
    assert_eq!(lines(&cart), [(cup.sku.clone(), 3), (plate.sku.clone(), 5)]);
    assert_eq!((&cart["subtotal"], &cart["discount"], &cart["total"]), (&inr(5_750), &inr(0), &inr(5_750)));

    let item = |sku: &str| format!("{path}/items/{sku}");
    let cart = buyer.put(&item(&plate.sku), &json!({"quantity": 1})).send().await.expect(200);
    assert_eq!(lines(&cart), [(cup.sku.clone(), 3), (plate.sku.clone(), 1)]);
    for quantity in [json!(0), json!(-1), json!(1_000), json!(1.5)] {
        buyer.put(&item(&plate.sku), &json!({"quantity": quantity})).send().await.invalid("quantity");
    }
    let removed = buyer.delete(&item(&plate.sku)).send().await;
    assert!([200, 204].contains(&removed.status), "{}", removed.text());
    assert_eq!(lines(&buyer.read(&path).await), [(cup.sku.clone(), 3)]);
    buyer.delete(&path).send().await.expect(204);
    buyer.delete(&path).send().await.expect(204);
    assert_eq!(lines(&buyer.read(&path).await), []);
}

#[tokio::test]
async fn bad_lines_change_nothing() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = admin.product(1_500, 10).await;
    let buyer = shop.customer().await;
    let post = async |body: Value| buyer.post("/api/cart/me", &body).send().await;
    let answer = post(json!({"sku": "NO-SUCH-SKU", "quantity": 1})).await;
    assert!([404, 422].contains(&answer.status), "{}", answer.text());
    let answer = post(json!({"items": [{"sku": cup.sku, "quantity": 1}, {"sku": "NO-SUCH-SKU", "quantity": 1}]})).await;
    assert!([404, 422].contains(&answer.status), "{}", answer.text());
    for body in [
        json!({"sku": cup.sku, "quantity": 1, "price": inr(1)}),
        json!({"sku": cup.sku, "quantity": 1, "unitPrice": inr(1)}),
        json!({"items": [{"sku": cup.sku, "quantity": 1, "price": 1}]}),
        json!({"sku": cup.sku}),
        json!({"quantity": 1}),
        json!({}),
    ] {
        let answer = post(body.clone()).await;
        assert!(answer.status == 400 || (answer.status == 422 && body == json!({})), "{body}: {}", answer.text());
    }
    let both = post(json!({"sku": cup.sku, "quantity": 1, "items": [{"sku": cup.sku, "quantity": 1}]})).await;
    assert!([400, 422].contains(&both.status), "{}", both.text());
    assert_eq!(lines(&buyer.read("/api/cart/me").await), []);
}

#[tokio::test]
async fn adding_twice_with_one_key_adds_once() {
    let shop = shared();
    let cup = shop.admin().await.product(1_500, 10).await;
    let buyer = shop.customer().await;
    let body = json!({"sku": cup.sku, "quantity": 2});
    buyer.post("/api/cart/me", &body).key("add-1").send().await.expect(200);
    let again = buyer.post("/api/cart/me", &body).key("add-1").send().await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(lines(&again.expect(200)), [(cup.sku.clone(), 2)]);
    let calls = (0..20).map(|_| buyer.post("/api/cart/me", &json!({"sku": cup.sku, "quantity": 1})).send());
    for answer in futures_util::future::join_all(calls).await {
        answer.expect(200);
    }
    assert_eq!(lines(&buyer.read("/api/cart/me").await), [(cup.sku.clone(), 22)], "parallel edits are not lost");
}

#[tokio::test]
async fn prices_and_stock_are_those_of_now() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = admin.product(1_500, 10).await;
    let buyer = shop.customer().await;
    buyer.post("/api/cart/me", &json!({"sku": cup.sku, "quantity": 2})).send().await.expect(200);
    let variant = format!("/api/products/{}/variants/{}", cup.id, cup.sku);
    admin.patch(&variant, &json!({"price": inr(1_700)})).send().await.expect(200);
    let stock = json!({"delta": -9, "reason": "broken"});
    admin.post(&format!("/api/inventory/{}/adjust", cup.sku), &stock).send().await;
    let cart = buyer.read("/api/cart/me").await;
    let line = &cart["lines"][0];
    assert_eq!((&line["unitPrice"], &line["priceChanged"], &line["available"]), (&inr(1_700), &json!(true), &json!(1)));
    assert_eq!(cart["subtotal"], inr(3_400));
}

#[tokio::test]
async fn ordering_takes_what_was_ordered_out() {
    let shop = shared();
    let admin = shop.admin().await;
    let (cup, plate) = (admin.product(1_500, 10).await, admin.product(250, 10).await);
    let buyer = shop.customer().await;
    let both = json!({"items": [{"sku": cup.sku, "quantity": 3}, {"sku": plate.sku, "quantity": 1}]});
    buyer.post("/api/cart/me", &both).send().await.expect(200);
    let mut body = cod(&[]);
    body.as_object_mut().unwrap().remove("items");
    let order = buyer.post("/api/orders", &body).send().await.expect(201);
    assert_eq!(order["subtotal"], inr(4_750));
    commerce_tests::eventually("the cart is reduced", async || lines(&buyer.read("/api/cart/me").await), Vec::is_empty).await;
    buyer.post("/api/orders", &body).send().await.problem(422, "EMPTY_ORDER");
    // An order beside the cart leaves the cart alone.
    buyer.post("/api/cart/me", &json!({"sku": plate.sku, "quantity": 2})).send().await.expect(200);
    let beside = buyer.order(&[(&cup.sku, 1)]).await;
    assert_eq!(beside.body["subtotal"], inr(1_500));
    assert_eq!(lines(&buyer.read("/api/cart/me").await), [(plate.sku.clone(), 2)]);
}

#[tokio::test]
async fn a_cart_that_goes_on_while_it_is_ordered_is_ordered_once() {
    let shop = shared();
    let admin = shop.admin().await;
    let (cup, plate) = (admin.product(1_500, 100).await, admin.product(250, 100).await);
    let buyer = shop.customer().await;
    let mut body = cod(&[]);
    body.as_object_mut().unwrap().remove("items");
    // Whether the first order's lines have left the cart by the second order is a matter of milliseconds.
    for round in 0..5 {
        buyer.post("/api/cart/me", &json!({"sku": cup.sku, "quantity": 3})).send().await.expect(200);
        let first = buyer.post("/api/orders", &body).send().await.expect(201);
        buyer.post("/api/cart/me", &json!({"sku": plate.sku, "quantity": 2})).send().await.expect(200);
        let second = buyer.post("/api/orders", &body).send().await.expect(201);
        assert_eq!((&first["subtotal"], &second["subtotal"]), (&inr(4_500), &inr(500)), "round {round}");
        commerce_tests::eventually("the cart is reduced", async || lines(&buyer.read("/api/cart/me").await), Vec::is_empty).await;
    }
}
