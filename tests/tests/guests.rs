//! Guests from outside: an order without an account, and the link that shows it.

use commerce_tests::{Call, Client, Options, Server, address, cod, eventually, inr, mails, shared, unique};
use serde_json::{Value, json};

fn as_guest(email: &str, mut body: Value) -> Value {
    body["email"] = json!(email);
    body
}

fn linked(anyone: &Client, method: &str, path: &str, body: &Value, link: &str) -> Call {
    let request = match method {
        "GET" => anyone.get(path),
        "PUT" => anyone.put(path, body),
        _ => anyone.post(path, body),
    };
    request.header("x-order-link", link)
}

fn link_of(order: &Value) -> &str {
    order["orderLink"]["token"].as_str().unwrap_or_else(|| panic!("no link: {order}"))
}

#[tokio::test]
async fn a_guest_buys_a_cart_and_goes_on_by_the_link() {
    let shop = shared();
    let (admin, anyone) = (shop.admin().await, shop.anyone());
    let product = admin.product(1_999, 5).await;
    let cart = anyone.post("/api/carts", &json!({})).send().await.expect(201);
    let token = cart["cartToken"].as_str().unwrap();
    anyone.post(&format!("/api/carts/{token}"), &json!({"sku": product.sku, "quantity": 2})).send().await.expect(200);
    let quote = json!({"cartToken": token, "shippingAddress": address()});
    let quoted = anyone.post("/api/orders/quote", &quote).send().await.expect(200);
    assert_eq!(quoted["total"], inr(3_998));

    let email = format!("{}@guests.example", unique("guest"));
    let body = json!({
        "email": email, "cartToken": token, "shippingAddress": address(),
        "payment": {"method": "CARD", "token": "tok_declined"}, "expectedTotal": quoted["total"],
    });
    let answer = anyone.post("/api/orders", &body).key("once").send().await;
    let order = answer.expect(201);
    let id = order["id"].as_str().unwrap();
    assert_eq!((&order["status"], &order["payment"]["status"]), (&json!("PENDING"), &json!("FAILED")));
    let again = anyone.post("/api/orders", &body).key("once").send().await;
    assert_eq!((&again.expect(200)["id"], again.header("idempotent-replayed")), (&order["id"], "true"));
    assert_eq!(again.expect(200)["orderLink"], order["orderLink"]);

    let link = link_of(&order);
    let url = order["orderLink"]["url"].as_str().unwrap();
    assert!(url.ends_with(&format!("/orders/{id}#{link}")), "{url}");
    let (path, nothing) = (format!("/api/orders/{id}"), json!({}));
    let seen = linked(&anyone, "GET", &path, &nothing, link).send().await.expect(200);
    assert_eq!((&seen["id"], seen.get("orderLink")), (&order["id"], None));
    let pay = json!({"method": "CARD", "token": "tok_ok"});
    linked(&anyone, "POST", &format!("{path}/payments"), &pay, link).send().await.expect(201);
    let cart = format!("/api/carts/{token}");
    let left = || anyone.read(&cart);
    eventually("the cart is emptied", left, |cart| cart["lines"] == json!([])).await;
    let sold = || admin.stock(&product.sku);
    eventually("the hold becomes a sale", sold, |stock| *stock == (3, 0, 3)).await;
    let history = linked(&anyone, "GET", &format!("{path}/timeline"), &nothing, link).send().await.expect(200);
    assert_eq!(history["items"][0]["actor"], json!("guest"));
    let cancelled = linked(&anyone, "POST", &format!("{path}/cancel"), &nothing, link).send().await.expect(200);
    assert_eq!(cancelled["status"], json!("CANCELLED"));
    eventually("it is back", sold, |stock| *stock == (5, 0, 5)).await;

    let told = async || mails(&shop.data()).into_iter().filter(|mail| mail.to.contains(&email)).collect::<Vec<_>>();
    let told = eventually("she is told of each step", told, |told| told.len() >= 5).await;
    for mail in told {
        assert!(mail.text.contains(&format!("/orders/{id}#{link}")), "{}: {}", mail.subject, mail.text);
    }
}

#[tokio::test]
async fn a_guest_looks_after_her_order_by_its_link() {
    let shop = shared();
    let (admin, anyone) = (shop.admin().await, shop.anyone());
    let product = admin.product(1_999, 5).await;
    let email = format!("{}@guests.example", unique("guest"));
    let mut body = as_guest(&email, commerce_tests::cod(&[(&product.sku, 2)]));
    body["payment"] = json!({"method": "CARD", "token": "tok_ok"});
    let order = anyone.post("/api/orders", &body).send().await.expect(201);
    let (link, path) = (link_of(&order), format!("/api/orders/{}", order["id"].as_str().unwrap()));
    let nothing = json!({});

    let mut elsewhere = address();
    elsewhere["line1"] = json!("14 MG Road");
    let moved = linked(&anyone, "PUT", &format!("{path}/shipping-address"), &elsewhere, link).send().await.expect(200);
    assert_eq!(moved["shippingAddress"]["line1"], elsewhere["line1"]);
    let parcel = json!({"carrier": "Blue Dart", "trackingNumber": "1234"});
    let parcel = admin.post(&format!("{path}/shipments"), &parcel).send().await.expect(201);
    let late = linked(&anyone, "PUT", &format!("{path}/shipping-address"), &address(), link).send().await;
    late.problem(409, "NOT_REDIRECTABLE");
    admin
        .post(&format!("{path}/shipments/{}/events", parcel["id"].as_str().unwrap()), &json!({"status": "DELIVERED"}))
        .send()
        .await
        .expect(201);

    let back = json!({"type": "RETURN", "lines": [{"sku": product.sku, "quantity": 1}], "reason": "too small"});
    let ask = || linked(&anyone, "POST", &format!("{path}/returns"), &back, link).key("once").send();
    let asked = ask().await.expect(201);
    let again = ask().await;
    assert_eq!((&again.expect(200)["id"], again.header("idempotent-replayed")), (&asked["id"], "true"));
    for (list, count) in [("shipments", 1), ("payments", 1), ("refunds", 0), ("returns", 1)] {
        let seen = linked(&anyone, "GET", &format!("{path}/{list}"), &nothing, link).send().await.expect(200);
        assert_eq!(seen["items"].as_array().unwrap().len(), count, "{list}: {seen}");
        anyone.get(&format!("{path}/{list}")).send().await.any_problem(401);
    }
    let approve = format!("/api/returns/{}/approve", asked["id"].as_str().unwrap());
    linked(&anyone, "POST", &approve, &nothing, link).send().await.any_problem(401);
}

#[tokio::test]
async fn a_link_opens_one_order_alone() {
    let shop = shared();
    let (admin, anyone, asha) = (shop.admin().await, shop.anyone(), shop.customer().await);
    let product = admin.product(500, 50).await;
    let email = format!("{}@guests.example", unique("guest"));
    let order = async || anyone.post("/api/orders", &as_guest(&email, cod(&[(&product.sku, 1)]))).send().await.expect(201);
    let (mine, other) = (order().await, order().await);
    let (link, id, nothing) = (link_of(&mine), mine["id"].as_str().unwrap(), json!({}));
    let others = format!("/api/orders/{}", other["id"].as_str().unwrap());
    let theirs = asha.order(&[(&product.sku, 1)]).await;
    for path in [&others, &format!("/api/orders/{}", theirs.id)] {
        linked(&anyone, "GET", path, &nothing, link).send().await.problem(404, "NOT_FOUND");
        linked(&anyone, "POST", &format!("{path}/cancel"), &nothing, link).send().await.problem(404, "NOT_FOUND");
        for list in ["timeline", "payments", "refunds", "returns", "shipments"] {
            linked(&anyone, "GET", &format!("{path}/{list}"), &nothing, link).send().await.problem(404, "NOT_FOUND");
        }
        linked(&anyone, "PUT", &format!("{path}/shipping-address"), &address(), link).send().await.problem(404, "NOT_FOUND");
    }
    let forged = format!("{}{}", &link[..link.len() - 2], "AA");
    for wrong in ["x", &forged, &link[1..], &"A".repeat(96)] {
        linked(&anyone, "GET", &format!("/api/orders/{id}"), &nothing, wrong).send().await.problem(404, "NOT_FOUND");
    }
    for (method, path) in [
        ("GET", "/api/orders".to_owned()),
        ("POST", format!("/api/orders/{id}/shipments")),
        ("POST", format!("/api/orders/{id}/refunds")),
        ("GET", format!("/api/users/{}", mine["userId"].as_str().unwrap())),
        ("GET", format!("/api/cart/{}", mine["userId"].as_str().unwrap())),
    ] {
        let answer = linked(&anyone, method, &path, &nothing, link).send().await;
        assert!(answer.status == 401, "{method} {path}: {}", answer.status);
    }
    anyone.get(&format!("/api/orders/{id}")).send().await.problem(401, "UNAUTHENTICATED");
    asha.get(&format!("/api/orders/{id}")).send().await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_guest_learns_nothing_of_accounts_and_an_account_nothing_of_guests() {
    let shop = shared();
    let (admin, anyone, asha) = (shop.admin().await, shop.anyone(), shop.customer().await);
    let product = admin.product(500, 50).await;
    let order = anyone.post("/api/orders", &as_guest(&asha.email, cod(&[(&product.sku, 1)]))).send().await.expect(201);
    assert_ne!(order["userId"], json!(asha.user));
    assert_eq!(asha.read("/api/orders").await["items"], json!([]));
    let name = unique("later");
    let email = format!("{name}@example.com");
    let before = anyone.post("/api/orders", &as_guest(&email, cod(&[(&product.sku, 1)]))).send().await.expect(201);
    let later = anyone.registered(&name).await;
    assert_eq!(later.read("/api/orders").await["items"], json!([]));
    later.get(&format!("/api/orders/{}", before["id"].as_str().unwrap())).send().await.problem(404, "NOT_FOUND");
    let members = |order: &Value| order.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&order), members(&before), "both are answered alike");
}

#[tokio::test]
async fn what_a_guest_cannot_be_is_refused() {
    let shop = shared();
    let (admin, anyone, asha) = (shop.admin().await, shop.anyone(), shop.customer().await);
    let product = admin.product(500, 50).await;
    let body = cod(&[(&product.sku, 1)]);
    anyone.post("/api/orders", &body).send().await.problem(401, "UNAUTHENTICATED");
    anyone.post("/api/orders/quote", &body).send().await.problem(401, "UNAUTHENTICATED");
    asha.post("/api/orders", &as_guest("guest@example.com", body.clone())).send().await.invalid("email");
    for wrong in ["", "nobody", "a@b\r\nBcc: c@d.example"] {
        anyone.post("/api/orders", &as_guest(wrong, body.clone())).send().await.invalid("email");
    }
    let mut wallet = as_guest("guest@example.com", body.clone());
    wallet["payment"] = json!({"method": "WALLET"});
    anyone.post("/api/orders", &wallet).send().await.invalid("payment.method");
    let nowhere = json!({"email": "guest@example.com", "items": body["items"], "payment": {"method": "COD"}});
    anyone.post("/api/orders", &nowhere).send().await.invalid("shippingAddress");
    let email = format!("{}@guests.example", unique("victim"));
    for _ in 0..5 {
        anyone.post("/api/orders", &as_guest(&email, body.clone())).send().await.expect(201);
    }
    let more = anyone.post("/api/orders", &as_guest(&email, body)).send().await;
    more.problem(429, "TOO_MANY");
    assert!(!more.header("retry-after").is_empty());
}

#[tokio::test]
async fn guests_buy_from_four_services() {
    let shop = Server::start_with(Options { services: Some(true), ..Options::default() });
    let (admin, anyone) = (shop.admin().await, shop.anyone());
    let product = admin.product(500, 5).await;
    let order = anyone.post("/api/orders", &as_guest("guest@example.com", cod(&[(&product.sku, 1)]))).send().await.expect(201);
    let path = format!("/api/orders/{}", order["id"].as_str().unwrap());
    let seen = linked(&anyone, "GET", &path, &json!({}), link_of(&order)).send().await.expect(200);
    assert_eq!(seen["status"], json!("CONFIRMED"));
    let told = async || mails(&shop.data()).iter().filter(|mail| mail.text.contains(link_of(&order))).count();
    eventually("she is told, with the link", told, |told| *told == 2).await;
    let ask = json!({"email": "guest@example.com", "number": order["number"]});
    anyone.post("/api/orders/link", &ask).send().await.expect(202);
    eventually("and again", told, |told| *told == 3).await;
    assert_eq!(admin.read("/api/orders?email=guest@example.com").await["items"][0]["id"], order["id"]);
    let merchant = shop.customer().await;
    let role = admin.put(&format!("/api/users/{}/role", merchant.user), &json!({"role": "SELLER"})).send().await.expect(200);
    let seller = format!("/api/sellers/{}", role["sellerId"].as_str().unwrap());
    assert_eq!(anyone.read(&seller).await["userId"], json!(merchant.user), "she has a seller in every shape");
    linked(&anyone, "POST", &format!("{path}/cancel"), &json!({}), link_of(&order)).send().await.expect(200);
}

#[tokio::test]
async fn a_lost_link_is_mailed_again_and_nobody_learns_of_whom() {
    let shop = Server::start();
    let (admin, anyone) = (shop.admin().await, shop.anyone());
    let product = admin.product(500, 50).await;
    let email = format!("{}@guests.example", unique("guest"));
    let order = anyone.post("/api/orders", &as_guest(&email, cod(&[(&product.sku, 1)]))).send().await.expect(201);
    let ask = async |email: &str, number: &str| {
        anyone.post("/api/orders/link", &json!({"email": email, "number": number})).send().await
    };
    let number = order["number"].as_str().unwrap();
    let answers = [ask("nobody@example.com", number).await, ask(&email, "ORD-0").await, ask(&email, number).await];
    assert!(answers.iter().all(|answer| answer.status == 202 && answer.body.is_empty()), "{answers:?}");
    anyone.post("/api/orders/link", &json!({"email": email})).send().await.problem(400, "MISSING_FIELD");
    let found =
        async || mails(&shop.data()).into_iter().filter(|mail| mail.subject.starts_with("Your Order")).collect::<Vec<_>>();
    let found = eventually("the mail", found, |found| !found.is_empty()).await;
    assert_eq!((found.len(), found[0].subject.as_str()), (1, format!("Your Order — {number}").as_str()));
    assert!(found[0].to.contains(&email) && found[0].text.contains(link_of(&order)), "{:?}", found[0].text);
    // Who tries numbers is stopped, whatever she names.
    let mut last = ask("nobody@example.com", "ORD-1").await;
    for _ in 0..20 {
        last = ask("nobody@example.com", "ORD-1").await;
    }
    last.problem(429, "TOO_MANY");
    assert!(!last.header("retry-after").is_empty());

    // Staff finds it by the mail address, beside the orders of who has an account with it.
    let list = admin.read(&format!("/api/orders?email={email}")).await;
    assert_eq!((list["items"].as_array().map(Vec::len), &list["items"][0]["id"]), (Some(1), &order["id"]));
    let told = admin.read(&format!("/api/notifications?recipient={email}")).await;
    assert!(told["items"].as_array().is_some_and(|told| told.len() >= 3), "{told}");
    let orders = shop.run(&["order", "list", "--email", &email, "--output", "json"]);
    assert!(orders.code == 0 && orders.out.contains(number), "{orders:?}");
}
