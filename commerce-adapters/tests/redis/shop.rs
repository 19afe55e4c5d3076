//! A shop whose carts and events are in Redis; everything else is in memory.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use commerce_adapters::commerce_core::audit::{AuditRequest, ShopBooks};
use commerce_adapters::commerce_core::catalog::{NewProduct, NewVariant};
use commerce_adapters::commerce_core::commerce::{Context, Policies, Ports};
use commerce_adapters::commerce_core::events::desk::LetterBox;
use commerce_adapters::commerce_core::events::{DeadLetters, EventBus, Outbox, Queue};
use commerce_adapters::commerce_core::notifications::NotificationFilter;
use commerce_adapters::commerce_core::orders::{AddressChoice, CartOwner, Order, OrderStatus, PaymentMethod, PlaceOrder};
use commerce_adapters::commerce_core::page::PageRequest;
use commerce_adapters::commerce_core::testing::conformance::NoWait;
use commerce_adapters::commerce_core::testing::memory::{
    MemoryCatalog, MemoryImages, MemoryNotifications, MemoryOrders, MemorySearch, MemoryUsers, PlainHasher, PlainRenderer,
    PlainTokens, RecordingCaller, RecordingMailer, ScriptedGateway,
};
use commerce_adapters::commerce_core::testing::{SeededEntropy, samples};
use commerce_adapters::commerce_core::text::Metadata;
use commerce_adapters::commerce_core::time::Clock;
use commerce_adapters::commerce_core::{Actor, Commerce, Currency, Money, Outcome};
use commerce_adapters::receive::{Pauses, Receiver};
use commerce_adapters::redis::Redis;
use commerce_adapters::redis::carts::RedisCarts;
use commerce_adapters::redis::streams::{Durability, StreamBus};
use commerce_adapters::system::SystemClock;

use crate::support::{prefix, raw, url};

const SKU: &str = "KURTA-M";

struct Shop {
    commerce: Commerce,
    receiver: Receiver,
    prefix: String,
    owner: CartOwner,
    asha: Actor,
}

impl Deref for Shop {
    type Target = Commerce;

    fn deref(&self) -> &Commerce {
        &self.commerce
    }
}

impl Shop {
    /// With ten kurtas, and a customer who has two of them in her cart.
    async fn open() -> Self {
        let prefix = prefix();
        let redis = Redis::open(url(), &prefix).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let users = Arc::new(MemoryUsers::new(Arc::clone(&clock)));
        let catalog = Arc::new(MemoryCatalog::new(Arc::clone(&clock)));
        let orders = Arc::new(MemoryOrders::new(Arc::clone(&clock)));
        let notifications = Arc::new(MemoryNotifications::new(Arc::clone(&clock)));
        let ports = Ports {
            clock: Arc::clone(&clock),
            entropy: Arc::new(SeededEntropy::new(1)),
            users: users.clone(),
            passwords: Arc::new(PlainHasher),
            tokens: Arc::new(PlainTokens::new("testing")),
            catalog: catalog.clone(),
            search: Arc::new(MemorySearch::new()),
            images: Arc::new(MemoryImages::new()),
            orders: orders.clone(),
            carts: Arc::new(RedisCarts::new(redis.clone(), Arc::clone(&clock))),
            gateways: vec![Arc::new(ScriptedGateway::new())],
            notifications: notifications.clone(),
            renderer: Arc::new(PlainRenderer),
            mailer: Arc::new(RecordingMailer::new()),
            webhooks: Arc::new(RecordingCaller::new()),
            books: ShopBooks {
                users: users.clone(),
                catalog: catalog.clone(),
                orders: orders.clone(),
                notifications: notifications.clone(),
            },
        };
        let streams = StreamBus::new(redis, Queue::all(), Durability::Asked);
        let bus: Arc<dyn EventBus> = Arc::new(streams.clone());
        let outboxes: Vec<(Context, Arc<dyn Outbox>)> = vec![
            (Context::Users, users.clone()),
            (Context::Catalog, catalog.clone()),
            (Context::Orders, orders.clone()),
            (Context::Notifications, notifications.clone()),
        ];
        let commerce = Commerce::new(ports, Policies::default()).with_bus(&bus, outboxes);
        let letters: [(Context, Arc<dyn DeadLetters>); 4] = [
            (Context::Users, users),
            (Context::Catalog, catalog),
            (Context::Orders, orders),
            (Context::Notifications, notifications),
        ];
        let boxes: Vec<LetterBox> = commerce
            .consumers()
            .into_iter()
            .map(|(context, consumer)| {
                let (_, letters) = letters.iter().find(|(owner, _)| *owner == context).unwrap();
                (consumer, Arc::clone(letters))
            })
            .collect();
        let pauses = Pauses { receive: Duration::ZERO, retry: Duration::ZERO, ..Pauses::default() };
        let receiver = streams.receiver(boxes, &clock, pauses);
        let (owner, asha) = customer(&commerce).await.unwrap();
        stock(&commerce, 10).await.unwrap();
        commerce.orders.add_to_cart(&asha, owner, &[(SKU.to_owned(), 2)], None, None, None).await.unwrap();
        Self { commerce, receiver, prefix, owner, asha }
    }

    /// Everything that is due is done, on every side of the bus.
    async fn settle(&self) {
        for _ in 0..5 {
            self.commerce.settle().await.unwrap();
            while self.receiver.step().await.unwrap() > 0 {}
        }
    }

    async fn order_cart(&self) -> Outcome<Order> {
        Ok(self.orders.place(&self.asha, cash_for_the_cart(), None).await?.into_inner())
    }

    async fn on_hand_and_reserved(&self) -> (i64, i64) {
        let shelf = self.catalog.inventory(&Actor::System, &SKU.parse().unwrap()).await.unwrap();
        (shelf.on_hand, shelf.reserved)
    }

    async fn in_cart(&self) -> u32 {
        let view = self.orders.cart(&self.asha, self.owner).await.unwrap();
        view.cart.lines.iter().map(|line| line.quantity.get()).sum()
    }
}

async fn customer(shop: &Commerce) -> Outcome<(CartOwner, Actor)> {
    let user = shop.users.register(&Actor::Anonymous, samples::register("asha@example.com"), None).await?.into_inner();
    Ok((CartOwner::User(user.id), Actor::Customer(user.id)))
}

async fn stock(shop: &Commerce, units: i64) -> Outcome<()> {
    let variant = NewVariant {
        sku: SKU.to_owned(),
        price: Money::new(49_900, Currency::INR),
        compare_at: None,
        options: BTreeMap::new(),
        stock: units,
        weight_grams: None,
        barcode: None,
        metadata: None,
    };
    let product = NewProduct {
        name: "Kurta".to_owned(),
        description: String::new(),
        slug: None,
        category: None,
        seller: None,
        status: None,
        variants: vec![variant],
        metadata: Metadata::new(),
        images: Vec::new(),
    };
    shop.catalog.house_seller().await?;
    shop.catalog.create_product(&Actor::System, product, None).await?;
    Ok(())
}

fn cash_for_the_cart() -> PlaceOrder {
    PlaceOrder {
        items: None,
        coupon_code: None,
        address: AddressChoice::Given(Box::new(samples::address())),
        shipping_option: None,
        payment: Some((PaymentMethod::Cod, None)),
        expected_total: None,
        metadata: Metadata::new(),
    }
}

#[tokio::test]
async fn a_purchase_from_cart_to_mail() {
    let shop = Shop::open().await;
    let placed = shop.order_cart().await.unwrap();
    assert_eq!(placed.status, OrderStatus::Confirmed);
    shop.settle().await;
    assert_eq!(shop.on_hand_and_reserved().await, (8, 0), "the hold became a sale");
    assert_eq!(shop.in_cart().await, 0, "what was ordered left the cart");
    let mails = shop.notifications.list(&Actor::System, &NotificationFilter::default(), &PageRequest::first()).await.unwrap();
    assert_eq!(mails.items.len(), 3, "welcome, placed and confirmed");
    assert!(mails.items.iter().all(|mail| mail.sent_at.is_some()));
    // What the cart handled is noted in Redis, and missed by nobody.
    let report = shop.audit(&Actor::System, AuditRequest::new(&NoWait)).await.unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[tokio::test]
async fn of_many_who_order_one_cart_at_once_one_does() {
    let shop = Shop::open().await;
    let orders = futures_util::future::join_all((0..10).map(|_| shop.order_cart())).await;
    let placed = orders.iter().filter(|order| order.is_ok()).count();
    assert_eq!(placed, 1, "{:?}", orders.iter().map(|order| order.as_ref().err()).collect::<Vec<_>>());
    shop.settle().await;
    assert_eq!(shop.on_hand_and_reserved().await, (8, 0));
    assert_eq!(shop.in_cart().await, 0);
}

#[tokio::test]
async fn a_cart_that_redis_brings_back_is_not_ordered_again() {
    let shop = Shop::open().await;
    let (mut raw, key) = (raw(url()).await, format!("{}:{{carts}}:cart:{}", shop.prefix, shop.owner.key()));
    let old: Vec<u8> = ::redis::cmd("DUMP").arg(&key).query_async(&mut raw).await.unwrap();
    shop.order_cart().await.unwrap();
    shop.settle().await;
    assert_eq!(shop.in_cart().await, 0);

    // As after a failover to a replica that had not heard of it.
    let mut restore = ::redis::cmd("RESTORE");
    restore.arg(&key).arg(0).arg(old).arg("REPLACE").exec_async(&mut raw).await.unwrap();
    assert_eq!(shop.in_cart().await, 2);
    let refused = shop.order_cart().await.unwrap_err();
    assert!(["CART_ORDERED", "EMPTY_ORDER"].contains(&refused.code()), "{refused}");
    shop.settle().await;
    assert_eq!(shop.on_hand_and_reserved().await, (8, 0), "it is sold once");
}
