//! Coupons from outside: what they take off, who gets the last use, and what a refusal says.

use commerce_tests::{Client, address, cod, inr, shared, unique};
use futures_util::future::join_all;
use serde_json::{Value, json};

fn code() -> String {
    unique("C").to_uppercase()
}

async fn make(admin: &Client, body: &Value) -> Value {
    admin.post("/api/coupons", body).send().await.expect(201)
}

fn with(lines: &[(&str, i64)], coupon: &str) -> Value {
    let mut body = cod(lines);
    body["couponCode"] = json!(coupon);
    body
}

#[tokio::test]
async fn a_coupon_is_made_changed_and_removed() {
    let shop = shared();
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let code = code();
    let body = json!({"code": code.to_lowercase(), "type": "PERCENTAGE", "value": 10, "usageLimit": 5});
    buyer.post("/api/coupons", &body).send().await.problem(403, "FORBIDDEN");
    shop.anyone().get("/api/coupons").send().await.problem(401, "UNAUTHENTICATED");
    let made = admin.post("/api/coupons", &body).key(&code).send().await;
    assert_eq!(made.header("location"), format!("/api/coupons/{code}"));
    let made = made.expect(201);
    assert_eq!(
        (&made["code"], &made["value"], &made["usedCount"], &made["combinable"]),
        (&json!(code), &json!(10), &json!(0), &json!(false))
    );
    let again = admin.post("/api/coupons", &body).key(&code).send().await;
    assert_eq!((again.expect(200), again.header("idempotent-replayed")), (made.clone(), "true"));
    admin.post("/api/coupons", &body).send().await.problem(409, "COUPON_TAKEN");

    let path = format!("/api/coupons/{code}");
    assert_eq!(admin.read(&path).await, made);
    assert!(admin.read("/api/coupons").await["items"].as_array().unwrap().contains(&made));
    buyer.get(&path).send().await.problem(403, "FORBIDDEN");
    let change = json!({"code": code, "type": "FIXED", "value": inr(500)});
    let mut same = change.clone();
    same["version"] = made["version"].clone();
    let changed = admin.put(&path, &same).header("if-match", "\"1\"").send().await.expect(200);
    assert_eq!((&changed["value"], &changed["usageLimit"], &changed["version"]), (&inr(500), &Value::Null, &json!(2)));
    admin.put(&path, &change).header("if-match", "\"1\"").send().await.problem(412, "VERSION_MISMATCH");
    let other = json!({"code": "OTHER", "type": "FIXED", "value": inr(500)});
    let refused = admin.put(&path, &other).send().await.problem(422, "READ_ONLY");
    assert_eq!((&refused["errors"][0]["field"], &refused["errors"][0]["code"]), (&json!("code"), &json!("READ_ONLY")));
    let lower = json!({"code": code.to_lowercase(), "type": "FIXED", "value": inr(500)});
    admin.put(&path, &lower).send().await.expect(200);
    admin.delete(&path).send().await.expect(204);
    admin.delete(&path).send().await.problem(404, "NOT_FOUND");
    admin.get(&path).send().await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_coupon_that_cannot_be_is_refused() {
    let shop = shared();
    let admin = shop.admin().await;
    let post = async |change: Value| {
        let mut body = json!({"code": code(), "type": "PERCENTAGE", "value": 10});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        admin.post("/api/coupons", &body).send().await
    };
    for (change, field) in [
        (json!({"value": 0}), "value"),
        (json!({"value": 101}), "value"),
        (json!({"value": 1.5}), "value"),
        (json!({"value": null}), "value"),
        (json!({"type": "FIXED"}), "value"),
        (json!({"type": "FIXED", "value": inr(-1)}), "value"),
        (json!({"type": "HALF"}), "type"),
        (json!({"code": "A B"}), "code"),
        (json!({"usageLimit": 0}), "usageLimit"),
        (json!({"startsAt": "2027-01-01T00:00:00Z", "endsAt": "2027-01-01T00:00:00Z"}), "endsAt"),
        (json!({"type": "FIXED", "value": inr(1), "minimumSubtotal": {"amount": 1, "currency": "EUR"}}), "minimumSubtotal"),
    ] {
        post(change).await.invalid(field);
    }
    post(json!({"usedCount": 3})).await.problem(400, "UNKNOWN_FIELD");
    post(json!({"code": null})).await.problem(400, "MISSING_FIELD");
}

#[tokio::test]
async fn an_order_costs_what_its_quote_says() {
    let shop = shared();
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let (cup, plate) = (admin.product(1_999, 100).await, admin.product(333, 100).await);
    let lines = [(cup.sku.as_str(), 1), (plate.sku.as_str(), 2)];
    let coupons = [
        (json!({"type": "PERCENTAGE", "value": 10}), 267, 9_900),
        (json!({"type": "PERCENTAGE", "value": 50, "maximumDiscount": inr(101)}), 101, 9_900),
        (json!({"type": "FIXED", "value": inr(100_000)}), 2_665, 9_900),
        (json!({"type": "FREE_SHIPPING"}), 0, 0),
        (json!({"type": "FIXED", "value": inr(7), "productIds": [plate.id]}), 7, 9_900),
    ];
    for (mut coupon, off, shipping) in coupons {
        coupon["code"] = json!(code());
        make(&admin, &coupon).await;
        let mut body = with(&lines, coupon["code"].as_str().unwrap());
        body["shippingOptionId"] = json!("express");
        let quote = buyer.post("/api/orders/quote", &body).send().await.expect(200);
        body["expectedTotal"] = quote["total"].clone();
        let order = buyer.post("/api/orders", &body).send().await.expect(201);
        for member in ["lines", "subtotal", "discount", "shipping", "tax", "total", "couponCode"] {
            assert_eq!(order[member], quote[member], "{member} of {coupon}");
        }
        let part = |line: &Value| line["discount"]["amount"].as_i64().unwrap();
        let parts: i64 = order["lines"].as_array().unwrap().iter().map(part).sum();
        assert_eq!((parts, &order["discount"], &order["shipping"]), (off, &inr(off), &inr(shipping)), "{coupon}");
        assert_eq!(order["total"], inr(2_665 - off + shipping));
    }
}

#[tokio::test]
async fn a_refusal_says_which_rule_and_by_how_much() {
    let shop = shared();
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(1_000, 100).await;
    let refused = async |coupon: Value| {
        let code = code();
        let mut body = json!({"code": code, "type": "PERCENTAGE", "value": 10});
        for (name, value) in coupon.as_object().unwrap() {
            body[name] = value.clone();
        }
        make(&admin, &body).await;
        let quote = buyer.post("/api/orders/quote", &with(&[(&cup.sku, 1)], &code)).send().await;
        let order = buyer.post("/api/orders", &with(&[(&cup.sku, 1)], &code)).send().await;
        let problem = order.problem(422, "COUPON_NOT_APPLICABLE");
        assert_eq!(quote.problem(422, "COUPON_NOT_APPLICABLE")["rule"], problem["rule"]);
        assert_eq!((&problem["coupon"], &problem["errors"][0]["code"]), (&json!(code), &problem["rule"]));
        problem
    };
    let small = refused(json!({"minimumSubtotal": inr(1_500)})).await;
    assert_eq!((&small["rule"], &small["minimum"], &small["subtotal"]), (&json!("MINIMUM_SUBTOTAL"), &inr(1_500), &inr(1_000)));
    assert_eq!(small["missing"], inr(500));
    let early = refused(json!({"startsAt": "2999-01-01T00:00:00Z"})).await;
    assert_eq!((&early["rule"], &early["startsAt"]), (&json!("NOT_STARTED"), &json!("2999-01-01T00:00:00.000000Z")));
    assert_eq!(refused(json!({"endsAt": "2001-01-01T00:00:00Z"})).await["rule"], "ENDED");
    let plate = admin.product(1, 1).await;
    assert_eq!(refused(json!({"productIds": [plate.id]})).await["rule"], "NOT_FOR_THESE");
    let unknown = buyer.post("/api/orders", &with(&[(&cup.sku, 1)], "NO-SUCH-COUPON")).send().await;
    assert_eq!(unknown.problem(422, "COUPON_NOT_APPLICABLE")["rule"], "UNKNOWN");
    assert_eq!(admin.stock(&cup.sku).await.0, 100, "nothing was sold");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_buyers_for_the_last_use() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = admin.product(1_000, 100).await;
    let code = code();
    make(&admin, &json!({"code": code, "type": "FIXED", "value": inr(100), "usageLimit": 3})).await;
    let mut buyers = Vec::new();
    for _ in 0..8 {
        buyers.push(shop.customer().await);
    }
    let body = with(&[(&cup.sku, 1)], &code);
    for _ in 0..2 {
        buyers[0].post("/api/orders", &body).send().await.expect(201);
    }
    let keyed = |number: usize| buyers[number % buyers.len()].post("/api/orders", &body).key(&format!("last-{number}")).send();
    let answers = join_all((0..64).map(keyed)).await;
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(won.len(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        let problem = answer.problem(409, "COUPON_EXHAUSTED");
        assert_eq!((&problem["rule"], &problem["limit"], &problem["used"]), (&json!("USAGE_LIMIT"), &json!(3), &json!(3)));
    }
    let path = format!("/api/coupons/{code}");
    assert_eq!(admin.read(&path).await["usedCount"], 3);

    let winner = won[0].json();
    let buyer = buyers.iter().find(|buyer| winner["userId"] == buyer.user.as_str()).unwrap();
    let cancel = format!("/api/orders/{}/cancel", winner["id"].as_str().unwrap());
    let cancels = join_all((0..4).map(|_| buyer.post(&cancel, &json!({})).send())).await;
    assert_eq!(cancels.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(admin.read(&path).await["usedCount"], 2, "it came back once");
    let again = join_all((0..8).map(|number| buyers[number].post("/api/orders", &body).send())).await;
    assert_eq!(again.iter().filter(|answer| answer.status == 201).count(), 1);
}

#[tokio::test]
async fn one_customer_has_her_own_limit_in_every_tab() {
    let shop = shared();
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(1_000, 100).await;
    let code = code();
    make(&admin, &json!({"code": code, "type": "PERCENTAGE", "value": 5, "perUserLimit": 1})).await;
    let tabs = join_all((0..8).map(|_| buyer.post("/api/orders", &with(&[(&cup.sku, 1)], &code)).send())).await;
    assert_eq!(tabs.iter().filter(|answer| answer.status == 201).count(), 1);
    let refused = tabs.iter().find(|answer| answer.status != 201).unwrap().problem(409, "COUPON_EXHAUSTED");
    assert_eq!((&refused["rule"], &refused["limit"]), (&json!("PER_USER_LIMIT"), &json!(1)));
    let other = shop.customer().await;
    other.post("/api/orders", &with(&[(&cup.sku, 1)], &code)).send().await.expect(201);
}

#[tokio::test]
async fn a_cart_carries_its_coupon_to_the_order() {
    let shop = shared();
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(1_000, 100).await;
    let code = code();
    make(&admin, &json!({"code": code, "type": "PERCENTAGE", "value": 25})).await;
    let coupon = "/api/cart/me/coupon";
    buyer.post("/api/cart/me", &json!({"sku": cup.sku, "quantity": 2})).send().await.expect(200);
    buyer.put(coupon, &json!({"code": "NO-SUCH-COUPON"})).send().await.problem(422, "COUPON_NOT_APPLICABLE");
    let cart = buyer.put(coupon, &json!({"code": code})).send().await.expect(200);
    assert_eq!((&cart["couponCode"], &cart["discount"], &cart["total"]), (&json!(code), &inr(500), &inr(1_500)));
    for _ in 0..2 {
        buyer.delete(coupon).send().await.expect(204);
    }
    assert_eq!(buyer.read("/api/cart/me").await["discount"], inr(0));
    buyer.put(coupon, &json!({"code": code})).send().await.expect(200);
    let body = json!({"shippingAddress": address(), "payment": {"method": "COD"}});
    let order = buyer.post("/api/orders", &body).send().await.expect(201);
    assert_eq!((&order["couponCode"], &order["discount"], &order["total"]), (&json!(code), &inr(500), &inr(1_500)));

    let guest = shop.anyone().post("/api/carts", &json!({})).send().await.expect(201);
    let path = format!("/api/carts/{}", guest["cartToken"].as_str().unwrap());
    shop.anyone().post(&path, &json!({"sku": cup.sku, "quantity": 1})).send().await.expect(200);
    let cart = shop.anyone().put(&format!("{path}/coupon"), &json!({"code": code})).send().await.expect(200);
    assert_eq!(cart["discount"], inr(250));
    shop.anyone().delete(&format!("{path}/coupon")).send().await.expect(204);
}

#[tokio::test]
async fn a_cart_says_why_its_coupon_takes_nothing_off() {
    let shop = shared();
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(1_000, 100).await;
    let code = code();
    make(&admin, &json!({"code": code, "type": "PERCENTAGE", "value": 25, "minimumSubtotal": inr(2_000)})).await;
    buyer.post("/api/cart/me", &json!({"sku": cup.sku, "quantity": 2})).send().await.expect(200);
    let cart = buyer.put("/api/cart/me/coupon", &json!({"code": code})).send().await.expect(200);
    assert_eq!((&cart["discount"], cart.get("couponRefusal")), (&inr(500), None));
    let line = format!("/api/cart/me/items/{}", cup.sku);
    let cart = buyer.put(&line, &json!({"quantity": 1})).send().await.expect(200);
    let refusal = buyer.put("/api/cart/me/coupon", &json!({"code": code})).send().await.problem(422, "COUPON_NOT_APPLICABLE");
    assert_eq!((&cart["discount"], &cart["couponCode"]), (&inr(0), &json!(code)));
    for member in ["code", "detail", "status", "rule", "coupon"] {
        assert_eq!(cart["couponRefusal"][member], refusal[member], "{member}");
    }
}

#[tokio::test]
async fn the_command_line_makes_and_shows_coupons() {
    let shop = shared();
    let code = code();
    let made = shop
        .run(&["coupon", "create", &code, "--type", "FIXED", "--value", "99.50", "--usage-limit", "2", "--output", "json"])
        .json();
    assert_eq!((&made["value"], &made["usageLimit"]), (&inr(9_950), &json!(2)));
    assert_eq!(shop.run(&["coupon", "show", &code, "--output", "json"]).json(), made);
    let listed = shop.run(&["coupon", "list", "--output", "json"]).json();
    assert!(listed["items"].as_array().unwrap().contains(&made), "{listed}");
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    assert_eq!(admin.read(&format!("/api/coupons/{code}")).await["value"], inr(9_950), "it is there at once");
    let cup = admin.product(10_000, 5).await;
    let order = buyer.post("/api/orders", &with(&[(&cup.sku, 1)], &code)).send().await.expect(201);
    assert_eq!(order["total"], inr(50));
    assert_eq!(shop.run(&["coupon", "delete", &code, "--yes"]).code, 0);
    admin.get(&format!("/api/coupons/{code}")).send().await.problem(404, "NOT_FOUND");
}
