//! The way of one purchase through a shop, however that is made up.

use serde_json::json;

use crate::mail::mails;
use crate::server::Server;
use crate::shop::address;
use crate::wait::eventually;

/// One purchase from register to logout: cart, card, sale, mails, delivery, each as the contract says.
pub async fn purchase(shop: &Server) {
    let (admin, customer) = (shop.admin().await, shop.customer().await);
    let product = admin.product(49_900, 5).await;
    customer.post("/api/cart/me", &json!({"sku": product.sku, "quantity": 2})).send().await.expect(200);
    customer.post("/api/users/me/addresses", &address()).send().await.expect(201);
    let body = json!({"payment": {"method": "CARD", "token": "tok_ok"}});
    let order = customer.post("/api/orders", &body).key("once").send().await.expect(201);
    assert_eq!((&order["status"], &order["payment"]["status"]), (&json!("CONFIRMED"), &json!("CAPTURED")));
    let again = customer.post("/api/orders", &body).key("once").send().await;
    assert_eq!(again.expect(200)["id"], order["id"]);
    assert_eq!(again.header("idempotent-replayed"), "true");

    let sold = || admin.stock(&product.sku);
    eventually("the hold becomes a sale", sold, |stock| *stock == (3, 0, 3)).await;
    let cart = || customer.read("/api/cart/me");
    eventually("the cart is emptied", cart, |cart| cart["lines"] == json!([])).await;
    let told = async || mails(&shop.data()).iter().filter(|mail| mail.to.contains(&customer.email)).count();
    eventually("she is told that she registered, ordered and paid", told, |count| *count >= 4).await;
    let path = format!("/api/orders/{}/status", order["id"].as_str().expect("an order has an id"));
    for status in ["PROCESSING", "SHIPPED", "OUT_FOR_DELIVERY", "DELIVERED"] {
        admin.patch(&path, &json!({"status": status})).send().await.expect(200);
    }
    let found = admin.read(&format!("/api/orders?email={}", customer.email)).await;
    assert_eq!(found["items"][0]["id"], order["id"], "orders ask users who has a mail address");
    let logout = customer.post("/api/auth/logout", &json!({})).send().await;
    logout.expect(204);
    customer.get("/api/orders").send().await.problem(401, "UNAUTHENTICATED");
}
