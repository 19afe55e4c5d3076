//! What strangers try, the rows E.

use commerce_tests::{Options, Server, cod, eventually, mails, shared, unique};
use futures_util::future::join_all;
use serde_json::json;

use super::{account, refused};

#[tokio::test]
async fn e03_a_role_that_was_taken_is_gone() {
    let shop = shared();
    let admin = shop.admin().await;
    let seller = shop.customer().await;
    let role = format!("/api/users/{}/role", seller.user);
    admin.put(&role, &json!({"role": "SELLER"})).send().await.expect(200);
    let seller = seller.logged_in(&seller.email, "correct horse battery").await;
    let cup = seller.product(1_000, 1).await;
    admin.put(&role, &json!({"role": "CUSTOMER"})).send().await.expect(200);
    let adjust = format!("/api/inventory/{}/adjust", cup.sku);
    let tried = async || seller.post(&adjust, &json!({"delta": 1, "reason": "mine"})).send().await.status;
    eventually("the token's role is gone", tried, |status| [401, 403, 404].contains(status)).await;
}

#[tokio::test]
async fn e14_a_login_tells_nobody_who_is_here() {
    let shop = shared();
    let here = shop.customer().await;
    let ask = async |email: &str| {
        let body = json!({"email": email, "password": "not the password"});
        let mut problem = shop.anyone().post("/api/auth/login", &body).send().await.any_problem(401);
        problem.as_object_mut().unwrap().remove("requestId");
        problem
    };
    assert_eq!(ask(&here.email).await, ask(&format!("{}@example.com", unique("nobody"))).await);
    for email in [here.email.as_str(), "nobody-at-all@example.com"] {
        let answer = shop.anyone().post("/api/auth/password-reset", &json!({"email": email})).send().await;
        assert_eq!(
            (answer.status, answer.text()),
            (202, shop.anyone().post("/api/auth/password-reset", &json!({"email": "x@example.com"})).send().await.text())
        );
    }
}

#[tokio::test]
async fn e20_an_allowance_is_the_connections_and_not_the_headers() {
    let env = vec![("COMMERCE_GATEWAY__RATE_LIMIT_ANONYMOUS_PER_MINUTE", "10".to_owned())];
    let shop = Server::start_with(Options { env, limits: true, ..Options::default() });
    let mut turned_away = 0;
    for number in 0..20 {
        let address = format!("203.0.113.{number}");
        let call = shop.anyone().get("/api/products").header("x-forwarded-for", &address).header("x-real-ip", &address);
        let answer = call.header("forwarded", &format!("for={address}")).send().await;
        turned_away += u32::from(answer.status == 429 && !answer.header("retry-after").is_empty());
    }
    assert!(turned_away >= 9, "{turned_away}");
}

#[tokio::test]
async fn e23_no_page_of_another_site_acts_for_a_visitor() {
    let shop = shared();
    let buyer = shop.customer().await;
    // What a form of another page can send, without what only our scripts add.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=X"] {
        let call = shop.anyone().call(reqwest::Method::POST, "/api/users").header("content-type", kind);
        let answer = call.bytes(account("forged@example.com").to_string()).send().await;
        assert!(refused(answer.status), "{kind}: {}", answer.text());
    }
    for path in ["/", "/sign-in", "/admin", "/api/products", "/api/users/me"] {
        let answer = buyer.get(path).send().await;
        assert!(!answer.headers.contains_key("set-cookie"), "{path}: no cookie, nothing to ride on");
    }
}

#[tokio::test]
async fn e29_a_number_opens_nothing() {
    let shop = shared();
    let cup = shop.admin().await.product(1_000, 5).await;
    let (owner, stranger) = (shop.customer().await, shop.customer().await);
    let order = owner.order(&[(cup.sku.as_str(), 1)]).await;
    for key in [order.number.as_str(), order.id.as_str()] {
        for client in [&stranger, &shop.anyone()] {
            let answer = client.get(&format!("/api/orders/{key}")).send().await;
            assert!([401, 404].contains(&answer.status), "{key}: {}", answer.text());
            assert!(!answer.text().contains("MG Road"));
        }
    }
    let listed = stranger.read(&format!("/api/orders?number={}", order.number)).await;
    assert_eq!(listed["items"], json!([]), "a filter opens nothing either");
}

#[tokio::test]
async fn e34_refusals_tell_nothing_of_the_inside() {
    let shop = shared();
    let buyer = shop.customer().await;
    for (method, path, body) in [
        ("POST", "/api/orders", "{"),
        ("POST", "/api/orders", "[]"),
        ("GET", "/api/orders/not-an-id", ""),
        ("GET", "/api/orders?cursor=%00", ""),
        ("GET", "/api/products?limit=999999999999999999999", ""),
        ("PUT", "/api/cart/me/items/%ff", "{\"quantity\": 1}"),
        ("POST", "/api/payments/webhooks/nobody", "{}"),
    ] {
        let call = buyer.call(reqwest::Method::from_bytes(method.as_bytes()).unwrap(), path);
        let answer = call.header("content-type", "application/json").bytes(body).send().await;
        assert!(refused(answer.status), "{method} {path}: {}", answer.text());
        let text = answer.text().to_lowercase();
        for word in ["sqlx", "sqlite", "select ", "panicked", ".rs:", "/home", "/work", "backtrace", "commerce_core"] {
            assert!(!text.contains(word), "{method} {path} says {word}: {text}");
        }
    }
}

#[tokio::test]
async fn e35_logs_and_figures_name_nobody() {
    let shop = Server::start();
    let admin = shop.admin().await;
    let cup = admin.product(1_000, 5).await;
    let marker = "Zephyrine";
    let email = format!("{}@example.com", marker.to_lowercase());
    let body = json!({"email": email, "password": "Zephyrine's own word", "fullName": format!("{marker} Hopper"), "phone": "+919876501234"});
    shop.anyone().post("/api/users", &body).send().await.expect(201);
    shop.anyone().post("/api/auth/login", &json!({"email": email, "password": "wrong Zephyrine"})).send().await.any_problem(401);
    let buyer = shop.anyone().logged_in(&email, "Zephyrine's own word").await;
    let mut order = cod(&[(cup.sku.as_str(), 1)]);
    order["shippingAddress"]["line1"] = json!(format!("1 {marker} Road"));
    buyer.post("/api/orders", &order).send().await.expect(201);
    buyer.post("/api/orders", &json!({"items": [{"sku": marker, "quantity": 1}]})).send().await;
    let data = shop.data();
    eventually(
        "she is written to",
        async || mails(&data).iter().filter(|mail| mail.to.contains(&email)).count(),
        |count| *count >= 2,
    )
    .await;
    let figures = shop.anyone().get("/metrics").send().await.text();
    for (name, text) in [("log", shop.log()), ("figures", figures)] {
        for word in [marker, &marker.to_lowercase(), "9876501234"] {
            assert!(!text.contains(word), "{word} stands in the {name}: {text}");
        }
    }
}

#[tokio::test]
async fn e30_nobody_keeps_stock_without_paying() {
    let shop = Server::start_with(Options { env: vec![("COMMERCE_ORDERS__UNPAID_MAX", "3".to_owned())], ..Options::default() });
    let (admin, buyer, other) = (shop.admin().await, shop.customer().await, shop.customer().await);
    let cup = admin.product(1_000, 50).await;
    let mut order = cod(&[(cup.sku.as_str(), 1)]);
    order["payment"] = json!({"method": "CARD", "token": "tok_pending"});
    let answers = join_all((0..20).map(|_| buyer.post("/api/orders", &order).send())).await;
    let placed: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(placed.len(), 3, "exactly so many wait");
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(answer.problem(409, "TOO_MANY_UNPAID")["most"], 3);
    }
    assert_eq!(admin.stock(&cup.sku).await, (50, 3, 47), "and hold what they wait for");
    other.post("/api/orders", &order).send().await.expect(201);
    buyer.post("/api/orders", &cod(&[(cup.sku.as_str(), 1)])).send().await.expect(201);
    let first = placed[0].json()["id"].as_str().expect("an order has an id").to_owned();
    buyer.post(&format!("/api/orders/{first}/cancel"), &json!({})).send().await.expect(200);
    buyer.post("/api/orders", &order).send().await.expect(201);
    buyer.post("/api/orders", &order).send().await.problem(409, "TOO_MANY_UNPAID");
}
