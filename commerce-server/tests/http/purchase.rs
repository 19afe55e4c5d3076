//! From cart to delivery.

use commerce_core::users::Role;
use serde_json::json;

use crate::support::{Shop, address, order};

#[tokio::test]
async fn cash_on_delivery_is_confirmed_in_the_answer() {
    let shop = Shop::open().await;
    let (admin, asha) = (shop.login("admin", Role::Admin).await, shop.login("asha", Role::Customer).await);
    shop.stock(&admin, "KURTA-M", 10).await;
    let placed = shop.post("/api/orders", &asha, order("KURTA-M", 2, "COD")).await.expect(201);
    let body = &placed.body;
    assert_eq!(placed.header("location"), format!("/api/orders/{}", body["id"].as_str().unwrap()));
    assert_eq!((&body["status"], &body["payment"]["method"]), (&json!("CONFIRMED"), &json!("COD")));
    assert_eq!(body["total"], json!({"amount": 99_800, "currency": "INR"}));
    assert_eq!(body["lines"][0]["quantity"], 2);
    assert_eq!(body["shippingAddress"]["city"], "Bengaluru");

    shop.memory.settle().await.unwrap();
    let path = format!("/api/orders/{}", body["id"].as_str().unwrap());
    let history = shop.get(&format!("{path}/timeline"), &asha).await.expect(200);
    assert_eq!(history.body["items"][0]["status"], "PENDING");
    assert_eq!(history.body["items"][1]["status"], "CONFIRMED");
    let stock = shop.get("/api/inventory/KURTA-M", &admin).await.expect(200);
    assert_eq!((&stock.body["onHand"], &stock.body["reserved"], &stock.body["available"]), (&json!(8), &json!(0), &json!(8)));

    let skip = shop.ask("PATCH", &format!("{path}/status")).token(&admin).json(&json!({"status": "DELIVERED"})).send().await;
    assert_eq!(skip.refused(409), "ILLEGAL_TRANSITION");
    let own = shop.ask("PATCH", &format!("{path}/status")).token(&asha).json(&json!({"status": "SHIPPED"})).send().await;
    assert_eq!(own.refused(403), "FORBIDDEN");
    for status in ["PROCESSING", "SHIPPED", "DELIVERED"] {
        let step = shop.ask("PATCH", &format!("{path}/status")).token(&admin).json(&json!({"status": status})).send().await;
        assert_eq!(step.expect(200).body["status"], status);
    }
    assert_eq!(shop.post(&format!("{path}/cancel"), &asha, json!({})).await.refused(409), "ILLEGAL_TRANSITION");
}

#[tokio::test]
async fn a_repeated_order_is_answered_with_the_first() {
    let shop = Shop::open().await;
    let (admin, asha) = (shop.login("admin", Role::Admin).await, shop.login("asha", Role::Customer).await);
    shop.stock(&admin, "A", 10).await;
    let ask = |key: &'static str, quantity| {
        shop.ask("POST", "/api/orders").token(&asha).header("idempotency-key", key).json(&order("A", quantity, "COD")).send()
    };
    let first = ask("k1", 1).await.expect(201);
    let again = ask("k1", 1).await.expect(200);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.body["id"], first.body["id"]);
    assert_eq!(ask("k1", 2).await.refused(422), "IDEMPOTENCY_MISMATCH");

    let mut body = order("A", 1, "COD");
    body["idempotencyKey"] = json!("k2");
    let in_body = shop.post("/api/orders", &asha, body.clone()).await.expect(201);
    assert_eq!(shop.post("/api/orders", &asha, body.clone()).await.expect(200).body["id"], in_body.body["id"]);
    let both = shop.ask("POST", "/api/orders").token(&asha).header("idempotency-key", "other").json(&body).send().await;
    assert_eq!(both.refused(422), "INVALID");
    let long = shop.ask("POST", "/api/orders").token(&asha).header("idempotency-key", &"x".repeat(256)).json(&body).send().await;
    assert_eq!(long.refused(422), "INVALID");
}

#[tokio::test]
async fn the_cart_is_quoted_ordered_and_emptied() {
    let shop = Shop::open().await;
    let (admin, asha) = (shop.login("admin", Role::Admin).await, shop.login("asha", Role::Customer).await);
    shop.stock(&admin, "A", 10).await;
    shop.stock(&admin, "B", 10).await;
    shop.post("/api/users/me/addresses", &asha, address()).await.expect(201);
    shop.post("/api/cart/me", &asha, json!({"sku": "A", "quantity": 2})).await.expect(200);
    let cart = shop.post("/api/cart/me", &asha, json!({"items": [{"sku": "B", "quantity": 1}]})).await.expect(200);
    assert_eq!(cart.body["lines"].as_array().unwrap().len(), 2);
    let set = shop.ask("PUT", "/api/cart/me/items/A").token(&asha).json(&json!({"quantity": 1})).send().await;
    assert_eq!(set.expect(200).body["total"]["amount"], 99_800);
    let quote = shop.post("/api/orders/quote", &asha, json!({})).await.expect(200);
    assert!(quote.body["shippingOptions"].as_array().is_some_and(|options| !options.is_empty()));
    let body = json!({"payment": {"method": "UPI", "token": "tok_ok"}, "expectedTotal": quote.body["total"]});
    let order = shop.post("/api/orders", &asha, body).await.expect(201);
    assert_eq!(order.body["total"], quote.body["total"]);
    assert_eq!((&order.body["status"], &order.body["payment"]["status"]), (&json!("CONFIRMED"), &json!("CAPTURED")));
    shop.memory.settle().await.unwrap();
    assert_eq!(shop.get("/api/cart/me", &asha).await.expect(200).body["lines"], json!([]));
    let empty = shop.post("/api/orders", &asha, json!({"items": [], "payment": {"method": "COD"}})).await;
    assert_eq!(empty.refused(422), "EMPTY_ORDER");
}

#[tokio::test]
async fn what_is_sold_out_says_so() {
    let shop = Shop::open().await;
    let (admin, asha) = (shop.login("admin", Role::Admin).await, shop.login("asha", Role::Customer).await);
    shop.stock(&admin, "A", 1).await;
    let refused = shop.post("/api/orders", &asha, order("A", 2, "COD")).await;
    assert_eq!(refused.refused(409), "SOLD_OUT");
    assert_eq!(refused.body["lines"], json!([{"sku": "A", "requested": 2, "available": 1}]));
    let mut priced = order("A", 1, "COD");
    priced["expectedTotal"] = json!({"amount": 1, "currency": "INR"});
    let changed = shop.post("/api/orders", &asha, priced).await;
    assert_eq!(changed.refused(409), "PRICE_CHANGED");
    assert_eq!(changed.body["quote"]["total"]["amount"], 49_900);
}

#[tokio::test]
async fn a_decline_leaves_the_order_to_be_paid_again() {
    let shop = Shop::open().await;
    let (admin, asha) = (shop.login("admin", Role::Admin).await, shop.login("asha", Role::Customer).await);
    shop.stock(&admin, "A", 5).await;
    let mut declined = order("A", 1, "CARD");
    declined["payment"]["token"] = json!("tok_declined");
    let placed = shop.post("/api/orders", &asha, declined).await.expect(201);
    assert_eq!((&placed.body["status"], &placed.body["payment"]["status"]), (&json!("PENDING"), &json!("FAILED")));
    let path = format!("/api/orders/{}/payments", placed.body["id"].as_str().unwrap());
    let paid = shop.post(&path, &asha, json!({"method": "CARD", "token": "tok_ok"})).await.expect(201);
    assert_eq!((&paid.body["status"], &paid.body["attempts"]), (&json!("CAPTURED"), &json!(2)));
    assert_eq!(shop.get(&path, &asha).await.expect(200).body["items"].as_array().unwrap().len(), 2);
    let unpaid = shop.post(&path, &asha, json!({"method": "CARD", "token": "tok_ok"})).await;
    assert_eq!(unpaid.refused(409), "NOT_PAYABLE");
}

#[tokio::test]
async fn a_webhook_needs_its_signature() {
    let shop = Shop::open().await;
    let path = "/api/payments/webhooks/sandbox";
    let body = json!({"eventId": "e1", "type": "payment.succeeded", "providerReference": "x", "amount": {"amount": 1, "currency": "INR"}});
    let unsigned = shop.ask("POST", path).json(&body).send().await;
    assert_eq!(unsigned.refused(401), "BAD_SIGNATURE");
    assert_eq!(shop.ask("POST", "/api/payments/webhooks/nobody").json(&body).send().await.refused(404), "NOT_FOUND");
}

#[tokio::test]
async fn a_guests_cart_is_taken_over_whole() {
    let shop = Shop::open().await;
    let (admin, asha) = (shop.login("admin", Role::Admin).await, shop.login("asha", Role::Customer).await);
    shop.stock(&admin, "A", 10).await;
    shop.stock(&admin, "B", 10).await;
    let opened = shop.ask("POST", "/api/carts").send().await.expect(201);
    let path = opened.header("location").to_owned();
    for (sku, quantity) in [("A", 2), ("B", 1)] {
        shop.ask("POST", &path).json(&json!({"sku": sku, "quantity": quantity})).send().await.expect(200);
    }
    shop.post("/api/cart/me", &asha, json!({"sku": "A", "quantity": 1})).await.expect(200);
    let token = json!({"cartToken": opened.body["cartToken"]});
    for _ in 0..2 {
        let merged = shop.post("/api/cart/me/merge", &asha, token.clone()).await.expect(200);
        let lines: Vec<_> = merged.body["lines"].as_array().unwrap().iter().map(|line| line["quantity"].clone()).collect();
        assert_eq!(lines, [json!(3), json!(1)]);
    }
    assert_eq!(shop.ask("GET", &path).send().await.expect(200).body["lines"], json!([]));
    assert_eq!(shop.ask("GET", "/api/carts/nonsense").send().await.refused(404), "NOT_FOUND");
}

#[tokio::test]
async fn a_token_that_nobody_gave_out_is_no_carts() {
    let shop = Shop::open().await;
    let admin = shop.login("admin", Role::Admin).await;
    shop.stock(&admin, "A", 10).await;
    let opened = shop.ask("POST", "/api/carts").send().await.expect(201);
    let keyed = shop.ask("POST", "/api/carts").header("idempotency-key", "open").send().await.expect(201);
    let given = [&opened, &keyed].map(|cart| cart.body["cartToken"].as_str().unwrap().to_owned());
    let digits = |token: &str| token.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    assert!(given.iter().all(|token| token.len() == 64 && digits(token)), "{given:?}");
    let other_end = |token: &str| token[..63].to_owned() + if token.ends_with('0') { "1" } else { "0" };
    let mixed = given[0][..32].to_owned() + &given[1][32..];
    for made_up in ["0".repeat(64), other_end(&given[0]), mixed, given[0].to_uppercase()] {
        let path = format!("/api/carts/{made_up}");
        let one = json!({"sku": "A", "quantity": 1});
        let calls = [
            shop.ask("GET", &path),
            shop.ask("POST", &path).json(&one),
            shop.ask("PUT", &format!("{path}/items/A")).json(&json!({"quantity": 1})),
            shop.ask("DELETE", &format!("{path}/items/A")),
            shop.ask("PUT", &format!("{path}/coupon")).json(&json!({"code": "TEN"})),
        ];
        for call in calls {
            assert_eq!(call.send().await.refused(404), "NOT_FOUND", "{made_up}");
        }
        shop.ask("DELETE", &path).send().await.expect(204);
        shop.ask("DELETE", &format!("{path}/coupon")).send().await.expect(204);
    }
    for token in given {
        let path = format!("/api/carts/{token}");
        assert_eq!(shop.ask("GET", &path).send().await.expect(200).body["lines"], json!([]));
        shop.ask("POST", &path).json(&json!({"sku": "A", "quantity": 1})).send().await.expect(200);
    }
}
