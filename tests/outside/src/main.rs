//! Somebody else's program: one dependency, a few lines, and it sells.

use std::collections::BTreeMap;

use commerce_adapters::commerce_core::catalog::{ListProducts, NewProduct, NewVariant};
use commerce_adapters::commerce_core::page::PageRequest;
use commerce_adapters::commerce_core::{Actor, Currency, Money};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let shop = commerce_adapters::embedded(dir.path()).await?;
    let variant = NewVariant {
        sku: "TEA-100".into(),
        price: Money::new(25_000, Currency::INR),
        compare_at: None,
        options: BTreeMap::new(),
        stock: 3,
        weight_grams: Some(100),
        barcode: None,
        metadata: None,
    };
    let tea = NewProduct {
        name: "Nilgiri tea".into(),
        description: String::new(),
        slug: None,
        category: None,
        seller: None,
        status: None,
        variants: vec![variant],
        metadata: BTreeMap::new(),
        images: Vec::new(),
    };
    shop.catalog.create_product(&Actor::System, tea, None).await?;
    let products = shop.catalog.products(&Actor::Anonymous, ListProducts::default(), &PageRequest::first()).await?;
    assert_eq!(products.items.len(), 1);
    shop.close().await?;
    println!("an outside crate sells");
    Ok(())
}
