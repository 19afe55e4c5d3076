//! What a browser asks for besides the API: pages, products by name, uploaded pictures.

use commerce_core::users::Role;

use crate::support::{RED, Shop};

#[tokio::test]
async fn a_shop_has_pages_for_people() {
    let shop = Shop::open().await;
    for path in ["/", "/cart", "/products/anything", "/admin", "/admin/products/new"] {
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
