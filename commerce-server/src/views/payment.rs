//! How orders are paid: payments, the tries to pay, refunds.

use commerce_core::ids::{AttemptId, PaymentId, RefundId};
use commerce_core::orders::{NextAction, Payment, PaymentMethod, PaymentStatus, Refund, RefundState, ShipmentLine, Try};
use commerce_core::{Money, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schema::MoneySchema;
use super::shipment::ShipmentLineSchema;

/// What an order asks to be paid and what came of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Payment)]
pub struct PaymentView {
    #[schema(value_type = String, format = Uuid)]
    id: PaymentId,
    #[schema(value_type = String, example = "UPI")]
    method: PaymentMethod,
    #[schema(value_type = String, example = "CAPTURED")]
    status: PaymentStatus,
    #[schema(value_type = MoneySchema)]
    amount: Money,
    #[schema(value_type = MoneySchema)]
    authorized: Money,
    #[schema(value_type = MoneySchema)]
    captured: Money,
    #[schema(value_type = MoneySchema)]
    refunded: Money,
    /// The provider's name for what pays it now; none for cash.
    provider_reference: Option<String>,
    /// Why it was declined, while it is FAILED.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_code: Option<String>,
    /// How often it was tried.
    attempts: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<NextActionSchema>)]
    next_action: Option<NextAction>,
}

/// Where the customer must go on.
#[derive(Serialize, ToSchema)]
#[schema(as = NextAction)]
pub struct NextActionSchema {
    /// `redirect` or `upi_intent`.
    r#type: String,
    url: String,
}

impl From<&Payment> for PaymentView {
    fn from(payment: &Payment) -> Self {
        let (paying, status) = (payment.paying(), payment.status());
        let failed = paying.filter(|_| status == PaymentStatus::Failed);
        Self {
            id: payment.id,
            method: payment.method,
            status,
            amount: payment.amount,
            authorized: Money::new(payment.authorized(), payment.amount.currency),
            captured: payment.captured,
            refunded: payment.refunded,
            provider_reference: paying.and_then(|attempt| attempt.reference.clone()),
            failure_code: failed.and_then(|attempt| attempt.failure_code.clone()),
            attempts: payment.attempts.len(),
            next_action: payment.open_attempt().and_then(|attempt| attempt.next_action.clone()),
        }
    }
}

/// One try to collect, or the cash of an order that is paid on delivery.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PaymentAttempt)]
pub struct TryView {
    #[schema(value_type = String, format = Uuid)]
    id: AttemptId,
    /// Through whom; `cash` for the courier.
    provider: String,
    #[schema(value_type = String, example = "UPI")]
    method: PaymentMethod,
    #[schema(value_type = String, example = "FAILED")]
    status: PaymentStatus,
    #[schema(value_type = MoneySchema)]
    amount: Money,
    #[schema(value_type = MoneySchema)]
    authorized: Money,
    #[schema(value_type = MoneySchema)]
    captured: Money,
    #[schema(value_type = MoneySchema)]
    refunded: Money,
    provider_reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_code: Option<String>,
    /// One: it is this one.
    attempts: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<NextActionSchema>)]
    next_action: Option<NextAction>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Try> for TryView {
    fn from(it: Try) -> Self {
        Self {
            id: it.id,
            provider: it.provider,
            method: it.method,
            status: it.status,
            amount: it.amount,
            authorized: it.authorized,
            captured: it.captured,
            refunded: it.refunded,
            provider_reference: it.reference,
            failure_code: it.failure_code,
            attempts: 1,
            next_action: it.next_action,
            created_at: it.created_at,
        }
    }
}

/// Money on its way back.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Refund)]
pub struct RefundView {
    #[schema(value_type = String, format = Uuid)]
    id: RefundId,
    #[schema(value_type = MoneySchema)]
    amount: Money,
    #[schema(value_type = String, example = "SUCCEEDED")]
    status: RefundState,
    reason: String,
    /// The units it is for, where it gives back what they cost.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<ShipmentLineSchema>)]
    lines: Vec<ShipmentLine>,
    provider_reference: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Refund> for RefundView {
    fn from(refund: Refund) -> Self {
        Self {
            id: refund.id,
            amount: refund.amount,
            status: refund.state,
            reason: refund.reason,
            lines: refund.lines,
            provider_reference: refund.reference,
            created_at: refund.created_at,
        }
    }
}

/// How it is to be paid.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewPayment)]
pub struct PaymentBody {
    /// UPI, CARD, `NET_BANKING`, COD or WALLET.
    #[schema(value_type = String, example = "UPI")]
    pub method: PaymentMethod,
    /// What the provider gave the customer's browser.
    #[serde(default)]
    pub token: Option<String>,
}

/// How much of a promise is meant.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = PromiseAmount)]
pub struct PromiseBody {
    /// Left out: all of it.
    #[serde(default)]
    #[schema(value_type = Option<MoneySchema>)]
    pub amount: Option<Money>,
}
