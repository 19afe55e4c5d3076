//! Reads products: what is on sale for everybody, the rest for those who manage it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::actor::Actor;
use crate::error::{Outcome, Refusal};
use crate::ids::{CategoryId, ProductId, SellerId};
use crate::page::{Page, PageRequest};
use crate::text::{Sku, Slug};

use super::Catalog;
use super::access::{manages, sees};
use super::model::{Product, ProductCard, ProductStatus};
use super::ports::{ProductFilter, Shown};

/// Which products a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListProducts {
    /// Only of this category and everything below it.
    pub category: Option<CategoryId>,
    /// Only of this seller.
    pub seller: Option<SellerId>,
    /// Only in this status. Without one: what is on sale, and for its managers everything.
    pub status: Option<ProductStatus>,
}

impl Catalog {
    /// A product.
    ///
    /// # Errors
    /// `NOT_FOUND`, also for a draft or an archived product of somebody else.
    pub async fn product(&self, actor: &Actor, id: ProductId) -> Outcome<Product> {
        let (actor, found) = (&self.acting(actor).await?, self.store.product(id).await?);
        Ok(found.filter(|product| sees(actor, product)).ok_or(Refusal::NotFound("product"))?)
    }

    /// A product with its stock, to be looked at: perhaps a moment old, but for those who manage it.
    ///
    /// # Errors
    /// `NOT_FOUND`, also for a draft or an archived product of somebody else.
    pub async fn shown(&self, actor: &Actor, id: ProductId) -> Outcome<Arc<Shown>> {
        let actor = &self.acting(actor).await?;
        let found = match actor {
            Actor::Anonymous | Actor::Guest(..) | Actor::Customer(_) => self.store.shown(id).await?,
            Actor::Seller(..) | Actor::Admin(_) | Actor::System => Shown::read(&*self.store, id).await?.map(Arc::new),
        };
        Ok(found.filter(|shown| sees(actor, &shown.product)).ok_or(Refusal::NotFound("product"))?)
    }

    /// A product by its slug.
    ///
    /// # Errors
    /// `NOT_FOUND`, also for a draft or an archived product of somebody else.
    pub async fn product_by_slug(&self, actor: &Actor, slug: &Slug) -> Outcome<Product> {
        let (actor, found) = (&self.acting(actor).await?, self.store.product_by_slug(slug).await?);
        Ok(found.filter(|product| sees(actor, product)).ok_or(Refusal::NotFound("product"))?)
    }

    /// Products, newest first.
    pub async fn products(&self, actor: &Actor, list: ListProducts, page: &PageRequest) -> Outcome<Page<Product>> {
        let status = match visible(&self.acting(actor).await?, list) {
            Visible::Nothing => return Ok(Page { items: Vec::new(), next_cursor: None }),
            Visible::All => None,
            Visible::Only(status) => Some(status),
        };
        let categories = self.subtree(list.category).await?;
        let filter = ProductFilter { categories, seller: list.seller, status };
        Ok(self.store.products(&filter, page).await?)
    }

    /// Products as lists show them, newest first.
    pub async fn product_cards(&self, actor: &Actor, list: ListProducts, page: &PageRequest) -> Outcome<Page<ProductCard>> {
        let Page { items, next_cursor } = self.products(actor, list, page).await?;
        Ok(Page { items: self.cards(&items).await?, next_cursor })
    }

    /// These products as lists show them, in the same order.
    pub async fn cards(&self, products: &[Product]) -> Outcome<Vec<ProductCard>> {
        let skus: Vec<Sku> = products.iter().flat_map(|product| &product.variants).map(|variant| variant.sku.clone()).collect();
        let mut available: HashMap<ProductId, i64> = HashMap::new();
        for stock in self.store.inventory(&skus).await? {
            let sum = available.entry(stock.product).or_default();
            *sum = sum.saturating_add(stock.available());
        }
        let in_stock = |product: &Product| available.get(&product.id).is_some_and(|units| *units > 0);
        Ok(products.iter().filter_map(|product| ProductCard::of(product, in_stock(product))).collect())
    }

    /// A category and everything below it; of an unknown one, itself alone, which matches nothing.
    pub(super) async fn subtree(&self, category: Option<CategoryId>) -> Outcome<Option<Vec<CategoryId>>> {
        let Some(category) = category else { return Ok(None) };
        Ok(Some(self.store.categories().await?.subtree(category)))
    }
}

/// What an actor may see of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visible {
    Nothing,
    Only(ProductStatus),
    All,
}

fn visible(actor: &Actor, list: ListProducts) -> Visible {
    let all = actor.is_staff() || list.seller.is_some_and(|seller| manages(actor, seller));
    match list.status {
        None if all => Visible::All,
        Some(status) if all => Visible::Only(status),
        None | Some(ProductStatus::Active) => Visible::Only(ProductStatus::Active),
        Some(ProductStatus::Draft | ProductStatus::Archived) => Visible::Nothing,
    }
}

impl ProductCard {
    /// The card of a product; `None` for one without variants, which no store holds.
    pub fn of(product: &Product, in_stock: bool) -> Option<Self> {
        let prices = product.variants.iter().map(|variant| variant.price);
        Some(Self {
            id: product.id,
            slug: product.slug.clone(),
            name: product.name.clone(),
            status: product.status,
            category: product.category,
            seller: product.seller,
            min_price: prices.clone().min_by_key(|price| price.minor)?,
            max_price: prices.max_by_key(|price| price.minor)?,
            in_stock,
            image: product.images.first().cloned(),
            rating: product.rating,
            version: product.version,
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::{Id, UserId};

    #[test]
    fn drafts_are_for_their_managers() {
        let own = SellerId::from_uuid(Uuid::from_u128(1));
        let seller = Actor::Seller(UserId::from_uuid(Uuid::from_u128(2)), own);
        let drafts = ListProducts { status: Some(ProductStatus::Draft), ..ListProducts::default() };
        let own_drafts = ListProducts { seller: Some(own), ..drafts };
        let all = ListProducts::default();
        assert_eq!(visible(&Actor::Anonymous, drafts), Visible::Nothing);
        assert_eq!(visible(&Actor::Anonymous, all), Visible::Only(ProductStatus::Active));
        assert_eq!(visible(&seller, drafts), Visible::Nothing);
        assert_eq!(visible(&seller, own_drafts), Visible::Only(ProductStatus::Draft));
        assert_eq!(visible(&Actor::System, all), Visible::All);
    }
}
