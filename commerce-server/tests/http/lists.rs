//! A cursor goes on with the list that gave it out, and with no other.

use std::collections::BTreeSet;

use commerce_core::users::Role;
use serde_json::{Value, json};

use crate::support::{PASSWORD, Reply, Shop, order, variant};

/// Asks for a page that begins behind `cursor`.
async fn from(shop: &Shop, token: &str, list: &str, cursor: &str) -> Reply {
    let joint = if list.contains('?') { '&' } else { '?' };
    shop.get(&format!("{list}{joint}limit=1&cursor={cursor}"), token).await
}

/// The cursor behind the first entry of a list that has more.
async fn cursor_of(shop: &Shop, token: &str, list: &str) -> String {
    let page = from(shop, token, list, "").await.expect(200);
    page.body["nextCursor"].as_str().unwrap_or_else(|| panic!("{list} has one page: {}", page.text)).to_owned()
}

/// Every list of the document, with what stands for its parameters.
fn lists(document: &Value, named: &dyn Fn(&str, &str) -> String) -> BTreeSet<String> {
    let takes_a_cursor = |operation: &Value| operation["parameters"].as_array().unwrap().iter().any(|it| it["name"] == "cursor");
    let paths = document["paths"].as_object().unwrap().iter();
    let paged = paths.filter(|(_, operations)| operations.get("get").is_some_and(takes_a_cursor));
    let fill = |path: &String| {
        let filled = path.split('/').map(|segment| match segment.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
            Some(name) => named(path, name),
            None => segment.to_owned(),
        });
        filled.collect::<Vec<_>>().join("/")
    };
    paged.map(|(path, _)| fill(path)).collect()
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused_by_every_list() {
    let shop = Shop::open_with(&[("gateway.rate_limit_per_minute", "0")]).await;
    let admin = shop.login("admin", Role::Admin).await;
    let product = shop.stock(&admin, "A", 9).await["id"].as_str().unwrap().to_owned();
    let other = shop.stock(&admin, "B", 9).await["id"].as_str().unwrap().to_owned();
    let placed = shop.post("/api/orders", &admin, order("A", 1, "COD")).await.expect(201).body["id"].as_str().unwrap().to_owned();
    shop.post("/api/orders", &admin, order("A", 1, "COD")).await.expect(201);
    let hook = json!({"url": "https://example.com/in", "events": ["ORDER_CREATED"]});
    let endpoint = shop.post("/api/webhook-endpoints", &admin, hook).await.expect(201).body["id"].as_str().unwrap().to_owned();

    let named = |path: &str, name: &str| match name {
        "userId" => "me".to_owned(),
        "sku" => "A".to_owned(),
        "id" if path.starts_with("/api/products/") => product.clone(),
        "id" if path.starts_with("/api/orders/") => placed.clone(),
        "id" if path.starts_with("/api/webhook-endpoints/") => endpoint.clone(),
        other => panic!("{other} of {path} stands for nothing here"),
    };
    let lists = lists(shop.app.spec(), &named);
    assert!(lists.len() >= 25, "{lists:?}");
    let products = cursor_of(&shop, &admin, "/api/products").await;
    let orders = cursor_of(&shop, &admin, "/api/orders").await;
    from(&shop, &admin, "/api/products", &products).await.expect(200);
    from(&shop, &admin, "/api/orders", &orders).await.expect(200);
    for list in &lists {
        for (its, cursor) in [("/api/products", &products), ("/api/orders", &orders)] {
            if list != its {
                assert_eq!(from(&shop, &admin, list, cursor).await.refused(400), "BAD_CURSOR", "{list} took one of {its}");
            }
        }
        from(&shop, &admin, list, "").await.expect(200);
    }

    // Of two things of a kind each has lists of its own; whoever is named `me` has the same as under her id.
    for name in ["asha", "ravi"] {
        let token = shop.login(name, Role::Customer).await;
        let review = json!({"rating": 5, "text": "Good."});
        let path = format!("/api/products/{product}/reviews");
        let id = shop.post(&path, &token, review).await.expect(201).body["id"].as_str().unwrap().to_owned();
        let approve = json!({"status": "APPROVED"});
        let path = format!("/api/reviews/{id}/moderation");
        shop.ask("PUT", &path).token(&admin).json(&approve).send().await.expect(200);
    }
    let reviews = cursor_of(&shop, &admin, &format!("/api/products/{product}/reviews")).await;
    let refused = from(&shop, &admin, &format!("/api/products/{other}/reviews"), &reviews).await;
    assert_eq!(refused.refused(400), "BAD_CURSOR");
    let login = json!({"email": "admin@example.com", "password": PASSWORD});
    shop.ask("POST", "/api/auth/login").json(&login).send().await.expect(200);
    let sessions = cursor_of(&shop, &admin, "/api/users/me/sessions").await;
    let id = shop.get("/api/users/me", &admin).await.body["id"].as_str().unwrap().to_owned();
    from(&shop, &admin, &format!("/api/users/{id}/sessions"), &sessions).await.expect(200);
}

#[tokio::test]
async fn a_place_among_hits_counts_for_its_search_alone() {
    let shop = Shop::open().await;
    let admin = shop.login("admin", Role::Admin).await;
    for sku in ["A", "B", "C"] {
        let body = json!({"name": "Kurta", "description": "Cotton", "variants": [variant(sku, 1)]});
        shop.post("/api/products", &admin, body).await.expect(201);
    }
    shop.memory.catalog.index_catch_up().await.unwrap();
    let search = "/api/products/search?q=kurta&sort=price_asc";
    let cursor = cursor_of(&shop, &admin, search).await;
    assert_eq!(from(&shop, &admin, search, &cursor).await.expect(200).body["items"].as_array().unwrap().len(), 1);
    for other in ["/api/products/search?q=kurta", "/api/products/search?q=cotton&sort=price_asc", "/api/products/search"] {
        assert_eq!(from(&shop, &admin, other, &cursor).await.refused(400), "BAD_CURSOR", "{other}");
    }
}

#[tokio::test]
async fn a_page_of_users_is_full_although_some_were_erased() {
    let shop = Shop::open().await;
    let admin = shop.login("admin", Role::Admin).await;
    for n in 0..9 {
        let token = shop.login(&format!("user{n}"), Role::Customer).await;
        if n % 3 != 0 {
            shop.ask("DELETE", "/api/users/me").token(&token).send().await.expect(204);
        }
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = shop.get(&format!("/api/users?limit=2&cursor={cursor}"), &admin).await.expect(200).body;
        let emails: Vec<String> =
            page["items"].as_array().unwrap().iter().map(|user| user["email"].as_str().unwrap().to_owned()).collect();
        assert_eq!(emails.len(), 2, "{page}");
        seen.extend(emails);
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen, ["user6", "user3", "user0", "admin"].map(|name| format!("{name}@example.com")));
}
