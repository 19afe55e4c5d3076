//! A seller changes prices, drops variants and adds them, and brings the product from elsewhere.

use super::goods;
use super::staff::Staff;
use crate::Commerce;
use crate::actor::Actor;
use crate::catalog::{ImportProduct, VariantPatch};
use crate::change::Answer;
use crate::money::{Currency, Money};

impl Staff {
    /// So many changes to the product.
    pub(super) async fn sell(self, changes: usize) {
        for _ in 0..changes {
            self.client.dawdle(self.leisure).await;
            let (what, number, price) = self.client.throw(|dice| (dice.below(4), dice.below(self.variants), dice.between(1, 9)));
            let price = i64::try_from(price).unwrap_or(1) * 10_000;
            match what {
                0 => self.reprice(number, price).await,
                1 => self.drop_variant(number).await,
                2 => self.add_variant(number, price).await,
                _ => self.import(price).await,
            }
        }
    }

    async fn reprice(&self, number: usize, price: i64) {
        let (product, sku) = (self.product, goods::sku(number));
        let patch = VariantPatch { price: Some(Money::new(price, Currency::INR)), ..VariantPatch::default() };
        self.client.ask(|shop, me| async move { shop.catalog.update_variant(&me, product, &sku, patch, None).await }).await;
    }

    async fn drop_variant(&self, number: usize) {
        let (product, sku) = (self.product, goods::sku(number));
        self.client.ask(|shop, me| async move { shop.catalog.remove_variant(&me, product, &sku, None).await }).await;
    }

    async fn add_variant(&self, number: usize, price: i64) {
        let product = self.product;
        let request = |shop: Commerce, me: Actor| {
            let variant = goods::variant(number, price, 2);
            async move { shop.catalog.add_variant(&me, product, variant, None, None).await }
        };
        self.client.insist(request).await;
    }

    /// The same product from elsewhere: repeated, it changes nothing.
    async fn import(&self, price: i64) {
        let variants = (0..self.variants).map(|number| goods::variant(number, price, 1)).collect();
        let import = ImportProduct::whole(goods::SLUG.parse().expect("it is well formed"), goods::product(variants));
        let request = |shop: Commerce, me: Actor| {
            let import = import.clone();
            async move { shop.catalog.import_product(&me, import).await.map(Answer::Fresh) }
        };
        self.client.insist(request).await;
    }
}
