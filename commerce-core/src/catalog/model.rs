//! Products, categories and sellers, and the rules on them alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::events::wire_names;
use crate::ids::{CategoryId, ImageId, ProductId, SellerId, UserId};
use crate::money::Money;
use crate::text::{Metadata, Sku, Slug};
use crate::time::Timestamp;

use super::stock::Item;

wire_names! {
    /// Whether a product is on sale.
    ProductStatus {
        /// Being written; seen by its seller and staff.
        Draft = "DRAFT",
        /// On sale.
        Active = "ACTIVE",
        /// No longer sold; kept for the orders that name it.
        Archived = "ARCHIVED",
    }
}

/// Something sold, in one or more variants.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Product {
    /// Which.
    pub id: ProductId,
    /// Its name in addresses, unique.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// Plain text or HTML as imported; shells decide how to show it.
    pub description: String,
    /// Whether it is on sale.
    pub status: ProductStatus,
    /// Where in the tree.
    pub category: Option<CategoryId>,
    /// Whose.
    pub seller: SellerId,
    /// At least one; each SKU is unique over the whole shop.
    pub variants: Vec<Variant>,
    /// In the order they are shown.
    pub images: Vec<Image>,
    /// What its approved reviews say.
    pub rating: Rating,
    /// The client's own notes.
    pub metadata: Metadata,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Grows by one with every change.
    pub version: u64,
}

impl Product {
    /// One variant as carts and orders see it, with `available` units to be had.
    #[must_use]
    pub fn item(&self, variant: &Variant, available: i64) -> Item {
        Item {
            sku: variant.sku.clone(),
            product: self.id,
            name: self.item_name(variant),
            unit_price: variant.price,
            available,
            on_sale: self.status == ProductStatus::Active,
            weight_grams: variant.weight_grams,
        }
    }

    /// The product's name, with the variant's options where there are several variants:
    /// `Varsity Top (Small)`.
    #[must_use]
    pub fn item_name(&self, variant: &Variant) -> String {
        item_name(&self.name, self.variants.len() > 1, &variant.options)
    }
}

/// How carts and orders call a variant of the product `name`: with its options where the product
/// has several variants.
#[must_use]
pub fn item_name(name: &str, several: bool, options: &BTreeMap<String, String>) -> String {
    if !several || options.is_empty() {
        return name.to_owned();
    }
    let options: Vec<&str> = options.values().map(String::as_str).collect();
    format!("{name} ({})", options.join(", "))
}

/// What a list or a search shows of a product.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProductCard {
    /// Which.
    pub id: ProductId,
    /// Its name in addresses.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// Whether it is on sale.
    pub status: ProductStatus,
    /// Where in the tree.
    pub category: Option<CategoryId>,
    /// Whose.
    pub seller: SellerId,
    /// Price of the cheapest variant.
    pub min_price: Money,
    /// Price of the dearest variant.
    pub max_price: Money,
    /// Whether any variant can be had.
    pub in_stock: bool,
    /// The first picture.
    pub image: Option<Image>,
    /// What its approved reviews say.
    pub rating: Rating,
    /// The product's version it was made from.
    pub version: u64,
}

/// What can be put into a cart.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Variant {
    /// Unique over the whole shop.
    pub sku: Sku,
    /// What one unit costs.
    pub price: Money,
    /// What it cost before, for show.
    pub compare_at: Option<Money>,
    /// Which of the product's options it is: `Size` = `M`.
    pub options: BTreeMap<String, String>,
    /// Weight of one unit.
    pub weight_grams: Option<u32>,
    /// EAN, UPC or ISBN.
    pub barcode: Option<String>,
    /// The client's own notes.
    pub metadata: Metadata,
}

/// A picture: an upload of ours, or a link kept from an import and never fetched.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Image {
    /// Which.
    pub id: ImageId,
    /// Where clients find it.
    pub url: String,
    /// For those who cannot see it.
    pub alt: String,
}

/// The approved reviews in two numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Rating {
    /// How many.
    pub count: u32,
    /// Sum of their stars.
    pub sum: u32,
}

/// A node of the category tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Category {
    /// Which.
    pub id: CategoryId,
    /// Its name in addresses, unique.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// The node above; none for a root.
    pub parent: Option<CategoryId>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Grows by one with every change.
    pub version: u64,
}

/// All categories at one instant.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CategoryTree {
    /// Grows by one with every change of any category.
    pub version: u64,
    /// In no particular order.
    pub nodes: Vec<Category>,
}

/// A merchant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seller {
    /// Which.
    pub id: SellerId,
    /// Its name for people.
    pub name: String,
    /// Its name in addresses, unique.
    pub slug: Slug,
    /// The user who runs it; none for the house itself.
    pub user: Option<UserId>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Grows by one with every change.
    pub version: u64,
}
