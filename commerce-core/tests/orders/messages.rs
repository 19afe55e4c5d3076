//! Messages of a provider that proves nothing by them: it is asked before one is believed.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use commerce_core::change::ChangeSet;
use commerce_core::commerce::Policies;
use commerce_core::orders::{
    Attempt, AttemptState, OrderStatus, OrderStore, OrderWrite, PaymentFact, PaymentGateway, PaymentMethod, ProviderAnswer,
    ProviderEvent, ProviderEventState, ProviderFact, ProviderLedger, Refund, RefundAnswer, WalletReads,
};
use commerce_core::testing::MemoryShop;
use commerce_core::testing::memory::ScriptedGateway;
use commerce_core::{Clock, Currency, Money, Outcome, Timestamp};
use futures_executor::block_on;

use crate::scene::{Scene, card, wish};

const A: (&str, i64) = ("A", 10);
const NAME: &str = "hearsay";

/// A provider whose messages do not say when they were written; it takes cards alone.
#[derive(Default)]
struct Hearsay {
    inner: ScriptedGateway,
    /// What is in its books instead.
    truth: Mutex<Option<PaymentFact>>,
}

#[async_trait]
impl ProviderLedger for Hearsay {}

#[async_trait]
impl PaymentGateway for Hearsay {
    fn name(&self) -> &'static str {
        NAME
    }

    fn takes(&self, method: PaymentMethod) -> bool {
        method == PaymentMethod::Card
    }

    fn is_asked_after_messages(&self) -> bool {
        true
    }

    async fn charge(&self, attempt: &Attempt) -> ProviderAnswer {
        self.inner.charge(attempt).await
    }

    async fn query(&self, attempt: &Attempt) -> ProviderAnswer {
        let answer = self.inner.query(attempt).await;
        let truth = self.truth.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ProviderAnswer { fact: truth.unwrap_or(answer.fact), ..answer }
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

/// A shop whose cards go there, and whose UPI goes to the usual one.
async fn open(seed: u64) -> Outcome<(Scene, Arc<Hearsay>)> {
    let hearsay = Arc::new(Hearsay::default());
    let shop = MemoryShop::with_gateways(seed, Policies::default(), vec![hearsay.clone()]);
    Ok((Scene::open_with(shop, &[A]).await?, hearsay))
}

/// What it says of an attempt: that it was paid.
async fn says_paid(scene: &Scene, hearsay: &Hearsay, event: &str, attempt: &Attempt) -> Outcome<()> {
    let reference = attempt.reference.as_deref().expect("the provider named it");
    let (signature, body) = hearsay.inner.webhook_of(event, "payment.succeeded", reference, attempt.amount, scene.clock.now());
    scene.orders.webhook(NAME, Some(&signature), &body).await
}

/// The same message as it lies in a store from before its reference was known.
async fn parked(scene: &Scene, attempt: &Attempt, seconds: u64) {
    let event = ProviderEvent {
        provider: attempt.provider.clone(),
        event_id: format!("evt_{}", attempt.id),
        reference: attempt.reference.clone().expect("the provider named it"),
        fact: ProviderFact::Payment(PaymentFact::Captured { amount: attempt.amount }),
        state: ProviderEventState::Parked,
        at: scene.clock.now().plus(std::time::Duration::from_secs(seconds)),
    };
    let written = scene.orders_db.commit(ChangeSet::of([OrderWrite::Provider(event)])).await;
    written.expect("nobody else writes");
}

async fn top_up_state(scene: &Scene, attempt: &Attempt) -> Outcome<Option<AttemptState>> {
    Ok(scene.orders_db.top_up(attempt.id).await?.map(|it| it.attempt.state))
}

#[test]
fn a_message_that_an_order_is_paid_is_believed_when_its_provider_says_so_too() -> Outcome<()> {
    block_on(async {
        let (scene, hearsay) = open(1).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_pending"))).await?;
        let attempt = &order.payment.attempts[0];
        says_paid(&scene, &hearsay, "evt_lie", attempt).await?;
        assert_eq!(scene.order(order.id).await?.status, OrderStatus::Pending);
        hearsay.inner.finish(attempt.id, true);
        hearsay.inner.set_silent(true);
        says_paid(&scene, &hearsay, "evt", attempt).await.expect_err("it is to send it again");
        assert_eq!(scene.order(order.id).await?.status, OrderStatus::Pending);
        hearsay.inner.set_silent(false);
        says_paid(&scene, &hearsay, "evt", attempt).await?;
        assert_eq!(scene.order(order.id).await?.status, OrderStatus::Confirmed);
        Ok(())
    })
}

#[test]
fn a_message_that_says_more_than_its_providers_books_is_not_believed() -> Outcome<()> {
    block_on(async {
        let (scene, hearsay) = open(4).await?;
        let order = scene.place(wish(&[("A", 1)], card("tok_pending"))).await?;
        let attempt = &order.payment.attempts[0];
        let less = Money::new(100, Currency::INR);
        for (event, truth) in [
            ("evt_less", PaymentFact::Captured { amount: less }),
            ("evt_promise", PaymentFact::Authorized { amount: attempt.amount }),
            ("evt_small_promise", PaymentFact::Authorized { amount: less }),
            ("evt_back", PaymentFact::Voided),
        ] {
            *hearsay.truth.lock().expect("nobody panics") = Some(truth.clone());
            says_paid(&scene, &hearsay, event, attempt).await?;
            let now = scene.order(order.id).await?;
            assert_eq!((now.status, now.payment.captured.minor), (OrderStatus::Pending, 0), "{truth:?}");
        }
        *hearsay.truth.lock().expect("nobody panics") = Some(PaymentFact::Captured { amount: attempt.amount });
        says_paid(&scene, &hearsay, "evt", attempt).await?;
        assert_eq!(scene.order(order.id).await?.status, OrderStatus::Confirmed);
        Ok(())
    })
}

#[test]
fn a_message_that_a_top_up_is_paid_is_believed_when_its_provider_says_so_too() -> Outcome<()> {
    block_on(async {
        let (scene, hearsay) = open(2).await?;
        let amount = Money::new(60_000, Currency::INR);
        let asked = scene.orders.top_up(&scene.asha, scene.asha_id(), amount, Some("tok_pending".to_owned()), None).await?;
        let attempt = asked.into_inner().attempt;
        says_paid(&scene, &hearsay, "evt_lie", &attempt).await?;
        assert_eq!(top_up_state(&scene, &attempt).await?, Some(AttemptState::Pending));
        hearsay.inner.finish(attempt.id, true);
        says_paid(&scene, &hearsay, "evt", &attempt).await?;
        assert_eq!(top_up_state(&scene, &attempt).await?, Some(AttemptState::Captured));
        Ok(())
    })
}

#[test]
fn a_silent_provider_holds_up_no_other_ones_parked_messages() -> Outcome<()> {
    block_on(async {
        let (scene, hearsay) = open(3).await?;
        let by_upi = scene.place(wish(&[("A", 1)], (PaymentMethod::Upi, Some("tok_pending")))).await?;
        let by_card = scene.place(wish(&[("A", 1)], card("tok_pending"))).await?;
        scene.gateway.finish(by_upi.payment.attempts[0].id, true);
        hearsay.inner.finish(by_card.payment.attempts[0].id, true);
        hearsay.inner.set_silent(true);
        parked(&scene, &by_upi.payment.attempts[0], 0).await;
        parked(&scene, &by_card.payment.attempts[0], 1).await;
        scene.orders.retry_parked(10).await.expect_err("one provider is silent");
        assert_eq!(scene.order(by_upi.id).await?.status, OrderStatus::Confirmed);
        assert_eq!(scene.order(by_card.id).await?.status, OrderStatus::Pending);
        hearsay.inner.set_silent(false);
        assert_eq!(scene.orders.retry_parked(10).await?, 1);
        assert_eq!(scene.order(by_card.id).await?.status, OrderStatus::Confirmed);
        Ok(())
    })
}
