//! Merchants beside each other: whose shop, whose pictures, and what becomes of what others point to.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use commerce_tests::{Answer, Client, Server, inr, shared, unique};
use reqwest::Method;
use serde_json::{Value, json};

/// A red dot.
const DOT: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/// The largest picture, in bytes.
const LARGEST: usize = 10 * 1024 * 1024;

fn product(name: &str) -> Value {
    json!({"name": name, "description": "A fine thing", "variants": [{"sku": unique("M"), "price": inr(1_000), "stock": 5}]})
}

fn id(made: &Value) -> &str {
    made["id"].as_str().unwrap()
}

/// A user with a seller of her own.
async fn seller(shop: &Server, admin: &Client) -> Client {
    let user = shop.customer().await;
    admin.put(&format!("/api/users/{}/role", user.user), &json!({"role": "SELLER"})).send().await.expect(200);
    user
}

async fn upload(client: &Client, product: &str, padding: usize) -> Answer {
    let head = "--XX\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.png\"\r\ncontent-type: image/png\r\n\r\n";
    let dot = STANDARD.decode(DOT).unwrap();
    let form = [head.as_bytes(), &dot, &vec![b' '; padding], b"\r\n--XX--\r\n"].concat();
    let call = client.call(Method::POST, &format!("/api/products/{product}/images"));
    call.header("content-type", "multipart/form-data; boundary=XX").bytes(form).send().await
}

/// How the only picture of a product is reached, and what it is called.
async fn picture(client: &Client, product: &str) -> (String, String) {
    let image = client.read(&format!("/api/products/{product}")).await["images"][0].clone();
    (image["url"].as_str().unwrap().to_owned(), id(&image).to_owned())
}

#[tokio::test]
async fn a_shop_that_is_handed_over_is_no_longer_its_former_owners() {
    let shop = shared();
    let admin = shop.admin().await;
    let (asha, bina) = (shop.customer().await, shop.customer().await);
    let name = unique("Lane");
    let made = admin.post("/api/sellers", &json!({"name": name, "userId": asha.user})).send().await.expect(201);
    let path = format!("/api/sellers/{}", id(&made));
    let theirs = asha.post("/api/products", &product("Theirs")).send().await.expect(201);
    let (goods, change) = (format!("/api/products/{}", id(&theirs)), json!({"name": "Renamed"}));

    let nobody = json!({"name": "Other", "userId": "11111111-1111-4111-8111-111111111111"});
    admin.put(&path, &nobody).send().await.any_problem(404);
    let same = shop.anyone().read(&path).await;
    assert_eq!((&same["name"], &same["userId"]), (&json!(name), &json!(asha.user)), "nothing was written");
    let version = admin.put(&path, &json!({"name": name, "userId": asha.user})).send().await.expect(200)["version"].clone();
    assert_eq!(version, same["version"], "nothing was changed");

    admin.put(&path, &json!({"name": name, "userId": bina.user})).send().await.expect(200);
    asha.patch(&goods, &change).header("if-match", "*").send().await.problem(403, "FORBIDDEN");
    asha.post("/api/products", &product("Hers")).send().await.problem(403, "FORBIDDEN");
    asha.put(&path, &json!({"name": "Mine"})).send().await.problem(403, "FORBIDDEN");
    assert_eq!(admin.read(&format!("/api/users/{}", asha.user)).await["role"], "CUSTOMER");
    bina.patch(&goods, &change).header("if-match", "*").send().await.expect(200);

    admin.put(&path, &json!({"name": name, "userId": null})).send().await.expect(200);
    bina.post("/api/products", &product("Hers")).send().await.problem(403, "FORBIDDEN");
}

#[tokio::test]
async fn nobody_runs_two_shops() {
    let shop = shared();
    let admin = shop.admin().await;
    let (asha, bina) = (shop.customer().await, shop.customer().await);
    let run_by = |user: &Client| json!({"name": unique("Lane"), "userId": user.user});
    let make = async |user: &Client| admin.post("/api/sellers", &run_by(user)).send().await;
    let path = |made: &Value| format!("/api/sellers/{}", id(made));
    let taken = |answer: Answer| assert_eq!(answer.problem(409, "OWNER_TAKEN")["errors"][0]["field"], "userId");
    let (first, second) = (make(&asha).await.expect(201), make(&bina).await.expect(201));
    taken(make(&asha).await);
    taken(admin.put(&path(&second), &run_by(&asha)).send().await);
    let kept = shop.anyone().read(&path(&second)).await;
    assert_eq!(kept, second, "nothing was written");
    for (user, hers) in [(&asha, &first), (&bina, &second)] {
        assert_eq!(user.post("/api/products", &product("Hers")).send().await.expect(201)["sellerId"], hers["id"]);
    }
    // A seller of her own is one, too.
    let own = seller(&shop, &admin).await;
    taken(make(&own).await);

    admin.put(&path(&first), &json!({"name": unique("Lane")})).send().await.expect(200);
    admin.put(&path(&second), &run_by(&asha)).send().await.expect(200);
    assert_eq!(asha.post("/api/products", &product("Hers")).send().await.expect(201)["sellerId"], second["id"]);
    bina.post("/api/products", &product("Hers")).send().await.problem(403, "FORBIDDEN");

    for _ in 0..5 {
        let user = shop.customer().await;
        let (one, other) = tokio::join!(make(&user), make(&user));
        let (made, refused) = if one.status == 201 { (one, other) } else { (other, one) };
        taken(refused);
        assert_eq!(user.post("/api/products", &product("Hers")).send().await.expect(201)["sellerId"], made.expect(201)["id"]);
    }
}

#[tokio::test]
async fn what_another_seller_did_with_a_product_stays_hers() {
    let shop = shared();
    let admin = shop.admin().await;
    let (one, other) = (seller(&shop, &admin).await, seller(&shop, &admin).await);
    let made = one.post("/api/products", &product("Given")).send().await.expect(201);
    let stock = format!("/api/inventory/{}", made["variants"][0]["sku"].as_str().unwrap());
    let (adjust, ledger) = (format!("{stock}/adjust"), format!("{stock}/ledger"));
    one.post(&adjust, &json!({"delta": 1, "reason": "a secret"})).send().await.expect(200);
    let whose = admin.read(&format!("/api/users/{}", other.user)).await["sellerId"].clone();
    let given = admin.patch(&format!("/api/products/{}", id(&made)), &json!({"sellerId": whose}));
    given.header("if-match", "*").send().await.expect(200);

    one.get(&ledger).send().await.any_problem(404);
    let theirs = other.read(&ledger).await;
    assert_eq!((theirs["items"].as_array().unwrap().len(), &theirs["nextCursor"]), (1, &Value::Null), "{theirs}");
    assert_eq!(theirs["items"][0]["reason"], "came to another seller");
    assert_eq!(admin.read(&ledger).await["items"].as_array().unwrap().len(), 3);
    assert_eq!(other.read(&stock).await["onHand"], 6);
}

/// The two contexts hear of it one after the other: what was cut off in between is made whole by the same request.
#[tokio::test]
async fn who_runs_a_shop_is_said_again_by_the_same_request() {
    let shop = shared();
    let admin = shop.admin().await;
    let (asha, bina) = (shop.customer().await, shop.customer().await);
    let runs = |user: &Client| json!({"name": "Lane", "userId": user.user});
    let made = admin.post("/api/sellers", &runs(&asha)).send().await.expect(201);
    let path = format!("/api/sellers/{}", id(&made));
    admin.put(&format!("/api/users/{}/role", asha.user), &json!({"role": "CUSTOMER"})).send().await.expect(200);
    asha.post("/api/products", &product("Hers")).send().await.problem(403, "FORBIDDEN");
    admin.put(&path, &runs(&asha)).send().await.expect(200);
    let hers = asha.post("/api/products", &product("Hers")).send().await.expect(201);
    assert_eq!(hers["sellerId"], made["id"]);

    // Her role given back is for the shop that she still runs.
    for role in ["CUSTOMER", "SELLER"] {
        admin.put(&format!("/api/users/{}/role", asha.user), &json!({"role": role})).send().await.expect(200);
    }
    assert_eq!(asha.post("/api/products", &product("Hers")).send().await.expect(201)["sellerId"], made["id"]);

    // Whoever was erased hands over nothing, and stands in nobody's way.
    asha.delete("/api/users/me").send().await.expect(204);
    admin.put(&path, &runs(&bina)).send().await.expect(200);
    bina.patch(&format!("/api/products/{}", id(&hers)), &json!({"name": "Ours"}))
        .header("if-match", "*")
        .send()
        .await
        .expect(200);
}

#[tokio::test]
async fn a_picture_is_its_own_products() {
    let shop = shared();
    let admin = shop.admin().await;
    let (one, other) = (seller(&shop, &admin).await, seller(&shop, &admin).await);
    let hers = one.post("/api/products", &product("Hers")).send().await.expect(201);
    upload(&one, id(&hers), 0).await.expect(201);
    let (url, image) = picture(&one, id(&hers)).await;

    let mut body = product("Copied");
    body["images"] = json!([{"url": url}]);
    let copy = other.post("/api/products", &body).send().await.expect(201);
    let (same, link) = picture(&other, id(&copy)).await;
    assert_eq!(same, url);
    other.delete(&format!("/api/products/{}/images/{link}", id(&copy))).send().await.expect(204);
    assert_eq!(shop.anyone().get(&url).send().await.status, 200, "it is still shown");

    one.delete(&format!("/api/products/{}/images/{image}", id(&hers))).send().await.expect(204);
    shop.anyone().get(&url).send().await.any_problem(404);
}

#[tokio::test]
async fn pictures_that_are_said_to_be_none_go() {
    let shop = shared();
    let admin = shop.admin().await;
    let made = admin.post("/api/products", &product("Shown")).send().await.expect(201);
    let path = format!("/api/products/{}", id(&made));
    for (method, images) in [(Method::PUT, json!([])), (Method::PATCH, Value::Null)] {
        upload(&admin, id(&made), 0).await.expect(201);
        let (url, _) = picture(&admin, id(&made)).await;
        let shown = admin.read(&path).await;
        let mut unsaid = shown.clone();
        unsaid.as_object_mut().unwrap().remove("images");
        let kept = admin.put(&path, &unsaid).header("if-match", "*").send().await.expect(200);
        assert_eq!(kept["images"].as_array().unwrap().len(), 1, "who says nothing of them keeps them");
        let body = if method == Method::PUT {
            let mut body = shown;
            body["images"] = images;
            body
        } else {
            json!({ "images": images })
        };
        let bare = admin.call(method, &path).json(&body).header("if-match", "*").send().await.expect(200);
        assert_eq!(bare["images"], json!([]));
        shop.anyone().get(&url).send().await.any_problem(404);
    }
}

#[tokio::test]
async fn a_picture_may_have_all_the_bytes_that_it_may() {
    let shop = shared();
    let admin = shop.admin().await;
    let made = admin.product(1_000, 1).await;
    let room = LARGEST - STANDARD.decode(DOT).unwrap().len();
    upload(&admin, &made.id, room).await.expect(201);
    for more in [room + 1, LARGEST, 2 * LARGEST] {
        upload(&admin, &made.id, more).await.problem(413, "BODY_TOO_LARGE");
    }
}

#[tokio::test]
async fn who_may_not_change_a_product_is_told_so_whatever_she_sends() {
    let shop = shared();
    let admin = shop.admin().await;
    let path = format!("/api/products/{}", admin.product(1_000, 1).await.id);
    let (customer, other) = (shop.customer().await, seller(&shop, &admin).await);
    for method in [Method::PUT, Method::PATCH] {
        for body in [json!({"name": "Mine"}), json!({"nmae": 5})] {
            customer.call(method.clone(), &path).json(&body).send().await.problem(403, "FORBIDDEN");
            other.call(method.clone(), &path).json(&body).send().await.any_problem(404);
        }
    }
    admin.patch(&path, &json!({"name": "Mine"})).send().await.problem(428, "VERSION_REQUIRED");
}

#[tokio::test]
async fn an_id_is_text() {
    let shop = shared();
    let admin = shop.admin().await;
    let made = admin.post("/api/categories", &json!({"name": unique("Ids")})).send().await.expect(201);
    let bytes = hex::decode(id(&made).replace('-', "")).unwrap();
    for list in [json!(bytes), json!([])] {
        let below = json!({"name": unique("Below"), "parentId": list});
        admin.post("/api/categories", &below).send().await.problem(400, "WRONG_TYPE");
        let mut within = product("Within");
        within["categoryId"] = list.clone();
        admin.post("/api/products", &within).send().await.problem(400, "WRONG_TYPE");
        admin.post("/api/users/me/wishlist", &json!({ "productId": list })).send().await.problem(400, "WRONG_TYPE");
    }
    let below = json!({"name": unique("Below"), "parentId": "no id"});
    admin.post("/api/categories", &below).send().await.invalid("parentId");
}

#[tokio::test]
async fn what_was_wished_for_stays_when_it_is_no_longer_sold() {
    let shop = shared();
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let made = admin.product(1_000, 1).await;
    let (list, wish) = ("/api/users/me/wishlist", json!({"productId": made.id}));
    let first = buyer.post(list, &wish).key("wish").send().await.expect(201);
    admin.delete(&format!("/api/products/{}", made.id)).send().await.expect(204);
    let again = buyer.post(list, &wish).key("wish").send().await;
    assert_eq!((again.header("idempotent-replayed"), &again.expect(200)["addedAt"]), ("true", &first["addedAt"]));
    buyer.post(list, &wish).send().await.expect(200);
    buyer.put(&format!("{list}/{}", made.id), &json!({})).send().await.expect(200);
    shop.customer().await.post(list, &wish).send().await.any_problem(404);
}

/// Whoever is first: a product is never in a category that is gone.
#[tokio::test]
async fn a_category_does_not_go_while_a_product_comes() {
    let shop = shared();
    let admin = shop.admin().await;
    for _ in 0..12 {
        let category = admin.post("/api/categories", &json!({"name": unique("Gone")})).send().await.expect(201);
        let mut body = product("Late");
        body["categoryId"] = category["id"].clone();
        let path = format!("/api/categories/{}", id(&category));
        let (made, gone) = tokio::join!(admin.post("/api/products", &body).send(), admin.delete(&path).send());
        match (made.status, gone.status) {
            (201, 409) => _ = gone.problem(409, "IN_USE"),
            (422, 204) => _ = made.invalid("categoryId"),
            other => panic!("{other:?}: {} {}", made.text(), gone.text()),
        }
    }
}

#[tokio::test]
async fn a_product_is_found_by_a_slug_that_looks_like_an_id() {
    let shop = shared();
    let admin = shop.admin().await;
    let slug = "0193d5a0-0000-7000-8000-00000000000a";
    let mut body = product("Odd");
    body["slug"] = json!(slug);
    let made = admin.post("/api/products", &body).send().await.expect(201);
    assert_eq!(shop.anyone().read(&format!("/api/products/{slug}")).await["id"], made["id"]);
}
