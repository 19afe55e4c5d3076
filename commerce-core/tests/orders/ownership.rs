//! Who may see and do what: a stranger's answer is that there is no such thing.

use commerce_core::orders::{AddressChoice, CartOwner, OrderFilter, OrderStatus, PaymentMethod, PlaceOrder};
use commerce_core::page::PageRequest;
use commerce_core::testing::samples;
use commerce_core::{Actor, Outcome};
use futures_executor::block_on;

use crate::scene::{COD, STAFF, Scene, card, code, wish};

const A: (&str, i64) = ("A", 10);

#[test]
fn strangers_find_nothing() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(1, &[A]).await?;
        let id = scene.place(wish(&[("A", 1)], card("tok_declined"))).await?.id;
        let before = scene.order(id).await?;
        let bela = scene.somebody_else().await?;
        let page = PageRequest::first();
        for (who, expected) in [(&bela, "NOT_FOUND"), (&Actor::Anonymous, "UNAUTHENTICATED")] {
            assert_eq!(code(&scene.orders.order(who, id).await), expected);
            assert_eq!(code(&scene.orders.timeline(who, id, &page).await), expected);
            assert_eq!(code(&scene.orders.cancel(who, id, None, None, None).await), expected);
            let token = Some("tok_ok".to_owned());
            assert_eq!(code(&scene.orders.pay(who, id, PaymentMethod::Card, token, None, None).await), expected);
            assert_eq!(code(&scene.orders.set_status(who, id, OrderStatus::Cancelled, None, None).await), expected);
            let cart = CartOwner::User(scene.asha_id());
            assert_eq!(code(&scene.orders.cart(who, cart).await), expected);
            assert_eq!(code(&scene.orders.add_to_cart(who, cart, &[("A".to_owned(), 1)], None, None, None).await), expected);
            assert_eq!(code(&scene.orders.clear_cart(who, cart, None).await), expected);
            let hers = OrderFilter { user: Some(scene.asha_id()), ..OrderFilter::default() };
            assert_eq!(code(&scene.orders.orders(who, hers, &page).await), expected);
        }
        assert_eq!(code(&scene.orders.place(&Actor::Anonymous, wish(&[("A", 1)], COD), None).await), "UNAUTHENTICATED");
        assert!(scene.orders.orders(&bela, OrderFilter::default(), &page).await?.items.is_empty());
        assert_eq!(scene.orders.orders(&scene.asha, OrderFilter::default(), &page).await?.items.len(), 1);
        assert_eq!(scene.orders.orders(&STAFF, OrderFilter::default(), &page).await?.items.len(), 1);
        assert_eq!(scene.order(id).await?, before, "nothing was changed");
        Ok(())
    })
}

#[test]
fn a_customer_moves_no_status() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(2, &[A]).await?;
        let id = scene.place(wish(&[("A", 1)], COD)).await?.id;
        for status in OrderStatus::ALL {
            assert_eq!(code(&scene.orders.set_status(&scene.asha, id, *status, None, None).await), "FORBIDDEN", "{status}");
        }
        Ok(())
    })
}

#[test]
fn orders_go_to_addresses_of_their_own_customer() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(3, &[A]).await?;
        let bela = scene.somebody_else().await?;
        let to = |choice| PlaceOrder { address: choice, ..wish(&[("A", 1)], COD) };
        assert_eq!(code(&scene.place(to(AddressChoice::Saved(None))).await), "INVALID", "she has no default yet");

        let (saved, _) =
            scene.users.add_address(&scene.asha, scene.asha_id(), samples::new_address(), None, None).await?.into_inner();
        let order = scene.place(to(AddressChoice::Saved(None))).await?;
        assert_eq!(order.shipping_address, saved.postal);
        let stolen = scene.orders.place(&bela, to(AddressChoice::Saved(Some(saved.id))), None).await;
        assert_eq!(code(&stolen), "NOT_FOUND");
        scene.users.delete_address(&scene.asha, scene.asha_id(), saved.id, None).await?;
        assert_eq!(scene.order(order.id).await?.shipping_address, saved.postal, "the order keeps its copy");
        assert_eq!(scene.stock("A").await?, (10, 1), "refusals held nothing");
        Ok(())
    })
}
