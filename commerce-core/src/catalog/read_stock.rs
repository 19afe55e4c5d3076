//! Reads stock and its ledger.

use crate::actor::Actor;
use crate::error::{Outcome, Refusal};
use crate::page::{Page, PageRequest};
use crate::text::Sku;

use super::Catalog;
use super::access::{require_merchant, require_seller};
use super::stock::{Inventory, Item, Movement};

impl Catalog {
    /// The stock of one SKU. Sellers their own, staff all.
    ///
    /// # Errors
    /// `NOT_FOUND` also for another seller's SKU.
    pub async fn inventory(&self, actor: &Actor, sku: &Sku) -> Outcome<Inventory> {
        self.managed_stock(actor, sku).await
    }

    /// Why the stock of a SKU changed, newest first. Sellers their own, since it came to them; staff all.
    ///
    /// # Errors
    /// `NOT_FOUND` also for another seller's SKU.
    pub async fn stock_ledger(&self, actor: &Actor, sku: &Sku, page: &PageRequest) -> Outcome<Page<Movement>> {
        self.managed_stock(actor, sku).await?;
        let Page { mut items, next_cursor } = self.store.ledger(sku, page).await?;
        let since = if actor.is_staff() { None } else { self.store.last_receipt(sku).await? };
        items.retain(|line| since.is_none_or(|since| line.id >= since));
        let more = items.last().is_some_and(|last| since.is_none_or(|since| last.id > since));
        let next_cursor = next_cursor.filter(|_| more);
        Ok(Page { items, next_cursor })
    }

    /// The stock of these SKUs, for what shops show of it; unknown SKUs are left out.
    pub async fn stock_of(&self, skus: &[Sku]) -> Outcome<Vec<Inventory>> {
        Ok(self.store.inventory(skus).await?)
    }

    /// What the catalog's writer says about these SKUs; unknown ones are left out.
    pub async fn items(&self, skus: &[Sku]) -> Outcome<Vec<Item>> {
        Ok(self.store.items(skus).await?)
    }

    /// The stock of one SKU that the actor manages.
    pub(super) async fn managed_stock(&self, actor: &Actor, sku: &Sku) -> Outcome<Inventory> {
        let actor = &self.acting(actor).await?;
        require_merchant(actor)?;
        let stock = self.stock(sku).await?;
        if !actor.is_staff() {
            let product = self.store.product(stock.product).await?.ok_or(Refusal::NotFound("SKU"))?;
            require_seller(actor, product.seller, "SKU")?;
        }
        Ok(stock)
    }

    /// The stock of one SKU.
    pub(super) async fn stock(&self, sku: &Sku) -> Outcome<Inventory> {
        let found = self.store.inventory(std::slice::from_ref(sku)).await?;
        Ok(found.into_iter().next().ok_or(Refusal::NotFound("SKU"))?)
    }
}
