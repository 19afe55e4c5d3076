//! Exchanges: what came back pays a new order, to the unit, and whatever fails leaves money and stock right.

use commerce_core::ids::{OrderId, ReturnId};
use commerce_core::orders::{
    Exchange, Order, OrderStatus, PaymentMethod, PaymentStatus, RequestReturn, ReturnKind, ReturnOf, ReturnStatus,
};
use commerce_core::text::Sku;
use commerce_core::{Currency, Money, Outcome, Timestamp};
use futures_executor::block_on;
use futures_util::future::join_all;

use crate::scene::{COD, STAFF, Scene, card, code, key, product, wish};

const A: (&str, i64) = ("A", 20);
const CARD: (PaymentMethod, Option<&str>) = (PaymentMethod::Card, Some("tok_ok"));

fn rupees(minor: i64) -> Money {
    Money::new(minor, Currency::INR)
}

/// Asha's order has arrived, and so many of it came back to be exchanged.
async fn came_back(scene: &Scene, units: i64, back: i64, payment: (PaymentMethod, Option<&str>)) -> Outcome<(OrderId, ReturnId)> {
    let order = scene.place(wish(&[("A", units)], payment)).await?.id;
    scene.settle().await?;
    for status in [OrderStatus::Shipped, OrderStatus::Delivered] {
        scene.orders.set_status(&STAFF, order, status, None, None).await?;
    }
    Ok((order, sent_back(scene, order, back).await?))
}

async fn sent_back(scene: &Scene, order: OrderId, units: i64) -> Outcome<ReturnId> {
    let (kind, lines) = (ReturnKind::Exchange, vec![("A".to_owned(), units)]);
    let wish = RequestReturn { kind, lines, refused: None, reason: "too small".to_owned() };
    let it = scene.orders.request_return(&scene.asha, order, wish, None, None).await?.into_inner().it.id;
    scene.orders.approve_return(&STAFF, it, None, None).await?;
    scene.orders.receive_return(&STAFF, it, None, None, None).await?;
    scene.settle().await?;
    Ok(it)
}

async fn exchange(scene: &Scene, it: ReturnId, items: &[(&str, i64)]) -> Outcome<ReturnOf> {
    let named: Vec<(String, i64)> = items.iter().map(|(sku, units)| ((*sku).to_owned(), *units)).collect();
    let items = (!named.is_empty()).then_some(named);
    let sent = scene.orders.exchange_return(&STAFF, it, items, None, None).await?.into_inner();
    scene.settle().await?;
    Ok(sent)
}

fn sent(it: &ReturnOf) -> Exchange {
    it.it.exchange.expect("it is exchanged")
}

async fn shelve(scene: &Scene, sku: &str, stock: i64, price: i64) -> Outcome<()> {
    scene.catalog.create_product(&STAFF, product(sku, stock, rupees(price)), None).await?;
    Ok(())
}

/// Money and stock when everything is at rest: refunded at the provider, what the order gave back, and the shelf.
async fn rest(scene: &Scene, order: OrderId) -> Outcome<(i64, Order)> {
    scene.settle().await?;
    Ok((scene.gateway.refunded_minor(), scene.order(order).await?))
}

#[test]
fn the_same_again_costs_what_came_back_is_worth() -> Outcome<()> {
    block_on(async {
        for (payment, price) in [(CARD, 49_900), (COD, 59_900), (CARD, 39_900)] {
            let scene = Scene::open(1, &[A]).await?;
            let (order, it) = came_back(&scene, 3, 2, payment).await?;
            let sku: Sku = "A".parse().expect("it is well formed");
            let goods = scene.order(order).await?.lines[0].product_id;
            let patch = commerce_core::catalog::VariantPatch { price: Some(rupees(price)), ..Default::default() };
            scene.catalog.update_variant(&STAFF, goods, &sku, patch, None).await?;
            let exchanged = exchange(&scene, it, &[]).await?;
            let report = scene.orders.reconcile(&STAFF, Timestamp::EPOCH).await?;
            assert!(report.unasked.is_empty(), "no money moved that anybody has a ledger of: {:?}", report.unasked);
            let total = 99_800.min(2 * price);
            assert_eq!((exchanged.it.status, sent(&exchanged).worth), (ReturnStatus::Exchanged, rupees(99_800)));
            assert_eq!(sent(&exchanged).credit, rupees(total), "{price}");
            let (refunded, old) = rest(&scene, order).await?;
            let new = scene.order(sent(&exchanged).order).await?;
            assert_eq!((new.total, new.discount, new.shipping), (rupees(total), rupees(2 * price - total), rupees(0)), "{price}");
            assert_eq!((new.status, new.payment.status()), (OrderStatus::Confirmed, PaymentStatus::Captured));
            assert_eq!((new.user, &new.shipping_address), (old.user, &old.shipping_address));
            assert_eq!((refunded, old.payment.refunded.minor), (99_800 - total, 99_800 - total), "what it costs less goes back");
            assert_eq!(scene.stock("A").await?, (17, 0), "two came, two went");
            let again = exchange(&scene, it, &[("A", 1)]).await?;
            assert_eq!(again, scene.orders.return_by_id(&STAFF, it).await?, "once more is no error");
            assert_eq!(scene.all_orders().await?.len(), 2);
        }
        Ok(())
    })
}

#[test]
fn other_things_cost_what_they_cost_and_no_more_than_came_back() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(2, &[A]).await?;
        shelve(&scene, "B", 1, 30_000).await?;
        shelve(&scene, "C", 5, 60_000).await?;
        shelve(&scene, "D", 0, 100).await?;
        let (order, it) = came_back(&scene, 1, 1, CARD).await?;
        assert_eq!(code(&exchange(&scene, it, &[("C", 1)]).await), "EXCHANGE_EXCEEDS_CREDIT");
        assert_eq!(code(&exchange(&scene, it, &[("D", 1)]).await), "SOLD_OUT");
        assert_eq!(code(&exchange(&scene, it, &[("E", 1)]).await), "INVALID");
        let asha = scene.orders.exchange_return(&scene.asha, it, None, None, None).await;
        assert_eq!(code(&asha), "FORBIDDEN");
        assert_eq!(scene.orders.return_by_id(&STAFF, it).await?.it.status, ReturnStatus::Received, "as it was");
        assert_eq!(scene.stock("C").await?, (5, 0));
        let exchanged = exchange(&scene, it, &[("B", 1)]).await?;
        assert_eq!((sent(&exchanged).worth, sent(&exchanged).credit), (rupees(49_900), rupees(30_000)));
        let (refunded, old) = rest(&scene, order).await?;
        assert_eq!((refunded, old.payment.status()), (19_900, PaymentStatus::PartiallyRefunded));
        assert_eq!((scene.stock("A").await?, scene.stock("B").await?), ((20, 0), (0, 0)));
        let more = scene.orders.give_money_back(
            &STAFF,
            order,
            commerce_core::orders::GiveMoney { amount: Some(rupees(1)), lines: None, reason: "late".to_owned() },
            None,
            None,
        );
        assert_eq!(code(&more.await), "REFUND_EXCEEDS_CAPTURED", "the rest pays the new order");
        Ok(())
    })
}

#[test]
fn what_the_new_order_gives_back_goes_back_the_way_it_came() -> Outcome<()> {
    block_on(async {
        for payment in [CARD, COD] {
            let scene = Scene::open(3, &[A]).await?;
            let (order, it) = came_back(&scene, 2, 2, payment).await?;
            let first = sent(&exchange(&scene, it, &[]).await?).order;
            for status in [OrderStatus::Shipped, OrderStatus::Delivered] {
                scene.orders.set_status(&STAFF, first, status, None, None).await?;
            }
            // One of the new ones is exchanged again, and that order given up; the other is paid back.
            let again = sent_back(&scene, first, 1).await?;
            let second = sent(&exchange(&scene, again, &[]).await?).order;
            scene.orders.cancel(&scene.asha, second, None, None, None).await?;
            let other = sent_back(&scene, first, 1).await?;
            scene.orders.refund_return(&STAFF, other, None, None, None).await?;
            let (refunded, old) = rest(&scene, order).await?;
            assert_eq!(old.payment.refunded, rupees(99_800), "all of it");
            assert_eq!(refunded, if payment == CARD { 99_800 } else { 0 }, "through the provider, or by hand");
            assert_eq!(old.return_of(it).and_then(|it| it.exchange).map(|it| it.credit), Some(rupees(0)));
            for order in [first, second] {
                assert_eq!(scene.order(order).await?.payment.status(), PaymentStatus::Refunded);
            }
            assert_eq!(scene.stock("A").await?, (20, 0));
        }
        Ok(())
    })
}

#[test]
fn of_many_at_once_one_exchanges() -> Outcome<()> {
    block_on(async {
        for seed in 0..10 {
            let scene = Scene::open(seed, &[A]).await?;
            shelve(&scene, "B", 1, 30_000).await?;
            let (order, it) = came_back(&scene, 2, 1, CARD).await?;
            let (other, rival) = came_back(&scene, 1, 1, CARD).await?;
            let swap = |it, sku: &str, name: &str| {
                let items = Some(vec![(sku.to_owned(), 1)]);
                scene.orders.exchange_return(&STAFF, it, items, Some(key(name)), None)
            };
            let done = join_all(vec![swap(it, "B", "b"), swap(it, "B", "b"), swap(it, "A", "a"), swap(rival, "B", "c")]).await;
            scene.settle().await?;
            let orders = scene.all_orders().await?;
            let new: Vec<&Order> = orders.iter().filter(|it| it.id != order && it.id != other).collect();
            assert!(new.len() <= 2 && !new.is_empty(), "seed {seed}: {done:?}");
            let to_b = new.iter().filter(|it| it.lines[0].sku.as_str() == "B").count();
            assert!(to_b <= 1, "seed {seed}: there is one");
            let of_it = sent(&scene.orders.return_by_id(&STAFF, it).await?).order;
            assert!(new.iter().any(|it| it.id == of_it));
            let (on_hand, reserved) = scene.stock("B").await?;
            assert!(on_hand == 1 - i64::try_from(to_b).unwrap_or(0) && reserved <= on_hand, "seed {seed}");
        }
        Ok(())
    })
}

#[test]
fn what_was_not_received_is_not_exchanged() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(5, &[A]).await?;
        let (order, _) = came_back(&scene, 3, 1, card("tok_ok")).await?;
        let wish = |kind| RequestReturn { kind, lines: vec![("A".to_owned(), 1)], refused: None, reason: "too small".to_owned() };
        for (kind, receive, refused) in
            [(ReturnKind::Return, true, "ILLEGAL_TRANSITION"), (ReturnKind::Exchange, false, "ILLEGAL_TRANSITION")]
        {
            let it = scene.orders.request_return(&scene.asha, order, wish(kind), None, None).await?.into_inner().it.id;
            scene.orders.approve_return(&STAFF, it, None, None).await?;
            if receive {
                scene.orders.receive_return(&STAFF, it, None, None, None).await?;
            }
            assert_eq!(code(&exchange(&scene, it, &[]).await), refused, "{kind}");
        }
        Ok(())
    })
}
