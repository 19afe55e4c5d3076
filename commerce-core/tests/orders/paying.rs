//! Money: asked for once, told in any order, and given back when it comes too late.

use std::time::Duration;

use commerce_core::change::Answer;
use commerce_core::events::EventKind;
use commerce_core::orders::{
    AttemptState, OrderStatus, OrderStore, PaymentFact, PaymentMethod, PaymentStatus, ProviderAnswer, RefundAnswer, RefundState,
};
use commerce_core::testing::memory::GatewayQuestion;
use commerce_core::{Clock, Money, Outcome};
use futures_executor::block_on;
use futures_util::future::{join, join_all, join3};

use crate::scene::{COD, STAFF, Scene, card, code, key, wish};

const A: (&str, i64) = ("A", 10);

/// Lets the workers run for so many minutes.
async fn pass(scene: &Scene, minutes: u32) -> Outcome<()> {
    for _ in 0..minutes {
        scene.wait(Duration::from_mins(1));
        scene.settle().await?;
    }
    Ok(())
}

#[test]
fn a_declined_order_is_paid_again() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(1, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_declined"))).await?;
        assert_eq!(order.payment.attempts[0].failure_code.as_deref(), Some("card_declined"));
        let pay = |token: &str, name| {
            let (token, scene) = (token.to_owned(), &scene);
            async move { scene.orders.pay(&scene.asha, order.id, PaymentMethod::Upi, Some(token), Some(key(name)), None).await }
        };
        let declined = pay("tok_declined", "one").await?.into_inner();
        assert_eq!((declined.status, declined.payment.status()), (OrderStatus::Pending, PaymentStatus::Failed));
        let Answer::Fresh(paid) = pay("tok_ok", "two").await? else { panic!("it is a new attempt") };
        assert_eq!((paid.status, paid.payment.status()), (OrderStatus::Confirmed, PaymentStatus::Captured));
        assert_eq!((paid.payment.method, paid.payment.attempts.len()), (PaymentMethod::Upi, 3));
        let Answer::Replayed(again) = pay("tok_ok", "two").await? else { panic!("it was done before") };
        assert_eq!(again.payment.attempts.len(), 3);
        assert_eq!(code(&pay("tok_ok", "three").await), "NOT_PAYABLE");
        assert_eq!(scene.gateway.captured_minor(), 49_900);
        Ok(())
    })
}

#[test]
fn who_contradicts_the_books_is_asked_again_and_later_each_time() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(1, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_pending"))).await?;
        let attempt = order.payment.attempts[0].id;
        let fact = PaymentFact::Captured { amount: Money::new(49_901, commerce_core::Currency::INR) };
        let wrong = ProviderAnswer { fact, reference: None };
        let mut pauses = Vec::new();
        for _ in 0..4 {
            scene.wait(Duration::from_mins(6));
            let known = scene.orders.take_answer(order.id, attempt, &wrong).await?;
            assert_eq!((known.payment.captured.minor, known.status), (0, OrderStatus::Pending), "nothing is built on it");
            let check_at = known.payment.attempts[0].check_at.expect("it is still open");
            pauses.push(check_at.since(scene.clock.now()));
        }
        assert!(pauses.is_sorted_by(|before, after| before < after) && pauses[0] > Duration::ZERO, "{pauses:?}");
        Ok(())
    })
}

#[test]
fn an_open_attempt_is_answered_and_not_doubled() -> Outcome<()> {
    block_on(async {
        for seed in 0..30 {
            let scene = Scene::open(seed, &[A]).await?;
            let order = scene.place(wish(&[("A", 1)], card("tok_declined"))).await?;
            let pay = || scene.orders.pay(&scene.asha, order.id, PaymentMethod::Card, Some("tok_pending".to_owned()), None, None);
            let answers = join_all((0..4).map(|_| pay())).await.into_iter().collect::<Outcome<Vec<_>>>()?;
            assert_eq!(answers.iter().filter(|answer| matches!(answer, Answer::Fresh(_))).count(), 1, "seed {seed}");
            assert_eq!(scene.order(order.id).await?.payment.attempts.len(), 2, "seed {seed}");
            assert_eq!(scene.gateway.charges_asked(), 2, "seed {seed}");
        }
        Ok(())
    })
}

#[test]
fn a_declined_order_can_be_paid_on_delivery() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(2, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_declined"))).await?;
        let order = scene.orders.pay(&scene.asha, order.id, PaymentMethod::Cod, None, None, None).await?.into_inner();
        assert_eq!((order.status, order.payment_due_at), (OrderStatus::Confirmed, None));
        pass(&scene, 40).await?;
        assert_eq!(scene.order(order.id).await?.status, OrderStatus::Confirmed);
        Ok(())
    })
}

#[test]
fn a_card_captured_after_the_switch_to_cash_is_refunded() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(21, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_declined"))).await?;
        let reference = scene.reference(order.id).await?;
        scene.orders.pay(&scene.asha, order.id, PaymentMethod::Cod, None, None, None).await?;
        scene.gateway.finish(order.payment.attempts[0].id, true);
        let now = commerce_core::Clock::now(&*scene.clock);
        let (signature, body) = scene.gateway.webhook_of("evt", "payment.succeeded", &reference, order.total, now);
        scene.orders.webhook("sandbox", Some(&signature), &body).await?;
        let late = scene.order(order.id).await?;
        assert_eq!((late.status, late.payment.refunds.len()), (OrderStatus::Confirmed, 1));
        assert_eq!(late.payment.refunds[0].amount, order.total);
        assert_eq!(late.payment.status(), PaymentStatus::Pending, "the courier still collects");

        pass(&scene, 2).await?;
        for status in [OrderStatus::Processing, OrderStatus::Shipped, OrderStatus::OutForDelivery, OrderStatus::Delivered] {
            scene.orders.set_status(&STAFF, order.id, status, None, None).await?;
        }
        let paid = scene.order(order.id).await?;
        assert_eq!(paid.payment.status(), PaymentStatus::PartiallyRefunded, "the card's money went back, the cash stays");
        assert_eq!(paid.payment.captured.minor - paid.payment.refunded.minor, order.total.minor, "paid once");
        Ok(())
    })
}

#[test]
fn a_timeout_is_asked_about_and_never_charged_again() -> Outcome<()> {
    block_on(async {
        let cases = [
            ("tok_timeout_then_ok", OrderStatus::Confirmed, PaymentStatus::Captured),
            ("tok_timeout_then_declined", OrderStatus::Pending, PaymentStatus::Failed),
        ];
        for (token, status, payment) in cases {
            let scene = Scene::open(3, &[A]).await?;
            let order = scene.place(wish(&[("A", 1)], card(token))).await?;
            pass(&scene, 1).await?;
            let order = scene.order(order.id).await?;
            assert_eq!((order.status, order.payment.status()), (status, payment), "{token}");
            assert_eq!(scene.gateway.charges_asked(), 1, "{token}");
        }
        Ok(())
    })
}

#[test]
fn a_charge_the_provider_never_saw_is_sent_under_its_own_key() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(4, &[A]).await?;
        scene.gateway.set_silent(true);
        let order = scene.place(wish(&[("A", 1)], card("tok_ok"))).await?;
        assert_eq!((order.status, order.payment.status()), (OrderStatus::Pending, PaymentStatus::Unknown));
        scene.gateway.set_silent(false);
        pass(&scene, 1).await?;
        let order = scene.order(order.id).await?;
        assert_eq!((order.status, order.payment.attempts.len()), (OrderStatus::Confirmed, 1));
        assert_eq!(scene.gateway.captured_minor(), order.total.minor);
        let attempt = order.payment.attempts[0].id;
        let charges = scene.gateway.calls().into_iter().filter(|call| call.question == GatewayQuestion::Charge(attempt));
        assert_eq!(charges.count(), 2, "the same attempt, the same key");
        Ok(())
    })
}

#[test]
fn a_webhook_confirms_once_however_often_it_comes() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(5, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_pending"))).await?;
        assert!(order.payment.attempts[0].next_action.is_some());
        let reference = scene.reference(order.id).await?;
        let deliver = |event: &str, amount: Money| {
            let now = commerce_core::Clock::now(&*scene.clock);
            let (signature, body) = scene.gateway.webhook_of(event, "payment.succeeded", &reference, amount, now);
            let scene = &scene;
            async move { scene.orders.webhook("sandbox", Some(&signature), &body).await }
        };
        for delivered in join_all((0..5).map(|_| deliver("evt_1", order.total))).await {
            delivered?;
        }
        deliver("evt_2", order.total).await?;
        let paid = scene.order(order.id).await?;
        assert_eq!((paid.status, paid.payment.captured), (OrderStatus::Confirmed, order.total));
        let said = scene.said().await?;
        let expected = [EventKind::OrderCreated, EventKind::PaymentSuccess, EventKind::OrderConfirmed];
        assert_eq!(said, expected, "said once");
        deliver("evt_3", Money { minor: 1, ..order.total }).await?;
        assert_eq!(scene.order(order.id).await?, paid, "another amount is not believed");
        Ok(())
    })
}

#[test]
fn a_webhook_is_believed_only_with_its_signature() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(6, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_pending"))).await?;
        let reference = scene.reference(order.id).await?;
        let now = commerce_core::Clock::now(&*scene.clock);
        let (signature, body) = scene.gateway.webhook_of("evt", "payment.succeeded", &reference, order.total, now);
        let mut forged = body.clone();
        forged.push(b' ');
        let cases = [(Some(signature.as_str()), &forged), (None, &body), (Some("t=1,v1=00"), &body), (Some(""), &body)];
        for (signature, body) in cases {
            assert_eq!(code(&scene.orders.webhook("sandbox", signature, body).await), "BAD_SIGNATURE");
        }
        assert_eq!(code(&scene.orders.webhook("nobody", Some(&signature), &body).await), "NOT_FOUND");
        scene.wait(Duration::from_mins(6));
        assert_eq!(code(&scene.orders.webhook("sandbox", Some(&signature), &body).await), "BAD_SIGNATURE", "too old");
        assert_eq!(scene.order(order.id).await?.status, OrderStatus::Pending);
        Ok(())
    })
}

#[test]
fn an_attempt_that_an_order_needs_no_more_is_given_up() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(14, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_declined"))).await?;
        let reference = scene.reference(order.id).await?;
        scene.orders.pay(&scene.asha, order.id, PaymentMethod::Card, Some("tok_pending".to_owned()), None, None).await?;
        // The bank thinks better of the first.
        scene.gateway.finish(order.payment.attempts[0].id, true);
        let now = commerce_core::Clock::now(&*scene.clock);
        let (signature, body) = scene.gateway.webhook_of("evt", "payment.succeeded", &reference, order.total, now);
        scene.orders.webhook("sandbox", Some(&signature), &body).await?;
        assert_eq!(scene.order(order.id).await?.status, OrderStatus::Confirmed);
        pass(&scene, 5).await?;
        let paid = scene.order(order.id).await?;
        let states: Vec<AttemptState> = paid.payment.attempts.iter().map(|attempt| attempt.state).collect();
        assert_eq!(states, [AttemptState::Captured, AttemptState::Voided], "nobody asks about it for ever");
        assert_eq!((paid.status, paid.payment.captured), (OrderStatus::Confirmed, order.total));
        Ok(())
    })
}

#[test]
fn a_webhook_that_comes_before_the_answer_waits_for_it() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(7, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_timeout_then_ok"))).await?;
        let attempt = &order.payment.attempts[0];
        assert_eq!(attempt.reference, None);
        let now = commerce_core::Clock::now(&*scene.clock);
        let reference = format!("pay_{}", attempt.id);
        let (signature, body) = scene.gateway.webhook_of("evt", "payment.succeeded", &reference, order.total, now);
        scene.orders.webhook("sandbox", Some(&signature), &body).await?;
        assert_eq!(scene.order(order.id).await?.status, OrderStatus::Pending, "nobody knows the reference");
        pass(&scene, 1).await?;
        let paid = scene.order(order.id).await?;
        assert_eq!((paid.status, paid.payment.captured), (OrderStatus::Confirmed, order.total));
        assert_eq!(scene.orders_db.parked(10).await?, [], "the message is settled");
        Ok(())
    })
}

#[test]
fn a_late_capture_of_a_cancelled_order_is_refunded() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(8, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_pending"))).await?;
        let attempt = order.payment.attempts[0].id;
        // The customer pays at the bank while she cancels in the shop.
        scene.gateway.finish(attempt, true);
        let cancelled = scene.orders.cancel(&scene.asha, order.id, Some("too slow".to_owned()), None, None).await?.into_inner();
        assert_eq!((cancelled.status, cancelled.payment.captured.minor), (OrderStatus::Cancelled, 0));
        pass(&scene, 1).await?;
        let after = scene.order(order.id).await?;
        assert_eq!(after.status, OrderStatus::Cancelled, "CANCELLED is final");
        assert_eq!(after.payment.attempts[0].state, AttemptState::Captured);
        assert_eq!((after.payment.captured, after.payment.refunded), (order.total, order.total));
        assert_eq!(scene.gateway.refunded_minor(), scene.gateway.captured_minor());
        assert_eq!(scene.stock("A").await?, (10, 0));
        Ok(())
    })
}

#[test]
fn a_capture_and_a_cancel_at_the_same_time_leave_no_money_behind() -> Outcome<()> {
    block_on(async {
        for seed in 0..60 {
            let scene = Scene::open(seed, &[A]).await?;
            let order = scene.place(wish(&[("A", 1)], card("tok_pending"))).await?;
            let reference = scene.reference(order.id).await?;
            let now = commerce_core::Clock::now(&*scene.clock);
            scene.gateway.finish(order.payment.attempts[0].id, true);
            let (signature, body) = scene.gateway.webhook_of("evt", "payment.succeeded", &reference, order.total, now);
            let (heard, cancelled, settled) = join3(
                scene.orders.webhook("sandbox", Some(&signature), &body),
                scene.orders.cancel(&scene.asha, order.id, None, None, None),
                scene.settle(),
            )
            .await;
            heard?;
            cancelled?;
            settled?;
            pass(&scene, 1).await?;
            let after = scene.order(order.id).await?;
            assert_eq!((after.status, after.payment.status()), (OrderStatus::Cancelled, PaymentStatus::Refunded), "seed {seed}");
            assert_eq!(scene.gateway.refunded_minor(), order.total.minor, "once, seed {seed}");
            assert_eq!(scene.stock("A").await?, (10, 0), "seed {seed}");
        }
        Ok(())
    })
}

#[test]
fn a_refund_without_an_answer_is_sent_again_under_its_key() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(9, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_ok"))).await?;
        scene.gateway.script_refunds([RefundAnswer::Pending, RefundAnswer::NoAnswer]);
        scene.orders.cancel(&scene.asha, order.id, None, None, None).await?;
        let pending = scene.order(order.id).await?;
        assert_eq!((pending.payment.refunds.len(), pending.payment.refunds[0].state), (1, RefundState::Pending));
        pass(&scene, 5).await?;
        let after = scene.order(order.id).await?;
        assert_eq!(after.payment.refunds[0].state, RefundState::Succeeded);
        assert_eq!((after.payment.refunded, after.payment.status()), (order.total, PaymentStatus::Refunded));
        assert_eq!(scene.gateway.refunded_minor(), order.total.minor, "the money moved once");
        Ok(())
    })
}

#[test]
fn a_cancel_before_the_charge_is_answered_gives_the_money_back() -> Outcome<()> {
    block_on(async {
        for seed in 0..60 {
            let scene = Scene::open(seed, &[A]).await?;
            let cancel_all = async {
                loop {
                    let orders = scene.all_orders().await?;
                    if let Some(order) = orders.first() {
                        return scene.orders.cancel(&scene.asha, order.id, None, None, None).await;
                    }
                }
            };
            let (placed, cancelled) = join(scene.place(wish(&[("A", 1)], card("tok_ok"))), cancel_all).await;
            cancelled?;
            let order = placed?;
            pass(&scene, 1).await?;
            let after = scene.order(order.id).await?;
            assert_eq!(after.status, OrderStatus::Cancelled, "seed {seed}");
            assert_eq!(after.payment.captured, after.payment.refunded, "seed {seed}");
            assert_eq!(scene.gateway.captured_minor(), scene.gateway.refunded_minor(), "seed {seed}");
            assert_eq!(scene.stock("A").await?, (10, 0), "seed {seed}");
        }
        Ok(())
    })
}

#[test]
fn cash_is_captured_at_delivery() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(10, &[A]).await?;
        let order = scene.place(wish(&[("A", 1)], COD)).await?;
        for status in [OrderStatus::Shipped, OrderStatus::Delivered] {
            assert_eq!(scene.order(order.id).await?.payment.captured.minor, 0);
            scene.orders.set_status(&STAFF, order.id, status, None, None).await?;
        }
        let delivered = scene.order(order.id).await?;
        assert_eq!((delivered.payment.captured, delivered.payment.status()), (order.total, PaymentStatus::Captured));
        Ok(())
    })
}
