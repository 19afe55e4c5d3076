//! What bad input gets: a clear problem, never a 500.

use commerce_core::users::Role;
use serde_json::{Value, json};

use crate::support::{PASSWORD, Shop, address, order, variant};

#[tokio::test]
async fn bodies_are_read_strictly() {
    let shop = Shop::open().await;
    let (admin, asha) = (shop.login("admin", Role::Admin).await, shop.login("asha", Role::Customer).await);
    shop.stock(&admin, "A", 5).await;
    let with = |path: &[&str], value: Value| {
        let mut body = order("A", 1, "COD");
        let mut at = &mut body;
        for step in path {
            at = match step.parse::<usize>() {
                Ok(index) => &mut at[index],
                Err(_) => &mut at[*step],
            };
        }
        *at = value;
        body
    };
    let quantity = &["items", "0", "quantity"][..];
    let cases = [
        (with(quantity, json!(0)), 422, "INVALID"),
        (with(quantity, json!(-1)), 422, "INVALID"),
        (with(quantity, json!(1000)), 422, "INVALID"),
        (with(quantity, json!(4_294_967_296_i64)), 422, "INVALID"),
        (with(quantity, json!(1.5)), 422, "INVALID"),
        (with(quantity, json!("1")), 400, "WRONG_TYPE"),
        (with(quantity, json!(null)), 400, "WRONG_TYPE"),
        (with(&["items", "0", "unitPrice"], json!({"amount": 1, "currency": "INR"})), 400, "UNKNOWN_FIELD"),
        (with(&["total"], json!(1)), 400, "UNKNOWN_FIELD"),
        (with(&["payment", "method"], json!("BARTER")), 422, "INVALID"),
        (with(&["payment"], json!(null)), 400, "MISSING_FIELD"),
        (with(&["items"], json!("A")), 400, "WRONG_TYPE"),
        (with(&["items"], json!([])), 422, "EMPTY_ORDER"),
        (with(&["items", "0", "sku"], json!("NOPE")), 422, "INVALID"),
        (with(&["shippingAddress", "country"], json!("India")), 422, "INVALID"),
        (with(&["shippingAddress", "fullName"], json!("A\u{0}B")), 422, "INVALID"),
        (with(&["expectedTotal"], json!({"amount": 1, "currency": "ZZZ"})), 422, "INVALID"),
        (with(&["shippingOptionId"], json!("rocket")), 422, "INVALID"),
    ];
    for (body, status, code) in cases {
        let reply = shop.post("/api/orders", &asha, body.clone()).await;
        assert_eq!(reply.refused(status), code, "{body}");
    }
    assert_eq!(shop.get("/api/orders", &asha).await.expect(200).body["items"], json!([]));
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    let shop = Shop::open().await;
    let raw = |body: &[u8]| shop.ask("POST", "/api/users").raw(body.to_vec()).send();
    for body in [&b"{"[..], b"nope", b"{\"email\":\"\xff\"}", b"{\"email\":\"\\ud800\"}", &b"[".repeat(200_000)] {
        assert_eq!(raw(body).await.refused(400), "MALFORMED_JSON");
    }
    let twice = raw(br#"{"email":"a@example.com","email":"b@example.com","password":"12345678","fullName":"A"}"#).await;
    assert_eq!(twice.refused(400), "DUPLICATE_FIELD");
    assert_eq!(raw(b"[]").await.refused(400), "WRONG_TYPE");
    let near = raw(br#"{"emial":"a@example.com"}"#).await;
    assert_eq!(near.refused(400), "UNKNOWN_FIELD");
    assert!(near.body["detail"].as_str().unwrap().contains("did you mean email?"));
    assert_eq!(raw(&vec![b' '; 2 * 1024 * 1024]).await.refused(413), "BODY_TOO_LARGE");
    let form = shop.ask("POST", "/api/users").header("content-type", "text/plain");
    let request = form.json(&json!({})).send().await;
    assert_eq!(request.refused(415), "UNSUPPORTED_MEDIA_TYPE");
    let coded = |coding: &str| shop.ask("POST", "/api/users").header("content-encoding", coding);
    for coding in ["gzip", "identity, br"] {
        let refused = coded(coding).raw(b"\x1f\x8b".to_vec()).send().await;
        assert_eq!(refused.refused(415), "UNSUPPORTED_MEDIA_TYPE", "{coding}");
        assert!(refused.body["detail"].as_str().unwrap().contains("Content-Encoding"), "{}", refused.text);
    }
    assert_eq!(coded("identity").json(&json!({})).send().await.refused(400), "MISSING_FIELD");
    assert_eq!(coded("gzip").send().await.refused(400), "MISSING_FIELD", "there is nothing to unpack");
}

/// A client that has nothing to say of a thing may say so.
#[tokio::test]
async fn metadata_that_is_null_is_left_out() {
    let shop = Shop::open().await;
    let (admin, asha) = (shop.login("admin", Role::Admin).await, shop.login("asha", Role::Customer).await);
    let with = |mut body: Value| {
        body["metadata"] = Value::Null;
        body
    };
    shop.stock(&admin, "A", 5).await;
    let user = json!({"email": "new@example.com", "password": PASSWORD, "fullName": "New", "phone": null});
    let product = json!({"name": "Cup", "description": "For tea", "variants": [variant("B", 5)]});
    let coupon = json!({"code": "CUPS", "type": "PERCENTAGE", "value": 10});
    for (path, token, body) in [
        ("/api/users", &asha, user),
        ("/api/products", &admin, product),
        ("/api/orders", &asha, order("A", 1, "COD")),
        ("/api/coupons", &admin, coupon),
        ("/api/carts", &asha, json!({})),
    ] {
        let made = shop.post(path, token, with(body)).await;
        assert_eq!((made.status.as_u16(), &made.body["metadata"]), (201, &json!({})), "{path}: {}", made.text);
    }
}

#[tokio::test]
async fn a_request_that_needs_no_body_takes_none_or_an_empty_one() {
    let shop = Shop::open().await;
    let (admin, asha) = (shop.login("admin", Role::Admin).await, shop.login("asha", Role::Customer).await);
    let product = shop.stock(&admin, "A", 5).await;
    let home = shop.post("/api/users/me/addresses", &asha, address()).await.expect(201);
    // The session ends last.
    let routes = [
        ("PUT", format!("/api/users/me/addresses/{}/default", home.body["id"].as_str().unwrap())),
        ("PUT", format!("/api/users/me/wishlist/{}", product["id"].as_str().unwrap())),
        ("POST", "/api/auth/logout".to_owned()),
    ];
    for (method, path) in routes {
        let ask = || shop.ask(method, &path).token(&asha);
        for (body, code) in
            [("x", "MALFORMED_JSON"), ("[", "MALFORMED_JSON"), ("[]", "WRONG_TYPE"), (r#"{"a":1}"#, "UNKNOWN_FIELD")]
        {
            assert_eq!(ask().raw(body.as_bytes().to_vec()).send().await.refused(400), code, "{path} {body}");
        }
        if method == "PUT" {
            assert!(ask().send().await.status.is_success(), "{path}");
        }
        assert!(ask().json(&json!({})).send().await.status.is_success(), "{path}");
    }
    let ravi = shop.login("ravi", Role::Customer).await;
    shop.ask("POST", "/api/auth/logout").token(&ravi).send().await.expect(204);
}

#[tokio::test]
async fn several_faults_are_told_at_once() {
    let shop = Shop::open().await;
    let body = json!({"email": "no", "password": "short", "fullName": ""});
    let reply = shop.ask("POST", "/api/users").json(&body).send().await;
    assert_eq!(reply.refused(422), "INVALID");
    assert_eq!(reply.body["errors"].as_array().unwrap().len(), 3, "{}", reply.text);
}

#[tokio::test]
async fn a_top_up_says_what_pays_it() {
    let shop = Shop::open().await;
    let asha = shop.login("asha", Role::Customer).await;
    let path = "/api/wallet/me/topup";
    let amount = json!({"amount": 100, "currency": "INR"});
    let silent = shop.post(path, &asha, json!({"amount": amount})).await;
    assert_eq!((silent.refused(400), &silent.body["errors"][0]["field"]), ("MISSING_FIELD", &json!("token")));
    let null = shop.post(path, &asha, json!({"amount": amount, "token": null})).await;
    assert_eq!(null.refused(400), "WRONG_TYPE");
    assert_eq!(shop.get("/api/wallet/me/entries", &asha).await.expect(200).body["items"], json!([]));
    // Where customers pay in the provider's own checkout there is none yet.
    shop.post(path, &asha, json!({"amount": amount, "token": ""})).await.expect(201);
    let contract = shop.get("/openapi.json", &asha).await.expect(200).body;
    assert_eq!(contract["components"]["schemas"]["NewTopUp"]["required"], json!(["amount", "token"]));
}

#[tokio::test]
async fn a_fault_of_a_payment_is_named_as_the_body_names_it() {
    let shop = Shop::open().await;
    let (admin, asha) = (shop.login("admin", Role::Admin).await, shop.login("asha", Role::Customer).await);
    shop.stock(&admin, "A", 5).await;
    let mut unpaid = order("A", 1, "CARD");
    unpaid["payment"]["token"] = json!("tok_declined");
    let placed = shop.post("/api/orders", &asha, unpaid.clone()).await.expect(201).body;
    let pay = format!("/api/orders/{}/payments", placed["id"].as_str().unwrap());
    for token in ["x".repeat(256), "a\u{7}b".to_owned()] {
        let mut again = unpaid.clone();
        again["payment"]["token"] = json!(token);
        let filled = json!({"amount": {"amount": 100, "currency": "INR"}, "token": token});
        let asked = [
            ("/api/orders", again, "payment.token"),
            (pay.as_str(), json!({"method": "CARD", "token": token}), "token"),
            ("/api/wallet/me/topup", filled, "token"),
        ];
        for (path, body, field) in asked {
            let refused = shop.post(path, &asha, body).await;
            assert_eq!((refused.refused(422), &refused.body["errors"][0]["field"]), ("INVALID", &json!(field)), "{path}");
        }
    }
}
