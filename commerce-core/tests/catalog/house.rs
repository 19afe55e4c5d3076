//! A catalog over the reference adapters, whose orders a test plays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use commerce_core::catalog::{
    Catalog, CatalogStore, HoldKey, HoldOwners, MovementKind, NewProduct, NewVariant, ProductSearch, Purchases, SearchHits,
    SearchQuery, Standing, StockKeeper,
};
use commerce_core::change::RequestKey;
use commerce_core::error::StoreErrorKind;
use commerce_core::events::{Consumer, Envelope, EventData, EventKind, Topic};
use commerce_core::ids::{Id, IdSource, OrderId, ProductId, UserId};
use commerce_core::orders::{Held, HoldRef, OrderFacts, OrderLine, OrderStatus, PaymentMethod};
use commerce_core::page::PageRequest;
use commerce_core::testing::memory::{MemoryCatalog, MemoryImages};
use commerce_core::testing::{ManualClock, SeededEntropy};
use commerce_core::text::{IdempotencyKey, Metadata, Quantity, Sku};
use commerce_core::{Actor, Clock, Currency, Money, Outcome, Refusal, StoreError, Timestamp};
use uuid::Uuid;

pub(crate) const KEY: HoldKey = HoldKey([7; 32]);
pub(crate) const STAFF: Actor = Actor::System;

/// Orders as a test says they are.
#[derive(Default)]
pub(crate) struct Owners {
    pub(crate) live: Mutex<BTreeSet<HoldKey>>,
    pub(crate) silent: Mutex<bool>,
}

#[async_trait]
impl Purchases for Owners {
    async fn bought(&self, _user: UserId, _product: ProductId) -> Result<bool, StoreError> {
        Ok(false)
    }
}

#[async_trait]
impl HoldOwners for Owners {
    async fn standing(&self, key: HoldKey, _generation: u32) -> Result<Standing, StoreError> {
        if *self.silent.lock().unwrap() {
            return Err(StoreError { kind: StoreErrorKind::Unavailable, operation: "orders.standing", source: None });
        }
        let live = self.live.lock().unwrap().contains(&key);
        Ok(if live { Standing::Live(OrderId::from_uuid(Uuid::from_u128(1))) } else { Standing::Nobody })
    }
}

/// No index.
pub(crate) struct NoIndex;

#[async_trait]
impl ProductSearch for NoIndex {
    async fn search(&self, _query: &SearchQuery) -> Result<Option<SearchHits>, StoreError> {
        Ok(None)
    }

    async fn catch_up(&self, _catalog: &dyn CatalogStore) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn rebuild(&self, _catalog: &dyn CatalogStore, _progress: &(dyn Fn(u64) + Send + Sync)) -> Result<u64, StoreError> {
        Ok(0)
    }
}

pub(crate) struct House {
    pub(crate) catalog: Catalog,
    pub(crate) store: MemoryCatalog,
    pub(crate) owners: Arc<Owners>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ids: IdSource,
}

impl House {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_772_357_400_000_000)));
        let ids = IdSource::new(clock.clone(), Arc::new(SeededEntropy::new(5)));
        let store = MemoryCatalog::new(clock.clone());
        let owners = Arc::new(Owners::default());
        let (search, images) = (Arc::new(NoIndex), Arc::new(MemoryImages::new()));
        let (holds, bought) = (owners.clone(), owners.clone());
        let catalog = Catalog::new(Arc::new(store.clone()), holds, bought, search, images, clock.clone(), ids.clone());
        Self { catalog, store, owners, clock, ids }
    }

    /// A house that sells these SKUs, so many of each.
    pub(crate) async fn selling(stock: &[(&str, i64)]) -> Outcome<Self> {
        let house = Self::new();
        for (sku, units) in stock {
            house.catalog.create_product(&STAFF, product(sku, &[(sku, *units)]), None).await?;
        }
        Ok(house)
    }

    /// On hand and reserved.
    pub(crate) async fn stock(&self, sku: &str) -> Outcome<(i64, i64)> {
        let stock = self.catalog.inventory(&STAFF, &self::sku(sku)).await?;
        Ok((stock.on_hand, stock.reserved))
    }

    pub(crate) async fn reserve(&self, key: HoldKey, lines: &[(&str, u32)]) -> Outcome<Held> {
        let lines: Vec<_> = lines.iter().map(|(text, count)| (sku(text), Quantity::new(*count).unwrap())).collect();
        self.catalog.reserve(key, &lines).await
    }

    pub(crate) async fn hear(&self, event: &Envelope) {
        StockKeeper::new(self.catalog.clone()).handle(event).await.unwrap();
    }

    /// What orders says about an order of two `sku` on this hold.
    pub(crate) fn said(&self, kind: EventKind, hold: HoldRef, sku: &str, was_confirmed: bool) -> Envelope {
        let zero = Money::zero(Currency::INR);
        let line = OrderLine {
            sku: self::sku(sku),
            product_id: self.ids.mint(),
            name: sku.to_owned(),
            quantity: Quantity::new(2).unwrap(),
            unit_price: zero,
            discount: zero,
            tax: zero,
            total: zero,
        };
        let facts = OrderFacts {
            order_id: self.ids.mint(),
            number: "ORD-1".to_owned(),
            user_id: self.ids.mint(),
            status: OrderStatus::Confirmed,
            lines: vec![line],
            total: zero,
            subtotal: zero,
            discount: zero,
            shipping: zero,
            tax: zero,
            payment_method: PaymentMethod::Cod,
            hold,
            was_confirmed,
            from_cart: false,
            cart_claim: None,
            guest_cart: None,
            cancelled: Vec::new(),
            refused: Vec::new(),
            given_up: None,
            shipments: Vec::new(),
            returned: None,
            note: None,
        };
        Envelope {
            id: self.ids.mint(),
            topic: Topic::Orders,
            kind,
            schema: 1,
            aggregate: facts.order_id.uuid(),
            version: 1,
            at: self.clock.now(),
            traceparent: None,
            data: EventData::of(&facts),
        }
    }

    /// The kinds in a SKU's ledger, oldest first; they always sum to its stock.
    pub(crate) async fn ledger(&self, text: &str) -> Outcome<Vec<MovementKind>> {
        let mut lines = self.catalog.stock_ledger(&STAFF, &sku(text), &PageRequest::first()).await?.items;
        lines.reverse();
        let sums = lines.iter().fold((0, 0), |(on_hand, reserved), line| (on_hand + line.on_hand, reserved + line.reserved));
        assert_eq!(sums, self.stock(text).await?);
        let mut kinds: Vec<_> = lines.into_iter().map(|line| line.kind).collect();
        kinds.sort();
        Ok(kinds)
    }
}

pub(crate) fn sku(text: &str) -> Sku {
    text.parse().unwrap()
}

pub(crate) fn variant(sku: &str, stock: i64) -> NewVariant {
    NewVariant {
        sku: sku.to_owned(),
        price: Money::new(49_900, Currency::INR),
        compare_at: None,
        options: BTreeMap::new(),
        stock,
        weight_grams: None,
        barcode: None,
        metadata: None,
    }
}

pub(crate) fn product(name: &str, variants: &[(&str, i64)]) -> NewProduct {
    NewProduct {
        name: format!("Kurta {name}"),
        description: "Soft cotton".to_owned(),
        slug: None,
        category: None,
        seller: None,
        status: None,
        variants: variants.iter().map(|(sku, stock)| variant(sku, *stock)).collect(),
        metadata: Metadata::new(),
        images: Vec::new(),
    }
}

pub(crate) fn keyed(key: &str, body: u8) -> RequestKey {
    RequestKey { key: key.parse::<IdempotencyKey>().unwrap(), body_hash: [body; 32] }
}

pub(crate) fn refused<T: std::fmt::Debug>(outcome: Outcome<T>) -> Refusal {
    outcome.unwrap_err().refusal().cloned().unwrap()
}
