//! What is measured on: products with words people search for, and a thousand searches.

use std::collections::{BTreeMap, BTreeSet};

use commerce_core::catalog::{ImportProduct, NewProduct, NewVariant, ProductStatus};
use commerce_core::ids::CategoryId;
use commerce_core::text::{Metadata, slugify};
use commerce_core::{Currency, Money};

use super::draw::Draw;

/// Distinct searches.
pub(crate) const QUERIES: usize = 1_000;
/// Units of every SKU: more than any run can sell.
const STOCK: i64 = 900_000_000;

const ADJECTIVES: &[&str] = &[
    "Classic", "Modern", "Vintage", "Slim", "Relaxed", "Heavy", "Light", "Quilted", "Striped", "Plain", "Washed", "Organic",
    "Recycled", "Everyday", "Evening", "Travel", "Urban", "Alpine", "Coastal", "Nordic",
];
const COLOURS: &[&str] = &[
    "Blue", "Red", "Green", "Black", "White", "Grey", "Navy", "Olive", "Sand", "Coral", "Teal", "Amber", "Ivory", "Plum", "Rust",
];
const MATERIALS: &[&str] =
    &["Cotton", "Linen", "Wool", "Silk", "Denim", "Leather", "Canvas", "Fleece", "Bamboo", "Cashmere", "Corduroy", "Velvet"];
const THINGS: &[&str] = &[
    "Shirt", "Jacket", "Trousers", "Skirt", "Dress", "Jumper", "Scarf", "Cap", "Bag", "Belt", "Shoes", "Boots", "Gloves",
    "Socks", "Coat", "Blouse", "Backpack", "Wallet", "Blanket", "Cushion",
];
const PHRASES: &[&str] = &[
    "Made to be worn for years.",
    "The cut is generous and the seams are doubled.",
    "Keeps its shape after many washes.",
    "Comes in a bag made of its own cloth.",
    "A favourite of those who walk to work.",
    "Warm enough for autumn, thin enough to pack.",
    "Buttons of corozo nut, thread of recycled polyester.",
    "Dyed in small lots, so no two are quite alike.",
];
/// Category names; every thing belongs to one.
pub(crate) const CATEGORIES: &[&str] = &["Tops", "Outerwear", "Bottoms", "Accessories", "Shoes", "Home"];

/// Product number `index`, the same for the same seed.
pub(crate) fn product(index: usize, categories: &[Option<CategoryId>], currency: Currency) -> ImportProduct {
    let mut draw = Draw::new(index as u64 + 1);
    let (colour, material, thing) = (draw.of(COLOURS), draw.of(MATERIALS), draw.of(THINGS));
    let name = format!("{} {colour} {material} {thing} {index}", draw.of(ADJECTIVES));
    let description = format!("{} {} {}", draw.of(PHRASES), draw.of(PHRASES), draw.of(PHRASES));
    let price = Money::new(500 + i64::try_from(draw.below(20_000)).unwrap_or(0), currency);
    let sizes: &[&str] = if index.is_multiple_of(2) { &["S", "M", "L"] } else { &["One size"] };
    let variant = |size: &&str| NewVariant {
        sku: sku(index, size),
        price,
        compare_at: None,
        options: if sizes.len() > 1 { BTreeMap::from([("Size".to_owned(), (*size).to_owned())]) } else { BTreeMap::new() },
        stock: STOCK,
        weight_grams: Some(300),
        barcode: None,
        metadata: None,
    };
    let category = categories.get(draw.below(categories.len().max(1))).copied().flatten();
    let product = NewProduct {
        slug: None,
        description,
        category,
        seller: None,
        status: Some(ProductStatus::Active),
        variants: sizes.iter().map(variant).collect(),
        metadata: Metadata::new(),
        images: Vec::new(),
        name,
    };
    ImportProduct::whole(slugify(&format!("bench {index}")), product)
}

/// The first SKU of product number `index`.
pub(crate) fn first_sku(index: usize) -> String {
    sku(index, if index.is_multiple_of(2) { "S" } else { "One size" })
}

/// The product that a flash sale sells, with few units.
pub(crate) fn flash_product(units: i64, currency: Currency) -> ImportProduct {
    let ImportProduct { mut product, .. } = product(0, &[], currency);
    "Flash Sale Shirt".clone_into(&mut product.name);
    product.variants.truncate(1);
    if let Some(variant) = product.variants.first_mut() {
        FLASH_SKU.clone_into(&mut variant.sku);
        variant.stock = units;
        variant.options.clear();
    }
    ImportProduct::whole(slugify(FLASH_SKU), product)
}

/// What a flash sale sells.
pub(crate) const FLASH_SKU: &str = "FLASH-1";

/// Searches as people type them: one to three words, some cut short or with a letter wrong.
pub(crate) fn queries() -> Vec<String> {
    let mut draw = Draw::new(42);
    let mut seen = BTreeSet::new();
    let mut queries = Vec::with_capacity(QUERIES);
    while queries.len() < QUERIES {
        let mut words: Vec<String> = vec![draw.of(THINGS).to_lowercase()];
        if draw.below(4) > 0 {
            words.insert(0, draw.of(COLOURS).to_lowercase());
        }
        if draw.below(2) > 0 {
            words.insert(0, draw.of(MATERIALS).to_lowercase());
        }
        if draw.below(8) == 0
            && let Some(word) = words.first_mut().filter(|word| word.len() > 5)
        {
            word.remove(2);
        }
        let query = words.join(" ");
        if seen.insert(query.clone()) {
            queries.push(query);
        }
    }
    queries
}

fn sku(index: usize, size: &str) -> String {
    if size.len() == 1 { format!("B{index:05}-{size}") } else { format!("B{index:05}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_the_same_every_time() {
        assert_eq!(product(17, &[], Currency::INR), product(17, &[], Currency::INR));
        assert_eq!(product(17, &[], Currency::INR).product.variants[0].sku, first_sku(17));
        assert_eq!(queries().len(), QUERIES);
    }
}
