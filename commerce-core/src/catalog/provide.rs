//! The catalog as other contexts need it, called directly in one process.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::change::{ChangeSet, CommitError, CommitRefusal};
use crate::error::Outcome;
use crate::ids::UserId;
use crate::ids::{CategoryId, ProductId, SellerId};
use crate::orders::{CatalogPort, Held, HoldRef};
use crate::page::whole;
use crate::text::{Quantity, Sku};
use crate::users::{Records, Sellers};

use super::Catalog;
use super::ports::{CatalogWrite, ReviewFilter};
use super::review::{Review, Wish};
use super::stock::{HoldKey, Item};

#[async_trait]
impl CatalogPort for Catalog {
    async fn items(&self, skus: &[Sku]) -> Outcome<Vec<Item>> {
        Self::items(self, skus).await
    }

    async fn items_shown(&self, skus: &[Sku]) -> Outcome<Vec<Item>> {
        Ok(self.store.items_shown(skus).await?)
    }

    async fn reserve(&self, key: HoldKey, lines: &[(Sku, Quantity)], known: &[Item]) -> Outcome<Held> {
        self.reserve_known(key, lines, known).await
    }

    async fn release(&self, hold: HoldRef) -> Outcome<()> {
        Self::release(self, hold).await
    }

    async fn categories(&self, products: &[ProductId]) -> Outcome<Vec<(ProductId, Vec<CategoryId>)>> {
        let tree = self.store.categories().await?;
        let products = self.store.products_by_id(products).await?;
        Ok(products.into_iter().map(|product| (product.id, tree.path(product.category))).collect())
    }

    fn in_trace(&self, traceparent: &str) -> Option<Arc<dyn CatalogPort>> {
        Some(Arc::new(Self::in_trace(self, traceparent)))
    }
}

#[async_trait]
impl Sellers for Catalog {
    async fn of_her_own(&self, user: UserId) -> Outcome<SellerId> {
        Ok(self.seller_of(user).await?.id)
    }
}

#[async_trait]
impl Records for Catalog {
    async fn of(&self, user: UserId) -> Outcome<Map<String, Value>> {
        let filter = &ReviewFilter { author: Some(user), ..ReviewFilter::default() };
        let reviews = whole(|page| async move { self.store.reviews(filter, &page).await }).await?;
        let wishes = whole(|page| async move { self.store.wishes(user, &page).await }).await?;
        let review = |it: &Review| {
            json!({
                "id": it.id, "productId": it.product, "rating": it.rating, "title": it.title, "text": it.text,
                "status": it.status, "reason": it.reason, "verifiedPurchase": it.verified_purchase, "createdAt": it.created_at,
            })
        };
        let wish = |it: &Wish| json!({ "productId": it.product, "addedAt": it.added_at });
        let lists = [("reviews", reviews.iter().map(review).collect()), ("wishlist", wishes.iter().map(wish).collect())];
        Ok(lists.into_iter().map(|(name, list)| (name.to_owned(), list)).collect())
    }

    /// Her wishes go, and what she wrote about products; her stars stay, under her id.
    async fn forget(&self, user: UserId) -> Outcome<bool> {
        let filter = &ReviewFilter { author: Some(user), ..ReviewFilter::default() };
        let reviews = whole(|page| async move { self.store.reviews(filter, &page).await }).await?;
        for review in reviews.iter().filter_map(|review| review.wordless(self.clock.now())) {
            match self.store.commit(ChangeSet::of([CatalogWrite::UpdateReview(review)])).await {
                // Staff decides on it just now.
                Err(CommitError::Refused(CommitRefusal::Stale(_))) => return Ok(false),
                committed => committed?,
            }
        }
        let wishes = whole(|page| async move { self.store.wishes(user, &page).await }).await?;
        if !wishes.is_empty() {
            let gone = wishes.iter().map(|wish| CatalogWrite::DeleteWish(user, wish.product));
            self.store.commit(ChangeSet::of(gone)).await?;
        }
        Ok(true)
    }
}
