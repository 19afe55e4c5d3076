//! Stock: holds, sales, corrections, alerts.

use commerce_core::audit::AuditRequest;
use commerce_core::catalog::MovementKind::{Receipt, Release, Reservation, Restock, Sale};
use commerce_core::catalog::{HoldKey, HoldState, ProductPatch, StockPolicy, StockReads};
use commerce_core::change::Answer;
use commerce_core::events::{EventKind, Outbox};
use commerce_core::ids::UserId;
use commerce_core::limits;
use commerce_core::testing::MemoryShop;
use commerce_core::testing::conformance::NoWait;
use commerce_core::users::Sellers;
use commerce_core::{Actor, Clock, Outcome, Refusal};
use futures_executor::block_on;
use serde_json::Value;

use crate::house::{House, KEY, STAFF, keyed, product, refused, sku};

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
        let a = sku("A");
        let adjust = |delta, key| house.catalog.adjust_stock(&STAFF, &a, delta, "counted".to_owned(), key, None);
        assert_eq!(refused(adjust(-4, None).await), Refusal::BelowReserved { sku: sku("A"), reserved: 2 });
        assert!(matches!(adjust(-3, Some(keyed("k", 1))).await?, Answer::Fresh(stock) if stock.on_hand == 2));
        assert!(matches!(adjust(-3, Some(keyed("k", 1))).await?, Answer::Replayed(stock) if stock.on_hand == 2));
        assert_eq!(refused(adjust(-3, Some(keyed("k", 2))).await), Refusal::IdempotencyMismatch);
        assert_eq!(house.stock("A").await?, (2, 2));
        let user: UserId = house.ids.mint();
        let stranger = Actor::Seller(user, house.catalog.of_her_own(user).await?);
        assert_eq!(refused(house.catalog.inventory(&stranger, &sku("A")).await), Refusal::NotFound("SKU"));
        Ok(())
    })
}

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
        house.catalog.set_threshold(&STAFF, &sku("A"), Some(6), None).await?;
        assert_eq!(house.catalog.alert_low_stock(10).await?, 1);
        assert_eq!(alerts().await.len(), 1, "they were told a moment ago");
        house.catalog.set_threshold(&STAFF, &sku("A"), Some(5), None).await?;
        assert_eq!(house.catalog.alert_low_stock(10).await?, 1);
        house.clock.advance(StockPolicy::default().low_stock_quiet);
        house.catalog.set_threshold(&STAFF, &sku("A"), Some(6), None).await?;
        assert_eq!(house.catalog.alert_low_stock(10).await?, 1);
        assert_eq!(alerts().await.len(), 2);
        Ok(())
    })
}

#[test]
fn ops_are_not_told_of_what_was_low_from_the_start() -> Outcome<()> {
    block_on(async {
        let house = House::selling(&[("A", 5), ("B", 0)]).await?;
        let more = ProductPatch::replacing(product("A", &[("A", 0), ("C", 3), ("D", 6)]));
        let made = house.store.inventory(&[sku("A")]).await.unwrap()[0].product;
        house.catalog.update_product(&STAFF, made, more, None).await?;
        let told = || async {
            house.catalog.alert_low_stock(10).await?;
            let said = house.store.unpublished(100).await.unwrap();
            let said = said.into_iter().filter(|event| event.kind == EventKind::LowStockAlert);
            let mut skus: Vec<_> = said.map(|event| event.data.read::<Value>().unwrap()["sku"].clone()).collect();
            skus.sort_by_key(Value::to_string);
            Outcome::Ok(skus)
        };
        let adjust =
            async |text, delta| house.catalog.adjust_stock(&STAFF, &sku(text), delta, "counted".to_owned(), None, None).await;
        assert_eq!(told().await?, [Value::Null; 0], "nothing has fallen");
        assert_eq!(house.catalog.inventory(&STAFF, &sku("A")).await?.version, 2, "only counted so far");
        adjust("B", 5).await?;
        adjust("A", -1).await?;
        assert_eq!(told().await?, [Value::Null; 0], "it was low all the time");
        adjust("B", 1).await?;
        adjust("D", -1).await?;
        assert_eq!(told().await?, ["D"], "it had more");
        adjust("B", -1).await?;
        assert_eq!(told().await?, ["B", "D"], "it had more in between");
        Ok(())
    })
}

#[test]
fn what_nobody_has_yet_is_sold_out_and_the_books_are_in_order() -> Outcome<()> {
    block_on(async {
        let shop = MemoryShop::new(7);
        shop.catalog.create_product(&STAFF, product("A", &[("A", 0), ("B", 3)]), None).await?;
        shop.settle().await?;
        let report = shop.audit(&Actor::System, AuditRequest::new(&NoWait)).await?;
        assert!(report.counts.is_empty(), "{:?}", report.violations);
        assert_eq!(shop.catalog.inventory(&STAFF, &sku("A")).await?.available(), 0);
        Ok(())
    })
}

#[test]
fn the_shop_decides_when_the_stock_of_new_skus_is_low() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let catalog = house.catalog.clone().with_policy(StockPolicy { low_stock_threshold: 9, ..StockPolicy::default() });
        let made = catalog.create_product(&STAFF, product("A", &[("A", 0)]), None).await?.into_inner();
        assert_eq!(catalog.inventory(&STAFF, &sku("A")).await?.low_stock_threshold, 9);
        catalog.set_threshold(&STAFF, &sku("A"), Some(2), None).await?;
        let more = product("A", &[("A", 0), ("B", 4)]);
        catalog.update_product(&STAFF, made.id, ProductPatch::replacing(more), None).await?;
        assert_eq!(catalog.inventory(&STAFF, &sku("A")).await?.low_stock_threshold, 2);
        assert_eq!(catalog.inventory(&STAFF, &sku("B")).await?.low_stock_threshold, 9);
        catalog.create_product(&STAFF, product("C", &[("C", 9)]), None).await?;
        assert!(catalog.inventory(&STAFF, &sku("C")).await?.low_stock_alerted, "it begins where the shop's own threshold is");
        Ok(())
    })
}
