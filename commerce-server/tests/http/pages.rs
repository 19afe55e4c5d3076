//! What a browser asks for besides the API: pages, products by name, uploaded pictures.

use commerce_core::users::Role;
use serde_json::{Value, json};

use crate::support::{RED, Shop, order};

#[tokio::test]
async fn a_shop_has_pages_for_people() {
    let shop = Shop::open().await;
    let admin = ["/admin", "/admin/products/new", "/admin/coupons", "/admin/coupons/SAVE10", "/admin/new-coupon", "/admin/log"];
    for path in ["/", "/cart", "/products/anything"].iter().chain(&admin) {
        let page = shop.ask("GET", path).send().await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert!(page.header("content-security-policy").contains("img-src 'self' https: data:"), "{path}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
    }
    let nowhere = shop.ask("GET", "/nowhere").header("accept", "text/html").send().await;
    assert_eq!((nowhere.status.as_u16(), nowhere.header("content-type")), (404, "text/html; charset=utf-8"));
    assert_eq!(shop.ask("GET", "/nowhere").send().await.refused(404), "NOT_FOUND");
    assert_eq!(shop.ask("POST", "/cart").send().await.refused(405), "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn a_product_is_found_by_its_name() {
    let shop = Shop::open().await;
    let admin = shop.login("admin", Role::Admin).await;
    let product = shop.stock(&admin, "A", 3).await;
    let slug = product["slug"].as_str().unwrap();
    let found = shop.ask("GET", &format!("/api/products/{slug}")).send().await.expect(200);
    assert_eq!(found.body["id"], product["id"]);
    assert_eq!(shop.ask("GET", "/api/products/no-such-name").send().await.refused(404), "NOT_FOUND");
    assert_eq!(shop.ask("GET", "/api/products/No%20Name").send().await.refused(404), "NOT_FOUND");
}

#[tokio::test]
async fn an_uploaded_picture_is_where_its_product_says() {
    let shop = Shop::open().await;
    let admin = shop.login("admin", Role::Admin).await;
    let product = shop.stock(&admin, "A", 3).await;
    let mut form = b"--X\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n".to_vec();
    form.extend_from_slice(RED);
    form.extend_from_slice(b"\r\n--X--\r\n");
    let path = format!("/api/products/{}/images", product["id"].as_str().unwrap());
    let upload = shop.ask("POST", &path).token(&admin).header("content-type", "multipart/form-data; boundary=X").raw(form);
    let url = upload.send().await.expect(201).body["url"].as_str().unwrap().to_owned();
    let picture = shop.ask("GET", &url).send().await;
    assert_eq!((picture.status.as_u16(), picture.header("content-type")), (200, "image/png"));
    assert!(picture.header("cache-control").contains("immutable"));
    assert_eq!(shop.ask("GET", "/images/nothing.png").send().await.refused(404), "NOT_FOUND");
}

/// What the page of a coupon sends: every field, empty ones as nothing.
fn coupon(code: &str) -> Value {
    json!({
        "code": code, "type": "PERCENTAGE", "value": 10, "maximumDiscount": null, "minimumSubtotal": null, "usageLimit": null,
        "perUserLimit": null, "startsAt": null, "endsAt": null, "categoryIds": [], "productIds": [], "combinable": false,
    })
}

#[tokio::test]
async fn what_the_pages_of_coupons_ask_is_answered() {
    let shop = Shop::open().await;
    let admin = shop.login("admin", Role::Admin).await;
    let first = shop.get("/api/coupons?limit=50", &admin).await.expect(200);
    assert_eq!((&first.body["items"], &first.body["nextCursor"]), (&json!([]), &Value::Null));
    assert_eq!(shop.get("/api/coupons/SAVE10", &admin).await.refused(404), "NOT_FOUND");
    let made = shop.post("/api/coupons", &admin, coupon("SAVE10")).await.expect(201).body;
    shop.post("/api/coupons", &admin, coupon("LATER")).await.expect(201);
    let page = shop.get("/api/coupons?limit=1", &admin).await.expect(200).body;
    let rest = shop.get(&format!("/api/coupons?limit=1&cursor={}", page["nextCursor"].as_str().unwrap()), &admin).await;
    assert_eq!((&page["items"][0]["code"], &rest.body["items"][0]["code"]), (&json!("LATER"), &json!("SAVE10")));
    let hostile = shop.post("/api/coupons", &admin, coupon("<b>")).await;
    assert_eq!((hostile.refused(422), &hostile.body["errors"][0]["field"]), ("INVALID", &json!("code")));

    // Switched off: the same coupon with an end that has come.
    let mut body = made.clone();
    for shown in ["usedCount", "createdAt", "version"] {
        body.as_object_mut().unwrap().remove(shown);
    }
    body["endsAt"] = json!("2020-01-01T00:00:00.000Z");
    let put =
        |version: &'static str| shop.ask("PUT", "/api/coupons/SAVE10").token(&admin).header("if-match", version).json(&body);
    let off = put("\"1\"").send().await.expect(200).body;
    assert_eq!((&off["value"], &off["version"]), (&json!(10), &json!(2)));
    assert_eq!(put("\"1\"").send().await.refused(412), "VERSION_MISMATCH");
    shop.stock(&admin, "A", 3).await;
    let mut order = order("A", 1, "COD");
    order["couponCode"] = json!("SAVE10");
    assert_eq!(shop.post("/api/orders", &admin, order).await.refused(422), "COUPON_NOT_APPLICABLE");
    let remove = || shop.ask("DELETE", "/api/coupons/SAVE10").token(&admin).header("if-match", "\"2\"");
    remove().send().await.expect(204);
    assert_eq!(remove().send().await.refused(404), "NOT_FOUND");
    let customer = shop.login("asha", Role::Customer).await;
    assert_eq!(shop.get("/api/coupons?limit=50", &customer).await.refused(403), "FORBIDDEN");
}

#[tokio::test]
async fn what_the_page_of_the_log_asks_is_answered() {
    let shop = Shop::open().await;
    let admin = shop.login("admin", Role::Admin).await;
    for name in ["a", "b", "c"] {
        shop.login(name, Role::Seller).await;
    }
    let mut page = shop.get("/api/staff-log?limit=2", &admin).await.expect(200).body;
    let mut entries = page["items"].as_array().unwrap().clone();
    while let Some(cursor) = page["nextCursor"].as_str() {
        page = shop.get(&format!("/api/staff-log?limit=2&cursor={cursor}"), &admin).await.expect(200).body;
        entries.extend(page["items"].as_array().unwrap().clone());
    }
    assert!(entries.len() > 2 && entries.iter().all(|entry| entry["intact"] == true), "{entries:?}");
    assert!(entries.windows(2).all(|pair| pair[0]["previous"] == pair[1]["hash"]), "{entries:?}");
    let first = entries.last().unwrap();
    assert_eq!((&first["position"], first["previous"].as_str()), (&json!(1), Some("0".repeat(64).as_str())));
    let none = shop.get("/api/staff-log?limit=50&action=COUPON_DELETED", &admin).await.expect(200);
    assert_eq!(none.body["items"], json!([]));
    let wrong = shop.get("/api/staff-log?limit=50&actor=%3Cscript%3E", &admin).await;
    assert_eq!(wrong.body["errors"][0]["field"], "actor", "{}", wrong.text);
}
