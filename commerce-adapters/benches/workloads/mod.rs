//! What is measured of a store: reservations on one SKU with their ledger, and orders.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use commerce_adapters::sql::Databases;
use commerce_adapters::system::{OsEntropy, SystemClock};
use commerce_core::catalog::{
    CatalogWrite, Hold, HoldKey, HoldLine, HoldState, Movement, MovementKind, Product, ProductStatus, Rating, Variant,
};
use commerce_core::change::{ChangeSet, KeyClaim, KeyResult, KeyScope};
use commerce_core::events::{Envelope, EventKind, Topic};
use commerce_core::ids::{Id, IdSource, OrderId, UserId};
use commerce_core::orders::{
    HoldRef, Order, OrderLine, OrderStatus, OrderStore, OrderWrite, Payment, PaymentMethod, TimelineEntry,
};
use commerce_core::testing::samples;
use commerce_core::text::{Metadata, Quantity, Sku};
use commerce_core::users::parse_address;
use commerce_core::{Clock, Currency, Money};
use uuid::Uuid;

/// A shop that is measured.
pub(crate) struct Shop {
    pub(crate) databases: Databases,
    pub(crate) clock: Arc<SystemClock>,
    pub(crate) ids: IdSource,
}

impl Shop {
    /// On these databases.
    pub(crate) fn on(databases: Databases) -> Arc<Self> {
        let clock = Arc::new(SystemClock);
        let ids = IdSource::new(clock.clone(), Arc::new(OsEntropy));
        Arc::new(Self { databases, clock, ids })
    }
}

/// Lets `callers` do `work` for `span`, and prints how they fared.
pub(crate) async fn measure<F: Future<Output = ()> + Send + 'static>(
    what: &str,
    callers: usize,
    span: Duration,
    work: impl Fn() -> F + Clone + Send + Sync + 'static,
) {
    let (done, start, cpu) = (Arc::new(AtomicU64::new(0)), Instant::now(), cpu_seconds());
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (done, work) = (done.clone(), work.clone());
            tokio::spawn(async move {
                let mut waits = Vec::new();
                while start.elapsed() < span {
                    let begun = Instant::now();
                    work().await;
                    waits.push(begun.elapsed());
                    done.fetch_add(1, Ordering::Relaxed);
                }
                waits
            })
        })
        .collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await.expect("no caller panics"));
    }
    let seconds = start.elapsed().as_secs_f64();
    waits.sort();
    let share = |percent: usize| waits.get(waits.len() * percent / 100).map_or(0.0, |wait| wait.as_secs_f64() * 1e3);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let done = done.load(Ordering::Relaxed) as f64;
    let (rate, cost) = (done / seconds, (cpu_seconds() - cpu) / done * 1e6);
    let (p50, p99) = (share(50), share(99));
    println!("{what:<24} {callers:>4} callers {rate:>9.0}/s  p50 {p50:>7.2} ms  p99 {p99:>7.2} ms  cpu {cost:>6.1} us each");
}

/// What this process has used of all processors, callers included; 0 where the system does not say.
/// Tells a slow program from a busy machine.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    // User and system time, in hundredths of a second (proc(5)).
    fields.split_ascii_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// What is sold.
pub(crate) fn sku() -> Sku {
    "HOT-1".parse().expect("it is a SKU")
}

const PRICE: Money = Money::new(49_900, Currency::INR);

/// Puts a billion units on the shelf.
pub(crate) async fn stock(shop: &Shop) {
    let now = shop.clock.now();
    let variant = Variant {
        sku: sku(),
        price: PRICE,
        compare_at: None,
        options: BTreeMap::new(),
        weight_grams: None,
        barcode: None,
        metadata: Metadata::new(),
    };
    let product = Product {
        id: shop.ids.mint(),
        slug: "hot".parse().expect("it is a slug"),
        name: "Hot".to_owned(),
        description: String::new(),
        status: ProductStatus::Active,
        category: None,
        seller: shop.ids.mint(),
        variants: vec![variant],
        images: Vec::new(),
        rating: Rating::default(),
        metadata: Metadata::new(),
        created_at: now,
        updated_at: now,
        version: 1,
    };
    let receipt = movement(shop, MovementKind::Receipt, 1_000_000_000, 0, None);
    let changes = ChangeSet::of([CatalogWrite::InsertProduct(product), CatalogWrite::Move(receipt)]);
    shop.databases.catalog().commit(changes).await.expect("the product is accepted");
}

fn movement(shop: &Shop, kind: MovementKind, on_hand: i64, reserved: i64, reference: Option<String>) -> Movement {
    let (id, at) = (shop.ids.mint(), shop.clock.now());
    Movement { id, sku: sku(), kind, on_hand, reserved, reference, reason: "held for a checkout".to_owned(), actor: None, at }
}

fn random_key(shop: &Shop) -> HoldKey {
    let mut key = [0; 32];
    hex::decode_to_slice(shop.ids.secret(), &mut key).expect("a secret is 64 hexadecimal digits");
    HoldKey(key)
}

/// Holds one unit.
pub(crate) async fn reserve(shop: Arc<Shop>) {
    let (key, now) = (random_key(&shop), shop.clock.now());
    let line = HoldLine { sku: sku(), quantity: 1, unit_price: PRICE };
    let expires_at = now.plus(commerce_core::limits::HOLD_FOR);
    let hold = Hold { key, generation: 1, lines: vec![line], state: HoldState::Active, created_at: now, expires_at };
    let taken = movement(&shop, MovementKind::Reservation, 0, 1, Some(key.to_hex()));
    let changes = ChangeSet::of([CatalogWrite::InsertHold(hold), CatalogWrite::Move(taken)]);
    shop.databases.catalog().commit(changes).await.expect("there is stock");
}

/// What was reserved is what the ledger says.
pub(crate) async fn check(shop: &Shop) {
    let catalog = shop.databases.catalog();
    let stock = catalog.inventory(&[sku()]).await.expect("the catalog answers");
    let (mut page, mut reserved) = (commerce_core::page::PageRequest::first(), 0);
    loop {
        let entries = catalog.ledger(&sku(), &page).await.expect("the catalog answers");
        reserved += entries.items.iter().map(|entry| entry.reserved).sum::<i64>();
        let Some(next) = entries.next_cursor else { break };
        page = commerce_core::page::PageRequest::parse(Some(100), Some(&next)).expect("the cursor is ours");
    }
    assert_eq!(stock.first().map(|row| row.reserved), Some(reserved), "the ledger sums to the inventory");
}

/// Places an order of two lines.
pub(crate) async fn order(shop: Arc<Shop>) {
    let user: UserId = shop.ids.mint();
    let order = new_order(&shop, user);
    let (id, now) = (order.id, order.updated_at);
    let entry = TimelineEntry {
        id: shop.ids.mint(),
        order: id,
        status: OrderStatus::Confirmed,
        at: now,
        note: "placed".to_owned(),
        actor: "customer".to_owned(),
    };
    let event = Envelope {
        id: shop.ids.mint(),
        topic: Topic::Orders,
        kind: EventKind::OrderCreated,
        schema: 1,
        aggregate: id.uuid(),
        version: 1,
        at: now,
        traceparent: None,
        data: serde_json::json!({ "orderId": id, "number": order.number, "userId": user, "total": order.total }).into(),
    };
    let claim = KeyClaim {
        scope: KeyScope {
            user: Some(user),
            route: "POST /api/orders".to_owned(),
            key: order.number.parse().expect("a number is a key"),
        },
        body_hash: [7; 32],
        generation: 1,
        result: KeyResult::Done(id.uuid()),
        at: now,
    };
    let cart = OrderWrite::ClaimCart(Uuid::from_u128(u128::from_be_bytes(*id.uuid().as_bytes())), id);
    let changes = ChangeSet::of([OrderWrite::Insert(order), OrderWrite::Timeline(entry), cart]).claim(Some(claim)).say([event]);
    OrderStore::commit(&*shop.databases.orders(), changes).await.expect("the order is accepted");
}

fn new_order(shop: &Shop, user: UserId) -> Order {
    let (id, now): (OrderId, _) = (shop.ids.order(user), shop.clock.now());
    let nothing = Money::zero(Currency::INR);
    let line = |sku: &str| OrderLine {
        sku: sku.parse().expect("it is a SKU"),
        product_id: shop.ids.mint(),
        name: "Varsity Top (Small)".to_owned(),
        quantity: Quantity::new(1).expect("one is a quantity"),
        unit_price: PRICE,
        discount: nothing,
        tax: nothing,
        total: PRICE,
    };
    let total = Money::new(2 * PRICE.minor, Currency::INR);
    Order {
        id,
        number: format!("ORD-{}", id.uuid().simple()),
        user,
        status: OrderStatus::Confirmed,
        lines: vec![line("A-1"), line("B-2")],
        subtotal: total,
        discount: nothing,
        shipping: nothing,
        tax: nothing,
        total,
        tax_lines: Vec::new(),
        coupon: None,
        shipping_address: parse_address("", samples::address()).expect("the sample is well formed"),
        shipping_option: "standard".to_owned(),
        payment: Payment {
            id: shop.ids.mint(),
            method: PaymentMethod::Cod,
            amount: total,
            captured: nothing,
            refunded: nothing,
            attempts: Vec::new(),
            refunds: Vec::new(),
        },
        hold: HoldRef { key: random_key(shop), generation: 1 },
        payment_due_at: None,
        cancellations: Vec::new(),
        shipments: Vec::new(),
        returns: Vec::new(),
        payment_extended: false,
        metadata: Metadata::new(),
        updated_at: now,
        version: 1,
    }
}
