//! Product files, through the reader of `product import`.

use std::collections::BTreeSet;

use commerce_cli::fuzzing::{Imported, read_products};
use commerce_core::text::{Sku, Slug};
use commerce_core::{Currency, Money, limits};
use serde_json::Value;

/// Shopify's and plain CSV, told by the header as the command does.
pub fn import_csv(bytes: &[u8]) {
    match read_products("products.csv", bytes, Currency::INR) {
        Ok(imported) => {
            for product in imported.products.iter().map(|(_, product)| product) {
                prices_in_range(product);
            }
            taken(&imported, bytes);
        }
        Err(code) => assert!(
            matches!(code.as_str(), "EMPTY_FILE" | "UNKNOWN_FORMAT" | "MISSING_COLUMN" | "ENCODING" | "UNREADABLE"),
            "{code}"
        ),
    }
}

/// JSON lines.
pub fn import_jsonl(bytes: &[u8]) {
    match read_products("products.jsonl", bytes, Currency::INR) {
        Ok(imported) => taken(&imported, bytes),
        Err(code) => assert_eq!(code, "ENCODING"),
    }
}

/// SKUs and slugs are there once; everything that is left out is named with its line; and what was
/// taken is taken again, the same, when it is written as JSON lines.
fn taken(imported: &Imported, bytes: &[u8]) {
    let lines = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64 + 1;
    let mut skus = BTreeSet::new();
    for (line, product) in &imported.products {
        assert!((1..=lines).contains(line), "line {line} of {lines}");
        assert!(product["slug"].as_str().is_some_and(|slug| slug.parse::<Slug>().is_ok()), "{product}");
        let variants = product["variants"].as_array().expect("a product has variants");
        assert!(!variants.is_empty(), "{product}");
        for sku in variants.iter().map(|variant| variant["sku"].as_str().unwrap_or_default()) {
            assert!(sku.parse::<Sku>().is_ok() && skus.insert(sku.to_owned()), "{sku} in {product}");
        }
    }
    for (line, reason) in &imported.left_out {
        assert!((1..=lines + 1).contains(line) && !reason.is_empty(), "line {line} of {lines}: {reason}");
    }
    let mut slugs = BTreeSet::new();
    let once: Vec<&Value> = imported
        .products
        .iter()
        .map(|(_, product)| product)
        .filter(|product| slugs.insert(product["slug"].to_string()))
        .collect();
    let written = once.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let back = read_products("products.jsonl", written.as_bytes(), Currency::INR).expect("JSON lines are read");
    assert_eq!(back.left_out, [], "{written}");
    let back: Vec<&Value> = back.products.iter().map(|(_, product)| product).collect();
    assert_eq!(back, once);
}

fn prices_in_range(product: &Value) {
    for variant in product["variants"].as_array().into_iter().flatten() {
        let price: Money = serde_json::from_value(variant["price"].clone()).expect("a price is money");
        assert!((0..=limits::PRICE_MAX_MINOR).contains(&price.minor) && price.currency == Currency::INR, "{variant}");
        assert!(variant["stock"].as_i64().is_some_and(|stock| (0..=limits::STOCK_MAX).contains(&stock)), "{variant}");
    }
}
