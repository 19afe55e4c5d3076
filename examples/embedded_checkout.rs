//! From register to mail in one program: no server, one directory.
//!
//! `cargo run -p commerce-adapters --example embedded_checkout`

use commerce_adapters::commerce_core::catalog::{NewProduct, NewVariant};
use commerce_adapters::commerce_core::orders::{AddressChoice, PaymentMethod, PlaceOrder};
use commerce_adapters::commerce_core::text::Metadata;
use commerce_adapters::commerce_core::users::{RawAddress, Register};
use commerce_adapters::commerce_core::{Actor, Currency, Money};
use serde_json::{from_value, json};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let shop = commerce_adapters::embedded(dir.path()).await?;

    // Something to sell: ten kurtas.
    let price = Money::new(149_900, Currency::INR);
    let variant: NewVariant = from_value(json!({ "sku": "KURTA-M", "price": price, "stock": 10 }))?;
    let kurta: NewProduct = from_value(json!({ "name": "Handloom kurta", "variants": [] }))?;
    shop.catalog.create_product(&Actor::System, NewProduct { variants: vec![variant], ..kurta }, None).await?;

    // Somebody to buy.
    let asha = Register {
        email: "asha@example.com".into(),
        password: "correct horse".into(),
        full_name: "Asha Rao".into(),
        phone: None,
        metadata: Metadata::new(),
    };
    let asha = Actor::Customer(shop.users.register(&Actor::Anonymous, asha, None).await?.into_inner().id);

    // An order of two, paid by card.
    let address: RawAddress = from_value(json!({
        "fullName": "Asha Rao", "line1": "12 MG Road", "city": "Bengaluru", "postalCode": "560001", "country": "IN",
    }))?;
    let wish = PlaceOrder {
        items: Some(vec![("KURTA-M".into(), 2)]),
        coupon_code: None,
        address: AddressChoice::Given(Box::new(address)),
        shipping_option: None,
        payment: Some((PaymentMethod::Card, Some("tok_ok".into()))),
        expected_total: None,
        metadata: Metadata::new(),
    };
    let order = shop.orders.place(&asha, wish, None).await?.into_inner();
    println!("{} is {} for {}", order.number, order.status, order.total);

    // Everything that follows: the stock is sold, the mails are written.
    shop.settle().await?;
    let stock = shop.catalog.inventory(&Actor::System, &"KURTA-M".parse()?).await?;
    println!("{} left on hand", stock.on_hand);
    shop.close().await?;
    for folder in std::fs::read_dir(dir.path().join("mail"))? {
        for mail in std::fs::read_dir(folder?.path())? {
            println!("mail {}", mail?.file_name().display());
        }
    }
    Ok(())
}
