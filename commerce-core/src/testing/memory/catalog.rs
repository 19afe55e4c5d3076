//! Products, categories, sellers and stock.

use std::sync::Arc;

use async_trait::async_trait;

use crate::catalog::{
    CatalogStore, CatalogWrite, CategoryTree, Hold, HoldKey, Inventory, Item, Movement, MovementKind, Product, ProductFilter,
    ProductReads, Rating, Review, ReviewFilter, ReviewReads, ReviewStatus, Seller, SellerReads, StockReads, Wish,
};
use crate::change::{ChangeSet, CommitError};
use crate::error::StoreError;
use crate::ids::{Id, MovementId, ProductId, ReviewId, SellerId, UserId};
use crate::page::{Page, PageRequest};
use crate::text::{Sku, Slug};
use crate::time::{Clock, Timestamp};

use super::catalog_rows::{Rows, is_active};
use super::database::Database;
use super::ports::database_ports;

/// The catalog database.
#[derive(Clone)]
pub struct MemoryCatalog {
    db: Database<Rows>,
}

impl MemoryCatalog {
    /// An empty one.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { db: Database::new(clock) }
    }
}

database_ports!(MemoryCatalog, Catalog);

#[async_trait]
impl ProductReads for MemoryCatalog {
    async fn product(&self, id: ProductId) -> Result<Option<Product>, StoreError> {
        Ok(self.db.read(|rows| rows.products.get(&id).cloned()).await)
    }

    async fn product_by_slug(&self, slug: &Slug) -> Result<Option<Product>, StoreError> {
        Ok(self.db.read(|rows| rows.products.values().find(|product| product.slug == *slug).cloned()).await)
    }

    async fn products(&self, filter: &ProductFilter, page: &PageRequest) -> Result<Page<Product>, StoreError> {
        let shown = |product: &&Product| {
            let in_categories = |wanted: &Vec<_>| product.category.is_some_and(|category| wanted.contains(&category));
            filter.categories.as_ref().is_none_or(in_categories)
                && filter.seller.is_none_or(|seller| product.seller == seller)
                && filter.status.is_none_or(|status| product.status == status)
        };
        let products = self.db.read(|rows| rows.products.values().filter(shown).cloned().collect()).await;
        Ok(super::newest_first(products, page, |product| product.id.uuid()))
    }

    async fn products_by_id(&self, ids: &[ProductId]) -> Result<Vec<Product>, StoreError> {
        Ok(self.db.read(|rows| rows.products.values().filter(|product| ids.contains(&product.id)).cloned().collect()).await)
    }

    async fn products_changed(
        &self,
        since: Timestamp,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Vec<(Timestamp, Product)>, StoreError> {
        let is_new = |(at, product): &(Timestamp, Product)| match after {
            None => *at >= since,
            Some(after) => (*at, product.id) > (since, after),
        };
        let mut changed: Vec<(Timestamp, Product)> = self
            .db
            .read(|rows| {
                let product = |(id, at): (&ProductId, &Timestamp)| rows.products.get(id).map(|product| (*at, product.clone()));
                rows.changed.iter().filter_map(product).filter(is_new).collect()
            })
            .await;
        changed.sort_by_key(|(at, product)| (*at, product.id));
        Ok(super::at_most(changed, limit))
    }

    async fn categories(&self) -> Result<CategoryTree, StoreError> {
        Ok(self
            .db
            .read(|rows| CategoryTree { version: rows.tree_version(), nodes: rows.categories.values().cloned().collect() })
            .await)
    }
}

#[async_trait]
impl SellerReads for MemoryCatalog {
    async fn seller(&self, id: SellerId) -> Result<Option<Seller>, StoreError> {
        Ok(self.db.read(|rows| rows.sellers.get(&id).cloned()).await)
    }

    async fn seller_by_slug(&self, slug: &Slug) -> Result<Option<Seller>, StoreError> {
        Ok(self.db.read(|rows| rows.sellers.values().find(|seller| seller.slug == *slug).cloned()).await)
    }

    async fn seller_run_by(&self, user: UserId) -> Result<Option<Seller>, StoreError> {
        Ok(self.db.read(|rows| rows.sellers.values().rfind(|seller| seller.user == Some(user)).cloned()).await)
    }

    async fn sellers(&self, page: &PageRequest) -> Result<Page<Seller>, StoreError> {
        let sellers = self.db.read(|rows| rows.sellers.values().cloned().collect()).await;
        Ok(super::newest_first(sellers, page, |seller| seller.id.uuid()))
    }
}

#[async_trait]
impl StockReads for MemoryCatalog {
    async fn items(&self, skus: &[Sku]) -> Result<Vec<Item>, StoreError> {
        Ok(self
            .db
            .read(|rows| {
                let variants =
                    rows.products.values().flat_map(|product| product.variants.iter().map(move |variant| (product, variant)));
                let asked = variants.filter(|(_, variant)| skus.contains(&variant.sku));
                let available = |sku| rows.inventory.get(sku).map_or(0, Inventory::available);
                asked.map(|(product, variant)| product.item(variant, available(&variant.sku))).collect()
            })
            .await)
    }

    async fn inventory(&self, skus: &[Sku]) -> Result<Vec<Inventory>, StoreError> {
        Ok(self.db.read(|rows| rows.inventory.values().filter(|row| skus.contains(&row.sku)).cloned().collect()).await)
    }

    async fn ledger(&self, sku: &Sku, page: &PageRequest) -> Result<Page<Movement>, StoreError> {
        let movements =
            self.db.read(|rows| rows.ledger.values().filter(|movement| movement.sku == *sku).cloned().collect()).await;
        Ok(super::newest_first(movements, page, |movement| movement.id.uuid()))
    }

    async fn last_receipt(&self, sku: &Sku) -> Result<Option<MovementId>, StoreError> {
        let receipt = |line: &&Movement| line.sku == *sku && line.kind == MovementKind::Receipt;
        Ok(self.db.read(|rows| rows.ledger.values().filter(receipt).map(|line| line.id).max()).await)
    }

    async fn hold(&self, key: HoldKey) -> Result<Option<Hold>, StoreError> {
        Ok(self.db.read(|rows| rows.holds.get(&key).and_then(|generations| generations.values().next_back()).cloned()).await)
    }

    async fn expired_holds(&self, now: Timestamp, limit: u32) -> Result<Vec<Hold>, StoreError> {
        let expired = |hold: &&Hold| is_active(hold) && hold.expires_at <= now;
        let mut holds: Vec<Hold> = self
            .db
            .read(|rows| rows.holds.values().flat_map(|generations| generations.values()).filter(expired).cloned().collect())
            .await;
        holds.sort_by_key(|hold| (hold.expires_at, hold.key));
        Ok(super::at_most(holds, limit))
    }

    async fn low_stock_crossings(&self, limit: u32) -> Result<Vec<Inventory>, StoreError> {
        let crossed = |row: &&Inventory| (row.available() <= row.low_stock_threshold) != row.low_stock_alerted;
        Ok(self.db.read(|rows| super::at_most(rows.inventory.values().filter(crossed).cloned(), limit)).await)
    }
}

#[async_trait]
impl ReviewReads for MemoryCatalog {
    async fn review(&self, id: ReviewId) -> Result<Option<Review>, StoreError> {
        Ok(self.db.read(|rows| rows.reviews.get(&id).cloned()).await)
    }

    async fn reviews(&self, filter: &ReviewFilter, page: &PageRequest) -> Result<Page<Review>, StoreError> {
        let shown = |review: &&Review| {
            let seen = |user| review.status == ReviewStatus::Approved || review.user == user;
            filter.product.is_none_or(|product| review.product == product)
                && filter.author.is_none_or(|author| review.user == author)
                && filter.status.is_none_or(|status| review.status == status)
                && filter.seen_by.is_none_or(seen)
        };
        let reviews = self.db.read(|rows| rows.reviews.values().filter(shown).cloned().collect()).await;
        Ok(super::newest_first(reviews, page, |review| review.id.uuid()))
    }

    async fn tally(&self, product: ProductId) -> Result<Rating, StoreError> {
        let counts = |review: &&Review| review.product == product && review.status == ReviewStatus::Approved;
        let add = |sum: Rating, review: &Review| sum.with(review.rating).unwrap_or(sum);
        Ok(self.db.read(|rows| rows.reviews.values().filter(counts).fold(Rating::default(), add)).await)
    }

    async fn wish(&self, user: UserId, product: ProductId) -> Result<Option<Wish>, StoreError> {
        Ok(self.db.read(|rows| rows.wishes.get(&(user, product)).cloned()).await)
    }

    async fn wishes(&self, user: UserId, page: &PageRequest) -> Result<Page<Wish>, StoreError> {
        let wishes = self.db.read(|rows| rows.wishes.values().filter(|wish| wish.user == user).cloned().collect()).await;
        Ok(super::newest_first(wishes, page, |wish| wish.id.uuid()))
    }
}

#[async_trait]
impl CatalogStore for MemoryCatalog {
    async fn commit(&self, changes: ChangeSet<CatalogWrite>) -> Result<(), CommitError> {
        self.db.commit(changes).await
    }
}
