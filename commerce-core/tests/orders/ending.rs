//! How orders end: cancelled by their owner, by staff, or by time.

use std::time::Duration;

use commerce_core::Outcome;
use commerce_core::change::Answer;
use commerce_core::events::EventKind;
use commerce_core::limits;
use commerce_core::orders::{AttemptState, OrderStatus, PaymentStatus};
use commerce_core::page::PageRequest;
use futures_executor::block_on;
use futures_util::future::join_all;

use crate::scene::{COD, STAFF, Scene, card, code, key, wish};

const A: (&str, i64) = ("A", 10);

#[test]
fn a_cancel_gives_stock_and_money_back_before_and_after_the_sale() -> Outcome<()> {
    block_on(async {
        for settled_before in [false, true] {
            for payment in [COD, card("tok_ok"), card("tok_declined"), card("tok_pending")] {
                let scene = Scene::open(1, &[A]).await?;
                let order = scene.place(wish(&[("A", 3)], payment)).await?;
                if settled_before {
                    scene.settle().await?;
                }
                let reason = Some("changed my mind".to_owned());
                let cancelled = scene.orders.cancel(&scene.asha, order.id, reason, None, None).await?.into_inner();
                assert_eq!(cancelled.status, OrderStatus::Cancelled);
                scene.settle().await?;
                assert_eq!(scene.stock("A").await?, (10, 0), "{payment:?}, settled before: {settled_before}");
                assert_eq!(scene.gateway.captured_minor(), scene.gateway.refunded_minor(), "{payment:?}");
                let history = scene.orders.timeline(&scene.asha, order.id, &PageRequest::first()).await?.items;
                let last = history.last().map(|line| (line.status, line.note.as_str(), line.actor.as_str()));
                assert_eq!(last, Some((OrderStatus::Cancelled, "changed my mind", "customer")));
            }
        }
        Ok(())
    })
}

#[test]
fn a_cancel_happens_once() -> Outcome<()> {
    block_on(async {
        for seed in 0..20 {
            let scene = Scene::open(seed, &[A]).await?;
            let order = scene.place(wish(&[("A", 1)], card("tok_ok"))).await?;
            scene.settle().await?;
            let cancel = || scene.orders.cancel(&scene.asha, order.id, None, Some(key("once")), None);
            let answers = join_all((0..4).map(|_| cancel())).await.into_iter().collect::<Outcome<Vec<_>>>()?;
            assert_eq!(answers.iter().filter(|answer| matches!(answer, Answer::Fresh(_))).count(), 1, "seed {seed}");
            assert_eq!(scene.said().await?, [EventKind::OrderCancelled], "seed {seed}");
            let again = scene.orders.cancel(&scene.asha, order.id, None, Some(key("another")), None).await;
            assert_eq!(code(&again), "ILLEGAL_TRANSITION");
            scene.settle().await?;
            assert_eq!(scene.stock("A").await?, (10, 0), "seed {seed}");
            assert_eq!(scene.gateway.refunded_minor(), order.total.minor, "seed {seed}");
        }
        Ok(())
    })
}

#[test]
fn a_shipped_order_is_not_cancelled() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(2, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_ok"))).await?;
        scene.orders.set_status(&STAFF, order.id, OrderStatus::Shipped, Some("by Bluedart".to_owned()), None).await?;
        assert_eq!(code(&scene.orders.cancel(&scene.asha, order.id, None, None, None).await), "ILLEGAL_TRANSITION");
        scene.settle().await?;
        assert_eq!(scene.stock("A").await?, (9, 0));
        assert_eq!(scene.gateway.refunded_minor(), 0);
        Ok(())
    })
}

/// When an order placed now is cancelled for want of money, in whole minutes.
async fn minutes_until_cancelled(scene: &Scene, id: commerce_core::ids::OrderId) -> Outcome<u32> {
    for minute in 1..=60 {
        scene.wait(Duration::from_mins(1));
        scene.settle().await?;
        if scene.order(id).await?.status == OrderStatus::Cancelled {
            return Ok(minute);
        }
    }
    panic!("the order was never cancelled")
}

#[test]
fn an_unpaid_order_expires() -> Outcome<()> {
    block_on(async {
        let due = limits::PAYMENT_DUE.as_secs() / 60;
        let grace = limits::PAYMENT_GRACE.as_secs() / 60;
        for (token, minutes) in [("tok_declined", due), ("tok_pending", due + grace)] {
            let scene = Scene::open(3, &[A]).await?;
            let order = scene.place(wish(&[("A", 1)], card(token))).await?;
            assert_eq!(u64::from(minutes_until_cancelled(&scene, order.id).await?), minutes, "{token}");
            scene.settle().await?;
            let after = scene.order(order.id).await?;
            assert!(after.payment.open_attempt().is_none(), "nothing stays open, for {token}");
            assert_eq!(scene.stock("A").await?, (10, 0), "{token}");
            assert_eq!(scene.path(order.id).await?, [OrderStatus::Pending, OrderStatus::Cancelled]);
            let late =
                scene.orders.pay(&scene.asha, order.id, commerce_core::orders::PaymentMethod::Card, None, None, None).await;
            assert_eq!(code(&late), "NOT_PAYABLE");
        }
        Ok(())
    })
}

#[test]
fn an_attempt_that_was_paid_just_in_time_confirms() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(4, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_pending"))).await?;
        scene.wait(limits::PAYMENT_DUE + limits::PAYMENT_GRACE);
        scene.orders.expire_unpaid(10).await?;
        // Paid at the bank before the shop gave the attempt up: voiding it is too late.
        scene.wait(limits::PAYMENT_GRACE);
        scene.gateway.finish(order.payment.attempts[0].id, true);
        scene.orders.expire_unpaid(10).await?;
        let after = scene.order(order.id).await?;
        assert_eq!((after.status, after.payment.status()), (OrderStatus::Confirmed, PaymentStatus::Captured));
        scene.settle().await?;
        assert_eq!(scene.stock("A").await?, (9, 0), "its stock was still there");
        Ok(())
    })
}

#[test]
fn a_silent_provider_holds_no_order_open() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(5, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_pending"))).await?;
        scene.gateway.set_silent(true);
        minutes_until_cancelled(&scene, order.id).await?;
        scene.gateway.finish(order.payment.attempts[0].id, true);
        scene.gateway.set_silent(false);
        for _ in 0..30 {
            scene.wait(Duration::from_mins(1));
            scene.settle().await?;
        }
        let after = scene.order(order.id).await?;
        assert_eq!(after.payment.attempts[0].state, AttemptState::Captured, "it is asked until it answers");
        assert_eq!(after.payment.status(), PaymentStatus::Refunded);
        assert_eq!(scene.stock("A").await?, (10, 0));
        Ok(())
    })
}
