//! E30: nobody keeps stock without paying.

use std::time::Duration;

use commerce_core::audit::AuditRequest;
use commerce_core::commerce::Policies;
use commerce_core::orders::{GuestBuyer, OrderPolicy, OrderStatus};
use commerce_core::testing::MemoryShop;
use commerce_core::testing::conformance::NoWait;
use commerce_core::{Outcome, limits};
use futures_executor::block_on;
use futures_util::future::join_all;

use crate::scene::{COD, STAFF, Scene, card, code, wish};

const A: (&str, i64) = ("A", 500);

async fn open(seed: u64, unpaid_max: u32) -> Outcome<Scene> {
    let orders = OrderPolicy { unpaid_max, ..OrderPolicy::default() };
    Scene::open_with(MemoryShop::with_policies(seed, Policies { orders, ..Policies::default() }), &[A]).await
}

/// What so many requests at once for an order that waits for its money are answered, in order.
async fn at_once(scene: &Scene, requests: usize) -> Vec<&'static str> {
    let mut codes: Vec<_> = join_all((0..requests).map(|_| scene.place(wish(&[("A", 1)], card("tok_pending"))))).await;
    let mut codes: Vec<_> = codes.drain(..).map(|placed| code(&placed)).collect();
    codes.sort_unstable();
    codes
}

#[test]
fn exactly_so_many_orders_wait_for_their_money_whoever_races() -> Outcome<()> {
    for seed in 0..20 {
        block_on(async {
            let scene = open(900 + seed, 3).await?;
            let codes = at_once(&scene, 12).await;
            assert_eq!((codes.iter().filter(|code| **code == "OK").count(), codes.last()), (3, Some(&"TOO_MANY_UNPAID")));
            scene.settle().await?;
            assert_eq!(scene.stock("A").await?, (500, 3), "what was refused holds nothing");
            assert_eq!(code(&scene.place(wish(&[("A", 1)], COD)).await), "OK", "cash is a sale");
            let bela = scene.somebody_else().await?;
            let hers = scene.orders.place(&bela, wish(&[("A", 1)], card("tok_pending")), None).await;
            assert_eq!(code(&hers), "OK", "each has places of her own");
            // What is cancelled makes room, once.
            let waits = scene.all_orders().await?;
            let mut waits = waits.iter().filter(|order| order.status == OrderStatus::Pending && order.user == scene.asha_id());
            let first = waits.next().expect("three wait").id;
            scene.orders.cancel(&scene.asha, first, None, None, None).await?;
            assert_eq!(at_once(&scene, 4).await, ["OK", "TOO_MANY_UNPAID", "TOO_MANY_UNPAID", "TOO_MANY_UNPAID"]);
            // And so does what is given up.
            for _ in 0..2 {
                scene.clock.advance(Duration::from_mins(20));
                scene.settle().await?;
            }
            assert_eq!(at_once(&scene, 4).await, ["OK", "OK", "OK", "TOO_MANY_UNPAID"]);
            let report = scene.audit(&STAFF, AuditRequest::new(&NoWait)).await?;
            assert!(report.is_clean(), "{report:?}");
            Ok::<_, commerce_core::Error>(())
        })?;
    }
    Ok(())
}

#[test]
fn what_is_paid_at_once_is_never_too_many() -> Outcome<()> {
    block_on(async {
        let scene = open(930, 2).await?;
        for _ in 0..7 {
            assert_eq!(code(&scene.place(wish(&[("A", 1)], card("tok_ok"))).await), "OK");
        }
        // A repeated request is the same order and takes no second place.
        for _ in 0..3 {
            assert_eq!(code(&scene.place_keyed(wish(&[("A", 1)], card("tok_pending")), "once").await), "OK");
        }
        assert_eq!(at_once(&scene, 2).await, ["OK", "TOO_MANY_UNPAID"]);
        Ok(())
    })
}

#[test]
fn a_mail_address_has_as_many_places_as_a_customer() -> Outcome<()> {
    block_on(async {
        let scene = open(931, 2).await?;
        let guest = GuestBuyer { email: "guest@example.com".to_owned(), cart: None };
        let order = async |token| scene.orders.place_as_guest(&guest, wish(&[("A", 1)], card(token)), None).await;
        for expected in ["OK", "OK", "TOO_MANY_UNPAID"] {
            assert_eq!(code(&order("tok_pending").await), expected);
        }
        let other = GuestBuyer { email: "other@example.com".to_owned(), cart: None };
        let theirs = scene.orders.place_as_guest(&other, wish(&[("A", 1)], card("tok_pending")), None).await;
        assert_eq!(code(&theirs), "OK");
        let any = open(932, 0).await?;
        assert!(at_once(&any, 30).await.iter().all(|code| *code == "OK"), "0 is any number");
        Ok(())
    })
}

#[test]
fn who_clicked_twice_has_one_order_and_one_place_as_long_as_it_waits() -> Outcome<()> {
    for seed in 0..40 {
        block_on(async {
            let scene = open(960 + seed, 1).await?;
            let clicks = (0..3).map(|_| scene.place_keyed(wish(&[("A", 1)], card("tok_pending")), "twice"));
            for placed in join_all(clicks).await {
                assert_eq!(code(&placed), "OK", "seed {seed}");
            }
            // Longer than an order can come late, and not so long as it may wait for its money.
            scene.clock.advance(limits::HOLD_FOR.saturating_add(Duration::from_mins(1)));
            let more = scene.place(wish(&[("A", 1)], card("tok_pending"))).await;
            assert_eq!(code(&more), "TOO_MANY_UNPAID", "seed {seed}");
            Ok::<_, commerce_core::Error>(())
        })?;
    }
    Ok(())
}
