//! Placing: once per key, all lines or none, at the price that was shown.

use std::pin::pin;

use commerce_core::change::{Answer, RequestKey};
use commerce_core::error::Refusal;
use commerce_core::orders::{CartOwner, Order, OrderStatus, PaymentStatus, PlaceOrder};
use commerce_core::page::PageRequest;
use commerce_core::{Currency, Money, Outcome};
use futures_executor::block_on;
use futures_util::future::{join, join_all, join3};
use futures_util::poll;

use crate::scene::{COD, STAFF, Scene, card, code, key, product, wish};

const A: (&str, i64) = ("A", 10);

#[test]
fn cash_on_delivery_is_confirmed_in_the_answer() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(1, &[A]).await?;
        let order = scene.place(wish(&[("A", 2)], COD)).await?;
        assert_eq!(order.status, OrderStatus::Confirmed);
        assert_eq!(order.payment.status(), PaymentStatus::Pending);
        assert_eq!((order.subtotal.minor, order.total.minor), (99_800, 99_800));
        assert_eq!(scene.path(order.id).await?, [OrderStatus::Pending, OrderStatus::Confirmed]);
        assert_eq!(scene.stock("A").await?, (10, 2), "until the catalog hears of it, it is held");
        scene.settle().await?;
        assert_eq!(scene.stock("A").await?, (8, 0), "then it is sold");
        assert_eq!(scene.gateway.calls(), []);
        Ok(())
    })
}

#[test]
fn prepaid_orders_are_as_their_money() -> Outcome<()> {
    block_on(async {
        let cases = [
            ("tok_ok", OrderStatus::Confirmed, PaymentStatus::Captured),
            ("tok_declined", OrderStatus::Pending, PaymentStatus::Failed),
            ("tok_pending", OrderStatus::Pending, PaymentStatus::Pending),
            ("tok_timeout_then_ok", OrderStatus::Pending, PaymentStatus::Unknown),
            ("tok_timeout_then_declined", OrderStatus::Pending, PaymentStatus::Unknown),
        ];
        for (token, status, payment) in cases {
            let scene = Scene::open(2, &[A]).await?;
            let order = scene.place(wish(&[("A", 1)], card(token))).await?;
            assert_eq!((order.status, order.payment.status()), (status, payment), "{token}");
            assert_eq!(scene.order(order.id).await?, order, "the answer is what is stored, for {token}");
        }
        Ok(())
    })
}

#[test]
fn a_repeat_is_answered_with_the_same_order() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(3, &[A]).await?;
        let first = scene.place_keyed(wish(&[("A", 1)], card("tok_ok")), "k").await?.into_inner();
        scene.settle().await?;
        scene.orders.cancel(&scene.asha, first.id, None, None, None).await?;
        let again = scene.place_keyed(wish(&[("A", 1)], card("tok_ok")), "k").await?;
        let Answer::Replayed(again) = again else { panic!("it was placed before") };
        assert_eq!((again.id, again.status), (first.id, OrderStatus::Cancelled), "in its present state");
        assert_eq!(scene.gateway.charges_asked(), 1, "a replay starts no charge");

        let other_body = RequestKey { body_hash: [2; 32], ..key("k") };
        let refused = scene.orders.place(&scene.asha, wish(&[("A", 2)], COD), Some(other_body)).await;
        assert_eq!(code(&refused), "IDEMPOTENCY_MISMATCH");
        let bela = scene.somebody_else().await?;
        let hers = scene.orders.place(&bela, wish(&[("A", 1)], COD), Some(key("k"))).await?;
        assert!(matches!(hers, Answer::Fresh(_)), "another customer's key is another key");
        Ok(())
    })
}

#[test]
fn parallel_clicks_make_one_order_and_take_stock_once() -> Outcome<()> {
    block_on(async {
        for seed in 0..60 {
            // Just enough for one: a click that took twice would find the shelf empty.
            let scene = Scene::open(seed, &[("A", 2)]).await?;
            let clicks = (0..4).map(|_| scene.place_keyed(wish(&[("A", 2)], card("tok_ok")), "click"));
            let answers = join_all(clicks).await.into_iter().collect::<Outcome<Vec<_>>>()?;
            let fresh = answers.iter().filter(|answer| matches!(answer, Answer::Fresh(_))).count();
            assert_eq!(fresh, 1, "one is new, the others are answered as replays, seed {seed}");
            let mut ids: Vec<_> = answers.into_iter().map(|answer| answer.into_inner().id).collect();
            ids.dedup();
            assert_eq!(ids.len(), 1, "all with the same order, seed {seed}");
            assert_eq!(scene.gateway.charges_asked(), 1, "seed {seed}");
            scene.settle().await?;
            assert_eq!(scene.stock("A").await?, (0, 0), "seed {seed}");
            assert_eq!(scene.all_orders().await?.len(), 1, "seed {seed}");
        }
        Ok(())
    })
}

#[test]
fn clicks_while_the_first_is_being_sold_hold_nothing_for_good() -> Outcome<()> {
    block_on(async {
        for seed in 0..60 {
            let scene = Scene::open(seed, &[("A", 10)]).await?;
            let click = || scene.place_keyed(wish(&[("A", 1)], COD), "click");
            let selling = async {
                scene.settle().await?;
                click().await
            };
            let (first, second, third) = Box::pin(join3(click(), selling, click())).await;
            let ids = [first?, second?, third?].map(|answer| answer.into_inner().id);
            assert!(ids.iter().all(|id| id == &ids[0]), "seed {seed}");
            scene.settle().await?;
            assert_eq!(scene.stock("A").await?, (9, 0), "seed {seed}");
        }
        Ok(())
    })
}

#[test]
fn the_same_sku_twice_is_one_demand() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(4, &[("A", 3), ("B", 1)]).await?;
        let refused = scene.place(wish(&[("A", 2), ("A", 2)], COD)).await;
        let Some(Refusal::SoldOut(short)) = refused.as_ref().err().and_then(|error| error.refusal()) else {
            panic!("sold out, not {refused:?}")
        };
        assert_eq!((short.len(), short[0].requested, short[0].available), (1, 4, 3));
        let order = scene.place(wish(&[("A", 1), ("B", 1), ("A", 2)], COD)).await?;
        assert_eq!(order.lines.iter().map(|line| line.quantity.get()).collect::<Vec<_>>(), [3, 1]);
        Ok(())
    })
}

#[test]
fn sold_out_takes_nothing_and_names_every_line() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(5, &[("A", 3), ("B", 1), ("C", 0)]).await?;
        let refused = scene.place_keyed(wish(&[("A", 1), ("B", 2), ("C", 1)], COD), "k").await;
        let Some(Refusal::SoldOut(short)) = refused.as_ref().err().and_then(|error| error.refusal()) else {
            panic!("sold out, not {refused:?}")
        };
        let lines: Vec<_> = short.iter().map(|line| (line.sku.as_str(), line.requested, line.available)).collect();
        assert_eq!(lines, [("B", 2, 1), ("C", 1, 0)]);
        for (sku, units) in [("A", 3), ("B", 1), ("C", 0)] {
            assert_eq!(scene.stock(sku).await?, (units, 0), "{sku}");
        }
        assert!(scene.all_orders().await?.is_empty());
        let other_body = RequestKey { body_hash: [2; 32], ..key("k") };
        let answer = scene.orders.place(&scene.asha, wish(&[("A", 1)], COD), Some(other_body)).await?;
        assert!(matches!(answer, Answer::Fresh(_)), "a refusal does not use the key up");
        Ok(())
    })
}

#[test]
fn of_many_buyers_as_many_get_one_as_there_are() -> Outcome<()> {
    block_on(async {
        for seed in 0..10 {
            let scene = Scene::open(seed, &[("A", 5)]).await?;
            let answers = join_all((0..12).map(|_| scene.place(wish(&[("A", 1)], COD)))).await;
            let codes: Vec<&str> = answers.iter().map(code).collect();
            assert_eq!(codes.iter().filter(|code| **code == "OK").count(), 5, "{codes:?}");
            assert_eq!(codes.iter().filter(|code| **code == "SOLD_OUT").count(), 7, "{codes:?}");
            scene.settle().await?;
            assert_eq!(scene.stock("A").await?, (0, 0), "seed {seed}");
        }
        Ok(())
    })
}

#[test]
fn an_unexpected_total_is_refused_with_the_new_quote() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(6, &[A]).await?;
        let expecting = |minor| PlaceOrder { expected_total: Some(Money::new(minor, Currency::INR)), ..wish(&[("A", 1)], COD) };
        let refused = scene.place_keyed(expecting(1), "k").await;
        let Some(Refusal::PriceChanged { quote }) = refused.as_ref().err().and_then(|error| error.refusal()) else {
            panic!("the price is another, not {refused:?}")
        };
        assert_eq!(quote["total"]["amount"], 49_900);
        assert_eq!(scene.stock("A").await?, (10, 0));
        let quoted = scene.orders.quote(&scene.asha, &expecting(49_900)).await?;
        let order = scene.place_keyed(expecting(49_900), "k").await?.into_inner();
        assert_eq!((order.total, order.lines), (quoted.total, quoted.lines), "the order costs what was quoted");
        Ok(())
    })
}

#[test]
fn what_cannot_be_ordered_is_said_before_anything_is_held() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(7, &[A]).await?;
        let dollars = Money::new(100, "USD".parse().unwrap());
        scene.catalog.create_product(&STAFF, product("USD-1", 5, dollars), None).await?;
        let none = PlaceOrder { items: Some(Vec::new()), ..wish(&[], COD) };
        let unpaid = PlaceOrder { payment: None, ..wish(&[("A", 1)], COD) };
        let coupon = PlaceOrder { coupon_code: Some("NOPE".to_owned()), ..wish(&[("A", 1)], COD) };
        let shipping = PlaceOrder { shipping_option: Some("rocket".to_owned()), ..wish(&[("A", 1)], COD) };
        let cases = [
            (wish(&[("A", 0)], COD), "INVALID"),
            (wish(&[("A", 1_000)], COD), "INVALID"),
            (wish(&[("A", 999), ("A", 1)], COD), "INVALID"),
            (wish(&[("nobody's", 1)], COD), "INVALID"),
            (wish(&[("A", 1), ("USD-1", 1)], COD), "CURRENCY_MISMATCH"),
            (wish(&[], COD), "EMPTY_ORDER"),
            (none, "EMPTY_ORDER"),
            (unpaid, "INVALID"),
            (coupon, "COUPON_NOT_APPLICABLE"),
            (shipping, "INVALID"),
        ];
        for (wish, expected) in cases {
            let said = format!("{wish:?}");
            assert_eq!(code(&scene.place(wish).await), expected, "{said}");
        }
        assert_eq!(scene.stock("A").await?, (10, 0));
        assert!(scene.all_orders().await?.is_empty());
        Ok(())
    })
}

#[test]
fn a_cart_is_ordered_once_and_what_came_later_stays() -> Outcome<()> {
    block_on(async {
        for seed in 0..20 {
            let scene = Scene::open(seed, &[("A", 10), ("B", 10)]).await?;
            let owner = CartOwner::User(scene.asha_id());
            let add = |sku: &str, count| {
                let items = [(sku.to_owned(), count)];
                let scene = &scene;
                async move { scene.orders.add_to_cart(&scene.asha, owner, &items, None, None, None).await }
            };
            add("A", 2).await?;
            // Two tabs, two keys, one cart.
            let (one, other) = join(scene.place_keyed(wish(&[], COD), "one"), scene.place_keyed(wish(&[], COD), "other")).await;
            let mut codes = [code(&one), code(&other)];
            codes.sort_unstable();
            // Which of them it is depends on whether the other had read the cart before it was emptied.
            assert!(matches!(codes, ["CART_ORDERED" | "EMPTY_ORDER", "OK"]), "{codes:?}, seed {seed}");

            add("A", 1).await?;
            add("B", 3).await?;
            scene.settle().await?;
            let cart = scene.orders.cart(&scene.asha, owner).await?;
            let left: Vec<(&str, u32)> = cart.lines.iter().map(|line| (line.sku.as_str(), line.quantity.get())).collect();
            assert_eq!(left, [("A", 1), ("B", 3)], "seed {seed}");
            assert_eq!(scene.stock("A").await?, (8, 0), "the refused one gave its hold back, seed {seed}");
        }
        Ok(())
    })
}

/// Each SKU with its quantity.
fn counted(order: &Order) -> Vec<(&str, u32)> {
    order.lines.iter().map(|line| (line.sku.as_str(), line.quantity.get())).collect()
}

/// Places an order for whoever hangs up, or dies, as soon as it stands.
async fn hang_up(scene: &Scene) -> Outcome<Order> {
    let before = scene.all_orders().await?.len();
    let mut placing = pin!(scene.place(wish(&[], COD)));
    loop {
        assert!(poll!(&mut placing).is_pending(), "the cart is told before the answer");
        let mut orders = scene.all_orders().await?;
        if orders.len() > before {
            return Ok(orders.remove(0));
        }
    }
}

#[test]
fn what_was_ordered_is_gone_from_the_cart_when_the_order_is_answered() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(10, &[("A", 10)]).await?;
        let owner = CartOwner::User(scene.asha_id());
        scene.orders.add_to_cart(&scene.asha, owner, &[("A".to_owned(), 2)], None, None, None).await?;
        scene.place(wish(&[], COD)).await?;
        assert_eq!(scene.orders.cart(&scene.asha, owner).await?.lines, [], "its event is still on its way");
        scene.orders.set_cart_line(&scene.asha, owner, "A", 1, None).await?;
        scene.settle().await?;
        assert_eq!(scene.orders.cart(&scene.asha, owner).await?.lines.len(), 1, "the event takes nothing twice");
        Ok(())
    })
}

#[test]
fn what_is_ordered_and_still_in_the_cart_is_not_ordered_again() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(10, &[("A", 10), ("B", 10)]).await?;
        let owner = CartOwner::User(scene.asha_id());
        let add = async |sku: &str, count| {
            scene.clock.tick();
            scene.orders.add_to_cart(&scene.asha, owner, &[(sku.to_owned(), count)], None, None, None).await
        };
        add("A", 2).await?;
        assert_eq!(counted(&hang_up(&scene).await?), [("A", 2)]);
        // Nobody has told the cart yet.
        add("A", 1).await?;
        add("B", 3).await?;
        assert_eq!(counted(&hang_up(&scene).await?), [("A", 1), ("B", 3)]);
        scene.orders.set_cart_line(&scene.asha, owner, "B", 2, None).await?;
        assert_eq!(code(&scene.place(wish(&[], COD)).await), "CART_ORDERED", "fewer of what is ordered is nothing new");
        scene.settle().await?;
        assert_eq!(scene.orders.cart(&scene.asha, owner).await?.lines, []);
        assert_eq!((scene.stock("A").await?, scene.stock("B").await?), ((7, 0), (7, 0)));
        Ok(())
    })
}

#[test]
fn a_cart_that_was_emptied_and_filled_again_is_another_one() -> Outcome<()> {
    block_on(async {
        for orders_again in [false, true] {
            let scene = Scene::open(11, &[("A", 10)]).await?;
            let owner = CartOwner::User(scene.asha_id());
            let add = async |count| {
                scene.clock.tick();
                scene.orders.add_to_cart(&scene.asha, owner, &[("A".to_owned(), count)], None, None, None).await
            };
            add(2).await?;
            scene.place(wish(&[], COD)).await?;
            scene.orders.clear_cart(&scene.asha, owner, None).await?;
            add(1).await?;
            if orders_again {
                assert_eq!(counted(&scene.place(wish(&[], COD)).await?), [("A", 1)]);
            }
            scene.settle().await?;
            let cart = scene.orders.cart(&scene.asha, owner).await?;
            assert_eq!(cart.lines.len(), usize::from(!orders_again), "the first order's lines are gone already");
        }
        Ok(())
    })
}

#[test]
fn clicks_on_a_cart_that_is_being_emptied_are_answered_with_its_order() -> Outcome<()> {
    block_on(async {
        for seed in 0..200 {
            let scene = Scene::open(seed, &[("A", 10)]).await?;
            let owner = CartOwner::User(scene.asha_id());
            scene.orders.add_to_cart(&scene.asha, owner, &[("A".to_owned(), 2)], None, None, None).await?;
            let click = || scene.place_keyed(wish(&[], COD), "click");
            let emptying = async {
                let first = click().await;
                scene.settle().await?;
                first
            };
            let (first, second, third) = Box::pin(join3(emptying, click(), click())).await;
            let codes = [code(&first), code(&second), code(&third)];
            assert_eq!(codes, ["OK"; 3], "seed {seed}");
            let ids = [first?, second?, third?].map(|answer| answer.into_inner().id);
            assert!(ids.iter().all(|id| id == &ids[0]), "seed {seed}");
        }
        Ok(())
    })
}

#[test]
fn an_order_and_its_history_begin_at_one_instant() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(9, &[A]).await?;
        scene.clock.tick();
        let order = scene.place(wish(&[("A", 1)], COD)).await?;
        let history = scene.orders.timeline(&STAFF, order.id, &PageRequest::first()).await?.items;
        assert!(!history.is_empty());
        assert!(history.iter().all(|line| line.at == order.updated_at), "{history:?}, updated {}", order.updated_at);
        Ok(())
    })
}

#[test]
fn named_items_leave_the_cart_alone() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(8, &[A]).await?;
        let owner = CartOwner::User(scene.asha_id());
        scene.orders.add_to_cart(&scene.asha, owner, &[("A".to_owned(), 2)], None, None, None).await?;
        scene.place(wish(&[("A", 2)], COD)).await?;
        scene.settle().await?;
        assert_eq!(scene.orders.cart(&scene.asha, owner).await?.lines.len(), 1);
        Ok(())
    })
}
