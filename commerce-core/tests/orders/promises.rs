//! Money that is promised first and taken by hand; and orders that cost nothing.

use std::time::Duration;

use commerce_core::audit::AuditRequest;
use commerce_core::change::Answer;
use commerce_core::events::EventKind;
use commerce_core::ids::Id;
use commerce_core::orders::{AttemptState, Order, OrderStatus, PaymentStatus, PlaceOrder, PromiseWish};
use commerce_core::testing::conformance::NoWait;
use commerce_core::testing::samples;
use commerce_core::{Actor, Currency, Money, Outcome, limits};
use futures_executor::block_on;
use futures_util::future::join;

use crate::scene::{COD, STAFF, Scene, card, code, key, wish};

const A: (&str, i64) = ("A", 10);

fn rupees(minor: i64) -> Money {
    Money::new(minor, Currency::INR)
}

async fn clean(scene: &Scene) -> Outcome<()> {
    scene.settle().await?;
    let report = scene.audit(&STAFF, AuditRequest::new(&NoWait)).await?;
    assert!(report.is_clean(), "{:#?}", report.violations);
    Ok(())
}

async fn capture(scene: &Scene, order: &Order, amount: Option<i64>) -> Outcome<Answer<Order>> {
    let payment = order.payment.id.uuid();
    scene.orders.capture_payment(&STAFF, order.id, PromiseWish::all_of(payment).of(amount.map(rupees))).await
}

async fn void(scene: &Scene, order: &Order) -> Outcome<Answer<Order>> {
    scene.orders.void_payment(&STAFF, order.id, PromiseWish::all_of(order.payment.id.uuid())).await
}

#[test]
fn what_costs_nothing_is_confirmed_and_no_provider_hears_of_it() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(1, &[A]).await?;
        let free = samples::percent_off("FREE", 100);
        scene.orders.create_coupon(&STAFF, free, None).await?;
        let wish = PlaceOrder { coupon_code: Some("FREE".to_owned()), ..wish(&[("A", 1)], card("tok_declined")) };
        let order = scene.place(wish).await?;
        assert_eq!((order.total.minor, order.status), (0, OrderStatus::Confirmed));
        assert_eq!((order.payment.status(), order.payment.attempts.len()), (PaymentStatus::Captured, 0));
        assert_eq!(scene.gateway.charges_asked(), 0);
        assert_eq!(scene.path(order.id).await?, [OrderStatus::Pending, OrderStatus::Confirmed]);
        clean(&scene).await?;
        assert_eq!(scene.stock("A").await?, (9, 0), "its hold is sold");
        let cancelled = scene.orders.cancel(&scene.asha, order.id, None, None, None).await?.into_inner();
        assert_eq!((cancelled.status, cancelled.payment.refunds.len()), (OrderStatus::Cancelled, 0));
        clean(&scene).await
    })
}

#[test]
fn an_order_stands_on_a_promise_and_all_of_it_is_taken() -> Outcome<()> {
    block_on(async {
        let scene = Scene::promising(2, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_ok"))).await?;
        assert_eq!((order.status, order.payment.status()), (OrderStatus::Confirmed, PaymentStatus::Authorized));
        assert_eq!((order.payment.authorized(), order.payment.captured.minor), (49_900, 0));
        assert!(!scene.said().await?.contains(&EventKind::PaymentSuccess));
        clean(&scene).await?;
        assert_eq!(scene.gateway.captured_minor(), 0, "nothing is taken before staff says so");
        let Answer::Fresh(taken) = capture(&scene, &order, None).await? else { panic!("it is the first time") };
        assert_eq!((taken.payment.status(), taken.payment.captured.minor), (PaymentStatus::Captured, 49_900));
        assert!(matches!(capture(&scene, &order, None).await?, Answer::Replayed(_)));
        assert_eq!(scene.gateway.captured_minor(), 49_900);
        clean(&scene).await
    })
}

#[test]
fn less_is_taken_and_never_more() -> Outcome<()> {
    block_on(async {
        let scene = Scene::promising(3, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_ok"))).await?;
        for (amount, expected) in [(49_901, "CAPTURE_EXCEEDS_AUTHORIZED"), (0, "INVALID"), (-1, "INVALID")] {
            assert_eq!(code(&capture(&scene, &order, Some(amount)).await), expected);
        }
        let taken = capture(&scene, &order, Some(20_000)).await?.into_inner();
        assert_eq!((taken.payment.captured.minor, taken.payment.authorized()), (20_000, 49_900));
        assert_eq!(code(&capture(&scene, &order, Some(29_900)).await), "NOT_CAPTURABLE");
        assert_eq!(code(&void(&scene, &order).await), "NOT_VOIDABLE");
        clean(&scene).await?;
        scene.orders.cancel(&scene.asha, order.id, None, None, None).await?;
        clean(&scene).await?;
        let back = scene.order(order.id).await?.payment;
        assert_eq!((back.status(), back.refunded.minor), (PaymentStatus::Refunded, 20_000));
        assert_eq!((scene.gateway.captured_minor(), scene.gateway.refunded_minor()), (20_000, 20_000));
        Ok(())
    })
}

#[test]
fn of_two_who_take_different_parts_one_is_refused() -> Outcome<()> {
    block_on(async {
        for seed in 0..40 {
            let scene = Scene::promising(seed, &[A]).await?;
            let order = scene.place(wish(&[("A", 1)], card("tok_ok"))).await?;
            let parts = join(capture(&scene, &order, Some(30_000)), capture(&scene, &order, Some(40_000))).await;
            let codes = [code(&parts.0), code(&parts.1)];
            assert!(codes.contains(&"OK") && codes.contains(&"NOT_CAPTURABLE"), "seed {seed}: {codes:?}");
            clean(&scene).await?;
            let taken = scene.gateway.captured_minor();
            assert_eq!(scene.order(order.id).await?.payment.captured.minor, taken, "seed {seed}");

            let order = scene.place(wish(&[("A", 1)], card("tok_ok"))).await?;
            let (taken, voided) = join(capture(&scene, &order, None), void(&scene, &order)).await;
            assert_ne!(taken.is_ok(), voided.is_ok(), "seed {seed}: {} and {}", code(&taken), code(&voided));
            clean(&scene).await?;
        }
        Ok(())
    })
}

#[test]
fn a_promise_is_given_back_with_its_order() -> Outcome<()> {
    block_on(async {
        for by_void in [true, false] {
            let scene = Scene::promising(4, &[A]).await?;
            let order = scene.place(wish(&[("A", 1)], card("tok_ok"))).await?;
            scene.settle().await?;
            if by_void {
                void(&scene, &order).await?;
            } else {
                scene.orders.cancel(&scene.asha, order.id, None, None, None).await?;
            }
            clean(&scene).await?;
            let order = scene.order(order.id).await?;
            assert_eq!((order.status, order.payment.status()), (OrderStatus::Cancelled, PaymentStatus::Voided));
            assert_eq!((order.payment.refunds.len(), scene.gateway.captured_minor()), (0, 0));
            assert_eq!(scene.stock("A").await?, (10, 0));
            assert!(matches!(void(&scene, &order).await?, Answer::Replayed(_)));
            assert_eq!(code(&capture(&scene, &order, None).await), "NOT_CAPTURABLE");
        }
        Ok(())
    })
}

#[test]
fn a_capture_without_an_answer_is_asked_about() -> Outcome<()> {
    block_on(async {
        let scene = Scene::promising(5, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_ok"))).await?;
        scene.gateway.set_silent(true);
        let waits = capture(&scene, &order, Some(10_000)).await?.into_inner();
        assert_eq!((waits.payment.status(), waits.payment.captured.minor), (PaymentStatus::Authorized, 0));
        assert_eq!(code(&capture(&scene, &order, Some(20_000)).await), "NOT_CAPTURABLE");
        scene.gateway.set_silent(false);
        scene.wait(Duration::from_mins(1));
        clean(&scene).await?;
        assert_eq!(scene.order(order.id).await?.payment.captured.minor, 10_000);
        assert_eq!(scene.gateway.captured_minor(), 10_000);
        Ok(())
    })
}

#[test]
fn a_promise_is_taken_before_it_lapses() -> Outcome<()> {
    block_on(async {
        let scene = Scene::promising(6, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_ok"))).await?;
        scene.wait(limits::PROMISE_KEEP.saturating_sub(Duration::from_mins(1)));
        scene.settle().await?;
        assert_eq!(scene.gateway.captured_minor(), 0);
        scene.wait(Duration::from_mins(2));
        clean(&scene).await?;
        assert_eq!(scene.order(order.id).await?.payment.status(), PaymentStatus::Captured);
        Ok(())
    })
}

#[test]
fn a_late_capture_beside_a_promise_goes_back() -> Outcome<()> {
    block_on(async {
        let scene = Scene::promising(7, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_declined"))).await?;
        let reference = scene.reference(order.id).await?;
        scene
            .orders
            .pay(&scene.asha, order.id, commerce_core::orders::PaymentMethod::Card, Some("tok_ok".to_owned()), None, None)
            .await?;
        let now = commerce_core::Clock::now(&*scene.clock);
        let (signature, body) = scene.gateway.webhook_of("late", "payment.succeeded", &reference, order.total, now);
        scene.orders.webhook("sandbox", Some(&signature), &body).await?;
        let late = scene.order(order.id).await?;
        assert_eq!((late.status, late.payment.refunds.len()), (OrderStatus::Confirmed, 1));
        assert_eq!(late.payment.refunds[0].attempt, late.payment.attempts[0].id, "the one that came late");
        let taken = capture(&scene, &late, Some(30_000)).await?.into_inner();
        assert_eq!((taken.payment.refunds.len(), taken.payment.attempts[1].state), (1, AttemptState::Captured));
        Ok(())
    })
}

#[test]
fn an_attempt_that_waits_is_given_up_and_the_order_paid_again() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(8, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_pending"))).await?;
        let voided = void(&scene, &order).await?.into_inner();
        assert_eq!((voided.status, voided.payment.status()), (OrderStatus::Pending, PaymentStatus::Voided));
        let paid = scene.orders.pay(&scene.asha, order.id, COD.0, None, None, None).await?.into_inner();
        assert_eq!(paid.status, OrderStatus::Confirmed);
        assert_eq!(code(&capture(&scene, &paid, None).await), "NOT_CAPTURABLE");
        clean(&scene).await
    })
}

#[test]
fn staff_alone_takes_and_gives_back() -> Outcome<()> {
    block_on(async {
        let scene = Scene::promising(9, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_ok"))).await?;
        let payment = order.payment.attempts[0].id.uuid();
        let stranger = scene.somebody_else().await?;
        for (actor, expected) in [(scene.asha, "FORBIDDEN"), (stranger, "NOT_FOUND"), (Actor::Anonymous, "UNAUTHENTICATED")] {
            let taken = scene.orders.capture_payment(&actor, order.id, PromiseWish::all_of(payment)).await;
            let voided = scene.orders.void_payment(&actor, order.id, PromiseWish::all_of(payment)).await;
            assert_eq!([code(&taken), code(&voided)], [expected; 2]);
        }
        let other = scene.orders.capture_payment(&STAFF, order.id, PromiseWish::all_of(order.id.uuid())).await;
        assert_eq!(code(&other), "NOT_FOUND");
        let keyed = |name| {
            let wish = PromiseWish { key: Some(key(name)), ..PromiseWish::all_of(payment) };
            scene.orders.capture_payment(&STAFF, order.id, wish)
        };
        assert!(matches!(keyed("one").await?, Answer::Fresh(_)));
        assert!(matches!(keyed("one").await?, Answer::Replayed(_)));
        Ok(())
    })
}
