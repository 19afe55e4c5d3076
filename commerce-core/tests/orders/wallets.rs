//! Wallets: money goes in once, out while it is there, and back where it came from.

use std::time::Duration;

use commerce_core::audit::AuditRequest;
use commerce_core::change::{Answer, ChangeSet};
use commerce_core::orders::{
    AttemptState, MismatchKind, Order, OrderStatus, OrderStore, OrderWrite, PaymentMethod, PaymentStatus, WalletKind,
};
use commerce_core::page::PageRequest;
use commerce_core::testing::conformance::NoWait;
use commerce_core::{Actor, Currency, Money, Outcome};
use futures_executor::block_on;
use futures_util::future::join_all;

use crate::scene::{STAFF, Scene, card, code, key, wish};

const A: (&str, i64) = ("A", 10);
const WALLET: (PaymentMethod, Option<&str>) = (PaymentMethod::Wallet, None);

async fn put_in(scene: &Scene, minor: i64, token: &str) -> Outcome<AttemptState> {
    let amount = Money::new(minor, Currency::INR);
    let made = scene.orders.top_up(&scene.asha, scene.asha_id(), amount, Some(token.to_owned()), None).await?;
    Ok(made.into_inner().attempt.state)
}

async fn balance(scene: &Scene) -> Outcome<i64> {
    Ok(scene.orders.wallet(&scene.asha, scene.asha_id()).await?.balance.minor)
}

async fn clean(scene: &Scene) -> Outcome<()> {
    scene.settle().await?;
    let report = scene.audit(&STAFF, AuditRequest::new(&NoWait)).await?;
    assert!(report.is_clean(), "{:#?}", report.violations);
    Ok(())
}

#[test]
fn a_top_up_is_entered_once() -> Outcome<()> {
    block_on(async {
        for seed in 0..20 {
            let scene = Scene::open(seed, &[A]).await?;
            let amount = Money::new(50_000, Currency::INR);
            let top_up =
                || scene.orders.top_up(&scene.asha, scene.asha_id(), amount, Some("tok_ok".to_owned()), Some(key("once")));
            let made = join_all((0..4).map(|_| top_up())).await.into_iter().collect::<Outcome<Vec<_>>>()?;
            assert_eq!(made.iter().filter(|answer| matches!(answer, Answer::Fresh(_))).count(), 1, "seed {seed}");
            assert_eq!((balance(&scene).await?, scene.gateway.captured_minor()), (50_000, 50_000), "seed {seed}");
            clean(&scene).await?;
        }
        Ok(())
    })
}

#[test]
fn a_top_up_comes_to_what_its_provider_says() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(1, &[A]).await?;
        assert_eq!(put_in(&scene, 100, "tok_declined").await?, AttemptState::Declined);
        assert_eq!(put_in(&scene, 100, "tok_timeout_then_ok").await?, AttemptState::Unknown);
        assert_eq!(balance(&scene).await?, 0);
        scene.wait(Duration::from_mins(1));
        clean(&scene).await?;
        assert_eq!(balance(&scene).await?, 100, "asked about, not asked for again");

        let made = scene.orders.top_up(&scene.asha, scene.asha_id(), Money::new(70, Currency::INR), None, None).await?;
        let pending = made.into_inner().attempt;
        let reference = pending.reference.clone().expect("the provider named it");
        scene.gateway.finish(pending.id, true);
        for (event, amount) in [("lie", 71), ("truth", 70), ("truth", 70)] {
            let (now, amount) = (commerce_core::Clock::now(&*scene.clock), Money::new(amount, Currency::INR));
            let (signature, body) = scene.gateway.webhook_of(event, "payment.succeeded", &reference, amount, now);
            scene.orders.webhook("sandbox", Some(&signature), &body).await?;
        }
        assert_eq!(balance(&scene).await?, 170);

        put_in(&scene, 60, "tok_pending").await?;
        scene.wait(Duration::from_mins(20));
        clean(&scene).await?;
        assert_eq!(balance(&scene).await?, 170, "given up");
        Ok(())
    })
}

#[test]
fn an_order_is_paid_out_of_the_wallet_and_back_into_it() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(2, &[A]).await?;
        let short = scene.place(wish(&[("A", 1)], WALLET)).await?;
        assert_eq!((short.status, short.payment.status()), (OrderStatus::Pending, PaymentStatus::Failed));
        assert_eq!(short.payment.attempts[0].failure_code.as_deref(), Some("insufficient_funds"));
        put_in(&scene, 60_000, "tok_ok").await?;
        let paid = scene.orders.pay(&scene.asha, short.id, PaymentMethod::Wallet, None, None, None).await?.into_inner();
        assert_eq!((paid.status, paid.payment.status()), (OrderStatus::Confirmed, PaymentStatus::Captured));
        assert_eq!(balance(&scene).await?, 10_100);
        clean(&scene).await?;
        scene.orders.cancel(&scene.asha, paid.id, None, None, None).await?;
        clean(&scene).await?;
        assert_eq!(balance(&scene).await?, 60_000);
        let entries = scene.orders.wallet_entries(&scene.asha, scene.asha_id(), &PageRequest::first()).await?.items;
        let sum: i64 = entries.iter().map(|entry| entry.amount.minor).sum();
        let mut kinds: Vec<WalletKind> = entries.iter().map(|entry| entry.kind).collect();
        kinds.sort();
        assert_eq!(sum, 60_000);
        assert_eq!(kinds, [WalletKind::TopUp, WalletKind::Spend, WalletKind::Refund, WalletKind::Declined]);
        assert_eq!(scene.gateway.refunded_minor(), 0, "the bank hears nothing of it");
        Ok(())
    })
}

#[test]
fn nobody_spends_the_same_rupee_twice() -> Outcome<()> {
    block_on(async {
        for seed in 0..20 {
            let scene = Scene::open(seed, &[A]).await?;
            put_in(&scene, 100_000, "tok_ok").await?;
            let placed = join_all((0..5).map(|_| scene.place(wish(&[("A", 1)], WALLET)))).await;
            let orders = placed.into_iter().collect::<Outcome<Vec<_>>>()?;
            let paid = orders.iter().filter(|order| order.status == OrderStatus::Confirmed).count();
            assert_eq!((paid, balance(&scene).await?), (2, 200), "seed {seed}");
            clean(&scene).await?;
        }
        Ok(())
    })
}

#[test]
fn a_wallet_is_its_owners() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(3, &[A]).await?;
        let (user, amount) = (scene.asha_id(), Money::new(1, Currency::INR));
        let clerk = Actor::Admin(scene.somebody_else().await?.user().expect("she is a user"));
        for (actor, expected) in
            [(clerk, "NOT_FOUND"), (scene.somebody_else_again().await?, "NOT_FOUND"), (Actor::Anonymous, "UNAUTHENTICATED")]
        {
            assert_eq!(code(&scene.orders.wallet(&actor, user).await), expected);
            assert_eq!(code(&scene.orders.wallet_entries(&actor, user, &PageRequest::first()).await), expected);
            assert_eq!(code(&scene.orders.top_up(&actor, user, amount, None, None).await), expected);
        }
        for (amount, expected) in [
            (Money::new(0, Currency::INR), "INVALID"),
            (Money::new(-5, Currency::INR), "INVALID"),
            (Money::new(i64::MAX, Currency::INR), "INVALID"),
            (Money::new(5, "USD".parse().expect("it is a currency")), "CURRENCY_MISMATCH"),
        ] {
            assert_eq!(code(&scene.orders.top_up(&scene.asha, user, amount, None, None).await), expected, "{amount}");
        }
        assert_eq!(code(&scene.orders.webhook("wallet", None, b"{}").await), "NOT_FOUND");
        Ok(())
    })
}

#[test]
fn a_reconciliation_finds_what_does_not_fit() -> Outcome<()> {
    block_on(async {
        let scene = Scene::open(4, &[A]).await?;
        put_in(&scene, 60_000, "tok_ok").await?;
        scene.place(wish(&[("A", 1)], WALLET)).await?;
        let paid = scene.place(wish(&[("A", 1)], card("tok_ok"))).await?;
        let stuck = scene.place(wish(&[("A", 1)], card("tok_pending"))).await?;
        scene.wait(Duration::from_mins(2));
        let begin = commerce_core::Clock::now(&*scene.clock).minus(Duration::from_hours(1));
        let report = scene.orders.reconcile(&STAFF, begin).await?;
        assert_eq!((report.mismatches, report.checked), (Vec::new(), 4));

        let mut misnamed = scene.orders.order(&STAFF, paid.id).await?;
        misnamed.version += 1;
        misnamed.payment.attempts[0].reference = Some("garbage".to_owned());
        let put = |order: &Order| ChangeSet::of([OrderWrite::Update(order.clone())]);
        scene.orders_db.commit(put(&misnamed)).await.expect("it can be altered");
        let kinds = async || {
            let report = scene.orders.reconcile(&STAFF, begin).await?;
            Outcome::Ok(report.mismatches.into_iter().map(|it| (it.kind, it.ours)).collect::<Vec<_>>())
        };
        assert_eq!(kinds().await?, [(MismatchKind::ReferenceDiffers, format!("CAPTURED {}", paid.total))]);
        misnamed.version += 1;
        misnamed.payment.attempts[0].reference = paid.payment.attempts[0].reference.clone();
        misnamed.payment.attempts[0].provider = "stripe".to_owned();
        scene.orders_db.commit(put(&misnamed)).await.expect("it can be altered");
        assert_eq!(kinds().await?, [(MismatchKind::PaidWithoutOrder, "with stripe".to_owned())]);
        misnamed.version += 1;
        misnamed.payment.attempts[0].provider.clone_from(&paid.payment.attempts[0].provider);
        scene.orders_db.commit(put(&misnamed)).await.expect("it can be altered");
        assert_eq!(kinds().await?, []);

        scene.gateway.finish(stuck.payment.attempts[0].id, true);
        scene.gateway.lose(paid.payment.attempts[0].id);
        let token = Some("tok_ok".to_owned());
        let nobodys = commerce_core::orders::Attempt { id: scene.mint(), token, ..paid.payment.attempts[0].clone() };
        commerce_core::orders::PaymentGateway::charge(&*scene.gateway, &nobodys).await;
        scene.wait(Duration::from_mins(2));
        let report = scene.orders.reconcile(&STAFF, begin).await?;
        let mut kinds: Vec<MismatchKind> = report.mismatches.iter().map(|it| it.kind).collect();
        kinds.sort();
        assert_eq!(kinds, [MismatchKind::PaidWithoutOrder, MismatchKind::BookedNotPaid, MismatchKind::PaidNotBooked]);
        assert_eq!(code(&scene.orders.reconcile(&scene.asha, begin).await), "FORBIDDEN");
        Ok(())
    })
}
