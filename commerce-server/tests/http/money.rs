//! What is paid and given back, as it is asked for and shown.

use commerce_core::Clock;
use commerce_core::users::Role;
use serde_json::{Value, json};

use crate::support::{Reply, Shop, order};

fn paise(minor: i64) -> Value {
    json!({"amount": minor, "currency": "INR"})
}

fn id(reply: &Reply) -> String {
    reply.body["id"].as_str().unwrap().to_owned()
}

/// The code of a refusal and the first field that it names.
fn wrong(reply: &Reply, status: u16) -> (&str, &str) {
    (reply.refused(status), reply.body["errors"][0]["field"].as_str().unwrap_or_default())
}

/// A shop, its staff, a customer, and something to buy.
async fn open() -> (Shop, String, String) {
    let shop = Shop::open_with(&[("gateway.rate_limit_per_minute", "0")]).await;
    let (admin, asha) = (shop.login("admin", Role::Admin).await, shop.login("asha", Role::Customer).await);
    shop.stock(&admin, "A", 50).await;
    (shop, admin, asha)
}

async fn delivered(shop: &Shop, admin: &str, asha: &str, body: Value) -> String {
    let order = id(&shop.post("/api/orders", asha, body).await.expect(201));
    for status in ["SHIPPED", "DELIVERED"] {
        let step = shop.ask("PATCH", &format!("/api/orders/{order}/status")).token(admin);
        step.json(&json!({"status": status})).send().await.expect(200);
    }
    order
}

fn declined() -> Value {
    let mut body = order("A", 1, "CARD");
    body["payment"]["token"] = json!("tok_declined");
    body
}

#[tokio::test]
async fn a_list_that_names_nothing_is_refused() {
    let (shop, admin, asha) = open().await;
    let order = delivered(&shop, &admin, &asha, order("A", 9, "CARD")).await;
    let refunds = format!("/api/orders/{order}/refunds");
    let none = shop.post(&refunds, &admin, json!({"reason": "x", "lines": []})).await;
    assert_eq!(wrong(&none, 422), ("INVALID", "lines"));
    let much = json!({"reason": "x", "lines": [{"sku": "A", "quantity": 999}, {"sku": "A", "quantity": 1}]});
    assert_eq!(wrong(&shop.post(&refunds, &admin, much).await, 422), ("INVALID", "lines"));

    let wish = json!({"type": "EXCHANGE", "lines": [{"sku": "A", "quantity": 1}], "reason": "too small"});
    let back = id(&shop.post(&format!("/api/orders/{order}/returns"), &asha, wish).await.expect(201));
    let step = |name: &str, body: Value| {
        let path = format!("/api/returns/{back}/{name}");
        let (shop, admin) = (&shop, &admin);
        async move { shop.post(&path, admin, body).await }
    };
    step("approve", json!({})).await.expect(200);
    assert_eq!(wrong(&step("receive", json!({"lines": []})).await, 422), ("INVALID", "lines"));
    assert_eq!(step("receive", json!({})).await.expect(200).body["lines"][0]["received"], 1);
    assert_eq!(wrong(&step("exchange", json!({"items": []})).await, 422), ("EMPTY_ORDER", "items"));
    assert_eq!(step("exchange", json!({})).await.expect(200).body["status"], "EXCHANGED");
}

#[tokio::test]
async fn a_coupon_that_cannot_be_used_is_named_where_it_was_written() {
    let (shop, _, asha) = open().await;
    let guest = shop.ask("POST", "/api/carts").send().await.expect(201).header("location").to_owned();
    for code in ["NOPE", "no code!", "A,B,C,D,E,F,G,H,I,J,K,L"] {
        for path in ["/api/cart/me/coupon", &format!("{guest}/coupon")] {
            let refused = shop.ask("PUT", path).token(&asha).json(&json!({"code": code})).send().await;
            assert_eq!(wrong(&refused, 422), ("COUPON_NOT_APPLICABLE", "code"), "{path}");
        }
        let mut body = order("A", 1, "COD");
        body["couponCode"] = json!(code);
        for path in ["/api/orders", "/api/orders/quote"] {
            let refused = shop.post(path, &asha, body.clone()).await;
            assert_eq!(wrong(&refused, 422), ("COUPON_NOT_APPLICABLE", "couponCode"), "{path}");
        }
    }
    let twice = shop.ask("PUT", "/api/cart/me/coupon").token(&asha).json(&json!({"code": "NOPE,NOPE"})).send().await;
    assert_eq!(wrong(&twice, 422), ("INVALID", "code"));
}

#[tokio::test]
async fn a_payment_shows_what_pays_it_now() {
    let (shop, admin, asha) = open().await;
    let placed = shop.post("/api/orders", &asha, declined()).await.expect(201);
    let path = format!("/api/orders/{}", id(&placed));
    let failed = &placed.body["payment"];
    assert_eq!((&failed["status"], &failed["failureCode"]), (&json!("FAILED"), &json!("card_declined")));
    assert!(failed["providerReference"].is_string(), "{failed}");
    let cash = shop.post(&format!("{path}/payments"), &asha, json!({"method": "COD"})).await.expect(201).body;
    let shown = |payment: &Value| {
        let of = |name: &str| payment.get(name).cloned().unwrap_or_default();
        (of("method"), of("status"), of("failureCode"), of("providerReference"), of("attempts"))
    };
    assert_eq!(shown(&cash), (json!("COD"), json!("PENDING"), Value::Null, Value::Null, json!(1)));
    for status in ["SHIPPED", "DELIVERED"] {
        let step = shop.ask("PATCH", &format!("{path}/status")).token(&admin);
        step.json(&json!({"status": status})).send().await.expect(200);
    }
    let paid = shop.get(&path, &asha).await.expect(200).body["payment"].clone();
    assert_eq!(shown(&paid), (json!("COD"), json!("CAPTURED"), Value::Null, Value::Null, json!(1)));

    let again = shop.post("/api/orders", &asha, declined()).await.expect(201);
    let pay = format!("/api/orders/{}/payments", id(&again));
    let paid = shop.post(&pay, &asha, json!({"method": "CARD", "token": "tok_ok"})).await.expect(201).body;
    assert_eq!((&paid["status"], paid.get("failureCode")), (&json!("CAPTURED"), None));
    assert_ne!(paid["providerReference"], again.body["payment"]["providerReference"]);
}

#[tokio::test]
async fn each_try_to_pay_is_a_payment() {
    let (shop, admin, asha) = open().await;
    let placed = shop.post("/api/orders", &asha, declined()).await.expect(201);
    let order_path = format!("/api/orders/{}", id(&placed));
    let list = format!("{order_path}/payments");
    shop.post(&list, &asha, json!({"method": "CARD", "token": "tok_ok"})).await.expect(201);
    let given = json!({"amount": paise(9_900), "reason": "scratched"});
    shop.post(&format!("{order_path}/refunds"), &admin, given).await.expect(201);
    shop.memory.settle().await.unwrap();
    let items = shop.get(&list, &asha).await.expect(200).body["items"].clone();
    let (paid, failed) = (&items[0], &items[1]);
    for it in [paid, failed] {
        for member in ["id", "provider", "method", "amount", "providerReference", "createdAt"] {
            assert!(!it[member].is_null(), "{member} in {it}");
        }
        assert_eq!((&it["attempts"], &it["amount"]), (&json!(1), &paise(49_900)));
    }
    let sums = |it: &Value| [it["authorized"].clone(), it["captured"].clone(), it["refunded"].clone()];
    assert_eq!((&paid["status"], paid.get("failureCode")), (&json!("PARTIALLY_REFUNDED"), None));
    assert_eq!(sums(paid), [paise(49_900), paise(49_900), paise(9_900)]);
    assert_eq!((&failed["status"], &failed["failureCode"]), (&json!("FAILED"), &json!("card_declined")));
    assert_eq!(sums(failed), [paise(0), paise(0), paise(0)]);

    let mut waiting = order("A", 1, "UPI");
    waiting["payment"]["token"] = json!("tok_pending");
    let waiting = shop.post("/api/orders", &asha, waiting).await.expect(201);
    let tried = shop.get(&format!("/api/orders/{}/payments", id(&waiting)), &asha).await.expect(200).body["items"][0].clone();
    assert_eq!((&tried["status"], &tried["nextAction"]), (&json!("PENDING"), &waiting.body["payment"]["nextAction"]));
    assert!(tried["nextAction"]["url"].is_string(), "{tried}");
}

#[tokio::test]
async fn cash_is_a_payment_too() {
    let (shop, admin, asha) = open().await;
    let placed = shop.post("/api/orders", &asha, order("A", 2, "COD")).await.expect(201);
    let path = format!("/api/orders/{}", id(&placed));
    let cash = || async { shop.get(&format!("{path}/payments"), &asha).await.expect(200).body["items"].clone() };
    let it = cash().await;
    assert_eq!((&it[0]["id"], it.as_array().unwrap().len()), (&placed.body["payment"]["id"], 1));
    assert_eq!((&it[0]["method"], &it[0]["status"], &it[0]["captured"]), (&json!("COD"), &json!("PENDING"), &paise(0)));
    assert_eq!((&it[0]["amount"], &it[0]["createdAt"]), (&paise(99_800), &placed.body["placedAt"]));
    for status in ["SHIPPED", "DELIVERED"] {
        let step = shop.ask("PATCH", &format!("{path}/status")).token(&admin);
        step.json(&json!({"status": status})).send().await.expect(200);
    }
    assert_eq!((&cash().await[0]["status"], &cash().await[0]["authorized"]), (&json!("CAPTURED"), &paise(99_800)));
    shop.post(&format!("{path}/refunds"), &admin, json!({"reason": "broken"})).await.expect(201);
    shop.memory.settle().await.unwrap();
    assert_eq!((&cash().await[0]["status"], &cash().await[0]["refunded"]), (&json!("REFUNDED"), &paise(99_800)));

    let declined = shop.post("/api/orders", &asha, declined()).await.expect(201);
    let list = format!("/api/orders/{}/payments", id(&declined));
    shop.post(&list, &asha, json!({"method": "COD"})).await.expect(201);
    let items = shop.get(&list, &asha).await.expect(200).body["items"].clone();
    let mut tries: Vec<_> = items.as_array().unwrap().iter().map(|it| (it["method"].clone(), it["status"].clone())).collect();
    tries.sort_by_key(|(method, _)| method.to_string());
    assert_eq!(tries, [(json!("CARD"), json!("FAILED")), (json!("COD"), json!("PENDING"))]);
}

#[tokio::test]
async fn a_top_up_that_is_declined_failed() {
    let (shop, _, asha) = open().await;
    let filled = shop.post("/api/wallet/me/topup", &asha, json!({"amount": paise(100), "token": "tok_declined"})).await;
    assert_eq!(filled.expect(201).body["topUp"]["status"], "FAILED");
}

#[tokio::test]
async fn a_signed_message_is_judged_like_any_body() {
    let (shop, ..) = open().await;
    let said = |name: &str, value: Value| {
        let mut body = json!({"eventId": "e", "type": "payment.succeeded", "providerReference": "x", "amount": paise(1)});
        body[name] = value;
        body
    };
    let cases = [
        (said("type", json!(null)), 400, ("WRONG_TYPE", "type")),
        (said("type", json!(5)), 400, ("WRONG_TYPE", "type")),
        (said("type", json!("x.y")), 422, ("INVALID", "type")),
        (said("eventId", json!(7)), 400, ("WRONG_TYPE", "eventId")),
        (said("hello", json!(7)), 400, ("UNKNOWN_FIELD", "hello")),
        (json!({"eventId": "e", "type": "payment.failed"}), 400, ("MISSING_FIELD", "providerReference")),
        (json!([]), 400, ("WRONG_TYPE", "")),
        (said("amount", json!("1")), 400, ("WRONG_TYPE", "amount")),
        (said("amount", json!(1.5)), 422, ("INVALID", "amount")),
        (said("amount", json!(-5)), 422, ("INVALID", "amount")),
        (said("amount", paise(-5)), 422, ("INVALID", "amount")),
        (said("amount", json!(99_999_999_999_999_999_999_f64)), 422, ("INVALID", "amount")),
        (said("amount", json!(18_446_744_073_709_551_615_u64)), 422, ("INVALID", "amount")),
        (said("amount", json!({"amount": 1.5, "currency": "INR"})), 422, ("INVALID", "amount.amount")),
        (said("amount", json!({"amount": 1, "currency": "ZZZ"})), 422, ("INVALID", "amount.currency")),
        (said("amount", json!({"amount": 1})), 400, ("MISSING_FIELD", "amount.currency")),
        (said("amount", json!({"amount": 1, "currency": "INR", "unit": 1})), 400, ("UNKNOWN_FIELD", "amount.unit")),
    ];
    for (body, status, refused) in cases {
        let text = body.to_string();
        let reply = signed(&shop, text.as_bytes()).await;
        assert_eq!(wrong(&reply, status), refused, "{text}");
        for words in ["untagged", "variant", "line 1"] {
            assert!(!reply.text.contains(words), "{}", reply.text);
        }
    }
    for twice in [&br#"{"eventId":"a","eventId":"b"}"#[..], br#"{"amount":{"amount":1,"amount":2}}"#] {
        assert_eq!(signed(&shop, twice).await.refused(400), "DUPLICATE_FIELD");
    }
    assert_eq!(signed(&shop, b"{").await.refused(400), "MALFORMED_JSON");
    for body in [said("eventId", json!("e1")), said("amount", json!(1))] {
        signed(&shop, body.to_string().as_bytes()).await.expect(200);
    }
}

async fn signed(shop: &Shop, body: &[u8]) -> Reply {
    let signature = shop.memory.gateway.sign(body, shop.memory.clock.now());
    shop.ask("POST", "/api/payments/webhooks/sandbox").header("x-signature", &signature).raw(body.to_vec()).send().await
}

#[tokio::test]
async fn a_total_below_nothing_is_no_total() {
    let (shop, _, asha) = open().await;
    let mut body = order("A", 1, "COD");
    body["expectedTotal"] = paise(-1);
    for path in ["/api/orders", "/api/orders/quote"] {
        let refused = shop.post(path, &asha, body.clone()).await;
        assert_eq!(wrong(&refused, 422), ("INVALID", "expectedTotal"), "{path}");
    }
}
