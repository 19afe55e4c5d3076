//! Coupons: what they take off, whom they refuse and why, and that each use is counted once.

use std::time::Duration;

use commerce_core::catalog::{NewCategory, NewProduct};
use commerce_core::error::{Error, Refusal};
use commerce_core::limits;
use commerce_core::orders::{
    CartOwner, Coupon, CouponInput, CouponKind, CouponRule, CouponValue, Order, OrderStatus, PlaceOrder, UseLimit,
};
use commerce_core::page::PageRequest;
use commerce_core::testing::samples::{self, percent_off};
use commerce_core::{Actor, Clock, Currency, Money, Outcome};
use futures_executor::block_on;
use futures_util::future::join_all;

use crate::scene::{COD, STAFF, Scene, card, code, product, wish};

const A: (&str, i64) = ("A", 100);
const B: (&str, i64) = ("B", 100);
const EXPRESS: i64 = 9_900;

fn rupees(minor: i64) -> Money {
    Money::new(minor, Currency::INR)
}

fn fixed(code: &str, minor: i64) -> CouponInput {
    samples::amount_off(code, rupees(minor))
}

fn free_shipping(code: &str) -> CouponInput {
    CouponInput { kind: CouponKind::FreeShipping, value: CouponValue::None, ..percent_off(code, 0) }
}

async fn make(scene: &Scene, input: CouponInput) -> Outcome<Coupon> {
    Ok(scene.orders.create_coupon(&STAFF, input, None).await?.into_inner())
}

fn with(items: &[(&str, i64)], coupon: &str) -> PlaceOrder {
    PlaceOrder { coupon_code: Some(coupon.to_owned()), ..wish(items, COD) }
}

async fn used(scene: &Scene, code: &str) -> Outcome<u32> {
    Ok(scene.orders.coupon(&STAFF, code).await?.used)
}

fn rule<T: std::fmt::Debug>(outcome: Outcome<T>) -> CouponRule {
    match outcome {
        Err(Error::Refused(refusal)) => match *refusal {
            Refusal::CouponNotApplicable { rule, .. } => rule,
            other => panic!("refused as {other}"),
        },
        other => panic!("got {other:?}"),
    }
}

/// An order costs what its quote said, and its parts are the whole.
async fn ordered_as_quoted(scene: &Scene, wish: PlaceOrder) -> Outcome<Order> {
    let quote = scene.orders.quote(&scene.asha, &wish).await?;
    let order = scene.place(wish).await?;
    assert_eq!((order.lines.clone(), order.total), (quote.lines, quote.total));
    assert_eq!((order.discount, order.shipping), (quote.discount, quote.shipping));
    let off: i64 = order.lines.iter().map(|line| line.discount.minor).sum();
    assert_eq!(off, order.discount.minor, "the parts are the whole");
    assert_eq!(order.total.minor, order.subtotal.minor - order.discount.minor + order.shipping.minor);
    Ok(order)
}

#[test]
fn each_kind_takes_off_what_it_says() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(1, &[A, B]).await?;
        make(&scene, percent_off("TEN", 10)).await?;
        make(&scene, fixed("FLAT", 10_001)).await?;
        make(&scene, free_shipping("SHIP")).await?;
        make(&scene, CouponInput { maximum_discount: Some(rupees(1_000)), ..percent_off("CAPPED", 50) }).await?;
        make(&scene, fixed("RICH", 900_000)).await?;
        make(&scene, CouponInput { maximum_discount: Some(rupees(900)), ..free_shipping("SOME") }).await?;
        let cases = [("TEN", 9_980, 0), ("FLAT", 10_001, 0), ("SHIP", 0, EXPRESS), ("CAPPED", 1_000, 0), ("RICH", 99_800, 0)];
        for (coupon, off, shipped) in cases.into_iter().chain([("SOME", 0, 900)]) {
            let express = PlaceOrder { shipping_option: Some("express".to_owned()), ..with(&[("A", 1), ("B", 1)], coupon) };
            let order = ordered_as_quoted(&scene, express).await?;
            assert_eq!((order.discount.minor, EXPRESS - order.shipping.minor), (off, shipped), "{coupon}");
            assert_eq!(order.coupon.as_deref(), Some(coupon));
        }
        let order = scene.place(with(&[("A", 1), ("B", 1)], "flat")).await?;
        let parts: Vec<i64> = order.lines.iter().map(|line| line.discount.minor).collect();
        assert_eq!(parts, [5_001, 5_000], "the odd unit goes to the first of equal remainders");
        assert_eq!(order.coupon.as_deref(), Some("FLAT"), "however it is typed");
        Ok(())
    })
}

#[test]
fn what_costs_nothing_is_confirmed_and_can_be_cancelled() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(10, &[A]).await?;
        make(&scene, percent_off("ALL", 100)).await?;
        for payment in [COD, card("tok_ok")] {
            let order = scene.place(PlaceOrder { coupon_code: Some("ALL".to_owned()), ..wish(&[("A", 1)], payment) }).await?;
            assert_eq!((order.status, order.total.minor), (OrderStatus::Confirmed, 0), "{payment:?}");
            scene.settle().await?;
            scene.orders.cancel(&scene.asha, order.id, None, None, None).await?;
            scene.settle().await?;
            assert_eq!(scene.order(order.id).await?.payment.refunds, []);
        }
        assert_eq!((scene.gateway.refunded_minor(), scene.stock("A").await?, used(&scene, "ALL").await?), (0, (100, 0), 0));
        Ok(())
    })
}

#[test]
fn a_refusal_says_which_rule_and_by_how_much() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(2, &[A]).await?;
        let now = scene.clock.now();
        let hour = Duration::from_hours(1);
        make(&scene, CouponInput { starts_at: Some(now.plus(hour)), ..percent_off("SOON", 10) }).await?;
        make(&scene, CouponInput { starts_at: Some(now.minus(hour)), ends_at: Some(now), ..percent_off("GONE", 10) }).await?;
        make(&scene, CouponInput { minimum_subtotal: Some(rupees(50_000)), ..percent_off("LARGE", 10) }).await?;
        let foreign = CouponValue::Amount(Money::new(500, "EUR".parse().expect("it is a currency")));
        make(&scene, CouponInput { value: foreign, ..fixed("EURO", 1) }).await?;
        make(&scene, percent_off("ALONE", 10)).await?;
        make(&scene, CouponInput { combinable: true, ..free_shipping("TOO") }).await?;
        let tried = async |coupon: &str| rule(scene.orders.quote(&scene.asha, &with(&[("A", 1)], coupon)).await);
        assert_eq!(tried("NONE").await, CouponRule::Unknown);
        assert_eq!(tried("SOON").await, CouponRule::NotStarted { starts_at: now.plus(hour), seconds_left: 3_600 });
        assert_eq!(tried("GONE").await, CouponRule::Ended { ends_at: now, seconds_ago: 0 });
        let (minimum, subtotal, missing) = (rupees(50_000), rupees(49_900), rupees(100));
        assert_eq!(tried("LARGE").await, CouponRule::MinimumSubtotal { minimum, subtotal, missing });
        assert!(matches!(tried("EURO").await, CouponRule::Currency { .. }));
        assert_eq!(tried("TOO,ALONE").await, CouponRule::NotCombinable { codes: 2 });
        assert_eq!(scene.all_orders().await?, []);
        scene.place(with(&[("A", 2)], "LARGE")).await?;
        Ok(())
    })
}

#[test]
fn a_scope_is_products_and_categories_with_all_below() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(3, &[A]).await?;
        let category = async |name: &str, parent| -> Outcome<_> {
            let new = NewCategory { name: name.to_owned(), slug: None, parent };
            Ok(scene.catalog.create_category(&STAFF, new, None).await?.into_inner().id)
        };
        let top = category("Clothes", None).await?;
        let below = category("Shirts", Some(top)).await?;
        let shirt = NewProduct { category: Some(below), ..product("SHIRT", 10, rupees(10_000)) };
        let shirt = scene.catalog.create_product(&STAFF, shirt, None).await?.into_inner().id;
        make(&scene, CouponInput { category_ids: vec![top], ..percent_off("CLOTHES", 50) }).await?;
        make(&scene, CouponInput { product_ids: vec![shirt], ..percent_off("SHIRT", 50) }).await?;
        for coupon in ["CLOTHES", "SHIRT"] {
            let order = ordered_as_quoted(&scene, with(&[("A", 1), ("SHIRT", 1)], coupon)).await?;
            let parts: Vec<i64> = order.lines.iter().map(|line| line.discount.minor).collect();
            assert_eq!(parts, [0, 5_000], "{coupon} takes off what it is for");
            let nothing = rule(scene.orders.quote(&scene.asha, &with(&[("A", 1)], coupon)).await);
            assert_eq!(nothing, CouponRule::NotForThese { lines: 1 });
        }
        Ok(())
    })
}

#[test]
fn coupons_that_combine_are_counted_one_after_the_other() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(4, &[A]).await?;
        for input in [percent_off("HALF", 50), fixed("FLAT", 10_000), free_shipping("SHIP")] {
            make(&scene, CouponInput { combinable: true, ..input }).await?;
        }
        let express = |codes| PlaceOrder { shipping_option: Some("express".to_owned()), ..with(&[("A", 1)], codes) };
        let order = ordered_as_quoted(&scene, express("flat, half, ship")).await?;
        assert_eq!(order.discount.minor, 10_000 + 19_950);
        assert_eq!((order.shipping.minor, order.coupon.as_deref()), (0, Some("FLAT,HALF,SHIP")));
        let other = ordered_as_quoted(&scene, express("HALF,FLAT")).await?;
        assert_eq!(other.discount.minor, 24_950 + 10_000);
        assert_eq!((used(&scene, "HALF").await?, used(&scene, "SHIP").await?), (2, 1));
        Ok(())
    })
}

#[test]
fn exactly_the_limit_is_redeemed_however_they_meet() -> Outcome<()> {
    block_on(async {
        for seed in 0..40 {
            let scene = Scene::open(seed, &[A]).await?;
            make(&scene, CouponInput { usage_limit: Some(3), ..percent_off("FEW", 10) }).await?;
            let bela = scene.somebody_else().await?;
            let buyers: Vec<&Actor> = [&scene.asha, &bela].into_iter().cycle().take(8).collect();
            let placed = join_all(buyers.iter().map(|buyer| scene.orders.place(buyer, with(&[("A", 1)], "FEW"), None))).await;
            let (sold, refused): (Vec<_>, Vec<_>) = placed.into_iter().partition(Result::is_ok);
            assert_eq!((sold.len(), used(&scene, "FEW").await?), (3, 3), "seed {seed}");
            assert!(refused.iter().all(|refused| code(refused) == "COUPON_EXHAUSTED"), "seed {seed}: {refused:?}");
            scene.clock.advance(limits::HOLD_FOR);
            scene.settle().await?;
            assert_eq!(scene.stock("A").await?, (97, 0), "who was refused holds nothing");
        }
        Ok(())
    })
}

#[test]
fn one_customer_uses_her_own_limit() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(5, &[A]).await?;
        make(&scene, CouponInput { per_user_limit: Some(1), ..percent_off("ONCE", 10) }).await?;
        let tabs = join_all((0..4).map(|_| scene.orders.place(&scene.asha, with(&[("A", 1)], "ONCE"), None))).await;
        assert_eq!(tabs.iter().filter(|tab| tab.is_ok()).count(), 1);
        let again = scene.place(with(&[("A", 1)], "ONCE")).await;
        let Err(Error::Refused(refusal)) = again else { panic!("it was used") };
        let Refusal::CouponExhausted(used_up) = *refusal else { panic!("refused as {refusal}") };
        assert_eq!((used_up.rule, used_up.limit, used_up.used), (UseLimit::PerUser, 1, 1));
        let bela = scene.somebody_else().await?;
        scene.orders.place(&bela, with(&[("A", 1)], "ONCE"), None).await?;
        assert_eq!(used(&scene, "ONCE").await?, 2);
        Ok(())
    })
}

#[test]
fn a_use_comes_back_once() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(6, &[A]).await?;
        make(&scene, CouponInput { usage_limit: Some(2), ..percent_off("BACK", 10) }).await?;
        let cancelled = scene.place(with(&[("A", 1)], "BACK")).await?;
        let declined = PlaceOrder { payment: wish(&[], card("tok_declined")).payment, ..with(&[("A", 1)], "BACK") };
        let expired = scene.place(declined).await?;
        assert_eq!(used(&scene, "BACK").await?, 2);
        let cancels = join_all((0..3).map(|_| scene.orders.cancel(&scene.asha, cancelled.id, None, None, None))).await;
        assert_eq!(cancels.iter().filter(|cancel| cancel.is_ok()).count(), 1);
        assert_eq!(used(&scene, "BACK").await?, 1);
        scene.clock.advance(limits::PAYMENT_DUE);
        scene.settle().await?;
        assert_eq!(scene.order(expired.id).await?.status, OrderStatus::Cancelled);
        assert_eq!(used(&scene, "BACK").await?, 0);
        let redemptions = scene.orders.redemptions(&scene.asha, expired.id).await?;
        assert!(redemptions.iter().all(|redemption| redemption.returned_at.is_some()) && redemptions.len() == 1);
        Ok(())
    })
}

#[test]
fn a_cart_tries_its_coupon_and_is_ordered_with_it() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(7, &[A]).await?;
        let owner = CartOwner::User(scene.asha_id());
        make(&scene, CouponInput { minimum_subtotal: Some(rupees(60_000)), ..percent_off("CART", 10) }).await?;
        scene.orders.add_to_cart(&scene.asha, owner, &[("A".to_owned(), 1)], None, None, None).await?;
        let short = scene.orders.set_cart_coupon(&scene.asha, owner, "cart", None).await;
        assert!(matches!(rule(short), CouponRule::MinimumSubtotal { .. }));
        scene.orders.set_cart_line(&scene.asha, owner, "A", 2, None).await?;
        let cart = scene.orders.set_cart_coupon(&scene.asha, owner, "cart", None).await?;
        assert_eq!((cart.discount.minor, cart.total.minor), (9_980, 89_820));
        let less = scene.orders.set_cart_line(&scene.asha, owner, "A", 1, None).await?;
        assert_eq!((less.discount.minor, less.cart.coupon.as_deref()), (0, Some("CART")), "it stays, and takes nothing off");
        let why = less.coupon_refusal.map(|refusal| refusal.to_string());
        let refused = scene.orders.set_cart_coupon(&scene.asha, owner, "cart", None).await.map_err(|error| error.to_string());
        assert_eq!((why.as_ref(), cart.coupon_refusal), (refused.as_ref().err(), None), "and says why");
        let whole = PlaceOrder { items: None, ..wish(&[], COD) };
        assert!(matches!(rule(scene.orders.quote(&scene.asha, &whole).await), CouponRule::MinimumSubtotal { .. }));
        scene.orders.set_cart_line(&scene.asha, owner, "A", 2, None).await?;
        let order = ordered_as_quoted(&scene, whole).await?;
        assert_eq!(order.discount.minor, 9_980);
        scene.settle().await?;
        let left = scene.orders.cart(&scene.asha, owner).await?;
        assert_eq!((left.lines.len(), left.cart.coupon), (0, None), "it left the cart with what was ordered");
        scene.orders.remove_cart_coupon(&scene.asha, owner, None).await?;
        Ok(())
    })
}

#[test]
fn staff_alone_makes_and_changes_coupons() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(8, &[A]).await?;
        assert_eq!(code(&scene.orders.create_coupon(&scene.asha, percent_off("X", 10), None).await), "FORBIDDEN");
        let made = make(&scene, CouponInput { usage_limit: Some(5), ..percent_off("X", 10) }).await?;
        assert_eq!(code(&make(&scene, percent_off("x", 20)).await), "COUPON_TAKEN");
        for _ in 0..2 {
            scene.place(with(&[("A", 1)], "X")).await?;
        }
        let limit = |limit| CouponInput { usage_limit: Some(limit), ..percent_off("X", 20) };
        assert_eq!(code(&scene.orders.update_coupon(&STAFF, "X", limit(1), None).await), "INVALID");
        assert_eq!(code(&scene.orders.update_coupon(&STAFF, "X", limit(2), Some(9)).await), "VERSION_MISMATCH");
        assert_eq!(code(&scene.orders.update_coupon(&STAFF, "X", percent_off("Y", 10), None).await), "READ_ONLY");
        let changed = scene.orders.update_coupon(&STAFF, "x", limit(2), Some(made.version)).await?;
        assert_eq!((changed.version, changed.used), (made.version + 1, 2));
        assert_eq!(code(&scene.place(with(&[("A", 1)], "X")).await), "COUPON_EXHAUSTED");
        assert_eq!(scene.orders.coupons(&STAFF, &PageRequest::first()).await?.items, [changed]);
        scene.orders.delete_coupon(&STAFF, "X", None).await?;
        assert_eq!(code(&scene.orders.coupon(&STAFF, "X").await), "NOT_FOUND");
        assert_eq!(code(&scene.orders.delete_coupon(&STAFF, "X", None).await), "NOT_FOUND");
        let anew = make(&scene, percent_off("X", 30)).await?;
        assert_eq!(anew.used, 0, "another coupon under the same code counts for itself");
        Ok(())
    })
}

#[test]
fn a_coupon_that_cannot_be_is_refused_by_its_fields() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(9, &[]).await?;
        let wrong = [
            percent_off("A B", 10),
            percent_off("X", 0),
            percent_off("X", 101),
            fixed("X", 0),
            fixed("X", -1),
            CouponInput { value: CouponValue::None, ..percent_off("X", 1) },
            CouponInput { value: CouponValue::Hundredths(5), ..free_shipping("X") },
            CouponInput { usage_limit: Some(0), ..percent_off("X", 1) },
            CouponInput { per_user_limit: Some(-1), ..percent_off("X", 1) },
            CouponInput { starts_at: Some(scene.clock.now()), ends_at: Some(scene.clock.now()), ..percent_off("X", 1) },
            CouponInput { maximum_discount: Some(Money::new(1, "EUR".parse().expect("it is a currency"))), ..fixed("X", 1) },
        ];
        for input in wrong {
            let text = format!("{input:?}");
            assert_eq!(code(&make(&scene, input).await), "INVALID", "{text}");
        }
        Ok(())
    })
}
