//! The catalog's rows as its tables hold them.

use crate::audit::books::{Cell, Row};
use crate::audit::tables::{
    CATEGORIES, CATEGORY_TREE, IMAGES, INVENTORY, LEDGER, PRODUCTS, RESERVATIONS, REVIEWS, SELLERS, VARIANTS, WISHLISTS,
};
use crate::catalog::{Hold, Product};
use crate::ids::Id;
use crate::time::Timestamp;

use super::books::{Sheets, row, text};
use super::catalog_rows::Rows;

impl Sheets for Rows {
    fn sheets(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for seller in self.sellers.values() {
            let user = seller.user.map(Id::uuid);
            let (slug, name) = (seller.slug.as_str(), seller.name.as_str());
            let seller = row![SELLERS; seller.id.uuid(), slug, name, user, seller.created_at, seller.version, Cell::Null];
            rows.push(seller.sealed());
        }
        for it in self.categories.values() {
            let parent = it.parent.map(Id::uuid);
            let (slug, name) = (it.slug.as_str(), it.name.as_str());
            let category = row![CATEGORIES; it.id.uuid(), slug, name, parent, it.created_at, it.version, Cell::Null];
            rows.push(category.sealed());
        }
        rows.push(row![CATEGORY_TREE; 1_u32, self.tree_version(), Cell::Null].sealed());
        for it in self.products.values() {
            let changed = self.changed.get(&it.id).copied().unwrap_or(it.updated_at);
            product(&mut rows, it, changed);
        }
        for it in self.inventory.values() {
            let (low, alerted) = (it.low_stock_threshold, i64::from(it.low_stock_alerted));
            let sku = it.sku.as_str();
            let shelf = row![INVENTORY; sku, it.product.uuid(), low, it.on_hand, it.reserved, alerted, it.version, Cell::Null];
            rows.push(shelf.sealed());
        }
        for it in self.holds.values().flat_map(|generations| generations.values()) {
            hold(&mut rows, it);
        }
        for it in self.ledger.values() {
            let moved = row![LEDGER; it.sku.as_str(), it.id.uuid(), it.kind.as_str(), it.on_hand, it.reserved,
                it.reference.as_deref(), it.reason.as_str(), it.actor.map(Id::uuid), it.at, Cell::Null];
            rows.push(moved.sealed());
        }
        for it in self.reviews.values() {
            let review = row![REVIEWS; it.id.uuid(), it.product.uuid(), it.user.uuid(), i64::from(it.rating), it.title.as_deref(),
                it.text.as_str(), i64::from(it.verified_purchase), it.status.as_str(), it.reason.as_deref(), it.created_at,
                it.moderated_at, it.moderated_by.map(Id::uuid), it.version, Cell::Null];
            rows.push(review.sealed());
        }
        for it in self.wishes.values() {
            rows.push(row![WISHLISTS; it.id.uuid(), it.user.uuid(), it.product.uuid(), it.added_at, Cell::Null].sealed());
        }
        rows
    }
}

fn product(rows: &mut Vec<Row>, it: &Product, changed: Timestamp) {
    let (category, seller) = (it.category.map(Id::uuid), it.seller.uuid());
    let product = row![PRODUCTS; it.id.uuid(), it.slug.as_str(), it.name.as_str(), it.description.as_str(), it.status.as_str(),
        category, seller, it.rating.count, it.rating.sum, text(&it.metadata), it.created_at, it.updated_at, it.version, Cell::Null,
        changed, changed];
    rows.push(product.sealed());
    for (variant, position) in it.variants.iter().zip(0_u32..) {
        let compare_at = variant.compare_at.map(|price| price.minor);
        let currency = variant.compare_at.as_ref().map(|price| price.currency.code());
        let variant = row![VARIANTS; variant.sku.as_str(), it.id.uuid(), position, variant.price.minor, variant.price.currency.code(),
            compare_at, currency, text(&variant.options), variant.weight_grams, variant.barcode.as_deref(), text(&variant.metadata),
            Cell::Null];
        rows.push(variant.sealed());
    }
    for (image, position) in it.images.iter().zip(0_u32..) {
        let image = row![IMAGES; image.id.uuid(), it.id.uuid(), position, image.url.as_str(), image.alt.as_str(), Cell::Null];
        rows.push(image.sealed());
    }
}

fn hold(rows: &mut Vec<Row>, it: &Hold) {
    for line in &it.lines {
        let (price, currency) = (line.unit_price.minor, line.unit_price.currency.code());
        rows.push(row![RESERVATIONS; Cell::Blob(it.key.0.to_vec()), it.generation, line.sku.as_str(), line.quantity, price,
            currency, it.state.as_str(), it.created_at, it.expires_at, it.expires_at]);
    }
}
