//! Products, categories and sellers as a server shows them, as far as imports and exports look at them.

use std::collections::BTreeMap;

use commerce_core::catalog::{Image, Product, ProductStatus, Rating, Variant};
use commerce_core::ids::{CategoryId, ImageId, ProductId, SellerId};
use commerce_core::text::{Metadata, Sku, Slug};
use commerce_core::{Money, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::Failure;

/// What a server answered.
///
/// # Errors
/// `UNREADABLE`, when it is no such thing.
pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value)
        .map_err(|error| Failure::new("UNREADABLE", format!("the server's answer is not understood: {error}")))
}

/// A category.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Category {
    pub id: CategoryId,
    pub slug: Slug,
    pub name: String,
    pub parent_id: Option<CategoryId>,
}

/// A seller.
#[derive(Deserialize)]
pub(super) struct Seller {
    pub id: SellerId,
    pub slug: Slug,
    pub name: String,
}

/// A product.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    id: ProductId,
    slug: Slug,
    name: String,
    description: String,
    status: ProductStatus,
    category_id: Option<CategoryId>,
    seller_id: SellerId,
    variants: Vec<ShownVariant>,
    images: Vec<ShownImage>,
    metadata: Metadata,
    version: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ShownVariant {
    sku: Sku,
    price: Money,
    compare_at_price: Option<Money>,
    options: BTreeMap<String, String>,
    weight_grams: Option<u32>,
    barcode: Option<String>,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct ShownImage {
    id: ImageId,
    url: String,
    alt: String,
}

impl From<Shown> for Product {
    fn from(shown: Shown) -> Self {
        let Shown { id, slug, name, description, status, category_id, seller_id, variants, images, metadata, version } = shown;
        let variant = |variant: ShownVariant| {
            let ShownVariant { sku, price, compare_at_price: compare_at, options, weight_grams, barcode, metadata } = variant;
            Variant { sku, price, compare_at, options, weight_grams, barcode, metadata }
        };
        let image = |ShownImage { id, url, alt }| Image { id, url, alt };
        Self {
            id,
            slug,
            name,
            description,
            status,
            category: category_id,
            seller: seller_id,
            variants: variants.into_iter().map(variant).collect(),
            images: images.into_iter().map(image).collect(),
            rating: Rating::default(),
            metadata,
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
            version,
        }
    }
}
