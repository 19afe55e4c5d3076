//! What is on sale.

use commerce_core::users::Role;
use serde_json::{Value, json};

use crate::support::{Shop, variant};

#[tokio::test]
async fn a_product_is_created_changed_and_archived() {
    let shop = Shop::open().await;
    let admin = shop.login("admin", Role::Admin).await;
    let product = shop.stock(&admin, "A", 3).await;
    let path = format!("/api/products/{}", product["id"].as_str().unwrap());
    let seen = shop.ask("GET", &path).send().await.expect(200);
    assert_eq!((&seen.body["status"], &seen.body["variants"][0]["available"]), (&json!("ACTIVE"), &json!(3)));
    assert_eq!(seen.header("etag"), "\"1\"");
    assert_eq!(seen.header("cache-control"), "no-store", "its stock moves beneath its version");

    let patch = |body| shop.ask("PATCH", &path).token(&admin).json(&body);
    assert_eq!(patch(json!({"name": "B"})).send().await.refused(428), "VERSION_REQUIRED");
    assert_eq!(patch(json!({"name": "B"})).header("if-match", "\"9\"").send().await.refused(412), "VERSION_MISMATCH");
    let changed =
        patch(json!({"name": "B", "metadata": {"season": "summer"}})).header("if-match", "\"1\"").send().await.expect(200);
    assert_eq!((&changed.body["name"], changed.header("etag")), (&json!("B"), "\"2\""));

    let mut whole = changed.body.clone();
    whole["description"] = json!("New");
    let put = shop.ask("PUT", &path).token(&admin).header("if-match", "\"2\"").json(&whole).send().await.expect(200);
    assert_eq!(put.body["description"], "New");
    whole["variants"][0]["available"] = json!(99);
    let put = shop.ask("PUT", &path).token(&admin).header("if-match", "\"3\"").json(&whole).send().await;
    assert_eq!(put.refused(422), "READ_ONLY");

    shop.ask("DELETE", &path).token(&admin).send().await.expect(204);
    assert_eq!(shop.ask("DELETE", &path).token(&admin).send().await.refused(404), "NOT_FOUND");
    assert_eq!(shop.ask("GET", &path).send().await.refused(404), "NOT_FOUND");
}

#[tokio::test]
async fn lists_are_paged_newest_first() {
    let shop = Shop::open().await;
    let admin = shop.login("admin", Role::Admin).await;
    for sku in ["A", "B", "C"] {
        shop.stock(&admin, sku, 1).await;
    }
    let first = shop.ask("GET", "/api/products?limit=2&cursor=").send().await.expect(200);
    let names = |body: &Value| body["items"].as_array().unwrap().iter().map(|item| item["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&first.body), [json!("Kurta C"), json!("Kurta B")]);
    assert_eq!(first.body["items"][0]["priceRange"]["min"]["amount"], 49_900);
    assert_eq!(first.body["items"][0]["inStock"], true);
    let cursor = first.body["nextCursor"].as_str().unwrap();
    let second = shop.ask("GET", &format!("/api/products?limit=2&cursor={cursor}")).send().await.expect(200);
    assert_eq!((names(&second.body), &second.body["nextCursor"]), (vec![json!("Kurta A")], &json!(null)));
    for limit in ["0", "101", "x", "-1", "1.5"] {
        assert_eq!(shop.ask("GET", &format!("/api/products?limit={limit}")).send().await.refused(422), "INVALID", "{limit}");
    }
    assert_eq!(shop.ask("GET", "/api/products?cursor=rubbish").send().await.refused(400), "BAD_CURSOR");
    shop.memory.catalog.index_catch_up().await.unwrap();
    let found = shop.ask("GET", "/api/products/search?q=kurta&sort=newest").send().await.expect(200);
    assert_eq!(found.body["total"], 3);
    assert!(found.body["facets"].is_object());
}

#[tokio::test]
async fn sellers_manage_their_own_and_customers_nothing() {
    let shop = Shop::open().await;
    let admin = shop.login("admin", Role::Admin).await;
    let (meera, other) = (shop.login("meera", Role::Seller).await, shop.login("other", Role::Seller).await);
    let asha = shop.login("asha", Role::Customer).await;
    let body = json!({"name": "Saree", "description": "", "variants": [variant("S", 2)]});
    assert_eq!(shop.post("/api/products", &asha, body.clone()).await.refused(403), "FORBIDDEN");
    assert_eq!(shop.ask("POST", "/api/products").json(&body).send().await.refused(401), "UNAUTHENTICATED");
    let saree = shop.post("/api/products", &meera, body).await.expect(201);
    let path = format!("/api/products/{}", saree.body["id"].as_str().unwrap());
    let foreign = shop.ask("PATCH", &path).token(&other).header("if-match", "\"1\"").json(&json!({"name": "X"})).send().await;
    assert_eq!(foreign.refused(404), "NOT_FOUND");
    assert_eq!(shop.get("/api/inventory/S", &other).await.refused(404), "NOT_FOUND");
    let adjust = |token, delta| shop.post("/api/inventory/S/adjust", token, json!({"delta": delta, "reason": "counted"}));
    assert_eq!(adjust(&other, 1).await.refused(404), "NOT_FOUND");
    assert_eq!(adjust(&meera, 3).await.expect(200).body["onHand"], 5);
    assert_eq!(adjust(&meera, -6).await.refused(409), "BELOW_RESERVED");
    assert_eq!(shop.get("/api/inventory/S/ledger", &meera).await.expect(200).body["items"].as_array().unwrap().len(), 2);
    shop.stock(&admin, "T", 1).await;
}

#[tokio::test]
async fn categories_form_a_tree() {
    let shop = Shop::open().await;
    let admin = shop.login("admin", Role::Admin).await;
    let create = |name, parent: Value| shop.post("/api/categories", &admin, json!({"name": name, "parentId": parent}));
    let clothes = create("Clothes", json!(null)).await.expect(201).body;
    let kurtas = create("Kurtas", clothes["id"].clone()).await.expect(201).body;
    let tree = shop.ask("GET", "/api/categories/tree").send().await.expect(200).body;
    assert_eq!(tree["items"][0]["children"][0]["name"], "Kurtas");
    let path = format!("/api/categories/{}", clothes["id"].as_str().unwrap());
    let cycle = shop.ask("PUT", &path).token(&admin).json(&json!({"name": "Clothes", "parentId": kurtas["id"]})).send().await;
    assert_eq!(cycle.refused(409), "CATEGORY_CYCLE");
    assert_eq!(shop.ask("DELETE", &path).token(&admin).send().await.refused(409), "IN_USE");
}

#[tokio::test]
async fn the_shop_decides_when_stock_is_low() {
    let shop = Shop::open().await;
    let admin = shop.login("admin", Role::Admin).await;
    shop.stock(&admin, "A", 3).await;
    assert_eq!(shop.get("/api/inventory/A", &admin).await.expect(200).body["lowStockThreshold"], 5);
    let own = shop.ask("PATCH", "/api/inventory/A").token(&admin).json(&json!({"lowStockThreshold": 2})).send().await;
    assert_eq!(own.expect(200).body["lowStockThreshold"], 2);

    let patch = |body: Value| shop.ask("PATCH", "/api/inventory/A").token(&admin).json(&body);
    let silent = patch(json!({})).send().await.expect(200);
    assert_eq!(silent.body["lowStockThreshold"], 2, "what is not said stays");
    assert_eq!(patch(json!({})).header("if-match", "\"99\"").send().await.refused(412), "VERSION_MISMATCH");
    let mut whole = silent.body.clone();
    whole["lowStockThreshold"] = json!(3);
    assert_eq!(patch(whole.clone()).send().await.expect(200).body["lowStockThreshold"], 3, "as it was read");
    whole["onHand"] = json!(99);
    let moved = patch(without(whole, "version")).send().await;
    assert_eq!((moved.refused(422), &moved.body["errors"][0]["field"]), ("READ_ONLY", &json!("onHand")));
    let back = patch(json!({"lowStockThreshold": null})).send().await.expect(200);
    assert_eq!(back.body["lowStockThreshold"], 5, "what the shop has for new SKUs");
    assert_eq!(patch(json!({"lowStockThreshold": -1})).send().await.refused(422), "INVALID");
    assert_eq!(patch(json!({"lowStockThreshold": "2"})).send().await.refused(400), "WRONG_TYPE");
}

#[tokio::test]
async fn notes_on_variants_and_carts_are_echoed_and_merged() {
    let shop = Shop::open().await;
    let admin = shop.login("admin", Role::Admin).await;
    let mut noted = variant("A", 5);
    noted["metadata"] = json!({"shelf": "B 7", "colour": "indigo"});
    let body = json!({"name": "Kurta", "description": "", "variants": [noted, variant("B", 5)]});
    let product = shop.post("/api/products", &admin, body).await.expect(201);
    assert_eq!(product.body["variants"][0]["metadata"], json!({"shelf": "B 7", "colour": "indigo"}));
    assert_eq!(product.body["variants"][1]["metadata"], json!({}));
    let path = format!("/api/products/{}", product.body["id"].as_str().unwrap());
    let change = json!({"metadata": {"colour": null, "fit": "slim"}});
    let merged = shop.ask("PATCH", &format!("{path}/variants/A")).token(&admin).json(&change).send().await.expect(200);
    assert_eq!(merged.body["variants"][0]["metadata"], json!({"shelf": "B 7", "fit": "slim"}));
    let without = json!({"variants": [variant("A", 5), variant("B", 5)]});
    let kept = shop.ask("PATCH", &path).token(&admin).header("if-match", "*").json(&without).send().await.expect(200);
    assert_eq!(kept.body["variants"][0]["metadata"], json!({"shelf": "B 7", "fit": "slim"}), "what is not said stays");
    let long = json!({"metadata": {"x".repeat(41): "y"}});
    let refused = shop.ask("PATCH", &format!("{path}/variants/A")).token(&admin).json(&long).send().await;
    assert_eq!(refused.refused(422), "INVALID");
    assert_eq!(refused.body["errors"][0]["field"], "metadata");

    // Of several the fault says in which.
    let mut second = variant("B", 5);
    second["metadata"] = json!({"fit": "x".repeat(501)});
    let whole = json!({"name": "Kurta", "description": "", "variants": [variant("A", 5), second.clone()]});
    for ask in [shop.ask("POST", "/api/products"), shop.ask("PUT", &path).header("if-match", "*")] {
        let refused = ask.token(&admin).json(&whole).send().await;
        assert_eq!(refused.refused(422), "INVALID");
        assert_eq!(refused.body["errors"][0]["field"], "variants[1].metadata.fit");
    }
    second["sku"] = json!("C");
    let refused = shop.post(&format!("{path}/variants"), &admin, second).await;
    assert_eq!((refused.refused(422), &refused.body["errors"][0]["field"]), ("INVALID", &json!("metadata.fit")));

    let mut bare = variant("A", 5);
    bare["metadata"] = json!({});
    let whole = json!({"name": "Kurta", "description": "", "variants": [bare, variant("B", 5)]});
    let put = shop.ask("PUT", &path).token(&admin).header("if-match", "*").json(&whole).send().await.expect(200);
    assert_eq!(put.body["variants"][0]["metadata"], json!({}), "none are what is said");

    let line = json!({"sku": "A", "quantity": 1, "metadata": {"gift": "yes"}});
    let cart = shop.post("/api/cart/me", &admin, line).await.expect(200);
    assert_eq!(cart.body["metadata"], json!({"gift": "yes"}));
    let cart = shop.post("/api/cart/me", &admin, json!({"sku": "A", "quantity": 1})).await.expect(200);
    assert_eq!(cart.body["metadata"], json!({"gift": "yes"}));
}

#[tokio::test]
async fn a_guests_cart_is_opened_with_notes_that_go_with_it() {
    let shop = Shop::open().await;
    let asha = shop.login("asha", Role::Customer).await;
    let admin = shop.login("admin", Role::Admin).await;
    shop.stock(&admin, "A", 9).await;
    let body = json!({"metadata": {"gift": "yes", "from": "mail"}});
    for key in ["", "k"] {
        let ask = shop.ask("POST", "/api/carts").json(&body);
        let opened = if key.is_empty() { ask } else { ask.header("idempotency-key", key) }.send().await.expect(201);
        assert_eq!(opened.body["metadata"], body["metadata"]);
        let read = shop.ask("GET", opened.header("location")).send().await.expect(200);
        assert_eq!((&read.body["metadata"], &read.body["version"]), (&body["metadata"], &opened.body["version"]));
        let line = json!({"sku": "A", "quantity": 1});
        if !key.is_empty() {
            let filled = shop.ask("POST", opened.header("location")).json(&line).send().await.expect(200);
            assert_eq!(filled.body["metadata"], body["metadata"]);
            let replay = shop.ask("POST", "/api/carts").json(&body).header("idempotency-key", key).send().await.expect(200);
            assert_eq!((&replay.body["cartToken"], &replay.body["metadata"]), (&opened.body["cartToken"], &body["metadata"]));
        }
        // Her own words stay; the guest's come beside them, also from a cart with nothing in it.
        let own = json!({"sku": "A", "quantity": 1, "metadata": {"gift": "no"}});
        shop.post("/api/cart/me", &asha, own).await.expect(200);
        let merge = json!({"cartToken": opened.body["cartToken"]});
        let merged = shop.post("/api/cart/me/merge", &asha, merge).await.expect(200);
        assert_eq!(merged.body["metadata"], json!({"gift": "no", "from": "mail"}));
        let left = shop.ask("GET", opened.header("location")).send().await.expect(200);
        assert_eq!((&left.body["metadata"], &left.body["lines"]), (&json!({}), &json!([])));
    }
    let unknown = shop.ask("POST", "/api/carts").json(&json!({"metdata": {}})).send().await;
    assert_eq!(unknown.refused(400), "UNKNOWN_FIELD");
    let long = shop.ask("POST", "/api/carts").json(&json!({"metadata": {"x".repeat(41): "y"}})).send().await;
    assert_eq!((long.refused(422), &long.body["errors"][0]["field"]), ("INVALID", &json!("metadata")));
}

#[tokio::test]
async fn pictures_as_read_stay_and_others_come_beside_them() {
    let shop = Shop::open().await;
    let admin = shop.login("admin", Role::Admin).await;
    let at = |name: &str| json!({"url": format!("https://pictures.example/{name}.jpg"), "alt": name});
    let body = json!({"name": "Kurta", "description": "", "variants": [variant("A", 5)], "images": [at("front"), at("back")]});
    let product = shop.post("/api/products", &admin, body).await.expect(201).body;
    let path = format!("/api/products/{}", product["id"].as_str().unwrap());
    let send = |method: &str, body: &Value| shop.ask(method, &path).token(&admin).header("if-match", "*").json(body).send();
    let known = product["images"].as_array().unwrap().clone();
    assert_eq!(known.len(), 2);

    let mut whole = product.clone();
    whole["images"].as_array_mut().unwrap().push(at("side"));
    let put = send("PUT", &without(whole, "version")).await.expect(200).body;
    assert_eq!(put["images"].as_array().unwrap()[..2], known[..], "they keep their ids");
    assert_eq!(put["images"][2]["alt"], "side");
    let more = json!({"images": [put["images"][2], put["images"][0], at("label")]});
    let patched = send("PATCH", &more).await.expect(200).body;
    assert_eq!(patched["images"].as_array().unwrap()[..2], [put["images"][2].clone(), put["images"][0].clone()]);
    assert_eq!(patched["images"][2]["alt"], "label");

    let mut renamed = patched["images"][0].clone();
    renamed["alt"] = json!("from the side");
    let renamed = send("PATCH", &json!({"images": [renamed]})).await.expect(200).body;
    assert_eq!(
        (&renamed["images"][0]["id"], &renamed["images"][0]["alt"]),
        (&patched["images"][0]["id"], &json!("from the side"))
    );
    for (id, url) in [(json!("018f0000-0000-7000-8000-000000000000"), "side"), (renamed["images"][0]["id"].clone(), "elsewhere")]
    {
        let mut other = at(url);
        other["id"] = id;
        let refused = send("PATCH", &json!({"images": [other]})).await;
        assert_eq!(refused.refused(422), "READ_ONLY", "an id is given, and not moved");
        assert_eq!(refused.body["errors"][0]["field"], "images[0].id");
    }
}

fn without(mut body: Value, field: &str) -> Value {
    body.as_object_mut().unwrap().remove(field);
    body
}

#[tokio::test]
async fn a_seller_is_found_by_its_slug() {
    let shop = Shop::open().await;
    let admin = shop.login("admin", Role::Admin).await;
    let made = shop.post("/api/sellers", &admin, json!({"name": "The Potter", "slug": "potter"})).await.expect(201).body;
    let found = shop.get("/api/sellers/potter", &admin).await.expect(200).body;
    let like_an_id = "018f000000007000800000000000000a";
    shop.post("/api/sellers", &admin, json!({"name": "Numbers", "slug": like_an_id})).await.expect(201);
    assert_eq!(shop.get(&format!("/api/sellers/{like_an_id}"), &admin).await.expect(200).body["name"], "Numbers");
    assert_eq!((&found["id"], &found["name"]), (&made["id"], &json!("The Potter")));
    for nobody in ["weaver", "%3Cscript%3E", "018f0000-0000-7000-8000-000000000000"] {
        assert_eq!(shop.get(&format!("/api/sellers/{nobody}"), &admin).await.refused(404), "NOT_FOUND", "{nobody}");
    }
}
