//! Shipments: never more than was ordered, whoever ships, cancels or repeats herself at once.

use std::time::Duration;

use commerce_core::audit::AuditRequest;
use commerce_core::events::EventKind;
use commerce_core::ids::{OrderId, ShipmentId};
use commerce_core::orders::{
    CarrierNews, NewShipment, OrderStatus, PaymentStatus, RequestReturn, ReturnKind, ShipmentOf, ShipmentStatus,
};
use commerce_core::testing::conformance::NoWait;
use commerce_core::text::Quantity;
use commerce_core::{Clock, Outcome, Timestamp};
use futures_executor::block_on;
use futures_util::future::{join, join_all};

use crate::scene::{COD, STAFF, Scene, card, code, key, wish};
use OrderStatus::{Cancelled, Confirmed, Delivered, OutForDelivery, Pending, Processing, Shipped};

const A: (&str, i64) = ("A", 20);
const B: (&str, i64) = ("B", 20);

fn parcel(lines: Option<&[(&str, i64)]>) -> NewShipment {
    let lines = lines.map(|lines| lines.iter().map(|(sku, units)| ((*sku).to_owned(), *units)).collect());
    NewShipment { carrier: "Blue Dart".to_owned(), tracking_number: "1234567890".to_owned(), lines }
}

async fn ship(scene: &Scene, order: OrderId, lines: Option<&[(&str, i64)]>) -> Outcome<ShipmentOf> {
    Ok(scene.orders.ship(&STAFF, order, parcel(lines), None, None).await?.into_inner())
}

async fn tell(
    scene: &Scene,
    order: OrderId,
    parcel: ShipmentId,
    status: ShipmentStatus,
    at: Option<Timestamp>,
) -> Outcome<ShipmentOf> {
    let news = CarrierNews { status, at, note: None };
    Ok(scene.orders.shipment_news(&STAFF, order, parcel, news, None, None).await?.into_inner())
}

async fn placed(scene: &Scene, items: &[(&str, i64)]) -> Outcome<OrderId> {
    let order = scene.place(wish(items, COD)).await?.id;
    scene.settle().await?;
    Ok(order)
}

async fn status(scene: &Scene, order: OrderId) -> Outcome<OrderStatus> {
    Ok(scene.order(order).await?.status)
}

#[test]
fn an_order_goes_with_its_parcels() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(1, &[A, B]).await?;
        let order = placed(&scene, &[("A", 2), ("B", 1)]).await?;
        let first = ship(&scene, order, Some(&[("A", 1)])).await?.it;
        assert_eq!((first.status(), first.lines.len()), (ShipmentStatus::Shipped, 1));
        assert_eq!(status(&scene, order).await?, Processing, "something is open");
        assert_eq!(scene.said().await?, [EventKind::ShipmentCreated, EventKind::OrderProcessing]);
        tell(&scene, order, first.id, ShipmentStatus::Delivered, None).await?;
        assert_eq!(status(&scene, order).await?, Processing, "one parcel is not all");
        let more = ship(&scene, order, Some(&[("A", 2)])).await;
        assert_eq!(code(&more), "OVER_SHIPMENT");
        assert_eq!(code(&ship(&scene, order, Some(&[("C", 1)])).await), "INVALID");
        assert_eq!(code(&ship(&scene, order, Some(&[])).await), "INVALID");
        assert_eq!(code(&scene.orders.cancel(&scene.asha, order, None, None, None).await), "ILLEGAL_TRANSITION");
        let rest = ship(&scene, order, None).await?.it;
        let lines: Vec<(&str, u32)> = rest.lines.iter().map(|line| (line.sku.as_str(), line.quantity.get())).collect();
        assert_eq!(lines, [("A", 1), ("B", 1)]);
        assert_eq!(status(&scene, order).await?, Shipped);
        assert_eq!(code(&ship(&scene, order, None).await), "OVER_SHIPMENT", "nothing is left");
        tell(&scene, order, rest.id, ShipmentStatus::OutForDelivery, None).await?;
        assert_eq!(status(&scene, order).await?, OutForDelivery);
        tell(&scene, order, rest.id, ShipmentStatus::Failed, None).await?;
        assert_eq!(status(&scene, order).await?, OutForDelivery, "there will be another try");
        let arrived = tell(&scene, order, rest.id, ShipmentStatus::Delivered, None).await?.it;
        assert_eq!(arrived.events.len(), 3);
        let path = [Pending, Confirmed, Processing, Shipped, OutForDelivery, Delivered];
        assert_eq!(scene.path(order).await?, path);
        scene.settle().await?;
        let order = scene.order(order).await?;
        assert_eq!((order.payment.status(), scene.stock("A").await?), (PaymentStatus::Captured, (18, 0)));
        let sent = scene.orders.shipments_of(&scene.asha, order.id).await?;
        assert_eq!(sent.iter().map(|it| it.it.id).collect::<Vec<_>>(), [first.id, rest.id]);
        let bela = scene.somebody_else().await?;
        assert_eq!(code(&scene.orders.shipments_of(&bela, order.id).await), "NOT_FOUND");
        Ok(())
    })
}

#[test]
fn a_parcel_that_is_out_already_takes_the_order_along() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(2, &[A]).await?;
        let order = placed(&scene, &[("A", 2)]).await?;
        let first = ship(&scene, order, Some(&[("A", 1)])).await?.it;
        tell(&scene, order, first.id, ShipmentStatus::OutForDelivery, None).await?;
        ship(&scene, order, None).await?;
        assert_eq!(scene.path(order).await?, [Pending, Confirmed, Processing, Shipped, OutForDelivery]);
        Ok(())
    })
}

#[test]
fn what_staff_sets_by_hand_its_parcels_are() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(3, &[A]).await?;
        let order = placed(&scene, &[("A", 3)]).await?;
        ship(&scene, order, Some(&[("A", 1)])).await?;
        let out = scene.orders.set_status(&STAFF, order, OutForDelivery, None, None).await;
        assert_eq!(code(&out), "ILLEGAL_TRANSITION", "something is open");
        for (step, parcels) in [
            (Shipped, [ShipmentStatus::Shipped; 2]),
            (OutForDelivery, [ShipmentStatus::OutForDelivery; 2]),
            (Delivered, [ShipmentStatus::Delivered; 2]),
        ] {
            let order = scene.orders.set_status(&STAFF, order, step, None, None).await?;
            let found: Vec<ShipmentStatus> = order.shipments.iter().map(commerce_core::orders::Shipment::status).collect();
            assert_eq!((order.status, found), (step, parcels.to_vec()));
        }
        let units: Vec<Option<Quantity>> =
            scene.order(order).await?.shipments.iter().map(|it| it.lines.first().map(|line| line.quantity)).collect();
        assert_eq!(units, [Quantity::new(1), Quantity::new(2)]);
        Ok(())
    })
}

#[test]
fn carriers_repeat_themselves_and_come_in_any_order() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(4, &[A]).await?;
        let order = placed(&scene, &[("A", 1)]).await?;
        let parcel = ship(&scene, order, None).await?.it.id;
        let now = scene.clock.now();
        scene.clock.advance(Duration::from_hours(5));
        let at = |hours| Some(now.plus(Duration::from_hours(hours)));
        let mut version = scene.order(order).await?.version;
        for (status, hour, becomes, news) in [
            (ShipmentStatus::OutForDelivery, 3, ShipmentStatus::OutForDelivery, 1),
            (ShipmentStatus::InTransit, 1, ShipmentStatus::OutForDelivery, 1),
            (ShipmentStatus::InTransit, 1, ShipmentStatus::OutForDelivery, 0),
            (ShipmentStatus::Delivered, 4, ShipmentStatus::Delivered, 1),
            (ShipmentStatus::Failed, 2, ShipmentStatus::Delivered, 1),
            (ShipmentStatus::Delivered, 5, ShipmentStatus::Delivered, 0),
        ] {
            let it = tell(&scene, order, parcel, status, at(hour)).await?.it;
            assert_eq!(it.status(), becomes, "{status} at {hour}");
            assert!(it.events.is_sorted_by_key(|event| event.at), "{:?}", it.events);
            version += news;
            assert_eq!(scene.order(order).await?.version, version, "{status} at {hour}");
        }
        assert_eq!(scene.path(order).await?, [Pending, Confirmed, Shipped, OutForDelivery, Delivered]);
        assert_eq!(code(&tell(&scene, order, parcel, ShipmentStatus::Failed, at(5)).await), "ILLEGAL_TRANSITION");
        assert_eq!(code(&tell(&scene, order, parcel, ShipmentStatus::Failed, at(6)).await), "INVALID", "it is not so late");
        assert_eq!(code(&tell(&scene, order, parcel, ShipmentStatus::Shipped, None).await), "INVALID");
        assert_eq!(scene.order(order).await?.version, version);
        let stranger = scene.orders.shipment(&STAFF, placed(&scene, &[("A", 1)]).await?, parcel).await;
        assert_eq!(code(&stranger), "NOT_FOUND", "it is another order's");
        Ok(())
    })
}

#[test]
fn of_many_at_once_no_more_is_shipped_than_was_ordered() -> Outcome<()> {
    block_on(async {
        for seed in 0..10 {
            let scene = Scene::open(seed, &[A]).await?;
            let order = placed(&scene, &[("A", 5)]).await?;
            let sent = join_all((0..6).map(|_| ship(&scene, order, Some(&[("A", 2)])))).await;
            assert_eq!(sent.iter().filter(|sent| sent.is_ok()).count(), 2, "seed {seed}");
            let refused: Vec<&str> = sent.iter().filter(|sent| sent.is_err()).map(code).collect();
            assert_eq!(refused, ["OVER_SHIPMENT"; 4], "seed {seed}");
            let all = join_all((0..3).map(|_| ship(&scene, order, None))).await;
            assert_eq!(all.iter().filter(|sent| sent.is_ok()).count(), 1, "seed {seed}");
            assert_eq!(status(&scene, order).await?, Shipped);
        }
        Ok(())
    })
}

#[test]
fn who_cancels_and_who_ships_do_not_both_win() -> Outcome<()> {
    block_on(async {
        for seed in 0..20 {
            let scene = Scene::open(seed, &[A]).await?;
            let order = placed(&scene, &[("A", 2)]).await?;
            let lines: &[(&str, i64)] = if seed % 2 == 0 { &[("A", 1)] } else { &[("A", 2)] };
            let (sent, given_up) =
                join(ship(&scene, order, Some(lines)), scene.orders.cancel(&scene.asha, order, None, None, None)).await;
            assert_ne!(sent.is_ok(), given_up.is_ok(), "seed {seed}");
            scene.settle().await?;
            let (shipped, stock) = (scene.order(order).await?.shipments.len(), scene.stock("A").await?);
            let cancelled = status(&scene, order).await? == Cancelled;
            assert_eq!((shipped, stock), if cancelled { (0, (20, 0)) } else { (1, (18, 0)) }, "seed {seed}");
            if cancelled {
                assert_eq!(code(&ship(&scene, order, None).await), "ILLEGAL_TRANSITION");
            }
        }
        Ok(())
    })
}

#[test]
fn only_staff_ships_what_is_confirmed_and_once_under_a_key() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(5, &[A]).await?;
        let unpaid = scene.place(wish(&[("A", 1)], card("tok_declined"))).await?.id;
        assert_eq!(code(&ship(&scene, unpaid, None).await), "ILLEGAL_TRANSITION");
        let order = placed(&scene, &[("A", 2)]).await?;
        assert_eq!(code(&scene.orders.ship(&scene.asha, order, parcel(None), None, None).await), "FORBIDDEN");
        let bela = scene.somebody_else().await?;
        assert_eq!(code(&scene.orders.ship(&bela, order, parcel(None), None, None).await), "NOT_FOUND");
        let one = || scene.orders.ship(&STAFF, order, parcel(Some(&[("A", 1)])), Some(key("parcel")), None);
        let twins = join(one(), one()).await;
        assert_eq!(twins.0?.into_inner().it, twins.1?.into_inner().it);
        assert_eq!(scene.orders.shipments_of(&STAFF, order).await?.len(), 1);
        let said = || {
            let news = CarrierNews { status: ShipmentStatus::Failed, at: None, note: Some("nobody there".to_owned()) };
            let parcel = async { Ok(scene.orders.shipments_of(&STAFF, order).await?[0].it.id) as Outcome<ShipmentId> };
            async { scene.orders.shipment_news(&STAFF, order, parcel.await?, news, Some(key("said")), None).await }
        };
        assert_eq!(said().await?.into_inner().it.events.len(), 1);
        assert_eq!(said().await?.into_inner().it.events.len(), 1);
        Ok(())
    })
}

/// A34: the courier brings it back, cash was never paid.
#[test]
fn what_is_refused_at_the_door_comes_back_through_a_return() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(7, &[A, B]).await?;
        let back = |sku: &str, units| RequestReturn {
            kind: ReturnKind::Return,
            lines: vec![(sku.to_owned(), units)],
            refused: None,
            reason: "refused at the door".to_owned(),
        };
        for (payment, refunded) in [(COD, 0), (card("tok_ok"), 99_800)] {
            let before = scene.stock("A").await?.0;
            let order = scene.place(wish(&[("A", 2)], payment)).await?.id;
            scene.settle().await?;
            let parcel = ship(&scene, order, None).await?.it.id;
            let early = scene.orders.request_return(&STAFF, order, back("A", 2), None, None).await;
            assert_eq!(code(&early), "RETURN_EXCEEDS_DELIVERED", "it is on its way");
            tell(&scene, order, parcel, ShipmentStatus::Failed, None).await?;
            let hers = scene.orders.request_return(&scene.asha, order, back("A", 2), None, None).await;
            assert_eq!(code(&hers), "RETURN_EXCEEDS_DELIVERED", "she has nothing to send back");
            let asked = (0..5).map(|_| scene.orders.request_return(&STAFF, order, back("A", 2), None, None));
            let asked = join_all(asked).await;
            let it = asked.iter().find_map(|it| it.as_ref().ok()).expect("one of them").clone().into_inner().it;
            assert_eq!(asked.iter().filter(|it| it.is_ok()).count(), 1, "it comes back once");
            assert!(it.lines[0].refused);
            for status in [ShipmentStatus::Delivered, ShipmentStatus::OutForDelivery] {
                assert_eq!(code(&tell(&scene, order, parcel, status, None).await), "ILLEGAL_TRANSITION", "it is on its way back");
            }
            let by_hand = scene.orders.set_status(&STAFF, order, Delivered, None, None).await;
            assert_eq!(code(&by_hand), "ILLEGAL_TRANSITION");
            scene.orders.approve_return(&STAFF, it.id, None, None).await?;
            scene.orders.receive_return(&STAFF, it.id, None, None, None).await?;
            scene.settle().await?;
            assert_eq!(scene.stock("A").await?.0, before, "once");
            assert_eq!(status(&scene, order).await?, Delivered, "none of it is under way any more");
            scene.orders.refund_return(&STAFF, it.id, None, None, None).await?;
            scene.settle().await?;
            let paid = scene.order(order).await?.payment;
            assert_eq!((paid.refunded.minor, paid.refunds.len()), (refunded, usize::from(refunded > 0)));
            let report = scene.audit(&STAFF, AuditRequest::new(&NoWait)).await?;
            assert!(report.is_clean(), "{report:?}");
        }
        // One that was not agreed to is delivered after all.
        let order = placed(&scene, &[("B", 1)]).await?;
        let parcel = ship(&scene, order, None).await?.it.id;
        tell(&scene, order, parcel, ShipmentStatus::Failed, None).await?;
        let it = scene.orders.request_return(&STAFF, order, back("B", 1), None, None).await?.into_inner().it.id;
        scene.orders.reject_return(&STAFF, it, None, None, None).await?;
        tell(&scene, order, parcel, ShipmentStatus::Delivered, None).await?;
        assert_eq!(status(&scene, order).await?, Delivered);
        Ok(())
    })
}

#[test]
fn what_has_arrived_may_come_back_before_the_rest_does() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(6, &[A]).await?;
        let back = |units| RequestReturn {
            kind: ReturnKind::Return,
            lines: vec![("A".to_owned(), units)],
            refused: None,
            reason: "too small".to_owned(),
        };
        for (payment, refund) in [(card("tok_ok"), "OK"), (COD, "PAYMENT_REQUIRED")] {
            let order = scene.place(wish(&[("A", 3)], payment)).await?.id;
            scene.settle().await?;
            let parcel = ship(&scene, order, Some(&[("A", 2)])).await?.it.id;
            let early = scene.orders.request_return(&scene.asha, order, back(1), None, None).await;
            assert_eq!(code(&early), "RETURN_EXCEEDS_DELIVERED", "it is on its way");
            tell(&scene, order, parcel, ShipmentStatus::Delivered, None).await?;
            let more = scene.orders.request_return(&scene.asha, order, back(3), None, None).await;
            assert_eq!(code(&more), "RETURN_EXCEEDS_DELIVERED", "one is not there");
            let it = scene.orders.request_return(&scene.asha, order, back(2), None, None).await?.into_inner().it.id;
            scene.orders.approve_return(&STAFF, it, None, None).await?;
            scene.orders.receive_return(&STAFF, it, None, None, None).await?;
            assert_eq!(code(&scene.orders.refund_return(&STAFF, it, None, None, None).await), refund);
            ship(&scene, order, None).await?;
            scene.orders.set_status(&STAFF, order, Delivered, None, None).await?;
            scene.orders.refund_return(&STAFF, it, None, None, None).await?;
            scene.settle().await?;
            assert_eq!(scene.order(order).await?.payment.refunded.minor, 99_800);
        }
        Ok(())
    })
}
