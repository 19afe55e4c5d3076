//! The load through the library: no HTTP, the same use cases.

use std::sync::Arc;

use commerce_core::catalog::{HoldKey, SearchRequest};
use commerce_core::ids::{OrderId, ProductId};
use commerce_core::orders::{AddressChoice, CartOwner, PaymentMethod, PlaceOrder};
use commerce_core::text::{Metadata, Quantity, Sku};
use commerce_core::users::{RawAddress, Register};
use commerce_core::{Actor, Commerce, Outcome};

use crate::failure::Failure;

use super::Scenario;
use super::data::FLASH_SKU;
use super::draw::{Draw, Zipf};
use super::load::Worker;

/// Lines a cart of the cart scenario has before it is emptied.
const CART_MAX: u32 = 10;

/// What all workers of a run share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub scenario: Scenario,
    pub shop: Commerce,
    /// Ids and first SKUs of products, the most popular first.
    pub products: Vec<(ProductId, Sku)>,
    pub queries: Vec<String>,
    pub popular: Zipf,
    pub asked: Zipf,
    /// SKUs that orders and holds choose from.
    pub skus: usize,
    /// Lines that stay in the cart while more are added.
    pub cart_lines: usize,
}

/// One customer in one task.
pub(crate) struct Customer {
    shared: Arc<Shared>,
    actor: Actor,
    draw: Draw,
    lines: u32,
}

impl Customer {
    /// Registers, unless the scenario needs nobody, and fills the cart.
    ///
    /// # Errors
    /// When the shop refuses.
    pub(crate) async fn new(shared: Arc<Shared>, group: &str, number: u64) -> Result<Self, Failure> {
        let mut actor = Actor::Anonymous;
        if shared.scenario.needs_customer() {
            let register = Register {
                email: format!("bench-{group}-{number}@example.com"),
                password: "bench-password".to_owned(),
                full_name: "Bench Customer".to_owned(),
                phone: None,
                metadata: Metadata::new(),
            };
            actor = Actor::Customer(shared.shop.users.register(&Actor::Anonymous, register, None).await?.into_inner().id);
        }
        let customer = Self { shared, actor, draw: Draw::new(number + 1), lines: 0 };
        if let (Scenario::Cart, Some(owner)) = (customer.shared.scenario, customer.owner()) {
            let skus = customer.shared.products.iter().take(customer.shared.cart_lines);
            let items: Vec<(String, i64)> = skus.map(|(_, sku)| (sku.to_string(), 1)).collect();
            if !items.is_empty() {
                customer.shared.shop.orders.add_to_cart(&customer.actor, owner, &items, None, None, None).await?;
            }
        }
        Ok(customer)
    }

    fn owner(&self) -> Option<CartOwner> {
        self.actor.user().map(CartOwner::User)
    }

    async fn browse(&mut self) -> Outcome<()> {
        let rank = self.shared.popular.draw(&mut self.draw);
        self.shared.shop.catalog.product(&self.actor, self.shared.products[rank].0).await.map(drop)
    }

    async fn search(&mut self) -> Outcome<()> {
        let rank = self.shared.asked.draw(&mut self.draw);
        let request = SearchRequest { text: self.shared.queries[rank].clone(), ..SearchRequest::default() };
        self.shared.shop.catalog.search(&self.actor, request).await.map(drop)
    }

    /// Adds to an empty cart what is popular, to a filled one more of what is in it.
    async fn add_to_cart(&mut self) -> Outcome<()> {
        let Some(owner) = self.owner() else { return Ok(()) };
        let filled = self.shared.cart_lines;
        let rank = if filled > 0 { self.draw.below(filled) } else { self.shared.popular.draw(&mut self.draw) };
        let items = [(self.shared.products[rank].1.to_string(), 1)];
        self.lines += 1;
        self.shared.shop.orders.add_to_cart(&self.actor, owner, &items, None, None, None).await.map(drop)
    }

    async fn checkout(&mut self) -> Outcome<()> {
        let Some(owner) = self.owner() else { return Ok(()) };
        for item in self.two_skus() {
            self.shared.shop.orders.add_to_cart(&self.actor, owner, &[item], None, None, None).await?;
        }
        self.order(None).await.map(drop)
    }

    async fn order(&self, items: Option<Vec<(String, i64)>>) -> Outcome<OrderId> {
        let address = RawAddress {
            full_name: "Bench Customer".to_owned(),
            line1: "1 Test Road".to_owned(),
            line2: None,
            city: "Pune".to_owned(),
            state: None,
            postal_code: "411001".to_owned(),
            country: "IN".to_owned(),
            phone: None,
        };
        let command = PlaceOrder {
            items,
            coupon_code: None,
            address: AddressChoice::Given(Box::new(address)),
            shipping_option: None,
            payment: Some((PaymentMethod::Cod, None)),
            expected_total: None,
            metadata: Metadata::new(),
        };
        Ok(self.shared.shop.orders.place(&self.actor, command, None).await?.into_inner().id)
    }

    /// Orders two lines, once.
    ///
    /// # Errors
    /// When the shop refuses.
    pub(crate) async fn order_once(mut self) -> Outcome<OrderId> {
        let items = self.two_skus();
        self.order(Some(items)).await
    }

    async fn reserve(&mut self) -> Outcome<()> {
        let mut key = [0_u8; 32];
        key.chunks_mut(8).for_each(|part| part.copy_from_slice(&self.draw.next().to_le_bytes()));
        let sku = self.shared.products[self.draw.below(self.shared.skus)].1.clone();
        let Some(one) = Quantity::new(1) else { return Ok(()) };
        self.shared.shop.catalog.reserve(HoldKey(key), &[(sku, one)]).await.map(drop)
    }

    /// Two different SKUs, or the one there is.
    fn two_skus(&mut self) -> Vec<(String, i64)> {
        let count = self.shared.skus.min(self.shared.products.len());
        let first = self.draw.below(count);
        let second = (first + 1 + self.draw.below(count.saturating_sub(1).max(1))) % count;
        [first, second].into_iter().map(|index| (self.shared.products[index].1.to_string(), 1)).collect()
    }
}

impl Worker for Customer {
    async fn step(&mut self) -> Result<(), String> {
        let done = match self.shared.scenario {
            Scenario::Browse => self.browse().await,
            Scenario::Search => self.search().await,
            Scenario::Cart => self.add_to_cart().await,
            Scenario::Checkout => self.checkout().await,
            Scenario::Order => {
                let items = self.two_skus();
                self.order(Some(items)).await.map(drop)
            }
            Scenario::FlashSale => self.order(Some(vec![(FLASH_SKU.to_owned(), 1)])).await.map(drop),
            Scenario::Reserve => self.reserve().await,
        };
        done.map_err(|error| error.code().to_owned())
    }

    async fn tidy(&mut self) {
        let max = if self.shared.cart_lines > 0 { 900 } else { CART_MAX };
        if let Some(owner) = self.owner().filter(|_| self.lines >= max) {
            self.lines = 0;
            if self.shared.cart_lines == 0 {
                // A cart that could not be emptied shows as slower adding, not as a failure of its own.
                drop(self.shared.shop.orders.clear_cart(&self.actor, owner, None).await);
            }
        }
    }
}
