//! Registering, logging in, and what strangers may not see.

use commerce_core::users::Role;
use serde_json::json;

use crate::support::{PASSWORD, Shop, address, order};

#[tokio::test]
async fn from_registration_to_logout() {
    let shop = Shop::open().await;
    let body = json!({"email": "Asha@Example.com", "password": PASSWORD, "fullName": "Asha Rao", "phone": "+91 80 1234"});
    let user = shop.ask("POST", "/api/users").json(&body).send().await.expect(201);
    assert_eq!(user.body["role"], "CUSTOMER");
    assert_eq!(user.body["email"], "asha@example.com");
    assert_eq!(user.header("location"), format!("/api/users/{}", user.body["id"].as_str().unwrap()));
    assert!(!user.text.contains("assword"));
    assert_eq!(shop.ask("POST", "/api/users").json(&body).send().await.refused(409), "EMAIL_TAKEN");

    let login = json!({"email": "asha@example.com", "password": PASSWORD});
    let tokens = shop.ask("POST", "/api/auth/login").json(&login).send().await.expect(200);
    assert_eq!(tokens.body["tokenType"], "Bearer");
    assert!(tokens.body["expiresIn"].as_u64().unwrap() >= 300);
    let token = tokens.body["accessToken"].as_str().unwrap();
    let me = shop.get("/api/users/me", token).await.expect(200);
    assert_eq!(me.header("etag"), "\"1\"");
    assert_eq!(me.header("cache-control"), "no-store");

    let refreshed =
        shop.ask("POST", "/api/auth/refresh").json(&json!({"refreshToken": tokens.body["refreshToken"]})).send().await;
    let token = refreshed.expect(200).body["accessToken"].as_str().unwrap().to_owned();
    shop.post("/api/auth/logout", &token, json!({})).await.expect(204);
    assert_eq!(shop.get("/api/users/me", &token).await.refused(401), "UNAUTHENTICATED");
    let wrong = shop.ask("POST", "/api/auth/login").json(&json!({"email": "asha@example.com", "password": "wrong"})).send().await;
    let unknown =
        shop.ask("POST", "/api/auth/login").json(&json!({"email": "nobody@example.com", "password": "wrong"})).send().await;
    assert_eq!(wrong.refused(401), "BAD_CREDENTIALS");
    assert_eq!((wrong.body["detail"].clone(), wrong.status), (unknown.body["detail"].clone(), unknown.status));
}

#[tokio::test]
async fn nobody_makes_herself_more_than_a_customer() {
    let shop = Shop::open().await;
    let body = json!({"email": "a@example.com", "password": PASSWORD, "fullName": "A", "role": "ADMIN"});
    let refused = shop.ask("POST", "/api/users").json(&body).send().await;
    assert_eq!(refused.refused(400), "UNKNOWN_FIELD");
    assert_eq!(refused.body["errors"][0]["field"], "role");
    let asha = shop.login("asha", Role::Customer).await;
    let me = shop.get("/api/users/me", &asha).await.body;
    let role = shop.ask("PUT", "/api/users/me/role").token(&asha).json(&json!({"role": "ADMIN"})).send().await;
    assert_eq!(role.refused(403), "FORBIDDEN");

    let mut same = me.clone();
    same["fullName"] = json!("Asha B. Rao");
    let changed = shop.ask("PUT", "/api/users/me").token(&asha).json(&same).send().await.expect(200);
    assert_eq!(changed.body["fullName"], "Asha B. Rao");
    let mut other = changed.body.clone();
    other["role"] = json!("ADMIN");
    assert_eq!(shop.ask("PUT", "/api/users/me").token(&asha).json(&other).send().await.refused(422), "READ_ONLY");
    let stale = shop.ask("PUT", "/api/users/me").token(&asha).header("if-match", "\"1\"").json(&changed.body).send().await;
    assert_eq!(stale.refused(412), "VERSION_MISMATCH");
}

#[tokio::test]
async fn the_last_admin_stays() {
    let shop = Shop::open().await;
    let admin = shop.login("admin", Role::Admin).await;
    let demote = || shop.ask("PUT", "/api/users/me/role").token(&admin).json(&json!({"role": "CUSTOMER"})).send();
    assert_eq!(demote().await.refused(409), "LAST_ADMIN");
    assert_eq!(shop.ask("DELETE", "/api/users/me").token(&admin).send().await.refused(409), "LAST_ADMIN");
    shop.login("other", Role::Admin).await;
    assert_eq!(demote().await.expect(200).body["role"], "CUSTOMER");
}

#[tokio::test]
async fn nobody_has_no_wishlist_for_staff_either() {
    let shop = Shop::open().await;
    let (admin, asha) = (shop.login("admin", Role::Admin).await, shop.login("asha", Role::Customer).await);
    let product = shop.stock(&admin, "A", 5).await["id"].as_str().unwrap().to_owned();
    let id = shop.get("/api/users/me", &asha).await.body["id"].as_str().unwrap().to_owned();
    let list = |user: &str| format!("/api/users/{user}/wishlist");
    let entry = |user: &str| format!("/api/users/{user}/wishlist/{product}");
    shop.ask("PUT", &entry(&id)).token(&admin).send().await.expect(201);
    assert_eq!(shop.get(&list(&id), &admin).await.expect(200).body["items"].as_array().unwrap().len(), 1);
    let nobody = "01890000-0000-7000-8000-000000000000";
    for (method, path) in [("GET", list(nobody)), ("GET", entry(nobody)), ("PUT", entry(nobody)), ("DELETE", entry(nobody))] {
        assert_eq!(shop.ask(method, &path).token(&admin).send().await.refused(404), "NOT_FOUND", "{method} {path}");
    }
}

#[tokio::test]
async fn staff_finds_a_user_by_address_and_role_together() {
    let shop = Shop::open().await;
    let admin = shop.login("admin", Role::Admin).await;
    let found = async |query: &str| shop.get(&format!("/api/users?email=admin@example.com{query}"), &admin).await;
    for (query, count) in [("", 1), ("&role=ADMIN", 1), ("&role=CUSTOMER", 0)] {
        assert_eq!(found(query).await.expect(200).body["items"].as_array().unwrap().len(), count, "{query}");
    }
    let refused = found("&role=NOPE").await;
    assert_eq!((refused.refused(422), &refused.body["errors"][0]["field"]), ("INVALID", &json!("role")));
}

#[tokio::test]
async fn the_first_address_is_the_default_and_a_new_default_replaces_it() {
    let shop = Shop::open().await;
    let asha = shop.login("asha", Role::Customer).await;
    let first = shop.post("/api/users/me/addresses", &asha, address()).await.expect(201);
    assert_eq!(first.body["isDefault"], true);
    let version = async || shop.get("/api/users/me/addresses", &asha).await.expect(200).header("etag").to_owned();
    assert_eq!(first.header("etag"), version().await, "the version of the book, as a GET tells it");
    let second = shop.post("/api/users/me/addresses", &asha, address()).await.expect(201);
    assert_eq!(second.body["isDefault"], false);
    let path = format!("/api/users/me/addresses/{}/default", second.body["id"].as_str().unwrap());
    let turned = shop.ask("PUT", &path).token(&asha).header("if-match", second.header("etag")).send().await.expect(200);
    let path = format!("/api/users/me/addresses/{}", second.body["id"].as_str().unwrap());
    let put = shop.ask("PUT", &path).token(&asha).header("if-match", turned.header("etag")).json(&address()).send().await;
    assert_eq!(put.expect(200).header("etag"), version().await);
    let book = shop.get("/api/users/me/addresses", &asha).await.expect(200);
    let defaults: Vec<_> = book.body["items"].as_array().unwrap().iter().map(|entry| entry["isDefault"].clone()).collect();
    assert_eq!(defaults, [json!(true), json!(false)], "newest first");
    let mut none = address();
    none["isDefault"] = json!(false);
    let path = format!("/api/users/me/addresses/{}", second.body["id"].as_str().unwrap());
    let refused = shop.ask("PUT", &path).token(&asha).json(&none).send().await;
    assert_eq!((refused.refused(422), &refused.body["errors"][0]["field"]), ("READ_ONLY", &json!("isDefault")));
    let path = format!("/api/users/me/addresses/{}", first.body["id"].as_str().unwrap());
    shop.ask("PUT", &path).token(&asha).json(&none).send().await.expect(200);
    let path = format!("/api/users/me/addresses/{}", first.body["id"].as_str().unwrap());
    shop.ask("DELETE", &path).token(&asha).send().await.expect(204);
    assert_eq!(shop.ask("DELETE", &path).token(&asha).send().await.refused(404), "NOT_FOUND");
    let mut bad = address();
    bad["country"] = json!("XX");
    assert_eq!(shop.post("/api/users/me/addresses", &asha, bad).await.refused(422), "INVALID");
}

#[tokio::test]
async fn strangers_see_nothing() {
    let shop = Shop::open().await;
    let admin = shop.login("admin", Role::Admin).await;
    let (asha, ravi) = (shop.login("asha", Role::Customer).await, shop.login("ravi", Role::Customer).await);
    shop.stock(&admin, "A", 5).await;
    let id = shop.get("/api/users/me", &asha).await.body["id"].as_str().unwrap().to_owned();
    let entry = shop.post("/api/users/me/addresses", &asha, address()).await.expect(201).body["id"].as_str().unwrap().to_owned();
    let order = shop.post("/api/orders", &asha, order("A", 1, "COD")).await.expect(201).body["id"].as_str().unwrap().to_owned();
    let paths = [
        ("GET", format!("/api/users/{id}")),
        ("DELETE", format!("/api/users/{id}")),
        ("GET", format!("/api/users/{id}/addresses")),
        ("DELETE", format!("/api/users/{id}/addresses/{entry}")),
        ("GET", format!("/api/users/{id}/sessions")),
        ("GET", format!("/api/cart/{id}")),
        ("DELETE", format!("/api/cart/{id}")),
        ("GET", format!("/api/orders/{order}")),
        ("GET", format!("/api/orders/{order}/timeline")),
        ("GET", format!("/api/orders/{order}/payments")),
        ("GET", format!("/api/orders/{order}/refunds")),
        ("POST", format!("/api/orders/{order}/cancel")),
        ("GET", "/api/orders/not-an-id".to_owned()),
    ];
    for (method, path) in paths {
        let stranger = shop.ask(method, &path).token(&ravi).send().await;
        assert_eq!(stranger.refused(404), "NOT_FOUND", "{method} {path}");
        let nobody = shop.ask(method, &path).send().await;
        assert_eq!(nobody.refused(401), "UNAUTHENTICATED", "{method} {path}");
        assert_eq!(nobody.header("www-authenticate"), "Bearer");
    }
    for path in ["/api/notifications", "/api/users", "/api/inventory/A"] {
        assert_eq!(shop.get(path, &ravi).await.refused(403), "FORBIDDEN", "{path}");
    }
    assert_eq!(shop.get("/api/orders", &ravi).await.expect(200).body["items"], json!([]));
    let of_asha = shop.get("/api/orders?email=asha@example.com", &admin).await.expect(200);
    assert_eq!(of_asha.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn failed_logins_are_slowed_and_good_ones_are_not() {
    let shop = Shop::open_with(&[("auth.failed_logins_per_quarter_hour", "3")]).await;
    shop.login("asha", Role::Customer).await;
    let login = |password: &'static str| {
        let body = json!({"email": "asha@example.com", "password": password});
        shop.ask("POST", "/api/auth/login").json(&body).send()
    };
    for _ in 0..5 {
        login(PASSWORD).await.expect(200);
    }
    for _ in 0..3 {
        assert_eq!(login("wrong").await.refused(401), "BAD_CREDENTIALS");
    }
    let refused = login(PASSWORD).await;
    assert_eq!(refused.refused(429), "TOO_MANY");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
}

#[tokio::test]
async fn guesses_at_the_present_password_are_slowed_and_end_no_session() {
    let shop = Shop::open_with(&[("auth.failed_logins_per_quarter_hour", "3")]).await;
    let (asha, ravi) = (shop.login("asha", Role::Customer).await, shop.login("ravi", Role::Customer).await);
    let change = |token: String, current: &'static str| {
        let body = json!({"current": current, "new": "battery staple"});
        shop.ask("PUT", "/api/users/me/password").token(&token).json(&body).send()
    };
    for _ in 0..3 {
        let wrong = change(asha.clone(), "wrong").await;
        assert_eq!(wrong.refused(422), "INVALID");
        assert_eq!(
            (&wrong.body["errors"][0]["field"], &wrong.body["errors"][0]["code"]),
            (&json!("current"), &json!("WRONG_PASSWORD"))
        );
        assert_eq!(wrong.header("www-authenticate"), "");
    }
    let refused = change(asha.clone(), PASSWORD).await;
    assert_eq!(refused.refused(429), "TOO_MANY", "the right one, too");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
    shop.get("/api/users/me", &asha).await.expect(200);
    let login = json!({"email": "asha@example.com", "password": PASSWORD});
    assert_eq!(shop.ask("POST", "/api/auth/login").json(&login).send().await.refused(429), "TOO_MANY", "one book for both");
    change(ravi, PASSWORD).await.expect(204);
}

#[tokio::test]
async fn logins_are_listed_page_by_page_newest_first() {
    let shop = Shop::open().await;
    let first = shop.login("asha", Role::Customer).await;
    let login = json!({"email": "asha@example.com", "password": PASSWORD});
    for _ in 0..4 {
        shop.ask("POST", "/api/auth/login").json(&login).send().await.expect(200);
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = shop.get(&format!("/api/users/me/sessions?limit=2&cursor={cursor}"), &first).await.expect(200).body;
        let items = page["items"].as_array().unwrap();
        assert!((1..=2).contains(&items.len()), "{page}");
        seen.extend(items.iter().map(|it| (it["id"].as_str().unwrap().to_owned(), it["current"] == true)));
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen.iter().map(|(_, current)| *current).collect::<Vec<_>>(), [false, false, false, false, true]);
    assert!(seen.is_sorted_by(|one, other| one.0 > other.0), "{seen:?}");
    let ended = format!("/api/users/me/sessions/{}", seen[1].0);
    shop.ask("DELETE", &ended).token(&first).send().await.expect(204);
    assert_eq!(shop.ask("DELETE", &ended).token(&first).send().await.refused(404), "NOT_FOUND");
    let other = shop.login("ravi", Role::Customer).await;
    let hers = format!("/api/users/me/sessions/{}", seen[0].0);
    assert_eq!(shop.ask("DELETE", &hers).token(&other).send().await.refused(404), "NOT_FOUND", "of somebody else");
    assert_eq!(shop.get("/api/users/me/sessions", &first).await.body["items"].as_array().unwrap().len(), 4);
}
