//! Stripe: payment intents, refunds and webhooks as its API reference publishes them (version [`VERSION`]).
//!
//! An attempt is one payment intent, known to Stripe by the attempt's id: as the idempotency key of its creation and in its
//! metadata. Stripe keeps keys for a day; whatever is older is looked for by its metadata before anything is sent again. Amounts are in
//! the smallest unit of their currency, as ours are.

mod ledger;

use std::sync::Arc;

use async_trait::async_trait;
use commerce_core::error::Outcome;
use commerce_core::money::{Currency, Money};
use commerce_core::orders::{
    Attempt, AttemptState, NextAction, PaymentFact, PaymentGateway, PaymentMethod, ProviderAnswer, ProviderEvent,
    ProviderEventState, ProviderFact, Refund, RefundAnswer, provider_name, read_message, unreadable,
};
use commerce_core::time::Timestamp;
use reqwest::Method;
use serde::Deserialize;

use super::line::{Body, Call, Line, Said, encoded, read};
use super::signature::{Signed, check};
use crate::watch::Watch;

/// The version of the API that is spoken.
const VERSION: &str = "2024-06-20";
/// The header of Stripe's idempotency keys.
const KEY: &str = "Idempotency-Key";

/// The provider.
pub struct Stripe {
    line: Line,
    webhook_secret: String,
    return_url: String,
}

/// A payment intent, as far as it is read.
#[derive(Debug, Deserialize)]
struct Intent {
    id: String,
    amount: i64,
    #[serde(default)]
    amount_received: i64,
    currency: String,
    status: String,
    last_payment_error: Option<Failure>,
    next_action: Option<Action>,
}

#[derive(Debug, Deserialize)]
struct Failure {
    code: Option<String>,
    decline_code: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Action {
    redirect_to_url: Option<Redirect>,
    upi_handle_redirect_or_display_qr_code: Option<Hosted>,
}

#[derive(Debug, Deserialize)]
struct Redirect {
    url: String,
}

#[derive(Debug, Deserialize)]
struct Hosted {
    hosted_instructions_url: String,
}

/// Why Stripe refused, with the intent as it then is.
#[derive(Debug, Deserialize)]
struct Refused {
    error: RefusedError,
}

#[derive(Debug, Deserialize)]
struct RefusedError {
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<String>,
    decline_code: Option<String>,
    payment_intent: Option<Intent>,
}

impl RefusedError {
    fn is_about_the_payment(&self) -> bool {
        matches!(self.kind.as_deref(), Some("card_error" | "invalid_request_error"))
    }
}

#[derive(Debug, Deserialize)]
struct Page<T> {
    data: Vec<T>,
}

#[derive(Debug, Deserialize)]
struct Returned {
    id: String,
    amount: i64,
    currency: String,
    status: Option<String>,
    failure_reason: Option<String>,
    #[serde(default)]
    metadata: std::collections::BTreeMap<String, String>,
}

/// A message of Stripe.
#[derive(Debug, Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    data: EventData,
}

#[derive(Debug, Deserialize)]
struct EventData {
    object: serde_json::Value,
}

impl Stripe {
    /// Its name as a provider.
    pub const NAME: &'static str = "stripe";

    /// With its secret key, the secret of its webhooks, and where customers come back to. `base` is
    /// `https://api.stripe.com` but in tests.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(base: &str, secret_key: &str, webhook_secret: &str, return_url: &str) -> std::io::Result<Self> {
        let line = Line::new(base, secret_key, Some(""))?.with_header("Stripe-Version", VERSION);
        Ok(Self { line, webhook_secret: webhook_secret.to_owned(), return_url: return_url.to_owned() })
    }

    /// The breaker before it.
    #[must_use]
    pub fn watch(&self) -> Arc<dyn Watch> {
        self.line.watch(Self::NAME)
    }

    async fn get(&self, path: &str) -> Said {
        self.line.call(Call { method: Method::GET, path, key: None, body: Body::Nothing }).await
    }

    async fn post(&self, path: &str, key: String, form: Vec<(&'static str, String)>) -> Said {
        self.line.call(Call { method: Method::POST, path, key: Some((KEY, key)), body: Body::Form(form) }).await
    }

    /// The intent of an attempt: by its name, else by its metadata, which Stripe finds within a minute.
    async fn intent(&self, attempt: &Attempt) -> Result<Option<Intent>, ()> {
        if let Some(reference) = &attempt.reference {
            let said = self.get(&format!("/v1/payment_intents/{}", encoded(reference))).await;
            return said.done().map(Some).ok_or(());
        }
        let query = encoded(&format!("metadata['attempt']:'{}'", attempt.id));
        let said = self.get(&format!("/v1/payment_intents/search?limit=1&query={query}")).await;
        let found: Page<Intent> = said.done().ok_or(())?;
        Ok(found.data.into_iter().next())
    }

    /// What became of a call about an intent.
    fn answered(said: &Said, attempt: &Attempt) -> ProviderAnswer {
        match said {
            Said::Done(body) => read(body).map_or_else(no_answer, |intent: Intent| answer(&intent)),
            // It does not take the shop for who it is.
            Said::Refused(status, _) if matches!(status.as_u16(), 401 | 403) => no_answer(),
            Said::Refused(_, body) => match read::<Refused>(body).map(|refused| refused.error) {
                Some(RefusedError { payment_intent: Some(intent), .. }) => answer(&intent),
                // Whatever else is wrong, the key's or ours, says nothing of the money.
                Some(error) if attempt.reference.is_none() && error.is_about_the_payment() => {
                    let code = error.decline_code.or(error.code).unwrap_or_else(|| "refused".to_owned());
                    ProviderAnswer { fact: PaymentFact::Declined { code }, reference: None }
                }
                Some(_) | None => no_answer(),
            },
            Said::Nothing => no_answer(),
        }
    }

    async fn create(&self, attempt: &Attempt) -> ProviderAnswer {
        let later = attempt.to_capture.is_none();
        let mut form = vec![
            ("amount", attempt.amount.minor.to_string()),
            ("currency", attempt.amount.currency.code().to_lowercase()),
            ("capture_method", if later { "manual" } else { "automatic" }.to_owned()),
            ("metadata[attempt]", attempt.id.to_string()),
            ("confirm", "true".to_owned()),
            ("return_url", self.return_url.clone()),
        ];
        match attempt.method {
            PaymentMethod::Upi => form.push(("payment_method_types[]", "upi".to_owned())),
            PaymentMethod::Card | PaymentMethod::NetBanking | PaymentMethod::Cod | PaymentMethod::Wallet => {
                form.push(("payment_method_types[]", "card".to_owned()));
            }
        }
        if let Some(token) = &attempt.token {
            form.push(("payment_method", token.clone()));
        }
        Self::answered(&self.post("/v1/payment_intents", attempt.id.to_string(), form).await, attempt)
    }

    /// A refund that was sent before, if one was.
    async fn sent_before(&self, refund: &Refund, intent: &str) -> Result<Option<Returned>, ()> {
        let said = self.get(&format!("/v1/refunds?limit=100&payment_intent={}", encoded(intent))).await;
        let page: Page<Returned> = said.done().ok_or(())?;
        let id = refund.id.to_string();
        Ok(page.data.into_iter().find(|known| known.metadata.get("refund") == Some(&id)))
    }
}

fn no_answer() -> ProviderAnswer {
    ProviderAnswer { fact: PaymentFact::NoAnswer, reference: None }
}

fn money(minor: i64, currency: &str) -> Option<Money> {
    let currency: Currency = currency.to_uppercase().parse().ok()?;
    Some(Money::new(minor, currency))
}

/// What an intent comes to (`status` of the Payment Intents API).
fn answer(intent: &Intent) -> ProviderAnswer {
    let failure = intent.last_payment_error.as_ref();
    let fact = match intent.status.as_str() {
        "succeeded" => money(intent.amount_received, &intent.currency).map(|amount| PaymentFact::Captured { amount }),
        "requires_capture" => money(intent.amount, &intent.currency).map(|amount| PaymentFact::Authorized { amount }),
        "canceled" => Some(PaymentFact::Voided),
        "requires_payment_method" => {
            let code = failure.and_then(|failure| failure.decline_code.clone().or_else(|| failure.code.clone()));
            Some(PaymentFact::Declined { code: code.unwrap_or_else(|| "payment_failed".to_owned()) })
        }
        "requires_action" | "requires_confirmation" | "processing" => {
            Some(PaymentFact::Pending { next_action: intent.next_action.as_ref().and_then(next_action) })
        }
        other => {
            tracing::error!(status = other, "Stripe has a status that nobody knows");
            None
        }
    };
    ProviderAnswer { fact: fact.unwrap_or(PaymentFact::NoAnswer), reference: Some(intent.id.clone()) }
}

fn next_action(action: &Action) -> Option<NextAction> {
    if let Some(Redirect { url }) = &action.redirect_to_url {
        return Some(NextAction { kind: "redirect".to_owned(), url: url.clone() });
    }
    let upi = action.upi_handle_redirect_or_display_qr_code.as_ref()?;
    Some(NextAction { kind: "upi_intent".to_owned(), url: upi.hosted_instructions_url.clone() })
}

fn refunded(returned: Returned) -> RefundAnswer {
    match returned.status.as_deref() {
        Some("succeeded") => RefundAnswer::Succeeded { reference: returned.id },
        Some("failed" | "canceled") => {
            RefundAnswer::Failed { code: returned.failure_reason.unwrap_or_else(|| "failed".to_owned()) }
        }
        _ => RefundAnswer::Pending,
    }
}

#[async_trait]
impl PaymentGateway for Stripe {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn takes(&self, method: PaymentMethod) -> bool {
        match method {
            PaymentMethod::Card | PaymentMethod::Upi => true,
            PaymentMethod::NetBanking | PaymentMethod::Cod | PaymentMethod::Wallet => false,
        }
    }

    async fn charge(&self, attempt: &Attempt) -> ProviderAnswer {
        let Some(amount) = attempt.to_capture.filter(|_| attempt.state == AttemptState::Authorized) else {
            return self.create(attempt).await;
        };
        let Some(reference) = &attempt.reference else { return self.query(attempt).await };
        let path = format!("/v1/payment_intents/{}/capture", encoded(reference));
        let form = vec![("amount_to_capture", amount.minor.to_string())];
        match self.post(&path, format!("{}-capture", attempt.id), form).await {
            // It is no promise any more: what it is says the intent.
            said @ (Said::Done(_) | Said::Refused(..)) => {
                let answer = Self::answered(&said, attempt);
                if answer.fact == PaymentFact::NoAnswer { self.query(attempt).await } else { answer }
            }
            Said::Nothing => no_answer(),
        }
    }

    async fn query(&self, attempt: &Attempt) -> ProviderAnswer {
        match self.intent(attempt).await {
            Ok(Some(intent)) => answer(&intent),
            Ok(None) => ProviderAnswer { fact: PaymentFact::Unheard, reference: None },
            Err(()) => no_answer(),
        }
    }

    async fn void(&self, attempt: &Attempt) -> ProviderAnswer {
        let intent = match self.intent(attempt).await {
            Ok(Some(intent)) => intent,
            Ok(None) => return ProviderAnswer { fact: PaymentFact::Unheard, reference: None },
            Err(()) => return no_answer(),
        };
        if matches!(intent.status.as_str(), "succeeded" | "canceled") {
            return answer(&intent);
        }
        let path = format!("/v1/payment_intents/{}/cancel", encoded(&intent.id));
        let said = self.post(&path, format!("{}-cancel", attempt.id), Vec::new()).await;
        Self::answered(&said, &Attempt { reference: Some(intent.id), ..attempt.clone() })
    }

    async fn refund(&self, refund: &Refund, attempt: &Attempt) -> RefundAnswer {
        let Some(intent) = &attempt.reference else { return RefundAnswer::NoAnswer };
        if refund.checks > 0 {
            match self.sent_before(refund, intent).await {
                Ok(Some(known)) => return refunded(known),
                Ok(None) => {}
                Err(()) => return RefundAnswer::NoAnswer,
            }
        }
        let form = vec![
            ("payment_intent", intent.clone()),
            ("amount", refund.amount.minor.to_string()),
            ("metadata[refund]", refund.id.to_string()),
        ];
        match self.post("/v1/refunds", refund.id.to_string(), form).await {
            Said::Done(body) => read(&body).map_or(RefundAnswer::NoAnswer, refunded),
            Said::Refused(status, body) if status.as_u16() == 400 => {
                let error = read::<Refused>(&body).map(|refused| refused.error);
                RefundAnswer::Failed { code: error.and_then(|error| error.code).unwrap_or_else(|| "refused".to_owned()) }
            }
            Said::Refused(..) | Said::Nothing => RefundAnswer::NoAnswer,
        }
    }

    fn webhook(&self, signature: Option<&str>, body: &[u8], now: Timestamp) -> Outcome<ProviderEvent> {
        check(&self.webhook_secret, Signed { header: signature.unwrap_or_default(), body }, now)?;
        let event: Event = read_message(body)?;
        let (reference, fact) = said(&event).map_err(|error| unreadable(&error))?;
        Ok(ProviderEvent {
            provider: Self::NAME.to_owned(),
            event_id: provider_name("id", event.id)?,
            reference,
            fact,
            state: ProviderEventState::Applied,
            at: now,
        })
    }
}

/// What a message is about, and what it says: an intent's own status, whatever the message is called, so that one that is late
/// says what was true when it was sent.
fn said(event: &Event) -> serde_json::Result<(String, ProviderFact)> {
    if event.kind.starts_with("payment_intent.") {
        let intent: Intent = serde_json::from_value(event.data.object.clone())?;
        let answer = answer(&intent);
        let fact = match answer.fact {
            PaymentFact::NoAnswer => ProviderFact::Other,
            // An intent that nobody has tried to pay is not declined.
            PaymentFact::Declined { .. } if event.kind != "payment_intent.payment_failed" => ProviderFact::Other,
            fact => ProviderFact::Payment(fact),
        };
        return Ok((intent.id, fact));
    }
    if matches!(event.kind.as_str(), "refund.created" | "refund.updated" | "charge.refund.updated") {
        let returned: Returned = serde_json::from_value(event.data.object.clone())?;
        let amount = money(returned.amount, &returned.currency).filter(|_| returned.status.as_deref() == Some("succeeded"));
        return Ok((returned.id, amount.map_or(ProviderFact::Other, ProviderFact::RefundSucceeded)));
    }
    Ok((String::new(), ProviderFact::Other))
}
