//! Parcels that are refused at the door: an order comes to its end with them, and nobody pays for what she never had.

use commerce_core::audit::AuditRequest;
use commerce_core::ids::{OrderId, ReturnId, ShipmentId};
use commerce_core::notifications::{NotificationFilter, NotificationStatus, Template};
use commerce_core::orders::{
    CarrierNews, NewShipment, Order, OrderStatus, PaymentMethod, PaymentStatus, RequestReturn, ReturnKind, ReturnOf,
    ShipmentStatus,
};
use commerce_core::page::PageRequest;
use commerce_core::testing::conformance::NoWait;
use commerce_core::testing::samples;
use commerce_core::{Actor, Currency, Money, Outcome};
use futures_executor::block_on;

use crate::scene::{COD, STAFF, Scene, card, code, wish};
use OrderStatus::{Confirmed, Delivered, Pending, Processing, Shipped};

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

async fn ship(scene: &Scene, order: OrderId, lines: Option<&[(&str, i64)]>) -> Outcome<ShipmentId> {
    let lines = lines.map(|lines| lines.iter().map(|(sku, units)| ((*sku).to_owned(), *units)).collect());
    let parcel = NewShipment { carrier: "Blue Dart".to_owned(), tracking_number: "1".to_owned(), lines };
    Ok(scene.orders.ship(&STAFF, order, parcel, None, None).await?.into_inner().it.id)
}

async fn tell(scene: &Scene, order: OrderId, parcel: ShipmentId, status: ShipmentStatus) -> Outcome<()> {
    let news = CarrierNews { status, at: None, note: None };
    scene.orders.shipment_news(&STAFF, order, parcel, news, None, None).await.map(|_| ())
}

fn back(kind: ReturnKind, lines: &[(&str, i64)]) -> RequestReturn {
    let lines = lines.iter().map(|(sku, units)| ((*sku).to_owned(), *units)).collect();
    RequestReturn { kind, lines, refused: Some(true), reason: "refused at the door".to_owned() }
}

/// It is back, and can be sold again.
async fn received(scene: &Scene, actor: &Actor, order: OrderId, lines: &[(&str, i64)]) -> Outcome<ReturnId> {
    let wish = RequestReturn { refused: Some(*actor == STAFF), ..back(ReturnKind::Return, lines) };
    let id = scene.orders.request_return(actor, order, wish, None, None).await?.into_inner().it.id;
    scene.orders.approve_return(&STAFF, id, None, None).await?;
    scene.orders.receive_return(&STAFF, id, None, None, None).await?;
    scene.settle().await?;
    Ok(id)
}

async fn paid_back(scene: &Scene, id: ReturnId) -> Outcome<ReturnOf> {
    let it = scene.orders.refund_return(&STAFF, id, None, None, None).await?.into_inner();
    scene.settle().await?;
    Ok(it)
}

async fn expect_clean(scene: &Scene) -> Outcome<()> {
    let report = scene.audit(&STAFF, AuditRequest::new(&NoWait)).await?;
    assert!(report.is_clean(), "{report:?}");
    Ok(())
}

async fn delivered_mails(scene: &Scene) -> Outcome<Vec<NotificationStatus>> {
    let all = scene.notifications.list(&STAFF, &NotificationFilter::default(), &PageRequest::first()).await?.items;
    Ok(all.iter().filter(|it| it.template == Template::OrderDelivered).map(|it| it.status).collect())
}

#[test]
fn an_order_refused_whole_ends_with_nothing_to_pay() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(11, &[A, B]).await?;
        for (payment, total) in [(COD, 0), (card("tok_ok"), 159_600)] {
            let order = placed(&scene, &[("A", 2), ("B", 1)], payment).await?.id;
            let first = ship(&scene, order, Some(&[("A", 1)])).await?;
            let rest = ship(&scene, order, None).await?;
            for parcel in [first, rest] {
                tell(&scene, order, parcel, ShipmentStatus::Failed).await?;
            }
            let one = received(&scene, &STAFF, order, &[("A", 2)]).await?;
            assert_eq!(scene.order(order).await?.status, Shipped, "a unit of B is not back");
            let other = received(&scene, &STAFF, order, &[("B", 1)]).await?;
            let ended = scene.order(order).await?;
            assert_eq!((ended.status, ended.nothing_arrived()), (Delivered, true));
            assert_eq!(scene.path(order).await?, [Pending, Confirmed, Processing, Shipped, Delivered]);
            assert_eq!((scene.stock("A").await?, scene.stock("B").await?), ((20, 0), (20, 0)));
            for id in [one, other] {
                paid_back(&scene, id).await?;
            }
            let payment = scene.order(order).await?.payment;
            assert_eq!((payment.captured.minor, payment.refunded.minor), (total, total), "what sending it cost, too");
            assert_eq!(payment.refunds.is_empty(), total == 0);
            assert_eq!(payment.status(), if total == 0 { PaymentStatus::Pending } else { PaymentStatus::Refunded });
            expect_clean(&scene).await?;
        }
        assert_eq!(delivered_mails(&scene).await?, [NotificationStatus::Suppressed; 2], "nobody is told of an arrival");
        Ok(())
    })
}

#[test]
fn cash_is_owed_for_what_arrived_to_the_unit() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(12, &[A, B]).await?;
        let coupon = samples::amount_off("ODD", Money::new(10_001, Currency::INR));
        scene.orders.create_coupon(&STAFF, coupon, None).await?;
        let mut wished = wish(&[("A", 3)], COD);
        (wished.coupon_code, wished.shipping_option) = (Some("ODD".to_owned()), Some("express".to_owned()));
        let order = scene.place(wished).await?;
        assert_eq!(order.total.minor, 149_700 - 10_001 + 9_900);
        let order = order.id;
        scene.settle().await?;
        let here = ship(&scene, order, Some(&[("A", 2)])).await?;
        let refused = ship(&scene, order, None).await?;
        tell(&scene, order, here, ShipmentStatus::Delivered).await?;
        tell(&scene, order, refused, ShipmentStatus::Failed).await?;
        let hers = scene.orders.request_return(&scene.asha, order, back(ReturnKind::Return, &[("A", 1)]), None, None).await;
        assert_eq!(code(&hers), "INVALID", "it comes back to staff");
        let never_had = received(&scene, &STAFF, order, &[("A", 1)]).await?;
        let ended = scene.order(order).await?;
        // One of three units at 1,396.99 in all, rounded up, is not paid for; sending the others is.
        let goods = 139_699 - 46_566;
        assert_eq!((ended.status, ended.payment.captured.minor), (Delivered, goods + 9_900));
        assert_eq!(ended.payment.status(), PaymentStatus::Captured);
        // She sends the rest back, unit by unit: before what she never had is done with, and after.
        let first = received(&scene, &scene.asha, order, &[("A", 1)]).await?;
        paid_back(&scene, first).await?;
        assert_eq!(paid_back(&scene, never_had).await?.it.refund.map(|back| back.minor), Some(0));
        let last = received(&scene, &scene.asha, order, &[("A", 1)]).await?;
        paid_back(&scene, last).await?;
        assert_eq!(scene.order(order).await?.payment.refunded.minor, goods);
        assert_eq!(scene.stock("A").await?, (20, 0));
        assert_eq!(delivered_mails(&scene).await?, [NotificationStatus::Sent]);
        expect_clean(&scene).await
    })
}

#[test]
fn what_is_lost_for_good_or_never_sent_ends_the_order_too() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(13, &[A, B]).await?;
        // Paid back as lost: nothing comes.
        let lost = placed(&scene, &[("A", 1)], card("tok_ok")).await?;
        let parcel = ship(&scene, lost.id, None).await?;
        tell(&scene, lost.id, parcel, ShipmentStatus::Failed).await?;
        let by_hand = scene.orders.set_status(&STAFF, lost.id, Delivered, None, None);
        let asked = scene.orders.request_return(&STAFF, lost.id, back(ReturnKind::Refund, &[("A", 1)]), None, None).await?;
        assert_eq!(code(&by_hand.await), "ILLEGAL_TRANSITION", "it is to come back");
        let id = asked.into_inner().it.id;
        scene.orders.approve_return(&STAFF, id, None, None).await?;
        paid_back(&scene, id).await?;
        let ended = scene.order(lost.id).await?;
        assert_eq!((ended.status, ended.payment.refunded), (Delivered, lost.total));
        assert_eq!(scene.stock("A").await?, (19, 0), "it is lost");
        // Refused, and the rest given up.
        for (payment, total) in [(card("tok_ok"), 109_700), (COD, 0)] {
            let order = placed(&scene, &[("A", 1), ("B", 1)], payment).await?.id;
            let parcel = ship(&scene, order, Some(&[("A", 1)])).await?;
            tell(&scene, order, parcel, ShipmentStatus::Failed).await?;
            let id = received(&scene, &STAFF, order, &[("A", 1)]).await?;
            assert_eq!(scene.order(order).await?.status, Processing);
            if total > 0 {
                paid_back(&scene, id).await?;
            }
            scene.orders.cancel_lines(&scene.asha, order, &[("B".to_owned(), 1)], None, None, None).await?;
            scene.settle().await?;
            let ended = scene.order(order).await?;
            assert_eq!((ended.status, ended.nothing_arrived()), (Delivered, true));
            assert_eq!((ended.payment.captured.minor, ended.payment.refunded.minor), (total, total));
        }
        assert_eq!((scene.stock("A").await?, scene.stock("B").await?), ((19, 0), (20, 0)));
        expect_clean(&scene).await
    })
}
