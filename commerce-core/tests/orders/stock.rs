//! Stock and orders together: who may end a hold, and events in any order.

use std::collections::BTreeMap;
use std::time::Duration;

use commerce_core::audit::AuditRequest;
use commerce_core::catalog::{HoldKey, MovementKind, NewVariant, StockKeeper};
use commerce_core::change::RequestKey;
use commerce_core::events::{Consumer, Envelope, EventKind, Outbox};
use commerce_core::limits;
use commerce_core::orders::{CartOwner, CartReducer, OrderStatus, RequestReturn, ReturnKind};
use commerce_core::page::PageRequest;
use commerce_core::testing::conformance::NoWait;
use commerce_core::text::{Quantity, Sku};
use commerce_core::{Clock, Currency, Money, Outcome};
use futures_executor::block_on;
use futures_util::future::join;

use crate::scene::{COD, STAFF, Scene, card, code, key, product, wish};

const A: (&str, i64) = ("A", 10);

fn lines(count: u32) -> Vec<(Sku, Quantity)> {
    vec![("A".parse().expect("it is well formed"), Quantity::new(count).expect("it is in range"))]
}

#[test]
fn an_abandoned_checkout_gives_its_stock_back_in_time() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(1, &[A]).await?;
        let hold = HoldKey::of(scene.asha_id(), &key("k").key);
        scene.catalog.reserve(hold, &lines(3)).await?;
        scene.wait(limits::HOLD_FOR.saturating_sub(Duration::from_micros(1)));
        scene.settle().await?;
        assert_eq!(scene.stock("A").await?, (10, 3), "not before it expires");
        scene.wait(Duration::from_micros(1));
        scene.settle().await?;
        assert_eq!(scene.stock("A").await?, (10, 0));
        Ok(())
    })
}

#[test]
fn a_checkout_goes_on_with_the_hold_its_first_try_left() -> Outcome<()> {
    block_on(async {
        // The first try held and died before it committed.
        let scene = Scene::open(2, &[A]).await?;
        let hold = HoldKey::of(scene.asha_id(), &key("k").key);
        let held = scene.catalog.reserve(hold, &lines(3)).await?;
        let order = scene.place_keyed(wish(&[("A", 3)], COD), "k").await?.into_inner();
        assert_eq!(order.hold, held.hold);
        assert_eq!(scene.stock("A").await?, (10, 3), "it was taken once");
        Ok(())
    })
}

#[test]
fn other_lines_under_a_live_hold_are_another_request() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(3, &[A]).await?;
        let hold = HoldKey::of(scene.asha_id(), &key("k").key);
        scene.catalog.reserve(hold, &lines(3)).await?;
        assert_eq!(code(&scene.place_keyed(wish(&[("A", 4)], COD), "k").await), "IDEMPOTENCY_MISMATCH");
        scene.wait(limits::HOLD_FOR);
        scene.settle().await?;
        let other_body = RequestKey { body_hash: [2; 32], ..key("k") };
        let order = scene.orders.place(&scene.asha, wish(&[("A", 4)], COD), Some(other_body)).await?.into_inner();
        assert_eq!(order.hold.generation, 2, "a dead hold is taken anew");
        Ok(())
    })
}

#[test]
fn a_cart_that_was_changed_between_two_tries_is_ordered_as_it_is() -> Outcome<()> {
    block_on(async {
        for seed in 0..20 {
            let scene = Scene::open(seed, &[A]).await?;
            let owner = CartOwner::User(scene.asha_id());
            let add = async |count| {
                let items = [("A".to_owned(), count)];
                scene.orders.add_to_cart(&scene.asha, owner, &items, None, None, None).await
            };
            add(1).await?;
            // The first try held and died before it committed.
            let hold = HoldKey::of(scene.asha_id(), &key("k").key);
            scene.catalog.reserve(hold, &lines(1)).await?;
            add(2).await?;
            // Two clicks, and what came into the cart in between.
            let (one, other) = join(scene.place_keyed(wish(&[], COD), "k"), scene.place_keyed(wish(&[], COD), "k")).await;
            let (one, other) = (one?.into_inner(), other?.into_inner());
            assert_eq!((one.id, one.lines[0].quantity.get()), (other.id, 3), "seed {seed}");
            assert_eq!(scene.place_keyed(wish(&[], COD), "k").await?.into_inner().id, one.id);
            scene.settle().await?;
            assert_eq!(scene.stock("A").await?, (7, 1), "what the first try holds is there until it expires, seed {seed}");
            scene.wait(limits::HOLD_FOR);
            scene.settle().await?;
            assert_eq!(scene.stock("A").await?, (7, 0), "seed {seed}");
        }
        Ok(())
    })
}

#[test]
fn no_order_appears_on_a_hold_that_is_about_to_expire() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(4, &[A]).await?;
        let hold = HoldKey::of(scene.asha_id(), &key("k").key);
        let held = scene.catalog.reserve(hold, &lines(3)).await?;
        scene.wait(limits::HOLD_FOR.saturating_sub(limits::HOLD_MARGIN));
        let order = scene.place_keyed(wish(&[("A", 3)], COD), "k").await?.into_inner();
        assert_eq!(order.hold.generation, held.hold.generation + 1, "it stands on a fresh one");
        assert_eq!(scene.stock("A").await?, (10, 3), "and the old one is given back");
        scene.settle().await?;
        assert_eq!(scene.stock("A").await?, (7, 0));
        Ok(())
    })
}

#[test]
fn a_live_order_keeps_its_hold_however_late_its_events_are() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(5, &[A]).await?;
        let confirmed = scene.place(wish(&[("A", 2)], COD)).await?;
        // The relay is stuck for a day; the sweeper is not.
        for _ in 0..24 {
            scene.wait(Duration::from_hours(1));
            assert_eq!(scene.catalog.sweep_holds(10).await?, 0);
        }
        assert_eq!(scene.stock("A").await?, (10, 2));
        scene.settle().await?;
        assert_eq!(scene.stock("A").await?, (8, 0));
        assert_eq!(scene.order(confirmed.id).await?.status, OrderStatus::Confirmed);
        Ok(())
    })
}

#[test]
fn a_cancelled_order_gives_its_hold_up_by_event_or_by_the_sweeper() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(6, &[A]).await?;
        let order = scene.place(wish(&[("A", 2)], card("tok_pending"))).await?;
        scene.orders.cancel(&scene.asha, order.id, None, None, None).await?;
        scene.wait(limits::HOLD_FOR);
        assert_eq!(scene.catalog.sweep_holds(10).await?, 1, "nobody live stands behind it");
        assert_eq!(scene.stock("A").await?, (10, 0));
        scene.settle().await?;
        assert_eq!(scene.stock("A").await?, (10, 0), "its event finds nothing left to do");
        Ok(())
    })
}

#[test]
fn what_comes_back_for_a_variant_that_is_gone_is_in_its_ledger() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(9, &[]).await?;
        let price = Money::new(49_900, Currency::INR);
        let mut new = product("A", 2, price);
        let variant = new.variants[0].clone();
        new.variants.push(NewVariant { sku: "B".to_owned(), options: BTreeMap::from([size("L")]), ..variant.clone() });
        new.variants[0].options = BTreeMap::from([size("S")]);
        let kurta = scene.catalog.create_product(&STAFF, new, None).await?.into_inner().id;
        let order = scene.place(wish(&[("A", 2), ("B", 1)], COD)).await?;
        scene.settle().await?;
        let sku: Sku = "A".parse().expect("it is well formed");
        scene.catalog.remove_variant(&STAFF, kurta, &sku, None).await?;
        scene.orders.cancel(&scene.asha, order.id, None, None, None).await?;
        scene.settle().await?;
        let clean = async || {
            let report = scene.audit(&STAFF, AuditRequest::new(&NoWait)).await?;
            assert_eq!((report.violations, report.unsettled), (Vec::new(), 0));
            Outcome::Ok(())
        };
        clean().await?;
        let again = NewVariant { options: BTreeMap::from([size("S")]), stock: 5, ..variant };
        scene.catalog.add_variant(&STAFF, kurta, again, None, None).await?;
        scene.settle().await?;
        clean().await?;
        assert_eq!((scene.stock("A").await?, scene.stock("B").await?), ((5, 0), (2, 0)));
        let ledger = scene.catalog.stock_ledger(&STAFF, &sku, &PageRequest::first()).await?.items;
        let back: Vec<(MovementKind, i64)> = ledger.iter().rev().skip(3).map(|line| (line.kind, line.on_hand)).collect();
        assert_eq!(back, [(MovementKind::Restock, 2), (MovementKind::Adjustment, -2), (MovementKind::Receipt, 5)]);
        Ok(())
    })
}

#[test]
fn a_hold_taken_anew_by_a_clock_that_was_set_back_is_fine() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(10, &[A]).await?;
        let hold = HoldKey::of(scene.asha_id(), &key("k").key);
        let before = scene.clock.now();
        scene.wait(Duration::from_secs(1));
        let first = scene.catalog.reserve(hold, &lines(3)).await?;
        scene.catalog.release(first.hold).await?;
        scene.clock.set(before);
        scene.catalog.reserve(hold, &lines(3)).await?;
        let report = scene.audit(&STAFF, AuditRequest::new(&NoWait)).await?;
        assert_eq!(report.violations, []);
        Ok(())
    })
}

fn size(size: &str) -> (String, String) {
    ("Size".to_owned(), size.to_owned())
}

async fn deliver(consumer: &impl Consumer, event: &Envelope) {
    if consumer.wants(event.kind) {
        consumer.handle(event).await.expect("it is handled");
    }
}

/// All orders in which three things can come.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

#[test]
fn the_stock_is_right_in_whatever_order_events_come_and_however_often() -> Outcome<()> {
    block_on(async {
        for sequence in ORDERS {
            for repeats in [1, 2] {
                let scene = Scene::open(7, &[A]).await?;
                let order = scene.place(wish(&[("A", 2)], COD)).await?;
                scene.orders.cancel(&scene.asha, order.id, None, None, None).await?;
                let events = scene.orders_db.unpublished(10).await?;
                let kinds: Vec<EventKind> = events.iter().map(|event| event.kind).collect();
                assert_eq!(kinds, [EventKind::OrderCreated, EventKind::OrderConfirmed, EventKind::OrderCancelled]);
                let keeper = StockKeeper::new(scene.catalog.clone());
                for index in sequence {
                    for _ in 0..repeats {
                        deliver(&keeper, &events[index]).await;
                    }
                }
                for event in &events {
                    deliver(&keeper, event).await;
                }
                assert_eq!(scene.stock("A").await?, (10, 0), "{sequence:?}, {repeats} times each");
            }
        }
        Ok(())
    })
}

/// Of each hold in the ledger of "A": never more came back than was sold until then.
async fn only_what_was_sold_came_back(scene: &Scene) -> Outcome<bool> {
    let sku: Sku = "A".parse().expect("it is well formed");
    let ledger = scene.catalog.stock_ledger(&STAFF, &sku, &PageRequest::first()).await?.items;
    let mut out: BTreeMap<Option<String>, i64> = BTreeMap::new();
    Ok(ledger.into_iter().rev().all(|movement| {
        let out = out.entry(movement.reference).or_default();
        match movement.kind {
            MovementKind::Sale | MovementKind::Restock => *out += movement.on_hand,
            _ => {}
        }
        *out <= 0
    }))
}

#[test]
fn what_comes_back_before_its_sale_was_heard_is_sold_first() -> Outcome<()> {
    block_on(async {
        let wanted = [EventKind::OrderConfirmed, EventKind::OrderLinesCancelled, EventKind::ReturnReceived];
        for sequence in ORDERS {
            let scene = Scene::open(8, &[A]).await?;
            let order = scene.place(wish(&[("A", 4)], COD)).await?.id;
            scene.orders.cancel_lines(&scene.asha, order, &[("A".to_owned(), 1)], None, None, None).await?;
            for status in [OrderStatus::Processing, OrderStatus::Shipped, OrderStatus::Delivered] {
                scene.orders.set_status(&STAFF, order, status, None, None).await?;
            }
            let lines = vec![("A".to_owned(), 2)];
            let wish = RequestReturn { kind: ReturnKind::Return, lines, refused: None, reason: "too small".to_owned() };
            let it = scene.orders.request_return(&scene.asha, order, wish, None, None).await?.into_inner().it.id;
            scene.orders.approve_return(&STAFF, it, None, None).await?;
            let came = vec![("A".to_owned(), 1, true), ("A".to_owned(), 1, false)];
            scene.orders.receive_return(&STAFF, it, Some(came), None, None).await?;
            let mut events = scene.orders_db.unpublished(20).await?;
            events.retain(|event| wanted.contains(&event.kind));
            assert_eq!(events.iter().map(|event| event.kind).collect::<Vec<_>>(), wanted);
            let keeper = StockKeeper::new(scene.catalog.clone());
            for index in sequence {
                deliver(&keeper, &events[index]).await;
                assert!(only_what_was_sold_came_back(&scene).await?, "{sequence:?}");
            }
            for event in &events {
                deliver(&keeper, event).await;
            }
            assert_eq!(scene.stock("A").await?, (8, 0), "{sequence:?}");
        }
        Ok(())
    })
}

#[test]
fn a_cart_is_reduced_once_however_often_it_is_told() -> Outcome<()> {
    block_on(async {
        for cleared_first in [false, true] {
            let scene = Scene::open(8, &[A]).await?;
            let owner = CartOwner::User(scene.asha_id());
            let add = |count| {
                let scene = &scene;
                async move { scene.orders.add_to_cart(&scene.asha, owner, &[("A".to_owned(), count)], None, None, None).await }
            };
            add(2).await?;
            scene.place(wish(&[], COD)).await?;
            if cleared_first {
                scene.orders.clear_cart(&scene.asha, owner, None).await?;
            }
            let events = scene.orders_db.unpublished(10).await?;
            let reducer = CartReducer(scene.orders.clone());
            for event in &events {
                deliver(&reducer, event).await;
            }
            add(5).await?;
            for event in &events {
                deliver(&reducer, event).await;
            }
            let cart = scene.orders.cart(&scene.asha, owner).await?;
            let left: Vec<u32> = cart.lines.iter().map(|line| line.quantity.get()).collect();
            assert_eq!(left, [5], "cleared first: {cleared_first}");
        }
        Ok(())
    })
}
