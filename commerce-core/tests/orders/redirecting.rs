//! Where an order goes may change until something of it has left the house, and not to where it would cost otherwise.

use commerce_core::Outcome;
use commerce_core::events::EventKind;
use commerce_core::orders::{NewShipment, OrderStatus};
use commerce_core::users::RawAddress;
use futures_executor::block_on;
use futures_util::future::join;

use crate::scene::{COD, STAFF, Scene, address, code, wish};

fn next_door() -> RawAddress {
    RawAddress { line1: "14 MG Road".to_owned(), ..address() }
}

#[test]
fn an_order_goes_elsewhere_until_something_of_it_is_shipped() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(1, &[("A", 20)]).await?;
        let order = scene.place(wish(&[("A", 2)], COD)).await?;
        scene.settle().await?;
        let bela = scene.somebody_else().await?;
        assert_eq!(code(&scene.orders.redirect(&bela, order.id, next_door(), None).await), "NOT_FOUND");
        assert_eq!(code(&scene.orders.redirect(&scene.asha, order.id, next_door(), Some(9)).await), "VERSION_MISMATCH");
        let nowhere = RawAddress { city: String::new(), ..address() };
        assert_eq!(code(&scene.orders.redirect(&scene.asha, order.id, nowhere, None).await), "INVALID");
        let abroad = RawAddress { country: "US".to_owned(), ..next_door() };
        assert_eq!(code(&scene.orders.redirect(&scene.asha, order.id, abroad, None).await), "NOT_REDIRECTABLE");
        let moved = scene.orders.redirect(&scene.asha, order.id, next_door(), Some(order.version)).await?;
        assert_eq!((moved.shipping_address.line1.as_str(), moved.total, moved.status), ("14 MG Road", order.total, order.status));
        let again = scene.orders.redirect(&scene.asha, order.id, next_door(), None).await?;
        assert_eq!((again.version, scene.said().await?), (moved.version, vec![EventKind::OrderRedirected]), "once");
        scene.orders.set_status(&STAFF, order.id, OrderStatus::Processing, None, None).await?;
        scene.orders.redirect(&STAFF, order.id, address(), None).await?;
        let parcel = NewShipment {
            carrier: "Blue Dart".to_owned(),
            tracking_number: "1".to_owned(),
            lines: Some(vec![("A".to_owned(), 1)]),
        };
        scene.orders.ship(&STAFF, order.id, parcel, None, None).await?;
        assert_eq!(code(&scene.orders.redirect(&scene.asha, order.id, next_door(), None).await), "NOT_REDIRECTABLE");
        let given_up = scene.place(wish(&[("A", 1)], COD)).await?.id;
        scene.orders.cancel(&scene.asha, given_up, None, None, None).await?;
        assert_eq!(code(&scene.orders.redirect(&scene.asha, given_up, next_door(), None).await), "NOT_REDIRECTABLE");
        Ok(())
    })
}

#[test]
fn who_redirects_and_who_ships_agree_where_it_went() -> Outcome<()> {
    block_on(async {
        for seed in 0..10 {
            let scene = Scene::open(seed, &[("A", 20)]).await?;
            let order = scene.place(wish(&[("A", 1)], COD)).await?.id;
            let parcel = NewShipment { carrier: "Blue Dart".to_owned(), tracking_number: "1".to_owned(), lines: None };
            let (moved, sent) = join(
                scene.orders.redirect(&scene.asha, order, next_door(), None),
                scene.orders.ship(&STAFF, order, parcel, None, None),
            )
            .await;
            assert!(sent.is_ok(), "seed {seed}");
            let line1 = scene.order(order).await?.shipping_address.line1;
            assert_eq!(line1 == "14 MG Road", moved.is_ok(), "seed {seed}");
        }
        Ok(())
    })
}
