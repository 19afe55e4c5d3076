//! A shop with stock and a customer, and short words for what the cases do.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use commerce_core::catalog::{NewProduct, NewVariant};
use commerce_core::change::{Answer, RequestKey};
use commerce_core::commerce::Policies;
use commerce_core::events::EventKind;
use commerce_core::ids::{Id, IdSource, OrderId, UserId};
use commerce_core::orders::{AddressChoice, Capture, Order, OrderFilter, OrderPolicy, OrderStatus, PaymentMethod, PlaceOrder};
use commerce_core::page::PageRequest;
use commerce_core::testing::{MemoryShop, SeededEntropy};
use commerce_core::text::{Metadata, Sku};
use commerce_core::users::{RawAddress, Register};
use commerce_core::{Actor, Clock, Currency, Money, Outcome};

pub(crate) const STAFF: Actor = Actor::System;
pub(crate) const COD: (PaymentMethod, Option<&str>) = (PaymentMethod::Cod, None);

/// By card, with one of the sandbox's tokens.
pub(crate) fn card(token: &'static str) -> (PaymentMethod, Option<&'static str>) {
    (PaymentMethod::Card, Some(token))
}

pub(crate) struct Scene {
    shop: MemoryShop,
    pub(crate) asha: Actor,
}

impl Deref for Scene {
    type Target = MemoryShop;

    fn deref(&self) -> &MemoryShop {
        &self.shop
    }
}

impl Scene {
    /// Asha's shop of the day: these SKUs at 499 rupees each, so many of each.
    pub(crate) async fn open(seed: u64, skus: &[(&str, i64)]) -> Outcome<Self> {
        Self::open_with(MemoryShop::new(seed), skus).await
    }

    /// The same, which captures by hand.
    pub(crate) async fn promising(seed: u64, skus: &[(&str, i64)]) -> Outcome<Self> {
        let orders = OrderPolicy { capture: Capture::Manual, ..OrderPolicy::default() };
        Self::open_with(MemoryShop::with_policies(seed, Policies { orders, ..Policies::default() }), skus).await
    }

    /// The same in a shop of her own.
    pub(crate) async fn open_with(shop: MemoryShop, skus: &[(&str, i64)]) -> Outcome<Self> {
        shop.catalog.house_seller().await?;
        for (sku, units) in skus {
            shop.catalog.create_product(&STAFF, product(sku, *units, Money::new(49_900, Currency::INR)), None).await?;
        }
        let asha = customer(&shop, "asha@example.com").await?;
        let scene = Self { shop, asha };
        scene.settle().await?;
        Ok(scene)
    }

    pub(crate) async fn somebody_else(&self) -> Outcome<Actor> {
        customer(&self.shop, "bela@example.com").await
    }

    pub(crate) async fn somebody_else_again(&self) -> Outcome<Actor> {
        customer(&self.shop, "chitra@example.com").await
    }

    /// A key that nothing of the shop has.
    pub(crate) fn mint<T: Id>(&self) -> T {
        let clock: Arc<dyn Clock> = self.shop.clock.clone();
        IdSource::new(clock, Arc::new(SeededEntropy::new(99))).mint()
    }

    pub(crate) fn asha_id(&self) -> UserId {
        self.asha.user().expect("Asha is a user")
    }

    pub(crate) async fn place(&self, wish: PlaceOrder) -> Outcome<Order> {
        Ok(self.orders.place(&self.asha, wish, None).await?.into_inner())
    }

    pub(crate) async fn place_keyed(&self, wish: PlaceOrder, name: &str) -> Outcome<Answer<Order>> {
        self.orders.place(&self.asha, wish, Some(key(name))).await
    }

    pub(crate) async fn order(&self, id: OrderId) -> Outcome<Order> {
        self.orders.order(&STAFF, id).await
    }

    /// Every order there is.
    pub(crate) async fn all_orders(&self) -> Outcome<Vec<Order>> {
        Ok(self.orders.orders(&STAFF, OrderFilter::default(), &PageRequest::first()).await?.items)
    }

    /// On hand and reserved.
    pub(crate) async fn stock(&self, sku: &str) -> Outcome<(i64, i64)> {
        let stock = self.catalog.inventory(&STAFF, &sku.parse::<Sku>().expect("it is well formed")).await?;
        Ok((stock.on_hand, stock.reserved))
    }

    pub(crate) async fn path(&self, id: OrderId) -> Outcome<Vec<OrderStatus>> {
        let timeline = self.orders.timeline(&STAFF, id, &PageRequest::first()).await?;
        Ok(timeline.items.iter().map(|entry| entry.status).collect())
    }

    /// What orders said of themselves and nobody has heard yet.
    pub(crate) async fn said(&self) -> Outcome<Vec<EventKind>> {
        use commerce_core::events::Outbox;
        let said = self.orders_db.unpublished(100).await?.into_iter().map(|event| event.kind);
        Ok(said.filter(|kind| !kind.is_internal()).collect())
    }

    /// The only attempt's name at the provider.
    pub(crate) async fn reference(&self, id: OrderId) -> Outcome<String> {
        let order = self.order(id).await?;
        let reference = order.payment.attempts.last().and_then(|attempt| attempt.reference.clone());
        Ok(reference.expect("the provider named it"))
    }
}

pub(crate) fn product(sku: &str, stock: i64, price: Money) -> NewProduct {
    let options = BTreeMap::new();
    let variant = NewVariant {
        sku: sku.to_owned(),
        price,
        compare_at: None,
        options,
        stock,
        weight_grams: None,
        barcode: None,
        metadata: None,
    };
    NewProduct {
        name: format!("Kurta {sku}"),
        description: String::new(),
        slug: None,
        category: None,
        seller: None,
        status: None,
        variants: vec![variant],
        metadata: Metadata::new(),
        images: Vec::new(),
    }
}

async fn customer(shop: &MemoryShop, email: &str) -> Outcome<Actor> {
    let register = Register {
        email: email.to_owned(),
        password: "correct horse".to_owned(),
        full_name: "Asha Rao".to_owned(),
        phone: None,
        metadata: Metadata::new(),
    };
    Ok(Actor::Customer(shop.users.register(&Actor::Anonymous, register, None).await?.into_inner().id))
}

pub(crate) fn address() -> RawAddress {
    RawAddress {
        full_name: "Asha Rao".to_owned(),
        line1: "12 MG Road".to_owned(),
        line2: None,
        city: "Bengaluru".to_owned(),
        state: Some("KA".to_owned()),
        postal_code: "560001".to_owned(),
        country: "IN".to_owned(),
        phone: None,
    }
}

/// A wish for these items; none means the cart.
pub(crate) fn wish(items: &[(&str, i64)], (method, token): (PaymentMethod, Option<&str>)) -> PlaceOrder {
    let items: Vec<(String, i64)> = items.iter().map(|(sku, quantity)| ((*sku).to_owned(), *quantity)).collect();
    PlaceOrder {
        items: (!items.is_empty()).then_some(items),
        coupon_code: None,
        address: AddressChoice::Given(Box::new(address())),
        shipping_option: None,
        payment: Some((method, token.map(str::to_owned))),
        expected_total: None,
        metadata: Metadata::new(),
    }
}

pub(crate) fn key(name: &str) -> RequestKey {
    RequestKey { key: name.parse().expect("it is well formed"), body_hash: [1; 32] }
}

/// The code of a refusal, `OK` for a success.
pub(crate) fn code<T>(outcome: &Outcome<T>) -> &'static str {
    match outcome {
        Ok(_) => "OK",
        Err(error) => error.code(),
    }
}
