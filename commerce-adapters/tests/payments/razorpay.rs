//! Razorpay.

pub(crate) mod ledger;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use commerce_adapters::payments::razorpay::{Account, Razorpay};
use commerce_core::ids::Id;
use commerce_core::orders::{
    Attempt, Capture, Order, OrderStatus, PaymentFact, PaymentGateway, PaymentMethod, PaymentStatus, PromiseWish, ProviderAnswer,
};
use commerce_core::testing::conformance::{self, Made};
use commerce_core::{Currency, Money};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::local::Local;
use super::scene::{PRICE, STAFF, Scene};
use super::tokens::{Acted, InTokens, is_lost};
use ledger::Ledger;

const SECRET: &str = "hook-now";
const SECRET_BEFORE: &str = "hook-before";
const PAY_URL: &str = "http://127.0.0.1/pay/razorpay";

fn dial(base: &str) -> Razorpay {
    let account = Account { key_id: "rzp_test_1", key_secret: "word", webhook_secrets: &[SECRET, SECRET_BEFORE] };
    Razorpay::new(base, account, PAY_URL).unwrap()
}

pub(crate) async fn open(capture: Capture) -> Scene<Ledger> {
    Scene::open(capture, Ledger::default(), |base| Arc::new(dial(base))).await
}

fn sign(body: &[u8], secret: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(body);
    hex::encode(mac.finalize().into_bytes())
}

impl Scene<Ledger> {
    /// An order that waits for its customer in the checkout.
    pub(crate) async fn placed(&self) -> Order {
        self.buy(PaymentMethod::Upi, None).await
    }

    /// The customer tries to pay.
    pub(crate) fn pay(&self, order: &Order, works: bool) -> Value {
        let named = order.payment.attempts.last().unwrap().reference.clone().unwrap();
        self.provider.desk().books.pay(&named, works)
    }

    async fn say(&self, kind: &str, payload: Value) -> Result<(), commerce_core::Error> {
        let body = json!({
            "entity": "event", "account_id": "acc_1", "event": kind, "contains": ["payment"], "payload": payload,
            "created_at": 1_772_357_400,
        });
        self.hear(&body.to_string(), SECRET).await
    }

    async fn say_paid(&self, kind: &str, payment: &Value) -> Result<(), commerce_core::Error> {
        self.say(kind, json!({"payment": {"entity": payment}})).await
    }

    async fn hear(&self, body: &str, secret: &str) -> Result<(), commerce_core::Error> {
        self.shop.orders.webhook("razorpay", Some(&sign(body.as_bytes(), secret)), body.as_bytes()).await
    }
}

#[tokio::test]
async fn every_method_goes_on_in_the_checkout_and_is_found_paid() {
    let scene = open(Capture::Automatic).await;
    for method in [PaymentMethod::Upi, PaymentMethod::Card, PaymentMethod::NetBanking] {
        let order = scene.buy(method, None).await;
        let attempt = &order.payment.attempts[0];
        assert_eq!((order.payment.status(), attempt.provider.as_str()), (PaymentStatus::Pending, "razorpay"));
        let named = attempt.reference.clone().unwrap();
        assert_eq!(attempt.next_action.as_ref().unwrap().url, format!("{PAY_URL}?order={named}"));
        scene.pay(&order, true);
        scene.later().await;
        let paid = scene.order(&order).await;
        assert_eq!((paid.status, paid.payment.status()), (OrderStatus::Confirmed, PaymentStatus::Captured));
    }
}

#[tokio::test]
async fn a_failed_try_is_told_and_another_attempt_is_another_order() {
    let scene = open(Capture::Automatic).await;
    let order = scene.placed().await;
    let failed = scene.pay(&order, false);
    scene.say_paid("payment.failed", &failed).await.unwrap();
    let told = scene.order(&order).await;
    assert_eq!((told.status, told.payment.status()), (OrderStatus::Pending, PaymentStatus::Failed));
    assert_eq!(told.payment.attempts[0].failure_code.as_deref(), Some("payment_cancelled"));
    scene.shop.orders.pay(&scene.asha, order.id, PaymentMethod::Card, None, None, None).await.unwrap();
    let again = scene.order(&order).await;
    assert_ne!(again.payment.attempts[0].reference, again.payment.attempts[1].reference);
    scene.pay(&again, true);
    scene.later().await;
    assert_eq!(scene.order(&order).await.status, OrderStatus::Confirmed);
    // The page of the first attempt was still open.
    let first = again.payment.attempts[0].reference.clone().unwrap();
    let twice = scene.provider.desk().books.pay(&first, true);
    scene.say_paid("payment.captured", &twice).await.unwrap();
    scene.later().await;
    let back = scene.order(&order).await.payment;
    assert_eq!((back.captured.minor, back.refunded.minor), (2 * PRICE, PRICE), "what came twice goes back once");
}

#[tokio::test]
async fn an_order_without_an_answer_is_found_by_its_receipt() {
    let scene = open(Capture::Automatic).await;
    scene.provider.desk().mute = 1;
    let order = scene.placed().await;
    assert_eq!(order.payment.status(), PaymentStatus::Unknown);
    scene.later().await;
    let found = scene.order(&order).await;
    assert_eq!(found.payment.status(), PaymentStatus::Pending);
    assert_eq!(scene.provider.desk().called("POST /v1/orders"), 1);
    scene.pay(&found, true);
    scene.later().await;
    assert_eq!(scene.order(&order).await.status, OrderStatus::Confirmed);
}

#[tokio::test]
async fn a_promise_is_taken_whole_or_not_at_all() {
    let scene = open(Capture::Manual).await;
    let order = scene.placed().await;
    let promise = scene.pay(&order, true);
    scene.say_paid("payment.authorized", &promise).await.unwrap();
    let promised = scene.order(&order).await;
    assert_eq!((promised.status, promised.payment.status()), (OrderStatus::Confirmed, PaymentStatus::Authorized));
    let payment = order.payment.id.uuid();
    let part = Some(Money::new(20_000, Currency::INR));
    let refused = scene.shop.orders.capture_payment(&STAFF, order.id, PromiseWish::all_of(payment).of(part)).await.unwrap_err();
    assert_eq!(refused.code(), "NOT_CAPTURABLE");
    assert_eq!(scene.order(&order).await.payment.attempts[0].to_capture, None, "nothing was begun");
    scene.provider.desk().mute = 1;
    scene.shop.orders.capture_payment(&STAFF, order.id, PromiseWish::all_of(payment)).await.unwrap();
    scene.later().await;
    assert_eq!(scene.order(&order).await.payment.captured.minor, PRICE);
    let captures = scene.provider.desk().calls.iter().filter(|call| call.ends_with("/capture")).count();
    assert_eq!(captures, 1, "the answer was lost, and asked for instead of the money");
}

#[tokio::test]
async fn a_promise_that_is_given_back_is_never_taken() {
    let scene = open(Capture::Manual).await;
    let order = scene.placed().await;
    scene.pay(&order, true);
    scene.later().await;
    scene.shop.orders.void_payment(&STAFF, order.id, PromiseWish::all_of(order.payment.id.uuid())).await.unwrap();
    scene.later().await;
    let voided = scene.order(&order).await;
    assert_eq!((voided.status, voided.payment.status()), (OrderStatus::Cancelled, PaymentStatus::Voided));
    let desk = scene.provider.desk();
    assert_eq!(desk.books.orders[0]["notes"]["givenUp"], "yes");
    assert_eq!(desk.books.payments[0]["status"], "authorized", "it goes back by itself");
}

#[tokio::test]
async fn what_is_paid_after_the_deadline_goes_back() {
    let scene = open(Capture::Automatic).await;
    let order = scene.placed().await;
    // The deadline, and the grace that an open attempt has.
    for _ in 0..2 {
        scene.shop.wait(Duration::from_mins(16));
        scene.shop.settle().await.unwrap();
    }
    assert_eq!(scene.order(&order).await.status, OrderStatus::Cancelled);
    let late = scene.pay(&order, true);
    scene.say_paid("order.paid", &late).await.unwrap();
    scene.later().await;
    let back = scene.order(&order).await.payment;
    assert_eq!((back.status(), scene.provider.desk().books.refunds.len()), (PaymentStatus::Refunded, 1));
}

#[tokio::test]
async fn a_refund_is_sent_once_and_waited_for() {
    let scene = open(Capture::Automatic).await;
    let order = scene.placed().await;
    scene.pay(&order, true);
    scene.later().await;
    {
        let mut desk = scene.provider.desk();
        (desk.mute, desk.books.slow) = (1, true);
    }
    scene.shop.orders.cancel(&scene.asha, order.id, None, None, None).await.unwrap();
    scene.later().await;
    scene.later().await;
    assert_eq!(scene.order(&order).await.payment.refunded.minor, 0, "it is on its way");
    scene.provider.desk().books.refunds[0]["status"] = json!("processed");
    let refund = scene.provider.desk().books.refunds[0].clone();
    for _ in 0..3 {
        scene.say("refund.processed", json!({"refund": {"entity": refund}})).await.unwrap();
    }
    scene.later().await;
    scene.later().await;
    let back = scene.order(&order).await.payment;
    assert_eq!((back.status(), back.refunded.minor), (PaymentStatus::Refunded, PRICE));
    assert_eq!(scene.provider.desk().books.refunds.len(), 1, "an answer was lost, and no money");
}

#[tokio::test]
async fn messages_come_twice_late_and_in_any_order() {
    let scene = open(Capture::Automatic).await;
    let order = scene.placed().await;
    let failed = scene.pay(&order, false);
    let paid = scene.pay(&order, true);
    let mut authorized = paid.clone();
    (authorized["status"], authorized["captured"]) = (json!("authorized"), json!(false));
    for _ in 0..3 {
        scene.say_paid("payment.captured", &paid).await.unwrap();
        scene.say_paid("order.paid", &paid).await.unwrap();
    }
    assert_eq!(scene.order(&order).await.payment.captured.minor, PRICE);
    scene.say_paid("payment.authorized", &authorized).await.unwrap();
    scene.say_paid("payment.failed", &failed).await.unwrap();
    scene.say("settlement.processed", json!({})).await.unwrap();
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
    let order = scene.placed().await;
    let paid = scene.provider.desk().books.pay("order_0000", true);
    scene.say_paid("payment.captured", &paid).await.unwrap();
    assert_eq!(scene.order(&order).await.status, OrderStatus::Pending, "nobody knows that name yet");
    scene.later().await;
    scene.later().await;
    let paid = scene.order(&order).await;
    assert_eq!((paid.status, paid.payment.captured.minor), (OrderStatus::Confirmed, PRICE));
}

#[tokio::test]
async fn messages_that_lie_confirm_nothing() {
    let scene = open(Capture::Automatic).await;
    let order = scene.placed().await;
    let named = order.payment.attempts[0].reference.clone().unwrap();
    let paid = |amount: i64, currency: &str, order: Option<&str>| json!({"id": "pay_9", "amount": amount, "currency": currency, "status": "captured", "captured": true, "order_id": order});
    let lies = [
        paid(100, "INR", Some(&named)),
        paid(PRICE + 1, "INR", Some(&named)),
        paid(PRICE, "USD", Some(&named)),
        paid(PRICE, "INR", Some("order_9999")),
        paid(PRICE, "INR", None),
    ];
    for lie in lies {
        scene.say_paid("payment.captured", &lie).await.unwrap();
    }
    // Right in all but that nothing was paid; while nobody can be asked, it is to come again.
    scene.provider.desk().broken = Some(503);
    let whole = paid(PRICE, "INR", Some(&named));
    let silent = scene.say_paid("payment.captured", &whole).await.unwrap_err();
    assert_eq!(silent.class(), commerce_core::error::ErrorClass::Unavailable, "{silent}");
    scene.provider.desk().broken = None;
    scene.say_paid("payment.captured", &whole).await.unwrap();
    assert_eq!(scene.order(&order).await.status, OrderStatus::Pending);
    let body = json!({"event": "payment.captured", "payload": {"payment": {"entity": scene.pay(&order, true)}}});
    let body = body.to_string();
    let signature = sign(body.as_bytes(), SECRET);
    let other = sign(body.as_bytes(), "another shop's");
    let spaced = body.replace(':', ": ");
    for (signature, body) in
        [(None, &body), (Some("00"), &body), (Some("nothing"), &body), (Some(other.as_str()), &body), (Some(&signature), &spaced)]
    {
        let refused = scene.shop.orders.webhook("razorpay", signature, body.as_bytes()).await.unwrap_err();
        assert_eq!(refused.code(), "BAD_SIGNATURE");
    }
    assert_eq!(scene.order(&order).await.status, OrderStatus::Pending);
    scene.hear(&body, SECRET_BEFORE).await.unwrap();
    assert_eq!(scene.order(&order).await.status, OrderStatus::Confirmed, "the secret before is believed while it is kept");
}

#[tokio::test]
async fn a_refusal_that_is_not_about_the_payment_declines_nothing() {
    let scene = open(Capture::Automatic).await;
    scene.provider.desk().books.locked = true;
    let order = scene.placed().await;
    assert_eq!(order.payment.status(), PaymentStatus::Unknown);
    scene.provider.desk().books.locked = false;
    scene.later().await;
    assert_eq!(scene.order(&order).await.payment.status(), PaymentStatus::Pending);
}

#[tokio::test]
async fn answers_that_are_none_are_asked_for_again() {
    let scene = open(Capture::Automatic).await;
    for (status, padding) in [(200, 0), (302, 0), (404, 0), (200, 2 << 20)] {
        {
            let mut desk = scene.provider.desk();
            (desk.broken, desk.padding) = (Some(status), padding);
        }
        let order = scene.placed().await;
        assert_eq!(order.payment.status(), PaymentStatus::Unknown, "{status}");
        {
            let mut desk = scene.provider.desk();
            (desk.broken, desk.padding) = (None, 0);
        }
        scene.later().await;
        assert_eq!(scene.order(&order).await.payment.status(), PaymentStatus::Pending);
    }
}

#[tokio::test]
async fn a_provider_that_is_down_is_left_alone_and_others_sell() {
    let scene = open(Capture::Automatic).await;
    scene.provider.desk().broken = Some(503);
    for _ in 0..8 {
        assert_eq!(scene.placed().await.status, OrderStatus::Pending);
    }
    assert_eq!(scene.provider.desk().calls.len(), 5, "after five failures nobody calls");
    assert_eq!(scene.buy(PaymentMethod::Cod, None).await.status, OrderStatus::Confirmed);
}

/// Over the wire, with a customer who does in the checkout what the sandbox's tokens say.
struct Attended {
    razorpay: Razorpay,
    provider: Local<Ledger>,
}

#[async_trait]
impl Acted for Attended {
    fn gateway(&self) -> &dyn PaymentGateway {
        &self.razorpay
    }

    async fn charge(&self, attempt: &Attempt) -> ProviderAnswer {
        self.provider.desk().mute = u32::from(is_lost(attempt));
        let answer = self.razorpay.charge(attempt).await;
        let works = match attempt.token.as_deref() {
            Some("tok_pending") | None => return answer,
            Some("tok_ok" | "tok_timeout_then_ok") => true,
            Some(_) => false,
        };
        {
            let books = &mut self.provider.desk().books;
            let receipt = attempt.id.to_string();
            let order = books.orders.iter().find(|it| it["receipt"] == receipt.as_str()).unwrap();
            if order["attempts"] == 0 && order["notes"].get("givenUp").is_none() {
                let id = order["id"].as_str().unwrap().to_owned();
                books.pay(&id, works);
            }
        }
        if answer.fact == PaymentFact::NoAnswer { answer } else { self.razorpay.query(attempt).await }
    }
}

#[tokio::test]
async fn it_keeps_what_gateways_promise() {
    conformance::remote_gateway(async || {
        let (base, provider) = Local::open(Ledger::default()).await;
        Made::<dyn PaymentGateway>::new(Arc::new(InTokens(Attended { razorpay: dial(&base), provider })))
    })
    .await;
}
