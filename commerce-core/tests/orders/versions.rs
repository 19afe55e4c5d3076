//! The version that a request names: an order's is judged in the round that commits, after the key of the request; a cart's
//! never comes twice.

use std::future::Future;

use commerce_core::change::{Answer, RequestKey};
use commerce_core::ids::OrderId;
use commerce_core::orders::{CarrierNews, CartOwner, GiveMoney, NewShipment, RequestReturn, ReturnKind, ShipmentStatus};
use commerce_core::{Currency, Money, Outcome, limits};
use futures_executor::block_on;
use futures_util::future::join;

use crate::scene::{COD, STAFF, Scene, card, code, key, wish};

const SEEDS: u64 = 20;

/// Of two who send the same step of one order, with other keys and the same version, one does it. Whoever repeats hers under
/// her key, with the version that she knew, has what she did.
async fn judged<T, F, Fut>(scene: &Scene, order: OrderId, step: F) -> Outcome<T>
where
    T: Clone + PartialEq + std::fmt::Debug,
    F: Fn(RequestKey, Option<u64>) -> Fut,
    Fut: Future<Output = Outcome<Answer<T>>>,
{
    let known = scene.order(order).await?.version;
    let send = |name: &str| step(key(&format!("{name} at {known}")), Some(known));
    let (one, other) = join(send("one"), send("other")).await;
    let mut codes = [code(&one), code(&other)];
    let winner = if codes[0] == "OK" { "one" } else { "other" };
    codes.sort_unstable();
    assert_eq!(codes, ["OK", "VERSION_MISMATCH"]);
    let done = one.or(other)?;
    let Answer::Fresh(made) = done else { panic!("it was not done before") };
    assert_eq!(scene.order(order).await?.version, known + 1, "it is done once");
    assert_eq!(send(winner).await?, Answer::Replayed(made.clone()));

    let again = || step(key(&format!("twice at {known}")), Some(known + 1));
    let twins = join(again(), again()).await;
    for twin in [&twins.0, &twins.1] {
        assert_ne!(code(twin), "VERSION_MISMATCH", "a twin is answered as a replay");
    }
    Ok(made)
}

async fn confirmed(seed: u64, units: i64) -> Outcome<(Scene, OrderId)> {
    let scene = Scene::open(seed, &[("A", 20)]).await?;
    let order = scene.place(wish(&[("A", units)], card("tok_ok"))).await?.id;
    scene.settle().await?;
    Ok((scene, order))
}

fn parcel(units: i64) -> NewShipment {
    let lines = Some(vec![("A".to_owned(), units)]);
    NewShipment { carrier: "Blue Dart".to_owned(), tracking_number: "1234567890".to_owned(), lines }
}

#[test]
fn of_two_who_ship_or_report_at_one_version_one_does() -> Outcome<()> {
    block_on(async {
        for seed in 0..SEEDS {
            let (scene, order) = confirmed(seed, 2).await?;
            let orders = &scene.orders;
            let sent =
                judged(&scene, order, |key, version| orders.ship(&STAFF, order, parcel(1), Some(key), version)).await?.it.id;
            let news = || CarrierNews { status: ShipmentStatus::InTransit, at: None, note: None };
            let moved =
                judged(&scene, order, |key, version| orders.shipment_news(&STAFF, order, sent, news(), Some(key), version));
            assert_eq!(moved.await?.it.status(), ShipmentStatus::InTransit);
        }
        Ok(())
    })
}

#[test]
fn of_two_who_give_money_back_at_one_version_one_does() -> Outcome<()> {
    block_on(async {
        for seed in 0..SEEDS {
            let (scene, order) = confirmed(seed, 2).await?;
            let amount = Some(Money::new(1_000, Currency::INR));
            let give = || GiveMoney { amount, lines: None, reason: "late".to_owned() };
            let given =
                judged(&scene, order, |key, version| scene.orders.give_money_back(&STAFF, order, give(), Some(key), version));
            assert_eq!(given.await?.amount.minor, 1_000);
        }
        Ok(())
    })
}

#[test]
fn of_two_who_take_a_return_further_at_one_version_one_does() -> Outcome<()> {
    block_on(async {
        for seed in 0..SEEDS {
            let (scene, order) = confirmed(seed, 6).await?;
            let orders = &scene.orders;
            let sent = orders.ship(&STAFF, order, parcel(6), None, None).await?.into_inner().it.id;
            let arrived = CarrierNews { status: ShipmentStatus::Delivered, at: None, note: None };
            orders.shipment_news(&STAFF, order, sent, arrived, None, None).await?;
            scene.settle().await?;
            let ask =
                |kind| RequestReturn { kind, lines: vec![("A".to_owned(), 1)], refused: None, reason: "too small".to_owned() };
            let mut asked = Vec::new();
            for kind in [ReturnKind::Return, ReturnKind::Exchange] {
                let asking = |key, version| orders.request_return(&scene.asha, order, ask(kind), Some(key), version);
                asked.push(judged(&scene, order, asking).await?.it.id);
            }
            for it in &asked {
                judged(&scene, order, |key, version| orders.approve_return(&STAFF, *it, Some(key), version)).await?;
                judged(&scene, order, |key, version| orders.receive_return(&STAFF, *it, None, Some(key), version)).await?;
            }
            let (paid, exchanged) = (asked[0], asked[1]);
            judged(&scene, order, |key, version| orders.refund_return(&STAFF, paid, None, Some(key), version)).await?;
            judged(&scene, order, |key, version| orders.exchange_return(&STAFF, exchanged, None, Some(key), version)).await?;
            let third = orders.request_return(&STAFF, order, ask(ReturnKind::Return), None, None).await?.into_inner().it.id;
            judged(&scene, order, |key, version| orders.reject_return(&STAFF, third, None, Some(key), version)).await?;
        }
        Ok(())
    })
}

#[test]
fn no_version_of_a_cart_comes_twice() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(3, &[("A", 50)]).await?;
        let owner = CartOwner::User(scene.asha_id());
        let fill = async || {
            scene.clock.tick();
            let filled = scene.orders.add_to_cart(&scene.asha, owner, &[("A".to_owned(), 2)], None, None, None).await?;
            Ok(filled.into_inner().cart.version) as Outcome<u64>
        };
        let mut known = fill().await?;
        for end in ["cleared", "ordered", "expired"] {
            match end {
                "cleared" => scene.orders.clear_cart(&scene.asha, owner, None).await?,
                "ordered" => {
                    scene.place(wish(&[], COD)).await?;
                    scene.settle().await?;
                }
                _ => scene.clock.advance(limits::CART_KEEP),
            }
            assert_eq!(scene.orders.cart(&scene.asha, owner).await?.lines, [], "{end}");
            let next = fill().await?;
            assert!(known < next, "{end}: {next} after {known}");
            for version in [1, known.saturating_sub(1), known, next.saturating_sub(1)] {
                let late = scene.orders.set_cart_line(&scene.asha, owner, "A", 9, Some(version)).await;
                assert_eq!(code(&late), "VERSION_MISMATCH", "{end}");
            }
            known = next;
        }
        Ok(())
    })
}

#[test]
fn a_cart_that_was_cleared_has_nothing_of_what_it_was() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(4, &[("A", 50)]).await?;
        let owner = CartOwner::User(scene.asha_id());
        let notes = [("gift".to_owned(), "yes".to_owned())].into_iter().collect();
        scene.orders.add_to_cart(&scene.asha, owner, &[("A".to_owned(), 2)], Some(notes), None, None).await?;
        scene.orders.clear_cart(&scene.asha, owner, None).await?;
        let cleared = scene.orders.cart(&scene.asha, owner).await?.cart;
        assert!(cleared.lines.is_empty() && cleared.coupon.is_none() && cleared.metadata.is_empty(), "{cleared:?}");
        scene.orders.clear_cart(&scene.asha, owner, None).await?;
        assert_eq!(scene.orders.cart(&scene.asha, owner).await?.cart, cleared, "once more changes nothing");
        Ok(())
    })
}
