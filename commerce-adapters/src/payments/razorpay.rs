//! Razorpay: orders, payments, refunds and webhooks as its API reference publishes them (version 1).
//!
//! An attempt is one order there, known by the attempt's id as its receipt. The customer pays it in Razorpay's own checkout, in
//! as many tries as she needs; one try at most is captured. Orders have no idempotency key, so an attempt is looked for by its
//! receipt before one is made, and of two that were made at once the older one counts: none of them moves money. Amounts are in
//! the smallest unit of their currency, as ours are. Start reading at [`Razorpay::charge`](PaymentGateway::charge).
//!
//! Razorpay has no call that gives a promise back: an order that is given up is marked so in its notes and never captured, and the
//! money goes back by itself after [`PROMISED_MINUTES`]. Nor does it capture in part.

mod ledger;
mod words;

use std::sync::Arc;

use async_trait::async_trait;
use commerce_core::error::{Outcome, Refusal};
use commerce_core::orders::{
    Attempt, NextAction, PaymentFact, PaymentGateway, PaymentMethod, ProviderAnswer, ProviderEvent, ProviderEventState, Refund,
    RefundAnswer, read_message,
};
use commerce_core::time::Timestamp;
use hmac::{Hmac, Mac};
use reqwest::Method;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::line::{Body, Call, Line, Said, encoded, read};
use crate::watch::Watch;
use words::{Collection, Event, Order, Payment, Refused, Returned};

/// The header of the key under which a refund is sent once.
const REFUND_KEY: &str = "X-Refund-Idempotency";
/// Minutes within which what the customer pays is captured by Razorpay: as long as an order waits for its money, its grace
/// included. What is authorised later waits for us.
const AUTOMATIC_MINUTES: u32 = 25;
/// Minutes for which Razorpay keeps a promise that nobody captures; the most that it takes: five days.
const PROMISED_MINUTES: u32 = 7_200;
/// The note by which an order is known as given up.
const GIVEN_UP: &str = "givenUp";

/// The provider.
pub struct Razorpay {
    line: Line,
    webhook_secrets: Vec<String>,
    pay_url: String,
}

/// What a shop has with Razorpay.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    /// The key's id, which pages may say.
    pub key_id: &'a str,
    /// The key's secret.
    pub key_secret: &'a str,
    /// The secrets of its webhooks: the present one, and the one before while messages signed with it still come.
    pub webhook_secrets: &'a [&'a str],
}

impl Razorpay {
    /// Its name as a provider.
    pub const NAME: &'static str = "razorpay";

    /// With an account, and the page on which customers go on to pay. `base` is `https://api.razorpay.com` but in tests.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(base: &str, account: Account<'_>, pay_url: &str) -> std::io::Result<Self> {
        let line = Line::new(base, account.key_id, Some(account.key_secret))?;
        let webhook_secrets = account.webhook_secrets.iter().map(|&secret| secret.to_owned()).collect();
        Ok(Self { line, webhook_secrets, pay_url: pay_url.to_owned() })
    }

    /// The breaker before it.
    #[must_use]
    pub fn watch(&self) -> Arc<dyn Watch> {
        self.line.watch(Self::NAME)
    }

    async fn get(&self, path: &str) -> Said {
        self.line.call(Call { method: Method::GET, path, key: None, body: Body::Nothing }).await
    }

    async fn send(&self, method: Method, path: &str, body: serde_json::Value) -> Said {
        self.line.call(Call { method, path, key: None, body: Body::Json(body) }).await
    }

    /// The order of an attempt with its payments: the one that the attempt names, else the oldest.
    async fn find(&self, attempt: &Attempt) -> Result<Option<Order>, ()> {
        let path = format!("/v1/orders?receipt={}&count=100&expand[]=payments", encoded(&attempt.id.to_string()));
        let found: Collection<Order> = self.get(&path).await.done().ok_or(())?;
        let receipt = attempt.id.to_string();
        let ours = found.items.into_iter().filter(|it| it.receipt.as_deref() == Some(receipt.as_str()));
        let named = |it: &Order| attempt.reference.as_ref().is_none_or(|reference| *reference == it.id);
        Ok(ours.filter(named).min_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id))))
    }

    async fn create(&self, attempt: &Attempt) -> ProviderAnswer {
        let how = if attempt.to_capture.is_none() { "manual" } else { "automatic" };
        let order = json!({
            "amount": attempt.amount.minor,
            "currency": attempt.amount.currency.code(),
            "receipt": attempt.id.to_string(),
            "notes": { "attempt": attempt.id.to_string() },
            "payment": {
                "capture": how,
                "capture_options": {
                    "automatic_expiry_period": AUTOMATIC_MINUTES,
                    "manual_expiry_period": PROMISED_MINUTES,
                    "refund_speed": "normal",
                },
            },
        });
        match self.send(Method::POST, "/v1/orders", order).await {
            // A twin may have made one as well; both then take the same.
            Said::Done(_) => match self.find(attempt).await {
                Ok(Some(order)) => self.answer(&order),
                Ok(None) | Err(()) => NO_ANSWER,
            },
            Said::Refused(status, body) if status.as_u16() == 400 => {
                let code = read::<Refused>(&body).map_or_else(|| "refused".to_owned(), Refused::code);
                ProviderAnswer { fact: PaymentFact::Declined { code }, reference: None }
            }
            Said::Refused(..) | Said::Nothing => NO_ANSWER,
        }
    }

    /// Takes what is promised for an order, if this much is.
    async fn take(&self, order: &Order, attempt: &Attempt) -> ProviderAnswer {
        let promise = order.promise().filter(|it| it.money().is_some() && it.money() == attempt.to_capture);
        let Some(promise) = promise.filter(|_| !order.is_given_up()) else { return self.answer(order) };
        let path = format!("/v1/payments/{}/capture", encoded(&promise.id));
        let body = json!({ "amount": promise.amount, "currency": promise.currency });
        match self.send(Method::POST, &path, body).await {
            // Somebody else was quicker, or it lapsed: what is true then says the order.
            Said::Done(_) | Said::Refused(..) => self.query(attempt).await,
            Said::Nothing => NO_ANSWER,
        }
    }

    fn answer(&self, order: &Order) -> ProviderAnswer {
        let fact = order.fact(|| {
            let url = format!("{}?order={}", self.pay_url, encoded(&order.id));
            NextAction { kind: "redirect".to_owned(), url }
        });
        ProviderAnswer { fact, reference: Some(order.id.clone()) }
    }

    /// A refund that was sent before, if one was.
    async fn sent_before(&self, refund: &Refund, payment: &Payment) -> Result<Option<Returned>, ()> {
        let path = format!("/v1/payments/{}/refunds?count=100", encoded(&payment.id));
        let known: Collection<Returned> = self.get(&path).await.done().ok_or(())?;
        let receipt = refund.id.to_string();
        Ok(known.items.into_iter().find(|it| it.receipt.as_deref() == Some(receipt.as_str())))
    }
}

const NO_ANSWER: ProviderAnswer = ProviderAnswer { fact: PaymentFact::NoAnswer, reference: None };

#[async_trait]
impl PaymentGateway for Razorpay {
    fn is_asked_after_messages(&self) -> bool {
        true
    }

    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn takes(&self, method: PaymentMethod) -> bool {
        match method {
            PaymentMethod::Card | PaymentMethod::Upi | PaymentMethod::NetBanking => true,
            PaymentMethod::Cod | PaymentMethod::Wallet => false,
        }
    }

    fn takes_in_part(&self) -> bool {
        false
    }

    async fn charge(&self, attempt: &Attempt) -> ProviderAnswer {
        match self.find(attempt).await {
            Ok(Some(order)) => self.take(&order, attempt).await,
            Ok(None) => self.create(attempt).await,
            Err(()) => NO_ANSWER,
        }
    }

    async fn query(&self, attempt: &Attempt) -> ProviderAnswer {
        match self.find(attempt).await {
            Ok(Some(order)) => self.answer(&order),
            Ok(None) => ProviderAnswer { fact: PaymentFact::Unheard, reference: None },
            Err(()) => NO_ANSWER,
        }
    }

    async fn void(&self, attempt: &Attempt) -> ProviderAnswer {
        let order = match self.find(attempt).await {
            Ok(Some(order)) => order,
            Ok(None) => return ProviderAnswer { fact: PaymentFact::Unheard, reference: None },
            Err(()) => return NO_ANSWER,
        };
        if order.captured().is_some() || order.is_given_up() {
            return self.answer(&order);
        }
        let path = format!("/v1/orders/{}", encoded(&order.id));
        let notes = json!({ "notes": { "attempt": attempt.id.to_string(), GIVEN_UP: "yes" } });
        match self.send(Method::PATCH, &path, notes).await {
            // The customer may have paid in between.
            Said::Done(_) => self.query(&Attempt { reference: Some(order.id), ..attempt.clone() }).await,
            Said::Refused(..) | Said::Nothing => NO_ANSWER,
        }
    }

    async fn refund(&self, refund: &Refund, attempt: &Attempt) -> RefundAnswer {
        let Ok(Some(order)) = self.find(attempt).await else { return RefundAnswer::NoAnswer };
        let Some(payment) = order.captured() else { return RefundAnswer::NoAnswer };
        if refund.checks > 0 {
            match self.sent_before(refund, payment).await {
                Ok(Some(known)) => return known.answer(),
                Ok(None) => {}
                Err(()) => return RefundAnswer::NoAnswer,
            }
        }
        let path = format!("/v1/payments/{}/refund", encoded(&payment.id));
        let (amount, id) = (refund.amount.minor, refund.id.to_string());
        let body = Body::Json(json!({ "amount": amount, "speed": "normal", "receipt": &id, "notes": { "refund": &id } }));
        match self.line.call(Call { method: Method::POST, path: &path, key: Some((REFUND_KEY, id)), body }).await {
            Said::Done(body) => read::<Returned>(&body).map_or(RefundAnswer::NoAnswer, Returned::answer),
            Said::Refused(status, body) if status.as_u16() == 400 => {
                RefundAnswer::Failed { code: read::<Refused>(&body).map_or_else(|| "refused".to_owned(), Refused::code) }
            }
            Said::Refused(..) | Said::Nothing => RefundAnswer::NoAnswer,
        }
    }

    /// A message has no time that is signed, so age judges nothing: a repeat is known by what it says, and what it says of money
    /// that came in is asked for before it is believed. Its `X-Razorpay-Event-Id` is
    /// outside of the signature and could be anybody's, so the digest of the signed bytes stands in its place.
    fn webhook(&self, signature: Option<&str>, body: &[u8], now: Timestamp) -> Outcome<ProviderEvent> {
        let given = signature.and_then(|text| hex::decode(text).ok()).ok_or(Refusal::BadSignature)?;
        let signed = |secret: &String| {
            let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
            mac.chain_update(body).verify_slice(&given).is_ok()
        };
        if !self.webhook_secrets.iter().any(signed) {
            return Err(Refusal::BadSignature.into());
        }
        let event: Event = read_message(body)?;
        let (reference, fact) = event.said();
        Ok(ProviderEvent {
            provider: Self::NAME.to_owned(),
            event_id: hex::encode(Sha256::digest(body)),
            reference,
            fact,
            state: ProviderEventState::Applied,
            at: now,
        })
    }
}
