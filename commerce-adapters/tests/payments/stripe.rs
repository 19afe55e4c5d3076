//! Stripe.

pub(crate) mod ledger;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use commerce_adapters::payments::stripe::Stripe;
use commerce_adapters::watch::{BreakerState, Watched};
use commerce_core::ids::Id;
use commerce_core::orders::{
    Attempt, Capture, Order, OrderStatus, PaymentGateway, PaymentMethod, PaymentStatus, PromiseWish, ProviderAnswer,
};
use commerce_core::testing::conformance::{self, Made};
use commerce_core::{Clock, Currency, Money, Timestamp};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::local::Local;
use super::scene::{STAFF, Scene};
use super::tokens::{Acted, InTokens, is_lost};
use ledger::Ledger;

const SECRET: &str = "whsec_test";

/// Over the wire, and said in the sandbox's tokens.
struct Translated {
    stripe: Stripe,
    provider: Local<Ledger>,
}

pub(crate) async fn open(capture: Capture) -> Scene<Ledger> {
    Scene::open(capture, Ledger::default(), |base| Arc::new(dial(base))).await
}

fn dial(base: &str) -> Stripe {
    Stripe::new(base, "sk_test", SECRET, "http://127.0.0.1/back").unwrap()
}

impl Scene<Ledger> {
    pub(crate) async fn pay(&self, token: &str) -> Order {
        self.buy(PaymentMethod::Card, Some(token)).await
    }

    /// The intent of an order's last attempt as Stripe has it.
    fn intent(&self, order: &Order) -> Value {
        let attempt = order.payment.attempts.last().unwrap().id.to_string();
        let desk = self.provider.desk();
        desk.books.intents.values().find(|it| it["metadata"]["attempt"] == attempt.as_str()).cloned().unwrap()
    }

    /// Stripe tells of all refunds that it has, a while ago by now.
    pub(crate) async fn hears_of_refunds(&self) {
        let refunds = self.provider.desk().books.refunds.clone();
        for (id, refund) in refunds {
            self.hear(&format!("evt_{id}"), "refund.created", refund).await.unwrap();
        }
        self.shop.wait(Duration::from_mins(2));
    }

    async fn hear(&self, id: &str, kind: &str, object: Value) -> Result<(), commerce_core::Error> {
        let body = json!({"id": id, "object": "event", "type": kind, "data": {"object": object}}).to_string();
        let signature = sign(body.as_bytes(), self.shop.clock.now());
        self.shop.orders.webhook("stripe", Some(&signature), body.as_bytes()).await
    }
}

fn sign(body: &[u8], at: Timestamp) -> String {
    let seconds = at.as_micros() / 1_000_000;
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn a_card_is_charged_declined_and_refunded() {
    let scene = open(Capture::Automatic).await;
    let paid = scene.pay("pm_card_visa").await;
    assert_eq!((paid.status, paid.payment.status()), (OrderStatus::Confirmed, PaymentStatus::Captured));
    assert_eq!(scene.intent(&paid)["amount_received"], 49_900);
    let declined = scene.pay("pm_card_declined").await;
    assert_eq!((declined.status, declined.payment.status()), (OrderStatus::Pending, PaymentStatus::Failed));
    assert_eq!(declined.payment.attempts[0].failure_code.as_deref(), Some("insufficient_funds"));
    let waits = scene.pay("pm_card_3ds").await;
    assert_eq!(waits.payment.attempts[0].next_action.as_ref().unwrap().url, "https://bank.example/3ds");
    scene.shop.orders.cancel(&scene.asha, paid.id, None, None, None).await.unwrap();
    scene.provider.desk().mute = 1;
    scene.later().await;
    scene.later().await;
    let back = scene.order(&paid).await.payment;
    assert_eq!(
        (back.status(), scene.provider.desk().books.refunds.len()),
        (PaymentStatus::Refunded, 1),
        "an answer was lost, and no money"
    );
}

#[tokio::test]
async fn a_charge_without_an_answer_is_found_and_never_made_twice() {
    let scene = open(Capture::Automatic).await;
    scene.provider.desk().mute = 1;
    let order = scene.pay("pm_card_visa").await;
    assert_eq!(order.payment.status(), PaymentStatus::Unknown);
    scene.later().await;
    assert_eq!(scene.order(&order).await.status, OrderStatus::Confirmed);
    let desk = scene.provider.desk();
    assert_eq!((desk.books.intents.len(), desk.called("POST /v1/payment_intents")), (1, 1));
}

#[tokio::test]
async fn a_promise_is_taken_in_part_or_given_back() {
    let scene = open(Capture::Manual).await;
    let order = scene.pay("pm_card_visa").await;
    assert_eq!((order.status, order.payment.status()), (OrderStatus::Confirmed, PaymentStatus::Authorized));
    let part = Some(Money::new(20_000, Currency::INR));
    let payment = order.payment.id.uuid();
    scene.provider.desk().mute = 1;
    scene.shop.orders.capture_payment(&STAFF, order.id, PromiseWish::all_of(payment).of(part)).await.unwrap();
    scene.later().await;
    assert_eq!(scene.order(&order).await.payment.captured.minor, 20_000);
    assert_eq!(scene.intent(&order)["amount_received"], 20_000);
    let other = scene.pay("pm_card_visa").await;
    scene.shop.orders.cancel(&scene.asha, other.id, None, None, None).await.unwrap();
    scene.later().await;
    assert_eq!(
        (scene.order(&other).await.payment.status(), &scene.intent(&other)["status"]),
        (PaymentStatus::Voided, &json!("canceled"))
    );
}

#[tokio::test]
async fn messages_come_twice_late_and_in_any_order() {
    let scene = open(Capture::Automatic).await;
    let order = scene.pay("pm_card_3ds").await;
    let mut intent = scene.intent(&order);
    let pending = intent.clone();
    intent["status"] = json!("succeeded");
    intent["amount_received"] = json!(49_900);
    let mut failed = pending.clone();
    failed["status"] = json!("requires_payment_method");
    for _ in 0..3 {
        scene.hear("evt_paid", "payment_intent.succeeded", intent.clone()).await.unwrap();
    }
    assert_eq!(scene.order(&order).await.payment.captured.minor, 49_900);
    scene.hear("evt_created", "payment_intent.created", pending.clone()).await.unwrap();
    scene.hear("evt_failed", "payment_intent.payment_failed", failed).await.unwrap();
    scene.hear("evt_acts", "payment_intent.requires_action", pending).await.unwrap();
    scene.hear("evt_other", "customer.created", json!({"id": "cus_1"})).await.unwrap();
    let late = scene.order(&order).await;
    assert_eq!(
        (late.status, late.payment.status(), late.payment.refunds.len()),
        (OrderStatus::Confirmed, PaymentStatus::Captured, 0)
    );
}

#[tokio::test]
async fn a_message_before_our_own_answer_waits_for_it() {
    let scene = open(Capture::Automatic).await;
    scene.provider.desk().mute = 1;
    let order = scene.pay("pm_card_visa").await;
    scene.hear("evt_early", "payment_intent.succeeded", scene.intent(&order)).await.unwrap();
    assert_eq!(scene.order(&order).await.status, OrderStatus::Pending, "nobody knows that name yet");
    scene.later().await;
    scene.later().await;
    let paid = scene.order(&order).await;
    assert_eq!((paid.status, paid.payment.captured.minor), (OrderStatus::Confirmed, 49_900));
}

#[tokio::test]
async fn messages_that_lie_confirm_nothing() {
    let scene = open(Capture::Automatic).await;
    let order = scene.pay("pm_card_3ds").await;
    for (name, amount, currency) in [("less", 1, "inr"), ("more", 49_901, "inr"), ("other", 49_900, "usd")] {
        let mut lie = scene.intent(&order);
        lie["status"] = json!("succeeded");
        lie["amount_received"] = json!(amount);
        lie["currency"] = json!(currency);
        scene.hear(name, "payment_intent.succeeded", lie).await.unwrap();
    }
    assert_eq!(scene.order(&order).await.status, OrderStatus::Pending);
    let body = json!({"id": "evt", "type": "payment_intent.succeeded", "data": {"object": scene.intent(&order)}}).to_string();
    let now = scene.shop.clock.now();
    let signature = sign(body.as_bytes(), now);
    let old = sign(body.as_bytes(), now.minus(Duration::from_secs(301)));
    let spaced = body.replace(':', ": ");
    for (signature, body) in
        [(None, &body), (Some("t=1,v1=00"), &body), (Some(old.as_str()), &body), (Some(signature.as_str()), &spaced)]
    {
        let refused = scene.shop.orders.webhook("stripe", signature, body.as_bytes()).await.unwrap_err();
        assert_eq!(refused.code(), "BAD_SIGNATURE");
    }
    let two = format!("{signature},v1=00");
    scene.shop.orders.webhook("stripe", Some(&two), body.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_refusal_that_is_not_about_the_payment_declines_nothing() {
    // A key that came with something else before; a secret that is wrong, or may not do this.
    for refusal in [(400, "idempotency_error"), (401, "invalid_request_error"), (403, "invalid_request_error")] {
        let scene = open(Capture::Automatic).await;
        scene.provider.desk().books.refuses = Some(refusal);
        let order = scene.pay("pm_card_visa").await;
        assert_eq!(order.payment.status(), PaymentStatus::Unknown, "{refusal:?}");
        scene.provider.desk().books.refuses = None;
        scene.later().await;
        assert_eq!(scene.order(&order).await.status, OrderStatus::Confirmed, "{refusal:?}");
    }
}

#[tokio::test]
async fn a_provider_that_is_down_is_left_alone_and_the_orders_wait() {
    let mut seen = None;
    let dialled = |base: &str| -> Arc<dyn PaymentGateway> {
        let stripe = dial(base);
        seen = Some((stripe.watch(), base.replace("http://", "")));
        Arc::new(stripe)
    };
    let scene = Scene::open(Capture::Automatic, Ledger::default(), dialled).await;
    let (watch, at) = seen.unwrap();
    let state = BreakerState::Closed;
    assert_eq!(watch.watched(), [Watched { kind: "payment", name: "stripe", at, state }]);
    scene.provider.desk().broken = Some(503);
    let mut orders = Vec::new();
    for _ in 0..8 {
        orders.push(scene.pay("pm_card_visa").await);
    }
    assert!(orders.iter().all(|order| order.status == OrderStatus::Pending));
    assert_eq!(scene.provider.desk().calls.len(), 5, "after five failures nobody calls");
    assert_ne!(watch.watched()[0].state, BreakerState::Closed, "and whoever watches sees it");
}

#[async_trait]
impl Acted for Translated {
    fn gateway(&self) -> &dyn PaymentGateway {
        &self.stripe
    }

    async fn charge(&self, attempt: &Attempt) -> ProviderAnswer {
        let card = match attempt.token.as_deref() {
            Some("tok_ok" | "tok_timeout_then_ok") => "pm_card_visa",
            Some("tok_pending") | None => "pm_card_3ds",
            Some(_) => "pm_card_declined",
        };
        self.provider.desk().mute = u32::from(is_lost(attempt));
        self.stripe.charge(&Attempt { token: Some(card.to_owned()), ..attempt.clone() }).await
    }
}

#[tokio::test]
async fn it_keeps_what_gateways_promise() {
    conformance::remote_gateway(async || {
        let (base, provider) = Local::open(Ledger::default()).await;
        Made::<dyn PaymentGateway>::new(Arc::new(InTokens(Translated { stripe: dial(&base), provider })))
    })
    .await;
}
