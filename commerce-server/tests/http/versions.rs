//! `If-Match`: of two clients who read the same version, one is refused.

use commerce_core::users::Role;
use serde_json::{Value, json};

use crate::support::{Shop, order};

/// Reads the version at `path`, sends the same change of `target` twice at once with it, and asks
/// that one is done and the other refused.
async fn race(shop: &Shop, token: &str, path: &str, method: &str, target: &str, body: &Value) {
    let read = shop.get(path, token).await.expect(200);
    let version = read.header("etag").to_owned();
    assert!(!version.is_empty(), "{path} has an ETag");
    let send = || {
        let ask = shop.ask(method, target).token(token).header("if-match", &version);
        if body.is_null() { ask } else { ask.json(body) }.send()
    };
    let (one, two) = tokio::join!(send(), send());
    let refused = if one.status.is_success() { &two } else { &one };
    assert_eq!(refused.refused(412), "VERSION_MISMATCH", "{method} {target}");
    assert!(one.status.is_success() != two.status.is_success(), "{method} {target}: {} {}", one.text, two.text);
}

#[tokio::test]
async fn of_two_clients_with_one_version_one_is_refused() {
    let shop = Shop::open_with(&[("gateway.rate_limit_per_minute", "0")]).await;
    let (admin, asha) = (shop.login("admin", Role::Admin).await, shop.login("asha", Role::Customer).await);
    let product = shop.stock(&admin, "A", 50).await["id"].as_str().unwrap().to_owned();
    let product = format!("/api/products/{product}");
    for sku in ["B", "C"] {
        let variant = crate::support::variant(sku, 1);
        shop.post(&format!("{product}/variants"), &admin, variant).await.expect(201);
    }
    let placed = shop.post("/api/orders", &asha, order("A", 1, "COD")).await.expect(201);
    let placed = format!("/api/orders/{}", placed.body["id"].as_str().unwrap());
    shop.post("/api/cart/me", &asha, json!({"items": [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 1}]}))
        .await
        .expect(200);
    let category = shop.post("/api/categories", &admin, json!({"name": "Caps"})).await.expect(201);
    let category = format!("/api/categories/{}", category.body["id"].as_str().unwrap());
    let ravi = shop.login("ravi", Role::Customer).await;
    let ravi = format!("/api/users/{}", shop.get("/api/users/me", &ravi).await.body["id"].as_str().unwrap());
    let price = |amount: i64| json!({"price": {"amount": amount, "currency": "INR"}});

    race(&shop, &admin, &placed, "PATCH", &format!("{placed}/status"), &json!({"status": "PROCESSING"})).await;
    race(&shop, &asha, "/api/cart/me", "PUT", "/api/cart/me/items/A", &json!({"quantity": 3})).await;
    race(&shop, &asha, "/api/cart/me", "DELETE", "/api/cart/me/items/B", &Value::Null).await;
    race(&shop, &asha, "/api/cart/me", "DELETE", "/api/cart/me", &Value::Null).await;
    race(&shop, &asha, "/api/users/me", "PUT", "/api/users/me", &json!({"email": "asha@example.com", "fullName": "Asha Rao"}))
        .await;
    race(&shop, &admin, &ravi, "PUT", &format!("{ravi}/role"), &json!({"role": "SELLER"})).await;
    race(&shop, &admin, &category, "PUT", &category, &json!({"name": "Hats"})).await;
    race(&shop, &admin, &product, "PATCH", &product, &json!({"name": "Kurta, washed"})).await;
    race(&shop, &admin, &product, "PATCH", &format!("{product}/variants/B"), &price(1_000)).await;
    race(&shop, &admin, &product, "DELETE", &format!("{product}/variants/C"), &Value::Null).await;
    race(&shop, &admin, &product, "DELETE", &product, &Value::Null).await;
    assert_eq!(shop.get("/api/cart/me", &asha).await.expect(200).body["lines"], json!([]));

    for (path, token) in [(ravi, &admin), (category, &admin)] {
        let stale = shop.ask("DELETE", &path).token(token).header("if-match", "\"99\"").send().await;
        assert_eq!(stale.refused(412), "VERSION_MISMATCH", "{path}");
        let any = shop.ask("DELETE", &path).token(token).header("if-match", "*").send().await;
        any.expect(204);
    }
}
