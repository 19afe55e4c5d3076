//! Reviews and wishlists.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use commerce_tests::{Client, eventually, inr, shared, unique};
use serde_json::{Value, json};

async fn product(admin: &Client) -> Value {
    let sku = unique("CUP");
    let body = json!({"name": "Cup", "description": "For tea", "variants": [{"sku": sku, "price": inr(500), "stock": 9}]});
    admin.post("/api/products", &body).send().await.expect(201)
}

fn path(product: &Value) -> String {
    format!("/api/products/{}/reviews", product["id"].as_str().unwrap())
}

fn field(list: &Value, name: &str) -> Vec<Value> {
    list["items"].as_array().unwrap().iter().map(|item| item[name].clone()).collect()
}

async fn customer() -> Client {
    shared().anyone().registered(&unique("reviewer")).await
}

#[tokio::test]
async fn the_words_of_who_was_erased_go_and_her_stars_stay() {
    let shop = shared();
    let (admin, anyone, asha) = (shop.admin().await, shop.anyone(), customer().await);
    let cups = [product(&admin).await, product(&admin).await];
    for (cup, status) in cups.iter().zip([Some("APPROVED"), None]) {
        let body = json!({"rating": 4, "title": "Of Asha", "text": "Asha likes it."});
        let made = asha.post(&path(cup), &body).send().await.expect(201);
        if let Some(status) = status {
            let moderation = format!("/api/reviews/{}/moderation", made["id"].as_str().unwrap());
            admin.put(&moderation, &json!({"status": status})).send().await.expect(200);
        }
    }
    asha.delete("/api/users/me").send().await.expect(204);
    let (shown, unread) = (path(&cups[0]), path(&cups[1]));
    let seen = eventually("her words go", || anyone.read(&shown), |it| field(it, "text") == [json!("Erased")]).await;
    assert_eq!((field(&seen, "rating"), field(&seen, "title")), (vec![json!(4)], vec![Value::Null]));
    let rating = anyone.read(shown.trim_end_matches("/reviews")).await["rating"].clone();
    assert_eq!((&rating["count"], &rating["average"]), (&json!(1), &json!(4.0)), "{rating}");
    let unread =
        eventually("what nobody read goes, too", || admin.read(&unread), |it| field(it, "text") == [json!("Erased")]).await;
    assert_eq!(field(&unread, "status"), [json!("REJECTED")]);
}

#[tokio::test]
async fn a_review_is_written_once_read_by_staff_and_shown() {
    let shop = shared();
    let (admin, anyone) = (shop.admin().await, shop.anyone());
    let (asha, bina) = (customer().await, customer().await);
    let cup = product(&admin).await;
    let path = path(&cup);
    let body = json!({"rating": 4, "title": "Good", "text": "<script>alert(1)</script> holds tea."});

    anyone.post(&path, &body).send().await.problem(401, "UNAUTHENTICATED");
    let answer = asha.post(&path, &body).key("once").send().await;
    let made = answer.expect(201);
    assert_eq!((&made["status"], &made["verifiedPurchase"]), (&json!("PENDING"), &json!(false)));
    assert_eq!((&made["text"], &made["userId"]), (&body["text"], &json!(asha.user)));
    let one = answer.header("location").to_owned();
    assert_eq!(asha.read(&one).await["id"], made["id"]);
    let again = asha.post(&path, &body).key("once").send().await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.expect(200)["id"], made["id"]);
    asha.post(&path, &json!({"rating": 1, "text": "x"})).key("once").send().await.problem(422, "IDEMPOTENCY_MISMATCH");
    asha.post(&path, &body).send().await.problem(409, "REVIEW_EXISTS");
    for (bad, status) in [
        (json!({"rating": 0, "text": "x"}), 422),
        (json!({"rating": 6, "text": "x"}), 422),
        (json!({"rating": 4.5, "text": "x"}), 422),
        (json!({"rating": "5", "text": "x"}), 400),
        (json!({"rating": 5}), 400),
        (json!({"rating": 5, "text": " "}), 422),
        (json!({"rating": 5, "text": "x".repeat(5_001)}), 422),
        (json!({"rating": 5, "text": "x", "status": "APPROVED"}), 400),
        (json!({"rating": 5, "text": "x", "verifiedPurchase": true}), 400),
    ] {
        assert_eq!(bina.post(&path, &bad).send().await.status, status, "{bad}");
    }

    // Nobody else sees it yet.
    anyone.get(&one).send().await.problem(404, "NOT_FOUND");
    bina.get(&one).send().await.problem(404, "NOT_FOUND");
    assert_eq!(field(&anyone.read(&path).await, "id"), [] as [Value; 0]);
    assert_eq!(field(&asha.read(&path).await, "id"), [made["id"].clone()]);
    assert_eq!(field(&admin.read(&format!("{path}?status=PENDING")).await, "id"), [made["id"].clone()]);
    admin.get(&format!("{path}?status=NONE")).send().await.problem(422, "INVALID");
    asha.get("/api/reviews").send().await.problem(403, "FORBIDDEN");

    // Staff decides.
    let moderation = format!("{one}/moderation");
    let approve = json!({"status": "APPROVED"});
    anyone.put(&moderation, &approve).send().await.problem(401, "UNAUTHENTICATED");
    asha.put(&moderation, &approve).send().await.problem(403, "FORBIDDEN");
    bina.put(&moderation, &approve).send().await.problem(404, "NOT_FOUND");
    admin.put(&moderation, &json!({"status": "PENDING"})).send().await.problem(422, "INVALID");
    for _ in 0..2 {
        assert_eq!(admin.put(&moderation, &approve).send().await.expect(200)["version"], 2);
    }
    let shown = anyone.read(&path).await["items"][0].clone();
    assert_eq!((&shown["id"], &shown["text"]), (&made["id"], &body["text"]));
    assert!(shown.get("userId").is_none() && shown.get("reason").is_none(), "a stranger learns who wrote it: {shown}");
    let product = format!("/api/products/{}", cup["id"].as_str().unwrap());
    assert_eq!(admin.read(&product).await["rating"], json!({"count": 1, "average": 4.0}));

    let reject = json!({"status": "REJECTED", "reason": "not about the cup"});
    assert_eq!(admin.put(&moderation, &reject).send().await.expect(200)["reason"], "not about the cup");
    assert_eq!(admin.read(&product).await["rating"], json!({"count": 0, "average": null}));
    assert_eq!(asha.read(&one).await["reason"], "not about the cup");
    anyone.get(&one).send().await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn of_a_crowd_of_twins_one_review_is_kept_and_the_rating_is_their_sum() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = product(&admin).await;
    let path = path(&cup);
    let asha = customer().await;
    let tries = (0..12).map(|_| {
        let (asha, path) = (asha.clone(), path.clone());
        async move { asha.post(&path, &json!({"rating": 5, "text": "x"})).send().await.status }
    });
    let mut statuses = futures_util::future::join_all(tries).await;
    statuses.sort_unstable();
    assert_eq!((statuses[0], statuses[1], statuses.len()), (201, 409, 12));

    for rating in [1, 2, 3] {
        customer().await.post(&path, &json!({"rating": rating, "text": "x"})).send().await.expect(201);
    }
    let pending = admin.read(&format!("{path}?status=PENDING")).await;
    let decisions = field(&pending, "id").into_iter().map(|id| {
        let (admin, path) = (admin.clone(), format!("/api/reviews/{}/moderation", id.as_str().unwrap()));
        async move { admin.put(&path, &json!({"status": "APPROVED"})).send().await.expect(200) }
    });
    futures_util::future::join_all(decisions).await;
    let rated = admin.read(&format!("/api/products/{}", cup["id"].as_str().unwrap())).await;
    assert_eq!(rated["rating"], json!({"count": 4, "average": 2.75}));
}

#[tokio::test]
async fn who_bought_is_marked_so() {
    let shop = shared();
    let admin = shop.admin().await;
    let cup = product(&admin).await;
    let asha = customer().await;
    let address = json!({"fullName": "A", "line1": "1", "city": "Pune", "postalCode": "411001", "country": "IN"});
    let order = json!({
        "items": [{"sku": cup["variants"][0]["sku"], "quantity": 1}], "shippingAddress": address, "payment": {"method": "COD"},
    });
    asha.post("/api/orders", &order).send().await.expect(201);
    let review = asha.post(&path(&cup), &json!({"rating": 5, "text": "x"})).send().await.expect(201);
    assert_eq!(review["verifiedPurchase"], true);
}

#[tokio::test]
async fn a_wishlist_is_its_owners() {
    let shop = shared();
    let (admin, anyone) = (shop.admin().await, shop.anyone());
    let (asha, bina) = (customer().await, customer().await);
    let (cup, bowl) = (product(&admin).await, product(&admin).await);
    let list = format!("/api/users/{}/wishlist", asha.user);
    let entry = |product: &Value| format!("{list}/{}", product["id"].as_str().unwrap());

    let added = asha.post("/api/users/me/wishlist", &json!({"productId": cup["id"]})).send().await;
    assert_eq!(added.header("location"), entry(&cup));
    assert_eq!(added.expect(201)["product"]["slug"], cup["slug"]);
    asha.post(&list, &json!({"productId": cup["id"]})).send().await.expect(200);
    asha.put(&entry(&bowl), &json!({})).send().await.expect(201);
    asha.put(&entry(&bowl), &json!({})).send().await.expect(200);
    assert_eq!(field(&asha.read(&list).await, "productId"), [bowl["id"].clone(), cup["id"].clone()], "newest first");
    let first = asha.read(&format!("{list}?limit=1")).await;
    let rest = asha.read(&format!("{list}?limit=1&cursor={}", first["nextCursor"].as_str().unwrap())).await;
    assert_eq!((field(&rest, "productId"), &rest["nextCursor"]), (vec![cup["id"].clone()], &Value::Null));

    for call in [bina.get(&list), bina.put(&entry(&cup), &json!({})), bina.delete(&entry(&cup))] {
        call.send().await.problem(404, "NOT_FOUND");
    }
    bina.post(&list, &json!({"productId": cup["id"]})).send().await.problem(404, "NOT_FOUND");
    anyone.get(&list).send().await.problem(401, "UNAUTHENTICATED");
    let nothing = json!({"productId": "01890000-0000-7000-8000-000000000000"});
    asha.post(&list, &nothing).send().await.problem(404, "NOT_FOUND");

    for _ in 0..2 {
        asha.delete(&entry(&cup)).send().await.expect(204);
    }
    assert_eq!(field(&admin.read(&list).await, "productId"), [bowl["id"].clone()]);
    admin.delete(&format!("/api/products/{}", bowl["id"].as_str().unwrap())).send().await.expect(204);
    assert_eq!(asha.read(&list).await["items"][0]["product"], Value::Null, "what is not sold any more has no card");
}
