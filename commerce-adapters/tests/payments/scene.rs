//! A shop with one product and a customer, whose money goes through a local provider.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use commerce_core::catalog::{NewProduct, NewVariant};
use commerce_core::commerce::Policies;
use commerce_core::orders::{AddressChoice, Capture, Order, OrderPolicy, PaymentGateway, PaymentMethod, PlaceOrder};
use commerce_core::testing::MemoryShop;
use commerce_core::text::Metadata;
use commerce_core::users::{RawAddress, Register};
use commerce_core::{Actor, Currency, Money};

use super::local::{Books, Local};

pub(crate) const STAFF: Actor = Actor::System;
/// What the one product costs, in paise.
pub(crate) const PRICE: i64 = 49_900;

pub(crate) struct Scene<B> {
    pub(crate) shop: MemoryShop,
    pub(crate) asha: Actor,
    pub(crate) provider: Local<B>,
}

impl<B: Books> Scene<B> {
    /// Opens the shop; `dial` makes the gateway to the provider at an address.
    pub(crate) async fn open(capture: Capture, books: B, dial: impl FnOnce(&str) -> Arc<dyn PaymentGateway>) -> Self {
        let (base, provider) = Local::open(books).await;
        let orders = OrderPolicy { capture, ..OrderPolicy::default() };
        let shop = MemoryShop::with_gateways(1, Policies { orders, ..Policies::default() }, vec![dial(&base)]);
        shop.catalog.house_seller().await.unwrap();
        shop.catalog.create_product(&STAFF, cup(), None).await.unwrap();
        let register = Register {
            email: "asha@example.com".to_owned(),
            password: "correct horse".to_owned(),
            full_name: "Asha Rao".to_owned(),
            phone: None,
            metadata: Metadata::new(),
        };
        let asha = shop.users.register(&Actor::Anonymous, register, None).await.unwrap().into_inner();
        Self { shop, asha: Actor::Customer(asha.id), provider }
    }

    pub(crate) async fn buy(&self, method: PaymentMethod, token: Option<&str>) -> Order {
        let address = RawAddress {
            full_name: "Asha Rao".to_owned(),
            line1: "12 MG Road".to_owned(),
            line2: None,
            city: "Pune".to_owned(),
            state: None,
            postal_code: "411001".to_owned(),
            country: "IN".to_owned(),
            phone: None,
        };
        let wish = PlaceOrder {
            items: Some(vec![("CUP".to_owned(), 1)]),
            coupon_code: None,
            address: AddressChoice::Given(Box::new(address)),
            shipping_option: None,
            payment: Some((method, token.map(str::to_owned))),
            expected_total: None,
            metadata: Metadata::new(),
        };
        self.shop.orders.place(&self.asha, wish, None).await.unwrap().into_inner()
    }

    pub(crate) async fn order(&self, order: &Order) -> Order {
        self.shop.orders.order(&STAFF, order.id).await.unwrap()
    }

    pub(crate) async fn later(&self) {
        self.shop.wait(Duration::from_mins(1));
        self.shop.settle().await.unwrap();
    }
}

fn cup() -> NewProduct {
    let variant = NewVariant {
        sku: "CUP".to_owned(),
        price: Money::new(PRICE, Currency::INR),
        compare_at: None,
        options: BTreeMap::new(),
        stock: 50,
        weight_grams: None,
        barcode: None,
        metadata: None,
    };
    NewProduct {
        name: "Cup".to_owned(),
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
