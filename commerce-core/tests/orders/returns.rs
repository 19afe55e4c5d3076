//! Returns: never more than was delivered, never more money than that is worth or was captured.

use commerce_core::error::{Error, Refusal};
use commerce_core::ids::OrderId;
use commerce_core::orders::{
    CameBack, GiveMoney, Order, OrderStatus, PaymentStatus, RefundAnswer, RefundState, RequestReturn, ReturnFilter, ReturnKind,
    ReturnOf, ReturnStatus,
};
use commerce_core::page::PageRequest;
use commerce_core::testing::samples;
use commerce_core::{Actor, Currency, Money, Outcome, limits};
use futures_executor::block_on;
use futures_util::future::join_all;

use crate::scene::{COD, STAFF, Scene, card, code, key, wish};

const A: (&str, i64) = ("A", 20);

fn rupees(minor: i64) -> Money {
    Money::new(minor, Currency::INR)
}

fn back(kind: ReturnKind, lines: &[(&str, i64)]) -> RequestReturn {
    let lines = lines.iter().map(|(sku, units)| ((*sku).to_owned(), *units)).collect();
    RequestReturn { kind, lines, refused: None, reason: "too small".to_owned() }
}

/// An order that has arrived.
async fn delivered(
    scene: &Scene,
    items: &[(&str, i64)],
    payment: (commerce_core::orders::PaymentMethod, Option<&str>),
) -> Outcome<Order> {
    let order = scene.place(wish(items, payment)).await?;
    scene.settle().await?;
    for status in [OrderStatus::Processing, OrderStatus::Shipped, OrderStatus::Delivered] {
        scene.orders.set_status(&STAFF, order.id, status, None, None).await?;
    }
    scene.settle().await?;
    scene.order(order.id).await
}

async fn ask(scene: &Scene, order: OrderId, wish: RequestReturn) -> Outcome<ReturnOf> {
    Ok(scene.orders.request_return(&scene.asha, order, wish, None, None).await?.into_inner())
}

/// Agreed to, received as said, paid back; answers what went back.
async fn through(scene: &Scene, it: &ReturnOf, came: Option<Vec<CameBack>>) -> Outcome<i64> {
    scene.orders.approve_return(&STAFF, it.it.id, None, None).await?;
    scene.orders.receive_return(&STAFF, it.it.id, came, None, None).await?;
    let done = scene.orders.refund_return(&STAFF, it.it.id, None, None, None).await?.into_inner();
    scene.settle().await?;
    Ok(done.it.refund.expect("it is decided").minor)
}

#[test]
fn what_comes_back_is_restocked_and_paid_back() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(1, &[A]).await?;
        let order = delivered(&scene, &[("A", 3)], card("tok_ok")).await?;
        assert_eq!(scene.stock("A").await?, (17, 0));
        let it = ask(&scene, order.id, back(ReturnKind::Return, &[("A", 2)])).await?;
        assert_eq!((it.it.status, it.order), (ReturnStatus::Requested, order.id));
        let came = vec![("A".to_owned(), 1, true), ("A".to_owned(), 1, false)];
        assert_eq!(through(&scene, &it, Some(came)).await?, 99_800);
        assert_eq!(scene.stock("A").await?, (18, 0), "one is sold again, one is written off");
        let order = scene.order(order.id).await?;
        assert_eq!((order.payment.status(), order.payment.refunded.minor), (PaymentStatus::PartiallyRefunded, 99_800));
        let rest = ask(&scene, order.id, back(ReturnKind::Return, &[("A", 1)])).await?;
        assert_eq!(through(&scene, &rest, None).await?, 49_900);
        let order = scene.order(order.id).await?;
        assert_eq!((order.status, order.payment.status()), (OrderStatus::Delivered, PaymentStatus::Refunded));
        assert_eq!(scene.gateway.refunded_minor(), 149_700);
        Ok(())
    })
}

#[test]
fn nothing_comes_back_that_was_not_delivered() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(2, &[A]).await?;
        let early = scene.place(wish(&[("A", 1)], COD)).await?;
        assert_eq!(code(&ask(&scene, early.id, back(ReturnKind::Return, &[("A", 1)])).await), "RETURN_EXCEEDS_DELIVERED");
        let order = delivered(&scene, &[("A", 3)], COD).await?;
        assert_eq!(code(&ask(&scene, order.id, back(ReturnKind::Return, &[("A", 4)])).await), "RETURN_EXCEEDS_DELIVERED");
        assert_eq!(code(&ask(&scene, order.id, back(ReturnKind::Return, &[("B", 1)])).await), "INVALID");
        assert_eq!(code(&ask(&scene, order.id, back(ReturnKind::Return, &[])).await), "INVALID");
        for seed in 0..10 {
            let scene = Scene::open(seed, &[A]).await?;
            let order = delivered(&scene, &[("A", 3)], COD).await?;
            let asked = join_all((0..6).map(|_| ask(&scene, order.id, back(ReturnKind::Return, &[("A", 2)])))).await;
            assert_eq!(asked.iter().filter(|asked| asked.is_ok()).count(), 1, "seed {seed}");
        }
        Ok(())
    })
}

#[test]
fn a_rejected_return_counts_for_nothing_and_steps_are_taken_once() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(3, &[A]).await?;
        let order = delivered(&scene, &[("A", 1)], card("tok_ok")).await?;
        let first = ask(&scene, order.id, back(ReturnKind::Return, &[("A", 1)])).await?.it.id;
        assert_eq!(code(&scene.orders.approve_return(&scene.asha, first, None, None).await), "FORBIDDEN");
        let bela = scene.somebody_else().await?;
        assert_eq!(code(&scene.orders.return_by_id(&bela, first).await), "NOT_FOUND");
        assert_eq!(code(&scene.orders.receive_return(&STAFF, first, None, None, None).await), "ILLEGAL_TRANSITION");
        for _ in 0..2 {
            scene.orders.reject_return(&STAFF, first, Some("worn".to_owned()), None, None).await?;
        }
        assert_eq!(code(&scene.orders.approve_return(&STAFF, first, None, None).await), "ILLEGAL_TRANSITION");
        let second = ask(&scene, order.id, back(ReturnKind::Return, &[("A", 1)])).await?.it.id;
        assert_eq!(code(&scene.orders.refund_return(&STAFF, second, None, None, None).await), "ILLEGAL_TRANSITION");
        scene.orders.approve_return(&STAFF, second, None, None).await?;
        let received = join_all((0..4).map(|_| scene.orders.receive_return(&STAFF, second, None, None, None))).await;
        assert!(received.iter().all(Result::is_ok), "{received:?}");
        let refunds = join_all((0..4).map(|_| scene.orders.refund_return(&STAFF, second, None, None, None))).await;
        assert!(refunds.iter().all(Result::is_ok), "{refunds:?}");
        scene.settle().await?;
        assert_eq!(scene.stock("A").await?, (20, 0), "it came back once");
        assert_eq!(scene.order(order.id).await?.payment.refunded, rupees(49_900), "and so did the money");
        let mine = scene.orders.returns(&scene.asha, ReturnFilter::default(), &PageRequest::first()).await?.items;
        assert_eq!(mine.iter().map(|it| it.it.id).collect::<Vec<_>>(), [second, first]);
        let others = scene.orders.returns(&bela, ReturnFilter::default(), &PageRequest::first()).await?.items;
        assert_eq!(others, []);
        Ok(())
    })
}

#[test]
fn the_shares_of_a_line_are_the_line() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(4, &[A]).await?;
        let coupon = samples::amount_off("ODD", rupees(10_000));
        scene.orders.create_coupon(&STAFF, coupon, None).await?;
        let mut wished = wish(&[("A", 3)], card("tok_ok"));
        wished.coupon_code = Some("ODD".to_owned());
        let order = scene.place(wished).await?;
        scene.settle().await?;
        for status in [OrderStatus::Shipped, OrderStatus::Delivered] {
            scene.orders.set_status(&STAFF, order.id, status, None, None).await?;
        }
        let mut parts = Vec::new();
        for _ in 0..3 {
            let it = ask(&scene, order.id, back(ReturnKind::Return, &[("A", 1)])).await?;
            parts.push(through(&scene, &it, None).await?);
        }
        assert_eq!(parts, [46_567, 46_566, 46_567]);
        assert_eq!(parts.iter().sum::<i64>(), order.total.minor, "what was paid goes back to the unit");
        Ok(())
    })
}

#[test]
fn the_couriers_cash_is_handed_back_at_once() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(5, &[A]).await?;
        let order = delivered(&scene, &[("A", 2)], COD).await?;
        let it = ask(&scene, order.id, back(ReturnKind::Refund, &[("A", 1)])).await?;
        scene.orders.approve_return(&STAFF, it.it.id, None, None).await?;
        scene.orders.refund_return(&STAFF, it.it.id, Some(rupees(100)), None, None).await?;
        scene.settle().await?;
        let order = scene.order(order.id).await?;
        assert_eq!((order.payment.refunded, order.payment.status()), (rupees(100), PaymentStatus::PartiallyRefunded));
        assert!(order.payment.refunds.iter().all(|refund| refund.state == RefundState::Succeeded));
        assert_eq!((scene.gateway.refunded_minor(), scene.stock("A").await?), (0, (18, 0)), "nothing had to come back");
        Ok(())
    })
}

#[test]
fn no_more_money_goes_back_than_was_captured() -> Outcome<()> {
    block_on(async {
        for seed in 0..10 {
            let scene = Scene::open(seed, &[A]).await?;
            let order = delivered(&scene, &[("A", 2)], card("tok_ok")).await?;
            let give = |minor| GiveMoney { amount: Some(rupees(minor)), lines: None, reason: "late".to_owned() };
            assert_eq!(code(&scene.orders.give_money_back(&scene.asha, order.id, give(1), None, None).await), "FORBIDDEN");
            let given = join_all((0..4).map(|_| scene.orders.give_money_back(&STAFF, order.id, give(40_000), None, None))).await;
            assert_eq!(given.iter().filter(|given| given.is_ok()).count(), 2, "seed {seed}: {given:?}");
            let refused = given.iter().find(|given| given.is_err()).map(code);
            assert_eq!(refused, Some("REFUND_EXCEEDS_CAPTURED"));
            let it = ask(&scene, order.id, back(ReturnKind::Return, &[("A", 2)])).await?;
            assert_eq!(through(&scene, &it, None).await?, 19_800, "what is left");
            assert_eq!(scene.order(order.id).await?.payment.status(), PaymentStatus::Refunded);
        }
        let scene = Scene::open(11, &[A]).await?;
        let order = delivered(&scene, &[("A", 2)], card("tok_ok")).await?;
        let it = ask(&scene, order.id, back(ReturnKind::Return, &[("A", 1)])).await?;
        scene.orders.approve_return(&STAFF, it.it.id, None, None).await?;
        scene.orders.receive_return(&STAFF, it.it.id, None, None, None).await?;
        let more = scene.orders.refund_return(&STAFF, it.it.id, Some(rupees(49_901)), None, None).await;
        assert_eq!(code(&more), "REFUND_EXCEEDS_CAPTURED", "no more than it is worth");
        let lines = GiveMoney { amount: None, lines: Some(vec![("A".to_owned(), 1)]), reason: "scratched".to_owned() };
        let first = scene.orders.give_money_back(&STAFF, order.id, lines.clone(), Some(key("give")), None).await?.into_inner();
        let again = scene.orders.give_money_back(&STAFF, order.id, lines, Some(key("give")), None).await?.into_inner();
        assert_eq!((first.amount, first.id), (rupees(49_900), again.id));
        let amount = |minor| GiveMoney { amount: Some(rupees(minor)), lines: None, reason: "late".to_owned() };
        scene.orders.give_money_back(&STAFF, order.id, GiveMoney { amount: None, ..amount(0) }, None, None).await?;
        for (minor, refused) in [(1, "REFUND_EXCEEDS_CAPTURED"), (0, "INVALID"), (-5, "INVALID")] {
            let none_left = scene.orders.give_money_back(&STAFF, order.id, amount(minor), None, None).await;
            assert_eq!(code(&none_left), refused, "{minor}");
        }
        Ok(())
    })
}

#[test]
fn what_a_unit_cost_goes_back_once() -> Outcome<()> {
    block_on(async {
        let units =
            |quantity| GiveMoney { amount: None, lines: Some(vec![("A".to_owned(), quantity)]), reason: "chipped".to_owned() };
        let cost = 49_900;
        for payment in [card("tok_ok"), COD] {
            // Named again: no more of them than were ordered.
            let scene = Scene::open(12, &[A, ("B", 50)]).await?;
            let order = delivered(&scene, &[("A", 3), ("B", 5)], payment).await?;
            for _ in 0..3 {
                let given = scene.orders.give_money_back(&STAFF, order.id, units(1), None, None).await?.into_inner();
                assert_eq!((given.amount, given.lines.len()), (rupees(cost), 1));
            }
            let more = scene.orders.give_money_back(&STAFF, order.id, units(1), None, None).await;
            assert_eq!(code(&more), "REFUND_EXCEEDS_CAPTURED", "of what three cost nothing is left");

            // Come back: the others are paid for, and no more.
            let order = delivered(&scene, &[("A", 3), ("B", 5)], payment).await?;
            scene.orders.give_money_back(&STAFF, order.id, units(1), None, None).await?;
            let it = ask(&scene, order.id, back(ReturnKind::Return, &[("A", 3)])).await?;
            assert_eq!(through(&scene, &it, None).await?, 2 * cost);

            // Came back before: what is left of three.
            let order = delivered(&scene, &[("A", 3), ("B", 5)], payment).await?;
            let it = ask(&scene, order.id, back(ReturnKind::Return, &[("A", 2)])).await?;
            assert_eq!(through(&scene, &it, None).await?, 2 * cost);
            let more = scene.orders.give_money_back(&STAFF, order.id, units(2), None, None).await;
            let Err(Error::Refused(refusal)) = &more else { panic!("{more:?}") };
            assert_eq!(**refusal, Refusal::RefundExceedsCaptured { most: rupees(cost) });
            scene.orders.give_money_back(&STAFF, order.id, units(1), None, None).await?;
        }

        // Given up: what was not paid back before.
        let scene = Scene::open(13, &[A, ("B", 50)]).await?;
        let order = scene.place(wish(&[("A", 3), ("B", 5)], card("tok_ok"))).await?;
        scene.settle().await?;
        scene.orders.give_money_back(&STAFF, order.id, units(1), None, None).await?;
        let order = scene.orders.cancel_lines(&STAFF, order.id, &[("A".to_owned(), 3)], None, None, None).await?.into_inner();
        assert_eq!(order.payment.refunds.iter().map(|refund| refund.amount.minor).max(), Some(2 * cost));
        let more = scene.orders.give_money_back(&STAFF, order.id, units(1), None, None).await;
        assert_eq!(code(&more), "REFUND_EXCEEDS_CAPTURED");

        // Exchanged: not for the same, of which she has the money, and for other things as far as what is left.
        let scene = Scene::open(15, &[A, ("B", 20)]).await?;
        let order = delivered(&scene, &[("A", 2), ("B", 5)], card("tok_ok")).await?;
        scene.orders.give_money_back(&STAFF, order.id, units(1), None, None).await?;
        let it = ask(&scene, order.id, back(ReturnKind::Exchange, &[("A", 2)])).await?.it.id;
        scene.orders.approve_return(&STAFF, it, None, None).await?;
        scene.orders.receive_return(&STAFF, it, None, None, None).await?;
        let same = scene.orders.exchange_return(&STAFF, it, None, None, None).await;
        assert_eq!(code(&same), "EXCHANGE_EXCEEDS_CREDIT");
        let other = Some(vec![("B".to_owned(), 1)]);
        let done = scene.orders.exchange_return(&STAFF, it, other, None, None).await?.into_inner();
        assert_eq!(done.it.exchange.map(|exchange| exchange.worth), Some(rupees(cost)));

        // A refund that the provider refuses gave nothing back.
        let scene = Scene::open(14, &[A, ("B", 50)]).await?;
        let order = delivered(&scene, &[("A", 1), ("B", 5)], card("tok_ok")).await?;
        scene.gateway.script_refunds([RefundAnswer::Failed { code: "closed".to_owned() }]);
        scene.orders.give_money_back(&STAFF, order.id, units(1), None, None).await?;
        scene.settle().await?;
        scene.orders.give_money_back(&STAFF, order.id, units(1), None, None).await?;
        Ok(())
    })
}

#[test]
fn a_customer_has_thirty_days() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(6, &[A]).await?;
        let order = delivered(&scene, &[("A", 2)], COD).await?;
        scene.clock.advance(limits::RETURN_WINDOW + std::time::Duration::from_secs(1));
        let late = ask(&scene, order.id, back(ReturnKind::Return, &[("A", 1)])).await;
        assert_eq!(code(&late), "RETURN_WINDOW_CLOSED");
        let staff =
            scene.orders.request_return(&STAFF, order.id, back(ReturnKind::Return, &[("A", 1)]), Some(key("late")), None).await?;
        let again =
            scene.orders.request_return(&STAFF, order.id, back(ReturnKind::Return, &[("A", 1)]), Some(key("late")), None).await?;
        assert_eq!(staff.into_inner(), again.into_inner(), "the same under the same key");
        let anyone =
            scene.orders.return_by_id(&Actor::Anonymous, scene.orders.returns_of(&STAFF, order.id).await?[0].it.id).await;
        assert_eq!(code(&anyone), "UNAUTHENTICATED");
        Ok(())
    })
}
