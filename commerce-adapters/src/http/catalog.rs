//! The catalog in another process, as orders needs it.

use std::sync::Arc;

use async_trait::async_trait;
use commerce_core::catalog::{HoldKey, Item};
use commerce_core::error::Outcome;
use commerce_core::ids::{CategoryId, ProductId, SellerId, UserId};
use commerce_core::orders::{CatalogPort, Held, HoldRef, PricedItem};
use commerce_core::text::{Quantity, Sku};
use commerce_core::users::Sellers;

use super::call::{Caller, Net};
use super::target::Target;
use super::wire;

/// Asks the catalog's service.
pub struct RemoteCatalog(Caller);

impl RemoteCatalog {
    /// Over this net, at this place.
    pub fn new(net: &Net, target: &Arc<Target>) -> Self {
        Self(net.to(target))
    }
}

#[async_trait]
impl CatalogPort for RemoteCatalog {
    async fn items(&self, skus: &[Sku]) -> Outcome<Vec<PricedItem>> {
        self.0.ask("catalog.items", &format!("/internal/products?skus={}", listed(skus))).await
    }

    async fn items_shown(&self, skus: &[Sku]) -> Outcome<Vec<PricedItem>> {
        self.0.ask("catalog.items_shown", &format!("/internal/products?shown=true&skus={}", listed(skus))).await
    }

    async fn reserve(&self, key: HoldKey, lines: &[(Sku, Quantity)], known: &[Item]) -> Outcome<Held> {
        let body = wire::Reserve { key, lines: lines.to_vec(), known: known.to_vec() };
        self.0.say("catalog.reserve", "/internal/inventory/reserve", &body).await
    }

    async fn release(&self, hold: HoldRef) -> Outcome<()> {
        let _: wire::Done = self.0.say("catalog.release", "/internal/inventory/release", &hold).await?;
        Ok(())
    }

    async fn categories(&self, products: &[ProductId]) -> Outcome<Vec<(ProductId, Vec<CategoryId>)>> {
        let products = products.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        self.0.ask("catalog.categories", &format!("/internal/products/categories?ids={products}")).await
    }

    fn in_trace(&self, traceparent: &str) -> Option<Arc<dyn CatalogPort>> {
        Some(Arc::new(Self(self.0.in_trace(traceparent))))
    }
}

#[async_trait]
impl Sellers for RemoteCatalog {
    /// Asked again it answers the same, so that a lost answer costs nothing.
    async fn of_her_own(&self, user: UserId) -> Outcome<SellerId> {
        let made: wire::OwnSeller = self.0.ask_with("catalog.seller", "/internal/sellers", &wire::Seller { user }).await?;
        Ok(made.seller)
    }
}

/// SKUs as the value of a parameter, a comma between them. Of what a SKU may hold, a space, a plus and a
/// per cent mean something else there.
fn listed(skus: &[Sku]) -> String {
    let encoded = |sku: &Sku| sku.as_str().replace('%', "%25").replace(' ', "%20").replace('+', "%2B");
    skus.iter().map(encoded).collect::<Vec<_>>().join(",")
}
