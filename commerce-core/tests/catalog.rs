//! What the catalog promises about stock and products, over the reference adapters.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use commerce_core::catalog::MovementKind::{Receipt, Release, Reservation, Restock, Sale};
use commerce_core::catalog::{
    Catalog, CatalogStore, CategoryPatch, HoldKey, HoldOwners, HoldState, ImportProduct, Imported, ListProducts, MovementKind,
    NewCategory, NewProduct, NewVariant, ProductPatch, ProductSearch, ProductStatus, SearchHits, SearchQuery, SearchRequest,
    Standing, StockKeeper, StockPolicy, StockReads, VariantPatch,
};
use commerce_core::change::{Answer, RequestKey};
use commerce_core::error::StoreErrorKind;
use commerce_core::events::{Consumer, Envelope, EventData, EventKind, Outbox, Topic};
use commerce_core::ids::{Id, IdSource, OrderId, SellerId, UserId};
use commerce_core::limits;
use commerce_core::orders::{Held, HoldRef, OrderFacts, OrderLine, OrderStatus, PaymentMethod};
use commerce_core::page::PageRequest;
use commerce_core::testing::memory::{MemoryCatalog, MemoryImages};
use commerce_core::testing::{ManualClock, SeededEntropy};
use commerce_core::text::{IdempotencyKey, Metadata, Quantity, Sku};
use commerce_core::{Actor, Clock, Currency, Money, Outcome, Refusal, StoreError, Timestamp};
use futures_executor::block_on;
use serde_json::Value;
use uuid::Uuid;

const KEY: HoldKey = HoldKey([7; 32]);
const STAFF: Actor = Actor::System;

/// Orders as a test says they are.
#[derive(Default)]
struct Owners {
    live: Mutex<BTreeSet<HoldKey>>,
    silent: Mutex<bool>,
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
struct NoIndex;

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

struct House {
    catalog: Catalog,
    store: MemoryCatalog,
    owners: Arc<Owners>,
    clock: Arc<ManualClock>,
    ids: IdSource,
}

impl House {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_772_357_400_000_000)));
        let ids = IdSource::new(clock.clone(), Arc::new(SeededEntropy::new(5)));
        let store = MemoryCatalog::new(clock.clone());
        let owners = Arc::new(Owners::default());
        let (search, images) = (Arc::new(NoIndex), Arc::new(MemoryImages::new()));
        let catalog = Catalog::new(Arc::new(store.clone()), owners.clone(), search, images, clock.clone(), ids.clone());
        Self { catalog, store, owners, clock, ids }
    }

    /// A house that sells these SKUs, so many of each.
    async fn selling(stock: &[(&str, i64)]) -> Outcome<Self> {
        let house = Self::new();
        for (sku, units) in stock {
            house.catalog.create_product(&STAFF, product(sku, &[(sku, *units)]), None).await?;
        }
        Ok(house)
    }

    /// On hand and reserved.
    async fn stock(&self, sku: &str) -> Outcome<(i64, i64)> {
        let stock = self.catalog.inventory(&STAFF, &self::sku(sku)).await?;
        Ok((stock.on_hand, stock.reserved))
    }

    async fn reserve(&self, key: HoldKey, lines: &[(&str, u32)]) -> Outcome<Held> {
        let lines: Vec<_> = lines.iter().map(|(text, count)| (sku(text), Quantity::new(*count).unwrap())).collect();
        self.catalog.reserve(key, &lines).await
    }

    async fn hear(&self, event: &Envelope) {
        StockKeeper::new(self.catalog.clone()).handle(event).await.unwrap();
    }

    /// What orders says about an order of two `sku` on this hold.
    fn said(&self, kind: EventKind, hold: HoldRef, sku: &str, was_confirmed: bool) -> Envelope {
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
    async fn ledger(&self, text: &str) -> Outcome<Vec<MovementKind>> {
        let mut lines = self.catalog.stock_ledger(&STAFF, &sku(text), &PageRequest::first()).await?.items;
        lines.reverse();
        let sums = lines.iter().fold((0, 0), |(on_hand, reserved), line| (on_hand + line.on_hand, reserved + line.reserved));
        assert_eq!(sums, self.stock(text).await?);
        let mut kinds: Vec<_> = lines.into_iter().map(|line| line.kind).collect();
        kinds.sort();
        Ok(kinds)
    }
}

fn sku(text: &str) -> Sku {
    text.parse().unwrap()
}

fn variant(sku: &str, stock: i64) -> NewVariant {
    NewVariant {
        sku: sku.to_owned(),
        price: Money::new(49_900, Currency::INR),
        compare_at: None,
        options: BTreeMap::new(),
        stock,
        weight_grams: None,
        barcode: None,
        metadata: Metadata::new(),
    }
}

fn product(name: &str, variants: &[(&str, i64)]) -> NewProduct {
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

fn keyed(key: &str, body: u8) -> RequestKey {
    RequestKey { key: key.parse::<IdempotencyKey>().unwrap(), body_hash: [body; 32] }
}

fn refused<T: std::fmt::Debug>(outcome: Outcome<T>) -> Refusal {
    outcome.unwrap_err().refusal().cloned().unwrap()
}

#[test]
fn a_double_click_takes_once_and_a_refusal_takes_nothing() -> Outcome<()> {
    block_on(async {
        let house = House::selling(&[("A", 5), ("B", 1)]).await?;
        let first = house.reserve(KEY, &[("A", 2)]).await?;
        assert_eq!(house.reserve(KEY, &[("A", 1), ("A", 1)]).await?, first);
        assert_eq!(house.stock("A").await?, (5, 2));
        assert_eq!(refused(house.reserve(KEY, &[("A", 3)]).await), Refusal::IdempotencyMismatch);
        let Refusal::SoldOut(short) = refused(house.reserve(HoldKey([8; 32]), &[("A", 3), ("B", 2), ("X", 1)]).await) else {
            panic!("held");
        };
        assert_eq!(short.iter().map(|line| line.available).collect::<Vec<_>>(), [1, 0]);
        assert_eq!((house.stock("A").await?, house.stock("B").await?), ((5, 2), (1, 0)));
        Ok(())
    })
}

#[test]
fn a_released_hold_stays_released_and_its_key_holds_anew() -> Outcome<()> {
    block_on(async {
        let house = House::selling(&[("A", 5)]).await?;
        let first = house.reserve(KEY, &[("A", 2)]).await?;
        house.catalog.release(first.hold).await?;
        house.catalog.release(first.hold).await?;
        assert_eq!(house.stock("A").await?, (5, 0));
        house.hear(&house.said(EventKind::OrderConfirmed, first.hold, "A", true)).await;
        assert_eq!(house.stock("A").await?, (5, 0));
        let second = house.reserve(KEY, &[("A", 4)]).await?;
        assert_eq!(second.hold.generation, 2);
        house.catalog.release(first.hold).await?;
        assert_eq!(house.stock("A").await?, (5, 4));
        Ok(())
    })
}

#[test]
fn confirmed_is_sold_and_cancelled_after_that_restocks_once() -> Outcome<()> {
    block_on(async {
        let house = House::selling(&[("A", 5)]).await?;
        let hold = house.reserve(KEY, &[("A", 2)]).await?.hold;
        let confirmed = house.said(EventKind::OrderConfirmed, hold, "A", true);
        let cancelled = house.said(EventKind::OrderCancelled, hold, "A", true);
        for _ in 0..2 {
            house.hear(&confirmed).await;
        }
        assert_eq!(house.stock("A").await?, (3, 0));
        for _ in 0..2 {
            house.hear(&cancelled).await;
        }
        assert_eq!(house.stock("A").await?, (5, 0));
        assert_eq!(house.ledger("A").await?, [Receipt, Reservation, Sale, Restock]);
        Ok(())
    })
}

#[test]
fn cancelled_before_confirmed_gives_back_and_nothing_is_sold() -> Outcome<()> {
    block_on(async {
        let house = House::selling(&[("A", 5)]).await?;
        let hold = house.reserve(KEY, &[("A", 2)]).await?.hold;
        house.hear(&house.said(EventKind::OrderCancelled, hold, "A", true)).await;
        assert_eq!(house.stock("A").await?, (5, 0));
        house.hear(&house.said(EventKind::OrderConfirmed, hold, "A", true)).await;
        assert_eq!(house.stock("A").await?, (5, 0));
        assert_eq!(house.ledger("A").await?, [Receipt, Reservation, Release]);
        Ok(())
    })
}

#[test]
fn the_sweeper_gives_back_only_what_orders_disown() -> Outcome<()> {
    block_on(async {
        let house = House::selling(&[("A", 5)]).await?;
        house.reserve(KEY, &[("A", 2)]).await?;
        assert_eq!(house.catalog.sweep_holds(10).await?, 0);
        house.clock.advance(limits::HOLD_FOR);

        *house.owners.silent.lock().unwrap() = true;
        assert!(house.catalog.sweep_holds(10).await.is_err());
        assert_eq!(house.stock("A").await?, (5, 2));

        *house.owners.silent.lock().unwrap() = false;
        house.owners.live.lock().unwrap().insert(KEY);
        assert_eq!(house.catalog.sweep_holds(10).await?, 0);
        assert!(house.store.expired_holds(house.clock.now(), 10).await?.is_empty(), "it is asked about later");

        house.owners.live.lock().unwrap().clear();
        house.clock.advance(limits::HOLD_MARGIN);
        assert_eq!(house.catalog.sweep_holds(10).await?, 1);
        assert_eq!(house.stock("A").await?, (5, 0));
        assert_eq!(house.store.hold(KEY).await?.unwrap().state, HoldState::Expired);
        Ok(())
    })
}

#[test]
fn stock_is_adjusted_under_a_key_and_never_below_what_is_reserved() -> Outcome<()> {
    block_on(async {
        let house = House::selling(&[("A", 5)]).await?;
        house.reserve(KEY, &[("A", 2)]).await?;
        let adjust = |delta, key| house.catalog.adjust_stock(&STAFF, &SKU_A, delta, "counted".to_owned(), key, None);
        assert_eq!(refused(adjust(-4, None).await), Refusal::BelowReserved { sku: sku("A"), reserved: 2 });
        assert!(matches!(adjust(-3, Some(keyed("k", 1))).await?, Answer::Fresh(stock) if stock.on_hand == 2));
        assert!(matches!(adjust(-3, Some(keyed("k", 1))).await?, Answer::Replayed(stock) if stock.on_hand == 2));
        assert_eq!(refused(adjust(-3, Some(keyed("k", 2))).await), Refusal::IdempotencyMismatch);
        assert_eq!(house.stock("A").await?, (2, 2));
        let stranger = Actor::Seller(UserId::from_uuid(Uuid::nil()), SellerId::from_uuid(Uuid::nil()));
        assert_eq!(refused(house.catalog.inventory(&stranger, &sku("A")).await), Refusal::NotFound("SKU"));
        Ok(())
    })
}

static SKU_A: std::sync::LazyLock<Sku> = std::sync::LazyLock::new(|| sku("A"));

#[test]
fn ops_are_told_once_until_the_stock_has_risen() -> Outcome<()> {
    block_on(async {
        let house = House::selling(&[("A", 6)]).await?;
        let alerts = || async {
            let said = house.store.unpublished(100).await.unwrap();
            said.into_iter().filter(|event| event.kind == EventKind::LowStockAlert).collect::<Vec<_>>()
        };
        assert_eq!(house.catalog.alert_low_stock(10).await?, 0);
        let hold = house.reserve(KEY, &[("A", 2)]).await?.hold;
        assert_eq!(house.catalog.alert_low_stock(10).await?, 1);
        assert_eq!(house.catalog.alert_low_stock(10).await?, 0);
        let said = alerts().await;
        let data: Value = said[0].data.read().unwrap();
        assert_eq!((said.len(), &data["sku"], &data["available"]), (1, &"A".into(), &4.into()));
        assert_eq!((&data["name"], &data["threshold"]), (&"Kurta A".into(), &5.into()));
        house.catalog.release(hold).await?;
        assert_eq!(house.catalog.alert_low_stock(10).await?, 1);
        house.catalog.set_threshold(&STAFF, &sku("A"), 6, None).await?;
        assert_eq!(house.catalog.alert_low_stock(10).await?, 1);
        assert_eq!(alerts().await.len(), 2);
        Ok(())
    })
}

#[test]
fn a_product_is_created_once_under_its_key_and_its_names_are_its_own() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let create = |new, key| house.catalog.create_product(&STAFF, new, key);
        let made = create(product("A", &[("A", 1)]), Some(keyed("k", 1))).await?.into_inner();
        assert!(matches!(create(product("A", &[("A", 1)]), Some(keyed("k", 1))).await?, Answer::Replayed(same) if same == made));
        assert_eq!(refused(create(product("B", &[("B", 1), ("A", 1)]), None).await), Refusal::SkuTaken("A".to_owned()));
        let chosen = NewProduct { slug: Some(made.slug.to_string()), ..product("C", &[("C", 1)]) };
        assert_eq!(refused(create(chosen, None).await), Refusal::SlugTaken);
        let namesake = create(product("A", &[("A2", 1)]), None).await?.into_inner();
        assert_ne!(namesake.slug, made.slug);
        let customer = Actor::Customer(UserId::from_uuid(Uuid::nil()));
        assert_eq!(refused(house.catalog.create_product(&customer, product("D", &[("D", 1)]), None).await), Refusal::Forbidden);
        Ok(())
    })
}

#[test]
fn a_product_changes_by_version_and_a_reserved_variant_stays() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let made = house.catalog.create_product(&STAFF, product("A", &[("A", 2), ("B", 3)]), None).await?.into_inner();
        let rename = ProductPatch { name: Some("Sari".to_owned()), ..ProductPatch::default() };
        let renamed = house.catalog.update_product(&STAFF, made.id, rename.clone(), Some(1)).await?;
        assert_eq!((renamed.name.as_str(), renamed.version), ("Sari", 2));
        let stale = house.catalog.update_product(&STAFF, made.id, rename.clone(), Some(1)).await;
        assert_eq!(refused(stale), Refusal::VersionMismatch("product"));
        assert_eq!(house.catalog.update_product(&STAFF, made.id, rename, None).await?.version, 2);

        let hold = house.reserve(KEY, &[("B", 1)]).await?.hold;
        assert!(matches!(refused(house.catalog.remove_variant(&STAFF, made.id, &sku("B"), None).await), Refusal::InUse(_)));
        house.catalog.release(hold).await?;
        let price = VariantPatch { price: Some(Money::new(100, Currency::INR)), ..VariantPatch::default() };
        house.catalog.update_variant(&STAFF, made.id, &sku("B"), price, None).await?;
        assert_eq!(house.reserve(KEY, &[("B", 1)]).await?.prices[0].1.minor, 100);
        house.catalog.remove_variant(&STAFF, made.id, &sku("A"), None).await?;
        assert_eq!(refused(house.catalog.inventory(&STAFF, &sku("A")).await), Refusal::NotFound("SKU"));
        assert!(matches!(refused(house.catalog.remove_variant(&STAFF, made.id, &sku("B"), None).await), Refusal::InUse(_)));

        house.catalog.archive_product(&STAFF, made.id, None).await?;
        assert_eq!(refused(house.catalog.product(&Actor::Anonymous, made.id).await), Refusal::NotFound("product"));
        assert_eq!(house.catalog.product(&STAFF, made.id).await?.status, ProductStatus::Archived);
        assert!(
            house.catalog.products(&Actor::Anonymous, ListProducts::default(), &PageRequest::first()).await?.items.is_empty()
        );
        assert!(matches!(refused(house.reserve(HoldKey([9; 32]), &[("B", 1)]).await), Refusal::SoldOut(_)));
        Ok(())
    })
}

#[test]
fn importing_twice_changes_nothing_and_brings_back_nothing_sold() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let import = ImportProduct { slug: "kurta".parse().unwrap(), product: product("A", &[("A", 5)]) };
        assert_eq!(house.catalog.preview_import(&STAFF, &import).await?, Imported::Created);
        assert_eq!(house.catalog.import_product(&STAFF, import.clone()).await?, Imported::Created);
        let hold = house.reserve(KEY, &[("A", 2)]).await?.hold;
        house.hear(&house.said(EventKind::OrderConfirmed, hold, "A", true)).await;
        assert_eq!(house.catalog.import_product(&STAFF, import.clone()).await?, Imported::Unchanged);
        assert_eq!(house.stock("A").await?, (3, 0));
        let mut more = import;
        more.product.variants.push(variant("B", 4));
        assert_eq!(house.catalog.preview_import(&STAFF, &more).await?, Imported::Updated);
        assert_eq!(house.catalog.import_product(&STAFF, more).await?, Imported::Updated);
        assert_eq!((house.stock("A").await?, house.stock("B").await?), ((3, 0), (4, 0)));
        Ok(())
    })
}

#[test]
fn categories_close_no_circle_and_keep_what_is_in_them() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let path = ["Apparel".to_owned(), "Tops".to_owned()];
        let tops = house.catalog.category_at(&STAFF, &path).await?.unwrap();
        assert_eq!(house.catalog.category_at(&STAFF, &path).await?, Some(tops));
        let apparel = house.catalog.category(tops).await?.parent.unwrap();
        let below = CategoryPatch { parent: Some(Some(tops)), ..CategoryPatch::default() };
        assert_eq!(refused(house.catalog.update_category(&STAFF, apparel, below, None).await), Refusal::CategoryCycle);
        assert!(matches!(refused(house.catalog.delete_category(&STAFF, apparel, None).await), Refusal::InUse(_)));
        let inside = NewProduct { category: Some(tops), ..product("A", &[("A", 1)]) };
        house.catalog.create_product(&STAFF, inside, None).await?;
        assert!(matches!(refused(house.catalog.delete_category(&STAFF, tops, None).await), Refusal::InUse(_)));
        let list = ListProducts { category: Some(apparel), ..ListProducts::default() };
        assert_eq!(house.catalog.products(&Actor::Anonymous, list, &PageRequest::first()).await?.items.len(), 1);
        let twin = NewCategory { name: "Tops".to_owned(), slug: None, parent: None };
        assert_eq!(refused(house.catalog.create_category(&STAFF, twin, None).await), Refusal::SlugTaken);
        Ok(())
    })
}

#[test]
fn pictures_are_kept_and_removed_with_their_product() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let made = house.catalog.create_product(&STAFF, product("A", &[("A", 1)]), None).await?.into_inner();
        let png = b"\x89PNG\r\n\x1a\nrest".to_vec();
        let image = house.catalog.add_image(&STAFF, made.id, png, "front", None, None).await?.into_inner();
        assert_eq!(house.catalog.product(&STAFF, made.id).await?.images, std::slice::from_ref(&image));
        house.catalog.remove_image(&STAFF, made.id, image.id, None).await?;
        assert_eq!(refused(house.catalog.remove_image(&STAFF, made.id, image.id, None).await), Refusal::NotFound("image"));
        assert!(house.catalog.add_image(&STAFF, made.id, b"<svg>".to_vec(), "", None, None).await.is_err());
        Ok(())
    })
}

#[test]
fn a_picture_sent_twice_under_one_key_is_one_picture() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let made = house.catalog.create_product(&STAFF, product("A", &[("A", 1)]), None).await?.into_inner();
        let png = |end: &[u8]| [b"\x89PNG\r\n\x1a\n", end].concat();
        let send =
            |end: &'static [u8], body| house.catalog.add_image(&STAFF, made.id, png(end), "front", Some(keyed("k", body)), None);
        assert!(house.catalog.add_image(&STAFF, made.id, b"<svg>".to_vec(), "", Some(keyed("k", 0)), None).await.is_err());
        let (first, twin) = futures_util::future::join(send(b"one", 1), send(b"one", 1)).await;
        let image = match (first?, twin?) {
            (Answer::Fresh(image), Answer::Replayed(twin)) | (Answer::Replayed(twin), Answer::Fresh(image)) => {
                assert_eq!(image, twin);
                image
            }
            other => panic!("one is the replay of the other: {other:?}"),
        };
        assert_eq!(send(b"one", 1).await?, Answer::Replayed(image.clone()));
        assert_eq!(refused(send(b"two", 2).await), Refusal::IdempotencyMismatch);
        assert_eq!(house.catalog.product(&STAFF, made.id).await?.images, std::slice::from_ref(&image));
        house.catalog.remove_image(&STAFF, made.id, image.id, None).await?;
        assert_eq!(refused(send(b"one", 1).await), Refusal::NotFound("image"));
        Ok(())
    })
}

#[test]
fn a_search_without_an_index_scans() -> Outcome<()> {
    block_on(async {
        let house = House::selling(&[("A", 1), ("B", 0)]).await?;
        house.clock.advance(Duration::from_secs(1));
        let search = |text: &str, in_stock| {
            let request = SearchRequest { text: text.to_owned(), in_stock, ..SearchRequest::default() };
            async { house.catalog.search(&Actor::Anonymous, request).await.map(|found| found.hits.total) }
        };
        assert_eq!(search("cotton kurta", false).await?, 2);
        assert_eq!(search("cotton kurta", true).await?, 1);
        assert_eq!(search("", false).await?, 2);
        assert_eq!(search("silk", false).await?, 0);
        Ok(())
    })
}

#[test]
fn the_shop_decides_when_the_stock_of_new_skus_is_low() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let catalog = house.catalog.clone().with_policy(StockPolicy { low_stock_threshold: 9 });
        let made = catalog.create_product(&STAFF, product("A", &[("A", 0)]), None).await?.into_inner();
        assert_eq!(catalog.inventory(&STAFF, &sku("A")).await?.low_stock_threshold, 9);
        catalog.set_threshold(&STAFF, &sku("A"), 2, None).await?;
        let more = product("A", &[("A", 0), ("B", 4)]);
        catalog.update_product(&STAFF, made.id, ProductPatch::replacing(more), None).await?;
        assert_eq!(catalog.inventory(&STAFF, &sku("A")).await?.low_stock_threshold, 2);
        assert_eq!(catalog.inventory(&STAFF, &sku("B")).await?.low_stock_threshold, 9);
        Ok(())
    })
}
