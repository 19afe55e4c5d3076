//! The document and the routes say the same.

use commerce_tests::shared;
use reqwest::Method;
use serde_json::Value;

#[tokio::test]
async fn every_documented_route_is_served() {
    let shop = shared();
    let admin = shop.admin().await;
    let spec = shop.anyone().read("/openapi.json").await;
    assert!(spec["openapi"].as_str().unwrap().starts_with("3."), "{}", spec["openapi"]);
    let mut served = 0;
    for (path, item) in spec["paths"].as_object().unwrap() {
        assert!(path.starts_with('/'), "{path}");
        for (method, operation) in item.as_object().unwrap() {
            if !["get", "post", "put", "patch", "delete"].contains(&method.as_str()) {
                continue;
            }
            assert!(operation["responses"].as_object().is_some_and(|responses| !responses.is_empty()), "{method} {path}");
            // A body that no route takes: whether it is refused or not, the route itself is there.
            let concrete = path.replace("{userId}", "me").replace(['{', '}'], "");
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            if concrete == "/api/users/me" && method == Method::DELETE || path.ends_with("/logout") {
                continue;
            }
            let call = admin.call(method.clone(), &concrete);
            let answer =
                if method == Method::GET { call } else { call.json(&serde_json::json!({"noSuchField": 1})) }.send().await;
            assert_ne!(answer.status, 405, "{method} {path}");
            let unknown_page = answer.status == 404 && answer.json()["detail"].as_str().unwrap_or_default().contains("page");
            assert!(!unknown_page, "{method} {path} is documented but not served");
            served += 1;
        }
    }
    assert!(served >= 40, "{served}");
}

#[tokio::test]
async fn every_promised_route_is_documented() {
    let shop = shared();
    let spec = shop.anyone().read("/openapi.json").await;
    let paths = spec["paths"].as_object().unwrap();
    let plain = |path: &str| -> String {
        path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
    };
    let documented =
        |method: &str, path: &str| paths.iter().any(|(known, item)| plain(known) == plain(path) && item.get(method).is_some());
    let missing: Vec<String> = PROMISED
        .iter()
        .flat_map(|(methods, path)| methods.split(' ').map(move |method| (method, *path)))
        .filter(|(method, path)| !documented(method, path))
        .map(|(method, path)| format!("{method} {path}"))
        .collect();
    assert!(missing.is_empty(), "not documented: {missing:#?}");
}

#[tokio::test]
async fn references_lead_somewhere() {
    let shop = shared();
    let spec = shop.anyone().read("/openapi.json").await;
    let mut references = Vec::new();
    collect(&spec, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads outside"));
        assert!(spec.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

#[tokio::test]
async fn the_command_line_prints_the_same_document() {
    let shop = shared();
    let printed = shop.run(&["openapi"]).json();
    assert_eq!(printed["paths"], shop.anyone().read("/openapi.json").await["paths"]);
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect(member, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What the contract promises of this part of the house.
const PROMISED: &[(&str, &str)] = &[
    ("post get", "/api/users"),
    ("get put delete", "/api/users/{userId}"),
    ("get", "/api/users/{userId}/sessions"),
    ("delete", "/api/users/{userId}/sessions/{sessionId}"),
    ("post get", "/api/users/{userId}/addresses"),
    ("put delete", "/api/users/{userId}/addresses/{addressId}"),
    ("put", "/api/users/{userId}/addresses/{addressId}/default"),
    ("put", "/api/users/{userId}/role"),
    ("put", "/api/users/{userId}/password"),
    ("post", "/api/auth/login"),
    ("post", "/api/auth/refresh"),
    ("post", "/api/auth/logout"),
    ("get", "/.well-known/jwks.json"),
    ("post get", "/api/products"),
    ("get put patch delete", "/api/products/{id}"),
    ("post", "/api/products/{id}/variants"),
    ("patch delete", "/api/products/{id}/variants/{sku}"),
    ("get", "/api/products/search"),
    ("post get", "/api/categories"),
    ("get", "/api/categories/tree"),
    ("put delete", "/api/categories/{id}"),
    ("post get", "/api/sellers"),
    ("get put", "/api/sellers/{id}"),
    ("get", "/api/inventory/{sku}"),
    ("post", "/api/inventory/{sku}/adjust"),
    ("get", "/api/inventory/{sku}/ledger"),
    ("post get delete", "/api/cart/{userId}"),
    ("put delete", "/api/cart/{userId}/items/{sku}"),
    ("post", "/api/orders/quote"),
    ("post get", "/api/orders"),
    ("get", "/api/orders/{id}"),
    ("get", "/api/orders/{id}/timeline"),
    ("patch", "/api/orders/{id}/status"),
    ("post", "/api/orders/{id}/cancel"),
    ("post", "/api/orders/{id}/payments"),
    ("post", "/api/orders/{id}/payments/{paymentId}/capture"),
    ("post", "/api/orders/{id}/payments/{paymentId}/void"),
    ("get", "/api/wallet/{userId}"),
    ("post", "/api/wallet/{userId}/topup"),
    ("post get", "/api/orders/{id}/refunds"),
    ("post get", "/api/orders/{id}/shipments"),
    ("post", "/api/orders/{id}/shipments/{shipmentId}/events"),
    ("post get", "/api/orders/{id}/returns"),
    ("get", "/api/returns"),
    ("get", "/api/returns/{id}"),
    ("post", "/api/returns/{id}/approve"),
    ("post", "/api/returns/{id}/reject"),
    ("post", "/api/returns/{id}/receive"),
    ("post", "/api/returns/{id}/refund"),
    ("post", "/api/returns/{id}/exchange"),
    ("post get", "/api/coupons"),
    ("get put delete", "/api/coupons/{code}"),
    ("put delete", "/api/cart/{userId}/coupon"),
    ("post", "/api/payments/webhooks/{provider}"),
    ("get", "/api/notifications"),
    ("post", "/api/notifications/{id}/resend"),
    ("post get", "/api/webhook-endpoints"),
    ("get put delete", "/api/webhook-endpoints/{id}"),
    ("get", "/api/webhook-endpoints/{id}/deliveries"),
    ("post", "/api/webhook-endpoints/{id}/deliveries/{did}/resend"),
];
