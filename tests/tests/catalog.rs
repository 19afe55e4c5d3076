//! Products, categories and stock.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use commerce_tests::{Client, eventually, inr, shared, unique};
use reqwest::Method;
use serde_json::{Value, json};

fn variant(sku: &str, minor: i64) -> Value {
    json!({"sku": sku, "price": inr(minor)})
}

fn product(name: &str, variants: &[Value]) -> Value {
    json!({"name": name, "description": "A fine thing", "variants": variants})
}

fn ids(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_product_lives() {
    let shop = shared();
    let admin = shop.admin().await;
    let anyone = shop.anyone();
    let (small, large) = (unique("TEE-S"), unique("TEE-L"));
    let body = json!({
        "name": "Linen Tee", "description": "<b>Light</b>", "metadata": {"season": "summer"},
        "variants": [
            {"sku": small, "price": inr(49_900), "options": {"Size": "S"}, "stock": 3},
            {"sku": large, "price": inr(59_900), "options": {"Size": "L"}},
        ],
    });
    let answer = admin.post("/api/products", &body).send().await;
    let made = answer.expect(201);
    let path = format!("/api/products/{}", made["id"].as_str().unwrap());
    assert_eq!(answer.header("location"), path);
    assert_eq!((&made["status"], &made["version"]), (&json!("ACTIVE"), &json!(1)));
    assert!(made["sellerId"].is_string() && made["slug"].is_string(), "{made}");
    let read = anyone.get(&path).send().await;
    assert_eq!(read.header("etag"), "\"1\"");
    assert!(!read.header("cache-control").is_empty(), "{:?}", read.headers);
    let read = read.expect(200);
    for member in
        ["id", "slug", "name", "description", "status", "categoryId", "sellerId", "variants", "images", "rating", "version"]
    {
        assert!(read.get(member).is_some(), "no {member} in {read}");
    }
    let stock: Vec<&Value> = read["variants"].as_array().unwrap().iter().map(|variant| &variant["available"]).collect();
    assert_eq!(stock, [&json!(3), &json!(0)]);
    assert_eq!(read["variants"][0]["options"], json!({"Size": "S"}));
    let card = anyone.read("/api/products?limit=100").await;
    let card = card["items"].as_array().unwrap().iter().find(|item| item["id"] == made["id"]).expect("it is listed").clone();
    assert_eq!(card["priceRange"], json!({"min": inr(49_900), "max": inr(59_900)}));
    assert_eq!(card["inStock"], true);
    assert!(card.get("image").is_some() && card["slug"] == made["slug"] && card["status"] == "ACTIVE", "{card}");

    // Changing needs the version.
    let patch = json!({"name": "Linen T-Shirt"});
    admin.patch(&path, &patch).send().await.problem(428, "VERSION_REQUIRED");
    admin.put(&path, &body).send().await.problem(428, "VERSION_REQUIRED");
    admin.patch(&path, &patch).header("if-match", "\"7\"").send().await.problem(412, "VERSION_MISMATCH");
    let changed = admin.patch(&path, &patch).header("if-match", "\"1\"").send().await;
    assert_eq!(changed.header("etag"), "\"2\"");
    assert_eq!(changed.expect(200)["name"], "Linen T-Shirt");
    admin.patch(&path, &patch).header("if-match", "\"1\"").send().await.problem(412, "VERSION_MISMATCH");
    // What GET answers may be put back, its read-only fields unchanged.
    let mut whole = anyone.read(&path).await;
    whole["description"] = json!("Light");
    let put = admin.put(&path, &whole).header("if-match", "\"2\"").send().await.expect(200);
    assert_eq!((&put["description"], &put["version"]), (&json!("Light"), &json!(3)));
    assert_eq!(put["variants"].as_array().unwrap().len(), 2);
    let mut renamed = put.clone();
    renamed["id"] = json!("01890000-0000-7000-8000-000000000000");
    admin.put(&path, &renamed).header("if-match", "\"3\"").send().await.problem(422, "READ_ONLY");
    let cleared = admin.patch(&path, &json!({"metadata": {}})).header("if-match", "\"3\"").send().await.expect(200);
    assert_eq!(cleared["description"], "Light", "a merge patch leaves alone what it does not name");

    // Deleting archives: gone for the public, known to staff.
    admin.delete(&path).send().await.expect(204);
    anyone.get(&path).send().await.any_problem(404);
    assert!(!ids(&anyone.read("/api/products?limit=100").await).contains(&made["id"].as_str().unwrap()));
    admin.delete(&path).send().await.any_problem(404);
}

#[tokio::test]
async fn variants_come_and_go() {
    let shop = shared();
    let admin = shop.admin().await;
    let first = admin.product(1_000, 5).await;
    let path = format!("/api/products/{}", first.id);
    let sku = unique("MORE");
    let added = admin
        .post(&format!("{path}/variants"), &json!({"sku": sku, "price": inr(2_000), "options": {"Size": "XL"}, "stock": 2}))
        .send()
        .await;
    assert_eq!(added.status, 201, "{}", added.text());
    admin.post(&format!("{path}/variants"), &variant(&sku, 1)).send().await.problem(409, "SKU_TAKEN");
    admin.post("/api/products", &product("Copy", &[variant(&sku, 1)])).send().await.problem(409, "SKU_TAKEN");
    let one = format!("{path}/variants/{sku}");
    admin.patch(&one, &json!({"price": inr(2_500)})).send().await.expect(200);
    let read = shop.anyone().read(&path).await;
    let variants = read["variants"].as_array().unwrap();
    let patched = variants.iter().find(|variant| variant["sku"] == json!(sku)).unwrap();
    assert_eq!((&patched["price"], &patched["available"]), (&inr(2_500), &json!(2)));
    admin.patch(&one, &json!({"available": 900})).send().await.problem(422, "READ_ONLY");
    admin.delete(&one).send().await.expect(204);
    admin.delete(&one).send().await.any_problem(404);
    assert_eq!(shop.anyone().read(&path).await["variants"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn bad_products_are_refused_whole() {
    let shop = shared();
    let admin = shop.admin().await;
    let post = async |body: &Value| admin.post("/api/products", body).send().await;
    let good = unique("GOOD");
    for (field, bad) in [
        ("variants[1].price.amount", json!({"sku": unique("B"), "price": {"amount": -1, "currency": "INR"}})),
        ("variants[1].price.amount", json!({"sku": unique("B"), "price": {"amount": 19.99, "currency": "INR"}})),
        (
            "variants[1].price.amount",
            json!({"sku": unique("B"), "price": {"amount": 9_223_372_036_854_775_807_i64, "currency": "INR"}}),
        ),
        ("variants[1].price.currency", json!({"sku": unique("B"), "price": {"amount": 1, "currency": "RUPEES"}})),
        ("variants[1].stock", json!({"sku": unique("B"), "price": inr(1), "stock": -1})),
        ("variants[1].stock", json!({"sku": unique("B"), "price": inr(1), "stock": 1.5})),
        ("variants[1].sku", json!({"sku": "", "price": inr(1)})),
        ("variants[1].sku", json!({"sku": "x".repeat(1_000), "price": inr(1)})),
    ] {
        let answer = post(&product("Half", &[variant(&good, 100), bad])).await;
        let problem = answer.any_problem(422);
        let named = problem["errors"][0]["field"].as_str().unwrap_or_default();
        assert!(field.starts_with(named) && named.starts_with("variants[1]"), "{field}: {problem}");
    }
    let mixed =
        product("Mixed", &[variant(&good, 100), json!({"sku": unique("USD"), "price": {"amount": 1, "currency": "USD"}})]);
    let answer = post(&mixed).await;
    assert!([201, 422].contains(&answer.status), "{}", answer.text());
    if answer.status == 201 {
        admin.delete(answer.header("location")).send().await.expect(204);
    }
    post(&product("Twice", &[variant("TWICE", 1), variant("TWICE", 1)])).await.any_problem(422);
    post(&product("", &[variant(&unique("B"), 1)])).await.invalid("name");
    post(&product("None", &[])).await.invalid("variants");
    post(&json!({"name": "No variants", "description": "x"})).await.problem(400, "MISSING_FIELD");
    post(&json!({"name": "x", "description": "x", "variants": [{"sku": unique("B"), "price": 1999}]})).await.any_problem(400);
    post(&json!({"name": "x", "description": "x", "variants": [{"sku": unique("B"), "price": inr(1), "prize": 2}]}))
        .await
        .problem(400, "UNKNOWN_FIELD");
    let mut nowhere = product("Nowhere", &[variant(&unique("B"), 1)]);
    nowhere["categoryId"] = json!("01890000-0000-7000-8000-000000000000");
    let answer = post(&nowhere).await;
    assert!([404, 422].contains(&answer.status), "{}", answer.text());
    admin.get(&format!("/api/inventory/{good}")).send().await;
    let after = post(&product("Now", &[variant(&unique("NOW"), 100)])).await;
    assert_eq!(after.status, 201, "{}", after.text());
}

#[tokio::test]
async fn customers_and_strangers_do_not_write() {
    let shop = shared();
    let admin = shop.admin().await;
    let made = admin.product(100, 1).await;
    let path = format!("/api/products/{}", made.id);
    let body = product("Mine", &[variant(&unique("X"), 1)]);
    let customer = shop.customer().await;
    customer.post("/api/products", &body).send().await.problem(403, "FORBIDDEN");
    customer.post("/api/categories", &json!({"name": "Mine"})).send().await.problem(403, "FORBIDDEN");
    shop.anyone().post("/api/products", &body).send().await.any_problem(401);
    for client in [&customer, &seller(&shop, &admin).await] {
        let status = |answer: &commerce_tests::Answer| assert!([403, 404].contains(&answer.status), "{}", answer.text());
        status(&client.patch(&path, &json!({"name": "Mine"})).header("if-match", "\"1\"").send().await);
        status(&client.delete(&path).send().await);
        status(&client.post(&format!("{path}/variants"), &variant(&unique("X"), 1)).send().await);
        status(&client.get(&format!("/api/inventory/{}", made.sku)).send().await);
        status(&client.post(&format!("/api/inventory/{}/adjust", made.sku), &json!({"delta": 1, "reason": "x"})).send().await);
        status(&client.get(&format!("/api/inventory/{}/ledger", made.sku)).send().await);
    }
    assert_eq!(shop.anyone().read(&path).await["name"], made.body["name"]);
    assert_eq!(admin.stock(&made.sku).await, (1, 0, 1));
}

/// A user with a seller of her own.
async fn seller(shop: &commerce_tests::Server, admin: &Client) -> Client {
    let user = shop.customer().await;
    let role = json!({"role": "SELLER"});
    admin.put(&format!("/api/users/{}/role", user.user), &role).send().await.expect(200);
    user
}

#[tokio::test]
async fn drafts_are_not_shown() {
    let shop = shared();
    let admin = shop.admin().await;
    let sku = unique("DRAFT");
    let mut body = product("Secret", &[variant(&sku, 100)]);
    body["status"] = json!("DRAFT");
    let draft = admin.post("/api/products", &body).send().await.expect(201);
    let path = format!("/api/products/{}", draft["id"].as_str().unwrap());
    shop.anyone().get(&path).send().await.any_problem(404);
    shop.customer().await.get(&path).send().await.any_problem(404);
    assert_eq!(admin.read(&path).await["status"], "DRAFT");
    let buyer = shop.customer().await;
    let answer = buyer.post("/api/orders", &commerce_tests::cod(&[(&sku, 1)])).send().await;
    assert!([404, 409, 422].contains(&answer.status), "a draft was sold: {}", answer.text());
    admin.patch(&path, &json!({"status": "ACTIVE"})).header("if-match", "\"1\"").send().await.expect(200);
    shop.anyone().read(&path).await;
    body["status"] = json!("FOR_SALE");
    admin.post("/api/products", &body).send().await.any_problem(422);
}

#[tokio::test]
async fn categories_are_a_forest() {
    let shop = shared();
    let admin = shop.admin().await;
    let make = async |name: &str, parent: Option<&Value>| {
        let mut body = json!({"name": unique(name)});
        if let Some(parent) = parent {
            body["parentId"] = parent["id"].clone();
        }
        let answer = admin.post("/api/categories", &body).send().await;
        assert!(!answer.header("location").is_empty() || answer.status != 201, "no Location");
        answer.expect(201)
    };
    let clothes = make("Clothes", None).await;
    let shirts = make("Shirts", Some(&clothes)).await;
    let tees = make("Tees", Some(&shirts)).await;
    let tree = shop.anyone().read("/api/categories/tree").await;
    assert!(tree.to_string().contains(tees["id"].as_str().unwrap()), "{tree}");
    let list = shop.anyone().read("/api/categories?limit=100").await;
    assert!(ids(&list).contains(&shirts["id"].as_str().unwrap()));
    for below in [&clothes, &shirts, &tees] {
        let mut body = json!({"name": clothes["name"]});
        body["parentId"] = below["id"].clone();
        admin
            .put(&format!("/api/categories/{}", clothes["id"].as_str().unwrap()), &body)
            .send()
            .await
            .problem(409, "CATEGORY_CYCLE");
    }
    // A category's products are those of everything below it.
    let mut body = product("Tee", &[variant(&unique("T"), 100)]);
    body["categoryId"] = tees["id"].clone();
    let tee = admin.post("/api/products", &body).send().await.expect(201);
    for category in [&clothes, &shirts, &tees] {
        let list = shop.anyone().read(&format!("/api/products?category={}", category["id"].as_str().unwrap())).await;
        assert_eq!(ids(&list), [tee["id"].as_str().unwrap()]);
    }
    let answer = admin.delete(&format!("/api/categories/{}", shirts["id"].as_str().unwrap())).send().await;
    assert!([204, 409].contains(&answer.status), "{}", answer.text());
    let mut depth = make("Deep", None).await;
    let mut levels = 1;
    loop {
        let body = json!({"name": unique("Deep"), "parentId": depth["id"]});
        let answer = admin.post("/api/categories", &body).send().await;
        if answer.status != 201 {
            assert!([409, 422].contains(&answer.status), "{}", answer.text());
            break;
        }
        levels += 1;
        assert!(levels <= 100, "the tree has no bottom");
        depth = answer.json();
    }
    assert!(levels >= 5, "{levels}");
}

#[tokio::test]
async fn stock_is_counted_and_explained() {
    let shop = shared();
    let admin = shop.admin().await;
    let made = admin.product(1_000, 10).await;
    let path = format!("/api/inventory/{}", made.sku);
    let stock = admin.read(&path).await;
    for member in ["sku", "onHand", "reserved", "available", "lowStockThreshold", "version"] {
        assert!(stock.get(member).is_some(), "no {member}: {stock}");
    }
    let adjust =
        async |delta: Value| admin.post(&format!("{path}/adjust"), &json!({"delta": delta, "reason": "count"})).send().await;
    let answer = adjust(json!(5)).await;
    assert!([200, 201].contains(&answer.status), "{}", answer.text());
    assert_eq!(answer.json()["onHand"], 15);
    adjust(json!(-3)).await;
    assert_eq!(admin.stock(&made.sku).await, (12, 0, 12));
    for delta in [json!(0), json!(1.5), json!(9_223_372_036_854_775_807_i64), json!(-9_223_372_036_854_775_807_i64)] {
        let answer = adjust(delta.clone()).await;
        assert!([422, 409].contains(&answer.status), "{delta}: {}", answer.text());
    }
    adjust(json!("5")).await.problem(400, "WRONG_TYPE");
    admin.post(&format!("{path}/adjust"), &json!({"delta": 1})).send().await.problem(400, "MISSING_FIELD");
    admin.post(&format!("{path}/adjust"), &json!({"delta": 1, "reason": ""})).send().await.invalid("reason");
    adjust(json!(-13)).await.any_problem(409);
    // A pending order reserves; stock cannot fall below that.
    let buyer = shop.customer().await;
    buyer.order_paid(&made.sku, "tok_pending").await;
    assert_eq!(admin.stock(&made.sku).await, (12, 1, 11));
    let problem = adjust(json!(-12)).await.problem(409, "BELOW_RESERVED");
    assert_eq!(problem["reserved"], 1, "{problem}");
    adjust(json!(-11)).await;
    assert_eq!(admin.stock(&made.sku).await, (1, 1, 0));
    let ledger = admin.read(&format!("{path}/ledger")).await;
    let entries = ledger["items"].as_array().unwrap();
    assert_eq!(entries.len(), 5, "{ledger:#}");
    let key = unique("key");
    let body = json!({"delta": 7, "reason": "delivery"});
    admin.post(&format!("{path}/adjust"), &body).key(&key).send().await;
    let replay = admin.post(&format!("{path}/adjust"), &body).key(&key).send().await;
    assert_eq!((replay.status, replay.header("idempotent-replayed")), (200, "true"));
    assert_eq!(admin.stock(&made.sku).await, (8, 1, 7));
}

#[tokio::test]
async fn low_stock_is_told_to_ops() {
    let shop = shared();
    let admin = shop.admin().await;
    let made = admin.product(1_000, 20).await;
    let adjust = json!({"delta": -18, "reason": "count"});
    admin.post(&format!("/api/inventory/{}/adjust", made.sku), &adjust).send().await;
    let data = shop.data();
    let alert = eventually(
        "the alert to ops",
        async || commerce_tests::mails(&data).into_iter().filter(|mail| mail.text.contains(&made.sku)).collect::<Vec<_>>(),
        |mails| !mails.is_empty(),
    )
    .await;
    assert_eq!(alert[0].subject, "⚠️ Low Stock Alert");
    assert!(alert[0].to.contains("ops@"), "{}", alert[0].to);
}

#[tokio::test]
async fn a_repeated_product_is_a_replay() {
    let shop = shared();
    let admin = shop.admin().await;
    let body = product("Once", &[variant(&unique("ONCE"), 100)]);
    let key = unique("key");
    let first = admin.post("/api/products", &body).key(&key).send().await.expect(201);
    let again = admin.post("/api/products", &body).key(&key).send().await;
    assert_eq!((again.header("idempotent-replayed"), &again.expect(200)["id"]), ("true", &first["id"]));
    admin
        .post("/api/products", &product("Other", &[variant(&unique("O"), 1)]))
        .key(&key)
        .send()
        .await
        .problem(422, "IDEMPOTENCY_MISMATCH");
    // The key is the user's own, and of its route.
    let category = json!({"name": unique("Once")});
    admin.post("/api/categories", &category).key(&key).send().await.expect(201);
}

/// A red dot.
const DOT: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

#[tokio::test]
async fn of_an_uploaded_picture_only_what_it_shows_is_kept() {
    let shop = shared();
    let admin = shop.admin().await;
    let made = admin.product(1_000, 1).await;
    let head = "--XX\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.png\"\r\ncontent-type: image/png\r\n\r\n";
    // What is behind a picture is nothing of it, and may be long.
    let hidden: &[u8] = b"<script>alert(1)</script>";
    let form = [head.as_bytes(), &STANDARD.decode(DOT).unwrap(), hidden, &vec![b' '; 8 << 20], b"\r\n--XX--\r\n"].concat();
    let call = admin.call(Method::POST, &format!("/api/products/{}/images", made.id));
    let kept = call.header("content-type", "multipart/form-data; boundary=XX").bytes(form).send().await.expect(201);
    let url = kept["url"].as_str().or_else(|| kept["images"][0]["url"].as_str()).unwrap().to_owned();
    let part = |name: &str| format!("--XX\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\nx\r\n");
    for (form, code) in [
        (part("file") + &part("file"), "DUPLICATE_FIELD"),
        (part("alt") + &part("alt"), "DUPLICATE_FIELD"),
        (part("file") + &part("position"), "UNKNOWN_FIELD"),
        (part("alt"), "MISSING_FIELD"),
    ] {
        let call = admin.call(Method::POST, &format!("/api/products/{}/images", made.id));
        let call = call.header("content-type", "multipart/form-data; boundary=XX").bytes((form + "--XX--\r\n").into_bytes());
        call.send().await.problem(400, code);
    }
    let picture = shop.anyone().get(&url).send().await;
    assert_eq!((picture.status, picture.header("content-type")), (200, "image/png"));
    assert!(picture.body.starts_with(b"\x89PNG") && !picture.text().contains("<script"), "{}", picture.text());
}
