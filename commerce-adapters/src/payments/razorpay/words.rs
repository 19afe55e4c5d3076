//! What Razorpay says, as far as it is read, and what it means for an attempt.

use commerce_core::money::{Currency, Money};
use commerce_core::orders::{Entered, NextAction, PaymentFact, ProviderFact, RefundAnswer};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::GIVEN_UP;
use crate::payments::line::key;

#[derive(Debug, Deserialize)]
pub(super) struct Collection<T> {
    pub(super) items: Vec<T>,
}

impl<T> Default for Collection<T> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

/// An order, with the payments that were tried for it.
#[derive(Debug, Deserialize)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) receipt: Option<String>,
    /// An object; an empty list where there are none.
    #[serde(default)]
    notes: Value,
    /// Unix seconds.
    #[serde(default)]
    pub(super) created_at: i64,
    currency: String,
    /// What was captured for it.
    #[serde(default)]
    amount_paid: i64,
    #[serde(default)]
    payments: Collection<Payment>,
}

/// One try to pay an order.
#[derive(Debug, Deserialize)]
pub(super) struct Payment {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    status: String,
    /// Whether the money was taken, also if it went back since.
    captured: Option<bool>,
    pub(super) order_id: Option<String>,
    error_code: Option<String>,
    error_reason: Option<String>,
}

/// A refund.
#[derive(Debug, Deserialize)]
pub(super) struct Returned {
    pub(super) id: String,
    amount: i64,
    currency: String,
    status: Option<String>,
    pub(super) receipt: Option<String>,
    /// An object; an empty list where there are none.
    #[serde(default)]
    notes: Value,
    /// What it is of.
    pub(super) payment_id: Option<String>,
}

/// Why a call was refused.
#[derive(Debug, Deserialize)]
pub(super) struct Refused {
    error: RefusedError,
}

#[derive(Debug, Deserialize)]
struct RefusedError {
    code: Option<String>,
    reason: Option<String>,
}

/// A message.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    event: String,
    #[serde(default)]
    payload: Payload,
}

#[derive(Debug, Default, Deserialize)]
struct Payload {
    payment: Option<Entity<Payment>>,
    refund: Option<Entity<Returned>>,
}

#[derive(Debug, Deserialize)]
struct Entity<T> {
    entity: T,
}

/// The more telling of a reason and a code; `NA` is neither.
fn why(reason: Option<String>, code: Option<String>) -> Option<String> {
    [reason, code].into_iter().flatten().find(|text| !text.is_empty() && text != "NA")
}

fn money(minor: i64, currency: &str) -> Option<Money> {
    let currency: Currency = currency.parse().ok()?;
    Some(Money::new(minor, currency))
}

/// A key in a note.
fn noted(notes: &Value, name: &str) -> Option<Uuid> {
    notes.get(name).and_then(Value::as_str).and_then(key)
}

impl Refused {
    pub(super) fn code(self) -> String {
        why(self.error.reason, self.error.code).unwrap_or_else(|| "refused".to_owned())
    }
}

impl Payment {
    pub(super) fn money(&self) -> Option<Money> {
        money(self.amount, &self.currency)
    }

    /// Whether the money was taken.
    pub(super) fn is_captured(&self) -> bool {
        self.captured == Some(true) || self.status == "captured"
    }

    /// What this try alone comes to; none while it is under way.
    fn fact(&self) -> Option<PaymentFact> {
        if self.is_captured() {
            return self.money().map(|amount| PaymentFact::Captured { amount });
        }
        match self.status.as_str() {
            "authorized" => self.money().map(|amount| PaymentFact::Authorized { amount }),
            "failed" => {
                let code = why(self.error_reason.clone(), self.error_code.clone());
                Some(PaymentFact::Declined { code: code.unwrap_or_else(|| "payment_failed".to_owned()) })
            }
            // It was promised, nobody took it, and it went back by itself.
            "refunded" => Some(PaymentFact::Voided),
            "created" => None,
            other => {
                tracing::error!(status = other, "Razorpay has a status that nobody knows");
                None
            }
        }
    }
}

impl Order {
    /// The payment that was captured: one at most.
    pub(super) fn captured(&self) -> Option<&Payment> {
        self.payments.items.iter().find(|it| it.is_captured())
    }

    /// The payment that is promised.
    pub(super) fn promise(&self) -> Option<&Payment> {
        self.payments.items.iter().find(|it| it.status == "authorized" && !it.is_captured())
    }

    /// All that was captured for it: of one payment, unless a customer paid twice.
    fn taken(&self) -> Option<Money> {
        let captured = self.payments.items.iter().filter(|it| it.is_captured());
        let (mut sum, mut currency) = (0_i64, None);
        for payment in captured {
            (sum, currency) = (sum.saturating_add(payment.amount), Some(payment.currency.as_str()));
        }
        if sum == 0 {
            (sum, currency) = (self.amount_paid, Some(self.currency.as_str()));
        }
        currency.filter(|_| sum > 0).and_then(|currency| money(sum, currency))
    }

    /// What the ledger has of it.
    pub(super) fn entered(&self) -> Entered {
        let nowhere = || NextAction { kind: String::new(), url: String::new() };
        self.taken().map_or_else(|| Entered::from(&self.fact(nowhere)), Entered::Moved)
    }

    /// The attempt that it was made for.
    pub(super) fn key(&self) -> Option<Uuid> {
        self.receipt.as_deref().and_then(key).or_else(|| noted(&self.notes, "attempt"))
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.notes.get(GIVEN_UP).is_some()
    }

    /// What an order comes to: the furthest that any try got. One that is given up is captured at most; while none was tried, or
    /// one is under way, it waits for the customer to go on.
    pub(super) fn fact(&self, go_on: impl Fn() -> NextAction) -> PaymentFact {
        if let Some(captured) = self.captured() {
            return captured.fact().unwrap_or(PaymentFact::NoAnswer);
        }
        if self.is_given_up() {
            return PaymentFact::Voided;
        }
        if let Some(promise) = self.promise() {
            return promise.fact().unwrap_or(PaymentFact::NoAnswer);
        }
        let facts: Option<Vec<PaymentFact>> = self.payments.items.iter().map(Payment::fact).collect();
        let waits = || PaymentFact::Pending { next_action: Some(go_on()) };
        facts.and_then(|facts| facts.into_iter().next()).unwrap_or_else(waits)
    }
}

impl Returned {
    /// What the ledger has of it.
    pub(super) fn entered(&self) -> Entered {
        match self.status.as_deref() {
            Some("processed") => money(self.amount, &self.currency).map_or(Entered::Open, Entered::Moved),
            Some("failed") => Entered::Nothing,
            Some(_) | None => Entered::Open,
        }
    }

    /// The refund that it was sent for.
    pub(super) fn key(&self) -> Option<Uuid> {
        self.receipt.as_deref().and_then(key).or_else(|| noted(&self.notes, "refund"))
    }

    pub(super) fn answer(self) -> RefundAnswer {
        match self.status.as_deref() {
            Some("processed") => RefundAnswer::Succeeded { reference: self.id },
            Some("failed") => RefundAnswer::Failed { code: "refund_failed".to_owned() },
            _ => RefundAnswer::Pending,
        }
    }
}

impl Event {
    /// What it is about, and what it says: a payment's own status, whatever the message is called, so that one that is late says
    /// what was true when it was sent. A payment outside of our orders is nobody's.
    pub(super) fn said(self) -> (String, ProviderFact) {
        let Payload { payment, refund } = self.payload;
        let said = if self.event == "refund.processed" {
            refund.and_then(|Entity { entity }| {
                let amount = money(entity.amount, &entity.currency);
                let amount = amount.filter(|_| entity.status.as_deref() == Some("processed"));
                Some((entity.id, ProviderFact::RefundSucceeded(amount?)))
            })
        } else if self.event.starts_with("payment.") || self.event == "order.paid" {
            payment.and_then(|Entity { entity }| {
                let fact = entity.fact()?;
                Some((entity.order_id?, ProviderFact::Payment(fact)))
            })
        } else {
            None
        };
        said.unwrap_or((String::new(), ProviderFact::Other))
    }
}
