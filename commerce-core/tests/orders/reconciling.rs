//! A ledger that lists whatever is in an account, held against a shop that goes on selling.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use commerce_core::commerce::Policies;
use commerce_core::orders::{
    Attempt, Entered, LedgerLine, LedgerPage, MismatchKind, PaymentGateway, PaymentMethod, ProviderAnswer, ProviderEvent,
    ProviderLedger, Reconciliation, Refund, RefundAnswer, Stated,
};
use commerce_core::testing::MemoryShop;
use commerce_core::testing::memory::ScriptedGateway;
use commerce_core::{Clock, Currency, Money, Outcome, Timestamp};
use futures_executor::block_on;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::scene::{STAFF, Scene, card, wish};

const A: (&str, i64) = ("A", 10);
const NAME: &str = "bank";

/// A provider that cannot be asked key by key.
#[derive(Default)]
struct Bank {
    inner: ScriptedGateway,
    /// What it has besides.
    more: Mutex<Vec<LedgerLine>>,
    /// What happens before its ledger is read, and after.
    before: Mutex<Option<Happening>>,
    after: Mutex<Option<Happening>>,
}

type Happening = BoxFuture<'static, ()>;

async fn happens(what: &Mutex<Option<Happening>>) {
    let what = what.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(what) = what {
        what.await;
    }
}

#[async_trait]
impl ProviderLedger for Bank {
    async fn statement(&self, _keys: &[Uuid]) -> Option<BTreeMap<Uuid, Stated>> {
        None
    }

    async fn ledger(&self, from: Timestamp, until: Timestamp, next: Option<&str>) -> Option<LedgerPage> {
        happens(&self.before).await;
        let mut page = self.inner.ledger(from, until, next).await?;
        page.lines.append(&mut self.more.lock().unwrap_or_else(PoisonError::into_inner));
        happens(&self.after).await;
        Some(page)
    }
}

#[async_trait]
impl PaymentGateway for Bank {
    fn name(&self) -> &'static str {
        NAME
    }

    fn takes(&self, method: PaymentMethod) -> bool {
        self.inner.takes(method)
    }

    async fn charge(&self, attempt: &Attempt) -> ProviderAnswer {
        self.inner.charge(attempt).await
    }

    async fn query(&self, attempt: &Attempt) -> ProviderAnswer {
        self.inner.query(attempt).await
    }

    async fn void(&self, attempt: &Attempt) -> ProviderAnswer {
        self.inner.void(attempt).await
    }

    async fn refund(&self, refund: &Refund, attempt: &Attempt) -> RefundAnswer {
        self.inner.refund(refund, attempt).await
    }

    fn webhook(&self, signature: Option<&str>, body: &[u8], now: Timestamp) -> Outcome<ProviderEvent> {
        Ok(ProviderEvent { provider: NAME.to_owned(), ..self.inner.webhook(signature, body, now)? })
    }
}

/// A shop with such a provider.
async fn open(seed: u64) -> Outcome<(Scene, Arc<Bank>)> {
    let bank = Arc::new(Bank::default());
    let shop = MemoryShop::with_gateways(seed, Policies::default(), vec![bank.clone()]);
    Ok((Scene::open_with(shop, &[A]).await?, bank))
}

async fn top_up(scene: &Scene, minor: i64, token: &str) -> Outcome<Attempt> {
    let amount = Money::new(minor, Currency::INR);
    let made = scene.orders.top_up(&scene.asha, scene.asha_id(), amount, Some(token.to_owned()), None).await?;
    Ok(made.into_inner().attempt)
}

/// That the customer pays what is pending, and the shop hears of it.
fn pays(scene: &Scene, bank: &Arc<Bank>, attempts: &[&Attempt]) -> Happening {
    let (orders, bank, now) = (scene.orders.clone(), Arc::clone(bank), scene.clock.now());
    let attempts: Vec<Attempt> = attempts.iter().map(|&attempt| attempt.clone()).collect();
    Box::pin(async move {
        for attempt in attempts {
            bank.inner.finish(attempt.id, true);
            let reference = attempt.reference.as_deref().expect("the provider named it");
            let (signature, body) = bank.inner.webhook_of(reference, "payment.succeeded", reference, attempt.amount, now);
            orders.webhook(NAME, Some(&signature), &body).await.expect("it is heard");
        }
    })
}

/// What does not fit of the last hours.
async fn report(scene: &Scene) -> Outcome<Reconciliation> {
    scene.orders.reconcile(&STAFF, scene.clock.now().minus(Duration::from_hours(10))).await
}

#[test]
fn what_is_sent_back_of_a_top_up_by_hand_is_said() -> Outcome<()> {
    block_on(async {
        let (scene, bank) = open(1).await?;
        let paid = top_up(&scene, 60_000, "tok_ok").await?;
        scene.wait(Duration::from_mins(2));
        let back = Money::new(1_000, Currency::INR);
        let by_hand = |reference: &str, of: Option<String>| LedgerLine {
            key: None,
            reference: reference.to_owned(),
            of,
            entered: Entered::Moved(back),
        };
        let lines = [by_hand("ref_1", paid.reference.clone()), by_hand("ref_2", Some("somebody's".to_owned()))];
        bank.more.lock().expect("nobody panics").extend(lines);
        let report = report(&scene).await?;
        let said: Vec<_> = report.mismatches.iter().map(|it| (it.kind, &it.order, it.reference.as_deref())).collect();
        assert_eq!(said, [(MismatchKind::PaidNotBooked, &None, Some("ref_1"))]);
        assert_eq!((report.foreign, report.checked), (1, 1));
        Ok(())
    })
}

#[test]
fn what_is_booked_before_a_ledger_is_read_fits_it() -> Outcome<()> {
    block_on(async {
        let (scene, bank) = open(2).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_pending"))).await?;
        let top_up = top_up(&scene, 60_000, "tok_pending").await?;
        let unheard = scene.place(wish(&[("A", 1)], card("tok_pending"))).await?;
        scene.wait(Duration::from_mins(2));
        bank.inner.finish(unheard.payment.attempts[0].id, true);
        *bank.before.lock().expect("nobody panics") = Some(pays(&scene, &bank, &[&order.payment.attempts[0], &top_up]));
        let report = report(&scene).await?;
        let said: Vec<_> = report.mismatches.iter().map(|it| (it.kind, it.order.clone())).collect();
        assert_eq!(said, [(MismatchKind::PaidNotBooked, Some(unheard.number))], "and what nobody heard of does not");
        assert_eq!(scene.order(order.id).await?.payment.captured, order.total, "it was booked meanwhile");
        Ok(())
    })
}

#[test]
fn what_is_paid_after_a_ledger_was_read_is_not_missed_in_it() -> Outcome<()> {
    block_on(async {
        let (scene, bank) = open(3).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_pending"))).await?;
        scene.wait(Duration::from_hours(2));
        let stuck: Vec<_> = report(&scene).await?.mismatches.iter().map(|it| it.kind).collect();
        assert_eq!(stuck, [MismatchKind::Stuck]);
        *bank.after.lock().expect("nobody panics") = Some(pays(&scene, &bank, &[&order.payment.attempts[0]]));
        assert_eq!(report(&scene).await?.mismatches, []);
        assert_eq!(scene.order(order.id).await?.payment.captured, order.total, "it was booked meanwhile");
        Ok(())
    })
}
