//! The documents say what the router does.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::Shop;

/// The routes of the contract that this shape of the shop serves.
const CONTRACT: &[(&str, &[&str])] = &[
    ("/api/users", &["post"]),
    ("/api/auth/login", &["post"]),
    ("/api/auth/refresh", &["post"]),
    ("/api/auth/logout", &["post"]),
    ("/api/users/{userId}", &["get", "put", "delete"]),
    ("/api/users/{userId}/password", &["put"]),
    ("/api/users/{userId}/role", &["put"]),
    ("/api/users/{userId}/sessions", &["get", "delete"]),
    ("/api/users/{userId}/sessions/{sessionId}", &["delete"]),
    ("/api/users/{userId}/addresses", &["post", "get"]),
    ("/api/users/{userId}/addresses/{addressId}", &["get", "put", "delete"]),
    ("/api/users/{userId}/addresses/{addressId}/default", &["put"]),
    ("/.well-known/jwks.json", &["get"]),
    ("/api/products", &["post", "get"]),
    ("/api/products/{id}", &["get", "put", "patch", "delete"]),
    ("/api/products/{id}/variants", &["post"]),
    ("/api/products/{id}/variants/{sku}", &["patch", "delete"]),
    ("/api/products/search", &["get"]),
    ("/api/products/{id}/images", &["post"]),
    ("/api/products/{id}/images/{imageId}", &["delete"]),
    ("/api/categories", &["post", "get"]),
    ("/api/categories/tree", &["get"]),
    ("/api/categories/{id}", &["put", "delete"]),
    ("/api/sellers", &["post", "get"]),
    ("/api/sellers/{id}", &["get", "put"]),
    ("/api/inventory/{sku}", &["get"]),
    ("/api/inventory/{sku}/adjust", &["post"]),
    ("/api/inventory/{sku}/ledger", &["get"]),
    ("/api/cart/{userId}", &["post", "get", "delete"]),
    ("/api/cart/{userId}/items/{sku}", &["put", "delete"]),
    ("/api/cart/{userId}/merge", &["post"]),
    ("/api/carts", &["post"]),
    ("/api/carts/{cartToken}", &["get", "post", "delete"]),
    ("/api/carts/{cartToken}/items/{sku}", &["put", "delete"]),
    ("/api/orders/quote", &["post"]),
    ("/api/orders", &["post", "get"]),
    ("/api/orders/{id}", &["get"]),
    ("/api/orders/{id}/timeline", &["get"]),
    ("/api/orders/{id}/shipping-address", &["put"]),
    ("/api/orders/{id}/payments", &["post", "get"]),
    ("/api/orders/{id}/refunds", &["get", "post"]),
    ("/api/orders/{id}/shipments", &["get", "post"]),
    ("/api/orders/{id}/shipments/{shipmentId}", &["get"]),
    ("/api/orders/{id}/shipments/{shipmentId}/events", &["post"]),
    ("/api/orders/{id}/returns", &["get", "post"]),
    ("/api/returns", &["get"]),
    ("/api/returns/{id}", &["get"]),
    ("/api/returns/{id}/approve", &["post"]),
    ("/api/returns/{id}/reject", &["post"]),
    ("/api/returns/{id}/receive", &["post"]),
    ("/api/returns/{id}/refund", &["post"]),
    ("/api/returns/{id}/exchange", &["post"]),
    ("/api/coupons", &["get", "post"]),
    ("/api/coupons/{code}", &["get", "put", "delete"]),
    ("/api/cart/{userId}/coupon", &["put", "delete"]),
    ("/api/orders/{id}/status", &["patch"]),
    ("/api/orders/{id}/cancel", &["post"]),
    ("/api/orders/{id}/payments/{paymentId}/capture", &["post"]),
    ("/api/orders/{id}/payments/{paymentId}/void", &["post"]),
    ("/api/payments/webhooks/{provider}", &["post"]),
    ("/api/payments/reconciliation", &["get"]),
    ("/api/wallet/{userId}", &["get"]),
    ("/api/wallet/{userId}/entries", &["get"]),
    ("/api/wallet/{userId}/topup", &["post"]),
    ("/api/notifications", &["get"]),
    ("/api/notifications/{id}/resend", &["post"]),
    ("/api/webhook-endpoints", &["get", "post"]),
    ("/api/webhook-endpoints/{id}", &["get", "put", "delete"]),
    ("/api/webhook-endpoints/{id}/deliveries", &["get"]),
    ("/api/webhook-endpoints/{id}/deliveries/{did}/resend", &["post"]),
];

#[tokio::test]
async fn the_document_has_the_contracts_routes_and_the_router_has_the_documents() {
    let shop = Shop::open().await;
    let spec = shop.ask("GET", "/openapi.json").send().await.expect(200).body;
    for (path, methods) in CONTRACT {
        for method in *methods {
            assert!(spec["paths"][path][method].is_object(), "{method} {path}");
        }
    }
    for (path, item) in spec["paths"].as_object().unwrap() {
        let id = "018f0000-0000-7000-8000-000000000000";
        let concrete: Vec<&str> = path.split('/').map(|part| if part.starts_with('{') { id } else { part }).collect();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let told = item.get(method.to_lowercase()).is_some();
            let status = shop.ask(method, &concrete.join("/")).send().await.status;
            let known = status != StatusCode::METHOD_NOT_ALLOWED;
            // `search` and `tree` are also what an id could be; the router asks them first.
            assert_eq!(told, known, "{method} {path}: {status}");
        }
    }
}

#[tokio::test]
async fn every_reference_of_the_document_leads_somewhere() {
    let spec = commerce_server::app::openapi();
    let mut references = Vec::new();
    collect(&spec, &mut references);
    assert!(references.len() > 50);
    for reference in references {
        let pointer = reference.trim_start_matches('#');
        assert!(spec.pointer(pointer).is_some(), "{reference}");
    }
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

#[tokio::test]
async fn every_problem_has_its_place_on_the_page() {
    let shop = Shop::open().await;
    let page = shop.ask("GET", "/docs/errors").send().await.expect(200).text;
    for (code, status, _) in commerce_server::problem::all_codes() {
        assert!(page.contains(&format!("id=\"{code}\"")) && page.contains(&status.to_string()), "{code}");
    }
    let reply = shop.ask("GET", "/nothing").send().await;
    assert_eq!(reply.body["type"], "/docs/errors#NOT_FOUND");
    assert!(shop.ask("GET", "/docs").send().await.expect(200).text.contains("POST /api/orders"));
}

#[test]
fn the_document_says_what_parameters_and_bodies_are() {
    let spec = commerce_server::app::openapi();
    let parameter = |method: &str, path: &str, name: &str| {
        let known = spec["paths"][path][method]["parameters"].as_array().unwrap();
        known.iter().find(|it| it["name"] == name).unwrap_or_else(|| panic!("{method} {path} takes no {name}")).clone()
    };
    for (path, item) in spec["paths"].as_object().unwrap() {
        let parameters = item["get"]["parameters"].as_array().cloned().unwrap_or_default();
        if let Some(limit) = parameters.iter().find(|it| it["name"] == "limit") {
            let schema = json!({"type": "integer", "minimum": 1, "maximum": 100, "default": 20});
            assert_eq!(limit["schema"], schema, "{path}");
        }
    }
    assert_eq!(parameter("get", "/api/products/search", "minPrice")["schema"]["type"], "integer");
    assert_eq!(parameter("get", "/api/products/search", "inStock")["schema"]["type"], "boolean");
    assert_eq!(parameter("put", "/api/products/{id}", "If-Match")["required"], true);
    assert_eq!(parameter("delete", "/api/products/{id}", "If-Match")["required"], false);
    let form = &spec["paths"]["/api/products/{id}/images"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"];
    assert_eq!((&form["required"], &form["properties"]["file"]["format"]), (&json!(["file"]), &json!("binary")));
    let placed = &spec["paths"]["/api/orders"]["post"]["responses"];
    assert_eq!(placed["200"]["content"], placed["201"]["content"], "a replay shows the same thing");
    for path in ["/health/live", "/health/ready", "/metrics"] {
        assert_eq!(spec["paths"][path]["get"]["security"], json!([]), "{path}");
    }
}
