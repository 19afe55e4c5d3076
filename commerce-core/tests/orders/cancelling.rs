//! Some of an order is given up: its units and its exact money come back, once, and what is shipped is not.

use commerce_core::ids::OrderId;
use commerce_core::orders::{CouponInput, NewShipment, Order, OrderStatus, PaymentMethod, PaymentStatus};
use commerce_core::testing::samples;
use commerce_core::{Currency, Money, Outcome};
use futures_executor::block_on;
use futures_util::future::{join, join_all};

use crate::scene::{COD, STAFF, Scene, card, code, key, wish};

const A: (&str, i64) = ("A", 20);
const B: (&str, i64) = ("B", 20);

async fn placed(scene: &Scene, items: &[(&str, i64)], payment: (PaymentMethod, Option<&str>)) -> Outcome<Order> {
    let mut wished = wish(items, payment);
    // Express costs 99 rupees.
    wished.shipping_option = Some("express".to_owned());
    let order = scene.place(wished).await?;
    scene.settle().await?;
    Ok(order)
}

async fn drop(scene: &Scene, order: OrderId, lines: &[(&str, i64)]) -> Outcome<Order> {
    let lines: Vec<(String, i64)> = lines.iter().map(|(sku, units)| ((*sku).to_owned(), *units)).collect();
    Ok(scene.orders.cancel_lines(&scene.asha, order, &lines, None, None, None).await?.into_inner())
}

async fn ship(scene: &Scene, order: OrderId, lines: Option<&[(&str, i64)]>) -> Outcome<()> {
    let lines = lines.map(|lines| lines.iter().map(|(sku, units)| ((*sku).to_owned(), *units)).collect());
    let parcel = NewShipment { carrier: "Blue Dart".to_owned(), tracking_number: "1".to_owned(), lines };
    scene.orders.ship(&STAFF, order, parcel, None, None).await.map(|_| ())
}

fn worths(order: &Order) -> Vec<i64> {
    order.cancellations.iter().map(|it| it.worth.minor).collect()
}

#[test]
fn bit_by_bit_it_is_the_whole_to_the_unit() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(1, &[A, B]).await?;
        let coupon = CouponInput {
            usage_limit: Some(1),
            minimum_subtotal: Some(Money::new(100_000, Currency::INR)),
            ..samples::amount_off("ODD", Money::new(10_001, Currency::INR))
        };
        scene.orders.create_coupon(&STAFF, coupon, None).await?;
        let mut wished = wish(&[("A", 3), ("B", 1)], card("tok_ok"));
        (wished.coupon_code, wished.shipping_option) = (Some("ODD".to_owned()), Some("express".to_owned()));
        let order = scene.place(wished).await?.id;
        scene.settle().await?;
        for (sku, stock) in [("A", 18), ("B", 20), ("A", 19)] {
            drop(&scene, order, &[(sku, 1)]).await?;
            scene.settle().await?;
            assert_eq!(scene.stock(sku).await?, (stock, 0));
        }
        let left = scene.order(order).await?;
        assert_eq!((left.status, left.coupon.as_deref()), (OrderStatus::Confirmed, Some("ODD")), "its coupon stays");
        let given = scene.gateway.refunded_minor();
        assert_eq!(worths(&left).iter().sum::<i64>(), given);
        assert_eq!(left.to_pay().minor, left.total.minor - given);
        // The last of three units of A at 1,421.99, and a quarter of 99.00 for shipping.
        assert_eq!((left.total.minor, left.to_pay().minor), (199_499, 47_400 + 2_475));
        drop(&scene, order, &[("A", 1)]).await?;
        scene.settle().await?;
        let whole = scene.order(order).await?;
        assert_eq!((whole.status, whole.payment.status()), (OrderStatus::Cancelled, PaymentStatus::Refunded));
        assert_eq!((scene.gateway.refunded_minor(), scene.stock("A").await?), (whole.total.minor, (20, 0)));
        assert_eq!(worths(&whole).len(), 3, "the last of it is the order itself");
        Ok(())
    })
}

#[test]
fn what_is_paid_on_delivery_is_so_much_less() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(2, &[A, B]).await?;
        let order = placed(&scene, &[("A", 2), ("B", 1)], COD).await?;
        ship(&scene, order.id, Some(&[("A", 1)])).await?;
        assert_eq!(code(&drop(&scene, order.id, &[("A", 2)]).await), "CANCEL_EXCEEDS_OPEN");
        assert_eq!(code(&drop(&scene, order.id, &[("C", 1)]).await), "INVALID");
        assert_eq!(code(&drop(&scene, order.id, &[]).await), "INVALID");
        let bela = scene.somebody_else().await?;
        let lines = [("A".to_owned(), 1)];
        assert_eq!(code(&scene.orders.cancel_lines(&bela, order.id, &lines, None, None, None).await), "NOT_FOUND");
        drop(&scene, order.id, &[("A", 1)]).await?;
        let rest = drop(&scene, order.id, &[("B", 1)]).await?;
        assert_eq!((rest.status, worths(&rest)), (OrderStatus::Shipped, vec![53_200, 53_200]), "all that is left has left");
        assert_eq!(code(&ship(&scene, order.id, None).await), "OVER_SHIPMENT");
        let arrived = scene.orders.set_status(&STAFF, order.id, OrderStatus::Delivered, None, None).await?;
        assert_eq!((arrived.payment.captured.minor, arrived.total.minor), (53_200, 159_600));
        assert_eq!(arrived.payment.status(), PaymentStatus::Captured);
        scene.settle().await?;
        assert_eq!((scene.stock("A").await?, scene.stock("B").await?), ((19, 0), (20, 0)));
        Ok(())
    })
}

#[test]
fn of_many_at_once_no_unit_is_given_up_twice_nor_shipped_as_well() -> Outcome<()> {
    block_on(async {
        for seed in 0..20 {
            let scene = Scene::open(seed, &[A]).await?;
            let order = scene.place(wish(&[("A", 5)], card("tok_ok"))).await?.id;
            let all = join_all((0..4).map(|_| drop(&scene, order, &[("A", 2)])));
            let (dropped, sent) = join(all, ship(&scene, order, Some(&[("A", 2)]))).await;
            let units = 2 * dropped.iter().filter(|it| it.is_ok()).count() + 2 * usize::from(sent.is_ok());
            assert_eq!(units, 4, "seed {seed}: {dropped:?}, {sent:?}");
            scene.settle().await?;
            let (order, stock) = (scene.order(order).await?, scene.stock("A").await?);
            let given_up: u32 = order.lines.iter().map(|line| order.given_up(&line.sku)).sum();
            assert_eq!(stock, (15 + i64::from(given_up), 0), "seed {seed}");
            assert_eq!(scene.gateway.refunded_minor(), i64::from(given_up) * 49_900, "seed {seed}");
        }
        Ok(())
    })
}

#[test]
fn a_repeated_request_gives_up_once() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(4, &[A]).await?;
        let unpaid = scene.place(wish(&[("A", 2)], card("tok_declined"))).await?.id;
        assert_eq!(code(&drop(&scene, unpaid, &[("A", 1)]).await), "ILLEGAL_TRANSITION");
        let order = placed(&scene, &[("A", 3)], COD).await?.id;
        let lines = [("A".to_owned(), 1)];
        let once = || scene.orders.cancel_lines(&scene.asha, order, &lines, None, Some(key("less")), None);
        let (one, other) = join(once(), once()).await;
        assert_eq!(one?.into_inner(), other?.into_inner());
        assert_eq!(scene.order(order).await?.cancellations.len(), 1);
        Ok(())
    })
}
