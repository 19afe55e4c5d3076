//! Taxes and shipping prices from outside: set in the settings, told by a quote, charged by an order.

use commerce_tests::{Options, Server, address, cod, inr};
use serde_json::{Value, json};

/// Of what is shipped from Maharashtra, where [`address`] is; a parcel to elsewhere costs more.
fn options() -> Options {
    let taxes = r#"[{ name = "GST", rate = "18", gst_from = "MH", shipping = true }, { name = "VAT", rate = "5", countries = ["AE"], included = true }]"#;
    let shipping = r#"[
        { id = "post", name = "Post", tiers = [{ up_to_grams = 1000, price = 4000 }], countries = ["IN"], estimated_days = 4 },
        { id = "courier", name = "Courier", price = 20000, estimated_days = 2 },
    ]"#;
    let env = vec![
        ("COMMERCE_ORDERS__TAXES", taxes.to_owned()),
        ("COMMERCE_ORDERS__SHIPPING", shipping.to_owned()),
        ("COMMERCE_ORDERS__SHIPS_FROM", "IN-MH".to_owned()),
    ];
    Options { env, ..Options::default() }
}

fn to(country: &str, state: &str, lines: &[(&str, i64)]) -> Value {
    let mut body = cod(lines);
    body["shippingAddress"] = address();
    body["shippingAddress"]["country"] = json!(country);
    body["shippingAddress"]["state"] = json!(state);
    body
}

fn taxes(of: &Value) -> Vec<(&str, i64)> {
    let lines = of["taxLines"].as_array().expect("taxes are listed");
    let mut taxes = Vec::new();
    for line in lines {
        let (name, amount) = (line["name"].as_str(), line["amount"]["amount"].as_i64());
        taxes.push((name.expect("a tax has a name"), amount.expect("and an amount")));
    }
    taxes
}

#[tokio::test]
async fn a_quote_says_what_tax_and_shipping_an_order_will_cost() {
    let shop = Server::start_with(options());
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let sku = admin.product(49_900, 20).await.sku;
    let cases = [
        (
            "IN",
            "Maharashtra",
            vec![("CGST 9 %", 4_491), ("SGST 9 %", 4_491), ("CGST 9 %", 360), ("SGST 9 %", 360)],
            4_000,
            63_602,
        ),
        ("IN", "KA", vec![("IGST 18 %", 8_982), ("IGST 18 %", 720)], 4_000, 63_602),
        ("AE", "", vec![("VAT 5 %", 2_376)], 20_000, 69_900),
    ];
    for (country, state, expected, shipping, total) in cases {
        let body = to(country, state, &[(&sku, 1)]);
        let quote = buyer.post("/api/orders/quote", &body).send().await.expect(200);
        assert_eq!((taxes(&quote), &quote["shipping"], &quote["total"]), (expected, &inr(shipping), &inr(total)), "{quote}");
        let ways = quote["shippingOptions"].as_array().expect("ways to ship");
        assert_eq!(ways.len(), if country == "IN" { 2 } else { 1 });
        let mut body = body;
        body["expectedTotal"] = quote["total"].clone();
        let order = buyer.post("/api/orders", &body).send().await.expect(201);
        assert_eq!(
            (&order["taxLines"], &order["lines"], &order["total"]),
            (&quote["taxLines"], &quote["lines"], &quote["total"])
        );
        assert_eq!(
            buyer.read(&format!("/api/orders/{}", order["id"].as_str().expect("an id"))).await["taxLines"],
            quote["taxLines"]
        );
    }
    let mut body = to("AE", "", &[(&sku, 1)]);
    body["shippingOptionId"] = json!("post");
    buyer.post("/api/orders", &body).send().await.invalid("shippingOptionId");
    buyer.post("/api/orders/quote", &to("IN", "Bavaria", &[(&sku, 1)])).send().await.invalid("shippingAddress.state");
    let audit = shop.run(&["audit"]);
    assert_eq!(audit.code, 0, "{audit:?}");
}
