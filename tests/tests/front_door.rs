//! What stands before every route: tokens, paths, methods, headers, origins.

use std::collections::BTreeSet;

use commerce_tests::{Options, Server, cod, raw_request, shared};
use reqwest::Method;

#[tokio::test]
async fn without_a_token_it_is_401_and_says_how() {
    let shop = shared();
    let anyone = shop.anyone();
    for path in ["/api/users/me", "/api/users", "/api/cart/me", "/api/orders", "/api/inventory/X", "/api/notifications"] {
        let answer = anyone.get(path).send().await;
        answer.problem(401, "UNAUTHENTICATED");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{:?}", answer.headers);
    }
    anyone.post("/api/orders", &cod(&[("X", 1)])).send().await.any_problem(401);
    for token in ["", "x", "a.b.c", "Bearer"] {
        anyone.with_token(Some(token)).get("/api/users/me").send().await.any_problem(401);
    }
    for scheme in ["Basic YTpi", "bearer", "Token x"] {
        anyone.get("/api/users/me").header("authorization", scheme).send().await.any_problem(401);
    }
}

#[tokio::test]
async fn unknown_paths_and_methods() {
    let shop = shared();
    let admin = shop.admin().await;
    for path in ["/api/nothing", "/api", "/api/", "/nothing", "/api/users/me/nothing", "/api/products/x/y/z", "/health/other"] {
        admin.get(path).send().await.any_problem(404);
    }
    for (method, path) in [
        (Method::DELETE, "/api/products"),
        (Method::PUT, "/api/orders"),
        (Method::PATCH, "/api/users"),
        (Method::POST, "/health/ready"),
        (Method::DELETE, "/openapi.json"),
        (Method::GET, "/api/auth/login"),
    ] {
        let answer = admin.call(method.clone(), path).send().await;
        answer.any_problem(405);
        assert!(!answer.header("allow").is_empty(), "{method} {path}: no Allow");
        assert!(!answer.header("allow").contains(method.as_str()), "{method} {path}: {}", answer.header("allow"));
    }
}

#[tokio::test]
async fn every_answer_can_be_named_and_is_safe_to_show() {
    let shop = shared();
    let anyone = shop.anyone();
    let mut names = BTreeSet::new();
    for path in [
        "/health/live",
        "/health/ready",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/docs/errors",
        "/api/products",
        "/api/none",
        "/none",
    ] {
        let answer = anyone.get(path).send().await;
        assert!(names.insert(answer.header("x-request-id").to_owned()), "{path}: a request id comes twice");
        assert!(answer.header("content-security-policy").contains("frame-ancestors"), "{path}: {:?}", answer.headers);
        assert!(!answer.header("referrer-policy").is_empty(), "{path}: {:?}", answer.headers);
    }
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let answer = anyone.get("/api/products").header("traceparent", trace).send().await;
    assert!(answer.header("traceparent").contains("0af7651916cd43dd8448eb211c80319c"), "{:?}", answer.headers);
    let answer = anyone.get("/api/products").header("traceparent", "rubbish").header("x-request-id", "a b\tc").send().await;
    answer.expect(200);
    assert_ne!(answer.header("x-request-id"), "a b\tc");
    let admin = shop.admin().await;
    let answer = admin.get("/api/users/me").send().await;
    assert!(answer.header("cache-control").contains("no-store"), "{:?}", answer.headers);
}

#[tokio::test]
async fn the_inside_cannot_be_reached() {
    let shop = shared();
    let admin = shop.admin().await;
    let token = admin.token.as_deref().unwrap();
    for path in [
        "/internal",
        "/internal/",
        "/internal/products?skus=A",
        "/internal/inventory/reserve",
        "//internal/products",
        "/./internal/products",
        "/api/../internal/products",
        "/api/..%2finternal/products",
        "/api/%2e%2e/internal/products",
        "/%69nternal/products",
        "/%2569nternal/products",
        "/INTERNAL/products",
        "/internal;x=1/products",
        "/internal%2fproducts",
        "/internal%00/products",
        "/internal\\products",
        "/api\\..\\internal",
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"] {
            for authorization in ["", &format!("Authorization: Bearer {token}\r\n"), "X-Original-URL: /internal/products\r\n"] {
                let request = format!(
                    "{method} {path} HTTP/1.1\r\nHost: {}\r\n{authorization}Content-Length: 2\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{{}}",
                    shop.authority()
                );
                let answer = raw_request(shop.authority(), request.as_bytes());
                let refused = answer.starts_with("HTTP/1.1 404") || answer.starts_with("HTTP/1.1 400");
                assert!(refused, "{method} {path}: {}", answer.lines().next().unwrap_or("no answer"));
            }
        }
    }
    let call =
        admin.get("/api/products").header("x-original-url", "/internal/products").header("x-rewrite-url", "/internal/products");
    call.send().await.expect(200);
}

#[tokio::test]
async fn requests_that_no_client_writes_do_no_harm() {
    let shop = shared();
    let host = shop.authority();
    for request in [
        format!(
            "POST /api/users HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nContent-Length: 6\r\nConnection: close\r\n\r\n{{}}   "
        ),
        format!("GET /api/products HTTP/1.1\r\nHost: {host}\r\nBad Header\r\nConnection: close\r\n\r\n"),
        "GET  HTTP/9.9\r\n\r\n".to_owned(),
        format!("GET /api/products HTTP/1.1\r\nHost: {host}\r\nX: {}\r\nConnection: close\r\n\r\n", "a".repeat(700_000)),
        format!("POST /api/users HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n"),
    ] {
        let answer = raw_request(host, request.as_bytes());
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{}", answer.lines().next().unwrap_or_default());
    }
    shop.anyone().get("/health/ready").send().await.expect(200);
}

#[tokio::test]
async fn head_and_options() {
    let shop = shared();
    let anyone = shop.anyone();
    let product = shop.admin().await.product(100, 1).await;
    for path in ["/api/products", "/health/live", "/openapi.json", &format!("/api/products/{}", product.id)] {
        let answer = anyone.call(Method::HEAD, path).send().await;
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}");
    }
    let answer = anyone.call(Method::HEAD, "/api/users/me").send().await;
    assert_eq!((answer.status, answer.body.len()), (401, 0));
    let answer = anyone.call(Method::OPTIONS, "/api/products").send().await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"), "CORS is off unless configured");
}

#[tokio::test]
async fn cors_is_for_configured_origins_only() {
    let origin = "https://shop.example";
    let env = vec![("COMMERCE_SERVER__CORS_ORIGINS", format!("[\"{origin}\"]"))];
    let shop = Server::start_with(Options { env, ..Options::default() });
    let anyone = shop.anyone();
    let preflight = async |origin: &str| {
        anyone
            .call(Method::OPTIONS, "/api/orders")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type,idempotency-key")
            .send()
            .await
    };
    let answer = preflight(origin).await;
    assert!(answer.status == 200 || answer.status == 204, "{}", answer.status);
    assert_eq!(answer.header("access-control-allow-origin"), origin);
    assert!(answer.header("access-control-allow-headers").to_lowercase().contains("idempotency-key"), "{:?}", answer.headers);
    assert!(answer.header("access-control-allow-methods").contains("POST"), "{:?}", answer.headers);
    assert_eq!(preflight("https://evil.example").await.header("access-control-allow-origin"), "");
    let answer = anyone.get("/api/products").header("origin", origin).send().await;
    assert_eq!(answer.header("access-control-allow-origin"), origin);
    let answer = anyone.get("/api/products").header("origin", "https://evil.example").send().await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    // A browser of an allowed origin gets to read refusals as well.
    let answer = anyone.get("/api/users/me").header("origin", origin).send().await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (401, origin));
}

#[tokio::test]
async fn every_code_is_listed_where_its_type_leads() {
    let shop = shared();
    let anyone = shop.anyone();
    let problem = anyone.get("/api/users/me").send().await.problem(401, "UNAUTHENTICATED");
    let link = problem["type"].as_str().unwrap();
    let path = link.strip_prefix(shop.base()).unwrap_or(link);
    let page = anyone.get(path.split('#').next().unwrap()).send().await;
    assert_eq!(page.status, 200);
    for code in [
        "UNAUTHENTICATED",
        "UNKNOWN_FIELD",
        "READ_ONLY",
        "BAD_CURSOR",
        "SOLD_OUT",
        "PRICE_CHANGED",
        "IDEMPOTENCY_MISMATCH",
        "EMPTY_ORDER",
    ] {
        assert!(page.text().contains(code), "{code} is not under /docs/errors");
    }
}
