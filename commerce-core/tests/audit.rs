//! The books of the reference adapters keep their promises.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use commerce_core::Actor;
use commerce_core::audit::books::{Books, Cell, Row, Table, Walk};
use commerce_core::audit::tables::{ATTEMPTS, LEASES, ORDERS, REDEMPTIONS, REFUNDS, SESSIONS, USERS};
use commerce_core::audit::{AuditRequest, Invariant, ShopBooks};
use commerce_core::catalog::{CatalogStore, CatalogWrite, HoldKey, NewSeller};
use commerce_core::change::ChangeSet;
use commerce_core::commerce::{Commerce, Context, Work};
use commerce_core::error::StoreError;
use commerce_core::events::{Envelope, EventBus, EventKind, Leases, Outbox, Topic};
use commerce_core::ids::{EventId, Id, IdSource, SessionId};
use commerce_core::limits::{BROKER_LAG, LEASE_MAX, RECEIVES_MAX};
use commerce_core::notifications::NotificationRecorder;
use commerce_core::testing::conformance::{self, NoWait, Tampered, trade};
use commerce_core::testing::{MemoryShop, SeededEntropy, samples};
use commerce_core::text::{Quantity, Sku};
use commerce_core::time::Clock;
use commerce_core::users::UpdateUser;
use uuid::Uuid;

struct Subject {
    shop: Arc<MemoryShop>,
    books: ShopBooks,
}

#[async_trait]
impl Tampered for Subject {
    fn shop(&self) -> &Commerce {
        &self.shop
    }

    fn books(&self) -> &ShopBooks {
        &self.books
    }

    async fn tamper(&self, context: Context, row: &Row, change: Option<(&'static str, Cell)>) -> bool {
        let MemoryShop { users_db, catalog_db, orders_db, notifications_db, .. } = &*self.shop;
        match context {
            Context::Users => users_db.tamper(row, change),
            Context::Catalog => catalog_db.tamper(row, change),
            Context::Orders => orders_db.tamper(row, change),
            Context::Notifications => notifications_db.tamper(row, change),
        }
        true
    }
}

#[test]
fn the_books_in_memory_hide_nothing() {
    let shop = Arc::new(MemoryShop::new(7));
    shop.clock.tick();
    futures_executor::block_on(trade(&shop)).expect("a shop trades");
    let audit = conformance::audit(async || {
        let books = ShopBooks {
            users: shop.users_db.clone(),
            catalog: shop.catalog_db.clone(),
            orders: shop.orders_db.clone(),
            notifications: shop.notifications_db.clone(),
        };
        shop.users_db.heal();
        shop.catalog_db.heal();
        shop.orders_db.heal();
        shop.notifications_db.heal();
        Subject { shop: shop.clone(), books }
    });
    futures_executor::block_on(audit);
}

#[test]
fn whoever_is_erased_leaves_no_trace() {
    let shop = Arc::new(MemoryShop::new(7));
    shop.clock.tick();
    futures_executor::block_on(async {
        trade(&shop).await.expect("a shop trades");
        let books = ShopBooks {
            users: shop.users_db.clone(),
            catalog: shop.catalog_db.clone(),
            orders: shop.orders_db.clone(),
            notifications: shop.notifications_db.clone(),
        };
        conformance::erasure(&Subject { shop: shop.clone(), books }).await;
    });
}

/// Whoever held one for too long, or under another name, would keep everybody from its work.
#[test]
fn a_lease_that_was_altered_is_named() {
    let shop = MemoryShop::new(7);
    let walk = Walk { lead: LEASES, key: "name", name: "name", within: None, beside: &[] };
    let look = || async {
        let report = shop.audit(&Actor::System, AuditRequest::new(&NoWait)).await.expect("the books can be read");
        report.violations.into_iter().map(|it| (it.invariant, it.entity)).collect::<Vec<_>>()
    };
    futures_executor::block_on(async {
        trade(&shop).await.expect("a shop trades");
        let owner = IdSource::new(shop.clock.clone(), Arc::new(SeededEntropy::new(9))).mint::<SessionId>().uuid();
        work(&shop, owner).await;
        shop.users_db.give_back("workers", owner).await.expect("a lease can be given back");
        assert_eq!(look().await, []);
        for books in [&*shop.users_db as &dyn Books, &*shop.notifications_db] {
            let stretch = books.stretch(&walk, None, 10).await.expect("the books can be read");
            let [lease] = stretch.pages.of(LEASES) else { panic!("{stretch:?}") };
            let soon = Cell::from(shop.clock.now().plus(Duration::from_secs(2)));
            let altered: [(&'static str, Cell); 4] =
                [("name", "worker".into()), ("owner_id", Uuid::nil().into()), ("epoch", Cell::Int(2)), ("until_at", soon)];
            for (column, value) in altered {
                let name = if column == "name" { "worker" } else { "workers" };
                if *lease.cell("until_at") == Cell::Null {
                    shop.users_db.tamper(lease, Some((column, value)));
                } else {
                    shop.notifications_db.tamper(lease, Some((column, value)));
                }
                assert_eq!(look().await, [(Invariant::Sealed, name.to_owned())], "{column}");
                shop.users_db.heal();
                shop.notifications_db.heal();
            }
        }
        let endless = shop.clock.now().plus(LEASE_MAX).plus(Duration::from_secs(1));
        shop.users_db.acquire("workers", owner, shop.clock.now(), endless).await.expect("the lease can be asked for");
        assert_eq!(look().await, [(Invariant::Lease, "workers".to_owned())], "one without an end");
    });
}

/// Somebody does the later work of every context from now on, for the next seconds.
async fn work(shop: &MemoryShop, owner: Uuid) {
    let now = shop.clock.now();
    let leases: [&dyn Leases; 4] = [&*shop.users_db, &*shop.catalog_db, &*shop.orders_db, &*shop.notifications_db];
    for books in leases {
        books.acquire("workers", owner, now, now.plus(Duration::from_secs(3))).await.expect("the lease can be asked for");
    }
}

#[test]
fn a_shop_that_was_switched_off_is_not_late_until_somebody_had_time() {
    let shop = MemoryShop::new(7);
    let look = || async {
        let report = shop.audit(&Actor::System, AuditRequest::new(&NoWait)).await.expect("the books can be read");
        (report.counts, report.unsettled)
    };
    futures_executor::block_on(async {
        trade(&shop).await.expect("a shop trades");
        shop.clock.advance(Duration::from_hours(10));
        let (counts, unsettled) = look().await;
        assert!(counts.is_empty() && unsettled > 0, "switched off: {counts:?}, {unsettled} unsettled");

        let started = IdSource::new(shop.clock.clone(), Arc::new(SeededEntropy::new(9))).mint::<SessionId>().uuid();
        work(&shop, started).await;
        assert!(look().await.0.is_empty(), "just started");

        shop.clock.advance(Duration::from_mins(16));
        work(&shop, started).await;
        let counts = look().await.0;
        assert!(counts.contains_key(&Invariant::Overdue), "a quarter of an hour later: {counts:?}");

        shop.settle().await.expect("a shop settles");
        work(&shop, started).await;
        assert_eq!(look().await, (BTreeMap::new(), 0), "everything is done");
    });
}

/// Whoever tells ops may be halted or killed for a while: what she has not told yet is not wrong.
#[test]
fn low_stock_is_on_its_way_while_somebody_has_it_to_tell() {
    let shop = MemoryShop::new(7);
    let sku: Sku = "CUP-1".parse().expect("it is a SKU");
    let look = || async {
        let report = shop.audit(&Actor::System, AuditRequest::new(&NoWait)).await.expect("the books can be read");
        (report.counts, report.unsettled)
    };
    futures_executor::block_on(async {
        trade(&shop).await.expect("a shop trades");
        shop.settle().await.expect("a shop settles");
        let started = IdSource::new(shop.clock.clone(), Arc::new(SeededEntropy::new(9))).mint::<SessionId>().uuid();
        work(&shop, started).await;
        assert_eq!(look().await, (BTreeMap::new(), 0), "everything is done");

        // What falls due in that hour is done, and only the shelf is left to be told of.
        shop.clock.advance(Duration::from_hours(1));
        shop.settle().await.expect("a shop settles");
        let stock = shop.catalog.inventory(&Actor::System, &sku).await.expect("it has a shelf");
        let turn = if stock.low_stock_alerted { 1_000 } else { -stock.available() };
        let adjusted = shop.catalog.adjust_stock(&Actor::System, &sku, turn, "counted".to_owned(), None, None).await;
        adjusted.expect("the stock can be corrected");
        while shop.step(Work::RelayCatalog).await.expect("the bus takes what was said") > 0 {}
        work(&shop, started).await;
        assert_eq!(look().await, (BTreeMap::new(), 1), "it has just moved");
        shop.clock.advance(Duration::from_mins(16));
        let another = IdSource::new(shop.clock.clone(), Arc::new(SeededEntropy::new(10))).mint::<SessionId>().uuid();
        work(&shop, another).await;
        assert_eq!(look().await, (BTreeMap::new(), 1), "another one has just begun");
        shop.clock.advance(Duration::from_mins(16));
        work(&shop, another).await;
        assert_eq!(look().await.0, BTreeMap::from([(Invariant::Overdue, 1)]), "she had a quarter of an hour");
    });
}

/// A broker that takes every event and brings none yet.
struct Broker;

#[async_trait]
impl EventBus for Broker {
    async fn publish(&self, events: &[Envelope]) -> Result<Vec<EventId>, StoreError> {
        Ok(events.iter().map(|event| event.id).collect())
    }

    fn lag(&self) -> Duration {
        BROKER_LAG
    }
}

/// An event that a broker has is on its way as long as a consumer may be dead, and may then be given to another.
#[test]
fn what_a_broker_took_is_on_its_way_until_a_consumer_had_time() {
    let shop = MemoryShop::new(7);
    futures_executor::block_on(async {
        let broker: Arc<dyn EventBus> = Arc::new(Broker);
        let outboxes: Vec<(Context, Arc<dyn Outbox>)> = vec![
            (Context::Users, shop.users_db.clone()),
            (Context::Catalog, shop.catalog_db.clone()),
            (Context::Orders, shop.orders_db.clone()),
        ];
        let behind_broker = Commerce::clone(&shop).with_bus(&broker, outboxes);
        let look = || async {
            let report = behind_broker.audit(&Actor::System, AuditRequest::new(&NoWait)).await.expect("the books can be read");
            (
                report.counts.contains_key(&Invariant::Event),
                report.counts.contains_key(&Invariant::HoldOfOrder),
                report.unsettled > 0,
            )
        };
        let started = IdSource::new(shop.clock.clone(), Arc::new(SeededEntropy::new(9))).mint::<SessionId>().uuid();
        trade(&behind_broker).await.expect("a shop trades");
        behind_broker.settle().await.expect("the broker takes everything");
        assert_eq!(look().await, (false, false, true), "nobody receives");
        work(&shop, started).await;
        assert_eq!(look().await, (false, false, true), "just published");

        shop.clock.advance(BROKER_LAG + Duration::from_secs(1));
        let another = IdSource::new(shop.clock.clone(), Arc::new(SeededEntropy::new(10))).mint::<SessionId>().uuid();
        work(&shop, another).await;
        assert_eq!(look().await, (false, false, true), "another one has just begun to receive");
        shop.clock.advance(BROKER_LAG + Duration::from_secs(1));
        work(&shop, another).await;
        let (events, holds, _) = look().await;
        assert!(events && holds, "she had a minute, so they are lost");
    });
}

#[test]
fn a_letter_that_staff_threw_away_is_not_missed() {
    let shop = MemoryShop::new(7);
    futures_executor::block_on(async {
        trade(&shop).await.expect("a shop trades");
        let envelope = Envelope {
            id: IdSource::new(shop.clock.clone(), Arc::new(SeededEntropy::new(9))).mint(),
            topic: Topic::Catalog,
            kind: EventKind::LowStockAlert,
            schema: 1,
            aggregate: Uuid::from_u128(1),
            version: 1,
            at: shop.clock.now(),
            traceparent: None,
            data: serde_json::json!({ "sku": 7 }).into(),
        };
        let event = envelope.id;
        let said = ChangeSet::<CatalogWrite>::new().say([envelope]);
        shop.catalog_db.commit(said).await.expect("an event is said");
        for _ in 0..RECEIVES_MAX {
            shop.settle().await.expect("a shop settles");
            shop.clock.advance(Duration::from_mins(2));
        }
        let look = || async {
            let report = shop.audit(&Actor::System, AuditRequest::new(&NoWait)).await.expect("the books can be read");
            (report.violations, report.unsettled)
        };
        assert_eq!(look().await, (Vec::new(), 1), "a dead letter is not settled");
        shop.dead_letters.purge(&Actor::System, NotificationRecorder::NAME, event).await.expect("there is a letter");
        assert_eq!(look().await, (Vec::new(), 0));
    });
}

/// Every row of a table of orders.
async fn rows_of_orders(shop: &MemoryShop, table: &'static Table) -> Vec<Row> {
    let key = table.columns[0].0;
    let walk = Walk { lead: table, key, name: key, within: None, beside: &[] };
    shop.orders_db.stretch(&walk, None, 10_000).await.expect("the books can be read").pages.of(table).to_vec()
}

async fn found(shop: &MemoryShop, invariant: Invariant) -> Vec<String> {
    let report = shop.audit(&Actor::System, AuditRequest::new(&NoWait)).await.expect("the books can be read");
    report.violations.into_iter().filter(|it| it.invariant == invariant).map(|it| it.entity).collect()
}

#[test]
fn who_sells_for_nobody_any_more_is_a_customer_by_the_log() {
    let shop = MemoryShop::new(7);
    futures_executor::block_on(async {
        let user =
            shop.users.register(&Actor::Anonymous, samples::register("asha@example.com"), None).await.unwrap().into_inner().id;
        let new = NewSeller { name: "Asha's".to_owned(), slug: None, user: Some(user) };
        let seller = shop.catalog.create_seller(&Actor::System, new, None).await.unwrap().into_inner().id;
        shop.users.set_seller(&Actor::System, user, seller).await.unwrap();
        shop.settle().await.unwrap();
        assert_eq!(found(&shop, Invariant::StaffLog).await, [""; 0]);
        shop.users.end_seller(&Actor::System, user, seller).await.unwrap();
        shop.settle().await.unwrap();
        assert_eq!(found(&shop, Invariant::StaffLog).await, [""; 0]);
    });
}

/// Whose name it is says the provider's ledger; that two have it say the books, also where no ledger can be asked.
#[test]
fn two_orders_that_claim_one_payment_are_both_named() {
    let shop = MemoryShop::new(7);
    futures_executor::block_on(async {
        trade(&shop).await.expect("a shop trades");
        let orders = rows_of_orders(&shop, ORDERS).await;
        let number = |row: &Row| {
            let order = orders.iter().find(|order| order.cell("id") == row.cell("order_id")).expect("it has an order");
            order.cell("number").to_string()
        };
        for (table, state) in [(ATTEMPTS, "CAPTURED"), (REFUNDS, "SUCCEEDED")] {
            let rows = rows_of_orders(&shop, table).await;
            let named =
                |row: &&Row| row.text("reference").is_some_and(|name| name.starts_with("pay_") || name.starts_with("ref_"));
            let mut rows = rows.iter().filter(|row| row.text("state") == Some(state)).filter(named);
            let one = rows.next().expect("there is one");
            let other = rows.find(|row| row.cell("order_id") != one.cell("order_id")).expect("there is another");
            let mut both = vec![number(one), number(other)];
            both.sort();
            shop.orders_db.tamper(one, Some(("reference", other.cell("reference").clone())));
            let mut named = found(&shop, Invariant::Provider).await;
            named.sort();
            named.dedup();
            assert_eq!(named, both, "{}", table.name);
            shop.orders_db.heal();
        }
    });
}

#[test]
fn a_use_of_another_coupon_than_its_code_is_named() {
    let shop = MemoryShop::new(7);
    futures_executor::block_on(async {
        trade(&shop).await.expect("a shop trades");
        let other = samples::percent_off("OTHERS", 10);
        let other = shop.orders.create_coupon(&Actor::System, other, None).await.expect("it can be made").into_inner();
        shop.settle().await.expect("a shop settles");
        let uses = rows_of_orders(&shop, REDEMPTIONS).await;
        let back = uses.iter().find(|row| *row.cell("returned_at") != Cell::Null).expect("one was given back");
        assert_eq!(found(&shop, Invariant::Coupon).await, Vec::<String>::new());
        shop.orders_db.tamper(back, Some(("coupon_id", other.id.uuid().into())));
        assert_eq!(found(&shop, Invariant::Coupon).await.len(), 1);
    });
}

/// Two clicks on processes whose clocks differ: the hold that was taken second has the earlier time.
#[test]
fn a_hold_taken_anew_by_a_slower_clock_lives_its_own_time() {
    let shop = MemoryShop::new(7);
    futures_executor::block_on(async {
        trade(&shop).await.expect("a shop trades");
        let (sku, one): (Sku, _) = ("CUP-1".parse().expect("it is a SKU"), Quantity::new(1).expect("one is a quantity"));
        let lines = [(sku, one)];
        let key = HoldKey::from_hex(&"5".repeat(64)).expect("it is a key");
        let slow = shop.clock.now();

        shop.clock.set(slow.plus(Duration::from_millis(300)));
        let first = shop.catalog.reserve(key, &lines).await.expect("there is stock").hold;
        shop.catalog.release(first).await.expect("it is given back");
        shop.clock.set(slow);
        let second = shop.catalog.reserve(key, &lines).await.expect("there is stock").hold;
        shop.clock.set(slow.plus(Duration::from_mins(14)));
        let later = shop.clock.now().plus(Duration::from_mins(10));
        let put_off = ChangeSet::of([CatalogWrite::PostponeHold(key, second.generation, later)]);
        shop.catalog_db.commit(put_off).await.expect("it is put off");
        shop.catalog.release(second).await.expect("it is given back");

        let report = shop.audit(&Actor::System, AuditRequest::new(&NoWait)).await.expect("the books can be read");
        assert_eq!(report.violations, Vec::new());
    });
}

/// Puts `value` into `column` of the row of a table that `pick` picks, and answers what an audit finds then.
async fn planted(
    shop: &MemoryShop,
    (table, key): (&'static Table, Uuid),
    (column, value): (&'static str, Cell),
) -> BTreeMap<Invariant, u64> {
    let walk = Walk { lead: table, key: "id", name: "id", within: None, beside: &[] };
    let pages = shop.users_db.look_up(&walk, &[key.into()]).await.expect("the books can be read");
    let row = pages.of(table).first().expect("it is there").clone();
    shop.users_db.tamper(&row, Some((column, value)));
    let report = shop.audit(&Actor::System, AuditRequest::new(&NoWait)).await.expect("the books can be read");
    report.counts
}

#[test]
fn a_session_of_who_came_later_is_found() {
    futures_executor::block_on(async {
        let shop = MemoryShop::new(7);
        let register = |name: &str| samples::register(&format!("{name}@example.com"));
        shop.users.register(&Actor::Anonymous, register("asha"), None).await.expect("she registers");
        let session = shop.users.login("asha@example.com", samples::PASSWORD).await.expect("she logs in").session;
        shop.clock.advance(Duration::from_hours(1));
        let late = shop.users.register(&Actor::Anonymous, register("late"), None).await.expect("she registers").into_inner();
        shop.settle().await.expect("a shop settles");
        let counts = planted(&shop, (SESSIONS, session.uuid()), ("user_id", late.id.uuid().into())).await;
        assert_eq!(counts, BTreeMap::from([(Invariant::Times, 1), (Invariant::Reference, 1), (Invariant::Sealed, 1)]));
    });
}

/// Nothing but the tokens tells two users of one age apart.
#[test]
fn a_session_of_another_of_the_same_age_is_found() {
    futures_executor::block_on(async {
        let shop = MemoryShop::new(7);
        let register = |name: &str| samples::register(&format!("{name}@example.com"));
        shop.users.register(&Actor::Anonymous, register("asha"), None).await.expect("she registers");
        let twin = shop.users.register(&Actor::Anonymous, register("bela"), None).await.expect("she registers").into_inner();
        let session = shop.users.login("asha@example.com", samples::PASSWORD).await.expect("she logs in").session;
        shop.settle().await.expect("a shop settles");
        let counts = planted(&shop, (SESSIONS, session.uuid()), ("user_id", twin.id.uuid().into())).await;
        assert_eq!(counts, BTreeMap::from([(Invariant::Reference, 1), (Invariant::Sealed, 1)]));
    });
}

/// No event says a name, and whoever changes hers says nothing either: her row does.
#[test]
fn a_name_changed_by_hand_is_found_and_one_changed_by_her_is_not() {
    futures_executor::block_on(async {
        let shop = MemoryShop::new(7);
        let asha = shop.users.register(&Actor::Anonymous, samples::register("asha@example.com"), None).await;
        let asha = asha.expect("she registers").into_inner().id;
        let update = UpdateUser { full_name: Some("Asha R. Rao".to_owned()), ..UpdateUser::default() };
        shop.users.update_user(&Actor::Customer(asha), asha, update, None).await.expect("she may");
        shop.settle().await.expect("a shop settles");
        let report = shop.audit(&Actor::System, AuditRequest::new(&NoWait)).await.expect("the books can be read");
        assert_eq!(report.violations, Vec::new());
        let counts = planted(&shop, (USERS, asha.uuid()), ("full_name", "Eve".into())).await;
        assert_eq!(counts, BTreeMap::from([(Invariant::Sealed, 1)]));
    });
}
